"""The answers of the quizzes, where they are facts: each option is computed, and held to what the quiz says.

A fact returns for each option of its question whether it holds, as computed, or None where nothing decides it. What is
no fact stands in `NOT_COMPUTED`, with the reason; every question is in one of the two.
"""

from __future__ import annotations

import copy
import math
import re
import tempfile
import timeit
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import scipy.stats
import torch
import torchvision.models as tv
from torch import nn
from torch.nn import functional
from torchvision.models._meta import _IMAGENET_CATEGORIES

from helpers.course.questions import Question
from helpers.data.photos import example_photos
from helpers.lessons import lesson_module, lesson_numbers
from helpers.models.backbones import load_backbone
from helpers.models.lora import LoRA, attach, merge

Held = list["bool | None"]
FACTS: dict[tuple[str, int], tuple[str, Callable[[Question], Held]]] = {}

NOT_COMPUTED = {
    ("03", 4): "what to expect of 50,000 pictures a class; lesson 08's study ends below that",
    ("06", 2): "it takes a GPU to see it",
    ("06", 3): "what is a good choice depends on what one wants",
    ("08", 2): "what a measure does not know follows from how it is defined",
    ("08", 4): "advice on what to try first",
}
# The right option is what is known of layers, and not computed; a wrong one is.
PARTLY = {("05", 2)}


def fact(lesson: str, number: int, begins: str) -> Callable:
    """Register what computes the options of a question, which is known by its place and by how it begins."""

    def register(compute: Callable[[Question], Held]) -> Callable:
        FACTS[lesson, number] = (begins, compute)
        return compute

    return register


def all_questions() -> dict[tuple[str, int], Question]:
    return {
        (lesson, number): question
        for lesson in lesson_numbers()
        for number, question in enumerate(lesson_module(lesson).QUIZ.questions, 1)
    }


def numbers(text: str) -> list[float]:
    """The numbers of a text; commas part thousands."""
    return [float(found.replace(",", "")) for found in re.findall(r"-?\d+(?:,\d{3})*(?:\.\d+)?", text)]


def step_by_step(model: nn.Module, optimizer: torch.optim.Optimizer, images: torch.Tensor, steps: int = 1) -> None:
    """Train on these images, all of class 0."""
    for _ in range(steps):
        optimizer.zero_grad()
        functional.cross_entropy(model(images), torch.zeros(len(images), dtype=torch.long)).backward()
        optimizer.step()


def moved(model: nn.Module, before: dict[str, torch.Tensor]) -> set[str]:
    return {name for name, tensor in model.state_dict().items() if not torch.equal(tensor, before[name])}


def state(model: nn.Module) -> dict[str, torch.Tensor]:
    return copy.deepcopy(model.state_dict())


@pytest.fixture(autouse=True)
def seeded():
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        yield


def test_every_question_is_a_fact_or_says_why_it_is_none() -> None:
    assert FACTS.keys() & NOT_COMPUTED.keys() == set()
    assert FACTS.keys() | NOT_COMPUTED.keys() == all_questions().keys()


@pytest.mark.parametrize(("lesson", "number"), [pytest.param(*key, id="{}-{}".format(*key)) for key in all_questions()])
def test_the_quiz_says_what_is_computed(lesson: str, number: int) -> None:
    question = all_questions()[lesson, number]
    if (lesson, number) in NOT_COMPUTED:
        assert any(option.right for option in question.options)
        return
    begins, compute = FACTS[lesson, number]
    assert question.text.startswith(begins)
    held = compute(question)
    assert len(held) == len(question.options) and any(one is not None for one in held)
    right = next(place for place, option in enumerate(question.options) if option.right)
    assert held[right] is not None or (lesson, number) in PARTLY
    for option, holds in zip(question.options, held, strict=True):
        assert holds is None or bool(holds) is option.right, option.text


# 00 ------------------------------------------------------------------------------------------------


@fact("00", 1, "A network gives an image the logits")
def _(question: Question) -> Held:
    logits = torch.tensor(numbers(question.text))
    assert logits.abs().argmax() == 2  # "it is the farthest from zero"
    named = [numbers(option.text) for option in question.options[:2]]
    return [*(logits.max() == torch.tensor(one[0]) for one in named), not (logits.softmax(0) > 0).all()]


@fact("00", 2, "You show a network trained on ImageNet a tulip. ImageNet has no tulip.")
def _(question: Question) -> Held:
    names = _IMAGENET_CATEGORIES
    assert len(names) == 1000 and not [name for name in names if "tulip" in name.lower()]
    shares = torch.randn(1000).softmax(0)
    return [None, "unknown" in names, math.isclose(shares.sum(), 1, abs_tol=1e-5) and shares.argmax() < len(names)]


