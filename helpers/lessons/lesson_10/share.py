"""Answer key of lesson 10, third part: what a card must say, a program and its proof, a folder whole or not at all."""

from __future__ import annotations

import copy
import logging
import os
import shutil
import stat
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from helpers.checking import networks
from helpers.checking.answers import (
    close,
    is_a,
    not_refused,
    not_too_many,
    one_number,
    opening,
    plain,
    quoted,
    refusal,
    short,
)
from helpers.checking.interruptions import CtrlC, Full, tree, with_each_moment
from helpers.checking.passes import logits_of, same_function
from helpers.checking.untouched import input_untouched, left_as_found
from helpers.course.exercise import Exercise, Level
from helpers.course.verdicts import Incorrect, require, tried_on
from helpers.errors import first_line

# ---- 10.11 -----------------------------------------------------------------------------------------


class WhatTheCardMustSay(Exercise):
    number = "10.11"
    title = "what the card must say"
    level = Level.WRITE
    minutes = 10
    hints = (
        "`predictions == labels` compares each seed's row with the labels. Its mean over the pictures is one accuracy "
        "for each seed.",
        "`tensor.std()` divides by n - 1, and NumPy's `std()` by n. Of one seed the first is NaN: ask for that before.",
        "Start with `torch.zeros(classes, classes, dtype=torch.long)`, and add 1 at `[true, said]` for each picture of "
        "each seed. A class whose row has the sum 0 has no recall.",
    )
    answer = """
def card_numbers(predictions, labels, classes):
    if len(labels) == 0:
        raise ValueError("the test part is empty: there is nothing to say")
    right = predictions == labels
    accuracies = right.double().mean(dim=1)
    confusion = torch.zeros(classes, classes, dtype=torch.long)
    for said in predictions:
        for true, taken_for in zip(labels, said):
            confusion[true, taken_for] += 1
    shown = confusion.sum(dim=1)
    return {
        "accuracy": accuracies.mean().item(),
        "spread": accuracies.std().item() if len(accuracies) > 1 else None,
        "confusion": confusion,
        "recall": [(confusion[c, c] / shown[c]).item() if shown[c] else None for c in range(classes)],
        "wrong": [i for i in range(len(labels)) if not right[:, i].all()],
    }
"""

    def examine(self, card_numbers):
        for case, predictions, labels, classes in PREDICTED:
            predictions, labels = torch.tensor(predictions), torch.tensor(labels)
            with input_untouched(predictions=predictions, labels=labels):
                said = plain(not_refused(partial(card_numbers, predictions, labels, classes), case))
            _has_the_entries(said, case)
            accuracies = (predictions == labels).double().mean(dim=1)
            _the_accuracy(said["accuracy"], accuracies.mean().item(), case)
            _the_spread(said["spread"], accuracies, case)
            confusion = _counted(predictions, labels, classes)
            _the_confusion(said["confusion"], confusion, case)
            _the_recall(said["recall"], confusion, case)
            _the_wrong_ones(said["wrong"], predictions != labels, case)
        empty = torch.empty(3, 0, dtype=torch.long), torch.empty(0, dtype=torch.long)
        refusal(lambda: card_numbers(*empty, 2), "For a test part without pictures")
        return "Mean and spread over seeds, true classes in rows, and nothing made up where nothing was measured."


ENTRIES = ("accuracy", "spread", "confusion", "recall", "wrong")
# The case, predictions of each seed, labels, and the number of classes.
PREDICTED = (
    (
        "For three seeds, and a class without test pictures",
        [[0, 0, 1, 3, 3, 1], [0, 1, 1, 3, 0, 1], [0, 0, 1, 3, 3, 3]],
        [0, 0, 1, 3, 3, 1],
        4,
    ),
    ("For two seeds, where the last class has no pictures and is never said", [[0, 1, 1], [1, 1, 0]], [0, 0, 1], 3),
    ("For a class without test pictures that others are taken for", [[0, 2, 2], [2, 0, 2]], [0, 0, 1], 3),
    ("For one seed", [[1, 0, 1, 1]], [1, 1, 0, 1], 2),
    ("Where all is right", [[0, 1, 1], [0, 1, 1]], [0, 1, 1], 2),
    ("Where all is wrong", [[1, 0], [1, 0]], [0, 1], 2),
)


