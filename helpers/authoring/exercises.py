"""A new exercise: its cells in the notebook, its class in the answer key, its answers among the tests."""

from __future__ import annotations

import re
import tempfile
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import nbformat
from nbformat import NotebookNode

from helpers.authoring.files import written
from helpers.authoring.source import with_entry, with_exercise
from helpers.authoring.words import class_name, function_name, one_title, template
from helpers.course.answers import exercise_cells
from helpers.course.lessons import Lesson, find_lessons
from helpers.course.parameters import parameters_cell
from helpers.course.rewriting import normalised, text_of
from helpers.course.running import checks_in, run_lessons
from helpers.course.verdicts import Outcome
from helpers.errors import CourseError
from helpers.places import atomic_write_text, repository

QUIZ = "## Quick quiz"
ASKS = {"USE": "Use it", "WRITE": "Write it", "EDGE": "What happens at the edge"}
IMPORTS_OF_ANSWERS = "from tests.answers import Answers, Wrong\n"


@dataclass(frozen=True)
class Draft:
    """An exercise that is not written yet, with the texts that its three files get."""

    number: str  # "3.7"
    title: str
    level: str = "WRITE"  # a member of `Level`, by its name

    @property
    def words(self) -> dict[str, str]:
        """What the templates ask for."""
        return {
            "number": self.number,
            "tag": self.number.replace(".", "_"),
            "title": self.title,
            "level": self.level,
            "asks": ASKS[self.level],
            "classname": class_name(self.title),
            "function": function_name(self.title),
        }

    def declaration(self) -> str:
        """The class, for the answer key."""
        return template("exercise.txt", **self.words)

    def entry(self) -> str:
        """Its answers, for the tests."""
        return template("answers_entry.txt", **self.words)

    def cells(self) -> list[NotebookNode]:
        """The task and the stub, for the notebook."""
        name = f"exercise-{self.number.replace('.', '-')}"
        task = nbformat.v4.new_markdown_cell(template("exercise_task.txt", **self.words).strip(), id=f"{name}-task")
        stub = nbformat.v4.new_code_cell(template("exercise_stub.txt", **self.words).strip(), id=name)
        stub.metadata.update({"exercise": self.number, "tags": ["exercise", "nbval-check-output"]})
        return [task, stub]


def key_file(lesson: str) -> Path:
    """Where the answer key of lesson "03" is."""
    return repository() / "helpers" / "lessons" / f"lesson_{lesson}" / "exercises.py"


def answers_file(lesson: str) -> Path:
    """Where the tests keep right and wrong answers to lesson "03"."""
    return repository() / "tests" / "answers" / f"lesson_{lesson}.py"


def new_exercise(lesson: str, title: str) -> tuple[Draft, list[Path]]:
    """Write an exercise from the template into a lesson, before its quiz, and run its cell.

    The exercise works: its stub is not attempted, its reference is right. What it asks for is an example, and each
    TODO is the author's to replace. Its three wrong answers fail the tests until they are.

    Returns:
        The exercise, and the files that were changed.

    Raises:
        CourseError: no such lesson, a title that does not do, or files that cannot be added to. Nothing is written.
    """
    (found,) = find_lessons([lesson])
    notebook = found.read()
    draft = Draft(_next_number(found, notebook), one_title(title))
    _refuse_name_in_use(notebook, draft)
    key, answers = key_file(found.number), answers_file(found.number)
    imports = template("exercise_imports.txt")
    declared = with_exercise(_read(key), draft.declaration(), imports, draft.words["classname"], key)
    judged = with_entry(_read(answers), draft.entry(), IMPORTS_OF_ANSWERS, answers)
    put_before_quiz(notebook, draft.cells(), found)
    with written({key: declared, answers: judged, found.path: text_of(notebook)}):
        _run_alone(notebook, found, draft.number)
        atomic_write_text(found.path, text_of(normalised(notebook), found.name))
    return draft, [found.path, key, answers]


def put_before_quiz(notebook: NotebookNode, cells: Iterable[NotebookNode], lesson: Lesson) -> None:
    """Insert the cells where the quiz begins. What its Markdown cell says before the heading stays above them.

    Raises:
        CourseError: no quiz.
    """
    markdown = [(place, cell) for place, cell in enumerate(notebook.cells) if cell.cell_type == "markdown"]
    quiz = [(place, cell) for place, cell in markdown if QUIZ in cell.source.splitlines()]
    if not quiz:
        raise CourseError(f"{lesson.name} has no Markdown cell with {QUIZ!r}: add it, since exercises go before it")
    place, cell = quiz[0]
    before, _, after = cell.source.partition(QUIZ)
    above = [nbformat.v4.new_markdown_cell(before.strip(), id=f"{cell.id}-above"[-64:])] if before.strip() else []
    cell.source = QUIZ + after
    notebook.cells[place:place] = [*above, *cells]


def _next_number(lesson: Lesson, notebook: NotebookNode) -> str:
    last = max((int(number.partition(".")[2]) for number in exercise_cells(notebook)), default=0)
    return f"{int(lesson.number)}.{last + 1}"


def _refuse_name_in_use(notebook: NotebookNode, draft: Draft) -> None:
    """A stub that hides a name of the lesson would break the cells beneath it."""
    name = draft.words["function"]
    code = "\n".join(cell.source for cell in notebook.cells if cell.cell_type == "code")
    if re.search(rf"\b{name}\b", code):
        raise CourseError(f"the lesson already uses the name {name}: choose another title than {draft.title!r}")


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except OSError as error:
        raise CourseError(f"cannot read {path} ({error.strerror}): is the lesson complete?") from None


def _run_alone(notebook: NotebookNode, lesson: Lesson, number: str) -> None:
    """Run the new exercise, and what shows progress, after the parameters and imports; put in what they show.

    The rest of the lesson takes a minute, and keeps the outputs that it has.

    Raises:
        CourseError: it did not run, or its check said something else than "not attempted".
    """
    new = exercise_cells(notebook)[number]
    shows = [cell for cell in notebook.cells if cell.source.startswith("progress(")]
    chosen = [parameters_cell(notebook), *_set_up(notebook), new, *shows]
    with tempfile.TemporaryDirectory(prefix="course-exercise-") as folder:
        path = Path(folder) / lesson.path.name
        nbformat.write(nbformat.v4.new_notebook(cells=chosen), path)
        (result,) = run_lessons([Lesson(path)], Path(folder) / "out", progress=False).results
        ran = nbformat.read(result.notebook, as_version=4)
    said = checks_in(ran).get(number, {}).get("outcome")
    if result.status != "ok" or said != Outcome.NOT_ATTEMPTED:
        raise CourseError(f"exercise {number} did not run ({result.error or said}): mend the lesson first")
    outputs = {cell.id: cell.outputs for cell in ran.cells if cell.cell_type == "code"}
    for cell in (new, *shows):
        cell.outputs = outputs[cell.id]


def _set_up(notebook: NotebookNode) -> list[NotebookNode]:
    tags = {"imports", "definitions"}
    return [cell for cell in notebook.cells if tags & set(cell.metadata.get("tags", []))]