def small_network() -> nn.Module:
    return nn.Sequential(nn.Conv2d(3, 8, 3), nn.BatchNorm2d(8), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten(),
                         nn.Dropout(0.5), nn.Linear(8, 4))  # fmt: skip


@fact("00", 3, "A colleague's predictions change with the other images in the batch.")
def _(question: Question) -> Held:
    network, image = small_network(), torch.randn(1, 3, 8, 8)
    network[5] = nn.Identity()
    batches = [torch.cat([image, torch.randn(3, 3, 8, 8)]) for _ in range(2)]

    def depends(act: Callable) -> bool:
        one, other = (act(batch)[0] for batch in batches)
        return not torch.allclose(one, other, atol=1e-6)

    with pytest.raises(ValueError):
        network(image[0])  # "a missing batch dimension is an error"
    softmax = depends(lambda batch: batch.flatten(1).softmax(1))
    return [softmax, depends(network.train()) and not depends(network.eval()), None]


@fact("00", 4, "What does `torch.inference_mode()` do that `model.eval()` does not?")
def _(question: Question) -> Held:
    network, images = small_network().eval(), torch.randn(4, 3, 8, 8)
    eval_records = network(images).requires_grad
    eval_drops = not torch.equal(network(images), network(images))
    network.train()
    with torch.inference_mode():
        inside = network(images)
        drops = not torch.equal(inside, network(images))
    return [eval_records and not inside.requires_grad, not drops or eval_drops, not network(images).requires_grad]


# 01 ------------------------------------------------------------------------------------------------


@fact("01", 1, "A tutorial loads `ResNet50_Weights.IMAGENET1K_V2` and says that it reaches 76.1 %.")
def _(question: Question) -> Held:
    first, second = tv.ResNet50_Weights.IMAGENET1K_V1.meta, tv.ResNet50_Weights.IMAGENET1K_V2.meta
    top1 = [meta["_metrics"]["ImageNet-1K"]["acc@1"] for meta in (first, second)]
    claimed = numbers(question.text)[-1]
    assert numbers(question.options[0].why)[0] == top1[0] and numbers(question.options[1].why)[1] == top1[1]
    assert numbers(question.options[2].why)[0] == first["num_params"] == second["num_params"]
    return [round(top1[1], 1) == claimed, round(top1[0], 1) == claimed, first["num_params"] != second["num_params"]]


@fact("01", 2, "You use ImageNet's mean and std for a network that was trained with 0.5 and 0.5.")
def _(question: Question) -> Held:
    backbone = load_backbone("efficientnet_lite0")
    network, transforms = backbone.model.eval(), backbone.transforms
    assert transforms.mean == [0.5] * 3 and transforms.std == [0.5] * 3
    photos = list(example_photos().values())
    right = torch.stack([transforms(one.image) for one in photos])
    mean, std = (torch.tensor(v).view(3, 1, 1) for v in ([0.485, 0.456, 0.406], [0.229, 0.224, 0.225]))
    with torch.inference_mode():
        sure, other = (network(images).softmax(1).max(1) for images in (right, (right * 0.5 + 0.5 - mean) / std))
    named = [backbone.categories[place] in one.accept for place, one in zip(other.indices, photos, strict=True)]
    most = sum(named) > len(photos) / 2
    return [None, not most, most and other.values.mean() < sure.values.mean()]


@fact("01", 3, "`load_state_dict(entries, strict=False)` ran without an error.")
def _(question: Question) -> Held:
    network = nn.Linear(3, 2)
    before = state(network)
    told = network.load_state_dict({"module.weight": torch.ones(7, 7)}, strict=False)  # no name and no shape fits
    with pytest.raises(RuntimeError):
        network.load_state_dict({"weight": torch.ones(7, 7)}, strict=False)  # "only matching names are compared"
    loaded = bool(moved(network, before))
    return [loaded, bool(told.missing_keys and told.unexpected_keys), not told.unexpected_keys]


@fact("01", 4, "Which of these shows best that a network is pretrained?")
def _(question: Question) -> Held:
    features = torch.randn(100, 8)
    random_and_sure = (features @ torch.randn(8, 1000) * 100).softmax(1).max(1).values.median() > 0.99
    right_by_chance = (torch.randint(1000, (100,)) == torch.randint(1000, (100,))).float().mean()
    return [None, not random_and_sure, right_by_chance < 0.1]


