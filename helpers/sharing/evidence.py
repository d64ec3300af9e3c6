"""Heads for one frozen backbone, trained with several seeds, chosen by validation, and tested once."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.utils.data import TensorDataset

from helpers.data import Splits
from helpers.models import Backbone, remove_head
from helpers.sharing.numbers import CardNumbers, numbers_of
from helpers.training import extract_features, loader, train, until_it_stops
from helpers.training.features import Features

RATES = (1e-3, 1e-2)  # AdamW's; validation chooses
BATCH_SIZE = 25


@dataclass(frozen=True)
class Evidence:
    """What was trained, and what the test part says of it.

    Attributes:
        body: the frozen backbone, images to features [n, width].
        heads: one `nn.Linear` for each seed.
        chosen: which of them is shared: that with the lowest validation loss.
        rate: the learning rate that validation chose.
        val_losses: of each head.
        logits: float [seeds, n, classes] for the test part.
        labels: int64 [n] of the test part.
        numbers: what the card says of them.
    """

    body: nn.Module
    heads: list[nn.Linear]
    chosen: int
    rate: float
    val_losses: list[float]
    logits: Tensor
    labels: Tensor
    numbers: CardNumbers

    @property
    def network(self) -> nn.Module:
        """Images to logits [n, classes], in `eval()` mode on the CPU: the backbone and the chosen head."""
        network = nn.Sequential(self.body, self.heads[self.chosen]).cpu().eval()
        return network.to(memory_format=torch.contiguous_format)  # torch.export warns of how others lie in memory


def collect(
    data: Splits,
    backbone: Backbone,
    *,
    seed: int,
    repeats: int,
    epochs: int,
    device: torch.device,
    progress: bool = False,
) -> Evidence:
    """Train a head with each of `repeats` seeds at each of `RATES`; the test part is read once, after every choice.

    `data` has its transform. The backbone's network is changed: it loses its classifier and is frozen.
    """
    body, width = remove_head(backbone.model.requires_grad_(False).eval())
    how = {"device": device, "progress": progress}
    parts = {part: extract_features(body, getattr(data, part), **how) for part in ("train", "val")}
    runs: dict[float, list[tuple[nn.Linear, float]]] = {}
    for rate in RATES:
        runs[rate] = [
            _trained_head(parts["train"], parts["val"], width, len(data.classes), seed + run, rate, epochs)
            for run in range(repeats)
        ]
    rate = min(runs, key=lambda rate: sum(loss for _, loss in runs[rate]))
    heads, losses = (list(column) for column in zip(*runs[rate], strict=True))
    test = extract_features(body, data.test, **how)
    with torch.inference_mode():
        logits = torch.stack([head(test.features) for head in heads])
    numbers = numbers_of(logits.argmax(dim=2), test.labels, len(data.classes))
    chosen = min(range(repeats), key=losses.__getitem__)
    return Evidence(body, heads, chosen, rate, losses, logits, test.labels, numbers)


def _trained_head(
    train_part: Features, val_part: Features, width: int, classes: int, seed: int, rate: float, epochs: int
) -> tuple[nn.Linear, float]:
    """A head and its lowest validation loss; torch's own random numbers stay as they were."""
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(seed)
        head = nn.Linear(width, classes)
        optimizer = torch.optim.AdamW(head.parameters(), lr=rate)
        batches = loader(TensorDataset(*train_part[:2]), batch_size=BATCH_SIZE, shuffle=True, seed=seed)
        val = [tuple(val_part[:2])]
        curve = until_it_stops(
            lambda _: train(head, batches, optimizer, epochs=1).train_loss[-1], head, optimizer, val, epochs=epochs
        )
    return head.requires_grad_(False).eval(), min(epoch["val loss"] for epoch in curve)
