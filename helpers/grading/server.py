"""The process that judges: it loads PyTorch and the checks once, and forks a process of its own for each answer.

`python -m helpers.grading.server` reads one task a line from its input and writes one verdict a line. It runs no line
of a learner itself. Where forking is not safe (macOS), each answer gets a fresh Python instead.
"""

from __future__ import annotations

import contextlib
import gc
import json
import os
import secrets
import select
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import types
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import BinaryIO

import psutil

from helpers.course.lessons import find_lessons
from helpers.grading import isolation
from helpers.grading.limits import Limits, Watch, confine
from helpers.grading.rules import given_above
from helpers.grading.tasks import ENDED, REFUSED, Task, Verdict

_MOST_SAID = 100_000  # bytes: a verdict is a few sentences


# In the process of the answer ---------------------------------------------------------------------------


class Bench:
    """What is loaded once: the exercises without their key, and what each lesson gives to an answer."""

    def __init__(self) -> None:
        import torch

        torch.set_num_threads(1)  # threads do not survive a fork
        from helpers.grading import child

        self._judge = child.judge
        child.quiet_packages()
        self._declared = child.without_key()
        self._names: dict[tuple[str, str], dict[str, object]] = {}

    def prepare(self, lesson: str, number: str) -> None:
        """Run what an answer to this exercise may use: parameters, imports and definitions of our own lesson."""
        if (lesson, number) not in self._names:
            with open(os.devnull, "w") as nowhere, contextlib.redirect_stdout(nowhere):  # noqa: PTH123
                self._names[lesson, number] = names_above(lesson, number)
            gc.freeze()  # what is loaded now stays: a collection in a fork would copy all of its memory

    def judge(self, task: Task, write: int, nonce: str) -> None:
        """Judge the answer, and write what was found, with the number that only this process knows."""

        def say(**found: str) -> None:
            os.write(write, json.dumps(found).encode() + b"\n")

        names = _as_main(self._names[task.lesson, task.number])
        declared = self._declared[task.lesson][task.number]
        outcome, reason = self._judge(task, declared, names, lambda told: say(told=told))
        say(nonce=nonce, outcome=outcome, reason=reason[:4000])


def _as_main(names: dict[str, object]) -> dict[str, object]:
    """The names as those of `__main__`, as in a notebook: pickle looks there for a learner's class."""
    main = types.ModuleType("__main__")
    vars(main).update(names)
    sys.modules["__main__"] = main
    return vars(main)


def names_above(lesson: str, number: str) -> dict[str, object]:
    """What an answer may use, from the grader's own copy of the lesson."""
    names: dict[str, object] = {"__name__": "__main__"}
    for _, source in given_above(find_lessons([lesson])[0], number):
        exec(compile(source, "<lesson>", "exec"), names)
    return names


def _settle(folder: Path, write: int, limits: Limits) -> int:
    """Make this process the answer's: its own folder and session, no input, no output, nothing open but the pipe."""
    os.setsid()
    nowhere = os.open(os.devnull, os.O_RDWR)
    kept = _elsewhere(write)
    for number in (0, 1, 2):
        os.dup2(nowhere, number)
    os.closerange(3, kept)
    os.closerange(kept + 1, limits.open_files * 16)
    os.chdir(folder)
    tempfile.tempdir = None
    os.environ.update(TMPDIR=str(folder), HOME=str(folder))
    os.environ.update(COURSE_OUTPUT=str(folder / "output"), COURSE_CACHE=str(folder / "cache"))
    confine(limits)
    return kept


def _elsewhere(write: int) -> int:
    """The pipe under a number that is not the next one: a guess is likely to hit nothing."""
    import fcntl

    return fcntl.fcntl(write, fcntl.F_DUPFD, 20 + secrets.randbelow(200))


# Beside it ------------------------------------------------------------------------------------------------


def run(task: Task, limits: Limits, start: Callable[[Task, Path, int, str], int]) -> Verdict:
    """Judge one task in a process of its own, in an empty folder, within limits. Always ends."""
    began = time.monotonic()
    folder = Path(tempfile.mkdtemp(prefix="answer-")).resolve()
    read, write = os.pipe()
    nonce = secrets.token_hex(16)
    try:
        pid = start(task, folder, write, nonce)
        os.close(write)
        said, status, excess = _follow(pid, read, Watch(pid, limits, folder))
    finally:
        os.close(read)
        shutil.rmtree(folder, ignore_errors=True)
    outcome, reason = excess or believed(said, status, nonce)
    return Verdict(outcome, reason, round(time.monotonic() - began, 2))


def _follow(pid: int, read: int, watch: Watch) -> tuple[bytes, int, tuple[str, str] | None]:
    """What the process says until its end, its exit status, and what it had too much of."""
    said, excess, gone, status, is_open = b"", None, 0, 0, True
    while not gone and excess is None:
        if is_open and select.select([read], [], [], 0.05)[0]:
            piece = os.read(read, 65536)
            said, is_open = said + piece, bool(piece)
        elif not is_open:
            time.sleep(0.02)
        excess = watch.excess()
        gone, status = os.waitpid(pid, os.WNOHANG)
        if len(said) > _MOST_SAID:
            break
    family = _descendants(pid) if not gone else []
    _end(pid, gone, family)
    while select.select([read], [], [], 0)[0] and (piece := os.read(read, 65536)) and len(said) <= _MOST_SAID:
        said += piece
    return said, status if gone else -signal.SIGKILL, excess


