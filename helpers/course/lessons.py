"""Where the lessons are, and what each promises: its contract, kept in the notebook's metadata."""

from __future__ import annotations

import json
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from helpers.course import html
from helpers.course.display import show
from helpers.errors import CourseError, first_line, unknown_name
from helpers.memory import bytes_held_here, memory
from helpers.places import lesson_paths, repository

if TYPE_CHECKING:
    from nbformat import NotebookNode


@dataclass(frozen=True)
class Contract:
    """What a lesson promises on a CPU with two cores: seconds, peak memory, and what it downloads (MB)."""

    seconds: int
    peak_mb: int
    download_mb: int

    def __str__(self) -> str:
        fetch = "downloads nothing" if not self.download_mb else f"downloads {self.download_mb} MB"
        return f"at most {self.seconds} s on two CPU cores, at most {self.peak_mb / 1000:g} GB of memory, {fetch}"


@dataclass(frozen=True)
class Lesson:
    """One notebook of the series."""

    path: Path

    @property
    def name(self) -> str:
        return self.path.stem

    @property
    def number(self) -> str:
        return self.name[:2]

    def read(self) -> NotebookNode:
        """The notebook, validated."""
        import nbformat  # takes two seconds, which no learner needs to wait for: a lesson only shows its contract

        try:
            return nbformat.read(self.path, as_version=4)
        except (OSError, ValueError, AttributeError, KeyError, RecursionError, nbformat.ValidationError) as error:
            raise self._unreadable(error) from None

    def contract(self) -> Contract:
        """What the lesson promises."""
        try:
            return Contract(**self._document()["metadata"]["course"]["contract"])
        except (KeyError, TypeError):
            raise CourseError(
                f"{self.path.name} has no contract: add course.contract (seconds, peak_mb, download_mb) to its metadata"
            ) from None

    def title_and_promise(self) -> tuple[str, str]:
        """The lesson's heading and its one sentence of promise: the start of its first cell."""
        try:
            opening = "".join(self._document()["cells"][0]["source"])
            title, promise = opening.split("\n\n")[:2]
        except (LookupError, TypeError, ValueError):
            raise CourseError(f"{self.path.name} does not begin with a heading and a promise: get it again") from None
        return title.removeprefix("# "), " ".join(promise.split())

    def _document(self) -> dict:
        try:
            return json.loads(self.path.read_text(encoding="utf-8"))
        except (OSError, ValueError, RecursionError) as error:
            raise self._unreadable(error) from None

    def _unreadable(self, error: Exception) -> CourseError:
        return CourseError(f"{self.path} is no notebook ({first_line(error)[:120]}): get the lesson again")


def all_lessons() -> list[Lesson]:
    """Every lesson in its order."""
    return [Lesson(path) for path in lesson_paths()]


def find_lessons(names: list[str] | None = None) -> list[Lesson]:
    """The lessons of these numbers (`03`, `3`) or names (`03_freeze_the_backbone`); all where none is named."""
    lessons = all_lessons()
    if not names:
        return lessons
    known = {key: lesson for lesson in lessons for key in (lesson.name, lesson.number, str(int(lesson.number)))}
    asked = [Path(name).name.removesuffix(".ipynb") for name in names]  # a shell completes to the whole path
    for name in asked:
        if name not in known:
            raise unknown_name("lesson", name, [lesson.name for lesson in lessons])
    return sorted({known[name] for name in asked}, key=lambda lesson: lesson.name)


def title(number: str) -> str:
    """The lesson's heading; its number where the learner has changed the notebook's start."""
    try:
        return find_lessons([number])[0].title_and_promise()[0]
    except CourseError:
        return f"Lesson {number}"


def contract(number: str) -> None:
    """Show what the lesson promises, and whether this machine has the memory for it and for the `BACKBONE` chosen."""
    lessons = [lesson for lesson in all_lessons() if lesson.number == number]
    if not lessons:  # the notebook at work is that lesson under another name or in another place, and runs
        told = (
            f"Lesson {number} is not in {repository() / 'notebooks'} under its own name, so what it promises is not "
            "shown: give the file the name that README.md has for it. All else works as before."
        )
    else:
        promised = lessons[0].contract()
        warning = _too_little_memory(promised, sys._getframe(1).f_globals.get("BACKBONE"))
        told = f"This lesson takes {promised}.{warning}"
    show(told, html.box(html.GREY, html.inline(told), "Contract"))


# What an AdamW step holds for each parameter: the number itself, its gradient, and two moments.
_NUMBERS_A_PARAMETER = 4


def _too_little_memory(promised: Contract, chosen: object) -> str:
    """A sentence where less memory is free than the lesson may take; the promise is for the default backbone."""
    from helpers.models.backbones import BYTES_A_NUMBER, DEFAULT_BACKBONE, backbone_names, parameters_of

    name = chosen if chosen in backbone_names() else DEFAULT_BACKBONE
    more = max(0, parameters_of(name) - parameters_of(DEFAULT_BACKBONE))
    needed = promised.peak_mb * 1e6 + _NUMBERS_A_PARAMETER * BYTES_A_NUMBER * more - bytes_held_here()
    free = memory().free
    if needed <= free:
        return ""
    smaller = "" if not more else f", or set BACKBONE to a smaller one, such as {DEFAULT_BACKBONE}"
    return (
        f" With {name} it may take {needed / 1e9:.2g} GB more than this kernel holds now, and {free / 1e9:.2g} GB are "
        f"free: close other programs and other notebooks' kernels{smaller}."
    )
