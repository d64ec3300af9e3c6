"""Answer key of lesson 09: scale out."""

from __future__ import annotations

import math
import shutil
import tempfile
from collections.abc import Callable
from functools import partial
from pathlib import Path

import torch
from torch import Tensor, nn

from helpers.checking import networks
from helpers.checking.answers import close, is_a, not_refused, not_too_many, one_number, opening, plain, refusal, short
from helpers.checking.passes import Watched
from helpers.checking.untouched import input_untouched, left_as_found
from helpers.course.exercise import Exercise, Exercises, Level
from helpers.course.verdicts import Incorrect, require, tried_on
from helpers.lessons.lesson_09.meeting import Played, Team
from helpers.models.freezing import moved, snapshot


class InParts(Exercise):
    number = "9.1"
    title = "a large batch in parts"
    level = Level.WRITE
    minutes = 10
    hints = (
        "`backward()` adds to the gradients that are there. So call it for each part, and clear them once, before the "
        "first.",
        'A part of 1 picture must count a quarter of a part of 4. `cross_entropy(..., reduction="sum")` gives the sum '
        "over the pictures of a part, and not their mean.",
        "With `count` as the pictures of all parts together: `loss = cross_entropy(model(images), labels, "
        'reduction="sum") / count`, `loss.backward()`, `total += loss.item()`.',
    )
    answer = """
def accumulate(model, parts):
    if not parts:
        raise ValueError("there are no parts, so no loss")
    count = sum(len(labels) for _, labels in parts)
    model.zero_grad()
    total = 0.0
    for images, labels in parts:
        loss = nn.functional.cross_entropy(model(images), labels, reduction="sum") / count
        loss.backward()
        total += loss.item()
    return total
"""

    def examine(self, accumulate):
        for case, sizes, spoiled in PARTS:
            model, parts = _small_network(), _parts_of(sizes)
            expected, gradients = _of_the_whole(model, parts)
            if spoiled:
                networks.with_gradients(model)
            with left_as_found(model, but={"gradients"}), input_untouched(parts=parts):
                said = not_refused(partial(accumulate, model, parts), case)
            _came_in_parts(model, sizes, case)
            _holds(model, gradients, sizes, case)
            loss = one_number(said, f"{opening(case)} the mean loss was expected, and you gave `{short(said)}`.")
            require(close(loss, expected, off=1e-5), f"{opening(case)} the mean loss is {expected:.4f}. {_not(loss)}")
        refusal(lambda: accumulate(_small_network(), []), "Without any part")
        return "The gradients and the loss of the whole batch, and never more than a part of it in memory."


# The case, the pictures of each part, and whether old gradients are there.
PARTS = (
    ("With three parts of 4", (4, 4, 4), False),
    ("With parts of 4, 4 and 1", (4, 4, 1), False),
    ("With gradients of an earlier step still there", (3, 2), True),
    ("With a single part", (5,), False),
)


class _InParts(Watched):
    """Notes at each call whether the gradients have changed since the call before it."""

    def note(self, images: Tensor) -> None:
        super().note(images)
        now = torch.cat([p.grad.flatten() if p.grad is not None else torch.zeros(p.numel()) for p in self.parameters()])
        self.went_back = [*getattr(self, "went_back", []), not torch.equal(now, getattr(self, "_last", now + 1))]
        self._last = now


def _small_network() -> _InParts:
    """In `train()` mode, with dropout that is off: no picture heeds its neighbours."""
    return _InParts(nn.Flatten(), nn.Linear(12, 6), nn.ReLU(), nn.Dropout(0.0), nn.Linear(6, 3)).train()


def _parts_of(sizes: tuple[int, ...]) -> list[tuple[Tensor, Tensor]]:
    """Parts whose losses differ a lot, so that a wrong weight shows."""
    return [(torch.randn(n, 3, 2, 2) * (1 + 2 * i), torch.arange(n) % 3) for i, n in enumerate(sizes)]


def _of_the_whole(model: nn.Module, parts: list) -> tuple[float, list[Tensor]]:
    images, labels = (torch.cat(column) for column in zip(*parts, strict=True))
    loss = nn.functional.cross_entropy(nn.Sequential(*model)(images), labels)
    return loss.item(), list(torch.autograd.grad(loss, list(model.parameters())))


