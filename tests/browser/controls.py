"""The controls of `explore` on a page of JupyterLab: found, and moved by mouse and by keyboard."""

from __future__ import annotations

from collections.abc import Callable

from playwright.sync_api import Locator, Page, expect

from tests.browser.jupyterlab import at_rest


def explored(page: Page, calls: int = 1) -> list[Locator]:
    """The controls with their picture, one for each call of `explore`."""
    found = page.locator(".jp-NotebookPanel:visible .widget-vbox").filter(has=page.locator("img"))
    expect(found).to_have_count(calls)
    return found.all()


def words_of(panel: Locator) -> str:
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


def picture_follows(page: Page, panel: Locator, change: Callable[[Page, Locator], None]) -> None:
    """After the change another picture is there, with its words beneath it."""
    before = words_of(panel)
    change(page, panel)
    expect(panel.locator("img")).not_to_have_attribute("alt", before)
    at_rest(page)  # a drag passes through several values
    assert words_of(panel) in panel.inner_text()
