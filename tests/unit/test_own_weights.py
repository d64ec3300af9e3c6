"""A learner's own weights: what fits is loaded, what does not is told, and an error changes nothing."""

from __future__ import annotations

import io
import os
import re
from collections import OrderedDict
from collections.abc import Callable
from pathlib import Path

import pytest
import safetensors.torch
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn
from torchvision.models import DenseNet, VisionTransformer, get_model

from helpers.errors import CourseError
from helpers.models.freezing import FrozenBackbone
from helpers.models.own_weights import OwnWeights, load_own_weights


def network(classes: int = 10, width: int = 8) -> nn.Module:
    """Eleven entries: two layers with BatchNorm between, and a head `fc`."""
    return nn.Sequential(
        OrderedDict(
            conv=nn.Conv2d(3, width, 3),
            bn=nn.BatchNorm2d(width),
            pool=nn.AdaptiveAvgPool2d(1),
            flat=nn.Flatten(),
            mid=nn.Linear(width, 4),
            fc=nn.Linear(4, classes),
        )
    )


def snapshot(model: nn.Module) -> dict[str, Tensor]:
    return {name: value.clone() for name, value in model.state_dict().items()}


def same(first: dict[str, Tensor], second: dict[str, Tensor]) -> bool:
    return list(first) == list(second) and all(torch.equal(first[name], second[name]) for name in first)


def lines(report: OwnWeights) -> list[str]:
    said = str(report).splitlines()
    assert all(len(line) < 200 for line in said)
    return said


def message_of(model: str | nn.Module, file: Path, *, names: str | None = None) -> str:
    """The one line that loading gives; it names the file (or what it is about), and the network is as it was."""
    before = snapshot(model) if isinstance(model, nn.Module) else {}
    with pytest.raises(CourseError) as caught:
        load_own_weights(model, file)
    said = str(caught.value)
    assert "\n" not in said
    assert (names or str(file)) in said
    assert not before or same(before, snapshot(model))
    return said


def write(entries: dict, file: Path) -> Path:
    if file.suffix == ".safetensors":
        safetensors.torch.save_file(entries, file)
    else:
        torch.save(entries, file)
    return file


