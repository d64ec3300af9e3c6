"""What has been marked already, so that a run goes on where it was stopped: a line a notebook, whole or not at all."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import torch
from filelock import FileLock, Timeout

import helpers
from helpers.course.lessons import all_lessons
from helpers.errors import CourseError


def course_version() -> str:
    """Changes where a mark could: with the course's code, its lessons, or PyTorch."""
    package = Path(helpers.__file__).parent
    digest = hashlib.sha256(torch.__version__.encode())
    for path in sorted(package.rglob("*.py")):
        digest.update(path.name.encode() + b"\0" + path.read_bytes())
    for lesson in all_lessons():  # without their outputs, which are others after each run
        cells = [(cell.cell_type, cell.source, cell.metadata) for cell in lesson.read().cells]
        digest.update(f"{lesson.name}\0{cells}".encode())
    return digest.hexdigest()[:16]


class Record:
    """A file of JSON lines, each with its `key`. A line that a kill has cut off counts for nothing."""

    def __init__(self, path: Path):
        self._path = path
        self._lines: dict[str, dict] = {}

    @contextmanager
    def open(self) -> Iterator[Record]:
        """For this run alone.

        Raises:
            CourseError: another run has it open, or it cannot be written.
        """
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            with FileLock(f"{self._path}.lock", timeout=0):
                self._read()
                yield self
        except Timeout:
            raise CourseError(f"{self._path} is in use by another run: wait for it, or name another file") from None
        except OSError as error:
            raise CourseError(f"cannot write {self._path} ({error.strerror}): name another place") from None

    def _read(self) -> None:
        """Take what is whole, and cut off the rest, so that the next line begins at its beginning."""
        content = self._path.read_bytes() if self._path.exists() else b""
        whole = content[: content.rfind(b"\n") + 1]
        for line in whole.splitlines():
            found = _parsed(line)
            if found is None:
                raise CourseError(f"{self._path} is no record of marks: move it away, or name another file")
            self._lines[found["key"]] = found
        if len(whole) < len(content):
            os.truncate(self._path, len(whole))

    def __contains__(self, key: str) -> bool:
        return key in self._lines

    def __getitem__(self, key: str) -> dict:
        return self._lines[key]

    def add(self, key: str, found: dict) -> None:
        """Write one line, and wait until it is on the disk."""
        line = {"key": key, **found}
        with self._path.open("ab") as file:
            file.write(json.dumps(line, ensure_ascii=True).encode() + b"\n")
            file.flush()
            os.fsync(file.fileno())
        self._lines[key] = line


def _parsed(line: bytes) -> dict | None:
    try:
        found = json.loads(line)
    except ValueError:
        return None
    return found if isinstance(found, dict) and isinstance(found.get("key"), str) else None
