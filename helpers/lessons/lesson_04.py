"""Answer key of lesson 04: replace the head."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torchvision.models import ConvNeXt, EfficientNet, ResNet, VisionTransformer
from torchvision.models.convnext import CNBlockConfig
from torchvision.models.efficientnet import MBConvConfig
from torchvision.models.resnet import BasicBlock

from helpers.course.exercise import Exercise, Exercises, Level, require, short
from helpers.course.quiz import Option, Question, Quiz
from helpers.models.freezing import eval_mode, moved, snapshot

# Watching networks at work -------------------------------------------------------------------------


def _logits(model: nn.Module, images: Tensor, who: str, advice: str = "") -> Tensor:
    """The logits in `eval()` mode, or a reason in words why there are none."""
    with eval_mode(model), torch.no_grad():
        try:
            output = model(images)
        except (RuntimeError, ValueError, TypeError) as error:
            first = (str(error).strip().splitlines() or [type(error).__name__])[0]
            require(False, f"{who} no longer takes a picture ({first}).{advice}")
    require(isinstance(output, Tensor), f"{who} gives {short(output)} and no tensor of logits.")
    return output


def _last_linear(model: nn.Module, images: Tensor) -> tuple[nn.Linear, Tensor]:
    """The linear layer that works last, and what goes into it."""
    worked: list[tuple[nn.Linear, Tensor]] = []
    layers = [layer for layer in model.modules() if isinstance(layer, nn.Linear)]
    handles = [
        layer.register_forward_pre_hook(lambda layer, inputs: worked.append((layer, inputs[0].clone())))
        for layer in layers
    ]
    with eval_mode(model), torch.no_grad():
        model(images)
    for handle in handles:
        handle.remove()
    require(worked, "No linear layer works in the network any more.")
    return worked[-1]


def _flags(model: nn.Module) -> dict[str, bool]:
    return {name: parameter.requires_grad for name, parameter in model.named_parameters()}


def _modes(model: nn.Module) -> dict[str, bool]:
    return {name: module.training for name, module in model.named_modules()}


def _hooks(model: nn.Module) -> int:
    return sum(len(module._forward_hooks) + len(module._forward_pre_hooks) for module in model.modules())


def _require_left_as_found(model: nn.Module, before: dict[str, Tensor], modes: dict[str, bool]) -> None:
    """No hook, no mode and no number of the network is other than it was."""
    require(
        _hooks(model) == 0,
        f"{_hooks(model)} of your hooks are still on the network, and will run in every forward pass from now on: "
        "keep each handle and call its `remove()`.",
    )
    statistics = [name for name in moved(before, model) if "running" in name or "tracked" in name]
    require(
        not statistics,
        f"Your function moved the BatchNorm statistics `{'`, `'.join(statistics)}`: the picture went through in "
        "`train()` mode. Switch to `eval()` for it.",
    )
    require(not moved(before, model), f"Your function changed `{'`, `'.join(moved(before, model))}` of the network.")
    now = _modes(model)
    other = [name for name, mode in modes.items() if name in now and now[name] != mode]
    require(
        not other,
        f"The network came in {_mode_name(modes[''])} mode and was left in another: put it back.",
    )


def _mode_name(training: bool) -> str:
    return "`train()`" if training else "`eval()`"


# 4.1 -----------------------------------------------------------------------------------------------


def _families() -> Iterator[tuple[str, str, nn.Module]]:
    """torchvision's four families, so small that they run in milliseconds: name, where the head is, network."""
    yield "the ResNet", "fc", ResNet(BasicBlock, [1, 1, 1, 1], num_classes=10)
    settings = [MBConvConfig(1, 3, 1, 8, 8, 1), MBConvConfig(2, 3, 2, 8, 12, 1)]
    yield "the EfficientNet", "classifier", EfficientNet(settings, dropout=0.5, last_channel=20, num_classes=10)
    yield "the ConvNeXt", "classifier", ConvNeXt([CNBlockConfig(8, 14, 1), CNBlockConfig(14, None, 1)], num_classes=10)
    yield "the ViT", "heads", VisionTransformer(32, 16, 1, 2, hidden_dim=18, mlp_dim=24, num_classes=10)


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
        for name, place, model in _families():
            self._try(new_head, name, place, model.eval())
        return "Four families, four places, and what stands before each head is where it was."

    def _try(self, new_head, name, place, model):
        images = torch.randn(4, 3, 32, 32)
        for parameter in list(model.parameters())[:4]:
            parameter.requires_grad = False
        _, expected = _last_linear(model, images)
        before, flags = snapshot(model), _flags(model)
        new_head(model, 3)
        logits = _logits(
            model,
            images,
            f"{name[0].upper()}{name[1:]}",
            " Did the layers that stand before the last one go with it? Replace the linear layer alone, and take its "
            "width from `in_features`.",
        )
        require(
            tuple(logits.shape) == (4, 3),
            f"4 pictures and 3 classes make logits [4, 3], and {name} gives {list(logits.shape)}."
            + (
                " The old head is still at work: change the model that you were given."
                if logits.shape[-1] == 10
                else ""
            ),
        )
        head, seen = _last_linear(model, images)
        require(
            seen.shape == expected.shape and torch.allclose(seen, expected, atol=1e-6),
            f"In {name}, what goes into the last layer is not what went into it before. A layer that stood before the "
            "head is gone (a norm, a flatten), or a new one was put there: replace the last linear layer alone.",
        )
        self._require_dropout(name, model, images)
        untouched = {key: value for key, value in before.items() if not key.startswith(f"{place}.")}
        now = model.state_dict()
        lost = [key for key in untouched if key not in now]
        require(not lost, f"{name[0].upper()}{name[1:]} has lost `{'`, `'.join(lost[:3])}`.")
        changed = moved(untouched, model)
        require(not changed, f"In {name} you also changed `{'`, `'.join(changed[:3])}`, which is no part of the head.")
        now_flags = _flags(model)
        other = [key for key in untouched if key in flags and now_flags[key] != flags[key]]
        require(
            not other,
            f"In {name} the flag `requires_grad` of `{'`, `'.join(other[:3])}` is another one now. Replacing a head "
            "freezes nothing and unfreezes nothing.",
        )
        require(all(p.requires_grad for p in head.parameters()), f"The new head of {name} is frozen: it cannot learn.")

    def _require_dropout(self, name, model, images):
        """EfficientNet trains with dropout before its head: two passes in training must differ."""
        if name != "the EfficientNet":
            return
        model.eval()
        for layer in model.modules():
            if isinstance(layer, nn.Dropout):
                layer.train()
        with torch.no_grad():
            same = torch.equal(model(images), model(images))
        model.eval()
        require(
            not same,
            f"The dropout of {name} is gone. It stands before the linear layer in `model.classifier`: keep it, and "
            "replace only `model.classifier[1]`.",
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


def _stranger(case: _Case) -> nn.Module:
    """The case's network in `train()` mode, with BatchNorm statistics of its own where it has them."""
    model = case.build().train()
    model(3 * torch.randn(16, 3, 4, 4) + 2)
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
        "Around it: remember `model.training`, call `model.eval()`, run `model(image)` under `torch.no_grad()`, "
        "`remove()` every handle, `model.train(was_training)`. The answer is `worked[-1]`.",
    )
    answer = """
def find_classifier(model, image):
    worked = []
    handles = [
        layer.register_forward_hook(lambda layer, inputs, output, name=name: worked.append(name))
        for name, layer in model.named_modules()
        if isinstance(layer, nn.Linear)
    ]
    was_training = model.training
    model.eval()
    with torch.no_grad():
        model(image)
    model.train(was_training)
    for handle in handles:
        handle.remove()
    return worked[-1]
"""

    def examine(self, find_classifier):
        for case in _CASES:
            for training in (True, False):
                self._try(find_classifier, case, training)
        return "Decoys, leftovers and nesting: what a layer does is the only thing that you trusted."

    def _try(self, find_classifier, case, training):
        model = _stranger(case).train(training)
        before, modes = snapshot(model), _modes(model)
        name = find_classifier(model, torch.randn(1, 3, 4, 4))
        require(
            isinstance(name, str),
            f"Return the layer's name, a text as in `model.named_modules()`, not {short(name)}.",
        )
        require(
            name == case.head,
            f"In {case.what} the classifier is `{case.head}`, and you say `{name}`. {case.trap}",
        )
        _require_left_as_found(model, before, modes)


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
            self._try(replace_any, case, _stranger(case), torch.float32)
        self._try(replace_any, _CASES[-1], _stranger(_CASES[-1]).eval(), torch.float32)
        self._try(replace_any, _CASES[0], _stranger(_CASES[0]).double(), torch.float64)
        self._try(replace_any, _CASES[2], _stranger(_CASES[2]).requires_grad_(False), torch.float32)
        return "Five strange networks have a new head, and nothing else in them is new."

    def _try(self, replace_any, case, model, dtype):
        images = torch.randn(5, 3, 4, 4, dtype=dtype)
        _, expected = _last_linear(model, images)
        old, modes, flags = model.get_submodule(case.head), _modes(model), _flags(model)
        before = {key: value for key, value in snapshot(model).items() if not key.startswith(f"{case.head}.")}
        replace_any(model, 7, images[:1])
        self._require_new_logits(model, images, case, dtype)
        now = model.state_dict()
        lost = [key for key in before if key not in now or now[key].shape != before[key].shape]
        require(
            not lost,
            f"In {case.what} `{'`, `'.join(lost[:3])}` went too, and that is no part of the classifier `{case.head}`. "
            f"{case.trap}",
        )
        outside = {key: value for key, value in modes.items() if key != case.head}
        _require_left_as_found(model, before, outside)
        layer, seen = _last_linear(model, images)
        require(layer is not old, f"In {case.what} the old layer is still the one that gives the logits.")
        require(
            seen.shape == expected.shape and torch.allclose(seen, expected, atol=1e-6),
            f"In {case.what} something else reaches the head now than before. Replace that one layer alone.",
        )
        now_flags = _flags(model)
        other = [key for key in before if key in flags and flags[key] != now_flags[key]]
        require(not other, f"`requires_grad` of `{'`, `'.join(other[:3])}` is another one now: leave all flags alone.")
        require(
            all(p.requires_grad for p in layer.parameters()),
            "The new head of a frozen network is frozen as well, so nothing can learn: new parameters must be "
            "trainable.",
        )

    def _require_new_logits(self, model, images, case, dtype):
        who = f"With its new head, {case.what}"
        advice = case.trap
        if dtype is torch.float64:
            advice = "This network computes in float64: give the new layer the type and device of the old one."
        logits = _logits(model, images, who, f" {advice}")
        require(
            tuple(logits.shape) == (5, 7),
            f"{who} should give logits [5, 7] for 5 pictures and 7 classes, not {list(logits.shape)}. {case.trap}",
        )


