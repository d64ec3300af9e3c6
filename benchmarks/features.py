"""How long frozen features take, in ratios of one run: memory layout, picture size, and the cache.

    python benchmarks/features.py --images 64

Times are process times of the fastest of three rounds, in ms an image; compare them with one another, and not
with those of another machine.
"""

from __future__ import annotations

import argparse
import os
import tempfile
import time
from collections.abc import Callable

import torch

from helpers.course import show_table
from helpers.data import load_dataset
from helpers.models import freeze, load_backbone, remove_head
from helpers.training import extract_features


def milliseconds(work: Callable[[], object], images: int, rounds: int = 3) -> float:
    """Process time of the fastest round, in ms an image."""
    times = []
    for _ in range(rounds):
        started = time.process_time()
        work()
        times.append(time.process_time() - started)
    return 1000 * min(times) / images


@torch.no_grad()
def layouts(name: str, n: int) -> list[dict]:
    """Forward passes of one batch in both memory layouts, at three sizes."""
    network, _ = remove_head(load_backbone(name).model)
    rows = []
    for side in (128, 160, 224):
        images = torch.rand(n, 3, side, side)
        row = {"backbone": name, "side (px)": side}
        for layout in ("contiguous_format", "channels_last"):
            memory_format = getattr(torch, layout)
            network, images = network.to(memory_format=memory_format), images.to(memory_format=memory_format)
            row[f"{layout} (ms)"] = milliseconds(lambda batch=images, model=network: model(batch), n)
        row["ratio"] = row["contiguous_format (ms)"] / row["channels_last (ms)"]
        rows.append(row)
    return rows


def cache(name: str, n: int) -> list[dict]:
    """Features of painted flowers, computed and read back."""
    backbone = load_backbone(name)
    network = freeze(remove_head(backbone.model)[0])
    data = load_dataset("painted flowers", train_per_class=n // 5, val_per_class=1, test_per_class=1)
    images = data.train.with_transform(backbone.transforms_for(128))
    computed = milliseconds(lambda: extract_features(network, images, cache=False), len(images), rounds=1)
    extract_features(network, images)
    read = milliseconds(lambda: extract_features(network, images), len(images))
    return [{"backbone": name, "computed (ms)": computed, "read back (ms)": read, "ratio": computed / read}]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--backbone", default="efficientnet_lite0")
    parser.add_argument("--images", type=int, default=32)
    arguments = parser.parse_args()
    show_table(layouts(arguments.backbone, arguments.images), "Memory layout, process time an image")
    with tempfile.TemporaryDirectory() as folder:
        os.environ["COURSE_CACHE"] = folder
        show_table(cache(arguments.backbone, 5 * arguments.images), "The feature cache, process time an image")


if __name__ == "__main__":
    main()
