"""Counting: what a network holds, against torchvision's own figures and against sums by hand."""

from __future__ import annotations

import warnings

import pytest
import torch
import torchvision
from torch import nn
from torchvision.models import list_models, resnet18, resnet50

from helpers.errors import CourseError
from helpers.models.backbones import OFFLINE_BACKBONES, backbone_weights
from helpers.models.counting import (
    ITSELF,
    ParameterCount,
    count_by_child,
    count_parameters,
    gigamacs,
    meta_network,
    refuse_lazy,
)

FOUR = ("resnet50", "efficientnet_b4", "vit_b_16", "convnext_base")

# Published weights that belong to another variant of the network than its defaults build.
VARIANTS = {
    "googlenet": {"aux_logits": False},  # the published file lacks the auxiliary classifiers
    "vit_h_14": {"image_size": 518},  # fine-tuned at 518 px, so with more position embeddings
}


class Odd(nn.Module):
    """A parameter and a buffer of its own, beside a child and a child without parameters."""

    def __init__(self):
        super().__init__()
        self.token = nn.Parameter(torch.zeros(1, 7))
        self.register_buffer("steps", torch.zeros(3))
        self.body = nn.Linear(7, 2)
        self.silent = nn.ReLU()


def tied() -> nn.Sequential:
    model = nn.Sequential(nn.Embedding(11, 5), nn.Linear(5, 11))
    model[1].weight = model[0].weight
    return model


@pytest.mark.parametrize("name", [*list_models(module=torchvision.models), *OFFLINE_BACKBONES])
def test_counts_agree_with_what_torchvision_publishes(name):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)  # GoogLeNet and Inception on their initialisation
        model = meta_network(name, **VARIANTS.get(name, {}))
    assert all(tensor.is_meta for tensor in (*model.parameters(), *model.buffers()))
    assert count_parameters(model).total == backbone_weights(name).meta["num_params"]
    assert sum(count.total for count in count_by_child(model).values()) == count_parameters(model).total


def test_resnet50_by_child():
    count = count_parameters(meta_network("resnet50"))
    assert count == ParameterCount(total=25_557_032, trainable=25_557_032, buffers=53_173)
    parts = count_by_child(meta_network("resnet50"))
    assert list(parts) == ["conv1", "bn1", "relu", "maxpool", "layer1", "layer2", "layer3", "layer4", "avgpool", "fc"]
    assert (parts["conv1"].total, parts["bn1"].total, parts["fc"].total) == (3 * 64 * 7 * 7, 128, 2049 * 1000)
    assert (parts["bn1"].buffers, parts["relu"].total) == (129, 0)


def test_meta_network_is_the_network_that_torchvision_builds():
    there, real = meta_network("resnet18").state_dict(), resnet18(weights=None).state_dict()
    assert {name: value.shape for name, value in there.items()} == {name: value.shape for name, value in real.items()}
    assert not nn.Linear(2, 2).weight.is_meta, "the hooks outlived their network"


def test_frozen_and_trainable_after_surgery():
    model = meta_network("resnet50").requires_grad_(False)
    assert count_parameters(model).trainable == 0
    with torch.device("meta"):
        model.fc = nn.Sequential(nn.Dropout(0.3), nn.Linear(2048, 512), nn.ReLU(), nn.Linear(512, 5))
    count = count_parameters(model)
    assert count.trainable == 2048 * 512 + 512 + 512 * 5 + 5 == 1_051_653
    assert count.frozen == 25_557_032 - 2049 * 1000
    assert count.total == count.frozen + count.trainable


def test_shared_parameters_count_once():
    model = tied()
    assert count_parameters(model).total == 11 * 5 + 11
    assert {name: count.total for name, count in count_by_child(model).items()} == {"0": 55, "1": 11}


def test_a_layer_used_twice_counts_once():
    layer = nn.Linear(3, 3)
    model = nn.Sequential(layer, nn.ReLU(), layer)
    assert count_parameters(model).total == 12
    assert sum(count.total for count in count_by_child(model).values()) == 12


