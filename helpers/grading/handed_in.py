"""Which notebooks were handed in, by whom, and what in them is an answer. Reads, and runs nothing."""

from __future__ import annotations

import hashlib
import json
import re
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

from helpers.course.answers import exercise_cells
from helpers.course.lessons import Lesson, all_lessons, find_lessons
from helpers.errors import CourseError, first_few, first_line

MOST_MB = 50  # of a notebook with its pictures; those of the course have less than 1
_MOST_SOURCE = 200_000  # letters in a cell: whole programs have a tenth
_NUMBER = re.compile(r"\d{1,2}\.\d{1,2}")
_CHECK = re.compile(r"""^\s*exercise\(\s*["'](\d{1,2}\.\d{1,2})["']\s*\)\s*\.check\(""", re.MULTILINE)
_HINT = re.compile(r"Hint (\d+) of \d+ for exercise (\d{1,2}\.\d{1,2})")


@dataclass(frozen=True)
class HandedIn:
    """A file, and whose it is."""

    path: Path
    learner: str
    folder: Path  # the learner's own, or the one in which the file lies


@dataclass(frozen=True)
class Cell:
    """What counts of a notebook's cell; `place` counts from 1."""

    kind: str
    source: str
    place: int
    exercise: str | None = None
    said: str = ""  # its outputs as text, which nobody has to believe


@dataclass(frozen=True)
class Answer:
    """What was handed in for one exercise. Without `source` there is nothing to run, and `outcome` says why."""

    number: str
    source: str | None = None
    outcome: str = ""
    notes: tuple[str, ...] = ()
    hints: int = 0


@dataclass(frozen=True)
class Submission:
    """One notebook that was read: its lesson, its answers by exercise, and the learner's further cells."""

    lesson: str
    answers: tuple[Answer, ...]
    others: tuple[tuple[str | None, str], ...]  # exercise number or None, and source, in the notebook's order
    notes: tuple[str, ...] = ()


@dataclass
class Original:
    """The lesson as the grader has it: what an exercise's statement says, and which cells are not the learner's own."""

    lesson: Lesson
    statements: dict[str, str] = field(init=False)
    sources: set[str] = field(init=False)

    def __post_init__(self) -> None:
        notebook = self.lesson.read()
        cells = exercise_cells(notebook)
        self.statements = {n: _flat(notebook.cells[notebook.cells.index(cell) - 1].source) for n, cell in cells.items()}
        self.sources = {_flat(cell.source) for cell in notebook.cells if cell.cell_type == "code"}


# Which notebooks ----------------------------------------------------------------------------------------


def find_notebooks(paths: Iterable[Path]) -> list[HandedIn]:
    """Every notebook under these paths, by learner.

    A folder's folders are one a learner; a notebook that lies in the folder itself, or is named, belongs to whom its
    name says before the lesson's: `ada_03_freeze_the_backbone.ipynb`. With nothing before it, it is its folder's.

    Raises:
        CourseError: a path that is not there, or no notebook at all.
    """
    found: dict[Path, HandedIn] = {}
    for path in paths:
        if not path.exists():
            raise CourseError(f"there is no {path}: name notebooks that were handed in, or a folder of them")
        for one in [_alone(path)] if path.is_file() else _in_folder(path):
            found.setdefault(one.path.absolute(), one)
    if not found:
        raise CourseError(f"no notebook (.ipynb) in {first_few(paths)}: name the folder in which they were handed in")
    return sorted(found.values(), key=lambda one: (one.learner, str(one.path)))


def _in_folder(folder: Path) -> list[HandedIn]:
    own = [_alone(path) for path in sorted(folder.glob("*.ipynb")) if path.is_file()]
    for learner in sorted(path for path in folder.iterdir() if path.is_dir() and not path.name.startswith(".")):
        inside = learner / "notebooks" if any((learner / "notebooks").glob("*.ipynb")) else learner  # a whole checkout
        own += [
            HandedIn(path, learner.name, learner) for path in sorted(inside.rglob("*.ipynb")) if _counts(path, inside)
        ]
    return own


def _counts(path: Path, folder: Path) -> bool:
    """Editors keep copies of their own in folders such as `.ipynb_checkpoints`."""
    return path.is_file() and not any(part.startswith(".") for part in path.relative_to(folder).parts)


