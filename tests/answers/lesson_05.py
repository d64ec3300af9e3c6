"""Answers to lesson 05: differential learning rates."""

from __future__ import annotations

from tests.answers import Answers, Wrong

ANSWERS = {
    "5.1": Answers(
        right={
            "compares objects one by one": """
def in_no_group(model, optimizer):
    held = []
    for group in optimizer.param_groups:
        held.extend(group["params"])
    forgotten = []
    for name, parameter in model.named_parameters():
        if parameter.requires_grad and not any(parameter is one for one in held):
            forgotten.append(name)
    return forgotten
""",
            "a set of the tensors themselves": """
def in_no_group(model, optimizer):
    held = set(p for g in optimizer.param_groups for p in g["params"])
    return {name for name, p in model.named_parameters() if p.requires_grad and p not in held}
""",
        },
        wrong={
            "looks for missing gradients": Wrong(
                """
def in_no_group(model, optimizer):
    return [name for name, p in model.named_parameters() if not p.requires_grad]
""",
                "misses `conv1.weight`",
            ),
            "counts what was frozen on purpose": Wrong(
                """
def in_no_group(model, optimizer):
    held = {id(p) for group in optimizer.param_groups for p in group["params"]}
    return [name for name, p in model.named_parameters() if id(p) not in held]
""",
                "frozen on purpose",
            ),
            "compares numbers": Wrong(
                """
def in_no_group(model, optimizer):
    held = [p for group in optimizer.param_groups for p in group["params"]]
    same = lambda a, b: a.shape == b.shape and torch.equal(a, b)
    return [n for n, p in model.named_parameters() if p.requires_grad and not any(same(p, one) for one in held)]
""",
                "misses `bn1.weight`",
            ),
            "looks at the first group only": Wrong(
                """
def in_no_group(model, optimizer):
    held = {id(p) for p in optimizer.param_groups[0]["params"]}
    return [name for name, p in model.named_parameters() if p.requires_grad and id(p) not in held]
""",
                "no forgotten parameter",
            ),
            "names the children": Wrong(
                """
def in_no_group(model, optimizer):
    held = {id(p) for group in optimizer.param_groups for p in group["params"]}
    return [n for n, child in model.named_children() if not any(id(p) in held for p in child.parameters())]
""",
                "misses `conv1.weight`",
            ),
            "returns how many": Wrong(
                """
def in_no_group(model, optimizer):
    held = {id(p) for group in optimizer.param_groups for p in group["params"]}
    return sum(id(p) not in held for p in model.parameters())
""",
                "Return a list of names",
            ),
            "asks with `in` on a list": Wrong(
                """
def in_no_group(model, optimizer):
    held = [p for group in optimizer.param_groups for p in group["params"]]
    return [name for name, p in model.named_parameters() if p.requires_grad and p not in held]
""",
                "RuntimeError",
                outcome="error",
            ),
            "gives the forgotten a group": Wrong(
                """
def in_no_group(model, optimizer):
    held = {id(p) for group in optimizer.param_groups for p in group["params"]}
    forgotten = [name for name, p in model.named_parameters() if p.requires_grad and id(p) not in held]
    if forgotten:
        optimizer.add_param_group({"params": [model.get_parameter(name) for name in forgotten]})
    return forgotten
""",
                "changed the optimizer's groups",
            ),
            "freezes the forgotten": Wrong(
                """
def in_no_group(model, optimizer):
    held = {id(p) for group in optimizer.param_groups for p in group["params"]}
    forgotten = [name for name, p in model.named_parameters() if p.requires_grad and id(p) not in held]
    for name in forgotten:
        model.get_parameter(name).requires_grad_(False)
    return forgotten
""",
                "changed `requires_grad` of `conv1.weight`",
            ),
            "takes a step to see what moves": Wrong(
                """
def in_no_group(model, optimizer):
    before = {name: p.detach().clone() for name, p in model.named_parameters()}
    for p in model.parameters():
        p.grad = torch.ones_like(p)
    optimizer.step()
    return [name for name, p in model.named_parameters() if p.requires_grad and torch.equal(p, before[name])]
""",
                "changed the numbers of `layer1.0.conv1.weight`",
            ),
        },
    ),
    "5.2": Answers(
        right={
            "by prefix with the dot": """
def make_groups(model, rates):
    left = dict(model.named_parameters())
    groups = []
    for part, rate in rates.items():
        mine = [name for name in left if name == part or name.startswith(part + ".")]
        if not mine:
            raise ValueError(f"{part} holds nothing")
        groups.append({"params": [left.pop(name) for name in mine], "lr": rate, "name": part})
    if left:
        raise ValueError("in no group: " + ", ".join(left))
    return groups
""",
            "one group a parameter": """
def make_groups(model, rates):
    groups, used = [], set()
    for name, parameter in model.named_parameters():
        part = name.partition(".")[0]
        if part not in rates:
            raise ValueError(f"no rate for {name}")
        used.add(part)
        groups.append({"params": [parameter], "lr": rates[part]})
    if unused := set(rates) - used:
        raise ValueError(f"nothing under {unused}")
    return groups
""",
            "names one forgotten child": """
def make_groups(model, rates):
    parts = {name.split(".")[0] for name, _ in model.named_parameters()}
    for part in sorted(parts ^ set(rates)):
        raise ValueError(f"`{part}` is in the network or in the rates alone")
    named = list(model.named_parameters())
    return [{"params": [p for n, p in named if n.split(".")[0] == part], "lr": rates[part]} for part in rates]
""",
        },
        wrong={
            "forgets in silence": Wrong(
                """
def make_groups(model, rates):
    return [{"params": list(getattr(model, part).parameters()), "lr": rate} for part, rate in rates.items()]
""",
                "`token`",
            ),
            "layer1 takes layer10 too": Wrong(
                """
def make_groups(model, rates):
    return [
        {"params": [p for name, p in model.named_parameters() if name.startswith(part)], "lr": rate}
        for part, rate in rates.items()
    ]
""",
                "is in two groups",
            ),
            "the same rate for all": Wrong(
                """
def make_groups(model, rates):
    return [{"params": list(model.parameters()), "lr": max(rates.values())}]
""",
                "should get the rate",
            ),
            "an unknown name goes unnoticed": Wrong(
                """
def make_groups(model, rates):
    groups = {part: {"params": [], "lr": rate} for part, rate in rates.items()}
    for name, parameter in model.named_parameters():
        part = name.split(".")[0]
        if part not in groups:
            raise ValueError(f"no rate for {name}")
        groups[part]["params"].append(parameter)
    return list(groups.values())
""",
                "has no `layer2`",
            ),
            "a message without the name": Wrong(
                """
def make_groups(model, rates):
    groups = {part: {"params": [], "lr": rate} for part, rate in rates.items()}
    for name, parameter in model.named_parameters():
        part = name.split(".")[0]
        if part not in groups:
            raise ValueError("a parameter was forgotten")
        groups[part]["params"].append(parameter)
    return list(groups.values())
""",
                "should name `token`",
            ),
            "leaves the rates out": Wrong(
                """
def make_groups(model, rates):
    groups = {part: [] for part in rates}
    for name, parameter in model.named_parameters():
        groups[name.split(".")[0]].append(parameter)
    return [{"params": params} for params in groups.values()]
""",
                "its group says None",
            ),
            "a KeyError in place of a ValueError": Wrong(
                """
def make_groups(model, rates):
    groups = {part: {"params": [], "lr": rate} for part, rate in rates.items()}
    for name, parameter in model.named_parameters():
        groups[name.split(".")[0]]["params"].append(parameter)
    return list(groups.values())
""",
                "KeyError",
                outcome="error",
            ),
            "returns the dict": Wrong(
                """
def make_groups(model, rates):
    return {part: list(getattr(model, part).parameters()) for part in rates}
""",
                "Return a list of dicts",
            ),
            "finds the part anywhere in the name": Wrong(
                """
def make_groups(model, rates):
    groups = [
        {"params": [p for name, p in model.named_parameters() if f"{part}." in f"{name}."], "lr": rate}
        for part, rate in rates.items()
    ]
    if not all(group["params"] for group in groups):
        raise ValueError(f"something holds nothing: {list(rates)}")
    return groups
""",
                "`layer1.0.conv1.weight`, `layer1.0.conv1.bias`",
            ),
            "the first part that is found anywhere in the name": Wrong(
                """
def make_groups(model, rates):
    groups = {part: {"params": [], "lr": rate} for part, rate in rates.items()}
    for name, parameter in model.named_parameters():
        part = next((part for part in rates if f"{part}." in f"{name}."), None)
        if part is None:
            raise ValueError(f"no rate for {name}")
        groups[part]["params"].append(parameter)
    if empty := [part for part, group in groups.items() if not group["params"]]:
        raise ValueError(f"nothing under {empty}")
    return list(groups.values())
""",
                "should get the rate 0.0001; its group says 1e-05",
            ),
            "the longest part that the name begins with": Wrong(
                """
def make_groups(model, rates):
    groups = {part: {"params": [], "lr": rate} for part, rate in rates.items()}
    for name, parameter in model.named_parameters():
        part = max((p for p in rates if name.startswith(p)), key=len, default=None)
        if part is None:
            raise ValueError(f"no rate for {name}")
        groups[part]["params"].append(parameter)
    if empty := [part for part, group in groups.items() if not group["params"]]:
        raise ValueError(f"nothing under {empty}")
    return list(groups.values())
""",
                "leave `layer10` out",
            ),
            "a child without parameters goes unnoticed": Wrong(
                """
def make_groups(model, rates):
    for part in rates:
        if not hasattr(model, part):
            raise ValueError(f"the network has no {part}")
    groups = {part: {"params": [], "lr": rate} for part, rate in rates.items()}
    for name, parameter in model.named_parameters():
        part = name.split(".")[0]
        if part not in groups:
            raise ValueError(f"no rate for {name}")
        groups[part]["params"].append(parameter)
    return list(groups.values())
""",
                "no parameter in `relu`",
            ),
            "leaves the frozen out": Wrong(
                """
def make_groups(model, rates):
    groups = {part: {"params": [], "lr": rate} for part, rate in rates.items()}
    known = set()
    for name, parameter in model.named_parameters():
        part = name.split(".")[0]
        if part not in groups:
            raise ValueError(f"no rate for {name}")
        known.add(part)
        if parameter.requires_grad:
            groups[part]["params"].append(parameter)
    if empty := set(rates) - known:
        raise ValueError(f"nothing under {empty}")
    return list(groups.values())
""",
                "is frozen and in no group",
            ),
        },
    ),
    "5.3": Answers(
        right={
            "goes by the kind of the layer": """
def decay_groups(model, decay):
    spared = []
    for module in model.modules():
        for name, parameter in module.named_parameters(recurse=False):
            if name == "bias" or isinstance(module, nn.BatchNorm2d | nn.GroupNorm | nn.LayerNorm):
                spared.append(parameter)
    decayed = [p for p in model.parameters() if all(p is not one for one in spared)]
    return [{"params": decayed, "weight_decay": decay}, {"params": spared, "weight_decay": 0}]
""",
            "spares a table of positions": """
def decay_groups(model, decay):
    def decays(name, parameter):
        return name.endswith(".weight") and parameter.ndim > 1

    named = list(model.named_parameters())
    return [
        {"params": [p for n, p in named if decays(n, p)], "weight_decay": decay},
        {"params": [p for n, p in named if not decays(n, p)], "weight_decay": 0.0},
    ]
""",
        },
        wrong={
            "decay on everything": Wrong(
                """
def decay_groups(model, decay):
    return [{"params": list(model.parameters()), "weight_decay": decay}]
""",
                "without any gradient",
            ),
            "spares biases only": Wrong(
                """
def decay_groups(model, decay):
    biases = [p for name, p in model.named_parameters() if name.endswith("bias")]
    weights = [p for name, p in model.named_parameters() if not name.endswith("bias")]
    return [{"params": weights, "weight_decay": decay}, {"params": biases, "weight_decay": 0.0}]
""",
                "a norm's scale or shift",
            ),
            "the wrong way round": Wrong(
                """
def decay_groups(model, decay):
    return [
        {"params": [p for p in model.parameters() if p.ndim <= 1], "weight_decay": decay},
        {"params": [p for p in model.parameters() if p.ndim > 1], "weight_decay": 0.0},
    ]
""",
                "should go from 1 to 0.95",
            ),
            "leaves the rest out": Wrong(
                """
def decay_groups(model, decay):
    return [{"params": [p for p in model.parameters() if p.ndim > 1], "weight_decay": decay}]
""",
                "would never be trained",
            ),
            "takes convolutions only": Wrong(
                """
def decay_groups(model, decay):
    return [
        {"params": [p for p in model.parameters() if p.ndim == 4], "weight_decay": decay},
        {"params": [p for p in model.parameters() if p.ndim < 4], "weight_decay": 0.0},
    ]
""",
                "`fc.weight` should go from 1 to 0.95",
            ),
            "a decay of its own": Wrong(
                """
def decay_groups(model, decay):
    return [
        {"params": [p for p in model.parameters() if p.ndim > 1], "weight_decay": 1e-4},
        {"params": [p for p in model.parameters() if p.ndim <= 1], "weight_decay": 0.0},
    ]
""",
                "should go from 1 to 0.95",
            ),
            "returns two lists": Wrong(
                """
def decay_groups(model, decay):
    return [p for p in model.parameters() if p.ndim > 1], [p for p in model.parameters() if p.ndim <= 1]
""",
                "Return a list of dicts",
            ),
            "leaves the frozen out": Wrong(
                """
def decay_groups(model, decay):
    trainable = [p for p in model.parameters() if p.requires_grad]
    return [
        {"params": [p for p in trainable if p.ndim > 1], "weight_decay": decay},
        {"params": [p for p in trainable if p.ndim <= 1], "weight_decay": 0.0},
    ]
""",
                "is frozen and in no group",
            ),
            "knows two and four dimensions": Wrong(
                """
def decay_groups(model, decay):
    return [
        {"params": [p for p in model.parameters() if p.ndim in (2, 4)], "weight_decay": decay},
        {"params": [p for p in model.parameters() if p.ndim == 1], "weight_decay": 0.0},
    ]
""",
                "`positions`, `conv.weight` is in no group",
            ),
            "forgets a kind of norm": Wrong(
                """
def decay_groups(model, decay):
    spared = []
    for module in model.modules():
        for name, parameter in module.named_parameters(recurse=False):
            if name == "bias" or isinstance(module, nn.BatchNorm2d | nn.LayerNorm):
                spared.append(parameter)
    decayed = [p for p in model.parameters() if all(p is not one for one in spared)]
    return [{"params": decayed, "weight_decay": decay}, {"params": spared, "weight_decay": 0}]
""",
                "`group_norm.weight` is a norm's scale or shift",
            ),
        },
    ),
    "5.4": Answers(
        right={
            "clamped with min and max": """
def rate_factor(step, steps, warm_up):
    if steps <= 0:
        raise ValueError("no steps")
    if warm_up < 0 or warm_up >= steps:
        raise ValueError("warm-up must leave a step")
    if warm_up and step < warm_up:
        return (step + 1) / warm_up
    done = max(0.0, min(1.0, (step - warm_up) / (steps - warm_up)))
    return (1 + math.cos(done * math.pi)) / 2
""",
            "a tensor in single precision": """
def rate_factor(step, steps, warm_up):
    if steps < 1 or not 0 <= warm_up < steps:
        raise ValueError("no")
    if step < warm_up:
        return torch.tensor((step + 1) / warm_up)
    return torch.tensor(0.5 * (1 + math.cos(math.pi * min(1, (step - warm_up) / (steps - warm_up)))))
""",
            "numpy's single precision": """
import numpy as np

def rate_factor(step, steps, warm_up):
    if steps < 1 or not 0 <= warm_up < steps:
        raise ValueError("no")
    if step < warm_up:
        return np.float32((step + 1) / warm_up)
    return np.float32(0.5 * (1 + math.cos(math.pi * min(1, (step - warm_up) / (steps - warm_up)))))
""",
            "fractions": """
from fractions import Fraction

def rate_factor(step, steps, warm_up):
    if steps < 1 or not 0 <= warm_up < steps:
        raise ValueError("no")
    if step < warm_up:
        return Fraction(step + 1, warm_up)
    return Fraction(0.5 * (1 + math.cos(math.pi * min(1, (step - warm_up) / (steps - warm_up)))))
""",
        },
        wrong={
            "starts at zero": Wrong(
                """
def rate_factor(step, steps, warm_up):
    if steps < 1 or not 0 <= warm_up < steps:
        raise ValueError("no")
    if step < warm_up:
        return step / warm_up
    return 0.5 * (1 + math.cos(math.pi * min(1, (step - warm_up) / (steps - warm_up))))
""",
                "`rate_factor(0, 100, 10)` should be 0.1",
            ),
            "the cosine runs from the first step": Wrong(
                """
def rate_factor(step, steps, warm_up):
    if steps < 1 or not 0 <= warm_up < steps:
        raise ValueError("no")
    if step < warm_up:
        return (step + 1) / warm_up
    return 0.5 * (1 + math.cos(math.pi * min(1, step / steps)))
""",
                "`rate_factor(10, 100, 10)` should be 1.0000",
            ),
            "comes up again past the end": Wrong(
                """
def rate_factor(step, steps, warm_up):
    if steps < 1 or not 0 <= warm_up < steps:
        raise ValueError("no")
    if step < warm_up:
        return (step + 1) / warm_up
    return 0.5 * (1 + math.cos(math.pi * (step - warm_up) / (steps - warm_up)))
""",
                "`rate_factor(130, 100, 10)` should be 0.0000",
            ),
            "a straight line down": Wrong(
                """
def rate_factor(step, steps, warm_up):
    if steps < 1 or not 0 <= warm_up < steps:
        raise ValueError("no")
    if step < warm_up:
        return (step + 1) / warm_up
    return max(0.0, 1 - (step - warm_up) / (steps - warm_up))
""",
                "`rate_factor(32, 100, 10)`",
            ),
            "accepts any schedule": Wrong(
                """
def rate_factor(step, steps, warm_up):
    if warm_up > 0 and step < warm_up:
        return (step + 1) / warm_up
    done = min(1.0, (step - warm_up) / max(1, steps - warm_up))
    return 0.5 * (1 + math.cos(math.pi * done))
""",
                "raise a `ValueError`",
            ),
            "refuses to start without warm-up": Wrong(
                """
def rate_factor(step, steps, warm_up):
    if steps < 1 or not 0 < warm_up < steps:
        raise ValueError("some warm-up, please")
    if step < warm_up:
        return (step + 1) / warm_up
    return 0.5 * (1 + math.cos(math.pi * min(1, (step - warm_up) / (steps - warm_up))))
""",
                "ValueError",
                outcome="error",
            ),
            "divides by no warm-up": Wrong(
                """
def rate_factor(step, steps, warm_up):
    if steps < 1 or not 0 <= warm_up < steps:
        raise ValueError("no")
    rising = (step + 1) / warm_up
    falling = 0.5 * (1 + math.cos(math.pi * min(1, (step - warm_up) / (steps - warm_up))))
    return rising if step < warm_up else falling
""",
                "ZeroDivisionError",
                outcome="error",
            ),
            "prints and returns nothing": Wrong(
                """
def rate_factor(step, steps, warm_up):
    if steps < 1 or not 0 <= warm_up < steps:
        raise ValueError("no")
    factor = (step + 1) / max(1, warm_up)
""",
                "should be one number",
            ),
            "the peak is a number of its own": Wrong(
                """
def rate_factor(step, steps, warm_up):
    if steps < 1 or not 0 <= warm_up < steps:
        raise ValueError("no")
    if step < warm_up:
        return (step + 1) / 10
    return 0.5 * (1 + math.cos(math.pi * min(1, (step - warm_up) / (steps - warm_up))))
""",
                "In a `LambdaLR` of 20 steps",
            ),
        },
    ),
    "5.5": Answers(
        right={
            "one long vector": """
def travelled(before, after, part):
    names = [n for n, v in before.items() if n.split(".")[0] == part and v.is_floating_point()]
    start = torch.cat([before[n].flatten() for n in names])
    end = torch.cat([after[n].flatten() for n in names])
    way, length = (end - start).norm(), start.norm()
    if way == 0:
        return 0.0
    return (way / length).item() if length > 0 else float("inf")
""",
            "division by zero left to the tensor": """
def travelled(before, after, part):
    mine = [n for n, v in before.items() if n.startswith(part + ".") and v.is_floating_point()]
    pairs = [(before[n].flatten(), after[n].flatten()) for n in mine]
    start, end = torch.cat([a for a, _ in pairs]), torch.cat([b for _, b in pairs])
    return (end - start).norm() / start.norm() if not torch.equal(start, end) else 0
""",
            "numpy's single precision": """
import numpy as np

def travelled(before, after, part):
    names = [n for n in before if n.startswith(part + ".") and before[n].dtype.is_floating_point]
    way = np.float32(sum(np.square((after[n] - before[n]).numpy()).sum() for n in names))
    length = np.float32(sum(np.square(before[n].numpy()).sum() for n in names))
    return np.float32(0) if way == 0 else np.sqrt(way / length) if length else np.float32("inf")
""",
        },
        wrong={
            "adds the ways up": Wrong(
                """
def travelled(before, after, part):
    total = 0.0
    for name, start in before.items():
        if name.startswith(part + ".") and start.is_floating_point() and start.norm() > 0:
            total += ((after[name] - start).norm() / start.norm()).item()
    return total
""",
                "became 1.5 times as large",
            ),
            "the distance alone": Wrong(
                """
def travelled(before, after, part):
    way = sum((after[n] - v).square().sum() for n, v in before.items() if n.startswith(part + ".") and v.ndim)
    return math.sqrt(way)
""",
                "became 1.5 times as large",
            ),
            "layer1 takes layer10 too": Wrong(
                """
def travelled(before, after, part):
    way = length = 0.0
    for name, start in before.items():
        if name.startswith(part) and start.is_floating_point():
            way += (after[name] - start).square().sum().item()
            length += start.square().sum().item()
    return 0.0 if way == 0 else math.sqrt(way / length) if length else math.inf
""",
                "became 1.5 times as large",
            ),
            "counts the counter": Wrong(
                """
def travelled(before, after, part):
    way = length = 0.0
    for name, start in before.items():
        if name.startswith(part + "."):
            way += (after[name] - start).float().square().sum().item()
            length += start.float().square().sum().item()
    return 0.0 if way == 0 else math.sqrt(way / length) if length else math.inf
""",
                "counter of batches",
            ),
            "NaN from zeros": Wrong(
                """
def travelled(before, after, part):
    names = [n for n, v in before.items() if n.startswith(part + ".") and v.is_floating_point()]
    way = sum((after[n] - before[n]).square().sum() for n in names)
    return (way / sum(before[n].square().sum() for n in names)).sqrt()
""",
                "stayed where it was",
            ),
            "zero length is no distance": Wrong(
                """
def travelled(before, after, part):
    names = [n for n, v in before.items() if n.startswith(part + ".") and v.is_floating_point()]
    way = sum((after[n] - before[n]).square().sum() for n in names)
    length = sum(before[n].square().sum() for n in names)
    return 0.0 if length == 0 else (way / length).sqrt().item()
""",
                "infinitely far",
            ),
            "divides by zero": Wrong(
                """
def travelled(before, after, part):
    names = [n for n, v in before.items() if n.startswith(part + ".") and v.is_floating_point()]
    way = sum((after[n] - before[n]).square().sum().item() for n in names)
    return math.sqrt(way / sum(before[n].square().sum().item() for n in names))
""",
                "ZeroDivisionError",
                outcome="error",
            ),
            "measures against where it arrived": Wrong(
                """
def travelled(before, after, part):
    names = [n for n, v in before.items() if n.startswith(part + ".") and v.is_floating_point()]
    way = sum((after[n] - before[n]).square().sum().item() for n in names)
    length = sum(after[n].square().sum().item() for n in names)
    return 0.0 if way == 0 else math.sqrt(way / length) if length else math.inf
""",
                "became 1.5 times as large",
            ),
            "finds the part anywhere in the name": Wrong(
                """
def travelled(before, after, part):
    way = length = 0.0
    for name, start in before.items():
        if f"{part}." in name and start.is_floating_point():
            way += (after[name] - start).square().sum().item()
            length += start.square().sum().item()
    return 0.0 if way == 0 else math.sqrt(way / length) if length else math.inf
""",
                "`conv1` did not move",
            ),
            "leaves the counter out by its name": Wrong(
                """
def travelled(before, after, part):
    way = length = 0.0
    for name, start in before.items():
        if name.startswith(part + ".") and "num_batches_tracked" not in name:
            way += (after[name] - start).square().sum().item()
            length += start.square().sum().item()
    return 0.0 if way == 0 else math.sqrt(way / length) if length else math.inf
""",
                "a table of whole numbers",
            ),
            "takes what has no dimensions for a counter": Wrong(
                """
def travelled(before, after, part):
    way = length = 0.0
    for name, start in before.items():
        if name.startswith(part + ".") and start.is_floating_point() and start.ndim:
            way += (after[name] - start).square().sum().item()
            length += start.square().sum().item()
    return 0.0 if way == 0 else math.sqrt(way / length) if length else math.inf
""",
                "a scale without dimensions",
            ),
            "weights and biases only": Wrong(
                """
def travelled(before, after, part):
    way = length = 0.0
    for name, start in before.items():
        if name.startswith(part + ".") and name.endswith(("weight", "bias")):
            way += (after[name] - start).square().sum().item()
            length += start.square().sum().item()
    return 0.0 if way == 0 else math.sqrt(way / length) if length else math.inf
""",
                "the running mean moved",
            ),
            "leaves out what starts at zero": Wrong(
                """
def travelled(before, after, part):
    names = [n for n, v in before.items() if n.startswith(part + ".") and v.is_floating_point()]
    if all(before[n].norm() == 0 for n in names):
        return math.inf if any(after[n].norm() > 0 for n in names) else 0.0
    names = [n for n in names if before[n].norm() > 0]
    way = sum((after[n] - before[n]).square().sum().item() for n in names)
    return math.sqrt(way / sum(before[n].square().sum().item() for n in names))
""",
                "a bias moved away from zero",
            ),
        },
    ),
}
