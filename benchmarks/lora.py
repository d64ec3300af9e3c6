"""Lesson 07's comparison in full: each strategy trained until its validation stops, its rate found by the same search.

    python benchmarks/lora.py                             # painted flowers, about 35 minutes
    python benchmarks/lora.py --dataset /path/to/photos   # another dataset joins the file
    python benchmarks/lora.py --per-class 25              # another number of training pictures a class

The file is data/measured/lora.json, which lesson 07 shows. The rules are those of benchmarks/fine_tuning.py: six rates
on one seed, each about three times the one before, the one with the lowest validation loss then with --seeds seeds;
the test part decides nothing.
"""

from __future__ import annotations

import argparse
from typing import Any

import torch
from fine_tuning import lesson_names, measured, save_with_earlier, searched

from helpers.course.lessons import find_lessons
from helpers.course.parameters import default_parameters

NAME = "lora"
SEEDS = 6  # with three of them the spread of full fine-tuning leaves every question open
PER_CLASS = (12,)  # training pictures a class
HALF_DECADES = (3e-5, 1e-4, 3e-4, 1e-3, 3e-3, 1e-2, 3e-2, 1e-1)
TRIED = {  # six rates each: wide enough for painted flowers and for photos, whose best rates differ
    "linear probe": HALF_DECADES[:6],
    "bias-only": HALF_DECADES[2:],
    "last stage": HALF_DECADES[:6],
    "full": HALF_DECADES[:6],
    "LoRA, rank 1": HALF_DECADES[1:7],
    "LoRA, rank 4": HALF_DECADES[1:7],
    "LoRA, rank 16": HALF_DECADES[1:7],
}
VARIED = ("DATASET", "PER_CLASS", "DEVICE", "REPEATS", "RATES", "RUN", "RANK")


def results(dataset: str, per_class: int, count: int) -> list[dict[str, Any]]:
    lesson = lesson_names("07", {"DATASET": dataset, "PER_CLASS": per_class}, last="right_on")
    torch.set_num_threads(1)  # fastest for a small network on small images, and the same sums on every machine
    seeds = range(lesson["SEED"], lesson["SEED"] + count)
    print(f"{lesson['data'].name}, {lesson['per_class']} a class", flush=True)
    rows = []
    for name in lesson["strategies"]:
        losses = searched(lesson, name, TRIED[name])
        rate = float(min(losses, key=losses.__getitem__))
        row = measured(lesson, name, rate, [lesson["run"](name, seed, rate) for seed in seeds])
        rows.append({**row, "search": losses})
    return rows


def main() -> None:
    defaults = default_parameters(find_lessons(["07"])[0].read())
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--dataset", default=defaults["DATASET"], help="as in the lesson's parameters cell")
    parser.add_argument("--per-class", type=int, nargs="+", default=PER_CLASS, help="training pictures a class")
    parser.add_argument("--seeds", type=int, default=SEEDS, help="runs at the best rate, 2 or more")
    given = parser.parse_args()

    for per_class in given.per_class:
        save_with_earlier(NAME, results(given.dataset, per_class, given.seeds), defaults, VARIED)


if __name__ == "__main__":
    main()
