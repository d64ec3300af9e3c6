"""The answer keys: one folder a lesson, with its exercises and its quiz.

A notebook takes `exercise` and `quiz` from here and needs nothing else of it.
"""

from __future__ import annotations

import importlib
import os
import pkgutil
from pathlib import Path
from types import ModuleType

from IPython import get_ipython

from helpers.cell_order import load_ipython_extension
from helpers.course.certificate import write_certificate
from helpers.course.course_map import Outline, map_as_html, map_as_text, standings
from helpers.course.display import show as _show
from helpers.course.exercise import Exercise
from helpers.course.html import BLUE, box, inline
from helpers.course.lessons import title
from helpers.course.progress import load, progress_file, summary
from helpers.course.quiz import Quiz
from helpers.errors import unknown_name
from helpers.places import output_dir

if (_shell := get_ipython()) is not None:
    load_ipython_extension(_shell)


def exercise(number: str) -> Exercise:
    """Exercise `number`, such as "3.2": `.check(...)` it, ask a `.hint()`, read the `.solution()`, use `.yours()`."""
    module = lesson_module(str(number).partition(".")[0])
    if number not in module.EXERCISES.numbers():
        raise unknown_name("exercise", number, module.EXERCISES.numbers())
    return module.EXERCISES[number]


class LessonQuiz:
    """A lesson's quiz; shows itself where it ends a cell, and takes `.answer(question, letter)`."""

    def __init__(self, quiz: Quiz):
        self.answer = quiz.answer
        self.show = quiz.show

    def _ipython_display_(self) -> None:
        self.show()


def quiz(number: str) -> LessonQuiz:
    """The quiz of lesson `number`, such as "03"."""
    return LessonQuiz(lesson_module(number).QUIZ)


def progress(number: str) -> None:
    """Show how many exercises of lesson `number` are solved, and where that is in the whole course."""
    line = summary(lesson_module(number).EXERCISES.numbers())
    lessons, here = standings(course_outline(), load(progress_file())), str(number).zfill(2)
    text = f"{line}\n\n{map_as_text(lessons, here)}"
    _show(text, box(BLUE, f"{inline(line)}{map_as_html(lessons, here)}", "Your progress"))


def course_outline() -> list[Outline]:
    """Every lesson, with what there is to do in it."""
    return [_outline(number) for number in lesson_numbers()]


def _outline(number: str) -> Outline:
    module = lesson_module(number)
    return Outline(number, title(number), tuple(module.EXERCISES.numbers()), len(module.QUIZ.questions))


def certificate(out: str | os.PathLike[str] | None = None, *, name: str = "") -> Path:
    """Write what you have done as a page to keep, and tell where it is: by default among what you made.

    Raises:
        CourseError: another file is there, it cannot be written, or a record is damaged.
    """
    path = Path(out).expanduser().absolute() if out else output_dir() / "certificate.html"
    told = write_certificate(path, {n: lesson_module(n).EXERCISES for n in lesson_numbers()}, name=name)
    where = str(path) if out else f"{path.name}, beside your scoreboard (data/learner, where you have not moved it)"
    print(f"{told}: {where}")
    return path


def lesson_numbers() -> list[str]:
    """The lessons that have exercises: "00", "01" and so on."""
    names = (module.name for module in pkgutil.iter_modules(__path__))
    return sorted(name.removeprefix("lesson_") for name in names if name.startswith("lesson_"))


def lesson_module(number: str) -> ModuleType:
    """The module of one lesson."""
    two_digits = str(number).zfill(2)
    if two_digits not in lesson_numbers():
        raise unknown_name("lesson", number, lesson_numbers())
    return importlib.import_module(f"helpers.lessons.lesson_{two_digits}")
