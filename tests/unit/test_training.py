"""Devices, the training loop, honest accuracy, and features that are computed once."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from PIL import Image
from safetensors import SafetensorError
from torch import nn
from torch.utils.data import DataLoader

from helpers.data.splits import Arrays, ImageDataset
from helpers.errors import CourseError
from helpers.training import (
    FlippedBatches,
    accuracy,
    as_tensors,
    devices,
    evaluate,
    extract_features,
    feature_cache,
    loader,
    pick_device,
    predict,
    seed_everything,
    train,
)
from helpers.training import features as features_module
from helpers.training.feature_cache import FeatureCache


def to_tensor(image: Image.Image) -> torch.Tensor:
    return torch.tensor(list(image.convert("L").tobytes()), dtype=torch.float32).view(1, 4, 4) / 255


@pytest.fixture
def dataset() -> ImageDataset:
    pixels = torch.randint(0, 256, (10, 4, 4, 3), generator=torch.Generator().manual_seed(0), dtype=torch.uint8)
    names = [f"picture {i}" for i in range(10)]
    return ImageDataset(Arrays(pixels.numpy()), [0, 1] * 5, ["a", "b"], names, to_tensor)


@pytest.fixture
def network() -> nn.Module:
    torch.manual_seed(0)
    return nn.Sequential(nn.Conv2d(1, 3, 3), nn.BatchNorm2d(3), nn.Dropout(0.5), nn.Flatten())


@pytest.fixture(autouse=True)
def own_cache(monkeypatch, tmp_path):
    monkeypatch.setenv("COURSE_CACHE", str(tmp_path))


@pytest.fixture
def passes(network) -> list[int]:
    """Batch sizes of the forward passes of `network`, in order."""
    seen: list[int] = []
    network.register_forward_pre_hook(lambda module, inputs: seen.append(len(inputs[0])))
    return seen


def test_auto_takes_a_device_that_works():
    assert torch.zeros(1, device=pick_device("auto")).item() == 0


def test_auto_goes_on_without_a_gpu_that_is_listed_and_cannot_work(monkeypatch, capsys):
    def too_old(device):
        if device.type == "cuda":
            raise RuntimeError("CUDA error: no kernel image is available\nSearch for more")

    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: False)
    monkeypatch.setattr(devices, "_try", too_old)
    assert pick_device("auto") == torch.device("cpu")
    assert capsys.readouterr().out == (
        "The GPU (cuda) cannot be used: CUDA error: no kernel image is available. Going on without it.\n"
    )


def test_auto_takes_a_gpu_that_works(monkeypatch, capsys):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(devices, "_try", lambda device: None)
    assert (pick_device("auto"), capsys.readouterr().out) == (torch.device("cuda"), "")


@pytest.mark.parametrize("wanted", ["gpu", "cuda:99", "", "CPU 0"])
def test_an_unknown_device_is_told_in_one_line(wanted):
    with pytest.raises(CourseError, match="set DEVICE to 'auto'") as error:
        pick_device(wanted)
    assert "\n" not in str(error.value)


def test_a_seed_repeats_the_random_numbers():
    seed_everything(3)
    first = torch.rand(3)
    seed_everything(3)
    assert torch.equal(first, torch.rand(3))


def test_training_lowers_the_loss_and_reports_each_epoch():
    torch.manual_seed(0)
    inputs = torch.randn(40, 5)
    batches = [(inputs, (inputs[:, 0] > 0).long())]
    model = nn.Linear(5, 2)
    history = train(model, batches, torch.optim.SGD(model.parameters(), lr=0.5), epochs=20, val=batches)
    assert len(history.train_loss) == len(history.val_accuracy) == 20
    assert history.train_loss[-1] < 0.5 * history.train_loss[0]
    assert history.val_accuracy[-1] > 0.9
    assert history.seconds > 0


def test_a_loss_that_is_not_finite_stops_before_it_reaches_the_weights():
    model = nn.Linear(2, 2)
    before = model.weight.detach().clone()
    batches = [(torch.tensor([[float("nan"), 1.0]]), torch.tensor([0]))]
    with pytest.raises(CourseError, match=r"epoch 1.*learning rate"):
        train(model, batches, torch.optim.SGD(model.parameters(), lr=0.1), epochs=2)
    assert torch.equal(before, model.weight)


def trained(model=None, batches=None, optimizer=None, **options):
    """`train` on a sound little task, but for what is given."""
    model = model or nn.Linear(2, 3)
    batches = [(torch.randn(4, 2), torch.tensor([0, 1, 2, 0]))] if batches is None else batches
    return train(model, batches, optimizer or torch.optim.SGD(model.parameters(), lr=0.1), epochs=2, **options)


def frozen_head() -> nn.Module:
    return nn.Linear(2, 3).requires_grad_(False)


IMAGES = [Image.new("RGB", (4, 4)), Image.new("RGB", (4, 5))]
NOTHING_TO_LEARN = {
    "no batch": (lambda: trained(batches=[]), "nothing to train on.*look at the dataset"),
    "a generator": (
        lambda: trained(batches=((torch.randn(4, 2), torch.zeros(4).long()) for _ in "ab")), "in epoch 2.*once"),
    "an optimizer made before the head": (
        lambda: trained(optimizer=torch.optim.SGD(nn.Linear(2, 3).parameters(), lr=0.1)), "2 tensors.*anew"),
    "everything frozen": (lambda: trained(frozen_head()), "nothing can learn.*requires_grad"),
    "LBFGS": (lambda: trained(m := nn.Linear(2, 3), optimizer=torch.optim.LBFGS(m.parameters())), "LBFGS.*AdamW"),
    "ReduceLROnPlateau": (
        lambda: trained(
            m := nn.Linear(2, 3),
            optimizer=(o := torch.optim.SGD(m.parameters(), lr=0.1)),
            scheduler=torch.optim.lr_scheduler.ReduceLROnPlateau(o),
        ),
        "ReduceLROnPlateau.*OneCycleLR",
    ),
    "too few outputs": (lambda: trained(nn.Linear(2, 2)), "labels from 0 to 2.*2 outputs"),
    "a negative label": (lambda: trained(batches=[(torch.randn(1, 2), torch.tensor([-1]))]), "count labels from 0"),
    "images of different sizes": (
        lambda: trained(batches=DataLoader([(torch.zeros(3, 4, 4), 0), (torch.zeros(3, 4, 5), 1)], batch_size=2)),
        "different sizes.*Resize"),
    "images without a transform": (
        lambda: trained(batches=DataLoader([(image, 0) for image in IMAGES], batch_size=2)), "no tensors.*transform"),
    "whole numbers": (
        lambda: trained(nn.Conv2d(3, 2, 1), [(torch.zeros(2, 3, 4, 4).byte(), torch.zeros(2).long())]),
        "uint8.*ToDtype"),
    "a last batch of one": (
        lambda: trained(nn.Sequential(nn.BatchNorm1d(2), nn.Linear(2, 3)), [(torch.zeros(1, 2), torch.tensor([0]))]),
        "average of one image.*drop_last"),
    "predicting on whole numbers": (
        lambda: predict(nn.Conv2d(3, 2, 1), [(torch.zeros(2, 3, 4, 4).byte(), torch.zeros(2))]), "uint8.*ToDtype"),
}  # fmt: skip


@pytest.mark.parametrize(("call", "told"), NOTHING_TO_LEARN.values(), ids=NOTHING_TO_LEARN.keys())
def test_what_no_training_can_come_of_is_told_in_one_line(call, told):
    with pytest.raises(CourseError, match=told) as error:
        call()
    assert "\n" not in str(error.value)


def test_errors_of_a_model_itself_come_through():
    class Stops(nn.Linear):
        def forward(self, inputs):
            raise ValueError("its own")

    with pytest.raises(ValueError, match="its own"):
        trained(Stops(2, 3))


def test_prediction_uses_eval_mode_and_gives_the_mode_back(network, dataset):
    network.train()
    first, labels = predict(network, loader(dataset, batch_size=4))
    second, _ = predict(network, loader(dataset, batch_size=4))
    assert torch.equal(first, second)
    assert labels.tolist() == [0, 1] * 5
    assert network.training


def test_a_layer_in_a_mode_of_its_own_keeps_it():
    network = nn.Sequential(nn.Flatten(), nn.BatchNorm1d(3), nn.Linear(3, 2)).train()
    network[1].eval()  # BatchNorm keeps its statistics
    predict(network, [(torch.ones(2, 3), torch.zeros(2))])
    assert [layer.training for layer in network] == [True, False, True]


def test_an_empty_dataset_is_told(network, dataset):
    empty = dataset.subset([])
    with pytest.raises(CourseError, match="empty"):
        extract_features(network, empty)
    with pytest.raises(CourseError, match="empty"):
        evaluate(network, loader(empty))


def test_accuracy_is_exact_and_a_nan_is_no_answer():
    logits = torch.tensor([[2.0, 1.0], [float("nan"), 0.0], [0.0, 1.0], [1.0, 0.0]])
    assert accuracy(logits, torch.tensor([0, 0, 1, 1])) == 0.5


@pytest.mark.parametrize("labels", [torch.zeros(3, 1), torch.zeros(2), torch.zeros(0)])
def test_accuracy_refuses_labels_of_another_shape(labels):
    with pytest.raises(CourseError, match="labels"):
        accuracy(torch.zeros(3, 2), labels)


def test_shuffled_batches_repeat_for_the_same_seed(dataset):
    def order(seed):
        return [
            label for _, labels in loader(dataset, batch_size=3, shuffle=True, seed=seed) for label in labels.tolist()
        ]

    assert order(1) == order(1)
    assert any(order(1) != order(seed) for seed in range(2, 6))


def test_features_are_those_of_eval_mode_and_the_network_is_left_as_it_was(network, dataset):
    network.train()
    found = extract_features(network, dataset, batch_size=3)
    assert network.training
    with torch.no_grad():
        expected = network.eval()(torch.stack([image for image, _ in dataset]))
    assert torch.allclose(found.features, expected, atol=1e-6)
    assert torch.equal(found.labels, dataset.labels)
    assert not found.features.requires_grad
    head = nn.Linear(found.features.shape[1], 2)
    nn.functional.cross_entropy(head(found.features), found.labels).backward()  # a head can be trained on them


def test_features_are_computed_once_and_read_back_with_their_seconds(network, dataset, passes):
    first = extract_features(network, dataset)
    done = len(passes)
    again = extract_features(network, dataset)
    assert done > 0
    assert passes[done:] == [features_module.SPOT_CHECKS]  # a few, to see whether what was kept still holds
    assert torch.equal(first.features, again.features)
    assert again.seconds == pytest.approx(first.seconds)


def feature_file(network, dataset, device="cpu") -> Path:
    return FeatureCache(network, dataset.transform, device).file(dataset)


def test_other_weights_images_or_preprocessing_are_computed_anew(network, dataset):
    key = feature_file(network, dataset)
    assert feature_file(network, dataset.subset(range(9))) != key
    assert feature_file(network, dataset.with_transform(to_tensor_brighter)) != key
    with torch.no_grad():
        network[0].bias.add_(1e-3)
    changed = feature_file(network, dataset)
    assert changed != key
    network[1].running_mean.add_(1e-3)  # a drifted statistic is another network, too
    assert feature_file(network, dataset) != changed


class Pooled(nn.Module):
    """Its `forward` can be edited in a notebook without any weight or name being another."""

    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(1, 3, 3)

    def forward(self, images):
        return self.conv(images).mean(dim=(2, 3))


class Brightness:
    """A transform of one's own, which does not tell its settings."""

    __slots__ = ("factor",)

    def __init__(self, factor):
        self.factor = factor

    def __call__(self, image):
        return to_tensor(image) * self.factor

    def __repr__(self):
        return "Brightness()"


