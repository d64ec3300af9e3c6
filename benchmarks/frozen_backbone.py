"""What pretrained features are worth on two datasets, and what fewer pixels cost: lesson 03 with more seeds.

    python benchmarks/frozen_backbone.py        # about 4 minutes on two cores

The file is data/measured/frozen_backbone.json, which lesson 03 shows. Heads, the control with random weights and the
network from scratch are the lesson's own functions. Accuracies are those of the validation part: the test part is for
the lesson's row on the scoreboard. A seed draws the training pictures and all first weights.
"""

from __future__ import annotations

import argparse
import ast
import time
from collections.abc import Callable
from typing import Any

import torch
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from torch import Tensor
from torchvision.transforms import v2

from helpers.course import show_table
from helpers.course.answers import exercise_cells
from helpers.course.lessons import find_lessons
from helpers.course.measured import save_measured, versions_here
from helpers.course.parameters import default_parameters
from helpers.data import load_dataset
from helpers.data.splits import ImageDataset, Splits
from helpers.models import freeze, load_backbone, remove_head
from helpers.training.features import extract_features
from helpers.training.loop import predict

NAME = "frozen_backbone"
DATASETS = ("painted flowers", "digits")
PER_CLASS, VAL_PER_CLASS, SEEDS = 20, 30, 5
VARIED = ("DATASET", "DEVICE", "REPEATS", "SIDE", "TRAIN_SIZES")
COLUMNS = ("dataset", "per_class", "learner", "accuracy", "sd")

Names = dict[str, Any]


def names_of_the_lesson() -> Names:
    """The lesson's parameters, what its imports cell leaves behind, its functions, and its small pictures."""
    (lesson,) = find_lessons(["03"])
    notebook = lesson.read()
    names: Names = {**default_parameters(notebook), "DEVICE": "cpu", "freeze": freeze}
    exercises = [cell.id for cell in exercise_cells(notebook).values()]
    for cell in notebook.cells:
        if cell.cell_type != "code" or cell.id in exercises:
            continue
        whole = "imports" in cell.metadata.get("tags", [])
        wanted = [one for one in ast.parse(cell.source).body if whole or _is_definition(one)]
        exec(compile(ast.Module(wanted, []), f"{lesson.name}, cell {cell.id}", "exec"), names)
    return names


def _is_definition(statement: ast.stmt) -> bool:
    return isinstance(statement, ast.FunctionDef) or ast.unparse(statement).startswith("to_small =")


def dataset(name: str, lesson: Names, **sizes: int) -> Splits:
    data = load_dataset(name, seed=lesson["SEED"], val_per_class=VAL_PER_CLASS, **sizes)
    lesson["classes"] = data.classes
    return data


def frozen_network(lesson: Names) -> torch.nn.Module:
    network, lesson["width"] = remove_head(load_backbone(lesson["BACKBONE"]).model)
    return freeze(network)


def features(network: torch.nn.Module, images: ImageDataset) -> Tensor:
    return extract_features(network, images, cache=False).features


def row(right: list[Tensor], **names: Any) -> dict[str, Any]:
    """A row of the file, from which images were right in each run."""
    accuracies = torch.stack(right).float().mean(dim=1)
    found = {"accuracy": round(accuracies.mean().item(), 3), "sd": round(accuracies.std().item(), 3)}
    print(f"  {names}: {found['accuracy']:.3f} ± {found['sd']:.3f}", flush=True)
    return {**names, **found, "seeds": len(right), "images": len(right[0])}


# ---- fewer pixels -------------------------------------------------------------------------------------------------


def preprocessing(lesson: Names) -> list[dict[str, Any]]:
    """The linear head of the lesson on pictures as large as they are, and on enlarged ones as published."""
    data, network = dataset(DATASETS[0], lesson, train_per_class=50), frozen_network(lesson)
    backbone = load_backbone(lesson["BACKBONE"])
    side = data.train.image(0).width
    ways = {"transforms_for": backbone.transforms_for(side), "as published": backbone.transforms}
    rows = []
    for name, transform in ways.items():
        seen = data.with_transform(transform)
        started = time.process_time()
        X, X_val = features(network, seen.train), features(network, seen.val)
        seconds = round(time.process_time() - started, 1)
        right = []
        for seed in range(SEEDS):
            head = lesson["train_head"](lesson["linear_head"], X, data.train.labels, seed=seed)
            right.append(lesson["right_on"](head, X_val, data.val.labels))
        pixels = seen.train[0][0].shape[-1]
        rows.append({**row(right, preprocessing=name, pixels=pixels), "processor seconds": seconds})
    return rows


