"""Answer key of lesson 08: choose a strategy."""

from __future__ import annotations

import copy
import math
from collections import OrderedDict
from collections.abc import Callable, Iterable, Mapping
from functools import partial
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from helpers.checking import networks
from helpers.checking.answers import (
    a_string,
    a_tensor,
    close,
    exactly,
    is_a,
    not_refused,
    one_number,
    opening,
    plain,
    quoted,
    refusal,
    short,
)
from helpers.checking.passes import Watched, called_for_prediction, called_in_eval_mode
from helpers.checking.untouched import input_untouched, left_as_found
from helpers.course.exercise import Exercise, Exercises, Level
from helpers.course.verdicts import Incorrect, require
from helpers.models.freezing import eval_mode
from helpers.training.comparing import Gap, compare_paired


class Distance(Exercise):
    number = "8.1"
    title = "how far are these pictures"
    level = Level.WRITE
    minutes = 10
    hints = (
        "What goes into a layer is seen by a hook: `handle = layer.register_forward_pre_hook(look)` calls `look(layer, "
        "inputs)` in each pass, with what goes in as `inputs[0]`, until `handle.remove()`.",
        "`inputs[0].mean(dim=(0, 2, 3))` is one mean for each channel. Take `layer.running_mean` from it, then the "
        "sign, and divide by `(layer.running_var + layer.eps).sqrt()`.",
        "Note `(layer, layer.training)` for each of `model.modules()`, hook the `nn.BatchNorm2d` layers, call "
        "`model.eval()`, run one pass under `torch.no_grad()`, and put all of it back. In the hook: "
        "`found.append(off.mean().item())`. At the end: `sum(found) / len(found)`.",
    )
    answer = """
def distance(model, images):
    norms = [layer for layer in model.modules() if isinstance(layer, nn.BatchNorm2d)]
    if not norms:
        raise ValueError("no BatchNorm layer: this network remembers no statistics")
    found = []

    def look(layer, inputs):
        off = (inputs[0].mean(dim=(0, 2, 3)) - layer.running_mean).abs()
        found.append((off / (layer.running_var + layer.eps).sqrt()).mean().item())

    modes = [(layer, layer.training) for layer in model.modules()]
    handles = [layer.register_forward_pre_hook(look) for layer in norms]
    model.eval()
    with torch.no_grad():
        model(images)
    for handle in handles:
        handle.remove()
    for layer, training in modes:
        layer.training = training
    return sum(found) / len(found)
"""

    def examine(self, distance):
        for case, build, shape in MEASURED:
            network, images = build(), 3 * torch.randn(shape) + 2
            norms = _seen(network, images, _norms_of(network))
            network.calls.clear()
            with left_as_found(network, advice=LOOK_ON), input_untouched(images=images):
                said = not_refused(partial(distance, network, images), case)
            called_in_eval_mode(network.calls, case)
            _is_the_distance(said, norms, case)
        without = nn.Sequential(nn.Conv2d(3, 4, 3), nn.GroupNorm(2, 4), nn.ReLU()).eval()
        refusal(
            lambda: distance(without, networks.images(2)),
            "For a network without BatchNorm",
            naming=("BatchNorm", "BatchNorm2d", "batch norm", "batch normalization"),
        )
        return "One number in deviations, whatever the layers' widths, and the network never noticed."


LOOK_ON = {
    "numbers": "What ends in `_`, as `sub_` does, and `-=` change a tensor in place as well.",
    "flags": "`torch.no_grad()` around the pass records no gradients either.",
}


class _Between(nn.Module):
    """Its norm takes what functions made: no other layer gives that."""

    def __init__(self, width: int):
        super().__init__()
        self.conv, self.norm = nn.Conv2d(width, width, 3, padding=1), nn.BatchNorm2d(width)

    def forward(self, x: Tensor) -> Tensor:
        return x + self.norm(F.relu(self.conv(x)) + 0.5 * x)


class _NormAndReLU(nn.BatchNorm2d):
    """A BatchNorm that is a ReLU as well, as timm's are: who asks for the exact type misses it."""

    def forward(self, x: Tensor) -> Tensor:
        return super().forward(x).relu()


