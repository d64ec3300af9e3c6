"""What the grader shows and writes: a table, a CSV with one row a learner, and one with a row for each exercise."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

from helpers.course.verdicts import Outcome
from helpers.errors import CourseError, one_line
from helpers.grading.tasks import MISSING, TO_LOOK_AT
from helpers.places import atomic_write_text

_SIGNS = {Outcome.CORRECT: "✓", Outcome.INCORRECT: "✗", Outcome.NOT_ATTEMPTED: "…", Outcome.ERROR: "!", MISSING: "-"}
_LEGEND = "✓ correct   ✗ incorrect   … not attempted   ! error   - missing   ? look at it   (empty) not handed in"


@dataclass(frozen=True)
class Mark:
    """One exercise of one learner."""

    learner: str
    notebook: str
    lesson: str
    number: str
    outcome: str
    reason: str
    hints: int
    notes: str
    seconds: float

    @property
    def score(self) -> int:
        return int(self.outcome == Outcome.CORRECT)


@dataclass(frozen=True)
class Marks:
    """A class: all marks, the files that could not be marked, and the exercises that count."""

    marks: list[Mark]
    problems: list[tuple[str, str]] = field(default_factory=list)  # learner, and one line on the file
    numbers: list[str] = field(default_factory=list)
    remarks: list[tuple[str, str]] = field(default_factory=list)  # learner, and one line on the notebook

    @property
    def learners(self) -> list[str]:
        return sorted({mark.learner for mark in self.marks} | {learner for learner, _ in self.problems})

    def best(self, learner: str) -> dict[str, Mark]:
        """By exercise. Who handed in a lesson twice is given the better mark of each exercise."""
        found: dict[str, Mark] = {}
        for mark in self.marks:
            if mark.learner == learner and (mark.number not in found or mark.score > found[mark.number].score):
                found[mark.number] = mark
        return found


def table(marks: Marks) -> str:
    """One row a learner, one column an exercise, and beneath it what a person should look at."""
    width = max([len("learner"), *(len(learner) for learner in marks.learners)])
    head = f"{'learner':{width}}  {'score':>7}  " + " ".join(f"{number:>5}" for number in marks.numbers)
    rows = [_row(marks, learner, width) for learner in marks.learners]
    told = [f"{learner}: {line}" for learner, line in [*marks.problems, *marks.remarks]]
    looks = [
        f"{mark.learner}, {mark.number}: {mark.outcome}. {one_line(mark.reason or mark.notes)[:160]}"
        for mark in marks.marks
        if mark.outcome in TO_LOOK_AT
    ]
    return "\n".join([head, "-" * len(head), *rows, _LEGEND, *told, *looks])


def _row(marks: Marks, learner: str, width: int) -> str:
    best = marks.best(learner)
    signs = [_SIGNS.get(best[n].outcome, "?") if n in best else "" for n in marks.numbers]
    score = f"{sum(mark.score for mark in best.values())}/{len(marks.numbers)}"
    return f"{learner:{width}}  {score:>7}  " + " ".join(f"{sign:>5}" for sign in signs)


def write_csv(marks: Marks, path: Path) -> list[Path]:
    """Write `path`, one row a learner, and `NAME.reasons.csv` beside it, one row an exercise; both names.

    The first has `student_id`, `score` and `max_score` as nbgrader's export has, then one column an exercise: 1, 0, or
    empty where the lesson was not handed in.

    Raises:
        CourseError: one of them cannot be written.
    """
    reasons = path.with_name(f"{path.stem}.reasons.csv")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        atomic_write_text(path, _text(["student_id", "score", "max_score", *marks.numbers], _scores(marks)))
        atomic_write_text(reasons, _text(_LONG, _long(marks)))
    except OSError as error:
        raise CourseError(f"cannot write {path} ({error.strerror}): name another place") from None
    return [path, reasons]


_LONG = [
    "student_id", "notebook", "lesson", "exercise", "outcome", "score", "reason", "hints", "notes", "seconds",
]  # fmt: skip


def _scores(marks: Marks) -> Iterable[list[object]]:
    for learner in marks.learners:
        best = marks.best(learner)
        score = sum(mark.score for mark in best.values())
        single = [best[number].score if number in best else "" for number in marks.numbers]
        yield [learner, score, len(marks.numbers), *single]


def _long(marks: Marks) -> Iterable[list[object]]:
    for m in marks.marks:
        yield [
            m.learner, m.notebook, m.lesson, m.number, m.outcome, m.score, m.reason, m.hints, m.notes, m.seconds,
        ]  # fmt: skip
    for learner, line in marks.problems:
        yield [learner, "", "", "", "unreadable", 0, line, 0, "", ""]


def _text(head: list[str], rows: Iterable[list[object]]) -> str:
    file = io.StringIO()
    writer = csv.writer(file, lineterminator="\n")
    writer.writerow(head)
    writer.writerows([_cell(value) for value in row] for row in rows)
    return file.getvalue()


def _cell(value: object) -> object:
    """Text that a spreadsheet would take for a formula gets a mark before it, so that it stays text."""
    if not isinstance(value, str):
        return value
    text = one_line(value)
    return f"'{text}" if text.startswith(("=", "+", "-", "@")) else text