@fact("01", 5, "What does a state dict hold?")
def _(question: Question) -> Held:
    held = small_network().state_dict()
    pairs = all(isinstance(name, str) and isinstance(one, torch.Tensor) for name, one in held.items())
    return [pairs, any(isinstance(one, nn.Module) for one in held.values()), any("transform" in name for name in held)]


# 02 ------------------------------------------------------------------------------------------------


@fact("02", 1, "`nn.Conv2d(16, 32, kernel_size=3)`: how many parameters?")
def _(question: Question) -> Held:
    layer = nn.Conv2d(16, 32, kernel_size=3)
    count = sum(p.numel() for p in layer.parameters())
    for option in question.options[:2]:
        sum_of, _, total = option.text.partition("=")
        assert sum(math.prod(numbers(part)) for part in sum_of.split("+")) == numbers(total)[0]
    on_two_sizes = [layer(torch.zeros(1, 16, side, side)).shape[1] for side in (5, 50)]
    assert count - layer.weight.numel() == 32  # "a bias for each of the 32 output channels"
    return [numbers(question.options[0].text)[-1] == count, numbers(question.options[1].text)[-1] == count,
            on_two_sizes != [32, 32]]  # fmt: skip


@fact("02", 2, "BatchNorm's `running_mean` is")
def _(question: Question) -> Held:
    layer, images = nn.BatchNorm2d(3), torch.randn(4, 3, 8, 8) + 1
    before = state(layer)
    layer.train()(images)
    changed = "running_mean" in moved(layer, before)
    is_buffer = "running_mean" in dict(layer.named_buffers()) and "running_mean" in layer.state_dict()
    said = layer.eval()(images)
    layer.running_mean.zero_()
    without = layer(images)
    is_parameter = "running_mean" in dict(layer.named_parameters())
    return [is_parameter, is_buffer and changed and not is_parameter, torch.equal(said, without)]


@fact("02", 3, "`len(list(model.parameters()))` says 161.")
def _(question: Question) -> Held:
    with torch.device("meta"):
        model = tv.resnet50()
    tensors = len(list(model.parameters()))
    assert tensors == numbers(question.text)[0]
    layers = [layer for layer in model.modules() if not list(layer.children())]
    own = [len(list(layer.parameters())) for layer in layers]
    assert {0, 1, 2} <= set(own)
    return [sum(p.numel() for p in model.parameters()) == tensors, len(layers) == tensors, tensors == 161]


@fact("02", 4, "You freeze the backbone and train a new head with AdamW. What becomes smaller?")
def _(question: Question) -> Held:
    def cost(frozen: bool) -> tuple[int, float]:
        network = nn.Sequential(nn.Linear(6, 50), nn.ReLU(), nn.Linear(50, 2))
        network[0].requires_grad_(not frozen)
        step_by_step(network, adamw := torch.optim.AdamW(network.parameters()), torch.randn(4, 6))
        saved = sum(tensor.numel() for tensor in network.state_dict().values())
        gradients = sum(p.grad.numel() for p in network.parameters() if p.grad is not None)
        averages = sum(t.numel() for held in adamw.state.values() for t in held.values() if t.dim())
        trainable = sum(p.numel() for p in network.parameters() if p.requires_grad)
        return saved, gradients + averages, (gradients + averages) / trainable

    (saved, extra, each), (whole_saved, whole_extra, _) = cost(True), cost(False)
    assert each == 3  # "three more numbers for each of them"
    return [saved < whole_saved, extra < whole_extra, None]


@fact("02", 5, "Network A has nine times as many parameters as network B.")
def _(question: Question) -> Held:
    alexnet, googlenet = tv.AlexNet_Weights.IMAGENET1K_V1.meta, tv.GoogLeNet_Weights.IMAGENET1K_V1.meta
    assert round(alexnet["num_params"] / googlenet["num_params"]) == 9
    work = alexnet["_ops"] / googlenet["_ops"]
    return [work > 8, work > 1, 0.4 < work < 0.6]


# 03 ------------------------------------------------------------------------------------------------


def frozen_resnet() -> tuple[nn.Module, set[str]]:
    """A small ResNet with a new head, and what has moved in it after a training of the head in `train()` mode."""
    network = tv.resnet18()
    network.requires_grad_(False)
    network.fc = nn.Linear(512, 2)
    before = state(network.train())
    step_by_step(network, torch.optim.AdamW(network.parameters(), lr=0.1, weight_decay=0.5), torch.randn(4, 3, 32, 32))
    return network, {name for name in moved(network, before) if not name.startswith("fc.")}


