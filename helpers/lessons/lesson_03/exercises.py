"""Answer key of lesson 03: freeze the backbone."""

from __future__ import annotations

import functools

import torch
from torch import nn

from helpers.checking import networks
from helpers.checking.answers import a_tensor, close, exactly, not_refused, one_number, quoted, refusal, short
from helpers.checking.learning import step_moves_only, what_a_step_moves
from helpers.checking.passes import same_function
from helpers.checking.untouched import input_untouched, left_as_found
from helpers.course.exercise import Exercise, Exercises, Level
from helpers.course.verdicts import require
from helpers.models.freezing import eval_mode, moved, snapshot

LABELS = torch.arange(16) % 2


class SeeWhatMoved(Exercise):
    number = "3.1"
    title = "see what moved"
    level = Level.USE
    minutes = 5
    hints = (
        "`model.state_dict()` holds every parameter and every buffer under its name.",
        "The entries of a state dict share memory with the model. A copy that stays as it was needs `.clone()`.",
        "Build `before = {name: value.clone() ...}`, call `step()`, then keep the names where "
        "`torch.equal(before[name], now)` is False.",
    )
    answer = """
def what_moved(model, step):
    before = {name: value.clone() for name, value in model.state_dict().items()}
    step()
    return [name for name, value in model.state_dict().items() if not torch.equal(before[name], value)]
"""

    def examine(self, what_moved):
        for case, change in {
            "After a step that does nothing": lambda model: None,
            "After a step that adds 1 to a bias": lambda model: model[0][0].bias.add_(1),
            "After a step that swaps two weights (their sum stays)": _swap_weights,
            "After a step that lowers one number of a weight": lambda model: model[0][0].weight[2, 1, 0, 1].sub_(1),
            "After a step that moves a weight by a millionth": lambda model: model[0][1].weight.mul_(1 + 1e-6),
            "After a step that moves a frozen bias": lambda model: model[0][1].bias.add_(1),
            "After a forward pass in train() mode": lambda model: model(networks.images(8)),
        }.items():
            self._try(what_moved, change, case)
        return "Keep this function: it is how you prove what any training step did."

    def _try(self, what_moved, change, case):
        model, stepped = _backbone_of_whole_numbers(), []
        before = snapshot(model)

        def step():
            with torch.no_grad():
                change(model)
            stepped.append(snapshot(model))

        with left_as_found(model, but={"numbers"}):
            found = what_moved(model, step)
        require(len(stepped) == 1, f"`step()` must be called exactly once; here it was called {len(stepped)} times.")
        missing = functools.partial(_why_missed, found)
        exactly(found, moved(before, model), f"{case},", missing=missing, extra="It did not move.")
        require(not moved(stepped[0], model), "Your function itself moved numbers of the model: only look.")


def _backbone_of_whole_numbers() -> nn.Module:
    """A backbone whose weights add up to the same sum in any order, without rounding; one bias in it is frozen."""
    model = networks.backbone()
    model[0][1].bias.requires_grad_(False)
    with torch.no_grad():
        model[0][0].weight[::2], model[0][0].weight[1::2] = 1, 2
    return model


def _swap_weights(model: nn.Module) -> None:
    weight = model[0][0].weight
    weight[:2] = weight[:2].flip(0)


def _why_missed(found: object, missed: list[str]) -> str:
    copies = "Did you copy the values with `.clone()` before the step? " if not found else ""
    return copies + "Buffers such as BatchNorm's `running_mean` count too." * ("running" in str(missed))


class FreezeForReal(Exercise):
    number = "3.2"
    title = "freeze for real"
    level = Level.WRITE
    minutes = 6
    hints = (
        "Two things move in training: parameters, by gradients, and BatchNorm's statistics, by forward passes.",
        "`requires_grad_(False)` on a module reaches every parameter in it.",
        "BatchNorm updates its statistics only in `train()` mode. `model.eval()` reaches every layer in it.",
    )
    answer = """
def freeze_for_real(model):
    for parameter in model.parameters():
        parameter.requires_grad = False
    model.eval()
"""

    def examine(self, freeze_for_real):
        for with_what, build in _TO_FREEZE.items():
            backbone, images = build(), networks.images(5)
            expected = backbone.eval()(images)
            with left_as_found(backbone.train(), but={"numbers", "flags", "modes", "settings", "hooks"}):
                said = freeze_for_real(backbone)
            as_it_came = backbone.training and all(p.requires_grad for p in backbone.parameters())
            require(not (as_it_came and said is not backbone and isinstance(said, nn.Module)), _A_COPY)
            same_function(backbone(images), backbone(images), _AT_RANDOM)
            together, by_two = backbone(images), backbone(images[:2])
            same_function(by_two, together[:2], _BATCH_STATISTICS_IN_USE)
            same_function(together, expected, _FEATURES_CHANGED)
            head = nn.Linear(6, 2)
            case = f"In a network {with_what},"
            batch = {"images": networks.images(16), "labels": LABELS}
            step_moves_only(head, of=nn.Sequential(backbone, head), frozen=backbone, **batch, case=case)
        return "One real training step with weight decay moved no parameter and no statistic of the backbone."


