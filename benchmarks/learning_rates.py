"""How lesson 05 came to its learning rates: every candidate on the validation part, several seeds.

    python benchmarks/learning_rates.py --dataset "painted flowers"
    python benchmarks/learning_rates.py --dataset /path/to/photos --epochs 10

Each candidate is trained by the lesson's own functions: its cells are run here up to the strategies. `one` gives every
part the same rate, `stages` multiplies 1e-5, 1e-5, 1e-4, 1e-4, 1e-3, and `layers` lets the rate fall from the head by a
factor of 2.6 a stage. With `first`, a head trained on frozen features comes first. The test part is not looked at.
"""

from __future__ import annotations

import argparse
import contextlib
import io
from collections.abc import Iterator
from typing import Any

import matplotlib
import torch
from torch import Tensor

from helpers.course import show_table
from helpers.course.lessons import find_lessons
from helpers.course.parameters import default_parameters, parameters_cell, parameters_for
from helpers.training import evaluate

STAGES = [1e-5, 1e-5, 1e-4, 1e-4, 1e-3]
CANDIDATES = {
    **{f"one {rate:.0e}": [rate] * 5 for rate in (3e-5, 1e-4, 3e-4, 6e-4, 1e-3)},
    **{f"stages x {factor}": [factor * rate for rate in STAGES] for factor in (1, 3, 5, 10)},
    **{f"layers {rate:.0e}": [rate / 2.6 ** (4 - i) for i in range(5)] for rate in (1e-3, 3e-3)},
    **{f"first, one {rate:.0e}": [rate] * 5 for rate in (1e-4, 3e-4, 6e-4)},
    **{f"first, stages x {factor}": [factor * rate for rate in STAGES] for factor in (3, 5)},
}


def lesson_names(number: str, parameters: dict[str, Any], last: str) -> dict[str, Any]:
    """The names of a lesson after its cells up to the one that sets `last`, run here and in silence."""
    matplotlib.use("Agg")
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


def accuracies(lesson: dict[str, Any], name: str, seeds: int) -> Tensor:
    """Validation accuracy of a candidate, one a seed."""
    found = []
    for seed in range(seeds):
        network = lesson["fresh_network"](seed)
        if name.startswith("first"):
            lesson["put_in_head"](network, seed)
        lesson["fine_tune"](network, CANDIDATES[name], seed)
        val = lesson["in_parts"](lesson["X_val"], lesson["y_val"])
        found.append(evaluate(network, val, device=lesson["device"]))
    return torch.tensor(found)


def rows(lesson: dict[str, Any], names: list[str], seeds: int) -> Iterator[dict]:
    for name in names:
        found = accuracies(lesson, name, seeds)
        print(f"{name:20} {found.mean():.3f} ± {found.std():.3f}", flush=True)
        yield {"rates": name, "accuracy": found.mean().item(), "sd": found.std().item(), "lowest": found.min().item()}


def main() -> None:
    defaults = default_parameters(find_lessons(["05"])[0].read())
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name in ("DATASET", "BACKBONE", "SIDE", "PER_CLASS", "EPOCHS", "BATCH_SIZE"):
        parser.add_argument(
            f"--{name.lower().replace('_', '-')}", default=defaults[name], type=type(defaults[name]), dest=name
        )
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--only", nargs="+", choices=list(CANDIDATES), default=list(CANDIDATES), metavar="CANDIDATE")
    given = vars(parser.parse_args())
    seeds, only = given.pop("seeds"), given.pop("only")
    if seeds < 2:
        parser.error("--seeds: a spread needs 2 seeds or more")
    lesson = lesson_names("05", given, last="strategies")
    found = sorted(rows(lesson, only, seeds), key=lambda row: -row["accuracy"])
    show_table(found, f"Validation accuracy over {seeds} seeds, {given['EPOCHS']} epochs, {given['SIDE']} px")


if __name__ == "__main__":
    main()
