"""Lesson 09, scale out: its answer key in `exercises`, its quiz in `quiz`."""

from helpers.lessons.lesson_09.exercises import EXERCISES
from helpers.lessons.lesson_09.quiz import QUIZ

__all__ = ["EXERCISES", "QUIZ"]
