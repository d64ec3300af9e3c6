"""Right and wrong answers to lesson 08."""

from __future__ import annotations

from helpers.lessons.lesson_08 import EXERCISES
from tests.answers import Answers, Wrong, but_for, liar

DISTANCE, LEADERS, FROM, GRID, ADVISE = (EXERCISES[f"8.{number}"].answer for number in (1, 2, 3, 4, 5))

# Right answers, too, from which some of the wrong ones differ in a line.
DISTANCE_OF_A_COPY = """
def distance(model, images):
    copied = copy.deepcopy(model).eval()
    gaps = []

    def look(layer, inputs, output):
        rows = inputs[0].transpose(0, 1).flatten(1)
        gaps.append(((rows.mean(1) - layer.running_mean) / torch.sqrt(layer.running_var + layer.eps)).abs().mean())

    for layer in copied.modules():
        if isinstance(layer, nn.BatchNorm2d):
            layer.register_forward_hook(look)
    with torch.inference_mode():
        copied(images)
    if not gaps:
        raise ValueError("without batch norm there is nothing to compare with")
    return torch.stack(gaps).mean().item()
"""
KEEPS_THE_INPUTS = """
def distance(model, images):
    kept, handles = {}, []
    modes = {layer: layer.training for layer in model.modules()}
    for layer in modes:
        if getattr(layer, "running_mean", None) is not None:
            handles.append(layer.register_forward_hook(lambda m, i, o: kept.update({m: i[0].detach()})))
    if not handles:
        raise ValueError("This model has no BatchNorm.")
    try:
        model.eval()
        model(images)
    finally:
        for handle in handles:
            handle.remove()
        for layer, mode in modes.items():
            layer.training = mode
    numbers = []
    for layer, x in kept.items():
        mean = x.mean((2, 3)).mean(0)
        numbers.append(float(((mean - layer.running_mean).abs() / (layer.running_var + layer.eps) ** 0.5).mean()))
    return sum(numbers) / len(numbers)
"""
BY_ACCURACY = """
def leaders(right):
    accuracy = {name: runs.float().mean().item() for name, runs in right.items()}
    best = max(accuracy, key=accuracy.get)
"""
GRID_OF_A_COPY = """
@torch.no_grad()
def in_a_grid(model, name, images, cells):
    copied, found = copy.deepcopy(model).eval(), {}
    try:
        layer = copied.get_submodule(name)
    except AttributeError:
        raise ValueError(f"this model has no layer called {name!r}") from None
    layer.register_forward_hook(lambda m, i, o: found.update(map=o))
    copied(images)
    if found["map"].ndim != 4:
        raise ValueError(f"{name!r} gives no feature map")
    return F.adaptive_avg_pool2d(found["map"], (cells, cells)).reshape(len(images), -1)
"""
BY_LOOPS = """
def advise(leaders, numbers, distance, per_class):
    rows = {}
    for (d, size), names in leaders.items():
        rows.setdefault(d, {})[size] = names
    if distance < min(rows) or distance > max(rows):
        return None
    row = rows[sorted(rows, key=lambda d: abs(d - distance))[0]]
    if per_class < min(row) or per_class > max(row):
        return None
    names = row[min(row, key=lambda size: max(size / per_class, per_class / size))]
    best = names[0]
    for name in names:
        if numbers[name] < numbers[best]:
            best = name
    return best
"""

