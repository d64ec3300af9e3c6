"""Painted flowers: five species, drawn by the course, any number, any size, no network.

A flower is a small 3-D model: petals are curved sheets, the centre is a dome of florets. It is turned,
lit, drawn as polygons on an oversized canvas, averaged down, and put between a background and the
plants in front of it. Two dials decide how hard the task is:

- `difficulty` (0 to 1): species come closer in colour, shape and pose, flowers get smaller, more grows
  around and in front of them, the camera gets worse.
- `shift` (0 to 1): the look moves away from photos. 0 is photo-like. Up to 0.5 the picture is blended
  with an ink drawing of the same scene (0.25 is half and half, 0.5 is ink alone). From 0.5 to 1 the ink
  drawing is blended with the false-colour negative of the painting (1 is the negative alone: every
  channel inverted, then the channels exchanged in an order drawn for each picture).

The same species, index and seed give the same scene at every `size` and every `shift`.
"""

from __future__ import annotations

import contextlib
import hashlib
import io
import json
import math
import os
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image, ImageDraw, ImageFilter

from helpers.errors import CourseError, unknown_name
from helpers.places import atomic_write, cache_dir

SPECIES: tuple[str, ...] = ("daisy", "lily", "rose", "sunflower", "tulip")

PAINTER_VERSION = 2
"""Part of every recipe's key. Raise it with any change that alters a picture."""

Array = np.ndarray
Colour = Array


@dataclass(frozen=True)
class Recipe:
    """What a painted picture depends on, besides its species and its index.

    Parameters
    ----------
    size : int
        Height and width of the picture, in pixels; at least 16.
    difficulty, shift : float
        The dials, each from 0 to 1; the module's text says what they do.
    seed : int
        At least 0. Another seed gives other flowers.

    Raises
    ------
    CourseError
        When a value is out of range.
    """

    size: int = 128
    difficulty: float = 0.5
    shift: float = 0.0
    seed: int = 0

    def __post_init__(self) -> None:
        _require_whole("size", self.size, least=16, unit=" pixels")
        _require_whole("seed", self.seed, least=0)
        for dial in ("difficulty", "shift"):
            value = getattr(self, dial)
            number = isinstance(value, int | float | np.number) and not isinstance(value, bool)
            if not number or not 0 <= value <= 1:
                raise CourseError(f"{dial} is {value!r}: give a number from 0 to 1")
        # 0 and 0.0, 128 and np.int64(128) paint the same picture, so they share one key.
        for name, kind in (("size", int), ("difficulty", float), ("shift", float), ("seed", int)):
            object.__setattr__(self, name, kind(getattr(self, name)))

    def key(self) -> str:
        """Twenty hexadecimal digits that change with every field and with the painter's version."""
        content = json.dumps({"painter": PAINTER_VERSION, **asdict(self)}, sort_keys=True)
        return hashlib.sha256(content.encode()).hexdigest()[:20]


def _require_whole(name: str, value: object, *, least: int, unit: str = "") -> None:
    whole = isinstance(value, int | np.integer) and not isinstance(value, bool)
    if not whole or value < least:
        raise CourseError(f"{name} is {value!r}: give a whole number of at least {least}{unit}")


# ---------------------------------------------------------------------------------------------------
# Chance. Only Generator.random is used: numpy keeps its stream the same from version to version.


class _Dice:
    """Random choices for one aspect of one picture, independent of every other aspect and picture."""

    def __init__(self, *key: int) -> None:
        self._generator = np.random.Generator(np.random.PCG64(np.random.SeedSequence(key)))

    def between(self, low: float, high: float) -> float:
        return low + (high - low) * float(self._generator.random())

    def chance(self, probability: float) -> bool:
        return float(self._generator.random()) < probability

    def whole(self, low: int, high: int) -> int:
        """A whole number from `low` to `high`, both included."""
        return low + int(self._generator.random() * (high - low + 1))

    def pick(self, options: Sequence[Any]) -> Any:
        return options[self.whole(0, len(options) - 1)]

    def many(self, *shape: int, low: float = -1.0, high: float = 1.0) -> Array:
        return low + (high - low) * self._generator.random(shape)


def _mix(low: Any, high: Any, amount: float) -> Any:
    return low + (high - low) * amount


def _rgb(code: str) -> Colour:
    return np.array([int(code[i : i + 2], 16) for i in (0, 2, 4)]) / 255.0


# ---------------------------------------------------------------------------------------------------
# Colour

# Where difficulty is 0, a species keeps to its own colours. Each is (at the base, at the tip).
_OWN_COLOURS = {
    "daisy": ("e8e8dc fbfbf6", "e6dfe0 fbf4f6"),
    "sunflower": ("e69a12 f8cf2a", "d98208 f5bd18"),
    "rose": ("8c0f24 cf2240", "b8385e ee8fa8", "6d0a1c b81432"),
    "tulip": ("c0303a e8604a", "7a2c86 b05abf", "d04a7a f090b0"),
    "lily": ("f2b48a ee7a2a", "f6e4c8 f4f0ea", "d8628a f4c4d4"),
}
# As difficulty rises every species draws from these, so that colour alone tells nothing.
_SHARED_COLOURS = (
    "e6e4d2 faf8f0",
    "ecd9a4 f9eec8",
    "e0a51c f9d838",
    "d8791a f4a63a",
    "cf5a30 f08a58",
    "c8485a f0909a",
    "c25a86 f2b4ca",
    "9c2468 d8569c",
    "8f1526 d42a3a",
    "62205e a458a8",
    "8a72b8 c4b0e0",
    "d8625a f6d68a",
)
_OWN_CENTRES = {"daisy": "d8960e f6cf2e", "sunflower": "2c1a0c 6a4218"}
_SHARED_CENTRES = ("d8960e f6cf2e", "2c1a0c 6a4218", "7a5a14 b8902a", "4a2a10 a8641c", "8a8a2a c8c050")
_GREENS = ("2f5a24", "3f7030", "55843a", "6a8f48", "2a4f38", "5c7a3a")
_BACKGROUNDS = (
    "24401f 5c7f3c",
    "1d3322 466a4a",
    "6f9a58 b4c98a",
    "7fa6cc d4e2ec",
    "4a3626 8a6d4c",
    "8d8578 c9c2b4",
    "33363a 6c7076",
    "a88c6a d9c6a4",
    "3a2c44 7a6488",
    "b9a0a0 e2d0cc",
)


def _pair(codes: str) -> tuple[Colour, Colour]:
    first, second = codes.split()
    return _rgb(first), _rgb(second)


