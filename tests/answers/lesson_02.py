"""Right and wrong answers to the exercises of lesson 02."""

from helpers.lessons.lesson_02 import EXERCISES
from tests.answers import Answers, Wrong, but_for, liar

BY_HAND, COUNT, LARGEST, MEMORY = (EXERCISES[number].answer for number in ("2.1", "2.2", "2.3", "2.4"))


def _by_hand(name: str, value: object) -> str:
    """A right answer to 2.1 but for the value of `name`."""
    line = next(line for line in BY_HAND.splitlines() if line.startswith(f"{name} ="))
    return but_for(BY_HAND, line, f"{name} = {value}")


ANSWERS = {
    "2.1": Answers(
        right={
            "numbers": "conv, depthwise, norm, linear = 73_856, 3_200, 256, 6_405",
            "a tensor's count": _by_hand("conv", "torch.tensor(73_856)"),
            "a fraction": "from fractions import Fraction\n" + _by_hand("norm", "Fraction(512, 2)"),
            "a decimal": "from decimal import Decimal\n" + _by_hand("norm", "Decimal(256)"),
            "a number of numpy": "import numpy\n" + _by_hand("norm", "numpy.int64(256)"),
            "asks PyTorch": """
def size(layer):
    return sum(p.numel() for p in layer.parameters())


with torch.device("meta"):
    conv = size(nn.Conv2d(64, 128, kernel_size=3))
    depthwise = size(nn.Conv2d(128, 128, kernel_size=5, groups=128, bias=False))
    norm = size(nn.BatchNorm2d(128))
    linear = size(nn.Linear(1280, 5))
""",
        },
        wrong={
            "forgets the biases of the convolution": Wrong(_by_hand("conv", 128 * 64 * 9), "left out the biases"),
            "biases of the input channels": Wrong(_by_hand("conv", 128 * 64 * 9 + 64), "output channels"),
            "window of one side": Wrong(_by_hand("conv", 128 * 64 * 3 + 128), "3 x 3"),
            "depthwise as an ordinary convolution": Wrong(_by_hand("depthwise", 128 * 128 * 25), "one input channel"),
            "depthwise with biases": Wrong(_by_hand("depthwise", 128 * 26), "no biases"),
            "BatchNorm with its buffers": Wrong(_by_hand("norm", 513), "num_batches_tracked"),
            "BatchNorm with its statistics": Wrong(_by_hand("norm", 512), "running_var"),
            "linear without biases": Wrong(_by_hand("linear", 6_400), "`linear = 6,400` is not what"),
            "the formula as text": Wrong(_by_hand("linear", "'1280 * 5 + 5'"), "a number was expected"),
            "a tensor without numbers": Wrong(
                _by_hand("linear", "torch.tensor(6_405, device='meta')"), "a number was expected"
            ),
            "a truth value": Wrong(_by_hand("linear", True), "a number was expected"),
            "something else where there are no biases": Wrong(
                _by_hand("depthwise", 1), "With `bias=False` that is all"
            ),
            "something else": Wrong(_by_hand("linear", 1), "Write down the shape"),
            "a number that equals all": Wrong(liar("int") + _by_hand("linear", "Liar(7)"), "`linear = 7` is not what"),
            "a text that equals all": Wrong(liar("str") + _by_hand("norm", "Liar()"), "a number was expected"),
        },
    ),
    "2.2": Answers(
        right={
            "in one loop": """
def count(model):
    found = {"total": 0, "trainable": 0, "frozen": 0, "buffers": 0}
    for p in model.parameters():
        found["total"] += p.numel()
        found["trainable" if p.requires_grad else "frozen"] += p.numel()
    for b in model.buffers():
        found["buffers"] += b.numel()
    return found
""",
            "walks over modules and remembers what it saw": """
def count(model):
    seen = {}
    buffers = {}
    for module in model.modules():
        for p in module._parameters.values():
            if p is not None:
                seen[id(p)] = p
        for b in module._buffers.values():
            if b is not None:
                buffers[id(b)] = b
    trainable = sum(p.numel() for p in seen.values() if p.requires_grad)
    frozen = sum(p.numel() for p in seen.values() if not p.requires_grad)
    return dict(
        total=trainable + frozen, trainable=trainable, frozen=frozen, buffers=sum(b.numel() for b in buffers.values())
    )
""",
        },
        wrong={
            "counts tensors": Wrong(
                but_for(COUNT, "sum(p.numel() for p in model.parameters())", "len(list(model.parameters()))"),
                "number of tensors",
            ),
            "takes the state dict for the parameters": Wrong(
                but_for(COUNT, "for p in model.parameters())", "for p in model.state_dict().values())"),
                "counted the buffers as parameters",
            ),
            "takes every entry of _buffers for a tensor": Wrong(
                """
def count(model):
    numbers = [p.numel() for p in model.parameters()]
    trainable = sum(p.numel() for p in model.parameters() if p.requires_grad)
    buffers = {b: b.numel() for module in model.modules() for b in module._buffers.values()}
    total = sum(numbers)
    return {"total": total, "trainable": trainable, "frozen": total - trainable, "buffers": sum(buffers.values())}
""",
                "AttributeError: 'NoneType' object has no attribute 'numel'",
                outcome="error",
            ),
            "forgets the buffers": Wrong(
                but_for(COUNT, "sum(b.numel() for b in model.buffers())", "0"), "model.buffers()"
            ),
            "counts tensors of buffers": Wrong(
                but_for(COUNT, "sum(b.numel() for b in model.buffers())", "len(list(model.buffers()))"),
                "number of tensors",
            ),
            "calls everything trainable": Wrong(
                but_for(COUNT, "sum(p.numel() for p in model.parameters() if p.requires_grad)", "total"),
                "A frozen parameter is not trainable",
            ),
            "counts the trainable ones as total": Wrong(
                but_for(COUNT, "for p in model.parameters())", "for p in model.parameters() if p.requires_grad)"),
                "holds the frozen parameters too",
            ),
            "judges a layer by its weight": Wrong(
                but_for(
                    COUNT,
                    "for p in model.parameters() if p.requires_grad)",
                    "for m in model.modules() for p in m.parameters(False) if next(m.parameters(False)).requires_grad)",
                ),
                "ask every one",
            ),
            "adds up layers": Wrong(
                but_for(
                    COUNT,
                    "for p in model.parameters())",
                    "for m in model.modules() if not list(m.children()) for p in m.parameters())",
                ),
                "belongs to no layer inside it",
            ),
            "counts a shared weight twice": Wrong(
                but_for(
                    COUNT,
                    "for p in model.parameters())",
                    "for m in model.modules() for p in m.parameters(recurse=False))",
                ),
                "is one tensor and counts once",
            ),
            "looks at direct children only": Wrong(
                but_for(
                    COUNT,
                    "for p in model.parameters())",
                    "for m in [model, *model.children()] for p in m.parameters(recurse=False))",
                ),
                "blocks inside of blocks",
            ),
            "counts a shared frozen weight twice": Wrong(
                but_for(
                    COUNT,
                    '"frozen": total - trainable',
                    '"frozen": sum(p.numel() for _, p in model.named_parameters(remove_duplicate=False)'
                    " if not p.requires_grad)",
                ),
                "The shared weight is one tensor and counts once",
            ),
            "counts the numbers that it gets out of a buffer": Wrong(
                but_for(COUNT, "b.numel() for b", "len(b.flatten().tolist()) for b"), "meta", outcome="error"
            ),
            "takes the trainable for the frozen": Wrong(
                but_for(COUNT, '"frozen": total - trainable', '"frozen": trainable'), "those that are not trainable"
            ),
            "a tuple": Wrong(
                "def count(model):\n    n = sum(p.numel() for p in model.parameters())\n    return n, n, 0, 0",
                'was expected: `{"total"',
            ),
            "prints and returns nothing": Wrong(but_for(COUNT, "return {", "found = {"), "Is there a `return`?"),
            "freezes while it counts": Wrong(
                but_for(COUNT, "in model.buffers())", "in model.requires_grad_(False).buffers())"),
                "Counting changes nothing",
            ),
            "lacks a key": Wrong(but_for(COUNT, ', "buffers": buffers}', "}"), "has no `buffers`"),
            "gives text": Wrong(
                but_for(COUNT, '"buffers": buffers', '"buffers": str(buffers)'), "a number was expected"
            ),
            "a number that equals all": Wrong(
                liar("int") + but_for(COUNT, '"buffers": buffers', '"buffers": Liar(-1)'), "you say buffers = -1"
            ),
            "misspells the method": Wrong(
                but_for(
                    COUNT, "sum(p.numel() for p in model.parameters())", "sum(p.numels() for p in model.parameters())"
                ),
                "AttributeError",
                "error",
            ),
        },
    ),
    "2.3": Answers(
        right={
            "from the names of the parameters": """
def largest(model, n):
    counts = {}
    for name, p in model.named_parameters():
        layer = name.rpartition(".")[0]
        counts[layer] = counts.get(layer, 0) + p.numel()
    best = sorted(counts, key=lambda layer: -counts[layer])
    return [(layer, counts[layer]) for layer in best[:n]]
""",
        },
        wrong={
            "counts containers": Wrong(but_for(LARGEST, "recurse=False", ""), "of a container"),
            "lists tensors": Wrong(
                """
def largest(model, n):
    counts = [(name, p.numel()) for name, p in model.named_parameters()]
    return sorted(counts, key=lambda pair: -pair[1])[:n]
""",
                "one tensor of a layer",
            ),
            "leaves only": Wrong(
                but_for(LARGEST, "if own:", "if own and not list(module.children()):"), "have children too"
            ),
            "smallest first": Wrong(but_for(LARGEST, "reverse=True", "reverse=False"), "largest comes first"),
            "all of them": Wrong(but_for(LARGEST, "[:n]", ""), "2 were expected"),
            "in the network's order": Wrong(
                but_for(LARGEST, "sorted(counts, key=lambda pair: pair[1], reverse=True)", "counts"),
                "largest comes first",
            ),
            "direct children only": Wrong(
                but_for(LARGEST, "model.named_modules()", "model.named_children()"), "It sits in a block"
            ),
            "loses a layer as large as another": Wrong(
                but_for(LARGEST, "sorted(counts,", "sorted({own: (name, own) for name, own in counts}.values(),"),
                "has 1 entries, and 2 were expected",
            ),
            "keeps empty layers": Wrong(but_for(LARGEST, "if own:", "if True:"), "leave it out"),
            "a dict": Wrong(but_for(LARGEST, "return sorted", "return dict(counts) or sorted"), "list of pairs"),
            "forgets the module itself": Wrong(but_for(LARGEST, "if own:", "if name and own:"), "2 were expected"),
            "counts trainable parameters only": Wrong(
                but_for(LARGEST, "(recurse=False)", "(recurse=False) if p.requires_grad"),
                "lacks `'0'`, which holds 28 itself. Frozen parameters count as well",
            ),
            "leaves layers with a frozen bias out": Wrong(
                but_for(LARGEST, "if own:", "if own and all(p.requires_grad for p in module.parameters()):"),
                "Frozen parameters count as well",
            ),
            "counts what can learn in layers that learn": Wrong(
                but_for(
                    LARGEST,
                    "(recurse=False)",
                    "(recurse=False) if p.requires_grad or not any(q.requires_grad for q in module.parameters())",
                ),
                "`'1'` with 12, and it holds 15 itself. Frozen parameters count as well",
            ),
            "counts buffers too": Wrong(
                but_for(
                    LARGEST,
                    "        if own:",
                    "        own += sum(b.numel() for b in module.buffers(recurse=False))\n        if own:",
                ),
                "and it holds 8 itself. Buffers are no parameters",
            ),
            "freezes while it counts": Wrong(
                but_for(LARGEST, "module.parameters(", "module.requires_grad_(False).parameters("),
                "`requires_grad` of `0.weight`",
            ),
            "lists a layer twice": Wrong(
                but_for(LARGEST, "return sorted(counts, ", "return sorted(counts[:1] * 2 or counts, "),
                "more than once",
            ),
            "a number that equals all": Wrong(
                liar("int") + but_for(LARGEST, "(name, own)", "(name, Liar(own + 1))"),
                "has `'1.0'` with 361, and it holds 360",
            ),
            "a name that equals all": Wrong(
                liar("str") + but_for(LARGEST, "(name, own)", "(Liar('layer'), own)"), "no layer has that name"
            ),
        },
    ),
    "2.4": Answers(
        right={
            "tensor by tensor": """
def training_megabytes(model):
    if model is None or isinstance(model, str):
        raise TypeError("not a network")
    size = 0
    for p in model.parameters():
        size += p.nbytes * (4 if p.requires_grad else 1)
    for b in model.buffers():
        size += b.nbytes
    return size / 10**6
""",
        },
        wrong={
            "four for every parameter": Wrong(
                but_for(MEMORY, "if p.requires_grad]", "]"), "Frozen parameters have no gradient"
            ),
            "four bytes a number": Wrong(
                MEMORY.replace("t.element_size()", "4").replace("p.element_size()", "4"), "element_size()"
            ),
            "forgets the buffers": Wrong(
                but_for(MEMORY, "[*model.parameters(), *model.buffers()]", "list(model.parameters())"),
                "left out the buffers",
            ),
            "one dtype for all, from the first parameter": Wrong(
                but_for(MEMORY, "3 * sum(p.numel() * p.element_size()", "3 * sum(p.numel() * held[0].element_size()"),
                "a network whose head alone is in float64",
            ),
            "stops at a network without parameters": Wrong(
                but_for(MEMORY, "size = sum(", "size = 0 * held[0].nbytes + sum("), "IndexError", "error"
            ),
            "mebibytes": Wrong(but_for(MEMORY, "size / 1e6", "size / 2**20"), "MiB"),
            "bytes": Wrong(but_for(MEMORY, "size / 1e6", "size"), "divide by 1e6"),
            "forgets the gradients": Wrong(but_for(MEMORY, "+= 3 *", "+= 2 *"), "Gradients take one more"),
            "the network alone": Wrong(but_for(MEMORY, "+= 3 *", "+= 0 *"), "the network alone"),
            "measures it in single precision": Wrong(
                but_for(MEMORY, "held = [*model", "held = [*model.float()"), "another dtype"
            ),
            "a number that equals all": Wrong(
                liar("float") + but_for(MEMORY, "size / 1e6", "Liar(size / 1e3)"), "you say 801.6 MB, and it is 0.8016"
            ),
            "asks nothing of its input": Wrong(
                but_for(MEMORY, "if not isinstance(model, nn.Module):", "if False:"), "stopped with `AttributeError"
            ),
            "zero for None": Wrong(
                but_for(MEMORY, 'raise TypeError(f"expected a network, got {type(model).__name__}")', "return 0"),
                "gave back `0`: raise a `TypeError`",
            ),
            "refuses without a word": Wrong(
                but_for(MEMORY, 'TypeError(f"expected a network, got {type(model).__name__}")', "TypeError"),
                "says nothing",
            ),
        },
    ),
}
