"""A full disk while the course writes: one line says so, what was there before stays, and no draft is left.

Two ways to fill one: a small file system of its own, where this user may mount one, and everywhere a limit on the size
of files, at which a write fails in the same place.
"""

from __future__ import annotations

import contextlib
import json
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace

import pytest
import safetensors.torch
import torch

from helpers.course import progress, scoreboard
from helpers.course.lessons import Lesson
from helpers.course.running import run_lessons
from helpers.data import load_dataset
from helpers.data.shards import find_shards, write_shards
from helpers.errors import CourseError
from helpers.lessons import certificate
from helpers.sharing.whole_folder import whole_folder
from helpers.training import extract_features, remembered
from helpers.training.checkpoints import load_checkpoint, save_checkpoint
from tests.unit import test_feature_parts as parts
from tests.unit.test_scoreboard import ROW

resource = pytest.importorskip("resource", reason="no limits on files in Windows")

FIXTURES = Path(__file__).resolve().parents[1] / "notebooks" / "fixtures"
ROOM = 2**20  # bytes; more than what is written before the disk is full
NUMBERS = {"numbers": torch.zeros(2**19)}  # 2 MB


def may_mount(folder: Path) -> bool:
    """Whether this user may mount a file system there; it is mounted then."""
    if sys.platform != "linux" or not shutil.which("mount"):
        return False
    mount = ["mount", "-t", "tmpfs", "-o", f"size={ROOM}", "tmpfs", str(folder)]
    return subprocess.run(mount, capture_output=True, timeout=20).returncode == 0


class Disk:
    """A folder, and how the disk that it is on becomes full."""

    def __init__(self, folder: Path):
        self.folder = folder

    @contextlib.contextmanager
    def full(self) -> Iterator[None]:
        raise NotImplementedError


class Small(Disk):
    """A file system of its own, which a file fills to the last byte."""

    @contextlib.contextmanager
    def full(self) -> Iterator[None]:
        filler = self.folder / "filler"
        with contextlib.suppress(OSError), filler.open("wb", buffering=0) as file:
            while file.write(b"0" * 4096):
                continue
        yield
        filler.unlink()


class Limited(Disk):
    """No file of this process, and of those that it starts, gets longer than a few bytes."""

    @contextlib.contextmanager
    def full(self) -> Iterator[None]:
        _, hard = before = resource.getrlimit(resource.RLIMIT_FSIZE)
        resource.setrlimit(resource.RLIMIT_FSIZE, (10, hard))
        try:
            yield
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, before)


@pytest.fixture(params=[Limited, Small])
def disk(request: pytest.FixtureRequest, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Iterator[Disk]:
    """`capsys`, since pytest's own file for what is printed would be full as well."""
    folder = tmp_path / "disk"
    folder.mkdir()
    if request.param is Limited:
        yield Limited(folder)
    elif may_mount(folder):
        yield Small(folder)
        # "-l": what a failed write leaves open keeps the disk busy until it is collected.
        subprocess.run(["umount", "-l", str(folder)], check=True, timeout=20)
    else:  # the limit has shown the same
        yield Limited(folder)


def told(work: Callable[[], object], disk: Disk, starts: str) -> str:
    """The one line that `work` ends with on a full disk: its cause and its cure."""
    with disk.full(), pytest.raises(CourseError) as caught:
        work()
    said = str(caught.value)
    assert said.startswith(starts) and "\n" not in said, said
    assert any(cause in said for cause in ("No space left on device", "File too large")), said
    assert any(cure in said for cure in ("make room", "free some space")), said
    return said


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.rglob("*") if path.name != "filler" and not path.name.endswith(".lock"))


def test_a_checkpoint(disk: Disk) -> None:
    file = disk.folder / "checkpoint.pt"
    save_checkpoint(file, {"epoch": 1})
    said = told(lambda: save_checkpoint(file, NUMBERS), disk, f"cannot write {file} (")
    assert said.endswith("what was kept before is still there")
    assert load_checkpoint(file) == {"epoch": 1} and names(disk.folder) == ["checkpoint.pt"]
    save_checkpoint(file, {"epoch": 2})
    assert load_checkpoint(file) == {"epoch": 2}


@pytest.mark.parametrize("what", ["progress", "hints", "scoreboard"])
def test_records(disk: Disk, monkeypatch: pytest.MonkeyPatch, what: str) -> None:
    monkeypatch.setenv("COURSE_OUTPUT", str(disk.folder))
    add = {
        "progress": lambda: progress.record("90.1", "correct"),
        "hints": lambda: progress.count_hint("90.1"),
        "scoreboard": lambda: scoreboard.add(ROW),
    }[what]
    read = scoreboard.read if what == "scoreboard" else progress.read
    add()
    before = read()
    said = told(add, disk, f"cannot write {disk.folder}")
    assert "COURSE_OUTPUT" in said and read() == before
    assert len(names(disk.folder)) == 1
    add()


