"""The reader's site, built as `make site` builds it: what stands on its pages, and how a browser shows them."""

from __future__ import annotations

import importlib.util
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path

import nbformat
import pytest
from nbformat import NotebookNode
from playwright.sync_api import Page, expect

from helpers.places import lesson_paths, repository
from tests.browser.contrast import contrast
from tests.browser.jupyterlab import NEEDS_BROWSER, browser_page

# In CI a missing Sphinx or browser is a failure, not a skip: see .ci/run.
IN_CI = os.environ.get("CI") == "true"
pytestmark = pytest.mark.skipif(
    importlib.util.find_spec("sphinx") is None and not IN_CI, reason="no Sphinx, which `make site` installs"
)


def page_of(notebook: Path) -> str:
    """Where its page is in the site, without `.html`."""
    return f"{notebook.parent.name}/{notebook.stem}"


NOTEBOOKS = [*lesson_paths(), repository() / "docs" / "glossary.ipynb"]
LESSON = pytest.mark.parametrize("lesson", lesson_paths(), ids=lambda path: path.stem)
LOOKED_AT = ["index", "search", "notebooks/03_freeze_the_backbone", "notebooks/07_lora", "docs/glossary"]
OTHERS = ["CONTRIBUTING", "LICENCES", *(page_of(one) for one in NOTEBOOKS)]


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The whole site, with no link that leads nowhere: else the build fails."""
    folder = tmp_path_factory.mktemp("site") / "pages"
    command = [sys.executable, str(repository() / "docs" / "site" / "build.py"), str(folder)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr[-3000:]
    assert re.search(r" [\d,]{4,} links, 0 of them wrong, ", done.stdout), done.stdout
    return folder


@pytest.fixture(scope="module")
def page() -> Iterator[Page]:
    with browser_page() as opened:
        yield opened


def text_of(site: Path, notebook: Path) -> str:
    return (site / f"{page_of(notebook)}.html").read_text(encoding="utf-8")


def outputs_of(notebook: NotebookNode) -> list[NotebookNode]:
    return [output for cell in notebook.cells for output in cell.get("outputs", [])]


class Pictures(HTMLParser):
    """The alternative texts of the pictures that a page carries in itself."""

    def __init__(self, source: str) -> None:
        super().__init__()
        self.texts: list[str | None] = []
        self.feed(source)

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        given = dict(attributes)
        if tag == "img" and (given["src"] or "").startswith("data:image/png;base64,"):
            self.texts.append(given.get("alt"))


# What stands there ------------------------------------------------------------------------------------


def test_every_lesson_is_a_page_and_the_readme_is_the_first(site: Path) -> None:
    assert {page.stem for page in site.glob("[nd]o*/*.html")} == {one.stem for one in NOTEBOOKS}
    assert (site / "index.html").read_bytes() == (site / "README.html").read_bytes()
    first = (site / "index.html").read_text(encoding="utf-8")
    assert all(first.count(f'href="{page_of(one)}.html"') >= 2 for one in NOTEBOOKS), "in text and navigation"
    assert ".ipynb" not in "".join(re.findall(r'href="([^"]*)"', first))


@LESSON
def test_pictures_and_outputs_are_those_of_the_lesson(site: Path, lesson: Path) -> None:
    outputs, page = outputs_of(nbformat.read(lesson, as_version=4)), text_of(site, lesson)
    pictures = [one for one in outputs if "image/png" in one.get("data", {})]
    assert Pictures(page).texts == [one.metadata["image/png"]["alt"] for one in pictures]
    for one in outputs:
        assert one.get("data", {}).get("text/html", "") in page, "panels, tables and captions, letter by letter"


@LESSON
def test_an_exercise_and_the_quiz_say_where_to_work(site: Path, lesson: Path) -> None:
    notebook, page = nbformat.read(lesson, as_version=4), text_of(site, lesson)
    exercises = [cell for cell in notebook.cells if "exercise" in cell.metadata]
    controls = [cell for cell in notebook.cells if re.search(r"^explore\(", cell.source, flags=re.MULTILINE)]
    assert page.count("Write your answer in JupyterLab") == len(exercises) >= 3
    assert page.count("The controls of this figure are there in JupyterLab") == len(controls)
    assert page.count("JupyterLab keeps your answers") == page.count("This page shows the lesson as it ran") == 1
    assert page.count(f">{lesson.name}<") >= len(exercises) + 2


@LESSON
def test_a_term_leads_to_its_place_in_the_glossary(site: Path, lesson: Path) -> None:
    """JupyterLab's anchors keep capitals, and those of Sphinx do not."""
    notebook = nbformat.read(lesson, as_version=4)
    wanted = re.findall(r"\(\.\./docs/glossary\.ipynb#([^)]+)\)", "\n".join(cell.source for cell in notebook.cells))
    glossary = text_of(site, NOTEBOOKS[-1])
    found = re.findall(r'href="\.\./docs/glossary\.html#([^"]+)"', text_of(site, lesson))
    section = r'<section [^>]*id="([^"]+)"[^>]*>\s*(?:<span id="[^"]*"></span>)*<h2>(.*?)<a class="headerlink"'
    headings = dict(re.findall(section, glossary))
    names = [re.sub("<[^>]*>", "", headings[anchor]).replace(" ", "-") for anchor in found]
    assert names == wanted


