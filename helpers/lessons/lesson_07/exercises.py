"""Answer key of lesson 07: LoRA."""

from __future__ import annotations

import copy
from collections.abc import Callable
from functools import partial

import torch
from torch import Tensor, nn

from helpers.checking import networks
from helpers.checking.answers import exactly, is_a, not_refused, opening, plain, quoted, refusal, short
from helpers.checking.learning import train_one_step
from helpers.checking.passes import logits_of, same_function
from helpers.checking.untouched import input_untouched, left_as_found
from helpers.course.exercise import Exercise, Exercises, Level
from helpers.course.verdicts import require, tried_on
from helpers.models.freezing import moved, snapshot
from helpers.models.lora import LoRA, attach


def _tried(case: str, answer: Callable, *given: object) -> object:
    """What the answer makes of what it is given; an exception in it is shown with the `case`."""
    with tried_on(opening(case)):
        return answer(*given)


def _trainable(model: nn.Module) -> dict[str, nn.Parameter]:
    return {name: parameter for name, parameter in model.named_parameters() if parameter.requires_grad}


def _numbers(parameters: dict[str, nn.Parameter]) -> int:
    return sum(parameter.numel() for parameter in parameters.values())


@torch.no_grad()
def _filled(model: nn.Module, value: float | None = None) -> nn.Module:
    """`model` with `value` in each trainable number, or with random ones: as after training."""
    for parameter in _trainable(model).values():
        parameter.copy_(torch.randn_like(parameter) if value is None else torch.full_like(parameter, value))
    return model


class LowRankUpdate(Exercise):
    number = "7.1"
    title = "a layer with a low-rank update"
    level = Level.WRITE
    minutes = 10
    hints = (
        "Write a class that inherits from `nn.Module` and keeps `layer`, two small matrices and the scale. Return one.",
        "`nn.Linear(layer.in_features, rank, bias=False)` holds `A`, and `nn.Linear(rank, layer.out_features, "
        "bias=False)` holds `B`. `nn.init.zeros_` makes the second one zero.",
        "In `forward` return `self.layer(x) + self.scale * self.up(self.down(x))`, with `scale = alpha / rank`. Freeze "
        "the layer with `requires_grad_(False)`, and raise `ValueError` first where `rank < 1`.",
    )
    answer = """
class WithUpdate(nn.Module):
    def __init__(self, layer, rank, alpha):
        super().__init__()
        if rank < 1:
            raise ValueError(f"a rank is at least 1, not {rank}")
        self.layer = layer.requires_grad_(False)
        self.down = nn.Linear(layer.in_features, rank, bias=False)
        self.up = nn.Linear(rank, layer.out_features, bias=False)
        nn.init.zeros_(self.up.weight)
        self.scale = alpha / rank

    def forward(self, x):
        return self.layer(x) + self.scale * self.up(self.down(x))


def with_lora(layer, rank, alpha):
    return WithUpdate(layer, rank, alpha)
"""

    def examine(self, with_lora):
        for case, build, shape, rank, alpha in LINEAR_LAYERS:
            layer, inputs = build(), torch.randn(shape)
            before, expected = snapshot(layer), layer(inputs).detach()
            made = not_refused(partial(with_lora, layer, rank, alpha), case)
            require(is_a(made, nn.Module), f"{opening(case)} a module was expected, and you gave `{short(made)}`.")
            _starts_as_nothing(made, inputs, expected, case)
            _has_the_numbers_of(made, rank * sum(layer.weight.shape), f"rank * (inputs + outputs), for rank {rank}")
            _all_of_it_learns(made, inputs, case)
            _has_ways_of_its_own(made, before["weight"], rank, case)
            _adds_a_scaled_product(made, inputs, expected, alpha, rank, case)
            _lets_gradients_through(made, inputs, before["weight"].sum(dim=0) + alpha / 4 * len(layer.weight), case)
            require(not _moved_of_old(before, layer), f"{opening(case)} training moved the layer itself. {FREEZE_IT}")
        for rank in (0, -2):
            refusal(lambda rank=rank: with_lora(nn.Linear(3, 2), rank, 1), f"For a rank of {rank}")
        return "It starts as nothing, learns in two thin matrices alone, and counts by alpha over rank."


