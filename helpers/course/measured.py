"""Numbers that a lesson shows and did not measure itself: the course's own, of earlier, and what others published.

`data/measured/NAME.json` is made by the benchmark of the same name, which `benchmarks/` holds, and is never edited by
hand. `data/published/NAME.json` is copied by hand, figure by figure, from the `sources` that it names.
"""

from __future__ import annotations

import json
import platform
from importlib.metadata import version
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
    return _read(_folder(), name, "measurement", {"results", "parameters", "versions"})


def load_published(name: str) -> dict[str, Any]:
    """What others found: its `results`, with what they are `about` and the `sources` where they can be read.

    Raises:
        CourseError: there is no such file, or it is damaged.
    """
    return _read(_published(), name, "published table", {"results", "about", "sources"})


def save_measured(name: str, found: dict[str, Any]) -> Path:
    """Write it whole or not at all; for benchmarks."""
    _folder().mkdir(exist_ok=True)
    file = _folder() / f"{name}.json"
    atomic_write_text(file, json.dumps(found, indent=1, allow_nan=False) + "\n")
    return file


def earlier_results(name: str, parameters: dict[str, Any]) -> list[dict[str, Any]]:
    """The rows in the file, if it was made with the same parameters: else they do not belong beside new ones.

    None where there is no file yet, or a damaged one, which then gets a new one.
    """
    try:
        found = load_measured(name)
    except CourseError:
        return []
    return found["results"] if found["parameters"] == parameters else []


def versions_here() -> dict[str, str]:
    """What a measurement may depend on beside its parameters: releases of the packages, Python, kind of machine."""
    packages = {package: version(package) for package in ("torch", "torchvision", "timm")}
    return packages | {"python": platform.python_version(), "machine": platform.machine()}


def _read(folder: Path, name: str, kind: str, parts: set[str]) -> dict[str, Any]:
    file = folder / f"{name}.json"
    if not file.exists():
        raise unknown_name(kind, name, sorted(known.stem for known in folder.glob("*.json")))
    found = read_json(file, {})
    if missing := parts - set(found):
        raise CourseError(f"{file} lacks {', '.join(sorted(missing))}: get it anew from the course's repository")
    return found


def _folder() -> Path:
    return repository() / "data" / "measured"


def _published() -> Path:
    return repository() / "data" / "published"
