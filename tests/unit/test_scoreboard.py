"""The scoreboard: rows are replaced, kept in order, and never lost to another writer."""

from __future__ import annotations

import dataclasses
import json
import os
import subprocess
import sys

import numpy as np
import pytest
import torch

from helpers.course import scoreboard
from helpers.course.scoreboard import Row
from helpers.errors import CourseError

ROW = Row("03", "frozen backbone", "digits", "efficientnet_lite0", 0.9, 0.01, 100, 6_405, 3.25, "cpu, 2 threads")


def test_row_is_written_with_the_columns_that_others_rely_on(course_output):
    scoreboard.add(ROW)
    (row,) = json.loads((course_output / "scoreboard.json").read_text())
    assert row == dataclasses.asdict(ROW)
    assert " ".join(row) == (
        "lesson strategy dataset backbone accuracy accuracy_sd test_images trainable_parameters seconds device "
        "per_class seeds"
    )


def test_a_row_of_an_earlier_course_is_read_and_kept(course_output):
    """It says neither how many images a class nor how many seeds."""
    old = {name: value for name, value in dataclasses.asdict(ROW).items() if name not in ("per_class", "seeds")}
    (course_output / "scoreboard.json").write_text(json.dumps([old]))
    assert scoreboard.read() == [ROW]
    scoreboard.add(dataclasses.replace(ROW, per_class=50, seeds=3))
    assert [(row.per_class, row.seeds) for row in scoreboard.read()] == [(None, None), (50, 3)]


def test_more_images_a_class_are_another_row(course_output):
    for per_class, accuracy in ((50, 0.9), (20, 0.7), (50, 0.95)):
        scoreboard.add(dataclasses.replace(ROW, per_class=per_class, seeds=3, accuracy=accuracy))
    assert [(row.per_class, row.accuracy) for row in scoreboard.read()] == [(20, 0.7), (50, 0.95)]


def test_same_strategy_replaces_and_others_stay_in_order(course_output):
    for row in (
        ROW,
        dataclasses.replace(ROW, lesson="01"),
        dataclasses.replace(ROW, accuracy=0.95),
        dataclasses.replace(ROW, dataset="flowers"),
    ):
        scoreboard.add(row)
    assert [(row.lesson, row.dataset, row.accuracy) for row in scoreboard.read()] == [
        ("01", "digits", 0.9),
        ("03", "digits", 0.95),
        ("03", "flowers", 0.9),
    ]


def test_numbers_of_numpy_and_torch_become_pythons(course_output):
    scoreboard.add(
        dataclasses.replace(
            ROW, accuracy=np.float32(0.5), accuracy_sd=torch.tensor(0.25), test_images=np.int64(7), seconds=2
        )
    )
    (row,) = scoreboard.read()
    assert (row.accuracy, row.accuracy_sd, row.test_images, row.seconds) == (0.5, 0.25, 7, 2.0)


@pytest.mark.parametrize(
    "change",
    [
        {"accuracy": 93.0},
        {"accuracy": -0.1},
        {"accuracy": float("nan")},
        {"accuracy": "0.9"},
        {"accuracy": None},
        {"accuracy": torch.zeros(2)},
        {"accuracy_sd": float("nan")},
        {"seconds": float("inf")},
        {"seconds": -1},
        {"test_images": None},
        {"trainable_parameters": float("inf")},
        {"per_class": -5},
        {"per_class": 0},
        {"seeds": 0},
        {"seeds": "3"},
    ],
)
def test_number_that_no_row_can_have(change):
    with pytest.raises(CourseError, match=next(iter(change))) as told:
        dataclasses.replace(ROW, **change)
    assert "\n" not in str(told.value)


def test_a_single_run_has_no_spread():
    with pytest.raises(CourseError, match="one run has no spread"):
        dataclasses.replace(ROW, seeds=1)
    assert dataclasses.replace(ROW, seeds=1, accuracy_sd=None).seeds == 1


@pytest.mark.parametrize("rows", [[5], [{"lesson": "03"}], [{**dataclasses.asdict(ROW), "new": 1}]])
def test_rows_of_another_kind_are_told_and_kept(course_output, rows, capsys):
    path = course_output / "scoreboard.json"
    path.write_text(json.dumps(rows))
    for use in (scoreboard.read, scoreboard.show):
        with pytest.raises(CourseError, match="move it away"):
            use()
    assert json.loads(path.read_text()) == rows
    scoreboard.add(ROW)
    assert "it is kept as scoreboard.kept-1.json, and a new one begins" in capsys.readouterr().out
    assert json.loads((course_output / "scoreboard.kept-1.json").read_text()) == rows and scoreboard.read() == [ROW]


def test_shown_as_text(course_output, capsys):
    scoreboard.show()
    assert "nothing yet" in capsys.readouterr().out
    scoreboard.add(ROW)
    scoreboard.add(dataclasses.replace(ROW, dataset="flowers", accuracy_sd=None))
    scoreboard.show("digits")
    shown = capsys.readouterr().out
    assert "0.900 ± 0.010" in shown and "6,405" in shown and "flowers" not in shown and "seeds" not in shown
    scoreboard.add(dataclasses.replace(ROW, per_class=50, seeds=3))
    scoreboard.show()
    shown = capsys.readouterr().out
    assert "images a class" in shown and "50" in shown and "0.900 ± 0.010 (3 seeds)" in shown


WRITER = """
import sys
from helpers.course import scoreboard
from helpers.course.scoreboard import Row
for i in range(15):
    scoreboard.add(Row("03", f"{sys.argv[1]}-{i}", "digits", "b", 0.5, None, 1, 1, 1.0, "cpu"))
"""


def test_writers_in_several_processes_lose_no_row(course_output):
    environment = {**os.environ, "COURSE_OUTPUT": str(course_output)}
    writers = [subprocess.Popen([sys.executable, "-c", WRITER, str(one)], env=environment) for one in range(4)]
    assert [writer.wait(timeout=120) for writer in writers] == [0] * 4
    assert {row.strategy for row in scoreboard.read()} == {f"{w}-{i}" for w in range(4) for i in range(15)}
    assert not list(course_output.glob("*.tmp"))