_TO_FREEZE = {
    "without BatchNorm": functools.partial(networks.backbone, batch_norm=False),
    "with BatchNorm": networks.backbone,
    "with dropout, BatchNorm2d and BatchNorm1d": networks.backbone_of_two_norms,
}
_A_COPY = (
    "You gave back a network, and the one that was passed is as it came: freeze that one itself, in place. A deep copy "
    "shares nothing with it."
)
_AT_RANDOM = (
    "Asked twice about the same images, your frozen network gives other features each time: its dropout is still at "
    "work. `eval()` reaches every kind of layer."
)
_BATCH_STATISTICS_IN_USE = (
    "What your frozen network says about an image depends on the other images of its batch: BatchNorm still uses the "
    "batch's own statistics. Put it into `eval()` mode."
)
_FEATURES_CHANGED = (
    "Frozen, the network no longer gives the features that it gave before in `eval()` mode. Freezing must not change "
    "what it computes."
)


class StayFrozen(Exercise):
    number = "3.3"
    title = "stay frozen"
    level = Level.WRITE
    minutes = 10
    hints = (
        "A training loop calls `model.train()` each epoch, and that call reaches every layer, the frozen ones too.",
        "Your class can define its own `train(self, mode=True)`.",
        "In `train`, call `super().train(mode)`, then `self.backbone.eval()`, then return `self`.",
    )
    answer = """
class Frozen(nn.Module):
    def __init__(self, backbone):
        super().__init__()
        self.backbone = backbone
        self.backbone.requires_grad_(False)
        self.backbone.eval()

    def train(self, mode=True):
        super().train(mode)
        self.backbone.eval()
        return self

    def forward(self, images):
        return self.backbone(images)
"""

    def examine(self, Frozen):
        a_class = isinstance(Frozen, type) and issubclass(Frozen, nn.Module)
        require(a_class, "Pass a class that inherits from nn.Module, not an object of it, nor a function.")
        backbone, images, head = networks.backbone_of_two_norms(), networks.images(4), nn.Linear(6, 2)
        expected = backbone.eval()(images)
        frozen = Frozen(backbone.train())
        held = any(p is backbone[0][0].weight for p in frozen.parameters())
        require(held, _A_COPY_INSIDE if list(frozen.parameters()) else _NOT_A_PART)
        features = a_tensor(frozen(images), [4, 6], "From `forward`,", of="features")
        require(not features.is_inference(), _INFERENCE)
        same_function(features, expected, _BEFORE_TRAIN)
        itself = frozen.train() is frozen and frozen.eval() is frozen
        require(itself, "`train()` and `eval()` must return the module itself, as PyTorch's own do.")
        for _ in range(2):
            model = nn.Sequential(frozen, head).train()
            batch = {"images": networks.images(16), "labels": LABELS, "case": "After `model.train()`"}
            step_moves_only(head, of=model, frozen=backbone, **batch, advice=_TRAIN_NOT_OVERRIDDEN)
            model.eval()
        same_function(
            frozen.train()(images), expected, f"After `train()`, the features are others. {_TRAIN_NOT_OVERRIDDEN}"
        )
        return "Whatever a training loop calls, this backbone stays where it is."


_NOT_A_PART = (
    "The backbone is not a part of your module: `.to(device)` and `state_dict()` would miss it. Keep it as "
    "`self.backbone = backbone`."
)
_A_COPY_INSIDE = (
    "Your module holds other parameters than those of the backbone that was passed, as a deep copy has them: keep that "
    "backbone itself."
)
_INFERENCE = (
    "The features were made in `inference_mode`, and no head can be trained on such a tensor: "
    "`torch.no_grad()` in `forward` is allowed, and not needed."
)
_BEFORE_TRAIN = (
    "Before any call of `train()`, `forward` does not give the features that the backbone gives in `eval()` mode. It "
    "may arrive in `train()` mode: put it into `eval()` as soon as you hold it, and change nothing that it gives."
)
_TRAIN_NOT_OVERRIDDEN = (
    "`train()` put the backbone back into training mode: override `train` so that it stays in `eval()`."
)


