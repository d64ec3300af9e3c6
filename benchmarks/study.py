"""Lesson 08's study: seven strategies, up to 10,000 pictures, near to ImageNet and far from it.

    make study                                # all of it: hours; goes on where it was stopped or killed
    python benchmarks/study.py --processes 4  # as many runs at a time
    python benchmarks/study.py --domains digits --sizes 2 5

What is run, and at which rates, stands in `study_plan.py`. Every run goes on until its validation stops
(`helpers/training/strategies.py`). The test part decides nothing. Each run is a line of data/measured/study.jsonl as
soon as it ends. Once no cell is missing, the table is written: data/measured/study.json.
"""

from __future__ import annotations

import argparse
import functools
import subprocess
import time
from typing import Any

import study_plan as plan
import torch
from study_run import Log, Row, Task, run_all
from torch import Tensor

from helpers.course.measured import save_measured, versions_here
from helpers.course.study import NAME, packed
from helpers.data import load_dataset
from helpers.data.splits import Splits
from helpers.errors import CourseError
from helpers.models import load_backbone
from helpers.models.distance import distance_from_pretraining
from helpers.places import repository
from helpers.training import as_tensors
from helpers.training.strategies import Images, few_of_each, fine_tuned, right_on

# -- One run ------------------------------------------------------------------------------------------------


def dataset(domain: str) -> Splits:
    """The domain's pictures; painted ones are kept on disk, so that they are painted once and not by each process."""
    how = plan.DOMAINS[domain]
    name = how["name_or_folder"]
    parts = {f"{part}_per_class": count for part, count in plan.PARTS[name].items()}
    return load_dataset(**how, seed=0, image_size=plan.PAINTED_SIDE, train_per_class=plan.POOL[name], **parts)


@functools.lru_cache(maxsize=1)
def pictures(domain: str) -> dict[str, tuple[Tensor, Tensor]]:
    """The three parts of a domain as tensors: all training pictures there are, and the same others for each run."""
    data = dataset(domain).with_transform(backbone().transforms_for(plan.SIDE))
    return {part: as_tensors(getattr(data, part)) for part in ("train", "val", "test")}


@functools.cache
def backbone():
    return load_backbone(plan.BACKBONE, download=False)


def images_for(domain: str, per_class: int, seed: int) -> Images:
    """So many training pictures of each class, drawn by the seed; the validation part is the same for each."""
    parts = pictures(domain)
    few = few_of_each(*parts["train"], per_class, seed)
    return Images(few, parts["val"], len(few[1].unique()), mirrored=domain != "digits")


def run(task: Task) -> Row:
    """Train, and write down what came of it."""
    started = time.perf_counter()
    images = images_for(task["domain"], task["per_class"], task["seed"])
    try:
        done = fine_tuned(task["strategy"], backbone().model, images, task["rate"], task["seed"])
    except CourseError:  # the loss is no number any more: a rate that is too high
        return {**task, "val_loss": None, "seconds": round(time.perf_counter() - started, 1)}
    right = right_on(done.network, *pictures(task["domain"])["test"])
    return {
        **task,
        "val_loss": round(min(point["val loss"] for point in done.curve), 4),
        "epochs": round(done.epochs, 1),
        "rounds": len(done.curve),
        "trainable": done.trainable,
        "right": packed(right.tolist()),
        "seconds": round(time.perf_counter() - started, 1),
    }


def prepare() -> None:
    torch.set_num_threads(1)  # fastest for a small network on small pictures, and the same sums everywhere


# -- All of them --------------------------------------------------------------------------------------------


def _about(domain: str) -> dict[str, Any]:
    """What the lesson says of a domain: its distance, by the training pictures that all sizes share."""
    parts = pictures(domain)
    count = len(parts["train"][1])
    few = torch.randperm(count, generator=torch.Generator().manual_seed(0))[: min(500, count)]
    distance = distance_from_pretraining(backbone().model, parts["train"][0][few])
    classes = int(parts["train"][1].max()) + 1
    return {"distance": round(distance, 3), "classes": classes, "test_images": len(parts["test"][1])}


def code() -> dict[str, str]:
    """The commit of the code, where git knows one."""
    try:
        found = subprocess.run(
            ["git", "-C", str(repository()), "rev-parse", "--short=12", "HEAD"],
            capture_output=True,
            text=True,
            check=True,
        )
    except (OSError, subprocess.CalledProcessError):
        return {"code": "unknown: no git here"}
    return {"code": found.stdout.strip()}


def table(log: Log) -> dict[str, Any]:
    return {
        "results": plan.cells(list(plan.DOMAINS), log),
        "domains": {domain: _about(domain) for domain in plan.DOMAINS},
        "parameters": plan.PARAMETERS,
        "versions": {**versions_here(), **code()},
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--processes", type=int, default=2, help="runs at a time, one core each")
    parser.add_argument("--domains", nargs="+", choices=list(plan.DOMAINS), default=list(plan.DOMAINS))
    parser.add_argument(
        "--sizes", nargs="+", type=int, choices=plan.SIZES, default=list(plan.SIZES), help="of the table's runs"
    )
    given = parser.parse_args()
    log = Log(repository() / "data" / "measured" / f"{NAME}.jsonl", plan.key, plan.PARAMETERS)
    run_all(
        plan.phases(given.domains, given.sizes, log, prepare=dataset),
        log,
        run,
        processes=given.processes,
        prepare=prepare,
        total=sum(map(plan.count, given.domains)),
        weight=plan.weight,
        whole_weight=sum(map(plan.whole_weight, given.domains)),
    )
    if given.domains == list(plan.DOMAINS) and given.sizes == list(plan.SIZES):
        prepare()
        print(f"Written to {save_measured(NAME, table(log))}", flush=True)


if __name__ == "__main__":
    main()
