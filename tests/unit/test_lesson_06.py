"""Lesson 06's stopwatch: its mistakes lie so far apart that a busy machine does not mix them up."""

import copy
import itertools
import statistics

import pytest
import torch

from helpers.lessons.lesson_06 import CLOSE, SAME_NUMBER, TRIALS, is_the_median, numbers_by_mistake


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


def possible_in() -> list[tuple]:
    """Each trial with the mistakes that those before it have not ruled out."""
    possible, found = set(mistakes_in(TRIALS[0])), []
    for trial in TRIALS:
        found.append((trial, possible))
        numbers = mistakes_in(trial)
        possible = {name for name in possible if is_the_median(numbers[name], trial, seconds_of(trial))}
    assert not possible, "no trial tells these from the median"
    return found


@pytest.mark.parametrize(("trial", "possible"), possible_in())
def test_a_mistake_is_right_or_clearly_wrong(trial, possible):
    numbers = mistakes_in(trial)
    wrong = {name for name in possible if not is_the_median(numbers[name], trial, seconds_of(trial))}
    assert wrong == {name for name in possible if is_clearly_wrong(numbers[name], trial)}


@pytest.mark.parametrize(("trial", "possible"), possible_in())
def test_two_mistakes_are_never_taken_for_one_another(trial, possible):
    numbers = mistakes_in(trial)
    wrong = [numbers[name] for name in possible if is_clearly_wrong(numbers[name], trial)]
    assert all(apart(one, other) > SAME_NUMBER**2 for one, other in itertools.combinations(wrong, 2))


def test_the_mean_of_an_even_number_of_passes_stands_alone():
    trial = TRIALS[-1]
    assert trial.repeats % 2 == 0
    numbers = mistakes_in(trial)
    (mean,) = (numbers.pop(name) for name in list(numbers) if name.startswith("the mean. "))
    assert is_clearly_wrong(mean, trial)
    assert all(apart(mean, other) > SAME_NUMBER**2 for other in numbers.values())


def test_no_two_passes_of_a_trial_take_the_same_time():
    assert all(len(set(trial.after)) == trial.repeats for trial in TRIALS)


def test_a_copy_of_the_network_writes_into_the_same_log():
    network = TRIALS[1].network()
    copy.deepcopy(network)(torch.zeros(3, 3, 4, 4))
    assert len(network.log.seconds) == 1
    assert network.log.with_gradients
