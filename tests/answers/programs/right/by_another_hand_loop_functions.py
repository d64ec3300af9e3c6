"""ImageFolder, DataLoader, the usual torch loop; the backbone runs in every step."""

import torch
from torch import nn
from torch.utils.data import DataLoader, Subset
from torchvision.datasets import ImageFolder

from helpers.data.images import open_image
from helpers.models import load_backbone, replace_head


def build(number_of_classes):
    backbone = load_backbone("efficientnet_lite0")
    model = backbone.model
    for parameter in model.parameters():
        parameter.requires_grad = False
    replace_head(model, number_of_classes)  # the new layer can learn
    return model, backbone.transforms


def training_mode(model):
    model.train()
    for layer in model.modules():
        if isinstance(layer, nn.BatchNorm2d):
            layer.eval()


def split(labels, every=4):
    """Every fourth photo of each class is for validation."""
    train, val, seen = [], [], {}
    for index, label in enumerate(labels):
        seen[label] = seen.get(label, 0) + 1
        (val if seen[label] % every == 0 else train).append(index)
    return train, val


def train(folder, file):
    torch.manual_seed(1)
    with_classes = ImageFolder(folder)
    model, transform = build(len(with_classes.classes))
    data = ImageFolder(folder, transform=transform, loader=open_image)
    train_index, val_index = split(data.targets)
    train_loader = DataLoader(Subset(data, train_index), batch_size=16, shuffle=True)
    val_loader = DataLoader(Subset(data, val_index), batch_size=16)

    optimizer = torch.optim.Adam([p for p in model.parameters() if p.requires_grad], lr=3e-3)
    criterion = nn.CrossEntropyLoss()
    for epoch in range(4):
        training_mode(model)
        total = 0.0
        for images, labels in train_loader:
            optimizer.zero_grad()
            loss = criterion(model(images), labels)
            loss.backward()
            optimizer.step()
            total += loss.item() * len(labels)
        print(f"epoch {epoch + 1}: loss {total / len(train_index):.3f}")

    model.eval()
    correct = 0
    with torch.no_grad():
        for images, labels in val_loader:
            correct += (model(images).argmax(dim=1) == labels).sum().item()
    torch.save({"classes": data.classes, "model": model.state_dict()}, file)
    return correct / len(val_index)


def predict(file, photos):
    saved = torch.load(file, weights_only=True)
    model, transform = build(len(saved["classes"]))
    model.load_state_dict(saved["model"])
    model.eval()
    names = []
    with torch.no_grad():
        for photo in photos:
            image = transform(open_image(photo)).unsqueeze(0)
            names.append(saved["classes"][model(image).argmax(dim=1).item()])
    return names
