"""Verdicts on mutants that were found before: a run that was stopped goes on from them.

One line a mutant in `build/mutants.jsonl`. A verdict holds for the mutant's source and for the check as it is now: the
files of its lesson and the vocabulary of proofs. Where something beneath those has changed, judge `--anew`.
"""

from __future__ import annotations

import hashlib
import json
from functools import cache
from pathlib import Path

import helpers
from helpers.places import repository
from tests.mutants.judging import Fate, Verdict
from tests.mutants.making import Mutant

PACKAGE = Path(helpers.__file__).parent


def verdicts(number: str, some: list[Mutant]) -> dict[str, Verdict]:
    """What is known of these mutants, by their changes."""
    known = _read()
    keys = {one.change: _key(number, one) for one in some}
    return {change: known[key] for change, key in keys.items() if key in known}


def keep(number: str, mutant: Mutant, verdict: Verdict) -> None:
    """Write one verdict down, and for whoever reads the file what it is of."""
    file = _file()
    file.parent.mkdir(exist_ok=True)
    line = {
        "key": _key(number, mutant),
        "exercise": number,
        "kind": mutant.kind,
        "change": mutant.change,
        "fate": verdict.fate,
        "message": verdict.message,
    }
    with file.open("a", encoding="utf-8") as lines:
        lines.write(f"\n{json.dumps(line)}\n")  # on a line of its own, also after one that a kill has cut off


def _file() -> Path:
    return repository() / "build" / "mutants.jsonl"


def _read() -> dict[str, Verdict]:
    """What the file holds by key; a line that a kill has cut off is left out."""
    text = _file().read_text(encoding="utf-8") if _file().exists() else ""
    lines = [line for line in map(_whole, text.splitlines()) if line]
    return {line["key"]: Verdict(Fate(line["fate"]), line["message"]) for line in lines}


def _whole(line: str) -> dict[str, str]:
    try:
        return json.loads(line)
    except ValueError:
        return {}


def _key(number: str, mutant: Mutant) -> str:
    return hashlib.sha256(f"{number}\n{_check(number)}\n{mutant.source}".encode()).hexdigest()


@cache
def _check(number: str) -> str:
    """The check's own code, in short."""
    lesson = PACKAGE / "lessons" / f"lesson_{number.partition('.')[0].zfill(2)}"
    files = [*sorted(lesson.rglob("*.py")), *sorted((PACKAGE / "checking").rglob("*.py"))]
    return hashlib.sha256(b"\0".join(path.read_bytes() for path in files)).hexdigest()
