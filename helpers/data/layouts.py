"""What the folders of a dataset mean: classes, parts (train, validation, test), a wrapper, or nothing.

A folder's name alone says little: `train` is a part of one dataset and a class of another, beside `bus` and `plane`.
So the names are held against where the images are. What cannot be told apart is refused, with what to do about it.
"""

from __future__ import annotations

import os
import re
import unicodedata
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from helpers.data.images import HEAD_BYTES, IMAGE_SUFFIXES, begins_like_an_image
from helpers.data.splits import Photo, Skipped
from helpers.errors import CourseError, first_few, one_line

ONE_FOLDER_A_CLASS = "one folder a class with at least 3 photos in each"

_ARCHIVES = (".zip", ".tar", ".gz", ".tgz", ".bz2", ".xz", ".7z", ".rar")

# Folders that programs make, whatever is in them.
_MADE_BY_PROGRAMS = {
    "__macosx": "made by macOS's archiver",
    "@eadir": "thumbnails of a Synology",
    "thumbs": "thumbnails",
    "thumbnails": "thumbnails",
    "$recycle.bin": "a recycle bin",
    "#recycle": "a recycle bin",
    "@recycle": "a recycle bin",
    "lost+found": "made by the file system",
    "system volume information": "made by Windows",
    "__pycache__": "made by Python",
}

# The words that Hugging Face's `datasets` knows as well (huggingface.co/docs/hub/datasets-file-names-and-splits).
_WORDS = {
    "train": ("train", "training"),
    "val": ("val", "valid", "validation", "dev"),
    "test": ("test", "testing", "eval", "evaluation"),
}


@dataclass(eq=False)
class Branch:
    """A folder with the photos that lie in it directly, the folders in it, and the files that are no images."""

    path: Path
    photos: list[Photo] = field(default_factory=list)
    folders: list[Branch] = field(default_factory=list)
    no_images: list[Skipped] = field(default_factory=list)

    @property
    def name(self) -> str:
        return one_line(self.path.name)

    def all_photos(self) -> list[Photo]:
        """Those of the folders within as well, sorted by path."""
        photos = [*self.photos, *(photo for inner in self.folders for photo in inner.all_photos())]
        return sorted(photos, key=lambda photo: photo.relative)

    def all_no_images(self) -> list[Skipped]:
        return [*self.no_images, *(skip for inner in self.folders for skip in inner.all_no_images())]

    def with_photos(self) -> list[Branch]:
        return [inner for inner in self.folders if inner.has_photos()]

    def has_photos(self) -> bool:
        return bool(self.photos) or any(inner.has_photos() for inner in self.folders)

    def is_empty(self) -> bool:
        """Whether there is nothing in it at all: a class that was prepared, and waits for its photos."""
        return not self.photos and not self.no_images and all(inner.is_empty() for inner in self.folders)


@dataclass
class Layout:
    """Class folders by part ("all" where there are none), what to say about it, and what is left out."""

    parts: dict[str, dict[str, Branch]]
    folders: dict[str, Path]
    notes: list[str]
    skipped: list[Skipped]


def find_layout(root: Path) -> Layout:
    """Read the folder and tell its parts and classes.

    Raises:
        CourseError: no classes, or folders that could mean more than one thing; the message says what to do.
    """
    skipped: list[Skipped] = []
    notes: list[str] = []
    branch = _without_wrappers(read_branch(root, skipped), skipped, notes)
    parts = _parts(branch)
    if parts:
        used = {part: _inner_of(top) for part, top in parts.items()}
        skipped += [Skipped(b.path, "beside train/") for b in branch.folders if b not in parts.values()]
        skipped += [Skipped(photo.path, "in no class folder") for photo in branch.photos]
        notes.append(_parts_in_words(root, used))
    else:
        used = {"all": branch}
    classes = {part: _classes(top, skipped, notes) for part, top in used.items()}
    skipped += [s for by_name in classes.values() for branch in by_name.values() for s in branch.all_no_images()]
    return Layout(classes, {part: top.path for part, top in used.items()}, notes, skipped)


def _without_wrappers(branch: Branch, skipped: list[Skipped], notes: list[str]) -> Branch:
    """The first folder inwards that holds more than one folder of photos: what lies around it is packing."""
    outer = branch
    while (inner := _only_wrapped(branch)) is not None:
        skipped += [Skipped(b.path, "no photo in it") for b in branch.folders if b is not inner]
        skipped += [Skipped(photo.path, "in no class folder") for photo in branch.photos]
        branch = inner
    if branch is not outer:
        notes.append(f"read: the folder {one_line(branch.path.relative_to(outer.path).as_posix())}/ within")
    return branch


