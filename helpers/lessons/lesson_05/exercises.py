"""Answer key of lesson 05: differential learning rates."""

from __future__ import annotations

import functools
import math
from collections.abc import Callable

import torch
from torch import Tensor, nn, tensor

from helpers.checking import networks
from helpers.checking.answers import close, exactly, names, not_refused, one_number, opening, refusal, short
from helpers.checking.learning import in_exactly_one_group
from helpers.checking.untouched import input_untouched, left_as_found
from helpers.course.exercise import Exercise, Exercises, Level
from helpers.course.verdicts import require, tried_on


def _under(network: nn.Module, *parts: str) -> dict[str, Tensor]:
    """The parameters of these direct children, or of the network itself, by name."""
    return {name: p for name, p in network.named_parameters() if name in parts or name.split(".")[0] in parts}


def _tried(case: str, answer: Callable, *given: object) -> object:
    """What the answer makes of what it is given; an exception in it is shown with the `case`."""
    with tried_on(opening(case)):
        return answer(*given)


class WhatNoGroupHolds(Exercise):
    number = "5.1"
    title = "what no group holds"
    level = Level.USE
    minutes = 6
    hints = (
        "`optimizer.param_groups` is a list of dicts. The parameters of a group are under `params`.",
        "`parameter in a_list` compares numbers, not objects: it stops with an error, or takes one bias for another "
        "with the same numbers. `id(parameter)` tells one object from another.",
        "Collect the ids of all parameters in all groups in a set. Then keep the names from `named_parameters()` whose "
        "parameter has `requires_grad` and whose id is not in the set.",
    )
    answer = """
def in_no_group(model, optimizer):
    held = {id(p) for group in optimizer.param_groups for p in group["params"]}
    return [name for name, p in model.named_parameters() if p.requires_grad and id(p) not in held]
"""

    def examine(self, in_no_group):
        for case, build, grouped, forgotten in FORGETFUL_OPTIMIZERS:
            network = networks.with_gradients(build())  # so that a step would show
            optimizer = torch.optim.SGD(
                [{"params": _under(network, *parts).values()} for parts in grouped], lr=0.1, momentum=0.9
            )
            with input_untouched(ONLY_LOOK, optimizer=optimizer), left_as_found(network, "the model", advice=NO_STEP):
                said = _tried(case, in_no_group, network, optimizer)
            said = _by_one_name(network, names(said, case, twice=A_SINGLE_TIME))
            exactly(said, _under(network, *forgotten), case, extra=NOT_FORGOTTEN, twice=A_SINGLE_TIME)
        return "It found the forgotten stem, left what was frozen on purpose, and was not fooled by equal numbers."


def _by_one_name(network: nn.Module, found: list[str]) -> list[str]:
    """The names as they were found, but each parameter that two layers share under the first of its names."""
    first = {p: name for name, p in network.named_parameters()}
    every = dict(network.named_parameters(remove_duplicate=False))
    return [first[every[name]] if name in every else name for name in found]


def _equal_biases() -> nn.Module:
    network = networks.SmallResNet()
    for layer in (network.conv1, network.fc, network.layer1[0].conv1):
        nn.init.zeros_(layer.bias)
    return network


def _frozen_stem() -> nn.Module:
    network = networks.SmallResNet()
    network.conv1.requires_grad_(False)
    network.bn1.requires_grad_(False).eval()
    return network


# The case, its network, the parts that each group holds, and the parts that were forgotten.
FORGETFUL_OPTIMIZERS = (
    (
        "The groups hold `layer1`, `layer10` and `fc`:",
        networks.SmallResNet,
        [["layer1"], ["layer10"], ["fc"]],
        ["conv1", "bn1"],
    ),
    ("One group holds everything:", networks.SmallResNet, [["conv1", "bn1", "layer1", "layer10", "fc"]], []),
    ("Some biases hold the same numbers:", _equal_biases, [["bn1", "fc"]], ["conv1", "layer1", "layer10"]),
    ("Two layers share one weight, and the groups hold the first:", networks.tied, [["0"]], ["1"]),
    ("Two layers share one weight, and the groups hold the bias alone:", networks.tied, [["1"]], ["0"]),
    ("`conv1` and `bn1` are frozen on purpose:", _frozen_stem, [["layer1"], ["fc"]], ["layer10"]),
)
ONLY_LOOK = {"optimizer": "A step fills its `state`, and `add_param_group` adds a group: only look."}
NO_STEP = {"numbers": "Take no step, only look."}
NOT_FORGOTTEN = "It is no forgotten parameter."
A_SINGLE_TIME = "Go through the parameters a single time, not once for each group, nor for each of a parameter's names."


