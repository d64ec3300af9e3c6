"""What had to stay as it was: a network around a call, and the arguments of a call.

    with left_as_found(model, "the ResNet"), input_untouched(images=images):
        logits = ask(model, images)

Where the block ends in an exception, nothing is said: that exception is the news.
"""

from __future__ import annotations

import copy
import inspect
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from types import MethodType
from unittest import mock

import numpy as np
import torch
from PIL import Image
from torch import Tensor, nn
from torch.nn.modules.module import (
    register_module_module_registration_hook,
    register_module_parameter_registration_hook,
)
from torchvision.models import WeightsEnum

from helpers.checking.answers import opening, quoted, short
from helpers.course.verdicts import Incorrect, require
from helpers.errors import capital

# All that `nn.Module` keeps hooks in, on a module itself and for all modules of all networks.
_HOOKS_OF_A_MODULE = (
    "_forward_pre_hooks",
    "_forward_hooks",
    "_backward_pre_hooks",
    "_backward_hooks",
    "_state_dict_pre_hooks",
    "_state_dict_hooks",
    "_load_state_dict_pre_hooks",
    "_load_state_dict_post_hooks",
)
_HOOKS_FOR_ALL = (
    "_global_forward_pre_hooks",
    "_global_forward_hooks",
    "_global_backward_pre_hooks",
    "_global_backward_hooks",
    "_global_buffer_registration_hooks",
    "_global_module_registration_hooks",
    "_global_parameter_registration_hooks",
)
_METHODS_OF_A_CLASS = ("forward", "__call__", "train")
_HOOKS_OF_A_TENSOR = ("_backward_hooks", "_post_accumulate_grad_hooks")

# The `advice` where a network is only to predict: what whoever did more to it was after.
FOR_PREDICTION = {
    "flags": "`torch.inference_mode()` records no gradients either, and its owner can still train the network.",
    "modes": "`was_training = model.training` before `eval()`, and `model.train(was_training)` after the pass.",
}


@contextmanager
def left_as_found(
    model: nn.Module,
    what: str = "the network",
    *,
    without: str | None = None,
    but: Collection[str] = (),
    advice: Mapping[str, str] | None = None,
) -> Iterator[None]:
    """After the block the network is as it was before: nothing that later code could notice is another.

    Proved for every module, parameter and buffer, non-persistent ones included: the numbers, their dtype and device,
    which object a layer or a parameter is, `requires_grad`, gradients, each module's own mode and settings (such as a
    dropout's `p`), hooks (of modules, of parameters, and for all modules), methods replaced on an object, the most
    important ones on its class, too, and gradients still being on.

    Not seen: what was changed and changed back within the block; attributes that hide nothing, such as a list of
    notes; how numbers lie in memory; and anything that the model shares with no tensor or module, such as an open file.
    With `without`, another layer in the place of one that has no parameters: `passes` tells whether it does the same.

    Args:
        what: names the network in the reasons, to follow "in": "the ResNet".
        without: path of the layer that may be replaced or go; all else stays.
        but: those of `FACTS`, below, that are not looked at, because the exercise asks for them: `{"modes"}`.
        advice: by fact, a sentence that the exercise adds to that reason.
    """
    unknown = [fact for fact in (*but, *(advice or {})) if fact not in FACTS]
    if unknown:
        raise ValueError(f"{unknown} is no fact: choose from {FACTS}")
    before, hooks_before = _Found(model, without), _hooks_for_all()
    try:
        yield
    except BaseException:
        _remove_hooks_for_all(hooks_before)
        raise
    after = _Found(model, without)
    for fact, require_same in _REQUIRE.items():
        if fact in but:
            continue
        try:
            require_same(before, after, what)
        except Incorrect as reason:
            raise Incorrect(f"{reason} {(advice or {}).get(fact, '')}".strip()) from None
    if "hooks" not in but:
        _require_no_hooks_for_all(hooks_before)


@dataclass(frozen=True)
class _Layer:
    """One module as it is: what it is called, which object, and what was put onto it."""

    name: str
    module: nn.Module
    kind: type
    training: bool
    hooks: frozenset[tuple[str, int]]
    replaced: dict[str, object]  # what an attribute of the object, or its class, puts in place of a method
    settings: dict[str, object]  # what the object keeps in plain values: `p`, `momentum`, `inplace`, `stride`


