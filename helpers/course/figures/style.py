"""One look for all figures, on a white page and on a dark one, and the small PNG that a notebook keeps.

A PNG is saved with the notebook and cannot know the theme that it will be read in. So the page shows through it,
and all that is drawn has a middle tone. No colour holds 4.5:1 against both #fff and #111: the product of the two
contrasts is 18.9, so that the best is 4.35, and INK has it. The words and numbers of a figure stand beneath it in
the page's own text as well. Marks hold 3:1, which is what WCAG 2.2 (1.4.11) asks of graphics.
"""

from __future__ import annotations

import contextlib
import io
from collections.abc import Iterator
from typing import Any

import matplotlib
import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from PIL import Image

from helpers.course import labels
from helpers.course.html import BLUE, GREEN, PURPLE, VERMILLION

INK = "#797979"  # text, axes and grid
COLOURS = (BLUE, VERMILLION, GREEN, PURPLE, INK)  # Okabe and Ito's others are too pale for a white page
MARKERS = "osD^vPX*"
DASHES = ("-", "--", "-.", ":")
HATCHES = ("", "///", "xxx", "...", "---", "++")

STYLE: dict[str, Any] = {
    **dict.fromkeys(("figure.facecolor", "axes.facecolor", "savefig.facecolor", "legend.facecolor"), "none"),
    **dict.fromkeys(("text.color", "axes.labelcolor", "axes.titlecolor", "axes.edgecolor"), INK),
    **dict.fromkeys(("xtick.color", "ytick.color", "grid.color"), INK),
    "axes.prop_cycle": matplotlib.cycler(color=COLOURS),
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.axisbelow": True,
    "axes.titlesize": "medium",
    "figure.dpi": 96,
    "font.size": 12,
    "grid.alpha": 0.3,
    "hatch.color": "white",
    "hatch.linewidth": 0.7,
    "legend.frameon": False,
    "lines.linewidth": 2,
    "lines.markersize": 7,
    **labels.NAMES_ARE_TEXT,
}


class DescribedFigure(Figure):
    """A matplotlib figure that says in `alt` what a person sees in it.

    `laid_out` says that everything has its place already, as where names were put beside points.
    """

    alt: str = ""
    laid_out: bool = False


@contextlib.contextmanager
def style() -> Iterator[None]:
    """The course's look for what is drawn within, whatever the learner has set; his settings come back after it."""
    with matplotlib.style.context(["default", STYLE]):
        yield


@style()
def blank(
    width: float = 7, height: float = 3.6, *, rows: int = 1, columns: int = 1, **options: Any
) -> tuple[DescribedFigure, Any]:
    """An empty figure, `width` by `height` inches, with its axes: one, or an array of them, as `plt.subplots` gives.

    It does not belong to pyplot, so nothing has to close it. Draw on it within `style()`. `options` go to
    `Figure.subplots`.
    """
    figure = DescribedFigure(figsize=(width, height), layout="constrained")
    return figure, figure.subplots(rows, columns, **options)


def label_axes(axis: Axes, x_label: str, y_label: str, x_log: bool = False, y_log: bool = False) -> None:
    """Both labels, the scales and a grid."""
    axis.set(xlabel=x_label, ylabel=y_label, xscale="log" if x_log else "linear", yscale="log" if y_log else "linear")
    for log, numbers in ((x_log, axis.xaxis), (y_log, axis.yaxis)):
        if log:
            labels.plain_log_ticks(numbers)
    axis.grid()


def as_png(figure: Figure) -> bytes:
    """The figure as a PNG of at most 256 colours, a third of the size of a full one: notebooks are kept in git.

    Pyplot forgets the figure, so that the end of the cell does not show it a second time.
    """
    drawn, small = io.BytesIO(), io.BytesIO()
    with _settings_of(figure):
        figure.savefig(drawn, format="png", dpi=96, bbox_inches="tight")
    plt.close(figure)
    _of_256_colours(Image.open(drawn).convert("RGBA")).save(small, format="png", optimize=True)
    return small.getvalue()


def as_quick_png(figure: Figure) -> bytes:
    """The figure as a PNG in about half the time: as large as it was made, and with all of its colours.

    For a picture that follows a slider and is not kept.
    """
    drawn, canvas = io.BytesIO(), FigureCanvasAgg(figure)
    if getattr(figure, "laid_out", False):
        figure.set_layout_engine("none")
    with _settings_of(figure):
        canvas.draw()
    Image.fromarray(np.asarray(canvas.buffer_rgba())).save(drawn, format="png", compress_level=1)
    return drawn.getvalue()


@contextlib.contextmanager
def _settings_of(figure: Figure) -> Iterator[None]:
    """Draw within: ticks are made while a figure is drawn, and take their colour from the settings of that moment."""
    with (
        style() if isinstance(figure, DescribedFigure) else contextlib.nullcontext(),
        labels.fonts_with_all_letters(figure),
    ):
        yield


def _of_256_colours(full: Image.Image) -> Image.Image:
    """Opaque pixels in up to 208 colours of their own, the edges of text and lines in 47 more, and nothing in one.

    Pillow's median cut, which serves photos well, knows no transparency; its octree does, and makes bands in photos.
    """
    pixels = np.array(full)
    alpha = pixels[..., 3]
    opaque, edges = alpha == 255, (alpha > 0) & (alpha < 255)
    indices, palette = np.zeros(alpha.shape, dtype=np.uint8), [np.zeros((1, 4), dtype=np.uint8)]
    for part, most, method in ((opaque, 208, Image.Quantize.MEDIANCUT), (edges, 47, Image.Quantize.FASTOCTREE)):
        if not part.any():
            continue
        mode = "RGB" if method is Image.Quantize.MEDIANCUT else "RGBA"
        row = Image.fromarray(pixels[part][None, :, : len(mode)], mode)
        few = row.quantize(most, method=method, dither=Image.Dither.NONE)
        indexed = np.array(few)[0]
        colours = np.array(few.getpalette(mode), dtype=np.uint8).reshape(-1, len(mode))[: indexed.max() + 1]
        if mode == "RGB":
            colours = np.hstack([colours, np.full((len(colours), 1), 255, dtype=np.uint8)])
        indices[part] = indexed + sum(map(len, palette))
        palette.append(colours)
    table = np.concatenate(palette)
    small = Image.fromarray(indices, "P")
    small.putpalette(table[:, :3].tobytes())
    small.info["transparency"] = table[:, 3].tobytes()
    return small
