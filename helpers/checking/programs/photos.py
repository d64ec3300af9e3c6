"""The albums that a program is tried on: painted flowers, written as the files that a program gets.

`honest()` can be learned, and has photos apart to be asked about. `trap()` cannot: each of its photos is there twice,
the second time mirrored and cropped, under the name of another class. Who measures on photos that the head has not
learned from finds nearly none right, since the twin that it learned from says something else. Who measures on photos
that it has learned from finds most of them right.
"""

from __future__ import annotations

import functools
import io
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image, ImageOps

from helpers.data.painted_flowers import SPECIES, Recipe, paint

PER_CLASS = 12
NEW_PER_CLASS = 6
# At this difficulty pretrained features tell the species apart, and pixels do not.
RECIPE = Recipe(size=128, difficulty=0.4, seed=10)
# Made in this order, and sorted the other way round; one with a space.
HONEST = {"tulip": "tulip", "rose": "rose", "ox-eye daisy": "daisy"}
TRAP = ("summer", "Spring 2", "autumn")
# Below this share an honest measurement stays in the trap: a third is right by guessing, and far less by learning.
BELOW_IN_THE_TRAP = 0.5


@dataclass(frozen=True)
class Photo:
    """A photo as a file: its name with the suffix, what is in the file, and the picture that comes out of it."""

    name: str
    content: bytes

    @functools.cached_property
    def picture(self) -> Image.Image:
        return Image.open(io.BytesIO(self.content)).convert("RGB")


@dataclass(frozen=True)
class Album:
    """Photos to learn from, by class, and photos to be asked about, with their class."""

    learn: Mapping[str, tuple[Photo, ...]]
    ask: tuple[tuple[Photo, str], ...] = ()

    def write(self, folder: Path) -> Path:
        """A sub-folder for each class, as a program gets it."""
        for name, photos in self.learn.items():
            (folder / name).mkdir(parents=True)
            for photo in photos:
                (folder / name / photo.name).write_bytes(photo.content)
        return folder

    def write_questions(self, folder: Path) -> list[Path]:
        """The photos to be asked about, in one folder; their names tell nothing."""
        folder.mkdir(parents=True, exist_ok=True)
        paths = [folder / photo.name for photo, _ in self.ask]
        for path, (photo, _) in zip(paths, self.ask, strict=True):
            path.write_bytes(photo.content)
        return paths

    @property
    def truth(self) -> list[str]:
        return [name for _, name in self.ask]


@functools.cache
def honest() -> Album:
    """Three classes, twelve photos of each, and eighteen more to be asked about. Some are higher than wide."""
    flowers = {
        name: [_photo(paint(species, index, RECIPE), index) for index in range(PER_CLASS + NEW_PER_CLASS)]
        for name, species in HONEST.items()
    }
    ask = [(photo, name) for name, photos in flowers.items() for photo in photos[PER_CLASS:]]
    order = np.random.default_rng(4).permutation(len(ask))
    renamed = [
        (Photo(f"new_{place:02}{Path(ask[index][0].name).suffix}", ask[index][0].content), ask[index][1])
        for place, index in enumerate(order)
    ]
    return Album({name: tuple(photos[:PER_CLASS]) for name, photos in flowers.items()}, tuple(renamed))


# In the trap a flower at place p of one class has its twin at place p + 5 (of 12, and round) of the next one: so a
# split by places, such as the first ones, the last ones or every other one, parts them too.
STEP = 5
FIRST_PLACES = (0, 1, 2, 6, 7, 8)  # of the first class. The others have theirs by the step, and each gets all 12.


@functools.cache
def trap() -> Album:
    """Three classes, twelve photos of each, and each flower in two of them."""
    learn: dict[str, dict[int, Photo]] = {name: {} for name in TRAP}
    places, painted = FIRST_PLACES, 0
    for name, following in zip(TRAP, (*TRAP[1:], TRAP[0]), strict=True):
        for place in places:
            flower = paint(SPECIES[painted % len(SPECIES)], 100 + painted, RECIPE)
            twin, there = ImageOps.mirror(flower).crop((0, 0, 116, 116)), (place + STEP) % PER_CLASS
            learn[name][place], learn[following][there] = _photo(flower, place), _photo(twin, there)
            painted += 1
        places = tuple(place for place in range(PER_CLASS) if place not in learn[following])
    return Album({name: tuple(photos[place] for place in sorted(photos)) for name, photos in learn.items()})


def _photo(picture: Image.Image, index: int) -> Photo:
    """Every other one as PNG; every third one a little higher than wide."""
    if index % 3 == 2:
        picture = picture.crop((6, 0, picture.width - 6, picture.height))
    suffix, options = (".png", {"format": "PNG"}) if index % 2 else (".jpg", {"format": "JPEG", "quality": 92})
    content = io.BytesIO()
    picture.save(content, **options)
    return Photo(f"photo_{index:02}{suffix}", content.getvalue())


@functools.cache
def baseline() -> float:
    """Accuracy, from 0 to 1, on the photos asked about in `honest()`, of what needs no network.

    The best of guessing, the nearest mean of each class, and ridge regression, both on 12 x 12 pixels.
    """
    album = honest()
    names = list(album.learn)
    pixels = np.stack([_pixels(photo) for photos in album.learn.values() for photo in photos])
    labels = np.repeat(np.arange(len(names)), [len(photos) for photos in album.learn.values()])
    asked = np.stack([_pixels(photo) for photo, _ in album.ask])
    truth = np.array([names.index(name) for name in album.truth])
    means = np.stack([pixels[labels == label].mean(axis=0) for label in range(len(names))])
    nearest = ((asked[:, None] - means) ** 2).sum(axis=2).argmin(axis=1)
    centre = pixels.mean(axis=0)
    inner = (pixels - centre) @ (pixels - centre).T + np.eye(len(pixels))
    ridge = (asked - centre) @ (pixels - centre).T @ np.linalg.solve(inner, np.eye(len(names))[labels])
    return max(1 / len(names), (nearest == truth).mean(), (ridge.argmax(axis=1) == truth).mean())


def _pixels(photo: Photo) -> np.ndarray:
    return np.asarray(photo.picture.resize((12, 12)), dtype=float).ravel() / 255
