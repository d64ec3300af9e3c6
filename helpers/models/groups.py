"""Parameter groups for an optimizer: which rate each parameter of a network gets, with none left out."""

from __future__ import annotations

import re
import reprlib
import sys
from collections import Counter
from collections.abc import Collection, Iterable, Mapping

from torch import Tensor, nn
from torch.nn.utils.parametrizations import _WeightNorm
from torch.nn.utils.parametrize import is_parametrized

from helpers.errors import CourseError, first_few
from helpers.models.counting import count_parameters
from helpers.models.heads import Head, find_head

_ROWS = (nn.Sequential, nn.ModuleList, nn.ModuleDict)
# Their weights are no matrices that a layer multiplies with, whatever their shape.
_NEVER_DECAYED = (nn.LayerNorm, nn.RMSNorm, nn.Embedding, nn.EmbeddingBag)
# Theirs are, whatever their shape: the weight of a head with one class is a single row.
_ALWAYS_DECAYED = (nn.Linear, nn.Bilinear, nn.MultiheadAttention, nn.RNNBase, nn.RNNCellBase, nn.modules.conv._ConvNd)
# What layers call their weights ("weight", attention's "in_proj_weight", LSTM's "weight_ih_l0"), and what weight norm
# ("weight_v"), spectral norm and pruning ("weight_orig") make of that. "weight_g" is the scale of weight norm.
_WEIGHT = re.compile(r"\w*weight(_v|_orig)?|weight_(ih|hh|hr)\w*(?<!_g)")


def layers_of(model: nn.Module, head: Head | None = None, *, image: Tensor | None = None) -> dict[str, list[str]]:
    """The network's layers from the picture to the logits, each with the names of its parameters.

    A layer is what stands in a row with others: a block of ResNet's `layer1`, one of ViT's encoder layers, one of
    EfficientNet's `features`. A norm that stands by itself belongs to the layer before it. Parameters that belong
    to no layer (ViT's class token and position embeddings) belong to the first. What layers share belongs to the one
    that is listed first. The classifier is the last layer, together with auxiliary ones.

    The order is that in which the network lists them; a test holds it to the order in which they work, for every
    family of torchvision's classification networks. A few of timm's list theirs otherwise (Twins, CoaT, HRNet).

    >>> list(layers_of(nn.Sequential(nn.Flatten(), nn.Linear(150528, 4), nn.ReLU(), nn.Linear(4, 2))))
    ['1', '3']

    Args:
        model: a network from images to logits [n, classes].
        head: where the classifier is, as `find_head` found it *before* it was replaced by several layers: what lies
            under its name is then one layer. Found anew, only the last linear layer counts as the head.
        image: an input that the network takes, to find the head with, as for `find_head`; not used where `head` is
            given.

    Raises:
        CourseError: as `find_head`, where no `head` is given; or `head` is no `Head`, or has no parameters of its own.
    """
    head = _head_of(model, head, image)
    at_the_end = (*head.names, *head.auxiliary, *head.training_only)
    every = dict(model.named_parameters())
    last = [name for name in every if any(_lies_under(name, part) for part in at_the_end)]
    if not last:
        since = _since_shared(model, at_the_end)
        otherwise = "" if since else ", or pass the head that find_head finds in this network"
        raise CourseError(
            f"{type(model).__name__} has no parameters of its own under {head.name}{since}: put a new classifier there "
            f"(replace_head){otherwise}"
        )
    before = {name: parameter for name, parameter in every.items() if name not in last}
    trunks = _trunks(model, before)
    found: dict[str, list[str]] = {}
    for name in before:
        found.setdefault(_layer_of(model, name.rpartition(".")[0], trunks), []).append(name)
    above = found.pop("", [])
    layers = {**_with_lone_norms(model, found), head.name: last}
    first = next(iter(layers))
    return {**layers, first: above + layers[first]}


