"""Files that hold weights, or a way to them, and are none that `torch.load` opens: what they are, and what to do."""

from __future__ import annotations

import re
import struct
import zipfile
from pathlib import Path

# torch.export unpickles what it finds, and a TorchScript program is a program.
_ONLY_FROM_FRIENDS = "opening it can run code, so do that only where you trust who made it"
# By the first bytes of a file: what it is, and the cure.
_BY_FIRST_BYTES = {
    b"\x89HDF\r\n\x1a\n": ("an HDF5 file, as Keras writes it", "its names are Keras's: take a file made with PyTorch"),
    b"\x1f\x8b": ("packed with gzip", "unpack it first, with `gunzip`"),
    b"version https://git-lfs": (
        "a pointer of git-LFS to the file, not the file",
        "run `git lfs pull` in its repository",
    ),
}
# By a member of a zip archive.
_BY_MEMBER = {
    r"(^|/)models/.*\.json$|(^|/)archive_format$": (
        "an exported program (.pt2)",
        f"save `torch.export.load(file).state_dict` with torch.save and use that file; {_ONLY_FROM_FRIENDS}",
    ),
    r"/code/|(^|/)constants\.pkl$": (
        "a TorchScript program",
        f"save `torch.jit.load(file).state_dict()` with torch.save and use that file; {_ONLY_FROM_FRIENDS}",
    ),
    r"\.npy$": (
        "an archive of numpy arrays (.npz)",
        "make a dict of tensors of it, and torch.save that",
    ),
}


def unpacked_size(path: Path) -> int:
    """How many bytes the members of a zip archive say that they become, in all; 0 where it is no archive."""
    return sum(member.file_size for member in _members(path))


def what_else_it_is(path: Path) -> str | None:
    """What a file is that could not be read as weights, and the cure; None where its content does not tell."""
    with path.open("rb") as file:
        start = file.read(32)
    for first, (what, cure) in _BY_FIRST_BYTES.items():
        if start.startswith(first):
            return f"is {what}: {cure}"
    members = [member.filename for member in _members(path)]
    for pattern, (what, cure) in _BY_MEMBER.items():
        if any(re.search(pattern, member) for member in members):
            return f"is {what}: {cure}"
    return None


def _members(path: Path) -> list[zipfile.ZipInfo]:
    """What is in a zip archive; nothing where it is no archive, or its list is damaged."""
    try:
        with zipfile.ZipFile(path) as archive:
            return archive.infolist()
    except (zipfile.BadZipFile, NotImplementedError, UnicodeDecodeError, struct.error, OSError, ValueError):
        return []
