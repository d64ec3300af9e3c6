"""Every lesson solved, and answered wrong with a network whose weights are not here; nbval runs it as it ships.

One class a way, so that workers share them.
"""

from __future__ import annotations

import json
import re
from pathlib import Path

import nbformat
import pytest

from helpers.course.answers import exercise_cells, reference_answers
from helpers.course.lessons import Lesson, all_lessons
from helpers.course.run_results import Result
from helpers.course.running import checks_in, run_lessons
from helpers.lessons import lesson_module
from tests.answers import Wrong, answers_of

LESSONS = pytest.mark.parametrize("lesson", all_lessons(), ids=lambda lesson: lesson.name, scope="class")

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


def _exercises(lesson: Lesson) -> list[str]:
    return list(exercise_cells(lesson.read()))


def test_there_are_lessons():
    assert all_lessons(), "the notebooks folder is empty"


class TestWrongAnswersAndRandomWeights:
    """All exercises answered wrong, with a network whose weights are not on this machine: one run for both.

    A check does not look at the lesson's backbone, and after a wrong answer the lesson goes on with the key's, as it
    does after none. So neither can hide the other. nbval runs the unsolved lessons with pretrained weights.
    """

    @pytest.fixture(scope="class")
    @classmethod
    def ran(cls, lesson, tmp_path_factory):
        folder = tmp_path_factory.mktemp(lesson.name)
        codes = {number: wrong.code for number, wrong in _first_wrong(lesson).items()}
        # Several processes train in the solved lesson and in the one that ships: each of them loads PyTorch anew.
        alone = {"PROCESSES": 1} if lesson.number == "09" else {}
        parameters = {**_small(lesson), **alone, "BACKBONE": _without_weights(lesson)}
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("COURSE_WEIGHTS", str(folder / "empty"))
            patch.setenv("HTTPS_PROXY", "http://127.0.0.1:9")  # nothing answers there: no download
            return _run(lesson, folder, answers=codes, parameters=parameters)

    @LESSONS
    def test_every_wrong_answer_gets_its_reason_and_the_lesson_ends(self, lesson, ran):
        first = _first_wrong(lesson)
        assert sorted(first) == sorted(_exercises(lesson))
        told = checks_in(nbformat.read(ran.notebook, as_version=4))
        assert {number: check["outcome"] for number, check in told.items()} == {
            number: wrong.outcome for number, wrong in first.items()
        }
        for number, wrong in first.items():
            assert wrong.reason in told[number]["message"], f"exercise {number}: {told[number]['message']}"

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


class TestSolved:
    @LESSONS
    def test_every_answer_is_correct_and_the_lesson_strict(self, lesson, tmp_path):
        answers = reference_answers(lesson_module(lesson.number).EXERCISES)
        result = _run(lesson, tmp_path, answers=answers, parameters=_small(lesson), strict=True)
        assert result.checks["correct"] == len(answers) == sum(result.checks.values())