@fact("03", 1, "You set `requires_grad = False` on every parameter of a ResNet and train a new head in `train()` mode.")
def _(question: Question) -> Held:
    network, changed = frozen_resnet()
    statistics = {name for name, _ in network.named_buffers()}
    return [not changed, changed == statistics, bool(changed & {name for name, _ in network.named_parameters()})]


@fact("03", 2, "Why may the features of a frozen backbone be computed once and kept?")
def _(question: Question) -> Held:
    network, images = tv.resnet18().eval(), torch.randn(2, 3, 32, 32)
    network.fc = nn.Identity()
    with torch.inference_mode():
        first, again, flipped = network(images), network(images), network(images.flip(3))
    assert not torch.allclose(first, flipped, atol=1e-4)  # "with random crops or flips no longer"
    head = nn.Linear(512, 2)
    head(first.clone()).sum().backward()
    return [None, torch.equal(first, again), head.weight.grad is None]


@fact("03", 3, "You compared twelve heads on the validation part and took the best.")
def _(question: Question) -> Held:
    draws = np.random.default_rng(0)
    truth = 0.8  # all twelve are equally good
    validation, test = (draws.binomial(100, truth, (2000, 12)) / 100 for _ in range(2))
    best = validation.argmax(1)
    bias = [validation.max(1), test[np.arange(2000), best], test.max(1)]
    return [abs(reported.mean() - truth) < 0.005 for reported in bias]


# 04 ------------------------------------------------------------------------------------------------


@fact("04", 1, "ConvNeXt's `classifier` holds a LayerNorm, a Flatten and a Linear.")
def _(question: Question) -> Held:
    with torch.device("meta"):
        network, image = tv.convnext_base(), torch.zeros(1, 3, 64, 64)
        assert [type(part).__name__ for part in network.classifier] == ["LayerNorm2d", "Flatten", "Linear"]
        cured = tv.convnext_base()
        cured.classifier[2] = nn.Linear(1024, 5)
        assert cured(image).shape == (1, 5)
        network.classifier = nn.Linear(1024, 5)
        arrived = []
        network.classifier.register_forward_pre_hook(lambda _, inputs: arrived.append(list(inputs[0].shape)))
        try:
            network(image)
            runs = True
        except RuntimeError:
            runs = False
    assert arrived == [[1, 1024, 1, 1]]
    return [runs, not runs, False]


class Stranger(nn.Module):
    """Its classifier is declared in the middle, `fc` is a leftover, and the last one declared works before."""

    def __init__(self):
        super().__init__()
        self.fc, self.middle, self.last = nn.Linear(6, 4), nn.Linear(8, 4), nn.Linear(6, 8)

    def forward(self, inputs: torch.Tensor) -> torch.Tensor:
        return self.middle(self.last(inputs).relu())


@fact("04", 2, "You have a network that you have never seen.")
def _(question: Question) -> Held:
    network, worked = Stranger(), []
    for name, layer in network.named_children():
        layer.register_forward_hook(lambda _, __, output, name=name: worked.append((name, output)))
    said = network(torch.randn(2, 6))
    declared = [name for name, _ in network.named_children()]
    name, output = worked[-1]
    return [declared[-1] == name, name == "fc", torch.equal(output, said)]


@fact("04", 3, "You have five classes, and the first loss of your training is 6.9.")
def _(question: Question) -> Held:
    labels, seen = torch.randint(5, (200,)), numbers(question.text)[0]

    def first_loss(logits: torch.Tensor) -> float:
        return functional.cross_entropy(logits, labels).item()

    assert round(math.log(1000), 1) == seen and f"{math.log(5):.1f}" in question.options[0].why
    undecided = {outputs: 0.01 * torch.randn(200, outputs) for outputs in (1000, 5)}
    losses = first_loss(undecided[1000]), first_loss(undecided[5].softmax(1)), first_loss(undecided[5])
    assert first_loss(functional.one_hot(labels, 5).float()) > 0.9  # the best that a softmax at the end can give
    return [abs(loss - seen) < 0.1 for loss in losses]


@fact("04", 4, "On a ResNet you write `model.head = nn.Linear(2048, 5)`, and train all parameters.")
def _(question: Question) -> Held:
    network = tv.ResNet(tv.resnet.Bottleneck, [1, 1, 1, 1])  # as wide as ResNet-50, with fewer layers
    network.head = nn.Linear(2048, 5)
    before = state(network)
    logits = network(torch.randn(2, 3, 32, 32))
    functional.cross_entropy(logits, torch.tensor([0, 4])).backward()
    torch.optim.SGD(network.parameters(), lr=0.1).step()
    assert logits.shape == (2, 1000)
    changed = moved(network, before)
    return ["head.weight" in changed, "fc.weight" in changed and network.head.weight.grad is None, not changed]


