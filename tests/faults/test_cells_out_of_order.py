"""Cells out of order, a kernel restarted in the middle, and notebooks that were renamed, moved or copied."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import sysconfig
import venv
from collections.abc import Callable, Iterator
from pathlib import Path

import nbformat
import pytest
from IPython.core.interactiveshell import InteractiveShell
from jupyter_client import BlockingKernelClient, KernelManager
from jupyter_client.kernelspec import KernelSpecManager
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook

from helpers import cell_order
from helpers.cell_order import advice
from helpers.course.lessons import all_lessons, contract, find_lessons
from helpers.places import repository

ROOT = repository()

CELLS = [
    new_markdown_cell("# 90 Small\n\nPromise.", id="90-small"),
    new_code_cell("import math\nfrom pathlib import Path as P", id="imports"),
    new_markdown_cell("## A `network`\n\n```\n# no heading\n```", id="text"),
    new_code_cell("# its size\nwidth = 3\nnetwork = [width] * 2", id="network"),
    new_markdown_cell("## Use it", id="text-2"),
    new_code_cell("network = network + [1]", id="grow"),
    new_code_cell("print(len(network))", id="use"),
    new_code_cell("def mean(values):\n    ...\n\n\nexercise('x')\n", id="exercise-90-1"),
    new_code_cell("later = 1", id="later"),
]
FIRST = 'under "A `network`" that begins with `width = 3`: run that first'


@pytest.fixture
def course(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A course of one small lesson; its notebook."""
    home = tmp_path / "course"
    (home / "notebooks").mkdir(parents=True)
    lesson = home / "notebooks" / "90_small.ipynb"
    nbformat.write(new_notebook(cells=CELLS), lesson)
    monkeypatch.setenv("COURSE_HOME", str(home))
    monkeypatch.delenv("JPY_SESSION_NAME", raising=False)
    return lesson


# The advice ---------------------------------------------------------------------------------------


def source_of(cell_id: str) -> str:
    return next(cell.source for cell in CELLS if cell.id == cell_id)


def test_the_nearest_cell_above_that_makes_the_name_is_named(course: Path) -> None:
    assert FIRST in advice("network", source_of("grow"))
    assert 'under "Use it" that begins with `network = network + [1]`' in advice("network", source_of("use"))


@pytest.mark.parametrize("name", ["math", "P"])
def test_an_import_is_a_making_too(course: Path, name: str) -> None:
    assert 'under "90 Small" that begins with `import math`' in advice(name, "x", "use", course)


def test_a_cell_that_was_edited_is_known_by_its_id_or_its_exercise(course: Path) -> None:
    edited = "print(network, 'mine')"
    assert advice("later", edited, "use", course) is None, "it is made further down"
    assert "begins with `network = network + [1]`" in advice("network", edited, "use", course)
    nbformat.write(new_notebook(cells=[*CELLS, new_code_cell('exercise("90.1").check(x)', id="e")]), course)
    assert "`later = 1`" in advice("later", 'x = later\n\nexercise("90.1").check(x)', "of another front end", course)


def test_a_cell_of_the_learners_own_in_a_lesson_gets_advice(course: Path) -> None:
    assert "`width`" in advice("width", "mine = width", "new", course)


@pytest.mark.parametrize("name", ["typo", "values", "later"])
def test_a_name_that_no_cell_above_makes_gets_none(course: Path, name: str) -> None:
    assert advice(name, source_of("use"), "use", course) is None


def test_other_notebooks_are_left_alone(course: Path, tmp_path: Path) -> None:
    other = tmp_path / "mine.ipynb"
    nbformat.write(new_notebook(cells=[new_code_cell(source_of("use"), id="use")]), other)
    assert advice("network", source_of("use"), "use", other) is None
    assert advice("network", "network.train()") is None
    other.write_text("no notebook")
    assert advice("network", "network.train()", None, other) is None


