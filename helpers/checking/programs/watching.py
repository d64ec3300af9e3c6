"""What torch is seen to do while a program runs: by hooks for all networks and optimizers, which are taken off again.

    with watched() as seen:
        train(folder, file)
    seen.networks, seen.images, seen.steps

Not seen: networks that torch does not call as modules (TorchScript programs, other libraries), and what other
processes do.
"""

from __future__ import annotations

import gc
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm
from torch.nn.modules.dropout import _DropoutNd
from torch.nn.modules.module import register_module_forward_hook, register_module_forward_pre_hook
from torch.optim.optimizer import register_optimizer_step_pre_hook

# As deciles and the like are asked for, every fourth pixel says as much as all of them.
THINNED = 4
MOST_IMAGES = 400


@dataclass
class Held:
    """A parameter or buffer of a network, what it was as the first image came, and whether it is another in the end."""

    name: str
    tensor: Tensor
    before: Tensor
    parameter: bool
    moved: bool = False


@dataclass(frozen=True)
class Network:
    """The outermost module around one that took images, and all that it held as the first of them came."""

    module: nn.Module
    held: tuple[Held, ...]

    def compare(self) -> None:
        """Note what has moved. Looked up by name: a helper may have put copies of buffers in for a while."""
        now = {**dict(self.module.named_parameters()), **dict(self.module.named_buffers())}
        for held in self.held:
            held.tensor = now.get(held.name, held.tensor)
            held.moved = _differs(held.tensor, held.before)


def _differs(now: Tensor, before: Tensor) -> bool:
    return now.shape != before.shape or not torch.equal(now.detach().to(before), before)


@dataclass
class Seen:
    """What was seen, in the order in which it happened.

    Attributes:
        networks: those that took images.
        images: what entered them, each [3, h, w], thinned out.
        sizes: of these images, in pixels (height, width), before they were thinned out.
        training: kinds of layers that worked in `train()` mode though they act otherwise in it.
        wasted: whether gradients were computed for a layer that took images.
        steps: of all optimizers.
        stepped: the trainable parameters of the optimizers, each with its numbers before the first step.
        moved: those of them that are others in the end.
        heads: the weights of the layers that gave such an output, each with its numbers at the first time.
        logits: width of the last output [n, width] of a layer with parameters of its own, gradients on.
    """

    networks: list[Network] = field(default_factory=list)
    images: list[Tensor] = field(default_factory=list)
    sizes: set[tuple[int, int]] = field(default_factory=set)
    training: set[str] = field(default_factory=set)
    wasted: bool = False
    steps: int = 0
    stepped: dict[int, tuple[Tensor, Tensor]] = field(default_factory=dict)
    moved: list[Tensor] = field(default_factory=list)
    heads: dict[int, tuple[Tensor, Tensor]] = field(default_factory=dict)
    logits: int | None = None

    def unused_gradients(self) -> bool:
        """Whether a head still holds gradients in the end, and never moved by them."""
        return any(now.grad is not None and not _differs(now, before) for now, before in self.heads.values())

    def compare(self) -> None:
        """Note what has moved, before anything else can move it."""
        self.moved = [tensor for tensor, before in self.stepped.values() if _differs(tensor, before)]
        for network in self.networks:
            network.compare()


@contextmanager
def watched(*, networks: bool = True) -> Iterator[Seen]:
    """Within the block, what torch does is noted. With `networks=False` none is looked for, which is quicker."""
    seen, known = Seen(), {}

    def before_forward(module: nn.Module, given: tuple) -> None:
        if module.training and _acts_in_training(module):
            seen.training.add(type(module).__name__)
        if module._parameters and given and _is_images(given[0]):
            _note_images(seen, given[0])
            seen.wasted |= torch.is_grad_enabled() and any(p.requires_grad for p in module.parameters())
            if networks and id(module) not in known:
                known[id(module)] = module
                _note_network(seen, module)

    def after_forward(module: nn.Module, given: tuple, output: object) -> None:
        if not module._parameters or module._modules or not isinstance(output, Tensor):
            return
        if output.ndim == 2 and output.requires_grad and any(p.requires_grad for p in module.parameters()):
            seen.logits = output.shape[1]
            for parameter in module.parameters():
                seen.heads.setdefault(id(parameter), (parameter, parameter.detach().clone()))

    def before_step(optimizer: torch.optim.Optimizer, *_: object) -> None:
        seen.steps += 1
        for group in optimizer.param_groups:
            for parameter in group["params"]:
                if parameter.requires_grad and id(parameter) not in seen.stepped:
                    seen.stepped[id(parameter)] = (parameter, parameter.detach().clone())

    hooks = (
        register_module_forward_pre_hook(before_forward),
        register_module_forward_hook(after_forward),
        register_optimizer_step_pre_hook(before_step),
    )
    try:
        yield seen
        seen.compare()
    finally:
        for hook in hooks:
            hook.remove()


def _acts_in_training(module: nn.Module) -> bool:
    if isinstance(module, _BatchNorm):
        return module.track_running_stats
    return isinstance(module, _DropoutNd) and module.p > 0


def _is_images(given: object) -> bool:
    """Colour images [n, 3, h, w] and no features; and no blank ones, with which helpers find out about a network."""
    if not isinstance(given, Tensor) or given.ndim != 4 or given.shape[1] != 3 or min(given.shape[2:]) < 16:
        return False
    return given.is_floating_point() and not given.is_meta and bool(given.detach().amax() > given.detach().amin())


def _note_images(seen: Seen, images: Tensor) -> None:
    seen.sizes.add(tuple(images.shape[2:]))
    if len(seen.images) < MOST_IMAGES:
        seen.images += images.detach()[:, :, ::THINNED, ::THINNED].float().cpu().clone()


def _note_network(seen: Seen, module: nn.Module) -> None:
    outermost = _outermost(module)
    if any(outermost is network.module for network in seen.networks):
        return
    parameters = [(name, tensor, True) for name, tensor in outermost.named_parameters()]
    buffers = [(name, tensor, False) for name, tensor in outermost.named_buffers()]
    held = tuple(Held(name, t, t.detach().clone(), kind) for name, t, kind in parameters + buffers)
    seen.networks.append(Network(outermost, held))


def _outermost(module: nn.Module) -> nn.Module:
    """The largest module that holds this one: a program may call a network's layers one by one."""
    parents: dict[int, list[nn.Module]] = defaultdict(list)
    for one in gc.get_objects():
        if issubclass(type(one), nn.Module):  # `isinstance` would wake modules that load on first use
            for child in vars(one).get("_modules", {}).values():
                parents[id(child)].append(one)
    best, todo, found = module, [module], {id(module)}
    while todo:
        for parent in parents[id(todo.pop())]:
            if id(parent) not in found:
                found.add(id(parent))
                todo.append(parent)
                if _size(parent) >= _size(best):
                    best = parent
    return best


def _size(module: nn.Module) -> int:
    return sum(parameter.numel() for parameter in module.parameters())
