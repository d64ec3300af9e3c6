"""Take the README's picture of a lesson: `python -m tests.browser.picture`.

A person's eye judges the result, so no test runs this. The picture has few colours, to stay small.
"""

from __future__ import annotations

import io
import tempfile
from pathlib import Path

from PIL import Image

from helpers.places import repository
from tests.browser.jupyterlab import browser_page, cell_of, jupyterlab, open_lesson, panel_of, run_all

LESSON, EXERCISE = "00_start_here.ipynb", "0.1"
PICTURE = repository() / "docs" / "lesson.png"
MOST_BYTES = 300_000
ABOVE = 560  # CSS pixels of the lesson that are shown above the panel


def main() -> None:
    """Run the lesson, scroll to its first exercise with a hint open, and write the picture."""
    with (
        tempfile.TemporaryDirectory(prefix="course-picture-") as folder,
        jupyterlab(Path(folder)) as address,
        browser_page(1280, 860, scale=1.25) as page,
    ):
        open_lesson(page, address, LESSON)
        run_all(page)
        page.keyboard.press("ControlOrMeta+B")  # the file browser away
        panel = panel_of(cell_of(page, EXERCISE), EXERCISE)
        panel.locator("summary").first.click()
        panel.evaluate("(panel, above) => { panel.scrollIntoView(); "
                       "panel.closest('.jp-WindowedPanel-outer').scrollBy(0, -above); }", ABOVE)  # fmt: skip
        page.wait_for_timeout(1500)  # what is scrolled to is drawn
        drawn = Image.open(io.BytesIO(page.screenshot()))
    PICTURE.parent.mkdir(exist_ok=True)
    drawn.convert("RGB").quantize(128).save(PICTURE, optimize=True)
    size = PICTURE.stat().st_size
    print(f"{PICTURE}: {size / 1000:.0f} kB")
    assert size <= MOST_BYTES, "use fewer colours"


if __name__ == "__main__":
    main()
