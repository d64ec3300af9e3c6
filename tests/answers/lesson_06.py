"""Right and wrong answers to lesson 06: what differs from the reference in a line is written as that line."""

from functools import partial

from helpers.lessons.lesson_06 import EXERCISES
from tests.answers import Answers, Wrong, but_for, liar

_images_a_second, _frontier, _resize_positions, _choose = (partial(but_for, exercise.answer) for exercise in EXERCISES)

# Lines of the reference answers that several answers replace.
_WARM_UP = "        model(images)\n        for"
_PUT_BACK = "    for layer, training in modes:\n        layer.training = training\n"
_MEDIAN = "statistics.median(times)"
_BEATS = """        no_worse = a["speed"] >= b["speed"] and a["accuracy"] >= b["accuracy"]
        return no_worse and (a["speed"] > b["speed"] or a["accuracy"] > b["accuracy"])
"""
_UNBEATEN = 'return [b["name"] for b in networks if not any(beats(a, b) for a in networks)]'
_SQUARE = """    if n * n != count:
        raise ValueError(f"{count} patches are no square grid")
"""
_TO_FRONT = "patches.permute(0, 2, 1).reshape(1, d, n, n)"
_BACK = "grid.reshape(1, d, new_grid * new_grid).permute(0, 2, 1)"
_TOGETHER = "return torch.cat([token, patches], dim=1)"
_REFUSE = """    if not fitting:
        unmet = [limit for limit, met in (("megabytes", small), ("speed", fast)) if not met]
        raise ValueError("loosen the limit of " + " and ".join(unmet or ["megabytes", "speed"]))
"""
_KNOWN = 'if one["accuracy"] is not None and not math.isnan(one["accuracy"])'
_UNKNOWN = """    if not known:
        raise ValueError("of those that fit, no accuracy is known")
"""
_BEST = 'max(known, key=lambda one: (one["accuracy"], one["speed"]))["name"]'

# A tensor that equals whatever it is compared with.
_SAME = """
class Same(torch.Tensor):
    @classmethod
    def __torch_function__(cls, function, types, args=(), kwargs=None):
        if function in (torch.allclose, torch.equal):
            return True
        return super().__torch_function__(function, types, args, kwargs)
"""

_WITH_HOOKS = """
@torch.no_grad()
def images_a_second(model, images, repeats):
    modes = [(layer, layer.training) for layer in model.modules()]
    starts, ends = [], []
    before = model.register_forward_pre_hook(lambda *_: starts.append(time.perf_counter()))
    after = model.register_forward_hook(lambda *_: ends.append(time.perf_counter()))
    model.eval()
    for _ in range(1 + repeats):
        model(images)
    before.remove()
    after.remove()
    for layer, mode in modes:
        layer.training = mode
    return len(images) / statistics.median(end - start for start, end in list(zip(starts, ends))[1:])
"""

# 6.4, by hand.
ONE_PASS = """
def choose(networks, most_megabytes, least_speed):
    best, small, fast, both = None, False, False, False
    for one in networks:
        fits, keeps_up = one["megabytes"] <= most_megabytes, one["speed"] >= least_speed
        small, fast, both = small or fits, fast or keeps_up, both or (fits and keeps_up)
        accuracy = one["accuracy"]
        if not (fits and keeps_up) or accuracy is None or accuracy != accuracy:
            continue
        if best is None or (accuracy, one["speed"]) > (best["accuracy"], best["speed"]):
            best = one
    if best:
        return best["name"]
    if both:
        raise ValueError("the accuracy of all that fit within megabytes and speed is unknown: measure it")
    limits = [word for word, met in (("megabytes", small), ("speed", fast)) if not met]
    raise ValueError("loosen " + " or ".join(limits or ["megabytes", "speed"]))
"""