@pytest.mark.parametrize("change", ["renamed", "moved", "copied", "renamed under its kernel"])
def test_a_notebook_under_another_name_is_known_by_its_cells(course: Path, tmp_path: Path, change: str) -> None:
    (tmp_path / "elsewhere").mkdir()
    place = {"moved": tmp_path / "elsewhere" / course.name, "copied": course.with_name("90_small-Copy1.ipynb")}
    there = place.get(change, course.with_name("My lesson, Größe.ipynb"))
    shutil.copy(course, there)
    told = course.with_name("its old name.ipynb") if change == "renamed under its kernel" else there
    assert FIRST in advice("network", source_of("grow"), "grow", told)


def test_without_the_checkout_there_is_no_advice_and_no_second_error(
    course: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COURSE_HOME", "/nowhere")
    assert advice("network", source_of("grow")) is None


@pytest.mark.parametrize("lesson", all_lessons(), ids=lambda lesson: lesson.name)
def test_every_lesson_knows_where_its_names_come_from(lesson) -> None:
    """An exercise's cell, run first after a restart, asks for `exercise`, which the imports cell makes."""
    cell = next(cell for cell in lesson.read().cells if "exercise" in cell.metadata)
    told = advice("exercise", cell.source, cell.id, lesson.path)
    title, _ = lesson.title_and_promise()
    assert f'under "{title}" that begins with `' in told


# In IPython ---------------------------------------------------------------------------------------


@pytest.fixture
def shell(quiet_shell: InteractiveShell) -> InteractiveShell:
    cell_order.load_ipython_extension(quiet_shell)
    return quiet_shell


def run(shell: InteractiveShell, capsys: pytest.CaptureFixture[str], source: str) -> str:
    shell.run_cell(source)
    return capsys.readouterr().out


def test_the_line_stands_beneath_the_traceback(course: Path, shell: InteractiveShell, capsys) -> None:
    said = run(shell, capsys, source_of("grow"))
    assert said.index("NameError") < said.index("name 'network' is not defined") < said.index(FIRST)
    assert said.strip().splitlines()[-1].startswith("`network` is made further up")
    run(shell, capsys, source_of("network"))
    assert run(shell, capsys, source_of("grow")) == ""


def test_a_second_load_says_nothing_twice(course: Path, shell: InteractiveShell, capsys) -> None:
    cell_order.load_ipython_extension(shell)
    assert run(shell, capsys, source_of("grow")).count("is made further up") == 1


LIBRARY = "import types\nlibrary = types.ModuleType('library')\nexec('def f():\\n    return network', vars(library))\n"


@pytest.mark.parametrize("source", ["1 / 0", "def f():\n    network\n    network = 1\nf()", LIBRARY + "library.f()"])
def test_other_errors_are_left_alone(course: Path, shell: InteractiveShell, capsys, monkeypatch, source: str) -> None:
    """Also the same name, missing in code that is not the notebook's."""
    monkeypatch.setenv("JPY_SESSION_NAME", str(course))
    said = run(shell, capsys, source)
    assert "Error" in said and "is made further up" not in said


def test_the_notebooks_that_front_ends_tell_of(course: Path, shell: InteractiveShell, capsys, monkeypatch) -> None:
    monkeypatch.setenv("JPY_SESSION_NAME", str(course))
    assert "`width` is made further up" in run(shell, capsys, "mine = width + 1")
    shell.user_ns["__vsc_ipynb_file__"] = str(course.with_name("another.ipynb"))
    nbformat.write(new_notebook(cells=[]), course.with_name("another.ipynb"))
    assert "is made further up" not in run(shell, capsys, source_of("grow"))


# In a kernel that make setup has made -------------------------------------------------------------


@pytest.fixture(scope="module")
def environment(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An environment of its own, with the file that `make setup` puts there; packages come by PYTHONPATH."""
    folder = tmp_path_factory.mktemp("environment")
    venv.create(folder, with_pip=False, symlinks=True)
    shutil.copytree(ROOT / "etc", folder / "etc", dirs_exist_ok=True)
    spec = folder / "share" / "jupyter" / "kernels" / "its-own"
    spec.mkdir(parents=True)
    python = folder / "bin" / "python"
    argv = [str(python), "-m", "ipykernel_launcher", "-f", "{connection_file}", "--log-level=CRITICAL"]
    (spec / "kernel.json").write_text(json.dumps({"argv": argv, "display_name": "its own", "language": "python"}))
    return folder


@pytest.fixture
def kernel(environment: Path, course: Path) -> Iterator[tuple[KernelManager, BlockingKernelClient]]:
    specs = KernelSpecManager(kernel_dirs=[str(environment / "share" / "jupyter" / "kernels")])
    manager = KernelManager(kernel_name="its-own", kernel_spec_manager=specs)
    packages = os.pathsep.join([str(ROOT), sysconfig.get_path("purelib")])
    environ = {**os.environ, "PYTHONPATH": packages, "JPY_SESSION_NAME": str(course)}
    manager.start_kernel(env=environ, cwd=str(course.parent))
    client = manager.client()
    client.start_channels()
    client.wait_for_ready(timeout=60)
    yield manager, client
    client.stop_channels()
    manager.shutdown_kernel(now=True)


def asked(client: BlockingKernelClient, source: str, cell_id: str) -> list[str]:
    """What a front end shows of a cell: the kind of each output, or its text."""
    content = {"code": source, "silent": False, "store_history": True, "allow_stdin": False, "stop_on_error": True}
    message = client.session.msg("execute_request", content, metadata={"cellId": cell_id})
    client.shell_channel.send(message)
    shown = []
    while True:
        reply = client.get_iopub_msg(timeout=60)
        if reply["parent_header"].get("msg_id") != message["header"]["msg_id"]:
            continue
        kind, content = reply["msg_type"], reply["content"]
        if kind == "status" and content["execution_state"] == "idle":
            return shown
        if kind == "error":
            shown.append(f"{content['ename']}: {content['evalue']}")
        elif kind in ("display_data", "stream"):
            shown.append(content["text"] if kind == "stream" else content["data"]["text/plain"])


def test_after_a_restart_the_first_cell_that_is_run_is_answered(kernel) -> None:
    """Nothing of the course was imported in this kernel; then again, after a restart in the middle."""
    manager, client = kernel
    edited = "print(network, 'and my own words')"
    for _ in range(2):
        error, line = asked(client, edited, "use")
        assert error == "NameError: name 'network' is not defined"
        assert "begins with `network = network + [1]`" in line
        asked(client, source_of("network"), "network")
        assert asked(client, edited, "use") == ["[3, 3] and my own words\n"]
        manager.restart_kernel(now=True)
        client.wait_for_ready(timeout=60)


# Names and places of notebooks --------------------------------------------------------------------


def test_a_copy_beside_a_lesson_is_no_lesson(course: Path) -> None:
    for name in ("90_small-Copy1", "90_small copy", "90_small (1)", "90_small-checkpoint"):
        shutil.copy(course, course.with_name(f"{name}.ipynb"))
    assert [lesson.path for lesson in all_lessons()] == [course] == [one.path for one in find_lessons()]


@pytest.fixture
def renamed(course: Path) -> Callable[[], None]:
    course.rename(course.with_name("mine.ipynb"))


def test_a_lesson_that_was_renamed_runs_and_is_told(course: Path, renamed: None, capsys) -> None:
    contract("90")
    said = capsys.readouterr().out
    assert said.startswith("Lesson 90 is not in ") and "give the file the name that README.md has" in said
    assert said.count("\n") == 1


# The wrong kernel ---------------------------------------------------------------------------------


def test_a_kernel_without_the_course_is_told_by_the_first_lesson(tmp_path: Path) -> None:
    """Its imports cell in a Python that has neither the course nor its packages."""
    cells = nbformat.read(ROOT / "notebooks" / "00_start_here.ipynb", as_version=4).cells
    (source,) = (cell.source for cell in cells if "imports" in cell.metadata.get("tags", []))
    bare = [sys.executable, "-I", "-S", "-c", f'DEVICE = "auto"\n{source}']
    done = subprocess.run(bare, cwd=tmp_path, capture_output=True, text=True, timeout=60)
    last = done.stderr.strip().splitlines()[-1]
    assert last == ("ImportError: No module named 'helpers': take the kernel Python 3 (ipykernel) of `make lab`")


def test_the_readme_names_what_other_lessons_say_there() -> None:
    text = " ".join((ROOT / "README.md").read_text(encoding="utf-8").split())
    assert "`No module named 'helpers'`" in text and "*Change Kernel*" in text
