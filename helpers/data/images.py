"""Any picture that a person may have, as the RGB image that a network expects, or the reason why not."""

from __future__ import annotations

import hashlib
import io
import logging
import os
import threading
import warnings
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import IO

import numpy as np
from PIL import Image, ImageFile, TiffImagePlugin, UnidentifiedImageError

from helpers.data.jpeg import is_damaged_inside, jpeg_ends
from helpers.errors import CourseError, one_line

# 120 million pixels take 360 MB as RGB: more than any common camera makes, less than a laptop's memory.
MAX_PIXELS = 120_000_000
LARGE_PIXELS = 30_000_000  # from here on, one at a time
MAX_BYTES = 1_000_000_000
# A network takes a square: of an image 50 times as long as wide it would see two per cent. And to make the short side
# of 1 x 4,000 pixels 256 long, a resize needs a million pixels for the other one: seconds, and gigabytes.
MAX_RATIO = 50

_HEIC_SUFFIXES = (".heic", ".heif")
_RAW_SUFFIXES = (
    *(".dng", ".nef", ".nrw", ".arw", ".sr2", ".cr2", ".cr3", ".crw", ".orf", ".rw2", ".raf", ".pef", ".srw"),
    *(".x3f", ".3fr", ".iiq", ".kdc"),
)
IMAGE_SUFFIXES = (
    *(".jpg", ".jpeg", ".jpe", ".jfif", ".png", ".gif", ".bmp", ".tif", ".tiff", ".webp", ".avif"),
    *(".ppm", ".pgm", ".pbm", ".pnm"),
    # Pillow cannot read these. They count as photos so that a folder from a phone or a camera gets an answer.
    *_HEIC_SUFFIXES,
    *_RAW_SUFFIXES,
)

# Only formats that hold photos. Pillow knows forty more, and one of them (EPS) starts another program.
_FORMATS = ("JPEG", "PNG", "GIF", "BMP", "TIFF", "WEBP", "AVIF", "PPM")
_TIFF_BYTES = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")
_FIRST_BYTES = (b"\xff\xd8\xff", b"\x89PNG", b"GIF8", b"RIFF", *_TIFF_BYTES)
_HEIC_BRANDS = (b"heic", b"heix", b"hevc", b"heim", b"heis", b"mif1", b"msf1")
HEAD_BYTES = 16  # what `begins_like_an_image` wants to see

# The whole-number ranges that deep images use: 8 bits, and those of sensors, in 16.
_BITS = (8, 10, 12, 14, 16)

# Pillow logs some causes beside raising them; without a handler Python writes these to stderr, among a lesson's output.
logging.getLogger("PIL").addHandler(logging.NullHandler())

_ORIENTATION_TAG = 0x0112
_UPRIGHT = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}


class ImageProblem(CourseError):
    """One image that cannot be used. `reason` is the cause alone, such as "truncated"."""

    def __init__(self, message: str, reason: str = "") -> None:
        # One argument is enough: PyTorch rebuilds a worker's exception from its message alone.
        super().__init__(message)
        self.reason = reason or message


@dataclass(frozen=True)
class Depth:
    """What the values of a deep image (more than 8 bits) reach: whole numbers or `floats`, from `low` to `high`."""

    floats: bool
    low: float
    high: float


@dataclass(frozen=True)
class Scale:
    """Which values of deep images become 0 and 255; `words` say it. One for whole numbers, one for floats."""

    low: float
    top: float
    words: str


Scales = Mapping[bool, Scale]


@dataclass(frozen=True)
class Examined:
    """What is known of an image once it was decoded.

    Attributes:
        pixels: 32 hexadecimal digits, the same for all files that show the same pixels, in whatever format.
        depth: what its values reach, where it is deep.
    """

    pixels: str
    depth: Depth | None


