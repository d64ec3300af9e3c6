"""A folder of photos as a dataset: which layout it has, which files are good, and what is missing."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import PIL

from helpers.data.images import IMAGE_SUFFIXES, ImageProblem, one_line, open_image
from helpers.data.splits import ImageDataset, Photo, Photos, Skipped, Splits, stratified_split
from helpers.errors import CourseError, first_few
from helpers.places import atomic_write_text, cache_dir

_VAL_NAMES = ("val", "valid", "validation")
_NOT_CLASSES = ("__MACOSX",)

ONE_FOLDER_A_CLASS = "one folder a class with at least 3 photos in each"


def load_folder(folder: str | os.PathLike[str], seed: int = 0) -> Splits:
    """Read a folder of photos, in one of three layouts.

    - One folder a class: 60 % train, 20 % validation, 20 % test, stratified, by `seed`.
    - `train/` and `val/` (or `test/`), each with one folder a class: the second is the held-out part
      and becomes `.test`; `.val` is 20 % of `train/`, stratified, by `seed`.
    - `train/`, `val/` and `test/`: taken as they are.

    Folders inside a class belong to that class. Hidden files, and files that are no images by their
    suffix, are ignored. Each image is decoded once; those that cannot be are in `.skipped` with the
    reason. What was found good is remembered in the cache, by path, size and time of change.

    Raises:
        CourseError: the folder is missing, unreadable, or has too few classes or photos to divide.
    """
    root = Path(folder)
    parts = _part_folders(root)
    loose: list[Skipped] = []
    found = {part: _photos_by_class(path, root, loose) for part, path in parts.items()}
    if "train" in parts:
        _same_classes(root, parts, found)
        loose += [Skipped(path, "beside train/") for path in _folders(root) if path not in parts.values()]
    elif len(found["all"]) < 2:
        raise _one_class(root, list(found["all"]))
    good, bad = _verified(root, [photo for by in found.values() for photos in by.values() for photo in photos])
    found = {part: {c: [p for p in ps if p in good] for c, ps in by.items()} for part, by in found.items()}
    for part, by_class in found.items():
        _enough(parts[part], by_class, bad, least=_least(part, parts))
    train, val, test = _divide(found, seed)
    return Splits(one_line(root.resolve().name), train.classes, train, val, test, sorted_skips(bad, loose))


def sorted_skips(*lists: Sequence[Skipped]) -> list[Skipped]:
    """All of them by path, so that two runs list the same."""
    return sorted((skip for skips in lists for skip in skips), key=lambda skip: str(skip.path))


# ---- layout ----------------------------------------------------------------------------------------


def _part_folders(root: Path) -> dict[str, Path]:
    """{"all": root}, or the folders of the parts by name."""
    here = one_line(root)
    if not root.exists():
        raise CourseError(f"no folder {here}: check the path, or use a dataset's name")
    if not root.is_dir():
        raise CourseError(f"{here} is a file, not a folder: give the folder that holds {ONE_FOLDER_A_CLASS}")
    by_name = {path.name.lower(): path for path in _folders(root)}
    if "train" not in by_name:
        return {"all": root}
    parts = {"train": by_name["train"]}
    val = next((by_name[name] for name in _VAL_NAMES if name in by_name), None)
    parts |= {"val": val} if val else {}
    parts |= {"test": by_name["test"]} if "test" in by_name else {}
    if len(parts) == 1:
        raise CourseError(
            f"{here} has train/ but no val/: add val/ with the held-out photos, or give {one_line(parts['train'])}"
        )
    return parts


def _least(part: str, parts: dict[str, Path]) -> int:
    """The images that a class needs in this folder: one for each part that is taken from it."""
    if part == "all":
        return 3
    return 2 if part == "train" and len(parts) == 2 else 1


def _divide(found: dict[str, dict[str, list[Photo]]], seed: int) -> tuple[ImageDataset, ...]:
    if "all" in found:
        whole = _dataset(found["all"])
        return tuple(whole.subset(part) for part in stratified_split(whole.labels, seed=seed))
    train = _dataset(found["train"])
    if len(found) == 3:
        return train, _dataset(found["val"]), _dataset(found["test"])
    kept, val, _ = stratified_split(train.labels, (0.8, 0.2, 0.0), seed=seed)
    held_out = found["val"] if "val" in found else found["test"]
    return train.subset(kept), train.subset(val), _dataset(held_out)


def _dataset(by_class: dict[str, list[Photo]]) -> ImageDataset:
    photos = [photo for members in by_class.values() for photo in members]
    labels = np.repeat(np.arange(len(by_class)), [len(members) for members in by_class.values()])
    return ImageDataset(Photos(tuple(photos)), labels, list(by_class), [photo.path.name for photo in photos])


# ---- finding the files -----------------------------------------------------------------------------


def _photos_by_class(folder: Path, root: Path, loose: list[Skipped]) -> dict[str, list[Photo]]:
    classes = _folders(folder)
    if not classes:
        has = "files but no class folders" if any(_entries(folder)) else "nothing in it"
        raise CourseError(f"{one_line(folder)} has {has}: give it {ONE_FOLDER_A_CLASS}")
    loose += [Skipped(Path(e.path), "in no class folder") for e in _entries(folder) if _is_photo(e.name)]
    return {path.name: list(_photos(path, root, loose)) for path in classes}


def _photos(folder: Path, root: Path, skipped: list[Skipped]) -> Iterator[Photo]:
    """Every photo under the folder, sorted by path; each real folder is read once, so links end."""
    seen: set[Path] = set()
    waiting = [folder]
    photos = []
    while waiting:
        current = waiting.pop()
        real = current.resolve()
        if real in seen:
            skipped.append(Skipped(current, "a link to a folder that was read already"))
            continue
        seen.add(real)
        for entry in _entries(current):
            path = Path(entry.path)
            try:
                if entry.is_dir():
                    waiting.append(path)
                elif _is_photo(entry.name):
                    state = path.stat()
                    relative = path.relative_to(root).as_posix()
                    photos.append(Photo(path, relative, state.st_size, state.st_mtime_ns))
            except OSError as error:  # a link to nothing, or to itself
                skipped.append(Skipped(path, f"unreadable ({error.strerror})"))
    yield from sorted(photos, key=lambda photo: photo.relative)


def _folders(folder: Path) -> list[Path]:
    names = [entry for entry in _entries(folder) if entry.name not in _NOT_CLASSES]
    return sorted((Path(entry.path) for entry in names if _is_dir(entry)), key=lambda path: path.name)


def _is_dir(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_dir()
    except OSError:  # a link to itself is no folder
        return False


def _entries(folder: Path) -> list[os.DirEntry[str]]:
    """What a person sees in the folder: hidden names are left out."""
    try:
        with os.scandir(folder) as entries:
            return [entry for entry in entries if not entry.name.startswith(".")]
    except OSError as error:
        raise CourseError(
            f"cannot read the folder {one_line(folder)} ({error.strerror}): check that you may open it"
        ) from None


def _is_photo(name: str) -> bool:
    return name.lower().endswith(IMAGE_SUFFIXES)


# ---- which files are good --------------------------------------------------------------------------


def _verified(root: Path, photos: Sequence[Photo]) -> tuple[set[Photo], list[Skipped]]:
    """The photos that decode, and the others. Only good ones are remembered: a cure shows at once."""
    record = cache_dir() / "verified_photos" / f"{hashlib.sha256(os.fsencode(root.resolve())).hexdigest()[:24]}.json"
    known = _read_record(record)
    unknown = [photo for photo in photos if _state(photo) not in known]
    # Pillow decodes without Python's lock, so threads use every core.
    with ThreadPoolExecutor(min(8, os.cpu_count() or 1)) as pool:
        reasons = dict(zip(unknown, pool.map(_problem_of, unknown), strict=True))
    bad = [Skipped(photo.path, reason) for photo, reason in reasons.items() if reason]
    good = {photo for photo in photos if not reasons.get(photo)}
    if any(not reason for reason in reasons.values()):
        _write_record(record, good)
    return good, bad


def _problem_of(photo: Photo) -> str | None:
    try:
        open_image(photo.path)
    except ImageProblem as problem:
        return problem.reason
    return None


def _state(photo: Photo) -> tuple[str, int, int]:
    return photo.relative, photo.size, photo.mtime_ns


def _read_record(record: Path) -> set[tuple[str, int, int]]:
    """What an earlier call found good; nothing where there is no record, or a damaged or older one."""
    try:
        content = json.loads(record.read_text("utf-8"))
        return (
            {(str(p), int(s), int(t)) for p, s, t in content["good"]} if content["pillow"] == PIL.__version__ else set()
        )
    except (OSError, ValueError, KeyError, TypeError):
        return set()


def _write_record(record: Path, good: set[Photo]) -> None:
    content = {"pillow": PIL.__version__, "good": sorted(_state(photo) for photo in good)}
    try:
        record.parent.mkdir(parents=True, exist_ok=True)
        atomic_write_text(record, json.dumps(content))
    except OSError as error:
        raise CourseError(
            f"cannot write to the cache {one_line(record.parent)} ({error.strerror}): free some space there, "
            "or set COURSE_CACHE to another folder"
        ) from None


# ---- what is missing -------------------------------------------------------------------------------


def _one_class(root: Path, classes: list[str]) -> CourseError:
    return CourseError(
        f"{one_line(root)} has one class folder only ({one_line(classes[0])}): "
        f"add a folder for each other class, it needs {ONE_FOLDER_A_CLASS}"
    )


def _same_classes(root: Path, parts: dict[str, Path], found: dict[str, dict[str, list[Photo]]]) -> None:
    train = set(found["train"])
    for part, by_class in found.items():
        missing, extra = sorted(train - set(by_class)), sorted(set(by_class) - train)
        if missing or extra:
            gaps = [f"{parts[part].name}/ lacks {first_few(map(one_line, missing), most=8)}"] if missing else []
            gaps += [f"{parts['train'].name}/ lacks {first_few(map(one_line, extra), most=8)}"] if extra else []
            raise CourseError(
                f"the classes of {one_line(root)} differ: {' and '.join(gaps)}; give every part the same class folders"
            )
    if len(train) < 2:
        raise _one_class(parts["train"], sorted(train))


def _enough(folder: Path, by_class: dict[str, list[Photo]], bad: Sequence[Skipped], least: int) -> None:
    short = {name: len(photos) for name, photos in by_class.items() if len(photos) < least}
    if not short:
        return
    unusable = {name: [s for s in bad if (folder / name) in s.path.parents] for name in short}
    told = []
    for name, count in list(short.items())[:5]:
        dropped = unusable[name]
        first = (
            f", {len(dropped)} unusable, as {one_line(dropped[0].path.name)} ({dropped[0].reason})" if dropped else ""
        )
        told.append(f"class {one_line(name)!r} has {count} usable {'photo' if count == 1 else 'photos'}{first}")
    more = f" and {len(short) - 5} more classes" if len(short) > 5 else ""
    raise CourseError(
        f"in {one_line(folder)} {'; '.join(told)}{more}: add photos, at least {least} for each class"
        f" ({' '.join(s.lstrip('.') for s in IMAGE_SUFFIXES[:4])} …), or remove the folder"
    )
