"""The doctor finds each problem where it is simulated, and says its cure."""

from __future__ import annotations

import importlib.metadata
import json
import os
import shutil
import subprocess
import sys
import tomllib
import types
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest
import torch
import torchvision
from jupyter_client.kernelspec import KernelSpec, KernelSpecManager, NoSuchKernel
from packaging.requirements import Requirement

from helpers import doctor
from helpers.errors import CourseError
from helpers.memory import memory
from helpers.models.backbones import weights_source
from helpers.models.published import PackagedFile
from helpers.places import repository


def found(name: str) -> doctor.Check:
    """One check alone; all of them together take seconds."""
    return doctor._told(name, doctor._every()[name])


def assert_finds(name: str, status: str, cause: str, cure: str) -> None:
    check = found(name)
    assert (check.status, cause in check.found, cure in check.cure) == (status, True, True), check


@pytest.fixture(autouse=True)
def own_folders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, course_output: Path) -> None:
    monkeypatch.setenv("COURSE_CACHE", str(tmp_path / "cache"))


def test_this_machine_can_run_the_course(capsys: pytest.CaptureFixture[str]) -> None:
    assert doctor.main() == 0
    said = capsys.readouterr().out
    assert "The course can run here." in said
    assert f"torch {torch.__version__}" in said


def test_json_holds_every_check(capsys: pytest.CaptureFixture[str]) -> None:
    assert doctor.main(as_json=True) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["can_run"] is True
    assert len({check["name"] for check in told["checks"]}) == len(told["checks"]) == len(doctor._every())
    assert all(set(check) == {"name", "status", "found", "cure"} for check in told["checks"])


@pytest.mark.parametrize("as_json", [False, True])
@pytest.mark.parametrize(("status", "expected"), [("problem", 1), ("warning", 0), ("ok", 0)])
def test_only_a_problem_fails(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], status: str, expected: int, as_json: bool
) -> None:
    monkeypatch.setattr(doctor, "checks", lambda: [doctor.Check("disk", status, "half a byte", "Buy a second half.")])
    assert doctor.main(as_json) == expected
    assert "Buy a second half." in capsys.readouterr().out


def test_rows_make_a_table() -> None:
    checks = [doctor.Check("disk", "ok", "much"), doctor.Check("memory", "warning", "little", "Close something.")]
    assert doctor.rows(checks) == [
        {"check": "disk", "status": "ok", "found": "much", "cure": "-"},
        {"check": "memory", "status": "warning", "found": "little", "cure": "Close something."},
    ]


def test_a_python_that_is_too_old(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doctor, "PYTHONS", ((3, 98), (3, 99)))
    assert_finds("Python", "problem", "3.", "Install Python 3.98 to 3.99.")


def with_version(monkeypatch: pytest.MonkeyPatch, package: str, answer: Callable[[], str]) -> None:
    real = importlib.metadata.version
    monkeypatch.setattr(importlib.metadata, "version", lambda name: answer() if name == package else real(name))


