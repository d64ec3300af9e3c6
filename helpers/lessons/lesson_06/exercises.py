"""Answer key of lesson 06: modern backbones."""

from __future__ import annotations

import math
import random
import time
from collections.abc import Iterable, Sequence

import torch
from torch import Tensor, nn
from torchvision.models.vision_transformer import interpolate_embeddings

from helpers.checking.answers import a_string, a_tensor, exactly, not_refused, one_number, refusal, short
from helpers.checking.passes import called_for_prediction, same_function
from helpers.checking.untouched import input_untouched, left_as_found, same_numbers
from helpers.course.exercise import Exercise, Exercises, Level
from helpers.course.verdicts import Incorrect, require
from helpers.lessons.lesson_06.stopwatch import MOST_WARM_UPS, PATIENCE, TRIALS, Trial, hold_to_the_median


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
        until = time.perf_counter() + PATIENCE
        for trial in TRIALS:
            hold_to_the_median(lambda trial: self._measured(images_a_second, trial), trial, until)
        return "A slow first pass and a pass that was disturbed did not fool you, and the network is as it was."

    def _measured(self, images_a_second, trial: Trial) -> tuple[float, list[float]]:
        """The learner's number, after a look at how it was measured, and the seconds that the passes took."""
        network, images, repeats = trial.network(), torch.rand(trial.images, 3, 4, 4), trial.repeats
        case = f"With `repeats={repeats}`"
        with left_as_found(network), input_untouched(images=images):
            said = not_refused(lambda: images_a_second(network, images, repeats), case)
        found, calls = one_number(said, f"Return one number, not {short(said)}."), len(network.calls)
        called_for_prediction(network.calls, f"{case},")
        called = f"{case} the network was called {'once' if calls == 1 else f'{calls} times'}:"
        require(
            calls > repeats,
            f"{called} one pass to warm up and {repeats} that count make {repeats + 1} or more.",
        )
        require(
            all(same_numbers(seen, images) for seen in network.seen[-repeats:]),
            f"Give the network the whole batch of {trial.images} pictures in each pass that counts, as it is.",
        )
        require(
            calls <= repeats + MOST_WARM_UPS,
            f"{called} that is waste. One or a few passes warm it up, at most {MOST_WARM_UPS}.",
        )
        return found, network.seconds


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
        for case, numbers in _FRONTIERS.items():
            self._try(frontier, numbers, case)
        for _ in range(60):
            drawn = [(random.randint(1, 5), random.randint(70, 74)) for _ in range(random.randint(2, 7))]
            self._try(frontier, drawn, "Drawn at random")
        return "Right on ties, twins and a single network. The rest are choices that you need not consider."

    def _try(self, frontier, numbers, case: str) -> None:
        networks = _networks(("speed", "accuracy"), numbers)
        case = f"{case} ({_told(networks)}):"
        with input_untouched(networks=networks):
            said = not_refused(lambda: frontier(networks), case)
        unbeaten = [b["name"] for b in networks if not any(_beats(a, b) for a in networks)]
        exactly(
            said,
            unbeaten,
            case,
            missing="No other network beats what is missing.",
            extra=lambda names: _why_beaten(names[0], networks),
        )


# The speed and the accuracy of each network, by what is special about them.
_FRONTIERS = {
    "In no order": ((10, 70), (5, 80), (4, 75), (20, 60)),
    "A single network": ((10, 70),),
    "A single network, with an accuracy of 0": ((10, 0),),
    "No network at all": (),
    "Equally fast, one more accurate": ((10, 70), (10, 80)),
    "Equally accurate, one faster": ((10, 80), (20, 80), (5, 60)),
    "Two with the same numbers": ((10, 70), (10, 70), (5, 60)),
    "One faster by two hundredths": ((10.02, 70), (10.04, 70)),
    "One more accurate by two hundredths": ((10, 70.04), (10, 70.02)),
    "None beats another": ((1, 90), (2, 80), (3, 70), (4, 60)),
    "One beats all": ((1, 60), (2, 70), (3, 80), (4, 90)),
    "One faster by a thousandth": ((10.001, 70), (10.002, 70)),
    "One more accurate by a thousandth": ((10, 70.002), (10, 70.001)),
    "One faster, the other more accurate by a thousandth": ((20, 70.001), (10, 70.002)),
    "One more accurate, the other faster by a thousandth": ((10.001, 80), (10.002, 70)),
}


def _networks(columns: Sequence[str], rows: Iterable[Sequence[float | None]]) -> list[dict]:
    """Networks a, b, c and so on, each with a row of numbers under the names of the columns."""
    return [{"name": name, **dict(zip(columns, row, strict=True))} for name, row in zip("abcdefg", rows, strict=False)]


