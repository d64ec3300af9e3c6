"""Weight files: where they lie, whether they are whole, and what they hold."""

from __future__ import annotations

import hashlib
import pickle
import re
import warnings
from collections.abc import Mapping
from pathlib import Path
from urllib.parse import urlparse

import torch
from torch import Tensor
from torchvision.models import WeightsEnum

from helpers.errors import CourseError


def published_hash(path: Path) -> str | None:
    """The start of the file's SHA-256, which publishers put into its name: `resnet50-11ad3fa6.pth`."""
    found = re.search(r"-([0-9a-f]{8,})\.", path.name)
    return found.group(1) if found else None


def read_state_dict(path: Path) -> dict[str, Tensor]:
    """The entries of a weights file; one clear line where it is missing, cut short, swapped or no such file."""
    if not path.is_file():
        raise CourseError(f"no weights file {path}: name a file that is there, or install its package again")
    _hold_to_published_hash(path)
    try:
        with warnings.catch_warnings(action="ignore"):  # what torch notes of a file that it then refuses
            entries = torch.load(path, map_location="cpu", weights_only=True)
    except (RuntimeError, EOFError, pickle.UnpicklingError, ValueError, KeyError, IndexError, OSError) as error:
        raise CourseError(f"{path} {_why_not_read(error)}") from None
    if not isinstance(entries, Mapping) or not all(isinstance(value, Tensor) for value in entries.values()):
        raise CourseError(f"{path} holds no state dict (a name and a tensor an entry): save model.state_dict()")
    return dict(entries)


def _hold_to_published_hash(path: Path) -> None:
    expected = published_hash(path)
    try:
        found = _sha256(path)
    except OSError as error:
        raise CourseError(f"{path} cannot be read ({error.strerror}): make it readable, or fetch it again") from None
    if expected and not found.startswith(expected):
        size = path.stat().st_size / 1e6
        raise CourseError(
            f"the weights file {path} ({size:.1f} MB) is not the one that was published (its SHA-256 does not start "
            f"with {expected}; cut short or swapped): delete it and fetch or install it again"
        )


def _why_not_read(error: Exception) -> str:
    """torch opens nothing but tensors (`weights_only`), and names the first other thing that it meets."""
    if re.search("unsupported (global|class)", str(error), re.IGNORECASE):
        return (
            "holds more than tensors (a whole model, or code that would run) and was not opened: "
            "where it was made, save model.state_dict() and use that file"
        )
    return f"is not a whole file of weights ({type(error).__name__}): delete it and fetch it again"


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def torchvision_file(weights: WeightsEnum) -> Path:
    """Where torchvision keeps (or would keep) the file of these weights: torch.hub's folder."""
    return Path(torch.hub.get_dir()) / "checkpoints" / Path(urlparse(weights.url).path).name
