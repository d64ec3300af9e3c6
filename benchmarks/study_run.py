"""Work in many runs that survives being killed: each result is a line of a file, and what is there is not run again."""

from __future__ import annotations

import json
import multiprocessing
import os
import time
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

from helpers.errors import CourseError
from helpers.places import atomic_write

Task = dict[str, Any]
Row = dict[str, Any]


class Log:
    """The results so far, a line of JSON each. A line that was cut off by a kill is dropped when the file is opened.

    The first line holds the `settings`: results of other settings do not belong beside these.
    """

    def __init__(self, file: Path, key: Callable[[Row], Any], settings: dict[str, Any]):
        self.file, self.key = file, key
        self.rows: dict[Any, Row] = {}
        file.parent.mkdir(parents=True, exist_ok=True)
        content = file.read_bytes() if file.exists() else b""
        whole = content[: content.rfind(b"\n") + 1]
        if whole != content:
            _write(file, whole)
        first, *lines = whole.splitlines() or [b""]
        if not first:
            _write(file, json.dumps(settings).encode() + b"\n")
        elif json.loads(first) != json.loads(json.dumps(settings)):
            raise CourseError(f"{file} holds results of other settings: move it away, and all is run again")
        for line in lines:
            self._keep(json.loads(line))

    def add(self, row: Row) -> None:
        """On the disk when this returns."""
        with self.file.open("ab") as out:
            out.write(json.dumps(row, allow_nan=False).encode() + b"\n")
            out.flush()
            os.fsync(out.fileno())
        self._keep(row)

    def _keep(self, row: Row) -> None:
        self.rows[self.key(row)] = row

    def __contains__(self, task: Task) -> bool:
        return self.key(task) in self.rows

    def __getitem__(self, task: Task) -> Row:
        return self.rows[self.key(task)]


def _write(file: Path, content: bytes) -> None:
    with atomic_write(file) as draft:
        draft.write_bytes(content)


def run_all(
    phases: Iterable[Callable[[], list[Task]]],
    log: Log,
    work: Callable[[Task], Row],
    *,
    processes: int = 1,
    prepare: Callable[[], None] | None = None,
    total: int,
    weight: Callable[[Task], float],
    whole_weight: float,
) -> None:
    """Run the tasks of one phase after the other, but for those that the log has.

    A phase is a function, because its tasks may hang on the results of the phases before it. `weight` says how long
    a task takes beside others, and `whole_weight` is that of all tasks: the time left is told from them.
    """
    started, done = time.monotonic(), 0.0
    before = sum(weight(row) for row in log.rows.values())
    with _pool(processes, prepare) as run:
        for phase in phases:
            for row in run(work, [task for task in phase() if task not in log]):
                log.add(row)
                done += weight(row)
                left = (time.monotonic() - started) / done * max(whole_weight - before - done, 0)
                told = " ".join(str(part) for part in log.key(row))
                print(f"{len(log.rows)} of {total} or a few more: {told}. About {_in_words(left)} left.", flush=True)


class _pool:
    """`run(work, tasks)` that yields results as they come: in this process, or in several."""

    def __init__(self, processes: int, prepare: Callable[[], None] | None):
        self.pool = None
        if processes > 1:
            self.pool = multiprocessing.get_context("spawn").Pool(processes, initializer=prepare)
        elif prepare:
            prepare()

    def __enter__(self) -> Callable[..., Iterator[Row]]:
        return self.pool.imap_unordered if self.pool else map

    def __exit__(self, *_: object) -> None:
        if self.pool:
            self.pool.terminate()
            self.pool.join()


def _in_words(seconds: float) -> str:
    minutes = round(seconds / 60)
    return f"{minutes // 60} h {minutes % 60:02} min" if minutes >= 60 else f"{minutes} min"
