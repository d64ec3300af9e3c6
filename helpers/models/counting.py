"""How many numbers a network holds, where they are, and how much work it does for one image."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.func import functional_call
from torch.nn.modules.module import (
    register_module_buffer_registration_hook,
    register_module_parameter_registration_hook,
)
from torch.nn.parameter import UninitializedTensorMixin
from torch.utils.flop_counter import FlopCounterMode
from torchvision.models import get_model

from helpers.errors import CourseError, first_line
from helpers.models.freezing import eval_mode

# The name under which `count_by_child` lists parameters that belong to no child.
ITSELF = "(itself)"


@dataclass(frozen=True)
class ParameterCount:
    """How many numbers (not tensors) a network holds.

    `total` and `trainable` count parameters, and `trainable` those with `requires_grad`. `buffers` counts what
    belongs to the network and is no parameter, such as BatchNorm's running mean and variance.
    """

    total: int
    trainable: int
    buffers: int

    @property
    def frozen(self) -> int:
        """Parameters that training will not move."""
        return self.total - self.trainable


def count_parameters(model: nn.Module) -> ParameterCount:
    """Count the numbers in `model`; a tensor that several layers share is counted once.

    >>> count_parameters(nn.Sequential(nn.Conv2d(3, 8, 3), nn.BatchNorm2d(8)))
    ParameterCount(total=240, trainable=240, buffers=17)

    Raises:
        CourseError: `model` is no `nn.Module`, or holds a lazy layer that has seen no input yet.
    """
    _check(model)
    return _count(list(model.parameters()), list(model.buffers()))


def count_by_child(model: nn.Module) -> dict[str, ParameterCount]:
    """The counts of each direct child, by name and in the network's order, so that they add up to the whole.

    A tensor that several children share is counted for the first of them. What belongs to the network and to no
    child (ViT's class token) comes first, as `"(itself)"`.
    """
    _check(model)
    seen: set[Tensor] = set()
    own = (list(model.parameters(recurse=False)), list(model.buffers(recurse=False)))
    parts = {ITSELF: own} if any(own) else {}
    parts.update({name: (list(child.parameters()), list(child.buffers())) for name, child in model.named_children()})
    counts = {}
    for name, tensors in parts.items():
        fresh = [[tensor for tensor in kind if tensor not in seen] for kind in tensors]
        seen.update(*tensors)
        counts[name] = _count(*fresh)
    return counts


def gigamacs(model: nn.Module, size: int, *, channels: int = 3) -> float:
    """Multiply-accumulate operations (MACs), in 1e9, of one forward pass in `eval()` mode over one image.

    The image is [channels, size, size]. Matrix products, convolutions and attention count, as in torchvision's
    `weights.meta["_ops"]`. Nothing is computed: shapes alone flow through, and the model is left as it was.

    Raises:
        CourseError: `model` is no network, or cannot take an image of this size.
    """
    _check(model)
    if isinstance(size, bool) or not isinstance(size, int) or size < 1:
        raise CourseError(f"size is the side of the image in pixels, 1 or more, not {size!r}")
    shapes = {
        name: tensor.detach().to("meta")
        for tensors in (model.named_parameters(), model.named_buffers())
        for name, tensor in tensors
    }
    image = torch.empty(1, channels, size, size, device="meta")
    # On real tensors attention in `eval()` mode takes a fused operation that the counter counts as nothing. On `meta`
    # it does not; a test on ViT holds this.
    with eval_mode(model), FlopCounterMode(display=False) as counter, torch.no_grad():
        try:
            functional_call(model, shapes, (image,))
        except (RuntimeError, ValueError, AssertionError) as error:
            raise CourseError(
                f"{type(model).__name__} cannot take an image of {channels} x {size} x {size} ({first_line(error)}): "
                "use the size that its weights were trained with"
            ) from None
    return counter.get_total_flops() / 2e9  # the counter takes a MAC for two operations


def meta_network(name: str, **options: object) -> nn.Module:
    """torchvision's network `name` on the `meta` device: shapes and flags of all its tensors, and no memory.

    `with torch.device("meta")` does the same for most networks. It fails for those that compute with tensors while
    they are built (RegNet), so here only what a layer registers is moved.
    """
    with _registering_on_meta():
        return get_model(name, weights=None, **options).eval()


def refuse_lazy(model: nn.Module) -> None:
    """Raise `CourseError` where a parameter or a buffer of a lazy layer has no shape yet."""
    for name, value in (*model.named_parameters(), *model.named_buffers()):
        if isinstance(value, UninitializedTensorMixin):
            raise CourseError(f"{name} has no shape yet (a lazy layer): run one batch through the network first")


def _check(model: object) -> None:
    if not isinstance(model, nn.Module):
        raise CourseError(f"a network is an nn.Module, not {type(model).__name__}: pass the model itself")
    refuse_lazy(model)


def _count(parameters: list[Tensor], buffers: list[Tensor]) -> ParameterCount:
    return ParameterCount(
        total=sum(p.numel() for p in parameters),
        trainable=sum(p.numel() for p in parameters if p.requires_grad),
        buffers=sum(b.numel() for b in buffers),
    )


@contextmanager
def _registering_on_meta() -> Iterator[None]:
    def on_meta(module: nn.Module, name: str, tensor: Tensor | None) -> Tensor | None:
        if tensor is None or tensor.is_meta:
            return None  # registered as it is; a shared parameter stays shared
        moved = tensor.detach().to("meta")
        return nn.Parameter(moved, tensor.requires_grad) if isinstance(tensor, nn.Parameter) else moved

    hooks = [
        register_module_parameter_registration_hook(on_meta),
        register_module_buffer_registration_hook(on_meta),
    ]
    try:
        yield
    finally:
        for hook in hooks:
            hook.remove()
