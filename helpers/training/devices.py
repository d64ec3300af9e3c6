"""Where the work runs, and the seeds that make it repeatable."""

from __future__ import annotations

import random

import numpy as np
import torch

from helpers.errors import CourseError, first_line


def pick_device(wanted: str = "auto") -> torch.device:
    """The device by name; "auto" takes a CUDA GPU, else Apple's MPS, else the CPU.

    A GPU that torch lists may still be of no use: too old for this build, or full. So each is tried, and "auto" goes
    on to the next and says why.
    """
    if wanted == "auto":
        return _first_that_works()
    try:
        device = torch.device(wanted)
        _try(device)
    except _NO_DEVICE:
        raise CourseError(
            f"no device {wanted!r} on this machine: set DEVICE to 'auto', 'cpu', 'cuda' or 'mps'"
        ) from None
    return device


# What torch raises for a device that it does not know, that is not there, or that cannot work.
_NO_DEVICE = (RuntimeError, AssertionError, NotImplementedError)


def _first_that_works() -> torch.device:
    listed = {"cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available()}
    for name in (name for name, there in listed.items() if there):
        device = torch.device(name)
        try:
            _try(device)
        except _NO_DEVICE as error:
            print(f"The GPU ({name}) cannot be used: {first_line(error)[:160]}. Going on without it.")
        else:
            return device
    return torch.device("cpu")


def _try(device: torch.device) -> None:
    """One product of two matrices: to make a tensor alone asks less of a GPU than a network does."""
    ones = torch.ones(8, 8, device=device)
    (ones @ ones).sum().item()


def device_name(device: torch.device) -> str:
    """What to write on the scoreboard: the GPU's name, or "cpu, 2 threads"."""
    if device.type == "cuda":
        return torch.cuda.get_device_name(device)
    if device.type != "cpu":
        return device.type
    threads = torch.get_num_threads()
    return f"cpu, {threads} thread{'s' if threads > 1 else ''}"


def seed_everything(seed: int) -> None:
    """Seed Python, NumPy and PyTorch (all devices)."""
    random.seed(seed)
    np.random.seed(seed % 2**32)
    torch.manual_seed(seed)
