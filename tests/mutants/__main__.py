"""`make mutants`: judge the mutants of all exercises, or of some, and write the table: `python -m tests.mutants -h`."""

from __future__ import annotations

import argparse
import sys

from helpers.errors import CourseError
from helpers.places import repository
from tests.mutants import table
from tests.mutants.judging import Verdict, bench
from tests.mutants.kept import Known
from tests.mutants.making import Mutant

_Chosen = dict[str, list[Mutant]]  # by style


def main(arguments: list[str] | None = None) -> int:
    """0 where each mutant is refused or known as equivalent; 1 where not, or one is known wrongly; 2: bad input."""
    asked = _parser().parse_args(arguments)
    try:
        numbers = _numbers(asked.exercises)
        known = None if asked.sample else Known(repository() / "build" / "mutants.jsonl")
    except CourseError as error:
        print(error, file=sys.stderr)
        return 2
    wanting = []
    for number in numbers:
        verdicts = _judged(number, _chosen(number, asked.sample), known, anew=asked.anew)
        row = table.row(number, verdicts)
        wanting += table.wanting(number, verdicts)
        print(f"{number}: {row.mutants} mutants, {row.equivalent} equivalent, {row.surviving} surviving", flush=True)
        if not asked.sample:
            table.write([row])
    if wanting:
        print(
            *wanting, "Close the hole in the check, or say in tests/mutants/equivalent.toml why it is none.", sep="\n"
        )
    return 1 if wanting else 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser("python -m tests.mutants", description="Judge the mutants of right answers.")
    parser.add_argument("exercises", nargs="*", help="such as 3.2, or 03 for a lesson; all where none is named")
    parser.add_argument("--sample", type=int, help="so many of each reference, all judged now, and no table")
    parser.add_argument("--anew", action="store_true", help="judge also what an earlier run has judged")
    return parser


def _numbers(asked: list[str]) -> list[str]:
    """The exercises that are meant, in the order of the course."""
    there = table.all_exercises()
    for one in asked:
        if not any(_means(one, number) for number in there):
            raise CourseError(f"there is no exercise {one}: name one as 3.2, or a lesson as 03")
    return [number for number in there if not asked or any(_means(one, number) for one in asked)]


def _means(asked: str, number: str) -> bool:
    return asked in (number, table.lesson_of(number))


def _chosen(number: str, sample: int | None) -> _Chosen:
    chosen = table.tried(number)
    return {table.REFERENCE: table.spread(chosen[table.REFERENCE], sample)} if sample else chosen


def _judged(number: str, chosen: _Chosen, known: Known | None, *, anew: bool) -> dict[str, dict[str, Verdict]]:
    """The verdicts on mutants, by style and change: where they are `known` those of an earlier run, or found now."""
    verdicts = {style: known.verdicts(number, some) if known and not anew else {} for style, some in chosen.items()}
    left = [(style, one) for style, some in chosen.items() for one in some if one.change not in verdicts[style]]
    if left:
        found = bench(number, table.right_answers(number)[table.REFERENCE]).verdicts([one.source for _, one in left])
        for place, verdict in found:
            style, mutant = left[place]
            verdicts[style][mutant.change] = verdict
            if known:
                known.add(number, mutant, verdict)
    return verdicts


if __name__ == "__main__":
    sys.exit(main())
