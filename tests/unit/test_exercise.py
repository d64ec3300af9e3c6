"""Exercises: what each kind of answer is told, and what a check must leave alone."""

from __future__ import annotations

import builtins
import functools
import linecache
import os
import random
import signal
import subprocess
import sys
import threading
import warnings
from pathlib import Path

import matplotlib
import numpy as np
import pytest
import torch
from torch import nn

from helpers.checking.answers import not_refused
from helpers.course import progress
from helpers.course.exercise import Exercise, Exercises, Level, NotSolved
from helpers.course.stubs import is_unwritten
from helpers.course.verdicts import Outcome, require
from helpers.errors import CourseError


class Double(Exercise):
    number = "90.1"
    title = "double it"
    level = Level.WRITE
    minutes = 1
    hints = ("First.", "Second.")
    answer = """
def double(x):
    return 2 * x
"""

    def examine(self, double):
        got = double(4)
        require(got == 8, f"double(4) gave {got!r}.")
        return "Twice as much."


class Sized(Exercise):
    number = "90.2"
    title = "make a module"
    level = Level.EDGE
    minutes = 2
    hints = ("Only.",)
    answer = "import torch\n\nclass Sized(torch.nn.Linear):\n    pass"

    def examine(self, sized):
        require(sized(3).weight.shape == (3, 3), "The weight is not square.")


class Randomised(Exercise):
    number = "90.3"
    title = "draw"
    level = Level.USE
    minutes = 1
    hints = ("Only.",)
    answer = "answer = 1"

    def examine(self, answer):
        random.random(), np.random.rand(), torch.rand(2)
        torch.set_grad_enabled(False)
        torch.set_default_dtype(torch.float64)
        require(answer == 1, f"{random.random():.6f} {np.random.rand():.6f} {torch.rand(1).item():.6f}")


def typed(source: str) -> dict:
    """What a learner's cell leaves behind; its lines can be shown, as IPython's can."""
    linecache.cache["<answer>"] = (len(source), None, source.splitlines(keepends=True), "<answer>")
    names: dict = {"torch": torch, "nn": nn, "functools": functools}
    exec(compile(source, "<answer>", "exec"), names)
    return names


def test_reference_answer_is_correct_and_praised():
    report = Double().judge(typed(Double().answer_source)["double"])
    assert (report.outcome, report.message) == (Outcome.CORRECT, "Twice as much.")


def test_wrong_answer_gets_its_reason():
    report = Double().judge(lambda x: 3 * x)
    assert (report.outcome, report.message) == (Outcome.INCORRECT, "double(4) gave 12.")


STUBS = {
    "ellipsis": "f = ...",
    "body of ellipsis": "def f(x): ...",
    "docstring and ellipsis": 'def f(x):\n    """Say."""\n    ...',
    "docstring alone": 'def f(x):\n    """Say."""',
    "pass": "def f(x):\n    pass",
    "returns ellipsis": "def f(x):\n    return ...",
    "returns ellipsis at the end": "def f(x):\n    y = x + 1\n    return ...",
    "gap": "def f(x):\n    y = ...\n    return x * y",
    "gap with a type": "def f(x):\n    y: int = ...\n    return x * y",
    "gap used at once": "def f(x):\n    y = ...\n    y += x\n    return y",
    "gap in a loop": "def f(x):\n    for i in x:\n        i = ...\n    return x",
    "gap that an inner function uses": "def f(x):\n    y = ...\n    return lambda: y + x",
    "two gaps at once": "def f(x):\n    a, b = ..., ...\n    return a + b",
    "beneath a decorator": "@torch.no_grad()\ndef f(x):\n    ...",
    "empty class": 'class f(nn.Module):\n    """Say."""',
    "class with a stub method": "class f(nn.Module):\n    def forward(self, x):\n        ...",
    "class with a static stub": "class f:\n    @staticmethod\n    def forward(x): ...",
    "class with a gap": "class f:\n    def __init__(self):\n        self.a = ...",
    "list with a gap": "f = [1, ...]",
    "dict with a gap": 'f = {"a": 1, "b": ...}',
}

