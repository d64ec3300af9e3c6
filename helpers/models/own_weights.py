"""A learner's own weights: loading what fits of a file, and saying plainly what did not."""

from __future__ import annotations

import copy
import re
import warnings
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _NormBase

from helpers.errors import CourseError, first_few, first_line
from helpers.models.backbones import load_backbone
from helpers.models.counting import refuse_lazy
from helpers.models.weights import FREE_MEMORY, is_out_of_memory, read_saved

# What frameworks call the state dict among the other entries of a checkpoint.
STATE_DICT_NAMES = ("state_dict", "model_state_dict", "model", "net", "network", "weights")
# What holds a network and nothing else: data parallelism and torch.compile, by the name that they give it.
WRAPPERS = ({"module"}, {"_orig_mod"})
# DenseNet's layers once had a dot more in their names. torchvision's builder takes it out, and no layer does.
DENSENET_OF_OLD = re.compile(r"(denselayer\d+\.(?:norm|conv))\.([12]\.)")
# What a layer raises over a file that is not for it, and `deepcopy` over what cannot be copied.
OBJECTIONS = (RuntimeError, TypeError, ValueError, AttributeError, LookupError)
AT_MOST = 3

Shape = tuple[int, ...]


@dataclass(frozen=True)
class OwnWeights:
    """What became of each entry of a file; printed, it is a few lines.

    Attributes:
        file: the file.
        network: the network's name, or its class where a module was given.
        model: the network, with the entries that fitted.
        loaded: names that were loaded, as the network has them, but without a wrapper's prefix (`module.`).
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
    changed in place, within `DataParallel` and `torch.compile` too. Where it makes entries fit, the beginning that
    their names have in common is taken off, and names from older versions of a layer are renamed as torch does; a
    checkpoint is unwrapped where it holds one state dict; numbers of another type are converted. The report says
    all of it.

    Raises:
        CourseError: no such network or file, a file that is damaged or holds code, nothing in it that fits, or a
            network that cannot be written to. The network is then as it was.
    """
    network, model, inner = _network(name_or_model)
    path = _path(file)
    cure = "save it again, or copy it again from where it is whole"
    saved = read_saved(path, cure=cure, missing="name a file that is there")
    state_dict, unwrapped = _state_dict(saved, path)
    entries, own = _tensors(state_dict), _own_tensors(inner)
    _must_be_plain(entries, path)
    prefix = _prefix(entries, own)
    entries, stripped = _without(prefix, entries)
    entries, renamed = _renamed(entries, _versions(state_dict, prefix), inner, own)
    fitting = {name: value for name, value in entries.items() if _fits(name, value, own)}
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
    written = {id(own[name]) for name in fitting}  # a tensor with two names needs one of them
    report = OwnWeights(
        file=path,
        network=network,
        model=model,
        loaded=tuple(name for name in own if id(own[name]) in written and name not in other_shape),
        other_shape=other_shape,
        missing=tuple(name for name in own if id(own[name]) not in written and name not in entries),
        unknown=tuple(name for name in entries if name not in own),
        head=_other_head(other_shape, _layer(list(own)[-1])),
        not_finite=tuple(name for name, value in converted.items() if not _finite(value)),
        remarks=(*unwrapped, *stripped, *renamed, *_conversions(fitting, own)),
    )
    _copy(converted, own, network)
    return report


# ---- what was given --------------------------------------------------------------------------------


def _network(name_or_model: str | nn.Module) -> tuple[str, nn.Module, nn.Module]:
    """What to call the network, the network, and what is left of it without its wrappers."""
    if isinstance(name_or_model, str):
        model = load_backbone(name_or_model, pretrained=False).model
        return name_or_model, model, model
    if not isinstance(name_or_model, nn.Module):
        raise CourseError(
            f"a network is a name or an nn.Module, not {type(name_or_model).__name__}: pass the model itself"
        )
    inner = _without_wrappers(name_or_model)
    _must_hold_numbers(inner)
    return type(inner).__name__, name_or_model, inner


def _without_wrappers(model: nn.Module) -> nn.Module:
    while set(model._modules) in WRAPPERS and not model._parameters and not model._buffers:
        (model,) = model.children()
    return model


def _must_hold_numbers(model: nn.Module) -> None:
    refuse_lazy(model)
    for name, value in _own_tensors(model).items():
        if value.is_meta:
            raise CourseError(f"{name} has no numbers (device meta): build the network on a real device first")
    for name, layer in model.named_modules():
        if ".quantized." in type(layer).__module__:  # its numbers are packed, and belong to no parameter
            name = name or type(layer).__name__
            raise CourseError(f"{name} is quantised: load the file into the network first, and quantise it then")


def _own_tensors(model: nn.Module) -> dict[str, Tensor]:
    """The tensors that `state_dict()` tells of, in its order: themselves, where it may give copies."""
    own = {}
    for path, layer in model.named_modules(remove_duplicate=False):
        buffers = layer.named_buffers(recurse=False, remove_duplicate=False)
        kept = [(name, buffer) for name, buffer in buffers if name not in layer._non_persistent_buffers_set]
        for name, tensor in (*layer.named_parameters(recurse=False, remove_duplicate=False), *kept):
            own[f"{path}.{name}" if path else name] = tensor
    return own


def _path(file: str | Path) -> Path:
    if not isinstance(file, str | Path):
        raise CourseError(
            f"a file is a path, not {type(file).__name__}: pass the path of what torch.save or safetensors wrote"
        )
    return Path(file)


