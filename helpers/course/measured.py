"""What the course measured earlier, in runs that are too long for a lesson: `data/measured/NAME.json`.

Each file is made by the benchmark of the same name, which `benchmarks/` holds, and is never edited by hand.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from helpers.course.records import read_json
from helpers.errors import CourseError, unknown_name
from helpers.places import atomic_write_text, repository


def load_measured(name: str) -> dict[str, Any]:
    """What `benchmarks/NAME.py` found: its `results`, and the `parameters` and `versions` that it ran with.

    Raises:
        CourseError: there is no such file, or it is damaged.
    """
    if not _file(name).exists():
        raise unknown_name("measurement", name, sorted(file.stem for file in _folder().glob("*.json")))
    found = read_json(_file(name), {})
    if missing := {"results", "parameters", "versions"} - set(found):
        raise CourseError(f"{_file(name)} lacks {', '.join(sorted(missing))}: get it anew from the course's repository")
    return found


def save_measured(name: str, found: dict[str, Any]) -> Path:
    """Write it whole or not at all; for benchmarks."""
    _folder().mkdir(exist_ok=True)
    atomic_write_text(_file(name), json.dumps(found, indent=1, allow_nan=False) + "\n")
    return _file(name)


def _folder() -> Path:
    return repository() / "data" / "measured"


def _file(name: str) -> Path:
    return _folder() / f"{name}.json"
