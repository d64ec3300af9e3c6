"""A learner's own weights: loading what fits of a file, and saying plainly what did not."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn.parameter import UninitializedTensorMixin

from helpers.errors import CourseError, first_few
from helpers.models.backbones import load_backbone
from helpers.models.weights import read_saved

# What frameworks call the state dict among the other entries of a checkpoint.
STATE_DICT_NAMES = ("state_dict", "model_state_dict", "model", "net", "network", "weights")
# What wrappers put before each name: data parallelism, torch.compile, Lightning modules, networks with a new head.
PREFIXES = ("module", "_orig_mod", "model", "backbone")
AT_MOST = 3

Shape = tuple[int, ...]


@dataclass(frozen=True)
class OwnWeights:
    """What became of each entry of a file; printed, it is a few lines.

    Attributes:
        file: the file.
        network: the network's name, or its class where a module was given.
        model: the network, with the entries that fitted.
        loaded: names that were loaded, as the network has them.
        other_shape: name to the shapes in the file and in the network; not loaded.
        missing: names of the network that the file lacks; they stay as they were.
        unknown: names of the file that the network lacks.
        head: the network's last layer and how many classes it has in the file and in the network, where it differs in
            these alone; it is then among `other_shape`.
        not_finite: names that were loaded and hold NaN or infinity, in the network's type of numbers.
        remarks: what was done so that the file would fit, a sentence each.
    """

    file: Path
    network: str
    model: nn.Module
    loaded: tuple[str, ...]
    other_shape: Mapping[str, tuple[Shape, Shape]]
    missing: tuple[str, ...]
    unknown: tuple[str, ...]
    head: tuple[str, int, int] | None
    not_finite: tuple[str, ...]
    remarks: tuple[str, ...]

    @property
    def complete(self) -> bool:
        """Whether every entry of the network came from the file."""
        return not self.other_shape and not self.missing

    def __str__(self) -> str:
        entries = len(self.loaded) + len(self.other_shape) + len(self.missing)
        lines = [f"{self.file.name} into {self.network}: {len(self.loaded)} of {entries} entries loaded", *self.remarks]
        layer = None
        if self.head:
            layer, theirs, ours = self.head
            lines.append(f"the head in the file has {theirs} classes, the network {ours}: it stays as it was")
        described = [
            f"{name} (file {list(theirs)}, network {list(ours)})"
            for name, (theirs, ours) in self.other_shape.items()
            if _layer(name) != layer
        ]
        lines += _line("of another shape, not loaded", described)
        lines += _line("not in the file, left as they were", self.missing)
        lines += _line("not in the network, left out", self.unknown)
        lines += _line("NaN or infinity in", self.not_finite)
        return "\n".join(lines)


def load_own_weights(name_or_model: str | nn.Module, file: str | Path) -> OwnWeights:
    """Load what fits, by name and shape, of a `.pth`, `.pt` or `.safetensors` file into a network.

    A name of `backbone_names()` gives that network, with random numbers where the file has none; a module is
    changed in place. Where it makes names fit, a wrapper's prefix is taken off; a checkpoint is unwrapped where it
    holds one state dict; numbers of another type are converted. The report says all of it.

    Raises:
        CourseError: no such network or file, a file that is damaged or holds code, or nothing in it that fits. The
            network is then as it was.
    """
    network, model = _network(name_or_model)
    path = Path(file)
    saved = read_saved(path, cure="save it again, or copy it again from where it is whole")
    entries, unwrapped = _state_dict(saved, path)
    _must_be_plain(entries, path)
    own = _tensors(model.state_dict())
    entries, stripped = _without_prefix(entries, own)
    fitting = {name: value for name, value in entries.items() if name in own and value.shape == own[name].shape}
    if not any(value.ndim for value in fitting.values()):  # BatchNorm's counters fit in every network
        raise CourseError(
            f"nothing in {path} fits {network}: the file has {_described(entries)}, the network {_described(own)}; "
            "name the network that the file was made with"
        )
    other_shape = {
        name: (tuple(value.shape), tuple(own[name].shape))
        for name, value in entries.items()
        if name in own and name not in fitting
    }
    # Before anything is copied, so that nothing is changed where it fails; half precision may turn numbers infinite.
    converted = {name: value.to(own[name].device, own[name].dtype) for name, value in fitting.items()}
    report = OwnWeights(
        file=path,
        network=network,
        model=model,
        loaded=tuple(fitting),
        other_shape=other_shape,
        missing=tuple(name for name in own if name not in entries),
        unknown=tuple(name for name in entries if name not in own),
        head=_other_head(other_shape, _layer(list(own)[-1])),
        not_finite=tuple(name for name, value in converted.items() if not _finite(value)),
        remarks=(*unwrapped, *stripped, *_conversions(fitting, own)),
    )
    _copy(converted, own)
    return report


# ---- what was given --------------------------------------------------------------------------------


def _network(name_or_model: str | nn.Module) -> tuple[str, nn.Module]:
    if isinstance(name_or_model, str):
        return name_or_model, load_backbone(name_or_model, pretrained=False).model
    if not isinstance(name_or_model, nn.Module):
        raise CourseError(
            f"a network is a name or an nn.Module, not {type(name_or_model).__name__}: pass the model itself"
        )
    for name, value in name_or_model.state_dict().items():
        if isinstance(value, UninitializedTensorMixin):
            raise CourseError(f"{name} has no shape yet (a lazy layer): run one batch through the network first")
        if value.is_meta:
            raise CourseError(f"{name} has no numbers (device meta): build the network on a real device first")
    return type(name_or_model).__name__, name_or_model


def _state_dict(saved: object, path: Path) -> tuple[dict[str, Tensor], list[str]]:
    """The state dict in what was saved, and a remark where it had to be looked for."""
    if not isinstance(saved, Mapping):
        raise CourseError(f"{path} holds a {type(saved).__name__} and no state dict: save model.state_dict()")
    tensors = _tensors(saved)
    found = {str(name): value for name, value in saved.items() if isinstance(value, Mapping) and _tensors(value)}
    usual = [name for name in STATE_DICT_NAMES if name in found]
    if tensors and not usual:
        return tensors, _line("no tensors, left out", [str(name) for name in saved if name not in tensors])
    names = list(found) if len(found) == 1 else usual
    if len(names) != 1:  # tensors beside it (an epoch, the best accuracy) are the checkpoint's own
        what = (
            f"several state dicts ({', '.join(found)})"
            if found
            else f"no tensors (entries: {first_few(saved, AT_MOST) or 'none'})"
        )
        raise CourseError(f"{path} holds {what}: save model.state_dict() alone")
    remark = f"the file is a checkpoint; its state dict is the entry {names[0]!r}"
    return _tensors(found[names[0]]), [remark]


def _must_be_plain(entries: Mapping[str, Tensor], path: Path) -> None:
    for name, value in entries.items():
        if value.layout != torch.strided or value.is_quantized or value.is_meta or value.is_complex():
            raise CourseError(
                f"{name} in {path} is no plain tensor (but sparse, quantized, complex or on meta): save a plain one"
            )


def _tensors(saved: Mapping) -> dict[str, Tensor]:
    return {name: value for name, value in saved.items() if isinstance(name, str) and isinstance(value, Tensor)}


def _without_prefix(entries: dict[str, Tensor], own: Mapping[str, Tensor]) -> tuple[dict[str, Tensor], list[str]]:
    """The entries without the wrapper's prefix that makes the most names fit, where one does."""

    def fits(prefix: str) -> int:
        return sum(name.removeprefix(prefix) in own for name in entries)

    prefix = max(("", *_prefixes(entries)), key=fits)  # the first, and so the shortest, of those that fit best
    if not prefix:
        return entries, []
    shorter = {name: name.removeprefix(prefix) for name in entries}
    taken = {name: short for name, short in shorter.items() if short != name and short not in entries}
    renamed = {taken.get(name, name): value for name, value in entries.items()}
    return renamed, [f"{prefix!r} taken off {len(taken)} names, so that they fit"]


