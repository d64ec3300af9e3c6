"""LoRA: nothing at the start, only the ways move, mergeable, and bad input told in one line."""

from __future__ import annotations

import copy

import pytest
import torch
from torch import nn
from torchvision.models import vit_b_16

from helpers.checking import networks
from helpers.errors import CourseError
from helpers.models import lora, moved, snapshot

LAYERS = {
    "linear": (lambda: nn.Linear(6, 4), (3, 6)),
    "linear without bias": (lambda: nn.Linear(6, 4, bias=False), (3, 5, 6)),
    "1x1 convolution": (lambda: nn.Conv2d(6, 4, 1), (2, 6, 5, 5)),
    "1x1 convolution with a stride": (lambda: nn.Conv2d(6, 4, 1, stride=2, bias=False), (2, 6, 5, 5)),
    "3x3 convolution": (lambda: nn.Conv2d(6, 4, 3, padding=1, dilation=1, padding_mode="reflect"), (2, 6, 5, 5)),
}
ALL = pytest.mark.parametrize("kind", LAYERS)


def _made(kind: str, *, trained: bool = False) -> tuple[lora.LoRA, torch.Tensor]:
    torch.manual_seed(1)
    build, shape = LAYERS[kind]
    made = lora.LoRA(build(), rank=2, alpha=6)
    if trained:
        nn.init.normal_(made.up.weight)
    return made, torch.randn(shape)


@ALL
def test_starts_as_nothing_to_the_bit(kind):
    made, inputs = _made(kind)
    assert torch.equal(made(inputs), made.layer(inputs))


@ALL
def test_only_the_way_moves(kind):
    made, inputs = _made(kind)
    before = snapshot(made)
    optimizer = torch.optim.SGD([p for p in made.parameters() if p.requires_grad], lr=0.1)
    for _ in range(2):
        optimizer.zero_grad()
        made(inputs).square().sum().backward()
        optimizer.step()
    assert moved(before, made) == ["down.weight", "up.weight"]


@ALL
def test_merged_layer_computes_the_same_and_is_plain(kind):
    made, inputs = _made(kind, trained=True)
    expected = made(inputs)
    plain = made.merged()
    assert type(plain) is type(LAYERS[kind][0]())
    assert torch.allclose(plain(inputs), expected, atol=1e-5)
    assert not torch.allclose(plain(inputs), LAYERS[kind][0]()(inputs), atol=1e-2)


def test_scale_is_alpha_over_rank():
    made, inputs = _made("linear", trained=True)
    update = made(inputs) - made.layer(inputs)
    assert torch.allclose(update, 3 * made.up(made.down(inputs)), atol=1e-6)
    assert torch.linalg.matrix_rank(made.update()) == 2


@pytest.mark.parametrize(
    ("build", "rank", "match"),
    [
        (lambda: nn.Linear(3, 3), 0, "whole number from 1 on, not 0"),
        (lambda: nn.Linear(3, 3), 1.5, "not 1.5"),
        (lambda: nn.Linear(3, 3), True, "not True"),
        (lambda: nn.Conv2d(4, 4, 3, groups=4), 1, "not for a convolution in 4 groups"),
        (lambda: nn.BatchNorm2d(3), 1, "not for BatchNorm2d"),
    ],
)
def test_bad_input_is_told(build, rank, match):
    with pytest.raises(CourseError, match=match):
        lora.LoRA(build(), rank, 1)


def test_attach_freezes_the_rest_and_merge_takes_the_ways_out():
    network = networks.SmallResNet().eval()
    images = torch.randn(2, 3, 16, 16)
    expected, names = network(images), ["layer1.0.conv1", "fc"]
    assert lora.attach(network, names, rank=1, alpha=1) == names
    assert torch.equal(network(images), expected)
    trainable = [name for name, p in network.named_parameters() if p.requires_grad]
    assert trainable == [f"{name}.{way}.weight" for name in names for way in ("down", "up")]
    for name in names:
        nn.init.normal_(network.get_submodule(name).up.weight)
    expected = network(images)
    assert not any(isinstance(layer, lora.LoRA) for layer in lora.merge(network).modules())
    assert torch.allclose(network(images), expected, atol=1e-4)


@pytest.mark.parametrize(
    ("names", "match"), [([], "no layer was named"), (["fc", "head"], "no layer 'head'"), (["bn1"], "BatchNorm2d")]
)
def test_attach_that_is_refused_leaves_the_network_as_it_was(names, match):
    network = networks.SmallResNet()
    flags = {name: p.requires_grad for name, p in network.named_parameters()}
    layers = dict(network.named_modules())
    with pytest.raises(CourseError, match=match):
        lora.attach(network, names, rank=1, alpha=1)
    assert dict(network.named_modules()) == layers
    assert {name: p.requires_grad for name, p in network.named_parameters()} == flags


def test_places_are_the_pointwise_convolutions_or_the_linear_layers():
    mixed = nn.Sequential(nn.Conv2d(3, 4, 1), nn.Conv2d(4, 4, 3, groups=4), nn.Conv2d(4, 4, 3), nn.Linear(4, 2))
    assert lora.places(mixed) == ["0"]
    assert lora.places(mixed, leave_out=["0"]) == ["3"]
    with torch.device("meta"):
        on_paper = vit_b_16(weights=None)
    where = lora.places(on_paper, leave_out=["heads.head"])
    assert len(where) == 24 and all(".mlp." in name for name in where)


def test_attached_layer_keeps_mode_and_type():
    layer = nn.Linear(3, 2).eval().to(torch.float64)
    made = lora.LoRA(copy.deepcopy(layer), 1, 1)
    assert not made.training and made.up.weight.dtype == torch.float64
