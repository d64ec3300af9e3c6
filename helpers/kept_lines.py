"""Results that survive being killed: JSON objects, one a line, in a file that only grows."""

from __future__ import annotations

import json
import os
from collections.abc import Collection
from pathlib import Path
from typing import Any

from helpers.errors import CourseError


class KeptLines:
    """The lines of a file, and more that are written to its end. The file is made with the first of them.

    A line that a kill has cut off is dropped as the file is opened, so that the next begins at its beginning. Nothing
    here keeps two programs from writing at once: where that can be, hold a lock.

    Args:
        path: Its folder is made where it is missing.
        what: what the file is, as an error says it: "record of marks".
        texts: the keys under which each line of such a file has a text.

    Raises:
        CourseError: the file holds something else. It stays as it is.
        OSError: it cannot be read, or its end cannot be cut.
    """

    def __init__(self, path: Path, what: str, texts: Collection[str] = ()):
        self.path = path
        path.parent.mkdir(parents=True, exist_ok=True)
        whole, end, rest = (path.read_bytes() if path.exists() else b"").rpartition(b"\n")
        found = [_parsed(line) for line in whole.split(b"\n") if line]
        self.lines: list[dict[str, Any]] = [one for one in found if isinstance(one, dict)]
        is_one = all(isinstance(line.get(key), str) for line in self.lines for key in texts)
        if len(self.lines) < len(found) or not is_one or rest[:1] not in (b"", b"{"):
            raise CourseError(f"{path} is no {what}: move it away, and a new one begins")
        if rest:
            os.truncate(path, len(whole + end))

    def add(self, line: dict[str, Any]) -> None:
        """On the disk when this returns.

        Raises:
            ValueError: it holds a number that JSON has not, such as NaN. Nothing is written.
            OSError: it cannot be written.
        """
        text = json.dumps(line, allow_nan=False)
        with self.path.open("ab") as file:
            file.write(text.encode() + b"\n")
            file.flush()
            os.fsync(file.fileno())
        self.lines.append(line)


def _parsed(line: bytes) -> Any:
    """What the line holds; None where it is no JSON."""
    try:
        return json.loads(line)
    except (ValueError, RecursionError):  # no JSON, no UTF-8, nested without end
        return None
