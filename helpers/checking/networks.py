"""Small networks whose truth is known, each with one trap. The line beneath its name says what it is there for.

They run in milliseconds on 3 channels of a few pixels. `images(n)` are what most of them take.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torchvision.models import ConvNeXt, EfficientNet, ResNet, VisionTransformer
from torchvision.models.convnext import CNBlockConfig
from torchvision.models.efficientnet import MBConvConfig
from torchvision.models.resnet import BasicBlock

from helpers.course.verdicts import require


def images(n: int, side: int = 8) -> Tensor:
    """Images [n, 3, side, side] far from mean 0 and variance 1, so that BatchNorm statistics move when they can."""
    return 3 * torch.randn(n, 3, side, side) + 2


# To be frozen, to give features, to predict --------------------------------------------------------


def backbone(*, batch_norm: bool = True, dropout: float = 0.0) -> nn.Module:
    """Images [n, 3, 8, 8] to features [n, 6], in `train()` mode; its statistics are not those of the next images."""
    norm = nn.BatchNorm2d(6) if batch_norm else nn.Identity()
    convolution = nn.Sequential(nn.Conv2d(3, 6, 3), norm, nn.ReLU())
    network = nn.Sequential(convolution, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Dropout(dropout)).train()
    network(images(32))
    return network


def backbone_of_two_norms() -> nn.Module:
    """`backbone` with dropout at work, a linear layer and BatchNorm1d: who looks for BatchNorm2d alone misses both."""
    network = nn.Sequential(*backbone(dropout=0.5), nn.Linear(6, 6), nn.BatchNorm1d(6)).train()
    network(images(32))
    return network


def classifier(classes: int = 4, *after: nn.Module) -> nn.Module:
    """A sound network: images of any size to `classes` logits, with BatchNorm and dropout; `after` spoils its end."""
    return nn.Sequential(*backbone(dropout=0.3), nn.Linear(6, classes), *after)


# To be counted -------------------------------------------------------------------------------------


class Token(nn.Module):
    """A parameter that sits on the module itself, as ViT's class token does: who walks over layers misses it."""

    def __init__(self):
        super().__init__()
        self.token = nn.Parameter(torch.zeros(1, 7))
        self.body = nn.Linear(7, 2)


def frozen_body() -> nn.Module:
    """A first layer that is frozen: who asks one flag for all is wrong."""
    model = nn.Sequential(nn.Linear(6, 4), nn.ReLU(), nn.Linear(4, 3))
    model[0].requires_grad_(False)
    return model


def frozen_bias() -> nn.Module:
    """One bias alone is frozen: who asks a layer for its flag is wrong."""
    model = nn.Sequential(nn.Linear(6, 4), nn.Linear(4, 3))
    model[1].bias.requires_grad = False
    return model


def tied() -> nn.Module:
    """Two layers that share one weight: who adds up the layers counts it twice."""
    model = nn.Sequential(nn.Embedding(11, 5), nn.Linear(5, 11))
    model[1].weight = model[0].weight
    return model


def attention() -> nn.Module:
    """A layer that holds a parameter itself and has a child as well: who counts only leaves misses it."""
    return nn.Sequential(nn.Linear(6, 8), nn.MultiheadAttention(8, 2))


def tied_and_frozen() -> nn.Module:
    """`tied` with its weight frozen: counted once in every sum."""
    model = tied()
    model[0].weight.requires_grad = False
    return model


def block_in_a_block() -> nn.Module:
    """Layers two levels deep: who counts direct children alone misses or merges them."""
    return nn.Sequential(
        nn.Conv2d(3, 8, 3), nn.Sequential(nn.Linear(8, 40), nn.ReLU(), nn.Linear(40, 4)), nn.BatchNorm1d(4)
    )


# To be given a new head ----------------------------------------------------------------------------


@dataclass(frozen=True)
class Stranger:
    """A network that nobody has seen: what to call it, how to build it, the path of its head, and its trap."""

    what: str
    build: Callable[[], nn.Module]
    head: str
    trap: str

    def network(self) -> nn.Module:
        """A new one in `train()` mode, for images [n, 3, 4, 4], with BatchNorm statistics of its own."""
        model = self.build().train()
        model(images(16, side=4))
        return model


class Decoy(nn.Module):
    """Declares a linear layer last that works first, and calls it `classifier`: names and order of declaration lie."""

    def __init__(self):
        super().__init__()
        self.top = nn.Linear(6, 4)
        self.classifier = nn.Linear(48, 6)

    def forward(self, images: Tensor) -> Tensor:
        return self.top(self.classifier(images.flatten(1)).relu())