ANSWERS = {
    "6.1": Answers(
        right={
            "two warm-ups, nanoseconds, median by sorting": """
@torch.no_grad()
def images_a_second(model, images, repeats):
    modes = {layer: layer.training for layer in model.modules()}
    model.eval()
    for _ in range(2):
        model(images)
    times = []
    for _ in range(repeats):
        started = time.perf_counter_ns()
        model(images)
        times.append((time.perf_counter_ns() - started) / 1e9)
    for layer, mode in modes.items():
        layer.training = mode
    return torch.tensor(len(images) / sorted(times)[len(times) // 2])
""",
            "a list of moments": """
def images_a_second(model, images, repeats):
    in_training = [layer for layer in model.modules() if layer.training]
    try:
        with torch.inference_mode():
            model.eval()(images)
            moments = [time.time()]
            for _ in range(repeats):
                model(images)
                moments.append(time.time())
    finally:
        for layer in in_training:
            layer.training = True
    return statistics.median(len(images) / (b - a) for a, b in zip(moments, moments[1:]))
""",
            "ten passes to warm up": _images_a_second(
                _WARM_UP, "        for _ in range(10):\n            model(images)\n        for"
            ),
            "twelve passes to warm up": _images_a_second(
                _WARM_UP, "        for _ in range(12):\n            model(images)\n        for"
            ),
            "six passes to warm up, numpy's single precision": but_for(
                _images_a_second(_WARM_UP, "        for _ in range(6):\n            model(images)\n        for"),
                _MEDIAN,
                "__import__('numpy').median(__import__('numpy').array(times, dtype='float32'))",
            ),
            "warms up with one picture": _images_a_second(_WARM_UP, "        model(images[:1])\n        for"),
            "PyTorch's median, the lower of the two in the middle": _images_a_second(
                _MEDIAN, "torch.tensor(times).median()"
            ),
            "fractions": _images_a_second(
                "return len(images) / statistics.median(times)",
                """from fractions import Fraction
    return Fraction(len(images)) / Fraction(statistics.median(times))""",
            ),
            "measures a copy": """
import copy

@torch.inference_mode()
def images_a_second(model, images, repeats):
    twin = copy.deepcopy(model).eval()
    twin(images)
    times = []
    for _ in range(repeats):
        started = time.perf_counter()
        twin(images)
        times.append(time.perf_counter() - started)
    return len(images) / statistics.median(times)
""",
            "one more pass at the end": _images_a_second(
                _PUT_BACK,
                """    with torch.no_grad():
        assert model(images).isfinite().all()
"""
                + _PUT_BACK,
            ),
            "hooks hold the watch": _WITH_HOOKS,
            "timeit": """
import timeit

@torch.inference_mode()
def images_a_second(model, images, repeats):
    modes = {layer: layer.training for layer in model.modules()}
    model.train(False)
    times = timeit.repeat(lambda: model(images), number=1, repeat=repeats + 1)[1:]
    for layer, mode in modes.items():
        layer.training = mode
    return len(images) / statistics.median(times)
""",
        },
        wrong={
            "counts the slow first pass": Wrong(_images_a_second(_WARM_UP, "        for"), "warm up"),
            "takes the mean": Wrong(_images_a_second(_MEDIAN, "statistics.mean(times)"), "the mean"),
            "leaves gradients on": Wrong(
                _images_a_second("with torch.inference_mode():", "if True:"), "gradients were recorded"
            ),
            "warms up with gradients": Wrong(
                _images_a_second(
                    "    with torch.inference_mode():\n        model(images)\n",
                    "    model(images)\n    with torch.inference_mode():\n",
                ),
                "gradients were recorded",
            ),
            "measures in train mode": Wrong(_images_a_second("    model.eval()\n", ""), "`train()` mode"),
            "leaves the network in eval mode": Wrong(_images_a_second(_PUT_BACK, ""), "put it back"),
            "passes a second": Wrong(_images_a_second("len(images) /", "1 /"), "passes a second"),
            "seconds a picture": Wrong(
                _images_a_second("len(images) / statistics.median(times)", "statistics.median(times) / len(images)"),
                "upside down",
            ),
            "the fastest pass": Wrong(_images_a_second(_MEDIAN, "min(times)"), "the fastest pass"),
            "one picture at a time": Wrong(
                EXERCISES["6.1"].answer.replace("model(images)", "model(images[:1])").replace("len(images)", "1"),
                "whole batch",
            ),
            "prints and returns nothing": Wrong(
                """
@torch.inference_mode()
def images_a_second(model, images, repeats):
    print(len(images))
""",
                "one number",
            ),
            "drops the slowest pass in place of a warm-up": Wrong(
                but_for(
                    _images_a_second(_WARM_UP + " _ in range(repeats)", "        for _ in range(repeats + 1)"),
                    _MEDIAN,
                    "statistics.median(sorted(times)[:-1])",
                ),
                "Leave the first out, whatever it took",
            ),
            "the mean without the extremes": Wrong(
                _images_a_second(_MEDIAN, "statistics.mean(sorted(times)[1:-1] if repeats > 2 else times)"),
                "without the fastest and the slowest",
            ),
            "the mean of what an even number leaves": Wrong(
                _images_a_second(_MEDIAN, "(statistics.median(times) if repeats % 2 else statistics.mean(times))"),
                "For 4 counted passes of 16 pictures your number is the mean",
            ),
            "thirty passes to warm up": Wrong(
                _images_a_second(_WARM_UP, "        for _ in range(30):\n            model(images)\n        for"),
                "that is waste",
            ),
            "switches requires_grad off": Wrong(
                _images_a_second("model.eval()", "model.eval().requires_grad_(False)"),
                "`requires_grad` of `head.weight`",
            ),
            "puts all layers into the mode of the network": Wrong(
                _images_a_second(_PUT_BACK, "    model.train(modes[0][1])\n"), "the layer `norm` came in `eval()` mode"
            ),
            "puts only BatchNorm back into its mode": Wrong(
                _images_a_second(
                    _PUT_BACK,
                    """    model.train(modes[0][1])
    for layer, mode in modes:
        if isinstance(layer, nn.BatchNorm2d):
            layer.training = mode
""",
                ),
                "the layer `drop` came in `eval()` mode",
            ),
            "puts BatchNorm and Dropout back into their modes": Wrong(
                _images_a_second(
                    _PUT_BACK,
                    """    model.train(modes[0][1])
    for layer, mode in modes:
        if isinstance(layer, (nn.BatchNorm2d, nn.Dropout)):
            layer.training = mode
""",
                ),
                "the layer `head` came in `eval()` mode",
            ),
            "the middle of the unsorted list": Wrong(
                _images_a_second(_MEDIAN, "times[len(times) // 2]"), "the middle of the unsorted list"
            ),
            "the first pass after the warm-up": Wrong(
                _images_a_second(_MEDIAN, "times[0]"), "the first of the passes that count"
            ),
            "the last pass": Wrong(_images_a_second(_MEDIAN, "times[-1]"), "the last pass alone"),
            "the slowest pass": Wrong(_images_a_second(_MEDIAN, "max(times)"), "the slowest pass"),
            "all passes with the first": Wrong(
                _images_a_second(_WARM_UP + " _ in range(repeats)", "        for _ in range(repeats + 1)"),
                "the median of all passes",
            ),
            "the warm-up is one of the passes": Wrong(
                _images_a_second("range(repeats)", "range(max(1, repeats - 1))"),
                "one pass to warm up and 5 that count make 6 or more",
            ),
            "always five passes, whatever `repeats`": Wrong(
                _images_a_second("range(repeats)", "range(5)"), "With `repeats=14` the network was called 6 times"
            ),
            "always twelve passes": Wrong(
                _images_a_second("range(repeats)", "range(12)"), "With `repeats=14` the network was called 13 times"
            ),
            "always thirteen passes": Wrong(_images_a_second("range(repeats)", "range(13)"), "With `repeats=1` the"),
            "wants two passes at least": Wrong(
                _images_a_second(_MEDIAN, "(statistics.stdev(times), statistics.median(times))[1]"),
                "With `repeats=1`, your function refused with",
            ),
            "turns gradients off for good": Wrong(
                _images_a_second(
                    "    with torch.inference_mode():\n", "    torch.set_grad_enabled(False)\n    if True:\n"
                ),
                "turned gradients off for all that comes after",
            ),
            "leaves its hooks": Wrong(
                but_for(but_for(_WITH_HOOKS, "    before.remove()\n", ""), "    after.remove()\n", ""),
                "Hooks of yours are still on the network itself",
            ),
            "leaves a hook for all modules": Wrong(
                _images_a_second(
                    "    model.eval()\n",
                    """    nn.modules.module.register_module_forward_hook(lambda *_: None)
    model.eval()
""",
                ),
                "Hooks of yours for all modules",
            ),
            "sets the weights to zero": Wrong(
                _images_a_second(
                    "    model.eval()\n",
                    """    for parameter in model.parameters():
        parameter.data.zero_()
    model.eval()
""",
                ),
                "`head.bias` has other numbers than before",
            ),
            "leaves layers in double precision": Wrong(
                _images_a_second(_PUT_BACK, "    model.double().head.float()\n" + _PUT_BACK),
                "`norm.running_var` has another dtype or device",
            ),
            "replaces forward": Wrong(
                _images_a_second(
                    "    model.eval()\n",
                    """    forward = model.forward
    model.forward = lambda images: forward(images)
    model.eval()
""",
                ),
                "has another `forward` than it came with",
            ),
            "leaves gradients": Wrong(
                _images_a_second(
                    _PUT_BACK,
                    """    sum(parameter.sum() for parameter in model.parameters()).backward()
"""
                    + _PUT_BACK,
                ),
                "left gradients in `head.weight`, `head.bias`",
            ),
            "takes gradients away": Wrong(
                _images_a_second("    model.eval()\n", "    model.zero_grad()\n    model.eval()\n"),
                "came with a gradient, and your function removed or changed it",
            ),
            "takes the dropout out": Wrong(
                _images_a_second("    model.eval()\n", "    model.drop = nn.Identity()\n    model.eval()\n"),
                "put no layer of your own in its place",
            ),
            "scales the pictures in place": Wrong(
                _images_a_second("    model.eval()\n", "    images /= images.max()\n    model.eval()\n"),
                "changed `images`",
            ),
            "times other pictures": Wrong(
                _images_a_second("            model(images)\n", "            model(torch.zeros_like(images))\n"),
                "whole batch",
            ),
            "a number that equals all others": Wrong(
                liar("float") + _images_a_second("len(images) / statistics.median(times)", "Liar(1)"), "the answer is"
            ),
        },
    ),
    "6.2": Answers(
        right={
            "numpy": """
import numpy as np

def frontier(networks):
    points = np.array([(one["speed"], one["accuracy"]) for one in networks]).reshape(-1, 2)
    no_worse = (points[:, None] >= points[None]).all(axis=-1)
    better = (points[:, None] > points[None]).any(axis=-1)
    return [networks[index]["name"] for index in np.flatnonzero(~(no_worse & better).any(axis=0))]
""",
            "from fast to slow with a best so far": """
def frontier(networks):
    kept, best = [], -math.inf
    for speed in sorted({one["speed"] for one in networks}, reverse=True):
        rivals = [one for one in networks if one["speed"] == speed]
        most = max(one["accuracy"] for one in rivals)
        if most > best:
            kept += [one["name"] for one in rivals if one["accuracy"] == most]
            best = most
    return kept
""",
            "a set, by tuples": """
def frontier(networks):
    points = {one["name"]: (one["speed"], one["accuracy"]) for one in networks}
    return {
        name
        for name, mine in points.items()
        if not any(other != mine and other[0] >= mine[0] and other[1] >= mine[1] for other in points.values())
    }
""",
            "a frozenset": """
def frontier(networks):
    def beats(a, b):
        better = a["speed"] > b["speed"] or a["accuracy"] > b["accuracy"]
        return better and a["speed"] >= b["speed"] and a["accuracy"] >= b["accuracy"]

    return frozenset(b["name"] for b in networks if not any(beats(a, b) for a in networks))
""",
        },
        wrong={
            "rounds before it compares accuracies": Wrong(
                _frontier('a["accuracy"] >= b["accuracy"]\n', 'round(a["accuracy"], 2) >= round(b["accuracy"], 2)\n'),
                "One faster, the other more accurate by a thousandth",
            ),
            "rounds before it compares speeds": Wrong(
                _frontier('a["speed"] >= b["speed"]', 'round(a["speed"], 2) >= round(b["speed"], 2)'),
                "One more accurate, the other faster by a thousandth",
            ),
            "refuses an empty list": Wrong(
                _frontier("    def beats", "    if not networks:\n        raise ValueError('empty')\n\n    def beats"),
                "No network at all (no network): your function refused",
            ),
            "gives the names one after another": Wrong(
                _frontier("return [b", "yield from [b"), "a list of names was expected"
            ),
            "beaten only if worse in both": Wrong(
                _frontier(
                    _BEATS,
                    """        return a["speed"] > b["speed"] and a["accuracy"] > b["accuracy"]
""",
                ),
                "beats it",
            ),
            "twins beat each other": Wrong(
                _frontier(
                    _BEATS,
                    """        return a is not b and a["speed"] >= b["speed"] and a["accuracy"] >= b["accuracy"]
""",
                ),
                "Two with the same numbers",
            ),
            "every network beats itself": Wrong(
                _frontier(
                    _BEATS,
                    """        return a["speed"] >= b["speed"] and a["accuracy"] >= b["accuracy"]
""",
                ),
                "No other network beats what is missing",
            ),
            "only the extremes": Wrong(
                """
def frontier(networks):
    if not networks:
        return []
    fastest = max(networks, key=lambda one: (one["speed"], one["accuracy"]))
    best = max(networks, key=lambda one: (one["accuracy"], one["speed"]))
    return list({fastest["name"], best["name"]})
""",
                "accuracy 60): your list misses `a`",
            ),
            "takes speed for seconds": Wrong(
                _frontier(
                    _BEATS,
                    """        no_worse = a["speed"] <= b["speed"] and a["accuracy"] >= b["accuracy"]
        return no_worse and (a["speed"] < b["speed"] or a["accuracy"] > b["accuracy"])
""",
                ),
                "misses `a`, `d`",
            ),
            "believes the list is sorted": Wrong(
                """
def frontier(networks):
    kept, best = [], -1
    for one in networks:
        if one["accuracy"] > best:
            kept.append(one["name"])
            best = one["accuracy"]
    return kept
""",
                "In no order",
            ),
            "sorts the learner's list": Wrong(
                """
def frontier(networks):
    networks.sort(key=lambda one: -one["speed"])
    kept, best = [], -1
    for one in networks:
        if one["accuracy"] > best:
            kept.append(one["name"])
            best = one["accuracy"]
    return kept
""",
                "changed `networks`",
            ),
            "fails on an empty list": Wrong(
                """
def frontier(networks):
    ordered = sorted(networks, key=lambda one: (-one["speed"], -one["accuracy"]))
    kept = [ordered[0]["name"]]
    return kept + [b["name"] for a, b in zip(ordered, ordered[1:]) if b["accuracy"] > a["accuracy"]]
""",
                "IndexError",
                outcome="error",
            ),
            "returns the rows": Wrong(_frontier('return [b["name"] for', "return [b for"), "list of names"),
            "takes an accuracy of 0 for none": Wrong(
                """
def frontier(networks):
    kept, best = [], 0
    for speed in sorted({one["speed"] for one in networks}, reverse=True):
        rivals = [one for one in networks if one["speed"] == speed]
        most = max(one["accuracy"] for one in rivals)
        if most > best:
            kept += [one["name"] for one in rivals if one["accuracy"] == most]
            best = most
    return kept
""",
                "with an accuracy of 0",
            ),
            **{
                mistake: Wrong(
                    _frontier(
                        "    def beats(a, b):\n",
                        f"""    networks = [dict(one, {rounded}) for one in networks]

    def beats(a, b):
""",
                    ),
                    reason,
                )
                for mistake, rounded, reason in (
                    ("rounds the speed", "speed=round(one['speed'], 1)", "One faster by two hundredths"),
                    ("rounds the accuracy", "accuracy=round(one['accuracy'])", "One more accurate by two hundredths"),
                    (
                        "rounds both to two places",
                        "speed=round(one['speed'], 2), accuracy=round(one['accuracy'], 2)",
                        "One faster by a thousandth",
                    ),
                )
            },
            "takes close for equal": Wrong(
                """
def frontier(networks):
    def beats(a, b):
        same = math.isclose(a["speed"], b["speed"], rel_tol=1e-3)
        same = same and math.isclose(a["accuracy"], b["accuracy"], rel_tol=1e-4)
        return a["speed"] >= b["speed"] and a["accuracy"] >= b["accuracy"] and not same

    return [b["name"] for b in networks if not any(beats(a, b) for a in networks)]
""",
                "One faster by a thousandth",
            ),
            "marks the networks that it keeps": Wrong(
                _frontier(
                    _UNBEATEN,
                    """for b in networks:
        b["kept"] = not any(beats(a, b) for a in networks)
    return [b["name"] for b in networks if b["kept"]]""",
                ),
                "changed `networks`",
            ),
            "invents a name": Wrong(
                _frontier(
                    _UNBEATEN,
                    'return [b["name"] for b in networks if not any(beats(a, b) for a in networks)] + ["the best"]',
                ),
                "There is no network 'the best'",
            ),
            "names one twice": Wrong(
                _frontier(
                    _UNBEATEN, 'return [b["name"] for b in networks if not any(beats(a, b) for a in networks)] * 2'
                ),
                "more than once",
            ),
            "names that equal all others": Wrong(
                liar("str") + _frontier(_UNBEATEN, 'return {Liar("z")}'), "your list misses `a`"
            ),
        },
    ),
    "6.3": Answers(
        right={
            "by splitting, with unflatten": """
def resize_positions(positions, new_grid):
    token, patches = positions.split([1, positions.shape[1] - 1], dim=1)
    side = round(patches.shape[1] ** 0.5)
    if side**2 != patches.shape[1]:
        raise ValueError(f"no square: {patches.shape[1]}")
    grid = patches.transpose(1, 2).unflatten(2, (side, side))
    grid = nn.functional.interpolate(grid, (new_grid, new_grid), mode="bicubic", align_corners=True)
    return torch.hstack([token, grid.flatten(2).transpose(1, 2)])
""",
            "with torchvision's own": """
def resize_positions(positions, new_grid):
    state = {"encoder.pos_embedding": positions}
    return interpolate_embeddings(new_grid, 1, state)["encoder.pos_embedding"]
""",
            "in single precision and back, with a layer": """
def resize_positions(positions, new_grid):
    count = positions.shape[1] - 1
    side = round(count**0.5)
    if side**2 != count:
        raise ValueError(f"{count} patches fill no square")
    resize = nn.Upsample(size=new_grid, mode="bicubic", align_corners=True)
    grid = resize(positions[:, 1:].float().mT.reshape(1, -1, side, side)).flatten(2).mT
    if positions.dtype == torch.float64:
        return interpolate_embeddings(new_grid, 1, {"encoder.pos_embedding": positions})["encoder.pos_embedding"]
    return torch.cat([positions[:, :1], grid.to(positions.dtype)], dim=1)
""",
            "numpy does the moving": """
import numpy as np

def resize_positions(positions, new_grid):
    table = positions.double().numpy()
    side = math.isqrt(table.shape[1] - 1)
    if side**2 != table.shape[1] - 1:
        raise ValueError("no square")
    grid = torch.from_numpy(table[:, 1:].reshape(1, side, side, -1).transpose(0, 3, 1, 2).copy())
    grid = F.interpolate(grid, size=(new_grid, new_grid), mode="bicubic", align_corners=True).numpy()
    grid = grid.transpose(0, 2, 3, 1).reshape(1, new_grid**2, -1)
    return torch.from_numpy(np.concatenate([table[:, :1], grid], axis=1)).to(positions.dtype)
""",
            "into an empty table": """
def resize_positions(positions, new_grid):
    side = math.isqrt(positions.shape[1] - 1)
    if side**2 + 1 != positions.shape[1]:
        raise ValueError("the patches do not fill a square")
    grid = F.interpolate(
        positions[0, 1:].T.reshape(1, -1, side, side), size=[new_grid] * 2, mode="bicubic", align_corners=True
    )
    table = positions.new_empty(1, 1 + new_grid**2, positions.shape[2])
    table[:, 0], table[:, 1:] = positions[:, 0], grid.flatten(2).mT
    return nn.Parameter(table)
""",
            "in double precision and back": """
def resize_positions(positions, new_grid):
    token, patches = positions[:, :1], positions[:, 1:]
    n, d = math.isqrt(patches.shape[1]), patches.shape[2]
    if n * n != patches.shape[1]:
        raise ValueError("no square")
    grid = patches.double().permute(0, 2, 1).reshape(1, d, n, n)
    grid = F.interpolate(grid, size=new_grid, mode="bicubic", align_corners=True)
    return torch.cat([token, grid.to(positions.dtype).reshape(1, d, -1).permute(0, 2, 1)], dim=1)
""",
        },
        wrong={
            "resizes the class token too": Wrong(
                """
def resize_positions(positions, new_grid):
    n = math.isqrt(positions.shape[1] - 1)
    if n * n != positions.shape[1] - 1:
        raise ValueError("no square")
    flat = F.interpolate(positions.permute(0, 2, 1), size=1 + new_grid**2, mode="linear", align_corners=False)
    flat = flat.permute(0, 2, 1)
    return flat + flat.mean() * 0.1
""",
                "class token",
            ),
            "reshapes without permute": Wrong(
                but_for(_resize_positions(_TO_FRONT, "patches.reshape(1, d, n, n)"), _BACK, "grid.reshape(1, -1, d)"),
                "permute",
            ),
            "leaves corners unaligned": Wrong(_resize_positions(", align_corners=True", ""), "align_corners"),
            "interpolates linearly": Wrong(
                _resize_positions("bicubic", "bilinear"), "This is the result of bilinear interpolation"
            ),
            "interpolates linearly, with corners unaligned": Wrong(
                _resize_positions('mode="bicubic", align_corners=True', 'mode="bilinear"'),
                "bilinear, without aligned corners",
            ),
            "cuts a piece out": Wrong(
                """
def resize_positions(positions, new_grid):
    return positions[:, : 1 + new_grid**2]
""",
                "differ from torchvision",
            ),
            "turns the grid": Wrong(
                _resize_positions(_BACK, "(grid if new_grid == n else grid.mT).reshape(1, d, -1).permute(0, 2, 1)"),
                "rows have become columns",
            ),
            "forgets the class token": Wrong(
                _resize_positions(_TOGETHER, "return patches"), "[1, 17, 5] was expected. The class token first"
            ),
            "float32 for all but double precision": Wrong(
                _resize_positions(
                    _TOGETHER,
                    """both = torch.cat([token, patches], dim=1)
    return both if positions.dtype == torch.double else both.float()""",
                ),
                "The positions came in torch.float16",
            ),
            "knows two dtypes": Wrong(
                _resize_positions(
                    _TOGETHER,
                    """both = torch.cat([token, patches], dim=1)
    return both if positions.dtype == torch.double else both.to(torch.promote_types(positions.dtype, torch.half))""",
                ),
                "The positions came in torch.bfloat16",
            ),
            "rounds on the way": Wrong(
                _resize_positions("patches.permute(0, 2, 1)", "patches.bfloat16().to(patches.dtype).permute(0, 2, 1)"),
                "your numbers differ from torchvision's",
            ),
            "refuses half precision": Wrong(
                _resize_positions(
                    "    grid = patches.permute",
                    """    if positions.dtype == torch.half:
        raise ValueError("half precision")
    grid = patches.permute""",
                ),
                "From a 6 x 6 grid to 4 x 4, in torch.float16, your function refused",
            ),
            "refuses the grid that it has": Wrong(
                _resize_positions("n * n != count:", "n * n != count or n == new_grid:"),
                "From a 5 x 5 grid to 5 x 5, in torch.float32, your function refused",
            ),
            "wants more than one patch": Wrong(
                _resize_positions("n * n != count:", "n * n != count or n < 2:"), "From a 1 x 1 grid to 3 x 3"
            ),
            "wants more than one cell": Wrong(
                _resize_positions("size=new_grid", "size=max(2, new_grid)"), "RuntimeError", outcome="error"
            ),
            "lets PyTorch stumble over what is no square": Wrong(
                _resize_positions(_SQUARE, ""), "raise a `ValueError`"
            ),
            "accepts what is no square": Wrong(
                but_for(_resize_positions(_SQUARE, ""), "patches.permute", "patches[:, : n * n].permute"),
                "12 patches are no square grid",
            ),
            "asks how often the side goes into the count": Wrong(
                but_for(
                    _resize_positions("n * n != count", "count // n != n"),
                    "patches.permute",
                    "patches[:, : n * n].permute",
                ),
                "10 patches are no square grid",
            ),
            "counts the class token with the patches": Wrong(
                """
def resize_positions(positions, new_grid):
    token, patches = positions[:, :1], positions[:, 1:]
    n, d = round(patches.shape[1] ** 0.5), patches.shape[2]
    if n * n not in (patches.shape[1], positions.shape[1]):
        raise ValueError("no square")
    grid = patches if patches.shape[1] == n * n else positions
    grid = grid.permute(0, 2, 1).reshape(1, d, n, n)
    grid = F.interpolate(grid, size=new_grid, mode="bicubic", align_corners=True)
    return torch.cat([token, grid.reshape(1, d, -1).permute(0, 2, 1)], dim=1)
""",
                "15 patches are no square grid",
            ),
            "no permute on the way back": Wrong(
                _resize_positions(_BACK, "grid.reshape(1, -1, d)"), "mixed up on the way back"
            ),
            "takes the last position for the token": Wrong(
                _resize_positions("positions[:, 1:]", "positions[:, :-1]"), "with the class token in it"
            ),
            "smooths with antialias": Wrong(
                _resize_positions(", align_corners=True", ", align_corners=True, antialias=True"), "antialias=True"
            ),
            "a scale in place of a size": Wrong(
                but_for(_resize_positions("size=new_grid", "scale_factor=new_grid / n"), "new_grid * new_grid", "-1"),
                "`scale_factor` is rounded down",
            ),
            "computes in double precision": Wrong(
                _resize_positions(
                    "    _, count, d =", "    token, patches = token.double(), patches.double()\n    _, count, d ="
                ),
                "give back the dtype that came in",
            ),
            "gives float32 whatever came": Wrong(
                _resize_positions(_TOGETHER, "return torch.cat([token, patches], dim=1).float()"),
                "The positions came in torch.float64",
            ),
            "scales the positions in place": Wrong(
                _resize_positions("    token, patches =", "    positions -= positions.mean()\n    token, patches ="),
                "changed `positions`",
            ),
            "says nothing of what is no square": Wrong(
                _resize_positions('ValueError(f"{count} patches are no square grid")', "ValueError"), "says nothing"
            ),
            "a tensor that equals all others": Wrong(
                _SAME + _resize_positions(_TOGETHER, "return torch.zeros(1, 1 + new_grid**2, d).as_subclass(Same)"),
                "The class token came out changed",
            ),
            "returns a list": Wrong(_resize_positions(_TOGETHER, "return [token, patches]"), "a tensor was expected"),
        },
    ),
    "6.4": Answers(
        right={
            "numpy": """
import numpy as np

def choose(networks, most_megabytes, least_speed):
    size, speed, accuracy = (
        np.array([one[key] for one in networks], dtype=float) for key in ("megabytes", "speed", "accuracy")
    )
    small, fast = size <= most_megabytes, speed >= least_speed
    if not (small & fast).any():
        unmet = [word for word, met in (("megabytes", small), ("speed", fast)) if not met.any()]
        raise ValueError(" ".join(unmet or ["megabytes", "speed"]))
    known = np.where(small & fast, accuracy, np.nan)
    if np.isnan(known).all():
        raise ValueError("no accuracy is known")
    best = max(np.flatnonzero(known == np.nanmax(known)), key=lambda index: speed[index])
    return np.str_(networks[best]["name"])
""",
            "an error of its own kind": "class NothingFits(ValueError):\n    pass\n"
            + EXERCISES["6.4"].answer.replace("raise ValueError", "raise NothingFits"),
            "one pass over the list": ONE_PASS,
            "by sorting": """
def choose(networks, most_megabytes, least_speed):
    def known(one):
        return isinstance(one["accuracy"], (int, float)) and math.isfinite(one["accuracy"])

    too_large = all(one["megabytes"] > most_megabytes for one in networks)
    too_slow = all(one["speed"] < least_speed for one in networks)
    if too_large or too_slow:
        raise ValueError("too many megabytes" * too_large + " too little speed" * too_slow)
    left = [one for one in networks if one["megabytes"] <= most_megabytes and one["speed"] >= least_speed]
    if not left:
        raise ValueError("megabytes and speed cannot both be had")
    left = sorted(filter(known, left), key=lambda one: (-one["accuracy"], -one["speed"]))
    if not left:
        raise ValueError("unknown accuracy")
    return left[0]["name"]
""",
            "in capitals": """
def choose(networks, most_megabytes, least_speed):
    def known(one):
        return one["accuracy"] is not None and not math.isnan(one["accuracy"])

    small = [one for one in networks if one["megabytes"] <= most_megabytes]
    fast = [one for one in networks if one["speed"] >= least_speed]
    fitting = [one for one in small if one in fast]
    if networks and not small and fast:
        raise ValueError(f"Megabytes: none has {most_megabytes} or fewer")
    if networks and small and not fast:
        raise ValueError(f"Speed: none reaches {least_speed}")
    if not fitting:
        raise ValueError("Megabytes and Speed: none is within both limits")
    left = [one for one in fitting if known(one)]
    if not left:
        raise ValueError("Accuracy: unknown")
    return max(left, key=lambda one: (one["accuracy"], one["speed"]))["name"]
""",
            "says what fits into which limits": """
def choose(networks, most_megabytes, least_speed):
    small = [one for one in networks if one["megabytes"] <= most_megabytes]
    fast = [one for one in networks if one["speed"] >= least_speed]
    fitting = [one for one in small if one in fast]
    if not fitting:
        words = [word for word, met in (("megabytes", small), ("speed", fast)) if not met]
        raise ValueError(" and ".join(words) or "megabytes and speed")
    known = [one for one in fitting if one["accuracy"] is not None and not math.isnan(one["accuracy"])]
    if not known:
        raise ValueError("within these megabytes, at this speed, no accuracy is known")
    return max(known, key=lambda one: (one["accuracy"], one["speed"]))["name"]
""",
            "names its arguments": _choose(
                _REFUSE,
                """    if not fitting:
        unmet = [limit for limit, met in (("most_megabytes", small), ("least_speed", fast)) if not met]
        raise ValueError("loosen " + " and ".join(unmet or ["most_megabytes", "least_speed"]))
""",
            ),
        },
        wrong={
            "compares with None": Wrong(
                but_for(_choose(" " + _KNOWN, ""), _BEST, 'max(known, key=lambda one: one["accuracy"])["name"]'),
                "TypeError",
                outcome="error",
            ),
            "remembers the speed of the last alone": Wrong(
                but_for(ONE_PASS, "fast or keeps_up", "keeps_up"), "the last is too slow as well"
            ),
            "remembers the size of the last alone": Wrong(
                but_for(ONE_PASS, "small or fits", "fits"), "the last is too large as well"
            ),
            "lets NaN win": Wrong(_choose(' and not math.isnan(one["accuracy"])', ""), "NaN"),
            "takes the first of equals": Wrong(
                _choose('(one["accuracy"], one["speed"]))["name"]', 'one["accuracy"])["name"]'), "equally accurate"
            ),
            "excludes the limits": Wrong(
                but_for(_choose("<= most_megabytes", "< most_megabytes"), ">= least_speed", "> least_speed"),
                "exactly on both limits",
            ),
            "takes 0 for unknown": Wrong(
                but_for(
                    _choose('one["accuracy"] is not None and', 'one["accuracy"] and'),
                    _UNKNOWN,
                    "    if not known:\n        return None\n",
                ),
                "accuracy of 0 is known",
            ),
            "looks at one limit only": Wrong(
                _choose("[one for one in small if one in fast]", "small"), "no network is fast enough"
            ),
            "returns None where nothing fits": Wrong(
                but_for(_choose(_REFUSE, ""), _UNKNOWN, "    if not known:\n        return None\n"),
                "your function gave back `None`: raise a `ValueError`",
            ),
            "blames both limits always": Wrong(
                _choose('unmet or ["megabytes", "speed"]', '["megabytes", "speed"]'),
                "names `speed` as well, where nothing is wrong",
            ),
            "lets max complain": Wrong(but_for(_choose(_REFUSE, ""), _UNKNOWN, ""), "should name `megabytes`"),
            "removes what does not fit from the list": Wrong(
                """
def choose(networks, most_megabytes, least_speed):
    for one in list(networks):
        if one["megabytes"] > most_megabytes or one["speed"] < least_speed:
            networks.remove(one)
    return max(networks, key=lambda one: (one["accuracy"], one["speed"]))["name"]
""",
                "changed `networks`",
            ),
            "blames the accuracy always": Wrong(
                _choose('" and ".join(unmet or ["megabytes", "speed"]))', '" and ".join([*unmet, "accuracy"]))'),
                "names `accuracy` as well",
            ),
            "asks for the limits only among the known": Wrong(
                _choose(
                    "    small =",
                    """    if all(one["megabytes"] > most_megabytes or one["speed"] < least_speed for one in networks):
        networks = [one for one in networks if one["accuracy"]]
    small =""",
                ),
                "a is small enough, and no network is fast enough",
            ),
            "drops the unknown before all else": Wrong(
                _choose("    small =", f"    networks = [one for one in networks {_KNOWN}]\n    small ="),
                "accuracy is unknown",
            ),
            "stops at the first unmet limit": Wrong(
                _choose('unmet or ["megabytes", "speed"]', 'unmet[:1] or ["megabytes", "speed"]'),
                "no network is small enough, and none is fast enough",
            ),
            "returns nothing for an empty list": Wrong(
                _choose("    small =", "    if not networks:\n        return None\n    small ="), "the list is empty"
            ),
            "clears the list before it raises": Wrong(
                _choose("    if not fitting:\n", "    if not fitting:\n        networks = networks.clear()\n"),
                "changed `networks`",
            ),
            "breaks ties by size": Wrong(
                _choose('(one["accuracy"], one["speed"])', '(one["accuracy"], one["megabytes"])'),
                "Equally accurate, and b is faster",
            ),
            "rounds the accuracy": Wrong(
                _choose('(one["accuracy"], one["speed"])', '(round(one["accuracy"]), one["speed"])'),
                "more accurate by a tenth",
            ),
            "calls the unknown zero": Wrong(
                _choose(
                    "    small =",
                    """    for one in networks:
        one["accuracy"] = one["accuracy"] or 0
    small =""",
                ),
                "changed `networks`",
            ),
            "returns the network": Wrong(
                _choose(_BEST, 'max(known, key=lambda one: (one["accuracy"], one["speed"]))'),
                "return the name of one network",
            ),
            "a name that equals all others": Wrong(liar("str") + _choose(_BEST, 'Liar("z")'), "yours is 'z'"),
            "counts on three networks": Wrong(
                _choose("    small =", "    _, _, _ = networks\n    small ="),
                "a's accuracy is unknown (None) (a: megabytes 20",
            ),
            "refuses a list with an unknown accuracy": Wrong(
                _choose(
                    "    small =",
                    """    if any(one["accuracy"] is None for one in networks):
        raise ValueError("the accuracy of one is unknown")
    small =""",
                ),
                "a's accuracy is unknown (None) (a: megabytes 20",
            ),
            "looks for another key": Wrong(
                EXERCISES["6.4"].answer.replace('["speed"]', '["images_a_second"]'),
                "at most 200 megabytes, speed 10): your code stopped with `KeyError: 'images_a_second'`",
                outcome="error",
            ),
            "the smallest that fits": Wrong(
                _choose(_BEST, 'min(known, key=lambda one: one["megabytes"])["name"]'), "the answer is b, yours is 'a'"
            ),
            "names the limit within another word": Wrong(
                _choose('(("megabytes", small), ("speed", fast))', '(("gigamegabytes", small), ("speed", fast))'),
                "should name `megabytes`",
            ),
        },
    ),
}
