"""What belongs to the whole process: a check begins in the same state each time, and gives the notebook's back."""

from __future__ import annotations

import contextlib
import decimal
import gc
import locale
import logging
import multiprocessing
import os
import random
import signal
import socket
import sys
import tempfile
import threading
import warnings
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image, ImageFile
from torch.nn.modules import module as of_all_modules
from torch.nn.utils import parametrize
from torch.optim import optimizer as of_all_optimizers


@dataclass(frozen=True)
class Setting:
    """One thing that is set for the whole process: how to look it up, and how to put back what was found."""

    name: str
    get: Callable[[], Any]
    put_back: Callable[[Any], object]


@contextmanager
def own_process_state() -> Iterator[None]:
    """Within the block: seed 0, gradients on, float32. After it all of `SETTINGS` is as it was, whatever an answer set.

    Not put back: a GPU's random state (checks run on the CPU), what lies on disk, and what a library keeps to itself.
    """
    with ExitStack() as after:
        for setting in reversed(SETTINGS):
            after.callback(setting.put_back, setting.get())
        _begin()
        yield


def _begin() -> None:
    random.seed(0)
    np.random.seed(0)
    torch.default_generator.manual_seed(0)
    torch.set_default_dtype(torch.float32)
    torch.set_grad_enabled(True)


# How some of them are put back ---------------------------------------------------------------------


def _where_other(get: Callable[[], Any], put_back: Callable[[Any], object]) -> Callable[[Any], object]:
    """Put back what is another one now, and touch nothing else: some of it is costly to set, or warns."""
    return lambda before: None if get() == before else put_back(before)


def _attributes(owner: object, *names: str) -> tuple[Callable[[], Any], Callable[[Any], object]]:
    """`get` and `put_back` for plain attributes of a module, or of another object that is always there."""
    return (
        lambda: [getattr(owner, name) for name in names],
        lambda before: [setattr(owner, name, value) for name, value in zip(names, before, strict=True)],
    )


def _contents(owner: object, *names: str) -> tuple[Callable[[], Any], Callable[[Any], object]]:
    """The same for attributes that are lists or dicts: the object itself, and what is in it, in its order."""

    def put_back(before: list[tuple[Any, Any]]) -> None:
        for name, (held, copied) in zip(names, before, strict=True):
            held.clear()
            held.extend(copied) if isinstance(held, list) else held.update(copied)
            setattr(owner, name, held)

    return lambda: [(getattr(owner, name), getattr(owner, name).copy()) for name in names], put_back


def _context(enter: Callable[[], Any]) -> tuple[Callable[[], Any], Callable[[Any], object]]:
    """The same for what has a context manager of its own."""

    def get() -> Any:
        context = enter()
        context.__enter__()
        return context

    return get, lambda context: context.__exit__(None, None, None)


def _put_environment_back(before: dict[str, str]) -> None:
    for name in os.environ.keys() - before.keys():
        del os.environ[name]
    for name, value in before.items():
        if os.environ.get(name) != value:
            os.environ[name] = value


def _folder() -> Path | None:
    with contextlib.suppress(FileNotFoundError):  # somebody has removed it, and Python cannot name it any more
        return Path.cwd()
    return None


def _return_to(folder: Path | None) -> None:
    """An answer may have removed the folder as well: it is made anew, empty, or nothing could be read or written."""
    if folder is not None:
        folder.mkdir(parents=True, exist_ok=True)
        os.chdir(folder)


def _loaded_modules() -> dict[str, Any]:
    return dict(sys.modules)


def _put_modules_back(before: dict[str, Any]) -> None:
    """What an answer was the first to import stays: Python would load it a second time, beside the first."""
    sys.modules.update(before)


def _start_by(method: str | None) -> None:
    multiprocessing.set_start_method(method, force=True)


def _signal_handlers() -> dict[int, Any]:
    return {number: signal.getsignal(number) for number in signal.valid_signals()}


def _put_handlers_back(before: dict[int, Any]) -> None:
    if threading.current_thread() is not threading.main_thread():
        return  # no other thread can set one, and so no answer that runs there
    for number, handler in before.items():
        if handler is not None and signal.getsignal(number) is not handler:
            signal.signal(number, handler)


