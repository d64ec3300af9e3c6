"""Parameter groups for an optimizer: which rate each parameter of a network gets, with none left out."""

from __future__ import annotations

from collections.abc import Mapping

from torch import nn

from helpers.errors import CourseError
from helpers.models.heads import Head, find_head

_ROWS = (nn.Sequential, nn.ModuleList, nn.ModuleDict)


def layers_of(model: nn.Module, head: Head | None = None) -> dict[str, list[str]]:
    """The network's layers from the picture to the logits, each with the names of its parameters.

    A layer is what stands in a row with others: a block of ResNet's `layer1`, one of ViT's encoder layers, one of
    EfficientNet's `features`. A norm that stands by itself belongs to the layer before it. Parameters that belong
    to no layer (ViT's class token and position embeddings) belong to the first. The classifier is the last layer,
    together with auxiliary ones.

    The order is that in which the network lists them; a test holds it to the order in which they work, for every
    family of torchvision's classification networks.

    >>> list(layers_of(nn.Sequential(nn.Flatten(), nn.Linear(150528, 4), nn.ReLU(), nn.Linear(4, 2))))
    ['1', '3']
    """
    head = head or find_head(model)
    found: dict[str, list[str]] = {}
    last: list[str] = []
    beside = tuple(name.rpartition(".")[0] for name in head.auxiliary)
    for name, _ in model.named_parameters():
        owner, _, _ = name.rpartition(".")
        if owner in (*head.names, *head.auxiliary) or any(part and _lies_under(name, part) for part in beside):
            last.append(name)
        else:
            found.setdefault(_layer_of(model, owner), []).append(name)
    return {**_with_their_neighbours(model, found), head.name: last}


def stages_of(model: nn.Module, count: int = 4, head: Head | None = None) -> dict[str, list[str]]:
    """The layers in `count` stages of about equally many layers, and the head: "stage 1" to "stage 4", "head"."""
    *backbone, last = layers_of(model, head).values()
    if not 1 <= count <= len(backbone):
        raise CourseError(f"{len(backbone)} layers cannot be cut into {count} stages: ask for 1 to {len(backbone)}")
    cuts = [round(i * len(backbone) / count) for i in range(count + 1)]
    found = {
        f"stage {i + 1}": [name for layer in backbone[cuts[i] : cuts[i + 1]] for name in layer] for i in range(count)
    }
    return {**found, "head": last}


def layerwise_rates(model: nn.Module, rate: float, decay: float, head: Head | None = None) -> dict[str, float]:
    """Layer-wise decay: the head gets `rate`, and each layer before it `decay` times the rate of the one after it.

    ULMFiT (arXiv 1801.06146) divides by 2.6 from layer to layer, a decay of 0.38; MAE (arXiv 2111.06377) takes
    0.65 to 0.75 for ViTs. Returns a rate for the name of each layer of `layers_of`, for `parameter_groups`.
    """
    if not 0 < decay <= 1:
        raise CourseError(f"a layer-wise decay lies above 0 and goes up to 1, not {decay!r}: 0.75 is common")
    names = list(layers_of(model, head))
    return {name: rate * decay**depth for depth, name in enumerate(reversed(names))}


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
        model: parameters that are frozen (`requires_grad` False) are left out.
        rates: a learning rate for each part. Without `parts`, a part is all that lies under a name of the network:
            "layer1" holds "layer1.0.conv1.weight", and not "layer10".
        parts: names of parameters by part, as `stages_of` and `layers_of` give them.
        weight_decay: for the weights of linear layers and convolutions. Biases, norms, tokens, position embeddings
            and layer scales get none: to pull a norm's scale towards 0 takes the signal away. So each part gives
            one group or two, with "name", "params", "lr" and "weight_decay".

    Raises:
        CourseError: a parameter is in no part, or in two; a part has no rate, or holds nothing.
    """
    trainable = {name: p for name, p in model.named_parameters() if p.requires_grad}
    members = {part: [name for name in trainable if _lies_under(name, part)] for part in rates}
    if parts is not None:
        if set(parts) != set(rates):
            raise CourseError(
                f"parts {_listed(sorted(set(parts) ^ set(rates)))} lack a rate or a list: name each in both"
            )
        members = {part: [name for name in parts[part] if name in trainable] for part in rates}
    _hold_to_exactly_once(model, trainable, members)
    groups = []
    for part, names in members.items():
        decays = {name for name in names if trainable[name].ndim > 1 and name.endswith("weight")}
        full = [trainable[name] for name in names if name in decays]
        flat = [trainable[name] for name in names if name not in decays]
        groups += [
            {"name": label, "params": params, "lr": rates[part], "weight_decay": decay}
            for label, params, decay in ((part, full, weight_decay), (f"{part}, no decay", flat, 0.0))
            if params
        ]
    return groups


def _layer_of(model: nn.Module, owner: str) -> str:
    """The layer that holds the module `owner`; "" for what is above all layers.

    The way down goes through rows (nn.Sequential, nn.ModuleList) and through a trunk that holds most of the network
    (ViT's `encoder`); the first module that is neither, or that stands in a row, is the layer.
    """
    way = owner.split(".") if owner else []
    above = model
    for depth, step in enumerate(way, start=1):
        here = above.get_submodule(step)
        if isinstance(above, _ROWS) or not (isinstance(here, _ROWS) or _is_trunk(here, model)):
            return ".".join(way[:depth])
        above = here
    return ""


def _is_trunk(module: nn.Module, model: nn.Module) -> bool:
    held = sum(p.numel() for p in module.parameters())
    return any(module.children()) and held > sum(p.numel() for p in model.parameters()) / 2


def _with_their_neighbours(model: nn.Module, found: dict[str, list[str]]) -> dict[str, list[str]]:
    """Tokens and position embeddings go with the first layer, and a lone norm with the layer before it."""
    merged: dict[str, list[str]] = {}
    waiting = found.pop("", [])
    for layer, names in found.items():
        alone = all(model.get_parameter(name).ndim <= 1 for name in names)
        if alone and merged:
            merged[next(reversed(merged))] += names
        else:
            merged[layer] = [*waiting, *names]
            waiting = []
    return merged


def _lies_under(name: str, part: str) -> bool:
    return name == part or name.startswith(f"{part}.")


def _hold_to_exactly_once(model: nn.Module, trainable: Mapping[str, object], members: Mapping[str, list[str]]) -> None:
    empty = [part for part, names in members.items() if not names]
    if empty:
        raise CourseError(
            f"no trainable parameter of {type(model).__name__} lies under {_listed(empty)}: "
            "look the names up with model.named_children()"
        )
    held = [name for names in members.values() for name in names]
    missed = [name for name in trainable if name not in set(held)]
    if missed:
        raise CourseError(
            f"{len(missed)} of {len(trainable)} parameters are in no group and would never move: {_listed(missed)}; "
            "give their part a rate"
        )
    twice = [name for name in trainable if held.count(name) > 1]
    if twice:
        raise CourseError(f"{_listed(twice)} would be in two groups: name each part once, and none inside another")


def _listed(names: list[str], most: int = 4) -> str:
    more = f" and {len(names) - most} more" if len(names) > most else ""
    return ", ".join(names[:most]) + more
