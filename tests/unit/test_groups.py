"""Parameter groups: every trainable parameter in exactly one, whatever the network, and optimizers obey them.

`test_heads.py` holds the same against every network of torchvision, and many of timm's.
"""

from __future__ import annotations

import warnings
from collections import OrderedDict
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn
from torch.nn.utils import prune
from torch.nn.utils.parametrizations import spectral_norm, weight_norm
from torch.nn.utils.parametrize import register_parametrization

from helpers.errors import CourseError
from helpers.models import (
    FrozenBackbone,
    freeze,
    layers_of,
    layerwise_rates,
    parameter_groups,
    remove_head,
    replace_head,
    stages_of,
)
from helpers.models.counting import meta_network
from helpers.models.heads import Head, find_head

ROWS = torch.zeros(2, 4)
LARGE = pytest.param(10**400, id="large")  # no float holds it
HUGE = pytest.param(10**5000, id="huge")  # Python prints no number of so many digits


@contextmanager
def told(match: str) -> Iterator[None]:
    """A CourseError that says so, in one line."""
    with pytest.raises(CourseError, match=match) as caught:
        yield
    assert "\n" not in str(caught.value)


def held(groups: list[dict]) -> list[int]:
    return sorted(id(p) for group in groups for p in group["params"])


def all_of(model: nn.Module) -> list[int]:
    return sorted(id(p) for p in model.parameters() if p.requires_grad)


# Any network --------------------------------------------------------------------------------------


class Block(nn.Module):
    """Layers in a row, and a parameter of its own."""

    def __init__(self, layers: list[nn.Module]):
        super().__init__()
        self.shift = nn.Parameter(torch.zeros(1, 4))
        self.inside = nn.ModuleList(layers)

    def forward(self, x: Tensor) -> Tensor:
        for layer in self.inside:
            x = layer(x)
        return x + self.shift


LEAVES = st.sampled_from(
    [lambda: nn.Linear(4, 4), lambda: nn.BatchNorm1d(4), lambda: nn.LayerNorm(4), nn.ReLU, lambda: nn.PReLU(4)]
)


def rows_of(part: st.SearchStrategy) -> st.SearchStrategy:
    """Factories of a row, a row with names, and a block, with one to four parts each."""
    parts = st.lists(part, min_size=1, max_size=4)
    return st.one_of(
        parts.map(lambda makers: lambda: nn.Sequential(*(make() for make in makers))),
        parts.map(
            lambda makers: lambda: nn.Sequential(OrderedDict((f"p{i}", make()) for i, make in enumerate(makers)))
        ),
        parts.map(lambda makers: lambda: Block([make() for make in makers])),
    )


class Whole(nn.Module):
    """A token of its own, a classifier that is listed before the body, and a body."""

    def __init__(self, body: nn.Module):
        super().__init__()
        self.token = nn.Parameter(torch.zeros(1, 4))
        self.head = nn.Linear(4, 3)
        self.body = body

    def forward(self, x: Tensor) -> Tensor:
        return self.head(self.body(x + self.token))


PARTS = st.recursive(LEAVES, rows_of, max_leaves=10)
NETWORKS = PARTS.flatmap(
    lambda make: st.sampled_from([lambda: Whole(make()), lambda: nn.Sequential(make(), nn.Linear(4, 3))])
)


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_every_parameter_is_held_exactly_once(data):
    torch.manual_seed(0)
    model = data.draw(NETWORKS)()
    head = find_head(model, ROWS)
    names = [name for name, _ in model.named_parameters()]
    layers = layers_of(model, head)
    assert sorted(name for part in layers.values() for name in part) == sorted(names)
    assert all(layers.values())
    assert list(layers)[-1] == head.name
    assert layers[head.name][-2:] == [f"{head.name}.weight", f"{head.name}.bias"]

    frozen = data.draw(st.sets(st.sampled_from(names), max_size=len(names) - 1))
    for name in frozen:
        model.get_parameter(name).requires_grad_(False)
    groups = parameter_groups(model, layerwise_rates(model, 1e-3, 0.5, head), layers, weight_decay=0.1)
    assert held(groups) == all_of(model)
    assert all(p.ndim > 1 for group in groups if group["weight_decay"] for p in group["params"])

    if len(layers) > 1:
        stages = stages_of(model, data.draw(st.integers(1, len(layers) - 1)), head)
        assert all(stages.values())
        assert [name for part in stages.values() for name in part] == [n for part in layers.values() for n in part]
        assert held(parameter_groups(model, dict.fromkeys(stages, 1e-4), stages)) == all_of(model)


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_a_part_that_is_missing_and_one_inside_another_are_named(data):
    torch.manual_seed(0)
    model = data.draw(NETWORKS)()
    whole = [*(name for name, child in model.named_children() if any(True for _ in child.parameters()))]
    whole += [name for name, _ in model.named_parameters(recurse=False)]
    rates = dict.fromkeys(whole, 1e-3)
    assert held(parameter_groups(model, rates)) == all_of(model)

    missing = data.draw(st.sampled_from(whole))
    first = next(name for name, _ in model.named_parameters() if name == missing or name.startswith(f"{missing}."))
    if len(whole) > 1:
        with told(rf"are in no group and would never move: {first}"):
            parameter_groups(model, {part: rate for part, rate in rates.items() if part != missing})

    inner = data.draw(st.sampled_from([name for name, _ in model.named_parameters() if name not in whole]))
    with told(rf"{inner}.* would be in two groups"):
        parameter_groups(model, {**rates, inner: 1e-3})


