"""Verdicts on mutants that were found before: a run that was stopped goes on from them.

One line a mutant in `build/mutants.jsonl`. A verdict holds for the mutant's source and for the check as it is now: the
files of its lesson and the vocabulary of proofs. Where something beneath those has changed, judge `--anew`.
"""

from __future__ import annotations

import hashlib
from functools import cache
from pathlib import Path

import helpers
from helpers.kept_lines import KeptLines
from tests.mutants.judging import Fate, Verdict
from tests.mutants.making import Mutant

PACKAGE = Path(helpers.__file__).parent


class Known:
    """The verdicts of earlier runs, and those that this one adds."""

    def __init__(self, file: Path):
        self._kept = KeptLines(file, "record of verdicts", texts=["key", "fate", "message"])
        self._found = {line["key"]: Verdict(Fate(line["fate"]), line["message"]) for line in self._kept.lines}

    def verdicts(self, number: str, some: list[Mutant]) -> dict[str, Verdict]:
        """What is known of these mutants, by their changes."""
        keys = {one.change: _key(number, one) for one in some}
        return {change: self._found[key] for change, key in keys.items() if key in self._found}

    def add(self, number: str, mutant: Mutant, verdict: Verdict) -> None:
        """Write one verdict down, and for whoever reads the file what it is of."""
        told = {"exercise": number, "kind": mutant.kind, "change": mutant.change}
        found = {"fate": verdict.fate, "message": verdict.message}
        self._kept.add({"key": _key(number, mutant), **told, **found})


def _key(number: str, mutant: Mutant) -> str:
    return hashlib.sha256(f"{number}\n{_check(number)}\n{mutant.source}".encode()).hexdigest()


@cache
def _check(number: str) -> str:
    """The check's own code, in short."""
    lesson = PACKAGE / "lessons" / f"lesson_{number.partition('.')[0].zfill(2)}"
    files = [*sorted(lesson.rglob("*.py")), *sorted((PACKAGE / "checking").rglob("*.py"))]
    return hashlib.sha256(b"\0".join(path.read_bytes() for path in files)).hexdigest()