LINEAR_LAYERS = (
    ("For 6 inputs and 4 outputs", lambda: nn.Linear(6, 4), (5, 6), 2, 6.0),
    ("For a layer without a bias", lambda: nn.Linear(6, 4, bias=False), (5, 6), 1, 3.0),
    ("For inputs of [2, 3, 6]", lambda: nn.Linear(6, 8), (2, 3, 6), 3, 4.5),
)
FREEZE_IT = "`layer.requires_grad_(False)` freezes it."


def _moved_of_old(before: dict[str, Tensor], layer: nn.Module) -> list[str]:
    """What moved in the layer; a parametrization has given its weight another name, and is counted as trainable."""
    now = snapshot(layer)
    return [name for name, value in before.items() if name in now and not torch.equal(value, now[name])]


def _starts_as_nothing(made: nn.Module, inputs: Tensor, expected: Tensor, case: str) -> None:
    found = plain(_tried(case, made, inputs))
    require(
        is_a(found, Tensor) and found.shape == expected.shape,
        f"{opening(case)} your module gives {_shape(found)}, and the layer gives {list(expected.shape)}.",
    )
    require(
        torch.equal(found.detach(), expected),
        f"{opening(case)} your module does not start as the layer does: its answers are off by up to "
        f"{(found.detach() - expected).abs().max():.2g}. `B` has to start with zeros, and the layer keeps its numbers.",
    )


def _shape(found: object) -> str:
    return str(list(found.shape)) if is_a(found, Tensor) else f"`{short(found)}`"


def _has_the_numbers_of(made: nn.Module, expected: int, what: str) -> None:
    found = _trainable(made)
    require(
        _numbers(found) == expected,
        f"{_numbers(found)} numbers are trainable ({quoted(found) if found else 'none'}), and {expected} were "
        f"expected: {what}. The layer, its bias too, is frozen, and `A` and `B` are not.",
    )


def _all_of_it_learns(made: nn.Module, inputs: Tensor, case: str) -> None:
    """Two steps: in the first `A` gets no gradient, since `B` is zero."""
    before = snapshot(made)
    for _ in range(2):
        output = made(inputs)
        require(output.requires_grad, f"{opening(case)} no gradient reaches your `A` and `B`: nothing can learn.")
        train_one_step(nn.Sequential(made, nn.Flatten()), inputs, torch.arange(len(inputs)) % 4)
    still = [name for name in _trainable(made) if name not in moved(before, made)]
    require(
        not still,
        f"{opening(case)} two training steps did not move {quoted(still)}. Either no gradient reaches it, or `A` and "
        "`B` both start with zeros: then neither can move the other.",
    )


@torch.no_grad()
def _has_ways_of_its_own(made: nn.Module, weight: Tensor, rank: int, case: str) -> None:
    """Rows of `A` that start alike get the same gradients for ever: then the update is of rank 1."""
    width = weight.shape[1]
    update = (made(torch.eye(width)) - made(torch.zeros(1, width))).T - weight
    found = int(torch.linalg.matrix_rank(update, rtol=2e-5))
    require(
        found == rank,
        f"{opening(case)} after two training steps the update `B A` is of rank {found}, and {rank} was asked for. Rows "
        "of `A` that start with the same numbers stay the same: let `A` start with random ones.",
    )


def _adds_a_scaled_product(
    made: nn.Module, inputs: Tensor, expected: Tensor, alpha: float, rank: int, case: str
) -> None:
    """With 0.5 everywhere in A and B each output gets alpha / rank * rank * 0.25 times the sum of the inputs."""
    _filled(made, 0.5)
    right = expected + alpha * 0.25 * inputs.sum(dim=-1, keepdim=True)
    reason = (
        f"{opening(case)} with 0.5 in each number of `A` and `B`, rank {rank} and alpha {alpha:g}, the update is not "
        "`alpha / rank * (B A x)`. Look at the scale."
    )
    same_function(made(inputs), right, reason, off=1e-4)


