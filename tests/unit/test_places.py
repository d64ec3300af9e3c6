"""The command that a message tells the learner to type."""

import subprocess
import sys
from pathlib import Path

import pytest

from helpers.places import course_command, repository


def test_the_command_starts_the_course_from_the_checkout() -> None:
    command = [*course_command().split(), "--help"]
    answer = subprocess.run(command, cwd=repository(), capture_output=True, text=True, check=True)
    assert answer.stdout.startswith("usage: python -m helpers")


def test_without_an_environment_of_its_own_it_is_plain_python(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(sys, "prefix", str(tmp_path))
    assert course_command() == "python -m helpers"


def test_in_the_checkouts_environment_it_names_that_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    own = repository() / ".venv"
    monkeypatch.setattr(sys, "prefix", str(own))
    monkeypatch.setattr(sys, "executable", str(own / "bin" / "python3"))
    assert course_command() == f"{Path('.venv') / 'bin' / 'python3'} -m helpers"
