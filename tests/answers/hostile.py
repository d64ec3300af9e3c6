"""Hostile answers to every exercise: what they do, what they give back, and what they are, put together by a seed.

    python -m tests.answers.hostile 0 200

judges those of the seeds 0 to 199 and prints lines of JSON: what came out of each, and what its check left behind.
A third number is the step from one seed to the next. `tests/answers/test_hostile.py` holds these lines to what a check
promises.
"""

from __future__ import annotations

import dataclasses
import functools
import gc
import json
import os
import random
import sys
import time
import traceback
from collections.abc import Iterator
from contextlib import contextmanager

import psutil
import torch

from helpers.course import exercise as exercises
from helpers.course.exercise import Exercise
from helpers.lessons import lesson_module, lesson_numbers
from tests.answers.test_answers import _cell, _judged, _names_above
from tests.settings import what_is_set

# The time limit of a check here. Where an answer itself never ends, it need not be long.
SECONDS, OF_THE_ENDLESS = 4.0, 0.6
_ENDLESS = ("never ends", "catches everything", "sleeps", "waits")
_ENDLESS_VALUES = ("iter(", "itertools.", "(one for", "Endless", "NeverShows", "ClassNeverEnds")

# What an answer does when it is called, before it gives something back. `times` counts its calls.
BEHAVIOURS = {
    "nothing": "pass",
    "never ends": "while True:\n    pass",
    "never ends, at its third call": "while times > 2:\n    pass",
    "catches everything": "while True:\n    try:\n        spin()\n    except BaseException:\n        pass",
    "catches everything, asleep": "while True:\n    try: time.sleep(9)\n    except BaseException: pass",
    "sleeps": "time.sleep(1000)",
    "waits": "threading.Event().wait()",
    "waits for a program": "subprocess.run(['sleep', '1000'])",
    "calls itself": "return answer(*given, **named)",
    "prints much": "print('x' * 10**7)",
    "prints often": "for _ in range(30_000):\n    print('again')",
    "writes to stderr": "sys.stderr.write('x' * 10**6)",
    "closes the streams": "sys.stdout.close(); sys.stderr.close()",
    "takes the streams away": "sys.stdout = sys.stderr = None",
    "raises BaseException": "raise BaseException('no')",
    "raises an interrupt of its own": "raise type('Mine', (KeyboardInterrupt,), {})('no')",
    "raises GeneratorExit": "raise GeneratorExit",
    "exits": "sys.exit(0)",
    "exits with words": "raise SystemExit('right')",
    "raises StopIteration": "raise StopIteration(1)",
    "raises what cannot say": "raise CannotSay",
    "raises what says too much": "raise ValueError('x' * 10**6)",
    "raises half a character": "raise ValueError('\\ud800 \\0 \\x1b[2J')",
    "raises what has a strange class": "raise StrangeClass('no')",
    "raises a right refusal": "raise ValueError(' '.join(map(str, dir())) + ' names labels logits classes empty rank')",
    "raises what a check raises": "raise Incorrect('\\ud800')",
    "raises a group": "raise BaseExceptionGroup('many', [KeyboardInterrupt(), ValueError()])",
    "raises the time limit's own": "raise TookTooLong",
    "raises out of memory": "raise MemoryError",
    "asks for too much memory": "torch.empty(10**14)",
    "starts a thread": "threading.Thread(target=spin, daemon=True).start()",
    "starts a stubborn thread": "threading.Thread(target=spin_on, daemon=True).start()",
    "forks": "os.fork()",
    "patches a layer": "nn.Linear.forward = lambda self, x: x",
    "patches how tensors compare": "torch.Tensor.__eq__ = lambda *_: True",
    "patches torch": "torch.allclose = torch.equal = lambda *_, **__: True",
    "patches built-in names": "builtins.isinstance = builtins.all = lambda *_: True",
    "breaks built-in names": "builtins.len = builtins.BaseException = builtins.getattr = None",
    "patches the course": "course_verdicts.require = course_answers.require = lambda *_: None",
    "patches the exercise": "exercise_class.examine = lambda self, *_: 'Right.'",
    "patches the report": "exercise_class.judge = exercise_class._report_on = lambda *_: None",
    "turns gradients off": "torch.set_grad_enabled(False)",
    "enters inference mode": "KEPT.append(torch.inference_mode()); KEPT[-1].__enter__()",
    "another dtype": "torch.set_default_dtype(torch.float16)",
    "another device": "torch.set_default_device('meta')",
    "a mode for all functions": "KEPT.append(EqualsAll()); KEPT[-1].__enter__()",
    "deterministic": "torch.use_deterministic_algorithms(True)",
    "anomaly mode": "torch.autograd.set_detect_anomaly(True)",
    "autocast": "KEPT.append(torch.autocast('cpu', torch.bfloat16)); KEPT[-1].__enter__()",
    "hooks for all": "nn.modules.module.register_module_forward_hook(lambda *_: 1 / 0)",
    "hooks for all that never end": "nn.modules.module.register_module_forward_hook(lambda *_: spin())",
    "warnings are errors": "warnings.simplefilter('error')",
    "another folder": "os.chdir('/')",
    "another environment": "os.environ.clear(); os.environ['PATH'] = '/nowhere'",
    "another path": "sys.path[:] = []",
    "no modules": "sys.modules.pop('torch'); sys.modules.pop('helpers.checking.answers', None)",
    "signals": "signal.signal(signal.SIGINT, signal.SIG_IGN); signal.signal(signal.SIGALRM, signal.SIG_IGN)",
    "the alarm off, never ends": "signal.setitimer(signal.ITIMER_REAL, 0)\nwhile True:\n    pass",
    "shallow calls": "sys.setrecursionlimit(len(traceback.extract_stack()) + 12)",
    "no collection": "gc.disable()",
    "traces": "sys.settrace(lambda *_: None); sys.setprofile(lambda *_: None)",
    "print options": "torch.set_printoptions(precision=1); numpy.set_printoptions(precision=1)",
    "random numbers": "torch.manual_seed(7); random.seed(7); numpy.random.seed(7)",
    "rcParams": "__import__('matplotlib').rcParams.update({'lines.linewidth': 7})",
    "spoils what it is given": "spoil(given)",
    "puts itself into what it is given": "[one.append(Liar()) for one in given if isinstance(one, list)]",
    "keeps what is never deleted": "KEPT.append(NotDeleted())",
}

