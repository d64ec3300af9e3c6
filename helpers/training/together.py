"""Training by several processes at once, which ends in the same numbers when one of them dies on the way."""

from __future__ import annotations

import json
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, fields
from itertools import islice
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.parallel import DistributedDataParallel
from torch.utils.data import DataLoader, Dataset, Subset

from helpers.errors import CourseError
from helpers.places import atomic_write_text
from helpers.training.checkpoints import load_checkpoint, random_state, save_checkpoint, set_random_state
from helpers.training.loop import Batches, predict, train
from helpers.training.processes import Team
from helpers.training.sharing_out import Pictures

CHECKPOINT, RESULT = "checkpoint.pt", "result.json"
_KEPT = {"settings", "progress", "network", "optimizer", "scheduler", "random"}


@dataclass
class Job:
    """What is trained on what, in each process alike.

    Attributes:
        network: begins with the same numbers in each process. It may be wrapped, as by `KeepStatistics`.
        scheduler: steps once a batch; None for a constant rate.
        pictures: those of this process.
        val: all of the validation part; each process looks at a share of it.
        folder: where the checkpoint and the result are written; all processes see it.
        settings: what the numbers hang on. A checkpoint of another training is refused by them.
        every: batches between two checkpoints within an epoch; None writes one at the end of each epoch alone.
    """

    network: nn.Module
    optimizer: torch.optim.Optimizer
    pictures: Pictures
    val: Dataset
    epochs: int
    folder: Path
    scheduler: torch.optim.lr_scheduler.LRScheduler | None = None
    settings: dict = field(default_factory=dict)
    every: int | None = None


@dataclass
class Progress:
    """How far a training is. `loss` and `seen` add up the pictures of the epoch under way, up to `batch`."""

    epoch: int = 0
    batch: int = 0
    loss: float = 0.0
    seen: int = 0
    seconds: float = 0.0
    curve: list[dict[str, float]] = field(default_factory=list)


def train_together(job: Job, team: Team) -> list[dict[str, float]]:
    """Train from the start, or from the checkpoint in the job's folder, and leave `result.json` there.

    Every process of the team calls this. Each step's gradients are averaged over the processes (by
    `DistributedDataParallel`); the steps themselves are those of `helpers.training.train`.

    Returns:
        For each epoch its "train loss", and "val loss", "accuracy", "right" and "count" on the validation part, in
        which each picture counts once.

    Raises:
        CourseError: the loss is not finite, the folder holds the checkpoint of another training or program, or nothing
            can be written there.
    """
    job.network.to(team.device)
    done = _begun(job, team)
    model = _averaging(job.network, team)
    while done.epoch < job.epochs:
        started = time.perf_counter()
        for part in _parts(job.pictures.batches(done.epoch, done.batch), job, done):
            counted = _Counted(part)
            how = {"scheduler": job.scheduler, "device": team.device}
            (loss,) = train(model, counted, job.optimizer, epochs=1, **how).train_loss
            total, seen = team.total(loss * counted.pictures, counted.pictures)
            done.loss, done.seen, done.batch = done.loss + total, int(done.seen + seen), done.batch + counted.batches
            done.seconds, started = done.seconds + time.perf_counter() - started, time.perf_counter()
            if done.batch < len(job.pictures):
                _keep(job, team, done)
        _end_epoch(job, team, done)
    if team.is_first:
        told = {"curve": done.curve, "processes": team.size, "restarts": team.restarts, "seconds": done.seconds}
        with _told_where_nothing_can_be_written(job.folder):
            atomic_write_text(job.folder / RESULT, json.dumps({**told, "settings": job.settings}, indent=1))
    team.wait()
    return done.curve


