"""A learner in a real JupyterLab walks each lesson: fails, takes a hint, solves it, answers the quiz, and comes back.

`make test` runs the imports of each lesson and its first exercise, `make torture` all cells, moves the controls, and
comes back after a restart.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

import pytest
from playwright.sync_api import ConsoleMessage, Locator, Page, expect

from helpers.course.answers import divided, exercise_cells, reference_answers
from helpers.course.lessons import Lesson, all_lessons
from helpers.lessons import lesson_module
from tests.answers import answers_of
from tests.browser.controls import change_by_keyboard, change_by_mouse, explored, picture_follows
from tests.browser.jupyterlab import (
    NEEDS_BROWSER,
    SECONDS_TO_RUN,
    browser_page,
    cell_of,
    cell_with,
    choose,
    clear_outputs,
    in_theme,
    jupyterlab,
    keep_picture,
    open_lesson,
    panel_of,
    run_all,
    run_cell,
    save_and_restart,
    write_and_run,
)

pytestmark = NEEDS_BROWSER
THEMES = ("Light", "Dark")
LESSONS = [pytest.param(one, id=one.number) for one in all_lessons()]
WHOLE = [False, pytest.param(True, marks=pytest.mark.torture)]


@dataclass
class Lab:
    """A page of a browser in which JupyterLab shows lessons, and what its console complained of."""

    page: Page
    address: str
    complaints: list[str]


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    with jupyterlab(tmp_path_factory.mktemp("walk")) as address, browser_page() as page:
        complaints: list[str] = []
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.on("console", lambda message: complaints.extend(_complaint(message)))
        yield Lab(page, f"{address}&reset", complaints)


def _complaint(message: ConsoleMessage) -> Iterator[str]:
    if message.type == "error":
        yield f"{message.text} ({message.location['url']})"


@pytest.fixture
def there(lab: Lab, request: pytest.FixtureRequest) -> Iterator[Page]:
    """The lesson, open as it ships."""
    lab.complaints.clear()
    open_lesson(lab.page, lab.address, request.getfixturevalue("lesson").path.name)
    yield lab.page
    choose(lab.page, "Kernel", "Shut Down Kernel")
    assert lab.complaints == []


@pytest.mark.parametrize("whole", WHOLE, ids=["first exercise", "whole"])
@pytest.mark.parametrize("lesson", LESSONS)
def test_a_learner_walks_it(there: Page, lesson: Lesson, whole: bool) -> None:
    for theme in THEMES:
        in_theme(there, theme)
        keep_picture(
            there, there.locator(".jp-Notebook .jp-Cell").first, f"{lesson.number}-as-it-ships-{theme.lower()}"
        )
    number = next(iter(exercise_cells(lesson.read())))
    run_all(there) if whole else run_imports(there)
    nothing_failed(there)
    get_it_wrong_and_then_right(there, lesson, number)
    answer_the_quiz(there, lesson)
    the_map_shows(there, lesson)
    nothing_failed(there)
    if whole:
        each_picture_follows_its_controls(there, lesson)
        nothing_failed(there)
        come_back(there, lesson)


def run_imports(page: Page) -> None:
    """The cells of the parameters and the imports: an exercise needs no more."""
    clear_outputs(page)
    for cell in page.locator(".jp-NotebookPanel:visible .jp-CodeCell").all()[:2]:
        run_cell(page, cell)


def nothing_failed(page: Page) -> None:
    """No error, nothing on stderr, and no widget without its state."""
    for mime in ("application/vnd.jupyter.error", "application/vnd.jupyter.stderr"):
        expect(page.locator(f".jp-NotebookPanel:visible [data-mime-type='{mime}']")).to_have_count(0)
    expect(page.get_by_text("Error displaying widget")).to_have_count(0)


def get_it_wrong_and_then_right(page: Page, lesson: Lesson, number: str) -> None:
    """The first wrong answer that the tests know gets its reason; a hint opens by keyboard; the right one is told."""
    cell = cell_of(page, number)
    panel = panel_of(cell, number)
    check = divided(exercise_cells(lesson.read())[number])[1]
    wrong = next(iter(answers_of(lesson.number)[number].wrong.values()))
    write_and_run(page, cell, f"{wrong.code.strip()}\n\n\n{check}")
    expect(panel).to_contain_text("not yet", timeout=SECONDS_TO_RUN * 1000)
    assert wrong.reason.replace("`", "") in panel.inner_text()

    hint = panel.locator("details").first
    hint.locator("summary").first.focus()
    assert hint.get_attribute("open") is None
    page.keyboard.press("Space")
    expect(hint.locator("div").first).to_be_visible()

    right = reference_answers(lesson_module(lesson.number).EXERCISES)[number]
    write_and_run(page, cell, f"{right}\n\n\n{check}")
    expect(panel).to_contain_text("✓", timeout=SECONDS_TO_RUN * 1000)
    expect(panel).to_contain_text(": correct.")
    keep_picture(page, panel, f"{lesson.number}-solved")


def answer_the_quiz(page: Page, lesson: Lesson) -> None:
    """The first question, by keyboard alone."""
    questions = lesson_module(lesson.number).QUIZ.questions
    cell = cell_with(page, f'quiz("{lesson.number}")')
    run_cell(page, cell)
    place = next(place for place, option in enumerate(questions[0].options) if option.right)
    cell.get_by_role("button").first.focus()
    for _ in range(place):
        page.keyboard.press("Tab")
    page.keyboard.press("Space")
    expect(cell.get_by_role("status")).to_contain_text("✓ Right.")
    expect(cell.get_by_text(f"1 of {len(questions)} answered right")).to_be_visible()
    keep_picture(page, cell, f"{lesson.number}-quiz")


def the_map_shows(page: Page, lesson: Lesson) -> None:
    """One exercise and one question more than nothing, in the row of this lesson."""
    cell = cell_with(page, f'progress("{lesson.number}")')
    write_and_run(page, cell, f'progress("{lesson.number}")')
    here = _own_row(cell, lesson)
    expect(here.locator("td").last).to_have_text(re.compile(r"^1 of \d+$"))


def each_picture_follows_its_controls(page: Page, lesson: Lesson) -> None:
    calls = sum(cell.source.count("explore(") for cell in lesson.read().cells if cell.cell_type == "code")
    for place, panel in enumerate(explored(page, calls)):
        for change in (change_by_mouse, change_by_keyboard):
            picture_follows(page, panel, change)
        for theme in THEMES:
            in_theme(page, theme)
            keep_picture(page, panel, f"{lesson.number}-control-{place}-{theme.lower()}")


def come_back(page: Page, lesson: Lesson) -> None:
    """After a restart and with all outputs gone, the record still has the exercise."""
    save_and_restart(page)
    clear_outputs(page)
    cell = cell_with(page, f'progress("{lesson.number}")')
    write_and_run(page, cell, f'from helpers.lessons import progress\n\nprogress("{lesson.number}")')
    _own_row(cell, lesson)


def _own_row(cell: Locator, lesson: Lesson) -> Locator:
    """The lesson's row of the map, which has one of its exercises as solved."""
    here = cell.locator("tr[aria-current='true']")
    expect(here.locator("td").nth(1)).to_contain_text(f"1 of {len(exercise_cells(lesson.read()))}")
    return here
