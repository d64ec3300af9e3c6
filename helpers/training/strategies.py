"""The seven strategies of lesson 08, each trained until its validation stops.

Lessons 03, 05 and 07 show them in cells. Here they stand side by side, alike in all but what makes a strategy: the
same AdamW, the same pictures, the same rule for stopping (`until_it_stops`).
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import islice

import torch
from torch import Tensor, nn

from helpers.errors import unknown_name
from helpers.models.freezing import KeepStatistics, eval_mode
from helpers.models.groups import parameter_groups, stages_of
from helpers.models.heads import find_head, remove_head, replace_head
from helpers.models.lora import attach, places
from helpers.training.devices import seed_everything
from helpers.training.loop import predict, train
from helpers.training.stopping import until_it_stops

STRATEGIES = ("scratch", "linear probe", "last stage", "one rate", "differential", "LP-FT", "LoRA")

PARTS = (0.01, 0.01, 0.1, 0.1, 1.0)  # of the head's rate, from the first stage to the head: lesson 05's "differential"
RANK = 4  # of LoRA; its alpha is twice as much
PROBE_RATE = 3e-3  # for the first half of LP-FT
BATCH_SIZE = 32
STEPS, MOST = 10, 1000  # between two looks at the validation part: at least so many steps, at most so many pictures


@dataclass(frozen=True)
class Images:
    """Pictures [n, 3, side, side] and labels [n] to train on, and others to stop by.

    `mirrored`: whether a picture may be turned left to right. A mirrored flower is a flower; a mirrored 3 is no digit.
    """

    train: tuple[Tensor, Tensor]
    val: tuple[Tensor, Tensor]
    classes: int
    mirrored: bool = True

    def batch(self, index: Tensor, mirrored: Tensor) -> Tensor:
        """The training pictures of these numbers, some of them mirrored."""
        pictures = self.train[0][index]
        pictures = torch.where(mirrored[:, None, None, None], pictures.flip(-1), pictures)
        return pictures.contiguous(memory_format=torch.channels_last)


@dataclass(frozen=True)
class Trained:
    """The network as it was at its best, the curve with a point each round, and what it took to get there.

    Attributes:
        epochs: how often each training picture was used, to the end of the last round.
        trainable: the parameters that could move.
    """

    network: nn.Module
    curve: list[dict[str, float]]
    epochs: float
    trainable: int


def fine_tuned(
    strategy: str,
    pretrained: nn.Module,
    images: Images,
    rate: float,
    seed: int = 0,
    *,
    patience: int = 4,
    rounds: int = 60,
    device: torch.device | str = "cpu",
) -> Trained:
    """A copy of `pretrained` with a new head, trained by `strategy` until its validation loss stops falling.

    Args:
        strategy: one of STRATEGIES.
        rate: AdamW's; of the head where the parts have rates of their own.
        seed: of the head, the order of the pictures and their mirroring.
        patience: so many rounds without a lower validation loss, and training has stopped.
        rounds: the end at the latest.

    Raises:
        CourseError: an unknown strategy, or the loss is not finite any more.
    """
    if strategy not in STRATEGIES:
        raise unknown_name("strategy", strategy, STRATEGIES)
    seed_everything(seed)
    network = replace_head(copy.deepcopy(pretrained), images.classes).to(device)
    how = {"patience": patience, "rounds": rounds, "device": device}
    return _WAYS[strategy](network, images, rate, seed, how)


def right_on(network: nn.Module, images: Tensor, labels: Tensor, device: torch.device | str = "cpu") -> Tensor:
    """Which pictures the network gets right, [n], true or false."""
    logits, labels = predict(network, _in_parts(images, labels), device=device)
    return logits.argmax(dim=1) == labels


def few_of_each(images: Tensor, labels: Tensor, per_class: int, seed: int) -> tuple[Tensor, Tensor]:
    """At most `per_class` pictures of each class, drawn by the seed; with the same seed, fewer are among more."""
    generator = torch.Generator().manual_seed(seed)
    drawn = []
    for label in range(int(labels.max()) + 1):
        members = (labels == label).nonzero().flatten()
        drawn.append(members[torch.randperm(len(members), generator=generator)[:per_class]])
    index = torch.cat(drawn)
    return images[index], labels[index]


def images_a_round(count: int) -> int:
    """How many of `count` training pictures are used between two looks at the validation part.

    One pass, where that is neither too short to tell (over ten pictures it is a single step) nor too long to stop in
    time.
    """
    return min(max(count, STEPS * min(BATCH_SIZE, count)), MOST)


# -- The strategies -----------------------------------------------------------------------------------------


def _scratch(network: nn.Module, images: Images, rate: float, seed: int, how: dict) -> Trained:
    for layer in network.modules():
        if hasattr(layer, "reset_parameters"):
            layer.reset_parameters()  # as PyTorch begins them: nothing of ImageNet is left
    return _trained(network, network, network.parameters(), images, rate, seed, how)


def _linear_probe(network: nn.Module, images: Images, rate: float, seed: int, how: dict) -> Trained:
    """The head alone, on features that were computed once, for each picture and its mirror image."""
    name = find_head(network).name
    head = network.get_submodule(name)
    backbone, _ = remove_head(copy.deepcopy(network))
    seen = _Features(backbone, images, how["device"])
    probe = nn.Linear(head.weight.shape[1], images.classes).to(how["device"])
    probe.load_state_dict({"weight": head.weight.flatten(1), "bias": head.bias})
    done = _trained(probe, probe, probe.parameters(), seen, rate, seed, how)
    with torch.no_grad():
        head.weight.copy_(probe.weight.view_as(head.weight))
        head.bias.copy_(probe.bias)
    return Trained(network, done.curve, done.epochs, done.trainable)


def _last_stage(network: nn.Module, images: Images, rate: float, seed: int, how: dict) -> Trained:
    parts = stages_of(network)
    thawed = {*parts["stage 4"], *parts["head"]}
    for name, parameter in network.named_parameters():
        parameter.requires_grad_(name in thawed)
    return _trained(KeepStatistics(network), network, _trainable(network), images, rate, seed, how)


def _one_rate(network: nn.Module, images: Images, rate: float, seed: int, how: dict) -> Trained:
    return _trained(KeepStatistics(network), network, network.parameters(), images, rate, seed, how)


def _differential(network: nn.Module, images: Images, rate: float, seed: int, how: dict) -> Trained:
    parts = stages_of(network)
    rates = {part: rate * share for part, share in zip(parts, PARTS, strict=True)}
    groups = parameter_groups(network, rates, parts, weight_decay=1e-4)
    return _trained(KeepStatistics(network), network, groups, images, rate, seed, how)


def _probe_first(network: nn.Module, images: Images, rate: float, seed: int, how: dict) -> Trained:
    """LP-FT (Kumar et al. 2022, arXiv 2202.10054): the head on frozen features first, then everything."""
    probed = _linear_probe(network, images, PROBE_RATE, seed, how)
    tuned = _one_rate(probed.network, images, rate, seed, how)
    return Trained(tuned.network, probed.curve + tuned.curve, probed.epochs + tuned.epochs, tuned.trainable)


def _lora(network: nn.Module, images: Images, rate: float, seed: int, how: dict) -> Trained:
    head = find_head(network).name
    attach(network, places(network, leave_out=[head]), RANK, 2 * RANK)
    network.get_submodule(head).requires_grad_(True)
    return _trained(KeepStatistics(network), network, _trainable(network), images, rate, seed, how)


_WAYS: dict[str, Callable[..., Trained]] = {
    "scratch": _scratch,
    "linear probe": _linear_probe,
    "last stage": _last_stage,
    "one rate": _one_rate,
    "differential": _differential,
    "LP-FT": _probe_first,
    "LoRA": _lora,
}


# -- What they share ----------------------------------------------------------------------------------------


def _trained(
    model: nn.Module, network: nn.Module, what: object, images: Images | _Features, rate: float, seed: int, how: dict
) -> Trained:
    """Train `what` with AdamW: its rate rises over the first round, and the rest is `until_it_stops`.

    `model` is what trains, `network` what is kept: the same, or `model` holds it.
    """
    network.to(memory_format=torch.channels_last)
    optimizer = torch.optim.AdamW(what, lr=rate, weight_decay=1e-4, fused=True)
    count = len(images.train[1])
    batches = _Rounds(images, seed)
    warm_up = torch.optim.lr_scheduler.LinearLR(optimizer, 0.1, total_iters=len(batches))

    def a_round(_: int) -> float:
        return train(model, batches, optimizer, epochs=1, scheduler=warm_up, device=how["device"]).train_loss[0]

    curve = until_it_stops(
        a_round,
        network,
        optimizer,
        _in_parts(*images.val),
        patience=how["patience"],
        epochs=how["rounds"],
        device=how["device"],
    )
    trainable = sum(parameter.numel() for group in optimizer.param_groups for parameter in group["params"])
    return Trained(network, curve, len(curve) * images_a_round(count) / count, trainable)


class _Rounds:
    """Batches for one round after the other: each goes on in the pictures where the one before it stopped."""

    def __init__(self, images: Images | _Features, seed: int):
        self.images, self.generator = images, torch.Generator().manual_seed(seed)
        self.stream = self._endless()
        self.left = images_a_round(len(images.train[1]))

    def __len__(self) -> int:
        return -(-self.left // min(BATCH_SIZE, len(self.images.train[1])))

    def __iter__(self) -> Iterator[tuple[Tensor, Tensor]]:
        return islice(self.stream, len(self))

    def _endless(self) -> Iterator[tuple[Tensor, Tensor]]:
        labels = self.images.train[1]
        size = min(BATCH_SIZE, len(labels))
        waiting = torch.empty(0, dtype=torch.long)
        while True:
            while len(waiting) < size:
                waiting = torch.cat([waiting, torch.randperm(len(labels), generator=self.generator)])
            index, waiting = waiting[:size], waiting[size:]
            mirrored = torch.rand(size, generator=self.generator) < (0.5 if self.images.mirrored else 0.0)
            yield self.images.batch(index, mirrored), labels[index]


class _Features:
    """What a frozen backbone says of each training picture and of its mirror image, in the place of the pictures."""

    def __init__(self, backbone: nn.Module, images: Images, device: torch.device | str):
        pictures, labels = images.train
        sides = [pictures, pictures.flip(-1)] if images.mirrored else [pictures]
        self.mirrored = images.mirrored
        self.sides = torch.stack([self._of(backbone, side, device) for side in sides])
        self.train = self.sides[0], labels
        self.val = self._of(backbone, images.val[0], device), images.val[1]

    @staticmethod
    @torch.inference_mode()
    def _of(backbone: nn.Module, pictures: Tensor, device: torch.device | str) -> Tensor:
        backbone.to(device, memory_format=torch.channels_last)
        with eval_mode(backbone):
            parts = [backbone(part.to(device, memory_format=torch.channels_last)).cpu() for part in pictures.split(256)]
        return torch.cat(parts).clone()

    def batch(self, index: Tensor, mirrored: Tensor) -> Tensor:
        return self.sides[mirrored.long(), index]


def _trainable(network: nn.Module) -> list[nn.Parameter]:
    return [parameter for parameter in network.parameters() if parameter.requires_grad]


def _in_parts(inputs: Tensor, labels: Tensor) -> list[tuple[Tensor, Tensor]]:
    if inputs.ndim == 4:
        inputs = inputs.contiguous(memory_format=torch.channels_last)
    return list(zip(inputs.split(256), labels.split(256), strict=True))
