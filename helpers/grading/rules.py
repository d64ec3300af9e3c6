"""What a lesson gives to an answer: read from the grader's own copy, and run where an answer is judged."""

from __future__ import annotations

import ast
import inspect
from collections.abc import Iterator

from nbformat import NotebookNode

from helpers.course.answers import exercise_cells
from helpers.course.exercise import Exercise
from helpers.course.lessons import Lesson
from helpers.course.parameters import parameters_cell
from helpers.grading.sources import bound_names


def given_above(lesson: Lesson, number: str | None = None) -> Iterator[tuple[str, str]]:
    """By exercise, the source of all that its answer may use: what parameters, imports and definitions leave, and what
    other cells above import.

    Args:
        number: of the one exercise that is asked for; all where none is.
    """
    notebook = lesson.read()
    for each, cell in exercise_cells(notebook).items():
        if number in (None, each):
            above = notebook.cells[: notebook.cells.index(cell)]
            yield each, "\n\n".join(_given(one, notebook) for one in above if one.cell_type == "code")


def _given(cell: NotebookNode, notebook: NotebookNode) -> str:
    if cell is parameters_cell(notebook) or {"imports", "definitions"} & set(cell.metadata.get("tags", [])):
        return cell.source
    imports = [step for step in ast.parse(cell.source).body if isinstance(step, ast.Import | ast.ImportFrom)]
    return "\n".join(map(ast.unparse, imports))


def known_names(lesson: Lesson) -> dict[str, frozenset[str]]:
    """The names that each exercise's answer may use."""
    return {number: frozenset(bound_names(ast.parse(source))) for number, source in given_above(lesson)}


def wanted_names(exercise: Exercise) -> tuple[str, ...]:
    """The names that the check of an exercise is given, in its order."""
    return tuple(inspect.signature(exercise.examine).parameters)
