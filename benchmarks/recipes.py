"""This course's recipes beside those of the PyTorch tutorial and of fastai: same photos, same network, same machine.

    python benchmarks/recipes.py PHOTOS [PHOTOS ...]     # folders with train/ and val/, each with a folder a class
    python benchmarks/recipes.py PHOTOS --without fastai # a peer that is not installed

About an hour on two quiet cores for ants and bees (244 photos to train on), and longer for more photos; killed, it goes
on with the runs that are missing. The short recipes come first, and a table of what is there is written after each of
them: it says for how many seeds. fastai belongs to this benchmark alone; where it is missing, install it with
`.venv/bin/python -m uv pip install fastai==2.8.12`.

The folder val/ is held out. The peers' recipes (`peers.py`) train on all of train/; the course's keep a fifth of it to
choose by. Seconds run from loading the network to the last look at the held-out photos, in a process that has loaded
its libraries; the features of frozen networks are computed anew. Beside the clock's stand the seconds that the cores
worked, in all threads and loading processes: other work on the machine lengthens the first and hardly the second. For
each peer the table says how long it took, how long the course's recipe of the same kind took, and the accuracy of
both: the course's counts as there when it is at least as accurate as the peer is at its end.
"""

from __future__ import annotations

import argparse
import contextlib
import io
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any
from unittest.mock import patch

import peers
import torch
from frozen_backbone import names_of_the_lesson
from study_run import Log, Row, Task, run_all

from helpers.course import show_table
from helpers.course.measured import save_measured, versions_here
from helpers.data import load_dataset
from helpers.errors import CourseError, first_line
from helpers.models import freeze, load_backbone, remove_head
from helpers.places import cache_dir
from helpers.training import accuracy, as_tensors, device_name, extract_features
from helpers.training.strategies import Images, fine_tuned, right_on

NAME = "recipes"
BACKBONE, SEEDS = "efficientnet_lite0", 3
RATE = 3e-4  # of all parts, in LP-FT; at 1e-4 the validation loss of ants and bees still falls after three minutes
PATIENCE = 1
PARAMETERS = {"BACKBONE": BACKBONE, "RATE": RATE, "PATIENCE": PATIENCE}
# Each recipe of others and the course's that is held against it.
AGAINST = {
    "tutorial, frozen": "course, frozen",
    "tutorial, all": "course, all",
    "fastai, fine_tune": "course, frozen",
}
# Minutes a run, for the time that is left to be told.
MINUTES = {
    "tutorial, frozen": 4,
    "tutorial, all": 9,
    "fastai, fine_tune": 4,
    "course, frozen": 0.2,
    "course, all": 1.3,
}
Curve = peers.Curve


# -- The course's ---------------------------------------------------------------------------------------------------


def course_frozen(photos: Path, seed: int) -> Curve:
    """Lesson 03: features once, and its own `train_head` on them."""
    with contextlib.redirect_stdout(io.StringIO()):  # what the lesson's first cells print
        lesson = names_of_the_lesson()
    started = time.perf_counter()
    backbone = load_backbone(BACKBONE, download=False)
    data = load_dataset(photos, seed=seed).with_transform(backbone.transforms)
    network, width = remove_head(backbone.model)
    train, test = (extract_features(freeze(network), part) for part in (data.train, data.test))
    lesson.update(width=width, classes=data.classes)  # which `linear_head` asks for
    head = lesson["train_head"](lesson["linear_head"], train.features, train.labels, seed=seed)
    with torch.no_grad():
        return [(accuracy(head(test.features), test.labels), time.perf_counter() - started)]


def course_all(photos: Path, seed: int) -> Curve:
    """Lesson 08's LP-FT: the head on frozen features, then all of it, until the validation photos stop it."""
    started = time.perf_counter()
    backbone = load_backbone(BACKBONE, download=False)
    data = load_dataset(photos, seed=seed).with_transform(backbone.transforms)
    images = Images(as_tensors(data.train), as_tensors(data.val), len(data.classes))
    done = fine_tuned("LP-FT", backbone.model, images, RATE, seed, patience=PATIENCE)
    right = right_on(done.network, *as_tensors(data.test))
    return [(right.float().mean().item(), time.perf_counter() - started)]


# -- All of them ----------------------------------------------------------------------------------------------------


def curve_of(recipe: str, photos: Path, seed: int, epochs: dict[str, int]) -> Curve:
    folders = {"train": photos / "train", "held_out": photos / "val", "backbone": BACKBONE, "seed": seed}
    if recipe.startswith("tutorial"):
        return peers.tutorial(**folders, frozen=recipe.endswith("frozen"), **epochs)
    if recipe.startswith("fastai"):
        return peers.fastai(**folders, **epochs)
    return (course_frozen if recipe.endswith("frozen") else course_all)(photos, seed)


