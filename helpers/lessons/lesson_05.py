"""Answer key of lesson 05: differential learning rates."""

from __future__ import annotations

import copy
import math
import re
from collections.abc import Iterable

import torch
from torch import Tensor, nn

from helpers.course.exercise import Exercise, Exercises, Level, one_number, short
from helpers.course.quiz import Option, Question, Quiz
from helpers.course.verdicts import require
from helpers.models.freezing import snapshot


class _Block(nn.Module):
    """A stage's block, whose layers have the same names as the stem's, as in every ResNet."""

    def __init__(self):
        super().__init__()
        self.conv1 = nn.Conv2d(4, 4, 3)
        self.bn1 = nn.BatchNorm2d(4)
        self.conv2 = nn.Conv2d(4, 4, 3)

    def forward(self, x: Tensor) -> Tensor:
        return self.conv2(self.bn1(self.conv1(x)))


class _Network(nn.Module):
    """A small ResNet in names: a stem that usual recipes forget, two stages, a head, and a token of its own."""

    def __init__(self, *, token: bool = False):
        super().__init__()
        self.conv1 = nn.Conv2d(3, 4, 3)
        self.bn1 = nn.BatchNorm2d(4)
        self.relu = nn.ReLU()  # a child without parameters
        self.layer1 = nn.Sequential(_Block())
        self.layer10 = nn.Sequential(nn.Conv2d(4, 6, 3), nn.BatchNorm2d(6))
        self.fc = nn.Linear(6, 2)
        if token:
            self.token = nn.Parameter(torch.ones(1, 4, 1, 1))

    def forward(self, images: Tensor) -> Tensor:
        x = self.relu(self.bn1(self.conv1(images)))
        x = self.layer10(self.layer1(x)).mean(dim=(2, 3))
        return self.fc(x)


def _quoted(names: list[str], most: int = 4) -> str:
    more = f" and {len(names) - most} more" if len(names) > most else ""
    return "`" + "`, `".join(names[:most]) + f"`{more}"


def _names(model: nn.Module, tensors: list) -> list[str]:
    wanted = {id(tensor) for tensor in tensors}
    return [name for name, parameter in model.named_parameters() if id(parameter) in wanted]


def _require_all_held(model: nn.Module, held: list[list], otherwise: str) -> None:
    """Every parameter must be among those `held`, group by group; frozen ones have a reason of their own."""
    wanted = {id(parameter) for group in held for parameter in group}
    missing = {name: p for name, p in model.named_parameters() if id(p) not in wanted}
    trainable = [name for name, p in missing.items() if p.requires_grad]
    require(not trainable, f"{_quoted(trainable)} is in no group, {otherwise}.")
    require(not missing, f"{_quoted(list(missing))} is frozen and in no group: the groups hold every parameter.")


def _settings(optimizer: torch.optim.Optimizer) -> list[dict]:
    """The groups of an optimizer, to compare: each parameter by its id."""
    return [{**group, "params": [id(p) for p in group["params"]]} for group in optimizer.param_groups]


def _facts(model: nn.Module) -> dict[str, dict]:
    """All of a model that an answer could change by the way, by name."""
    named = dict(model.named_parameters())
    return {
        "requires_grad": {name: p.requires_grad for name, p in named.items()},
        "numbers": snapshot(model),
        "gradients": {name: None if p.grad is None else p.grad.clone() for name, p in named.items()},
        "modes": {name: module.training for name, module in model.named_modules()},
    }


def _require_left_alone(model: nn.Module, before: dict[str, dict]) -> None:
    """The model must be what it was when `_facts` looked."""
    now = _facts(model)

    def changed(what: str) -> list[str]:
        new, old = now[what], before[what]
        return [n for n in {**old, **new} if n not in old or n not in new or not _same_fact(new[n], old[n])]

    switched, moved = changed("requires_grad"), changed("numbers")
    require(not switched, f"Your function changed `requires_grad` of {_quoted(switched)}: leave it as it is.")
    require(not moved, f"Your function changed the numbers of {_quoted(moved)}: take no step, only look.")
    graded = changed("gradients")
    require(
        not graded,
        f"Your function changed or removed the gradients of {_quoted(graded)}: leave them as they came. "
        "`zero_grad()` takes them away, and the next step would need them.",
    )
    require(
        not changed("modes"), "Your function changed the mode of the model by `eval()` or `train()`: leave it as it is."
    )