class Leftover(nn.Module):
    """Holds a head that never works: to be declared is not to be used."""

    def __init__(self):
        super().__init__()
        self.features = nn.Linear(48, 6)
        self.head = nn.Linear(6, 4)
        self.fc = nn.Linear(6, 4)

    def forward(self, images: Tensor) -> Tensor:
        return self.head(self.features(images.flatten(1)).relu())


class _Tail(nn.Module):
    def __init__(self):
        super().__init__()
        self.norm = nn.LayerNorm(6)
        self.out = nn.Linear(6, 4)

    def forward(self, features: Tensor) -> Tensor:
        return self.out(self.norm(features))


class Nested(nn.Module):
    """Its head is two modules deep, behind BatchNorm and dropout: `setattr` takes no path, and modes may differ."""

    def __init__(self):
        super().__init__()
        self.stem = nn.Sequential(nn.Conv2d(3, 6, 3), nn.BatchNorm2d(6), nn.ReLU())
        self.tail = nn.ModuleDict({"drop": nn.Dropout(0.5), "main": _Tail()})

    def forward(self, images: Tensor) -> Tensor:
        return self.tail["main"](self.tail["drop"](self.stem(images).mean((2, 3))))


class Precise(nn.Module):
    """Takes images of float32 from any device, and computes in float64: the image's dtype is not the layers'."""

    def __init__(self):
        super().__init__()
        self.layers = nn.Sequential(nn.Flatten(), nn.Linear(48, 6), nn.ReLU(), nn.Linear(6, 4)).double()

    def forward(self, images: Tensor) -> Tensor:
        return self.layers(images.to(self.layers[1].weight))


class Mixed(nn.Module):
    """Its head alone computes in float64: the first layer's dtype is not the head's."""

    def __init__(self):
        super().__init__()
        self.features = nn.Linear(48, 6)
        self.head = nn.Linear(6, 4).double()

    def forward(self, images: Tensor) -> Tensor:
        return self.head(self.features(images.flatten(1)).relu().double())


class Aside(nn.Module):
    """Two tasks on the same features: the second's layer works after the head, and only the head gives the answer."""

    def __init__(self):
        super().__init__()
        self.features = nn.Linear(48, 6)
        self.head, self.second = nn.Linear(6, 4), nn.Linear(6, 4)

    def forward(self, images: Tensor) -> Tensor:
        features = self.features(images.flatten(1)).relu()
        logits = self.head(features)
        self.of_the_second = self.second(features).detach()
        return logits


IN_A_ROW = Stranger(
    "a network of linear layers in a row",
    lambda: nn.Sequential(nn.Flatten(), nn.Linear(48, 6), nn.ReLU(), nn.Linear(6, 4)),
    "3",
    "The last layer that works gives the logits.",
)
EQUAL_WIDTHS = Stranger(
    "a network whose hidden layer is as wide as its logits",
    lambda: nn.Sequential(nn.Flatten(), nn.Linear(48, 4), nn.ReLU(), nn.Linear(4, 4), nn.Dropout(0.0)),
    "3",
    "Its number of outputs alone does not make a layer the classifier.",
)
DECOY = Stranger(
    "a network that declares a layer last which works first",
    Decoy,
    "top",
    "Do not trust the order of declaration, nor names such as `classifier`: watch which layer works last.",
)
LEFTOVER = Stranger(
    "a network with a head that never works",
    Leftover,
    "head",
    "`fc` is declared and not used: a hook on it is never called.",
)
NESTED = Stranger(
    "a network with its head two modules deep",
    Nested,
    "tail.main.out",
    "Layers inside layers count: `named_modules()` walks through all of them and gives the whole path.",
)
ASIDE = Stranger(
    "a network in which a layer of another task works last",
    Aside,
    "head",
    "`second` works after it, and what it gives is not what the network gives: ask which output is the answer.",
)
PRECISE = Stranger(
    "a network that computes in another dtype than its images have",
    Precise,
    "layers.3",
    "The old layer has the dtype that the new one needs, not the image.",
)
MIXED = Stranger(
    "a network whose head alone computes in float64",
    Mixed,
    "head",
    "The old head has the dtype that the new one needs, not the other layers.",
)
STRANGERS = (IN_A_ROW, EQUAL_WIDTHS, DECOY, LEFTOVER, NESTED)


