"""A check leaves the kernel as it was: every setting, and any of them together, also where the answer is stopped."""

from __future__ import annotations

import random
import shutil
import sys
import threading
import time

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from helpers.course import left_threads
from helpers.course.exercise import Exercise, Level
from helpers.course.left_threads import no_thread_left
from helpers.course.output_limit import MOST, limited_output
from helpers.course.process_state import SETTINGS
from helpers.course.verdicts import Outcome
from tests.settings import CHANGES, what_is_set


class Anything(Exercise):
    number = "90.1"
    title = "anything"
    level = Level.USE
    minutes = 1
    hints = ("Only.",)
    answer = "def answer():\n    return 7"

    def examine(self, answer):
        answer()
        return "Right."


@pytest.fixture(autouse=True)
def _in_a_folder_of_its_own(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


def test_each_setting_has_a_change_that_is_tested():
    assert list(CHANGES) == [one.name for one in SETTINGS]


@pytest.mark.parametrize("name", CHANGES)
def test_a_setting_is_put_back(name):
    changed = []

    def answer():
        was = what_is_set()[name]
        CHANGES[name]()
        changed.append(what_is_set()[name] != was)

    before = what_is_set()
    Anything().judge(answer)
    assert changed == [True], "the change did not happen"
    after = what_is_set()
    assert {key: after[key] for key in before if after[key] != before[key]} == {}


ENDS = {
    "right": lambda: None,
    "an error": lambda: 1 / 0,
    "leaves": lambda: sys.exit(3),
    "not an Exception": lambda: (_ for _ in ()).throw(BaseException("no")),
}


@settings(max_examples=40, deadline=None, derandomize=True, database=None)
@given(names=st.lists(st.sampled_from(list(CHANGES)), unique=True, max_size=12), end=st.sampled_from(list(ENDS)))
def test_any_of_the_settings_together_are_put_back(names, end):
    def answer():
        for name in names:
            CHANGES[name]()
        ENDS[end]()

    state = random.getstate(), np.random.get_state(), torch.get_rng_state()  # hypothesis has its own
    before = what_is_set()
    outcome = Anything().judge(answer).outcome
    after = what_is_set()
    assert outcome in (Outcome.CORRECT, Outcome.INCORRECT, Outcome.ERROR)
    assert (outcome is Outcome.ERROR) or end == "right"
    assert {key: after[key] for key in before if after[key] != before[key]} == {}
    assert random.getstate() == state[0] and torch.equal(torch.get_rng_state(), state[2])


def test_a_folder_that_an_answer_removes_is_there_again(tmp_path, monkeypatch):
    here = tmp_path / "here"
    here.mkdir()
    monkeypatch.chdir(here)
    assert Anything().judge(lambda: shutil.rmtree(here)).outcome is Outcome.CORRECT
    assert here.is_dir() and here.samefile(".")


def test_what_an_answer_prints_is_cut_and_told(capsys):
    with limited_output():
        print("x" * 10**7)
        sys.stderr.write("e" * 5)
        sys.stdout.close()
    shown = capsys.readouterr()
    assert shown.out.count("x") == MOST and shown.err == "eeeee"
    assert f"Your code printed {10**7 + 1:,} characters. Only the first {MOST:,} are shown." in shown.out
    print("still open")
    assert capsys.readouterr().out == "still open\n"


def test_what_fits_is_shown_as_it_is(capsys):
    with limited_output():
        sys.stdout.writelines(["one\n", "two\n"])
        print("three", flush=True)
    assert capsys.readouterr().out == "one\ntwo\nthree\n"


def spin():
    while True:
        time.sleep(0.001)


def spin_on():
    while True:
        try:
            spin()
        except BaseException:
            continue


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")  # pytest's own hook is no quieter
@pytest.mark.parametrize("work", [spin, spin_on], ids=lambda work: work.__name__)
def test_a_thread_that_is_left_at_work_ends_and_is_told(work, monkeypatch):
    monkeypatch.setattr(left_threads, "_PATIENCE", 60)  # on a busy machine its turn may come late
    at_work = threading.Event()
    thread = threading.Thread(target=lambda: (at_work.set(), work()), daemon=True)

    def answer():
        thread.start()
        at_work.wait()

    report = Anything().judge(answer)
    thread.join(5)
    assert not thread.is_alive()
    assert (report.outcome, "has left a thread at work" in report.message) == (Outcome.INCORRECT, True), report


def test_a_thread_that_sleeps_is_told_to_be_there_still():
    at_work, woken = threading.Event(), threading.Event()
    asleep = threading.Thread(target=lambda: (at_work.set(), woken.wait()), daemon=True)
    with no_thread_left(lambda filename: filename == __file__) as told:
        asleep.start()
        at_work.wait()
    assert "1 of them did not end" in told[0] and asleep.is_alive()
    woken.set()
    asleep.join()


def test_a_thread_that_was_there_before_or_has_ended_is_none_of_it():
    over = threading.Event()
    before = threading.Thread(target=over.wait, daemon=True)
    before.start()

    def answer():
        one = threading.Thread(target=int)
        one.start()
        one.join()

    assert Anything().judge(answer).outcome is Outcome.CORRECT
    assert before.is_alive()
    over.set()
    before.join()