def _same_fact(one: object, other: object) -> bool:
    if isinstance(one, Tensor) and isinstance(other, Tensor):
        return torch.equal(one, other)
    return type(one) is type(other) and one == other


def _with_lists(groups: list | tuple) -> list[dict]:
    """The groups with a list under `params`, from all that an optimizer takes there: a tensor, an iterable, pairs."""
    listed = []
    for group in groups:
        params = group["params"]
        require(
            not isinstance(params, set),
            "Under `params` is a set. A set has no order, and an optimizer refuses it: make it a list.",
        )
        require(isinstance(params, Iterable), f"Under `params` belong parameters, in a list, not {short(params)}.")
        params = [params] if isinstance(params, Tensor) else list(params)
        strange = [one for one in params if not isinstance(_parameter(one), Tensor)]
        require(not strange, f"Under `params` belong the parameters themselves, not {short(strange[:1])}.")
        listed.append({**group, "params": params})
    return listed


def _parameter(one: object) -> object:
    """An optimizer also takes `(name, parameter)`, as `named_parameters()` gives it."""
    return one[1] if isinstance(one, tuple) and len(one) == 2 else one


def _require_once(model: nn.Module, held: list[list], cure: str) -> None:
    """No parameter may be in two groups, which has its `cure`, and none twice in one."""
    counts = {name: [sum(p is one for one in group) for group in held] for name, p in model.named_parameters()}
    across = [name for name, found in counts.items() if sum(map(bool, found)) > 1]
    require(not across, f"{_quoted(across)} is in two groups. {cure}")
    within = [name for name, found in counts.items() if max(found, default=0) > 1]
    require(
        not within,
        f"{_quoted(within)} is in one group more than once. `parameters()` of a layer holds those of the layers inside "
        "it as well: where you go through all layers, each parameter comes up again and again.",
    )


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
        network = _Network()
        stages = [{"params": part.parameters()} for part in (network.layer1, network.layer10, network.fc)]
        stem = ["conv1.weight", "conv1.bias", "bn1.weight", "bn1.bias"]
        self._try(in_no_group, network, stages, stem, "The groups hold `layer1`, `layer10` and `fc`")
        self._try(in_no_group, network, [{"params": network.parameters()}], [], "One group holds everything")
        twins = _Network()
        with torch.no_grad():
            twins.conv1.bias.zero_(), twins.fc.bias.zero_()
            twins.layer1[0].conv1.bias.zero_()
        some = [twins.conv1.bias, *twins.fc.parameters()]
        left = [name for name, p in twins.named_parameters() if all(p is not one for one in some)]
        self._try(
            in_no_group, twins, [{"params": some}], left, "Some biases hold the same numbers, and not all are held"
        )
        frozen = _Network()
        frozen.conv1.requires_grad_(False)
        frozen.bn1.requires_grad_(False).eval()
        self._try(in_no_group, frozen, [{"params": frozen.layer1.parameters()}, {"params": frozen.fc.parameters()}],
                  [f"layer10.{name}" for name, _ in frozen.layer10.named_parameters()],
                  "`conv1` and `bn1` are frozen on purpose, and `layer10` was forgotten")  # fmt: skip
        return "It found the forgotten stem, left what was frozen on purpose, and was not fooled by equal numbers."

    def _try(self, in_no_group, network, groups, expected, case):
        optimizer = torch.optim.SGD(groups, lr=0.1, momentum=0.9)
        for parameter in network.parameters():
            parameter.grad = torch.full_like(parameter, 2.0)  # so that a step would show
        settings, before = _settings(optimizer), _facts(network)
        answer = in_no_group(network, optimizer)
        require(
            isinstance(answer, list | tuple | set) and all(isinstance(one, str) for one in answer),
            f"Return a list of names, not {short(answer)}.",
        )
        missed = [name for name in expected if name not in answer]
        require(not missed, f"{case}. Your list misses {_quoted(missed)}.")
        extra = sorted(set(answer) - set(expected))
        require(not extra, f"{case}. Your list names {_quoted(extra)}, which is no forgotten parameter.")
        twice = [name for name in expected if list(answer).count(name) > 1]
        require(
            not twice,
            f"{case}. Your list names {_quoted(twice)} more than once: go through the parameters a single time, "
            "not once for each group.",
        )
        changed = "Your function changed the optimizer's groups: look at them, and leave them as they are."
        require(_settings(optimizer) == settings, changed)
        _require_left_alone(network, before)
        stepped = any(optimizer.state.values())
        require(not stepped, "Your function took a step, and the optimizer's momentum remembers it: only look.")


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
        rates = {"conv1": 1e-5, "bn1": 1e-5, "layer1": 1e-4, "layer10": 1e-3, "fc": 1e-2}
        self._hold(make_groups, _Network(), rates)
        for more, less, names, case in (
            ({}, (), ("token",), "has a parameter `token` of its own, which no part holds"),
            ({}, ("conv1", "bn1"), ("conv1", "bn1"), "has `conv1` and `bn1`, and the rates leave both out"),
            ({}, ("layer10",), ("layer10",), "has `layer10`, and the rates name `layer1` and leave `layer10` out"),
            ({"layer2": 1e-3}, (), ("layer2",), "has no `layer2`, and the rates name it"),
            ({"relu": 1e-3}, (), ("relu",), "has no parameter in `relu`, and the rates name it"),
        ):
            given = {part: rate for part, rate in {**rates, **more}.items() if part not in less}
            self._refuses(make_groups, _Network(token="token" in names), given, names, case)
        self._hold(make_groups, _Network(token=True), {**rates, "token": 1e-4})
        frozen = _Network().eval()
        frozen.bn1.requires_grad_(False)
        self._hold(make_groups, frozen, rates)
        shuffled = {"layer10": 1e-3, "fc": 1e-2, "layer1": 0.0, "bn1": 2e-5, "conv1": 1e-5}
        case = "The rates come in another order than the parts, and one is 0.0. "
        self._hold(make_groups, _Network(), shuffled, case)
        return "Every parameter is in exactly one group, with its own rate, and what you forget is named."

    def _hold(self, make_groups, network, rates, case=""):
        given, before = dict(rates), _facts(network)
        try:
            groups = make_groups(network, given)
        except ValueError as error:
            if not case:
                raise  # the learner's own line says more
            require(False, f"{case}That is a rate too: ask whether `part in rates`. Your ValueError says: {error}")
        fits = isinstance(groups, list | tuple) and all(isinstance(g, dict) and "params" in g for g in groups)
        require(fits, f"Return a list of dicts with `params` and `lr`, as an optimizer takes it, not {short(groups)}.")
        groups = _with_lists(groups)
        held = [[_parameter(one) for one in group["params"]] for group in groups]
        _require_all_held(network, held, "and nothing was said")
        _require_once(
            network,
            held,
            '"layer10." begins with "layer1", too, and "layer1.0.conv1." holds "conv1.": '
            "compare all up to the first dot.",
        )
        for part, rate in rates.items():
            for group, parameters in zip(groups, held, strict=True):
                found = [name for name in _names(network, parameters) if name.split(".")[0] == part]
                require(
                    not found or group.get("lr") == rate,
                    f"{case}{_quoted(found)} should get the rate {rate}; its group says {group.get('lr')}.",
                )
        torch.optim.AdamW(groups)
        _require_left_alone(network, before)
        require(given == rates, f"Your function changed `rates`, which is now {short(given)}: leave it as it is.")

    def _refuses(self, make_groups, network, rates, names, case):
        """A `ValueError` that names one of `names` and no other, as whole words: `layer1` does not name `layer10`."""
        others = [part for part in rates if part not in names]
        try:
            make_groups(network, rates)
        except ValueError as error:
            named = any(re.search(rf"\b{name}\b", str(error)) for name in names)
            wanted = "` or `".join(names)
            require(named, f"The network {case}. Your ValueError should name `{wanted}`; it says: {error}")
            # after a dot it is a layer of the same name inside the part
            besides = [part for part in others if re.search(rf"(?<![\w.]){part}\b", str(error))]
            require(
                not besides,
                f"The network {case}. Your ValueError names {_quoted(besides)} as well, where nothing is wrong. "
                f"Name only what has no place; it says: {error}",
            )
            return
        require(False, f"The network {case}. Raise a `ValueError` that names it; yours returned groups all the same.")


