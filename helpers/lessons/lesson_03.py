"""Answer key of lesson 03: freeze the backbone."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from helpers.course.exercise import Exercise, Exercises, Level, one_number, short
from helpers.course.quiz import Option, Question, Quiz
from helpers.course.verdicts import require
from helpers.models.freezing import moved, snapshot


def _network(*, batch_norm: bool = True, dropout: float = 0.0) -> nn.Module:
    """A small backbone in `train()` mode: images [n, 3, 8, 8] to features [n, 6]."""
    norm = nn.BatchNorm2d(6) if batch_norm else nn.Identity()
    convolution = nn.Sequential(nn.Conv2d(3, 6, 3), norm, nn.ReLU())
    return nn.Sequential(convolution, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Dropout(dropout)).train()


def _images(n: int) -> Tensor:
    """Images far from mean 0 and variance 1, so that BatchNorm statistics move when they can."""
    return 3 * torch.randn(n, 3, 8, 8) + 2


def _train_one_step(network: nn.Module, head: nn.Module) -> None:
    """A real step: every parameter goes to the optimizer, weight decay included."""
    parameters = [*network.parameters(), *head.parameters()]
    optimizer = torch.optim.SGD(parameters, lr=0.1, momentum=0.9, weight_decay=0.1)
    loss = nn.functional.cross_entropy(head(network(_images(16))), torch.arange(16) % 2)
    loss.backward()
    optimizer.step()


class SeeWhatMoved(Exercise):
    number = "3.1"
    title = "see what moved"
    level = Level.USE
    minutes = 5
    hints = (
        "`model.state_dict()` holds every parameter and every buffer under its name.",
        "The entries of a state dict share memory with the model. A copy that stays as it was needs `.clone()`.",
        "Build `before = {name: value.clone() ...}`, call `step()`, then keep the names where "
        "`torch.equal(before[name], now)` is False.",
    )
    answer = """
def what_moved(model, step):
    before = {name: value.clone() for name, value in model.state_dict().items()}
    step()
    return [name for name, value in model.state_dict().items() if not torch.equal(before[name], value)]
"""

    def examine(self, what_moved):
        self._try(what_moved, "a step that does nothing", lambda model: None)
        self._try(what_moved, "a step that adds 1 to a bias", _nudge_bias)
        self._try(what_moved, "a step that swaps two weights (their sum stays)", _swap_weights)
        self._try(what_moved, "a forward pass in train() mode", lambda model: model(_images(8)))
        return "Keep this function: it is how you prove what any training step did."

    def _try(self, what_moved, name, change):
        model, calls = _network(), []
        before = snapshot(model)

        def step():
            calls.append(1)
            with torch.no_grad():
                change(model)

        answer = what_moved(model, step)
        require(len(calls) == 1, f"`step()` must be called exactly once; here it was called {len(calls)} times.")
        require(
            isinstance(answer, list | tuple | set) and all(isinstance(one, str) for one in answer),
            f"Return a list of names, not {type(answer).__name__}.",
        )
        expected = moved(before, model)
        missed = sorted(set(expected) - set(answer))
        if missed:
            copies = " Did you copy the values with `.clone()` before the step?" if not answer else ""
            buffers = " Buffers such as BatchNorm's `running_mean` count too." if "running" in str(missed) else ""
            require(False, f"After {name}, `{'`, `'.join(missed)}` moved and your list misses it.{copies}{buffers}")
        extra = sorted(set(answer) - set(expected))
        require(not extra, f"After {name}, your list names `{'`, `'.join(extra)}`, which did not move.")


def _nudge_bias(model: nn.Module) -> None:
    model[0][0].bias.add_(1)


def _swap_weights(model: nn.Module) -> None:
    weight = model[0][0].weight
    weight.copy_(weight.flip(0))


class FreezeForReal(Exercise):
    number = "3.2"
    title = "freeze for real"
    level = Level.WRITE
    minutes = 6
    hints = (
        "Two things move in training: parameters, by gradients, and BatchNorm's statistics, by forward passes.",
        "`requires_grad_(False)` on a module reaches every parameter in it.",
        "BatchNorm updates its statistics only in `train()` mode. `model.eval()` reaches every layer in it.",
    )
    answer = """
