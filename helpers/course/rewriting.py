"""Notebooks as they are committed: executed, and with nothing in them that changes from run to run by itself."""

from __future__ import annotations

import json
import math
import re
import tempfile
from dataclasses import asdict, replace
from pathlib import Path

import nbformat
from nbformat import NotebookNode

from helpers.course.display import WIDGET_MIME
from helpers.course.lessons import Contract, Lesson
from helpers.course.run_results import Result
from helpers.course.running import run_lessons
from helpers.errors import CourseError
from helpers.places import atomic_write_text

MOST_BYTES = 1_000_000

_KERNEL = {"display_name": "Python 3 (ipykernel)", "language": "python", "name": "python3"}
_LANGUAGE = {
    "file_extension": ".py",
    "mimetype": "text/x-python",
    "name": "python",
    "nbconvert_exporter": "python",
    "pygments_lexer": "ipython3",
}
# What tools leave in a cell's metadata, and no reader needs.
_TRACES = ("execution", "papermill", "ExecuteTime", "collapsed", "scrolled", "trusted", "widgets")


def rewrite(lessons: list[Lesson], *, jobs: int = 1, progress: bool = True) -> list[Path]:
    """Execute the lessons unsolved and write them back normalised; all of them, or none.

    Scoreboard and progress start empty, so that the maintainer's own record does not get into the outputs. All
    trainings are done anew: the seconds in a lesson are those of its first run. What a lesson promises is renewed where
    it no longer fits; with several jobs its seconds are not, for then it has no machine to itself.

    Raises:
        CourseError: a lesson failed, or would be larger than `MOST_BYTES`. Nothing is written then.
    """
    ids = {lesson.name: _ids(lesson) for lesson in lessons}
    with tempfile.TemporaryDirectory(prefix="course-notebooks-") as folder:
        summary = run_lessons(lessons, Path(folder), anew=True, jobs=jobs, progress=progress)
        if summary.failed:
            told = "; ".join(f"{one.name}, In [{one.cell}]: {one.error}" for one in summary.failed)
            raise CourseError(f"nothing is written back, mend this first: {told}")
        texts = {}
        for lesson, result in zip(lessons, summary.results, strict=True):
            executed = nbformat.read(result.notebook, as_version=4)
            for cell, name in zip(executed.cells, ids[lesson.name], strict=True):
                cell.id = name
            texts[lesson.path] = _text_with_promise(executed, lesson, result, alone=jobs == 1)
    for path, text in texts.items():
        atomic_write_text(path, text)
    return list(texts)


# A promise stays while it is kept, and is at most the first times what was measured. A new one has room for the second
# (another machine, other work beside), in steps of so many seconds and MB.
_MOST_ROOM, _NEW_ROOM = 5.0, 1.5
_STEP_SECONDS, _STEP_MB = 15, 500


def renewed(promised: Contract, result: Result, *, alone: bool = True) -> Contract:
    """What a lesson promises after it has taken the seconds and the memory of `result`."""
    seconds = _fitting(promised.seconds, result.seconds, _STEP_SECONDS) if alone else promised.seconds
    return replace(promised, seconds=seconds, peak_mb=_fitting(promised.peak_mb, result.peak_mb, _STEP_MB))


def _fitting(promised: int, measured: float, step: int) -> int:
    if measured <= promised <= max(step, _MOST_ROOM * measured):
        return promised
    return max(1, math.ceil(_NEW_ROOM * measured / step)) * step


def _text_with_promise(notebook: NotebookNode, lesson: Lesson, result: Result, *, alone: bool) -> str:
    """The file's text, the promise renewed in its metadata and where it is shown."""
    if "contract" not in notebook.metadata.get("course", {}):
        return text_of(normalised(notebook), lesson.name)
    promised = lesson.contract()
    new = renewed(promised, result, alone=alone)
    notebook.metadata.course["contract"] = asdict(new)
    return text_of(normalised(notebook), lesson.name).replace(str(promised), str(new))


def normalise(lessons: list[Lesson]) -> list[Path]:
    """Write the lessons back normalised with the outputs that they have; only those that change.

    Raises:
        CourseError: a lesson was not run from the top down, or would be larger than `MOST_BYTES`. Nothing is written
            then.
    """
    texts = {}
    for lesson in lessons:
        notebook = lesson.read()
        _require_run_in_order(notebook, lesson.name)
        text = text_of(normalised(notebook), lesson.name)
        if text != lesson.path.read_text(encoding="utf-8"):
            texts[lesson.path] = text
    for path, text in texts.items():
        atomic_write_text(path, text)
    return list(texts)


