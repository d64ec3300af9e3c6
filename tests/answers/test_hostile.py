"""Whatever an answer does and gives back, its check ends in time, leaves the kernel as it was, and calls none right."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import pytest

from helpers.course.verdicts import Outcome
from helpers.places import repository
from tests.answers.hostile import BEHAVIOURS, FORMS, VALUES, all_numbers, hostile

# Of these `make test` judges one in so many, and `make torture` all.
WHOLE, ONE_IN, AT_ONCE = 2400, 79, 200
# Seconds beyond its limit that a check may take to end: the machine may be busy.
GRACE = 20.0


def judged_apart(first: int, last: int, step: int = 1) -> list[dict]:
    """The lines of `python -m tests.answers.hostile`; a process that crashes or hangs is told with its last seed."""
    environment = {**os.environ, "PYTHONPATH": str(repository()), "COURSE_STRICT": ""}
    command = [sys.executable, "-W", "ignore", "-m", "tests.answers.hostile", *map(str, (first, last, step))]
    try:
        ended = subprocess.run(
            command, cwd=repository(), env=environment, capture_output=True, text=True, timeout=60 + 30 * (last - first)
        )
        output, how = ended.stdout, f"exit status {ended.returncode}: {ended.stderr[-2000:]}"
    except subprocess.TimeoutExpired as late:
        output, how = (late.stdout or b"").decode(), "it hangs"
    lines = [json.loads(line) for line in output.splitlines()]
    begun = [line["begins"] for line in lines if "begins" in line]
    found = [line for line in lines if "seed" in line]
    assert [line["seed"] for line in found] == list(range(first, last, step)), (
        f"{hostile(begun[-1]) if begun else first}: {how}"
    )
    return found


def hold_to_the_promise(found: list[dict]) -> None:
    """One of the four outcomes, in time, nothing left behind, no message beyond a screen, and nobody wrongly right."""
    for line in found:
        what = json.dumps(line)
        assert not line["crash"], line["crash"] + what
        assert line["outcome"] in set(Outcome), what
        assert line["outcome"] != Outcome.CORRECT, what
        assert line["seconds"] < line["limit"] + GRACE, what
        assert line["left"] == [] and line["threads"] == 0, what
        assert line["length"] <= 4000, what


def test_a_sample_of_hostile_answers():
    hold_to_the_promise(judged_apart(0, WHOLE, ONE_IN))


@pytest.mark.torture
@pytest.mark.parametrize("first", range(0, WHOLE, AT_ONCE))
def test_all_hostile_answers(first):
    hold_to_the_promise(judged_apart(first, min(first + AT_ONCE, WHOLE)))


def test_the_whole_meets_every_exercise_behaviour_value_and_form():
    made = [hostile(seed) for seed in range(WHOLE)]
    assert len({(one.number, one.form, one.behaviour, one.value) for one in made}) > 2000
    assert {one.number for one in made} == set(all_numbers())
    assert {one.behaviour for one in made} == set(BEHAVIOURS)
    assert {one.value for one in made} == set(VALUES)
    assert {one.form for one in made} == set(FORMS)


@pytest.mark.parametrize(
    "spoiled",
    [
        {"crash": "Traceback"},
        {"outcome": "correct"},
        {"outcome": "solved"},
        {"seconds": 100.0},
        {"left": ["default dtype"]},
        {"threads": 1},
        {"length": 4001},
    ],
    ids=lambda spoiled: next(iter(spoiled)),
)
def test_a_broken_promise_would_be_found(spoiled):
    kept = {"crash": "", "outcome": "error", "seconds": 1.0, "limit": 1.0, "left": [], "threads": 0, "length": 20}
    hold_to_the_promise([kept])
    with pytest.raises(AssertionError):
        hold_to_the_promise([kept, {**kept, **spoiled}])
