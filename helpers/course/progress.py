"""The learner's record: which exercises were tried, how often, and with what outcome."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from helpers.course.records import Unusable, read_json, updated_json
from helpers.places import output_dir

_EMPTY = {"attempts": 0, "hints": 0, "latest": None, "solved": False}


def progress_file() -> Path:
    return output_dir() / "progress.json"


def record(number: str, outcome: str) -> None:
    """Note one check. The best outcome stays: a later slip does not undo a right answer."""
    if outcome == "not_attempted":
        return
    with _updated_entry(number) as entry:
        entry["attempts"] += 1
        entry["latest"] = str(outcome)
        entry["solved"] = entry["solved"] or outcome == "correct"


def count_hint(number: str) -> int:
    """Note that a hint was asked for; how many there have been, this one included."""
    with _updated_entry(number) as entry:
        entry["hints"] += 1
        return entry["hints"]


def read() -> dict[str, dict]:
    """By exercise number: `attempts`, `hints`, `latest` (an outcome) and `solved`."""
    entries = read_json(progress_file(), {})
    _require_entries(entries)
    return entries


def _require_entries(entries: dict) -> None:
    """Someone may have edited the file by hand, or worked with a newer version of the course."""
    for number, entry in entries.items():
        if not isinstance(entry, dict) or entry.keys() != _EMPTY.keys() or not _are_counts(entry):
            raise Unusable(
                f"{progress_file()} holds no record of exercise {number}: move the file away, and it starts afresh"
            )


def _are_counts(entry: dict) -> bool:
    return isinstance(entry["attempts"], int) and isinstance(entry["hints"], int)


@contextmanager
def _updated_entry(number: str) -> Iterator[dict]:
    with updated_json(progress_file(), {}, _require_entries) as entries:
        yield entries.setdefault(number, dict(_EMPTY))


def summary(numbers: list[str]) -> str:
    """One line on these exercises: how many are solved, and which are open."""
    entries = read()
    solved = [n for n in numbers if entries.get(n, {}).get("solved")]
    open_ones = [n for n in numbers if n not in solved]
    rest = f" Still open: {', '.join(open_ones)}." if open_ones else " All done."
    return f"You have solved {len(solved)} of {len(numbers)} exercises.{rest}"
