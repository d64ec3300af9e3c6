"""Heads: found, replaced and taken out in every network that torchvision has, in many of timm's, and told where not.

The test of all torchvision networks also holds what `groups` says about each, so that each is built once.
"""

from __future__ import annotations

import warnings
from collections import OrderedDict
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
import timm
import torch
import torchvision
from torch import Tensor, nn
from torch.nn.utils.parametrizations import weight_norm
from torchvision.models import get_model, list_models

from helpers.errors import CourseError
from helpers.models import (
    find_head,
    heads,
    layers_of,
    layerwise_rates,
    moved,
    parameter_groups,
    remove_head,
    replace_head,
    snapshot,
    stages_of,
)
from helpers.models.backbones import OFFLINE_BACKBONES
from helpers.models.counting import meta_network
from helpers.models.heads import Head

# Where the classifier of each family sits, read in torchvision's source.
PLACES = {
    "alexnet": "classifier.6",
    "convnext": "classifier.2",
    "densenet": "classifier",
    "efficientnet": "classifier.1",
    "efficientnet_lite": "classifier",
    "googlenet": "fc",
    "inception": "fc",
    "maxvit": "classifier.5",
    "mnasnet": "classifier.1",
    "mobilenet_v2": "classifier.1",
    "mobilenet_v3": "classifier.3",
    "regnet": "fc",
    "resnet": "fc",
    "resnext": "fc",
    "shufflenet": "fc",
    "squeezenet": "classifier.1",
    "swin": "head",
    "vgg": "classifier.6",
    "vit": "heads.head",
    "wide_resnet": "fc",
}
AUXILIARY = {"googlenet": ("aux1.fc2", "aux2.fc2"), "inception_v3": ("AuxLogits.fc",)}

# One small network of each family, and a side in pixels that it takes: the smaller, the quicker.
FAMILIES = {
    "alexnet": 64,
    "convnext_tiny": 64,
    "densenet121": 64,
    "efficientnet_b0": 64,
    "efficientnet_lite0": 64,
    "efficientnet_v2_s": 64,
    "googlenet": 64,
    "inception_v3": 96,
    "maxvit_t": 224,
    "mnasnet0_5": 64,
    "mobilenet_v2": 64,
    "mobilenet_v3_small": 64,
    "regnet_y_400mf": 64,
    "resnet18": 64,
    "resnext50_32x4d": 64,
    "shufflenet_v2_x0_5": 64,
    "squeezenet1_1": 64,
    "swin_t": 64,
    "swin_v2_t": 64,
    "vgg11": 64,
    "vit_b_32": 224,
    "wide_resnet50_2": 64,
}

TIMM = (
    "cait_xxs24_224",
    "convnext_atto",
    "deit_tiny_distilled_patch16_224",
    "dla34",
    "eca_nfnet_l0",
    "fastvit_t8",
    "hgnetv2_b0",
    "levit_128s",
    "mambaout_femto",
    "mixer_s32_224",
    "mobilenetv4_conv_small",
    "poolformer_s12",
    "repvit_m0_9",
    "resnetv2_50x1_bit",
    "starnet_s1",
    "swin_tiny_patch4_window7_224",
    "tiny_vit_5m_224",
    "vgg11",
    "vit_tiny_patch16_224",
)


def built(make: object, name: str, **options: object) -> nn.Module:
    """The network, without what GoogLeNet and Inception say about their initialisation."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)
        return make(name, **options)


def place_of(name: str) -> str:
    return PLACES[max((family for family in PLACES if name.startswith(family)), key=len)]


def small(*tail: nn.Module) -> nn.Sequential:
    """Pictures [n, 3, height, width] to 6 features, and what comes after them."""
    torch.manual_seed(0)
    return nn.Sequential(
        nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(4, 6), nn.ReLU(), *tail
    )


def picture(side: int = 16, channels: int = 3) -> Tensor:
    return torch.rand(2, channels, side, side, generator=torch.Generator().manual_seed(1))


def structure(model: nn.Module) -> list[tuple]:
    """Which modules and tensors the network holds, under which names, in which mode, and with how many hooks."""
    modules = [
        (name, id(module), type(module), module.training, len(module._forward_hooks), len(module._forward_pre_hooks))
        for name, module in model.named_modules(remove_duplicate=False)
    ]
    tensors = [(name, id(p), p.requires_grad) for name, p in model.named_parameters(remove_duplicate=False)]
    return modules + tensors + [(name, id(b)) for name, b in model.named_buffers(remove_duplicate=False)]


@contextmanager
def left_as_it_was(model: nn.Module) -> Iterator[None]:
    before, numbers = structure(model), snapshot(model)
    yield
    assert structure(model) == before
    assert moved(numbers, model) == []


@contextmanager
def told(match: str) -> Iterator[None]:
    """A CourseError that says so, in one line."""
    with pytest.raises(CourseError, match=match) as caught:
        yield
    assert "\n" not in str(caught.value)


@torch.no_grad()
def into(model: nn.Module, name: str, image: Tensor) -> Tensor:
    """What comes to the layer `name` in eval mode."""
    seen = []
    handle = model.get_submodule(name).register_forward_pre_hook(lambda _, inputs: seen.append(inputs[0].clone()))
    modes = {module: module.training for module in model.modules()}
    model.eval()(image)
    handle.remove()
    for module, mode in modes.items():
        module.training = mode
    return seen[0]


# Every network of torchvision ---------------------------------------------------------------------


@contextmanager
def working_order(model: nn.Module) -> Iterator[list[str]]:
    """Names of the parameters whose modules work meanwhile, each module's when it first works."""
    seen: dict[str, None] = {}

    def note(names: list[str]) -> object:
        return lambda *_: seen.update(dict.fromkeys(names))

    handles = [
        module.register_forward_pre_hook(note([f"{name}.{own}" for own, _ in module.named_parameters(recurse=False)]))
        for name, module in model.named_modules()
        if name
    ]
    order: list[str] = []
    yield order
    order += seen
    for handle in handles:
        handle.remove()


