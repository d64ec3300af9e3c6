"""The vocabulary of proofs by itself: what each function sees and lets pass, and which lies it is proof against."""

from __future__ import annotations

import copy
import enum
import fractions
import re
from collections import OrderedDict, namedtuple
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image
from torch import Tensor, nn
from torchvision.models import ResNet18_Weights

from helpers.checking import networks
from helpers.checking.answers import (
    a_bool,
    a_string,
    a_tensor,
    close,
    exactly,
    names,
    not_refused,
    not_too_many,
    one_number,
    pairs,
    plain,
    quoted,
    refusal,
    short,
)
from helpers.checking.learning import in_exactly_one_group, step_moves_only, train_one_step
from helpers.checking.passes import (
    Watched,
    both_passes,
    called_for_prediction,
    called_in_eval_mode,
    logits_of,
    nothing_follows,
    only_the_head_is_new,
    same_function,
)
from helpers.checking.untouched import FACTS, input_untouched, left_as_found, nothing_built, same_numbers
from helpers.course.verdicts import Incorrect, input_of, tried_on
from helpers.models.freezing import moved, snapshot


def name_of(value: object) -> str:
    """The name of a case: its text without addresses, which differ between the workers that share the tests."""
    return re.sub(r" at 0x\w+", "", repr(value))


def equal_to_all(self, other):
    return True


class Name(str):
    __eq__ = equal_to_all
    __hash__ = str.__hash__

    def __ne__(self, other):
        return False

    def strip(self):
        return "something"


class Whole(int):
    __eq__ = __le__ = __ge__ = __lt__ = __gt__ = equal_to_all
    __hash__ = int.__hash__

    def __int__(self):
        return 42

    __index__ = __float__ = __int__


class Number(float):
    __eq__ = __le__ = __ge__ = __lt__ = __gt__ = equal_to_all
    __hash__ = float.__hash__

    def __float__(self):
        return 42.0


class Items(list):
    __eq__ = __contains__ = equal_to_all

    def __iter__(self):
        return iter(["expected"])

    def __len__(self):
        return 1


class Couple(tuple):
    __eq__ = equal_to_all
    __hash__ = tuple.__hash__

    def __iter__(self):
        return iter(["expected"])


class Table(dict):
    __eq__ = equal_to_all

    def items(self):
        return [("expected", 1)]


class Same(Tensor):
    """Every function of torch that is asked about it says True."""

    @classmethod
    def __torch_function__(cls, function, types, args=(), kwargs=None):
        return True


class Pretender:
    """Gives itself out for a tensor, and answers for torch's functions."""

    __class__ = Tensor
    shape, dtype = torch.Size([2]), torch.float32
    numel = dim = __len__ = lambda self: 1
    detach = to = lambda self, *_: self
    is_complex = is_floating_point = lambda self: False

    def item(self):
        return Number(3)

    @classmethod
    def __torch_function__(cls, function, types, args=(), kwargs=None):
        return True


REASON = "This is the reason."


def refused(reason: str = ""):
    return pytest.raises(Incorrect, match=reason or None)


# answers -------------------------------------------------------------------------------------------

SCALARS = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=4)
KEYS = st.text(min_size=1, max_size=4)  # of two keys with one hash, as -1 and -2 have, a dict of liars keeps one


def containers(inner):
    return (
        st.lists(inner, max_size=4) | st.dictionaries(KEYS, inner, max_size=4) | st.lists(inner, max_size=3).map(tuple)
    )


NESTED = st.recursive(SCALARS, containers, max_leaves=12)
LYING = {str: Name, int: Whole, float: Number, list: Items, tuple: Couple, dict: Table}


def lying(value):
    """The same value from classes that lie."""
    if isinstance(value, dict):
        value = {lying(key): lying(item) for key, item in value.items()}
    elif isinstance(value, list | tuple):
        value = type(value)(lying(item) for item in value)
    return LYING[type(value)](value) if type(value) in LYING else value


def same_in_kind(one, other) -> bool:
    if type(one) is not type(other):
        return False
    if isinstance(one, dict):
        pairs = zip(one.items(), other.items(), strict=True)
        return len(one) == len(other) and all(same_in_kind(*both) for both in pairs)
    if isinstance(one, list | tuple):
        return len(one) == len(other) and all(same_in_kind(*both) for both in zip(one, other, strict=True))
    return one == other


@given(NESTED)
def test_plain_finds_what_a_nest_of_liars_holds(value):
    assert same_in_kind(plain(lying(value)), value)


@given(NESTED)
def test_plain_leaves_what_is_plain(value):
    assert same_in_kind(plain(value), value)


def test_plain_takes_numpy_enums_and_named_tuples_for_what_they_hold():
    Point = namedtuple("Point", "x y")
    Colour = enum.IntEnum("Colour", "RED")
    held = plain(
        [np.float32(0.5), np.str_("a"), np.array(3), Point(1, 2), Colour.RED, OrderedDict(a=1), np.bool_(True)]
    )
    assert same_in_kind(held, [0.5, "a", 3, (1, 2), 1, {"a": 1}, True])


def test_plain_makes_an_ordinary_tensor_of_any():
    parameter = nn.Parameter(torch.ones(2))
    assert plain(parameter) is parameter
    assert type(plain(torch.ones(2).as_subclass(Same))) is Tensor
    assert not torch.equal(plain(torch.ones(2).as_subclass(Same)), torch.zeros(2))


@pytest.mark.parametrize(
    ("said", "number"),
    [
        (3, 3),
        (2.5, 2.5),
        (np.float32(0.5), 0.5),
        (np.array(4), 4),
        (fractions.Fraction(1, 4), 0.25),
        (torch.tensor(2), 2),
        (torch.tensor([[1.5]], requires_grad=True), 1.5),
        (Whole(7), 7),
        (Number(7), 7),
        (float("inf"), float("inf")),
    ],
)
def test_one_number_takes_all_that_is_one(said, number):
    found = one_number(said, REASON)
    assert type(found) in (int, float)
    assert found == number


@pytest.mark.parametrize(
    "said",
    [
        None,
        "3",
        True,
        np.bool_(True),
        [3],
        (3,),
        {},
        1j,
        torch.ones(2),
        torch.tensor(True),
        torch.tensor(1j),
        Pretender(),
    ],
    ids=name_of,
)
def test_one_number_refuses_the_rest(said):
    with refused(REASON):
        one_number(said, REASON)


