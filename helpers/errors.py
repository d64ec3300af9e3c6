"""The one exception that a learner is meant to read."""

from __future__ import annotations

import difflib
import unicodedata
from collections.abc import Iterable


class CourseError(Exception):
    """Bad input, told in one line: what is wrong, and what to do about it.

    A notebook shows that line alone, without a traceback: IPython asks an exception for
    `_render_traceback_` before it renders one itself.
    """

    def _render_traceback_(self) -> list[str]:
        return [f"{type(self).__name__}: {self}"]


def first_line(error: BaseException) -> str:
    """What an exception says, up to the first line break; its type where it says nothing, or cannot."""
    try:
        said = str(error)
    except Exception:  # its own `__str__` fails
        said = ""
    return (said.strip().splitlines() or [name_of(type(error))])[0]


def name_of(kind: type) -> str:
    """The name of a class, also where its metaclass has a `__name__` of its own, which may say anything.

    >>> name_of(KeyError)
    'KeyError'
    """
    return type.__dict__["__name__"].__get__(kind)


def one_line(text: object) -> str:
    """The text with every run of white space as one space: a name or a `repr` may hold a line break."""
    return " ".join(str(text).split())


def readable(text: str, most: int = 4000) -> str:
    """`text` as any screen and any file takes it: at most so long, control characters and halves of others as numbers.

    >>> readable("caf\\ud800", most=8), readable("a long text", most=8)
    ('caf\\\\ud800', 'a lon...')
    """
    shown = "".join(
        one if one in "\n\t" or unicodedata.category(one) not in ("Cc", "Cs") else ascii(one)[1:-1]
        for one in str.__str__(text)[: most + 1]
    )
    return shown if len(shown) <= most else f"{shown[: most - 3]}..."


def capital(text: str) -> str:
    """`text` with a capital letter in front, to begin a sentence with it; the rest stays as it is.

    >>> capital("validation accuracy by epoch.")
    'Validation accuracy by epoch.'
    """
    return text[:1].upper() + text[1:]


def first_few(items: Iterable[object], most: int = 4, between: str = ", ") -> str:
    """The first items, and how many more there are. Items that hold commas need something else `between` them.

    >>> first_few("abcdef", most=2)
    'a, b and 4 more'
    >>> first_few(["cat, 0.9", "dog, 0.8"], between="; ")
    'cat, 0.9; dog, 0.8'
    """
    names = [str(item) for item in items]
    more = f" and {len(names) - most} more" if len(names) > most else ""
    return between.join(names[:most]) + more


def unknown_name(kind: str, name: object, known: Iterable[str]) -> CourseError:
    """The error for a name that nobody knows: the nearest names first, or all where few.

    >>> str(unknown_name("backbone", "resnet5", ["resnet50", "vit_b_16"]))
    "unknown backbone 'resnet5': did you mean resnet50? Known: resnet50, vit_b_16."
    """
    names = sorted(known)
    by_lower = {known_name.lower(): known_name for known_name in names}
    near = [by_lower[found] for found in difflib.get_close_matches(str(name).lower(), by_lower, n=3, cutoff=0.5)]
    guess = f" did you mean {' or '.join(near)}?" if near else ""
    listed = f" Known: {', '.join(names)}." if len(names) <= 30 else ""
    return CourseError(f"unknown {kind} {name!r}:{guess or ' no name is near it.'}{listed}")
