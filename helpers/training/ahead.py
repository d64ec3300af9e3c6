"""Batches that are made ready in threads, while the network works on those before them."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import islice

import torch
from torch import Tensor
from torch.utils.data import default_collate

from helpers.data.splits import ImageDataset


def batches_ahead(
    dataset, indices: Sequence[int], batch_size: int, *, pinned: bool = False
) -> Iterator[tuple[Tensor, Tensor]]:
    """The items at `indices`, in batches (inputs, labels) in this order, of which few are in memory at a time.

    Decoding and resizing leave Python's lock, so they run beside the forward pass: no processes, which would have to
    import all that the dataset is made of. `pinned` puts the batches where a GPU can fetch them by itself.

    A dataset that is not the course's own is read by one thread: whether it can take several is not known.
    """
    threads = _threads() if isinstance(dataset, ImageDataset) else 1
    chunks = (indices[start : start + batch_size] for start in range(0, len(indices), batch_size))

    def ready(chunk: Sequence[int]) -> tuple[Tensor, Tensor]:
        inputs, labels = default_collate([dataset[i] for i in chunk])
        return (inputs.pin_memory() if pinned else inputs), labels

    pool = ThreadPoolExecutor(threads, "batches ahead", initializer=torch.set_num_threads, initargs=(1,))
    try:
        waiting = deque(pool.submit(ready, chunk) for chunk in islice(chunks, threads + 1))
        while waiting:
            batch = waiting.popleft().result()
            waiting.extend(pool.submit(ready, chunk) for chunk in islice(chunks, 1))
            yield batch
    finally:
        pool.shutdown(wait=True, cancel_futures=True)
        torch.set_num_threads(torch.get_num_threads())  # threads that begin later get what this one has


def _threads() -> int:
    """Half the cores, since the forward pass wants them too; four make ready more than a laptop's network takes."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return max(1, min(4, cores // 2))
