"""The study behind lesson 08: seven strategies, from two pictures a class to thousands, near to ImageNet and far away.

`benchmarks/study.py` makes it (`make study`), and `data/measured/study.json` holds it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from helpers.course.measured import load_measured
from helpers.errors import CourseError, unknown_name

NAME = "study"


@dataclass(frozen=True)
class Domain:
    """Pictures of one kind. `distance` is that from the network's pretraining (`helpers.models.distance`)."""

    distance: float
    classes: int
    test_images: int


@dataclass(frozen=True)
class Cell:
    """One strategy with so many training pictures a class of one domain, trained with several seeds.

    Attributes:
        right: which test images each run got right, boolean [seeds, test images]: the same images in each cell of a
            domain.
        rate: the learning rate that the search found.
        epochs: how often each run used its training pictures until its validation had stopped, one number a seed.
        trainable: how many parameters could move.
    """

    right: Tensor
    rate: float
    epochs: tuple[float, ...]
    trainable: int

    @property
    def accuracies(self) -> Tensor:
        """Of each run, on the test part: [seeds], from 0 to 1."""
        return self.right.double().mean(dim=1)


@dataclass(frozen=True)
class Study:
    """The whole table. `domains` and `strategies` are names; those of domains begin with the nearest to ImageNet."""

    about: dict[str, Domain]
    strategies: tuple[str, ...]
    parameters: dict[str, Any]
    versions: dict[str, str]
    cells: dict[tuple[str, str, int], Cell]

    @property
    def seeds(self) -> list[int]:
        return self.parameters["SEEDS"]

    @property
    def domains(self) -> tuple[str, ...]:
        return tuple(self.about)

    def sizes(self, domain: str) -> list[int]:
        """The numbers of training pictures a class, from the smallest.

        Raises:
            CourseError: there is no such domain.
        """
        if domain not in self.about:
            raise unknown_name("domain of the study", domain, self.about)
        return sorted({size for name, _, size in self.cells if name == domain})

    def cell(self, domain: str, strategy: str, per_class: int) -> Cell:
        """One strategy with `per_class` training pictures a class.

        Raises:
            CourseError: the study has no such domain, strategy or size.
        """
        sizes = self.sizes(domain)
        if strategy not in self.strategies:
            raise unknown_name("strategy of the study", strategy, self.strategies)
        if per_class not in sizes:
            known = ", ".join(map(str, sizes))
            raise CourseError(f"the study has no {per_class} pictures a class of {domain}: ask for one of {known}")
        return self.cells[domain, strategy, per_class]

    def right(self, domain: str, per_class: int) -> dict[str, Tensor]:
        """Which test images each strategy got right, by its name: boolean [seeds, test images]."""
        return {name: self.cell(domain, name, per_class).right for name in self.strategies}


def load_study() -> Study:
    """What `make study` found.

    Raises:
        CourseError: the file is not there, or it is damaged.
    """
    found = load_measured(NAME)
    about = {name: Domain(**one) for name, one in found["domains"].items()}
    about = dict(sorted(about.items(), key=lambda item: item[1].distance))
    cells = {
        (row["domain"], row["strategy"], row["per_class"]): _cell(row, about[row["domain"]]) for row in found["results"]
    }
    strategies = tuple(found["parameters"]["RATES"])
    return Study(about, strategies, found["parameters"], found["versions"], cells)


def _cell(row: dict[str, Any], domain: Domain) -> Cell:
    right = torch.stack([unpacked(run, domain.test_images) for run in row["right"]])
    return Cell(right, row["rate"], tuple(row["epochs"]), row["trainable"])


def packed(right: Sequence[bool]) -> str:
    """Right and wrong as hexadecimal digits, four pictures each, the last one filled up with zeros."""
    bits = "".join("01"[one] for one in right)
    bits += "0" * (-len(bits) % 4)
    return f"{int(bits, 2):0{len(bits) // 4}x}"


def unpacked(digits: str, images: int) -> Tensor:
    """What `packed` has packed: boolean [images]."""
    bits = f"{int(digits, 16):0{4 * len(digits)}b}"
    return torch.tensor([bit == "1" for bit in bits[:images]])
