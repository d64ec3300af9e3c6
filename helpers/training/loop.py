"""One training loop and one evaluation, for every lesson."""

from __future__ import annotations

import math
import time
from collections.abc import Iterable
from dataclasses import dataclass, field

import torch
from torch import Tensor, nn
from torch.utils.data import DataLoader
from tqdm.auto import tqdm

from helpers.errors import CourseError
from helpers.models.freezing import eval_mode
from helpers.training.refusals import collated, logits_in_training, require_trainable

Batches = Iterable[tuple[Tensor, Tensor]]


@dataclass
class History:
    """What a training run left behind, one entry an epoch."""

    train_loss: list[float] = field(default_factory=list)
    val_accuracy: list[float] = field(default_factory=list)
    seconds: float = 0.0


def train(
    model: nn.Module,
    batches: Batches,
    optimizer: torch.optim.Optimizer,
    *,
    epochs: int,
    val: Batches | None = None,
    device: torch.device | str = "cpu",
    scheduler: torch.optim.lr_scheduler.LRScheduler | None = None,
    label: str = "",
    progress: bool = False,
) -> History:
    """Cross-entropy training in `train()` mode; `scheduler` steps once a batch.

    `batches` yields (inputs [n, ...], labels [n]) anew each epoch.

    Raises:
        CourseError: a loss is not finite (before the step that would write it into the weights), an epoch has no
            batch, or no training can come of what was given, as `helpers.training.refusals` tells.
    """
    require_trainable(model, optimizer, scheduler)
    history, started = History(), time.perf_counter()
    for epoch in tqdm(range(epochs), desc=label or "training", leave=False, disable=not progress):
        model.train()
        total, seen = 0.0, 0
        for inputs, labels in collated(batches):
            inputs, labels = inputs.to(device), labels.to(device)
            loss = nn.functional.cross_entropy(logits_in_training(model, inputs, labels), labels)
            if not math.isfinite(loss.item()):
                raise CourseError(
                    f"the loss became {loss.item()} in epoch {epoch + 1}: lower the learning rate, "
                    "and look for NaN in the data"
                )
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            if scheduler is not None:
                scheduler.step()
            total, seen = total + loss.item() * len(labels), seen + len(labels)
        if not seen:
            ran_out = f"no batch is left in epoch {epoch + 1}: a generator gives its batches once; pass a list or a"
            nothing = "there is nothing to train on: the batches are empty; look at the dataset and at the"
            raise CourseError(f"{ran_out if epoch else nothing} DataLoader")
        history.train_loss.append(total / seen)
        if val is not None:
            history.val_accuracy.append(evaluate(model, val, device=device))
    history.seconds = time.perf_counter() - started
    return history


@torch.inference_mode()
def predict(model: nn.Module, batches: Batches, *, device: torch.device | str = "cpu") -> tuple[Tensor, Tensor]:
    """Logits [n, classes] and labels [n], both on the CPU; each layer gets its mode back afterwards."""
    with eval_mode(model):
        pairs = [(model(inputs.to(device)).cpu(), labels) for inputs, labels in collated(batches)]
    if not pairs:
        raise CourseError("there is nothing to predict on: the dataset is empty")
    logits, labels = zip(*pairs, strict=True)
    return torch.cat(logits), torch.cat(labels)


def evaluate(model: nn.Module, batches: Batches, *, device: torch.device | str = "cpu") -> float:
    """Top-1 accuracy, from 0 to 1."""
    logits, labels = predict(model, batches, device=device)
    return accuracy(logits, labels)


def accuracy(logits: Tensor, labels: Tensor) -> float:
    """Share of rows of `logits` [n, classes] whose largest entry is at the label [n], from 0 to 1.

    A row that holds a NaN is wrong (`argmax` would call the NaN the largest). Labels of another shape would be
    broadcast in silence, and an empty batch has no accuracy: both are a `CourseError`.
    """
    if logits.ndim != 2 or labels.shape != logits.shape[:1] or len(labels) == 0:
        raise CourseError(
            f"accuracy needs logits [n, classes] and labels [n] with n of at least 1, "
            f"not {list(logits.shape)} and {list(labels.shape)}: reshape them"
        )
    right = (logits.argmax(dim=1) == labels) & ~logits.isnan().any(dim=1)
    return right.float().mean().item()


def loader(dataset, *, batch_size: int = 32, shuffle: bool = False, seed: int = 0, workers: int = 0) -> DataLoader:
    """Batches of a dataset; shuffled in the same order for the same seed."""
    generator = torch.Generator().manual_seed(seed)
    return DataLoader(dataset, batch_size=batch_size, shuffle=shuffle, generator=generator, num_workers=workers)
