"""Exercises read like an answer key: what is proved stands in `examine`, short enough to be read at once."""

from __future__ import annotations

import inspect
import statistics
import sys

import pytest

from helpers.lessons import lesson_module, lesson_numbers
from helpers.places import repository

EXERCISES = [exercise for lesson in lesson_numbers() for exercise in lesson_module(lesson).EXERCISES]


def _lines(exercise) -> int:
    return len(inspect.getsource(type(exercise).examine).splitlines())


@pytest.mark.parametrize("exercise", EXERCISES, ids=lambda exercise: exercise.number)
def test_the_proof_of_an_exercise_is_read_at_once(exercise):
    assert _lines(exercise) <= 25


def test_most_proofs_are_short():
    assert statistics.median(map(_lines, EXERCISES)) <= 15


@pytest.mark.parametrize("lesson", lesson_numbers())
def test_exercises_and_quiz_are_where_a_stranger_looks(lesson):
    module = lesson_module(lesson)
    # In `exercises`, or, where a lesson has parts, in a module for each, which `exercises` puts together.
    declared_in = {type(exercise).__module__ for exercise in module.EXERCISES}
    assert declared_in == {f"{module.__name__}.exercises"} or all(
        name.rpartition(".")[0] == module.__name__ and vars(module.exercises).keys() & vars(sys.modules[name]).keys()
        for name in declared_in
    )
    assert module.__file__.endswith("__init__.py")


@pytest.mark.parametrize("lesson", lesson_numbers())
def test_nothing_is_left_to_do(lesson):
    """`helpers new` writes a TODO where the author has to write."""
    files = [
        *(repository() / "notebooks").glob(f"{lesson}_*.ipynb"),
        *(repository() / "helpers" / "lessons" / f"lesson_{lesson}").glob("*.py"),
        *(repository() / "tests" / "answers").glob(f"lesson_{lesson}*.py"),
    ]
    assert len(files) >= 5
    left = [
        f"{file.relative_to(repository())}:{number}"
        for file in files
        for number, line in enumerate(file.read_text(encoding="utf-8").splitlines(), 1)
        if "TODO" in line
    ]
    assert not left, f"a TODO is left in {', '.join(left)}"
