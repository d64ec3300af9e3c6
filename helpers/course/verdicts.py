"""What a check says: its outcome, its report, and how an examination turns an answer down."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol


class Outcome(StrEnum):
    """The four things that a check can say."""

    CORRECT = "correct"
    INCORRECT = "incorrect"
    NOT_ATTEMPTED = "not_attempted"
    ERROR = "error"


class Incorrect(Exception):
    """The answer ran and is wrong; the message is the reason, written to the learner."""


def require(condition: object, reason: str) -> None:
    """Go on where `condition` holds; else the answer is incorrect, for this `reason`.

    Raises:
        Incorrect: with the reason.
    """
    if not condition:
        raise Incorrect(reason)


class _TriedOn(str):
    """The note on an exception that says on which input of a check it was raised."""


@contextmanager
def tried_on(opening: str) -> Iterator[None]:
    """An exception within the block is shown with the input that caused it, where it comes out of an answer.

    Args:
        opening: names the input, to begin a sentence with, its mark included: "For one image,".
    """
    try:
        yield
    except Incorrect:
        raise
    except Exception as error:
        BaseException.add_note(error, _TriedOn(opening))
        raise


def input_of(error: BaseException) -> str:
    """The `opening` of the block of `tried_on` in which this was raised, the innermost; empty where there was none."""
    notes = getattr(error, "__notes__", ())
    return next((note for note in notes if type(note) is _TriedOn), "") if type(notes) is list else ""


@dataclass(frozen=True)
class Report:
    """What one check found: its outcome and the words for the learner."""

    number: str
    outcome: Outcome
    message: str


class Task(Protocol):
    """What is shown of an exercise beside a report on it."""

    number: str
    title: str
    level: str
    minutes: int
    hints: tuple[str, ...]

    @property
    def answer_source(self) -> str:
        """The reference answer as a learner would type it."""
