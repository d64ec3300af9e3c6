"""JPEGs with bytes changed inside: found when a folder is read, and never in the middle of an epoch.

A JPEG has no checksum, so not every change can be found. The last test counts on a photo how many are, and holds the
README to it.
"""

from __future__ import annotations

import io
import random
import warnings
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from helpers.data import example_photos, load_dataset
from helpers.data.images import ImageProblem, examine_image, open_image
from helpers.data.jpeg import is_damaged_inside
from helpers.places import repository

REASON = "damaged inside, though it decodes"
END = b"\xff\xd9"
FLIPS = 200


@pytest.fixture(autouse=True)
def own_cache(tmp_path_factory, monkeypatch):
    monkeypatch.setenv("COURSE_CACHE", str(tmp_path_factory.mktemp("cache")))


@pytest.fixture(scope="module")
def photo() -> Image.Image:
    """A photo with fine fur, small enough to be decoded some thousand times."""
    return example_photos()["chelsea"].image.resize((226, 150))


def encoded(image: Image.Image, **options) -> bytes:
    file = io.BytesIO()
    image.save(file, "JPEG", quality=85, **options)
    return file.getvalue()


def start_of_data(content: bytes) -> int:
    at = content.index(b"\xff\xda")
    return at + 2 + int.from_bytes(content[at + 2 : at + 4], "big")


def with_bytes_flipped(content: bytes, draw: random.Random, count: int) -> bytes:
    """`count` bytes in a row turned over, anywhere in the data; no marker is made, which would be found at once."""
    start = start_of_data(content)
    at = draw.randrange(start, len(content) - 2 - count)
    changed = bytes(byte ^ 0xFF for byte in content[at : at + count])
    return content[:at] + changed.replace(b"\xff", b"\xfe") + content[at + count :]


def with_a_bit_flipped(content: bytes, draw: random.Random) -> bytes:
    at = draw.randrange(start_of_data(content), len(content) - 2)
    return content[:at] + bytes([content[at] ^ 1 << draw.randrange(8)]) + content[at + 1 :]


def is_found(content: bytes) -> bool:
    try:
        examine_image(io.BytesIO(content))
    except ImageProblem:
        return True
    return False


def damaged(photo: Image.Image, **options) -> bytes:
    """A JPEG that Pillow decodes without a word, to another picture."""
    whole, draw = encoded(photo, **options), random.Random(0)
    for _ in range(100):
        content = with_bytes_flipped(whole, draw, 16)
        with warnings.catch_warnings(action="error"), Image.open(io.BytesIO(content)) as image:
            if is_damaged_inside(content) and np.ptp(np.asarray(image.convert("RGB"))) > 0:
                return content
    raise AssertionError("no change of a hundred was found")


def good_folder(photo: Image.Image, root: Path, count: int) -> Path:
    for height, name in ((60, "cats"), (70, "dogs")):
        (root / name).mkdir(parents=True)
        for i in range(count):
            (root / name / f"{i}.jpg").write_bytes(encoded(photo.resize((90 + i, height))))
    return root


KINDS = {
    "baseline": {},
    "progressive": {"progressive": True},
    "own codes": {"optimize": True},
    "restart marks": {"restart_marker_rows": 1},
    "full colour": {"subsampling": 0},
}


@pytest.mark.parametrize("options", KINDS.values(), ids=KINDS.keys())
@pytest.mark.parametrize("mode", ["RGB", "L", "CMYK"])
def test_changed_bytes_are_found_in_every_kind_and_whole_files_are_let_through(photo, mode, options):
    image = photo.convert(mode)
    whole = encoded(image, **options)
    assert not is_damaged_inside(whole) and open_image(io.BytesIO(whole)).size == image.size
    with pytest.raises(ImageProblem, match=f"{REASON}; save it again from the original, or delete it") as caught:
        open_image(io.BytesIO(damaged(image, **options)))
    assert caught.value.reason == REASON


