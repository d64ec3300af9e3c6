"""Right and wrong answers to lesson 09."""

from __future__ import annotations

from helpers.lessons.lesson_09 import EXERCISES
from tests.answers import Answers, Wrong, but_for

PARTS, DEAL, REPORTS, GO_ON, ONCE = (EXERCISES[f"9.{number}"].answer for number in (1, 2, 3, 4, 5))

# Right answers, too, from which some of the wrong ones differ in a line.
BY_WEIGHTED_MEANS = """
def accumulate(model, parts):
    if len(parts) == 0:
        raise ValueError("no parts were given")
    every = sum(len(images) for images, _ in parts)
    for p in model.parameters():
        p.grad = None
    losses = []
    for images, labels in parts:
        loss = nn.functional.cross_entropy(model(images), labels) * (len(images) / every)
        loss.backward()
        losses.append(loss.detach())
    return torch.stack(losses).sum()
"""
BY_PYTHONS_DICE = """
import random


def deal(count, rank, size, epoch):
    if rank < 0 or rank >= size:
        raise ValueError(f"rank {rank} is none of 0 to {size - 1}")
    order = list(range(count))
    random.Random(epoch).shuffle(order)
    return [index for place, index in enumerate(order) if place % size == rank]
"""
BY_LOOP = """
def over_all(reports):
    losses = right = pictures = 0
    for loss, correct, count in reports:
        if count == 0:
            continue
        losses += loss * count
        right += correct
        pictures += count
    if pictures == 0:
        raise ValueError("nothing to average: 0 pictures")
    return losses / pictures, right / pictures
"""
IN_A_TUPLE = """
def save(path, model, optimizer, scheduler, step):
    parts = [one.state_dict() for one in (model, optimizer, scheduler)]
    torch.save((parts, torch.random.get_rng_state(), step), path)


def load(path, model, optimizer, scheduler):
    parts, dice, step = torch.load(path, weights_only=True)
    for one, state in zip((model, optimizer, scheduler), parts):
        one.load_state_dict(state)
    torch.random.set_rng_state(dice)
    return step
"""

