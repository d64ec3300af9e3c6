"""What can be wrong with a machine, and the cure for each finding.

It loads with the standard library alone, and each check imports what it looks at: the doctor must also speak where a
package is missing or broken.
"""

from __future__ import annotations

import contextlib
import importlib.metadata
import json
import re
import shutil
import sys
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Literal

import helpers
from helpers.errors import CourseError, capital, first_line
from helpers.memory import memory
from helpers.places import cache_dir, lesson_paths, output_dir, repository, weights_dir

Status = Literal["ok", "warning", "problem"]

PYTHONS = ((3, 11), (3, 13))  # the oldest and the newest that the course is tested with
LEAST_MEMORY_GB = 3.0  # what a lesson may take, by its contract
LEAST_DISK_GB = 1.0  # painted images, cached features and a run's results, with room to spare
SET_UP_AGAIN = "Run `rm -rf .venv && make setup` in the course's folder; with conda, create the environment again."

MEND_FIRST = "Mend the problems above first."
TELL_US = "Report this line, with what `python -m helpers doctor --json` prints."


@dataclass(frozen=True)
class Check:
    """One finding. `cure` is empty where there is nothing to do; a "problem" stops the course."""

    name: str
    status: Status
    found: str
    cure: str = ""


class _NotLoaded(Exception):
    """A package that a check needs does not load; the message says why."""


@contextlib.contextmanager
def _loading() -> Iterator[None]:
    """Around imports: whatever stops one becomes `_NotLoaded`. Builds that do not fit raise anything."""
    try:
        with contextlib.redirect_stdout(sys.stderr):  # huggingface_hub prints what it lacks, in the midst of our JSON
            yield
    except CourseError:
        raise
    except Exception as error:
        raise _NotLoaded(f"{type(error).__name__}: {first_line(error)[:160]}") from error


def checks() -> list[Check]:
    """Every check of this machine, in the order in which one would repair it."""
    found: list[Check] = []
    for name, look in _every().items():
        found.append(_told(name, look, explained=any(check.status == "problem" for check in found)))
    return found


def _every() -> dict[str, Callable[[], Check]]:
    return {
        "Python": _python,
        "home": _home,
        "packages": _packages,
        "torch": _torch,
        "device": _device,
        "memory": _memory,
        "disk": _disk,
        "kernel": _kernel,
        "embedded weights": _embedded_weights,
        "weights cache": _weights_cache,
        "helpers": _helpers,
        "lessons": _lessons,
        "folders": _folders,
    }


def _told(name: str, look: Callable[[], Check], explained: bool = False) -> Check:
    """The check; where it could not be made, the finding says why.

    Args:
        name: of the check.
        look: makes it.
        explained: a problem was found before, which is taken for the reason why a package does not load.
    """
    try:
        return look()
    except CourseError as error:
        cause, _, cure = str(error).rpartition(": ")
        return Check(name, "problem", cause, f"{capital(cure)}.")
    except _NotLoaded as error:
        found = f"not looked at ({error})"
        return Check(name, *(("warning", found, MEND_FIRST) if explained else ("problem", found, SET_UP_AGAIN)))
    except Exception as error:  # of a machine that nobody thought of: the other findings are told all the same
        found = f"could not be looked at ({type(error).__name__}: {first_line(error)[:160]})"
        return Check(name, *(("warning", found, MEND_FIRST) if explained else ("problem", found, TELL_US)))


def rows(found: list[Check] | None = None) -> list[dict[str, str]]:
    """The checks as rows of a table, for `helpers.course.show_table`; they are made now unless given."""
    return [
        {"check": c.name, "status": c.status, "found": c.found, "cure": c.cure or "-"}
        for c in (checks() if found is None else found)
    ]


def main(as_json: bool = False) -> int:
    """Print the findings. The exit status: 1 where the course cannot run, else 0."""
    found = checks()
    stopped = any(check.status == "problem" for check in found)
    if as_json:
        print(json.dumps({"can_run": not stopped, "checks": [asdict(check) for check in found]}, indent=1))
    else:
        print(_as_text(found, stopped))
    return 1 if stopped else 0


def _as_text(found: list[Check], stopped: bool) -> str:
    cures = [f"- {check.name}: {check.cure}" for check in found if check.cure]
    verdict = "The course cannot run here yet." if stopped else "The course can run here."
    return "\n".join([*_lines(found), "", verdict, *(["What to do:", *cures] if cures else [])])


def _lines(found: list[Check]) -> list[str]:
    """A table in plain text: the names and the statuses stand in columns."""
    cells = [("check", "status", "found"), *((check.name, check.status, check.found) for check in found)]
    names, statuses = (max(len(line[column]) for line in cells) for column in (0, 1))
    head, *rest = (f"{name:<{names}}  {status:<{statuses}}  {what}" for name, status, what in cells)
    return [head, "-" * len(head), *rest]


# Python and packages ------------------------------------------------------------------------------------------