def test_an_edited_forward_is_computed_anew(dataset, monkeypatch, capsys):
    torch.manual_seed(0)
    model = Pooled()
    stale = extract_features(model, dataset).features
    monkeypatch.setattr(Pooled, "forward", lambda self, images: self.conv(images).amax(dim=(2, 3)))
    capsys.readouterr()
    found = extract_features(model, dataset).features
    assert "computing them anew" in capsys.readouterr().out
    assert torch.equal(found, extract_features(model, dataset, cache=False).features)
    assert (found - stale).abs().max() > 0.01


@pytest.mark.parametrize("factor", [0.2, 0.98])
def test_a_transform_that_does_not_tell_its_settings_is_computed_anew(network, dataset, factor):
    extract_features(network, dataset.with_transform(Brightness(1.0)))
    other = dataset.with_transform(Brightness(factor))
    assert feature_file(network, other) == feature_file(network, dataset.with_transform(Brightness(1.0)))
    assert torch.equal(
        extract_features(network, other).features, extract_features(network, other, cache=False).features
    )


class Contrast:
    """A transform of one's own with the `repr` that every object has, but for its address."""

    def __init__(self, factor):
        self.factor = factor

    def __call__(self, image):
        return (to_tensor(image) - 0.5) * self.factor

    def __repr__(self):
        return "Contrast()"


