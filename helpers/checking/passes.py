"""What went through a network: what a layer took and gave, and whether two passes are the same function."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from helpers.checking.answers import is_a, opening, plain, short
from helpers.course.verdicts import Incorrect, require
from helpers.errors import capital, first_line
from helpers.models.freezing import eval_mode

# In a pass "as in training" these stand still, so that two passes can be compared.
BATCH_NORMS = nn.modules.batchnorm._BatchNorm


def same_function(found: object, expected: Tensor, reason: str, *, off: float = 1e-5) -> None:
    """`found` holds the numbers `expected`, each to within `off`; else `reason`.

    Two kinds of float are compared in the kind of `found`; whole numbers are no answer where fractions are expected.
    One input at a time: it is the caller who proves something about a function by the inputs that he chooses.
    """
    found, expected = plain(found), expected.detach()
    fits = is_a(found, Tensor) and found.shape == expected.shape
    require(fits and found.is_floating_point() == expected.is_floating_point(), reason)
    require(torch.allclose(found.detach(), expected.to(found.dtype), atol=off, rtol=1e-5), reason)


def logits_of(model: nn.Module, images: Tensor, who: str, advice: str = "") -> Tensor:
    """What `model` gives for the images in `eval()` mode; a network that cannot take them is told in words."""
    with eval_mode(model), torch.no_grad():
        try:
            output = model(images)
        except (RuntimeError, ValueError, TypeError) as error:
            reason = f"{capital(who)} no longer takes an image ({first_line(error)}). {advice}"
            raise Incorrect(reason.strip()) from None
    require(isinstance(output, Tensor), f"{capital(who)} gives {short(output)} and no tensor of logits.")
    return output


# Calls of a network --------------------------------------------------------------------------------


@dataclass(frozen=True)
class Call:
    """One call of a network: the shape of its input, the layers in `train()` mode, and whether gradients were on."""

    shape: tuple[int, ...]
    training: tuple[str, ...]
    gradients_on: bool


class Watched(nn.Sequential):
    """A `Sequential` that notes its calls in `calls`, whichever way it is called, and whichever copy of it."""

    def __init__(self, *layers: nn.Module):
        super().__init__(*layers)
        self.calls: list[Call] = SharedByCopies()

    def forward(self, images: Tensor) -> Tensor:
        self.note(images)
        return super().forward(images)

    def note(self, images: Tensor) -> None:
        """Write down that the network is called with these images now."""
        training = tuple(name for name, layer in self.named_modules() if layer.training)
        self.calls.append(Call(tuple(images.shape), training, torch.is_grad_enabled()))


class SharedByCopies(list):
    """A list that all copies of its network write into: a learner may call a copy."""

    def __deepcopy__(self, memo: dict) -> SharedByCopies:
        return self


def called_in_eval_mode(calls: Sequence[Call], case: str) -> None:
    """The network was called, each time in `eval()` mode in every layer."""
    require(len(calls), f"{opening(case)} the network was not called once.")
    in_train_mode = [call for call in calls if call.training]
    require(
        not in_train_mode,
        f"{opening(case)} the network ran in `train()` mode, in which dropout and BatchNorm act as in training. "
        "`model.eval()` comes before the prediction.",
    )


def called_for_prediction(
    calls: Sequence[Call], case: str, *, under: str = "`torch.inference_mode()` or `torch.no_grad()`"
) -> None:
    """The network was called, each time in `eval()` mode in every layer, and without gradients being recorded.

    To take the gradients off what comes out, with `detach()`, is too late: the pass has kept them in memory. `under`
    names the cure: where something is to be trained on what comes out, `inference_mode` is none.
    """
    called_in_eval_mode(calls, case)
    require(
        not any(call.gradients_on for call in calls),
        f"{opening(case)} gradients were recorded during the pass: every prediction then keeps the whole computation "
        f"in memory. Call the model inside {under}; `detach()` afterwards is too late.",
    )


# The layer that gives the logits -------------------------------------------------------------------


@dataclass(frozen=True)
class Pass:
    """One forward pass, as the linear layer that worked last saw it."""

    layer: nn.Linear
    taken: Tensor
    given: Tensor
    logits: Tensor


def both_passes(model: nn.Module, images: Tensor) -> tuple[Pass, Pass]:
    """One pass in `eval()` mode, and one as in training, in which BatchNorm's statistics stand still."""
    with eval_mode(model):
        at_rest = _pass(model, images)
        return at_rest, _pass(as_in_training(model), images)


