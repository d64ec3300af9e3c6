"""Answer key of lesson 10: practice from an empty page. One module for each of its three parts."""

from __future__ import annotations

from helpers.course.exercise import Exercises
from helpers.lessons.lesson_10.share import SHARE

EXERCISES = Exercises(*SHARE)
