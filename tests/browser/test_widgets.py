"""The lessons' controls in a real JupyterLab: moved by mouse and by keyboard, reopened, and without their kernel."""

from __future__ import annotations

import os
import re
import runpy
from collections.abc import Iterator
from pathlib import Path

import nbformat
import pytest
from playwright.sync_api import Locator, Page, expect

from helpers.places import repository
from tests.browser.jupyterlab import (
    SECONDS_TO_START,
    browser_page,
    browser_path,
    choose,
    jupyterlab,
    open_lesson,
    run_all,
)

# In CI a missing browser is a failure, not a skip: see .ci/run.
pytestmark = pytest.mark.skipif(
    browser_path() is None and os.environ.get("CI") != "true", reason="no Chromium or Chrome on PATH"
)

KERNEL = {"kernelspec": {"name": "python3", "display_name": "Python 3 (ipykernel)", "language": "python"}}
TO_DRAW = 1000 * SECONDS_TO_START  # ms, on a machine that is busy with other tests
BENCHMARK = runpy.run_path(str(repository() / "benchmarks" / "widgets.py"))


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, Path]]:
    """A JupyterLab with each lesson cut down to what its controls need, as `NAME_short.ipynb`."""
    folder = tmp_path_factory.mktemp("widgets")
    with jupyterlab(folder) as address:
        for lesson in BENCHMARK["NEEDED"]:
            cells = [nbformat.v4.new_code_cell(source) for source in BENCHMARK["shortened"](lesson)]
            nbformat.write(
                nbformat.v4.new_notebook(cells=cells, metadata=KERNEL), folder / "notebooks" / f"{lesson}_short.ipynb"
            )
        yield f"{address}&reset", folder  # without the lessons that were open before


@pytest.fixture(scope="module")
def page(lab: tuple[str, Path]) -> Iterator[Page]:
    with browser_page(1280, 1000) as opened:
        yield opened


def panels_of(page: Page) -> list[Locator]:
    """The controls with their picture, one for each call of `explore`."""
    found = page.locator(".jp-NotebookPanel:visible .widget-vbox").filter(has=page.locator("img"))
    expect(found.first).to_be_visible()
    return found.all()


def words(panel: Locator) -> str:
    """The alternative text of the picture, which is also written beneath it."""
    alt = panel.locator("img").get_attribute("alt")
    assert alt
    return alt


def change_by_mouse(page: Page, panel: Locator) -> None:
    """Drag the first slider to its other end."""
    slider = panel.locator(".noUi-handle").first
    slider.scroll_into_view_if_needed()
    handle, rail = slider.bounding_box(), panel.locator(".noUi-target").first.bounding_box()
    assert handle and rail
    x, y = handle["x"] + handle["width"] / 2, handle["y"] + handle["height"] / 2
    at_the_right = x > rail["x"] + rail["width"] / 2
    page.mouse.move(x, y)
    page.mouse.down()
    page.mouse.move(rail["x"] + rail["width"] * (0.1 if at_the_right else 0.9), y, steps=5)
    page.mouse.up()


def change_by_keyboard(page: Page, panel: Locator) -> None:
    """Tick a box with Space where there is one; else a step of the first slider."""
    boxes = panel.get_by_role("checkbox")
    if boxes.count():
        boxes.first.focus()
        page.keyboard.press("Space")
        return
    slider = panel.get_by_role("slider").first
    slider.focus()
    page.keyboard.press("ArrowRight" if slider.get_attribute("aria-valuenow") == "0.0" else "ArrowLeft")


def at_rest(page: Page) -> None:
    """Wait until the kernel has drawn all that it was asked for."""
    page.locator(".jp-NotebookPanel:visible .jp-Notebook-ExecutionIndicator[data-status=idle]").wait_for()


def look(page: Page, name: str) -> None:
    """A screenshot for a person's eye."""
    build = repository() / "build"
    build.mkdir(exist_ok=True)
    page.screenshot(path=build / f"{name}.png")


def in_theme(page: Page, theme: str) -> None:
    page.get_by_role("menuitem", name="Settings", exact=True).click()
    page.locator(".lm-Menu-itemLabel").filter(has_text=re.compile(r"^Theme$")).hover()
    page.get_by_role("menuitem", name=theme, exact=True).click()
    page.locator(f"body[data-jp-theme-name='{theme}']").wait_for(state="attached")


FIRST, *OTHERS = BENCHMARK["NEEDED"]


@pytest.mark.parametrize("lesson", [FIRST, *(pytest.param(one, marks=pytest.mark.torture) for one in OTHERS)])
def test_each_picture_follows_its_controls(page: Page, lab: tuple[str, Path], lesson: str) -> None:
    open_lesson(page, lab[0], f"{lesson}_short.ipynb")
    run_all(page)
    expect(page.locator("[data-mime-type='application/vnd.jupyter.error']")).to_have_count(0)
    calls = sum(source.count("explore(") for source in BENCHMARK["shortened"](lesson)[2:])
    assert len(panels_of(page)) == calls
    for number, panel in enumerate(panels_of(page)):
        for change in (change_by_mouse, change_by_keyboard):
            before = words(panel)
            change(page, panel)
            expect(panel.locator("img")).not_to_have_attribute("alt", before, timeout=TO_DRAW)
            at_rest(page)  # a drag passes through several values
            assert words(panel) in panel.inner_text()
        panel.scroll_into_view_if_needed()
        for theme in ("Dark", "Light"):
            in_theme(page, f"JupyterLab {theme}")
            look(page, f"widgets_{lesson}_{number}_{theme.lower()}")


def test_reopened_the_controls_work_and_without_a_kernel_the_static_figure_stands(
    page: Page, lab: tuple[str, Path]
) -> None:
    lesson = "03_short.ipynb"
    open_lesson(page, lab[0], lesson)
    run_all(page)
    page.keyboard.press("ControlOrMeta+S")
    page.wait_for_timeout(2000)
    open_lesson(page, lab[0], lesson)  # the page is loaded anew; the kernel has gone on
    (panel,) = panels_of(page)
    before = words(panel)
    change_by_keyboard(page, panel)
    expect(panel.locator("img")).not_to_have_attribute("alt", before, timeout=TO_DRAW)

    choose(page, "Kernel", "Restart Kernel…")
    page.get_by_role("button", name="Confirm Kernel Restart").click()
    at_rest(page)
    static = page.locator(".jp-RenderedImage img")
    expect(static).to_be_visible()
    expect(page.get_by_text("broken ones? Run this cell.")).to_be_visible()
    run_all(page)
    (panel,) = panels_of(page)
    before = words(panel)
    change_by_keyboard(page, panel)
    expect(panel.locator("img")).not_to_have_attribute("alt", before, timeout=TO_DRAW)
