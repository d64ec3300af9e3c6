"""The glossary: every term is linked from its first use in the lessons, and says where it is shown."""

from __future__ import annotations

import functools
import re
from collections.abc import Iterator
from dataclasses import dataclass

import nbformat
import pytest
from nbformat import NotebookNode

from helpers.course.lessons import Lesson, all_lessons
from helpers.course.rewriting import normalised, text_of
from helpers.places import repository

FILE = repository() / "docs" / "glossary.ipynb"

# What is no running text: code, mathematics, where links lead, headings and tables.
CODE, REST = r"`[^`]*`", r"```[\s\S]*?```|\$[^$]*\$|\]\([^)]*\)|https?://\S+|^#+ .*$|^\|.*$"
NOT_OF_THE_SUBJECT = "how-a-lesson-works"  # there "parameters" are those of a notebook
LINK = re.compile(r"\[([^\]]*)\]\(\.\./docs/glossary\.ipynb#([^)]+)\)")


@dataclass(frozen=True)
class Term:
    """One term: its name, other forms of it, what it means, and the heading that shows it."""

    name: str
    forms: tuple[str, ...]
    meaning: str
    shown_in: str  # the file of a lesson
    heading: str  # the anchor that JupyterLab gives to a heading there

    @property
    def anchor(self) -> str:
        return anchor_of(self.name)

    def uses(self, text: str) -> Iterator[re.Match[str]]:
        """Where the text has the term, in any of its forms; a name with capitals keeps them."""
        forms = sorted((self.name, *self.forms), key=len, reverse=True)
        words = "|".join(re.escape(form).replace(r"\ ", r"\s+") for form in forms)
        return re.finditer(rf"(?<![\w-])(?:{words})s?(?![\w-])", text, 0 if re.search("[A-Z]", self.name) else re.I)


def anchor_of(heading: str) -> str:
    """JupyterLab's own rule: the heading's text, with a hyphen for each space."""
    return heading.replace("`", "").replace(" ", "-")


def terms_of(notebook: NotebookNode) -> list[Term]:
    found = []
    for cell in notebook.cells[1:]:
        parsed = re.fullmatch(
            r"## (?P<name>.+)\n\n(?:\*Also: (?P<forms>.+)\.\*\n\n)?(?P<meaning>[\s\S]+\.)\n\n"
            r"Shown in \[[^\]]+\]\(\.\./notebooks/(?P<file>[^#)]+)#(?P<heading>[^)]+)\)\.",
            cell.source,
        )
        assert parsed, f"cell {cell.id} has another form than the others"
        forms = tuple((parsed["forms"] or "").split(", ")) if parsed["forms"] else ()
        found.append(Term(parsed["name"], forms, parsed["meaning"], parsed["file"], parsed["heading"]))
    return found


@functools.cache
def markdown_of(lesson: Lesson) -> tuple[NotebookNode, ...]:
    return tuple(cell for cell in lesson.read().cells if cell.cell_type == "markdown")


def source_of(lesson: Lesson) -> str:
    return "\n\n".join(cell.source for cell in markdown_of(lesson))


def running_text(lesson: Lesson, *, code: bool = False) -> str:
    """What a reader of the lesson reads as sentences; links stay, with where they lead blanked out.

    Nor is the promise beneath the title part of it: lesson 00 shows it as plain text.
    """
    cells = [cell for cell in markdown_of(lesson) if cell.id != NOT_OF_THE_SUBJECT]
    first = cells[0].source.split("\n\n", 2)[2]
    text = "\n\n".join([first, *(cell.source for cell in cells[1:])]).replace("*", "")
    text = LINK.sub(lambda link: f"[{link[1]}]\0{link[2]}\0", text)
    return re.sub(REST if code else f"{REST}|{CODE}", " ", text, flags=re.MULTILINE)


def first_use(term: Term, texts: dict[bool, list[str]]) -> str:
    """The first use with what follows it, up to where a link would end."""
    for text in texts["`" in "".join(term.forms)]:
        for use in term.uses(re.sub("\0[^\0]*\0", lambda leads: "\0" * len(leads[0]), text)):
            return text[max(0, use.start() - 1) : use.end() + len(term.anchor) + 3]
    raise AssertionError(f"no lesson uses {term.name}")


def is_linked(term: Term, use: str) -> bool:
    return use.startswith("[") and use.endswith(f"]\0{term.anchor}\0")


NOTEBOOK = nbformat.read(FILE, as_version=4)
TERMS = terms_of(NOTEBOOK)
BY_TERM = pytest.mark.parametrize("term", TERMS, ids=lambda term: term.anchor)


@pytest.fixture(scope="module")
def texts() -> dict[bool, list[str]]:
    return {code: [running_text(lesson, code=code) for lesson in all_lessons()] for code in (False, True)}


def test_it_holds_text_alone_in_the_order_of_the_alphabet():
    assert {cell.cell_type for cell in NOTEBOOK.cells} == {"markdown"}
    assert text_of(normalised(NOTEBOOK)) == FILE.read_text(encoding="utf-8")
    names = [term.name.lower() for term in TERMS]
    assert names == sorted(set(names))
    assert len(names) >= 60


@BY_TERM
def test_the_first_use_is_a_link(term, texts):
    use = first_use(term, texts)
    assert is_linked(term, use), f"link it to glossary.ipynb#{term.anchor}: {use!r}"


@BY_TERM
def test_what_shows_it_is_there(term):
    (lesson,) = [one for one in all_lessons() if one.path.name == term.shown_in]
    headings = re.findall(r"^#{2,} (.+)$", source_of(lesson), flags=re.MULTILINE)
    assert term.heading in map(anchor_of, headings)


@pytest.mark.parametrize("lesson", all_lessons(), ids=lambda lesson: lesson.name)
def test_every_link_into_the_glossary_leads_somewhere(lesson):
    assert {anchor for _, anchor in LINK.findall(source_of(lesson))} <= {term.anchor for term in TERMS}


# The tests themselves --------------------------------------------------------------------------------

RATE = Term("learning rate", ("learning-rate",), "How far a step goes.", "x", "y")


@pytest.mark.parametrize(
    ("text", "linked"),
    [
        ("a [learning rate]\0learning-rate\0 of 1, and a learning rate of 2", True),
        ("a learning rate of 2, and a [learning rate]\0learning-rate\0 of 1", False),
        ("a [learning rate]\0loss\0 of 1", False),
        ("the [learning\nrates]\0learning-rate\0 of 1", True),
        ("a [large learning rate]\0learning-rate\0", False),
    ],
)
def test_a_first_use_without_its_link_would_be_found(text, linked):
    assert is_linked(RATE, first_use(RATE, {False: ["nothing", text], True: []})) is linked


def test_a_use_within_another_word_is_none():
    assert not list(RATE.uses("nonlearning rated, e-learning rate"))
    assert not list(Term("LoRA", (), "", "", "").uses("lora, LoRAX"))
