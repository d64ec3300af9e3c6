"""Answer key of lesson 06: modern backbones."""

from __future__ import annotations

import copy
import itertools
import math
import random
import statistics
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NoReturn

import torch
from torch import Tensor, nn
from torchvision.models.vision_transformer import interpolate_embeddings

from helpers.course.exercise import Exercise, Exercises, Level, hooks_on, one_number, short
from helpers.course.quiz import Option, Question, Quiz
from helpers.course.verdicts import Incorrect, require
from helpers.models.freezing import moved, snapshot

MOST_WARM_UPS = 12
CLOSE = 0.75  # a right answer and the network's own clock differ by less than this factor
SAME_NUMBER = 1.14  # two readings of one time differ by less; two mistakes that a trial has to tell apart, by more
FAR = 0.5  # a mistake that differs from the median by more has to be seen, or the measurement was disturbed
MISSES = 2  # a program that interrupts a right answer between two clocks does not do so twice
TRIES = 3
PATIENCE = 2.0  # seconds after which a disturbed measurement that came out right is not made again


class _Log:
    """How long the passes of a network are to take, and what was asked of it.

    A learner may measure a copy of the network: all copies go on in one log.
    """

    def __init__(self, first: float, after: tuple[float, ...]) -> None:
        self.waits = itertools.chain([first], itertools.cycle(after))
        self.asked: list[float] = []
        self.seconds: list[float] = []
        self.shapes: list[tuple[int, ...]] = []
        self.in_train_mode = self.with_gradients = False

    def __deepcopy__(self, memo: dict) -> _Log:
        return self


class _Stopwatch(nn.Module):
    """A network that takes a known time a pass, and writes down how it was called.

    The first pass takes `first` seconds, those after it `after`, again and again: whatever the warm-up, as many
    passes as `after` is long have the same median.
    """

    def __init__(self, first: float, after: tuple[float, ...]) -> None:
        super().__init__()
        self.norm = nn.BatchNorm1d(2).requires_grad_(False)  # never called: it is here for its mode and its flags
        self.drop = nn.Dropout()  # never called: for its mode
        self.head = nn.Linear(2, 2)
        self.log = _Log(first, after)

    def forward(self, images: Tensor) -> Tensor:
        started = time.perf_counter()
        self.log.in_train_mode |= any(module.training for module in self.modules())
        self.log.with_gradients |= torch.is_grad_enabled()
        self.log.shapes.append(tuple(images.shape))
        self.log.asked.append(next(self.log.waits))
        time.sleep(self.log.asked[-1])
        self.log.seconds.append(time.perf_counter() - started)
        return self.head(torch.zeros(len(images), 2))


@dataclass(frozen=True)
class Trial:
    """A measurement that the learner's function is asked for, and the seconds that the passes of its network take."""

    images: int
    repeats: int
    first: float
    after: tuple[float, ...]
    training: bool = False
    layers_in_eval: bool = False

    def network(self) -> _Stopwatch:
        network = _Stopwatch(self.first, self.after).train(self.training)
        if self.layers_in_eval:
            for layer in network.children():
                layer.eval()
        return network


# Each mistake comes out right until a trial tells it from all others that are still possible, as
# tests/unit/test_lesson_06.py proves. The first does so for the means, for what is counted with the slow first pass,
# and for the middle of the unsorted list; the third, whose first pass is quick, for the fastest and the last pass
# and for dropping the slowest; the fourth for the first pass, and for what an even number of passes leaves. The
# second has one pass to count. A busy machine adds ten milliseconds to a pass at times: so wrong is wrong by more.
TRIALS = (
    Trial(images=32, repeats=5, first=0.18, after=(0.0065, 0.104, 0.044, 0.0063, 0.0061), training=True),
    Trial(images=3, repeats=1, first=0.03, after=(0.01,)),
    Trial(images=4, repeats=5, first=0.004, after=(0.036, 0.006, 0.038, 0.009, 0.075)),
    Trial(images=16, repeats=4, first=0.08, after=(0.09, 0.012, 0.005, 0.008), training=True, layers_in_eval=True),
)


