"""Small JSON files: whole or not there, also with several writers and with a damaged file."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import pytest

from helpers.course import progress, records
from helpers.course.records import read_json, updated_json
from helpers.errors import CourseError
from helpers.places import atomic_write_text


def test_missing_file_is_empty_and_the_empty_value_is_a_copy(tmp_path):
    empty: list = []
    read_json(tmp_path / "none.json", empty).append(1)
    assert empty == []


def test_change_is_written(tmp_path):
    with updated_json(tmp_path / "a.json", {}) as value:
        value["é"] = 1
    assert read_json(tmp_path / "a.json", {}) == {"é": 1}


@pytest.mark.parametrize("content", [b"{", b"", b"\xff\xfe\x00", b"[" * 100_000, b"nonsense"])
def test_damaged_file_is_told_in_one_line_and_kept(tmp_path, content, capsys):
    path = tmp_path / "a.json"
    path.write_bytes(content)
    with pytest.raises(CourseError, match="damaged") as told:
        read_json(path, {})
    assert "\n" not in str(told.value) and path.read_bytes() == content
    with updated_json(path, {}) as entries:
        entries["new"] = 1
    said = capsys.readouterr().out
    assert said == f"{path} is damaged (not JSON): it is kept as a.kept-1.json, and a new one begins.\n"
    assert (tmp_path / "a.kept-1.json").read_bytes() == content and read_json(path, {}) == {"new": 1}


def test_what_was_kept_before_is_not_written_over(tmp_path):
    for content in ("{", "[", "nonsense"):
        (tmp_path / "a.json").write_text(content)
        with updated_json(tmp_path / "a.json", {}):
            pass
    assert [(tmp_path / f"a.kept-{n}.json").read_text() for n in (1, 2, 3)] == ["{", "[", "nonsense"]


def test_other_kind_of_json_is_told(tmp_path):
    (tmp_path / "a.json").write_text("[]")
    with pytest.raises(CourseError, match="holds no dict"):
        read_json(tmp_path / "a.json", {})


@pytest.mark.parametrize("value", [float("nan"), object()])
def test_value_that_json_cannot_hold_leaves_the_old_file(tmp_path, value):
    path = tmp_path / "a.json"
    atomic_write_text(path, '{"kept": 1}')
    with pytest.raises((TypeError, ValueError)), updated_json(path, {}) as entries:
        entries["new"] = value
    assert json.loads(path.read_text()) == {"kept": 1}
    with updated_json(path, {}) as entries:  # the lock is free again
        entries["more"] = 2


def test_no_file_is_left_beside(tmp_path):
    path = tmp_path / "folder"
    path.mkdir()
    with pytest.raises(OSError):
        atomic_write_text(path, "text")
    assert [one.name for one in tmp_path.iterdir()] == ["folder"]


def test_folder_in_place_of_the_file(tmp_path):
    (tmp_path / "a.json").mkdir()
    with pytest.raises(CourseError, match="cannot read"):
        read_json(tmp_path / "a.json", {})


def test_locked_file_is_told(tmp_path, monkeypatch):
    monkeypatch.setattr(records, "_WAIT", 1)
    holder = subprocess.Popen(
        [
            sys.executable,
            "-c",
            "import sys, filelock\n"
            "with filelock.FileLock(sys.argv[1]):\n    print('held', flush=True)\n    sys.stdin.read()",
            str(tmp_path / "a.json.lock"),
        ],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        assert holder.stdout.readline().strip() == "held"
        with pytest.raises(CourseError, match="locked for 1 s"), updated_json(tmp_path / "a.json", {}):
            pass
    finally:
        holder.communicate("")


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root may write everywhere")
def test_folder_that_is_not_ours(tmp_path):
    tmp_path.chmod(0o500)
    with pytest.raises(CourseError, match="cannot write"), updated_json(tmp_path / "a.json", {}):
        pass


@pytest.mark.parametrize("entry", [5, {}, {"attempts": "x", "hints": 0, "latest": None, "solved": False}])
def test_progress_edited_by_hand_is_told(course_output, entry, capsys):
    """Reading tells; the next check keeps the file aside and goes on."""
    path = course_output / "progress.json"
    for use in (progress.read, lambda: progress.summary(["90.1"])):
        path.write_text(json.dumps({"90.1": entry}))
        with pytest.raises(CourseError, match=r"no record of exercise 90\.1"):
            use()
    for use in (lambda: progress.record("90.1", "correct"), lambda: progress.count_hint("90.1")):
        path.write_text(json.dumps({"90.1": entry}))
        use()
        assert "no record of exercise 90.1: it is kept as progress.kept-" in capsys.readouterr().out
        assert list(progress.read()) == ["90.1"]
    kept = [json.loads(file.read_text()) for file in course_output.glob("progress.kept-*.json")]
    assert kept == [{"90.1": entry}] * 2
