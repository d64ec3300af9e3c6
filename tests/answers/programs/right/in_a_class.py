"""A class with a module of its own, as in Lightning: `training_step`, flips and random crops, one photo at a time."""

import torch
from PIL import Image
from torch import nn
from torchvision.transforms import v2

from helpers.models import FrozenBackbone, load_backbone, remove_head


class Classifier(nn.Module):
    def __init__(self, classes):
        super().__init__()
        loaded = load_backbone()
        network, width = remove_head(loaded.model)
        self.prepare = loaded.transforms
        self.backbone = FrozenBackbone(network.to(memory_format=torch.channels_last))
        self.head = nn.Sequential(nn.Dropout(0.2), nn.Linear(width, classes))

    def forward(self, images):
        return self.head(self.backbone(images.to(memory_format=torch.channels_last)))

    def training_step(self, images, labels):
        return nn.functional.cross_entropy(self(images), labels, label_smoothing=0.05)

    def configure_optimizers(self):
        return torch.optim.AdamW([p for p in self.parameters() if p.requires_grad], lr=0.01)


def batch_of(module, photos, augment=None):
    pictures = [Image.open(photo).convert("RGB") for photo in photos]
    return torch.stack([module.prepare(augment(picture) if augment else picture) for picture in pictures])


class Program:
    augment = v2.Compose([v2.RandomHorizontalFlip(), v2.RandomCrop(100)])

    def train(self, folder, file):
        names = sorted(path.name for path in folder.glob("*") if path.is_dir())
        photos = [sorted((folder / name).iterdir()) for name in names]
        apart = [(photo, label) for label, of_class in enumerate(photos) for photo in of_class[:3]]
        learned = [(photo, label) for label, of_class in enumerate(photos) for photo in of_class[3:]]
        val = [photo for photo, _ in apart]
        truth = torch.tensor([label for _, label in apart])
        module = Classifier(len(names))
        optimizer = module.configure_optimizers()
        for _ in range(2):
            module.train()
            for index in torch.randperm(len(learned)).split(5):
                images = batch_of(module, [learned[i][0] for i in index], self.augment)
                optimizer.zero_grad()
                module.training_step(images, torch.tensor([learned[i][1] for i in index])).backward()
                optimizer.step()
        module.eval()
        with torch.no_grad():
            found = (module(batch_of(module, val)).argmax(dim=1) == truth).double().mean()
        torch.save({"names": names, "head": module.head.state_dict()}, file)
        return found

    @torch.no_grad()
    def predict(self, file, photos):
        saved = torch.load(file, weights_only=True)
        module = Classifier(len(saved["names"])).eval()
        module.head.load_state_dict(saved["head"])
        return [saved["names"][i] for photo in photos for i in module(batch_of(module, [photo])).argmax(dim=1).tolist()]
