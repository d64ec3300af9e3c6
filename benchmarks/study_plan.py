"""What lesson 08's study runs, and the table that comes of it: no picture and no network here.

Each strategy is tried with four rates at 5 and at 100 pictures a class, on one seed, and with up to two more where the
best is the lowest or the highest of them. The rate with the lowest validation loss then serves 2, 5 and 20 pictures a
class, or 100, 500 and 2,000.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from study_run import Log, Row, Task

from helpers.errors import CourseError

BACKBONE = "efficientnet_lite0"
SIDE = 48  # pixels that the network sees: ten thousand pictures in a minute and a half of training
PAINTED_SIDE = 64
SEEDS = (0, 1, 2)
SIZES = (2, 5, 20, 100, 500, 2000)  # training pictures a class
SEARCHED_AT = {2: 5, 5: 5, 20: 5, 100: 100, 500: 100, 2000: 100}
DOMAINS = {
    "painted flowers, shift 0": {"name_or_folder": "painted flowers", "shift": 0.0},
    "digits": {"name_or_folder": "digits"},
    "painted flowers, shift 0.5": {"name_or_folder": "painted flowers", "shift": 0.5},  # the dial's far end
}
PARTS = {"painted flowers": {"val": 30, "test": 100}, "digits": {"val": 15, "test": 34}}  # a class
POOL = {"painted flowers": 2000, "digits": 100}  # training pictures a class that each run draws its own from
MOST = {"digits": 100}  # no more digits are there
LADDER = (1e-6, 3e-6, 1e-5, 3e-5, 1e-4, 3e-4, 1e-3, 3e-3, 1e-2, 3e-2, 1e-1, 3e-1, 1.0)
RATES = {  # that each search begins with, steps of the ladder
    "scratch": (3e-4, 1e-3, 3e-3, 1e-2),
    "linear probe": (3e-4, 1e-3, 3e-3, 1e-2),
    "last stage": (3e-4, 1e-3, 3e-3, 1e-2),
    "one rate": (1e-4, 3e-4, 1e-3, 3e-3),
    "differential": (1e-3, 3e-3, 1e-2, 3e-2),
    "LP-FT": (3e-5, 1e-4, 3e-4, 1e-3),
    "LoRA": (1e-3, 3e-3, 1e-2, 3e-2),
}
FURTHER = 2  # steps past an end of these, while the best rate is the one at that end
PARAMETERS = {
    "BACKBONE": BACKBONE,
    "SIDE": SIDE,
    "SEEDS": list(SEEDS),
    "PARTS": PARTS,
    "RATES": {name: list(rates) for name, rates in RATES.items()},
    "FURTHER": FURTHER,
    "SEARCHED_AT": {str(size): at for size, at in SEARCHED_AT.items()},
}
STRATEGIES = tuple(RATES)


def key(row: Row | Task) -> tuple:
    return tuple(row[part] for part in ("domain", "strategy", "per_class", "seed", "rate"))


def sizes_of(domain: str) -> list[int]:
    return [size for size in SIZES if size <= MOST.get(domain, size)]


def searches(domain: str) -> list[Task]:
    """What each search begins with."""
    return [task_of(domain, name, size, SEEDS[0], rate) for size, name in _searched(domain) for rate in RATES[name]]


def further(domain: str, log: Log) -> list[Task]:
    """One rate more for each search whose best rate lies at an end of those that were tried."""
    tasks = []
    for size, name in _searched(domain):
        losses = search_of(domain, name, size, log)
        if len(losses) < len(RATES[name]) + FURTHER and (rate := _past_the_end(losses)):
            tasks.append(task_of(domain, name, size, SEEDS[0], rate))
    return tasks


def _searched(domain: str) -> list[tuple[int, str]]:
    sizes = sorted({SEARCHED_AT[size] for size in sizes_of(domain)})
    return [(size, name) for size in sizes for name in STRATEGIES]


def _past_the_end(losses: dict[float, float | None]) -> float | None:
    """The ladder's next rate, where the best of these is the lowest or the highest of them."""
    best, place = _lowest(losses), LADDER.index
    if best == min(losses):
        return LADDER[place(best) - 1]
    return LADDER[place(best) + 1] if best == max(losses) else None


