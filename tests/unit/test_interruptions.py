"""Watching a function write, and stopping it there: the tool by which checks know what is left."""

from __future__ import annotations

import os
import shutil
import sys
from pathlib import Path

import pytest

from helpers.checking.interruptions import CtrlC, Full, tree, with_each_moment


def writes(call) -> int:
    """How many writes and renames `call` makes."""
    seen = []
    with_each_moment(call, seen.append)
    return sum(seen)


def by_hand(path: Path) -> None:
    file = os.open(path, os.O_WRONLY | os.O_CREAT)
    os.write(file, b"x")
    os.close(file)


def by_print(path: Path) -> None:
    with path.open("w") as file:
        print("x", file=file)


@pytest.mark.parametrize(
    "write",
    [
        lambda path: path.write_bytes(b"x"),
        lambda path: path.write_text("x"),
        by_print,
        by_hand,
        lambda path: shutil.copyfile(__file__, path),
        lambda path: (path.parent / "old").rename(path),
        lambda path: (path.parent / "old").replace(path),
    ],
)
def test_each_way_to_write_is_seen(tmp_path: Path, write) -> None:
    (tmp_path / "old").write_bytes(b"old")
    assert writes(lambda: write(tmp_path / "new")) >= 1
    assert (tmp_path / "new").exists()


def test_what_changes_no_file_is_none() -> None:
    assert writes(lambda: "a b".replace("a", "b")) == 0
    assert writes(lambda: Path(__file__).read_bytes()) == 0


@pytest.mark.parametrize("stop", [CtrlC, Full])
def test_a_stop_comes_before_the_write_and_the_watch_ends(tmp_path: Path, stop) -> None:
    def moment(changes_the_disk: bool) -> None:
        if changes_the_disk:
            raise stop()

    with pytest.raises(stop):
        with_each_moment(lambda: (tmp_path / "a").write_bytes(b"x"), moment)
    assert (tmp_path / "a").read_bytes() == b""
    assert sys.getprofile() is None
    assert not issubclass(CtrlC, Exception) and issubclass(Full, OSError)


def test_a_watch_of_somebody_else_goes_on() -> None:
    def others(*_: object) -> None: ...

    sys.setprofile(others)
    try:
        with_each_moment(lambda: None, lambda _: None)
        assert sys.getprofile() is others
    finally:
        sys.setprofile(None)


def test_the_tree_of_a_folder(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "b").write_bytes(b"x")
    assert tree(tmp_path) == {"a": None, "a/b": b"x"}
