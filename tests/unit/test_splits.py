"""Dividing, drawing and fingerprinting: what later numbers rest on."""

from __future__ import annotations

import pickle

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from helpers.data.splits import Arrays, ImageDataset, Skipped, Splits, stratified_split
from helpers.errors import CourseError


def dataset(counts=(12, 10), transform=None):
    labels = np.repeat(np.arange(len(counts)), counts)
    images = np.random.default_rng(0).integers(0, 256, (len(labels), 4, 4, 3), dtype=np.uint8)
    classes = ["ant", "bee", "cat", "dog"][: len(counts)]
    return ImageDataset(Arrays(images), labels, classes, [f"{i}.png" for i in range(len(labels))], transform)


def width(image):
    return image.width


label_lists = st.lists(st.integers(0, 6), max_size=120)
fractions = st.sampled_from([(0.6, 0.2, 0.2), (0.5, 0.25, 0.25), (0.1, 0.45, 0.45), (0.98, 0.01, 0.01)])


@settings(deadline=None)  # the machine may be busy
@given(label_lists, fractions, st.integers(0, 2**31))
def test_a_split_is_disjoint_complete_and_repeatable(labels, fractions, seed):
    parts = stratified_split(labels, fractions, seed)
    together = np.concatenate(parts)
    assert sorted(together) == list(range(len(labels)))
    again = stratified_split(labels, fractions, seed)
    assert all(np.array_equal(a, b) and a.dtype == np.int64 for a, b in zip(parts, again, strict=True))


@settings(deadline=None)  # the machine may be busy
@given(label_lists, fractions, st.integers(0, 99))
def test_three_images_of_a_class_reach_every_part(labels, fractions, seed):
    parts = stratified_split(labels, fractions, seed)
    values = np.asarray(labels, dtype=int)
    for label in set(labels):
        sizes = [int((values[part] == label).sum()) for part in parts]
        n = sum(sizes)
        if n >= 3:
            assert min(sizes) >= 1
        else:
            assert sizes[0] == 1 and max(sizes) == 1
        exact = np.array(fractions) * n
        if exact.min() >= 1:
            assert np.all(np.abs(sizes - exact) < 1)


def test_another_seed_is_another_split():
    labels = [0, 1] * 50
    assert not np.array_equal(stratified_split(labels, seed=0)[2], stratified_split(labels, seed=1)[2])


def test_a_class_is_divided_whatever_the_others_are():
    a_first = stratified_split([0] * 20, seed=3)
    with_b = stratified_split([0] * 20 + [1] * 33, seed=3)
    assert all(np.array_equal(a, b[b < 20]) for a, b in zip(a_first, with_b, strict=True))


@settings(deadline=None)  # the machine may be busy
@given(label_lists, st.integers(0, 99))
def test_groups_of_one_image_change_nothing(labels, seed):
    plain = stratified_split(labels, seed=seed)
    for groups in (range(len(labels)), [f"{i * 7919 % 1009:04d}" for i in range(len(labels))]):
        grouped = stratified_split(labels, seed=seed, groups=list(groups))
        assert all(np.array_equal(a, b) and a.dtype == b.dtype for a, b in zip(plain, grouped, strict=True))


@settings(deadline=None)  # the machine may be busy
@given(st.lists(st.integers(0, 30), max_size=120), st.integers(0, 99))
def test_a_group_stays_in_one_part(groups, seed):
    labels = [group % 3 for group in groups]
    parts = stratified_split(labels, seed=seed, groups=groups)
    assert sorted(np.concatenate(parts)) == list(range(len(groups)))
    held = [{groups[i] for i in part} for part in parts]
    assert len(set(groups)) == sum(map(len, held))
    for label in set(labels):
        if len({g for g in groups if g % 3 == label}) >= 3:
            assert all(any(g % 3 == label for g in part) for part in held)


def test_a_part_with_fraction_zero_stays_empty():
    train, val, test = stratified_split([0, 0, 1, 1, 1], (0.8, 0.2, 0.0))
    assert len(train) == 3 and len(val) == 2 and len(test) == 0


@pytest.mark.parametrize("bad", [(0.5, 0.5), (0.5, 0.2, 0.2), (1.2, -0.1, -0.1), (float("nan"), 0.5, 0.5)])
def test_fractions_must_sum_to_one(bad):
    with pytest.raises(CourseError, match="three that sum to 1"):
        stratified_split([0, 1], bad)


