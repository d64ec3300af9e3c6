"""One training loop, evaluation, cached features and devices.

Importing it has the C library keep freed memory, as `helpers.training.allocator` tells.
"""

from helpers.training.allocator import keep_freed_memory
from helpers.training.batches import FlippedBatches, as_tensors
from helpers.training.devices import device_name, pick_device, seed_everything
from helpers.training.features import extract_features
from helpers.training.loop import accuracy, evaluate, loader, predict, train
from helpers.training.remembering import remembered
from helpers.training.stopping import until_it_stops

keep_freed_memory()

__all__ = [
    "FlippedBatches",
    "accuracy",
    "as_tensors",
    "device_name",
    "evaluate",
    "extract_features",
    "loader",
    "pick_device",
    "predict",
    "remembered",
    "seed_everything",
    "train",
    "until_it_stops",
]
