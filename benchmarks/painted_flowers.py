"""How hard are the painted flowers, and how fast are they painted?

    python benchmarks/painted_flowers.py                 everything, some minutes on two cores
    python benchmarks/painted_flowers.py --only speed    one table of: speed, size, difficulty, shift, scratch

Accuracy is on pictures that no training set holds, as mean and standard deviation over seeds; a seed draws
the training pictures from a pool and, where a network is trained, its start. The probe is a logistic
regression on standardised features of a frozen, pretrained EfficientNet-Lite0.
"""

from __future__ import annotations

import argparse
import os
import resource
import tempfile
import time
from collections.abc import Callable

import numpy as np
import torch
from PIL import Image
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from torch import Tensor, nn
from torch.nn import functional

from helpers.data.painted_flowers import SPECIES, Recipe, painted_flowers
from helpers.models import load_backbone, remove_head

TABLES = ("speed", "size", "difficulty", "shift", "scratch")
POOL, TEST = 100, 60  # pictures of each species to draw training sets from, and to test on


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", choices=TABLES, nargs="+", default=TABLES)
    parser.add_argument("--resolution", type=int, default=128, help="the network's input, in pixels")
    parser.add_argument("--size", type=int, default=128, help="of the pictures, in pixels")
    parser.add_argument("--seeds", type=int, default=5)
    options = parser.parse_args()
    tables = {"speed": speed, "size": by_size, "difficulty": by_difficulty, "shift": by_shift, "scratch": scratch}
    for name in options.only:
        print(f"\n{name}", flush=True)
        tables[name](options)


def speed(options: argparse.Namespace) -> None:
    """Wall and processor seconds for 1,000 pictures into an empty cache, then out of it."""
    kept = os.environ.get("COURSE_CACHE")
    with tempfile.TemporaryDirectory() as folder:
        os.environ["COURSE_CACHE"] = folder
        for label in ("cold", "cached"):
            start, cpu = time.perf_counter(), _processor_seconds()
            painted_flowers(200, Recipe(size=options.size), progress=False)
            wall, cpu = time.perf_counter() - start, _processor_seconds() - cpu
            print(f"  1,000 pictures of {options.size} px, {label}: {wall:.1f} s ({cpu:.1f} s of processor time)")
    if kept is None:
        del os.environ["COURSE_CACHE"]
    else:
        os.environ["COURSE_CACHE"] = kept


def _processor_seconds() -> float:
    uses = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(use.ru_utime + use.ru_stime for use in uses)


def by_size(options: argparse.Namespace) -> None:
    """The learning curve of the probe, and of the same classifier on pixels."""
    recipe = Recipe(size=options.size)
    (train, labels), (test, answers) = pool(recipe), held_out(recipe)
    ways = {
        "frozen": lambda images: features(images, options.resolution),
        "pixels": pixels,
    }
    for name, seen_as in ways.items():
        seen, unseen = seen_as(train), seen_as(test)
        for per_class in (5, 10, 20, 50, POOL):
            scores = probe(seen, labels, unseen, answers, per_class, options.seeds)
            print(f"  {name}, {per_class:3d} a class: {spread(scores)}", flush=True)


def by_difficulty(options: argparse.Namespace) -> None:
    """The probe with 20 a class, trained and tested at each difficulty."""
    for difficulty in (0.0, 0.25, 0.5, 0.75, 1.0):
        recipe = Recipe(size=options.size, difficulty=difficulty)
        (train, labels), (test, answers) = pool(recipe), held_out(recipe)
        seen, unseen = features(train, options.resolution), features(test, options.resolution)
        scores = probe(seen, labels, unseen, answers, 20, options.seeds)
        print(f"  difficulty {difficulty:.2f}: {spread(scores)}", flush=True)


def by_shift(options: argparse.Namespace) -> None:
    """The probe with 20 a class: trained on photos and tested on each shift, and trained on that shift."""
    photos, labels = pool(Recipe(size=options.size))
    photos = features(photos, options.resolution)
    for shift in (0.0, 0.25, 0.5, 0.75, 1.0):
        recipe = Recipe(size=options.size, shift=shift)
        test, answers = held_out(recipe)
        test = features(test, options.resolution)
        own = features(pool(recipe)[0], options.resolution)
        crossed = probe(photos, labels, test, answers, 20, options.seeds)
        at_home = probe(own, labels, test, answers, 20, options.seeds)
        print(
            f"  shift {shift:.2f}: trained on photos {spread(crossed)}, on the same shift {spread(at_home)}", flush=True
        )


