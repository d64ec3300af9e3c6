"""Answer key of lesson 10, in its three parts."""

from __future__ import annotations

from helpers.course.exercise import Exercises
from helpers.lessons.lesson_10.from_scratch import FROM_SCRATCH
from helpers.lessons.lesson_10.share import SHARE
from helpers.lessons.lesson_10.survive import SURVIVE

EXERCISES = Exercises(*FROM_SCRATCH, *SURVIVE, *SHARE)
