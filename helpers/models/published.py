"""Where a network's published weights come from: an installed package, or an address.

Each source tells its file, what there is of it on this machine, and how it is fetched, so that nobody has to ask which
of the two it is.
"""

from __future__ import annotations

import importlib
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlparse

from torch import Tensor
from torchvision.models import WeightsEnum

from helpers.errors import CourseError
from helpers.models.downloading import RemoteFile, RetryPolicy, Say
from helpers.models.weights import State, megabytes_of, published_hash, read_state_dict
from helpers.places import weights_dir

HUB = "https://huggingface.co"


@dataclass(frozen=True)
class PackagedFile:
    """The weights file that an installed package carries; `package` is its name, as installers know it."""

    package: str
    fetched_as = ""  # nothing of it lies in the weights folder
    cure = "install the packages of requirements.lock again"

    def file(self) -> Path:
        """The file in the installed package."""
        module = importlib.import_module(self.package.replace("-", "_"))
        (holder,) = (name for name in vars(module) if name.endswith("ModelFile"))
        return Path(getattr(module, holder).get_model_file_path())

    def at_hand(self) -> bool:
        """Whether the file is there."""
        return self.file().is_file()

    def state(self) -> State:
        """It is in its package, whether or not it is whole."""
        return State.PACKAGED

    def fetch(self, *, retry: RetryPolicy, say: Say = print) -> Path:
        """A `CourseError`: there is nothing to fetch."""
        raise CourseError(f"the weights come in the package {self.package}: there is nothing to fetch")


def source_of(network: str, weights: WeightsEnum) -> PackagedFile | RemoteFile:
    """Where the weights of this network come from.

    A file from the hub has its SHA-256 in `meta` and gets a name like torchvision's: the network, and the start of the
    hash. `HF_ENDPOINT` names another hub.
    """
    if weights.url.startswith("package:"):
        return PackagedFile(weights.url.removeprefix("package:"))
    path = weights_dir() / Path(urlparse(weights.url).path).name
    if sha256 := weights.meta.get("sha256"):
        path = path.with_name(f"{network}-{sha256[:8]}{path.suffix}")
    url = weights.url.replace(HUB, os.environ.get("HF_ENDPOINT", "").rstrip("/") or HUB, 1)
    return RemoteFile(network, url, path, sha256 or published_hash(path), megabytes_of(weights))


class CourseWeights(WeightsEnum):
    """Weights of a network that torchvision lacks, so that its builders find their file all the same."""

    def get_state_dict(self, *args: Any, **kwargs: Any) -> dict[str, Tensor]:
        """The published entries, under their published names; the file is fetched where it is not here yet."""
        source = source_of(self.meta["architecture"], self)
        return read_state_dict(source.file() or source.fetch(retry=RetryPolicy()))
