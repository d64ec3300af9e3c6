"""Lesson 02: how many numbers a network holds, where they are, and how many of them training moves."""

from __future__ import annotations

import math
import numbers

import torch
from torch import Tensor, nn

from helpers.course.exercise import Exercise, Exercises, Level
from helpers.course.quiz import Option, Question, Quiz
from helpers.course.verdicts import require
from helpers.models.counting import count_parameters


class CountByHand(Exercise):
    number = "2.1"
    title = "count by hand"
    level = Level.USE
    minutes = 4
    hints = (
        "Each output channel has its own filter, and a filter has one number for each input channel that it sees and "
        "each pixel of its window. Then come the biases, one an output channel, unless `bias=False`.",
        "With `groups=g` a filter sees only `in / g` input channels. With `groups` equal to the channels that is one.",
        "`conv` is 64 * 3 * 3 for each of 128 filters, and 128 biases. BatchNorm has a weight and a bias for each "
        "channel; its running statistics are buffers and do not count.",
    )
    answer = """
conv = 128 * 64 * 3 * 3 + 128
depthwise = 128 * 1 * 5 * 5
norm = 128 + 128
linear = 5 * 1280 + 5
"""

    def examine(self, conv, depthwise, norm, linear):
        for said, name, written, layer, slips in (
            (
                conv,
                "conv",
                "nn.Conv2d(64, 128, kernel_size=3)",
                nn.Conv2d(64, 128, kernel_size=3),
                {
                    128 * 64 * 9: "You left out the biases: a convolution has one for each output channel.",
                    128 * 64 * 9 + 64: "The biases belong to the output channels, and there are 128 of those.",
                    128 * 64 * 3 + 128: "The window is 3 x 3, so 9 numbers for each input channel.",
                    128 * 9 + 128: "A filter looks at all 64 input channels, not at one.",
                },
            ),
            (
                depthwise,
                "depthwise",
                "nn.Conv2d(128, 128, kernel_size=5, groups=128, bias=False)",
                nn.Conv2d(128, 128, kernel_size=5, groups=128, bias=False),
                {
                    128 * 128 * 25: "With `groups=128` each filter sees one input channel only.",
                    128 * 25 + 128: "`bias=False`: this layer has no biases.",
                    25: "There are 128 filters, each with its own 5 x 5 numbers.",
                },
            ),
            (
                norm,
                "norm",
                "nn.BatchNorm2d(128)",
                nn.BatchNorm2d(128),
                {
                    513: "You counted the buffers too: running_mean, running_var and num_batches_tracked are no "
                    "parameters.",
                    512: "You counted running_mean and running_var too. They are buffers, not parameters.",
                    128: "BatchNorm has a weight and a bias for each channel.",
                },
            ),
            (
                linear,
                "linear",
                "nn.Linear(1280, 5)",
                nn.Linear(1280, 5),
                {
                    1280 * 5: "You left out the biases: there is one for each output.",
                    1280 * 5 + 1280: "The biases belong to the outputs, and there are 5 of those.",
                },
            ),
        ):
            require(
                isinstance(said, numbers.Real) and not isinstance(said, bool),
                f"`{name}` is a {type(said).__name__}, and a number was expected: how many parameters `{written}` has.",
            )
            require(
                said == count_parameters(layer).total,
                f"`{name} = {said:,}` is not what `{written}` has. "
                + slips.get(said, "Write down the shape of its weight first, multiply, then add the biases."),
            )
        return "PyTorch counts the same. Note how little the depthwise layer holds beside the ordinary one."


# The networks that an answer is tried on -----------------------------------------------------------


class _Token(nn.Module):
    """A parameter of its own beside a layer, as ViT's class token is."""

    def __init__(self):
        super().__init__()
        self.token = nn.Parameter(torch.zeros(1, 7))
        self.body = nn.Linear(7, 2)


def _frozen_body() -> nn.Module:
    model = nn.Sequential(nn.Linear(6, 4), nn.ReLU(), nn.Linear(4, 3))
    model[0].requires_grad_(False)
    return model


def _frozen_bias() -> nn.Module:
    model = nn.Sequential(nn.Linear(6, 4), nn.Linear(4, 3))
    model[1].bias.requires_grad = False
    return model


