"""What a quiz asks: questions, and options that each say why they are right or wrong."""

from __future__ import annotations

from dataclasses import dataclass

from helpers.errors import CourseError

LETTERS = "abcdefgh"


@dataclass(frozen=True)
class Option:
    """One option: its text, and why it is right or wrong."""

    text: str
    why: str
    right: bool = False

    @property
    def verdict(self) -> str:
        return f"{'✓ Right.' if self.right else '✗ Not this one.'} {self.why}"


@dataclass(frozen=True)
class Question:
    """A question with two or more options, exactly one of them right."""

    text: str
    options: tuple[Option, ...]

    def __post_init__(self) -> None:
        if not 2 <= len(self.options) <= len(LETTERS):
            raise CourseError(f"the question {self.text!r} needs 2 to {len(LETTERS)} options, not {len(self.options)}")
        if sum(option.right for option in self.options) != 1:
            raise CourseError(f"the question {self.text!r} needs exactly one right option")
        if len({option.text for option in self.options}) < len(self.options):
            raise CourseError(f"the question {self.text!r} has two options with the same words")
