"""Lesson 03 on a folder of real photos: the ants and bees of PyTorch's own tutorial."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from helpers.course.lessons import find_lessons
from helpers.course.running import run_lessons

PHOTOS = Path(__file__).resolve().parents[3] / "shared" / "data" / "hymenoptera"


@pytest.mark.skipif(not PHOTOS.is_dir(), reason=f"no real photos: there is no folder {PHOTOS.name} beside the checkout")
def test_a_frozen_backbone_tells_ants_from_bees(tmp_path):
    parameters = {"DATASET": str(PHOTOS), "TRAIN_SIZES": [5], "SCRATCH_EPOCHS": 1}
    summary = run_lessons(find_lessons(["03"]), tmp_path, parameters=parameters, progress=False)
    assert not summary.failed
    (row,) = json.loads((tmp_path / "scoreboard.json").read_text(encoding="utf-8"))
    assert row["accuracy"] >= 0.93
    assert row["test_images"] == 153
    assert row["trainable_parameters"] == 1280 * 2 + 2
    assert set(row) == {
        "lesson",
        "strategy",
        "dataset",
        "backbone",
        "accuracy",
        "accuracy_sd",
        "test_images",
        "trainable_parameters",
        "seconds",
        "device",
        "per_class",
        "seeds",
    }