def _tied() -> nn.Module:
    model = nn.Sequential(nn.Embedding(11, 5), nn.Linear(5, 11))
    model[1].weight = model[0].weight
    return model


def _networks() -> dict[str, nn.Module]:
    with_norm = nn.Sequential(nn.Conv2d(3, 8, 3, bias=False), nn.BatchNorm2d(8), nn.Sequential(nn.Linear(8, 2)))
    return {
        "a Linear(4, 3)": nn.Linear(4, 3),
        "a network with BatchNorm, and a block inside a block": with_norm,
        "a network whose first layer is frozen": _frozen_body(),
        "a network in which one bias alone is frozen": _frozen_bias(),
        "a module with a parameter directly on itself, beside a Linear": _Token(),
        "two layers that share one weight": _tied(),
        "a network without parameters": nn.Sequential(nn.ReLU()),
        "a network on the meta device": nn.Linear(9, 9, device="meta"),
    }


class Count(Exercise):
    number = "2.2"
    title = "count a network"
    level = Level.WRITE
    minutes = 6
    hints = (
        "`model.parameters()` gives every parameter of the network and of all that is inside it, each once. "
        "`model.buffers()` does the same for buffers.",
        "`p.numel()` says how many numbers a tensor holds, `p.requires_grad` whether training may move it.",
        "`total = sum(p.numel() for p in model.parameters())`. The trainable ones are the same sum with an `if`, and "
        "the frozen ones are the rest.",
    )
    answer = '''
def count(model):
    """The numbers in `model`: {"total": …, "trainable": …, "frozen": …, "buffers": …}."""
    total = sum(p.numel() for p in model.parameters())
    trainable = sum(p.numel() for p in model.parameters() if p.requires_grad)
    buffers = sum(b.numel() for b in model.buffers())
    return {"total": total, "trainable": trainable, "frozen": total - trainable, "buffers": buffers}
'''

    def examine(self, count):
        for name, model in _networks().items():
            flags = [p.requires_grad for p in model.parameters()]
            said = count(model)
            require(
                [p.requires_grad for p in model.parameters()] == flags,
                f"After counting {name}, other parameters require gradients than before. Counting changes nothing.",
            )
            _compare_counts(said, name, model)
        return "It holds for frozen parts, shared weights, parameters outside of any layer, and empty networks."


def _compare_counts(said: object, name: str, model: nn.Module) -> None:
    right = count_parameters(model)
    require(
        isinstance(said, dict),
        f"For {name} your function gave back a {type(said).__name__}, and a dict was expected: `total`, `trainable`, "
        "`frozen`, `buffers`. Is there a `return`?",
    )
    missing = [key for key in ("total", "trainable", "frozen", "buffers") if key not in said]
    require(not missing, f"The dict for {name} has no `{missing[0] if missing else ''}`.")
    for key in ("total", "trainable", "frozen", "buffers"):
        value, expected = said[key], getattr(right, key)
        require(
            isinstance(value, numbers.Real) and not isinstance(value, bool),
            f"`{key}` of {name} is a {type(value).__name__}, and a number was expected. `numel()` gives a plain int.",
        )
        require(
            value == expected,
            f"For {name} you say {key} = {value:,}, and it is {expected:,}. {_why_other(key, value, model)}".strip(),
        )


