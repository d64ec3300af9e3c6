"""How long frozen features take, in ratios of one run: memory layout, picture size, batches, allocator, and the cache.

    python benchmarks/features.py --images 64

Times are process times of the fastest of three rounds, in ms an image, where nothing else is said; compare them with
one another, and not with those of another machine.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable

import torch

from helpers.course import show_table
from helpers.data import load_dataset
from helpers.models import freeze, load_backbone, remove_head
from helpers.training import extract_features


def milliseconds(work: Callable[[], object], images: int, rounds: int = 3, *, clock: bool = False) -> float:
    """Process time of the fastest round, or its time by the clock, in ms an image."""
    times, now = [], time.perf_counter if clock else time.process_time
    for _ in range(rounds):
        started = now()
        work()
        times.append(now() - started)
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


def batches(name: str, side: int, n: int) -> list[dict]:
    """Forward passes in batches of several sizes, with freed memory kept and without, and `extract_features` as it is.

    The allocator is set once for a process, so each row is one: an empty GLIBC_TUNABLES is a choice of one's own, which
    `helpers.training.allocator` leaves alone.
    """
    rows = []
    for kept, chosen in (("yes", {}), ("no", {"GLIBC_TUNABLES": ""})):
        asked = [sys.executable, __file__, "--backbone", name, "--images", str(n), "--in-batches", str(side)]
        done = subprocess.run(asked, stdout=subprocess.PIPE, text=True, check=True, env={**os.environ, **chosen})
        rows.append({"side (px)": side, "freed memory kept": kept, **json.loads(done.stdout.splitlines()[-1])})
    return rows


@torch.no_grad()
def in_batches(name: str, side: int, n: int) -> dict[str, float]:
    """Clock time of forward passes, in ms an image and of `extract_features`."""
    backbone = load_backbone(name)
    network = freeze(remove_head(backbone.model)[0]).to(memory_format=torch.channels_last)
    ready = torch.rand(n, 3, side, side).contiguous(memory_format=torch.channels_last)
    found = {}
    for size in (4, 8, 16, 32):
        parts = ready.split(size)
        found[f"{size} (ms)"] = milliseconds(lambda parts=parts: [network(part) for part in parts], n, clock=True)
    bare = found["8 (ms)"]
    data = load_dataset(
        "painted flowers", train_per_class=-(-n // 5), val_per_class=1, test_per_class=1, image_size=side
    )
    images = data.train.with_transform(backbone.transforms_for(side))
    whole = milliseconds(lambda: extract_features(network, images, cache=False), len(images), clock=True)
    return found | {"features (ms)": whole, "features / bare pass": bare / whole}


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
    parser.add_argument("--in-batches", type=int, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.in_batches:
        print(json.dumps(in_batches(arguments.backbone, arguments.in_batches, arguments.images)))
        return
    for side in (128, 224):
        show_table(batches(arguments.backbone, side, arguments.images), "Images in a forward pass, by the clock")
    show_table(layouts(arguments.backbone, arguments.images), "Memory layout, process time an image")
    with tempfile.TemporaryDirectory() as folder:
        os.environ["COURSE_CACHE"] = folder
        show_table(cache(arguments.backbone, 5 * arguments.images), "The feature cache, process time an image")


if __name__ == "__main__":
    main()
