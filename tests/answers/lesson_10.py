"""Answers to the exercises of lesson 10, one module for each of its parts."""

from tests.answers.lesson_10_scratch import SCRATCH

ANSWERS = {**SCRATCH}
