"""What more pictures and more epochs buy: lesson 05 itself, run at several budgets, its test results side by side.

    python benchmarks/fine_tuning.py                             # painted flowers, about 8 minutes on two cores
    python benchmarks/fine_tuning.py --dataset /path/to/photos   # another dataset joins the file

The file is data/measured/fine_tuning.json, which lesson 05 shows. A budget is the number of training pictures a class,
and of epochs. All else is as the lesson ships: rates, batches, seeds.
"""

from __future__ import annotations

import argparse
import json
import platform
import tempfile
from importlib.metadata import version
from pathlib import Path

from helpers.course import show_table
from helpers.course.lessons import Lesson, find_lessons
from helpers.course.measured import load_measured, save_measured
from helpers.course.parameters import default_parameters
from helpers.course.running import run_lessons
from helpers.errors import CourseError

NAME = "fine_tuning"
BUDGETS = ((12, 3), (25, 6), (50, 10))  # training pictures a class, epochs
VARIED = ("DATASET", "PER_CLASS", "EPOCHS", "DEVICE", "MINUTES")


def scoreboard_of(lesson: Lesson, dataset: str, per_class: int, epochs: int) -> list[dict]:
    """The lesson's rows on the scoreboard, after a run at this budget."""
    parameters = {"DATASET": dataset, "PER_CLASS": per_class, "EPOCHS": epochs, "MINUTES": 600}
    with tempfile.TemporaryDirectory(prefix="course-budget-") as folder:
        (result,) = run_lessons([lesson], Path(folder), parameters=parameters).results
        if result.error:
            raise CourseError(f"{lesson.name} failed at {per_class} a class, {epochs} epochs: {result.error}")
        return json.loads((Path(folder) / "scoreboard.json").read_text(encoding="utf-8"))


def results(lesson: Lesson, dataset: str) -> list[dict]:
    return [
        {
            "dataset": row["dataset"],
            "per_class": per_class,
            "epochs": epochs,
            "strategy": row["strategy"].partition(",")[0],
            "accuracy": round(row["accuracy"], 4),
            "sd": None if row["accuracy_sd"] is None else round(row["accuracy_sd"], 4),
            "test_images": row["test_images"],
            "seconds": round(row["seconds"], 1),
        }
        for per_class, epochs in BUDGETS
        for row in scoreboard_of(lesson, dataset, per_class, epochs)
    ]


def earlier_results(parameters: dict) -> list[dict]:
    """Those in the file, if the lesson had the same parameters then: else they do not belong beside new ones."""
    try:
        found = load_measured(NAME)
    except CourseError:  # there is none yet, or it is damaged and gets a new one
        return []
    return found["results"] if found["parameters"] == parameters else []


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--dataset", default="painted flowers", help="as in the lesson's parameters cell")
    dataset = parser.parse_args().dataset

    (lesson,) = find_lessons(["05"])
    defaults = default_parameters(lesson.read())
    parameters = {name: value for name, value in defaults.items() if name not in VARIED}
    new = results(lesson, dataset)
    kept = [row for row in earlier_results(parameters) if row["dataset"] != new[0]["dataset"]]
    rows = sorted(kept + new, key=lambda row: row["dataset"] != defaults["DATASET"])
    versions = {package: version(package) for package in ("torch", "torchvision", "timm")}
    versions |= {"python": platform.python_version(), "machine": platform.machine()}
    file = save_measured(NAME, {"results": rows, "parameters": parameters, "versions": versions})
    show_table(rows, f"Written to {file}")


if __name__ == "__main__":
    main()
