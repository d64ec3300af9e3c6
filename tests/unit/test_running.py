"""Running lessons: every way to fail, what is measured, and what is written. The notebooks are tiny."""

from __future__ import annotations

import contextlib
import html.parser
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import nbformat
import psutil
import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output
from papermill.exceptions import PapermillExecutionError

from helpers import cli
from helpers.course import rewriting, running
from helpers.course.answers import divided, exercise_cells, inject
from helpers.course.lessons import Contract, Lesson
from helpers.course.parameters import default_parameters, parameters_for
from helpers.course.rewriting import normalised, rewrite, text_of
from helpers.course.run_results import Result
from helpers.course.running import checks_in, run_lessons
from helpers.errors import CourseError

FIXTURES = Path(__file__).resolve().parents[1] / "notebooks" / "fixtures"
REPOSITORY = Path(__file__).resolve().parents[2]


def lesson(number: str) -> Lesson:
    return Lesson(next(FIXTURES.glob(f"{number}_*.ipynb")))


def stdout_of(path: Path) -> str:
    cells = nbformat.read(path, as_version=4).cells
    return "".join(out.text for cell in cells for out in cell.get("outputs", []) if out.get("name") == "stdout")


# Answers ------------------------------------------------------------------------------------------


def test_exercise_cells_in_order():
    assert list(exercise_cells(lesson("90").read())) == ["90.1", "90.2"]


def test_answer_takes_the_place_of_the_stub():
    notebook = lesson("90").read()
    inject(notebook, {"90.2": "\nanswer = 3\n"})
    cells = exercise_cells(notebook)
    assert cells["90.2"].source == 'answer = 3\n\n\nexercise("90.2").check(answer)'
    assert "..." in cells["90.1"].source


def test_unknown_exercise_changes_nothing():
    notebook = lesson("90").read()
    before = nbformat.writes(notebook)
    with pytest.raises(CourseError, match=r"unknown exercise '90\.9'.*90\.1, 90\.2"):
        inject(notebook, {"90.1": "x = 1", "90.9": "x = 1"})
    assert nbformat.writes(notebook) == before


def test_malformed_exercise_cells_are_told():
    cell = new_code_cell("x = 1", metadata={"tags": ["exercise"], "exercise": "1.1"})
    with pytest.raises(CourseError, match=r'no line that starts with exercise\("1.1"\)'):
        divided(cell)
    with pytest.raises(CourseError, match="no line"):
        divided(new_code_cell('if x:\n    exercise("1.1").check(x)', metadata=cell.metadata))
    with pytest.raises(CourseError, match="two cells"):
        exercise_cells(new_notebook(cells=[cell, new_code_cell("x = 2", metadata=cell.metadata)]))
    with pytest.raises(CourseError, match="number in metadata"):
        exercise_cells(new_notebook(cells=[new_code_cell("x", metadata={"tags": ["exercise"]})]))


# Parameters ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "text", "value"),
    [
        ("SEED", "7", 7),
        ("SEED", "-1", -1),
        ("RATE", "1", 1.0),
        ("RATE", "1e-3", 1e-3),
        ("FAST", "True", True),
        ("BACKBONE", "resnet50", "resnet50"),
        ("BACKBONE", "'resnet50'", "resnet50"),
        ("BACKBONE", "50", "50"),
        ("DATASET", "Painted Flowers", "Painted Flowers"),
        ("SEED", 3, 3),
    ],
)
def test_text_is_read_as_the_default_asks(name, text, value):
    given = parameters_for([lesson("90")], {name: text})["90_fine"]
    assert given == {name: value} and type(given[name]) is type(value)


@pytest.mark.parametrize(
    ("name", "text", "kind"),
    [
        ("SEED", "1.5", "a whole number"),
        ("SEED", "many", "a whole number"),
        ("SEED", "True", "a whole number"),
        ("RATE", "fast", "a number"),
        ("FAST", "1", "True or False"),
        ("BACKBONE", 5, "a text"),
    ],
)
def test_value_of_another_type_is_told_in_one_line(name, text, kind):
    with pytest.raises(CourseError, match=f"{name} is {kind} in 90_fine") as told:
        parameters_for([lesson("90")], {name: text})
    assert "\n" not in str(told.value)


