"""One process among several that train together: which one it is, and what they know only together.

`torchrun` starts the processes and tells each, by environment variables, how many there are and which one it is. A
program that was started without it is a team of one: then everything here is what a single process would do.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import torch
import torch.distributed as dist

from helpers.errors import CourseError
from helpers.training.devices import pick_device


@dataclass(frozen=True)
class Team:
    """The processes that train together, as one of them sees it.

    Attributes:
        rank: which one this is, from 0.
        size: how many there are (PyTorch calls it the *world size*).
        device: where this one works; on a machine with several GPUs each process has its own.
        restarts: how often the team has been started anew after one of it died.
    """

    rank: int
    size: int
    device: torch.device
    restarts: int = 0

    @property
    def is_first(self) -> bool:
        """Whether this process does what one alone may do: write a file, tell the learner."""
        return self.rank == 0

    def total(self, *counts: float) -> list[float]:
        """The sum of each number over all processes. Every process calls this, or the others wait for ever."""
        # float64 holds whole numbers exactly up to 2**53; MPS has none, and a team of one needs no device
        numbers = torch.tensor(counts, dtype=torch.float64, device=self.device if self.size > 1 else "cpu")
        if self.size > 1:
            dist.all_reduce(numbers)
        return numbers.tolist()

    def gathered(self, value: object) -> list[object]:
        """What each process gave, in the order of their ranks. Every process calls this, and gets it."""
        if self.size == 1:
            return [value]
        found: list[object] = [None] * self.size
        dist.all_gather_object(found, value)
        return found

    def wait(self) -> None:
        """Go on when every process has come here."""
        if self.size > 1:
            dist.barrier()

    def share_of(self, count: int) -> range:
        """Which of `count` items this process looks at, so that each item is looked at once.

        Unlike a `DistributedSampler`'s, the shares may differ by one in size: nothing is repeated and nothing left
        out. So it is for counting, where sums are added up, and not for training, where all take as many steps.
        """
        return range(self.rank, count, self.size)


@contextmanager
def joined(device: str = "auto") -> Iterator[Team]:
    """The team that `torchrun` started; without `torchrun` a team of one.

    Processes talk over gloo on CPUs and over nccl on CUDA GPUs. Nobody can train together on MPS.

    Raises:
        CourseError: there is no such device, or not one for each process.
    """
    if "RANK" not in os.environ or "WORLD_SIZE" not in os.environ:
        yield Team(0, 1, pick_device(device))
        return
    local = int(os.environ.get("LOCAL_RANK", "0"))
    own = _own_device(device, local)
    if own.type == "cuda":
        torch.cuda.set_device(own)
    dist.init_process_group("nccl" if own.type == "cuda" else "gloo")
    yield Team(dist.get_rank(), dist.get_world_size(), own, int(os.environ.get("TORCHELASTIC_RESTART_COUNT", "0")))
    dist.destroy_process_group()  # not after an error: the others may be waiting, and it would wait for them


def device_for(processes: int, wanted: str = "auto") -> str:
    """Where so many processes of this machine can train: on GPUs if each gets one of its own, else on the CPU."""
    device = pick_device(wanted)
    return "cuda" if device.type == "cuda" and torch.cuda.device_count() >= processes else "cpu"


def _own_device(wanted: str, local: int) -> torch.device:
    device = pick_device(wanted)
    if device.type == "mps":
        return torch.device("cpu")
    if device.type != "cuda":
        return device
    if local >= torch.cuda.device_count():
        raise CourseError(
            f"process {local} of this machine has no GPU of its own ({torch.cuda.device_count()} are here): start one "
            "process a GPU with --nproc-per-node, or set the device to cpu"
        )
    return torch.device("cuda", local)
