"""One way to put something before the learner: rich in a notebook, plain text in a terminal."""

from __future__ import annotations

import io

import matplotlib.pyplot as plt
from IPython import get_ipython
from IPython.display import display
from matplotlib.figure import Figure
from PIL import Image

from helpers.course import html


def in_notebook() -> bool:
    """Whether a kernel is there to pass rich output on (a terminal's IPython is not one)."""
    return hasattr(get_ipython(), "kernel")


def show(text: str, rich: str, extra: dict | None = None) -> None:
    """`rich` is the HTML of the same content as `text`; `extra` holds further mime types."""
    if in_notebook():
        display({"text/plain": text, "text/html": rich, **(extra or {})}, raw=True)
    else:
        print(text)


def show_table(rows: list[dict], caption: str = "") -> None:
    """Rows of equal keys as a table."""
    show(html.text_table(rows, caption), html.table(rows, caption))


def show_figure(figure: Figure, caption: str) -> None:
    """The figure, and beneath it what there is to see in it.

    The caption is also the picture's alternative text, for those who do not see the picture.
    """
    if in_notebook():
        display(
            {"image/png": _png(figure), "text/plain": f"[Figure: {caption}]"},
            metadata={"image/png": {"alt": caption}},
            raw=True,
        )
    show(f"Figure: {caption}", f"<p><em>Figure: {html.inline(caption)}</em></p>")


def _png(figure: Figure) -> bytes:
    """The figure as a PNG of 256 colours, a third of the size of a full one: notebooks are kept in git."""
    drawn, small = io.BytesIO(), io.BytesIO()
    figure.savefig(drawn, format="png", dpi=80, bbox_inches="tight")
    plt.close(figure)
    full = Image.open(drawn).convert("RGB")
    full.quantize(256, dither=Image.Dither.NONE).save(small, format="png", optimize=True)
    return small.getvalue()
