"""Whatever lies in a person's folder: it works, or it is named with its reason, in one line with the cure."""

from __future__ import annotations

import io
import itertools
import os
import pickle
import struct
import threading
import warnings
import zlib
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageFile

from helpers.data import folders, load_dataset
from helpers.data.images import ImageProblem, open_image
from helpers.errors import CourseError

_NUMBERS = itertools.count()

CURES = ("cut or pad it", "add ", "give ", "check ", "save it", "make it smaller", "remove ", "ask for", "use ", "set ")

pytestmark = pytest.mark.filterwarnings("error")


@pytest.fixture(autouse=True)
def own_cache(tmp_path_factory, monkeypatch):
    monkeypatch.setenv("COURSE_CACHE", str(tmp_path_factory.mktemp("cache")))


def scene(width=60, height=40) -> Image.Image:
    """Red on the left and blue on the right, white at the top: turned or cut shows."""
    pixels = np.zeros((height, width, 3), np.uint8)
    pixels[:, : width // 2] = (220, 30, 30)
    pixels[:, width // 2 :] = (30, 30, 220)
    pixels[: height // 4] = 255
    return Image.fromarray(pixels)


def noise(width=160, height=120) -> Image.Image:
    return Image.fromarray(np.random.default_rng(0).integers(0, 256, (height, width, 3), dtype=np.uint8))


def encoded(image: Image.Image, kind="JPEG", **options) -> bytes:
    file = io.BytesIO()
    image.save(file, kind, **options)
    return file.getvalue()


def good_dataset(root: Path, **counts: int) -> Path:
    for name, count in (counts or {"ants": 4, "bees": 4}).items():
        (root / name).mkdir(parents=True, exist_ok=True)
        for i in range(count):
            scene(60 + next(_NUMBERS)).save(root / name / f"good{i}.jpg")  # no two alike: copies are left out
    return root


def refusal(call, *causes: str) -> CourseError:
    """The CourseError of the call, after its message was held to: one line, cause and cure."""
    with pytest.raises(CourseError) as caught:
        call()
    message = str(caught.value)
    assert "\n" not in message and len(message) < 600
    assert all(cause in message for cause in causes), message
    assert any(cure in message for cure in CURES), f"no cure in: {message}"
    return caught.value


def near(image: Image.Image, x: float, y: float, colour: tuple[int, int, int], within=25) -> bool:
    pixel = image.getpixel((int(x * (image.width - 1)), int(y * (image.height - 1))))
    return all(abs(a - b) <= within for a, b in zip(pixel, colour, strict=True))


# ---- folders ---------------------------------------------------------------------------------------


def test_a_missing_folder(tmp_path):
    refusal(lambda: load_dataset(tmp_path / "none"), "none", "no such folder")
    refusal(lambda: folders.load_folder(tmp_path / "none"), "no folder")


def test_an_empty_folder(tmp_path):
    refusal(lambda: load_dataset(tmp_path), "nothing in it", "one folder a class")


def test_a_folder_with_files_only(tmp_path):
    scene().save(tmp_path / "a.jpg")
    refusal(lambda: load_dataset(tmp_path), "1 photo but no class folders", "one folder a class")
    (tmp_path / "a.jpg").rename(tmp_path / "labels.csv")
    (tmp_path / "labels.csv").write_text("a,b")
    refusal(lambda: load_dataset(tmp_path), "files but no class folders", "one folder a class")


def test_a_file_instead_of_a_folder(tmp_path):
    (tmp_path / "photos.zip").write_bytes(b"PK")
    refusal(lambda: load_dataset(tmp_path / "photos.zip"), "is a file, not a folder", "unpack it")


def test_one_class(tmp_path):
    refusal(lambda: load_dataset(good_dataset(tmp_path, ants=5)), "one class folder only (ants)")


def test_one_class_in_train_and_val(tmp_path):
    good_dataset(tmp_path, **{"train/ants": 5, "val/ants": 2})
    refusal(lambda: load_dataset(tmp_path), "one class folder only (ants)")


@pytest.mark.parametrize("count", [0, 1, 2])
def test_a_class_with_too_few_photos_is_named(tmp_path, count):
    good_dataset(tmp_path, ants=5, bees=count)
    words = f"class 'bees' has {count} usable photo{'' if count == 1 else 's'}"
    refusal(lambda: load_dataset(tmp_path), words, "at least 3")


def test_train_needs_two_photos_a_class_and_val_one(tmp_path):
    good_dataset(tmp_path / "x", **{"train/ants": 1, "train/bees": 2, "val/ants": 1, "val/bees": 1})
    refusal(lambda: load_dataset(tmp_path / "x"), "'ants' has 1 usable photo", "at least 2")
    good_dataset(tmp_path / "y", **{"train/ants": 2, "train/bees": 2, "val/ants": 0, "val/bees": 1})
    refusal(lambda: load_dataset(tmp_path / "y"), "'ants' has 0 usable photos", "at least 1")


def test_a_class_whose_photos_are_all_bad(tmp_path):
    good_dataset(tmp_path, ants=5, bees=0)
    for i in range(4):
        (tmp_path / "bees" / f"{i}.jpg").write_bytes(b"no photo")
    refusal(lambda: load_dataset(tmp_path), "'bees' has 0 usable photos", "4 unusable", "not an image")


def test_classes_that_differ_between_the_parts(tmp_path):
    good_dataset(tmp_path, **{"train/ants": 3, "train/bees": 3, "val/ants": 1, "val/wasps": 1})
    refusal(lambda: load_dataset(tmp_path), "val/ lacks bees", "train/ lacks wasps")


def test_train_without_val(tmp_path):
    good_dataset(tmp_path, **{"train/ants": 3, "train/bees": 3})
    refusal(lambda: load_dataset(tmp_path), "train/ but no val/")


@pytest.mark.parametrize("blocked", ["zoo", "bees"])
def test_an_unreadable_folder(tmp_path, monkeypatch, blocked):
    """scandir is replaced because the tests may run as root, who may read everything."""
    good_dataset(tmp_path / "zoo")
    scandir = os.scandir

    def guarded(path):
        if Path(path).name == blocked:
            raise PermissionError(13, "Permission denied", str(path))
        return scandir(path)

    monkeypatch.setattr(folders.os, "scandir", guarded)
    refusal(lambda: load_dataset(tmp_path / "zoo"), f"cannot read the folder {tmp_path}", "Permission denied")


def test_a_cache_that_cannot_be_written(tmp_path, monkeypatch):
    monkeypatch.setenv("COURSE_CACHE", str(tmp_path / "cache"))
    (tmp_path / "cache").mkdir()
    (tmp_path / "cache" / "verified_photos").write_text("in the way")
    refusal(lambda: load_dataset(good_dataset(tmp_path / "zoo")), "cannot write to the cache", "COURSE_CACHE")


# ---- bad files among good ones ---------------------------------------------------------------------


def huge_png(side: int) -> bytes:
    def chunk(kind: bytes, content: bytes) -> bytes:
        return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))

    header = struct.pack(">IIBBBBB", side, side, 8, 2, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(b"\0" * 99)) + chunk(b"IEND", b"")
    )


