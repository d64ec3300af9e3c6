"""Mutants before their exercise's own check: each in a process of its own, with a time limit and an empty folder.

PyTorch and the lesson are loaded once, and the answer itself is judged first, which it must pass; from there each
mutant's process is forked. So nothing that one does is seen by the next, and one that hangs or ends its process ends
no more than that. Needs `fork`: Linux or macOS.
"""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import resource
import signal
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from multiprocessing.connection import Connection, wait
from pathlib import Path

import torch

from helpers.course.verdicts import Outcome, Report
from helpers.lessons import exercise
from tests.answers.programs import handed_in
from tests.answers.test_answers import PROGRAMS, _judged
from tests.mutants.making import Mutant

FACTOR = 4  # times the seconds that the exercise declares, on a machine that does other things too
SECONDS = 5.0  # and these on top, for the process
MEMORY = 8 * 2**30  # bytes of data that a mutant may hold
FILES = 2**30  # bytes that it may write into one file

_FORK = multiprocessing.get_context("fork") if "fork" in multiprocessing.get_all_start_methods() else None


class Fate(StrEnum):
    """What became of a mutant."""

    REFUSED = "refused"  # the check gave a reason
    ERROR = "error"  # its code stopped with an exception
    TIME = "time"  # it did not end
    GONE = "gone"  # its process ended without a verdict
    SURVIVED = "survived"  # the check called it correct


_FATES = {Outcome.CORRECT: Fate.SURVIVED, Outcome.ERROR: Fate.ERROR}


@dataclass
class _Run:
    """A mutant's process, and when it must have ended."""

    mutant: Mutant
    process: multiprocessing.Process
    said: Connection
    until: float


def report_on(number: str, answer: str) -> Report:
    """The report on an answer to the exercise, as its lesson's check gives it; `error` where it does not even load."""
    try:
        if number in PROGRAMS:
            return exercise(number).judge(*handed_in(answer))
        return _judged(number.partition(".")[0].zfill(2), number, answer)
    except BaseException as error:  # the cell stopped above its check
        return Report(number, Outcome.ERROR, f"{type(error).__name__}: {error}")


def fates(number: str, mutants: list[Mutant], jobs: int = 1) -> Iterator[tuple[Mutant, Fate, str]]:
    """The fate of each mutant as it comes, with the first line of what the check said; `jobs` of them at a time."""
    seconds = SECONDS + FACTOR * exercise(number).seconds
    waiting, running = list(mutants)[::-1], []
    while waiting or running:
        while waiting and len(running) < jobs:
            running.append(_started(number, waiting.pop(), seconds))
        left = max(0.0, min(run.until for run in running) - time.monotonic())
        wait([run.said for run in running], timeout=left)
        for run in [run for run in running if run.said.poll() or time.monotonic() >= run.until]:
            running.remove(run)
            yield run.mutant, *_ended(run)


def _started(number: str, mutant: Mutant, seconds: float) -> _Run:
    said, saying = _FORK.Pipe(duplex=False)
    process = _FORK.Process(target=_say, args=(number, mutant.source, saying), daemon=True)
    process.start()
    saying.close()
    return _Run(mutant, process, said, time.monotonic() + seconds)


def _ended(run: _Run) -> tuple[Fate, str]:
    """What the process said, after it and all that it started are gone."""
    try:
        fate, message = run.said.recv() if run.said.poll() else (Fate.TIME, "")
    except (EOFError, OSError):
        fate, message = Fate.GONE, ""
    with contextlib.suppress(ProcessLookupError):
        os.killpg(run.process.pid, signal.SIGKILL)
    run.process.kill()
    run.process.join()
    run.said.close()
    return fate, message


def _say(number: str, answer: str, saying: Connection) -> None:
    """In the mutant's process: judge it in an empty folder, say nothing but its fate, and end at once."""
    os.setsid()
    with tempfile.TemporaryDirectory(prefix="mutant-") as folder:
        _confine(Path(folder))
        report = report_on(number, answer)
        os.chdir("/")
    lines = report.message.splitlines() or [""]
    saying.send((_FATES.get(report.outcome, Fate.REFUSED), lines[0]))
    os._exit(0)


def _confine(folder: Path) -> None:
    os.chdir(folder)
    os.environ["COURSE_OUTPUT"], os.environ["TMPDIR"] = str(folder / "output"), str(folder)
    tempfile.tempdir = None  # read anew
    nowhere = os.open(os.devnull, os.O_RDWR)
    for stream in (0, 1, 2):
        os.dup2(nowhere, stream)
    for kind, most in {resource.RLIMIT_DATA: MEMORY, resource.RLIMIT_FSIZE: FILES, resource.RLIMIT_CORE: 0}.items():
        resource.setrlimit(kind, (most, resource.getrlimit(kind)[1]))


def one_thread() -> None:
    """No threads for computing: a fork takes none along, and the cores are shared anyway."""
    torch.set_num_threads(1)
