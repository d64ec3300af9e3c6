"""How long the next picture takes after a control was moved, for all controls of the lessons.

    python benchmarks/widgets.py --moves 20
    python benchmarks/widgets.py 01 06

The cells are those of the notebooks. What a lesson computes before them stands in as little as they need, so these
pictures show no result. Measured is what the kernel does, from the new value to the finished picture; the way to the
front end and back comes on top. Each move makes a choice that was not seen before.
"""

from __future__ import annotations

import argparse
import contextlib
import io
import os
import random
import statistics
import time
from collections.abc import Iterator
from typing import Any
from unittest.mock import patch

os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")

import ipywidgets

from helpers.course import explorer, show_table
from helpers.course.lessons import find_lessons
from helpers.training import device_name, pick_device

# For each lesson the cells up to its last control: by id, or as code where little of the lesson will do.
NEEDED = {
    "01": [
        *("what-weights-promise-code", "load-code", "the-preprocessing-step-by-step-code"),
        "photos = example_photos()\ncategories = meta['categories']",
        *("images = [photo.image for photo in photos.values()]", "what-it-says-about-six-photos-code"),
        *("common-mistake-the-right-weights-the-wrong-pictu-code-3", "c1a10002", "c1a10003"),
        *("preprocess_any = exercise('1.4').yours()", "c1b10002", "c1b10003", "c1b10004"),
    ],
    "03": ["classes = list('abcde')", "d3a10002", "d3a10003"],
    "05": [
        "data = load_dataset(DATASET, train_per_class=12, val_per_class=4, test_per_class=1)\nclasses = data.classes",
        "backbone = load_backbone(BACKBONE)\ndata = data.with_transform(backbone.transforms_for(SIDE))",
        "from helpers.models.groups import layers_of, layerwise_rates, parameter_groups, stages_of",
        *("a980741c", "network = fresh_network(SEED)\nparts = stages_of(network, 4)", "0783c23d"),
        "X, y = as_tensors(data.train)\nX_val, y_val = as_tensors(data.val)\nper_class = 12",
        *("d17e62ac", "c5b10002", "c5b10003", "right_on = lambda network, X, y: y > 0"),
        "kept = {'frozen': fresh_network(0), 'one rate': fresh_network(1)}",
        *("c5a10002", "c5a10004", "c5a10006", "c5a10008", "c5a10007", "c5a10009"),
    ],
    "06": [
        "names = COMPARED\npublished = {name: backbone_weights(name) for name in names}",
        "top1 = lambda weights: weights.meta['_metrics']['ImageNet-1K']['acc@1']",
        "cost = {name: {'speed': 2.5 * i + 3.5, 'training MB': 17.5 * i + 17} for i, name in enumerate(names)}",
        *("frontier = exercise('6.2').yours()", "choose = exercise('6.4').yours()", "c6a10002", "c6a10003"),
    ],
    "08": ["fc4609d0", "ca6c2598", "eddfe9c5"],
}


def shortened(lesson: str) -> list[str]:
    """The sources of the lesson's parameters, its imports, and `NEEDED`."""
    cells = find_lessons([lesson])[0].read().cells
    first = [cell.source for cell in cells if {"parameters", "imports"} & set(cell.metadata.get("tags", []))]
    sources = {cell.id: cell.source for cell in cells}
    return [*first, *(sources.get(entry, entry) for entry in NEEDED[lesson])]


def panels(lesson: str) -> list[tuple[str, ipywidgets.VBox]]:
    """The controls of a lesson with their picture, each with the name of the function that draws."""
    found: list[Any] = []
    with (
        patch.object(explorer, "in_notebook", lambda: True),
        patch.object(explorer, "show_figure", lambda figure, *_, **__: found.append([])),
        patch.object(explorer, "_display", lambda panel: found[-1].append(panel)),
        contextlib.redirect_stdout(io.StringIO()),
    ):
        names: dict[str, Any] = {}
        for source in shortened(lesson):
            exec(source, names)
            for one in found:
                if len(one) == 1:
                    one.append(source.rpartition("explore(")[2].strip().partition(",")[0])
    return [(name, panel) for panel, name in found]


def controls(panel: ipywidgets.VBox) -> Iterator[Any]:
    """What can be moved in a panel."""
    for part in panel.children:
        if isinstance(part, ipywidgets.HBox):
            yield from controls(part)
        elif isinstance(part, ipywidgets.SelectionSlider | ipywidgets.Checkbox):
            yield part


def move(control: Any, chance: random.Random) -> None:
    """Another value than the one it has."""
    if isinstance(control, ipywidgets.Checkbox):
        control.value = not control.value
    else:
        control.index = chance.choice([i for i in range(len(control.options)) if i != control.index])


def milliseconds(panel: ipywidgets.VBox, moves: int) -> tuple[list[float], list[float]]:
    """By the clock and of process time, for each of up to `moves` moves to a new choice."""
    parts, picture = list(controls(panel)), panel.children[-1]
    chance, seen = random.Random(0), {tuple(part.value for part in parts)}
    clock, process = [], []
    for _ in range(20 * moves):  # there may be fewer choices than moves
        before = picture.value
        started, worked = time.perf_counter(), time.process_time()
        move(chance.choice(parts), chance)
        passed = 1000 * (time.perf_counter() - started), 1000 * (time.process_time() - worked)
        choice = tuple(part.value for part in parts)
        if choice not in seen and picture.value != before and "<img" in picture.value:
            clock.append(passed[0])
            process.append(passed[1])
        seen.add(choice)
        if len(clock) == moves:
            break
    return clock, process


def main() -> None:
    """Print a row for each figure with controls."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("lessons", nargs="*", default=list(NEEDED), help="such as 01 06; all of them by default")
    parser.add_argument("--moves", type=int, default=20, help="how many moves the medians are of")
    chosen = parser.parse_args()
    rows = []
    for lesson in chosen.lessons:
        for name, panel in panels(lesson):
            clock, process = milliseconds(panel, chosen.moves)
            rows.append(
                {
                    "lesson": lesson,
                    "drawn by": name,
                    "moves": len(clock),
                    "median (ms)": round(statistics.median(clock)),
                    "slowest (ms)": round(max(clock)),
                    "process time, median (ms)": round(statistics.median(process)),
                }
            )
    show_table(rows, f"From a new value to its picture, on {device_name(pick_device('cpu'))}")


if __name__ == "__main__":
    main()
