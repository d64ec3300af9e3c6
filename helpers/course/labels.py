"""Names in figures: beside the points of a plot, as they are written, and in a font that has their letters.

A name may be a learner's folder: `$5 notes`, which matplotlib would take for a formula, or `蚂蚁`.
"""

from __future__ import annotations

import contextlib
import functools
import warnings
from collections.abc import Iterable, Iterator, Mapping

import matplotlib
from matplotlib import font_manager, ticker
from matplotlib.axes import Axes
from matplotlib.axis import Axis
from matplotlib.figure import Figure
from matplotlib.path import Path as MplPath
from matplotlib.text import Annotation, Text
from matplotlib.transforms import Bbox

# With these settings a `$` is a dollar, in titles, legends and ticks. See `plain_log_ticks` for what needs formulas.
NAMES_ARE_TEXT = {"text.parse_math": False}

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
    with fonts_with_all_letters(axis.figure, coming=points):
        _lay_out(axis.figure)  # until then the limits are not what they will be
        pixels = axis.figure.dpi / 72
        middles = axis.transData.transform(list(points.values()))
        taken = [Bbox([middle - _MARKER * pixels, middle + _MARKER * pixels]) for middle in middles]
        drawn = [line for line in axis.lines if line.get_linestyle() != "None"]
        lines = [line.get_path().transformed(line.get_transform()) for line in drawn]
        for name, point in points.items():
            label = _in_a_free_place(axis, name, point, taken, lines)
            taken.append(label.get_window_extent())


def _lay_out(figure: Figure) -> None:
    """Put everything where it will be; drawing does so as well, and takes twice as long."""
    engine = figure.get_layout_engine()
    if engine is None:
        figure.draw_without_rendering()
    else:
        engine.execute(figure)


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


class _PlainLogFormatter(ticker.LogFormatter):
    """Labels the ticks that matplotlib would, with plain numbers."""

    def __call__(self, x: float, pos: int | None = None) -> str:
        return f"{x:g}" if super().__call__(x, pos) else ""


def plain_log_ticks(axis: Axis) -> None:
    """Numbers on a logarithmic axis without matplotlib's formulas, which would be shown as they are written."""
    axis.set_major_formatter(_PlainLogFormatter())
    axis.set_minor_formatter(_PlainLogFormatter())


@contextlib.contextmanager
def fonts_with_all_letters(figure: Figure, coming: Iterable[str] = ()) -> Iterator[None]:
    """Draw within: each letter of the figure's texts, and of those to come, is from a font that has it, where one is.

    Where none is, a box stands for the letter, as everywhere, and matplotlib's warnings about it are silent: the words
    beneath a figure are in the page's own fonts.
    """
    texts = _texts(figure)
    usual = font_manager.findfont(font_manager.FontProperties())
    lacking = _lacking(frozenset().union(*coming, *(text.get_text() for text in texts)), usual)
    more = _families_with(lacking) if lacking else ()
    with warnings.catch_warnings(), matplotlib.rc_context():
        warnings.filterwarnings("ignore", message="Glyph .* missing from")
        if more:
            families = [*matplotlib.rcParams["font.family"], *more]
            matplotlib.rcParams["font.family"] = families  # of ticks, which are made while a figure is drawn
            for text in texts:
                text.set_fontfamily(families)
        yield


def _texts(figure: Figure) -> list[Text]:
    for axes in figure.axes:
        for axis in (axes.xaxis, axes.yaxis):
            axis.get_majorticklabels()  # makes those of categories, which a figure has only once it is drawn
    return figure.findobj(Text)


def _lacking(letters: frozenset[str], font: str) -> frozenset[str]:
    """Of these letters the ones that the font file has no glyph for."""
    face = font_manager.get_font(font)
    return frozenset(letter for letter in letters if letter.isprintable() and not face.get_char_index(ord(letter)))


@functools.cache
def _families_with(letters: frozenset[str]) -> tuple[str, ...]:
    """Installed font families that have the letters between them, the one with most of them first."""
    found: list[str] = []
    fonts = [font for font in font_manager.fontManager.ttflist if "LastResort" not in font.fname]  # which has boxes
    while letters and fonts:
        best = min(fonts, key=lambda font: (len(_lacking(letters, font.fname)), font.weight != 400, font.name))
        left = _lacking(letters, best.fname)
        if left == letters:
            break
        found, letters = [*found, best.name], left
    return tuple(found)
