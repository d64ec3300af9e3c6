"""Lesson 04, replace the head: its answer key in `exercises`, its quiz in `quiz`, what 4.4 proves in `two_layers`."""

from helpers.lessons.lesson_04.exercises import EXERCISES
from helpers.lessons.lesson_04.quiz import QUIZ

__all__ = ["EXERCISES", "QUIZ"]
