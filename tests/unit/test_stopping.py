"""Training until validation stops: when it ends, and what is kept."""

from __future__ import annotations

import torch
from torch import nn

from helpers.training import until_it_stops


class _Scripted(nn.Module):
    """A model whose validation loss follows a script, one entry an epoch."""

    def __init__(self, margins: list[float]):
        super().__init__()
        self.margin = nn.Parameter(torch.tensor(0.0))
        self.margins = iter(margins)

    def an_epoch(self, epoch: int) -> float:
        with torch.no_grad():
            self.margin.fill_(next(self.margins))
        return float(epoch)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        return torch.stack([self.margin.expand(len(images)), torch.zeros(len(images))], dim=1)


VAL = [(torch.zeros(3, 1), torch.zeros(3, dtype=torch.long))]


def _run(margins: list[float], **how) -> tuple[_Scripted, torch.optim.Optimizer, list[dict]]:
    model = _Scripted(margins)
    optimizer = torch.optim.SGD(model.parameters(), lr=1.0)
    return model, optimizer, until_it_stops(model.an_epoch, model, optimizer, VAL, **how)


def test_ends_when_it_stopped_twice_and_keeps_the_best_epoch():
    model, optimizer, curve = _run([1, 3, 2, 2, 2, 2, 2, 2, 9], patience=2)
    assert model.margin.item() == 3 and optimizer.param_groups[0]["lr"] == 0.1
    assert [epoch["train loss"] for epoch in curve] == [0, 1, 2, 3, 4, 5]
    assert curve[1]["val loss"] < curve[0]["val loss"] and curve[1]["accuracy"] == 1


def test_a_lower_loss_in_smaller_steps_starts_the_patience_anew():
    model, _, curve = _run([1, 0, 0, 2, 0, 0, 9], patience=2)
    assert model.margin.item() == 2 and len(curve) == 6


def test_epochs_are_the_end_at_the_latest():
    model, optimizer, curve = _run([1, 2, 3, 4], patience=2, epochs=3)
    assert len(curve) == 3 and model.margin.item() == 3 and optimizer.param_groups[0]["lr"] == 1.0


def test_patience_begins_later_where_a_schedule_asks_for_it():
    _, _, curve = _run([1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0], patience=2, at_least=4)
    assert len(curve) == 9


def test_a_loss_that_is_no_number_is_never_the_best():
    model, _, curve = _run([1, float("nan"), float("nan"), float("nan"), float("nan")], patience=1)
    assert model.margin.item() == 1 and len(curve) == 3
