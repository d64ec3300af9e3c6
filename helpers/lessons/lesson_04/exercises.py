"""Answer key of lesson 04: replace the head."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import torch
from torch import Tensor, nn

from helpers.checking import networks
from helpers.checking.answers import a_string, not_refused, quoted, refusal, short
from helpers.checking.learning import every_parameter_moves
from helpers.checking.passes import both_passes, logits_of, only_the_head_is_new, same_function
from helpers.checking.untouched import input_untouched, left_as_found
from helpers.course.exercise import Exercise, Exercises, Level
from helpers.course.verdicts import require, tried_on
from helpers.lessons.lesson_04.two_layers import (
    TwoLayers,
    bends_between,
    drops_as_asked,
    gives_logits,
    makes_up_for_it,
    nothing_follows,
)


@contextmanager
def _only_the_head_goes(model: nn.Module, images: Tensor, what: str) -> Iterator[nn.Linear]:
    """After the block a fresh linear layer is where the one was that gave the logits, and all else is as it was."""
    before = both_passes(model, images)
    old = next(name for name, layer in model.named_modules() if layer is before[0].layer)
    names = {name for name, _ in model.named_parameters()}
    with left_as_found(model, what, without=old):
        yield before[0].layer
    after = both_passes(model, images)
    only_the_head_is_new(before, after, what)
    heads_own = set(after[0].layer.parameters())
    added = [name for name, p in model.named_parameters() if name not in names and p not in heads_own]
    require(not added, f"In {what} there is {quoted(added)} as well now: replace one layer, add none.")


def _parts(model: nn.Module) -> list[str]:
    return [name for name, _ in model.named_modules()]


def _never_works(model: nn.Module, parts: list[str]) -> str:
    """Of a network that still gives the old logits: what was added beside its `parts`, and so is never called."""
    added = [name for name in _parts(model) if name not in parts]
    return _NEVER_WORKS.format(added[0]) if added else ""


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
        for classes, training in ((3, False), (10, True)):  # 10 as the old one: the head must be new then, too
            for what, model in networks.families():
                self._try(new_head, what, networks.train_a_little(model).train(training), classes)
        return "Four families, four places, and what stands before each head is where it was."

    def _try(self, new_head, what, model, classes):
        images = torch.randn(4, 3, 32, 32)
        for parameter in list(model.parameters())[:4]:
            parameter.requires_grad = False
        parts, kinds = _parts(model), _kinds(model)
        with _only_the_head_goes(model, images, what):
            with tried_on(f"On {what},"):
                new_head(model, classes)
            others = _kinds(model) - kinds
            require(not others, _OTHER_KIND.format(what, *map(" and ".join, (others, kinds))))
            shape = list(logits_of(model, images, what, _TOOK_OTHERS_ALONG).shape)
            require(
                shape == [4, classes],
                f"4 images and {classes} classes make logits [4, {classes}], and {what} gives {shape}."
                + (_never_works(model, parts) or _OLD_HEAD) * (shape[-1] == 10),
            )


def _kinds(model: nn.Module) -> set[str]:
    """The dtypes and devices of all parameters."""
    return {f"{p.dtype} on {p.device}".removeprefix("torch.") for p in model.parameters()}


_OTHER_KIND = "In {} your new layer is {}, and the network is {}. A plain `nn.Linear(width, classes)` fits."
_TOOK_OTHERS_ALONG = (
    "Did the layers that stand before the last one go with it? Replace the linear layer alone, and take its width from "
    "`in_features`: `nn.Linear(in_features, classes)`, the width first."
)
_NEVER_WORKS = (
    " You gave it a new part, `{}`. Python takes any name, but this network's `forward` never asks for that one, so "
    "your layer is there and never works: put it where the old one is."
)
_OLD_HEAD = " The old head is still at work: change the model that you were given."


class FindTheClassifier(Exercise):
    number = "4.2"
    title = "find the classifier"
    level = Level.WRITE
    minutes = 12
    hints = (
        "The order in which layers are declared says nothing. Let a picture through, and note which ones work.",
        "A forward hook on each `nn.Linear` of `model.named_modules()` appends its name and its output to a list. Give "
        "the hook its own name: `lambda layer, inputs, output, name=name: worked.append((name, output))`.",
        "Around it: note `modes = {module: module.training for module in model.modules()}`, call `model.eval()`, run "
        "`logits = model(image)` under `torch.no_grad()`, `remove()` every handle. Then `module.training = mode` for "
        "each pair of `modes.items()`: `model.train()` would set all parts alike. The answer is the name whose "
        "`output is logits`.",
    )
    answer = """
