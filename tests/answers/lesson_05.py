"""Right and wrong answers to lesson 05."""

from __future__ import annotations

from helpers.lessons.lesson_05 import EXERCISES
from tests.answers import Answers, Wrong, but_for, liar

LOOK, GROUPS, DECAY, FACTOR, TRAVELLED = (EXERCISES[f"5.{number}"].answer for number in (1, 2, 3, 4, 5))

# Right answers, too, from which some of the wrong ones differ in a line.
FORGOTTEN = but_for(LOOK, "return [", "forgotten = [") + "    return forgotten\n"
BY_SETS_OF_NAMES = """
def make_groups(model, rates):
    parts = {name.split(".")[0] for name, _ in model.named_parameters()}
    if wrong := parts ^ set(rates):
        raise ValueError(f"no rate or no parameter: {wrong}")
    named = list(model.named_parameters())
    return [{"params": [p for n, p in named if n.split(".")[0] == part], "lr": rates[part]} for part in rates]
"""
ITS_OWN = '[p for n, p in named if n.split(".")[0] == part]'
# A wrong one, from which others differ in a line.
BY_STEPS = """
def in_no_group(model, optimizer):
    before = copy.deepcopy(model.state_dict())
    for p in model.parameters():
        p.grad = torch.ones_like(p)
    optimizer.step()
    return [name for name, p in model.named_parameters() if p.requires_grad and torch.equal(p, before[name])]
"""


def _first(source: str, line: str) -> str:
    """A right answer to 5.1, 5.2 or 5.3 that does something else first."""
    begin = {LOOK: "    held =", BY_SETS_OF_NAMES: "    named =", DECAY: "    matrices ="}[source]
    return but_for(source, begin, f"    {line}\n{begin}")


