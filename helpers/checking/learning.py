"""What a real training step moves, and which parameter an optimizer holds in which group."""

from __future__ import annotations

import itertools
from collections.abc import Collection, Iterable
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from helpers.checking.answers import is_a, opening, plain, quoted, short
from helpers.course.verdicts import Incorrect, require
from helpers.errors import first_line
from helpers.models.freezing import moved, snapshot

# Steps ---------------------------------------------------------------------------------------------


def train_one_step(model: nn.Module, images: Tensor, labels: Tensor) -> None:
    """A real step of SGD with momentum and weight decay, in the mode that the model is in.

    Every parameter goes to the optimizer, frozen or not, as in a loop that does not know what is frozen.
    """
    require(any(p.requires_grad for p in model.parameters()), "Every parameter is frozen: nothing can learn.")
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9, weight_decay=0.1)
    optimizer.zero_grad()
    loss = nn.functional.cross_entropy(model(images), labels)
    try:
        loss.backward()
    except RuntimeError as error:
        raise Incorrect(
            f"The first training step stops in `backward()` ({first_line(error)[:110]}). Either `no_grad` or `detach` "
            "cuts the way back to the parameters, or `inplace=True` overwrites numbers that `backward()` needs."
        ) from None
    optimizer.step()


def what_a_step_moves(model: nn.Module, images: Tensor, labels: Tensor) -> list[str]:
    """The names of the parameters and buffers that one real step moves, in the mode that each layer is in."""
    before = snapshot(model)
    train_one_step(model, images, labels)
    return moved(before, model)


def every_parameter_moves(model: nn.Module, images: Tensor, labels: Tensor, *, steps: int = 3) -> None:
    """In `train()` mode a few real steps move every parameter of `model`.

    Several steps, because zeros in a last layer are a good start, and then it moves first. Not seen: a parameter that
    weight decay alone moves.
    """
    before = snapshot(model)
    for _ in range(steps):
        train_one_step(model.train(), images, labels)
    still = [name for name, _ in model.named_parameters() if name not in moved(before, model)]
    require(
        not still,
        f"{steps} training steps did not move {quoted(still)}. Either no gradient reaches it, or you start with zeros "
        "in two layers, one after the other: then neither of the two can move the other.",
    )


def step_moves_only(
    head: nn.Module,
    *,
    of: nn.Module,
    frozen: nn.Module,
    images: Tensor,
    labels: Tensor,
    case: str,
    advice: str = "",
) -> None:
    """One real training step of the model `of` moves its part `head`, and nothing of `frozen`, buffers included.

    Proved for this step alone, and in the modes that the parts are in now: what a later `train()` does is another
    question.

    Args:
        case: which network this is, to begin a sentence with: "In a network with BatchNorm".
        advice: what the exercise adds where buffers moved.
    """
    before, head_before = snapshot(frozen), snapshot(head)
    train_one_step(of, images, labels)
    require(moved(head_before, head), "Even the head did not learn: gradients are switched off altogether.")
    names = moved(before, frozen)
    parameters = [name for name in names if name in dict(frozen.named_parameters())]
    require(
        not parameters,
        f"{opening(case)} one training step still moved the parameters {quoted(parameters)}. Set `requires_grad` to "
        "False on every one.",
    )
    require(
        not names,
        f"{opening(case)} the parameters stand still, but the buffers {quoted(names)} moved in one forward pass. "
        f"BatchNorm updates them in `train()` mode. {advice}".strip(),
    )


MOST_PARAMETERS = 100_000  # in one group; an iterable may have no end

# Parameter groups ----------------------------------------------------------------------------------


@dataclass(frozen=True)
class Groups:
    """Parameter groups as they came, for an optimizer, and the settings of each parameter by its name."""

    groups: list[dict]
    settings_by_name: dict[str, dict]


def in_exactly_one_group(
    said: object,
    model: nn.Module,
    *,
    settings: Collection[str],
    case: str = "",
    missing: str = "and would never be trained",
    twice: str = "",
) -> Groups:
    """`said` are groups as an optimizer takes them, and hold each parameter of `model`, frozen ones too, just once.

    Names are those of `model.named_parameters()`. A group may hold a tensor, any iterable of tensors, or pairs
    (name, tensor), as PyTorch allows. A generator under `params` is used up here, so go on with what this gives back.

    Args:
        settings: what a group has beside its parameters, to name it where `said` is no list of groups: {"lr"}.
        case: which network this is, to begin a sentence with; empty where it is the only one.
        missing: goes on after "`fc.bias` is in no group,".
        twice: the cure where a parameter is in two groups.
    """
    here = f"{opening(case)} " if case else ""
    groups = parameter_groups(said, settings)
    held = [{id(p) for p in group["params"]} for group in groups]
    named = dict(model.named_parameters())
    strangers = sum(len(ids - {id(p) for p in named.values()}) for ids in held)
    require(
        not strangers,
        f"{here}{strangers} tensors in your groups are no parameters of this network: train what it has. A copy, as "
        "`clone()` and `.data` give it, is another tensor.",
    )
    absent = {name: p for name, p in named.items() if not any(id(p) in ids for ids in held)}
    trainable = [name for name, p in absent.items() if p.requires_grad]
    require(not trainable, f"{here}{quoted(trainable)} is in no group, {missing}.")
    require(not absent, f"{here}{quoted(absent)} is frozen and in no group: the groups hold every parameter.")
    across = [name for name, p in named.items() if sum(id(p) in ids for ids in held) > 1]
    require(not across, f"{here}{quoted(across)} is in two groups. {twice}".strip())
    within = [name for name, p in named.items() if any(sum(p is one for one in g["params"]) > 1 for g in groups)]
    require(
        not within,
        f"{here}{quoted(within)} is in one group more than once. `parameters()` of a layer holds those of the layers "
        "inside it as well: where you go through all layers, each parameter comes up again and again.",
    )
    by_name = {
        name: {key: value for key, value in group.items() if key != "params"}
        for name, p in named.items()
        for group, ids in zip(groups, held, strict=True)
        if id(p) in ids
    }
    return Groups(groups, by_name)


def parameter_groups(said: object, settings: Collection[str]) -> list[dict]:
    """`said` as a list of dicts of plain settings with a list of tensors under `params`.

    Under `params` may be all that an optimizer takes there.
    """
    fits = is_a(said, (list, tuple)) and all(is_a(g, dict) and "params" in g for g in said)
    wanted = "`, `".join(["params", *sorted(settings)])
    require(fits, f"Return a list of dicts with `{wanted}`, as an optimizer takes it, not {short(said)}.")
    return [{**plain({**group, "params": None}), "params": _listed(group["params"])} for group in said]


def _listed(params: object) -> list[Tensor]:
    require(
        not isinstance(params, set | frozenset),
        "Under `params` is a set. A set has no order, and an optimizer refuses it: make it a list.",
    )
    require(isinstance(params, Iterable), f"Under `params` belong parameters, in a list, not {short(params)}.")
    several = [params] if isinstance(params, Tensor) else itertools.islice(params, MOST_PARAMETERS)
    tensors = [_tensor(one) for one in several]
    strange = [one for one in tensors if not isinstance(one, Tensor)]
    require(not strange, f"Under `params` belong the parameters themselves, not {short(strange[:1])}.")
    return tensors


def _tensor(one: object) -> object:
    """An optimizer also takes `(name, parameter)`, as `named_parameters()` gives it."""
    return one[1] if isinstance(one, tuple) and len(one) == 2 else one