def open_image(
    source: str | os.PathLike[str] | IO[bytes], scales: Scales | None = None, *, examined: bool = False
) -> Image.Image:
    """Decode the whole image and return it as plain 8-bit RGB, upright as its EXIF orientation says.

    Grayscale, CMYK, palette and 16-bit images are converted (16 bits are scaled, not clipped),
    transparency is laid on white, and an animation gives its first frame.

    Args:
        source: a path, or a binary file open for reading.
        scales: how the values of a deep image are scaled, as `common_scales` finds for a whole dataset. Without it
            the image is a dataset by itself.
        examined: `examine_image` has found the file good before. Then it is not searched again for damage that
            decodes.

    Raises:
        ImageProblem: the file is missing, empty, not an image, truncated, damaged (as far as that can be seen: see
            `helpers.data.jpeg`), longer than `MAX_RATIO` times its width, or larger than `MAX_PIXELS` or `MAX_BYTES`.
            No other exception, and no warning, comes out of a bad file.
    """
    image = _decoded(source, examined)
    if image.mode == "RGB":
        return image
    values = _values(image)
    depth = _depth(values)
    scale = (scales or common_scales([depth]))[depth.floats]
    return Image.fromarray(_eight_bits(values, scale)).convert("RGB")


def examine_image(source: str | os.PathLike[str] | IO[bytes]) -> Examined:
    """Decode the whole image and say what identifies it. Raises ImageProblem as `open_image` does."""
    image = _decoded(source)
    if image.mode == "RGB":
        return Examined(_digest(image.mode, image.size, image.tobytes()), None)
    values = _values(image)
    return Examined(_digest(values.dtype.kind, image.size, values.tobytes()), _depth(values))


def file_digest(source: str | os.PathLike[str]) -> bytes:
    """16 bytes that change when those of the file do. Raises ImageProblem where it cannot be read."""
    return hashlib.blake2b(_content(source, _name(source)), digest_size=16).digest()


def common_scales(depths: Iterable[Depth]) -> dict[bool, Scale]:
    """One scale for all deep images of whole numbers (False), and one for all of floats (True), where there are any.

    Deep images do not say which range they use: a 12-bit scanner's file is stored in 16 bits, and would turn out
    black if it were divided by 257. So the lowest and the highest value of all of them decide together: the smallest
    of 8, 10, 12, 14 and 16 bits that holds them, 0 to 1 before these for floats. Anything else (negative, larger) is
    stretched from the lowest to the highest value.
    """
    depths = list(depths)
    return {
        floats: _scale(floats, min(d.low for d in depths if d.floats == floats), max(d.high for d in alike))
        for floats in (False, True)
        if (alike := [d for d in depths if d.floats == floats])
    }


