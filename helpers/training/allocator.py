"""Memory that one layer frees is kept for the next, where the C library lets a program ask for that."""

from __future__ import annotations

import ctypes
import os
import sys

# What a layer gives for a batch is tens of megabytes. glibc, the C library of most Linux systems, takes blocks of that
# size from the system one by one and gives each back when it is free, so every layer waits for fresh pages, filled with
# zeros. That was half of the time of a forward pass (benchmarks/features.py). Blocks up to this size come from the
# memory that was freed before. Not larger ones: an aligned block does not fit into the hole that one of its size left,
# so what is kept is more than what is needed. The second size is the largest that older releases take.
KEPT_BLOCKS = (64 * 2**20, 32 * 2**20)
# As much free memory stays with the program; what is beyond it goes back to the system.
KEPT_IN_ALL = 1024 * 2**20

_TRIM_THRESHOLD, _MMAP_THRESHOLD = -1, -3  # of mallopt, in glibc's malloc.h
_OWN_CHOICES = ("MALLOC_MMAP_THRESHOLD_", "MALLOC_TRIM_THRESHOLD_", "GLIBC_TUNABLES")


def keep_freed_memory() -> bool:
    """Raise the sizes from which on glibc gives memory back, for this whole process; tell whether it did.

    It changes no result. Other systems and C libraries stay as they are, and so does whoever has chosen in the
    environment.
    """
    if sys.platform != "linux" or any(name in os.environ for name in _OWN_CHOICES):
        return False
    library = ctypes.CDLL(None)
    if not hasattr(library, "gnu_get_libc_version"):  # musl has another allocator
        return False
    kept = any(library.mallopt(_MMAP_THRESHOLD, size) for size in KEPT_BLOCKS)
    return kept and bool(library.mallopt(_TRIM_THRESHOLD, KEPT_IN_ALL))