def _came_in_parts(model: _InParts, sizes: tuple[int, ...], case: str) -> None:
    came = [call.shape[0] for call in model.calls]
    require(
        max(came, default=0) <= max(sizes),
        f"{opening(case)} {max(came, default=0)} pictures went through the network at once: send each part by itself, "
        "or nothing is saved.",
    )
    require(
        all(model.went_back[1:]),
        f"{opening(case)} a part went through the network before the one before it was sent back by `backward()`. So "
        "the memory holds all of them: call `backward()` for each part.",
    )


def _holds(model: nn.Module, gradients: list[Tensor], sizes: tuple[int, ...], case: str) -> None:
    found = [p.grad for p in model.parameters()]
    require(
        all(g is not None for g in found),
        f"{opening(case)} there are no gradients: `backward()` leaves them in `.grad`.",
    )
    if all(torch.allclose(g, w, atol=1e-5) for g, w in zip(found, gradients, strict=True)):
        return
    for times, cure in {sum(sizes): "Divide by the number of all pictures.", len(sizes): ADDED_MEANS}.items():
        same = (torch.allclose(g, times * w, atol=1e-4) for g, w in zip(found, gradients, strict=True))
        require(
            times == 1 or not all(same),
            f"{opening(case)} your gradients are {times} times those of the whole batch. {cure}",
        )
    raise Incorrect(f"{opening(case)} your gradients are not those of the whole batch. {WEIGHTS}")


ADDED_MEANS = "Each part gave its mean, and `backward()` added them up."
WEIGHTS = (
    "Each picture counts the same, whichever part it is in; each part adds to the ones before it; and what was in "
    "`.grad` before does not count."
)


def _not(loss: float) -> str:
    return f"You gave {loss:.4f}: the mean is over all pictures, and not over the parts."


class DealtOut(Exercise):
    number = "9.2"
    title = "deal out the pictures"
    level = Level.WRITE
    minutes = 8
    hints = (
        "All processes draw the same order, by a generator with a seed of its own, and each takes its part of it.",
        "`torch.randperm(count, generator=torch.Generator().manual_seed(epoch))` is the same order in each process, "
        "and another one for each epoch.",
        "`order[rank::size]` takes every `size`-th entry from `rank` on: nothing twice, and nothing left out.",
    )
    answer = """
def deal(count, rank, size, epoch):
    if not 0 <= rank < size:
        raise ValueError(f"there is no process {rank} among {size}")
    order = torch.randperm(count, generator=torch.Generator().manual_seed(epoch)).tolist()
    return order[rank::size]
"""

    def examine(self, deal):
        for count, size in DEALS:
            case = f"For {count} pictures and {size} processes"
            shares = [_share(deal, count, rank, size, 0, case) for rank in range(size)]
            _each_once(shares, count, case)
            lengths = [len(share) for share in shares]
            require(
                max(lengths) - min(lengths) <= 1,
                f"{opening(case)} the shares hold {lengths} pictures. They may differ by one at most: the others wait "
                "for the longest.",
            )
        _deals_anew(deal)
        for rank in (-1, 3):
            refusal(lambda rank=rank: deal(10, rank, 3, 0), f"For process {rank} of 3")
        return "Every picture once in each epoch, in another order each time, and the same order in all processes."


DEALS = ((12, 1), (12, 3), (10, 4), (3, 5), (0, 2))


def _share(deal: Callable, count: int, rank: int, size: int, epoch: int, case: str) -> list[int]:
    """What a process gets; each one comes with another random state, as processes do."""
    torch.manual_seed(1000 * rank + 7)
    before = torch.get_rng_state()
    said = not_refused(partial(deal, count, rank, size, epoch), f"{case}, process {rank}")
    require(
        torch.equal(torch.get_rng_state(), before),
        f"{opening(case)} your function drew from PyTorch's own generator, or set its seed. Dropout draws from it, "
        "too, and each process has another state there: use a `torch.Generator()` of your own.",
    )
    said = not_too_many(said)
    value = plain(said.tolist() if is_a(said, Tensor) else list(said) if is_a(said, (range, tuple)) else said)
    fits = is_a(value, list) and all(type(one) is int for one in value)
    require(fits, f"{opening(case)} a list of whole numbers was expected, and you gave `{short(said)}`.")
    return value