def _only_wrapped(branch: Branch) -> Branch | None:
    inner = branch.with_photos()
    if len(inner) != 1 or inner[0].photos or any(b.is_empty() for b in branch.folders):
        return None  # a class, or one beside classes that wait for their photos
    part = part_named(inner[0].path.name)
    return inner[0] if part in (None, part_named(branch.path.name)) else None


# ---- parts -----------------------------------------------------------------------------------------


def part_named(folder: str) -> str | None:
    """The part that a folder's name speaks of, as `seg_train`, `Testing` and `validation_set` do; or None."""
    words = re.sub(r"(?<=[a-z])(?=[A-Z])", " ", folder).lower()
    words = {word.removesuffix("set") for word in re.split(r"[^a-z]+", words)}
    found = [part for part, names in _WORDS.items() if words & set(names)]
    return found[0] if len(found) == 1 else None


def _parts(branch: Branch) -> dict[str, Branch] | None:
    """The folders that are parts, by part; None where the folders are classes."""
    named: dict[str, list[Branch]] = {}
    others = []
    for inner in branch.with_photos():
        part = part_named(inner.path.name)
        named.setdefault(part, []).append(inner) if part else others.append(inner)
    if _may_be_classes(branch, named, others):
        return None
    labelled = {part: [b for b in tops if _is_labelled(b)] for part, tops in named.items()}
    parts = {part: _the_one(part, tops, branch) for part, tops in labelled.items() if tops}
    if "train" not in parts or len(parts) == 1:
        raise _incomplete(branch, named, parts)
    return {part: parts[part] for part in ("train", "val", "test") if part in parts}


def _may_be_classes(root: Branch, named: dict[str, list[Branch]], others: Sequence[Branch]) -> bool:
    """Whether folders that are named like parts are classes all the same: bus, car, plane and train."""
    if not named:
        return True
    beside = [b for b in others if b.photos]
    trains = named.get("train", [])
    if not trains:
        held_out = [b for tops in named.values() for b in tops if _is_plainly_a_part(b)]
        if others and held_out:
            raise CourseError(
                f"{one_line(root.path)} has {held_out[0].name}/ beside {first_few(f'{b.name}/' for b in others)}: "
                "give the others a folder train/ around them, or remove it; rename it if it is a class"
            )
        return bool(others) or len(named) == 1
    if beside and len(named) == 1 and any(_is_labelled(b) for b in trains):
        raise CourseError(
            f"{one_line(root.path)} has {trains[0].name}/ with folders in it beside folders of photos "
            f"({first_few(f'{b.name}/' for b in beside)}): give {one_line(trains[0].path)} if its folders are the "
            "classes, or move its photos up if it is a class itself"
        )
    return bool(beside) and not any(_is_labelled(b) for b in trains)


def _is_plainly_a_part(branch: Branch) -> bool:
    """Whether the name says nothing else: `test1` and `Test images`, but not `blood_test`."""
    words = set(re.split(r"[\W\d_]+", branch.path.name.lower())) - {"", "set", "data", "image", "images", "photos"}
    return len(words) == 1 and part_named(branch.path.name) is not None


def _inner_of(top: Branch) -> Branch:
    """The folder with the classes of a part: seg_train/seg_train/ for seg_train/."""
    inner = top.with_photos()
    while len(inner) == 1 and not top.photos and (not inner[0].photos or _same_part(top, inner[0])):
        top, inner = inner[0], inner[0].with_photos()
    return top


def _same_part(outer: Branch, inner: Branch) -> bool:
    return outer.name == inner.name or part_named(outer.path.name) == part_named(inner.path.name)


def _is_labelled(top: Branch) -> bool:
    """Whether there are folders for classes in a part, and not only photos."""
    return bool(_inner_of(top).with_photos())


def _the_one(part: str, tops: Sequence[Branch], root: Branch) -> Branch:
    """The folder for this part; of several the one that is called by the plain word."""
    plain = [top for top in tops if top.name.lower() in _WORDS[part]]
    if len(plain) == 1 or len(tops) == 1:
        return (plain or tops)[0]
    raise CourseError(
        f"{one_line(root.path)} has more than one folder for {part}: {first_few(f'{top.name}/' for top in tops)}; "
        "remove or rename all but one"
    )


