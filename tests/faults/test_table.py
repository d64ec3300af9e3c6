"""The table of `tests/faults/__init__.py`: each test that it names is there."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

from tests import faults

HERE = Path(__file__).parent
ROWS = re.findall(r"^\| (.+?) \| (.+?) \| (\S+::.+?) \|$", faults.__doc__, re.MULTILINE)


def defined_in(file: Path) -> set[str]:
    return {node.name for node in ast.parse(file.read_text(encoding="utf-8")).body if isinstance(node, ast.FunctionDef)}


def test_the_table_is_read_whole() -> None:
    assert len(ROWS) == faults.__doc__.count("\n| ") - 1 >= 30, "one row is the head"


@pytest.mark.parametrize(("fault", "seen", "shown_in"), ROWS, ids=[row[0] for row in ROWS])
def test_each_fault_has_its_tests(fault: str, seen: str, shown_in: str) -> None:
    for named in shown_in.split():
        file, _, test = named.partition("::")
        assert test in defined_in(HERE / f"{file}.py"), f"{fault}: {named}"
