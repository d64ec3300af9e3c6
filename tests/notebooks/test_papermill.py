"""Every lesson solved, answered wrong, and with a network whose weights are not here; nbval runs it as it ships.

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
from tests.answers import answers_of

LESSONS = pytest.mark.parametrize("lesson", all_lessons(), ids=lambda lesson: lesson.name)

# Solved and sabotaged runs are about the exercises; these parameters make the rest of a lesson small.
SMALL: dict[str, dict] = {
    "03": {"SIDE": 32, "TRAIN_SIZES": [5], "REPEATS": 2, "SCRATCH_EPOCHS": 1},
    "04": {"PER_CLASS": 4, "REPEATS": 2, "RATES": [1e-2], "MOST_STEPS": 40},
    "05": {"PER_CLASS": 2, "REPEATS": 2, "EPOCHS": 1, "SIDE": 32},
    "06": {"COMPARED": ["efficientnet_lite0", "squeezenet1_1"], "REPEATS": 2},
    "07": {"PER_CLASS": 2, "EPOCHS": 1, "SIDE": 32, "REPEATS": 2},
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


class TestAnotherBackbone:
    """A network whose weights are not on this machine: the lessons run, and say what their results are worth."""

    @LESSONS
    def test_random_weights_are_said_with_each_result(self, lesson, tmp_path, monkeypatch):
        monkeypatch.setenv("COURSE_WEIGHTS", str(tmp_path / "empty"))
        monkeypatch.setenv("HTTPS_PROXY", "http://127.0.0.1:9")  # nothing answers there: no download
        result = _run(lesson, tmp_path, parameters={**_small(lesson), "BACKBONE": "resnet50"})
        told = _outputs(result)
        # Lesson 06 measures what weights have no part in, and leaves out of its accuracies what is not here. Lesson 02
        # counts, and asks a Lite network alone what it sees.
        assert ("resnet50: not here" if lesson.number == "06" else "resnet50: RANDOM weights") in "\n".join(told)
        # What was measured earlier says with which weights. In lesson 10 a learner's program brings its own backbone.
        apart = ("Measured earlier", "The backbone is the program's own")
        results = [text for text in told if RESULT.search(text) and not any(words in text for words in apart)]
        assert results
        if lesson.number not in ("02", "06"):
            assert [text for text in results if "random weights" not in text.lower()] == []
        assert _backbones_on_the_scoreboard(tmp_path) == (
            {"resnet50 (random weights)"} if lesson.number in ("03", "04", "05", "07") else set()
        )


def _outputs(result: Result) -> list[str]:
    """What each code cell shows, as text."""
    cells = nbformat.read(result.notebook, as_version=4).cells
    return [
        "\n".join(str(output.get("text", output.get("data", {}).get("text/plain", ""))) for output in cell.outputs)
        for cell in cells
        if cell.cell_type == "code"
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


class TestSabotaged:
    @LESSONS
    def test_every_wrong_answer_gets_its_reason_and_the_lesson_ends(self, lesson, tmp_path):
        first = {number: next(iter(answers.wrong.values())) for number, answers in answers_of(lesson.number).items()}
        assert sorted(first) == sorted(_exercises(lesson))
        codes = {number: wrong.code for number, wrong in first.items()}
        result = _run(lesson, tmp_path, answers=codes, parameters=_small(lesson))
        told = checks_in(nbformat.read(result.notebook, as_version=4))
        assert {number: check["outcome"] for number, check in told.items()} == {
            number: wrong.outcome for number, wrong in first.items()
        }
        for number, wrong in first.items():
            assert wrong.reason in told[number]["message"], f"exercise {number}: {told[number]['message']}"
