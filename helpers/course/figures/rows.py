"""A row for each name: bars, stacked bars, and every run of an experiment."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

import numpy as np
from matplotlib.axes import Axes

from helpers.course.figures.style import COLOURS, HATCHES, INK, DescribedFigure, blank, style
from helpers.course.figures.wording import (
    Limits,
    as_number,
    as_numbers,
    lines_joined,
    number,
    require_known,
    require_some,
)
from helpers.errors import CourseError, capital, first_few, one_line


@style()
def bars(
    values: Mapping[str, float],
    *,
    x_label: str,
    errors: Mapping[str, float | None] | None = None,
    labels: Mapping[str, str] | None = None,
    digits: str = ".3g",
    unit: str = "",
    highlight: Collection[str] | None = None,
    x_limits: Limits | None = None,
    title: str = "",
) -> DescribedFigure:
    """Horizontal bars from the top in the order of `values`, each with its value at its end.

    Args:
        values: name to number.
        errors: half the length of each error bar (one standard deviation), by name; None where it is not known.
        labels: what to write at a bar's end in place of its value, by name.
        digits, unit: the format of the values, and what to write behind each, such as " MB".
        highlight: the bars to stand out; the others are grey.

    Raises:
        CourseError: nothing to draw, NaN, or a name that is not drawn.
    """
    require_some(values, "the bars")
    errors, labels = errors or {}, labels or {}
    require_known([*errors, *labels, *(highlight or ())], values, "errors, labels or highlight")
    lengths = {name: as_number(value, name) for name, value in values.items()}
    reach = {name: as_number(errors.get(name) or 0, f"the error of {name}") for name in lengths}
    written = {name: labels.get(name, f"{length:{digits}}{unit}") for name, length in lengths.items()}
    dull = [highlight is not None and name not in highlight for name in lengths]

    figure, axis = blank(7.5, 1 + 0.34 * len(lengths))
    axis.barh(list(lengths), lengths.values(), color=[INK if grey else COLOURS[0] for grey in dull])
    for row, (name, length) in enumerate(lengths.items()):
        if reach[name]:
            axis.errorbar(length, row, xerr=reach[name], fmt="none", ecolor=COLOURS[1], capsize=4)
        _write_at(axis, length + reach[name], row, written[name])
    _set(axis, x_label, x_limits, title)
    ranked = sorted(lengths, key=lambda name: -lengths[name])
    told = [one_line(written[name]) + (f" ± {number(reach[name])}" if reach[name] else "") for name in ranked]
    clauses = first_few([f"{name}: {words}" for name, words in zip(ranked, told, strict=True)], most=12)
    figure.alt = f"{_head('Bars', x_label, title)}, from the highest: {clauses}."
    return figure


@style()
def stacked_bars(
    values: Mapping[str, Mapping[str, float]],
    *,
    x_label: str,
    digits: str = ".3g",
    unit: str = "",
    totals: bool = True,
    x_limits: Limits | None = None,
    title: str = "",
) -> DescribedFigure:
    """Horizontal bars of parts that follow one another, each part with a colour and a hatching of its own.

    Args:
        values: name to the numbers of its parts, the same parts in each.
        totals: whether to write the sum at each bar's end; not for shares, which all sum to 1.

    Raises:
        CourseError: nothing to draw, NaN, or other parts in one bar than in another.
    """
    require_some(values, "the bars")
    parts = list(next(iter(values.values())))
    if any(list(one) != parts for one in values.values()):
        raise CourseError("the bars have different parts: give each bar the same parts in the same order")
    widths = np.array([as_numbers(list(one.values()), name) for name, one in values.items()])
    ends = widths.cumsum(axis=1)

    figure, axis = blank(7.5, 1.5 + 0.36 * len(values))
    for i, part in enumerate(parts):
        look = {"color": COLOURS[i % len(COLOURS)], "hatch": HATCHES[i % len(HATCHES)], "edgecolor": "white"}
        axis.barh(list(values), widths[:, i], left=ends[:, i] - widths[:, i], label=part, linewidth=0, **look)
    for row, end in enumerate(ends[:, -1] if totals else ()):
        _write_at(axis, end, row, f"{end:{digits}}{unit}")
    _set(axis, x_label, x_limits or (None if totals else (0, ends.max())), title)
    handles = axis.get_legend_handles_labels()
    figure.legend(*handles, loc="outside lower center", ncols=min(len(parts), 3), fontsize=11)
    told = []
    for (name, one), end in zip(values.items(), ends[:, -1], strict=True):
        total = f" (in all {end:{digits}}{unit})" if totals else ""
        told.append(f"{name}{total}: {', '.join(f'{part} {value:{digits}}{unit}' for part, value in one.items())}")
    figure.alt = f"{_head('Stacked bars', x_label, title)}. {'; '.join(told)}."
    return figure


def _write_at(axis: Axes, x: float, row: int, text: str) -> None:
    axis.annotate(text, (x, row), (5, 0), textcoords="offset points", va="center", fontsize=11)


def _set(axis: Axes, x_label: str, x_limits: Limits | None, title: str) -> None:
    """The first row on top; room at the right for what is written at the ends."""
    axis.invert_yaxis()
    axis.set(xlabel=x_label, title=title)
    axis.margins(x=0.18)
    if x_limits:
        axis.set_xlim(*x_limits)


def _head(kind: str, x_label: str, title: str) -> str:
    return f"{title}: {kind.lower()} of {lines_joined(x_label)}" if title else f"{kind} of {lines_joined(x_label)}"


@style()
def each_run(runs: Mapping[str, Any], *, x_label: str, x_limits: Limits | None = None) -> DescribedFigure:
    """A row for each entry with a circle for each of its runs, and their mean ± standard deviation as a diamond.

    Raises:
        CourseError: nothing to draw, or NaN.
    """
    require_some(runs, "the runs")
    found = {name: np.atleast_1d(as_numbers(values, name)).ravel() for name, values in runs.items()}
    figure, axis = blank(7.5, 1.1 + 0.45 * len(found))
    for row, several in enumerate(found.values()):
        axis.plot(several, [row] * len(several), "o", color=COLOURS[0], markerfacecolor="none")
        if len(several) > 1:
            middle = {"fmt": "D", "color": COLOURS[1], "capsize": 4, "markersize": 6}
            axis.errorbar(several.mean(), row + 0.25, xerr=several.std(ddof=1), **middle)
    axis.set_yticks(range(len(found)), list(found))
    axis.set_ylim(len(found) - 0.4, -0.5)
    axis.set(xlabel=x_label)
    if x_limits:
        axis.set_xlim(*x_limits)
    axis.grid(axis="x")
    ranked = sorted(found, key=lambda name: -found[name].mean())
    told = [f"{name} {_with_spread(found[name])}" for name in ranked]
    counts = sorted({len(several) for several in found.values()})
    each = f"{counts[0]} runs each" if len(counts) == 1 else f"{counts[0]} to {counts[-1]} runs each"
    how = "" if counts == [1] else f", mean ± standard deviation (diamonds) of {each} (circles)"
    figure.alt = f"{capital(lines_joined(x_label))}{how}, from the highest: {', '.join(told)}."
    return figure


def _with_spread(several: np.ndarray) -> str:
    """
    >>> _with_spread(np.array([0.9, 0.92]))
    '0.91 ± 0.014'
    """
    spread = f" ± {several.std(ddof=1):.2g}" if len(several) > 1 else ""
    return f"{number(several.mean())}{spread}"
