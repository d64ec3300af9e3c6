"""The words that a template asks for: from a title, the names of a class, a function and a file."""

from __future__ import annotations

import builtins
import keyword
import re
from pathlib import Path
from string import Template

from helpers.errors import CourseError

TEMPLATES = Path(__file__).parent / "templates"
_MOST = 50  # characters of a title: it stands in a heading, and in the name of a file


def template(name: str, **words: str) -> str:
    """The template of this file name, each `$word` in it replaced.

    Raises:
        KeyError: the template has a word that is not given.
    """
    return Template((TEMPLATES / name).read_text(encoding="utf-8")).substitute(words)


def one_title(text: str) -> str:
    """The title, without space around it.

    Raises:
        CourseError: it cannot stand in a heading, in a Python string and, without its marks, in a name.
    """
    title = " ".join(text.split())
    if not re.fullmatch(r"[A-Za-z][A-Za-z0-9 ,'-]*", title) or len(title) > _MOST:
        raise CourseError(
            f"{text!r} is no title: begin with a letter, go on with letters, digits, spaces and , ' -, and use at "
            f"most {_MOST} characters"
        )
    return title


def function_name(title: str) -> str:
    """`count_what_moves` for "count what moves".

    Raises:
        CourseError: that is a word of Python, which a function of this name would hide.
    """
    name = "_".join(_parts(title)).lower()
    if keyword.iskeyword(name) or name in dir(builtins):
        raise CourseError(f"{title!r} would name a function {name}, a word of Python: say it in two words")
    return name


def class_name(title: str) -> str:
    """`CountWhatMoves` for "count what moves"."""
    return "".join(part[:1].upper() + part[1:] for part in _parts(title))


def _parts(title: str) -> list[str]:
    return re.findall(r"[A-Za-z0-9]+", title.replace("'", ""))
