"""How much memory a piece of work needs at its highest point."""

from __future__ import annotations

import ctypes
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import psutil
import torch

from helpers.training.devices import pick_device

SAMPLE_EVERY = 0.005  # seconds


@dataclass
class Peak:
    """The highest memory use of a block, beyond what was in use when it began; known once the block has ended."""

    bytes: int = 0

    @property
    def megabytes(self) -> float:
        """In 1e6 bytes."""
        return self.bytes / 1e6


@contextmanager
def peak_memory(device: torch.device | str = "cpu") -> Iterator[Peak]:
    """Measure the memory that a block needs: `with peak_memory(device) as peak: ...`, then `peak.megabytes`.

    On CUDA it is what tensors take on the GPU, counted by PyTorch's own allocator (`max_memory_allocated`). Elsewhere
    it is how far the resident memory of the process grows, looked at every 5 ms from a thread; whatever else the
    process does meanwhile counts too. Free memory is given back to the system first, where the C library can
    (`malloc_trim`): else the block would fill what others have left, and seem to need less.

    Raises:
        CourseError: there is no such device.
    """
    device, peak = pick_device(str(device)), Peak()
    with _on_cuda(device, peak) if device.type == "cuda" else _resident(peak):
        yield peak


@contextmanager
def _on_cuda(device: torch.device, peak: Peak) -> Iterator[None]:
    torch.cuda.synchronize(device)
    torch.cuda.reset_peak_memory_stats(device)
    before = torch.cuda.memory_allocated(device)
    try:
        yield
    finally:
        peak.bytes = torch.cuda.max_memory_allocated(device) - before


@contextmanager
def _resident(peak: Peak) -> Iterator[None]:
    _give_back_free_memory()
    process, ended = psutil.Process(), threading.Event()
    before = process.memory_info().rss

    def look() -> None:
        peak.bytes = max(peak.bytes, process.memory_info().rss - before)

    def watch() -> None:
        while not ended.wait(SAMPLE_EVERY):
            look()

    watcher = threading.Thread(target=watch, daemon=True, name="peak memory")
    watcher.start()
    try:
        yield
    finally:
        ended.set()
        watcher.join()
        look()


def _give_back_free_memory() -> None:
    if sys.platform == "linux":
        trim = getattr(ctypes.CDLL(None), "malloc_trim", None)  # glibc has it, musl does not
        if trim is not None:
            trim(0)
