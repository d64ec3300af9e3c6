"""What `helpers new` writes: names from a title, additions to Python files, and all files or none."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import nbformat
import pytest

from helpers import cli
from helpers.authoring import new_exercise, new_lesson
from helpers.authoring.exercises import Draft, put_before_quiz
from helpers.authoring.files import written
from helpers.authoring.source import with_entry, with_exercise
from helpers.authoring.words import TEMPLATES, class_name, function_name, one_title
from helpers.course.lessons import Lesson
from helpers.errors import CourseError
from helpers.places import repository

PATH = repository() / "helpers" / "lessons" / "lesson_90" / "exercises.py"


def everything() -> dict[Path, float]:
    """The files that a new exercise or lesson would change, with their times."""
    folders = ("notebooks", "helpers/lessons", "tests/answers")
    files = [one for folder in folders for one in (repository() / folder).rglob("*") if one.suffix in (".py", ".ipynb")]
    return {one: one.stat().st_mtime for one in files}


# Words --------------------------------------------------------------------------------------------


def test_names_from_a_title():
    title = one_title("  what doesn't  move, and why ")
    assert title == "what doesn't move, and why"
    assert (class_name(title), function_name(title)) == ("WhatDoesntMoveAndWhy", "what_doesnt_move_and_why")
    assert class_name("LoRA by hand") == "LoRAByHand"


@pytest.mark.parametrize("title", ["", " ", "3 heads", 'say "no"', "a\\b", "heads: four", "ü", "$x", "a" * 51, "#a"])
def test_what_is_no_title(title):
    with pytest.raises(CourseError, match="begin with a letter"):
        one_title(title)


@pytest.mark.parametrize("title", ["sum", "lambda", "Max", "True"])
def test_a_title_that_would_hide_a_word_of_python(title):
    if title.lower() == "true":  # a name is in small letters, and `true` is none of Python's words
        assert function_name(title) == "true"
        return
    with pytest.raises(CourseError, match="say it in two words"):
        function_name(title)


def test_templates_are_shipped_with_the_package():
    """As package data, whatever the way to install."""
    patterns = re.search(r'"\*" = (\[.*\])', (repository() / "pyproject.toml").read_text(encoding="utf-8"))[1]
    assert "templates/*" in ast.literal_eval(patterns)
    assert {one.suffix for one in TEMPLATES.iterdir()} == {".txt", ".ipynb"}


# Python files ---------------------------------------------------------------------------------------


def declared(source: str) -> str:
    draft = Draft("9.2", "what moves")
    imports = "from helpers.course.exercise import Exercise, Exercises, Level\n"
    return with_exercise(source, draft.declaration(), imports, "WhatMoves", PATH)


@pytest.mark.parametrize(
    ("listed", "names"),
    [
        ("One", ["One", "WhatMoves"]),
        ("\n    One,\n    *OTHERS,\n", ["One", "*OTHERS", "WhatMoves"]),
        ("*(name for name in ())", ["*(name for name in ())", "WhatMoves"]),
        ("", ["WhatMoves"]),
    ],
)
def test_an_exercise_comes_last(listed, names):
    source = f'"""Key."""\n\nfrom helpers.course.exercise import Exercises\n\nEXERCISES = Exercises({listed})\n'
    tree = ast.parse(declared(source))
    assert [ast.unparse(one) for one in tree.body[-1].value.args] == names
    (imported,) = [step for step in tree.body if isinstance(step, ast.ImportFrom)]  # joined with what was there
    assert [one.name for one in imported.names] == ["Exercise", "Exercises", "Level"]


@pytest.mark.parametrize(
    ("source", "complaint"),
    [
        ("EXERCISES = None\n", "no EXERCISES that this command can add to"),
        ("", "no EXERCISES"),
        ("class WhatMoves: ...\nEXERCISES = Exercises()\n", "already has WhatMoves"),
        ("TO_TRY_9_2 = 1\nEXERCISES = Exercises()\n", "already has TO_TRY_9_2"),
        ("def f(:\n", "cannot be read"),
    ],
)
def test_a_key_that_cannot_be_added_to(source, complaint):
    with pytest.raises(CourseError, match=complaint):
        declared(source)


@pytest.mark.parametrize(
    "source",
    [
        'from tests.answers import Answers\n\nANSWERS = {\n    "9.1": Answers(right={"ü": "x"}),\n}\n',
        'ANSWERS = {"9.1": "ü"}\n',
        'ONE = {}\nANSWERS = {**ONE, "9.1": 1}\n',
        'ANSWERS = {"9.1": 1}\nAFTER = "ü"\n',
    ],
)
def test_answers_come_at_the_end_of_the_dict(source):
    more = with_entry(source, Draft("9.2", "what moves").entry(), "from tests.answers import Answers, Wrong\n", PATH)
    tree = ast.parse(more)
    (found,) = [step.value for step in tree.body if isinstance(step, ast.Assign) and step.targets[0].id == "ANSWERS"]
    assert [ast.literal_eval(key) for key in found.keys if key][-2:] == ["9.1", "9.2"]
    assert more.count("import Answers, Wrong") == 1
    assert ("ü" in more) == ("ü" in source)


def test_answers_that_are_no_dict():
    with pytest.raises(CourseError, match="no ANSWERS"):
        with_entry("ANSWERS = dict()\n", "", "", PATH)


# The notebook ---------------------------------------------------------------------------------------


def test_an_exercise_goes_before_the_quiz_and_after_what_is_said_there():
    above = nbformat.v4.new_markdown_cell("So much for that.\n\n## Quick quiz", id="quick-quiz")
    notebook = nbformat.v4.new_notebook(cells=[above])
    put_before_quiz(notebook, Draft("9.2", "what moves").cells(), Lesson(Path("90_x.ipynb")))
    sources = [cell.source for cell in notebook.cells]
    assert sources[0] == "So much for that."
    assert sources[1].startswith("### Exercise 9.2: what moves")
    assert sources[2].endswith('exercise("9.2").check(what_moves)')
    assert sources[3:] == ["## Quick quiz"]
    nbformat.validate(notebook)


def test_a_lesson_without_a_quiz():
    with pytest.raises(CourseError, match="no Markdown cell with '## Quick quiz'"):
        put_before_quiz(nbformat.v4.new_notebook(), [], Lesson(Path("90_x.ipynb")))


# Files ------------------------------------------------------------------------------------------------


def test_what_fails_leaves_all_as_it_was(tmp_path):
    old, new = tmp_path / "old.py", tmp_path / "a" / "b" / "new.py"
    old.write_bytes(b"old\r\n")
    with pytest.raises(KeyboardInterrupt), written({old: "x", new: "y"}):
        assert (old.read_text(), new.read_text()) == ("x", "y")
        raise KeyboardInterrupt
    assert old.read_bytes() == b"old\r\n"
    assert list(tmp_path.iterdir()) == [old]


def test_a_file_that_cannot_be_written_leaves_the_others(tmp_path):
    old = tmp_path / "old.py"
    old.write_text("old")
    with pytest.raises(CourseError, match="cannot write"), written({old: "x", old / "beneath a file.py": "y"}):
        pytest.fail("not all files are written")
    assert old.read_text() == "old"


@pytest.mark.parametrize(
    ("ask", "complaint"),
    [
        (lambda: new_exercise("77", "what moves"), "unknown lesson '77'"),
        (lambda: new_exercise("03", "3 heads"), "begin with a letter"),
        (lambda: new_exercise("03", "quiz"), "already uses the name quiz"),
        (lambda: new_lesson("3", "Distill"), "give two digits"),
        (lambda: new_lesson("03", "Distill"), "lesson 03 is 03_freeze_the_backbone"),
        (lambda: new_lesson("11", "a/b"), "begin with a letter"),
    ],
)
def test_what_is_refused_changes_nothing(ask, complaint):
    before = everything()
    with pytest.raises(CourseError, match=complaint):
        ask()
    assert everything() == before


def test_the_command_line_says_it_in_one_line(capsys):
    assert cli.main(["new", "exercise", "77", "what moves"]) == cli.BAD_USAGE
    assert capsys.readouterr().err.startswith("error: unknown lesson '77'")