@pytest.fixture
def quick_norms(monkeypatch: pytest.MonkeyPatch) -> None:
    """BatchNorm and LayerNorm that check their input's shape and give it back.

    On `meta`, where shapes alone flow, they would take three quarters of the time and do no more than that.
    """

    def batch_norm(x: Tensor, running_mean: Tensor | None, *_: object, **__: object) -> Tensor:
        assert running_mean is None or x.shape[1] == len(running_mean)
        return x

    def layer_norm(x: Tensor, shape: tuple[int, ...], *_: object, **__: object) -> Tensor:
        assert tuple(x.shape[-len(shape) :]) == tuple(shape)
        return x

    monkeypatch.setattr(nn.functional, "batch_norm", batch_norm)
    monkeypatch.setattr(nn.functional, "layer_norm", layer_norm)


def hold_to_order(layers: dict[str, list[str]], order: list[str], head: Head) -> None:
    layer_of = {name: layer for layer, names in layers.items() for name in names}
    worked = list(dict.fromkeys(layer_of[name] for name in order))
    assert worked == list(layers)
    assert worked[-1] == head.name


def hold_to_groups(model: nn.Module, head: Head) -> None:
    """Each parameter once, by identity, whatever the parts; rates that rise; decay for matrices alone."""
    layers, stages = layers_of(model, head), stages_of(model, 4, head)
    assert list(stages) == ["stage 1", "stage 2", "stage 3", "stage 4", "head"]
    rates = layerwise_rates(model, 1e-3, 0.8, head)
    values = list(rates.values())
    assert values == sorted(set(values))
    assert values[-1] == 1e-3
    matrices = {id(m.weight) for m in model.modules() if isinstance(m, nn.Linear | nn.Conv2d)}
    matrices |= {id(m.in_proj_weight) for m in model.modules() if isinstance(m, nn.MultiheadAttention)}
    parameters = dict(model.named_parameters())
    for parts, at in ((layers, rates), (stages, dict.fromkeys(stages, 1e-4))):
        assert sorted(name for names in parts.values() for name in names) == sorted(parameters)
        groups = parameter_groups(model, at, parts, weight_decay=0.05)
        held = [p for group in groups for p in group["params"]]
        assert sorted(map(id, held)) == sorted(map(id, parameters.values()))
        decays = {id(p): group["weight_decay"] for group in groups for p in group["params"]}
        assert {held for held, decay in decays.items() if decay == 0.05} == matrices
        assert {decay for held, decay in decays.items() if held not in matrices} <= {0.0}
        rate = {id(p): group["lr"] for group in groups for p in group["params"]}
        assert all(rate[id(parameters[name])] == at[part] for part, names in parts.items() for name in names)


@pytest.mark.parametrize("name", [*list_models(module=torchvision.models), *OFFLINE_BACKBONES])
def test_every_torchvision_network(name, monkeypatch, quick_norms):
    model = built(meta_network, name)
    side = 299 if name == "inception_v3" else getattr(model, "image_size", 224)
    image = torch.zeros(2, 3, side, side, device="meta")
    found: list[Head] = []
    monkeypatch.setattr(heads, "find_head", lambda *given: found.append(find_head(*given)) or found[0])
    with working_order(model) as order:
        assert replace_head(model, 7, image=image if name == "inception_v3" else None) is model

    (head,) = found
    assert head.names == (place_of(name),)
    assert (head.classes, head.auxiliary) == (1000, AUXILIARY.get(name, ()))
    assert head.kind is (nn.Conv2d if name.startswith("squeezenet") else nn.Linear)
    new = model.get_submodule(head.name)
    assert type(new) is head.kind
    assert tuple(new.weight.shape[:2]) == (7, head.width)
    if head.auxiliary:
        assert [tuple(logits.shape) for logits in model.train()(image)] == [(2, 7)] * (1 + len(head.auxiliary))
    hold_to_order(layers_of(model, head), order, head)
    hold_to_groups(model, head)


# With real numbers --------------------------------------------------------------------------------


@pytest.mark.parametrize(("name", "side"), FAMILIES.items())
def test_what_goes_into_the_head_stays_the_same(name, side):
    torch.manual_seed(0)
    model = built(get_model, name, weights=None).train()
    for module in model.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.eval()  # a mode of its own, that must come back
    place, image = place_of(name), picture(side)
    changed = (place, *AUXILIARY.get(name, ()))
    modes = [(name, module.training) for name, module in model.named_modules()]
    numbers = {key: value for key, value in snapshot(model).items() if not key.startswith(changed)}
    identities = {key: id(p) for key, p in model.named_parameters() if key in numbers}
    before = into(model, place, image)

    replace_head(model, 7, image=image)

    assert torch.equal(into(model, place, image), before)
    assert moved(numbers, model) == []
    assert identities == {key: id(p) for key, p in model.named_parameters() if key in numbers}
    assert modes == [(name, module.training) for name, module in model.named_modules()]
    assert all(not m._forward_hooks and not m._forward_pre_hooks for m in model.modules())
    assert all(model.get_submodule(auxiliary).out_features == 7 for auxiliary in AUXILIARY.get(name, ()))
    with torch.no_grad():
        assert model.eval()(image).shape == (2, 7)