class _Sequence(nn.Module):
    """A network for sequences: one frozen layer, norms of two kinds, weights of two and three dimensions."""

    def __init__(self):
        super().__init__()
        self.stem = nn.Linear(3, 3).requires_grad_(False)
        self.conv = nn.Conv1d(3, 4, 3)
        self.group_norm = nn.GroupNorm(2, 4)
        self.positions = nn.Parameter(torch.zeros(1, 4, 6))
        self.norm = nn.LayerNorm(4)
        self.fc = nn.Linear(4, 2, bias=False)


_NORMS = (nn.modules.batchnorm._BatchNorm, nn.GroupNorm, nn.LayerNorm)


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
        for network in (_Network(), _Sequence().eval()):
            with torch.no_grad():
                for parameter in network.parameters():
                    parameter.fill_(1.0)
            before = _facts(network)
            groups = decay_groups(network, 0.5)
            fits = isinstance(groups, list | tuple) and all(isinstance(g, dict) and "params" in g for g in groups)
            require(fits, f"Return a list of dicts with `params` and `weight_decay`, not {short(groups)}.")
            groups = _with_lists(groups)
            held = [[_parameter(one) for one in group["params"]] for group in groups]
            _require_all_held(network, held, "and would never be trained")
            _require_once(network, held, "It either decays or it does not: take it out of the other.")
            unsaid = [one for group, of in zip(groups, held, strict=True) if "weight_decay" not in group for one in of]
            require(
                not unsaid,
                f"The group with {_quoted(_names(network, unsaid))} has no `weight_decay`. So the optimizer's own "
                "default holds there, 0.01 in AdamW, and it decays after all: write `0.0` where you want none.",
            )
            _require_left_alone(network, before)
            optimizer = torch.optim.SGD(groups, lr=0.1)
            for parameter in network.parameters():
                parameter.grad = torch.zeros_like(parameter)
            optimizer.step()  # the gradients are zero: only decay moves anything
            self._compare(network)
        return "A step with zero gradients shrank the weights of layers by exactly lr x decay, and nothing else."

    def _compare(self, network):
        for name, parameter in network.named_parameters():
            owner, _, last = name.rpartition(".")
            if not owner:
                continue  # a table of positions belongs to no layer: with or without decay, both are in use
            value = parameter.flatten()[0].item()
            norm = isinstance(network.get_submodule(owner), _NORMS)
            if norm or last == "bias":
                kind = "a norm's scale or shift" if norm else "a bias"
                require(
                    math.isclose(value, 1.0),
                    f"`{name}` is {kind} and shrank from 1 to {value:.3f} without any gradient: give it no decay.",
                )
            else:
                require(
                    math.isclose(value, 0.95, rel_tol=1e-4),
                    f"With zero gradients, lr 0.1 and decay 0.5, `{name}` should go from 1 to 0.95, not {value:.3f}.",
                )