def _prefixes(names: Iterable[str]) -> list[str]:
    """Every beginning that consists of wrappers' prefixes alone: `module.`, `module.model.`."""
    found = set()
    for name in names:
        prefix = ""
        for part in name.split(".")[:-1]:
            if part not in PREFIXES:
                break
            prefix += f"{part}."
            found.add(prefix)
    return sorted(found, key=len)


# ---- loading and telling ---------------------------------------------------------------------------


@torch.no_grad()
def _copy(converted: Mapping[str, Tensor], own: Mapping[str, Tensor]) -> None:
    for name, value in converted.items():
        own[name].copy_(value)


def _other_head(other_shape: Mapping[str, tuple[Shape, Shape]], last: str) -> tuple[str, int, int] | None:
    """The last layer and its classes, where it is a linear one or a convolution and differs in nothing else."""
    differing = {name: shapes for name, shapes in other_shape.items() if _layer(name) == last}
    theirs, ours = next((shapes for shapes in differing.values() if len(shapes[1]) > 1), ((), ()))
    if not theirs or any(file[1:] != network[1:] for file, network in differing.values()):
        return None
    return last, theirs[0], ours[0]


def _layer(name: str) -> str:
    return name.rpartition(".")[0]


def _finite(value: Tensor) -> bool:
    # Numbers of 8 bits know no isfinite of their own.
    return not value.is_floating_point() or bool(value.float().isfinite().all())


def _conversions(fitting: Mapping[str, Tensor], own: Mapping[str, Tensor]) -> list[str]:
    kinds = {(value.dtype, own[name].dtype) for name, value in fitting.items() if value.ndim}  # counters are no news
    differing = sorted(((theirs, ours) for theirs, ours in kinds if theirs != ours), key=str)
    return [f"converted from {_type(theirs)} to {_type(ours)}" for theirs, ours in differing]


def _type(dtype: torch.dtype) -> str:
    return str(dtype).removeprefix("torch.")


def _described(entries: Mapping[str, Tensor]) -> str:
    if not entries:
        return "no entries"
    name, value = next(iter(entries.items()))
    return f"{len(entries)} entries such as {name} {list(value.shape)}"


def _line(label: str, items: Sequence[str]) -> list[str]:
    return [f"{label}: {first_few(items, AT_MOST)}"] if items else []
