"""Training until the validation loss stops falling: the rule by which the lessons compare strategies."""

from __future__ import annotations

import copy
import math
from collections.abc import Callable

import torch
from torch import nn

from helpers.training.loop import Batches, accuracy, predict


def until_it_stops(
    an_epoch: Callable[[int], float],
    model: nn.Module,
    optimizer: torch.optim.Optimizer,
    val: Batches,
    *,
    patience: int = 4,
    epochs: int = 60,
    at_least: int = 0,
    device: torch.device | str = "cpu",
) -> list[dict[str, float]]:
    """Train until the validation loss stops falling, and once more with a tenth of the rates.

    Stopped means: for `patience` epochs there was no lower validation loss. The first time the model goes back to its
    best epoch and goes on with a tenth of each group's rate. The second time it keeps its best epoch, and that is the
    end. Lesson 05 shows this rule in a cell of its own.

    Args:
        an_epoch: trains for epoch 0, 1, ... and returns the training loss.
        epochs: the end at the latest.
        at_least: the patience begins in this epoch, for a schedule that opens the network bit by bit.

    Returns:
        For each epoch its "train loss", "val loss" and "accuracy" (on `val`, from 0 to 1).
    """
    curve: list[dict[str, float]] = []
    lowest, best, waits_from, slowed = math.inf, 0, at_least, False
    weights = copy.deepcopy(model.state_dict())
    for epoch in range(epochs):
        train_loss = an_epoch(epoch)
        logits, labels = predict(model, val, device=device)
        val_loss = nn.functional.cross_entropy(logits, labels).item()
        curve.append({"train loss": train_loss, "val loss": val_loss, "accuracy": accuracy(logits, labels)})
        if val_loss < lowest:
            lowest, best, weights = val_loss, epoch, copy.deepcopy(model.state_dict())
        if epoch - max(best, waits_from) >= patience:
            if slowed:
                break
            model.load_state_dict(weights)  # on from the best epoch, in smaller steps
            for group in optimizer.param_groups:
                group["lr"] /= 10
            slowed, waits_from = True, epoch
    model.load_state_dict(weights)
    return curve