# Layers and stages --------------------------------------------------------------------------------


def test_layers_and_stages_of_resnet18():
    model = meta_network("resnet18")
    assert list(layers_of(model)) == ["conv1", *(f"layer{i}.{j}" for i in (1, 2, 3, 4) for j in (0, 1)), "fc"]
    assert layers_of(model)["conv1"] == ["conv1.weight", "bn1.weight", "bn1.bias"]
    stages = stages_of(model, 3)
    assert list(stages) == ["stage 1", "stage 2", "stage 3", "head"]
    assert stages["head"] == ["fc.weight", "fc.bias"]
    assert stages["stage 1"][0] == "conv1.weight"
    assert stages["stage 3"][-1].startswith("layer4.1.")


@pytest.mark.parametrize(
    ("wrap", "inside"),
    [(lambda backbone: backbone, "0."), (FrozenBackbone, "0.backbone.")],
    ids=["bare", "frozen"],
)
def test_a_backbone_and_a_head_in_a_row_have_the_layers_of_the_backbone(wrap, inside):
    layers = list(layers_of(meta_network("resnet18")))
    backbone, width = remove_head(meta_network("resnet18"))
    model = nn.Sequential(wrap(backbone), nn.Linear(width, 7, device="meta"))
    assert list(layers_of(model)) == [*(inside + layer for layer in layers[:-1]), "1"]


def test_tokens_go_with_the_first_layer_and_a_last_norm_with_the_last_block():
    layers = layers_of(meta_network("vit_b_32"))
    assert list(layers) == [
        "conv_proj",
        *(f"encoder.layers.encoder_layer_{i}" for i in range(12)),
        "heads.head",
    ]
    assert {"class_token", "encoder.pos_embedding", "conv_proj.weight"} <= set(layers["conv_proj"])
    assert layers["encoder.layers.encoder_layer_11"][-2:] == ["encoder.ln.weight", "encoder.ln.bias"]


def test_auxiliary_classifiers_learn_at_the_head_s_rate():
    layers = layers_of(meta_network("googlenet", init_weights=False))
    assert {name.split(".")[0] for name in layers["fc"]} == {"fc", "aux1", "aux2"}
    assert not any(name.startswith("aux") for layer, names in layers.items() if layer != "fc" for name in names)


class OnlyAScale(nn.Module):
    def __init__(self):
        super().__init__()
        self.scale = nn.Parameter(torch.ones(4))
        self.fc = nn.Linear(4, 3)

    def forward(self, x: Tensor) -> Tensor:
        return self.fc(x * self.scale)


def test_a_network_with_nothing_before_its_classifier():
    model = OnlyAScale()
    assert layers_of(model, find_head(model, ROWS)) == {"fc": ["scale", "fc.weight", "fc.bias"]}
    with told("has no layer before its classifier"):
        stages_of(model, 1, find_head(model, ROWS))


def test_a_classifier_with_weight_norm_is_held_whole():
    model = nn.Sequential(weight_norm(nn.Linear(4, 4)), nn.ReLU(), weight_norm(nn.Linear(4, 3)))
    head = find_head(model, ROWS)
    layers = layers_of(model, head)
    assert list(layers) == ["0", "2"]
    assert [len(names) for names in layers.values()] == [3, 3]
    assert held(parameter_groups(model, dict.fromkeys(layers, 1e-3), layers)) == all_of(model)


