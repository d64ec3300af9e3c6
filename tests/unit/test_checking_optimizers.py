"""What a check sees of an optimizer and of parameter groups, and of a refusal that names a part."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from helpers.checking import networks
from helpers.checking.answers import exactly, refusal
from helpers.checking.learning import in_exactly_one_group
from helpers.checking.untouched import input_untouched
from helpers.course.verdicts import Incorrect


class Liar(float):
    """A number that claims to equal whatever it is compared with."""

    __hash__ = float.__hash__

    def __eq__(self, other):
        return True

    def __ne__(self, other):
        return False


@pytest.fixture
def model():
    return networks.with_gradients(networks.SmallResNet())


@pytest.fixture
def optimizer(model):
    return torch.optim.SGD(model.fc.parameters(), lr=0.1, momentum=0.9)


# The optimizer as an argument ----------------------------------------------------------------------


def test_an_optimizer_that_was_looked_at_is_untouched(optimizer):
    with input_untouched(optimizer=optimizer):
        sum(len(group["params"]) for group in optimizer.param_groups)


@pytest.mark.parametrize(
    ("change", "where"),
    {
        "a step": (lambda optimizer, model: optimizer.step(), "`state`"),
        "another rate": (lambda optimizer, model: optimizer.param_groups[0].update(lr=1.0), "`param_groups`"),
        "one more group": (
            lambda optimizer, model: optimizer.add_param_group({"params": model.conv1.parameters()}),
            "`param_groups`",
        ),
        "a parameter taken out": (lambda optimizer, model: optimizer.param_groups[0]["params"].pop(), "`param_groups`"),
    }.values(),
)
def test_what_was_done_to_an_optimizer_is_seen(model, optimizer, change, where):
    with pytest.raises(Incorrect, match=f"changed `optimizer` at {where}"), input_untouched(optimizer=optimizer):
        change(optimizer, model)


def test_a_step_on_top_of_earlier_steps_is_seen(optimizer):
    optimizer.step()
    with pytest.raises(Incorrect, match="at `state`"), input_untouched(optimizer=optimizer):
        optimizer.step()


def test_a_rate_that_is_a_tensor_is_seen_to_change(model):
    optimizer = torch.optim.SGD([{"params": model.fc.parameters(), "lr": torch.tensor(0.1)}])
    with pytest.raises(Incorrect, match="at `param_groups`"), input_untouched(optimizer=optimizer):
        optimizer.param_groups[0]["lr"].mul_(2)


def test_the_exercise_says_what_an_argument_changes_by():
    numbers = [2, 1]
    with (
        pytest.raises(Incorrect, match=r"Use `sorted\(\)`.$"),
        input_untouched({"numbers": "Use `sorted()`."}, numbers=numbers),
    ):
        numbers.sort()
    with (
        pytest.raises(Incorrect, match="change the object itself"),
        input_untouched({"others": "No."}, numbers=numbers),
    ):
        numbers.pop()


# Groups --------------------------------------------------------------------------------------------


def test_settings_come_back_as_plain_numbers(model):
    held = in_exactly_one_group([{"params": model.parameters(), "lr": Liar(0.5)}], model, settings={"lr"})
    assert {type(settings["lr"]) for settings in held.settings_by_name.values()} == {float}
    assert type(held.groups[0]["lr"]) is float
    torch.optim.SGD(held.groups)


@pytest.mark.parametrize(
    ("groups", "reason"),
    {
        "left out": (
            lambda model: [model.conv1, model.bn1, model.layer1, model.layer10],
            "`fc.weight`, `fc.bias` is in no",
        ),
        "held twice": (lambda model: [model, model.fc], "`fc.weight`, `fc.bias` is in two groups"),
        "of another network": (lambda model: [model, nn.Linear(1, 1)], "2 tensors in your groups are no parameters"),
    }.values(),
)
def test_parameters_are_in_exactly_one_group(model, groups, reason):
    said = [{"params": part.parameters()} for part in groups(model)]
    with pytest.raises(Incorrect, match=reason):
        in_exactly_one_group(said, model, settings={"lr"})


def test_what_gives_itself_out_for_a_list_of_groups_is_none(model):
    class Pretender:
        __class__ = list

    with pytest.raises(Incorrect, match="Return a list of dicts with `params`, `lr`"):
        in_exactly_one_group(Pretender(), model, settings={"lr"})


def test_copies_are_told_before_what_they_leave_out(model):
    with pytest.raises(Incorrect, match=r"16 tensors in your groups are no parameters.* A copy, as `clone"):
        in_exactly_one_group([{"params": [p.data for p in model.parameters()]}], model, settings={"lr"})


# Names ---------------------------------------------------------------------------------------------


def _raises(message: str):
    def call():
        raise ValueError(message)

    return call


@pytest.mark.parametrize("message", ["no rate for fc", "`model.fc` has no rate", "fc.weight", "FC?"])
def test_a_refusal_names_the_part(message):
    refusal(_raises(message), "For rates without `fc`", naming=["fc"], sparing=["layer1", "conv1"])


@pytest.mark.parametrize("message", ["no rate for fc1", "something is missing", "layer10"])
def test_a_refusal_that_names_another_part_names_nothing(message):
    with pytest.raises(Incorrect, match="should name `fc` or `layer1`"):
        refusal(_raises(message), "For rates without `fc`", naming=["fc", "layer1"])


def test_a_refusal_blames_what_is_wrong_alone():
    refusal(_raises("layer1.0.conv1.weight"), "For `layer1`", naming=["layer1"], sparing=["conv1"])
    with pytest.raises(Incorrect, match="names `conv1` as well"):
        refusal(_raises("layer1 or conv1"), "For `layer1`", naming=["layer1"], sparing=["conv1"])


def test_a_repeated_name_gets_the_cure_of_the_exercise():
    with pytest.raises(Incorrect, match=r"names `b`, `a` more than once\. Go once\."):
        exactly(["b", "a", "b", "a"], ["a", "b"], "Here", twice="Go once.")
