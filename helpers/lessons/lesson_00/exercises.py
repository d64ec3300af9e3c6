"""Answer key of lesson 00: a first prediction, and how not to spoil it."""

from __future__ import annotations

import torch

from helpers.checking import networks
from helpers.checking.answers import a_string, a_tensor, most_likely, short
from helpers.checking.passes import Watched, called_for_prediction, logits_of, same_function
from helpers.checking.untouched import FOR_PREDICTION, input_untouched, left_as_found
from helpers.course.exercise import Exercise, Exercises, Level
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
        for scores, meaning in _SCORES.items():
            logits, categories = torch.tensor(scores), ["owl", "cat", "fox", "ant", "bee"][-len(scores) :]
            case = f"For the logits {list(scores)} of {', '.join(categories)}"
            best = categories[scores.index(max(scores))]
            with input_untouched(logits=logits, categories=categories):
                said = top_class(logits, categories)
            name = a_string(said, f"{case} a name was expected, and your function gave back `{short(said)}`.")
            require(name == best, f"{case} you said `{name}`, and the highest score is that of `{best}`. {meaning}")
        return "It also holds for logits that are all negative: softmax keeps the order, so it is not needed here."


# Each with what it usually means to get it wrong.
_SCORES = {
    (0.1, 2.5, -1.0, 0.3): "The highest score decides.",
    (4.0, 1.0, 2.0, 3.0): "The highest score may be the first.",
    (-9.0, -2.0, -0.5, -3.0): "Logits may all be negative; the highest is then the one nearest to zero.",
    (0.5, -7.0, 1.5, 0.0): "A large negative score is a low one.",
    (1.0, -2.0, 0.5, 1.5, 3.0): "The highest score may be the last, and there may be any number of names.",
    (2.71, 2.74, 2.72): "Scores may be close: compare them as they are, and round nothing.",
    (-0.5,): "Where there is one score alone, it is the highest.",
    (95.0, 30.0, 100.0): "Scores may be large, and `exp` or a sigmoid of them ends in the same number: compare them "
    "as they are.",
}


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
        for scores, categories, k in (
            ([1.0, 3.0, 2.0, 0.0], ["owl", "cat", "fox", "ant"], 2),
            ([-1.0, -4.0, -2.0, -3.0], ["owl", "cat", "fox", "ant"], 4),
            ([0.5, 0.2, 0.1, 0.9], ["owl", "cat", "fox", "ant"], 1),
            ([0.0, 1000.0], ["dark", "bright"], 1),
        ):
            logits, case = torch.tensor(scores), f"For the logits {scores} of {', '.join(categories)} and k={k},"
            with input_untouched(logits=logits, categories=categories):
                said = top_k(logits, categories, k)
            most_likely(said, case, logits=logits, categories=categories, k=k, otherwise=_ALL_LOGITS)
        return "The probabilities are shares among all categories, and large logits do no harm."


_ALL_LOGITS = "Softmax over all logits gives each category's probability."


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
        model, images = Watched(*networks.classifier(5)), networks.images(4)
        expected = logits_of(model, images, "the network")
        for what, given, rows in (
            ("a batch of four images [4, 3, 8, 8]", images, 4),
            ("a batch of three images [3, 3, 8, 8]", images[:3], 3),
            ("one image [3, 8, 8]", images[0], 1),
            ("a batch of one [1, 3, 8, 8]", images[:1], 1),
        ):
            model.train().calls.clear()
            with left_as_found(model, but={"modes"}, advice=FOR_PREDICTION), input_untouched(images=given):
                said = ask(model, given)
            logits = a_tensor(said, [rows, 5], f"For {what}", of="logits", why="There is one row an image.")
            called_for_prediction(model.calls, f"For {what}")
            for why, other in {_SHARES: expected.softmax(1), _LOGARITHMS: expected.log_softmax(1)}.items():
                require(not torch.allclose(logits.float(), other[:rows], atol=1e-5), f"For {what} {why}")
            same_function(logits, expected[:rows], f"For {what} {_OTHER_LOGITS}")
        return "One image alone, in a batch of one and among four: the same logits, and the model is as it was."


_SHARES = "those are probabilities: logits are what the model gives, without a softmax."
_LOGARITHMS = "those are logarithms of probabilities: logits are what the model gives, without a log_softmax."
_OTHER_LOGITS = "what you gave back are not the logits that the same model gives for these images in `eval()` mode."

EXERCISES = Exercises(MostLikelyName, NamesWithProbabilities, AskSafely)
