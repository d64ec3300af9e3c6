"""Exercises that check themselves by what the learner's code does.

A lesson module declares each exercise as a small class: its number, title, hints, reference answer, and
`examine`, which tries the learner's answer and calls `require` for each thing that must hold. Everything
else (whether it was attempted, whose exception it was, what is shown and recorded) happens here, once.
"""

from __future__ import annotations

import contextlib
import dis
import inspect
import itertools
import linecache
import os
import random
import sysconfig
import textwrap
import traceback
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import ClassVar

import numpy as np
import torch

import helpers
from helpers.course import panel, progress
from helpers.errors import CourseError


class Outcome(StrEnum):
    """The four things that a check can say."""

    CORRECT = "correct"
    INCORRECT = "incorrect"
    NOT_ATTEMPTED = "not_attempted"
    ERROR = "error"


class Level(StrEnum):
    """What an exercise asks for, from the easiest to the hardest."""

    USE = "use it"
    WRITE = "write it"
    EDGE = "at the edge"


class Incorrect(Exception):
    """The answer ran and is wrong; the message is the reason, written to the learner."""


class NotSolved(Exception):
    """Raised by a strict run (`COURSE_STRICT=1`) for anything but a correct answer."""


def require(condition: object, reason: str) -> None:
    """Go on where `condition` holds; else the answer is incorrect, for this `reason`."""
    if not condition:
        raise Incorrect(reason)


@dataclass(frozen=True)
class Report:
    """What one check found: its outcome and the words for the learner."""

    number: str
    outcome: Outcome
    message: str


class Exercise:
    """One exercise, declared by a subclass in `helpers.lessons`.

    A subclass sets the class attributes below and defines `examine(self, *answers)`. `examine` calls
    `require` and may return a sentence that the learner reads after a right answer. It should take under
    two seconds, and judge behaviour: run the answer, compare what it did.
    """

    number: ClassVar[str]  # "3.2": lesson 03, second exercise
    title: ClassVar[str]
    level: ClassVar[Level]
    minutes: ClassVar[int]
    hints: ClassVar[tuple[str, ...]]
    answer: ClassVar[str]  # Python source: what a learner could have written above the check

    def examine(self, *answers: object) -> str | None:
        raise NotImplementedError(f"exercise {self.number} declares no examine()")

    # What the learner calls -----------------------------------------------------------------------

    def check(self, *answers: object) -> None:
        """Say whether the answer is right, and if not, why."""
        report = self.judge(*answers)
        progress.record(report.number, report.outcome)
        panel.show_report(self, report)
        if os.environ.get("COURSE_STRICT") == "1" and report.outcome is not Outcome.CORRECT:
            raise NotSolved(f"exercise {report.number} is {report.outcome}: {report.message}")

    def hint(self) -> None:
        """Show the next hint; after the last one, start again."""
        given = progress.count_hint(self.number)
        panel.show_hint(self, (given - 1) % len(self.hints))

    def solution(self) -> None:
        """Show the reference answer."""
        panel.show_solution(self)

    # How it is judged -----------------------------------------------------------------------------

    def judge(self, *answers: object) -> Report:
        """The report on these answers; shows and records nothing, and leaves the random state as it was."""
        if any(is_unwritten(answer) for answer in answers):
            return self._report(Outcome.NOT_ATTEMPTED, "Write your answer above the check and run the cell again.")
        try:
            with _own_random_state():
                praise = self.examine(*answers)
        except Incorrect as reason:
            return self._report(Outcome.INCORRECT, str(reason))
        except Exception as error:
            return self._report(Outcome.ERROR, _blame(error, answers))
        return self._report(Outcome.CORRECT, praise or "")

    def _report(self, outcome: Outcome, message: str) -> Report:
        return Report(self.number, outcome, message)

    @property
    def answer_source(self) -> str:
        """The reference answer as a learner would type it."""
        return textwrap.dedent(self.answer).strip()


