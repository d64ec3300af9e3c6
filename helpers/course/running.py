"""Execute lessons without a browser: each in its own kernel, measured, and never stopped by another's failure."""

from __future__ import annotations

import contextlib
import os
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import nbformat
import papermill
import psutil
from nbclient.exceptions import CellTimeoutError, DeadKernelError
from nbformat import NotebookNode
from papermill.clientwrap import PapermillNotebookClient
from papermill.engines import NBClientEngine, papermill_engines
from papermill.exceptions import PapermillExecutionError
from papermill.log import logger as papermill_log
from tqdm import tqdm

from helpers.course.answers import exercise_cells, inject
from helpers.course.lessons import Lesson
from helpers.course.panel import CHECK_MIME
from helpers.course.parameters import parameters_for
from helpers.course.peak_memory import PeakMemory
from helpers.course.run_report import index_page, lesson_page, summary_text
from helpers.course.run_results import Result, Summary
from helpers.course.verdicts import Outcome
from helpers.errors import CourseError, first_line, unknown_name
from helpers.places import atomic_write_text

CELL_TIMEOUT = 1800  # seconds; an order of magnitude above the slowest cell on a slow laptop
_SAMPLE_EVERY = 0.2  # seconds between two looks at the kernel's memory
_START_TIMEOUT = 120  # seconds for a kernel to start; a busy machine takes tens


def reports_in(notebook: NotebookNode) -> list[dict[str, str]]:
    """What each check of an executed notebook said, in their order: `exercise`, `outcome`, `message` and more."""
    return [
        output["data"][CHECK_MIME]
        for cell in notebook.cells
        for output in cell.get("outputs", [])
        if CHECK_MIME in output.get("data", {})
    ]


def checks_in(notebook: NotebookNode) -> dict[str, dict[str, str]]:
    """What each check of an executed notebook said last: `outcome` and `message` by exercise number."""
    reports = reports_in(notebook)
    return {report["exercise"]: {key: report[key] for key in ("outcome", "message")} for report in reports}


def run_lessons(
    lessons: list[Lesson],
    out: Path,
    *,
    answers: Mapping[str, str] | None = None,
    parameters: Mapping[str, Any] | None = None,
    strict: bool = False,
    anew: bool = False,
    jobs: int = 1,
    timeout: int = CELL_TIMEOUT,
    progress: bool = True,
) -> Summary:
    """Execute the lessons and write the notebooks, a page for each, `index.html` and `summary.json` into `out`.

    Args:
        lessons: in the order in which they run; with several jobs those that promise to take longest begin.
        out: made where missing. The lessons' own records (scoreboard, progress) go there too.
        answers: source by exercise number, typed into the exercise cells; none leaves the lessons unsolved.
        parameters: values, or text as typed on a command line; a lesson that lacks one does not get it.
        strict: any check that is not correct fails its lesson.
        anew: trainings that an earlier run has kept are done again.
        jobs: lessons at a time; the cores are then shared out among them.
        timeout: seconds for one cell.
        progress: a bar over all cells on a terminal, else a line a lesson.

    Raises:
        CourseError: before anything runs, for no lessons, unknown parameters or exercises, or an `out`
            that cannot be written to; later, where the disk becomes full. A lesson that fails is told in the summary
            instead.
    """
    if not lessons:
        raise CourseError("there are no lessons to run: name some, or check the notebooks folder")
    if jobs < 1 or timeout <= 0:
        raise CourseError(f"jobs and timeout start at 1, not {jobs} and {timeout}")
    out = _folder(out)
    chosen = parameters_for(lessons, parameters or {})
    notebooks = _with_answers(lessons, answers or {})
    environment = _kernel_environment(out, strict, anew, min(jobs, len(lessons)))
    device = _device_of(parameters or {})
    started = time.perf_counter()
    try:
        with _Progress(notebooks, progress) as shown:
            runs = [
                _Run(lesson, notebooks[lesson.name], chosen[lesson.name], environment, timeout, shown.cell)
                for lesson in lessons
            ]
            results = _all(runs, jobs, lambda run: shown.done(_run_one(run, out)))
        summary = Summary(device.result(), round(time.perf_counter() - started, 1), results)
        atomic_write_text(out / "summary.json", summary_text(summary))
        atomic_write_text(out / "index.html", index_page(summary))
    except OSError as error:
        raise CourseError(
            f"cannot write to {out} ({error.strerror}): free some space, or name another folder; the lessons that were "
            "written before are whole"
        ) from None
    return summary


