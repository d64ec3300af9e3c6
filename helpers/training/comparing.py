"""Is the gap between two accuracies larger than chance explains?

Chance has two parts. The test images are one draw of all that might have been taken, and each run is one draw of
seeds: first weights, the order of the images, and which of them are for training, if that changes with the seed. Each
function here gives the same answer, a `Gap`: how far the two are apart, and how far chance alone drives two equal
ones apart in 95 of 100 comparisons.

- `compare_paired`: both were tested on the same images, and which ones each got right is known. The sharpest.
- `compare_summaries`: only accuracies are known, or the test images were not the same.

What neither sees: test images of another kind than those that will come, mistakes in the labels, and choices made on
the very images that are compared on (the best of many settings leads by luck, too). Who makes 20 comparisons of equals
finds one gap "beyond chance", in the mean. And no gap beyond chance is no proof that there is none: it may be too small
for so few images and seeds.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from helpers.errors import CourseError

Runs = NDArray[np.float64]  # 0 and 1, [seeds, images]

CONFIDENCE = 0.95
_UPPER = (1 + CONFIDENCE) / 2
_ROUNDING = 1e-9  # a gap of 5 images in 150 is no larger than 5 / 150, whatever the last bits say


@dataclass(frozen=True)
class Gap:
    """How far `first` is above `second`, two accuracies (0 to 1), and how far chance alone explains.

    `chance` is half the width of the interval, of accuracy too, in which 95 of 100 differences of two equals lie.
    `seeds_counted` is False where each side is a single run: then `chance` is the draw of test images alone, and the
    verdict holds for these two runs, not for another seed.
    """

    first: float
    second: float
    chance: float
    seeds_counted: bool

    @property
    def difference(self) -> float:
        return self.first - self.second

    @property
    def beyond_chance(self) -> bool:
        return abs(self.difference) > self.chance + _ROUNDING

    @property
    def verdict(self) -> str:
        """The gap and what chance explains, for a sentence: "+0.040; chance alone explains up to 0.050"."""
        cause = "chance alone" if self.seeds_counted else "the draw of images alone"
        if self.beyond_chance:
            return f"{self.difference:+.3f}, more than the {self.chance:.3f} that {cause} explains"
        return f"{self.difference:+.3f}; {cause} explains up to {self.chance:.3f}"

    def __str__(self) -> str:
        """One sentence: "0.930 against 0.890: a gap of +0.040; chance alone explains up to 0.050."."""
        return f"{self.first:.3f} against {self.second:.3f}: a gap of {self.verdict}."


@dataclass(frozen=True)
class Summary:
    """What a paper or a scoreboard tells: the mean accuracy (0 to 1) on so many test images.

    `sd` is the sample standard deviation of the accuracy over `seeds` runs; None for a single run.

    Raises:
        CourseError: a number that no accuracy, count or spread can be, or a spread of a single run.
    """

    accuracy: float
    images: int
    sd: float | None = None
    seeds: int = 1

    def __post_init__(self) -> None:
        if not 0 <= self.accuracy <= 1:  # false for NaN too
            raise CourseError(f"an accuracy is a share from 0 to 1, not {self.accuracy}: divide per cent by 100")
        if not self.images >= 1:
            raise CourseError(f"an accuracy needs at least one test image, not {self.images}")
        if (self.sd is None) != (self.seeds == 1) or not self.seeds >= 1:
            raise CourseError(
                f"a standard deviation and a number of seeds belong together, not sd={self.sd} and seeds={self.seeds}: "
                "give both, or neither for a single run"
            )
        if self.sd is not None and not 0 <= self.sd < math.inf:
            raise CourseError(f"a standard deviation is a finite number from 0, not {self.sd}")


@dataclass(frozen=True)
class _Spread:
    """A variance of the difference that comes from the seeds, and from how many it was estimated (degrees)."""

    variance: float
    degrees: int


def compare_paired(first: Tensor | Sequence, second: Tensor | Sequence) -> Gap:
    """Compare two on the same test images; each is given by which images it got right.

    `first` and `second`: [n] for one run or [seeds, n] for several, boolean or 0 and 1; a list of runs will do. Image i
    is the same image in both. The numbers of seeds may differ.

    One run each: McNemar's exact test. Only the discordant images count, those that one of the two alone got right: if
    neither is better, a fair coin could as well say which. The verdict is for these two networks. It is conservative:
    among equals fewer than 5 in 100 gaps are called beyond chance, and of five or fewer discordant images none.

    Several runs: analysis of variance of a crossed design, seeds by images ("readers" by "cases" in radiology, where
    it comes from). The variance of the difference is that over images (of the difference of the means over seeds) plus
    that over seeds, less what both count, the part that is neither's alone; never less than that over images. Its
    degrees of freedom are Hillis's, since a spread over three seeds is itself a rough estimate: then a t quantile takes
    the place of 2. Where one side has a single run, it is taken to vary with the seed as the other does. Seeds count as
    independent. If both sides share training images seed by seed they are more alike than that, and the verdict is
    conservative. In simulations of equals, 0 to 6 in 100 gaps were called beyond chance, 3 in the mean, fewest where
    mistakes are few and seeds matter little; with two seeds each up to 8.

    Sources: McNemar 1947 (doi 10.1007/BF02295996), recommended for classifiers by Dietterich 1998
    (doi 10.1162/089976698300017197). Gallas, Pennello and Myers 2007 (doi 10.1364/JOSAA.24.000B70) for right and wrong
    by readers and cases; degrees of freedom: Hillis 2007 (doi 10.1002/sim.2532). Why seeds belong into a comparison:
    Bouthillier et al. 2021 (arXiv 2103.03098).

    Raises:
        CourseError: no images, another number of images on each side, or values other than right and wrong.
    """
    one, other = _runs(first), _runs(second)
    if one.shape[1] != other.shape[1]:
        raise CourseError(
            f"a paired comparison needs the same test images on both sides, not {one.shape[1]} and {other.shape[1]}: "
            "use compare_summaries for different ones"
        )
    single = len(one) == len(other) == 1
    chance = _chance_of_discordant(one[0], other[0]) if single else _chance_of_images_and_seeds(one, other)
    return Gap(float(one.mean()), float(other.mean()), chance, seeds_counted=not single)


def compare_summaries(first: Summary, second: Summary) -> Gap:
    """Compare two of which only the accuracies are known, or whose test images differ.

    The variance of the difference is that of two proportions under a common accuracy p, p (1 - p) (1/n + 1/m) times
    N / (N - 1) with N = n + m, plus that of both means over seeds, sd squared / seeds. With spreads, the quantile is
    that of a t distribution with Welch's and Satterthwaite's degrees of freedom. Where one side has a single run, it is
    taken to vary with the seed as the other does; where both have, only the draw of images is counted.

    Conservative if both were tested on the same images, on which they tend to fail together: `compare_paired` sees
    more. Where fewer than one mistake (or right answer) is expected on a side, up to 9 in 100 gaps of equals may be
    called beyond chance.

    Sources: the "N - 1" test of two proportions, Campbell 2007 (doi 10.1002/sim.2832); degrees of freedom: Welch 1947
    (doi 10.1093/biomet/34.1-2.28).
    """
    n, m = first.images, second.images
    p = (first.accuracy * n + second.accuracy * m) / (n + m)
    of_images = p * (1 - p) * (1 / n + 1 / m) * (n + m) / (n + m - 1)
    spreads = _by_seeds([(side.sd, side.seeds) for side in (first, second)])
    return Gap(first.accuracy, second.accuracy, _half_width(of_images, spreads), seeds_counted=bool(spreads))


def _runs(right: Tensor | Sequence) -> Runs:
    """Which images were right, as numbers 0 and 1 [seeds, n]."""
    try:
        stacked = torch.stack(list(right)) if isinstance(right, list | tuple) and _all_tensors(right) else right
        runs = torch.as_tensor(stacked).detach().cpu().numpy().astype(float)
    except (TypeError, ValueError, RuntimeError) as error:
        raise CourseError(
            f"a comparison needs, for each run, which images were right, each run of the same number of images: {error}"
        ) from None
    runs = runs[None] if runs.ndim == 1 else runs
    if runs.ndim != 2 or runs.size == 0:
        raise CourseError(
            f"a comparison needs which images were right, [images] or [seeds, images] with at least one image, "
            f"not {list(runs.shape)}"
        )
    if not ((runs == 0) | (runs == 1)).all():  # false for NaN
        raise CourseError(
            "a comparison needs which images were right, True or False for each: accuracies, labels and NaN are "
            "neither; give predictions == labels"
        )
    return runs


def _all_tensors(items: Sequence) -> bool:
    return len(items) > 0 and all(isinstance(item, Tensor) for item in items)


def _chance_of_discordant(one: NDArray, other: NDArray) -> float:
    """The largest difference that McNemar's exact test calls chance, given how many images [n] are discordant."""
    return _most_by_coin(int((one != other).sum())) / len(one)


