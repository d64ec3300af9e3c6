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
            "names each once for each group": Wrong(
                """
def in_no_group(model, optimizer):
    held = {id(p) for group in optimizer.param_groups for p in group["params"]}
    forgotten = []
    for _ in optimizer.param_groups:
        forgotten += [name for name, p in model.named_parameters() if p.requires_grad and id(p) not in held]
    return forgotten
""",
                "`conv1.weight`, `conv1.bias`, `bn1.weight`, `bn1.bias` more than once",
            ),
            "sets the gradients to zero first": Wrong(
                """
def in_no_group(model, optimizer):
    optimizer.zero_grad(set_to_none=False)
    held = {id(p) for group in optimizer.param_groups for p in group["params"]}
    return [name for name, p in model.named_parameters() if p.requires_grad and id(p) not in held]
""",
                "changed or removed the gradients of `layer1.0.conv1.weight`",
            ),
            "looks at which gradients zero_grad leaves": Wrong(
                """
def in_no_group(model, optimizer):
    optimizer.zero_grad()
    return [name for name, p in model.named_parameters() if p.requires_grad and p.grad is not None]
""",
                "changed or removed the gradients of `layer1.0.conv1.weight`",
            ),
            "takes a step and puts the numbers back": Wrong(
                """
def in_no_group(model, optimizer):
    before = copy.deepcopy(model.state_dict())
    for p in model.parameters():
        p.grad = torch.ones_like(p)
    optimizer.step()
    forgotten = [name for name, p in model.named_parameters() if p.requires_grad and torch.equal(p, before[name])]
    model.load_state_dict(before)
    return forgotten
""",
                "changed or removed the gradients of `conv1.weight`",
            ),
            "takes a step with the gradients as they are": Wrong(
                """
def in_no_group(model, optimizer):
    before = copy.deepcopy(model.state_dict())
    optimizer.step()
    forgotten = [name for name, p in model.named_parameters() if p.requires_grad and torch.equal(p, before[name])]
    model.load_state_dict(before)
    return forgotten
""",
                "momentum remembers it",
            ),
            "leaves the model in eval mode": Wrong(
                """
def in_no_group(model, optimizer):
    model.eval()
    held = {id(p) for group in optimizer.param_groups for p in group["params"]}
    return [name for name, p in model.named_parameters() if p.requires_grad and id(p) not in held]
""",
                "changed the mode of the model",
            ),
            "leaves the model in train mode": Wrong(
                """
def in_no_group(model, optimizer):
    model.train()
    held = {id(p) for group in optimizer.param_groups for p in group["params"]}
    return [name for name, p in model.named_parameters() if p.requires_grad and id(p) not in held]
""",
                "changed the mode of the model",
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
            "a bare tensor for each group": """
def make_groups(model, rates):
    parts = {name: name.split(".")[0] for name, _ in model.named_parameters()}
    if wrong := set(parts.values()) ^ set(rates):
        raise ValueError(f"no rate or no parameter: {wrong}")
    return [{"params": p, "lr": rates[parts[name]]} for name, p in model.named_parameters()]
""",
            "a bare tensor for a parameter of the model itself": """
def make_groups(model, rates):
    groups = []
    for part, rate in rates.items():
        mine = getattr(model, part, None)
        if mine is None or isinstance(mine, nn.Module) and not list(mine.parameters()):
            raise ValueError(f"{part} holds nothing")
        groups.append({"params": mine if isinstance(mine, nn.Parameter) else mine.parameters(), "lr": rate})
    for name, _ in model.named_parameters():
        if name.split(".")[0] not in rates:
            raise ValueError(f"no rate for {name}")
    return groups
""",
            "pairs with names": """
def make_groups(model, rates):
    groups = {part: {"params": [], "lr": rate} for part, rate in rates.items()}
    for name, parameter in model.named_parameters():
        part = name.partition(".")[0]
        if part not in groups:
            raise ValueError(f"no rate for {name}")
        groups[part]["params"].append((name, parameter))
    for part, group in groups.items():
        if not group["params"]:
            raise ValueError(f"{part} holds nothing")
    return list(groups.values())
""",
            "one group for each rate": """
def make_groups(model, rates):
    unused, by_rate = set(rates), {}
    for name, parameter in model.named_parameters():
        part = name.split(".")[0]
        if part not in rates:
            raise ValueError(f"no rate for {name}")
        unused.discard(part)
        by_rate.setdefault(rates[part], []).append(parameter)
    if unused:
        raise ValueError(f"{unused} holds nothing")
    return tuple({"params": params, "lr": rate} for rate, params in by_rate.items())
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
            "a rate of zero is no rate": Wrong(
                """
def make_groups(model, rates):
    groups = {}
    for name, parameter in model.named_parameters():
        part = name.split(".")[0]
        rate = rates.get(part)
        if not rate:
            raise ValueError(f"no rate for {name}")
        groups.setdefault(part, {"params": [], "lr": rate})["params"].append(parameter)
    for part in rates:
        if part not in groups:
            raise ValueError(f"{part} holds nothing")
    return list(groups.values())
""",
                "That is a rate too",
            ),
            "rates by their position": Wrong(
                """
def make_groups(model, rates):
    parts = {name.split(".")[0] for name, _ in model.named_parameters()}
    if wrong := parts ^ set(rates):
        raise ValueError(f"no rate or no parameter: {wrong}")
    own = [name for name, _ in model.named_parameters(recurse=False)]
    parts = [n for n, child in model.named_children() if list(child.parameters())] + own
    named = list(model.named_parameters())
    return [
        {"params": [p for n, p in named if n.split(".")[0] == part], "lr": rate}
        for part, rate in zip(parts, rates.values())
    ]
""",
                "in another order than the parts",
            ),
            "sets of parameters": Wrong(
                """
def make_groups(model, rates):
    parts = {name.split(".")[0] for name, _ in model.named_parameters()}
    if wrong := parts ^ set(rates):
        raise ValueError(f"no rate or no parameter: {wrong}")
    return [
        {"params": {p for n, p in model.named_parameters() if n.split(".")[0] == part}, "lr": rates[part]}
        for part in rates
    ]
""",
                "an optimizer refuses it",
            ),
            "the names in place of the parameters": Wrong(
                """
def make_groups(model, rates):
    parts = {name.split(".")[0] for name, _ in model.named_parameters()}
    if wrong := parts ^ set(rates):
        raise ValueError(f"no rate or no parameter: {wrong}")
    return [
        {"params": [n for n, _ in model.named_parameters() if n.split(".")[0] == part], "lr": rates[part]}
        for part in rates
    ]
""",
                "the parameters themselves, not ['conv1.weight']",
            ),
            "layers in place of their parameters": Wrong(
                """
def make_groups(model, rates):
    parts = {name.split(".")[0] for name, _ in model.named_parameters()}
    if wrong := parts ^ set(rates):
        raise ValueError(f"no rate or no parameter: {wrong}")
    return [{"params": getattr(model, part), "lr": rate} for part, rate in rates.items()]
""",
                "in a list, not Conv2d",
            ),
            "parameters() of every layer": Wrong(
                """
def make_groups(model, rates):
    groups = []
    for part, rate in rates.items():
        own = model.named_parameters(recurse=False)
        params = [p for name, p in own if name == part]
        for name, module in model.named_modules():
            if name.split(".")[0] == part:
                params += module.parameters()
        if not params:
            raise ValueError(f"{part} holds nothing")
        groups.append({"params": params, "lr": rate})
    for name, _ in model.named_parameters():
        if name.split(".")[0] not in rates:
            raise ValueError(f"no rate for {name}")
    return groups
""",
                "`layer1.0.bn1.bias` and 6 more is in one group more than once",
            ),
            "empties the rates": Wrong(
                """
def make_groups(model, rates):
    groups = {}
    for name, parameter in model.named_parameters():
        part = name.split(".")[0]
        if part not in groups:
            if part not in rates:
                raise ValueError(f"no rate for {name}")
            groups[part] = {"params": [], "lr": rates.pop(part)}
        groups[part]["params"].append(parameter)
    if rates:
        raise ValueError(f"holds nothing: {list(rates)}")
    return list(groups.values())
""",
                "changed `rates`, which is now {}",
            ),
            "freezes what has a small rate": Wrong(
                """
def make_groups(model, rates):
    parts = {name.split(".")[0] for name, _ in model.named_parameters()}
    if wrong := parts ^ set(rates):
        raise ValueError(f"no rate or no parameter: {wrong}")
    for name, parameter in model.named_parameters():
        parameter.requires_grad = rates[name.split(".")[0]] > 2e-5
    named = list(model.named_parameters())
    return [{"params": [p for n, p in named if n.split(".")[0] == part], "lr": rates[part]} for part in rates]
""",
                "changed `requires_grad` of `conv1.weight`",
            ),
            "thaws what was frozen": Wrong(
                """
def make_groups(model, rates):
    parts = {name.split(".")[0] for name, _ in model.named_parameters()}
    if wrong := parts ^ set(rates):
        raise ValueError(f"no rate or no parameter: {wrong}")
    model.requires_grad_(True)
    named = list(model.named_parameters())
    return [{"params": [p for n, p in named if n.split(".")[0] == part], "lr": rates[part]} for part in rates]
""",
                "changed `requires_grad` of `bn1.weight`",
            ),
            "leaves the model in train mode": Wrong(
                """
def make_groups(model, rates):
    parts = {name.split(".")[0] for name, _ in model.named_parameters()}
    if wrong := parts ^ set(rates):
        raise ValueError(f"no rate or no parameter: {wrong}")
    model.train()
    named = list(model.named_parameters())
    return [{"params": [p for n, p in named if n.split(".")[0] == part], "lr": rates[part]} for part in rates]
""",
                "changed the mode of the model",
            ),
            "a message with all names": Wrong(
                """
def make_groups(model, rates):
    parts = {name.split(".")[0] for name, _ in model.named_parameters()}
    if parts != set(rates):
        raise ValueError(f"{sorted(parts)} and {sorted(rates)} do not fit")
    named = list(model.named_parameters())
    return [{"params": [p for n, p in named if n.split(".")[0] == part], "lr": rates[part]} for part in rates]
""",
                "names `conv1`, `bn1`, `layer1`, `layer10` and 1 more as well",
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
            "pairs with names": """
def decay_groups(model, decay):
    named = list(model.named_parameters())
    return [
        {"params": [(n, p) for n, p in named if p.ndim > 1], "weight_decay": decay},
        {"params": [(n, p) for n, p in named if p.ndim < 2], "weight_decay": 0.0},
    ]
""",
            "one group a parameter, as a bare tensor": """
def decay_groups(model, decay):
    return [{"params": p, "weight_decay": decay if p.ndim > 1 else 0.0} for p in model.parameters()]
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
            "leaves the second decay to the optimizer": Wrong(
                """
def decay_groups(model, decay):
    return [
        {"params": [p for p in model.parameters() if p.ndim > 1], "weight_decay": decay},
        {"params": [p for p in model.parameters() if p.ndim <= 1]},
    ]
""",
                "`layer1.0.conv1.bias` and 7 more has no `weight_decay`",
            ),
            "thaws what was frozen": Wrong(
                """
def decay_groups(model, decay):
    model.requires_grad_(True)
    return [
        {"params": [p for p in model.parameters() if p.ndim > 1], "weight_decay": decay},
        {"params": [p for p in model.parameters() if p.ndim <= 1], "weight_decay": 0.0},
    ]
""",
                "changed `requires_grad` of `stem.weight`, `stem.bias`",
            ),
            "leaves the model in eval mode": Wrong(
                """
def decay_groups(model, decay):
    model.eval()
    return [
        {"params": [p for p in model.parameters() if p.ndim > 1], "weight_decay": decay},
        {"params": [p for p in model.parameters() if p.ndim <= 1], "weight_decay": 0.0},
    ]
""",
                "changed the mode of the model",
            ),
            "sets of parameters": Wrong(
                """
def decay_groups(model, decay):
    return [
        {"params": {p for p in model.parameters() if p.ndim > 1}, "weight_decay": decay},
        {"params": {p for p in model.parameters() if p.ndim <= 1}, "weight_decay": 0.0},
    ]
""",
                "an optimizer refuses it",
            ),
            "everything, and the spared once more": Wrong(
                """
def decay_groups(model, decay):
    return [
        {"params": list(model.parameters()), "weight_decay": decay},
        {"params": [p for p in model.parameters() if p.ndim <= 1], "weight_decay": 0.0},
    ]
""",
                "is in two groups. It either decays",
            ),
            "named_parameters() of every layer": Wrong(
                """
def decay_groups(model, decay):
    decayed, spared = [], []
    for module in model.modules():
        for _, p in module.named_parameters():
            (decayed if p.ndim > 1 else spared).append(p)
    return [{"params": decayed, "weight_decay": decay}, {"params": spared, "weight_decay": 0.0}]
""",
                "is in one group more than once",
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
            "numpy's where": """
import numpy as np

def rate_factor(step, steps, warm_up):
    if steps < 1 or warm_up < 0 or warm_up >= steps:
        raise ValueError("no")
    done = np.clip((step - warm_up) / (steps - warm_up), 0, 1)
    return np.where(step < warm_up, (step + 1) / max(warm_up, 1), 0.5 * (1 + np.cos(np.pi * done)))
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
            "looks at the schedule in step 0 alone": Wrong(
                """
def rate_factor(step, steps, warm_up):
    if step == 0 and (steps < 1 or not 0 <= warm_up < steps):
        raise ValueError("no")
    if step < warm_up:
        return (step + 1) / warm_up
    return 0.5 * (1 + math.cos(math.pi * min(1, (step - warm_up) / max(1, steps - warm_up))))
""",
                "in step 3: raise a `ValueError` in every step",
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
            "an array of numpy without dimensions": """
import numpy as np

def travelled(before, after, part):
    names = [n for n, v in before.items() if n.startswith(part + ".") and v.is_floating_point()]
    way = np.sqrt(sum(np.square((after[n] - before[n]).numpy()).sum() for n in names))
    length = np.sqrt(sum(np.square(before[n].numpy()).sum() for n in names))
    with np.errstate(all="ignore"):
        return np.where(way == 0, 0.0, way / length)
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
            "leaves out the running variance": Wrong(
                """
def travelled(before, after, part):
    way = length = 0.0
    for name, start in before.items():
        if name.startswith(part + ".") and start.is_floating_point() and "var" not in name:
            way += (after[name] - start).square().sum().item()
            length += start.square().sum().item()
    return 0.0 if way == 0 else math.sqrt(way / length) if length else math.inf
""",
                "the running variance moved",
            ),
            "takes float32 only": Wrong(
                """
def travelled(before, after, part):
    way = length = 0.0
    for name, start in before.items():
        if name.startswith(part + ".") and start.dtype == torch.float32:
            way += (after[name] - start).square().sum().item()
            length += start.square().sum().item()
    return 0.0 if way == 0 else math.sqrt(way / length) if length else math.inf
""",
                "The tensors are `torch.float64`",
            ),
            "rounds": Wrong(
                """
def travelled(before, after, part):
    way = length = 0.0
    for name, start in before.items():
        if name.startswith(part + ".") and start.is_floating_point():
            way += (after[name] - start).square().sum().item()
            length += start.square().sum().item()
    return 0.0 if way == 0 else round(math.sqrt(way / length), 4) if length else math.inf
""",
                "they moved by 0.00005",
            ),
            "nothing moved is about the same": Wrong(
                """
def travelled(before, after, part):
    names = [n for n, v in before.items() if n.startswith(part + ".") and v.is_floating_point()]
    if all(torch.allclose(before[n], after[n], atol=1e-3) for n in names):
        return 0.0
    start, end = (torch.cat([state[n].flatten() for n in names]) for state in (before, after))
    return ((end - start).norm() / start.norm()).item()
""",
                "they moved by 0.00005",
            ),
            "subtracts in place": Wrong(
                """
def travelled(before, after, part):
    way = length = 0.0
    for name, start in before.items():
        if name.startswith(part + ".") and start.is_floating_point():
            difference = after[name]
            difference -= start
            way += difference.square().sum().item()
            length += start.square().sum().item()
    return 0.0 if way == 0 else math.sqrt(way / length) if length else math.inf
""",
                "changed the numbers of `layer1.0.conv1.weight`",
            ),
            "squares in place": Wrong(
                """
def travelled(before, after, part):
    way = length = 0.0
    for name, start in before.items():
        if name.startswith(part + ".") and start.is_floating_point():
            way += (after[name] - start).square().sum().item()
            length += start.square_().sum().item()
    return 0.0 if way == 0 else math.sqrt(way / length) if length else math.inf
""",
                "changed the numbers of `layer1.0.conv1.weight`",
            ),
            "subtracts in place from copies of the dicts": Wrong(
                """
def travelled(before, after, part):
    before, after = dict(before), dict(after)
    way = length = 0.0
    for name, start in before.items():
        if name.startswith(part + ".") and start.is_floating_point():
            way += after[name].sub_(start).square().sum().item()
            length += start.square().sum().item()
    return 0.0 if way == 0 else math.sqrt(way / length) if length else math.inf
""",
                "changed the numbers of `layer1.0.conv1.weight`",
            ),
            "takes the counters out of after": Wrong(
                """
def travelled(before, after, part):
    for name in list(after):
        if not after[name].is_floating_point() and after is not before:
            del after[name]
    way = length = 0.0
    for name, start in before.items():
        if name.startswith(part + ".") and start.is_floating_point():
            way += (after[name] - start).square().sum().item()
            length += start.square().sum().item()
    return 0.0 if way == 0 else math.sqrt(way / length) if length else math.inf
""",
                "`layer10.1.num_batches_tracked` out of `after`",
            ),
            "takes the counters out of both": Wrong(
                """
def travelled(before, after, part):
    for state in (before, after):
        for name in list(state):
            if not state[name].is_floating_point():
                del state[name]
    way = length = 0.0
    for name, start in before.items():
        if name.startswith(part + ".") and start.is_floating_point():
            way += (after[name] - start).square().sum().item()
            length += start.square().sum().item()
    return 0.0 if way == 0 else math.sqrt(way / length) if length else math.inf
""",
                "`layer10.1.num_batches_tracked` out of `before`",
            ),
            "makes floats of the counters": Wrong(
                """
def travelled(before, after, part):
    for name in after:
        if after is not before and not after[name].is_floating_point():
            after[name] = after[name].float()
    way = length = 0.0
    for name, start in before.items():
        if name.startswith(part + ".") and start.is_floating_point():
            way += (after[name] - start).square().sum().item()
            length += start.square().sum().item()
    return 0.0 if way == 0 else math.sqrt(way / length) if length else math.inf
""",
                "another type of number into `after` at `bn1.num_batches_tracked`",
            ),
            "leaves its result in after": Wrong(
                """
def travelled(before, after, part):
    way = length = 0.0
    for name, start in before.items():
        if name.startswith(part + ".") and start.is_floating_point():
            way += (after[name] - start).square().sum().item()
            length += start.square().sum().item()
    after["travelled"] = torch.tensor(way)
    return 0.0 if way == 0 else math.sqrt(way / length) if length else math.inf
""",
                "put `travelled` into `before`",
            ),
        },
    ),
}