class GroupsThatCoverEverything(Exercise):
    number = "5.2"
    title = "groups that cover everything"
    level = Level.WRITE
    minutes = 10
    hints = (
        "Go through `model.named_parameters()`, and look for the one part whose name the parameter's name begins with.",
        '"layer10.0.weight" begins with "layer1". Compare with "layer1." instead, dot included, or with the first '
        'piece of `name.split(".")`.',
        "Keep a dict from part to list of parameters. At the end raise `ValueError` with the names that found no part, "
        "and with the parts that found no parameter.",
    )
    answer = """
def make_groups(model, rates):
    groups = {part: {"params": [], "lr": rate} for part, rate in rates.items()}
    missed = []
    for name, parameter in model.named_parameters():
        part = name.split(".")[0]
        if part in groups:
            groups[part]["params"].append(parameter)
        else:
            missed.append(name)
    empty = [part for part, group in groups.items() if not group["params"]]
    if missed or empty:
        raise ValueError(f"in no group: {missed}; holds nothing: {empty}")
    return list(groups.values())
"""

    def examine(self, make_groups):
        for case, build, rates, named, advice in RATES_TO_TRY:
            if named:
                self._refuses(make_groups, build(), dict(rates), case, named)
            else:
                self._holds(make_groups, build(), dict(rates), case, advice)
        return "Every parameter is in exactly one group, with its own rate, and what you forget is named."

    def _refuses(self, make_groups, network, rates, case, named):
        in_order = [part for part in rates if part not in named]
        with input_untouched(rates=rates), left_as_found(network, "the model"):
            refusal(lambda: make_groups(network, rates), case, naming=named, sparing=in_order)

    def _holds(self, make_groups, network, rates, case, advice):
        with input_untouched(rates=rates), left_as_found(network, "the model"):
            said = not_refused(lambda: make_groups(network, rates), case, advice=advice)
        held = in_exactly_one_group(
            said, network, settings={"lr"}, case=case, missing="and nothing was said", twice=advice or UP_TO_THE_DOT
        )
        for name, settings in held.settings_by_name.items():
            right = [rates[part] for part in _parts_that_hold(network, name)]
            other = f"{case} `{name}` should get the rate {right[0]}; its group says {short(settings.get('lr'))}."
            found = one_number(settings.get("lr"), other)
            require(any(math.isclose(found, rate, rel_tol=1e-6) for rate in right), other)
        torch.optim.AdamW(held.groups)


def _parts_that_hold(network: nn.Module, name: str) -> list[str]:
    """The direct children that hold this parameter, by whatever name, or the parameter's own name."""
    wanted, named = network.get_parameter(name), network.named_parameters(remove_duplicate=False)
    return list(dict.fromkeys(name.split(".")[0] for name, p in named if p is wanted))


def _with_token() -> nn.Module:
    return networks.SmallResNet(token=True)


def _frozen_norm() -> nn.Module:
    network = networks.SmallResNet().eval()
    network.bn1.requires_grad_(False)
    return network