def flipped(content: bytes) -> bytes:
    middle = len(content) // 2
    return content[:middle] + bytes(b ^ 0xFF for b in content[middle : middle + 64]) + content[middle + 64 :]


def with_preview(content: bytes) -> bytes:
    """A JPEG with a small JPEG in its header, as cameras write it."""
    preview = b"JFXX\0\x10" + encoded(scene(16, 12))
    return content[:2] + b"\xff\xe0" + struct.pack(">H", len(preview) + 2) + preview + content[2:]


BAD = {
    "cut.jpg": (encoded(noise())[:-3000], "truncated"),
    "cut in the header.jpg": (encoded(noise())[:200], "truncated"),
    "cut progressive.jpg": (encoded(noise(), progressive=True)[:-3000], "truncated"),
    "rest is zeros.jpg": (encoded(noise())[:-3000] + b"\0" * 3000, "truncated"),
    "preview and zeros.jpg": (with_preview(encoded(noise()))[:-3000] + b"\0" * 3000, "truncated"),
    "cut.png": (encoded(noise(), "PNG")[:-3000], "truncated"),
    "cut.webp": (encoded(noise(), "WEBP")[:-3000], "damaged"),
    "cut.gif": (encoded(noise(), "GIF")[:-3000], "truncated"),
    "flipped.png": (flipped(encoded(noise(), "PNG")), "damaged"),
    "text.jpg": (b"This is no photo.\n" * 40, "not an image"),
    "page.jpeg": (b"<!DOCTYPE html><title>404</title>", "not an image"),
    "empty.png": (b"", "empty file"),
    "huge.png": (huge_png(60_000), "too large"),  # Pillow refuses it
    "large.png": (huge_png(12_000), "too large: 12000 x 12000"),  # Pillow only warns
    "phone.heic": (b"\0\0\0\x18ftypheic\0\0\0\0mif1heic", "HEIC"),
    "drawing.png": (b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n", "not an image"),
}


@pytest.mark.parametrize("name", BAD)
def test_a_bad_file_has_its_reason(tmp_path, name):
    content, reason = BAD[name]
    (tmp_path / name).write_bytes(content)
    error = refusal(lambda: open_image(tmp_path / name), name, reason)
    assert isinstance(error, ImageProblem) and error.reason.startswith(reason)
    error = refusal(lambda: open_image(io.BytesIO(content)), reason)
    assert isinstance(error, ImageProblem)


def test_bad_files_among_good_ones_are_skipped_and_reported(tmp_path):
    root = good_dataset(tmp_path / "zoo")
    for name, (content, _) in BAD.items():
        (root / "bees" / name).write_bytes(content)
    for _ in range(2):  # the second time from the record of good files
        splits = load_dataset(root)
        assert {skip.path.name for skip in splits.skipped} == set(BAD)
        for skip in splits.skipped:
            assert skip.reason.startswith(BAD[skip.path.name][1]) and "\n" not in skip.reason
        assert sum(map(len, (splits.train, splits.val, splits.test))) == 8
    assert f"skipped: {len(BAD)}" in splits.summary() and "truncated: bees/cut in the header.jpg" in splits.summary()


def test_a_file_that_was_repaired_is_back(tmp_path):
    root = good_dataset(tmp_path / "zoo")
    (root / "bees" / "good0.jpg").write_bytes(b"")
    assert len(load_dataset(root).skipped) == 1
    scene(30).save(root / "bees" / "good0.jpg")
    assert load_dataset(root).skipped == []


def test_a_file_that_goes_bad_after_loading_says_so_when_it_is_read(tmp_path):
    train = load_dataset(good_dataset(tmp_path / "zoo")).train
    train.source.photos[0].path.write_bytes(b"gone")
    error = refusal(lambda: train[0], "not an image")
    train.source.photos[0].path.unlink()
    refusal(lambda: train[0], "no such file")
    again = pickle.loads(pickle.dumps(error))
    assert type(again) is ImageProblem and again.reason == error.reason and str(again) == str(error)
    assert type(error)(str(error)).reason, "PyTorch rebuilds a worker's exception from its message"


def test_links_to_nowhere_to_themselves_and_in_a_circle(tmp_path):
    root = good_dataset(tmp_path / "zoo")
    try:
        (root / "bees" / "self.jpg").symlink_to(root / "bees" / "self.jpg")
    except OSError:
        pytest.skip("this system does not let the tests make links")
    (root / "bees" / "nowhere.jpg").symlink_to(root / "none.jpg")
    (root / "bees" / "circle").symlink_to(root / "bees", target_is_directory=True)
    (root / "loop").symlink_to(root / "loop")
    splits = load_dataset(root)
    assert splits.classes == ["ants", "bees"]
    assert {skip.path.name for skip in splits.skipped} == {"self.jpg", "nowhere.jpg", "circle", "loop"}
    assert sum(map(len, (splits.train, splits.val, splits.test))) == 8


def test_names_with_spaces_signs_and_line_breaks(tmp_path):
    root = good_dataset(tmp_path / "mein Zoo 🐝", **{"große Bienen": 2, "蚂蚁": 4})
    scene().save(root / "große Bienen" / "ein Bild (1) ü.JPG", "JPEG")
    names = ["bad photo 🐝.jpg"] + (["two\nlines.jpg"] if os.name != "nt" else [])
    for name in names:
        (root / "große Bienen" / name).write_bytes(b"")
    splits = load_dataset(root)
    assert splits.name == "mein Zoo 🐝" and splits.classes == ["große Bienen", "蚂蚁"]
    assert "ein Bild (1) ü.JPG" in splits.train.names + splits.val.names + splits.test.names
    assert len(splits.skipped) == len(names) and len(splits.summary().splitlines()) == 7
    assert len(splits.train.fingerprint) == 32


# ---- pictures of every kind ------------------------------------------------------------------------


def opened(tmp_path: Path, image: Image.Image, name: str, **options) -> Image.Image:
    image.save(tmp_path / name, **options)
    result = open_image(tmp_path / name)
    assert type(result) is Image.Image and result.mode == "RGB"
    return result


def test_gray(tmp_path):
    result = opened(tmp_path, scene().convert("L"), "gray.jpg")
    assert near(result, 0, 0, (255, 255, 255)) and near(result, 0.9, 0.9, (52, 52, 52))


def test_cmyk(tmp_path):
    result = opened(tmp_path, scene().convert("CMYK"), "cmyk.jpg")
    assert near(result, 0.1, 0.9, (220, 30, 30)) and near(result, 0.9, 0.9, (30, 30, 220))


@pytest.mark.parametrize("mode", ["RGBA", "LA", "P", "PA", "RGB", "L", "1"])
def test_transparency_is_laid_on_white(tmp_path, mode):
    see_through = Image.new("RGBA", (40, 40), (0, 0, 0, 0))
    see_through.paste((90, 90, 90, 255), (20, 0, 40, 40))
    options = {}
    if mode == "P":
        image = see_through.convert("RGB").quantize(8)
        options["transparency"] = bytes([0 if c == image.getpixel((0, 0)) else 255 for c in range(8)])
    elif mode in ("RGB", "L", "1"):
        image = see_through.convert("RGB").convert(mode, dither=Image.Dither.NONE)
        options["transparency"] = (0, 0, 0) if mode == "RGB" else 0
    else:
        image = see_through.convert(mode)
    kind = "tif" if mode == "PA" else "png"
    result = opened(tmp_path, image, f"see-through.{kind}", **options)
    assert near(result, 0.1, 0.5, (255, 255, 255), within=0)
    if mode != "1":  # black and white: everything is the transparent black
        assert near(result, 0.9, 0.5, (90, 90, 90), within=1)


def test_half_transparent_red_on_white_is_pink(tmp_path):
    result = opened(tmp_path, Image.new("RGBA", (9, 9), (255, 0, 0, 128)), "half.png")
    assert near(result, 0.5, 0.5, (255, 127, 127), within=2)


def test_one_pixel(tmp_path):
    result = opened(tmp_path, Image.new("RGB", (1, 1), (10, 20, 30)), "dot.png")
    assert result.size == (1, 1) and result.getpixel((0, 0)) == (10, 20, 30)


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        (np.array([[0, 32768, 65535]], np.uint16), [0, 128, 255]),
        (np.array([[0, 2048, 4095]], np.uint16), [0, 128, 255]),  # a 12-bit scanner
        (np.array([[0, 511, 1023]], np.uint16), [0, 127, 255]),  # 10 bits
        (np.array([[0, 8192, 16383]], np.uint16), [0, 128, 255]),  # 14 bits
        (np.array([[0, 128, 255]], np.uint16), [0, 128, 255]),  # 8 bits in a 16-bit file
        (np.array([[0, 50_000, 100_000]], np.int32), [0, 128, 255]),
        (np.array([[-100, 0, 100]], np.int32), [0, 128, 255]),
        (np.array([[7, 7, 7]], np.int32), [7, 7, 7]),
        (np.array([[0, 0.5, 1]], np.float32), [0, 128, 255]),
        (np.array([[0, 128, 255]], np.float32), [0, 128, 255]),
        (np.array([[-1, 0, 1]], np.float32), [0, 128, 255]),
        (np.array([[np.nan, 1, np.inf]], np.float32), [0, 255, 0]),
        (np.array([[-5, -5, -5]], np.float32), [0, 0, 0]),
    ],
)
def test_deep_images_are_scaled_and_not_clipped(tmp_path, values, expected):
    result = opened(tmp_path, Image.fromarray(values), "deep.tif")
    assert np.allclose(np.asarray(result)[0, :, 0], expected, atol=1)
    assert np.ptp(np.asarray(result), axis=2).max() == 0


