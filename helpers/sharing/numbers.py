"""The numbers of a card, from what several heads said of the same test pictures."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from helpers.errors import CourseError

Z = 1.959964  # of a normal distribution: 95 in 100 draws lie within so many standard deviations


@dataclass(frozen=True)
class CardNumbers:
    """What the heads of several seeds got right and wrong.

    Attributes:
        accuracies: of each head, from 0 to 1.
        confusion: int64 [classes, classes]: how often class `row` was taken for class `column`, in all heads together.
        wrong: int64 [n]: how many of the heads got each picture wrong.
    """

    accuracies: tuple[float, ...]
    confusion: Tensor
    wrong: Tensor

    @property
    def accuracy(self) -> float:
        """The mean over the heads."""
        return math.fsum(self.accuracies) / len(self.accuracies)

    @property
    def spread(self) -> float | None:
        """The sample standard deviation over the heads (by n - 1); None for one head, which has none."""
        n, mean = len(self.accuracies), self.accuracy
        return None if n == 1 else math.sqrt(math.fsum((a - mean) ** 2 for a in self.accuracies) / (n - 1))

    @property
    def images(self) -> int:
        return len(self.wrong)

    @property
    def recalls(self) -> list[float | None]:
        """By class, the share of its pictures that were recognised; None where there is no test picture of it."""
        shown = self.confusion.sum(dim=1).tolist()
        right = self.confusion.diag().tolist()
        return [r / n if n else None for r, n in zip(right, shown, strict=True)]

    @property
    def test_counts(self) -> list[int]:
        """Test pictures in each class."""
        return [n // len(self.accuracies) for n in self.confusion.sum(dim=1).tolist()]

    @property
    def accuracy_text(self) -> str:
        """For a sentence: "0.913 ± 0.012 over 3 seeds"."""
        if self.spread is None:
            return f"{self.accuracy:.3f} (one seed, so no spread is known)"
        return f"{self.accuracy:.3f} ± {self.spread:.3f} over {len(self.accuracies)} seeds"


def numbers_of(predictions: Tensor, labels: Tensor, classes: int) -> CardNumbers:
    """From predicted classes [seeds, n] and true ones [n].

    Raises:
        CourseError: there is nothing to count, or the shapes do not fit together.
    """
    if predictions.ndim != 2 or predictions.shape[1:] != labels.shape or 0 in predictions.shape:
        raise CourseError(
            f"a card needs predictions [seeds, n] and labels [n] with at least one each, not "
            f"{list(predictions.shape)} and {list(labels.shape)}: reshape them"
        )
    right = predictions == labels
    cells = (labels * classes + predictions).flatten()
    confusion = torch.bincount(cells, minlength=classes * classes).reshape(classes, classes)
    return CardNumbers(tuple(right.double().mean(dim=1).tolist()), confusion, (~right).sum(dim=0))


def interval(share: float, n: int) -> tuple[float, float]:
    """Wilson's 95 % interval of a share that was seen in `n` draws (Wilson 1927, doi 10.1080/01621459.1927.10502953).

    >>> [round(end, 3) for end in interval(0.9, 50)]
    [0.786, 0.957]
    """
    middle = (share + Z**2 / (2 * n)) / (1 + Z**2 / n)
    half = Z * math.sqrt(share * (1 - share) / n + Z**2 / (4 * n**2)) / (1 + Z**2 / n)
    return max(0.0, middle - half), min(1.0, middle + half)
