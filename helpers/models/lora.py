"""LoRA: a frozen layer, and beside it a trainable update of low rank.

Hu et al. 2021, "LoRA: Low-Rank Adaptation of Large Language Models", arXiv 2106.09685.
"""

from __future__ import annotations

from collections.abc import Iterable

import torch
from torch import Tensor, nn

from helpers.errors import CourseError


class LoRA(nn.Module):
    """A layer that stays as it is, plus `alpha / rank` times a way through `rank` numbers.

    The way is `up(down(x))`. `up` starts with zeros, so at first the whole computes what the layer alone computes.

    Args:
        layer: an `nn.Linear`, or an `nn.Conv2d` with one group. It is frozen here.
        rank: how many numbers the way is wide, at least 1.
        alpha: the update is multiplied by `alpha / rank`.

    Raises:
        CourseError: another kind of layer, or a rank below 1.
    """

    def __init__(self, layer: nn.Linear | nn.Conv2d, rank: int, alpha: float):
        super().__init__()
        if type(rank) is not int or rank < 1:
            raise CourseError(f"a rank is a whole number from 1 on, not {rank!r}")
        self.down, self.up = _way(layer, rank)
        self.layer = layer.requires_grad_(False)
        self.scale = alpha / rank
        nn.init.zeros_(self.up.weight)
        self.to(layer.weight.device, layer.weight.dtype)
        self.train(layer.training)

    def forward(self, inputs: Tensor) -> Tensor:
        return self.layer(inputs) + self.scale * self.up(self.down(inputs))

    @torch.no_grad()
    def update(self) -> Tensor:
        """What the way adds to the weight of the layer, in the shape of that weight."""
        product = self.up.weight.flatten(1) @ self.down.weight.flatten(1)
        return self.scale * product.view_as(self.layer.weight)

    @torch.no_grad()
    def merged(self) -> nn.Linear | nn.Conv2d:
        """The layer itself, the update added to its weight."""
        self.layer.weight += self.update()
        return self.layer


def _way(layer: nn.Module, rank: int) -> tuple[nn.Module, nn.Module]:
    if isinstance(layer, nn.Linear):
        return nn.Linear(layer.in_features, rank, bias=False), nn.Linear(rank, layer.out_features, bias=False)
    if isinstance(layer, nn.Conv2d) and layer.groups == 1:
        sees = {name: getattr(layer, name) for name in ("kernel_size", "stride", "padding", "dilation", "padding_mode")}
        down = nn.Conv2d(layer.in_channels, rank, **sees, bias=False)
        return down, nn.Conv2d(rank, layer.out_channels, 1, bias=False)
    kind = f"a convolution in {layer.groups} groups" if isinstance(layer, nn.Conv2d) else type(layer).__name__
    raise CourseError(f"LoRA is for nn.Linear and for nn.Conv2d with one group, not for {kind}: leave this layer out")


def is_pointwise(layer: nn.Module) -> bool:
    """Whether it is a convolution that looks at one pixel at a time: a linear layer for each pixel."""
    return isinstance(layer, nn.Conv2d) and layer.kernel_size == (1, 1) and layer.groups == 1


def attach(model: nn.Module, names: Iterable[str], rank: int, alpha: float) -> list[str]:
    """Freeze `model`, and put a `LoRA` around each layer of these names. Returns the names.

    Only the ways are trainable afterwards: thaw the head yourself. BatchNorm's statistics are no parameters and move
    in `train()` mode all the same.

    Raises:
        CourseError: no name was given, or one is no layer of the model that LoRA is for. The model is then as it was.
    """
    names = list(names)
    if not names:
        raise CourseError("no layer was named for LoRA: look at `model.named_modules()` for the names")
    known = dict(model.named_modules())
    missing = [name for name in names if name not in known]
    if missing:
        raise CourseError(f"the model has no layer {missing[0]!r}: look at `model.named_modules()` for the names")
    wrapped = {name: LoRA(known[name], rank, alpha) for name in names}
    model.requires_grad_(False)
    for name, layer in wrapped.items():
        layer.up.requires_grad_(True)
        layer.down.requires_grad_(True)
        model.set_submodule(name, layer)
    return names


def merge(model: nn.Module) -> nn.Module:
    """Add each update to the weight of its layer and take the ways out. Returns the model, in place."""
    for name, layer in list(model.named_modules()):
        if isinstance(layer, LoRA):
            model.set_submodule(name, layer.merged())
    return model


def places(model: nn.Module, leave_out: Iterable[str] = ()) -> list[str]:
    """Where LoRA goes as a rule, by name: the 1x1 convolutions, or, in a network without any, the linear layers.

    Attention's `out_proj` is left out: `nn.MultiheadAttention` reads its weight and never calls it, so that a layer
    put around it has no part in the answer. `leave_out` are further names, such as the head's.
    """
    unheard = {layer.out_proj for layer in model.modules() if isinstance(layer, nn.MultiheadAttention)}
    layers = {name: one for name, one in model.named_modules() if name not in set(leave_out) and one not in unheard}
    pointwise = [name for name, layer in layers.items() if is_pointwise(layer)]
    return pointwise or [name for name, layer in layers.items() if isinstance(layer, nn.Linear)]
