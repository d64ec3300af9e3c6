"""One scoreboard for the whole course: every strategy that the learner has really run."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass
from pathlib import Path

from helpers.course.display import show_table
from helpers.course.records import Unusable, read_json, updated_json
from helpers.errors import CourseError
from helpers.places import output_dir

_NUMBERS = {
    "accuracy": float,
    "accuracy_sd": float,
    "test_images": int,
    "trainable_parameters": int,
    "seconds": float,
    "per_class": int,
    "seeds": int,
}
# A single run has no spread, and a row of an earlier course does not say the last two.
_MAY_BE_MISSING = ("accuracy_sd", "per_class", "seeds")


@dataclass(frozen=True)
class Row:
    """One strategy, measured.

    `accuracy` is the mean share of right answers on the test part (0 to 1) and `accuracy_sd` its sample
    standard deviation over so many `seeds` (None for a single run). `per_class` is the number of training images a
    class: the more, the easier, so that only rows with the same can be held against each other. `seconds` is the time
    to prepare and train one run.
    """

    lesson: str
    strategy: str
    dataset: str
    backbone: str
    accuracy: float
    accuracy_sd: float | None
    test_images: int
    trainable_parameters: int
    seconds: float
    device: str
    per_class: int | None = None
    seeds: int | None = None

    def __post_init__(self) -> None:
        for name, kind in _NUMBERS.items():
            self._make_number(name, kind)
        if not 0 <= self.accuracy <= 1:
            raise CourseError(f"accuracy is a share from 0 to 1, not {self.accuracy}: divide per cent by 100")
        for name in ("per_class", "seeds"):
            if getattr(self, name) == 0:
                raise CourseError(f"{name} is at least 1: nothing was trained with 0")
        if self.seeds == 1 and self.accuracy_sd is not None:
            raise CourseError(f"one run has no spread, and accuracy_sd is {self.accuracy_sd}: pass None")

    def _make_number(self, name: str, kind: type) -> None:
        """Numbers of NumPy and PyTorch become Python's, which JSON can hold."""
        value = getattr(self, name)
        if value is None and name in _MAY_BE_MISSING:
            return
        try:
            number = kind(value)
            usable = math.isfinite(number) and number >= 0 and not isinstance(value, str)
        except (TypeError, ValueError, OverflowError, RuntimeError):
            usable = False
        if not usable:
            raise CourseError(f"{name} is a finite number from 0, not {value!r}: check how it was measured")
        object.__setattr__(self, name, number)

    @property
    def key(self) -> tuple[str, str, str, str, int]:
        return self.lesson, self.strategy, self.dataset, self.backbone, self.per_class or 0


def scoreboard_file() -> Path:
    return output_dir() / "scoreboard.json"


def add(row: Row) -> None:
    """Write the row, in place of an earlier one of the same lesson, strategy, dataset, backbone and `per_class`."""
    with updated_json(scoreboard_file(), [], _rows) as rows:
        board = [old for old in _rows(rows) if old.key != row.key] + [row]
        rows[:] = [asdict(one) for one in sorted(board, key=lambda one: one.key)]


def read() -> list[Row]:
    """All rows, by lesson and strategy."""
    return _rows(read_json(scoreboard_file(), []))


def _rows(found: list) -> list[Row]:
    try:
        return [Row(**row) for row in found]
    except (TypeError, CourseError):  # other columns, or values that no row can have
        raise Unusable(
            f"{scoreboard_file()} holds rows that are none: move it away, and run the lessons again"
        ) from None


def show(dataset: str | None = None) -> None:
    """The scoreboard as a table, of one dataset or of all."""
    rows = [row for row in read() if dataset in (None, row.dataset)]
    show_table([in_words(row) for row in rows], "Scoreboard: what you have run so far")


def in_words(row: Row) -> dict:
    """The row for a table: its columns by their headings."""
    spread = "" if row.accuracy_sd is None else f" ± {row.accuracy_sd:.3f}"
    seeds = "" if row.accuracy_sd is None or row.seeds is None else f" ({row.seeds} seeds)"
    return {
        "lesson": row.lesson,
        "strategy": row.strategy,
        "dataset": row.dataset,
        "backbone": row.backbone,
        "images a class": "" if row.per_class is None else row.per_class,
        "accuracy": f"{row.accuracy:.3f}{spread}{seeds}",
        "test images": row.test_images,
        "trainable": row.trainable_parameters,
        "seconds": f"{row.seconds:.1f}",
        "device": row.device,
    }
