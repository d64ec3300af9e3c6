"""Lesson 05's comparison in full: each strategy trained until its validation stops, its rate found by the same search.

    python benchmarks/fine_tuning.py                             # painted flowers, about 40 minutes
    python benchmarks/fine_tuning.py --dataset /path/to/photos   # another dataset joins the file
    python benchmarks/fine_tuning.py --per-class 12              # the lesson's own number of pictures, 15 minutes

The file is data/measured/fine_tuning.json, which lesson 05 shows. The lesson's own cells are run here, so that what is
measured is what it shows. For each number of training pictures a class, every strategy is tried with four rates on one
seed: a low one, and that times 3, 10 and 30. The one with the lowest validation loss is then run with three seeds. The
test part decides nothing: what each of these runs gets right there is only written down.
"""

from __future__ import annotations

import argparse
import contextlib
import io
import os
from collections.abc import Sequence
from typing import Any

import matplotlib
import torch

from helpers.course.lessons import find_lessons
from helpers.course.measured import earlier_results, save_measured, versions_here
from helpers.course.parameters import default_parameters, parameters_cell, parameters_for
from helpers.errors import CourseError
from helpers.training.remembering import ANEW

NAME = "fine_tuning"
SEEDS = 3
PER_CLASS = (12, 25)  # training pictures a class
FACTORS = (1, 3, 10, 30)
# The head's lowest rate. The highest is 30 times as much: for each strategy that is too much, so the best lies between.
LOWEST = {
    "frozen": 1e-4,
    "one rate": 1e-4,
    "differential": 1e-3,
    "layer-wise": 3e-4,
    "head first": 1e-4,
    "gradual": 1e-3,
}
VARIED = ("DATASET", "PER_CLASS", "DEVICE", "MINUTES", "REPEATS", "RATES", "RUN")


def lesson_names(number: str, parameters: dict[str, Any], last: str) -> dict[str, Any]:
    """The names of a lesson after its cells up to the one that sets `last`, run here and in silence."""
    matplotlib.use("Agg")
    os.environ[ANEW] = "1"  # what is measured here is done here
    (lesson,) = find_lessons([number])
    notebook, chosen = lesson.read(), parameters_for([lesson], parameters)[lesson.name]
    names: dict[str, Any] = {"__name__": lesson.name}
    for cell in notebook.cells:
        if cell.cell_type != "code" or "exercise" in cell.metadata.get("tags", []):
            continue
        with contextlib.redirect_stdout(io.StringIO()):
            exec(compile(cell.source, f"{lesson.name}, cell {cell.id}", "exec"), names)
        if cell is parameters_cell(notebook):
            names.update(chosen)
        if last in names:
            return names
    raise LookupError(f"no cell of {lesson.name} sets {last}")


def searched(lesson: dict[str, Any], name: str, rates: Sequence[float]) -> dict[str, float]:
    """Validation loss by rate, on the first seed; a rate at which training fails has none."""
    losses = {}
    for exact in rates:
        rate = float(f"{exact:.0e}")  # as it is written in a lesson
        try:
            _, curve, _ = lesson["run"](name, lesson["SEED"], rate)
        except CourseError as error:  # its loss is no number any more
            print(f"  {name} at {rate:.0e}: {error}", flush=True)
            continue
        losses[f"{rate:.0e}"] = round(min(epoch["val loss"] for epoch in curve), 4)
    return losses


def measured(lesson: dict[str, Any], name: str, rate: float, runs: list) -> dict[str, Any]:
    """A row of the file: what came out of these (network, curve, seconds)."""
    right = [lesson["right_on"](network, lesson["X_test"], lesson["y_test"]) for network, _, _ in runs]
    accuracy = torch.stack(right).float().mean(dim=1)
    print(f"  {name:13} rate {rate:.0e}: {accuracy.mean():.3f} ± {accuracy.std():.3f}", flush=True)
    return {
        "dataset": lesson["data"].name,
        "per_class": lesson["per_class"],
        "strategy": name,
        "rate": rate,
        "accuracy": round(accuracy.mean().item(), 4),
        "sd": round(accuracy.std().item(), 4),
        "test_images": len(lesson["y_test"]),
        "right": ["".join("01"[one] for one in of_run.int().tolist()) for of_run in right],
        "seconds": round(sum(seconds for _, _, seconds in runs) / len(runs), 1),
        "curves": [[{key: round(value, 4) for key, value in epoch.items()} for epoch in curve] for _, curve, _ in runs],
    }


def relearned(lesson: dict[str, Any], seed: int) -> tuple:
    """Differential rates once more, with the one mistake that BatchNorm learns its statistics anew."""
    network = lesson["fresh_network"](seed)
    rates = lesson["stage_rates"](lesson["RATES"]["differential"], lesson["RISING"])
    curve = lesson["fine_tune"](network, rates, seed, keep=lambda network: network)
    return network, curve, 0.0


def results(dataset: str, per_class: int) -> list[dict[str, Any]]:
    lesson = lesson_names("05", {"DATASET": dataset, "PER_CLASS": per_class, "MINUTES": 10_000}, last="run")
    torch.set_num_threads(1)  # fastest for a small network on small images, and the same sums on every machine
    seeds = range(lesson["SEED"], lesson["SEED"] + SEEDS)
    print(f"{lesson['data'].name}, {lesson['per_class']} a class", flush=True)
    rows = []
    for name in lesson["strategies"]:
        losses = searched(lesson, name, [factor * LOWEST[name] for factor in FACTORS])
        rate = float(min(losses, key=losses.__getitem__))
        lesson["RATES"][name] = rate  # the later strategies build on the frozen one's
        row = measured(lesson, name, rate, [lesson["run"](name, seed) for seed in seeds])
        rows.append({**row, "search": losses})
    runs = [relearned(lesson, seed) for seed in seeds]
    rows.append(measured(lesson, "statistics relearned", lesson["RATES"]["differential"], runs))
    return rows


def save_with_earlier(name: str, new: list[dict], defaults: dict[str, Any], varied: Sequence[str]) -> None:
    """Write the file `name`: the new rows, and those in it about other data or another number of pictures.

    Its parameters are the lesson's `defaults`, but for what a benchmark has `varied`. The lesson's dataset comes first.
    """
    parameters = {key: value for key, value in defaults.items() if key not in varied}
    here = {(row["dataset"], row["per_class"]) for row in new}
    rows = [row for row in earlier_results(name, parameters) if (row["dataset"], row["per_class"]) not in here] + new
    rows.sort(key=lambda row: (row["dataset"] != defaults["DATASET"], row["dataset"], row["per_class"]))
    file = save_measured(name, {"results": rows, "parameters": parameters, "versions": versions_here()})
    print(f"Written to {file}", flush=True)


def main() -> None:
    defaults = default_parameters(find_lessons(["05"])[0].read())
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--dataset", default=defaults["DATASET"], help="as in the lesson's parameters cell")
    parser.add_argument("--per-class", type=int, nargs="+", default=PER_CLASS, help="training pictures a class")
    given = parser.parse_args()

    for per_class in given.per_class:
        save_with_earlier(NAME, results(given.dataset, per_class), defaults, VARIED)


if __name__ == "__main__":
    main()