def test_an_item_is_the_image_or_its_transform_and_an_int():
    plain = dataset()
    image, label = plain[11]
    assert isinstance(image, Image.Image) and image.mode == "RGB" and type(label) is int and label == 0
    assert plain.with_transform(width)[12] == (4, 1)
    assert plain.transform is None
    assert np.array_equal(np.asarray(plain[-1][0]), plain.source.images[21])
    assert len(list(plain)) == 22, "iteration ends by IndexError"


def test_labels_are_int64_and_names_follow_a_subset():
    part = dataset().subset([21, 0])
    assert part.labels.dtype == torch.int64 and part.labels.tolist() == [1, 0]
    assert part.names == ["21.png", "0.png"] and part.classes == ["ant", "bee"]
    with pytest.raises(CourseError, match="no image 22"):
        dataset().subset([22])


@settings(deadline=None)  # the machine may be busy
@given(st.integers(1, 9), st.integers(0, 50))
def test_draws_per_class_are_stratified_and_nested(n, seed):
    whole = dataset()
    small, large = whole.per_class(n, seed), whole.per_class(10, seed)
    assert small.counts() == [n, n] and len(set(small.names)) == 2 * n
    assert set(small.names) <= set(large.names)


def test_draws_differ_by_seed():
    assert dataset().per_class(5, 0).names != dataset().per_class(5, 1).names


def test_asking_for_more_than_a_class_has_names_the_class_and_its_count():
    with pytest.raises(CourseError, match=r"'bee' has 10 images, 11 were asked for: ask for at most 10"):
        dataset().per_class(11)


@pytest.mark.parametrize("bad", [0, -1, 2.5, "5", None, True])
def test_per_class_wants_a_whole_number(bad):
    with pytest.raises(CourseError, match="whole number from 1 up"):
        dataset().per_class(bad)


def test_the_fingerprint_follows_the_content_and_not_the_transform():
    base = dataset()
    assert base.fingerprint == dataset(transform=width).fingerprint
    changed = dataset()
    changed.source.images[3, 0, 0, 0] ^= 1
    assert changed.fingerprint != base.fingerprint
    assert base.subset([0, 1]).fingerprint != base.subset([1, 0]).fingerprint
    relabelled = ImageDataset(base.source, 1 - base.labels, base.classes, base.names)
    assert relabelled.fingerprint != base.fingerprint


def test_a_dataset_survives_pickling():
    copy = pickle.loads(pickle.dumps(dataset(transform=width)))
    assert copy[12] == (4, 1) and copy.fingerprint == dataset().fingerprint


def test_images_labels_and_names_must_agree():
    with pytest.raises(CourseError, match="one label and one name for each image"):
        ImageDataset(Arrays(np.zeros((2, 4, 4, 3), np.uint8)), [0], ["a"], ["x", "y"])


def test_a_transform_must_be_callable():
    with pytest.raises(CourseError, match=r"weights\.transforms"):
        dataset().with_transform("resize")


def test_the_summary_is_a_table_with_totals_and_skipped_files(tmp_path):
    whole = dataset()
    splits = Splits("zoo", whole.classes, whole, whole.per_class(3), whole.per_class(2))
    lines = splits.summary().splitlines()
    assert lines[0] == "zoo"
    assert [line.split() for line in lines[1:5]] == [
        ["class", "train", "val", "test"],
        ["ant", "12", "3", "2"],
        ["bee", "10", "3", "2"],
        ["all", "22", "6", "4"],
    ]
    assert lines[5] == "skipped: no files"
    splits.notes = ["read: the folder images/ within"]
    splits.skipped = [Skipped(tmp_path / "bee" / f"{i}.jpg", "truncated") for i in range(7)]
    splits.skipped += [Skipped(tmp_path / "bee" / f"{i}", f"reason {i}") for i in range(8)]
    lines = splits.summary().splitlines()
    assert lines[5:8] == [splits.notes[0], "skipped: 15", "  7 truncated: bee/0.jpg, bee/1.jpg and 5 more"]
    assert lines[8] == "  1 reason 0: bee/0" and lines[-1] == "  3 for other reasons"


def test_with_transform_reaches_every_part_and_leaves_the_original():
    whole = dataset()
    splits = Splits("zoo", whole.classes, whole, whole, whole)
    changed = splits.with_transform(width)
    assert (changed.train[0][0], changed.val[0][0], changed.test[0][0]) == (4, 4, 4)
    assert splits.train.transform is None
