"""Garbage is collected seldom until PyTorch is loaded, and as usual from then on."""

from __future__ import annotations

import gc
import sys
from collections.abc import Iterator

import pytest
from IPython.core.interactiveshell import InteractiveShell

from helpers import first_imports
from helpers.first_imports import SELDOM

USUAL = (700, 10, 10)
LOADS_IT = "import sys; sys.modules['torch'] = sys"


@pytest.fixture
def shell(monkeypatch: pytest.MonkeyPatch, quiet_shell: InteractiveShell) -> Iterator[InteractiveShell]:
    """A shell that was started before PyTorch was loaded."""
    before = gc.get_threshold()
    monkeypatch.setitem(sys.modules, "torch", None)
    monkeypatch.delitem(sys.modules, "torch")
    gc.set_threshold(*USUAL)
    first_imports.load_ipython_extension(quiet_shell)
    yield quiet_shell
    gc.set_threshold(*before)


def test_seldom_until_the_cell_that_loads_pytorch_has_ended(shell: InteractiveShell) -> None:
    assert gc.get_threshold() == SELDOM
    shell.run_cell("PARAMETER = 3")
    assert gc.get_threshold() == SELDOM
    shell.run_cell(LOADS_IT)
    assert gc.get_threshold() == USUAL


def test_as_usual_also_where_that_cell_fails(shell: InteractiveShell, capsys: pytest.CaptureFixture[str]) -> None:
    shell.run_cell(f"{LOADS_IT}\n1 / 0")
    assert gc.get_threshold() == USUAL


def test_what_a_learner_sets_stays(shell: InteractiveShell) -> None:
    shell.run_cell(f"import gc; gc.set_threshold(123, 4, 5); {LOADS_IT}")
    assert gc.get_threshold()[:2] == (123, 4)


def test_it_interferes_once(shell: InteractiveShell) -> None:
    shell.run_cell(LOADS_IT)
    gc.set_threshold(*SELDOM)
    shell.run_cell("PARAMETER = 4")
    assert gc.get_threshold() == SELDOM


def test_loaded_too_late_it_changes_nothing(shell: InteractiveShell) -> None:
    shell.run_cell(LOADS_IT)
    first_imports.load_ipython_extension(shell)
    assert gc.get_threshold() == USUAL