def _lets_gradients_through(made: nn.Module, inputs: Tensor, slope: Tensor, case: str) -> None:
    """With 0.5 everywhere in A and B, as above: by `slope` the sum of the outputs grows with each input."""
    inputs = inputs.clone().requires_grad_()
    made(inputs).sum().backward()
    require(
        inputs.grad is not None and torch.allclose(inputs.grad, slope.expand_as(inputs), atol=1e-4),
        f"{opening(case)} the gradient at the inputs is not that of `layer(x) + alpha / rank * (B A x)`. What "
        "stands before your module could not learn through it: leave `x` in the graph.",
    )


class WhereTheParametersAre(Exercise):
    number = "7.2"
    title = "where the parameters are"
    level = Level.WRITE
    minutes = 8
    hints = (
        "`named_modules()` gives every layer with its name, nested ones too. Ask for the kind, `kernel_size` and "
        "`groups`.",
        "Collect the names first and put the LoRAs in afterwards: who changes the network while walking over it finds "
        "the layer inside a LoRA again.",
        "`network.requires_grad_(False)` freezes everything. Then, for each name: `network.set_submodule(name, "
        "LoRA(network.get_submodule(name), rank, alpha))`. The new `down` and `up` are trainable.",
    )
    answer = """
def add_lora(network, rank, alpha):
    names = [
        name
        for name, layer in network.named_modules()
        if isinstance(layer, nn.Conv2d) and layer.kernel_size == (1, 1) and layer.groups == 1
    ]
    network.requires_grad_(False)
    for name in names:
        network.set_submodule(name, LoRA(network.get_submodule(name), rank, alpha))
    return names
"""

    def examine(self, add_lora):
        for case, build, places in CONVOLUTIONAL:
            network, images = build().eval(), torch.randn(2, 3, 8, 8)
            expected, ours = network(images).detach(), copy.deepcopy(network)
            attach(ours, places, 2, 4)
            widths = [sum(network.get_submodule(name).weight.shape[:2]) for name in places]
            said = _tried(case, add_lora, network, 2, 4)
            exactly(said, places, case, missing="1x1 convolutions count at any depth.", extra=NOT_POINTWISE)
            found = logits_of(network, images, f"{opening(case)} the network", SAME_STRIDE)
            same_function(found, expected, f"{opening(case)} the network no longer computes what it did.")
            _has_the_numbers_of(network, 2 * sum(widths), "rank 2 at each of the 1x1 convolutions")
            found, right = _filled(network, 0.05)(images), _filled(ours, 0.05)(images)
            require(not torch.allclose(found, expected), f"{opening(case)} the LoRAs have no part in the answer.")
            same_function(
                found, right, f"{opening(case)} the updates count too much or too little: {PASS_ON}", off=1e-4
            )
            _sits_at(network, images, places, case)
        return "A LoRA at each 1x1 convolution, at any depth, and everything else frozen."


NOT_POINTWISE = "It is no 1x1 convolution with one group: look at `kernel_size` and `groups`."
PASS_ON = "give `rank` and `alpha` on to each `LoRA` as they came."
SAME_STRIDE = "`down` has to have the stride of its layer."


def _convolutional() -> nn.Module:
    """Nested blocks, and a trap each: depthwise, 3x3, 1x1 in two groups, 1x1 with a stride, a linear head."""
    block = nn.Sequential(
        nn.Conv2d(4, 8, 1), nn.BatchNorm2d(8), nn.ReLU(), nn.Conv2d(8, 8, 3, padding=1, groups=8), nn.Conv2d(8, 4, 1)
    )
    return nn.Sequential(
        nn.Conv2d(3, 4, 3, padding=1),
        nn.ModuleDict({"inner": block})["inner"],
        nn.Conv2d(4, 6, 1, stride=2, bias=False),
        nn.Conv2d(6, 6, 1, groups=2),
        nn.AdaptiveAvgPool2d(1),
        nn.Flatten(),
        nn.Linear(6, 3),
    )


