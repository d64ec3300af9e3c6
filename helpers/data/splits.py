"""Images with labels, and how they are divided into a train, a validation and a test part."""

from __future__ import annotations

import hashlib
import operator
import os
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import torch
from PIL import Image
from torch.utils.data import Dataset

from helpers.data.images import Scales, file_digest, open_image
from helpers.errors import CourseError, first_few, one_line

Transform = Callable[[Image.Image], Any]


# ---- where images come from ------------------------------------------------------------------------


class Source(Protocol):
    """Images by number. A source holds plain data only, so that workers can receive a copy of it."""

    def __len__(self) -> int: ...
    def image(self, index: int) -> Image.Image: ...
    def take(self, indices: np.ndarray) -> Source: ...
    def digest(self) -> bytes: ...


@dataclass(frozen=True, eq=False)
class Arrays:
    """Images in memory: uint8 [n, height, width, 3]."""

    images: np.ndarray

    def __len__(self) -> int:
        return len(self.images)

    def image(self, index: int) -> Image.Image:
        return Image.fromarray(self.images[index])

    def take(self, indices: np.ndarray) -> Arrays:
        return Arrays(self.images[indices])

    def digest(self) -> bytes:
        images = np.ascontiguousarray(self.images)
        return hashlib.blake2b(repr(images.shape).encode() + images.data, digest_size=16).digest()


@dataclass(frozen=True)
class Photo:
    """A file as it was when the folder was read. `relative` is its path inside the dataset's folder."""

    path: Path
    relative: str
    size: int
    mtime_ns: int


@dataclass(frozen=True, eq=False)
class Photos:
    """Images in files, decoded each time that they are asked for, all deep ones by the same `scales`."""

    photos: tuple[Photo, ...]
    scales: Scales = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.photos)

    def image(self, index: int) -> Image.Image:
        return open_image(self.photos[index].path, self.scales or None, examined=True)

    def take(self, indices: np.ndarray) -> Photos:
        return Photos(tuple(self.photos[i] for i in indices), self.scales)

    def digest(self) -> bytes:
        """Of what is in the files now: one that was replaced may have kept its name, its size and its time."""
        # Reading and hashing leave Python's lock.
        with ThreadPoolExecutor(min(8, os.cpu_count() or 1)) as pool:
            contents = list(pool.map(file_digest, (photo.path for photo in self.photos)))
        scales = [f"{scale.low!r}\t{scale.top!r}" for _, scale in sorted(self.scales.items())]
        return hashlib.blake2b(b"".join(contents) + "\n".join(scales).encode(), digest_size=16).digest()


# ---- a dataset -------------------------------------------------------------------------------------


