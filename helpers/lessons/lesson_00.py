"""Answer key of lesson 00: a first prediction, and how not to spoil it."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from helpers.course.exercise import Exercise, Exercises, Level, short
from helpers.course.quiz import Option, Question, Quiz
from helpers.course.verdicts import require


class MostLikelyName(Exercise):
    number = "0.1"
    title = "the most likely name"
    level = Level.USE
    minutes = 2
    hints = (
        "Which position in `logits` holds the highest score? The name is at the same position in `categories`.",
        "`logits.argmax()` gives that position.",
    )
    answer = '''
def top_class(logits, categories):
    """The name of the highest of the `logits` [n]."""
    return categories[logits.argmax()]
'''

    def examine(self, top_class):
        animals = ["owl", "cat", "fox", "ant"]
        for scores, meaning in (
            ([0.1, 2.5, -1.0, 0.3], "The highest score decides."),
            ([4.0, 1.0, 2.0, 3.0], "The highest score may be the first."),
            ([-9.0, -2.0, -0.5, -3.0], "Logits may all be negative; the highest is then the one nearest to zero."),
            ([0.5, -7.0, 1.5, 0.0], "A large negative score is a low one."),
        ):
            said = top_class(torch.tensor(scores), list(animals))
            expected = animals[scores.index(max(scores))]
            require(
                isinstance(said, str),
                f"For the logits {scores} your function gave back `{short(said)}`, and a name was expected: one of "
                "the strings in `categories`.",
            )
            require(
                said == expected,
                f"For the logits {scores} of {', '.join(animals)} your function said `{said}`, and the highest score "
                f"is that of `{expected}`. {meaning}",
            )
        return "It also holds for logits that are all negative: softmax keeps the order, so it is not needed here."


class NamesWithProbabilities(Exercise):
    number = "0.2"
    title = "names with probabilities"
    level = Level.WRITE
    minutes = 5
    hints = (
        "First turn all logits into probabilities, then take the `k` largest.",
        "`logits.softmax(dim=0)` gives the probabilities, `.topk(k)` the largest of them: its `.values` and `.indices` "
        "are sorted, the largest first.",
        "`zip(best.values, best.indices)` walks over both. `float(value)` makes a plain number of a tensor.",
    )
    answer = '''
def top_k(logits, categories, k):
    """The `k` most likely names for `logits` [n]: [(name, probability), ...], most likely first."""
    best = logits.softmax(dim=0).topk(k)
    return [(categories[index], float(value)) for value, index in zip(best.values, best.indices)]
'''

    def examine(self, top_k):
        animals = ["owl", "cat", "fox", "ant"]
        for scores, k in (([1.0, 3.0, 2.0, 0.0], 2), ([-1.0, -4.0, -2.0, -3.0], 4), ([0.5, 0.2, 0.1, 0.9], 1)):
            _compare_top_k(top_k(torch.tensor(scores), list(animals), k), scores, animals, k)
        _compare_top_k(top_k(torch.tensor([0.0, 1000.0]), ["dark", "bright"], 1), [0.0, 1000.0], ["dark", "bright"], 1)
        return "The probabilities are shares among all categories, and large logits do no harm."


def _compare_top_k(said: object, scores: list[float], names: list[str], k: int) -> None:
    case = f"For the logits {scores} of {', '.join(names)} and k={k}"
    require(
        isinstance(said, list) and all(isinstance(pair, tuple | list) and len(pair) == 2 for pair in said),
        f"{case} your function gave back `{short(said)}`, and a list of pairs (name, probability) was expected.",
    )
    require(len(said) == k, f"{case} your list has {len(said)} pairs, and {k} were asked for.")
    highest = max(scores)
    weights = [math.exp(score - highest) for score in scores]
    right = sorted(zip(names, (w / sum(weights) for w in weights), strict=True), key=lambda pair: -pair[1])[:k]
    for (name, probability), (right_name, right_probability) in zip(said, right, strict=True):
        require(
            isinstance(name, str) and not isinstance(probability, Tensor | str),
            f"{case} a pair is `{short((name, probability))}`: the name must be a string, and the probability a "
            "plain number. `float(...)` makes one of a tensor.",
        )
        require(
            name == right_name,
            f"{case} your list has `{name}` where `{right_name}` belongs. The most likely name comes first.",
        )
        require(
            not math.isnan(probability),
            f"{case} the probability of `{name}` is not a number (nan): e to the power of 1000 is too large for a "
            "float. Softmax from PyTorch subtracts the highest logit first.",
        )
        require(
            abs(probability - right_probability) < 1e-4,
            f"{case} you give `{name}` {probability:.3f}, and it has {right_probability:.3f}. "
            + _why_other(probability, right_probability, scores[names.index(name)], right, k),
        )


def _why_other(probability: float, right: float, logit: float, best: list[tuple[str, float]], k: int) -> str:
    if abs(probability - logit) < 1e-4:
        return "That is the logit itself: softmax turns logits into probabilities."
    if abs(probability - right / sum(share for _, share in best)) < 1e-4:
        return f"That is its share among the best {k} only: take the softmax of all logits first, then the largest."
    return "Softmax over all logits gives each category's probability."


class AskSafely(Exercise):
    number = "0.3"
    title = "ask safely"
    level = Level.EDGE
    minutes = 6
    hints = (
        "`images.dim()` is 3 for one image and 4 for a batch.",
        "`images.unsqueeze(0)` makes a batch of one. `model.eval()` stops BatchNorm and dropout from acting as in "
        "training.",
        "Call the model inside `with torch.inference_mode():`, so that no gradients are recorded.",
    )
    answer = '''
def ask(model, images):
    """Logits [n, classes] for one image [3, h, w] or a batch [n, 3, h, w]."""
    if images.dim() == 3:
        images = images.unsqueeze(0)
    model.eval()
    with torch.inference_mode():
        return model(images)
'''

    def examine(self, ask):
        images = torch.randn(4, 3, 8, 8)
        reference = _small_network().eval()
        with torch.no_grad():
            expected = reference(images)

        model = _small_network().train()
        before = {name: value.clone() for name, value in model.state_dict().items()}
        for what, given, wanted in (
            ("a batch of four images [4, 3, 8, 8]", images, expected),
            ("one image [3, 8, 8]", images[0], expected[:1]),
            ("a batch of one [1, 3, 8, 8]", images[:1], expected[:1]),
        ):
            said = ask(model.train(), given.clone())
            require(
                isinstance(said, Tensor),
                f"For {what} your function gave back `{short(said)}`, and a tensor of logits was expected.",
            )
            require(
                said.shape == wanted.shape,
                f"For {what} your logits have the shape {list(said.shape)}, and {list(wanted.shape)} was expected: "
                "one row an image.",
            )
            changed = [name for name, value in model.state_dict().items() if not torch.equal(value, before[name])]
            require(
                not changed,
                f"The model arrived in train() mode, and your call changed its `{(changed or [''])[0]}`: BatchNorm "
                "took the averages of your images for new knowledge. `model.eval()` comes before the prediction.",
            )
            require(
                torch.allclose(said.detach(), wanted, atol=1e-5),
                f"For {what}, with a model that arrived in train() mode, the logits are not those of the same model "
                "in eval() mode. Dropout or BatchNorm was still acting as in training.",
            )
            require(
                not said.requires_grad,
                "The logits still carry gradients (`requires_grad` is True): every prediction then keeps the whole "
                "computation in memory. Call the model inside `torch.inference_mode()` or `torch.no_grad()`.",
            )
        return "One image alone, in a batch of one and among four: the same logits, and the model is as it was."


def _small_network() -> nn.Sequential:
    """With BatchNorm, whose statistics are not those of the check's images, and with dropout."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(7)
        network = nn.Sequential(
            nn.Conv2d(3, 6, 3), nn.BatchNorm2d(6), nn.ReLU(), nn.Flatten(), nn.Dropout(0.5), nn.Linear(216, 5)
        )
        network[1].running_mean.uniform_(-1, 1)
        network[1].running_var.uniform_(0.5, 2)
    return network


