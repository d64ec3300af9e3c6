"""Quick quizzes: every option says why it is right or wrong."""

from __future__ import annotations

from dataclasses import dataclass

from helpers.course import html
from helpers.course.display import show
from helpers.errors import CourseError

_LETTERS = "abcdefgh"


@dataclass(frozen=True)
class Option:
    """One option: its text, and why it is right or wrong."""

    text: str
    why: str
    right: bool = False


@dataclass(frozen=True)
class Question:
    """A question with two or more options, exactly one of them right."""

    text: str
    options: tuple[Option, ...]

    def __post_init__(self) -> None:
        if not 2 <= len(self.options) <= len(_LETTERS):
            raise CourseError(f"the question {self.text!r} needs 2 to {len(_LETTERS)} options, not {len(self.options)}")
        if sum(option.right for option in self.options) != 1:
            raise CourseError(f"the question {self.text!r} needs exactly one right option")


@dataclass(frozen=True)
class Quiz:
    """The questions of one lesson."""

    lesson: str
    questions: tuple[Question, ...]

    def show(self) -> None:
        """All questions; in a notebook each option is a button that opens its answer."""
        parts = [_question_html(number, question) for number, question in enumerate(self.questions, 1)]
        lines = [_question_text(number, question) for number, question in enumerate(self.questions, 1)]
        title = f"Quick quiz {self.lesson}"
        tell = f'\n\nTo answer: quiz("{self.lesson}").answer(1, "a")'
        show(
            f"{title}\n\n" + "\n\n".join(lines) + tell,
            html.box(html.BLUE, f"<strong>{title}</strong>" + "".join(parts), title),
        )

    def answer(self, question: int, letter: str) -> None:
        """Say whether option `letter` of the numbered `question` is right, and why."""
        if not isinstance(question, int) or not 1 <= question <= len(self.questions):
            raise CourseError(f"quiz {self.lesson} has questions 1 to {len(self.questions)}, not {question!r}")
        options = self.questions[question - 1].options
        wanted = letter.strip().lower() if isinstance(letter, str) else ""
        index = _LETTERS[: len(options)].find(wanted) if len(wanted) == 1 else -1
        if index < 0:
            raise CourseError(f"question {question} has options a to {_LETTERS[len(options) - 1]}, not {letter!r}")
        verdict = _verdict(options[index])
        show(verdict, html.box(_colour(options[index]), html.inline(verdict), f"Question {question}"))


def _verdict(option: Option) -> str:
    return f"{'✓ Right.' if option.right else '✗ Not this one.'} {option.why}"


def _colour(option: Option) -> str:
    return html.GREEN if option.right else html.VERMILLION


def _question_html(number: int, question: Question) -> str:
    folds = "".join(
        html.fold(
            f"{letter}) {option.text}",
            html.box(_colour(option), html.inline(_verdict(option)), f"Option {letter}"),
        )
        for letter, option in zip(_LETTERS, question.options, strict=False)
    )
    return f"<p><strong>{number}.</strong> {html.inline(question.text)}</p>{folds}"


def _question_text(number: int, question: Question) -> str:
    options = [f"   {letter}) {option.text}" for letter, option in zip(_LETTERS, question.options, strict=False)]
    return "\n".join([f"{number}. {question.text}", *options])
