"""What all code of a notebook shares: PyTorch's classes and functions, Python's own, and the course's."""

from __future__ import annotations

import builtins
import inspect
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType

import torch

from helpers.errors import first_few

_TORCH = Path(torch.__file__).parent

# Modules whose functions a check, a lesson or PyTorch itself calls by the module's name; those that are loaded count.
SHARED_MODULES = (
    "builtins", "sys", "os", "os.path", "io", "time", "math", "cmath", "random", "statistics", "itertools",
    "operator", "functools", "collections", "contextlib", "copy", "inspect", "dis", "traceback", "linecache", "types",
    "re", "json", "pickle", "tempfile", "shutil", "threading", "signal", "gc", "unittest.mock", "numpy",
    "numpy.linalg", "PIL.Image", "PIL.ImageOps", "PIL.ImageFile", "torch", "torch.nn.functional", "torch.nn.init",
    "torch.random", "torch.linalg", "torch.cuda", "torch.backends.mps", "torch.nn.utils", "torch.nn.modules.module",
    "torch.utils.data", "torch.optim.lr_scheduler", "torchvision.models", "torchvision.transforms.functional",
)  # fmt: skip
_NOTHING = object()  # what a name that is not there holds: an answer may put None in its place
# Modules whose classes are looked into as well, beside those of the course.
_OF_CLASSES = ("torch.nn", "torch.optim", "torch.optim.lr_scheduler", "torch.utils.data", "pathlib")


class Foundations:
    """What Python itself stands on, as it was when this was made: its built-in names, and how deep calls may go."""

    def __init__(self) -> None:
        names = vars(builtins)
        self._look, self._update, self._before = names.copy, names.update, names.copy()
        self._set_depth, self._depth = sys.setrecursionlimit, sys.getrecursionlimit()
        self._now = self._before

    def put_back(self) -> None:
        """Uses no built-in name itself: an answer may have put anything in the place of each."""
        self._set_depth(self._depth)
        self._now = self._look()
        self._update(self._before)

    def replaced(self) -> list[str]:
        """The built-in functions that `put_back` has put back: "`len`"."""
        return [
            f"`{name}`" for name, held in self._before.items() if callable(held) and self._now.get(name) is not held
        ]


@contextmanager
def shared_code_as_it_was() -> Iterator[list[str]]:
    """After the block the methods of shared classes and the functions of shared modules are what they were before it.

    An answer that replaces one changes every network of the notebook. Gives a list, which then holds the names of
    what was put back. Not seen: classes and modules that `_shared` does not list.
    """
    before = {owner: dict(vars(owner)) for owner in _shared()}
    replaced: list[str] = []
    try:
        yield replaced
    finally:
        replaced += _give_back(before)


def why_replaced(names: list[str]) -> str:
    """The sentence for whoever has replaced these."""
    return (
        f"Your code has replaced {first_few(names)} for the whole notebook, other networks included. The check gave "
        "it back: leave shared classes and modules as they are, and write a function or a class of your own."
    )


def _shared() -> set[type | ModuleType]:
    """What all networks share: the classes of layers, tensors and optimizers, and modules with their functions."""
    modules = {sys.modules[name] for name in SHARED_MODULES if name in sys.modules}
    of_the_course = {one for name, one in sys.modules.items() if name.partition(".")[0] == "helpers"}
    with_classes = of_the_course | {sys.modules[name] for name in _OF_CLASSES}
    classes = {one for module in with_classes for one in vars(module).values() if isinstance(one, type)}
    return (modules | of_the_course | {one for one in classes if not _is_built_in(one)} | {torch.Tensor}) - {None}


def _is_built_in(owner: type) -> bool:
    """Whether the class cannot be changed at all."""
    return owner.__flags__ & (1 << 8) != 0  # Py_TPFLAGS_IMMUTABLETYPE


def _give_back(before: dict[type | ModuleType, dict[str, object]]) -> list[str]:
    """Put back what was replaced, and give its names: "`Linear.forward`"."""
    replaced = []
    for owner, held in before.items():
        for name, now in dict(vars(owner)).items():
            if now is held.get(name, _NOTHING) or not _is_a_replacement(owner, name, held, now):
                continue
            replaced.append(f"`{owner.__name__}.{name}`")
            if name in held:
                setattr(owner, name, held[name])
            else:
                delattr(owner, name)
        for name in held.keys() - vars(owner).keys():
            replaced.append(f"`{owner.__name__}.{name}`")
            setattr(owner, name, held[name])
    return replaced


def _is_a_replacement(owner: type | ModuleType, name: str, held: dict[str, object], now: object) -> bool:
    """Whether `now` stands in place of a function: the owner's, or one that a class has from those above it."""
    if (owner, name) == (torch, "Storage"):  # follows the default dtype
        return False
    if name in held:
        return _is_code(held[name]) and not wrapped_by_torch(now, held[name])
    above = [vars(one)[name] for one in owner.__mro__[1:] if name in vars(one)] if isinstance(owner, type) else []
    return bool(above) and (callable(now) or _is_code(above[0])) and not wrapped_by_torch(now, above[0])


def _is_code(value: object) -> bool:
    """A function or what acts as one where it is looked up, such as a property, of Python or of C."""
    return callable(value) or hasattr(type(value), "__get__")


def wrapped_by_torch(now: object, original: object) -> bool:
    """Whether `now` is `original` in wrappers that are all PyTorch's own, and so no answer's doing.

    It wraps the `step` of an optimizer's class and `torch.manual_seed` as the first optimizer is made, and
    `_init_group` of all optimizers and the making of modules at the first `torch.compile`, whose own code is enough.
    """
    innermost = inspect.unwrap(original)
    while now is not innermost:
        file = Path(getattr(getattr(now, "__code__", None), "co_filename", ""))
        if file.is_relative_to(_TORCH / "_dynamo"):
            return True
        if not file.is_relative_to(_TORCH) or not hasattr(now, "__wrapped__"):
            return False
        now = now.__wrapped__
    return True