class BigParametrized(nn.Module):
    """Most of the network is one layer with weight norm, and it stands in the middle."""

    def __init__(self):
        super().__init__()
        self.first, self.middle, self.last = nn.Linear(4, 4), weight_norm(nn.Linear(4, 90)), nn.Linear(90, 3)

    def forward(self, x: Tensor) -> Tensor:
        return self.last(self.middle(self.first(x)))


def test_one_large_layer_is_no_trunk():
    model = BigParametrized()
    assert list(layers_of(model, find_head(model, ROWS))) == ["first", "middle", "last"]


def test_a_layer_under_two_names_counts_once():
    shared = nn.Linear(4, 4)
    model = nn.Sequential(shared, nn.ReLU(), shared, nn.Linear(4, 3))
    layers = layers_of(model, find_head(model, ROWS))
    assert layers == {"0": ["0.weight", "0.bias"], "3": ["3.weight", "3.bias"]}


def test_the_head_of_another_network_is_told():
    model = meta_network("resnet18")
    with told("has no parameters of its own under classifier"):
        layers_of(model, Head(("classifier",), nn.Linear, 512, 1000))
    model.fc = nn.Identity()
    with told("has no parameters of its own under fc"):
        layers_of(model, Head(("fc",), nn.Linear, 512, 1000))


class Tied(nn.Module):
    """Reads words, and scores them with the table that it reads them with."""

    def __init__(self, bias: bool):
        super().__init__()
        self.table, self.body, self.fc = nn.Embedding(5, 6), nn.Linear(6, 6), nn.Linear(6, 5, bias=bias)
        self.fc.weight = self.table.weight

    def forward(self, words: Tensor) -> Tensor:
        return self.fc(self.body(self.table(words).mean(1)))


WORDS = torch.zeros(2, 3, dtype=torch.long)
TIED = r"under fc, since fc\.weight is table\.weight"


def test_a_classifier_that_is_another_layer_s_weight_is_told_with_its_twin():
    model = Tied(bias=False)
    for use in (layers_of, lambda model, **given: stages_of(model, 1, **given)):
        with told(f"Tied has no parameters of its own {TIED}: put a new classifier there \\(replace_head\\)$"):
            use(model, image=WORDS)
    with told(f"no parameter of Tied lies {TIED}: leave that out"):
        parameter_groups(model, {"table": 1e-4, "body": 1e-4, "fc": 1e-3})
    assert held(parameter_groups(model, {"table": 1e-4, "body": 1e-4})) == all_of(model)
    replace_head(model, 5, image=WORDS)
    assert layers_of(model, image=WORDS)["fc"] == ["fc.weight", "fc.bias"]


def test_what_a_classifier_shares_belongs_to_the_layer_that_is_listed_first():
    model = Tied(bias=True)
    layers = layers_of(model, image=WORDS)
    assert layers == {"table": ["table.weight"], "body": ["body.weight", "body.bias"], "fc": ["fc.bias"]}
    assert held(parameter_groups(model, {"table": 1e-4, "body": 1e-4, "fc": 1e-3})) == all_of(model)
    everything = [name for name, _ in model.named_parameters(remove_duplicate=False)]
    with told(
        r"no parameter fc\.weight, since fc\.weight is table\.weight: make the parts anew, from model\.named_param"
    ):
        parameter_groups(model, {"all": 1e-3}, {"all": everything})


@pytest.mark.parametrize(
    "use",
    [layers_of, lambda m, **given: stages_of(m, 1, **given), lambda m, **given: layerwise_rates(m, 1e-3, 0.5, **given)],
    ids=["layers_of", "stages_of", "layerwise_rates"],
)
def test_a_network_that_takes_no_pictures(use):
    model = nn.Sequential(nn.Linear(4, 4), nn.Linear(4, 3))
    with told("pass one that it takes, as image="):
        use(model)
    assert use(model, image=ROWS) == use(model, head=find_head(model, ROWS))


NO_HEADS = ["fc", ["fc"], torch.zeros(2, 4), nn.Linear(4, 3), Head, 0, Head((), nn.Linear, 4, 3)]


