"""Lines that survive being killed: whole or not there, and no other program's file is touched."""

from __future__ import annotations

import os
import re

import pytest

from helpers.errors import CourseError
from helpers.kept_lines import KeptLines

FIRST, SECOND = {"key": "a", "found": [1, None]}, {"key": "b", "found": "caf\u00e9 \u2028"}


def opened(path) -> KeptLines:
    return KeptLines(path, "record of tests", texts=["key"])


def test_what_is_written_is_read_again(tmp_path):
    path = tmp_path / "made with it" / "kept.jsonl"
    kept = opened(path)
    assert kept.lines == [] and not path.exists()
    kept.add(FIRST)
    kept.add(SECOND)
    assert kept.lines == opened(path).lines == [FIRST, SECOND]


def test_a_line_that_was_cut_off_anywhere_is_dropped_and_the_next_begins_at_its_beginning(tmp_path):
    path = tmp_path / "kept.jsonl"
    for line in (FIRST, SECOND):
        opened(path).add(line)
    content = path.read_bytes()
    first = content.index(b"\n") + 1
    for length in range(len(content)):
        path.write_bytes(content[:length])
        kept = opened(path)
        assert kept.lines == ([FIRST] if length >= first else [])
        kept.add(SECOND)
        assert opened(path).lines == kept.lines


def test_a_line_is_on_the_disk_when_it_is_added(tmp_path, monkeypatch):
    path, synced = tmp_path / "kept.jsonl", []
    monkeypatch.setattr(os, "fsync", lambda file: synced.append(os.fstat(file).st_size))
    opened(path).add(FIRST)
    assert synced == [path.stat().st_size] != [0]


def test_what_json_has_not_is_refused_and_leaves_no_trace(tmp_path):
    kept = opened(tmp_path / "kept.jsonl")
    kept.add(FIRST)
    with pytest.raises(ValueError, match="JSON"):
        kept.add({"key": "b", "found": float("nan")})
    assert kept.lines == opened(kept.path).lines == [FIRST]


@pytest.mark.parametrize(
    "content",
    [
        b"name,score\n",
        b"name,score",  # no line is whole: it is no line of ours that a kill has cut off
        b'{"key": "a"}\nname,score\n{"key": "b"}\n',
        b'{"key": "a"}\nname',
        b'{"name": "a"}\n',
        b'{"key": 7}\n',
        b'["key"]\n',
        b"null\n",
        b'{"key": "\xff"}\n',
    ],
)
def test_a_file_of_something_else_is_told_and_stays_as_it_is(tmp_path, content):
    path = tmp_path / "kept.jsonl"
    path.write_bytes(content)
    with pytest.raises(CourseError, match=re.escape("is no record of tests: move it away, and a new one begins")):
        opened(path)
    assert path.read_bytes() == content


def test_an_empty_line_says_nothing(tmp_path):
    path = tmp_path / "kept.jsonl"
    path.write_bytes(b'\n{"key": "a"}\n\n')
    assert opened(path).lines == [{"key": "a"}]
