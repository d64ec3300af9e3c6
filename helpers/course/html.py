"""The few pieces of HTML that panels, quizzes and tables are made of.

Everything here survives without a kernel: in a saved notebook, in an exported page, with a keyboard alone.
That is why panels use `<details>` and not ipywidgets: JupyterLab does not save the state of widgets, and
shows "model not found" in their place when a notebook is opened again. A quiz and `explore` have both.
"""

from __future__ import annotations

import html
import re
from numbers import Integral, Real

# Okabe and Ito's palette (jfly.uni-koeln.de/color), told apart with every common colour blindness.
GREEN, VERMILLION, BLUE, PURPLE, GREY = "#009E73", "#D55E00", "#0072B2", "#CC79A7", "#6e6e6e"

# JupyterLab takes styles with `var` out of a notebook that it does not trust: the border is what then shows a button.
_BUTTON = (
    "display:inline-block;cursor:pointer;padding:2px 10px;margin:4px 6px 2px 0;border-radius:4px;"
    "border:1px solid #8a8a8a;background:var(--jp-layout-color2,#f3f3f3);"
)


def lost_widgets_hidden(marker: str) -> str:
    """A rule of a style sheet: where a cell shows an element of class `marker`, widgets without their state stay out.

    JupyterLab writes "model not found" in their place, when a notebook is opened again and its kernel is gone.
    """
    return f".jp-OutputArea:has(.{marker}) .jp-OutputArea-output.lm-Panel:not(:has(*)) {{ display: none; }}"


def escaped(text: str) -> str:
    """Text that the page shows as it is written.

    JupyterLab typesets what stands between two `$` in an output, and class names may hold them. MathJax does not look
    across elements, so that a `$` in one of its own begins nothing.
    """
    return html.escape(text, quote=False).replace("$", "<span>$</span>")


def inline(text: str) -> str:
    """Escaped text, with `code` between backticks."""
    return re.sub(r"`([^`]+)`", r"<code>\1</code>", escaped(text))


def lines(text: str) -> str:
    """`inline`, and each line of the text on a line of its own."""
    return "<br>".join(map(inline, text.split("\n")))


def box(colour: str, body: str, label: str) -> str:
    """A block with a bar of `colour` at its left; `label` is what a screen reader calls it."""
    return (
        f'<div role="region" aria-label="{html.escape(label)}" style="border-left:6px solid {colour};'
        f'padding:6px 12px;margin:4px 0;background:var(--jp-layout-color1,#fff)">{body}</div>'
    )


def fold(button: str, body: str, *, opened: bool = False) -> str:
    """A button that opens `body` beneath itself; `opened` shows it from the start."""
    inside = f'<div style="padding:2px 0 6px 12px">{body}</div>'
    return (
        f'<details{" open" if opened else ""}><summary style="{_BUTTON}">{inline(button)}</summary>{inside}</details>'
    )


def code(source: str) -> str:
    return f'<pre style="margin:4px 0;padding:6px;overflow-x:auto">{html.escape(source, quote=False)}</pre>'


def table(rows: list[dict], caption: str = "") -> str:
    """An HTML table with header cells; the columns are the first row's keys."""
    if not rows:
        return f"<p>{inline(caption)} (nothing yet)</p>"
    columns = list(rows[0])
    head = "".join(_header(column, rows[0].get(column)) for column in columns)
    body = "".join("<tr>" + "".join(_cell(row.get(column, "")) for column in columns) + "</tr>" for row in rows)
    title = f'<caption style="text-align:left;padding:4px 0">{inline(caption)}</caption>' if caption else ""
    return f"<table>{title}<thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"


def _header(column: object, below: object) -> str:
    return f'<th scope="col" style="text-align:{_side(below)}">{escaped(str(column))}</th>'


def _cell(value: object) -> str:
    return f'<td style="text-align:{_side(value)}">{escaped(as_text(value))}</td>'


def _side(value: object) -> str:
    """Numbers stand right, so that their digits line up; a column's header stands over them."""
    return "right" if isinstance(value, Real) else "left"


def as_text(value: object) -> str:
    """Thousands get commas, floats three decimals, missing values a dash."""
    if value is None:
        return "-"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, Integral):  # NumPy's too
        return f"{value:,}"
    if isinstance(value, Real):
        return f"{value:,.3f}"
    return str(value)


def text_table(rows: list[dict], caption: str = "") -> str:
    """The same table in plain text, for a terminal, a screen reader or a log."""
    if not rows:
        return f"{caption} (nothing yet)"
    columns = list(rows[0])
    cells = [[str(c) for c in columns], *([as_text(row.get(c, "")) for c in columns] for row in rows)]
    widths = [max(len(line[i]) for line in cells) for i in range(len(columns))]
    right = [all(isinstance(row.get(c), Real | None) for row in rows) for c in columns]
    lines = [
        "  ".join(
            cell.rjust(w) if r else cell.ljust(w) for cell, w, r in zip(line, widths, right, strict=True)
        ).rstrip()
        for line in cells
    ]
    return "\n".join(([caption] if caption else []) + [lines[0], "  ".join("-" * w for w in widths), *lines[1:]])