def _convolutional() -> Watched:
    """Norms of different widths, one two levels deep, one with an `eps` of its own; maps, tokens and rows of numbers.

    Images [n, 3, h, w] to logits [n, 3], in `eval()` mode. The norms' statistics are not those of the images.
    """
    second = OrderedDict(conv=nn.Conv2d(5, 7, 3, stride=2), norm=_NormAndReLU(7, eps=0.1))
    stages = OrderedDict(first=_Between(5), second=nn.Sequential(second))
    head = OrderedDict(pool=nn.AdaptiveAvgPool1d(1), flat=nn.Flatten(), drop=nn.Dropout(0.5), out=nn.Linear(7, 3))
    network = Watched(
        OrderedDict(
            stem=nn.Conv2d(3, 5, 3, padding=1),
            norm=nn.BatchNorm2d(5),
            stages=nn.Sequential(stages),
            tokens=nn.Flatten(2),
            head=nn.Sequential(head),
        )
    )
    for layer in _norms_of(network):
        nn.init.normal_(layer.running_mean)
        nn.init.uniform_(layer.running_var, 0.2, 3)
        nn.init.uniform_(layer.weight, 0.5, 1.5)
        nn.init.normal_(layer.bias)
    return network.eval()


def _norms_of(network: nn.Module) -> list[nn.BatchNorm2d]:
    return [layer for layer in network.modules() if isinstance(layer, nn.BatchNorm2d)]


def _in_training() -> Watched:
    return _convolutional().train()


def _with_a_norm_at_rest() -> Watched:
    """As lesson 03 freezes a layer: modes differ. Its owner watches a layer, and gradients wait for the optimizer."""
    network = networks.with_gradients(_in_training())
    network.norm.eval()
    network.stages.second.norm.register_forward_pre_hook(lambda layer, inputs: None)
    return network


# The case, the network, and the shape of the images.
MEASURED = (
    ("For a network in `eval()` mode", _convolutional, (4, 3, 12, 9)),
    ("For a network in `train()` mode", _in_training, (4, 3, 10, 10)),
    ("For one picture, with a norm in `eval()` and the rest in `train()`", _with_a_norm_at_rest, (1, 3, 9, 12)),
)


class _Seen(NamedTuple):
    """A layer in a pass of `eval()` mode, what went into it, and what came out."""

    layer: nn.Module
    taken: Tensor
    given: Tensor


def _seen(network: nn.Module, images: Tensor, layers: Iterable[nn.Module]) -> list[_Seen]:
    """One pass, as these layers saw it, in the order in which they work."""
    found: list[_Seen] = []

    def look(layer: nn.Module, taken: tuple[Tensor, ...], given: Tensor) -> None:
        found.append(_Seen(layer, taken[0].clone(), given.clone()))

    handles = [layer.register_forward_hook(look) for layer in layers]
    try:
        with eval_mode(network), torch.no_grad():
            network(images)
    finally:
        for handle in handles:
            handle.remove()
    return found


def _is_the_distance(said: object, norms: list[_Seen], case: str) -> None:
    value = plain(said)
    in_graph = is_a(value, Tensor) and value.requires_grad
    require(
        not in_graph,
        f"{opening(case)} your number still hangs on the whole pass, to be differentiated. Run the pass under "
        "`torch.no_grad()`, and make a plain number with `.item()`.",
    )
    found = one_number(said, f"{opening(case)} one number was expected, and you gave `{short(said)}`. {ONE_NUMBER}")
    expected = _distance(norms)
    if close(found, expected, off=1e-4):
        return
    for what, wrong in _OTHER_DISTANCES.items():
        require(not close(found, wrong(norms), off=1e-4), f"{opening(case)} your number is {found:.4f}. {what}")
    raise Incorrect(
        f"{opening(case)} your number is {found:.4f}, and {expected:.4f} was expected: for each channel the mean over "
        "images and pixels, how far it is from `running_mean`, in deviations; then the mean over the layer's channels, "
        "then over the layers, all of them, at any depth."
    )


ONE_NUMBER = "Take the mean over the layers, and make a plain number with `.item()`."


def _deviation(layer: nn.BatchNorm2d, eps: float | None = None) -> Tensor:
    return (layer.running_var + (layer.eps if eps is None else eps)).sqrt()


def _gap(one: _Seen) -> Tensor:
    """How far the mean of each channel is from the remembered one, with its sign."""
    return one.taken.mean(dim=(0, 2, 3)) - one.layer.running_mean


def _off(one: _Seen) -> Tensor:
    """That gap in deviations."""
    return _gap(one) / _deviation(one.layer)


def _distance(norms: list[_Seen], of_a_layer: Callable[[_Seen], Tensor] = lambda one: _off(one).abs()) -> float:
    """The mean over channels, and then over layers, of what `of_a_layer` makes of each."""
    return sum(of_a_layer(one).mean().item() for one in norms) / len(norms)


