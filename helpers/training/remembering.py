"""Trainings on disk: who runs a lesson again, with nothing changed, need not wait for them again.

`remembered(function, ...)` calls a function that trains, and keeps what it gives back, the seconds that it took, and
what has changed in the networks that it was given. The file's name is the fingerprint of all that this depends on: the
function, what its code looks up, its arguments, the networks as they came, PyTorch's random state, the course's own
code and the versions of the libraries. Where one of them is another, or cannot be told, the function is called. So it
is where an earlier call has changed more than those networks: a list outside, an optimizer, a network in a global name.
With a GPU in use it is called each time.

Files are safetensors with their checksum, so that reading one runs no code. `data/cache` may be deleted any time.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import math
import os
import random
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor, nn

from helpers.errors import CourseError, first_line
from helpers.places import atomic_write, cache_dir
from helpers.training.fingerprint import Unknowable, bytes_of, course_code, fingerprint, switches, versions

ANEW = "COURSE_ANEW"  # in the environment: train, whatever is on disk
LIMIT = 2 * 10**9  # bytes of all files together: those that were asked for longest ago go first
_CODE = course_code()  # as it was when this session began
FORMAT = "a training: value, seconds, networks, random state, checksum"

_RANDOM = "random state"
_PLAIN = (type(None), bool, int, float, str)


class Remembered(NamedTuple):
    """What a function gave back, and the seconds that it took when it ran."""

    value: Any
    seconds: float


def remembered(function: Callable[..., Any], *arguments: Any, **named: Any) -> Remembered:
    """Call `function(*arguments, **named)`, or take what the same call gave at an earlier time.

    Networks among the arguments are afterwards as the function left them: parameters, buffers, what is frozen, which
    parts are in `train()` mode. Gradients are gone. What it gives back is kept where it is made of numbers, strings,
    tensors, and lists, tuples and dicts of those. Set `COURSE_ANEW=1` to train whatever is on disk.
    """
    networks = [one for one in (*arguments, *named.values()) if isinstance(one, nn.Module)]
    file = _file_for(function, arguments, named)
    if file is not None and not os.environ.get(ANEW):
        found = _read(file, networks)
        if found is not None:
            _put_back(found, networks)
            print(f"Kept from an earlier run, which took {found.seconds:.1f} s: nothing it depends on has changed.")
            return Remembered(found.value, found.seconds)
    before = None if file is None else _Before((function, arguments, named), networks)
    started = time.perf_counter()
    value = function(*arguments, **named)
    seconds = time.perf_counter() - started
    for network in networks:
        network.zero_grad()  # as after taking it from disk
    if before is not None and before.alone_changed():
        _keep(file, value, seconds, networks, before.digests)
    return Remembered(value, seconds)


class _Before:
    """What was there before a call, to see afterwards what it has changed."""

    def __init__(self, call: tuple[object, ...], networks: list[nn.Module]):
        self._call, self._networks = call, networks
        self._around = self._all_around()
        self.digests = [{name: _digest(tensor) for name, tensor in _tensors_of(one).items()} for one in networks]

    def alone_changed(self) -> bool:
        """Whether the tensors and modes of the networks are all that the call can have changed."""
        return self._all_around() == self._around

    def _all_around(self) -> tuple[str, ...] | object:
        try:
            others = fingerprint(random.getstate(), np.random.get_state())
            return fingerprint(*self._call, apart=self._networks), others, fingerprint(*switches())
        except Unknowable:
            return object()  # equal to nothing


class _Unkeepable(Exception):
    """A value that is not made of numbers, strings and tensors."""


class _Found(NamedTuple):
    value: Any
    seconds: float
    modes: list[tuple[set[str], set[str]]]  # of each network: what is in train() mode, and what is frozen
    tensors: dict[str, Tensor]


def _file_for(function: Callable[..., Any], arguments: tuple, named: dict[str, Any]) -> Path | None:
    try:
        if course_code() != _CODE or _gpu_in_use((*arguments, *named.values())):
            return None
        general = (FORMAT, versions(), _CODE, switches(), torch.get_rng_state())
        told = fingerprint(*general, function, arguments, named)
        folder = cache_dir() / "trainings"
        folder.mkdir(parents=True, exist_ok=True)
    except Unknowable:
        return None
    except (OSError, CourseError) as error:
        _tell_of(error)
        return None
    return folder / f"{told}.safetensors"


def _gpu_in_use(arguments: tuple) -> bool:
    """A GPU has a random state of its own, which is not kept here."""
    tensors = [one for one in arguments if isinstance(one, Tensor)]
    tensors += [one for network in arguments if isinstance(network, nn.Module) for one in network.parameters()]
    return torch.cuda.is_initialized() or any(tensor.device.type != "cpu" for tensor in tensors)


# Writing ------------------------------------------------------------------------------------------


def _keep(file: Path, value: Any, seconds: float, networks: list[nn.Module], before: list[dict[str, str]]) -> None:
    """Keep a call, whole or not at all; not where the function gives something unusual."""
    tensors = {_RANDOM: torch.get_rng_state()}
    for number, (network, was) in enumerate(zip(networks, before, strict=True)):
        changed = {name: tensor for name, tensor in _tensors_of(network).items() if _digest(tensor) != was[name]}
        tensors |= {f"{number} {name}": tensor.detach().cpu().contiguous().clone() for name, tensor in changed.items()}
    try:
        told = json.dumps([_packed(value, tensors), seconds, [_modes_of(network) for network in networks]])
    except (_Unkeepable, ValueError, RecursionError):  # JSON has no numbers of thousands of digits, and no circles
        return
    try:
        with atomic_write(file) as draft:
            save_file(tensors, draft, metadata={"told": told, "checksum": _checksum(told, tensors)})
    except (OSError, SafetensorError, KeyError, RuntimeError) as error:  # safetensors knows not every type of number
        _tell_of(error)
    else:
        _tidy(file.parent)


def _packed(value: Any, tensors: dict[str, Tensor]) -> Any:
    """`value` as JSON takes it, its tensors put into `tensors`."""
    if type(value) in _PLAIN:
        return value
    if type(value) is Tensor and value.layout is torch.strided and not value.requires_grad:
        name = f"value {len(tensors)}"
        tensors[name] = value.detach().cpu().contiguous().clone()
        return {"tensor": name}
    if type(value) in (list, tuple):
        return {type(value).__name__: [_packed(one, tensors) for one in value]}
    if type(value) is dict:
        return {"dict": [[_packed(key, tensors), _packed(one, tensors)] for key, one in value.items()]}
    raise _Unkeepable


def _tidy(folder: Path) -> None:
    with contextlib.suppress(OSError):  # another program tidies at the same time
        files = sorted(folder.glob("*.safetensors"), key=lambda file: file.stat().st_mtime)
        total = sum(file.stat().st_size for file in files)
        while total > LIMIT and len(files) > 1:
            oldest = files.pop(0)
            total -= oldest.stat().st_size
            oldest.unlink()


def _tell_of(error: Exception) -> None:
    print(
        f"This training is not kept, and the next run does it again ({first_line(error)}): free some space, or name "
        "another folder in COURSE_CACHE."
    )


# Reading ------------------------------------------------------------------------------------------


def _read(file: Path, networks: list[nn.Module]) -> _Found | None:
    """A call as it was written; None where there is none, or one that is damaged or does not fit: a line tells."""
    if not file.exists():
        return None
    try:
        with safe_open(file, "pt") as kept:
            tensors = {name: kept.get_tensor(name) for name in kept.keys()}  # noqa: SIM118
            written = kept.metadata() or {}
        if written["checksum"] != _checksum(written["told"], tensors):
            raise ValueError("another checksum")
        value, seconds, modes = json.loads(written["told"])
        modes = [(set(one["training"]), set(one["frozen"])) for one in modes]
        found = _Found(_unpacked(value, tensors), 1.0 * seconds, modes, tensors)
        _must_fit(found, networks)
    except (OSError, SafetensorError, ArithmeticError, LookupError, TypeError, ValueError, RuntimeError):
        print(f"{file.name} in the cache of trainings is damaged: training anew.")
        return None
    with contextlib.suppress(OSError):  # a cache that can only be read
        os.utime(file)
    return found


def _must_fit(found: _Found, networks: list[nn.Module]) -> None:
    if len(found.modes) != len(networks) or found.tensors[_RANDOM].dtype != torch.uint8:
        raise ValueError("of another call")
    if not math.isfinite(found.seconds):
        raise ValueError("no time")
    torch.Generator().set_state(found.tensors[_RANDOM])
    for number, network in enumerate(networks):
        for name, tensor in _tensors_of(network).items():
            if found.tensors.get(f"{number} {name}", tensor).shape != tensor.shape:
                raise ValueError("of another network")


def _unpacked(value: Any, tensors: dict[str, Tensor]) -> Any:
    if not isinstance(value, dict):
        return value
    ((kind, parts),) = value.items()
    if kind == "tensor":
        return tensors[parts]
    if kind == "dict":
        return {_unpacked(key, tensors): _unpacked(one, tensors) for key, one in parts}
    return {"list": list, "tuple": tuple}[kind](_unpacked(one, tensors) for one in parts)


@torch.no_grad()
def _put_back(found: _Found, networks: list[nn.Module]) -> None:
    """Make the networks what the function left."""
    for number, (network, (training, frozen)) in enumerate(zip(networks, found.modes, strict=True)):
        for name, tensor in _tensors_of(network).items():
            if (changed := found.tensors.get(f"{number} {name}")) is not None:
                tensor.copy_(changed)
        for name, module in network.named_modules():
            module.training = name in training
        for name, parameter in network.named_parameters():
            parameter.requires_grad_(name not in frozen)
        network.zero_grad()
    torch.set_rng_state(found.tensors[_RANDOM])


# Of networks --------------------------------------------------------------------------------------


def _tensors_of(network: nn.Module) -> dict[str, Tensor]:
    return {**dict(network.named_parameters()), **dict(network.named_buffers())}


def _modes_of(network: nn.Module) -> dict[str, list[str]]:
    return {
        "training": [name for name, module in network.named_modules() if module.training],
        "frozen": [name for name, parameter in network.named_parameters() if not parameter.requires_grad],
    }


def _digest(tensor: Tensor) -> str:
    return hashlib.blake2b(bytes_of(tensor), digest_size=16).hexdigest()


def _checksum(told: str, tensors: dict[str, Tensor]) -> str:
    key = hashlib.blake2b(told.encode(), digest_size=16)
    for name in sorted(tensors):
        key.update(name.encode() + bytes_of(tensors[name]))
    return key.hexdigest()
