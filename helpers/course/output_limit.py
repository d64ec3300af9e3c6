"""What an answer prints while it is checked is shown, up to a limit."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TextIO

MOST = 20_000  # characters of a check; more hides the verdict, and slows the browser down


class _Shortened:
    """A stream that passes on so many characters and counts the rest. To close it does not close the other one."""

    def __init__(self, stream: TextIO, most: int):
        self._stream, self._left, self.cut = stream, most, 0

    def write(self, text: str) -> int:
        shown = text[: self._left]
        self._stream.write(shown)
        self._left -= len(shown)
        self.cut += len(text) - len(shown)
        return len(text)

    def writelines(self, lines: object) -> None:
        for line in lines:
            self.write(line)

    def close(self) -> None:
        self.flush()

    def flush(self) -> None:
        self._stream.flush()

    def __getattr__(self, name: str) -> object:
        return getattr(self._stream, name)


@contextmanager
def limited_output(most: int = MOST) -> Iterator[None]:
    """Within the block `sys.stdout` and `sys.stderr` show `most` characters each; after it they are the former streams.

    What was cut is told. Not seen: what goes round these streams, as `os.write`, `sys.stdout.buffer` and other
    programs do.
    """
    before = sys.stdout, sys.stderr
    shortened = tuple(_Shortened(stream, most) for stream in before)
    sys.stdout, sys.stderr = shortened
    try:
        yield
    finally:
        sys.stdout, sys.stderr = before
    for name, stream in zip(("printed", "wrote to stderr"), shortened, strict=True):
        if stream.cut:
            print(f"\n[Your code {name} {most + stream.cut:,} characters. Only the first {most:,} are shown.]")
