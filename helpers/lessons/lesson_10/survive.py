"""Answer key of lesson 10, part 2: a program that survives what the world gives it."""

from __future__ import annotations

import copy
import errno
import gc
import io
import itertools
import os
import pickle
import re
import tempfile
import traceback
import warnings
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager, redirect_stderr, redirect_stdout, suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from unittest import mock

import numpy as np
import psutil
import torch
from PIL import Image, ImageFile
from torch import Tensor, nn
from torch.utils.data import Dataset

from helpers.checking import networks
from helpers.checking.answers import (
    close,
    exactly,
    is_a,
    not_refused,
    not_too_many,
    one_number,
    opening,
    plain,
    quoted,
    short,
)
from helpers.checking.printed import Printed
from helpers.checking.untouched import input_untouched
from helpers.course.exercise import Exercise, Level
from helpers.course.verdicts import Incorrect, require, tried_on
from helpers.errors import first_line
from helpers.models.freezing import moved, snapshot

# What several exercises ask -----------------------------------------------------------------------


def _an_error(
    call: Callable[[], object], case: str, *, naming: Iterable[str], what: str, as_words: bool = True
) -> None:
    """`call` raises an error of any type whose message names one of `naming`; `what` says in words what that is.

    Names stand for themselves, as whole words. Where it is not `as_words`, they are a part of a word, in capitals or
    not: "image" is in "No images". Python's own errors pass as well where they name it; "list index out of range"
    names nothing.
    """
    try:
        found = call()
    except Incorrect:
        raise
    except (SystemExit, KeyboardInterrupt) as raised:
        raise Incorrect(
            f"{opening(case)} your function raises `{type(raised).__name__}`, which ends the whole program. Raise an "
            "error that its caller can catch, such as a `ValueError`."
        ) from None
    except Exception as raised:
        said = str(raised)
        named = (
            re.search(rf"(?<!\w){re.escape(name)}(?!\w)", said) if as_words else name in said.lower() for name in naming
        )
        require(
            any(named),
            f"{opening(case)} your function stopped with `{type(raised).__name__}: {first_line(raised)[:110]}`, and "
            f"that message does not name {what}. Look for the mistake first, and raise an error that does.",
        )
        return
    raise Incorrect(
        f"{opening(case)} your function gave back `{short(found)}`: raise an error that names {what} instead."
    )


@contextmanager
def _by_its_case(case: str, advice: str) -> Iterator[None]:
    """An exception within the block that no line of the answer has part in is told by its `case`, with `advice`.

    So it is where an answer is PyTorch's own function, or gives back an object of it that is looped over later.
    """
    try:
        with tried_on(opening(case)):
            yield
    except Incorrect:
        raise
    except Exception as raised:
        frames = traceback.walk_tb(raised.__traceback__)
        if any(frame.f_globals.get("__name__") == "__main__" for frame, _ in frames):
            raise
        raise Incorrect(
            f"{opening(case)} your answer stopped with `{type(raised).__name__}: {first_line(raised)[:110]}`. {advice}"
        ) from None


def _parts(said: object, kinds: Sequence[str], case: str) -> tuple:
    """`said` as a tuple of as many things as `kinds` names."""
    fits = is_a(said, (tuple, list)) and len(said) == len(kinds)
    require(fits, f"{opening(case)} a tuple of {', '.join(kinds)} was expected, and you gave `{short(said)}`.")
    return tuple(said)


@contextmanager
def _folder_of(files: Iterable[str] = (), content: bytes = b"") -> Iterator[Path]:
    """A temporary folder with these files; a name that ends in a slash is a folder."""
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as made:
        root = Path(made).resolve()
        for file in files:
            path = root / file
            (path if file.endswith("/") else path.parent).mkdir(parents=True, exist_ok=True)
            if not file.endswith("/"):
                path.write_bytes(content)
        yield root


def _picture(kind: str = "JPEG", mode: str = "RGB", seed: int = 0) -> bytes:
    """A file of 40 x 30 random pixels, which no format makes small: half of it is half of the picture."""
    pixels = np.random.default_rng(seed).integers(0, 256, (30, 40, 3), dtype=np.uint8)
    file = io.BytesIO()
    Image.fromarray(pixels).convert(mode).save(file, kind)
    return file.getvalue()


def _same_state(one: object, other: object) -> bool:
    """Whether two states of an optimizer, or two dicts of tensors, hold the same, to the bit."""
    if is_a(one, Tensor) and is_a(other, Tensor):
        return (one.shape, one.dtype) == (other.shape, other.dtype) and torch.equal(one, other)
    if is_a(one, dict) and is_a(other, dict):
        return one.keys() == other.keys() and all(_same_state(one[key], other[key]) for key in one)
    if is_a(one, (list, tuple)) and is_a(other, (list, tuple)):
        return len(one) == len(other) and all(map(_same_state, one, other))
    return type(one) is type(other) and one == other


# 10.2 ----------------------------------------------------------------------------------------------


class AnEmptyFolder(Exercise):
    number = "10.2"
    title = "an empty folder"
    level = Level.EDGE
    minutes = 6
    hints = (
        "`Path(folder).glob('*/*')` gives what lies in the sub-folders, one level deep, hidden names included, in any "
        "order.",
        "Keep what `is_file()`, whose `suffix.lower()` is one of the three, and where neither its own name nor that of "
        "its folder starts with a dot. `sorted` puts paths in order.",
        "Where nothing is left, `raise ValueError(f'no photos in {folder}: ...')`. That covers a missing folder and a "
        "file, too: `glob` finds nothing in them.",
    )
    answer = """
def photos_of(folder):
    found = []
    for photo in sorted(Path(folder).glob("*/*")):
        hidden = photo.name.startswith(".") or photo.parent.name.startswith(".")
        if photo.is_file() and photo.suffix.lower() in (".jpg", ".jpeg", ".png") and not hidden:
            found.append((photo, photo.parent.name))
    if not found:
        raise ValueError(f"no photos in {folder}: it needs one sub-folder a class, with .jpg, .jpeg or .png files")
    return found
"""

    def examine(self, photos_of):
        with _folder_of([*PHOTOS, *NO_PHOTOS], _picture()) as root, _listed_backwards():
            for case, folder in (("For a `Path`", root), ("For a path as a string", str(root))):
                said = not_refused(partial(photos_of, folder), case)
                _are_the_photos(said, root, case)
        for case, files in NOTHING_IN_IT:
            with _folder_of(files, _picture()) as root:
                folder = root / "holiday"
                _an_error(lambda folder=folder: photos_of(folder), case, naming=["holiday"], what="the folder")
        return "Photos and classes in one order, and one clear line where there are none."


PHOTOS = (
    *(f"daisy/{number}.jpg" for number in range(1, 10)),
    "rose/a.png",
    "rose/b.JPG",
    "rose/c.jpeg",
    "wild poppy/x.jpg",
)
# What lies about in a folder, and why it is no photo of a class.
NO_PHOTOS = {
    "rose/notes.txt": "It is no photo by its name.",
    "rose/d.jpg.txt": "It is no photo by its name: the end of it counts.",
    "rose/.e.jpg": "Its name starts with a dot: it is hidden.",
    ".cache/f.jpg": "Its folder is hidden, and no class.",
    "rose/old/g.jpg": "It lies deeper than a class folder: who sorts photos out often puts them into a folder beside.",
    "daisy/.thumbs/h.jpg": "It lies deeper than a class folder, in a hidden one.",
    "i.jpg": "It lies in no class folder.",
    "rose/j.jpg/": "It is a folder with the name of a photo: ask `is_file()`.",
    "tulip/": "It has no photo.",
}
NOTHING_IN_IT = (
    ("For an empty folder", ["holiday/"]),
    ("For a folder that is not there", []),
    ("For a file in place of a folder", ["holiday"]),
    ("For a folder with hidden files only", ["holiday/rose/.a.jpg", "holiday/.cache/b.jpg"]),
    ("For class folders without photos", ["holiday/rose/notes.txt", "holiday/daisy/"]),
    ("For photos that lie in no class folder", ["holiday/a.jpg"]),
)