# Steps and warm-up that make no schedule, and what to call them.
_NO_SCHEDULES = (
    (0, 0, "no steps"),
    (-5, 0, "a negative number of steps"),
    (10, -1, "a negative warm-up"),
    (10, 10, "a warm-up that leaves no step"),
    (10, 11, "a warm-up longer than the training"),
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
        for step in range(10):
            self._same(rate_factor, step, 100, 10, (step + 1) / 10)
        for step in (10, 32, 55, 99):
            self._same(rate_factor, step, 100, 10, 0.5 * (1 + math.cos(math.pi * (step - 10) / 90)))
        self._same(rate_factor, 0, 10, 0, 1.0)
        self._same(rate_factor, 0, 1, 0, 1.0)
        self._same(rate_factor, 100, 100, 10, 0.0)
        self._same(rate_factor, 130, 100, 10, 0.0)
        for steps, warm_up, case in _NO_SCHEDULES:
            self._refuses(rate_factor, 0, steps, warm_up, case)
        parameter = nn.Parameter(torch.ones(1))
        optimizer = torch.optim.SGD([{"params": [parameter], "lr": 0.2}])
        schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda step: rate_factor(step, 20, 4))
        rates = []
        for _ in range(20):
            rates.append(float(optimizer.param_groups[0]["lr"]))  # a tensor would change with the next step
            optimizer.step()
            schedule.step()
        require(
            max(rates) < 0.2 + 1e-6 and abs(rates[3] - 0.2) < 1e-6,
            "In a `LambdaLR` of 20 steps, 4 of them warm-up, a rate of 0.2 should be reached in step 3; "
            f"yours is {rates[3]:.4f} there, and at most {max(rates):.4f}.",
        )
        for steps, warm_up, case in _NO_SCHEDULES:
            self._refuses(rate_factor, 3, steps, warm_up, case)
        return "It rises, peaks at 1, falls to 0, and refuses schedules that cannot be. `LambdaLR` takes it as it is."

    def _same(self, rate_factor, step, steps, warm_up, expected):
        found = rate_factor(step, steps, warm_up)
        call = f"`rate_factor({step}, {steps}, {warm_up})`"
        found = one_number(found, f"{call} should be one number, not {short(found)}.")
        require(abs(found - expected) < 1e-6, f"{call} should be {expected:.4f}; yours is {found:.4f}.")

    def _refuses(self, rate_factor, step, steps, warm_up, case):
        try:
            found = rate_factor(step, steps, warm_up)
        except ValueError:
            return
        later = " in every step, not in step 0 alone" if step else ""
        require(
            False,
            f"For {case} ({steps} steps, {warm_up} of warm-up) yours gave {short(found)} in step {step}: "
            f"raise a `ValueError`{later}.",
        )


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
        'Take only names that begin with `part + "."`. Return 0.0 where nothing moved, also when the length is 0, '
        "and `math.inf` where something moved away from zero length.",
    )
    answer = """
def travelled(before, after, part):
    way = length = 0.0
    for name, start in before.items():
        if name.startswith(part + ".") and start.is_floating_point():
            way += (after[name] - start).square().sum().item()
            length += start.square().sum().item()
    if way == 0:
        return 0.0
    return math.sqrt(way / length) if length > 0 else math.inf
"""

    def examine(self, travelled):
        before = copy.deepcopy(_Network().state_dict())
        self._same(travelled, before, before, "layer1", 0.0, "Nothing moved")
        after = copy.deepcopy(before)
        for name in after:
            if name.startswith("layer1.") and after[name].is_floating_point():
                after[name] = after[name] * 1.5
        self._same(travelled, before, after, "layer1", 0.5, "Every number of `layer1` became 1.5 times as large")
        self._same(travelled, before, after, "layer10", 0.0, "`layer10` did not move, only `layer1` did")
        inner = "`conv1` did not move: `layer1.0.conv1` did, and that belongs to `layer1`"
        self._same(travelled, before, after, "conv1", 0.0, inner)
        counted = copy.deepcopy(before)
        counted["bn1.num_batches_tracked"] += 1000
        self._same(travelled, before, counted, "bn1", 0.0, "Only a counter of batches went up, which is no weight")
        for start, end, expected, case in _small_ways():
            self._same(travelled, start, end, "part", expected, case)
        zero = {"fc.bias": torch.zeros(3)}
        self._same(travelled, zero, zero, "fc", 0.0, "A bias of zeros stayed where it was")
        found = self._way(travelled, zero, {"fc.bias": torch.ones(3)}, "fc")
        reason = f"against a length of 0 that is infinitely far (`math.inf`); yours gave {found}."
        require(found == math.inf, f"A bias left zero: {reason}")
        return "One number a part, right for tensors of any size, counters left out, and no NaN from zeros."

    def _same(self, travelled, before, after, part, expected, case):
        found = self._way(travelled, before, after, part)
        close = math.isclose(found, expected, rel_tol=1e-4, abs_tol=1e-9)
        require(close, f"{case}, so the answer is {expected}; yours is {found:.4g}.")

    def _way(self, travelled, before, after, part):
        """The answer's number; before anything else, it must have left both state dicts alone."""
        started = copy.deepcopy((before, after))
        found = travelled(before, after, part)
        for which, now, then in zip(("before", "after"), (before, after), started, strict=True):
            self._require_untouched(which, now, then)
        return one_number(found, f"Return one number, not {short(found)}.")

    def _require_untouched(self, which, now, then):
        gone, new = [name for name in then if name not in now], [name for name in now if name not in then]
        leave = "leave both state dicts as they are"
        require(not gone, f"Your function took {_quoted(gone)} out of `{which}`: {leave}. Skip what does not count.")
        require(not new, f"Your function put {_quoted(new)} into `{which}`: {leave}.")
        kinds = [name for name, value in then.items() if getattr(now[name], "dtype", None) != value.dtype]
        require(not kinds, f"Your function put another type of number into `{which}` at {_quoted(kinds)}: {leave}.")
        changed = [name for name, value in then.items() if not torch.equal(now[name], value)]
        require(
            not changed,
            f"Your function changed the numbers of {_quoted(changed)} in `{which}`: {leave}. "
            "`d -= start` and `square_()` write into the tensor itself, `d - start` and `square()` make a new one.",
        )