def brighter_by(amount):
    return lambda image: to_tensor(image) + amount


def test_the_settings_of_a_transform_and_the_code_of_a_function_are_part_of_the_key(network, dataset):
    def key(transform):
        return feature_file(network, dataset.with_transform(transform))

    assert key(Contrast(1.0)) == key(Contrast(1.0)) != key(Contrast(2.0))
    assert key(brighter_by(0.1)) == key(brighter_by(0.1)) != key(brighter_by(0.2))
    assert key(lambda image: to_tensor(image) + 1) != key(lambda image: to_tensor(image) - 1)


def test_other_threads_and_batch_sizes_read_what_was_kept(network, dataset, passes):
    first = extract_features(network, dataset, batch_size=1)
    threads = torch.get_num_threads()
    torch.set_num_threads(1 if threads > 1 else 2)
    try:
        again = extract_features(network, dataset, batch_size=10)
    finally:
        torch.set_num_threads(threads)
    assert torch.equal(first.features, again.features)
    assert passes[-1] == features_module.SPOT_CHECKS


def test_one_image_can_be_read_back(network, dataset, passes):
    one = dataset.subset([3])
    assert torch.equal(extract_features(network, one).features, extract_features(network, one).features)
    assert passes == [1, 1]


def test_a_kind_of_device_has_features_of_its_own(network, dataset):
    assert (
        feature_file(network, dataset, "cuda:1")
        == feature_file(network, dataset, "cuda")
        != feature_file(network, dataset)
    )