def test_a_missing_package(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing() -> str:
        raise importlib.metadata.PackageNotFoundError("timm")

    with_version(monkeypatch, "timm", missing)
    assert_finds("packages", "problem", "missing: timm", "make setup")


def test_another_torch_than_the_locked_one(monkeypatch: pytest.MonkeyPatch) -> None:
    with_version(monkeypatch, "torch", lambda: "2.13.0+cpu")
    assert_finds("packages", "warning", "torch 2.13.0+cpu in place of 2.15.0", "make setup")


def test_the_build_is_no_other_version(monkeypatch: pytest.MonkeyPatch) -> None:
    with_version(monkeypatch, "torch", lambda: f"{torch.__version__.partition('+')[0]}+cpu")
    assert found("packages").status == "ok"


def test_torch_and_torchvision_of_two_kinds(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch, "__version__", "2.15.0+cpu")
    monkeypatch.setattr(torchvision, "__version__", "0.29.2+cu132")
    assert_finds("torch", "problem", "two kinds", "both for the CPU or both for CUDA")


def test_torchvision_without_its_operators(monkeypatch: pytest.MonkeyPatch) -> None:
    def nms(*_: object) -> None:
        raise RuntimeError("operator torchvision::nms does not exist\nand much more")

    monkeypatch.setattr(torchvision.ops, "nms", nms)
    check = found("torch")
    assert check.status == "problem"
    assert check.found.endswith("operator torchvision::nms does not exist")
    assert "pair" in check.cure


def cannot_load(monkeypatch: pytest.MonkeyPatch, package: str, error: Exception) -> None:
    """From now on, importing `package` raises `error`."""

    class Stops:
        @staticmethod
        def find_spec(name: str, path: object = None, target: object = None) -> None:
            if name == package:
                raise error

    monkeypatch.delitem(sys.modules, package)
    monkeypatch.setattr(sys, "meta_path", [Stops, *sys.meta_path])


@pytest.mark.parametrize(
    "error",
    [
        ImportError("No module named torch"),
        OSError("libcudart.so.13: cannot open shared object file"),
        RuntimeError("operator torchvision::nms does not exist"),
    ],
)
def test_a_torch_that_does_not_load_is_one_problem(monkeypatch: pytest.MonkeyPatch, error: Exception) -> None:
    cannot_load(monkeypatch, "torch", error)
    status = {check.name: check.status for check in doctor.checks()}
    assert status["torch"] == "problem"
    assert {status[name] for name in ("device", "weights cache")} == {"warning"}
    assert str(error) in found("torch").found
    assert "pair" in found("torch").cure


def test_a_package_that_the_pair_lacks_is_no_question_of_the_pair(monkeypatch: pytest.MonkeyPatch) -> None:
    cannot_load(monkeypatch, "torch", ModuleNotFoundError("No module named 'numpy'", name="numpy"))
    assert_finds("torch", "problem", "No module named 'numpy'", "make setup")
    assert "pair" not in found("torch").cure


@pytest.mark.parametrize(("name", "package"), [("memory", "psutil"), ("kernel", "jupyter_client.kernelspec")])
def test_an_installed_package_that_does_not_load(monkeypatch: pytest.MonkeyPatch, name: str, package: str) -> None:
    """Its version is there to read, so nothing above explains why it does not load."""
    cannot_load(monkeypatch, package, OSError("cannot open shared object file"))
    assert_finds(name, "problem", "cannot open shared object file", "make setup")
    assert doctor.main() == 1


def test_a_gpu_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "get_device_name", lambda _: "H100")
    monkeypatch.setattr(torch.cuda, "get_device_properties", lambda _: types.SimpleNamespace(total_memory=80e9))
    monkeypatch.setattr(doctor, "_use", lambda device: None)
    assert found("device").found == "CUDA: H100, 80 GB"

    def too_old(device: str) -> None:
        raise RuntimeError("CUDA error: no kernel image is available for execution on the device\nand more")

    monkeypatch.setattr(doctor, "_use", too_old)
    assert_finds("device", "warning", "no kernel image", "Lessons run on the CPU meanwhile")


def test_little_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        psutil, "virtual_memory", lambda: types.SimpleNamespace(available=1_200_000_000, total=8_000_000_000)
    )
    assert_finds("memory", "warning", "1.2 of 8.0 GB", "Close other programs")


def test_the_limit_of_a_container_counts(tmp_path: Path) -> None:
    (tmp_path / "memory.max").write_text("2000000000\n")
    (tmp_path / "memory.current").write_text("500000000\n")
    assert memory(tmp_path) == (1_500_000_000, 2_000_000_000)
    reclaimable = "inactive_file 150000000\nactive_file 40000000\nslab_reclaimable 10000000\n"
    (tmp_path / "memory.stat").write_text(f"anon 300000000\n{reclaimable}")
    assert memory(tmp_path).free == 1_700_000_000
    (tmp_path / "memory.max").write_text("max\n")
    assert memory(tmp_path).total == memory(tmp_path / "no group").total


def test_a_full_disk(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shutil, "disk_usage", lambda _: types.SimpleNamespace(free=3e8))
    assert_finds("disk", "warning", "0.3 GB free", "COURSE_CACHE")


