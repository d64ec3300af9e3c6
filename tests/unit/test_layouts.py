"""How public datasets are laid out: each is read as it is meant, and it is said how, or refused with the cure.

Every layout is built of tiny images that are made here. The folders are as the datasets' own pages, their loaders in
torchvision, or programs that read them describe them, with fewer classes and photos.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from helpers.data import load_dataset
from helpers.data.layouts import part_named
from helpers.errors import CourseError


@pytest.fixture(autouse=True)
def own_cache(tmp_path_factory, monkeypatch):
    monkeypatch.setenv("COURSE_CACHE", str(tmp_path_factory.mktemp("cache")))


def build(root: Path, photos: dict[str, int], files: tuple[str, ...] = ()) -> Path:
    """`photos` says how many lie in a folder, or under a name with {}: {"cats": 3, "train/cat.{}.jpg": 5}."""
    rng = np.random.default_rng(0)
    for where, count in photos.items():
        pattern = where if "{}" in where else f"{where}/{{}}.jpg"
        for i in range(count):
            path = root / pattern.format(i)
            path.parent.mkdir(parents=True, exist_ok=True)
            Image.fromarray(rng.integers(0, 256, (6, 8, 3), dtype=np.uint8)).save(path, "JPEG")
    for name in files:
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("no image")
    return root


def in_each(parts: dict[str, int], classes: list[str]) -> dict[str, int]:
    return {f"{part}/{name}": count for part, count in parts.items() for name in classes}


@dataclass
class Read:
    """What becomes of a layout that is read: its classes, the photos in each part, and what is said."""

    photos: dict[str, int]
    classes: list[str]
    counts: tuple[int, int, int]
    says: str = ""
    skips: list[str] = field(default_factory=list)
    files: tuple[str, ...] = ()


TUMORS = ["glioma", "meningioma", "notumor", "pituitary"]
SCENES = ["buildings", "forest", "sea"]
PETS = ["cats", "dogs"]
LUNGS = ["NORMAL", "PNEUMONIA"]

READ = {
    "Brain Tumor MRI (Kaggle)": Read(
        in_each({"Training": 5, "Testing": 2}, TUMORS),
        TUMORS,
        (16, 4, 8),
        "parts: Training/ is train and, by a fifth, val; Testing/ is test",
    ),
    "Intel scenes (Kaggle)": Read(
        in_each({"seg_train/seg_train": 5, "seg_test/seg_test": 2}, SCENES) | {"seg_pred/seg_pred": 3},
        SCENES,
        (12, 3, 6),
        "seg_train/seg_train/ is train and, by a fifth, val; seg_test/seg_test/ is test",
        ["seg_pred (beside train/)"],
    ),
    "cats and dogs of a Keras course": Read(
        in_each({"dataset/training_set": 5, "dataset/test_set": 2}, PETS) | {"dataset/single_prediction": 2},
        PETS,
        (8, 2, 4),
        "dataset/training_set/ is train",
        ["single_prediction (beside train/)"],
    ),
    "Cat and Dog (Kaggle)": Read(
        in_each({"training_set/training_set": 5, "test_set/test_set": 2}, PETS),
        PETS,
        (8, 2, 4),
        "test_set/test_set/ is test",
        ["cats/_DS_Store (no image (no suffix))"],
        ("training_set/training_set/cats/_DS_Store",),
    ),
    "cats_and_dogs_filtered (Google)": Read(
        in_each({"cats_and_dogs_filtered/train": 5, "cats_and_dogs_filtered/validation": 2}, PETS),
        PETS,
        (8, 2, 4),
        "cats_and_dogs_filtered/validation/ is test",
        files=("cats_and_dogs_filtered/vectorize.py",),
    ),
    "Chest X-Ray (Kaggle)": Read(
        in_each({"chest_xray/train": 4, "chest_xray/val": 1, "chest_xray/test": 2}, LUNGS)
        | in_each({"chest_xray/chest_xray/train": 4, "chest_xray/chest_xray/test": 2}, LUNGS)
        | {"chest_xray/__MACOSX/train": 1},
        LUNGS,
        (8, 2, 4),
        "chest_xray/train/ is train, chest_xray/val/ val and chest_xray/test/ test",
        ["__MACOSX (no class: made by macOS's archiver)", "chest_xray (beside train/)"],
    ),
    "images and their folder again (Flowers Recognition, Kaggle)": Read(
        in_each({"flowers": 5, "flowers/flowers": 5}, ["daisy", "rose", "tulip"]),
        ["daisy", "rose", "tulip"],
        (9, 3, 3),
        "read: the folder flowers/ within",
        ["flowers (the same class folders once more)"],
    ),
    "Caltech-101": Read(
        {f"caltech-101/101_ObjectCategories/{name}": 5 for name in ("BACKGROUND_Google", "accordion", "wild_cat")},
        ["BACKGROUND_Google", "accordion", "wild_cat"],
        (9, 3, 3),
        "read: the folder caltech-101/101_ObjectCategories/ within",
        ["Annotations (no photo in it)"],
        ("caltech-101/Annotations/accordion/annotation_0001.mat", "caltech-101/show_annotation.m"),
    ),
    "EuroSAT": Read(
        {f"EuroSAT/2750/{name}": 5 for name in ("Forest", "Highway", "SeaLake")},
        ["Forest", "Highway", "SeaLake"],
        (9, 3, 3),
        "read: the folder EuroSAT/2750/ within",
    ),
    "Food-101": Read(
        {f"food-101/images/{name}": 5 for name in ("apple_pie", "waffles")},
        ["apple_pie", "waffles"],
        (6, 2, 2),
        "read: the folder food-101/images/ within",
        ["meta (no photo in it)"],
        ("food-101/meta/train.json", "food-101/meta/test.txt", "food-101/README.txt"),
    ),
    "Stanford Dogs": Read(
        {f"Images/{name}": 5 for name in ("n02085620-Chihuahua", "n02116738-African_hunting_dog")},
        ["n02085620-Chihuahua", "n02116738-African_hunting_dog"],
        (6, 2, 2),
        "read: the folder Images/ within",
        ["Annotation (no photo in it)"],
        ("Annotation/n02085620-Chihuahua/n02085620_10074", "Annotation/n02116738-African_hunting_dog/n02116738_10"),
    ),
    "DTD": Read(
        {f"dtd/images/{name}": 5 for name in ("banded", "zigzagged")},
        ["banded", "zigzagged"],
        (6, 2, 2),
        "read: the folder dtd/images/ within",
        ["imdb (no photo in it)", "labels (no photo in it)"],
        ("dtd/labels/train1.txt", "dtd/imdb/imdb.mat"),
    ),
    "hymenoptera_data (PyTorch's tutorial)": Read(
        in_each({"hymenoptera_data/train": 5, "hymenoptera_data/val": 2}, ["ants", "bees"]),
        ["ants", "bees"],
        (8, 2, 4),
        "hymenoptera_data/val/ is test",
    ),
    "Roboflow's folder export": Read(
        in_each({"train": 4, "valid": 1, "test": 2}, PETS),
        PETS,
        (8, 2, 4),
        "parts: train/ is train, valid/ val and test/ test",
        files=("README.roboflow.txt", "README.dataset.txt"),
    ),
    "Microsoft's PetImages": Read(
        {"PetImages/Cat": 5, "PetImages/Dog": 5},
        ["Cat", "Dog"],
        (6, 2, 2),
        "read: the folder PetImages/ within",
        ["Cat/Thumbs.db (no image (.db))"],
        ("PetImages/Cat/Thumbs.db", "readme[1].txt"),
    ),
    "train_images and val_images": Read(
        in_each({"train_images": 5, "val_images": 2}, PETS), PETS, (8, 2, 4), "val_images/ is test"
    ),
    "ImageNet's train, each class with a folder images (Tiny ImageNet's train/)": Read(
        {"n01443537/images": 5, "n01629819/images": 5},
        ["n01443537", "n01629819"],
        (6, 2, 2),
        "read with the folders in it: n01443537/, n01629819/",
        ["n01443537/n01443537_boxes.txt (no image (.txt))"],
        ("n01443537/n01443537_boxes.txt",),
    ),
    "a class that is called train": Read(
        {"bus": 5, "car": 5, "plane": 5, "train": 5}, ["bus", "car", "plane", "train"], (12, 4, 4)
    ),
    "a class with albums beside one without": Read(
        {"ants": 2, "ants/2021": 3, "bees/2021": 3, "bees/2022": 2},
        ["ants", "bees"],
        (6, 2, 2),
        "read with the folders in it: bees/",
    ),
    "a test of blood and one of skin": Read(
        {"blood_test": 5, "skin_test": 5, "none": 5}, ["blood_test", "none", "skin_test"], (9, 3, 3)
    ),
}


@pytest.mark.parametrize("name", READ)
def test_a_public_layout_is_read_as_it_is_meant(tmp_path, name):
    case = READ[name]
    splits = load_dataset(build(tmp_path / "data", case.photos, case.files))
    assert splits.classes == case.classes
    assert (len(splits.train), len(splits.val), len(splits.test)) == case.counts
    notes = " ".join(splits.notes)
    assert case.says in notes and (case.says or not notes)
    top = {"Annotation", "Annotations", "meta", "labels", "imdb", "seg_pred", "single_prediction", "__MACOSX"}
    told = [
        (s.path.name if s.path.name in top or s.path.is_dir() else f"{s.path.parent.name}/{s.path.name}")
        + f" ({s.reason})"
        for s in splits.skipped
    ]
    assert told == case.skips
    assert all(note in splits.summary() for note in splits.notes)


# {layout: (its photos, what the refusal says, among it the cure)}
REFUSED = {
    "Dogs vs. Cats (Kaggle)": (
        {"train/cat.{}.jpg": 5, "train/dog.{}.jpg": 5, "test1/{}.jpg": 4},
        ["test1/, train/ in", "no class folders", "one folder a class; names begin with cat, dog"],
    ),
    "GTSRB (Kaggle)": (
        {"Train/0": 4, "Train/1": 4, "Test": 3, "Meta": 2},
        ["Test/ in", "no class folders, so nothing says what they show", "give ", "/Train, which is then divided"],
    ),
    "Train and train together, as GTSRB's archive has them": (
        {"Train/0": 4, "Train/1": 4, "train/0": 4, "train/1": 4, "Test/0": 3, "Test/1": 3},
        ["more than one folder for train: Train/, train/", "remove or rename"],
    ),
    "Flowers-102": (
        {"flowers-102/jpg/image_{}.jpg": 6},
        ["flowers-102 has one class folder only (jpg)", "add a folder for each other class"],
    ),
    "Oxford-IIIT Pet, its images/": (
        {"Abyssinian_{}.jpg": 4, "beagle_{}.jpg": 4},
        ["8 photos but no class folders", "names begin with abyssinian, beagle"],
    ),
    "PlantVillage": (
        in_each({"color": 3, "grayscale": 3, "segmented": 3}, ["Apple___healthy", "Tomato___healthy"]),
        ["color/, grayscale/, segmented/ in", "may be versions of one dataset", "give one of them"],
    ),
    "CUB-200-2011 with its segmentations": (
        in_each({"images": 3, "segmentations": 3}, ["001.Black_footed_Albatross", "002.Laysan_Albatross"]),
        ["images/, segmentations/ in", "give one of them"],
    ),
    "Tiny ImageNet": (
        {"train/n01/images": 3, "train/n02/images": 3, "val/images": 4, "test/images": 4},
        ["val/ lacks n01, n02", "train/ lacks images", "give every part the same class folders"],
    ),
    "YOLO's train and valid, with labels elsewhere": (
        {"train/images": 3, "valid/images": 3},
        ["has one class folder only (images)", "add a folder for each other class"],
    ),
    "parts within the classes": (
        in_each({"cats": 3, "dogs": 3}, ["test", "train"]),
        ["cats/, dogs/ in", "hold test/, train/ each", "as train/cats/"],
    ),
    "train alone": (
        {"train/cats": 3, "train/dogs": 3},
        ["train/ but no val/: add val/", "/train, which is then divided"],
    ),
    "train alone, beside heaps of photos": (
        {"train/cats": 3, "train/dogs": 3, "Meta": 4},
        ["train/ with folders in it beside folders of photos (Meta/)", "give "],
    ),
    "classes beside a heap to test on": (
        {"cats": 3, "dogs": 3, "test": 4},
        ["test/ beside cats/, dogs/", "remove it", "rename it"],
    ),
    "no train": (
        in_each({"val": 3, "test": 3}, PETS),
        ["test/, val/ but no train/", "add train/"],
    ),
    "one class with two spellings": (
        {"train/Cat": 3, "train/dog": 3, "val/cat": 3, "val/dog": 3},
        ["differ in how they are spelled", "val/ lacks Cat and train/ lacks cat"],
    ),
    "a lone part": (
        {"test/cats": 3, "test/dogs": 3},
        ["one class folder only (test)", "where its folders are the classes, give "],
    ),
}


@pytest.mark.parametrize("name", REFUSED)
def test_a_layout_that_could_mean_more_is_refused_with_the_cure(tmp_path, name):
    photos, says = REFUSED[name]
    build(tmp_path / "data", photos)
    with pytest.raises(CourseError) as caught:
        load_dataset(tmp_path / "data")
    message = str(caught.value)
    assert all(words in message for words in says), message
    assert "\n" not in message and len(message) < 600


def test_the_folder_that_a_refusal_names_is_read(tmp_path):
    build(tmp_path, {"Train/0": 5, "Train/1": 5, "Test": 3})
    assert load_dataset(tmp_path / "Train").classes == ["0", "1"]
    build(tmp_path / "plants", in_each({"color": 5, "gray": 5}, PETS))
    assert load_dataset(tmp_path / "plants" / "color").classes == PETS


@pytest.mark.parametrize(
    ("folder", "part"),
    [
        *[(name, "train") for name in ("train", "Training", "seg_train", "trainingSet", "train_images", "01-train")],
        *[(name, "val") for name in ("val", "VALID", "validation_set", "dev", "valSet")],
        *[(name, "test") for name in ("test", "Testing", "test1", "test_set", "TestImages", "evaluation")],
        *[(name, None) for name in ("trains", "constrain", "valley", "contest", "device", "tests", "cats", "蚂蚁", "")],
        ("train_val", None),
    ],
)
def test_what_a_name_says(folder, part):
    assert part_named(folder) == part


# ---- folders that are no classes -------------------------------------------------------------------


@pytest.mark.parametrize(
    ("folder", "reason"),
    [
        ("@eaDir", "thumbnails of a Synology"),
        ("__MACOSX", "made by macOS's archiver"),
        (".ipynb_checkpoints", "a hidden folder"),
        ("Thumbs", "thumbnails"),
        ("$RECYCLE.BIN", "a recycle bin"),
    ],
)
@pytest.mark.parametrize("where", ["", "cats/", "train/", "train/cats/"])
def test_folders_that_programs_make_are_no_classes_and_named(tmp_path, where, folder, reason):
    classes = in_each({"train": 5, "val": 2}, PETS) if where.startswith("train") else {"cats": 5, "dogs": 5}
    splits = load_dataset(build(tmp_path, {**classes, f"{where}{folder}": 4}))
    assert splits.classes == PETS and sum(map(len, (splits.train, splits.val, splits.test))) == sum(classes.values())
    assert [(s.path, s.reason) for s in splits.skipped] == [(tmp_path / where / folder, f"no class: {reason}")]
    assert folder in splits.summary()


@pytest.mark.parametrize("twin", ["Cats", "CATS", "cats ", "ca ts", "CA-TS"])
def test_what_looks_like_one_class_twice_is_said(tmp_path, twin):
    first = "ca_ts" if len(twin.strip()) > 4 else "cats"
    splits = load_dataset(build(tmp_path, {first: 5, twin: 5, "dogs": 5}))
    assert len(splits.classes) == 3
    (note,) = splits.notes
    assert note.startswith("looks like one class 2 times") and "dogs" not in note and note in splits.summary()


def test_accents_of_a_mac_and_of_others_are_one_name(tmp_path):
    composed, split = "caf\u00e9", "cafe\u0301"
    splits = load_dataset(build(tmp_path, {f"train/{split}": 5, "train/tea": 5, f"val/{composed}": 2, "val/tea": 2}))
    assert splits.classes == [composed, "tea"]