def find_classifier(model, image):
    worked = []
    handles = [
        layer.register_forward_hook(lambda layer, inputs, output, name=name: worked.append((name, output)))
        for name, layer in model.named_modules()
        if isinstance(layer, nn.Linear)
    ]
    modes = {module: module.training for module in model.modules()}
    model.eval()
    with torch.no_grad():
        logits = model(image)
    for module, mode in modes.items():
        module.training = mode
    for handle in handles:
        handle.remove()
    return [name for name, output in worked if output is logits][-1]
"""

    def examine(self, find_classifier):
        for stranger in (*networks.STRANGERS, networks.ASIDE):
            for training in (True, False):
                self._try(find_classifier, stranger, stranger.network().train(training))
        self._try(find_classifier, networks.NESTED, networks.with_batchnorm_at_rest())
        self._try(find_classifier, networks.NESTED, networks.with_dropout_at_work())
        self._try(find_classifier, networks.IN_A_ROW, networks.with_gradients(networks.IN_A_ROW.network()))
        self._try(find_classifier, networks.IN_A_ROW, networks.with_first_layer_frozen())
        self._try(find_classifier, networks.IN_A_ROW, networks.with_an_owners_hook())
        return "Decoys, leftovers and nesting: what a layer does is the only thing that you trusted."

    def _try(self, find_classifier, stranger, model):
        image = torch.randn(1, 3, 4, 4)
        with left_as_found(model, stranger.what), input_untouched(image=image):
            with tried_on(f"In {stranger.what},"):
                said = find_classifier(model, image)
            no_name = f"Return the layer's name, a text as in `model.named_modules()`, not {short(said)}."
            name = a_string(said, no_name)
            require(
                name == stranger.head,
                f"In {stranger.what} the classifier is `{stranger.head}`, and you say `{name}`"
                f"{_what_it_is(model, name)} {stranger.trap}",
            )


def _what_it_is(model: nn.Module, name: str) -> str:
    """What the layer is that was named, where it is none that can be the classifier."""
    layers = dict(model.named_modules())
    if name not in layers:
        return ", which is the name of no part of it."
    if isinstance(layers[name], nn.Linear):
        return "."
    loop = " If all your hooks give this name, they read the last of the loop's names: write `name=name`."
    kind = f", which is a `{type(layers[name]).__name__}` and no `nn.Linear`."
    return kind + loop * (name == list(layers)[-1])


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
        "the dtype of the old one.",
    )
    answer = """
def replace_any(model, classes, image):
    name = find_head(model, image).name
    old = model.get_submodule(name)
    model.set_submodule(name, nn.Linear(old.in_features, classes).to(old.weight))