WRITTEN = {
    "None": "f = None",
    "number": "f = 0",
    "empty list": "f = []",
    "array": "f = torch.zeros(3)",
    "function": "def f(x):\n    return 2 * x",
    "returns x": "def f(x): return x",
    "returns False": "def f(x):\n    return False",
    "indexes with an ellipsis": "def f(x):\n    y = x[...]\n    return y[..., 0]",
    "stores through an ellipsis": "def f(x):\n    x[...] = 1\n    return x",
    "compares with an ellipsis": "def f(x):\n    if x is ...:\n        raise ValueError\n    return x",
    "passes an ellipsis on": "def f(x):\n    return x.reduce(...)",
    "lambda": "f = lambda x: x",
    "partial": "f = functools.partial(max, 1)",
    "built-in": "f = len",
    "closure": "def make(k):\n    def inner(x):\n        return k * x\n    return inner\nf = make(2)",
    "class": "class f(nn.Module):\n    def forward(self, x):\n        return x",
    "class of settings": "class f:\n    rate = 0.1",
    "class of annotations": "class f:\n    rate: float",
    "class from a library": "f = nn.Linear",
    "generator": "def f(x):\n    yield x",
}


@pytest.mark.parametrize("source", STUBS.values(), ids=STUBS.keys())
def test_stub_is_not_attempted(source):
    assert is_unwritten(typed(source)["f"])
    assert Double().judge(typed(source)["f"]).outcome is Outcome.NOT_ATTEMPTED


@pytest.mark.parametrize("source", WRITTEN.values(), ids=WRITTEN.keys())
def test_written_answer_is_no_stub(source):
    assert not is_unwritten(typed(source)["f"])


def test_traceback_is_cut_to_the_learners_own_lines():
    source = "def helper(x):\n    return [x][7]\n\n\ndef double(x):\n    return helper(x)"
    report = Double().judge(typed(source)["double"])
    assert report.outcome is Outcome.ERROR
    assert "IndexError: list index out of range" in report.message
    assert "line 6, in `double`: `return helper(x)`; then line 2, in `helper`: `return [x][7]`" in report.message
    assert "examine" not in report.message and "exercise.py" not in report.message


def test_an_error_on_a_named_input_begins_with_it():
    class OnACase(Double):
        def examine(self, double):
            not_refused(lambda: double(4), "For the number 4")

    message = OnACase().judge(typed("def double(x):\n    return [x][7]")["double"]).message
    assert message.startswith("For the number 4, your code stopped with `IndexError: list index out of range`. line 2")
    noted = "def double(x):\n    error = KeyError(x)\n    error.add_note('mine')\n    raise error"
    assert Double().judge(typed(noted)["double"]).message.startswith("Your code stopped with `KeyError: 4`")


def test_error_deep_inside_a_library_names_only_the_learners_line():
    source = "def double(x):\n    return torch.nn.functional.linear(torch.zeros(2), torch.zeros(3, 3))"
    message = Double().judge(typed(source)["double"]).message
    assert "line 2" in message and "functional.py" not in message and "\n" not in message


def test_endless_recursion_and_exit_are_errors_not_the_end():
    endless = Double().judge(typed("def double(x):\n    return double(x)")["double"])
    assert endless.outcome is Outcome.ERROR and "RecursionError" in endless.message and len(endless.message) < 500
    leaves = Double().judge(typed("import sys\ndef double(x):\n    sys.exit(3)")["double"])
    assert leaves.outcome is Outcome.ERROR and "SystemExit" in leaves.message


@pytest.mark.parametrize("base", ["KeyboardInterrupt", "GeneratorExit", "BaseException"])
def test_what_an_answer_raises_is_an_error_whatever_its_base(base):
    source = f"class Own({base}):\n    pass\n\ndef double(x):\n    raise Own('stop')"
    report = Double().judge(typed(source)["double"])
    assert (report.outcome, "`Own: stop`. line 5, in `double`" in report.message) == (Outcome.ERROR, True), report
    report = Double().judge(typed(f"def double(x):\n    raise {base}")["double"])
    assert (report.outcome, f"`{base}: {base}`. line 2" in report.message) == (Outcome.ERROR, True), report