def _in_lists(said: object) -> object:
    """Tensors, arrays, and lists of them as lists of Python's own numbers; all else as it is."""
    if is_a(said, (Tensor, np.ndarray, np.generic)):
        return plain(not_too_many(said)).tolist()
    return [_in_lists(one) for one in said] if is_a(said, (list, tuple)) else plain(said)


def _counted(predictions: Tensor, labels: Tensor, classes: int) -> list[list[int]]:
    confusion = torch.zeros(classes, classes, dtype=torch.long)
    confusion.index_put_((labels.expand_as(predictions), predictions), torch.tensor(1), accumulate=True)
    return confusion.tolist()


def _has_the_entries(said: object, case: str) -> None:
    require(is_a(said, dict), f"{opening(case)} a dict was expected, and you gave `{short(said)}`.")
    missing = [name for name in ENTRIES if name not in said]
    require(not missing, f"{opening(case)} your dict misses {quoted(missing)}.")


def _the_accuracy(said: object, expected: float, case: str) -> None:
    found = one_number(said, f"{opening(case)} `accuracy` is `{short(said)}`, and one number was expected.")
    require(
        close(found, expected, off=1e-5),
        f"{opening(case)} `accuracy` is {found:.4f}, and the mean over the seeds is {expected:.4f}.",
    )


def _the_spread(said: object, accuracies: Tensor, case: str) -> None:
    if len(accuracies) == 1:
        require(
            said is None,
            f"{opening(case)} `spread` is `{short(said)}`: one run has no spread, and 0 would claim that seeds do not "
            "matter. Say `None`.",
        )
        return
    expected, by_n = accuracies.std().item(), accuracies.std(correction=0).item()
    found = one_number(said, f"{opening(case)} `spread` is `{short(said)}`, and one number was expected.")
    why = "It is the standard deviation of the seeds' accuracies."
    if close(found, by_n, off=1e-5):
        why = "You divide by n. These seeds are a sample of all that might have been, so divide by n - 1."
    require(close(found, expected, off=1e-5), f"{opening(case)} `spread` is {found:.4f}, not {expected:.4f}. {why}")


def _the_confusion(said: object, expected: list[list[int]], case: str) -> None:
    found = _in_lists(said)
    is_a_table = is_a(found, (list, tuple)) and all(is_a(row, (list, tuple)) for row in found)
    size = [len(found), *{len(row) for row in found}] if is_a_table else short(said)
    classes = len(expected)
    require(
        size == [classes, classes],
        f"{opening(case)} `confusion` has the size {size}, and [{classes}, {classes}] was expected: every class has "
        "its row and its column, whether it occurs or not.",
    )
    why = f"It counts each picture once for each seed, and {expected} was expected."
    if found == [list(column) for column in zip(*expected, strict=True)]:
        why = "Rows are the true classes, and columns what was said."
    require(found == expected, f"{opening(case)} `confusion` is {short(found)}. {why}")


def _the_recall(said: object, confusion: list[list[int]], case: str) -> None:
    expected = [row[label] / sum(row) if sum(row) else None for label, row in enumerate(confusion)]
    found = _in_lists(said)
    fits = is_a(found, (list, tuple)) and len(found) == len(expected)
    require(fits, f"{opening(case)} `recall` is `{short(said)}`, and one entry a class was expected.")
    for label, (one, right) in enumerate(zip(found, expected, strict=True)):
        if right is None:
            reason = (
                f"{opening(case)} class {label} has no test picture, and its recall is `{short(one)}`. Nothing was "
            )
            require(one is None, f"{reason}measured there, so say `None`.")
            continue
        value = one_number(
            one, f"{opening(case)} the recall of class {label} is `{short(one)}`, and {right:.4f} was expected."
        )
        why = "It is the share of the class's own pictures that were recognised, over all seeds."
        require(
            close(value, right, off=1e-5),
            f"{opening(case)} the recall of class {label} is {value:.4f}, not {right:.4f}. {why}",
        )


