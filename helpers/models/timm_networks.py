"""Two small networks of today from timm as torchvision models: MobileNetV4-Conv-Small and TinyViT-5M.

Architecture, preprocessing and weights are timm's; the weights come from Hugging Face's hub, in safetensors files
under the Apache-2.0 licence. A fetched file lies among torchvision's, under a name of the same kind.

Importing this module registers both with torchvision, so that
`torchvision.models.get_model("mobilenetv4_conv_small", weights="DEFAULT")` works like any other.
"""

# No `from __future__ import annotations` here: torchvision finds a network's weights by reading the type of
# its builder's `weights` argument, and must find a class there.

import os
import re
from functools import partial
from pathlib import Path
from typing import Any

import timm
from torch import Tensor, nn
from torchvision.models import Weights, WeightsEnum
from torchvision.models._api import register_model
from torchvision.models._meta import _IMAGENET_CATEGORIES
from torchvision.models._utils import _ovewrite_named_param
from torchvision.transforms import InterpolationMode
from torchvision.transforms._presets import ImageClassification

from helpers.errors import CourseError
from helpers.models.downloading import Patience, Say, download, hub_wants
from helpers.models.weights import is_out_of_memory, is_whole, megabytes_of, read_state_dict
from helpers.places import weights_dir

FILE = "model.safetensors"


def timm_weights(
    architecture: str,
    url: str,
    *,
    crop: int,
    resize: int,
    mean: tuple[float, float, float],
    std: tuple[float, float, float],
    parameters: int,
    top1: float,
    gigaops: float,
    mebibytes: float,
    recipe: str,
    docs: str,
) -> Weights:
    """One set of weights of a timm network; sizes in pixels, `gigaops` in 1e9 multiply-adds, and as in
    torchvision's own metadata the file in 2**20 bytes.

    Preprocessing: timm's configuration of the same network. Multiply-adds: counted by torch.utils.flop_counter.
    Tests repeat both.
    """
    return Weights(
        url=url,
        transforms=partial(
            ImageClassification,
            crop_size=crop,
            resize_size=resize,
            mean=mean,
            std=std,
            interpolation=InterpolationMode.BICUBIC,
        ),
        meta={
            "architecture": architecture,
            "num_params": parameters,
            "min_size": (32, 32),
            "categories": _IMAGENET_CATEGORIES,
            "recipe": recipe,
            "licence": "Apache-2.0",
            "_metrics": {"ImageNet-1K": {"acc@1": top1}},
            "_ops": gigaops,
            "_file_size": mebibytes,
            "_docs": docs,
        },
    )


def _on_the_hub(architecture: str, timm_name: str, **published: Any) -> Weights:
    """Top-1: timm's own table (huggingface/pytorch-image-models, results/results-imagenet.csv), in the row of this
    preprocessing. File size: computed from the network's float32 numbers and safetensors' header; the hub's pages
    round it to the same 15.2 and 21.6 MB.
    """
    url = f"https://huggingface.co/timm/{timm_name}/resolve/main/{FILE}"
    imagenet = {"mean": (0.485, 0.456, 0.406), "std": (0.229, 0.224, 0.225)}
    return timm_weights(architecture, url, **imagenet, **published)


class HubWeights(WeightsEnum):
    """Weights whose file comes from Hugging Face's hub. The hub, and not the address, states the file's hash."""

    @property
    def repository(self) -> str:
        """`owner/name` on the hub; the name is also timm's for architecture and weights."""
        return self.url.removeprefix("https://huggingface.co/").partition("/resolve/")[0]

    def file(self) -> Path | None:
        """The file in the weights folder, the newest where there are several; None where there is none."""
        named = weights_dir().glob(f"{self.meta['architecture']}-*{Path(FILE).suffix}")
        theirs = (file for file in named if file.is_file() and _is_the_hubs(file))
        return max(theirs, key=lambda file: file.stat().st_mtime, default=None)

    def fetch(self, *, patience: Patience, say: Say = print) -> Path:
        """Fetch the file into the weights folder.

        Raises:
            FetchError: it did not come.
        """
        network, megabytes = self.meta["architecture"], megabytes_of(self)
        wanted = hub_wants(network, self.repository, FILE, megabytes, patience=patience, say=say)
        return download(wanted, patience=patience, say=say)

    def get_state_dict(self, *args: Any, **kwargs: Any) -> dict[str, Tensor]:
        """The published entries; the file is fetched where it is not here yet."""
        return read_state_dict(self.file() or self.fetch(patience=Patience()))