def _are_the_photos(said: object, root: Path, case: str) -> None:
    rule = "a list of pairs (path, class name) was expected"
    require(is_a(said, list), f"{opening(case)} {rule}, and you gave `{short(said)}`.")
    found = []
    for pair in said:
        a_pair = is_a(pair, (tuple, list)) and len(pair) == 2 and is_a(pair[0], (str, Path))
        require(a_pair and type(plain(pair[1])) is str, f"{opening(case)} {rule}, and one of yours is `{short(pair)}`.")
        path = Path(pair[0]).resolve()
        require(path.is_relative_to(root), f"{opening(case)} `{short(pair[0])}` leads to no file of the folder.")
        found.append((path.relative_to(root).as_posix(), plain(pair[1])))
    files = [file for file, _ in found]
    exactly(files, PHOTOS, case, missing=_why_missed, extra=_why_no_photo)
    other = [file for file, name in found if name != file.split("/")[0]]
    require(not other, f"{opening(case)} the class of {quoted(other)} is the name of the folder that it lies in.")
    require(
        files == sorted(files),
        f"{opening(case)} your list begins with {quoted(files[:2])}. Every system lists a folder in another order: "
        "sort, by class and then by file, or the same program gives another split elsewhere.",
    )


def _why_missed(missed: list[str]) -> str:
    return "Its name ends in capitals." if "rose/b.JPG" in missed else "It is a photo in a class folder."


def _why_no_photo(extra: list[str]) -> str:
    return next((why for file, why in NO_PHOTOS.items() if file.strip("/") == extra[0]), "")


class _Entries:
    """What `os.scandir` gives, in another order."""

    def __init__(self, entries: Iterable[os.DirEntry]):
        self._entries = iter(list(entries))

    def __iter__(self) -> Iterator[os.DirEntry]:
        return self._entries

    def __next__(self) -> os.DirEntry:
        return next(self._entries)

    def __enter__(self) -> _Entries:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    def close(self) -> None:
        self._entries = iter(())


@contextmanager
def _listed_backwards() -> Iterator[None]:
    """Folders are listed from z to a, as a system may do, whatever this one does."""
    listdir, scandir = os.listdir, os.scandir

    def backwards(*where: object) -> _Entries:
        with scandir(*where) as entries:
            return _Entries(sorted(entries, key=lambda entry: str(entry.name), reverse=True))

    with (
        mock.patch("os.listdir", lambda *where: sorted(listdir(*where), reverse=True)),
        mock.patch("os.scandir", backwards),
    ):
        yield


# 10.3 ----------------------------------------------------------------------------------------------


class ABrokenImage(Exercise):
    number = "10.3"
    title = "a broken image"
    level = Level.EDGE
    minutes = 6
    hints = (
        "`Image.open` reads the first bytes of a file alone. A photo that was cut off fails later, when its pixels are "
        "asked for: `convert` asks for them.",
        "`with Image.open(path) as image: images.append(image.convert('RGB'))` within a `try`. For a bad file Pillow "
        "and the system raise errors of many kinds: `OSError` mostly, but also `SyntaxError` and `ValueError`.",
        "In `except Exception:` append the path to `broken`. After the loop, `if not images:` raise a `ValueError` "
        "with the first path of `broken` in it.",
    )
    answer = """
def readable(paths):
    images, broken = [], []
    for path in paths:
        try:
            with Image.open(path) as image:
                images.append(image.convert("RGB"))
        except Exception:  # Pillow raises what it meets: OSError, SyntaxError, ValueError and others
            broken.append(path)
    if not images:
        raise ValueError(f"none of {len(paths)} photos can be read, not even {broken[0]}: copy them anew")
    return images, broken
"""

    def examine(self, readable):
        cases = (
            ("For good photos and broken ones", FILES),
            ("For good photos alone", {file: content for file, content in FILES.items() if file in GOOD}),
        )
        for case, files in cases:
            with _as_it_came(), _written(files) as (paths, pixels):
                with input_untouched(paths=paths):
                    said = _read(readable, paths, case)
                images, broken = _parts(said, ("a list of images", "a list of paths"), case)
                bad = [file for file in files if file not in GOOD]
                exactly(_file_names(broken, case), bad, case, missing=MISSED, extra="It can be read.")
                _nothing_is_open(paths[0].parent, case)
                _emptied(paths)
                _are_in_rgb(images, pixels, case)
        only_broken = {file: content for file, content in FILES.items() if file not in GOOD}
        with _as_it_came(), _written(only_broken) as (paths, _):
            _an_error(lambda: readable(paths), "For broken photos alone", naming=only_broken, what="one of the files")
        return "What can be read is read, what cannot is named, and no file is left open."


def _with_a_wrong_byte(content: bytes, where: int) -> bytes:
    """Of the length of a PNG's chunk: Pillow raises a SyntaxError among the pixels, and a ValueError in the header."""
    return content[:where] + b"\0" + content[where + 1 :]