# What it gives back: the expression, in which `given` are its arguments.
VALUES = {
    name: name
    for name in (
        "None", "...", "True", "0", "-1", "10**400", "float('nan')", "float('inf')", "1j", "''", "'x' * 10**6", "b'x'",
        "[]", "[[]]", "()", "{}", "set()", "object()", "NotImplemented", "range(10**9)", "iter(int, 1)",
        "itertools.repeat('x')", "itertools.count()", "(one for one in iter(int, 1))", "given", "given and given[0]",
        "given and given[-1]", "answer", "type", "lambda *_: True", "Decimal('NaN')", "Fraction(1, 3)",
        "numpy.zeros(0)", "array_of(Liar())", "numpy.datetime64('NaT')", "nested(200)", "itself()",
        "Liar()", "ListLiar()", "DictLiar()", "StrLiar('x')", "FloatLiar(0)", "IntLiar(1)", "[StrLiar('x')] * 3",
        "[(StrLiar('x'), FloatLiar(0))] * 3", "{StrLiar('x'): FloatLiar(0)}", "Endless()", "EndlessList()",
        "LongList()", "CannotShow()", "ShowsMuch()", "NeverShows()", "NoAttributes()", "ClassLies()", "ClassRaises()",
        "ClassNeverEnds()", "NotDeleted()", "Arrayed()", "Functioned()",
        "TensorLiar()", "ModuleLiar()", "OptimizerLike()", "StrangeClass",
        "torch.zeros(0)", "torch.tensor(float('nan'))", "torch.full((4, 6), float('nan'))",
        "torch.zeros(1).expand(10**12)",
        "torch.zeros(1).expand(10**5, 10**5)", "torch.zeros(3, dtype=torch.complex64)", "torch.eye(3).to_sparse()",
        "torch.zeros(4, 6, device='meta')", "torch.quantize_per_tensor(torch.zeros(3), 1.0, 0, torch.qint8)",
        "torch.zeros(3, requires_grad=True)", "torch.zeros(4, dtype=torch.bool)", "torch.zeros((1,) * 60)",
        "torch.nested.nested_tensor([torch.zeros(1), torch.zeros(2)])", "inference()", "nn.Linear(1, 1)",
        "nn.Identity()", "nn.Sequential()", "torch.nn.Parameter(torch.zeros(2))", "like(given)", "[like(given)] * 2",
    )
}  # fmt: skip