def _petal_colours(dice: _Dice, species: str, difficulty: float) -> tuple[Colour, Colour]:
    own, shared = dice.pick(_OWN_COLOURS[species]), dice.pick(_SHARED_COLOURS)
    base, tip = _pair(shared if dice.chance(min(1.0, 1.6 * difficulty)) else own)
    tint = dice.many(3) * 0.05
    return np.clip(base + tint, 0, 1), np.clip(tip + tint, 0, 1)


def _centre_colours(dice: _Dice, species: str, difficulty: float) -> tuple[Colour, Colour]:
    shared = dice.pick(_SHARED_CENTRES)
    return _pair(shared if dice.chance(0.8 * difficulty) else _OWN_CENTRES[species])


# ---------------------------------------------------------------------------------------------------
# Flowers in space. The flower's axis is z, its middle the origin; lengths are relative until scaled.


@dataclass
class _Mesh:
    """Flat four-sided pieces: corners [n, 4, 3], colours [n, 3] from 0 to 1, part numbers [n].

    Pieces of one petal share a part number; the ink drawing puts a line where parts meet.
    """

    corners: Array
    colours: Array
    parts: Array

    @staticmethod
    def join(meshes: Sequence[_Mesh]) -> _Mesh:
        offset, parts = 0, []
        for mesh in meshes:
            parts.append(mesh.parts + offset)
            offset += int(mesh.parts.max()) + 1
        return _Mesh(
            np.concatenate([mesh.corners for mesh in meshes]),
            np.concatenate([mesh.colours for mesh in meshes]),
            np.concatenate(parts),
        )

    def normalised(self) -> _Mesh:
        """Centred, and scaled so that nearly everything lies within radius 1."""
        points = self.corners.reshape(-1, 3)
        middle = (points.min(0) + points.max(0)) / 2
        radius = np.sort(np.linalg.norm(points - middle, axis=1))[int(0.97 * len(points))]
        return _Mesh((self.corners - middle) / radius, self.colours, self.parts)


def _blunt(u: Array) -> Array:
    """Half-width along a strap with a round end (daisy)."""
    return (0.5 + 0.5 * u) * np.sqrt(np.clip(1 - (2 * u - 1) ** 6, 0, 1))


def _pointed(u: Array) -> Array:
    """Half-width along a petal that ends in a point (sunflower, lily)."""
    return np.sin(np.pi * np.clip(u, 0, 1) ** 0.8) ** 0.9 * (1 - 0.25 * u)


def _egg(u: Array) -> Array:
    """Half-width along a broad petal (tulip, rose)."""
    return (0.45 + 0.55 * np.sin(np.pi * u**0.9)) * np.clip(1 - u**5, 0, 1) ** 0.5


def _round(u: Array) -> Array:
    """Half-width along a petal that widens up to a full, round end (rose)."""
    return (0.55 + 0.5 * u) * np.sqrt(np.clip(1 - u**3.5, 0, 1))


def _petals(
    dice: _Dice,
    theta: Array,
    *,
    outline: Callable[[Array], Array],
    colours: tuple[Colour, Colour],
    grid: tuple[int, int],
    length: Array | float,
    width: Array | float,
    rise: Array | float,
    curl: Array | float,
    base_radius: Array | float = 0.0,
    base_height: Array | float = 0.0,
    wrap: float = 0.0,
    cup: float = 0.0,
    ruffle: float = 0.0,
    bend: float = 1.0,
    vein: float = 0.0,
    rim: float = 0.0,
    freckles: float = 0.0,
) -> _Mesh:
    """A set of petals, one for each angle in `theta` [n] (radians around the axis).

    A petal leaves the centre at the angle `rise` above the horizontal and turns by `curl` (radians) up
    to its tip, most of it late where `bend` is over 1. `wrap` bends it around the axis, `cup` raises
    its edges, `ruffle` makes them wavy.
    """
    count, (rows, columns) = len(theta), grid
    u = 1 - (1 - np.arange(rows + 1) / rows) ** 1.5  # closer together near the tip, where outlines turn
    steps, middle = np.diff(u), (u[1:] + u[:-1]) / 2
    v = np.arange(columns + 1) * (2 / columns) - 1

    def column(value: Array | float) -> Array:
        return np.broadcast_to(np.asarray(value, float), (count,))[:, None]

    slope = column(rise) + column(curl) * middle**bend  # of the piece between two neighbours in u
    zero = np.zeros((count, 1))
    rho = column(base_radius) + np.concatenate([zero, np.cumsum(np.cos(slope) * column(length) * steps, 1)], 1)
    height = column(base_height) + np.concatenate([zero, np.cumsum(np.sin(slope) * column(length) * steps, 1)], 1)
    slope = np.concatenate([slope[:, :1], (slope[:, 1:] + slope[:, :-1]) / 2, slope[:, -1:]], 1)
    half = column(width) * outline(u)[None]
    across = half[:, :, None] * v
    lift = cup * half[:, :, None] * v**2
    wave = ruffle * u[None, :, None] ** 2 * np.sin(4.5 * v + 6.3 * dice.many(count, 1, 1) + 3 * u[None, :, None])
    out = rho[:, :, None] - (lift + wave) * np.sin(slope)[:, :, None]
    z = height[:, :, None] + (lift + wave) * np.cos(slope)[:, :, None]
    around = across / np.maximum(np.abs(out), 0.18)
    around = np.clip(around, -2.4, 2.4)
    x = _mix(out, out * np.cos(around), wrap)
    y = _mix(across, out * np.sin(around), wrap)
    cosine, sine = np.cos(theta)[:, None, None], np.sin(theta)[:, None, None]
    points = np.stack([x * cosine - y * sine, x * sine + y * cosine, z], axis=-1)

    tone = colours[0] + (colours[1] - colours[0]) * (middle**0.8)[:, None, None]
    tone = np.broadcast_to(tone, (count, rows, columns, 3)).copy()
    tone *= 1 + 0.11 * dice.many(count, 1, 1, 1) + 0.04 * dice.many(count, 1, columns, 1)
    tone[:, -1] *= 1 + rim
    centre = np.abs((v[:-1] + v[1:]) / 2)[None, None, :, None]
    tone *= 1 - vein * (1 - centre) ** 2
    if freckles:
        spots = dice.many(count, rows, columns, 1, low=0) < 2 * freckles * (0.8 - middle)[None, :, None, None]
        tone = np.where(spots, tone * np.array([0.5, 0.25, 0.25]), tone)
    parts = np.broadcast_to(np.arange(count)[:, None, None], (count, rows, columns))
    corners = np.stack([points[:, :-1, :-1], points[:, 1:, :-1], points[:, 1:, 1:], points[:, :-1, 1:]], axis=3)
    return _Mesh(corners.reshape(-1, 4, 3), tone.reshape(-1, 3), parts.reshape(-1))


