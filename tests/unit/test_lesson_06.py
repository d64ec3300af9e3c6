"""Lesson 06's stopwatch: its mistakes lie so far apart that a busy machine does not mix them up."""

import copy
import itertools
import statistics

import pytest
import torch

from helpers.course.verdicts import Incorrect
from helpers.lessons.lesson_06.stopwatch import (
    CLOSE,
    MISTAKES,
    SAME_NUMBER,
    TRIALS,
    hold_to_the_median,
    is_the_median,
    numbers_by_mistake,
)

TELLING = [pytest.param(trial, id=", ".join(sorted(trial.tells))) for trial in TRIALS if trial.tells]
FOREVER = float("inf")


def seconds_of(trial) -> list[float]:
    """What the passes of an answer with one warm-up take."""
    return [trial.asked(passes) for passes in range(1 + trial.repeats)]


def apart(one: float, other: float) -> float:
    return max(one, other) / min(one, other)


def is_clearly_wrong(number: float, trial) -> bool:
    counted = seconds_of(trial)[-trial.repeats :]
    least = trial.images / statistics.median_high(counted) * CLOSE
    most = trial.images / statistics.median_low(counted) / CLOSE
    return not least / SAME_NUMBER < number < most * SAME_NUMBER


def told_before(trial) -> set[str]:
    return set().union(*(earlier.tells for earlier in TRIALS[: TRIALS.index(trial)]))


def test_each_mistake_shows_in_a_trial():
    assert set().union(*(trial.tells for trial in TRIALS)) == set(MISTAKES)


@pytest.mark.parametrize("trial", TRIALS, ids=lambda trial: f"{trial.repeats} passes")
def test_a_mistake_that_no_trial_has_told_yet_is_right_or_clearly_wrong(trial):
    numbers = numbers_by_mistake(trial, seconds_of(trial))
    wrong = {name for name in set(MISTAKES) - told_before(trial) if is_clearly_wrong(numbers[name], trial)}
    assert wrong == trial.tells - told_before(trial)
    assert all(
        is_the_median(numbers[name], trial, seconds_of(trial)) for name in MISTAKES.keys() - wrong - told_before(trial)
    )


@pytest.mark.parametrize("trial", TELLING)
def test_a_mistake_that_shows_is_taken_for_no_other_one_that_shows(trial):
    numbers = numbers_by_mistake(trial, seconds_of(trial))
    assert all(is_clearly_wrong(numbers[name], trial) for name in trial.tells)
    pairs = itertools.combinations(trial.tells, 2)
    assert all(apart(numbers[one], numbers[other]) > SAME_NUMBER**2 for one, other in pairs)


@pytest.mark.parametrize("trial", TELLING)
def test_the_reason_names_each_mistake(trial):
    seconds = seconds_of(trial)
    for name, number in numbers_by_mistake(trial, seconds).items():
        if name in trial.tells:
            with pytest.raises(Incorrect) as wrong:
                hold_to_the_median(lambda trial, number=number: (number, seconds), trial, FOREVER)
            assert str(wrong.value).endswith(f"your number is {MISTAKES[name].says}.")


def test_the_mean_of_an_even_number_of_passes_stands_alone():
    trial = TRIALS[-1]
    assert trial.repeats % 2 == 0
    numbers = numbers_by_mistake(trial, seconds_of(trial))
    mean = numbers.pop("mean")
    assert is_clearly_wrong(mean, trial)
    assert all(apart(mean, other) > SAME_NUMBER**2 for other in numbers.values())


@pytest.mark.parametrize("number", [0.0, -5.0, float("nan"), float("inf"), 1e-12, 1e12])
@pytest.mark.parametrize("trial", TRIALS, ids=lambda trial: f"{trial.repeats} passes")
def test_a_number_that_is_no_speed_is_refused(trial, number):
    with pytest.raises(Incorrect, match="pictures"):
        hold_to_the_median(lambda trial: (number, seconds_of(trial)), trial, FOREVER)


def measured(*readings):
    """A `measure` that gives these readings in a row, and how many it gave."""
    given = []

    def measure(trial):
        given.append(readings[len(given)])
        return given[-1]

    return measure, given


def right(trial, seconds) -> float:
    return trial.images / statistics.median(seconds[-trial.repeats :])


def test_a_right_answer_that_was_interrupted_once_is_right():
    trial = TRIALS[0]
    seconds = seconds_of(trial)
    measure, given = measured((1.0, seconds), (right(trial, seconds), seconds))
    hold_to_the_median(measure, trial, FOREVER)
    assert len(given) == 2


@pytest.mark.parametrize(("until", "readings"), [(FOREVER, 3), (0.0, 1)], ids=["with patience", "without"])
def test_a_measurement_that_hides_a_mistake_is_made_again_while_there_is_patience(until, readings):
    trial = TRIALS[0]
    seconds = [0.2] * (1 + trial.repeats)  # a machine so busy that all passes take equally long
    measure, given = measured(*[(right(trial, seconds), seconds)] * 3)
    hold_to_the_median(measure, trial, until)
    assert len(given) == readings


def test_passes_may_follow_those_that_count_but_the_first_is_none_of_them():
    trial = TRIALS[0]
    seconds = [*seconds_of(trial), 9.0, 9.0, 9.0]
    hold_to_the_median(lambda trial: (right(trial, seconds_of(trial)), seconds), trial, FOREVER)
    slow = [9.0] * trial.repeats + [0.1]
    with pytest.raises(Incorrect):
        hold_to_the_median(lambda trial: (trial.images / 9.0, [9.0, *[0.1] * trial.repeats]), trial, FOREVER)
    assert is_the_median(trial.images / 9.0, trial, slow)


@pytest.mark.parametrize("trial", TRIALS, ids=lambda trial: f"{trial.repeats} passes")
@pytest.mark.parametrize("warm_ups", range(1, 13))
def test_a_longer_warm_up_needs_no_second_measurement(trial, warm_ups):
    seconds = [trial.asked(passes) for passes in range(warm_ups + trial.repeats)]
    measure, given = measured(*[(right(trial, seconds), seconds)] * 3)
    hold_to_the_median(measure, trial, FOREVER)
    assert len(given) == 1


def test_no_two_passes_of_a_trial_take_the_same_time():
    assert all(len(set(trial.after)) == trial.repeats for trial in TRIALS)


def test_a_copy_of_the_network_writes_into_the_same_log():
    network = TRIALS[1].network()
    copy.deepcopy(network)(torch.zeros(3, 3, 4, 4))
    network(torch.ones(3, 3, 4, 4))
    assert [round(seconds, 2) for seconds in network.seconds] >= [0.03, 0.01]
    assert [call.gradients_on for call in network.calls] == [True, True]
    assert [seen.mean() for seen in network.seen] == [0, 1]