def _require_run_in_order(notebook: NotebookNode, name: str) -> None:
    """Counts from 1 would hide it where a cell was left out or run after those beneath it."""
    last = 0
    for cell in notebook.cells:
        if cell.cell_type == "code" and cell.source.strip():
            if (cell.execution_count or 0) <= last:
                raise CourseError(f"cell {cell.id} of {name} was not run in its turn: restart the kernel and run all")
            last = cell.execution_count


def text_of(notebook: NotebookNode, name: str = "the notebook") -> str:
    """The notebook as its file's text.

    Raises:
        CourseError: more than `MOST_BYTES`; the largest outputs are named.
    """
    text = nbformat.writes(notebook).rstrip("\n") + "\n"
    size = len(text.encode())
    if size > MOST_BYTES:
        raise CourseError(
            f"{name} has {size / 1e6:.2f} MB, and {MOST_BYTES / 1e6:g} MB is the most: "
            f"make these outputs smaller: {_largest(notebook)}"
        )
    return text


def _largest(notebook: NotebookNode) -> str:
    sizes = {
        cell.id: len(json.dumps(cell.outputs))
        for cell in notebook.cells
        if cell.cell_type == "code" and cell.get("outputs")
    }
    three = sorted(sizes, key=sizes.__getitem__, reverse=True)[:3]
    return ", ".join(f"cell {name} ({sizes[name] / 1e3:,.0f} kB)" for name in three)


def normalised(notebook: NotebookNode) -> NotebookNode:
    """A copy without times, widget state, stderr and the traces of tools; counts go from 1.

    Raises:
        CourseError: an output is an error.
    """
    clean = nbformat.from_dict(json.loads(json.dumps(notebook)))
    clean.metadata = NotebookNode(kernelspec=NotebookNode(_KERNEL), language_info=NotebookNode(_LANGUAGE))
    if "course" in notebook.metadata:
        clean.metadata.course = notebook.metadata.course
    clean.nbformat, clean.nbformat_minor = 4, 5
    for cell in clean.cells:
        _forget_traces(cell)
    executed = [cell for cell in clean.cells if cell.cell_type == "code" and cell.source.strip()]
    for count, cell in enumerate(executed, 1):
        _clean_outputs(cell, count)
    return clean


def _forget_traces(cell: NotebookNode) -> None:
    for trace in _TRACES:
        cell.metadata.pop(trace, None)
    if not cell.metadata.get("tags", True):
        del cell.metadata["tags"]


def _clean_outputs(cell: NotebookNode, count: int) -> None:
    cell.execution_count = count
    kept: list[NotebookNode] = []
    for output in cell.outputs:
        if output.output_type == "error":
            raise CourseError(f"cell {cell.id} ends in {output.ename}: mend it before the notebook is written back")
        if output.get("name") == "stderr" or WIDGET_MIME in output.get("data", {}):
            continue
        if kept and output.output_type == kept[-1].output_type == "stream":
            kept[-1].text += output.text
            continue
        for trace in _TRACES:
            output.get("metadata", {}).pop(trace, None)
        if "execution_count" in output:
            output.execution_count = count
        kept.append(output)
    cell.outputs = kept


def _ids(lesson: Lesson) -> list[str]:
    """Each cell's id; where it has none, one that says which cell it is.

    Read from the raw file: nbformat would put random ids in, and new ones each time.
    """
    cells = json.loads(lesson.path.read_text(encoding="utf-8"))["cells"]
    taken = {cell["id"] for cell in cells if cell.get("id")}
    ids = []
    heading = "start"
    for cell in cells:
        source = "".join(cell["source"])
        heading = _slug(source) or heading if cell["cell_type"] == "markdown" else heading
        ids.append(cell.get("id") or _new_id(cell, heading, taken))
    return ids


def _new_id(cell: dict, heading: str, taken: set[str]) -> str:
    metadata = cell.get("metadata", {})
    special = [tag for tag in ("parameters", "imports") if tag in metadata.get("tags", [])]
    if "exercise" in metadata:
        special = [f"exercise-{str(metadata['exercise']).replace('.', '-')}"]
    wanted = special[0] if special else heading if cell["cell_type"] == "markdown" else f"{heading}-code"
    name, again = wanted, 1
    while name in taken:
        again += 1
        name = f"{wanted}-{again}"
    taken.add(name)
    return name


def _slug(source: str) -> str:
    """The first heading in lower case, with hyphens: "## Common mistake" is common-mistake."""
    found = re.search(r"^#{1,6}\s+(.+)$", source, flags=re.MULTILINE)
    return re.sub(r"[^a-z0-9]+", "-", found.group(1).lower())[:48].strip("-") if found else ""
