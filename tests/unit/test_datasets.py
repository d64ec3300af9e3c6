"""load_dataset: every name and every layout of a folder, in three parts."""

from __future__ import annotations

import json
import os
import pickle
import zlib
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from torch.utils.data import DataLoader

from helpers.data import DATASETS, datasets, folders, load_dataset
from helpers.data.images import examine_image
from helpers.errors import CourseError

SHARED = Path(__file__).resolve().parents[3] / "shared" / "data"


@pytest.fixture(autouse=True)
def own_cache(tmp_path_factory, monkeypatch):
    monkeypatch.setenv("COURSE_CACHE", str(tmp_path_factory.mktemp("cache")))


def make_photos(folder: Path, count: int, size=(12, 10)) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng(zlib.crc32(os.fsencode(folder)))  # no two photos alike
    for i in range(count):
        pixels = rng.integers(0, 256, (size[1], size[0], 3), dtype=np.uint8)
        Image.fromarray(pixels).save(folder / f"{i:03d}.jpg")


def make_dataset(root: Path, **counts: int) -> Path:
    for name, count in counts.items():
        make_photos(root / name.replace("__", "/"), count)
    return root


def parts(splits):
    return splits.train, splits.val, splits.test


def to_tensor(image):
    return torch.from_numpy(np.asarray(image).copy())


# ---- painted flowers: the series, with a painter that writes down what it is asked ------------------


class StubPainter:
    SPECIES = ("daisy", "rose")

    def __init__(self):
        self.asked = []

    def Recipe(self, size=128, difficulty=0.5, shift=0.0, seed=0):
        return {"size": size, "difficulty": difficulty, "shift": shift, "seed": seed}

    def painted_flowers(self, per_class, recipe, first=0):
        self.asked.append((per_class, recipe, first))
        numbers = np.concatenate([first + np.arange(per_class)] * 2)
        images = np.zeros((2 * per_class, recipe["size"], recipe["size"], 3), np.uint8)
        images[:, 0, 0, 0] = numbers % 251
        return images, np.repeat([0, 1], per_class)


@pytest.fixture
def painter(monkeypatch):
    stub = StubPainter()
    monkeypatch.setattr(datasets, "painter", stub)
    return stub


def test_painted_flowers_are_disjoint_ranges_of_one_recipe(painter):
    splits = load_dataset("painted_flowers", seed=4, image_size=20, difficulty=0.9, shift=0.3)
    recipe = {"size": 20, "difficulty": 0.9, "shift": 0.3, "seed": 4}
    assert sorted(painter.asked, key=lambda asked: asked[2]) == [
        (60, recipe, 0),
        (20, recipe, 10_000),
        (50, recipe, 20_000),
    ]
    assert [part.counts() for part in parts(splits)] == [[50, 50], [20, 20], [60, 60]]
    assert splits.classes == ["daisy", "rose"] and splits.name == "painted flowers"
    assert splits.test.names[17] == "daisy 17" and splits.test.names[61] == "rose 1"


def test_the_test_part_does_not_change_with_the_training_part(painter):
    few = load_dataset("painted flowers", train_per_class=5, image_size=16)
    many = load_dataset("Painted-Flowers", train_per_class=70, image_size=16)
    assert few.test.fingerprint == many.test.fingerprint
    assert few.train.counts() == [5, 5] and many.train.counts() == [70, 70]


def test_ranges_of_painted_flowers_cannot_overlap(painter):
    with pytest.raises(CourseError, match="at most 10000"):
        load_dataset("painted flowers", val_per_class=10_001, image_size=16)


def test_the_real_painter_fits():
    splits = load_dataset(
        "painted flowers", train_per_class=2, val_per_class=1, test_per_class=1, image_size=32, seed=1
    )
    assert [len(part) for part in parts(splits)] == [10, 5, 5]
    assert splits.train[0][0].size == (32, 32) and splits.train[0][0].mode == "RGB"
    assert len({part.fingerprint for part in parts(splits)}) == 3


# ---- digits ------------------------------------------------------------------------------------------


def test_digits_are_all_there_once_in_three_parts():
    splits = load_dataset("digits", image_size=24)
    names = [name for part in parts(splits) for name in part.names]
    assert len(names) == len(set(names)) == 1797
    assert all(min(part.counts()) >= 34 for part in parts(splits))
    image, label = splits.train[0]
    assert image.size == (24, 24) and image.mode == "RGB" and splits.train.names[0].split()[0] == str(label)
    assert np.asarray(image).max() > 200, "0 to 16 is scaled to 0 to 255"


def test_digits_are_limited_per_class_and_the_seed_divides_them():
    small = load_dataset("digits", train_per_class=7, test_per_class=3)
    assert small.train.counts() == [7] * 10 and small.test.counts() == [3] * 10
    assert load_dataset("digits", seed=1).test.fingerprint != load_dataset("digits").test.fingerprint
    with pytest.raises(CourseError, match=r"train_per_class of digits: class '\d' has 10\d images"):
        load_dataset("digits", train_per_class=500)


