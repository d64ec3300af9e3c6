"""Lesson 00, start here: its answer key in `exercises`, its quiz in `quiz`."""

from helpers.lessons.lesson_00.exercises import EXERCISES
from helpers.lessons.lesson_00.quiz import QUIZ

__all__ = ["EXERCISES", "QUIZ"]