def test_formulas_are_drawn_by_the_browser_itself(site: Path) -> None:
    for notebook in NOTEBOOKS:
        source = "\n".join(c.source for c in nbformat.read(notebook, as_version=4).cells if c.cell_type == "markdown")
        source = re.sub(r"```[\s\S]*?```|`[^`]*`", "", source)
        formulas = re.findall(r"\$\$[^$]+\$\$|\$[^$]+\$", source)
        assert text_of(site, notebook).count("<math ") == len(formulas), notebook.name


# How it shows -----------------------------------------------------------------------------------------


@NEEDS_BROWSER
@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [1280, 390])
@pytest.mark.parametrize("name", LOOKED_AT)
def test_it_asks_nobody_and_fits(page: Page, site: Path, scheme: str, width: int, name: str) -> None:
    page.emulate_media(color_scheme=scheme)
    opened_without_a_word(page, site / f"{name}.html", width)
    assert contrast(page.locator("body")) >= 7, "text on its ground, WCAG 2.2, level AAA"
    for panel in page.locator(".cell_output [role=region]:visible").all()[:3]:
        assert contrast(panel) >= 7


@NEEDS_BROWSER
@pytest.mark.parametrize("name", [one for one in OTHERS if one not in LOOKED_AT])
def test_every_other_page_fits_a_telephone(page: Page, site: Path, name: str) -> None:
    opened_without_a_word(page, site / f"{name}.html", 390)


def opened_without_a_word(page: Page, file: Path, width: int) -> None:
    """Open it; it loads nothing from elsewhere, the console stays empty, and nothing sticks out."""
    asked, complaints = [], []
    on = {
        "request": lambda request: asked.append(request.url),
        "console": lambda message: complaints.append(message.text),
        "pageerror": lambda error: complaints.append(str(error)),
    }
    for event, listener in on.items():
        page.on(event, listener)
    page.set_viewport_size({"width": width, "height": 800})
    page.goto(file.as_uri())
    assert [url for url in asked if not url.startswith(("file:", "data:"))] == []
    assert complaints == []
    assert page.evaluate("document.documentElement.scrollWidth") <= width, "nothing is wider than the window"
    assert page.evaluate("[...document.images].every(one => one.naturalWidth > 0)")
    for event, listener in on.items():
        page.remove_listener(event, listener)


@NEEDS_BROWSER
def test_a_search_finds_a_term_by_keyboard(page: Page, site: Path) -> None:
    opened_without_a_word(page, site / "index.html", 1280)
    complaints = []
    page.on("console", lambda message: complaints.append(message.text))
    page.get_by_role("textbox", name="Search").press_sequentially("BatchNorm")
    page.keyboard.press("Enter")
    result = page.locator("#search-results a", has_text="Glossary > BatchNorm")
    result.focus()
    page.keyboard.press("Enter")
    expect(page).to_have_url(re.compile(r"/glossary\.html.*#batchnorm$"))
    assert complaints == []


@NEEDS_BROWSER
def test_a_hint_opens_and_an_option_says_why(page: Page, site: Path) -> None:
    page.set_viewport_size({"width": 390, "height": 800})
    page.goto((site / "notebooks" / "03_freeze_the_backbone.html").as_uri())
    for region, button in [("Exercise 3.1", "Hint 1"), ("Quick quiz 03", "a)")]:
        fold = page.get_by_role("region", name=region).locator("details").filter(has_text=button).first
        inside = fold.locator("> div")
        assert not inside.is_visible()
        fold.locator("summary").first.focus()
        page.keyboard.press("Enter")
        expect(inside).to_be_visible()


@NEEDS_BROWSER
def test_the_theme_is_chosen_on_the_page(page: Page, site: Path) -> None:
    page.emulate_media(color_scheme="light")
    opened_without_a_word(page, site / "index.html", 1280)
    grounds = set()
    for _ in range(3):  # as the system has it, light, dark
        page.locator(".theme-toggle:visible").click()
        grounds.add(page.evaluate("getComputedStyle(document.body).backgroundColor"))
    assert len(grounds) == 2
