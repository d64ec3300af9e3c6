"""A learner's own weights: loading what fits of a file, and saying plainly what did not."""

from __future__ import annotations

import re
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor, nn

from helpers.errors import CourseError, first_few
from helpers.models.backbones import load_backbone
from helpers.models.counting import refuse_lazy
from helpers.models.weights import FREE_MEMORY, is_out_of_memory, read_saved

# What frameworks call the state dict among the other entries of a checkpoint.
STATE_DICT_NAMES = ("state_dict", "model_state_dict", "model", "net", "network", "weights")
# What holds a network and nothing else: data parallelism and torch.compile, by the name that they give it.
WRAPPERS = ({"module"}, {"_orig_mod"})
# DenseNet's layers once had a dot more in their names. torchvision's builder takes it out, and load_state_dict doesn't.
DENSENET_OF_OLD = re.compile(r"(denselayer\d+\.(?:norm|conv))\.([12]\.)")
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
        not_finite: names that were loaded and hold NaN or infinity, in the network's dtype.
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


def load_own_weights(name_or_model: str | nn.Module, file: str | Path, *, part: str | None = None) -> OwnWeights:
    """Load what fits, by name and shape, of a `.pth`, `.pt` or `.safetensors` file into a network.

    A name of `backbone_names()` gives that network, with random numbers where the file has none; a module is
    changed in place, within `DataParallel` and `torch.compile` too. Where it makes entries fit, the beginning that
    most names in the file have in common is taken off; a checkpoint is unwrapped where it holds one state dict. Names
    of an `nn.Sequential` of the network's children are put right by their order and shapes. The rest is
    `load_state_dict`'s: names from older versions of a layer are renamed, another dtype is converted. The report says
    all of it.

    Args:
        name_or_model: the network.
        file: where the weights are.
        part: which network to take of a file that holds several: the name of an entry (`model_ema`), or the beginning
            of its names (`teacher`).

    Raises:
        CourseError: no such network or file, a file that is damaged or holds code, several networks in it and no
            `part`, nothing in it that fits, or a network that cannot be written to. The network is then as it was.
    """
    network, model, inner = _network(name_or_model)
    path, saved = _saved(file)
    saved, remarks, part = _state_dict(saved, path, part)
    entries, own = _plain_tensors(saved, path), _tensors(inner.state_dict(keep_vars=True))
    prefix = _prefix(entries, own, path) if part is None else _named_prefix(entries, part, path)
    entries, taken = _without(prefix, entries)
    older = sum(DENSENET_OF_OLD.search(name) is not None for name in entries)
    entries = {DENSENET_OF_OLD.sub(r"\1\2", name): value for name, value in entries.items()}
    entries, put_right = _by_order(entries, own)
    remarks += put_right
    if not any(value.ndim and _fits(name, value, own) for name, value in entries.items()):  # counters fit everywhere
        raise CourseError(
            f"nothing in {path} fits {network}: the file has {_described(entries)}, the network {_described(own)}; "
            "name the network that the file was made with"
        )
    other_shape = {
        name: (tuple(value.shape), tuple(own[name].shape))
        for name, value in entries.items()
        if name in own and not _fits(name, value, own)
    }
    entries = OrderedDict((name, value) for name, value in entries.items() if name not in other_shape)
    entries._metadata = _versions(saved, prefix, inner)
    missing, unknown = _load(inner, entries, path, network)
    older += len(entries.keys() - own.keys() - set(unknown))  # layers rename by themselves
    written = {id(own[name]) for name in own if name not in missing}  # a tensor with two names needs one of them
    loaded = tuple(name for name in own if id(own[name]) in written and name not in other_shape)
    remarks += [f"{prefix!r} taken off {taken} names, so that they fit"] if taken else []
    remarks += [f"{older} names are older ones of this network, and were renamed"] if older else []
    return OwnWeights(
        file=path,
        network=network,
        model=model,
        loaded=loaded,
        other_shape=other_shape,
        missing=tuple(name for name in own if name not in loaded and name not in other_shape),
        unknown=tuple(unknown),
        head=_other_head(other_shape, _layer(list(own)[-1])),
        not_finite=tuple(name for name in loaded if not _finite(own[name])),
        remarks=(*remarks, *_conversions(entries, own)),
    )


