"""Freed memory is kept for the next layer, in a process of its own, whose allocator nobody else has set."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from helpers.training import allocator

# How many pages the system had to find for a block of 50 MB that is taken, filled and freed ten times, after twenty: an
# aligned block does not fit into the hole of one of its size, so it takes a while until there are larger holes.
PROGRAM = """
import resource, sys
import helpers.training.allocator as allocator
kept = allocator.keep_freed_memory() if sys.argv[1] == "keep" else None
import torch
for turn in range(30):
    if turn == 20:
        before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    block = torch.ones(12_500_000)
    del block
print(kept, resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
"""


def run(asked: str, **environment: str) -> tuple[str, int]:
    # Run as a file of its own: `helpers.training` raises the sizes when it is imported.
    program = PROGRAM.replace("import helpers.training.allocator as allocator", _loaded_alone())
    plain = {name: value for name, value in os.environ.items() if name not in allocator._OWN_CHOICES}
    done = subprocess.run(
        [sys.executable, "-c", program, asked], capture_output=True, text=True, env=plain | environment, check=True
    )
    kept, pages = done.stdout.split()
    return kept, int(pages)


def _loaded_alone() -> str:
    return (
        "import importlib.util\n"
        f"spec = importlib.util.spec_from_file_location('allocator', {allocator.__file__!r})\n"
        "allocator = importlib.util.module_from_spec(spec)\n"
        "spec.loader.exec_module(allocator)"
    )


@pytest.mark.skipif(sys.platform != "linux", reason="glibc's thresholds")
def test_a_block_is_taken_from_what_was_freed_before() -> None:
    kept, with_it = run("keep")
    if kept == "False":
        pytest.skip("this C library has no such thresholds")
    _, without = run("leave")
    assert with_it < without / 3


@pytest.mark.skipif(sys.platform != "linux", reason="glibc's thresholds")
def test_who_chose_in_the_environment_is_left_alone() -> None:
    assert run("keep", MALLOC_MMAP_THRESHOLD_="131072")[0] == "False"


def test_other_systems_stay_as_they_are(monkeypatch) -> None:
    monkeypatch.setattr(sys, "platform", "win32")
    assert allocator.keep_freed_memory() is False