def _incomplete(root: Branch, named: dict[str, list[Branch]], parts: dict[str, Branch]) -> CourseError:
    here = one_line(root.path)
    flat = [f"{b.name}/" for part, tops in named.items() if part not in parts for b in tops]
    if flat:
        verb = "has" if len(flat) == 1 else "have"
        said = f"{first_few(flat)} in {here} {verb} photos but no class folders, so nothing says what they show"
        cure = _sorting_advice([photo for tops in named.values() for b in tops for photo in b.all_photos()])
        if "train" in parts:
            cure = f"give {one_line(_inner_of(parts['train']).path)}, which is then divided in three"
        return CourseError(f"{said}: {cure}")
    if "train" not in parts:
        return CourseError(
            f"{here} has {first_few(f'{b.name}/' for b in parts.values())} but no train/: "
            "add train/, or give one of them"
        )
    train = parts["train"]
    return CourseError(
        f"{here} has {train.name}/ but no val/: add val/ with the held-out photos, "
        f"or give {one_line(_inner_of(train).path)}, which is then divided in three"
    )


def _parts_in_words(root: Path, used: dict[str, Branch]) -> str:
    where = {part: f"{one_line(top.path.relative_to(root).as_posix())}/" for part, top in used.items()}
    if len(where) == 3:
        return f"parts: {where['train']} is train, {where['val']} val and {where['test']} test"
    held_out = where.get("val") or where["test"]
    return f"parts: {where['train']} is train and, by a fifth, val; {held_out} is test"


# ---- classes ---------------------------------------------------------------------------------------


def _classes(top: Branch, skipped: list[Skipped], notes: list[str]) -> dict[str, Branch]:
    """The class folders in a part, by name."""
    candidates = top.with_photos()
    if not top.folders or (top.photos and not candidates):
        raise _no_class_folders(top)
    skipped += [Skipped(photo.path, "in no class folder") for photo in top.photos]
    again = [branch for branch in candidates if _repeats_its_siblings(branch, candidates)]
    skipped += [Skipped(branch.path, "the same class folders once more") for branch in again]
    candidates = [branch for branch in candidates if branch not in again]
    _refuse_what_is_no_class(top, candidates)
    waiting = [branch for branch in top.folders if branch.is_empty()]
    no_photo = [b for b in top.folders if not b.has_photos() and not b.is_empty()]
    if len(candidates) < 2:  # then it may be the class that is missing
        waiting, no_photo = waiting + no_photo, []
    skipped += [Skipped(branch.path, "no photo in it") for branch in no_photo]
    classes = _by_name(sorted(candidates + waiting, key=lambda branch: branch.path.name))
    notes += _notes_on_classes(classes)
    return classes


def _by_name(branches: Sequence[Branch]) -> dict[str, Branch]:
    """By name in Unicode's composed form: an archive from macOS writes é as two characters, others as one."""
    composed = Counter(unicodedata.normalize("NFC", branch.path.name) for branch in branches)
    names = [unicodedata.normalize("NFC", branch.path.name) for branch in branches]
    return {
        (name if composed[name] == 1 else branch.path.name): branch
        for name, branch in zip(names, branches, strict=True)
    }


def _repeats_its_siblings(branch: Branch, siblings: Sequence[Branch]) -> bool:
    inner = {b.name for b in branch.with_photos()}
    return not branch.photos and len(inner) > 1 and inner == {b.name for b in siblings if b is not branch}


def _refuse_what_is_no_class(top: Branch, candidates: Sequence[Branch]) -> None:
    """Folders that hold no photo of their own, but folders of the same names: versions, or parts in classes."""
    if len(candidates) < 2 or any(branch.photos for branch in candidates):
        return
    inner = [{b.name for b in branch.with_photos()} for branch in candidates]
    shared = sorted(name for name, count in Counter(n for names in inner for n in names).items() if count > 1)
    if not shared or all(len(names) == 1 for names in inner):
        return
    here, outside = one_line(top.path), first_few(f"{branch.name}/" for branch in candidates)
    within = first_few(f"{name}/" for name in shared)
    if len({part_named(name) for name in shared} - {None}) > 1:
        raise CourseError(
            f"{outside} in {here} hold {within} each: give every part its own folder with the classes in it, "
            f"as {shared[-1]}/{candidates[0].name}/"
        )
    raise CourseError(
        f"{outside} in {here} hold folders of the same names ({within}), so they may be versions of one dataset: "
        f"give one of them, as {one_line(candidates[0].path)}; where they are the classes, "
        "add no folders in them: move the photos up"
    )


def _no_class_folders(top: Branch) -> CourseError:
    here = one_line(top.path)
    if top.photos:
        count = f"{len(top.photos):,} {'photo' if len(top.photos) == 1 else 'photos'}"
        return CourseError(
            f"{here} has {count} but no class folders, so nothing says what they show: {_sorting_advice(top.photos)}"
        )
    has = "files but no class folders" if top.no_images else "nothing in it"
    return CourseError(f"{here} has {has}: give it {ONE_FOLDER_A_CLASS}")


