"""Points with names."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

import numpy as np

from helpers.course.figures.style import COLOURS, INK, MARKERS, DescribedFigure, blank, label_axes, style
from helpers.course.figures.wording import (
    MOST_TOLD,
    Limits,
    as_numbers,
    axis_in_words,
    number,
    require_known,
    require_some,
    span,
)
from helpers.course.labels import label_points
from helpers.errors import CourseError, capital, first_few


@style()
def named_points(
    points: Mapping[str, tuple[float, float]],
    *,
    x_label: str,
    y_label: str,
    x_log: bool = False,
    y_log: bool = False,
    x_limits: Limits | None = None,
    y_limits: Limits | None = None,
    y_errors: Mapping[str, float | None] | None = None,
    frontier: Collection[str] = (),
    undecided: Mapping[str, str] | None = None,
    others: Collection[tuple[float, float]] = (),
    out: Mapping[str, str] | None = None,
    title: str = "",
) -> DescribedFigure:
    """Points with their names beside them, each with a marker of its own.

    Args:
        points: name to (x, y).
        y_errors: one standard deviation by name, as a bar.
        frontier: names of the points that none beats: filled diamonds and a line; the rest are then open circles.
        undecided: name to the name that may beat it or may not, too close to call: half-filled diamonds, each with a
            dotted line to the other. None of them is on the frontier.
        others: points without a name, small and grey behind the rest.
        out: name to the reason why it is out of the question: grey crosses. None of them is on the frontier.

    Raises:
        CourseError: nothing to draw, NaN, nothing above 0 on a logarithmic axis, or a name that is not drawn.
    """
    require_some(points, "the points")
    undecided, out = undecided or {}, out or {}
    known = [*frontier, *undecided, *undecided.values(), *(y_errors or {}), *out]
    require_known(known, points, "frontier, undecided, y_errors or out")
    if both := [name for name in points if (name in frontier) + (name in undecided) + (name in out) > 1]:
        raise CourseError(f"{first_few(both)}: either on the frontier or undecided or out, give it to one of them")
    found = {name: _as_point(point, name) for name, point in points.items()}
    behind = as_numbers(list(others), "others").T if len(others) else np.zeros((2, 0))
    for log, which in ((x_log, 0), (y_log, 1)):
        low = [name for name, point in found.items() if log and point[which] <= 0]
        if low or (log and (behind[which] <= 0).any()):
            raise CourseError(
                f"{first_few(low) or 'one of the others'} is not above 0: draw that axis without a log scale"
            )
    figure, axis = blank(7.5, 4.4)
    label_axes(axis, x_label, y_label, x_log, y_log)
    axis.margins(x=0.2, y=0.15)
    axis.scatter(*behind, s=12, color=INK, zorder=1)
    line = sorted(tuple(found[name]) for name in frontier)
    if line:
        axis.plot(*zip(*line, strict=True), color=COLOURS[0], linewidth=1.5, zorder=1)
    for name, rival in undecided.items():
        axis.plot(*zip(found[name], found[rival], strict=True), ":", color=COLOURS[3], linewidth=2, zorder=1)
    for i, (name, (x, y)) in enumerate(found.items()):
        look = _OUT if name in out else _look(i, name, frontier, undecided)
        axis.errorbar(x, y, yerr=(y_errors or {}).get(name), capsize=4, zorder=2, **look)
    axis.set(xlim=x_limits, ylim=y_limits, title=title)
    label_points(axis, {name: tuple(point) for name, point in found.items()})
    figure.laid_out = True
    axes_in_words = axis_in_words(x_label, x_log), axis_in_words(y_label, y_log)
    left = {name: point for name, point in found.items() if name not in out}
    told = [_points_in_words(left, *axes_in_words, frontier, undecided, behind)]
    if out:
        told.append(f"Out (grey crosses): {', '.join(f'{name} ({why})' for name, why in out.items())}.")
    figure.alt = (f"{title}: " if title else "") + " ".join(told)
    return figure


_OUT = {"fmt": "x", "color": INK, "markersize": 9}


def _as_point(point: Any, name: str) -> np.ndarray:
    found = as_numbers(point, name)
    if found.shape != (2,):
        raise CourseError(f"{name} has the shape {found.shape}: give x and y")
    return found


def _look(i: int, name: str, frontier: Collection[str], undecided: Mapping[str, str]) -> dict[str, Any]:
    if not frontier and not undecided:
        return {"fmt": MARKERS[i % len(MARKERS)], "color": COLOURS[i % len(COLOURS)], "markersize": 9}
    if name in frontier:
        return {"fmt": "D", "color": COLOURS[0], "markersize": 8}
    if name in undecided:
        return {"fmt": "D", "color": COLOURS[3], "markersize": 9, "fillstyle": "left", "markerfacecoloralt": "none"}
    return {"fmt": "o", "color": COLOURS[1], "markerfacecolor": "none", "markersize": 8}


def _points_in_words(
    found: dict, x: str, y: str, frontier: Collection[str], undecided: Mapping[str, str], behind: np.ndarray
) -> str:
    def at(name: str) -> str:
        return f"{name} ({', '.join(map(number, found[name]))})"

    told = [capital(f"{y} against {x}.")]
    if frontier or undecided:
        best = sorted(frontier, key=lambda name: tuple(found[name]))
        rest = [name for name in found if name not in frontier and name not in undecided]
        on_it = ", ".join(map(at, best)) or "none"
        told.append(f"On the frontier (filled diamonds, line), from left to right: {on_it}.")
        if undecided:
            pairs = ", ".join(f"{at(name)} against {rival}" for name, rival in undecided.items())
            told.append(f"Too close to call (half-filled diamonds, dotted line): {pairs}.")
        told.append(f"Beaten (open circles): {', '.join(rest) or 'none'}.")
    elif not found:
        told.append("None is left.")
    elif len(found) <= MOST_TOLD:
        told.append(f"From left to right: {', '.join(map(at, sorted(found, key=lambda name: found[name][0])))}.")
    else:
        columns = np.array(list(found.values())).T
        told.append(f"{len(found)} points, {span(columns[0])} across and {span(columns[1])} up.")
    if behind.size:
        told.append(f"Small grey points, {behind.shape[1]} in all: {span(behind[0])} across and {span(behind[1])} up.")
    return " ".join(told)
