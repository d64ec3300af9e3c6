"""One way in: a dataset's name or a folder of photos, divided into train, validation and test."""

from __future__ import annotations

import difflib
import os
from dataclasses import replace
from pathlib import Path

from helpers.data import painted_flowers as painter
from helpers.data.digits import load_digit_scans
from helpers.data.folders import load_folder
from helpers.data.splits import Arrays, ImageDataset, Splits, Transform, whole_number
from helpers.errors import CourseError, one_line, unknown_name

DATASETS = {
    "painted flowers": "five species drawn by the course: any number, any size, with a dial for difficulty",
    "digits": "1,797 real scans of handwritten digits, 8 x 8 pixels, from scikit-learn",
}

# The parts of the painted flowers are ranges of one endless series. Test comes first and starts at a
# fixed number, so the test images stay the same however many are trained on.
_FIRST = {"test": 0, "val": 10_000, "train": 20_000}
_PAINTED = {"train": 50, "val": 20, "test": 60}
_DIALS = ("difficulty", "shift")


def load_dataset(
    name_or_folder: str | os.PathLike[str],
    *,
    seed: int = 0,
    transform: Transform | None = None,
    train_per_class: int | None = None,
    val_per_class: int | None = None,
    test_per_class: int | None = None,
    image_size: int = 128,
    **recipe: float,
) -> Splits:
    """Load a dataset by name, or any folder of photos, in three parts.

    Args:
        name_or_folder: "painted flowers", "digits", or a folder (`~` is your home; a relative path
            starts at the working directory). For a folder that is called like a dataset write "./digits".
        seed: draws the flowers, divides the digits and the folders, and picks the `*_per_class` images.
        transform: applied to each RGB image, for example `weights.transforms()`.
        train_per_class: at most so many images of each class, and the same for `val_` and `test_`.
            None means 50, 20 and 60 painted flowers, and everything of the other datasets.
        image_size: side in pixels of painted flowers and digits. Photos keep their own size.
        **recipe: `difficulty=` and `shift=` of the painted flowers.

    Returns:
        Splits with `.train`, `.val`, `.test`; `.skipped` has what was left out of a folder, `.notes` say how it was
        read, and `.summary()` tells both.

    Raises:
        CourseError: no such dataset or folder, or it cannot give what is asked for.
    """
    seed = whole_number("the seed", seed, least=0)
    image_size = whole_number("image_size", image_size, least=1)
    per_class = {"train": train_per_class, "val": val_per_class, "test": test_per_class}
    for part, wanted in per_class.items():
        if wanted is not None:
            per_class[part] = whole_number(f"{part}_per_class", wanted, least=1)
    name = _dataset_name(name_or_folder)
    _check_dials(recipe, name)
    if name == "painted flowers":
        splits = _painted(per_class, seed, image_size, recipe)
    else:
        whole = load_digit_scans(seed, image_size) if name else load_folder(_folder(name_or_folder), seed)
        splits = _limited(whole, per_class, seed)
    return splits.with_transform(transform)


def _dataset_name(name_or_folder: object) -> str | None:
    if isinstance(name_or_folder, os.PathLike):
        return None
    if not isinstance(name_or_folder, str) or not name_or_folder.strip():
        raise CourseError(
            f"a dataset is a name or a folder, not {one_line(repr(name_or_folder))[:60]}: "
            f"use {' or '.join(map(repr, DATASETS))}, or the path of a folder of photos"
        )
    return known_name(name_or_folder)


def known_name(text: str) -> str | None:
    """The dataset that `text` names, written with spaces, underscores or hyphens; None where it names none."""
    plain = " ".join(text.lower().replace("_", " ").replace("-", " ").split())
    return plain if plain in DATASETS else None


def _folder(name_or_folder: str | os.PathLike[str]) -> Path:
    try:
        folder = Path(name_or_folder).expanduser()
        there = folder.exists()
    except (RuntimeError, OSError, ValueError) as error:  # no such user's home; a name too long; a zero byte
        raise CourseError(
            f"no folder {one_line(name_or_folder)[:200]} ({one_line(error)[:200]}): check the path"
        ) from None
    if there:
        return folder
    text = one_line(os.fspath(name_or_folder))
    near = difflib.get_close_matches(text.lower(), DATASETS, n=2, cutoff=0.5)
    guess = f"did you mean {' or '.join(map(repr, near))}?" if near else "check the path."
    where = "" if folder.is_absolute() else f" in {one_line(Path.cwd())}"
    raise CourseError(
        f"no dataset {text!r} and no such folder{where}: {guess} Known: {', '.join(DATASETS)}, or a folder of photos."
    )


def _check_dials(recipe: dict[str, float], name: str | None) -> None:
    for dial in recipe:
        if dial not in _DIALS:
            raise unknown_name(
                "option of load_dataset",
                dial,
                (*_DIALS, "seed", "transform", "image_size", "train_per_class", "val_per_class", "test_per_class"),
            )
        if name != "painted flowers":
            raise CourseError(f"{dial}= turns the painted flowers only: leave it out for {name or 'a folder'}")


def _painted(per_class: dict[str, int | None], seed: int, size: int, dials: dict[str, float]) -> Splits:
    recipe = painter.Recipe(size=size, seed=seed, **dials)
    room = _FIRST["val"] - _FIRST["test"]
    parts = {}
    for part, first in _FIRST.items():
        count = per_class[part] or _PAINTED[part]
        if part != "train" and count > room:  # train is the last range, and has no end
            raise CourseError(f"{part}_per_class={count} is too many: ask for at most {room} painted flowers")
        images, labels = painter.painted_flowers(count, recipe, first=first)
        names = [f"{species} {first + i}" for species in painter.SPECIES for i in range(count)]
        parts[part] = ImageDataset(Arrays(images), labels, list(painter.SPECIES), names)
    return Splits("painted flowers", list(painter.SPECIES), **parts)


def _limited(splits: Splits, per_class: dict[str, int | None], seed: int) -> Splits:
    parts = {}
    for part, wanted in per_class.items():
        if wanted is not None:
            try:
                parts[part] = getattr(splits, part).per_class(wanted, seed)
            except CourseError as error:
                raise CourseError(f"{part}_per_class of {splits.name}: {error}") from None
    return replace(splits, **parts)