@pytest.mark.parametrize("head", NO_HEADS)
def test_a_head_that_is_none(head):
    model = nn.Sequential(nn.Linear(4, 4), nn.Linear(4, 3))
    for use in (layers_of, lambda m, h: stages_of(m, 1, h), lambda m, h: layerwise_rates(m, 1e-3, 0.5, h)):
        with told("head says where the classifier is"):
            use(model, head)


def test_a_head_that_was_made_of_several_layers_is_one_layer():
    model = meta_network("resnet18")
    head = find_head(model)
    replace_head(model, 7, lambda width, classes: nn.Sequential(nn.Linear(width, 9), nn.ReLU(), nn.Linear(9, classes)))
    assert layers_of(model, head)["fc"] == ["fc.0.weight", "fc.0.bias", "fc.2.weight", "fc.2.bias"]


@pytest.mark.parametrize("count", [0, -1, 10, 2.0, "4", None, True, torch.zeros(3, 3), HUGE])
def test_a_number_of_stages_that_is_none(count):
    with told("9 layers cannot be cut into"):
        stages_of(meta_network("resnet18"), count)


@pytest.mark.parametrize("count", [1, 4, 9])
def test_stages_are_about_equally_long(count):
    model = meta_network("resnet18")
    layer_of = {name: layer for layer, names in layers_of(model).items() for name in names}
    lengths = [len({layer_of[name] for name in names}) for names in stages_of(model, count).values()]
    assert lengths.pop() == 1
    assert sum(lengths) == 9
    assert max(lengths) - min(lengths) <= 1


# Rates --------------------------------------------------------------------------------------------


def test_layerwise_rates_fall_from_the_head_to_the_picture():
    model = meta_network("resnet18")
    rates = layerwise_rates(model, 0.01, 0.5)
    assert list(rates) == list(layers_of(model))
    assert rates["fc"] == 0.01
    assert rates["layer4.1"] == pytest.approx(0.005)
    assert rates["conv1"] == pytest.approx(0.01 * 0.5**9)
    assert set(layerwise_rates(model, 0.01, 1).values()) == {0.01}


@pytest.mark.parametrize("decay", [0, -0.5, 1.1, float("nan"), "0.75", None, True, torch.zeros(3, 3)])
def test_a_decay_that_is_none(decay):
    with told("a layer-wise decay lies above 0 and goes up to 1"):
        layerwise_rates(meta_network("resnet18"), 1e-3, decay)


BAD_RATES = [-1e-3, float("nan"), float("inf"), "1e-3", None, True, [1e-3], LARGE, HUGE, torch.zeros(3, 3)]


@pytest.mark.parametrize("rate", BAD_RATES)
def test_a_rate_that_is_none(rate):
    model = nn.Sequential(nn.Linear(4, 4), nn.Linear(4, 3))
    with told("the head's learning rate is a number from 0 up"):
        layerwise_rates(meta_network("resnet18"), rate, 0.5)
    with told("the learning rate of 1 is a number from 0 up"):
        parameter_groups(model, {"0": 1e-3, "1": rate})
    with told("weight_decay is a number from 0 up"):
        parameter_groups(model, {"0": 1e-3, "1": 1e-3}, weight_decay=rate)


# Groups -------------------------------------------------------------------------------------------


def test_layer1_does_not_hold_layer10():
    model = nn.Sequential(OrderedDict((f"layer{i}", nn.Linear(4, 4)) for i in range(1, 11)))
    rates = {f"layer{i}": i * 1e-3 for i in range(1, 11)}
    groups = {group["name"]: group for group in parameter_groups(model, rates)}
    assert groups["layer1"]["params"] == [model.layer1.weight]
    assert groups["layer10"]["params"] == [model.layer10.weight]
    assert groups["layer10, no decay"]["lr"] == 10e-3
    rates.pop("layer10")
    with told(r"2 of 20 parameters are in no group and would never move: layer10\.weight, layer10\.bias"):
        parameter_groups(model, rates)


def test_a_part_can_be_a_single_parameter():
    model = OnlyAScale()
    groups = parameter_groups(model, {"scale": 1e-2, "fc": 1e-3}, weight_decay=0.1)
    assert [(group["name"], group["weight_decay"]) for group in groups] == [
        ("scale, no decay", 0.0),
        ("fc", 0.1),
        ("fc, no decay", 0.0),
    ]


class OneRow(nn.Module):
    """A `weight` of any shape, as a norm of one's own has it."""

    def __init__(self, *shape: int):
        super().__init__()
        self.weight, self.bias = nn.Parameter(torch.ones(shape)), nn.Parameter(torch.zeros(shape))