def _why_other(key: str, value: float, model: nn.Module) -> str:
    """What a wrong count usually means."""
    right = count_parameters(model)
    parameters, buffers = list(model.parameters()), list(model.buffers())
    tensors = {"total": len(parameters), "buffers": len(buffers)}
    if value == tensors.get(key) or (key == "trainable" and value == sum(p.requires_grad for p in parameters)):
        return "That is the number of tensors. Each tensor holds `numel()` numbers."
    if key == "buffers":
        return "Buffers are what `model.buffers()` gives: in BatchNorm two statistics a channel, and one counter."
    if key == "total" and value == right.total + right.buffers:
        return "You counted the buffers as parameters; `state_dict()` holds both."
    layers = [layer for layer in model.modules() if not list(layer.children())]
    by_layer = sum(p.numel() for layer in layers for p in layer.parameters())
    if key == "total" and value == by_layer != right.total:
        if by_layer > right.total:
            return "The shared weight is one tensor and counts once; you have added it for both layers."
        return "The parameter that sits on the module itself belongs to no layer inside it, and you missed it."
    if key == "total" and value == right.trainable:
        return "The total holds the frozen parameters too."
    if key == "trainable" and value == right.total:
        return "A frozen parameter is not trainable. `requires_grad` belongs to each tensor: ask every one."
    if key == "frozen" and value == right.trainable:
        return "Frozen are those that are not trainable."
    names = [name for name, _ in model.named_parameters(remove_duplicate=False)]
    if len(names) > len(parameters):
        return "Two names lead to the same tensor here: `model.parameters()` gives it once."
    if key in ("trainable", "frozen"):
        return "`requires_grad` belongs to each tensor, not to the layer: ask every one."
    return "`model.parameters()` gives every parameter, also those in blocks inside of blocks."


class Largest(Exercise):
    number = "2.3"
    title = "the largest layers"
    level = Level.WRITE
    minutes = 8
    hints = (
        "`model.named_modules()` walks over the model itself (under the name `''`), its children, their children, "
        "and so on, each with its full name.",
        "A block's `parameters()` holds those of all layers inside it. `parameters(recurse=False)` gives only what "
        "the module holds itself.",
        "Make a list of (name, count), drop what has none, then "
        "`sorted(counts, key=lambda pair: pair[1], reverse=True)[:n]`.",
    )
    answer = '''
def largest(model, n):
    """The `n` layers with the most parameters of their own: [(name, count), ...], largest first."""
    counts = []
    for name, module in model.named_modules():
        own = sum(p.numel() for p in module.parameters(recurse=False))
        if own:
            counts.append((name, own))
    return sorted(counts, key=lambda pair: pair[1], reverse=True)[:n]
'''

    def examine(self, largest):
        blocks = nn.Sequential(
            nn.Conv2d(3, 8, 3),
            nn.Sequential(nn.Linear(8, 40), nn.ReLU(), nn.Linear(40, 4)),
            nn.BatchNorm1d(4),
        )
        for name, model, n in (
            ("a network with a block inside", blocks, 2),
            ("the same network", blocks, 1),
            ("an attention layer, which holds `in_proj_weight` itself and has a child", _attention(), 2),
            ("a module with a parameter directly on itself, beside a Linear", _Token(), 2),
            ("a network with three layers", nn.Sequential(nn.Linear(2, 2), nn.Linear(2, 3), nn.Linear(3, 1)), 10),
            ("a network without parameters", nn.Sequential(nn.ReLU()), 3),
        ):
            _compare_largest(largest(model, n), name, model, n)
        return "It goes into blocks, counts each parameter at the one module that holds it, and survives large `n`."


def _attention() -> nn.Module:
    return nn.Sequential(nn.Linear(6, 8), nn.MultiheadAttention(8, 2))