def _load(model: nn.Module, entries: Mapping, path: Path, network: str) -> tuple[list[str], list[str]]:
    """Load all entries; the names that they lack, and those that the model lacks.

    After an error, or Ctrl-C, the model is as it was.
    """
    before = {name: value.clone() for name, value in _tensors(model.state_dict()).items()}
    try:
        return tuple(model.load_state_dict(entries, strict=False))
    except BaseException as error:
        with suppress(Exception):  # what cannot be written to is as it was
            model.load_state_dict(before, strict=False)
        if not isinstance(error, Exception):
            raise
        why = "".join(str(error).splitlines()[1:2]).strip() or repr(error)  # the first line only counts
        plain = "load it into the plain network: no quantised layers, nothing of inference_mode"
        cure = FREE_MEMORY if is_out_of_memory(error) else plain
        raise CourseError(f"{path} cannot be loaded into {network} ({why}): {cure}") from None


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
    inner = name_or_model
    while set(inner._modules) in WRAPPERS and not inner._parameters and not inner._buffers:
        (inner,) = inner.children()
    refuse_lazy(inner)
    for name, value in _tensors(inner.state_dict()).items():
        if value.is_meta:  # load_state_dict would do nothing, and say so in a warning
            raise CourseError(f"{name} has no numbers (device meta): build the network on a real device first")
    return type(inner).__name__, name_or_model, inner


def _saved(file: str | Path) -> tuple[Path, object]:
    """The file's path, and what was saved in it."""
    if not isinstance(file, str | Path):
        raise CourseError(
            f"a file is a path, not {type(file).__name__}: pass the path of what torch.save or safetensors wrote"
        )
    cure = "save it again, or copy it again from where it is whole"
    return Path(file), read_saved(Path(file), cure=cure, missing="name a file that is there")


def _state_dict(saved: object, path: Path, part: str | None) -> tuple[Mapping, list[str], str | None]:
    """The state dict in what was saved, a remark where it had to be looked for, and the `part` if still to be found."""
    if not isinstance(saved, Mapping):
        raise CourseError(f"{path} holds a {type(saved).__name__} and no state dict: save model.state_dict()")
    tensors = _tensors(saved)
    found = {str(name): value for name, value in saved.items() if isinstance(value, Mapping) and _tensors(value)}
    usual = [name for name in STATE_DICT_NAMES if name in found]
    if part in found:
        return found[part], [f"of several entries {part!r} was taken, as asked"], None
    if tensors and not usual:
        return saved, _line("no tensors, left out", [str(name) for name in saved if name not in tensors]), part
    names = list(found) if len(found) == 1 else usual
    if len(names) != 1:  # tensors beside it (an epoch, the best accuracy) are the checkpoint's own
        what = (
            f"several state dicts ({', '.join(found)})"
            if found
            else f"no tensors (entries: {first_few(saved, AT_MOST) or 'none'})"
        )
        cure = f"name one, part={next(iter(found))!r}" if found else "save model.state_dict() alone"
        raise CourseError(f"{path} holds {what}: {cure}")
    others = ", ".join(name for name in found if name != names[0])
    beside = f"; beside it: {others} (part= takes another)" if others else ""
    return found[names[0]], [f"the file is a checkpoint; its state dict is the entry {names[0]!r}{beside}"], part


def _plain_tensors(saved: Mapping, path: Path) -> dict[str, Tensor]:
    for name, value in _tensors(saved).items():
        if value.layout != torch.strided or value.is_quantized or value.is_meta or value.is_complex():
            raise CourseError(
                f"{name} in {path} is no plain tensor (but sparse, quantized, complex or on meta): save a plain one"
            )
    return _tensors(saved)


def _tensors(saved: Mapping) -> dict[str, Tensor]:
    return {name: value for name, value in saved.items() if isinstance(name, str) and isinstance(value, Tensor)}


# ---- names -----------------------------------------------------------------------------------------


def _fits(name: str, value: Tensor, own: Mapping[str, Tensor]) -> bool:
    return name in own and value.shape == own[name].shape


def _prefix(entries: Mapping[str, Tensor], own: Mapping[str, Tensor], path: Path) -> str:
    """The beginning without which the most entries fit: `module.`, `encoder.`, `0.backbone.`; often there is none.

    It holds most of the file, or what most of the network needs: a few names that fit by accident, such as `4.0.` of
    an `nn.Sequential`, are no beginning.

    Raises:
        CourseError: two of them serve as well, as those of a student and a teacher do.
    """

    def fitting(prefix: str) -> int:
        return sum(_fits(name.removeprefix(prefix), value, own) for name, value in entries.items())

    def holds_enough(prefix: str) -> bool:
        held = {name.removeprefix(prefix): value for name, value in entries.items() if name.startswith(prefix)}
        return 2 * len(held) > len(entries) or 2 * sum(_fits(*one, own) for one in held.items()) >= len(own)

    candidates = {
        name[: dot.end()]: None  # in place of a set, for its order
        for name, value in entries.items()
        for dot in re.finditer(r"\.", name)
        if value.ndim and _fits(name[dot.end() :], value, own)
    }
    found = {prefix: fitting(prefix) for prefix in sorted(candidates, key=len) if holds_enough(prefix)}
    most = max(found.values(), default=0)
    if most <= fitting(""):
        return ""
    first, *others = [prefix for prefix, fit in found.items() if fit == most]
    rivals = [prefix for prefix in others if not prefix.startswith(first)]
    if rivals:
        names = ", ".join(prefix.removesuffix(".") for prefix in (first, *rivals))
        part = first.removesuffix(".")
        raise CourseError(f"{path} holds several networks ({names}): name one, part={part!r}")
    return first