# 4.4 -----------------------------------------------------------------------------------------------


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
        still = self._made(two_layers, 12, 3, 40, 0.0).train()
        features = torch.randn(8, 12)
        require(
            torch.equal(still(features), still(features)),
            "With `dropout=0.0` two passes in `train()` mode differ: use the rate that was asked for.",
        )
        return "It bends, it drops in training only, and cross-entropy gets logits."

    def _made(self, two_layers, width, classes, hidden, dropout):
        head = two_layers(width, classes, hidden, dropout)
        require(isinstance(head, nn.Module), f"Return the head, an `nn.Module`, not {short(head)}.")
        require(
            any(tuple(p.shape) == (hidden, width) for p in head.parameters()),
            f"No layer goes from width {width} to hidden {hidden}: the shapes of your parameters are "
            f"{[list(p.shape) for p in head.parameters()]}.",
        )
        return head

    def _require_shape(self, head, features, classes):
        with torch.no_grad():
            logits = head(features)
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
            nn.functional.cross_entropy(head(features), labels).backward()
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
        require(
            not bool((first == 0).any()),
            "In `train()` mode some logits are exactly 0: dropout comes after the last layer and drops whole answers. "
            "Put it before.",
        )


# 4.5 -----------------------------------------------------------------------------------------------


class _Fixed(nn.Module):
    """Gives the same rows whatever it sees, and has one trainable parameter."""

    def __init__(self, rows: Tensor):
        super().__init__()
        self.rows = rows
        self.shift = nn.Parameter(torch.zeros(()))

    def forward(self, images: Tensor) -> Tensor:
        return self.rows[: len(images)] + self.shift


