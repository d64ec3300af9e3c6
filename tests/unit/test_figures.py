"""The figures of the lessons: their words, what they refuse, and their look on a light and a dark page."""

from __future__ import annotations

import io
from collections.abc import Callable, Mapping

import matplotlib
import matplotlib.pyplot as plt
import numpy as np
import pytest
import torch
from matplotlib.figure import Figure
from PIL import Image

from helpers.course import display, say, show_figure, show_table
from helpers.course.figures import (
    DescribedFigure,
    bars,
    blank,
    curves,
    each_run,
    heat_map,
    image_grid,
    named_points,
    predictions,
    stacked_bars,
    style,
)
from helpers.course.figures.style import COLOURS, INK, as_png, as_quick_png
from helpers.errors import CourseError

LIGHT, DARK = "#ffffff", "#111111"  # behind the outputs in JupyterLab's two themes (--jp-layout-color0)
RED = Image.new("RGB", (6, 4), "red")


def one_of_each() -> dict[str, DescribedFigure]:
    """A figure from each function."""
    axes = {"x_label": "images", "y_label": "accuracy"}
    return {
        "bars": bars({"a": 1.0}, x_label="images"),
        "curves": curves({"a": [1, 2]}, **axes),
        "each_run": each_run({"a": [1, 2]}, x_label="images"),
        "heat_map": heat_map([[1]], ["a"], ["b"], **axes),
        "image_grid": image_grid([RED]),
        "named_points": named_points({"a": (1, 2)}, **axes),
        "predictions": predictions([RED], [{"cat": 0.5}]),
        "stacked_bars": stacked_bars({"a": {"x": 1.0}}, x_label="images"),
    }


# What they say ------------------------------------------------------------------------------------------------


def test_curves_tell_ends_crossing_spread_and_reference_lines() -> None:
    figure = curves(
        {"frozen": [[0.4, 0.6, 0.7], [0.5, 0.6, 0.7]], "fine-tuned": torch.tensor([0.2, 0.5, 0.9])},
        [1, 4, 16],
        x_label="images a class",
        y_label="accuracy",
        x_log=True,
        levels={"guessing": 0.1},
    )
    assert figure.alt == (
        "Accuracy by images a class (logarithmic), from 1 to 16. frozen: 0.45 to 0.7. fine-tuned: 0.2 to 0.9. "
        "fine-tuned passes frozen between 4 and 16. "
        "The bands are ± standard deviation of 2 runs, at most 0.0707. Grey lines: guessing at 0.1."
    )
    band = figure.axes[0].collections[0].get_paths()[0].vertices[:, 1]
    assert [band.min(), band.max()] == pytest.approx([0.45 - 0.0707, 0.7], abs=1e-4)


def test_curves_tell_a_highest_or_lowest_point_between_the_ends() -> None:
    told = curves({"up": [1, 5, 2], "down": [3, 2, 0.5, 1]}, x_label="step", y_label="loss").alt
    assert "up: 1 to 2, highest 5 at 1." in told
    assert "down: 3 to 1, lowest 0.5 at 2." in told
    assert "passes" not in told  # they have other lengths


def test_curves_without_x_are_counted_in_whole_numbers() -> None:
    axis = curves({"a": range(18)}, x_label="layer", y_label="rate").axes[0]
    assert all(place == round(place) for place in axis.get_xticks())


def test_curves_over_words_tell_the_order_of_many() -> None:
    runs = {"a": [1, 2], "b": [2, 4], "c": [1, 3], "d": [0, 1]}
    figure = curves(runs, ["stem", "head"], x_label="part", y_label="distance")
    assert "from stem to head" in figure.alt
    assert "At the end, from highest: b, c, a, d." in figure.alt
    assert [label.get_text() for label in figure.axes[0].get_xticklabels()] == ["stem", "head"]


