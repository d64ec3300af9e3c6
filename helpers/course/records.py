"""Small JSON files that several notebooks may write at once, and that a crash never leaves half-written."""

from __future__ import annotations

import copy
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from filelock import FileLock

from helpers.errors import CourseError


def read_json(path: Path, empty: Any) -> Any:
    """What `path` holds, or a copy of `empty` where there is no such file."""
    if not path.exists():
        return copy.deepcopy(empty)
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except (json.JSONDecodeError, UnicodeDecodeError):
        raise CourseError(f"{path} is damaged (not JSON): move it away, and it starts afresh") from None
    if not isinstance(found, type(empty)):
        raise CourseError(f"{path} holds no {type(empty).__name__}: move it away, and it starts afresh")
    return found


@contextmanager
def updated_json(path: Path, empty: Any) -> Iterator[Any]:
    """Read, let the caller change, write back: under a lock, written beside and renamed."""
    with FileLock(f"{path}.lock", timeout=30):
        value = read_json(path, empty)
        yield value
        beside = path.with_name(f"{path.name}.{os.getpid()}.tmp")
        beside.write_text(json.dumps(value, indent=1) + "\n", encoding="utf-8")
        beside.replace(path)
