"""One answer, judged in a process of its own. What this process says counts only where nobody has meddled with it."""

from __future__ import annotations

import ast
import builtins
import contextlib
import copy
import dataclasses
import functools
import inspect
import io
import itertools
import json
import linecache
import math
import operator
import os
import pathlib
import random
import re
import statistics
import sys
import tempfile
import time
import types
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import torch
import tqdm
from torch import nn

import helpers
from helpers.course.exercise import Exercise
from helpers.course.patched import SHARED_MODULES, wrapped_by_torch
from helpers.course.verdicts import Outcome
from helpers.errors import CourseError, first_few, first_line
from helpers.grading import guard
from helpers.grading.canaries import let_in
from helpers.grading.tasks import REFUSED, Task
from helpers.lessons import lesson_module, lesson_numbers
from helpers.places import repository

_COURSE = Path(helpers.__file__).parent
_LIBRARY = (
    builtins, contextlib, copy, dataclasses, functools, inspect, io, itertools, json, linecache, math, operator, os,
    pathlib, random, re, statistics, sys, tempfile, time, types, warnings, np, np.linalg, np.testing, torch, nn,
    nn.functional, nn.init, torch.optim, torch.autograd, torch.testing, torch.utils.data,
)  # fmt: skip
_WITHOUT_END = 10_000  # the time is watched from outside, where it says more and counts what an answer computes
_JUDGING = tuple(f"helpers.{name}" for name in ("checking", "course.exercise", "course.verdicts", "course.process"))
_NOT_FOR_ANSWERS = ("helpers.lessons.lesson_", "helpers.checking", "helpers.grading")  # imported by none in a lesson


class AskedByAnswer:
    """Stands in for `exercise` in answers: the grader asks by itself, and the key is not to be had."""

    def __call__(self, number: str) -> AskedByAnswer:
        return self

    def __getattr__(self, name: str) -> object:
        raise CourseError(f"an answer cannot use exercise(...).{name}() when it is marked: write the answer itself")


def quiet_packages() -> None:
    """Packages that start a thread of their own at first use, within an answer, do not."""
    tqdm.tqdm.monitor_interval = 0


def without_key() -> dict[str, dict[str, type[Exercise]]]:
    """Load the exercises of all lessons and take their hints and answers away, for this process and those it forks."""
    found = {}
    for lesson in lesson_numbers():
        declared = lesson_module(lesson).EXERCISES
        found[lesson] = {exercise.number: type(exercise) for exercise in declared}
        for exercise in declared:
            type(exercise).answer, type(exercise).hints = "", ()
    linecache.clearcache()
    return found


def judge(
    task: Task, declared: type[Exercise], names: dict[str, object], report: Callable[[str], None]
) -> tuple[str, str]:
    """Run the answer and its check under guard; the outcome and its reason.

    Args:
        names: what the lesson gives to an answer. Changed in place.
        report: told at once of each thing that an answer may not do.
    """
    seen: list[str] = []

    def noted(told: str) -> None:
        if told not in seen:
            seen.append(told)
            report(told)

    exercise = declared()
    own = guard.posted()
    sentry = own.Guard(_places(own, task), _COURSE, noted)
    untouched = own.Untouched(*_what_the_check_stands_on(declared))
    _hide_the_grader()
    names.update(exercise=AskedByAnswer())
    if imported := _imported_checks(task):
        noted(f"imports {imported}, which is the check's own")
    threads = sentry.threads()
    sys.addaudithook(sentry.hook)
    outcome, message = _defined(task, names) or (None, "")
    if outcome is None:
        stop = own.watch_boundary(sentry, untouched, noted)
        outcome, message = _judged(exercise, task, names)
        stop()
    _look_for_traces(sentry, untouched, threads, noted)
    if outcome == Outcome.CORRECT and not seen and (canary := let_in(exercise)):
        noted(f"makes the check take a wrong answer for right ({canary})")
    _look_for_traces(sentry, untouched, threads, noted)  # the canaries took a while: a thread may have been at work
    return (REFUSED, f"Your code {first_few(seen, between='; ')}.") if seen else (outcome, message)


def _look_for_traces(sentry: guard.Guard, untouched: guard.Untouched, threads: tuple, noted: Callable) -> None:
    """Tell of what is replaced, and of threads that run on."""
    for name in untouched.thoroughly():
        noted(f"replaces {name}, on which the check stands")
    if sentry.has_started_threads(threads):
        noted(guard.THREAD)


def _imported_checks(task: Task) -> str | None:
    """The first module of the checks that an import statement of the answer names; None where none does."""
    for node in ast.walk(ast.parse(f"{task.helpers}\n{task.answer}")):
        names = [alias.name for alias in node.names] if isinstance(node, ast.Import | ast.ImportFrom) else []
        if isinstance(node, ast.ImportFrom):
            names = [f"{node.module}.{name}" for name in names]
        for name in names:
            if name.startswith(_NOT_FOR_ANSWERS):
                return f"`{name}`"
    return None