def test_unknown_parameter_names_the_known_ones():
    with pytest.raises(CourseError, match=r"unknown parameter 'SEEDS'.*BACKBONE, .*SEED"):
        parameters_for([lesson("90"), lesson("91")], {"SEEDS": "1"})


def test_lesson_without_a_parameter_does_not_get_it():
    given = parameters_for([lesson("90"), lesson("91"), lesson("94")], {"RATE": "2", "SEED": "1"})
    assert given == {"90_fine": {"RATE": 2.0, "SEED": 1}, "91_raises": {"SEED": 1}, "94_no_parameters": {}}


def test_folder_is_taken_from_where_the_command_was_typed(tmp_path, monkeypatch):
    (tmp_path / "photos" / "ants").mkdir(parents=True)
    monkeypatch.chdir(tmp_path / "photos")

    def dataset(text):
        return parameters_for([lesson("90")], {"DATASET": text})["90_fine"]["DATASET"]

    assert dataset("ants") == dataset("./ants") == dataset("../photos/ants") == str(tmp_path / "photos" / "ants")
    assert dataset("../nowhere") == str(tmp_path / "nowhere")  # the error then names the folder that was meant
    assert dataset("digitz") == "digitz"  # left to the error that knows the nearest name
    (tmp_path / "photos" / "digits").mkdir()
    assert dataset("digits") == "digits"


@pytest.mark.parametrize("source", ["A = 1 + x", "A = []\nA.append(1)", "import os", "A, B = 1, 2"])
def test_parameters_cell_holds_literals_only(source):
    notebook = new_notebook(cells=[new_code_cell(source, metadata={"tags": ["parameters"]})])
    with pytest.raises(CourseError, match="does more than NAME = literal"):
        default_parameters(notebook)


# Running ------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def executed(tmp_path_factory):
    """All the failures and two lessons that work, two at a time: one run for the tests below."""
    out = tmp_path_factory.mktemp("run")
    import torchvision  # noqa: F401  loading it sets a variable of torch's own, and is not what is looked at here

    before = Path.cwd(), dict(os.environ)
    summary = run_lessons(
        [lesson(number) for number in ("90", "91", "93", "94")],
        out,
        answers={"90.1": "def double(x):\n    return 3 * x"},
        parameters={"SEED": "7"},
        jobs=2,
        progress=False,
    )
    assert (Path.cwd(), dict(os.environ)) == before
    return summary, out


def test_one_failure_leaves_the_others(executed):
    summary, _ = executed
    assert [(one.name, one.status) for one in summary.results] == [
        ("90_fine", "ok"),
        ("91_raises", "failed"),
        ("93_kills_its_kernel", "failed"),
        ("94_no_parameters", "ok"),
    ]


def test_failures_are_told_in_one_line_with_their_cell(executed):
    summary, _ = executed
    assert summary["91"].error.startswith("JSONDecodeError: Expecting") and summary["91"].cell == 4
    assert summary["93"].error.startswith("DeadKernelError")
    assert all("\n" not in one.error for one in summary.failed)


def test_summary_is_as_the_interface_says(executed):
    _, out = executed
    written = json.loads((out / "summary.json").read_text())
    assert set(written) == {"device", "total_seconds", "notebooks"}
    assert written["device"] and written["total_seconds"] > 0
    fine, raises, *_ = written["notebooks"]
    assert set(fine) == {"name", "status", "seconds", "peak_mb", "checks"}
    assert fine["checks"] == {"correct": 0, "incorrect": 1, "not_attempted": 1, "error": 0}
    assert set(raises) - set(fine) == {"error", "cell"}


def test_executed_notebook_holds_parameters_reasons_and_the_failed_cell(executed):
    _, out = executed
    shown = stdout_of(out / "90_fine.ipynb")
    assert "SEED=7" in shown and "RATE=0.1" in shown
    assert "fixtures" in shown  # the kernel works in the notebook's folder
    checks = checks_in(nbformat.read(out / "90_fine.ipynb", as_version=4))
    assert checks["90.1"] == {"outcome": "incorrect", "message": "double(4) gave 12, and twice 4 is 8."}
    assert checks["90.2"]["outcome"] == "not_attempted"
    assert "metadata" not in json.loads((out / "90_fine.ipynb").read_text())["metadata"]["papermill"]["input_path"]
    assert stdout_of(out / "91_raises.ipynb") == "before 7\n"
    assert "JSONDecodeError" in (out / "91_raises.ipynb").read_text()
    assert (out / "93_kills_its_kernel.ipynb").exists()


