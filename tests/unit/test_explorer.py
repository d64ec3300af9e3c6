"""Controls that change a figure: what they show, in words too, and what is there without them."""

from __future__ import annotations

import re

import pytest

from helpers.course import explorer
from helpers.course.figures import bars


@pytest.fixture
def shown(monkeypatch):
    """What reaches the learner, in order: the captions of figures, lines, and widgets."""
    found = []
    monkeypatch.setattr(explorer, "show_figure", lambda figure: found.append(figure.alt))
    monkeypatch.setattr(explorer, "show", lambda text, rich: found.append(text))
    monkeypatch.setattr("IPython.display.display", found.append)
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


def test_without_a_notebook_the_first_figure_stands_alone(shown, draw, monkeypatch):
    monkeypatch.setattr(explorer, "in_notebook", lambda: False)
    explorer.explore(draw, CHOICES)
    assert len(shown) == 1 and "near <2>" in shown[0]


def test_in_a_notebook_a_static_figure_comes_first_and_then_the_controls(shown, draw, monkeypatch):
    monkeypatch.setattr(explorer, "in_notebook", lambda: True)
    explorer.explore(draw, CHOICES, {"size": "pictures a class"})
    figure, line, box = shown
    assert "near <2>" in figure
    assert line.startswith('Move "pictures a class" and "kind" with the mouse, or with the arrow keys')
    *controls, _ = box.children
    assert [control.description for control in controls] == ["pictures a class", "kind"]


def test_a_choice_is_drawn_once_and_has_its_words_as_alternative_text(shown, draw, monkeypatch):
    monkeypatch.setattr(explorer, "in_notebook", lambda: True)
    explorer.explore(draw, CHOICES)
    size, kind, picture = shown[-1].children
    size.value, kind.value = 5, "far"
    alt = re.search(r'alt="([^"]*)"', picture.value)[1]
    assert "far &lt;5&gt;" in alt and "data:image/png;base64," in picture.value
    before, drawn = picture.value, len(draw.drawn)
    size.value = 2
    size.value = 5
    assert picture.value == before
    assert len(draw.drawn) == drawn + 1
