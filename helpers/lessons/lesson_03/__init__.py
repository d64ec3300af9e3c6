"""Lesson 03, freeze the backbone: its answer key in `exercises`, its quiz in `quiz`."""

from helpers.lessons.lesson_03.exercises import EXERCISES
from helpers.lessons.lesson_03.quiz import QUIZ

__all__ = ["EXERCISES", "QUIZ"]
