"""nbval runs each lesson as it ships: here that run is held to the lesson's contract, in seconds and in memory."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Iterator

import pytest
from nbval.plugin import IPyNbCell, IPyNbFile

from helpers.course.lessons import Contract, all_lessons
from helpers.course.peak_memory import PeakMemory

# A contract is for a lesson that has two cores to itself. Beside another worker it has one.
SHARE = 2 if int(os.environ.get("PYTEST_XDIST_WORKER_COUNT", "1")) > 1 else 1

_EVERY = 0.2  # seconds between two looks at the memory
_seconds: dict[IPyNbFile, float] = {}
_peak: dict[IPyNbFile, int] = {}  # bytes, of the kernel and its children
_last: dict[IPyNbFile, IPyNbCell] = {}


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    _last.update({item.parent: item for item in items if isinstance(item, IPyNbCell)})


@pytest.hookimpl(wrapper=True)
def pytest_runtest_setup(item: pytest.Item) -> Iterator[None]:
    """The kernel starts in the first cell's."""
    result = yield from _timed(item)
    if isinstance(item, IPyNbCell) and item.parent not in _peak:
        _peak[item.parent] = 0
        threading.Thread(target=_watch, args=(item.parent,), daemon=True).start()
    return result


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item: pytest.Item) -> Iterator[None]:
    result = yield from _timed(item)
    if isinstance(item, IPyNbCell) and item is _last[item.parent]:
        _hold_to_contract(item.parent)
    return result


def _timed(item: pytest.Item) -> Iterator[None]:
    started = time.perf_counter()
    try:
        return (yield)
    finally:
        if isinstance(item, IPyNbCell):
            _seconds[item.parent] = _seconds.get(item.parent, 0.0) + time.perf_counter() - started


def _watch(notebook: IPyNbFile) -> None:
    """Keep the most that the kernel and its children held, until the kernel is gone."""
    peak = PeakMemory(notebook.kernel.km.provisioner.pid)
    while peak.look():
        _peak[notebook] = peak.bytes
        time.sleep(_EVERY)


def _hold_to_contract(notebook: IPyNbFile) -> None:
    """Called when its last cell has run, while its kernel is still there."""
    promised = next((one.contract() for one in all_lessons() if one.path == notebook.path), None)
    if promised is not None:
        broken = kept(promised, _seconds[notebook], _peak[notebook] / 2**20, SHARE)
        assert not broken, broken


def kept(promised: Contract, seconds: float, peak_mb: float, share: int) -> str:
    """What of the contract was not kept, in words; nothing where it was."""
    told = []
    if seconds > promised.seconds * share:
        told.append(f"it took {seconds:.0f} s, and at most {promised.seconds * share} s are promised here")
    if peak_mb > promised.peak_mb:
        told.append(f"it took {peak_mb:,.0f} MB, and at most {promised.peak_mb:,} MB are promised")
    return "; ".join(told)
