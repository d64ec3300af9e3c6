"""Peak memory: what a block needs, beyond what was there, also where it is given back before the end."""

from __future__ import annotations

import sys
import threading
import time

import pytest
import torch
from torch import nn

from helpers.errors import CourseError
from helpers.training import measuring
from helpers.training.measuring import Peak, peak_memory, seconds_a_training_image, step_memory

MEGABYTES = 200
SLACK = 40  # what the interpreter and the allocator may add or keep


def _filled(megabytes: float = MEGABYTES) -> torch.Tensor:
    """Pages count once they are written to, so `empty` would not do."""
    return torch.ones(int(megabytes * 1e6 / 4))


def _close(peak: Peak, megabytes: float) -> bool:
    return abs(peak.megabytes - megabytes) < SLACK


def test_a_tensor_that_stays_counts() -> None:
    with peak_memory() as peak:
        kept = _filled()
    assert _close(peak, MEGABYTES), peak
    assert len(kept)


def test_a_tensor_that_is_gone_at_the_end_counts() -> None:
    with peak_memory() as peak:
        short = _filled()
        time.sleep(0.05)
        del short
        last = _filled(10)
    assert _close(peak, MEGABYTES), peak
    assert len(last)


def test_two_at_a_time_count_together_and_one_after_the_other_do_not() -> None:
    with peak_memory() as together:
        both = _filled(), _filled()
    del both
    with peak_memory() as in_turn:
        for _ in range(2):
            one = _filled()
            time.sleep(0.05)
            del one
    assert _close(together, 2 * MEGABYTES), together
    assert _close(in_turn, MEGABYTES), in_turn


def test_what_was_there_before_does_not_count() -> None:
    before = _filled()
    with peak_memory() as peak:
        before += 1
    assert peak.megabytes < SLACK, peak


@pytest.mark.skipif(sys.platform != "linux", reason="only glibc gives free memory back when asked")
def test_memory_that_another_block_left_counts_again() -> None:
    """Blocks below the size from which on malloc maps each by itself are kept for later by the C library."""
    left = [_filled(0.1) for _ in range(10 * MEGABYTES)]
    last = _filled(0.1)  # above the others, so that the heap does not shrink by itself
    del left
    with peak_memory() as peak:
        again = [_filled(0.1) for _ in range(10 * MEGABYTES)]
    assert _close(peak, MEGABYTES), peak
    assert len(again) and len(last)


def test_nothing_needs_nothing() -> None:
    with peak_memory("cpu") as peak:
        time.sleep(0.02)
    assert 0 <= peak.megabytes < SLACK


def test_an_error_comes_through_and_the_watcher_ends() -> None:
    with pytest.raises(ZeroDivisionError), peak_memory() as peak:
        kept = _filled()
        raise ZeroDivisionError
    assert _close(peak, MEGABYTES)
    assert len(kept)
    assert "peak memory" not in [thread.name for thread in threading.enumerate()]


def test_one_inside_another() -> None:
    with peak_memory() as outer:
        first = _filled()
        with peak_memory() as inner:
            second = _filled()
    assert _close(inner, MEGABYTES), inner
    assert _close(outer, 2 * MEGABYTES), outer
    assert len(first) == len(second)


@pytest.mark.parametrize("device", ["gpu", "cuda:99", "", None])
def test_no_such_device_is_a_course_error(device: object) -> None:
    with pytest.raises(CourseError, match="no device"), peak_memory(device):
        pass


@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA here")
def test_on_a_gpu_the_allocator_counts() -> None:
    before = torch.ones(int(1e6), device="cuda")
    with peak_memory("cuda") as peak:
        gone = torch.ones(int(MEGABYTES * 1e6 / 4), device="cuda")
        del gone
    assert abs(peak.megabytes - MEGABYTES) < 3, peak
    assert len(before)


class Slow(nn.Module):
    """A layer that takes so many seconds an image, and knows in how large batches it was asked."""

    def __init__(self, seconds: float) -> None:
        super().__init__()
        self.layer, self.seconds, self.asked = nn.Linear(12, 2), seconds, []

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        self.asked.append(len(images))
        time.sleep(self.seconds * len(images))
        return self.layer(images.flatten(1))


@pytest.fixture
def threads():
    before = torch.get_num_threads()
    yield before
    torch.set_num_threads(before)


def _seconds(model: Slow) -> float:
    optimizer = torch.optim.AdamW(model.parameters(), lr=0.0, weight_decay=0.1)
    return seconds_a_training_image(model, optimizer, torch.zeros(3, 2, 2), batch_size=4, device="cpu")


def test_a_training_step_is_told_by_the_image_and_leaves_the_network_as_it_was(threads) -> None:
    model = Slow(0.005)
    before = {name: value.clone() for name, value in model.state_dict().items()}
    assert 0.005 <= _seconds(model) < 0.05
    assert model.asked[-1] == 4
    assert all(torch.equal(before[name], value) for name, value in model.state_dict().items())
    assert all(parameter.grad is None for parameter in model.parameters())
    assert torch.get_num_threads() in {1, threads}


def test_a_slow_network_is_asked_for_two_images_and_no_batch(threads, monkeypatch) -> None:
    monkeypatch.setattr(measuring, "TOO_LONG", 0.004)
    model = Slow(0.005)
    assert _seconds(model) >= 0.005
    assert set(model.asked) == {2}
    assert torch.get_num_threads() == threads


def test_step_memory_counts_gradients_optimizer_and_what_was_saved():
    model = nn.Sequential(nn.Linear(8, 16, bias=False), nn.ReLU(), nn.Linear(16, 2, bias=False))
    images, labels = torch.randn(4, 8), torch.tensor([0, 1, 0, 1])
    model[0].requires_grad_(False)
    optimizer = torch.optim.AdamW(model[2].parameters())
    found = step_memory(model, optimizer, images, labels)
    assert found.gradients == 4 * 32 and found.optimizer == 2 * 4 * 32
    hidden, log_softmax = 4 * 4 * 16, 4 * 4 * 2
    assert hidden + log_softmax <= found.activations <= hidden + log_softmax + 8 * 5  # labels, and a scalar


def test_step_memory_of_the_whole_network_is_more():
    def of(trainable):
        torch.manual_seed(0)
        model = nn.Sequential(nn.Linear(8, 16), nn.ReLU(), nn.Linear(16, 2))
        model[0].requires_grad_(trainable)
        optimizer = torch.optim.SGD([p for p in model.parameters() if p.requires_grad], lr=0.1)
        return step_memory(model, optimizer, torch.randn(4, 8), torch.tensor([0, 1, 0, 1]))

    assert of(True).activations > of(False).activations and of(True).gradients > of(False).gradients
    assert of(True).optimizer == 0  # SGD without momentum remembers nothing
