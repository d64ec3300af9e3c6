"""How a program is run: two functions, a class or a script become the same two calls, quiet and in this process."""

from __future__ import annotations

import contextlib
import inspect
import linecache
import runpy
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from helpers.checking.answers import short
from helpers.checking.printed import Printed
from helpers.course.verdicts import Incorrect, require
from helpers.errors import first_line

HAND_IN = (
    'Hand in two functions, `exercise("10.1").check(train, predict)`, a class, `.check(Program)`, or a script, '
    "`.check(script)`, as a string or as the path of a `.py` file."
)
PLACE = "<your script>"  # what a traceback says where the script is a string


@dataclass(frozen=True)
class Program:
    """A program in any form, as two calls. What it prints is not shown."""

    train: Callable[[Path, Path], object]
    predict: Callable[[Path, list[Path]], object]
    form: str


def as_program(train: object, predict: object = None) -> Program:
    """The program that was handed in.

    Raises:
        Incorrect: it is in none of the three forms.
    """
    if isinstance(train, str | Path) and predict is None:
        return _script(train)
    if inspect.isclass(train) and predict is None:
        missing = [name for name in ("train", "predict") if not callable(getattr(train, name, None))]
        require(not missing, f"Your class has no method `{'`, `'.join(missing)}`. {HAND_IN}")
        return Program(
            lambda *given: _quietly(train().train, *given), lambda *given: _quietly(train().predict, *given), "a class"
        )
    if callable(train) and callable(predict):
        return Program(
            lambda *given: _quietly(train, *given), lambda *given: _quietly(predict, *given), "two functions"
        )
    given = short(train) if predict is None else f"{short(train)}, {short(predict)}"
    raise Incorrect(f"`{given}` is no program in one of the three forms. {HAND_IN}")


def _quietly(call: Callable, *given: object) -> object:
    with contextlib.redirect_stdout(Printed()), contextlib.redirect_stderr(Printed()):
        return call(*given)


def _script(script: str | Path) -> Program:
    """`train` gives the number in the last line that is printed; `predict` gives the lines."""
    is_path = isinstance(script, Path) or (script.strip().endswith(".py") and "\n" not in script.strip())
    path = Path(script.strip() if isinstance(script, str) else script).resolve() if is_path else None
    require(path is None or path.is_file(), f"There is no script `{path}`. {HAND_IN}")
    require(is_path or script.strip(), f"Your script is empty. {HAND_IN}")

    def train(folder: Path, file: Path) -> object:
        lines = _printed(script, path, "train", folder, file)
        require(lines, "Run as `python program.py train FOLDER FILE`, your script prints nothing: print the accuracy.")
        try:
            return float(lines[-1])
        except ValueError:
            return lines[-1]

    return Program(train, lambda file, photos: _printed(script, path, "predict", file, *photos), "a script")


def _printed(script: str | Path, path: Path | None, *arguments: object) -> list[str]:
    """The lines that a script prints, run as the main program with these arguments; blank ones at the end are left out.

    It runs in this process, and keeps no state from one run to the next but what modules keep.
    """
    out, said = Printed(), Printed()
    given = [str(one) for one in arguments]
    with _as_main(path, given), contextlib.redirect_stdout(out), contextlib.redirect_stderr(said):
        try:
            _run(script, path)
        except SystemExit as end:
            _require_success(end, said.getvalue(), given[0])
    return out.getvalue().rstrip().splitlines()


def _run(script: str | Path, path: Path | None) -> None:
    if path is not None:
        runpy.run_path(str(path), run_name="__main__")
        return
    source = str(script)
    linecache.cache[PLACE] = (len(source), None, source.splitlines(keepends=True), PLACE)  # for a traceback
    exec(compile(source, PLACE, "exec"), vars(sys.modules["__main__"]))


def _require_success(end: SystemExit, said: str, command: str) -> None:
    if end.code in (None, 0):
        return
    last = (said.strip().splitlines() or [""])[-1] if isinstance(end.code, int) else first_line(end)
    raise Incorrect(f"Your script, run with `{command}`, ended with exit code {end.code}. {last}".strip()) from None


@contextlib.contextmanager
def _as_main(path: Path | None, arguments: list[str]) -> Iterator[None]:
    """As Python starts a script: its arguments, its folder first on the path for modules, and an empty `__main__`."""
    main: Any = type(sys)("__main__")
    main.__file__ = str(path or "program.py")
    argv, searched, before = sys.argv, list(sys.path), sys.modules["__main__"]
    sys.argv = [main.__file__, *arguments]
    sys.path.insert(0, str(path.parent if path else Path.cwd()))
    sys.modules["__main__"] = main
    try:
        yield
    finally:
        sys.argv, sys.path[:], sys.modules["__main__"] = argv, searched, before
