"""What a head of two layers does, proved by gradients: no layer of a known class is needed for that.

The gradient of a logit by the second layer's weights is what that layer took in. By the first layer's weights it is a
table: what came back to each hidden number, times each feature that went in. So where dropout took a hidden number away
a row is 0, and where it took a feature, a column.
"""

from __future__ import annotations

import contextlib
import itertools
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn.utils import parametrize

from helpers.checking.answers import a_tensor, is_a, short
from helpers.checking.passes import as_in_training, same_function
from helpers.checking.untouched import input_untouched
from helpers.course.verdicts import Incorrect, require, tried_on
from helpers.errors import first_line

# The head and its two matrices ---------------------------------------------------------------------


@dataclass(frozen=True)
class Matrix:
    """One layer's weights as [outputs, inputs], whichever way round the parameter holds them."""

    parameter: nn.Parameter
    shape: tuple[int, int]

    def _upright(self, values: Tensor) -> Tensor:
        return values.squeeze() if tuple(values.squeeze().shape) == self.shape else values.squeeze().T

    def fill(self, values: Tensor) -> None:
        self._upright(self.parameter.detach()).copy_(values)

    def gradient(self, logit: Tensor) -> Tensor:
        return self._upright(torch.autograd.grad(logit, self.parameter, retain_graph=True)[0])


class TwoLayers:
    """A learner's head, and the weights of its first and its last layer, as numbers that can be written to."""

    def __init__(self, two_layers: Callable[..., object], width: int, classes: int, hidden: int, dropout: float):
        with tried_on(f"For `two_layers({width}, {classes}, {hidden}, {dropout})`,"):
            self.head = two_layers(width, classes, hidden, dropout)
        self.width, self.classes, self.hidden = width, classes, hidden
        require(is_a(self.head, nn.Module), f"Return the head, an `nn.Module`, not {short(self.head)}.")
        try:
            with torch.no_grad():
                self.head.eval()(self.features(2))  # a lazy layer has its shape only after a first pass
        except (RuntimeError, ValueError, TypeError) as error:
            raise Incorrect(f"Your head does not take features [2, {width}] ({first_line(error)}).") from None
        _without_norms_of_weights(self.head)
        self.first = self._matrix((hidden, width), f"width {width} to hidden {hidden}")
        self.last = self._matrix((classes, hidden), f"hidden {hidden} to {classes} classes")

    def _matrix(self, shape: tuple[int, int], which: str) -> Matrix:
        matrices = [p for p in self.head.parameters() if sum(side > 1 for side in p.shape) > 1]
        shapes = f"the shapes of your parameters are {[list(p.shape) for p in self.head.parameters()]}"
        fitting = [p for p in matrices if tuple(p.squeeze().shape) in (shape, shape[::-1])]
        require(fitting, f"No layer goes from {which}: {shapes}.")
        count = len(matrices)
        require(count == 2, f"A head of two layers has 2 matrices, and yours has {count}: {shapes}.")
        return Matrix(fitting[0], shape)

    def features(self, n: int) -> Tensor:
        return torch.randn(n, self.width)


def _without_norms_of_weights(head: nn.Module) -> None:
    """Weights that weight_norm and spectral_norm compute from others become parameters of their own."""
    for layer in list(head.modules()):
        for name in list(getattr(layer, "parametrizations", ())):
            parametrize.remove_parametrizations(layer, name)
        for remove in (nn.utils.remove_weight_norm, nn.utils.remove_spectral_norm):  # of the older kind
            with contextlib.suppress(ValueError):  # there is none to remove
                remove(layer)


# What is proved ------------------------------------------------------------------------------------

MODES = (nn.Module.eval, as_in_training)


def gives_logits(made: TwoLayers) -> None:
    """In `train()` mode features [n, width] become logits [n, classes] of the same dtype, and stay as they are."""
    features = made.features(60)
    with torch.no_grad(), input_untouched(features=features):
        logits = made.head.train()(features)
    a_tensor(logits, [60, made.classes], "For 60 rows of features", of="logits")
    require(logits.dtype == features.dtype, f"From features of {features.dtype} your head makes {logits.dtype}.")