def test_sixteen_bit_png(tmp_path):
    ramp = np.linspace(0, 65535, 256).astype(np.uint16).reshape(16, 16)
    gray = np.asarray(opened(tmp_path, Image.fromarray(ramp), "deep.png"))[..., 0]
    assert abs(gray.mean() - 127.5) < 1 and (gray == 255).mean() < 0.02


@pytest.mark.parametrize("orientation", range(1, 9))
def test_the_orientation_of_the_camera_is_honoured(tmp_path, orientation):
    undo = {
        2: Image.Transpose.FLIP_LEFT_RIGHT,
        3: Image.Transpose.ROTATE_180,
        4: Image.Transpose.FLIP_TOP_BOTTOM,
        5: Image.Transpose.TRANSPOSE,
        6: Image.Transpose.ROTATE_90,
        7: Image.Transpose.TRANSVERSE,
        8: Image.Transpose.ROTATE_270,
    }
    upright = scene(64, 48)
    stored = upright.transpose(undo[orientation]) if orientation in undo else upright
    exif = Image.Exif()
    exif[0x0112] = orientation
    for name in ("turned.jpg", "turned.png", "turned.webp", "turned.tif"):
        result = opened(tmp_path, stored, name, exif=exif)
        assert result.size == (64, 48), name
        assert near(result, 0.1, 0.05, (255, 255, 255)), name
        assert near(result, 0.1, 0.9, (220, 30, 30)) and near(result, 0.9, 0.9, (30, 30, 220)), name
        assert not result.getexif().get(0x0112), "the next reader would turn it again"