@pytest.mark.parametrize(
    ("name", "width"),
    [
        ("resnet18", 512),
        ("efficientnet_lite0", 1280),
        ("mobilenet_v3_small", 1024),
        ("convnext_tiny", 768),
        ("squeezenet1_1", 512),
    ],
)
def test_a_head_comes_off_and_leaves_the_features_that_it_got(name, width):
    torch.manual_seed(0)
    model, image = get_model(name, weights=None).eval(), picture(64)
    features = into(model, place_of(name), image)
    without, found = remove_head(model, image)
    assert without is model
    assert found == width
    with torch.no_grad():
        given = model(image)
    assert given.shape == (2, width)
    if name != "squeezenet1_1":  # its features pass a ReLU and the pooling after the classifier's place
        assert torch.equal(given, features)


@pytest.mark.parametrize("name", ["alexnet", "vgg11", "mobilenet_v3_small", "resnet18"])
def test_a_head_that_has_come_off_does_not_come_off_again(name, quick_norms):
    """A cell that is run twice must not take out the trained layer before the classifier."""
    bare, width = remove_head(get_model(name, weights=None), torch.zeros(1, 3, 64, 64))
    before = list(bare.state_dict())
    for again in (find_head, remove_head, lambda model, image: replace_head(model, 3, image=image)):
        with pytest.raises(CourseError, match="has been taken out"):
            again(bare, torch.zeros(1, 3, 64, 64))
    assert list(bare.state_dict()) == before
    topped = nn.Sequential(bare, nn.Linear(width, 4))
    assert find_head(topped, torch.zeros(1, 3, 64, 64)).name == "1"


def test_a_head_comes_off_a_vision_transformer():
    model, width = remove_head(meta_network("vit_b_16"))
    assert width == 768
    assert model(torch.zeros(2, 3, 224, 224, device="meta")).shape == (2, 768)


# timm ---------------------------------------------------------------------------------------------


def layers_within(classifier: object) -> set[nn.Module]:
    """The linear layers (or convolutions) of what timm calls a network's classifier: one, or two in a tuple."""
    parts = classifier if isinstance(classifier, tuple) else (classifier,)
    return {m for part in parts for m in part.modules() if isinstance(m, nn.Linear | nn.Conv2d)}


@pytest.mark.parametrize("name", TIMM)
def test_timm_calls_the_same_layer_its_classifier(name, quick_norms):
    with torch.device("meta"):
        model = timm.create_model(name, pretrained=False).eval()
    theirs = layers_within(model.get_classifier())
    head = find_head(model)
    assert {model.get_submodule(name) for name in head.names} == theirs
    assert head.classes == model.num_classes
    hold_to_groups_of_timm(model, head)
    replace_head(model, 7)
    with torch.no_grad():
        assert model(torch.zeros(2, *model.default_cfg["input_size"], device="meta")).shape == (2, 7)


def hold_to_groups_of_timm(model: nn.Module, head: Head) -> None:
    layers = layers_of(model, head)
    groups = parameter_groups(model, layerwise_rates(model, 1e-3, 0.7, head), layers, weight_decay=0.1)
    assert sorted(id(p) for group in groups for p in group["params"]) == sorted(map(id, model.parameters()))
    assert all(p.ndim > 1 for group in groups if group["weight_decay"] for p in group["params"])


@pytest.mark.parametrize("name", ["mobilenetv3_small_050", "vgg11"])
def test_a_network_of_timm_without_classifier_is_told_within_another(name):
    with torch.device("meta"):
        model = nn.Sequential(nn.Identity(), timm.create_model(name, pretrained=False, num_classes=0))
    before = structure(model)
    with told("has been taken out"):
        replace_head(model, 7)
    assert structure(model) == before
    topped = nn.Sequential(*model, nn.Linear(model[1].head_hidden_size, 4, device="meta"))
    assert find_head(topped).names == ("2",)


@pytest.mark.parametrize("name", ["efficientvit_m0", "shvit_s1"])
def test_a_network_of_timm_that_cannot_name_its_classifier_is_told(name):
    with torch.device("meta"):
        model = timm.create_model(name, pretrained=False, num_classes=0)
    with told("are not what one linear layer gives"):
        find_head(model)


def with_attributes(**attributes: object) -> nn.Module:
    return type("Own", (nn.Sequential,), attributes)(*small(nn.Linear(6, 5)))


@pytest.mark.parametrize(
    "attributes",
    [
        {"get_classifier": "fc"},
        {"get_classifier": lambda self, task: self[task]},
        {"image_size": -3},
        {"image_size": (16, 16)},
        {"default_cfg": {"input_size": ("a", 16, 16)}},
        {"default_cfg": {"input_size": (16, 16)}},
        {"default_cfg": {"input_size": 16}},
    ],
)
def test_attributes_that_mean_something_else_than_in_timm_and_torchvision(attributes):
    assert find_head(with_attributes(**attributes)).names == ("6",)


