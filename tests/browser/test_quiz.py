"""A quiz in a real JupyterLab: answered by mouse and by keyboard, and remembered when the lesson is opened again."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from playwright.sync_api import Locator, Page, expect

from helpers.lessons import lesson_module
from tests.browser.jupyterlab import (
    NEEDS_BROWSER,
    browser_page,
    cell_with,
    choose,
    in_theme,
    jupyterlab,
    keep_picture,
    open_lesson,
    run_cell,
    save_and_restart,
)

LESSON = "01_load_pretrained_weights.ipynb"
QUESTION = lesson_module("01").QUIZ.questions[0]
WRONG, RIGHT = QUESTION.options[:2]  # side by side, so that Tab leads from the one to the other


def run_quiz(page: Page) -> Locator:
    """Run what the quiz needs, and the quiz; its cell."""
    run_cell(page, cell_with(page, 'contract("01")'))
    cell = cell_with(page, 'quiz("01")')
    run_cell(page, cell)
    return cell


def button(cell: Locator, label: str) -> Locator:
    return cell.get_by_role("button", name=label, exact=True)


@NEEDS_BROWSER
@pytest.mark.torture  # `test_every_lesson` answers the quiz of each lesson
def test_a_quiz_is_answered_and_remembers(tmp_path: Path) -> None:
    assert RIGHT.right and not WRONG.right
    with jupyterlab(tmp_path) as address, browser_page() as page:
        open_lesson(page, address, LESSON)
        cell = run_quiz(page)
        answer_by_mouse_and_keyboard(page, cell)
        (entry,) = json.loads((tmp_path / "learner" / "progress.json").read_text())["quizzes"].values()
        assert entry["solved"] and entry["tried"].keys() == {WRONG.text, RIGHT.text}

        save_and_restart(page)
        open_lesson(page, address, LESSON)
        cell = cell_with(page, 'quiz("01")')
        see_the_saved_page(cell)  # cells that others have run make the notebook one that is not trusted
        keep_picture(page, cell, "quiz-reopened")

        choose(page, "Edit", "Clear Outputs of All Cells")  # what is left is the learner's own, and trusted
        cell = run_quiz(page)
        expect(button(cell, f"✓ b) {RIGHT.text}")).to_be_visible()
        expect(button(cell, f"✗ a) {WRONG.text}")).to_be_visible()
        keep_picture(page, cell, "quiz-light")
        in_theme(page, "Dark")
        keep_picture(page, cell, "quiz-dark")

        see_the_map(page)

        save_and_restart(page)
        open_lesson(page, address, LESSON)
        cell = cell_with(page, 'quiz("01")')
        see_the_saved_page(cell)
        buttons = cell.locator(".jp-OutputArea-output.lm-Panel")
        expect(buttons).to_have_text("Error displaying widget: model not found")
        expect(buttons).to_be_hidden()
        keep_picture(page, cell, "quiz-reopened-dark")


def see_the_map(page: Page) -> None:
    """The lesson's last cell shows what was answered, in the row of this lesson."""
    cell = cell_with(page, 'progress("01")')
    run_cell(page, cell)
    here = cell.locator("tr[aria-current='true']")
    expect(here).to_contain_text("01 Load pretrained weights")
    expect(here).to_contain_text("you are here")
    expect(here.locator("td").last).to_have_text("1 of 5")
    keep_picture(page, cell, "progress-dark")


def answer_by_mouse_and_keyboard(page: Page, cell: Locator) -> None:
    """Wrong by mouse, then right by keyboard; each is explained at once."""
    expect(cell.locator(".course-quiz-page")).to_be_hidden()
    told = cell.get_by_role("status")
    button(cell, f"a) {WRONG.text}").click()
    expect(told).to_contain_text("✗ Not this one. 76.130 %")
    expect(button(cell, f"✗ a) {WRONG.text}")).to_be_visible()
    page.keyboard.press("Tab")
    expect(button(cell, f"b) {RIGHT.text}")).to_be_focused()
    page.keyboard.press("Space")
    expect(told).to_contain_text("✓ Right. The V2 weights reach 80.858 %")
    expect(button(cell, f"✓ b) {RIGHT.text}")).to_be_focused()
    expect(cell.get_by_text(re.compile("1 of 5 answered right"))).to_be_visible()


def see_the_saved_page(cell: Locator) -> None:
    """Without its kernel's state the quiz is the page, with the answers open that were given."""
    page_of_quiz = cell.locator(".course-quiz-page")
    expect(page_of_quiz).to_be_visible()
    expect(page_of_quiz.locator("details[open] > summary")).to_have_text([f"✗ a) {WRONG.text}", f"✓ b) {RIGHT.text}"])
