"""One scoreboard for the whole course: every strategy that the learner has really run."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass
from pathlib import Path

from helpers.course.display import show_table
from helpers.course.records import read_json, updated_json
from helpers.errors import CourseError
from helpers.places import output_dir


@dataclass(frozen=True)
class Row:
    """One strategy, measured.

    `accuracy` is the mean share of right answers on the test part (0 to 1) and `accuracy_sd` its sample
    standard deviation over seeds (None for a single run); `seconds` is the time to prepare and train one run.
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

    def __post_init__(self) -> None:
        if not (math.isfinite(self.accuracy) and 0 <= self.accuracy <= 1):
            raise CourseError(f"accuracy is a share from 0 to 1, not {self.accuracy}: divide per cent by 100")

    @property
    def key(self) -> tuple[str, str, str, str]:
        return self.lesson, self.strategy, self.dataset, self.backbone


def scoreboard_file() -> Path:
    return output_dir() / "scoreboard.json"


def add(row: Row) -> None:
    """Write the row; it takes the place of an earlier one of the same lesson, strategy, dataset and backbone."""
    with updated_json(scoreboard_file(), []) as rows:
        rows[:] = [old for old in rows if Row(**old).key != row.key] + [asdict(row)]
        rows.sort(key=lambda old: Row(**old).key)


def read() -> list[Row]:
    """All rows, by lesson and strategy."""
    return [Row(**row) for row in read_json(scoreboard_file(), [])]


def show(dataset: str | None = None) -> None:
    """The scoreboard as a table, of one dataset or of all."""
    rows = [row for row in read() if dataset in (None, row.dataset)]
    show_table([_for_reading(row) for row in rows], "Scoreboard: what you have run so far")


def _for_reading(row: Row) -> dict:
    spread = "" if row.accuracy_sd is None else f" ± {row.accuracy_sd:.3f}"
    return {
        "lesson": row.lesson,
        "strategy": row.strategy,
        "dataset": row.dataset,
        "backbone": row.backbone,
        "accuracy": f"{row.accuracy:.3f}{spread}",
        "test images": row.test_images,
        "trainable": row.trainable_parameters,
        "seconds": f"{row.seconds:.1f}",
        "device": row.device,
    }
