"""What all tests share: an output folder of their own, quiet kernels, and cores shared out among workers."""

from __future__ import annotations

import importlib
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType

import pytest
from IPython.core.interactiveshell import InteractiveShell
from traitlets.config import Config

from helpers.places import repository

_made: list[Path] = []


def pytest_configure(config: pytest.Config) -> None:
    """Set the environment that kernels and other processes inherit from this worker."""
    home = Path(tempfile.mkdtemp(prefix="course-tests-"))
    _made.append(home)
    os.environ["COURSE_OUTPUT"] = str(home / "output")
    for name in ("COURSE_STRICT", "COURSE_ANEW", "COURSE_WEIGHTS", "HF_ENDPOINT"):  # a developer's own must not decide
        os.environ.pop(name, None)
    os.environ["IPYTHONDIR"] = str(_quiet_ipython(home))
    if int(os.environ.get("PYTEST_XDIST_WORKER_COUNT", "1")) > 1:
        os.environ["OMP_NUM_THREADS"] = "1"


def _quiet_ipython(home: Path) -> Path:
    """ipykernel warns of its plain TCP sockets for every kernel that nbval starts."""
    profile = home / "ipython" / "profile_default"
    profile.mkdir(parents=True)
    (profile / "ipython_kernel_config.py").write_text("c = get_config()\nc.IPKernelApp.log_level = 50\n")
    return profile.parent


def pytest_unconfigure(config: pytest.Config) -> None:
    for home in _made:
        shutil.rmtree(home, ignore_errors=True)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """The slowest checkers: each should take under two seconds on an idle machine."""
    seconds = {
        report.nodeid: value
        for reports in terminalreporter.stats.values()
        for report in reports
        for name, value in getattr(report, "user_properties", [])
        if name == "judge_seconds"
    }
    if seconds:
        terminalreporter.section("slowest checkers")
        for test in sorted(seconds, key=seconds.__getitem__, reverse=True)[:5]:
            terminalreporter.write_line(f"{seconds[test]:.2f} s  {test}")


@pytest.fixture
def quiet_shell() -> InteractiveShell:
    """IPython without its history, which it would write into a folder that is gone by then."""
    return InteractiveShell(config=Config({"HistoryManager": {"enabled": False}}))


@pytest.fixture
def course_output(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A fresh folder for scoreboard and progress."""
    folder = tmp_path / "output"
    folder.mkdir()
    monkeypatch.setenv("COURSE_OUTPUT", str(folder))
    yield folder


@pytest.fixture
def program(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Callable[[str], ModuleType]:
    """`program("growth")` is the benchmark of that name, with a cache of its own."""
    monkeypatch.syspath_prepend(str(repository() / "benchmarks"))
    monkeypatch.setenv("COURSE_CACHE", str(tmp_path / "cache"))
    return importlib.import_module
