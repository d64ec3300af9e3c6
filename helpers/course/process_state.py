"""What belongs to the whole process: a check begins in the same state each time, and gives the notebook's back."""

from __future__ import annotations

import os
import random
import sys
import warnings
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import numpy as np
import torch


@contextmanager
def own_process_state() -> Iterator[None]:
    """Within the block: seed 0, gradients on, float32. After it, all as it was, whatever an answer has set.

    That is: the random states of Python, numpy and torch's CPU generator (checks run there; a GPU's state stays as it
    is), grad mode and inference mode, the default dtype and device, deterministic algorithms, the number of threads,
    warning filters, matplotlib's settings, and the working folder.
    """
    with ExitStack() as after:
        for restore in _restorers():
            after.callback(restore)
        after.enter_context(torch.random.fork_rng(devices=[]))
        after.enter_context(warnings.catch_warnings())
        if "matplotlib" in sys.modules:  # who has not loaded it has set nothing of it
            after.enter_context(sys.modules["matplotlib"].rc_context())
        after.enter_context(torch.inference_mode(False))
        after.enter_context(torch.set_grad_enabled(True))
        _begin()
        yield


def _begin() -> None:
    random.seed(0)
    np.random.seed(0)
    torch.default_generator.manual_seed(0)
    torch.set_default_dtype(torch.float32)


def _restorers() -> Iterator[Callable[[], object]]:
    """One function for each thing that is set for the whole process and has no context of its own."""
    python_state, numpy_state = random.getstate(), np.random.get_state()
    yield lambda: random.setstate(python_state)
    yield lambda: np.random.set_state(numpy_state)
    dtype, device, folder = torch.get_default_dtype(), torch.get_default_device(), Path.cwd()
    yield lambda: torch.set_default_dtype(dtype)
    yield lambda: _where_other(torch.get_default_device(), device, torch.set_default_device)
    yield lambda: os.chdir(folder)
    threads, strict = torch.get_num_threads(), torch.get_deterministic_debug_mode()
    yield lambda: _where_other(torch.get_num_threads(), threads, torch.set_num_threads)
    yield lambda: _where_other(torch.get_deterministic_debug_mode(), strict, torch.set_deterministic_debug_mode)


def _where_other(now: object, before: object, restore: Callable[[object], object]) -> None:
    """Restore what an answer has changed, and touch nothing else: some of it is costly to set."""
    if now != before:
        restore(before)
