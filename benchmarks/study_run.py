"""Work in many runs that survives being killed: each result is a line of a file, and what is there is not run again."""

from __future__ import annotations

import json
import multiprocessing
import time
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

from helpers.errors import CourseError
from helpers.kept_lines import KeptLines

Task = dict[str, Any]
Row = dict[str, Any]


class Log:
    """The results so far by their keys, a line of `file` each.

    The first line holds the `settings`: results of other settings do not belong beside these.
    """

    def __init__(self, file: Path, key: Callable[[Row], Any], settings: dict[str, Any]):
        self.file, self.key = file, key
        self._kept = KeptLines(file, "log of results")
        settings = json.loads(json.dumps(settings))  # as a file gives them back
        if not self._kept.lines:
            self._kept.add(settings)
        first, *rows = self._kept.lines
        if first != settings:
            raise CourseError(f"{file} holds results of other settings: move it away, and all is run again")
        self.rows: dict[Any, Row] = {key(row): row for row in rows}

    def add(self, row: Row) -> None:
        """On the disk when this returns."""
        self._kept.add(row)
        self.rows[self.key(row)] = row

    def __contains__(self, task: Task) -> bool:
        return self.key(task) in self.rows

    def __getitem__(self, task: Task) -> Row:
        return self.rows[self.key(task)]


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
