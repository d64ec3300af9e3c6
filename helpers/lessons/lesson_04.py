"""Answer key of lesson 04: replace the head."""

from __future__ import annotations

import contextlib
import textwrap
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from types import MethodType

import torch
from torch import Tensor, nn
from torch.nn.utils import parametrize
from torchvision.models import ConvNeXt, EfficientNet, ResNet, VisionTransformer
from torchvision.models.convnext import CNBlockConfig
from torchvision.models.efficientnet import MBConvConfig
from torchvision.models.resnet import BasicBlock

from helpers.course.exercise import KINDS_OF_HOOK, Exercise, Exercises, Level, hooks_on, short
from helpers.course.quiz import Option, Question, Quiz
from helpers.course.verdicts import Incorrect, require
from helpers.errors import first_line
from helpers.models.freezing import eval_mode, moved, snapshot

# Watching networks at work -------------------------------------------------------------------------


def _logits(model: nn.Module, images: Tensor, who: str, advice: str = "") -> Tensor:
    """The logits in `eval()` mode, or a reason in words why there are none."""
    with eval_mode(model), torch.no_grad():
        try:
            output = model(images)
        except (RuntimeError, ValueError, TypeError) as error:
            require(False, f"{who} no longer takes a picture ({first_line(error)}).{advice}")
    require(isinstance(output, Tensor), f"{who} gives {short(output)} and no tensor of logits.")
    return output


@dataclass(frozen=True)
class _Pass:
    """One forward pass, as the linear layer that worked last saw it."""

    layer: nn.Linear
    taken: Tensor
    given: Tensor
    logits: Tensor


def _pass(model: nn.Module, images: Tensor) -> _Pass:
    """A pass in the network's own mode, with the same random numbers each time."""
    worked: list[tuple[nn.Linear, Tensor]] = []
    layers = [layer for layer in model.modules() if isinstance(layer, nn.Linear)]
    handles = [
        layer.register_forward_pre_hook(lambda layer, inputs: worked.append((layer, inputs[0].clone())))
        for layer in layers
    ]
    with torch.random.fork_rng(devices=[]), torch.no_grad():  # or the answer's layer would get an earlier one's numbers
        torch.default_generator.manual_seed(4)
        logits = model(images)
    for handle in handles:
        handle.remove()
    require(worked, "No linear layer works in the network any more.")
    layer, taken = worked[-1]
    with torch.no_grad():
        given = nn.functional.linear(taken, layer.weight, layer.bias)  # a class of the learner's own may add to that
    return _Pass(layer, taken, given, logits)


def _both_passes(model: nn.Module, images: Tensor) -> tuple[_Pass, _Pass]:
    """One pass in `eval()` mode, and one as in training, in which BatchNorm's statistics stand still."""
    with eval_mode(model):
        at_rest = _pass(model, images)
        for module in model.modules():
            module.training = not isinstance(module, nn.modules.batchnorm._BatchNorm)
        return at_rest, _pass(model, images)


def _require_only_the_head_new(before: tuple[_Pass, _Pass], after: tuple[_Pass, _Pass], what: str) -> None:
    """A new layer gets what the old one got, in both modes, and gives the logits itself."""
    require(
        after[0].layer is not before[0].layer,
        f"In {what} the old layer still gives the logits. Put a new `nn.Linear` in its place.",
    )
    require(
        _same(after[0].taken, before[0].taken),
        f"In {what}, what goes into the last layer is not what went into it before. A layer that stood before the "
        "head is gone, or one was added: replace the last linear layer alone.",
    )
    require(
        all(_same(one.logits, one.given) for one in after),
        f"In {what} something comes after the new linear layer and changes what it gives. Nothing may: its outputs "
        "are the logits, without a softmax and without dropout.",
    )
    require(
        _same(after[1].taken, before[1].taken),
        f"In training, what goes into the last layer of {what} is not what went into it before: a dropout is gone, "
        "has another rate or was added. Keep all that stands before that layer.",
    )
    require(
        all(p.requires_grad for p in after[0].layer.parameters()),
        f"The new head of {what} is frozen, so it cannot learn: new parameters must be trainable.",
    )
    require(
        not any(p.is_inference() for p in after[0].layer.parameters()),
        f"The new head of {what} was made in `inference_mode`, and no optimizer can change what was made there. Use "
        "`torch.no_grad()`, or make the layer outside.",
    )
    old, new = before[0].layer.weight, after[0].layer.weight
    rows = min(len(old), len(new))
    require(
        not torch.equal(old[:rows], new[:rows]),
        f"The new head of {what} holds numbers of the old one, which stand for other classes: make a fresh layer.",
    )


def _name_of(layer: nn.Module, model: nn.Module) -> str:
    return next(name for name, one in model.named_modules() if one is layer)


def _brief(error: Exception) -> str:
    return textwrap.shorten(first_line(error), 110, placeholder=" ...")


def _same(one: Tensor, other: Tensor) -> bool:
    return one.shape == other.shape and torch.allclose(one, other, atol=1e-6)


# What an answer must leave alone -------------------------------------------------------------------


@dataclass(frozen=True)
class _Found:
    """How a network came: what an answer must leave as it is."""

    what: str
    numbers: dict[str, Tensor]
    flags: dict[str, bool]
    modes: dict[nn.Module, tuple[str, bool]]
    gradients: dict[str, Tensor | None]
    for_all: set[int]  # the hooks for every module of every network, by number
    whole: bool  # no layer may go


def _found(model: nn.Module, what: str, without: str | None = None) -> _Found:
    """How the network is now; `without` is the path of the layer that may go."""

    def stays(name: str) -> bool:
        return without is None or not name.startswith(f"{without}.")

    return _Found(
        what,
        {name: value for name, value in snapshot(model).items() if stays(name)},
        {name: parameter.requires_grad for name, parameter in model.named_parameters() if stays(name)},
        {module: (name, module.training) for name, module in model.named_modules()},
        {
            name: None if parameter.grad is None else parameter.grad.clone()
            for name, parameter in model.named_parameters()
            if stays(name)
        },
        {number for hooks in _hooks_for_all() for number in hooks},
        without is None,
    )


def _require_left_as_found(model: nn.Module, found: _Found) -> None:
    """No number, flag, mode, hook or gradient of the network is other than it was."""
    require(
        torch.is_grad_enabled(),
        "Your function has turned gradients off for all that comes after it. Use `with torch.no_grad():`, which "
        "ends by itself.",
    )
    _require_unwatched(model, found)
    _require_own_layers(model, found)
    _require_numbers(model, found)
    _require_gradients(model, found)
    _require_flags(model, found)
    _require_modes(model, found)


def _hooks_for_all() -> list[dict[int, Callable]]:
    """What `torch.nn.modules.module.register_module_forward_hook` and its like have registered."""
    return [getattr(nn.modules.module, f"_global_{kind}") for kind in KINDS_OF_HOOK]