# ---- folders -----------------------------------------------------------------------------------------


def test_one_folder_a_class_is_divided_60_20_20(tmp_path):
    make_dataset(tmp_path / "zoo", zebra=20, ant=10)
    splits = load_dataset(tmp_path / "zoo")
    assert splits.name == "zoo" and splits.classes == ["ant", "zebra"]
    assert [part.counts() for part in parts(splits)] == [[6, 12], [2, 4], [2, 4]]
    files = [photo.relative for part in parts(splits) for photo in part.source.photos]
    assert len(set(files)) == 30
    for part in parts(splits):
        assert all(
            photo.relative.startswith(part.classes[label])
            for photo, label in zip(part.source.photos, part.labels, strict=True)
        )


@pytest.mark.parametrize("held_out", ["val", "valid", "validation", "Val", "test"])
def test_train_and_val_keep_the_held_out_part_for_the_test(tmp_path, held_out):
    make_dataset(tmp_path, **{"train__a": 10, "train__b": 10, f"{held_out}__a": 3, f"{held_out}__b": 4})
    splits = load_dataset(str(tmp_path))
    assert [part.counts() for part in parts(splits)] == [[8, 8], [2, 2], [3, 4]]
    assert all(photo.relative.startswith(held_out) for photo in splits.test.source.photos)
    assert all(photo.relative.startswith("train") for photo in splits.val.source.photos)


def test_three_part_folders_are_taken_as_they_are(tmp_path):
    make_dataset(tmp_path, train__a=2, train__b=1, val__a=3, val__b=1, test__a=1, test__b=4, spare__a=2)
    splits = load_dataset(tmp_path)
    assert [part.counts() for part in parts(splits)] == [[2, 1], [3, 1], [1, 4]]
    assert [(skip.path.name, skip.reason) for skip in splits.skipped] == [("spare", "beside train/")]
    assert splits.notes == ["parts: train/ is train, val/ val and test/ test"]


def test_what_is_no_photo_in_a_class_is_named_and_nested_folders_are_followed(tmp_path):
    make_dataset(tmp_path, a=3, b=3, b__deep__deeper=2)
    for name in ("a/.DS_Store", "a/Thumbs.db", "b/notes.txt", "a/._000.jpg", ".DS_Store", "readme.md"):
        (tmp_path / name).write_bytes(b"no photo")
    splits = load_dataset(tmp_path)
    assert splits.classes == ["a", "b"]
    assert {s.path.name: s.reason for s in splits.skipped} == {
        "Thumbs.db": "no image (.db)",
        "notes.txt": "no image (.txt)",
    }
    assert sum(map(len, parts(splits))) == 8


def test_a_photo_beside_the_class_folders_is_reported(tmp_path):
    make_dataset(tmp_path, a=3, b=3)
    Image.new("RGB", (4, 4)).save(tmp_path / "lost.png")
    assert [(s.path.name, s.reason) for s in load_dataset(tmp_path).skipped] == [("lost.png", "in no class folder")]


