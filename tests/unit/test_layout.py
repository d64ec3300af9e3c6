"""The arrows of CONTRIBUTING.md: which part of the course may import which."""

from __future__ import annotations

import ast
import graphlib
import re
import sys
from collections.abc import Iterator
from pathlib import Path

import nbformat
import pytest

import helpers
from helpers.errors import CourseError
from helpers.places import repository

ROOT = repository()
PACKAGE = Path(helpers.__file__).parent

BELOW_ALL = {"errors", "places"}
# As in the table of CONTRIBUTING.md. `cli` stands above all, and is imported by nobody but `__main__`.
MAY_IMPORT = {
    "errors": set(),
    "places": {"errors"},
    "models": BELOW_ALL,
    "data": BELOW_ALL,
    "training": {"models", "data"} | BELOW_ALL,
    "course": {"models", "data", "training"} | BELOW_ALL,
    "lessons": {"course", "models", "data", "training"} | BELOW_ALL,
    "cli": {"lessons", "course", "models", "data", "training"} | BELOW_ALL,
    "__main__": {"cli"},
    "__init__": set(),
}
NOTEBOOKS_MAY_IMPORT = {"lessons", "course", "data", "models", "training", "errors"}

MODULES = sorted(PACKAGE.rglob("*.py"))


def module_name(path: Path) -> str:
    parts = ("helpers", *path.relative_to(PACKAGE).with_suffix("").parts)
    return ".".join(parts[:-1] if parts[-1] == "__init__" and len(parts) > 2 else parts)


def part_of(name: str) -> str:
    """The part of the course that a module belongs to: "course" for `helpers.course.panel`."""
    return name.split(".")[1]


def imported(tree: ast.AST) -> Iterator[str]:
    """Full names of what is imported, also within functions; relative imports are not used here."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"line {node.lineno}: write the import's full name"
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def parts_imported(tree: ast.AST) -> set[str]:
    parts = {part_of(name) for name in imported(tree) if name.startswith("helpers.")}
    return {part for part in parts if part in MAY_IMPORT}


def names_of(module: str) -> set[str]:
    """A module's own name and those of its packages."""
    parts = module.split(".")
    return {".".join(parts[:n]) for n in range(2, len(parts) + 1)}


@pytest.mark.parametrize("path", MODULES, ids=module_name)
def test_arrows_run_one_way(path: Path) -> None:
    part = part_of(module_name(path))
    assert part in MAY_IMPORT, f"{part} is new: give it a row here and in CONTRIBUTING.md"
    allowed = MAY_IMPORT[part] | {part}
    assert parts_imported(ast.parse(path.read_text(encoding="utf-8"))) <= allowed


def test_the_parts_make_no_circle() -> None:
    order = list(graphlib.TopologicalSorter(MAY_IMPORT).static_order())
    assert order.index("models") < order.index("course") < order.index("lessons") < order.index("cli")


def test_modules_make_no_circle() -> None:
    """By the imports that run when a module is loaded; those within functions and for type checkers wait."""
    known = {module_name(path) for path in MODULES}
    graph = {}
    for path in MODULES:
        tree = ast.parse(path.read_text(encoding="utf-8"))
        at_once = [node for node in tree.body if isinstance(node, ast.Import | ast.ImportFrom)]
        wanted = {n for name in imported(ast.Module(at_once, [])) for n in names_of(name)} & known
        is_package = path.name == "__init__.py"
        own = names_of(module_name(path)) if not is_package else {module_name(path)}
        graph[module_name(path)] = wanted - own
    graphlib.TopologicalSorter(graph).prepare()


def test_a_circle_would_be_found() -> None:
    with pytest.raises(graphlib.CycleError):
        graphlib.TopologicalSorter({"a": {"b"}, "b": {"a"}}).prepare()


@pytest.mark.parametrize("folder", ["helpers", "tests", "benchmarks"])
def test_no_module_is_a_drawer(folder: str) -> None:
    """`utils` says nothing about what is in it."""
    drawers = {"utils", "util", "misc", "common", "tools"}
    assert not [path for path in (ROOT / folder).rglob("*") if path.stem in drawers]


def test_every_folder_of_the_table_is_there() -> None:
    text = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    named = re.findall(r"`((?:helpers|tests|notebooks)/[\w/]*?)/?`", text)
    assert {"helpers/course", "helpers/models", "tests/unit"} <= {name.rstrip("/") for name in named}
    missing = [name for name in named if not (ROOT / name).is_dir() and "03" not in name]
    assert not missing


def test_every_file_that_the_conventions_name_is_there() -> None:
    text = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    named = set(re.findall(r"`((?:helpers|tests)/[\w/]+\.py)`", text))
    assert named
    assert not [name for name in named if not (ROOT / name).is_file()]


def notebooks() -> list[Path]:
    return sorted((ROOT / "notebooks").glob("*.ipynb"))


@pytest.mark.parametrize("path", notebooks(), ids=lambda path: path.stem)
def test_notebooks_import_what_they_may(path: Path) -> None:
    for cell in nbformat.read(path, as_version=4).cells:
        if cell.cell_type == "code":
            source = "\n".join("pass" if line.startswith(("%", "!")) else line for line in cell.source.splitlines())
            assert parts_imported(ast.parse(source)) <= NOTEBOOKS_MAY_IMPORT, cell.source


def test_what_is_imported_is_declared() -> None:
    """Each package that `helpers` imports stands in pyproject.toml itself, and not only in what that brings along."""
    declared = (ROOT / "pyproject.toml").read_text(encoding="utf-8").partition("[project.optional")[0].lower()
    names = {"PIL": "pillow", "sklearn": "scikit-learn", "skimage": "scikit-image"}
    for path in MODULES:
        for name in imported(ast.parse(path.read_text(encoding="utf-8"))):
            top = name.split(".")[0]
            if top not in {*sys.stdlib_module_names, "helpers"}:
                package = names.get(top, top).lower().replace("_", "-")
                assert re.search(rf'"{re.escape(package)}[=><"]', declared), f"{path.name} imports {top}"


@pytest.mark.parametrize("path", MODULES, ids=module_name)
def test_no_error_is_swallowed(path: Path) -> None:
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ExceptHandler):
            assert node.type is not None, f"line {node.lineno}: a bare except also catches Ctrl+C"
            assert not all(isinstance(inner, ast.Pass) for inner in node.body), f"line {node.lineno}: pass"


def test_a_course_error_is_one_line_without_traceback() -> None:
    assert CourseError("no folder x: name another")._render_traceback_() == ["CourseError: no folder x: name another"]
