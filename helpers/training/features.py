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
        return _gathered(backbone, dataset, how, keeper, bar.update)


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


class _Whole:
    """The features of all images, filled part by part: no part is in memory twice for long."""

    def __init__(self, images: int):
        self.images, self.seconds = images, {}

    def put(self, span: range, part: Part) -> None:
        if not self.seconds:
            self.features, self.labels = (one.new_empty(self.images, *one.shape[1:]) for one in part[:2])
        here = slice(span.start, span.stop)
        self.features[here], self.labels[here], self.seconds[span] = part

    def forget(self) -> None:
        self.seconds.clear()

    def as_features(self) -> Features:
        return Features(self.features, self.labels, sum(self.seconds.values()))


def _gathered(backbone, dataset, how: _How, keeper: FeatureCache | None, done: Callable) -> Features:
    """The features of `PART` images after another: from disk where they are there, else computed and put there."""
    spans = [range(start, min(start + PART, len(dataset))) for start in range(0, len(dataset), PART)]
    files = {span: keeper.file(dataset.subset(span)) for span in spans} if keeper else {}
    whole = _kept(files, backbone, dataset, how, keeper)
    for span in spans:
        if span not in whole.seconds:
            part = _compute(backbone, dataset, span, how, done)
            _require_finite(part.features)
            whole.put(span, part)
            # A photo that was replaced meanwhile leaves it open of which of the two these features are.
            if keeper and keeper.file(dataset.subset(span)) == files[span]:
                keeper.write(files[span], part)
        else:
            done(len(span))
    return whole.as_features()


def _kept(files: dict, backbone, dataset, how: _How, keeper: FeatureCache | None) -> _Whole:
    """What was on disk, if the network still gives what is kept there."""
    whole = _Whole(len(dataset))
    for span, file in files.items():
        part = keeper.read(file)
        if part is not None and len(part.features) == len(span):
            whole.put(span, part)
    if whole.seconds and not _still_hold(whole, backbone, dataset, how):
        print("The features that were kept are no longer what this network computes: computing them anew.")
        whole.forget()
    return whole


def _still_hold(kept: _Whole, backbone, dataset, how: _How) -> bool:
    """Whether a few images, spread over the parts, give the features and labels that were kept."""
    each = -(-SPOT_CHECKS // len(kept.seconds))
    few = [span[i] for span in kept.seconds for i in _spread(len(span), each)]
    now = _compute(backbone, dataset, few, how)
    return torch.equal(now.labels, kept.labels[few]) and _alike(now.features, kept.features[few], TOLERANCE)


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