@pytest.fixture(params=[".pth", ".pt", ".safetensors"])
def file(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    return tmp_path / f"mine{request.param}"


@pytest.fixture
def pth(tmp_path: Path) -> Path:
    return tmp_path / "mine.pth"


# What fits ----------------------------------------------------------------------------------------


def test_all_of_it(file: Path) -> None:
    trained, fresh = network(), network()
    report = load_own_weights(fresh, write(trained.state_dict(), file))
    assert same(trained.state_dict(), fresh.state_dict())
    assert report.complete
    assert report.model is fresh
    assert lines(report) == [f"{file.name} into Sequential: 11 of 11 entries loaded"]


@pytest.mark.parametrize("name", ["squeezenet1_1", "efficientnet_lite0", "mobilenetv4_conv_small", "mnasnet0_5"])
def test_a_backbone_by_name(file: Path, name: str) -> None:
    """MNASNet asks for its version, which safetensors does not keep."""
    trained = get_model(name, weights=None)
    report = load_own_weights(name, str(write(trained.state_dict(), file)))
    assert report.complete
    assert report.network == name
    assert not report.model.training
    assert same(trained.state_dict(), report.model.state_dict())


def test_a_name_that_ends_like_a_date_is_no_hash(tmp_path: Path) -> None:
    file = write(network().state_dict(), tmp_path / "flowers-20260101.pth")
    assert load_own_weights(network(), file).complete


@pytest.mark.parametrize(
    ("name", "layer"),
    [
        ("resnet18", "fc"),
        ("squeezenet1_1", "classifier.1"),
        ("mobilenet_v3_small", "classifier.3"),
        ("efficientnet_lite0", "classifier"),
        ("mobilenetv4_conv_small", "classifier"),
        ("tiny_vit_5m", "head.fc"),
    ],
)
def test_a_head_for_other_classes(pth: Path, name: str, layer: str) -> None:
    trained = get_model(name, weights=None, num_classes=5)
    report = load_own_weights(name, write(trained.state_dict(), pth))
    assert report.head == (layer, 5, 1000)
    assert not report.complete
    said = lines(report)
    assert said[1] == "the head in the file has 5 classes, the network 1000: it stays as it was"
    assert len(said) == 2
    assert {layer == other.rpartition(".")[0] for other in report.other_shape} == {True}
    ours, theirs = report.model.state_dict(), trained.state_dict()
    assert all(torch.equal(ours[loaded], theirs[loaded]) for loaded in report.loaded)
    assert len(report.loaded) + len(report.other_shape) == len(ours)


def test_other_shapes_are_no_head(pth: Path) -> None:
    trained, fresh = network(width=16), network()
    before = snapshot(fresh)
    report = load_own_weights(fresh, write(trained.state_dict(), pth))
    assert report.head is None
    assert report.other_shape["mid.weight"] == ((4, 16), (4, 8))
    assert set(report.loaded) == {"bn.num_batches_tracked", "mid.bias", "fc.weight", "fc.bias"}
    assert lines(report)[1] == (
        "of another shape, not loaded: conv.weight (file [16, 3, 3, 3], network [8, 3, 3, 3]), "
        "conv.bias (file [16], network [8]), bn.weight (file [16], network [8]) and 4 more"
    )
    assert all(torch.equal(before[name], fresh.state_dict()[name]) for name in report.other_shape)


def test_a_head_that_reads_other_features_is_told_with_both_shapes(pth: Path) -> None:
    trained = {**network().state_dict(), "fc.weight": torch.zeros(5, 6), "fc.bias": torch.zeros(5)}
    report = load_own_weights(network(), write(trained, pth))
    assert report.head is None
    assert "fc.weight (file [5, 6], network [10, 4])" in str(report)


def test_missing_and_unknown_names(file: Path) -> None:
    entries = {name: value for name, value in network().state_dict().items() if not name.startswith("bn.")}
    fresh = network()
    before = snapshot(fresh)
    report = load_own_weights(fresh, write(entries | {"ema.decay": torch.ones(1)}, file))
    # Files without versions may be from before BatchNorm had a counter, and torch does not miss it.
    assert report.missing == ("bn.weight", "bn.bias", "bn.running_mean", "bn.running_var")
    assert report.unknown == ("ema.decay",)
    assert lines(report)[1:] == [
        "not in the file, left as they were: bn.weight, bn.bias, bn.running_mean and 1 more",
        "not in the network, left out: ema.decay",
    ]
    assert torch.equal(before["bn.weight"], fresh.state_dict()["bn.weight"])


@pytest.mark.parametrize("kind", [torch.float16, torch.bfloat16, torch.float64, torch.float8_e4m3fn])
def test_other_types_are_converted_with_a_word(pth: Path, kind: torch.dtype) -> None:
    entries = {
        name: value.to(kind) if value.is_floating_point() else value for name, value in network().state_dict().items()
    }
    fresh = network()
    report = load_own_weights(fresh, write(entries, pth))
    assert report.complete
    assert {value.dtype for value in fresh.parameters()} == {torch.float32}
    assert lines(report)[1:] == [f"converted from {str(kind).removeprefix('torch.')} to float32"]


@pytest.mark.parametrize("bad", [float("nan"), float("inf")])
def test_numbers_that_are_none_are_reported(file: Path, bad: float) -> None:
    entries = network().state_dict()
    entries["mid.weight"][0, 0] = bad
    report = load_own_weights(network(), write(entries, file))
    assert report.not_finite == ("mid.weight",)
    assert lines(report)[-1] == "NaN or infinity in: mid.weight"


def test_numbers_too_large_for_the_networks_type_are_reported(pth: Path) -> None:
    entries = network().state_dict()
    entries["mid.weight"][0, 0] = 1e6
    report = load_own_weights(network().half(), write(entries, pth))
    assert report.not_finite == ("mid.weight",)


def test_a_network_that_is_trained_goes_on_with_its_own_tensors(pth: Path) -> None:
    """An optimiser that knows the parameters must go on knowing them."""
    fresh = network()
    known = list(fresh.parameters())
    load_own_weights(fresh, write(network().state_dict(), pth))
    assert all(first is second for first, second in zip(known, fresh.parameters(), strict=True))
    assert all(parameter.requires_grad and parameter.grad_fn is None for parameter in known)


class CopyingLinear(nn.Linear):
    """As sharded and offloaded networks do: its `state_dict()` holds copies."""

    def state_dict(self, *args: object, **kwargs: object) -> dict[str, Tensor]:
        return {name: value.clone() for name, value in super().state_dict(*args, **kwargs).items()}


def with_a_hook_that_copies() -> nn.Module:
    layer = nn.Linear(4, 2)
    layer.register_state_dict_post_hook(
        lambda module, entries, *_: entries.update({name: value.clone() for name, value in entries.items()})
    )
    return layer


@pytest.mark.parametrize("build", [lambda: CopyingLinear(4, 2), with_a_hook_that_copies])
def test_a_network_whose_state_dict_holds_copies_is_loaded_all_the_same(
    pth: Path, build: Callable[[], nn.Module]
) -> None:
    model, trained = build(), nn.Linear(4, 2)
    assert load_own_weights(model, write(trained.state_dict(), pth)).complete
    assert torch.equal(model.weight, trained.weight)
    assert torch.equal(model.bias, trained.bias)


def test_buffers_that_are_not_saved_are_not_asked_for(pth: Path) -> None:
    model = nn.Linear(4, 2)
    model.register_buffer("mask", torch.ones(2), persistent=False)
    report = load_own_weights(model, write({**nn.Linear(4, 2).state_dict(), "mask": torch.zeros(2)}, pth))
    assert report.complete
    assert report.unknown == ("mask",)
    assert torch.equal(model.mask, torch.ones(2))


class Tied(nn.Module):
    """One tensor under two names."""

    def __init__(self) -> None:
        super().__init__()
        self.table, self.out = nn.Embedding(5, 6), nn.Linear(6, 5, bias=False)
        self.out.weight = self.table.weight


def test_a_tensor_with_two_names_is_loaded_where_the_file_has_one_of_them(tmp_path: Path) -> None:
    trained, fresh = Tied(), Tied()
    safetensors.torch.save_model(trained, str(tmp_path / "tied.safetensors"))
    report = load_own_weights(fresh, tmp_path / "tied.safetensors")
    assert report.complete
    assert report.loaded == ("table.weight", "out.weight")
    assert torch.equal(fresh.table.weight, trained.table.weight)
    assert fresh.out.weight is fresh.table.weight
    assert lines(report)[0].endswith("2 of 2 entries loaded")


class WithExtraState(nn.Linear):
    def get_extra_state(self) -> dict[str, int]:
        return {"steps": 3}

    def set_extra_state(self, state: dict[str, int]) -> None:
        raise AssertionError("it holds no tensors")


def test_extra_state_is_left_as_it_is(pth: Path) -> None:
    report = load_own_weights(WithExtraState(4, 2), write(WithExtraState(4, 2).state_dict(), pth))
    assert report.complete
    assert lines(report)[1:] == ["no tensors, left out: _extra_state"]


# Names of old ---------------------------------------------------------------------------------------


def test_a_vision_transformer_under_the_names_of_old(pth: Path) -> None:
    """torchvision's layers rename them themselves while `load_state_dict` runs."""
    small = {"image_size": 32, "patch_size": 16, "num_layers": 2, "num_heads": 2, "hidden_dim": 8, "mlp_dim": 16}
    trained, fresh = VisionTransformer(**small), VisionTransformer(**small)
    old = {
        "module." + re.sub(r"mlp\.([03])", lambda m: f"mlp.linear_{1 + int(m[1]) // 3}", name): value
        for name, value in trained.state_dict().items()
    }
    report = load_own_weights(fresh, write(old, pth))
    assert report.complete
    assert not report.unknown
    assert same(trained.state_dict(), fresh.state_dict())
    assert lines(report)[2:] == ["8 names are older ones of this network, and were renamed"]


def test_a_densenet_under_the_names_of_old(file: Path) -> None:
    """torchvision renames them where it loads its own file, and nowhere else."""
    trained, fresh = (DenseNet(growth_rate=4, block_config=(2, 2), num_init_features=8) for _ in range(2))
    old = {re.sub(r"(denselayer\d+\.)(norm|conv)([12])", r"\1\2.\3", n): v for n, v in trained.state_dict().items()}
    report = load_own_weights(fresh, write(old, file))
    assert report.complete
    assert same(trained.state_dict(), fresh.state_dict())
    assert lines(report)[1:] == ["48 names are older ones of this network, and were renamed"]


def test_renaming_is_told_the_version_of_the_layers(pth: Path) -> None:
    """Which lies beside the entries, under the names that the file has for the layers."""
    told = []

    def rename(module: nn.Module, entries: dict, prefix: str, metadata: dict, *_: object) -> None:
        told.append((prefix, metadata.get("version")))
        entries[f"{prefix}weight"] = entries.pop(f"{prefix}kernel")

    trained = nn.Sequential(OrderedDict(module=nn.Sequential(nn.BatchNorm1d(4), nn.Linear(4, 2))))
    entries = trained.state_dict()
    entries["module.1.kernel"] = entries.pop("module.1.weight")
    entries._metadata["module.1"]["version"] = 7
    fresh = nn.Sequential(nn.BatchNorm1d(4), nn.Linear(4, 2))
    fresh[1].register_load_state_dict_pre_hook(rename)
    assert load_own_weights(fresh, write(entries, pth)).complete
    assert told == [("1.", 7)]
    assert torch.equal(fresh[1].weight, trained[0][1].weight)


def test_a_network_that_would_rebuild_itself_for_an_older_version_stays_as_built(pth: Path) -> None:
    """MNASNet puts other layers in the place of its own while it loads."""
    trained, fresh = get_model("mnasnet0_5"), get_model("mnasnet0_5")
    layers, entries = list(fresh.modules()), trained.state_dict()
    entries._metadata[""]["version"] = 1
    assert load_own_weights(fresh, write(entries, pth)).complete
    assert same(trained.state_dict(), fresh.state_dict())
    assert all(first is second for first, second in zip(layers, fresh.modules(), strict=True))


@pytest.mark.parametrize("metadata", [[1], {"": 3}, {3: {}}, {"": {"version": "new"}}])
def test_versions_that_are_none(pth: Path, metadata: object) -> None:
    entries = get_model("mnasnet0_5").state_dict()
    entries["more"] = torch.ones(1)
    entries._metadata = metadata
    assert load_own_weights(get_model("mnasnet0_5"), write(entries, pth)).complete


# Wrappers -----------------------------------------------------------------------------------------


PREFIXES = ["module.", "_orig_mod.", "model.", "backbone.", "module.model.", "_orig_mod.module.", "model.backbone."]
OTHER_PREFIXES = ["0.", "encoder.", "net.", "0.backbone.", "ema_model.module.", "fc."]


@pytest.mark.parametrize("prefix", [*PREFIXES, *OTHER_PREFIXES])
def test_a_wrappers_prefix_is_taken_off(file: Path, prefix: str) -> None:
    trained, fresh = network(), network()
    entries = {prefix + name: value for name, value in trained.state_dict().items()}
    report = load_own_weights(fresh, write(entries, file))
    assert same(trained.state_dict(), fresh.state_dict())
    assert lines(report)[1:] == [f"{prefix!r} taken off 11 names, so that they fit"]


@pytest.mark.parametrize("wrap", [FrozenBackbone, nn.Sequential, lambda model: model])
def test_the_courses_own_pattern_loads_back(pth: Path, wrap: Callable[[nn.Module], nn.Module]) -> None:
    trained = get_model("resnet18", weights=None)
    trained.fc = nn.Identity()
    whole = nn.Sequential(wrap(trained), nn.Linear(512, 5))
    report = load_own_weights("resnet18", write(whole.state_dict(), pth))
    assert len(report.loaded) == 120
    assert report.missing == ("fc.weight", "fc.bias")
    assert report.unknown == ("1.weight", "1.bias")
    assert torch.equal(report.model.layer4[1].conv2.weight, trained.layer4[1].conv2.weight)


def test_of_two_beginnings_the_one_whose_shapes_fit_is_taken(pth: Path) -> None:
    teacher, student = network(width=16), network()
    entries = {f"teacher.{name}": value for name, value in teacher.state_dict().items()}
    entries |= {f"student.{name}": value for name, value in student.state_dict().items()}
    fresh = network()
    report = load_own_weights(fresh, write(entries, pth))
    assert report.complete
    assert same(student.state_dict(), fresh.state_dict())
    assert len(report.unknown) == 11


@pytest.mark.parametrize(
    "wrap",
    [nn.DataParallel, lambda model: nn.DataParallel(nn.DataParallel(model)), lambda model: torch.compile(model)],
    ids=["DataParallel", "twice", "compiled"],
)
@pytest.mark.parametrize("prefix", ["", "module.", "_orig_mod."])
def test_a_network_that_is_given_in_a_wrapper(pth: Path, wrap: Callable[[nn.Module], nn.Module], prefix: str) -> None:
    trained, fresh = network(), network()
    given = wrap(fresh)
    entries = {prefix + name: value for name, value in trained.state_dict().items()}
    report = load_own_weights(given, write(entries, pth))
    assert report.complete
    assert report.model is given
    assert report.network == "Sequential"
    assert same(trained.state_dict(), fresh.state_dict())


@pytest.mark.parametrize("names", [("student.", "teacher."), ("model.", "ema.")])
def test_of_two_networks_in_one_file_the_caller_chooses(pth: Path, names: tuple[str, str]) -> None:
    kept = {prefix: network() for prefix in names}
    entries = {prefix + name: value for prefix, one in kept.items() for name, value in one.state_dict().items()}
    write(entries, pth)
    fresh = network()
    before = snapshot(fresh)
    said = message_of(fresh, pth)
    assert all(prefix.removesuffix(".") in said for prefix in names) and "part=" in said
    assert same(before, snapshot(fresh))
    for prefix, one in kept.items():
        for part in (prefix, prefix.removesuffix(".")):
            report = load_own_weights(fresh, pth, part=part)
            assert report.complete
            assert same(one.state_dict(), fresh.state_dict())
            assert len(report.unknown) == 11


def test_another_entry_of_a_checkpoint_is_taken_where_asked(pth: Path) -> None:
    model, average, fresh = network(), network(), network()
    write({"model": model.state_dict(), "model_ema": average.state_dict()}, pth)
    report = load_own_weights(fresh, pth, part="model_ema")
    assert same(average.state_dict(), fresh.state_dict())
    assert lines(report)[1:] == ["of several entries 'model_ema' was taken, as asked"]
    with pytest.raises(CourseError, match=r"has no part 'ema': its names begin with"):
        load_own_weights(fresh, pth, part="ema")


def as_sequential(model: nn.Module) -> nn.Module:
    """A ResNet's children in a row, as recipes for features save it."""
    return nn.Sequential(*list(model.children())[:-1], nn.Flatten(), model.fc)


SEQUENTIAL = {
    "all children": (lambda model: nn.Sequential(*model.children()), ()),
    "flattened before the head": (as_sequential, ()),
    "without the head": (lambda model: nn.Sequential(*list(model.children())[:-1]), ("fc.weight", "fc.bias")),
    "as a body with a head of its own": (
        lambda model: nn.Sequential(nn.Sequential(*list(model.children())[:-2]), nn.Sequential(nn.Linear(512, 7))),
        ("fc.weight", "fc.bias"),
    ),
}


@pytest.mark.parametrize(("wrap", "missing"), SEQUENTIAL.values(), ids=SEQUENTIAL.keys())
def test_a_sequential_of_a_networks_children_loads_as_the_network(pth: Path, wrap, missing: tuple[str, ...]) -> None:
    trained = get_model("resnet18", weights=None)
    for module in trained.modules():
        if isinstance(module, nn.BatchNorm2d):  # or a mix-up of two layers would give the same
            nn.init.normal_(module.weight), module.running_mean.normal_()
    report = load_own_weights("resnet18", write(wrap(trained).state_dict(), pth))
    assert report.missing == missing
    assert "names put right by their order and shapes" in str(report)
    images = torch.randn(2, 3, 64, 64)
    trained.fc, report.model.fc = (nn.Identity(), nn.Identity()) if missing else (trained.fc, report.model.fc)
    with torch.no_grad():
        assert torch.equal(trained.eval()(images), report.model.eval()(images))


def test_other_names_within_the_children_are_not_put_right(pth: Path) -> None:
    """Of a network whose blocks call their layers otherwise, nothing says that the order is the same."""
    saved = nn.Sequential(*get_model("resnet18", weights=None).children()).state_dict()
    renamed = {name.replace("conv1", "first").replace("conv2", "second"): value for name, value in saved.items()}
    assert "nothing in" in message_of("resnet18", write(renamed, pth))


def test_a_sequential_of_another_network_loads_nothing(pth: Path) -> None:
    """Of these names some would fit by accident, with `4.0.` taken off."""
    saved = nn.Sequential(*get_model("resnet34", weights=None).children()).state_dict()
    said = message_of("resnet18", write(saved, pth))
    assert "nothing in" in said and "fits resnet18" in said


def test_no_beginning_is_guessed_for_a_larger_sister(pth: Path) -> None:
    report = load_own_weights("resnet18", write(get_model("resnet34", weights=None).state_dict(), pth))
    assert "taken off" not in str(report)
    assert not report.complete or report.unknown


def test_a_prefix_that_the_network_has_as_well_stays(pth: Path) -> None:
    wrapped = nn.Sequential(OrderedDict(model=network()))
    assert str(load_own_weights(wrapped, write(wrapped.state_dict(), pth))).count("\n") == 0


def test_a_name_that_stands_there_with_and_without_the_prefix_is_counted_as_it_is(pth: Path) -> None:
    entries = {f"module.{name}": value for name, value in network().state_dict().items()}
    report = load_own_weights(network(), write(entries | {"fc.bias": torch.zeros(10)}, pth))
    assert lines(report)[1:] == [
        "'module.' taken off 10 names, so that they fit",
        "not in the network, left out: module.fc.bias",
    ]


def test_names_beside_the_prefix_are_told(pth: Path) -> None:
    entries = {f"model.{name}": value for name, value in network().state_dict().items()}
    report = load_own_weights(network(), write(entries | {"loss.weight": torch.ones(2)}, pth))
    assert len(report.loaded) == 11
    assert report.unknown == ("loss.weight",)


@pytest.mark.parametrize(
    "wrap",
    [
        lambda entries: {"state_dict": entries, "epoch": 3},
        lambda entries: {"model": entries, "optimizer": {"state": {}, "param_groups": [{"lr": 0.1}]}},
        lambda entries: {"model_state_dict": entries, "loss": 0.3},
        lambda entries: {"my_net": entries, "history": [1, 2]},
        lambda entries: {"model": entries, "model_ema": entries},
        lambda entries: {"state_dict": entries, "best_acc1": torch.tensor(71.3), "epoch": torch.tensor(3)},
    ],
)
def test_a_checkpoint_is_unwrapped_and_says_so(pth: Path, wrap: Callable[[dict], dict]) -> None:
    trained, fresh = network(), network()
    checkpoint = wrap(trained.state_dict())
    report = load_own_weights(fresh, write(checkpoint, pth))
    assert same(trained.state_dict(), fresh.state_dict())
    beside = "; beside it: model_ema (part= takes another)" if "model_ema" in checkpoint else ""
    said = f"the file is a checkpoint; its state dict is the entry {next(iter(checkpoint))!r}{beside}"
    assert lines(report)[1:] == [said]


def test_other_values_among_the_tensors_are_left_out(pth: Path) -> None:
    report = load_own_weights(network(), write({**network().state_dict(), "epoch": 3}, pth))
    assert report.complete
    assert lines(report)[1:] == ["no tensors, left out: epoch"]


@settings(deadline=None, max_examples=50)
@given(
    kept=st.lists(st.booleans(), min_size=11, max_size=11),
    other=st.lists(st.booleans(), min_size=11, max_size=11),
    prefix=st.sampled_from(["", "module.", "model.backbone."]),
)
def test_each_entry_is_accounted_for_once(
    tmp_path_factory: pytest.TempPathFactory, kept: list[bool], other: list[bool], prefix: str
) -> None:
    """Whatever part of the entries a file has, and whichever of them have another shape."""
    trained, fresh = network(), network()
    before, entries = snapshot(fresh), {}
    for (name, value), keep, reshape in zip(trained.state_dict().items(), kept, other, strict=True):
        if keep:
            entries[prefix + name] = torch.zeros(*value.shape, 2) if reshape else value
    file = write(entries, tmp_path_factory.mktemp("own") / "part.safetensors")
    if not any(keep and not reshape for keep, reshape in zip(kept, other, strict=True)):
        message_of(fresh, file)
        return
    try:
        report = load_own_weights(fresh, file)
    except CourseError:
        assert [name for name in entries if entries[name].ndim == 0] == [f"{prefix}bn.num_batches_tracked"]
        assert same(before, snapshot(fresh))
        return
    assert sorted([*report.loaded, *report.other_shape, *report.missing]) == sorted(before)
    for name, value in fresh.state_dict().items():
        assert torch.equal(value, (trained.state_dict() if name in report.loaded else before)[name])


# What is refused ----------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["squeezenet1_1", "mobilenet_v3_small", "tiny_vit_5m"])
def test_a_file_of_a_quite_different_network(tmp_path: Path, name: str) -> None:
    file = write(get_model("resnet18").state_dict(), tmp_path / "resnet.pth")
    said = message_of(name, file)
    assert f"nothing in {file} fits {name}: the file has 122 entries such as conv1.weight [64, 3, 7, 7]" in said
    assert "name the network that the file was made with" in said


def test_counters_alone_are_nothing(pth: Path) -> None:
    message_of(network(), write({"bn.num_batches_tracked": torch.tensor(3)}, pth))


@pytest.mark.parametrize(
    ("saved", "what"),
    [
        ([1, 2], "holds a list and no state dict"),
        (torch.zeros(2), "holds a Tensor and no state dict"),
        ({}, "no tensors (entries: none)"),
        ({"epoch": 3, "loss": 0.1}, "no tensors (entries: epoch, loss)"),
        ({"optimizer": {"state": {}, "param_groups": []}}, "no tensors (entries: optimizer)"),
        ({"a": {"w": torch.ones(1)}, "b": {"w": torch.ones(1)}}, "several state dicts (a, b)"),
        ({"model": {"w": torch.ones(1)}, "state_dict": {"w": torch.ones(1)}}, "several state dicts"),
    ],
)
def test_no_state_dict_to_be_found(pth: Path, saved: object, what: str) -> None:
    said = message_of(network(), write(saved, pth))
    assert what in said
    assert ("name one, part=" if "several" in what else "save model.state_dict()") in said


@pytest.mark.parametrize("share", [0.0, 0.5, 0.99])
def test_a_file_cut_short(file: Path, share: float) -> None:
    whole = write(network().state_dict(), file).read_bytes()
    file.write_bytes(whole[: int(len(whole) * share)])
    assert "not a whole file of weights" in message_of(network(), file)


@pytest.mark.parametrize("old", [True, False])
def test_a_file_with_any_byte_turned_over_is_one_line_or_loads(pth: Path, old: bool) -> None:
    torch.save(nn.Linear(2, 2).state_dict(), pth, _use_new_zipfile_serialization=not old)
    whole, model = pth.read_bytes(), nn.Linear(2, 2)
    refused = 0
    for place in range(len(whole)):
        pth.write_bytes(whole[:place] + bytes([whole[place] ^ 0x41]) + whole[place + 1 :])
        try:
            load_own_weights(model, pth)
        except CourseError as error:
            refused += 1
            assert "\n" not in str(error)
    assert refused > 20


class Hostile:
    """Unpickling this runs a command."""

    def __init__(self, trace: Path):
        self.trace = trace

    def __reduce__(self) -> tuple[object, tuple[str]]:
        return os.mkdir, (str(self.trace),)


def test_a_pickle_that_wants_to_run_code(tmp_path: Path) -> None:
    trace = tmp_path / "was here"
    file = write({"state_dict": network().state_dict(), "extra": Hostile(trace)}, tmp_path / "gift.pth")
    assert "was not opened" in message_of(network(), file)
    assert not trace.exists()


def test_no_such_file(tmp_path: Path) -> None:
    assert "no weights file" in message_of(network(), tmp_path / "nowhere.pth")
    assert "no weights file" in message_of(network(), tmp_path)


@pytest.mark.parametrize("odd", [torch.eye(4).to_sparse(), torch.empty(4, 10, device="meta"), torch.ones(4, 8) * 1j])
def test_tensors_of_another_kind(pth: Path, odd: Tensor) -> None:
    entries = {**network().state_dict(), "mid.weight": odd}
    assert "mid.weight" in message_of(network(), write(entries, pth))


@pytest.mark.parametrize("given", [None, 3, {"weight": torch.ones(1)}])
def test_no_network(pth: Path, given: object) -> None:
    with pytest.raises(CourseError, match="a network is a name or an nn"):
        load_own_weights(given, write(network().state_dict(), pth))


@pytest.mark.parametrize("given", [None, 3, b"mine.pth", io.BytesIO(), network().state_dict()])
def test_no_path(given: object) -> None:
    model = network()
    before = snapshot(model)
    with pytest.raises(CourseError, match=r"^a file is a path, not \w+: .*torch\.save.*$"):
        load_own_weights(model, given)
    assert same(before, snapshot(model))


def test_a_path_with_a_line_break_or_nul_is_one_line() -> None:
    for name in ("no\nsuch.pth", "no\0such.pth", "a" * 300 + ".pth", ""):
        with pytest.raises(CourseError, match=r"^no weights file .*name a file that is there$"):
            load_own_weights(network(), name)


@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::UserWarning")
def test_a_quantised_network(pth: Path) -> None:
    model = torch.ao.quantization.quantize_dynamic(network(), {nn.Linear})
    with pytest.raises(CourseError, match=r"into Sequential \(.+: load it into the plain network: no quant"):
        load_own_weights(model, write(network().state_dict(), pth))


class Expanded(nn.Module):
    """Its buffer has four places for one number."""

    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.zeros(2, 2))
        self.register_buffer("mask", torch.zeros(1).expand(4))