def test_distilled_networks_have_two_heads_side_by_side(quick_norms):
    with torch.device("meta"):
        model = timm.create_model("deit_tiny_distilled_patch16_224", pretrained=False)
    assert find_head(model).names == ("head", "head_dist")
    remove_head(model)
    assert isinstance(model.head, nn.Identity)
    assert isinstance(model.head_dist, nn.Identity)


@pytest.mark.parametrize("name", ["mobilenetv3_small_050", "vgg11", "resnet18", "vit_tiny_patch16_224"])
def test_a_network_of_timm_without_classifier_is_told(name):
    # VGG and MobileNetV3 end in a layer that was trained and an activation: nothing else tells it from a classifier
    with torch.device("meta"):
        model = timm.create_model(name, pretrained=False, num_classes=0)
    before = structure(model)
    for use in (find_head, remove_head, lambda model: replace_head(model, 7)):
        with told("has been taken out"):
            use(model)
    assert structure(model) == before


def test_heads_of_different_widths_are_told(quick_norms):
    with torch.device("meta"):
        model = timm.create_model("crossvit_9_240", pretrained=False)
    before = structure(model)
    with told("are not what one linear layer gives"):
        replace_head(model, 7)
    assert structure(model) == before


# Where it cannot ----------------------------------------------------------------------------------


class Net(nn.Module):
    """`small()` features, and an end that a test chooses."""

    def __init__(self, **layers: nn.Module):
        super().__init__()
        self.body = small()
        for name, layer in layers.items():
            setattr(self, name, layer)

    def forward(self, x: Tensor) -> object:
        return self.end(self.body(x))


class GivesATuple(Net):
    def end(self, features: Tensor) -> object:
        return self.fc(features), features


class GivesADict(Net):
    def end(self, features: Tensor) -> object:
        return OrderedDict(logits=self.fc(features))


class RawMatrix(Net):
    def __init__(self, classes: int):
        super().__init__()
        self.weight = nn.Parameter(torch.randn(6, classes))

    def end(self, features: Tensor) -> Tensor:
        return features @ self.weight


class Cosine(RawMatrix):
    def end(self, features: Tensor) -> Tensor:
        return nn.functional.normalize(features) @ nn.functional.normalize(self.weight, dim=0)


class Repeats(Net):
    """One layer, used twice in a row."""

    def end(self, features: Tensor) -> Tensor:
        return self.fc(self.fc(features).relu())


class Residual(Net):
    def end(self, features: Tensor) -> Tensor:
        return features + self.fc(features)


class Cubed(Net):
    def end(self, features: Tensor) -> Tensor:
        return self.fc(features) ** 3


class InATuple(Net):
    """A tuple holds the same layers once more, and they work from there."""

    def __init__(self, classes: int):
        super().__init__(fc=nn.Linear(6, classes))
        self.steps = (self.body, self.fc)

    def forward(self, x: Tensor) -> Tensor:
        for step in self.steps:
            x = step(x)
        return x


class Text(nn.Module):
    def __init__(self):
        super().__init__()
        self.table = nn.Embedding(50, 6)
        self.fc = nn.Linear(6, 5)

    def forward(self, tokens: Tensor) -> Tensor:
        return self.fc(self.table(tokens).mean(1))


class AsksForAName(nn.Module):
    """A network that raises what torch never does."""

    def __init__(self):
        super().__init__()
        self.fc = nn.Linear(6, 5)

    def forward(self, batch: dict) -> Tensor:
        return self.fc(batch.pixels)


NOT_ONE = "are not what one linear layer gives"
CANNOT = {
    "a tuple": (lambda: GivesATuple(fc=nn.Linear(6, 5)), "gives a tuple and no logits"),
    "a dict": (lambda: GivesADict(fc=nn.Linear(6, 5)), "gives an OrderedDict and no logits"),
    "a map of classes": (lambda: nn.Sequential(nn.Conv2d(3, 5, 1)), r"a tensor \[2, 5, 16, 16\] and no logits"),
    "a matrix of its own": (lambda: RawMatrix(5), rf"{NOT_ONE} .*body\.4, with 6 outputs"),
    "such a matrix, as wide as the logits": (lambda: RawMatrix(6), NOT_ONE),
    "cosines": (lambda: Cosine(6), NOT_ONE),
    "one layer twice in a row": (lambda: Repeats(fc=nn.Linear(6, 6)), NOT_ONE),
    "a sum with the features": (lambda: Residual(fc=nn.Linear(6, 6)), NOT_ONE),
    "a norm after the classifier": (lambda: small(nn.Linear(6, 5), nn.LayerNorm(5)), NOT_ONE),
    "BatchNorm after it": (lambda: small(nn.Linear(6, 5), nn.BatchNorm1d(5)), NOT_ONE),
    "a softmax after it": (
        lambda: small(nn.Linear(6, 5), nn.Softmax(dim=1)),
        r"ends with an activation \(Softmax\) behind its last layer 6, and cross-entropy wants logits",
    ),
    "a softmax over the wrong axis": (lambda: small(nn.Linear(6, 5), nn.Softmax(dim=0)), "ends with an activation"),
    "a sigmoid": (lambda: small(nn.Linear(6, 1), nn.Sigmoid()), r"an activation \(Sigmoid\) behind its last layer 6"),
    "a tanh": (lambda: small(nn.Linear(6, 5), nn.Tanh()), r"an activation \(Tanh\)"),
    "a ReLU": (lambda: small(nn.Linear(6, 2), nn.ReLU(inplace=True)), r"an activation \(ReLU\)"),
    "a softplus": (lambda: small(nn.Linear(6, 5), nn.Softplus()), r"an activation \(Softplus\)"),
    "a hardswish": (lambda: small(nn.Linear(6, 5), nn.Hardswish()), r"an activation \(Hardswish\)"),
    "a function of its own": (lambda: Cubed(fc=nn.Linear(6, 5)), r"an activation \(of no known name\)"),
    "a convolution and a sigmoid, pooled": (
        lambda: nn.Sequential(nn.Conv2d(3, 5, 1), nn.Sigmoid(), nn.AdaptiveAvgPool2d(1), nn.Flatten()),
        r"an activation \(Sigmoid\) behind its last layer 0",
    ),
    "no linear layer": (
        lambda: nn.Sequential(nn.BatchNorm2d(3), nn.AdaptiveAvgPool2d(1), nn.Flatten()),
        "no linear layer worked",
    ),
    "an embedding": (Text, r"cannot take an image \[2, 3, 16, 16\]"),
    "an exception that torch never raises": (AsksForAName, "cannot take an image .*pixels"),
    "no parameters": (lambda: nn.Sequential(nn.Flatten(), nn.ReLU()), "has no parameters"),
    "one layer and no network": (lambda: nn.Linear(16, 16), "gives a tensor"),
}