def _small_ways() -> list[tuple[dict, dict, float, str]]:
    """State dicts of a `part` with one thing each that real ones hold: before, after, the answer, and the case."""
    weight, five = torch.tensor([3.0, 0.0]), torch.tensor([0.0, 5.0])
    four, nine, table = torch.tensor([4.0]), torch.tensor([9.0]), torch.tensor([[0, 1], [2, 3]])
    start = {"part.weight": weight, "part.bias": four}
    scaled = {"part.weight": weight, "part.logit_scale": torch.tensor(4.0)}
    norm = {"part.weight": weight, "part.running_mean": four, "part.running_var": torch.zeros(1)}
    indexed = {"part.weight": weight, "part.relative_position_index": table}
    shifted = {"part.weight": torch.tensor([3.0, 4.0]), "part.bias": torch.zeros(1)}
    double = {name: value.double() for name, value in start.items()}
    return [
        (start, {**start, "part.weight": weight + five}, 1.0,
         "Together the tensors have length 5, and they moved by 5"),
        (norm, {**norm, "part.running_mean": nine}, 1.0,
         "Together the tensors have length 5, and the running mean moved by 5"),
        (indexed, {**indexed, "part.relative_position_index": table + 7}, 0.0,
         "Only a table of whole numbers changed, which is no float and does not count"),
        (scaled, {**scaled, "part.logit_scale": torch.tensor(9.0)}, 1.0,
         "Together the tensors have length 5, and a scale without dimensions (a float) moved by 5"),
        (shifted, {**shifted, "part.bias": torch.tensor([5.0])}, 1.0,
         "Together the tensors have length 5, and a bias moved away from zero by 5"),
        (norm, {**norm, "part.running_var": torch.tensor([5.0])}, 1.0,
         "Together the tensors have length 5, and the running variance moved by 5"),
        (double, {**double, "part.weight": (weight + five).double()}, 1.0,
         "The tensors are `torch.float64`, which are floats too. Together they have length 5, and they moved by 5"),
        (start, {**start, "part.weight": weight + 1e-5 * five}, 1e-5,
         "Together the tensors have length 5, and they moved by 0.00005, which is little and not nothing"),
    ]  # fmt: skip


