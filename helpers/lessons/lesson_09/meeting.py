"""Processes that wait for one another, played by threads: who would wait for ever is told so at once."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass, field


class WaitsForEver(Exception):
    """The others have ended, or wait somewhere else: nobody will come any more."""


@dataclass
class Played:
    """What became of a team.

    Attributes:
        writers: the rank of each call of `write`, in order.
        too_early: the ranks that went on while the file was not there yet.
        stuck: the ranks that would have waited for ever.
        errors: by rank, what a process was ended by.
    """

    writers: list[int] = field(default_factory=list)
    too_early: list[int] = field(default_factory=list)
    stuck: list[int] = field(default_factory=list)
    errors: dict[int, Exception] = field(default_factory=dict)


class Team:
    """`size` processes that each call `part(rank, write, wait)` at the same time.

    `wait` returns when all have called it. `write` takes long: until each of the others waits, writes or has ended. So
    what goes wrong now and then goes wrong here each time.
    """

    def __init__(self, size: int, fails: Exception | None = None):
        self.size, self.fails = size, fails
        self.changed = threading.Condition()
        self.waiting = self.writing = self.ended = self.meetings = 0
        self.written = False
        self.played = Played()

    def play(self, part: Callable[[int, Callable, Callable], object]) -> Played:
        """What becomes of it when every process calls `part`."""
        threads = [
            threading.Thread(target=self._process, args=(part, rank), daemon=True)  # or the kernel could never end
            for rank in range(self.size)
        ]
        for one in threads:
            one.start()
        for one in threads:
            one.join()
        return self.played

    def _process(self, part: Callable, rank: int) -> None:
        try:
            part(rank, lambda: self._write(rank), self._wait)
            if not self.written:
                self.played.too_early.append(rank)
        except WaitsForEver:
            self.played.stuck.append(rank)
        except Exception as error:
            self.played.errors[rank] = error
        finally:
            with self.changed:
                self.ended += 1
                self.changed.notify_all()

    def _write(self, rank: int) -> None:
        with self.changed:
            self.played.writers.append(rank)
            self.writing += 1
            self.changed.notify_all()
            self.changed.wait_for(lambda: self.waiting + self.writing + self.ended >= self.size)
            self.writing -= 1
            self.written = self.fails is None
        if self.fails is not None:
            raise self.fails

    def _wait(self) -> None:
        with self.changed:
            mine = self.meetings
            self.waiting += 1
            if self.waiting == self.size:
                self.meetings, self.waiting = self.meetings + 1, 0
            self.changed.notify_all()
            self.changed.wait_for(lambda: self.meetings > mine or self._nobody_comes())
            if self.meetings == mine:
                raise WaitsForEver

    def _nobody_comes(self) -> bool:
        return self.ended > 0 and self.waiting + self.ended >= self.size
