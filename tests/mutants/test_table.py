"""The table and the reasons fit the answers as they are; a sample is judged, and `make torture` judges all."""

import multiprocessing
import os
import subprocess
import sys

import pytest

from helpers.places import repository
from tests.mutants import kept, table
from tests.mutants.__main__ import main
from tests.mutants.judging import Fate, Verdict
from tests.mutants.making import Mutant

NO_FORK = "fork" not in multiprocessing.get_all_start_methods()
ANEW = "run `make mutants ARGS={}`"
SAMPLE = ("0.2", "1.1", "2.3", "3.2", "4.1", "5.1", "6.2", "7.4", "8.3", "9.2", "10.4")  # one a lesson, of the quick


@pytest.mark.parametrize("number", table.all_exercises())
def test_the_table_is_of_these_answers(number):
    line = table.written().get(number)
    assert line, f"the table has no line of it: {ANEW.format(number)}"
    chosen = table.tried(number)
    made = len(chosen), sum(map(len, chosen.values()))
    assert (line.answers, line.mutants) == made, f"the answers are others: {ANEW.format(number)}"
    assert line.refused + line.error + line.no_end + line.equivalent + line.surviving == line.mutants
    assert line.equivalent == sum(map(len, table.equivalents().get(number, {}).values()))


def test_no_mutant_survives():
    assert {number for number, line in table.written().items() if line.surviving} == set()


def test_each_reason_is_of_a_mutant_that_is_tried():
    for number, styles in table.equivalents().items():
        for style, reasons in styles.items():
            changes = {one.change for one in table.tried(number)[style]}
            stale = set(reasons) - changes
            assert not stale, f"{number}, {style}: no mutant is made by {stale}. Take it out of equivalent.toml."
            assert all(len(why.split()) >= 3 for why in reasons.values()), "a reason must say something"


def test_a_line_of_the_table_is_read_as_it_is_written(tmp_path, monkeypatch):
    monkeypatch.setattr(table, "TABLE", tmp_path / "table.md")
    one = table.Row("0.1", 4, 1234, 600, 600, 4, 30, 0)
    other = table.Row("0.2", 3, 20, 10, 5, 0, 4, 1)
    table.write([other])
    table.write([one])
    assert table.written() == {"0.1": one, "0.2": other}
    assert table.TABLE.read_text().splitlines()[-1] == "| all | 7 | 1,254 | 610 | 605 | 4 | 34 | 1 |"


def test_a_survivor_and_a_reason_that_does_not_hold_are_wanting(monkeypatch):
    monkeypatch.setattr(table, "equivalents", lambda: {"0.1": {"reference": {"a -> b": "As right.", "c -> d": "Too."}}})
    verdicts = {
        "reference": {"a -> b": Verdict(Fate.SURVIVED), "c -> d": Verdict(Fate.REFUSED, "No.")},
        "another": {"a -> b": Verdict(Fate.SURVIVED)},
    }
    assert table.wanting("0.1", verdicts) == [
        'no equivalent: ["0.1"."reference"] c -> d: refused, No.',
        'survives: ["0.1"."another"] a -> b',
    ]
    row = table.row("0.1", verdicts)
    assert (row.mutants, row.refused, row.equivalent, row.surviving) == (3, 1, 1, 1)


@pytest.mark.parametrize(("count", "most", "places"), [(3, 8, [0, 1, 2]), (8, 4, [0, 2, 4, 6]), (5, 2, [0, 2])])
def test_a_choice_is_spread_over_the_answer(count, most, places):
    made = [Mutant(f"x = {n}", "off by one", f"{n}") for n in range(count)]
    assert table.spread(made, most) == [made[n] for n in places]


def test_a_verdict_is_kept_until_the_check_or_the_mutant_changes(tmp_path, monkeypatch):
    file = tmp_path / "build" / "mutants.jsonl"
    one, other = Mutant("x = 1", "off by one", "a -> b"), Mutant("x = 2", "off by one", "a -> c")
    kept.Known(file).add("0.1", one, Verdict(Fate.REFUSED, "No."))
    with file.open("a") as lines:
        lines.write('{"key": "cut o')
    known = kept.Known(file)
    known.add("0.1", other, Verdict(Fate.SURVIVED))
    assert known.verdicts("0.1", [other]) == {}  # an earlier run's alone
    assert kept.Known(file).verdicts("0.1", [one, other]) == {
        "a -> b": Verdict(Fate.REFUSED, "No."),
        "a -> c": Verdict(Fate.SURVIVED),
    }
    assert kept.Known(file).verdicts("0.2", [one]) == {}
    monkeypatch.setattr(kept, "_check", lambda number: "another")
    assert kept.Known(file).verdicts("0.1", [one]) == {}


def test_an_exercise_that_is_not_there_is_said(capsys):
    assert main(["3.99"]) == 2
    assert "there is no exercise 3.99" in capsys.readouterr().err


@pytest.mark.skipif(NO_FORK, reason="mutants are judged in forks, which Windows lacks")
def test_a_sample_is_refused_or_known():
    """In a process of its own, as `make mutants` does it."""
    ended = subprocess.run(
        [sys.executable, "-m", "tests.mutants", "--sample", "2", *SAMPLE],
        cwd=repository(),
        env=os.environ | {"OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
    )
    assert ended.returncode == 0, ended.stdout + ended.stderr
    assert all(f"{number}: " in ended.stdout for number in SAMPLE)


@pytest.mark.torture
@pytest.mark.skipif(NO_FORK, reason="mutants are judged in forks, which Windows lacks")
def test_all_are_refused_or_known(capfd):
    assert main(["--anew"]) == 0, capfd.readouterr().out
