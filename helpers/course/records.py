"""Small JSON files that several notebooks may write at once, and that a crash never leaves half-written."""

from __future__ import annotations

import copy
import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

from helpers.errors import CourseError
from helpers.places import atomic_write_text

_WAIT = 30  # seconds for another notebook to finish writing


def read_json(path: Path, empty: Any) -> Any:
    """What `path` holds, or a copy of `empty` where there is no such file."""
    if not path.exists():
        return copy.deepcopy(empty)
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except (ValueError, RecursionError):  # not JSON, not UTF-8, nested without end
        raise CourseError(f"{path} is damaged (not JSON): move it away, and it starts afresh") from None
    except OSError as error:
        raise CourseError(f"cannot read {path} ({error.strerror}): move it away, and it starts afresh") from None
    if not isinstance(found, type(empty)):
        raise CourseError(f"{path} holds no {type(empty).__name__}: move it away, and it starts afresh")
    return found


@contextmanager
def updated_json(path: Path, empty: Any) -> Iterator[Any]:
    """Read, let the caller change, write back: under a lock, written beside and renamed.

    Raises:
        CourseError: the file is damaged, or cannot be locked or written.
    """
    lock = FileLock(f"{path}.lock", timeout=_WAIT)
    try:
        lock.acquire()
    except Timeout:
        raise CourseError(f"{path} is locked for {_WAIT} s by another notebook: shut that kernel down") from None
    except OSError as error:
        raise _cannot_write(path, error) from None
    try:
        value = read_json(path, empty)
        yield value
        text = json.dumps(value, indent=1, allow_nan=False) + "\n"
        try:
            atomic_write_text(path, text)
        except OSError as error:
            raise _cannot_write(path, error) from None
    finally:
        lock.release()


def _cannot_write(path: Path, error: OSError) -> CourseError:
    return CourseError(
        f"cannot write {path} ({error.strerror}): free some space, or set COURSE_OUTPUT to a folder of yours"
    )