"""

    def examine(self, replace_any):
        for stranger in networks.STRANGERS:
            self._try(replace_any, stranger, stranger.network())
        self._try(replace_any, networks.NESTED, networks.NESTED.network().eval())
        self._try(replace_any, networks.IN_A_ROW, networks.IN_A_ROW.network().double(), torch.float64)
        self._try(replace_any, networks.DECOY, networks.DECOY.network().requires_grad_(False))
        self._try(replace_any, networks.PRECISE, networks.PRECISE.build())
        self._try(replace_any, networks.NESTED, networks.with_batchnorm_at_rest())
        self._try_on_meta(replace_any, networks.IN_A_ROW, "meta")
        self._try_on_meta(replace_any, networks.PRECISE, "cpu")
        self._try(replace_any, networks.MIXED, networks.MIXED.build())
        self._try(replace_any, networks.NESTED, networks.with_dropout_at_work())
        self._try(replace_any, networks.IN_A_ROW, networks.IN_A_ROW.network(), classes=4)  # as many as it has
        return "Strange networks have a new head, and nothing else in them is new."

    def _try(self, replace_any, stranger, model, dtype=torch.float32, classes=7):
        images = torch.randn(5, 3, 4, 4, dtype=dtype)
        image, who = images[:1].clone(), f"with its new head, {stranger.what}"
        with input_untouched(image=image), _only_the_head_goes(model, images, stranger.what) as old:
            kind, parts = _kind(old), _parts(model)
            with tried_on(f"In {stranger.what},"):
                gave = replace_any(model, classes, image)
            _require_same_kind(model, stranger, kind)
            shape = list(logits_of(model, images, who, stranger.trap).shape)
            require(
                shape == [5, classes],
                f"W{who[1:]} should give logits [5, {classes}] for 5 images and {classes} classes, not {shape}. "
                + (_why_old(model, stranger, gave, parts) if shape[-1] == 4 else stranger.trap),
            )

    def _try_on_meta(self, replace_any, stranger, device):
        """The only second device that every computer has. Nothing can be compared there but where things are."""
        model, stopped = stranger.build().to("meta"), "Put one in there as anywhere: shapes are enough for that."
        old, image = model.get_submodule(stranger.head), torch.zeros(1, 3, 4, 4, device=device)
        kind = _kind(old)
        with left_as_found(model, f"{stranger.what}, on `meta`,", without=stranger.head), input_untouched(image=image):
            try:
                with tried_on(f"In {stranger.what}, on `meta`,"):
                    replace_any(model, 7, image)
            except RuntimeError as error:  # as an answer raises which, after its work, compares numbers: there are none
                stopped = _NO_NUMBERS.format(short(error))
            _require_same_kind(model, stranger, kind)
            require(
                dict(model.named_modules()).get(stranger.head) is not old,
                f"On a network on `meta`, with an image on `{device}`, your function put no new layer in. {stopped}",
            )


_NO_NUMBERS = (
    "It stopped with `{}`. There are shapes there and no numbers: compare which tensor it is (`output is logits`), and "
    "not its values."
)


def _require_same_kind(model: nn.Module, stranger: networks.Stranger, wanted: str) -> None:
    """The new layer has the dtype and the device of the old one, `wanted`."""
    new = dict(model.named_modules()).get(stranger.head, nn.Identity())
    kinds = {_kind(new)} - {wanted, ""}
    require(
        not kinds,
        f"The old head computes in {wanted}, and your new layer in {', '.join(kinds)}. Give it the dtype and the "
        "device of the old layer's weight, which may be others than those of the image.",
    )


def _kind(layer: nn.Module) -> str:
    return " and ".join(sorted(_kinds(layer)))


def _why_old(model: nn.Module, stranger: networks.Stranger, gave: object, parts: list[str]) -> str:
    """Why the old head may still be at work."""
    dotted = [name for part in model.modules() for name in part._modules if "." in name]
    if dotted:
        return (
            f"`setattr` takes no path: it made a new part with the name `{dotted[0]}`, dots and all, which never "
            "works. `set_submodule` takes a path."
        )
    if isinstance(gave, nn.Module) and gave is not model:
        return "You gave another network back and left this one as it was: change the model that you were given."
    return _never_works(model, parts).strip() or stranger.trap


class MlpHead(Exercise):
    number = "4.4"
    title = "a head of two layers"
    level = Level.WRITE
    minutes = 8
    hints = (
        "Two linear layers: from `width` to `hidden`, and from `hidden` to `classes`.",
        "Without an activation between them, two linear layers are one: put `nn.ReLU()` there.",
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
        made = TwoLayers(two_layers, width=60, classes=3, hidden=100, dropout=0.5)
        gives_logits(made)
        every_parameter_moves(made.head, made.features(60), torch.arange(60) ** 2 % 3)
        nothing_follows(made)
        bends_between(made)
        _require_same_twice(made.head.eval(), _DROPS_IN_EVAL)
        heads = {rate: TwoLayers(two_layers, width=100, classes=7, hidden=60, dropout=rate) for rate in (0.2, 0.8)}
        makes_up_for_it(*(drops_as_asked(head, rate) for rate, head in heads.items()))
        without = TwoLayers(two_layers, width=60, classes=3, hidden=100, dropout=0.0)
        _require_same_twice(without.head.train(), _DROPS_WITHOUT_RATE)
        return "It bends, it drops in training only, and cross-entropy gets logits."


def _require_same_twice(head: nn.Module, reason: str) -> None:
    features = torch.randn(8, 60)
    with torch.no_grad():
        same_function(head(features), head(features), reason)


_DROPS_IN_EVAL = (
    "In `eval()` mode two passes over the same features differ: dropout must stop there. `nn.Dropout` does that by "
    "itself; `nn.functional.dropout` needs `training=self.training`."
)
_DROPS_WITHOUT_RATE = (
    "With `dropout=0.0` two passes in `train()` mode differ. If your dropout is still at work, use the rate that was "
    "asked for; if the activation is a random one, such as `nn.RReLU`, take another."
)


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
        "mistake. Run the model on `images.clone()`, for a first layer may overwrite them, in `eval()` under "
        "`torch.no_grad()`. Note each module's mode before, as in 4.2, and give all of them back before you raise. A "
        "network may give a dict: ask `isinstance(logits, torch.Tensor)`.",
    )
    answer = """