def with_batchnorm_at_rest() -> nn.Module:
    """`NESTED` in `train()` mode with its BatchNorm in `eval()`, as lesson 03 freezes one: modes differ by layer."""
    model = NESTED.network()
    model.stem[1].eval()
    return model


def with_dropout_at_work() -> nn.Module:
    """`NESTED` in `eval()` mode with its dropout in `train()`, as one measures doubt with it: the other way round."""
    model = NESTED.network().eval()
    model.tail["drop"].train()
    return model


def with_first_layer_frozen() -> nn.Module:
    """`IN_A_ROW` with a frozen layer: who unfreezes all, or freezes all, shows."""
    model = IN_A_ROW.network()
    model[1].requires_grad_(False)
    return model


def with_an_owners_hook() -> nn.Module:
    """`IN_A_ROW` with a hook of its owner: who clears all hooks takes that one away as well."""
    model = IN_A_ROW.network()
    model[1].register_forward_hook(lambda layer, taken, given: None)
    return model


def with_gradients(model: nn.Module) -> nn.Module:
    """`model` as between `backward()` and the optimizer's step: who calls `zero_grad()` takes something away."""
    for parameter in model.parameters():
        parameter.grad = torch.ones_like(parameter)
    return model


def families() -> Iterator[tuple[str, nn.Module]]:
    """torchvision's four families for images [n, 3, 32, 32], 10 logits: each keeps its head in another place."""
    resnet = ResNet(BasicBlock, [1, 1, 1, 1], num_classes=10)
    for stage in ("layer2", "layer3", "layer4"):  # they hold nearly all of its parameters
        setattr(resnet, stage, nn.Identity())
    resnet.fc = nn.Linear(64, 10)
    yield "the ResNet", resnet
    settings = [MBConvConfig(1, 3, 1, 8, 8, 1), MBConvConfig(2, 3, 2, 8, 12, 1)]
    yield "the EfficientNet", EfficientNet(settings, dropout=0.35, last_channel=20, num_classes=10)
    yield "the ConvNeXt", ConvNeXt([CNBlockConfig(8, 14, 1), CNBlockConfig(14, None, 1)], num_classes=10)
    yield "the ViT", VisionTransformer(32, 16, 1, 2, hidden_dim=18, mlp_dim=24, num_classes=10)


def train_a_little(model: nn.Module) -> nn.Module:
    """`model` with numbers as after training: a norm that begins anew, with weights 1 and 0, then shows."""
    for layer in model.modules():
        if isinstance(layer, nn.LayerNorm | nn.modules.batchnorm._BatchNorm):
            nn.init.uniform_(layer.weight, 0.5, 1.5)
            nn.init.normal_(layer.bias)
        if isinstance(layer, nn.Linear) and not layer.weight.any():  # ViT's head, as an answer's may begin
            nn.init.normal_(layer.weight)
    return model


# To be looked at before training -------------------------------------------------------------------


class Fixed(nn.Module):
    """Gives the same rows [n, classes] whatever it sees, and can learn: its logits are those that a check chose."""

    def __init__(self, rows: Tensor):
        super().__init__()
        self.rows = rows
        self.shift = nn.Parameter(torch.zeros(()))

    def forward(self, images: Tensor) -> Tensor:
        return self.rows[: len(images)] + self.shift


class Gives(nn.Module):
    """A network, and what `made_of` makes of its output by a function: no layer shows what comes after it."""

    def __init__(self, network: nn.Module, made_of: Callable[[Tensor], object]):
        super().__init__()
        self.network = network
        self.made_of = made_of

    def forward(self, images: Tensor) -> object:
        return self.made_of(self.network(images))


class Knows(nn.Module):
    """Gives a chosen row of logits for each image that it knows: another preprocessing, and it knows none of them.

    For other images, and in `train()` mode, all its logits are 0. It stands for a pretrained network whose answers a
    check has chosen, each with its rank and its certainty.

    Args:
        known: the images [n, 3, h, w] as the right preprocessing makes them.
        rows: the logits [n, classes] for these.
    """

    def __init__(self, known: Tensor, rows: Tensor):
        super().__init__()
        self.register_buffer("known", known)
        self.register_buffer("rows", rows)
        self.shift = nn.Parameter(torch.zeros(()))

    def forward(self, images: Tensor) -> Tensor:
        if images.dim() != 4:
            raise RuntimeError(f"expected a batch of images [n, 3, h, w], got {list(images.shape)}")
        logits = self.rows.new_zeros(len(images), self.rows.shape[1])
        if images.shape[1:] == self.known.shape[1:] and not self.training:
            off = (images[:, None] - self.known).flatten(2).abs().amax(2)
            nearest = off.min(dim=1)
            logits = torch.where(nearest.values[:, None] < 0.01, self.rows[nearest.indices], logits)
        return logits + self.shift