@pytest.mark.parametrize(
    "said", [True, np.bool_(True), torch.tensor(True), np.array(True), torch.tensor([True])], ids=name_of
)
def test_a_bool_takes_all_that_is_one(said):
    assert a_bool(said, REASON) is True


@pytest.mark.parametrize(
    "said", [None, 1, Whole(1), "True", torch.tensor(1), torch.tensor([True, True]), Pretender()], ids=name_of
)
def test_a_bool_refuses_the_rest(said):
    with refused(REASON):
        a_bool(said, REASON)


def test_a_string_is_one_whatever_it_says_of_itself():
    assert a_string(Name("x"), REASON) != "y"
    assert type(a_string(np.str_("x"), REASON)) is str
    for said in (None, 3, b"x", ["x"], Pretender()):
        with refused(REASON):
            a_string(said, REASON)


def test_a_tensor_has_its_shape():
    assert a_tensor(torch.zeros(2, 3), (2, 3), "Here").shape == (2, 3)
    with refused("Here, the shape of your logits is \\[3, 2\\], and \\[2, 3\\] was expected. Two images."):
        a_tensor(torch.zeros(3, 2), (2, 3), "Here", of="logits", why="Two images.")
    for said in (None, [1, 2], np.zeros(2), Pretender()):
        with refused("a tensor was expected"):
            a_tensor(said, [2], "Here")
    assert type(a_tensor(torch.zeros(2).as_subclass(Same), [2], "Here")) is Tensor


@pytest.mark.parametrize("said", [["b", "a"], ("b", "a"), Items(["b", "a"]), [Name("b"), np.str_("a")]], ids=name_of)
def test_names_keep_their_order(said):
    assert names(said, "Here") == ["b", "a"]


def test_names_of_a_set_are_sorted():
    assert names({"b", "a", "c"}, "Here") == names(frozenset("cab"), "Here") == ["a", "b", "c"]


@pytest.mark.parametrize("said", [None, "ab", ["a", 1], {"a": 1}, ["a", None], iter("ab"), Pretender()], ids=name_of)
def test_names_refuses_what_is_no_list_of_strings(said):
    with refused("a list of layers was expected"):
        names(said, "Here", of="layers")


def test_names_refuses_one_that_comes_twice():
    with refused("names `a` more than once"):
        names(["a", "b", Name("a")], "Here")


@given(st.lists(st.sampled_from("abcde"), unique=True), st.lists(st.sampled_from("abcde"), unique=True))
def test_exactly_these_names(said, expected):
    asked = []

    def why(of):
        asked.append(of)
        return f"Why {of[0]}."

    if set(said) == set(expected):
        exactly(said, expected, "Here", missing=why, extra=why)
        assert not asked, "a reason was asked for where nothing is wrong"
        return
    with refused("Why ") as told:
        exactly([Name(one) for one in said], expected, "Here", missing=why, extra=why)
    missed = [name for name in expected if name not in said]
    assert asked == [missed or [name for name in said if name not in expected]]
    assert ("misses" in str(told.value)) == bool(missed)


def test_pairs_are_names_and_plain_numbers():
    said = (["a", 1], ("b", np.float32(0.5)), (Name("c"), fractions.Fraction(1, 4)), Couple(("d", Whole(2))))
    assert same_in_kind(pairs(said, "Here", count=4), [("a", 1), ("b", 0.5), ("c", 0.25), ("d", 2)])


@pytest.mark.parametrize(
    ("said", "reason"),
    [
        (None, "a list of pairs"),
        ({"a": 1}, "a list of pairs"),
        ([("a", 1, 2)], "a list of pairs"),
        (["ab"], "a list of pairs"),
        ([(1, "a")], "its name must be a string"),
        ([("a", True)], "its number a plain one"),
        ([("a", torch.tensor(1))], "its number a plain one"),
        ([("a", "1")], "its number a plain one"),
        ([("a", 1), ("b", 2)], "has 2 pairs, and 1 were expected"),
    ],
    ids=name_of,
)
def test_pairs_refuses_the_rest(said, reason):
    with refused(reason):
        pairs(said, "Here", count=1)


@given(st.floats(-1e6, 1e6), st.floats(-1e6, 1e6))
def test_close_is_within_a_millionth_of_the_greater(one, other):
    gap, greater = abs(one - other), max(abs(one), abs(other))
    assert close(one, other) == close(other, one)
    if gap > 2e-6 * max(1, greater):
        assert not close(one, other)
    if gap < 5e-7 * max(1e-3, greater):
        assert close(one, other)


def test_close_takes_nan_for_nothing():
    assert not close(float("nan"), float("nan"))


def raises(error: BaseException) -> Callable:
    def call():
        raise error

    return call


@pytest.mark.parametrize(
    ("call", "reason"),
    [
        (lambda: 3, "For none, your function gave back `3`: raise a `ValueError`"),
        (raises(KeyError("fc")), "stopped with `KeyError: 'fc'`"),
        (raises(ValueError()), "your `ValueError` says nothing"),
        (raises(ValueError(Name("  "))), "your `ValueError` says nothing"),
        (raises(ValueError("something is wrong")), "should name `layer1` or `stage1`"),
        (raises(ValueError("layer10 is wrong")), "should name `layer1`"),
        (raises(ValueError(Name("wrong"))), "should name `layer1`"),
        (raises(ValueError("layer1 and fc are wrong")), "names `fc` as well"),
    ],
    ids=["none", "another error", "no words", "words that lie", "no name", "another name", "a liar", "blames more"],
)
def test_a_refusal_says_its_cause(call, reason):
    with refused(reason):
        refusal(call, "For none", naming=["layer1", "stage1"], sparing=["fc"])


@pytest.mark.parametrize("message", ["layer1 is wrong", "wrong: LAYER1", "`stage1`, not a fc2 of my_fc"])
def test_a_refusal_that_says_its_cause(message):
    refusal(raises(ValueError(message)), "Here", naming=["layer1", "stage1"], sparing=["fc"])
    refusal(raises(UnicodeError(message)), "Here", naming=["layer1", "stage1"])  # a kind of ValueError
    refusal(raises(TypeError("any words")), "Here", error=TypeError)


