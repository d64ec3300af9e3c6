"""Answers put into a lesson's exercise cells, as a learner would type them."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING

from nbformat import NotebookNode

from helpers.errors import CourseError, unknown_name

if TYPE_CHECKING:  # loading it loads PyTorch
    from helpers.course.exercise import Exercise


def reference_answers(exercises: Iterable[Exercise]) -> dict[str, str]:
    """The reference answer of each exercise, by its number."""
    return {exercise.number: exercise.answer_source for exercise in exercises}


def exercise_cells(notebook: NotebookNode) -> dict[str, NotebookNode]:
    """The code cells tagged `exercise`, by the number in their metadata, in the notebook's order.

    Raises:
        CourseError: a cell without a number, or two with the same one.
    """
    found: dict[str, NotebookNode] = {}
    for cell in notebook.cells:
        if cell.cell_type != "code" or "exercise" not in cell.metadata.get("tags", []):
            continue
        number = cell.metadata.get("exercise")
        if not isinstance(number, str):
            raise CourseError(f"cell {cell.get('id', '?')} is tagged exercise: put its number in metadata.exercise")
        if number in found:
            raise CourseError(f"two cells are exercise {number}: give each its own metadata.exercise")
        found[number] = cell
    return found


def divided(cell: NotebookNode) -> tuple[str, str]:
    """An exercise cell's source in two: what an answer replaces, and the check with all that follows.

    Raises:
        CourseError: no line starts with `exercise("N").check(`, N being the cell's number.
    """
    number = cell.metadata["exercise"]
    check = re.search(rf'^exercise\("{re.escape(number)}"\)\.check\(', cell.source, flags=re.MULTILINE)
    if check is None:
        raise CourseError(f'exercise cell {number} has no line that starts with exercise("{number}").check(: add it')
    return cell.source[: check.start()], cell.source[check.start() :]


def inject(notebook: NotebookNode, answers: Mapping[str, str]) -> None:
    """Replace what stands above the check of each answered exercise, in place.

    Raises:
        CourseError: a number that no exercise cell has; the notebook is then as it was.
    """
    cells = exercise_cells(notebook)
    for number in answers:
        if number not in cells:
            raise unknown_name("exercise", number, cells)
    sources = {number: f"{answer.strip()}\n\n\n{divided(cells[number])[1]}" for number, answer in answers.items()}
    for number, source in sources.items():
        cells[number].source = source
