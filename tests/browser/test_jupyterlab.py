"""A learner in a real JupyterLab: runs a lesson, gets it wrong, takes a hint by keyboard, solves it."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from helpers.course.answers import divided, exercise_cells, reference_answers
from helpers.course.lessons import find_lessons
from helpers.lessons import lesson_module
from helpers.places import repository
from tests.answers import answers_of
from tests.browser.jupyterlab import (
    browser_page,
    browser_path,
    cell_of,
    jupyterlab,
    open_lesson,
    panel_of,
    run_all,
    write_and_run,
)

LESSON, EXERCISE = "00_start_here.ipynb", "0.1"

# In CI a missing browser is a failure, not a skip: see .ci/run.
needs_browser = pytest.mark.skipif(
    browser_path() is None and os.environ.get("CI") != "true", reason="no Chromium or Chrome on PATH"
)


def check() -> str:
    """What stands below the learner's code in the exercise's cell."""
    (lesson,) = find_lessons(["00"])
    return divided(exercise_cells(lesson.read())[EXERCISE])[1]


@pytest.fixture
def page(tmp_path: Path) -> Iterator[Page]:
    assert browser_path(), "no Chromium or Chrome on PATH: apt-get install chromium"
    with jupyterlab(tmp_path) as address, browser_page() as page:
        open_lesson(page, address, LESSON)
        yield page


@needs_browser
def test_a_learner_walks_lesson_00(page: Page) -> None:
    run_all(page)
    cell = cell_of(page, EXERCISE)
    panel = panel_of(cell, EXERCISE)
    expect(panel).to_contain_text("not attempted yet")
    expect(page.locator(".jp-OutputArea-output[data-mime-type='application/vnd.jupyter.error']")).to_have_count(0)

    wrong = next(iter(answers_of("00")[EXERCISE].wrong.values()))
    write_and_run(page, cell, f"{wrong.code.strip()}\n\n\n{check()}")
    expect(panel).to_contain_text("not yet")
    expect(panel).to_contain_text(wrong.reason)

    hint = panel.locator("details").first
    hint.locator("summary").first.focus()
    assert hint.get_attribute("open") is None
    page.keyboard.press("Space")
    expect(hint).to_have_attribute("open", "")
    expect(hint.locator("div").first).to_be_visible()

    right = reference_answers(lesson_module("00").EXERCISES)[EXERCISE]
    write_and_run(page, cell, f"{right}\n\n\n{check()}")
    expect(panel).to_contain_text(": correct.")

    build = repository() / "build"
    build.mkdir(exist_ok=True)
    panel.scroll_into_view_if_needed()
    page.screenshot(path=build / "jupyterlab.png")
