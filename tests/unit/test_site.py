"""What the reader's site is built with: its lock, the look at its links, and what a build refuses."""

from __future__ import annotations

import importlib.util
import os
import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path
from types import ModuleType

import nbformat
import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from helpers.places import repository

ROOT = repository()
SITE = ROOT / "docs" / "site"
NEEDS_SPHINX = pytest.mark.skipif(
    importlib.util.find_spec("sphinx") is None and os.environ.get("CI") != "true",
    reason="no Sphinx, which `make site` installs",
)


def pins(name: str) -> dict[str, set[str]]:
    """The versions of each package in a lock: one, or one for each system or Python."""
    found: dict[str, set[str]] = {}
    for one in map(Requirement, (ROOT / name).read_text(encoding="utf-8").splitlines()):
        found.setdefault(canonicalize_name(one.name), set()).add(str(one.specifier))
    return found


# The lock ---------------------------------------------------------------------------------------------


def test_both_locks_agree_so_that_a_site_changes_nothing_for_the_lessons() -> None:
    course, site = pins("requirements.lock"), pins("requirements-site.lock")
    assert {name: site[name] for name in course.keys() & site.keys() if not site[name] <= course[name]} == {}
    assert len(course.keys() & site.keys()) > 20
    assert not {"torch", "torchvision"} & site.keys(), "whoever has the CPU build keeps it"
    assert not re.search(r"://|@|--|#|\\", (ROOT / "requirements-site.lock").read_text(encoding="utf-8"))


def test_the_lock_pins_what_is_declared_and_learners_do_without() -> None:
    groups = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["dependency-groups"]
    for wanted in map(Requirement, groups["site"]):
        (pinned,) = pins("requirements-site.lock")[canonicalize_name(wanted.name)]
        assert wanted.specifier.contains(pinned.removeprefix("==")), "run `make lock`"
        assert canonicalize_name(wanted.name) not in pins("requirements.lock")
        assert f"| {wanted.name} |" in (ROOT / "LICENCES.md").read_text(encoding="utf-8")


# Links ------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def links() -> ModuleType:
    spec = importlib.util.spec_from_file_location("site_links", SITE / "links.py")
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # where its dataclass looks for its annotations
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def small(tmp_path: Path) -> Path:
    """Two pages; the first holds what a test writes to it."""
    (tmp_path / "in a folder").mkdir()
    (tmp_path / "in a folder" / "other.html").write_text('<h2 id="here">Here</h2><p id="ä">There</p>')
    (tmp_path / "picture.png").write_bytes(b"")
    return tmp_path


def judged(links: ModuleType, site: Path, body: str) -> list[str]:
    (site / "index.html").write_text(body, encoding="utf-8")
    return links.broken(links.pages_of(site))


@pytest.mark.parametrize(
    "link",
    ["in%20a%20folder/other.html", "in%20a%20folder/other.html#here", "in%20a%20folder/other.html#%C3%A4",
     "picture.png", "#top", "https://example.org/a?b=c#d", "data:image/png;base64,AA=="],
)  # fmt: skip
def test_a_link_that_leads_somewhere_is_left_alone(links: ModuleType, small: Path, link: str) -> None:
    assert judged(links, small, f'<p id="top"></p><a href="{link}">x</a>') == []


@pytest.mark.parametrize(
    "link",
    ["other.html", "in%20a%20folder/other.html#Here", "in%20a%20folder", "#bottom", "picture.png#x", "gone.png",
     "https://", "http://localhost/x", "https://example.org/a b", "file:///etc/hosts", "//example.org/x",
     "/picture.png", "lesson.ipynb", "mailto:"],
)  # fmt: skip
def test_a_link_that_leads_nowhere_is_named(links: ModuleType, small: Path, link: str) -> None:
    assert judged(links, small, f'<p id="top"></p><a href="{link}">x</a>') == [f"index.html: {link}"]


@pytest.mark.parametrize(
    ("element", "loads"),
    [
        ('<script src="https://cdn.example.org/x.js"></script>', True),
        ('<link rel="stylesheet" href="//fonts.example.org/x.css">', True),
        ('<link rel="preconnect" href="https://fonts.example.org/">', True),
        ('<img alt="" src="https://example.org/x.png">', True),
        ('<iframe src="https://example.org/"></iframe>', True),
        ('<a href="https://example.org/">x</a>', False),
        ('<link rel="canonical" href="https://example.org/">', False),
        ('<img alt="" src="picture.png">', False),
    ],
)
def test_what_a_browser_would_fetch_elsewhere_is_named(
    links: ModuleType, small: Path, element: str, loads: bool
) -> None:
    (small / "index.html").write_text(element)
    assert bool(list(links.loaded_from_elsewhere(links.pages_of(small)))) is loads


