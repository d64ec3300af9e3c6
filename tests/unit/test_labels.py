"""Names beside points cover neither points nor one another."""

from __future__ import annotations

import io
from pathlib import Path

import matplotlib
import matplotlib.pyplot as plt
import pytest
from fontTools.fontBuilder import FontBuilder
from fontTools.pens.ttGlyphPen import TTGlyphPen
from hypothesis import given, settings
from hypothesis import strategies as st
from matplotlib import font_manager
from matplotlib.axes import Axes
from PIL import Image

from helpers.course import labels
from helpers.course.figures import (
    bars,
    blank,
    curves,
    heat_map,
    image_grid,
    named_points,
    predictions,
    stacked_bars,
    style,
)
from helpers.course.figures.style import as_png, label_axes
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


# ---- names are text --------------------------------------------------------------------------------

AXES = {"x_label": "images", "y_label": "accuracy"}
HOSTILE = ["$x^$", "$5 and $10", "a_b^c \\frac{", "$\\notacommand$", "%s {0}", "<b>&amp;</b>"]


def of_names(names: list[str]) -> dict:
    """A figure from each function that draws names, with these."""
    image = Image.new("RGB", (8, 6), "red")
    numbers = {name: (i + 1.0, 2.0) for i, name in enumerate(names)}
    return {
        "bars": bars({name: 1.0 for name in names}, x_label="images", title=names[0]),
        "curves": curves({name: [1, 2] for name in names}, **AXES),
        "heat_map": heat_map([[1] * len(names)] * len(names), names, names, **AXES),
        "image_grid": image_grid([image] * len(names), names),
        "rows of images": image_grid({name: [image] for name in names}),
        "named_points": named_points(numbers, **AXES),
        "predictions": predictions([image], [dict.fromkeys(names, 0.1)], titles=[names[0]]),
        "stacked_bars": stacked_bars({name: {names[0]: 1.0} for name in names}, x_label="images"),
    }


def all_texts(figure) -> set[str]:
    return {text.get_text() for text in labels._texts(figure)}


@pytest.mark.parametrize("kind", of_names(["a", "b"]))
def test_a_dollar_is_a_dollar_in_every_figure(kind, capfd):
    figure = of_names(HOSTILE)[kind]
    assert as_png(figure)
    assert any(name in text for name in HOSTILE for text in all_texts(figure))
    drawn = [text for text in labels._texts(figure) if "$" in text.get_text()]
    assert drawn and not any(text.get_parse_math() for text in drawn)
    assert capfd.readouterr().err == ""


def glyph_warnings(recorded) -> list[str]:
    return [str(warning.message) for warning in recorded if "lyph" in str(warning.message)]


def test_a_formula_would_have_been_drawn_without_its_dollars():
    """What the test above holds: with matplotlib's own settings the name stops the drawing."""
    with style(), matplotlib.rc_context({"text.parse_math": True}):
        figure, axis = blank()
        axis.text(0, 0, "$x^$")
        with pytest.raises(ValueError):
            figure.savefig(io.BytesIO())


@pytest.mark.parametrize(("low", "high", "shown"), [(1, 1000, {"1", "10", "100"}), (1e-4, 1, {"0.0001", "0.01"})])
def test_numbers_on_a_logarithmic_axis_are_plain(low, high, shown):
    with style():
        figure, axis = blank()
        axis.plot([low, high], [1, 2])
        label_axes(axis, "x", "y", x_log=True)
        figure.draw_without_rendering()
        ticks = {text.get_text() for text in axis.get_xticklabels()}
    assert shown <= ticks and not any("$" in tick for tick in ticks)


def tiny_font(letters: str, file: Path) -> None:
    """A font that has these letters alone, each a full square: no package brings one for Chinese."""
    builder = FontBuilder(1000)
    builder.setupGlyphOrder([".notdef", *(f"uni{ord(letter):04X}" for letter in letters)])
    builder.setupCharacterMap({ord(letter): f"uni{ord(letter):04X}" for letter in letters})
    pen = TTGlyphPen(None)
    pen.moveTo((0, 0))
    for corner in ((0, 800), (900, 800), (900, 0)):
        pen.lineTo(corner)
    pen.closePath()
    square = pen.glyph()
    builder.setupGlyf(dict.fromkeys(builder.font.getGlyphOrder(), square))
    builder.setupHorizontalMetrics(dict.fromkeys(builder.font.getGlyphOrder(), (1000, 0)))
    builder.setupHorizontalHeader(ascent=800, descent=-200)
    builder.setupOS2()
    builder.setupPost()
    builder.setupNameTable({"familyName": file.stem, "styleName": "Regular"})
    builder.save(file)


@pytest.fixture
def ants_font(tmp_path):
    """An installed font with 蚂 and 蚁; it is gone after the test."""
    file = tmp_path / "Tiny Test Font.ttf"
    tiny_font("蚂蚁", file)
    before = list(font_manager.fontManager.ttflist)
    font_manager.fontManager.addfont(file)
    labels._families_with.cache_clear()
    yield "Tiny Test Font"
    font_manager.fontManager.ttflist[:] = before
    labels._families_with.cache_clear()


@pytest.mark.parametrize("kind", of_names(["a", "b"]))
def test_letters_come_from_an_installed_font_that_has_them(kind, ants_font, recwarn, capfd):
    figure = of_names(["蚂蚁", "bees"])[kind]
    settings_before = dict(matplotlib.rcParams)
    assert as_png(figure)
    written = [text for text in labels._texts(figure) if "蚂" in text.get_text()]
    assert written and all(text.get_fontfamily()[-1] == ants_font for text in written)
    assert not glyph_warnings(recwarn) and capfd.readouterr().err == ""
    assert dict(matplotlib.rcParams) == settings_before


def test_the_font_that_has_the_letter_draws_it(ants_font):
    """Another figure than the boxes that stand for a letter that no font has."""
    with_font = as_png(of_names(["蚁"])["bars"])
    font_manager.fontManager.ttflist[:] = [f for f in font_manager.fontManager.ttflist if f.name != ants_font]
    labels._families_with.cache_clear()
    assert as_png(of_names(["蚁"])["bars"]) != with_font


def test_without_such_a_font_there_is_no_noise(recwarn, capfd):
    assert as_png(of_names(["\U000f1234 蚂蚁", "bees"])["bars"])
    assert not glyph_warnings(recwarn) and capfd.readouterr().err == ""


def test_usual_names_ask_for_no_font(monkeypatch):
    monkeypatch.setattr(labels, "_families_with", lambda letters: pytest.fail(f"{letters} are in the usual font"))
    assert as_png(of_names(["naïve café", "große Biene", "пчела", "✓ bee\nant"])["image_grid"])