class Mixed(nn.Module):
    """What is a matrix and yet gets no weight decay, beside what gets it."""

    def __init__(self):
        super().__init__()
        self.linear, self.conv, self.up = nn.Linear(4, 4), nn.Conv2d(4, 4, 3), nn.ConvTranspose2d(4, 4, 3)
        self.attention = nn.MultiheadAttention(4, 2)
        self.picture_norm, self.rms = nn.LayerNorm((4, 6, 6)), nn.RMSNorm((4, 6))
        self.batch_norm, self.group_norm, self.prelu = nn.BatchNorm2d(4), nn.GroupNorm(2, 4), nn.PReLU(4)
        self.places, self.bag = nn.Embedding(9, 4), nn.EmbeddingBag(9, 4)
        self.normed_places = weight_norm(nn.Embedding(9, 4))
        self.own_norm, self.own_matrix = OneRow(1, 4, 1, 1), OneRow(4, 4)
        self.token, self.layer_scale = nn.Parameter(torch.zeros(1, 1, 4)), nn.Parameter(torch.ones(4, 1, 1))


def test_weights_of_layers_decay_and_nothing_else():
    model = Mixed()
    names = {id(p): name for name, p in model.named_parameters()}
    rates = {name: 1e-3 for name, _ in model.named_children()} | {"token": 1e-3, "layer_scale": 1e-3}
    groups = parameter_groups(model, rates, weight_decay=0.1)
    assert {names[id(p)] for group in groups if group["weight_decay"] for p in group["params"]} == {
        "linear.weight",
        "conv.weight",
        "up.weight",
        "attention.in_proj_weight",
        "attention.out_proj.weight",
        "own_matrix.weight",
    }
    assert held(groups) == all_of(model)


class Times(nn.Module):
    """The weight times a scale: one number, or one a row."""

    def __init__(self, *shape: int):
        super().__init__()
        self.scale = nn.Parameter(torch.ones(shape))

    def forward(self, weight: Tensor) -> Tensor:
        return weight * self.scale


class DirectionAndScale(nn.Module):
    """Weight norm of one's own, in the other order."""

    def forward(self, direction: Tensor, scale: Tensor) -> Tensor:
        return direction * scale

    def right_inverse(self, weight: Tensor) -> tuple[Tensor, Tensor]:
        scale = weight.norm(dim=1, keepdim=True)
        return weight / scale, scale


class LowRank(nn.Module):
    def __init__(self):
        super().__init__()
        self.down, self.up = nn.Parameter(torch.zeros(2, 6)), nn.Parameter(torch.zeros(5, 2))

    def forward(self, weight: Tensor) -> Tensor:
        return weight + self.up @ self.down


def parametrized(layer: nn.Module, by: nn.Module, name: str = "weight") -> nn.Module:
    register_parametrization(layer, name, by)
    return layer


def old_weight_norm(layer: nn.Module, name: str = "weight", dim: int | None = 0) -> nn.Module:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)
        return nn.utils.weight_norm(layer, name, dim)