def test_a_valid_input_that_is_refused_is_named():
    assert not_refused(lambda: 3, "For one image") == 3
    with refused("For one image, your function refused with `ValueError: no`.* names. Ask for its shape."):
        not_refused(raises(ValueError("no")), "For one image", advice="Ask for its shape.")
    with refused("Another reason."):
        not_refused(raises(Incorrect("Another reason.")), "Here")
    with pytest.raises(KeyError) as caught:  # the learner's own mistake, which the panel shows with its line
        not_refused(raises(KeyError("fc")), "For one image")
    assert input_of(caught.value) == "For one image,"


def test_an_exception_is_told_with_the_innermost_input_it_was_raised_on():
    own = ValueError("no")
    own.add_note("a note of the learner's own")
    with pytest.raises(ValueError, match="no") as caught, tried_on("For two,"), tried_on("For one,"):
        raise own
    assert (input_of(caught.value), input_of(ValueError("no"))) == ("For one,", "")
    with refused("Another reason."), tried_on("For one,"):
        raise Incorrect("Another reason.")


class CannotSayIt(ValueError):
    def __str__(self):
        return repr(self.args[0].no_such_attribute)


def test_a_refusal_that_cannot_be_read_says_nothing():
    with refused("For no images, your `ValueError` says nothing"):
        refusal(raises(CannotSayIt(1)), "For no images")
    with refused("For one image, your function refused with `CannotSayIt: CannotSayIt`"):
        not_refused(raises(CannotSayIt(1)), "For one image")


def test_what_is_incorrect_within_a_refusal_is_the_reason():
    with refused("Another reason."):
        refusal(raises(Incorrect("Another reason.")), "Here")
    for error in (KeyboardInterrupt(), SystemExit()):
        with pytest.raises(type(error)):
            refusal(raises(error), "Here")


def test_what_is_quoted_is_short():
    assert short("x" * 500) == "'" + "x" * 76 + "..."
    assert short("a\nb") == r"'a\nb'"
    assert "\n" not in short(torch.zeros(2, 2))
    assert short(torch.ones(2).as_subclass(Same)) == "an object of type Same"
    assert quoted(["a"]) == "`a`"
    assert quoted("abcdef") == "`a`, `b`, `c`, `d` and 2 more"


# untouched -----------------------------------------------------------------------------------------


def network() -> nn.Module:
    """Layers of all sorts, in `train()` mode, with a gradient, a frozen parameter, and hooks of their owner."""
    model = nn.Sequential(
        OrderedDict(
            body=nn.Sequential(OrderedDict(conv=nn.Conv2d(3, 6, 3), norm=nn.BatchNorm2d(6), relu=nn.ReLU())),
            pool=nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten()),
            drop=nn.Dropout(0.2),
            fc=nn.Linear(6, 2),
        )
    )
    model.body.conv.bias.requires_grad = False
    model.fc.weight.grad = torch.ones(2, 6)
    model.register_buffer("scale", torch.ones(3), persistent=False)
    model.body.register_forward_hook(lambda *_: None)
    model.body.norm.weight.register_hook(lambda gradient: gradient)
    return model


class AnyMethod:
    """Can be called, and equals everything."""

    __eq__ = equal_to_all
    __hash__ = object.__hash__

    def __call__(self, images):
        return images


def patched(model, key: str) -> None:
    """Another method on the class of `model.drop`, which is a class of its own so that nothing else notices."""
    setattr(type(model.drop), key, lambda self, *args: self)


def with_own_class(model) -> nn.Module:
    model.drop.__class__ = type("OwnDropout", (nn.Dropout,), {})
    return model


def new_data(parameter: Tensor, data: Tensor) -> None:
    parameter.data = data


def same_but_new(model) -> None:
    model.fc.weight = nn.Parameter(model.fc.weight.detach().clone())
    model.fc.weight.grad = torch.ones(2, 6)


