"""Exercise 10.1 against whole programs, right and wrong: each takes seconds, so they are not judged elsewhere again.

Two classes, so that two workers share them (`--dist loadscope`).
"""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
import torch

from helpers.course.verdicts import Outcome, Report
from helpers.lessons import exercise
from tests.answers.lesson_10_scratch import SCRATCH
from tests.answers.programs import handed_in

RIGHT = {"reference": exercise("10.1").answer_source, **SCRATCH["10.1"].right}
WRONG = SCRATCH["10.1"].wrong
LINES = 8


def sampled(names: list[str], most: int) -> list:
    """So many in `make test`, evenly spread, and the others in `make torture`."""
    chosen = {names[i * len(names) // most] for i in range(min(most, len(names)))}
    return [name if name in chosen else pytest.param(name, marks=pytest.mark.torture) for name in names]


@pytest.fixture(autouse=True)
def _one_thread():
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@pytest.fixture
def judge(capfd):
    def judged(source: str) -> Report:
        before = Path.cwd(), sys.argv, sys.modules["__main__"], list(sys.path)
        report = exercise("10.1").judge(*handed_in(source))
        assert (Path.cwd(), sys.argv, sys.modules["__main__"], list(sys.path)) == before
        assert capfd.readouterr() == ("", "")
        return report

    return judged


def _refused(judge, mistake: str) -> None:
    wrong = WRONG[mistake]
    report = judge(wrong.code)
    assert (report.outcome, wrong.reason in report.message) == (wrong.outcome, True), report


class TestRightPrograms:
    @pytest.mark.parametrize("style", sampled(list(RIGHT), 4))
    def test_is_correct(self, judge, style):
        report = judge(RIGHT[style])
        assert report.outcome is Outcome.CORRECT, report.message
        assert len(report.message.splitlines()) == LINES


class TestWrongPrograms:
    @pytest.mark.parametrize("mistake", sampled(list(WRONG)[::2], 5))
    def test_is_refused_for_its_own_reason(self, judge, mistake):
        _refused(judge, mistake)


class TestMoreWrongPrograms:
    @pytest.mark.parametrize("mistake", sampled(list(WRONG)[1::2], 5))
    def test_is_refused_for_its_own_reason(self, judge, mistake):
        _refused(judge, mistake)