def nothing_follows(made: TwoLayers) -> None:
    """Each logit follows its own row of the last weights, every row in the same way, and its own bias one to one.

    And nothing goes around them: where the last weights are 0, all images get the same logits.

    Not seen: a factor behind a layer without a bias, since larger weights would do the same, and a constant.
    """
    made.last.fill(torch.zeros(made.last.shape))
    with torch.no_grad():
        logits = made.head.eval()(made.features(8))
    same_function(logits, logits[:1].expand_as(logits), _AROUND)
    for mode, size in itertools.product(MODES, (1, 100)):  # at 100 a limit shows
        made.last.fill(size * torch.randn(made.last.shape))
        logits = mode(made.head)(made.features(8))
        gradients = torch.stack([made.last.gradient(logit) for logit in logits.flatten()]).unflatten(0, logits.shape)
        taken = gradients[:, 0, 0]  # [n, hidden]: what the last layer took in, as the first class has it
        require(taken.any(), _follows(logits))
        same_function(gradients, torch.einsum("ab,nh->nabh", torch.eye(made.classes), taken), _follows(logits))
        for name, bias in made.head.named_parameters():
            if bias.numel() == made.classes:
                more = torch.autograd.grad(logits[0, 0], bias, retain_graph=True)[0].flatten()[0].item()
                require(abs(more - 1) < 1e-3, _SCALED.format(name, more))


def _follows(logits: Tensor) -> str:
    """What comes after the last layer, told by what it makes of the logits."""
    ones = torch.ones(len(logits))
    if logits.min() >= 0 and torch.allclose(logits.sum(dim=1), ones, atol=1e-4):
        return _SOFTMAX
    if torch.allclose(logits.exp().sum(dim=1), ones, atol=1e-4):
        return _LOG_SOFTMAX
    return _CUT if (logits == 0).any() else _OTHERWISE


_SOFTMAX = (
    "Every row is positive and sums to 1: there is a softmax at the end. `cross_entropy` applies it itself, and wants "
    "logits."
)
_LOG_SOFTMAX = "The exponentials of every row sum to 1: there is a log_softmax at the end. Leave it to `cross_entropy`."
_CUT = (
    "Some of your logits are exactly 0: after the last linear layer a ReLU cuts off one sign, or dropout drops whole "
    "answers. Put it before: a logit may be any number."
)
_AROUND = (
    "With zeros for weights in the last linear layer, different features still get different logits: something goes "
    "around that layer, such as features that are added to the logits. Its outputs are the logits."
)
_OTHERWISE = (
    "Something after the last linear layer bends, scales or mixes the logits (an activation, a norm, a mean that is "
    "taken off). Nothing comes after it, and its weights are plain parameters, as those of `nn.Linear`."
)
_SCALED = (
    "With 1 more in `{}` the logits should be 1 more, and they are {:.2f} more: something after the last linear layer "
    "scales or shifts them. Nothing comes after it."
)


def bends_between(made: TwoLayers) -> None:
    """What the last layer takes in leaves the few dimensions that the first weights stay in: an activation bends it.

    The first weights are mixtures of two. Without an activation the hidden numbers lie in three dimensions, the bias
    being the third; a norm makes them longer or shorter, and its own bias is the fourth.
    """
    features, taken = made.features(1), []
    two = 5 * torch.randn(2, *made.first.shape) / made.width**0.5  # hidden numbers up to 15
    for parts in torch.randn(12, 2):
        made.first.fill(torch.einsum("p,phw->hw", parts, two))
        taken.append(made.last.gradient(made.head.eval()(features)[0, 0])[0])
    lengths = torch.linalg.svdvals(torch.stack(taken).double())
    require(
        lengths[4] > 1e-4 * lengths[0],
        "No activation stands between the first linear layer and the second, so they are one linear layer in disguise. "
        "Put an activation such as `nn.ReLU()` there; a norm is none.",
    )


