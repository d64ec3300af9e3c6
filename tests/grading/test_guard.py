"""The guard by itself, with Python alone: what it reports, and what it lets pass."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.grading.guarded import TRICKS

REPORTED = {
    "replaces": "json.dumps",
    "replaces for once": "json.dumps",
    "replaces in a generator": "json.dumps",
    "replaces and raises": "json.dumps",
    "deletes": "json.dumps",
    "frames": "frames",
    "frames by eval": "frames",
    "frames in code handed on": "frames",
    "frames by a finalizer": "frames",
    "frames by inspect": "frames",
    "frames by traceback": "frames",
    "forged file by importlib": "another file",
    "bytecode by importlib": "bytecode",
    "generator's frame": "frames",
    "objects": "objects",
    "thread": "thread",
    "bare thread": "thread",
    "forged file": "another file",
    "own bytecode": "bytecode",
    "program": "program",
    "key": "answer key",
    "key by a text of its own": "answer key",
}


def tried(trick: str) -> tuple[str, str]:
    command = [sys.executable, str(Path(__file__).with_name("guarded.py")), trick]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    ended, _, reported = done.stdout.strip().partition("|")
    return ended, reported


@pytest.mark.parametrize("trick", [trick for trick in TRICKS if trick.startswith("honest")])
def test_what_is_honest_passes(trick: str) -> None:
    ended, reported = tried(trick)
    assert reported == ""
    assert ended == ("ValueError" if trick == "honest with an error" else ended)
    assert ended not in ("Refused", "PermissionError")


@pytest.mark.parametrize("trick", REPORTED)
def test_a_trick_is_reported(trick: str) -> None:
    assert REPORTED[trick] in tried(trick)[1]


def test_a_file_of_somebody_else_is_not_opened() -> None:
    assert tried("other's file") == ("PermissionError", "")
