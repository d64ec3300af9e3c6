"""Handwritten digits: 1,797 real scans of 8 x 8 pixels, as scikit-learn ships them."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

import numpy as np
from PIL import Image

from helpers.data.splits import ImageDataset, Splits, stratified_split


@dataclass(frozen=True, eq=False)
class Scans:
    """Gray scans, uint8 [n, 8, 8], enlarged to `size` x `size` RGB when they are read.

    Enlarged ahead, the 1,797 scans at 224 pixels would take 270 MB. Bicubic, because a pretrained
    network knows smooth strokes, and the edges of a mosaic are in no photo: a linear head on frozen
    EfficientNet-Lite0 features (96 px, 20 a class, 5 draws) got 0.88 right, with nearest-neighbour 0.70.
    """

    pixels: np.ndarray
    size: int

    def __len__(self) -> int:
        return len(self.pixels)

    def image(self, index: int) -> Image.Image:
        scan = Image.fromarray(self.pixels[index])
        return scan.resize((self.size, self.size), Image.Resampling.BICUBIC).convert("RGB")

    def take(self, indices: np.ndarray) -> Scans:
        return Scans(self.pixels[indices], self.size)

    def digest(self) -> bytes:
        head = f"bicubic {self.pixels.shape} {self.size} ".encode()
        return hashlib.blake2b(head + np.ascontiguousarray(self.pixels).tobytes(), digest_size=16).digest()


def load_digit_scans(seed: int = 0, image_size: int = 128) -> Splits:
    """All 1,797 digits, ten classes: 60 % train, 20 % validation, 20 % test, stratified, by `seed`."""
    from sklearn.datasets import load_digits  # here, because it takes a second that folders need not wait

    bunch = load_digits()
    pixels = np.rint(bunch.images * (255 / 16)).astype(np.uint8)  # the scans hold 0 to 16
    labels = bunch.target.astype(np.int64)
    classes = [str(digit) for digit in range(10)]
    names = [f"{label} {number}" for number, label in enumerate(labels)]
    whole = ImageDataset(Scans(pixels, image_size), labels, classes, names)
    train, val, test = (whole.subset(part) for part in stratified_split(labels, seed=seed))
    return Splits("digits", classes, train, val, test)