RATES = {"conv1": 1e-5, "bn1": 1e-5, "layer1": 1e-4, "layer10": 1e-3, "fc": 1e-2}
NO_STEM = {"layer1": 1e-4, "layer10": 1e-3, "fc": 1e-2}
NO_LAYER10 = {"conv1": 1e-5, "bn1": 1e-5, "layer1": 1e-4, "fc": 1e-2}
SHUFFLED = {"layer10": 1e-3, "fc": 1e-2, "layer1": 0.0, "bn1": 2e-5, "conv1": 1e-5}
ZERO_IS_A_RATE = "0.0 is a rate too: ask whether `part in rates`."
UP_TO_THE_DOT = (
    '"layer10." begins with "layer1", too, and "layer1.0.conv1." holds "conv1.": compare all up to the first dot.'
)
ONCE_FOR_BOTH = (
    "`parameters()` of each layer gives the shared weight again, and an optimizer refuses it in two groups. "
    "`model.named_parameters()` gives it once."
)
# The case, its network, the rates, the names of which a refusal has to hold one, and no other; and what to add to it.
RATES_TO_TRY = (
    ("Each part has its rate:", networks.SmallResNet, RATES, [], ""),
    ("The network has a parameter `token` of its own, which no part holds:", _with_token, RATES, ["token"], ""),
    ("The rates leave out `conv1` and `bn1`:", networks.SmallResNet, NO_STEM, ["conv1", "bn1"], ""),
    ("The rates name `layer1` and leave `layer10` out:", networks.SmallResNet, NO_LAYER10, ["layer10"], ""),
    (
        "The network has no `layer2`, and the rates name it:",
        networks.SmallResNet,
        {**RATES, "layer2": 1},
        ["layer2"],
        "",
    ),
    (
        "The network has no parameter in `relu`, and the rates name it:",
        networks.SmallResNet,
        {**RATES, "relu": 1},
        ["relu"],
        "",
    ),
    ("The rates name a parameter `token` of the model itself:", _with_token, {"token": 1e-4, **RATES}, [], ""),
    ("`bn1` is frozen:", _frozen_norm, RATES, [], ""),
    (
        "The rates come in another order than the parts, and one is 0.0:",
        networks.SmallResNet,
        SHUFFLED,
        [],
        ZERO_IS_A_RATE,
    ),
    ("The layers `0` and `1` share one weight:", networks.shared_between, {"0": 1e-4, "1": 1e-3}, [], ONCE_FOR_BOTH),
)


class DecayWhereItBelongs(Exercise):
    number = "5.3"
    title = "decay where it belongs"
    level = Level.WRITE
    minutes = 8
    hints = (
        "The weight of a convolution or a linear layer has two dimensions or more. Biases have one, and so have a "
        "norm's scale and shift: one number a channel.",
        "`parameter.ndim` tells. Names do not help: a norm's scale is called `weight` as well.",
        'Return two dicts: one with `"weight_decay": decay` for `ndim > 1`, and one with `"weight_decay": 0.0` '
        "for the rest.",
    )
    answer = """
def decay_groups(model, decay):
    matrices = [p for p in model.parameters() if p.ndim > 1]
    others = [p for p in model.parameters() if p.ndim <= 1]
    return [{"params": matrices, "weight_decay": decay}, {"params": others, "weight_decay": 0.0}]
"""

    def examine(self, decay_groups):
        for case, network in (
            ("In a small ResNet", _of_ones(networks.SmallResNet())),
            ("In a network for sequences", _of_ones(networks.Sequence().eval())),
            ("In a network whose two layers share one weight", _of_ones(networks.tied())),
            ("In a network with attention", _of_ones(networks.attention())),
        ):
            with left_as_found(network, "the model"):
                said = _tried(case, decay_groups, network, 0.5)
            held = in_exactly_one_group(said, network, settings={"weight_decay"}, case=case, twice=EITHER_OR)
            for name, settings in held.settings_by_name.items():
                with_it = f"{case}, the group with `{name}`"
                require(settings.get("weight_decay") is not None, f"{with_it} has no `weight_decay`. {ITS_DEFAULT}")
                one_number(settings["weight_decay"], f"{with_it} has a `weight_decay` that is no number.")
            _decay_alone(network, held.groups)
            self._compare(network, case)
        return "A step with zero gradients shrank the weights of layers by exactly lr x decay, and nothing else."

    def _compare(self, network, case):
        for name, parameter in network.named_parameters():
            layer, _, last = name.rpartition(".")
            value, norm = parameter.flatten()[0].item(), isinstance(network.get_submodule(layer), NORMS)
            if norm or last.endswith("bias"):  # attention calls one of its own `in_proj_bias`
                kind = "a norm's scale or shift" if norm else "a bias"
                shrank = f"{case}, `{name}` is {kind} and went from 1 to {value:.10g} without any gradient"
                require(value == 1, f"{shrank}: give it no decay.")
            elif layer:  # a table of positions belongs to no layer: with or without decay, both are in use
                why = f"{case}, with zero gradients, lr 0.1 and decay 0.5,"
                require(close(value, 0.95), f"{why} `{name}` should go from 1 to 0.95, not {value:.4g}.")