def _descendants(pid: int) -> list[psutil.Process]:
    with contextlib.suppress(psutil.NoSuchProcess):
        return psutil.Process(pid).children(recursive=True)
    return []


def _end(pid: int, gone: int, family: list[psutil.Process]) -> None:
    """End the answer's process, its group, and what it has started; in a namespace of processes all but this one."""
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(pid, signal.SIGKILL)
    for process in [*family, *psutil.Process().children(recursive=True)]:
        with contextlib.suppress(psutil.Error):
            process.kill()
    if not gone:
        os.waitpid(pid, 0)
    with contextlib.suppress(ChildProcessError):
        while os.waitpid(-1, os.WNOHANG)[0]:
            continue


def believed(said: bytes, status: int, nonce: str) -> tuple[str, str]:
    """The outcome and reason from what a process said, where it can be believed."""
    lines = [_line(line) for line in said.splitlines()]
    told = [found["told"] for found in lines if found and set(found) == {"told"}]
    verdicts = [found for found in lines if found and found.get("nonce") == nonce]
    if told:
        return REFUSED, f"Your code {'; '.join(dict.fromkeys(told))}."
    if len(verdicts) < len(lines) or len(verdicts) > 1:
        return REFUSED, "Your code writes to where the check says its verdict."
    if not verdicts or status != 0:
        return ENDED, f"The process ended ({_how(status)}) before the check did."
    return str(verdicts[0]["outcome"]), str(verdicts[0]["reason"])


def _line(line: bytes) -> dict | None:
    try:
        found = json.loads(line)
    except (ValueError, RecursionError):
        return None
    return found if isinstance(found, dict) else None


def _how(status: int) -> str:
    code = os.waitstatus_to_exitcode(status) if status >= 0 else status
    return f"signal {signal.Signals(-code).name}" if code < 0 else f"exit status {code}"


# The two ways to start it ---------------------------------------------------------------------------------


def forked(bench: Bench, limits: Limits) -> Callable[[Task, Path, int, str], int]:
    """Starts each answer as a fork of this process: its memory is shared until it is written to."""

    def start(task: Task, folder: Path, write: int, nonce: str) -> int:
        bench.prepare(task.lesson, task.number)
        pid = os.fork()
        if pid:
            return pid
        try:
            bench.judge(task, _settle(folder, write, limits), nonce)
            os._exit(0)
        finally:
            os._exit(70)

    return start


def fresh(limits: Limits) -> Callable[[Task, Path, int, str], int]:
    """Starts each answer in a Python of its own, which takes the seconds that PyTorch needs to load."""

    def start(task: Task, folder: Path, write: int, nonce: str) -> int:
        order = {"task": asdict(task), "limits": asdict(limits), "folder": str(folder), "write": write, "nonce": nonce}
        process = subprocess.Popen(
            [sys.executable, "-m", "helpers.grading.server", "--one"], stdin=subprocess.PIPE, pass_fds=[write]
        )
        process.stdin.write(json.dumps(order).encode())
        process.stdin.close()
        return process.pid

    return start


def _one() -> None:
    order = json.load(sys.stdin)
    limits, task = Limits(**order["limits"]), _task(order["task"])
    bench = Bench()
    bench.prepare(task.lesson, task.number)
    bench.judge(task, _settle(Path(order["folder"]), order["write"], limits), order["nonce"])
    os._exit(0)


def serve(orders: BinaryIO, out: BinaryIO) -> None:
    """Judge what is asked for until nobody asks any more. The first line says how; each other one is a task."""
    how = json.loads(orders.readline())
    isolation.adopt_orphans()
    if how["isolated"]:
        isolation.loopback_up()
    bench = Bench() if isolation.FORKS and not how["fresh"] else None
    hidden = isolation.hide(how["hide"]) if how["isolated"] and bench else []
    _write(out, {"ready": True, "hidden": hidden})
    for line in orders:
        order = json.loads(line)
        limits = Limits(**order["limits"])
        start = forked(bench, limits) if bench else fresh(limits)
        _write(out, asdict(run(_task(order["task"]), limits, start)))


def _write(out: BinaryIO, found: dict) -> None:
    out.write(json.dumps(found).encode() + b"\n")
    out.flush()


def _task(given: dict) -> Task:
    return Task(
        **{
            **given,
            "missing": tuple(given["missing"]),
            "hidden": tuple(given["hidden"]),
            "given": tuple(given["given"]),
        }
    )


def main() -> None:
    if sys.argv[1:] == ["--one"]:
        _one()
    out = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # what the lessons print goes elsewhere than the verdicts
    serve(sys.stdin.buffer, out)


if __name__ == "__main__":
    main()