def _told(networks: list[dict]) -> str:
    """The numbers of all networks, to quote in a reason."""
    rows = [", ".join(f"{key} {value}" for key, value in one.items() if key != "name") for one in networks]
    listed = [f"{one['name']}: {row}" for one, row in zip(networks, rows, strict=True)]
    return "; ".join(listed) or "no network"


def _beats(one: dict, other: dict) -> bool:
    """At least as good in both, and better in one."""
    no_worse = one["speed"] >= other["speed"] and one["accuracy"] >= other["accuracy"]
    return no_worse and (one["speed"] > other["speed"] or one["accuracy"] > other["accuracy"])


def _why_beaten(name: str, networks: list[dict]) -> str:
    loser = next((one for one in networks if one["name"] == name), None)
    if loser is None:
        return f"There is no network {short(name)}."
    return f"{next(one['name'] for one in networks if _beats(one, loser))} beats it."


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
    turned: bool = False,
) -> Tensor:
    """What `resize_positions` would give of other patches, with other options, or where d is not moved."""
    grid, width = positions[:, patches], positions.shape[2]
    old = math.isqrt(grid.shape[1])
    grid = grid.permute(0, 2, 1) if to_front else grid
    grid = nn.functional.interpolate(
        grid.reshape(1, width, old, old), size=side, mode=mode, align_corners=corners, antialias=antialias
    )
    grid = grid.mT if turned else grid
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
        for old, new in ((6, 4), (4, 7), (14, 10), (13, 15), (1, 3), (6, 1)):
            self._compare(resize_positions, _positions(old), new)
        for dtype in (torch.float64, torch.float16, torch.bfloat16):
            self._compare(resize_positions, _positions(6).to(dtype), 4)
        same = _positions(5)
        found = self._resized(resize_positions, same, 5)
        same_function(found, same, "From a 5 x 5 grid to a 5 x 5 grid, nothing should change.", off=1e-4)
        for count in (12, 10, 15):  # between two squares, just above one, and one below one
            no_square = torch.zeros(1, 1 + count, 4)
            with input_untouched(positions=no_square):
                case = f"{count} patches are no square grid:"
                refusal(lambda given=no_square: resize_positions(given, 3), case)
        return "The same numbers as torchvision's own function. With these, a ViT sees pictures of another size."

    def _resized(self, resize_positions, positions: Tensor, new: int) -> Tensor:
        old = math.isqrt(positions.shape[1] - 1)
        case = f"From a {old} x {old} grid to {new} x {new}, in {short(positions.dtype)},"
        with input_untouched(positions=positions):
            said = not_refused(lambda: resize_positions(positions, new), case)
        cut = int(old * (new / old)) < new  # 13 * (15 / 13) is a little below 15
        why = "A `scale_factor` is rounded down: give `size=`." if cut else "The class token first, then m * m patches."
        found = a_tensor(said, [1, 1 + new * new, positions.shape[2]], case, of="result", why=why).detach()
        require(
            found.dtype == positions.dtype,
            f"The positions came in {positions.dtype}, and your result is {found.dtype}: give back the dtype that came "
            "in, for the layers of the network expect it.",
        )
        return found

    def _compare(self, resize_positions, positions: Tensor, new: int) -> None:
        found = self._resized(resize_positions, positions, new)
        same_function(found[:, :1], positions[:, :1], _TOKEN_CHANGED)
        found, exact = found.double(), positions.double()
        expected = interpolate_embeddings(new, 1, {"encoder.pos_embedding": exact})["encoder.pos_embedding"]
        off = max(1e-4, 4 * torch.finfo(positions.dtype).eps)  # half precision rounds at each of a few steps
        if torch.allclose(found, expected, atol=off):
            return
        for what, options in _MISTAKES.items():
            require(not torch.allclose(found, _resized(exact, new, **options), atol=off), f"This is {what}.")
        gap = (found - expected).abs().max().item()
        raise Incorrect(f"For a grid of {new} x {new}, your numbers differ from torchvision's by up to {gap:.2g}.")


_TOKEN_CHANGED = (
    "The class token came out changed. It has no place in the grid: keep it out of the resizing, and put it first "
    "again."
)

