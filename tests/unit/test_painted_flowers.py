"""The painter: same pictures every time, on disk once, and readable errors."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from helpers.data import painted_flowers as module
from helpers.data.painted_flowers import SPECIES, Recipe, paint, painted_flowers
from helpers.errors import CourseError

TINY = Recipe(size=16)


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("COURSE_CACHE", str(tmp_path))
    return tmp_path / "painted_flowers"


@pytest.fixture
def painted(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, int]]:
    """Every (species, index) that was really painted, in order."""
    calls: list[tuple[str, int]] = []

    def counting(species: str, index: int, recipe: Recipe | None = None):
        calls.append((species, index))
        return paint(species, index, recipe)

    monkeypatch.setattr(module, "paint", counting)
    return calls


def bytes_of(species: str, index: int, recipe: Recipe = TINY) -> bytes:
    return paint(species, index, recipe).tobytes()


def test_shapes_types_and_order() -> None:
    images, labels = painted_flowers(3, TINY)
    assert images.shape == (15, 16, 16, 3) and images.dtype == np.uint8
    assert labels.dtype == np.int64 and labels.tolist() == sorted([0, 1, 2, 3, 4] * 3)
    assert images[4].tobytes() == bytes_of(SPECIES[1], 1)
    assert paint("rose", 0, Recipe(size=33)).size == (33, 33)
    assert paint("rose", 0).size == (128, 128)


def test_labels_follow_the_species_asked_for() -> None:
    images, labels = painted_flowers(2, TINY, species=("tulip", "daisy"))
    assert labels.tolist() == [0, 0, 1, 1]
    assert images[0].tobytes() == bytes_of("tulip", 0)


def test_a_picture_depends_on_species_index_and_recipe_alone() -> None:
    few, _ = painted_flowers(2, TINY)
    many, _ = painted_flowers(5, Recipe(size=16), first=1)
    assert np.array_equal(few[1], many[0])
    assert few[1].tobytes() == bytes_of("daisy", 1)


def test_other_processes_paint_the_same_bytes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_FEW", 0)
    for recipe in (TINY, Recipe(size=16, shift=0.3)):
        images, _ = painted_flowers(2, recipe, workers=2)
        alone = [bytes_of(name, index, recipe) for name in SPECIES for index in range(2)]
        assert [image.tobytes() for image in images] == alone


def test_workers_really_paint(monkeypatch: pytest.MonkeyPatch, painted: list) -> None:
    monkeypatch.setattr(module, "_FEW", 0)
    painted_flowers(1, TINY, workers=2)
    assert painted == [], "this process painted, so no worker answered"


def test_a_dead_worker_costs_no_pictures(monkeypatch: pytest.MonkeyPatch, painted: list) -> None:
    monkeypatch.setattr(module, "_FEW", 0)
    monkeypatch.setattr(module.sys, "executable", "/bin/false")
    images, _ = painted_flowers(1, TINY, workers=2)
    assert len(painted) == 5 and images[0].tobytes() == bytes_of("daisy", 0)


def test_the_seed_and_the_index_change_the_flower() -> None:
    different = {bytes_of("lily", index, Recipe(size=16, seed=seed)) for index in range(3) for seed in range(3)}
    assert len(different) == 9


def test_species_differ() -> None:
    assert len({bytes_of(name, 0) for name in SPECIES}) == 5


def test_golden_picture() -> None:
    """A change of the painter must come with a new PAINTER_VERSION, or old caches mix with new pictures."""
    mean_colour = np.asarray(paint("sunflower", 0, Recipe(size=32)), float).mean((0, 1))
    assert module.PAINTER_VERSION == 2
    # Within a tenth of a grey level: another platform's last bits may move a pixel, not the picture.
    assert np.abs(mean_colour - [102.206, 108.261, 73.027]).max() < 0.1


@pytest.mark.parametrize("change", [{"size": 17}, {"difficulty": 0.4}, {"shift": 0.1}, {"seed": 1}])
def test_every_field_changes_the_key_and_the_picture(change: dict) -> None:
    other = Recipe(**{"size": 16, **change})
    assert other.key() != TINY.key()
    assert bytes_of("rose", 0, other) != bytes_of("rose", 0)


def test_the_key_knows_the_painter_and_ignores_number_types(monkeypatch: pytest.MonkeyPatch) -> None:
    assert Recipe(difficulty=1, size=np.int64(16)).key() == Recipe(difficulty=1.0, size=16).key()
    before = TINY.key()
    monkeypatch.setattr(module, "PAINTER_VERSION", module.PAINTER_VERSION + 1)
    assert TINY.key() != before


def test_what_is_cached_is_not_painted_again(painted: list) -> None:
    first, _ = painted_flowers(5, TINY)
    assert len(painted) == 25
    painted.clear()
    again, _ = painted_flowers(5, TINY)
    fewer, _ = painted_flowers(2, TINY)
    assert painted == []
    assert np.array_equal(first, again) and np.array_equal(fewer[2], first[5])


def test_a_larger_set_paints_only_what_is_new(monkeypatch: pytest.MonkeyPatch, painted: list) -> None:
    monkeypatch.setattr(module, "_CHUNK", 4)
    painted_flowers(5, TINY, species=("rose",))
    painted.clear()
    images, _ = painted_flowers(10, TINY, species=("rose",))
    assert painted == [("rose", index) for index in range(5, 10)]
    assert [image.tobytes() for image in images] == [bytes_of("rose", index) for index in range(10)]
    painted.clear()
    painted_flowers(3, TINY, first=8, species=("rose",))
    assert painted == [("rose", 10)]
    painted.clear()
    painted_flowers(11, TINY, species=("rose",))
    assert painted == [], "extending a file dropped what it held"


def test_another_recipe_does_not_read_this_cache(painted: list) -> None:
    painted_flowers(1, TINY)
    painted_flowers(1, Recipe(size=16, seed=1))
    assert len(painted) == 10


@pytest.mark.parametrize("damage", ["cut", "flipped", "empty", "text"])
def test_a_damaged_file_is_painted_again(cache: Path, painted: list, damage: str) -> None:
    whole, _ = painted_flowers(3, TINY, species=("lily",))
    (file,) = cache.rglob("lily-*")
    content = file.read_bytes()
    middle = len(content) // 2
    if damage == "cut":
        file.write_bytes(content[:middle])
    elif damage == "flipped":
        file.write_bytes(content[:middle] + bytes([content[middle] ^ 255]) + content[middle + 1 :])
    elif damage == "empty":
        file.write_bytes(b"")
    else:
        file.write_text("not pictures")
    painted.clear()
    repaired, _ = painted_flowers(3, TINY, species=("lily",))
    assert len(painted) == 3 and np.array_equal(repaired, whole)
    painted.clear()
    painted_flowers(3, TINY, species=("lily",))
    assert painted == [], "the repaired file was not kept"


def test_nothing_half_written_stays(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(self: Path, target: Path) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "replace", full)
    with pytest.raises(CourseError, match=r"No space left.*COURSE_CACHE"):
        painted_flowers(1, TINY)
    assert [path for path in cache.rglob("*") if path.is_file()] == []


def test_shift_keeps_the_scene_and_changes_its_look() -> None:
    photo, half, ink, false = (
        np.asarray(paint("tulip", 3, Recipe(size=32, shift=shift)), float) for shift in (0, 0.25, 0.5, 1)
    )
    assert np.abs(half - (photo + ink) / 2).max() <= 1, "0.25 is half photo, half ink"
    assert ink.mean() > photo.mean() + 20, "ink is mostly paper"
    assert abs(false.mean() - (255 - photo.mean())) < 1, "the negative inverts"
    near, at = (np.asarray(paint("tulip", 3, Recipe(size=32, shift=shift)), float) for shift in (0.499, 0.501))
    assert np.abs(near - at).mean() < 2, "the dial jumps at a half"


def test_no_bar_for_little_work_and_none_on_a_hit(capsys: pytest.CaptureFixture[str]) -> None:
    painted_flowers(2, TINY)
    painted_flowers(2, TINY)
    assert capsys.readouterr() == ("", "")


def test_the_bar_is_on_stdout_and_can_be_turned_off(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(module, "_BAR_SECONDS", 0.0)
    painted_flowers(1, TINY)
    shown = capsys.readouterr()
    assert "painting flowers" in shown.out and shown.err == ""
    painted_flowers(1, TINY, first=5, progress=False)
    assert capsys.readouterr() == ("", "")


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: Recipe(difficulty=1.1), r"difficulty is 1.1: give a number from 0 to 1"),
        (lambda: Recipe(shift=-0.1), r"shift is -0.1"),
        (lambda: Recipe(shift=float("nan")), r"shift is nan"),
        (lambda: Recipe(difficulty="hard"), r"difficulty is 'hard'"),
        (lambda: Recipe(size=15), r"size is 15: give a whole number of at least 16"),
        (lambda: Recipe(size=64.0), r"size is 64.0"),
        (lambda: Recipe(seed=-1), r"seed is -1"),
        (lambda: paint("dasy", 0), r"unknown species 'dasy': did you mean daisy"),
        (lambda: paint("rose", -1), r"index is -1"),
        (lambda: painted_flowers(0, TINY), r"per_class is 0"),
        (lambda: painted_flowers(2.5, TINY), r"per_class is 2.5"),
        (lambda: painted_flowers(1, TINY, first=-1), r"first is -1"),
        (lambda: painted_flowers(1, TINY, workers=0), r"workers is 0"),
        (lambda: painted_flowers(1, TINY, species=("rose", "orchid")), r"unknown species 'orchid'"),
        (lambda: painted_flowers(1, TINY, species=("rose", "rose")), r"each once"),
        (lambda: painted_flowers(1, TINY, species=()), r"at least one"),
        (lambda: painted_flowers(1, 0.5), r"recipe is 0.5: give a Recipe"),
    ],
)
def test_bad_arguments_are_one_readable_line(call, message: str) -> None:
    with pytest.raises(CourseError, match=message) as error:
        call()
    assert "\n" not in str(error.value)
