"""The benchmarks of speed as programs, on a handful of painted photos: what they write down, and what they refuse."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest
from PIL import Image

from helpers.data.painted_flowers import Recipe, painted_flowers
from helpers.errors import CourseError


@pytest.fixture
def photos(tmp_path) -> Path:
    for part, first in (("train", 0), ("val", 9)):
        images, labels = painted_flowers(3, Recipe(size=32), first=first, species=("rose", "tulip"))
        for number, (image, label) in enumerate(zip(images, labels, strict=True)):
            file = tmp_path / "photos" / part / ("rose", "tulip")[label] / f"{number}.png"
            file.parent.mkdir(parents=True, exist_ok=True)
            Image.fromarray(image).save(file)
    return tmp_path / "photos"


def runs(recipe: str, accuracy: float, seconds: float) -> list[dict]:
    return [
        {
            "photos": "/home/ants",
            "recipe": recipe,
            "seed": seed,
            "accuracy": [0.99, accuracy],
            "seconds": [1.0, seconds],
            "core seconds": 2 * seconds,
        }
        for seed in range(2)
    ]


def test_a_peer_is_held_against_its_own_end_and_not_its_best_epoch(program):
    rows = [*runs("tutorial, frozen", 0.9, 100.0), *runs("course, frozen", 0.9, 4.0), *runs("tutorial, all", 0.9, 50.0)]
    (row,) = program("recipes").table(rows)
    assert (row["photos"], row["peer"], row["ours"], row["seeds"]) == ("ants", "tutorial, frozen", "course, frozen", 2)
    assert (row["ratio of seconds"], row["ratio of core seconds"], row["no less accurate"]) == (25.0, 25.0, True)
    assert (row["their accuracy"], row["their best epoch"]) == (0.9, 0.99)


def test_a_less_accurate_recipe_is_not_called_as_good(program):
    (row,) = program("recipes").table([*runs("tutorial, all", 0.9, 100.0), *runs("course, all", 0.89, 4.0)])
    assert row["no less accurate"] is False


def test_recipes_run_once_and_what_is_there_is_not_run_again(program, photos, monkeypatch, capsys):
    recipes = program("recipes")
    asked = [
        "recipes.py",
        str(photos),
        "--seeds",
        "1",
        "--epochs",
        "1",
        "--without",
        "fastai",
        "course, all",
        "tutorial, all",
    ]
    monkeypatch.setattr(sys, "argv", asked)
    recipes.main()
    assert "Not written" in capsys.readouterr().out
    (log,) = (photos.parent / "cache").glob("*.jsonl")
    _, *rows = map(json.loads, log.read_text().splitlines())
    assert [row["recipe"] for row in rows] == ["course, frozen", "tutorial, frozen"]
    assert all(0 <= row["accuracy"][0] <= 1 < 60 * row["seconds"][0] for row in rows)
    assert all(row["core seconds"] > 0 for row in rows)
    monkeypatch.setattr(recipes, "run", None)
    recipes.main()


def test_folders_without_two_parts_and_a_missing_fastai_are_told(program, photos, monkeypatch):
    monkeypatch.setattr(sys, "argv", ["recipes.py", str(photos / "train")])
    with pytest.raises(CourseError, match="name folders that hold train/ and val/"):
        program("recipes").main()
    monkeypatch.setitem(sys.modules, "fastai", None)
    with pytest.raises(CourseError, match="uv pip install fastai"):
        program("peers").fastai(photos / "train", photos / "val", "efficientnet_lite0", 0)


def test_growth_measures_each_number_in_a_process_of_its_own(program, monkeypatch, capsys, tmp_path):
    growth = program("growth")
    monkeypatch.setattr(growth, "PAINTED", 10)
    monkeypatch.setattr(sys, "argv", ["growth.py", "--counts", "12", "25"])
    growth.main()
    _, *rows = map(json.loads, (tmp_path / "cache" / "growth.jsonl").read_text().splitlines())
    assert [row["images"] for row in rows] == [12, 25]
    assert len({file.read_bytes() for file in (tmp_path / "cache" / "growth").iterdir()}) == 25, "no two are alike"
    assert all(row["features (MB)"] == round(row["images"] * 1280 * 4 / 1e6, 1) for row in rows)
    monkeypatch.setattr(growth, "in_a_fresh_process", None)
    growth.main()
