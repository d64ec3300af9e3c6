"""Take the README's pictures of lessons: `python -m tests.browser.picture`.

A person's eye judges the results, so no test runs this. The pictures have few colours, to stay small.
"""

from __future__ import annotations

import io
import tempfile
from pathlib import Path

from PIL import Image
from playwright.sync_api import Page

from helpers.places import repository
from tests.browser.controls import explored, picture_follows
from tests.browser.jupyterlab import browser_page, cell_of, in_theme, jupyterlab, open_lesson, panel_of, run_all

DOCS = repository() / "docs"
MOST_BYTES = 300_000
# What is moved to the top of the page, less so many CSS pixels of the lesson above it.
TO_THE_TOP = """(shown, above) => {
    shown.scrollIntoView(); shown.closest('.jp-WindowedPanel-outer').scrollBy(0, -above);
}"""


def main() -> None:
    """Both pictures, from one JupyterLab."""
    with (
        tempfile.TemporaryDirectory(prefix="course-picture-") as folder,
        jupyterlab(Path(folder)) as address,
        browser_page(1280, 860, scale=1.25) as page,
    ):
        open_lesson(page, address, "00_start_here.ipynb")
        page.keyboard.press("ControlOrMeta+B")  # the file browser away
        keep(an_exercise_with_a_hint(page), DOCS / "lesson.png")
        open_lesson(page, address, "01_load_pretrained_weights.ipynb")
        keep(a_cat_under_a_square(page), DOCS / "control.png")


def an_exercise_with_a_hint(page: Page) -> bytes:
    """The first exercise of lesson 00, its first hint open."""
    run_all(page)
    panel = panel_of(cell_of(page, "0.1"), "0.1")
    panel.locator("summary").first.click()
    panel.evaluate(TO_THE_TOP, 560)
    return drawn(page)


def a_cat_under_a_square(page: Page) -> bytes:
    """Lesson 01's "Fool the network", in the dark theme."""
    in_theme(page, "Dark")
    run_all(page)
    panel = explored(page, 2)[1]
    square = panel.get_by_role("slider").nth(3)
    for _ in range(3):
        picture_follows(page, panel, lambda *_: (square.focus(), page.keyboard.press("ArrowRight")))
    panel.evaluate(TO_THE_TOP, 120)
    return drawn(page)


def drawn(page: Page) -> bytes:
    page.wait_for_timeout(1500)  # for what was scrolled to
    return page.screenshot()


def keep(screenshot: bytes, file: Path) -> None:
    Image.open(io.BytesIO(screenshot)).convert("RGB").quantize(128).save(file, optimize=True)
    size = file.stat().st_size
    print(f"{file}: {size / 1000:.0f} kB")
    assert size <= MOST_BYTES, "use fewer colours"


if __name__ == "__main__":
    main()