# What the answer is: a source with {body} (indented by four) or {value} in it.
FORMS = {
    "a function": "def answer(*given, **named):\n{body}",
    "a coroutine": "async def answer(*given, **named):\n{body}",
    "a generator": "def answer(*given, **named):\n    yield 1\n{body}",
    "a function of one": "def answer(one, *given, **named):\n{body}",
    "a function of none": "def answer():\n    given, named = (), {{}}\n{body}",
    "a method": "class Holder:\n  def answer(self, *given, **named):\n{body}\nanswer = Holder().answer",
    "an object that is called": "class Holder:\n  def __call__(self, *given, **named):\n{body}\nanswer = Holder()",
    "a class": "class answer(Any):\n  def __init__(self, *given, **named):\n{body}",
    "a class that makes others": "class answer:\n  def __new__(cls, *given, **named):\n{body}",
    "a module": "class answer(nn.Module):\n  def __init__(self, *g, **n):\n    super().__init__()\n"
    "  def forward(self, *given, **named):\n{body}",
    "a module that cannot be made": "class answer(nn.Module):\n  def __init__(self, *given, **named):\n{body}",
    "wraps itself": "def answer(*given, **named):\n{body}\nanswer.__wrapped__ = answer",
    "a partial": "def f(*given, **named):\n{body}\nanswer = functools.partial(f)",
    "a value": "given, named = (), {{}}\nanswer = {value}",
    "a text": "given, named = (), {{}}\nanswer = str('print(1)\\n')",
}

