"""Datasets in three parts, by name or from a folder, and images from any file."""

from helpers.data.datasets import DATASETS, load_dataset
from helpers.data.images import ImageProblem, open_image
from helpers.data.photos import ExamplePhoto, example_photos
from helpers.data.splits import ImageDataset, Skipped, Splits, stratified_split

__all__ = [
    "DATASETS",
    "ExamplePhoto",
    "ImageDataset",
    "ImageProblem",
    "Skipped",
    "Splits",
    "example_photos",
    "load_dataset",
    "open_image",
    "stratified_split",
]
