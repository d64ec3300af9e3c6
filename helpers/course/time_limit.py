"""A check ends: an answer that never returns, or that catches whatever is to stop it, is stopped all the same."""

from __future__ import annotations

import bdb
import contextlib
import ctypes
import functools
import signal
import sys
import threading
import time
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any, TypeVar

Given = TypeVar("Given")
AtAStep = Callable[[FrameType], None]  # it raises or does nothing

_EVERY = 0.5  # seconds from one attempt to stop an answer to the next
_AT_ONCE = 1e-5  # seconds; a timer of 0 would be none
_FRAMES = 50  # to look for the learner's lines in


class TookTooLong(BaseException):
    """Raised within an answer whose time is over. It is no `Exception`, so that `except Exception` lets it by."""


class TimeLimit:
    """Calls a function, and stops it once its `seconds` are over, or where somebody presses Ctrl+C.

    The first attempt is an exception. An answer may catch that one (`except BaseException`, a bare `except`, a
    `return` in a `finally`). So each further attempt also traces the answer's code, and raises once more at its next
    line, which is the first of the `except` that caught the attempt, and again in the one around that.

    In the main thread it is the alarm clock of the system that raises, also while an answer sleeps or waits. In any
    other thread, on Windows, and where an answer has turned the alarm off, a second thread raises, and a sleep ends
    first. Out of reach are one call of C code that never returns (`sum(itertools.count())`), and what ends or stops
    the whole process: `os._exit`, `os.abort`, a crash, no memory left. While a debugger is at work, nothing is stopped.

    Attributes:
        expired: the time was over before the function was.
        caught: how many attempts to stop it the function has caught, as far as the alarm clock has seen.
        interrupted: somebody has pressed Ctrl+C, or interrupted the kernel.
        was_at: the innermost frames as the alarm clock first rang; empty where it did not.
    """

    def __init__(self, seconds: float, is_the_answers: Callable[[str], bool]):
        """
        Args:
            seconds: the function is stopped then.
            is_the_answers: whether the code of this file is the answer's. Only such code is traced, and what it calls.
        """
        self.seconds = seconds
        self.expired = self.interrupted = False
        self.caught = 0
        self.was_at: list[traceback.FrameSummary] = []
        self._is_the_answers = is_the_answers
        self._boundary: FrameType | None = None  # the frame around the function: nothing beyond it is stopped
        self._attempts, self._rings = 0, 0
        self._alarm_is_set = False
        self._is_over, self._over, self._turn = False, threading.Lock(), threading.Lock()

    def call(self, function: Callable[..., Given], *arguments: object) -> Given:
        """What the function gives back; look at `expired` and `interrupted` first, whatever it raises or gives.

        Raises:
            TookTooLong: it was stopped, and did not catch that.
            BaseException: what it raises itself.
        """
        self._deadline = time.monotonic() + self.seconds
        self._tracing_before = sys.gettrace()
        try:
            with self._watched_from_outside(), self._alarm_clock(), self._ctrl_c_noted():
                return self._within(function, arguments)
        finally:
            self._leave()

    def _within(self, function: Callable[..., Given], arguments: tuple[object, ...]) -> Given:
        self._boundary = sys._getframe()
        try:
            return function(*arguments)
        finally:
            self._leave()

    def _leave(self) -> None:
        """From here on nothing is stopped any more."""
        self._boundary = None
        sys.settrace(self._tracing_before)

    # The alarm clock ------------------------------------------------------------------------------

    @contextmanager
    def _alarm_clock(self) -> Iterator[None]:
        """Within the block the system's timer raises; after it an earlier timer goes on, with its handler."""
        if not _can_set_alarms():
            yield
            return
        handler = signal.signal(signal.SIGALRM, self._when_it_rings)
        left, interval = signal.setitimer(signal.ITIMER_REAL, self.seconds, _EVERY)
        started = time.monotonic()
        self._alarm_is_set = True
        try:
            yield
        finally:
            self._alarm_is_set = False
            signal.setitimer(signal.ITIMER_REAL, 0)
            signal.signal(signal.SIGALRM, handler)
            if left:
                signal.setitimer(signal.ITIMER_REAL, max(left - (time.monotonic() - started), _AT_ONCE), interval)

    def _when_it_rings(self, number: int, frame: FrameType | None) -> None:
        """The first ring stops whatever runs, later ones the answer: a check may be putting things back meanwhile."""
        if _is_of_this_file(frame):
            return  # it is being stopped; the next ring is near
        anything = self._rings % 4 == 0
        self._rings += 1
        if self._is_within(frame, of_the_answer=not anything) and not _is_debugged(frame):
            self._stop(frame)

    def _stop(self, frame: FrameType | None) -> None:
        self.expired = self.expired or not self.interrupted
        self.caught = self._attempts
        self._attempts += 1
        if self.caught:
            self._trace_from(frame)
        else:
            self.was_at = traceback.extract_stack(frame, limit=_FRAMES)
        raise self._reason()

    def _reason(self) -> BaseException:
        return KeyboardInterrupt() if self.interrupted else TookTooLong()

    # The tracing ----------------------------------------------------------------------------------

    def _trace_from(self, frame: FrameType | None) -> None:
        """Each line of the function that runs from now on meets `_at_a_line`, in whichever of its frames."""
        if self._is_within(frame, of_the_answer=True):
            trace_from(frame, self._at_a_line, up_to=self._boundary, again=self._trace_from)

    def _at_a_line(self, frame: FrameType) -> None:
        if self._is_within(frame, of_the_answer=True):
            raise self._reason()

    def _is_within(self, frame: FrameType | None, *, of_the_answer: bool) -> bool:
        """Whether this frame is one of the function's; with `of_the_answer`, one that code of the answer has called."""
        its_own = False
        while frame is not None and self._boundary is not None:
            if frame is self._boundary:
                return its_own or not of_the_answer
            its_own = its_own or self._is_the_answers(frame.f_code.co_filename)
            frame = frame.f_back
        return False

    # Ctrl+C ---------------------------------------------------------------------------------------

    @contextmanager
    def _ctrl_c_noted(self) -> Iterator[None]:
        """Within the block Ctrl+C does what it did before, and an answer that catches it is stopped again."""
        before = signal.getsignal(signal.SIGINT)
        if threading.current_thread() is not threading.main_thread() or not callable(before):
            yield
            return

        def pressed(number: int, frame: FrameType | None) -> None:
            try:
                before(number, frame)
            except BaseException:
                self.interrupted, self._deadline = True, time.monotonic()
                self._attempts += 1
                if self._alarm_is_set:
                    signal.setitimer(signal.ITIMER_REAL, _EVERY, _EVERY)
                raise

        signal.signal(signal.SIGINT, pressed)
        try:
            yield
        finally:
            signal.signal(signal.SIGINT, before)

    # From outside ---------------------------------------------------------------------------------

    @contextmanager
    def _watched_from_outside(self) -> Iterator[None]:
        """Within the block a second thread raises in this one, where the alarm clock is not there or does not help."""
        self._over.acquire()
        watch = threading.Thread(target=self._watch, args=(threading.get_ident(),), daemon=True)
        watch.start()
        try:
            yield
        finally:
            self._dismiss_the_watch()
            watch.join(_EVERY)  # who counts threads after a check finds none of its own

    def _watch(self, thread: int) -> None:
        while not self._over.acquire(timeout=_EVERY / 10 if self.expired else _EVERY / 2):
            late = time.monotonic() - self._deadline
            if late < (4 * _EVERY if self._alarm_is_set else 0) or _is_debugged(sys._current_frames().get(thread)):
                continue
            with self._turn:
                if not self._is_over and self._boundary is not None:
                    self.expired = self.expired or not self.interrupted
                    raise_in(thread, self._kind_that_traces())

    def _kind_that_traces(self) -> type[BaseException]:
        """Python makes an object of this class in the thread that is stopped, where it is caught: there it traces."""
        trace, kind = self._trace_from, type(self._reason())
        return type(kind.__name__, (kind,), {"__init__": lambda error: trace(sys._getframe(1))})

    def _dismiss_the_watch(self) -> None:
        """What the watch has raised and has not arrived yet arrives here, and is no news any more."""
        while not self._is_over:
            try:
                with self._turn:
                    self._is_over = True
                _at_the_next_call()
            except (TookTooLong, KeyboardInterrupt):
                if not self.expired and not self.interrupted:
                    raise
        self._over.release()