def test_home_and_relative_paths(tmp_path, monkeypatch):
    make_dataset(tmp_path / "zoo", a=3, b=3)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("USERPROFILE", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    assert load_dataset("~/zoo").name == load_dataset("zoo").name == load_dataset("./zoo").name == "zoo"


def test_a_folder_named_like_a_dataset_is_reached_by_its_path(tmp_path, monkeypatch):
    make_dataset(tmp_path / "digits", a=3, b=3)
    monkeypatch.chdir(tmp_path)
    assert load_dataset("./digits").classes == load_dataset(Path("digits")).classes == ["a", "b"]
    assert len(load_dataset("digits").classes) == 10


def test_the_fingerprint_follows_the_files(tmp_path):
    root = make_dataset(tmp_path / "zoo", a=4, b=4)
    before = load_dataset(root)
    assert load_dataset(root).train.fingerprint == before.train.fingerprint
    moved = root.rename(tmp_path / "elsewhere")
    assert load_dataset(moved).train.fingerprint == before.train.fingerprint
    os.utime(load_dataset(moved).train.source.photos[0].path, ns=(1, 1))
    assert load_dataset(moved).train.fingerprint == before.train.fingerprint, "what is in it stayed"


def test_a_photo_replaced_by_one_of_its_size_and_time_changes_the_fingerprint(tmp_path):
    root = make_dataset(tmp_path / "zoo", a=4, b=4)
    before = load_dataset(root)
    then = before.train.fingerprint
    path = before.train.source.photos[0].path
    content, times = path.read_bytes(), path.stat()
    path.write_bytes(content[:-20] + bytes(byte ^ 1 for byte in content[-20:-2]) + content[-2:])
    os.utime(path, ns=(times.st_atime_ns, times.st_mtime_ns))
    after = load_dataset(root)
    assert after.train.source.photos == before.train.source.photos
    assert after.train.fingerprint != then


def test_a_photo_that_is_gone_is_told_where_the_fingerprint_is_asked_for(tmp_path):
    data = load_dataset(make_dataset(tmp_path / "zoo", a=4, b=4))
    data.train.source.photos[0].path.unlink()
    with pytest.raises(CourseError, match="no such file"):
        _ = data.train.fingerprint


def test_good_files_are_decoded_once_and_changed_ones_again(tmp_path, monkeypatch):
    root = make_dataset(tmp_path / "zoo", a=4, b=4)
    opened = []
    monkeypatch.setattr(folders, "examine_image", lambda path: opened.append(path.name) or examine_image(path))
    load_dataset(root)
    assert len(opened) == 8
    load_dataset(root)
    assert len(opened) == 8
    os.utime(root / "a" / "000.jpg", ns=(5, 5))
    load_dataset(root)
    assert opened[8:] == ["000.jpg"]


def test_a_damaged_record_of_good_files_is_made_again(tmp_path):
    root = make_dataset(tmp_path / "zoo", a=4, b=4)
    load_dataset(root)
    (record,) = Path(os.environ["COURSE_CACHE"]).rglob("*.json")
    older = json.dumps(json.loads(record.read_text()) | {"format": 1})
    for damaged in ("", "[]", '{"good": [1], "pillow": "x"}', "{", older):
        record.write_text(damaged)
        assert sum(map(len, parts(load_dataset(root)))) == 8
        assert len(record.read_text()) > 100 and '"format": 1' not in record.read_text()
    assert list(record.parent.iterdir()) == [record], "no half-written file stays"


def test_a_folder_works_in_workers_of_another_process(tmp_path):
    root = make_dataset(tmp_path / "zoo", a=5, b=5)
    train = load_dataset(root, transform=to_tensor).train
    assert pickle.loads(pickle.dumps(train)).names == train.names
    loader = DataLoader(train, batch_size=3, num_workers=1)
    assert sum(len(labels) for _, labels in loader) == len(train)


# ---- names and arguments ---------------------------------------------------------------------------


def test_every_listed_name_is_known():
    assert set(DATASETS) == {"painted flowers", "digits"}
    assert all(datasets._dataset_name(name) == name and text for name, text in DATASETS.items())


@pytest.mark.parametrize(
    ("call", "says"),
    [
        (lambda: load_dataset("painted flower"), "did you mean 'painted flowers'"),
        (lambda: load_dataset("painted flower"), "no such folder in "),
        (lambda: load_dataset("/no/where"), "no dataset '/no/where' and no such folder: check the path"),
        (lambda: load_dataset("~nobody_here/x"), "check the path"),
        (lambda: load_dataset("x" * 5000), "check the path"),
        (lambda: load_dataset("a\0b"), "check the path"),
        (lambda: load_dataset(""), "use 'painted flowers' or 'digits'"),
        (lambda: load_dataset(None), "not None"),
        (lambda: load_dataset(3), "the path of a folder"),
        (lambda: load_dataset("digits", seed=-1), "the seed: -1"),
        (lambda: load_dataset("digits", seed="x"), "whole number from 0"),
        (lambda: load_dataset("digits", image_size=0), "image_size: 0"),
        (lambda: load_dataset("digits", test_per_class=0), "test_per_class: 0"),
        (lambda: load_dataset("digits", difficulty=0.1), "painted flowers only: leave it out for digits"),
        (lambda: load_dataset("painted flowers", dificulty=0.1), "did you mean difficulty"),
        (lambda: load_dataset("painted flowers", difficulty=7, image_size=16), "difficulty"),
        (lambda: load_dataset("digits", transform=3), "weights.transforms"),
    ],
)
def test_a_wrong_argument_gets_one_line_with_the_cure(call, says):
    with pytest.raises(CourseError) as caught:
        call()
    assert says in str(caught.value) and "\n" not in str(caught.value) and len(str(caught.value)) < 600


# ---- real photos, which are no part of the project --------------------------------------------------


@pytest.mark.parametrize(
    ("name", "classes", "train", "held_out"),
    [
        ("hymenoptera", ["ants", "bees"], 244, 153),
        ("flowers", ["daisy", "dandelion", "roses", "sunflowers", "tulips"], 400, 200),
    ],
)
def test_real_photos(name, classes, train, held_out):
    folder = SHARED / name
    if not folder.is_dir():
        pytest.skip(f"the photos for tests are not at ../shared/data/{name}")
    splits = load_dataset(folder)
    assert splits.classes == classes and splits.skipped == []
    assert len(splits.train) + len(splits.val) == train and len(splits.test) == held_out
    assert abs(len(splits.val) / train - 0.2) < 0.01
    assert all(image.mode == "RGB" for image, _ in splits.val.per_class(3))
    relatives = [photo.relative for part in parts(splits) for photo in part.source.photos]
    assert len(set(relatives)) == train + held_out