def _require_unwatched(model: nn.Module, found: _Found) -> None:
    hooks = sum(map(hooks_on, model.modules()))
    require(
        hooks == 0,
        f"{hooks} of your hooks are still on the network, and will run in every pass from now on: keep each handle "
        "and call its `remove()`.",
    )
    left = [(hooks, number) for hooks in _hooks_for_all() for number in hooks if number not in found.for_all]
    for hooks, number in left:  # or they would run in the rest of the lesson
        del hooks[number]
    require(
        not left,
        f"Hooks of yours for all modules of all networks were still there ({len(left)}), and would run in every pass "
        "from now on: keep each handle and call its `remove()`.",
    )
    wrapped = [name for name, module in model.named_modules() if _has_another_forward(module)]
    require(
        not wrapped,
        f"{_quoted(wrapped)} still has a `forward` of yours instead of its own. Use a hook, and `remove()` it.",
    )


def _has_another_forward(module: nn.Module) -> bool:
    own = MethodType(type(module).forward, module)
    return vars(module).get("forward", own) != own


def _require_own_layers(model: nn.Module, found: _Found) -> None:
    now = dict(model.named_modules())
    others = [name for module, (name, _) in found.modes.items() if now.get(name) is not module] if found.whole else []
    if others:
        name, other = others[0], now.get(others[0])
        is_now = "gone" if other is None else f"a `{type(other).__name__}` that was not there before"
        require(
            False,
            f"In {found.what} `{name}` is now {is_now}. To watch a layer, put none of your own in its place: "
            "register a hook, and `remove()` it.",
        )


def _require_numbers(model: nn.Module, found: _Found) -> None:
    now = model.state_dict()
    lost = [name for name, value in found.numbers.items() if name not in now or now[name].shape != value.shape]
    require(not lost, f"In {found.what} {_quoted(lost)} went too, and that is no part of the last layer.")
    kinds = {name: (value.dtype, value.device) for name, value in found.numbers.items()}
    other = [name for name, kind in kinds.items() if (now[name].dtype, now[name].device) != kind]
    require(
        not other,
        f"In {found.what} {_quoted(other)} has another number type or device than before: leave it as it is.",
    )
    changed = moved(found.numbers, model)
    statistics = [name for name in changed if "running" in name or "tracked" in name]
    require(
        not statistics,
        f"Your function moved the BatchNorm statistics {_quoted(statistics)}: the picture went through in "
        "`train()` mode. Switch to `eval()` for it.",
    )
    require(
        not changed,
        f"In {found.what} {_quoted(changed)} has other numbers than before, because it was changed or made anew: "
        "leave it as it is.",
    )


def _require_gradients(model: nn.Module, found: _Found) -> None:
    now = {name: p.grad for name, p in model.named_parameters()}
    graded = [name for name, gradient in now.items() if gradient is not None and found.gradients.get(name) is None]
    require(
        not graded,
        f"Your function left gradients in {_quoted(graded)}, and the next training step would use them. "
        "Do without `backward()`.",
    )
    had = {name: gradient for name, gradient in found.gradients.items() if gradient is not None}
    other = [name for name, gradient in had.items() if now[name] is None or not torch.equal(now[name], gradient)]
    require(
        not other,
        f"{_quoted(other)} came with a gradient, and your function removed or changed it. Do without `zero_grad()` "
        "and `backward()`.",
    )


def _require_flags(model: nn.Module, found: _Found) -> None:
    now = dict(model.named_parameters())
    other = [name for name, flag in found.flags.items() if now[name].requires_grad != flag]
    require(
        not other, f"In {found.what} `requires_grad` of {_quoted(other)} is another one now: leave all flags alone."
    )


def _require_modes(model: nn.Module, found: _Found) -> None:
    """Each module that is still there has its mode; a new one may have any."""
    still = {module: found.modes[module] for module in model.modules() if module in found.modes}
    other = [(name, mode) for module, (name, mode) in still.items() if module.training != mode]
    if not other:
        return
    name, mode = other[0]
    require(name != "", f"The network came in {_mode_name(mode)} mode and was left in another: put it back.")
    require(
        False,
        f"`{name}` came in {_mode_name(mode)} mode and was left in another, since `train()` and `eval()` set the "
        "mode of every part: note `module.training` of each module before, and put each back.",
    )


def _mode_name(training: bool) -> str:
    return "`train()`" if training else "`eval()`"


def _quoted(names: list[str]) -> str:
    return f"`{'`, `'.join(names[:3])}`"


# 4.1 -----------------------------------------------------------------------------------------------


def _families() -> Iterator[tuple[str, nn.Module]]:
    """torchvision's four families, so small that they run in milliseconds."""
    resnet = ResNet(BasicBlock, [1, 1, 1, 1], num_classes=10)
    for stage in ("layer2", "layer3", "layer4"):  # they hold nearly all of its parameters
        setattr(resnet, stage, nn.Identity())
    resnet.fc = nn.Linear(64, 10)
    yield "the ResNet", resnet
    settings = [MBConvConfig(1, 3, 1, 8, 8, 1), MBConvConfig(2, 3, 2, 8, 12, 1)]
    yield "the EfficientNet", EfficientNet(settings, dropout=0.35, last_channel=20, num_classes=10)
    yield "the ConvNeXt", ConvNeXt([CNBlockConfig(8, 14, 1), CNBlockConfig(14, None, 1)], num_classes=10)
    yield "the ViT", VisionTransformer(32, 16, 1, 2, hidden_dim=18, mlp_dim=24, num_classes=10)


def _train_a_little(model: nn.Module) -> None:
    """Numbers as after training: a norm that begins anew, with weights 1 and 0, then gives something else."""
    for layer in model.modules():
        if isinstance(layer, nn.LayerNorm | nn.modules.batchnorm._BatchNorm):
            nn.init.uniform_(layer.weight, 0.5, 1.5)
            nn.init.normal_(layer.bias)
        if isinstance(layer, nn.Linear) and not layer.weight.any():  # ViT's head, as an answer's may begin
            nn.init.normal_(layer.weight)


