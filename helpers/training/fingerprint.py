"""A hash of all that a call depends on: its arguments, and the code that it runs, down to the numbers behind it.

A function of the learner's own is told by its steps, its constants, its defaults, and everything that it looks up by
name: other functions, numbers, tensors, networks. Of a function of this course or of a library its own steps do, since
`course_code` and `versions` tell the rest. What cannot be told is an `Unknowable`: then nothing may be taken for equal.
Files and environment variables that a function reads are not seen.
"""

from __future__ import annotations

import collections
import dis
import enum
import functools
import hashlib
import sys
import sysconfig
from collections.abc import Sequence
from dataclasses import fields, is_dataclass
from pathlib import Path, PurePath
from types import BuiltinFunctionType, CodeType, FunctionType, MethodType, ModuleType
from typing import Any

import numpy as np
import torch
from PIL import Image
from torch import Tensor, nn

_HELPERS = Path(__file__).parents[1]
_LIBRARIES = {sysconfig.get_path(name) for name in ("stdlib", "platstdlib", "purelib", "platlib")}
_KNOWN = (f"{_HELPERS}/", f"{_HELPERS.resolve()}/", "<frozen ", *_LIBRARIES)  # what files of known code begin with
# Types whose `repr` is all that they are.
_AS_PRINTED = (
    *(bool, int, float, complex, str, bytes, range, slice, PurePath, enum.Enum, np.generic, np.dtype),
    *(torch.dtype, torch.device, torch.layout, torch.memory_format),
)
# Of a class: what its other members tell as well.
_UNSEEN = {"__dict__", "__weakref__", "__doc__", "__module__", "__firstlineno__", "__annotations__", "__annotate__"}
_UNSEEN |= {"__static_attributes__", "__dataclass_params__", "__dataclass_fields__", "__match_args__", "__slots__"}
_LOOKS_ANYWHERE = {"eval", "exec", "globals", "locals", "vars", "__import__"}


class Unknowable(Exception):
    """A value of which nobody can say whether it is the same as another one."""


def fingerprint(*values: object, apart: Sequence[nn.Module] = ()) -> str:
    """32 hex digits, equal for equal values, in this session and in the next.

    Args:
        apart: networks of whose tensors only the form is told, and not what is trained or in `train()` mode.

    Raises:
        Unknowable: something in `values`, or in what their code looks up, cannot be told.
    """
    teller = _Teller(apart)
    try:
        teller.tell(values)
    except Unknowable:
        raise
    except Exception as error:  # any object may answer a question about itself with any error
        raise Unknowable(f"{type(error).__name__}: {error}") from None
    return teller.key.hexdigest()


def course_code() -> str:
    """A hash of the course's own code, as it lies on disk now."""
    key = hashlib.blake2b(digest_size=16)
    for path in sorted(_HELPERS.rglob("*.py")):
        key.update(path.relative_to(_HELPERS).as_posix().encode() + b"\0" + path.read_bytes())
    return key.hexdigest()


@functools.cache
def versions() -> tuple[str, ...]:
    """Of Python and of every package that is installed: the names of their folders hold them."""
    folders = {found.name for entry in sys.path for found in Path(entry).glob("*-info")}
    return (sys.version, *sorted(folders))


def switches() -> tuple[object, ...]:
    """What is set for all of PyTorch, and changes what the same code computes, or how fast."""
    return (
        torch.get_default_dtype(),
        torch.get_num_threads(),
        torch.is_grad_enabled(),
        torch.is_inference_mode_enabled(),
        torch.is_autocast_enabled("cpu"),
        torch.get_autocast_dtype("cpu"),
        torch.are_deterministic_algorithms_enabled(),
        torch.get_float32_matmul_precision(),
    )


def bytes_of(tensor: Tensor) -> bytes:
    """The numbers of a tensor, wherever and however it lies."""
    return tensor.detach().cpu().contiguous().view(-1).view(torch.uint8).numpy().tobytes()


