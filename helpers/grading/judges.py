"""The grader's side of the process that judges: starts it apart from everything, asks it, and starts it again."""

from __future__ import annotations

import contextlib
import json
import os
import select
import shutil
import subprocess
import sys
import tempfile
import time
from dataclasses import asdict, replace
from pathlib import Path

import psutil

import helpers
from helpers.course.exercise import Exercise
from helpers.errors import CourseError
from helpers.grading import isolation
from helpers.grading.limits import Limits
from helpers.grading.tasks import ENDED, Task, Verdict
from helpers.places import repository

USUAL = Exercise.seconds  # that a check may take, in general
_TO_LOAD = 600  # seconds for PyTorch to load; a busy machine takes a minute
_TO_LOAD_EACH = 60  # seconds more for an answer with a Python of its own
_GRACE = 60  # seconds beyond what the judging process allows an answer


class Judge:
    """One process that judges, started at the first task. Use it within `with`.

    Args:
        hidden: handed-in files and folders, which no answer may read.
        isolated: apart from the network and other processes, where the system gives that.
        fresh: a Python of its own for each answer, in place of a fork.
    """

    def __init__(self, limits: Limits, hidden: list[str], *, isolated: bool = True, fresh: bool = False):
        self._limits, self._hidden, self._fresh = limits, hidden, fresh
        self._apart = isolation.namespaces() if isolated else ()
        self._process: subprocess.Popen | None = None
        self._closed = False
        self._folder = Path(tempfile.mkdtemp(prefix="course-grading-")).resolve()

    def __enter__(self) -> Judge:
        return self

    def __exit__(self, *_: object) -> None:
        self._closed = True
        self._stop()
        shutil.rmtree(self._folder, ignore_errors=True)

    def judge(self, task: Task, declared: float = USUAL) -> Verdict:
        """The verdict on one task; where the judging process itself was ended by it, that is the verdict.

        Args:
            declared: seconds that the exercise's check may take; one that may take longer has longer limits.
        """
        loads = _TO_LOAD_EACH if self._fresh or not isolation.FORKS else 0
        limits = replace(self._limits, seconds=self._limits.seconds * max(1.0, declared / USUAL) + loads)
        self._require_open()
        began = time.monotonic()
        process = self._process or self._start()
        self._say({"task": asdict(task), "limits": asdict(limits)})
        answer = self._hear(10 * limits.seconds + _GRACE)
        self._require_open()
        if answer is not None:
            return Verdict(**answer)
        self._stop()
        how = f"exit status {process.returncode}" if process.returncode is not None else "no word from it"
        reason = f"The process that judges ended with this answer ({how})."
        return Verdict(ENDED, reason, round(time.monotonic() - began, 2))

    def _require_open(self) -> None:
        """Ctrl+C closes it from another thread: what was under way then is marked again next time."""
        if self._closed:
            raise CourseError("the run was stopped: the same line goes on with it")

    def _start(self) -> subprocess.Popen:
        with (self._folder / "log").open("wb") as log:
            self._process = subprocess.Popen(
                [*self._apart, sys.executable, "-s", "-m", "helpers.grading.server"],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
                cwd=self._folder,
                env=isolation.environment(self._folder),
                start_new_session=True,  # Ctrl+C is for the grader, which ends this one itself
            )
        key = [Path(helpers.__file__).parent / "lessons", repository() / "tests", repository() / ".git"]
        hide = [*map(str, key), *self._hidden]
        self._say({"isolated": bool(self._apart), "fresh": self._fresh, "hide": hide})
        if self._hear(_TO_LOAD) is None:
            raise CourseError(f"the process that judges does not start ({self._last_words()}): run the doctor")
        return self._process

    def _last_words(self) -> str:
        self._stop()
        lines = (self._folder / "log").read_text(encoding="utf-8", errors="replace").strip().splitlines()
        return lines[-1][:200] if lines else "it says nothing"

    def _say(self, order: dict) -> None:
        with contextlib.suppress(BrokenPipeError):  # it has ended: what it does not answer says so
            self._process.stdin.write(json.dumps(order).encode() + b"\n")
            self._process.stdin.flush()

    def _hear(self, seconds: float) -> dict | None:
        """The next line of its answer; None where it ended, or says nothing for so long."""
        out, heard, until = self._process.stdout.fileno(), b"", time.monotonic() + seconds
        while not heard.endswith(b"\n"):
            left = until - time.monotonic()
            try:
                ready = left > 0 and select.select([out], [], [], left)[0]
                piece = os.read(out, 65536) if ready else b""
            except (OSError, ValueError):  # closed meanwhile
                return None
            if not piece:
                return None
            heard += piece
        return json.loads(heard)

    def _stop(self) -> None:
        process, self._process = self._process, None
        if process is None:
            return
        with contextlib.suppress(psutil.NoSuchProcess):
            for one in psutil.Process(process.pid).children(recursive=True):
                with contextlib.suppress(psutil.NoSuchProcess):
                    one.kill()
        process.kill()
        process.wait()
        process.stdin.close()
        process.stdout.close()
