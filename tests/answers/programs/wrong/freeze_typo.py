"""Wrong: `model.requires_grad = False` sets an attribute that nobody reads; the method is `requires_grad_`. The
optimizer gets all parameters, so the whole network is trained. (All of it is saved, so `predict` works.)

Refused with: freezes properly: missing: training moved `conv_stem.weight`
"""

import torch
from PIL import Image
from torch import nn
from torch.utils.data import DataLoader, random_split
from torchvision.datasets import ImageFolder

from helpers.models import load_backbone


class Program:
    def _model(self, n):
        b = load_backbone("efficientnet_lite0")
        self.tf = b.transforms
        model = b.model
        model.requires_grad = False
        model.classifier = nn.Linear(1280, n)
        return model

    def train(self, folder, file):
        torch.manual_seed(0)
        classes = sorted(d.name for d in folder.iterdir() if d.is_dir())
        model = self._model(len(classes))
        data = ImageFolder(folder, self.tf)
        n_val = len(data) // 4
        train_set, val_set = random_split(data, [len(data) - n_val, n_val])
        opt = torch.optim.Adam(model.parameters(), lr=1e-3)
        for _ in range(4):
            model.train()
            for x, y in DataLoader(train_set, batch_size=9, shuffle=True):
                opt.zero_grad()
                nn.functional.cross_entropy(model(x), y).backward()
                opt.step()
        model.eval()
        with torch.no_grad():
            right = sum((model(x).argmax(1) == y).sum().item() for x, y in DataLoader(val_set, batch_size=9))
        torch.save({"classes": classes, "model": model.state_dict()}, file)
        return right / n_val

    def predict(self, file, photos):
        saved = torch.load(file)
        model = self._model(len(saved["classes"]))
        model.load_state_dict(saved["model"])
        model.eval()
        with torch.no_grad():
            return [
                saved["classes"][model(self.tf(Image.open(p).convert("RGB"))[None]).argmax().item()] for p in photos
            ]
