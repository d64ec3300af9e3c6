"""What has been marked already, so that a run goes on where it was stopped: a line a notebook."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import torch
from filelock import FileLock, Timeout

import helpers
from helpers.course.lessons import all_lessons
from helpers.errors import CourseError
from helpers.kept_lines import KeptLines


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
    """What was found in each notebook, by a `key` that changes with whatever could change it."""

    def __init__(self, path: Path):
        self._path = path
        self._found: dict[str, dict] = {}

    @contextmanager
    def open(self) -> Iterator[Record]:
        """For this run alone.

        Raises:
            CourseError: another run has it open, it is no record, or it cannot be written.
        """
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            with FileLock(f"{self._path}.lock", timeout=0):
                self._kept = KeptLines(self._path, "record of marks", texts=["key"])
                self._found = {line["key"]: line for line in self._kept.lines}
                yield self
        except Timeout:
            raise CourseError(f"{self._path} is in use by another run: wait for it, or name another file") from None
        except OSError as error:
            raise CourseError(f"cannot write {self._path} ({error.strerror}): name another place") from None

    def __contains__(self, key: str) -> bool:
        return key in self._found

    def __getitem__(self, key: str) -> dict:
        return self._found[key]

    def add(self, key: str, found: dict) -> None:
        """On the disk when this returns."""
        line = {"key": key, **found}
        self._kept.add(line)
        self._found[key] = line