def _evenly(dice: _Dice, count: int, jitter: float = 0.25) -> Array:
    """Angles [count] around the axis, each off its place by up to `jitter` of a step."""
    return (np.arange(count) + jitter * dice.many(count)) * (2 * np.pi / count)


def _dome(
    dice: _Dice, radius: float, height: float, colours: tuple[Colour, Colour], florets: int, ringed: float
) -> _Mesh:
    """The centre of a daisy or a sunflower: a dome with florets set in Fibonacci spirals."""
    base = _petals(
        dice, _evenly(dice, 16, 0), outline=lambda u: 0.1 + u, colours=(colours[0], colours[0]), grid=(2, 1),
        length=radius * 1.02, width=radius * 0.24, rise=0.0, curl=0.0, base_height=height * 0.3,
    )  # fmt: skip
    base.parts = np.zeros_like(base.parts)
    number = np.arange(florets) + 0.5
    r = np.sqrt(number / florets) * radius
    angle = number * 2.399963
    x, y = r * np.cos(angle), r * np.sin(angle)
    z = height * (1 - 0.8 * (r / radius) ** 2) + 0.02
    side = 0.85 * radius / math.sqrt(florets)
    offsets = side * np.array([[1, 0], [0, 1], [-1, 0], [0, -1]])
    corners = np.empty((florets, 4, 3))
    corners[:, :, 0] = x[:, None] + offsets[:, 0]
    corners[:, :, 1] = y[:, None] + offsets[:, 1]
    corners[:, :, 2] = z[:, None]
    tone = np.clip(0.35 + 0.4 * dice.many(florets) + ringed * (r / radius - 0.5), 0, 1)
    colour = colours[0] + (colours[1] - colours[0]) * tone[:, None]
    return _Mesh.join([base, _Mesh(corners, colour, np.arange(florets))])


def _bracts(dice: _Dice, radius: float, rise: float, count: int = 8, height: float = -0.08) -> _Mesh:
    """The green cup behind a flower."""
    green = _rgb(dice.pick(_GREENS))
    return _petals(
        dice, _evenly(dice, count), outline=_pointed, colours=(green * 0.8, green), grid=(3, 2),
        length=radius, width=radius * 0.3, rise=rise, curl=0.2, base_height=height,
    )  # fmt: skip


def _daisy(dice: _Dice, difficulty: float) -> _Mesh:
    colours = _petal_colours(dice, "daisy", difficulty)
    drift = difficulty * dice.between(0, 1)  # towards a sunflower
    radius = _mix(dice.between(0.24, 0.3), 0.4, drift)
    rise, point = dice.between(-0.15, 0.3), 0.6 * drift
    rings = [dice.whole(13, 22)] + ([dice.whole(12, 18)] if dice.chance(0.4) else [])
    meshes = [_bracts(dice, radius, -0.2)]
    for ring, count in enumerate(rings):
        meshes.append(
            _petals(
                dice, _evenly(dice, count, 0.35), outline=lambda u: _mix(_blunt(u), _pointed(u), point),
                colours=colours, grid=(5, 2), length=(1 - radius * 0.8) * (1 - 0.08 * ring + 0.08 * dice.many(count)),
                width=_mix(0.105, 0.12, drift) * dice.between(0.85, 1.15), base_radius=radius * 0.8,
                rise=rise + 0.15 * dice.many(count) + 0.12 * ring, curl=dice.between(-0.7, 0.1),
                base_height=0.04 * ring, cup=0.25, vein=0.1,
            )
        )  # fmt: skip
    meshes.append(_dome(dice, radius, dice.between(0.1, 0.2), _centre_colours(dice, "daisy", difficulty), 90, 0.1))
    return _Mesh.join(meshes)


def _sunflower(dice: _Dice, difficulty: float) -> _Mesh:
    colours = _petal_colours(dice, "sunflower", difficulty)
    drift = difficulty * dice.between(0, 1)  # towards a daisy
    radius = _mix(dice.between(0.46, 0.54), 0.38, drift)
    rise, point = dice.between(-0.1, 0.35), 1 - 0.5 * drift
    meshes = [_bracts(dice, radius * 1.6, 0.0, 12)]
    for ring in range(2):
        count = dice.whole(14, 20)
        meshes.append(
            _petals(
                dice, _evenly(dice, count, 0.45), outline=lambda u: _mix(_blunt(u), _pointed(u), point),
                colours=colours, grid=(5, 2), length=(1 - radius * 0.8) * (1.05 + 0.16 * dice.many(count)),
                width=dice.between(0.115, 0.145), base_radius=radius * 0.85,
                rise=rise + 0.25 * dice.many(count) + 0.15 * ring, curl=0.6 * dice.many(count),
                base_height=0.03 * ring, cup=0.35, vein=0.18,
            )
        )  # fmt: skip
    centre = _centre_colours(dice, "sunflower", difficulty)
    meshes.append(_dome(dice, radius, dice.between(0.06, 0.14), centre, 190, 0.9))
    return _Mesh.join(meshes)


def _rose(dice: _Dice, difficulty: float) -> _Mesh:
    colours = _petal_colours(dice, "rose", difficulty)
    drift = difficulty * dice.between(0, 1.6)  # towards a tulip: fewer petals, less open
    count = round(_mix(dice.whole(20, 26), 13, drift))
    age = (np.arange(count) + 0.5) / count  # 0 in the heart, 1 outside
    theta = np.arange(count) * 2.399963 + 0.3 * dice.many(count)
    opening = dice.between(0.75, 1.05) - 0.35 * drift
    mesh = _petals(
        dice, theta, outline=_round, colours=colours,
        grid=(7, 8), length=0.38 + 0.5 * age, width=0.2 + 0.36 * age, base_radius=0.015 + 0.185 * age,
        rise=1.5 - 0.75 * opening * age, curl=-opening * (0.15 + 1.25 * age**2), bend=2.0, wrap=0.85,
        cup=0.12, ruffle=0.03, rim=0.16, base_height=0.14 - 0.2 * age,
    )  # fmt: skip
    # The heart is in its own shade: without it a rose has no depth.
    shade = 0.62 + 0.38 * age[mesh.parts]
    mesh.colours = mesh.colours * shade[:, None]
    return _Mesh.join([_bracts(dice, 0.7, 0.1, 5, -0.25), mesh])