class _Found:
    """How a network is at one moment; the numbers are copies."""

    def __init__(self, model: nn.Module, without: str | None):
        def stays(name: str) -> bool:
            return without is None or not f"{name}.".startswith(f"{without}.")

        named = dict(model.named_parameters(remove_duplicate=False))
        buffers = dict(model.named_buffers(remove_duplicate=False))
        self.gradients_on = torch.is_grad_enabled()
        self.layers = {name: _layer(name, module) for name, module in _modules(model).items()}
        self.without = without
        self.parameters = {name: p for name, p in named.items() if stays(name)}
        self.flags = {name: value.requires_grad for name, value in {**named, **buffers}.items() if stays(name)}
        self.gradients = {name: _numbers(p.grad) for name, p in self.parameters.items()}
        self.tensor_hooks = {name: _tensor_hooks(p) for name, p in self.parameters.items()}
        self.numbers = {name: _numbers(value) for name, value in {**named, **buffers}.items() if stays(name)}

    @property
    def whole(self) -> bool:
        """Whether no layer may go."""
        return self.without is None

    def is_around_the_gap(self, layer: str) -> bool:
        """Whether the layer of this name may go, is inside of what may go, or holds it."""
        if self.whole:
            return False
        return not layer or f"{layer}.".startswith(f"{self.without}.") or f"{self.without}.".startswith(f"{layer}.")


def _modules(model: nn.Module) -> dict[str, nn.Module]:
    return dict(model.named_modules(remove_duplicate=False))


def _layer(name: str, module: nn.Module) -> _Layer:
    kind = type(module)
    hooks = {(held, key) for held in _HOOKS_OF_A_MODULE for key in getattr(module, held, ())}
    replaced = {
        key: value
        for key, value in vars(module).items()
        if callable(getattr(kind, key, None)) and not _is_its_own(value, key, module)
    }
    for key in _METHODS_OF_A_CLASS:
        replaced.setdefault(key, inspect.getattr_static(kind, key))
    if module._compiled_call_impl is not None:
        replaced["compile"] = module._compiled_call_impl
    settings = {key: value for key, value in vars(module).items() if key[:1] != "_" and _is_plain(value)}
    settings.pop("training")
    return _Layer(name, module, kind, module.training, frozenset(hooks), replaced, settings)


def _is_plain(value: object) -> bool:
    if type(value) is tuple:
        return all(map(_is_plain, value))
    return value is None or type(value) in (bool, int, float, str)


def _is_its_own(value: object, key: str, module: nn.Module) -> bool:
    """Whether `value` is the module's own method `key`, as `layer.forward = forward` puts it back."""
    return type(value) is MethodType and value == MethodType(getattr(type(module), key), module)


def _numbers(value: Tensor | None) -> Tensor | None:
    return None if value is None else value.detach().clone()


def _tensor_hooks(parameter: Tensor) -> frozenset[tuple[str, int]]:
    return frozenset((held, key) for held in _HOOKS_OF_A_TENSOR for key in getattr(parameter, held, None) or ())


def same_numbers(one: Tensor | None, other: Tensor | None) -> bool:
    """Whether two tensors have the same shape, dtype, device and numbers; NaN equals NaN here.

    Of tensors on the `meta` device, which have no numbers, all but those is compared.
    """
    if one is None or other is None:
        return one is other
    if (one.shape, one.dtype, one.device) != (other.shape, other.dtype, other.device):
        return False
    if one.is_meta or torch.equal(one, other):
        return True
    return (one.is_floating_point() or one.is_complex()) and torch.allclose(one, other, rtol=0, atol=0, equal_nan=True)


# Each fact has one sentence ------------------------------------------------------------------------


def _require_gradients_on(before: _Found, after: _Found, what: str) -> None:
    turned = "off" if before.gradients_on else "on"
    require(
        before.gradients_on == after.gradients_on,
        f"Your function has turned gradients {turned} for all that comes after it. Use `with torch.no_grad():`, which "
        f"ends by itself.",
    )


