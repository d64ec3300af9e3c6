"""nbval's run is held to the contract of its lesson, by the conftest.py beside this folder's parent."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import nbformat
import pytest

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def course(tmp_path):
    """Runs nbval on a lesson of its own with this contract, which sleeps and takes 200 MB. Returns what pytest says."""

    def run(seconds: int, peak_mb: int) -> subprocess.CompletedProcess:
        cells = [
            nbformat.v4.new_code_cell("import time\ntime.sleep(1.5)", execution_count=1),
            nbformat.v4.new_code_cell(
                "block = bytearray(b'x') * (200 * 2**20)\ntime.sleep(1)\ndel block", execution_count=2
            ),
        ]
        notebook = nbformat.v4.new_notebook(cells=cells)
        contract = {"seconds": seconds, "peak_mb": peak_mb, "download_mb": 0}
        notebook.metadata["course"] = {"contract": contract}
        (tmp_path / "notebooks").mkdir()
        nbformat.write(notebook, tmp_path / "notebooks" / "00_short.ipynb")
        environment = {**os.environ, "COURSE_HOME": str(tmp_path), "PYTHONPATH": str(ROOT)}
        environment.pop("PYTEST_XDIST_WORKER_COUNT", None)
        command = [sys.executable, "-m", "pytest", "-q", "-p", "conftest", "-p", "no:cacheprovider", "--nbval-lax"]
        command += ["--nbval-current-env", "--rootdir", str(tmp_path), str(tmp_path / "notebooks")]
        return subprocess.run(command, env=environment, cwd=tmp_path, capture_output=True, text=True, timeout=120)

    return run


def test_within_its_contract(course):
    done = course(60, 1000)
    assert done.returncode == 0, done.stdout
    assert "2 passed" in done.stdout


def test_too_slow(course):
    done = course(1, 1000)
    assert done.returncode == 1
    assert "at most 1 s are promised here" in done.stdout


def test_too_large(course):
    """The peak counts, also where the memory was given back."""
    done = course(60, 150)
    assert done.returncode == 1
    assert "at most 150 MB are promised" in done.stdout