EXERCISES = Exercises(
    WhatNoGroupHolds, GroupsThatCoverEverything, DecayWhereItBelongs, WarmUpAndCosine, HowFarItTravelled
)

QUIZ = Quiz(
    "05",
    (
        Question(
            "Your groups hold `layer1` to `layer4` and `fc` of a ResNet. What happens to `conv1`?",
            (
                Option(
                    "It is frozen: no gradient is computed for it.",
                    "Its gradient is computed in every step. But no group holds it, so nothing moves.",
                ),
                Option(
                    "It gets gradients and never moves.",
                    "PyTorch does not complain: an optimizer only knows what it was given.",
                    right=True,
                ),
                Option("It moves with the rate of the first group.", "A parameter moves only if a group holds it."),
            ),
        ),
        Question(
            "Why do the first layers usually get the smallest rate?",
            (
                Option(
                    "They have the fewest parameters.",
                    "They do, and that is not the reason: a rate says how far each single parameter goes.",
                ),
                Option(
                    "They hold edges and textures, which most tasks share.",
                    "What they know is still of use, so they should move little. Where your pictures look "
                    "nothing like photos, that may not hold: measure it.",
                    right=True,
                ),
                Option(
                    "Gradients are largest there.",
                    "That differs from network to network, and AdamW divides each gradient by its own size.",
                ),
            ),
        ),
        Question(
            "What does head first, then everything (LP-FT) guard against?",
            (
                Option(
                    "A random head that sends random gradients through the backbone.",
                    "By the time the backbone may move, the head knows what it wants.",
                    right=True,
                ),
                Option("Overfitting of the head.", "The head is trained just as much, or more."),
                Option("Running out of memory.", "The second part needs as much memory as ordinary fine-tuning."),
            ),
        ),
        Question(
            "You fine-tune on batches of 8 pictures, with BatchNorm in `train()` mode. What should you look at?",
            (
                Option(
                    "Nothing: BatchNorm is made for training.",
                    "With few pictures a batch its means and variances are rough guesses, and they take the place of "
                    "the pretrained ones.",
                ),
                Option(
                    "Whether its new statistics are worth less than the pretrained ones.",
                    "Measure both: `eval()` on the BatchNorm layers keeps the pretrained statistics while the "
                    "weights learn.",
                    right=True,
                ),
                Option(
                    "Its weight decay.",
                    "Decay on its scale is a question of its own. The statistics do not decay.",
                ),
            ),
        ),
    ),
)
