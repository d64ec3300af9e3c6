"""The most memory that a process and its children held, without slowing it down by looking."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable

import psutil

# Linux counts pages that processes share by a walk through all of them. That takes 50 ms for a kernel with PyTorch, in
# which the kernel itself may have to wait. So they are counted where a process has grown, and otherwise now and then.
_GROWN = 1.02  # against the last time
_AT_LEAST_EVERY = 2.0  # seconds


class PeakMemory:
    """The highest sum of memory over a process and its children, of the moments at which `look` was called."""

    def __init__(self, process: int):
        self.process, self.bytes = process, 0
        self._largest, self._counted_at = 0, float("-inf")

    def look(self) -> bool:
        """Take what is held now into account; false where the process is gone."""
        resident = _sum_over_family(self.process, lambda one: one.memory_info().rss)
        if resident > _GROWN * self._largest or time.monotonic() - self._counted_at > _AT_LEAST_EVERY:
            self._largest, self._counted_at = max(self._largest, resident), time.monotonic()
            self.bytes = max(self.bytes, bytes_held(self.process))
        return resident > 0


def bytes_held(process: int) -> int:
    """The memory that a process and its children hold now; 0 where it is gone.

    Pages that they share, such as PyTorch's libraries, count once, where the system tells (Linux does).
    """
    return _sum_over_family(process, _with_its_share)


def _sum_over_family(process: int, measure: Callable[[psutil.Process], int]) -> int:
    total = 0
    with contextlib.suppress(psutil.Error):  # gone meanwhile: the samples so far stand
        eldest = psutil.Process(process)
        for one in (eldest, *eldest.children(recursive=True)):
            with contextlib.suppress(psutil.Error):
                total += measure(one)
    return total


def _with_its_share(process: psutil.Process) -> int:
    return process.memory_full_info().pss if psutil.LINUX else process.memory_info().rss