CHANGES: dict[str, dict[str, Callable[[nn.Module], object]]] = {
    "gradients on": {"off": lambda m: torch.set_grad_enabled(False)},
    "hooks": {
        "forward": lambda m: m.fc.register_forward_hook(lambda *_: None),
        "forward pre": lambda m: m.register_forward_pre_hook(lambda *_: None),
        "backward": lambda m: m.fc.register_full_backward_hook(lambda *_: None),
        "backward pre": lambda m: m.fc.register_full_backward_pre_hook(lambda *_: None),
        "state dict": lambda m: m.fc.register_state_dict_post_hook(lambda *_: None),
        "state dict pre": lambda m: m.fc.register_state_dict_pre_hook(lambda *_: None),
        "load": lambda m: m.fc.register_load_state_dict_post_hook(lambda *_: None),
        "load pre": lambda m: m.fc.register_load_state_dict_pre_hook(lambda *_: None),
        "of a parameter": lambda m: m.fc.weight.register_hook(lambda gradient: gradient),
        "after accumulation": lambda m: m.fc.weight.register_post_accumulate_grad_hook(lambda *_: None),
        "its owner's is gone": lambda m: m.body._forward_hooks.clear(),
        "its owner's on a parameter is gone": lambda m: m.body.norm.weight._backward_hooks.clear(),
        "for all modules": lambda m: nn.modules.module.register_module_forward_hook(lambda *_: None),
        "before all modules": lambda m: nn.modules.module.register_module_forward_pre_hook(lambda *_: None),
        "for all parameters": lambda m: nn.modules.module.register_module_parameter_registration_hook(lambda *_: None),
    },
    "forward": {
        "on the network": lambda m: setattr(m, "forward", lambda images: images),
        "on a layer": lambda m: setattr(m.fc, "forward", lambda images: images),
        "train": lambda m: setattr(m, "train", lambda mode=True: m),
        "one that equals all": lambda m: setattr(m, "forward", AnyMethod()),
        "on the class": lambda m: patched(m, "forward"),
        "the call of the class": lambda m: patched(m, "__call__"),
        "train of the class": lambda m: patched(m, "train"),
    },
    "layers": {
        "another": lambda m: setattr(m, "drop", nn.Dropout(0.2)),
        "one more": lambda m: m.add_module("late", nn.ReLU()),
        "one less": lambda m: m.__delattr__("drop"),
        "another class": lambda m: setattr(m.body.relu, "__class__", type("OwnReLU", (nn.ReLU,), {})),
    },
    "parameters": {
        "new with the same numbers": same_but_new,
        "double precision": lambda m: m.double(),
        "another shape": lambda m: new_data(m.body.conv.bias, torch.zeros(1)),
        "one more": lambda m: m.fc.register_parameter("extra", nn.Parameter(torch.ones(1))),
        "one more buffer": lambda m: m.register_buffer("extra", torch.ones(1)),
        "one less": lambda m: setattr(m.body.conv, "bias", None),
    },
    "numbers": {
        "of a weight": lambda m: m.fc.weight.data.add_(1),
        "one of them": lambda m: m.body.conv.weight.data[0, 0, 0].add_(1e-6),
        "a pass in train mode": lambda m: m(networks.images(4)),
        "of a buffer that is not saved": lambda m: m.scale.zero_(),
        "a NaN": lambda m: m.fc.bias.data.fill_(float("nan")),
    },
    "gradients": {
        "left": lambda m: m.fc(torch.ones(1, 6)).sum().backward(inputs=[m.fc.bias]),
        "of zero left": lambda m: setattr(m.fc.bias, "grad", torch.zeros(2)),
        "taken away": lambda m: m.zero_grad(),
        "changed": lambda m: m.fc.weight.grad.mul_(2),
    },
    "flags": {
        "frozen": lambda m: m.fc.requires_grad_(False),
        "thawed": lambda m: m.body.conv.bias.requires_grad_(True),
        "of a buffer": lambda m: m.scale.requires_grad_(True),
    },
    "modes": {
        "eval": lambda m: m.eval(),
        "of one layer": lambda m: m.body.norm.eval(),
        "of the network alone": lambda m: setattr(m, "training", False),
    },
    "settings": {
        "a dropout's rate": lambda m: setattr(m.drop, "p", 0.0),
        "BatchNorm's momentum": lambda m: setattr(m.body.norm, "momentum", None),
        "in place": lambda m: setattr(m.body.relu, "inplace", True),
        "a stride": lambda m: setattr(m.body.conv, "stride", (2, 2)),
        "one that equals all": lambda m: setattr(m.drop, "p", Number(0)),
        "taken away": lambda m: m.drop.__delattr__("p"),
    },
}
EACH_CHANGE = [
    pytest.param(fact, change, id=f"{fact}: {what}") for fact in CHANGES for what, change in CHANGES[fact].items()
]


@pytest.fixture
def unhooked():
    """All that stands for every module is as before, whatever a test leaves."""
    held = [name for name in vars(nn.modules.module) if name.startswith("_global_") and name.endswith("hooks")]
    before = {name: dict(getattr(nn.modules.module, name)) for name in held}
    yield
    torch.set_grad_enabled(True)
    left = {name: set(getattr(nn.modules.module, name)) - set(before[name]) for name in held}
    for name in held:
        for key in left[name]:
            del getattr(nn.modules.module, name)[key]
    assert not any(left.values()), left


def test_there_is_a_change_for_each_fact():
    assert list(CHANGES) == list(FACTS)


@pytest.mark.parametrize(("fact", "change"), EACH_CHANGE)
def test_a_change_is_seen(fact, change, unhooked):
    model = with_own_class(network())
    with (
        refused("This is advice.|for all modules of all networks"),
        left_as_found(model, advice={fact: "This is advice."}),
    ):
        change(model)


@pytest.mark.parametrize(
    ("fact", "change"), [one for one in EACH_CHANGE if "for all" not in one.id and "before all" not in one.id]
)
def test_a_change_that_is_asked_for_passes(fact, change, unhooked):
    """What goes with it by nature is asked for, too: a layer takes its parameters along."""
    also = {
        "layers": {"modes", "settings", "forward"},
        "parameters": {"numbers", "gradients", "hooks", "flags"},
        "forward": {"modes"},
    }
    model = with_own_class(network())
    with left_as_found(model, but={fact, *also.get(fact, ())}):
        change(model)


@pytest.mark.parametrize("fact", FACTS)
def test_a_fact_that_is_left_out_takes_no_other_with_it(fact, unhooked):
    for other in set(FACTS) - {fact}:
        change = next(iter(CHANGES[other].values()))
        model = with_own_class(network())
        with refused(), left_as_found(model, but={fact}):
            change(model)
        torch.set_grad_enabled(True)


def used_with_care(model: nn.Module) -> None:
    """A prediction as it should be: all that it changes, it changes back."""
    modes = [(layer, layer.training) for layer in model.modules()]
    handle = model.fc.register_forward_hook(lambda *_: None)
    with torch.no_grad():
        model.eval()(networks.images(2))
    handle.remove()
    for layer, training in modes:
        layer.training = training
    model.notes = ["seen"]
    copy.deepcopy(model).fc.weight.data.zero_()


@pytest.mark.parametrize(
    "build",
    [
        network,
        networks.tied,
        networks.attention,
        networks.with_batchnorm_at_rest,
        networks.with_dropout_at_work,
        lambda: networks.with_gradients(networks.IN_A_ROW.network()),
    ],
)
def test_a_network_that_is_left_alone_is_as_it_was(build):
    model = build()
    model.register_buffer("nan", torch.tensor([float("nan")]))
    with left_as_found(model):
        if hasattr(model, "fc"):
            used_with_care(model)
        list(model.parameters())


def test_on_meta_all_but_the_numbers_is_seen():
    model = nn.Linear(3, 2, device="meta")
    with left_as_found(model):
        model(torch.ones(1, 3, device="meta"))
    with refused("another dtype"), left_as_found(model):
        model.half()


def test_what_may_be_replaced_may_and_the_rest_may_not():
    for head in (nn.Linear(6, 5), nn.Sequential(nn.ReLU(), nn.Linear(6, 5)), nn.Identity()):
        model = network()
        with left_as_found(model, without="fc"):
            model.fc = head
    for change in ("of a weight of the body", "its mode", "its settings", "a longer name"):
        model = network()
        model.fcc = nn.Linear(2, 2)
        with refused(), left_as_found(model, without="fc"):
            model.fc = nn.Linear(6, 5)
            if change == "of a weight of the body":
                model.body.conv.weight.data.zero_()
            elif change == "its mode":
                model.body.eval()
            elif change == "its settings":
                model.drop.p = 0.9
            else:
                model.fcc.weight.data.zero_()


