"""Pictures in memory, in shuffled batches, each mirrored with a chance of one half."""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import Tensor

from helpers.errors import CourseError


def as_tensors(dataset) -> tuple[Tensor, Tensor]:
    """All pictures [n, 3, height, width] and labels [n] of a dataset whose transform gives tensors of one size."""
    if len(dataset) == 0:
        raise CourseError("the dataset is empty: there are no pictures to put into one tensor")
    return torch.stack([dataset[i][0] for i in range(len(dataset))]), dataset.labels


class FlippedBatches:
    """Batches (pictures, labels) for `train`: another order and other mirror images each epoch, the same for a seed.

    The pictures lie in channels-last memory, which is faster on a CPU (benchmarks/features.py). A last batch of one
    picture joins the one before it, because BatchNorm learns nothing from a single picture.
    """

    def __init__(self, images: Tensor, labels: Tensor, *, batch_size: int = 25, seed: int = 0):
        if type(batch_size) is not int or batch_size < 1:
            raise CourseError(f"a batch has 1 picture or more, not {batch_size!r}: pass a whole number")
        if len(images) != len(labels) or len(labels) == 0:
            raise CourseError(
                f"{len(images)} pictures and {len(labels)} labels make no batches: give each picture its label"
            )
        self.images, self.labels, self.batch_size = images, labels, batch_size
        self.generator = torch.Generator().manual_seed(seed)

    def __len__(self) -> int:
        return len(self._split(torch.arange(len(self.labels))))

    def __iter__(self) -> Iterator[tuple[Tensor, Tensor]]:
        order = torch.randperm(len(self.labels), generator=self.generator)
        for index in self._split(order):
            mirrored = torch.rand(len(index), 1, 1, 1, generator=self.generator) < 0.5
            images = self.images[index]
            images = torch.where(mirrored, images.flip(-1), images)
            yield images.contiguous(memory_format=torch.channels_last), self.labels[index]

    def _split(self, order: Tensor) -> list[Tensor]:
        parts = list(order.split(self.batch_size))
        if len(parts) > 1 and len(parts[-1]) == 1:
            parts[-2:] = [torch.cat(parts[-2:])]
        return parts