class HeadsByHand(Exercise):
    number = "4.1"
    title = "four heads by hand"
    level = Level.USE
    minutes = 8
    hints = (
        'Which family is it? `hasattr(model, "fc")` is True for a ResNet, `hasattr(model, "heads")` for a ViT.',
        "The old layer knows the width: `old.in_features`. In EfficientNet and ConvNeXt the linear layer is the last "
        "of `model.classifier`, so `model.classifier[-1]`; in ViT it is `model.heads.head`.",
        "Only the linear layer goes: `model.classifier[-1] = nn.Linear(model.classifier[-1].in_features, classes)`.",
    )
    answer = """
def new_head(model, classes):
    if hasattr(model, "fc"):
        model.fc = nn.Linear(model.fc.in_features, classes)
    elif hasattr(model, "heads"):
        model.heads.head = nn.Linear(model.heads.head.in_features, classes)
    else:
        model.classifier[-1] = nn.Linear(model.classifier[-1].in_features, classes)
"""

    def examine(self, new_head):
        for what, model in _families():
            self._try(new_head, what, model.eval(), 3)
        for what, model in _families():
            self._try(new_head, what, model.train(), 10)  # as many as it has: the head must be new then, too
        return "Four families, four places, and what stands before each head is where it was."

    def _try(self, new_head, what, model, classes):
        images = torch.randn(4, 3, 32, 32)
        _train_a_little(model)
        for parameter in list(model.parameters())[:4]:
            parameter.requires_grad = False
        before = _both_passes(model, images)
        found = _found(model, what, without=_name_of(before[0].layer, model))
        new_head(model, classes)
        self._require_shape(model, what, images, classes)
        after = _both_passes(model, images)
        _require_left_as_found(model, found)
        _require_only_the_head_new(before, after, what)
        heads_own = {id(parameter) for parameter in after[0].layer.parameters()}
        added = [name for name, p in model.named_parameters() if name not in found.numbers and id(p) not in heads_own]
        require(
            not added, f"{what[0].upper()}{what[1:]} now has {_quoted(added)} as well: replace one layer, add none."
        )

    def _require_shape(self, model, what, images, classes):
        advice = (
            " Did the layers that stand before the last one go with it? Replace the linear layer alone, and take its "
            "width from `in_features`."
        )
        logits = _logits(model, images, f"{what[0].upper()}{what[1:]}", advice)
        old = " The old head is still at work: change the model that you were given."
        require(
            tuple(logits.shape) == (4, classes),
            f"4 pictures and {classes} classes make logits [4, {classes}], and {what} gives {list(logits.shape)}."
            + (old if logits.shape[-1] == 10 else ""),
        )


# 4.2 and 4.3: somebody's networks ------------------------------------------------------------------


class _Decoy(nn.Module):
    """Declares a linear layer last that works first, and the logits come from another."""

    def __init__(self):
        super().__init__()
        self.top = nn.Linear(6, 4)
        self.classifier = nn.Linear(48, 6)

    def forward(self, images: Tensor) -> Tensor:
        return self.top(self.classifier(images.flatten(1)).relu())


class _Leftover(nn.Module):
    """Holds a head that never works."""

    def __init__(self):
        super().__init__()
        self.features = nn.Linear(48, 6)
        self.head = nn.Linear(6, 4)
        self.fc = nn.Linear(6, 4)

    def forward(self, images: Tensor) -> Tensor:
        return self.head(self.features(images.flatten(1)).relu())


class _Tail(nn.Module):
    def __init__(self):
        super().__init__()
        self.norm = nn.LayerNorm(6)
        self.out = nn.Linear(6, 4)

    def forward(self, features: Tensor) -> Tensor:
        return self.out(self.norm(features))


class _Nested(nn.Module):
    """Its head is two modules deep, behind BatchNorm and dropout."""

    def __init__(self):
        super().__init__()
        self.stem = nn.Sequential(nn.Conv2d(3, 6, 3), nn.BatchNorm2d(6), nn.ReLU())
        self.tail = nn.ModuleDict({"drop": nn.Dropout(0.5), "main": _Tail()})

    def forward(self, images: Tensor) -> Tensor:
        return self.tail["main"](self.tail["drop"](self.stem(images).mean((2, 3))))


@dataclass(frozen=True)
class _Case:
    what: str
    build: Callable[[], nn.Module]
    head: str
    trap: str


_CASES = (
    _Case(
        "a network of linear layers in a row",
        lambda: nn.Sequential(nn.Flatten(), nn.Linear(48, 6), nn.ReLU(), nn.Linear(6, 4)),
        "3",
        "The last layer that works gives the logits.",
    ),
    _Case(
        "a network whose hidden layer is as wide as its logits",
        lambda: nn.Sequential(nn.Flatten(), nn.Linear(48, 4), nn.ReLU(), nn.Linear(4, 4), nn.Dropout(0.0)),
        "3",
        "Its number of outputs alone does not make a layer the classifier.",
    ),
    _Case(
        "a network that declares a layer last which works first",
        _Decoy,
        "top",
        "Do not trust the order of declaration, nor names such as `classifier`: watch which layer works last.",
    ),
    _Case(
        "a network with a head that never works",
        _Leftover,
        "head",
        "`fc` is declared and not used: a hook on it is never called.",
    ),
    _Case(
        "a network with its head two modules deep",
        _Nested,
        "tail.main.out",
        "Layers inside layers count: `named_modules()` walks through all of them and gives the whole path.",
    ),
)


class _Precise(nn.Module):
    """Takes pictures of float32 from any device, and computes in float64 where its layers are."""

    def __init__(self):
        super().__init__()
        self.layers = nn.Sequential(nn.Flatten(), nn.Linear(48, 6), nn.ReLU(), nn.Linear(6, 4)).double()

    def forward(self, images: Tensor) -> Tensor:
        return self.layers(images.to(self.layers[1].weight))


_PRECISE = _Case(
    "a network that computes in another type than its pictures have",
    _Precise,
    "layers.3",
    "The old layer has the type that the new one needs, not the image.",
)


class _Mixed(nn.Module):
    """Its head computes in another type than the layer before it."""

    def __init__(self):
        super().__init__()
        self.features = nn.Linear(48, 6)
        self.head = nn.Linear(6, 4).double()

    def forward(self, images: Tensor) -> Tensor:
        return self.head(self.features(images.flatten(1)).relu().double())


_MIXED = _Case(
    "a network whose head alone computes in float64",
    _Mixed,
    "head",
    "The old head has the type that the new one needs, not the other layers.",
)


def _stranger(case: _Case) -> nn.Module:
    """The case's network in `train()` mode, with BatchNorm statistics of its own where it has them."""
    model = case.build().train()
    model(3 * torch.randn(16, 3, 4, 4) + 2)
    return model


def _with_batchnorm_at_rest() -> nn.Module:
    """The last case in `train()` mode with its BatchNorm in `eval()`, as lesson 03 freezes one."""
    model = _stranger(_CASES[-1])
    model.stem[1].eval()
    return model


def _with_dropout_at_work() -> nn.Module:
    """The last case in `eval()` mode with its dropout in `train()`, as one measures doubt with it."""
    model = _stranger(_CASES[-1]).eval()
    model.tail["drop"].train()
    return model


def _with_first_layer_frozen() -> nn.Module:
    model = _stranger(_CASES[0])
    model[1].requires_grad_(False)
    return model


def _with_gradients(model: nn.Module) -> nn.Module:
    """As between `backward()` and the optimizer's step."""
    for parameter in model.parameters():
        parameter.grad = torch.ones_like(parameter)
    return model