@pytest.mark.parametrize(("make", "match"), CANNOT.values(), ids=list(CANNOT))
def test_a_network_whose_classifier_cannot_be_replaced(make, match):
    model = make().train()
    for use in (find_head, remove_head, lambda model, image: replace_head(model, 7, image=image)):
        with left_as_it_was(model), told(match):
            use(model, picture())


def test_logits_that_happen_to_sum_to_one_are_logits():
    model = small(nn.Linear(6, 3))
    with torch.no_grad():
        model[6].weight.zero_()
        model[6].bias.copy_(torch.tensor([0.2, 0.5, 0.3]))
    assert find_head(model, picture()).classes == 3
    logs = small(nn.Linear(6, 5), nn.LogSoftmax(dim=1))  # cross-entropy takes these as well
    assert find_head(logs, picture()).names == ("6",)


class Shared(Net):
    """Two classifiers, whose mean is divided by a temperature."""

    def end(self, features: Tensor) -> Tensor:
        return (self.fc(features) + self.again(features)).unsqueeze(1).squeeze(1) / 8


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float32])
def test_what_is_linear_in_the_logits_is_no_activation(dtype):
    model = Shared(fc=nn.Linear(6, 5), again=nn.Linear(6, 5)).to(dtype)
    assert find_head(model, picture().to(dtype)).names == ("fc", "again")
    many = small(nn.Linear(6, 1000), nn.Dropout(), nn.Identity()).to(dtype)
    assert find_head(many, picture().to(dtype)).names == ("6",)


@pytest.mark.parametrize(
    ("name", "place", "activation"),
    [
        ("alexnet", "classifier.6", "ReLU"),
        ("mobilenet_v3_small", "classifier.3", "Hardswish"),
    ],
)
def test_the_hidden_layer_before_a_classifier_that_was_taken_out_by_hand_stays(name, place, activation):
    model = get_model(name, weights=None)
    model.set_submodule(place, nn.Identity())
    with left_as_it_was(model), told(rf"an activation \({activation}\) .* has been taken out, load it anew"):
        replace_head(model, 5, image=picture(64))


def test_one_layer_is_no_network():
    model = nn.Linear(4, 2)
    with left_as_it_was(model), told("is one layer and no network"):
        replace_head(model, 7, image=torch.zeros(2, 4))


@pytest.mark.parametrize("classes", [5, 7])
def test_a_classifier_that_works_from_another_reference_is_told(classes):
    model = InATuple(5)
    with left_as_it_was(model), told("InATuple goes on with its old classifier, which it holds elsewhere than in fc"):
        replace_head(model, classes, image=picture())
    wide = InATuple(6)
    with left_as_it_was(wide), told("holds elsewhere than in fc"):
        remove_head(wide, picture())


def test_a_lazy_layer_stays_lazy():
    model = nn.Sequential(nn.Flatten(), nn.LazyLinear(5))
    with told(r"1\.weight has no shape yet"):
        replace_head(model, 7, image=picture())
    assert type(model[1]) is nn.LazyLinear


@pytest.mark.parametrize("model", [None, "resnet18", nn.Linear, [nn.Linear(4, 2)]])
def test_no_network(model):
    for use in (find_head, remove_head, lambda model: replace_head(model, 7)):
        with told(r"an nn\.Module"):
            use(model)


@pytest.mark.parametrize(
    ("name", "options", "gives"),
    [
        ("lraspp_mobilenet_v3_large", {"weights_backbone": None}, "an OrderedDict"),
        ("fcn_resnet50", {"weights_backbone": None}, "an OrderedDict"),
        ("ssdlite320_mobilenet_v3_large", {"weights_backbone": None}, "a list"),
    ],
)
def test_networks_that_segment_or_detect_are_told(name, options, gives):
    model = get_model(name, weights=None, **options)
    with left_as_it_was(model), told(f"gives {gives} and no logits"):
        replace_head(model, 7, image=picture(64))


@pytest.mark.parametrize("image", [64, (3, 64, 64), "flower.jpg", [[0.0]]])
def test_an_image_that_is_no_tensor(image):
    model = small(nn.Linear(6, 5))
    for use in (find_head, remove_head, lambda model, image: replace_head(model, 7, image=image)):
        with left_as_it_was(model), told("image is a batch of pictures as a tensor"):
            use(model, image)