def _good(classes: int = 4, *after: nn.Module) -> nn.Module:
    norm = nn.Sequential(nn.Conv2d(3, 6, 3), nn.BatchNorm2d(6), nn.ReLU())
    return nn.Sequential(norm, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Dropout(0.3), nn.Linear(6, classes), *after)


def _with_frozen_backbone() -> nn.Module:
    model = _good()
    model[0].requires_grad_(False)
    return model


def _with_head_of_zeros() -> nn.Module:
    model = _good()
    nn.init.zeros_(model[-1].weight)
    nn.init.zeros_(model[-1].bias)
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
        "mistake. Run the model in `eval()` under `torch.no_grad()`, and give it its mode back before you raise.",
    )
    answer = """
def check_head(model, classes, images):
    if type(classes) is not int or classes < 1:
        raise ValueError(f"classes is a whole number from 1, not {classes!r}")
    was_training = model.training
    model.eval()
    with torch.no_grad():
        logits = model(images)
    model.train(was_training)
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
        self._passes(check_head, _good(), "a sound network")
        self._passes(check_head, _with_frozen_backbone(), "a sound network with a frozen backbone")
        self._passes(check_head, _with_head_of_zeros(), "a sound network whose head starts with zeros")
        rows = torch.tensor([[3.0, -1.0, -2.0, 1.0]]).repeat(5, 1)
        self._passes(check_head, _Fixed(rows), "a network whose logits happen to sum to 1, some of them negative")
        self._passes(check_head, _Fixed(rows.abs()), "a network whose logits are all positive and sum to 7")
        for classes in (0, -3, None, 4.0, True):
            self._refuses(check_head, _good(), f"`classes={classes!r}`", classes)
        self._refuses(check_head, _good(1000), "a network that still gives 1000 logits")
        self._refuses(check_head, _good(4, nn.Softmax(dim=1)), "a network with a softmax at its end")
        for bad in (float("nan"), float("inf")):
            broken = rows.clone()
            broken[2, 1] = bad
            self._refuses(check_head, _Fixed(broken), f"a network with one logit {bad}")
        self._refuses(check_head, _good().requires_grad_(False), "a network with every parameter frozen, head included")
        return "Call it once before every training run. It costs one forward pass."

    def _passes(self, check_head, model, what):
        modes, before = _modes(model.train()), snapshot(model)
        try:
            check_head(model, 4, torch.randn(5, 3, 4, 4))
        except ValueError as error:
            require(False, f"Your function refuses {what}: {short(str(error))}. It is fine and must pass.")
        _require_left_as_found(model, before, modes)
        model.eval()
        check_head(model, 4, torch.randn(5, 3, 4, 4))
        require(not model.training, "The network came in `eval()` mode and was left in `train()` mode: put it back.")

    def _refuses(self, check_head, model, what, classes=4):
        modes, before = _modes(model.train()), snapshot(model)
        try:
            found = check_head(model, classes, torch.randn(5, 3, 4, 4))
        except ValueError:
            _require_left_as_found(model, before, modes)
            return
        require(
            False, f"For {what} your function returned {short(found)}; raise a `ValueError` that says what is wrong."
        )


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