class FindTheClassifier(Exercise):
    number = "4.2"
    title = "find the classifier"
    level = Level.WRITE
    minutes = 12
    hints = (
        "The order in which layers are declared says nothing. Let a picture through, and note which ones work.",
        "A forward hook on each `nn.Linear` of `model.named_modules()` appends its name to a list. Give the hook its "
        "own name: `lambda layer, inputs, output, name=name: worked.append(name)`.",
        "Around it: note `modes = {module: module.training for module in model.modules()}`, call `model.eval()`, run "
        "`model(image)` under `torch.no_grad()`, `remove()` every handle. Then `module.training = mode` for each "
        "pair of `modes.items()`: `model.train()` would set all parts alike. The answer is `worked[-1]`.",
    )
    answer = """
def find_classifier(model, image):
    worked = []
    handles = [
        layer.register_forward_hook(lambda layer, inputs, output, name=name: worked.append(name))
        for name, layer in model.named_modules()
        if isinstance(layer, nn.Linear)
    ]
    modes = {module: module.training for module in model.modules()}
    model.eval()
    with torch.no_grad():
        model(image)
    for module, mode in modes.items():
        module.training = mode
    for handle in handles:
        handle.remove()
    return worked[-1]
"""

    def examine(self, find_classifier):
        for case in _CASES:
            for training in (True, False):
                self._try(find_classifier, case, _stranger(case).train(training))
        self._try(find_classifier, _CASES[-1], _with_batchnorm_at_rest())
        self._try(find_classifier, _CASES[-1], _with_dropout_at_work())
        self._try(find_classifier, _CASES[0], _with_gradients(_stranger(_CASES[0])))
        self._try(find_classifier, _CASES[0], _with_first_layer_frozen())
        return "Decoys, leftovers and nesting: what a layer does is the only thing that you trusted."

    def _try(self, find_classifier, case, model):
        found = _found(model, case.what)
        name = find_classifier(model, torch.randn(1, 3, 4, 4))
        require(
            isinstance(name, str),
            f"Return the layer's name, a text as in `model.named_modules()`, not {short(name)}.",
        )
        require(
            name == case.head,
            f"In {case.what} the classifier is `{case.head}`, and you say `{name}`{self._kind(model, name)} "
            f"{case.trap}",
        )
        _require_left_as_found(model, found)

    def _kind(self, model, name):
        """What the layer is that was named, where it is none that can be the classifier."""
        layers = dict(model.named_modules())
        if name not in layers:
            return ", which is the name of no part of it."
        if isinstance(layers[name], nn.Linear):
            return "."
        loop = " If all your hooks give this name, they read the last of the loop's names: write `name=name`."
        return f", which is a `{type(layers[name]).__name__}` and no `nn.Linear`." + (
            loop if name == list(layers)[-1] else ""
        )


class ReplaceInAny(Exercise):
    number = "4.3"
    title = "replace it in any network"
    level = Level.WRITE
    minutes = 10
    hints = (
        "First the name, then the layer: `model.get_submodule(name)`. You may use your `find_classifier`, or "
        "`find_head(model, image).name`.",
        "`model.set_submodule(name, new)` puts a layer at any path, however deep.",
        "The new layer must fit: `nn.Linear(old.in_features, classes).to(old.weight)` has the width, the device and "
        "the number type of the old one.",
    )
    answer = """
def replace_any(model, classes, image):
    name = find_head(model, image).name
    old = model.get_submodule(name)
    model.set_submodule(name, nn.Linear(old.in_features, classes).to(old.weight))
"""

    def examine(self, replace_any):
        for case in _CASES:
            self._try(replace_any, case, _stranger(case))
        self._try(replace_any, _CASES[-1], _stranger(_CASES[-1]).eval())
        self._try(replace_any, _CASES[0], _stranger(_CASES[0]).double(), torch.float64)
        self._try(replace_any, _CASES[2], _stranger(_CASES[2]).requires_grad_(False))
        self._try(replace_any, _PRECISE, _PRECISE.build())
        self._try(replace_any, _CASES[-1], _with_batchnorm_at_rest())
        self._try_on_meta(replace_any, _CASES[0], "meta")
        self._try_on_meta(replace_any, _PRECISE, "cpu")
        self._try(replace_any, _MIXED, _MIXED.build())
        self._try(replace_any, _CASES[-1], _with_dropout_at_work())
        self._try(replace_any, _CASES[0], _stranger(_CASES[0]), classes=4)  # as many as it has
        return "Strange networks have a new head, and nothing else in them is new."

    def _try(self, replace_any, case, model, dtype=torch.float32, classes=7):
        images = torch.randn(5, 3, 4, 4, dtype=dtype)
        before = _both_passes(model, images)
        found, kind = _found(model, case.what, without=case.head), self._kind(before[0].layer)
        gave = replace_any(model, classes, images[:1])
        self._require_same_kind(model, case, kind)
        self._require_new_logits(model, images, case, classes, gave)
        _require_left_as_found(model, found)
        _require_only_the_head_new(before, _both_passes(model, images), case.what)

    def _try_on_meta(self, replace_any, case, device):
        """The only second device that every computer has. Nothing can be compared there but where things are."""
        model = case.build().to("meta")
        old, stopped = model.get_submodule(case.head), "Put one in there as anywhere: shapes are enough for that."
        kind = self._kind(old)
        try:
            replace_any(model, 7, torch.zeros(1, 3, 4, 4, device=device))
        except RuntimeError as error:  # as an answer raises which, after its work, compares numbers: there are none
            stopped = (
                f"It stopped with `{type(error).__name__}: {_brief(error)}`. There are shapes there and no numbers: "
                "compare which tensor it is (`output is logits`), and not its values."
            )
        self._require_same_kind(model, case, kind)
        require(
            dict(model.named_modules()).get(case.head) is not old,
            f"On a network on `meta`, with an image on `{device}`, your function put no new layer in. {stopped}",
        )

    def _kind(self, layer):
        return f"{layer.weight.dtype} on {layer.weight.device}".removeprefix("torch.")

    def _require_same_kind(self, model, case, wanted):
        """The new layer has the device and the number type of the old one, `wanted`."""
        new = dict(model.named_modules()).get(case.head, nn.Identity())
        kinds = {f"{p.dtype} on {p.device}".removeprefix("torch.") for p in new.parameters()} - {wanted}
        require(
            not kinds,
            f"The old head computes in {wanted}, and your new layer in {', '.join(sorted(kinds))}. Give it the type "
            "and the device of the old layer's weight, which may be others than those of the image.",
        )

    def _require_new_logits(self, model, images, case, classes, gave):
        who = f"With its new head, {case.what}"
        logits = _logits(model, images, who, f" {case.trap}")
        require(
            tuple(logits.shape) == (5, classes),
            f"{who} should give logits [5, {classes}] for 5 pictures and {classes} classes, not {list(logits.shape)}. "
            + (self._why_old(model, case, gave) if logits.shape[-1] == 4 else case.trap),
        )

    def _why_old(self, model, case, gave):
        """Why the old head may still be at work."""
        dotted = [name for part in model.modules() for name in part._modules if "." in name]
        if dotted:
            return (
                f"`setattr` takes no path: it made a new part with the name `{dotted[0]}`, dots and all, which never "
                "works. `set_submodule` takes a path."
            )
        if isinstance(gave, nn.Module) and gave is not model:
            return "You gave another network back and left this one as it was: change the model that you were given."
        return case.trap