def test_an_unknown_fact_is_the_checks_own_mistake():
    for wrong in ({"but": {"colour"}}, {"advice": {"colour": "No."}}):
        with pytest.raises(ValueError, match="colour"), left_as_found(network(), **wrong):
            pass


def test_an_exception_within_comes_through(unhooked):
    model, rows = network(), [1]
    for held in (left_as_found(model), input_untouched(rows=rows), nothing_built("Here")):
        with pytest.raises(ZeroDivisionError), held:
            model.eval()
            rows.append(2)
            1 / 0  # noqa: B018


def test_an_exception_leaves_no_hook_for_all_modules(unhooked):
    with pytest.raises(ZeroDivisionError), left_as_found(network()):
        nn.modules.module.register_module_forward_hook(lambda *_: None)
        1 / 0  # noqa: B018


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        (torch.tensor([1.0, float("nan")]), torch.tensor([1.0, float("nan")]), True),
        (torch.tensor([1.0]), torch.tensor([1.0 + 1e-6]), False),
        (torch.ones(2), torch.ones(2).double(), False),
        (torch.ones(2), torch.ones(2, 1), False),
        (torch.ones(2), torch.ones(2, device="meta"), False),
        (torch.ones(2, device="meta"), torch.zeros(2, device="meta"), True),
        (None, None, True),
        (None, torch.ones(1), False),
        (torch.tensor([True]), torch.tensor([False]), False),
        (torch.tensor([float("inf")]), torch.tensor([float("-inf")]), False),
    ],
)
def test_same_numbers(one, other, same):
    assert same_numbers(one, other) is same_numbers(other, one) is same


ATOMS = st.sampled_from(["tensor", "whole", "array", "number", "text", "none", "image"])


def atom(kind: str):
    return {
        "tensor": torch.ones(2),
        "whole": torch.arange(3),
        "array": np.arange(4.0),
        "number": float("nan"),
        "text": "a",
        "none": None,
        "image": Image.new("RGB", (2, 2)),
    }[kind]


ARGUMENTS = st.recursive(
    ATOMS.map(atom),
    lambda inner: (
        st.lists(inner, min_size=1, max_size=3)
        | st.dictionaries(st.sampled_from("abc"), inner, min_size=1, max_size=3)
        | st.lists(inner, min_size=1, max_size=3).map(tuple)
    ),
    max_leaves=8,
)


def changes_of(value, replace=None) -> list[Callable[[], object]]:
    """All single changes that can be made within `value`; `replace` puts another object into its place."""
    found = [lambda: replace("another")] if replace else []
    if isinstance(value, Tensor):
        found.append(lambda: value.add_(1))
    elif isinstance(value, np.ndarray):
        found.append(lambda: value.__setitem__(1, float("nan")))
    elif isinstance(value, Image.Image):
        found.append(lambda: value.putpixel((1, 1), (1, 2, 3)))
    elif isinstance(value, dict):
        found += [lambda: value.update(new=1), lambda: value.pop(next(iter(value)))]
        found += [
            change for key in value for change in changes_of(value[key], lambda new, key=key: value.update({key: new}))
        ]
    elif isinstance(value, list):
        found += [lambda: value.append(None), lambda: value.pop()]
        places = range(len(value))
        found += [c for i in places for c in changes_of(value[i], lambda new, i=i: value.__setitem__(i, new))]
    elif isinstance(value, tuple):
        found += [change for item in value for change in changes_of(item)]
    return found


@settings(deadline=None)
@given(ARGUMENTS, st.data())
def test_one_change_anywhere_in_an_argument_is_seen(argument, data):
    argument = copy.deepcopy([argument])
    with input_untouched(rows=argument):
        copy.deepcopy(argument)
    change = data.draw(st.sampled_from(changes_of(argument)))
    with refused("Your function changed `rows`"), input_untouched(rows=argument):
        change()


class Plain:
    """Has neither an `__eq__` nor a `__repr__` of its own."""

    def __init__(self):
        self.items = [1, 2]


@pytest.mark.parametrize(
    ("argument", "change", "told"),
    [
        ({"b": 1, "a": 2}, lambda d: d.update({"b": d.pop("b")}), "another order"),
        ([3, 1, 2], lambda x: x.sort(), ""),
        ([1, 1.0], lambda x: x.reverse(), ""),
        ([("a", 1)], lambda x: x.__setitem__(0, ["a", 1]), ""),
        (["a"], lambda x: x.__setitem__(0, Name("a")), ""),
        ([1], lambda x: x.__setitem__(0, Whole(2)), ""),
        ({"a": 1}, lambda d: d.clear(), "`a` was taken out"),
        ({"a": 1}, lambda d: d.update(b=2), "`b` was put in"),
        ({"a": 1}, lambda d: d.update(a=2), "at `a`"),
        ([1], lambda x: x.append(2), "it had 1 items and now has 2"),
        ({1, 2}, lambda s: s.add(3), ""),
        (bytearray(b"ab"), lambda b: b.append(1), ""),
        (torch.ones(2), lambda x: x.requires_grad_(), ""),
        (torch.ones(2), lambda x: new_data(x, x.double()), "it was torch.float32 and is torch.float64"),
        (torch.ones(2), lambda x: x.resize_(1), ""),
        (np.ones(2), lambda x: x.__imul__(2), ""),
        (Plain(), lambda x: x.items.pop(), ""),
    ],
    ids=name_of,
)
def test_changes_of_many_kinds_are_seen(argument, change, told):
    with input_untouched(x=argument):
        str(argument)
    with refused(f"Your function changed `x`.*{told}"), input_untouched(x=argument):
        change(argument)


