"""The learner's record: what it keeps, two copies that meet, resets, a map of the course, and a class."""

from __future__ import annotations

import copy
import json
import re
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from helpers import cli, lessons
from helpers.course import course_map, progress, progress_form
from helpers.course.course_map import Outline
from helpers.course.progress_form import merged, require, without
from helpers.errors import CourseError

EARLY, LATE = "2026-11-01T08:00:00Z", "2026-11-27T20:03:00Z"

# Records as they can be, on few names, so that two of them often speak of the same exercise.
MOMENTS = st.sampled_from([EARLY, "2026-11-02T00:00:00Z", LATE])
EXERCISES = st.fixed_dictionaries(
    {
        "attempts": st.integers(0, 3),
        "hints": st.integers(0, 3),
        "latest": st.sampled_from([None, "error", "incorrect", "correct", "of another version"]),
        "solved": st.booleans(),
    }
)
QUESTIONS = st.fixed_dictionaries({"tried": st.dictionaries(st.sampled_from("abc"), MOMENTS), "solved": st.booleans()})
LESSONS = st.tuples(MOMENTS, MOMENTS).map(lambda both: {"first": min(both), "last": max(both)})
RECORDS = st.builds(
    lambda exercises, rest: {**exercises, **rest},
    st.dictionaries(st.sampled_from(["0.1", "3.2", "10.1"]), EXERCISES),
    st.fixed_dictionaries(
        {},
        optional={
            "format": st.just(2),
            "quizzes": st.dictionaries(st.sampled_from(["00.1", "03.2"]), QUESTIONS),
            "lessons": st.dictionaries(st.sampled_from(["00", "03"]), LESSONS),
        },
    ),
)


@pytest.fixture
def clock(monkeypatch):
    """Sets the moment that the record is told."""

    def at(moment: str) -> None:
        monkeypatch.setattr(progress, "now", lambda: moment)

    return at


def on_disk(folder: Path) -> dict:
    return json.loads((folder / "progress.json").read_text(encoding="utf-8"))


# What is kept --------------------------------------------------------------------------------------


def test_everything_that_a_learner_does_is_kept(course_output, clock):
    clock(EARLY)
    progress.record("3.2", "incorrect")
    progress.count_hint("3.2")
    clock(LATE)
    progress.record("3.2", "correct")
    progress.record_answer("03", 1, "Nothing", right=False)
    progress.record_answer("03", 1, "The statistics", right=True)
    assert on_disk(course_output) == {
        "format": 2,
        "3.2": {"attempts": 2, "hints": 1, "latest": "correct", "solved": True},
        "quizzes": {"03.1": {"tried": {"Nothing": LATE, "The statistics": LATE}, "solved": True}},
        "lessons": {"03": {"first": EARLY, "last": LATE}},
    }
    assert progress.tried_options("03") == {1: ["Nothing", "The statistics"]}
    assert progress.tried_options("04") == {}


def test_a_wrong_click_after_the_right_one_does_not_undo_it(course_output, clock):
    clock(EARLY)
    progress.record_answer("03", 1, "right", right=True)
    clock(LATE)
    progress.record_answer("03", 1, "wrong", right=False)
    progress.record_answer("03", 1, "right", right=True)
    entry = on_disk(course_output)["quizzes"]["03.1"]
    assert entry == {"tried": {"right": EARLY, "wrong": LATE}, "solved": True}


def test_a_clock_that_is_set_back_makes_no_negative_time(course_output, clock):
    clock(LATE)
    progress.record("3.2", "correct")
    clock(EARLY)
    progress.record("3.1", "correct")
    assert on_disk(course_output)["lessons"]["03"] == {"first": EARLY, "last": LATE}


def test_an_untouched_stub_leaves_no_trace(course_output):
    progress.record("3.2", "not_attempted")
    assert not (course_output / "progress.json").exists()


def test_a_file_of_the_first_version_is_read_and_goes_on(course_output):
    old = {"3.2": {"attempts": 4, "hints": 1, "latest": "correct", "solved": True}}
    (course_output / "progress.json").write_text(json.dumps(old))
    assert progress.read() == old
    progress.record("3.2", "incorrect")
    assert on_disk(course_output)["3.2"] == {"attempts": 5, "hints": 1, "latest": "incorrect", "solved": True}


