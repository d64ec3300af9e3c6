"""A folder that is there whole or not at all."""

from __future__ import annotations

import glob
import os
import shutil
import tempfile
import time
from collections.abc import Collection, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from helpers.errors import CourseError, first_few, one_line
from helpers.places import A_DAY, why_not_written


def require_room_for(folder: Path, *, mark: str, files: Collection[str], replace: bool) -> None:
    """Whether `folder` may be written: nothing is there, or an earlier one of ours that may go.

    Args:
        mark: the file by which a folder of ours is known.
        files: all that we write; a folder that holds anything else is somebody's.

    Raises:
        CourseError: otherwise.
    """
    above = next(one for one in folder.parents if one.exists())
    if not above.is_dir() or not os.access(above, os.W_OK):
        raise CourseError(f"nothing can be written in {one_line(above)}: name a folder in a place of yours")
    _put_back(folder, files)
    if not folder.exists() and not folder.is_symlink():
        return
    name = one_line(folder)
    if folder.is_symlink() or not (folder / mark).is_file():
        raise CourseError(f"{name} is there already, and was not written by this command: name another folder")
    others = sorted(one.name for one in folder.iterdir() if one.name not in files)
    if others:
        raise CourseError(
            f"{name} also holds {one_line(first_few(others))}, which would be lost: move that away, or name another "
            "folder"
        )
    if not replace:
        raise CourseError(f"{name} holds an earlier card: name another folder, or add --replace (replace=True)")


@contextmanager
def whole_folder(folder: Path) -> Iterator[Path]:
    """A folder beside `folder` to write into, which gets that name at the end.

    Whatever stops the block (an exception, Ctrl-C, a full disk), `folder` is as it was, and the draft is taken away. A
    program that is killed leaves a draft, which no later run heeds, and which goes after a day. An earlier `folder` is
    set aside by one rename before the draft takes its place by another; if the program dies between the two, the next
    `require_room_for` puts the earlier one back.

    Raises:
        CourseError: the place cannot be written to.
    """
    draft = None
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        _sweep(folder)
        # Beside it, since a rename works within one disk alone.
        draft = Path(tempfile.mkdtemp(prefix=f".{folder.name}.", suffix=".draft", dir=folder.parent))
        yield draft
        draft.chmod(0o755)  # `mkdtemp` makes it for its owner alone
        _take_the_place(draft, folder)
    except Exception as error:
        if (why := why_not_written(error)) is None:
            raise
        raise CourseError(f"cannot write {one_line(folder)} ({why}): make room, or name another folder") from None
    finally:
        if draft is not None:
            shutil.rmtree(draft, ignore_errors=True)


def _take_the_place(draft: Path, folder: Path) -> None:
    if not folder.exists():
        draft.rename(folder)
        return
    aside = _aside(folder)
    try:
        folder.rename(aside)
        draft.rename(folder)
    except BaseException:
        if not folder.exists():
            aside.rename(folder)
        raise
    shutil.rmtree(aside, ignore_errors=True)


def _aside(folder: Path) -> Path:
    return folder.with_name(f".{folder.name}.earlier")


def _put_back(folder: Path, files: Collection[str]) -> None:
    """The earlier folder, where a run was killed between its two renames; else what that run left of it goes."""
    aside = _aside(folder)
    if not aside.is_dir() or any(one.name not in files for one in aside.iterdir()):  # there is none, or it is not ours
        return
    if folder.exists():
        shutil.rmtree(aside, ignore_errors=True)
    else:
        aside.rename(folder)


def _sweep(folder: Path) -> None:
    """Take away drafts that are a day old: their program was killed."""
    for draft in folder.parent.glob(f".{glob.escape(folder.name)}.*.draft"):
        with suppress(OSError):  # gone meanwhile, or somebody else's: it is in nobody's way
            if time.time() - draft.stat().st_mtime > A_DAY:
                shutil.rmtree(draft, ignore_errors=True)