def check_head(model, classes, images):
    if type(classes) is not int or classes < 1:
        raise ValueError(f"classes is a whole number from 1, not {classes!r}")
    modes = {module: module.training for module in model.modules()}
    model.eval()
    with torch.no_grad():
        logits = model(images.clone())
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
        for what, build in SOUND.items():
            for training in (True, False):
                self._passes(check_head, build().train(training), what)
        for classes in NO_NUMBERS_OF_CLASSES:
            self._refuses(check_head, networks.classifier().train(), f"`classes={classes!r}`", classes)
        self._refuses(check_head, _gives(lambda logits: logits[:, :0])(), "logits [5, 0], and `classes=0`", 0)
        for what, build in UNSOUND.items():
            self._refuses(check_head, build().train(), what)
        for whole, part in ((True, "0.1"), (False, "3")):  # BatchNorm at rest, and dropout at work
            self._passes(check_head, _mixed(4, whole, part), "a sound network with a part in another mode")
            self._refuses(check_head, _mixed(1000, whole, part), "a network with 1000 logits and mixed modes")
        self._passes(check_head, networks.classifier(1), "a sound network of one class, and one image", 1, n=1)
        return "Call it once before every training run. It costs one forward pass."

    def _passes(self, check_head, model, what, classes=4, n=5):
        images, advice = torch.randn(n, 3, 4, 4), {"images": A_COPY} if what == IN_PLACE else {}
        with left_as_found(model, what), input_untouched(advice, images=images):
            not_refused(lambda: check_head(model, classes, images), f"For {what}")

    def _refuses(self, check_head, model, what, classes=4):
        images = torch.randn(5, 3, 4, 4)
        with left_as_found(model, what), input_untouched(images=images):
            refusal(lambda: check_head(model, classes, images), f"For {what}")


def _sound(change: Callable[[nn.Module], object]) -> Callable[[], nn.Module]:
    """Builds a sound network and changes it; `model[0]` holds its BatchNorm, `model[4]` is its head."""

    def build() -> nn.Module:
        model = networks.classifier()
        change(model)
        return model

    return build


def _gives(made_of: Callable[[Tensor], object]) -> Callable[[], nn.Module]:
    return lambda: networks.Gives(networks.classifier(), made_of)