def _compare_largest(said: object, what: str, model: nn.Module, n: int) -> None:
    own = {name: sum(p.numel() for p in module.parameters(recurse=False)) for name, module in model.named_modules()}
    whole = {name: sum(p.numel() for p in module.parameters()) for name, module in model.named_modules()}
    order = sorted((count for count in own.values() if count), reverse=True)
    case = f"With n={n} on {what},"
    require(
        isinstance(said, list | tuple)
        and all(isinstance(pair, tuple | list) and len(pair) == 2 and isinstance(pair[1], int) for pair in said),
        f"{case} your function gave back a {type(said).__name__}, and a list of pairs (name, count) was expected, the "
        "count a plain int.",
    )
    for name, count in said:
        if name not in own:
            tensor = name in dict(model.named_parameters())
            hint = (
                "That is one tensor of a layer; add up the layer's own."
                if tensor
                else "Names are as in named_modules()."
            )
            require(False, f"{case} your list has `{name!r}`, and no layer has that name. {hint}")
        require(count != 0 or own[name], f"{case} your list has `{name!r}`, which holds no parameters: leave it out.")
        require(
            own[name],
            f"{case} your list has `{name!r}` with {count}. It is a container and holds no parameters itself; "
            "`parameters()` also gives those of the layers inside it.",
        )
        also = " `parameters()` also gives those of the layers inside it." if count == whole[name] else ""
        require(count == own[name], f"{case} you say {count} for `{name!r}`, and it holds {own[name]} itself.{also}")
    counts = [count for _, count in said]
    require(
        counts == sorted(counts, reverse=True),
        f"{case} the counts come as {counts}: the largest comes first.",
    )
    require(
        len(said) == min(n, len(order)),
        f"{case} your list has {len(said)} entries, and {min(n, len(order))} were expected: "
        f"{len(order)} modules of this network hold parameters themselves. The model itself may be one, under `''`.",
    )
    missed = next((name for name, count in own.items() if count in order[:n] and count not in counts), "")
    why = (
        "A module can hold parameters and have children too."
        if list(model.get_submodule(missed).children())
        else "It sits in a block inside the network; `named_modules()` goes there too."
    )
    require(
        counts == order[:n],
        f"{case} your list lacks `{missed!r}`, which holds {own[missed]} parameters itself. {why}",
    )
    require(len({name for name, _ in said}) == len(said), f"{case} a layer is in your list twice.")


class TrainingMemory(Exercise):
    number = "2.4"
    title = "memory to train"
    level = Level.EDGE
    minutes = 10
    hints = (
        "Three parts: everything that the network holds, the gradients, and AdamW's two averages. The last two exist "
        "for trainable parameters only.",
        "`t.numel() * t.element_size()` is the size of a tensor in bytes, whatever its type. A gradient and each "
        "average have the size of their parameter.",
        "Begin with `if not isinstance(model, nn.Module): raise TypeError(...)`. Then go over `model.parameters()` "
        "once with factor 1, once more with factor 3 for the trainable ones, and over `model.buffers()`.",
    )
    answer = '''
def training_megabytes(model):
    """Megabytes (1e6 bytes) that `model`, its gradients and AdamW's two averages take."""
    if not isinstance(model, nn.Module):
        raise TypeError(f"expected a network, got {type(model).__name__}")
    held = [*model.parameters(), *model.buffers()]
    moved = [p for p in model.parameters() if p.requires_grad]
    size = sum(t.numel() * t.element_size() for t in held)
    size += 3 * sum(p.numel() * p.element_size() for p in moved)
    return size / 1e6
'''

    def examine(self, training_megabytes):
        for name, model in {
            "a trainable Linear(500, 100)": nn.Linear(500, 100),
            "a network whose first layer is frozen": _frozen_body(),
            "a network with BatchNorm": nn.Sequential(nn.Linear(6, 4), nn.BatchNorm1d(4)),
            "a BatchNorm layer whose parameters are frozen": nn.BatchNorm1d(4).requires_grad_(False),
            "a network in half precision": nn.Linear(500, 100).half(),
            "two layers that share one weight": _tied(),
            "a network on the meta device": nn.Linear(2000, 1000, device="meta"),
            "a network without parameters": nn.Sequential(nn.ReLU()),
        }.items():
            _compare_megabytes(training_megabytes(model), name, model)
        for bad in (None, "resnet50"):
            _require_type_error(training_megabytes, bad)
        return "Frozen parts cost their own size alone, and half precision halves every part."


