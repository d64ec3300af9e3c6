"""A lesson in Google Colab: what it needs and Colab lacks. Anywhere else it does nothing.

Colab brings a PyTorch that fits its GPUs, and a kernel that already runs. Neither is ever exchanged: only packages that
are not there at all are installed, and whatever is there is held at its version. `python -m helpers doctor` says how
far Colab's versions are from those that the course was tested with.
"""

from __future__ import annotations

import importlib.metadata
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

from helpers.doctor import direct_dependencies, locked_versions
from helpers.errors import CourseError, one_line
from helpers.places import repository

# torch and torchvision are Colab's to bring, and so is what stands between a kernel and its page.
COLABS_OWN = {"torch", "torchvision", "jupyterlab", "jupyter-client", "ipykernel", "ipython", "ipywidgets"}


def in_colab() -> bool:
    """Whether this is a kernel of Google Colab, which has imported its own package at its start."""
    return "google.colab" in sys.modules


def set_up(say: Callable[[str], None] = print) -> None:
    """Install what is missing, and make `helpers` importable, in this kernel and in the processes that it starts.

    Raises:
        CourseError: pip could not install something beside what is there.
    """
    if not in_colab():
        say("This is not Colab: nothing was changed.")
        return
    missing = missing_pins()
    if missing:
        _install(missing)
    root = str(repository())
    if root not in sys.path:
        sys.path.insert(0, root)
    os.environ["COURSE_HOME"] = root
    os.environ["PYTHONPATH"] = os.pathsep.join(filter(None, [root, os.environ.get("PYTHONPATH")]))
    say(f"Installed: {', '.join(missing) or 'nothing, all was there'}. The lesson can run.")


def missing_pins() -> list[str]:
    """Packages of the course that are not installed in any version, as "name==version" of requirements.lock."""
    locked = locked_versions()
    there = set(installed())
    return [f"{n}=={locked[n]}" for n in direct_dependencies() if n not in COLABS_OWN and n.lower() not in there]


def installed() -> dict[str, str]:
    """Version of each installed package, by its name in small letters with hyphens."""
    found = ((one.metadata["Name"], one.version) for one in importlib.metadata.distributions())
    return {name.lower().replace("_", "-"): version for name, version in found if name}


def install_command(pins: list[str], held: Path) -> list[str]:
    """pip's command line; `held` is a file that holds every installed package at its version."""
    return [sys.executable, "-m", "pip", "install", "--quiet", "--constraint", str(held), *pins]


def _install(pins: list[str]) -> None:
    with tempfile.TemporaryDirectory(prefix="course-colab-") as folder:
        held = Path(folder) / "held.txt"
        held.write_text("".join(f"{name}=={version}\n" for name, version in installed().items()), encoding="utf-8")
        done = subprocess.run(install_command(pins, held), capture_output=True, text=True)
    if done.returncode:
        raise CourseError(
            f"pip could not install {', '.join(pins)} beside what Colab brings ({one_line(done.stderr)[-300:]}): run "
            "the course on your own machine, with `make lab`"
        )
