"""Notebooks as a class hands them in, made from the lessons and the answers of `tests.answers`, with their marks."""

from __future__ import annotations

import copy
import itertools
import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from helpers.course.answers import divided, exercise_cells
from helpers.course.lessons import find_lessons
from helpers.course.panel import CHECK_MIME
from helpers.lessons import lesson_module
from tests.answers import answers_of
from tests.grading.cheats import CHEATS

KINDS = ("right", "wrong", "mixed", "hostile", "unsolved")
QUICK = {name: cheat for name, cheat in CHEATS.items() if not {"too_long", "too_large"} & set(cheat.outcomes)}


@dataclass(frozen=True)
class Made:
    """A notebook and what each of its exercises must come to: the outcomes of which one is right."""

    content: dict
    expected: dict[str, tuple[str, ...]]


def lesson_content(lesson: str) -> dict:
    return json.loads(find_lessons([lesson])[0].path.read_text(encoding="utf-8"))


def exercise_cell(content: dict, number: str) -> dict:
    return next(cell for cell in content["cells"] if cell["metadata"].get("exercise") == number)


def made(lesson: str, kind: str, turn: int = 0) -> Made:
    """A learner's notebook of this lesson; `turn` picks among the answers that there are."""
    content, expected = lesson_content(lesson), {}
    cells = exercise_cells(find_lessons([lesson])[0].read())
    for place, number in enumerate(cells):
        source, expected[number] = _answer(lesson, number, kind, turn + place)
        check = divided(cells[number])[1]
        if source is not None:
            exercise_cell(content, number)["source"] = f"{source.strip()}\n\n\n{check}"
        exercise_cell(content, number)["outputs"] = [_claim(number)]
    return Made(content, expected)


def _answer(lesson: str, number: str, kind: str, turn: int) -> tuple[str | None, tuple[str, ...]]:
    if kind == "mixed":
        kind = KINDS[:2][turn % 2]
    if kind == "right":
        styles = [lesson_module(lesson).EXERCISES[number].answer_source, *answers_of(lesson)[number].right.values()]
        return styles[turn % len(styles)], ("correct",)
    if kind == "wrong":
        mistakes = list(answers_of(lesson)[number].wrong.values())
        wrong = mistakes[turn % len(mistakes)]
        return wrong.code, (wrong.outcome, "refused")  # some mistakes replace a function of PyTorch
    cheats = [cheat for cheat in QUICK.values() if cheat.number == number]
    if kind == "hostile" and cheats:
        cheat = cheats[turn % len(cheats)]
        return cheat.source, cheat.outcomes
    return None, ("not_attempted",)


def _claim(number: str) -> dict:
    """What a check leaves in the notebook after a right answer, true or not."""
    told = {"exercise": number, "outcome": "correct", "message": "It is right."}
    return {"output_type": "display_data", "metadata": {}, "data": {CHECK_MIME: told, "text/plain": "[✓] correct."}}


def write_class(folder: Path, lessons: list[str], count: int) -> dict[tuple[str, str], tuple[str, ...]]:
    """Write `count` notebooks, one a learner; what is right by learner and exercise."""
    expected = {}
    for turn, (kind, lesson) in enumerate(itertools.islice(_kinds(lessons), count)):
        learner = f"learner_{turn:03}_{kind}"
        one = made(lesson, kind, turn)
        name = find_lessons([lesson])[0].path.name
        write(folder / learner / name, one.content)
        expected |= {(learner, number): outcomes for number, outcomes in one.expected.items()}
    return expected


def _kinds(lessons: list[str]) -> Iterator[tuple[str, str]]:
    return itertools.cycle(itertools.product(KINDS, lessons))


def write(path: Path, content: object) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(content if isinstance(content, str) else json.dumps(content), encoding="utf-8")
    return path


def changed(content: dict, number: str, **fields: object) -> dict:
    """The notebook with fields of an exercise's cell changed; `exercise` is its number in the metadata."""
    content = copy.deepcopy(content)
    cell = exercise_cell(content, number)
    if "exercise" in fields:
        cell["metadata"]["exercise"] = fields.pop("exercise")
    cell.update(fields)
    return content
