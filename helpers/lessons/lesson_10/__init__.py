"""Lesson 10, practice from an empty page: its answer key in `exercises`, its quiz in `quiz`."""

from helpers.lessons.lesson_10.exercises import EXERCISES

__all__ = ["EXERCISES"]
