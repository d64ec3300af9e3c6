"""Freezing a backbone: its parameters and its BatchNorm statistics."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import nn


def freeze(model: nn.Module) -> nn.Module:
    """Stop everything in `model` from changing in training, and return it.

    What moves in an ordinary training step, and what stops it here:
    - parameters move by gradients: `requires_grad` becomes False;
    - buffers, such as BatchNorm's running mean and variance, move in every forward pass of `train()` mode,
      gradients or not: the model goes into `eval()` mode.

    The mode is not kept for good: a later `train()` call on a network that holds this one puts it back.
    `FrozenBackbone` is proof against that.

    >>> layer = freeze(nn.BatchNorm1d(2))
    >>> layer(torch.ones(4, 2) * 5).requires_grad, layer.running_mean.tolist()
    (False, [0.0, 0.0])
    """
    model.requires_grad_(False)
    return model.eval()


class FrozenBackbone(nn.Module):
    """A backbone that stays frozen whatever `train()` calls come: inputs in, features [n, d] out."""

    def __init__(self, backbone: nn.Module):
        super().__init__()
        self.backbone = freeze(backbone)

    def train(self, mode: bool = True) -> FrozenBackbone:
        super().train(mode)
        self.backbone.eval()
        return self

    def forward(self, inputs: torch.Tensor) -> torch.Tensor:
        return self.backbone(inputs)


class KeepStatistics(nn.Module):
    """A network that is fine-tuned while its BatchNorm statistics stay as they were. Lesson 05 shows it in a cell."""

    def __init__(self, network: nn.Module):
        super().__init__()
        self.network = network

    def train(self, mode: bool = True) -> KeepStatistics:
        super().train(mode)
        for layer in self.network.modules():
            if isinstance(layer, nn.modules.batchnorm._BatchNorm):
                layer.eval()
        return self

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        return self.network(images)


@contextmanager
def eval_mode(model: nn.Module) -> Iterator[None]:
    """`eval()` for a while; each layer then gets its own mode back."""
    was_training = [(module, module.training) for module in model.modules()]
    model.eval()
    try:
        yield
    finally:
        model.train(was_training[0][1])  # some layers do more in it than keep a flag
        for module, training in was_training:
            module.training = training


def snapshot(model: nn.Module) -> dict[str, torch.Tensor]:
    """A copy of every parameter and buffer, to compare with later."""
    return {name: value.detach().clone() for name, value in _numbers(model).items()}


def moved(before: dict[str, torch.Tensor], model: nn.Module) -> list[str]:
    """Names of the parameters and buffers of `model` that are no longer what `before` says."""
    now = _numbers(model)
    return [name for name, value in before.items() if not torch.equal(value, now[name])]


def _numbers(model: nn.Module) -> dict[str, torch.Tensor]:
    """Every parameter and buffer by its name: a state dict leaves out the buffers that are not persistent."""
    return {**model.state_dict(), **dict(model.named_buffers(remove_duplicate=False))}