# What each mistake gives, by the options of `_resized`.
_MISTAKES = {
    "what `reshape` alone gives: the d numbers of a patch were spread over the grid. Move d to the front with "
    "`permute` first": {"to_front": False, "to_back": False},
    "the result of `align_corners=False`. With True the outermost patches stay where they are, and so torchvision has "
    "it": {"corners": False},
    "the result of bilinear interpolation. torchvision takes bicubic": {"mode": "bilinear"},
    "bilinear, without aligned corners. torchvision takes bicubic, with them": {"mode": "bilinear", "corners": False},
    "a grid turned on its side: rows have become columns": {"turned": True},
    "resized rightly, and mixed up on the way back: d has to go to the end again, with `permute` after the `reshape` "
    "to [1, d, m*m]": {"to_back": False},
    "a grid with the class token in it and without the last patch. The token is the first position: resize "
    "`positions[:, 1:]`": {"patches": slice(None, -1)},
    "the result of `antialias=True`. torchvision leaves it out": {"antialias": True},
}


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
        for expected, case, rows, most, least in _PICKS:
            self._picks(choose, expected, case, rows, most, least)
        for words, case, rows, most, least in _REFUSALS:
            self._refuses(choose, words, case, rows, most, least)
        return "The best that fits, no surprise from NaN, and where nothing fits it says which limit to loosen."

    def _picks(self, choose, expected: str, case: str, rows, most: float, least: float) -> None:
        networks = _networks(_COLUMNS, rows)
        case = f"{case} ({_told(networks)}; at most {most} megabytes, speed {least}):"
        with input_untouched(networks=networks):
            said = not_refused(lambda: choose(networks, most, least), case)
        found = a_string(said, f"{case} return the name of one network, not {short(said)}.")
        require(found == expected, f"{case} the answer is {expected}, yours is {short(found)}.")

    def _refuses(self, choose, words: Sequence[str], case: str, rows, most: float, least: float) -> None:
        """Each of `words` is in the message, and where a limit is to blame none of the others."""
        networks = _networks(_COLUMNS, rows)
        case = f"Where {case} ({_told(networks)}; at most {most} megabytes, speed {least}),"
        others = set(_SPELLED) - set(words) if set(words) & {"megabytes", "speed"} else ()
        spared = [spelled for other in sorted(others) for spelled in _SPELLED[other]]
        for word in words or [""]:
            with input_untouched(networks=networks):
                refusal(lambda: choose(networks, most, least), case, naming=_SPELLED.get(word, ()), sparing=spared)


_COLUMNS = ("megabytes", "speed", "accuracy")
_SPELLED = {
    "megabytes": ("megabytes", "most_megabytes"),
    "speed": ("speed", "least_speed"),
    "accuracy": ("accuracy",),
}
_NAN = float("nan")
_THREE = ((20, 40, 75), (100, 15, 81), (350, 4, 84))
_TWO = ((20, 4, 75), (100, 15, 81))
_LONELY = ((20, 4, None), (100, 15, 81))

# The answer, why, the networks' columns, and the two limits.
_PICKS = (
    ("b", "The most accurate of those that fit", _THREE, 200, 10),
    ("c", "Everything fits", _THREE, 1000, 1),
    ("b", "b lies exactly on both limits, and so fits", _THREE, 100, 15),
    ("a", "Only the smallest fits", _THREE, 50, 0),
    ("b", "a's accuracy is unknown (None)", ((20, 4, None), (20, 4, 60)), 50, 1),
    ("b", "One accuracy is unknown (NaN)", ((20, 4, _NAN), (20, 4, 60), (20, 4, 50)), 50, 1),
    ("a", "One accuracy is unknown (NaN)", ((20, 4, 60), (20, 4, _NAN), (20, 4, 50)), 50, 1),
    ("b", "One accuracy is unknown (NaN)", ((20, 4, 50), (20, 4, 60), (20, 4, _NAN)), 50, 1),
    ("b", "All are equally accurate", ((9, 4, 70), (30, 8, 70), (9, 6, 70)), 50, 1),
    ("a", "An accuracy of 0 is known", ((9, 4, 0.0), (30, 8, None)), 50, 1),
    ("b", "Equally accurate, and b is faster", ((30, 4, 70), (9, 8, 70)), 50, 1),
    ("b", "b is more accurate by a tenth", ((20, 8, 80.3), (20, 4, 80.4)), 50, 1),
)

# The words for the message, why there is no answer, the networks' columns, and the two limits.
_REFUSALS = (
    (["megabytes"], "no network is small enough", _THREE, 10, 1),
    (["speed"], "no network is fast enough", _THREE, 1000, 100),
    (["megabytes", "speed"], "no network is small enough, and none is fast enough", _THREE, 10, 100),
    (["megabytes"], "none is small enough, and the last is too slow as well", ((100, 15, 81), (350, 4, 84)), 50, 10),
    (["speed"], "none is fast enough, and the last is too large as well", ((20, 4, 75), (350, 4, 84)), 50, 10),
    (["megabytes", "speed"], "each limit is met by one network, and none meets both", _TWO, 50, 10),
    (["accuracy"], "two fit, and their accuracy is unknown", ((20, 4, None), (20, 5, _NAN), (500, 5, 80)), 50, 1),
    (["accuracy"], "one fits, and its accuracy is unknown", _LONELY, 50, 1),
    (["speed"], "a is small enough, and no network is fast enough", _LONELY, 50, 99),
    (["megabytes", "speed"], "a is small enough, b is fast enough, and none is both", _LONELY, 50, 10),
    ([], "the list is empty", (), 50, 1),
)


EXERCISES = Exercises(ImagesASecond, Frontier, ResizePositions, Choose)