def drops_as_asked(made: TwoLayers, dropout: float) -> float:
    """In `train()` mode the share `dropout` is taken before the first layer, between the two, or in both places.

    Each number is drawn alone, anew in each pass, and those that are left are made larger. By how much is the head's
    affair, since AlphaDropout has a factor of its own; it is given back, for the median number. Not seen: a place that
    makes nothing larger where the other one does.
    """
    at_rest, at_work = _ways(made)
    between = at_work.any(dim=2)
    before = at_work.any(dim=1)[between.any(dim=1)]
    alive = at_rest.any(dim=2).all(dim=0)  # an activation may be flat
    places = {"between the two layers": between[:, alive], "before the first layer": before}
    dropping = {place: kept for place, kept in places.items() if not kept.all()}
    require(dropping, f"With `dropout={dropout}` every number gets through in `train()` mode: no dropout is at work.")
    for place, kept in dropping.items():
        for axis, at_once in ((1, "all numbers of an image"), (0, "the same numbers of all images")):
            alike = (kept == kept.narrow(axis, 0, 1)).all()
            require(not alike, f"Your dropout takes {at_once} away at once. `nn.Dropout` draws for each alone.")
        share, asked = kept.float().mean().item(), 1 - dropout
        cure = _TWICE if abs(share - asked**2) < 0.05 else "Give the rate that was asked for to `nn.Dropout`."
        gets = f"{share:.0%} of the numbers get through {place} in `train()` mode, where {asked:.0%} should."
        require(abs(share - asked) < 0.05, f"With `dropout={dropout}`, {gets} {cure}")
    features = made.features(8)
    with torch.no_grad():
        passes = [as_in_training(made.head)(features) for _ in range(2)]
    require(not torch.equal(*passes), _THE_SAME_AGAIN)
    both = (at_rest != 0) & (at_work != 0)
    require(not torch.allclose(at_work[both], at_rest[both], rtol=1e-2), _AS_LARGE)
    return (at_work[both] / at_rest[both]).median().item()


def makes_up_for_it(by_little: float, by_much: float) -> None:
    """The more dropout takes, the larger it makes the rest, against `eval()` mode."""
    require(
        by_little < by_much,
        "The more your dropout takes, the smaller is what it leaves, against `eval()` mode. The rest makes up for what "
        "is taken: it is divided by `1 - dropout`, as `nn.Dropout` does.",
    )


_TWICE = "Dropout is at work there twice, one after the other, and once in each place is enough."
_THE_SAME_AGAIN = (
    "Two passes in `train()` mode drop the very same numbers: draw anew in each pass, and set no seed on the way."
)
_AS_LARGE = (
    "The numbers that dropout leaves are as large in `train()` mode as in `eval()`. It makes them larger to match, "
    "divided by `1 - dropout`, so that the next layer gets as much as before: `nn.Dropout` does that."
)


def _ways(made: TwoLayers) -> list[Tensor]:
    """Of 60 rows, the ways from each feature through each hidden number: [60, hidden, width], in each of `MODES`.

    A way is what the last layer took in, times what came back: 0 on whichever side of a norm dropout stood. The first
    weights are so small that no activation heeds what is dropped. Biases are so large that hardly one is flat; where
    dropout makes them larger still, before an activation with a limit, smaller ones are taken.
    """
    for bias in (0.5, 0.15):
        ways = _ways_with(made, bias)
        if all(one.any() for one in ways):
            break
    return ways


def _ways_with(made: TwoLayers, bias: float) -> list[Tensor]:
    for vector in made.head.parameters():
        if vector.numel() == made.hidden:
            vector.detach().fill_(bias)
    sign = torch.randn(made.width).sign()  # makes each product positive, also behind a norm of the features
    made.first.fill(1e-5 * sign * (0.5 + torch.rand(made.hidden, 1)))
    made.last.fill(torch.randn(made.last.shape))
    features = sign * (1 + 0.2 * torch.rand(60, made.width))
    passes = (mode(made.head)(features)[:, 0] for mode in MODES)
    return [torch.stack([made.last.gradient(one)[0, :, None] * made.first.gradient(one) for one in p]) for p in passes]