@fact("04", 5, "On 150 validation pictures your MLP head is right where the linear one is wrong 8 times")
def _(question: Question) -> Held:
    _, more, fewer = numbers(question.text)[:3]
    chance = scipy.stats.binomtest(int(more), int(more + fewer)).pvalue
    return [chance < 0.05, chance > 0.5, None]


# 05 ------------------------------------------------------------------------------------------------


@fact("05", 1, "Your groups hold `layer1` to `layer4` and `fc` of a ResNet. What happens to `conv1`?")
def _(question: Question) -> Held:
    network = tv.resnet18()
    parts = [network.layer1, network.layer2, network.layer3, network.layer4, network.fc]
    optimizer = torch.optim.SGD([{"params": part.parameters(), "lr": 0.1} for part in parts])
    before = state(network)
    step_by_step(network, optimizer, torch.randn(4, 3, 32, 32))
    gradient = network.conv1.weight.grad is not None and bool(network.conv1.weight.grad.any())
    still = "conv1.weight" not in moved(network, before)
    return [not gradient, gradient and still, not still]


@fact("05", 2, "Why do the first layers usually get the smallest rate?")
def _(question: Question) -> Held:
    with torch.device("meta"):
        network = tv.resnet50()
    stages = [network.conv1, network.layer1, network.layer2, network.layer3, network.layer4]
    counts = [sum(p.numel() for p in stage.parameters()) for stage in stages]
    assert counts == sorted(counts)  # "they do" have the fewest

    def first_step(size: float) -> torch.Tensor:
        weight = nn.Parameter(torch.zeros(3))
        weight.grad = size * torch.tensor([1.0, -2.0, 3.0])
        torch.optim.AdamW([weight], lr=0.1).step()
        return weight.data

    return [None, None, not torch.allclose(first_step(1), first_step(100), atol=1e-5)]


@fact("05", 3, "What does head first, then everything (LP-FT) guard against?")
def _(question: Question) -> Held:
    labels = torch.randint(3, (300,))
    features = (6 * functional.one_hot(labels, 8).float() + torch.randn(300, 8)).requires_grad_()
    head = nn.Linear(8, 3)

    def sent_through() -> float:
        """How large the gradients are that the head sends on to the backbone."""
        (gradient,) = torch.autograd.grad(functional.cross_entropy(head(features), labels), features)
        return gradient.norm().item()

    at_random = sent_through()
    optimizer = torch.optim.AdamW(head.parameters(), lr=0.1)
    for _ in range(100):
        optimizer.zero_grad()
        functional.cross_entropy(head(features.detach()), labels).backward()
        optimizer.step()
    return [sent_through() < 0.5 * at_random, None, None]


@fact("05", 4, "You fine-tune on batches of 8 pictures, with BatchNorm in `train()` mode.")
def _(question: Question) -> Held:
    pictures, pretrained = torch.randn(8000, 50), nn.BatchNorm1d(50)
    pretrained.running_mean.copy_(pictures.mean(0))

    def off_after_training(batch: int, *, train: bool = True) -> float:
        layer = copy.deepcopy(pretrained).train(train)
        for part in pictures[: 100 * batch].split(batch):
            layer(part)
        return (layer.running_mean - pictures.mean(0)).abs().mean().item()

    rough = off_after_training(8)
    decayed = copy.deepcopy(pretrained).eval()
    before = state(decayed)
    step_by_step(decayed, torch.optim.AdamW(decayed.parameters(), weight_decay=0.5), pictures[:8])
    fine, kept = off_after_training(80), off_after_training(8, train=False)
    return [rough < 2 * fine, kept == 0 < rough, "running_mean" in moved(decayed, before)]


# 06 ------------------------------------------------------------------------------------------------


@fact("06", 1, "Network A does 4.1 billion MACs for an image, network B 4.4.")
def _(question: Question) -> Held:
    pair = tv.ResNet50_Weights.IMAGENET1K_V2, tv.EfficientNet_B4_Weights.IMAGENET1K_V1
    assert [round(weights.meta["_ops"], 1) for weights in pair] == numbers(question.text)
    # As many MACs each: 64 * 64 * 3 * 3 at a place, and 4096 * 3 * 3.
    dense, depthwise = nn.Conv2d(64, 64, 3), nn.Conv2d(4096, 4096, 3, groups=4096)
    assert dense.weight.numel() == depthwise.weight.numel()
    seconds = [fastest(layer, torch.randn(1, layer.in_channels, 40, 40)) for layer in (dense, depthwise)]
    apart = max(seconds) / min(seconds)
    return [apart < 1.2, apart > 1.5, apart < 1.2]