def test_a_curve_that_touches_zero_is_drawn_on_a_logarithmic_axis_where_it_can_be() -> None:
    figure = curves({"gradual": torch.tensor([0.0, 0.1, 1.0])}, x_label="stage", y_label="distance", y_log=True)
    assert as_png(figure)
    assert "gradual: 0 to 1." in figure.alt


def test_curves_take_a_spread_that_is_known() -> None:
    figure = curves({"a": [0.5, 0.6]}, x_label="n", y_label="accuracy", spread={"a": [0.1, None]})
    assert "The bands are ± standard deviation, at most 0.1." in figure.alt


def test_bars_stand_in_the_given_order_and_are_told_from_the_highest() -> None:
    figure = bars({"b": 0.25, "a": 0.5}, x_label="share", errors={"a": 0.1, "b": None}, labels={"b": "1 of  4"})
    assert figure.alt == "Bars of share, from the highest: a: 0.5 ± 0.1, b: 1 of 4."
    axis = figure.axes[0]
    assert [label.get_text() for label in axis.get_yticklabels()] == ["b", "a"]
    assert [text.get_text() for text in axis.texts] == ["1 of  4", "0.5"]


def test_stacked_bars_tell_parts_and_totals() -> None:
    figure = stacked_bars(
        {"all": {"network": 100, "AdamW": 200}}, x_label="MB", unit=" MB", digits=".0f", title="Memory"
    )
    assert figure.alt == "Memory: stacked bars of MB. all (in all 300 MB): network 100 MB, AdamW 200 MB."
    assert [one.get_x() for one in figure.axes[0].patches] == [0, 100]
    assert len({one.get_hatch() for one in figure.axes[0].patches}) == 2


def test_each_run_tells_mean_and_spread_from_the_best() -> None:
    told = each_run({"low": [0.1, 0.3], "high": torch.tensor([0.9, 0.9])}, x_label="accuracy").alt
    assert told == (
        "Accuracy, mean ± standard deviation (diamonds) of 2 runs each (circles), "
        "from the highest: high 0.9 ± 0, low 0.2 ± 0.14."
    )


def test_named_points_tell_the_frontier_and_what_it_beats() -> None:
    points = {"big": (10, 84.0), "small": (90, 75.0), "beaten": (5, 70.0)}
    figure = named_points(points, x_label="images/s", y_label="top-1, %", frontier=["small", "big"], others=[(1, 2)])
    assert figure.alt == (
        "Top-1, % against images/s. On the frontier (filled diamonds, line), from left to right: "
        "big (10, 84), small (90, 75). Beaten (open circles): beaten. "
        "Small grey points, 1 in all: 1 to 1 across and 2 to 2 up."
    )
    assert {text.get_text() for text in figure.axes[0].texts} == set(points)


def test_points_that_are_out_are_told_with_their_reasons_and_do_not_count_as_beaten() -> None:
    points = {"big": (10, 84.0), "small": (90, 75.0), "slow": (5, 70.0)}
    axes = {"x_label": "images/s", "y_label": "top-1, %"}
    figure = named_points(points, **axes, frontier=["small", "big"], out={"slow": "too slow"}, title="2 left")
    assert figure.alt == (
        "2 left: Top-1, % against images/s. On the frontier (filled diamonds, line), from left to right: "
        "big (10, 84), small (90, 75). Beaten (open circles): none. Out (grey crosses): slow (too slow)."
    )
    assert {text.get_text() for text in figure.axes[0].texts} == set(points)
    none = named_points(points, **axes, out=dict.fromkeys(points, "too slow"))
    assert "None is left. Out (grey crosses): big (too slow), small" in none.alt