ANSWERS = {
    "9.1": Answers(
        right={
            "weighs each part's mean": BY_WEIGHTED_MEANS,
            "divides the gradients at the end": """
def accumulate(model, parts):
    if not parts:
        raise ValueError("parts is empty")
    model.zero_grad()
    loss, pictures = 0, 0
    for images, labels in parts:
        of_part = nn.functional.cross_entropy(model(images), labels, reduction="sum")
        of_part.backward()
        loss, pictures = loss + of_part.item(), pictures + len(labels)
    for parameter in model.parameters():
        parameter.grad /= pictures
    return loss / pictures
""",
            "clears with an optimizer": """
def accumulate(model, parts):
    if not parts:
        raise ValueError("give at least one part")
    torch.optim.SGD(model.parameters(), lr=0.1).zero_grad()
    n = sum(map(len, [labels for _, labels in parts]))
    criterion = nn.CrossEntropyLoss(reduction="sum")
    total = torch.zeros(())
    for images, labels in parts:
        loss = criterion(model(images), labels)
        (loss / n).backward()
        total += loss.detach() / n
    return total
""",
            "asks for the gradients": """
def accumulate(model, parts):
    if not parts:
        raise ValueError("no parts")
    weights, n = list(model.parameters()), sum(len(y) for _, y in parts)
    for p in weights:
        p.grad = torch.zeros_like(p)
    mean = 0.0
    for x, y in parts:
        loss = nn.functional.cross_entropy(model(x), y) * len(y) / n
        for p, g in zip(weights, torch.autograd.grad(loss, weights)):
            p.grad += g
        mean += float(loss)
    return mean
""",
        },
        wrong={
            "a mean of means": Wrong(
                """
def accumulate(model, parts):
    if not parts:
        raise ValueError("no parts")
    model.zero_grad()
    total = 0.0
    for images, labels in parts:
        loss = nn.functional.cross_entropy(model(images), labels) / len(parts)
        loss.backward()
        total += loss.item()
    return total
""",
                "With parts of 4, 4 and 1, your gradients are not those of the whole batch",
            ),
            "adds the means": Wrong(
                but_for(BY_WEIGHTED_MEANS, " * (len(images) / every)", ""),
                "your gradients are 3 times those of the whole batch",
            ),
            "adds the sums": Wrong(but_for(PARTS, " / count", ""), "Divide by the number of all pictures"),
            "keeps old gradients": Wrong(
                but_for(PARTS, "    model.zero_grad()\n", ""), "With gradients of an earlier step still there"
            ),
            "clears before each part": Wrong(
                but_for(PARTS, "        loss.backward()", "        model.zero_grad()\n        loss.backward()"),
                "your gradients are not those of the whole batch",
            ),
            "puts the parts together": Wrong(
                """
def accumulate(model, parts):
    if not parts:
        raise ValueError("no parts")
    images, labels = torch.cat([x for x, _ in parts]), torch.cat([y for _, y in parts])
    model.zero_grad()
    loss = nn.functional.cross_entropy(model(images), labels)
    loss.backward()
    return loss.item()
""",
                "12 pictures went through the network at once",
            ),
            "goes back once at the end": Wrong(
                """
def accumulate(model, parts):
    if not parts:
        raise ValueError("no parts")
    model.zero_grad()
    count = sum(len(labels) for _, labels in parts)
    losses = [nn.functional.cross_entropy(model(x), y, reduction="sum") for x, y in parts]
    loss = sum(losses) / count
    loss.backward()
    return loss.item()
""",
                "call `backward()` for each part",
            ),
            "takes a step": Wrong(
                but_for(
                    PARTS,
                    "    return total\n",
                    "    torch.optim.SGD(model.parameters(), lr=0.1).step()\n    return total\n",
                ),
                "has other numbers than before",
            ),
            "leaves eval mode": Wrong(
                but_for(PARTS, "    model.zero_grad()\n", "    model.zero_grad()\n    model.eval()\n"), "`train()` mode"
            ),
            "the last loss": Wrong(but_for(PARTS, "total += loss.item()", "total = loss.item()"), "the mean loss is"),
            "the sum of the losses": Wrong(
                but_for(PARTS, "total += loss.item()", "total += loss.item() * count"), "the mean loss is"
            ),
            "returns nothing": Wrong(but_for(PARTS, "    return total\n", ""), "the mean loss was expected"),
            "no parts is a loss of 0": Wrong(
                but_for(PARTS, '        raise ValueError("there are no parts, so no loss")', "        return 0.0"),
                "Without any part, your function gave back",
            ),
            "goes nowhere": Wrong(but_for(PARTS, "        loss.backward()\n", ""), "was sent back by `backward()`"),
        },
    ),
    "9.2": Answers(
        right={
            "Python's dice": BY_PYTHONS_DICE,
            "numpy's dice": """
import numpy as np


def deal(count, rank, size, epoch):
    if rank not in range(size):
        raise ValueError(f"rank {rank} of {size}")
    return np.random.default_rng(epoch).permutation(count)[rank::size].tolist()
""",
            "runs of neighbours in the order": """
def deal(count, rank, size, epoch):
    if not 0 <= rank < size:
        raise ValueError(f"no process {rank}")
    generator = torch.Generator()
    generator.manual_seed(epoch)
    order = torch.randperm(count, generator=generator)
    return torch.tensor_split(order, size)[rank].tolist()
""",
            "a tensor": """
def deal(count, rank, size, epoch):
    if rank >= size or rank < 0:
        raise ValueError("such a process is not there")
    dice = torch.Generator().manual_seed(1000 + epoch)
    return torch.randperm(count, generator=dice)[torch.arange(count) % size == rank]
""",
        },
        wrong={
            "drops what is left over": Wrong(
                but_for(DEAL, "order[rank::size]", "order[: count // size * size][rank::size]"), "are in no share"
            ),
            "deals some twice": Wrong(
                but_for(
                    DEAL,
                    "    return order",
                    "    while len(order) % size and order:\n        order.append(order[0])\n    return order",
                ),
                "dealt out more than once",
            ),
            "the sampler of PyTorch": Wrong(
                """
def deal(count, rank, size, epoch):
    sampler = torch.utils.data.DistributedSampler(range(count), size, rank, shuffle=True)
    sampler.set_epoch(epoch)
    return list(sampler)
""",
                "For 10 pictures and 4 processes, 2 pictures are dealt out more than once",
            ),
            "the last takes the rest": Wrong(
                but_for(
                    DEAL,
                    "order[rank::size]",
                    "order[rank * (count // size) : (rank + 1) * (count // size) if rank < size - 1 else count]",
                ),
                "They may differ by one at most",
            ),
            "ignores the epoch": Wrong(
                but_for(DEAL, "manual_seed(epoch)", "manual_seed(0)"), "every epoch has the same order"
            ),
            "dice of the whole process": Wrong(
                but_for(DEAL, ", generator=torch.Generator().manual_seed(epoch)", ""), "PyTorch's own generator"
            ),
            "seeds the whole process": Wrong(
                but_for(
                    DEAL,
                    "    order = torch.randperm(count, generator=torch.Generator().manual_seed(epoch)).tolist()",
                    "    torch.manual_seed(epoch)\n    order = torch.randperm(count).tolist()",
                ),
                "PyTorch's own generator",
            ),
            "another order in each process": Wrong(
                but_for(DEAL, "manual_seed(epoch)", "manual_seed(epoch + 100 * rank)"), "do not have the same order"
            ),
            "no order at all": Wrong(
                but_for(
                    DEAL, "torch.randperm(count, generator=torch.Generator().manual_seed(epoch))", "torch.arange(count)"
                ),
                "every epoch has the same order",
            ),
            "shuffles its own share": Wrong(
                """
import random


def deal(count, rank, size, epoch):
    if not 0 <= rank < size:
        raise ValueError(f"no process {rank}")
    own = list(range(count))[rank::size]
    random.Random(epoch).shuffle(own)
    return own
""",
                "the same pictures in every epoch",
            ),
            "sorts its share": Wrong(
                but_for(DEAL, "return order[rank::size]", "return sorted(order[rank::size])"), "comes sorted"
            ),
            "counts ranks from 1": Wrong(
                but_for(DEAL, "    return order[rank::size]", "    return order[rank - 1 :: size]"), "are in no share"
            ),
            "takes any rank": Wrong(
                but_for(DEAL, "if not 0 <= rank < size:", "if rank >= size:"), "For process -1 of 3"
            ),
            "takes the rank after the last": Wrong(
                but_for(DEAL, "if not 0 <= rank < size:", "if not 0 <= rank <= size:"), "For process 3 of 3"
            ),
            "gives how many": Wrong(
                but_for(DEAL, "return order[rank::size]", "return len(order[rank::size])"),
                "a list of whole numbers was expected",
            ),
        },
    ),
    "9.3": Answers(
        right={
            "in a loop": BY_LOOP,
            "by numpy": """
import numpy as np


def over_all(reports):
    table = np.array([report for report in reports if report[2] > 0], dtype=float)
    if table.size == 0:
        raise ValueError("no pictures")
    loss, right, count = table.T
    return np.average(loss, weights=count), right.sum() / count.sum()
""",
            "by tensors": """
def over_all(reports):
    numbers = torch.tensor(reports, dtype=torch.float64).reshape(-1, 3)
    numbers = numbers[numbers[:, 2] > 0]
    if not len(numbers):
        raise ValueError("there are no pictures to judge by")
    count = numbers[:, 2].sum()
    return (numbers[:, 0] * numbers[:, 2]).sum() / count, numbers[:, 1].sum() / count
""",
            "in a list": """
def over_all(reports):
    n = sum(c for *_, c in reports)
    if n == 0:
        raise ValueError("empty")
    return [sum(l * c for l, _, c in reports if c) / n, sum(r for _, r, _ in reports) / n]
""",
        },
        wrong={
            "the mean of the accuracies": Wrong(
                """
def over_all(reports):
    reports = [one for one in reports if one[2]]
    if not reports:
        raise ValueError("no pictures")
    loss = sum(loss for loss, _, _ in reports) / len(reports)
    return loss, sum(right / count for _, right, count in reports) / len(reports)
""",
                "For shares of 9 and 1, the accuracy is 0.9000, and you gave 0.5000. That is the mean of",
            ),
            "the mean of the losses": Wrong(
                but_for(
                    REPORTS,
                    "sum(loss * count for loss, _, count in reports) / pictures",
                    "sum(loss for loss, _, _ in reports) / len(reports)",
                ),
                "the mean loss is 0.6250, and you gave 2.1250",
            ),
            "lets nan in": Wrong(
                but_for(REPORTS, " if count]", "]"), "Where one process saw no picture, the mean loss is"
            ),
            "divides by zero": Wrong(
                but_for(
                    REPORTS, '    if not pictures:\n        raise ValueError("no process has seen a picture")\n', ""
                ),
                "`ZeroDivisionError",
            ),
            "no pictures are an accuracy of 0": Wrong(
                but_for(REPORTS, 'raise ValueError("no process has seen a picture")', "return 0.0, 0.0"),
                "your function gave back",
            ),
            "weighs by right answers": Wrong(
                but_for(
                    REPORTS, "sum(loss * count for loss, _, count in reports)", "sum(l * r for l, r, _ in reports)"
                ),
                "the mean loss is",
            ),
            "the other way round": Wrong(
                but_for(
                    REPORTS,
                    "    return loss, sum(right for _, right, _ in reports) / pictures\n",
                    "    return sum(right for _, right, _ in reports) / pictures, loss\n",
                ),
                "the accuracy is 0.5000, and you gave 1.0000",
            ),
            "per cent": Wrong(
                but_for(
                    REPORTS,
                    "sum(right for _, right, _ in reports) / pictures",
                    "sum(100 * r for _, r, _ in reports) / pictures",
                ),
                "the accuracy is 0.5000, and you gave 50.0000",
            ),
            "the accuracy alone": Wrong(
                but_for(REPORTS, "return loss, sum(", "return sum("), "a pair (loss, accuracy) was expected"
            ),
            "divides by the processes": Wrong(
                but_for(REPORTS, "reports) / pictures\n    return", "reports) / len(reports)\n    return"),
                "the mean loss is",
            ),
            "refuses where one saw nothing": Wrong(
                but_for(
                    BY_LOOP,
                    "            continue\n",
                    '            raise ValueError("a process saw nothing")\n',
                ),
                "Where one process saw no picture, your function refused",
            ),
            "takes empty reports out of the list": Wrong(
                """
def over_all(reports):
    for one in list(reports):
        if not one[2]:
            reports.remove(one)
    pictures = sum(count for _, _, count in reports)
    if not pictures:
        raise ValueError("no pictures")
    loss = sum(loss * count for loss, _, count in reports) / pictures
    return loss, sum(right for _, right, _ in reports) / pictures
""",
                "Your function changed `reports`",
            ),
        },
    ),
    "9.4": Answers(
        right={
            "in a tuple": IN_A_TUPLE,
            "the whole objects": """
def save(path, model, optimizer, scheduler, step):
    everything = {"model": model, "optimizer": optimizer.state_dict(), "scheduler": scheduler.state_dict()}
    torch.save({**everything, "step": step, "dice": torch.get_rng_state()}, path)


def load(path, model, optimizer, scheduler):
    found = torch.load(path, weights_only=False)
    model.load_state_dict(found["model"].state_dict())
    optimizer.load_state_dict(found["optimizer"])
    scheduler.load_state_dict(found["scheduler"])
    torch.set_rng_state(found["dice"])
    return found["step"]
""",
            "through a draft": but_for(
                GO_ON,
                "    torch.save(state, path)\n",
                '    draft = Path(f"{path}.draft")\n    torch.save(state, draft)\n    draft.replace(path)\n',
            ),
            "the step in a tensor": but_for(
                but_for(GO_ON, '"step": step,', '"step": torch.tensor(step),'),
                'return state["step"]',
                'return state["step"].item()',
            ),
        },
        wrong={
            "forgets the random state": Wrong(
                but_for(GO_ON, '    torch.set_rng_state(state["random"])\n', ""), "dropout drew other numbers"
            ),
            "forgets the optimizer": Wrong(
                but_for(GO_ON, '    optimizer.load_state_dict(state["optimizer"])\n', ""),
                "the optimizer has lost its memory",
            ),
            "forgets the scheduler": Wrong(
                but_for(GO_ON, '    scheduler.load_state_dict(state["scheduler"])\n', ""), "a later loss is another one"
            ),
            "the weights alone": Wrong(
                """
def save(path, model, optimizer, scheduler, step):
    torch.save({"model": model.state_dict(), "step": step}, path)


def load(path, model, optimizer, scheduler):
    state = torch.load(path)
    model.load_state_dict(state["model"])
    return state["step"]
""",
                "the optimizer has lost its memory",
            ),
            "parameters without buffers": Wrong(
                but_for(
                    but_for(GO_ON, '"model": model.state_dict(),', '"model": dict(model.named_parameters()),'),
                    'model.load_state_dict(state["model"])',
                    'model.load_state_dict(state["model"], strict=False)',
                ),
                "Its running statistics are buffers",
            ),
            "the random state as of loading": Wrong(
                but_for(GO_ON, 'torch.set_rng_state(state["random"])', "torch.set_rng_state(torch.get_rng_state())"),
                "dropout drew other numbers",
            ),
            "draws after putting the state back": Wrong(
                but_for(GO_ON, '    return state["step"]', '    torch.rand(1)\n    return state["step"]'),
                "`torch.set_rng_state` comes last",
            ),
            "a new seed": Wrong(
                but_for(GO_ON, 'torch.set_rng_state(state["random"])', "torch.manual_seed(0)"), "dropout drew other"
            ),
            "keeps it in memory": Wrong(
                """
KEPT = {}


def save(path, model, optimizer, scheduler, step):
    KEPT["state"] = [one.state_dict() for one in (model, optimizer, scheduler)], torch.get_rng_state(), step


def load(path, model, optimizer, scheduler):
    states, dice, step = KEPT["state"]
    for one, state in zip((model, optimizer, scheduler), states):
        one.load_state_dict(state)
    torch.set_rng_state(dice)
    return step
""",
                "there is no file at `path`",
            ),
            "another file name": Wrong(
                but_for(GO_ON, "torch.save(state, path)", 'torch.save(state, f"{path}.tmp")'),
                "there is no file at `path`",
            ),
            "forgets the step": Wrong(but_for(GO_ON, '    return state["step"]\n', ""), "`load` gives the step"),
            "the next step": Wrong(
                but_for(GO_ON, 'return state["step"]', 'return state["step"] + 1'),
                "`load` should give 3, and you gave 4",
            ),
            "saving ends training": Wrong(
                but_for(GO_ON, "    torch.save(state, path)\n", "    torch.save(state, path)\n    model.eval()\n"),
                "`save` changed the training itself",
            ),
            "evaluates after loading": Wrong(
                but_for(GO_ON, '    return state["step"]', '    model.eval()\n    return state["step"]'),
                "training went on otherwise",
            ),
        },
    ),
    "9.5": Answers(
        right={
            "waits in both branches": """
def write_once(rank, write, wait):
    if rank != 0:
        wait()
        return
    try:
        write()
    finally:
        wait()
""",
            "raises afterwards": """
def write_once(rank, write, wait):
    error = None
    if rank == 0:
        try:
            write()
        except Exception as caught:
            error = caught
    wait()
    if error is not None:
        raise error
""",
            "meets twice": """
def write_once(rank, write, wait):
    wait()
    try:
        if not rank:
            write()
    finally:
        wait()
""",
            "by an exit stack": """
def write_once(rank, write, wait):
    import contextlib

    with contextlib.ExitStack() as at_the_end:
        at_the_end.callback(wait)
        if rank == 0:
            write()
""",
        },
        wrong={
            "everyone writes": Wrong(
                "def write_once(rank, write, wait):\n    write()\n    wait()\n",
                "`write()` was called by process 0, 1, 2",
            ),
            "nobody waits": Wrong(
                "def write_once(rank, write, wait):\n    if rank == 0:\n        write()\n",
                "went on before the file was written",
            ),
            "the writer does not wait": Wrong(
                """
def write_once(rank, write, wait):
    if rank == 0:
        write()
    else:
        wait()
""",
                "would wait for ever",
            ),
            "waits first": Wrong(
                "def write_once(rank, write, wait):\n    wait()\n    if rank == 0:\n        write()\n",
                "went on before the file was written",
            ),
            "hangs where the disk is full": Wrong(
                "def write_once(rank, write, wait):\n    if rank == 0:\n        write()\n    wait()\n",
                "Where `write()` raises, because the disk is full, process 1 would wait for ever",
            ),
            "swallows the error": Wrong(
                """
def write_once(rank, write, wait):
    try:
        if rank == 0:
            write()
    except Exception:
        pass
    wait()
""",
                "went on as if nothing had happened",
            ),
            "the last one writes": Wrong(
                """
def write_once(rank, write, wait):
    try:
        if rank == 2:
            write()
    finally:
        wait()
""",
                "`write()` was called by process 2",
            ),
            "writes twice": Wrong(
                but_for(ONCE, "            write()\n", "            write()\n            write()\n"),
                "`write()` was called by process 0, 0",
            ),
            "only the writer waits": Wrong(
                """
def write_once(rank, write, wait):
    if rank == 0:
        try:
            write()
        finally:
            wait()
""",
                "process 0 would wait for ever",
            ),
            "nobody writes": Wrong("def write_once(rank, write, wait):\n    wait()\n", "nobody wrote"),
            "an error of its own": Wrong(
                but_for(ONCE, "        wait()\n", "        wait(rank)\n"),
                "With 3 processes",
                outcome="error",
            ),
        },
    ),
}
