"""What an exercise shows: a panel in a notebook, plain text everywhere else."""

from __future__ import annotations

from helpers.course import html
from helpers.course.display import show
from helpers.course.verdicts import Outcome, Report, Task

# Each outcome has a sign, a word and a colour, so that none has to be told by its colour.
_LOOKS = {
    Outcome.CORRECT: ("✓", "correct", html.GREEN),
    Outcome.INCORRECT: ("✗", "not yet", html.VERMILLION),
    Outcome.NOT_ATTEMPTED: ("…", "not attempted yet", html.BLUE),
    Outcome.ERROR: ("!", "stopped with an error", html.PURPLE),
}

# Under this key a check leaves its outcome in the notebook, for `python -m helpers run` and for graders.
CHECK_MIME = "application/vnd.transfer-course.check+json"


def show_report(exercise: Task, report: Report) -> None:
    """The verdict, its reason, and two buttons: the next hint, and the reference answer."""
    sign, word, colour = _LOOKS[report.outcome]
    head = f"Exercise {exercise.number}, {exercise.title}: {word}."
    todo = "" if report.outcome is Outcome.CORRECT else f'\nFor a hint: exercise("{exercise.number}").hint()'
    body = (
        f"<strong>{sign} {html.inline(head)}</strong> "
        f"<em>({exercise.level}, about {exercise.minutes} min)</em>"
        f"<div>{html.lines(report.message)}</div>{_hints(exercise)}{_answer(exercise)}"
    )
    show(
        f"[{sign}] {head}" + (f"\n{report.message}" if report.message else "") + todo,
        html.box(colour, body, f"Exercise {exercise.number}"),
        {CHECK_MIME: {"exercise": report.number, "outcome": str(report.outcome), "message": report.message}},
    )


def show_hint(exercise: Task, index: int, *, again: bool = False) -> None:
    """One hint, and how many there are; `again` says that all have been shown before."""
    head = f"Hint {index + 1} of {len(exercise.hints)} for exercise {exercise.number}"
    head = f"You have seen every hint; they begin again. {head}" if again else head
    body = f"<strong>{head}</strong><div>{html.inline(exercise.hints[index])}</div>"
    show(f"{head}: {exercise.hints[index]}", html.box(html.BLUE, body, head))


def show_solution(exercise: Task) -> None:
    """The reference answer, as code to read."""
    head = f"One answer to exercise {exercise.number}"
    body = f"<strong>{head}</strong>{html.code(exercise.answer_source)}"
    show(f"{head}:\n\n{exercise.answer_source}", html.box(html.BLUE, body, head))


def _hints(exercise: Task) -> str:
    """Each hint holds the button of the next, so that they open one after the other."""
    nested = ""
    for index in range(len(exercise.hints) - 1, -1, -1):
        name = "Hint" if len(exercise.hints) == 1 else f"Hint {index + 1} of {len(exercise.hints)}"
        nested = html.fold(name, html.inline(exercise.hints[index]) + nested)
    return nested


def _answer(exercise: Task) -> str:
    return html.fold("Show one answer", html.code(exercise.answer_source))