def test_a_pair_too_close_to_call_is_told_and_looks_like_neither_winner_nor_loser() -> None:
    points = {"best": (10, 84.0), "close": (9.9, 80.0), "beaten": (5, 70.0)}
    axes = {"x_label": "images/s", "y_label": "top-1, %"}
    figure = named_points(points, **axes, frontier=["best"], undecided={"close": "best"})
    assert figure.alt == (
        "Top-1, % against images/s. On the frontier (filled diamonds, line), from left to right: best (10, 84). "
        "Too close to call (half-filled diamonds, dotted line): close (9.9, 80) against best. "
        "Beaten (open circles): beaten."
    )
    drawn = {(line.get_marker(), line.get_fillstyle(), line.get_color()) for line in figure.axes[0].lines}
    assert {("D", "full", COLOURS[0]), ("D", "left", COLOURS[3]), ("o", "full", COLOURS[1])} <= drawn
    dotted = [line for line in figure.axes[0].lines if line.get_linestyle() == ":"]
    assert [sorted(map(tuple, line.get_xydata())) for line in dotted] == [[(9.9, 80.0), (10.0, 84.0)]]


def test_a_confusion_matrix_tells_its_diagonal_and_the_commonest_mistake() -> None:
    told = heat_map([[9, 1], [4, 6]], ["cat", "dog"], ["cat", "dog"], x_label="the answer", y_label="the truth").alt
    assert told == (
        "Table of 2 by 2, the truth down and the answer across. On the diagonal: cat 9, dog 6. "
        "The largest off it: 4, dog and cat."
    )


def test_another_table_tells_its_extremes() -> None:
    told = heat_map([[1, 2, 3]], ["r"], ["a", "b", "c"], x_label="x", y_label="y").alt
    assert told.endswith("The highest 3 at r, c and the lowest 1 at r, a.")


def test_image_grids_tell_titles_and_rows() -> None:
    assert image_grid([RED, RED], ["is cat\nsays dog 0.6", "is dog\nsays dog 0.9"]).alt == (
        "2 images: is cat, says dog 0.6; is dog, says dog 0.9."
    )
    assert image_grid([RED, RED], ["whole\n3 x 2", "cut\n2 x 2"]).alt == "2 images: whole, 3 x 2; cut, 2 x 2."
    figure = image_grid({"before": [RED, RED, RED], "after": [RED]}, ["x", "y", "z"])
    assert figure.alt == "4 images in 2 rows: before, after. Columns: x, y, z."
    assert [axis.get_ylabel() for axis in figure.axes][::3] == ["before", "after"]
    assert [len(axis.images) for axis in figure.axes] == [1, 1, 1, 1, 0, 0]


def test_predictions_mark_right_names_by_more_than_a_colour() -> None:
    figure = predictions([RED], [{"cat": 0.7, "dog": 0.2}], right=[{"cat"}], titles=["Tom"])
    assert figure.alt.endswith("Tom: cat 0.70 (right), dog 0.20.")
    assert [label.get_text() for label in figure.axes[1].get_yticklabels()] == ["✓ cat", "dog"]


@pytest.mark.parametrize(
    ("image", "stretch", "seen"),
    [
        (torch.tensor([0.0, 0.5, 2.0]).reshape(3, 1, 1), False, [0, 0.5, 1]),
        (torch.tensor([-1.0, 0.0, 3.0]).reshape(3, 1, 1), True, [0, 0.25, 1]),
        (np.array([[[0, 51, 255]]]), False, [0, 0.2, 1]),
        (np.array([[[0, 51, 255]]], dtype=np.uint8), False, [0, 51, 255]),
        (Image.new("L", (1, 1), 7), False, [7, 7, 7]),
    ],
    ids=["tensor cut off", "tensor stretched", "whole numbers", "bytes", "grey"],
)
def test_images_of_any_kind_are_shown(image: object, stretch: bool, seen: list[float]) -> None:
    shown = image_grid([image], stretch=stretch).axes[0].images[0].get_array()
    assert np.asarray(shown).ravel() == pytest.approx(seen)


# What they refuse ---------------------------------------------------------------------------------------------

