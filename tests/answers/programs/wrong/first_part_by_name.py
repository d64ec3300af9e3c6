"""The split takes the first 75 % of a list that is sorted by class, unshuffled: the last class is hardly or never
learned, and the accuracy is that on the last class alone.

Refused with: Measure the head that has learned, on photos that you keep apart
"""

import torch
from torch import nn

from helpers.data.images import open_image
from helpers.models import freeze, load_backbone, remove_head

backbone = load_backbone()
net, width = remove_head(freeze(backbone.model))


def features(paths):
    with torch.no_grad():
        return torch.cat([net(backbone.transforms(open_image(p))[None]) for p in paths])


def train(folder, file):
    torch.manual_seed(0)
    classes = sorted(d.name for d in folder.iterdir())
    paths = [p for c in classes for p in sorted((folder / c).iterdir())]
    x, y = features(paths), torch.tensor([classes.index(p.parent.name) for p in paths])
    n = int(0.66 * len(y))
    head = nn.Linear(width, len(classes))
    opt = torch.optim.Adam(head.parameters(), lr=1e-2)
    for _ in range(100):
        opt.zero_grad()
        nn.functional.cross_entropy(head(x[:n]), y[:n]).backward()
        opt.step()
    torch.save({"head": head.state_dict(), "classes": classes}, file)
    return (head(x[n:]).argmax(1) == y[n:]).float().mean().item()


def predict(file, photos):
    saved = torch.load(file)
    head = nn.Linear(width, len(saved["classes"]))
    head.load_state_dict(saved["head"])
    return [saved["classes"][k] for k in head(features(photos)).argmax(1)]
