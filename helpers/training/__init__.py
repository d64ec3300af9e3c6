"""One training loop, evaluation, cached features and devices."""

from helpers.training.batches import FlippedBatches, as_tensors
from helpers.training.devices import device_name, pick_device, seed_everything
from helpers.training.features import extract_features
from helpers.training.loop import accuracy, evaluate, loader, predict, train
from helpers.training.stopping import until_it_stops

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
    "seed_everything",
    "train",
    "until_it_stops",
]
