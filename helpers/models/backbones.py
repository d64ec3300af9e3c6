"""Backbones by name: the network, its own preprocessing, and what is known about it."""

from __future__ import annotations

import threading
from dataclasses import dataclass
from typing import Any

import torchvision.models
from torch import Tensor, nn
from torchvision.models import WeightsEnum, get_model, get_model_weights, list_models

from helpers.errors import CourseError, unknown_name
from helpers.memory import memory
from helpers.models import timm_networks
from helpers.models.downloading import FetchError, RemoteFile, RetryPolicy
from helpers.models.published import PackagedFile, source_of
from helpers.models.weights import FREE_MEMORY, is_out_of_memory, megabytes_of, read_state_dict
from helpers.places import course_command

DEFAULT_BACKBONE = "efficientnet_lite0"
OFFLINE_BACKBONES = timm_networks.PACKAGED
TIMM_BACKBONES = timm_networks.FROM_THE_HUB
COURSE_BACKBONES = ("resnet50", "efficientnet_b4", "vit_b_16", "convnext_base", *OFFLINE_BACKBONES, *TIMM_BACKBONES)

# Where a lesson waits for weights: less patient than `python -m helpers fetch`.
WHILE_A_LESSON_WAITS = RetryPolicy(seconds=10, attempts=2)


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
        """The preprocessing for images whose shorter side is `side` pixels: none is enlarged.

        A network that was trained at 224 pixels also takes smaller images, and is faster on them; enlarging
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
    def label(self) -> str:
        """The name for tables and records, which say where weights were random."""
        return label_of(self.name, self.pretrained)

    @property
    def caution(self) -> str:
        """What to put behind each result: nothing for pretrained weights, a sentence for random ones."""
        return "" if self.pretrained else " RANDOM weights: this says nothing about pretraining."

    @property
    def megabytes(self) -> float:
        """Size of the weights file in 1e6 bytes."""
        return megabytes_of(self.weights)

    def metadata(self) -> dict[str, Any]:
        """Parameters, input size (px), published top-1 (per cent), MACs (1e9), megabytes, source, licence."""
        meta = self.weights.meta
        return {
            "name": self.name,
            "parameters": meta["num_params"],
            "input_size": self.input_size,
            "top1": meta["_metrics"]["ImageNet-1K"]["acc@1"],
            "gigamacs": meta["_ops"],
            "megabytes": round(self.megabytes, 1),
            "source": self.weights.url,
            "recipe": meta["recipe"],
            "licence": meta.get("licence", "BSD-3-Clause (torchvision)"),
            "pretrained": self.pretrained,
        }


def label_of(name: str, pretrained: bool) -> str:
    """The name of a network, with a warning behind it where its weights are random.

    >>> label_of("resnet50", pretrained=False)
    'resnet50 (random weights)'
    """
    return name if pretrained else f"{name} (random weights)"


def backbone_names() -> list[str]:
    """Every classification network that `load_backbone` knows: torchvision's, three Lite networks, two of timm."""
    return sorted({*list_models(module=torchvision.models), *OFFLINE_BACKBONES, *TIMM_BACKBONES})


def backbone_weights(name: str) -> WeightsEnum:
    """The default weights of a backbone: `.meta`, `.transforms()` and `.url`, without loading anything."""
    if name not in backbone_names():
        raise unknown_name("backbone", name, backbone_names())
    return get_model_weights(name).DEFAULT


def weights_source(name: str) -> PackagedFile | RemoteFile:
    """Where the weights of a backbone come from: its file, what there is of it, and how it is fetched."""
    return source_of(name, backbone_weights(name))


def weights_at_hand(name: str) -> bool:
    """Whether `load_backbone(name)` needs no network: the weights are in a package, or their file looks whole.

    Only the file's size is looked at. What is in it, `load_backbone` holds to its hash.
    """
    return weights_source(name).at_hand()


BYTES_A_NUMBER = 4  # float32


def parameters_of(name: str) -> int:
    """How many parameters the backbone has, as its publishers say; nothing is loaded."""
    return backbone_weights(name).meta["num_params"]


def bytes_to_load(name: str, *, pretrained: bool = True) -> int:
    """The least memory that loading takes: the network's numbers, and those of the file that go into it."""
    return (2 if pretrained else 1) * BYTES_A_NUMBER * parameters_of(name)