def trace_from(
    frame: FrameType | None, at_a_step: AtAStep, *, up_to: FrameType | None = None, again: Callable[[FrameType], None]
) -> None:
    """`at_a_step` is called at each step of this thread from now on, in this frame and those around it up to `up_to`.

    Steps are lines and opcodes, but those of this file.

    Args:
        again: called with the frame that runs where Python has stopped to trace, because `at_a_step` has raised there.
    """

    def tracer() -> _Traces:
        return _Traces(at_a_step, again)

    while frame is not None and frame is not up_to:
        if not isinstance(frame.f_trace, _Traces):
            frame.f_trace, frame.f_trace_opcodes = tracer(), True
        frame = frame.f_back
    sys.settrace(functools.partial(_into, tracer))


def _into(tracer: Callable[[], _Traces], frame: FrameType, event: str, _: object) -> _Traces | None:
    """A frame that begins is traced, but those here: to trace what begins to trace has no end."""
    if _is_of_this_file(frame):
        return None
    frame.f_trace_opcodes = True
    return tracer()


def _at(a_step: AtAStep, frame: FrameType, event: str, _: object) -> None:
    # Where Python enters an `except` there is no line, and no traceback could name the place.
    if event in ("line", "opcode") and frame.f_lineno is not None and not _is_of_this_file(frame):
        a_step(frame)