AXES = {"x_label": "x", "y_label": "y"}
REFUSED: Mapping[str, tuple[Callable[[], object], str]] = {
    "no curves": (lambda: curves({}, **AXES), "nothing to draw"),
    "an empty curve": (lambda: curves({"a": []}, **AXES), "a has nothing to draw"),
    "NaN in a curve": (lambda: curves({"loss": [1, float("nan")]}, **AXES), "loss holds NaN"),
    "other lengths than x": (lambda: curves({"a": [1, 2]}, [1], **AXES), "a has 2 points and x has 1"),
    "runs of other lengths": (lambda: curves({"a": [[1, 2], [3]]}, **AXES), "rows of equal length"),
    "a spread of nothing": (lambda: curves({"a": [1]}, **AXES, spread={"b": [1]}), "spread has b"),
    "no bars": (lambda: bars({}, x_label="x"), "nothing to draw"),
    "NaN in bars": (lambda: bars({"a": np.nan}, x_label="x"), "a holds NaN"),
    "words in bars": (lambda: bars({"a": "much"}, x_label="x"), "give numbers"),
    "two numbers for a bar": (lambda: bars({"a": [1, 2]}, x_label="x"), "a holds 2 numbers"),
    "three numbers for a point": (lambda: named_points({"a": (1, 2, 3)}, **AXES), r"a has the shape \(3,\)"),
    "a strange highlight": (lambda: bars({"a": 1}, x_label="x", highlight=["b"]), "has b, which is not drawn"),
    "other parts": (lambda: stacked_bars({"a": {"x": 1}, "b": {"y": 1}}, x_label="x"), "different parts"),
    "no stacked bars": (lambda: stacked_bars({}, x_label="x"), "nothing to draw"),
    "no runs": (lambda: each_run({"a": []}, x_label="x"), "a has nothing to draw"),
    "NaN in runs": (lambda: each_run({"a": [np.inf]}, x_label="x"), "a holds NaN or infinity"),
    "no points": (lambda: named_points({}, **AXES), "nothing to draw"),
    "a point at 0": (lambda: named_points({"a": (0, 1)}, **AXES, x_log=True), "a is not above 0"),
    "a strange frontier": (lambda: named_points({"a": (0, 1)}, **AXES, frontier=["b"]), "has b"),
    "a strange rival": (lambda: named_points({"a": (0, 1)}, **AXES, undecided={"a": "b"}), "has b"),
    "on the frontier and undecided": (
        lambda: named_points({"a": (0, 1)}, **AXES, frontier=["a"], undecided={"a": "a"}),
        "a: either on the frontier or undecided",
    ),
    "on the frontier and out": (
        lambda: named_points({"a": (0, 1)}, **AXES, frontier=["a"], out={"a": "too slow"}),
        "a: either on the frontier or undecided or out",
    ),
    "a stranger that is out": (lambda: named_points({"a": (0, 1)}, **AXES, out={"b": "too slow"}), "has b"),
    "NaN in a table": (lambda: heat_map([[np.nan]], ["a"], ["b"], **AXES), "holds NaN"),
    "names that do not fit": (lambda: heat_map([[1, 2]], ["a"], ["b"], **AXES), "1 rows and 1 columns"),
    "no images": (lambda: image_grid([]), "nothing to draw"),
    "rows without images": (lambda: image_grid({"a": []}), "nothing to draw"),
    "a title too few": (lambda: image_grid([RED, RED], ["one"]), "1 titles for 2 images"),
    "no image": (lambda: image_grid([torch.zeros(5)]), r"shape \(5,\)"),
    "NaN in an image": (lambda: image_grid([torch.full((3, 2, 2), torch.nan)]), "an image holds NaN"),
    "too few answers": (lambda: predictions([RED, RED], [{"a": 1}]), "1 probabilities for 2 images"),
    "no words at all": (lambda: show_figure(Figure()), "has no words"),
}


@pytest.mark.parametrize(("draw", "reason"), REFUSED.values(), ids=REFUSED)
def test_what_cannot_be_drawn_is_told_in_one_line(draw: Callable[[], object], reason: str) -> None:
    with pytest.raises(CourseError, match=reason) as error:
        draw()
    assert "\n" not in str(error.value)