def test_damaged_exif_does_not_cost_the_photo(tmp_path):
    content = encoded(scene(), exif=b"Exif\0\0MM\0*\0\0\0\x08\xff\xff" + b"\xff" * 40)
    assert open_image(io.BytesIO(content)).size == (60, 40)


def test_a_preview_in_the_header_and_bytes_after_the_end_do_no_harm():
    assert open_image(io.BytesIO(with_preview(encoded(noise())))).size == (160, 120)
    assert open_image(io.BytesIO(encoded(noise()) + b"\0" * 500)).size == (160, 120)


def test_an_animation_gives_its_first_frame(tmp_path):
    frames = [Image.new("RGB", (8, 8), colour) for colour in ("red", "lime", "blue")]
    result = opened(tmp_path, frames[0], "moving.gif", save_all=True, append_images=frames[1:])
    assert near(result, 0.5, 0.5, (255, 0, 0))


def test_all_kinds_together_make_a_dataset(tmp_path):
    root = good_dataset(tmp_path)
    scene(50).convert("L").save(root / "ants" / "gray.png")
    scene(50).convert("CMYK").save(root / "ants" / "cmyk.jpg")
    scene(50).quantize(8).save(root / "ants" / "palette.gif")
    Image.new("RGB", (1, 1)).save(root / "ants" / "dot.png")
    Image.fromarray(np.arange(256, dtype=np.uint16).reshape(16, 16) * 257).save(root / "ants" / "deep.png")
    splits = load_dataset(root)
    assert splits.skipped == [] and sum(len(p) for p in (splits.train, splits.val, splits.test)) == 13
    assert all(image.mode == "RGB" for p in (splits.train, splits.val, splits.test) for image, _ in p)


