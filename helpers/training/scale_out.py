"""One training for one process or many, on one machine or several.

    python -m helpers.training.scale_out --folder runs/one
    torchrun --nproc-per-node 2 --max-restarts 3 -m helpers.training.scale_out --folder runs/two

(`helpers.training.launching.as_typed` says what to put in front where processes may be started again.)
Run it twice with the same folder, and the second run goes on where the first one stopped. `--help` lists the settings.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import torch
from torch import Tensor, nn

from helpers.data import load_dataset
from helpers.data.shards import find_shards
from helpers.errors import CourseError
from helpers.leaving import leave
from helpers.models import load_backbone, replace_head
from helpers.models.freezing import KeepStatistics
from helpers.training.devices import seed_everything
from helpers.training.processes import Team, joined
from helpers.training.sharing_out import FromDataset, FromShards
from helpers.training.together import Job, train_together

BAD_INPUT = 2  # the exit status


@dataclass(frozen=True)
class Settings:
    """What a training hangs on. `batch_size` counts the pictures of all processes together."""

    backbone: str = "efficientnet_lite0"
    dataset: str = "painted flowers"
    per_class: int = 12
    side: int = 64
    batch_size: int = 12
    epochs: int = 3
    rate: float = 1e-4
    seed: int = 0
    order: int = 0  # draws another order of the same pictures
    shards: str = ""  # a folder
    statistics: str = "kept"  # or "moving": BatchNorm's
    bf16: bool = False

    def arguments(self) -> list[str]:
        """These settings as they are typed behind the command."""
        typed = []
        for name, value in asdict(self).items():
            if value != getattr(Settings, name):
                option = f"--{name.replace('_', '-')}"
                typed += [option] if value is True else [option, str(value)]
        return typed


class InBfloat16(nn.Module):
    """A network whose layers multiply in bfloat16; its parameters and its logits stay float32."""

    def __init__(self, network: nn.Module):
        super().__init__()
        self.network = network

    def forward(self, images: Tensor) -> Tensor:
        with torch.autocast(images.device.type, dtype=torch.bfloat16):
            return self.network(images).float()


def make_job(settings: Settings, folder: Path, team: Team, *, every: int | None = None, workers: int = 0) -> Job:
    """The training of these settings as one process of `team` has it.

    Raises:
        CourseError: an unknown network or dataset, or a batch that cannot be divided among the processes.
    """
    seed_everything(settings.seed)  # each process draws the same new head
    backbone = load_backbone(settings.backbone)
    if team.is_first and not backbone.pretrained:
        print(backbone.note, flush=True)
    sizes = {"val_per_class": 30, "test_per_class": 30} if settings.dataset == "painted flowers" else {}
    data = load_dataset(settings.dataset, seed=settings.seed, **sizes)
    data = data.with_transform(backbone.transforms_for(settings.side))
    few = min(settings.per_class, *data.train.counts())
    network = replace_head(backbone.model, len(data.classes))
    network.to(memory_format=torch.channels_last)
    optimizer = torch.optim.AdamW(network.parameters(), lr=settings.rate, weight_decay=1e-4)
    if settings.shards:
        transform = backbone.transforms_for(settings.side)
        shards = find_shards(Path(settings.shards))
        pictures = FromShards(shards, transform, settings.batch_size, team, seed=settings.order, workers=workers)
    else:
        train = data.train.per_class(few, settings.seed)
        pictures = FromDataset(train, settings.batch_size, team, seed=settings.order, workers=workers)
    model = KeepStatistics(network) if settings.statistics == "kept" else network
    model = InBfloat16(model) if settings.bf16 else model
    scheduler = torch.optim.lr_scheduler.LinearLR(optimizer, 0.1, total_iters=len(pictures))
    return Job(model, optimizer, pictures, data.val, settings.epochs, folder, scheduler, asdict(settings), every)


def run(
    settings: Settings, folder: Path, *, device: str = "auto", every: int | None = None, workers: int = 0
) -> list[dict[str, float]]:
    """Train with these settings in the team that this process belongs to; the curve, as `train_together` gives it."""
    with joined(device) as team:
        return train_together(make_job(settings, folder, team, every=every, workers=workers), team)


def main(arguments: Sequence[str] | None = None) -> int:
    """The exit status: 0, or 2 for bad input."""
    given = vars(_parser().parse_args(arguments))
    how = {name: given.pop(name) for name in ("folder", "device", "every", "workers")}
    try:
        run(Settings(**given), **how)
    except CourseError as error:
        print(f"{type(error).__name__}: {error}", file=sys.stderr, flush=True)
        return BAD_INPUT
    return 0


def _positive(text: str) -> int:
    number = int(text) if text.isdecimal() else 0
    if number < 1:
        raise argparse.ArgumentTypeError(f"a whole number of at least 1, not {text}")
    return number


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="helpers.training.scale_out", description=__doc__.partition("\n")[0])
    parser.add_argument("--folder", type=Path, required=True, help="for checkpoint and result; all processes see it")
    parser.add_argument("--backbone", default=Settings.backbone)
    parser.add_argument("--dataset", default=Settings.dataset, help="a name, or a folder with one folder a class")
    parser.add_argument("--per-class", type=_positive, default=Settings.per_class, help="training pictures a class")
    parser.add_argument("--side", type=_positive, default=Settings.side, help="of a picture, in pixels")
    parser.add_argument("--batch-size", type=_positive, default=Settings.batch_size, help="of all processes together")
    parser.add_argument("--epochs", type=_positive, default=Settings.epochs)
    parser.add_argument("--rate", type=float, default=Settings.rate, help="AdamW's, after one epoch of warm-up")
    parser.add_argument("--seed", type=int, default=Settings.seed)
    parser.add_argument("--order", type=int, default=Settings.order, help="draws another order of the pictures")
    parser.add_argument("--shards", default=Settings.shards, help="folder of shards to train on")
    parser.add_argument("--statistics", choices=("kept", "moving"), default=Settings.statistics, help="BatchNorm's")
    parser.add_argument("--bf16", action="store_true", help="multiply in bfloat16")
    parser.add_argument("--device", default="auto")
    parser.add_argument("--every", type=_positive, help="batches between two checkpoints; else one an epoch")
    parser.add_argument("--workers", type=int, default=0, help="that load pictures, for each process")
    return parser


if __name__ == "__main__":
    leave(main())
