"""A folder of photos as a dataset: which files are good, which are copies, and what is missing."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import PIL

from helpers.data.images import (
    IMAGE_SUFFIXES,
    Depth,
    Examined,
    ImageProblem,
    Scales,
    common_scales,
    examine_image,
)
from helpers.data.layouts import ONE_FOLDER_A_CLASS, Branch, Layout, find_layout, plain_name
from helpers.data.splits import ImageDataset, Photo, Photos, Skipped, Splits, stratified_split
from helpers.errors import CourseError, first_few, one_line
from helpers.places import atomic_write_text, cache_dir

# {part: {class: its photos}}
Found = dict[str, dict[str, list[Photo]]]
# Where the files lie that show one picture: part, class and file of each
_Places = list[tuple[str, str, Photo]]

_RECORD = 3  # of the file that remembers good photos; another number and it is made anew
_ORDER = ("train", "val", "test")


def load_folder(folder: str | os.PathLike[str], seed: int = 0) -> Splits:
    """Read a folder of photos, in one of three layouts.

    - One folder a class: 60 % train, 20 % validation, 20 % test, stratified, by `seed`.
    - `train/` and `val/` (or `test/`), each with one folder a class: the second is the held-out part
      and becomes `.test`; `.val` is 20 % of `train/`, stratified, by `seed`.
    - `train/`, `val/` and `test/`: taken as they are.

    `helpers.data.layouts` tells which one it is, also where the parts are called `Training/` or `seg_train/`, and
    where folders are wrapped around all. Folders inside a class belong to that class.

    Each image is decoded once; those that cannot be are in `.skipped` with the reason, as is all else that is left
    out of a class. What was found good is remembered in the cache, by path, size and time of change.

    Files that show the same pixels are copies, and `.notes` name them. All copies of a photo are in one part: two parts
    that were given lose it in the earlier one (train before val before test), so that no photo of training is measured
    on. Copies in one class stay, all in one part. A photo that lies in two classes is left out, since one of its labels
    is wrong. Photos that are nearly the same (another size, or saved as JPEG again) are not found.

    Deep images (16 bits, floats) all have one scale, which `.notes` name.

    Raises:
        CourseError: the folder is missing, unreadable, or has too few classes or photos to divide.
    """
    root = Path(folder)
    layout = find_layout(root)
    _same_classes(root, layout)
    photos = {part: {c: b.all_photos() for c, b in by.items()} for part, by in layout.parts.items()}
    examined, bad = _examined(root, [p for by in photos.values() for members in by.values() for p in members])
    found = {part: {c: [p for p in ps if p in examined] for c, ps in by.items()} for part, by in photos.items()}
    copies = _without_copies(found, examined)
    skipped = sorted_skips(bad, copies.skipped, layout.skipped)
    for part, by_class in copies.found.items():
        _enough(layout, part, by_class, examined, skipped)
    scales = common_scales(depth for known in examined.values() if (depth := known.depth))
    train, val, test = _divide(copies.found, examined, scales, seed)
    notes = [*layout.notes, *copies.notes, *_scales_in_words(scales, examined)]
    return Splits(one_line(root.resolve().name), train.classes, train, val, test, skipped, notes)


def sorted_skips(*lists: Sequence[Skipped]) -> list[Skipped]:
    """All of them by path, so that two runs list the same."""
    return sorted((skip for skips in lists for skip in skips), key=lambda skip: str(skip.path))


# ---- dividing --------------------------------------------------------------------------------------


def _divide(found: Found, examined: Mapping[Photo, Examined], scales: Scales, seed: int) -> tuple[ImageDataset, ...]:
    datasets = {part: _dataset(by_class, scales) for part, by_class in found.items()}
    if len(datasets) == 3:
        return tuple(datasets[part] for part in _ORDER)
    whole = datasets.get("all") or datasets["train"]
    groups = [examined[photo].pixels for photo in whole.source.photos]
    if "all" in found:
        return tuple(whole.subset(part) for part in stratified_split(whole.labels, seed=seed, groups=groups))
    kept, val, _ = stratified_split(whole.labels, (0.8, 0.2, 0.0), seed=seed, groups=groups)
    held_out = datasets["val"] if "val" in found else datasets["test"]
    return whole.subset(kept), whole.subset(val), held_out


def _dataset(by_class: dict[str, list[Photo]], scales: Scales) -> ImageDataset:
    photos = tuple(photo for members in by_class.values() for photo in members)
    labels = np.repeat(np.arange(len(by_class)), [len(members) for members in by_class.values()])
    return ImageDataset(Photos(photos, scales), labels, list(by_class), [photo.path.name for photo in photos])


# ---- copies ----------------------------------------------------------------------------------------


@dataclass
class _Copies:
    """What is left of the photos once each is in one class and one part, and what there is to say."""

    found: Found
    skipped: list[Skipped]
    notes: list[str]


def _without_copies(found: Found, examined: Mapping[Photo, Examined]) -> _Copies:
    places: dict[str, _Places] = {}
    for part, by_class in found.items():
        for name, photos in by_class.items():
            for photo in photos:
                places.setdefault(examined[photo].pixels, []).append((part, name, photo))
    same = [alike for alike in places.values() if len(alike) > 1]
    left_out: dict[Photo, str] = {}
    two_labels, two_parts, within = [], [], []
    for alike in same:
        part_kept = max((part for part, _, _ in alike), key=lambda part: (*_ORDER, "all").index(part))
        if len({name for _, name, _ in alike}) > 1:
            left_out |= {photo: "one photo with two labels" for _, _, photo in alike}
            two_labels.append(alike)
            continue
        left_out |= {photo: f"also in the {part_kept} part" for part, _, photo in alike if part != part_kept}
        two_parts += [alike] if len({part for part, _, _ in alike}) > 1 else []
        kept = [photo for part, _, photo in alike if part == part_kept]
        within += [kept] if len(kept) > 1 else []
    kept_photos = {
        part: {name: [p for p in photos if p not in left_out] for name, photos in by_class.items()}
        for part, by_class in found.items()
    }
    skipped = [Skipped(photo.path, reason) for photo, reason in left_out.items()]
    return _Copies(kept_photos, skipped, _copies_in_words(two_labels, two_parts, within))


def _copies_in_words(two_labels: list[_Places], two_parts: list[_Places], within: list[list[Photo]]) -> list[str]:
    notes = []
    if two_labels:
        pairs = [_equal(photo for _, _, photo in alike) for alike in two_labels]
        notes.append(
            f"two labels, so left out: {len(pairs)} {_photos(len(pairs))} ({first_few(pairs, most=3)}); "
            "delete those in the wrong class"
        )
    if two_parts:
        pairs = [_equal(photo for _, _, photo in alike) for alike in two_parts]
        notes.append(
            f"in two parts, so left out of the earlier one: {len(pairs)} {_photos(len(pairs))} "
            f"({first_few(pairs, most=3)}); what a network was trained on does not measure it"
        )
    if within:
        count, pairs = sum(len(alike) - 1 for alike in within), [_equal(alike) for alike in within]
        notes.append(
            f"copies: {count} of {len(within)} {_photos(len(within))}, each in one part with its original "
            f"({first_few(pairs, most=2)}); delete them where each photo should count once"
        )
    return notes


def _equal(alike: Iterable[Photo], most: int = 3) -> str:
    """Their paths as an equation, with the end left open where there are more."""
    paths = [one_line(photo.relative) for photo in alike]
    return " = ".join([*paths[:most], "…"] if len(paths) > most else paths)


def _photos(count: int) -> str:
    return "photo" if count == 1 else "photos"


def _scales_in_words(scales: Scales, examined: Mapping[Photo, Examined]) -> list[str]:
    kinds = [known.depth.floats for known in examined.values() if known.depth]
    return [
        f"{kinds.count(floats)} deep {_photos(kinds.count(floats))} ({'floats' if floats else 'whole numbers'}): "
        f"{scale.words} became 0 to 255, in all alike"
        for floats, scale in scales.items()
    ]


# ---- which files are good --------------------------------------------------------------------------


def _examined(root: Path, photos: Sequence[Photo]) -> tuple[dict[Photo, Examined], list[Skipped]]:
    """The photos that decode, and the others. Only good ones are remembered: a cure shows at once."""
    record = cache_dir() / "verified_photos" / f"{hashlib.sha256(os.fsencode(root.resolve())).hexdigest()[:24]}.json"
    known = _read_record(record, root)
    unknown = [photo for photo in photos if photo not in known]
    # Pillow decodes without Python's lock, so threads use every core.
    with ThreadPoolExecutor(min(8, os.cpu_count() or 1)) as pool:
        new = dict(zip(unknown, pool.map(_examine, unknown), strict=True))
    bad = [Skipped(photo.path, found) for photo, found in new.items() if isinstance(found, str)]
    known |= {photo: found for photo, found in new.items() if isinstance(found, Examined)}
    good = {photo: known[photo] for photo in photos if photo in known}
    if len(new) > len(bad):
        _write_record(record, good)
    return good, bad


def _examine(photo: Photo) -> Examined | str:
    try:
        return examine_image(photo.path)
    except ImageProblem as problem:
        return problem.reason


def _read_record(record: Path, root: Path) -> dict[Photo, Examined]:
    """What an earlier call found good; nothing where there is no record, or a damaged or older one."""
    try:
        content = json.loads(record.read_text("utf-8"))
        if (content["format"], content["pillow"]) != (_RECORD, PIL.__version__):
            return {}
        return {
            Photo(root / path, str(path), int(size), int(time)): Examined(str(pixels), Depth(*depth) if depth else None)
            for path, size, time, pixels, depth in content["good"]
        }
    except (OSError, ValueError, KeyError, TypeError):
        return {}


def _write_record(record: Path, good: Mapping[Photo, Examined]) -> None:
    rows = [
        (p.relative, p.size, p.mtime_ns, k.pixels, (k.depth.floats, k.depth.low, k.depth.high) if k.depth else None)
        for p, k in good.items()
    ]
    content = {"format": _RECORD, "pillow": PIL.__version__, "good": sorted(rows, key=lambda row: row[0])}
    try:
        record.parent.mkdir(parents=True, exist_ok=True)
        atomic_write_text(record, json.dumps(content))
    except OSError as error:
        raise CourseError(
            f"cannot write to the cache {one_line(record.parent)} ({error.strerror}): free some space there, "
            "or set COURSE_CACHE to another folder"
        ) from None


# ---- what is missing -------------------------------------------------------------------------------


def _same_classes(root: Path, layout: Layout) -> None:
    first, *others = layout.parts
    classes = set(layout.parts[first])
    for part in others:
        here = set(layout.parts[part])
        missing, extra = sorted(classes - here), sorted(here - classes)
        if missing or extra:
            names = {part: one_line(layout.folders[part].relative_to(root).as_posix()) for part in (first, part)}
            gaps = [f"{names[part]}/ lacks {first_few(map(one_line, missing), most=8)}"] if missing else []
            gaps += [f"{names[first]}/ lacks {first_few(map(one_line, extra), most=8)}"] if extra else []
            spelled = {plain_name(name) for name in missing} & {plain_name(name) for name in extra}
            raise CourseError(
                f"the classes of {one_line(root)} differ{' in how they are spelled' if spelled else ''}: "
                f"{' and '.join(gaps)}; give every part the same class folders"
            )
    if len(classes) < 2:
        raise _one_class(layout.folders[first], layout.parts[first])


def _one_class(folder: Path, classes: Mapping[str, Branch]) -> CourseError:
    ((name, branch),) = classes.items()
    inside = f"; where its folders are the classes, give {one_line(branch.path)}" if branch.with_photos() else ""
    return CourseError(
        f"{one_line(folder)} has one class folder only ({one_line(name)}): "
        f"add a folder for each other class, it needs {ONE_FOLDER_A_CLASS}{inside}"
    )


def _enough(
    layout: Layout,
    part: str,
    by_class: Mapping[str, Sequence[Photo]],
    examined: Mapping[Photo, Examined],
    skipped: Sequence[Skipped],
) -> None:
    least = _least(part, layout)
    count = {name: len({examined[photo].pixels for photo in photos}) for name, photos in by_class.items()}
    short = [name for name in count if count[name] < least]
    if not short:
        return
    told = []
    for name in short[:5]:
        inside = layout.parts[part][name].path
        dropped = [skip for skip in skipped if inside in skip.path.parents]
        first = (
            f", {len(dropped)} unusable, as {one_line(dropped[0].path.name)} ({dropped[0].reason})" if dropped else ""
        )
        twice = f", {len(by_class[name]) - count[name]} copies" if len(by_class[name]) > count[name] else ""
        told.append(f"class {one_line(name)!r} has {count[name]} usable {_photos(count[name])}{twice}{first}")
    more = f" and {len(short) - 5} more classes" if len(short) > 5 else ""
    raise CourseError(
        f"in {one_line(layout.folders[part])} {'; '.join(told)}{more}: add photos, at least {least} for each class"
        f" ({' '.join(s.lstrip('.') for s in IMAGE_SUFFIXES[:4])} …), or remove the folder"
    )


def _least(part: str, layout: Layout) -> int:
    """The different photos that a class needs in this folder: one for each part that is taken from it."""
    if part == "all":
        return 3
    return 2 if part == "train" and len(layout.parts) == 2 else 1