def to_tensor_brighter(image: Image.Image) -> torch.Tensor:
    return to_tensor(image) + 0.1


@pytest.mark.parametrize(
    "damage",
    [lambda whole: whole[:50], lambda whole: b"", lambda whole: whole[:-9] + b"\xff" + whole[-8:]],
    ids=["cut short", "empty", "one byte of the features"],
)
def test_a_damaged_file_of_features_is_computed_again(network, dataset, damage, capsys):
    expected = extract_features(network, dataset).features
    file = feature_file(network, dataset)
    file.write_bytes(damage(file.read_bytes()))
    capsys.readouterr()
    assert torch.equal(extract_features(network, dataset).features, expected)
    assert capsys.readouterr().out.count("damaged: computing its images anew") == 1
    assert torch.equal(extract_features(network, dataset).features, expected)
    assert not capsys.readouterr().out


def test_a_full_disk_is_told_once_and_the_features_are_computed(network, dataset, monkeypatch, capsys):
    def full(*_, **__):
        raise SafetensorError("I/O error: No space left on device")

    monkeypatch.setattr(features_module, "PART", 4)
    monkeypatch.setattr(feature_cache, "save_file", full)
    found = extract_features(network, dataset).features
    assert torch.equal(found, extract_features(network, dataset, cache=False).features)
    (line,) = capsys.readouterr().out.splitlines()
    assert "No space left on device" in line and "COURSE_CACHE" in line