def test_an_optimizers_rate_and_state_are_arguments():
    model = nn.Linear(2, 1)
    optimizer = torch.optim.Adam(model.parameters(), lr=torch.tensor(0.1))
    model(torch.ones(1, 2)).sum().backward()
    changes = (
        optimizer.step,
        lambda: optimizer.param_groups[0].update(lr=0.2),
        lambda: optimizer.add_param_group({"params": [nn.Parameter(torch.ones(1))]}),
        lambda: optimizer.param_groups[0]["params"].pop(),
    )
    for change in changes:
        with input_untouched(optimizer=optimizer):
            optimizer.state_dict()
        with refused("changed `optimizer`"), input_untouched(optimizer=optimizer):
            change()


@pytest.mark.parametrize("device", ["cpu", "meta"])
def test_a_network_that_nobody_asked_for_is_seen_on_any_device(device, unhooked):
    with nothing_built("To read the names,"):
        nn.functional.linear(torch.ones(1, 2), torch.ones(3, 2))
        networks_own = nn.ReLU()
    assert networks_own
    for build in (lambda: nn.Linear(2, 2, device=device), lambda: nn.Sequential(nn.ReLU())):
        with refused("To read the names, your function"), nothing_built("To read the names,"):
            build()
        with refused("To read the names, your function"), nothing_built("To read the names,"), suppress(Incorrect):
            build()
    assert nn.Linear(2, 2).bias is not None


def test_weights_that_nobody_asked_for_are_not_loaded(unhooked):
    with nothing_built("To read the names,"):
        assert ResNet18_Weights.DEFAULT.meta["categories"]
    with refused("began to load the weights `ResNet18_Weights"), nothing_built("To read the names,"):
        ResNet18_Weights.DEFAULT.get_state_dict()


# passes --------------------------------------------------------------------------------------------


def test_the_same_function_has_the_same_numbers():
    expected = torch.tensor([0.1, 0.7], requires_grad=True)
    same_function(expected.detach() + 1e-7, expected, REASON)
    same_function(expected.double(), expected, REASON)
    same_function(nn.Parameter(expected.detach()), expected, REASON)
    for found in (
        None,
        [0.1, 0.7],
        expected[:1],
        expected[:, None],
        expected + 1e-3,
        expected.long(),
        expected.bool(),
        torch.full((2,), float("nan")),
        (expected.detach() + 1).as_subclass(Same),
        Pretender(),
    ):
        with refused(REASON):
            same_function(found, expected, REASON)


def test_logits_of_a_network_that_takes_no_image():
    model = networks.classifier(4)
    assert logits_of(model, networks.images(2), "the network").shape == (2, 4)
    assert model.training
    with refused("^The network no longer takes an image .*Advice.$"):
        logits_of(nn.Sequential(model, nn.Linear(5, 5)), networks.images(2), "the network", "Advice.")
    with refused("gives None and no tensor"):
        logits_of(networks.Gives(model, lambda _: None), networks.images(2), "the network")


def test_a_watched_network_notes_each_call_and_those_of_its_copies():
    model = Watched(nn.Dropout(), nn.Flatten()).eval()
    model[0].train()
    model(networks.images(1))
    with torch.no_grad():
        copy.deepcopy(model).eval()(networks.images(2))
    first, second = model.calls
    assert (first.shape, first.training, first.gradients_on) == ((1, 3, 8, 8), ("0",), True)
    assert (second.shape, second.training, second.gradients_on) == ((2, 3, 8, 8), (), False)
    called_for_prediction([second], "Here")
    called_in_eval_mode([replace(second, gradients_on=True)], "Here")
    for calls, reason in (([], "not called once"), ([second, first], "in `train\\(\\)` mode")):
        with refused(reason):
            called_for_prediction(calls, "Here")
        with refused(reason):
            called_in_eval_mode(calls, "Here")
    model.eval()(networks.images(1))
    with refused("gradients were recorded"):
        called_for_prediction([second, model.calls[-1]], "Here")


def with_new_head(stranger: networks.Stranger, change: Callable[[nn.Module], object] | None = None):
    """Passes before and after `stranger` gets a sound new head, and after a `change` as well."""
    model = stranger.network()
    images = networks.images(3, side=4)
    before = both_passes(model, images)
    old = model.get_submodule(stranger.head)
    model.set_submodule(stranger.head, nn.Linear(old.in_features, 3, dtype=old.weight.dtype))
    if change is not None:
        change(model)
    return before, both_passes(model, images)


ALL_STRANGERS = (*networks.STRANGERS, networks.PRECISE, networks.MIXED)


@pytest.mark.parametrize("stranger", ALL_STRANGERS, ids=lambda one: one.what)
def test_a_new_head_alone_passes(stranger):
    only_the_head_is_new(*with_new_head(stranger), stranger.what)


@pytest.mark.parametrize(
    ("stranger", "change", "reason"),
    [
        (networks.NESTED, lambda m: setattr(m.tail["main"], "norm", nn.Identity()), "is not what went into it before"),
        (networks.NESTED, lambda m: setattr(m.tail["drop"], "p", 0.1), "In training, what goes into the last layer"),
        (networks.IN_A_ROW, lambda m: m.append(nn.Softmax(1)), "something comes after the new linear layer"),
        (networks.IN_A_ROW, lambda m: m.append(nn.Dropout(0.5)), "something comes after the new linear layer"),
        (networks.IN_A_ROW, lambda m: m[3].requires_grad_(False), "is frozen, so it cannot learn"),
    ],
)
def test_more_than_a_new_head_is_seen(stranger, change, reason):
    with refused(reason):
        only_the_head_is_new(*with_new_head(stranger, change), stranger.what)


def test_a_head_that_is_not_fresh_is_seen():
    model = networks.IN_A_ROW.network()
    images = networks.images(3, side=4)
    before = both_passes(model, images)
    with refused("the old layer still gives the logits"):
        only_the_head_is_new(before, both_passes(model, images), "the network")
    model[3] = copy.deepcopy(model[3])
    with refused("holds numbers of the old one"):
        only_the_head_is_new(before, both_passes(model, images), "the network")
    with torch.inference_mode():
        model[3] = nn.Linear(6, 4)
    with refused("made in `inference_mode`"):
        only_the_head_is_new(before, both_passes(model, images), "the network")