def scratch(options: argparse.Namespace) -> None:
    """Networks trained from random weights on 20 a class, at 96 px."""
    recipe = Recipe(size=options.size)
    (train, labels), (test, answers) = pool(recipe), held_out(recipe)
    networks = {
        "small CNN": small_cnn,
        "EfficientNet-Lite0": lambda: load_backbone("efficientnet_lite0", pretrained=False).model,
    }
    for name, build in networks.items():
        scores = []
        for seed in range(min(3, options.seeds)):
            rows = draw(labels, 20, seed)
            scores.append(train_network(build, train[rows], labels[rows], test, answers, seed))
        print(f"  {name}: {spread(scores)}", flush=True)


def pool(recipe: Recipe) -> tuple[np.ndarray, np.ndarray]:
    return painted_flowers(POOL, recipe, progress=False)


def held_out(recipe: Recipe) -> tuple[np.ndarray, np.ndarray]:
    return painted_flowers(TEST, recipe, first=POOL, progress=False)


def draw(labels: np.ndarray, per_class: int, seed: int) -> np.ndarray:
    generator = np.random.default_rng(seed)
    return np.concatenate([generator.permutation(np.flatnonzero(labels == c))[:per_class] for c in np.unique(labels)])


def probe(
    train: np.ndarray, labels: np.ndarray, test: np.ndarray, answers: np.ndarray, per_class: int, seeds: int
) -> list[float]:
    """Test accuracies, one for each seed."""
    scores = []
    for seed in range(seeds):
        rows = draw(labels, per_class, seed)
        classifier = make_pipeline(StandardScaler(), LogisticRegression(C=0.01, max_iter=1000))
        scores.append(classifier.fit(train[rows], labels[rows]).score(test, answers))
    return scores


def pixels(images: np.ndarray) -> np.ndarray:
    """Pictures of 20 by 20 px as rows of numbers."""
    small = [np.asarray(Image.fromarray(image).resize((20, 20), Image.Resampling.BOX)) for image in images]
    return np.stack(small).reshape(len(images), -1) / 255.0


def as_input(images: np.ndarray, side: int) -> Tensor:
    """uint8 [n, h, w, 3] to float [n, 3, side, side], from -1 to 1 as the Lite networks want it."""
    tensor = torch.from_numpy(images).permute(0, 3, 1, 2).float() / 127.5 - 1
    if tensor.shape[-1] == side:
        return tensor
    return functional.interpolate(tensor, size=(side, side), mode="bicubic", antialias=True)


@torch.inference_mode()
def features(images: np.ndarray, side: int) -> np.ndarray:
    model, _ = remove_head(load_backbone("efficientnet_lite0").model)
    parts = np.array_split(images, max(1, len(images) // 64))
    return torch.cat([model(as_input(part, side)) for part in parts]).numpy()


def small_cnn() -> nn.Module:
    layers: list[nn.Module] = []
    for inside, outside in ((3, 32), (32, 64), (64, 128), (128, 192)):
        layers += [nn.Conv2d(inside, outside, 3, padding=1), nn.BatchNorm2d(outside), nn.ReLU(), nn.MaxPool2d(2)]
    return nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(192, len(SPECIES)))


def train_network(
    build: Callable[[], nn.Module],
    train: np.ndarray,
    labels: np.ndarray,
    test: np.ndarray,
    answers: np.ndarray,
    seed: int,
    epochs: int = 25,
) -> float:
    """Test accuracy after training from random weights with flips, AdamW and a one-cycle rate."""
    torch.manual_seed(seed)
    model, images, targets = build(), as_input(train, 96), torch.from_numpy(labels)
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-3, weight_decay=1e-2)
    batches = -(-len(images) // 20)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, 3e-3, total_steps=epochs * batches)
    model.train()
    for _ in range(epochs):
        for rows in torch.randperm(len(images)).split(20):
            flipped = torch.rand(len(rows), 1, 1, 1) < 0.5
            batch = torch.where(flipped, images[rows].flip(3), images[rows])
            loss = functional.cross_entropy(model(batch), targets[rows])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            schedule.step()
    model.eval()
    with torch.inference_mode():
        guesses = torch.cat([model(part).argmax(1) for part in as_input(test, 96).split(100)])
    return float((guesses.numpy() == answers).mean())


def spread(scores: list[float]) -> str:
    return f"{np.mean(scores):.3f} ± {np.std(scores):.3f}"


if __name__ == "__main__":
    main()