def _device_of(parameters: Mapping[str, Any]) -> Future[str]:
    """The name of the lessons' device. Meanwhile the lessons begin, since PyTorch takes seconds to load.

    Raises:
        CourseError: there is no such device; before a lesson begins, and never for "auto", which finds one.
    """

    def name() -> str:
        from helpers.training.devices import device_name, pick_device

        return device_name(pick_device(wanted))

    wanted = str(parameters.get("DEVICE", "auto"))
    aside = ThreadPoolExecutor(max_workers=1)
    found = aside.submit(name)
    aside.shutdown(wait=False)  # no more work comes
    if wanted != "auto":
        found.result()
    return found


def _folder(out: Path) -> Path:
    try:
        out.mkdir(parents=True, exist_ok=True)
        atomic_write_text(out / "summary.json", "{}\n")  # an old summary must not pass for this run's
    except OSError as error:
        raise CourseError(f"cannot write to {out} ({error.strerror}): name another folder") from None
    return out.resolve()


def _with_answers(lessons: list[Lesson], answers: Mapping[str, str]) -> dict[str, NotebookNode]:
    """Each lesson's notebook, its share of the answers typed in."""
    notebooks = {lesson.name: lesson.read() for lesson in lessons}
    cells = {name: exercise_cells(notebook) for name, notebook in notebooks.items()}
    known = [number for numbers in cells.values() for number in numbers]
    for number in answers:
        if number not in known:
            raise unknown_name("exercise", number, known)
    for name, notebook in notebooks.items():
        inject(notebook, {number: answers[number] for number in cells[name] if number in answers})
    return notebooks


