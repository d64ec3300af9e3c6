"""What a check says: its outcome, its report, and how an examination turns an answer down."""

from __future__ import annotations

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
