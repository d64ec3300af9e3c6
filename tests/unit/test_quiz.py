"""Quizzes: shown, answered, and refused where the question or the letter is none."""

from __future__ import annotations

import pytest

from helpers.course.quiz import Option, Question, Quiz
from helpers.errors import CourseError

QUIZ = Quiz(
    "90",
    (
        Question("Is `1 < 2`?", (Option("yes", "One is less.", right=True), Option("no <b>", "Count again & see."))),
        Question("Which?", (Option("a", "No."), Option("b", "Yes.", right=True), Option("c", "No."))),
    ),
)


def test_plain_text_numbers_questions_and_letters_options(capsys):
    QUIZ.show()
    shown = capsys.readouterr().out
    assert "1. Is `1 < 2`?\n   a) yes\n   b) no <b>" in shown
    assert 'quiz("90").answer(1, "a")' in shown
    assert "One is less" not in shown  # the reasons come after the guess


@pytest.mark.parametrize("letter", ["a", "A", " a "])
def test_right_answer_says_why(letter, capsys):
    QUIZ.answer(1, letter)
    assert capsys.readouterr().out == "✓ Right. One is less.\n"


def test_wrong_answer_says_why(capsys):
    QUIZ.answer(2, "c")
    assert capsys.readouterr().out == "✗ Not this one. No.\n"


@pytest.mark.parametrize("letter", ["c", "z", "", "ab", None, 1, "ä"])
def test_letter_that_is_none(letter):
    with pytest.raises(CourseError, match="question 1 has options a to b, not"):
        QUIZ.answer(1, letter)


@pytest.mark.parametrize("question", [0, 3, -1, "1", None, 1.0])
def test_question_that_is_none(question):
    with pytest.raises(CourseError, match="quiz 90 has questions 1 to 2, not"):
        QUIZ.answer(question, "a")


def test_rich_form_escapes_and_opens_with_a_keyboard(monkeypatch):
    shown = []
    monkeypatch.setattr("helpers.course.quiz.show", lambda text, rich: shown.append(rich))
    QUIZ.show()
    assert "<b>" not in shown[0] and "no &lt;b&gt;" in shown[0] and "<code>1 &lt; 2</code>" in shown[0]
    assert shown[0].count("<details>") == shown[0].count("<summary") == 5


@pytest.mark.parametrize(
    ("options", "complaint"),
    [
        ((Option("a", "w", right=True),), "2 to 8 options, not 1"),
        (tuple(Option(str(i), "w", right=i == 0) for i in range(9)), "2 to 8 options, not 9"),
        ((Option("a", "w"), Option("b", "w")), "exactly one right"),
        ((Option("a", "w", right=True), Option("b", "w", right=True)), "exactly one right"),
    ],
)
def test_malformed_question_is_refused(options, complaint):
    with pytest.raises(CourseError, match=complaint):
        Question("?", options)