class Counts(Net):
    """Buffers that move in `eval()` mode too: one in place, one replaced, one that grows."""

    def __init__(self):
        super().__init__(fc=nn.Linear(6, 5))
        self.register_buffer("runs", torch.zeros(()))
        self.register_buffer("mean", torch.zeros(6))
        self.register_buffer("low", torch.tensor([]))

    def end(self, features: Tensor) -> Tensor:
        self.runs += 1
        self.mean = 0.9 * self.mean + 0.1 * features.mean(0)
        self.low.resize_(6).copy_(features.amin(0))
        return self.fc(features)


@pytest.mark.parametrize("training", [True, False])
def test_buffers_that_move_in_eval_mode_stay(training):
    model = Counts().train(training)
    with left_as_it_was(model):
        find_head(model, picture())
    kept, numbers = dict(model.named_buffers()), snapshot(model)
    replace_head(model, 7, image=picture())
    assert all(buffer is kept[name] and torch.equal(buffer, numbers[name]) for name, buffer in model.named_buffers())


def test_one_picture_without_a_batch_is_told():
    model = nn.Sequential(nn.Conv2d(3, 4, 3), nn.AdaptiveAvgPool2d(1), nn.Flatten(0), nn.Linear(4, 5))
    with left_as_it_was(model), told(r"gives a tensor \[5\] and no logits"):
        find_head(model, picture()[0])


# Where it can -------------------------------------------------------------------------------------


def gives_seven(model: nn.Module, image: Tensor) -> nn.Module:
    with torch.no_grad():
        assert replace_head(model, 7, image=image).eval()(image).shape == (len(image), 7)
    return model


def test_another_size_and_one_channel():
    model = nn.Sequential(nn.Conv2d(1, 4, 5), nn.Flatten(), nn.Linear(4 * 24 * 24, 10))
    with left_as_it_was(model), told(r"cannot take an image \[2, 3, 224, 224\] .* image=torch\.zeros"):
        replace_head(model, 7)
    gives_seven(model, picture(28, channels=1))


def test_words_films_and_rows_of_numbers_go_in_as_well():
    gives_seven(Text(), torch.zeros(2, 9, dtype=torch.long))
    film = nn.Sequential(nn.Conv3d(3, 4, 3), nn.AdaptiveAvgPool3d(1), nn.Flatten(), nn.Linear(4, 5))
    gives_seven(film, torch.zeros(2, 3, 5, 8, 8))
    gives_seven(nn.Sequential(nn.Linear(4, 6), nn.ReLU(), nn.Linear(6, 5)), torch.zeros(2, 4))


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float64])
def test_a_new_head_has_the_dtype_of_the_old_one(dtype):
    model = gives_seven(small(nn.Linear(6, 5)).to(dtype), picture().to(dtype))
    assert model[6].weight.dtype is dtype
    assert find_head(model).width == 6  # its own picture has that type too


class TwoNames(nn.Module):
    """One classifier under two names, and the later of them works."""

    def __init__(self):
        super().__init__()
        self.body = small()
        self.fc = self.head = nn.Linear(6, 5)

    def forward(self, x: Tensor) -> Tensor:
        return self.head(self.body(x))


class TwoViews(nn.Module):
    """One classifier for the picture and for its mirror image."""

    def __init__(self):
        super().__init__()
        self.body = small()
        self.fc = nn.Linear(6, 5)

    def forward(self, x: Tensor) -> Tensor:
        return (self.fc(self.body(x)) + self.fc(self.body(x.flip(-1)))) / 2


def test_a_layer_under_two_names_goes_in_both_places():
    model = gives_seven(TwoNames(), picture())
    assert model.fc is model.head
    nested = gives_seven(nn.ModuleDict({"a": TwoNames()})["a"], picture())
    assert remove_head(nested, picture())[1] == 6
    assert isinstance(nested.fc, nn.Identity)
    assert isinstance(nested.head, nn.Identity)


def test_a_layer_that_works_twice():
    gives_seven(TwoViews(), picture())


def test_a_hidden_layer_as_wide_as_the_logits_stays():
    model = small(nn.Linear(6, 6), nn.ReLU(), nn.Linear(6, 6))
    assert find_head(model, picture()).names == ("8",)
    hidden = (model[4], model[6])
    gives_seven(model, picture())
    assert (model[4], model[6]) == hidden


class Scaled(nn.Linear):
    def forward(self, x: Tensor) -> Tensor:
        return 3 * super().forward(x)


def test_a_layer_that_derives_from_a_linear_one_and_one_with_weight_norm():
    assert type(gives_seven(small(Scaled(6, 5)), picture())[6]) is nn.Linear
    assert find_head(small(Scaled(6, 5)), picture()).kind is nn.Linear
    model = small(weight_norm(nn.Linear(6, 5)))
    assert find_head(model, picture()).kind is nn.Linear
    assert type(gives_seven(model, picture())[6]) is nn.Linear


def test_the_new_head_of_a_frozen_network_is_trainable():
    model = gives_seven(small(nn.Linear(6, 5)).requires_grad_(False), picture())
    assert [name for name, p in model.named_parameters() if p.requires_grad] == ["6.weight", "6.bias"]


def test_a_network_in_a_wrapper():
    model = nn.DataParallel(small(nn.Linear(6, 5)))
    assert find_head(model, picture()).names == ("module.6",)
    gives_seven(model, picture())