def run(task: Task) -> Row:
    """One recipe with one seed, in a cache of its own: nothing is read that another run computed."""
    epochs = {"epochs": task["epochs"]} if task["epochs"] else {}
    with tempfile.TemporaryDirectory() as cache, patch.dict(os.environ, COURSE_CACHE=cache):
        before = _worked()
        curve = curve_of(task["recipe"], Path(task["photos"]), task["seed"], epochs)
    return {
        **task,
        "accuracy": [round(a, 4) for a, _ in curve],
        "seconds": [round(s, 2) for _, s in curve],
        "core seconds": round(_worked() - before, 2),
    }


def _worked() -> float:
    """Seconds of all cores for this process and for the ended ones that it started."""
    times = os.times()
    return times.user + times.system + times.children_user + times.children_system


def key(row: Row) -> tuple[str, str, int]:
    return Path(row["photos"]).name, row["recipe"], row["seed"]


def minutes(row: Row) -> float:
    return MINUTES[row["recipe"]]


def table(rows: Sequence[Row]) -> list[dict[str, Any]]:
    """For each set of photos a row for each peer, beside the course's recipe that is held against it."""
    found = []
    for photos in dict.fromkeys(Path(row["photos"]).name for row in rows):
        runs: dict[str, list[Row]] = {}
        for row in rows:
            if Path(row["photos"]).name == photos:
                runs.setdefault(row["recipe"], []).append(row)
        for peer, ours in AGAINST.items():
            if peer in runs and ours in runs:
                found.append(_compared(photos, peer, runs[peer], ours, runs[ours]))
    return found


def _compared(photos: str, peer: str, of_peer: list[Row], ours: str, of_ours: list[Row]) -> dict[str, Any]:
    theirs, mine = (statistics.mean(row["accuracy"][-1] for row in rows) for rows in (of_peer, of_ours))
    took, need = (statistics.mean(row["seconds"][-1] for row in rows) for rows in (of_peer, of_ours))
    worked, works = (statistics.mean(row["core seconds"] for row in rows) for rows in (of_peer, of_ours))
    return {
        "photos": photos,
        "peer": peer,
        "their accuracy": round(theirs, 4),
        "their best epoch": round(statistics.mean(max(row["accuracy"]) for row in of_peer), 4),
        "their seconds": round(took, 1),
        "ours": ours,
        "our accuracy": round(mine, 4),
        "our seconds": round(need, 1),
        "ratio of seconds": round(took / need, 1),
        "ratio of core seconds": round(worked / works, 1),
        "no less accurate": mine >= theirs,
        "seeds": min(len(of_peer), len(of_ours)),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("photos", nargs="+", type=Path, help="folders with train/ and val/")
    parser.add_argument("--without", nargs="+", default=[], help="names that a recipe begins with, such as fastai")
    parser.add_argument("--seeds", type=int, default=SEEDS)
    parser.add_argument("--epochs", type=int, help="of the peers, to try the program: nothing is written")
    given = parser.parse_args()
    if lacking := [f for folder in given.photos for f in (folder / "train", folder / "val") if not f.is_dir()]:
        raise CourseError(f"no folder {lacking[0]}: name folders that hold train/ and val/")
    recipes = [name for name in MINUTES if not name.startswith(tuple(given.without))]
    tasks = [
        {"photos": str(photos.resolve()), "recipe": recipe, "seed": seed, "epochs": given.epochs}
        for recipe in sorted(recipes, key=MINUTES.__getitem__)
        for photos in given.photos
        for seed in range(given.seeds)
    ]
    settings = {**PARAMETERS, "epochs": given.epochs}
    log = Log(cache_dir() / f"{NAME}{'_tried' if given.epochs else ''}.jsonl", key, settings)
    for recipe in dict.fromkeys(task["recipe"] for task in tasks):
        of_recipe = [task for task in tasks if task["recipe"] == recipe]
        whole = {"total": len(tasks), "weight": minutes, "whole_weight": sum(map(minutes, tasks))}
        run_all([lambda asked=of_recipe: asked], log, run, **whole)
        if not given.epochs:
            write(log, settings)
    title = f"Written to data/measured/{NAME}.json"
    show_table(
        table(list(log.rows.values())), title if not given.epochs else "Not written: other epochs than published"
    )


def write(log: Log, settings: dict[str, Any]) -> None:
    rows = [{**row, "photos": Path(row["photos"]).name} for row in log.rows.values()]
    facts = {"parameters": settings, "versions": versions_here(), "device": device_name(torch.device("cpu"))}
    save_measured(NAME, {"results": table(rows), "runs": rows, **facts})


if __name__ == "__main__":
    try:
        main()
    except CourseError as error:
        sys.exit(first_line(error))
