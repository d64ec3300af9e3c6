"""Threads that an answer has started and left at work: they end with its check."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType

from helpers.course.time_limit import raise_in, take_back, trace_from

_PATIENCE = 1.0  # seconds for a thread to end
_POLITE = 0.25  # of them, before it is taken for one that catches what is to end it
_EVERY = 0.01


@contextmanager
def no_thread_left(is_the_answers: Callable[[str], bool]) -> Iterator[list[str]]:
    """After the block, threads that it has started, and that run an answer's code, are told to end.

    Gives a list that then holds a sentence where there were any. A thread that sleeps or waits in C code ends when it
    wakes up. Threads of libraries, as a pool has them, stay.

    Args:
        is_the_answers: whether the code of this file is an answer's.
    """
    before, told = set(sys._current_frames()), []

    def left() -> list[int]:
        return [
            thread
            for thread, frame in sys._current_frames().items()
            if thread not in before and _runs(frame, is_the_answers)
        ]

    try:
        yield told
    finally:
        count = len(left())
        _end(left)
        if count:
            told.append(_sentence(count, len(left())))


def _runs(frame: FrameType | None, is_the_answers: Callable[[str], bool]) -> bool:
    while frame is not None:
        if is_the_answers(frame.f_code.co_filename):
            return True
        frame = frame.f_back
    return False


def _end(left: Callable[[], list[int]]) -> None:
    """Raise `SystemExit` in each, which ends a thread without a word; where it was caught, a stubborn one."""
    started = time.monotonic()
    while (threads := left()) and (passed := time.monotonic() - started) < _PATIENCE:
        for thread in threads:
            raise_in(thread, SystemExit if passed < _POLITE else _Stubborn)
        time.sleep(_EVERY)
    for thread in left():
        take_back(thread)


class _Stubborn(SystemExit):
    """Python makes it where it is caught, and from there on each step of the thread raises `SystemExit` again."""

    def __init__(self) -> None:
        _trace_from(sys._getframe(1))


def _trace_from(frame: FrameType) -> None:
    trace_from(frame, _at_a_step, again=_trace_from)


def _at_a_step(_: FrameType) -> None:
    raise SystemExit


def _sentence(count: int, still: int) -> str:
    them = "a thread" if count == 1 else f"{count} threads"
    end = f"{still} of them did not end when told to: restart the kernel" if still else "The check has ended it"
    return (
        f"Your code has left {them} at work, which would slow down all that comes after it. {end}: `join()` each "
        "thread that you start."
    )