def _tulip(dice: _Dice, difficulty: float) -> _Mesh:
    colours = _petal_colours(dice, "tulip", difficulty)
    drift = difficulty * dice.between(0, 1.6)  # towards a lily: open and pointed
    opening = dice.between(0.0, 0.25) + 0.35 * drift
    flame = (colours[0], colours[1])
    meshes = []
    for ring in range(2):
        theta = _evenly(dice, 3, 0.08) + ring * np.pi / 3
        meshes.append(
            _petals(
                dice, theta, outline=lambda u: _mix(_egg(u), _pointed(u), 0.15 + 0.4 * drift), colours=flame,
                grid=(13, 10), length=1.25, width=0.58 - 0.08 * drift, base_radius=0.06,
                rise=0.35 + 0.16 * ring, curl=_mix(1.75, 1.0, opening) + 0.08 * dice.many(3), bend=0.55,
                wrap=0.75, cup=0.1, ruffle=0.02, vein=0.12, base_height=0.07 * ring,
            )
        )  # fmt: skip
    meshes.append(_stamens(dice, 6, 0.55, 0.25, _rgb("3a2a1a"), 0.035))
    return _Mesh.join(meshes)


def _lily(dice: _Dice, difficulty: float) -> _Mesh:
    colours = _petal_colours(dice, "lily", difficulty)
    drift = difficulty * dice.between(0, 1.6)  # towards a tulip: less open, broader, no freckles
    freckles = 0.16 if dice.chance(0.75 - 0.5 * difficulty) else 0.0
    meshes = []
    for ring in range(2):
        theta = _evenly(dice, 3, 0.1) + ring * np.pi / 3
        meshes.append(
            _petals(
                dice, theta, outline=_pointed, colours=colours, grid=(14, 6), length=1.3 - 0.05 * ring,
                width=(0.3 if ring else 0.23) * dice.between(0.9, 1.1) + 0.06 * drift, base_radius=0.05,
                rise=1.05 + 0.25 * drift, curl=-dice.between(1.5, 2.2) + 0.7 * drift + 0.15 * dice.many(3),
                bend=1.2, wrap=0.25, cup=0.2, ruffle=0.04, vein=0.2, freckles=freckles, base_height=0.02 * ring,
            )
        )  # fmt: skip
    meshes.append(_stamens(dice, 6, 0.85, 0.45, _rgb(dice.pick(("7a3412", "a8581a", "4a2414"))), 0.05))
    return _Mesh.join(meshes)


def _stamens(dice: _Dice, count: int, length: float, lean: float, anther: Colour, size: float) -> _Mesh:
    """Thin stalks from the centre, each with an anther across its end."""
    theta = _evenly(dice, count, 0.4)
    filament = _rgb("c8d49a")
    stalks = _petals(
        dice, theta, outline=lambda u: np.ones_like(u), colours=(filament * 0.8, filament), grid=(4, 1),
        length=length, width=0.018, rise=1.45 - lean, curl=-lean, base_radius=0.02,
    )  # fmt: skip
    ends = stalks.corners.reshape(count, 4, 4, 3)[:, -1, 1:3].mean(1)
    along = np.stack([-np.sin(theta), np.cos(theta), 0.5 * np.ones(count)], 1)
    outward = np.stack([np.cos(theta), np.sin(theta), -0.4 * np.ones(count)], 1)
    corners = np.stack(
        [ends + 2 * size * along, ends + size * outward, ends - 2 * size * along, ends - size * outward], 1
    )
    heads = _Mesh(corners, np.tile(anther, (count, 1)), np.arange(count))
    return _Mesh.join([stalks, heads])


def _blossom(dice: _Dice) -> _Mesh:
    """A small five-petalled bloom of no species: it grows in the background."""
    colours = _pair(dice.pick(_SHARED_COLOURS))
    petals = _petals(
        dice, _evenly(dice, 5, 0.1), outline=_egg, colours=colours, grid=(3, 2), length=0.95, width=0.42,
        rise=0.3, curl=-0.3, base_radius=0.05,
    )  # fmt: skip
    angle = np.arange(3)[:, None] * (np.pi / 3) + np.array([0.0, 1.0, 3.0, 4.0]) * (np.pi / 3)
    corners = np.stack([0.22 * np.cos(angle), 0.22 * np.sin(angle), np.full(angle.shape, 0.4)], 2)
    centre = _pair(_SHARED_CENTRES[0])[1]
    return _Mesh.join([petals, _Mesh(corners, np.tile(centre, (3, 1)), np.zeros(3, int))])


_FLOWERS = {"daisy": _daisy, "lily": _lily, "rose": _rose, "sunflower": _sunflower, "tulip": _tulip}

# How far the flower leans away from the camera, in radians: 0 is seen from the front, 1.57 from the side.
_TILT_EASY = {"daisy": (0, 0.6), "lily": (0.2, 0.9), "rose": (0.1, 0.9), "sunflower": (0, 0.5), "tulip": (1.1, 1.5)}
_TILT_HARD = {"daisy": (0, 1.3), "lily": (0, 1.4), "rose": (0, 1.4), "sunflower": (0, 1.3), "tulip": (0.2, 1.5)}


# ---------------------------------------------------------------------------------------------------
# Drawing. Places on the picture run from 0 to 1, x to the right and y down.


class _Layer:
    """One sheet of the scene: coloured pieces on transparent ground, and the part that each belongs to."""

    def __init__(self, size: int, oversampling: int, with_parts: bool) -> None:
        self.scale, self.oversampling = size * oversampling, oversampling
        canvas = (self.scale, self.scale)
        self.image = Image.new("RGBa", canvas)  # premultiplied: `reduce` takes the plain average
        self._draw = ImageDraw.Draw(self.image)
        self.part_image = Image.new("L", canvas) if with_parts else None
        self._draw_part = ImageDraw.Draw(self.part_image) if with_parts else None
        self._next_part = 0

    def polygons(self, points: Array, colours: Array, parts: Array) -> None:
        """Draw `points` [n, k, 2] in order, filled with `colours` [n, 3] from 0 to 1."""
        # A 256th of a pixel is finer than anything drawn, and hides the last bits of sine and cosine.
        flat = (np.round(points * self.scale * 256) / 256).reshape(len(points), -1).tolist()
        fills = np.clip(np.round(colours * 255), 0, 255).astype(int).tolist()
        polygon = self._draw.polygon
        for piece, (red, green, blue) in zip(flat, fills, strict=True):
            polygon(piece, fill=(red, green, blue, 255))
        if self._draw_part is not None:
            # Neighbours must differ, and 0 means nothing is there.
            numbers = (1 + (self._next_part + parts) * 7 % 255).tolist()
            for piece, number in zip(flat, numbers, strict=True):
                self._draw_part.polygon(piece, fill=number)
        self._next_part += int(parts.max()) + 1

    def premultiplied(self, blur: float = 0.0) -> Array:
        """Colour times cover, and cover: [size, size, 4] from 0 to 1. `blur` is a radius in pixels."""
        small = self.image.reduce(self.oversampling)
        if blur > 0.2:
            small = small.filter(ImageFilter.GaussianBlur(blur))
        return np.asarray(small, dtype=np.float32) / 255


