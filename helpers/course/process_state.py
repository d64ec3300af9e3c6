"""What belongs to the whole process: a check begins in the same state each time, and gives the notebook's back."""

from __future__ import annotations

import inspect
import math
import os
import random
import statistics
import sys
import time
import warnings
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from types import ModuleType

import numpy as np
import torch
from torch import nn

from helpers.course.verdicts import require
from helpers.errors import first_few

_TORCH = Path(torch.__file__).parent


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
        if "matplotlib" in sys.modules:
            after.enter_context(sys.modules["matplotlib"].rc_context())
        else:
            after.callback(_forget_rc_params)
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


def _forget_rc_params() -> None:
    """Where an answer was the first to load matplotlib: its settings as it was loaded."""
    if "matplotlib" in sys.modules:
        sys.modules["matplotlib"].rc_file_defaults()


@contextmanager
def classes_as_they_were() -> Iterator[None]:
    """After the block the methods of PyTorch's classes and the functions of its modules are what they were before it.

    An answer that replaces one changes every network in the notebook: it is given back, and where the block has no
    other news, the answer is incorrect. Not seen: classes and modules that `_shared` does not list.
    """
    before = {owner: dict(vars(owner)) for owner in _shared()}
    try:
        yield
    except BaseException:
        _give_back(before)
        raise
    replaced = _give_back(before)
    require(
        not replaced,
        f"Your code has replaced {first_few(replaced)} for the whole notebook, other networks included. The check gave "
        "it back: leave PyTorch's classes and modules as they are, and write a function or a class of your own.",
    )


def _shared() -> set[type | ModuleType]:
    """What all networks share: the classes of layers, tensors and optimizers, and the modules with their functions."""
    classes = {one for module in (nn, torch.optim) for one in vars(module).values() if isinstance(one, type)}
    return classes | {torch.Tensor, torch, nn.functional, nn.init, math, statistics, time}


def _give_back(before: dict[type | ModuleType, dict[str, object]]) -> list[str]:
    """Put back what was replaced, and give its names: "`Linear.forward`"."""
    replaced = []
    for owner, held in before.items():
        for name, now in dict(vars(owner)).items():
            if now is held.get(name) or not _is_a_replacement(owner, name, held, now):
                continue
            replaced.append(f"`{owner.__name__}.{name}`")
            if name in held:
                setattr(owner, name, held[name])
            else:
                delattr(owner, name)
        for name in held.keys() - vars(owner).keys():
            replaced.append(f"`{owner.__name__}.{name}`")
            setattr(owner, name, held[name])
    return replaced


def _is_a_replacement(owner: type | ModuleType, name: str, held: dict[str, object], now: object) -> bool:
    """Whether `now` stands in place of a function: the owner's, or one that a class has from those above it."""
    if (owner, name) == (torch, "Storage"):  # follows the default dtype
        return False
    if name in held:
        is_one = callable(held[name]) or isinstance(held[name], property | staticmethod | classmethod)
        return is_one and not wrapped_by_torch(now, held[name])
    above = [vars(one)[name] for one in owner.__mro__[1:] if name in vars(one)] if isinstance(owner, type) else []
    return bool(above) and callable(now) and not wrapped_by_torch(now, above[0])


def wrapped_by_torch(now: object, original: object) -> bool:
    """Whether `now` is `original` in wrappers that are all PyTorch's own, and so no answer's doing.

    It wraps the `step` of an optimizer's class and `torch.manual_seed` as the first optimizer is made, and
    `_init_group` of all optimizers and the making of modules at the first `torch.compile`, whose own code is enough.
    """
    innermost = inspect.unwrap(original)
    while now is not innermost:
        file = Path(getattr(getattr(now, "__code__", None), "co_filename", ""))
        if file.is_relative_to(_TORCH / "_dynamo"):
            return True
        if not file.is_relative_to(_TORCH) or not hasattr(now, "__wrapped__"):
            return False
        now = now.__wrapped__
    return True


def _where_other(now: object, before: object, restore: Callable[[object], object]) -> None:
    """Restore what an answer has changed, and touch nothing else: some of it is costly to set."""
    if now != before:
        restore(before)
