"""Run the doctor as on machines that lack packages, and leave what each run said in files.

    python doctor_without.py FOLDER "matplotlib" "torch torchvision" ...

For the n-th case `FOLDER/n.json` holds the exit status, `FOLDER/n.out` and `FOLDER/n.err` what was printed.

Each case is a process of its own, forked: torch and the networks take seconds to load, and are loaded once for all
cases whose packages they do not touch. The others start with nothing but the standard library.
"""

from __future__ import annotations

import importlib
import importlib.metadata
import json
import os
import re
import sys
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import NoReturn

AT_ONCE = max(2, os.cpu_count() or 1)
LAYERS = [["torch", "torchvision"], ["helpers.models.backbones", "helpers.models.weights"]]


class Case:
    """Packages that are not there, and the files that tell what the doctor said of that."""

    def __init__(self, packages: set[str], modules: set[str], folder: Path, number: int):
        self.packages, self.modules = packages, modules
        self.out, self.err, self.told = (folder / f"{number}.{kind}" for kind in ("out", "err", "json"))

    def find_spec(self, name: str, path: object = None, target: object = None) -> None:
        """As the first finder of `sys.meta_path`: what belongs to the packages cannot be imported."""
        if name.partition(".")[0] in self.modules:
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)

    def hide(self) -> None:
        """From now on the packages are not installed, to this process."""
        real = importlib.metadata.distribution

        def distribution(name: str) -> importlib.metadata.Distribution:
            if normalised(name) in self.packages:
                raise importlib.metadata.PackageNotFoundError(name)
            return real(name)

        importlib.metadata.distribution = distribution
        sys.meta_path.insert(0, self)

    def is_untouched(self) -> bool:
        """Whether nothing of the packages is loaded yet."""
        return self.modules.isdisjoint(name.partition(".")[0] for name in sys.modules)


def normalised(name: str) -> str:
    """A distribution's name as PyPI compares it."""
    return re.sub(r"[-_.]+", "-", name).lower()


def cases(folder: Path, arguments: list[str]) -> list[Case]:
    """The n-th case lacks the packages that the n-th argument names."""
    modules: dict[str, set[str]] = {}
    for module, distributions in importlib.metadata.packages_distributions().items():
        for distribution in distributions:
            modules.setdefault(normalised(distribution), set()).add(module)
    asked = [{normalised(name) for name in argument.split()} for argument in arguments]
    return [
        Case(packages, set().union(*(modules[package] for package in packages)), folder, number)
        for number, packages in enumerate(asked)
    ]


def run(todo: list[Case], layers: list[list[str]]) -> None:
    """Run the cases, those that leave the next layer whole in a fork that has loaded it."""
    if layers:
        os.waitpid(forked(lambda: loaded(todo, layers)), 0)
        todo = [case for case in todo if not case.told.exists()]
    running = 0
    for case in todo:
        if running == AT_ONCE:
            os.wait()
            running -= 1
        forked(lambda case=case: consulted(case))
        running += 1
    for _ in range(running):
        os.wait()


def loaded(todo: list[Case], layers: list[list[str]]) -> None:
    for name in layers[0]:
        importlib.import_module(name)
    run([case for case in todo if case.is_untouched()], layers[1:])


def consulted(case: Case) -> None:
    """What `python -m helpers doctor --json` does where the packages are not there."""
    for stream, file in ((sys.stdout, case.out), (sys.stderr, case.err)):
        with file.open("w") as opened:
            os.dup2(opened.fileno(), stream.fileno())
    case.hide()
    from helpers import cli

    case.told.write_text(json.dumps({"status": cli.main(["doctor", "--json"])}))


def forked(work: Callable[[], None]) -> int:
    """The process that does the work; an error in it is printed."""
    child = os.fork()
    return child or _do(work)


def _do(work: Callable[[], None]) -> NoReturn:
    try:
        work()
    except BaseException:
        traceback.print_exc()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(0)


if __name__ == "__main__":
    run(cases(Path(sys.argv[1]), sys.argv[2:]), LAYERS)