IN = "parametrizations.weight"
DECAYED = {
    "a head with one class": (lambda: nn.Linear(6, 1), {"weight"}),
    "a convolution with one number": (lambda: nn.Conv2d(1, 1, 1), {"weight"}),
    "weight norm": (lambda: weight_norm(nn.Linear(6, 5)), {f"{IN}.original1"}),
    "weight norm, one scale": (lambda: weight_norm(nn.Linear(6, 5), dim=None), {f"{IN}.original1"}),
    "weight norm, a scale a column": (lambda: weight_norm(nn.Linear(6, 5), dim=1), {f"{IN}.original1"}),
    "weight norm, one class": (lambda: weight_norm(nn.Linear(6, 1)), {f"{IN}.original1"}),
    "weight norm, one feature": (lambda: weight_norm(nn.Linear(1, 5)), {f"{IN}.original1"}),
    "weight norm of a convolution": (lambda: weight_norm(nn.Conv2d(3, 5, 3)), {f"{IN}.original1"}),
    "weight norm of a norm": (lambda: weight_norm(nn.LayerNorm((4, 6))), set()),
    "weight norm of attention": (
        lambda: weight_norm(nn.MultiheadAttention(4, 2), "in_proj_weight"),
        {"parametrizations.in_proj_weight.original1", "out_proj.weight"},
    ),
    "old weight norm": (lambda: old_weight_norm(nn.Linear(6, 5)), {"weight_v"}),
    "old weight norm, one scale": (lambda: old_weight_norm(nn.Linear(6, 5), dim=None), {"weight_v"}),
    "old weight norm, a scale a column": (lambda: old_weight_norm(nn.Linear(6, 5), dim=1), {"weight_v"}),
    "old weight norm of an LSTM": (
        lambda: old_weight_norm(nn.LSTM(6, 5), "weight_hh_l0"),
        {"weight_ih_l0", "weight_hh_l0_v"},
    ),
    "spectral norm": (lambda: spectral_norm(nn.Linear(6, 5)), {f"{IN}.original"}),
    "old spectral norm": (lambda: nn.utils.spectral_norm(nn.Linear(6, 5)), {"weight_orig"}),
    "pruned": (lambda: prune.l1_unstructured(nn.Linear(6, 5), "weight", 0.5), {"weight_orig"}),
    "a number in a parametrization": (lambda: parametrized(nn.Linear(6, 5), Times()), {f"{IN}.original"}),
    "a scale in a parametrization": (lambda: parametrized(nn.Linear(6, 5), Times(5, 1)), {f"{IN}.original"}),
    "own weight norm": (lambda: parametrized(nn.Linear(6, 5), DirectionAndScale()), {f"{IN}.original0"}),
    "a parametrized bias": (lambda: parametrized(nn.Linear(6, 5), Times(), "bias"), {"weight"}),
    "low-rank": (
        lambda: parametrized(nn.Linear(6, 5), LowRank()),
        {f"{IN}.original", f"{IN}.0.down", f"{IN}.0.up"},
    ),
    "an LSTM": (
        lambda: nn.LSTM(6, 5, bidirectional=True, proj_size=2),
        {f"weight_{kind}_l0{way}" for kind in ("ih", "hh", "hr") for way in ("", "_reverse")},
    ),
    "a GRU of one feature": (lambda: nn.GRU(1, 5), {"weight_ih_l0", "weight_hh_l0"}),
    "a GRU's cell": (lambda: nn.GRUCell(6, 5), {"weight_ih", "weight_hh"}),
    "attention with biases": (
        lambda: nn.MultiheadAttention(4, 2, kdim=3, add_bias_kv=True),
        {"q_proj_weight", "k_proj_weight", "v_proj_weight", "out_proj.weight"},
    ),
    "bilinear": (lambda: nn.Bilinear(6, 5, 1), {"weight"}),
    "a bag of embeddings": (lambda: nn.EmbeddingBag(6, 5), set()),
    "own norm": (lambda: OneRow(1, 8, 1, 1), set()),
    "a layer called parametrizations": (
        lambda: nn.Sequential(OrderedDict(parametrizations=nn.Sequential(nn.Linear(6, 5)))),
        {"parametrizations.0.weight"},
    ),
}


@pytest.mark.parametrize("inside", ["", "0."], ids=["itself", "in a row"])
@pytest.mark.parametrize("case", DECAYED)
def test_weights_decay_and_their_scales_do_not(case, inside):
    make, decayed = DECAYED[case]
    model = nn.Sequential(make()) if inside else make()
    before = {name: value.clone() for name, value in model.state_dict().items()}
    names = {id(p): name for name, p in model.named_parameters()}
    groups = parameter_groups(model, {"all": 1e-3}, {"all": list(names.values())}, weight_decay=0.1)
    pulled = {names[id(p)] for group in groups if group["weight_decay"] for p in group["params"]}
    assert pulled == {inside + name for name in decayed}
    assert held(groups) == all_of(model)
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())


def test_a_weight_in_a_parametrization_decays_and_its_scale_does_not():
    model = nn.Sequential(nn.Flatten(), nn.utils.parametrizations.weight_norm(nn.Linear(12, 3)), nn.Linear(1, 3))
    groups = parameter_groups(model, {"1": 1e-3, "2": 1e-3}, weight_decay=0.1)
    shapes = {group["name"]: [list(p.shape) for p in group["params"]] for group in groups}
    assert shapes == {
        "1": [[3, 12]],
        "1, no decay": [[3], [3, 1]],
        "2": [[3, 1]],
        "2, no decay": [[3]],
    }


