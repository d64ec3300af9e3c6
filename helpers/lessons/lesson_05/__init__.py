"""Lesson 05, differential learning rates: its answer key in `exercises`, its quiz in `quiz`."""

from helpers.lessons.lesson_05.exercises import EXERCISES
from helpers.lessons.lesson_05.quiz import QUIZ

__all__ = ["EXERCISES", "QUIZ"]