GOOD = {
    "format": 2,
    "3.2": {"attempts": 1, "hints": 0, "latest": "correct", "solved": True},
    "quizzes": {"03.1": {"tried": {"a": EARLY}, "solved": True}},
    "lessons": {"03": {"first": EARLY, "last": LATE}},
}


def spoiled(*where: str, value: object) -> dict:
    record = copy.deepcopy(GOOD)
    inner = record
    for key in where[:-1]:
        inner = inner[key]
    inner[where[-1]] = value
    return record


@pytest.mark.parametrize(
    ("found", "told"),
    [
        (spoiled("format", value=3), "newer version of the course"),
        (spoiled("format", value="2"), "a format that is none"),
        (spoiled("format", value=True), "a format that is none"),
        (spoiled("format", value=-1), "a format that is none"),
        (spoiled("name", value="Ada"), "no record of exercise name"),
        (spoiled("3.2", "attempts", value=True), r"no record of exercise 3\.2"),
        (spoiled("3.2", "hints", value=-1), r"no record of exercise 3\.2"),
        (spoiled("3.2", "latest", value=5), r"no record of exercise 3\.2"),
        (spoiled("3.2", "solved", value="yes"), r"no record of exercise 3\.2"),
        (spoiled("quizzes", value=[]), "holds no quiz records"),
        (spoiled("quizzes", "03.1", value=None), r"no record of quiz 03\.1"),
        (spoiled("quizzes", "03.1", "tried", value=["a"]), r"no record of quiz 03\.1"),
        (spoiled("quizzes", "03.1", "tried", "a", value="yesterday"), r"no record of quiz 03\.1"),
        (spoiled("quizzes", "03.1", "tried", "a", value="2026-13-01T00:00:00Z"), r"no record of quiz 03\.1"),
        (spoiled("quizzes", "3.1", value={"tried": {}, "solved": False}), r"no record of quiz 3\.1"),
        (spoiled("lessons", "03", "last", value=None), "no record of lesson 03"),
        (spoiled("lessons", "03", value={}), "no record of lesson 03"),
    ],
)
def test_a_record_that_is_none_is_told_in_one_line(course_output, found, told):
    require(Path("x"), GOOD)
    path = course_output / "progress.json"
    path.write_text(json.dumps(found))
    for use in (progress.read, lambda: progress.load(path), lambda: progress.tried_options("03")):
        with pytest.raises(CourseError, match=told) as error:
            use()
        assert "\n" not in str(error.value) and ": " in str(error.value)
    assert json.loads(path.read_text()) == found


# Two copies ----------------------------------------------------------------------------------------


@given(RECORDS, RECORDS, RECORDS)
@settings(max_examples=100, deadline=None)
def test_the_order_of_merging_does_not_matter(one, other, third):
    before = copy.deepcopy((one, other))
    both = merged(one, other)
    assert both == merged(other, one)
    assert merged(both, other) == both == merged(both, both)
    assert merged(both, third) == merged(one, merged(other, third))
    assert (one, other) == before
    require(Path("merged"), both)


@given(RECORDS, RECORDS)
@settings(max_examples=100, deadline=None)
def test_merging_loses_nothing(one, other):
    both = merged(one, other)
    for known in (one, other):
        for number, entry in progress_form.exercises_in(known).items():
            kept = both[number]
            assert kept["solved"] >= entry["solved"]
            assert kept["attempts"] >= entry["attempts"] and kept["hints"] >= entry["hints"]
        for number, entry in known.get("quizzes", {}).items():
            kept = both["quizzes"][number]
            assert kept["solved"] >= entry["solved"]
            assert all(kept["tried"][option] <= moment for option, moment in entry["tried"].items())
        for number, entry in known.get("lessons", {}).items():
            kept = both["lessons"][number]
            assert kept["first"] <= entry["first"] <= entry["last"] <= kept["last"]