ANSWERS = {
    "5.1": Answers(
        right={
            "names what it returns": FORGOTTEN,
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
            "a shared parameter by its last name": """
def in_no_group(model, optimizer):
    held = {id(p) for group in optimizer.param_groups for p in group["params"]}
    names = {p: name for name, p in model.named_parameters(remove_duplicate=False)}
    return [name for p, name in names.items() if p.requires_grad and id(p) not in held]
""",
            "a set of the tensors themselves": """
def in_no_group(model, optimizer):
    held = set(p for g in optimizer.param_groups for p in g["params"])
    return {name for name, p in model.named_parameters() if p.requires_grad and p not in held}
""",
        },
        wrong={
            "looks for missing gradients": Wrong(
                but_for(LOOK, "p.requires_grad and id(p) not in held", "not p.requires_grad"), "misses `conv1.weight`"
            ),
            "names a shared weight by its second layer": Wrong(
                """
def in_no_group(model, optimizer):
    held = {id(p) for group in optimizer.param_groups for p in group["params"]}
    seen = {id(p): name for name, p in model.named_parameters(remove_duplicate=False) if p.requires_grad}
    names = [name for name, p in model.named_parameters(remove_duplicate=False) if seen.get(id(p)) == name]
    return [name for name in names if id(model.get_parameter(name)) not in held or name == "1.weight"]
""",
                "It is no forgotten parameter",
            ),
            "names a shared weight by each of its names": Wrong(
                but_for(LOOK, "named_parameters()", "named_parameters(remove_duplicate=False)"),
                "your list names `0.weight` more than once",
            ),
            "counts what was frozen on purpose": Wrong(
                but_for(LOOK, "p.requires_grad and ", ""), "are frozen on purpose: your list names `conv1.weight`"
            ),
            "compares numbers": Wrong(
                but_for(
                    LOOK,
                    "id(p) not in held",
                    "not any(p.shape == q.shape and p.equal(q) for g in optimizer.param_groups for q in g['params'])",
                ),
                "misses `bn1.weight`",
            ),
            "looks at the first group only": Wrong(
                but_for(LOOK, "optimizer.param_groups", "optimizer.param_groups[:1]"), "no forgotten parameter"
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
                but_for(FORGOTTEN, "return forgotten", "return len(forgotten)"),
                "a list of names was expected, and you gave `4`",
            ),
            "asks with `in` on a list": Wrong(
                but_for(LOOK, "id(p) not in held", "p not in [q for g in optimizer.param_groups for q in g['params']]"),
                "RuntimeError",
                outcome="error",
            ),
            "gives the forgotten a group": Wrong(
                but_for(
                    FORGOTTEN,
                    "    return",
                    "    if forgotten:\n"
                    "        optimizer.add_param_group({'params': [model.get_parameter(name) for name in forgotten]})\n"
                    "    return",
                ),
                "changed `optimizer` at `param_groups`",
            ),
            "freezes the forgotten": Wrong(
                but_for(
                    FORGOTTEN,
                    "    return",
                    "    for name in forgotten:\n        model.get_parameter(name).requires_grad_(False)\n    return",
                ),
                "`requires_grad` of `conv1.weight`",
            ),
            "stops what is held": Wrong(
                _first(LOOK, "optimizer.param_groups[0]['lr'] = 0.0"), "changed `optimizer` at `param_groups`"
            ),
            "leaves a hook on every parameter": Wrong(
                _first(LOOK, "[p.register_hook(lambda gradient: None) for p in model.parameters()]"), "Hooks of yours"
            ),
            "takes a step to see what moves": Wrong(BY_STEPS, "has other numbers than before"),
            "names each once for each group": Wrong(
                but_for(FORGOTTEN, "return forgotten", "return forgotten * len(optimizer.param_groups)"),
                "`conv1.weight`, `conv1.bias`, `bn1.weight`, `bn1.bias` more than once. Go through",
            ),
            "sets the gradients to zero first": Wrong(
                _first(LOOK, "optimizer.zero_grad(set_to_none=False)"), "came with a gradient"
            ),
            "looks at which gradients zero_grad leaves": Wrong(
                """
def in_no_group(model, optimizer):
    optimizer.zero_grad()
    return [name for name, p in model.named_parameters() if p.requires_grad and p.grad is not None]
""",
                "`layer1.0.bn1.bias` and 8 more came with a gradient",
            ),
            "takes a step and puts the numbers back": Wrong(
                but_for(BY_STEPS, "return [", "same = [") + "    model.load_state_dict(before)\n    return same\n",
                "A step fills its `state`",
            ),
            "takes a step with the gradients as they are": Wrong(
                but_for(
                    BY_STEPS, "    for p in model.parameters():\n        p.grad = torch.ones_like(p)\n", ""
                ).replace("return [", "same = [")
                + "    model.load_state_dict(before)\n    return same\n",
                "A step fills its `state`",
            ),
            "leaves the model in eval mode": Wrong(_first(LOOK, "model.eval()"), "came in `train()` mode"),
            "leaves the model in train mode": Wrong(_first(LOOK, "model.train()"), "`bn1` came in `eval()` mode"),
            "names that equal all": Wrong(
                liar("str") + but_for(LOOK, "[name for", "[Liar(name[1:]) for"), "misses `conv1.weight`"
            ),
        },
    ),
    "5.2": Answers(
        right={
            "by sets of names": BY_SETS_OF_NAMES,
            "names what is wrong as attributes": but_for(
                BY_SETS_OF_NAMES, "{wrong}", "{[f'model.{part}' for part in wrong]}"
            ),
            "a tensor for each rate": but_for(BY_SETS_OF_NAMES, "rates[part]}", "torch.tensor(rates[part])}"),
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
    held = set()
    for group in groups:
        if not isinstance(group["params"], nn.Parameter):
            group["params"] = [p for p in group["params"] if not (p in held or held.add(p))]
    return groups
""",
            "a shared parameter with the last that holds it": """
def make_groups(model, rates):
    part_of = {p: name.split(".")[0] for name, p in model.named_parameters(remove_duplicate=False)}
    if wrong := set(part_of.values()) ^ set(rates):
        raise ValueError(f"no rate or no parameter: {wrong}")
    return [{"params": [p for p, one in part_of.items() if one == part], "lr": rates[part]} for part in rates]
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
            "forgets in silence": Wrong(but_for(GROUPS, "if missed or empty:", "if empty:"), "a parameter `token`"),
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
                but_for(GROUPS, '"lr": rate}', '"lr": max(rates.values())}'), "should get the rate"
            ),
            "an unknown name goes unnoticed": Wrong(
                but_for(GROUPS, "if missed or empty:", "if missed:"), "has no `layer2`"
            ),
            "a message without the name": Wrong(
                but_for(GROUPS, 'f"in no group: {missed}; holds nothing: {empty}"', '"something was forgotten"'),
                "should name `token`",
            ),
            "leaves the rates out": Wrong(but_for(GROUPS, ', "lr": rate}', "}"), "its group says None"),
            "a KeyError in place of a ValueError": Wrong(
                but_for(GROUPS, "if part in groups:", "if True:"), "stopped with `KeyError"
            ),
            "parameters() of each child": Wrong(
                but_for(
                    BY_SETS_OF_NAMES,
                    ITS_OWN,
                    "[p for n, p in model.named_parameters(remove_duplicate=False) if n.split('.')[0] == part]",
                ),
                "`0.weight` is in two groups. `parameters()` of each layer gives the shared weight again",
            ),
            "asks for a parameter of its own in each part": Wrong(
                but_for(
                    BY_SETS_OF_NAMES,
                    "    return [{",
                    "    if len(named) < len(list(model.named_parameters(remove_duplicate=False))):\n"
                    '        raise ValueError("a shared parameter")\n    return [{',
                ),
                "The layers `0` and `1` share one weight: your function refused with `ValueError: a shared parameter`",
            ),
            "the mean rate for a shared parameter": Wrong(
                """
def make_groups(model, rates):
    parts = {}
    for name, p in model.named_parameters(remove_duplicate=False):
        parts.setdefault(p, []).append(name.split(".")[0])
    if wrong := {part for one in parts.values() for part in one} ^ set(rates):
        raise ValueError(f"no rate or no parameter: {wrong}")
    return [{"params": [p], "lr": sum(rates[part] for part in one) / len(one)} for p, one in parts.items()]
""",
                "`0.weight` should get the rate 0.0001; its group says 0.00055",
            ),
            "copies of the parameters": Wrong(
                but_for(BY_SETS_OF_NAMES, "[p for n, p in named", "[p.data for n, p in named"),
                "16 tensors in your groups are no parameters of this network",
            ),
            "returns the dict": Wrong(but_for(GROUPS, "list(groups.values())", "groups"), "Return a list of dicts"),
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
                but_for(
                    GROUPS,
                    'part = name.split(".")[0]',
                    'part = next((part for part in rates if f"{part}." in f"{name}."), None)',
                ),
                "`layer1.0.conv1.weight` should get the rate 0.0001; its group says 1e-05",
            ),
            "the longest part that the name begins with": Wrong(
                but_for(
                    GROUPS,
                    'part = name.split(".")[0]',
                    "part = max((part for part in rates if name.startswith(part)), key=len, default=None)",
                ),
                "leave `layer10` out",
            ),
            "a child without parameters goes unnoticed": Wrong(
                but_for(
                    GROUPS,
                    'for part, group in groups.items() if not group["params"]]',
                    "for part in rates if not hasattr(model, part)]",
                ),
                "no parameter in `relu`",
            ),
            "leaves the frozen out": Wrong(
                but_for(BY_SETS_OF_NAMES, "== part]", "== part and p.requires_grad]"), "is frozen and in no group"
            ),
            "a rate of zero is no rate": Wrong(
                but_for(GROUPS, "if part in groups:", "if rates.get(part):"), "0.0 is a rate too"
            ),
            "rates by their position": Wrong(
                but_for(
                    BY_SETS_OF_NAMES,
                    "rates[part]} for part in rates]",
                    "rate} for part, rate in zip(dict.fromkeys(n.split('.')[0] for n, _ in named), rates.values())]",
                ),
                "in another order than the parts",
            ),
            "sets of parameters": Wrong(
                but_for(BY_SETS_OF_NAMES, ITS_OWN, f"set({ITS_OWN})"), "an optimizer refuses it"
            ),
            "the names in place of the parameters": Wrong(
                but_for(BY_SETS_OF_NAMES, "[p for n, p in named", "[n for n, p in named"),
                "the parameters themselves, not ['conv1.weight']",
            ),
            "layers in place of their parameters": Wrong(
                but_for(BY_SETS_OF_NAMES, ITS_OWN, "getattr(model, part)"), "in a list, not Conv2d"
            ),
            "parameters() of every layer": Wrong(
                but_for(
                    BY_SETS_OF_NAMES,
                    ITS_OWN,
                    "[p for n, m in model.named_modules() if n.split('.')[0] == part for p in m.parameters()]",
                ),
                "`layer1.0.bn1.bias` and 6 more is in one group more than once",
            ),
            "a tensor that the network does not have": Wrong(
                but_for(BY_SETS_OF_NAMES, ITS_OWN, f"{ITS_OWN} + [torch.ones(1)]"), "no parameters of this network"
            ),
            "empties the rates": Wrong(
                but_for(BY_SETS_OF_NAMES, "rates[part]} for part in rates]", "rates.pop(part)} for part in [*rates]]"),
                "changed `rates`: `conv1`, `bn1`, `layer1`, `layer10` and 1 more was taken out",
            ),
            "empties the rates before it refuses": Wrong(
                but_for(BY_SETS_OF_NAMES, "        raise", "        rates.clear()\n        raise"), "changed `rates`"
            ),
            "freezes the model before it refuses": Wrong(
                but_for(BY_SETS_OF_NAMES, "        raise", "        model.requires_grad_(False)\n        raise"),
                "`requires_grad` of `token`",
            ),
            "freezes what has a small rate": Wrong(
                _first(BY_SETS_OF_NAMES, "model.conv1.requires_grad_(rates['conv1'] > 2e-5)"),
                "`requires_grad` of `conv1.weight`",
            ),
            "thaws what was frozen": Wrong(
                _first(BY_SETS_OF_NAMES, "model.requires_grad_(True)"), "`requires_grad` of `bn1.weight`"
            ),
            "leaves the model in train mode": Wrong(_first(BY_SETS_OF_NAMES, "model.train()"), "came in `eval()` mode"),
            "leaves a hook on every module": Wrong(
                _first(BY_SETS_OF_NAMES, "model.apply(lambda m: m.register_forward_hook(lambda *_: None))"),
                "Hooks of yours",
            ),
            "a message with all names": Wrong(
                but_for(BY_SETS_OF_NAMES, "{wrong}", "{sorted(parts)} and {sorted(rates)}"),
                "names `conv1`, `bn1`, `layer1`, `layer10` and 1 more as well",
            ),
            "a rate that equals all": Wrong(
                liar("float") + but_for(BY_SETS_OF_NAMES, "rates[part]}", "Liar(1.0)}"),
                "should get the rate 1e-05; its group says 1.0",
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
            if "bias" in name or isinstance(module, nn.BatchNorm2d | nn.GroupNorm | nn.LayerNorm):
                spared.append(parameter)
    decayed = [p for p in model.parameters() if all(p is not one for one in spared)]
    return [{"params": decayed, "weight_decay": decay}, {"params": spared, "weight_decay": 0}]
""",
            "spares a table of positions": """
def decay_groups(model, decay):
    def decays(name, parameter):
        return name.endswith("weight") and parameter.ndim > 1

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
            "rates and momentum as well": but_for(
                DECAY,
                '"weight_decay": decay}, {"params": others',
                '"weight_decay": decay, "lr": 3e-4, "momentum": 0.9, "nesterov": True}, {"lr": 1e-3, "params": others',
            ),
            "fractions, and a group that holds nothing": but_for(
                but_for(DECAY, "return [{", 'return [{"params": [], "weight_decay": 0}, {'),
                '"weight_decay": decay',
                '"weight_decay": __import__("fractions").Fraction(decay)',
            ),
            "one group a parameter, as a bare tensor": """
def decay_groups(model, decay):
    return [{"params": p, "weight_decay": decay if p.ndim > 1 else 0.0} for p in model.parameters()]
""",
        },
        wrong={
            "a little decay on biases": Wrong(
                but_for(DECAY, '"weight_decay": 0.0', '"weight_decay": 1e-8'),
                "is a bias and went from 1 to 0.999999999",
            ),
            "squeezes the weights": Wrong(
                DECAY.replace("p.ndim", "p.squeeze().ndim"), "`fc.weight` should go from 1 to 0.95, not 1"
            ),
            "decay is True or False": Wrong(
                but_for(DECAY, '"weight_decay": decay', '"weight_decay": bool(decay)'),
                "a `weight_decay` that is no number",
            ),
            "decay on everything": Wrong(
                but_for(DECAY, '"weight_decay": 0.0', '"weight_decay": decay'), "without any gradient"
            ),
            "takes a shared weight from each of its layers": Wrong(
                """
def decay_groups(model, decay):
    matrices, others = [], []
    for layer in model.modules():
        for parameter in layer.parameters(recurse=False):
            (matrices if parameter.ndim > 1 else others).append(parameter)
    return [{"params": matrices, "weight_decay": decay}, {"params": others, "weight_decay": 0.0}]
""",
                "`0.weight` is in one group more than once",
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
            "knows biases by the name bias alone": Wrong(
                """
def decay_groups(model, decay):
    def decays(name, parameter):
        last, norms = name.split(".")[-1], (nn.BatchNorm2d, nn.GroupNorm, nn.LayerNorm)
        return last != "bias" and not isinstance(model.get_submodule(name.rpartition(".")[0]), norms)

    named = list(model.named_parameters())
    return [
        {"params": [p for n, p in named if decays(n, p)], "weight_decay": decay},
        {"params": [p for n, p in named if not decays(n, p)], "weight_decay": 0.0},
    ]
""",
                "In a network with attention, `1.in_proj_bias` is a bias and went from 1 to 0.95 ",
            ),
            "knows weights by the name weight alone": Wrong(
                """
def decay_groups(model, decay):
    def decays(name, parameter):
        return name.endswith(".weight") and parameter.ndim > 1

    named = list(model.named_parameters())
    return [
        {"params": [p for n, p in named if decays(n, p)], "weight_decay": decay},
        {"params": [p for n, p in named if not decays(n, p)], "weight_decay": 0.0},
    ]
""",
                "`1.in_proj_weight` should go from 1 to 0.95",
            ),
            "the wrong way round": Wrong(
                but_for(
                    DECAY,
                    '"weight_decay": decay}, {"params": others, "weight_decay": 0.0}',
                    '"weight_decay": 0.0}, {"params": others, "weight_decay": decay}',
                ),
                "should go from 1 to 0.95",
            ),
            "leaves the rest out": Wrong(
                but_for(DECAY, ', {"params": others, "weight_decay": 0.0}', ""), "would never be trained"
            ),
            "takes convolutions only": Wrong(
                but_for(but_for(DECAY, "p.ndim > 1", "p.ndim == 4"), "p.ndim <= 1", "p.ndim < 4"),
                "`fc.weight` should go from 1 to 0.95",
            ),
            "a decay of its own": Wrong(but_for(DECAY, ": decay}", ": 1e-4}"), "should go from 1 to 0.95"),
            "returns two lists": Wrong(
                but_for(
                    DECAY,
                    '[{"params": matrices, "weight_decay": decay}, {"params": others, "weight_decay": 0.0}]',
                    "matrices, others",
                ),
                "Return a list of dicts",
            ),
            "leaves the frozen out": Wrong(
                but_for(DECAY, "p.ndim > 1", "p.ndim > 1 and p.requires_grad"), "is frozen and in no group"
            ),
            "knows two and four dimensions": Wrong(
                but_for(DECAY, "p.ndim > 1", "p.ndim in (2, 4)"), "`positions`, `conv.weight` is in no group"
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
                but_for(DECAY, 'others, "weight_decay": 0.0', "others"),
                "`conv1.bias` has no `weight_decay`. So the optimizer's own default",
            ),
            "thaws what was frozen": Wrong(
                _first(DECAY, "model.requires_grad_(True)"), "`requires_grad` of `stem.weight`, `stem.bias`"
            ),
            "leaves the model in eval mode": Wrong(_first(DECAY, "model.eval()"), "came in `train()` mode"),
            "leaves a hook on every module": Wrong(
                _first(DECAY, "model.apply(lambda m: m.register_forward_hook(lambda *_: None))"), "Hooks of yours"
            ),
            "leaves a hook on every parameter": Wrong(
                _first(DECAY, "[p.register_hook(lambda g: g * 2) for p in model.parameters()]"), "Hooks of yours"
            ),
            "shrinks the weights itself": Wrong(
                _first(DECAY, "[p.data.mul_(1 - decay) for p in model.parameters()]"), "has other numbers than before"
            ),
            "sets of parameters": Wrong(
                but_for(DECAY, '"params": matrices', '"params": set(matrices)'), "an optimizer refuses it"
            ),
            "everything, and the spared once more": Wrong(
                but_for(DECAY, "[p for p in model.parameters() if p.ndim > 1]", "list(model.parameters())"),
                "is in two groups. It either decays",
            ),
            "parameters() of every layer": Wrong(
                but_for(
                    DECAY,
                    "for p in model.parameters() if p.ndim > 1]",
                    "for m in model.modules() for p in m.parameters() if p.ndim > 1]",
                ),
                "is in one group more than once",
            ),
            "a decay that equals all": Wrong(
                liar("float") + but_for(DECAY, '"weight_decay": 0.0', '"weight_decay": Liar(decay)'),
                "`conv1.bias` is a bias and went from 1 to 0.95 ",
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
                but_for(FACTOR, "(step + 1) / warm_up", "step / warm_up"), "`rate_factor(0, 100, 10)` should be 0.1"
            ),
            "the cosine runs from the first step": Wrong(
                but_for(FACTOR, "(step - warm_up) / (steps - warm_up)", "step / steps"),
                "`rate_factor(10, 100, 10)` should be 1.0000",
            ),
            "comes up again past the end": Wrong(
                but_for(
                    FACTOR, "min(1.0, (step - warm_up) / (steps - warm_up))", "(step - warm_up) / (steps - warm_up)"
                ),
                "`rate_factor(130, 100, 10)` should be 0.0000",
            ),
            "a straight line down": Wrong(
                but_for(FACTOR, "0.5 * (1 + math.cos(math.pi * done))", "1 - done"), "`rate_factor(32, 100, 10)`"
            ),
            "accepts any schedule": Wrong(
                but_for(
                    but_for(FACTOR, "if steps < 1 or not 0 <= warm_up < steps:", "if False:"),
                    "(step - warm_up) / (steps - warm_up)",
                    "(step - warm_up) / max(1, steps - warm_up)",
                ),
                "raise a `ValueError`",
            ),
            "divides by no steps": Wrong(
                but_for(FACTOR, "if steps < 1 or not", "if steps < 0 or steps and not"),
                "stopped with `ZeroDivisionError",
            ),
            "refuses to start without warm-up": Wrong(
                but_for(FACTOR, "0 <= warm_up < steps", "0 < warm_up < steps"),
                "For `rate_factor(0, 10, 0)`, your function refused with `ValueError: 0 of 10 steps",
            ),
            "refuses a warm-up that leaves one step": Wrong(
                but_for(FACTOR, "0 <= warm_up < steps", "0 <= warm_up < max(1, steps - 1)"),
                "For `rate_factor(0, 10, 9)`, your function refused",
            ),
            "rounds": Wrong(
                but_for(
                    FACTOR,
                    "return 0.5 * (1 + math.cos(math.pi * done))",
                    "return round(0.5 + 0.5 * math.cos(math.pi * done), 4)",
                ),
                "should be 0.85966990; yours is 0.85970000",
            ),
            "refuses a step past the end": Wrong(
                but_for(
                    FACTOR,
                    "    if step < warm_up",
                    '    if step > steps:\n        raise ValueError("past the end")\n    if step < warm_up',
                ),
                "For `rate_factor(130, 100, 10)`, your function refused with `ValueError: past the end`",
            ),
            "divides by no warm-up": Wrong(
                but_for(FACTOR, "    if step < warm_up:", "    rising = (step + 1) / warm_up\n    if step < warm_up:"),
                "For `rate_factor(0, 10, 0)`, your code stopped with `ZeroDivisionError",
                outcome="error",
            ),
            "prints and returns nothing": Wrong(
                but_for(FACTOR, "        return (step + 1)", "        factor = (step + 1)").replace(
                    "return 0.5", "factor = 0.5"
                ),
                "should be one number",
            ),
            "the peak is a number of its own": Wrong(
                but_for(FACTOR, "(step + 1) / warm_up", "(step + 1) / 10"),
                "`rate_factor(0, 10, 9)` should be 0.1111; yours is 0.1000",
            ),
            "the length is a number of its own": Wrong(
                but_for(FACTOR, "/ (steps - warm_up)", "/ 90"), "`rate_factor(5, 10, 0)` should be 0.5000"
            ),
            "looks at the schedule in step 0 alone": Wrong(
                but_for(
                    but_for(
                        FACTOR,
                        "if steps < 1 or not 0 <= warm_up < steps:",
                        "if step == 0 and not 0 <= warm_up < steps:",
                    ),
                    "/ (steps - warm_up)",
                    "/ max(1, steps - warm_up)",
                ),
                "in step 3, where it is as wrong as in step 0, your function gave back",
            ),
            "refuses without a word": Wrong(
                but_for(FACTOR, 'ValueError(f"{warm_up} of {steps} steps cannot be warm-up")', "ValueError"),
                "says nothing",
            ),
            "a number that equals all": Wrong(
                liar("float") + but_for(FACTOR, "return (step + 1) / warm_up", "return Liar(1.0)"),
                "`rate_factor(0, 100, 10)` should be 0.1000; yours is 1.0000",
            ),
        },
    ),
    "5.5": Answers(
        right={
            "one long vector": """
def travelled(before, after, part):
    names = [n for n, v in before.items() if n.split(".")[0] == part and v.is_floating_point()]
    start = torch.cat([before[n].flatten() for n in names]).double()
    end = torch.cat([after[n].flatten() for n in names]).double()
    way, length = (end - start).norm(), start.norm()
    if way == 0:
        return 0.0
    return (way / length).item() if length > 0 else float("inf")
""",
            "division by zero left to the tensor": """
def travelled(before, after, part):
    mine = [n for n, v in before.items() if n.startswith(part + ".") and v.is_floating_point()]
    pairs = [(before[n].flatten().double(), after[n].flatten().double()) for n in mine]
    start, end = torch.cat([a for a, _ in pairs]), torch.cat([b for _, b in pairs])
    return (end - start).norm() / start.norm() if not torch.equal(start, end) else 0
""",
            "numpy's single precision": """
import numpy as np

def travelled(before, after, part):
    names = [n for n in before if n.startswith(part + ".") and before[n].dtype.is_floating_point]
    way = np.float32(sum(np.square((after[n] - before[n]).float().numpy()).sum() for n in names))
    length = np.float32(sum(np.square(before[n].float().numpy()).sum() for n in names))
    return np.float32(0) if way == 0 else np.sqrt(way / length) if length else np.float32("inf")
""",
            "an array of numpy without dimensions": """
import numpy as np

def travelled(before, after, part):
    names = [n for n, v in before.items() if n.startswith(part + ".") and v.is_floating_point()]
    way = np.sqrt(sum(np.square((after[n] - before[n]).double().numpy()).sum() for n in names))
    length = np.sqrt(sum(np.square(before[n].double().numpy()).sum() for n in names))
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
            "takes a short length for none": Wrong(
                but_for(TRAVELLED, "if length > 0", "if length > 1e-3"), "Of length 0.005 together"
            ),
            "the distance alone": Wrong(
                but_for(TRAVELLED, "length += start.double().square().sum().item()", "length = 1.0"),
                "became 1.5 times as large",
            ),
            "layer1 takes layer10 too": Wrong(but_for(TRAVELLED, 'part + "."', "part"), "became 1.5 times as large"),
            "counts the counter": Wrong(
                but_for(TRAVELLED, " and start.is_floating_point()", ""), "a counter of batches"
            ),
            "NaN from zeros": Wrong(
                but_for(
                    but_for(TRAVELLED, "if way == 0:", "if False:"),
                    "math.sqrt(way / length) if length > 0 else math.inf",
                    "(torch.tensor(way) / length).sqrt()",
                ),
                "stayed where it was",
            ),
            "zero length is no distance": Wrong(but_for(TRAVELLED, "else math.inf", "else 0.0"), "infinitely far"),
            "divides by zero": Wrong(
                but_for(TRAVELLED, " if length > 0 else math.inf", ""), "ZeroDivisionError", outcome="error"
            ),
            "measures against where it arrived": Wrong(
                but_for(TRAVELLED, "length += start.double()", "length += after[name].double()"),
                "became 1.5 times as large",
            ),
            "finds the part anywhere in the name": Wrong(
                but_for(TRAVELLED, 'name.startswith(part + ".")', 'f"{part}." in name'), "`conv1` did not move"
            ),
            "leaves the counter out by its name": Wrong(
                but_for(TRAVELLED, "start.is_floating_point()", '"num_batches_tracked" not in name'),
                "a table of whole numbers",
            ),
            "takes what has no dimensions for a counter": Wrong(
                but_for(TRAVELLED, "start.is_floating_point()", "start.is_floating_point() and start.ndim"),
                "a scale without dimensions",
            ),
            "weights and biases only": Wrong(
                but_for(TRAVELLED, "start.is_floating_point()", 'name.endswith(("weight", "bias"))'),
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
                but_for(TRAVELLED, "start.is_floating_point()", 'start.is_floating_point() and "var" not in name'),
                "the running variance moved",
            ),
            "takes float32 only": Wrong(
                but_for(TRAVELLED, "start.is_floating_point()", "start.dtype == torch.float32"),
                "they are `torch.float64`",
            ),
            "rounds": Wrong(
                but_for(TRAVELLED, "math.sqrt(way / length)", "round(math.sqrt(way / length), 4)"),
                "they moved by 0.00005",
            ),
            "nothing moved is about the same": Wrong(
                but_for(TRAVELLED, "if way == 0:", "if way < 1e-6:"), "they moved by 0.00005"
            ),
            "subtracts in place": Wrong(
                but_for(
                    TRAVELLED,
                    "            way += (after[name].double() - start.double()).square()",
                    "            difference = after[name]\n"
                    "            difference -= start\n"
                    "            way += difference.square()",
                ),
                "changed `after` at `layer1.0.conv1.weight`",
            ),
            "subtracts from the dict itself": Wrong(
                but_for(
                    TRAVELLED,
                    "            way += (after[name].double() - start.double()).square()",
                    "            after[name] -= start\n            way += after[name].double().square()",
                ),
                "`after[name] -= start` and `square_()` write into the one that is there",
            ),
            "computes in half precision": Wrong(
                TRAVELLED.replace(".double()", ""), "In `float16`, where 300 squared is infinite"
            ),
            "measures each tensor in its own precision": Wrong(
                """
def travelled(before, after, part):
    names = [n for n, v in before.items() if n.startswith(part + ".") and v.is_floating_point()]
    way = math.hypot(*[(after[n] - before[n]).norm().item() for n in names])
    length = math.hypot(*[before[n].norm().item() for n in names])
    return way and (way / length if length else math.inf)
""",
                "In `bfloat16`, which cannot hold 257",
            ),
            "hands bfloat16 to numpy": Wrong(
                """
def travelled(before, after, part):
    names = [n for n, v in before.items() if n.startswith(part + ".") and v.is_floating_point()]
    start = [before[n].numpy().astype("float64") for n in names]
    end = [after[n].numpy().astype("float64") for n in names]
    way = sum(((b - a) ** 2).sum() for a, b in zip(start, end))
    length = sum((a**2).sum() for a in start)
    return math.sqrt(way / length) if length else (math.inf if way else 0.0)
""",
                "of which one became 0 (`double()` makes float64 of them): your code stopped with `TypeError",
                outcome="error",
            ),
            "squares in place": Wrong(
                but_for(TRAVELLED, "start.double().square()", "start.square_()"),
                "changed `before` at `layer1.0.conv1.weight`",
            ),
            "subtracts in place from copies of the dicts": Wrong(
                but_for(
                    but_for(
                        TRAVELLED, "    way = length", "    before, after = dict(before), dict(after)\n    way = length"
                    ),
                    "(after[name].double() - start.double())",
                    "after[name].sub_(start)",
                ),
                "changed `after` at `layer1.0.conv1.weight`",
            ),
            "takes the counters out of after": Wrong(
                but_for(
                    TRAVELLED,
                    "    way = length",
                    "    for name in [n for n, v in after.items() if not v.is_floating_point()]:\n"
                    "        del after[name]\n"
                    "    way = length",
                ),
                "changed `after`: `bn1.num_batches_tracked`",
            ),
            "takes the counters out of both": Wrong(
                but_for(
                    TRAVELLED,
                    "    way = length",
                    "    for state in (before, after):\n"
                    "        for name in [n for n, v in state.items() if not v.is_floating_point()]:\n"
                    "            del state[name]\n"
                    "    way = length",
                ),
                "changed `before`: `bn1.num_batches_tracked`",
            ),
            "makes floats of the counters": Wrong(
                but_for(
                    TRAVELLED,
                    "    way = length",
                    "    after.update({name: value.float() for name, value in after.items()})\n    way = length",
                ),
                "changed `after` at `bn1.num_batches_tracked`",
            ),
            "leaves its result in after": Wrong(
                but_for(TRAVELLED, "    if way == 0:", '    after["travelled"] = torch.tensor(way)\n    if way == 0:'),
                "changed `after`: `travelled` was put in",
            ),
            "tracks gradients from now on": Wrong(
                but_for(
                    TRAVELLED,
                    "start.is_floating_point():",
                    "start.is_floating_point():\n            start.requires_grad_()",
                ),
                "changed `before` at `layer1.0.conv1.weight`",
            ),
            "a number that equals all": Wrong(
                liar("float") + but_for(TRAVELLED, "return 0.0", "return Liar(7.0)"),
                "Nothing moved, so the answer is 0.0",
            ),
        },
    ),
}
