"""SIGKILL at random moments: what is on disk is whole, holds what was promised, and the next run goes on from it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

from helpers.places import repository

WORKS = ("training", "caching", "downloading", "records")

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork here, and a process takes seconds to begin")


def kills(folder: Path, of_each: int, seed: int) -> list[dict]:
    program = [sys.executable, "-m", "tests.faults.kills", str(folder), str(of_each), str(seed)]
    # A progress bar writes as often as the clock says, and a kill is counted by writes.
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "TQDM_DISABLE": "1"}
    done = subprocess.run(program, cwd=repository(), env=environment, capture_output=True, text=True, timeout=3000)
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    assert done.returncode == 0, f"seed {seed}, after {lines[-1:]}: {done.stderr[-2000:]}"
    return lines


def hold_to(lines: list[dict], of_each: int) -> None:
    assert Counter(line["work"] for line in lines) == dict.fromkeys(WORKS, of_each)
    assert sum(line["after"].endswith("writes") for line in lines) == len(lines) / 2


def test_eight_kills(tmp_path: Path) -> None:
    hold_to(kills(tmp_path, 2, seed=0), 2)


@pytest.mark.torture
def test_two_hundred_kills(tmp_path: Path) -> None:
    hold_to(kills(tmp_path, 50, seed=1), 50)