@pytest.mark.parametrize(
    "source",
    [
        "import time\ndef double(x):\n    time.sleep(20)",
        "import time\ndef double(x):\n    ends = time.time() + 20\n    while time.time() < ends:\n        pass",
        "import time\ndef double(x):\n    try:\n        time.sleep(20)\n    except KeyboardInterrupt:\n        raise",
        "import time\ndef double(x):\n    try:\n        time.sleep(20)\n    except BaseException:\n        return 8",
        "import time\ndef double(x):\n while True:\n  try:\n   time.sleep(20)\n  except:\n   pass",
    ],
    ids=["asleep", "at work", "caught and raised again", "caught once", "caught again and again"],
)
def test_ctrl_c_stops_the_check(source):
    before = signal.signal(signal.SIGINT, signal.default_int_handler)  # a job in the background ignores it
    try:
        threading.Timer(0.3, os.kill, (os.getpid(), signal.SIGINT)).start()
        with pytest.raises(KeyboardInterrupt):
            Double().judge(typed(source)["double"])
    finally:
        signal.signal(signal.SIGINT, before)


@pytest.fixture
def short_of_time(monkeypatch):
    monkeypatch.setattr("helpers.course.exercise.PATIENCE", 0.15)


NEVER_ENDING = {
    "a loop": ("def double(x):\n    while True:\n        pass", "line "),
    "asleep": ("import time\ndef double(x):\n    time.sleep(1000)", "line 3, in `double`: `time.sleep(1000)`"),
    "a loop that catches everything": (
        "import time\ndef double(x):\n while True:\n  try:\n   time.sleep(9)\n  except:\n   pass",
        "line 5, in `double`: `time.sleep(9)`. That usually",
    ),
    "a result that never shows": (
        "import time\nclass Slow:\n  def __repr__(self):\n    time.sleep(1000)\ndef double(x):\n  return Slow()",
        "line 4, in `__repr__`",
    ),
}


@pytest.mark.parametrize(("source", "words"), NEVER_ENDING.values(), ids=NEVER_ENDING.keys())
def test_what_never_ends_is_stopped_and_told_where(short_of_time, source, words):
    report = Double().judge(typed(source)["double"])
    assert report.outcome is Outcome.ERROR
    assert "The check took longer than 0.3 s and was stopped at line" in report.message
    assert words in report.message and "usually means a loop that never ends" in report.message, report
    assert ("`except Exception` lets both by" in report.message) == ("except" in source), report


def test_what_never_says_of_what_class_it_is_is_stopped(short_of_time):
    source = (
        "class Slow:\n    @property\n    def __class__(self):\n        while True:\n            pass\ndouble = Slow()"
    )
    assert "took longer than" in Double().judge(typed(source)["double"]).message


def test_a_right_answer_that_caught_its_end_is_late_all_the_same(short_of_time):
    source = (
        "import time\ndef double(x):\n    try:\n        time.sleep(9)\n    except BaseException:\n        return 2 * x"
    )
    assert "took longer than" in Double().judge(typed(source)["double"]).message


@pytest.mark.parametrize(
    ("patch", "outcome", "words"),
    [
        ("builtins.len = lambda _: 8", Outcome.INCORRECT, "`len`"),
        ("builtins.BaseException = builtins.getattr = builtins.isinstance = None", Outcome.INCORRECT, "`getattr`"),
        ("vars(builtins).clear()", Outcome.INCORRECT, "`__import__`, `abs`"),
        ("sys.setrecursionlimit(len(inspect.stack()) + 9)", Outcome.CORRECT, "Twice"),
        ("helpers.course.exercise.Exercise.judge = None", Outcome.INCORRECT, "`Exercise.judge`"),
        ("helpers.checking.answers.require = print", Outcome.INCORRECT, "`helpers.checking.answers.require`"),
    ],
)
def test_what_python_and_the_course_stand_on_is_given_back(patch, outcome, words):
    before, depth, judge = dict(vars(builtins)), sys.getrecursionlimit(), Exercise.judge
    source = f"import builtins, inspect, sys, helpers.checking.answers\ndef double(x):\n    {patch}\n    return x * 2"
    report = Double().judge(typed(source)["double"])
    assert (report.outcome, words in report.message) == (outcome, True), report
    assert (dict(vars(builtins)), sys.getrecursionlimit(), Exercise.judge) == (before, depth, judge)


