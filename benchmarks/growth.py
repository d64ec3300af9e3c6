"""What more images cost: seconds and memory of frozen features for 500 to 20,000 photos, each in a fresh process.

    python benchmarks/growth.py                      # about 4 minutes on two quiet cores; killed, it goes on
    python benchmarks/growth.py --counts 500 1000    # fewer, for a look; nothing is written

The photos are painted flowers of 64 pixels as JPEG files: 500 that are painted, and each of them moved, so that no two
files are alike. What they show does not matter here. The file is data/measured/growth.json. A row has the seconds of
the first run and of a second one, which reads the cache; the megabytes that the features themselves take; and the peak
of memory beyond what was in use before. Time should grow as the images do, and the peak by no more than the features.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image
from study_run import Log
from tqdm import tqdm

from helpers.course import show_table
from helpers.course.measured import save_measured, versions_here
from helpers.data.painted_flowers import SPECIES, Recipe, painted_flowers
from helpers.data.splits import ImageDataset, Photo, Photos
from helpers.errors import CourseError, first_line
from helpers.models import freeze, load_backbone, remove_head
from helpers.places import cache_dir
from helpers.training.devices import device_name, pick_device
from helpers.training.features import PART, extract_features
from helpers.training.measuring import peak_memory

NAME = "growth"
COUNTS = (500, 1_000, 2_000, 5_000, 10_000, 20_000)
SIDE, PAINTED = 64, 500
BACKBONE = "efficientnet_lite0"
PARAMETERS = {"BACKBONE": BACKBONE, "SIDE": SIDE, "PART": PART, "COUNTS": list(COUNTS)}


def folder() -> Path:
    return cache_dir() / "growth"


def make_photos(count: int) -> None:
    """The first `count` files, as far as they are not there yet."""
    if (folder() / f"{count - 1:06}.jpg").exists():
        return
    folder().mkdir(parents=True, exist_ok=True)
    flowers, _ = painted_flowers(PAINTED // len(SPECIES), Recipe(size=SIDE))
    for number in tqdm(range(count), desc="photos"):
        file = folder() / f"{number:06}.jpg"
        if not file.exists():
            move = number // PAINTED
            moved = np.roll(flowers[number % PAINTED], (move // 8, move % 8), axis=(0, 1))
            # not by atomic_write, which looks through the whole folder for old drafts each time
            Image.fromarray(moved).save(draft := file.with_suffix(".tmp"), "JPEG", quality=95)
            draft.replace(file)


def photos(count: int) -> ImageDataset:
    files = [folder() / f"{number:06}.jpg" for number in range(count)]
    found = tuple(Photo(file, file.name, stat.st_size, stat.st_mtime_ns) for file in files for stat in [file.stat()])
    labels = [number % len(SPECIES) for number in range(count)]
    return ImageDataset(Photos(found), labels, SPECIES, [photo.relative for photo in found])


def measure(count: int) -> dict[str, Any]:
    """In this process, which has done nothing else, with an empty cache."""
    backbone = load_backbone(BACKBONE, download=False)
    network = freeze(remove_head(backbone.model)[0])
    images = photos(count).with_transform(backbone.transforms_for(SIDE))
    extract_features(network, images.subset(range(min(16, count))), cache=False)  # what is loaded at first use
    with peak_memory("cpu") as peak:
        first, features = timed(network, images)
    again, _ = timed(network, images)
    of_features = features.nbytes / 1e6
    return {
        "images": count,
        "seconds": round(first, 2),
        "ms an image": round(1000 * first / count, 2),
        "seconds, second run": round(again, 2),
        "features (MB)": round(of_features, 1),
        "peak (MB)": round(peak.megabytes, 1),
    }


def timed(network: torch.nn.Module, images: ImageDataset) -> tuple[float, torch.Tensor]:
    started = time.perf_counter()
    features = extract_features(network, images).features
    return time.perf_counter() - started, features


def in_a_fresh_process(count: int) -> dict[str, Any]:
    with tempfile.TemporaryDirectory() as cache:
        (Path(cache) / "growth").symlink_to(folder().resolve(), target_is_directory=True)
        done = subprocess.run(
            [sys.executable, __file__, "--one", str(count)],
            stdout=subprocess.PIPE,
            text=True,
            env={**os.environ, "COURSE_CACHE": cache},
        )
    if done.returncode:
        raise CourseError(f"the run with {count} images ended with {done.returncode}: its reason stands above")
    return json.loads(done.stdout.splitlines()[-1])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--counts", nargs="+", type=int, default=list(COUNTS))
    parser.add_argument("--one", type=int, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.one:
        print(json.dumps(measure(given.one)))
        return
    make_photos(max(given.counts))
    settings = {**PARAMETERS, "COUNTS": given.counts, "versions": versions_here()}
    log = Log(cache_dir() / f"{NAME}.jsonl", lambda row: row["images"], settings)
    for count in given.counts:
        if {"images": count} not in log:
            log.add(in_a_fresh_process(count))
            print(log.rows[count], flush=True)
    rows = [log.rows[count] for count in given.counts]
    title = "Not written: not all counts were asked for"
    if given.counts == list(COUNTS):
        device = device_name(pick_device("cpu"))
        found = {"results": rows, "parameters": PARAMETERS, "versions": versions_here(), "device": device}
        title = f"Written to {save_measured(NAME, found)}"
        log.file.unlink()  # the next run measures anew
    show_table(rows, title)


if __name__ == "__main__":
    try:
        main()
    except CourseError as error:
        sys.exit(first_line(error))