def _python() -> Check:
    found = f"{sys.version_info[0]}.{sys.version_info[1]}.{sys.version_info[2]} ({sys.executable})"
    oldest, newest = PYTHONS
    if oldest <= tuple(sys.version_info[:2]) <= newest:
        return Check("Python", "ok", found)
    span = " to ".join(".".join(map(str, version)) for version in PYTHONS)
    return Check("Python", "problem", found, f"Install Python {span}. {SET_UP_AGAIN}")


def _packages() -> Check:
    """The packages that the course imports itself, against the versions that it was tested with."""
    names = direct_dependencies()
    installed = {name: _installed_version(name) for name in names}
    missing = [name for name in names if installed[name] is None]
    if missing:
        return Check("packages", "problem", f"missing: {', '.join(missing)}", SET_UP_AGAIN)
    locked = locked_versions()
    other = [
        f"{name} {version} in place of {locked[name]}"
        for name, version in installed.items()
        if name in locked and version.split("+")[0] != locked[name]
    ]
    if other:
        return Check("packages", "warning", "; ".join(other), f"The course was tested with others. {SET_UP_AGAIN}")
    return Check("packages", "ok", f"{len(names)} as in requirements.lock")


def direct_dependencies() -> list[str]:
    """The names that pyproject.toml declares, read without the package `packaging`, which may be the missing one."""
    with _loading():
        import tomllib  # new in Python 3.11: an older one is a finding

    declared = tomllib.loads((repository() / "pyproject.toml").read_text(encoding="utf-8"))["project"]["dependencies"]
    return [re.match(r"[\w.-]+", line)[0] for line in declared]


def _installed_version(name: str) -> str | None:
    try:
        return importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return None


def locked_versions() -> dict[str, str]:
    """Name and version of each line of requirements.lock that is meant for this Python and system."""
    with _loading():
        from packaging.requirements import Requirement

    lines = (repository() / "requirements.lock").read_text(encoding="utf-8").splitlines()
    pinned = [Requirement(line) for line in lines if line.strip() and not line.startswith("#")]
    return {one.name: next(iter(one.specifier)).version for one in pinned if not one.marker or one.marker.evaluate()}


def _torch() -> Check:
    """torch and torchvision must load, and be built for the same kind of device."""
    try:
        with _loading():  # a mixed pair may already fail here
            import torch
            import torchvision
    except _NotLoaded as error:
        cause = error.__cause__
        if isinstance(cause, ModuleNotFoundError) and cause.name not in ("torch", "torchvision"):
            return Check("torch", "problem", str(error), SET_UP_AGAIN)  # the pair is whole, and lacks a package
        return _torch_problem(str(error))
    versions = f"torch {torch.__version__}, torchvision {torchvision.__version__}"
    if _kind(torch.__version__) != _kind(torchvision.__version__):
        return _torch_problem(f"{versions}: they are of two kinds")
    try:
        torchvision.ops.nms(torch.tensor([[0.0, 0.0, 1.0, 1.0]]), torch.tensor([1.0]), 0.5)
    except (RuntimeError, AttributeError) as error:
        return _torch_problem(f"{versions}: {first_line(error)[:160]}")
    return Check("torch", "ok", versions)


def _torch_problem(found: str) -> Check:
    cure = "torch and torchvision must come as a pair, both for the CPU or both for CUDA."
    return Check("torch", "problem", found, f"{cure} {SET_UP_AGAIN}")


def _kind(version: str) -> str:
    """ "cpu", "cu132", or "" where the version does not say, as from PyPI in macOS."""
    return version.partition("+")[2]


# The machine --------------------------------------------------------------------------------------------------


def _home() -> Check:
    """Python, Jupyter and torch ask for the user's home folder, which a container may not have."""
    try:
        return Check("home", "ok", str(Path.home()))
    except RuntimeError:  # HOME is unset, and no user of this number is known
        cure = "Set the variable HOME to a folder that you may write to, as in `docker run -e HOME=/tmp`."
        return Check("home", "problem", "this user has no home folder", cure)


def _device() -> Check:
    with _loading():
        import torch
    try:
        if torch.cuda.is_available():
            memory = torch.cuda.get_device_properties(0).total_memory / 1e9
            _use("cuda")
            return Check("device", "ok", f"CUDA: {torch.cuda.get_device_name(0)}, {memory:.0f} GB")
    except (RuntimeError, AssertionError, NotImplementedError) as error:
        # a driver that does not answer, a GPU that is full or too old for this torch
        cure = (
            "Lessons run on the CPU meanwhile. Free the GPU's memory, update its driver and start the machine anew, or "
            "install a torch that was built for it."
        )
        return Check("device", "warning", f"CUDA: {first_line(error)[:160]}", cure)
    if torch.backends.mps.is_available():
        return Check("device", "ok", "MPS: Apple's GPU")
    return Check("device", "ok", f"CPU, {torch.get_num_threads()} threads; every lesson is made for it")


def _use(device: str) -> None:
    """One product of two matrices there: that a GPU is listed does not say that this torch can work on it."""
    with _loading():
        import torch
    ones = torch.ones(8, 8, device=device)
    (ones @ ones).sum().item()


