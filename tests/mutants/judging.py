"""Mutants before their exercise's own check, in processes apart, with limits and an empty folder each.

PyTorch and the lesson are loaded once, and the reference answer is judged first, which it must pass. From there a
process is forked for every few mutants. One that hangs or ends its process ends no more than that, and a new one goes
on behind it. The reference is judged last in each process: where it no longer passes, a mutant has spoiled something
for those after it, and all of them are judged again, one a process. Needs `fork`: Linux or macOS.
"""

from __future__ import annotations

import ast
import contextlib
import multiprocessing
import os
import signal
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from multiprocessing.connection import Connection
from pathlib import Path

import torch

from helpers.course.verdicts import Outcome, Report
from helpers.lessons import exercise
from tests.answers.programs import handed_in
from tests.answers.test_answers import PROGRAMS, _judged

TOGETHER = 16  # mutants that share a process
FACTOR, SECONDS = 8, 1.0  # of processor time: so many times what the reference takes, and so much on top
SLOWER = 30  # times as long by the clock, on a machine that does other things too
MEMORY = 8 * 2**30  # bytes of data that a process may hold
FILES = 2**30  # bytes that it may write into one file


class Fate(StrEnum):
    """What became of a mutant."""

    REFUSED = "refused"  # the check gave a reason
    ERROR = "error"  # its code stopped with an exception
    TIME = "time"  # it did not end
    GONE = "gone"  # its process ended without a verdict
    SURVIVED = "survived"  # the check called it correct


_FATES = {Outcome.CORRECT: Fate.SURVIVED, Outcome.ERROR: Fate.ERROR}


@dataclass(frozen=True)
class Verdict:
    """The fate of a mutant, and the first line of what the check said."""

    fate: Fate
    message: str = ""


@dataclass(frozen=True)
class Bench:
    """An exercise before whose check mutants are judged."""

    number: str
    reference: str  # as `ast` writes it
    seconds: float  # of processor time that a mutant may take

    def verdicts(self, sources: list[str]) -> Iterator[tuple[int, Verdict]]:
        """The verdict on each source, with its position."""
        for first in range(0, len(sources), TOGETHER):
            some = list(range(first, min(first + TOGETHER, len(sources))))
            found = self._in_one_process(sources, some)
            if found is None:  # one has spoiled the rest
                found = {n: self._in_one_process(sources, [n], control=False)[n] for n in some}
            yield from found.items()

    def _in_one_process(self, sources: list[str], some: list[int], control: bool = True) -> dict[int, Verdict] | None:
        """The verdicts on some; None where the reference does not pass after them. A new process after a death."""
        found: dict[int, Verdict] = {}
        while left := [n for n in some if n not in found]:
            given = [sources[n] for n in left] + [self.reference] * control
            heard = _heard(self.number, given, self.seconds)
            if control and len(heard) == len(given) and heard.pop().fate is not Fate.SURVIVED:
                return None
            found.update(zip(left, heard, strict=False))
        return found


def bench(number: str, reference: str) -> Bench:
    """The exercise, after its check has found the reference right.

    Raises:
        AssertionError: it does not find it right, here or in a process like those of the mutants.
    """
    torch.set_num_threads(1)  # a fork takes no others along
    reference = ast.unparse(ast.parse(reference))
    report_on(number, reference)  # what the check keeps is made now
    started = time.process_time()
    report = report_on(number, reference)
    assert report.outcome is Outcome.CORRECT, f"{number}: the reference is refused: {report.message}"
    seconds = SECONDS + FACTOR * (time.process_time() - started)
    found = _heard(number, [reference], seconds)[0]
    assert found.fate is Fate.SURVIVED, f"{number}: the reference is refused in a process apart: {found.message}"
    return Bench(number, reference, seconds)


def report_on(number: str, answer: str) -> Report:
    """The report on an answer by its lesson's check; an error where it stops before the check."""
    try:
        if number in PROGRAMS:
            return exercise(number).judge(*handed_in(answer))
        return _judged(number.partition(".")[0].zfill(2), number, answer)
    except BaseException as error:
        return Report(number, Outcome.ERROR, f"{type(error).__name__}: {error}")


def _heard(number: str, sources: list[str], seconds: float) -> list[Verdict]:
    """What a process says of these, one after the other; it may end early, and then its last word is of its end."""
    fork = multiprocessing.get_context("fork")
    said, saying = fork.Pipe(duplex=False)
    with tempfile.TemporaryDirectory(prefix="mutants-", ignore_cleanup_errors=True) as folder:
        process = fork.Process(target=_judge_all, args=(number, sources, seconds, Path(folder), saying))
        process.start()
        saying.close()
        heard = list(_listened(said, len(sources), SLOWER * seconds))
        _end(process)
    if len(heard) < len(sources):
        stopped = process.exitcode in (-signal.SIGPROF, -signal.SIGKILL)  # by its own limit, or by `_end`
        heard.append(Verdict(Fate.TIME if stopped else Fate.GONE))
    said.close()
    return heard


def _listened(said: Connection, count: int, seconds: float) -> Iterator[Verdict]:
    """What comes, until all have been heard, one takes longer than `seconds`, or the other end is closed."""
    with contextlib.suppress(EOFError):
        for _ in range(count):
            if not said.poll(seconds):
                return
            yield said.recv()


def _end(process: multiprocessing.Process) -> None:
    """End a process and all that it started."""
    process.join(0.2)  # one that has ended by itself says how
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, signal.SIGKILL)
    process.kill()
    process.join()


def _judge_all(number: str, sources: list[str], seconds: float, folder: Path, saying: Connection) -> None:
    """In a process apart: the verdict on each, and nothing else said or left."""
    os.setsid()
    _limit()
    for place, source in enumerate(sources):
        own = folder / str(place)
        own.mkdir()
        os.chdir(own)
        os.environ["COURSE_OUTPUT"], tempfile.tempdir = str(own / "output"), str(own)
        signal.setitimer(signal.ITIMER_PROF, seconds)  # ends the process, whatever holds it
        report = report_on(number, source)
        signal.setitimer(signal.ITIMER_PROF, 0)
        first = (report.message.splitlines() or [""])[0]
        saying.send(Verdict(_FATES.get(report.outcome, Fate.REFUSED), first))
    os._exit(0)


def _limit() -> None:
    import resource  # not in Windows, where the rest of this module can be read all the same

    nowhere = os.open(os.devnull, os.O_RDWR)
    for stream in (0, 1, 2):
        os.dup2(nowhere, stream)
    for kind, most in {resource.RLIMIT_DATA: MEMORY, resource.RLIMIT_FSIZE: FILES, resource.RLIMIT_CORE: 0}.items():
        resource.setrlimit(kind, (most, resource.getrlimit(kind)[1]))
