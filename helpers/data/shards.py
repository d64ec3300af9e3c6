"""Pictures in shards: a few large files that are read from front to back, in place of many small ones.

A shard is a plain tar file. Picture `000017` is two entries in it, `000017.png` and `000017.cls` (its class, counted
from 0), as the library webdataset names them. `index.json` beside the shards says how many there are.

Shards may come from others. So nothing in them is decoded but these two entries, by the course's own reader: webdataset
would unpickle an entry that is called `.pyd` or `.pth`, which runs whatever code is in it, and unpack one called `.gz`.
"""

from __future__ import annotations

import io
import json
import os
import tarfile
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import torch
from PIL import Image
from torch.utils.data import IterableDataset

from helpers.data.images import open_image
from helpers.data.splits import ImageDataset
from helpers.errors import CourseError, first_line, one_line
from helpers.places import atomic_write_text

INDEX = "index.json"
PICTURE, CLASS = "png", "cls"


@dataclass(frozen=True)
class Shards:
    """The shards in a folder.

    Attributes:
        files: their paths, in order.
        count: the pictures in all of them.
    """

    files: tuple[Path, ...]
    count: int
    classes: tuple[str, ...]


def write_shards(dataset: ImageDataset, folder: Path, per_shard: int) -> Shards:
    """Write all pictures of a dataset, without its transform, in an order that mixes the classes.

    As PNG, so that no pixel changes. `index.json` is written last: a folder without it is not whole.

    Raises:
        CourseError: the dataset is empty, `per_shard` is no whole number of at least 1, or the disk is full.
    """
    if type(per_shard) is not int or per_shard < 1:
        raise CourseError(f"a shard holds 1 picture or more, not {per_shard!r}: pass a whole number")
    if len(dataset) == 0:
        raise CourseError("the dataset is empty: there are no pictures to write into shards")
    try:
        _write(dataset, folder, per_shard)
    except OSError as error:
        raise CourseError(f"cannot write shards to {folder} ({error.strerror}): make room, or name another") from None
    return find_shards(folder)


def _write(dataset: ImageDataset, folder: Path, per_shard: int) -> None:
    import webdataset  # here, since only who has shards should wait for it

    folder.mkdir(parents=True, exist_ok=True)
    (folder / INDEX).unlink(missing_ok=True)
    for old in folder.glob("shard-*.tar"):
        old.unlink()
    order = torch.randperm(len(dataset), generator=torch.Generator().manual_seed(0)).tolist()
    names = []
    for number, start in enumerate(range(0, len(order), per_shard)):
        names.append(f"shard-{number:05d}.tar")
        with webdataset.TarWriter(str(folder / names[-1])) as shard:
            for i in order[start : start + per_shard]:
                shard.write({"__key__": f"{i:06d}", PICTURE: dataset.image(i), CLASS: int(dataset.labels[i])})
    told = {"shards": names, "count": len(dataset), "classes": dataset.classes}
    atomic_write_text(folder / INDEX, json.dumps(told, indent=1))


def find_shards(folder: Path) -> Shards:
    """The shards that `write_shards` left in a folder.

    Raises:
        CourseError: there are none, some are missing, or one is no plain tar file of plain files.
    """
    try:
        told = json.loads((folder / INDEX).read_text(encoding="utf-8"))
        names, count, classes = [str(name) for name in told["shards"]], int(told["count"]), tuple(told["classes"])
    except (OSError, ValueError, KeyError, TypeError, RecursionError) as error:
        raise CourseError(
            f"no whole shards in {folder} ({first_line(error)[:120]}): write them with write_shards"
        ) from None
    outside = [name for name in names if Path(name).name != name or name == ".."]
    if outside:
        raise CourseError(
            f"{INDEX} in {folder} names a file that is not in this folder ({one_line(outside[0])[:120]}): "
            "do not use it, or write the shards again with write_shards"
        )
    found = Shards(tuple(folder / name for name in names), count, classes)
    missing = [file.name for file in found.files if not file.is_file()]
    if missing:
        raise CourseError(f"{len(missing)} shards are missing in {folder}, such as {missing[0]}: write them again")
    for file in found.files:
        _refuse_traps(file)
    return found


def _refuse_traps(file: Path) -> None:
    """Only plain files in a plain tar: what is packed, or has holes in it, can become a thousand times its size."""
    try:
        with tarfile.open(file, "r:") as shard:
            strange = next((entry for entry in shard if not entry.isreg() or entry.issparse()), None)
    except (tarfile.TarError, OSError, ValueError, EOFError) as error:
        raise CourseError(
            f"{one_line(file)} is no plain tar file ({first_line(error)[:120]}): write it again with write_shards"
        ) from None
    if strange is not None:
        raise CourseError(
            f"{one_line(file)} holds what is no plain file ({one_line(strange.name)[:120]}: a link, a device, "
            "a folder, or a file with holes): do not use it, or write it again with write_shards"
        )


def stream(
    shards: Shards, transform: Callable[[Image.Image], Any] | None = None, *, shuffle: int = 0, seed: int = 0
) -> IterableDataset:
    """The pictures of this process and DataLoader worker as (picture, label), one after the other, each once.

    webdataset reads and shuffles. It also divides: each shard belongs to one process and to one of its workers, by
    what `torchrun` says in `RANK` and `WORLD_SIZE`. So the shares differ where the shards do.

    Args:
        shuffle: so many pictures wait in a buffer and leave it in random order, and the shards are read in another
            order; with 0 they come as they lie there.
        seed: another one for each epoch gives each epoch another order.

    Raises:
        CourseError: there are fewer shards than processes, so that one would have nothing to read; while it is read, a
            picture that cannot be used, or a class that is none.
    """
    import webdataset

    size = int(os.environ.get("WORLD_SIZE", "1"))
    if len(shards.files) < size:
        raise CourseError(
            f"{len(shards.files)} shards are too few for {size} processes, each of which reads its own: write more and "
            "smaller ones"
        )
    steps = webdataset.WebDataset(
        [str(file) for file in shards.files],
        nodesplitter=webdataset.split_by_node,
        shardshuffle=len(shards.files) if shuffle else False,
        detshuffle=True,
        seed=seed,
        empty_check=False,  # a worker more than there are shards has nothing to do, and that is no mistake
    )
    if shuffle:
        steps = steps.compose(webdataset.detshuffle(shuffle, initial=shuffle, seed=seed))
    return steps.map(partial(_decoded, classes=len(shards.classes), transform=transform))


def _decoded(sample: dict[str, Any], classes: int, transform: Callable[[Image.Image], Any] | None) -> tuple[Any, int]:
    """The picture and the label of a sample; whatever else is in it stays as it is."""
    where = f"picture {one_line(sample['__key__'])[:120]} in the shard {one_line(sample['__url__'])}"
    written = sample.get(CLASS, b"").decode("ascii", "replace").strip()
    if PICTURE not in sample or not written.isdigit() or len(written) > 9 or int(written) >= classes:
        raise CourseError(f"{where} has no .{PICTURE}, or no class from 0 to {classes - 1}: write the shards again")
    file = io.BytesIO(sample[PICTURE])
    file.name = where
    picture = open_image(file)
    return (transform(picture) if transform else picture), int(written)