def _memory() -> Check:
    with _loading():
        free, total = (size / 1e9 for size in memory())
    found = f"{free:.1f} of {total:.1f} GB free"
    if free >= LEAST_MEMORY_GB:
        return Check("memory", "ok", found)
    cure = f"A lesson may take {LEAST_MEMORY_GB:g} GB. Close other programs and other notebooks' kernels"
    return Check("memory", "warning", found, f"{cure}, or give the container more.")


def _disk() -> Check:
    folder = cache_dir()
    free = shutil.disk_usage(folder).free / 1e9
    found = f"{free:.1f} GB free at {folder}"
    if free >= LEAST_DISK_GB:
        return Check("disk", "ok", found)
    cure = f"The course wants {LEAST_DISK_GB:g} GB. Free some, or set COURSE_CACHE to a folder on another disk."
    return Check("disk", "warning", found, cure)


def _kernel() -> Check:
    """Whether the kernel that the notebooks name, `python3`, runs the Python that the course is installed in."""
    with _loading():
        from jupyter_client.kernelspec import KernelSpecManager, NoSuchKernel

    install = f"Run `{sys.executable} -m ipykernel install --sys-prefix`."
    try:
        spec = KernelSpecManager().get_kernel_spec("python3")
    except NoSuchKernel:
        return Check("kernel", "problem", "Jupyter knows no kernel named python3", install)
    runs = spec.argv[0]
    if not Path(runs).is_absolute() and Path(runs).name.startswith("python"):
        return Check("kernel", "ok", f"python3 runs {sys.executable}")  # Jupyter puts its own Python there
    if Path(runs).parent == Path(sys.executable).parent:
        return Check("kernel", "ok", f"python3 runs {runs}")
    cure = f"Another Python would run the lessons. Remove {spec.resource_dir}, or: {install}"
    return Check("kernel", "problem", f"python3 ({spec.resource_dir}) runs {runs}", cure)


# Weights ------------------------------------------------------------------------------------------------------


def _embedded_weights() -> Check:
    """The files of the Lite networks, by their published SHA-256."""
    with _loading():
        from helpers.models import backbones, weights

    try:
        for name in backbones.OFFLINE_BACKBONES:
            weights.read_state_dict(backbones.weights_source(name).file())
    except (CourseError, ImportError) as error:
        return Check("embedded weights", "problem", first_line(error)[:160], SET_UP_AGAIN)
    return Check("embedded weights", "ok", f"{', '.join(backbones.OFFLINE_BACKBONES)}: whole")


def _weights_cache() -> Check:
    """The folder of fetched weights. Only networks other than the Lite ones need it."""
    with _loading():
        folder = weights_dir()  # it asks torch
    if not _can_write(folder):
        cure = "Weights in it are used. To fetch others, set COURSE_WEIGHTS to a folder that you own."
        return Check("weights cache", "warning", f"cannot write to {folder}", cure)
    files = [file for kind in ("*.pth", "*.pt", "*.safetensors") for file in folder.glob(kind)]
    megabytes = sum(file.stat().st_size for file in files) / 1e6
    return Check("weights cache", "ok", f"{len(files)} files, {megabytes:,.0f} MB in {folder}")


def _can_write(folder: Path) -> bool:
    """Whether a file can be made in the folder, or the folder itself in the nearest one that is there."""
    there = next(place for place in (folder, *folder.parents) if place.exists())
    with contextlib.suppress(OSError), tempfile.TemporaryFile(dir=there):
        return True
    return False


# The checkout -------------------------------------------------------------------------------------------------


def _helpers() -> Check:
    """Whether `helpers` is this checkout's, not that of a second copy of the course."""
    mine = Path(helpers.__file__).resolve().parents[1]
    here = Path.cwd().resolve()
    around = next((p for p in (here, *here.parents) if _is_checkout(p)), None)
    if around is None or around == mine:
        return Check("helpers", "ok", f"installed from {mine}")
    cure = f"Run `make setup` in {around} and start from there, or work in {mine}."
    return Check("helpers", "warning", f"installed from {mine}, and you are in {around}", cure)


def _is_checkout(folder: Path) -> bool:
    return (folder / "notebooks").is_dir() and (folder / "helpers" / "places.py").is_file()


def _lessons() -> Check:
    lessons = lesson_paths()
    if not lessons:
        cure = "Get the course's folder again (git checkout -- notebooks)."
        return Check("lessons", "problem", f"none in {repository() / 'notebooks'}", cure)
    return Check("lessons", "ok", f"{len(lessons)}, from {lessons[0].stem} to {lessons[-1].stem}")


def _folders() -> Check:
    places = {"COURSE_CACHE": cache_dir(), "COURSE_OUTPUT": output_dir()}
    for variable, folder in places.items():
        if not _can_write(folder):
            return Check("folders", "problem", f"cannot write to {folder}", f"Set {variable} to a folder that you own.")
    return Check("folders", "ok", f"can write to {' and '.join(map(str, places.values()))}")
