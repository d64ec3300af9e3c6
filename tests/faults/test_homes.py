"""Where the course lies, and who else is at work there: odd names, places that are read-only, several runs at once."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_notebook

from helpers import cli
from helpers.course import progress, scoreboard
from helpers.errors import CourseError
from helpers.models import fetching
from helpers.places import repository
from helpers.training.feature_cache import FeatureCache
from tests.faults.test_full_disk import may_mount

METADATA = {
    "course": {"contract": {"seconds": 60, "peak_mb": 2000, "download_mb": 0}},
    "kernelspec": {"name": "python3", "display_name": "Python 3 (ipykernel)", "language": "python"},
    "language_info": {"name": "python"},
}
# What a lesson does with the disk: painted flowers, weights, features, a figure, a check, a row on the scoreboard.
LESSON = [
    'NAME = "one"\nDATASET = "painted flowers"',
    "import torch\nfrom torch import nn\nfrom torchvision.transforms.v2.functional import to_dtype, to_image\n"
    "from helpers.course import contract, scoreboard, show_figure\n"
    "from helpers.course.figures import image_grid\n"
    "from helpers.data import load_dataset\n"
    "from helpers.lessons import exercise, progress\n"
    "from helpers.training import extract_features\n"
    'contract("{number}")',
    "data = load_dataset(DATASET, train_per_class=30, val_per_class=1, test_per_class=1, image_size=32)\n"
    "pixels = data.with_transform(lambda image: to_dtype(to_image(image), scale=True))",
    "torch.manual_seed(0)\nnetwork = nn.Sequential(nn.Conv2d(3, 8, 32), nn.Flatten())\n"
    "found = extract_features(network, pixels.train)\nprint(found.features.shape)",
    'show_figure(image_grid([data.train.image(0)], ["one"]), "A flower.")',
    'def top_class(logits, categories):\n    return categories[logits.argmax()]\n\n\nexercise("0.1").check(top_class)',
    'scoreboard.add(scoreboard.Row("{number}", NAME, "flowers", "b", 0.5, None, 1, 1, 1.0, "cpu"))\nprogress("00")',
]


def write_lesson(course: Path, number: str) -> None:
    (course / "notebooks").mkdir(parents=True, exist_ok=True)
    cells = [new_code_cell(source.replace("{number}", number), id=f"c{n}") for n, source in enumerate(LESSON)]
    cells[0].metadata.tags = ["parameters"]
    nbformat.write(new_notebook(cells=cells, metadata=METADATA), course / "notebooks" / f"{number}_small.ipynb")


def run(home: Path, *arguments: str, **environment: str) -> subprocess.Popen[str]:
    """`python -m helpers run` for the course in this home, as `make run` starts it."""
    own = {name: value for name, value in os.environ.items() if not name.startswith(("COURSE_", "MPL", "XDG_"))}
    own |= {"HOME": str(home), "COURSE_HOME": str(home / "course"), "PYTHONPATH": str(repository()), **environment}
    command = [sys.executable, "-m", "helpers", "run", *arguments]
    streams = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    return subprocess.Popen(command, cwd=home / "course", env=own, **streams)


def text_in(notebook: Path) -> str:
    cells = nbformat.read(notebook, as_version=4).cells
    return "".join(out.get("text", "") for cell in cells for out in cell.get("outputs", []))


# Odd names, and several at once -------------------------------------------------------------------


@pytest.mark.torture
@pytest.mark.parametrize("at_once", [1, 2])
def test_two_runs_at_once_in_a_home_with_an_odd_and_long_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, at_once: int
) -> None:
    """One cache, one folder of results, one record: all kernels write to each of them."""
    home = tmp_path / "my home, größe 模型 'é' $x" / ("long " * 40).strip()
    assert len(str(home)) > 200
    numbers = ("90", "91")[:at_once]
    for number in numbers:
        write_lesson(home / "course", number)
    names = ("one", "two")
    runs = [run(home, "--jobs", str(at_once), "-p", "NAME", name) for name in names]
    said = [one.communicate(timeout=500) for one in runs]
    assert [one.returncode for one in runs] == [0, 0], said

    out = home / "course" / "build" / "run"
    monkeypatch.setenv("COURSE_OUTPUT", str(out))
    entry = progress.read()["0.1"]
    assert (entry["attempts"], entry["solved"], entry["latest"]) == (2 * at_once, True, "correct")
    rows = {(row.lesson, row.strategy) for row in scoreboard.read()}
    assert rows == {(number, name) for number in numbers for name in names}
    features = list((home / "course" / "data" / "cache" / "features").iterdir())
    assert [file.suffix for file in features] == [".safetensors"], "all of them kept the same"
    assert FeatureCache.read(None, features[0])
    summary = json.loads((out / "summary.json").read_text(encoding="utf-8"))
    assert [one["status"] for one in summary["notebooks"]] == ["ok"] * at_once
    for number in numbers:
        assert "torch.Size([150, 8])" in text_in(out / f"{number}_small.ipynb")
    assert not list((home / "course").rglob("*.tmp"))


# Read-only ----------------------------------------------------------------------------------------


@pytest.fixture
def read_only(tmp_path: Path) -> Iterator[Path]:
    """A home with the course in it, in which nobody may write."""
    home = tmp_path / "read only"
    home.mkdir()
    root = os.geteuid() == 0
    if root and not may_mount(home):
        pytest.skip("root writes everywhere, and may not mount here")
    write_lesson(home / "course", "90")
    if root:
        subprocess.run(["mount", "-o", "remount,ro", str(home)], check=True, timeout=20)
        yield home
        subprocess.run(["umount", "-l", str(home)], check=True, timeout=20)
    else:
        folders = [home, *(path for path in home.rglob("*") if path.is_dir())]
        for folder in folders:
            folder.chmod(0o555)
        yield home
        for folder in folders:
            folder.chmod(0o755)


@pytest.fixture
def at_home(read_only: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name in ("COURSE_OUTPUT", "COURSE_CACHE", "COURSE_WEIGHTS"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(read_only))
    monkeypatch.setenv("COURSE_HOME", str(read_only / "course"))
    monkeypatch.setenv("TORCH_HOME", str(read_only / ".cache" / "torch"))
    return read_only


@pytest.mark.torture
def test_a_lesson_runs_in_a_read_only_home_once_its_folders_are_named(read_only: Path, tmp_path: Path) -> None:
    cache = str(tmp_path / "cache")
    done = run(read_only, "--out", str(tmp_path / "out"), COURSE_CACHE=cache)
    _, complaints = done.communicate(timeout=400)
    assert done.returncode == 0, (tmp_path / "out" / "summary.json").read_text() + complaints
    assert json.loads((tmp_path / "out" / "progress.json").read_text())
    assert "torch.Size([150, 8])" in text_in(tmp_path / "out" / "90_small.ipynb")


WRITING = {
    "a record": (lambda: progress.record("0.1", "correct"), "COURSE_OUTPUT"),
    "a row": (
        lambda: scoreboard.add(scoreboard.Row("90", "s", "d", "b", 0.5, None, 1, 1, 1.0, "cpu")),
        "COURSE_OUTPUT",
    ),
}


@pytest.mark.parametrize(("write", "cure"), WRITING.values(), ids=WRITING.keys())
def test_where_nothing_can_be_kept_the_variable_is_named(at_home: Path, write, cure: str) -> None:
    with pytest.raises(CourseError, match=f"cannot write to .*: set {cure} to a folder that you own") as caught:
        write()
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("arguments", "status", "told"),
    [
        (["run"], cli.BAD_USAGE, "error: cannot write to "),
        (["certificate"], cli.BAD_USAGE, "error: cannot write to "),
        (["fetch", "resnet18"], cli.FAILED, "error: resnet18 was not fetched ("),
    ],
)
def test_commands_say_what_to_set(
    at_home: Path, capsys: pytest.CaptureFixture[str], arguments: list[str], status: int, told: str
) -> None:
    assert cli.main(arguments) == status
    said = capsys.readouterr().err
    assert said.startswith(told) and said.count("\n") == 1
    assert "set COURSE_" in said or "name another folder" in said


def test_the_doctor_finds_it(at_home: Path) -> None:
    from helpers import doctor

    found = {check.name: check for check in doctor.checks()}
    assert found["folders"].status == "problem" and "COURSE_" in found["folders"].cure
    assert found["weights cache"].status == "warning" and fetching.COURSE_BACKBONES


def test_a_moved_course_goes_on_with_its_records(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing that the course keeps names the folder that it lies in."""
    write_lesson(tmp_path / "old" / "course", "90")
    monkeypatch.delenv("COURSE_OUTPUT", raising=False)
    monkeypatch.setenv("COURSE_HOME", str(tmp_path / "old" / "course"))
    progress.record("0.1", "correct")
    before = progress.read()
    shutil.move(tmp_path / "old", tmp_path / "new")
    monkeypatch.setenv("COURSE_HOME", str(tmp_path / "new" / "course"))
    assert progress.read() == before and before["0.1"]["solved"]