def _alone(path: Path) -> HandedIn:
    return HandedIn(path, learner_in(path), path.parent)


def learner_in(path: Path) -> str:
    """The learner's name before the lesson's in a file's name; with none, the name of its folder."""
    stem = path.stem
    for lesson in all_lessons():
        before, lessons_name, _ = stem.partition(lesson.name)
        if lessons_name:
            return before.strip(" _-.") or path.absolute().parent.name
    return stem


# What is in one -----------------------------------------------------------------------------------------


def read_bytes(path: Path) -> bytes:
    """The file, if it is one to read.

    Raises:
        CourseError: it is a link or too large, or cannot be read.
    """
    if path.is_symlink():
        raise CourseError(f"{path.name} is a link: hand in the notebook itself")
    try:
        with path.open("rb") as file:
            content = file.read(MOST_MB * 1_000_000 + 1)
    except OSError as error:
        raise CourseError(f"{path.name} cannot be read ({error.strerror}): hand it in again") from None
    if len(content) > MOST_MB * 1_000_000:
        raise CourseError(
            f"{path.name} has more than {MOST_MB} MB: clear the outputs of its cells, and hand it in again"
        )
    return content


def content_hash(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def submission(content: bytes, name: str, originals: dict[str, Original]) -> Submission:
    """What a notebook hands in.

    Args:
        originals: the grader's lessons by number.

    Raises:
        CourseError: it is no notebook, or none of these lessons.
    """
    cells = _cells(content, name)
    lesson = _lesson_of(cells, originals)
    if lesson is None:
        known = first_few(originals, most=11)
        raise CourseError(
            f"{name} has no exercise of the lessons {known}: it is a notebook of another course, or lesson"
        )
    return _Reading(cells, originals[lesson]).submission


def _cells(content: bytes, name: str) -> list[Cell]:
    try:
        document = json.loads(content.decode("utf-8-sig"))
        if not isinstance(document, dict) or not isinstance(document.get("cells"), list):
            raise ValueError("it has no list of cells")
        return [_cell(raw, place) for place, raw in enumerate(document["cells"], 1)]
    except (ValueError, RecursionError) as error:
        raise CourseError(f"{name} is no notebook ({first_line(error)[:100]}): hand it in again") from None


def _cell(raw: object, place: int) -> Cell:
    if not isinstance(raw, dict):
        raise ValueError(f"cell {place} is none")
    metadata = raw.get("metadata") if isinstance(raw.get("metadata"), dict) else {}
    number = metadata.get("exercise")
    source = _text(raw.get("source", ""))
    if len(source) > _MOST_SOURCE:
        raise ValueError(f"cell {place} has more than {_MOST_SOURCE} letters")
    number = number if isinstance(number, str) and _NUMBER.fullmatch(number) else None
    return Cell(str(raw.get("cell_type")), source, place, number, _said(raw.get("outputs")))


def _text(source: object) -> str:
    """A notebook holds text as a string or as a list of lines."""
    if isinstance(source, list):
        return "".join(line for line in source if isinstance(line, str))
    return source if isinstance(source, str) else ""


def _said(outputs: object) -> str:
    texts = []
    for output in outputs if isinstance(outputs, list) else []:
        if isinstance(output, dict):
            data = output.get("data")
            texts += [
                _text(output.get("text", "")),
                _text(data.get("text/plain", "")) if isinstance(data, dict) else "",
            ]
    return "\n".join(texts)


def _lesson_of(cells: list[Cell], originals: dict[str, Original]) -> str | None:
    """The lesson whose exercises occur most; a notebook may be renamed, its exercises carry their numbers."""
    numbers = [number for cell in cells if cell.kind == "code" for number in {cell.exercise, _checks(cell)} if number]
    counted = Counter(number.partition(".")[0].zfill(2) for number in numbers)
    known = [lesson for lesson, _ in counted.most_common() if lesson in originals]
    headed = re.match(r"# (\d\d) ", cells[0].source) if cells else None
    return known[0] if known else headed.group(1) if headed and headed.group(1) in originals else None


def _checks(cell: Cell) -> str | None:
    """The exercise that a cell's check line asks for."""
    found = _CHECK.search(cell.source)
    return found.group(1) if found else None


def _flat(text: str) -> str:
    return " ".join(text.split())


class _Reading:
    """Finds the answers of one notebook among its cells."""

    def __init__(self, cells: list[Cell], original: Original):
        self._code = [cell for cell in cells if cell.kind == "code"]
        self._statements = [_flat(cell.source) for cell in cells if cell.kind == "markdown"]
        self._original = original
        self._hints = self._hints_used()

    @cached_property
    def submission(self) -> Submission:
        answers = tuple(self._answer(number) for number in self._original.statements)
        own = [(_own_number(c), c.source) for c in self._code if _flat(c.source) not in self._original.sources]
        return Submission(self._original.lesson.number, answers, tuple(own), tuple(self._unknown()))

    def _answer(self, number: str) -> Answer:
        named = [cell for cell in self._code if cell.exercise == number]
        agreed = [cell for cell in named if _checks(cell) in (number, None)]
        checking = [cell for cell in self._code if _checks(cell) == number and cell not in named]
        chosen, notes = _chosen(number, agreed or checking or named, by_number=bool(agreed or not checking))
        notes += self._on_the_statement(number)
        hints = self._hints.get(number, 0)
        if chosen is None:
            outcome = "duplicated" if notes and len(agreed or checking or named) > 1 else "missing"
            return Answer(number, None, outcome, tuple(notes), hints)
        return Answer(number, chosen.source, "", tuple(notes), hints)

    def _on_the_statement(self, number: str) -> list[str]:
        wanted = self._original.statements[number]
        if wanted in self._statements:
            return []
        if any(re.search(rf"### Exercise {re.escape(number)}\b", text) for text in self._statements):
            return ["the statement is another one: an older version of the lesson, or edited"]
        return ["the statement is missing"]

    def _unknown(self) -> list[str]:
        known = self._original.statements
        named = [(c.place, n) for c in self._code for n in {c.exercise, _checks(c)} if n and n not in known]
        lesson = self._original.lesson.number
        return [f"cell {place} is exercise {number}, which lesson {lesson} does not have" for place, number in named]

    def _hints_used(self) -> dict[str, int]:
        used: dict[str, int] = {}
        for cell in self._code:
            for count, number in _HINT.findall(cell.said):
                used[number] = max(used.get(number, 0), int(count))
        return used


def _own_number(cell: Cell) -> str | None:
    return cell.exercise or _checks(cell)


def _chosen(number: str, cells: list[Cell], *, by_number: bool) -> tuple[Cell | None, list[str]]:
    """The cell that counts, and what is to be said of it; none where there is none, or several that differ."""
    if not cells:
        return None, ["no cell of the notebook is this exercise"]
    places = ", ".join(str(cell.place) for cell in cells)
    if len({_flat(cell.source) for cell in cells}) > 1:
        return None, [f"the cells {places} all claim to be this exercise, and differ"]
    notes = [f"the cells {places} are the same"] if len(cells) > 1 else []
    checks = _checks(cells[0])
    if not by_number:
        notes.append(f"found by its check line: cell {places} has {_named(cells[0])}")
    elif checks is None:
        notes.append("its check line is gone")
    elif checks != number:
        notes.append(f"its check line asks for exercise {checks}")
    return cells[0], notes


def _named(cell: Cell) -> str:
    return f"the number {cell.exercise}" if cell.exercise else "lost its number"


def load_originals(names: list[str] | None = None) -> dict[str, Original]:
    """The grader's own lessons by number; all where none is named."""
    return {lesson.number: Original(lesson) for lesson in find_lessons(names)}


def hints_recorded(folder: Path, numbers: Iterable[str]) -> dict[str, int]:
    """The hints in a `progress.json` that was handed in along, by exercise; what the learner says, like all of this."""
    for place in (folder / "progress.json", folder / "data" / "learner" / "progress.json"):
        if place.is_file() and not place.is_symlink() and place.stat().st_size < 1_000_000:
            return _hints_in(place.read_bytes(), numbers)
    return {}


def _hints_in(content: bytes, numbers: Iterable[str]) -> dict[str, int]:
    try:
        entries = json.loads(content)
    except (ValueError, RecursionError):
        return {}
    if not isinstance(entries, dict):
        return {}
    entries = entries.get("exercises", entries) if isinstance(entries.get("exercises", entries), dict) else {}
    found = {n: entries[n].get("hints") for n in numbers if isinstance(entries.get(n), dict)}
    return {number: hints for number, hints in found.items() if type(hints) is int and hints >= 0}
