"""Features on disk, in parts: a file for each thousand images, named after all that its numbers depend on.

The name is a hash of
- the network: every entry of its state dict and its other buffers, by name and bytes, and its printed structure;
- the images: the bytes of each file, or the pixels where there is no file, in their order; labels and class names;
- the preprocessing: the fingerprint of the transform, its code and its numbers;
- the kind of device, the type of number, and the format of the file.

So a photo that is replaced gets another name, also where its path, size and time of change stay; renamed or moved
photos keep theirs. An old entry is never overwritten, only no longer asked for: `data/cache` may be deleted any time.
"""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import NamedTuple

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor, nn

from helpers.errors import CourseError, first_line
from helpers.places import atomic_write, cache_dir
from helpers.training.fingerprint import Unknowable, bytes_of, fingerprint

FORMAT = b"a part: features, labels, seconds, checksum"


class Part(NamedTuple):
    """Features [n, d] (float32) and labels [n] (int64) of consecutive images, and the seconds that they took."""

    features: Tensor
    labels: Tensor
    seconds: float


class FeatureCache:
    """The parts that one network makes with one preprocessing on one kind of device.

    Where nothing can be written, it says so once and is a cache that keeps nothing.
    """

    def __init__(self, network: nn.Module, transform: object, device: torch.device | str, numbers=torch.float32):
        key = hashlib.blake2b(FORMAT, digest_size=16)
        for name, value in {**network.state_dict(), **dict(network.named_buffers())}.items():
            key.update(name.encode())
            key.update(_bytes(value))
        for told in (str(network), _told(transform), torch.device(device).type, str(numbers)):
            key.update(told.encode("utf-8", "surrogateescape"))
        self._key, self._writes, self._folder = key.digest(), True, None
        try:
            folder = cache_dir() / "features"
            folder.mkdir(parents=True, exist_ok=True)
            self._folder = folder
        except (OSError, CourseError) as error:
            self._go_on_without(error)

    def file(self, images) -> Path | None:
        """Where the features of a part of a dataset are kept; None where nothing can be."""
        if self._folder is None:
            return None
        key = hashlib.blake2b(self._key + images.fingerprint.encode(), digest_size=16)
        return self._folder / f"{key.hexdigest()}.safetensors"

    def read(self, file: Path | None) -> Part | None:
        """A part as it was written; None where there is none, or a damaged one, of which a line tells."""
        if file is None or not file.exists():
            return None
        try:
            with safe_open(file, "pt") as kept:
                part = Part(kept.get_tensor("features"), kept.get_tensor("labels"), kept.get_tensor("seconds").item())
                whole = (kept.metadata() or {}).get("checksum") == _checksum(part)
        except (OSError, SafetensorError):
            whole = False
        if whole:
            return part
        print(f"{file.name} in the cache of features is damaged: computing its images anew.")
        return None

    def write(self, file: Path | None, part: Part) -> None:
        """Keep a part, whole or not at all."""
        if not self._writes:
            return
        entries = {"features": part.features, "labels": part.labels, "seconds": torch.tensor(part.seconds).double()}
        try:
            with atomic_write(file) as draft:
                save_file(entries, draft, metadata={"checksum": _checksum(part)})
        except (OSError, SafetensorError) as error:
            self._go_on_without(error)

    def _go_on_without(self, error: Exception) -> None:
        self._writes = False
        print(
            f"Features are not kept, and the next run computes them again ({first_line(error)}): free some space, or "
            "name another folder in COURSE_CACHE."
        )


def _bytes(value: object) -> bytes:
    """An entry of a state dict; a layer of one's own may add something else than tensors to it."""
    return bytes_of(value) if isinstance(value, Tensor) else repr(value).encode()


def _checksum(part: Part) -> str:
    key = hashlib.blake2b(_bytes(part.features), digest_size=16)
    key.update(_bytes(part.labels))
    return key.hexdigest()


def _told(transform: object) -> str:
    """What is known of a transform without calling it."""
    try:
        return fingerprint(transform)
    except Unknowable:
        own = {} if isinstance(transform, nn.Module) else getattr(transform, "__dict__", {})  # a repr tells more
        return f"{type(transform).__module__}.{type(transform).__qualname__} {transform!r} {own!r}"
