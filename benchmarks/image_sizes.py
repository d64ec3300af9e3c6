"""What the size of the images brings: a linear head on frozen features, three networks, five sizes, on the test part.

    python benchmarks/image_sizes.py                             # painted flowers, about 5 minutes on two cores
    python benchmarks/image_sizes.py --dataset /path/to/photos   # another dataset joins the file

The file is data/measured/image_sizes.json, which lesson 06 shows. Images are resized so that the shorter side is as
long as that, and cut to a square: all sides show the same part of an image. The head is lesson 03's (AdamW on features
with dropout, all training images in every step), but trained until the loss on the validation part stops falling. Each
seed draws other training images and starts another head.
"""

from __future__ import annotations

import argparse
import copy

import torch
from torch import Tensor, nn

from helpers.course import show_table
from helpers.course.lessons import find_lessons
from helpers.course.measured import earlier_results, save_measured, versions_here
from helpers.course.parameters import default_parameters
from helpers.data import ImageDataset, load_dataset
from helpers.errors import CourseError
from helpers.models import load_backbone, remove_head
from helpers.training import extract_features
from helpers.training.features import Features

NAME = "image_sizes"
PAINTED = "painted flowers"
NETWORKS = ("efficientnet_lite0", "efficientnet_lite1", "efficientnet_lite2")
SIDES = (64, 96, 128, 160, 224)
SEEDS = 5
MOST = {"train": 40, "val": 20, "test": 60}  # images a class; a draw takes the lesson's PER_CLASS of the first
RATE, DECAY, DROPOUT = 1e-3, 1e-2, 0.5  # lesson 03's
LOOK_EVERY, PATIENCE, MOST_STEPS = 20, 5, 2000  # stop where five looks in a row brought nothing


def trained_head(X: Tensor, y: Tensor, X_val: Tensor, y_val: Tensor, classes: int, seed: int) -> nn.Linear:
    """The linear head [d -> classes] with the lowest validation loss, found by early stopping."""
    torch.manual_seed(seed)
    head = nn.Linear(X.shape[1], classes)
    optimizer = torch.optim.AdamW(head.parameters(), lr=RATE, weight_decay=DECAY)
    lowest, best, waited = float("inf"), copy.deepcopy(head.state_dict()), 0
    for step in range(1, MOST_STEPS + 1):
        loss = nn.functional.cross_entropy(head(nn.functional.dropout(X, DROPOUT)), y)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        if step % LOOK_EVERY:
            continue
        with torch.no_grad():
            now = nn.functional.cross_entropy(head(X_val), y_val).item()
        waited = 0 if now < lowest else waited + 1
        if now < lowest:
            lowest, best = now, copy.deepcopy(head.state_dict())
        if waited == PATIENCE:
            break
    head.load_state_dict(best)
    return head


def features_of(name: str, side: int, parts: dict[str, ImageDataset]) -> dict[str, Features]:
    backbone = load_backbone(name, download=False)
    if not backbone.pretrained:
        raise CourseError(backbone.note)
    network, _ = remove_head(backbone.model)
    transforms = backbone.weights.transforms(crop_size=side, resize_size=side)
    return {part: extract_features(network, images.with_transform(transforms)) for part, images in parts.items()}


def test_accuracies(features: dict[str, Features], draws: list, classes: int) -> Tensor:
    """One head for each draw of training images: accuracies on the test part [draws]."""
    train, val, test = (features[part] for part in ("train", "val", "test"))
    found = []
    for seed, draw in enumerate(draws):
        X, y = train.features[draw], train.labels[draw]
        head = trained_head(X, y, val.features, val.labels, classes, seed)
        with torch.no_grad():
            found.append((head(test.features).argmax(dim=1) == test.labels).float().mean())
    return torch.stack(found)


def results(dataset: str, per_class: int, seed: int) -> list[dict]:
    sizes = {f"{part}_per_class": n for part, n in MOST.items()} if dataset == PAINTED else {}
    data = load_dataset(dataset, seed=seed, **sizes)
    parts = {}
    for name, most in MOST.items():
        part = getattr(data, name)
        parts[name] = part.per_class(min(most, *part.counts()), seed=seed)
    drawn = min(per_class, *parts["train"].counts())
    draws = [parts["train"].indices_per_class(drawn, seed=seed + i) for i in range(SEEDS)]
    rows = []
    for name in NETWORKS:
        for side in SIDES:
            accuracies = test_accuracies(features_of(name, side, parts), draws, len(data.classes))
            row = {"dataset": data.name, "network": name, "side": side, "per_class": drawn}
            row |= {"accuracy": round(accuracies.mean().item(), 4), "sd": round(accuracies.std().item(), 4)}
            rows.append({**row, "classes": len(data.classes), "test_images": len(parts["test"])})
            print(rows[-1], flush=True)
    return rows


def parameters_of(lesson: dict) -> dict:
    """What the numbers depend on: the lesson's own parameters, and those above."""
    found = {name: lesson[name] for name in ("SEED", "PER_CLASS")}
    found |= {"NETWORKS": list(NETWORKS), "SIDES": list(SIDES), "SEEDS": SEEDS, "MOST": MOST}
    found |= {"RATE": RATE, "DECAY": DECAY, "DROPOUT": DROPOUT}
    return found | {"LOOK_EVERY": LOOK_EVERY, "PATIENCE": PATIENCE, "MOST_STEPS": MOST_STEPS}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--dataset", default=PAINTED, help="as in the lesson's parameters cell")
    dataset = parser.parse_args().dataset

    lesson = default_parameters(find_lessons(["06"])[0].read())
    parameters = parameters_of(lesson)
    new = results(dataset, lesson["PER_CLASS"], lesson["SEED"])
    kept = [row for row in earlier_results(NAME, parameters) if row["dataset"] != new[0]["dataset"]]
    rows = sorted(kept + new, key=lambda row: row["dataset"] != PAINTED)
    file = save_measured(NAME, {"results": rows, "parameters": parameters, "versions": versions_here()})
    show_table(rows, f"Written to {file}")


if __name__ == "__main__":
    main()