# A build ----------------------------------------------------------------------------------------------


def build(course: Path, folder: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, str(course / "docs" / "site" / "build.py"), str(folder)],
        env=os.environ | {"COURSE_HOME": str(course), "PYTHONPATH": str(ROOT)},
        capture_output=True, text=True, timeout=120,
    )  # fmt: skip


@NEEDS_SPHINX
def test_a_folder_with_other_things_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "thesis.txt").write_text("years of work")
    done = build(ROOT, tmp_path)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == f"error: {tmp_path} holds something else than a site: name an empty or a new folder\n"
    assert [path.name for path in tmp_path.iterdir()] == ["thesis.txt"]


@pytest.fixture
def course(tmp_path: Path) -> Path:
    """A course of one lesson, whose single link a test can set."""
    folder = tmp_path / "course"
    shutil.copytree(SITE, folder / "docs" / "site", ignore=shutil.ignore_patterns("__pycache__"))
    (folder / "notebooks").mkdir()
    for name in ("README", "CONTRIBUTING", "CHANGELOG", "LICENCES"):
        (folder / f"{name}.md").write_text(f"# {name}\n")
    write(folder, "docs/glossary", "# Glossary", "## LoRA\n\nA small addition.")
    write(folder, "notebooks/01_small", "# 01 Small", "A word: [LoRA](../docs/glossary.ipynb#LoRA).")
    (folder / "notebooks" / "01_small-Copy1.ipynb").write_text("a learner's own, which is no notebook")
    return folder


def write(course: Path, name: str, *cells: str) -> None:
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_markdown_cell(source) for source in cells])
    nbformat.write(notebook, course / f"{name}.ipynb")


@NEEDS_SPHINX
def test_a_small_course_builds_again_and_again_without_its_copies(course: Path, tmp_path: Path) -> None:
    for _ in range(2):
        done = build(course, tmp_path / "pages")
        assert (done.returncode, done.stderr) == (0, "")
    for folder, made in {"notebooks": "01_small", "docs": "glossary"}.items():
        assert [page.name for page in (tmp_path / "pages" / folder).iterdir()] == [f"{made}.html"]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["course", "pages"]


@NEEDS_SPHINX
def test_a_lesson_that_was_worked_on_brings_no_widgets(course: Path, tmp_path: Path) -> None:
    """Their player would come from elsewhere, and it would find no kernel."""
    view = {"application/vnd.jupyter.widget-view+json": {"model_id": "abc"}, "text/plain": "HBox(children=())"}
    outputs = [nbformat.v4.new_output("display_data", view), nbformat.v4.new_output("stream", text="seen by all")]
    cells = [nbformat.v4.new_markdown_cell("# 01 Small"), nbformat.v4.new_code_cell("show()", outputs=outputs)]
    state = {"widgets": {"application/vnd.jupyter.widget-state+json": {"state": {"abc": {}}, "version_major": 2}}}
    metadata = state | {"language_info": {"name": "python"}}
    nbformat.write(nbformat.v4.new_notebook(cells=cells, metadata=metadata), course / "notebooks" / "01_small.ipynb")
    done = build(course, tmp_path / "pages")
    assert (done.returncode, done.stderr) == (0, "")
    page = (tmp_path / "pages" / "notebooks" / "01_small.html").read_text(encoding="utf-8")
    assert "seen by all" in page
    assert not re.search("HBox|jupyter.widget|require", page)


@NEEDS_SPHINX
def test_links_that_lead_nowhere_fail_the_build_and_all_are_named(course: Path, tmp_path: Path) -> None:
    links = ["../docs/glossary.ipynb#LORA", "02_gone.ipynb", "#no-such-heading"]
    write(course, "notebooks/01_small", "# 01 Small", " ".join(f"[word]({link})" for link in links))
    done = build(course, tmp_path / "pages")
    assert done.returncode == 1
    for named in ("LORA", "02_gone", "no-such-heading"):
        assert re.search(rf"01_small\.ipynb.*{named}", done.stderr), done.stderr
    assert not (tmp_path / "pages").exists()
