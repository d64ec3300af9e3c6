"""Every checker against right answers, wrong answers and its own stub."""

from __future__ import annotations

import ast
import functools
import linecache
import random
import time
from pathlib import Path

import numpy as np
import pytest
import torch
from nbformat import NotebookNode

from helpers.course.answers import divided, exercise_cells
from helpers.course.lessons import find_lessons
from helpers.course.parameters import parameters_cell
from helpers.course.verdicts import Outcome, Report
from helpers.lessons import lesson_module, lesson_numbers
from tests.answers import Wrong, answers_of

# What a learner should wait is declared by the exercise, in general two seconds; noise of a busy machine must not fail
# the test.
NOISE = 2.0

# Whole programs, each of which takes seconds, are judged in `test_programs` and not here again; their stub is.
PROGRAMS = {"10.1"}

LESSONS = lesson_numbers()
EXERCISES = [(lesson, number) for lesson in LESSONS for number in lesson_module(lesson).EXERCISES.numbers()]
RIGHT = [
    pytest.param(lesson, number, source, id=f"{number}-{style}")
    for lesson, number in EXERCISES
    if number not in PROGRAMS
    for style, source in {
        "reference": lesson_module(lesson).EXERCISES[number].answer_source,
        **(answers_of(lesson)[number].right if number in answers_of(lesson) else {}),
    }.items()
]
WRONG = [
    pytest.param(lesson, number, wrong, id=f"{number}-{mistake}")
    for lesson, number in EXERCISES
    if number in answers_of(lesson) and number not in PROGRAMS
    for mistake, wrong in answers_of(lesson)[number].wrong.items()
]


@functools.cache
def _names_above(lesson: str, number: str) -> dict[str, object]:
    """All that an answer may use: what parameters, imports and definitions leave, and what other cells above import."""
    notebook = find_lessons([lesson])[0].read()
    above = notebook.cells[: notebook.cells.index(exercise_cells(notebook)[number])]
    names: dict[str, object] = {"__name__": "__main__"}
    for cell in above:
        whole = cell is parameters_cell(notebook) or {"imports", "definitions"} & set(cell.metadata.get("tags", []))
        source = cell.source if whole else _imports_of(cell)
        exec(compile(source, f"<{lesson} {cell.id}>", "exec"), names)
    return names


def _imports_of(cell: NotebookNode) -> str:
    """What a cell imports, such as the course's own after the exercise that asks for it."""
    if cell.cell_type != "code":
        return ""
    found = [step for step in ast.parse(cell.source).body if isinstance(step, ast.Import | ast.ImportFrom)]
    return "\n".join(map(ast.unparse, found))


@functools.cache
def _cell(lesson: str, number: str) -> tuple[str, str]:
    return divided(exercise_cells(find_lessons([lesson])[0].read())[number])


def _judged(lesson: str, number: str, answer: str) -> Report:
    """The report on `answer`, by the check as the lesson writes it."""
    names = dict(_names_above(lesson, number))
    linecache.cache["<answer>"] = (len(answer), None, answer.splitlines(keepends=True), "<answer>")
    exec(compile(answer, "<answer>", "exec"), names)
    check = _cell(lesson, number)[1].replace(".check(", ".judge(", 1)
    return eval(compile(check.strip(), f"<check {number}>", "eval"), names)


def _random_state() -> tuple:
    return random.getstate(), np.random.get_state()[1].tolist(), torch.get_rng_state().tolist()


@pytest.fixture(scope="module", autouse=True)
def _one_thread():
    """The workers share the cores: small networks on more threads than cores wait for each other, up to ten times."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@pytest.fixture(autouse=True)
def _in_the_notebooks_folder(monkeypatch):
    monkeypatch.chdir(Path(find_lessons()[0].path).parent)


@pytest.fixture
def judge(capfd, record_property):
    """Judge an answer, and hold the check to its manners: quick, quiet, and nobody's random numbers touched."""

    def judged(lesson: str, number: str, answer: str) -> Report:
        _names_above(lesson, number)
        capfd.readouterr()
        torch.manual_seed(3)
        before = _random_state()
        started = time.perf_counter()
        report = _judged(lesson, number, answer)
        seconds = time.perf_counter() - started
        record_property("judge_seconds", seconds)
        assert _random_state() == before, "the check changed the learner's random state"
        assert torch.is_grad_enabled(), "the check left gradients off"
        assert torch.get_default_dtype() == torch.float32, "the check left another default dtype"
        assert capfd.readouterr().err == "", "the check wrote to stderr"
        most = NOISE * lesson_module(lesson).EXERCISES[number].seconds
        assert seconds < most, f"the check took {seconds:.1f} s"
        return report

    return judged


def test_there_are_lessons():
    assert LESSONS, "helpers/lessons holds no lesson"


@pytest.mark.parametrize("lesson", LESSONS)
def test_lesson_has_three_exercises_and_their_answers(lesson):
    numbers = lesson_module(lesson).EXERCISES.numbers()
    assert len(numbers) >= 3
    assert sorted(answers_of(lesson)) == sorted(numbers)
    assert all(number.startswith(f"{int(lesson)}.") for number in numbers)


@pytest.mark.parametrize(("lesson", "number"), EXERCISES, ids=[number for _, number in EXERCISES])
def test_exercise_has_three_named_wrong_answers(lesson, number):
    wrong = answers_of(lesson)[number].wrong
    assert len(wrong) >= 3
    assert all(len(one.reason) >= 3 for one in wrong.values()), "a reason must say something"
    assert len({one.code for one in wrong.values()}) == len(wrong)


@pytest.mark.parametrize(("lesson", "number"), EXERCISES, ids=[number for _, number in EXERCISES])
def test_stub_is_not_attempted(judge, lesson, number):
    assert judge(lesson, number, _cell(lesson, number)[0]).outcome is Outcome.NOT_ATTEMPTED


@pytest.mark.parametrize(("lesson", "number", "source"), RIGHT)
def test_right_answer_is_correct(judge, lesson, number, source):
    report = judge(lesson, number, source)
    assert report.outcome is Outcome.CORRECT, report.message


@pytest.mark.parametrize(("lesson", "number", "wrong"), WRONG)
def test_wrong_answer_gets_its_reason(judge, lesson, number, wrong: Wrong):
    report = judge(lesson, number, wrong.code)
    assert report.outcome == wrong.outcome, f"{wrong.outcome} was expected, and the check says: {report}"
    assert wrong.reason in report.message, f"its reason lacks {wrong.reason!r}: {report.message}"
