"""Whoever tries to get credit without an answer gets none; whoever has an answer gets it, however it is written."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from helpers.course.lessons import find_lessons
from helpers.grading import isolation
from helpers.grading.judges import Judge
from helpers.grading.limits import Limits
from helpers.grading.rules import known_names, wanted_names
from helpers.grading.sources import parts_of
from helpers.grading.tasks import Task, Verdict
from helpers.lessons import lesson_module, lesson_numbers
from tests.answers import answers_of
from tests.grading.cheats import CHEATS, WRONG, Cheat

pytestmark = pytest.mark.skipif(not hasattr(__import__("os"), "fork"), reason="grade asks for Linux or macOS")

SAMPLE = ("0.2", "2.1", "3.3", "4.2", "5.2", "6.2", "7.3", "8.4", "9.4", "10.7", "10.9", "10.10")
SLOW = {name for name, cheat in CHEATS.items() if {"too_long", "too_large"} & set(cheat.outcomes)}


def sampled(names: list[str]) -> list:
    """Each second one in `make test`, and the others in `make torture`."""
    return [name if i % 2 == 0 else pytest.param(name, marks=pytest.mark.torture) for i, name in enumerate(names)]


@pytest.fixture(scope="module")
def class_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("class")
    (folder / "other.ipynb").write_text("{}")
    return folder


@pytest.fixture(scope="module")
def judge(class_folder: Path) -> Iterator[Judge]:
    limits = Limits(seconds=30, written_mb=50)
    with Judge(limits, isolation.may_be_hidden([class_folder])) as process:
        yield process


@pytest.fixture(scope="module")
def hasty(class_folder: Path) -> Iterator[Judge]:
    """For what would use up any limit."""
    with Judge(Limits(seconds=3, memory_mb=800, written_mb=50), []) as process:
        yield process


def judged(judge: Judge, number: str, source: str, hidden: Path) -> Verdict:
    lesson = number.partition(".")[0].zfill(2)
    known = known_names(find_lessons([lesson])[0])[number]
    parts = parts_of(source, [], known, wanted_names(lesson_module(lesson).EXERCISES[number]))
    return judge.judge(
        Task(lesson, number, parts.helpers, parts.answer, parts.missing, (str(hidden.resolve()),), parts.given)
    )


def test_there_are_enough_cheats_and_they_are_of_many_exercises() -> None:
    assert len(CHEATS) >= 25
    assert len({cheat.number for cheat in CHEATS.values()}) >= 6


@pytest.mark.parametrize("number", WRONG)
def test_what_the_tricks_stand_beside_is_wrong(judge: Judge, class_folder: Path, number: str) -> None:
    assert judged(judge, number, WRONG[number], class_folder).outcome in ("incorrect", "error")


@pytest.mark.parametrize("name", sampled([name for name in CHEATS if name not in SLOW]))
def test_a_cheat_gets_no_credit(judge: Judge, class_folder: Path, name: str) -> None:
    _assert_caught(judge, class_folder, CHEATS[name])


@pytest.mark.parametrize("name", sampled(sorted(SLOW)))
def test_what_takes_too_much_is_ended(hasty: Judge, class_folder: Path, name: str) -> None:
    _assert_caught(hasty, class_folder, CHEATS[name])


def _assert_caught(judge: Judge, class_folder: Path, cheat: Cheat) -> None:
    found = judged(judge, cheat.number, cheat.source.replace("CLASS_FOLDER", str(class_folder)), class_folder)
    assert found.outcome in cheat.outcomes, found.reason
    assert cheat.reason in found.reason


def test_after_all_of_them_the_judge_still_judges(judge: Judge, class_folder: Path) -> None:
    source = lesson_module("03").EXERCISES["3.2"].answer_source
    assert judged(judge, "3.2", source, class_folder).outcome == "correct"
    assert judged(judge, "3.2", WRONG["3.2"], class_folder).outcome == "incorrect"


def as_cell(number: str, source: str) -> str:
    """A whole program as a learner hands it in: a script as text, or a class in place of two functions."""
    if number != "10.1":
        return source
    if "sys.argv" in source or "argparse" in source:
        return f'script = {source!r}\nexercise("10.1").check(script)'
    return f'{source}\nexercise("10.1").check(Program)' if "class Program" in source else source


ALL = [(lesson, number) for lesson in lesson_numbers() for number in lesson_module(lesson).EXERCISES.numbers()]


@pytest.mark.parametrize("number", SAMPLE)
def test_a_right_answer_is_given_its_credit(judge: Judge, class_folder: Path, number: str) -> None:
    lesson = number.partition(".")[0].zfill(2)
    source = lesson_module(lesson).EXERCISES[number].answer_source
    found = judged(judge, number, source, class_folder)
    assert found.outcome == "correct", found.reason


def test_the_watch_does_not_lengthen_what_an_answer_times(judge: Judge, class_folder: Path) -> None:
    """Hooks that an answer calls itself are no moment to look at what the check stands on."""
    found = judged(judge, "6.1", answers_of("06")["6.1"].right["hooks hold the watch"], class_folder)
    assert found.outcome == "correct", found.reason


@pytest.mark.torture
@pytest.mark.parametrize(("lesson", "number"), ALL, ids=[number for _, number in ALL])
def test_every_right_answer_is_given_its_credit(judge: Judge, class_folder: Path, lesson: str, number: str) -> None:
    right = {"reference": lesson_module(lesson).EXERCISES[number].answer_source, **answers_of(lesson)[number].right}
    found = {style: judged(judge, number, as_cell(number, source), class_folder) for style, source in right.items()}
    assert {style: verdict.reason for style, verdict in found.items() if verdict.outcome != "correct"} == {}