def _the_wrong_ones(said: object, wrong: Tensor, case: str) -> None:
    found = _in_lists(list(said) if is_a(said, (set, frozenset)) else said)
    fits = is_a(found, (list, tuple)) and all(type(one) is int for one in found)
    require(fits, f"{opening(case)} `wrong` is `{short(said)}`, and a list of indices was expected.")
    found, expected = sorted(found), wrong.any(dim=0).nonzero().flatten().tolist()
    why = "It lists each picture that at least one seed got wrong, once."
    if found == wrong.all(dim=0).nonzero().flatten().tolist() != expected:
        why = "Those are the pictures that every seed got wrong: one seed is enough."
    require(found == expected, f"{opening(case)} `wrong` is {short(found)}, and {expected} was expected. {why}")


# ---- 10.12 -----------------------------------------------------------------------------------------


class ExportAndProve(Exercise):
    number = "10.12"
    title = "export and prove"
    level = Level.WRITE
    minutes = 12
    hints = (
        '`torch.export.export(network, (example,), dynamic_shapes=({0: torch.export.Dim("batch")},))` follows the '
        "network in the mode that it is in. `copy.deepcopy(network).eval()` is a network that nobody else uses.",
        "Take two black pictures as the example, `torch.zeros(2, *images.shape[1:])`: one would fix the batch at one, "
        "and the file keeps its example.",
        "`torch.export.load(file).module()` is called as the network is. The difference is "
        "`(found - expected).abs().max().item()`, with the network in `eval()` mode on both sides.",
    )
    answer = """
def save_program(network, images, file):
    example = torch.zeros(2, *images.shape[1:])
    batch = {0: torch.export.Dim("batch")}
    program = torch.export.export(copy.deepcopy(network).eval(), (example,), dynamic_shapes=(batch,))
    torch.export.save(program, file)


def difference(network, images, file):
    program = torch.export.load(file).module()
    with torch.inference_mode():
        expected = copy.deepcopy(network).eval()(images)
        return (program(images) - expected).abs().max().item()
"""

    def examine(self, save_program, difference):
        with tempfile.TemporaryDirectory() as folder, _quiet():
            for i, (case, build, count) in enumerate(TO_EXPORT):
                network, images, file = build(), networks.images(count), Path(folder) / f"{i}.pt2"
                with _only_read(network, images), tried_on(opening(case)):
                    save_program(network, images, file)
                _gives_the_same(file, network, images, case)
            for case, off, of_all in OTHER_PROGRAMS:
                network, images = _in_mixed_modes(), networks.images(4)
                file = _written(network, off, of_all, Path(folder) / "theirs.pt2")
                with _only_read(network, images), tried_on(opening(case)):
                    said = difference(network, images, file)
                _is_the_largest(said, network, images, file, case)
        return "Any batch, the same answers, no picture in the file, and a proof that would notice."


ITS_OWN_MODE = {"modes": "Work on a copy, or note each module's own mode first and give it back at the end."}


@contextmanager
def _only_read(network: nn.Module, images: Tensor) -> Iterator[None]:
    with left_as_found(network, "the network", advice=ITS_OWN_MODE), input_untouched(images=images):
        yield


def _in_mixed_modes() -> nn.Module:
    """In `train()` mode with dropout at work, but for its BatchNorm, which its owner holds still."""
    network = networks.classifier(4).train()
    network[0][1].eval()
    return network


def _with_two_norms() -> nn.Module:
    return nn.Sequential(*networks.backbone_of_two_norms(), nn.Linear(6, 4)).train()


TO_EXPORT = (
    ("For a network in `train()` mode but for its BatchNorm", _in_mixed_modes, 3),
    ("For one image, and a network with two kinds of BatchNorm", _with_two_norms, 1),
)
# Programs to be measured, what they add to the logits of the four classes, and whether they do so for every image or
# for the last alone. Up and down, for whoever takes no absolute value or a sum; and little, for whoever rounds.
OTHER_PROGRAMS = (
    ("For a program whose third logit is too high by 0.5", (0.0, 0.0, 0.5, 0.0), True),
    ("For a program whose third logit is too low by 0.0002 for the last image", (1.4e-4, 0.0, -2e-4, 0.0), False),
)


@contextmanager
def _quiet() -> Iterator[None]:
    """torch.export logs what it thinks of a call; the reason is told here."""
    before = logging.root.manager.disable
    logging.disable(logging.WARNING)
    try:
        yield
    finally:
        logging.disable(before)


