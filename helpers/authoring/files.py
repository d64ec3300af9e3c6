"""Several files that are written together: all of them, or none."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from helpers.errors import CourseError
from helpers.places import atomic_write, atomic_write_text


@contextmanager
def written(texts: Mapping[Path, str]) -> Iterator[None]:
    """Write each text to its file, and go on; where what follows fails, every file is as it was.

    Raises:
        CourseError: a file cannot be written.
    """
    before = {path: path.read_bytes() if path.exists() else None for path in texts}
    made = [folder for path in texts for folder in path.parents if not folder.exists()]
    try:
        _write(texts)
        yield
    except BaseException:
        _restore(before, made)
        raise


def _write(texts: Mapping[Path, str]) -> None:
    for path, text in texts.items():
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            atomic_write_text(path, text)
        except OSError as error:
            raise CourseError(f"cannot write {path} ({error.strerror}): make room, or get the right to write") from None


def _restore(before: Mapping[Path, bytes | None], made: list[Path]) -> None:
    for path, content in before.items():
        if content is not None:
            with atomic_write(path) as draft:
                draft.write_bytes(content)
        elif path.exists():
            path.unlink()
    for folder in sorted(made, key=lambda one: len(one.parts), reverse=True):
        if folder.is_dir() and not any(folder.iterdir()):
            folder.rmdir()
