"""Every lesson answered, wrong and right, with a network whose weights are not here; nbval runs it as it ships."""

from __future__ import annotations

import ast
import json
import re
from pathlib import Path

import nbformat
import pytest
from nbformat import NotebookNode

from helpers.course.answers import divided, exercise_cells, reference_answers
from helpers.course.lessons import Lesson, all_lessons
from helpers.course.run_results import Result
from helpers.course.running import reports_in, run_lessons
from helpers.lessons import lesson_module
from tests.answers import Wrong, answers_of

LESSONS = pytest.mark.parametrize("lesson", all_lessons(), ids=lambda lesson: lesson.name, scope="class")


def _sampled(number: str) -> pytest.MarkDecorator:
    """One lesson in `make test`, all in `make torture`."""
    marks = {one: [] if one.number == number else [pytest.mark.torture] for one in all_lessons()}
    return pytest.mark.parametrize("lesson", [pytest.param(one, id=one.name, marks=marks[one]) for one in marks])


# These runs are about the exercises and what is said of weights; these parameters make the rest of a lesson small.
SMALL: dict[str, dict] = {
    "03": {"SIDE": 32, "TRAIN_SIZES": [5], "REPEATS": 2, "SCRATCH_EPOCHS": 1},
    "04": {"PER_CLASS": 4, "REPEATS": 2, "RATES": [1e-2], "MOST_STEPS": 40},
    "05": {"PER_CLASS": 2, "REPEATS": 2, "EPOCHS": 1, "SIDE": 32},
    "06": {"COMPARED": ["efficientnet_lite0", "squeezenet1_1"], "REPEATS": 2},
    "07": {"PER_CLASS": 2, "EPOCHS": 1, "SIDE": 32, "REPEATS": 2},
    "08": {"SEEDS": [0, 1], "DIALS": [0.0, 0.5], "FEW": 5, "SIDE": 32},
    "09": {"PER_CLASS": 4, "EPOCHS": 2, "SIDE": 32, "BATCH_SIZE": 4, "PER_SHARD": 4},
    "10": {"PER_CLASS": 4, "REPEATS": 2, "SIDE": 64},
}

# An accuracy, or the probability of an answer, with its number.
RESULT = re.compile(r"(accuracy|belief|agree|right|named|says)[\s\S]{0,300}?\b[01]\.\d\d", re.IGNORECASE)


def _run(lesson: Lesson, out, **how) -> Result:
    (result,) = run_lessons([lesson], out, progress=False, timeout=600, **how).results
    assert result.status == "ok", f"In [{result.cell}] {result.error}"
    return result


def _small(lesson: Lesson) -> dict:
    return SMALL.get(lesson.number, {})


def test_there_are_lessons():
    assert all_lessons(), "the notebooks folder is empty"


class TestWrongThenRightWithRandomWeights:
    """Each exercise answered wrong and then right in its cell, with a network whose weights are not on this machine.

    One run for the three: a check does not look at the lesson's backbone, and `tests/answers` judges each answer
    alone. So none can hide the other. nbval runs the unsolved lessons with pretrained weights.
    """

    @pytest.fixture(scope="class")
    @classmethod
    def ran(cls, lesson, tmp_path_factory):
        right = reference_answers(lesson_module(lesson.number).EXERCISES)
        cells = exercise_cells(lesson.read())
        both = {
            number: f"{wrong.code}\n\n\n{_check_of(cells[number])}\n\n\n{right[number]}"
            for number, wrong in _first_wrong(lesson).items()
        }
        return _run_without_weights(lesson, tmp_path_factory.mktemp(lesson.name), both)

    @LESSONS
    def test_every_wrong_answer_gets_its_reason_and_every_right_one_its_tick(self, lesson, ran):
        first, told = _first_wrong(lesson), _told(ran)
        assert sorted(first) == sorted(exercise_cells(lesson.read())) == sorted(told)
        for number, wrong in first.items():
            refused, accepted = told[number]
            assert refused["outcome"] == wrong.outcome, f"exercise {number}: {refused['message']}"
            assert wrong.reason in refused["message"], f"exercise {number}: {refused['message']}"
            assert accepted["outcome"] == "correct", f"exercise {number}: {accepted['message']}"

    @LESSONS
    def test_random_weights_are_said_with_each_result(self, lesson, ran):
        name, told = _without_weights(lesson), _outputs(ran)
        # Lesson 06 measures what weights have no part in, and leaves out of its accuracies what is not here. Lesson 02
        # counts, and asks a Lite network alone what it sees.
        assert (f"{name}: not here" if lesson.number == "06" else f"{name}: RANDOM weights") in "\n".join(told)
        # What was measured earlier says with which weights.
        results = [text for text in told if RESULT.search(text) and "Measured earlier" not in text]
        assert results
        if lesson.number not in ("02", "06"):
            assert [text for text in results if "random weights" not in text.lower()] == []
        assert _backbones_on_the_scoreboard(ran.notebook.parent) == (
            {f"{name} (random weights)"} if lesson.number in ("03", "04", "05", "07", "08") else set()
        )


