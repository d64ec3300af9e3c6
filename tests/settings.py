"""What is set for the whole process, as text to compare, and for each setting a change that an answer may make."""

from __future__ import annotations

import decimal
import gc
import io
import locale
import logging
import multiprocessing
import os
import random
import signal
import socket
import statistics
import sys
import tempfile
import warnings

import matplotlib
import matplotlib.pyplot as plt
import numpy as np
import torch
from PIL import Image, ImageFile
from torch.nn.modules import module as of_all_modules
from torch.nn.utils import parametrize
from torch.optim import optimizer as of_all_optimizers

from helpers.course.process_state import SETTINGS

_KEPT: list[object] = []  # what would end with the object


def what_is_set() -> dict[str, str]:
    """Each of `SETTINGS`; where looking it up enters a context, what that context sets."""
    own = {
        "environment": lambda: sorted(os.environ.items()),  # it has no order
        "loaded modules": lambda: sys.modules.get("statistics") is statistics,
        "warning filters": lambda: (warnings.filters, warnings.showwarning),
        "inference mode": torch.is_inference_mode_enabled,
    }
    return {one.name: _text(own.get(one.name, one.get)()) for one in SETTINGS}


def _text(value: object) -> str:
    if isinstance(value, torch.Tensor | np.ndarray):
        return repr(value.tolist())
    if isinstance(value, list | tuple):
        return f"[{', '.join(map(_text, value))}]"
    return repr(value)


def _enter(context: object) -> None:
    _KEPT.append(context)
    context.__enter__()


class _NoOther(torch.overrides.TorchFunctionMode):
    def __torch_function__(self, function, types, args=(), kwargs=None):
        return function(*args, **(kwargs or {}))


def _ignore(*_: object) -> None:
    return None


def _set(owner: object, **attributes: object) -> None:
    for name, value in attributes.items():
        setattr(owner, name, value)


# By the name of the setting.
CHANGES = {
    "recursion limit": lambda: sys.setrecursionlimit(5000),
    "loaded modules": lambda: sys.modules.pop("statistics"),
    "trace function": lambda: sys.settrace(_ignore),
    "profile function": lambda: sys.setprofile(_ignore),
    "thread switch interval": lambda: sys.setswitchinterval(0.05),
    "where modules are searched": lambda: _set(sys, path=[*sys.path, "/nowhere"], path_hooks=[]),
    "program arguments": lambda: sys.argv.append("mine"),
    "standard streams": lambda: _set(sys, stdout=io.StringIO(), stdin=None),
    "what Python calls at a result and at an error": lambda: _set(sys, displayhook=_ignore, excepthook=_ignore),
    "what Python calls at an error that cannot be raised": lambda: _set(sys, unraisablehook=_ignore),
    "garbage collection": lambda: gc.disable() if gc.isenabled() else gc.enable(),
    "when garbage is collected": lambda: gc.set_threshold(5000, 5, 5),
    "what is called at a collection": lambda: gc.callbacks.append(_ignore),
    "warning filters": lambda: warnings.filterwarnings("ignore", "mine"),
    "log handlers": lambda: logging.root.addHandler(logging.NullHandler()),
    "log level": lambda: logging.root.setLevel(3),
    "levels that are not logged": lambda: logging.disable(3),
    "decimal numbers": lambda: _set(decimal.getcontext(), prec=3),
    "locale": lambda: locale.setlocale(locale.LC_ALL, "C"),
    "how processes are started": lambda: multiprocessing.set_start_method("spawn", force=True),
    "network timeout": lambda: socket.setdefaulttimeout(7.0),
    "environment": lambda: (os.environ.pop("PATH"), os.environ.update(MINE="1")),
    "working folder": lambda: os.chdir("/"),
    "folder for temporary files": lambda: _set(tempfile, tempdir="/nowhere"),
    "signal handlers": lambda: signal.signal(signal.SIGTERM, signal.SIG_IGN),
    "timers": lambda: signal.setitimer(signal.ITIMER_VIRTUAL, 1000),
    "Python's random state": random.random,
    "numpy's random state": np.random.rand,
    "torch's random state": lambda: torch.default_generator.manual_seed(77),
    "functions that stand in for torch's": lambda: _enter(_NoOther()),
    "default dtype": lambda: torch.set_default_dtype(torch.float64),
    "default device": lambda: torch.set_default_device("meta"),
    "number of threads": lambda: torch.set_num_threads(torch.get_num_threads() + 1),
    "deterministic algorithms": lambda: torch.use_deterministic_algorithms(True),
    "what new memory holds": lambda: _set(torch.utils.deterministic, fill_uninitialized_memory=False),
    "precision of matrix products": lambda: torch.set_float32_matmul_precision("medium"),
    "cuDNN": lambda: _set(torch.backends.cudnn, benchmark=True, deterministic=True),
    "oneDNN": lambda: _set(torch.backends.mkldnn, enabled=False),
    "fast path of attention": lambda: torch.backends.mha.set_fastpath_enabled(False),
    "anomaly mode": lambda: torch.autograd.set_detect_anomaly(True),
    "autocast": lambda: _enter(torch.autocast("cpu", torch.bfloat16)),
    "autocast's cache": lambda: torch.set_autocast_cache_enabled(False),
    "open autocast blocks": torch.autocast_increment_nesting,
    "hooks for all modules": lambda: of_all_modules.register_module_forward_hook(_ignore),
    "kind of backward hooks": lambda: of_all_modules.register_module_full_backward_hook(_ignore),
    "hooks for all optimizers": lambda: of_all_optimizers.register_optimizer_step_pre_hook(_ignore),
    "cached parametrizations": lambda: _set(parametrize, _cache_enabled=1),
    "print options": lambda: torch.set_printoptions(precision=1, sci_mode=True),
    "numpy's print options": lambda: np.set_printoptions(precision=1),
    "numpy's floating-point errors": lambda: np.seterr(all="raise"),
    "limits of Pillow": lambda: _set(Image, MAX_IMAGE_PIXELS=None),
    "truncated photos": lambda: _set(ImageFile, LOAD_TRUNCATED_IMAGES=True),
    "matplotlib's settings": lambda: matplotlib.rcParams.update({"lines.linewidth": 7}),
    "open figures": plt.figure,
    "grad mode": lambda: torch.set_grad_enabled(False),
    "inference mode": lambda: _enter(torch.inference_mode()),
}