class ExtractFeatures(Exercise):
    number = "3.4"
    title = "compute the features once"
    level = Level.WRITE
    minutes = 8
    hints = (
        "Note each layer's own mode before `eval()`: `modes = [(layer, layer.training) for layer in "
        "backbone.modules()]`.",
        "Collect the features and the labels of each batch in two lists, inside `with torch.no_grad():`. `torch.cat` "
        "joins a list of batches, also when the last one is smaller.",
        "At the end, `for layer, training in modes: layer.training = training`. `backbone.train(True)` would put a "
        "frozen BatchNorm into `train()` mode, too.",
    )
    answer = """
def extract(backbone, batches):
    modes = [(layer, layer.training) for layer in backbone.modules()]
    backbone.eval()
    features, labels = [], []
    with torch.no_grad():
        for images, batch_labels in batches:
            features.append(backbone(images))
            labels.append(batch_labels)
    for layer, training in modes:
        layer.training = training
    return torch.cat(features), torch.cat(labels)
"""

    def examine(self, extract):
        for arrives, prepare, size in (
            ("in `train()` mode", lambda model: model.train(), 4),
            ("in `eval()` mode", lambda model: model.eval(), 10),
            ("in `train()` mode with a frozen BatchNorm (`0.1`)", lambda model: model.train()[0][1].eval(), 3),
            ("in `eval()` mode with its dropout (`3`) in `train()` mode", lambda model: model.eval()[3].train(), 4),
        ):
            model = networks.backbone(dropout=0.5)
            prepare(model)
            self._try(extract, model, arrives, size)
        return "Ten images in uneven batches, or in one, gave the features of `eval()` mode; each layer is as it was."

    def _try(self, extract, model, arrives, size):
        images, labels = networks.images(10), torch.tensor([3, 0, 2, 3, 1, 0, 2, 1, 3, 0])
        with eval_mode(model), torch.no_grad():
            expected = model(images)
        batches = list(zip(images.split(size), labels.split(size), strict=True))
        case = f"From batches of {', '.join(str(len(given)) for _, given in batches)} images,"
        with left_as_found(model), input_untouched(batches=batches):
            said = extract(model, batches)
        require(isinstance(said, tuple | list) and len(said) == 2, "Return two tensors: the features, and the labels.")
        features = a_tensor(said[0], [10, 6], case, of="features", why=_LAST_BATCH)
        require(not features.requires_grad, "The features carry a gradient graph: extract under `torch.no_grad()`.")
        same_function(features, expected, f"A network came {arrives}, and these are not its features in `eval()` mode.")
        found = a_tensor(said[1], [10], case, of="labels")
        require(not found.is_floating_point(), "Your labels are fractions: `cross_entropy` takes whole numbers.")
        require(found.tolist() == labels.tolist(), "The labels are not those of the features, in the same order.")


_LAST_BATCH = "Is the last, smaller batch there?"


class TrustedAccuracy(Exercise):
    number = "3.5"
    title = "an accuracy that you can trust"
    level = Level.EDGE
    minutes = 8
    hints = (
        "Three things go wrong in silence: no images, labels of shape [n, 1], and rows of NaN.",
        "`logits.argmax(dim=1)` calls a NaN the largest entry. `logits.isnan().any(dim=1)` finds such rows.",
        "Raise `ValueError` where `labels.shape != logits.shape[:1]`, and where `len(labels) == 0`.",
    )
    answer = """
def trusted_accuracy(logits, labels):
    if len(labels) == 0:
        raise ValueError("no images, no accuracy")
    if labels.shape != logits.shape[:1]:
        raise ValueError(f"one label an image, please: {tuple(labels.shape)} for {tuple(logits.shape)}")
    right = logits.argmax(dim=1) == labels
    broken = logits.isnan().any(dim=1)
    return (right & ~broken).float().mean().item()
"""

    def examine(self, trusted_accuracy):
        for case, (logits, labels, expected) in _VALID.items():
            given = logits.clone(), labels.clone()  # what an answer does to them ends with it
            with input_untouched(logits=given[0], labels=given[1]):
                said = not_refused(functools.partial(trusted_accuracy, *given), f"{case},")
            found = one_number(said, f"{case}, return one number, not {short(said)}.")
            require(close(found, expected), f"{case}, the accuracy is {expected:.6g}; yours is {found:.6g}.")
        for case, (logits, labels) in _NOT_VALID.items():
            refusal(functools.partial(trusted_accuracy, logits.clone(), labels.clone()), f"For {case}")
        return "Right on one image, honest about NaN, and it refuses what it cannot measure."


LOGITS = torch.tensor([[2.0, 1.0, 0.0], [0.0, 3.0, 1.0], [1.0, 0.0, 5.0], [4.0, 0.0, 0.0]])
ANSWERS = torch.tensor([0, 1, 2, 1])