def _timers() -> dict[int, tuple[float, float]]:
    names = [name for name in ("ITIMER_VIRTUAL", "ITIMER_PROF") if hasattr(signal, name)]
    return {getattr(signal, name): signal.getitimer(getattr(signal, name)) for name in names}


def _put_timers_back(before: dict[int, tuple[float, float]]) -> None:
    for which, (left, interval) in before.items():
        signal.setitimer(which, left, interval)


def _autocast() -> list[tuple[str, bool, torch.dtype]]:
    kinds = ("cpu", "cuda")
    return [(kind, torch.is_autocast_enabled(kind), torch.get_autocast_dtype(kind)) for kind in kinds]


def _put_autocast_back(before: list[tuple[str, bool, torch.dtype]]) -> None:
    for kind, enabled, dtype in before:
        torch.set_autocast_enabled(kind, enabled)
        torch.set_autocast_dtype(kind, dtype)


def _autocast_depth() -> int:
    depth = torch.autocast_increment_nesting() - 1
    torch.autocast_decrement_nesting()
    return depth


def _put_autocast_depth_back(before: int) -> None:
    while _autocast_depth() > before:
        torch.autocast_decrement_nesting()


def _leave_modes(before: int) -> None:
    """Modes are stacked: those that lie on top of the ones from before were entered and never left."""
    while torch._C._len_torch_function_stack() > before:
        torch._C._pop_torch_function_stack()


def _rc_params() -> dict[str, Any] | None:
    """Matplotlib's settings but for its backend, as `rc_context` has it; None where nobody has loaded it yet."""
    if "matplotlib" not in sys.modules:
        return None
    params = dict(sys.modules["matplotlib"].rcParams.copy())
    del params["backend"]
    return params


def _put_rc_params_back(before: dict[str, Any] | None) -> None:
    """Where an answer was the first to load matplotlib: its settings as it was loaded."""
    if before is not None:
        dict.update(sys.modules["matplotlib"].rcParams, before)
    elif "matplotlib" in sys.modules:
        sys.modules["matplotlib"].rc_file_defaults()


def _open_figures() -> list[int]:
    return sys.modules["matplotlib.pyplot"].get_fignums() if "matplotlib.pyplot" in sys.modules else []


def _close_new_figures(before: list[int]) -> None:
    for number in _open_figures():
        if number not in before:
            sys.modules["matplotlib.pyplot"].close(number)


def _print_options() -> dict[str, Any]:
    return dict(vars(torch._tensor_str.PRINT_OPTS))


_HOOKS = [name for name, held in vars(of_all_modules).items() if name.startswith("_global_") and isinstance(held, dict)]
_OPTIMIZER_HOOKS = [name for name, held in vars(of_all_optimizers).items() if name.startswith("_global_optimizer_")]

# The list ------------------------------------------------------------------------------------------