def stages_of(
    model: nn.Module, count: int = 4, head: Head | None = None, *, image: Tensor | None = None
) -> dict[str, list[str]]:
    """The layers in `count` stages of about equally many layers, and the head: "stage 1" to "stage 4", "head".

    `head` and `image`: as for `layers_of`.

    Raises:
        CourseError: as `layers_of`; or there are fewer layers before the head than stages.
    """
    *backbone, last = layers_of(model, head, image=image).values()
    if not backbone:
        raise CourseError(f"{type(model).__name__} has no layer before its classifier: there are no stages to cut")
    if isinstance(count, bool) or not isinstance(count, int) or not 1 <= count <= len(backbone):
        raise CourseError(
            f"{len(backbone)} layers cannot be cut into {_shown(count)} stages: ask for 1 to {len(backbone)}"
        )
    cuts = [round(i * len(backbone) / count) for i in range(count + 1)]
    found = {
        f"stage {i + 1}": [name for layer in backbone[cuts[i] : cuts[i + 1]] for name in layer] for i in range(count)
    }
    return {**found, "head": last}


def layerwise_rates(
    model: nn.Module, rate: float, decay: float, head: Head | None = None, *, image: Tensor | None = None
) -> dict[str, float]:
    """Layer-wise decay: the head gets `rate`, and each layer before it `decay` times the rate of the one after it.

    ULMFiT (arXiv 1801.06146) divides by 2.6 from layer to layer, a decay of 0.38; MAE (arXiv 2111.06377) takes
    0.65 to 0.75 for ViTs. Returns a rate for the name of each layer of `layers_of`, in its order, for
    `parameter_groups(model, rates, layers_of(model))`. `head` and `image`: as for `layers_of`.

    Raises:
        CourseError: as `layers_of`; or `rate` is no number from 0 up, or `decay` none above 0 and up to 1.
    """
    _hold_to_rate(rate, "the head's learning rate")
    if not _is_number(decay) or not 0 < decay <= 1:
        raise CourseError(f"a layer-wise decay lies above 0 and goes up to 1, not {_shown(decay)}: 0.75 is common")
    names = list(layers_of(model, head, image=image))
    return {name: rate * decay ** (len(names) - depth) for depth, name in enumerate(names, start=1)}


def parameter_groups(
    model: nn.Module,
    rates: Mapping[str, float],
    parts: Mapping[str, list[str]] | None = None,
    *,
    weight_decay: float = 0.0,
) -> list[dict]:
    """Groups for a torch optimizer, so that every trainable parameter is in exactly one of them.

    >>> model = nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.Flatten(), nn.Linear(4, 2))
    >>> groups = parameter_groups(model, {"0": 1e-5, "1": 1e-5, "3": 1e-3}, weight_decay=1e-4)
    >>> [(group["name"], group["lr"], group["weight_decay"]) for group in groups][:2]
    [('0', 1e-05, 0.0001), ('0, no decay', 1e-05, 0.0)]

    Args:
        model: parameters that are frozen (`requires_grad` False) are left out, and so is a part that is all frozen.
        rates: a learning rate for each part. Without `parts`, a part is all that lies under a name of the network:
            "layer1" holds "layer1.0.conv1.weight", and not "layer10".
        parts: names of parameters by part, as `stages_of` and `layers_of` give them.
        weight_decay: for the weights of linear and recurrent layers, attention and convolutions. Biases, norms,
            tokens, embeddings and layer scales get none: to pull a norm's scale towards 0 takes the signal away. So
            each part gives one group or two, with "name", "params", "lr" and "weight_decay".

    Raises:
        CourseError: a trainable parameter is in no part, or in two; a part has no rate, or holds nothing, or is no
            list of names; a rate is no number from 0 up; there are no parameters, or all are frozen.
    """
    count_parameters(model)  # refuses what is no network, and layers without a shape yet
    _hold_to_rate(weight_decay, "weight_decay")
    _hold_to_rates(rates)
    every = dict(model.named_parameters())
    if not every:
        raise CourseError(f"{type(model).__name__} has no parameters: pass the whole network")
    members = _members(model, every, rates, parts)
    trainable = {name: p for name, p in every.items() if p.requires_grad}
    if not trainable:
        raise CourseError(f"every parameter of {type(model).__name__} is frozen: unfreeze what is to be trained")
    members = {part: [name for name in names if name in trainable] for part, names in members.items()}
    _hold_to_exactly_once(trainable, members)
    groups = []
    for part, names in members.items():
        decays = {name for name in names if _is_decayed(model, name)}
        full = [trainable[name] for name in names if name in decays]
        flat = [trainable[name] for name in names if name not in decays]
        groups += [
            {"name": label, "params": params, "lr": rates[part], "weight_decay": decay}
            for label, params, decay in ((part, full, weight_decay), (f"{part}, no decay", flat, 0.0))
            if params
        ]
    return groups