def _with(value: float, row: int, place: int | slice) -> tuple[torch.Tensor, torch.Tensor]:
    """`LOGITS` with this value there, and `ANSWERS`."""
    logits = LOGITS.clone()
    logits[row, place] = value
    return logits, ANSWERS


# Each with its accuracy. `argmax` calls a NaN the largest, and the first of several.
_VALID = {
    "With four images, three of them right": (LOGITS, ANSWERS, 3 / 4),
    "With three images, two of them right": (LOGITS[1:], ANSWERS[1:], 2 / 3),
    "With one image, which is right": (LOGITS[:1], ANSWERS[:1], 1.0),
    "With a NaN at the label of one of three right rows": (*_with(float("nan"), 1, 1), 2 / 4),
    "With a NaN beside the label of one of three right rows": (*_with(float("nan"), 0, 2), 2 / 4),
    "With a NaN in the last place of one of three right rows": (*_with(float("nan"), 2, 2), 2 / 4),
    "With nothing but NaN in one of three right rows": (*_with(float("nan"), 0, slice(None)), 2 / 4),
    "With `-inf`, which is no NaN, for a wrong class of a right row": (*_with(-float("inf"), 0, 2), 3 / 4),
}
_NOT_VALID = {
    "four rows of logits and two labels": (LOGITS, ANSWERS[:2]),
    "four rows of logits and one label (it broadcasts to all)": (LOGITS, ANSWERS[:1]),
    "two rows of logits and four labels": (LOGITS[:2], ANSWERS),
    "labels of shape [4, 1] (they broadcast to a 4 x 4 table)": (LOGITS, ANSWERS[:, None]),
    "labels of shape [1, 4] (they broadcast, too)": (LOGITS, ANSWERS[None]),
    "an empty batch (it has no accuracy: 0 / 0)": (LOGITS[:0], ANSWERS[:0]),
}


class FreezeAllBut(Exercise):
    number = "3.6"
    title = "freeze all but a part"
    level = Level.EDGE
    minutes = 8
    hints = (
        "First freeze everything, as in exercise 3.2. Then let the named parts learn again.",
        "`model.get_submodule(name)` finds a part however deep it is: `layer4`, or `layer4.1.conv2`.",
        "A part that learns needs two things back: `requires_grad_(True)` for its parameters, and `train()` for its "
        "BatchNorm statistics.",
    )
    answer = """
def freeze_all_but(model, parts):
    model.requires_grad_(False)
    model.eval()
    for name in parts:
        model.get_submodule(name).requires_grad_(True).train()
"""

    def examine(self, freeze_all_but):
        for build, names in _TO_FREEZE_IN_PART:
            model, parts, case = build(), list(names), f"With {quoted(names)} left to learn,"
            with left_as_found(model, but={"flags", "modes"}), input_untouched(parts=parts):
                freeze_all_but(model, parts)
            found = what_a_step_moves(model, networks.images(16, side=12), LABELS)
            wanted = [name for name in model.state_dict() if name.startswith(tuple(f"{part}." for part in parts))]
            still = [name for name in wanted if name not in found]
            require(not still, f"{case} one training step did not move {quoted(still)}. {_SOMETHING_STILL_FROZEN}")
            others = [name for name in found if name not in wanted]
            require(not others, f"{case} one training step moved {quoted(others)} as well. {_SOMETHING_ELSE_LEARNS}")
        return "One step moved every number of the parts that you named, BatchNorm's statistics too, and nothing else."


def _frozen_resnet() -> nn.Module:
    """As somebody leaves it who froze it all: what learns has to be switched on."""
    return networks.SmallResNet().requires_grad_(False).eval()


_TO_FREEZE_IN_PART = (
    (networks.SmallResNet, ("fc",)),
    (networks.SmallResNet, ("layer10", "fc")),
    (networks.SmallResNet, ("layer1",)),
    (networks.SmallResNet, ("layer1.0.bn1", "fc")),
    (networks.SmallResNet, ("bn1", "fc")),  # "layer1.0.bn1" ends so, too
    (_frozen_resnet, ("layer10", "fc")),
    (networks.backbone_of_two_norms, ("4",)),  # its BatchNorm2d and BatchNorm1d rest
    (networks.backbone_of_two_norms, ("5",)),
)
_SOMETHING_STILL_FROZEN = "What learns needs `requires_grad` and, for BatchNorm's statistics, `train()` mode."
_SOMETHING_ELSE_LEARNS = (
    "Freeze first, parameters and modes, and then let the named parts learn: `layer1` is not `layer10`."
)


EXERCISES = Exercises(SeeWhatMoved, FreezeForReal, StayFrozen, ExtractFeatures, TrustedAccuracy, FreezeAllBut)
