"""From a folder of photos to a folder to share, in one call."""

from __future__ import annotations

import json
import os
import re
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import torch
from safetensors.torch import save_file
from torch import Tensor

from helpers.course.measured import versions_here
from helpers.data import Splits, load_dataset
from helpers.data.splits import whole_number
from helpers.errors import CourseError, one_line
from helpers.models import Backbone, load_backbone
from helpers.models.backbones import DEFAULT_BACKBONE
from helpers.sharing import loading, program
from helpers.sharing.card import Card
from helpers.sharing.evidence import Evidence, collect
from helpers.sharing.loading import CONFIG, HEAD, MADE_BY
from helpers.sharing.page import page_of
from helpers.sharing.program import Program, write_programs
from helpers.sharing.whole_folder import require_room_for, whole_folder
from helpers.training import pick_device

CARD, PAGE = "README.md", "index.html"
FILES = (CARD, PAGE, CONFIG, HEAD, program.PT2, program.ONNX)


@dataclass(frozen=True)
class Shared:
    """The folder that was written, and what stands behind it."""

    folder: Path
    card: Card

    @property
    def evidence(self) -> Evidence:
        return self.card.evidence

    @property
    def programs(self) -> list[Program]:
        return self.card.programs

    def __str__(self) -> str:
        """A few lines: the accuracy, and each file with its size."""
        numbers, caution = self.evidence.numbers, self.card.backbone.caution
        lines = [f"accuracy on {numbers.images} test pictures: {numbers.accuracy_text}.{caution}"]
        lines += [f"{file.name}: {file.stat().st_size / 1e3:,.0f} kB" for file in sorted(self.folder.iterdir())]
        lines += [str(one) for one in self.programs]
        if self.card.show_photos:
            lines.append(
                f"{PAGE} shows {len(self.card.shown())} of the pictures, small and without their files' metadata, and "
                "the card names some of the files. Look at both before you pass the folder on."
            )
        return "\n".join(lines)


def share(
    photos: str | os.PathLike[str] | Splits,
    out: str | os.PathLike[str],
    *,
    backbone: str | Backbone = DEFAULT_BACKBONE,
    seed: int = 0,
    repeats: int = 3,
    epochs: int = 60,
    side: int | None = None,
    device: str = "auto",
    show_photos: bool = True,
    replace: bool = False,
    progress: bool = False,
) -> Shared:
    """Train a head on the frozen backbone, and write the folder `out`: card, page, head, program.

    Validation chooses the rate, the number of epochs and which head is shared. The test part is read once, after that.
    `out` is there whole or not at all. Nothing is sent anywhere; weights that are not on this machine are fetched as
    `load_backbone` does.

    Args:
        photos: a dataset's name, a folder of photos, or a dataset in three parts.
        out: a folder that is not there yet, or with `replace` that of an earlier card.
        backbone: its name, or a `Backbone`, whose network loses its head and is frozen.
        seed: the first of `repeats` seeds; it also divides the photos.
        epochs: the most that a head is trained.
        side: pixels of the pictures' shorter side; None for what the backbone was trained at.
        progress: show a bar while the features are computed.
        show_photos: whether page and card show pictures and name their files.

    Raises:
        CourseError: bad photos, no such backbone or device, or an `out` that may not be written. What takes no time is
            looked at before training.
    """
    seed, repeats, epochs = (
        whole_number(what, value, least=least)
        for what, value, least in (("the seed", seed, 0), ("repeats", repeats, 1), ("epochs", epochs, 1))
    )
    if side is not None:
        side = whole_number("side", side, least=8)
    folder, root = _place(out), None if isinstance(photos, Splits) else _folder_of(photos)
    _require_outside(folder, root)
    require_room_for(folder, mark=CONFIG, files=FILES, replace=replace)
    where = pick_device(device)
    data = photos if isinstance(photos, Splits) else load_dataset(photos, seed=seed)
    backbone = load_backbone(backbone) if isinstance(backbone, str) else backbone
    transform = backbone.transforms if side is None else backbone.transforms_for(side)
    data = data.with_transform(transform)
    evidence = collect(data, backbone, seed=seed, repeats=repeats, epochs=epochs, device=where, progress=progress)
    config = _config(data, backbone, transform, evidence, seed)
    with whole_folder(folder) as draft:
        programs = write_programs(evidence.network, _some_images(data), draft)
        card = Card(data, backbone, evidence, programs, config, epochs, show_photos)
        _write(draft, card)
        require_no_paths(draft, *([root.parent] if root else []), *_own_folders())
    return Shared(folder, card)


