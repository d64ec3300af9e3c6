"""Names beside the points of a plot, where they cover neither a point, a line nor one another."""

from __future__ import annotations

from collections.abc import Mapping

from matplotlib.axes import Axes
from matplotlib.path import Path as MplPath
from matplotlib.text import Annotation
from matplotlib.transforms import Bbox

# Where a name may stand, in points from its own: to the right first, as it is read.
_PLACES = [
    ((8, 0), "left", "center"),
    ((-8, 0), "right", "center"),
    ((0, 8), "center", "bottom"),
    ((0, -8), "center", "top"),
    ((6, 7), "left", "bottom"),
    ((6, -7), "left", "top"),
    ((-6, 7), "right", "bottom"),
    ((-6, -7), "right", "top"),
    ((0, 20), "center", "bottom"),
    ((0, -20), "center", "top"),
]
_MARKER = 5  # points from the middle of a marker to its edge


def label_points(axis: Axes, points: Mapping[str, tuple[float, float]]) -> None:
    """Write each name of `points`, name: (x, y), beside its point, in the first place that is free.

    Call it last, once the axis has its scales and all that is drawn on it. Where no place is free, the name stands to
    the right all the same.
    """
    axis.figure.draw_without_rendering()  # until then the limits are not what they will be
    pixels = axis.figure.dpi / 72
    middles = axis.transData.transform(list(points.values()))
    taken = [Bbox([middle - _MARKER * pixels, middle + _MARKER * pixels]) for middle in middles]
    drawn = [line for line in axis.lines if line.get_linestyle() != "None"]
    lines = [line.get_path().transformed(line.get_transform()) for line in drawn]
    for name, point in points.items():
        label = _in_a_free_place(axis, name, point, taken, lines)
        taken.append(label.get_window_extent())


def _in_a_free_place(
    axis: Axes, name: str, point: tuple[float, float], taken: list[Bbox], lines: list[MplPath]
) -> Annotation:
    for place in _PLACES:
        label = _written(axis, name, point, place)
        box = label.get_window_extent()
        inside = axis.bbox.count_contains([box.min, box.max]) == 2
        crossed = any(line.intersects_bbox(box, filled=False) for line in lines)
        if inside and not crossed and not box.count_overlaps(taken):
            return label
        label.remove()
    return _written(axis, name, point, _PLACES[0])


def _written(axis: Axes, name: str, point: tuple[float, float], place: tuple) -> Annotation:
    offset, horizontal, vertical = place
    return axis.annotate(name, point, offset, textcoords="offset points", fontsize=10, ha=horizontal, va=vertical)
