"""Imports in less time: until PyTorch is loaded, garbage is collected seldom.

A kernel of the course's environment loads this as it starts (`etc/ipython/ipython_kernel_config.py`). The imports of a
lesson make some 350,000 objects that all stay, and Python looks through them for garbage again and again meanwhile:
about a seventh of the time of `import torch, torchvision` (PyTorch 2.15, Python 3.11).
"""

from __future__ import annotations

import gc
import sys
from typing import Any

SELDOM = (50_000, 20, 20)  # for `gc.set_threshold`


def load_ipython_extension(shell: Any) -> None:
    """Collect seldom, and as usual again after the first cell that has loaded PyTorch."""
    if "torch" in sys.modules:
        return
    usual = gc.get_threshold()
    gc.set_threshold(*SELDOM)

    def as_usual(_: Any) -> None:
        if "torch" not in sys.modules:
            return
        shell.events.unregister("post_run_cell", as_usual)
        if gc.get_threshold() == SELDOM:  # else someone has set it meanwhile
            gc.set_threshold(*usual)

    shell.events.register("post_run_cell", as_usual)
