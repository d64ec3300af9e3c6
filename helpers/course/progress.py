"""The learner's record: which exercises were tried, with what outcome, what a quiz was answered, and when.

One file on this machine, and no account: `progress.json` among what the learner makes.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from functools import partial
from itertools import count
from pathlib import Path

from helpers.course.progress_form import (
    FORMAT,
    NOT_ANSWERED,
    NOT_TRIED,
    exercises_in,
    lesson_of,
    merged,
    now,
    require,
    without,
)
from helpers.course.records import read_json, updated_json
from helpers.errors import CourseError
from helpers.places import atomic_write_text, output_dir


def progress_file() -> Path:
    return output_dir() / "progress.json"


def record(number: str, outcome: str) -> None:
    """Note one check. The best outcome stays: a later slip does not undo a right answer."""
    if outcome == "not_attempted":
        return
    with _updated(lesson_of(number)) as found:
        entry = found.setdefault(number, dict(NOT_TRIED))
        entry["attempts"] += 1
        entry["latest"] = str(outcome)
        entry["solved"] = entry["solved"] or outcome == "correct"


def count_hint(number: str) -> int:
    """Note that a hint was asked for; how many there have been, this one included."""
    with _updated(lesson_of(number)) as found:
        entry = found.setdefault(number, dict(NOT_TRIED))
        entry["hints"] += 1
        return entry["hints"]


def record_answer(lesson: str, question: int, option: str, *, right: bool) -> None:
    """Note an option, by its words, that was chosen in a lesson's quiz."""
    with _updated(lesson) as found:
        fresh = {**NOT_ANSWERED, "tried": {}}
        entry = found.setdefault("quizzes", {}).setdefault(f"{lesson}.{question}", fresh)
        entry["tried"].setdefault(option, now())
        entry["solved"] = entry["solved"] or right


def read() -> dict[str, dict]:
    """By exercise number: `attempts`, `hints`, `latest` (an outcome) and `solved`."""
    return exercises_in(load(progress_file()))


def tried_options(lesson: str) -> dict[int, list[str]]:
    """The options that were chosen in a lesson's quiz, by question: their words, the earliest first."""
    quizzes = load(progress_file()).get("quizzes", {})
    return {
        int(number.partition(".")[2]): sorted(entry["tried"], key=entry["tried"].__getitem__)
        for number, entry in quizzes.items()
        if lesson_of(number) == lesson
    }


def load(path: Path) -> dict:
    """A whole record, in the form of `progress_form`; an empty one where there is no file yet.

    Raises:
        CourseError: the file is damaged, is no record, or is of a newer version of the course. It stays as it is.
    """
    found = read_json(path, {})
    require(path, found)
    return found


def merge(other: Path) -> dict:
    """Take what another copy knows into this machine's record, and return what it then says.

    Raises:
        CourseError: there is no such file, or it is no record. Then nothing has changed.
    """
    if not other.is_file():
        raise CourseError(f"there is no file {other}: name the progress.json of the other copy")
    theirs = load(other)
    with _whole_record() as found:
        both = merged(found, theirs)
        found.clear()
        found.update(both)
    return both


def reset(lessons: Iterable[str]) -> Path | None:
    """Forget these lessons ("03"). The record as it was is kept beside; where, or None if it knew nothing of them."""
    with _whole_record() as found:
        known = merged(found, {})
        left = without(known, set(lessons))
        if left == known:
            return None
        kept = _free_name(progress_file())
        atomic_write_text(kept, json.dumps(known, indent=1) + "\n")
        found.clear()
        found.update(left)
    return kept


def _free_name(path: Path) -> Path:
    names = (path.with_name(f"{path.stem}.before-reset-{number}{path.suffix}") for number in count(1))
    return next(name for name in names if not name.exists())


@contextmanager
def _whole_record() -> Iterator[dict]:
    path = progress_file()
    with updated_json(path, {}, partial(require, path)) as found:
        found["format"] = FORMAT
        yield found


@contextmanager
def _updated(lesson: str) -> Iterator[dict]:
    """The record to change; it then says that this lesson was touched now."""
    with _whole_record() as found:
        moment = now()
        time = found.setdefault("lessons", {}).setdefault(lesson, {"first": moment, "last": moment})
        # A clock may have been set back meanwhile.
        time.update(first=min(time["first"], moment), last=max(time["last"], moment))
        yield found


def summary(numbers: list[str]) -> str:
    """One line on these exercises: how many are solved, and which are open."""
    entries = read()
    solved = [n for n in numbers if entries.get(n, {}).get("solved")]
    open_ones = [n for n in numbers if n not in solved]
    rest = f" Still open: {', '.join(open_ones)}." if open_ones else " All done."
    return f"You have solved {len(solved)} of {len(numbers)} exercises.{rest}"