def _places(own: types.ModuleType, task: Task) -> guard.Places:
    hidden = [Path(path) for path in task.hidden]
    weights = [Path(os.environ["COURSE_WEIGHTS"])] if os.environ.get("COURSE_WEIGHTS") else []
    home = repository()
    key = [_COURSE / "lessons", _COURSE / "grading", home / "tests", home / ".git"]
    return own.Places(Path.cwd(), [home / "data", *weights], [*hidden, *key])


def _hide_the_grader() -> None:
    """The grader's modules leave the list of modules; those of the checks stay, since checks pickle what is in them."""
    for name in [name for name in sys.modules if name.startswith("helpers.grading")]:
        del sys.modules[name]
    vars(sys.modules["helpers"]).pop("grading", None)


def _what_the_check_stands_on(declared: type[Exercise]) -> tuple:
    """The arguments of `Untouched`: all that counts in the end, and what of it at each moment of the check."""
    modules = {name: module for name, module in sys.modules.items() if name.startswith("helpers")}
    lesson = declared.__module__.rpartition(".")[0]
    judging = [module for name, module in modules.items() if name.startswith((*_JUDGING, lesson))]
    classes = {
        one
        for module in (nn, torch.optim, *modules.values())
        for one in vars(module).values()
        if isinstance(one, type) and (module in (nn, torch.optim) or one.__module__.startswith("helpers"))
    }
    classes |= {torch.Tensor, nn.Parameter, torch.Generator, nn.Module, *declared.__mro__[:-1]}
    used = frozenset(name for module in judging for name in _names_in(module))
    whole = frozenset([*judging, *(one for one in classes if one.__module__.startswith((*_JUDGING, lesson)))])
    shared = [sys.modules[name] for name in SHARED_MODULES if name in sys.modules]
    return [*dict.fromkeys([*_LIBRARY, *shared, *modules.values()]), *classes], used, whole, _stands_for


def _names_in(module: types.ModuleType) -> Iterator[str]:
    """The names that the functions of a module use, methods included."""
    for value in vars(module).values():
        members = vars(value).values() if isinstance(value, type) else (value,)
        for one in members:
            if isinstance(one, types.FunctionType):
                yield from _names_of(one.__code__)


def _names_of(code: types.CodeType) -> Iterator[str]:
    yield from code.co_names
    for inner in code.co_consts:
        if isinstance(inner, types.CodeType):
            yield from _names_of(inner)


def _stands_for(now: object, before: object) -> bool:
    """Whether PyTorch itself has wrapped what was there; with the names of its file alone anybody could say so."""
    return type(now) is types.FunctionType and wrapped_by_torch(now, before)


def _defined(task: Task, names: dict[str, object]) -> tuple[str, str] | None:
    """Run the definitions and the answer into `names`; where that fails, the outcome and why."""
    try:
        for place, source in (("<answer: other cells>", task.helpers), ("<answer>", task.answer)):
            linecache.cache[place] = (len(source), None, source.splitlines(keepends=True), place)
            _run_each(source, place, names)
    except BaseException as error:  # an `exit()` ends the answer and not the grader
        return Outcome.ERROR, _why(error, task)
    return None


def _run_each(source: str, place: str, names: dict[str, object]) -> None:
    """Statement by statement: one that only shows something may lack a name, as `print(f(model))`."""
    for step in ast.parse(source).body:
        code = compile(ast.Module([step], []), place, "exec")
        if isinstance(step, ast.Expr):
            with contextlib.suppress(NameError):
                exec(code, names)
        else:
            exec(code, names)


def _why(error: BaseException, task: Task) -> str:
    told = f"Your cell stopped with `{type(error).__name__}: {first_line(error)}`."
    if isinstance(error, NameError) and task.missing:
        return f"{told} {_missing(task.missing)}"
    return told


def _missing(names: tuple[str, ...]) -> str:
    return (
        f"Not defined: {first_few(names)}. An answer may use what its own cell and the lesson's imports give, and "
        "functions, classes and constants from cells that you added."
    )


def _judged(exercise: Exercise, task: Task, names: dict[str, object]) -> tuple[str, str]:
    given = task.given or tuple(inspect.signature(exercise.examine).parameters)
    absent = [name for name in given if name.isidentifier() and name not in names]
    if absent:
        return Outcome.ERROR, f"The cell does not define {first_few(absent)}, which the check is given."
    try:
        answers = [eval(compile(one, "<answer>", "eval"), names) for one in given]
    except BaseException as error:  # it may be a call
        return Outcome.ERROR, _why(error, task)
    try:
        report = exercise.judge(*answers, patience=_WITHOUT_END)
    except CourseError as error:  # too many of them, or too few
        return Outcome.ERROR, str(error)
    return str(report.outcome), report.message