# 4.4 -----------------------------------------------------------------------------------------------


# The head on which dropout is measured: so many features make the biases of its first layer small.
_LINES = {"width": 400, "classes": 5, "hidden": 48}


class MlpHead(Exercise):
    number = "4.4"
    title = "a head of two layers"
    level = Level.WRITE
    minutes = 8
    hints = (
        "Two linear layers: from `width` to `hidden`, and from `hidden` to `classes`.",
        "Without something bent between them, two linear layers are one: put `nn.ReLU()` there.",
        "`nn.Sequential(nn.Linear(width, hidden), nn.ReLU(), nn.Dropout(dropout), nn.Linear(hidden, classes))`. "
        "Nothing comes after the last layer: cross-entropy wants logits.",
    )
    answer = """
def two_layers(width, classes, hidden, dropout):
    return nn.Sequential(
        nn.Linear(width, hidden),
        nn.ReLU(),
        nn.Dropout(dropout),
        nn.Linear(hidden, classes),
    )
"""

    def examine(self, two_layers):
        for width, classes, hidden in ((12, 3, 40), (30, 7, 16)):
            head = self._made(two_layers, width, classes, hidden, 0.5)
            features = 3 * torch.randn(60, width)
            self._require_shape(head, features, classes)
            self._require_learning(head, features, classes)
            self._require_logits(head.eval(), features)
            self._require_bent(head.eval(), width)
            self._require_dropout(head, features)
            first, last = self._matrices(head, width, classes, hidden)
            self._require_bare_end(head.eval(), last, features)
            self._require_bare_end(head.train(), last, features)  # where a BatchNorm at the end shows
            self._require_bent_between(head.eval(), first, features)
            self._require_nothing_after(head.eval(), last, features)
        still = self._made(two_layers, 12, 3, 40, 0.0).train()
        features = torch.randn(8, 12)
        require(
            torch.equal(still(features), still(features)),
            "With `dropout=0.0` two passes in `train()` mode differ. If your dropout is still at work, use the rate "
            "that was asked for; if the bend is a random one, such as `nn.RReLU`, take another.",
        )
        for dropout in (0.1, 0.9):
            self._require_rate(two_layers, dropout)
        self._require_once(two_layers)
        return "It bends, it drops in training only, and cross-entropy gets logits."

    def _made(self, two_layers, width, classes, hidden, dropout):
        head = two_layers(width, classes, hidden, dropout)
        require(isinstance(head, nn.Module), f"Return the head, an `nn.Module`, not {short(head)}.")
        try:
            with torch.no_grad():
                head.eval()(torch.randn(2, width))  # a lazy layer has its shape only after a first pass
        except (RuntimeError, ValueError, TypeError) as error:
            require(False, f"Your head does not take features [2, {width}] ({first_line(error)}).")
        self._make_plain(head)
        self._matrices(head, width, classes, hidden)
        return head.train()

    def _make_plain(self, head):
        """weight_norm and spectral_norm make a weight from others: let it be a parameter that can be written to."""
        for layer in list(head.modules()):
            for name in list(getattr(layer, "parametrizations", ())):
                parametrize.remove_parametrizations(layer, name)
            for remove in (nn.utils.remove_weight_norm, nn.utils.remove_spectral_norm):  # of the older kind
                with contextlib.suppress(ValueError):  # there is none to remove
                    remove(layer)

    def _matrices(self, head, width, classes, hidden):
        """The weights of the two layers, each as [outputs, inputs]; writing to them changes the head."""
        matrices = [p.detach().squeeze() for p in head.parameters() if sum(side > 1 for side in p.shape) > 1]
        shapes = f"the shapes of your parameters are {[list(p.shape) for p in head.parameters()]}"
        found = []
        for inputs, outputs, name in ((width, hidden, f"hidden {hidden}"), (hidden, classes, f"{classes} classes")):
            fitting = [m if m.shape[0] == outputs else m.T for m in matrices if set(m.shape) == {inputs, outputs}]
            require(fitting, f"No layer goes from width {inputs} to {name}: {shapes}.")
            found.append(fitting[0])
        require(len(matrices) == 2, f"A head of two layers has 2 matrices, and yours has {len(matrices)}: {shapes}.")
        return found

    def _require_shape(self, head, features, classes):
        given = features.clone()
        with torch.no_grad():
            logits = head(features)
        require(
            torch.equal(features, given),
            "Your head overwrites the features that it is given, and the next step would train on what is left of "
            "them: leave `inplace=True` out of its first layer.",
        )
        require(
            isinstance(logits, Tensor) and tuple(logits.shape) == (60, classes),
            f"60 rows of features and {classes} classes make logits [60, {classes}], "
            f"not {list(logits.shape) if isinstance(logits, Tensor) else short(logits)}.",
        )

    def _require_learning(self, head, features, classes):
        """Some steps of training move every tensor. Zeros in the last layer are a good start, so look after them."""
        require(any(p.requires_grad for p in head.parameters()), "Every parameter of your head is frozen.")
        before, labels = snapshot(head), torch.arange(60) ** 2 % classes
        optimizer = torch.optim.Adam(head.parameters(), lr=1e-2)
        head.train()
        for _ in range(10):
            optimizer.zero_grad()
            loss = nn.functional.cross_entropy(head(features), labels)
            try:
                loss.backward()
            except RuntimeError as error:
                require(
                    False,
                    f"The first training step stops in `backward()` ({_brief(error)}). Either `no_grad` or "
                    "`detach` cuts the way back to the parameters, or `inplace=True` overwrites numbers that "
                    "`backward()` needs: leave it out.",
                )
            optimizer.step()
        still = [name for name, _ in head.named_parameters() if name not in moved(before, head)]
        require(
            not still,
            f"Ten training steps did not move `{'`, `'.join(still)}`. Either no gradient reaches them, or you start "
            "with zeros in both layers: then neither of the two can move the other.",
        )

    def _require_logits(self, head, features):
        with torch.no_grad():
            logits = head(features)
        sums = logits.sum(dim=1)
        probabilities = bool((logits >= 0).all()) and torch.allclose(sums, torch.ones(60), atol=1e-4)
        require(
            not probabilities,
            "Every row is positive and sums to 1: there is a softmax at the end. `cross_entropy` applies it itself, "
            "and wants logits.",
        )
        log_sums = logits.exp().sum(dim=1)
        require(
            not torch.allclose(log_sums, torch.ones(60), atol=1e-4),
            "The exponentials of every row sum to 1: there is a log_softmax at the end. Leave it to `cross_entropy`.",
        )
        require(
            bool((logits < 0).any()) and bool((logits > 0).any()),
            "All your logits have one sign: something after the last linear layer cuts them off. A logit may be "
            "any number.",
        )

    def _require_bent(self, head, width):
        """A map with f(a + b) + f(0) = f(a) + f(b) everywhere is linear with a bias."""
        a, b = 4 * torch.randn(40, width), 4 * torch.randn(40, width)
        with torch.no_grad():
            excess = head(a + b) + head(torch.zeros_like(a)) - head(a) - head(b)
        require(
            excess.abs().max() > 1e-3,
            "For all features a and b, f(a + b) + f(0) = f(a) + f(b): your head is one linear layer in disguise. "
            "Put something bent, such as `nn.ReLU()`, between the two.",
        )

    def _require_bare_end(self, head, last, features):
        """The last layer's weights, made negative and large, make what they give just as large: nothing bends it."""

        def logits_with(weights: Tensor) -> Tensor:
            last.copy_(weights)
            torch.default_generator.manual_seed(4)  # the same dropout each time
            return head(features)

        with torch.no_grad():
            own = last.clone()
            none, once, many = (logits_with(scale * own) for scale in (0, 1, -1000))
            last.copy_(own)
        require(
            torch.allclose(many - none, -1000 * (once - none), rtol=1e-3, atol=1e-1),
            "With the last layer's weights times -1000, what these weights add to the logits is not -1000 times as "
            "much: something after the last linear layer bends or scales the logits. Nothing comes after it, and its "
            "weights are plain parameters, as those of `nn.Linear`.",
        )

    def _require_nothing_after(self, head, last, features):
        """One class more sure of itself: its logit alone changes, and by as much as its bias does.

        A factor after a layer without a bias goes unseen, since a larger weight would do the same.
        """
        with torch.no_grad():
            before = head(features)
            last[0] += 1
            after = head(features)
            last[0] -= 1
        require(
            torch.allclose(after[:, 1:], before[:, 1:], rtol=1e-3, atol=1e-3),
            "Other weights for one class in the last layer change the logits of the other classes as well: something "
            "after the last linear layer mixes them, such as the mean that is taken off. Nothing comes after it.",
        )
        for name, bias in head.named_parameters():
            if bias.numel() != len(last):
                continue
            with torch.no_grad():
                bias += 1
                more = (head(features) - before).mean().item()
                bias -= 1
            require(
                abs(more - 1) < 1e-2,
                f"With 1 more in `{name}` the logits should be 1 more, and they are {more:.2f} more: something after "
                "the last linear layer scales or shifts them. Nothing comes after it.",
            )

    def _require_bent_between(self, head, first, features):
        """Without a bend behind the first layer, the logits add up as its weights do."""

        def logits_with(weights: Tensor) -> Tensor:
            first.copy_(weights)
            return head(features)

        with torch.no_grad():
            own, a, b = first.clone(), torch.randn_like(first), torch.randn_like(first)
            excess = logits_with(a + b) + logits_with(0 * a) - logits_with(a) - logits_with(b)
            first.copy_(own)
        require(
            excess.isnan().any() or excess.abs().max() > 1e-3,  # NaN: weights of 0 that are brought to one length
            "Nothing bent stands between the first linear layer and the second, so they are one layer in disguise. "
            "Put `nn.ReLU()` there.",
        )

    def _require_dropout(self, head, features):
        with torch.no_grad():
            head.train()
            first, second = head(features), head(features)
            head.eval()
            third, fourth = head(features), head(features)
        require(
            torch.equal(third, fourth),
            "In `eval()` mode two passes over the same features differ: dropout must stop there. `nn.Dropout` does "
            "that by itself; `nn.functional.dropout` needs `training=self.training`.",
        )
        require(
            not torch.equal(first, second),
            "With `dropout=0.5`, two passes in `train()` mode are the same: no dropout is at work.",
        )
        share = (first == 0).float().mean().item()
        require(
            share < 0.25,  # without a bias, a picture whose hidden numbers are all dropped has logits of 0 as well
            f"In `train()` mode {share:.0%} of the logits are exactly 0: dropout comes after the last layer and drops "
            "whole answers. Put it before.",
        )

    def _require_rate(self, two_layers, dropout):
        """Each logit gets a line of its own through the head; where the gradient along it is 0, it was cut."""
        at_rest, at_work = self._along_lines(two_layers, dropout, list(range(_LINES["classes"])))
        whole, kept = at_rest != 0, at_work != 0
        if not whole.any():
            return  # nothing gets through this head alone, so nothing can be counted
        share = kept[whole].float().mean().item()
        likely = 1 - dropout, (1 - dropout) ** 2  # the second where features are dropped as well
        require(
            min(abs(share - one) for one in likely) < 0.04,
            f"With `dropout={dropout}`, {share:.0%} of the numbers get through in `train()` mode, where "
            f"{likely[0]:.0%} should: give the rate that was asked for to `nn.Dropout`.",
        )
        for axis, at_once in ((1, "all numbers of a picture"), (0, "the same numbers of all pictures")):
            alike = (kept == kept.narrow(axis, 0, 1)).all()
            require(not alike, f"Your dropout takes {at_once} away at once. `nn.Dropout` draws for each alone.")
        # By how much is the head's affair (AlphaDropout has a factor of its own), but the same in both modes it is not.
        larger = (at_work / at_rest)[whole & kept]
        require(
            not torch.allclose(larger, torch.ones_like(larger), rtol=1e-3),
            "The numbers that dropout leaves are as large in `train()` mode as in `eval()`. It makes them larger to "
            "match, divided by `1 - dropout`, so that the next layer gets as much as before: `nn.Dropout` does that.",
        )

    def _require_once(self, two_layers):
        """Lines from one feature through several hidden numbers: what is cut before the first layer cuts them all."""
        at_rest, at_work = self._along_lines(two_layers, 0.5, [0] * _LINES["classes"])
        through = (at_work != 0)[(at_rest != 0).all(dim=1)].float().sum(dim=1)
        if not len(through):
            return
        one = through.mean().item() / _LINES["classes"]
        both = (through * (through - 1)).mean().item() / (_LINES["classes"] * (_LINES["classes"] - 1))
        if abs(one - 0.25) > 0.06 or not both:
            return
        before_first = one**2 / both  # of all features, the share that reaches the first layer
        place = "between the two layers" if before_first > 0.75 else "before the first layer"
        require(
            0.35 < before_first < 0.75,
            f"With `dropout=0.5`, {one:.0%} of the numbers get through {place} in `train()` mode, where 50% should: "
            "dropout is at work there twice, one after the other. Once in each place is enough.",
        )

    def _along_lines(self, two_layers, dropout, start):
        """Gradients of each row's logit i with respect to feature `start[i]`, without dropout and with it.

        The lines are laid larger until the flat part of a bend cuts none.
        """
        head = self._made(two_layers, **_LINES, dropout=dropout)
        features = 1 + 0.2 * torch.rand(600, _LINES["width"])
        head.eval()
        first, last = self._matrices(head, **_LINES)
        ends = list(range(_LINES["classes"]))
        first.zero_(), last.zero_()
        last[ends, ends] = 1.0
        for size in (0.07, 0.3, 1.0, 5.0):
            first[ends, start] = size
            at_rest = self._gradients(head, features, start)
            if at_rest.all():
                break
        for module in head.modules():
            module.training = not isinstance(module, nn.modules.batchnorm._BatchNorm)  # it would mix the rows
        return at_rest, self._gradients(head, features, start)

    def _gradients(self, head, features, start):
        features = features.clone().requires_grad_()
        logits = head(features)
        gradients = [
            torch.autograd.grad(logits[:, i].sum(), features, retain_graph=True)[0][:, feature]
            for i, feature in enumerate(start)
        ]
        return torch.stack(gradients, dim=1)