def test_a_head_that_is_exchanged_and_then_exchanged_again():
    model = replace_head(small(nn.Linear(6, 5)), 7, lambda width, classes: mlp(width, 9, classes), image=picture())
    assert find_head(model, picture()) == Head(("6.2",), nn.Linear, 9, 7)


def test_a_convolution_as_classifier_keeps_its_geometry():
    model = nn.Sequential(
        nn.Conv2d(3, 4, 3),
        nn.Conv2d(4, 5, 3, stride=2, padding=2, dilation=2, padding_mode="circular"),
        nn.AvgPool2d(7),
        nn.Flatten(),
    )
    gives_seven(model, picture())
    assert model[1].padding_mode == "circular"
    assert (model[1].stride, model[1].padding, model[1].dilation) == ((2, 2), (2, 2), (2, 2))
    with left_as_it_was(model), told(r"come from a convolution \(1\)"):
        replace_head(model, 7, mlp_for(9), image=picture())


@pytest.mark.parametrize(("kind", "pool", "axes"), [(nn.Conv1d, nn.AvgPool1d, 1), (nn.Conv3d, nn.AvgPool3d, 3)])
def test_a_convolution_over_time_or_volume_as_classifier(kind, pool, axes):
    model = nn.Sequential(kind(3, 5, 1), pool(4), nn.Flatten())
    signal = torch.rand(2, 3, *[4] * axes)
    assert find_head(model, signal) == Head(("0",), kind, 3, 5)
    assert type(gives_seven(model, signal)[0]) is kind


# Compiled networks --------------------------------------------------------------------------------


def compiled_whole(model: nn.Module) -> nn.Module:
    return torch.compile(model, backend="eager")


def compiled_in_place(model: nn.Module) -> nn.Module:
    model.compile(backend="eager")
    return model


@pytest.mark.parametrize("compiled", [compiled_whole, compiled_in_place])
def test_a_compiled_network_that_has_run_before(compiled):
    model = compiled(small(nn.Linear(6, 5))).eval()
    with torch.no_grad():
        assert model(picture()).shape == (2, 5)
    assert find_head(model, picture()).classes == 5
    with left_as_it_was(model):
        assert find_head(model, picture()).width == 6
    gives_seven(model, picture())
    torch.compiler.reset()


@pytest.mark.filterwarnings("ignore::FutureWarning")
def test_a_network_of_torchscript_is_told():
    model = torch.jit.trace(small(nn.Linear(6, 5)).eval(), picture())
    with told("is a TorchScript program, whose layers cannot be exchanged"):
        replace_head(model, 7, image=picture())


# Auxiliary classifiers ----------------------------------------------------------------------------


class DeepSupervision(nn.Module):
    """A second classifier stands beside the backbone's layers and works in train mode."""

    def __init__(self):
        super().__init__()
        self.body = small()
        self.extra = nn.Linear(6, 5)
        self.fc = nn.Linear(6, 5)

    def forward(self, x: Tensor) -> Tensor | tuple[Tensor, Tensor]:
        features = self.body(x)
        return (self.fc(features), self.extra(features)) if self.training else self.fc(features)


@pytest.mark.parametrize("wrap", [lambda model: model, lambda model: nn.Sequential(nn.Identity(), model)])
def test_an_auxiliary_classifier_beside_the_backbone(wrap):
    model = wrap(DeepSupervision())
    head = find_head(model, picture())
    assert (head.auxiliary, head.training_only) == ((head.name.replace("fc", "extra"),),) * 2
    assert set(layers_of(model, head)[head.name]) == {
        f"{name}.{kind}" for name in (head.name, *head.auxiliary) for kind in ("weight", "bias")
    }
    replace_head(model, 7, image=picture())
    assert [tuple(logits.shape) for logits in model.train()(picture())] == [(2, 7), (2, 7)]


class ManyTasks(Net):
    """A classifier for each task; one of them works, in any mode."""

    def __init__(self):
        super().__init__(heads=nn.ModuleList([nn.Linear(6, 5), nn.Linear(6, 5)]))
        self.task = 0

    def end(self, features: Tensor) -> Tensor:
        return self.heads[self.task](features)


class Projects(Net):
    """Beside the classifier a projection, which another method uses."""

    def end(self, features: Tensor) -> Tensor:
        return self.fc(features)

    def embed(self, x: Tensor) -> Tensor:
        return self.project(self.body(x))


@pytest.mark.parametrize(
    ("make", "other"),
    [
        (ManyTasks, "heads.1"),
        (lambda: Projects(project=nn.Linear(6, 5), fc=nn.Linear(6, 5)), "project"),
    ],
)
def test_a_trained_layer_that_works_in_no_mode_stays(make, other):
    model = make()
    layer = model.get_submodule(other)
    assert find_head(model, picture()).auxiliary == ()
    gives_seven(model, picture())
    assert model.get_submodule(other) is layer


class Draws(DeepSupervision):
    """Draws random numbers in either mode."""

    def forward(self, x: Tensor) -> Tensor | tuple[Tensor, Tensor]:
        return super().forward(nn.functional.dropout(x, 0.5))


def test_the_run_in_train_mode_leaves_statistics_and_random_numbers_as_they_were():
    model = Draws().train()
    model.body[1].eval()
    torch.manual_seed(3)
    before = torch.get_rng_state()
    with left_as_it_was(model):
        assert find_head(model, picture()[:1]).auxiliary == ("extra",)
    assert torch.equal(torch.get_rng_state(), before)


