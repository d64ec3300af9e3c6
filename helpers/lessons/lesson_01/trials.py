"""What the checks of lesson 01 try an answer on: networks, weights, photos and images whose right answer is known."""

from __future__ import annotations

import contextlib
import copy
import functools
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from types import SimpleNamespace
from typing import Any

import torch
import torchvision.transforms.functional as F
from PIL import Image, ImageOps
from torch import Tensor, nn
from torchvision.models import WeightsEnum
from torchvision.transforms._presets import ImageClassification

from helpers.checking import networks
from helpers.data.images import as_rgb
from helpers.data.photos import ExamplePhoto, example_photos
from helpers.models.backbones import Backbone, load_backbone


def weights_like(names: str, *, side: int, mean: float, std: float) -> SimpleNamespace:
    """Weights as torchvision's look, with their own preprocessing to [3, side, side] and their own names."""
    transforms = functools.partial(
        ImageClassification, crop_size=side, resize_size=side, mean=(mean,) * 3, std=(std,) * 3
    )
    return SimpleNamespace(transforms=transforms, meta={"categories": names.split(", ")})


# To be named (1.2) --------------------------------------------------------------------------------


def two_small_weights() -> list[SimpleNamespace]:
    """Two sets of weights for `colours`, which differ in preprocessing and in names."""
    return [
        weights_like("red, green, blue, gray", side=8, mean=0.5, std=0.5),
        weights_like("rojo, verde, azul, gris", side=16, mean=0.0, std=1.0),
    ]


def framed() -> Image.Image:
    """Orange in a blue frame, wider than high: who does not crop as the preprocessing does sees more blue."""
    return ImageOps.expand(Image.new("RGB", (30, 20), (230, 120, 20)), border=5, fill=(20, 40, 200))


def colours() -> nn.Sequential:
    """Colours to logits of four names; BatchNorm and dropout make `train()` mode show."""
    network = nn.Sequential(
        nn.BatchNorm2d(3), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Dropout(0.5), nn.Linear(3, 4, bias=False)
    )
    with torch.no_grad():
        network[4].weight.copy_(torch.tensor([[1.5, 0, 0], [0, 1.5, 0], [0, 0, 1.5], [0.3, 0.3, 0.3]]))
    network[0].running_mean.fill_(0.1)
    return network


# To be judged (1.3) -------------------------------------------------------------------------------


@dataclass(frozen=True)
class Trial:
    """A network and photos to ask about, and the right answer."""

    what: str
    model: nn.Module
    expected: bool
    why: str
    weights: Any
    photos: list[ExamplePhoto]


def real_weights_and_impostors() -> Iterator[Trial]:
    """The real weights in each mode, and networks that only look as if they had them.

    Each is to be used before the next one is asked for: the last network is the first one, damaged.
    """
    lite, photos = packaged_backbone(), [example_photo("coffee"), example_photo("camera")]
    real, espresso = lite.model, lite.categories.index("espresso")
    trial = functools.partial(Trial, weights=lite.weights, photos=photos)
    yield trial("the real weights", real.eval(), True, "They name both photos, and any name in `accept` will do.")
    yield trial("the real weights in `train()` mode", real.train(), True, "Call `model.eval()` before you ask it.")
    yield trial(
        "a random network that is very sure of itself",
        networks.SureButRandom().eval(),
        False,
        "Certainty is no proof. Compare what it says with `photo.accept`.",
    )
    yield trial(
        "a network that says `espresso` to everything, with full certainty",
        networks.Parrot(espresso).eval(),
        False,
        "It is right about the coffee alone, which is one of two and not more than half.",
    )
    yield trial("the real weights and no photo", real.eval(), False, "Without a photo there is no proof.", photos=[])
    yield trial(
        "the real weights with a first layer of random numbers",
        _with_random_stem(real),
        False,
        "Most of its numbers are real, and it recognises nothing. Judge it by what it says.",
    )


def _with_random_stem(model: nn.Module) -> nn.Module:
    stem = next(module for module in model.modules() if isinstance(module, nn.Conv2d))
    nn.init.normal_(stem.weight, std=3, generator=torch.Generator().manual_seed(0))  # with 1 it still sees a tripod
    return model


