"""A checkpoint from which training goes on as if it had never stopped: written whole or not at all."""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any

import numpy as np
import torch

from helpers.errors import CourseError, first_line
from helpers.models.weights import read_saved
from helpers.places import atomic_write, why_not_written


def save_checkpoint(path: Path, state: dict[str, Any]) -> None:
    """Write `state`, tensors and plain values at any depth. A kill at any moment leaves the old file or the new one.

    Raises:
        CourseError: the disk is full, or the folder is not ours. What `path` held before stays.
    """
    try:
        with atomic_write(path) as draft, draft.open("wb") as file:  # torch's own writer would not say why it failed
            torch.save(state, file)
    except Exception as error:
        if (why := why_not_written(error)) is None:
            raise
        raise CourseError(
            f"cannot write {path} ({why}): make room, or name another folder; what was kept before is still there"
        ) from None


def load_checkpoint(path: Path) -> dict[str, Any] | None:
    """What `save_checkpoint` wrote, on the CPU; None where there is no such file.

    Raises:
        CourseError: the file is damaged, or is none of these.
    """
    if not path.exists():
        return None
    try:
        return read_saved(path)  # tensors and plain values: no code runs
    except CourseError as error:
        raise CourseError(
            f"cannot go on from {path.name} ({first_line(error)[:120]}): delete it to begin anew"
        ) from None


def random_state() -> dict[str, Any]:
    """The state of every random generator of this process, in tensors and plain values."""
    version, numbers, gauss = random.getstate()
    numpy_state = np.random.get_state()
    return {
        "python": [version, list(numbers), gauss],
        "numpy": [numpy_state[0], numpy_state[1].tolist(), *numpy_state[2:]],
        "torch": torch.get_rng_state(),
        "cuda": [state.clone() for state in torch.cuda.get_rng_state_all()] if torch.cuda.is_available() else [],
    }


def set_random_state(state: dict[str, Any]) -> None:
    """Let every generator go on from `random_state`. Those of GPUs are left alone where their number is another."""
    version, numbers, gauss = state["python"]
    random.setstate((version, tuple(numbers), gauss))
    name, key, *rest = state["numpy"]
    np.random.set_state((name, np.array(key, dtype=np.uint32), *rest))
    torch.set_rng_state(state["torch"])
    if state["cuda"] and len(state["cuda"]) == torch.cuda.device_count():
        torch.cuda.set_rng_state_all(state["cuda"])
