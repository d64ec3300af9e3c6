"""What a lesson shows: exercises, quizzes, contracts, progress, scoreboard, tables and figures."""

from helpers.course import scoreboard
from helpers.course.display import say, show_figure, show_table
from helpers.course.explorer import Ticks, explore
from helpers.course.lessons import contract

__all__ = ["Ticks", "contract", "explore", "say", "scoreboard", "show_figure", "show_table"]
