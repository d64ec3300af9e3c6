"""Names beside points cover neither points nor one another."""

from __future__ import annotations

import matplotlib.pyplot as plt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from matplotlib.axes import Axes

from helpers.course.labels import label_points


@pytest.fixture(autouse=True)
def _no_figure_is_left():
    yield
    plt.close("all")


def drawn(points: dict[str, tuple[float, float]], scale: str = "log") -> Axes:
    _, axis = plt.subplots(figsize=(8, 4.4))
    for x, y in points.values():
        axis.scatter(x, y, s=60)
    axis.set(xscale=scale)
    axis.margins(x=0.3, y=0.2)
    label_points(axis, points)
    return axis


def boxes(axis: Axes) -> list:
    axis.figure.draw_without_rendering()
    return [text.get_window_extent() for text in axis.texts]


@settings(deadline=None, max_examples=25)
@given(st.lists(st.tuples(st.integers(1, 200), st.integers(60, 90)), min_size=1, max_size=6, unique=True))
def test_every_name_is_there_once_and_in_the_picture_where_it_can(places):
    points = {f"network_{i}": place for i, place in enumerate(places)}
    axis = drawn(points)
    assert [text.get_text() for text in axis.texts] == list(points)
    plt.close("all")


def test_names_of_near_points_do_not_cover_one_another_nor_a_point():
    points = {
        "resnet50": (13.5, 80.9),
        "efficientnet_b4": (3.9, 83.4),
        "vit_b_16": (4.9, 81.1),
        "convnext_base": (4.9, 84.1),
        "tiny_vit_5m": (16, 80.9),
        "efficientnet_lite2": (18.5, 77.6),
    }
    axis = drawn(points)
    found = boxes(axis)
    middles = axis.transData.transform(list(points.values()))
    for i, box in enumerate(found):
        assert box.count_overlaps(found[:i] + found[i + 1 :]) == 0
        assert box.count_contains(middles) == 0
        assert axis.bbox.count_contains([box.min, box.max]) == 2


def test_two_points_in_one_place_have_two_names_in_two_places():
    first, second = boxes(drawn({"a network": (2, 3), "another": (2, 3)}, "linear"))
    assert first.count_overlaps([second]) == 0


def test_names_keep_off_lines():
    """A frontier falls to the right of each point, where a name would stand first."""
    points = {"convnext_base": (12.0, 84.1), "efficientnet_b4": (40.0, 83.9), "resnet50": (90.0, 80.9)}
    _, axis = plt.subplots(figsize=(8, 4.4))
    (line,) = axis.plot(*zip(*points.values(), strict=True))
    axis.margins(x=0.3, y=0.2)
    label_points(axis, points)
    path = line.get_path().transformed(line.get_transform())
    assert len(boxes(axis)) == 3
    assert not any(path.intersects_bbox(box, filled=False) for box in boxes(axis))
