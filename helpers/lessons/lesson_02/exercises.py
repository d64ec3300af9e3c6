"""Answer key of lesson 02: how many numbers a network holds, where they are, and how many of them training moves."""

from __future__ import annotations

from collections.abc import Iterable

from torch import Tensor, nn

from helpers.checking import networks
from helpers.checking.answers import close, names, one_number, pairs, plain, refusal, short
from helpers.checking.untouched import left_as_found
from helpers.course.exercise import Exercise, Exercises, Level
from helpers.course.verdicts import require
from helpers.models.counting import count_parameters


class CountByHand(Exercise):
    number = "2.1"
    title = "count by hand"
    level = Level.USE
    minutes = 4
    hints = (
        "Each output channel has its own filter, and a filter has one number for each input channel that it sees and "
        "each pixel of its window. Then come the biases, one for each output channel, unless `bias=False`.",
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
        answers = {"conv": conv, "depthwise": depthwise, "norm": norm, "linear": linear}
        for name, (layer, slips) in BY_HAND.items():
            no_number = f"`{name}` is `{short(answers[name])}`, and a number was expected: how many parameters it has."
            said = one_number(answers[name], no_number)
            why = slips.get(said, OF_ITS_SHAPE + (HAS_BIASES if layer.bias is not None else HAS_NONE))
            right = count_parameters(layer).total
            require(said == right, f"`{name} = {said:,.12g}` is not what that layer has. {why}")
        return "PyTorch counts the same. Note how little the depthwise layer holds beside the ordinary one."


OF_ITS_SHAPE = "Write down the shape of its weight first, and multiply. "
HAS_BIASES = "Then add the biases."
HAS_NONE = "With `bias=False` that is all."
# Each layer, and what a wrong number usually means. On `meta` a layer costs neither memory nor random numbers.
BY_HAND = {
    "conv": (
        nn.Conv2d(64, 128, kernel_size=3, device="meta"),
        {
            128 * 64 * 9: "You left out the biases: a convolution has one for each output channel.",
            128 * 64 * 9 + 64: "The biases belong to the output channels, and there are 128 of those.",
            128 * 64 * 3 + 128: "The window is 3 x 3, so 9 numbers for each input channel.",
            128 * 9 + 128: "A filter looks at all 64 input channels, not at one.",
        },
    ),
    "depthwise": (
        nn.Conv2d(128, 128, kernel_size=5, groups=128, bias=False, device="meta"),
        {
            128 * 128 * 25: "With `groups=128` each filter sees one input channel only.",
            128 * 25 + 128: "`bias=False`: this layer has no biases.",
            25: "There are 128 filters, each with its own 5 x 5 numbers.",
        },
    ),
    "norm": (
        nn.BatchNorm2d(128, device="meta"),
        {
            513: "You counted the buffers too: running_mean, running_var and num_batches_tracked are no parameters.",
            512: "You counted running_mean and running_var too. They are buffers, not parameters.",
            128: "BatchNorm has a weight and a bias for each channel.",
        },
    ),
    "linear": (
        nn.Linear(1280, 5, device="meta"),
        {
            1280 * 5: "You left out the biases: there is one for each output.",
            1280 * 5 + 1280: "The biases belong to the outputs, and there are 5 of those.",
        },
    ),
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
        for what, build in TO_COUNT.items():
            model = build()
            with left_as_found(model, what, advice={"flags": "Counting changes nothing."}):
                said = plain(count(model))
            no_dict = f"For {what} you gave `{short(said)}`, and a dict was expected: {A_DICT}"
            require(isinstance(said, dict), no_dict + (" Is there a `return`?" if said is None else ""))
            for key, look_at in LOOK_AT.items():
                require(key in said, f"The dict for {what} has no `{key}`.")
                no_number = f"`{key}` of {what} is `{short(said[key])}`, and a number was expected."
                found, right = one_number(said[key], no_number), getattr(count_parameters(model), key)
                why = next((why for of, slip, why in _slips(model) if (of, slip) == (key, found)), look_at)
                require(found == right, f"For {what} you say {key} = {found:,.12g}, and it is {right:,}. {why}")
        return "It holds for frozen parts, shared weights, parameters outside of any layer, and empty networks."


TO_COUNT = {
    "a Linear(4, 3)": lambda: nn.Linear(4, 3),
    "a network with BatchNorm, and a block inside a block": networks.block_in_a_block,
    "a network whose first layer is frozen": networks.frozen_body,
    "a network in which one bias alone is frozen": networks.frozen_bias,
    "a module with a parameter directly on itself, beside a Linear": networks.Token,
    "two layers that share one weight": networks.tied,
    "a network without parameters": lambda: nn.Sequential(nn.ReLU()),
    "two layers that share one frozen weight": networks.tied_and_frozen,
    "a network on the meta device": lambda: nn.Sequential(nn.Linear(9, 9), nn.BatchNorm1d(9)).to("meta"),
    "a BatchNorm layer that keeps no statistics": lambda: nn.BatchNorm1d(4, track_running_stats=False),
}
A_DICT = '`{"total": …, "trainable": …, "frozen": …, "buffers": …}`.'
# The keys of the dict, each with what to look at where no usual slip explains a number.
LOOK_AT = {
    "total": "`model.parameters()` gives every parameter, also those in blocks inside of blocks.",
    "trainable": "`requires_grad` belongs to each tensor, not to the layer: ask every one.",
    "frozen": "Frozen are those that are not trainable: ask every tensor for its `requires_grad`.",
    "buffers": "Buffers are what `model.buffers()` gives: in BatchNorm two statistics a channel, and one counter.",
}


def _slips(model: nn.Module) -> list[tuple[str, int, str]]:
    """The usual slips: of which key, the number that each gives for `model`, and what it means."""
    right, parameters = count_parameters(model), list(model.parameters())
    layers = [layer for layer in model.modules() if not list(layer.children())]
    by_layer = sum(_numbers(layer.parameters()) for layer in layers)
    by_name = _numbers(p for _, p in model.named_parameters(remove_duplicate=False))
    tensors = "That is the number of tensors. Each tensor holds `numel()` numbers."
    shared = "The shared weight is one tensor and counts once; you have added it for both layers."
    outside = "The parameter that sits on the module itself belongs to no layer inside it, and you missed it."
    return [
        ("total", len(parameters), tensors),
        ("trainable", sum(p.requires_grad for p in parameters), tensors),
        ("buffers", len(list(model.buffers())), tensors),
        ("total", right.total + right.buffers, "You counted the buffers as parameters; `state_dict()` holds both."),
        ("total", by_name, shared),
        ("total", by_layer, outside),
        ("total", right.trainable, "The total holds the frozen parameters too."),
        ("trainable", right.total, f"A frozen parameter is not trainable. {LOOK_AT['trainable']}"),
        ("trainable", by_name, shared),
        ("frozen", by_name - right.trainable, shared),
    ]


def _numbers(tensors: Iterable[Tensor]) -> int:
    return sum(tensor.numel() for tensor in tensors)


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
        for what, build, n in TO_SORT:
            model = build()
            case = f"With n={n} on {what},"
            with left_as_found(model, what):
                said = largest(model, n)
            found = pairs(said, case)
            own = {name: _numbers(module.parameters(recurse=False)) for name, module in model.named_modules()}
            self._each_is_right(found, own, model, case)
            self._the_largest_are_there(found, own, model, case, n)
        return "It goes into blocks, counts each parameter at the one module that holds it, and survives large `n`."

    def _each_is_right(self, found, own, model, case):
        for name, count in found:
            listed = f"{case} your list has `{name!r}` with {count},"
            require(name in own, f"{listed} and no layer has that name. {NO_TENSORS}")
            require(own[name], f"{listed} and {ITS_LAYERS_HOLD_THEM}")
            why = _why_another_count(model.get_submodule(name), count)
            require(count == own[name], f"{listed} and it holds {own[name]} itself. {why}")

    def _the_largest_are_there(self, found, own, model, case, n):
        listed, counts = names([name for name, _ in found], case), [count for _, count in found]
        require(counts == sorted(counts, reverse=True), f"{case} the counts come as {counts}: the largest comes first.")
        holders = sorted([name for name in own if own[name]], key=own.get, reverse=True)
        many, expected = f"{case} your list has {len(found)} entries", len(holders[:n])
        require(len(found) == expected, f"{many}, and {expected} were expected: {len(holders)} {HOLD_SOME}")
        for name in holders[:n]:
            why = _why_missed(model.get_submodule(name))
            require(name in listed, f"{case} your list lacks `{name!r}`, which holds {own[name]} itself. {why}")


# Where two layers of one network hold as many, all are asked for, so that there is one right list but for their order.
TO_SORT = (
    ("a network with a block inside", networks.block_in_a_block, 2),
    ("the same network", networks.block_in_a_block, 1),
    ("the same network, which has four such layers", networks.block_in_a_block, 10),
    ("an attention layer, which holds `in_proj_weight` itself and has a child", networks.attention, 2),
    ("a module with a parameter directly on itself, beside a Linear", networks.Token, 2),
    ("a network whose first layer is frozen", networks.frozen_body, 1),
    ("a network in which one bias alone is frozen", networks.frozen_bias, 2),
    ("a network of two equal layers", lambda: nn.Sequential(nn.Linear(3, 3), nn.ReLU(), nn.Linear(3, 3)), 2),
    ("a network without parameters", lambda: nn.Sequential(nn.ReLU()), 3),
)
NO_TENSORS = "Names are those of `named_modules()`. If that is one tensor of a layer, add up the layer's own."
ITS_LAYERS_HOLD_THEM = (
    "it holds no parameters itself: leave it out. `parameters()` of a container gives those of the layers inside it."
)
HOLD_SOME = "modules of this network hold parameters themselves. The model itself may be one, under `''`."
FROZEN_TOO = "Frozen parameters count as well: `requires_grad` plays no part here."


def _why_another_count(layer: nn.Module, count: float) -> str:
    """What it usually means that a layer's own parameters were counted as `count`."""
    own = list(layer.parameters(recurse=False))
    return {
        _numbers(layer.parameters()): "`parameters()` also gives those of the layers inside it.",
        _numbers(own) + _numbers(layer.buffers(recurse=False)): "Buffers are no parameters.",
        _numbers(p for p in own if p.requires_grad): FROZEN_TOO,
    }.get(count, "")


def _why_missed(layer: nn.Module) -> str:
    """What it usually means that a layer is not in the list."""
    if not all(p.requires_grad for p in layer.parameters(recurse=False)):
        return FROZEN_TOO
    if list(layer.children()):
        return "A module can hold parameters and have children too."
    return "It sits in a block inside the network; `named_modules()` goes there too."


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
        for what, build in TO_TRAIN.items():
            model = build()
            with left_as_found(model, what):
                said = training_megabytes(model)
            no_number = f"For {what} your function gave back `{short(said)}`, and a number was expected."
            found, (right, slips) = one_number(said, no_number), _bytes_to_train(model)
            why = next((why for slip, why in slips.items() if close(found * 1e6, slip)), "")
            differs = f"For {what} you say {found:.6g} MB, and it is {right / 1e6:.6g} MB. {why}".strip()
            require(close(found * 1e6, right), differs)
        for bad in (None, "resnet50"):
            refusal(lambda given=bad: training_megabytes(given), f"For {bad!r}, which is no network,", error=TypeError)
        return "Frozen parts cost their own size alone, and half precision halves every part."


TO_TRAIN = {
    "a trainable Linear(500, 100)": lambda: nn.Linear(500, 100),
    "a network whose first layer is frozen": networks.frozen_body,
    "a network with BatchNorm": lambda: nn.Sequential(nn.Linear(6, 4), nn.BatchNorm1d(4)),
    "a BatchNorm layer whose parameters are frozen": lambda: nn.BatchNorm1d(4).requires_grad_(False),
    "a network in half precision": lambda: nn.Linear(500, 100).half(),
    "a network whose head alone is in float64": networks.Mixed,
    "two layers that share one weight": networks.tied,
    "a network on the meta device": lambda: nn.Linear(2000, 1000, device="meta"),
    "a network without parameters": lambda: nn.Sequential(nn.ReLU()),
}


def _bytes_to_train(model: nn.Module) -> tuple[int, dict[float, str]]:
    """The bytes to train `model` with AdamW; and what the usual slips give for it, in bytes, with what they mean."""
    held, moved = _bytes(model.parameters()), _bytes(p for p in model.parameters() if p.requires_grad)
    buffers, count = _bytes(model.buffers()), count_parameters(model)
    right = held + buffers + 3 * moved
    return right, {
        right * 1e6 / 2**20: "That is in MiB, 1024 * 1024 bytes; asked for are MB, 1e6 bytes.",
        right * 1e6: "That is in bytes: divide by 1e6.",
        4 * held + buffers: "Frozen parameters have no gradient and no averages.",
        right - moved: "Gradients take one more number a trainable parameter, AdamW's averages two.",
        held + buffers: "That is the network alone, without gradients and averages.",
        right - buffers: "You left out the buffers.",
        4 * (count.total + count.buffers + 3 * count.trainable): "Not every number takes 4 bytes: ask each tensor for "
        "its `element_size()`.",
    }


def _bytes(tensors: Iterable[Tensor]) -> int:
    return sum(tensor.numel() * tensor.element_size() for tensor in tensors)


EXERCISES = Exercises(CountByHand, Count, Largest, TrainingMemory)