@dataclass(frozen=True)
class _Pose:
    """Where a flower stands and how it is turned: angles in radians, `x`, `y`, `radius` of the picture."""

    x: float
    y: float
    radius: float
    tilt: float
    roll: float
    spin: float

    def rotation(self) -> Array:
        """From the flower's space to the camera's: x to the right, y up, z to the viewer [3, 3]."""

        def turn(angle: float, first: int, second: int) -> Array:
            matrix = np.eye(3)
            matrix[first, first] = matrix[second, second] = math.cos(angle)
            matrix[first, second], matrix[second, first] = -math.sin(angle), math.sin(angle)
            return matrix

        # A flower that leans away shows its side, with its axis up the picture.
        return turn(self.roll, 0, 1) @ turn(-self.tilt, 1, 2) @ turn(self.spin, 0, 1)


def _draw_mesh(layer: _Layer, mesh: _Mesh, pose: _Pose, light: Array) -> None:
    """Draw a flower, far pieces first, each lit by its angle to `light` (a unit vector [3])."""
    seen = mesh.corners @ pose.rotation().T
    (ax, ay, az), (bx, by, bz) = (seen[:, 2] - seen[:, 0]).T, (seen[:, 3] - seen[:, 1]).T
    normal = np.stack([ay * bz - az * by, az * bx - ax * bz, ax * by - ay * bx])
    length = np.sqrt((normal * normal).sum(0)) + 1e-9
    # Both sides of a petal are lit, so a normal counts as if it faced the camera.
    facing = np.clip(light @ normal / np.where(normal[2] < 0, -length, length), -0.3, 1)
    depth = seen[:, :, 2].mean(1)
    bright = 0.56 + 0.44 * facing + 0.1 * np.clip(depth, -1, 1)
    order = np.argsort(np.round(depth, 9), kind="stable")
    nearer = 1 + 0.12 * seen[:, :, 2:]
    places = seen[:, :, :2] * nearer * pose.radius * np.array([1.0, -1.0]) + np.array([pose.x, pose.y])
    layer.polygons(places[order], (mesh.colours * bright[:, None])[order], mesh.parts[order])


def _draw_blade(layer: _Layer, spine: Array, width: Array, colour: Colour) -> None:
    """A leaf, a stem or a blade of grass along `spine` [n, 2], `width` [n] wide, darker on one side."""
    along = np.concatenate([spine[1:2] - spine[:1], spine[2:] - spine[:-2], spine[-1:] - spine[-2:-1]])
    side = along[:, ::-1] * np.array([-0.5, 0.5])
    side *= (width / (np.hypot(along[:, 0], along[:, 1]) + 1e-9))[:, None]
    left, right = spine + side, spine - side
    halves = np.stack([np.concatenate([spine, edge[::-1]]) for edge in (left, right)])
    layer.polygons(halves, np.stack([colour * 0.82, colour * 1.08]), np.arange(2))


_ALONG = np.arange(12) / 11
_BEZIER = np.stack([(1 - _ALONG) ** 2, 2 * _ALONG * (1 - _ALONG), _ALONG**2], 1)
_LEAF_WIDTH, _GRASS_WIDTH = np.sin(np.pi * _ALONG**0.75), 1 - _ALONG**1.5


def _curve(start: Sequence[float], control: Sequence[float], end: Sequence[float]) -> Array:
    """A quadratic Bezier curve [12, 2]."""
    return _BEZIER @ np.array([start, control, end])


def _draw_leaf(layer: _Layer, dice: _Dice, start: Sequence[float], angle: float, length: float) -> None:
    """A leaf from `start`, `angle` in radians (0 to the right, positive up)."""
    end = (start[0] + length * math.cos(angle), start[1] - length * math.sin(angle))
    sag = dice.between(-0.25, 0.25) * length
    middle = ((start[0] + end[0]) / 2 + sag * math.sin(angle), (start[1] + end[1]) / 2 + sag * math.cos(angle))
    width = length * dice.between(0.22, 0.42) * _LEAF_WIDTH
    colour = _rgb(dice.pick(_GREENS)) * dice.between(0.8, 1.25)
    _draw_blade(layer, _curve(start, middle, end), width, colour)


def _draw_grass(layer: _Layer, dice: _Dice, reach: float) -> None:
    """A blade of grass from the lower edge, up to `reach` of the picture high."""
    x, height = dice.between(-0.1, 1.1), reach * dice.between(0.6, 1.0)
    tip = (x + dice.between(-0.35, 0.35), 1.05 - height)
    spine = _curve((x, 1.05), (x + dice.between(-0.1, 0.1), 1.05 - 0.6 * height), tip)
    width = dice.between(0.015, 0.04) * _GRASS_WIDTH
    _draw_blade(layer, spine, width, _rgb(dice.pick(_GREENS)) * dice.between(0.8, 1.3))


def _draw_stem(layer: _Layer, dice: _Dice, pose: _Pose, leafy: bool) -> None:
    axis = pose.rotation() @ np.array([0.0, 0.0, -1.0])
    start = (pose.x + 0.3 * pose.radius * axis[0], pose.y - 0.3 * pose.radius * axis[1])
    control = (pose.x + 1.6 * pose.radius * axis[0], pose.y + 1.3 * pose.radius)
    end = (pose.x + dice.between(-0.12, 0.12), 1.08)
    spine = _curve(start, control, end)
    green = _rgb(dice.pick(_GREENS))
    _draw_blade(layer, spine, np.full(12, pose.radius * dice.between(0.1, 0.15)), green)
    for _ in range(2 if leafy else 0):
        place = spine[dice.whole(4, 9)]
        angle = dice.between(0.3, 1.2)
        _draw_leaf(layer, dice, place, angle if dice.chance(0.5) else math.pi - angle, pose.radius * 1.2)


# ---------------------------------------------------------------------------------------------------
# The scene


def _smooth_noise(dice: _Dice, size: int, cells: int) -> Array:
    """A random field [size, size], about -1 to 1, that changes over a distance of size / cells."""
    coarse = np.round(dice.many(cells, cells, low=0, high=255)).astype(np.uint8)
    field = Image.fromarray(coarse).resize((size, size), Image.Resampling.BICUBIC)
    return np.asarray(field, dtype=np.float32) / 127.5 - 1