def _require_same_hooks(before: _Found, after: _Found, what: str) -> None:
    old = {layer.module: layer.hooks for layer in before.layers.values()}
    added = [name for name, layer in after.layers.items() if layer.hooks - old.get(layer.module, frozenset())]
    added += [name for name, keys in after.tensor_hooks.items() if keys - before.tensor_hooks.get(name, frozenset())]
    require(
        not added,
        f"Hooks of yours are still on {_place(added)}, and will run in every pass from now on: keep each handle and "
        f"call its `remove()`.",
    )
    gone = [name for name, layer in after.layers.items() if old.get(layer.module, frozenset()) - layer.hooks]
    gone += [name for name, keys in before.tensor_hooks.items() if keys - after.tensor_hooks.get(name, keys)]
    require(not gone, f"Hooks that were on {_place(gone)} before are gone: leave others' hooks.")


def _place(names: list[str]) -> str:
    """`layer`, or "the network itself" for the one without a name."""
    return quoted(names) if names and all(names) else "the network itself"


def _require_same_methods(before: _Found, after: _Found, what: str) -> None:
    old = {layer.module: layer.replaced for layer in before.layers.values()}
    for name, layer in after.layers.items():
        replaced = _replaced(old.get(layer.module, layer.replaced), layer.replaced)
        require(
            not replaced,
            f"In {what}, {_place([name])} has another `{(replaced or [''])[0]}` than it came with. To watch a layer, "
            "register a hook, and `remove()` it.",
        )


def _replaced(was: dict[str, object], now: dict[str, object]) -> list[str]:
    """Which methods are other objects now; whether they equal each other is for them to say, and no proof."""
    return [key for key in {**was, **now} if was.get(key) is not now.get(key)]


def _require_same_layers(before: _Found, after: _Found, what: str) -> None:
    names = list(before.layers) if before.whole else []
    for name in names:
        old, new = before.layers[name], after.layers.get(name)
        is_now = "gone" if new is None else f"a `{new.kind.__name__}` that was not there before"
        require(
            new is not None and new.module is old.module and new.kind is old.kind,
            f"In {what} {_place([name])} is now {is_now}: put no layer of your own in its place.",
        )
    added = [name for name in after.layers if name not in before.layers] if before.whole else []
    require(not added, f"{capital(what)} now has {quoted(added)} as well: add no layer.")


def _require_same_parameters(before: _Found, after: _Found, what: str) -> None:
    lost = [name for name, value in before.numbers.items() if _other_shape(value, after.numbers.get(name))]
    require(not lost, f"In {what} {quoted(lost)} went too, or has another shape: leave it there.")
    extra = [name for name in after.numbers if name not in before.numbers] if before.whole else []
    require(not extra, f"{capital(what)} now holds {quoted(extra)} as well: add nothing to it.")
    made_anew = [name for name, p in before.parameters.items() if after.parameters.get(name) is not p]
    kinds = [name for name in before.numbers if _other_kind(before.numbers[name], after.numbers[name])]
    require(
        not kinds,
        f"In {what} {quoted(kinds)} has another dtype or device than before: leave it as it is, or work on a copy.",
    )
    changed = [name for name in made_anew if not same_numbers(before.numbers[name], after.numbers[name])]
    require(not changed, _other_numbers(changed, what))
    require(
        not made_anew,
        f"In {what} {quoted(made_anew)} is a new tensor with the same numbers. An optimizer that holds the old one "
        f"would train what nothing uses: leave it.",
    )


def _other_shape(old: Tensor, new: Tensor | None) -> bool:
    return new is None or new.shape != old.shape


def _other_kind(old: Tensor, new: Tensor) -> bool:
    return (new.dtype, new.device) != (old.dtype, old.device)


def _require_same_numbers(before: _Found, after: _Found, what: str) -> None:
    changed = [name for name, value in before.numbers.items() if not same_numbers(value, after.numbers.get(name))]
    statistics = [name for name in changed if name not in before.parameters]
    require(
        not statistics or len(statistics) < len(changed),
        f"In {what} your function moved {quoted(statistics)}: BatchNorm takes the average of what passes in `train()` "
        f"mode for new knowledge. Switch to `eval()` before the pass.",
    )
    require(not changed, _other_numbers(changed, what))


def _other_numbers(names: list[str], what: str) -> str:
    return (
        f"In {what} {quoted(names)} has other numbers than before, because it was changed or made anew: leave it as it "
        f"is."
    )