def _first_wrong(lesson: Lesson) -> dict[str, Wrong]:
    return {number: next(iter(answers.wrong.values())) for number, answers in answers_of(lesson.number).items()}


def _check_of(cell: NotebookNode) -> str:
    """The line that asks for the check, without what the lesson does afterwards."""
    rest = divided(cell)[1]
    return ast.get_source_segment(rest, ast.parse(rest).body[0])


def _run_without_weights(lesson: Lesson, folder: Path, answers: dict[str, str]) -> Result:
    # Several processes train in the lesson as it ships, which nbval runs: each of them loads PyTorch anew.
    alone = {"PROCESSES": 1} if lesson.number == "09" else {}
    parameters = {**_small(lesson), **alone, "BACKBONE": _without_weights(lesson)}
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("COURSE_WEIGHTS", str(folder / "empty"))
        patch.setenv("HTTPS_PROXY", "http://127.0.0.1:9")  # nothing answers there: no download
        return _run(lesson, folder, answers=answers, parameters=parameters)


def _told(result: Result) -> dict[str, list[dict]]:
    """What the checks of each exercise said, in their order."""
    told: dict[str, list[dict]] = {}
    for report in reports_in(nbformat.read(result.notebook, as_version=4)):
        told.setdefault(report["exercise"], []).append(report)
    return told


def _without_weights(lesson: Lesson) -> str:
    """The backbone: resnet50 where a lesson must be seen to bear its size, else resnet18, which has the same parts."""
    return "resnet50" if lesson.number == "07" else "resnet18"


def _outputs(result: Result) -> list[str]:
    """What each code cell shows, as text, without the exercises: what a check says there is of its own networks."""
    cells = nbformat.read(result.notebook, as_version=4).cells
    return [
        "\n".join(str(output.get("text", output.get("data", {}).get("text/plain", ""))) for output in cell.outputs)
        for cell in cells
        if cell.cell_type == "code" and "exercise" not in cell.metadata
    ]


def _backbones_on_the_scoreboard(folder: Path) -> set[str]:
    """Those of the rows that are not of the networks whose weights come with the course."""
    file = folder / "scoreboard.json"
    rows = json.loads(file.read_text(encoding="utf-8")) if file.exists() else []
    return {row["backbone"] for row in rows if not row["backbone"].startswith("efficientnet_lite")}


class TestAnsweredOnce:
    """A run for each, whole in `make torture`: in `make test` one lesson shows that a solved and a wrong one end."""

    @_sampled("00")
    def test_solved_the_lesson_is_strict_and_all_is_correct(self, lesson, tmp_path):
        answers = reference_answers(lesson_module(lesson.number).EXERCISES)
        result = _run(lesson, tmp_path, answers=answers, parameters=_small(lesson), strict=True)
        assert result.checks["correct"] == len(answers) == sum(result.checks.values())

    @_sampled("02")
    def test_after_wrong_answers_the_lesson_goes_on_to_its_end(self, lesson, tmp_path):
        first = _first_wrong(lesson)
        told = _told(_run_without_weights(lesson, tmp_path, {number: wrong.code for number, wrong in first.items()}))
        assert {number: [check["outcome"] for check in checks] for number, checks in told.items()} == {
            number: [wrong.outcome] for number, wrong in first.items()
        }
