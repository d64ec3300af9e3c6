"""One way to put something before the learner: rich in a notebook, plain text in a terminal."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from IPython import get_ipython
from IPython.display import display

from helpers.course import html
from helpers.errors import CourseError

if TYPE_CHECKING:
    from matplotlib.figure import Figure

# The mime type of a widget in an output. It names a model that lives in the kernel and goes with it.
WIDGET_MIME = "application/vnd.jupyter.widget-view+json"


class Cautioned(Protocol):
    """Something whose results may need a warning: a `Backbone`, of which `caution` is empty where pretrained."""

    @property
    def caution(self) -> str: ...


def in_notebook() -> bool:
    """Whether a kernel is there to pass rich output on (a terminal's IPython is not one)."""
    return hasattr(get_ipython(), "kernel")


def show(text: str, rich: str, extra: dict | None = None) -> None:
    """`rich` is the HTML of the same content as `text`; `extra` holds further mime types."""
    if in_notebook():
        display({"text/plain": text, "text/html": rich, **(extra or {})}, raw=True)
    else:
        print(text)


def show_table(rows: list[dict], caption: str = "", *, of: Cautioned | None = None) -> None:
    """Rows of equal keys as a table. `of` is the network whose results these are: its caution ends the caption."""
    caption = f"{caption}{_caution(of)}"
    show(html.text_table(rows, caption), html.table(rows, caption))


def show_figure(figure: Figure, caption: str = "", *, of: Cautioned | None = None) -> None:
    """The figure, and beneath it what there is to see in it.

    That is `caption`, in the author's words, then what the figure says of its own data (`figure.alt`, which all
    of `helpers.course.figures` have), then the caution of `of`, the network whose results these are. It is also
    the image's alternative text, for those who do not see it.

    Raises:
        CourseError: neither caption nor `figure.alt`.
    """
    from helpers.course.figures.style import as_png  # here, since all that prints would need matplotlib otherwise

    told = " ".join(part for part in (caption.strip(), getattr(figure, "alt", "")) if part)
    if not told:
        raise CourseError("this figure has no words: give show_figure a caption that says what there is to see")
    told += _caution(of)
    if in_notebook():
        display(
            {"image/png": as_png(figure), "text/plain": f"[Figure: {told}]"},
            metadata={"image/png": {"alt": told}},
            raw=True,
        )
    show(f"Figure: {told}", f"<p><em>Figure: {html.inline(told)}</em></p>")


def say(*lines: str, of: Cautioned | None = None) -> None:
    """Print each line, and once beneath them the caution of `of`, the network whose results these are."""
    print(*lines, *([_caution(of).strip()] if _caution(of) else []), sep="\n")


def _caution(of: Cautioned | None) -> str:
    return of.caution if of is not None else ""
