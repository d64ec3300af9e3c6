"""The table of mutants by exercise, and those that are right all the same, each with its reason."""

from __future__ import annotations

import tomllib
from collections import Counter
from collections.abc import Iterable
from dataclasses import astuple, dataclass
from functools import cache
from pathlib import Path

from helpers.lessons import exercise, lesson_module, lesson_numbers
from tests.answers import answers_of
from tests.mutants.judging import Fate, Verdict
from tests.mutants.making import Mutant, mutants

HERE = Path(__file__).parent
TABLE, EQUIVALENT = HERE / "table.md", HERE / "equivalent.toml"

REFERENCE = "reference"
MOST = 4  # mutants of a right answer other than the reference
DEAR = {"10.1": 8}  # exercises whose check runs whole programs, for seconds: so many of the reference, and of no other

HEAD = f"""# Mutants by exercise

Written by `make mutants`. A mutant is a right answer with one thing changed. Those of the reference answer are all
tried, and of each other right answer {MOST}, spread evenly over its lines. In exercise 10.1, whose check runs whole
programs, it is {DEAR["10.1"]} of the reference alone. The check **refused** it for a reason, or it stopped with an
**error**, or came to **no end** within its time or its process. What is **equivalent** is as right as the answer, and
`equivalent.toml` says why. What is none of these is **surviving**: a hole in a check.

| exercise | answers | mutants | refused | error | no end | equivalent | surviving |
|---|---:|---:|---:|---:|---:|---:|---:|
"""


@dataclass(frozen=True)
class Row:
    """One exercise's line of the table."""

    exercise: str
    answers: int
    mutants: int
    refused: int
    error: int
    no_end: int
    equivalent: int
    surviving: int

    def __str__(self) -> str:
        return "| " + " | ".join(f"{value:,}" if isinstance(value, int) else value for value in astuple(self)) + " |"


def all_exercises() -> list[str]:
    """The numbers of all exercises, in the order of the course."""
    return [number for lesson in lesson_numbers() for number in lesson_module(lesson).EXERCISES.numbers()]


def lesson_of(number: str) -> str:
    """The lesson of exercise "3.2": "03"."""
    return number.partition(".")[0].zfill(2)


def right_answers(number: str) -> dict[str, str]:
    """The right answers to an exercise by style, the reference first."""
    others = answers_of(lesson_of(number))[number].right
    return {REFERENCE: exercise(number).answer_source, **others}


@cache
def tried(number: str) -> dict[str, list[Mutant]]:
    """The mutants of each right answer, by style, that `make mutants` tries; each source once."""
    answers = right_answers(number)
    chosen = {REFERENCE: mutants(answers.pop(REFERENCE))}
    if number in DEAR:
        return {REFERENCE: spread(chosen[REFERENCE], DEAR[number])}
    seen = {one.source for one in chosen[REFERENCE]}
    for style, answer in answers.items():
        made = [one for one in mutants(answer) if one.source not in seen]
        seen.update(one.source for one in made)
        chosen[style] = spread(made, MOST)
    return chosen


def spread(made: list[Mutant], most: int) -> list[Mutant]:
    """At most so many of them, from the first to the last at equal distances."""
    if len(made) <= most:
        return made
    return [made[n * len(made) // most] for n in range(most)]


@cache
def equivalents() -> dict[str, dict[str, dict[str, str]]]:
    """Why a mutant is as right as its answer: by exercise, by style, and by its change."""
    return tomllib.loads(EQUIVALENT.read_text(encoding="utf-8"))


def row(number: str, verdicts: dict[str, dict[str, Verdict]]) -> Row:
    """The line of an exercise, from the verdicts on its mutants by style and change."""
    fates = [(style, change, one.fate) for style, some in verdicts.items() for change, one in some.items()]
    count, known = Counter(fate for _, _, fate in fates), equivalents().get(number, {})
    equivalent = sum(fate is Fate.SURVIVED and change in known.get(style, {}) for style, change, fate in fates)
    return Row(
        exercise=number,
        answers=len(verdicts),
        mutants=len(fates),
        refused=count[Fate.REFUSED],
        error=count[Fate.ERROR],
        no_end=count[Fate.TIME] + count[Fate.GONE],
        equivalent=equivalent,
        surviving=count[Fate.SURVIVED] - equivalent,
    )


def wanting(number: str, verdicts: dict[str, dict[str, Verdict]]) -> list[str]:
    """What is to be done: mutants that survive and are not known, and those known as equivalent that are refused."""
    known, lines = equivalents().get(number, {}), []
    for style, some in verdicts.items():
        for change, verdict in some.items():
            is_known, survived = change in known.get(style, {}), verdict.fate is Fate.SURVIVED
            if survived and not is_known:
                lines.append(f'survives: ["{number}"."{style}"] {change}')
            elif is_known and not survived:
                lines.append(f'no equivalent: ["{number}"."{style}"] {change}: {verdict.fate}, {verdict.message}')
    return lines


def written() -> dict[str, Row]:
    """The lines of the table as it stands, by exercise."""
    lines = TABLE.read_text(encoding="utf-8").splitlines() if TABLE.exists() else []
    cells = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines if line.startswith("| ")]
    rows = [Row(first, *(int(one.replace(",", "")) for one in rest)) for first, *rest in cells if first[0].isdigit()]
    return {one.exercise: one for one in rows}


def write(rows: Iterable[Row]) -> None:
    """Put these lines into the table, in place of those of the same exercises."""
    lines = written() | {one.exercise: one for one in rows}
    there = [lines[number] for number in all_exercises() if number in lines]
    numbers = [astuple(one)[1:] for one in there]
    total = Row("all", *map(sum, zip(*numbers, strict=True)))
    TABLE.write_text(HEAD + "".join(f"{one}\n" for one in [*there, total]), encoding="utf-8")
