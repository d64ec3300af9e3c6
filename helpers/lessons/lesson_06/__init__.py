"""Lesson 06, modern backbones: its answer key in `exercises`, its quiz in `quiz`, the clock of 6.1 in `stopwatch`."""

from helpers.lessons.lesson_06.exercises import EXERCISES
from helpers.lessons.lesson_06.quiz import QUIZ

__all__ = ["EXERCISES", "QUIZ"]
