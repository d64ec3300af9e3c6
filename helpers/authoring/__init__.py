"""`python -m helpers new`: exercises and lessons from templates, for those who change the course."""

from helpers.authoring.exercises import new_exercise
from helpers.authoring.lessons import new_lesson

__all__ = ["new_exercise", "new_lesson"]
