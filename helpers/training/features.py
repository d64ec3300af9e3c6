"""Features of a frozen backbone: computed once, kept on disk, used by every head."""

from __future__ import annotations

import hashlib
import time
from pathlib import Path
from typing import NamedTuple

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor, nn
from torch.utils.data import DataLoader, Subset
from tqdm.auto import tqdm

from helpers.errors import CourseError, first_line
from helpers.models.freezing import eval_mode
from helpers.places import atomic_write, cache_dir
from helpers.training.refusals import collated


class Features(NamedTuple):
    """Features [n, d] (float32) and labels [n] (int64), on the CPU, and the seconds that computing them took."""

    features: Tensor
    labels: Tensor
    seconds: float


def extract_features(
    backbone: nn.Module,
    dataset,
    *,
    device: torch.device | str = "cpu",
    batch_size: int = 32,
    cache: bool = True,
    progress: bool = False,
) -> Features:
    """What a frozen backbone says about each image.

    The backbone runs in `eval()` mode without gradients; each of its layers then gets its own mode back. The
    features are kept on disk under a key made of the network's weights, the images, the preprocessing and the kind of
    device; when one of them changes, so does the key, and they are computed again. `seconds` is kept along with them.

    A key cannot see all that is computed: an edited `forward` or a transform that does not tell its settings leave it
    as it was. So on each reading a few images are computed anew, and where they differ, all are. Not seen: a change
    that leaves these images as they were.
    """
    if len(dataset) == 0:
        raise CourseError("there is nothing to extract features from: the dataset is empty")
    file = feature_file(backbone, dataset, device)
    if cache and (kept := _read(file)) is not None:
        if _still_holds(kept, backbone, dataset, device):
            return kept
        print("The features that were kept are no longer what this network computes: computing them anew.")
    found = _compute(backbone, dataset, device, batch_size, progress)
    if not torch.isfinite(found.features).all():
        raise CourseError(
            "some features are not finite: look for NaN in the backbone's weights and in the preprocessing"
        )
    if cache:
        _write(file, found)
    return found


# How many images are computed anew to see whether kept features still hold, and how far, as a share of its length, a
# row may then be off: the order of sums differs between batch sizes, threads and releases (about 1e-6 on a CPU), and
# convolutions on a GPU round to 10 bits (TF32).
SPOT_CHECKS = 4
TOLERANCE = 2e-3


def _still_holds(kept: Features, backbone, dataset, device) -> bool:
    """Whether a few images, spread over the dataset, give the features and labels that were kept."""
    if len(kept.features) != len(dataset):
        return False
    few = torch.linspace(0, len(dataset) - 1, min(SPOT_CHECKS, len(dataset))).round().long().tolist()
    now = _compute(backbone, Subset(dataset, few), device, SPOT_CHECKS, progress=False)
    then = kept.features[few]
    if now.features.shape != then.shape or not torch.equal(now.labels, kept.labels[few]):
        return False
    off = (now.features - then).norm(dim=1)
    return bool((off <= TOLERANCE * then.norm(dim=1)).all())  # a NaN is no match either


@torch.no_grad()
def _compute(backbone, dataset, device, batch_size, progress) -> Features:
    started = time.perf_counter()
    # Channels-last memory halves the time of depthwise convolutions on a CPU (benchmarks/features.py).
    layout = {"device": device, "memory_format": torch.channels_last}
    backbone.to(**layout)
    batches = DataLoader(dataset, batch_size=batch_size)
    with eval_mode(backbone):
        pairs = [
            (backbone(images.to(**layout)).float().cpu(), labels)
            for images, labels in collated(tqdm(batches, desc="features", leave=False, disable=not progress))
        ]
    features, labels = zip(*pairs, strict=True)
    return Features(torch.cat(features), torch.cat(labels), time.perf_counter() - started)


def feature_file(backbone: nn.Module, dataset, device: torch.device | str = "cpu") -> Path:
    """The cache file for this network, these images, this preprocessing and this kind of device."""
    key = hashlib.blake2b(b"features, labels, seconds", digest_size=16)  # what a file holds
    for name, value in backbone.state_dict().items():
        key.update(name.encode())
        key.update(value.detach().cpu().contiguous().view(-1).view(torch.uint8).numpy().tobytes())
    for part in (str(backbone), dataset.fingerprint, repr(dataset.transform), torch.device(device).type):
        key.update(part.encode())
    folder = cache_dir() / "features"
    folder.mkdir(parents=True, exist_ok=True)
    return folder / f"{key.hexdigest()}.safetensors"


def _read(file: Path) -> Features | None:
    try:
        kept = load_file(file)
    except (FileNotFoundError, SafetensorError):  # never computed, or cut short: compute
        return None
    return Features(kept["features"], kept["labels"], kept["seconds"].item())


def _write(file: Path, found: Features) -> None:
    entries = {"features": found.features, "labels": found.labels, "seconds": torch.tensor(found.seconds)}
    try:
        with atomic_write(file) as draft:
            save_file({name: value.contiguous() for name, value in entries.items()}, draft)
    except (OSError, SafetensorError) as error:
        raise CourseError(
            f"cannot write the features to the cache {file.parent} ({first_line(error)}): free some space there, "
            "or name another folder in COURSE_CACHE"
        ) from None