def _one_alone() -> nn.Module:
    return nn.Sequential(nn.Conv2d(3, 4, 1), nn.ReLU(), nn.Conv2d(4, 4, (1, 3)), nn.Flatten(), nn.LazyLinear(2))


def _built(build: Callable[[], nn.Module]) -> Callable[[], nn.Module]:
    def made() -> nn.Module:
        network = build()
        network(torch.randn(4, 3, 8, 8))  # BatchNorm's statistics are no zeros and ones, and lazy layers have a size
        return network

    return made


CONVOLUTIONAL = (
    ("In a network with nested blocks", _built(_convolutional), ["1.0", "1.4", "2"]),
    ("In a network with a 1x3 convolution", _built(_one_alone), ["0"]),
)


def _sits_at(network: nn.Module, images: Tensor, places: list[str], case: str) -> None:
    """Each of the places holds trainable numbers that the answer depends on, and no other place does."""
    found = {name: p for name, p in _trainable(network).items()}
    outside = [name for name in found if not any(name.startswith(f"{place}.") for place in places)]
    require(not outside, f"{opening(case)} {quoted(outside)} is trainable, and belongs to no 1x1 convolution.")
    network(images).sum().backward()
    empty = [place for place in places if not any(p.grad is not None for n, p in found.items() if n.startswith(place))]
    require(not empty, f"{opening(case)} at {quoted(empty)} nothing can learn: put a `LoRA` in its place.")


class Merge(Exercise):
    number = "7.3"
    title = "merge"
    level = Level.WRITE
    minutes = 8
    hints = (
        "`copy.deepcopy(lora.layer)` is a plain layer with the right settings. Only its weight has to change.",
        "The product of `lora.up.weight` and `lora.down.weight`, in this order, has the shape of a linear layer's "
        "weight. A 1x1 convolution's has two more dimensions of 1: `flatten(1)` takes them away.",
        "Under `torch.no_grad()`: `update = lora.scale * lora.up.weight.flatten(1) @ lora.down.weight.flatten(1)`, and "
        "`layer.weight += update.view_as(layer.weight)`.",
    )
    answer = """
def merged(lora):
    layer = copy.deepcopy(lora.layer)
    update = lora.scale * lora.up.weight.flatten(1) @ lora.down.weight.flatten(1)
    with torch.no_grad():
        layer.weight += update.view_as(layer.weight)
    return layer
"""

    def examine(self, merged):
        for case, build, shape in TO_MERGE:
            lora, inputs = _filled(LoRA(build(), rank=2, alpha=5)), torch.randn(shape)
            expected, kind = lora(inputs).detach(), type(lora.layer)
            with left_as_found(lora, "the `LoRA`", advice={"numbers": "Work on a copy of its layer."}):
                made = _tried(case, merged, lora)
            require(
                is_a(made, kind) and not list(made.children()),
                f"{opening(case)} one plain `{kind.__name__}` was expected, and you gave `{short(made)}`.",
            )
            same_function(_tried(case, made, inputs), expected, f"{opening(case)} {OTHER_FUNCTION}", off=1e-5)
            _is_its_own(made, lora, case)
        return "One plain layer, the same answers, and the LoRA is still there for another adapter."


TO_MERGE = (
    ("For a linear layer", lambda: nn.Linear(6, 4), (3, 6)),
    ("For a square linear layer without a bias", lambda: nn.Linear(5, 5, bias=False), (3, 5)),
    ("For a 1x1 convolution", lambda: nn.Conv2d(6, 4, 1), (2, 6, 4, 4)),
    ("For a 1x1 convolution with a stride of 2", lambda: nn.Conv2d(4, 4, 1, stride=2, bias=False), (2, 4, 6, 6)),
)
OTHER_FUNCTION = (
    "your layer does not compute what the `LoRA` does. The new weight is `W + scale * B A`, with `up` as `B` and "
    "`down` as `A`; bias and stride are those of the layer."
)


