"""Records that are broken, of another program or of a newer course; and a clock that was set back."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path

import pytest
import torch

from helpers.course import progress, scoreboard
from helpers.data import load_dataset
from helpers.errors import CourseError
from helpers.lessons import exercise
from helpers.places import A_DAY, atomic_write_text
from helpers.training import extract_features
from helpers.training.checkpoints import save_checkpoint
from helpers.training.processes import Team
from helpers.training.together import train_together
from tests.unit import test_feature_parts as parts
from tests.unit import toy_scale_out as toy
from tests.unit.test_scoreboard import ROW

ALONE = Team(0, 1, torch.device("cpu"))

# Records ------------------------------------------------------------------------------------------

BROKEN = {
    "cut off": b'{"0.1": {"attempts": 1, "hi',
    "empty": b"",
    "zeros": bytes(200),
    "another encoding": '{"größe": 1}'.encode("utf-16"),
    "a web page": b"<!doctype html><html><body>Log in</body></html>",
    "another program's": b'{"cells": [], "metadata": {}, "nbformat": 4}',
    "another kind": b"3",
    "nested without end": b"[" * 100_000,
    "a newer course's": json.dumps({"format": 99, "0.1": {"stars": 5}}).encode(),
}
NEWER_ROW = json.dumps([{**asdict(ROW), "energy": 1.0}]).encode()


def record() -> None:
    progress.record("0.1", "correct")


def add_row() -> None:
    scoreboard.add(ROW)


@pytest.mark.parametrize(("write", "name"), [(record, "progress"), (add_row, "scoreboard")])
@pytest.mark.parametrize("content", [*BROKEN.values(), NEWER_ROW], ids=[*BROKEN, "a newer scoreboard"])
def test_it_is_told_once_and_kept_to_the_byte(
    course_output: Path, capsys: pytest.CaptureFixture[str], write: Callable[[], None], name: str, content: bytes
) -> None:
    (course_output / f"{name}.json").write_bytes(content)
    write()
    write()
    said = capsys.readouterr().out
    assert said.count("\n") == 1 and f": it is kept as {name}.kept-1.json, and a new one begins." in said
    assert (course_output / f"{name}.kept-1.json").read_bytes() == content
    assert progress.read()["0.1"]["attempts"] == 2 if write is record else scoreboard.read() == [ROW]


@pytest.mark.parametrize(("read", "name"), [(progress.read, "progress"), (scoreboard.read, "scoreboard")])
@pytest.mark.parametrize("content", BROKEN.values(), ids=BROKEN.keys())
def test_who_only_reads_is_told_and_changes_nothing(
    course_output: Path, read: Callable[[], object], name: str, content: bytes
) -> None:
    (course_output / f"{name}.json").write_bytes(content)
    with pytest.raises(CourseError, match=r"move (it|the file) away") as caught:
        read()
    assert "\n" not in str(caught.value)
    assert [file.name for file in course_output.iterdir()] == [f"{name}.json"]


def test_a_check_goes_on_with_a_broken_record(course_output: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The learner sees the verdict, then the line."""
    (course_output / "progress.json").write_text("{")
    exercise("0.1").check(lambda logits, categories: categories[logits.argmax()])
    said = capsys.readouterr().out
    assert said.index("correct") < said.index("it is kept as progress.kept-1.json")


FOREIGN = {
    "a state dict": {"weight": torch.zeros(2)},
    "a tensor": torch.zeros(2),
    "a newer course's": {"progress": {"epoch": 1, "steps": 3}},
}


@pytest.mark.parametrize("content", FOREIGN.values(), ids=FOREIGN.keys())
def test_a_checkpoint_of_another_program_is_told_and_stays(tmp_path: Path, content: object) -> None:
    train_together(toy.make_job(tmp_path, ALONE), ALONE)
    file = tmp_path / "checkpoint.pt"
    if isinstance(content, dict) and "progress" in content:
        content = {**torch.load(file, weights_only=True), **content}
    save_checkpoint(file, content)
    before = file.read_bytes()
    with pytest.raises(CourseError, match=r"checkpoint.pt is no checkpoint of this version .* move it away to begin"):
        train_together(toy.make_job(tmp_path, ALONE), ALONE)
    assert file.read_bytes() == before


# A clock set back ---------------------------------------------------------------------------------

YEARS = {"to last year": -365 * A_DAY, "to 1970": -time.time() + 1000, "into the future": 20 * 365 * A_DAY}


@pytest.fixture(params=YEARS.values(), ids=YEARS.keys())
def another_time(request: pytest.FixtureRequest) -> Callable[[Path], None]:
    """Sets the clock: files that are there keep their times, so all of them then seem to lie as far from now."""
    real = time.time

    def set_clock(folder: Path) -> None:
        for path in folder.rglob("*"):
            os.utime(path, (real() - request.param,) * 2)

    return set_clock


def test_what_was_kept_is_used_whatever_the_clock_says(
    course_output: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, another_time: Callable[[Path], None]
) -> None:
    monkeypatch.setenv("COURSE_CACHE", str(tmp_path / "cache"))
    few = {"train_per_class": 2, "val_per_class": 1, "test_per_class": 1, "image_size": 16}
    network, passes = parts.network(), []
    network.register_forward_pre_hook(lambda module, inputs: passes.append(len(inputs[0])))

    def work() -> tuple:
        record()
        add_row()
        flowers = [load_dataset("painted flowers", **few).train.image(i).tobytes() for i in range(10)]
        return extract_features(network, parts.arrays()).features.sum().item(), flowers

    first = work()
    another_time(tmp_path)
    passes.clear()
    assert work() == first and sum(passes) < parts.IMAGES, "the features were read"
    assert progress.read()["0.1"]["attempts"] == 2 and len(scoreboard.read()) == 1


def test_a_draft_from_the_future_is_in_nobodys_way(tmp_path: Path) -> None:
    draft = tmp_path / ".a.json.1.1.tmp"
    draft.write_text("half")
    os.utime(draft, (time.time() + 20 * A_DAY,) * 2)
    atomic_write_text(tmp_path / "a.json", "whole")
    assert (tmp_path / "a.json").read_text() == "whole" and draft.exists(), "it may be another program's"


def test_training_goes_on_under_another_clock(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = train_together(toy.make_job(tmp_path / "whole", ALONE), ALONE)
    monkeypatch.setattr(time, "time", lambda: 1000.0)
    assert train_together(toy.make_job(tmp_path / "again", ALONE), ALONE) == whole
    took = json.loads((tmp_path / "again" / "result.json").read_text())["seconds"]
    assert 0 <= took < 100