# How they look ------------------------------------------------------------------------------------------------


def contrast(one: str, other: str) -> float:
    """The contrast ratio of WCAG 2.2, 1 to 21."""
    dark, light = sorted(luminance(colour) for colour in (one, other))
    return (light + 0.05) / (dark + 0.05)


def luminance(colour: str) -> float:
    rgb = np.array(matplotlib.colors.to_rgb(colour))
    linear = np.where(rgb <= 0.04045, rgb / 12.92, ((rgb + 0.055) / 1.055) ** 2.4)
    return float(linear @ [0.2126, 0.7152, 0.0722])


def least_contrast(colour: str) -> float:
    return min(contrast(colour, page) for page in (LIGHT, DARK))


def test_no_grey_is_easier_to_read_on_both_pages_than_the_ink() -> None:
    greys = [f"#{tone:02x}{tone:02x}{tone:02x}" for tone in range(256)]
    assert max(greys, key=least_contrast) == INK
    assert least_contrast(INK) > 4.3


@pytest.mark.parametrize("colour", COLOURS)
def test_marks_hold_three_to_one_on_both_pages(colour: str) -> None:
    assert least_contrast(colour) >= 3


@pytest.mark.parametrize("name", one_of_each())
def test_the_page_shows_through_and_the_axes_are_labelled(name: str) -> None:
    figure = one_of_each()[name]
    assert isinstance(figure, Figure) and figure.alt
    image = Image.open(io.BytesIO(as_png(figure)))
    assert image.mode == "P" and image.convert("RGBA").getpixel((0, 0))[3] == 0
    labelled = [axis for axis in figure.axes if axis.axison and axis.get_xticks().size]
    assert all(axis.get_xlabel() for axis in labelled)
    assert name == "image_grid" or labelled


def test_all_that_is_written_is_in_the_ink() -> None:
    """Ticks too: matplotlib makes them only when the figure is drawn, with the settings of that moment."""
    figure = curves({"a": [1, 2], "b": [2, 3]}, x_label="step", y_label="loss")
    pixels = np.array(Image.open(io.BytesIO(as_png(figure))).convert("RGBA"))
    assert pixels[pixels[..., 3] == 255][:, :3].max(axis=1).min() > 100  # nothing black
    axis = figure.axes[0]
    texts = [*axis.get_xticklabels(), *axis.get_yticklabels(), axis.xaxis.label, *figure.legends[0].get_texts()]
    assert {matplotlib.colors.to_hex(text.get_color()) for text in texts} == {INK}


def test_a_figure_of_pyplot_keeps_its_look_and_is_not_shown_a_second_time() -> None:
    figure, axis = plt.subplots(figsize=(2, 2))
    axis.plot([1, 2])
    assert plt.fignum_exists(figure.number)
    image = Image.open(io.BytesIO(as_png(figure))).convert("RGBA")
    assert image.getpixel((0, 0)) == (255, 255, 255, 255)
    assert not plt.fignum_exists(figure.number)


@pytest.mark.parametrize(
    "figure",
    [
        bars({"a": 1, "b": 2}, x_label="share", title="a title"),
        named_points({"a": (1, 2), "b": (3, 1)}, x_label="images/s", y_label="top-1, %", title="a title"),
    ],
    ids=["laid out while it is drawn", "laid out before"],
)
def test_a_quick_png_shows_what_the_small_one_shows(figure: DescribedFigure) -> None:
    small = Image.open(io.BytesIO(as_png(figure))).convert("RGBA")
    quick = Image.open(io.BytesIO(as_quick_png(figure))).convert("RGBA")
    assert quick.size == tuple(round(96 * inches) for inches in figure.get_size_inches())
    drawn = [np.array(image)[..., 3] > 0 for image in (small, quick)]
    # The small one is cut to what is drawn: so cut the quick one, and nothing of it may be missing at its edges.
    rows, columns = (np.flatnonzero(drawn[1].any(axis=axis)) for axis in (1, 0))
    found = [image[np.ix_(*(np.flatnonzero(image.any(axis=axis)) for axis in (1, 0)))] for image in drawn]
    assert rows[0] > 0 and columns[0] > 0 and columns[-1] < quick.width - 1
    assert np.abs(np.subtract(found[0].shape, found[1].shape)).max() <= 2
    assert found[1].sum() == pytest.approx(found[0].sum(), rel=0.05)