@pytest.mark.parametrize("wrong", [None, 3, b"bytes", ["a.jpg"], io.StringIO("text")])
def test_what_is_no_path(wrong):
    refusal(lambda: open_image(wrong), "not a path or an open file")


# ---- Pillow's process-wide settings ----------------------------------------------------------------


@pytest.mark.parametrize("name", ["cut.jpg", "cut.png", "cut.gif", "rest is zeros.jpg"])
def test_the_popular_remedy_for_truncated_files_does_not_let_gray_through(monkeypatch, name):
    monkeypatch.setattr(ImageFile, "LOAD_TRUNCATED_IMAGES", True)
    refusal(lambda: open_image(io.BytesIO(BAD[name][0])), "truncated")
    assert ImageFile.LOAD_TRUNCATED_IMAGES is True, "the setting belongs to the person"


def test_threads_leave_the_settings_as_they_were():
    before = list(warnings.filters)
    contents = [BAD["cut.jpg"][0], encoded(scene()), encoded(noise())] * 20
    barrier = threading.Barrier(4)

    def read(content):
        try:
            return open_image(io.BytesIO(content)).mode
        except ImageProblem as problem:
            return problem.reason

    with ThreadPoolExecutor(4, initializer=barrier.wait) as pool:
        assert list(pool.map(read, contents)) == ["truncated", "RGB", "RGB"] * 20
    assert list(warnings.filters) == before and ImageFile.LOAD_TRUNCATED_IMAGES is False