def as_in_training(model: nn.Module) -> nn.Module:
    """`model`, put into `train()` mode but for its BatchNorm: dropout is at work, and no image heeds its neighbours."""
    for module in model.modules():
        module.training = not isinstance(module, BATCH_NORMS)
    return model


def _pass(model: nn.Module, images: Tensor) -> Pass:
    """A pass in the network's own mode, with the same random numbers each time."""
    worked: list[tuple[nn.Linear, Tensor]] = []
    handles = [
        layer.register_forward_pre_hook(lambda layer, inputs: worked.append((layer, inputs[0].clone())))
        for layer in model.modules()
        if isinstance(layer, nn.Linear)
    ]
    try:
        with torch.random.fork_rng(devices=[]), torch.no_grad():  # or an answer's layer gets an earlier one's numbers
            torch.default_generator.manual_seed(4)
            logits = model(images)
    finally:
        for handle in handles:
            handle.remove()
    require(worked, "No linear layer works in the network any more.")
    layer, taken = worked[-1]
    with torch.no_grad():
        given = nn.functional.linear(taken, layer.weight, layer.bias)  # a class of the learner's own may add to that
    return Pass(layer, taken, given, logits)


def only_the_head_is_new(before: tuple[Pass, Pass], after: tuple[Pass, Pass], what: str) -> None:
    """A fresh, trainable layer takes what the old one took, in both modes, and what it gives are the logits.

    Not seen: a layer before the head that changes nothing about these images, such as a second ReLU.
    """
    require(
        after[0].layer is not before[0].layer,
        f"In {what} the old layer still gives the logits. Put a new `nn.Linear` in its place.",
    )
    same_function(
        after[0].taken,
        before[0].taken,
        f"In {what}, what goes into the last layer is not what went into it before. A layer that stood before the "
        "head is gone, or one was added: replace the last linear layer alone.",
        off=1e-6,
    )
    nothing_follows(after, what)
    same_function(
        after[1].taken,
        before[1].taken,
        f"In training, what goes into the last layer of {what} is not what went into it before: a dropout is gone, "
        "has another rate or was added. Keep all that stands before that layer.",
        off=1e-6,
    )
    _require_fresh(before[0].layer, after[0].layer, what)


def nothing_follows(passes: Sequence[Pass], what: str) -> None:
    """In each pass, what the last linear layer gave are the logits."""
    for one in passes:
        same_function(
            one.logits,
            one.given,
            f"In {what} something comes after the new linear layer and changes what it gives. Nothing may: its outputs "
            "are the logits, without a softmax and without dropout.",
            off=1e-6,
        )


def _require_fresh(old: nn.Linear, new: nn.Linear, what: str) -> None:
    require(
        all(p.requires_grad for p in new.parameters()),
        f"The new head of {what} is frozen, so it cannot learn: new parameters must be trainable.",
    )
    require(
        not any(p.is_inference() for p in new.parameters()),
        f"The new head of {what} was made in `inference_mode`, and no optimizer can change what was made there. Use "
        "`torch.no_grad()`, or make the layer outside.",
    )
    from_the_old = (new.weight[:, None] == old.weight.to(new.weight)).all(dim=2) & new.weight.any(dim=1, keepdim=True)
    require(
        not from_the_old.any(),  # whichever row stands where
        f"The new head of {what} holds numbers of the old one, which stand for other classes: make a fresh layer.",
    )