def _each_once(shares: list[list[int]], count: int, case: str) -> None:
    dealt = sorted(index for share in shares for index in share)
    outside = [index for index in dealt if not 0 <= index < count]
    require(not outside, f"{opening(case)} there is no picture {(outside or [0])[0]}: they count from 0.")
    twice = sorted({index for index in dealt if dealt.count(index) > 1})
    require(
        not twice,
        f"{opening(case)} {len(twice)} pictures are dealt out more than once, such as picture {(twice or [0])[0]}. "
        "Either shares overlap, or the processes do not have the same order.",
    )
    missing = sorted(set(range(count)) - set(dealt))
    require(
        not missing,
        f"{opening(case)} {len(missing)} pictures are in no share, such as picture {(missing or [0])[0]}. What is left "
        "over has to go somewhere.",
    )


def _deals_anew(deal: Callable) -> None:
    case = "For 40 pictures and 2 processes"
    epochs = [[_share(deal, 40, rank, 2, epoch, case) for rank in range(2)] for epoch in (0, 1, 2, 1)]
    require(epochs[1] == epochs[3], f"{opening(case)} epoch 1 gave another order when it was asked for again.")
    require(
        epochs[0] != epochs[1] and epochs[1] != epochs[2],
        f"{opening(case)} every epoch has the same order: the seed has to change with `epoch`.",
    )
    require(
        len({frozenset(shares[0]) for shares in epochs}) > 1,
        f"{opening(case)} a process gets the same pictures in every epoch, in another order. Draw the order of all "
        "pictures first, and deal it out then.",
    )
    require(
        any(shares[0] != sorted(shares[0]) for shares in epochs),
        f"{opening(case)} each share comes sorted. Neighbours in a folder are of one class: keep the order as drawn.",
    )


class FromTheCounts(Exercise):
    number = "9.3"
    title = "one accuracy from many processes"
    level = Level.USE
    minutes = 6
    hints = (
        "Add up what can be added up: right answers and pictures. The accuracy is one sum divided by the other.",
        "A mean loss times its count is a sum of losses, and sums can be added.",
        "A process without pictures has a mean loss of `nan`, and `0 * nan` is `nan`: leave it out of the sums.",
    )
    answer = """
def over_all(reports):
    reports = [(loss, right, count) for loss, right, count in reports if count]
    pictures = sum(count for _, _, count in reports)
    if not pictures:
        raise ValueError("no process has seen a picture")
    loss = sum(loss * count for loss, _, count in reports) / pictures
    return loss, sum(right for _, right, _ in reports) / pictures
"""

    def examine(self, over_all):
        for case, reports in REPORTS:
            seen = [one for one in reports if one[2]]
            pictures = sum(count for _, _, count in seen)
            loss = sum(mean * count for mean, _, count in seen) / pictures
            accuracy = sum(right for _, right, _ in seen) / pictures
            given = list(reports)
            with input_untouched(reports=given):
                said = plain(not_refused(partial(over_all, given), case))
            pair = is_a(said, (list, tuple)) and len(said) == 2
            require(pair, f"{opening(case)} a pair (loss, accuracy) was expected, and you gave `{short(said)}`.")
            _is_number(said[1], accuracy, "accuracy", [right / count for _, right, count in seen], case)
            _is_number(said[0], loss, "mean loss", [mean for mean, _, _ in seen], case)
        for case, reports in (("Without any report", []), ("Where nobody saw a picture", [(math.nan, 0, 0)] * 2)):
            refusal(lambda reports=reports: over_all(list(reports)), case)
        return "Each picture counts once, whichever process saw it."


REPORTS = (
    ("For two processes with 4 pictures each", [(0.5, 3, 4), (1.5, 1, 4)]),
    ("For shares of 9 and 1", [(0.25, 9, 9), (4.0, 0, 1)]),
    ("Where one process saw no picture", [(0.5, 2, 3), (math.nan, 0, 0), (1.0, 1, 2)]),
    ("For a single process", [(0.75, 5, 6)]),
)


