"""The certificate: what was solved and run, honestly, in a page that needs nothing else."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from helpers import cli, lessons
from helpers.course import progress, scoreboard
from helpers.course.certificate import GENERATOR, HONESTY
from helpers.course.web_page import html_table, web_page
from helpers.errors import CourseError
from helpers.lessons import certificate, lesson_module

ROW = {
    "lesson": "03", "strategy": "linear <b>probe</b>", "dataset": "painted flowers", "backbone": "efficientnet_lite0",
    "accuracy": 0.9, "accuracy_sd": 0.01, "test_images": 50, "trainable_parameters": 1234, "seconds": 2.0,
    "device": "cpu, 2 threads", "per_class": 12, "seeds": 3,
}  # fmt: skip


def text_of(path: Path) -> str:
    """The page's text, without its tags."""
    return re.sub(r"<[^>]+>", " ", path.read_text(encoding="utf-8").partition("</style>")[2])


def test_nothing_done_is_a_page_too(course_output: Path, capsys) -> None:
    path = certificate()
    assert path == course_output / "certificate.html"
    total = sum(len(lesson_module(number).EXERCISES) for number in lessons.lesson_numbers())
    assert f"0 of {total} exercises solved, 0 hints asked for" in text_of(path)
    assert f"0 of {total}" in capsys.readouterr().out
    assert "Nothing was run yet." in text_of(path)
    assert " ".join(HONESTY.split()) in " ".join(text_of(path).split())


def test_what_was_solved_tried_and_asked_for(course_output: Path) -> None:
    for outcome in ("incorrect", "correct", "error"):  # a later slip does not undo a right answer
        progress.record("0.1", outcome)
    progress.record("0.2", "incorrect")
    progress.count_hint("0.2")
    progress.record("90.1", "correct")  # of another version of the course
    scoreboard.add(scoreboard.Row(**ROW))
    text = " ".join(text_of(certificate(name="Ada <i>Lovelace</i>")).split())
    assert "1 of" in text and "1 hint asked for" in text
    one, two, three = lesson_module("00").EXERCISES
    assert f"{one.number} {one.title} {one.level} solved 3 0" in text
    assert f"{two.number} {two.title} {two.level} tried 1 1" in text
    assert f"{three.number} {three.title} {three.level} open 0 0" in text
    assert "1 of 3 solved in 00 Start here" in text
    assert "0.900 ± 0.010 (3 seeds)" in text
    assert "90.1" not in text
    assert "the record of Ada &lt;i&gt;Lovelace&lt;/i&gt;" in text and "linear &lt;b&gt;probe&lt;/b&gt;" in text


def test_the_page_asks_nobody_for_anything(course_output: Path) -> None:
    scoreboard.add(scoreboard.Row(**ROW))
    page = certificate().read_text(encoding="utf-8")
    assert re.findall(r'(?:href|src)="(?!data:)', page) == []
    assert "<script" not in page and "default-src 'none'" in page
    assert page.count("<caption>") == page.count("<table>") == len(lessons.lesson_numbers()) + 1


def test_an_earlier_certificate_is_replaced_and_nothing_else_is(course_output: Path, tmp_path: Path) -> None:
    path = certificate(tmp_path / "new" / "mine.html")
    first = path.read_text(encoding="utf-8")
    progress.record("0.1", "correct")
    assert certificate(path).read_text(encoding="utf-8") != first
    other = tmp_path / "thesis.html"
    other.write_text("<p>mine</p>")
    with pytest.raises(CourseError, match="is there already and is no certificate"):
        certificate(other)
    assert other.read_text() == "<p>mine</p>"
    with pytest.raises(CourseError, match="is a folder"):
        certificate(tmp_path)
    with pytest.raises(CourseError, match="cannot write"):
        certificate(other / "in a file.html")


def test_a_damaged_record_is_told_and_no_page_written(course_output: Path) -> None:
    (course_output / "progress.json").write_text(json.dumps({"0.1": {}}))
    with pytest.raises(CourseError, match=r"no record of exercise 0\.1"):
        certificate()
    assert not (course_output / "certificate.html").exists()


def test_a_lesson_whose_start_was_changed_keeps_its_number(course_output: Path, monkeypatch) -> None:
    def gone(self: object) -> None:
        raise CourseError("03 does not begin with a heading and a promise: get it again")

    monkeypatch.setattr("helpers.course.lessons.Lesson.title_and_promise", gone)
    assert "solved in Lesson 03" in text_of(certificate())


def test_the_command(course_output: Path, tmp_path: Path, capsys) -> None:
    assert cli.main(["certificate", str(tmp_path / "me.html"), "--name", "Ada"]) == 0
    assert str(tmp_path / "me.html") in capsys.readouterr().out
    assert GENERATOR in (tmp_path / "me.html").read_text(encoding="utf-8")
    assert cli.main(["certificate", str(tmp_path)]) == cli.BAD_USAGE
    assert capsys.readouterr().err.count("\n") == 1


def test_a_table_says_which_cells_count_and_escapes_all() -> None:
    table = html_table('a "b"', ["<name>", "n"], [["<x>", 1], ["y", 2]], marked={(1, 1)})
    assert 'aria-label="a &quot;b&quot;"' in table
    assert '<th scope="col">&lt;name&gt;</th><th scope="col" class="number">n</th>' in table
    assert '<th scope="row">&lt;x&gt;</th><td class="number">1</td>' in table
    assert '<td class="number right">2</td>' in table
    assert web_page("<t>", "<p>body</p>").count("&lt;t&gt;") == 2
