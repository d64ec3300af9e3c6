"""Lesson 08's study: seven strategies, up to 10,000 pictures, near to ImageNet and far from it.

    make study                                # all of it: hours; goes on where it was stopped or killed
    python benchmarks/study.py --processes 4  # as many runs at a time
    python benchmarks/study.py --domains digits --sizes 2 5

Each strategy is tried with four rates at 5 and at 100 pictures a class, on one seed; the rate with the lowest
validation loss then serves 2, 5 and 20 pictures a class, or 100, 500 and 2,000. Every run goes on until its validation
stops (`helpers/training/strategies.py`). The test part decides nothing. Each run is a line of data/measured/study.jsonl
as soon as it ends. Once no cell is missing, the table is written: data/measured/study.json.
"""

from __future__ import annotations

import argparse
import functools
import subprocess
import time
from collections.abc import Sequence
from typing import Any

import torch
from study_run import Log, Row, Task, run_all
from torch import Tensor

from helpers.course.measured import save_measured, versions_here
from helpers.data import load_dataset
from helpers.data.splits import Splits
from helpers.errors import CourseError
from helpers.models import load_backbone
from helpers.models.distance import distance_from_pretraining
from helpers.places import repository
from helpers.training import as_tensors
from helpers.training.strategies import STRATEGIES, Images, fine_tuned, images_a_round, right_on

NAME = "study"
BACKBONE = "efficientnet_lite0"
SIDE = 48  # pixels that the network sees: ten thousand pictures in a minute and a half of training
PAINTED_SIDE = 64
SEEDS = (0, 1, 2)
SIZES = (2, 5, 20, 100, 500, 2000)  # training pictures a class
SEARCHED_AT = {2: 5, 5: 5, 20: 5, 100: 100, 500: 100, 2000: 100}
DOMAINS = {
    "painted flowers, shift 0": {"name_or_folder": "painted flowers", "shift": 0.0},
    "painted flowers, shift 0.5": {"name_or_folder": "painted flowers", "shift": 0.5},
    "digits": {"name_or_folder": "digits"},
    "painted flowers, shift 1": {"name_or_folder": "painted flowers", "shift": 1.0},
}
PARTS = {"painted flowers": {"val": 30, "test": 100}, "digits": {"val": 15, "test": 34}}  # a class
MOST = {"digits": 100}  # there are no more
RATES = {
    "scratch": (3e-4, 1e-3, 3e-3, 1e-2),
    "linear probe": (3e-4, 1e-3, 3e-3, 1e-2),
    "last stage": (3e-4, 1e-3, 3e-3, 1e-2),
    "one rate": (1e-4, 3e-4, 1e-3, 3e-3),
    "differential": (1e-3, 3e-3, 1e-2, 3e-2),
    "LP-FT": (3e-5, 1e-4, 3e-4, 1e-3),
    "LoRA": (1e-3, 3e-3, 1e-2, 3e-2),
}
PARAMETERS = {
    "BACKBONE": BACKBONE,
    "SIDE": SIDE,
    "SEEDS": list(SEEDS),
    "PARTS": PARTS,
    "RATES": {name: list(rates) for name, rates in RATES.items()},
    "SEARCHED_AT": {str(size): at for size, at in SEARCHED_AT.items()},
}


def key(row: Row | Task) -> tuple:
    return tuple(row[part] for part in ("domain", "strategy", "per_class", "seed", "rate"))


def sizes_of(domain: str) -> list[int]:
    return [size for size in SIZES if size <= MOST.get(domain, size)]


def searches(domain: str) -> list[Task]:
    sizes = sorted({SEARCHED_AT[size] for size in sizes_of(domain)})
    return [_task(domain, name, size, SEEDS[0], rate) for size in sizes for name in STRATEGIES for rate in RATES[name]]


def finals(domain: str, log: Log) -> list[Task]:
    """The runs of the table, at the rates that the search found."""
    return [
        _task(domain, name, size, seed, best_rate(domain, name, size, log))
        for size in sizes_of(domain)
        for name in STRATEGIES
        for seed in SEEDS
    ]


def _first_phase(domain: str, log: Log) -> list[Task]:
    tasks = searches(domain)
    if any(task not in log for task in tasks):
        dataset(domain)
    return tasks


def _task(domain: str, strategy: str, per_class: int, seed: int, rate: float) -> Task:
    return {"domain": domain, "strategy": strategy, "per_class": per_class, "seed": seed, "rate": rate}


def search_of(domain: str, strategy: str, per_class: int, log: Log) -> dict[float, float | None]:
    """The lowest validation loss by rate; None where the loss was no number any more."""
    tasks = [_task(domain, strategy, SEARCHED_AT[per_class], SEEDS[0], rate) for rate in RATES[strategy]]
    return {task["rate"]: log[task]["val_loss"] for task in tasks}


def best_rate(domain: str, strategy: str, per_class: int, log: Log) -> float:
    losses = {rate: loss for rate, loss in search_of(domain, strategy, per_class, log).items() if loss is not None}
    return min(losses, key=losses.__getitem__)


# -- One run ------------------------------------------------------------------------------------------------