def _require_same_gradients(before: _Found, after: _Found, what: str) -> None:
    left = [name for name, gradient in after.gradients.items() if gradient is not None and _none(before, name)]
    require(
        not left,
        f"Your function left gradients in {quoted(left)}, and the next training step would use them: do without "
        f"`backward()`.",
    )
    other = [name for name, value in before.gradients.items() if not same_numbers(value, after.gradients.get(name))]
    require(
        not other,
        f"{quoted(other)} came with a gradient, and your function removed or changed it. Do without `zero_grad()` and "
        f"`backward()`.",
    )


def _none(found: _Found, name: str) -> bool:
    return found.gradients.get(name) is None


def _require_same_flags(before: _Found, after: _Found, what: str) -> None:
    other = [name for name, flag in before.flags.items() if after.flags.get(name, flag) != flag]
    require(
        not other,
        f"In {what} `requires_grad` of {quoted(other)} is another one now: leave all flags alone.",
    )


def _require_same_modes(before: _Found, after: _Found, what: str) -> None:
    """Each module that is still there has its mode; a new one may have any."""
    now = {layer.module: layer.training for layer in after.layers.values()}
    other = [layer for layer in before.layers.values() if now.get(layer.module, layer.training) != layer.training]
    if not other:
        return
    came = "`train()`" if other[0].training else "`eval()`"
    if not other[0].name:
        raise Incorrect(f"{capital(what)} came in {came} mode and was left in the other: put it back.")
    raise Incorrect(
        f"In {what} the layer {quoted([other[0].name])} came in {came} mode and was left in the other. `train()` and "
        "`eval()` set every layer inside, and `.training = ...` one alone: note each layer's own mode before, and give "
        f"it back."
    )


def _require_same_settings(before: _Found, after: _Found, what: str) -> None:
    now = {layer.module: layer.settings for layer in after.layers.values()}
    for layer in before.layers.values():
        if before.is_around_the_gap(layer.name) or layer.module not in now:
            continue
        for key, value in layer.settings.items():
            is_now = now[layer.module].get(key)
            require(
                type(is_now) is type(value) and repr(is_now) == repr(value),
                f"In {what}, {_place([layer.name])} came with `{key}={short(value)}` and has "
                f"`{key}={short(getattr(layer.module, key, None))}` now: leave its settings as they are.",
            )


_REQUIRE: dict[str, Callable[[_Found, _Found, str], None]] = {
    "gradients on": _require_gradients_on,
    "hooks": _require_same_hooks,
    "forward": _require_same_methods,
    "layers": _require_same_layers,
    "parameters": _require_same_parameters,
    "numbers": _require_same_numbers,
    "gradients": _require_same_gradients,
    "flags": _require_same_flags,
    "modes": _require_same_modes,
    "settings": _require_same_settings,
}
# What `left_as_found` looks at.
FACTS = tuple(_REQUIRE)


def _hooks_for_all() -> dict[str, set[int]]:
    return {kind: set(getattr(nn.modules.module, kind)) for kind in _HOOKS_FOR_ALL}


def _remove_hooks_for_all(before: dict[str, set[int]]) -> int:
    """Take away those that were not there before, or they would run on in every network; how many they were."""
    left = [(kind, key) for kind, keys in _hooks_for_all().items() for key in keys - before[kind]]
    for kind, key in left:
        del getattr(nn.modules.module, kind)[key]
    return len(left)


def _require_no_hooks_for_all(before: dict[str, set[int]]) -> None:
    left = _remove_hooks_for_all(before)
    require(
        not left,
        f"Hooks of yours for all modules of all networks were still there ({left}), and would run in every pass "
        "from now on: keep each handle and call its `remove()`.",
    )


# Arguments -----------------------------------------------------------------------------------------


@contextmanager
def input_untouched(advice: Mapping[str, str] | None = None, /, **arguments: object) -> Iterator[None]:
    """After the block each argument, given here under its name in the exercise, holds what it held before.

    Seen: other numbers, shapes, dtypes and flags of tensors, other pixels of an image, groups, state and
    hooks of an optimizer, and items of lists and dicts added, taken away, replaced or put into another order, at any
    depth. Not seen: an equal object in its place.

    Args:
        advice: by argument, a sentence of the exercise in place of the usual ways to change an object.
        arguments: what the learner's function is given.
    """
    before = {name: _copied(value) for name, value in arguments.items()}
    yield
    for name, value in arguments.items():
        was, now = before[name], _copied(value)
        if _same(was, now):
            continue
        raise Incorrect(
            f"Your function changed `{name}`{_first_difference(was, now)}, and whoever passed it goes on with it: "
            f"leave it as it was, and change a copy. {(advice or {}).get(name, _WAYS_TO_CHANGE)}"
        )