class _Shifted(nn.Module):
    """Another function than `network`, by `off` at the logits of each image, or of the last alone."""

    def __init__(self, network: nn.Module, off: tuple[float, ...], of_all: bool):
        super().__init__()
        self.network, self.of_all = network, of_all
        self.register_buffer("off", torch.tensor(off))

    def forward(self, images: Tensor) -> Tensor:
        logits = self.network(images)
        is_last = torch.arange(logits.shape[0]) == logits.shape[0] - 1
        return logits + self.off * (is_last | self.of_all)[:, None]


def _written(network: nn.Module, off: tuple[float, ...], of_all: bool, file: Path) -> Path:
    shifted = _Shifted(copy.deepcopy(network), off, of_all).eval()
    batch = {0: torch.export.Dim("batch")}
    torch.export.save(torch.export.export(shifted, (torch.zeros(2, 3, 8, 8),), dynamic_shapes=(batch,)), file)
    return file


def _gives_the_same(file: Path, network: nn.Module, images: Tensor, case: str) -> None:
    require(
        file.is_file(), f"{opening(case)} there is no file at `file`: `torch.export.save(program, file)` writes it."
    )
    try:
        program = torch.export.load(file)
    except Exception as error:  # of any kind: the file may hold anything
        raise Incorrect(
            f"{opening(case)} `torch.export.load` cannot read your file ({short(first_line(error))}). Write a program, "
            "with `torch.export.save`."
        ) from None
    for count in (1, 2, 5, 70, 1030):  # more than a round number that somebody sets as the most
        batch = networks.images(count)
        expected = logits_of(network, batch, "the network")
        try:
            found = program.module()(batch)
        except Exception as error:  # a guard of the program's own, of any kind
            raise Incorrect(
                f"{opening(case)} your program takes no batch of {count} ({short(first_line(error))}). Say that the "
                "batch may vary, by `dynamic_shapes` without a maximum, and take an example of two images or more."
            ) from None
        same_function(
            found, expected, f"{opening(case)} your program gives other logits for a batch of {count}. {IN_EVAL}"
        )
    kept = [one for one in (program.example_inputs or ((),))[0] if is_a(one, Tensor)]
    require(not any(_holds(one, images) for one in kept), f"{opening(case)} {A_PICTURE_WITHIN}")


IN_EVAL = "A program is what the network did while it was followed: put it into `eval()` mode for that, all of it."
A_PICTURE_WITHIN = (
    "your file holds the images: a program keeps the example that it was made with, and whoever gets the file can look "
    "at them. `torch.zeros` of the same shape serves as well."
)


def _holds(example: Tensor, images: Tensor) -> bool:
    return example.shape[1:] == images.shape[1:] and any(torch.equal(a, b) for a in example for b in images)


def _is_the_largest(said: object, network: nn.Module, images: Tensor, file: Path, case: str) -> None:
    expected = logits_of(network, images, "the network")
    off = torch.export.load(file).module()(images) - expected
    found = one_number(said, f"{opening(case)} your difference is `{short(said)}`, and one number was expected.")
    right = off.abs().max().item()
    why = "It is the largest of all logits' differences, with the network in `eval()` mode."
    if found < 0 or (close(found, off.max().item()) and found < right):
        why = "Too low is as wrong as too high: take the absolute value."
    elif right < 1e-3 and found < right:
        why = "Look at every logit of every image, and give the difference as it is, not rounded."
    elif close(found, off.abs().mean().item(), off=1e-4):
        why = "That is the mean. One logit that is off is enough to name another class: take the largest."
    elif found < 1e-4:
        why = "Read the program from the file, and ask it."
    require(
        abs(found - right) < 5e-5,  # far above what two orders of the same sums differ by
        f"{opening(case)} your difference is {found:.6f}, and {right:.6f} was expected. {why}",
    )


# ---- 10.13 -----------------------------------------------------------------------------------------