def freeze_for_real(model):
    for parameter in model.parameters():
        parameter.requires_grad = False
    model.eval()
"""

    def examine(self, freeze):
        for batch_norm in (False, True):
            network = _network(batch_norm=batch_norm)
            images = _images(5)
            network(_images(32))  # statistics of its own, as a trained network has them
            expected = network.eval()(images).detach()
            network.train()
            freeze(network)
            alone, together = network(images[:1]), network(images)
            require(
                torch.allclose(alone, together[:1], atol=1e-5),
                "What your frozen network says about an image depends on the other images of its batch: BatchNorm "
                "still uses the batch's own statistics. Put it into `eval()` mode.",
            )
            require(
                torch.allclose(together, expected, atol=1e-5),
                "Frozen, the network no longer gives the features that it gave before in `eval()` mode. "
                "Freezing must not change what it computes.",
            )
            self._train(network, "with BatchNorm" if batch_norm else "without BatchNorm")
        return "One real training step with weight decay moved no parameter and no statistic of the backbone."

    def _train(self, network, kind):
        before, head = snapshot(network), nn.Linear(6, 2)
        head_before = snapshot(head)
        _train_one_step(network, head)
        require(moved(head_before, head), "Even the head did not learn: gradients are switched off altogether.")
        names = moved(before, network)
        parameters = [name for name in names if name in dict(network.named_parameters())]
        require(
            not parameters,
            f"In a network {kind}, one training step still moved the parameters `{'`, `'.join(parameters)}`. "
            "Set `requires_grad` to False on every one.",
        )
        require(
            not names,
            f"The parameters stand still, but the buffers `{'`, `'.join(names)}` moved in one forward pass. "
            "BatchNorm updates them in `train()` mode.",
        )


class StayFrozen(Exercise):
    number = "3.3"
    title = "stay frozen"
    level = Level.WRITE
    minutes = 10
    hints = (
        "A training loop calls `model.train()` each epoch, and that call reaches every layer, the frozen ones too.",
        "Your class can define its own `train(self, mode=True)`.",
        "In `train`, call `super().train(mode)`, then `self.backbone.eval()`, then return `self`.",
    )
    answer = """
class Frozen(nn.Module):
    def __init__(self, backbone):
        super().__init__()
        self.backbone = backbone
        self.backbone.requires_grad_(False)
        self.backbone.eval()

    def train(self, mode=True):
        super().train(mode)
        self.backbone.eval()
        return self

    def forward(self, images):
        return self.backbone(images)
"""

    def examine(self, Frozen):
        require(
            isinstance(Frozen, type) and issubclass(Frozen, nn.Module), "Pass a class that inherits from nn.Module."
        )
        backbone, images = _network(), _images(4)
        backbone(_images(32))
        expected = backbone.eval()(images).detach()
        frozen = Frozen(backbone.train())
        require(
            any(parameter is backbone[0][0].weight for parameter in frozen.parameters()),
            "The backbone is not a part of your module: `.to(device)` and `state_dict()` would miss it. "
            "Keep it as `self.backbone = backbone`.",
        )
        output = frozen(images)
        require(isinstance(output, Tensor), f"`forward` must return the features, not {type(output).__name__}.")
        head, before = nn.Linear(6, 2), snapshot(backbone)
        model = nn.Sequential(frozen, head)
        for _ in range(2):
            model.train()
            _train_one_step(frozen, head)
            names = moved(before, backbone)
            statistics = [name for name in names if "running" in name or "tracked" in name]
            require(
                len(names) > len(statistics) or not statistics,
                f"After `model.train()` and one step, `{'`, `'.join(statistics)}` moved. `train()` put the backbone "
                "back into training mode: override `train` so that it stays in `eval()`.",
            )
            require(not names, f"One training step moved `{'`, `'.join(names)}`: also set `requires_grad` to False.")
            model.eval()
        require(
            torch.allclose(model.train()[0](images), expected, atol=1e-5),
            "After `train()`, your module gives other features than the backbone in `eval()` mode.",
        )
        require(frozen.train() is frozen, "`train()` must return the module itself, as PyTorch's own does.")
        return "Whatever a training loop calls, this backbone stays where it is."


class ExtractFeatures(Exercise):
    number = "3.4"
    title = "compute the features once"
    level = Level.WRITE
    minutes = 8
    hints = (
        "Note each layer's own mode before `eval()`: `modes = [(layer, layer.training) for layer in "
        "backbone.modules()]`.",
        "Collect the features and the labels of each batch in two lists, inside `with torch.no_grad():`. `torch.cat` "
        "joins a list of batches, also when the last one is smaller.",
        "At the end, `for layer, training in modes: layer.training = training`. `backbone.train(True)` would put a "
        "frozen BatchNorm into `train()` mode, too.",
    )
    answer = """