def result_in(folder: Path) -> dict:
    """What a training left in its folder: its "curve", how many "processes", their "restarts", its "seconds".

    Raises:
        CourseError: there is none.
    """
    try:
        return json.loads((folder / RESULT).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        raise CourseError(f"no training has ended in {folder}: start it again, and it goes on") from None


def judged(network: nn.Module, dataset: Dataset, team: Team, batch_size: int = 16) -> dict[str, float]:
    """The validation loss and accuracy of the whole team, in which each picture counts once.

    Each process looks at its share and gives what can be added up: the sum of its losses, and how many of how many
    pictures it got right. An average of averages would weigh a picture in a smaller share more.
    """
    own = team.share_of(len(dataset))
    loss, right = 0.0, 0
    if own:
        dice = torch.Generator().manual_seed(0)  # or the loader draws from the generator that dropout draws from
        batches = DataLoader(Subset(dataset, own), batch_size, generator=dice)
        logits, labels = predict(network, batches, device=team.device)
        loss = nn.functional.cross_entropy(logits.float(), labels, reduction="sum").item()
        right = int((logits.argmax(dim=1) == labels).sum())
    loss, right, count = team.total(loss, right, len(own))
    if not count:
        raise CourseError("there is nothing to judge by: the validation part is empty")
    return {"val loss": loss / count, "accuracy": right / count, "right": int(right), "count": int(count)}


def _averaging(network: nn.Module, team: Team) -> nn.Module:
    """The network such that `backward()` leaves the mean of all processes' gradients in each of them."""
    if team.size == 1:
        return network
    own = [team.device.index] if team.device.type == "cuda" else None
    return DistributedDataParallel(network, device_ids=own)


def _parts(batches: Iterable, job: Job, done: Progress) -> Iterator[Batches]:
    """What is left of an epoch, in parts of as many batches as lie between two checkpoints."""
    batches, left = iter(batches), len(job.pictures) - done.batch
    for start in range(0, left, job.every or left):
        yield islice(batches, min(job.every or left, left - start))


class _Counted:
    """Batches for one epoch of `train`, counted as they go by."""

    def __init__(self, batches: Batches):
        self.source, self.batches, self.pictures = batches, 0, 0

    def __iter__(self) -> Iterator[tuple[Tensor, Tensor]]:
        for inputs, labels in self.source:
            self.batches, self.pictures = self.batches + 1, self.pictures + len(labels)
            yield inputs, labels


def _end_epoch(job: Job, team: Team, done: Progress) -> None:
    epoch = {"train loss": done.loss / done.seen, **judged(job.network, job.val, team)}
    done.curve.append(epoch)
    done.epoch, done.batch, done.loss, done.seen = done.epoch + 1, 0, 0.0, 0
    _keep(job, team, done)
    told = f"loss {epoch['train loss']:.4f}, validation accuracy {epoch['accuracy']:.3f}"
    _say(team, f"epoch {done.epoch} of {job.epochs}: {told} ({epoch['right']} of {epoch['count']})")


def _say(team: Team, line: str) -> None:
    if team.is_first:
        print(line, flush=True)


# -- Kept on disk -------------------------------------------------------------------------------------------


def _keep(job: Job, team: Team, done: Progress) -> None:
    """All processes give their random state, and the first one writes: two writers would spoil each other's file."""
    states = team.gathered(random_state())
    if team.is_first:
        state = {
            "settings": job.settings,
            "progress": vars(done),
            "network": job.network.state_dict(),
            "optimizer": job.optimizer.state_dict(),
            "scheduler": job.scheduler.state_dict() if job.scheduler else None,
            "random": states,
        }
        save_checkpoint(job.folder / CHECKPOINT, state)


def _begun(job: Job, team: Team) -> Progress:
    """Where the checkpoint says that this training is; all that it holds is put back. Without one, at the start."""
    if team.is_first:
        with _told_where_nothing_can_be_written(job.folder):
            job.folder.mkdir(parents=True, exist_ok=True)
    team.wait()
    state = load_checkpoint(job.folder / CHECKPOINT)
    if state is None:
        return Progress()
    _require_ours(state, job.folder)
    if state["settings"] != job.settings:
        other = [key for key in {**state["settings"], **job.settings} if _differ(state["settings"], job.settings, key)]
        raise CourseError(
            f"the checkpoint in {job.folder} is of another training ({', '.join(sorted(other))}): give another folder, "
            "or delete it to begin anew"
        )
    job.network.load_state_dict(state["network"])
    job.optimizer.load_state_dict(state["optimizer"])
    if job.scheduler:
        job.scheduler.load_state_dict(state["scheduler"])
    if team.rank < len(state["random"]):  # with more processes than before, the new ones have no state to go on from
        set_random_state(state["random"][team.rank])
    done = Progress(**state["progress"])
    _say(team, f"going on after epoch {done.epoch}, batch {done.batch} (start {team.restarts + 1})")
    return done


def _require_ours(state: Any, folder: Path) -> None:
    """Another program, or a newer version of the course, keeps other things under the same name."""
    known = {field.name for field in fields(Progress)}
    if not isinstance(state, dict) or not state.keys() >= _KEPT or state["progress"].keys() != known:
        raise CourseError(
            f"{folder / CHECKPOINT} is no checkpoint of this version of the course: give another folder, or move it "
            "away to begin anew"
        )


@contextmanager
def _told_where_nothing_can_be_written(folder: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise CourseError(f"cannot write to {folder} ({error.strerror}): make room, or name another folder") from None


def _differ(one: dict, other: dict, key: str) -> bool:
    return (key in one) != (key in other) or one.get(key) != other.get(key)