def test_a_cache_that_cannot_be_made_is_told_and_the_features_are_computed(
    network, dataset, monkeypatch, tmp_path, capsys
):
    (tmp_path / "a file").write_text("")
    monkeypatch.setenv("COURSE_CACHE", str(tmp_path / "a file"))
    assert len(extract_features(network, dataset).features) == len(dataset)
    assert capsys.readouterr().out.count("\n") == 1


def test_weights_with_nan_are_told(network, dataset):
    with torch.no_grad():
        network[0].weight[0] = float("nan")
    with pytest.raises(CourseError, match="not finite"):
        extract_features(network, dataset)
    assert not feature_file(network, dataset).exists()


# Pictures in memory ---------------------------------------------------------------------------------


def test_a_dataset_becomes_two_tensors(dataset):
    images, labels = as_tensors(dataset)
    assert images.shape == (10, 1, 4, 4)
    assert torch.equal(images[3], dataset[3][0])
    assert torch.equal(labels, dataset.labels)


def test_an_empty_dataset_has_no_tensors(dataset):
    with pytest.raises(CourseError, match="empty"):
        as_tensors(dataset.subset([]))


def told_apart(n: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Pictures [n, 1, 1, 2] whose label says which they are, and whose right pixel tells whether they were mirrored."""
    labels = torch.arange(n)
    return torch.stack([labels.float(), labels + 0.5], dim=1).view(n, 1, 1, 2), labels


@pytest.mark.parametrize("n", [1, 2, 4, 5, 6, 9])
def test_every_picture_comes_once_an_epoch_with_its_label(n):
    images, labels = told_apart(n)
    batches = FlippedBatches(images, labels, batch_size=4, seed=1)
    for _ in range(2):
        found = list(batches)
        assert len(found) == len(batches)
        assert sorted(torch.cat([labels for _, labels in found]).tolist()) == list(range(n))
        for pictures, own in found:
            assert torch.equal(pictures.amin(dim=(1, 2, 3)), own.float())
            assert len(own) > 1 or n == 1


def test_pictures_are_mirrored_half_of_the_time_and_the_first_ones_stay():
    images, labels = told_apart(400)
    before = images.clone()
    pictures, own = next(iter(FlippedBatches(images, labels, batch_size=400)))
    mirrored = (pictures[:, 0, 0, 0] != own).float().mean()
    assert 0.4 < mirrored < 0.6
    assert torch.equal(images, before)


def test_epochs_differ_and_a_seed_repeats_them():
    def two_epochs(seed):
        batches = FlippedBatches(*told_apart(30), batch_size=30, seed=seed)
        return [next(iter(batches))[1].tolist() for _ in range(2)]

    first, second = two_epochs(3)
    assert first != second
    assert two_epochs(3) == [first, second]
    assert two_epochs(4) != [first, second]


@pytest.mark.parametrize("n_labels", [0, 2])
def test_pictures_without_their_labels_are_told(n_labels):
    with pytest.raises(CourseError, match="give each picture its label"):
        FlippedBatches(torch.zeros(n_labels and 3, 1, 2, 2), torch.zeros(n_labels, dtype=torch.long))


@pytest.mark.parametrize("size", [0, -1, 2.5, True])
def test_a_batch_size_that_is_none(size):
    with pytest.raises(CourseError, match="1 picture or more"):
        FlippedBatches(torch.zeros(4, 3, 2, 2), torch.zeros(4), batch_size=size)


class WithAuxiliary(nn.Module):
    """As Inception in `train()` mode: the logits, and those of an auxiliary classifier."""

    def __init__(self):
        super().__init__()
        self.fc, self.aux = nn.Linear(3, 2), nn.Linear(3, 2)

    def forward(self, x):
        return (self.fc(x), self.aux(x)) if self.training else self.fc(x)


def test_a_network_with_auxiliary_classifiers_trains_by_its_logits():
    model, batches = WithAuxiliary(), [(torch.randn(8, 3), torch.arange(8) % 2)]
    before = model.aux.weight.clone()
    history = train(model, batches, torch.optim.SGD(model.parameters(), lr=0.5), epochs=20)
    assert history.train_loss[-1] < history.train_loss[0]
    assert torch.equal(model.aux.weight, before)
