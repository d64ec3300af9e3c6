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
    others: Collection[tuple[float, float]] = (),
) -> DescribedFigure:
    """Points with their names beside them, each with a marker of its own.

    Args:
        points: name to (x, y).
        y_errors: one standard deviation by name, as a bar.
        frontier: names of the points that none beats: filled diamonds and a line; the rest are then open circles.
        others: points without a name, small and grey behind the rest.

    Raises:
        CourseError: nothing to draw, NaN, nothing above 0 on a logarithmic axis, or a name that is not drawn.
    """
    require_some(points, "the points")
    require_known([*frontier, *(y_errors or {})], points, "frontier or y_errors")
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
    for i, (name, (x, y)) in enumerate(found.items()):
        axis.errorbar(x, y, yerr=(y_errors or {}).get(name), capsize=4, zorder=2, **_look(i, name, frontier))
    axis.set(xlim=x_limits, ylim=y_limits)
    label_points(axis, {name: tuple(point) for name, point in found.items()})
    figure.alt = _points_in_words(found, axis_in_words(x_label, x_log), axis_in_words(y_label, y_log), frontier, behind)
    return figure


def _as_point(point: Any, name: str) -> np.ndarray:
    found = as_numbers(point, name)
    if found.shape != (2,):
        raise CourseError(f"{name} has the shape {found.shape}: give x and y")
    return found


def _look(i: int, name: str, frontier: Collection[str]) -> dict[str, Any]:
    if not frontier:
        return {"fmt": MARKERS[i % len(MARKERS)], "color": COLOURS[i % len(COLOURS)], "markersize": 9}
    if name in frontier:
        return {"fmt": "D", "color": COLOURS[0], "markersize": 8}
    return {"fmt": "o", "color": COLOURS[1], "markerfacecolor": "none", "markersize": 8}


def _points_in_words(found: dict, x: str, y: str, frontier: Collection[str], behind: np.ndarray) -> str:
    def at(name: str) -> str:
        return f"{name} ({', '.join(map(number, found[name]))})"

    told = [capital(f"{y} against {x}.")]
    if frontier:
        best = sorted(frontier, key=lambda name: tuple(found[name]))
        rest = [name for name in found if name not in frontier]
        told.append(f"On the frontier (filled diamonds, line), from left to right: {', '.join(map(at, best))}.")
        told.append(f"Beaten (open circles): {', '.join(rest) or 'none'}.")
    elif len(found) <= MOST_TOLD:
        told.append(f"From left to right: {', '.join(map(at, sorted(found, key=lambda name: found[name][0])))}.")
    else:
        columns = np.array(list(found.values())).T
        told.append(f"{len(found)} points, {span(columns[0])} across and {span(columns[1])} up.")
    if behind.size:
        told.append(f"Small grey points, {behind.shape[1]} in all: {span(behind[0])} across and {span(behind[1])} up.")
    return " ".join(told)
