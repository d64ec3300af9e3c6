"""Ridge regression on one-hot labels, in closed form; weights and names in one safetensors file."""

import json
from pathlib import Path

import torch
from safetensors import safe_open
from safetensors.torch import save_file
from torch import Tensor, nn

from helpers.data.images import open_image
from helpers.models import load_backbone


class Program:
    def train(self, folder: Path, file: Path) -> float:
        classes = sorted(sub.name for sub in folder.iterdir() if sub.is_dir())
        body, prepare = self.backbone()
        x, y = [], []
        for k, name in enumerate(classes):
            for photo in sorted((folder / name).iterdir()):
                if photo.suffix.lower() in (".jpg", ".png"):
                    x.append(body(prepare(open_image(photo))[None])[0])
                    y.append(k)
        x, y = nn.functional.normalize(torch.stack(x), dim=1), torch.tensor(y)

        generator = torch.Generator().manual_seed(2024)
        learn = torch.rand(len(y), generator=generator) < 0.7
        for k in range(len(classes)):  # at least two on either side, whatever the dice say
            own = (y == k).nonzero().flatten()
            learn[own[:2]], learn[own[-2:]] = True, False
        weights = self.solve(x[learn], nn.functional.one_hot(y[learn], len(classes)).float())
        save_file({"weights": weights}, str(file), metadata={"classes": json.dumps(classes)})
        return ((self.scores(x[~learn], weights).argmax(1)) == y[~learn]).double().mean().item()

    def predict(self, file: Path, photos: list) -> list[str]:
        with safe_open(str(file), framework="pt") as saved:
            weights = saved.get_tensor("weights")
            classes = json.loads(saved.metadata()["classes"])
        body, prepare = self.backbone()
        answers = []
        for photo in photos:
            features = nn.functional.normalize(body(prepare(open_image(photo))[None]), dim=1)
            answers.append(classes[self.scores(features, weights).argmax(1).item()])
        return answers

    @staticmethod
    def backbone():
        """All layers but the last, in one nn.Sequential."""
        loaded = load_backbone("efficientnet_lite2")
        body = nn.Sequential(*list(loaded.model.children())[:-1]).eval()
        for p in body.parameters():
            p.requires_grad_(False)
        return body, loaded.transforms

    @staticmethod
    def solve(x: Tensor, targets: Tensor, penalty: float = 0.1) -> Tensor:
        x = torch.cat([x, torch.ones(len(x), 1)], dim=1)
        # in the dual: n x n in place of 1281 x 1281
        return x.T @ torch.linalg.solve(x @ x.T + penalty * torch.eye(len(x)), targets)

    @staticmethod
    def scores(x: Tensor, weights: Tensor) -> Tensor:
        return x @ weights[:-1] + weights[-1]