GOOD = {"rose.jpg", "grey.png", "printed.jpg"}
FILES = {
    "rose.jpg": _picture(seed=1),
    "cut.jpg": _picture(seed=2)[: len(_picture(seed=2)) // 2],
    "grey.png": _picture("PNG", "L", seed=3),
    "letter.jpg": b"Dear diary, this is no photo.",
    "printed.jpg": _picture("JPEG", "CMYK", seed=4),
    "cut.png": _picture("PNG", seed=5)[: len(_picture("PNG", seed=5)) // 2],
    "damaged.png": _with_a_wrong_byte(_picture("PNG", seed=6), _picture("PNG", seed=6).index(b"IDAT") - 2),
    "header.png": _with_a_wrong_byte(_picture("PNG", seed=7), _picture("PNG", seed=7).index(b"IHDR") - 1),
    "nothing.jpg": b"",
    "gone.jpg": None,  # listed, and deleted since
}
MISSED = "It cannot be read to its end. Half a photo opens without an error, and fails when its pixels are asked for."


ANY_KIND = (
    "For a damaged file Pillow raises errors of many kinds, not `OSError` alone. `except Exception` takes them all."
)


def _read(readable: Callable, paths: list[Path], case: str) -> object:
    try:
        return not_refused(partial(readable, paths), case, advice=ANY_KIND)
    except SyntaxError as raised:
        raise Incorrect(
            f"{opening(case)} your function stopped with `SyntaxError: {first_line(raised)[:110]}`. {ANY_KIND}"
        ) from None


@contextmanager
def _as_it_came() -> Iterator[None]:
    """Pillow's setting to fill up half a photo with grey is off, and given back where an answer has set it."""
    with mock.patch.object(ImageFile, "LOAD_TRUNCATED_IMAGES", False):
        yield


@contextmanager
def _written(files: dict[str, bytes | None]) -> Iterator[tuple[list[Path], list[np.ndarray]]]:
    """The paths of these files, and the pixels of those that are good."""
    with _folder_of() as root:
        for name, content in files.items():
            if content is not None:
                (root / name).write_bytes(content)
        good = [Image.open(io.BytesIO(files[name])) for name in files if name in GOOD]
        yield [root / name for name in files], [np.asarray(image.convert("RGB")) for image in good]


def _file_names(broken: object, case: str) -> list[str]:
    a_list = is_a(broken, (list, tuple)) and all(is_a(path, (str, Path)) for path in broken)
    require(a_list, f"{opening(case)} the second part is the list of the broken paths, and yours is `{short(broken)}`.")
    return [Path(path).name for path in broken]


def _nothing_is_open(folder: Path, case: str) -> None:
    def still() -> list[str]:
        return [Path(file.path).name for file in psutil.Process().open_files() if Path(file.path).parent == folder]

    if still():
        gc.collect()  # what nobody holds any more is closed; it takes a second
    require(
        not still(),
        f"{opening(case)} of the files {quoted(still())} is still open, and a system lets a program hold some thousand "
        "at most. `with Image.open(path) as image:` closes it, once `convert` has read the pixels.",
    )


def _emptied(paths: list[Path]) -> None:
    """So that an image whose pixels are still in its file shows it."""
    for path in paths:
        if path.exists():
            path.write_bytes(b"")


def _are_in_rgb(images: object, expected: list[np.ndarray], case: str) -> None:
    a_list = is_a(images, (list, tuple)) and all(is_a(image, Image.Image) for image in images)
    require(a_list, f"{opening(case)} the first part is a list of images, and yours is `{short(images)}`.")
    require(
        len(images) == len(expected),
        f"{opening(case)} you gave {len(images)} images, and {len(expected)} photos can be read.",
    )
    for image, pixels in zip(images, expected, strict=True):
        mode = image.mode
        require(mode == "RGB", f'{opening(case)} an image is in the mode `{mode}`: `convert("RGB")` makes it `RGB`.')
        found = np.asarray(image).astype(float)  # two decoders may round a JPEG differently
        same = found.shape == pixels.shape and abs(found - pixels).mean() < 4
        require(same, f"{opening(case)} an image holds other pixels than its photo. Images come in the order of paths.")


# 10.4 ----------------------------------------------------------------------------------------------


class OneClass(Exercise):
    number = "10.4"
    title = "one class"
    level = Level.EDGE
    minutes = 4
    hints = (
        "A `set` keeps each value once. Tensors are compared as objects there: two tensors of 3 are two things.",
        "`np.asarray(labels).tolist()` makes a list of Python's own values from a list, a tuple, an array or a tensor.",
        "With fewer than two values in the set, `raise ValueError(f'one class only, {...}: add photos of another')`.",
    )
    answer = """
def count_classes(labels):
    found = set(np.asarray(labels).tolist())
    if len(found) < 2:
        raise ValueError(f"classes in the labels: {sorted(found)}. With fewer than two every answer is right: add one")
    return len(found)
"""

    def examine(self, count_classes):
        for case, labels, expected in copy.deepcopy(SEVERAL_CLASSES):
            with input_untouched(labels=labels):
                said = not_refused(partial(count_classes, labels), case)
            found = one_number(said, f"{opening(case)} a whole number was expected, and you gave `{short(said)}`.")
            require(found == expected, f"{opening(case)} you counted {found:g} classes, and there are {expected}.")
        for case, labels, name in copy.deepcopy(SINGLE_CLASSES):
            _an_error(lambda labels=labels: count_classes(labels), case, naming=[name], what=f"the one class, `{name}`")
        for case, labels in copy.deepcopy(NO_LABELS):
            _an_error(
                lambda labels=labels: count_classes(labels),
                case,
                naming=["class", "label", "empty"],
                what="what is missing, labels",
                as_words=False,
            )
        return "Two classes or more are counted, whatever holds the labels. One is refused by name, and none as well."


SEVERAL_CLASSES = (
    ("For the list `[0, 5, 0, 5]`", [0, 5, 0, 5], 2),
    ("For a tuple of names", ("rose", "daisy", "rose", "tulip"), 3),
    ("For a tensor of 0, 1 and 2", torch.tensor([2, 0, 1, 1, 0]), 3),
    ("For an array with one image of the second class", np.array([4, 4, 4, 4, 7]), 2),
)
SINGLE_CLASSES = (
    ("For the list `[7, 7, 7]`", [7, 7, 7], "7"),
    ("For a tuple of one name, again and again", ("daisy", "daisy"), "daisy"),
    ("For a tensor that holds 3 alone", torch.tensor([3, 3, 3, 3]), "3"),
    ("For an array that holds 6 alone", np.array([6, 6]), "6"),
    ("For a single label", [9], "9"),
)
NO_LABELS = (
    ("For an empty list", []),
    ("For an empty tensor", torch.empty(0, dtype=torch.long)),
)


# 10.5 ----------------------------------------------------------------------------------------------


class AClassWithOneImage(Exercise):
    number = "10.5"
    title = "a class with one image"
    level = Level.EDGE
    minutes = 8
    hints = (
        "Collect the indices of each class first, then divide each class for itself.",
        "`generator = random.Random(seed)` has a state of its own. `generator.shuffle(members)` mixes one class, and "
        "`held_out = max(1, round(len(members) / 5))` of them go to validation.",
        "Go through the classes in the order of a dict or of `sorted(set(labels))`. A plain `set` of strings has "
        "another order in each process. A class with fewer than two images is a `ValueError` with its name.",
    )
    answer = """
import random


def split(labels, seed):
    generator = random.Random(seed)
    members = {}
    for index, label in enumerate(labels):
        members.setdefault(label, []).append(index)
    train, val = [], []
    for label, indices in members.items():
        if len(indices) < 2:
            raise ValueError(f"class {label} has one image, and a split needs two: add one, or leave the class out")
        generator.shuffle(indices)
        held_out = max(1, round(len(indices) / 5))
        val += indices[:held_out]
        train += indices[held_out:]
    return train, val
"""

    def examine(self, split):
        for case, labels in TO_SPLIT:
            given = list(labels)
            with input_untouched(labels=given):
                said = not_refused(partial(split, given, 3), case)
            _is_stratified(_indices(said, case), labels, case)
        _depends_on_the_seed_alone(split, TO_SPLIT[0][1])
        for case, labels, name in copy.deepcopy(TOO_SMALL):
            _an_error(lambda labels=labels: split(labels, 0), case, naming=[name], what=f"the class, `{name}`")
        return "Each class is in both parts, no image is in both, and one seed gives one split."


# The sizes are such that a random split of the whole would miss a class.
TO_SPLIT = (
    ("For three classes of 25 images", ["rose", "daisy", "tulip"] * 25),
    ("For classes of 2, 3 and 30 images", ["lily"] * 2 + ["rose"] * 30 + ["iris"] * 3),
    ("For classes of 4, 7 and 12 images", ["iris", "rose", "lily"] * 4 + ["rose"] * 3 + ["lily"] * 8),
)
TOO_SMALL = (
    ("For a class with one image at the end", ["rose"] * 10 + ["daisy"] * 8 + ["iris"], "iris"),
    ("For a class with one image in front", ["lily", "rose", "rose", "rose", "daisy", "daisy"], "lily"),
)


def _indices(said: object, case: str) -> tuple[list[int], list[int]]:
    """The two lists of indices, sorted: each may be a list, tuple, set, array or tensor."""
    both = []
    for part in _parts(said, ("training indices", "validation indices"), case):
        value = not_too_many(part).tolist() if is_a(part, (np.ndarray, Tensor)) else plain(part)
        a_list = is_a(value, (list, tuple, set)) and all(type(index) is int for index in value)
        require(a_list, f"{opening(case)} lists of whole numbers were expected, and one is `{short(part)}`.")
        both.append(sorted(value))
    return both[0], both[1]


def _is_stratified(said: tuple[list[int], list[int]], labels: list[str], case: str) -> None:
    train, val = said
    shared = sorted(set(train) & set(val))
    require(not shared, f"{opening(case)} image {shared[:1]} is in both parts: validation would ask what was taught.")
    require(
        sorted([*train, *val]) == list(range(len(labels))),
        f"{opening(case)} your parts hold {len(train)} and {len(val)} indices of {len(labels)} images: each belongs "
        "into one part, once.",
    )
    for name in dict.fromkeys(labels):
        count = labels.count(name)
        held_out = sum(labels[index] == name for index in val)
        require(
            0 < held_out < count,
            f"{opening(case)} {held_out} of the {count} images of `{name}` are in validation: each class has at least "
            "one in each part.",
        )
        require(
            abs(held_out - count / 5) < 1,
            f"{opening(case)} {held_out} of the {count} images of `{name}` are in validation, and a fifth was asked.",
        )


class _Rehashed(str):
    """A name as in another process: the same text, and another hash, by which a set orders it."""

    __slots__ = ()
    salt = 0

    def __hash__(self) -> int:
        return hash((type(self).salt, str(self)))


def _as_elsewhere(split: Callable, labels: list[str]) -> object:
    """The split with seed 5 as in another process; who takes such names for text of another kind gets plain text."""
    try:
        return split([_Rehashed(name) for name in labels], 5)
    except Exception:  # these names and equal ones of plain text are two keys of a dict, which no real name is
        return split(list(labels), 5)


def _depends_on_the_seed_alone(split: Callable, labels: list[str]) -> None:
    case, splits = "For seed 5", []
    for salt in range(8):  # three names have six orders: that all of these are one is out of the question
        torch.manual_seed(salt)
        np.random.seed(salt)
        _Rehashed.salt = salt
        splits.append(_indices(not_refused(partial(_as_elsewhere, split, labels), case), case))
        require(
            splits[-1] == splits[0],
            "The same labels and the same seed gave two different splits. Seed a generator with `seed`, use no other, "
            "and go through the classes in an order of their own: that of a `set` of strings is another in each "
            "process.",
        )
    seeds = range(40)
    splits = [_indices(not_refused(partial(split, list(labels), seed), f"For seed {seed}"), case) for seed in seeds]
    different = len({tuple(val) for _, val in splits})
    require(
        different >= 35,  # chance gives 40 but for one or two; moving on by one image a seed gives at most 25
        f"{len(seeds)} seeds gave {different} different splits of {len(labels)} images. Take the images of a class at "
        "random, by the seed.",
    )


# 10.6 ----------------------------------------------------------------------------------------------


class NoneAmongTheImages(Exercise):
    number = "10.6"
    title = "None among the images"
    level = Level.EDGE
    minutes = 6
    hints = (
        "Either leave the `None` out before you make batches, or let a `collate_fn` do it in each batch.",
        "`DataLoader(dataset, batch_size=batch_size, collate_fn=collate)` gives `collate` the list of items of one "
        "batch. `torch.utils.data.default_collate` makes two tensors of the pairs that are left.",
        "Nothing left? Then `default_collate([])` fails: give `None` for the batch, and pass on only the batches that "
        "are not `None`: `return [batch for batch in loader if batch is not None]`.",
    )
    answer = """
def batches_of(dataset, batch_size):
    def collate(items):
        items = [item for item in items if item is not None]
        return torch.utils.data.default_collate(items) if items else None

    loader = DataLoader(dataset, batch_size=batch_size, collate_fn=collate)
    return (batch for batch in loader if batch is not None)
"""

    def examine(self, batches_of):
        for case, there, size in WITH_GAPS:
            dataset = _Gaps(list(there))
            with _by_its_case(case, A_NONE_GETS_THROUGH):
                said = list(itertools.islice(batches_of(dataset, size), len(there) + 1))  # they may have no end
            batches = [_batch(batch, size, case) for batch in said]
            labels = [label for _, numbers in batches for label in numbers.tolist()]
            expected = [label for label, here in enumerate(there) if here]
            enough = sum(any(there[first : first + size]) for first in range(0, len(there), size))
            require(len(batches) <= enough, f"{opening(case)} {len(batches)} batches came. {_NOT_FULL.format(enough)}")
            require(labels == expected, f"{opening(case)} {_other_labels(labels, expected)}")
            images = torch.cat([images for images, _ in batches])
            fits = torch.equal(images, torch.stack([_Gaps(there)[label][0] for label in expected]))
            require(fits, f"{opening(case)} the images are not those of their labels: each label goes with its image.")
        return "Every image once, in its order, with its own label, and no batch is empty."


A_NONE_GETS_THROUGH = "PyTorch makes no batch of a `None`: take it out before, or with a `collate_fn` of your own."
_NOT_FULL = "{} are enough: a batch without a gap is full, but for the last. Is `batch_size` in use?"
# Which items are there, and the size of a batch. The label of each is its place.
WITH_GAPS = (
    ("Where every item is there", [1, 1, 1, 1, 1], 2),
    ("With a None in the first batch", [1, 0, 1, 1, 1], 2),
    ("With a whole batch of None in the middle", [1, 1, 0, 0, 1, 0, 1], 2),
    ("Where the first and the last batch are None alone", [0, 0, 0, 1, 0, 1, 0], 3),
)


class _Gaps(Dataset):
    """Items (image [3, 4, 4], label), or None; the image holds its label in each pixel."""

    def __init__(self, there: list[int]):
        self._there = there

    def __len__(self) -> int:
        return len(self._there)

    def __getitem__(self, index: int) -> tuple[Tensor, int] | None:
        if not 0 <= index < len(self):
            raise IndexError(index)  # where a plain `for` ends
        return (torch.full((3, 4, 4), float(index) + 0.5), index) if self._there[index] else None


def _batch(batch: object, size: int, case: str) -> tuple[Tensor, Tensor]:
    require(batch is not None, f"{opening(case)} one of your batches is `None`: leave it out, nobody can train on it.")
    images, labels = map(plain, _parts(batch, ("images", "labels"), case))
    tensors = is_a(images, Tensor) and is_a(labels, Tensor)
    require(tensors, f"{opening(case)} a batch is two tensors, images and labels, and one of yours is not.")
    whole = images.shape == (len(labels), 3, 4, 4) and labels.ndim == 1 and not labels.is_floating_point()
    shapes = f"{list(images.shape)} and {list(labels.shape)}"
    require(whole, f"{opening(case)} a batch has images [n, 3, 4, 4] and whole labels [n]. One of yours has {shapes}.")
    require(0 < len(labels) <= size, f"{opening(case)} a batch holds {len(labels)} images, and 1 to {size} are asked.")
    return images, labels


def _other_labels(found: list[int], expected: list[int]) -> str:
    lost = [label for label in expected if label not in found]
    if lost:
        return f"your batches lose image {lost[0]}, which is there: leave out the `None` and nothing else."
    if len(found) > len(expected):
        return f"your batches hold {len(found)} images, and {len(expected)} are there. Put nothing in a gap's place."
    return f"the labels come as {found}, and {expected} was expected: keep the order of the dataset."


# 10.7 ----------------------------------------------------------------------------------------------


class AClassWithoutImages(Exercise):
    number = "10.7"
    title = "a class without images"
    level = Level.EDGE
    minutes = 6
    hints = (
        "`labels == number` is True at the images of one class. Their accuracy is the share of `predictions` there "
        "that is `number`.",
        "The mean of an empty tensor is NaN. Ask `(labels == number).any()` first, and put the name on the list where "
        "it is False.",
        "Average over the classes that have images: `sum(accuracies.values()) / len(accuracies)`. Where no class has "
        "any, that divides by zero: ask first, and raise a `ValueError` that says so.",
    )
    answer = """
def per_class(predictions, labels, classes):
    if len(labels) == 0:
        raise ValueError("there are no images at all, so there is nothing to average")
    accuracies, without = {}, []
    for number, name in enumerate(classes):
        of_it = labels == number
        if of_it.any():
            accuracies[name] = (predictions[of_it] == number).float().mean().item()
        else:
            without.append(name)
    return accuracies, sum(accuracies.values()) / len(accuracies), without
"""

    def examine(self, per_class):
        for case, predictions, labels, expected in PREDICTED:
            given = torch.tensor(predictions), torch.tensor(labels)
            with input_untouched(predictions=given[0], labels=given[1]):
                said = not_refused(partial(per_class, *given, list(CLASSES)), case)
            by_class, mean, without = _parts(said, ("a dict", "a mean", "a list of names"), case)
            missing = [name for name in CLASSES if name not in expected]
            exactly(without, missing, case, missing="It has no image.", extra="It has images.")
            _are_the_accuracies(by_class, expected, case)
            _is_the_mean(mean, expected, case)
        _an_error(
            lambda: per_class(*torch.empty(2, 0, dtype=torch.long), list(CLASSES)),
            "Without any image",
            naming=["image", "photo", "picture", "sample", "empty", "nothing", "label", "prediction"],
            what="what is missing, images",
            as_words=False,
        )
        return "Each class that has images has its accuracy, the mean is over these, and the others are named."


CLASSES = ("daisy", "iris", "lily", "rose", "tulip")
# The predictions, the labels, and the accuracies that come of them.
PREDICTED = (
    (
        "With images of every class, one of which is never right",
        [0, 1, 2, 3, 3, 0],
        [0, 1, 2, 3, 4, 1],
        {"daisy": 1.0, "iris": 0.5, "lily": 1.0, "rose": 1.0, "tulip": 0.0},
    ),
    (
        "With no image of the class `rose`, which is predicted",
        [0, 0, 3, 1, 2, 3, 4, 4, 4, 0],
        [0, 0, 0, 1, 2, 2, 4, 4, 4, 4],
        {"daisy": 2 / 3, "iris": 1.0, "lily": 0.5, "tulip": 0.75},
    ),
    (
        "With no image of the first class and of the last",
        [1, 1, 2, 2, 3],
        [1, 2, 2, 2, 3],
        {"iris": 1.0, "lily": 2 / 3, "rose": 1.0},
    ),
    ("With images of one class, and none right", [2, 4, 2], [1, 1, 1], {"iris": 0.0}),
)


def _are_the_accuracies(by_class: object, expected: dict[str, float], case: str) -> None:
    said = plain(by_class)
    require(is_a(said, dict), f"{opening(case)} a dict of accuracies was expected, and you gave `{short(by_class)}`.")
    exactly(list(said), expected, case, missing="It has images.", extra="It has no image, and so no accuracy.")
    for name, accuracy in expected.items():
        found = one_number(said[name], f"{opening(case)} the accuracy of `{name}` is no number: `{short(said[name])}`.")
        require(
            close(found, accuracy),
            f"{opening(case)} the accuracy of `{name}` is {accuracy:.3f}, and you gave {found:.3f}. It is the share of "
            "its images that were told right.",
        )


def _is_the_mean(mean: object, expected: dict[str, float], case: str) -> None:
    found = one_number(mean, f"{opening(case)} the mean is no number: `{short(mean)}`.")
    right = sum(expected.values()) / len(expected)
    require(found == found, f"{opening(case)} your mean is NaN: a class without images has no part in it.")
    told = {sum(expected.values()) / len(CLASSES): "The classes without images were counted as 0."}
    why = next((why for number, why in told.items() if close(found, number)), "Each class that has images counts once.")
    require(close(found, right), f"{opening(case)} the mean is {right:.3f}, and you gave {found:.3f}. {why}")


# 10.8 ----------------------------------------------------------------------------------------------


class NaNInTheLoss(Exercise):
    number = "10.8"
    title = "NaN in the loss"
    level = Level.EDGE
    minutes = 8
    hints = (
        "`torch.isfinite(loss)` is False for NaN and for infinity. Ask it before `backward()`.",
        "By then the forward pass has moved BatchNorm's statistics. Copy the buffers before it: "
        "`{name: buffer.clone() for name, buffer in model.named_buffers()}`.",
        "Where the loss is not finite, `buffer.copy_(before[name])` for each buffer, and then "
        "`raise ValueError(f'step {step}: the loss is {loss.item()}')`.",
    )
    answer = """
def train_step(model, optimizer, images, labels, step):
    before = {name: buffer.clone() for name, buffer in model.named_buffers()}
    loss = nn.functional.cross_entropy(model(images), labels)
    if not torch.isfinite(loss):
        for name, buffer in model.named_buffers():
            buffer.copy_(before[name])
        raise ValueError(f"step {step}: the loss is {loss.item()}. Look at its images and at the learning rate")
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    return loss.item()
"""

    def examine(self, train_step):
        for kind in OPTIMIZERS:
            _trains(train_step, *_in_training(kind), _good_batch(), f"For a sound batch and {kind}")
            model, optimizer = _in_training(kind)
            batch = _far_off(model, 1e4)
            _trains(train_step, model, optimizer, batch, f"For a large loss that is finite and {kind}")
        for case, spoil, step in BAD_BATCHES:
            for kind in OPTIMIZERS:
                here = f"{case}, with {kind}"
                model, optimizer = _in_training(kind)
                images, labels = spoil(model)
                before, state = snapshot(model), copy.deepcopy(optimizer.state_dict())
                call = partial(train_step, model, optimizer, images, labels, step)
                _an_error(call, here, naming=[str(step)], what=f"the step, {step}")
                _nothing_has_moved(before, state, model, optimizer, here)
                if spoil not in (_an_infinite_loss, _nan_while_training):  # there a sound batch has one as well
                    _trains(train_step, model, optimizer, _good_batch(), f"{here}, the next batch is sound, and")
        return "A loss that is no number stops the step before anything moves, and the next batch trains as ever."


OPTIMIZERS = {
    "SGD with momentum": partial(torch.optim.SGD, lr=0.05, momentum=0.9),
    "AdamW": partial(torch.optim.AdamW, lr=0.01),
}


def _good_batch() -> tuple[Tensor, Tensor]:
    return networks.images(8), torch.arange(8) % 4


def _in_training(kind: str) -> tuple[nn.Module, torch.optim.Optimizer]:
    """A network with BatchNorm in `train()` mode, and its optimizer, after two steps."""
    model = nn.Sequential(*networks.backbone(), nn.Linear(6, 4)).train()
    optimizer = OPTIMIZERS[kind](model.parameters())
    for _ in range(2):
        _plain_step(model, optimizer, *_good_batch())
    return model, optimizer


def _plain_step(model: nn.Module, optimizer: torch.optim.Optimizer, images: Tensor, labels: Tensor) -> float:
    loss = nn.functional.cross_entropy(model(images), labels)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    return loss.item()


def _a_pixel(value: float, model: nn.Module) -> tuple[Tensor, Tensor]:
    images, labels = _good_batch()
    images[5, 1, 3, 3] = value
    return images, labels


def _far_off(model: nn.Module, logit: float) -> tuple[Tensor, Tensor]:
    """Sound images, and logits as far apart as 2 `logit`, all of them wrong."""
    with torch.no_grad():
        model[-1].bias.copy_(torch.tensor([logit, -logit, 0.0, 0.0]))
    images, _ = _good_batch()
    return images, torch.ones(8, dtype=torch.long)


def _an_infinite_loss(model: nn.Module) -> tuple[Tensor, Tensor]:
    """As the logits do not fit between the largest floats any more; the gradients would be finite."""
    return _far_off(model, 3e38)


def _nan_while_training(model: nn.Module) -> tuple[Tensor, Tensor]:
    """Sound images, and a network that is sound in `eval()` mode alone: dropout's scaling, say, may overflow."""
    model.register_forward_hook(_spoils_in_training)
    return _good_batch()


def _spoils_in_training(module: nn.Module, inputs: tuple[Tensor, ...], logits: Tensor) -> Tensor:
    return logits * float("nan") if module.training else logits


BAD_BATCHES = (
    ("For a batch with one pixel of NaN", partial(_a_pixel, float("nan")), 17),
    ("For a batch with an infinite pixel", partial(_a_pixel, float("inf")), 0),
    ("For sound images and an infinite loss", _an_infinite_loss, 23),
    ("For a loss that is NaN in `train()` mode and not in `eval()` mode", _nan_while_training, 31),
)


def _trains(
    train_step: Callable, model: nn.Module, optimizer: torch.optim.Optimizer, batch: tuple[Tensor, Tensor], case: str
) -> None:
    """A sound batch moves model and optimizer as a plain step does, and the loss comes back."""
    twin, twins_optimizer = copy.deepcopy((model, optimizer))
    twin.zero_grad()
    expected = _plain_step(twin, twins_optimizer, *batch)
    said = not_refused(partial(train_step, model, optimizer, *batch, 4), case)
    found = one_number(said, f"{opening(case)} the loss as a number was expected, and you gave `{short(said)}`.")
    require(
        close(found, expected, off=1e-4),
        f"{opening(case)} the loss is {expected:.4f}, and you gave {found:.4f}: it is the cross-entropy of one pass in "
        "`train()` mode.",
    )
    now = snapshot(model)
    other = [name for name, value in snapshot(twin).items() if not torch.allclose(now[name], value, atol=1e-6)]
    require(
        not other,
        f"{opening(case)} {quoted(other)} is not what a plain training step makes of it: `zero_grad()`, one pass in "
        "`train()` mode, `backward()` and `step()`, once each.",
    )


def _nothing_has_moved(
    before: dict[str, Tensor], state: dict, model: nn.Module, optimizer: torch.optim.Optimizer, case: str
) -> None:
    names = moved(before, model)
    parameters = [name for name in names if name in dict(model.named_parameters())]
    require(
        not parameters,
        f"{opening(case)} the error came after {quoted(parameters)} had moved: look at the loss before `step()`.",
    )
    require(
        not names,
        f"{opening(case)} {quoted(names)} moved. The forward pass itself updates BatchNorm's statistics: keep a copy "
        "of the buffers, and put it back before you raise.",
    )
    same = _same_state(state, optimizer.state_dict())
    require(same, f"{opening(case)} the optimizer's state moved: look at the loss before `step()`.")


# 10.9 ----------------------------------------------------------------------------------------------


class NoGPU(Exercise):
    number = "10.9"
    title = "no GPU"
    level = Level.EDGE
    minutes = 8
    hints = (
        "Ask `torch.cuda.is_available()` and `torch.backends.mps.is_available()` first, and keep the two answers.",
        '"auto" becomes the first of cuda, mps, cpu that is there. A name that is none of the four is a `ValueError`. '
        "A name that is known and not there becomes the CPU, after one `print`.",
        "`torch.load(file, map_location=device, weights_only=True)` puts every tensor on `device`, wherever it was "
        "when it was saved.",
    )
    answer = """
def choose_device(name):
    there = {"cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available(), "cpu": True}
    if name == "auto":
        name = next(device for device in there if there[device])
    if name not in there:
        raise ValueError(f"no device is called {name!r}: choose auto, cuda, mps or cpu")
    if not there[name]:
        print(f"There is no {name} on this machine: going on with the CPU, which takes longer.")
        name = "cpu"
    return torch.device(name)


def load_weights(file, device):
    return torch.load(file, map_location=device, weights_only=True)
"""

    def examine(self, choose_device, load_weights):
        for name, cuda, mps, expected in ASKED:
            case = f'For "{name}" on a machine with {_told(cuda, mps)}'
            with _machine(cuda, mps), _listening() as lines, _by_its_case(case, ASK_FIRST):
                said = choose_device(name)
            require(is_a(said, torch.device), f"{opening(case)} a `torch.device` was expected, not `{short(said)}`.")
            require(said.type == expected, f"{opening(case)} you chose `{said}`, and `{expected}` was expected.")
            if name not in ("auto", expected):
                _says_so(lines, name, case)
        for name in ("gpu", "meta"):
            case = f'For the unknown name "{name}"'
            _an_error(lambda name=name: choose_device(name), case, naming=[name], what=f"`{name}`")
        for device in ("cpu", "meta"):
            with _machine(False, False), _saved_on_a_gpu() as (file, saved):
                _is_loaded(load_weights, file, torch.device(device), saved)
        _runs_no_code(lambda file: load_weights(file, torch.device("cpu")), "file of weights")
        return "The best device that is there, one line where it is not the one asked for, and files of any machine."


# What is asked for, whether there is cuda and mps, and the device.
ASKED = (
    ("auto", True, False, "cuda"),
    ("auto", False, True, "mps"),
    ("auto", True, True, "cuda"),
    ("auto", False, False, "cpu"),
    ("cpu", True, False, "cpu"),
    ("cuda", True, False, "cuda"),
    ("mps", False, True, "mps"),
    ("cuda", False, False, "cpu"),
    ("mps", False, False, "cpu"),
    ("mps", True, False, "cpu"),
    ("cuda", False, True, "cpu"),
)


ASK_FIRST = "PyTorch knows no device of such a name, or the machine has none: ask for what is there first."


def _told(cuda: bool, mps: bool) -> str:
    return " and ".join(name for name, there in (("CUDA", cuda), ("MPS", mps)) if there) or "no GPU"


@contextmanager
def _machine(cuda: bool, mps: bool) -> Iterator[None]:
    """PyTorch says that these are there, and no other GPU, whatever this machine has."""
    with (
        mock.patch("torch.cuda.is_available", lambda: cuda),
        mock.patch("torch.cuda.device_count", lambda: int(cuda)),
        mock.patch("torch.backends.mps.is_available", lambda: mps),
    ):
        yield


@contextmanager
def _listening() -> Iterator[list[str]]:
    """The lines that are printed within the block, on either stream, and the warnings."""
    lines: list[str] = []
    printed = Printed()
    with warnings.catch_warnings(record=True) as warned, redirect_stdout(printed), redirect_stderr(printed):
        warnings.simplefilter("always")
        yield lines
    lines += [line for line in printed.getvalue().splitlines() if line.strip()]
    lines += [line for one in warned for line in str(one.message).splitlines() if line.strip()]


def _says_so(lines: list[str], name: str, case: str) -> None:
    require(
        lines,
        f"{opening(case)} your function went to the CPU in silence, and whoever waits for it wonders why it is slow. "
        "Print a line, or warn.",
    )
    require(len(lines) == 1, f"{opening(case)} your function says {len(lines)} lines, and one is enough: {lines[:3]}")
    for word in (name, "cpu"):
        require(
            re.search(rf"(?<!\w){word}(?!\w)", lines[0], flags=re.IGNORECASE),
            f"{opening(case)} your line does not name `{word}`: say what was asked for, and what is used. It says: "
            f"{short(lines[0])}",
        )


@contextmanager
def _saved_on_a_gpu() -> Iterator[tuple[Path, dict[str, Tensor]]]:
    """A file as a machine with a GPU writes it: each tensor says that it lay on cuda:0."""
    saved = {"weight": torch.arange(6.0).reshape(2, 3), "bias": torch.tensor([1.0, -1.0])}
    with _folder_of() as root:
        with mock.patch("torch.serialization.location_tag", lambda storage: "cuda:0"):
            torch.save(saved, root / "from_a_gpu.pt")
        yield root / "from_a_gpu.pt", saved


def _is_loaded(load_weights: Callable, file: Path, device: torch.device, saved: dict[str, Tensor]) -> None:
    case = f"For weights that were saved on a GPU and are asked for on `{device}`"
    try:
        with _by_its_case(case, "It is called with the file and the device."):
            loaded = load_weights(file, device)
    except RuntimeError as error:
        raise Incorrect(
            f"{opening(case)} your function stopped with `{type(error).__name__}: {first_line(error)[:110]}`. "
            "`map_location` says where the tensors are to go."
        ) from None
    said = plain(loaded)
    fits = is_a(said, dict) and said.keys() == saved.keys() and all(is_a(one, Tensor) for one in said.values())
    require(fits, f"{opening(case)} the dict of tensors in the file was expected, and you gave `{short(loaded)}`.")
    for name, tensor in said.items():
        require(tensor.device == device, f"{opening(case)} `{name}` is on `{tensor.device}`.")
        same = device.type == "meta" or torch.equal(tensor, saved[name])
        require(same, f"{opening(case)} `{name}` holds other numbers than in the file.")


# 10.10 ---------------------------------------------------------------------------------------------


class AnInterruptedRun(Exercise):
    number = "10.10"
    title = "an interrupted run that resumes"
    level = Level.EDGE
    minutes = 8
    hints = (
        "The next epoch depends on the model with its buffers, the optimizer with its momentum, the number of the "
        "epoch, and two random states: `generator.get_state()` and `torch.get_rng_state()`.",
        "`torch.save` takes a dict of all of them. Write it to a draft beside the file, and then "
        "`os.replace(draft, file)`: a rename happens whole or not at all.",
        "`torch.load(file, weights_only=True)`, then `load_state_dict` twice, `generator.set_state` and "
        "`torch.set_rng_state`. The next epoch is the saved one plus 1. Of a damaged file PyTorch's errors do not name "
        "it: `except Exception as error: raise ValueError(f'{file} ...') from error`.",
    )
    answer = """
import os


def save(file, model, optimizer, epoch, generator):
    state = {
        "model": model.state_dict(),
        "optimizer": optimizer.state_dict(),
        "epoch": epoch,
        "generator": generator.get_state(),
        "torch": torch.get_rng_state(),
    }
    draft = f"{file}.draft"
    torch.save(state, draft)
    os.replace(draft, file)


def resume(file, model, optimizer, generator):
    if not Path(file).exists():
        return 0
    try:
        state = torch.load(file, weights_only=True)
    except Exception as error:
        raise ValueError(f"{file} cannot be read as a checkpoint: move it away to start anew") from error
    model.load_state_dict(state["model"])
    optimizer.load_state_dict(state["optimizer"])
    generator.set_state(state["generator"])
    torch.set_rng_state(state["torch"])
    return state["epoch"] + 1
"""

    def examine(self, save, resume):
        for kind in OPTIMIZERS:
            with _folder_of() as root:
                file, case = root / "run.pt", f"With {kind}"
                _starts_anew(resume, file, kind, case)
                saved = _saved(save, file, kind, case)
                again = _Run(kind, seed=2)
                _comes_back(resume, file, again, saved, 2, case)
                _ends_as_if_never_interrupted(again.epochs(2), kind, 4, case)
        with _folder_of() as root:
            file = root / "run.pt"
            _starts_anew_after_a_kill(save, resume, file)
            saved = _saved(save, file, "AdamW", "With AdamW")
            for case, killed in KILLS.items():
                _survives(save, resume, file, saved, case, killed)
            _is_written_beside(save, resume, file)
            _refuses_what_is_no_checkpoint(resume, file)
        _runs_no_code(_resumed(resume), "checkpoint")
        return "To the bit as if nothing had happened, and a kill at any moment leaves a whole checkpoint."


@dataclass
class _State:
    """All that the next epoch depends on."""

    model: dict[str, Tensor]
    modes: dict[str, bool]
    optimizer: dict
    generator: Tensor
    torch: Tensor


_OF_A_STATE = {
    "model": "the state of the model, parameters and buffers,",
    "modes": "the mode of the model, `train()` or `eval()`,",
    "optimizer": "the optimizer's state, such as momentum and the learning rate,",
    "generator": "the state of `generator`, which shuffles,",
    "torch": "PyTorch's own random state, which dropout uses,",
}


class _Run:
    """A training run with BatchNorm, dropout, a shuffle by its own generator and a falling learning rate."""

    def __init__(self, kind: str, seed: int):
        torch.manual_seed(seed)
        self.model = networks.classifier(4).train()
        self.optimizer = OPTIMIZERS[kind](self.model.parameters())
        self.generator = torch.Generator().manual_seed(seed)

    def epochs(self, count: int, save: Callable | None = None, file: Path | None = None) -> _State:
        """Train for so many epochs, the first of which is 0 where each is saved; how it is in the end."""
        fixed = torch.Generator().manual_seed(5)
        images, labels = torch.randn(12, 3, 8, 8, generator=fixed), torch.arange(12) % 4
        for epoch in range(count):
            for part in torch.randperm(12, generator=self.generator).split(4):
                _plain_step(self.model, self.optimizer, images[part], labels[part])
            self.optimizer.param_groups[0]["lr"] *= 0.8
            if save:
                self.save(save, file, epoch)
        return self.state()

    def save(self, save: Callable, file: Path, epoch: int) -> None:
        """Save it, which changes nothing of it."""
        before = self.state()
        save(file, self.model, self.optimizer, epoch, self.generator)
        other = _differs(before, self.state())
        require(not other, f"`save` changed {other} and only has to write it down.")

    def state(self) -> _State:
        return _State(
            snapshot(self.model),
            {name: module.training for name, module in self.model.named_modules()},
            copy.deepcopy(self.optimizer.state_dict()),
            self.generator.get_state(),
            torch.get_rng_state(),
        )


def _differs(one: _State, other: _State) -> str:
    """The first part that is another, in words; empty where there is none."""
    parts = (words for name, words in _OF_A_STATE.items() if not _same_state(getattr(one, name), getattr(other, name)))
    return next(parts, "")


def _starts_anew(resume: Callable, file: Path, kind: str, case: str) -> None:
    case, run = f"{case}, where there is no checkpoint yet", _Run(kind, seed=1)
    before = run.state()
    said = not_refused(
        partial(resume, file, run.model, run.optimizer, run.generator), case, error=Exception, advice="It is a start."
    )
    first = one_number(said, f"{opening(case)} 0 was expected, the first epoch, and you gave `{short(said)}`.")
    require(first == 0, f"{opening(case)} the first epoch is 0, and you gave {first:g}.")
    other = _differs(before, run.state())
    require(not other, f"{opening(case)} {other} has to stay as it was.")


def _saved(save: Callable, file: Path, kind: str, case: str) -> _State:
    """The state after two epochs, each of them saved."""
    with tried_on(opening(case)):
        end = _Run(kind, seed=0).epochs(2, save, file)
    require(file.exists(), f"{opening(case)} after `save` there is no `{file.name}`: write just that file.")
    return end


def _comes_back(resume: Callable, file: Path, run: _Run, saved: _State, next_epoch: int, case: str) -> None:
    """`resume` gives the run the state that was saved, and says which epoch comes next."""
    with tried_on(opening(case)):
        said = resume(file, run.model, run.optimizer, run.generator)
    found = run.state()
    number = one_number(said, f"{opening(case)} `resume` gives the next epoch, and you gave `{short(said)}`.")
    require(
        number == next_epoch,
        f"{opening(case)} the last epoch that was saved is {next_epoch - 1}, so {next_epoch} comes next, and you gave "
        f"{number:g}.",
    )
    other = _differs(saved, found)
    require(not other, f"{opening(case)} {other} is not what it was when it was saved.")


def _ends_as_if_never_interrupted(end: _State, kind: str, epochs: int, case: str) -> None:
    other = _differs(end, _Run(kind, seed=0).epochs(epochs))
    require(not other, f"{opening(case)} after the last epoch {other} is not that of a run without interruption.")


# A program that is killed: nothing of it runs any more, but for what closes files ------------------


class _Killed(BaseException):
    """No `except Exception` catches it, as nothing catches a kill."""


@contextmanager
def _while_writing() -> Iterator[None]:
    """`torch.save` writes half of its bytes, and then the program is killed."""
    whole = torch.save

    def half(state: object, file: object, *more: object, **how: object) -> None:
        content = io.BytesIO()
        whole(state, content, *more, **how)
        part = content.getvalue()[: len(content.getvalue()) // 2]
        if hasattr(file, "write"):
            file.write(part)
        else:
            Path(file).write_bytes(part)
        raise _Killed

    with mock.patch("torch.save", half):
        yield


@contextmanager
def _before_a_rename() -> Iterator[None]:
    """The program is killed as it is about to rename a file."""
    with mock.patch("os.replace", side_effect=_Killed), mock.patch("os.rename", side_effect=_Killed):
        yield


KILLS = {
    "After a kill in the middle of writing": _while_writing,
    "After a kill just before a file is renamed": _before_a_rename,
}
DRAFT = "Write a draft beside it, and `os.replace(draft, file)` at the end: then its name always has a whole file."


def _starts_anew_after_a_kill(save: Callable, resume: Callable, file: Path) -> None:
    run = _Run("AdamW", seed=8)
    try:
        with _while_writing():
            run.save(save, file, epoch=0)
    except _Killed:
        case = "After a kill in the very first `save`"
        require(not file.exists(), f"{opening(case)} half a checkpoint has the name of a whole one. {DRAFT}")
        _starts_anew(resume, file, "AdamW", case)
    file.unlink(missing_ok=True)  # where `save` needed nothing of what kills


def _survives(save: Callable, resume: Callable, file: Path, saved: _State, case: str, killed: Callable) -> None:
    """Killed while it saves another epoch, the program finds the earlier checkpoint as it was."""
    earlier = file.read_bytes()
    run = _Run("AdamW", seed=9)
    try:
        with killed():
            run.save(save, file, epoch=2)
    except _Killed:
        require(file.exists(), f"{opening(case)} there is no checkpoint at all. {DRAFT}")
        whole = file.read_bytes() == earlier
        require(whole, f"{opening(case)} the earlier checkpoint is gone: it was written over. {DRAFT}")
        _comes_back(resume, file, _Run("AdamW", seed=4), saved, 2, case)
    file.write_bytes(earlier)  # where `save` needed nothing of what kills


def _is_written_beside(save: Callable, resume: Callable, file: Path) -> None:
    """Another epoch is a new file of that name; the old file, which has a second name, holds what it held."""
    case, earlier, run = "When a later epoch is saved", file.read_bytes(), _Run("AdamW", seed=9)
    os.link(file, file.with_name("second name"))
    with _each_folder_is_a_disk(), tried_on(opening(case)):
        run.save(save, file, epoch=2)
    saved = run.state()
    require(
        file.with_name("second name").read_bytes() == earlier,
        f"{opening(case)} your function writes into the earlier checkpoint, byte by byte. Killed half-way, it leaves "
        f"neither the old one nor the new one. {DRAFT}",
    )
    _comes_back(resume, file, _Run("AdamW", seed=4), saved, 3, "After another epoch, with what the kills left about")


@contextmanager
def _each_folder_is_a_disk() -> Iterator[None]:
    """A rename from one folder to another fails, as between disks; `shutil.move` copies then, byte by byte."""
    real = {"replace": os.replace, "rename": os.rename}

    def within_a_folder(kind: str, source: object, target: object, **how: object) -> None:
        if Path(source).resolve().parent != Path(target).resolve().parent:
            raise OSError(errno.EXDEV, "two disks: a rename works within one, so put the draft beside the file")
        real[kind](source, target, **how)

    with (
        mock.patch("os.replace", partial(within_a_folder, "replace")),
        mock.patch("os.rename", partial(within_a_folder, "rename")),
    ):
        yield


def _refuses_what_is_no_checkpoint(resume: Callable, file: Path) -> None:
    """What lies at `file`, where a whole checkpoint is now, may be damaged or something else: that is an error."""
    whole = file.read_bytes()
    for case, content in {
        "For a checkpoint of which half is there": whole[: len(whole) // 2],
        "For a file that is no checkpoint": b"Dear diary, this is no checkpoint.",
        "For an empty file": b"",
    }.items():
        file.write_bytes(content)
        _an_error(lambda: _resumed(resume)(file), case, naming=[file.name], what=f"the file, `{file.name}`")
        kept = file.exists() and file.read_bytes() == content
        require(
            kept,
            f"{opening(case)} the file is gone or changed: leave it as it is. Perhaps it can be saved, and whose it is "
            "you do not know.",
        )


# A file that runs code -----------------------------------------------------------------------------

_RAN: list[bool] = []


def _run() -> dict:
    _RAN.append(True)
    return {}


class _Code:
    """What runs code when it is unpickled, and could delete your files as well."""

    def __reduce__(self) -> tuple:
        return _run, ()


def _runs_no_code(load: Callable[[Path], object], what: str) -> None:
    """A file with code in it is refused, or left aside: whatever `load` does with it, the code does not run."""
    with _folder_of() as root:
        for name, write in (("torch.pt", torch.save), ("pickle.pt", _pickled)):
            write({"model": _Code(), "epoch": 1}, root / name)
            _RAN.clear()
            with suppress(Exception):  # an error of any kind is right here: the file is bad
                load(root / name)
            require(
                not _RAN,
                f"A {what} with code in it ran that code as you loaded it, and a file from elsewhere may do the same "
                "with anything. `torch.load(file, weights_only=True)` reads tensors and plain values alone.",
            )


def _resumed(resume: Callable) -> Callable[[Path], object]:
    run = _Run("AdamW", seed=0)
    return lambda file: resume(file, run.model, run.optimizer, run.generator)


def _pickled(state: object, file: Path) -> None:
    file.write_bytes(pickle.dumps(state, protocol=2))  # torch reads others with a warning


SURVIVE = (
    AnEmptyFolder,
    ABrokenImage,
    OneClass,
    AClassWithOneImage,
    NoneAmongTheImages,
    AClassWithoutImages,
    NaNInTheLoss,
    NoGPU,
    AnInterruptedRun,
)