def extract(backbone, batches):
    modes = [(layer, layer.training) for layer in backbone.modules()]
    backbone.eval()
    features, labels = [], []
    with torch.no_grad():
        for images, batch_labels in batches:
            features.append(backbone(images))
            labels.append(batch_labels)
    for layer, training in modes:
        layer.training = training
    return torch.cat(features), torch.cat(labels)
"""

    def examine(self, extract):
        network = _network(dropout=0.5)
        network(_images(32))
        images, labels = _images(10), torch.arange(10)
        expected = network.eval()(images).detach()
        batches = list(zip(images.split(4), labels.split(4), strict=True))
        self._try(extract, network.train(), "in `train()` mode", batches, expected)
        self._try(extract, network.eval(), "in `eval()` mode", batches, expected)
        network.train()[0][1].eval()
        self._try(extract, network, "in `train()` mode with a frozen BatchNorm (`0.1`)", batches, expected)
        network.eval()[3].train()
        self._try(extract, network, "in `eval()` mode with its dropout (`3`) in `train()` mode", batches, expected)
        return "Ten images in three uneven batches gave the features of `eval()` mode, and each layer is as it was."

    def _try(self, extract, network, arrives, batches, expected):
        labels, before = torch.cat([some for _, some in batches]), snapshot(network)
        modes = {name: layer.training for name, layer in network.named_modules()}
        answer = extract(network, batches)
        require(
            isinstance(answer, tuple | list) and len(answer) == 2 and all(isinstance(one, Tensor) for one in answer),
            "Return two tensors: the features, and the labels.",
        )
        features, found = answer
        require(
            tuple(features.shape) == (10, 6),
            f"The batches hold 4, 4 and 2 images with 6 features each, so features must be [10, 6], "
            f"not {list(features.shape)}. Is the last, smaller batch there?",
        )
        require(not moved(before, network), "The BatchNorm statistics moved: extract in `eval()` mode.")
        require(not features.requires_grad, "The features carry a gradient graph: extract under `torch.no_grad()`.")
        require(
            torch.allclose(features, expected, atol=1e-5),
            f"A network came {arrives}, and these are not its features in `eval()` mode (dropout off, stored "
            "statistics used).",
        )
        require(
            tuple(found.shape) == (10,) and torch.equal(found, labels),
            "The labels are not those of the features, in the same order.",
        )
        for name, layer in network.named_modules():  # the network itself comes first, and has no name
            kept, left = layer.training is modes[name], "`train()`" if layer.training else "`eval()`"
            require(kept or name, f"The network came {arrives} and was left in {left} mode: put it back.")
            require(
                kept,
                f"The network came {arrives}, and its layer `{name}` was left in {left} mode. `train(...)` sets every "
                "layer, and `.training = ...` one alone: note each layer's own mode, and give it back.",
            )


class TrustedAccuracy(Exercise):
    number = "3.5"
    title = "an accuracy that you can trust"
    level = Level.EDGE
    minutes = 8
    hints = (
        "Three things go wrong in silence: no images, labels of shape [n, 1], and rows of NaN.",
        "`logits.argmax(dim=1)` calls a NaN the largest entry. `logits.isnan().any(dim=1)` finds such rows.",
        "Raise `ValueError` where `labels.shape != logits.shape[:1]`, and where `len(labels) == 0`.",
    )
    answer = """
def trusted_accuracy(logits, labels):
    if len(labels) == 0:
        raise ValueError("no images, no accuracy")
    if labels.shape != logits.shape[:1]:
        raise ValueError(f"one label an image, please: {tuple(labels.shape)} for {tuple(logits.shape)}")
    right = logits.argmax(dim=1) == labels
    broken = logits.isnan().any(dim=1)
    return (right & ~broken).float().mean().item()
