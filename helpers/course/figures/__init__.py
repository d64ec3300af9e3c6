"""The course's figures: each function draws its data, and says in `.alt` what a person sees in the drawing.

    show_figure(bars({"frozen": 0.91, "fine-tuned": 0.94}, x_label="accuracy"), "Twelve images a class.")

All are drawn in one style that fits a light and a dark page; see `style`.
"""

from helpers.course.figures.lines import curves
from helpers.course.figures.photos import image_grid, predictions
from helpers.course.figures.points import named_points
from helpers.course.figures.rows import bars, each_run, stacked_bars
from helpers.course.figures.style import DescribedFigure, blank, style
from helpers.course.figures.tables import heat_map

__all__ = [
    "DescribedFigure",
    "bars",
    "blank",
    "curves",
    "each_run",
    "heat_map",
    "image_grid",
    "named_points",
    "predictions",
    "stacked_bars",
    "style",
]