def _of_each_pixel(one: _Seen) -> Tensor:
    each = one.taken.transpose(0, 1).flatten(1) - one.layer.running_mean[:, None]
    return each.abs() / _deviation(one.layer)[:, None]


def _of_each_image(one: _Seen) -> Tensor:
    return (one.taken.mean(dim=(2, 3)) - one.layer.running_mean).abs() / _deviation(one.layer)


def _of_the_batch(one: _Seen) -> Tensor:
    return _gap(one).abs() / one.taken.transpose(0, 1).flatten(1).std(dim=1)


# What each mistake gives, by its sentence.
_OTHER_DISTANCES: dict[str, Callable[[list[_Seen]], float]] = {
    "The signs were kept, so that channels above and below cancel each other: take `abs()` of each channel's gap "
    "before the mean over channels.": lambda norms: _distance(norms, _off),
    "`abs()` came after the mean over the channels, in which those above and below cancel each other.": (
        lambda norms: _distance(norms, lambda one: _off(one).mean().abs())
    ),
    "`abs()` came before the mean over pixels: that is how much single pixels vary. Take each channel's mean over "
    "images and pixels first.": lambda norms: _distance(norms, _of_each_pixel),
    "`abs()` came before the mean over images. Take each channel's mean over images and pixels first.": (
        lambda norms: _distance(norms, _of_each_image)
    ),
    "It is divided by the variance, and a deviation is its square root.": (
        lambda norms: _distance(norms, lambda one: _off(one).abs() / _deviation(one.layer))
    ),
    "It is not divided by the deviation: a channel of large numbers would decide alone.": (
        lambda norms: _distance(norms, lambda one: _gap(one).abs())
    ),
    "It is divided by the deviation of these pictures. Take the remembered one, `running_var`.": (
        lambda norms: _distance(norms, _of_the_batch)
    ),
    "That is without the layers' own `eps`. It is not 1e-5 in each of them, and without it a channel that never varied "
    "divides by 0: take `layer.eps`.": lambda norms: _distance(
        norms, lambda one: _gap(one).abs() / _deviation(one.layer, eps=0)
    ),
    "`eps` belongs under the root: `(running_var + layer.eps).sqrt()`.": (
        lambda norms: _distance(norms, lambda one: _gap(one).abs() / (_deviation(one.layer, eps=0) + one.layer.eps))
    ),
    "That is what comes out of the layers. The statistics are of what goes into them: `inputs[0]`.": (
        lambda norms: _distance([one._replace(taken=one.given) for one in norms])
    ),
    "All channels of all layers went into one mean, and wide layers count more: take the mean of each layer first.": (
        lambda norms: torch.cat([_off(one).abs() for one in norms]).mean().item()
    ),
    "That is the last layer alone. Keep one number for each layer, and take their mean.": (
        lambda norms: _distance(norms[-1:])
    ),
    "That is the first layer alone. Keep one number for each layer, at any depth: `model.modules()` has them all.": (
        lambda norms: _distance(norms[:1])
    ),
    "That is the sum over the layers, and grows with their number: take the mean.": (
        lambda norms: _distance(norms) * len(norms)
    ),
    "A layer whose class inherits from `nn.BatchNorm2d`, as timm's do, is left out: ask with `isinstance`.": (
        lambda norms: _distance([one for one in norms if type(one.layer) is nn.BatchNorm2d])
    ),
    "That is the root of a mean of squares. Take the mean of the gaps without their sign.": (
        lambda norms: sum(_off(one).square().mean().sqrt().item() for one in norms) / len(norms)
    ),
    "That is the first picture alone: give the model the whole batch.": lambda norms: _distance(
        [one._replace(taken=one.taken[:1]) for one in norms]
    ),
}


class Leaders(Exercise):
    number = "8.2"
    title = "who leads, and by more than chance"
    level = Level.WRITE
    minutes = 8
    hints = (
        "Write a small function first: does `first` beat `second`? Then a name leads if nobody beats it.",
        "A gap is beyond chance in both directions. Whoever beats the other has a `difference` above 0 as well.",
        "`gap = compare_paired(right[first], right[second])`, and `gap.difference > 0 and gap.beyond_chance`. Then "
        "`[name for name in right if not any(beats(other, name) for other in right)]`.",
    )
    answer = """
def leaders(right):
    def beats(first, second):
        gap = compare_paired(right[first], right[second])
        return gap.difference > 0 and gap.beyond_chance

    return [name for name in right if not any(beats(other, name) for other in right)]
"""

    def examine(self, leaders):
        for case, counts in STANDINGS.items():
            right = {name: _right_on(counted) for name, counted in counts.items()}
            with input_untouched(right=right):
                said = not_refused(partial(leaders, right), case)
            unbeaten = [name for name in right if not _who_beats(name, right)]
            exactly(
                said,
                unbeaten,
                f"{case} ({_accuracies(right)}):",
                missing=lambda names, right=right: _why_unbeaten(names[0], right),
                extra=lambda names, right=right: _why_beaten(names[0], right),
            )
        return "Whoever leads by luck alone does not lead alone, and whoever is beaten by anyone is out."