def _is_its_own(made: nn.Module, lora: LoRA, case: str) -> None:
    held = {p.untyped_storage().data_ptr() for p in lora.parameters()}
    shared = [name for name, p in made.named_parameters() if p.untyped_storage().data_ptr() in held]
    require(
        not shared,
        f"{opening(case)} your layer's {quoted(shared)} lies in the same memory as the `LoRA`'s: what happens to one "
        "happens to the other. Copy the layer.",
    )


class AFileForEachTask(Exercise):
    number = "7.4"
    title = "a file for each task"
    level = Level.USE
    minutes = 6
    hints = (
        "`network.state_dict()` holds parameters and buffers by name. Compare each with the one of the same name in "
        "`before`.",
        "`torch.equal` tells whether two tensors hold the same numbers.",
        "The tensors of `state_dict()` are those of the network itself: `clone()` makes a copy that stays.",
    )
    answer = """
def adapter_of(network, before):
    state = network.state_dict()
    return {name: state[name].clone() for name in before if not torch.equal(state[name], before[name])}
"""

    def examine(self, adapter_of):
        for case, keep, rate in AFTER_TRAINING:
            network, before, images = _trained(keep, rate)
            expected = network.eval()(images).detach()
            wanted = [name for name, tensor in network.state_dict().items() if not torch.equal(tensor, before[name])]
            with input_untouched(before=before), left_as_found(network, "the network"):
                said = plain(_tried(case, adapter_of, network, before))
            require(is_a(said, dict), f"{opening(case)} a dict was expected, and you gave `{short(said)}`.")
            exactly(list(said), wanted, case, missing=ALSO_BUFFERS, extra="Training did not move it.")
            _filled(network)  # the network trains on
            network.load_state_dict(before)
            _loads(network, said, case)
            same_function(network(images), expected, f"{opening(case)} {NO_COPIES}")
        return "What moved, buffers included, and no more: the file brings the task back."


ALSO_BUFFERS = (
    "Training moved it. Buffers, such as BatchNorm's statistics and their counter, are no parameters and move all the "
    "same; what was trainable and stood still needs no place in the file."
)
NO_COPIES = "after loading your dict the answers are others. Are its tensors copies, or still those of the network?"
AFTER_TRAINING = (
    ("Where BatchNorm's statistics moved", False, 0.1),
    ("Where BatchNorm's statistics were kept", True, 0.1),
    ("Where the steps were small", True, 1e-6),
)


def _trained(keep: bool, rate: float) -> tuple[nn.Module, dict[str, Tensor], Tensor]:
    """A small network after three steps, its state before, and images. `spare` is trainable, and no gradient comes."""
    network = networks.classifier(4)
    network[0][0] = LoRA(network[0][0], rank=1, alpha=1)
    network[0][1].requires_grad_(False)
    network.register_parameter("spare", nn.Parameter(torch.ones(2)))
    before, images = snapshot(network), networks.images(6)
    network.train()
    if keep:
        network[0][1].eval()
    for _ in range(3):
        _step_of_the_trainable(network, images, torch.arange(6) % 4, rate)
    return network, before, images


def _step_of_the_trainable(network: nn.Module, images: Tensor, labels: Tensor, rate: float) -> None:
    """As in the lesson: the optimizer holds what is trainable, and decays nothing."""
    optimizer = torch.optim.SGD(_trainable(network).values(), lr=rate)
    optimizer.zero_grad()
    nn.functional.cross_entropy(network(images), labels).backward()
    optimizer.step()


def _loads(network: nn.Module, said: dict, case: str) -> None:
    with tried_on(opening(case)):
        network.load_state_dict(copy.copy(said), strict=False)