def _background(dice: _Dice, size: int, difficulty: float) -> Array:
    dark, light = (colour.astype(np.float32) for colour in _pair(dice.pick(_BACKGROUNDS)))
    slope = dice.between(-0.5, 0.5)
    ramp = np.linspace(0, 1, size, dtype=np.float32)
    down = (1 - ramp)[:, None] + slope * (ramp - 0.5)[None]
    amount = down + 0.45 * _smooth_noise(dice, size, 4) + 0.25 * _smooth_noise(dice, size, 9)
    rough = _smooth_noise(dice, size, 28) * (0.04 + 0.1 * difficulty * dice.between(0, 1))
    amount = np.clip(amount, -0.2, 1.2)[:, :, None]
    return dark + (light - dark) * amount + rough[:, :, None]


def _draw_behind(layer: _Layer, dice: _Dice, difficulty: float, light: Array) -> None:
    """Out of focus: leaves, grass and blooms of no species."""
    for _ in range(dice.whole(3, 5) + round(6 * difficulty)):
        place = (dice.between(-0.1, 1.1), dice.between(0.1, 1.1))
        _draw_leaf(layer, dice, place, dice.between(0, 2 * math.pi), dice.between(0.2, 0.5))
    for _ in range(round(dice.between(0, 10) * (0.3 + difficulty))):
        _draw_grass(layer, dice, 0.9)
    for _ in range(round(dice.between(0, 1.5) + 4.5 * difficulty * dice.between(0, 1))):
        pose = _Pose(
            x=dice.between(0, 1), y=dice.between(0, 1), radius=dice.between(0.05, 0.13),
            tilt=dice.between(0, 1), roll=dice.between(-1, 1), spin=dice.between(0, 6),
        )  # fmt: skip
        _draw_mesh(layer, _blossom(dice), pose, light)


def _draw_in_front(layer: _Layer, dice: _Dice, difficulty: float, pose: _Pose) -> None:
    """Leaves and grass that hide part of the flower."""
    for _ in range(round(difficulty * dice.between(0, 4))):
        _draw_grass(layer, dice, 1.0)
    if dice.chance(0.1 + 0.9 * difficulty):
        for _ in range(dice.whole(1, 1 + round(2 * difficulty))):
            angle = dice.between(0, 2 * math.pi)
            away = pose.radius * dice.between(1.1, 1.6)
            start = (pose.x + away * math.cos(angle), pose.y - away * math.sin(angle))
            back = angle + math.pi + dice.between(-0.7, 0.7)
            _draw_leaf(layer, dice, start, back, pose.radius * dice.between(0.8, 1.2 + 0.9 * difficulty))


def _over(ground: Array, sheet: Array) -> Array:
    return sheet[:, :, :3] + ground * (1 - sheet[:, :, 3:])


def _shadow(sheet: Array, light: Array, reach: float, strength: float) -> Array:
    """What light is left under `sheet` [size, size, 1]: its cover, moved away from the light and blurred."""
    size = sheet.shape[0]
    cover = Image.fromarray(np.round(sheet[:, :, 3] * 255).astype(np.uint8))
    moved = Image.new("L", (size, size))
    moved.paste(cover, (round(-light[0] * reach * size), round(light[1] * reach * size)))
    soft = np.asarray(moved.filter(ImageFilter.GaussianBlur(size * 0.03)), dtype=np.float32) / 255
    return (1 - strength * soft)[:, :, None]


def _photograph(dice: _Dice, scene: Array, difficulty: float) -> Array:
    """The camera: uneven light, a colour cast, exposure, blur and noise. [size, size, 3], 0 to 1."""
    size = scene.shape[0]
    ramp = np.linspace(-0.5, 0.5, size, dtype=np.float32)
    uneven = 1 + dice.between(-0.3, 0.3) * ramp[:, None] + dice.between(-0.3, 0.3) * ramp[None]
    shade = 1 - (0.1 + 0.35 * difficulty) * np.clip(_smooth_noise(dice, size, 5), 0, 1)
    cast = 1 + (0.05 + 0.1 * difficulty) * dice.many(3)
    exposure = 1.04 + dice.between(-1, 1) * (0.1 + 0.25 * difficulty)
    scene = np.clip(scene * (uneven * shade)[:, :, None] * (cast * exposure).astype(np.float32), 0, 1)
    image = Image.fromarray(np.round(scene * 255).astype(np.uint8))
    blur = dice.between(0, 0.003 + 0.012 * difficulty) * size
    if blur > 0.2:
        image = image.filter(ImageFilter.GaussianBlur(blur))
    grain = (0.011 + 0.07 * difficulty * dice.between(0.2, 1)) * dice.many(size, size, 3).astype(np.float32)
    return np.clip(np.asarray(image, dtype=np.float32) / 255 + grain, 0, 1)


def _ink(dice: _Dice, photo: Array, layers: Sequence[_Layer]) -> Array:
    """A pen drawing of the scene: lines where parts meet, hatching in the dark. [size, size, 3], 0 to 1."""
    size, oversampling = photo.shape[0], layers[0].oversampling
    parts = np.zeros((size * oversampling,) * 2, np.uint8)
    for layer in layers:
        own = np.asarray(layer.part_image)
        parts = np.where(own > 0, own, parts)
    edge = np.zeros(parts.shape, np.uint8)
    edge[:-1] |= (parts[:-1] != parts[1:]).astype(np.uint8) * 255
    edge[:, :-1] |= (parts[:, :-1] != parts[:, 1:]).astype(np.uint8) * 255
    lines = Image.fromarray(edge).filter(ImageFilter.MaxFilter(3)).reduce(oversampling)
    cover = np.asarray(lines, dtype=np.float32) / 255
    rows, columns = np.mgrid[0:size, 0:size]
    dark, drawn = photo.mean(2), parts[::oversampling, ::oversampling] > 0
    for limit, direction in ((0.34, 1), (0.2, -1)):
        stroke = ((rows + direction * columns) % 4 == 0) & (dark < limit) & drawn
        cover = np.maximum(cover, 0.6 * stroke)
    paper = np.array([0.96, 0.94, 0.89]) + 0.03 * dice.many(3) + 0.015 * dice.many(size, size, 1)
    pen = _rgb(dice.pick(("14141a", "1a2444", "3a2416")))
    return np.clip(paper + (pen - paper) * (0.92 * cover)[:, :, None], 0, 1)


def _false_colour(dice: _Dice, photo: Array) -> Array:
    order = dice.pick(((0, 1, 2), (0, 2, 1), (1, 0, 2), (1, 2, 0), (2, 0, 1), (2, 1, 0)))
    return 1 - photo[:, :, order]


