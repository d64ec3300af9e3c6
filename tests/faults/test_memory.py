"""Too little memory for a backbone: told before anything is fetched or read, with a smaller one that fits."""

from __future__ import annotations

import re

import psutil
import pytest

from helpers.course.lessons import all_lessons, contract
from helpers.errors import CourseError
from helpers.memory import Memory, memory
from helpers.models import backbones
from helpers.models.backbones import (
    DEFAULT_BACKBONE,
    backbone_names,
    bytes_to_load,
    load_backbone,
    parameters_of,
    smaller_backbone,
)


@pytest.fixture
def free(monkeypatch: pytest.MonkeyPatch):
    def set_free(gigabytes: float) -> None:
        left = Memory(int(gigabytes * 1e9), int(64e9))
        monkeypatch.setattr(backbones, "memory", lambda: left)
        monkeypatch.setattr("helpers.course.lessons.memory", lambda: left)
        # A process that has run many tests may hold more than a lesson takes.
        monkeypatch.setattr("helpers.course.lessons.bytes_held_here", lambda: int(0.4e9))

    return set_free


def test_the_memory_of_this_machine_is_seen() -> None:
    found = memory()
    assert 0 < found.free <= found.total <= psutil.virtual_memory().total


def test_what_loading_takes_is_counted_from_the_network() -> None:
    network = load_backbone("resnet18", pretrained=False).model
    held = sum(one.nbytes for one in network.parameters())
    assert bytes_to_load("resnet18", pretrained=False) == held and bytes_to_load("resnet18") == 2 * held


def test_a_backbone_that_does_not_fit_is_told_before_it_is_fetched(free, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(backbones, "weights_source", lambda name: pytest.fail("its weights were looked for"))
    monkeypatch.setattr(backbones, "weights_at_hand", lambda name: name in backbones.OFFLINE_BACKBONES)
    free(2.0)
    with pytest.raises(CourseError) as caught:
        load_backbone("vit_h_14")
    said = str(caught.value)
    assert said.startswith("vit_h_14 takes 5.1 GB of memory to load, and 2 GB are free: close other programs ")
    assert said.endswith('or take a smaller one, such as "efficientnet_lite2" (0.049 GB)') and "\n" not in said


@pytest.mark.parametrize("name", backbone_names())
def test_the_smaller_one_fits_and_is_smaller(name: str) -> None:
    room = bytes_to_load(name) - 1
    smaller = smaller_backbone(name, room)
    if smaller is None:
        assert all(parameters_of(one) >= parameters_of(name) for one in backbones.COURSE_BACKBONES)
    else:
        assert bytes_to_load(smaller) <= room and parameters_of(smaller) < parameters_of(name)


def test_where_none_fits_none_is_offered(free) -> None:
    free(0.01)
    with pytest.raises(CourseError, match=r"close other programs and notebooks$"):
        load_backbone()


def test_what_fits_is_loaded(free) -> None:
    free(bytes_to_load(DEFAULT_BACKBONE) / 1e9 + 0.001)
    assert load_backbone().pretrained


def shown(capsys: pytest.CaptureFixture[str], number: str, **names: str) -> str:
    exec(f'contract("{number}")', {"contract": contract, **names})
    said = capsys.readouterr().out
    assert said.startswith("This lesson takes at most ") and said.count("\n") == 1
    return said


@pytest.mark.parametrize("lesson", all_lessons(), ids=lambda lesson: lesson.name)
def test_a_lesson_tells_in_its_first_cells_whether_its_memory_is_there(lesson, free, capsys) -> None:
    free(64)
    assert "GB are free" not in shown(capsys, lesson.number, BACKBONE=DEFAULT_BACKBONE)
    free(0.2)
    said = shown(capsys, lesson.number, BACKBONE=DEFAULT_BACKBONE)
    assert "and 0.2 GB are free: close other programs" in said and "smaller" not in said


def test_a_larger_backbone_needs_more_and_a_smaller_one_is_offered(free, capsys) -> None:
    free(5)
    assert "GB are free" not in shown(capsys, "03", BACKBONE=DEFAULT_BACKBONE)
    said = shown(capsys, "03", BACKBONE="vit_l_16")
    assert f"set BACKBONE to a smaller one, such as {DEFAULT_BACKBONE}" in said
    more = float(re.search(r"With vit_l_16 it may take ([\d.]+) GB more", said).group(1))
    assert 5 < more < 9
    for unknown in ("nonsense", ["vit_l_16"], None):
        assert "GB are free" not in shown(capsys, "03", BACKBONE=unknown)