def test_lessons_write_their_records_into_the_output_folder(executed):
    _, out = executed
    assert (out / "made_by_94.txt").read_text() == "here"
    assert json.loads((out / "progress.json").read_text())["90.1"]["attempts"] == 1
    assert not list(out.glob("*.tmp")) and not list(out.glob(".*.tmp"))


def test_temporary_files_go_with_the_lesson_that_left_them(executed):
    """Its kernel is killed, so nobody else would take them away."""
    _, out = executed
    left = Path((out / "left_by_94.txt").read_text())
    assert left.parent.name.startswith("course-run-") and not left.parent.exists()


def test_peak_memory_sees_what_a_cell_held_for_a_moment(executed):
    summary, _ = executed
    assert 310 < summary["94"].peak_mb < 900  # 300 MB and the kernel itself


class _Page(html.parser.HTMLParser):
    def __init__(self, text: str):
        super().__init__()
        self.links: list[str] = []
        self.pictures: list[dict] = []
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        if tag == "a":
            self.links.append(dict(attrs).get("href", ""))
        if tag == "img":
            self.pictures.append(dict(attrs))


def test_index_leads_to_every_lesson_and_tells_the_failures(executed):
    summary, out = executed
    text = (out / "index.html").read_text()
    page = _Page(text)
    assert [link for link in page.links if link.endswith(".html")] == sorted(one.name for one in out.glob("9*.html"))
    assert all((out / link).exists() for link in page.links)
    assert '<html lang="en">' in text and '<th scope="col">Status</th>' in text and "2 of 4 lessons failed" in text
    assert "JSONDecodeError" in text, summary.failed


def test_lesson_page_needs_no_other_file_and_keeps_alternative_texts(executed):
    _, out = executed
    text = (out / "90_fine.html").read_text()
    (picture,) = _Page(text).pictures
    assert picture["alt"] == "one <grey> pixel" and picture["src"].startswith("data:image/png;base64,")
    assert "cdnjs" not in text.split("<body")[0].replace("mermaid", "")[:4000]


def test_kernel_that_did_not_start_gets_a_second_try(tmp_path, monkeypatch):
    tries = []
    real = running._watch

    def watch(run):
        tries.append(run.kernel)
        if len(tries) == 1:
            raise RuntimeError("Kernel died before replying to kernel_info")
        real(run)

    monkeypatch.setattr(running, "_watch", watch)
    assert run_lessons([lesson("94")], tmp_path, progress=False)["94"].status == "ok"
    assert len(set(tries)) == 2


def test_kernel_that_never_starts_is_told(tmp_path, monkeypatch):
    def watch(run):
        raise RuntimeError("Kernel died before replying to kernel_info")

    monkeypatch.setattr(running, "_watch", watch)
    result = run_lessons([lesson("94")], tmp_path, progress=False)["94"]
    assert (result.status, result.cell) == ("failed", None)
    assert result.error == "RuntimeError: Kernel died before replying to kernel_info"


def test_a_message_that_begins_with_a_line_break_is_told(tmp_path, monkeypatch):
    def watch(run):
        raise PapermillExecutionError(2, 2, "", "ValueError", "\n$x^$\n  ^\nExpected end of text", [])

    monkeypatch.setattr(running, "_watch", watch)
    assert run_lessons([lesson("94")], tmp_path, progress=False)["94"].error == "ValueError: $x^$"


def test_timeout_is_told(tmp_path):
    started = time.perf_counter()
    summary = run_lessons([lesson("92")], tmp_path, timeout=2, progress=False)
    assert summary["92"].error == "TimeoutError: a cell took longer than 2 s" and summary["92"].cell == 2
    assert time.perf_counter() - started < 60


