"""What proves that a prediction is right: the most likely names, a network whose answers are chosen, nothing built."""

from __future__ import annotations

import pytest
import torch
from torch import nn
from torchvision.models import ResNet18_Weights, resnet18

from helpers.checking.answers import most_likely
from helpers.checking.networks import Knows
from helpers.checking.untouched import nothing_built
from helpers.course.verdicts import Incorrect

LOGITS, NAMES = torch.tensor([1.0, 3.0, 2.0, 0.0]), ["owl", "cat", "fox", "ant"]
SHARES = LOGITS.softmax(0).tolist()


def _reason(said: object, **more: object) -> str:
    with pytest.raises(Incorrect) as refused:
        most_likely(said, "Here", logits=LOGITS, categories=NAMES, k=2, **more)
    return str(refused.value)


def test_most_likely_gives_the_pairs():
    said = [("cat", SHARES[1] + 5e-5), ("fox", SHARES[2])]
    assert most_likely(said, "Here", logits=LOGITS, categories=NAMES, k=2) == said


@pytest.mark.parametrize(
    ("said", "reason"),
    [
        ([("cat", SHARES[1])], "your list has 1 pairs, and 2 were expected"),
        ([("cat", SHARES[1]), ("dog", SHARES[2])], "names `dog`"),
        ([("cat", float("nan")), ("fox", SHARES[2])], "nan"),
        ([("cat", SHARES[1] + 5e-3), ("fox", SHARES[2])], "`cat` 0.644, `fox` 0.237 was expected"),
        ([("fox", SHARES[2]), ("cat", SHARES[1])], "The most likely name comes first"),
        ([("fox", SHARES[1]), ("cat", SHARES[2])], "the names belong to others"),
        ([("cat", 3.0), ("fox", 2.0)], "Those are logits"),
        ([("cat", 0.7311), ("fox", 0.2689)], "among the best 2 only"),
    ],
)
def test_most_likely_tells_what_is_wrong(said, reason):
    assert reason in _reason(said)


def test_most_likely_tries_the_mistakes_of_the_exercise():
    said = [("cat", 0.4), ("fox", 0.3)]
    others = torch.tensor([0.2, 0.4, 0.3, 0.1]).log()
    assert _reason(said, mistakes={"Halved.": others}).endswith("Halved.")
    assert _reason(said, mistakes={"Halved.": LOGITS * 9}, otherwise="Who knows.").endswith("Who knows.")


def test_knows_its_images_only_as_they_are_prepared():
    known, rows = torch.rand(2, 3, 4, 4), torch.tensor([[0.0, 5.0], [7.0, 0.0]])
    network = Knows(known, rows).eval()
    assert torch.equal(network(known.flip(0)), rows.flip(0))
    for strange in (known + 0.1, torch.rand(2, 3, 6, 6)):
        assert not network(strange).any()
    assert not network.train()(known).any()
    with pytest.raises(RuntimeError, match="batch of images"):
        network(known[0])


@pytest.mark.parametrize(
    "attempt",
    [
        lambda: nn.Linear(1, 1),
        lambda: nn.Linear(1, 1, device="meta"),
        lambda: nn.Sequential(nn.ReLU()),
        resnet18,
        lambda: ResNet18_Weights.DEFAULT.get_state_dict(),
    ],
    ids=["a layer", "on meta", "without parameters", "a network", "its weights"],
)
def test_nothing_built_stops_whoever_begins(attempt):
    with pytest.raises(Incorrect, match="Here, your function began to"), nothing_built("Here"):
        attempt()
    nn.Linear(1, 1)  # and after the block it stops nobody


def test_nothing_built_tells_who_forgives_errors():
    with pytest.raises(Incorrect, match="began to build"), nothing_built("Here"):
        try:
            nn.Linear(1, 1)
        except Exception as error:
            assert error.args


def test_nothing_built_lets_the_promises_be_read():
    with nothing_built("Here"):
        assert ResNet18_Weights.DEFAULT.meta["num_params"] == 11_689_512