def _fixed(scales: float | list[float]) -> Callable[[], nn.Module]:
    """Builds a network of five rows, all positive, each of which sums to its scale."""
    rows = ROWS.abs() / 7 * torch.as_tensor(scales).expand(5)[:, None]
    return lambda: networks.Fixed(rows)


def _one_logit(bad: float) -> Callable[[], nn.Module]:
    broken = ROWS.clone()
    broken[2, 1] = bad
    return lambda: networks.Fixed(broken)


def _mixed(classes: int, whole: bool, part: str) -> nn.Module:
    """A network in one mode, and one part of it in the other."""
    model = networks.classifier(classes).train(whole)
    model.get_submodule(part).train(not whole)
    return model


ROWS = torch.tensor([[3.0, -1.0, -2.0, 1.0]]).repeat(5, 1)
NO_NUMBERS_OF_CLASSES = (0, -3, None, 4.0, True, "4")
IN_PLACE = "a sound network whose first layer works in place"
A_COPY = "This network's first layer writes into what it is given: pass it a copy, `images.clone()`."
SOUND = {
    "a sound network": networks.classifier,
    "a sound network with a frozen backbone": _sound(lambda model: model[0].requires_grad_(False)),
    "a sound network of which the last bias alone is frozen": _sound(lambda model: model[4].bias.requires_grad_(False)),
    "a network whose head is frozen and whose backbone learns": _sound(lambda model: model[4].requires_grad_(False)),
    "a sound network whose head starts with zeros": _sound(
        lambda model: [nn.init.zeros_(p) for p in model[4].parameters()]
    ),
    "a sound network with a softmax before its head": _sound(lambda model: model.insert(3, nn.Softmax(dim=1))),
    "a sound network with gradients in it": _sound(networks.with_gradients),
    "a network whose logits happen to sum to 1, some of them negative": lambda: networks.Fixed(ROWS.clone()),
    "a network whose logits sum to 1, one of them just below 0": lambda: networks.Fixed(
        torch.tensor([[0.625, -0.125, 0.25, 0.25]]).repeat(5, 1)
    ),
    "a network whose logits are all positive and sum to 7": _fixed(7.0),
    "a network of which the first row alone looks like probabilities": _fixed([1.0, 7.0, 7.0, 7.0, 7.0]),
    "a network of which the last row alone looks like probabilities": _fixed([7.0, 7.0, 7.0, 7.0, 1.0]),
    "a network whose rows are positive and sum to 0.5, 1.5, 1, 0.5, 1.5": _fixed([0.5, 1.5, 1.0, 0.5, 1.5]),
    IN_PLACE: lambda: nn.Sequential(nn.ReLU(inplace=True), networks.classifier()),
}
UNSOUND = {
    "a network that still gives 1000 logits": lambda: networks.classifier(1000),
    "a network that gives logits for each place, [5, 4, 2, 2]": lambda: nn.Conv2d(3, 4, 3),
    "a network that gives logits for each place, [5, 4, 4, 4]": lambda: nn.Conv2d(3, 4, 1),
    "a network that gives one row for all 5 images, [1, 4]": _gives(lambda logits: logits.mean(dim=0, keepdim=True)),
    "a network with a softmax at its end": lambda: networks.classifier(4, nn.Softmax(dim=1)),
    "a network that ends with the function `softmax`": _gives(lambda logits: logits.softmax(dim=1)),
    "a network whose softmax gives one 1 in each row, and zeros": lambda: networks.Fixed(torch.eye(4)[[0, 2, 1, 3, 3]]),
    "a network with one logit nan": _one_logit(float("nan")),
    "a network with one logit inf": _one_logit(float("inf")),
    "a network with one logit -inf": _one_logit(float("-inf")),
    "a network with every parameter frozen, also the head": _sound(lambda model: model.requires_grad_(False)),
    "a network that gives a dict": _gives(lambda logits: {"out": logits}),
    "a network that gives a tuple": _gives(lambda logits: (logits, logits)),
}

EXERCISES = Exercises(HeadsByHand, FindTheClassifier, ReplaceInAny, MlpHead, CheckTheHead)
