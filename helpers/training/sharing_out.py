"""Which pictures each process trains on: a dataset by a sampler, or shards by the library that reads them.

Both give, for an epoch, the batches of one process from any batch on. With the same seed and the same number of
pictures in all batches together, the pictures of a step are the same however many processes there are.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import count, islice
from typing import Protocol

import torch
from torch import Tensor
from torch.utils.data import DataLoader, Dataset, DistributedSampler, IterableDataset

from helpers.data.shards import Shards, stream
from helpers.data.splits import Transform
from helpers.errors import CourseError
from helpers.training.processes import Team

EPOCHS_APART = 100_003  # seeds of two epochs, and of two trainings whose seeds differ by little, never meet
BUFFER = 100  # pictures of shards that wait to be mixed


class Pictures(Protocol):
    """The training pictures as one process of a team gets them."""

    def __len__(self) -> int:
        """Batches in an epoch: as many in each process, or the others would wait for the missing one for ever."""

    def batches(self, epoch: int, start: int = 0) -> Iterator[tuple[Tensor, Tensor]]:
        """(inputs [n, ...], labels [n]) of this epoch from batch `start` on."""


class FromDataset:
    """A dataset whose order is drawn anew for each epoch and dealt out in turn, by PyTorch's `DistributedSampler`.

    Where the pictures cannot be dealt out evenly, the sampler deals a few of them twice.

    Raises:
        CourseError: `batch_size`, that of all processes together, cannot be divided among them, or the dataset is
            empty.
    """

    def __init__(self, dataset: Dataset, batch_size: int, team: Team, *, seed: int = 0, workers: int = 0):
        self.own_batch = divided(batch_size, team)
        if len(dataset) == 0:
            raise CourseError("the dataset is empty: there are no pictures to train on")
        self.dataset, self.team, self.workers, self.seed = dataset, team, workers, seed
        self.sampler = DistributedSampler(dataset, team.size, team.rank, shuffle=True, seed=seed)

    def __len__(self) -> int:
        return -(-len(self.sampler) // self.own_batch)

    def batches(self, epoch: int, start: int = 0) -> Iterator[tuple[Tensor, Tensor]]:
        self.sampler.set_epoch(epoch)  # without it each epoch has the order of the first
        left = list(self.sampler)[start * self.own_batch :]  # what was trained on already is not even read
        return iter(_loader(self.dataset, self.own_batch, self.team, self.workers, self.seed + epoch, sampler=left))


class FromShards:
    """Shards, of which each process reads its own. An epoch has as many batches as fit into all pictures.

    Shares of shards differ in size, and every process needs as many batches. So who comes to the end of its share
    before the epoch ends begins it again; who has more leaves some out, others in each epoch.
    """

    def __init__(
        self, shards: Shards, transform: Transform, batch_size: int, team: Team, *, seed: int = 0, workers: int = 0
    ):
        self.own_batch = divided(batch_size, team)
        self.shards, self.transform, self.team, self.seed, self.workers = shards, transform, team, seed, workers

    def __len__(self) -> int:
        return max(1, self.shards.count // (self.own_batch * self.team.size))

    def batches(self, epoch: int, start: int = 0) -> Iterator[tuple[Tensor, Tensor]]:
        seed = self.seed * EPOCHS_APART + epoch
        endless = _AgainAndAgain(self.shards, self.transform, seed * EPOCHS_APART)
        return islice(_loader(endless, self.own_batch, self.team, self.workers, seed), start, len(self))


class _AgainAndAgain(IterableDataset):
    """What a process or worker reads, from the beginning again at its end, in another order: every batch is full."""

    def __init__(self, shards: Shards, transform: Transform, seed: int):
        self.shards, self.transform, self.seed = shards, transform, seed

    def __iter__(self) -> Iterator[tuple[Tensor, int]]:
        for again in count():
            nothing = True
            for picture in stream(self.shards, self.transform, shuffle=BUFFER, seed=self.seed + again):
                nothing = False
                yield picture
            if nothing:  # a worker more than this process has shards
                return


def divided(batch_size: int, team: Team) -> int:
    """The part of a batch that one process takes.

    Raises:
        CourseError: the batch cannot be divided evenly: then the mean of the processes' gradients would not be that of
            the batch.
    """
    if type(batch_size) is not int or batch_size < 1 or batch_size % team.size:
        raise CourseError(
            f"a batch of {batch_size} cannot be divided among {team.size} processes: take a multiple of {team.size}"
        )
    return batch_size // team.size


def _loader(
    pictures: Dataset, batch_size: int, team: Team, workers: int, seed: int, sampler: list[int] | None = None
) -> DataLoader:
    return DataLoader(
        pictures,
        batch_size=batch_size,
        sampler=sampler,
        num_workers=workers,
        pin_memory=team.device.type == "cuda",
        # else a loader draws a seed for its workers from the generator that dropout draws from, and a training that
        # was stopped and begins a loader more than another one would go on with other numbers
        generator=torch.Generator().manual_seed(seed),
    )
