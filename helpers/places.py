"""Where the course keeps things: the checkout, the cache, and what the learner makes."""

from __future__ import annotations

import contextlib
import glob
import os
import re
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

from helpers.errors import CourseError

A_DAY = 24 * 3600.0  # seconds


def repository() -> Path:
    """The course's checkout. Set `COURSE_HOME` where `helpers` is installed away from it."""
    home = Path(os.environ.get("COURSE_HOME", Path(__file__).resolve().parents[1]))
    if not (home / "notebooks").is_dir():
        raise CourseError(
            f"no notebooks folder in {home}: install with `make setup`, or set COURSE_HOME to the course's folder"
        )
    return home


def lesson_paths() -> list[Path]:
    """The notebook of every lesson, in their order.

    A copy that a learner has made beside it (`03_freeze_the_backbone-Copy1.ipynb`, `... copy.ipynb`) is none.
    """
    found = (repository() / "notebooks").glob("[0-9][0-9]_*.ipynb")
    return sorted(path for path in found if re.fullmatch(r"[0-9a-z_]+", path.stem))


def course_command() -> str:
    """What starts the course's command line in a terminal that stands in the checkout.

    A terminal knows nothing of the environment that `make setup` makes: there, plain `python` is another one.
    """
    python = Path(sys.executable)
    own = repository().resolve() / ".venv"
    if Path(sys.prefix).resolve() != own.resolve():
        return "python -m helpers"
    return f"{Path('.venv') / python.parent.name / python.name} -m helpers"


def cache_dir() -> Path:
    """For what can be made again: painted images, cached features. `COURSE_CACHE` moves it."""
    return _folder("COURSE_CACHE", repository() / "data" / "cache")


def output_dir() -> Path:
    """For what the learner makes: the scoreboard and the record of attempts. `COURSE_OUTPUT` moves it."""
    return _folder("COURSE_OUTPUT", repository() / "data" / "learner")


def weights_dir() -> Path:
    """Where fetched weights lie, as flat files: `checkpoints` in the folder that `COURSE_WEIGHTS` names.

    Without that variable it is torch.hub's own `checkpoints`, which all code with torchvision shares. The folder is
    not made here: a stick or a share that cannot be written to serves as well. A relative one starts at the checkout,
    so that a notebook means the same folder as the command line.

    Raises:
        CourseError: `~name` of somebody who has no home here.
    """
    if named := os.environ.get("COURSE_WEIGHTS"):
        folder = _expanded(named)
        return (folder if folder.is_absolute() else repository().absolute() / folder) / "checkpoints"
    import torch.hub  # the doctor asks for other places where torch cannot be imported

    return Path(torch.hub.get_dir()) / "checkpoints"


@contextlib.contextmanager
def atomic_write(path: Path) -> Iterator[Path]:
    """A name beside `path` to write to, renamed to `path` at the end: a file is there whole or not at all.

    Where writing fails, the draft is taken away, and what `path` held before stays.
    """
    sweep_drafts(path)
    draft = path.with_name(f".{path.name}.{os.getpid()}.{threading.get_ident()}.tmp")
    try:
        yield draft
        draft.replace(path)
    finally:
        draft.unlink(missing_ok=True)


def atomic_write_text(path: Path, text: str) -> None:
    """Write a text file (UTF-8) whole or not at all."""
    with atomic_write(path) as draft:
        draft.write_text(text, encoding="utf-8")


def why_not_written(error: BaseException) -> str | None:
    """The system's reason why a file could not be written; None where `error` says nothing of that.

    safetensors and torch have errors of their own for a full disk, and torch's name neither the disk nor the file.
    """
    if isinstance(error, CourseError):  # told already, with its cure
        return None
    if found := re.search(r"I/O error: (.+) \(os error \d+\)", str(error)):
        return found.group(1)
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, OSError):
            return cause.strerror or str(cause)
        cause = cause.__context__
    return "is the disk full?" if re.search("PytorchStreamWriter|inline_container", str(error)) else None


def sweep_drafts(path: Path) -> None:
    """Take away drafts of `path` that nobody has written to for a day: their program was killed."""
    for draft in path.parent.glob(f".{glob.escape(path.name)}.*.tmp"):
        with contextlib.suppress(OSError):  # gone meanwhile, or somebody else's: it is in nobody's way
            if time.time() - draft.stat().st_mtime > A_DAY:
                draft.unlink()


def _expanded(named: str) -> Path:
    try:
        return Path(named).expanduser()
    except RuntimeError:
        raise CourseError(
            f"COURSE_WEIGHTS is {named}, and nobody of that name has a home here: set COURSE_WEIGHTS to a folder "
            "that you own"
        ) from None


def _folder(variable: str, default: Path) -> Path:
    folder = Path(os.environ.get(variable) or default)
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise CourseError(
            f"cannot write to {folder} ({error.strerror}): set {variable} to a folder that you own"
        ) from None
    return folder
