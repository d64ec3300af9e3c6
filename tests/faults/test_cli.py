"""The command line where its output cannot be written: a reader that has gone, a full disk, a narrow encoding."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from helpers import cli
from helpers.places import repository

FULL = Path("/dev/full")


def run(*arguments: str, weights: Path, **how: object) -> subprocess.CompletedProcess[bytes]:
    return subprocess.run(
        [sys.executable, "-m", "helpers", *arguments],
        cwd=repository(),
        env={**os.environ, "COURSE_WEIGHTS": str(weights), **how.pop("env", {})},
        stderr=subprocess.PIPE,
        timeout=100,
        **{"stdout": subprocess.PIPE, **how},
    )


@pytest.fixture
def nobody() -> Iterator[int]:
    """What to write to where the reader has gone, as `head` does once it has its lines."""
    reading, writing = os.pipe()
    os.close(reading)
    yield writing
    os.close(writing)


@pytest.mark.parametrize("unbuffered", ["", "1"])
@pytest.mark.parametrize("arguments", [["--list"], ["--list", "--all"], ["--help"]])
def test_a_reader_that_has_gone_is_told_nothing(
    tmp_path: Path, nobody: int, arguments: list[str], unbuffered: str
) -> None:
    done = run("fetch", *arguments, weights=tmp_path, stdout=nobody, env={"PYTHONUNBUFFERED": unbuffered})
    assert (done.returncode, done.stderr) == (0, b"")


def test_a_reader_that_has_gone_does_not_stop_the_downloads(tmp_path: Path, nobody: int) -> None:
    (tmp_path / "file").touch()
    done = run("fetch", "efficientnet_lite0", "resnet18", weights=tmp_path / "file", stdout=nobody)
    assert done.returncode == cli.FAILED
    assert done.stderr.startswith(b"error: resnet18 was not fetched (")
    assert done.stderr.count(b"\n") == 1


@pytest.mark.skipif(not FULL.exists(), reason="no full disk to write to here")
@pytest.mark.parametrize("arguments", [["--list"], ["efficientnet_lite0", "efficientnet_lite1"]])
def test_a_full_disk_is_told_in_one_line(tmp_path: Path, arguments: list[str]) -> None:
    with FULL.open("w") as full:
        done = run("fetch", *arguments, weights=tmp_path, stdout=full)
    assert done.stderr.startswith(b"error: the output cannot be written (No space left on device): ")
    assert done.stderr.count(b"\n") == 1
    assert done.returncode == cli.FAILED


def test_an_encoding_that_lacks_the_letters_of_a_name(tmp_path: Path) -> None:
    done = run("fetch", "--list", weights=tmp_path / "größe", env={"PYTHONIOENCODING": "ascii"})
    assert done.returncode == 0
    assert b"gr\\xf6\\xdfe" in done.stdout
    assert done.stderr == b""


@pytest.mark.skipif(os.name != "posix", reason="a shell closes it")
def test_an_output_that_is_closed(tmp_path: Path) -> None:
    done = run("fetch", "--list", weights=tmp_path, preexec_fn=lambda: os.close(1))
    assert (done.returncode, done.stderr) == (0, b"")


def test_another_error_of_the_system_is_not_taken_for_the_outputs(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise BrokenPipeError(32, "Broken pipe")

    monkeypatch.setattr("helpers.models.fetching.listing", fail)
    with pytest.raises(BrokenPipeError):
        cli.main(["fetch", "--list"])


@pytest.mark.parametrize("arguments", [["fetch", "nonet"], ["run", "--lessons", "nolesson"]])
@pytest.mark.parametrize("seconds", ["99999999999999", "86401", "9" * 5000, "0", "-1", "1.5"])
def test_a_timeout_that_no_clock_has(arguments: list[str], seconds: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        cli.main([*arguments, "--timeout", seconds])
    assert caught.value.code == cli.BAD_USAGE
    assert "is not a whole number from 1 to 86400" in capsys.readouterr().err
