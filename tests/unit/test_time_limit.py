"""A time limit ends what never ends, and what catches all that is to end it."""

from __future__ import annotations

import contextlib
import linecache
import os
import signal
import sys
import threading
import time

import pytest

from helpers.course.time_limit import TimeLimit, TookTooLong

SECONDS = 0.2
# From the limit to the end of the most stubborn answer; the machine may be busy.
PATIENCE = 20.0
CAUGHT = 3  # attempts; it is one, and on a busy machine the alarm may ring where nothing can be stopped


def of_the_answer(filename: str) -> bool:
    return filename.startswith("<answer")


def typed(source: str):
    """The function `f` of this source, whose lines a traceback can show."""
    linecache.cache["<answer>"] = (len(source), None, source.splitlines(keepends=True), "<answer>")
    names = {"contextlib": contextlib, "signal": signal, "sys": sys, "threading": threading, "time": time}
    exec(compile(source, "<answer>", "exec"), names)
    return names["f"]


def loop(body: str, times: int = 1) -> str:
    """A `while True` around `body` that catches everything, so many times around itself."""
    for _ in range(times):
        inner = "\n".join(f"        {line}" for line in body.splitlines())
        body = f"while True:\n    try:\n{inner}\n    except BaseException:\n        pass"
    return "def f():\n" + "\n".join(f"    {line}" for line in body.splitlines())


BARE_BLOCKS = """\
try:
    try:
        time.sleep(9)
    except:
        pass
except:
    pass"""

NEVER_ENDING = {
    "a loop": "def f():\n    while True:\n        pass",
    "sleeps": "def f():\n    time.sleep(1000)",
    "waits for a lock": "def f():\n    lock = threading.Lock()\n    lock.acquire()\n    lock.acquire()",
    "in a comprehension": "def f():\n    return [0 for _ in iter(int, 1)]",
    "in a comparison": (
        "class K:\n    def __lt__(self, other):\n        while True:\n            pass\n"
        "def f():\n    sorted([K(), K()])"
    ),
    "catches everything": loop("pass"),
    "catches everything, a call deeper": f"{loop('pass').replace('def f', 'def g')}\ndef f():\n    g()",
    "catches everything, asleep": loop("time.sleep(1000)"),
    "catches everything, waiting": loop("threading.Event().wait()"),
    "two loops that catch everything": loop("pass", 2),
    "three loops that catch everything": loop("pass", 3),
    "two blocks in one loop": loop("try:\n    time.sleep(9)\nexcept BaseException:\n    pass"),
    "three bare blocks in one loop, asleep": loop(BARE_BLOCKS),
    "goes on in `finally`": (
        "def f():\n    while True:\n        try:\n            time.sleep(9)\n        finally:\n            continue"
    ),
    "suppresses": (
        "def f():\n    while True:\n        with contextlib.suppress(BaseException):\n            time.sleep(9)"
    ),
    "begins anew where it is stopped": (
        "def f():\n    try:\n        while True:\n            pass\n    except BaseException:\n        f()"
    ),
    "a generator": (f"{loop('yield 1').replace('def f', 'def g')}\n" + loop("for _ in g():\n    pass")),
    "raises another one": (
        "def f():\n    try:\n        while True:\n            pass\n    except BaseException as error:\n"
        "        raise RuntimeError('mine') from error"
    ),
    "turns the alarm off": loop("signal.setitimer(signal.ITIMER_REAL, 0)"),
    "ignores the alarm": "def f():\n    signal.signal(signal.SIGALRM, signal.SIG_IGN)\n    while True:\n        pass",
    "turns tracing off": loop("sys.settrace(None)"),
}


@contextlib.contextmanager
def nothing_left_behind():
    before = sys.gettrace(), signal.getsignal(signal.SIGALRM), signal.getsignal(signal.SIGINT)
    yield
    assert (sys.gettrace(), signal.getsignal(signal.SIGALRM), signal.getsignal(signal.SIGINT)) == before
    assert signal.getitimer(signal.ITIMER_REAL)[0] == 0
    time.sleep(0.01)  # an exception on its way would arrive


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")  # a generator that ignores its end
@pytest.mark.parametrize("source", NEVER_ENDING.values(), ids=NEVER_ENDING.keys())
def test_what_never_ends_is_ended(source):
    limit, started = TimeLimit(SECONDS, of_the_answer), time.monotonic()
    with nothing_left_behind():
        with pytest.raises((TookTooLong, RuntimeError)):
            limit.call(typed(source))
        assert limit.expired and not limit.interrupted
        assert limit.caught <= CAUGHT
        assert SECONDS <= time.monotonic() - started < PATIENCE