PICTURES = 100
# By case: for each name and seed, how many of the pictures are right, counted from the first; from the last, below 0.
STANDINGS = {
    "One is ahead of the rest": {"LoRA": (70, 70, 70), "one rate": (90, 90, 90), "linear probe": (80, 80, 80)},
    "Two are level, and right on other pictures": {"LP-FT": (90, 90, 90), "scratch": (60,) * 3, "LoRA": (-90,) * 3},
    "Two are nearly level": {"scratch": (60, 62, 61), "LoRA": (88, 88, 88), "one rate": (89, 89, 89)},
    "All are level": {"LoRA": (80, 80, 80), "LP-FT": (80, 80, 80), "one rate": (80, 80, 80)},
    "There is a single one": {"linear probe": (50, 60, 40)},
    "Each is close to its neighbour": {"last stage": (84,) * 3, "LP-FT": (90,) * 3, "one rate": (87,) * 3},
    "The best one varies most with the seed": {"LoRA": (95, 70, 95), "LP-FT": (80,) * 3, "last stage": (70,) * 3},
    "The best one varies, and nobody else is ahead": {"LoRA": (80, 80, 80), "one rate": (95, 70, 95)},
    "One seed each": {"linear probe": (78,), "LoRA": (90,), "scratch": (-86,)},
}


def _right_on(counts: Iterable[int]) -> Tensor:
    """[seeds, pictures]: those that are right in a run of each seed."""
    picture = torch.arange(PICTURES)
    return torch.stack([picture < count if count >= 0 else picture >= PICTURES + count for count in counts])


def _accuracies(right: Mapping[str, Tensor]) -> str:
    """The accuracy of each, and of each of its seeds, to quote in a reason."""
    seeds = {name: ", ".join(f"{seed:.2f}" for seed in runs.float().mean(dim=1)) for name, runs in right.items()}
    return "; ".join(f"{name} {of_seeds}" for name, of_seeds in seeds.items())


def _who_beats(name: str, right: Mapping[str, Tensor]) -> dict[str, Gap]:
    gaps = {other: compare_paired(runs, right[name]) for other, runs in right.items()}
    return {other: gap for other, gap in gaps.items() if gap.difference > 0 and gap.beyond_chance}


def _why_beaten(name: str, right: Mapping[str, Tensor]) -> str:
    if name not in right:
        return f"There is no `{name}`."
    other, gap = next(iter(_who_beats(name, right).items()))
    best = max(right, key=lambda one: right[one].float().mean())
    not_the_best = "" if other == best else f" `{other}` need not be the best to do that: compare with every other."
    return f"`{other}` beats it: {gap.verdict}.{not_the_best}"


def _why_unbeaten(name: str, right: Mapping[str, Tensor]) -> str:
    gaps = {other: compare_paired(right[name], runs) for other, runs in right.items() if other != name}
    best = min(gaps, key=lambda other: gaps[other].difference, default=None)
    if best is None:
        return "There is no other that could beat it."
    if gaps[best].difference > 0:
        return f"Nobody is ahead of it. Over `{best}` it has {gaps[best].verdict}: look at the sign of a `difference`."
    back = compare_paired(right[best], right[name])
    return (
        f"Even the best of the others, `{best}`, does not beat it by more than chance, over all seeds: {back.verdict}."
    )