"""

    def examine(self, accuracy):
        logits = torch.tensor([[2.0, 1.0, 0.0], [0.0, 3.0, 1.0], [1.0, 0.0, 5.0], [4.0, 0.0, 0.0]])
        labels = torch.tensor([0, 1, 2, 1])
        self._same(accuracy(logits, labels), 0.75, "Three of four rows are right")
        self._same(accuracy(logits[:1], labels[:1]), 1.0, "One image, and it is right")
        broken = logits.clone()
        broken[1] = torch.tensor([0.0, float("nan"), 1.0])
        self._same(accuracy(broken, labels), 0.5, "Two of four are right and one row holds a NaN, which is no answer")
        self._refuses(accuracy, logits, labels[:2], "four rows of logits and two labels")
        self._refuses(accuracy, logits, labels[:, None], "labels of shape [4, 1] (they broadcast to a 4 x 4 table)")
        self._refuses(accuracy, logits[:0], labels[:0], "an empty batch (it has no accuracy: 0 / 0)")
        return "Right on one image, honest about NaN, and it refuses what it cannot measure."

    def _same(self, found, expected, case):
        found = one_number(found, f"Return one number, not {short(found)}.")
        require(abs(found - expected) < 1e-6, f"{case}, so the accuracy is {expected}; yours is {found:.3f}.")

    def _refuses(self, accuracy, logits, labels, case):
        try:
            found = accuracy(logits, labels)
        except ValueError:
            return
        require(False, f"For {case} your function returned {found!r}; raise a `ValueError` that says what is wrong.")


EXERCISES = Exercises(SeeWhatMoved, FreezeForReal, StayFrozen, ExtractFeatures, TrustedAccuracy)

QUIZ = Quiz(
    "03",
    (
        Question(
            "You set `requires_grad = False` on every parameter of a ResNet and train a new head in `train()` mode. "
            "What of the backbone changes?",
            (
                Option(
                    "Nothing: no gradients, no change.",
                    "Gradients are one of two ways to change. BatchNorm's running "
                    "mean and variance change in each forward pass of `train()` mode.",
                ),
                Option(
                    "The BatchNorm statistics.",
                    "They are buffers, not parameters: `requires_grad` does not concern them, and `eval()` does.",
                    right=True,
                ),
                Option(
                    "The weights of BatchNorm.",
                    "Weight and bias of BatchNorm are parameters. They stand still like the others.",
                ),
            ),
        ),
        Question(
            "Why may the features of a frozen backbone be computed once and kept?",
            (
                Option(
                    "Because they are small.",
                    "They are, and that is handy. But it would not make them right in the second epoch.",
                ),
                Option(
                    "Because the same picture gives the same features in every epoch.",
                    "Nothing in the backbone moves "
                    "and nothing random happens on the way. With random crops or flips this would no longer be true: "
                    "then you would keep several versions of each picture.",
                    right=True,
                ),
                Option(
                    "Because the head does not need gradients.",
                    "The head does need gradients. It is the backbone that needs none.",
                ),
            ),
        ),
        Question(
            "You compared twelve heads on the validation part and take the best. Which number do you report?",
            (
                Option(
                    "Its accuracy on the validation part.",
                    "It was chosen because that number is high, so part of the number is luck.",
                ),
                Option(
                    "Its accuracy on the test part, measured once, now.",
                    "The test part has had no say in the choice. That is what it is for.",
                    right=True,
                ),
                Option(
                    "The best of the twelve on the test part.",
                    "Then the test part makes the choice, and you have no untouched pictures left.",
                ),
            ),
        ),
        Question(
            "With 5 pictures a class the frozen backbone is far ahead of training from scratch. What do you expect "
            "with 50,000 pictures a class that look nothing like photos?",
            (
                Option(
                    "The same lead.",
                    "Much data lets a network learn its own features, and ImageNet's are not made for such pictures.",
                ),
                Option(
                    "A smaller lead, perhaps none.",
                    "The less your pictures resemble the old ones and the more of them "
                    "you have, the less the old features are worth. Measure it on your data.",
                    right=True,
                ),
                Option(
                    "Scratch always wins on large data.",
                    "Often fine-tuning from pretrained weights still starts from "
                    "a better place. Measure, do not assume.",
                ),
            ),
        ),
    ),
)
