"""Lesson 02, count parameters: its answer key in `exercises`, its quiz in `quiz`."""

from helpers.lessons.lesson_02.exercises import EXERCISES
from helpers.lessons.lesson_02.quiz import QUIZ

__all__ = ["EXERCISES", "QUIZ"]