# ---- anything at all -------------------------------------------------------------------------------


def image_or_problem(content: bytes) -> Image.Image | None:
    try:
        image = open_image(io.BytesIO(content))
    except ImageProblem as problem:
        assert problem.reason and "\n" not in str(problem)
        return None
    assert type(image) is Image.Image and image.mode == "RGB" and min(image.size) >= 1
    return image


FIRST_BYTES = [b"", b"\xff\xd8\xff\xe0", b"\x89PNG\r\n\x1a\n", b"GIF89a", b"BM", b"II*\0", b"MM\0*", b"P6 ", b"RIFF"]


@settings(deadline=None)  # the machine may be busy
@given(st.sampled_from(FIRST_BYTES), st.binary(max_size=400))
def test_random_bytes_are_an_image_or_a_problem(head, tail):
    image_or_problem(head + tail)


@settings(deadline=None)  # the machine may be busy
@given(st.integers(0, len(encoded(noise())) - 3))
def test_a_jpeg_cut_anywhere_is_a_problem(length):
    assert image_or_problem(encoded(noise())[:length]) is None


Image.init()
SAMPLES = {
    kind: encoded(scene(24, 18), kind)
    for kind in ("JPEG", "PNG", "GIF", "BMP", "TIFF", "WEBP", "PPM", "AVIF")
    if kind in Image.SAVE
}


@settings(deadline=None)  # the machine may be busy
@given(st.sampled_from(sorted(SAMPLES)), st.data())
def test_files_with_bytes_changed_are_an_image_or_a_problem(kind, data):
    content = bytearray(SAMPLES[kind])
    for _ in range(data.draw(st.integers(1, 6))):
        content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    image_or_problem(bytes(content[: data.draw(st.integers(1, len(content)))]))


# ---- names that do not say what is in the file -----------------------------------------------------


def shown_by_content(kind: str, **options) -> bytes:
    return encoded(noise(40 + next(_NUMBERS), 30), kind, **options)


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("photo{}.jpg?w=600", "JPEG"),
        ("EB{}.jpg_large", "JPEG"),
        ("EB{}.jpg-large", "JPEG"),
        ("old{}.jpe", "JPEG"),
        ("no suffix {}", "PNG"),
        ("{}.image", "WEBP"),
        ("{}.dat", "GIF"),
        ("{}.bin", "BMP"),
        ("{}.gtiff", "TIFF"),
        ("{}.txt", "AVIF"),
    ],
)
def test_a_photo_is_known_by_its_content(tmp_path, name, kind):
    if kind not in Image.SAVE:
        pytest.skip(f"this build of Pillow does not write {kind}")
    root = good_dataset(tmp_path / "zoo")
    for i in range(20):
        (root / "bees" / name.format(i)).write_bytes(shown_by_content(kind))
    splits = load_dataset(root)
    assert splits.skipped == [] and sum(map(len, (splits.train, splits.val, splits.test))) == 28
    assert all(image.mode == "RGB" for image, _ in splits.train)


