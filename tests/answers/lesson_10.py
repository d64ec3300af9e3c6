"""Right and wrong answers to lesson 10, one module for each of its parts."""

from tests.answers.lesson_10_survive import SURVIVE

ANSWERS = {**SURVIVE}