class ImageDataset(Dataset):
    """Labelled images for PyTorch: item `i` is (transform(RGB image), label), or the image as it is
    where there is no transform.

    Attributes:
        classes: the class names; label `k` means `classes[k]`.
        labels: int64 tensor [n].
        names: what to call each image: a file name, or "daisy 17".
        transform: what is applied to each image, or None.
    """

    def __init__(
        self,
        source: Source,
        labels: Sequence[int] | np.ndarray | torch.Tensor,
        classes: Sequence[str],
        names: Sequence[str],
        transform: Transform | None = None,
    ) -> None:
        self.source = source
        self.labels = torch.as_tensor(np.asarray(labels, dtype=np.int64).reshape(-1))
        self.classes = list(classes)
        self.names = list(names)
        self.transform = transform
        if not len(source) == len(self.labels) == len(self.names):
            raise CourseError(
                f"{len(source)} images, {len(self.labels)} labels and {len(self.names)} names: "
                "give one label and one name for each image"
            )

    def __len__(self) -> int:
        return len(self.labels)

    def __getitem__(self, index: int) -> tuple[Any, int]:
        image = self.image(index)
        label = int(self.labels[index])
        return (image if self.transform is None else self.transform(image)), label

    def __repr__(self) -> str:
        return f"ImageDataset({len(self)} images of {len(self.classes)} classes)"

    def image(self, index: int) -> Image.Image:
        """The RGB image without the transform."""
        index = operator.index(index)
        if not -len(self) <= index < len(self):
            raise IndexError(f"no image {index}: there are {len(self)}")
        return self.source.image(index % len(self))

    def with_transform(self, transform: Transform | None) -> ImageDataset:
        """The same images with another transform; this dataset keeps its own."""
        if transform is not None and not callable(transform):
            raise CourseError(
                f"a transform is a function of an image, not {one_line(repr(transform))[:60]}: "
                "pass for example weights.transforms()"
            )
        return ImageDataset(self.source, self.labels, self.classes, self.names, transform)

    def subset(self, indices: Iterable[int]) -> ImageDataset:
        """Only these images, in this order. The classes stay as they are."""
        chosen = np.asarray([operator.index(i) for i in indices], dtype=np.int64)
        wrong = chosen[(chosen < -len(self)) | (chosen >= len(self))]
        if len(wrong):
            raise CourseError(f"no image {wrong[0]}: there are {len(self)}, numbered from 0")
        chosen %= max(len(self), 1)
        return ImageDataset(
            self.source.take(chosen),
            self.labels[torch.from_numpy(chosen)],
            self.classes,
            [self.names[i] for i in chosen],
            self.transform,
        )

    def per_class(self, n: int, seed: int = 0) -> ImageDataset:
        """`n` random images of each class, class by class: the images at `indices_per_class`."""
        return self.subset(self.indices_per_class(n, seed))

    def indices_per_class(self, n: int, seed: int = 0) -> np.ndarray:
        """Where `n` random images of each class are, class by class: int64 [n * classes].

        For one seed the draws are nested: the 5 images of a class are among its 10. A learning
        curve over n then adds images instead of exchanging them.

        Raises:
            CourseError: a class has fewer than `n` images; the message names it.
        """
        wanted = whole_number("images per class", n, least=1)
        seed = whole_number("the seed", seed, least=0)
        chosen = []
        for label, members in enumerate(self._members()):
            if len(members) < wanted:
                raise CourseError(
                    f"class {self.classes[label]!r} has {len(members)} images, {wanted} were asked for: "
                    f"ask for at most {min(map(len, self._members()))} per class"
                )
            chosen.append(np.random.default_rng([seed, label]).permutation(members)[:wanted])
        return np.concatenate(chosen)

    @cached_property
    def fingerprint(self) -> str:
        """A key for caches: 32 hexadecimal digits that change when an image, its label or the order does.

        It is made when it is first asked for, from the bytes of every file: about a second for 1 GB. The transform is
        no part of it.
        """
        key = hashlib.blake2b(self.source.digest(), digest_size=16)
        key.update(self.labels.numpy().tobytes())
        key.update("\n".join(self.classes).encode("utf-8", "surrogateescape"))
        return key.hexdigest()

    def counts(self) -> list[int]:
        """Images in each class."""
        return torch.bincount(self.labels, minlength=len(self.classes)).tolist()

    def _members(self) -> list[np.ndarray]:
        labels = self.labels.numpy()
        return [np.flatnonzero(labels == label) for label in range(len(self.classes))]


# ---- three parts -----------------------------------------------------------------------------------


@dataclass(frozen=True)
class Skipped:
    """A file or a folder that was left out, and why. Those of one kind have the same reason."""

    path: Path
    reason: str


@dataclass
class Splits:
    """A dataset in three parts. `test` is for one measurement, at the end.

    `notes` say in one line each what a reader of the numbers has to know: which folders became which part, copies.
    """

    name: str
    classes: list[str]
    train: ImageDataset
    val: ImageDataset
    test: ImageDataset
    skipped: list[Skipped] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    def with_transform(self, transform: Transform | None) -> Splits:
        """The same three parts with this transform on each of them."""
        parts = {part: getattr(self, part).with_transform(transform) for part in ("train", "val", "test")}
        return replace(self, **parts)

    def summary(self) -> str:
        """A plain-text table of images by class and part, the notes, and what was skipped, by reason."""
        columns = [self.train.counts(), self.val.counts(), self.test.counts()]
        names = [one_line(name) for name in self.classes]
        rows = [("class", "train", "val", "test")]
        rows += [(name, *map(str, counts)) for name, *counts in zip(names, *columns, strict=True)]
        rows += [("all", *(str(sum(column)) for column in columns))]
        width = max(len(row[0]) for row in rows)
        table = [f"{row[0]:<{width}}" + "".join(f"{cell:>7}" for cell in row[1:]) for row in rows]
        return "\n".join([self.name, *table, *self.notes, *self._skipped_lines()])

    def _skipped_lines(self, most: int = 6) -> list[str]:
        """The total, and a line for each of the commonest reasons."""
        if not self.skipped:
            return ["skipped: no files"]
        by_reason: dict[str, list[str]] = {}
        for skip in self.skipped:
            name = one_line(f"{skip.path.parent.name}/{skip.path.name}")
            by_reason.setdefault(one_line(skip.reason), []).append(name)
        ranked = sorted(by_reason.items(), key=lambda item: -len(item[1]))
        lines = [f"  {len(names)} {reason}: {first_few(names, most=2)}" for reason, names in ranked[:most]]
        rest = sum(len(names) for _, names in ranked[most:])
        return [f"skipped: {len(self.skipped)}", *lines, *([f"  {rest} for other reasons"] if rest else [])]