def dataset(domain: str) -> Splits:
    """The domain's pictures; painted ones are kept on disk, so that they are painted once and not by each process."""
    how = DOMAINS[domain]
    parts = {f"{part}_per_class": count for part, count in PARTS[how["name_or_folder"]].items()}
    return load_dataset(**how, seed=0, image_size=PAINTED_SIDE, train_per_class=max(sizes_of(domain)), **parts)


@functools.lru_cache(maxsize=1)
def pictures(domain: str) -> dict[str, tuple[Tensor, Tensor]]:
    """The three parts of a domain as tensors: all training pictures there are, and the same others for each run."""
    data = dataset(domain).with_transform(backbone().transforms_for(SIDE))
    return {part: as_tensors(getattr(data, part)) for part in ("train", "val", "test")}


@functools.cache
def backbone():
    return load_backbone(BACKBONE, download=False)


def images_for(domain: str, per_class: int, seed: int) -> Images:
    """So many training pictures of each class, drawn by the seed; the validation part is the same for each."""
    parts = pictures(domain)
    X, y = parts["train"]
    generator = torch.Generator().manual_seed(seed)
    drawn = []
    for label in range(int(y.max()) + 1):
        members = (y == label).nonzero().flatten()
        drawn.append(members[torch.randperm(len(members), generator=generator)[:per_class]])
    index = torch.cat(drawn)
    return Images((X[index], y[index]), parts["val"], len(drawn), mirrored=domain != "digits")


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


def packed(right: Sequence[bool]) -> str:
    """Right and wrong as hexadecimal digits, four pictures each, the last one filled up with zeros."""
    bits = "".join("01"[one] for one in right)
    bits += "0" * (-len(bits) % 4)
    return f"{int(bits, 2):0{len(bits) // 4}x}"


def prepare() -> None:
    torch.set_num_threads(1)  # fastest for a small network on small pictures, and the same sums everywhere


# -- The table ----------------------------------------------------------------------------------------------


def table(domains: Sequence[str], log: Log) -> dict[str, Any]:
    rows = []
    for domain in domains:
        for per_class in sizes_of(domain):
            rows += [_cell(domain, name, per_class, log) for name in STRATEGIES]
    about = {domain: _about(domain) for domain in domains}
    return {"results": rows, "domains": about, "parameters": PARAMETERS, "versions": {**versions_here(), **code()}}


def _cell(domain: str, strategy: str, per_class: int, log: Log) -> Row:
    rate = best_rate(domain, strategy, per_class, log)
    runs = [log[_task(domain, strategy, per_class, seed, rate)] for seed in SEEDS]
    failed = [run["seed"] for run in runs if run["val_loss"] is None]
    if failed:
        raise CourseError(f"{strategy} on {domain}, {per_class} a class, at {rate:g} failed with seed {failed[0]}")
    losses = search_of(domain, strategy, per_class, log)
    return {
        "domain": domain,
        "strategy": strategy,
        "per_class": per_class,
        "rate": rate,
        "search": {f"{tried:.0e}": loss for tried, loss in losses.items()},
        "trainable": runs[0]["trainable"],
        "epochs": [run["epochs"] for run in runs],
        "right": [run["right"] for run in runs],
    }


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


def weight(task: Task) -> float:
    """About how long a run takes: by its pictures a round, and little for features that are computed once."""
    classes = 10 if task["domain"] == "digits" else 5
    share = {"linear probe": 0.1, "last stage": 0.6}.get(task["strategy"], 1.0)
    return share * (images_a_round(classes * task["per_class"]) + 60)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--processes", type=int, default=2, help="runs at a time, one core each")
    parser.add_argument("--domains", nargs="+", choices=list(DOMAINS), default=list(DOMAINS))
    parser.add_argument("--sizes", nargs="+", type=int, choices=SIZES, default=list(SIZES), help="of the table's runs")
    given = parser.parse_args()
    log = Log(repository() / "data" / "measured" / f"{NAME}.jsonl", key, PARAMETERS)
    phases, every = [], 0
    for domain in given.domains:
        phases.append(functools.partial(_first_phase, domain, log))
        phases.append(lambda domain=domain: [t for t in finals(domain, log) if t["per_class"] in given.sizes])
        every += _count(domain)
    everything = sum(_whole_weight(domain) for domain in given.domains)
    run_all(
        phases,
        log,
        run,
        processes=given.processes,
        prepare=prepare,
        total=every,
        weight=weight,
        whole_weight=everything,
    )
    if given.domains == list(DOMAINS) and given.sizes == list(SIZES):
        prepare()
        print(f"Written to {save_measured(NAME, table(given.domains, log))}", flush=True)


def _count(domain: str) -> int:
    """All runs of a domain; of the table's, those at a searched size with the first seed are among the search's."""
    sizes = sizes_of(domain)
    found = {SEARCHED_AT[size] for size in sizes}
    return len(searches(domain)) + len(STRATEGIES) * (len(sizes) * len(SEEDS) - len(found))


def _whole_weight(domain: str) -> float:
    """The weight of all runs of a domain."""
    of_search = sum(weight(task) for task in searches(domain))
    sizes = [(size, len(SEEDS) - (size in SEARCHED_AT.values())) for size in sizes_of(domain)]
    return of_search + sum(
        count * weight(_task(domain, name, size, 0, 0.0)) for size, count in sizes for name in STRATEGIES
    )


if __name__ == "__main__":
    main()
