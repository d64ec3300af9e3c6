"""Whose exception it was that stopped a check, and where in the learner's own lines."""

from __future__ import annotations

import dis
import functools
import inspect
import linecache
import re
import sysconfig
import traceback
from collections.abc import Iterable
from pathlib import Path

import helpers
from helpers.course.time_limit import TimeLimit
from helpers.course.verdicts import input_of
from helpers.errors import capital, first_line, name_of


def blame(error: BaseException, answers: tuple[object, ...], declared_in: str) -> str:
    """The learner's own exception, cut to the learner's own lines. `declared_in` is the file of the exercise."""
    said = f"`{name_of(type(error))}: {first_line(error)}`"
    places = _in_words(traceback.extract_tb(error.__traceback__), declared_in)
    if places:
        return capital(f"{input_of(error)} your code stopped with {said}. {places}.".lstrip())
    if issubclass(type(error), TypeError) and any(_names_the_call(answer, str(error)) for answer in answers):
        return f"The check calls your function as the exercise asks, and Python says {said}."
    return f"The check cannot use what your code gave back: {said}. Compare its type and shape with the task."


def took_too_long(limit: TimeLimit, declared_in: str) -> str:
    """What a learner reads whose answer was stopped by `limit`."""
    places = _in_words(limit.was_at, declared_in)
    caught = (
        " Your code caught the exception that was to stop it: `except BaseException` and a bare `except:` catch Ctrl+C "
        "as well, and `except Exception` lets both by."
    )
    return (
        f"The check took longer than {limit.seconds:g} s and was stopped{f' at {places}' if places else ''}. That "
        "usually means a loop that never ends, a wait for what never comes, or far more work than the task asks for."
        + caught
        * (limit.caught > 0)
    )


def _in_words(frames: Iterable[traceback.FrameSummary], declared_in: str) -> str:
    """The learner's lines among these frames, the last three; empty where there is none."""
    lines = [
        f"line {frame.lineno}, in `{frame.name}`: `{linecache.getline(frame.filename, frame.lineno).strip() or '?'}`"
        for frame in frames
        if is_learners(frame.filename) and frame.filename != declared_in
    ]
    return "; then ".join(lines[-3:])


_NOT_THE_LEARNERS = tuple(
    {
        Path(folder).resolve()
        for folder in (
            *(sysconfig.get_path(kind) for kind in ("stdlib", "platstdlib", "purelib", "platlib")),
            Path(helpers.__file__).parent,
        )
    }
)


@functools.lru_cache(maxsize=4096)
def is_learners(filename: str) -> bool:
    """Whether code of this file is the learner's: neither Python's nor a package's nor the course's."""
    if filename.startswith("<frozen"):
        return False
    return filename.startswith("<") or not any(map(Path(filename).resolve().is_relative_to, _NOT_THE_LEARNERS))


def is_ctrl_c(error: BaseException) -> bool:
    """Whether a signal has stopped the check, and no `raise KeyboardInterrupt` of an answer."""
    innermost = error.__traceback__
    if not issubclass(type(error), KeyboardInterrupt) or innermost is None:
        return False
    while innermost.tb_next:
        innermost = innermost.tb_next
    return innermost.tb_frame.f_code.co_code[innermost.tb_lasti] != dis.opmap["RAISE_VARARGS"]


def _names_the_call(answer: object, message: str) -> bool:
    """Whether Python's message is of a call with the wrong arguments: "f() takes ...", "A.__init__() missing ..."."""
    if not (inspect.isroutine(answer) or inspect.isclass(answer)):
        return False
    named = answer.__mro__ if inspect.isclass(answer) else (answer,)  # a class may inherit its __init__
    names = "|".join(re.escape(one.__name__) for one in named)
    return re.search(rf"(?<!\w)({names})(\.\w+)?\(\)", message) is not None
