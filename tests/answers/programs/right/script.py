"""A script with argparse, an MLP head that scikit-learn would not know, and a file that holds the whole network."""

import argparse
import random
from pathlib import Path

import torch
from PIL import Image
from torch import nn

from helpers.models import load_backbone


def prepared(transforms, photos):
    return torch.stack([transforms(Image.open(photo).convert("RGB")) for photo in photos])


def train(folder: Path, file: Path) -> float:
    backbone = load_backbone("efficientnet_lite0")
    model = backbone.model.to(memory_format=torch.channels_last).eval()
    model.requires_grad_(False)
    model.classifier = nn.Identity()
    classes = sorted(child.name for child in folder.iterdir() if child.is_dir())
    photos = [(photo, label) for label, name in enumerate(classes) for photo in (folder / name).iterdir()]
    random.Random(3).shuffle(photos)
    labels = torch.tensor([label for _, label in photos])
    features = model(prepared(backbone.transforms, [photo for photo, _ in photos]))
    cut = int(0.7 * len(photos))

    head = nn.Sequential(nn.LazyLinear(64), nn.ReLU(), nn.Dropout(0.3), nn.Linear(64, len(classes)))
    head(features[:2])
    optimizer = torch.optim.AdamW(head.parameters(), lr=3e-3)
    for epoch in range(40):
        head.train()
        loss = nn.functional.cross_entropy(head(features[:cut]), labels[:cut])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        print(f"epoch {epoch}: {loss.item():.3f}")
    head.eval()
    model.classifier = head
    torch.save({"model": model, "classes": classes, "transforms": backbone.transforms}, file)
    return (head(features[cut:]).argmax(1) == labels[cut:]).float().mean().item()


def predict(file: Path, photos: list[Path]) -> list[str]:
    saved = torch.load(file, weights_only=False)
    with torch.no_grad():
        logits = saved["model"](prepared(saved["transforms"], photos))
    return [saved["classes"][i] for i in logits.argmax(1)]


def main():
    parser = argparse.ArgumentParser()
    commands = parser.add_subparsers(dest="command", required=True)
    to_train = commands.add_parser("train")
    to_train.add_argument("folder", type=Path)
    to_train.add_argument("file", type=Path)
    to_predict = commands.add_parser("predict")
    to_predict.add_argument("file", type=Path)
    to_predict.add_argument("photos", type=Path, nargs="+")
    given = parser.parse_args()
    if given.command == "train":
        print(train(given.folder, given.file))
    else:
        print("\n".join(predict(given.file, given.photos)))


if __name__ == "__main__":
    main()