def test_it_is_reported_when_the_folder_is_read_and_left_out(photo, tmp_path):
    root = tmp_path / "zoo"
    good_folder(photo, root, 4)
    for i in range(3):
        (root / "dogs" / f"damaged{i}.jpg").write_bytes(damaged(photo.rotate(i)))
    for _ in range(2):  # the second time from the record of good files
        splits = load_dataset(root)
        assert {(skip.path.name, skip.reason) for skip in splits.skipped} == {
            (f"damaged{i}.jpg", REASON) for i in range(3)
        }
        assert f"skipped: 3\n  3 {REASON}: dogs/damaged0.jpg, dogs/damaged1.jpg and 1 more" in splits.summary()
        assert sum(map(len, (splits.train, splits.val, splits.test))) == 8


def test_an_epoch_does_not_look_again(photo, tmp_path, monkeypatch):
    train = load_dataset(good_folder(photo, tmp_path / "zoo", 3)).train
    monkeypatch.setattr("helpers.data.images.is_damaged_inside", None)
    assert train[0][0].mode == "RGB"


# ---- what looks like damage, and costs no pixel ----------------------------------------------------


def same_pixels(content: bytes, other: bytes) -> bool:
    return examine_image(io.BytesIO(content)) == examine_image(io.BytesIO(other))


@pytest.mark.parametrize("filling", [b"\0" * 3, b"\0" * 700, b"\x20", b"\xff" * 9])
def test_an_end_that_was_filled_up_is_no_damage(photo, filling):
    whole = encoded(photo)
    assert same_pixels(whole.removesuffix(END) + filling + END, whole)


def test_what_is_left_over_of_the_data_is(photo):
    whole = encoded(photo)
    assert is_found(whole.removesuffix(END) + whole[-60:-20] + END)


def test_bytes_between_the_parts_of_the_header_are_no_damage(photo):
    whole = encoded(photo, comment=b"a cat")
    at = whole.index(b"\xff\xfe")
    assert same_pixels(whole[:at] + b"\x12\x34\x56" + whole[at:], whole)


def test_a_second_picture_behind_the_first_is_no_damage(photo):
    file = io.BytesIO()
    photo.save(file, "MPO", save_all=True, append_images=[photo.rotate(180)])
    assert Image.open(file).n_frames == 2 and not is_found(file.getvalue())


def test_bytes_after_the_end_are_no_damage(photo):
    whole = encoded(photo)
    assert same_pixels(whole + b"appended by a phone" * 50, whole)


# ---- how many are found ----------------------------------------------------------------------------


def shows(content: bytes, photo: np.ndarray) -> bool:
    """Whether more than 2 % of the pixels have changed by more than 8 of 255."""
    try:
        changed = np.asarray(Image.open(io.BytesIO(content)).convert("RGB"), dtype=int)
    except (OSError, SyntaxError):  # all that Pillow raises on damaged JPEGs
        return True
    return (np.abs(changed - photo).max(axis=2) > 8).mean() > 0.02


def counted(whole: bytes, change: Callable[[bytes, random.Random], bytes]) -> tuple[int, int, int]:
    """How many of the changes are found; how many show, and how many of these are found."""
    draw, photo = random.Random(0), np.asarray(Image.open(io.BytesIO(whole)), dtype=int)
    outcomes = [(is_found(content), shows(content, photo)) for content in (change(whole, draw) for _ in range(FLIPS))]
    return sum(found for found, _ in outcomes), sum(seen for _, seen in outcomes), sum(map(all, outcomes))


def test_the_readme_says_how_many_are_found(photo):
    """One photo, and 200 changes of each kind. The whole file is the control: nothing is found in it."""
    whole = encoded(photo)
    bit = counted(whole, with_a_bit_flipped)
    row = counted(whole, lambda content, draw: with_bytes_flipped(content, draw, 16))
    assert not is_found(whole)
    told = (
        f"Of {FLIPS} changes of one bit in a photo {bit[0]} are found, and {bit[2]} of the {bit[1]} that more than 2 % "
        f"of its pixels show. Of {FLIPS} changes of 16 bytes in a row it is {row[0]}, and {row[2]} of {row[1]}."
    )
    assert told in " ".join((repository() / "README.md").read_text("utf-8").split())