def _of_ones(network: nn.Module) -> nn.Module:
    """`network` with every parameter 1 in float64, so that each shows what even a small decay made of it."""
    for parameter in network.double().parameters():
        nn.init.ones_(parameter)
    return network


def _decay_alone(network: nn.Module, groups: list[dict]) -> None:
    """A step in which only decay moves anything: without gradients, and at one rate, whichever the groups have."""
    for parameter in network.parameters():
        parameter.grad = torch.zeros_like(parameter)
    decays = [(group["params"], one_number(group["weight_decay"], "")) for group in groups if group["params"]]
    torch.optim.SGD([{"params": params, "weight_decay": decay} for params, decay in decays], lr=0.1).step()


NORMS = (nn.modules.batchnorm._BatchNorm, nn.GroupNorm, nn.LayerNorm)
EITHER_OR = "It either decays or it does not: take it out of the other."
ITS_DEFAULT = (
    "So the optimizer's own default holds there, 0.01 in AdamW, and it decays after all: write `0.0` where you want "
    "none."
)


class WarmUpAndCosine(Exercise):
    number = "5.4"
    title = "warm up, then follow the cosine"
    level = Level.EDGE
    minutes = 10
    hints = (
        "Two cases: while `step < warm_up`, the factor rises in equal steps and reaches 1 with the last of them: "
        "`(step + 1) / warm_up`.",
        "After that, let `done = (step - warm_up) / (steps - warm_up)`, from 0 to 1. The factor is "
        "`0.5 * (1 + math.cos(math.pi * done))`.",
        "At the edges: `warm_up = 0` must not divide by 0, a step past the end stays at 0, and `steps < 1`, "
        "a negative `warm_up` or one that leaves no step (`warm_up >= steps`) is a `ValueError`.",
    )
    answer = """
def rate_factor(step, steps, warm_up):
    if steps < 1 or not 0 <= warm_up < steps:
        raise ValueError(f"{warm_up} of {steps} steps cannot be warm-up")
    if step < warm_up:
        return (step + 1) / warm_up
    done = min(1.0, (step - warm_up) / (steps - warm_up))
    return 0.5 * (1 + math.cos(math.pi * done))
"""

    def examine(self, rate_factor):
        for step, steps, warm_up, right in FACTORS:
            call = f"`rate_factor({step}, {steps}, {warm_up})`"
            said = not_refused(functools.partial(rate_factor, step, steps, warm_up), f"For {call}")
            found = one_number(said, f"{call} should be one number, not {short(said)}.")
            digits = 4 if f"{found:.4f}" != f"{right:.4f}" else 8  # a rounded one
            require(close(found, right), f"{call} should be {right:.{digits}f}; yours is {found:.{digits}f}.")
        rates = not_refused(lambda: _rates_of(rate_factor, 20, 4), "In a `LambdaLR` of 20 steps, 4 of them warm-up")
        require(max(rates) < 0.2 + 1e-6 and close(rates[3], 0.2), NOT_IN_A_SCHEDULER.format(rates[3], max(rates)))
        for step, when in ((0, "in step 0"), (3, "in step 3, where it is as wrong as in step 0,")):
            for steps, warm_up, why in NO_SCHEDULES:
                case = f"For {why} ({steps} steps, {warm_up} of warm-up) {when}"
                refusal(lambda given=(step, steps, warm_up): rate_factor(*given), case)
        return "It rises, peaks at 1, falls to 0, and refuses schedules that cannot be. `LambdaLR` takes it as it is."


