"""A hash of all that a call depends on: its arguments, and the code that it runs, down to the numbers behind it.

A function of the learner's own is told by its steps, its constants, its defaults, and everything that it looks up by
name: other functions, numbers, tensors, networks. A function of this course or of a library is told by its name, since
`course_code` and `versions` tell the rest. What cannot be told is an `Unknowable`: then nothing may be taken for equal.
"""

from __future__ import annotations

import dis
import enum
import functools
import hashlib
import sys
import sysconfig
from dataclasses import fields, is_dataclass
from importlib.metadata import version
from pathlib import Path, PurePath
from types import BuiltinFunctionType, CodeType, FunctionType, MethodType, ModuleType
from typing import Any

import numpy as np
import torch
from PIL import Image
from torch import Tensor

_HELPERS = Path(__file__).resolve().parents[1]
_LIBRARIES = tuple({sysconfig.get_path(name) for name in ("stdlib", "platstdlib", "purelib", "platlib")})
# Types whose `repr` is all that they are.
_AS_PRINTED = (
    *(bool, int, float, complex, str, bytes, range, slice, PurePath, enum.Enum, np.generic, np.dtype),
    *(torch.dtype, torch.device, torch.layout, torch.memory_format),
)
_UNSEEN = {"__dict__", "__weakref__", "__doc__", "__module__", "__firstlineno__", "__annotations__"}


class Unknowable(Exception):
    """A value of which nobody can say whether it is the same as another one."""


def fingerprint(*values: object) -> str:
    """32 hex digits, equal for equal values, in this session and in the next.

    Raises:
        Unknowable: something in `values`, or in what their code looks up, cannot be told.
    """
    teller = _Teller()
    try:
        teller.tell(values)
    except RecursionError:
        raise Unknowable("too deep") from None
    return teller.key.hexdigest()


@functools.cache
def course_code() -> str:
    """A hash of the course's own code, as it was when this session first asked."""
    key = hashlib.blake2b(digest_size=16)
    for path in sorted(_HELPERS.rglob("*.py")):
        key.update(path.relative_to(_HELPERS).as_posix().encode() + b"\0" + path.read_bytes())
    return key.hexdigest()


@functools.cache
def versions() -> tuple[str, ...]:
    """Of the packages on which the numbers of a training depend."""
    packages = ("torch", "torchvision", "timm", "numpy", "scikit-learn", "pillow")
    return (sys.version, *(f"{name} {version(name)}" for name in packages))


def bytes_of(tensor: Tensor) -> bytes:
    """The numbers of a tensor, wherever and however it lies."""
    return tensor.detach().cpu().contiguous().view(-1).view(torch.uint8).numpy().tobytes()


