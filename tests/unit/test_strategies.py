"""Lesson 08's strategies: each moves what its name says, and goes on until its validation stops."""

from __future__ import annotations

import itertools

import pytest
import torch
from torch import nn

from helpers.checking import networks
from helpers.errors import CourseError
from helpers.models.distance import distance_from_pretraining
from helpers.models.freezing import moved, snapshot
from helpers.models.groups import stages_of
from helpers.training.strategies import (
    BATCH_SIZE,
    MOST,
    STEPS,
    STRATEGIES,
    Images,
    _Rounds,
    fine_tuned,
    images_a_round,
    right_on,
)


def pretrained() -> nn.Module:
    """Four blocks, each a 1x1 convolution with BatchNorm, and a head for seven classes."""
    torch.manual_seed(0)
    blocks = [
        nn.Sequential(nn.Conv2d(a, b, 1), nn.BatchNorm2d(b), nn.ReLU()) for a, b in ((3, 8), (8, 8), (8, 8), (8, 8))
    ]
    return nn.Sequential(nn.Sequential(*blocks), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(8, 7)).eval()


def images(count: int = 12, mirrored: bool = True) -> Images:
    """Two classes that differ in one colour."""
    torch.manual_seed(1)
    labels = torch.arange(count) % 2
    pictures = torch.rand(count, 3, 4, 4)
    pictures[:, 0] += labels[:, None, None]
    return Images((pictures, labels), (pictures, labels), 2, mirrored)


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_it_learns_and_leaves_the_pretrained_network_alone(strategy):
    model, data = pretrained(), images(40)
    before = snapshot(model)
    done = fine_tuned(strategy, model, data, 3e-2, patience=3, rounds=30)
    assert moved(before, model) == []
    assert right_on(done.network, *data.val).float().mean() > 0.9
    assert len(done.curve) <= 60 and done.epochs == pytest.approx(len(done.curve) * images_a_round(40) / 40)


def may_move(strategy: str, model: nn.Module) -> set[str]:
    head = {"3.weight", "3.bias"}
    every = {name for name, _ in model.named_parameters()}
    return {"linear probe": head, "last stage": {*stages_of(model)["stage 4"], *head}}.get(strategy, every)


@pytest.mark.parametrize("strategy", [name for name in STRATEGIES if name != "LoRA"])
def test_it_moves_what_its_name_says(strategy):
    model, data = pretrained(), images()
    done = fine_tuned(strategy, model, data, 1e-2, rounds=2)
    before = {name: value for name, value in snapshot(model).items() if not name.startswith("3.")}
    statistics = {name for name, _ in model.named_buffers()} if strategy == "scratch" else set()
    expected = {name for name in may_move(strategy, model) | statistics if not name.startswith("3.")}
    assert set(moved(before, done.network)) == expected
    assert done.trainable == sum(
        p.numel() for name, p in done.network.named_parameters() if name in may_move(strategy, done.network)
    )


def test_lora_moves_its_ways_and_the_head_alone():
    done = fine_tuned("LoRA", pretrained(), images(), 1e-2, rounds=2)
    before = pretrained().state_dict()
    now = {name.replace(".layer.", "."): value for name, value in done.network.state_dict().items()}
    assert all(torch.equal(now[name], value) for name, value in before.items() if not name.startswith("3."))
    assert any(value.abs().sum() > 0 for name, value in now.items() if ".up." in name)


def test_the_same_seed_gives_the_same_network_and_another_seed_another_one():
    one, two, other = (
        fine_tuned("one rate", pretrained(), images(), 1e-3, seed, rounds=2).network for seed in (0, 0, 1)
    )
    assert moved(snapshot(one), two) == []
    assert moved(snapshot(one), other) != []


def test_digits_are_not_mirrored():
    labels = torch.zeros(4, dtype=torch.long)
    pictures = torch.arange(4 * 3 * 2 * 2).reshape(4, 3, 2, 2).float()
    for mirrored in (True, False):
        data = Images((pictures, labels), (pictures, labels), 1, mirrored)
        seen = torch.cat([batch for batch, _ in itertools.islice(_Rounds(data, 0), 10)])
        turned = [one for one in seen if not any(torch.equal(one, picture) for picture in pictures)]
        assert bool(turned) == mirrored


@pytest.mark.parametrize(
    ("count", "expected"), [(10, 10 * STEPS), (100, BATCH_SIZE * STEPS), (500, 500), (10_000, MOST)]
)
def test_a_round_is_one_pass_but_no_fewer_than_ten_steps_and_no_more_than_a_thousand_pictures(count, expected):
    assert images_a_round(count) == expected


def test_each_picture_comes_once_before_one_comes_again():
    labels = torch.arange(50)
    pictures = labels.float().view(-1, 1, 1, 1).expand(-1, 3, 1, 1)
    rounds = _Rounds(Images((pictures, labels), (pictures, labels), 50), 0)
    seen = torch.cat([y for _ in range(5) for _, y in rounds])
    assert all(seen[start : start + 50].unique().numel() == 50 for start in range(0, len(seen) - 49, 50))


def test_an_unknown_strategy_and_a_rate_that_is_too_high_are_one_clear_line():
    with pytest.raises(CourseError, match="unknown strategy 'full'"):
        fine_tuned("full", pretrained(), images(), 1e-3)
    with pytest.raises(CourseError, match="the loss became"):
        fine_tuned("one rate", pretrained(), images(), 1e30)


class TestDistance:
    def test_pictures_with_the_remembered_statistics_are_at_no_distance(self):
        model = nn.Sequential(nn.BatchNorm2d(3))
        assert distance_from_pretraining(model, torch.zeros(4, 3, 2, 2)) == 0

    def test_it_is_the_shift_in_remembered_deviations(self):
        layer = nn.BatchNorm2d(3)
        layer.running_var.fill_(4.0)
        assert distance_from_pretraining(nn.Sequential(layer), torch.full((4, 3, 2, 2), 6.0)) == pytest.approx(
            3, abs=1e-4
        )

    def test_the_network_is_left_as_found(self):
        model = networks.backbone().train()
        before, modes = snapshot(model), [m.training for m in model.modules()]
        distance_from_pretraining(model, networks.images(3))
        assert moved(before, model) == [] and [m.training for m in model.modules()] == modes
        assert not any(m._forward_pre_hooks for m in model.modules())

    def test_what_cannot_be_measured_is_told(self):
        with pytest.raises(CourseError, match="no BatchNorm layer"):
            distance_from_pretraining(nn.Linear(2, 2), torch.zeros(1, 2))
        with pytest.raises(CourseError, match="there are no images"):
            distance_from_pretraining(nn.Sequential(nn.BatchNorm2d(3)), torch.zeros(0, 3, 2, 2))