EXERCISES = Exercises(MostLikelyName, NamesWithProbabilities, AskSafely)

QUIZ = Quiz(
    "00",
    (
        Question(
            "A network gives an image the logits -3.2, -0.4 and -5.1. Which category is the most likely?",
            (
                Option("The third, with -5.1", "It has the largest size, but the lowest score."),
                Option("The second, with -0.4", "The highest score wins, also below zero.", right=True),
                Option("None, since all are negative", "Softmax gives positive shares to any logits."),
            ),
        ),
        Question(
            "You show a network trained on ImageNet a tulip. ImageNet has no tulip. What happens?",
            (
                Option("It raises an error", "It computes 1000 scores for whatever it is given."),
                Option("It says `unknown`", "There is no such name among its 1000 names."),
                Option(
                    "It names something else from its 1000 names",
                    "Softmax shares a total of 1 among the names that it has, whatever is in the picture.",
                    right=True,
                ),
            ),
        ),
        Question(
            "A colleague's predictions change with the other images in the batch. What was most likely forgotten?",
            (
                Option("Softmax", "Softmax works on each row by itself."),
                Option(
                    "`model.eval()`",
                    "In `train()` mode BatchNorm uses the statistics of the batch, so its neighbours change an image's "
                    "answer.",
                    right=True,
                ),
                Option("`unsqueeze(0)`", "A missing batch dimension is an error, and there is a batch already."),
            ),
        ),
        Question(
            "What does `torch.inference_mode()` do that `model.eval()` does not?",
            (
                Option(
                    "It stops the recording of gradients",
                    "`eval()` only changes how layers such as BatchNorm and dropout act. You want both.",
                    right=True,
                ),
                Option("It switches dropout off", "`model.eval()` does that."),
                Option("It freezes the weights for good", "It only holds inside its `with` block."),
            ),
        ),
    ),
)