def _head_of(model: nn.Module, head: Head | None, image: Tensor | None) -> Head:
    """The head that was given, held to be one; else the one that is found."""
    if head is None:
        return find_head(model, image)
    count_parameters(model)  # refuses what is no network, and layers without a shape yet
    if not isinstance(head, Head) or not head.names:
        raise CourseError(
            f"head says where the classifier is, as find_head(model) does, and is not {_shown(head)}: leave it out, or "
            "pass what find_head gave"
        )
    return head


def _members(
    model: nn.Module, every: Collection[str], rates: Mapping[str, float], parts: Mapping[str, list[str]] | None
) -> dict[str, list[str]]:
    """The names of the parameters of each part that has a rate, frozen ones too."""
    if parts is None:
        listed = {part: [name for name in every if _lies_under(name, part)] for part in rates}
    else:
        listed = _listed(parts)
    if set(listed) != set(rates):
        raise CourseError(
            f"parts {first_few(sorted(set(listed) ^ set(rates)))} lack a rate or a list: name each in both"
        )
    members = {part: listed[part] for part in rates}
    unknown = [name for names in members.values() for name in names if name not in every]
    if unknown:
        raise CourseError(
            f"{type(model).__name__} has no parameter {first_few(unknown)}{_since_shared(model, unknown)}: "
            "make the parts anew, from model.named_parameters() of this network"
        )
    empty = [part for part, names in members.items() if not names]
    if empty:
        raise CourseError(
            f"no parameter of {type(model).__name__} lies under {first_few(empty)}{_since_shared(model, empty)}: "
            "leave that out, or look the names up with model.named_parameters()"
        )
    return members


def _listed(parts: object) -> dict[str, list[str]]:
    """The parts as lists, held to be lists of names."""
    if not isinstance(parts, Mapping):
        raise CourseError(
            "parts says which parameters are in which part, as stages_of(model) does, and is no "
            f"{type(parts).__name__}: name the parts"
        )
    listed = {}
    for part, names in parts.items():
        _hold_to_name(part)
        if isinstance(names, str | Tensor) or not isinstance(names, Iterable):
            raise CourseError(
                f"part {part} is a list of parameters' names, not {_shown(names)}: take it from stages_of(model)"
            )
        listed[part] = list(names)
        other = [name for name in listed[part] if not isinstance(name, str)]
        if other:
            raise CourseError(
                f"part {part} lists parameters by name, as stages_of(model) does, and no {type(other[0]).__name__}: "
                "take the names from model.named_parameters()"
            )
    return listed


def _since_shared(model: nn.Module, parts: Collection[str]) -> str:
    """Why parts seem to have no parameters, where it is that layers share them: ", since fc.weight is table.weight"."""
    listed = {id(parameter): name for name, parameter in model.named_parameters()}
    shared = [
        f"{name} is {listed[id(parameter)]}"
        for name, parameter in model.named_parameters(remove_duplicate=False)
        if listed[id(parameter)] != name and any(_lies_under(name, part) for part in parts)
    ]
    return f", since {first_few(shared)}" if shared else ""


def _is_decayed(model: nn.Module, name: str) -> bool:
    """Whether it is the weight, or a factor of the weight, that a layer multiplies with."""
    layer, tensor, role = _role(model, name)
    if not _WEIGHT.fullmatch(tensor) or isinstance(layer, _NEVER_DECAYED):
        return False
    if sum(size > 1 for size in model.get_parameter(name).shape) > 1:
        return True
    # A single row: the weight of a small layer, or a scale for each row or column of a large one.
    return role == "weight" and isinstance(layer, _ALWAYS_DECAYED)


