"""Names that others gave, such as of folders and photos, made harmless in Markdown."""

from __future__ import annotations

import html
import re
from collections.abc import Sequence

from helpers.errors import one_line


def printable(name: str) -> str:
    """One line that UTF-8 can write: what an undecodable file name holds is written as its number."""
    return one_line(name).encode("utf-8", "backslashreplace").decode("utf-8")


def markdown(name: str) -> str:
    """The name as text: no link, no emphasis, no HTML, no cell of a table begins in it."""
    return re.sub(r"([\\`*_\[\]#|~$])", r"\\\1", html.escape(printable(name), quote=False))


def markdown_table(columns: Sequence[str], rows: Sequence[Sequence[object]]) -> str:
    """A table of what is Markdown already; all but the first column stand right."""
    lines = [columns, ["---", *["---:"] * (len(columns) - 1)], *rows]
    return "\n".join("| " + " | ".join(str(cell) for cell in line) + " |" for line in lines)