# Step, steps, warm-up, and the factor; past the end it stays at 0.
FACTORS = (
    *((step, 100, 10, (step + 1) / 10) for step in range(10)),
    *((step, 100, 10, 0.5 * (1 + math.cos(math.pi * (step - 10) / 90))) for step in (10, 32, 55, 99)),
    (0, 10, 0, 1.0),
    (5, 10, 0, 0.5),
    (0, 1, 0, 1.0),
    *((step, 10, 9, right) for step, right in ((0, 1 / 9), (8, 1.0), (9, 1.0), (10, 0.0))),
    (100, 100, 10, 0.0),
    (130, 100, 10, 0.0),
)
# Steps and warm-up that make no schedule, and what to call them.
NO_SCHEDULES = (
    (0, 0, "no steps"),
    (-5, 0, "a negative number of steps"),
    (10, -1, "a negative warm-up"),
    (10, 10, "a warm-up that leaves no step"),
    (10, 11, "a warm-up longer than the training"),
)
NOT_IN_A_SCHEDULER = (
    "In a `LambdaLR` of 20 steps, 4 of them warm-up, a rate of 0.2 should be reached in step 3; yours is {:.4f} there, "
    "and at most {:.4f}."
)


def _rates_of(rate_factor, steps: int, warm_up: int) -> list[float]:
    """The rate 0.2 in each of `steps`, as PyTorch's scheduler multiplies it."""
    optimizer = torch.optim.SGD([nn.Parameter(torch.ones(1))], lr=0.2)
    schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda step: rate_factor(step, steps, warm_up))
    rates = []
    for _ in range(steps):
        rates.append(float(optimizer.param_groups[0]["lr"]))  # a tensor would change with the next step
        optimizer.step()
        schedule.step()
    return rates


class HowFarItTravelled(Exercise):
    number = "5.5"
    title = "how far it travelled"
    level = Level.EDGE
    minutes = 8
    hints = (
        "For each name in `before`, the way is `(now - start).norm()`, and the start's own length `start.norm()`.",
        "Sum the squares over all tensors of the part, and take the root once at the end: "
        "`(sum of squares of ways / sum of squares of lengths) ** 0.5`.",
        "Skip tensors that are no floats: `is_floating_point()` tells, and `num_batches_tracked` counts batches. "
        "`double()` first, for half precision holds neither large squares nor long sums. "
        'Take only names that begin with `part + "."`. Return 0.0 where nothing moved, also when the length is 0, '
        "and `math.inf` where something moved away from zero length.",
    )
    answer = """
def travelled(before, after, part):
    way = length = 0.0
    for name, start in before.items():
        if name.startswith(part + ".") and start.is_floating_point():
            way += (after[name].double() - start.double()).square().sum().item()
            length += start.double().square().sum().item()
    if way == 0:
        return 0.0
    return math.sqrt(way / length) if length > 0 else math.inf
"""

    def examine(self, travelled):
        for part, before, changes, right, case in _journeys():
            # Its own tensors, or what is written into one of `after` would be told of `before`.
            after = {name: value.clone() for name, value in {**before, **changes}.items()}
            with input_untouched({"before": IN_PLACE, "after": IN_PLACE}, before=before, after=after):
                said = _tried(f"{case}:", travelled, before, after, part)
            found = one_number(said, f"{case}: return one number, not {short(said)}.")
            same = math.isclose(found, right, rel_tol=1e-4, abs_tol=1e-9)
            require(same, f"{case}, so the answer is {float(f'{right:.4g}')}; yours is {found:.4g}.")
        return "One number a part, right for tensors of any size, counters left out, and no NaN from zeros."


IN_PLACE = (
    "`now - start` and `square()` make a new tensor; `now -= start`, `after[name] -= start` and `square_()` write into "
    "the one that is there. What does not count is skipped, not taken out."
)