@given(RECORDS, RECORDS)
@settings(max_examples=100, deadline=None)
def test_merging_invents_nothing(one, other):
    both = merged(one, other)
    for number, kept in progress_form.exercises_in(both).items():
        entries = [known[number] for known in (one, other) if number in known]
        assert all(kept[key] in [entry[key] for entry in entries] for key in kept)
    for number, kept in both["quizzes"].items():
        entries = [known["quizzes"][number] for known in (one, other) if number in known.get("quizzes", {})]
        assert kept["tried"].keys() == set().union(*(entry["tried"] for entry in entries))


@given(RECORDS)
@settings(max_examples=50, deadline=None)
def test_a_lesson_that_is_forgotten_comes_back_with_a_merge(record):
    left = without(record, {"03"})
    assert not any(progress_form.lesson_of(n) == "03" for n in progress_form.exercises_in(left))
    assert not any(name.startswith("03") for section in ("quizzes", "lessons") for name in left[section])
    assert merged(left, record) == merged(record, {})


def test_the_copy_with_more_checks_knows_the_latest_outcome():
    few = {"3.2": {"attempts": 2, "hints": 0, "latest": "correct", "solved": True}}
    more = {"3.2": {"attempts": 5, "hints": 1, "latest": "error", "solved": False}}
    assert merged(few, more)["3.2"] == {"attempts": 5, "hints": 1, "latest": "error", "solved": True}


# The command ---------------------------------------------------------------------------------------

COURSE = [
    Outline("00", "00 Start here", ("0.1", "0.2"), 3),
    Outline("03", "03 Freeze <the> backbone", ("3.1", "3.2", "3.3"), 2),
]


@pytest.fixture
def course(monkeypatch, course_output):
    monkeypatch.setattr("helpers.lessons.course_outline", lambda: COURSE)
    return course_output


def test_the_command_shows_the_own_record(course, clock, capsys):
    clock(LATE)
    progress.record("3.2", "correct")
    progress.count_hint("3.2")
    progress.record_answer("03", 2, "x", right=True)
    progress.record_answer("00", 1, "x", right=False)
    progress.record("90.1", "correct")  # of another version of the course
    assert cli.main(["progress"]) == 0
    out = capsys.readouterr().out
    assert "The whole course: 1 of 5 exercises solved, 1 of 5 quiz questions answered right." in out
    when = f"{progress_form.local_time(LATE):%Y-%m-%d %H:%M}"
    assert re.search(rf"03 Freeze <the> backbone +1 of 3 +1 of 2 +1 +{when} +{when}\n", out)
    assert "no measure of work" in out and str(course / "progress.json") in out


def test_the_command_before_anything_was_done(course, capsys):
    assert cli.main(["progress"]) == 0
    assert re.search(r"00 Start here +0 of 2 +0 of 3 +0 +- +-\n", capsys.readouterr().out)
    assert not (course / "progress.json").exists()


def test_a_reset_forgets_one_lesson_and_a_merge_brings_it_back(course, capsys):
    for number in ("0.1", "3.1", "3.2"):
        progress.record(number, "correct")
    progress.record_answer("03", 1, "x", right=True)
    before = on_disk(course)
    assert cli.main(["progress", "--reset", "3"]) == 0
    kept = course / "progress.before-reset-1.json"
    assert str(kept) in capsys.readouterr().out
    assert progress.read().keys() == {"0.1"} and progress.tried_options("03") == {}
    assert cli.main(["progress", "--reset", "03"]) == 0
    assert "nothing is recorded of 03" in capsys.readouterr().out
    progress.record("3.3", "correct")
    assert cli.main(["progress", "--reset", "03"]) == 0
    assert (course / "progress.before-reset-2.json").exists()
    assert cli.main(["progress", "--merge", str(kept)]) == 0
    assert merged(on_disk(course), {}) == merged(before, {})


def test_a_merge_of_what_is_no_record_changes_nothing(course, tmp_path, capsys):
    progress.record("3.1", "correct")
    before = (course / "progress.json").read_text()
    bad = tmp_path / "bad.json"
    for content in ("{", "[]", '{"format": 3}', '{"a": 1}'):
        bad.write_text(content)
        assert cli.main(["progress", "--merge", str(bad)]) == cli.BAD_USAGE
        assert bad.read_text() == content
    assert cli.main(["progress", "--merge", str(tmp_path / "none.json")]) == cli.BAD_USAGE
    told = capsys.readouterr().err.splitlines()
    assert len(told) == 5 and all(line.startswith("error: ") for line in told)
    assert (course / "progress.json").read_text() == before


