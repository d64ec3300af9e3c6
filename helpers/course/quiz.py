"""Quick quizzes: every option says why it is right or wrong, and what was chosen is kept."""

from __future__ import annotations

import contextlib
import io
from dataclasses import dataclass

from helpers.course import html, progress
from helpers.course.display import in_notebook, show
from helpers.course.questions import LETTERS, Option, Question
from helpers.course.quiz_panel import QuizPanel, as_text, colour
from helpers.errors import CourseError

__all__ = ["Option", "Question", "Quiz"]

_open: dict[str, QuizPanel] = {}  # by lesson: the panel that this kernel showed last, which `answer` marks as well


@dataclass(frozen=True)
class Quiz:
    """The questions of one lesson."""

    lesson: str
    questions: tuple[Question, ...]

    def show(self) -> None:
        """All questions, marked with what was answered before; in a notebook each option is a button that answers."""
        tried, trouble = self._kept()
        if in_notebook():
            _open[self.lesson] = QuizPanel(self.lesson, self.questions, tried, self._record_click)
            _open[self.lesson].show(trouble)
        else:
            print("\n".join([as_text(self.lesson, self.questions, tried), *filter(None, [trouble])]))

    def answer(self, question: int, letter: str) -> None:
        """Say whether option `letter` of the numbered `question` is right, and why; it counts as a click does."""
        if not isinstance(question, int) or not 1 <= question <= len(self.questions):
            raise CourseError(f"quiz {self.lesson} has questions 1 to {len(self.questions)}, not {question!r}")
        options = self.questions[question - 1].options
        wanted = letter.strip().lower() if isinstance(letter, str) else ""
        index = LETTERS[: len(options)].find(wanted) if len(wanted) == 1 else -1
        if index < 0:
            raise CourseError(f"question {question} has options a to {LETTERS[len(options) - 1]}, not {letter!r}")
        option = options[index]
        show(option.verdict, html.box(colour(option), html.inline(option.verdict), f"Question {question}"))
        if self.lesson in _open:
            _open[self.lesson].mark(question, index)
        self._record(question, option)  # last, so that a damaged record hides no verdict

    def _record(self, question: int, option: Option) -> None:
        progress.record_answer(self.lesson, question, option.text, right=option.right)

    def _record_click(self, question: int, option: Option) -> str:
        """What there is to tell of it, mostly nothing: nobody sees what is printed while a click is handled."""
        told = io.StringIO()
        try:
            with contextlib.redirect_stdout(told):
                self._record(question, option)
        except CourseError as error:
            return f"Not recorded: {error}"
        return told.getvalue().strip()

    def _kept(self) -> tuple[dict[int, list[int]], str]:
        """The options that were chosen before, by question, in their order; and why they are not known, if so."""
        try:
            words = progress.tried_options(self.lesson)
        except CourseError as error:
            return {}, f"Earlier answers are not known: {error}"
        return {
            number: _places(question, words.get(number, [])) for number, question in enumerate(self.questions, 1)
        }, ""


def _places(question: Question, words: list[str]) -> list[int]:
    """Options that an earlier version of the question had are passed over."""
    places = {option.text: place for place, option in enumerate(question.options)}
    return [places[text] for text in words if text in places]