def fastest(layer: nn.Module, images: torch.Tensor) -> float:
    with torch.inference_mode():
        return min(timeit.repeat(lambda: layer(images), number=1, repeat=7))


@fact("06", 4, "You want to run a pretrained ViT-B/16 on pictures of 160 pixels.")
def _(question: Question) -> Held:
    with torch.device("meta"):
        whole, small = tv.vit_b_16(image_size=224), tv.vit_b_16(image_size=160)
        with pytest.raises(AssertionError):
            whole(torch.zeros(1, 3, 160, 160))
    ours, theirs = small.state_dict(), whole.state_dict()
    other = {name for name in theirs if ours[name].shape != theirs[name].shape}
    grids = [math.isqrt(held["encoder.pos_embedding"].shape[1] - 1) for held in (theirs, ours)]
    assert [grids[0], grids[0], grids[1], grids[1]] == numbers(question.options[1].why)
    return [not other, other == {"encoder.pos_embedding"}, other == theirs.keys()]


# 07 ------------------------------------------------------------------------------------------------


@fact("07", 1, "Why does `B` start with zeros, and not `A` as well?")
def _(question: Question) -> Held:
    def trained(a_is_zero: bool) -> tuple[LoRA, list[list[bool]]]:
        layer = LoRA(nn.Linear(6, 4), rank=2, alpha=2)
        nn.init.zeros_(layer.down.weight) if a_is_zero else None
        told = []
        for _ in range(3):
            step_by_step(layer, torch.optim.SGD(layer.parameters(), lr=0.1), torch.randn(5, 6))
            told.append([bool(layer.down.weight.grad.any()), bool(layer.up.weight.grad.any())])
        return layer, told

    layer, gradients = trained(a_is_zero=False)
    _, none = trained(a_is_zero=True)
    fresh = LoRA(nn.Linear(6, 4), rank=2, alpha=2)
    images = torch.randn(3, 6)
    as_it_was = torch.equal(fresh(images), fresh.layer(images))
    learns = gradients == [[False, True], [True, True], [True, True]]
    return [as_it_was and learns, bool((layer.up.weight == 0).any()), none[-1] != [False, False]]


@fact("07", 2, "How many numbers does LoRA of rank 8 learn at a 1x1 convolution from 320 to 1,280 channels?")
def _(question: Question) -> Held:
    rank, _, _, channels, outputs = map(int, numbers(question.text))
    layer = LoRA(nn.Conv2d(channels, outputs, 1), rank=rank, alpha=rank)
    learnt = sum(p.numel() for p in layer.parameters() if p.requires_grad)
    offered = [eval(option.text.replace(",", "")) for option in question.options]
    assert offered[0] == 8 * layer.layer.weight.numel()  # "eight times the whole layer"
    return [count == learnt for count in offered]


@fact("07", 3, "After training you merge. What does a picture cost then?")
def _(question: Question) -> Held:
    network = nn.Sequential(nn.Linear(12, 10), nn.ReLU(), nn.Linear(10, 3))

    def cost() -> tuple[int, float]:
        """How many numbers it holds, and MACs for a picture: in linear layers, one for each number of a weight."""
        held = [sum(p.numel() for p in layer.parameters()) for layer in network.modules() if not list(layer.children())]
        return sum(held), sum(p.numel() for p in network.parameters() if p.dim() == 2)

    plain = cost()
    before, images = network[0].weight.detach().clone(), torch.randn(4, 12)
    attach(network, ["0"], rank=2, alpha=2)
    nn.init.normal_(network[0].up.weight)
    said = network(images)
    assert cost() > plain
    merge(network)
    assert torch.allclose(network(images), said, atol=1e-5)
    after = cost()
    update, whole = (torch.linalg.matrix_rank(w) for w in (network[0].weight.detach() - before, network[0].weight))
    assert update == 2 and whole == 10
    return [after > plain, after == plain, whole < 10]


@fact("07", 4, "You train with LoRA and leave BatchNorm in `train()` mode. What has to be in the file?")
def _(question: Question) -> Held:
    network = small_network()
    attach(network, ["0"], rank=2, alpha=2)
    network[6].requires_grad_(True)
    before = state(network.train())
    step_by_step(network, torch.optim.SGD(network.parameters(), lr=0.5), torch.randn(8, 3, 8, 8), steps=3)
    changed = moved(network, before)
    adapters, head = {"0.down.weight", "0.up.weight"}, {"6.weight", "6.bias"}
    statistics = {"1.running_mean", "1.running_var", "1.num_batches_tracked"}
    return [changed == adapters, changed == adapters | head, changed == adapters | head | statistics]