def test_an_answer_that_forks_is_judged_once(capfd):
    forked = []

    def double(x):
        forked.append(os.fork())
        return 2 * x

    assert Double().judge(double).outcome is Outcome.CORRECT
    print("once", flush=True)
    assert os.waitstatus_to_exitcode(os.waitpid(forked[0], 0)[1]) == 1
    assert capfd.readouterr().out == "once\n"


def test_what_an_exception_is_called_and_says_fits_any_screen():
    source = """
class Meta(type):
    @property
    def __name__(cls):
        raise BaseException('no name')

class Strange(Exception, metaclass=Meta):
    pass

def double(x):
    raise Strange('\\ud800\\x1b[2J' + 'x' * 10**6)
"""
    message = Double().judge(typed(source)["double"]).message
    assert "`Strange: \\ud800\\x1b[2Jxxx" in message and len(message) <= 4000
    assert message.encode("utf-8").isascii()


COMPILED = "torch.compile(torch.nn.Linear(2, 2), backend='eager')(torch.ones(1, 2))"
PATCHES = {
    "a layer's forward": ("nn.Linear.forward = lambda self, x: x", "`Linear.forward`"),
    "a method that a layer inherits": ("nn.Linear.__call__ = lambda self, x: x", "`Linear.__call__`"),
    "how tensors compare": ("torch.Tensor.__eq__ = lambda one, other: True", "`Tensor.__eq__`"),
    "a function of torch": ("torch.allclose = lambda *_, **__: True", "`torch.allclose`"),
    "a function of F": ("nn.functional.relu = None", "`torch.nn.functional.relu`"),
    "an optimizer's step": ("torch.optim.SGD.step = lambda self: None", "`SGD.step`"),
    "another function of torch in its place": ("torch.relu = torch.sigmoid", "`torch.relu`"),
    "a wrapper": ("nn.Linear.forward = functools.wraps(nn.Linear.forward)(lambda self, x: x)", "`Linear.forward`"),
    "a property of all tensors": (
        "torch.Tensor.requires_grad = property(lambda self: False)",
        "`Tensor.requires_grad`",
    ),
    "nothing over a method that a layer inherits": ("nn.Linear.register_buffer = None", "`Linear.register_buffer`"),
    "a method taken away": ("del nn.Linear.extra_repr", "`Linear.extra_repr`"),
}


@pytest.mark.parametrize(("patch", "named"), PATCHES.values(), ids=PATCHES.keys())
def test_a_class_that_an_answer_patches_is_given_back_and_named(patch, named):
    def state():
        owners = (nn.Linear, torch.Tensor, torch, nn.functional, torch.optim.SGD)
        return [{key: id(value) for key, value in vars(owner).items()} for owner in owners]

    before = state()
    report = Double().judge(typed(f"def double(x):\n    {patch}\n    return 2 * x")["double"])
    assert (report.outcome, named in report.message) == (Outcome.INCORRECT, True), report
    assert state() == before
    stops = Double().judge(typed(f"def double(x):\n    {patch}\n    return 1 / 0")["double"])
    assert (stops.outcome, state() == before) == (Outcome.ERROR, True)


def test_pytorchs_own_wrapping_of_an_optimizer_is_no_patch():
    source = """
def double(x):
    class Mine(torch.optim.SGD):
        pass
    weight = nn.Parameter(torch.ones(1))
    for kind in (Mine, torch.optim.Rprop, torch.optim.Adamax):
        kind([weight], lr=0.1).step()
    return 2 * x
"""
    assert Double().judge(typed(source)["double"]).outcome is Outcome.CORRECT


