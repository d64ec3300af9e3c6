"""A figure with controls: move one, and the figure of that choice takes its place."""

from __future__ import annotations

import base64
import functools
from collections.abc import Callable, Sequence

from helpers.course import html
from helpers.course.display import in_notebook, show, show_figure
from helpers.course.figures.style import DescribedFigure, as_png

Choice = object


def explore(
    draw: Callable[..., DescribedFigure], choices: dict[str, Sequence[Choice]], labels: dict[str, str] | None = None
) -> None:
    """The figure of the first choices, and a control for each argument of `draw`.

    The first figure stands by itself, so that it is there in a saved notebook and where no widgets are shown. The
    controls beneath it have a figure of their own, with its words; each choice is drawn once.

    Args:
        draw: makes a figure from one value for each name of `choices`.
        choices: the values to choose from, by the name of the argument.
        labels: what to write beside a control, by the name of the argument.
    """
    drawn = functools.cache(lambda *values: draw(**dict(zip(choices, values, strict=True))))
    show_figure(drawn(*(values[0] for values in choices.values())))
    if not in_notebook():
        return
    import ipywidgets
    from IPython.display import display

    labels = labels or {}
    wide = {"description_width": "initial"}
    controls = {
        name: ipywidgets.SelectionSlider(
            options=[(str(value), value) for value in values],
            description=labels.get(name, name),
            style=wide,
            layout=ipywidgets.Layout(width="30em"),
        )
        for name, values in choices.items()
    }
    told = functools.cache(lambda *values: _as_html(drawn(*values)))
    picture = ipywidgets.HTML()

    def redraw(_: object = None) -> None:
        picture.value = told(*(control.value for control in controls.values()))

    for control in controls.values():
        control.observe(redraw, "value")
    redraw()
    names = " and ".join(f'"{labels.get(name, name)}"' for name in choices)
    line = f"Move {names} with the mouse, or with the arrow keys once it is chosen with Tab."
    show(line, f"<p>{html.inline(line)}</p>")
    display(ipywidgets.VBox([*controls.values(), picture]))


def _as_html(figure: DescribedFigure) -> str:
    image = base64.b64encode(as_png(figure)).decode()
    alt = html.escaped(figure.alt)
    return f'<img alt="{alt}" src="data:image/png;base64,{image}"><p><em>Figure: {html.inline(figure.alt)}</em></p>'