def test_parameters_of_the_model_itself():
    model = Odd()
    assert count_parameters(model) == ParameterCount(total=7 + 16, trainable=23, buffers=3)
    parts = count_by_child(model)
    assert list(parts) == [ITSELF, "body", "silent"]
    assert parts[ITSELF] == ParameterCount(total=7, trainable=7, buffers=3)


def test_buffers_are_no_parameters():
    assert count_parameters(nn.BatchNorm2d(6)) == ParameterCount(total=12, trainable=12, buffers=13)


def test_a_network_without_parameters():
    assert count_parameters(nn.Sequential()) == ParameterCount(0, 0, 0)
    assert count_by_child(nn.ReLU()) == {}


@pytest.mark.parametrize("bad", [None, "resnet50", nn.Linear, [nn.Linear(1, 1)]])
def test_no_network_is_one_clear_line(bad):
    for function in (count_parameters, count_by_child, lambda model: gigamacs(model, 8)):
        with pytest.raises(CourseError, match=r"an nn\.Module") as caught:
            function(bad)
        assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("layer", "name"),
    [
        (nn.LazyLinear(3), "weight"),
        (nn.LazyBatchNorm2d(affine=False), "running_mean"),
        (nn.LazyBatchNorm2d(), "weight"),
    ],
)
def test_a_lazy_layer_is_one_clear_line(layer, name):
    model = nn.Sequential(nn.ReLU(), layer)
    for function in (refuse_lazy, count_parameters, count_by_child, lambda model: gigamacs(model, 8)):
        with pytest.raises(CourseError, match=rf"^1\.{name} has no shape yet") as caught:
            function(model)
        assert "\n" not in str(caught.value)


def test_a_lazy_layer_that_has_seen_a_batch_has_shapes():
    model = nn.Sequential(nn.LazyBatchNorm2d(affine=False))
    model(torch.zeros(2, 3, 4, 4))
    refuse_lazy(model)
    assert count_parameters(model) == ParameterCount(total=0, trainable=0, buffers=7)


@pytest.mark.parametrize("name", [*FOUR, *OFFLINE_BACKBONES])
def test_multiply_adds_agree_with_what_is_published(name):
    weights = backbone_weights(name)
    measured = gigamacs(meta_network(name), weights.transforms().crop_size[0])
    assert measured == pytest.approx(weights.meta["_ops"], rel=0.01)


def test_multiply_adds_by_hand():
    model = nn.Sequential(nn.Conv2d(3, 8, 3, padding=1), nn.Flatten(), nn.Linear(8 * 16 * 16, 10))
    assert gigamacs(model, 16) * 1e9 == pytest.approx(8 * 3 * 9 * 16 * 16 + 8 * 16 * 16 * 10)


def test_multiply_adds_leave_the_model_as_it_was():
    model = nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.BatchNorm2d(3), nn.Dropout(0.5))
    model.train()  # in this mode BatchNorm refuses a single value a channel
    model[2].eval()
    before = {name: value.clone() for name, value in model.state_dict().items()}
    gigamacs(model, 8)
    assert [module.training for module in model.modules()] == [True, True, True, False]
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())


def test_multiply_adds_of_a_real_network_and_of_its_shapes_agree():
    assert gigamacs(resnet50(weights=None), 64) == gigamacs(meta_network("resnet50"), 64)


@pytest.mark.parametrize("size", [0, -1, 2.5, None, True])
def test_a_size_that_is_none(size):
    with pytest.raises(CourseError, match="pixels"):
        gigamacs(nn.Conv2d(3, 4, 3), size)


def test_a_size_that_the_network_cannot_take():
    with pytest.raises(CourseError, match="cannot take an image of 3 x 300 x 300") as caught:
        gigamacs(meta_network("vit_b_16"), 300)
    assert "\n" not in str(caught.value)
    with pytest.raises(CourseError, match="cannot take"):
        gigamacs(nn.Conv2d(3, 4, 9), 4)
