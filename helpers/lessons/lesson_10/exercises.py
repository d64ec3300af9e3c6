"""Answer key of lesson 10: practice from an empty page. Its three parts stand in a module each."""

from helpers.course.exercise import Exercises
from helpers.lessons.lesson_10.from_scratch import FROM_SCRATCH

EXERCISES = Exercises(*FROM_SCRATCH)