def _sorting_advice(photos: Sequence[Photo]) -> str:
    """What to do with photos in one heap. Where their names begin with a few words, as cat.0.jpg, these are named."""
    beginnings = Counter(m[0].lower() for p in photos if (m := re.match(r"[^\W\d_]+", p.path.name)))
    common = sorted(word for word, count in beginnings.items() if count > 2)
    known = sum(beginnings[word] for word in common)
    if 2 <= len(common) <= 200 and known > 0.4 * len(photos):
        return f"give it one folder a class; names begin with {first_few(common)}, so move these to a folder each"
    return f"give it {ONE_FOLDER_A_CLASS}"


def _notes_on_classes(classes: dict[str, Branch]) -> Iterator[str]:
    hollow = [one_line(name) for name, branch in classes.items() if not branch.photos and branch.has_photos()]
    if hollow:
        yield f"read with the folders in it: {first_few(f'{name}/' for name in hollow)}"
    alike: dict[str, list[str]] = {}
    for name in classes:
        alike.setdefault(plain_name(name), []).append(one_line(name))
    for names in alike.values():
        if len(names) > 1:
            told = first_few(f"{name}/" for name in names)
            yield f"looks like one class {len(names)} times: {told}; put them together where it is"


def plain_name(name: str) -> str:
    """A class's name without what people spell differently: case, accents' encoding, spaces, _ and -."""
    return re.sub(r"[\s_-]+", " ", unicodedata.normalize("NFKC", name).casefold()).strip()


# ---- reading ---------------------------------------------------------------------------------------


def read_branch(root: Path, skipped: list[Skipped]) -> Branch:
    """The folder and all in it; what is of no use goes to `skipped`, with the reason.

    Raises:
        CourseError: it is missing, no folder, or may not be read.
    """
    here = one_line(root)
    if not root.exists():
        raise CourseError(f"no folder {here}: check the path, or use a dataset's name")
    if not root.is_dir():
        unpack = "unpack it, and " if root.suffix.lower() in _ARCHIVES else ""
        raise CourseError(f"{here} is a file, not a folder: {unpack}give the folder that holds {ONE_FOLDER_A_CLASS}")
    return _read(root, root, frozenset(), skipped)


def _read(folder: Path, root: Path, above: frozenset[Path], skipped: list[Skipped]) -> Branch:
    branch = Branch(folder)
    above |= {folder.resolve()}
    for entry in _entries(folder):
        path = Path(entry.path)
        try:
            if entry.is_dir():
                _read_folder(path, root, above, branch, skipped)
            elif not entry.name.startswith("."):
                _read_file(path, root, branch)
        except OSError as error:  # a link to nothing, or to itself
            skipped.append(Skipped(path, f"unreadable ({error.strerror})"))
    return branch


def _read_folder(path: Path, root: Path, above: frozenset[Path], branch: Branch, skipped: list[Skipped]) -> None:
    if path.name.lower() in _MADE_BY_PROGRAMS:
        skipped.append(Skipped(path, f"no class: {_MADE_BY_PROGRAMS[path.name.lower()]}"))
    elif path.name.startswith("."):
        if _holds_an_image(path):
            skipped.append(Skipped(path, "no class: a hidden folder"))
    elif path.resolve() in above:
        skipped.append(Skipped(path, "a link to a folder that it lies in"))
    else:
        branch.folders.append(_read(path, root, above, skipped))


def _read_file(path: Path, root: Path, branch: Branch) -> None:
    if not path.is_file():
        raise FileNotFoundError(0, "a link to nothing" if path.is_symlink() else "not a file")
    if not path.name.lower().endswith(IMAGE_SUFFIXES):
        with path.open("rb") as file:
            head = file.read(HEAD_BYTES)
        if not begins_like_an_image(head):
            kind = one_line(path.suffix.lower())[:12] or "no suffix"
            branch.no_images.append(Skipped(path, f"no image ({kind})"))
            return
    state = path.stat()
    branch.photos.append(Photo(path, path.relative_to(root).as_posix(), state.st_size, state.st_mtime_ns))


def _holds_an_image(hidden: Path) -> bool:
    try:
        with os.scandir(hidden) as entries:
            return any(entry.name.lower().endswith(IMAGE_SUFFIXES) for entry in entries)
    except OSError:  # one that may not be read, as many hidden folders
        return False


def _entries(folder: Path) -> list[os.DirEntry[str]]:
    try:
        with os.scandir(folder) as entries:
            return sorted(entries, key=lambda entry: entry.name)
    except OSError as error:
        raise CourseError(
            f"cannot read the folder {one_line(folder)} ({error.strerror}): check that you may open it"
        ) from None
