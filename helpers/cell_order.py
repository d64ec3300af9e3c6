"""A cell that was run too early: which cell further up makes the name that is missing.

A kernel of the course's environment loads this as it starts (`etc/ipython/ipython_kernel_config.py`). So it also speaks
after a restart, when a learner goes on in the middle and nothing has been imported yet. Where that file is not
installed, `helpers.lessons` loads it. Only the standard library is needed until a name is missing.
"""

from __future__ import annotations

import json
import os
import re
import symtable
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from helpers.errors import CourseError
from helpers.places import lesson_paths

# The share of a lesson's cells that a notebook holds, from which on it is that lesson, whatever its file is called.
IS_THE_LESSON = 0.5

_EXERCISE = re.compile(r'^exercise\("([\d.]+)"\)', re.MULTILINE)
_FENCED = re.compile(r"^```.*?^```", re.MULTILINE | re.DOTALL)
_HEADING = re.compile(r"^#{1,6} +(.+?) *$", re.MULTILINE)


@dataclass(frozen=True)
class Cell:
    """A code cell of a lesson as it was shipped, and the nearest heading above it."""

    id: str
    source: str
    heading: str

    @property
    def begins(self) -> str:
        """Its first line that is no comment."""
        lines = [line for line in self.source.splitlines() if line.strip() and not line.startswith("#")]
        return (lines or [""])[0].strip()

    @property
    def exercise(self) -> str | None:
        """The number of the exercise that it checks."""
        found = _EXERCISE.search(self.source)
        return found.group(1) if found else None

    def makes(self, name: str) -> bool:
        """Whether running the cell gives the notebook `name`: by assigning, defining or importing it."""
        try:
            table = symtable.symtable(self.source, self.id, "exec")
        except SyntaxError:  # a line for IPython alone, such as %timeit
            return False
        return name in table.get_identifiers() and _is_bound(table.lookup(name))


def _is_bound(symbol: symtable.Symbol) -> bool:
    return symbol.is_assigned() or symbol.is_imported()


def load_ipython_extension(shell: Any) -> None:
    """Watch the cells of this IPython for a name that is missing; a second call changes nothing."""
    watching = shell.events.callbacks["post_run_cell"]
    if not any(isinstance(one, _Watch) for one in watching):
        shell.events.register("post_run_cell", _Watch(shell))


class _Watch:
    """What happens after each cell. The traceback is IPython's own, and stands above the advice."""

    def __init__(self, shell: Any):
        self.shell = shell

    def __call__(self, result: Any) -> None:
        if line := self._advice(result):
            from helpers.course.display import show
            from helpers.course.html import GREY, box, inline

            show(line, box(GREY, inline(line), "Cells out of order"))

    def _advice(self, result: Any) -> str | None:
        error = result.error_in_exec
        if not _is_of_the_notebook(error, self.shell.user_ns):
            return None
        file = self.shell.user_ns.get("__vsc_ipynb_file__") or os.environ.get("JPY_SESSION_NAME")
        return advice(error.name, result.info.raw_cell, getattr(result.info, "cell_id", None), file)


def _is_of_the_notebook(error: BaseException | None, names: dict[str, Any]) -> bool:
    """Whether the notebook's own code asked for a name that it does not have: a library's mistake is none of ours."""
    if not isinstance(error, NameError) or isinstance(error, UnboundLocalError) or not error.name:
        return False
    innermost = error.__traceback__
    while innermost and innermost.tb_next:
        innermost = innermost.tb_next
    return innermost is not None and innermost.tb_frame.f_globals is names


def advice(name: str, source: str, cell_id: str | None = None, file: str | os.PathLike | None = None) -> str | None:
    """One line on the cell that has to run first; None where no cell further up in the same lesson makes `name`.

    Args:
        name: what is missing.
        source: the cell that asked for it.
        cell_id: its id, where the front end tells.
        file: the notebook, where the front end tells. One that is no lesson, nor a copy of one, gets no advice.
    """
    lesson = _lesson_of(file, source)
    above = lesson[: _place(lesson, source, cell_id)]
    makers = [cell for cell in above if cell.makes(name)]
    if not makers:
        return None
    where = f'the cell under "{makers[-1].heading}" that begins with `{makers[-1].begins}`'
    return (
        f"`{name}` is made further up, in {where}: run that first. After a restart of the kernel run all cells above "
        "(Run, then Run All Above Selected Cell)."
    )


def _lesson_of(file: str | os.PathLike | None, source: str) -> list[Cell]:
    """The code cells of the lesson at work; none where it is no lesson of the course."""
    lessons = [list(_code_cells(path)) for path in _shipped()]
    here = _ids_in(file)
    if here is None:  # not told, or renamed since the kernel began
        return next((cells for cells in lessons if source.strip() in {cell.source.strip() for cell in cells}), [])
    return next((cells for cells in lessons if len(here & {c.id for c in cells}) >= IS_THE_LESSON * len(cells)), [])


def _shipped() -> list[Path]:
    try:
        return lesson_paths()
    except CourseError:  # `helpers` without its checkout: there is nothing to look into, and the traceback stands
        return []


def _code_cells(path: Path) -> Iterator[Cell]:
    heading = path.stem
    for cell in _cells_in(path) or []:
        text = "".join(cell.get("source", ""))
        if cell.get("cell_type") == "code":
            yield Cell(cell.get("id", ""), text, heading)
        elif found := _HEADING.findall(_FENCED.sub("", text)):
            heading = found[-1]


def _ids_in(file: str | os.PathLike | None) -> set[str] | None:
    """The ids of the notebook's cells; None where there is no such notebook."""
    cells = _cells_in(Path(file)) if file else None
    return None if cells is None else {cell.get("id", "") for cell in cells}


def _cells_in(path: Path) -> list[dict] | None:
    try:
        cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
    except (OSError, ValueError, LookupError, TypeError):
        return None
    return cells if isinstance(cells, list) and all(isinstance(one, dict) for one in cells) else None


def _place(cells: Iterable[Cell], source: str, cell_id: str | None) -> int | None:
    """Which of the cells was run: by its id, by what is in it, or by its exercise; None where it is the learner's."""
    asked = Cell(cell_id or "", source.strip(), "")
    ways = (
        lambda cell: bool(cell_id) and cell.id == cell_id,
        lambda cell: cell.source.strip() == asked.source,
        lambda cell: asked.exercise is not None and cell.exercise == asked.exercise,
    )
    cells = list(cells)
    found = (place for same in ways for place, cell in enumerate(cells) if same(cell))
    return next(found, None)
