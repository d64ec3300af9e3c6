"""A class that keeps its backbone, head and class names; mirrored photos in training."""

import random

import torch
import torch.nn.functional as F
from PIL import Image, ImageOps
from torch import nn

from helpers.models import FrozenBackbone, load_backbone, remove_head


class Program:
    EPOCHS = 5
    BATCH = 8

    def __init__(self):
        self.classes = []
        self.head = None
        loaded = load_backbone("efficientnet_lite0")
        self.prepare = loaded.transforms
        network, self.width = remove_head(loaded.model)
        self.backbone = FrozenBackbone(network)
        self.rng = random.Random(0)

    # ---- the two methods of the exercise

    def train(self, folder, file):
        self.classes = sorted(one.name for one in folder.iterdir() if one.is_dir())
        learn, check = [], []
        for label, name in enumerate(self.classes):
            photos = sorted(p for p in (folder / name).iterdir() if p.suffix.lower() in {".jpg", ".png"})
            self.rng.shuffle(photos)
            cut = max(3, len(photos) // 5)
            check += [(photo, label) for photo in photos[:cut]]
            learn += [(photo, label) for photo in photos[cut:]]
        self.head = nn.Sequential(nn.Dropout(0.1), nn.Linear(self.width, len(self.classes)))
        self._fit(learn)
        self._save(file)
        return self._accuracy(check)

    def predict(self, file, photos):
        self._load(file)
        return [self.classes[self._scores(photo).argmax()] for photo in photos]

    # ---- the rest

    def _image(self, photo):
        with Image.open(photo) as image:
            return ImageOps.exif_transpose(image).convert("RGB")

    def _fit(self, learn):
        model = nn.Sequential(self.backbone, self.head)
        model.train()  # the backbone stays in eval()
        optimizer = torch.optim.SGD(self.head.parameters(), lr=0.05, momentum=0.9)
        for _ in range(self.EPOCHS):
            self.rng.shuffle(learn)
            for start in range(0, len(learn), self.BATCH):
                batch = learn[start : start + self.BATCH]
                pictures = []
                for photo, _label in batch:
                    picture = self._image(photo)
                    if self.rng.random() < 0.5:
                        picture = ImageOps.mirror(picture)
                    pictures.append(self.prepare(picture))
                loss = F.cross_entropy(model(torch.stack(pictures)), torch.tensor([label for _, label in batch]))
                optimizer.zero_grad()
                loss.backward()
                optimizer.step()

    @torch.inference_mode()
    def _scores(self, photo):
        self.head.eval()
        return self.head(self.backbone(self.prepare(self._image(photo))[None]))[0]

    def _accuracy(self, check):
        return sum(int(self._scores(photo).argmax()) == label for photo, label in check) / len(check)

    def _save(self, file):
        torch.save({"names": self.classes, "head": self.head.state_dict()}, file)

    def _load(self, file):
        saved = torch.load(file)
        self.classes = saved["names"]
        self.head = nn.Sequential(nn.Dropout(0.1), nn.Linear(self.width, len(self.classes)))
        self.head.load_state_dict(saved["head"])
