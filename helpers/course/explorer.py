"""A figure with controls: move one, and the figure of that choice takes its place."""

from __future__ import annotations

import base64
import functools
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from html import escape
from typing import TYPE_CHECKING, Any

from helpers.course import html
from helpers.course.display import WIDGET_MIME, Cautioned, in_notebook, show, show_figure
from helpers.errors import CourseError, first_few

if TYPE_CHECKING:
    from helpers.course.figures.style import DescribedFigure

_STYLE = f"<style>{html.lost_widgets_hidden('course-explore')}</style>"
MOST_KEPT = 200  # pictures of choices that were seen before; a picture takes some 30 kB


@dataclass(frozen=True)
class Ticks:
    """Options of which any number may be ticked: `draw` gets the ticked ones as a tuple, in the order of `options`."""

    options: tuple[str, ...]
    ticked: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if strange := [name for name in self.ticked if name not in self.options]:
            raise CourseError(f"{first_few(strange)} cannot be ticked: the options are {first_few(self.options)}")


Choices = Sequence[Any] | Ticks


def explore(
    draw: Callable[..., DescribedFigure],
    choices: Mapping[str, Choices],
    labels: Mapping[str, str] | None = None,
    *,
    start: Mapping[str, Any] | None = None,
    caption: str = "",
    of: Cautioned | None = None,
) -> None:
    """The figure of the choices to start with, and a control for each argument of `draw`.

    The first figure stands by itself, so that it is there in a saved notebook and where no widgets are shown. The
    controls beneath it have a figure of their own, with its words. A choice that was seen lately is not drawn again.
    Where `draw` raises, the controls say so in the figure's place, and go on.

    Args:
        draw: makes a figure from one value for each name of `choices`.
        choices: the values of each argument of `draw`, in the order of its slider; or `Ticks`, for boxes to tick.
        labels: what to write beside a control, by the name of the argument.
        start: the value to start with, by the name of the argument; otherwise its first, or the `ticked` of `Ticks`.
        caption, of: as for `show_figure`, for the first figure; the caution of `of` ends the words of each.

    Raises:
        CourseError: an argument without a value, or a start that is none of its values.
    """
    labels = {name: name for name in choices} | dict(labels or {})
    begin = {name: _beginning(name, values, start or {}) for name, values in choices.items()}
    drawn = functools.lru_cache(maxsize=1)(lambda *values: draw(**dict(zip(choices, values, strict=True))))
    show_figure(drawn(*begin.values()), caption, of=of)
    if not in_notebook():
        return
    controls = [_control(values, begin[name], labels[name]) for name, values in choices.items()]
    told = functools.lru_cache(MOST_KEPT)(lambda *values: _as_html(drawn(*values), of))
    line = (
        f"Change {_listed([labels[name] for name in choices])} with the mouse, or with Tab, the arrow keys and Space. "
        "No controls below this line? Run this cell."
    )
    show(line, f'{_STYLE}<p class="course-explore">{html.inline(line)}</p>')
    _display(_panel(controls, told))


def _beginning(name: str, values: Choices, start: Mapping[str, Any]) -> Any:
    """The value to start with; it is checked here, since a widget would only say "invalid selection"."""
    if isinstance(values, Ticks):
        return Ticks(values.options, tuple(start.get(name, values.ticked))).ticked
    if not len(values):
        raise CourseError(f"there is no value of {name} to choose from: give one or more")
    begin = start.get(name, values[0])
    if begin not in values:
        raise CourseError(f"{name} cannot start with {begin!r}: its values are {first_few(map(str, values))}")
    return begin


@dataclass(frozen=True)
class _Control:
    """What is shown, what in it changes, and how its value is read."""

    shown: Any
    changes: list[Any]
    value: Callable[[], Any]


def _control(values: Choices, begin: Any, label: str) -> _Control:
    if isinstance(values, Ticks):
        return _boxes(values, begin, label)
    return _one_of(values, begin, label)


def _one_of(values: Sequence[Any], begin: Any, label: str) -> _Control:
    """A slider, for words too: in JupyterLab the up and down keys of a list move through the notebook's cells."""
    import ipywidgets

    control = ipywidgets.SelectionSlider(
        options=[(_written(value), value) for value in values],
        value=begin,
        description=label,
        tooltip=label,
        style={"description_width": "16em"},
        layout=ipywidgets.Layout(width="42em", max_width="98%"),
    )
    return _Control(control, [control], lambda: control.value)


def _boxes(ticks: Ticks, begin: tuple[str, ...], label: str) -> _Control:
    import ipywidgets

    boxes = [
        ipywidgets.Checkbox(name in begin, description=name, indent=False, layout=ipywidgets.Layout(width="auto"))
        for name in ticks.options
    ]
    name = ipywidgets.Label(label, layout=ipywidgets.Layout(width="16em", justify_content="flex-end"))
    row = ipywidgets.HBox(
        [name, *boxes],
        layout=ipywidgets.Layout(flex_flow="row wrap", grid_gap="0 1.2em"),
    )
    return _Control(row, boxes, lambda: tuple(box.description for box in boxes if box.value))


def _panel(controls: list[_Control], told: Callable[..., str]) -> Any:
    """The controls above the picture that follows them."""
    import ipywidgets

    picture = ipywidgets.HTML()

    def redraw(_: object = None) -> None:
        # What is raised in here would reach the log of JupyterLab alone, and the old picture would stay.
        try:
            picture.value = told(*(control.value() for control in controls))
        except Exception as error:
            cause = str(error) if isinstance(error, CourseError) else f"{type(error).__name__}: {error}"
            picture.value = f'<p role="alert">✗ {html.inline(f"This choice cannot be drawn: {cause}")}</p>'

    for control in controls:
        for part in control.changes:
            part.observe(redraw, "value")
    redraw()
    return ipywidgets.VBox([*(control.shown for control in controls), picture])


def _display(panel: Any) -> None:
    """The panel; a front end without widgets shows a sentence in the place of its `repr`."""
    from IPython.display import display

    without = "This front end shows no widgets: the figure above is what they begin with."
    display({WIDGET_MIME: panel._repr_mimebundle_()[WIDGET_MIME], "text/plain": without}, raw=True)


def _written(value: Any) -> str:
    """
    >>> [_written(value) for value in ("near", 1e-05, 0.30000000000000004, 1000)]
    ['near', '1e-05', '0.3', '1,000']
    """
    if isinstance(value, float):
        return f"{value:.4g}"
    return f"{value:,}" if isinstance(value, int) else str(value)


def _listed(names: list[str]) -> str:
    """
    >>> _listed(["size", "kind"])
    '"size" and "kind"'
    """
    quoted = [f'"{name}"' for name in names]
    return " and ".join([", ".join(quoted[:-1]), quoted[-1]] if quoted[:-1] else quoted)


def _as_html(figure: DescribedFigure, of: Cautioned | None) -> str:
    from helpers.course.figures.style import as_quick_png  # here, as in `show_figure`

    image = base64.b64encode(as_quick_png(figure)).decode()
    words = f"{figure.alt}{of.caution if of is not None else ''}"
    return (
        f'<img alt="{escape(words)}" src="data:image/png;base64,{image}" style="max-width:100%;height:auto">'
        f'<p role="status" style="line-height:1.4"><em>Figure: {html.inline(words)}</em></p>'
    )