class Elsewhere(nn.Module):
    """Gives chosen logits [classes] for each image, and is on `meta`: as with a GPU, the images must come to it.

    Who leaves them on the CPU is told so. What the images show it cannot see, since `meta` holds no numbers.
    """

    def __init__(self, logits: Tensor):
        super().__init__()
        self.logits, self.shift = logits, nn.Parameter(torch.zeros((), device="meta"))

    def forward(self, images: Tensor) -> Tensor:
        require(
            images.device == self.shift.device,
            f"The model is on the device `{self.shift.device}`, in the place of a GPU, and your batch came to it on "
            f"`{images.device}`. Send the batch to where the model is: `.to(next(model.parameters()).device)`.",
        )
        return self.logits.expand(len(images), -1)


class Parrot(nn.Module):
    """Says the same class `index` of 1000 to every image, with full certainty: certainty is no knowledge."""

    def __init__(self, index: int):
        super().__init__()
        self.index, self.weight = index, nn.Parameter(torch.zeros(1))

    def forward(self, images: Tensor) -> Tensor:
        return nn.functional.one_hot(torch.full((len(images),), self.index), 1000) * 50.0 + self.weight


class SureButRandom(nn.Module):
    """Random weights, and logits of 1000 classes that are far apart: sure of itself, and it knows nothing."""

    def __init__(self) -> None:
        super().__init__()
        self.pool, self.fc = nn.AdaptiveAvgPool2d(4), nn.Linear(48, 1000)

    def forward(self, images: Tensor) -> Tensor:
        return self.fc(self.pool(images).flatten(1)) * 100


# To be put into parameter groups -------------------------------------------------------------------


class _Block(nn.Module):
    """A stage's block, whose layers have the same names as the stem's, as in every ResNet."""

    def __init__(self):
        super().__init__()
        self.conv1 = nn.Conv2d(4, 4, 3)
        self.bn1 = nn.BatchNorm2d(4)
        self.conv2 = nn.Conv2d(4, 4, 3)

    def forward(self, x: Tensor) -> Tensor:
        return self.conv2(self.bn1(self.conv1(x)))


class SmallResNet(nn.Module):
    """A ResNet in names: a stem that usual recipes forget, `layer1` beside `layer10`, and if asked a token of its own.

    Traps: "layer10" begins with "layer1", the block has a `conv1` as the stem has, `relu` holds no parameter, and the
    token belongs to no layer.
    """

    def __init__(self, *, token: bool = False):
        super().__init__()
        self.conv1 = nn.Conv2d(3, 4, 3)
        self.bn1 = nn.BatchNorm2d(4)
        self.relu = nn.ReLU()
        self.layer1 = nn.Sequential(_Block())
        self.layer10 = nn.Sequential(nn.Conv2d(4, 6, 3), nn.BatchNorm2d(6))
        self.fc = nn.Linear(6, 2)
        if token:
            self.token = nn.Parameter(torch.ones(1, 4, 1, 1))

    def forward(self, images: Tensor) -> Tensor:
        x = self.relu(self.bn1(self.conv1(images)))
        x = self.layer10(self.layer1(x)).mean(dim=(2, 3))
        return self.fc(x)


def shared_between() -> nn.Module:
    """Two layers with a bias each, and one weight that belongs to both: who asks each child alone has it twice."""
    model = nn.Sequential(nn.Linear(5, 5), nn.Linear(5, 5))
    model[1].weight = model[0].weight
    return model


class Sequence(nn.Module):
    """For sequences: a frozen layer, norms of two kinds, weights of two and three dimensions, a table of positions.

    Its one output makes a matrix of a single row: who squeezes it takes it for a bias.
    """

    def __init__(self):
        super().__init__()
        self.stem = nn.Linear(3, 3).requires_grad_(False)
        self.conv = nn.Conv1d(3, 4, 3)
        self.group_norm = nn.GroupNorm(2, 4)
        self.positions = nn.Parameter(torch.zeros(1, 4, 6))
        self.norm = nn.LayerNorm(4)
        self.fc = nn.Linear(4, 1, bias=False)