# 4.5 -----------------------------------------------------------------------------------------------


class _Fixed(nn.Module):
    """Gives the same rows whatever it sees, and has one trainable parameter."""

    def __init__(self, rows: Tensor):
        super().__init__()
        self.rows = rows
        self.shift = nn.Parameter(torch.zeros(()))

    def forward(self, images: Tensor) -> Tensor:
        return self.rows[: len(images)] + self.shift


class _Gives(nn.Module):
    """A network, and what is made of its output."""

    def __init__(self, network: nn.Module, made_of: Callable[[Tensor], object]):
        super().__init__()
        self.network = network
        self.made_of = made_of

    def forward(self, images: Tensor) -> object:
        return self.made_of(self.network(images))


def _good(classes: int = 4, *after: nn.Module) -> nn.Module:
    norm = nn.Sequential(nn.Conv2d(3, 6, 3), nn.BatchNorm2d(6), nn.ReLU())
    return nn.Sequential(norm, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Dropout(0.3), nn.Linear(6, classes), *after)


def _with_frozen_backbone() -> nn.Module:
    model = _good()
    model[0].requires_grad_(False)
    return model


def _with_frozen_head() -> nn.Module:
    model = _good()
    model[-1].requires_grad_(False)
    return model


def _with_head_of_zeros() -> nn.Module:
    model = _good()
    nn.init.zeros_(model[-1].weight)
    nn.init.zeros_(model[-1].bias)
    return model