class FromWhichSize(Exercise):
    number = "8.3"
    title = "from which size on"
    level = Level.EDGE
    minutes = 8
    hints = (
        "At the largest size the answer is simple: fine-tuning leads there or it does not. From there go down, size by "
        "size.",
        "Fine-tuning leads where `gap.difference > 0 and gap.beyond_chance`. `sorted(gaps, reverse=True)` has the "
        "largest size first, in whichever order the dict is.",
        "`found = None`; for each size from the largest on: stop with `break` where fine-tuning does not lead, else "
        "`found = size`. Return `found`. Before all that, raise a `ValueError` where `gaps` is empty.",
    )
    answer = """
def from_which_size(gaps):
    if not gaps:
        raise ValueError("no size was measured")
    found = None
    for size in sorted(gaps, reverse=True):
        if not (gaps[size].difference > 0 and gaps[size].beyond_chance):
            break
        found = size
    return found
"""

    def examine(self, from_which_size):
        for case, expected, measured in ALONG_THE_SIZES:
            gaps = {size: Gap(0.5 + ahead, 0.5, chance, seeds_counted=True) for size, ahead, chance in measured}
            case = f"{case} ({_listed(gaps)}):"
            with input_untouched(gaps=gaps):
                said = not_refused(partial(from_which_size, gaps), case, advice=OR_NO_SIZE)
            none = plain(said) is None
            found = None if none else one_number(said, f"{case} a size or None was expected, not `{short(said)}`.")
            if found != expected:
                raise Incorrect(f"{case} you said {_size(found)}. {_why_not(found, expected, gaps)}")
        refusal(lambda: from_which_size({}), "Where no size was measured")
        return "It holds from there on at every size that was measured, and where it does not hold you say so."


OR_NO_SIZE = "Where there is no such size, return `None`."
# The case, the answer, and for each size how far fine-tuning is ahead and how far chance drives two equals apart.
ALONG_THE_SIZES = (
    ("In order", 100, ((5, -0.125, 0.0625), (20, 0.03125, 0.0625), (100, 0.125, 0.0625), (500, 0.25, 0.0625))),
    ("In no order", 100, ((500, 0.25, 0.0625), (5, -0.125, 0.0625), (100, 0.125, 0.0625), (20, 0.03125, 0.0625))),
    ("A lead that is lost again", 500, ((5, 0.25, 0.125), (20, 0.125, 0.125), (500, 0.25, 0.125))),
    ("Behind in between", 2000, ((100, 0.25, 0.125), (500, -0.25, 0.125), (2000, 0.25, 0.125))),
    ("Not at the largest", None, ((2, 0.25, 0.125), (20, 0.25, 0.125), (100, 0.0625, 0.125))),
    ("Behind at the largest", None, ((100, -0.25, 0.125), (20, 0.25, 0.125))),
    ("Behind everywhere", None, ((5, -0.25, 0.125), (20, -0.25, 0.125), (100, -0.25, 0.125))),
    ("Ahead everywhere", 2, ((20, 0.25, 0.125), (2, 0.25, 0.125), (100, 0.25, 0.125))),
    ("Exactly as far ahead as chance explains", None, ((20, 0.125, 0.125), (100, 0.125, 0.125))),
    ("Not ahead, and without any chance", None, ((20, 0.0, 0.0), (100, 0.0, 0.0))),
    ("A single size, and ahead", 20, ((20, 0.25, 0.125),)),
    ("A single size, and within chance", None, ((20, 0.0625, 0.125),)),
)


def _listed(gaps: Mapping[int, Gap]) -> str:
    """The gap at each size, to quote in a reason."""
    return "; ".join(f"{size}: {gap.difference:+.3f}, chance {gap.chance:.3f}" for size, gap in gaps.items())


def _size(found: float | None) -> str:
    return "None" if found is None else f"{found:g}"


def _leads(gap: Gap) -> bool:
    return gap.difference > 0 and gap.beyond_chance


def _why_not(found: float | None, expected: int | None, gaps: Mapping[int, Gap]) -> str:
    if found is not None and found not in gaps:
        return OR_NO_SIZE if expected is None else f"No such size was measured. The answer is {expected}."
    if found is None or (expected is not None and found > expected):
        return f"At {expected} fine-tuning leads by more than chance, and so it does at every larger size measured."
    failing = min(size for size, gap in gaps.items() if size >= found and not _leads(gap))
    here = "There" if failing == found else f"At {failing}, which is larger,"
    if gaps[failing].difference < 0:
        return f"{here} fine-tuning is behind: `beyond_chance` alone does not say who leads. The sign does."
    if gaps[failing].difference == 0:
        return f"{here} fine-tuning is not ahead at all."
    return f"{here} chance alone explains the lead: ask `beyond_chance`, and at every larger size as well."