def test_features_are_computed_and_a_line_says_that_they_are_not_kept(
    disk: Disk, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("COURSE_CACHE", str(disk.folder))
    with disk.full():
        found = extract_features(parts.network(), parts.arrays())
    said = capsys.readouterr().out
    assert said.startswith("Features are not kept, and the next run computes them again (") and said.count("\n") == 1
    assert "free some space" in said and names(disk.folder) in ([], ["features"])
    assert torch.equal(found.features, extract_features(parts.network(), parts.arrays()).features)
    assert capsys.readouterr().out == "" and len(names(disk.folder)) == 2


def test_a_training_is_done_and_a_line_says_that_it_is_not_kept(
    disk: Disk, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("COURSE_CACHE", str(disk.folder))
    with disk.full():
        done = remembered(parts.network)
    said = capsys.readouterr().out
    assert done.seconds > 0 and said == "", "a network that is given back is never kept"
    with disk.full():
        assert remembered(torch.arange, 10_000).value.tolist() == list(range(10_000))
    said = capsys.readouterr().out
    assert said.startswith("This training is not kept, and the next run does it again (") and said.count("\n") == 1
    assert "free some space" in said and not any(name.endswith("safetensors") for name in names(disk.folder))
    assert remembered(torch.arange, 10_000).value.tolist() == list(range(10_000))
    assert capsys.readouterr().out == "" and any(name.endswith("safetensors") for name in names(disk.folder))


def test_painted_flowers(disk: Disk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COURSE_CACHE", str(disk.folder))
    few = {"train_per_class": 1, "val_per_class": 1, "test_per_class": 1, "image_size": 32}
    told(lambda: load_dataset("painted flowers", **few), disk, f"cannot keep painted flowers in {disk.folder}")
    assert load_dataset("painted flowers", **few).train.image(0).size == (32, 32)


def test_shards(disk: Disk) -> None:
    digits = load_dataset("digits", train_per_class=2, val_per_class=1, test_per_class=1, image_size=64).train
    told(lambda: write_shards(digits, disk.folder / "shards", 5), disk, f"cannot write shards to {disk.folder}")
    with pytest.raises(CourseError, match="no whole shards"):
        find_shards(disk.folder / "shards")
    assert write_shards(digits, disk.folder / "shards", 5).count == 20


@pytest.mark.parametrize("save", [torch.save, safetensors.torch.save_file])
def test_a_shared_folder(disk: Disk, save: Callable) -> None:
    """Both libraries that write into it have an error of their own for a full disk."""

    def write() -> None:
        with whole_folder(disk.folder / "card") as draft:
            save(NUMBERS, draft / "model")

    with disk.full(), pytest.raises(CourseError, match=r"cannot write .*card \(.+\): make room, or name another"):
        write()
    assert names(disk.folder) == []


def test_a_certificate(disk: Disk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COURSE_OUTPUT", str(disk.folder))
    with disk.full(), pytest.raises(CourseError, match=r"certificate.html.*(No space left|File too large)"):
        certificate()
    assert names(disk.folder) == []


def test_a_run_of_lessons(disk: Disk, monkeypatch: pytest.MonkeyPatch) -> None:
    """It becomes full once the run has begun: the run ends, and the other lessons are not waited for."""
    lessons = [Lesson(FIXTURES / f"{name}.ipynb") for name in ("94_no_parameters", "92_times_out")]
    with contextlib.ExitStack() as full:

        def fill_and_write(notebook: object) -> str:
            monkeypatch.undo()  # once
            full.enter_context(disk.full())
            return "x" * 100

        monkeypatch.setattr("helpers.course.running.nbformat.writes", fill_and_write)
        with pytest.raises(CourseError, match=r"cannot write to .*disk/out \(.+\): free some space") as caught:
            run_lessons(lessons, disk.folder / "out", progress=False, timeout=100)
        assert "\n" not in str(caught.value)
    assert json.loads((disk.folder / "out" / "summary.json").read_text()) == {}, "no old summary passes for this run's"
    assert [name for name in names(disk.folder) if name.endswith(".tmp")] == []


def test_a_download(disk: Disk, monkeypatch: pytest.MonkeyPatch) -> None:
    """The server is of this process, and sends more than the disk says that it holds."""
    from tests.faults import kills

    with kills.Server(("127.0.0.1", 0), kills.Slow) as server:
        kills.threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
        monkeypatch.setenv("NO_PROXY", "127.0.0.1")
        monkeypatch.setattr("helpers.models.downloading.shutil.disk_usage", lambda _: SimpleNamespace(free=1e12))
        wanted = kills.remote(disk.folder / "checkpoints", server.server_port)
        with disk.full(), pytest.raises(CourseError) as caught:
            wanted.fetch(retry=kills.RetryPolicy(attempts=1), say=lambda line: None)
        server.shutdown()
    said = str(caught.value)
    assert said.startswith("toy was not fetched (1.3 MB to ") and "\n" not in said
    assert "make room" in said or "set COURSE_WEIGHTS" in said
    assert names(disk.folder) in ([], ["checkpoints"])