def paint(species: str, index: int, recipe: Recipe | None = None) -> Image.Image:
    """Paint one flower.

    Parameters
    ----------
    species : str
        One of `SPECIES`.
    index : int
        Which flower of that species, from 0. The picture depends on species, index and recipe alone.
    recipe : Recipe, optional
        Size, dials and seed; `Recipe()` by default.

    Returns
    -------
    PIL.Image.Image
        RGB, `recipe.size` pixels high and wide.

    Raises
    ------
    CourseError
        When the species is unknown or the index is not a whole number of at least 0.
    """
    recipe = _require_recipe(recipe)
    if species not in SPECIES:
        raise unknown_name("species", species, SPECIES)
    _require_whole("index", index, least=0)
    hard, size = recipe.difficulty, recipe.size

    def dice(aspect: int) -> _Dice:
        return _Dice(1, recipe.seed, SPECIES.index(species), int(index), aspect)

    oversampling = min(8, max(2, round(384 / size)))
    behind, flower, front = (_Layer(size, oversampling, recipe.shift > 0) for _ in range(3))
    placing = dice(0)
    pose, light = _place(placing, species, hard)
    _draw_behind(behind, dice(1), hard, light)
    _draw_stem(flower, dice(2), pose, leafy=species != "daisy")
    _draw_mesh(flower, _FLOWERS[species](dice(3), hard).normalised(), pose, light)
    _draw_in_front(front, dice(4), hard, pose)

    scene = _background(dice(5), size, hard)
    scene = _over(scene, behind.premultiplied(blur=placing.between(0.004, 0.022) * size * (1 - 0.6 * hard)))
    for layer, reach in ((flower, 0.05), (front, 0.02)):
        sheet = layer.premultiplied()
        scene = _over(scene * _shadow(sheet, light, reach, 0.45), sheet)
    picture = _photograph(dice(6), scene, hard)
    if recipe.shift > 0:
        picture = _shifted(dice(7), picture, (behind, flower, front), recipe.shift)
    return Image.fromarray(np.round(picture * 255).astype(np.uint8))


def _place(dice: _Dice, species: str, difficulty: float) -> tuple[_Pose, Array]:
    easy, hard = _TILT_EASY[species], _TILT_HARD[species]
    amount = min(1.0, 1.5 * difficulty)
    tilt = dice.between(_mix(easy[0], hard[0], amount), _mix(easy[1], hard[1], amount))
    room = 0.06 + 0.16 * difficulty
    pose = _Pose(
        x=0.5 + dice.between(-room, room), y=0.47 + dice.between(-room, room),
        radius=dice.between(_mix(0.38, 0.13, difficulty), _mix(0.46, 0.3, difficulty)),
        tilt=tilt, roll=dice.between(-1, 1) * (0.3 + 0.5 * difficulty), spin=dice.between(0, 2 * math.pi),
    )  # fmt: skip
    light = np.array([dice.between(-0.8, 0.8), dice.between(0.1, 0.8), 0.7])
    return pose, light / np.linalg.norm(light)


def _shifted(dice: _Dice, photo: Array, layers: Sequence[_Layer], shift: float) -> Array:
    ink, negative = _ink(dice, photo, layers), _false_colour(dice, photo)
    if shift <= 0.5:
        return _mix(photo, ink, shift / 0.5)
    return _mix(ink, negative, (shift - 0.5) / 0.5)


# ---------------------------------------------------------------------------------------------------
# Many flowers: painted by several processes, kept on disk

_CHUNK = 20  # pictures in one file of the cache, and in one job of a worker
_FEW = 60  # so many are painted here rather than by other processes, which take a moment to start
_BAR_SECONDS = 2.0
_SECONDS_EACH = 0.018  # to paint one picture of 128 pixels; only decides whether a bar is worth showing


def painted_flowers(
    per_class: int,
    recipe: Recipe | None = None,
    *,
    first: int = 0,
    workers: int | None = None,
    progress: bool = True,
    species: Sequence[str] = SPECIES,
) -> tuple[Array, Array]:
    """Paint a data set, or read from the cache what was painted before.

    Flower `index` of a species is the same picture whatever else is asked for, so a larger set extends
    a smaller one, and `first` gives pictures that another call with a smaller range has not seen.

    Parameters
    ----------
    per_class : int
        Pictures of each species; at least 1.
    recipe : Recipe, optional
        Size, dials and seed; `Recipe()` by default.
    first : int
        Index of the first picture of each species.
    workers : int, optional
        Processes to paint with; by default one for each CPU core, at most 8.
    progress : bool
        Whether to show a bar where painting takes more than about two seconds.
    species : sequence of str
        Which species, in the order of their labels.

    Returns
    -------
    images : numpy.ndarray
        uint8 [n, size, size, 3], species by species, n = per_class * len(species).
    labels : numpy.ndarray
        int64 [n], positions in `species`.

    Raises
    ------
    CourseError
        When an argument is out of range, or when the cache cannot be written.
    """
    recipe = _require_recipe(recipe)
    species = _require_species(species)
    _require_whole("per_class", per_class, least=1)
    _require_whole("first", first, least=0)
    workers = _default_workers() if workers is None else workers
    _require_whole("workers", workers, least=1)

    wanted = range(int(first), int(first) + int(per_class))
    cache = _Cache(recipe)
    pictures = {name: cache.read(name, wanted) for name in species}
    jobs = [
        (name, chunk) for name in species for chunk in _chunks(index for index in wanted if index not in pictures[name])
    ]
    with _bar(sum(len(chunk) for _, chunk in jobs), recipe, workers, progress) as advance:
        for name, chunk, images in _paint_jobs(jobs, recipe, workers):
            new = dict(zip(chunk, images, strict=True))
            pictures[name].update(new)
            cache.add(name, new)
            advance(len(chunk))
    images = np.stack([pictures[name][index] for name in species for index in wanted])
    return images, np.repeat(np.arange(len(species), dtype=np.int64), len(wanted))


def _require_recipe(recipe: Recipe | None) -> Recipe:
    if recipe is None:
        return Recipe()
    if not isinstance(recipe, Recipe):
        raise CourseError(f"recipe is {recipe!r}: give a Recipe, such as Recipe(size=128, difficulty=0.5)")
    return recipe


def _require_species(species: Sequence[str]) -> tuple[str, ...]:
    species = (species,) if isinstance(species, str) else tuple(species)
    for name in species:
        if name not in SPECIES:
            raise unknown_name("species", name, SPECIES)
    if not species or len(set(species)) < len(species):
        raise CourseError(f"species is {list(species)}: name at least one, each once; known: {', '.join(SPECIES)}")
    return species