class InAGrid(Exercise):
    number = "8.4"
    title = "where in the picture"
    level = Level.WRITE
    minutes = 10
    hints = (
        "`dict(model.named_modules())` has every layer by its name, nested ones too. A hook sees what a layer gives: "
        "`handle = layer.register_forward_hook(look)` calls `look(layer, inputs, output)`.",
        "`F.adaptive_avg_pool2d(output, cells)` gives [n, channels, cells, cells], whatever h and w are. "
        "`.flatten(1)` makes rows of it.",
        "Note `(layer, layer.training)` for each of `model.modules()`. In `try`: `model.eval()` and one pass under "
        "`torch.no_grad()`. In `finally`: `handle.remove()` and the modes. After it, `output.dim() != 4` is a "
        "`ValueError` with the name in it, as is a name that is not in the dict.",
    )
    answer = """
def in_a_grid(model, name, images, cells):
    layers = dict(model.named_modules())
    if name not in layers:
        raise ValueError(f"there is no layer {name}")
    outputs = []
    modes = [(layer, layer.training) for layer in model.modules()]
    handle = layers[name].register_forward_hook(lambda layer, inputs, output: outputs.append(output))
    try:
        model.eval()
        with torch.no_grad():
            model(images)
    finally:
        handle.remove()
        for layer, training in modes:
            layer.training = training
    if outputs[0].dim() != 4:
        raise ValueError(f"the layer {name} gives {list(outputs[0].shape)}, and no [n, c, h, w]")
    return F.adaptive_avg_pool2d(outputs[0], cells).flatten(1)
"""

    def examine(self, in_a_grid):
        for case, build, name, shape, cells in IN_FIELDS:
            network, images, case = build(), torch.randn(shape), f"{case}, `{name}` in {cells} x {cells} fields"
            (seen,) = _seen(network, images, [network.get_submodule(name)])
            network.calls.clear()
            with left_as_found(network, advice=LOOK_ON), input_untouched(images=images):
                said = not_refused(partial(in_a_grid, network, name, images, cells), case)
            called_for_prediction(network.calls, case, under="`torch.no_grad()`")
            _is_the_grid(said, seen, cells, f"{case}, a map of {seen.given.shape[2]} x {seen.given.shape[3]}:")
        for name, why in NO_MAPS.items():
            network, images = _in_training(), torch.randn(2, 3, 8, 8)
            with left_as_found(network, advice=ALSO_WHERE_REFUSED), input_untouched(images=images):
                refusal(partial(in_a_grid, network, name, images, 2), f"For `{name}`, {why}", naming=[name])
        return "What a layer sees and roughly where, one row for each picture, and the network is as it was."


# The case, the network, the layer, the shape of the images, and the cells on a side.
IN_FIELDS = (
    ("For two pictures", _convolutional, "stem", (2, 3, 12, 9), 3),
    ("For a layer two levels deep", _convolutional, "stages.second.conv", (3, 3, 12, 9), 3),
    ("For a network in `train()` mode", _in_training, "stages.second.norm", (4, 3, 12, 12), 2),
    ("For one picture and a mixed network", _with_a_norm_at_rest, "stages.first", (1, 3, 9, 12), 1),
    ("For a norm", _convolutional, "norm", (2, 3, 10, 14), 4),
)
NO_MAPS = {
    "layer9": "a name that is not there",
    "stages.third.conv": "a name that is not there",
    "tokens": "which gives [n, 7, 9], as the blocks of a ViT do",
    "head.out": "which gives rows of logits",
}
ALSO_WHERE_REFUSED = {
    fact: "That was after your function refused a layer: `try` and `finally` put things back in any case."
    for fact in ("hooks", "modes")
}


def _is_the_grid(said: object, seen: _Seen, cells: int, case: str) -> None:
    images, channels = seen.given.shape[:2]
    found = a_tensor(said, [images, channels * cells * cells], case, of="rows", why=ROWS)
    require(
        not found.is_inference(),
        f"{opening(case)} the result was made in `inference_mode`, and no head can be trained on such a tensor. Use "
        "`torch.no_grad()`.",
    )
    expected = _fields(seen.given, cells)
    if _alike(found, expected):
        return
    for what, wrong in _OTHER_GRIDS.items():
        require(not _alike(found, wrong(seen, cells)), f"{opening(case)} {what}")
    raise Incorrect(
        f"{opening(case)} your numbers differ from `F.adaptive_avg_pool2d` of what the layer gives by up to "
        f"{(found - expected).abs().max():.2g}."
    )


ROWS = (
    "A row for each picture, with channels * cells * cells numbers: what `flatten(1)` makes of [n, channels, cells, "
    "cells]."
)