@lru_cache
def _most_by_coin(throws: int) -> int:
    """How far heads and tails of a fair coin lie apart at most, in at least 95 of 100 rows of so many throws."""
    from scipy.special import bdtr  # here, because it takes a tenth of a second to load; scipy.stats takes longer

    at_most = bdtr(np.arange(throws + 1), throws, 0.5)  # the probability of so many heads or fewer
    return throws - 2 * int(np.searchsorted(at_most, 1 - _UPPER))


def _chance_of_images_and_seeds(one: Runs, other: Runs) -> float:
    images = one.shape[1]
    by_image = one.mean(axis=0) - other.mean(axis=0)
    # about zero, the mean under "equally good", as in McNemar's test
    of_images = float((by_image**2).sum()) / images**2
    spreads = _by_seeds([(_sd(side), len(side)) for side in (one, other)])
    both_count = sum(s.variance for s in _by_seeds([(_residual_sd(side), len(side)) for side in (one, other)]))
    return _half_width(of_images, spreads, both_count)


def _sd(runs: Runs) -> float | None:
    """Sample standard deviation over seeds of the accuracy of runs [seeds, n]; None for a single one."""
    return float(runs.mean(axis=1).std(ddof=1)) if len(runs) > 1 else None


def _residual_sd(runs: Runs) -> float | None:
    """What the accuracy of runs [seeds, n] would vary if each image fell by itself; None for a single run."""
    seeds, images = runs.shape
    if seeds == 1 or images == 1:
        return None if seeds == 1 else 0.0
    rest = runs - runs.mean(axis=0) - runs.mean(axis=1, keepdims=True) + runs.mean()
    return math.sqrt(float((rest**2).sum()) / ((seeds - 1) * (images - 1)) / images)


def _by_seeds(sides: Sequence[tuple[float | None, int]]) -> list[_Spread]:
    """The variance of each mean over seeds, from (sd, seeds) of both sides; a single run borrows the other's sd."""
    known = [(sd, seeds) for sd, seeds in sides if sd is not None]
    if len(known) == 1:
        ((sd, seeds),) = known
        return [_Spread(sd**2 * (1 + 1 / seeds), seeds - 1)]
    return [_Spread(sd**2 / seeds, seeds - 1) for sd, seeds in known]


def _half_width(of_images: float, spreads: Sequence[_Spread], both_count: float = 0.0) -> float:
    """Half the 95 % interval of a difference with these variances; its degrees of freedom come from the seeds alone."""
    from scipy.special import stdtrit

    of_seeds = sum(spread.variance for spread in spreads)
    variance = max(of_seeds + max(of_images - both_count, 0.0), of_images)
    uncertain = sum(spread.variance**2 / spread.degrees for spread in spreads)
    degrees = variance**2 / uncertain if uncertain > 0 else math.inf
    return float(stdtrit(degrees, _UPPER)) * math.sqrt(variance)