class _Traces(functools.partial):
    """Traces one frame. Python lets go of it where it has raised, and so it learns that it has to begin again there.

    It is a `partial`, and no class with a `__call__` of ours, whose `self` the traceback would hold on to.
    """

    def __new__(cls, at_a_step: AtAStep, again: Callable[[FrameType], None]) -> _Traces:
        traces = super().__new__(cls, _at, at_a_step)
        traces.again, traces.thread = again, threading.get_ident()
        return traces

    def __del__(self) -> None:
        # Where tracing goes on, its frame has ended. A frame that a traceback has kept may end in another thread.
        if sys.gettrace() is None and threading.get_ident() == self.thread:
            self.again(sys._getframe(1))


def raise_in(thread: int, kind: type[BaseException]) -> None:
    """Raise an exception of this kind in a thread, at its next call or turn of a loop in Python.

    Where it waits in C code, that is when it wakes up. Until then all threads are slower, and Python 3.11 hangs when
    one of them is traced: `take_back` ends that.
    """
    ctypes.pythonapi.PyThreadState_SetAsyncExc(ctypes.c_ulong(thread), ctypes.py_object(kind))


def take_back(thread: int) -> None:
    """Take back what was raised in a thread and has not arrived there yet.

    Python notes that an exception is on its way to some thread until one arrives in any: so one is sent here.
    """
    ctypes.pythonapi.PyThreadState_SetAsyncExc(ctypes.c_ulong(thread), None)
    with contextlib.suppress(_Arrived):
        raise_in(threading.get_ident(), _Arrived)
        _at_the_next_call()


class _Arrived(BaseException):
    """Nothing but a proof that what is raised in a thread arrives there."""


def _at_the_next_call() -> None:
    """Does nothing: what was raised in this thread arrives where a function begins."""


def _can_set_alarms() -> bool:
    """Whether this is the main thread of a system with timers, and nobody but Python handles their signal."""
    in_main_thread = threading.current_thread() is threading.main_thread()
    return in_main_thread and hasattr(signal, "setitimer") and signal.getsignal(signal.SIGALRM) is not None


def _is_of_this_file(frame: FrameType | None) -> bool:
    return frame is not None and frame.f_code.co_filename == __file__


def _is_debugged(frame: Any) -> bool:
    """Whether a debugger waits for commands: it takes as long as the learner likes."""
    while frame is not None:
        if frame.f_code.co_filename == bdb.__file__:
            return True
        frame = frame.f_back
    return False