def is_unwritten(answer: object) -> bool:
    """Whether this is still the stub: `...`, a function whose body is `...`, or a class with such a method."""
    if answer is Ellipsis:
        return True
    if inspect.isclass(answer):
        return any(is_unwritten(member) for member in vars(answer).values() if inspect.isfunction(member))
    if not inspect.isfunction(answer):
        return False
    return _returns_only_none(answer) or _has_a_gap(answer)


def _returns_only_none(function: Callable) -> bool:
    """A body of `...`, `pass` or a docstring compiles to: return None, at once."""
    steps = [step for step in dis.get_instructions(function) if step.opname not in {"RESUME", "NOP"}]
    if len(steps) == 1:
        return steps[0].opname == "RETURN_CONST" and steps[0].argval is None
    return [s.opname for s in steps] == ["LOAD_CONST", "RETURN_VALUE"] and steps[0].argval is None


def _has_a_gap(function: Callable) -> bool:
    """Whether a `name = ...` of the given code is still to be filled in."""
    steps = list(dis.get_instructions(function))
    return any(
        first.opname == "LOAD_CONST" and first.argval is Ellipsis and second.opname.startswith("STORE_FAST")
        for first, second in itertools.pairwise(steps)
    )


@contextlib.contextmanager
def _own_random_state() -> Iterator[None]:
    """Check with seed 0, and give the notebook its own random numbers and grad mode back."""
    python_state, numpy_state, grad = random.getstate(), np.random.get_state(), torch.is_grad_enabled()
    with torch.random.fork_rng(devices=[]):
        random.seed(0)
        np.random.seed(0)
        torch.manual_seed(0)
        torch.set_grad_enabled(True)
        try:
            yield
        finally:
            random.setstate(python_state)
            np.random.set_state(numpy_state)
            torch.set_grad_enabled(grad)


_NOT_THE_LEARNERS = tuple(
    {
        str(Path(folder).resolve())
        for folder in (
            *(sysconfig.get_path(kind) for kind in ("stdlib", "platstdlib", "purelib", "platlib")),
            Path(helpers.__file__).parent,
        )
    }
)


def _is_learners(filename: str) -> bool:
    if filename.startswith("<frozen"):
        return False
    return filename.startswith("<") or not str(Path(filename).resolve()).startswith(_NOT_THE_LEARNERS)


def _blame(error: Exception, answers: tuple[object, ...]) -> str:
    """The learner's own exception, cut to the learner's own lines."""
    said = f"`{type(error).__name__}: {_first_line(error)}`"
    frames = [frame for frame in traceback.extract_tb(error.__traceback__) if _is_learners(frame.filename)]
    if frames:
        lines = [
            f"line {f.lineno}, in `{f.name}`: `{linecache.getline(f.filename, f.lineno).strip() or '?'}`"
            for f in frames
        ]
        return f"Your code stopped with {said}. " + "; then ".join(lines[-3:]) + "."
    called = [answer for answer in answers if inspect.isroutine(answer) or inspect.isclass(answer)]
    if isinstance(error, TypeError) and any(f"{a.__name__}()" in str(error) for a in called):
        return f"The check calls your function as the exercise asks, and Python says {said}."
    return f"The check cannot use what your code gave back: {said}. Compare its type and shape with the task."


def _first_line(error: Exception) -> str:
    return (str(error).strip().splitlines() or ["no message"])[0]


class Exercises:
    """The exercises of one lesson by number, in order."""

    def __init__(self, *declarations: type[Exercise]):
        self._by_number = {declared.number: declared() for declared in declarations}
        if len(self._by_number) != len(declarations):
            raise CourseError("two exercises have the same number: give each its own")

    def __iter__(self) -> Iterator[Exercise]:
        return iter(self._by_number.values())

    def __len__(self) -> int:
        return len(self._by_number)

    def numbers(self) -> list[str]:
        return list(self._by_number)

    def __getitem__(self, number: str) -> Exercise:
        return self._by_number[number]
