"""Backbones by name: the network, its own preprocessing, and what is known about it."""

from __future__ import annotations

from dataclasses import dataclass
from http.client import HTTPException
from typing import Any

import torchvision.models
from torch import nn
from torchvision.models import WeightsEnum, get_model, get_model_weights, list_models

import helpers.models.efficientnet_lite  # noqa: F401  (registers the Lite networks with torchvision)
from helpers.errors import CourseError, unknown_name
from helpers.models.weights import read_state_dict, torchvision_file

DEFAULT_BACKBONE = "efficientnet_lite0"
OFFLINE_BACKBONES = ("efficientnet_lite0", "efficientnet_lite1", "efficientnet_lite2")


@dataclass(frozen=True)
class Backbone:
    """A network with the weights it was given and the preprocessing that these weights were trained with."""

    name: str
    model: nn.Module
    weights: WeightsEnum
    pretrained: bool
    why_random: str = ""

    @property
    def transforms(self) -> nn.Module:
        """The preprocessing: PIL image to a float tensor [3, input_size, input_size]."""
        return self.weights.transforms()

    @property
    def input_size(self) -> int:
        """Side of the square input, in pixels, that the published accuracy was measured at."""
        return self.transforms.crop_size[0]

    def transforms_for(self, side: int) -> nn.Module:
        """The preprocessing for pictures whose shorter side is `side` pixels: none is enlarged.

        A network that was trained at 224 pixels also takes smaller pictures, and is faster on them; enlarging
        them first would add work and no detail. Networks of one fixed size (ViT, MaxViT) keep theirs.
        """
        if side >= self.input_size or not takes_any_size(self.model):
            return self.transforms
        return self.weights.transforms(crop_size=side, resize_size=side)

    @property
    def categories(self) -> list[str]:
        """The 1000 names of ImageNet's classes, in the order of the logits."""
        return self.weights.meta["categories"]

    @property
    def note(self) -> str:
        """One line that says what these weights are worth."""
        if self.pretrained:
            return f"{self.name}: pretrained on ImageNet ({self.weights})"
        return f"{self.name}: RANDOM weights, {self.why_random}; what it says about images means nothing"

    @property
    def megabytes(self) -> float:
        """Size of the weights file in 1e6 bytes; torchvision states it in units of 2**20."""
        return self.weights.meta["_file_size"] * 2**20 / 1e6

    def metadata(self) -> dict[str, Any]:
        """Parameters, input size (px), published top-1 (per cent), multiply-adds (1e9), megabytes, source, licence."""
        meta = self.weights.meta
        return {
            "name": self.name,
            "parameters": meta["num_params"],
            "input_size": self.input_size,
            "top1": meta["_metrics"]["ImageNet-1K"]["acc@1"],
            "gigaops": meta["_ops"],
            "megabytes": round(self.megabytes, 1),
            "source": self.weights.url,
            "recipe": meta["recipe"],
            "licence": meta.get("licence", "BSD-3-Clause (torchvision)"),
            "pretrained": self.pretrained,
        }


def backbone_names() -> list[str]:
    """Every classification network that `load_backbone` knows: torchvision's, and the three Lite networks."""
    return sorted({*list_models(module=torchvision.models), *OFFLINE_BACKBONES})


def backbone_weights(name: str) -> WeightsEnum:
    """The default weights of a backbone: `.meta`, `.transforms()` and `.url`, without loading anything."""
    if name not in backbone_names():
        raise unknown_name("backbone", name, backbone_names())
    return get_model_weights(name).DEFAULT


def load_backbone(name: str = DEFAULT_BACKBONE, *, pretrained: bool = True) -> Backbone:
    """The network in `eval()` mode, with its pretrained weights where they can be had.

    Where they cannot be fetched, the weights are random and `.pretrained` is False: everything still runs,
    and `.note` says what the results are worth. A damaged or foreign weights file is a `CourseError`.
    """
    weights = backbone_weights(name)
    if not pretrained:
        return Backbone(name, get_model(name, weights=None).eval(), weights, False, "as was asked for")
    if name in OFFLINE_BACKBONES:
        return Backbone(name, get_model(name, weights=weights).eval(), weights, True)
    return _load_from_torchvision(name, weights)


def _load_from_torchvision(name: str, weights: WeightsEnum) -> Backbone:
    model = get_model(name, weights=None).eval()
    path = torchvision_file(weights)
    try:
        entries = read_state_dict(path) if path.exists() else weights.get_state_dict(progress=True, check_hash=True)
    except (OSError, HTTPException):  # no network; URLError and time-outs are OSErrors
        why = "since the pretrained ones are not on this machine and cannot be fetched"
        return Backbone(name, model, weights, False, why)
    try:
        model.load_state_dict(entries)
    except RuntimeError:
        raise CourseError(
            f"{path} holds the weights of another network than {name}: delete it and fetch it again"
        ) from None
    return Backbone(name, model, weights, True)


def takes_any_size(model: nn.Module) -> bool:
    """Whether the network accepts images of other sizes than the one it was built for."""
    return not isinstance(model, torchvision.models.VisionTransformer | torchvision.models.MaxVit)