def test_the_parts_around_auxiliary_classifiers():
    assert find_head(built(meta_network, "googlenet")).training_only == ("aux1", "aux2")
    wrapped = nn.Sequential(nn.Identity(), built(meta_network, "inception_v3"))
    assert find_head(wrapped, torch.zeros(2, 3, 299, 299, device="meta")).training_only == ("1.AuxLogits",)


def test_layers_whose_weights_are_used_without_calling_them_are_no_classifiers():
    # Swin hands the weights of `attn.proj` to a function: no hook sees these layers, and 96 is their width
    torch.manual_seed(0)
    model = get_model("swin_t", weights=None, num_classes=96)
    assert find_head(model, picture(64)).auxiliary == ()
    gives_seven(model, picture(64))


# What is asked for --------------------------------------------------------------------------------


def mlp(width: int, hidden: int, classes: int) -> nn.Sequential:
    return nn.Sequential(nn.Linear(width, hidden), nn.ReLU(), nn.Linear(hidden, classes))


def mlp_for(hidden: int) -> object:
    return lambda width, classes: mlp(width, hidden, classes)


@pytest.mark.parametrize("classes", [0, -1, True, 2.0, None, "7", [7]])
def test_a_number_of_classes_that_is_none(classes):
    model = small(nn.Linear(6, 5))
    with left_as_it_was(model), told("a head has 1 class or more"):
        replace_head(model, classes, image=picture())


def test_one_class_is_a_class():
    model = replace_head(small(nn.Linear(6, 5)), 1, image=picture())
    assert model.eval()(picture()).shape == (2, 1)
    gives_seven(model, picture())


@pytest.mark.parametrize("training", [True, False])
def test_a_head_of_ones_own(training):
    model = small(nn.Linear(6, 5)).double().train(training)
    asked = []

    def make_head(width: int, classes: int) -> nn.Module:
        asked.append((width, classes))
        return nn.Sequential(nn.Dropout(0.5), nn.LazyLinear(9), nn.ReLU(), nn.Linear(9, classes))

    replace_head(model, 7, make_head, image=picture().double())
    assert asked == [(6, 7)]
    assert all(module.training is training for module in model.modules())
    assert all(p.dtype is torch.float64 and p.requires_grad for p in model[6].parameters())
    assert model[6][1].weight.shape == (9, 6)


def test_what_make_head_freezes_stays_frozen():
    model = small(nn.Linear(6, 5)).requires_grad_(False)
    replace_head(
        model,
        7,
        lambda width, classes: nn.Sequential(nn.Linear(width, 9).requires_grad_(False), nn.Linear(9, classes)),
        image=picture(),
    )
    trainable = [name for name, p in model.named_parameters() if p.requires_grad]
    assert trainable == ["6.1.weight", "6.1.bias"]


def raises(width: int, classes: int) -> nn.Module:
    raise KeyError("hidden")


BAD_HEADS = {
    "nothing": (lambda width, classes: None, "must give an nn.Module, not NoneType"),
    "a class": (lambda width, classes: nn.Linear, "must give an nn.Module, not type"),
    "other outputs": (lambda width, classes: nn.Linear(width, classes + 1), r"gives a tensor \[2, 8\]"),
    "other inputs": (lambda width, classes: nn.Linear(classes, classes), "fails .*mat1 and mat2"),
    "inputs and outputs exchanged": (lambda width, classes: nn.Linear(classes, width), "with the new head .* fails"),
    "a list": (lambda width, classes: nn.ModuleList([nn.Linear(width, classes)]), "with the new head .* fails"),
    "an LSTM, whose output is a tuple": (nn.LSTM, "gives a tuple"),
    "an exception": (raises, r"make_head\(6, 7\) failed \('hidden'\)"),
    "one argument": (lambda width: nn.Linear(width, 7), r"make_head\(6, 7\) failed .*positional argument"),
    "a layer and no function": (nn.Linear(6, 7), "is no Linear: pass nn.Linear itself"),
    "a number": (7, "is no int: pass nn.Linear itself"),
}


@pytest.mark.parametrize(("make_head", "match"), BAD_HEADS.values(), ids=list(BAD_HEADS))
def test_a_head_that_does_not_fit_leaves_the_network_as_it_was(make_head, match):
    model = small(nn.Linear(6, 5)).train()
    model[1].eval()
    with left_as_it_was(model), told(match):
        replace_head(model, 7, make_head, image=picture())


def test_a_layer_of_the_network_itself_is_no_new_head():
    model = small(nn.Linear(6, 5))
    for own in (model[4], model[6]):
        with left_as_it_was(model), told("with the new head"):
            replace_head(model, 7, lambda width, classes, own=own: own, image=picture())


def test_a_head_on_top_of_the_old_one():
    model = small(nn.Linear(6, 5))
    old = model[6]
    replace_head(model, 7, lambda width, classes: nn.Sequential(old, nn.ReLU(), nn.Linear(5, classes)), image=picture())
    assert model[6][0] is old
    assert find_head(model, picture()).names == ("6.2",)


def test_the_second_of_two_heads_fails_and_the_first_is_not_exchanged():
    with torch.device("meta"):
        model = timm.create_model("deit_tiny_distilled_patch16_224", pretrained=False)
    heads_to_give = iter([nn.Linear(192, 7)])
    before = structure(model)
    with told("make_head"):
        replace_head(model, 7, lambda width, classes: next(heads_to_give))
    assert structure(model) == before