def test_passes_leave_no_trace_even_where_they_fail():
    model = networks.with_batchnorm_at_rest()
    with left_as_found(model):
        nothing_follows(both_passes(model, networks.images(2, side=4)), "the network")
    broken = nn.Sequential(nn.Flatten(), nn.Linear(3, 3))
    with left_as_found(broken), pytest.raises(RuntimeError):
        both_passes(broken, networks.images(2))
    with refused("No linear layer works"):
        both_passes(nn.Sequential(nn.Flatten()), networks.images(2))


# learning ------------------------------------------------------------------------------------------

LABELS = torch.arange(8) % 2


def frozen_and_head(prepare: Callable[[nn.Module], object]) -> None:
    backbone, head = networks.backbone(), nn.Linear(6, 2)
    prepare(backbone)
    batch = {"images": networks.images(8), "labels": LABELS}
    step_moves_only(head, of=nn.Sequential(backbone, head), frozen=backbone, **batch, case="Here", advice="Advice.")


def test_a_step_that_moves_the_head_alone():
    frozen_and_head(lambda backbone: backbone.requires_grad_(False).eval())


@pytest.mark.parametrize(
    ("prepare", "reason"),
    [
        (lambda backbone: backbone.eval(), "moved the parameters `0.0.weight`"),
        (lambda backbone: backbone.requires_grad_(False), "the buffers `0.1.running_mean`.*Advice."),
        (
            lambda backbone: backbone.requires_grad_(False).eval()[0][0].bias.requires_grad_(True),
            "parameters `0.0.bias`",
        ),
    ],
)
def test_a_step_that_moves_more(prepare, reason):
    with refused(reason):
        frozen_and_head(prepare)


def test_a_step_that_cannot_be_made():
    model = nn.Sequential(nn.Flatten(), nn.Linear(192, 2))
    with refused("stops in `backward\\(\\)`"):
        train_one_step(networks.Gives(model, Tensor.detach), networks.images(8), LABELS)
    backbone, head = networks.backbone().requires_grad_(False).eval(), nn.Linear(6, 2)
    still = nn.Linear(2, 2)
    with refused("Even the head did not learn"):
        batch = {"images": networks.images(8), "labels": LABELS}
        step_moves_only(still, of=nn.Sequential(backbone, head), frozen=backbone, **batch, case="Here")


def test_every_parameter_is_in_exactly_one_group():
    model = networks.tied()
    for params in (
        list(model.parameters()),
        model.parameters(),
        list(model.named_parameters()),
        tuple(model.parameters()),
    ):
        found = in_exactly_one_group([{"params": params, "lr": Number(0.1)}], model, settings={"lr"})
        assert set(found.settings_by_name) == set(dict(model.named_parameters()))
        assert all(same_in_kind(of, {"lr": 0.1}) for of in found.settings_by_name.values())
        torch.optim.SGD(found.groups)
    single = nn.Linear(2, 1, bias=False)
    in_exactly_one_group([{"params": single.weight}], single, settings=())


FROZEN = networks.frozen_body()


@pytest.mark.parametrize(
    ("groups", "reason"),
    [
        (None, "Return a list of dicts with `params`, `lr`"),
        ([{"lr": 1}], "Return a list of dicts"),
        ([{"params": 3}], "belong parameters, in a list"),
        ([{"params": set(FROZEN.parameters())}], "is a set"),
        ([{"params": ["0.weight"]}], "the parameters themselves"),
        ([{"params": list(FROZEN[0].parameters())}], "`2.weight`, `2.bias` is in no group, and would never be trained"),
        ([{"params": list(FROZEN[2].parameters())}], "`0.weight`, `0.bias` is frozen and in no group"),
        ([{"params": list(FROZEN.parameters())}, {"params": FROZEN[0].bias}], "`0.bias` is in two groups. Cure."),
        ([{"params": [*FROZEN.parameters(), FROZEN[0].bias]}], "`0.bias` is in one group more than once"),
        ([{"params": [*FROZEN.parameters(), torch.ones(1)]}], "1 tensors in your groups are no parameters"),
    ],
)
def test_other_groups_are_refused(groups, reason):
    with refused(reason):
        in_exactly_one_group(groups, FROZEN, settings={"lr"}, twice="Cure.")


# networks ------------------------------------------------------------------------------------------


def order_of_work(model: nn.Module, images: Tensor) -> list[str]:
    worked = []
    handles = [
        layer.register_forward_hook(lambda *_, name=name: worked.append(name))
        for name, layer in model.named_modules()
        if isinstance(layer, nn.Linear)
    ]
    model(images)
    for handle in handles:
        handle.remove()
    return worked


def linear_layers(model: nn.Module) -> list[str]:
    return [name for name, layer in model.named_modules() if isinstance(layer, nn.Linear)]


def test_images_move_the_statistics_of_a_backbone():
    model = networks.backbone()
    assert model.training
    before = snapshot(model)
    assert model(networks.images(4)).shape == (4, 6)
    assert any("running_mean" in name for name in moved(before, model))
    assert not dict(networks.backbone(batch_norm=False).named_buffers())


def test_a_backbone_gives_other_features_in_train_mode():
    model, images = networks.backbone(), networks.images(4)
    assert not torch.allclose(model(images), model.eval()(images), atol=1e-3)


@pytest.mark.parametrize("stranger", ALL_STRANGERS, ids=lambda one: one.what)
def test_a_strangers_head_gives_its_logits(stranger):
    model, images = stranger.network(), networks.images(3, side=4)
    assert model.training
    assert model(images).shape == (3, model.get_submodule(stranger.head).out_features)
    assert order_of_work(model.eval(), images)[-1] == stranger.head
    assert all(one.layer is model.get_submodule(stranger.head) for one in both_passes(model, images))


def test_the_decoy_declares_last_what_works_first():
    model = networks.DECOY.network()
    assert linear_layers(model)[-1] == "classifier" == order_of_work(model, networks.images(2, side=4))[0]


def test_beside_the_head_another_task_works_last():
    model = networks.ASIDE.network()
    worked = both_passes(model, networks.images(5, side=4))[0]
    assert worked.layer is model.second
    assert not torch.equal(worked.given, worked.logits)
    copy.deepcopy(model)


def test_the_leftover_never_works():
    model = networks.LEFTOVER.network()
    assert linear_layers(model)[-1] == "fc"
    assert "fc" not in order_of_work(model, networks.images(2, side=4))


