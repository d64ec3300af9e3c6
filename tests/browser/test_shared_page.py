"""The page of a shared folder and the certificate, as readers open them: from a file, light or dark, wide or narrow."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from playwright.sync_api import Page

from helpers.data import ImageDataset, Splits
from helpers.data.splits import Arrays
from helpers.lessons import certificate
from helpers.models import load_backbone
from helpers.sharing import making, share
from helpers.sharing.program import ONNX, PT2, Program
from tests.browser.contrast import contrast
from tests.browser.jupyterlab import NEEDS_BROWSER, browser_page

pytestmark = NEEDS_BROWSER


@pytest.fixture(scope="module")
def pages(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """Of a network with random weights, without its program: the page is what is looked at here."""
    folder, rng = tmp_path_factory.mktemp("shared"), np.random.default_rng(0)
    classes = ["a <script>alert(1)</script> name", *(f"a rather long name of class {i}" for i in range(8))]
    labels = np.arange(27) % len(classes)
    pictures = ImageDataset(Arrays(rng.integers(0, 255, (27, 32, 32, 3), dtype=np.uint8)), labels, classes, ["x"] * 27)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(making, "write_programs", lambda *_: [Program(PT2, "not asked for."), Program(ONNX, "neither.")])
        data, backbone = Splits("noise", classes, *[pictures] * 3), load_backbone(pretrained=False)
        made = share(data, folder / "card", backbone=backbone, repeats=2, epochs=1, side=32)
        patch.setenv("COURSE_OUTPUT", str(folder))
        return [made.folder / "index.html", certificate(folder / "certificate.html")]


@pytest.fixture(scope="module")
def page() -> Iterator[Page]:
    with browser_page() as opened:
        yield opened


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [1280, 360])
@pytest.mark.parametrize("which", [0, 1])
def test_it_asks_nobody_and_fits(page: Page, pages: list[Path], scheme: str, width: int, which: int) -> None:
    asked, complaints = [], []
    page.on("request", lambda request: asked.append(request.url))
    page.on("console", lambda message: complaints.append(message.text))
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.emulate_media(color_scheme=scheme)
    page.set_viewport_size({"width": width, "height": 800})
    page.goto(pages[which].as_uri())
    assert [url for url in asked if not url.startswith(("data:", pages[which].as_uri()))] == []
    assert complaints == []
    assert page.evaluate("document.documentElement.scrollWidth") <= width, "nothing is wider than the window"
    assert page.evaluate("[...document.images].every(one => one.naturalWidth > 0)")
    assert contrast(page.locator("body")) >= 7, "text on its ground, WCAG 2.2, level AAA"


def test_a_wide_table_is_reached_by_keyboard(page: Page, pages: list[Path]) -> None:
    page.set_viewport_size({"width": 360, "height": 800})
    page.goto(pages[0].as_uri())
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.getAttribute('role')") == "region"
    assert page.evaluate("document.activeElement.scrollWidth > document.activeElement.clientWidth")
    page.keyboard.press("ArrowRight")
    deadline = time.monotonic() + 5  # scrolling takes a moment; the page's own policy forbids waiting in its scripts
    while not page.evaluate("document.activeElement.scrollLeft > 0"):
        assert time.monotonic() < deadline
        page.wait_for_timeout(50)
