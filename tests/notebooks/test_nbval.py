"""nbval's run is held to the contract of its lesson, by the conftest.py beside this folder's parent."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import nbformat
import pytest

ROOT = Path(__file__).resolve().parents[2]

# Each lesson takes about 3 s and 200 MB more than an empty kernel: at most so many seconds and MB.
PROMISED = {"00_within": (60, 1000), "01_too_slow": (1, 1000), "02_too_large": (60, 150)}


@pytest.fixture(scope="module")
def told(tmp_path_factory):
    """What pytest says of lessons that sleep and take memory: one run of nbval, a kernel for each."""
    course = tmp_path_factory.mktemp("course")
    (course / "notebooks").mkdir()
    for name, (seconds, peak_mb) in PROMISED.items():
        cells = [
            nbformat.v4.new_code_cell("import time\ntime.sleep(1.5)", execution_count=1),
            nbformat.v4.new_code_cell(
                "block = bytearray(b'x') * (200 * 2**20)\ntime.sleep(1)\ndel block", execution_count=2
            ),
        ]
        notebook = nbformat.v4.new_notebook(cells=cells)
        contract = {"seconds": seconds, "peak_mb": peak_mb, "download_mb": 0}
        notebook.metadata["course"] = {"contract": contract}
        nbformat.write(notebook, course / "notebooks" / f"{name}.ipynb")
    environment = {**os.environ, "COURSE_HOME": str(course), "PYTHONPATH": str(ROOT)}
    environment.pop("PYTEST_XDIST_WORKER_COUNT", None)
    command = [sys.executable, "-m", "pytest", "-v", "-p", "conftest", "-p", "no:cacheprovider", "--nbval-lax"]
    command += ["--nbval-current-env", "--rootdir", str(course), str(course / "notebooks")]
    done = subprocess.run(command, env=environment, cwd=course, capture_output=True, text=True, timeout=240)
    assert done.returncode == 1, done.stdout + done.stderr
    return done.stdout


def outcomes(told: str, name: str) -> list[str]:
    """What became of a lesson's cells, in order."""
    return re.findall(rf"^notebooks/{name}::ipynb::Cell \d+ (\w+)", told, flags=re.MULTILINE)


def reasons(told: str, name: str) -> str:
    """What is said below the heading of a lesson's failed last cell."""
    (_, _, after) = told.partition(f"_ notebooks/{name}.ipynb::Cell 1 _")
    return after.partition("\n")[2].partition("\n_")[0].partition("\n=")[0]


def test_within_its_contract(told):
    assert outcomes(told, "00_within") == ["PASSED", "PASSED"]


def test_too_slow(told):
    """Its last cell fails, and for the time alone."""
    assert outcomes(told, "01_too_slow") == ["PASSED", "FAILED"]
    assert "at most 1 s are promised here" in reasons(told, "01_too_slow")
    assert "MB" not in reasons(told, "01_too_slow")


def test_too_large(told):
    """The peak counts, also where the memory was given back, and no other lesson's does."""
    assert outcomes(told, "02_too_large") == ["PASSED", "FAILED"]
    assert "at most 150 MB are promised" in reasons(told, "02_too_large")
    assert " s, " not in reasons(told, "02_too_large")
