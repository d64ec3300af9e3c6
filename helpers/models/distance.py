"""How far pictures are from those that a network was trained on, by what its BatchNorm layers remember of these."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from helpers.errors import CourseError
from helpers.models.freezing import eval_mode


@torch.no_grad()
def distance_from_pretraining(model: nn.Module, images: Tensor) -> float:
    """How far the channels of `images` [n, 3, height, width] lie from their values in pretraining, in deviations.

    A BatchNorm layer remembers the mean and the variance of each of its channels in pretraining. Here the mean over
    `images` is compared with it: the absolute difference, divided by the remembered standard deviation, averaged over
    the channels of a layer and then over the layers. 0 would be pictures just like those; the size of the pictures
    counts as well, so compare pictures of one size only.

    Raises:
        CourseError: the model has no BatchNorm layer that remembers anything, or there are no images.
    """
    layers = [m for m in model.modules() if isinstance(m, nn.modules.batchnorm._BatchNorm) and m.track_running_stats]
    if not layers:
        raise CourseError(f"{type(model).__name__} has no BatchNorm layer: there are no statistics to compare with")
    if len(images) == 0:
        raise CourseError("there are no images: the distance is a mean over at least one")
    found: list[float] = []

    def compare(layer: nn.modules.batchnorm._BatchNorm, inputs: tuple[Tensor, ...]) -> None:
        mean = inputs[0].transpose(0, 1).flatten(1).mean(dim=1)
        off = (mean - layer.running_mean).abs() / (layer.running_var + layer.eps).sqrt()
        found.append(off.mean().item())

    hooks = [layer.register_forward_pre_hook(compare) for layer in layers]
    try:
        with eval_mode(model):
            model(images)
    finally:
        for hook in hooks:
            hook.remove()
    return sum(found) / len(found)
