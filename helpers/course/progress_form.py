"""What the progress file holds, and how two of them become one.

The file is JSON. Each exercise stands under its number, as it has since the first version; the rest came later:

    {"format": 2,
     "3.2": {"attempts": 4, "hints": 1, "latest": "correct", "solved": true},
     "quizzes": {"03.1": {"tried": {"Nothing": "2026-11-27T20:03:00Z"}, "solved": false}},
     "lessons": {"03": {"first": "2026-11-27T19:40:12Z", "last": "2026-11-27T20:03:00Z"}}}

A quiz keeps the words of each option that was tried and when it was first: with letters, a question whose options
change their places would remember another answer.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

from helpers.course.records import Unusable

FORMAT = 2
NOT_TRIED = {"attempts": 0, "hints": 0, "latest": None, "solved": False}
NOT_ANSWERED: dict = {"tried": {}, "solved": False}

_CLOCK = "%Y-%m-%dT%H:%M:%SZ"  # sorted as text, these are sorted in time
_SECTIONS = ("format", "quizzes", "lessons")
_RANK = {"error": 1, "incorrect": 2, "correct": 3}


def now() -> str:
    """This moment as the file writes it: UTC, to the second."""
    return datetime.now(UTC).strftime(_CLOCK)


def local_time(moment: str) -> datetime:
    """A moment of the file in this machine's time zone."""
    return datetime.strptime(moment, _CLOCK).replace(tzinfo=UTC).astimezone()


def lesson_of(number: str) -> str:
    """The lesson of an exercise or a quiz question: "03" for "3.2" and for "03.1"."""
    return number.partition(".")[0].zfill(2)


def exercises_in(found: dict) -> dict[str, dict]:
    """What the file says of exercises, by their numbers."""
    return {number: entry for number, entry in found.items() if number not in _SECTIONS}


def require(path: Path, found: dict) -> None:
    """Hold what was read from `path` to the form above: it may be edited by hand, of another program, or newer.

    Raises:
        Unusable: it has another form.
    """
    version = found.get("format", 1)
    if _is_count(version) and version > FORMAT:
        raise Unusable(
            f"{path} was written by a newer version of the course: get that with `make update`, or move the file away"
        )
    if version not in (1, FORMAT) or isinstance(version, bool):
        raise Unusable(f"{path} has a format that is none: move the file away, and it starts afresh")
    _require_each(path, "exercise", r"\d{1,2}\.\d{1,2}", exercises_in(found), _is_exercise)
    _require_each(path, "quiz", r"\d\d\.\d{1,2}", found.get("quizzes", {}), _is_question)
    _require_each(path, "lesson", r"\d\d", found.get("lessons", {}), _is_lesson)


def _require_each(path: Path, kind: str, name: str, entries: object, is_entry: Callable[[dict], bool]) -> None:
    if not isinstance(entries, dict):
        raise Unusable(f"{path} holds no {kind} records: move the file away, and it starts afresh")
    for number, entry in entries.items():
        if not re.fullmatch(name, number) or not isinstance(entry, dict) or not is_entry(entry):
            raise Unusable(f"{path} holds no record of {kind} {number[:20]}: move the file away, and it starts afresh")


def _is_exercise(entry: dict) -> bool:
    return (
        entry.keys() == NOT_TRIED.keys()
        and _is_count(entry["attempts"])
        and _is_count(entry["hints"])
        and isinstance(entry["latest"], str | None)
        and isinstance(entry["solved"], bool)
    )


def _is_question(entry: dict) -> bool:
    return (
        entry.keys() == NOT_ANSWERED.keys()
        and isinstance(entry["tried"], dict)
        and all(map(_is_moment, entry["tried"].values()))
        and isinstance(entry["solved"], bool)
    )


def _is_lesson(entry: dict) -> bool:
    return entry.keys() == {"first", "last"} and all(map(_is_moment, entry.values()))


def _is_count(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= 0


def _is_moment(value: object) -> bool:
    try:
        return isinstance(value, str) and datetime.strptime(value, _CLOCK).strftime(_CLOCK) == value
    except ValueError:
        return False


def merged(one: dict, other: dict) -> dict:
    """One record from two: what is solved in either is solved, and nothing that either knows is lost.

    Two copies of one file have a past in common, so that counts are not added: the larger one stays. In whichever
    order, and however often, copies are merged, the result is the same.
    """
    exercises = _union(exercises_in(one), exercises_in(other), _better_exercise)
    quizzes = _union(one.get("quizzes", {}), other.get("quizzes", {}), _both_questions)
    lessons = _union(one.get("lessons", {}), other.get("lessons", {}), _whole_time)
    return {"format": FORMAT, **exercises, "quizzes": quizzes, "lessons": lessons}


def without(found: dict, lessons: set[str]) -> dict:
    """The record without all that it knows of these lessons ("03")."""

    def kept(entries: dict) -> dict:
        return {number: entry for number, entry in entries.items() if lesson_of(number) not in lessons}

    sections = {name: kept(found.get(name, {})) for name in ("quizzes", "lessons")}
    return {"format": FORMAT, **kept(exercises_in(found)), **sections}


def _union(one: dict, other: dict, meet: Callable[[dict, dict], dict]) -> dict:
    names = sorted({**one, **other})
    return {name: meet(one.get(name, other.get(name)), other.get(name, one.get(name))) for name in names}


def _better_exercise(one: dict, other: dict) -> dict:
    return {
        "attempts": max(one["attempts"], other["attempts"]),
        "hints": max(one["hints"], other["hints"]),
        "latest": max(one, other, key=_how_far)["latest"],
        "solved": one["solved"] or other["solved"],
    }


def _how_far(entry: dict) -> tuple[int, int, str]:
    """The copy with more checks knows the latest one; with equally many, the better outcome stands."""
    return entry["attempts"], _RANK.get(entry["latest"], 0), entry["latest"] or ""


def _both_questions(one: dict, other: dict) -> dict:
    tried = {
        option: min(entry["tried"][option] for entry in (one, other) if option in entry["tried"])
        for option in sorted({**one["tried"], **other["tried"]})
    }
    return {"tried": tried, "solved": one["solved"] or other["solved"]}


def _whole_time(one: dict, other: dict) -> dict:
    return {"first": min(one["first"], other["first"]), "last": max(one["last"], other["last"])}