@fact("07", 5, "With peft you put LoRA at `out_proj` of torchvision's attention.")
def _(question: Question) -> Held:
    from peft import LoraConfig, get_peft_model

    def gradients(rank: int, target: str) -> bool:
        network = nn.ModuleDict({"self_attention": nn.MultiheadAttention(16, 2, batch_first=True)})
        made = get_peft_model(network, LoraConfig(r=rank, target_modules=[target]))
        tokens = torch.randn(1, 5, 16, requires_grad=True)
        attention = network["self_attention"]
        attention(tokens, tokens, tokens)[0].sum().backward()
        return any(p.grad is not None for name, p in made.named_parameters() if "lora_B" in name)

    called = []
    attention = nn.MultiheadAttention(16, 2, batch_first=True)
    attention.out_proj.register_forward_hook(lambda *_: called.append(True))
    attention(*[torch.randn(1, 5, 16)] * 3)
    idle = not gradients(2, "out_proj")
    return [gradients(8, "out_proj"), idle and not called, not gradients(2, "self_attention")]


# 08 ------------------------------------------------------------------------------------------------


@fact("08", 1, "LP-FT has a mean of 0.91, a linear probe 0.89. Chance alone explains gaps up to 0.03.")
def _(question: Question) -> Held:
    better, worse, by_chance = numbers(question.text)
    return [better - worse > by_chance, better - worse <= by_chance, None]


@fact("08", 3, "Fine-tuning leads by more than chance at 20 pictures a class, not at 100, and again at 500 and 2,000.")
def _(question: Question) -> Held:
    leads = dict(zip(map(int, numbers(question.text)), (True, False, True, True), strict=True))
    from_there_on = min(size for size in leads if all(leads[larger] for larger in leads if larger >= size))
    return [numbers(option.text)[0] == from_there_on for option in question.options]


# 09 ------------------------------------------------------------------------------------------------


@fact("09", 1, "One process trains with batches of 32. You go to four processes and want the same training.")
def _(question: Question) -> Held:
    whole, processes = int(numbers(question.text)[0]), 4
    images, labels = torch.randn(processes * 128, 6), torch.randint(3, (processes * 128,))
    network = nn.Linear(6, 3)

    def gradient(part: slice) -> torch.Tensor:
        return torch.autograd.grad(functional.cross_entropy(network(images[part]), labels[part]), network.weight)[0]

    def same(share: int) -> bool:
        together = torch.stack([gradient(slice(n * share, (n + 1) * share)) for n in range(processes)]).mean(0)
        return torch.allclose(together, gradient(slice(0, whole)), atol=1e-6)

    return [same(int(numbers(option.text)[0])) for option in question.options]


@fact("09", 2, "One process got 90 of 100 pictures right, the other one 5 of 10.")
def _(question: Question) -> Held:
    right, of, other_right, other_of = numbers(question.text)
    both = (right + other_right) / (of + other_of)
    offered = [numbers(option.text)[0] for option in question.options]
    assert offered[0] == 50 * (right / of + other_right / other_of)  # "the mean of the two"
    assert offered[2] == 100 * right / of
    return [offer == round(100 * both) for offer in offered]


@fact("09", 3, "The loss of your two processes falls, but `set_epoch` is nowhere in the program.")
def _(question: Question) -> Held:
    from torch.utils.data.distributed import DistributedSampler

    samplers = [DistributedSampler(range(20), num_replicas=2, rank=rank, seed=3) for rank in range(2)]
    first, second = ([list(sampler) for sampler in samplers] for _ in range(2))
    shuffled = sorted(first[0] + first[1]) == list(range(20)) and first[0] != sorted(first[0])
    assert shuffled
    return [first != second, bool(set(first[0]) & set(first[1])), first == second]


@fact("09", 4, "You accumulate over four parts of 8 in place of a batch of 32, in a network with BatchNorm")
def _(question: Question) -> Held:
    network = nn.Sequential(nn.Linear(6, 5), nn.BatchNorm1d(5), nn.ReLU(), nn.Linear(5, 3))
    images, labels = 3 * torch.randn(32, 6), torch.randint(3, (32,))

    def gradient(parts: int) -> torch.Tensor:
        network.zero_grad()
        for some, their in zip(images.chunk(parts), labels.chunk(parts), strict=True):
            (functional.cross_entropy(network(some), their) / parts).backward()
        return network[0].weight.grad.clone()

    def same(train: bool) -> bool:
        network.train(train)
        return torch.allclose(gradient(4), gradient(1), atol=1e-5)

    weight = torch.ones(1, requires_grad=True)
    for _ in range(2):
        (3 * weight).sum().backward()
    return [same(train=True), same(train=False) and not same(train=True), weight.grad.item() == 3]


