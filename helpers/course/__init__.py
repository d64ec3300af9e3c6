"""What a lesson shows: exercises, quizzes, contracts, progress, scoreboard, tables and figures."""

from helpers.course import scoreboard
from helpers.course.display import show_figure, show_table
from helpers.course.lessons import contract

__all__ = ["contract", "scoreboard", "show_figure", "show_table"]
