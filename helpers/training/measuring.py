"""How much memory a piece of work needs at its highest point, and how long an image takes in training."""

from __future__ import annotations

import ctypes
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import psutil
import torch
from torch import Tensor, nn

from helpers.training.devices import pick_device

SAMPLE_EVERY = 0.005  # seconds


@dataclass
class Peak:
    """The highest memory use of a block, beyond what was in use when it began; known once the block has ended."""

    bytes: int = 0

    @property
    def megabytes(self) -> float:
        """In 1e6 bytes."""
        return self.bytes / 1e6


@contextmanager
def peak_memory(device: torch.device | str = "cpu") -> Iterator[Peak]:
    """Measure the memory that a block needs: `with peak_memory(device) as peak: ...`, then `peak.megabytes`.

    On CUDA it is what tensors take on the GPU, counted by PyTorch's own allocator (`max_memory_allocated`). Elsewhere
    it is how far the resident memory of the process grows, looked at every 5 ms from a thread; whatever else the
    process does meanwhile counts too. Free memory is given back to the system first, where the C library can
    (`malloc_trim`): else the block would fill what others have left, and seem to need less.

    Raises:
        CourseError: there is no such device.
    """
    device, peak = pick_device(str(device)), Peak()
    with _on_cuda(device, peak) if device.type == "cuda" else _resident(peak):
        yield peak


@contextmanager
def _on_cuda(device: torch.device, peak: Peak) -> Iterator[None]:
    torch.cuda.synchronize(device)
    torch.cuda.reset_peak_memory_stats(device)
    before = torch.cuda.memory_allocated(device)
    try:
        yield
    finally:
        peak.bytes = torch.cuda.max_memory_allocated(device) - before


@contextmanager
def _resident(peak: Peak) -> Iterator[None]:
    give_back_free_memory()
    process, ended = psutil.Process(), threading.Event()
    before = process.memory_info().rss

    def look() -> None:
        peak.bytes = max(peak.bytes, process.memory_info().rss - before)

    def watch() -> None:
        while not ended.wait(SAMPLE_EVERY):
            look()

    watcher = threading.Thread(target=watch, daemon=True, name="peak memory")
    watcher.start()
    try:
        yield
    finally:
        ended.set()
        watcher.join()
        look()


def give_back_free_memory() -> None:
    """Give what this process has freed back to the system, where the C library can."""
    if sys.platform == "linux":
        trim = getattr(ctypes.CDLL(None), "malloc_trim", None)  # glibc has it, musl does not
        if trim is not None:
            trim(0)


TOO_LONG = 0.5  # seconds an image: a whole batch of such would take its time, and memory


def seconds_a_training_image(
    model: nn.Module, optimizer: torch.optim.Optimizer, image: Tensor, *, batch_size: int, device: torch.device | str
) -> float:
    """Seconds that an image takes in a training step (forward, backward, step), in a batch of `batch_size`.

    A small network on small images can be faster with one CPU thread than with several, which wait for one another.
    Both are measured, and torch is left with the faster number of threads. Where an image takes longer than half a
    second, two images are measured in place of a batch, and the threads stay as they are. The optimizer takes steps:
    give it rates of 0 where the model shall stay as it is. `image` is [3, height, width].
    """
    an_image = _step_seconds(model, optimizer, image, 2, device) / 2
    if an_image >= TOO_LONG:
        return an_image
    by_threads = {}
    for threads in sorted({torch.get_num_threads(), 1}):
        torch.set_num_threads(threads)
        by_threads[threads] = _step_seconds(model, optimizer, image, batch_size, device) / batch_size
    torch.set_num_threads(min(by_threads, key=by_threads.__getitem__))
    return min(by_threads.values())


def _step_seconds(model, optimizer, image: Tensor, count: int, device) -> float:
    """Of one training step with `count` copies of the image, the fastest of three."""
    images = image.expand(count, *image.shape).to(device)
    labels = torch.zeros(count, dtype=torch.long, device=device)
    took = []
    for _ in range(3):
        started = time.perf_counter()
        loss = nn.functional.cross_entropy(model(images), labels)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        loss.item()  # waits for a GPU
        took.append(time.perf_counter() - started)
    optimizer.zero_grad()
    return min(took)


@dataclass(frozen=True)
class StepMemory:
    """What one training step keeps beside the weights, in bytes."""

    gradients: int
    optimizer: int
    activations: int


def step_memory(model: nn.Module, optimizer: torch.optim.Optimizer, images: Tensor, labels: Tensor) -> StepMemory:
    """Take a real training step, and count the bytes of what had to be kept.

    Counted are the gradients, the optimizer's tensors after the step, and the tensors that the forward pass saved for
    the way back, each memory block once. Blocks of the weights are not counted: they are there anyway. It is a count
    and not a peak: what operations need in between comes on top.
    """
    own = {_block(one).data_ptr() for one in (*model.parameters(), *model.buffers())}
    saved: dict[int, int] = {}

    def remember(tensor: Tensor) -> Tensor:
        block = _block(tensor)
        if block.data_ptr() not in own:
            saved[block.data_ptr()] = block.nbytes()
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(remember, lambda tensor: tensor):
        loss = nn.functional.cross_entropy(model(images), labels)
    activations = sum(saved.values())
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    gradients = sum(one.grad.nbytes for one in model.parameters() if one.grad is not None)
    state = [one for of_one in optimizer.state.values() for one in of_one.values() if isinstance(one, Tensor)]
    return StepMemory(gradients, sum(one.nbytes for one in state if one.ndim), activations)


def _block(tensor: Tensor) -> torch.UntypedStorage:
    return tensor.untyped_storage()