@pytest.mark.parametrize("name", ["a loop", "catches everything, a call deeper", "two loops that catch everything"])
def test_in_another_thread_what_is_in_python_is_ended(name):
    """As on Windows, where there is no alarm clock."""
    limit, ended = TimeLimit(SECONDS, of_the_answer), []

    def run():
        try:
            limit.call(typed(NEVER_ENDING[name]))
        except (TookTooLong, RuntimeError) as error:
            ended.append(error)

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    thread.join(SECONDS + PATIENCE)
    assert not thread.is_alive() and limit.expired and len(ended) == 1


@pytest.mark.parametrize("source", ["def f():\n    return 7", "def f():\n    time.sleep(0.05)\n    return 7"])
def test_what_ends_in_time_is_given_back(source):
    limit = TimeLimit(30, of_the_answer)
    with nothing_left_behind():
        assert limit.call(typed(source)) == 7
    assert (limit.expired, limit.interrupted, limit.caught) == (False, False, 0)


def test_its_own_exception_comes_out_as_it_is():
    limit = TimeLimit(30, of_the_answer)
    with nothing_left_behind(), pytest.raises(GeneratorExit):
        limit.call(typed("def f():\n    raise GeneratorExit"))
    assert not limit.expired


def test_who_catches_the_end_once_and_gives_something_back_is_late_all_the_same():
    limit = TimeLimit(SECONDS, of_the_answer)
    limit.call(typed("def f():\n    try:\n        time.sleep(1000)\n    except BaseException:\n        return 7"))
    assert limit.expired


def test_who_catches_the_end_again_and_again_is_told_by_it():
    limit = TimeLimit(SECONDS, of_the_answer)
    with pytest.raises(TookTooLong):
        limit.call(typed(NEVER_ENDING["catches everything, asleep"]))
    assert limit.caught


@pytest.mark.parametrize("name", ["a loop", "sleeps", "catches everything", "catches everything, asleep"])
def test_ctrl_c_ends_it_before_its_time(name):
    before = signal.signal(signal.SIGINT, signal.default_int_handler)  # a job in the background ignores it
    limit, started = TimeLimit(100, of_the_answer), time.monotonic()
    answer, press = typed(NEVER_ENDING[name]), threading.Timer(0.3, os.kill, (os.getpid(), signal.SIGINT))
    try:
        with nothing_left_behind(), pytest.raises(KeyboardInterrupt):
            limit.call(lambda: (press.start(), answer()))  # nobody presses before it runs, however busy the machine is
    finally:
        signal.signal(signal.SIGINT, before)
    assert limit.interrupted and not limit.expired
    assert time.monotonic() - started < PATIENCE


def test_an_earlier_alarm_goes_on():
    rung = []
    before = signal.signal(signal.SIGALRM, lambda *_: rung.append(time.monotonic()))
    try:
        signal.setitimer(signal.ITIMER_REAL, 0.4)
        started = time.monotonic()
        TimeLimit(30, of_the_answer).call(time.sleep, 0.1)
        assert signal.getitimer(signal.ITIMER_REAL)[0] <= 0.3  # on a busy machine 0: it has rung
        while not rung and time.monotonic() - started < PATIENCE:
            time.sleep(0.01)
        assert rung and rung[0] - started >= 0.39
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


def test_one_limit_within_another_ends_with_the_outer_one():
    outer, inner = TimeLimit(SECONDS, of_the_answer), TimeLimit(30, of_the_answer)
    again = typed("def f(call):\n    while True:\n        call()")
    with nothing_left_behind(), pytest.raises(TookTooLong):
        outer.call(again, lambda: TimeLimit(30, of_the_answer).call(int))
    assert outer.expired and not inner.expired


def test_what_puts_things_back_is_not_stopped_at_its_work():
    """A check ends with its `finally` blocks, and the alarm goes on to ring: it is meant for the answer alone."""
    done = []

    def check(answer):
        try:
            answer()
        finally:
            time.sleep(1.2)
            done.append("put back")

    with pytest.raises(TookTooLong):
        TimeLimit(SECONDS, of_the_answer).call(check, typed(NEVER_ENDING["a loop"]))
    assert done == ["put back"]


def test_a_debugger_takes_the_time_that_it_takes():
    import bdb

    class Slow(bdb.Bdb):
        def user_line(self, frame):
            waits()

    waits = eval(
        compile("lambda: time.sleep(0.6)", bdb.__file__, "eval"), {"time": time}
    )  # as if it asked for commands
    limit = TimeLimit(SECONDS, of_the_answer)
    limit.call(lambda: Slow().user_line(None))
    assert not limit.expired
