"""Whole programs for exercise 10.1, as learners write them: right ones in several styles, and wrong ones.

The right ones `by_another_hand` were written from the exercise's statement alone, by somebody who had not seen the
check.

A wrong program that stands in a file of its own names its mistake in its docstring, and in the last line of it a part
of what the check must say: "Refused with: ...". Those that differ from a right one in a line or two stand in
`tests.answers.lesson_10_scratch`.
"""

from __future__ import annotations

import ast
import linecache
from pathlib import Path

_HERE = Path(__file__).parent


def sources(folder: str) -> dict[str, str]:
    """The programs in `right` or `wrong`, by their names."""
    return {path.stem: path.read_text() for path in sorted((_HERE / folder).glob("*.py"))}


def reason_in(source: str) -> str:
    """What the last line of a wrong program's docstring says that it must be refused with."""
    return ast.get_docstring(ast.parse(source)).splitlines()[-1].removeprefix("Refused with: ")


def handed_in(source: str) -> tuple[object, ...]:
    """What a learner gives to the check: a script's text, a class `Program`, or the functions `train` and `predict`."""
    if "sys.argv" in source or "argparse" in source:
        return (source,)
    linecache.cache["<answer>"] = (len(source), None, source.splitlines(keepends=True), "<answer>")
    names: dict[str, object] = {"__name__": "answer"}
    exec(compile(source, "<answer>", "exec"), names)
    return (names["Program"],) if "Program" in names else (names["train"], names["predict"])
