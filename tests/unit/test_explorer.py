"""Controls that change a figure: what they show, in words too, and what is there without them."""

from __future__ import annotations

import re
import runpy

import ipywidgets
import pytest

from helpers.course import explorer
from helpers.course.display import WIDGET_MIME
from helpers.course.explorer import Ticks, explore
from helpers.course.figures import bars
from helpers.course.lessons import all_lessons
from helpers.errors import CourseError
from helpers.places import repository


@pytest.fixture
def shown(monkeypatch):
    """What reaches the learner of a notebook, in order: the words of figures, lines, and widgets."""
    found = []
    monkeypatch.setattr(explorer, "in_notebook", lambda: True)
    monkeypatch.setattr(explorer, "show_figure", lambda figure, caption, of: found.append(figure.alt))
    monkeypatch.setattr(explorer, "show", lambda text, rich: found.append(text))
    monkeypatch.setattr(explorer, "_display", found.append)
    return found


@pytest.fixture
def draw():
    """A figure that can be told from others, and a note of each drawing."""
    drawn = []

    def one(size, kind):
        drawn.append((size, kind))
        return bars({f"{kind} <{size}>": size}, x_label="accuracy")

    one.drawn = drawn
    return one


CHOICES = {"size": [2, 5], "kind": ["near", "far"]}


def told(picture) -> str:
    return re.search(r'alt="([^"]*)"', picture.value)[1]


def test_without_a_notebook_the_first_figure_stands_alone(shown, draw, monkeypatch):
    monkeypatch.setattr(explorer, "in_notebook", lambda: False)
    explore(draw, CHOICES)
    assert len(shown) == 1 and "near <2>" in shown[0]


def test_in_a_notebook_a_static_figure_comes_first_and_then_the_controls(shown, draw):
    explore(draw, CHOICES, {"size": "pictures a class"})
    figure, line, panel = shown
    assert "near <2>" in figure
    assert line.startswith('Change "pictures a class" and "kind" with the mouse, or with Tab, the arrow keys')
    *controls, picture = panel.children
    assert [control.description for control in controls] == ["pictures a class", "kind"]
    assert "near &lt;2&gt;" in told(picture)


def test_words_have_a_slider_as_numbers_have(shown, draw):
    """JupyterLab takes the arrow keys of a list for its own."""
    explore(draw, CHOICES)
    *controls, _ = shown[-1].children
    assert all(isinstance(control, ipywidgets.SelectionSlider) for control in controls)


def test_a_choice_is_drawn_once_and_has_its_words_as_alternative_text(shown, draw):
    explore(draw, CHOICES)
    size, kind, picture = shown[-1].children
    assert len(draw.drawn) == 1, "the static figure and the first of the controls are one"
    size.value, kind.value = 5, "far"
    assert "far &lt;5&gt;" in told(picture) and "data:image/png;base64," in picture.value
    before, drawn = picture.value, len(draw.drawn)
    size.value = 2
    size.value = 5
    assert picture.value == before
    assert len(draw.drawn) == drawn + 1


def test_a_start_of_ones_own(shown, draw):
    explore(draw, CHOICES, start={"kind": "far"})
    assert "far <2>" in shown[0]
    assert shown[-1].children[1].value == "far"


def test_several_boxes_are_handed_over_in_their_order(shown):
    seen = []

    def draw(parts):
        seen.append(parts)
        return bars({f"{len(parts)} parts": len(parts)}, x_label="parts")

    explore(draw, {"parts": Ticks(("stem", "body", "head"), ticked=("head",))}, {"parts": "what learns"})
    row, picture = shown[-1].children
    label, *boxes = row.children
    assert label.value == "what learns" and [box.value for box in boxes] == [False, False, True]
    boxes[0].value = True
    assert seen == [("head",), ("stem", "head")] and "2 parts" in told(picture)
    for box in boxes:
        box.value = False
    assert seen[-1] == () and "0 parts" in told(picture)


@pytest.mark.parametrize(
    ("error", "says"),
    [
        (CourseError("no network is left: allow more"), "no network is left: allow more"),
        (ValueError("<3"), "ValueError: &lt;3"),
    ],
)
def test_a_choice_that_cannot_be_drawn_says_so_and_the_next_is_drawn(shown, draw, error, says):
    def sometimes(size, kind):
        if size == 5:
            raise error
        return draw(size, kind)

    explore(sometimes, CHOICES)
    size, kind, picture = shown[-1].children
    size.value = 5
    assert says in picture.value and "<img" not in picture.value
    size.value, kind.value = 2, "far"
    assert "far &lt;2&gt;" in told(picture)


def test_the_caution_of_random_weights_is_in_the_words_of_each_choice(shown, draw):
    class Random:
        caution = " These are random weights."

    explore(draw, CHOICES, of=Random())
    size, _, picture = shown[-1].children
    size.value = 5
    assert told(picture).endswith("These are random weights.")


def test_dollars_and_quotes_of_names_do_not_break_the_words(shown):
    explore(lambda name: bars({name: 1.0}, x_label="share"), {"name": ["plain", 'a "$5 note"']})
    name, picture = shown[-1].children
    name.value = 'a "$5 note"'
    assert "a &quot;$5 note&quot;" in told(picture)


@pytest.mark.parametrize(
    ("choices", "start", "cause"),
    [
        ({"size": [], "kind": ["near"]}, {}, "no value of size"),
        (CHOICES, {"size": 3}, "size cannot start with 3"),
    ],
)
def test_what_cannot_be_chosen_is_refused(shown, draw, choices, start, cause):
    with pytest.raises(CourseError, match=cause):
        explore(draw, choices, start=start)
    assert draw.drawn == []


def test_a_box_that_is_not_there_cannot_be_ticked():
    with pytest.raises(CourseError, match="tail cannot be ticked"):
        Ticks(("head",), ticked=("tail",))


def test_a_front_end_without_widgets_is_told_so(monkeypatch):
    bundles = []
    monkeypatch.setattr("IPython.display.display", lambda bundle, raw: bundles.append(bundle))
    explorer._display(ipywidgets.VBox())
    (bundle,) = bundles
    assert bundle["text/plain"].startswith("This front end shows no widgets") and bundle[WIDGET_MIME]["model_id"]


def test_every_control_of_the_lessons_is_measured_and_tried_in_a_browser():
    benchmark = runpy.run_path(str(repository() / "benchmarks" / "widgets.py"))
    for lesson in all_lessons():
        found = [cell.id for cell in lesson.read().cells if re.search(r"^explore\(", cell.source, re.M)]
        assert [cell for cell in found if cell not in benchmark["NEEDED"].get(lesson.number, [])] == []


def test_the_benchmark_moves_a_control_and_waits_for_its_picture():
    benchmark = runpy.run_path(str(repository() / "benchmarks" / "widgets.py"))
    ((name, panel),) = benchmark["panels"]("03")
    clock, process = benchmark["milliseconds"](panel, 2)
    assert name == "what_learns" and len(clock) == len(process) == 2 and min(clock) > 1
