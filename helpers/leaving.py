"""The end of a program that has loaded PyTorch."""

from __future__ import annotations

import os
import sys
from typing import NoReturn


def leave(status: int) -> NoReturn:
    """End this process here and now, what it has printed written out.

    `sys.exit` would let Python take apart all that PyTorch has loaded, object by object: more than a second, in which
    whoever waits for the process waits as well. Functions registered with `atexit` are not called.
    """
    for stream in (sys.stdout, sys.stderr):
        if stream is not None:  # None where it was closed before the start
            stream.flush()
    os._exit(status)
