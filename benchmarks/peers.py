"""The recipes of others that `recipes.py` runs beside the course's own: as published, on the same network and photos.

- The PyTorch tutorial "Transfer Learning for Computer Vision": SGD with rate 0.001 and momentum 0.9, a tenth of the
  rate every 7 epochs, batches of 4, RandomResizedCrop(224) and mirroring, 25 epochs with a look at the held-out photos
  after each. As a "ConvNet as fixed feature extractor" the head alone learns, while BatchNorm's statistics move; or all
  of it does.
  docs.pytorch.org/tutorials/beginner/transfer_learning_tutorial.html
- fastai's `fine_tune` as its book uses it for a few hundred photos: RandomResizedCrop(224, min_scale=0.5) and
  `aug_transforms`, `fine_tune(4)`, all else as `vision_learner` sets it. Howard and Gugger, "Deep Learning for Coders",
  chapter 2; github.com/fastai/fastbook/blob/master/02_production.ipynb

Of their mean and spread of pixels only, both take those of the network in use. A recipe gets the photos' two folders
and gives the held-out accuracy and the seconds since its start after each epoch.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from pathlib import Path

import torch
from torch import nn
from torch.utils.data import DataLoader
from torchvision.datasets import ImageFolder
from torchvision.transforms import v2

from helpers.errors import CourseError
from helpers.models import load_backbone, replace_head
from helpers.training import evaluate, seed_everything

INSTALL = ".venv/bin/python -m uv pip install fastai==2.8.12"

Curve = list[tuple[float, float]]
Recipe = Callable[..., Curve]


def tutorial(train: Path, held_out: Path, backbone: str, seed: int, *, frozen: bool, epochs: int = 25) -> Curve:
    started = time.perf_counter()
    seed_everything(seed)
    network = load_backbone(backbone, download=False)
    normalize = [v2.ToImage(), v2.ToDtype(torch.float32, scale=True), v2.Normalize(*_statistics(network))]
    varied = v2.Compose([v2.RandomResizedCrop(224), v2.RandomHorizontalFlip(), *normalize])
    plain = v2.Compose([v2.Resize(256), v2.CenterCrop(224), *normalize])
    how = {"batch_size": 4, "shuffle": True, "num_workers": min(4, os.cpu_count() or 1)}
    batches, val = (DataLoader(ImageFolder(f, t), **how) for f, t in ((train, varied), (held_out, plain)))
    model = network.model.requires_grad_(not frozen)
    model = replace_head(model, len(batches.dataset.classes))
    optimizer = torch.optim.SGD([p for p in model.parameters() if p.requires_grad], lr=0.001, momentum=0.9)
    scheduler = torch.optim.lr_scheduler.StepLR(optimizer, step_size=7, gamma=0.1)
    curve = []
    for _ in range(epochs):
        model.train()
        for images, labels in batches:
            optimizer.zero_grad()
            nn.functional.cross_entropy(model(images), labels).backward()
            optimizer.step()
        scheduler.step()
        curve.append((evaluate(model, val), time.perf_counter() - started))
    return curve


def fastai(train: Path, held_out: Path, backbone: str, seed: int, *, epochs: int = 4) -> Curve:
    try:
        from fastai.vision import all as vision
    except ImportError as error:
        raise CourseError(f"fastai cannot be loaded ({error}): install it with `{INSTALL}`, or leave it out") from None
    started = time.perf_counter()
    seed_everything(seed)
    network = load_backbone(backbone, download=False)
    loaders = vision.ImageDataLoaders.from_folder(
        train.parent,
        train=train.name,
        valid=held_out.name,
        item_tfms=vision.RandomResizedCrop(224, min_scale=0.5),
        batch_tfms=[*vision.aug_transforms(), vision.Normalize.from_stats(*_statistics(network), cuda=False)],
        device=torch.device("cpu"),
    )
    curve: Curve = []

    class Watch(vision.Callback):
        order = 60  # after the recorder, which knows the metrics of the epoch

        def after_epoch(self) -> None:
            curve.append((float(self.learn.final_record[-1]), time.perf_counter() - started))

    learner = vision.vision_learner(
        loaders, lambda pretrained: network.model, n_out=len(loaders.vocab), metrics=vision.accuracy, cbs=Watch()
    )
    with learner.no_bar():
        learner.fine_tune(epochs)
    return curve


def _statistics(network) -> tuple[list[float], list[float]]:
    transforms = network.transforms
    return list(transforms.mean), list(transforms.std)