def _place(out: str | os.PathLike[str]) -> Path:
    try:
        return Path(out).expanduser().absolute()
    except (RuntimeError, TypeError, ValueError):  # nobody of that name has a home here; no path at all
        raise CourseError(f"no folder can be written at {one_line(repr(out))[:200]}: name another one") from None


def _folder_of(photos: object) -> Path | None:
    """The folder of photos; None where it is none, which `load_dataset` tells, or a dataset's name."""
    try:
        root = Path(photos).expanduser().resolve()
        return root if root.is_dir() else None
    except (OSError, RuntimeError, TypeError, ValueError):
        return None


def _require_outside(folder: Path, root: Path | None) -> None:
    """What lies among the photos would be read as photos the next time."""
    if root is None:
        return
    if folder.resolve().is_relative_to(root):
        raise CourseError(f"{one_line(folder)} lies in the folder of photos: name a folder outside of it")
    if root.is_relative_to(folder.resolve()):
        raise CourseError(f"{one_line(folder)} holds the folder of photos: name another folder")


def _some_images(data: Splits) -> Tensor:
    """Test pictures [n, 3, h, w], spread over the part."""
    where = torch.linspace(0, len(data.test) - 1, min(program.MOST_IMAGES, len(data.test))).round().long()
    return torch.stack([data.test[i][0] for i in where.tolist()])


def _config(data: Splits, backbone: Backbone, transform: Callable, evidence: Evidence, seed: int) -> dict:
    return {
        "made_by": MADE_BY,
        "format": loading.FORMAT,
        "classes": data.classes,
        "backbone": {
            "name": backbone.name,
            "weights": str(backbone.weights),
            "pretrained": backbone.pretrained,
            "width": evidence.heads[0].in_features,
        },
        "preprocessing": loading.settings_of(transform),
        "seed": seed + evidence.chosen,
        "versions": versions_here(),
    }


def _write(draft: Path, card: Card) -> None:
    head = card.evidence.heads[card.evidence.chosen]
    save_file({name: value.contiguous() for name, value in head.state_dict().items()}, draft / HEAD)
    (draft / CONFIG).write_text(json.dumps(card.config, indent=1, allow_nan=False) + "\n", encoding="utf-8")
    (draft / CARD).write_text(card.markdown(), encoding="utf-8")
    (draft / PAGE).write_text(page_of(card), encoding="utf-8")


# ---- privacy ---------------------------------------------------------------------------------------


def _own_folders() -> list[Path]:
    """Folders whose names say who made this, and where."""
    return [Path.home(), Path(sys.prefix), Path.cwd(), Path(__file__).resolve().parents[2]]


def require_no_paths(draft: Path, *folders: Path) -> None:
    """No file names one of these folders of this machine.

    Raises:
        CourseError: one does. Short ones, such as `/` and `/root`, are not looked for: they may stand anywhere.
    """
    wanted = {os.fsencode(folder) for folder in folders if len(folder.parts) > 2}
    for file in sorted(draft.iterdir()):
        content = file.read_bytes()
        for name in wanted:
            if re.search(re.escape(name) + rb"(?![\w.-])", content):
                raise CourseError(
                    f"{file.name} would name a folder of this machine ({one_line(os.fsdecode(name))}): give that class "
                    "another name"
                )