def stratified_split(
    labels: Sequence[int] | np.ndarray | torch.Tensor,
    fractions: tuple[float, float, float] = (0.6, 0.2, 0.2),
    seed: int = 0,
    groups: Sequence[Any] | np.ndarray | None = None,
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Divide images into three parts, each class in the given fractions.

    Images of one group stay in one part: a copy of a training photo in the test part would be known by heart. The
    fractions are then those of the groups.

    scikit-learn's `train_test_split` matches the whole, and refuses a class with one image. Here each
    class is divided by itself: its count in a part is its fraction rounded up or down, but at least one
    where the class has an image for each part. A smaller class fills train first, then the larger of the rest.

    Args:
        labels: [n] class numbers.
        fractions: of train, validation and test; they sum to 1, and a part with 0 stays empty.
        seed: the same seed gives the same parts.
        groups: [n] what belongs together has the same value, also its class; None where nothing does.

    Returns:
        Three sorted int64 arrays of indices, disjoint, which together hold every index.
    """
    shares = np.asarray(fractions, dtype=np.float64)
    if shares.shape != (3,) or not np.all(shares >= 0) or abs(shares.sum() - 1) > 1e-6:
        raise CourseError(
            f"fractions {fractions!r} do not divide a dataset: give three that sum to 1, as (0.6, 0.2, 0.2)"
        )
    seed = whole_number("the seed", seed, least=0)
    values = np.asarray(labels, dtype=np.int64).reshape(-1)
    if groups is not None:
        # One image stands for its group. Where each image is its own group, these are all of them, in their order.
        _, firsts, group_of = np.unique(np.asarray(groups), return_index=True, return_inverse=True)
        chosen = stratified_split(values[np.sort(firsts)], fractions, seed)
        rank = np.argsort(np.argsort(firsts))  # of each group, by its first image
        return tuple(np.flatnonzero(np.isin(rank[group_of], part)) for part in chosen)
    parts: tuple[list[np.ndarray], ...] = ([], [], [])
    for label in np.unique(values):
        # A generator for each class: one class's size does not change another's division.
        rng = np.random.default_rng([seed, int(label) & 0xFFFFFFFF])
        members = rng.permutation(np.flatnonzero(values == label))
        ends = np.cumsum(_part_sizes(len(members), shares))
        for part, piece in zip(parts, np.split(members, ends[:-1]), strict=True):
            part.append(piece)
    return tuple(np.sort(np.concatenate([np.empty(0, np.int64), *part])) for part in parts)


def _part_sizes(n: int, shares: np.ndarray) -> np.ndarray:
    """How many of `n` images go to each part: rounded to whole images, none empty where n allows."""
    exact = n * shares
    sizes = np.floor(exact + 1e-9).astype(np.int64)
    for part in np.argsort(sizes - exact, kind="stable")[: n - sizes.sum()]:
        sizes[part] += 1
    by_need = [part for part in (0, *sorted((1, 2), key=lambda part: -shares[part])) if shares[part] > 0]
    if n < len(by_need):
        sizes[:] = 0
        sizes[by_need[:n]] = 1
        return sizes
    for part in by_need:
        if sizes[part] == 0:
            sizes[np.argmax(sizes)] -= 1
            sizes[part] += 1
    return sizes


def whole_number(what: str, value: object, least: int) -> int:
    """`value` as an int, or a CourseError that says `what` must be a whole number from `least` up."""
    try:
        number = operator.index(value)
    except TypeError:
        number = None
    if number is None or isinstance(value, bool) or number < least:
        raise CourseError(f"{what}: {one_line(repr(value))[:60]} is not a whole number from {least} up: pass one")
    return number
