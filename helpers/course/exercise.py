"""Exercises that check themselves by what the learner's code does.

A lesson module declares each exercise as a small class: its number, title, hints, reference answer, and
`examine`, which tries the learner's answer and calls `require` for each thing that must hold. Everything
else (whether it was attempted, whose exception it was, what is shown and recorded) happens here, once.
"""

from __future__ import annotations

import dis
import inspect
import linecache
import os
import re
import sys
import sysconfig
import textwrap
import traceback
from collections.abc import Iterator
from enum import StrEnum
from pathlib import Path
from typing import ClassVar

import helpers
from helpers.course import panel, progress
from helpers.course.process_state import classes_as_they_were, own_process_state
from helpers.course.stubs import is_unwritten
from helpers.course.verdicts import Incorrect, Outcome, Report, input_of
from helpers.errors import CourseError, capital, first_line


class Level(StrEnum):
    """What an exercise asks for, from the easiest to the hardest."""

    USE = "use it"
    WRITE = "write it"
    EDGE = "at the edge"


class NotSolved(Exception):
    """Raised by a strict run (`COURSE_STRICT=1`) for anything but a correct answer."""


class Exercise:
    """One exercise, declared by a subclass in `helpers.lessons`.

    A subclass sets the class attributes below and defines `examine(self, *answers)`. `examine` calls
    `require` and may return a sentence that the learner reads after a right answer. It should take under
    `seconds`, which are two in general, and judge behaviour: run the answer, compare what it did.
    """

    number: ClassVar[str]  # "3.2": lesson 03, second exercise
    title: ClassVar[str]
    level: ClassVar[Level]
    minutes: ClassVar[int]
    hints: ClassVar[tuple[str, ...]]
    seconds: ClassVar[float] = 2.0  # what a check may take; more where whole programs run
    answer: ClassVar[str]  # Python source: what a learner could have written above the check

    _found_right: tuple[object, ...] | None = None  # what the latest check was given, where it was correct

    def examine(self, *answers: object) -> str | None:
        raise NotImplementedError(f"exercise {self.number} declares no examine()")

    # What the learner calls -----------------------------------------------------------------------

    def check(self, *answers: object) -> None:
        """Say whether the answer is right, and if not, why."""
        report = self.judge(*answers)
        self._found_right = answers if report.outcome is Outcome.CORRECT else None
        panel.show_report(self, report)  # first, so that a damaged record hides no verdict
        progress.record(report.number, report.outcome)
        if os.environ.get("COURSE_STRICT") == "1" and report.outcome is not Outcome.CORRECT:
            raise NotSolved(f"exercise {report.number} is {report.outcome}: {report.message}")

    def hint(self) -> None:
        """Show the next hint; after the last one say so, and start again."""
        given = progress.count_hint(self.number)
        rounds, index = divmod(given - 1, len(self.hints))
        panel.show_hint(self, index, again=rounds > 0 and index == 0)

    def solution(self) -> None:
        """Show the reference answer."""
        panel.show_solution(self)

    def yours(self) -> object:
        """The answer that the latest check found right; where there is none, the one that `solution` shows.

        With it a lesson goes on: `ask = exercise("0.3").yours()`. Several answers come as a tuple, in the order of
        the check. The course's answer may use all names of the module, or notebook, that calls.
        """
        if self._found_right is not None:
            print(f"From here on: your answer to exercise {self.number}.")
            found = self._found_right
        else:
            print(f"From here on: the course's answer to exercise {self.number}. Solve it, and yours is used.")
            found = self._courses_own(sys._getframe(1).f_globals)
        return found[0] if len(found) == 1 else found

    def _courses_own(self, names: dict[str, object]) -> tuple[object, ...]:
        """The reference answer, run beside these names; no name of the caller is changed."""
        source, place = self.answer_source, f"<the course's answer to {self.number}>"
        linecache.cache[place] = (len(source), None, source.splitlines(keepends=True), place)  # for a traceback
        beside = dict(names)
        exec(compile(source, place, "exec"), beside)
        return tuple(beside[name] for name in inspect.signature(self.examine).parameters)

    # How it is judged -----------------------------------------------------------------------------

    def judge(self, *answers: object) -> Report:
        """The report on these answers; shows and records nothing, and leaves random state and settings alone.

        Raises:
            CourseError: the check line was changed and gives too many or too few answers.
        """
        _require_count(self, answers)
        try:
            if any(is_unwritten(answer) for answer in answers):
                return self._report(Outcome.NOT_ATTEMPTED, "Write your answer above the check and run the cell again.")
            with own_process_state(), classes_as_they_were():
                praise = self.examine(*answers)
        except Incorrect as reason:
            return self._report(Outcome.INCORRECT, str(reason))
        except BaseException as error:  # an `exit()` in an answer must not end the lesson
            if _is_ctrl_c(error):
                raise
            return self._report(Outcome.ERROR, self._blame(error, answers))
        return self._report(Outcome.CORRECT, praise or "")

    def _report(self, outcome: Outcome, message: str) -> Report:
        return Report(self.number, outcome, message)

    def _blame(self, error: BaseException, answers: tuple[object, ...]) -> str:
        """The learner's own exception, cut to the learner's own lines."""
        said = f"`{type(error).__name__}: {first_line(error)}`"
        declared_in = self.examine.__func__.__code__.co_filename
        frames = [
            frame
            for frame in traceback.extract_tb(error.__traceback__)
            if _is_learners(frame.filename) and frame.filename != declared_in
        ]
        if frames:
            lines = [
                f"line {f.lineno}, in `{f.name}`: `{linecache.getline(f.filename, f.lineno).strip() or '?'}`"
                for f in frames
            ]
            here = capital(f"{input_of(error)} your code stopped with {said}.".lstrip())
            return f"{here} " + "; then ".join(lines[-3:]) + "."
        if isinstance(error, TypeError) and any(_names_the_call(answer, str(error)) for answer in answers):
            return f"The check calls your function as the exercise asks, and Python says {said}."
        return f"The check cannot use what your code gave back: {said}. Compare its type and shape with the task."

    @property
    def answer_source(self) -> str:
        """The reference answer as a learner would type it."""
        return textwrap.dedent(self.answer).strip()