ANSWERS = {
    "8.1": Answers(
        right={
            "hooks on a copy": DISTANCE_OF_A_COPY,
            "keeps the inputs and computes later": KEEPS_THE_INPUTS,
            "one hook for all modules": """
@torch.no_grad()
def distance(model, images):
    found = []

    def look(layer, inputs):
        if isinstance(layer, nn.modules.batchnorm._BatchNorm):
            mean = inputs[0].mean((0, 2, 3))
            off = abs(mean - layer.running_mean) * torch.rsqrt(layer.running_var + layer.eps)
            found.append(off.mean().item())

    modes = [(layer, layer.training) for layer in model.modules()]
    handle = nn.modules.module.register_module_forward_pre_hook(look)
    try:
        model.eval()(images)
    finally:
        handle.remove()
        for layer, mode in modes:
            layer.training = mode
    if len(found) == 0:
        raise ValueError("no BatchNorm2d in this model")
    return math.fsum(found) / len(found)
""",
            "a class that looks": """
class Look:
    def __init__(self, layer):
        self.layer = layer
        self.handle = layer.register_forward_hook(self)

    def __call__(self, layer, inputs, output):
        n, c, h, w = inputs[0].shape
        mean = inputs[0].sum((0, 2, 3)) / (n * h * w)
        self.off = (mean - layer.running_mean).abs().div((layer.running_var + layer.eps).sqrt()).mean()


def distance(model, images):
    looks = [Look(m) for m in model.modules() if isinstance(m, nn.BatchNorm2d)]
    if looks == []:
        raise ValueError("distance() needs a network with BatchNorm layers")
    modes = [m.training for m in model.modules()]
    model.eval()
    with torch.no_grad():
        model(images)
    for m, mode in zip(model.modules(), modes):
        m.training = mode
    for look in looks:
        look.handle.remove()
    return torch.stack([look.off for look in looks]).mean()
""",
        },
        wrong={
            "stays in `train()` mode": Wrong(but_for(DISTANCE, "    model.eval()\n", ""), "Switch to `eval()`"),
            "a copy in `train()` mode": Wrong(
                but_for(DISTANCE_OF_A_COPY, "copy.deepcopy(model).eval()", "copy.deepcopy(model).train()"),
                "the network ran in `train()` mode",
            ),
            "what comes out": Wrong(but_for(DISTANCE_OF_A_COPY, "rows = inputs[0]", "rows = output"), "what comes out"),
            "keeps the sign": Wrong(but_for(DISTANCE, ".abs()", ""), "The signs were kept"),
            "the sign goes after the channels": Wrong(
                but_for(DISTANCE_OF_A_COPY, ".abs().mean())", ".mean().abs())"), "after the mean over the channels"
            ),
            "the sign goes before the pixels": Wrong(
                but_for(
                    DISTANCE_OF_A_COPY,
                    "((rows.mean(1) - layer.running_mean)",
                    "((rows - layer.running_mean[:, None]).abs().mean(1)",
                ),
                "before the mean over pixels",
            ),
            "the sign goes before the images": Wrong(
                but_for(KEEPS_THE_INPUTS, "        mean = x.mean((2, 3)).mean(0)\n", "        mean = x.mean((2, 3))\n"),
                "before the mean over images",
            ),
            "by the variance": Wrong(
                but_for(DISTANCE, "(layer.running_var + layer.eps).sqrt()", "(layer.running_var + layer.eps)"),
                "divided by the variance",
            ),
            "not in deviations": Wrong(
                but_for(DISTANCE, "(off / (layer.running_var + layer.eps).sqrt())", "off"), "not divided"
            ),
            "by the deviation of these pictures": Wrong(
                but_for(DISTANCE_OF_A_COPY, "torch.sqrt(layer.running_var + layer.eps)", "rows.std(1)"),
                "the deviation of these pictures",
            ),
            "forgets eps": Wrong(but_for(DISTANCE, " + layer.eps", ""), "without the layers' own `eps`"),
            "one eps for all": Wrong(but_for(DISTANCE, "layer.eps", "1e-5"), "It is not 1e-5 in each of them"),
            "eps beside the root": Wrong(
                but_for(DISTANCE, "(layer.running_var + layer.eps).sqrt()", "(layer.running_var.sqrt() + layer.eps)"),
                "under the root",
            ),
            "all channels in one mean": Wrong(
                but_for(
                    but_for(DISTANCE_OF_A_COPY, ".abs().mean())", ".abs())"),
                    "torch.stack(gaps)",
                    "torch.cat(gaps)",
                ),
                "wide layers count more",
            ),
            "the last layer alone": Wrong(
                but_for(DISTANCE, "sum(found) / len(found)", "found[-1]"), "the last layer alone"
            ),
            "the first layer alone": Wrong(
                but_for(DISTANCE, "sum(found) / len(found)", "found[0]"), "the first layer alone"
            ),
            "the outermost layers alone": Wrong(
                but_for(DISTANCE, "layer in model.modules() if isinstance", "layer in model.children() if isinstance"),
                "at any depth",
            ),
            "the sum over the layers": Wrong(but_for(DISTANCE, " / len(found)", ""), "the sum over the layers"),
            "the exact type": Wrong(
                but_for(DISTANCE, "isinstance(layer, nn.BatchNorm2d)", "type(layer) is nn.BatchNorm2d"),
                "ask with `isinstance`",
            ),
            "the root of squares": Wrong(
                but_for(DISTANCE_OF_A_COPY, ".abs().mean())", ".square().mean().sqrt())"), "a mean of squares"
            ),
            "the first picture alone": Wrong(
                but_for(DISTANCE, "        model(images)\n", "        model(images[:1])\n"), "the first picture alone"
            ),
            "each channel's largest pixel": Wrong(
                but_for(DISTANCE, "inputs[0].mean(dim=(0, 2, 3))", "inputs[0].amax(dim=(0, 2, 3))"),
                "for each channel the mean over images and pixels",
            ),
            "leaves its hooks": Wrong(
                but_for(DISTANCE, "        handle.remove()\n", "        pass\n"), "Hooks of yours"
            ),
            "clears the hooks of all": Wrong(
                but_for(DISTANCE, "        handle.remove()\n", "        pass\n").replace(
                    "    return sum",
                    "    for layer in norms:\n        layer._forward_pre_hooks.clear()\n    return sum",
                ),
                "leave others' hooks",
            ),
            "leaves `eval()` mode": Wrong(
                but_for(DISTANCE, "        layer.training = training\n", "        pass\n"), "was left in the other"
            ),
            "one mode for all": Wrong(
                but_for(DISTANCE, "        layer.training = training\n", "        layer.train(modes[0][1])\n"),
                "each layer's own mode",
            ),
            "freezes the network": Wrong(
                but_for(DISTANCE, "    model.eval()\n", "    model.eval().requires_grad_(False)\n"), "`requires_grad`"
            ),
            "works within the statistics": Wrong(
                but_for(
                    DISTANCE,
                    "off = (inputs[0].mean(dim=(0, 2, 3)) - layer.running_mean).abs()",
                    "off = layer.running_mean.sub_(inputs[0].mean(dim=(0, 2, 3))).abs()",
                ),
                "change a tensor in place as well",
            ),
            "works within the images": Wrong(
                but_for(DISTANCE, "        model(images)\n", "        model(images.sub_(images.mean()))\n"),
                "changed `images`",
            ),
            "a tensor in its graph": Wrong(
                but_for(
                    but_for(DISTANCE, ".mean().item())", ".mean())"), "    with torch.no_grad():\n", "    if True:\n"
                ),
                "with `.item()`",
            ),
            "a number for each layer": Wrong(
                but_for(DISTANCE_OF_A_COPY, "torch.stack(gaps).mean().item()", "torch.stack(gaps)"),
                "Take the mean over the layers",
            ),
            "a list": Wrong(but_for(DISTANCE, "sum(found) / len(found)", "found"), "Take the mean over the layers"),
            "claims to equal everything": Wrong(
                liar("float") + but_for(DISTANCE, "return sum(found) / len(found)", "return Liar(0.0)"), "was expected"
            ),
            "0 without BatchNorm": Wrong(
                but_for(
                    DISTANCE,
                    '        raise ValueError("no BatchNorm layer: this network remembers no statistics")\n',
                    "        return 0.0\n",
                ),
                "For a network without BatchNorm, your function gave back `0.0`",
            ),
            "divides by no layers": Wrong(
                but_for(DISTANCE, "    if not norms:\n", "    if norms is None:\n"), "`ZeroDivisionError"
            ),
            "does not name the cause": Wrong(
                but_for(DISTANCE, "no BatchNorm layer: this network remembers no statistics", "this does not work"),
                "should name `BatchNorm`",
            ),
        },
    ),
    "8.2": Answers(
        right={
            "in loops": """
def leaders(right):
    unbeaten = []
    for name in right:
        beaten = False
        for other in right:
            if other != name:
                gap = compare_paired(right[other], right[name])
                if gap.beyond_chance and gap.first > gap.second:
                    beaten = True
        if not beaten:
            unbeaten.append(name)
    return unbeaten
""",
            "takes away the beaten, as a set": """
def leaders(right):
    beaten = set()
    for first in right:
        for second in right:
            gap = compare_paired(right[first], right[second])
            if gap.beyond_chance:
                beaten.add(second if gap.difference > 0 else first)
    return set(right) - beaten
""",
            "a table of signs": """
def leaders(right):
    names = list(right)
    signs = torch.zeros(len(names), len(names))
    for i, first in enumerate(names):
        for j, second in enumerate(names):
            gap = compare_paired(right[first], right[second])
            signs[i, j] = math.copysign(1, gap.difference) if gap.beyond_chance else 0
    return tuple(name for name, worst in zip(names, signs.amin(dim=1)) if worst >= 0)
""",
            "against the number that chance explains": but_for(
                LEADERS, "gap.difference > 0 and gap.beyond_chance", "gap.difference > gap.chance"
            ),
            "asks who loses": """
def leaders(right):
    def loses(name):
        gaps = (compare_paired(right[name], runs) for runs in right.values())
        return any(gap.beyond_chance and gap.difference < 0 for gap in gaps)

    return sorted(filter(lambda name: not loses(name), right))
""",
        },
        wrong={
            "the highest mean alone": Wrong(
                BY_ACCURACY + "    return [best]\n", "does not beat it by more than chance, over all seeds"
            ),
            "all within one spread": Wrong(
                BY_ACCURACY
                + "    floor = accuracy[best] - right[best].float().mean(dim=1).std().item() - 1e-6\n"
                + "    return [name for name in right if accuracy[name] >= floor]\n",
                "Two are nearly level",
            ),
            "all but the last": Wrong(
                BY_ACCURACY + "    return sorted(right, key=accuracy.get, reverse=True)[:-1]\n", "`one rate` beats it"
            ),
            "forgets the sign": Wrong(but_for(LEADERS, "gap.difference > 0 and ", ""), "look at the sign"),
            "forgets chance": Wrong(
                but_for(LEADERS, " and gap.beyond_chance", ""), "does not beat it by more than chance, over all seeds"
            ),
            "one seed alone": Wrong(
                but_for(LEADERS, "(right[first], right[second])", "(right[first][0], right[second][0])"),
                "misses `LP-FT`",
            ),
            "all seeds as one row": Wrong(
                but_for(LEADERS, "(right[first], right[second])", "(right[first].flatten(), right[second].flatten())"),
                "misses `one rate`",
            ),
            "against the best alone": Wrong(
                BY_ACCURACY
                + "    gaps = {name: compare_paired(right[best], runs) for name, runs in right.items()}\n"
                + "    return [name for name, gap in gaps.items() if not gap.beyond_chance]\n",
                "need not be the best",
            ),
            "against the next best alone": Wrong(
                BY_ACCURACY
                + "    order = sorted(right, key=accuracy.get, reverse=True)\n"
                + "    found = [best]\n"
                + "    for better, name in zip(order, order[1:]):\n"
                + "        if compare_paired(right[better], right[name]).beyond_chance:\n"
                + "            break\n"
                + "        found.append(name)\n"
                + "    return found\n",
                "Each is close to its neighbour",
            ),
            "who beats all others": Wrong(
                but_for(
                    LEADERS,
                    "not any(beats(other, name) for other in right)",
                    "all(beats(name, other) for other in right if other != name)",
                ),
                "Two are level",
            ),
            "who beats anyone": Wrong(
                but_for(LEADERS, "not any(beats(other, name) for", "any(beats(name, other) for"), "beats it"
            ),
            "names the beaten": Wrong(but_for(LEADERS, "if not any", "if any"), "misses `one rate`"),
            "the wrong way round": Wrong(
                but_for(LEADERS, "beats(other, name)", "beats(name, other)"), "look at the sign"
            ),
            "level is beaten": Wrong(
                but_for(LEADERS, "gap.difference > 0 and gap.beyond_chance", "gap.difference >= 0"), "misses"
            ),
            "takes any gap for true": Wrong(
                but_for(LEADERS, "gap.difference > 0 and gap.beyond_chance", "bool(gap)"), "misses"
            ),
            "one name": Wrong(
                but_for(LEADERS, "return [name", "return [name").replace(" in right)]", " in right)][0]"),
                "a list of names was expected",
            ),
            "one by one, out of the dict": Wrong(
                but_for(
                    LEADERS,
                    "    return [",
                    "    for name in [n for n in right if any(beats(other, n) for other in right)]:\n"
                    "        del right[name]\n    return [",
                ),
                "changed `right`",
            ),
            "with their accuracies": Wrong(
                but_for(LEADERS, "[name for name", "[(name, right[name].float().mean().item()) for name"),
                "a list of names was expected",
            ),
            "two seeds or more alone": Wrong(
                but_for(
                    LEADERS,
                    "        gap = ",
                    '        if len(right[first]) < 2:\n            raise ValueError("one seed")\n        gap = ',
                ),
                "One seed each, your function refused",
            ),
        },
    ),
    "8.3": Answers(
        right={
            "the smallest of those that hold from there on": """
def from_which_size(gaps):
    if len(gaps) == 0:
        raise ValueError("gaps is empty")

    def holds(size):
        return all(gap.beyond_chance and gap.difference > 0 for s, gap in gaps.items() if s >= size)

    return min(filter(holds, gaps), default=None)
""",
            "upwards, and anew at each failure": """
def from_which_size(gaps):
    if not gaps:
        raise ValueError("there is not one size")
    start = None
    for size, gap in sorted(gaps.items(), key=lambda item: item[0]):
        if gap.difference > gap.chance:
            start = size if start is None else start
        else:
            start = None
    return start
""",
            "above the last failure": """
def from_which_size(gaps):
    if not gaps:
        raise ValueError("nothing to look at")
    failed = max((size for size in gaps if not gaps[size].beyond_chance or gaps[size].difference < 0), default=0)
    later = [size for size in gaps if size > failed]
    return min(later) if later else None
""",
            "by recursion": """
def from_which_size(gaps):
    if not gaps:
        raise ValueError("an empty table has no answer")
    last = max(gaps)
    if not gaps[last].beyond_chance or gaps[last].difference <= 0:
        return None
    rest = {size: gap for size, gap in gaps.items() if size != last}
    before = from_which_size(rest) if rest else None
    return last if before is None else before
""",
        },
        wrong={
            "the first that leads": Wrong(
                but_for(FROM, "            break\n", "            continue\n"), "which is larger"
            ),
            "forgets chance": Wrong(but_for(FROM, " and gaps[size].beyond_chance", ""), "ask `beyond_chance`"),
            "forgets the sign": Wrong(but_for(FROM, "gaps[size].difference > 0 and ", ""), "The sign does"),
            "trusts the order of the dict": Wrong(
                but_for(FROM, "sorted(gaps, reverse=True)", "reversed(gaps)"), "In no order"
            ),
            "sorts sizes as text": Wrong(
                but_for(FROM, "sorted(gaps, reverse=True)", "sorted(gaps, key=str, reverse=True)"), "every larger size"
            ),
            "from the smallest on": Wrong(but_for(FROM, ", reverse=True", ""), "At 100 fine-tuning leads"),
            "the largest": Wrong(
                but_for(FROM, "    return found\n", "    return max(gaps) if found else None\n"),
                "At 100 fine-tuning leads",
            ),
            "the largest, whatever it says": Wrong(
                but_for(FROM, "    return found\n", "    return found or max(gaps)\n"), "chance alone explains the lead"
            ),
            "as much as chance is enough": Wrong(
                but_for(FROM, "gaps[size].beyond_chance", "gaps[size].difference >= gaps[size].chance"),
                "which is larger, chance alone explains",
            ),
            "level is ahead": Wrong(
                but_for(
                    FROM,
                    "gaps[size].difference > 0 and gaps[size].beyond_chance",
                    "gaps[size].difference >= 0 and (gaps[size].beyond_chance or gaps[size].chance == 0)",
                ),
                "is not ahead at all",
            ),
            "where it last failed": Wrong(
                but_for(
                    FROM,
                    "            break\n        found = size\n",
                    "            return size if found else None\n        found = size\n",
                ),
                "chance alone explains the lead",
            ),
            "the gap": Wrong(
                but_for(FROM, "    return found\n", "    return gaps[found] if found else None\n"),
                "a size or None was expected",
            ),
            "all sizes": Wrong(
                but_for(FROM, "    return found\n", "    return [s for s in gaps if found and s >= found] or None\n"),
                "a size or None was expected",
            ),
            "-1 for none": Wrong(
                but_for(FROM, "    return found\n", "    return -1 if found is None else found\n"), "return `None`"
            ),
            "0 for none": Wrong(but_for(FROM, "    return found\n", "    return found or 0\n"), "return `None`"),
            "its place": Wrong(
                but_for(
                    FROM, "    return found\n", "    return sorted(gaps).index(found) if found is not None else None\n"
                ),
                "No such size was measured",
            ),
            "refuses where there is none": Wrong(
                but_for(
                    FROM,
                    "    return found\n",
                    '    if found is None:\n        raise ValueError("never")\n    return found\n',
                ),
                "Where there is no such size, return `None`",
            ),
            "None for nothing measured": Wrong(
                but_for(FROM, '        raise ValueError("no size was measured")\n', "        return None\n"),
                "Where no size was measured",
            ),
            "says nothing of the cause": Wrong(
                but_for(FROM, 'ValueError("no size was measured")', "ValueError"), "says nothing"
            ),
            "takes the gaps out": Wrong(
                but_for(
                    but_for(FROM, "gaps[size].difference", "gaps[size].difference"),
                    "        found = size\n",
                    "        found = size\n        del gaps[size]\n",
                ),
                "changed `gaps`",
            ),
        },
    ),
    "8.4": Answers(
        right={
            "on a copy": GRID_OF_A_COPY,
            "field by field": """
def in_a_grid(model, name, images, cells):
    found = None
    for path, layer in model.named_modules():
        if path == name:
            found = layer
    if found is None:
        raise ValueError("no module named " + name)
    modes = {layer: layer.training for layer in model.modules()}
    seen = []
    hook = found.register_forward_hook(lambda layer, inputs, output: seen.append(output.clone()))
    with torch.no_grad():
        model.eval()(images)
    hook.remove()
    for layer, mode in modes.items():
        layer.training = mode
    maps = seen[0]
    if maps.ndim != 4:
        raise ValueError(f"{name}: a map [n, c, h, w] is needed")
    h, w = maps.shape[2:]
    fields = []
    for i in range(cells):
        for j in range(cells):
            rows = slice(i * h // cells, -(-(i + 1) * h // cells))
            columns = slice(j * w // cells, -(-(j + 1) * w // cells))
            fields.append(maps[:, :, rows, columns].mean(dim=(2, 3)))
    return torch.stack(fields, dim=2).flatten(1)
""",
            "as an area": but_for(
                GRID, "F.adaptive_avg_pool2d(outputs[0], cells)", "F.interpolate(outputs[0], size=cells, mode='area')"
            ),
            "stops the pass where it has seen enough": """
class Enough(Exception):
    pass


def in_a_grid(model, name, images, cells):
    def look(layer, inputs, output):
        if output.dim() != 4:
            raise ValueError(f"the layer {name} gives {output.dim()} dimensions, and 4 are needed")
        raise Enough(nn.AdaptiveAvgPool2d(cells)(output).flatten(start_dim=1))

    try:
        layer = model.get_submodule(name)
    except AttributeError as error:
        raise ValueError(f"no layer {name}") from error
    modes = [(m, m.training) for m in model.modules()]
    handle = layer.register_forward_hook(look)
    try:
        model.eval()
        with torch.no_grad():
            model(images)
    except Enough as enough:
        return enough.args[0]
    finally:
        handle.remove()
        for m, mode in modes:
            m.training = mode
""",
        },
        wrong={
            "one mean over all": Wrong(
                but_for(GRID, "F.adaptive_avg_pool2d(outputs[0], cells).flatten(1)", "outputs[0].mean(dim=(2, 3))"),
                "A row for each picture",
            ),
            "not as rows": Wrong(but_for(GRID, ".flatten(1)", ""), "A row for each picture"),
            "one row for all": Wrong(but_for(GRID, ".flatten(1)", ".flatten()"), "A row for each picture"),
            "the largest of each field": Wrong(
                but_for(GRID, "F.adaptive_avg_pool2d", "F.adaptive_max_pool2d"), "the largest number of each field"
            ),
            "the sum of each field": Wrong(
                but_for(
                    GRID, "F.adaptive_avg_pool2d(outputs[0], cells)", "(F.adaptive_avg_pool2d(outputs[0], cells) * 12)"
                ),
                "the sum over each field",
            ),
            "what goes in": Wrong(but_for(GRID, "outputs.append(output)", "outputs.append(inputs[0])"), "channels"),
            "what goes into a norm": Wrong(
                but_for(
                    GRID,
                    "outputs.append(output)",
                    "outputs.append(inputs[0] if isinstance(layer, nn.BatchNorm2d) else output)",
                ),
                "That is what goes into the layer",
            ),
            "channels last": Wrong(
                but_for(GRID, ".flatten(1)", ".permute(0, 2, 3, 1).flatten(1)"),
                "keeps the fields of a channel together",
            ),
            "on its side": Wrong(but_for(GRID, ".flatten(1)", ".transpose(2, 3).flatten(1)"), "h comes before w"),
            "between pixels": Wrong(
                but_for(
                    GRID,
                    "F.adaptive_avg_pool2d(outputs[0], cells)",
                    "F.interpolate(outputs[0], size=(cells, cells), mode='bilinear')",
                ),
                "numbers between pixels",
            ),
            "every so many pixels": Wrong(
                but_for(
                    GRID,
                    "F.adaptive_avg_pool2d(outputs[0], cells)",
                    "F.interpolate(outputs[0], size=(cells, cells))",
                ),
                "your numbers differ",
            ),
            "fields that fit alone": Wrong(
                but_for(
                    GRID,
                    "F.adaptive_avg_pool2d(outputs[0], cells)",
                    "F.avg_pool2d(outputs[0], (outputs[0].shape[2] // cells, outputs[0].shape[3] // cells))",
                ),
                "a map of 5 x 4",
            ),
            "in `train()` mode": Wrong(but_for(GRID, "        model.eval()\n", ""), "Switch to `eval()`"),
            "a copy in `train()` mode": Wrong(
                but_for(GRID_OF_A_COPY, "copy.deepcopy(model).eval()", "copy.deepcopy(model)"),
                "the network ran in `train()` mode",
            ),
            "records gradients": Wrong(
                but_for(GRID, "        with torch.no_grad():\n", "        if True:\n"), "gradients were recorded"
            ),
            "detaches too late": Wrong(
                but_for(GRID, "        with torch.no_grad():\n", "        if True:\n").replace(
                    ".flatten(1)", ".flatten(1).detach()"
                ),
                "`detach()` afterwards is too late",
            ),
            "in inference mode": Wrong(
                but_for(GRID_OF_A_COPY, "@torch.no_grad()", "@torch.inference_mode()"), "no head can be trained"
            ),
            "the whole network": Wrong(
                but_for(GRID, "layers[name].register", "model.register")
                .replace("F.adaptive_avg_pool2d(outputs[0], cells)", "outputs[0]")
                .replace("    if outputs[0].dim() != 4:", "    if name in ('tokens', 'head.out'):"),
                "the shape of your rows is [2, 3]",
            ),
            "the first picture": Wrong(
                but_for(
                    GRID, "F.adaptive_avg_pool2d(outputs[0], cells)", "F.adaptive_avg_pool2d(outputs[0][:1], cells)"
                ),
                "A row for each picture",
            ),
            "the outermost layers alone": Wrong(
                but_for(GRID, "layers[name].register", "getattr(model, name).register"),
                "For a layer two levels deep",
                outcome="error",
            ),
            "leaves its hook": Wrong(but_for(GRID, "        handle.remove()\n", ""), "Hooks of yours"),
            "leaves `eval()` mode": Wrong(
                but_for(GRID, "            layer.training = training\n", "            pass\n"), "was left in the other"
            ),
            "one mode for all": Wrong(
                but_for(GRID, "            layer.training = training\n", "            layer.train(modes[0][1])\n"),
                "each layer's own mode",
            ),
            "leaves its hook where it refuses": Wrong(
                """
def in_a_grid(model, name, images, cells):
    layers = dict(model.named_modules())
    if name not in layers:
        raise ValueError(f"there is no layer {name}")
    modes = [(layer, layer.training) for layer in model.modules()]
    seen = []

    def look(layer, inputs, output):
        if output.dim() != 4:
            raise ValueError(f"{name} gives no map")
        seen.append(F.adaptive_avg_pool2d(output, cells).flatten(1))

    handle = layers[name].register_forward_hook(look)
    model.eval()
    with torch.no_grad():
        model(images)
    handle.remove()
    for layer, training in modes:
        layer.training = training
    return seen[0]
""",
                "`try` and `finally` put things back",
            ),
            "no word on a name that is not there": Wrong(
                but_for(GRID, "    if name not in layers:\n", "    if name is None:\n"), "For `layer9`"
            ),
            "does not name the layer": Wrong(
                but_for(GRID, 'f"there is no layer {name}"', '"there is no such layer"'), "should name `layer9`"
            ),
            "takes tokens for a map": Wrong(
                but_for(GRID, "outputs[0].dim() != 4", "outputs[0].dim() < 3"), "as the blocks of a ViT do"
            ),
            "unpacks what is not there": Wrong(
                but_for(GRID, "    if outputs[0].dim() != 4:\n", "    n, c, h, w = outputs[0].shape\n    if n == 0:\n"),
                "should name `tokens`",
            ),
            "lets the pooling complain": Wrong(
                but_for(GRID, "    if outputs[0].dim() != 4:\n", "    if outputs[0].dim() == 3:\n"), "For `head.out`"
            ),
            "None for rows": Wrong(
                but_for(
                    GRID, "    if outputs[0].dim() != 4:\n", "    if outputs[0].dim() != 4:\n        return None\n"
                ),
                "gave back `None`",
            ),
            "a list of rows": Wrong(but_for(GRID, ".flatten(1)", ".flatten(1).tolist()"), "a tensor was expected"),
            "whitens the images": Wrong(
                but_for(GRID, "            model(images)\n", "            model(images.div_(2))\n"), "changed `images`"
            ),
        },
    ),
    "8.5": Answers(
        right={
            "in rows": BY_LOOPS,
            "in tensors": """
def advise(leaders, numbers, distance, per_class):
    rows = torch.tensor(sorted({d for d, _ in leaders}), dtype=torch.float64)
    if not rows[0] <= distance <= rows[-1]:
        return None
    near = rows[(rows - distance).abs().argmin()].item()
    sizes = torch.tensor([size for d, size in leaders if d == near])
    if not sizes.min() <= per_class <= sizes.max():
        return None
    size = sizes[(sizes.log() - math.log(per_class)).abs().argmin()].item()
    return sorted(leaders[near, size], key=numbers.get)[0]
""",
            "the smallest pair": """
def advise(leaders, numbers, distance, per_class):
    d, size = min(leaders, key=lambda cell: (abs(cell[0] - distance), abs(math.log2(cell[1]) - math.log2(per_class))))
    there = [cell[1] for cell in leaders if cell[0] == d]
    all_of_them = [cell[0] for cell in leaders]
    inside = min(all_of_them) <= distance <= max(all_of_them) and min(there) <= per_class <= max(there)
    return min((numbers[name], name) for name in leaders[d, size])[1] if inside else None
""",
            "borders by the geometric mean": """
def advise(leaders, numbers, distance, per_class):
    rows = sorted({d for d, size in leaders})
    if distance < rows[0] or rows[-1] < distance:
        return None
    near = rows[0]
    for low, high in zip(rows, rows[1:]):
        if distance > (low + high) / 2:
            near = high
    sizes = sorted(size for d, size in leaders if d == near)
    if per_class < sizes[0] or sizes[-1] < per_class:
        return None
    best = sizes[0]
    for low, high in zip(sizes, sizes[1:]):
        if per_class > math.sqrt(low * high):
            best = high
    fewest = min(numbers[name] for name in leaders[near, best])
    return next(name for name in leaders[near, best] if numbers[name] == fewest)
""",
        },
        wrong={
            "the nearest size by difference": Wrong(
                but_for(ADVISE, "abs(math.log(size / per_class))", "abs(size - per_class)"), "compare logarithms"
            ),
            "the nearest distance by ratio": Wrong(
                but_for(ADVISE, "abs(d - distance)", "abs(math.log(d / distance))"),
                "Distances are compared by their difference",
            ),
            "the next larger size": Wrong(
                but_for(
                    ADVISE,
                    "min(sizes, key=lambda size: abs(math.log(size / per_class)))",
                    "min(size for size in sizes if size >= per_class)",
                ),
                "the next size above",
            ),
            "the next smaller size": Wrong(
                but_for(
                    ADVISE,
                    "min(sizes, key=lambda size: abs(math.log(size / per_class)))",
                    "max(size for size in sizes if size <= per_class)",
                ),
                "the next size below",
            ),
            "goes on past the end": Wrong(
                but_for(
                    ADVISE,
                    "    if not min(distances) <= distance <= max(distances) or not min(sizes) <= per_class <= "
                    "max(sizes):\n        return None\n",
                    "",
                ),
                "The table says nothing there",
            ),
            "looks at the larger end alone": Wrong(
                but_for(ADVISE, "not min(distances) <= distance <= max(distances)", "distance > max(distances)"),
                "nearer than the table goes",
            ),
            "has no end of distances": Wrong(
                but_for(ADVISE, "not min(distances) <= distance <= max(distances) or ", ""),
                "nearer than the table goes",
            ),
            "has no end of sizes": Wrong(
                but_for(ADVISE, " or not min(sizes) <= per_class <= max(sizes)", ""), "fewer than the table has"
            ),
            "the sizes of all rows": Wrong(
                but_for(ADVISE, "not min(sizes) <= per_class <= max(sizes)", "not 5 <= per_class <= 500"),
                "more than was measured at that distance",
            ),
            "nearest in the plane": Wrong(
                """
def advise(leaders, numbers, distance, per_class):
    distances, sizes = zip(*leaders)
    if not min(distances) <= distance <= max(distances) or not min(sizes) <= per_class <= max(sizes):
        return None

    def far(cell):
        return math.hypot(cell[0] - distance, math.log(cell[1] / per_class))

    return min(leaders[min(leaders, key=far)], key=numbers.get)
""",
                "more than was measured at that distance",
            ),
            "nearest in the plane, as they come": Wrong(
                """
def advise(leaders, numbers, distance, per_class):
    distances, sizes = zip(*leaders)
    if not min(distances) <= distance <= max(distances) or not min(sizes) <= per_class <= max(sizes):
        return None
    near = min(leaders, key=lambda cell: math.dist(cell, (distance, per_class)))
    return min(leaders[near], key=numbers.get)
""",
                "compare logarithms",
            ),
            "refuses the border": Wrong(
                BY_LOOPS.replace("distance < min", "distance <= min").replace("distance > max", "distance >= max"),
                "its borders belong to it",
            ),
            "refuses the border of sizes": Wrong(
                BY_LOOPS.replace("per_class < min", "per_class <= min").replace("per_class > max", "per_class >= max"),
                "its borders belong to it",
            ),
            "ends swapped": Wrong(
                BY_LOOPS.replace("distance < min(rows) or distance > max", "distance > min(rows) or distance < max"),
                "its borders belong to it",
            ),
            "cells alone": Wrong(
                but_for(
                    ADVISE,
                    "    distances = ",
                    "    if (distance, per_class) not in leaders:\n        return None\n    distances = ",
                ),
                "inside of them the nearest cell answers",
            ),
            "the first of the leaders": Wrong(
                but_for(ADVISE, "min(leaders[near, size], key=lambda name: numbers[name])", "leaders[near, size][0]"),
                "trains more parameters",
            ),
            "the first by name": Wrong(
                but_for(ADVISE, ", key=lambda name: numbers[name]", ""), "Asked for a distance of 0.32 and 90"
            ),
            "the most parameters": Wrong(
                but_for(ADVISE, "return min(leaders", "return max(leaders"), "trains more parameters"
            ),
            "the fewest parameters of all": Wrong(
                but_for(ADVISE, "min(leaders[near, size],", "min(numbers,"), "does not lead there"
            ),
            "all who lead": Wrong(
                but_for(ADVISE, "min(leaders[near, size], key=lambda name: numbers[name])", "leaders[near, size]"),
                "the name of one strategy was expected",
            ),
            "how many it trains": Wrong(
                but_for(
                    ADVISE,
                    "min(leaders[near, size], key=lambda name: numbers[name])",
                    "min(numbers[name] for name in leaders[near, size])",
                ),
                "the name of one strategy was expected",
            ),
            "says it in words": Wrong(
                but_for(ADVISE, "        return None\n", '        return "unknown"\n'), "None was expected"
            ),
            "refuses outside": Wrong(
                but_for(ADVISE, "        return None\n", '        raise ValueError("outside")\n'),
                "Where the table says nothing",
            ),
            "sorts the leaders in place": Wrong(
                but_for(
                    ADVISE,
                    "    return min(leaders[near, size], key=lambda name: numbers[name])\n",
                    "    leaders[near, size].sort(key=numbers.get)\n    return leaders[near, size][0]\n",
                ),
                "changed `leaders`",
            ),
            "distances and sizes swapped": Wrong(
                but_for(ADVISE, "[d for d, _ in leaders]", "[d for _, d in leaders]"), "and the table has an answer"
            ),
            "two rows at least": Wrong(
                but_for(
                    ADVISE,
                    "    sizes = ",
                    '    if len(leaders) < 2:\n        raise ValueError("too small")\n    sizes = ',
                ),
                "From a table with a single cell",
            ),
        },
    ),
}