class AnIdleAdapter(Exercise):
    number = "7.5"
    title = "an adapter that does nothing"
    level = Level.EDGE
    minutes = 10
    hints = (
        "At the start each `up` holds zeros, and no adapter changes the answer yet. Put other numbers into one, ask "
        "again, and put the zeros back.",
        "Compare in `eval()` mode and without gradients, or dropout makes every answer another one. Then give each "
        "module its own mode back.",
        "For each name: `up = network.get_submodule(name).up.weight`, `kept = up.clone()`, `up.normal_()`, ask, and "
        "`up.copy_(kept)`. It is idle where `torch.equal` says that the answer is the same.",
    )
    answer = """
def idle(network, names, images):
    if not names:
        raise ValueError("there is no LoRA to ask about")
    modes = {layer: layer.training for layer in network.modules()}
    network.eval()
    found = []
    with torch.no_grad():
        usual = network(images)
        for name in names:
            up = network.get_submodule(name).up.weight
            kept = up.clone()
            up.normal_()
            if torch.equal(network(images), usual):
                found.append(name)
            up.copy_(kept)
    for layer, mode in modes.items():
        layer.training = mode
    return found
"""

    def examine(self, idle):
        for case, names, trained, expected in WITH_ADAPTERS:
            network, given, images = _with_adapters(names, trained), list(names), torch.randn(3, 6)
            with left_as_found(network, "the network", advice=PUT_BACK), input_untouched(names=given, images=images):
                said = not_refused(partial(idle, network, given, images), case)
            exactly(said, expected, case, missing=_why_idle, extra="The answer needs it.")
        refusal(lambda: idle(_with_adapters([], False), [], torch.randn(2, 6)), "For a network without any LoRA")
        return "It found the adapters that do nothing, and left the network as it was."


def _why_idle(missed: list[str]) -> str:
    if any(name.endswith(".aside") for name in missed):
        return "The network calls `aside` and throws away what it gives: to be called is not to have a part."
    return "The answer does not depend on it."


class ReadsAWeight(nn.Module):
    """Reads the weight of its `out_proj` and never calls it, as PyTorch's attention does; calls `aside` for nothing."""

    def __init__(self):
        super().__init__()
        self.in_proj, self.out_proj, self.aside = nn.Linear(6, 6), nn.Linear(6, 6), nn.Linear(6, 6)

    def forward(self, inputs: Tensor) -> Tensor:
        self.aside(inputs)
        read = self.out_proj.layer if isinstance(self.out_proj, LoRA) else self.out_proj
        return nn.functional.linear(self.in_proj(inputs), read.weight, read.bias)


def _with_adapters(names: list[str], trained: bool) -> nn.Module:
    """Two readers and a head, with LoRA at these names; all `up` are zero, unless they are trained."""
    network = nn.Sequential(ReadsAWeight(), nn.Dropout(0.5), nn.BatchNorm1d(6), ReadsAWeight(), nn.Linear(6, 3))
    for name in names:
        network.set_submodule(name, LoRA(network.get_submodule(name), 2, 2))
    if trained:
        _filled(network)
    network.train()
    network[2].eval()  # so that modes differ
    return network


PUT_BACK = {
    "numbers": "`clone()` what you replace, and `copy_` it back.",
    "modes": "Note each module's own mode first, and give it back at the end.",
    "hooks": "`hook.remove()` takes one away.",
}
# The case, where the LoRAs are, whether they are trained, and which are idle.
WITH_ADAPTERS = (
    (
        "At the start, with two that are read and not called",
        ["0.in_proj", "0.out_proj", "3.in_proj", "3.out_proj", "4"],
        False,
        ["0.out_proj", "3.out_proj"],
    ),
    ("With one that is called for nothing", ["0.aside", "3.in_proj", "4"], False, ["0.aside"]),
    ("At the start, with none that is idle", ["0.in_proj", "4"], False, []),
    ("After training", ["0.in_proj", "3.out_proj"], True, ["3.out_proj"]),
    ("With a single one, which is idle", ["0.out_proj"], False, ["0.out_proj"]),
)

EXERCISES = Exercises(LowRankUpdate, WhereTheParametersAre, Merge, AFileForEachTask, AnIdleAdapter)