def _require_count(exercise: Exercise, answers: tuple[object, ...]) -> None:
    wanted = inspect.signature(exercise.examine)
    try:
        wanted.bind(*answers)
    except TypeError:
        line = f'exercise("{exercise.number}").check({", ".join(wanted.parameters)})'
        raise CourseError(
            f"the check of exercise {exercise.number} got {len(answers)} answers and takes "
            f"{len(wanted.parameters)}: write {line}"
        ) from None


_NOT_THE_LEARNERS = tuple(
    {
        Path(folder).resolve()
        for folder in (
            *(sysconfig.get_path(kind) for kind in ("stdlib", "platstdlib", "purelib", "platlib")),
            Path(helpers.__file__).parent,
        )
    }
)


def _is_learners(filename: str) -> bool:
    if filename.startswith("<frozen"):
        return False
    return filename.startswith("<") or not any(map(Path(filename).resolve().is_relative_to, _NOT_THE_LEARNERS))


def _is_ctrl_c(error: BaseException) -> bool:
    """Whether a signal has stopped the check, and no `raise KeyboardInterrupt` of an answer."""
    innermost = error.__traceback__
    if not isinstance(error, KeyboardInterrupt) or innermost is None:
        return False
    while innermost.tb_next:
        innermost = innermost.tb_next
    return innermost.tb_frame.f_code.co_code[innermost.tb_lasti] != dis.opmap["RAISE_VARARGS"]


def _names_the_call(answer: object, message: str) -> bool:
    """Whether Python's message is of a call with the wrong arguments: "f() takes ...", "A.__init__() missing ..."."""
    if not (inspect.isroutine(answer) or inspect.isclass(answer)):
        return False
    named = answer.__mro__ if inspect.isclass(answer) else (answer,)  # a class may inherit its __init__
    names = "|".join(re.escape(one.__name__) for one in named)
    return re.search(rf"(?<!\w)({names})(\.\w+)?\(\)", message) is not None


class Exercises:
    """The exercises of one lesson by number, in order."""

    def __init__(self, *declarations: type[Exercise]):
        self._by_number = {declared.number: declared() for declared in declarations}
        if len(self._by_number) != len(declarations):
            raise CourseError("two exercises have the same number: give each its own")
        for number, exercise in self._by_number.items():
            if not exercise.hints or isinstance(exercise.hints, str):
                raise CourseError(f"exercise {number} has no hints: give it a tuple of at least one")

    def __iter__(self) -> Iterator[Exercise]:
        return iter(self._by_number.values())

    def __len__(self) -> int:
        return len(self._by_number)

    def numbers(self) -> list[str]:
        return list(self._by_number)

    def __getitem__(self, number: str) -> Exercise:
        return self._by_number[number]