def test_no_kernel(monkeypatch: pytest.MonkeyPatch) -> None:
    def none(self: KernelSpecManager, name: str) -> KernelSpec:
        raise NoSuchKernel(name)

    monkeypatch.setattr(KernelSpecManager, "get_kernel_spec", none)
    assert_finds("kernel", "problem", "no kernel named python3", "-m ipykernel install --sys-prefix")


@pytest.mark.parametrize(
    ("runs", "status"), [("python", "ok"), ("{bin}/python3", "ok"), ("/opt/other/bin/python", "problem")]
)
def test_the_kernel_must_run_this_python(monkeypatch: pytest.MonkeyPatch, runs: str, status: str) -> None:
    runs = runs.format(bin=Path(doctor.sys.executable).parent)
    spec = KernelSpec(argv=[runs, "-m", "ipykernel_launcher"], resource_dir="/home/me/kernels/python3")
    monkeypatch.setattr(KernelSpecManager, "get_kernel_spec", lambda self, name: spec)
    check = found("kernel")
    assert check.status == status
    assert ("Remove /home/me/kernels/python3" in check.cure) == (status == "problem")


def test_embedded_weights_cut_short(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = weights_source("efficientnet_lite1").file()
    broken = tmp_path / whole.name
    broken.write_bytes(whole.read_bytes()[:1_000_000])
    real = PackagedFile.file
    monkeypatch.setattr(PackagedFile, "file", lambda self: broken if "lite1" in self.package else real(self))
    assert_finds("embedded weights", "problem", str(broken), "make setup")


def test_a_weights_cache_that_cannot_be_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").write_text("in the way")
    monkeypatch.setattr(torch.hub, "get_dir", lambda: str(tmp_path / "file" / "hub"))
    assert_finds("weights cache", "warning", "cannot write", "COURSE_WEIGHTS")


def test_what_lies_in_the_weights_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "checkpoints").mkdir()
    (tmp_path / "checkpoints" / "a.pth").write_bytes(bytes(2_000_000))
    (tmp_path / "checkpoints" / "b.safetensors").write_bytes(bytes(3_000_000))
    monkeypatch.setenv("COURSE_WEIGHTS", str(tmp_path))
    assert found("weights cache").found.startswith("2 files, 5 MB")


def test_a_second_copy_of_the_course(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "copy" / "notebooks").mkdir(parents=True)
    (tmp_path / "copy" / "helpers").mkdir()
    (tmp_path / "copy" / "helpers" / "places.py").touch()
    monkeypatch.chdir(tmp_path / "copy" / "notebooks")
    assert_finds("helpers", "warning", str(tmp_path / "copy"), "make setup")
    monkeypatch.chdir(repository() / "tests")
    assert found("helpers").status == "ok"


def test_no_lessons(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doctor, "lesson_paths", list)
    assert_finds("lessons", "problem", "none in", "Get the course's folder again")


def test_helpers_away_from_its_checkout(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COURSE_HOME", str(tmp_path))
    assert_finds("lessons", "problem", "no notebooks folder", "COURSE_HOME")
    assert doctor.main() == 1


@pytest.mark.parametrize("variable", ["COURSE_CACHE", "COURSE_OUTPUT"])
def test_folders_that_cannot_be_made(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, variable: str) -> None:
    (tmp_path / "file").write_text("in the way")
    monkeypatch.setenv(variable, str(tmp_path / "file" / "folder"))
    assert_finds("folders", "problem", "cannot write", f"et {variable}")


@pytest.mark.parametrize("variable", ["COURSE_CACHE", "COURSE_OUTPUT"])
def test_folders_that_cannot_be_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, variable: str) -> None:
    locked = tmp_path / "locked"
    monkeypatch.setenv(variable, str(locked))
    monkeypatch.setattr(doctor, "_can_write", lambda folder: folder != locked)
    assert_finds("folders", "problem", str(locked), f"et {variable}")


def test_a_folder_is_tried_by_writing(tmp_path: Path) -> None:
    assert doctor._can_write(tmp_path / "not" / "there" / "yet")
    assert list(tmp_path.iterdir()) == [tmp_path / "output"]  # nothing is left behind
    assert not doctor._can_write(Path("/proc/course"))


