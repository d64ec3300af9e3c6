"""CONTRIBUTING's "Add an exercise in ten minutes" and "Add a lesson", walked in a copy of the project.

One run of pytest looks at three states: an exercise whose TODOs are all filled in, a new lesson with one of its
exercises filled in, and two as the template leaves them.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import nbformat
import pytest

from helpers.places import repository

ORDER = ("first", "second", "third")
# As an author would replace the three wrong answers of the template's example: name, code, part of the reason.
MISTAKES = (
    (
        "counts the frozen ones too",
        "return sum(p.numel() for p in model.parameters())",
        "first layer is frozen you say",
    ),
    ("counts tensors", "return sum(p.requires_grad for p in model.parameters())", "first layer is frozen you say"),
    (
        "counts a shared weight twice",
        "named = model.named_parameters(remove_duplicate=False)\n"
        "    return sum(p.numel() for _, p in named if p.requires_grad)",
        "share one weight you say",
    ),
)
CHOSEN = "2.5 or 11.1 or 11.2 or 11.3 or 02_count or 11_distill or [2.5] or [02] or [11]"
TESTS = ("tests/answers/test_answers.py", "tests/notebooks/test_static.py", "tests/unit/test_answer_keys.py")


pytestmark = pytest.mark.torture  # a minute; tests/unit/test_authoring.py has what each command writes


def copy_of_the_project(folder: Path) -> Path:
    left_out = shutil.ignore_patterns(
        ".git", ".venv", "build", "cache", "learner", "downloads", "__pycache__", ".*_cache"
    )
    return Path(shutil.copytree(repository(), folder / "course", ignore=left_out))


def run(course: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    here = {"PYTHONPATH": str(course), "COURSE_HOME": str(course), "COURSE_OUTPUT": str(course.parent / "output")}
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PYTEST_")} | here
    return subprocess.run(
        [sys.executable, "-m", *arguments], cwd=course, env=environment, capture_output=True, text=True, timeout=3000
    )


def new(course: Path, *arguments: str) -> str:
    done = run(course, "helpers", "new", *arguments)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def fill_in(source: str, number: str, function: str) -> str:
    """The answers of one exercise, with its three mistakes in the place of the TODOs."""
    start = source.index(f'"{number}": Answers(')
    entry = source[start:].replace(
        "  # TODO: a right answer in another style; the reference comes along by itself", "", 1
    )
    for nth, (name, code, reason) in zip(ORDER, MISTAKES, strict=True):
        answer = f'"""\ndef {function}(model):\n    {code}\n"""'
        for todo, text in (
            (f'"TODO: the {nth} mistake"', repr(name)),
            (f'"TODO: write the answer with the {nth} mistake"', answer),
            (f'"TODO: the {nth} reason"', repr(reason)),
        ):
            entry = entry.replace(todo, text, 1)
    return source[:start] + entry


def author(course: Path) -> None:
    """Exercise 2.5 as its author leaves it: no TODO in any of its three files."""
    answers = course / "tests" / "answers" / "lesson_02.py"
    answers.write_text(fill_in(answers.read_text(), "2.5", "count_what_moves"))
    for file in (
        course / "helpers" / "lessons" / "lesson_02" / "exercises.py",
        course / "notebooks" / "02_count_parameters.ipynb",
    ):
        file.write_text(file.read_text(encoding="utf-8").replace("TODO: ", ""), encoding="utf-8")
    answers = course / "tests" / "answers" / "lesson_11.py"
    answers.write_text(fill_in(answers.read_text(), "11.1", "todo_first"))


@pytest.fixture(scope="module")
def walked(tmp_path_factory: pytest.TempPathFactory) -> dict[str, object]:
    """What was said and written, and each test's outcome by its name."""
    course = copy_of_the_project(tmp_path_factory.mktemp("authoring"))
    said = new(course, "exercise", "02", "count what moves") + new(course, "lesson", "11", "Distill a network")
    author(course)
    run(course, "ruff", "format", "--quiet", "helpers", "tests")  # as CONTRIBUTING says
    lint = run(course, "ruff", "check", "helpers", "tests", "notebooks")
    tested = run(course, "pytest", "-v", "-p", "no:cacheprovider", "-k", CHOSEN, *TESTS)
    outcomes = dict(re.findall(r"^\S+::(\S.*?) (PASSED|FAILED|ERROR)", tested.stdout, flags=re.MULTILINE))
    assert outcomes, tested.stdout + tested.stderr
    return {"course": course, "said": said, "lint": lint.stdout, "outcomes": outcomes, "told": tested.stdout}


def outcomes(walked: dict, pattern: str) -> set[str]:
    found = {outcome for name, outcome in walked["outcomes"].items() if re.search(pattern, name)}
    assert found, f"no test is called {pattern}"
    return found


def test_it_says_what_it_wrote_and_what_to_do(walked):
    for file in ("exercises.py", "quiz.py", "11_distill_a_network.ipynb", "02_count_parameters.ipynb"):
        assert re.search(rf"^written: \S*{file}$", walked["said"], flags=re.MULTILINE)
    assert "Replace each TODO of exercise 2.5 there" in walked["said"]


def test_what_was_written_is_in_good_form(walked):
    assert "All checks passed" in walked["lint"]


@pytest.mark.parametrize("lesson", ["02_count_parameters", "11_distill_a_network"])
def test_the_notebook_is_as_a_committed_one(walked, lesson):
    assert outcomes(walked, rf"\[{lesson}\]") == {"PASSED"}, walked["told"]


@pytest.mark.parametrize("number", ["2.5", "11.1", "11.2", "11.3"])
def test_the_stub_is_not_attempted_and_the_reference_right(walked, number):
    assert outcomes(walked, rf"test_stub_is_not_attempted\[{number}\]") == {"PASSED"}
    assert outcomes(walked, rf"test_right_answer_is_correct\[{number}-reference\]") == {"PASSED"}


@pytest.mark.parametrize("number", ["2.5", "11.1"])
def test_three_mistakes_that_are_filled_in_get_their_reasons(walked, number):
    for name, _, _ in MISTAKES:
        assert outcomes(walked, rf"test_wrong_answer_gets_its_reason\[{number}-{name}\]") == {"PASSED"}


@pytest.mark.parametrize("number", ["11.2", "11.3"])
def test_what_is_left_to_do_fails_and_says_so(walked, number):
    for nth in ORDER:
        assert outcomes(walked, rf"reason\[{number}-TODO: the {nth} mistake\]") == {"FAILED"}
    assert "TODO: write the answer with the first mistake" in walked["told"]
    assert outcomes(walked, r"test_nothing_is_left_to_do\[11\]") == {"FAILED"}
    assert outcomes(walked, r"test_nothing_is_left_to_do\[02\]") == {"PASSED"}


def test_the_rest_of_the_lesson_keeps_its_outputs(walked):
    name = "02_count_parameters.ipynb"
    before, after = (nbformat.read(root / "notebooks" / name, 4) for root in (repository(), walked["course"]))
    were = {cell.id: cell.outputs for cell in before.cells if cell.cell_type == "code"}
    now = {cell.id: cell.outputs for cell in after.cells if cell.cell_type == "code"}
    counted = {one: [{**output, "execution_count": None} for output in outputs] for one, outputs in were.items()}
    for cell, outputs in counted.items():
        if cell != "recap-code":  # which says how many exercises are solved
            assert outputs == [{**output, "execution_count": None} for output in now[cell]], cell
    assert set(now) - set(were) == {"exercise-2-5"}
    assert "2.5" in str(now["recap-code"])
