"""Features are kept part by part: what a kill leaves, what a changed photo costs, and two processes on one cache."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from PIL import Image
from torch import nn

from helpers.data.splits import Arrays, ImageDataset, Photo, Photos
from helpers.errors import CourseError
from helpers.training import extract_features
from helpers.training import features as features_module
from helpers.training.ahead import batches_ahead
from helpers.training.feature_cache import FeatureCache

PART, IMAGES = 4, 22  # five parts and a half

# What another process runs: `slow` makes each forward pass last, `dies_at` is the image at which it is killed.
PROGRAM = """
import os, signal, sys, time
from tests.unit.test_feature_parts import IMAGES, PART, arrays, network
from helpers.training import extract_features, features

slow, dies_at, seen = float(sys.argv[1]), int(sys.argv[2]), 0

def watch(module, inputs):
    global seen
    time.sleep(slow)
    seen += len(inputs[0])
    if seen > dies_at:
        os.kill(os.getpid(), signal.SIGKILL)

features.PART = PART
model = network()
model.register_forward_pre_hook(watch)
found = extract_features(model, arrays(), batch_size=2)
print(seen, found.features.double().sum().item())
"""


def to_tensor(image: Image.Image) -> torch.Tensor:
    return torch.tensor(list(image.tobytes()), dtype=torch.float32).view(4, 4, 3).permute(2, 0, 1) / 255


def pixels() -> torch.Tensor:
    return torch.randint(0, 256, (IMAGES, 4, 4, 3), generator=torch.Generator().manual_seed(0), dtype=torch.uint8)


def arrays() -> ImageDataset:
    names = [f"picture {i}" for i in range(IMAGES)]
    return ImageDataset(Arrays(pixels().numpy()), [i % 2 for i in range(IMAGES)], ["a", "b"], names, to_tensor)


def network() -> nn.Module:
    torch.manual_seed(0)
    return nn.Sequential(nn.Conv2d(3, 3, 3), nn.Flatten())


@pytest.fixture(autouse=True)
def own_cache(monkeypatch, tmp_path) -> Path:
    monkeypatch.setenv("COURSE_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(features_module, "PART", PART)
    return tmp_path / "cache" / "features"


@pytest.fixture
def model() -> nn.Module:
    return network()


@pytest.fixture
def passes(model) -> list[int]:
    seen: list[int] = []
    model.register_forward_pre_hook(lambda module, inputs: seen.append(len(inputs[0])))
    return seen


@pytest.fixture
def photos(tmp_path) -> ImageDataset:
    files = []
    for i, one in enumerate(pixels()):
        path = tmp_path / f"{i:02}.bmp"  # of one size, whatever it shows
        Image.fromarray(one.numpy()).save(path)
        files.append(Photo(path, path.name, path.stat().st_size, path.stat().st_mtime_ns))
    names = [photo.relative for photo in files]
    return ImageDataset(Photos(tuple(files)), [0] * IMAGES, ["a"], names, to_tensor)


def another_process(slow: float = 0.0, dies_at: int = 10**9) -> subprocess.Popen:
    return subprocess.Popen(
        [sys.executable, "-c", PROGRAM, str(slow), str(dies_at)], stdout=subprocess.PIPE, text=True, env=os.environ
    )


def expected(dataset: ImageDataset) -> torch.Tensor:
    with torch.no_grad():
        return network()(torch.stack([image for image, _ in dataset]))


def test_a_run_that_is_killed_goes_on_from_its_last_part(own_cache, model, passes):
    killed = another_process(dies_at=17)
    killed.communicate()
    assert killed.returncode == -signal.SIGKILL
    assert len([file for file in own_cache.iterdir() if file.suffix == ".safetensors"]) == 17 // PART
    found = extract_features(model, arrays())
    assert torch.allclose(found.features, expected(arrays()), atol=1e-6)
    assert sum(passes) == IMAGES - 16 + features_module.SPOT_CHECKS


def test_two_processes_on_one_cache_give_the_same_and_leave_whole_parts(own_cache, model, passes):
    both = [another_process(slow=0.02), another_process(slow=0.02)]
    told = [process.communicate()[0].split()[1] for process in both]
    assert told[0] == told[1]
    assert len(list(own_cache.iterdir())) == -(-IMAGES // PART)
    assert torch.allclose(extract_features(model, arrays()).features, expected(arrays()), atol=1e-6)
    assert sum(passes) <= 2 * features_module.SPOT_CHECKS, "all parts were read"


def test_a_replaced_photo_costs_its_part_alone(photos, model, passes):
    extract_features(model, photos)
    path = photos.source.photos[9].path
    times = path.stat()
    Image.fromarray(255 - pixels()[9].numpy()).save(path)
    os.utime(path, ns=(times.st_atime_ns, times.st_mtime_ns))
    assert path.stat().st_size == times.st_size
    passes.clear()
    found = extract_features(model, photos)
    assert torch.allclose(found.features, expected(photos), atol=1e-6)
    assert sum(passes) <= PART + 2 * features_module.SPOT_CHECKS


def test_a_photo_replaced_while_it_is_computed_is_not_kept(photos, model, own_cache):
    def replace(module, inputs):
        path = photos.source.photos[0].path
        Image.fromarray(255 - pixels()[0].numpy()).save(path)

    model.register_forward_pre_hook(replace)
    extract_features(model, photos.subset(range(PART)))
    assert not list(own_cache.iterdir())


def test_other_weights_and_other_numbers_have_parts_of_their_own(model):
    files = {FeatureCache(model, None, "cpu").file(arrays())}
    files.add(FeatureCache(model, None, "cpu", torch.bfloat16).file(arrays()))
    model.register_buffer("unsaved", torch.ones(1), persistent=False)
    files.add(FeatureCache(model, None, "cpu").file(arrays()))
    model.unsaved += 1
    files.add(FeatureCache(model, None, "cpu").file(arrays()))
    assert len(files) == 4


def test_images_come_in_their_order_whatever_the_threads(monkeypatch):
    monkeypatch.setattr("helpers.training.ahead._threads", lambda: 3)
    chosen = [7, 3, 21, 0, 5]
    batches = list(batches_ahead(arrays(), chosen, 2))
    assert [len(labels) for _, labels in batches] == [2, 2, 1]
    wanted = torch.stack([arrays()[i][0] for i in chosen])
    assert torch.equal(torch.cat([images for images, _ in batches]), wanted)


def test_few_images_are_in_memory_at_a_time():
    read = []

    class Counted(ImageDataset):
        def __getitem__(self, index):
            read.append(index)
            return super().__getitem__(index)

    whole = arrays()
    counted = Counted(whole.source, whole.labels, whole.classes, whole.names, to_tensor)
    batches = batches_ahead(counted, range(IMAGES), 2)
    next(batches)
    batches.close()
    assert len(read) <= 2 * 8, "no more than what is under way"


def test_a_thread_of_its_own_leaves_the_number_of_threads(monkeypatch):
    before = torch.get_num_threads()
    list(batches_ahead(arrays(), range(4), 2))
    assert torch.get_num_threads() == before


def test_what_an_image_raises_comes_through(model):
    def broken(image):
        raise CourseError("this picture: its cause")

    with pytest.raises(CourseError, match="this picture"):
        extract_features(model, arrays().with_transform(broken))


class Cancelling(nn.Module):
    """What is left of two large numbers: with eight binary digits, nothing of worth."""

    def __init__(self):
        super().__init__()
        self.register_buffer("small", torch.randn(48, 6, generator=torch.Generator().manual_seed(0)) / 10)

    def forward(self, images):
        flat = images.flatten(1)
        return flat @ (100 + self.small) - flat @ torch.full_like(self.small, 100)


def test_bfloat16_is_taken_where_it_holds(model, capsys):
    exact = extract_features(model, arrays()).features
    short = extract_features(model, arrays(), bfloat16=True).features
    off = (short - exact).norm(dim=1) / exact.norm(dim=1)
    assert 0 < off.max() < features_module.BFLOAT16_TOLERANCE
    assert not capsys.readouterr().out


def test_where_bfloat16_does_not_hold_a_line_says_so_and_float32_is_taken(capsys):
    found = extract_features(Cancelling(), arrays(), bfloat16=True, cache=False).features
    assert "computing in float32" in capsys.readouterr().out
    assert torch.equal(found, extract_features(Cancelling(), arrays(), cache=False).features)