@pytest.mark.parametrize(
    ("name", "content", "reason"),
    [
        ("{}.heic", BAD["phone.heic"][0], "HEIC photo"),
        ("{}.jpg_large", BAD["phone.heic"][0], "HEIC photo"),
        ("{}.dng", b"II*\0" + bytes(90), "camera raw file"),
        ("{}.CR2", b"II*\0" + bytes(90), "camera raw file"),
        ("{}.svg", b"<svg xmlns='http://www.w3.org/2000/svg'/>", "no image (.svg)"),
        ("{}.pdf", b"%PDF-1.7", "no image (.pdf)"),
        ("{}.mp4", b"\0\0\0\x18ftypmp42", "no image (.mp4)"),
        ("BMW and others {}.txt", b"BMW and others", "no image (.txt)"),
        ("page {}", b"<!DOCTYPE html>", "no image (no suffix)"),
        ("{}.jpg?w=600", b"<!DOCTYPE html>", "no image (.jpg?w=600)"),
        ("cut{}", encoded(noise())[:-3000], "truncated"),
    ],
)
def test_files_that_are_not_read_are_counted_by_kind(tmp_path, name, content, reason):
    root = good_dataset(tmp_path / "zoo")
    for i in range(20):
        (root / "bees" / name.format(i)).write_bytes(content)
    splits = load_dataset(root)
    assert {skip.reason for skip in splits.skipped} == {reason} and len(splits.skipped) == 20
    assert f"skipped: 20\n  20 {reason}: bees/" in splits.summary()


def test_a_camera_raw_file_is_no_photo_though_pillow_reads_its_thumbnail(tmp_path):
    (tmp_path / "a.dng").write_bytes(encoded(scene(), "TIFF"))
    refusal(lambda: open_image(tmp_path / "a.dng"), "camera raw file", "save it as JPEG")


def test_a_pipe_is_no_photo_and_is_not_waited_for(tmp_path):
    if not hasattr(os, "mkfifo"):
        pytest.skip("this system has no named pipes")
    root = good_dataset(tmp_path / "zoo")
    os.mkfifo(root / "bees" / "pipe.jpg")
    assert [(s.path.name, s.reason) for s in load_dataset(root).skipped] == [("pipe.jpg", "unreadable (not a file)")]


# ---- deep images: one scale for all ----------------------------------------------------------------


def deep_dataset(root: Path, brightest: list[int | float], dtype=np.uint16) -> Path:
    """One deep image for each value: black on the left and the value on the right."""
    for name in ("ants", "bees"):
        (root / name).mkdir(parents=True)
        for i, value in enumerate(brightest):
            values = np.zeros((10, 20 + 20 * (name == "bees") + i), dtype)  # another size each: none is a copy
            values[:, 10:] = value
            Image.fromarray(values).save(root / name / f"{i}.tif")
    return root


def shown(splits) -> dict[float, int]:
    """The brightest value on the screen of each file, by its number."""
    parts = (splits.train, splits.val, splits.test)
    return {
        int(Path(name).stem): np.asarray(part.image(i)).max() for part in parts for i, name in enumerate(part.names)
    }


@pytest.mark.parametrize(
    ("values", "top", "words"),
    [
        ([200, 300, 4000, 5000, 120], 16383, "0 to 16,383 (14 bits)"),
        ([200, 300, 4000, 12], 4095, "0 to 4,095 (12 bits)"),
        ([200, 255, 20], 255, "0 to 255 (8 bits)"),
        ([1000, 255, 20], 1023, "0 to 1,023 (10 bits)"),
        ([65535, 255, 20000], 65535, "0 to 65,535 (16 bits)"),
    ],
)
def test_deep_images_of_a_dataset_have_one_scale_which_is_said(tmp_path, values, top, words):
    splits = load_dataset(deep_dataset(tmp_path / "zoo", values))
    assert shown(splits) == {i: round(value / top * 255) for i, value in enumerate(values)}
    (note,) = splits.notes
    assert note == f"{2 * len(values)} deep photos (whole numbers): {words} became 0 to 255, in all alike"
    assert note in splits.summary()


def test_floats_and_negative_values_have_one_scale_too(tmp_path):
    splits = load_dataset(deep_dataset(tmp_path / "a", [0.1, 0.5, 1.0], np.float32))
    assert shown(splits) == {0: 26, 1: 128, 2: 255} and "(floats): 0 to 1 became" in splits.notes[0]
    splits = load_dataset(deep_dataset(tmp_path / "b", [-100, 50, 100], np.int32))
    assert shown(splits) == {0: 128, 1: 191, 2: 255}, "0 is in the middle of -100 to 100"
    assert "-100 to 100 (lowest to highest)" in splits.notes[0]


