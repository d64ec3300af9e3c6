"""Lesson 07, LoRA: its answer key in `exercises`, its quiz in `quiz`."""

from helpers.lessons.lesson_07.exercises import EXERCISES
from helpers.lessons.lesson_07.quiz import QUIZ

__all__ = ["EXERCISES", "QUIZ"]