def smaller_backbone(name: str, room: int) -> str | None:
    """The course's largest backbone with fewer parameters than `name` that loads within `room` bytes; else None.

    One whose weights are on this machine comes before one that has to be fetched.
    """
    fitting = [one for one in COURSE_BACKBONES if bytes_to_load(one) < min(bytes_to_load(name), room + 1)]
    here = [one for one in fitting if weights_at_hand(one)]
    return max(here or fitting, key=bytes_to_load, default=None)


def _require_room(name: str, pretrained: bool) -> None:
    """Without room the system ends the kernel in the middle of loading, and says nothing."""
    needed, free = bytes_to_load(name, pretrained=pretrained), memory().free
    if needed <= free:
        return
    smaller = smaller_backbone(name, free)
    offer = f', or take a smaller one, such as "{smaller}" ({bytes_to_load(smaller) / 1e9:.2g} GB)' if smaller else ""
    raise CourseError(
        f"{name} takes {needed / 1e9:.2g} GB of memory to load, and {free / 1e9:.2g} GB are free: close other programs "
        f"and notebooks{offer}"
    )


def load_backbone(name: str = DEFAULT_BACKBONE, *, pretrained: bool = True, download: bool = True) -> Backbone:
    """The network in `eval()` mode, with its pretrained weights where they can be had.

    Where they are not on this machine and cannot be fetched, the weights are random and `.pretrained` is False:
    everything still runs, and `.note` says what the results are worth and how to get the weights. With
    `download=False` the network is not asked.

    Raises:
        CourseError: a damaged or foreign weights file, or less memory than the network takes, which is told before
            anything is fetched or read.
    """
    weights = backbone_weights(name)
    _require_room(name, pretrained)
    if not pretrained:
        return _random(name, weights, "as was asked for")
    source = weights_source(name)
    file = source.file()
    if file is None and not download:
        return _random(name, weights, f"since the pretrained ones are not on this machine; {how_to_get(name)}")
    try:
        file = file or source.fetch(retry=WHILE_A_LESSON_WAITS)
    except FetchError as error:
        why = f"since the pretrained ones are not on this machine and cannot be fetched, as {error.cause}"
        return _random(name, weights, f"{why}; {how_to_get(name)}")
    try:
        model = _built_with(name, weights, read_state_dict(file))
    except (MemoryError, RuntimeError, ValueError) as error:
        if is_out_of_memory(error):
            raise CourseError(f"{name} does not fit into the memory: {FREE_MEMORY}") from None
        raise CourseError(f"{file} holds the weights of another network than {name}: {source.cure}") from None
    return Backbone(name, model.eval(), weights, True)


def how_to_get(name: str) -> str:
    """What to type for the weights of the network `name`, and their size in MB, as half a sentence."""
    return f"`{course_command()} fetch {name}` gets them ({megabytes_of(backbone_weights(name)):.1f} MB)"


def _random(name: str, weights: WeightsEnum, why: str) -> Backbone:
    """The variant of the network that its weights belong to, so that it takes what `.transforms` gives."""
    options: dict[str, Any] = {}
    if name.startswith("vit_"):
        options = {"image_size": weights.meta["min_size"][0]}
    elif name in ("googlenet", "inception_v3"):
        options = {"transform_input": True, "init_weights": True, "aux_logits": name == "inception_v3"}
    return Backbone(name, get_model(name, weights=None, **options).eval(), weights, False, why)


_one_at_a_time = threading.Lock()


def _built_with(name: str, weights: WeightsEnum, entries: dict[str, Tensor]) -> nn.Module:
    """Built by torchvision as for these weights: size, auxiliary heads, names that an old file has for its layers.

    What the builder asks of the weights are the entries; it would fetch them, and open any file that is there.
    """
    with _one_at_a_time:
        weights.get_state_dict = lambda *_, **__: entries
        try:
            return get_model(name, weights=weights)
        finally:
            del weights.get_state_dict


def takes_any_size(model: nn.Module) -> bool:
    """Whether the network accepts images of other sizes than the one it was built for."""
    return not isinstance(model, torchvision.models.VisionTransformer | torchvision.models.MaxVit)