def _compare_megabytes(said: object, name: str, model: nn.Module) -> None:
    held = [*model.parameters(), *model.buffers()]
    moved = [p for p in model.parameters() if p.requires_grad]
    stored, gradients = _bytes(held), _bytes(moved)
    right = (stored + 3 * gradients) / 1e6
    require(
        isinstance(said, numbers.Real) and not isinstance(said, bool),
        f"For {name} your function gave back a {type(said).__name__}, and a plain number was expected.",
    )
    count = count_parameters(model)
    guesses = {
        (stored + 3 * gradients) / 2**20: "That is in MiB, 1024 * 1024 bytes; asked for are MB, 1e6 bytes.",
        stored + 3 * gradients: "That is in bytes: divide by 1e6.",
        4 * _bytes(list(model.parameters())) / 1e6 + _bytes(list(model.buffers())) / 1e6: "Frozen parameters have no "
        "gradient and no averages.",
        (stored + 2 * gradients) / 1e6: "Gradients take one more number a trainable parameter, AdamW's averages two.",
        stored / 1e6: "That is the network alone, without gradients and averages.",
        (_bytes(list(model.parameters())) + 3 * gradients) / 1e6: "You left out the buffers.",
        4 * (count.total + count.buffers + 3 * count.trainable) / 1e6: "Not every number takes 4 bytes: ask each "
        "tensor for its `element_size()`.",
    }
    why = next((told for wrong, told in guesses.items() if math.isclose(said, wrong, rel_tol=1e-6)), "")
    require(
        math.isclose(said, right, rel_tol=1e-6, abs_tol=1e-12),
        f"For {name} you say {said:.6g} MB, and it is {right:.6g} MB. {why}".strip(),
    )


def _bytes(tensors: list[Tensor]) -> int:
    return sum(tensor.numel() * tensor.element_size() for tensor in tensors)


def _require_type_error(function, bad: object) -> None:
    try:
        said = function(bad)
    except TypeError:
        return
    except Exception as error:
        require(
            False,
            f"For {bad!r} your function stopped with `{type(error).__name__}: {error}`. A `TypeError` that you raise "
            "yourself tells the caller what was expected.",
        )
    require(False, f"For {bad!r} your function gave back {said!r}, and a `TypeError` was expected: it is no network.")


EXERCISES = Exercises(CountByHand, Count, Largest, TrainingMemory)

QUIZ = Quiz(
    "02",
    (
        Question(
            "`nn.Conv2d(16, 32, kernel_size=3)`: how many parameters?",
            (
                Option("16 * 32 * 3 * 3 = 4,608", "Nearly: a bias for each of the 32 output channels is missing."),
                Option("32 * 16 * 3 * 3 + 32 = 4,640", "32 filters of 16 x 3 x 3 numbers, and 32 biases.", right=True),
                Option(
                    "it depends on the size of the image",
                    "The same filters slide over an image of any size. The size decides the work, not the parameters.",
                ),
            ),
        ),
        Question(
            "BatchNorm's `running_mean` is",
            (
                Option(
                    "a parameter that is frozen",
                    "A frozen parameter could be unfrozen and would get gradients. This one never gets any.",
                ),
                Option(
                    "a buffer: saved with the network, and moved by forward passes in `train()` mode",
                    "No gradient and no optimizer takes part. So it is in `state_dict()` and not in `parameters()`.",
                    right=True,
                ),
                Option(
                    "not part of the network",
                    "It is in `state_dict()`, and without it the network says something else in `eval()` mode.",
                ),
            ),
        ),
        Question(
            "`len(list(model.parameters()))` says 161. The network has",
            (
                Option("161 parameters", "161 tensors. Each holds `numel()` numbers."),
                Option("161 layers", "A layer often has two tensors, a weight and a bias, and some have none."),
                Option("161 tensors of parameters", "To count the numbers, add up `p.numel()`.", right=True),
            ),
        ),
        Question(
            "You freeze the backbone and train a new head with AdamW. What becomes smaller?",
            (
                Option(
                    "the saved file",
                    "The file holds the frozen parameters too: you need them to predict.",
                ),
                Option(
                    "the memory for gradients and for the optimizer's averages",
                    "Both exist for trainable parameters only: three more numbers for each of them.",
                    right=True,
                ),
                Option(
                    "the work of a forward pass",
                    "Every layer still computes. Lesson 03 saves that work by computing the features once.",
                ),
            ),
        ),
        Question(
            "Network A has nine times as many parameters as network B. For one image A does",
            (
                Option(
                    "nine times as much work",
                    "A number in a convolution is used at every place of the image, one in the head only once.",
                ),
                Option("more work, but you cannot say how much", "Mostly, but there are pairs where it does less."),
                Option(
                    "you cannot say: count the multiply-adds",
                    "AlexNet holds nine times the parameters of GoogLeNet, and does half its work.",
                    right=True,
                ),
            ),
        ),
    ),
)
