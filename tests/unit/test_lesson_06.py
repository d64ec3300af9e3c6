"""Lesson 06's stopwatch: its mistakes lie so far apart that a busy machine does not mix them up."""

import itertools
import statistics

import pytest

from helpers.lessons.lesson_06 import CLOSE, SAME_NUMBER, TRIALS, numbers_by_mistake

NAMED_IN = (TRIALS[0], TRIALS[3])


def seconds_of(trial) -> list[float]:
    """What the passes of an answer with one warm-up take."""
    return [trial.first, *itertools.islice(itertools.cycle(trial.after), trial.repeats)]


def apart(one: float, other: float) -> float:
    return max(one, other) / min(one, other)


def is_clearly_wrong(number: float, trial) -> bool:
    counted = seconds_of(trial)[-trial.repeats :]
    least = trial.images / statistics.median_high(counted) * CLOSE
    most = trial.images / statistics.median_low(counted) / CLOSE
    return not least / SAME_NUMBER < number < most * SAME_NUMBER


def mistakes_in(trial) -> dict[str, float]:
    return numbers_by_mistake(trial.images, seconds_of(trial), trial.repeats)


@pytest.mark.parametrize("trial", NAMED_IN)
def test_two_mistakes_are_never_taken_for_one_another(trial):
    wrong = [number for number in mistakes_in(trial).values() if is_clearly_wrong(number, trial)]
    assert len(wrong) >= 7
    assert all(apart(one, other) > SAME_NUMBER**2 for one, other in itertools.combinations(wrong, 2))


def test_each_mistake_is_clearly_wrong_in_one_of_the_trials():
    caught = {
        name for trial in TRIALS for name, number in mistakes_in(trial).items() if is_clearly_wrong(number, trial)
    }
    assert caught == set(mistakes_in(TRIALS[0]))