# By photo, what the network believes; what is left of 1 is spread over all other names.
_BELIEFS = (
    (
        "small weights with a preprocessing and names of their own, which name both photos",
        ({"tripod": 0.9}, {"daisy": 0.9}),
        True,
        "Take `transforms()` and the categories of the weights that you are given.",
    ),
    (
        "a network that names two photos of three",
        ({"tripod": 0.9}, {"daisy": 0.9}, {"missile": 0.9}),
        True,
        "Two of three are more than half. They need not be all.",
    ),
    (
        "a network that names the last two photos of three",
        ({"missile": 0.9}, {"daisy": 0.9}, {"espresso": 0.9}),
        True,
        "Two of three are more than half, whichever they are, and any name in `accept` will do.",
    ),
    (
        "a network that names the last two photos of three, and one by its other name",
        ({"missile": 0.9}, {"daisy": 0.9}, {"cup": 0.9}),
        True,
        "Two of three are more than half, whichever they are, and any name in `accept` will do.",
    ),
    (
        "a network that names one photo, the only one",
        ({"tripod": 0.9},),
        True,
        "One of one is more than half.",
    ),
    (
        "a network that names three photos of three, and is never sure",
        ({"tripod": 0.3}, {"daisy": 0.3}, {"cup": 0.3}),
        True,
        "A name that is the most likely counts, however unsure the network is of it.",
    ),
    (
        "a network that names one photo of three, and puts the right name second for the others",
        ({"tripod": 0.9}, {"tabby": 0.5, "daisy": 0.4}, {"missile": 0.5, "espresso": 0.4}),
        False,
        "The most likely name alone counts, not the best two or five, and one of three is not more than half.",
    ),
    (
        "a network that names two photos of four, and nearly the others",
        ({"tripod": 0.9}, {"tabby": 0.5, "daisy": 0.45}, {"cup": 0.9}, {"missile": 0.5, "palace": 0.45}),
        False,
        "Exactly half is not more than half, and how sure the network is does not count.",
    ),
    (
        "a network that names one photo of three, and believes a wrong name more than each acceptable one of another",
        ({"tripod": 0.9}, {"missile": 0.9}, {"tabby": 0.4, "cup": 0.3, "espresso": 0.3}),
        False,
        "The most likely name alone counts, not the sum over all acceptable ones.",
    ),
    (
        "a network that names three photos of five",
        ({"tripod": 0.9}, {"missile": 0.9}, {"cup": 0.9}, {"tabby": 0.9}, {"fig": 0.9}),
        True,
        "Three of five are more than half; two thirds are not asked for.",
    ),
    (
        "a network that names one photo of three, and calls another by a name that holds an acceptable one",
        ({"tripod": 0.9}, {"missile": 0.9}, {"teacup": 0.9}),
        False,
        "`teacup` is not `cup`: ask whether the name itself is in `accept`.",
    ),
    (
        "a network that gives each photo the name of the next one",
        ({"daisy": 0.9}, {"cup": 0.9}, {"palace": 0.9}, {"tripod": 0.9}),
        False,
        "Compare what it says of a photo with `accept` of that photo.",
    ),
)
# The first is for what nobody knows.
_NAMES = "toaster, cup, espresso, tripod, daisy, palace, tabby, missile, fig, teacup"
_ACCEPTED = (
    ("gray", {"tripod"}),
    ("yellow", {"daisy"}),
    ("navy", {"espresso", "cup"}),
    ("red", {"palace"}),
    ("purple", {"fig"}),
)


def networks_that_know() -> Iterator[Trial]:
    """Small networks whose answers are chosen: each way of counting that is not the one asked for fails on one."""
    every_photo = [
        ExamplePhoto(Image.new("RGB", (12, 9), colour), f"something {colour}", "painted", frozenset(accept))
        for colour, accept in _ACCEPTED
    ]
    for what, beliefs, expected, why in _BELIEFS:
        weights, photos = weights_like(_NAMES, side=8, mean=0.2, std=0.1), every_photo[: len(beliefs)]
        known = torch.stack([weights.transforms()(photo.image) for photo in photos])
        rows = torch.stack([_logits(weights.meta["categories"], belief) for belief in beliefs])
        yield Trial(what, networks.Knows(known, rows).eval(), expected, why, weights, photos)
    far_away = networks.Elsewhere(_logits(_NAMES.split(", "), {"tripod": 0.9})).eval()
    why = "It names the one photo: send the batch to the model's device, and read its logits."
    yield Trial("a network on another device", far_away, True, why, weights, every_photo[:1])


