"""How much an answer may use, and what watches from outside that it does not use more."""

from __future__ import annotations

import contextlib
import os
import resource
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import psutil

from helpers.grading.tasks import TOO_LARGE, TOO_LONG

_MB = 1_000_000
_LOOK_EVERY = 0.1  # seconds between two looks from outside


@dataclass(frozen=True)
class Limits:
    """What one exercise may use.

    `seconds` are counted twice: those that it computes, and those that it only waits. On a busy machine an answer
    gets its turn later, and that is not its fault: the clock on the wall counts ten times as much.
    """

    seconds: float = 60
    memory_mb: int = 4000
    written_mb: int = 200  # in its folder, and in any one file
    processes: int = 16
    open_files: int = 256


def confine(limits: Limits) -> None:
    """Set what the system itself holds this process to, and all that it starts. Cannot be undone by them."""
    seconds = round(limits.seconds) + 5  # the look from outside comes first, and says more
    for what, most in (
        (resource.RLIMIT_CPU, seconds),
        (resource.RLIMIT_CORE, 0),
        (resource.RLIMIT_FSIZE, limits.written_mb * _MB),
        (resource.RLIMIT_NOFILE, limits.open_files),
        (resource.RLIMIT_DATA, 3 * limits.memory_mb * _MB),  # for what takes it all between two looks
    ):
        _, hard = resource.getrlimit(what)
        least = most if hard == resource.RLIM_INFINITY else min(most, hard)
        resource.setrlimit(what, (least, least))


class Watch:
    """Looks at a process and all that it has started, and says what it uses too much of."""

    def __init__(self, pid: int, limits: Limits, folder: Path, clock: Callable[[], float] = time.monotonic):
        self._process, self._limits, self._folder, self._clock = psutil.Process(pid), limits, folder, clock
        self._started = self._last = clock()
        self._waited = 0.0
        self._own_before = _memory_mb([self._process])  # what it shares with the process that it was forked from

    def excess(self) -> tuple[str, str] | None:
        """The outcome and its reason once it uses too much; None where it does not, or is gone. Cheap to ask often."""
        now = self._clock()
        if now - self._last < _LOOK_EVERY:
            return None
        passed, self._last = now - self._last, now
        with contextlib.suppress(psutil.NoSuchProcess, psutil.ZombieProcess):
            family = [self._process, *self._process.children(recursive=True)]
            return self._too_long(family, passed) or self._too_large(family)
        return None

    def _too_long(self, family: list[psutil.Process], passed: float) -> tuple[str, str] | None:
        most = self._limits.seconds
        if all(_is_idle(one) for one in family):
            self._waited += passed
        if sum(map(_computed, family)) > most:
            return TOO_LONG, f"It computed for more than {most:g} s without an end."
        if self._waited > most:
            return TOO_LONG, f"It waited for more than {most:g} s without an end."
        if self._last - self._started > 10 * most:
            return TOO_LONG, f"It took more than {10 * most:g} s."
        return None

    def _too_large(self, family: list[psutil.Process]) -> tuple[str, str] | None:
        limits = self._limits
        if len(family) > limits.processes:
            return TOO_LARGE, f"It started more than {limits.processes} processes."
        if _memory_mb(family) - self._own_before > limits.memory_mb:
            return TOO_LARGE, f"It took more than {limits.memory_mb} MB of memory."
        if _written_mb(self._folder) > limits.written_mb:
            return TOO_LARGE, f"It wrote more than {limits.written_mb} MB."
        return None


def _is_idle(process: psutil.Process) -> bool:
    with contextlib.suppress(psutil.Error):
        return process.status() in (psutil.STATUS_SLEEPING, psutil.STATUS_STOPPED, psutil.STATUS_IDLE)
    return True


def _computed(process: psutil.Process) -> float:
    with contextlib.suppress(psutil.Error):
        times = process.cpu_times()
        return times.user + times.system + getattr(times, "children_user", 0.0) + getattr(times, "children_system", 0.0)
    return 0.0


def _memory_mb(family: list[psutil.Process]) -> float:
    total = 0
    for process in family:
        with contextlib.suppress(psutil.Error):
            total += process.memory_info().rss
    return total / _MB


def _written_mb(folder: Path) -> float:
    total = 0
    for path, _, files in os.walk(folder):
        for name in files:
            with contextlib.suppress(OSError):  # gone meanwhile
                total += (Path(path) / name).lstat().st_size
    return total / _MB