def _journeys() -> list[tuple[str, dict, dict, float, str]]:
    """The part, a state dict, what differs after it, the answer, and the case: one thing that real ones hold.

    The part `fc` has length 5 at its start: the root of 3 * 3 + 4 * 4.
    """
    state = networks.SmallResNet().state_dict()
    floats = {name: value for name, value in state.items() if value.is_floating_point()}
    larger = {name: value * 1.5 for name, value in floats.items() if name.startswith("layer1.")}
    usual = {"fc.weight": tensor([3.0, 0.0]), "fc.bias": tensor([4.0])}
    double = {name: value.double() for name, value in usual.items()}
    norm = {"fc.weight": tensor([3.0]), "fc.running_mean": tensor([4.0]), "fc.running_var": tensor([0.0])}
    short = {"fc.weight": tensor([0.003, 0.0]), "fc.bias": tensor([0.004])}
    no_bias = {"fc.weight": tensor([3.0, 4.0]), "fc.bias": tensor([0.0])}
    scaled = {"fc.weight": tensor([3.0]), "fc.logit_scale": tensor(4.0)}
    indexed = {"fc.weight": tensor([5.0]), "fc.relative_position_index": tensor([4])}
    half = {"fc.weight": tensor([300.0, 0.0]).half(), "fc.bias": tensor([400.0]).half()}
    brain = {"fc.weight": torch.ones(257).bfloat16()}
    one_left = torch.cat([torch.zeros(1), torch.ones(256)]).bfloat16()
    zero = {"fc.bias": tensor([0.0])}
    inner = "`conv1` did not move: `layer1.0.conv1` did, and that belongs to `layer1`"
    return [
        ("layer1", state, {}, 0.0, "Nothing moved"),
        ("layer1", state, larger, 0.5, "Every number of `layer1` became 1.5 times as large"),
        ("layer10", state, larger, 0.0, "`layer10` did not move, only `layer1` did"),
        ("conv1", state, larger, 0.0, inner),
        ("bn1", state, {"bn1.num_batches_tracked": tensor(1000)}, 0.0, "Only a counter of batches went up"),
        ("fc", usual, {"fc.weight": tensor([3.0, 5.0])}, 1.0, f"{OF_LENGTH_5} they moved by 5"),
        ("fc", short, {"fc.weight": tensor([0.003, 0.005])}, 1.0, "Of length 0.005 together, they moved by 0.005"),
        ("fc", norm, {"fc.running_mean": tensor([9.0])}, 1.0, f"{OF_LENGTH_5} the running mean moved by 5"),
        ("fc", no_bias, {"fc.bias": tensor([5.0])}, 1.0, f"{OF_LENGTH_5} a bias moved away from zero by 5"),
        ("fc", norm, {"fc.running_var": tensor([5.0])}, 1.0, f"{OF_LENGTH_5} the running variance moved by 5"),
        ("fc", indexed, {"fc.relative_position_index": tensor([9])}, 0.0, "Only a table of whole numbers changed"),
        ("fc", scaled, {"fc.logit_scale": tensor(9.0)}, 1.0, f"{OF_LENGTH_5} a scale without dimensions moved by 5"),
        (
            "fc",
            double,
            {"fc.weight": tensor([3.0, 5.0]).double()},
            1.0,
            f"{OF_LENGTH_5} they are `torch.float64` and moved",
        ),
        ("fc", usual, {"fc.weight": tensor([3.0, 5e-5])}, 1e-5, f"{OF_LENGTH_5} they moved by 0.00005, not nothing"),
        ("fc", half, {"fc.weight": tensor([300.0, 500.0]).half()}, 1.0, IN_FLOAT16),
        ("fc", brain, {"fc.weight": one_left}, 257**-0.5, IN_BFLOAT16),
        ("fc", zero, {}, 0.0, "A bias of zeros stayed where it was"),
        ("fc", zero, {"fc.bias": tensor([5.0])}, math.inf, "A bias left zero, infinitely far for a length of 0"),
    ]


OF_LENGTH_5 = "Together the tensors have length 5, and"
IN_FLOAT16 = (
    "In `float16`, where 300 squared is infinite, the tensors have length 500 together and moved by 500 (`double()` "
    "makes float64 of them)"
)
IN_BFLOAT16 = (
    "In `bfloat16`, which cannot hold 257, there are 257 ones, of which one became 0 (`double()` makes float64 of them)"
)

EXERCISES = Exercises(
    WhatNoGroupHolds, GroupsThatCoverEverything, DecayWhereItBelongs, WarmUpAndCosine, HowFarItTravelled
)