def test_frozen_parameters_and_parts_are_left_out():
    model = meta_network("resnet18")
    for frozen in (model.conv1, model.bn1, model.layer1):
        freeze(frozen)
    stages = stages_of(model, 9)
    groups = parameter_groups(model, dict.fromkeys(stages, 1e-3), stages)
    assert held(groups) == all_of(model)
    assert {group["name"].removesuffix(", no decay") for group in groups} == set(stages) - {
        f"stage {i}" for i in (1, 2, 3)
    }
    assert held(parameter_groups(model, {f"layer{i}": 1e-3 for i in (1, 2, 3, 4)} | {"fc": 1e-2})) == all_of(model)
    with told("every parameter of ResNet is frozen"):
        parameter_groups(freeze(model), dict.fromkeys(stages, 1e-3), stages)


def test_parts_and_rates_that_do_not_belong_together():
    model = nn.Sequential(nn.Linear(4, 4), nn.Linear(4, 3))
    parts = {"a": ["0.weight", "0.bias"], "b": ["1.weight", "1.bias"]}
    with told("parts b lack a rate or a list"):
        parameter_groups(model, {"a": 1e-3}, parts)
    with told("parts c lack a rate or a list"):
        parameter_groups(model, {"a": 1e-3, "b": 1e-3, "c": 1e-3}, parts)
    with told(r"Sequential has no parameter 1\.weigth: make the parts anew"):
        parameter_groups(model, {"a": 1e-3, "b": 1e-3}, {**parts, "b": ["1.weigth", "1.bias"]})
    with told(r"in no group and would never move: 1\.bias"):
        parameter_groups(model, {"a": 1e-3, "b": 1e-3}, {**parts, "b": ["1.weight"]})
    with told(r"0\.bias would be in two groups"):
        parameter_groups(model, {"a": 1e-3, "b": 1e-3}, {**parts, "b": ["1.weight", "1.bias", "0.bias"]})
    with told(r"1\.weight would be in two groups"):
        parameter_groups(model, {"a": 1e-3, "b": 1e-3}, {**parts, "b": ["1.weight", "1.bias", "1.weight"]})
    with told("no parameter of Sequential lies under b"):
        parameter_groups(model, {"a": 1e-3, "b": 1e-3}, {**parts, "b": []})


@pytest.mark.parametrize("part", ["2", "layer1", "", "0.weigh", "0."])
def test_a_part_that_the_network_has_not(part):
    model = nn.Sequential(nn.Linear(4, 4), nn.Linear(4, 3), nn.ReLU())
    with told("no parameter of Sequential lies under"):
        parameter_groups(model, {"0": 1e-3, "1": 1e-3, part: 1e-3})


@pytest.mark.parametrize("rates", [1e-3, None, ["fc"], "fc"])
def test_rates_without_names(rates):
    with told("rates says which part learns at which rate"):
        parameter_groups(nn.Linear(4, 3), rates)


TWO = nn.Sequential(nn.Linear(4, 4), nn.Linear(4, 3))


@pytest.mark.parametrize("parts", [["a"], "a", TWO, 1.0, list(TWO.parameters())])
def test_parts_without_names(parts):
    with told("parts says which parameters are in which part"):
        parameter_groups(TWO, {"a": 1e-3}, parts)


@pytest.mark.parametrize("names", [None, "0.weight", 1, torch.zeros(3, 3), torch.tensor(0.0), nn.Linear(4, 4)])
def test_a_part_that_is_no_list(names):
    with told("part a is a list of parameters' names, not"):
        parameter_groups(TWO, {"a": 1e-3}, {"a": names})


@pytest.mark.parametrize("names", [list(TWO.parameters()), TWO, [0], [None], ["0.weight", torch.zeros(3, 3)], [["0"]]])
def test_a_part_that_lists_something_else_than_names(names):
    with told("part a lists parameters by name, as"):
        parameter_groups(TWO, {"a": 1e-3}, {"a": names})


def test_a_part_may_list_its_names_in_any_way():
    names = dict(TWO.named_parameters())
    for listed in (tuple(names), names.keys(), set(names), iter(names), names):
        assert held(parameter_groups(TWO, {"a": 1e-3}, {"a": listed})) == all_of(TWO)


@pytest.mark.parametrize("part", [0, None, ("0", "1"), torch.zeros(3, 3), TWO[0]])
def test_a_part_whose_name_is_none(part):
    names = [name for name, _ in TWO.named_parameters()]
    with told("a part has a name, such as"):
        parameter_groups(TWO, {part: 1e-3, "1": 1e-3})
    with told("a part has a name, such as"):
        parameter_groups(TWO, {"a": 1e-3}, {"a": names, part: []})


