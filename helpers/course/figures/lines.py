"""Curves, with their spread where there are several runs of each."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes

from helpers.course.figures.style import COLOURS, DASHES, INK, MARKERS, DescribedFigure, blank, label_axes, style
from helpers.course.figures.wording import (
    Limits,
    as_number,
    as_numbers,
    axis_in_words,
    lines_joined,
    number,
    require_known,
    require_some,
)
from helpers.errors import CourseError, capital


@style()
def curves(
    runs: Mapping[str, Any],
    x: Sequence[Any] | None = None,
    *,
    x_label: str,
    y_label: str,
    x_log: bool = False,
    y_log: bool = False,
    y_limits: Limits | None = None,
    spread: Mapping[str, Sequence[float | None]] | None = None,
    levels: Mapping[str, float] | None = None,
    at: Mapping[str, float] | None = None,
    title: str = "",
) -> DescribedFigure:
    """A line for each entry of `runs`; several runs of it become their mean with a band of ± standard deviation.

    Args:
        runs: name to values [points], or [runs, points]. Without `x` they may differ in length.
        x: where the points lie: numbers, or words that become the names of the places. Without it 0, 1, 2...
        spread: standard deviations [points] by name, where they are known and the runs are not; None for unknown.
        levels: horizontal lines by name, such as the accuracy of guessing.
        at: vertical lines by name.

    Raises:
        CourseError: nothing to draw, NaN, or as many values as do not fit `x`.
    """
    require_some(runs, "the curves")
    means, bands, repeats = _means(runs, spread or {})
    places, words = _places(means, x)
    figure, axis = blank(7, 3.8)
    for i, (name, mean) in enumerate(means.items()):
        few = len(mean) <= 20
        look = {"color": COLOURS[i % len(COLOURS)], "linestyle": DASHES[i % len(DASHES)]}
        axis.plot(places[name], mean, marker=MARKERS[i % len(MARKERS)] if few else None, label=name, **look)
        if name in bands:
            axis.fill_between(
                places[name], mean - bands[name], mean + bands[name], color=look["color"], alpha=0.2, lw=0
            )
    _draw_reference_lines(axis, levels or {}, at or {})
    label_axes(axis, x_label, y_label, x_log, y_log)
    axis.set(title=title, ylim=y_limits)
    if words:
        axis.set_xticks(range(len(words)), words)
    elif x is None and not x_log:
        axis.xaxis.get_major_locator().set_params(integer=True)
    elif x is not None and len(x) <= 8:
        axis.set_xticks(x, [number(one) for one in places[next(iter(places))]])
        axis.minorticks_off()
    if len(axis.get_legend_handles_labels()[0]) > 1:
        figure.legend(*axis.get_legend_handles_labels(), loc="outside right upper", fontsize=11)

    every_place = np.concatenate(list(places.values()))
    ends = f"from {_place(every_place.min(), words)} to {_place(every_place.max(), words)}"
    lines = [f"{name} at {number(float(value))}" for name, value in {**(levels or {}), **(at or {})}.items()]
    told = [
        f"{axis_in_words(y_label, y_log)} by {axis_in_words(x_label, x_log)}, {ends}.",
        *(_course_of(name, mean, places[name], words) for name, mean in means.items()),
        *_crossings(means, places, words),
        *([f"The bands are ± standard deviation{repeats}, at most {_widest(bands)}."] if bands else []),
        *([f"Grey lines: {', '.join(lines)}."] if lines else []),
    ]
    figure.alt = (f"{title}: " if title else "") + capital(" ".join(told))
    return figure


def _draw_reference_lines(axis: Axes, levels: Mapping[str, float], at: Mapping[str, float]) -> None:
    """Grey lines across and upright, told apart by their dashes."""
    dashes = itertools.cycle((":", "--", "-."))
    for draw, lines in ((axis.axhline, levels), (axis.axvline, at)):
        for name, value in lines.items():
            draw(as_number(value, name), color=INK, linestyle=next(dashes), linewidth=1.5, label=name)


def _means(runs: Mapping[str, Any], spread: Mapping[str, Any]) -> tuple[dict, dict, str]:
    """The mean of each entry, its standard deviation where it has one, and "of how many runs" in words."""
    require_known(spread, runs, "spread")
    means, bands, counts = {}, {}, set()
    for name, values in runs.items():
        found = np.atleast_1d(as_numbers(values, name))
        if found.ndim > 2:
            raise CourseError(f"{name} has {found.ndim} dimensions: give values [points] or [runs, points]")
        means[name] = found.mean(axis=0) if found.ndim == 2 else found
        if found.ndim == 2 and len(found) > 1:
            bands[name] = found.std(axis=0, ddof=1)
            counts.add(len(found))
    for name, values in spread.items():
        bands[name] = as_numbers([0 if value is None else value for value in values], f"the spread of {name}")
        if len(bands[name]) != len(means[name]):
            raise CourseError(f"the spread of {name} has {len(bands[name])} values, the curve {len(means[name])}")
    return means, bands, f" of {min(counts)} runs" if len(counts) == 1 else ""


def _places(means: Mapping[str, np.ndarray], x: Sequence[Any] | None) -> tuple[dict[str, np.ndarray], list[str]]:
    """Where the points of each curve lie, and the names of these places where they have names."""
    if x is None:
        return {name: np.arange(len(mean)) for name, mean in means.items()}, []
    for name, mean in means.items():
        if len(mean) != len(x):
            raise CourseError(f"{name} has {len(mean)} points and x has {len(x)}: give one value of x for each")
    words = [str(one) for one in x] if any(isinstance(one, str) for one in x) else []
    return dict.fromkeys(means, np.arange(len(x)) if words else as_numbers(x, "x")), words


def _place(value: float, words: list[str]) -> str:
    return lines_joined(words[int(value)]) if words else number(value)


def _widest(bands: Mapping[str, np.ndarray]) -> str:
    return number(max(band.max() for band in bands.values()))


def _course_of(name: str, mean: np.ndarray, x: np.ndarray, words: list[str]) -> str:
    """Where a curve starts and ends, and its highest or lowest point where that lies between and stands out."""
    told = f"{name}: {number(mean[0])} to {number(mean[-1])}" if len(mean) > 1 else f"{name}: {number(mean[0])}"
    clear = 0.05 * (mean.max() - mean.min())
    if mean.max() > max(mean[0], mean[-1]) + clear:
        told += f", highest {number(mean.max())} at {_place(x[mean.argmax()], words)}"
    if mean.min() < min(mean[0], mean[-1]) - clear:
        told += f", lowest {number(mean.min())} at {_place(x[mean.argmin()], words)}"
    return f"{told}."


def _crossings(means: Mapping[str, np.ndarray], places: Mapping[str, np.ndarray], words: list[str]) -> list[str]:
    """Which of up to three curves with the same places cross once, and where; of more than three, their order."""
    if len({tuple(one) for one in places.values()}) > 1 or len(means) == 1:
        return []
    if len(means) > 3:
        ranked = sorted(means, key=lambda name: -means[name][-1])
        return [f"At the end, from highest: {', '.join(ranked)}."]
    x, told = next(iter(places.values())), []
    for a, b in itertools.combinations(means, 2):
        above = np.sign(means[a] - means[b])
        (kept,) = np.nonzero(above)
        turns = [(i, j) for i, j in itertools.pairwise(kept) if above[i] != above[j]]
        if len(turns) == 1:
            i, j = turns[0]
            upper, lower = (a, b) if above[j] > 0 else (b, a)
            told.append(f"{upper} passes {lower} between {_place(x[i], words)} and {_place(x[j], words)}.")
        elif turns:
            told.append(f"{a} and {b} cross {len(turns)} times.")
    return told
