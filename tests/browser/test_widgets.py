"""The lessons' controls in a real JupyterLab: moved by mouse and by keyboard, reopened, and without their kernel."""

from __future__ import annotations

import runpy
from collections.abc import Iterator
from pathlib import Path

import nbformat
import pytest
from playwright.sync_api import Page, expect

from helpers.places import repository
from tests.browser.controls import change_by_keyboard, change_by_mouse, explored, picture_follows
from tests.browser.jupyterlab import (
    NEEDS_BROWSER,
    browser_page,
    in_theme,
    jupyterlab,
    keep_picture,
    open_lesson,
    run_all,
    save_and_restart,
)

pytestmark = NEEDS_BROWSER

KERNEL = {"kernelspec": {"name": "python3", "display_name": "Python 3 (ipykernel)", "language": "python"}}
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


@pytest.mark.torture  # the controls of one lesson are moved below
@pytest.mark.parametrize("lesson", BENCHMARK["NEEDED"])
def test_each_picture_follows_its_controls(page: Page, lab: tuple[str, Path], lesson: str) -> None:
    open_lesson(page, lab[0], f"{lesson}_short.ipynb")
    run_all(page)
    expect(page.locator("[data-mime-type='application/vnd.jupyter.error']")).to_have_count(0)
    calls = sum(source.count("explore(") for source in BENCHMARK["shortened"](lesson)[2:])
    for number, panel in enumerate(explored(page, calls)):
        for change in (change_by_mouse, change_by_keyboard):
            picture_follows(page, panel, change)
        for theme in ("Dark", "Light"):
            in_theme(page, theme)
            keep_picture(page, panel, f"widgets_{lesson}_{number}_{theme.lower()}")


def test_reopened_the_controls_work_and_without_a_kernel_the_static_figure_stands(
    page: Page, lab: tuple[str, Path]
) -> None:
    lesson = "03_short.ipynb"
    open_lesson(page, lab[0], lesson)
    run_all(page)
    page.keyboard.press("ControlOrMeta+S")
    page.wait_for_timeout(2000)
    open_lesson(page, lab[0], lesson)  # the page is loaded anew; the kernel has gone on
    (panel,) = explored(page)
    picture_follows(page, panel, change_by_keyboard)

    save_and_restart(page)
    open_lesson(page, lab[0], lesson)
    expect(page.locator(".jp-RenderedImage img")).to_be_visible()
    expect(page.get_by_text("Error displaying widget: model not found")).to_be_hidden()
    expect(page.get_by_text("No controls below this line? Run this cell.")).to_be_visible()
    run_all(page)
    (panel,) = explored(page)
    picture_follows(page, panel, change_by_keyboard)
