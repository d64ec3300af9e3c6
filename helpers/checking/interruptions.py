"""What is there while a function writes, and what is left when it is stopped."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

Tree = dict[str, bytes | None]

_WRITES = {"print", "write", "writelines", "sendfile", "copy_file_range", "writev", "pwrite", "_fcopyfile", "CopyFile2"}
_RENAMES = {"rename", "replace"}


class CtrlC(KeyboardInterrupt):
    """As if somebody had pressed Ctrl-C at that moment."""


class Full(OSError):
    """As if the disk had become full at that moment."""

    def __init__(self) -> None:
        super().__init__(28, "No space left on device")


def with_each_moment(call: Callable[[], object], moment: Callable[[bool], None]) -> object:
    """What `call` gives back; `moment` is called before each built-in function that it calls, at any depth.

    `moment` is told whether that function writes to a file or renames one. What it raises stops `call` there.
    Not seen: what other threads and other programs do, and what happens within one built-in function.
    """

    def profile(frame: object, event: str, function: object) -> None:
        if event == "c_call":
            moment(_changes_the_disk(function))

    before = sys.getprofile()
    sys.setprofile(profile)
    try:
        return call()
    finally:
        sys.setprofile(before)


def _changes_the_disk(function: object) -> bool:
    name = getattr(function, "__name__", "")
    of_the_system = getattr(function, "__module__", None) in ("posix", "nt")  # strings have a `replace`, too
    return name in _WRITES or (name in _RENAMES and of_the_system)


def tree(folder: Path) -> Tree:
    """What lies in `folder`, at any depth: the content of each file by its path, None for a folder."""
    return {
        path.relative_to(folder).as_posix(): path.read_bytes() if path.is_file() else None
        for path in sorted(folder.rglob("*"))
    }