class WholeOrNotAtAll(Exercise):
    number = "10.13"
    title = "whole or not at all"
    level = Level.EDGE
    minutes = 12
    hints = (
        "Write everything into a folder of another name, and give it its own name at the very end: "
        "`draft.rename(folder)` is one step, which has happened or has not.",
        "`tempfile.mkdtemp(dir=folder.parent)` makes a draft with a name that nobody else has, on the same disk. It "
        "is closed to everybody else: `draft.chmod(0o755)` opens it. `shutil.rmtree` takes it away.",
        "`try: ... finally: shutil.rmtree(draft, ignore_errors=True)` also runs after Ctrl-C. After the rename there "
        "is no draft left to take away. Ask `folder.exists()` first, since a rename onto an empty folder succeeds.",
    )
    answer = """
def publish(files, folder):
    if folder.exists():
        raise FileExistsError(f"{folder} is there already")
    draft = Path(tempfile.mkdtemp(prefix=".draft-", dir=folder.parent))
    try:
        draft.chmod(0o755)  # mkdtemp makes it for its owner alone
        for name, content in files.items():
            (draft / name).write_bytes(content)
        draft.rename(folder)
    finally:
        shutil.rmtree(draft, ignore_errors=True)
"""

    def examine(self, publish):
        for case, files in TO_PUBLISH:
            given = dict(files)
            with _place() as folder, _readable_by_all(), input_untouched(files=given):
                _is_never_half_there(publish, given, files, folder, case)
        for case, stop in STOPS:
            moment = 0
            while _was_stopped(publish, stop, moment, case):
                moment += 1
        _heeds_no_earlier_draft(publish)
        for case, put in IN_THE_WAY:
            with _place() as folder:
                put(folder)
                before = tree(folder.parent)
                refusal(partial(publish, dict(THREE), folder), case, error=FileExistsError)
                require(
                    tree(folder.parent) == before, f"{opening(case)} it refused, and something is changed all the same."
                )
        return "At no moment was it half there, and nothing was left behind."


THREE = {"README.md": b"# A card\n", "config.json": b"{}", "model.safetensors": bytes(range(256)) * 40}
TO_PUBLISH = (
    ("With three files", THREE),
    ("With an empty file, and names with spaces", {"read me.md": b"", "a b.bin": b"\0\r\n"}),
)
STOPS = (("After Ctrl-C", CtrlC), ("After the disk was full", Full))
IN_THE_WAY: tuple[tuple[str, Callable[[Path], object]], ...] = (
    (
        "Where the folder holds a file already",
        lambda folder: (folder.mkdir(), (folder / "mine.txt").write_text("mine")),
    ),
    ("Where an empty folder is there already", lambda folder: folder.mkdir()),
    ("Where a file has that name", lambda folder: folder.write_text("mine")),
)
NEIGHBOUR = "neighbour.txt"


@contextmanager
def _place() -> Iterator[Path]:
    """A path that is not there yet, in a folder with one file of somebody else."""
    with tempfile.TemporaryDirectory() as parent:
        (Path(parent) / NEIGHBOUR).write_bytes(b"not yours")
        yield Path(parent) / "card"


def _others(folder: Path) -> list[str]:
    """What lies beside `folder`, but for the neighbour."""
    return sorted(one.name for one in folder.parent.iterdir() if one.name not in (folder.name, NEIGHBOUR))


def _is_never_half_there(
    publish: Callable, given: dict[str, bytes], files: dict[str, bytes], folder: Path, case: str
) -> None:
    beside, seen = set(), []

    def look(changes_the_disk: bool) -> None:
        beside.update(_others(folder))
        if folder.exists() and (now := tree(folder)) not in seen:
            seen.append(now)

    with tried_on(opening(case)):
        with_each_moment(lambda: publish(given, folder), look)
    require(folder.is_dir(), f"{opening(case)} there is no folder at the end.")
    earlier = [one for one in seen if one != tree(folder)]
    require(
        not earlier,
        f"{opening(case)} there was a moment when `folder` held {short(sorted(earlier[0]) if earlier else [])} and was "
        "not whole. Who is killed then leaves that behind. Write elsewhere, and rename at the end.",
    )
    _is_whole(folder, files, case)
    require(beside, f"{opening(case)} {NOT_BESIDE}")
    _nothing_beside(folder, case)
    _is_as_open_as_others(folder, case)


