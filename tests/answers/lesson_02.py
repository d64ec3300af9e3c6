"""Right and wrong answers to the exercises of lesson 02."""

from tests.answers import Answers, Wrong

BY_HAND = """
conv = {conv}
depthwise = {depthwise}
norm = {norm}
linear = {linear}
"""
RIGHT = {"conv": 73_856, "depthwise": 3_200, "norm": 256, "linear": 6_405}


def _by_hand(**other: object) -> str:
    return BY_HAND.format(**{**RIGHT, **other})


ANSWERS = {
    "2.1": Answers(
        right={
            "numbers": _by_hand(),
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
            "forgets the biases of the convolution": Wrong(_by_hand(conv=128 * 64 * 9), "left out the biases"),
            "biases of the input channels": Wrong(_by_hand(conv=128 * 64 * 9 + 64), "output channels"),
            "window of one side": Wrong(_by_hand(conv=128 * 64 * 3 + 128), "3 x 3"),
            "depthwise as an ordinary convolution": Wrong(_by_hand(depthwise=128 * 128 * 25), "one input channel"),
            "depthwise with biases": Wrong(_by_hand(depthwise=128 * 26), "no biases"),
            "BatchNorm with its buffers": Wrong(_by_hand(norm=513), "num_batches_tracked"),
            "BatchNorm with its statistics": Wrong(_by_hand(norm=512), "running_var"),
            "linear without biases": Wrong(_by_hand(linear=6_400), "one for each output"),
            "the formula as text": Wrong(_by_hand(linear="'1280 * 5 + 5'"), "a number was expected"),
            "something else": Wrong(_by_hand(linear=1), "Write down the shape"),
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
                """
def count(model):
    parameters = list(model.parameters())
    trainable = [p for p in parameters if p.requires_grad]
    frozen = len(parameters) - len(trainable)
    buffers = len(list(model.buffers()))
    return {"total": len(parameters), "trainable": len(trainable), "frozen": frozen, "buffers": buffers}
""",
                "number of tensors",
            ),
            "takes the state dict for the parameters": Wrong(
                """
def count(model):
    total = sum(t.numel() for t in model.state_dict().values())
    trainable = sum(p.numel() for p in model.parameters() if p.requires_grad)
    return {"total": total, "trainable": trainable, "frozen": total - trainable, "buffers": 0}
""",
                "counted the buffers as parameters",
            ),
            "forgets the buffers": Wrong(
                """
def count(model):
    total = sum(p.numel() for p in model.parameters())
    trainable = sum(p.numel() for p in model.parameters() if p.requires_grad)
    return {"total": total, "trainable": trainable, "frozen": total - trainable, "buffers": 0}
""",
                "model.buffers()",
            ),
            "counts tensors of buffers": Wrong(
                """
def count(model):
    total = sum(p.numel() for p in model.parameters())
    trainable = sum(p.numel() for p in model.parameters() if p.requires_grad)
    buffers = len(list(model.buffers()))
    return {"total": total, "trainable": trainable, "frozen": total - trainable, "buffers": buffers}
""",
                "number of tensors",
            ),
            "calls everything trainable": Wrong(
                """
def count(model):
    total = sum(p.numel() for p in model.parameters())
    buffers = sum(b.numel() for b in model.buffers())
    return {"total": total, "trainable": total, "frozen": 0, "buffers": buffers}
""",
                "A frozen parameter is not trainable",
            ),
            "counts the trainable ones as total": Wrong(
                """
def count(model):
    total = sum(p.numel() for p in model.parameters() if p.requires_grad)
    buffers = sum(b.numel() for b in model.buffers())
    return {"total": total, "trainable": total, "frozen": 0, "buffers": buffers}
""",
                "holds the frozen parameters too",
            ),
            "judges a layer by its weight": Wrong(
                """
def count(model):
    total = sum(p.numel() for p in model.parameters())
    trainable = 0
    for module in model.modules():
        own = list(module.parameters(recurse=False))
        if own and own[0].requires_grad:
            trainable += sum(p.numel() for p in own)
    buffers = sum(b.numel() for b in model.buffers())
    return {"total": total, "trainable": trainable, "frozen": total - trainable, "buffers": buffers}
""",
                "ask every one",
            ),
            "adds up layers": Wrong(
                """
def count(model):
    layers = [m for m in model.modules() if not list(m.children())]
    parameters = [p for layer in layers for p in layer.parameters()]
    total = sum(p.numel() for p in parameters)
    trainable = sum(p.numel() for p in parameters if p.requires_grad)
    buffers = sum(b.numel() for layer in layers for b in layer.buffers())
    return {"total": total, "trainable": trainable, "frozen": total - trainable, "buffers": buffers}
""",
                "belongs to no layer inside it",
            ),
            "counts a shared weight twice": Wrong(
                """
def count(model):
    parameters = [p for m in model.modules() for p in m.parameters(recurse=False)]
    total = sum(p.numel() for p in parameters)
    trainable = sum(p.numel() for p in parameters if p.requires_grad)
    buffers = sum(b.numel() for b in model.buffers())
    return {"total": total, "trainable": trainable, "frozen": total - trainable, "buffers": buffers}
""",
                "is one tensor and counts once",
            ),
            "looks at direct children only": Wrong(
                """
def count(model):
    parameters = [p for m in [model, *model.children()] for p in m.parameters(recurse=False)]
    total = sum(p.numel() for p in parameters)
    trainable = sum(p.numel() for p in parameters if p.requires_grad)
    buffers = sum(b.numel() for b in model.buffers())
    return {"total": total, "trainable": trainable, "frozen": total - trainable, "buffers": buffers}
""",
                "blocks inside of blocks",
            ),
            "prints and returns nothing": Wrong(
                """
def count(model):
    total = sum(p.numel() for p in model.parameters())
    found = {"total": total}
""",
                "Is there a `return`?",
            ),
            "freezes while it counts": Wrong(
                """
def count(model):
    total = sum(p.numel() for p in model.parameters())
    trainable = sum(p.numel() for p in model.parameters() if p.requires_grad)
    buffers = sum(b.numel() for b in model.requires_grad_(False).buffers())
    return {"total": total, "trainable": trainable, "frozen": total - trainable, "buffers": buffers}
""",
                "Counting changes nothing",
            ),
            "lacks a key": Wrong(
                """
def count(model):
    total = sum(p.numel() for p in model.parameters())
    trainable = sum(p.numel() for p in model.parameters() if p.requires_grad)
    return {"total": total, "trainable": trainable, "frozen": total - trainable}
""",
                "has no `buffers`",
            ),
            "misspells the method": Wrong(
                """
def count(model):
    total = sum(p.numels() for p in model.parameters())
    return {"total": total, "trainable": total, "frozen": 0, "buffers": 0}
""",
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
            "counts containers": Wrong(
                """
def largest(model, n):
    counts = [(name, sum(p.numel() for p in m.parameters())) for name, m in model.named_modules()]
    return sorted(counts, key=lambda pair: -pair[1])[:n]
""",
                "is a container",
            ),
            "lists tensors": Wrong(
                """
def largest(model, n):
    counts = [(name, p.numel()) for name, p in model.named_parameters()]
    return sorted(counts, key=lambda pair: -pair[1])[:n]
""",
                "one tensor of a layer",
            ),
            "leaves only": Wrong(
                """
def largest(model, n):
    leaves = [(name, m) for name, m in model.named_modules() if not list(m.children())]
    counts = [(name, sum(p.numel() for p in m.parameters())) for name, m in leaves]
    return sorted([c for c in counts if c[1]], key=lambda pair: -pair[1])[:n]
""",
                "have children too",
            ),
            "smallest first": Wrong(
                """
def largest(model, n):
    counts = [(name, sum(p.numel() for p in m.parameters(recurse=False))) for name, m in model.named_modules()]
    return sorted([c for c in counts if c[1]], key=lambda pair: pair[1])[:n]
""",
                "largest comes first",
            ),
            "all of them": Wrong(
                """
def largest(model, n):
    counts = [(name, sum(p.numel() for p in m.parameters(recurse=False))) for name, m in model.named_modules()]
    return sorted([c for c in counts if c[1]], key=lambda pair: -pair[1])
""",
                "2 were expected",
            ),
            "in the network's order": Wrong(
                """
def largest(model, n):
    counts = [(name, sum(p.numel() for p in m.parameters(recurse=False))) for name, m in model.named_modules()]
    return [c for c in counts if c[1]][:n]
""",
                "largest comes first",
            ),
            "direct children only": Wrong(
                """
def largest(model, n):
    counts = [(name, sum(p.numel() for p in m.parameters(recurse=False))) for name, m in model.named_children()]
    return sorted([c for c in counts if c[1]], key=lambda pair: -pair[1])[:n]
""",
                "It sits in a block",
            ),
            "keeps empty layers": Wrong(
                """
def largest(model, n):
    counts = [(name, sum(p.numel() for p in m.parameters(recurse=False))) for name, m in model.named_modules()]
    return sorted(counts, key=lambda pair: -pair[1])[:n]
""",
                "leave it out",
            ),
            "a dict": Wrong(
                """
def largest(model, n):
    return {name: sum(p.numel() for p in m.parameters(recurse=False)) for name, m in model.named_modules()}
""",
                "list of pairs",
            ),
            "forgets the module itself": Wrong(
                """
def largest(model, n):
    counts = []
    for name, m in model.named_modules():
        own = sum(p.numel() for p in m.parameters(recurse=False))
        if name and own:
            counts.append((name, own))
    return sorted(counts, key=lambda pair: -pair[1])[:n]
""",
                "2 were expected",
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
                """
def training_megabytes(model):
    if not isinstance(model, nn.Module):
        raise TypeError("not a network")
    size = sum(4 * p.nbytes for p in model.parameters()) + sum(b.nbytes for b in model.buffers())
    return size / 1e6
""",
                "Frozen parameters have no gradient",
            ),
            "four bytes a number": Wrong(
                """
def training_megabytes(model):
    if not isinstance(model, nn.Module):
        raise TypeError("not a network")
    numbers = sum(p.numel() * (4 if p.requires_grad else 1) for p in model.parameters())
    return 4 * (numbers + sum(b.numel() for b in model.buffers())) / 1e6
""",
                "element_size()",
            ),
            "forgets the buffers": Wrong(
                """
def training_megabytes(model):
    if not isinstance(model, nn.Module):
        raise TypeError("not a network")
    return sum(p.nbytes * (4 if p.requires_grad else 1) for p in model.parameters()) / 1e6
""",
                "left out the buffers",
            ),
            "one type for all, from the first parameter": Wrong(
                """
def training_megabytes(model):
    if not isinstance(model, nn.Module):
        raise TypeError("not a network")
    size = next(model.parameters()).element_size()
    numbers = sum(p.numel() * (4 if p.requires_grad else 1) for p in model.parameters())
    return size * numbers / 1e6 + sum(b.nbytes for b in model.buffers()) / 1e6
""",
                "StopIteration",
                "error",
            ),
            "mebibytes": Wrong(
                """
def training_megabytes(model):
    if not isinstance(model, nn.Module):
        raise TypeError("not a network")
    size = sum(p.nbytes * (4 if p.requires_grad else 1) for p in model.parameters())
    return (size + sum(b.nbytes for b in model.buffers())) / 2**20
""",
                "MiB",
            ),
            "bytes": Wrong(
                """
def training_megabytes(model):
    if not isinstance(model, nn.Module):
        raise TypeError("not a network")
    size = sum(p.nbytes * (4 if p.requires_grad else 1) for p in model.parameters())
    return size + sum(b.nbytes for b in model.buffers())
""",
                "divide by 1e6",
            ),
            "forgets the gradients": Wrong(
                """
def training_megabytes(model):
    if not isinstance(model, nn.Module):
        raise TypeError("not a network")
    size = sum(p.nbytes * (3 if p.requires_grad else 1) for p in model.parameters())
    return (size + sum(b.nbytes for b in model.buffers())) / 1e6
""",
                "Gradients take one more",
            ),
            "the network alone": Wrong(
                """
def training_megabytes(model):
    if not isinstance(model, nn.Module):
        raise TypeError("not a network")
    return sum(t.nbytes for t in [*model.parameters(), *model.buffers()]) / 1e6
""",
                "the network alone",
            ),
            "asks nothing of its input": Wrong(
                """
def training_megabytes(model):
    size = sum(p.nbytes * (4 if p.requires_grad else 1) for p in model.parameters())
    return (size + sum(b.nbytes for b in model.buffers())) / 1e6
""",
                "raise yourself",
            ),
            "zero for None": Wrong(
                """
def training_megabytes(model):
    if not isinstance(model, nn.Module):
        return 0
    size = sum(p.nbytes * (4 if p.requires_grad else 1) for p in model.parameters())
    return (size + sum(b.nbytes for b in model.buffers())) / 1e6
""",
                "a `TypeError` was expected",
            ),
        },
    ),
}
