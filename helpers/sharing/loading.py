"""The way back: from a shared folder to the network, its classes and its preprocessing."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import nn
from torchvision.transforms import InterpolationMode
from torchvision.transforms._presets import ImageClassification

from helpers.course.records import read_json
from helpers.errors import CourseError, first_line, one_line
from helpers.models import load_backbone, remove_head

CONFIG, HEAD = "config.json", "model.safetensors"
MAX_SIDE = 4096  # pixels: many times what any published network takes, and less than fills a memory
MADE_BY, FORMAT = "transfer-learning course", 1


@dataclass(frozen=True)
class SharedNetwork:
    """A shared network: images to logits [n, classes] in `eval()` mode, its classes, and its preprocessing."""

    model: nn.Module
    classes: list[str]
    transform: nn.Module

    @torch.inference_mode()
    def classify(self, image) -> list[tuple[str, float]]:
        """For an RGB image each class with its share, the most likely first."""
        shares = self.model(self.transform(image)[None])[0].softmax(dim=0)
        order = shares.argsort(descending=True).tolist()
        return [(self.classes[i], shares[i].item()) for i in order]


def load_shared(folder: str | os.PathLike[str]) -> SharedNetwork:
    """The network of a folder that `share` wrote: the backbone from this machine, the head from the folder.

    Raises:
        CourseError: it is no such folder, it is damaged, or its backbone cannot be had.
    """
    root = Path(folder).expanduser()
    config = _config(root)
    damaged = f"{one_line(root)} is damaged"
    try:
        named, classes = config["backbone"], [str(name) for name in config["classes"]]
        name, width, pretrained = str(named["name"]), int(named["width"]), bool(named["pretrained"])
        transform = transform_of(config["preprocessing"])
    except (KeyError, TypeError, ValueError) as error:
        raise CourseError(f"{damaged} ({CONFIG}: {first_line(error)}): get it again") from None
    if not pretrained:
        raise CourseError(
            f"the backbone of {one_line(root)} had random weights, which are nowhere else: use its model.pt2, "
            "if you trust who made it"
        )
    backbone = load_backbone(name)
    if not backbone.pretrained:
        raise CourseError(f"the head needs its backbone. {backbone.note}")
    body, has_width = remove_head(backbone.model)
    if width != has_width:
        raise CourseError(
            f"{damaged} ({CONFIG}: {name} has features of {has_width} numbers, not {width}): get it again"
        )
    head = nn.Linear(width, len(classes))
    try:
        head.load_state_dict(load_file(root / HEAD))
    except (OSError, SafetensorError, RuntimeError) as error:
        raise CourseError(f"{damaged} ({HEAD}: {first_line(error)}): get it again") from None
    return SharedNetwork(nn.Sequential(body, head).eval(), classes, transform)


def _config(root: Path) -> dict[str, Any]:
    file = root / CONFIG
    if not file.is_file():
        raise CourseError(f"{one_line(root)} is no shared folder (it has no {CONFIG}): check the path")
    config = read_json(file, {})
    if config.get("made_by") != MADE_BY or config.get("format") != FORMAT:
        raise CourseError(
            f"{one_line(file)} is of another kind or version: update the course, or use model.pt2, if you trust who "
            "made it"
        )
    return config


def settings_of(transform: ImageClassification) -> dict[str, Any]:
    """torchvision's preprocessing for classification in plain values, which `transform_of` takes."""
    return {
        "resize": transform.resize_size[0],
        "crop": transform.crop_size[0],
        "interpolation": transform.interpolation.value,
        "antialias": transform.antialias,
        "mean": list(transform.mean),
        "std": list(transform.std),
    }


def transform_of(settings: dict[str, Any]) -> ImageClassification:
    """The preprocessing with these settings: RGB image to a float tensor [3, crop, crop].

    Raises:
        ValueError: a side of no pixels, or of more than `MAX_SIDE`.
    """
    for name in ("crop", "resize"):
        if not 1 <= settings[name] <= MAX_SIDE:
            raise ValueError(f"{name} is {settings[name]}, not 1 to {MAX_SIDE} pixels")
    return ImageClassification(
        crop_size=settings["crop"],
        resize_size=settings["resize"],
        interpolation=InterpolationMode(settings["interpolation"]),
        antialias=settings["antialias"],
        mean=tuple(settings["mean"]),
        std=tuple(settings["std"]),
    )
