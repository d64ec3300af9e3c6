"""Quizzes: shown, answered, and refused where the question or the letter is none."""

from __future__ import annotations

import json

import pytest

from helpers.course import progress, quiz_panel
from helpers.course import quiz as quizzes
from helpers.course.display import WIDGET_MIME
from helpers.course.quiz import Option, Question, Quiz
from helpers.errors import CourseError

QUIZ = Quiz(
    "90",
    (
        Question("Is `1 < 2`?", (Option("yes", "One is less.", right=True), Option("no <b>", "Count again & see."))),
        Question("Which?", (Option("a", "No."), Option("b", "Yes.", right=True), Option("c", "No."))),
    ),
)

pytestmark = pytest.mark.usefixtures("course_output")


class Shown(list):
    """What a notebook shows: bundles in order; those that are updated later stay in their place."""

    def display(self, bundle: dict, *, raw: bool, display_id: bool = False) -> Shown.Handle | None:
        self.append(bundle)
        return Shown.Handle(self, len(self) - 1) if display_id else None

    class Handle:
        def __init__(self, shown: list, place: int):
            self.shown, self.place = shown, place

        def update(self, bundle: dict, *, raw: bool) -> None:
            self.shown[self.place] = bundle


@pytest.fixture
def notebook(monkeypatch):
    """As in a notebook; what is shown there."""
    shown = Shown()
    monkeypatch.setattr(quizzes, "in_notebook", lambda: True)
    monkeypatch.setattr(quizzes, "_open", {})
    monkeypatch.setattr(quiz_panel, "display", shown.display)
    return shown


def buttons():
    """The buttons that were shown last, by question."""
    return {number: asked.buttons for number, asked in quizzes._open["90"]._asked.items()}


def told(question: int) -> str:
    return quizzes._open["90"]._asked[question].why.value


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


def test_an_answer_is_kept_and_shown_again(capsys):
    QUIZ.answer(2, "a")
    QUIZ.answer(2, "b")
    capsys.readouterr()
    QUIZ.show()
    shown = capsys.readouterr().out
    assert "   a) a\n      ✗ Not this one. No.\n   b) b\n      ✓ Right. Yes.\n   c) c" in shown
    assert "One is less" not in shown


def test_an_answer_counts_also_where_the_option_has_moved_and_not_where_it_has_gone(capsys):
    QUIZ.answer(2, "a")
    first, second = QUIZ.questions
    Quiz("90", (first, Question("Which?", second.options[::-1]))).show()
    assert "   c) a\n      ✗ Not this one. No." in capsys.readouterr().out
    Quiz("90", (first, Question("Which?", second.options[1:]))).show()
    assert "✗" not in capsys.readouterr().out


def test_the_page_escapes_and_opens_with_a_keyboard(notebook):
    QUIZ.show()
    page = notebook[0]["text/html"]
    assert "<b>" not in page and "no &lt;b&gt;" in page and "<code>1 &lt; 2</code>" in page
    assert page.count("<details>") == page.count("<summary") == 5
    assert "1. Is `1 < 2`?\n   a) yes\n   b) no <b>" in notebook[0]["text/plain"]
    assert notebook[1].keys() == {"text/plain", WIDGET_MIME}
    assert notebook[1]["text/plain"] == 'No buttons here: quiz("90").answer(1, "a")'


def test_a_click_is_answered_on_the_button_beneath_it_and_on_the_page(notebook):
    QUIZ.show()
    yes, no = buttons()[1]
    assert (yes.description, no.description, told(1)) == ("a) yes", "b) no <b>", "")
    no.click()
    assert (yes.description, no.description) == ("a) yes", "✗ b) no <b>")
    assert "✗ Not this one. Count again &amp; see." in told(1) and 'role="status"' in told(1)
    assert notebook[0]["text/html"].count("<details open>") == 1
    assert "✗ b) no &lt;b&gt;" in notebook[0]["text/html"]
    assert "✗ Not this one. Count again & see." in notebook[0]["text/plain"]
    yes.click()
    assert "✓ Right. One is less." in told(1)
    assert "1 of 2 answered right" in quizzes._open["90"]._head.value
    assert progress.tried_options("90") == {1: ["no <b>", "yes"]}


def test_what_was_answered_is_there_when_the_quiz_is_shown_again(notebook):
    QUIZ.show()
    buttons()[2][1].click()
    QUIZ.show()
    assert [button.description for button in buttons()[2]] == ["a) a", "✓ b) b", "c) c"]
    assert "✓ Right. Yes." in told(2) and told(1) == ""
    assert "1 of 2 answered right" in quizzes._open["90"]._head.value
    assert notebook[2]["text/html"].count("<details open>") == 1


def test_an_answer_in_a_line_marks_the_buttons_too(notebook):
    QUIZ.show()
    QUIZ.answer(2, "c")
    assert buttons()[2][2].description == "✗ c) c"
    assert notebook[0]["text/html"].count("<details open>") == 1


def test_a_damaged_record_hides_neither_quiz_nor_verdict(notebook, course_output):
    path = course_output / "progress.json"
    path.write_text("{")
    QUIZ.show()
    assert (
        "Earlier answers are not known" in quizzes._open["90"]._head.value
        and "damaged" in quizzes._open["90"]._head.value
    )
    buttons()[1][0].click()
    assert "✓ Right." in told(1)
    assert "damaged" in quizzes._open["90"]._head.value  # the line of the file that was set aside
    assert json.loads(path.read_text())["quizzes"]["90.1"]["solved"]


def test_a_click_that_cannot_be_kept_says_so(notebook, monkeypatch):
    def full(*_, **__):
        raise CourseError("cannot write progress.json (no space left): free some space")

    QUIZ.show()
    monkeypatch.setattr(progress, "record_answer", full)
    buttons()[1][0].click()
    assert "✓ Right." in told(1)
    assert "Not recorded: cannot write progress.json" in quizzes._open["90"]._head.value


@pytest.mark.parametrize(
    ("options", "complaint"),
    [
        ((Option("a", "w", right=True),), "2 to 8 options, not 1"),
        (tuple(Option(str(i), "w", right=i == 0) for i in range(9)), "2 to 8 options, not 9"),
        ((Option("a", "w"), Option("b", "w")), "exactly one right"),
        ((Option("a", "w", right=True), Option("b", "w", right=True)), "exactly one right"),
        ((Option("a", "w", right=True), Option("a", "v")), "two options with the same words"),
    ],
)
def test_malformed_question_is_refused(options, complaint):
    with pytest.raises(CourseError, match=complaint):
        Question("?", options)