def _is_number(said: object, expected: float, what: str, means: list[float], case: str) -> None:
    found = one_number(said, f"{opening(case)} the {what} is no plain number: you gave `{short(said)}`.")
    if close(found, expected, off=1e-6):
        return
    if math.isnan(found):
        why = "A process without pictures has a mean loss of nan, and anything plus nan is nan: leave it out."
    elif close(found, sum(means) / len(means), off=1e-6):
        why = "That is the mean of the processes' means: a picture in a small share then counts more than others."
    else:
        why = "Add up over all processes first, and divide by the number of all pictures then."
    raise Incorrect(f"{opening(case)} the {what} is {expected:.4f}, and you gave {found:.4f}. {why}")


class GoOn(Exercise):
    number = "9.4"
    title = "stop, and go on"
    level = Level.WRITE
    minutes = 12
    hints = (
        "What does the next step hang on? Three objects that carry something from step to step, one number, and the "
        "place where the random generator stands. All of it goes into one dict and one file.",
        "`state_dict()` of the network, of the optimizer and of the scheduler, the step, and `torch.get_rng_state()`. "
        "Each of the three has a `load_state_dict` for the way back.",
        "`torch.save` and `torch.load(path)` do the file. Call `torch.set_rng_state` last in `load`, so that nothing "
        "draws after it, and return the step.",
    )
    answer = """
def save(path, model, optimizer, scheduler, step):
    state = {
        "model": model.state_dict(),
        "optimizer": optimizer.state_dict(),
        "scheduler": scheduler.state_dict(),
        "random": torch.get_rng_state(),
        "step": step,
    }
    torch.save(state, path)


def load(path, model, optimizer, scheduler):
    state = torch.load(path)
    model.load_state_dict(state["model"])
    optimizer.load_state_dict(state["optimizer"])
    scheduler.load_state_dict(state["scheduler"])
    torch.set_rng_state(state["random"])
    return state["step"]
"""

    def examine(self, save, load):
        with tempfile.TemporaryDirectory() as folder:
            for steps in (3, 1):
                case = f"Saved after step {steps}"
                first, path = _Training(seed=1), Path(folder) / f"of step {steps}.pt"
                first.steps(steps)
                with tried_on(opening(case)), _nothing_changes(first, case):
                    save(path, first.model, first.optimizer, first.scheduler, steps)
                require(path.is_file(), f"{opening(case)} there is no file at `path`: write it with `torch.save`.")
                moved_to, expected = shutil.move(path, Path(folder) / "moved.pt"), first.steps(3)
                second = _Training(seed=2)
                torch.rand(5)
                with tried_on(f"{case}, loaded into a new network,"):
                    step = load(moved_to, second.model, second.optimizer, second.scheduler)
                _goes_on(second, first, expected, case)
                said = one_number(step, f"{opening(case)} `load` gives the step, and you gave `{short(step)}`.")
                require(said == steps, f"{opening(case)} `load` should give {steps}, and you gave {said:g}.")
        return "The same losses to the last bit: weights, statistics, momentum, rate and dropout all went on."


class _Training:
    """A network with BatchNorm and dropout, AdamW, and a rate that falls after every second step."""

    def __init__(self, seed: int):
        torch.manual_seed(seed)
        layers = (nn.Linear(6, 8), nn.BatchNorm1d(8), nn.ReLU(), nn.Dropout(0.5), nn.Linear(8, 3))
        self.model = nn.Sequential(*layers).train()
        self.optimizer = torch.optim.AdamW(self.model.parameters(), lr=0.1)
        self.scheduler = torch.optim.lr_scheduler.StepLR(self.optimizer, 2, 0.1)

    def steps(self, count: int) -> list[float]:
        return [self._step() for _ in range(count)]

    def _step(self) -> float:
        inputs = torch.linspace(-1, 1, 60).view(10, 6).sin()
        loss = nn.functional.cross_entropy(self.model(inputs), torch.arange(10) % 3)
        self.optimizer.zero_grad()
        loss.backward()
        self.optimizer.step()
        self.scheduler.step()
        return loss.item()


