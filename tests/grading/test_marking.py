"""Whole classes: every mark as it should be, one bad file stops nobody else's, and a killed run goes on."""

from __future__ import annotations

import csv
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import pytest

from helpers import cli
from helpers.course.exercise import PATIENCE, Exercise
from helpers.errors import CourseError
from helpers.grading import child
from helpers.grading.isolation import environment, may_be_hidden
from helpers.grading.judges import Judge
from helpers.grading.limits import Limits
from helpers.grading.marking import grade
from helpers.grading.record import Record
from helpers.grading.report import Mark, Marks, table, write_csv
from helpers.grading.server import believed
from helpers.grading.tasks import TOO_LONG, Task
from helpers.lessons import lesson_module
from helpers.places import repository
from tests.grading.classes import exercise_cell, lesson_content, made, write, write_class

THIRD = "03_freeze_the_backbone.ipynb"
LIMITS = Limits(seconds=30)


def wrongly_marked(marks: Marks, expected: dict[tuple[str, str], tuple[str, ...]]) -> list[tuple]:
    found = {(mark.learner, mark.number): mark for mark in marks.marks}
    assert found.keys() == expected.keys()
    return [(key, found[key].outcome, found[key].reason) for key in found if found[key].outcome not in expected[key]]


def read_rows(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


@pytest.fixture(scope="module")
def small_class(tmp_path_factory):
    """Ten notebooks of every kind, and some that are none."""
    folder = tmp_path_factory.mktemp("small class")
    expected = write_class(folder, ["00", "03"], 10)
    write(folder / "broken" / THIRD, '{"cells": [')
    write(folder / "another course" / "lab1.ipynb", {"cells": [{"cell_type": "code", "source": "x = 1"}]})
    return folder, expected


class TestAClassThatIsKilledAndGoesOn:
    """One run for all: it is killed as some notebooks are marked, and what it has written is gone on from."""

    @pytest.fixture(scope="class")
    @classmethod
    def run(cls, small_class, tmp_path_factory):
        folder, expected = small_class
        record = tmp_path_factory.mktemp("record") / "record.jsonl"
        _kill_after(folder, record, lines=3)
        before = record.read_bytes()
        with record.open("ab") as file:
            file.write(b'{"key": "cut o')  # as a kill in the middle of a line would leave it
        return before, record, grade([folder], record, limits=LIMITS, progress=False), expected

    def test_every_mark_is_as_it_should_be(self, run) -> None:
        _, _, marks, expected = run
        assert wrongly_marked(marks, expected) == []

    def test_what_was_marked_before_the_kill_is_not_marked_again(self, run) -> None:
        before, record, _, _ = run
        assert before.count(b"\n") >= 3
        assert record.read_bytes().startswith(before)
        keys = [json.loads(line)["key"] for line in record.read_bytes().splitlines()]
        assert len(keys) == len(set(keys))

    def test_what_is_no_notebook_is_said_and_stops_nobody(self, run) -> None:
        _, _, marks, _ = run
        told = dict(marks.problems)
        assert "is no notebook" in told["broken"]
        assert "another course" in told["another course"]

    def test_a_third_run_runs_nothing_and_says_the_same(self, run, small_class, monkeypatch) -> None:
        _, record, marks, _ = run
        monkeypatch.setattr(Judge, "judge", lambda *_: pytest.fail("it ran again"))
        assert table(grade([small_class[0]], record, limits=LIMITS, progress=False)) == table(marks)

    def test_table_and_csv_agree(self, run, tmp_path) -> None:
        _, _, marks, expected = run
        scores, reasons = write_csv(marks, tmp_path / "marks.csv")
        rows = {row["student_id"]: row for row in read_rows(scores)}
        right = next(learner for learner, _ in expected if learner.endswith("right"))
        own = [number for learner, number in expected if learner == right]
        assert (rows[right]["score"], rows[right]["max_score"]) == (str(len(own)), str(len(marks.numbers)))
        assert [rows[right][number] for number in own] == ["1"] * len(own)
        assert rows["broken"]["score"] == "0"
        long = read_rows(reasons)
        assert len(long) == len(marks.marks) + len(marks.problems)
        assert any(row["outcome"] == "incorrect" and len(row["reason"]) > 10 for row in long)
        assert f"{len(own)}/{len(marks.numbers)}" in table(marks)


def _kill_after(folder: Path, record: Path, lines: int) -> None:
    """Run the command and kill it, by force, once so many notebooks are marked."""
    command = [sys.executable, "-m", "helpers", "grade", str(folder), "--record", str(record), "--timeout", "30"]
    with subprocess.Popen(command, cwd=repository(), stdout=subprocess.DEVNULL, stderr=subprocess.PIPE) as process:
        until = time.monotonic() + 1200
        while not record.exists() or record.read_bytes().count(b"\n") < lines:
            assert process.poll() is None, process.stderr.read().decode()
            assert time.monotonic() < until
            time.sleep(0.05)
        process.send_signal(signal.SIGKILL)


@pytest.mark.torture
def test_a_class_of_a_hundred(tmp_path) -> None:
    """As long as it takes: two jobs, killed by half, and every mark as it should be."""
    folder, record = tmp_path / "class", tmp_path / "record.jsonl"
    expected = write_class(folder, ["00", "02", "03", "05", "08", "09"], 100)
    started = time.perf_counter()
    _kill_after(folder, record, lines=50)
    marks = grade([folder], record, jobs=2, limits=LIMITS, progress=False)
    print(f"{(time.perf_counter() - started) / 100:.1f} s a notebook")
    assert len(marks.learners) == 100
    assert wrongly_marked(marks, expected) == []


class TestOneNotebook:
    """Cells of a learner's own, and the way without a fork, in one run each."""

    def test_helpers_of_other_cells_and_missing_names(self, tmp_path) -> None:
        content = lesson_content("03")
        check = '\n\n\nexercise("3.2").check(freeze_for_real)'
        first = content["cells"].index(exercise_cell(content, "3.2"))
        helper = {"cell_type": "code", "metadata": {}, "outputs": [], "source": _HELPER}
        exercise_cell(content, "3.2")["source"] = "def freeze_for_real(model):\n    return stopped(model)" + check
        exercise_cell(content, "3.6")["source"] = "kept = my_backbone\n"
        content["cells"].insert(first, helper)
        write(tmp_path / f"ada_{THIRD}", content)
        marks = grade([tmp_path / f"ada_{THIRD}"], tmp_path / "record.jsonl", limits=LIMITS, progress=False)
        found = {mark.number: mark for mark in marks.marks}
        assert {mark.learner for mark in marks.marks} == {"ada"}
        assert found["3.2"].outcome == "correct", found["3.2"].reason
        assert found["3.6"].outcome == "error"
        assert "my_backbone" in found["3.6"].reason and "cells that you added" in found["3.6"].reason

    @pytest.mark.torture
    def test_a_python_of_its_own_for_each_answer_says_the_same(self) -> None:
        right = made("00", "right").content
        source = exercise_cell(right, "0.1")["source"].partition("\n\n\nexercise(")[0]
        with Judge(LIMITS, [], fresh=True, isolated=False) as judge:
            assert judge.judge(Task("00", "0.1", "", source)).outcome == "correct"
            assert judge.judge(Task("00", "0.1", "", "import os\nos._exit(3)")).reason.startswith(
                "The process ended (exit"
            )


_HELPER = """
def stopped(model):
    for parameter in model.parameters():
        parameter.requires_grad_(False)
    return in_eval(model)


def in_eval(model):
    return model.eval()
"""


@pytest.mark.parametrize(
    ("said", "status", "outcome"),
    [
        (b'{"nonce": "n", "outcome": "correct", "reason": ""}\n', 0, "correct"),
        (b'{"nonce": "m", "outcome": "correct", "reason": ""}\n', 0, "refused"),
        (b'{"nonce": "n", "outcome": "correct", "reason": ""}\nx\n', 0, "refused"),
        (b'{"nonce": "n", "outcome": "correct", "reason": ""}\n' * 2, 0, "refused"),
        (b'{"told": "starts a thread"}\n{"nonce": "n", "outcome": "correct", "reason": ""}\n', 0, "refused"),
        (b'{"nonce": "n", "outcome": "correct", "reason": ""}\n', 256, "ended"),
        (b"[" * 100_000 + b"\n", 0, "refused"),
        (b"7\n", 0, "refused"),
        (b"", 0, "ended"),
        (b"", 9, "ended"),
    ],
)
def test_what_a_process_says_is_believed_only_with_its_number(said, status, outcome) -> None:
    assert believed(said, status, "n")[0] == outcome


def test_a_record_is_used_by_one_run_and_only_if_it_is_one(tmp_path) -> None:
    path = tmp_path / "record.jsonl"
    with Record(path).open() as kept:
        kept.add("a", {"marks": []})
        with pytest.raises(CourseError, match="in use by another run"), Record(path).open():
            pytest.fail("two runs at once")
    path.write_text("name,score\n")
    with pytest.raises(CourseError, match="no record of marks"), Record(path).open():
        pytest.fail("a CSV was taken for a record")


def test_marks_outlive_a_new_run_of_the_lessons_and_no_change_of_them(tmp_path, monkeypatch) -> None:
    content = lesson_content("00")
    write(tmp_path / "ada_00.ipynb", {**content, "cells": content["cells"][:1]})  # all is missing: nothing is to run
    (lesson,) = (repository() / "notebooks").glob("00_*.ipynb")
    own = tmp_path / "home" / "notebooks" / lesson.name
    monkeypatch.setenv("COURSE_HOME", str(tmp_path / "home"))

    def lines_with(lesson: dict) -> int:
        """How many the record has once the class is marked by this lesson."""
        write(own, lesson)
        marks = grade([tmp_path / "ada_00.ipynb"], tmp_path / "record.jsonl", progress=False)
        assert {mark.outcome for mark in marks.marks} == {"missing"}
        return (tmp_path / "record.jsonl").read_bytes().count(b"\n")

    assert lines_with(content) == 1
    executed = [cell for cell in content["cells"] if cell["cell_type"] == "code"]
    assert any(cell["outputs"] for cell in executed)
    for cell in executed:
        cell.update(outputs=[], execution_count=7)
    assert lines_with(content) == 1
    executed[-1]["source"] = "changed = True"
    assert lines_with(content) == 2
    executed[-1]["metadata"] = {"tags": ["definitions"]}
    assert lines_with(content) == 3


def pausing(seconds: float) -> str:
    """A right answer to exercise 0.1 that takes so long at its first call."""
    return (
        f"import time\n\npauses = [{seconds}]\n\n\ndef top_class(logits, categories):\n"
        "    time.sleep(pauses.pop() if pauses else 0)\n    return categories[logits.argmax()]\n"
    )


def test_where_answers_are_marked_the_checks_own_time_limit_is_off(monkeypatch) -> None:
    monkeypatch.setattr("helpers.course.exercise.PATIENCE", 0.05)  # times two seconds
    names: dict[str, object] = {}
    exec(pausing(0.5), names)
    asked, task = lesson_module("00").EXERCISES["0.1"], Task("00", "0.1", "", "")
    assert "seconds" in (told := asked.judge(names["top_class"])).message and told.outcome == "error", "the control"
    exec(pausing(0.5), names)
    assert child._judged(asked, task, names)[0] == "correct"


@pytest.mark.torture
def test_an_answer_has_the_graders_time_and_no_less_and_no_more() -> None:
    """More than the limit of a check in a notebook; what never ends is ended by the grader's, and said by it."""
    in_a_notebook = PATIENCE * Exercise.seconds
    with Judge(Limits(seconds=1.5 * in_a_notebook), []) as judge:
        late = judge.judge(Task("00", "0.1", "", pausing(in_a_notebook + 2)))
        assert late.outcome == "correct" and late.seconds > in_a_notebook, late
        never = judge.judge(Task("00", "0.1", "", pausing(1e6)))
    assert (never.outcome, never.reason) == (
        TOO_LONG,
        f"It waited for more than {1.5 * in_a_notebook:g} s without an end.",
    )


def test_only_what_the_grader_can_do_without_is_hidden(tmp_path) -> None:
    needed = [Path("/"), repository(), Path(sys.prefix).parent, Path(tempfile.gettempdir())]
    assert may_be_hidden([tmp_path, *needed]) == [str(tmp_path.resolve())]


def test_a_run_that_was_stopped_gives_nobody_a_mark() -> None:
    with Judge(LIMITS, []) as judge:
        pass
    with pytest.raises(CourseError, match="was stopped"):
        judge.judge(Task("00", "0.1", "", "top_class = 1"))


def mark(learner: str, number: str, outcome: str, **fields: object) -> Mark:
    given = {"notebook": "n.ipynb", "lesson": "03", "reason": "", "hints": 0, "notes": "", "seconds": 1.0, **fields}
    return Mark(learner=learner, number=number, outcome=outcome, **given)


def test_who_hands_in_twice_gets_the_better_mark_of_each() -> None:
    marks = Marks([mark("ada", "3.1", "incorrect"), mark("ada", "3.1", "correct"), mark("ada", "3.1", "error")])
    assert marks.best("ada")["3.1"].outcome == "correct"


def test_a_csv_holds_no_formula_and_no_line_break(tmp_path) -> None:
    marks = Marks([mark("=cmd()", "3.1", "error", reason="two\nlines")], numbers=["3.1"])
    scores, reasons = write_csv(marks, tmp_path / "marks.csv")
    assert read_rows(scores)[0]["student_id"] == "'=cmd()"
    assert read_rows(reasons)[0]["reason"] == "two lines"


def test_the_table_names_what_a_person_should_look_at() -> None:
    marks = Marks(
        [mark("ada", "3.1", "refused", reason="Your code starts a thread."), mark("ada", "3.2", "correct")],
        problems=[("bob", "x.ipynb is no notebook")],
        numbers=["3.1", "3.2"],
    )
    told = table(marks).splitlines()
    assert told[2].split() == ["ada", "1/2", "?", "✓"]
    assert told[3].split() == ["bob", "0/2"]
    assert "bob: x.ipynb is no notebook" in told
    assert "ada, 3.1: refused. Your code starts a thread." in told


def test_the_command_refuses_what_is_not_there(tmp_path, capsys) -> None:
    assert cli.main(["grade", str(tmp_path), "--record", str(tmp_path / "record")]) == cli.BAD_USAGE
    told = capsys.readouterr().err
    assert told.startswith("error: no notebook (.ipynb)") and told.count("\n") == 1


@pytest.mark.skipif(os.name != "posix", reason="grade asks for Linux or macOS")
def test_the_environment_of_answers_holds_nothing_of_the_instructor(tmp_path, monkeypatch) -> None:
    monkeypatch.setenv("GITHUB_TOKEN", "secret")
    monkeypatch.setenv("COURSE_OUTPUT", "/the/instructors")
    found = environment(tmp_path)
    assert "GITHUB_TOKEN" not in found and "COURSE_OUTPUT" not in found
    assert found["HOME"] == str(tmp_path)
