"""Weight files: what was published of them, and reading what they hold."""

from __future__ import annotations

import hashlib
import os
import re
import warnings
from enum import StrEnum
from pathlib import Path

import safetensors.torch
import torch
from torch import Tensor
from torchvision.models import WeightsEnum

from helpers.errors import CourseError
from helpers.models.foreign_files import unpacked_size, what_else_it_is
from helpers.places import weights_dir

if os.environ.get("COURSE_WEIGHTS"):
    # So that plain torchvision code, such as resnet50(weights="DEFAULT"), finds the same files.
    torch.hub.set_dir(weights_dir().parent)

_ROUNDING = 1_000_000  # bytes that a zip archive may become more than it is: small ones are packed here and there
INSTALL = "name a file that is there, or install its package again"
FREE_MEMORY = "close other programs and notebooks, then try again"


class State(StrEnum):
    """What there is of a network's weights on this machine."""

    PACKAGED = "in its package"
    HERE = "here"
    DAMAGED = "damaged"
    UNREADABLE = "cannot be read"
    MISSING = "not here"


def published_hash(path: Path) -> str | None:
    """The start of the file's SHA-256, which publishers put into its name: `resnet50-11ad3fa6.pth`."""
    found = re.search(r"-([0-9a-f]{8,})\.", path.name)
    return found.group(1) if found else None


def sha256_of(path: Path) -> str:
    """The SHA-256 of the file's content, in 64 hexadecimal digits."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def megabytes_of(weights: WeightsEnum) -> float:
    """Size of the published file in 1e6 bytes; torchvision states it in units of 2**20."""
    return weights.meta["_file_size"] * 2**20 / 1e6


def read_state_dict(path: Path) -> dict[str, Tensor]:
    """The entries of a weights file; one clear line where it is missing, cut short, swapped or no such file.

    Where torch wrote the file, the result is what it gives: beside the entries it carries the versions of the
    layers (`_metadata`), without which old files of MNASNet cannot be read.
    """
    _start_of(path)
    _hold_to_published_hash(path)
    entries = read_saved(path)
    if not isinstance(entries, dict) or not all(isinstance(value, Tensor) for value in entries.values()):
        raise CourseError(f"{path} holds no state dict (a name and a tensor an entry): save model.state_dict()")
    return entries


def read_saved(path: Path, *, cure: str = "delete it and fetch it again", missing: str = INSTALL) -> object:
    """What torch.save or safetensors put into the file, as far as it is tensors and plain values; no code runs.

    Which of the two wrote it, the file's first bytes tell, whatever its name. `cure` is what to do about a file that
    is not whole, `missing` about one that is not there.

    Raises:
        CourseError: no such file, not a whole one, one that holds more than that, one that would become many times its
            size, or too little memory for it.
    """
    start = _start_of(path, missing)
    _refuse_what_swells(path)
    try:
        if _is_safetensors(start):
            return safetensors.torch.load_file(path, device="cpu")
        # torch gets no name to judge by; what it notes of a file that it then refuses is not passed on.
        with path.open("rb") as file, warnings.catch_warnings(action="ignore"):
            return torch.load(file, map_location="cpu", weights_only=True)
    except Exception as error:  # a damaged file makes torch raise anything: AssertionError, TypeError, struct.error
        raise CourseError(f"{path} {_why_not_read(path, error, cure)}") from None


def _start_of(path: Path, missing: str = INSTALL) -> bytes:
    """The file's first bytes: who has read them knows that it is a file, and one that may be read."""
    why = ""
    try:
        if path.is_file():  # to open a pipe would wait for its other end
            with path.open("rb") as file:
                return file.read(9)
    except PermissionError as error:
        raise CourseError(f"{path} cannot be read ({error.strerror}): make it and its folder readable") from None
    except (OSError, ValueError) as error:  # a name that is too long, or holds NUL
        why = f" ({getattr(error, 'strerror', error)})"
    name = str(path).replace("\n", " ")
    raise CourseError(f"no weights file {name}{why}: {missing}")


def _refuse_what_swells(path: Path) -> None:
    """torch.load unpacks what is packed, and may read one part again and again. torch.save does neither."""
    size, unpacked = path.stat().st_size, unpacked_size(path)
    if unpacked > size + _ROUNDING:
        raise CourseError(
            f"{path} ({size / 1e6:.1f} MB) would become {unpacked / 1e6:,.1f} MB and was not opened, since torch.save "
            "packs nothing: where it was made, save model.state_dict() with torch.save and use that file"
        )


def _is_safetensors(start: bytes) -> bool:
    """It begins with the length of its header, in 8 bytes and up to 100 MB, and with the header: JSON."""
    return start[8:] == b"{" and int.from_bytes(start[:8], "little") <= 100_000_000


def _hold_to_published_hash(path: Path) -> None:
    expected = published_hash(path)
    if expected and not sha256_of(path).startswith(expected):
        size = path.stat().st_size / 1e6
        raise CourseError(
            f"the weights file {path} ({size:.1f} MB) is not the one that was published (its SHA-256 does not start "
            f"with {expected}; cut short or swapped): delete it and fetch or install it again"
        )


def _why_not_read(path: Path, error: Exception, cure: str) -> str:
    """torch opens nothing but tensors (`weights_only`), and names the first other thing that it meets."""
    if is_out_of_memory(error):
        return f"does not fit into the memory: {FREE_MEMORY}"
    if isinstance(error, PermissionError):
        return f"cannot be read ({error.strerror}): make it readable"
    if foreign := what_else_it_is(path):
        return foreign
    if re.search("unsupported (global|class)", str(error), re.IGNORECASE):
        return (
            "holds more than tensors (a whole model, or code that would run) and was not opened: "
            "where it was made, save model.state_dict() and use that file"
        )
    return f"is not a whole file of weights ({type(error).__name__}): {cure}"


def is_out_of_memory(error: Exception) -> bool:
    """torch has no class of its own for it: its RuntimeError says so in words."""
    said = "not enough memory|can(no|')t allocate|out of memory"
    return isinstance(error, MemoryError) or re.search(said, str(error), re.IGNORECASE) is not None