class _Teller:
    """Writes values into a hash, each with its kind and its length, so that two rows of values never read alike."""

    def __init__(self, apart: Sequence[nn.Module] = ()) -> None:
        self.key = hashlib.blake2b(digest_size=16)
        self._modules_apart = {id(module) for network in apart for module in network.modules()}
        self._tensors_apart = {id(one) for network in apart for one in (*network.parameters(), *network.buffers())}
        self._seen: dict[int, tuple[int, Any]] = {}  # the values too: the number of one that is gone is given anew

    def tell(self, value: object) -> None:
        self._write(f"{type(value).__module__}.{type(value).__qualname__}")
        if not _is_known_class(type(value)):
            self.tell(type(value))
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
            self.tell(value.default_factory if isinstance(value, collections.defaultdict) else None)
            self._own(value)
        elif isinstance(value, list):
            self._row(value)
            self._own(value)
        elif isinstance(value, set | frozenset):
            self._row(sorted(fingerprint(one) for one in value))
            self._own(value)
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
            self._write(f"{value.mode} {value.size} {value.getpalette()}")
            self._write(value.tobytes())
        elif isinstance(value, BuiltinFunctionType):
            self._write(f"{value.__module__}.{value.__qualname__}")
            self.tell(None if isinstance(value.__self__, ModuleType) else value.__self__)
        elif _keeps_something_in_c(type(value)):
            raise Unknowable(f"{type(value).__module__}.{type(value).__qualname__}")
        elif hasattr(value, "__dict__"):
            self._own(value)
        elif is_dataclass(value):
            self._row([getattr(value, field.name) for field in fields(value)])
        else:
            raise Unknowable(f"{type(value).__module__}.{type(value).__qualname__}")

    def _own(self, value: object) -> None:
        """What an object has beside what its type is made of: a network's layers, numbers and hooks among it."""
        for name, one in getattr(value, "__dict__", {}).items():
            self._write(name)
            if isinstance(value, nn.Module) and name.endswith("_hooks") and one:
                self._row(list(one.values()))  # their keys count the hooks of the whole session
            elif not (name == "training" and id(value) in self._modules_apart):
                self.tell(one)

    def _tensor(self, value: Tensor) -> None:
        self._write(f"{value.dtype} {tuple(value.shape)} {value.stride()} {value.device} {value.is_inference()}")
        if id(value) in self._tensors_apart:
            return
        self._write(f"{value.requires_grad}")
        self._write(bytes_of(value))
        hooks = (value._backward_hooks or {}, getattr(value, "_post_accumulate_grad_hooks", None) or {})
        self._row([hook for some in hooks for hook in some.values()])
        self.tell(value.grad if value.is_leaf else None)
        self._own(value)

    def _function(self, function: FunctionType) -> None:
        """A library's function may hold one of the learner's: a decorator does."""
        self._row([function.__defaults__, function.__kwdefaults__])
        self._own(function)
        for cell in function.__closure__ or ():
            try:
                self.tell(cell.cell_contents)
            except ValueError:
                self._write("empty")
        if _is_known(function.__code__.co_filename):
            self._write(f"{function.__module__}.{function.__qualname__} {function.__code__.co_firstlineno}")
            self._write(function.__code__.co_code)
        else:
            self._code(function.__code__, function.__globals__)

    def _code(self, code: CodeType, found: dict[str, Any]) -> None:
        self._write(code.co_code)
        self._write(getattr(code, "co_exceptiontable", b""))
        self._row([code.co_names, code.co_varnames, code.co_freevars, code.co_cellvars])
        self._row([code.co_argcount, code.co_posonlyargcount, code.co_kwonlyargcount, code.co_flags])
        for constant in code.co_consts:
            if isinstance(constant, CodeType):
                self._code(constant, found)
            else:
                self.tell(constant)
        for step in dis.get_instructions(code):
            if step.opname in ("STORE_GLOBAL", "DELETE_GLOBAL"):
                raise Unknowable(f"code that sets {step.argval} for all")
            if step.opname in ("LOAD_GLOBAL", "LOAD_NAME"):
                self._looked_up(step.argval, found)
            elif step.opname == "IMPORT_NAME":
                self.tell(_imported(step.argval))

    def _looked_up(self, name: str, found: dict[str, Any]) -> None:
        if name in found:
            self.tell(found[name])
        elif name in _LOOKS_ANYWHERE:
            raise Unknowable(f"code that looks up names by {name}")

    def _class(self, value: type) -> None:
        self._write(f"{value.__module__}.{value.__qualname__}")
        if _is_known_class(value):
            return
        self._row(list(value.__bases__))
        self._row([part for pair in vars(value).items() if pair[0] not in _UNSEEN for part in pair])

    def _module(self, module: ModuleType) -> None:
        self._write(module.__name__)
        if not _is_known_module(module):  # the learner's own
            self._row([part for pair in vars(module).items() if not pair[0].startswith("__") for part in pair])

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


def _imported(name: str) -> ModuleType:
    if name not in sys.modules:
        raise Unknowable(f"the module {name}, which is not there yet")
    return sys.modules[name]


def _keeps_something_in_c(kind: type) -> bool:
    """Such as `random.Random`: what it keeps is not among its attributes, and it says by itself how to copy it."""
    return kind.__reduce_ex__ is not object.__reduce_ex__ or kind.__reduce__ is not object.__reduce__


def _is_known_class(kind: type) -> bool:
    return kind.__module__ != "__main__" and _is_known_module(sys.modules.get(kind.__module__))


def _is_known(path: str | None) -> bool:
    """Whether code of this file is told by `course_code` and `versions`."""
    return path is not None and path.startswith(_KNOWN)


def _is_known_module(module: ModuleType | None) -> bool:
    return module is not None and (
        module.__name__ in sys.builtin_module_names or _is_known(getattr(module, "__file__", None))
    )
