"""Features of a frozen backbone: computed once, kept on disk, used by every head."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, replace
from typing import NamedTuple

import torch
from torch import Tensor, nn
from tqdm.auto import tqdm

from helpers.data.splits import ImageDataset
from helpers.errors import CourseError
from helpers.models.freezing import eval_mode
from helpers.training.ahead import batches_ahead
from helpers.training.feature_cache import FeatureCache, Part
from helpers.training.refusals import collated

# Images in a file of the cache: no more are lost when a run is killed.
PART = 1000

# Images in a forward pass. On a CPU small batches are faster: what a layer gives for 8 images is small enough to be
# found again in the processor's cache and in the memory kept for it (benchmarks/features.py). A GPU wants more at once.
BATCH_ON_CPU, BATCH_ELSEWHERE = 8, 64


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
    batch_size: int | None = None,
    cache: bool = True,
    bfloat16: bool = False,
    progress: bool = False,
) -> Features:
    """What a frozen backbone says about each image.

    The backbone runs in `eval()` mode without gradients; each of its layers then gets its own mode back. A few batches
    of images are in memory at a time, and the features of all.

    The features are kept on disk, a file for each `PART` images: a run that is killed goes on from there. What makes a
    file another one is told by `helpers.training.feature_cache`. `seconds` is kept along with the features. Where
    nothing can be written, one line says so and all is computed. A dataset that is not the course's own tells nothing
    of its images and is computed each time.

    A key cannot see all that is computed: an edited `forward` leaves it as it was. So on each reading a few images, at
    least one of each file, are computed anew, and where they differ, all are. Not seen: a change that leaves these
    images as they were.

    `bfloat16` computes with numbers of 16 bits, for which newer processors and GPUs have arithmetic of their own. How
    far the features then are off hangs on the network: a few images are computed both ways first, and where they lie
    further apart than `BFLOAT16_TOLERANCE` (as EfficientNet-Lite0's do), all are computed with 32 bits, and a line says
    so.

    Raises:
        CourseError: the dataset is empty, its images make no batch, or a feature is not finite.
    """
    if len(dataset) == 0:
        raise CourseError("there is nothing to extract features from: the dataset is empty")
    device = torch.device(device)
    how = _How(device, batch_size or (BATCH_ON_CPU if device.type == "cpu" else BATCH_ELSEWHERE))
    if bfloat16:
        how = _in_bfloat16_if_it_holds(how, backbone, dataset)
    keeper = None
    if cache and isinstance(dataset, ImageDataset):
        keeper = FeatureCache(backbone, dataset.transform, device, how.numbers)
    with tqdm(total=len(dataset), desc="features", unit="", leave=False, disable=not progress) as bar:
        return _joined(_parts(backbone, dataset, how, keeper, bar.update))


@dataclass(frozen=True)
class _How:
    """Where images become features, how many at once, and in which type of number."""

    device: torch.device
    batch_size: int
    numbers: torch.dtype = torch.float32

    @property
    def precision(self):
        if self.numbers == torch.float32:
            return nullcontext()
        return torch.autocast(self.device.type, self.numbers)


# How many images are computed anew to see whether kept features still hold, and how far, as a share of its length, a
# row may then be off: the order of sums differs between batch sizes, threads and releases (about 1e-6 on a CPU), and
# convolutions on a GPU round to 10 bits (TF32).
SPOT_CHECKS = 4
TOLERANCE = 2e-3
# As above, for numbers of 16 bits: 8 of them say which digits, so that one rounding is off by 0.002 to 0.004.
BFLOAT16_TOLERANCE = 3e-2


def _parts(backbone, dataset, how: _How, keeper: FeatureCache | None, done: Callable) -> list[Part]:
    """The features of `PART` images each, in order: from disk where they are there, else computed and put there."""
    spans = [range(start, min(start + PART, len(dataset))) for start in range(0, len(dataset), PART)]
    files, kept = {}, {}
    if keeper:
        files = {span: keeper.file(dataset.subset(span)) for span in spans}
        kept = _kept({span: keeper.read(file) for span, file in files.items()}, backbone, dataset, how)
    parts = []
    for span in spans:
        if span in kept:
            parts.append(kept.pop(span))
            done(len(span))
            continue
        parts.append(_compute(backbone, dataset, span, how, done))
        _require_finite(parts[-1].features)
        # A photo that was replaced meanwhile leaves it open of which of the two these features are.
        if keeper and keeper.file(dataset.subset(span)) == files[span]:
            keeper.write(files[span], parts[-1])
    return parts


def _kept(read: dict[range, Part | None], backbone, dataset, how: _How) -> dict[range, Part]:
    """The parts that were on disk, if the network still gives what they hold."""
    kept = {span: part for span, part in read.items() if part is not None and len(part.features) == len(span)}
    if kept and not _still_hold(kept, backbone, dataset, how):
        print("The features that were kept are no longer what this network computes: computing them anew.")
        return {}
    return kept


def _still_hold(kept: dict[range, Part], backbone, dataset, how: _How) -> bool:
    """Whether a few images, spread over the parts, give the features and labels that were kept."""
    each = -(-SPOT_CHECKS // len(kept))
    few = {span: _spread(len(span), each) for span in kept}
    then = torch.cat([kept[span].features[chosen] for span, chosen in few.items()])
    labels = torch.cat([kept[span].labels[chosen] for span, chosen in few.items()])
    now = _compute(backbone, dataset, [span[i] for span, chosen in few.items() for i in chosen], how)
    return torch.equal(now.labels, labels) and _alike(now.features, then, TOLERANCE)


def _spread(n: int, most: int) -> list[int]:
    """Up to `most` numbers from 0 to n - 1, evenly spread."""
    return torch.linspace(0, n - 1, min(most, n)).round().long().tolist()


def _alike(found: Tensor, expected: Tensor, tolerance: float) -> bool:
    if found.shape != expected.shape:
        return False
    off = (found - expected).norm(dim=1)
    return bool((off <= tolerance * expected.norm(dim=1)).all())  # a NaN is no match either


def _in_bfloat16_if_it_holds(how: _How, backbone, dataset) -> _How:
    few, short = _spread(len(dataset), SPOT_CHECKS), replace(how, numbers=torch.bfloat16)
    exact, rounded = (_compute(backbone, dataset, few, one).features for one in (how, short))
    if _alike(rounded, exact, BFLOAT16_TOLERANCE):
        return short
    print(f"In bfloat16 this network's features are off by more than {BFLOAT16_TOLERANCE:.0%}: computing in float32.")
    return how


@torch.no_grad()
def _compute(backbone, dataset, indices: Sequence[int], how: _How, done: Callable = lambda images: None) -> Part:
    started = time.perf_counter()
    # Channels-last memory halves the time of depthwise convolutions on a CPU (benchmarks/features.py).
    layout = {"device": how.device, "memory_format": torch.channels_last}
    backbone.to(**layout)
    batches = batches_ahead(dataset, indices, how.batch_size, pinned=how.device.type == "cuda")
    features, labels = [], []
    with eval_mode(backbone), how.precision:
        for images, of_images in collated(batches):
            features.append(backbone(images.to(**layout, non_blocking=True)).float())
            labels.append(of_images)
            done(len(of_images))
    return Part(torch.cat(features).cpu(), torch.cat(labels), time.perf_counter() - started)


def _require_finite(features: Tensor) -> None:
    if not torch.isfinite(features).all():
        raise CourseError(
            "some features are not finite: look for NaN in the backbone's weights and in the preprocessing"
        )


def _joined(parts: list[Part]) -> Features:
    """All parts in one, each let go as soon as it is copied, so that no feature is in memory twice for long."""
    seconds, images = sum(part.seconds for part in parts), sum(len(part.labels) for part in parts)
    features, labels = (one.new_empty(images, *one.shape[1:]) for one in parts[0][:2])
    at = 0
    while parts:
        part = parts.pop(0)
        after = at + len(part.labels)
        features[at:after], labels[at:after], at = part.features, part.labels, after
    return Features(features, labels, seconds)