PRELUDE = """
import builtins, functools, gc, itertools, os, random, signal, subprocess, sys, threading, time, traceback, warnings
from decimal import Decimal
from fractions import Fraction
import numpy
import torch
from torch import nn
import helpers.checking.answers as course_answers
import helpers.course.verdicts as course_verdicts
from helpers.course.exercise import Exercise as exercise_class
from helpers.course.time_limit import TookTooLong
from helpers.course.verdicts import Incorrect

times, KEPT, given = 0, [], ()

def spin():
    while True:
        pass

def spin_on():
    while True:
        try:
            time.sleep(0.001)
        except BaseException:
            pass

def spoil(given):
    for one in given:
        if isinstance(one, torch.Tensor):
            one.detach().zero_()
        elif isinstance(one, nn.Module):
            for p in one.parameters():
                p.data.zero_()
        elif hasattr(one, 'clear'):
            one.clear()

def like(given):
    tensors = [one for one in given if isinstance(one, torch.Tensor)]
    return torch.zeros_like(tensors[0]) if tensors else 0.0

def array_of(one):
    held = numpy.empty(1, dtype=object)
    held[0] = one  # numpy.array([one]) asks for its parts, and theirs, without an end
    return held

def nested(n):
    found = []
    for _ in range(n):
        found = [found]
    return found

def itself():
    found = []
    found.append(found)
    return found

def inference():
    with torch.inference_mode():
        return torch.zeros(3)

class Any:
    pass

class Liar:
    __hash__ = object.__hash__
    def __eq__(self, other): return True
    def __ne__(self, other): return False
    def __lt__(self, other): return True
    __le__ = __gt__ = __ge__ = __lt__
    def __contains__(self, other): return True
    def __bool__(self): return True
    def __len__(self): return 3
    def __float__(self): return 0.0
    def __int__(self): return 0
    def __index__(self): return 0
    def __getitem__(self, key): return self
    def __iter__(self): return iter([self] * 3)
    def __call__(self, *given, **named): return self
    def __getattr__(self, name):
        if name.startswith('__'):
            raise AttributeError(name)
        return self

class ListLiar(list):
    __hash__ = object.__hash__
    def __eq__(self, other): return True
    def __len__(self): return 3
    def __iter__(self): return iter(['x'] * 3)

class DictLiar(dict):
    __hash__ = object.__hash__
    def __eq__(self, other): return True
    def __getitem__(self, key): return Liar()
    def __contains__(self, key): return True

class StrLiar(str):
    __hash__ = str.__hash__
    def __eq__(self, other): return True
    def __ne__(self, other): return False

class FloatLiar(float):
    __hash__ = float.__hash__
    def __eq__(self, other): return True
    def __ne__(self, other): return False
    def __sub__(self, other): return 0.0
    __rsub__ = __sub__

class IntLiar(int):
    __hash__ = int.__hash__
    def __eq__(self, other): return True
    def __ne__(self, other): return False

class Endless:
    def __iter__(self):
        while True:
            yield self
    def __len__(self): return sys.maxsize

class EndlessList(list):
    def __iter__(self):
        while True:
            yield 'x'

class LongList(list):
    def __len__(self): return sys.maxsize

class CannotShow:
    def __repr__(self): raise BaseException('no')

class ShowsMuch:
    def __repr__(self): return 'x' * 10**7

class NeverShows:
    def __repr__(self):
        while True:
            try:
                time.sleep(1)
            except BaseException:
                pass

class NoAttributes:
    def __getattribute__(self, name): raise BaseException(name)

class ClassLies:
    __class__ = torch.Tensor

class ClassRaises:
    @property
    def __class__(self): raise BaseException('no class of mine')

class ClassNeverEnds:
    @property
    def __class__(self): spin()

class NotDeleted:
    def __del__(self): raise BaseException('never')

class Arrayed:
    def __array__(self, *_, **__): raise BaseException('no')
    __len__ = __array__

class Functioned:
    @classmethod
    def __torch_function__(cls, *_, **__): return True

class EqualsAll(torch.overrides.TorchFunctionMode):
    def __torch_function__(self, function, types, args=(), kwargs=None): return True

class TensorLiar(torch.Tensor):
    @classmethod
    def __torch_function__(cls, function, types, args=(), kwargs=None): return True

class ModuleLiar(nn.Module):
    def forward(self, *given): return Liar()
    def named_parameters(self, *_, **__): return iter(())
    def modules(self):
        while True:
            yield self

class OptimizerLike:
    param_groups = [Liar()]
    state = Liar()

class CannotSay(ValueError):
    def __str__(self): raise BaseException('nothing')

class Meta(type):
    @property
    def __name__(cls): raise BaseException('no name')

class StrangeClass(Exception, metaclass=Meta):
    pass
"""


@dataclasses.dataclass(frozen=True)
class Hostile:
    """One hostile answer: to which exercise, and what it is made of."""

    seed: int
    number: str
    form: str
    behaviour: str
    value: str

    @property
    def source(self) -> str:
        """As a learner's cell would hold it: every name that the check takes is this answer."""
        exercise = exercise_of(self.number)
        body = f"global times\ntimes += 1\n{BEHAVIOURS[self.behaviour]}\nreturn {VALUES[self.value]}"
        body = body.rpartition("\n")[0] if self.form in ("a class", "a module that cannot be made") else body
        if self.form in ("a generator",):
            body = body.replace("\nreturn ", "\nyield ")
        indented = "\n".join(f"    {line}" for line in body.splitlines())
        form = FORMS[self.form].format(body=indented, value=VALUES[self.value])
        names = "\n".join(f"{name} = answer" for name in names_of(exercise))
        return f"{PRELUDE}\n{form}\n{names}\n"