def test_the_nested_head_is_deep_and_modes_matter():
    model, images = networks.NESTED.network(), networks.images(4, side=4)
    assert networks.NESTED.head.count(".") == 2
    rested = model.eval()(images)
    assert torch.equal(rested, model(images))
    assert not torch.allclose(model.train()(images), rested, atol=1e-3)


def test_equal_widths_hide_the_head():
    model = networks.EQUAL_WIDTHS.network()
    assert {model.get_submodule(name).out_features for name in linear_layers(model)} == {4}


def test_precise_and_mixed_compute_in_other_types_than_they_are_given():
    images = networks.images(2, side=4)
    assert {p.dtype for p in networks.PRECISE.network().parameters()} == {torch.float64} != {images.dtype}
    mixed = networks.MIXED.network()
    assert (mixed.features.weight.dtype, mixed.head.weight.dtype) == (torch.float32, torch.float64)


def test_what_is_to_be_counted_counts_otherwise_for_each_trap():
    def total(model):
        return sum(p.numel() for p in model.parameters())

    def by(layers):
        return sum(p.numel() for layer in layers for p in layer.parameters(recurse=False))

    tied = networks.tied()
    assert tied[0].weight is tied[1].weight
    assert total(tied) == 11 * 5 + 11 < by(tied.modules())
    token = networks.Token()
    assert total(token) == by(token.children()) + 7
    both = networks.shared_between()
    assert both[0].weight is both[1].weight
    assert [name for name, _ in both.named_parameters()] == ["0.weight", "0.bias", "1.bias"]
    attention = networks.attention()
    leaves = [layer for layer in attention.modules() if not list(layer.children())]
    assert by(leaves) < total(attention)
    deep = networks.block_in_a_block()
    assert by(deep.children()) < total(deep)
    assert {p.requires_grad for p in networks.frozen_body().parameters()} == {True, False}
    bias = networks.frozen_bias()
    assert [name for name, p in bias.named_parameters() if not p.requires_grad] == ["1.bias"]


def test_modes_flags_and_gradients_come_as_they_say():
    at_rest = networks.with_batchnorm_at_rest()
    assert [name for name, layer in at_rest.named_modules() if not layer.training] == ["stem.1"]
    at_work = networks.with_dropout_at_work()
    assert [name for name, layer in at_work.named_modules() if layer.training] == ["tail.drop"]
    hooked = networks.with_an_owners_hook()
    assert [len(layer._forward_hooks) for layer in hooked] == [0, 1, 0, 0]
    frozen = networks.with_first_layer_frozen()
    assert [name for name, p in frozen.named_parameters() if not p.requires_grad] == ["1.weight", "1.bias"]
    assert all(p.grad is not None for p in networks.with_gradients(networks.tied()).parameters())


def test_families_keep_their_heads_in_four_places():
    found = {}
    for who, model in networks.families():
        assert model.eval()(networks.images(2, side=32)).shape == (2, 10)
        found[who] = order_of_work(model, networks.images(2, side=32))[-1]
    assert found == {
        "the ResNet": "fc",
        "the EfficientNet": "classifier.1",
        "the ConvNeXt": "classifier.2",
        "the ViT": "heads.head",
    }


def test_training_a_little_leaves_no_norm_at_its_start():
    for _, model in networks.families():
        networks.train_a_little(model)
        norms = [m for m in model.modules() if isinstance(m, nn.LayerNorm | nn.BatchNorm2d)]
        assert norms
        assert not any((norm.weight == 1).all() or (norm.bias == 0).all() for norm in norms)


def test_networks_that_know_nothing():
    images = networks.images(3)
    rows = torch.rand(5, 4)
    fixed = networks.Fixed(rows)
    assert torch.equal(fixed(images), rows[:3])
    assert fixed(images).requires_grad
    assert networks.Gives(fixed, lambda logits: {"logits": logits})(images).keys() == {"logits"}
    parrot = networks.Parrot(7)(images).softmax(1)
    assert parrot.argmax(1).tolist() == [7, 7, 7]
    assert parrot.max(1).values.min() > 0.99
    sure = networks.SureButRandom()(images).softmax(1)
    assert sure.shape == (3, 1000)
    assert sure.max(1).values.mean() > 0.5


def test_the_small_resnet_has_its_traps():
    model = networks.SmallResNet(token=True)
    assert model(networks.images(2, side=16)).shape == (2, 2)
    held = [name for name, _ in model.named_parameters()]
    assert any(name.startswith("layer10") for name in held)
    assert sum(".conv1.weight" in f".{name}" for name in held) == 2
    assert not list(model.relu.parameters())
    assert "token" in held
    assert "token" not in dict(networks.SmallResNet().named_parameters())


def test_the_sequence_has_weights_of_each_kind():
    model = networks.Sequence()
    assert {p.ndim for p in model.parameters()} == {1, 2, 3}
    assert [name for name, p in model.named_parameters() if not p.requires_grad] == ["stem.weight", "stem.bias"]
    assert model.positions.ndim == 3
    assert model.fc.bias is None


def test_a_hook_left_on_an_optimizer_is_seen():
    optimizer = torch.optim.SGD([nn.Parameter(torch.ones(1))], lr=0.1)
    with refused("changed `optimizer`"), input_untouched(optimizer=optimizer):
        optimizer.register_step_post_hook(lambda *_: None)
    with refused("changed `optimizer`"), input_untouched(optimizer=optimizer):
        optimizer.register_step_pre_hook(lambda *_: None)
    with input_untouched(optimizer=optimizer):
        optimizer.register_step_pre_hook(lambda *_: None).remove()


@pytest.mark.parametrize(
    "said",
    [range(10**9), range(0, -(10**30), -7), torch.zeros(1).expand(10**12), np.broadcast_to(np.zeros(1), 10**12)],
    ids=["range", "long range", "tensor", "array"],
)
def test_what_would_fill_the_memory_as_a_list_is_turned_down(said):
    with pytest.raises(Incorrect, match="no answer here has so many"):
        not_too_many(said)


@pytest.mark.parametrize("said", [range(0), range(5, 9), torch.zeros(3), np.zeros((2, 2)), [1], "text", None])
def test_what_fits_comes_back_as_it_came(said):
    assert not_too_many(said) is said
