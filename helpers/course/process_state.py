"""What belongs to the whole process: a check begins in the same state each time, and gives the notebook's back."""

from __future__ import annotations

import os
import random
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import torch


@contextmanager
def own_process_state() -> Iterator[None]:
    """Within the block: seed 0, gradients on, float32. After it, all as it was, whatever an answer has changed.

    That is: the random states of Python, numpy and torch's CPU generator (checks run there; a GPU's state stays as it
    is), grad mode, the default dtype, the number of threads, and the working folder.
    """
    python_state, numpy_state, grad = random.getstate(), np.random.get_state(), torch.is_grad_enabled()
    dtype, threads, folder = torch.get_default_dtype(), torch.get_num_threads(), Path.cwd()
    with torch.random.fork_rng(devices=[]):
        random.seed(0)
        np.random.seed(0)
        torch.default_generator.manual_seed(0)
        torch.set_grad_enabled(True)
        torch.set_default_dtype(torch.float32)
        try:
            yield
        finally:
            random.setstate(python_state)
            np.random.set_state(numpy_state)
            torch.set_grad_enabled(grad)
            torch.set_default_dtype(dtype)
            if torch.get_num_threads() != threads:
                torch.set_num_threads(threads)
            os.chdir(folder)