@pytest.mark.parametrize("first", ["torch.optim.SGD([torch.ones(1)], 0.1).step()", COMPILED])
def test_what_pytorch_replaces_at_its_first_use_is_no_patch(first):
    """Each in a process of its own: in this one the first use is long over."""
    code = f"""
import torch
from helpers.course.patched import shared_code_as_it_was
assert "torch._dynamo" not in sys.modules
with shared_code_as_it_was() as replaced:
    {first}
assert "torch._dynamo" in sys.modules
assert replaced == []
"""
    subprocess.run([sys.executable, "-W", "ignore", "-c", "import sys" + code], check=True)


def test_who_loads_matplotlib_first_leaves_its_settings():
    code = """
import sys
from helpers.course.process_state import own_process_state
assert "matplotlib" not in sys.modules
with own_process_state():
    import matplotlib
    before = dict(matplotlib.rcParams)
    matplotlib.rcParams["lines.linewidth"] = 7
assert dict(matplotlib.rcParams) == before
"""
    subprocess.run([sys.executable, "-W", "ignore", "-c", code], check=True)


@pytest.mark.parametrize(
    ("exercise", "source", "name"),
    [
        (Double(), "def double():\n    return 2", "double"),
        (Double(), "def double(x, y):\n    return 2", "double"),
        (Double(), "double = lambda: 2", "double"),
        (Sized(), "class Sized(nn.Linear):\n    def __init__(self):\n        super().__init__(3, 3)", "Sized"),
        (Sized(), "class Sized(nn.Linear):\n    rate = 1", "Sized"),
    ],
)
def test_wrong_signature_is_told_as_one(exercise, source, name):
    report = exercise.judge(typed(source)[name])
    assert report.outcome is Outcome.ERROR
    assert "calls your function as the exercise asks" in report.message


def test_value_in_place_of_a_function_and_value_of_another_type():
    assert "check cannot use" in Double().judge(3).message
    assert "check cannot use" in Sized().judge(lambda n: "text").message
    assert "double(4) gave None" in Double().judge(lambda x: print(end="")).message


def test_changed_check_line_is_told_in_one_line():
    with pytest.raises(CourseError, match=r'got 0 answers and takes 1: write exercise\("90.1"\).check\(double\)'):
        Double().check()
    with pytest.raises(CourseError, match="got 2 answers"):
        Double().judge(1, 2)


def test_random_state_grad_mode_and_dtype_are_as_before():
    torch.manual_seed(5)
    before = random.getstate(), np.random.get_state()[1].tolist(), torch.get_rng_state().tolist()
    for answer in (1, 2):
        Randomised().judge(answer)
        assert (random.getstate(), np.random.get_state()[1].tolist(), torch.get_rng_state().tolist()) == before
        assert torch.is_grad_enabled()
        assert torch.get_default_dtype() is torch.float32
    with torch.no_grad():
        Randomised().judge(1)
        assert not torch.is_grad_enabled()


KEPT: list[object] = []


def never_leaves_inference_mode():
    KEPT.append(torch.inference_mode())  # it would end with the object
    KEPT[-1].__enter__()


SET_BY_AN_ANSWER = {
    "threads": (lambda: torch.set_num_threads(torch.get_num_threads() + 1), torch.get_num_threads),
    "working folder": (lambda: os.chdir("/"), Path.cwd),
    "default device": (lambda: torch.set_default_device("meta"), torch.get_default_device),
    "default dtype": (lambda: torch.set_default_dtype(torch.float64), torch.get_default_dtype),
    "deterministic": (lambda: torch.use_deterministic_algorithms(True), torch.are_deterministic_algorithms_enabled),
    "warning filters": (lambda: warnings.simplefilter("error"), lambda: list(warnings.filters)),
    "inference mode": (never_leaves_inference_mode, torch.is_inference_mode_enabled),
    "grad mode": (lambda: torch.set_grad_enabled(False), torch.is_grad_enabled),
    "rcParams": (
        lambda: matplotlib.rcParams.update({"lines.linewidth": 7}),
        lambda: matplotlib.rcParams["lines.linewidth"],
    ),
}


