"""A new lesson: its notebook with three exercises and a quiz, its answer key, its answers among the tests."""

from __future__ import annotations

import re
from pathlib import Path

import nbformat
from nbformat import NotebookNode

from helpers.authoring.exercises import (
    IMPORTS_OF_ANSWERS,
    Draft,
    answers_file,
    key_file,
    put_before_quiz,
)
from helpers.authoring.files import written
from helpers.authoring.source import tidied
from helpers.authoring.words import TEMPLATES, function_name, one_title, template
from helpers.course.lessons import Lesson, all_lessons
from helpers.course.rewriting import rewrite, text_of
from helpers.errors import CourseError
from helpers.places import repository

# As CONTRIBUTING asks: from "use it" to "write it" to "what happens at the edge".
FIRST_TITLES = {"USE": "TODO first", "WRITE": "TODO second", "EDGE": "TODO third"}


def new_lesson(number: str, title: str) -> tuple[Lesson, list[Path]]:
    """Write a lesson from the templates, with three exercises, and execute it.

    Returns:
        The lesson, and the files that were written.

    Raises:
        CourseError: the number is none or taken, a title that does not do, or the lesson did not run. Nothing is
            written then.
    """
    title = one_title(title)
    _refuse_number(number)
    lesson = Lesson(repository() / "notebooks" / f"{number}_{function_name(title)}.ipynb")
    drafts = [Draft(f"{int(number)}.{n}", name, level) for n, (level, name) in enumerate(FIRST_TITLES.items(), 1)]
    words = {"lesson": number, "title": title, "lower": title[:1].lower() + title[1:]}
    texts = {**_modules(drafts, words), lesson.path: text_of(_notebook(drafts, words, lesson))}
    taken = [path for path in texts if path.exists()]
    if taken:
        raise CourseError(f"{taken[0]} is there already: move it away, or choose another number")
    with written(texts):
        rewrite([lesson], progress=False)
    return lesson, list(texts)


def _refuse_number(number: str) -> None:
    if not re.fullmatch(r"[0-9]{2}", number):
        raise CourseError(f"{number!r} is no lesson's number: give two digits, such as 11")
    taken = [lesson.name for lesson in all_lessons() if lesson.number == number]
    if taken:
        raise CourseError(f"lesson {number} is {taken[0]}: give a number that no lesson has")


def _modules(drafts: list[Draft], words: dict[str, str]) -> dict[Path, str]:
    key, answers = key_file(words["lesson"]), answers_file(words["lesson"])
    sources = {
        key: template(
            "key.txt",
            imports=template("exercise_imports.txt"),
            classes="\n".join(draft.declaration() for draft in drafts),
            names=", ".join(draft.words["classname"] for draft in drafts),
            **words,
        ),
        key.with_name("quiz.py"): template("quiz.txt", **words),
        key.with_name("__init__.py"): template("lesson_module.txt", **words),
        answers: template(
            "answers.txt", imports=IMPORTS_OF_ANSWERS, entries="".join(draft.entry() for draft in drafts), **words
        ),
    }
    return {path: tidied(source, path) for path, source in sources.items()}


def _notebook(drafts: list[Draft], words: dict[str, str], lesson: Lesson) -> NotebookNode:
    """The template's notebook with its words, and the exercises before the quiz."""
    notebook = nbformat.read(TEMPLATES / "lesson.ipynb", as_version=4)
    for cell in notebook.cells:
        for word in ("lesson", "title"):
            cell.source = cell.source.replace(f"${word}", words[word])
    put_before_quiz(notebook, [cell for draft in drafts for cell in draft.cells()], lesson)
    return notebook
