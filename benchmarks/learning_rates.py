"""How lesson 05 came to its learning rates: every candidate on the validation part, several seeds.

    python benchmarks/learning_rates.py --dataset "painted flowers"
    python benchmarks/learning_rates.py --dataset /path/to/photos --epochs 10

Each candidate trains the whole network for equally many epochs, with BatchNorm's statistics kept, warm-up and cosine.
`one` gives every part the same rate, `stages` multiplies 1e-5, 1e-5, 1e-4, 1e-4, 1e-3, and `layers` lets the rate fall
from the head by a factor of 2.6 a stage. With `first`, a head trained on frozen features comes first. The test part is
not loaded.
"""

from __future__ import annotations

import argparse
import copy
from collections.abc import Iterator

import torch
from torch import Tensor, nn

from helpers.course import show_table
from helpers.data import load_dataset
from helpers.models import load_backbone, parameter_groups, remove_head, replace_head, stages_of
from helpers.training import FlippedBatches, as_tensors, evaluate, predict, train

STAGES = [1e-5, 1e-5, 1e-4, 1e-4, 1e-3]
CANDIDATES = {
    **{f"one {rate:.0e}": [rate] * 5 for rate in (3e-5, 1e-4, 3e-4, 6e-4, 1e-3)},
    **{f"stages x {factor}": [factor * rate for rate in STAGES] for factor in (1, 3, 5, 10)},
    **{f"layers {rate:.0e}": [rate / 2.6 ** (4 - i) for i in range(5)] for rate in (1e-3, 3e-3)},
    **{f"first, one {rate:.0e}": [rate] * 5 for rate in (1e-4, 3e-4, 6e-4)},
    **{f"first, stages x {factor}": [factor * rate for rate in STAGES] for factor in (3, 5)},
}


class Bench:
    """One dataset and one backbone; `accuracies` trains a candidate once a seed."""

    def __init__(self, dataset: str, backbone: str, side: int, per_class: int, epochs: int, batch_size: int):
        self.backbone = load_backbone(backbone)
        data = load_dataset(dataset, val_per_class=30 if dataset == "painted flowers" else None)
        data = data.with_transform(self.backbone.transforms_for(side))
        self.train_part, self.classes, self.per_class = data.train, len(data.classes), per_class
        self.images, self.labels = as_tensors(data.train)
        self.val = [as_tensors(data.val)]
        self.epochs, self.batch_size = epochs, batch_size
        frozen, self.width = remove_head(copy.deepcopy(self.backbone.model))
        self.features, _ = predict(frozen, [(self.images, self.labels)])
        self.parts = stages_of(self._fresh(0))

    def accuracies(self, name: str, rates: list[float], seeds: int) -> Tensor:
        return torch.tensor([self._accuracy(name, rates, seed) for seed in range(seeds)])

    def _accuracy(self, name: str, rates: list[float], seed: int) -> float:
        network, chosen = self._fresh(seed), torch.from_numpy(self.train_part.indices_per_class(self.per_class, seed))
        if name.startswith("first"):
            self._put_in_head(network, chosen, seed)
        groups = parameter_groups(network, dict(zip(self.parts, rates, strict=True)), self.parts, weight_decay=1e-4)
        optimizer = torch.optim.AdamW(groups, fused=True)
        batches = FlippedBatches(self.images[chosen], self.labels[chosen], batch_size=self.batch_size, seed=seed)
        steps = self.epochs * len(batches)
        warm_up = max(1, steps // 10)
        up = torch.optim.lr_scheduler.LinearLR(optimizer, start_factor=0.1, total_iters=warm_up)
        down = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, T_max=max(1, steps - warm_up))
        schedule = torch.optim.lr_scheduler.SequentialLR(optimizer, [up, down], milestones=[warm_up])
        train(_KeepStatistics(network), batches, optimizer, epochs=self.epochs, scheduler=schedule)
        return evaluate(network, self.val)

    def _fresh(self, seed: int) -> nn.Module:
        torch.manual_seed(seed)
        network = replace_head(copy.deepcopy(self.backbone.model), self.classes)
        return network.to(memory_format=torch.channels_last)

    def _put_in_head(self, network: nn.Module, chosen: Tensor, seed: int) -> None:
        torch.manual_seed(seed)
        probe = nn.Linear(self.width, self.classes)
        optimizer = torch.optim.AdamW(probe.parameters(), lr=1e-3, weight_decay=1e-2)
        for _ in range(60):
            dropped = nn.functional.dropout(self.features[chosen], 0.5)
            loss = nn.functional.cross_entropy(probe(dropped), self.labels[chosen])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
        weight, bias = (network.get_parameter(name) for name in self.parts["head"])
        with torch.no_grad():
            weight.copy_(probe.weight)
            bias.copy_(probe.bias)


class _KeepStatistics(nn.Module):
    """As in lesson 05: BatchNorm keeps its statistics in training."""

    def __init__(self, network: nn.Module):
        super().__init__()
        self.network = network

    def train(self, mode: bool = True) -> _KeepStatistics:
        super().train(mode)
        for layer in self.network.modules():
            if isinstance(layer, nn.BatchNorm2d):
                layer.eval()
        return self

    def forward(self, images: Tensor) -> Tensor:
        return self.network(images)


def rows(bench: Bench, names: list[str], seeds: int) -> Iterator[dict]:
    for name in names:
        found = bench.accuracies(name, CANDIDATES[name], seeds)
        print(f"{name:20} {found.mean():.3f} ± {found.std():.3f}", flush=True)
        yield {"rates": name, "accuracy": found.mean().item(), "sd": found.std().item(), "lowest": found.min().item()}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--dataset", default="painted flowers")
    parser.add_argument("--backbone", default="efficientnet_lite0")
    parser.add_argument("--side", type=int, default=64, help="pixels")
    parser.add_argument("--per-class", type=int, default=12, help="training pictures a class")
    parser.add_argument("--epochs", type=int, default=3)
    parser.add_argument("--batch-size", type=int, default=12)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--only", nargs="+", choices=list(CANDIDATES), default=list(CANDIDATES), metavar="CANDIDATE")
    chosen = parser.parse_args()
    if chosen.seeds < 2:
        parser.error("--seeds: a spread needs 2 seeds or more")
    bench = Bench(chosen.dataset, chosen.backbone, chosen.side, chosen.per_class, chosen.epochs, chosen.batch_size)
    found = sorted(rows(bench, chosen.only, chosen.seeds), key=lambda row: -row["accuracy"])
    show_table(found, f"Validation accuracy over {chosen.seeds} seeds, {chosen.epochs} epochs, {chosen.side} px")


if __name__ == "__main__":
    main()
