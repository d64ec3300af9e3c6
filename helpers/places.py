"""Where the course keeps things: the checkout, the cache, and what the learner makes."""

from __future__ import annotations

import contextlib
import os
import threading
from collections.abc import Iterator
from pathlib import Path

from helpers.errors import CourseError


def repository() -> Path:
    """The course's checkout. Set `COURSE_HOME` where `helpers` is installed away from it."""
    home = Path(os.environ.get("COURSE_HOME", Path(__file__).resolve().parents[1]))
    if not (home / "notebooks").is_dir():
        raise CourseError(
            f"no notebooks folder in {home}: install with `make setup`, or set COURSE_HOME to the course's folder"
        )
    return home


def cache_dir() -> Path:
    """For what can be made again: painted images, cached features. `COURSE_CACHE` moves it."""
    return _folder("COURSE_CACHE", repository() / "data" / "cache")


def output_dir() -> Path:
    """For what the learner makes: the scoreboard and the record of attempts. `COURSE_OUTPUT` moves it."""
    return _folder("COURSE_OUTPUT", repository() / "data" / "learner")


def weights_dir() -> Path:
    """Where fetched weights lie, as flat files: `checkpoints` in the folder that `COURSE_WEIGHTS` names.

    Without that variable it is torch.hub's own `checkpoints`, which all code with torchvision shares. The folder is
    not made here: a stick or a share that cannot be written to serves as well.
    """
    if named := os.environ.get("COURSE_WEIGHTS"):
        return Path(named).expanduser() / "checkpoints"
    import torch.hub  # the doctor asks for other places where torch cannot be imported

    return Path(torch.hub.get_dir()) / "checkpoints"


@contextlib.contextmanager
def draft_of(path: Path) -> Iterator[Path]:
    """A name beside `path` to write to, renamed to `path` at the end: a file is there whole or not at all.

    Where writing fails, the draft is taken away, and what `path` held before stays.
    """
    draft = path.with_name(f".{path.name}.{os.getpid()}.{threading.get_ident()}.tmp")
    try:
        yield draft
        draft.replace(path)
    finally:
        draft.unlink(missing_ok=True)


def _folder(variable: str, default: Path) -> Path:
    folder = Path(os.environ.get(variable) or default)
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise CourseError(
            f"cannot write to {folder} ({error.strerror}): set {variable} to a folder that you own"
        ) from None
    return folder
