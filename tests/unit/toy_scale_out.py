"""A training by several processes on a toy: random pictures of a few pixels and a tiny network, in milliseconds.

    torchrun --nproc-per-node 2 tests/unit/toy_scale_out.py FOLDER [--dropout 0.5] [--kill 1 2 3] [--sleep SECONDS]

`--kill RANK EPOCH BATCH` ends that process with SIGKILL, once, as it is about to read that batch.
"""

from __future__ import annotations

import argparse
import os
import signal
import time
from pathlib import Path

import torch
from torch import nn
from torch.utils.data import Dataset

from helpers.training.processes import Team, joined
from helpers.training.sharing_out import FromDataset
from helpers.training.together import Job, train_together

PICTURES, VAL, CLASSES, BATCH, EPOCHS = 24, 13, 3, 8, 3


class Noise(Dataset):
    """Random pictures [3, 4, 4] whose class can be learned; the same for the same seed."""

    def __init__(self, count: int, seed: int):
        dice = torch.Generator().manual_seed(seed)
        self.labels = torch.randint(CLASSES, (count,), generator=dice)
        self.images = torch.randn(count, 3, 4, 4, generator=dice) + self.labels[:, None, None, None]

    def __len__(self) -> int:
        return len(self.labels)

    def __getitem__(self, index: int) -> tuple[torch.Tensor, int]:
        return self.images[index], int(self.labels[index])


class Accident(FromDataset):
    """`FromDataset` in which one process is killed once, at one batch."""

    def __init__(self, *given, team: Team, at: tuple[int, int, int], mark: Path):
        super().__init__(*given, team)
        self.team, self.at, self.mark = team, at, mark

    def batches(self, epoch: int, start: int = 0):
        for number, batch in enumerate(super().batches(epoch, start), start):
            if (self.team.rank, epoch, number) == self.at and not self.mark.exists():
                self.mark.touch()
                os.kill(os.getpid(), signal.SIGKILL)
            yield batch


def make_job(folder: Path, team: Team, *, dropout: float = 0.0, kill: tuple[int, int, int] | None = None) -> Job:
    torch.manual_seed(0)
    network = nn.Sequential(nn.Flatten(), nn.Linear(48, 8), nn.ReLU(), nn.Dropout(dropout), nn.Linear(8, CLASSES))
    optimizer = torch.optim.AdamW(network.parameters(), lr=0.02)
    train, val = Noise(PICTURES, 1), Noise(VAL, 2)
    pictures = FromDataset(train, BATCH, team)
    if kill:
        pictures = Accident(train, BATCH, team=team, at=kill, mark=folder.parent / "killed")
    scheduler = torch.optim.lr_scheduler.StepLR(optimizer, 2, 0.8)
    return Job(network, optimizer, pictures, val, EPOCHS, folder, scheduler, {"dropout": dropout}, every=1)


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("folder", type=Path)
    parser.add_argument("--dropout", type=float, default=0.0)
    parser.add_argument("--kill", type=int, nargs=3)
    parser.add_argument("--sleep", type=float, default=0.0)
    given = parser.parse_args()
    with joined("cpu") as team:
        kill = tuple(given.kill) if given.kill else None
        job = make_job(given.folder, team, dropout=given.dropout, kill=kill)
        torch.manual_seed(100 + team.rank)  # so that dropout draws something else in each process
        train_together(job, team)
        time.sleep(given.sleep)


if __name__ == "__main__":
    main()