def test_strict_fails_what_is_not_solved(tmp_path):
    half = {"90.1": "def double(x):\n    return x + x"}
    summary = run_lessons([lesson("90")], tmp_path, answers=half, strict=True, progress=False)
    assert summary["90"].status == "failed" and "NotSolved: exercise 90.2 is not_attempted" in summary["90"].error
    assert summary["90"].checks == {"correct": 1, "incorrect": 0, "not_attempted": 1, "error": 0}


def test_bad_input_is_told_before_anything_runs(tmp_path):
    def refused(match, lessons=None, **how):
        with pytest.raises(CourseError, match=match):
            run_lessons([lesson("90")] if lessons is None else lessons, tmp_path / "out", progress=False, **how)

    refused("no lessons to run", [])
    refused("unknown parameter", parameters={"NOPE": "1"})
    refused("unknown exercise '1.1'", answers={"1.1": "x"})
    refused("no device", parameters={"DEVICE": "abacus"})
    refused("start at 1", jobs=0)
    (tmp_path / "90_cut.ipynb").write_text('{"cells": [')
    refused("90_cut.ipynb is no notebook", [Lesson(tmp_path / "90_cut.ipynb")])
    (tmp_path / "file").write_text("")
    with pytest.raises(CourseError, match="cannot write to"):
        run_lessons([lesson("90")], tmp_path / "file" / "out", progress=False)


def test_a_line_a_lesson_where_there_is_no_terminal(tmp_path, capsys):
    run_lessons([lesson("91")], tmp_path)
    shown = capsys.readouterr()
    assert shown.out.startswith("91_raises: failed, ") and "In [3] JSONDecodeError" in shown.out
    assert shown.err == ""


@pytest.mark.parametrize("when", ["while the kernel starts", "while a cell runs"])
def test_ctrl_c_ends_the_kernels_and_the_rest(tmp_path, when):
    code = (
        "import signal, sys\nfrom pathlib import Path\n"
        "signal.signal(signal.SIGINT, signal.default_int_handler)\n"  # a shell's background job ignores it
        "from helpers.course.lessons import Lesson\nfrom helpers.course.running import run_lessons\n"
        "run_lessons([Lesson(Path(p)) for p in sys.argv[2:]], Path(sys.argv[1]), progress=False)"
    )
    slow, never = str(lesson("92").path), str(lesson("94").path)
    process = subprocess.Popen([sys.executable, "-c", code, str(tmp_path), slow, never], stderr=subprocess.PIPE)
    try:
        kernel = _wait_for_kernel(process.pid)
        if when == "while a cell runs":
            _wait_for((tmp_path / "begun_by_92.txt").exists, "no cell has begun")
        process.send_signal(signal.SIGINT)
        process.wait(timeout=60)
    finally:
        process.kill()
        process.stderr.close()
    assert process.returncode != 0 and not kernel.is_running()
    assert not (tmp_path / "made_by_94.txt").exists()


