"""Whether an answer is still the stub that the lesson came with."""

from __future__ import annotations

import dis
import inspect
from collections.abc import Callable


def is_unwritten(answer: object) -> bool:
    """Whether this is still the stub: `...`, a function whose body is `...`, or a class with such a method.

    A list, tuple or dict with a `...` in it and a class with an empty body are stubs as well.
    """
    if answer is Ellipsis:
        return True
    if isinstance(answer, list | tuple | dict):
        return any(item is Ellipsis for item in (answer.values() if isinstance(answer, dict) else answer))
    if inspect.isclass(answer):
        return _is_unwritten_class(answer)
    if not inspect.isfunction(answer):
        return False
    try:
        function = inspect.unwrap(answer)  # beneath a decorator such as torch.no_grad()
    except ValueError:  # it claims to wrap itself
        function = answer
    return inspect.isfunction(function) and (_returns_at_once(function) or _has_a_gap(function))


# What Python itself puts into a class, whatever its body.
_IN_EVERY_CLASS = set(vars(type("Empty", (), {}))) | {
    "__qualname__",
    "__annotations__",
    "__static_attributes__",
    "__firstlineno__",
    "__abstractmethods__",
    "_abc_impl",
}


# The methods that a class comes with as stubs. An empty one of another name is the learner's own, and may stay empty.
_OF_STUBS = {"__init__", "forward", "__call__"}


def _is_unwritten_class(answer: type) -> bool:
    own = {name: member for name, member in vars(answer).items() if name not in _IN_EVERY_CLASS}
    if not own and not vars(answer).get("__annotations__"):
        return True
    for name, member in own.items():
        method = member.__func__ if isinstance(member, classmethod | staticmethod) else member
        if method is Ellipsis or (inspect.isfunction(method) and _has_a_gap(method)):
            return True
        if name in _OF_STUBS and inspect.isfunction(method) and is_unwritten(method):
            return True
    return False


# Python's bytecode says it whatever the layout of the source, and also where there is no source to read.
_NO_STEP = {"RESUME", "NOP", "CACHE", "EXTENDED_ARG", "COPY_FREE_VARS", "MAKE_CELL"}


def _returns_at_once(function: Callable) -> bool:
    """A body of `...`, `pass` or a docstring compiles to: return None. `return ...` is a stub as well."""
    steps = [step for step in dis.get_instructions(function) if step.opname not in _NO_STEP]
    names = [step.opname for step in steps]
    return names in (["RETURN_CONST"], ["LOAD_CONST", "RETURN_VALUE"]) and steps[0].argval in (None, Ellipsis)


def _has_a_gap(function: Callable) -> bool:
    """Whether a `name = ...`, `self.name = ...`, `a, b = ..., ...` or `return ...` is still to be filled in."""
    steps = [step for step in dis.get_instructions(function) if step.opname not in _NO_STEP]
    return any(
        _is_gap(first, second) or (second.opname.startswith("LOAD_") and _is_gap(first, third, attribute=True))
        for first, second, third in zip(steps, steps[1:], [*steps[2:], steps[-1]], strict=False)
    ) or any(step.opname == "RETURN_CONST" and step.argval is Ellipsis for step in steps)


def _is_gap(loaded: dis.Instruction, then: dis.Instruction, attribute: bool = False) -> bool:
    """Whether the constant `...`, or a tuple with it, is stored or given back by the step after it."""
    if loaded.opname != "LOAD_CONST":
        return False
    if isinstance(loaded.argval, tuple):
        return any(item is Ellipsis for item in loaded.argval) and then.opname == "UNPACK_SEQUENCE"
    stores = ("STORE_ATTR",) if attribute else ("STORE_FAST", "STORE_DEREF", "RETURN_VALUE")
    return loaded.argval is Ellipsis and then.opname.startswith(stores)
