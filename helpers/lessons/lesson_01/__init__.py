"""Lesson 01, load pretrained weights: its answer key in `exercises`, its quiz in `quiz`."""

from helpers.lessons.lesson_01.exercises import EXERCISES
from helpers.lessons.lesson_01.quiz import QUIZ

__all__ = ["EXERCISES", "QUIZ"]
