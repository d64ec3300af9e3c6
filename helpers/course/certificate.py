"""What a learner has done, as one page to keep: the exercises solved, the hints asked for, the scoreboard."""

from __future__ import annotations

import html
from collections.abc import Iterable, Mapping
from datetime import date
from pathlib import Path

from helpers.course import progress, scoreboard
from helpers.course.exercise import Exercise
from helpers.course.lessons import title
from helpers.course.web_page import html_table, web_page
from helpers.errors import CourseError, one_line
from helpers.places import atomic_write_text

GENERATOR = "transfer-learning course: certificate"
HONESTY = (
    "This page is a record that the course kept on this machine. It is no proof: its files can be edited by hand, "
    "nobody watched, and whether a solution was read is not recorded. What proves something is the work itself: ask "
    "for it."
)


def write_certificate(path: Path, lessons: Mapping[str, Iterable[Exercise]], *, name: str = "") -> str:
    """Write the page to `path`, whole or not at all, and tell in one line what it says.

    Args:
        path: an `.html` file; an earlier certificate there is replaced.
        lessons: the exercises of each lesson by its number, such as "03".
        name: whose it is, or nothing.

    Raises:
        CourseError: another file is there, it cannot be written, or a record is damaged.
    """
    _require_room(path)
    entries = progress.read()
    known = {lesson: list(exercises) for lesson, exercises in lessons.items()}
    numbers = [one.number for exercises in known.values() for one in exercises]
    solved = [number for number in numbers if entries.get(number, {}).get("solved")]
    hints = sum(entries[number]["hints"] for number in numbers if number in entries)
    told = f"{len(solved)} of {len(numbers)} exercises solved, {hints} hint{'s' * (hints != 1)} asked for"
    owner = f" of {one_line(name)}" if name.strip() else ""
    body = [
        f"<p>{told}, as of {date.today().isoformat()}.</p>",
        f"<p>{html.escape(HONESTY)}</p>",
        *(_lesson(lesson, exercises, entries) for lesson, exercises in known.items()),
        _scoreboard(),
    ]
    page = web_page(f"Transfer learning with torchvision: the record{owner}", "\n".join(body), generator=GENERATOR)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        atomic_write_text(path, page)
    except OSError as error:
        raise CourseError(
            f"cannot write {one_line(path)} ({error.strerror}): name a file in a folder of yours"
        ) from None
    return told


def _require_room(path: Path) -> None:
    if path.is_dir():
        raise CourseError(f"{one_line(path)} is a folder: name a file in it, such as certificate.html")
    if path.exists() and GENERATOR.encode() not in path.read_bytes()[:2000]:
        raise CourseError(f"{one_line(path)} is there already and is no certificate: name another file")


def _lesson(number: str, exercises: list[Exercise], entries: Mapping[str, dict]) -> str:
    heading = title(number)
    none = {"solved": False, "attempts": 0, "hints": 0}
    rows = []
    for one in exercises:
        entry = entries.get(one.number, none)
        solved = "solved" if entry["solved"] else "tried" if entry["attempts"] else "open"
        rows.append([f"{one.number} {one.title}", str(one.level), solved, entry["attempts"], entry["hints"]])
    count = sum(row[2] == "solved" for row in rows)
    columns = ["exercise", "level", "state", "checks", "hints"]
    caption = f"{count} of {len(rows)} solved in {heading}"
    return f"<h2>{html.escape(heading)}</h2>\n{html_table(caption, columns, rows)}"


def _scoreboard() -> str:
    rows = [scoreboard.in_words(row) for row in scoreboard.read()]
    if not rows:
        return "<h2>Scoreboard</h2>\n<p>Nothing was run yet.</p>"
    caption = "Each strategy that was run on this machine, with its accuracy on the test part."
    table = html_table(caption, list(rows[0]), [list(row.values()) for row in rows])
    return f"<h2>Scoreboard</h2>\n{table}"