def _state_dict(saved: object, path: Path) -> tuple[Mapping, list[str]]:
    """The state dict in what was saved, and a remark where it had to be looked for."""
    if not isinstance(saved, Mapping):
        raise CourseError(f"{path} holds a {type(saved).__name__} and no state dict: save model.state_dict()")
    tensors = _tensors(saved)
    found = {str(name): value for name, value in saved.items() if isinstance(value, Mapping) and _tensors(value)}
    usual = [name for name in STATE_DICT_NAMES if name in found]
    if tensors and not usual:
        return saved, _line("no tensors, left out", [str(name) for name in saved if name not in tensors])
    names = list(found) if len(found) == 1 else usual
    if len(names) != 1:  # tensors beside it (an epoch, the best accuracy) are the checkpoint's own
        what = (
            f"several state dicts ({', '.join(found)})"
            if found
            else f"no tensors (entries: {first_few(saved, AT_MOST) or 'none'})"
        )
        raise CourseError(f"{path} holds {what}: save model.state_dict() alone")
    remark = f"the file is a checkpoint; its state dict is the entry {names[0]!r}"
    return found[names[0]], [remark]


def _must_be_plain(entries: Mapping[str, Tensor], path: Path) -> None:
    for name, value in entries.items():
        if value.layout != torch.strided or value.is_quantized or value.is_meta or value.is_complex():
            raise CourseError(
                f"{name} in {path} is no plain tensor (but sparse, quantized, complex or on meta): save a plain one"
            )


def _tensors(saved: Mapping) -> dict[str, Tensor]:
    return {name: value for name, value in saved.items() if isinstance(name, str) and isinstance(value, Tensor)}


# ---- names -----------------------------------------------------------------------------------------


def _fits(name: str, value: Tensor, own: Mapping[str, Tensor]) -> bool:
    return name in own and value.shape == own[name].shape


def _prefix(entries: Mapping[str, Tensor], own: Mapping[str, Tensor]) -> str:
    """The beginning without which the most entries fit: `module.`, `encoder.`, `0.backbone.`; often there is none."""
    candidates = {
        name[: dot.end()]: None  # in place of a set, for its order
        for name, value in entries.items()
        for dot in re.finditer(r"\.", name)
        if value.ndim and _fits(name[dot.end() :], value, own)
    }

    def fitting(prefix: str) -> int:
        return sum(_fits(name.removeprefix(prefix), value, own) for name, value in entries.items())

    # Of those that fit best the first, and so the shortest.
    return max(("", *sorted(candidates, key=len)), key=fitting)


def _without(prefix: str, entries: dict[str, Tensor]) -> tuple[dict[str, Tensor], list[str]]:
    if not prefix:
        return entries, []
    shorter = {name: name.removeprefix(prefix) for name in entries}
    taken = {name: short for name, short in shorter.items() if short != name and short not in entries}
    stripped = {taken.get(name, name): value for name, value in entries.items()}
    return stripped, [f"{prefix!r} taken off {len(taken)} names, so that they fit"]


def _versions(state_dict: Mapping, prefix: str) -> dict[str, object]:
    """What torch notes of each layer beside the entries, by the network's names for the layers."""
    noted = getattr(state_dict, "_metadata", None)
    noted = noted if isinstance(noted, Mapping) else {}
    return {f"{layer}.".removeprefix(prefix).removesuffix("."): about for layer, about in noted.items()}


def _renamed(
    entries: dict[str, Tensor], versions: Mapping[str, object], model: nn.Module, own: Mapping[str, Tensor]
) -> tuple[dict[str, Tensor], list[str]]:
    """The entries under the names of today, where the network knows the file's names as older ones.

    Layers rename while they load, so a copy of the network loads: on `meta`, where it has no numbers to change.
    """
    if entries.keys() <= own.keys():
        return entries, []
    renamed = {DENSENET_OF_OLD.sub(r"\1\2", name): value for name, value in entries.items()}
    shapes = {id(value): value.detach().to("meta") for value in (*model.parameters(), *model.buffers())}
    # A layer may object to the file, and not every network can be copied: it then does without.
    with suppress(*OBJECTIONS), warnings.catch_warnings(action="ignore"):
        for path, layer in copy.deepcopy(model, shapes).named_modules():
            if not isinstance(layer, _NormBase):  # which would add the counters that an old file lacks
                layer._load_from_state_dict(renamed, path and f"{path}.", versions.get(path, {}), False, [], [], [])
    renamed = {name: value for name, value in renamed.items() if isinstance(value, Tensor) and not value.is_meta}
    known, now_known = (sum(_fits(*entry, own) for entry in those.items()) for those in (entries, renamed))
    if now_known <= known:
        return entries, []
    return renamed, [f"{now_known - known} names are older ones of this network, and were renamed"]


# ---- loading and telling ---------------------------------------------------------------------------


@torch.no_grad()
def _copy(converted: Mapping[str, Tensor], own: Mapping[str, Tensor], network: str) -> None:
    """All of it or, where an error or Ctrl-C comes between, nothing."""
    before = {}
    try:
        for name, value in converted.items():
            before[name] = own[name].clone()
            own[name].copy_(value)
    except BaseException as error:
        for changed in before:
            with suppress(RuntimeError):  # what cannot be written to is as it was
                own[changed].copy_(before[changed])
        if not isinstance(error, RuntimeError):
            raise
        own_tensor = "give the layer a tensor of its own (.clone(), outside inference_mode)"
        cause, cure = first_line(error).partition(".")[0], FREE_MEMORY if is_out_of_memory(error) else own_tensor
        raise CourseError(f"{name} of {network} cannot be written to ({cause}): {cure}") from None


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