def _default_workers() -> int:
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return min(8, cores)


def _chunks(indices: Iterator[int]) -> list[list[int]]:
    """The indices, grouped by the cache file that they belong to."""
    groups: dict[int, list[int]] = {}
    for index in indices:
        groups.setdefault(index // _CHUNK, []).append(index)
    return list(groups.values())


class _Cache:
    """Painted pictures on disk: a folder for each recipe, a file for each species and `_CHUNK` indices.

    A file is written beside its place and moved there, so nobody sees half of one. Two processes that
    write the same file at once leave one of the two, which is whole; the other's pictures are painted
    again when they are wanted. A damaged file counts as absent.
    """

    def __init__(self, recipe: Recipe) -> None:
        self._folder = cache_dir() / "painted_flowers" / recipe.key()

    def read(self, species: str, wanted: range) -> dict[int, Array]:
        """Those of the wanted pictures, uint8 [size, size, 3], that were painted before."""
        found: dict[int, Array] = {}
        for chunk in range(wanted.start // _CHUNK, (wanted.stop - 1) // _CHUNK + 1):
            found.update(self._read_file(self._file(species, chunk)))
        return {index: image for index, image in found.items() if index in wanted}

    def add(self, species: str, pictures: dict[int, Array]) -> None:
        """Keep pictures of one chunk beside those that its file holds."""
        file = self._file(species, next(iter(pictures)) // _CHUNK)
        pictures = dict(sorted({**self._read_file(file), **pictures}.items()))
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            with atomic_write(file) as draft:
                draft.write_bytes(_packed(pictures))
        except OSError as error:
            raise CourseError(
                f"cannot keep painted flowers in {self._folder} ({error.strerror}): "
                "make room there, or set COURSE_CACHE to another folder"
            ) from None

    def _file(self, species: str, chunk: int) -> Path:
        return self._folder / f"{species}-{chunk * _CHUNK:06d}.pictures"

    def _read_file(self, file: Path) -> dict[int, Array]:
        try:
            return _unpacked(file.read_bytes())
        except (OSError, ValueError, KeyError):  # most often it is not there yet; or it is not what `_packed` writes
            return {}


def _packed(pictures: dict[int, Array]) -> bytes:
    """Pictures by their index as the content of a file: a checksum, then a .npz archive."""
    archive = io.BytesIO()
    np.savez(archive, indices=np.array(list(pictures)), images=np.stack(list(pictures.values())))
    return hashlib.sha256(archive.getbuffer()).digest() + archive.getvalue()


def _unpacked(content: bytes) -> dict[int, Array]:
    """What `_packed` was given, or nothing where a single bit is not as it was written."""
    checksum, archive = content[:32], content[32:]
    if hashlib.sha256(archive).digest() != checksum:
        return {}
    with np.load(io.BytesIO(archive), allow_pickle=False) as arrays:
        return dict(zip(arrays["indices"].tolist(), arrays["images"], strict=True))


@contextlib.contextmanager
def _bar(count: int, recipe: Recipe, workers: int, progress: bool) -> Iterator[Callable[[int], object]]:
    """A function to call with the number of pictures just painted; it moves a bar where that pays."""
    seconds = count * _SECONDS_EACH * max(0.5, recipe.size / 128) ** 2 / workers
    if not progress or seconds < _BAR_SECONDS:
        yield lambda painted: None
        return
    from tqdm.auto import tqdm  # here, because the workers import this module and need no bar

    with tqdm(total=count, desc="painting flowers", unit="", leave=False, file=sys.stdout) as bar:
        yield bar.update


Job = tuple[str, list[int]]


def _paint_jobs(jobs: list[Job], recipe: Recipe, workers: int) -> Iterator[tuple[str, list[int], list[Array]]]:
    """Paint every job, in any order, each as its species, its indices and its pictures."""
    workers = min(workers, len(jobs))
    if workers < 2 or sum(len(chunk) for _, chunk in jobs) <= _FEW:
        for name, chunk in jobs:
            yield name, chunk, [np.asarray(paint(name, index, recipe)) for index in chunk]
        return
    painters = [_Painter(recipe) for _ in range(workers)]
    idle = list(painters)

    def work(job: Job) -> tuple[str, list[int], list[Array]]:
        painter = idle.pop()
        try:
            return (*job, painter.paint(*job))
        finally:
            idle.append(painter)

    try:
        with ThreadPoolExecutor(workers) as pool:
            futures = [pool.submit(work, job) for job in jobs]
            try:
                for future in as_completed(futures):
                    yield future.result()
            finally:
                for future in futures:
                    future.cancel()
    finally:
        for painter in painters:
            painter.close()


class _Painter:
    """Another Python process that paints on request.

    A plain subprocess rather than `multiprocessing`: forking a process that runs PyTorch's threads can
    hang, and spawning imports the caller's script again, which a script without a main guard forbids.
    It runs this file rather than this module, whose package imports PyTorch, which takes seconds.
    """

    def __init__(self, recipe: Recipe) -> None:
        self._recipe = recipe
        home = str(Path(__file__).resolve().parents[2])
        paths = [home, *filter(None, [os.environ.get("PYTHONPATH")])]
        self._process = subprocess.Popen(
            [sys.executable, "-P", __file__],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,  # what fails there is done again here, where an error is seen
            env={**os.environ, "PYTHONPATH": os.pathsep.join(paths)},
        )

    def paint(self, species: str, indices: list[int]) -> list[Array]:
        request = {"species": species, "indices": indices, "recipe": asdict(self._recipe)}
        shape = (len(indices), self._recipe.size, self._recipe.size, 3)
        try:
            self._process.stdin.write(json.dumps(request).encode() + b"\n")
            self._process.stdin.flush()
            content = self._process.stdout.read(math.prod(shape))
        except OSError:
            content = b""
        if len(content) != math.prod(shape):
            # The process died, killed for memory perhaps: this one can paint as well.
            return [np.asarray(paint(species, index, self._recipe)) for index in indices]
        return list(np.frombuffer(content, np.uint8).reshape(shape))

    def close(self) -> None:
        self._process.kill()
        self._process.communicate()


def _serve() -> None:
    """What a painter process does: a request a line on stdin, the pictures' bytes on stdout."""
    for line in sys.stdin:
        request = json.loads(line)
        recipe = Recipe(**request["recipe"])
        for index in request["indices"]:
            sys.stdout.buffer.write(paint(request["species"], index, recipe).tobytes())
        sys.stdout.buffer.flush()


if __name__ == "__main__":
    _serve()