@pytest.mark.parametrize(("change", "look"), SET_BY_AN_ANSWER.values(), ids=SET_BY_AN_ANSWER.keys())
def test_what_an_answer_sets_for_the_whole_process_ends_with_its_check(change, look):
    class Sets(Double):
        def examine(self, answer):
            change()
            require(look() != before, "The change did not happen.")

    before = look()
    report = Sets().judge(1)
    assert (report.outcome, report.message) == (Outcome.CORRECT, "")
    assert look() == before


class LiesOfItsClass:
    @property
    def __class__(self):
        raise RuntimeError("no class of mine")


class CannotSay(ValueError):
    def __str__(self):
        raise RuntimeError("nothing to say")


def wraps_itself(x):
    return 2 * x


wraps_itself.__wrapped__ = wraps_itself


def cannot_say(x):
    raise CannotSay


def test_what_an_answer_is_or_raises_does_not_escape():
    assert Double().judge(wraps_itself).outcome is Outcome.CORRECT
    assert "CannotSay" in Double().judge(cannot_say).message
    assert Double().judge(LiesOfItsClass()).outcome is Outcome.ERROR
    assert Double().judge(lambda x: LiesOfItsClass()).outcome is Outcome.INCORRECT


def test_an_empty_method_of_ones_own_is_no_stub():
    source = "class f(nn.Linear):\n    def forward(self, x):\n        return x\n    def reset(self):\n        pass"
    assert not is_unwritten(typed(source)["f"])
    assert is_unwritten(typed(source.replace("return x", "..."))["f"])


def test_checks_draw_the_same_numbers_each_time():
    torch.manual_seed(1)
    first = Randomised().judge(2).message
    torch.manual_seed(2)
    assert Randomised().judge(2).message == first


def test_seeding_a_check_leaves_gpus_alone(monkeypatch):
    seeded = []
    monkeypatch.setattr(torch.cuda, "manual_seed_all", lambda seed: seeded.append(seed))
    Randomised().judge(1)
    assert not seeded


def test_strict_raises_unless_correct(course_output, monkeypatch, capsys):
    monkeypatch.setenv("COURSE_STRICT", "1")
    Double().check(lambda x: 2 * x)
    with pytest.raises(NotSolved, match=r"90\.1 is incorrect: double"):
        Double().check(lambda x: x)
    with pytest.raises(NotSolved, match="not_attempted"):
        Double().check(...)
    assert "not yet" in capsys.readouterr().out  # the panel comes before the exception


def test_progress_counts(course_output, capsys):
    exercise = Double()
    exercise.check(...)
    assert progress.read() == {}
    exercise.check(lambda x: x)
    exercise.check(lambda x: 2 * x)
    exercise.check(lambda x: 1 / 0)
    exercise.hint()
    assert progress.read() == {"90.1": {"attempts": 3, "hints": 1, "latest": "error", "solved": True}}
    assert progress.summary(["90.1", "90.2"]) == "You have solved 1 of 2 exercises. Still open: 90.2."


def test_plain_text_without_a_front_end(course_output, capsys):
    Double().check(...)
    Double().check(lambda x: 2 * x)
    shown = capsys.readouterr()
    assert "[…] Exercise 90.1, double it: not attempted yet." in shown.out
    assert 'exercise("90.1").hint()' in shown.out
    assert "[✓] Exercise 90.1, double it: correct.\nTwice as much." in shown.out
    assert "<div" not in shown.out and shown.err == ""


class Both(Double):
    number = "90.4"
    answer = """
def double(x):
    return scale * x


def half(x):
    return double(x) / 4
"""

    def examine(self, double, half):
        require(double(4) == 8 and half(4) == 2, "Not both are right.")


def test_the_lesson_goes_on_with_the_answer_that_was_found_right(course_output, capsys):
    exercise, mine = Double(), lambda x: x + x
    exercise.check(mine)
    assert exercise.yours() is mine
    assert "your answer to exercise 90.1" in capsys.readouterr().out
    both = Both()
    both.check(mine, lambda x: x / 2)
    assert both.yours() == (mine, both.yours()[1]) and both.yours()[1](4) == 2


