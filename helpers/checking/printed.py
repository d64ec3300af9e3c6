"""What was printed, kept up to a limit: an answer may print without end, and memory has one."""

from __future__ import annotations

import io

MOST = 1_000_000  # characters


class Printed(io.StringIO):
    """A stream that keeps the first `MOST` characters written to it, and drops the rest."""

    def write(self, text: str) -> int:
        super().write(text[: max(0, MOST - self.tell())])
        return len(text)
