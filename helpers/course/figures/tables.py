"""Tables of numbers as coloured fields."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from helpers.course.figures.style import DescribedFigure, blank, style
from helpers.course.figures.wording import as_numbers
from helpers.errors import CourseError


@style()
def heat_map(
    values: Any,
    rows: Sequence[str],
    columns: Sequence[str],
    *,
    x_label: str,
    y_label: str,
    digits: str = ".3g",
) -> DescribedFigure:
    """A table of numbers [rows, columns] as coloured fields with each number in it: a confusion matrix, say.

    Raises:
        CourseError: NaN, or as many names as do not fit the numbers.
    """
    found = as_numbers(values, "the heat map")
    if found.shape != (len(rows), len(columns)):
        raise CourseError(f"{len(rows)} rows and {len(columns)} columns are named for numbers of shape {found.shape}")
    figure, axis = blank(2 + 0.75 * len(columns), 1.6 + 0.55 * len(rows))
    image = axis.imshow(found, cmap="cividis", aspect="auto")
    for row, column in np.ndindex(*found.shape):
        dark = image.norm(found[row, column]) < 0.5
        text = f"{found[row, column]:{digits}}"
        axis.text(column, row, text, ha="center", va="center", color="white" if dark else "black")
    axis.set_xticks(range(len(columns)), columns, rotation=30, ha="right", rotation_mode="anchor")
    axis.set_yticks(range(len(rows)), rows)
    axis.spines[:].set_visible(False)
    axis.set(xlabel=x_label, ylabel=y_label)
    figure.alt = _table_in_words(found, list(rows), list(columns), x_label, y_label, digits)
    return figure


def _table_in_words(found: np.ndarray, rows: list[str], columns: list[str], x: str, y: str, digits: str) -> str:
    """Of a table with the same names on both sides the diagonal and the largest off it, of others the extremes."""
    head = f"Table of {len(rows)} by {len(columns)}, {y} down and {x} across."
    if rows != columns or len(rows) < 2:
        ends = {
            "highest": np.unravel_index(found.argmax(), found.shape),
            "lowest": np.unravel_index(found.argmin(), found.shape),
        }
        told = [f"{name} {found[r, c]:{digits}} at {rows[r]}, {columns[c]}" for name, (r, c) in ends.items()]
        return f"{head} The {' and the '.join(told)}."
    diagonal = ", ".join(f"{name} {value:{digits}}" for name, value in zip(rows, found.diagonal(), strict=True))
    off = np.where(np.eye(len(rows), dtype=bool), -np.inf, found)
    r, c = np.unravel_index(off.argmax(), off.shape)
    return f"{head} On the diagonal: {diagonal}. The largest off it: {off[r, c]:{digits}}, {rows[r]} and {columns[c]}."
