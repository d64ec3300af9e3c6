"""Any picture that a person may have, as the RGB image that a network expects, or the reason why not."""

from __future__ import annotations

import io
import os
import threading
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

import numpy as np
from PIL import Image, ImageFile, UnidentifiedImageError

from helpers.errors import CourseError

# 120 million pixels take 360 MB as RGB: more than any common camera makes, less than a laptop's memory.
MAX_PIXELS = 120_000_000
MAX_BYTES = 1_000_000_000

HEIC_SUFFIXES = (".heic", ".heif")
IMAGE_SUFFIXES = (
    *(".jpg", ".jpeg", ".jfif", ".png", ".gif", ".bmp", ".tif", ".tiff", ".webp", ".avif", ".ppm", ".pgm"),
    # Pillow cannot read these. They count as photos so that a folder from a phone gets an answer, not silence.
    *HEIC_SUFFIXES,
)

# Only formats that hold photos. Pillow knows forty more, and one of them (EPS) starts another program.
_FORMATS = ("JPEG", "PNG", "GIF", "BMP", "TIFF", "WEBP", "AVIF", "PPM")
_FIRST_BYTES = (b"\xff\xd8\xff", b"\x89PNG", b"GIF8", b"II*\0", b"MM\0*", b"RIFF")

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


def open_image(source: str | os.PathLike[str] | IO[bytes]) -> Image.Image:
    """Decode the whole image and return it as plain 8-bit RGB, upright as its EXIF orientation says.

    Grayscale, CMYK, palette and 16-bit images are converted (16 bits are scaled, not clipped),
    transparency is laid on white, and an animation gives its first frame.

    Args:
        source: a path, or a binary file open for reading.

    Raises:
        ImageProblem: the file is missing, empty, not an image, truncated, damaged, or larger than
            `MAX_PIXELS` or `MAX_BYTES`. No other exception, and no warning, comes out of a bad file.
    """
    name = _name(source)
    content = _content(source, name)
    try:
        with _strict_and_quiet(), Image.open(io.BytesIO(content), formats=_formats()) as image:
            pixels = image.width * image.height
            if pixels > MAX_PIXELS:
                raise _problem(name, f"too large: {image.width} x {image.height} pixels")
            image.load()
            if image.format in ("JPEG", "MPO") and not _jpeg_ends(content):
                raise _problem(name, "truncated")
            return _upright_rgb(image)
    except ImageProblem:
        raise
    except Image.DecompressionBombError:
        raise _problem(name, f"too large: more than {MAX_PIXELS // 10**6} million pixels") from None
    except UnidentifiedImageError:
        raise _problem(name, _why_unidentified(content)) from None
    except Exception as error:  # Pillow's readers raise nearly anything on damaged bytes
        raise _problem(name, _why_undecoded(error)) from None


def one_line(text: object) -> str:
    """The text with every run of white space as one space: a file name may hold a line break."""
    return " ".join(str(text).split())


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


def _jpeg_ends(content: bytes) -> bool:
    """Whether an end mark follows the start of the picture's data.

    A download that broke off may leave a file of full length whose rest is zeros, and the decoder
    makes gray of them. A preview in the header has an end mark of its own, so the header is passed over.
    """
    at = 2
    while content[at : at + 1] == b"\xff" and content[at + 1 : at + 2] != b"\xda":
        at += 2 + int.from_bytes(content[at + 2 : at + 4], "big")
    return content.rfind(b"\xff\xd9") > at


# ---- conversion ------------------------------------------------------------------------------------


def _upright_rgb(image: Image.Image) -> Image.Image:
    turn = _UPRIGHT.get(_orientation(image))
    rgb = _rgb(image)
    if turn is not None:
        rgb = rgb.transpose(turn)
    # Without this the orientation stays in `info`, and the next reader would turn the image again.
    rgb.info.clear()
    return rgb


def _orientation(image: Image.Image) -> int | None:
    try:
        return image.getexif().get(_ORIENTATION_TAG)
    except Exception:  # damaged EXIF next to good pixels: use the pixels as they are stored
        return None


def _rgb(image: Image.Image) -> Image.Image:
    if image.mode == "F" or image.mode.startswith("I"):
        return Image.fromarray(_eight_bits(np.asarray(image))).convert("RGB")
    if image.has_transparency_data:
        rgba = image.convert("RGBA")
        return Image.alpha_composite(Image.new("RGBA", rgba.size, "white"), rgba).convert("RGB")
    return image.convert("RGB")


def _eight_bits(values: np.ndarray) -> np.ndarray:
    """Scale [h, w] integers or floats to uint8 by the smallest usual range that holds them all.

    Deep images do not say which range they use: a 12-bit scanner's file is stored in 16 bits, and
    would turn out black if it were divided by 257. So the values decide: [0, 1] for floats, then 8,
    12 and 16 bits. Anything else (negative, larger) is stretched from its own lowest to its highest.
    """
    scaled = np.nan_to_num(values.astype(np.float64), nan=0.0, posinf=0.0, neginf=0.0)
    low, high = float(scaled.min()), float(scaled.max())
    usual = ((1.0,) if values.dtype.kind == "f" else ()) + (255.0, 4095.0, 65535.0)
    top = next((limit for limit in usual if low >= 0 and high <= limit), None)
    if top is None:
        scaled, top = scaled - low, max(high - low, np.finfo(np.float64).tiny)
    return np.rint(np.clip(scaled / top, 0, 1) * 255).astype(np.uint8)


# ---- Pillow's process-wide settings ----------------------------------------------------------------

_settings = threading.Lock()
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


def _problem(name: str, reason: str) -> ImageProblem:
    if reason.startswith("too large"):
        cure = f"make it smaller (at most {MAX_PIXELS // 10**6} million pixels and {MAX_BYTES // 10**6} MB)"
    elif reason.startswith(("no such file", "not a path")):
        cure = "check the path"
    elif reason.startswith("unreadable"):
        cure = "check that it is a file that you may read"
    elif reason.startswith("HEIC"):
        cure = "save it as JPEG"  # Pillow has no decoder for it
    else:
        cure = "save it again from the original, or delete it"
    return ImageProblem(f"cannot use {name}: {reason}; {cure}", reason)


def _why_unidentified(content: bytes) -> str:
    if not content:
        return "empty file"
    if content[4:8] == b"ftyp" and content[8:12] in (b"heic", b"heix", b"hevc", b"mif1", b"msf1"):
        return "HEIC photo"
    return "truncated or damaged" if content.startswith(_FIRST_BYTES) else "not an image"


def _why_undecoded(error: Exception) -> str:
    words = one_line(error)[:200] or type(error).__name__
    cut = ("truncat", "broken data stream", "unexpected end", "premature")
    return "truncated" if any(sign in words.lower() for sign in cut) else f"damaged ({words})"