def _kernel_environment(out: Path, strict: bool, anew: bool, at_once: int) -> dict[str, str]:
    """What the kernels see. The plotting backend is left to ipykernel, which picks the inline one.

    Threads that wait sleep instead of spinning: beside another program on the same cores, training small
    networks was 6 to 10 times slower while they spun.
    """
    ours = {"COURSE_OUTPUT": str(out)}
    if strict:
        ours["COURSE_STRICT"] = "1"
    if anew:
        from helpers.training.remembering import ANEW  # which loads PyTorch

        ours[ANEW] = "1"
    if at_once > 1:
        ours["OMP_NUM_THREADS"] = str(max(1, (os.cpu_count() or 1) // at_once))
    inherited = {name: value for name, value in os.environ.items() if name not in ("MPLBACKEND", "COURSE_STRICT")}
    return {"OMP_WAIT_POLICY": "PASSIVE", **inherited, **ours}


# One lesson ---------------------------------------------------------------------------------------


@dataclass
class _Run:
    """One lesson on its way: what goes in, and what is seen while its kernel works."""

    lesson: Lesson
    notebook: NotebookNode
    parameters: dict[str, Any]
    environment: dict[str, str]
    timeout: int
    told: Callable[[Lesson], None]
    cell: int = 0  # the one that runs now, counted as Jupyter counts: code cells from 1
    peak_bytes: int = 0
    client: PapermillNotebookClient | None = None
    stopped: bool = False  # by Ctrl-C
    finished: threading.Event = field(default_factory=threading.Event)

    @property
    def kernel(self) -> int | None:
        """The kernel's process id, from its launch on."""
        manager = self.client.km if self.client else None
        return manager.provisioner.pid if manager and manager.provisioner else None

    def on_cell(self, cell: NotebookNode) -> None:
        self.cell += cell.cell_type == "code"
        self.told(self.lesson)


class _LessonEngine(NBClientEngine):
    """papermill's engine, with an environment and a working directory of the kernel's own.

    papermill itself changes the working directory and the environment of the whole process, which two
    lessons at a time cannot share.
    """

    @classmethod
    def execute_managed_notebook(cls, nb_man: Any, kernel_name: str, *, run: _Run, **_: Any) -> None:
        run.notebook = nb_man.nb  # the executed cells stay in reach also where the execution raises
        nb_man.nb.metadata.papermill["input_path"] = run.lesson.path.name  # not the whole notebook once more
        run.client = client = PapermillNotebookClient(
            nb_man,
            kernel_name=kernel_name,
            timeout=run.timeout,
            startup_timeout=_START_TIMEOUT,
            # Killed, since Python would take apart what PyTorch has loaded for 1 to 2 s; its cells are done by then,
            # and what it leaves in its folder for temporary files goes with that.
            shutdown_kernel="immediate",
            record_timing=False,
            on_cell_start=lambda cell, cell_index: run.on_cell(cell),
            # ipykernel warns of plain TCP sockets for every kernel, and of its sockets when it is ended in mid-cell.
            extra_arguments=["--log-level=CRITICAL"],
        )
        client.on_notebook_start = lambda notebook: _watch(run)
        client.execute(env=run.environment, cwd=str(run.lesson.path.parent))


papermill_engines.register("course", _LessonEngine)


def _watch(run: _Run) -> None:
    if run.stopped:  # Ctrl-C came before the kernel was launched
        _end(run)
    threading.Thread(target=_sample_memory, args=(run, run.kernel), daemon=True).start()


def _sample_memory(run: _Run, kernel: int) -> None:
    """Keep the highest sum of memory over the kernel and its children."""
    peak = PeakMemory(kernel)
    while not run.finished.is_set():
        peak.look()
        run.peak_bytes = max(run.peak_bytes, peak.bytes)
        run.finished.wait(_SAMPLE_EVERY)


def _run_one(run: _Run, out: Path) -> Result:
    name = run.lesson.name
    started = time.perf_counter()
    with tempfile.TemporaryDirectory(prefix="course-run-", ignore_cleanup_errors=True) as scratch:
        run.environment = run.environment | {"TMPDIR": scratch}
        error, cell = _execute(run)
    seconds = round(time.perf_counter() - started, 1)
    executed = out / f"{name}.ipynb"
    atomic_write_text(executed, nbformat.writes(run.notebook) + "\n")
    atomic_write_text(out / f"{name}.html", lesson_page(run.notebook, name))
    outcomes = [check["outcome"] for check in checks_in(run.notebook).values()]
    checks = {outcome.value: outcomes.count(outcome) for outcome in Outcome}
    status = "failed" if error else "ok"
    return Result(name, status, seconds, round(run.peak_bytes / 1e6, 1), checks, executed, error, cell)


def _execute(run: _Run) -> tuple[str | None, int | None]:
    """Run the notebook; one line and the code cell where it failed."""
    source = run.notebook
    try:
        failure = _try(run, source)
        if failure and run.cell == 0 and not run.stopped:
            # No cell began: the kernel did not start. Its ports are chosen before it binds them, and on a
            # busy machine another program may take one in between. A second start chooses others.
            failure = _try(run, source)
    finally:
        run.finished.set()
    return failure, (run.cell or None) if failure else None


def _try(run: _Run, source: NotebookNode) -> str | None:
    papermill_log.setLevel("CRITICAL")  # what it logs is told in the result
    try:
        papermill.execute_notebook(
            source,
            None,
            parameters=run.parameters,
            engine_name="course",
            kernel_name="python3",
            progress_bar=False,
            request_save_on_cell_execute=False,
            autosave_cell_every=0,
            run=run,
        )
    except PapermillExecutionError as error:
        return f"{error.ename}: {str(error.evalue).strip()}".splitlines()[0].rstrip(": ")
    except CellTimeoutError:
        return f"TimeoutError: a cell took longer than {run.timeout} s"
    except DeadKernelError:
        return "DeadKernelError: the kernel died; was there enough memory?"
    except Exception as error:  # whatever it is, the other lessons still run
        return f"{type(error).__name__}: {first_line(error)}"
    return None


def _all(runs: list[_Run], jobs: int, work: Callable[[_Run], Result]) -> list[Result]:
    """`work` on each, `jobs` at a time; on Ctrl-C or a full disk the kernels end and the rest is not begun.

    The work is in threads also where jobs is 1: nbclient takes Ctrl-C for itself in the main thread, ends
    the one kernel, and the next lesson would start.
    """
    with ThreadPoolExecutor(max_workers=jobs) as pool:
        try:
            begun = {run.lesson: pool.submit(work, run) for run in _longest_first(runs, jobs)}
            waiting = [begun[run.lesson] for run in runs]
            # By halves of a second: a wait without end is not woken where the system hands Ctrl-C to another thread.
            while (looked := wait(waiting, timeout=0.5)).not_done:
                for one in looked.done:
                    one.result()  # where one result cannot be written, the others cannot either
            return [one.result() for one in waiting]
        except (KeyboardInterrupt, OSError):
            pool.shutdown(wait=False, cancel_futures=True)
            for run in runs:
                _end(run)
            raise


def _longest_first(runs: list[_Run], jobs: int) -> list[_Run]:
    """Where several run at a time: a long one that begins last would go on alone."""

    def promised(run: _Run) -> int:
        try:
            return run.lesson.contract().seconds
        except CourseError:  # a lesson may run without one
            return 0

    return sorted(runs, key=promised, reverse=True) if jobs > 1 else runs


def _end(run: _Run) -> None:
    run.stopped = True  # before the look at the kernel: whoever of the two threads comes second sees the other
    launched = run.kernel
    if launched is None or run.finished.is_set():
        return
    with contextlib.suppress(psutil.NoSuchProcess):
        kernel = psutil.Process(launched)
        for one in (*kernel.children(recursive=True), kernel):
            with contextlib.suppress(psutil.NoSuchProcess):
                one.kill()


# What is told meanwhile ---------------------------------------------------------------------------


class _Progress:
    """A bar over the cells of all lessons on a terminal; elsewhere a line when a lesson is done."""

    def __init__(self, notebooks: Mapping[str, NotebookNode], shown: bool):
        self._cells = {name: len(notebook.cells) for name, notebook in notebooks.items()}
        self._seen = dict.fromkeys(notebooks, 0)
        self._shown = shown
        self._lock = threading.Lock()
        off = not (shown and sys.stderr.isatty())
        self._bar = tqdm(total=sum(self._cells.values()), unit="cell", disable=off, dynamic_ncols=True)

    def __enter__(self) -> _Progress:
        return self

    def __exit__(self, *_: object) -> None:
        self._bar.close()

    def cell(self, lesson: Lesson) -> None:
        """A cell of this lesson starts, so the one before it is done."""
        with self._lock:
            self._bar.set_description(lesson.name)
            step = 1 if 0 < self._seen[lesson.name] < self._cells[lesson.name] else 0
            self._seen[lesson.name] += 1
            self._bar.update(step)

    def done(self, result: Result) -> Result:
        with self._lock:
            self._bar.update(
                self._cells[result.name] - max(0, min(self._seen[result.name], self._cells[result.name]) - 1)
            )
            if self._shown:
                self._bar.write(_line(result), file=sys.stdout)
                sys.stdout.flush()
        return result


def _line(result: Result) -> str:
    checks = ", ".join(f"{count} {outcome.replace('_', ' ')}" for outcome, count in result.checks.items() if count)
    failure = f" In [{result.cell}] {result.error}" if result.error else ""
    measured = f"{result.seconds:.1f} s, {result.peak_mb:,.0f} MB"
    return f"{result.name}: {result.status}, {measured}, {checks or 'no checks'}.{failure}"