class _nothing_changes:
    """Saving is not to be noticed by the training that goes on."""

    def __init__(self, training: _Training, case: str):
        self.training, self.case = training, case

    def __enter__(self) -> None:
        self.before, self.random = snapshot(self.training.model), torch.get_rng_state()

    def __exit__(self, kind: object, *_: object) -> None:
        if kind is None:
            same = not moved(self.before, self.training.model) and torch.equal(self.random, torch.get_rng_state())
            require(same and self.training.model.training, f"{opening(self.case)} `save` changed the training itself.")


def _goes_on(second: _Training, first: _Training, expected: list[float], case: str) -> None:
    """The next losses are the same; where not, what is missing is looked for one by one."""
    rate = second.optimizer.param_groups[0]["lr"]
    momentum = [len(state) for state in second.optimizer.state.values()]
    found = second.steps(3)
    if found == expected and not moved(snapshot(first.model), second.model):
        return
    require(momentum, f"{opening(case)} the optimizer has lost its memory: AdamW keeps two numbers for each weight.")
    now = "the first loss" if found[0] != expected[0] else "a later loss" if found != expected else "BatchNorm"
    raise Incorrect(f"{opening(case)} training went on otherwise: {now} is another one. {MISSING[now]} {_rate(rate)}")


MISSING = {
    "the first loss": "Either the weights are not those that were saved, or dropout drew other numbers: "
    "`torch.get_rng_state()` belongs into the file, and `torch.set_rng_state` comes last.",
    "a later loss": "The weights were right at first, so what steers the steps is not: look at the optimizer's state, "
    "and at the scheduler's.",
    "BatchNorm": "Its running statistics are buffers and no parameters: `state_dict()` holds both.",
}


def _rate(rate: float) -> str:
    return f"The rate after loading is {rate:g}."


class WrittenOnce(Exercise):
    number = "9.5"
    title = "one writes, and all wait"
    level = Level.EDGE
    minutes = 10
    hints = (
        "`if rank == 0: write()`, and then `wait()` for everyone, not only for those who did not write.",
        "If `write()` raises, process 0 never comes to `wait()`, and the others wait for ever. Which statement runs in "
        "either case?",
        "`try: ... finally: wait()` waits whether `write()` worked or not, and lets its exception go on.",
    )
    answer = """
def write_once(rank, write, wait):
    try:
        if rank == 0:
            write()
    finally:
        wait()
"""

    def examine(self, write_once):
        for size in (3, 1, 2):
            case = f"With {size} process{'es' if size > 1 else ''}"
            played = Team(size).play(write_once)
            _raise_others(played, (), case)
            _one_wrote(played, case)
            _nobody_is_stuck(played, case)
            require(
                not played.too_early,
                f"{opening(case)} process {(played.too_early or [0])[0]} went on before the file was written, and "
                "would read half of it, or none. All of them call `wait()`, after the writing.",
            )
        full = OSError(28, "No space left on device")
        played = Team(3, fails=full).play(write_once)
        _raise_others(played, (full,), FULL)
        _nobody_is_stuck(played, FULL)
        require(
            played.errors.get(0) is full,
            f"{opening(FULL)} process 0 went on as if nothing had happened: let the exception of `write()` out.",
        )
        return "One writes, nobody reads too early, and nobody waits for ever, even when the disk is full."


FULL = "Where `write()` raises, because the disk is full"


def _raise_others(played: Played, known: tuple[Exception, ...], case: str) -> None:
    """An exception of the learner's own is shown as one."""
    for error in played.errors.values():
        if error not in known:
            with tried_on(opening(case)):
                raise error


def _one_wrote(played: Played, case: str) -> None:
    require(played.writers, f"{opening(case)} nobody wrote: `write()` is for process 0.")
    callers = ", ".join(map(str, sorted(played.writers)))
    require(
        played.writers == [0],
        f"{opening(case)} `write()` was called by process {callers}. Process 0 alone calls it, once: two writers spoil "
        "each other's file.",
    )


def _nobody_is_stuck(played: Played, case: str) -> None:
    require(
        not played.stuck,
        f"{opening(case)} process {(sorted(played.stuck) or [0])[0]} would wait for ever: another one never called "
        "`wait()`. Each process has to come to it, in every case.",
    )


EXERCISES = Exercises(InParts, DealtOut, FromTheCounts, GoOn, WrittenOnce)
