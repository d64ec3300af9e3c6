"""Linear head or MLP on frozen features: lesson 04's own cells, run on more data, both heads on the same test images.

    python benchmarks/heads.py   # about 8 minutes on two cores

The file is data/measured/heads.json, which lesson 04 shows. What runs are the lesson's cells that are tagged
`measured`, with the lesson's parameters but for those in `CHANGED`. The seed is another one, so that the flowers are
other flowers and the digits are divided in another way: the test part of a learner who keeps SEED = 0 stays unread.
"""

from __future__ import annotations

import argparse
import contextlib
import io
import os
import tempfile

from helpers.course import show_table
from helpers.course.lessons import Lesson, find_lessons
from helpers.course.measured import save_measured, versions_here
from helpers.course.parameters import default_parameters
from helpers.training.comparing import compare_paired

NAME = "heads"
CHANGED = {"SEED": 1, "REPEATS": 5, "DEVICE": "cpu"}
UNTIL_IT_STOPS = "until validation stops"
EQUAL_STEPS = "at most 60 steps"
TRAININGS = {UNTIL_IT_STOPS: {}, EQUAL_STEPS: {"RATES": [1e-3], "MOST_STEPS": 60}}
SIZES = {"painted flowers": (5, 20, 50), "digits": (5, 20, 100)}
RUNS = [
    *((dataset, size, UNTIL_IT_STOPS) for dataset, sizes in SIZES.items() for size in sizes),
    *((dataset, max(sizes), EQUAL_STEPS) for dataset, sizes in SIZES.items()),
]


def run_cells(lesson: Lesson, parameters: dict[str, object]) -> dict[str, object]:
    """The names that the lesson's cells tagged `measured` leave behind, when they run with these parameters."""
    names: dict[str, object] = {"__name__": "__main__"}
    for cell in lesson.read().cells:
        tags = cell.metadata.get("tags", [])
        if "measured" in tags:
            exec(compile(cell.source, f"<{lesson.name} {cell.id}>", "exec"), names)
        if "parameters" in tags:
            names |= parameters
    return names


def result(lesson: Lesson, dataset: str, per_class: int, training: str) -> dict[str, object]:
    """One row of the file: what each head got right on the test part, and whether chance explains the gap."""
    parameters = {**CHANGED, **TRAININGS[training], "DATASET": dataset, "PER_CLASS": per_class}
    with contextlib.redirect_stdout(io.StringIO()):
        names = run_cells(lesson, parameters)
    right, gap = names["test_right"], compare_paired(names["test_right"]["MLP"], names["test_right"]["linear"])
    heads = {
        kind: {
            "accuracy": round(runs.float().mean().item(), 4),
            "sd": round(runs.float().mean(dim=1).std().item(), 4),
            "rate": names["best"][kind][1],
            "dropout": names["best"][kind][2],
            "cut_off": len(names["tried"][names["best"][kind]][1]["validation"]) == names["MOST_STEPS"],
        }
        for kind, runs in right.items()
    }
    about = {"dataset": dataset, "per_class": per_class, "training": training, "backbone": names["backbone"].label}
    counts = {"seeds": parameters["REPEATS"], "test_images": right["MLP"].shape[1]}
    return about | counts | heads | {"chance": round(gap.chance, 4), "beyond_chance": gap.beyond_chance}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.parse_args()
    (lesson,) = find_lessons(["04"])
    varied = {"DATASET", "PER_CLASS", *CHANGED}
    parameters = {name: value for name, value in default_parameters(lesson.read()).items() if name not in varied}
    with tempfile.TemporaryDirectory(prefix="course-heads-") as folder:
        os.environ["COURSE_OUTPUT"] = folder  # no verdict of these runs belongs to the learner's record
        rows = [result(lesson, *run) for run in RUNS]
    file = save_measured(NAME, {"results": rows, "parameters": parameters, "versions": versions_here()})
    told = [row | {kind: row[kind]["accuracy"] for kind in ("linear", "MLP")} for row in rows]
    show_table(told, f"Written to {file}")


if __name__ == "__main__":
    main()
