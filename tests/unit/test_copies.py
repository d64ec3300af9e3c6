"""The same photo twice: on one side of the split, counted, and named where it has two labels."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from helpers.data import load_dataset
from helpers.errors import CourseError


@pytest.fixture(autouse=True)
def own_cache(tmp_path_factory, monkeypatch):
    monkeypatch.setenv("COURSE_CACHE", str(tmp_path_factory.mktemp("cache")))


def build(root: Path, **counts: int) -> Path:
    rng = np.random.default_rng(0)
    for where, count in counts.items():
        folder = root / where.replace("__", "/")
        folder.mkdir(parents=True)
        for i in range(count):
            Image.fromarray(rng.integers(0, 256, (9, 7, 3), dtype=np.uint8)).save(folder / f"{i:02d}.png")
    return root


def relatives(dataset) -> list[str]:
    return [photo.relative for photo in dataset.source.photos]


def parts(splits):
    return splits.train, splits.val, splits.test


def in_other_forms(photo: Path, folder: Path) -> None:
    """Copies whose bytes differ: each shows the same pixels."""
    image = Image.open(photo)
    image.save(folder / "b.bmp")
    image.save(folder / "b.tif", compression="tiff_lzw")
    image.save(folder / "b.webp", lossless=True, exact=True)
    image.convert("RGBA").save(folder / "alpha.png")
    turned = image.transpose(Image.Transpose.ROTATE_90)
    exif = Image.Exif()
    exif[0x0112] = 6  # shown a quarter to the right, and so upright again
    turned.save(folder / "turned.png", exif=exif)


@pytest.mark.parametrize("seed", range(5))
def test_copies_are_in_one_part_and_counted(tmp_path, seed):
    root = build(tmp_path / "zoo", ants=12, bees=12)
    for i in range(6):
        shutil.copy(root / "ants" / f"{i:02d}.png", root / "ants" / f"copy of {i:02d}.png")
    in_other_forms(root / "bees" / "03.png", root / "bees")
    splits = load_dataset(root, seed=seed)
    where = {relative: part for part, dataset in enumerate(parts(splits)) for relative in relatives(dataset)}
    assert len(where) == 24 + 6 + 5 and splits.skipped == []
    assert all(where[f"ants/{i:02d}.png"] == where[f"ants/copy of {i:02d}.png"] for i in range(6))
    forms = ("b.bmp", "b.tif", "b.webp", "alpha.png", "turned.png")
    assert {where[f"bees/{name}"] for name in forms} == {where["bees/03.png"]}
    (note,) = splits.notes
    assert note.startswith("copies: 11 of 7 photos, each in one part with its original (ants/00.png = ants/copy of")
    assert note.endswith("; delete them where each photo should count once") and " = bees/turned.png" not in note
    assert all(min(dataset.counts()) >= 2 for dataset in parts(splits))


def test_without_copies_nothing_is_said(tmp_path):
    root = build(tmp_path / "zoo", ants=6, bees=6)
    image = Image.open(root / "ants" / "00.png")
    near = np.array(image)
    near[0, 0, 0] ^= 1
    Image.fromarray(near).save(root / "ants" / "near.png")  # near-duplicates are another photo
    Image.fromarray(np.array(image).reshape(7, 9, 3)).save(root / "ants" / "the same bytes in another shape.png")
    splits = load_dataset(root)
    assert splits.notes == [] and splits.skipped == [] and sum(map(len, parts(splits))) == 14


def test_of_given_parts_the_later_one_keeps_the_photo(tmp_path):
    root = build(tmp_path / "zoo", train__a=6, train__b=6, val__a=3, val__b=3, test__a=3, test__b=3)
    shutil.copy(root / "test" / "a" / "00.png", root / "train" / "a" / "from test.png")
    shutil.copy(root / "test" / "b" / "01.png", root / "val" / "b" / "from test.png")
    shutil.copy(root / "val" / "a" / "01.png", root / "train" / "a" / "from val.png")
    splits = load_dataset(root)
    assert [dataset.counts() for dataset in parts(splits)] == [[6, 6], [3, 3], [3, 3]]
    told = [(skip.path.relative_to(root).as_posix(), skip.reason) for skip in splits.skipped]
    assert told == [
        ("train/a/from test.png", "also in the test part"),
        ("train/a/from val.png", "also in the val part"),
        ("val/b/from test.png", "also in the test part"),
    ]
    (note,) = [note for note in splits.notes if not note.startswith("parts: ")]
    assert note == (
        "in two parts, so left out of the earlier one: 3 photos (train/a/from test.png = test/a/00.png, "
        "train/a/from val.png = val/a/01.png, val/b/from test.png = test/b/01.png); "
        "what a network was trained on does not measure it"
    )
    assert note in splits.summary()


def test_a_held_out_folder_keeps_its_photos_and_train_is_divided_without_them(tmp_path):
    root = build(tmp_path / "zoo", train__a=10, train__b=10, val__a=3, val__b=3)
    shutil.copy(root / "val" / "a" / "00.png", root / "train" / "a" / "leak.png")
    shutil.copy(root / "train" / "b" / "05.png", root / "train" / "b" / "twice.png")
    splits = load_dataset(root)
    assert [len(dataset) for dataset in parts(splits)] == [17, 4, 6] or [len(d) for d in parts(splits)] == [16, 5, 6]
    assert [skip.path.name for skip in splits.skipped] == ["leak.png"]
    together = [{"train/b/05.png", "train/b/twice.png"} <= set(relatives(dataset)) for dataset in parts(splits)]
    assert sum(together) == 1


@pytest.mark.parametrize("second", ["bees/same.png", "bees/same.bmp"])
def test_a_photo_with_two_labels_is_left_out_and_named(tmp_path, second):
    root = build(tmp_path / "zoo", ants=6, bees=6)
    Image.open(root / "ants" / "02.png").save(root / second)
    splits = load_dataset(root)
    assert {skip.path.relative_to(root).as_posix() for skip in splits.skipped} == {"ants/02.png", second}
    assert {skip.reason for skip in splits.skipped} == {"one photo with two labels"}
    assert splits.notes == [
        f"two labels, so left out: 1 photo (ants/02.png = {second}); delete those in the wrong class"
    ]
    assert splits.notes[0] in splits.summary() and sum(map(len, parts(splits))) == 11


def test_two_labels_across_parts_are_seen(tmp_path):
    root = build(tmp_path / "zoo", train__a=6, train__b=6, val__a=3, val__b=3)
    shutil.copy(root / "val" / "a" / "00.png", root / "train" / "b" / "wrong.png")
    splits = load_dataset(root)
    assert {skip.path.name for skip in splits.skipped} == {"00.png", "wrong.png"}
    assert splits.test.counts() == [2, 3]


def test_copies_in_one_class_and_in_another_part_are_told_once_each(tmp_path):
    root = build(tmp_path / "zoo", train__a=6, train__b=6, val__a=3, val__b=3)
    shutil.copy(root / "val" / "a" / "00.png", root / "train" / "a" / "leak.png")
    shutil.copy(root / "val" / "a" / "00.png", root / "val" / "a" / "twice.png")
    splits = load_dataset(root)
    notes = [note.partition(";")[0] for note in splits.notes if not note.startswith("parts: ")]
    assert notes == [
        "in two parts, so left out of the earlier one: 1 photo (train/a/leak.png = val/a/00.png = val/a/twice.png)",
        "copies: 1 of 1 photo, each in one part with its original (val/a/00.png = val/a/twice.png)",
    ]
    assert splits.test.counts() == [4, 3] and splits.train.counts()[0] + splits.val.counts()[0] == 6


def test_copies_do_not_fill_a_class(tmp_path):
    root = build(tmp_path / "zoo", ants=6, bees=2)
    for i in range(9):
        shutil.copy(root / "bees" / "00.png", root / "bees" / f"copy{i}.png")
    with pytest.raises(CourseError, match=r"class 'bees' has 2 usable photos, 9 copies: add photos, at least 3"):
        load_dataset(root)


def test_copies_are_known_from_the_record_too(tmp_path, monkeypatch):
    root = build(tmp_path / "zoo", ants=6, bees=6)
    shutil.copy(root / "ants" / "00.png", root / "ants" / "again.png")
    first = load_dataset(root)
    monkeypatch.setattr("helpers.data.folders.examine_image", None)  # nothing is decoded a second time
    again = load_dataset(root)
    assert again.notes == first.notes and again.train.fingerprint == first.train.fingerprint


def test_deep_copies_are_copies_whatever_the_scale(tmp_path):
    root = build(tmp_path / "zoo", ants=4, bees=4)
    values = np.arange(64, dtype=np.uint16).reshape(8, 8) * 60
    Image.fromarray(values).save(root / "ants" / "deep.png")
    Image.fromarray(values).save(root / "ants" / "deep.tif")
    Image.fromarray(values + 1).save(root / "ants" / "brighter.tif")
    (copies, _) = load_dataset(root).notes
    assert copies.startswith("copies: 1 of 1 photo") and "ants/deep.png = ants/deep.tif" in copies
