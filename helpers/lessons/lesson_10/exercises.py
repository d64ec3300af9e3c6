"""Answer key of lesson 10: practice from an empty page."""

from __future__ import annotations

from helpers.course.exercise import Exercises
from helpers.lessons.lesson_10.survive import SURVIVE

EXERCISES = Exercises(*SURVIVE)
