"""Answers that no check may take for right: whoever lets one in has been meddled with."""

from __future__ import annotations

import inspect

from helpers.course.exercise import Exercise
from helpers.course.verdicts import Outcome


class AgreesWithAll:
    """Equal to everything, true, callable, and whatever is asked of it."""

    __hash__ = object.__hash__

    def __call__(self, *_: object, **__: object) -> AgreesWithAll:
        return self

    def __eq__(self, other: object) -> bool:
        return True

    def __ne__(self, other: object) -> bool:
        return False

    def __bool__(self) -> bool:
        return True

    @classmethod
    def __torch_function__(cls, function: object, types: object, args: tuple = (), kwargs: dict | None = None) -> bool:
        return True


def gives_nothing(*given: object, **named: object) -> None:
    """Takes whatever it is given, and gives nothing back."""
    return [given, named].clear()


def gives_back(*given: object, **named: object) -> object:
    """Gives back what it was given first."""
    return given[0] if given else next(iter(named.values()), None)


CANARIES = {"agrees with all": AgreesWithAll(), "gives nothing": gives_nothing, "gives back": gives_back}


def let_in(exercise: Exercise) -> str | None:
    """The name of the first canary that the check takes for right; None where it knows them all for wrong."""
    count = len(inspect.signature(exercise.examine).parameters)
    for name, canary in CANARIES.items():
        if exercise.judge(*[canary] * count).outcome is Outcome.CORRECT:
            return name
    return None
