"""What a name may hold is shown as it is written, in captions, tables and panels."""

from __future__ import annotations

import html
import re

import pytest

from helpers.course.html import escaped, inline, lines, table

NAMES = ["$x^$ $5", "<b>cats</b>", "a & b", '"quoted"', "$$"]


def seen(markup: str) -> str:
    """The text that a browser shows."""
    return html.unescape(re.sub(r"</?(span|code)>", "", markup))


@pytest.mark.parametrize("name", NAMES)
def test_a_name_is_text_and_no_dollar_stands_beside_other_text(name):
    shown = [escaped(name), inline(name), *re.findall(r"<t[hd] [^>]*>(.*?)</t[hd]>", table([{name: name}]))]
    assert len(shown) == 4
    for markup in shown:
        assert seen(markup) == name
        assert all(piece == "$" for piece in re.split(r"<[^>]+>", markup) if "$" in piece)


def test_code_between_backticks_stays_code():
    assert inline("`a$b` is < c") == "<code>a<span>$</span>b</code> is &lt; c"


def test_each_line_of_a_text_is_a_line():
    assert lines("a: `b`\nc < d") == "a: <code>b</code><br>c &lt; d"