def _alike(found: Tensor, expected: Tensor) -> bool:
    return found.shape == expected.shape and torch.allclose(found, expected.to(found.dtype), rtol=1e-4, atol=1e-5)


def _fields(maps: Tensor, cells: int) -> Tensor:
    return F.adaptive_avg_pool2d(maps, cells).flatten(1)


# What each mistake gives, by its sentence; of two mistakes at once none is known.
_OTHER_GRIDS: dict[str, Callable[[_Seen, int], Tensor]] = {
    "That is the largest number of each field, and their mean was asked for.": (
        lambda seen, cells: F.adaptive_max_pool2d(seen.given, cells).flatten(1)
    ),
    "That is the sum over each field, and their mean was asked for.": (
        lambda seen, cells: _fields(seen.given, cells) * seen.given[0, 0].numel() / cells**2
    ),
    "That is what goes into the layer. Take what it gives: `output` of a forward hook.": (
        lambda seen, cells: _fields(seen.taken, cells)
    ),
    "The means are right, and their order is [cells, cells, channels]. `flatten(1)` of [n, channels, cells, cells] "
    "keeps the fields of a channel together.": (
        lambda seen, cells: F.adaptive_avg_pool2d(seen.given, cells).permute(0, 2, 3, 1).flatten(1)
    ),
    "The means are right, and columns have become rows: h comes before w.": (
        lambda seen, cells: F.adaptive_avg_pool2d(seen.given, cells).mT.flatten(1)
    ),
    "Those are numbers between pixels, as `F.interpolate` makes them, and no means over fields.": (
        lambda seen, cells: F.interpolate(seen.given, size=cells, mode="bilinear").flatten(1)
    ),
}


class Advise(Exercise):
    number = "8.5"
    title = "ask the table"
    level = Level.EDGE
    minutes = 12
    hints = (
        "Three steps: the row with the nearest distance, in it the cell with the nearest size, and in the cell the "
        "strategy that trains the fewest parameters.",
        "By ratio is by the difference of logarithms: `abs(math.log(size / per_class))`. The sizes are those that were "
        "measured at that distance: a row may end before the others do.",
        "`near = min(distances, key=lambda d: abs(d - distance))`, and `sizes = [size for d, size in leaders if d == "
        "near]`. Return None unless `min(sizes) <= per_class <= max(sizes)`, and the same for your distance. At last "
        "`min(leaders[near, size], key=lambda name: numbers[name])`.",
    )
    answer = """
def advise(leaders, numbers, distance, per_class):
    distances = [d for d, _ in leaders]
    near = min(distances, key=lambda d: abs(d - distance))
    sizes = [size for d, size in leaders if d == near]
    if not min(distances) <= distance <= max(distances) or not min(sizes) <= per_class <= max(sizes):
        return None
    size = min(sizes, key=lambda size: abs(math.log(size / per_class)))
    return min(leaders[near, size], key=lambda name: numbers[name])
"""

    def examine(self, advise):
        for where, distance, per_class, cell in ASKED:
            leaders, numbers = copy.deepcopy(TABLE), dict(TRAINABLE)
            case = f"Asked for a distance of {distance} and {per_class} pictures a class ({where}):"
            with input_untouched(leaders=leaders, numbers=numbers):
                said = not_refused(partial(advise, leaders, numbers, distance, per_class), case, advice=OR_NONE)
            _is_the_advice(said, cell, distance, per_class, case)
        case = "From a table with a single cell, asked for that cell:"
        said = not_refused(lambda: advise({(0.5, 20): ["LoRA"]}, dict(TRAINABLE), 0.5, 20), case)
        found = a_string(said, f"{case} `LoRA` leads, and you gave `{short(said)}`. A border belongs to the table.")
        require(found == "LoRA", f"{case} `LoRA` leads, and you gave {short(found)}.")
        return "The nearest evidence, the smallest of those that lead there, and no word where nothing was measured."


