"""Where the work runs, and the seeds that make it repeatable."""

from __future__ import annotations

import random

import numpy as np
import torch

from helpers.errors import CourseError


def pick_device(wanted: str = "auto") -> torch.device:
    """The device by name; "auto" takes a CUDA GPU, else Apple's MPS, else the CPU."""
    if wanted == "auto":
        if torch.cuda.is_available():
            return torch.device("cuda")
        return torch.device("mps" if torch.backends.mps.is_available() else "cpu")
    try:
        device = torch.device(wanted)
        torch.zeros(1, device=device)
    except (RuntimeError, AssertionError, NotImplementedError):
        raise CourseError(
            f"no device {wanted!r} on this machine: set DEVICE to 'auto', 'cpu', 'cuda' or 'mps'"
        ) from None
    return device


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
