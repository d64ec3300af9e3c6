"""A quiz in a notebook: a page that can be saved, and in front of a kernel buttons that take answers.

The page is HTML: it works in a saved notebook and on a website, but nobody hears of what is opened there. The buttons
are widgets: a click reaches the kernel, which keeps the answer, and marks it on the page as well, for the next reader
of the file. A style sheet shows one of the two: the page gives way to the buttons, and where their state is gone (a
notebook that is opened again) their place stays empty. Where a front end does not know these rules, both are there.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from IPython.display import display

from helpers.course import html
from helpers.course.questions import LETTERS, Option, Question

Record = Callable[[int, Option], str]

_STYLE = f"""<style>
.jp-OutputArea:has(.course-quiz-buttons) .course-quiz-page {{ display: none; }}
{html.lost_widgets_hidden("course-quiz-page")}
.course-quiz-buttons {{ border-left: 6px solid {html.BLUE}; padding: 6px 12px; margin: 4px 0; }}
.course-quiz-buttons .widget-html {{ height: auto; }}
.course-quiz-buttons .widget-html-content {{ line-height: 1.5; white-space: normal; }}
.course-quiz-buttons .jupyter-button {{
  width: auto; max-width: 100%; height: auto; min-height: 28px; padding: 4px 10px; margin: 2px 0;
  line-height: 1.4; white-space: normal; text-align: left; align-self: flex-start;
  border: 1px solid #8a8a8a; border-radius: 4px; box-shadow: none;
  background: var(--jp-layout-color2, #f3f3f3); color: var(--jp-ui-font-color1, #222);
}}
.course-quiz-buttons .jupyter-button:focus-visible {{ outline: 3px solid {html.BLUE}; outline-offset: 1px; }}
.course-quiz-buttons .course-quiz-right {{ border-left: 6px solid {html.GREEN}; }}
.course-quiz-buttons .course-quiz-wrong {{ border-left: 6px solid {html.VERMILLION}; }}
</style>"""


def colour(option: Option) -> str:
    return html.GREEN if option.right else html.VERMILLION


def as_text(lesson: str, questions: Sequence[Question], tried: Mapping[int, Sequence[int]]) -> str:
    """The quiz in plain text; of the options only those that were `tried` (places, by question) say why."""
    asked = [_question_as_text(n, question, tried.get(n, ())) for n, question in enumerate(questions, 1)]
    return "\n\n".join([f"Quick quiz {lesson}", *asked, f'To answer: quiz("{lesson}").answer(1, "a")'])


def _question_as_text(number: int, question: Question, tried: Sequence[int]) -> str:
    lines = [f"{number}. {question.text}"]
    for place, (letter, option) in enumerate(zip(LETTERS, question.options, strict=False)):
        lines.append(f"   {letter}) {option.text}" + (f"\n      {option.verdict}" if place in tried else ""))
    return "\n".join(lines)


def as_page(lesson: str, questions: Sequence[Question], tried: Mapping[int, Sequence[int]]) -> str:
    """The quiz as HTML without a kernel: each option opens its answer, and those that were tried are open."""
    title = f"Quick quiz {lesson}"
    asked = [_question_as_html(n, question, tried.get(n, ())) for n, question in enumerate(questions, 1)]
    line = "<p><em>Run this cell, and your answers are kept.</em></p>"
    body = html.box(html.BLUE, f"<strong>{title}</strong>{''.join(asked)}{line}", title)
    return f'{_STYLE}<div class="course-quiz-page">{body}</div>'


def _question_as_html(number: int, question: Question, tried: Sequence[int]) -> str:
    folds = "".join(
        html.fold(_label(place, option, tried), _why(option, f"Option {LETTERS[place]}"), opened=place in tried)
        for place, option in enumerate(question.options)
    )
    return f'<p style="margin:12px 0 2px"><strong>{number}.</strong> {html.inline(question.text)}</p>{folds}'


def _label(place: int, option: Option, tried: Sequence[int]) -> str:
    sign = "" if place not in tried else "✓ " if option.right else "✗ "
    return f"{sign}{LETTERS[place]}) {option.text}"


def _why(option: Option, label: str) -> str:
    return html.box(colour(option), html.inline(option.verdict), label)


class QuizPanel:
    """The quiz on the page, and its buttons.

    Args:
        lesson: its number, such as "03".
        questions: what is asked.
        tried: by question, the places of the options that were chosen before, the earliest first.
        record: keeps a click, and returns what there is to tell of that, mostly nothing.
    """

    def __init__(self, lesson: str, questions: Sequence[Question], tried: Mapping[int, list[int]], record: Record):
        self._lesson, self._questions, self._record = lesson, questions, record
        self._tried = {number: list(tried.get(number, [])) for number in range(1, len(questions) + 1)}

    def show(self, trouble: str = "") -> None:
        """Display both; `trouble` is told beneath the title."""
        import ipywidgets

        self._page = display(self._bundle(), raw=True, display_id=True)
        self._head = ipywidgets.HTML()
        self._asked = {n: _Asked(n, question, self._click) for n, question in enumerate(self._questions, 1)}
        box = ipywidgets.VBox([self._head, *(asked.box for asked in self._asked.values())])
        box.add_class("course-quiz-buttons")
        for number, places in self._tried.items():
            for place in places:
                self._asked[number].mark(place)
        self._tell(trouble)
        line = f'No buttons here: quiz("{self._lesson}").answer(1, "a")'
        display({**box._repr_mimebundle_(), "text/plain": line}, raw=True)

    def mark(self, question: int, place: int, told: str = "") -> None:
        """Show an answer that was given, on the buttons and on the page."""
        if place not in self._tried[question]:
            self._tried[question].append(place)
        self._asked[question].mark(place)
        self._tell(told)
        self._page.update(self._bundle(), raw=True)

    def _click(self, question: int, place: int) -> None:
        told = self._record(question, self._questions[question - 1].options[place])
        self.mark(question, place, told)

    def _bundle(self) -> dict[str, str]:
        quiz = self._lesson, self._questions, self._tried
        return {"text/plain": as_text(*quiz), "text/html": as_page(*quiz)}

    def _tell(self, trouble: str) -> None:
        done = sum(
            any(question.options[place].right for place in self._tried[number])
            for number, question in enumerate(self._questions, 1)
        )
        title = f"<strong>Quick quiz {self._lesson}</strong>: {done} of {len(self._questions)} answered right"
        how = "Click an option, or choose it with Tab and press the space bar."
        self._head.value = f"{title}<br><em>{how}</em>" + (f"<br>{html.inline(trouble)}" if trouble else "")


class _Asked:
    """One question with its buttons, and beneath them why the option that was chosen last is right or wrong."""

    def __init__(self, number: int, question: Question, click: Callable[[int, int], None]):
        import ipywidgets

        self._number, self._question = number, question
        asked = ipywidgets.HTML(f"<strong>{number}.</strong> {html.inline(question.text)}")
        self.buttons = [
            ipywidgets.Button(
                description=_on_a_button(_label(place, option, ())),
                tooltip=f"Question {number}, option {LETTERS[place]}",
            )
            for place, option in enumerate(question.options)
        ]
        for place, button in enumerate(self.buttons):
            button.on_click(lambda _, place=place: click(number, place))
        self.why = ipywidgets.HTML()
        self.box = ipywidgets.VBox([asked, *self.buttons, self.why])

    def mark(self, place: int) -> None:
        option, button = self._question.options[place], self.buttons[place]
        button.description = _on_a_button(_label(place, option, (place,)))
        button.add_class("course-quiz-right" if option.right else "course-quiz-wrong")
        told = _why(option, f"Question {self._number}, option {LETTERS[place]}")
        self.why.value = f'<div role="status">{told}</div>'


def _on_a_button(label: str) -> str:
    """A button shows no code in another type."""
    return label.replace("`", "")
