"""The parameters of lessons: what each notebook's parameters cell sets, and values for it from a command line."""

from __future__ import annotations

import ast
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from nbformat import NotebookNode

from helpers.course.lessons import Lesson
from helpers.errors import CourseError, unknown_name

_NOT_A_LITERAL = object()

_KINDS = {bool: "True or False", int: "a whole number", float: "a number", str: "a text"}


def parameters_cell(notebook: NotebookNode) -> NotebookNode | None:
    """The first code cell tagged `parameters`, which is the one that papermill overrides."""
    for cell in notebook.cells:
        if cell.cell_type == "code" and "parameters" in cell.metadata.get("tags", []):
            return cell
    return None


def default_parameters(notebook: NotebookNode, name: str = "notebook") -> dict[str, Any]:
    """Name and default of every parameter; no cell, no parameters.

    `papermill.inspect_notebook` gives the same names with their defaults as text; the values are needed here.

    Raises:
        CourseError: the cell does more than set names to literals.
    """
    cell = parameters_cell(notebook)
    found: dict[str, Any] = {}
    for statement in ast.parse(cell.source).body if cell is not None else []:
        target = statement.targets[0] if isinstance(statement, ast.Assign) else getattr(statement, "target", None)
        value = _literal(getattr(statement, "value", None))
        if not isinstance(target, ast.Name) or value is _NOT_A_LITERAL:
            raise CourseError(
                f"the parameters cell of {name} does more than NAME = literal: derive values in the next cell"
            )
        found[target.id] = value
    return found


def _literal(node: ast.expr | str | None) -> Any:
    try:
        return ast.literal_eval(node) if node is not None else _NOT_A_LITERAL
    except (ValueError, SyntaxError, TypeError, MemoryError, RecursionError):
        return _NOT_A_LITERAL


def parameters_for(lessons: list[Lesson], given: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """The parameters that each lesson gets, by the lesson's name.

    A lesson gets those that its parameters cell sets. Text (a command line gives nothing else) is read as
    the literal that the default's type asks for, and kept as text where the default is text.

    Raises:
        CourseError: a parameter that none of the lessons has, or a value of another type than the default.
    """
    defaults = {lesson.name: default_parameters(lesson.read(), lesson.name) for lesson in lessons}
    known = {name for names in defaults.values() for name in names}
    for name in given:
        if name not in known:
            raise unknown_name("parameter", name, known)
    return {
        lesson: {name: _fitting(name, value, names[name], lesson) for name, value in given.items() if name in names}
        for lesson, names in defaults.items()
    }


def _fitting(name: str, value: Any, default: Any, lesson: str) -> Any:
    parsed = _literal(value) if isinstance(value, str) else value
    if isinstance(default, str) and isinstance(value, str):
        text = parsed if isinstance(parsed, str) else value
        return _dataset(text) if name == "DATASET" else text
    if parsed is _NOT_A_LITERAL:
        parsed = value
    if isinstance(default, float) and type(parsed) is int:
        return float(parsed)
    if default is None or parsed is None or type(parsed) is type(default):
        return parsed
    kind = _KINDS.get(type(default), f"a {type(default).__name__}")
    raise CourseError(f"{name} is {kind} in {lesson} (default {default!r}), not {value!r}: give {name} {kind}")


def _dataset(text: str) -> str:
    """Names of datasets stay; a folder is taken from where the command was typed, not from the notebooks folder."""
    from helpers.data.datasets import known_name

    folder = Path(text).expanduser()
    looks_like_a_path = folder.exists() or len(folder.parts) > 1
    return str(folder.resolve()) if known_name(text) is None and looks_like_a_path else text
