"""What a run of lessons found: how each lesson went, and all of them together."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Result:
    """How one lesson went. `error` and `cell` (the n-th code cell that ran) tell of the failure, if any."""

    name: str
    status: str  # "ok" or "failed"
    seconds: float
    peak_mb: float
    checks: dict[str, int]
    notebook: Path  # as executed
    error: str | None = None
    cell: int | None = None


@dataclass(frozen=True)
class Summary:
    """What `run_lessons` did; the same as its `summary.json`."""

    device: str
    total_seconds: float
    results: list[Result]

    @property
    def failed(self) -> list[Result]:
        return [result for result in self.results if result.status == "failed"]

    def __getitem__(self, name: str) -> Result:
        """The result of a lesson by its name or its number."""
        return next(result for result in self.results if name in (result.name, result.name[:2]))