def _named_prefix(entries: Mapping[str, Tensor], part: str, path: Path) -> str:
    """The beginning of names that was asked for."""
    prefix = f"{part.removesuffix('.')}."
    if not any(name.startswith(prefix) for name in entries):
        begin = first_few(dict.fromkeys(name.partition(".")[0] for name in entries), AT_MOST)
        raise CourseError(f"{path} has no part {part!r}: its names begin with {begin}")
    return prefix


def _by_order(entries: dict[str, Tensor], own: Mapping[str, Tensor]) -> tuple[dict[str, Tensor], list[str]]:
    """Names of the network for entries that have its tensors in its order, under other names; and the remark.

    So it is in `nn.Sequential(*network.children())`, with a head of its own or without one: `4.0.conv1.weight` is
    `layer1.0.conv1.weight`. It takes the same shapes and the same names within each child, from the first on, for most
    of the network and most of the file. Two children that are alike and were swapped would go unseen, so the remark
    asks for a look at a prediction.
    """
    if 2 * sum(_fits(name, value, own) for name, value in entries.items()) >= len(entries):
        return entries, []
    alike: dict[str, str] = {}
    for (theirs, value), (ours, wanted) in zip(entries.items(), own.items(), strict=False):
        within = ours.partition(".")[2] or ours
        if not f".{theirs}".endswith(f".{within}") or value.shape != wanted.shape:
            break
        alike[theirs] = ours
    if 2 * len(alike) < max(len(entries), len(own)):
        return entries, []
    theirs, ours = next(((a, b) for a, b in alike.items() if a.count(".") > 1), next(iter(alike.items())))
    example = f"such as {theirs} for {ours}"
    remark = f"{len(alike)} names put right by their order and shapes, {example}: try it on images that you know"
    return {alike.get(name, name): value for name, value in entries.items()}, [remark]


def _without(prefix: str, entries: dict[str, Tensor]) -> tuple[dict[str, Tensor], int]:
    """The prefix taken off the names, and how many had it; where both names are there, both stay.

    torch's `consume_prefix_in_state_dict_if_present` would drop one of them, and knows prefixes of one part only.
    """
    shorter = {name: name.removeprefix(prefix) for name in entries}
    taken = {name: short for name, short in shorter.items() if short != name and short not in entries}
    return {taken.get(name, name): value for name, value in entries.items()}, len(taken)


def _versions(saved: Mapping, prefix: str, model: nn.Module) -> dict[str, dict]:
    """What torch notes of each layer beside the entries, by the network's names for the layers.

    Of the network itself it is today's version: MNASNet rebuilds itself for another, and fails without one.
    """
    noted = getattr(saved, "_metadata", None)
    noted = noted if isinstance(noted, Mapping) else {}
    versions = {
        f"{layer}.".removeprefix(prefix).removesuffix("."): about
        for layer, about in noted.items()
        if isinstance(about, dict)
    }
    return {**versions, "": {"version": model._version}}


# ---- telling ---------------------------------------------------------------------------------------


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


def _conversions(entries: Mapping[str, Tensor], own: Mapping[str, Tensor]) -> list[str]:
    dtypes = {(value.dtype, own[name].dtype) for name, value in entries.items() if value.ndim and name in own}
    differing = sorted((str(theirs), str(ours)) for theirs, ours in dtypes if theirs != ours)  # counters are no news
    return [f"converted from {theirs} to {ours}".replace("torch.", "") for theirs, ours in differing]


def _described(entries: Mapping[str, Tensor]) -> str:
    if not entries:
        return "no entries"
    name, value = next(iter(entries.items()))
    return f"{len(entries)} entries such as {name} {list(value.shape)}"


def _line(label: str, items: Sequence[str]) -> list[str]:
    return [f"{label}: {first_few(items, AT_MOST)}"] if items else []