def _role(model: nn.Module, name: str) -> tuple[nn.Module, str, str]:
    """The layer that a parameter is for, which tensor of it, and whether it is that "weight" or "beside" it."""
    owner, inside, path = f".{name}".partition(".parametrizations.")
    tensor, _, part = path.partition(".")
    if inside and is_parametrized(layer := model.get_submodule(owner[1:]), tensor):
        normed = isinstance(layer.parametrizations[tensor][0], _WeightNorm)
        return layer, tensor, "weight" if part == ("original1" if normed else "original") else "beside"
    owner, _, tensor = name.rpartition(".")
    return model.get_submodule(owner), tensor, "weight"


def _layer_of(model: nn.Module, owner: str, trunks: Collection[str]) -> str:
    """The layer that holds the module `owner`; "" for what is above all layers.

    The way down from the network goes through rows (nn.Sequential, nn.ModuleList) and through a trunk that holds most
    of it (ViT's `encoder`, or the backbone in a row of backbone and head); the first module that is neither, or that
    stands in a row below, is the layer.
    """
    way = owner.split(".") if owner else []
    above = model
    for depth, step in enumerate(way, start=1):
        name, here = ".".join(way[:depth]), above.get_submodule(step)
        in_a_row = isinstance(above, _ROWS) and above is not model
        if in_a_row or not (isinstance(here, _ROWS) or name in trunks):
            return name
        above = here
    return ""


def _trunks(model: nn.Module, before_head: Mapping[str, nn.Parameter]) -> set[str]:
    """Names of the modules that are made of others and hold more than half of what comes before the head."""
    held: Counter[str] = Counter()
    for name, parameter in before_head.items():
        above = name
        while above := above.rpartition(".")[0]:
            held[above] += parameter.numel()
    whole = sum(parameter.numel() for parameter in before_head.values())
    large = {name: model.get_submodule(name) for name, size in held.items() if 2 * size > whole}
    return {name for name, module in large.items() if module._modules and not is_parametrized(module)}


def _with_lone_norms(model: nn.Module, found: dict[str, list[str]]) -> dict[str, list[str]]:
    """A norm that stands by itself goes with the layer before it."""
    merged: dict[str, list[str]] = {}
    for layer, names in found.items():
        if merged and all(model.get_parameter(name).ndim <= 1 for name in names):
            merged[next(reversed(merged))] += names
        else:
            merged[layer] = list(names)
    return merged


def _lies_under(name: str, part: str) -> bool:
    return name == part or name.startswith(f"{part}.")


def _is_number(value: object) -> bool:
    """Whether it is a number that a float can hold; NaN is none."""
    return isinstance(value, int | float) and not isinstance(value, bool) and abs(value) <= sys.float_info.max


def _shown(value: object) -> str:
    """The value in a few signs, in one line."""
    if isinstance(value, int) and abs(value) > sys.float_info.max:
        return "an int that no float holds"  # nor does Python print one of more than 4300 digits
    return " ".join(reprlib.repr(value).split())


def _hold_to_rates(rates: object) -> None:
    if not isinstance(rates, Mapping):
        raise CourseError(
            f'rates says which part learns at which rate, as in {{"layer4": 1e-4, "fc": 1e-3}}, and is no '
            f"{type(rates).__name__}: name the parts"
        )
    for part, rate in rates.items():
        _hold_to_name(part)
        _hold_to_rate(rate, f"the learning rate of {part}")


def _hold_to_name(part: object) -> None:
    if not isinstance(part, str):
        raise CourseError(f'a part has a name, such as "layer4" or "0", and is not {_shown(part)}: pass a string')


def _hold_to_rate(value: object, what: str) -> None:
    if not _is_number(value) or value < 0:
        raise CourseError(f"{what} is a number from 0 up, not {_shown(value)}: pass a float, such as 1e-3")


def _hold_to_exactly_once(trainable: Collection[str], members: Mapping[str, list[str]]) -> None:
    held = Counter(name for names in members.values() for name in names)
    missed = [name for name in trainable if name not in held]
    if missed:
        raise CourseError(
            f"{len(missed)} of {len(trainable)} parameters are in no group and would never move: {first_few(missed)}; "
            "give their part a rate, or pass parts=layers_of(model)"
        )
    twice = [name for name in trainable if held[name] > 1]
    if twice:
        raise CourseError(f"{first_few(twice)} would be in two groups: name each part once, and none inside another")