def _is_the_hubs(file: Path) -> bool:
    """Whether `fetch` gave it its name: the network and eight digits of its hash. Eight decimal digits may as well be
    the date on a learner's own file, so that there the content must agree.
    """
    named = re.fullmatch(r"\w+-([0-9a-f]{8})", file.stem)
    if not named or not named.group(1).isdecimal():
        return named is not None
    return os.access(file, os.R_OK) and is_whole(file)


class MobileNetV4_Conv_Small_Weights(HubWeights):
    IMAGENET1K_V1 = _on_the_hub(
        "mobilenetv4_conv_small",
        "mobilenetv4_conv_small.e2400_r224_in1k",
        crop=224,
        resize=256,
        parameters=3774024,
        top1=73.730,
        gigaops=0.186,
        mebibytes=14.518,
        recipe="huggingface.co/timm/mobilenetv4_conv_small.e2400_r224_in1k",
        docs="Trained on ImageNet-1k for 2400 epochs by timm's author, close to the recipe of the MobileNetV4 paper.",
    )
    DEFAULT = IMAGENET1K_V1


class TinyViT_5M_Weights(HubWeights):
    IMAGENET1K_V1 = _on_the_hub(
        "tiny_vit_5m",
        "tiny_vit_5m_224.dist_in22k_ft_in1k",
        crop=224,
        resize=235,
        parameters=5392764,
        top1=80.862,
        gigaops=1.255,
        mebibytes=20.638,
        recipe="github.com/microsoft/Cream/tree/main/TinyViT",
        docs="Distilled on ImageNet-22k and fine-tuned on ImageNet-1k by Microsoft, converted by timm's author.",
    )
    DEFAULT = IMAGENET1K_V1


@register_model()
def mobilenetv4_conv_small(
    *, weights: MobileNetV4_Conv_Small_Weights | None = None, progress: bool = True, **kwargs: Any
) -> nn.Module:
    """MobileNetV4-Conv-Small: images [n, 3, h, w] to logits [n, num_classes] (1000 unless told)."""
    return _build(MobileNetV4_Conv_Small_Weights, weights, **kwargs)


@register_model()
def tiny_vit_5m(*, weights: TinyViT_5M_Weights | None = None, progress: bool = True, **kwargs: Any) -> nn.Module:
    """TinyViT-5M: images [n, 3, h, w] to logits [n, num_classes] (1000 unless told)."""
    return _build(TinyViT_5M_Weights, weights, **kwargs)


def _build(kind: type[HubWeights], weights: HubWeights | None, **kwargs: Any) -> nn.Module:
    # By its weights' name: without it, TinyViT would get the head of ImageNet-22k.
    timm_name = kind.DEFAULT.repository.removeprefix("timm/")
    weights = kind.verify(weights)
    if weights is None:
        return timm.create_model(timm_name, **kwargs)
    _ovewrite_named_param(kwargs, "num_classes", len(weights.meta["categories"]))
    entries = weights.get_state_dict()
    try:
        return timm.create_model(timm_name, pretrained=True, pretrained_cfg_overlay={"state_dict": entries}, **kwargs)
    except (RuntimeError, KeyError) as error:
        if is_out_of_memory(error):
            raise  # it says nothing about the file
        raise CourseError(
            f"the file of {weights} holds the weights of another network: delete it and fetch it again"
        ) from None