_WAYS_TO_CHANGE = (
    "`x += 1`, `x[0] = 1`, `sort()`, `pop()`, `inplace=True` and methods that end in `_` change the object itself."
)


def _copied(value: object) -> object:
    """A copy that shares nothing with `value` and can be compared with a later one."""
    if type(value).__eq__ is object.__eq__ and type(value).__repr__ is object.__repr__ and hasattr(value, "__dict__"):
        return type(value), _copied(vars(value))  # a copy of it could not be told from it by `==` nor by its text
    if isinstance(value, Tensor):
        return value.detach().clone().requires_grad_(value.requires_grad)
    if isinstance(value, Image.Image):
        return value.mode, value.size, value.tobytes(), dict(value.info)
    if isinstance(value, dict):
        return {key: _copied(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        items = [_copied(item) for item in value]
        return items if isinstance(value, list) else tuple(items)
    if isinstance(value, torch.optim.Optimizer):
        groups = [_copied({**group, "params": [id(p) for p in group["params"]]}) for group in value.param_groups]
        hooks = {kind: list(keys) for kind, keys in vars(value).items() if kind.endswith("_hooks")}
        return {"param_groups": groups, "state": {id(p): _copied(state) for p, state in value.state.items()}, **hooks}
    return copy.deepcopy(value)


def _same(one: object, other: object) -> bool:
    if type(one) is not type(other):
        return False
    if isinstance(one, Tensor):
        return one.requires_grad == other.requires_grad and same_numbers(one.detach(), other.detach())
    if isinstance(one, dict):
        return list(one) == list(other) and all(_same(item, other[key]) for key, item in one.items())
    if isinstance(one, list | tuple):
        return len(one) == len(other) and all(_same(*both) for both in zip(one, other, strict=True))
    if isinstance(one, np.ndarray):
        return (one.dtype, one.shape, one.tobytes()) == (other.dtype, other.shape, other.tobytes())
    return one == other or repr(one) == repr(other)  # by its text NaN equals NaN, and an object its copy


def _first_difference(was: object, now: object) -> str:
    """Where a dict or a list first differs, in words."""
    if isinstance(was, dict) and isinstance(now, dict):
        gone, new = [key for key in was if key not in now], [key for key in now if key not in was]
        if gone or new:
            return f": {quoted(map(str, gone or new))} was {'taken out' if gone else 'put in'}"
        other = [key for key in was if not _same(was[key], now[key])]
        return f" at {quoted(map(str, other))}" if other else ": its items have another order"
    if isinstance(was, list | tuple) and type(now) is type(was) and len(was) != len(now):
        return f": it had {len(was)} items and now has {len(now)}"
    if isinstance(was, Tensor) and isinstance(now, Tensor) and was.dtype != now.dtype:
        return f": it was {short(was.dtype)} and is {short(now.dtype)}"
    return ""


# Networks that nobody asked for --------------------------------------------------------------------


@contextmanager
def nothing_built(case: str) -> Iterator[None]:
    """Within the block no network is built, on any device, and the published weights of none are read.

    Who tries is stopped there, before it takes time and memory; who then catches the error is told all the same.
    Not seen: a network that was built before, and a weights file that is read without torchvision.
    """
    attempts: list[str] = []

    def stop(what: str) -> None:
        attempts.append(
            f"{opening(case)} your function {what}, which takes time and memory. What is asked for stands in the "
            "weights' `meta`."
        )
        raise Incorrect(attempts[0])

    def build(module: nn.Module, name: str, part: object) -> None:
        stop(f"began to build a network (a `{type(module).__name__}` of it)")

    def load(weights: WeightsEnum, *args: object, **kwargs: object) -> None:
        stop(f"began to load the weights `{weights}`")

    handles = [register_module_parameter_registration_hook(build), register_module_module_registration_hook(build)]
    try:
        with mock.patch.object(WeightsEnum, "get_state_dict", load):
            yield
    finally:
        for handle in handles:
            handle.remove()
    if attempts:
        raise Incorrect(attempts[0])