def test_ctrl_c_is_noticed_also_where_the_system_hands_it_to_a_worker():
    code = (
        "import contextlib, signal, threading, time\nfrom helpers.course import running\n"
        "signal.signal(signal.SIGINT, signal.default_int_handler)\n"
        "def work(run):\n"
        "    time.sleep(1)\n"  # the main thread waits by then
        "    signal.pthread_kill(threading.get_ident(), signal.SIGINT)\n"
        "    print('noticed' if run.finished.wait(40) else 'lost')\n"
        "run = running._Run(None, None, {}, {}, 1, None)\n"
        "running._end = lambda run: run.finished.set()\n"
        "with contextlib.suppress(KeyboardInterrupt):\n"
        "    running._all([run], 1, work)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=120)
    assert done.stdout == "noticed\n", done.stderr


def _wait_for_kernel(parent: int) -> psutil.Process:
    kernels = _wait_for(
        lambda: [one for one in psutil.Process(parent).children() if _is_kernel(one)], "no kernel was started"
    )
    return kernels[0]


def _wait_for(look: Callable[[], Any], missing: str) -> Any:
    """What `look` finds, within half a minute."""
    for _ in range(300):
        if found := look():
            return found
        time.sleep(0.1)
    raise AssertionError(missing)


def _is_kernel(process: psutil.Process) -> bool:
    with contextlib.suppress(psutil.Error):  # it has just ended
        return "ipykernel_launcher" in " ".join(process.cmdline())
    return False


# Writing back -------------------------------------------------------------------------------------


@pytest.fixture
def copied(tmp_path):
    """A fixture lesson that may be rewritten."""

    def copy(number: str) -> Lesson:
        return Lesson(Path(shutil.copy(lesson(number).path, tmp_path)))

    return copy


def test_rewritten_lesson_is_executed_quiet_and_stable(copied, tmp_path, monkeypatch):
    monkeypatch.setenv("COURSE_OUTPUT", str(tmp_path / "mine"))
    mine = copied("90")
    ids = [cell.id for cell in mine.read().cells]
    rewrite([mine], progress=False)
    first = mine.path.read_text()
    notebook = mine.read()
    assert [cell.id for cell in notebook.cells] == ids
    assert [c.execution_count for c in notebook.cells if c.cell_type == "code"] == list(range(1, 7))
    shown = notebook.cells[3].outputs
    assert [out.name for out in shown] == ["stdout"] and shown[0].text.endswith("after the noise\n")
    assert set(notebook.metadata) == {"kernelspec", "language_info", "course"}
    assert "version" not in json.dumps(notebook.metadata.language_info)
    assert "papermill" not in first and "iopub" not in first and 'noise\\n"' in first
    assert not (tmp_path / "mine").exists()
    assert text_of(normalised(notebook)) == first


def test_rewriting_again_changes_nothing(copied):
    mine = copied("94")
    rewrite([mine], progress=False)
    first = mine.path.read_bytes()
    rewrite([mine], progress=False)
    assert mine.path.read_bytes() == first


def test_a_lesson_that_was_run_by_hand_is_cleaned_and_not_run(copied, monkeypatch):
    """Counts of a kernel that has run other things before go from 1; outputs stay."""
    mine = copied("94")
    rewrite([mine], progress=False)
    clean = mine.path.read_bytes()
    monkeypatch.setattr(rewriting, "run_lessons", lambda *_, **__: pytest.fail("nothing is to be run"))
    assert rewriting.normalise([mine]) == []
    notebook = mine.read()
    for count, cell in enumerate((one for one in notebook.cells if one.cell_type == "code"), 40):
        cell.execution_count, cell.metadata["scrolled"] = 2 * count, True
    nbformat.write(notebook, mine.path)
    assert rewriting.normalise([mine]) == [mine.path]
    assert mine.path.read_bytes() == clean


@pytest.mark.parametrize("count", [None, 1])
def test_a_lesson_that_was_not_run_in_order_is_not_cleaned(copied, count):
    good, bad = copied("94"), copied("90")
    for lesson in (good, bad):
        notebook = lesson.read()
        for nth, cell in enumerate((one for one in notebook.cells if one.cell_type == "code"), 2):
            cell.execution_count = nth
        if lesson is bad:
            [one for one in notebook.cells if one.cell_type == "code"][-1].execution_count = count
        nbformat.write(notebook, lesson.path)
    before = good.path.read_bytes()
    with pytest.raises(CourseError, match=r"of 90_fine was not run in its turn: restart the kernel and run all"):
        rewriting.normalise([good, bad])
    assert good.path.read_bytes() == before


def test_failing_lesson_writes_nothing_back(copied):
    good, bad = copied("94"), copied("91")
    before = good.path.read_bytes(), bad.path.read_bytes()
    with pytest.raises(CourseError, match=r"nothing is written back.*91_raises.*JSONDecodeError"):
        rewrite([good, bad], progress=False)
    assert (good.path.read_bytes(), bad.path.read_bytes()) == before


def took(seconds: float, peak_mb: float) -> Result:
    return Result("94_no_parameters", "ok", seconds, peak_mb, {}, Path("none.ipynb"))


@pytest.mark.parametrize(
    ("promised", "measured", "new"),
    [
        ((90, 4000), (62, 3100), (90, 4000)),
        ((90, 4000), (89, 3900), (90, 4000)),  # a slow moment, and still kept
        ((90, 4000), (91, 4100), (150, 6500)),
        ((90, 4000), (17, 700), (30, 1500)),  # far too much
        ((15, 500), (0.2, 90), (15, 500)),
        ((30, 500), (0.2, 90), (15, 500)),
    ],
)
def test_a_promise_is_renewed_where_it_does_not_fit(promised, measured, new):
    found = rewriting.renewed(Contract(*promised, 7), took(*measured))
    assert found == Contract(*new, 7)
    assert rewriting.renewed(found, took(*measured)) == found
    assert rewriting.renewed(Contract(*promised, 7), took(*measured), alone=False).seconds == promised[0]


def test_a_renewed_promise_is_also_the_one_that_is_shown(copied):
    mine = copied("94")
    notebook = mine.read()
    old = Contract(3000, 100, 0)
    notebook.metadata["course"] = {"contract": vars(old)}
    notebook.cells.append(new_code_cell(f'print("This lesson takes {old}.")', id="told"))
    nbformat.write(notebook, mine.path)
    rewrite([mine], progress=False)
    new = mine.contract()
    assert new.seconds == 15 and 500 <= new.peak_mb <= 1500
    assert mine.read().cells[-1].outputs[0].text == f"This lesson takes {new}.\n"


def test_normalised_drops_what_changes_by_itself():
    cell = new_code_cell(
        "x",
        id="a",
        metadata={"execution": {"t": "1"}, "papermill": {}, "tags": [], "exercise": "1.1"},
        outputs=[
            new_output("stream", name="stdout", text="a\n"),
            new_output("stream", name="stderr", text="warned\n"),
            new_output("stream", name="stdout", text="b\n"),
            new_output("display_data", data={rewriting.WIDGET_MIME: {"model_id": "1"}, "text/plain": "bar"}),
            new_output("execute_result", data={"text/plain": "1"}, execution_count=9),
            new_output("display_data", data={"image/png": "aGk="}, metadata={"image/png": {"alt": "seen"}}),
        ],
        execution_count=9,
    )
    notebook = new_notebook(cells=[new_markdown_cell("# A", id="b"), cell], metadata={"widgets": {}, "papermill": {}})
    before = nbformat.writes(notebook)
    clean = normalised(notebook)
    assert nbformat.writes(notebook) == before
    text, value, picture = clean.cells[1].outputs
    assert text.text == "a\nb\n" and value.execution_count == clean.cells[1].execution_count == 1
    assert picture.metadata["image/png"].alt == "seen"
    assert clean.cells[1].metadata == {"exercise": "1.1"}
    assert set(clean.metadata) == {"kernelspec", "language_info"}
    assert normalised(clean) == clean


def test_error_output_is_refused():
    output = new_output("error", ename="ValueError", evalue="no", traceback=[])
    with pytest.raises(CourseError, match="cell bad ends in ValueError"):
        normalised(new_notebook(cells=[new_code_cell("x", id="bad", outputs=[output])]))


def test_notebook_that_is_too_large_names_its_largest_outputs():
    cells = [
        new_code_cell("x", id=f"cell-{size}", outputs=[new_output("stream", text="x" * size)])
        for size in (10, 900_000, 200_000)
    ]
    with pytest.raises(
        CourseError, match=r"1\.10 MB, and 1 MB is the most.*cell cell-900000 \(900 kB\), cell cell-2000"
    ):
        text_of(new_notebook(cells=cells), "90_large")


def test_missing_ids_are_readable_and_the_same_each_time(tmp_path):
    path = tmp_path / "90_old.ipynb"
    cells = [
        {"cell_type": "markdown", "metadata": {}, "source": ["# 90 Old ways\n", "Text"]},
        {"cell_type": "code", "metadata": {"tags": ["parameters"]}, "source": "SEED = 0"},
        {"cell_type": "code", "metadata": {}, "source": "1"},
        {"cell_type": "code", "metadata": {}, "source": "2"},
        {"cell_type": "code", "metadata": {}, "source": "3", "id": "90-old-ways-code-3"},
        {"cell_type": "code", "metadata": {"exercise": "90.1"}, "source": "4"},
    ]
    for cell in cells:
        if cell["cell_type"] == "code":
            cell |= {"outputs": [], "execution_count": None}
    path.write_text(json.dumps({"cells": cells, "metadata": {}, "nbformat": 4, "nbformat_minor": 4}))
    rewrite([Lesson(path)], progress=False)
    assert [cell.id for cell in Lesson(path).read().cells] == [
        "90-old-ways",
        "parameters",
        "90-old-ways-code",
        "90-old-ways-code-2",
        "90-old-ways-code-3",
        "exercise-90-1",
    ]
    nbformat.validate(nbformat.read(path, as_version=4))


# The command line ---------------------------------------------------------------------------------


@pytest.fixture
def course(tmp_path, monkeypatch):
    """A course of fixture lessons."""
    (tmp_path / "notebooks").mkdir()
    for number in ("90", "91", "94"):
        shutil.copy(lesson(number).path, tmp_path / "notebooks")
    monkeypatch.setenv("COURSE_HOME", str(tmp_path))
    return tmp_path


def test_run_writes_to_build_run_and_fails_where_a_lesson_failed(course, capsys):
    assert cli.main(["run", "--lessons", "91", "94"]) == 1
    assert {one["name"] for one in json.loads((course / "build/run/summary.json").read_text())["notebooks"]} == {
        "91_raises",
        "94_no_parameters",
    }
    assert "1 of 2 failed" in capsys.readouterr().out


def test_run_takes_parameters_and_out(course, tmp_path, capsys):
    assert cli.main(["run", "--lessons", "91", "94", "-p", "SEED", "5", "--out", str(tmp_path / "o")]) == 1
    assert stdout_of(tmp_path / "o" / "91_raises.ipynb") == "before 5\n"
    assert not (course / "build").exists()


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["run", "--lessons", "77"], "unknown lesson '77': no name is near it. Known: 90_fine, 91_raises"),
        (["run", "-p", "SEEDS", "1"], "unknown parameter 'SEEDS'"),
        (["run", "-p", "SEED", "x"], "SEED is a whole number"),
        (["notebooks", "--lessons", "nope"], "unknown lesson"),
    ],
)
def test_bad_input_is_one_line_and_exit_2(course, capsys, arguments, told):
    assert cli.main(arguments) == 2
    error = capsys.readouterr().err
    assert error.startswith("error: ") and told in error and error.count("\n") == 1