def test_a_merge_with_itself_changes_nothing(course):
    progress.record("3.1", "correct")
    before = on_disk(course)
    assert cli.main(["progress", "--merge", str(course / "progress.json")]) == 0
    assert merged(on_disk(course), {}) == merged(before, {})


def test_a_class_is_a_row_a_learner(course, tmp_path, capsys):
    (tmp_path / "class" / "bob").mkdir(parents=True)
    (tmp_path / "class" / "ada.json").write_text(json.dumps(GOOD))
    (tmp_path / "class" / "bob" / "progress.json").write_text("{}")
    (tmp_path / "class" / "bob" / "scoreboard.json").write_text("[]")
    (tmp_path / "class" / "ada.before-reset-1.json").write_text("{}")
    assert cli.main(["progress", str(tmp_path / "class")]) == 0
    out = capsys.readouterr().out
    first, last = (f"{progress_form.local_time(moment):%Y-%m-%d}" for moment in (EARLY, LATE))
    assert re.search(rf"ada +1 of 5 +1 of 5 +0 +{first} +{last} +0 +1\n", out)
    assert re.search(r"bob +0 of 5 +0 of 5 +0 +- +- +0 +0\n", out)
    assert out.startswith("2 learners")
    assert not (course / "progress.json").exists()


def test_one_bad_record_of_a_class_is_told_and_the_others_are_shown(course, tmp_path, capsys):
    (tmp_path / "ada.json").write_text(json.dumps(GOOD))
    (tmp_path / "eve.json").write_text("{")
    assert cli.main(["progress", str(tmp_path)]) == cli.FAILED
    shown = capsys.readouterr()
    assert shown.out.startswith("1 learner;") and "ada" in shown.out and "eve" not in shown.out
    assert shown.err.count("\n") == 1 and "eve.json is damaged" in shown.err
    assert (tmp_path / "eve.json").read_text() == "{"


def test_one_record_of_another_and_none_at_all(course, tmp_path, capsys):
    (tmp_path / "ada.json").write_text(json.dumps(GOOD))
    assert cli.main(["progress", str(tmp_path / "ada.json")]) == 0
    assert "1 of 5 exercises solved" in capsys.readouterr().out
    (tmp_path / "empty").mkdir()
    for wrong in ([tmp_path / "empty"], [tmp_path / "none"]):
        assert cli.main(["progress", *map(str, wrong)]) == cli.BAD_USAGE
        assert capsys.readouterr().err.count("\n") == 1
    with pytest.raises(SystemExit):
        cli.main(["progress", str(tmp_path), "--reset", "03"])


# The map -------------------------------------------------------------------------------------------


def test_the_map_shows_where_one_is_without_squares_and_with_them():
    standings = course_map.standings(COURSE, GOOD)
    text = course_map.map_as_text(standings, "03")
    assert re.search(r"03 Freeze <the> backbone +1 of 3  ■□□ +1 of 2 +you are here$", text, flags=re.MULTILINE)
    assert text.count("you are here") == 1
    rich = course_map.map_as_html(standings, "03")
    assert rich.count('aria-current="true"') == 1 and "&lt;the&gt;" in rich and "<the>" not in rich
    assert re.search(r'<span aria-hidden="true"[^>]*>■□□</span> 1 of 3</td>', rich)


def test_a_lesson_ends_with_its_line_and_the_map_of_the_real_course(course_output, capsys):
    progress.record("1.1", "correct")
    module = lessons.lesson_module("01")
    progress.record_answer("01", 1, "x", right=True)
    lessons.progress("01")
    out = capsys.readouterr().out
    assert out.startswith(f"You have solved 1 of {len(module.EXERCISES)} exercises. Still open: 1.2")
    (line,) = [line for line in out.splitlines() if "you are here" in line]
    assert line.startswith("01 Load pretrained weights")
    assert f"1 of {len(module.EXERCISES)}" in line and f"1 of {len(module.QUIZ.questions)}" in line
    assert all(f"\n{number} " in out for number in lessons.lesson_numbers())