def test_a_course_error_becomes_a_finding() -> None:
    def look() -> doctor.Check:
        raise CourseError("the lamp (a: b) is off: switch it on")

    assert doctor._told("lamp", look) == doctor.Check("lamp", "problem", "the lamp (a: b) is off", "Switch it on.")


DECLARED = tomllib.loads((repository() / "pyproject.toml").read_text(encoding="utf-8"))["project"]["dependencies"]
PACKAGES = [Requirement(line).name for line in DECLARED]
ALL = " ".join(PACKAGES)


@pytest.fixture(scope="module")
def without(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], tuple[dict, str]]:
    """What the doctor says, and what it writes as errors, on a machine that lacks these packages."""
    folder = tmp_path_factory.mktemp("without")
    cases = [*PACKAGES, ALL]
    subprocess.run(
        [sys.executable, Path(__file__).with_name("doctor_without.py"), folder, *cases],
        env={**os.environ, "PYTHONPATH": str(repository()), "OMP_NUM_THREADS": "1", "COURSE_CACHE": str(folder)},
        check=True,
        timeout=300,
    )

    def told(packages: str) -> tuple[dict, str]:
        out, err, status = (folder / f"{cases.index(packages)}.{kind}" for kind in ("out", "err", "json"))
        assert status.exists(), err.read_text()
        return {**json.loads(out.read_text()), **json.loads(status.read_text())}, err.read_text()

    return told


@pytest.mark.parametrize("packages", [*PACKAGES, pytest.param(ALL, id="all")])
def test_missing_packages_are_named_and_the_rest_is_told(
    without: Callable[[str], tuple[dict, str]], packages: str
) -> None:
    told, errors = without(packages)
    check = {check["name"]: check for check in told["checks"]}
    assert "Traceback" not in errors
    assert told["status"] == 1 and told["can_run"] is False
    assert check["packages"]["found"] == f"missing: {', '.join(packages.split())}"
    assert check["packages"]["cure"] == doctor.SET_UP_AGAIN
    assert list(check) == list(doctor._every())
    assert {check[name]["status"] for name in ("Python", "helpers", "lessons", "folders")} == {"ok"}


@pytest.mark.parametrize(
    ("package", "name"),
    [
        ("torch", "device"),
        ("torch", "weights cache"),
        ("torchvision", "embedded weights"),
        ("psutil", "memory"),
        ("jupyter-client", "kernel"),
    ],
)
def test_what_a_missing_package_hides_waits_for_it(
    without: Callable[[str], tuple[dict, str]], package: str, name: str
) -> None:
    """The package is the one problem; what cannot be looked at without it is none of its own."""
    check = next(check for check in without(package)[0]["checks"] if check["name"] == name)
    assert (check["status"], check["cure"]) == ("warning", doctor.MEND_FIRST)
    assert f"No module named '{package.replace('-', '_')}'" in check["found"]


@pytest.mark.skipif(sys.platform == "win32", reason="users have no numbers there")
def test_a_user_without_a_name_and_a_home_is_told(tmp_path: Path) -> None:
    """As in a container that runs as any number: HOME is unset, and the password file knows nobody."""
    code = (
        "import os, pwd\n"
        "def nobody(number): raise KeyError(number)\n"
        "pwd.getpwuid = nobody\n"
        "os.environ.pop('HOME', None)\n"
        "from helpers import doctor\n"
        "raise SystemExit(doctor.main())\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=tmp_path)
    assert "Traceback" not in done.stderr
    assert "this user has no home folder" in done.stdout and "Set the variable HOME" in done.stdout
    assert "lessons" in done.stdout  # the other findings are there all the same
    assert done.returncode == 1


def test_a_check_that_stops_is_a_finding_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    def stops() -> doctor.Check:
        raise ValueError("of a machine\nthat nobody thought of")

    check = doctor._told("disk", stops)
    assert (check.status, check.found) == ("problem", "could not be looked at (ValueError: of a machine)")
    assert doctor._told("disk", stops, explained=True).status == "warning"
