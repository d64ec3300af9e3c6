"""Freezing holds against a real training step."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from helpers.models import FrozenBackbone, freeze, moved, snapshot
from helpers.models.freezing import eval_mode


def network(norm: bool) -> nn.Module:
    torch.manual_seed(0)
    return nn.Sequential(
        nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4) if norm else nn.Identity(), nn.AdaptiveAvgPool2d(1), nn.Flatten()
    )


def step(model: nn.Module) -> None:
    """One training step with momentum and weight decay on every parameter."""
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9, weight_decay=0.1)
    nn.functional.cross_entropy(model(3 * torch.randn(8, 3, 8, 8) + 2), torch.arange(8) % 2).backward()
    optimizer.step()


@pytest.mark.parametrize("norm", [True, False])
def test_a_step_moves_the_head_and_nothing_of_the_backbone(norm):
    backbone, head = freeze(network(norm)), nn.Linear(4, 2)
    before, head_before = snapshot(backbone), snapshot(head)
    step(nn.Sequential(backbone, head))
    assert moved(before, backbone) == []
    assert moved(head_before, head) == ["weight", "bias"]


def test_train_undoes_freeze_and_does_not_undo_a_frozen_backbone():
    loose, held = network(True), network(True)
    for backbone, wrapped in ((loose, freeze(loose)), (held, FrozenBackbone(held))):
        before = snapshot(backbone)
        step(nn.Sequential(wrapped, nn.Linear(4, 2)).train())
        names = moved(before, backbone)
        assert names == ([] if backbone is held else ["1.running_mean", "1.running_var", "1.num_batches_tracked"])


def test_moved_sees_a_swap_that_keeps_the_sum():
    model = network(False)
    before = snapshot(model)
    with torch.no_grad():
        model[0].weight.copy_(model[0].weight.flip(0))
    assert moved(before, model) == ["0.weight"]


class Merges(nn.Linear):
    """Does more in `train()` and `eval()` than keep a flag, as LoRA layers do."""

    merged = False

    def train(self, mode: bool = True) -> nn.Module:
        self.merged = not mode
        return super().train(mode)


def test_eval_mode_gives_each_layer_its_mode_back_and_calls_train():
    network = nn.Sequential(Merges(2, 2), nn.BatchNorm1d(2)).train()
    network[1].eval()
    with pytest.raises(RuntimeError, match="stop"), eval_mode(network):
        assert not any(layer.training for layer in network.modules())
        assert network[0].merged
        raise RuntimeError("stop")
    assert [layer.training for layer in network.modules()] == [True, True, False]
    assert not network[0].merged