def _with_frozen_last_bias() -> nn.Module:
    model = _good()
    model[-1].bias.requires_grad_(False)
    return model


def _with_softmax_in_the_middle() -> nn.Module:
    model = _good()
    model.insert(3, nn.Softmax(dim=1))
    return model


class CheckTheHead(Exercise):
    number = "4.5"
    title = "a check before training"
    level = Level.EDGE
    minutes = 12
    hints = (
        "Five questions, one after the other: is `classes` a whole number from 1, are the logits [n, classes], are "
        "they finite, are they probabilities, and can anything learn? `raise ValueError(...)` at the first bad answer.",
        "`isinstance(True, int)` is True: ask for `type(classes) is int`. `torch.isfinite(logits).all()` finds NaN and "
        "infinity. Probabilities are rows without a negative number that sum to 1: both must hold.",
        "`any(p.requires_grad for p in model.parameters())` says whether something can learn; a frozen backbone is no "
        "mistake. Run the model in `eval()` under `torch.no_grad()`. Note each module's mode before, as in 4.2, and "
        "give all of them back before you raise. A network may give a dict: ask `isinstance(logits, torch.Tensor)`.",
    )
    answer = """
def check_head(model, classes, images):
    if type(classes) is not int or classes < 1:
        raise ValueError(f"classes is a whole number from 1, not {classes!r}")
    modes = {module: module.training for module in model.modules()}
    model.eval()
    with torch.no_grad():
        logits = model(images)
    for module, mode in modes.items():
        module.training = mode
    if not isinstance(logits, torch.Tensor):
        raise ValueError(f"the network gives a {type(logits).__name__} and no logits")
    if logits.shape != (len(images), classes):
        raise ValueError(f"{classes} classes, and the logits are {list(logits.shape)}: is the old head still there?")
    if not torch.isfinite(logits).all():
        raise ValueError("some logits are NaN or infinite")
    sums = logits.sum(dim=1)
    if (logits >= 0).all() and torch.allclose(sums, torch.ones_like(sums)):
        raise ValueError("these are probabilities: take the softmax out of the network")
    if not any(p.requires_grad for p in model.parameters()):
        raise ValueError("nothing can learn: the head is frozen")
"""

    def examine(self, check_head):
        rows = torch.tensor([[3.0, -1.0, -2.0, 1.0]]).repeat(5, 1)
        self._try_sound_ones(check_head, rows)
        for classes in (0, -3, None, 4.0, True):
            self._refuses(check_head, _good(), f"`classes={classes!r}`", classes)
        self._refuses(check_head, _good(1000), "a network that still gives 1000 logits")
        self._refuses(check_head, nn.Conv2d(3, 4, 3), "a network that gives logits for each place, [5, 4, 2, 2]")
        self._refuses(check_head, _good(4, nn.Softmax(dim=1)), "a network with a softmax at its end")
        by_function = _Gives(_good(), lambda logits: logits.softmax(dim=1))
        self._refuses(check_head, by_function, "a network that ends with the function `softmax`")
        certain = _Fixed(torch.eye(4)[[0, 2, 1, 3, 3]])
        self._refuses(check_head, certain, "a network whose softmax gives one 1 in each row, and zeros")
        for bad in (float("nan"), float("inf"), float("-inf")):
            broken = rows.clone()
            broken[2, 1] = bad
            self._refuses(check_head, _Fixed(broken), f"a network with one logit {bad}")
        self._refuses(check_head, _good().requires_grad_(False), "a network with every parameter frozen, also the head")
        self._refuses(check_head, _Gives(_good(), lambda logits: {"out": logits}), "a network that gives a dict")
        self._try_mixed_modes(check_head)
        self._try_more(check_head, rows)
        return "Call it once before every training run. It costs one forward pass."

    def _try_sound_ones(self, check_head, rows):
        self._passes(check_head, _good(), "a sound network")
        self._passes(check_head, _with_frozen_backbone(), "a sound network with a frozen backbone")
        self._passes(check_head, _with_frozen_last_bias(), "a sound network of which the last bias alone is frozen")
        self._passes(check_head, _with_head_of_zeros(), "a sound network whose head starts with zeros")
        self._passes(check_head, _with_softmax_in_the_middle(), "a sound network with a softmax before its head")
        self._passes(check_head, _Fixed(rows), "a network whose logits happen to sum to 1, some of them negative")
        self._passes(check_head, _Fixed(rows.abs()), "a network whose logits are all positive and sum to 7")
        first_alone = rows.abs()
        first_alone[0] /= 7
        self._passes(check_head, _Fixed(first_alone), "a network of which one row alone looks like probabilities")

    def _try_more(self, check_head, rows):
        """What a test that looks at one axis, at one row or at all rows together takes for something else."""
        self._refuses(check_head, _good(), "`classes='4'`", "4")
        self._refuses(check_head, nn.Conv2d(3, 4, 1), "a network that gives logits for each place, [5, 4, 4, 4]")
        averaged = _Gives(_good(), lambda logits: logits.mean(dim=0, keepdim=True))
        self._refuses(check_head, averaged, "a network that gives one row for all 5 images, [1, 4]")
        self._refuses(check_head, _Gives(_good(), lambda logits: (logits, logits)), "a network that gives a tuple")
        self._passes(check_head, _with_frozen_head(), "a network whose head is frozen and whose backbone learns")
        probabilities = rows.abs() / 7
        uneven = probabilities * torch.tensor([[0.5], [1.5], [1.0], [0.5], [1.5]])
        self._passes(check_head, _Fixed(uneven), "a network whose rows are positive and sum to 0.5, 1.5, 1, 0.5, 1.5")
        last_alone = rows.abs()
        last_alone[-1] /= 7
        self._passes(check_head, _Fixed(last_alone), "a network of which the last row alone looks like probabilities")
        self._passes(check_head, _with_gradients(_good()), "a sound network with gradients in it")

    def _try_mixed_modes(self, check_head):
        """One part in another mode than the network: the one that passes, the other that is refused."""
        for whole, part in ((True, "0.1"), (False, "3")):  # BatchNorm at rest, and dropout at work
            for classes in (4, 1000):
                model = _good(classes).train(whole)
                model.get_submodule(part).train(not whole)
                found = _found(model, "a network with a part in another mode")
                with contextlib.suppress(ValueError):
                    self._call(check_head, model, 4)
                _require_left_as_found(model, found)

    def _call(self, check_head, model, classes):
        """What the function gives back; it must leave its images alone, however it ends."""
        images = torch.randn(5, 3, 4, 4)
        given = images.clone()
        try:
            return check_head(model, classes, images)
        finally:
            require(
                torch.equal(images, given),
                "Your function changed the numbers in `images`, and whoever passes them goes on with them: leave "
                "them as they are, and copy what you change.",
            )

    def _passes(self, check_head, model, what):
        for training in (True, False):
            found = _found(model.train(training), what)
            try:
                self._call(check_head, model, 4)
            except ValueError as error:
                require(False, f"Your function refuses {what}: {short(str(error))}. It is fine and must pass.")
            _require_left_as_found(model, found)

    def _refuses(self, check_head, model, what, classes=4):
        found = _found(model.train(), what)
        ended = "returned"
        try:
            gave = short(self._call(check_head, model, classes))
        except Incorrect:
            raise
        except ValueError:
            _require_left_as_found(model, found)
            return
        except Exception as error:
            ended, gave = "stopped with", f"`{type(error).__name__}: {first_line(error)}`"
        require(False, f"For {what} your function {ended} {gave}; raise a `ValueError` that says what is wrong.")