def finals(domain: str, log: Log) -> list[Task]:
    """The runs of the table, at the rates that the search found."""
    return [
        task_of(domain, name, size, seed, best_rate(domain, name, size, log))
        for size in sizes_of(domain)
        for name in STRATEGIES
        for seed in SEEDS
    ]


def task_of(domain: str, strategy: str, per_class: int, seed: int, rate: float) -> Task:
    return {"domain": domain, "strategy": strategy, "per_class": per_class, "seed": seed, "rate": rate}


def search_of(domain: str, strategy: str, per_class: int, log: Log) -> dict[float, float | None]:
    """The lowest validation loss by rate, as far as the search has come; None where the loss was no number any more."""

    def loss(rate: float) -> float | None:
        return log[task_of(domain, strategy, SEARCHED_AT[per_class], SEEDS[0], rate)]["val_loss"]

    losses = {rate: loss(rate) for rate in RATES[strategy]}
    for _ in range(FURTHER):
        rate = _past_the_end(losses)
        if rate is None or task_of(domain, strategy, SEARCHED_AT[per_class], SEEDS[0], rate) not in log:
            break
        losses[rate] = loss(rate)
    return dict(sorted(losses.items()))


def best_rate(domain: str, strategy: str, per_class: int, log: Log) -> float:
    return _lowest(search_of(domain, strategy, per_class, log))


def _lowest(losses: dict[float, float | None]) -> float:
    return min((rate for rate, loss in losses.items() if loss is not None), key=losses.__getitem__)


def phases(
    domains: Sequence[str], sizes: Sequence[int], log: Log, prepare: Callable[[str], object]
) -> Iterator[Callable[[], list[Task]]]:
    """For each domain the search, and then the runs that hang on what it found. `prepare` comes before a domain."""
    for domain in domains:

        def search(domain: str = domain) -> list[Task]:
            tasks = searches(domain)
            if any(task not in log for task in tasks):
                prepare(domain)
            return tasks

        yield search
        for _ in range(FURTHER):
            yield lambda domain=domain: further(domain, log)
        yield lambda domain=domain: [task for task in finals(domain, log) if task["per_class"] in sizes]


# -- How much there is to do ---------------------------------------------------------------------------------


def weight(task: Task) -> float:
    """About how long a run takes: by its pictures a round, and little for features that are computed once."""
    classes = 10 if task["domain"] == "digits" else 5
    share = {"linear probe": 0.1, "last stage": 0.6}.get(task["strategy"], 1.0)
    return share * (min(max(classes * task["per_class"], 100), 1000) + 60)


def count(domain: str) -> int:
    """All runs of a domain but for `further` ones; of the table's, those that a search has run are counted there."""
    sizes = sizes_of(domain)
    found = {SEARCHED_AT[size] for size in sizes}
    return len(searches(domain)) + len(STRATEGIES) * (len(sizes) * len(SEEDS) - len(found))


def whole_weight(domain: str) -> float:
    """The weight of the runs that `count` counts."""
    of_search = sum(weight(task) for task in searches(domain))
    sizes = [(size, len(SEEDS) - (size in SEARCHED_AT.values())) for size in sizes_of(domain)]
    return of_search + sum(
        runs * weight(task_of(domain, name, size, 0, 0.0)) for size, runs in sizes for name in STRATEGIES
    )


# -- The table ----------------------------------------------------------------------------------------------


def cells(domains: Sequence[str], log: Log) -> list[Row]:
    """The rows of the table.

    Raises:
        CourseError: a run at the best rate failed with one of the seeds.
    """
    return [
        _cell(domain, name, per_class, log)
        for domain in domains
        for per_class in sizes_of(domain)
        for name in STRATEGIES
    ]


def _cell(domain: str, strategy: str, per_class: int, log: Log) -> Row:
    rate = best_rate(domain, strategy, per_class, log)
    runs = [log[task_of(domain, strategy, per_class, seed, rate)] for seed in SEEDS]
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
