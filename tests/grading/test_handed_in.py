"""What of a handed-in notebook counts, whatever has become of its cells."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from helpers.course.answers import exercise_cells
from helpers.course.lessons import find_lessons
from helpers.errors import CourseError
from helpers.grading.handed_in import (
    MOST_MB,
    Answer,
    find_notebooks,
    hints_recorded,
    learner_in,
    load_originals,
    read_bytes,
    submission,
)
from tests.grading.classes import changed, exercise_cell, lesson_content, write

THIRD = "03_freeze_the_backbone.ipynb"
ANSWER = 'def freeze_for_real(model):\n    return 1\n\n\nexercise("3.2").check(freeze_for_real)'


@pytest.fixture(scope="module")
def originals():
    return load_originals(["03"])


@pytest.fixture
def content() -> dict:
    return lesson_content("03")


def answers(content: object, originals: dict) -> dict[str, Answer]:
    text = content if isinstance(content, bytes) else json.dumps(content).encode()
    return {answer.number: answer for answer in submission(text, "handed_in.ipynb", originals).answers}


def test_the_lesson_as_it_ships_is_whole(content, originals) -> None:
    found = answers(content, originals)
    cells = exercise_cells(find_lessons(["03"])[0].read())
    assert {n: answer.source for n, answer in found.items()} == {n: cell.source for n, cell in cells.items()}
    assert not [answer for answer in found.values() if answer.notes or answer.hints or answer.outcome]


def test_a_source_may_be_a_list_of_lines(content, originals) -> None:
    found = answers(changed(content, "3.2", source=ANSWER.splitlines(keepends=True)), originals)
    assert found["3.2"].source == ANSWER


def test_a_missing_cell_is_said(content, originals) -> None:
    content["cells"].remove(exercise_cell(content, "3.2"))
    found = answers(content, originals)
    assert (found["3.2"].source, found["3.2"].outcome) == (None, "missing")
    assert found["3.1"].source is not None


def test_a_cell_without_metadata_is_found_by_its_check(content, originals) -> None:
    found = answers(changed(content, "3.2", metadata={}, source=ANSWER), originals)["3.2"]
    assert found.source == ANSWER
    assert "lost its number" in found.notes[0]


def test_a_renumbered_cell_is_found_by_its_check_and_said(content, originals) -> None:
    changed_one = changed(content, "3.2", exercise="3.9", source=ANSWER)
    found = answers(changed_one, originals)["3.2"]
    assert found.source == ANSWER
    assert "has the number 3.9" in found.notes[0]
    read = submission(json.dumps(changed_one).encode(), "x.ipynb", originals)
    assert any("is exercise 3.9, which lesson 03 does not have" in note for note in read.notes)


def test_a_cell_that_takes_anothers_number_changes_nothing(content, originals) -> None:
    found = answers(changed(content, "3.2", exercise="3.1", source=ANSWER), originals)
    assert found["3.1"].source == "".join(exercise_cell(content, "3.1")["source"])
    assert found["3.2"].source == ANSWER


def test_a_check_that_was_deleted_is_said_and_the_answer_counts(content, originals) -> None:
    found = answers(changed(content, "3.2", source="def freeze_for_real(model):\n    return 1"), originals)["3.2"]
    assert found.source.startswith("def freeze_for_real")
    assert found.notes == ("its check line is gone",)


def test_copies_of_a_cell_count_once(content, originals) -> None:
    content["cells"].append(exercise_cell(content, "3.2"))
    found = answers(content, originals)["3.2"]
    assert found.source is not None
    assert "are the same" in found.notes[0]


def test_two_answers_to_one_exercise_are_no_answer(content, originals) -> None:
    content["cells"].append(exercise_cell(changed(content, "3.2", source=ANSWER), "3.2"))
    found = answers(content, originals)["3.2"]
    assert (found.source, found.outcome) == (None, "duplicated")
    assert "differ" in found.notes[0]


def statement_of(content: dict, number: str) -> dict:
    return content["cells"][content["cells"].index(exercise_cell(content, number)) - 1]


def test_another_statement_is_said(content, originals) -> None:
    statement_of(content, "3.2")["source"] = "### Exercise 3.2: freeze everything\n\nAs it was a year ago."
    assert any("older version" in note for note in answers(content, originals)["3.2"].notes)
    content["cells"].remove(statement_of(content, "3.2"))
    assert "the statement is missing" in answers(content, originals)["3.2"].notes


def test_hints_are_counted_from_what_was_shown(content, originals) -> None:
    shown = [
        {"output_type": "stream", "name": "stdout", "text": f"Hint {n} of 3 for exercise 3.2: …\n"} for n in (1, 2)
    ]
    found = answers(changed(content, "3.2", outputs=shown), originals)
    assert (found["3.2"].hints, found["3.1"].hints) == (2, 0)


def test_hints_are_read_from_the_learners_record(tmp_path) -> None:
    entry = {"attempts": 3, "hints": 2, "latest": "correct", "solved": True}
    write(tmp_path / "data" / "learner" / "progress.json", {"3.2": entry, "3.3": {"hints": "many"}, "3.4": 7})
    assert hints_recorded(tmp_path, ["3.1", "3.2", "3.3", "3.4"]) == {"3.2": 2}
    write(tmp_path / "progress.json", "[" * 100_000)
    assert hints_recorded(tmp_path, ["3.2"]) == {}


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (b"", "is no notebook"),
        (b"{", "is no notebook"),
        (b"\xff\xfe\x00", "is no notebook"),
        (b"[]", "is no notebook (it has no list of cells)"),
        (b'{"worksheets": []}', "is no notebook (it has no list of cells)"),
        (b'{"cells": [7]}', "is no notebook (cell 1 is none)"),
        (b'{"cells": []}', "another course"),
        (b'{"cells": ' + b"[" * 100_000, "is no notebook"),
        (b'{"cells": [{"cell_type": "code", "source": "print(1)", "metadata": null}]}', "another course"),
        (json.dumps({"cells": [{"cell_type": "code", "source": "x" * 300_000}]}).encode(), "letters"),
    ],
)
def test_what_is_no_notebook_of_this_course_is_one_line(content, told, originals) -> None:
    with pytest.raises(CourseError) as caught:
        submission(content, "handed_in.ipynb", originals)
    assert told in str(caught.value)
    assert "\n" not in str(caught.value)


def test_links_and_huge_files_are_not_read(tmp_path, monkeypatch) -> None:
    (tmp_path / "link.ipynb").symlink_to("/etc/hostname")
    with pytest.raises(CourseError, match="is a link"):
        read_bytes(tmp_path / "link.ipynb")
    with (tmp_path / "huge.ipynb").open("wb") as file:
        file.truncate(MOST_MB * 1_000_000 + 2)
    with pytest.raises(CourseError, match=f"more than {MOST_MB} MB"):
        read_bytes(tmp_path / "huge.ipynb")


@pytest.mark.parametrize(
    ("name", "learner"),
    [
        (f"ada_{THIRD}", "ada"),
        (f"Ada Lovelace - {THIRD}", "Ada Lovelace"),
        ("smithjohn_LATE_123_456_03_freeze_the_backbone-1.ipynb", "smithjohn_LATE_123_456"),
        (THIRD, "class"),
        ("homework.ipynb", "homework"),
    ],
)
def test_whose_a_notebook_is(tmp_path, name, learner) -> None:
    assert learner_in(tmp_path / "class" / name) == learner


def test_folders_are_learners(tmp_path) -> None:
    for path in (
        "ada/03.ipynb",
        "ada/.ipynb_checkpoints/03.ipynb",
        "bob/deep/03.ipynb",
        f"eve_{THIRD}",
        ".git/x.ipynb",
    ):
        write(tmp_path / path, {})
    # a whole checkout of the course
    for path in (f"fay/notebooks/{THIRD}", "fay/docs/glossary.ipynb", "fay/tests/fixture.ipynb"):
        write(tmp_path / path, {})
    found = [(one.learner, one.path.relative_to(tmp_path).as_posix()) for one in find_notebooks([tmp_path])]
    assert found == [
        ("ada", "ada/03.ipynb"),
        ("bob", "bob/deep/03.ipynb"),
        ("eve", f"eve_{THIRD}"),
        ("fay", f"fay/notebooks/{THIRD}"),
    ]


def test_a_file_that_is_named_twice_counts_once(tmp_path) -> None:
    path = write(tmp_path / f"ada_{THIRD}", {})
    assert len(find_notebooks([path, tmp_path])) == 1


def test_nothing_to_mark_is_said(tmp_path) -> None:
    with pytest.raises(CourseError, match="no notebook"):
        find_notebooks([tmp_path])
    with pytest.raises(CourseError, match="there is no"):
        find_notebooks([Path(tmp_path / "nobody")])