def numbers_by_mistake(images: int, seconds: Sequence[float], repeats: int) -> dict[str, float]:
    """What comes out by each mistake that has a name, of passes that took `seconds`; the last `repeats` count."""
    counted = seconds[-repeats:]
    median = statistics.median(counted)
    return {
        "1 / the median: that is passes a second. A pass holds several pictures": 1 / median,
        "the median itself: that is seconds a pass": median,
        "seconds a picture, upside down": median / images,
        "the mean. One disturbed pass pulls it far away; take the median": images / statistics.mean(counted),
        "the mean without the fastest and the slowest pass. Take the median of all that count": images
        / statistics.mean(sorted(counted)[1:-1] or counted),
        "the fastest pass alone. Take the median": images / min(counted),
        "the slowest pass. Take the median": images / max(counted),
        "the first of the passes that count, alone. Take the median of all": images / counted[0],
        "the last pass alone. Take the median of all that count": images / counted[-1],
        "the middle of the unsorted list. The median is the middle of the sorted one": images
        / counted[len(counted) // 2],
        "counted with the slow first pass. Warm up before the clock starts": images / statistics.mean(seconds),
        "the median of all passes, the first among them. Warm up before the clock starts": images
        / statistics.median(seconds),
        "counted without the slowest pass and with the first. Leave the first out, whatever it took": images
        / statistics.median(sorted(seconds)[:-1]),
    }


def _factor(one: float, other: float) -> float:
    """How many times the greater of the two is the smaller; infinite where one is not above zero."""
    low, high = sorted((one, other))
    return high / low if low > 0 else math.inf


def is_the_median(found: float, trial: Trial, seconds: Sequence[float], close: float = CLOSE) -> bool:
    """Whether `found` is pictures a second by the median of the last passes in `seconds`, give or take `close`."""
    # Of an even number of passes either of the two in the middle is a median, and all between them.
    counted = seconds[-trial.repeats :]
    low = trial.images / statistics.median_high(counted)
    high = trial.images / statistics.median_low(counted)
    return low * close <= found <= high / close


class ImagesASecond(Exercise):
    number = "6.1"
    title = "images a second"
    level = Level.USE
    minutes = 8
    hints = (
        "The frame: remember `(layer, layer.training)` for each layer in `model.modules()`, call `model.eval()`, "
        "measure under `torch.inference_mode()`, and at the end set each `layer.training` as it was. "
        "`model.train()` would put *all* layers into one mode.",
        "One pass before the clock starts. Then `repeats` passes, each with its own "
        "`started = time.perf_counter()` before it and the difference after it.",
        "`len(images) / statistics.median(times)` is pictures a second.",
    )
    answer = """
def images_a_second(model, images, repeats):
    modes = [(layer, layer.training) for layer in model.modules()]
    model.eval()
    times = []
    with torch.inference_mode():
        model(images)
        for _ in range(repeats):
            started = time.perf_counter()
            model(images)
            times.append(time.perf_counter() - started)
    for layer, training in modes:
        layer.training = training
    return len(images) / statistics.median(times)
"""

    def examine(self, images_a_second):
        possible, until = None, time.perf_counter() + PATIENCE
        for trial in TRIALS:
            possible = self._try(images_a_second, trial, possible, until)
        return "A slow first pass and a pass that was disturbed did not fool you, and the network is as it was."

    def _try(self, images_a_second, trial: Trial, possible: set[str] | None, until: float) -> set[str]:
        """The mistakes among `possible` (at first all) that this trial does not rule out."""
        misses = 0
        for _ in range(TRIES):
            network = trial.network()
            before = self._modes(network), self._flags(network), snapshot(network)
            found = images_a_second(network, torch.zeros(trial.images, 3, 4, 4), trial.repeats)
            found = one_number(found, f"Return one number, not {short(found)}.")
            self._hold_to_manners(network.log, trial.images, trial.repeats)
            seconds = network.log.seconds
            mistakes = numbers_by_mistake(trial.images, seconds, trial.repeats)
            possible = set(mistakes) if possible is None else possible
            fitting = {name for name, number in mistakes.items() if is_the_median(number, trial, seconds)}
            # Passes may follow those that count: any `repeats` in a row will do, but for the slow first pass.
            rows = [seconds[start : start + trial.repeats] for start in range(1, len(seconds) - trial.repeats + 1)]
            if any(is_the_median(found, trial, row) for row in rows):
                self._hold_to_what_was(network, *before)
                blurred = fitting & self._far_from_the_median(trial, network.log.asked)
                if not blurred or time.perf_counter() + sum(seconds) > until:
                    break
            else:
                misses += 1
                if misses == MISSES:
                    self._say_what_it_is(found, trial, seconds, possible)
        return possible & fitting

    def _far_from_the_median(self, trial: Trial, asked: list[float]) -> set[str]:
        """The mistakes that would be clearly wrong if the passes had taken the seconds that were asked of them."""
        numbers = numbers_by_mistake(trial.images, asked, trial.repeats)
        return {name for name, number in numbers.items() if not is_the_median(number, trial, asked, FAR)}

    def _say_what_it_is(self, found: float, trial: Trial, seconds: list[float], possible: set[str]) -> NoReturn:
        passes = f"{trial.repeats} counted passes of {trial.images} pictures"
        mistakes = numbers_by_mistake(trial.images, seconds, trial.repeats)
        near = {name: factor for name in mistakes if (factor := _factor(found, mistakes[name])) < SAME_NUMBER}
        # Where a busy machine has brought two together, the learner reads both.
        names = sorted(possible & near.keys() or near, key=near.get)
        require(not names, f"For {passes} your number is {'. In this measurement it is also '.join(names)}.")
        expected = trial.images / statistics.median(seconds[-trial.repeats :])
        raise Incorrect(f"For {passes} the answer is {expected:.0f} pictures a second; yours is {found:.3g}.")

    def _modes(self, network: _Stopwatch) -> dict[str, bool]:
        return {name: module.training for name, module in network.named_modules()}

    def _flags(self, network: _Stopwatch) -> dict[str, bool]:
        return {name: parameter.requires_grad for name, parameter in network.named_parameters()}

    def _hold_to_what_was(
        self, network: _Stopwatch, modes: dict[str, bool], flags: dict[str, bool], numbers: dict[str, Tensor]
    ) -> None:
        other = [name for name, training in self._modes(network).items() if training != modes[name]]
        if other:
            mode = "train()" if modes[other[0]] else "eval()"
            who = f"Its layer `{other[0]}`" if other[0] else "The network"
            back = "put each layer back into its own mode" if other[0] else "put it back"
            require(False, f"{who} came in `{mode}` mode and was left in the other: {back}.")
        switched = [name for name, flag in self._flags(network).items() if flag != flags[name]]
        require(
            not switched,
            f"Your function changed `requires_grad` of `{'`, `'.join(switched)}`: leave it as it is, "
            "`torch.inference_mode()` is enough.",
        )
        require(
            torch.is_grad_enabled(),
            "Gradients were on before your function and are off after it, so nothing that comes later could train: "
            "use `with torch.inference_mode():`, which ends by itself.",
        )
        hooked = [name or "the network" for name, module in network.named_modules() if hooks_on(module)]
        require(
            not hooked,
            f"Your function left a hook on `{'`, `'.join(hooked)}`, which runs in each later pass: `.remove()` it.",
        )
        now = network.state_dict()
        other_type = [name for name, tensor in numbers.items() if now[name].dtype != tensor.dtype]
        require(
            not other_type,
            f"`{'`, `'.join(other_type)}` came in another dtype than your function left it in: "
            "measure the network as it is, or a copy of it.",
        )
        changed = moved(numbers, network)
        require(
            not changed,
            f"Your function changed the numbers in `{'`, `'.join(changed)}`. To measure is to look only: "
            "leave the weights as they are.",
        )

    def _hold_to_manners(self, log: _Log, images: int, repeats: int) -> None:
        calls = len(log.seconds)
        require(calls > 0, "The network was not called once, so nothing was measured.")
        require(
            calls > repeats,
            f"With `repeats={repeats}` the network was called {'once' if calls == 1 else f'{calls} times'}: one pass "
            f"to warm up and {repeats} that count make {repeats + 1} or more.",
        )
        require(
            set(log.shapes[-repeats:]) == {(images, 3, 4, 4)},
            f"Give the network the whole batch of {images} pictures in each pass that counts, as it is.",
        )
        require(
            calls <= repeats + MOST_WARM_UPS,
            f"With `repeats={repeats}` the network was called {calls} times: that is waste. "
            f"One or a few passes warm it up, at most {MOST_WARM_UPS}.",
        )
        require(not log.in_train_mode, "The network ran in `train()` mode: switch to `eval()` first.")
        require(
            not log.with_gradients,
            "Gradients were on, so each pass also kept what a backward pass would need: "
            "measure under `torch.inference_mode()`.",
        )


def _beats(one: dict, other: dict) -> bool:
    """At least as good in both, and better in one."""
    no_worse = one["speed"] >= other["speed"] and one["accuracy"] >= other["accuracy"]
    return no_worse and (one["speed"] > other["speed"] or one["accuracy"] > other["accuracy"])


def _networks(*numbers: tuple[float, float]) -> list[dict]:
    return [{"name": "abcdefghij"[i], "speed": s, "accuracy": a} for i, (s, a) in enumerate(numbers)]


def _told(networks: list[dict], *columns: str) -> str:
    return "; ".join(f"{one['name']}: " + ", ".join(f"{c} {one[c]}" for c in columns) for one in networks)


class Frontier(Exercise):
    number = "6.2"
    title = "the efficient frontier"
    level = Level.WRITE
    minutes = 8
    hints = (
        "Write a small function first: `beats(a, b)` is True where a is at least as fast *and* at least as accurate "
        "as b, and better in one of the two.",
        "A network is on the frontier if no other beats it. It never beats itself, because it is not better than "
        "itself in anything.",
        "`[b['name'] for b in networks if not any(beats(a, b) for a in networks)]`",
    )
    answer = """
def frontier(networks):
    def beats(a, b):
        no_worse = a["speed"] >= b["speed"] and a["accuracy"] >= b["accuracy"]
        return no_worse and (a["speed"] > b["speed"] or a["accuracy"] > b["accuracy"])

    return [b["name"] for b in networks if not any(beats(a, b) for a in networks)]
"""

    def examine(self, frontier):
        self._try(frontier, _networks((10, 70), (5, 80), (4, 75), (20, 60)), "In no order")
        self._try(frontier, _networks((10, 70)), "A single network")
        self._try(frontier, _networks((10, 0)), "A single network, with an accuracy of 0")
        self._try(frontier, [], "No network at all")
        self._try(frontier, _networks((10, 70), (10, 80)), "Equally fast, one more accurate")
        self._try(frontier, _networks((10, 80), (20, 80), (5, 60)), "Equally accurate, one faster")
        self._try(frontier, _networks((10, 70), (10, 70), (5, 60)), "Two with the same numbers")
        self._try(frontier, _networks((10.02, 70), (10.04, 70)), "One faster by two hundredths")
        self._try(frontier, _networks((10, 70.04), (10, 70.02)), "One more accurate by two hundredths")
        self._try(frontier, _networks((1, 90), (2, 80), (3, 70), (4, 60)), "None beats another")
        self._try(frontier, _networks((1, 60), (2, 70), (3, 80), (4, 90)), "One beats all")
        self._try(frontier, _networks((10.001, 70), (10.002, 70)), "One faster by a thousandth")
        self._try(frontier, _networks((10, 70.002), (10, 70.001)), "One more accurate by a thousandth")
        for _ in range(60):
            drawn = [(random.randint(1, 5), random.randint(70, 74)) for _ in range(random.randint(2, 7))]
            self._try(frontier, _networks(*drawn), "Drawn at random")
        return "Right on ties, twins and a single network. The rest are choices that you need not consider."

    def _try(self, frontier, networks: list[dict], case: str) -> None:
        given = copy.deepcopy(networks)
        found = frontier(given)
        fits = isinstance(found, list | tuple | set | frozenset) and all(isinstance(name, str) for name in found)
        require(fits, f"Return a list of names, not {short(found)}.")
        require(given == networks, "Your function changed the list that it was given. Leave it as it was.")
        require(len(set(found)) == len(found), f"{case}: your list names a network twice: {short(found)}.")
        expected = {b["name"] for b in networks if not any(_beats(a, b) for a in networks)}
        told = _told(networks, "speed", "accuracy")
        for name in sorted(set(found) - expected):
            loser = next((one for one in networks if one["name"] == name), None)
            require(loser is not None, f"{case} ({told}): there is no network {short(name)}.")
            winner = next(one for one in networks if _beats(one, loser))["name"]
            require(False, f"{case} ({told}): yours keeps {name}, and {winner} beats it.")
        missed = sorted(expected - set(found))
        require(not missed, f"{case} ({told}): yours lacks {', '.join(missed)}, which no other beats.")


def _positions(side: int, width: int = 5) -> Tensor:
    """A class token far away from the rest, and a grid on which rows differ from columns: [1, 1 + side**2, width]."""
    across, down = torch.meshgrid(torch.linspace(0, 2, side), torch.linspace(0, 1, side), indexing="xy")
    waves = [torch.sin((k + 1) * across + k * down * down) for k in range(width)]
    grid = torch.stack(waves, dim=-1).reshape(1, side * side, width) + 0.05 * torch.randn(1, side * side, width)
    return torch.cat([torch.full((1, 1, width), 9.0), grid], dim=1)


def _resized(
    positions: Tensor,
    side: int,
    *,
    patches: slice = slice(1, None),
    mode: str = "bicubic",
    corners: bool = True,
    antialias: bool = False,
    to_front: bool = True,
    to_back: bool = True,
) -> Tensor:
    """What `resize_positions` would give of other patches, with other options, or where d is not moved."""
    grid, width = positions[:, patches], positions.shape[2]
    old = math.isqrt(grid.shape[1])
    grid = grid.permute(0, 2, 1) if to_front else grid
    grid = nn.functional.interpolate(
        grid.reshape(1, width, old, old), size=side, mode=mode, align_corners=corners, antialias=antialias
    )
    grid = grid.reshape(1, width, side * side).permute(0, 2, 1) if to_back else grid.reshape(1, side * side, width)
    return torch.cat([positions[:, :1], grid], dim=1)


class ResizePositions(Exercise):
    number = "6.3"
    title = "resize the positions"
    level = Level.WRITE
    minutes = 12
    hints = (
        "Three steps: split off the class token, `positions[:, :1]`; resize the rest; put both together again with "
        "`torch.cat(..., dim=1)`.",
        "`F.interpolate` wants [1, d, n, n], and you have [1, n*n, d]. Move d to the front with "
        "`.permute(0, 2, 1)` *before* you `.reshape(1, d, n, n)`. On the way back: reshape first, then permute.",
        '`F.interpolate(grid, size=new_grid, mode="bicubic", align_corners=True)`. For the count of patches take '
        "`n = math.isqrt(count)`, and raise `ValueError` where `n * n != count`.",
    )
    answer = """
def resize_positions(positions, new_grid):
    token, patches = positions[:, :1], positions[:, 1:]
    _, count, d = patches.shape
    n = math.isqrt(count)
    if n * n != count:
        raise ValueError(f"{count} patches are no square grid")
    grid = patches.permute(0, 2, 1).reshape(1, d, n, n)
    grid = F.interpolate(grid, size=new_grid, mode="bicubic", align_corners=True)
    patches = grid.reshape(1, d, new_grid * new_grid).permute(0, 2, 1)
    return torch.cat([token, patches], dim=1)
"""

    def examine(self, resize_positions):
        for old, new in ((6, 4), (4, 7), (14, 10), (13, 15)):
            self._compare(resize_positions, _positions(old), new)
        same = _positions(5)
        found = self._resized(resize_positions, same, 5)
        require(torch.allclose(found, same, atol=1e-4), "From a 5 x 5 grid to a 5 x 5 grid, nothing should change.")
        for count in (12, 10, 15):  # between two squares, just above one, and one below one
            self._refuses(resize_positions, count)
        return "The same numbers as torchvision's own function. With these, a ViT sees pictures of another size."

    def _resized(self, resize_positions, positions: Tensor, new: int) -> Tensor:
        given = positions.clone()
        found = resize_positions(given, new)
        require(isinstance(found, Tensor), f"Return a tensor, not {short(found)}.")
        require(torch.equal(given, positions), "Your function changed the positions that it was given.")
        expected = [1, 1 + new * new, positions.shape[2]]
        old = math.isqrt(positions.shape[1] - 1)
        rounded = int(old * (new / old))  # 13 * (15 / 13) is a little below 15
        cut = rounded < new and found.shape[1:2] == (1 + rounded * rounded,)
        require(
            list(found.shape) == expected,
            f"From {list(positions.shape)} to a grid of {new} x {new}: the result should be {expected}, "
            f"not {list(found.shape)}." + " A `scale_factor` is rounded down: give `size=`." * cut,
        )
        require(
            found.dtype == positions.dtype,
            f"The positions came in {positions.dtype}, and your result is {found.dtype}: give back the dtype that came "
            "in, for the layers of the network expect it.",
        )
        return found

    def _compare(self, resize_positions, positions: Tensor, new: int) -> None:
        found = self._resized(resize_positions, positions, new)
        require(
            torch.allclose(found[:, :1], positions[:, :1]),
            "The class token came out changed. It has no place in the grid: keep it out of the resizing, "
            "and put it first again.",
        )
        state = {"encoder.pos_embedding": positions.clone()}
        expected = interpolate_embeddings(new, 1, state)["encoder.pos_embedding"]
        if torch.allclose(found, expected, atol=1e-4):
            return
        others = {
            "what `reshape` alone gives: the d numbers of a patch were spread over the grid. Move d to the front "
            "with `permute` first": _resized(positions, new, to_front=False, to_back=False),
            "the result of `align_corners=False`. With True the outermost patches stay where they are, and so "
            "torchvision has it": _resized(positions, new, corners=False),
            "the result of bilinear interpolation. torchvision takes bicubic": _resized(
                positions, new, mode="bilinear"
            ),
            "bilinear, without aligned corners. torchvision takes bicubic, with them": _resized(
                positions, new, mode="bilinear", corners=False
            ),
            "a grid turned on its side: rows have become columns": torch.cat(
                [expected[:, :1], expected[:, 1:].unflatten(1, (new, new)).transpose(1, 2).flatten(1, 2)], dim=1
            ),
            "resized rightly, and mixed up on the way back: d has to go to the end again, with `permute` after the "
            "`reshape` to [1, d, m*m]": _resized(positions, new, to_back=False),
            "a grid with the class token in it and without the last patch. The token is the first position: resize "
            "`positions[:, 1:]`": _resized(positions, new, patches=slice(None, -1)),
            "the result of `antialias=True`. torchvision leaves it out": _resized(positions, new, antialias=True),
        }
        for what, other in others.items():
            require(not torch.allclose(found, other, atol=1e-4), f"This is {what}.")
        old = math.isqrt(positions.shape[1] - 1)
        gap = (found - expected).abs().max().item()
        require(
            False, f"From {old} x {old} to {new} x {new}, your numbers differ from torchvision's by up to {gap:.2f}."
        )

    def _refuses(self, resize_positions, count: int) -> None:
        told = f"{count} patches are no square grid"
        try:
            found = resize_positions(torch.zeros(1, 1 + count, 4), 3)
        except ValueError:
            return
        except RuntimeError as error:
            reason = str(error).splitlines()[0][:100]
            require(False, f"{told}, and PyTorch stumbled ({reason}): raise a `ValueError` first.")
        require(False, f"{told}. Yours gave {short(found)}: raise a `ValueError`.")


def _measured(*numbers: tuple[float, float, float | None]) -> list[dict]:
    return [{"name": "abcdefghij"[i], "megabytes": m, "speed": s, "accuracy": a} for i, (m, s, a) in enumerate(numbers)]


class Choose(Exercise):
    number = "6.4"
    title = "choose"
    level = Level.EDGE
    minutes = 10
    hints = (
        "First filter, then choose: the ones with `megabytes <= most_megabytes`, those with `speed >= least_speed`, "
        "and among the ones in both, those whose accuracy is known.",
        "NaN is not equal to itself, and `max` with a NaN in front keeps it. "
        '`one["accuracy"] is not None and not math.isnan(one["accuracy"])` says whether it is known.',
        '`max(known, key=lambda one: (one["accuracy"], one["speed"]))` takes the faster of two that are equally '
        "accurate. Before it, raise a `ValueError` for each way in which nothing is left. Look for the unmet limit "
        "among all networks, also those whose accuracy is unknown.",
    )
    answer = """
def choose(networks, most_megabytes, least_speed):
    small = [one for one in networks if one["megabytes"] <= most_megabytes]
    fast = [one for one in networks if one["speed"] >= least_speed]
    fitting = [one for one in small if one in fast]
    if not fitting:
        unmet = [limit for limit, met in (("megabytes", small), ("speed", fast)) if not met]
        raise ValueError("loosen the limit of " + " and ".join(unmet or ["megabytes", "speed"]))
    known = [one for one in fitting if one["accuracy"] is not None and not math.isnan(one["accuracy"])]
    if not known:
        raise ValueError("of those that fit, no accuracy is known")
    return max(known, key=lambda one: (one["accuracy"], one["speed"]))["name"]
"""

    def examine(self, choose):
        nan = float("nan")
        three = _measured((20, 40, 75), (100, 15, 81), (350, 4, 84))
        self._picks(choose, three, 200, 10, "b", "The most accurate of those that fit")
        self._picks(choose, three, 1000, 1, "c", "Everything fits")
        self._picks(choose, three, 100, 15, "b", "b lies exactly on both limits, and so fits")
        self._picks(choose, three, 50, 0, "a", "Only the smallest fits")
        self._picks(choose, _measured((20, 4, None), (20, 4, 60)), 50, 1, "b", "a's accuracy is unknown (None)")
        for order in ((nan, 60, 50), (60, nan, 50), (50, 60, nan)):
            networks = _measured(*((20, 4, accuracy) for accuracy in order))
            winner = "abc"[order.index(60)]
            self._picks(choose, networks, 50, 1, winner, "One accuracy is unknown (NaN)")
        self._picks(choose, _measured((9, 4, 70), (30, 8, 70), (9, 6, 70)), 50, 1, "b", "All are equally accurate")
        self._picks(choose, _measured((9, 4, 0.0), (30, 8, None)), 50, 1, "a", "An accuracy of 0 is known")
        self._picks(choose, _measured((30, 4, 70), (9, 8, 70)), 50, 1, "b", "Equally accurate, and b is faster")
        self._picks(choose, _measured((20, 8, 80.3), (20, 4, 80.4)), 50, 1, "b", "b is more accurate by a tenth")
        self._hold_to_refusals(choose, three)
        return "The best that fits, no surprise from NaN, and where nothing fits it says which limit to loosen."

    def _hold_to_refusals(self, choose, three: list[dict]) -> None:
        both = ["megabytes", "speed"]
        self._refuses(choose, three, 10, 1, ["megabytes"], "no network is small enough")
        self._refuses(choose, three, 1000, 100, ["speed"], "no network is fast enough")
        self._refuses(choose, three, 10, 100, both, "no network is small enough, and none is fast enough")
        two = _measured((20, 4, 75), (100, 15, 81))
        self._refuses(choose, two, 50, 10, both, "each limit is met by one network, and none meets both")
        unknown = _measured((20, 4, None), (20, 5, float("nan")), (500, 5, 80))
        self._refuses(choose, unknown, 50, 1, ["accuracy"], "two fit, and their accuracy is unknown")
        lonely = _measured((20, 4, None), (100, 15, 81))
        self._refuses(choose, lonely, 50, 1, ["accuracy"], "one fits, and its accuracy is unknown")
        self._refuses(choose, lonely, 50, 99, ["speed"], "a is small enough, and no network is fast enough")
        self._refuses(choose, lonely, 50, 10, both, "a is small enough, b is fast enough, and none is both")
        self._refuses(choose, [], 50, 1, [], "the list is empty")

    def _picks(self, choose, networks: list[dict], most: float, least: float, expected: str, case: str) -> None:
        given = copy.deepcopy(networks)
        found = choose(given, most, least)
        told = self._case(networks, most, least, case)
        self._hold_to_the_list(given, networks)
        require(isinstance(found, str), f"{told}: return the name of one network, not {short(found)}.")
        require(found == expected, f"{told}: the answer is {expected}, yours is {short(found)}.")

    def _hold_to_the_list(self, given: list[dict], networks: list[dict]) -> None:
        unchanged = repr(given) == repr(networks)  # as text, in which NaN equals NaN
        require(unchanged, "Your function changed the list that it was given. Leave it as it was.")

    def _refuses(self, choose, networks: list[dict], most: float, least: float, words: list[str], case: str) -> None:
        """A `ValueError` that names `words` and nothing else; where there are none, any message will do."""
        told = self._case(networks, most, least, case)
        given = copy.deepcopy(networks)
        try:
            found = choose(given, most, least)
        except ValueError as error:
            said, message = short(str(error)), str(error).lower()
            missing = [word for word in words if word not in message]
            wanted = " and ".join(missing)
            require(not missing, f"Here {told}. Your ValueError should name `{wanted}`; it says {said}.")
            extra = [word for word in ("megabytes", "speed", "accuracy") if word in message and word not in words]
            any_goes = words in ([], ["accuracy"])  # with an unknown accuracy it may well say what they fit into
            require(
                any_goes or not extra,
                f"Here {told}. Your ValueError blames `{' and '.join(extra)}`, which is not what is in the way; "
                f"it says {said}.",
            )
            self._hold_to_the_list(given, networks)
            return
        require(False, f"Here {told}. Raise a `ValueError` that says so; yours gave {short(found)}.")

    def _case(self, networks: list[dict], most: float, least: float, case: str) -> str:
        listed = _told(networks, "megabytes", "speed", "accuracy") or "no network"
        return f"{case} ({listed}; at most {most} megabytes, speed {least})"


EXERCISES = Exercises(ImagesASecond, Frontier, ResizePositions, Choose)

QUIZ = Quiz(
    "06",
    (
        Question(
            "Network A does 4.1 billion multiply-adds for a picture, network B 4.4. Which is faster on your machine?",
            (
                Option(
                    "A, by about a tenth.",
                    "That would be so if every multiply-add took the same time. A depthwise convolution spends most "
                    "of its time on moving numbers.",
                ),
                Option(
                    "You cannot tell from that. Measure.",
                    "ResNet-50 and EfficientNet-B4 are such a pair, and you saw how far apart they are.",
                    right=True,
                ),
                Option("About equally fast.", "Equal work on paper is not equal time: see the table of this lesson."),
            ),
        ),
        Question(
            "On a GPU, your stopwatch gives ResNet-50 equally long for 1 picture and for 4096. What happened?",
            (
                Option(
                    "The GPU is fast enough for both.",
                    "One picture may leave a GPU half idle. But 4096 of them, with four billion multiply-adds each, "
                    "take their time.",
                ),
                Option(
                    "You timed how long it takes to hand out the work.",
                    "A GPU works on while Python goes ahead. Wait with `torch.cuda.synchronize()` before each "
                    "look at the clock.",
                    right=True,
                ),
                Option("The median hid the slow passes.", "The median is of passes that were all too short."),
            ),
        ),
        Question(
            "A network lies below the efficient frontier of speed and accuracy. Is it a bad choice?",
            (
                Option("Yes: another beats it.", "On these two axes. You may care about more than two."),
                Option(
                    "Not if it wins on something that is not in the picture: memory, file size, your own pictures.",
                    "The frontier holds for its two axes, for one machine, and for ImageNet's pictures.",
                    right=True,
                ),
                Option(
                    "No: the frontier only shows the extremes.",
                    "It shows every network that no other beats, from the fastest to the most accurate.",
                ),
            ),
        ),
        Question(
            "You want to run a pretrained ViT-B/16 on pictures of 160 pixels. What has to change in the weights?",
            (
                Option("Nothing: a ViT takes any size.", "You saw the error. Its positions are a fixed table."),
                Option(
                    "The position embeddings alone.",
                    "From a grid of 14 x 14 to one of 10 x 10. All other layers treat each patch alike.",
                    right=True,
                ),
                Option(
                    "All layers: it has to be trained anew.",
                    "No other tensor has a shape that depends on the size of the picture.",
                ),
            ),
        ),
    ),
)