NOT_BESIDE = (
    "your draft is not beside `folder`. On another disk, as a system's folder for temporary files may be, nothing can "
    "be renamed to it: `shutil.move` then copies file by file."
)


def _is_whole(folder: Path, files: dict[str, bytes], case: str) -> None:
    found = tree(folder)
    lost, more = [name for name in files if name not in found], [name for name in found if name not in files]
    require(not lost, f"{opening(case)} the folder misses {quoted(lost)}.")
    require(not more, f"{opening(case)} the folder also holds {quoted(more)}, which nobody asked for.")
    changed = [name for name in files if found[name] != files[name]]
    require(not changed, f"{opening(case)} {quoted(changed)} holds other bytes than it was given.")


def _nothing_beside(folder: Path, case: str) -> None:
    require(not _others(folder), f"{opening(case)} {quoted(_others(folder))} is left beside the folder: take it away.")
    neighbour = folder.parent / NEIGHBOUR
    kept = neighbour.is_file() and neighbour.read_bytes() == b"not yours"
    require(kept, f"{opening(case)} a file beside the folder, which was not yours, is gone or changed.")


@contextmanager
def _readable_by_all() -> Iterator[None]:
    """New folders and files may be read by everybody, as on most systems, whatever this one is set to."""
    before = os.umask(0o022)
    try:
        yield
    finally:
        os.umask(before)


def _is_as_open_as_others(folder: Path, case: str) -> None:
    """Whoever may list and enter a folder that `mkdir` makes may do so here; Windows has no such modes."""
    if os.name == "nt":
        return
    usual = folder.with_name("usual")
    usual.mkdir()
    asked, found = (stat.S_IMODE(one.stat().st_mode) for one in (usual, folder))
    usual.rmdir()
    closed = asked & 0o555 & ~found
    require(
        not closed,
        f"{opening(case)} `folder` has the mode {found:o}, and one that `mkdir` makes here has {asked:o}: others "
        "cannot read what you publish. `tempfile.mkdtemp` makes a folder for its owner alone, so open it: "
        f"`draft.chmod(0o{asked:o})`, or publish a folder that `mkdir` made within it.",
    )


def _was_stopped(publish: Callable, stop: type[BaseException], number: int, case: str) -> bool:
    """Whether there was a write or a rename of that number, from 0, to be stopped at; what is left is looked at."""
    passed = []

    def moment(changes_the_disk: bool) -> None:
        if changes_the_disk:
            passed.append(None)
            if len(passed) == number + 1:
                raise stop()

    with _place() as folder:
        try:
            with_each_moment(lambda: publish(dict(THREE), folder), moment)
        except (stop, Exception):  # an answer may raise another error in its place
            came_out = True
        else:
            came_out = False
        if len(passed) <= number:
            return False
        case = f"{case} at write or rename number {number + 1},"
        # `shutil.move` copies where it cannot rename, so all may be well.
        require(came_out or folder.exists(), f"{case} your function ended as if all were well. Let the error out.")
        if folder.exists():
            _is_whole(folder, THREE, f"{case} the folder is there.")
        _nothing_beside(folder, case)
    return True


def _heeds_no_earlier_draft(publish: Callable) -> None:
    """A run that was killed at its last write has left its draft; then the next one comes, with another file."""
    with tempfile.TemporaryDirectory() as elsewhere, _place() as folder:
        killed = Path(elsewhere) / "killed"

        def moment(changes_the_disk: bool) -> None:
            if changes_the_disk:
                shutil.rmtree(killed, ignore_errors=True)
                shutil.copytree(folder.parent, killed)

        with_each_moment(lambda: publish(dict(THREE), folder), moment)
        if not killed.exists():
            return
        case, another = "After a run that was killed while it wrote", {"other.txt": b"other"}
        try:
            publish(dict(another), killed / folder.name)
        except Exception as error:
            raise Incorrect(
                f"{opening(case)} the next one stops with `{type(error).__name__}: {short(first_line(error))}`. What "
                "the first has left is in its way: give each draft a name of its own."
            ) from None
        require((killed / folder.name).is_dir(), f"{opening(case)} the next one writes no folder.")
        _is_whole(killed / folder.name, another, case)


SHARE = (WhatTheCardMustSay, ExportAndProve, WholeOrNotAtAll)