def _logits(names: Sequence[str], belief: Mapping[str, float]) -> Tensor:
    """Logits [n] whose softmax gives each name its belief, and the others equal parts of what is left."""
    left = (1 - sum(belief.values())) / (len(names) - len(belief)) + 1e-6
    return torch.tensor([belief.get(name, left) for name in names]).log()


# To be preprocessed (1.4) -------------------------------------------------------------------------


def images_of_every_kind() -> list[tuple[str, Image.Image, Image.Image, str]]:
    """What it is, the image, the RGB image that stands for it, and what goes wrong with it."""
    rgb = F.resize(example_photo("coffee").image, [40, 60])
    alpha = Image.linear_gradient("L").resize(rgb.size)
    rgba, gray_alpha = rgb.convert("RGBA"), rgb.convert("LA")
    rgba.putalpha(alpha)
    gray_alpha.putalpha(alpha)
    palette = rgb.quantize(16)
    see_through = palette.copy()
    see_through.info["transparency"] = 3
    on_white = "Transparent parts become white, and what is partly transparent is mixed with white."
    return [
        (what, image, as_rgb(image), meaning)
        for what, image, meaning in (
            ("an RGB image", rgb, "RGB needs no change: `transforms(image)`."),
            ("a gray image (L)", rgb.convert("L"), "Gray becomes three equal channels."),
            ("a black-and-white image (1)", rgb.convert("1"), "Convert it to RGB."),
            ("a palette image (P)", palette, "Its values are places in a palette: convert it."),
            ("an image with transparency (RGBA)", rgba, on_white),
            ("a gray image with transparency (LA)", gray_alpha, on_white),
            ("a palette image with a transparent colour (P)", see_through, on_white),
            ("an image of one pixel", Image.new("RGB", (1, 1), (200, 30, 60)), "It is resized like any other."),
        )
    ]


def what_went_wrong(image: Image.Image, is_it: Callable[[Image.Image], bool], otherwise: str) -> str:
    """What was made of a transparent `image` in place of laying it on white: `is_it` says whether it was this one."""
    if image.has_transparency_data:
        rgba = image.convert("RGBA")
        if is_it(image.convert("RGB")):
            return "`convert` alone drops the transparency, and shows what was invisible. Lay the image on white first."
        if is_it(Image.alpha_composite(Image.new("RGBA", rgba.size, "black"), rgba).convert("RGB")):
            return 'Its transparent parts have become black: lay it on white, `Image.new("RGBA", size, "white")`.'
    return otherwise


# Real weights and photos: each check gets copies, so that what an answer does to them ends with it -


def packaged_backbone() -> Backbone:
    """A copy of the packaged backbone, in `eval()` mode."""
    loaded = _loaded_backbone()
    return replace(loaded, model=copy.deepcopy(loaded.model), weights=_copied(loaded.weights))


def _copied(weights: WeightsEnum) -> SimpleNamespace:
    """The weights with a `meta` of their own: torchvision's is one for the whole process."""
    return SimpleNamespace(
        transforms=weights.transforms,
        meta=copy.deepcopy(weights.meta),
        url=weights.url,
        get_state_dict=weights.get_state_dict,
    )


@contextlib.contextmanager
def put_back(*metas: dict[str, Any]) -> Iterator[None]:
    """After the block each `meta` of torchvision's own weights holds what it held before it, for all who read it."""
    before = copy.deepcopy(metas)
    try:
        yield
    finally:
        for meta, held in zip(metas, before, strict=True):
            meta.clear()
            meta.update(held)


@functools.cache
def _loaded_backbone() -> Backbone:
    return load_backbone("efficientnet_lite0")


def example_photo(name: str) -> ExamplePhoto:
    photo = _opened_photos()[name]
    return replace(photo, image=photo.image.copy())


@functools.cache
def _opened_photos() -> dict[str, ExamplePhoto]:
    return example_photos()


@contextlib.contextmanager
def one_thread() -> Iterator[None]:
    """One image gains little from threads, and waits for them long where other programs use the cores."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(threads)