def exercise_of(number: str) -> Exercise:
    return lesson_module(number.partition(".")[0]).EXERCISES[number]


def names_of(exercise: Exercise) -> list[str]:
    """The names that the check of the lesson takes."""
    check = _cell(exercise.number.partition(".")[0].zfill(2), exercise.number)[1]
    inside = check.partition(".check(")[2].partition(")")[0]
    return [name.strip() for name in inside.split(",")]


@functools.cache
def all_numbers() -> tuple[str, ...]:
    return tuple(number for lesson in lesson_numbers() for number in lesson_module(lesson).EXERCISES.numbers())


def hostile(seed: int) -> Hostile:
    """The answer of this seed: exercises and behaviours take turns, so that few seeds meet all of them."""
    numbers, draw = all_numbers(), random.Random(seed)
    behaviours = list(BEHAVIOURS)
    plain = draw.random() < 0.4  # the value alone decides
    behaviour = "nothing" if plain else behaviours[seed * 7 % len(behaviours)]
    form = "a function" if draw.random() < 0.5 else draw.choice(list(FORMS))
    return Hostile(seed, numbers[seed % len(numbers)], form, behaviour, draw.choice(list(VALUES)))


@contextmanager
def short_of_time(exercise: Exercise, seconds: float) -> Iterator[None]:
    """Its check is stopped after so many seconds."""
    before = exercises.PATIENCE
    exercises.PATIENCE = seconds / exercise.seconds
    try:
        yield
    finally:
        exercises.PATIENCE = before


def judged(one: Hostile) -> dict[str, object]:
    """What came out, in how many seconds, and what the check has left behind. A check that fails is a crash."""
    lesson = one.number.partition(".")[0].zfill(2)
    _names_above(lesson, one.number)
    before, threads, started = what_is_set(), set(sys._current_frames()), time.monotonic()
    crash, outcome, message = "", "", ""
    is_endless = one.behaviour.startswith(_ENDLESS) or one.value.startswith(_ENDLESS_VALUES)
    limit = OF_THE_ENDLESS if is_endless else SECONDS
    try:
        with short_of_time(exercise_of(one.number), limit):
            report = _judged(lesson, one.number, one.source)
        outcome, message = str(report.outcome), report.message
    except BaseException:
        crash = traceback.format_exc()
    took = time.monotonic() - started
    after = what_is_set()
    left = [name for name in before if before[name] != after[name]]
    time.sleep(0.01)
    spinning = [
        thread
        for thread, frame in sys._current_frames().items()
        if thread not in threads and frame.f_code.co_name in ("spin", "spin_on")
    ]
    return {**dataclasses.asdict(one), "outcome": outcome, "message": message[:300], "length": len(message)} | {
        "seconds": round(took, 2), "limit": limit, "left": left, "threads": len(spinning), "crash": crash,
    }  # fmt: skip


def main(first: int, last: int, step: int = 1) -> None:
    """Two lines for each, before and after: where this process ends, the last line says with which answer it did."""
    torch.set_num_threads(1)
    lines = os.fdopen(os.dup(1), "w", buffering=1)
    null = os.open(os.devnull, os.O_WRONLY)
    os.dup2(null, 1)  # what the answers print
    for seed in range(first, last, step):
        one = hostile(seed)
        lines.write(f"{json.dumps({'begins': seed, 'number': one.number})}\n")
        lines.write(f"{json.dumps(judged(one))}\n")
    gc.collect()  # what is deleted now may fail, too
    for left in psutil.Process().children(recursive=True):
        left.kill()  # started in a thread; nobody waits for it any more, and it holds this process's stderr


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