# ---- learners -----------------------------------------------------------------------------------------------------


def learners(name: str, lesson: Names) -> list[dict[str, Any]]:
    """Each learner with the same pictures, over all seeds."""
    data = dataset(name, lesson)
    backbone, network = load_backbone(lesson["BACKBONE"]), frozen_network(lesson)
    seen = data.with_transform(backbone.transforms_for(data.train.image(0).width))
    asked = {"frozen": features(network, seen.val), "small": _stacked(data.val, lesson["to_small"])}
    right: dict[str, list[Tensor]] = {}
    for seed in range(SEEDS):
        chosen = data.train.indices_per_class(PER_CLASS, seed=seed).tolist()
        found = _one_seed(lesson, network, seen, chosen, asked, seed)
        for learner, answers in found.items():
            right.setdefault(learner, []).append(answers)
    return [row(runs, dataset=data.name, per_class=PER_CLASS, learner=learner) for learner, runs in right.items()]


def _one_seed(lesson: Names, network, seen: Splits, chosen: list[int], asked: dict[str, Tensor], seed: int) -> dict:
    """Which validation images each learner gets right."""
    pictures, y_val = seen.train.subset(chosen), seen.val.labels
    y, X_val = pictures.labels, asked["frozen"]
    probe: Callable[..., Tensor] = lesson["probe"]
    X = features(network, pictures)
    mirrored = features(network, pictures.with_transform(v2.Compose([v2.functional.hflip, pictures.transform])))
    twin = lesson["random_twin"](seed)
    X_twin, X_val_twin = features(twin, pictures), features(twin, seen.val)
    twin_head = lesson["train_head"](lesson["linear_head"], X_twin, y, seed=seed)
    normalised = _with_statistics_of(twin, _stacked(pictures, pictures.transform))
    small = _stacked(pictures, lesson["to_small"])
    scratch, _ = predict(lesson["from_scratch"](small, y, seed), [(asked["small"], y_val)])
    return {
        "frozen": probe(X, y, X_val, y_val, seed),
        "frozen, mirror images too": probe(torch.cat([X, mirrored]), torch.cat([y, y]), X_val, y_val, seed),
        "random weights": probe(X_twin, y, X_val_twin, y_val, seed),
        "random weights, not standardised": lesson["right_on"](twin_head, X_val_twin, y_val),
        "random weights, statistics of the images": probe(
            features(normalised, pictures), y, features(normalised, seen.val), y_val, seed
        ),
        "from scratch": scratch.argmax(dim=1) == y_val,
        "raw pixels": _from_pixels(small, y, asked["small"]) == y_val,
    }


def _with_statistics_of(network: torch.nn.Module, images: Tensor) -> torch.nn.Module:
    """The network, frozen, with these images' own BatchNorm statistics in place of those of new layers.

    They come from one batch: with several, each layer would average over layers before it that normalise by others.
    """
    for layer in network.modules():
        if isinstance(layer, torch.nn.modules.batchnorm._BatchNorm):
            layer.momentum = 1.0
    with torch.no_grad():
        network.train()(images.contiguous(memory_format=torch.channels_last))
    return freeze(network)


def _stacked(images: ImageDataset, transform) -> Tensor:
    return torch.stack([image for image, _ in images.with_transform(transform)])


def _from_pixels(images: Tensor, labels: Tensor, asked: Tensor) -> Tensor:
    """The answers of a logistic regression on the small pictures' pixels."""
    classifier = make_pipeline(StandardScaler(), LogisticRegression(max_iter=2000))
    classifier.fit(images.flatten(1).numpy(), labels.numpy())
    return torch.from_numpy(classifier.predict(asked.flatten(1).numpy()))


def main() -> None:
    argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter).parse_args()
    (lesson,) = find_lessons(["03"])
    parameters = {name: value for name, value in default_parameters(lesson.read()).items() if name not in VARIED}
    names = names_of_the_lesson()
    results = {
        "preprocessing": preprocessing(names),
        "learners": [one for name in DATASETS for one in learners(name, names)],
    }
    file = save_measured(NAME, {"results": results, "parameters": parameters, "versions": versions_here()})
    show_table([{name: one[name] for name in COLUMNS} for one in results["learners"]], f"Written to {file}")


if __name__ == "__main__":
    main()
