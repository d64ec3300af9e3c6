"""What a lesson waits for before its first line: what `helpers` loads beyond PyTorch, torchvision and the figures."""

from __future__ import annotations

import subprocess
import sys

import pytest

# Each takes a tenth of a second or more, and many a lesson never needs it.
SLOW = {"timm", "sklearn", "scipy", "skimage", "pandas", "huggingface_hub", "nbclient"}

OF_ALL_LESSONS = """
import helpers.course, helpers.course.figures, helpers.course.measured, helpers.data, helpers.doctor, helpers.lessons
import helpers.models, helpers.training, helpers.training.comparing, helpers.training.measuring
"""


def loaded_by(program: str) -> set[str]:
    done = subprocess.run(
        [sys.executable, "-c", f"import sys, torch, torchvision\n{program}\nprint(*sys.modules)"],
        capture_output=True,
        text=True,
        check=True,
    )
    return {name.partition(".")[0] for name in done.stdout.split()}


def test_what_lessons_import_loads_nothing_slow_that_they_may_not_need() -> None:
    assert not SLOW & loaded_by(OF_ALL_LESSONS)


@pytest.mark.parametrize(
    "needs, package",
    [
        ("helpers.models.load_backbone('efficientnet_lite0')", "timm"),
        ("helpers.training.comparing.compare_paired([1, 0, 1], [1, 1, 1])", "scipy"),
    ],
)
def test_it_is_loaded_where_it_is_needed(needs: str, package: str) -> None:
    assert package in loaded_by(OF_ALL_LESSONS + needs)