@pytest.mark.parametrize("latest", [lambda x: 3 * x, lambda x: 1 / 0, ...])
def test_the_lesson_goes_on_with_the_courses_answer_where_the_latest_is_not_right(course_output, capsys, latest):
    exercise = Double()
    exercise.check(lambda x: 2 * x)
    exercise.check(latest)
    assert exercise.yours() not in (latest, None) and exercise.yours()(4) == 8
    assert "the course's answer to exercise 90.1" in capsys.readouterr().out


def test_the_courses_answer_uses_the_names_of_the_cell_and_changes_none(capsys):
    cell = {"exercise": Both(), "scale": 2, "double": "my own"}
    exec("twice, half = exercise.yours()", cell)
    assert (cell["twice"](4), cell["half"](4), cell["double"]) == (8, 2, "my own")


def test_to_judge_an_answer_is_not_to_take_it(course_output, capsys):
    exercise, mine = Double(), lambda x: 2 * x
    assert exercise.judge(mine).outcome is Outcome.CORRECT
    assert exercise.yours() is not mine


def test_hints_follow_each_other_and_say_when_they_start_again(course_output, capsys):
    for _ in range(6):
        Double().hint()
    lines = capsys.readouterr().out.splitlines()
    assert [line.split(": ")[1] for line in lines] == ["First.", "Second."] * 3
    assert ["begin again" in line for line in lines] == [False, False, True, False, True, False]
    for _ in range(2):
        Sized().hint()
    assert [line.startswith("You have") for line in capsys.readouterr().out.splitlines()] == [False, True]
    Double().solution()
    assert "return 2 * x" in capsys.readouterr().out


def test_verdict_is_shown_where_the_record_is_damaged(course_output, capsys):
    (course_output / "progress.json").write_text("{")
    Double().check(lambda x: 2 * x)
    said = capsys.readouterr().out
    assert said.index("correct") < said.index("damaged (not JSON): it is kept as progress.kept-1.json")
    assert progress.read()["90.1"]["solved"]


def test_hostile_text_is_escaped(monkeypatch):
    shown = []
    monkeypatch.setattr("helpers.course.panel.show", lambda text, rich, extra=None: shown.append((text, rich, extra)))
    monkeypatch.setattr("helpers.course.progress.record", lambda *_: None)
    hostile = "<img src=x onerror='alert(1)'> `</code><script>alert(2)</script>` & \"q\""
    Double().check(lambda x: hostile)
    text, rich, extra = shown[0]
    assert "<img" not in rich and "<script" not in rich and "&lt;script&gt;" in rich
    assert hostile.splitlines()[0][:10] in text
    assert extra["application/vnd.transfer-course.check+json"]["outcome"] == "incorrect"


def test_declarations_are_held_to_their_form():
    assert Exercises(Double, Sized).numbers() == ["90.1", "90.2"]
    with pytest.raises(CourseError, match="same number"):
        Exercises(Double, Double)
    with pytest.raises(CourseError, match="no hints"):
        Exercises(type("NoHints", (Double,), {"hints": ()}))


def test_unknown_exercise_lesson_and_quiz_name_the_known_ones(monkeypatch):
    from helpers import lessons

    module = type("Lesson", (), {"EXERCISES": Exercises(Double, Sized)})
    monkeypatch.setattr(lessons, "lesson_numbers", lambda: ["90"])
    monkeypatch.setattr(lessons.importlib, "import_module", lambda name: module)
    assert isinstance(lessons.exercise("90.2"), Sized)
    with pytest.raises(CourseError, match=r"unknown exercise '90.7'.*90\.1, 90\.2"):
        lessons.exercise("90.7")
    for ask in (lessons.exercise, lessons.quiz, lessons.progress):
        with pytest.raises(CourseError, match=r"unknown lesson '77'.*Known: 90"):
            ask("77")