def test_a_network_without_parameters():
    with told("ReLU has no parameters: pass the whole network"):
        parameter_groups(nn.ReLU(), {})


@pytest.mark.parametrize("model", [None, "resnet18", nn.Linear])
def test_no_network(model):
    for use in (
        layers_of,
        lambda model: layers_of(model, Head(("fc",), nn.Linear, 4, 3)),
        stages_of,
        lambda model: layerwise_rates(model, 1e-3, 0.5),
        lambda model: parameter_groups(model, {"fc": 1e-3}),
    ):
        with told(r"an nn\.Module"):
            use(model)


def test_a_lazy_layer_is_told():
    model = nn.Sequential(nn.LazyLinear(3))
    with told(r"0\.weight has no shape yet"):
        parameter_groups(model, {"0": 1e-3})
    with told(r"0\.weight has no shape yet"):
        layers_of(model, Head(("0",), nn.Linear, 4, 3))


# At work ------------------------------------------------------------------------------------------


def trained() -> nn.Sequential:
    torch.manual_seed(0)
    return nn.Sequential(
        OrderedDict(
            conv=nn.Conv2d(3, 4, 3),
            norm=nn.BatchNorm2d(4),
            relu=nn.SiLU(),
            block=nn.Sequential(nn.Conv2d(4, 6, 3), nn.BatchNorm2d(6), nn.SiLU()),
            pool=nn.AdaptiveAvgPool2d(1),
            flat=nn.Flatten(),
            fc=nn.Linear(6, 3),
        )
    )


def a_step(model: nn.Module, optimizer: torch.optim.Optimizer) -> None:
    optimizer.zero_grad()
    pictures = torch.randn(12, 3, 8, 8, generator=torch.Generator().manual_seed(1))
    nn.functional.cross_entropy(model(pictures), torch.arange(12) % 3).backward()
    optimizer.step()


def test_adamw_moves_each_part_at_its_own_rate():
    model = trained()
    model.block[0].weight.requires_grad_(False)
    head = find_head(model, torch.zeros(2, 3, 8, 8))
    parts = layers_of(model, head)
    assert list(parts) == ["conv", "block.0", "fc"]
    rates = layerwise_rates(model, 1e-2, 0.1, head)
    optimizer = torch.optim.AdamW(parameter_groups(model, rates, parts))
    before = {name: p.detach().clone() for name, p in model.named_parameters()}
    a_step(model, optimizer)
    for part, names in parts.items():
        for name in names:
            step = (model.get_parameter(name) - before[name]).abs().max().item()
            # AdamW's first step is the rate itself, whatever the gradient's size. A bias before a BatchNorm has none.
            if name == "block.0.weight":
                assert step == 0
            elif name not in ("conv.bias", "block.0.bias"):
                assert step == pytest.approx(rates[part], rel=0.05)


def test_weight_decay_pulls_weights_alone():
    model = trained()
    parts = {"all": [name for name, _ in model.named_parameters()]}
    optimizer = torch.optim.SGD(parameter_groups(model, {"all": 0.1}, parts, weight_decay=0.5), lr=0.1)
    before = {name: p.detach().clone() for name, p in model.named_parameters()}
    for p in model.parameters():
        p.grad = torch.zeros_like(p)
    optimizer.step()
    for name, p in model.named_parameters():
        pulled = p.ndim > 1
        torch.testing.assert_close(p.detach(), before[name] * (0.95 if pulled else 1.0))


def test_each_group_keeps_its_rate_under_a_scheduler():
    model = trained()
    groups = parameter_groups(model, {"conv": 1e-5, "norm": 1e-5, "block": 1e-4, "fc": 1e-3}, weight_decay=0.01)
    start = {group["name"]: group["lr"] for group in groups}
    optimizer = torch.optim.AdamW(groups)
    scheduler = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda epoch: 1 / (1 + epoch))
    for epoch in range(3):
        now = {group["name"]: group["lr"] for group in optimizer.param_groups}
        assert now == {name: pytest.approx(rate / (1 + epoch)) for name, rate in start.items()}
        a_step(model, optimizer)
        scheduler.step()
    assert {group["weight_decay"] for group in optimizer.param_groups} == {0.0, 0.01}
    assert len(start) == len(groups) == 7