class _Teller:
    """Writes values into a hash, each with its kind and its length, so that two rows of values never read alike."""

    def __init__(self) -> None:
        self.key = hashlib.blake2b(digest_size=16)
        self._seen: dict[int, tuple[int, Any]] = {}  # the values too: the number of one that is gone is given anew

    def tell(self, value: object) -> None:
        self._write(f"{type(value).__module__}.{type(value).__qualname__}")
        if value is None or isinstance(value, _AS_PRINTED):
            self._write(repr(value))
        elif isinstance(value, tuple):
            self._row(value)
        elif self._is_new(value):
            self._tell_once(value)

    def _tell_once(self, value: Any) -> None:
        if isinstance(value, Tensor):
            self._tensor(value)
        elif isinstance(value, np.ndarray):
            self._write(f"{value.dtype} {value.shape}")
            self._row(value.tolist()) if value.dtype.hasobject else self._write(value.tobytes())
        elif isinstance(value, dict):
            self._row([part for pair in value.items() for part in pair])
            self._own(value)
        elif isinstance(value, list):
            self._row(value)
            self._own(value)
        elif isinstance(value, set | frozenset):
            self._row(sorted(fingerprint(one) for one in value))
        elif isinstance(value, FunctionType):
            self._function(value)
        elif isinstance(value, MethodType):
            self._row([value.__self__, value.__func__])
        elif isinstance(value, functools.partial):
            self._row([value.func, value.args, value.keywords])
        elif isinstance(value, staticmethod | classmethod):
            self.tell(value.__func__)
        elif isinstance(value, property):
            self._row([value.fget, value.fset, value.fdel])
        elif isinstance(value, type):
            self._class(value)
        elif isinstance(value, ModuleType):
            self._module(value)
        else:
            self._object(value)

    def _object(self, value: Any) -> None:
        if isinstance(value, torch.Generator):
            self._write(bytes_of(value.get_state()))
        elif isinstance(value, Image.Image):
            self._write(f"{value.mode} {value.size}")
            self._write(value.tobytes())
        elif isinstance(value, BuiltinFunctionType):
            self._write(f"{value.__module__}.{value.__qualname__}")
            self.tell(None if isinstance(value.__self__, ModuleType) else value.__self__)
        elif hasattr(value, "__dict__"):
            self.tell(type(value))
            self._own(value)
        elif is_dataclass(value):
            self.tell(type(value))
            self._row([getattr(value, field.name) for field in fields(value)])
        else:
            raise Unknowable(f"{type(value).__module__}.{type(value).__qualname__}")

    def _own(self, value: object) -> None:
        """What an object has beside what its type is made of: a network's layers, numbers and hooks among it."""
        self._row([part for pair in getattr(value, "__dict__", {}).items() for part in pair])

    def _tensor(self, value: Tensor) -> None:
        self._write(f"{value.dtype} {tuple(value.shape)} {value.device} {value.requires_grad}")
        self._write(bytes_of(value))

    def _function(self, function: FunctionType) -> None:
        """A library's function may hold one of the learner's: a decorator does."""
        self._row([function.__defaults__, function.__kwdefaults__])
        for cell in function.__closure__ or ():
            try:
                self.tell(cell.cell_contents)
            except ValueError:
                self._write("empty")
        if _is_known(function.__code__.co_filename):
            self._write(f"{function.__module__}.{function.__qualname__}")
        else:
            self._code(function.__code__, function.__globals__)

    def _code(self, code: CodeType, found: dict[str, Any]) -> None:
        self._write(code.co_code)
        self._row([code.co_names, code.co_varnames, code.co_freevars, code.co_cellvars])
        for constant in code.co_consts:
            if isinstance(constant, CodeType):
                self._code(constant, found)
            else:
                self.tell(constant)
        for step in dis.get_instructions(code):
            if step.opname in ("LOAD_GLOBAL", "LOAD_NAME") and step.argval in found:
                self.tell(found[step.argval])

    def _class(self, value: type) -> None:
        self._write(f"{value.__module__}.{value.__qualname__}")
        if value.__module__ != "__main__" and _is_known_module(sys.modules.get(value.__module__)):
            return
        self._row(list(value.__bases__))
        self._row([part for pair in vars(value).items() if pair[0] not in _UNSEEN for part in pair])

    def _module(self, module: ModuleType) -> None:
        self._write(module.__name__)
        if not _is_known_module(module):  # the learner's own file
            try:
                self._write(Path(str(module.__file__)).read_bytes())
            except (AttributeError, OSError):
                raise Unknowable(f"the module {module.__name__}") from None

    def _row(self, values: Any) -> None:
        self._write(str(len(values)))
        for value in values:
            self.tell(value)

    def _is_new(self, value: object) -> bool:
        """False where it was told before: then its number says which one it was."""
        if id(value) in self._seen:
            self._write(str(self._seen[id(value)][0]))
            return False
        self._seen[id(value)] = len(self._seen), value
        return True

    def _write(self, told: str | bytes) -> None:
        data = told.encode("utf-8", "surrogateescape") if isinstance(told, str) else told
        self.key.update(len(data).to_bytes(8, "little") + data)


def _is_known(path: str | None) -> bool:
    """Whether code of this file is told by `course_code` and `versions`."""
    return path is not None and path.startswith((f"{_HELPERS}/", *_LIBRARIES, "<frozen "))


def _is_known_module(module: ModuleType | None) -> bool:
    return module is not None and (
        module.__name__ in sys.builtin_module_names or _is_known(getattr(module, "__file__", None))
    )