def test_one_deep_image_more_changes_the_scale_and_with_it_the_fingerprint(tmp_path):
    root = deep_dataset(tmp_path / "zoo", [200, 300, 1000])
    before = load_dataset(root)
    kept = load_dataset(root).train
    Image.fromarray(np.full((5, 5), 60_000, np.uint16)).save(root / "ants" / "new.tif")
    after = load_dataset(root)
    part = next(
        p for p in (after.train, after.val, after.test) if "ants/0.tif" in [f.relative for f in p.source.photos]
    )
    i = [f.relative for f in part.source.photos].index("ants/0.tif")
    assert np.asarray(part.image(i)).max() == round(200 / 65535 * 255)
    assert before.train.fingerprint == kept.fingerprint
    same_files = type(before.train)(
        type(before.train.source)(before.train.source.photos, after.train.source.scales),
        before.train.labels,
        before.train.classes,
        before.train.names,
    )
    assert same_files.fingerprint != before.train.fingerprint
    assert pickle.loads(pickle.dumps(before.train)).fingerprint == before.train.fingerprint


@pytest.mark.parametrize("orientation", [3, 6, 8])
def test_deep_images_are_turned_upright(tmp_path, orientation):
    values = np.zeros((4, 6), np.uint16)
    values[0, 0] = 65535
    exif = Image.Exif()
    exif[0x0112] = orientation
    result = opened(tmp_path, Image.fromarray(values), "deep.tif", exif=exif)
    corner = {3: (5, 3), 6: (3, 0), 8: (0, 5)}[orientation]
    assert result.size == ((6, 4) if orientation == 3 else (4, 6)) and result.getpixel(corner) == (255, 255, 255)


# ---- files that are whole, and still cannot be read ------------------------------------------------


def tiff(array: np.ndarray, **options) -> bytes:
    tifffile = pytest.importorskip("tifffile")
    file = io.BytesIO()
    tifffile.imwrite(file, array, **options)
    return file.getvalue()


@pytest.mark.parametrize(
    ("array", "options", "what"),
    [
        (np.zeros((8, 9, 5), np.uint8), {"planarconfig": "contig"}, "TIFF with 5 channels of 8 bits"),
        (np.zeros((5, 8, 9), np.uint8), {"planarconfig": "separate"}, "TIFF with 5 channels of 8 bits"),
        (np.zeros((16, 16, 13), np.uint16), {"planarconfig": "contig"}, "TIFF with 13 channels of 16 bits"),
        (np.zeros((8, 9), np.float64), {}, "TIFF with 1 channel of 64-bit floats"),
        (np.zeros((8, 9), np.float16), {}, "TIFF with 1 channel of 16-bit floats"),
        (np.zeros((64, 64), np.float64), {"tile": (16, 16)}, "TIFF with 1 channel of 64-bit floats"),
        (np.zeros((64, 64), np.float64), {"bigtiff": True}, "TIFF with 1 channel of 64-bit floats"),
    ],
)
def test_a_tiff_that_pillow_has_no_mode_for_is_no_damaged_one(array, options, what, capfd):
    options = {"photometric": "minisblack", **options}
    content = tiff(array, **options)
    error = refusal(lambda: open_image(io.BytesIO(content)), what, "save it as gray or RGB, with 8 or 16 bits")
    assert error.reason == what
    refusal(lambda: open_image(io.BytesIO(content[:-20])), "truncated or damaged")
    assert capfd.readouterr().err == ""


@pytest.mark.parametrize("size", [(1, 4000), (4000, 1), (3, 151), (2000, 30)])
def test_a_strip_is_refused_before_a_resize_makes_a_million_pixels_of_it(tmp_path, size):
    Image.new("RGB", size).save(tmp_path / "strip.png")
    refusal(lambda: open_image(tmp_path / "strip.png"), f"too narrow: {size[0]} x {size[1]} pixels", "cut or pad it")
    Image.new("RGB", (3, 150)).save(tmp_path / "narrow.png")
    assert open_image(tmp_path / "narrow.png").size == (3, 150)