def ends_the_same(kept: set[str]) -> bool:
    """Whether a training that goes on from a checkpoint with these parts ends in the numbers of one without a break."""

    def parts() -> dict:
        network = nn.Sequential(nn.Linear(6, 5), nn.BatchNorm1d(5), nn.Dropout(0.5), nn.Linear(5, 3))
        optimizer = torch.optim.AdamW(network.parameters(), lr=0.1)
        return {"weights": network, "optimizer": optimizer,
                "scheduler": torch.optim.lr_scheduler.StepLR(optimizer, step_size=3)}  # fmt: skip

    def train(made: dict, steps: range) -> None:
        for step in steps:
            made["optimizer"].zero_grad()
            images = batches[step]
            functional.cross_entropy(made["weights"](images), torch.arange(len(images)) % 3).backward()
            made["optimizer"].step()
            made["scheduler"].step()

    batches = torch.randn(8, 4, 6)
    torch.manual_seed(1)
    whole = parts()
    train(whole, range(4))
    saved = {name: copy.deepcopy(part.state_dict()) for name, part in whole.items()}
    saved |= {"position": 4, "random": torch.get_rng_state()}
    train(whole, range(4, 8))
    torch.manual_seed(2)  # another process
    again = parts()
    for name in kept & again.keys():
        again[name].load_state_dict(saved[name])
    if "random" in kept:
        torch.set_rng_state(saved["random"])
    train(again, range(saved["position"] if "position" in kept else 0, 8))
    return not moved(again["weights"], whole["weights"].state_dict())


@fact("09", 5, "A process is killed, and torchrun starts all of them again.")
def _(question: Question) -> Held:
    whole = {"weights", "optimizer", "scheduler", "position", "random"}
    assert not any(ends_the_same(whole - {one}) for one in whole)  # each of them is needed
    return [ends_the_same(kept) for kept in ({"weights"}, {"weights", "optimizer", "scheduler"}, whole)]


# 10 ------------------------------------------------------------------------------------------------


@fact("10", 1, "A folder holds many photos twice, under two names. You split it at random.")
def _(question: Question) -> Held:
    draws = np.random.default_rng(0)
    photos, labels = draws.normal(size=(300, 20)), draws.integers(2, size=300)  # nothing to learn: the truth is 0.5
    photos, labels = np.concatenate([photos, photos]), np.concatenate([labels, labels])
    order = draws.permutation(600)
    train, held_out = order[:300], order[300:]
    nearest = ((photos[held_out, None] - photos[None, train]) ** 2).sum(2).argmin(1)
    accuracy = (labels[train][nearest] == labels[held_out]).mean()
    return [accuracy > 0.6, abs(accuracy - 0.5) < 0.05, accuracy < 0.45]


@fact(
    "10", 2, "Every parameter of the backbone has `requires_grad=False`, and `model.train()` comes before each epoch."
)
def _(question: Question) -> Held:
    network, changed = frozen_resnet()  # its AdamW has a weight decay
    statistics = {name for name, _ in network.named_buffers()}
    return [not changed, changed == statistics, bool(changed - statistics)]


@fact("10", 3, "The power fails while `torch.save(state, 'last.pt')` overwrites the checkpoint of the epoch before.")
def _(question: Question) -> Held:
    def loads(share: float) -> bool:
        """Whether a file of which so much was written can be read."""
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "last.pt"
            torch.save(small_network().state_dict(), path)
            path.write_bytes(path.read_bytes()[: int(share * path.stat().st_size)])
            try:
                return bool(torch.load(path, weights_only=True))
            except (EOFError, RuntimeError, OSError):
                return False

    assert loads(1)
    cut = [loads(share) for share in (0.3, 0.9, 0.99)]
    return [loads(0), any(cut), not any(cut)]


@fact("10", 4, "You export the network for others, and forget `eval()`. It has BatchNorm and dropout.")
def _(question: Question) -> Held:
    network, images = small_network().train(), torch.randn(4, 3, 8, 8)
    program = torch.export.export(network, (images,)).module()  # no error
    answers = [program(images) for _ in range(3)]
    by_chance = not all(torch.equal(answers[0], one) for one in answers)
    return [False, by_chance, not by_chance]
