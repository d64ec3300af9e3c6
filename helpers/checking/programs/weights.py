"""Whether a network holds published weights, by their values, and what these weights ask of a photo."""

from __future__ import annotations

import functools
from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import torch
from timm.data import resolve_data_config
from torch import Tensor, nn
from torchvision.transforms import InterpolationMode
from torchvision.transforms._presets import ImageClassification

from helpers.checking.programs.watching import Held, Network
from helpers.models import backbone_names, backbone_weights, weights_at_hand
from helpers.models.backbones import OFFLINE_BACKBONES, weights_source
from helpers.models.weights import read_state_dict

# Weights converted to half precision are the same weights.
OFF = 2e-2
Transforms = ImageClassification


@dataclass(frozen=True)
class Pretrained:
    """What is known about the weights of a network that took images.

    Attributes:
        name: of the published weights whose layers these are, such as "efficientnet_lite0"; empty where none is known.
        share: of the published numbers, but for those of their classifier, that the network held, from 0 to 1.
        drawn: share of the network's weights that look as if drawn at random, from 0 to 1.
        held: the network's tensors that are published ones, and so have to stay. Where none is, the first half of its
            parameters and their buffers: a head is at the end, and smaller than what stands before it.
        transforms: the weights' own preprocessing, where it is known.
    """

    name: str
    share: float
    drawn: float
    held: tuple[Held, ...]
    transforms: Transforms | None

    @property
    def loaded(self) -> bool:
        """Published numbers in every layer; or, where no such file is here, numbers that were not drawn at random."""
        return self.share > 0.99 or (self.share < 0.05 and self.drawn < 0.5)


def pretrained(network: Network) -> Pretrained:
    """What the weights of this network are, as it took the first image."""
    drawn = drawn_share(held.before for held in network.held if held.parameter)
    known = []
    for name in _candidates(network):
        fits, found = _compared(network, name)
        if fits > 0.9:
            known.append((sum(one.before.numel() for one in found) / _numbers(name), fits, name, found))
    if known:  # a network may have a place for the numbers of a smaller one as well: the one that it holds counts
        share, _, name, found = max(known, key=lambda one: one[:2])
        own = backbone_weights(name).transforms()
        return Pretrained(name, min(1.0, share), drawn, tuple(found if share > 0.5 else _first_half(network)), own)
    return Pretrained("", 0.0, drawn, _first_half(network), _timms(network.module))


def _first_half(network: Network) -> tuple[Held, ...]:
    parameters = [held for held in network.held if held.parameter]
    half, so_far, first = sum(held.before.numel() for held in parameters) / 2, 0, []
    for held in parameters:
        so_far += held.before.numel()
        if so_far > half and first:
            break
        first.append(held)
    layers = {held.name.rpartition(".")[0] for held in first}
    return (*first, *(h for h in network.held if not h.parameter and h.name.rpartition(".")[0] in layers))


def drawn_share(weights: Iterable[Tensor]) -> float:
    """The share of the numbers in matrices that lie as those of a new network do, from 0 to 1.

    New weights come from a uniform or a normal distribution, whose kurtosis is 1.8 or 3. Training gives them longer
    tails. A single layer may lie so by chance; most of a trained network does not.
    """
    matrices = [w.detach().float() for w in weights if w.ndim > 1 and w.numel() >= 256]
    alike = [w.numel() for w in matrices if min(abs(_kurtosis(w) - 1.8), abs(_kurtosis(w) - 3.0)) < 0.1]
    return sum(alike) / max(1, sum(w.numel() for w in matrices))


def _kurtosis(numbers: Tensor) -> float:
    centred = numbers.flatten() - numbers.mean()
    return float((centred**4).mean() / (centred**2).mean().clamp_min(1e-30) ** 2)


def _candidates(network: Network) -> Iterator[str]:
    """Networks of about this size whose weights are on this machine, the packaged ones first."""
    size = sum(held.before.numel() for held in network.held if held.parameter)
    others = [name for name in backbone_names() if name not in OFFLINE_BACKBONES]
    for name in (*OFFLINE_BACKBONES, *others):
        if 0.5 < size / backbone_weights(name).meta["num_params"] < 1.6 and weights_at_hand(name):
            yield name


@functools.lru_cache(maxsize=4)
def _published(name: str) -> tuple[Tensor, ...]:
    """The published tensors of fractions, but for the classifier's."""
    entries = read_state_dict(weights_source(name).file())
    classes = len(backbone_weights(name).meta["categories"])
    return tuple(t for t in entries.values() if t.is_floating_point() and t.ndim and t.shape[0] != classes)


def _numbers(name: str) -> int:
    return sum(tensor.numel() for tensor in _published(name))


def _compared(network: Network, name: str) -> tuple[float, list[Held]]:
    """The share of the published numbers for whose shape there is a place, and what holds published numbers."""
    waiting = defaultdict(list)
    for held in network.held:
        waiting[held.before.shape].append(held)
    fits, found = 0, []
    for tensor in _published(name):
        places = waiting[tensor.shape]
        same = next((held for held in places if _same(held.before, tensor)), None)
        if same is not None:
            found.append(same)
            places.remove(same)
        fits += tensor.numel() * (same is not None or bool(places))
    return fits / _numbers(name), found


def _same(held: Tensor, published: Tensor) -> bool:
    first, second = held.flatten()[:8].float().cpu(), published.flatten()[:8].float()
    if not torch.allclose(first, second, rtol=OFF, atol=1e-3):  # most differ at once
        return False
    return torch.allclose(held.float().cpu(), published.float(), rtol=OFF, atol=1e-3)


def _timms(network: nn.Module) -> Transforms | None:
    """A network of timm carries what its weights ask for; of others it is not known."""
    for module in network.modules():
        settings = getattr(module, "pretrained_cfg", None)
        if isinstance(settings, dict) and settings.get("mean"):
            asked = resolve_data_config(pretrained_cfg=settings)
            side = asked["input_size"][-1]
            return ImageClassification(
                crop_size=side,
                resize_size=int(side / asked["crop_pct"]),
                mean=asked["mean"],
                std=asked["std"],
                interpolation=InterpolationMode(asked["interpolation"]),
            )
    return None
