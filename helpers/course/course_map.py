"""Where a learner stands in the course: a map of its lessons, and one row a learner for a whole class."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from helpers.course import html
from helpers.course.progress_form import exercises_in, local_time
from helpers.errors import CourseError

WHAT_TIME_IS = (
    "First and last are the moments of the first and the last check, hint or quiz answer, by this machine's clock.\n"
    "They are no measure of work: pauses count in between, and reading does not."
)
_HERE = "you are here"
# What `progress` keeps beside a record: no learner's own.
_KEPT_BESIDE = (".kept-", ".before-reset-")


@dataclass(frozen=True)
class Outline:
    """What there is to do in a lesson: the numbers of its exercises, and how many questions its quiz has."""

    number: str
    title: str
    exercises: tuple[str, ...]
    questions: int


@dataclass(frozen=True)
class Standing:
    """How much of a lesson a record shows as done."""

    outline: Outline
    solved: int
    hints: int
    answered: int
    first: str | None
    last: str | None

    @property
    def exercises(self) -> str:
        return f"{self.solved} of {len(self.outline.exercises)}"

    @property
    def quiz(self) -> str:
        return f"{self.answered} of {self.outline.questions}"

    @property
    def bar(self) -> str:
        return "■" * self.solved + "□" * (len(self.outline.exercises) - self.solved)


def standings(course: Sequence[Outline], found: dict) -> list[Standing]:
    """A lesson each; `found` is a record as `progress.load` reads it. What this course has not is passed over."""
    return [_standing(outline, found) for outline in course]


def _standing(outline: Outline, found: dict) -> Standing:
    entries = [entry for number, entry in exercises_in(found).items() if number in outline.exercises]
    names = {f"{outline.number}.{question}" for question in range(1, outline.questions + 1)}
    time = found.get("lessons", {}).get(outline.number, {})
    return Standing(
        outline,
        solved=sum(entry["solved"] for entry in entries),
        hints=sum(entry["hints"] for entry in entries),
        answered=sum(entry["solved"] for name, entry in found.get("quizzes", {}).items() if name in names),
        first=time.get("first"),
        last=time.get("last"),
    )


def in_one_line(lessons: Sequence[Standing]) -> str:
    """Both sums over the whole course."""
    exercises, questions = _sums(lessons)
    return f"The whole course: {exercises} exercises solved, {questions} quiz questions answered right."


def _sums(lessons: Sequence[Standing]) -> tuple[str, str]:
    solved, exercises = sum(one.solved for one in lessons), sum(len(one.outline.exercises) for one in lessons)
    answered, questions = sum(one.answered for one in lessons), sum(one.outline.questions for one in lessons)
    return f"{solved} of {exercises}", f"{answered} of {questions}"


def map_as_text(lessons: Sequence[Standing], here: str) -> str:
    """The map for a terminal or a front end without HTML; `here` is the lesson that shows it."""
    rows = [
        {
            "lesson": one.outline.title,
            "exercises": f"{one.exercises}  {one.bar}",
            "quiz": one.quiz,
            "": _HERE if one.outline.number == here else "",
        }
        for one in lessons
    ]
    return html.text_table(rows, in_one_line(lessons))


def map_as_html(lessons: Sequence[Standing], here: str) -> str:
    """The same as a table; the squares repeat the numbers for the eye, and a screen reader passes them over."""
    head = "".join(f'<th scope="col" style="text-align:left">{name}</th>' for name in ("lesson", "exercises", "quiz"))
    caption = f'<caption style="text-align:left;padding:4px 0">{html.inline(in_one_line(lessons))}</caption>'
    rows = "".join(_map_row(one, one.outline.number == here) for one in lessons)
    return f"<table>{caption}<thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table>"


def _map_row(one: Standing, is_here: bool) -> str:
    title = html.inline(one.outline.title)
    title = f"<strong>{title}</strong> ← {_HERE}" if is_here else title
    bar = f'<span aria-hidden="true" style="color:{html.GREEN};letter-spacing:2px">{one.bar}</span>'
    cells = (title, f"{bar} {one.exercises}", one.quiz)
    row = "".join(f'<td style="text-align:left">{cell}</td>' for cell in cells)
    current = ' aria-current="true"' if is_here else ""
    return f"<tr{current}>{row}</tr>"


def own_table(lessons: Sequence[Standing]) -> str:
    """All that the record holds, a lesson a row, for the command line."""
    rows = [
        {
            "lesson": one.outline.title,
            "exercises": one.exercises,
            "quiz": one.quiz,
            "hints": one.hints,
            "first": _moment(one.first),
            "last": _moment(one.last),
        }
        for one in lessons
    ]
    return f"{html.text_table(rows, in_one_line(lessons))}\n{WHAT_TIME_IS}"


def _moment(moment: str | None) -> str | None:
    return moment and f"{local_time(moment):%Y-%m-%d %H:%M}"


def class_table(learners: Sequence[tuple[str, list[Standing]]]) -> str:
    """One row a learner: both sums, the hints, the first and the last day, and what is solved in each lesson."""
    rows = [{"learner": name, **_learner(lessons)} for name, lessons in learners]
    caption = f"{len(rows)} learner{'s' * (len(rows) != 1)}; under a lesson's number the exercises solved in it"
    return f"{html.text_table(rows, caption)}\n{WHAT_TIME_IS}"


def _learner(lessons: list[Standing]) -> dict[str, object]:
    days = sorted(f"{local_time(moment):%Y-%m-%d}" for one in lessons for moment in (one.first, one.last) if moment)
    exercises, questions = _sums(lessons)
    return {
        "exercises": exercises,
        "quiz": questions,
        "hints": sum(one.hints for one in lessons),
        "first": days[0] if days else None,
        "last": days[-1] if days else None,
        **{one.outline.number: one.solved for one in lessons},
    }


def files_of_a_class(folder: Path) -> list[tuple[str, Path]]:
    """Each learner's name and record: `ada.json` in the folder, or `progress.json` in a folder `ada` of it.

    Raises:
        CourseError: the folder holds none.
    """
    found = [*folder.glob("*.json"), *folder.glob("*/progress.json")]
    files = [path for path in found if not any(mark in path.name for mark in _KEPT_BESIDE)]
    if not files:
        raise CourseError(f"{folder} holds no records: put ada.json into it, or ada/progress.json, for each learner")
    return sorted((path.parent.resolve().name if path.stem == "progress" else path.stem, path) for path in files)