@pytest.mark.parametrize(
    "arguments", [[], ["fly"], ["run", "--jobs", "0"], ["run", "-p", "SEED"], ["run", "--answers", "wrong"]]
)
def test_bad_usage_is_exit_2(arguments, capsys):
    with pytest.raises(SystemExit) as stopped:
        cli.main(arguments)
    assert stopped.value.code == 2
    assert "usage: python -m helpers" in capsys.readouterr().err


def test_interrupted_run_says_so(course, monkeypatch, capsys):
    def interrupt(*_, **__):
        raise KeyboardInterrupt

    monkeypatch.setattr(running, "run_lessons", interrupt)
    assert cli.main(["run"]) == 130
    assert capsys.readouterr().err == "stopped\n"


def test_module_is_a_command():
    shown = subprocess.run(
        [sys.executable, "-m", "helpers", "--help"], cwd=REPOSITORY, capture_output=True, text=True, check=True
    )
    names = "run | doctor | fetch | share | progress | certificate | grade | update | notebooks | new"
    assert names in " ".join(shown.stdout.split())


def test_of_several_at_a_time_the_longest_begins(tmp_path):
    runs = []
    for name, seconds in (("10_short", 5), ("11_without", None), ("12_long", 90)):
        notebook = new_notebook()
        if seconds:
            contract = {"seconds": seconds, "peak_mb": 1, "download_mb": 0}
            notebook.metadata["course"] = {"contract": contract}
        nbformat.write(notebook, tmp_path / f"{name}.ipynb")
        runs.append(SimpleNamespace(lesson=Lesson(tmp_path / f"{name}.ipynb")))
    order = [run.lesson.name for run in running._longest_first(runs, jobs=2)]
    assert order == ["12_long", "10_short", "11_without"]
    assert running._longest_first(runs, jobs=1) == runs


def test_a_kernel_is_told_to_train_anew(tmp_path, monkeypatch):
    monkeypatch.delenv("COURSE_ANEW", raising=False)
    told = [running._kernel_environment(tmp_path, strict=False, anew=anew, at_once=1) for anew in (False, True)]
    assert [one.get("COURSE_ANEW") for one in told] == [None, "1"]