TRAINABLE = {
    "scratch": 3_400_000,
    "linear probe": 6_000,
    "last stage": 900_000,
    "one rate": 3_390_000,
    "LP-FT": 3_380_000,
    "LoRA": 60_000,
}
# By distance and images a class, who leads. As in the lesson's table, one row ends before the others.
TABLE = {
    (0.6, 100): ["one rate", "LoRA", "last stage"],
    (0.6, 20): ["LP-FT", "linear probe", "LoRA"],
    (0.6, 5): ["last stage"],
    (0.3, 5): ["LoRA", "linear probe"],
    (0.3, 20): ["one rate", "LoRA"],
    (0.3, 100): ["LP-FT", "last stage", "one rate"],
    (0.3, 500): ["one rate"],
    (1.4, 5): ["one rate", "LoRA"],
    (1.4, 20): ["one rate", "last stage"],
    (1.4, 100): ["scratch", "LP-FT"],
    (1.4, 500): ["scratch"],
}
OUTSIDE = None
OR_NONE = "Where the table says nothing, give back None."
# Where that is, the distance, the images a class, and the cell that answers.
ASKED = (
    ("a cell of the table", 0.6, 100, (0.6, 100)),
    ("between cells", 0.32, 90, (0.3, 100)),
    ("between two sizes", 0.6, 50, (0.6, 100)),
    ("between two sizes", 0.3, 250, (0.3, 500)),
    ("between two distances", 0.95, 100, (0.6, 100)),
    ("between cells", 0.5, 9, (0.6, 5)),
    ("between cells", 1.3, 12, (1.4, 20)),
    ("the corner of the table", 0.3, 5, (0.3, 5)),
    ("the corner of the table", 1.4, 500, (1.4, 500)),
    ("the corner of the table", 0.3, 500, (0.3, 500)),
    ("the corner of the table", 1.4, 5, (1.4, 5)),
    ("nearer than the table goes", 0.2, 100, OUTSIDE),
    ("farther than the table goes", 1.5, 100, OUTSIDE),
    ("fewer than the table has", 0.6, 4, OUTSIDE),
    ("more than the table has", 0.3, 600, OUTSIDE),
    ("more than was measured at that distance", 0.65, 250, OUTSIDE),
)


def _is_the_advice(said: object, cell: tuple[float, int] | None, distance: float, per_class: int, case: str) -> None:
    if cell is OUTSIDE:
        require(
            plain(said) is None,
            f"{case} you said `{short(said)}`. The table says nothing there, and None was expected: a distance outside "
            "of the table's, and a size outside of those at the nearest distance, were never measured.",
        )
        return
    there, fewest = TABLE[cell], min(TABLE[cell], key=lambda name: TRAINABLE[name])
    require(
        plain(said) is not None,
        f"{case} you said None, and the table has an answer: its borders belong to it, and inside of them the nearest "
        "cell answers.",
    )
    found = a_string(said, f"{case} the name of one strategy was expected, and you gave `{short(said)}`.")
    if found == fewest:
        return
    nearest = f"{case} the nearest cell is {cell[0]} and {cell[1]}, where {quoted(there)} {_lead(there)}. You said"
    raise Incorrect(f"{nearest} {short(found)}. {_why_another(found, cell, distance, per_class)}")


def _lead(there: list[str]) -> str:
    return "leads" if len(there) == 1 else "lead"


def _why_another(found: str, cell: tuple[float, int], distance: float, per_class: int) -> str:
    if found in TABLE[cell]:
        return "It leads there as well, and trains more parameters: take the one that trains the fewest."
    for what, other in _OTHER_CELLS.items():
        at = other(distance, per_class)
        if at != cell and found in TABLE[at]:
            return what
    return "It does not lead there: choose among those that do."


def _nearest(distances: Callable[[float], float], sizes: Callable[[int], float]) -> tuple[float, int]:
    """The cell whose distance and then whose size has the smallest number by these."""
    return min(TABLE, key=lambda cell: (distances(cell[0]), sizes(cell[1])))


# The cell that each mistake leads to.
_OTHER_CELLS: dict[str, Callable[[float, int], tuple[float, int]]] = {
    "That is from the size that is nearest by difference. By ratio another is nearer: compare logarithms.": (
        lambda distance, per_class: _nearest(lambda d: abs(d - distance), lambda size: abs(size - per_class))
    ),
    "That is from the distance that is nearest by ratio. Distances are compared by their difference.": (
        lambda distance, per_class: _nearest(
            lambda d: abs(math.log(d / distance)), lambda size: abs(math.log(size / per_class))
        )
    ),
    "That is from the next size above, and one below is nearer by ratio.": (
        lambda distance, per_class: _nearest(
            lambda d: abs(d - distance), lambda size: size / per_class if size >= per_class else math.inf
        )
    ),
    "That is from the next size below, and one above is nearer by ratio.": (
        lambda distance, per_class: _nearest(
            lambda d: abs(d - distance), lambda size: per_class / size if size <= per_class else math.inf
        )
    ),
}

EXERCISES = Exercises(Distance, Leaders, FromWhichSize, InAGrid, Advise)