# In the order in which it is put back.
SETTINGS = (
    # Python's own
    Setting("recursion limit", sys.getrecursionlimit, sys.setrecursionlimit),
    Setting("loaded modules", _loaded_modules, _put_modules_back),
    Setting("trace function", sys.gettrace, sys.settrace),
    Setting("profile function", sys.getprofile, sys.setprofile),
    Setting("thread switch interval", sys.getswitchinterval, sys.setswitchinterval),
    Setting("where modules are searched", *_contents(sys, "path", "meta_path", "path_hooks")),
    Setting("program arguments", *_contents(sys, "argv")),
    Setting("standard streams", *_attributes(sys, "stdin", "stdout", "stderr")),
    Setting("what Python calls at a result and at an error", *_attributes(sys, "displayhook", "excepthook")),
    Setting("what Python calls at an error that cannot be raised", *_attributes(sys, "unraisablehook")),
    Setting("garbage collection", gc.isenabled, lambda on: gc.enable() if on else gc.disable()),
    Setting("when garbage is collected", gc.get_threshold, lambda counts: gc.set_threshold(*counts)),
    Setting("what is called at a collection", *_contents(gc, "callbacks")),
    Setting("warning filters", *_context(warnings.catch_warnings)),
    Setting("log handlers", *_contents(logging.root, "handlers", "filters")),
    Setting("log level", *_attributes(logging.root, "level", "disabled")),
    Setting("levels that are not logged", *_attributes(logging.root.manager, "disable")),
    Setting("decimal numbers", lambda: decimal.getcontext().copy(), decimal.setcontext),
    Setting("locale", lambda: locale.setlocale(locale.LC_ALL), lambda one: locale.setlocale(locale.LC_ALL, one)),
    Setting("how processes are started", lambda: multiprocessing.get_start_method(allow_none=True), _start_by),
    Setting("network timeout", socket.getdefaulttimeout, socket.setdefaulttimeout),
    # The system's
    Setting("environment", lambda: dict(os.environ), _put_environment_back),
    Setting("working folder", _folder, _return_to),
    Setting("folder for temporary files", *_attributes(tempfile, "tempdir")),
    Setting("signal handlers", _signal_handlers, _put_handlers_back),
    Setting("timers", _timers, _put_timers_back),
    # Random states
    Setting("Python's random state", random.getstate, random.setstate),
    Setting("numpy's random state", np.random.get_state, np.random.set_state),
    Setting("torch's random state", torch.default_generator.get_state, torch.default_generator.set_state),
    # PyTorch's
    Setting("functions that stand in for torch's", torch._C._len_torch_function_stack, _leave_modes),
    Setting("default dtype", torch.get_default_dtype, torch.set_default_dtype),
    Setting(
        "default device", torch.get_default_device, _where_other(torch.get_default_device, torch.set_default_device)
    ),
    Setting("number of threads", torch.get_num_threads, _where_other(torch.get_num_threads, torch.set_num_threads)),
    Setting(
        "deterministic algorithms",
        torch.get_deterministic_debug_mode,
        _where_other(torch.get_deterministic_debug_mode, torch.set_deterministic_debug_mode),
    ),
    Setting("what new memory holds", *_attributes(torch.utils.deterministic, "fill_uninitialized_memory")),
    Setting("precision of matrix products", torch.get_float32_matmul_precision, torch.set_float32_matmul_precision),
    Setting("cuDNN", *_attributes(torch.backends.cudnn, "enabled", "benchmark", "deterministic")),
    Setting("oneDNN", *_attributes(torch.backends.mkldnn, "enabled")),
    Setting("fast path of attention", torch.backends.mha.get_fastpath_enabled, torch.backends.mha.set_fastpath_enabled),
    Setting(
        "anomaly mode",
        lambda: (torch.is_anomaly_enabled(), torch.is_anomaly_check_nan_enabled()),
        lambda both: torch.set_anomaly_enabled(*both),
    ),
    Setting("autocast", _autocast, _put_autocast_back),
    Setting("autocast's cache", torch.is_autocast_cache_enabled, torch.set_autocast_cache_enabled),
    Setting("open autocast blocks", _autocast_depth, _put_autocast_depth_back),
    Setting("hooks for all modules", *_contents(of_all_modules, *_HOOKS)),
    Setting("kind of backward hooks", *_attributes(of_all_modules, "_global_is_full_backward_hook")),
    Setting("hooks for all optimizers", *_contents(of_all_optimizers, *_OPTIMIZER_HOOKS)),
    Setting("cached parametrizations", *_attributes(parametrize, "_cache_enabled")),
    Setting("print options", _print_options, vars(torch._tensor_str.PRINT_OPTS).update),
    # Other libraries'
    Setting("numpy's print options", np.get_printoptions, lambda options: np.set_printoptions(**options)),
    Setting("numpy's floating-point errors", np.geterr, lambda errors: np.seterr(**errors)),
    Setting("limits of Pillow", *_attributes(Image, "MAX_IMAGE_PIXELS")),
    Setting("truncated photos", *_attributes(ImageFile, "LOAD_TRUNCATED_IMAGES")),
    Setting("matplotlib's settings", _rc_params, _put_rc_params_back),
    Setting("open figures", _open_figures, _close_new_figures),
    # Last, and so looked up first: to enter its block turns gradients on
    Setting("grad mode", torch.is_grad_enabled, torch.set_grad_enabled),
    Setting("inference mode", *_context(lambda: torch.inference_mode(False))),
)