def test_an_error_in_the_middle_leaves_the_network_as_it_was(pth: Path) -> None:
    model = Expanded()
    file = write({"weight": torch.ones(2, 2), "mask": torch.arange(4.0)}, pth)
    said = message_of(model, file, names="mask")
    assert "into Expanded (While copying the parameter named" in said
    assert "unsupported operation: " in said


def test_ctrl_c_in_the_middle_leaves_the_network_as_it_was(pth: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    model, before_it = network(), Tensor.copy_
    write(network().state_dict(), pth)
    before, done = snapshot(model), []

    def stop(self: Tensor, other: Tensor) -> Tensor:
        done.append(self)
        if len(done) == 4:
            raise KeyboardInterrupt
        return before_it(self, other)

    monkeypatch.setattr(Tensor, "copy_", stop)
    with pytest.raises(KeyboardInterrupt):
        load_own_weights(model, pth)
    monkeypatch.undo()
    assert same(before, snapshot(model))


def test_a_network_of_inference_mode(pth: Path) -> None:
    with torch.inference_mode():
        model = network()
    said = message_of(model, write(network().state_dict(), pth), names="conv.weight")
    assert "Inplace update to inference tensor" in said
    assert said.endswith("nothing of inference_mode")


def test_an_unknown_name_gets_the_nearest(pth: Path) -> None:
    with pytest.raises(CourseError, match="did you mean resnet18"):
        load_own_weights("resnet-18", write(network().state_dict(), pth))


def test_networks_without_numbers(pth: Path) -> None:
    write(network().state_dict(), pth)
    with pytest.raises(CourseError, match="a lazy layer"):
        load_own_weights(nn.LazyLinear(3), pth)
    with pytest.raises(CourseError, match="device meta"):
        load_own_weights(network().to("meta"), pth)
