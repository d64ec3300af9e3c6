"""The arrows of CONTRIBUTING.md: which part of the course may import which."""

from __future__ import annotations

import ast
import graphlib
import re
import sys
from collections.abc import Collection, Iterator
from pathlib import Path

import nbformat
import pytest

import helpers
from helpers.errors import CourseError
from helpers.places import repository

ROOT = repository()
PACKAGE = Path(helpers.__file__).parent

BELOW_ALL = {"errors", "leaving", "memory", "places"}
# As in the table of CONTRIBUTING.md. `cli` stands above all, and is imported by nobody but `__main__`.
MAY_IMPORT = {
    "errors": set(),
    "kept_lines": {"errors"},
    "leaving": set(),
    "memory": set(),
    "places": {"errors"},
    "models": BELOW_ALL,
    "data": BELOW_ALL,
    "training": {"models", "data"} | BELOW_ALL,
    "course": {"models", "data", "training"} | BELOW_ALL,
    "checking": {"course", "data", "models", "training"} | BELOW_ALL,
    "sharing": {"course", "models", "data", "training"} | BELOW_ALL,
    "cell_order": {"course"} | BELOW_ALL,
    "first_imports": set(),
    "doctor": {"models"} | BELOW_ALL,
    "updating": BELOW_ALL,
    "lessons": {"cell_order", "checking", "course", "models", "data", "training"} | BELOW_ALL,
    "grading": {"kept_lines", "lessons", "checking", "course", "models", "data", "training"} | BELOW_ALL,
    "authoring": {"course"} | BELOW_ALL,
    "colab": {"doctor"} | BELOW_ALL,
    "cli": {"authoring", "doctor", "updating", "grading", "lessons", "sharing", "course", "models", "data", "training"}
    | BELOW_ALL,
    "__main__": {"cli", "leaving"},
    "__init__": set(),
}
NOTEBOOKS_MAY_IMPORT = {"doctor", "lessons", "course", "sharing", "data", "models", "training", "errors"}

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


def test_checks_know_of_the_course_only_what_a_verdict_is() -> None:
    for path in (PACKAGE / "checking").rglob("*.py"):
        of_the_course = {n for n in imported(ast.parse(path.read_text("utf-8"))) if n.startswith("helpers.course.")}
        assert all(name.startswith("helpers.course.verdicts.") for name in of_the_course), path.name


def test_the_parts_make_no_circle() -> None:
    order = list(graphlib.TopologicalSorter(MAY_IMPORT).static_order())
    assert order.index("models") < order.index("course") < order.index("lessons") < order.index("cli")


def import_graph(sources: dict[str, str]) -> dict[str, set[str]]:
    """For each module of `sources` (its text by its full name), those of the others that it imports, wherever it does.

    Imports within functions and for type checkers count as well: whoever reads the one module has to read the other.
    An import of `a.b.c` is one of the package `a.b` too, but for the modules that are in `a.b` themselves: these meet
    their package only where they take from it what is no module.
    """
    return {module: _imported_modules(module, ast.parse(text), sources.keys()) for module, text in sources.items()}


def _imported_modules(module: str, tree: ast.AST, known: Collection[str]) -> set[str]:
    is_package = any(name.startswith(f"{module}.") for name in known)
    own_packages = names_of(module) - {module}
    wanted = {named for start in loaded_by_name(tree) for named in known if named.startswith(start)}
    for name in imported(tree):
        target = name if name in known else name.rpartition(".")[0]
        wanted |= {target} | (names_of(target) - own_packages)
    return (wanted & set(known)) - ({module} if is_package else set())


def loaded_by_name(tree: ast.AST) -> Iterator[str]:
    """How the names begin that are given to `import_module`: text, or what stands before the first `{`."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and ast.unparse(node.func).endswith("import_module"):
            name = node.args[0].values[0] if isinstance(node.args[0], ast.JoinedStr) else node.args[0]
            if isinstance(name, ast.Constant):
                yield name.value


def assert_no_circle(sources: dict[str, str]) -> None:
    graphlib.TopologicalSorter(import_graph(sources)).prepare()


def test_modules_make_no_circle() -> None:
    assert_no_circle({module_name(path): path.read_text(encoding="utf-8") for path in MODULES})


@pytest.mark.parametrize(
    "source",
    [
        "from helpers.course import panel",
        "import helpers.course.panel as shown",
        "from helpers.course.panel import CHECK_MIME",
        "def show():\n    from helpers.course import panel",
        "class Shown:\n    def show(self):\n        import helpers.course.panel",
        "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    from helpers.course.panel import Panel",
        "try:\n    from helpers.course import panel\nexcept ImportError:\n    panel = None",
        "import importlib\npanel = importlib.import_module('helpers.course.panel')",
        "from importlib import import_module\ndef show(name):\n    import_module(f'helpers.course.{name}')",
        "from helpers.models import heads",  # over a module of another package
    ],
)
def test_a_circle_would_be_found(source: str) -> None:
    others = {
        "helpers.course": "",
        "helpers.course.panel": "from helpers.course import exercise",
        "helpers.models": "",
        "helpers.models.heads": "from helpers.course.panel import CHECK_MIME",
    }
    assert_no_circle({"helpers.course.exercise": "", **others})
    with pytest.raises(graphlib.CycleError):
        assert_no_circle({"helpers.course.exercise": source, **others})


def test_a_circle_over_the_package_itself_would_be_found() -> None:
    """A package takes names from its modules; none of these may take such a name back from the package."""
    package = {"helpers.course": "from helpers.course.display import show", "helpers.course.display": ""}
    assert_no_circle({**package, "helpers.course.panel": "from helpers.course import show"})
    with pytest.raises(graphlib.CycleError):
        assert_no_circle({**package, "helpers.course.display": "def f():\n    from helpers.course import show"})


def test_two_ways_to_one_module_are_no_circle() -> None:
    assert_no_circle(
        {
            "helpers.course": "from helpers.course.panel import show",
            "helpers.course.panel": "from helpers.course import html, labels",
            "helpers.course.labels": "def f():\n    from helpers.course import html",
            "helpers.course.html": "import html",
        }
    )


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