EXERCISES = Exercises(HeadsByHand, FindTheClassifier, ReplaceInAny, MlpHead, CheckTheHead)

QUIZ = Quiz(
    "04",
    (
        Question(
            "ConvNeXt's `classifier` holds a LayerNorm, a Flatten and a Linear. You write "
            "`model.classifier = nn.Linear(1024, 5)`. What happens?",
            (
                Option(
                    "It gives five logits and is as good as before.",
                    "The LayerNorm and the Flatten stood inside `classifier`, and they went with it.",
                ),
                Option(
                    "The next picture raises an error about shapes.",
                    "Without Flatten the features arrive as [n, 1024, 1, 1], and a linear layer looks at the last "
                    "axis. Replace `classifier[2]` alone.",
                    right=True,
                ),
                Option(
                    "The assignment itself raises an error.",
                    "PyTorch takes any module under any name. It notices nothing until data flows.",
                ),
            ),
        ),
        Question(
            "You have a network that you have never seen. Which of its linear layers is the classifier?",
            (
                Option(
                    "The one that is declared last.",
                    "The order in `__init__` is the author's taste. `forward` decides which layer works when.",
                ),
                Option(
                    "The one called `fc`, `head` or `classifier`.",
                    "Often, and then one day `fc` is a leftover that never works. Use the name as a first guess only.",
                ),
                Option(
                    "The one that works last, and whose output is what the network gives.",
                    "Let one picture through and watch. That holds whatever the layers are called.",
                    right=True,
                ),
            ),
        ),
        Question(
            "You have five classes, and the first loss of your training is 6.9. What is likely?",
            (
                Option(
                    "The head still has 1000 outputs.",
                    "ln 1000 is 6.9: the network is undecided among 1000 answers. For five it would be ln 5 = 1.6.",
                    right=True,
                ),
                Option(
                    "There is a softmax at the end of the head.",
                    "Then the loss starts near ln 5, since all is squeezed between 0 and 1, and gets stuck above 0.",
                ),
                Option(
                    "The head is frozen.",
                    "A frozen new head is undecided among five, so it starts near ln 5. And it stays there.",
                ),
            ),
        ),
        Question(
            "On a ResNet you write `model.head = nn.Linear(2048, 5)`, and train all parameters. What learns?",
            (
                Option(
                    "The new head.",
                    "`forward` calls `self.fc` and has never heard of `head`. The new layer gets no gradient.",
                ),
                Option(
                    "The network with its old head of 1000 outputs.",
                    "Nothing complains: labels 0 to 4 are valid for 1000 outputs. The shape of the logits tells you.",
                    right=True,
                ),
                Option(
                    "Nothing: PyTorch stops with an error.",
                    "A new attribute is no error in Python, and an unused layer is none in PyTorch.",
                ),
            ),
        ),
        Question(
            "On 150 validation pictures your MLP head is right where the linear one is wrong 8 times, and the other "
            "way round 5 times. What do you conclude?",
            (
                Option(
                    "The MLP is better: three pictures more.",
                    "They disagree on 13 pictures. Thirteen throws of a fair coin come out 8 to 5, or more unevenly, "
                    "more often than not.",
                ),
                Option(
                    "These pictures cannot tell them apart. Take the simpler one.",
                    "8 to 5 is what chance does. The linear head has far fewer parameters to train and to explain.",
                    right=True,
                ),
                Option(
                    "The two heads are equally good.",
                    "Not seeing a difference in 150 pictures is no proof that there is none.",
                ),
            ),
        ),
    ),
)
