"""Lesson 08, choose a strategy: its answer key in `exercises`, its quiz in `quiz`."""

from helpers.lessons.lesson_08.exercises import EXERCISES
from helpers.lessons.lesson_08.quiz import QUIZ

__all__ = ["EXERCISES", "QUIZ"]
