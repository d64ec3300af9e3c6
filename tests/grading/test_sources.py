"""What of a learner's cells runs, seen in the source alone."""

from __future__ import annotations

import pytest

from helpers.grading.sources import Parts, answer_in, definitions_in, parts_of

KNOWN = {"torch", "nn", "exercise"}


def parts(source: str, *others: str) -> Parts:
    return parts_of(source, others, KNOWN, ["answer"])


def test_the_checks_are_the_graders_own() -> None:
    source = (
        'answer = 1\nexercise("3.2").check(answer)\nexercise("3.2").hint()\nexercise("3.2").solution()\nprint(answer)'
    )
    assert [type(step).__name__ for step in answer_in(source).body] == ["Assign", "Expr"]


@pytest.mark.parametrize(
    ("line", "given"),
    [
        ('exercise("10.1").check(Program)', ("Program",)),
        ('exercise("10.1").check(first, second)', ("first", "second")),
        ('exercise("10.1").check(*both)', ("answer",)),
        ('exercise("10.1").check()', ("answer",)),
        ("print(1)", ("answer",)),
    ],
)
def test_the_check_is_given_what_the_learner_hands_over(line: str, given: tuple[str, ...]) -> None:
    assert parts(f"answer = Program = first = second = both = 1\n{line}").given == given


def test_lines_to_ipython_are_left_out() -> None:
    assert parts("%%time\n!pip install x\nanswer = 1").answer == "answer = 1"


def test_a_function_of_another_cell_comes_along_with_what_it_needs() -> None:
    found = parts(
        "def answer(x):\n    return twice(x)",
        "import math as m\nSCALE = 2\nprint('no')\nmodel = torch.load('x')",
        "def twice(x):\n    return m.floor(SCALE * x)\n\ndef unused():\n    return model",
    )
    assert "def twice" in found.helpers and "import math as m" in found.helpers and "SCALE = 2" in found.helpers
    assert not any(word in found.helpers for word in ("print", "unused", "torch.load"))
    assert found.missing == ()


def test_what_nobody_defines_is_named() -> None:
    assert parts("def answer(x):\n    return backbone(x) + twice(x)").missing == ("backbone", "twice")


def test_what_another_cell_computes_is_not_run() -> None:
    found = parts("def answer(x):\n    return model(x)", "model = torch.hub.load('a', 'b')")
    assert (found.helpers, found.missing) == ("", ("model",))


def test_the_answer_itself_may_stand_in_another_cell() -> None:
    assert "def answer" in parts("print('see above')", "def answer(x):\n    return x").helpers


def test_names_of_its_own_are_not_asked_for() -> None:
    source = """
import os.path as path
from math import pi

class Base(nn.Module):
    def forward(self, x, *more, key=None):
        try:
            return [y for y in x if (z := y)] + [path, pi, z]
        except ValueError as error:
            raise error from None

def answer(x):
    match x:
        case [first, *rest]:
            return first, rest
    with open(x) as file:
        for line in file:
            return Base, line
"""
    assert parts(source) == Parts("", parts(source).answer, (), ("answer",))


@pytest.mark.parametrize("source", ["def answer(:", "answer = '\0'", "(" * 5000])
def test_no_python_is_an_error_of_its_reader(source: str) -> None:
    with pytest.raises((SyntaxError, ValueError, RecursionError, MemoryError)):
        parts(source)


def test_only_definitions_come_from_other_cells() -> None:
    cells = [
        "x = [1, (2, -3)]",
        "f = lambda: boom()",
        "y = boom()",
        "boom()",
        "for i in range(3):\n    z = i",
        "not python(",
    ]
    assert [sorted(names) for names, _ in definitions_in(cells)] == [["x"], ["f"]]