def begins_like_an_image(head: bytes) -> bool:
    """Whether a file whose name does not say so may be an image, by its first `HEAD_BYTES` bytes."""
    return (
        head.startswith((b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n", b"GIF87a", b"GIF89a", *_TIFF_BYTES))
        or (head.startswith(b"RIFF") and head[8:12] == b"WEBP")
        or (head[4:8] == b"ftyp" and head[8:12] in (b"avif", b"avis", *_HEIC_BRANDS))
        or (head.startswith(b"BM") and head[6:10] == bytes(4))  # two letters begin a text as well; the zeros do not
    )


def _decoded(source: str | os.PathLike[str] | IO[bytes], examined: bool = False) -> Image.Image:
    """The whole image upright: RGB, or of one deep channel (modes I and F and their kin)."""
    name = _name(source)
    if name.lower().endswith(_RAW_SUFFIXES):  # Pillow takes some for TIFF, and gives their thumbnail
        raise _problem(name, "camera raw file")
    content = _content(source, name)
    try:
        with _strict_and_quiet(), Image.open(io.BytesIO(content), formats=_formats()) as image:
            _check_size(image, name)
            with _alone_if_large(image):
                image.load()
                if image.format in ("JPEG", "MPO"):
                    _check_jpeg(content, name, examined)
                return _upright(image)
    except ImageProblem:
        raise
    except Image.DecompressionBombError:
        raise _problem(name, f"too large: more than {MAX_PIXELS // 10**6} million pixels") from None
    except UnidentifiedImageError:
        raise _problem(name, _why_unidentified(content)) from None
    except Exception as error:  # Pillow's readers raise nearly anything on damaged bytes
        raise _problem(name, _why_undecoded(error)) from None


def _check_size(image: Image.Image, name: str) -> None:
    size = f"{image.width} x {image.height} pixels"
    if image.width * image.height > MAX_PIXELS:
        raise _problem(name, f"too large: {size}")
    if max(image.size) > MAX_RATIO * min(image.size):
        raise _problem(name, f"too narrow: {size}")


@contextmanager
def _alone_if_large(image: Image.Image) -> Iterator[None]:
    """One large image at a time: a small file can become one, and a thread for each core would fill the memory."""
    with _large if image.width * image.height > LARGE_PIXELS else nullcontext():
        yield


def _check_jpeg(content: bytes, name: str, examined: bool) -> None:
    if not jpeg_ends(content):
        raise _problem(name, "truncated")
    if not examined and is_damaged_inside(content):
        raise _problem(name, "damaged inside, though it decodes")


def _formats() -> list[str]:
    Image.init()
    return [name for name in _FORMATS if name in Image.OPEN]  # AVIF is missing from some builds


# ---- bytes -----------------------------------------------------------------------------------------


def _content(source: str | os.PathLike[str] | IO[bytes], name: str) -> bytes:
    try:
        if isinstance(source, (str, os.PathLike)):
            with Path(source).open("rb") as file:
                content = file.read(MAX_BYTES + 1)
        elif hasattr(source, "read"):
            content = source.read(MAX_BYTES + 1)
        else:
            raise _problem(name, f"not a path or an open file but {type(source).__name__}")
    except FileNotFoundError:
        raise _problem(name, "no such file") from None
    except (OSError, ValueError) as error:  # ValueError: a closed file, or a zero byte in a path
        raise _problem(name, f"unreadable ({one_line(getattr(error, 'strerror', None) or error)})") from None
    if not isinstance(content, bytes):
        raise _problem(name, "not a path or an open file of bytes")
    if len(content) > MAX_BYTES:
        raise _problem(name, f"too large: more than {MAX_BYTES // 10**6} MB")
    return content


# ---- conversion ------------------------------------------------------------------------------------


def _upright(image: Image.Image) -> Image.Image:
    turn = _UPRIGHT.get(_orientation(image))
    upright = image.copy() if _is_deep(image) else as_rgb(image)
    if turn is not None:
        upright = upright.transpose(turn)
    # Without this the orientation stays in `info`, and the next reader would turn the image again.
    upright.info.clear()
    return upright


def _is_deep(image: Image.Image) -> bool:
    return image.mode == "F" or image.mode.startswith("I")


def _orientation(image: Image.Image) -> int | None:
    try:
        return image.getexif().get(_ORIENTATION_TAG)
    except Exception:  # damaged EXIF next to good pixels: use the pixels as they are stored
        return None


def as_rgb(image: Image.Image) -> Image.Image:
    """The same image as RGB, what is transparent in it laid on white."""
    if image.has_transparency_data:
        rgba = image.convert("RGBA")
        return Image.alpha_composite(Image.new("RGBA", rgba.size, "white"), rgba).convert("RGB")
    return image.convert("RGB")


def _values(image: Image.Image) -> np.ndarray:
    """The values of a deep image: float64 of floats, int64 of whole numbers; what is no number is 0."""
    values = np.asarray(image)
    if values.dtype.kind == "f":
        return np.nan_to_num(values.astype(np.float64), nan=0.0, posinf=0.0, neginf=0.0)
    return values.astype(np.int64)


def _depth(values: np.ndarray) -> Depth:
    return Depth(values.dtype.kind == "f", float(values.min()), float(values.max()))


def _scale(floats: bool, low: float, high: float) -> Scale:
    if floats and low >= 0 and high <= 1:
        return Scale(0, 1, "0 to 1")
    bits = next((bits for bits in _BITS if low >= 0 and high <= 2**bits - 1), None)
    if bits:
        return Scale(0, 2**bits - 1, f"0 to {2**bits - 1:,} ({bits} bits)")
    return Scale(low, high if high > low else low + 1, f"{low:,.6g} to {high:,.6g} (lowest to highest)")


def _eight_bits(values: np.ndarray, scale: Scale) -> np.ndarray:
    """[h, w] values as uint8: `scale.low` becomes 0, `scale.top` 255."""
    return np.rint(np.clip((values - scale.low) / (scale.top - scale.low), 0, 1) * 255).astype(np.uint8)


def _digest(mode: str, size: tuple[int, int], pixels: bytes) -> str:
    return hashlib.blake2b(f"{mode} {size} ".encode() + pixels, digest_size=16).hexdigest()


# ---- Pillow's process-wide settings ----------------------------------------------------------------

_settings = threading.Lock()
_large = threading.Lock()
_readers = 0
_restore: list[object] = []


@contextmanager
def _strict_and_quiet() -> Iterator[None]:
    """Refuse truncated files and silence Pillow's warnings while any thread reads an image.

    Both are process-wide settings. `LOAD_TRUNCATED_IMAGES = True`, a popular remedy that other code
    may have applied, fills the missing part with gray. The first reader in sets them and the last
    one out restores them, because `warnings.catch_warnings` alone is not safe between threads.
    """
    global _readers
    with _settings:
        _readers += 1
        if _readers == 1:
            caught = warnings.catch_warnings()
            caught.__enter__()
            warnings.simplefilter("ignore")
            _restore[:] = [caught, ImageFile.LOAD_TRUNCATED_IMAGES]
            ImageFile.LOAD_TRUNCATED_IMAGES = False
    try:
        yield
    finally:
        with _settings:
            _readers -= 1
            if _readers == 0:
                caught, ImageFile.LOAD_TRUNCATED_IMAGES = _restore
                caught.__exit__(None, None, None)


# ---- reasons ---------------------------------------------------------------------------------------


def _name(source: str | os.PathLike[str] | IO[bytes]) -> str:
    if isinstance(source, (str, os.PathLike)):
        return one_line(os.fspath(source))
    return one_line(getattr(source, "name", "the image"))


# How a reason begins, and what to do about it.
_CURES = {
    "too large": f"make it smaller (at most {MAX_PIXELS // 10**6} million pixels and {MAX_BYTES // 10**6} MB)",
    "too narrow": f"cut or pad it until it is at most {MAX_RATIO} times as long as wide",
    "no such file": "check the path",
    "not a path": "check the path",
    "unreadable": "check that it is a file that you may read",
    "HEIC": "save it as JPEG",  # Pillow has no decoder for it
    "camera raw": "save it as JPEG",
    "TIFF": "save it as gray or RGB, with 8 or 16 bits a channel",
}


def _problem(name: str, reason: str) -> ImageProblem:
    cures = [cure for beginning, cure in _CURES.items() if reason.startswith(beginning)]
    cure = cures[0] if cures else "save it again from the original, or delete it"
    return ImageProblem(f"cannot use {name}: {reason}; {cure}", reason)


def _why_unidentified(content: bytes) -> str:
    if not content:
        return "empty file"
    if content[4:8] == b"ftyp" and content[8:12] in _HEIC_BRANDS:
        return "HEIC photo"
    unread = _unread_tiff(content) if content.startswith(_TIFF_BYTES) else None
    return unread or ("truncated or damaged" if content.startswith(_FIRST_BYTES) else "not an image")


def _unread_tiff(content: bytes) -> str | None:
    """What a whole TIFF holds that Pillow has no mode for, such as "TIFF with 5 channels of 8 bits"; None if cut."""
    file = io.BytesIO(content)
    try:
        with _strict_and_quiet():
            tags = TiffImagePlugin.ImageFileDirectory_v2(file.read(16 if b"+" in content[2:4] else 8))  # 16: BigTIFF
            file.seek(tags.next)
            tags.load(file)
        channels = int(tags.get(TiffImagePlugin.SAMPLESPERPIXEL, 1))
        bits = max(tags.get(TiffImagePlugin.BITSPERSAMPLE, (1,)))
        kind = max(tags.get(TiffImagePlugin.SAMPLEFORMAT, (1,)))
        ends = [a + n for a, n in zip(_numbers(tags, 273, 324), _numbers(tags, 279, 325), strict=True)]
    except Exception:  # damaged bytes make the reader of tags raise anything, too
        return None
    if not ends or max(ends) > len(content):
        return None
    values = {3: " floats", 5: " complex numbers", 6: " complex numbers"}.get(kind, "")
    return f"TIFF with {channels} channel{'s' * (channels > 1)} of {bits}{'-bit' if values else ' bits'}{values}"


def _numbers(tags: TiffImagePlugin.ImageFileDirectory_v2, strips: int, tiles: int) -> tuple[int, ...]:
    """The tag of strips, or that of tiles where the image is stored in tiles."""
    return tuple(tags.get(strips) or tags.get(tiles) or ())


def _why_undecoded(error: Exception) -> str:
    words = one_line(error)[:200] or type(error).__name__
    cut = ("truncat", "broken data stream", "unexpected end", "premature")
    return "truncated" if any(sign in words.lower() for sign in cut) else f"damaged ({words})"
