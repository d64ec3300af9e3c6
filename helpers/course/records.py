"""Small JSON files that several notebooks may write at once, and that a crash never leaves half-written."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import count
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

from helpers.errors import CourseError
from helpers.places import atomic_write_text

_WAIT = 30  # seconds for another notebook to finish writing


class Unusable(CourseError):
    """A record that nobody can go on from: damaged, of another program, or of a newer version of the course."""


def read_json(path: Path, empty: Any) -> Any:
    """What `path` holds, or a copy of `empty` where there is no such file.

    Raises:
        Unusable: it holds something else. The file stays as it is.
        CourseError: it cannot be read.
    """
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return copy.deepcopy(empty)
    except (ValueError, RecursionError):  # not JSON, not UTF-8, nested without end
        raise Unusable(f"{path} is damaged (not JSON): move it away, and it starts afresh") from None
    except OSError as error:
        raise CourseError(f"cannot read {path} ({error.strerror}): move it away, and it starts afresh") from None
    if not isinstance(found, type(empty)):
        raise Unusable(f"{path} holds no {type(empty).__name__}: move it away, and it starts afresh")
    return found


@contextmanager
def updated_json(path: Path, empty: Any, require: Callable[[Any], object] = lambda found: None) -> Iterator[Any]:
    """Read, let the caller change, write back: under a lock, written beside and renamed.

    A file that is unusable is kept beside itself under another name, which a line tells, and `empty` is the start. So
    is one of which `require` raises `Unusable`.

    Raises:
        CourseError: the file cannot be read, locked or written.
    """
    lock = FileLock(f"{path}.lock", timeout=_WAIT)
    try:
        lock.acquire()
    except Timeout:
        raise CourseError(f"{path} is locked for {_WAIT} s by another notebook: shut that kernel down") from None
    except OSError as error:
        raise _cannot_write(path, error) from None
    try:
        value = _usable(path, empty, require)
        yield value
        text = json.dumps(value, indent=1, allow_nan=False) + "\n"
        try:
            atomic_write_text(path, text)
        except OSError as error:
            raise _cannot_write(path, error) from None
    finally:
        lock.release()


def _usable(path: Path, empty: Any, require: Callable[[Any], object]) -> Any:
    try:
        found = read_json(path, empty)
        require(found)
        return found
    except Unusable as error:
        cause = str(error).rpartition(": ")[0]
        print(f"{cause}: it is kept as {_set_aside(path).name}, and a new one begins.")
        return copy.deepcopy(empty)


def _set_aside(path: Path) -> Path:
    """Give the file another name beside itself, which no other has. Called under the lock."""
    names = (path.with_name(f"{path.stem}.kept-{number}{path.suffix}") for number in count(1))
    aside = next(name for name in names if not name.exists())
    try:
        return path.rename(aside)
    except OSError as error:
        raise _cannot_write(path, error) from None


def _cannot_write(path: Path, error: OSError) -> CourseError:
    return CourseError(
        f"cannot write {path} ({error.strerror}): free some space, or set COURSE_OUTPUT to a folder of yours"
    )