def test_a_small_png_keeps_colours_and_edges() -> None:
    figure, axis = blank(2, 2)
    axis.axis("off")
    axis.imshow(np.full((4, 4, 3), [213, 94, 0], dtype=np.uint8))
    axis.set_title("name")
    pixels = np.array(Image.open(io.BytesIO(as_png(figure))).convert("RGBA")).reshape(-1, 4)
    opaque = pixels[pixels[:, 3] == 255]
    assert np.abs(np.median(opaque, axis=0)[:3] - [213, 94, 0]).max() <= 8
    assert ((pixels[:, 3] > 0) & (pixels[:, 3] < 255)).any()  # the letters' soft edges


def test_series_differ_by_more_than_colour() -> None:
    figure = curves({str(i): [i, i + 1] for i in range(10)}, x_label="x", y_label="y")
    lines = figure.axes[0].lines
    assert len({(line.get_marker(), line.get_linestyle()) for line in lines[:5]}) == 5
    assert len({(line.get_color(), line.get_marker(), line.get_linestyle()) for line in lines}) == 10


def test_the_learners_settings_stay_and_do_not_reach_the_figure() -> None:
    with matplotlib.rc_context({"axes.facecolor": "black", "font.size": 30, "text.color": "lime"}):
        before = dict(matplotlib.rcParams)
        figure = bars({"a": 1.0}, x_label="images")
        as_png(figure)
        with style():
            assert matplotlib.rcParams["text.color"] == INK
        assert dict(matplotlib.rcParams) == before
    assert figure.axes[0].get_facecolor()[3] == 0
    assert matplotlib.colors.to_hex(figure.axes[0].texts[0].get_color()) == INK


# How they are shown -------------------------------------------------------------------------------------------


class Random:
    caution = " RANDOM weights."


class Pretrained:
    caution = ""


def test_the_caption_comes_first_and_the_caution_last(capsys: pytest.CaptureFixture[str]) -> None:
    show_figure(bars({"a": 1}, x_label="share"), "What it says.", of=Random())
    assert capsys.readouterr().out == ("Figure: What it says. Bars of share, from the highest: a: 1. RANDOM weights.\n")
    show_figure(bars({"a": 1}, x_label="share"), of=Pretrained())
    assert capsys.readouterr().out == "Figure: Bars of share, from the highest: a: 1.\n"


def test_the_words_are_the_images_alternative_text(monkeypatch: pytest.MonkeyPatch) -> None:
    shown = []
    monkeypatch.setattr(display, "in_notebook", lambda: True)
    monkeypatch.setattr(display, "display", lambda data, **more: shown.append((data, more)))
    show_figure(bars({"a": 1}, x_label="share"), "Seen.", of=Random())
    words = "Seen. Bars of share, from the highest: a: 1. RANDOM weights."
    (image, more), (beneath, _) = shown
    assert image["text/plain"] == f"[Figure: {words}]"
    assert more["metadata"] == {"image/png": {"alt": words}}
    assert words in beneath["text/html"]


def test_the_caution_is_said_once(capsys: pytest.CaptureFixture[str]) -> None:
    say("one", "two", of=Random())
    say("three", of=Pretrained())
    say("four")
    assert capsys.readouterr().out == "one\ntwo\nRANDOM weights.\nthree\nfour\n"
    show_table([{"a": 1}], "A table.", of=Random())
    assert capsys.readouterr().out.startswith("A table. RANDOM weights.\n")
