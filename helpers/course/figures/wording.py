"""Numbers taken from what a lesson has at hand, and told in words."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from helpers.errors import CourseError, first_few

Limits = tuple[float | None, float | None]  # of an axis; None for what matplotlib takes

MOST_TOLD = 12  # of more items only the ends and the ranges are told


def as_numbers(values: Any, what: str) -> np.ndarray:
    """Values as float64: numbers, tensors on any device, arrays, or lists of them.

    Raises:
        CourseError: none there, NaN or infinity among them, or no numbers at all.
    """
    try:
        found = np.asarray(_off_the_device(values), dtype=np.float64)
    except (TypeError, ValueError):
        raise CourseError(f"{what} cannot be drawn: give numbers, in rows of equal length") from None
    if found.size == 0:
        raise CourseError(f"{what} has nothing to draw: give at least one number")
    if not np.isfinite(found).all():
        raise CourseError(f"{what} holds NaN or infinity: leave those out, or look for what caused them")
    return found


def as_number(value: Any, what: str) -> float:
    """One number, as `as_numbers`.

    Raises:
        CourseError: more than one, none, NaN or infinity.
    """
    found = as_numbers(value, what)
    if found.size != 1:
        raise CourseError(f"{what} holds {found.size} numbers: give one")
    return float(found.item())


def _off_the_device(values: Any) -> Any:
    if hasattr(values, "detach"):
        return values.detach().cpu().numpy()
    return [_off_the_device(one) for one in values] if isinstance(values, list | tuple) else values


def require_some(items: Any, what: str) -> None:
    """
    Raises:
        CourseError: there is nothing in `items`.
    """
    if len(items) == 0:
        raise CourseError(f"there is nothing to draw: give at least one of {what}")


def require_known(names: Iterable[object], known: Iterable[object], what: str) -> None:
    """
    Raises:
        CourseError: a name that is not drawn.
    """
    strange = [name for name in names if name not in set(known)]
    if strange:
        raise CourseError(f"{what} has {first_few(strange)}, which is not drawn: take names from the data")


def number(value: float) -> str:
    """Three digits that count.

    >>> [number(value) for value in (0.91349, 1e-5, 25557032, 3.0, 0)]
    ['0.913', '1e-05', '25,557,032', '3', '0']
    """
    if abs(value) >= 1000:
        return f"{value:,.0f}"
    return f"{value:.3g}"


def span(values: Sequence[float] | np.ndarray) -> str:
    """
    >>> span([3, 1, 2])
    '1 to 3'
    """
    return f"{number(np.min(values))} to {number(np.max(values))}"


def lines_joined(text: str) -> str:
    """A title of several lines in one.

    >>> lines_joined("is daisy\\nsays tulip 0.6")
    'is daisy, says tulip 0.6'
    """
    return ", ".join(part.strip() for part in text.splitlines() if part.strip())


def axis_in_words(label: str, log: bool) -> str:
    """The label of an axis, and whether equal steps on it are factors."""
    return f"{lines_joined(label)} (logarithmic)" if log else lines_joined(label)
