"""Answers that learners give: right ones in several styles, and wrong ones named after their mistake.

`tests/answers/lesson_03.py` holds `ANSWERS`, a dict of exercise number to `Answers`.
"""

from __future__ import annotations

import importlib
from dataclasses import dataclass, field
from importlib.util import find_spec


@dataclass(frozen=True)
class Wrong:
    """A plausible wrong answer: its source, a part of the message that it must get, and its outcome."""

    code: str
    reason: str
    outcome: str = "incorrect"


@dataclass(frozen=True)
class Answers:
    """The answers to one exercise, by style and by mistake; the reference answer comes along by itself."""

    right: dict[str, str] = field(default_factory=dict)
    wrong: dict[str, Wrong] = field(default_factory=dict)


def but_for(source: str, line: str, wrong: str) -> str:
    """`source`, a right answer, but for one `line`, in whose place `wrong` stands."""
    assert source.count(line) == 1, f"{line!r} occurs {source.count(line)} times in the answer"
    return source.replace(line, wrong)


def liar(kind: str) -> str:
    """The source of a class `Liar`: a "str", "int" or "float" that claims to equal whatever it is compared with."""
    return f"""
class Liar({kind}):
    __hash__ = {kind}.__hash__

    def __eq__(self, other):
        return True

    def __ne__(self, other):
        return False

"""


def answers_of(lesson: str) -> dict[str, Answers]:
    """The answers of lesson "03" by exercise number; empty where the module is not there yet."""
    name = f"tests.answers.lesson_{lesson}"
    return importlib.import_module(name).ANSWERS if find_spec(name) else {}
