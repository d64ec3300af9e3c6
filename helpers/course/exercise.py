"""Exercises that check themselves by what the learner's code does.

A lesson module declares each exercise as a small class: its number, title, hints, reference answer, and
`examine`, which tries the learner's answer and calls `require` for each thing that must hold. Everything
else (whether it was attempted, whose exception it was, what is shown and recorded) happens here, once.
"""

from __future__ import annotations

import inspect
import linecache
import os
import sys
import textwrap
from collections.abc import Iterator
from enum import StrEnum
from typing import ClassVar

from helpers.course import panel, progress
from helpers.course.blame import blame, is_ctrl_c, is_learners, took_too_long
from helpers.course.left_threads import no_thread_left
from helpers.course.output_limit import limited_output
from helpers.course.patched import Foundations, shared_code_as_it_was, why_replaced
from helpers.course.process_state import own_process_state
from helpers.course.stubs import is_unwritten
from helpers.course.time_limit import TimeLimit
from helpers.course.verdicts import Incorrect, Outcome, Report
from helpers.errors import CourseError, name_of, readable

# A check is stopped after so many times the `seconds` that its exercise declares. A slow machine that is busy with
# other things takes several times as long as the one that the seconds were measured on.
PATIENCE = 15
_NOT_ATTEMPTED = "Write your answer above the check and run the cell again."


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
    `seconds`, which are two in general, and judge behaviour: run the answer, compare what it did. After `PATIENCE`
    times as long the answer is stopped.
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

    def judge(self, *answers: object, patience: float | None = None) -> Report:
        """The report on these answers; shows and records nothing, and leaves the kernel as it was.

        It comes within the exercise's time, whatever an answer does: see `TimeLimit` for what is out of reach. Whoever
        watches the time from outside gives a `patience` of his own, in multiples of the exercise's `seconds`.

        Raises:
            CourseError: the check line was changed and gives too many or too few answers.
            KeyboardInterrupt: somebody has pressed Ctrl+C, or interrupted the kernel.
        """
        _require_count(self, answers)
        limit = TimeLimit((patience or PATIENCE) * self.seconds, is_learners)
        with (
            own_process_state(),
            limited_output(),
            shared_code_as_it_was() as replaced,
            no_thread_left(is_learners) as left,
        ):
            report = self._in_time(limit, answers)
        if limit.interrupted:
            raise KeyboardInterrupt
        if report.outcome is Outcome.CORRECT and (replaced or left):
            return self._report(Outcome.INCORRECT, why_replaced(replaced) if replaced else left[0])
        return report

    def _in_time(self, limit: TimeLimit, answers: tuple[object, ...]) -> Report:
        """The report on these answers, or on how they had to be stopped."""
        stopped: BaseException | None = None
        foundations = Foundations()
        try:
            report = limit.call(self._report_on, answers, limit, foundations)
        except BaseException as error:
            stopped = error
        finally:
            foundations.put_back()  # once more: the limit may have stopped the first time
        if limit.expired:
            return self._report(Outcome.ERROR, took_too_long(limit, self._declared_in))
        if stopped is None:
            return report
        if is_ctrl_c(stopped):
            raise stopped
        return self._report(Outcome.ERROR, f"Your code stopped the check with `{name_of(type(stopped))}`.")

    def _report_on(self, answers: tuple[object, ...], limit: TimeLimit, foundations: Foundations) -> Report:
        """Runs within the time limit, and so does all that looks at an answer, or at what it has raised."""
        process = os.getpid()
        try:
            try:
                if any(is_unwritten(answer) for answer in answers):
                    return self._report(Outcome.NOT_ATTEMPTED, _NOT_ATTEMPTED)
                praise = self.examine(*answers)
            finally:
                foundations.put_back()
                if os.getpid() != process:  # an answer has forked, and this is no kernel
                    os._exit(1)
        except Incorrect as reason:
            return self._report(Outcome.INCORRECT, str(reason))
        except BaseException as error:  # an `exit()` in an answer must not end the lesson
            if limit.expired or is_ctrl_c(error):
                raise
            return self._report(Outcome.ERROR, blame(error, answers, self._declared_in))
        if names := foundations.replaced():
            return self._report(Outcome.INCORRECT, why_replaced(names))
        return self._report(Outcome.CORRECT, praise or "")

    @property
    def _declared_in(self) -> str:
        return self.examine.__func__.__code__.co_filename

    def _report(self, outcome: Outcome, message: str) -> Report:
        return Report(self.number, outcome, readable(message))

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
