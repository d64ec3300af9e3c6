"""Answer key of lesson 01: what weights promise, how to use them, and how to prove that they were trained."""

from __future__ import annotations

import contextlib
import copy
import functools
import math
from collections.abc import Iterator
from types import SimpleNamespace

import torch
import torchvision.transforms.functional as F
from PIL import Image
from torch import Tensor, nn
from torchvision.models import get_model_weights
from torchvision.transforms._presets import ImageClassification

from helpers.course.exercise import Exercise, Exercises, Level, short
from helpers.course.quiz import Option, Question, Quiz
from helpers.course.verdicts import Incorrect, require
from helpers.data.photos import ExamplePhoto, example_photos
from helpers.errors import CourseError
from helpers.models.backbones import Backbone, load_backbone


class MostAccurateThatFits(Exercise):
    number = "1.1"
    title = "the most accurate that fits"
    level = Level.USE
    minutes = 4
    hints = (
        "`get_model_weights(name).DEFAULT.meta` holds both numbers.",
        'The size is `meta["num_params"]`, the accuracy `meta["_metrics"]["ImageNet-1K"]["acc@1"]`.',
        "Collect the names that fit first. `max(fitting, key=top1, default=None)` takes the best of them, and `None` "
        "where there is none.",
    )
    answer = '''
def most_accurate(names, at_most):
    """The name with the highest top-1 among networks of at most `at_most` parameters, or None."""

    def meta(name):
        return get_model_weights(name).DEFAULT.meta

    fitting = [name for name in names if meta(name)["num_params"] <= at_most]
    return max(fitting, key=lambda name: meta(name)["_metrics"]["ImageNet-1K"]["acc@1"], default=None)
'''

    def examine(self, most_accurate):
        four = ["resnet50", "efficientnet_b4", "vit_b_16", "convnext_base"]
        for names, at_most, meaning in (
            (four, 100_000_000, "All four fit, and the most accurate is wanted, not the smallest or the first."),
            (four, 30_000_000, "The most accurate of all four has more parameters than that."),
            (["efficientnet_b1", "resnet50"], 30_000_000, "Compare the DEFAULT weights of each, not V1."),
            (["resnet50", "vit_b_16"], 100_000_000, "Compare top-1 (`acc@1`), not top-5."),
            (["resnet18", "resnet50"], 25_557_032, "A network of exactly `at_most` parameters fits."),
            (four, 1_000_000, "None is that small."),
            ([], 30_000_000, "No names, so no network."),
        ):
            said = most_accurate(list(names), at_most)
            expected = _best(names, at_most)
            asked = f"Among {', '.join(names) or 'no networks'} with at most {at_most:,} parameters"
            require(
                said is None or isinstance(said, str), f"{asked}: a name was expected, and you gave `{short(said)}`."
            )
            require(said == expected, f"{asked}: you said `{said}`, and it is `{expected}`. {meaning}")
        return "It reads the promise of each network's default weights, and loads none of them."


def _best(names: list[str], at_most: int) -> str | None:
    metas = {name: get_model_weights(name).DEFAULT.meta for name in names}
    fitting = [name for name in names if metas[name]["num_params"] <= at_most]
    return max(fitting, key=lambda name: metas[name]["_metrics"]["ImageNet-1K"]["acc@1"], default=None)


class Predict(Exercise):
    number = "1.2"
    title = "predict"
    level = Level.WRITE
    minutes = 8
    hints = (
        "Five steps: the weights' preprocessing, a batch of one, `eval()` without gradients, softmax, the `k` best.",
        "`weights.transforms()(image).unsqueeze(0)` is the batch. Note `model.training` before `model.eval()`, and "
        "give it back with `model.train(was_training)`.",
        '`logits.softmax(dim=1)[0].topk(k)` gives values and indices. The names are in `weights.meta["categories"]`.',
    )
    answer = '''
def predict(model, weights, image, k=3):
    """The `k` most likely names for a PIL image: [(name, probability), ...], most likely first."""
    was_training = model.training
    model.eval()
    with torch.inference_mode():
        logits = model(weights.transforms()(image).unsqueeze(0))
    model.train(was_training)
    best = logits.softmax(dim=1)[0].topk(k)
    names = weights.meta["categories"]
    return [(names[index], float(value)) for value, index in zip(best.values, best.indices)]
'''

    def examine(self, predict):
        image = Image.new("RGB", (40, 30), (230, 120, 20))
        for weights in _two_weights():
            _try_predict(predict, weights, image)
        coffee = _photos()["coffee"]
        backbone = _lite()
        with _one_thread():
            said = predict(backbone.model, backbone.weights, coffee.image, 1)
        require(
            len(said) == 1 and said[0][0] in coffee.accept,
            f"For the photo of {coffee.shows}, EfficientNet-Lite0 is expected to say "
            f"{' or '.join(sorted(coffee.accept))}, and your function said `{short(said)}`.",
        )
        return f"For the photo of {coffee.shows} it says {said[0][0]}, {said[0][1]:.2f}."


def _two_weights() -> list[SimpleNamespace]:
    """Two sets of weights for a small network, which differ in preprocessing and in names."""

    def weights(names: list[str], mean: float, std: float, size: int) -> SimpleNamespace:
        transforms = functools.partial(
            ImageClassification, crop_size=size, resize_size=size, mean=(mean,) * 3, std=(std,) * 3
        )
        return SimpleNamespace(transforms=transforms, meta={"categories": names}, size=size)

    return [
        weights(["red", "green", "blue", "gray"], 0.5, 0.5, 8),
        weights(["rojo", "verde", "azul", "gris"], 0, 1, 16),
    ]


def _small_network() -> nn.Sequential:
    """Colours to logits of four names; BatchNorm and dropout make `train()` mode show."""
    network = nn.Sequential(
        nn.BatchNorm2d(3), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Dropout(0.5), nn.Linear(3, 4, bias=False)
    )
    with torch.no_grad():
        network[4].weight.copy_(torch.tensor([[1.5, 0, 0], [0, 1.5, 0], [0, 0, 1.5], [0.3, 0.3, 0.3]]))
    network[0].running_mean.fill_(0.1)
    return network


def _try_predict(predict, weights: SimpleNamespace, image: Image.Image) -> None:
    names, model = weights.meta["categories"], _small_network().eval()
    batch = weights.transforms()(image).unsqueeze(0)
    with torch.no_grad():
        shares = model(batch).softmax(dim=1)[0].tolist()
    right = sorted(zip(names, shares, strict=True), key=lambda pair: -pair[1])
    case = f"An orange picture, a small network that knows {', '.join(names)}, preprocessing to {weights.size} px"

    for training in (False, True):
        arrives = f"{case}, model in {'train' if training else 'eval'}() mode"
        before = copy.deepcopy(model.state_dict())
        said = predict(model.train(training), weights, image.copy(), 2)
        require(
            isinstance(said, list) and all(isinstance(pair, tuple | list) and len(pair) == 2 for pair in said),
            f"{arrives}: a list of pairs (name, probability) was expected, and you gave `{short(said)}`.",
        )
        require(len(said) == 2, f"{arrives}: k=2 names were asked for, and your list has {len(said)}.")
        require(
            all(isinstance(name, str) and not isinstance(share, Tensor | str) for name, share in said),
            f"{arrives}: a pair is `{short(said[0])}`, and a string with a plain number was expected.",
        )
        require(
            all(torch.equal(value, before[name]) for name, value in model.state_dict().items()),
            f"{arrives}: your call changed BatchNorm's running_mean. Call `model.eval()` before the prediction.",
        )
        require(
            {name for name, _ in said} <= set(names),
            f'{arrives}: you said `{said[0][0]}`. The names are those in `weights.meta["categories"]`.',
        )
        require(
            [name for name, _ in said] == [name for name, _ in right[:2]]
            and all(
                math.isclose(share, wanted, abs_tol=1e-4) for (_, share), (_, wanted) in zip(said, right, strict=False)
            ),
            f"{arrives}: you said {_listed(said)}, and {_listed(right[:2])} was expected. "
            + (
                "In eval() mode it was right: dropout or BatchNorm was still acting as in training."
                if training
                else _why_other(model, said, batch, weights, image)
            ),
        )
        require(
            model.training is training,
            f"{arrives}: after your call it is in {'eval' if training else 'train'}() mode. Note "
            "`model.training` first, and give it back with `model.train(was_training)`.",
        )


def _why_other(model: nn.Module, said: list, batch: Tensor, weights: SimpleNamespace, image: Image.Image) -> str:
    """What usually leads to other probabilities, found by trying it."""
    with torch.no_grad():
        logits = model(batch)[0]
        unit = model(F.to_tensor(image.resize(batch.shape[-2:])).unsqueeze(0)).softmax(dim=1)[0]
    given = [share for _, share in said]
    if given == sorted(given) and given[0] != given[-1]:
        return "The most likely name comes first."
    if torch.allclose(logits.topk(2).values, torch.tensor(given, dtype=torch.float), atol=1e-4):
        return "Those are logits: softmax turns them into probabilities."
    if torch.allclose(logits.topk(2).values.softmax(0), torch.tensor(given, dtype=torch.float), atol=1e-4):
        return "Those are shares among the best two only: take the softmax of all logits first."
    if torch.allclose(unit.topk(2).values, torch.tensor(given, dtype=torch.float), atol=1e-3):
        return "The picture was not normalised: `weights.transforms()` does all four steps."
    return "The picture reached the network in another form: use `weights.transforms()` of the weights you are given."


class IsPretrained(Exercise):
    number = "1.3"
    title = "is it pretrained?"
    level = Level.WRITE
    minutes = 8
    hints = (
        "Count the photos whose most likely name is in `photo.accept`, and compare the count with half of them.",
        "For each photo: `weights.transforms()(photo.image).unsqueeze(0)`, the model in `eval()` mode, `argmax`, and "
        'the name from `weights.meta["categories"]`.',
        "`right > len(photos) / 2` is False for no photos by itself, since 0 is not more than 0.",
    )
    answer = '''
def is_pretrained(model, weights, photos):
    """Whether the network names more than half of the photos in an acceptable way."""
    model.eval()
    right = 0
    for photo in photos:
        with torch.inference_mode():
            logits = model(weights.transforms()(photo.image).unsqueeze(0))
        name = weights.meta["categories"][logits.argmax()]
        right += name in photo.accept
    return right > len(photos) / 2
'''

    def examine(self, is_pretrained):
        real = _lite()
        photos = [_photos()[name] for name in ("coffee", "camera")]
        for what, model, shown, expected, meaning in (
            ("the real weights, which name both photos", real.model.eval(), photos, True, ""),
            (
                "the real weights in a model that arrives in train() mode",
                copy.deepcopy(real.model).train(),
                photos,
                True,
                "Call `model.eval()` before you ask it.",
            ),
            (
                "a random network that is very sure of itself",
                _sure_but_random(),
                photos,
                False,
                "Certainty is no proof. Compare what it says with `photo.accept`.",
            ),
            (
                "a network that says `espresso` to everything, with full certainty",
                _Parrot(real.categories.index("espresso")).eval(),
                photos,
                False,
                "It is right about the coffee alone, which is one of two and not more than half.",
            ),
            (
                "the real weights with a first layer of random numbers",
                _damaged(real.model),
                photos,
                False,
                "Most of its numbers are real, and it recognises nothing. Judge it by what it says.",
            ),
            (
                "the real weights and no photo at all",
                real.model.eval(),
                [],
                False,
                "Without a photo there is no proof.",
            ),
        ):
            with _one_thread():
                said = is_pretrained(model, real.weights, list(shown))
            said = said.item() if isinstance(said, Tensor) and said.numel() == 1 else said
            require(
                type(said).__name__ in {"bool", "bool_"},
                f"Given {what}, your function gave back `{short(said)}`, and True or False was expected.",
            )
            require(
                bool(said) is expected,
                f"Given {what}, the answer is {expected}, and your function said {bool(said)}. {meaning}".strip(),
            )
        return "It knows the real weights in any mode, and no impostor gets past it."


class _Parrot(nn.Module):
    """Says the same to every image [n, 3, h, w]: certain, and wrong nearly always."""

    def __init__(self, index: int):
        super().__init__()
        self.index, self.weight = index, nn.Parameter(torch.zeros(1))

    def forward(self, images: Tensor) -> Tensor:
        return nn.functional.one_hot(torch.full((len(images),), self.index), 1000) * 50.0 + self.weight


class _SureButRandom(nn.Module):
    """Small and random, with logits that are far apart."""

    def __init__(self) -> None:
        super().__init__()
        self.pool, self.fc = nn.AdaptiveAvgPool2d(4), nn.Linear(48, 1000)

    def forward(self, images: Tensor) -> Tensor:
        return self.fc(self.pool(images).flatten(1)) * 100


def _sure_but_random() -> nn.Module:
    torch.manual_seed(1)
    return _SureButRandom().eval()


def _damaged(model: nn.Module) -> nn.Module:
    damaged = copy.deepcopy(model)
    stem = next(module for module in damaged.modules() if isinstance(module, nn.Conv2d))
    torch.manual_seed(1)
    nn.init.normal_(stem.weight, std=3)
    return damaged.eval()


class AnyPicture(Exercise):
    number = "1.4"
    title = "any picture"
    level = Level.EDGE
    minutes = 8
    hints = (
        "Three cases, in this order: not a PIL image, a picture with transparency, any other picture.",
        "`isinstance(image, Image.Image)` for the first, `image.has_transparency_data` for the second, "
        '`convert("RGB")` for the third.',
        'A picture with transparency: `image = image.convert("RGBA")`, then '
        '`Image.alpha_composite(Image.new("RGBA", image.size, "white"), image)`. Convert the result to RGB.',
    )
    answer = '''
def preprocess_any(image, transforms):
    """`transforms` of any PIL image, as a tensor [3, h, w]; CourseError for anything else."""
    if not isinstance(image, Image.Image):
        raise CourseError(f"not a picture but {type(image).__name__}: open it with PIL first")
    if image.has_transparency_data:
        image = image.convert("RGBA")
        image = Image.alpha_composite(Image.new("RGBA", image.size, "white"), image)
    return transforms(image.convert("RGB"))
'''

    def examine(self, preprocess_any):
        transforms = ImageClassification(crop_size=24, resize_size=28)
        for what, image, rgb, meaning in _pictures():
            said = preprocess_any(image, transforms)
            expected = transforms(rgb)
            require(isinstance(said, Tensor), f"For {what} you gave `{short(said)}`, and a tensor was expected.")
            require(
                said.shape == expected.shape,
                f"For {what} your tensor has the shape {list(said.shape)}, and {list(expected.shape)} was expected.",
            )
            require(
                torch.allclose(said, expected, atol=0.02),
                f"For {what} your tensor is not the expected one: it is off by {(said - expected).abs().max():.2f} at "
                f"most. {meaning}",
            )
        for wrong in (None, "photos/cat.jpg", torch.zeros(3, 8, 8)):
            _require_course_error(preprocess_any, wrong, transforms)
        return "Eight kinds of picture give what a network expects, and anything else gets one clear line."


def _pictures() -> list[tuple[str, Image.Image, Image.Image, str]]:
    """What it is, the picture, the RGB picture that stands for it, and what goes wrong with it."""
    rgb = F.resize(_photos()["coffee"].image, [40, 60])
    on_white = "Transparent parts become white, and `convert` alone shows what was invisible."
    alpha = Image.linear_gradient("L").resize(rgb.size)
    rgba, gray_alpha = rgb.convert("RGBA"), rgb.convert("LA")
    rgba.putalpha(alpha)
    gray_alpha.putalpha(alpha)
    palette = rgb.quantize(16)
    see_through = palette.copy()
    see_through.info["transparency"] = 3
    gray, pixel = rgb.convert("L"), Image.new("RGB", (1, 1), (200, 30, 60))
    return [
        ("an RGB picture", rgb, rgb, "RGB needs no change: `transforms(image)`."),
        ("a gray picture (L)", gray, gray.convert("RGB"), "Gray becomes three equal channels."),
        ("a black-and-white picture (1)", rgb.convert("1"), rgb.convert("1").convert("RGB"), "Convert it to RGB."),
        (
            "a palette picture (P)",
            palette,
            palette.convert("RGB"),
            "Its values are positions in a palette: convert it.",
        ),
        ("a picture with transparency (RGBA)", rgba, _on_white(rgba), on_white),
        ("a gray picture with transparency (LA)", gray_alpha, _on_white(gray_alpha), on_white),
        ("a palette picture with a transparent colour (P)", see_through, _on_white(see_through), on_white),
        ("a picture of one pixel", pixel, pixel, "It is resized like any other."),
    ]


def _on_white(image: Image.Image) -> Image.Image:
    rgba = image.convert("RGBA")
    return Image.alpha_composite(Image.new("RGBA", rgba.size, "white"), rgba).convert("RGB")


def _require_course_error(preprocess_any, wrong: object, transforms) -> None:
    kind = type(wrong).__name__
    got = f"Given {'None' if wrong is None else f'a {kind}'} in place of a picture"
    try:
        said = preprocess_any(wrong, transforms)
    except CourseError as error:
        require(
            kind in str(error), f"{got}, your CourseError says `{short(str(error))}`: it must name the type, `{kind}`."
        )
    except Exception as error:
        raise Incorrect(
            f"{got}, your function stopped with a {type(error).__name__}. Find out first whether it is a picture at "
            "all, and raise a CourseError that names its type."
        ) from None
    else:
        raise Incorrect(f"{got}, your function gave back `{short(said)}`, and a CourseError was expected.")


@functools.cache
def _lite() -> Backbone:
    """The embedded backbone, loaded once. Those who change it take a copy."""
    return load_backbone("efficientnet_lite0")


@functools.cache
def _photos() -> dict[str, ExamplePhoto]:
    return example_photos()


@contextlib.contextmanager
def _one_thread() -> Iterator[None]:
    """One image gains little from threads, and waits for them long where other programs use the cores."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(threads)


def _listed(pairs: list) -> str:
    return ", ".join(f"{name} {share:.3f}" for name, share in pairs)


EXERCISES = Exercises(MostAccurateThatFits, Predict, IsPretrained, AnyPicture)

QUIZ = Quiz(
    "01",
    (
        Question(
            "A tutorial loads `ResNet50_Weights.IMAGENET1K_V2` and says that it reaches 76.1 %. What is wrong?",
            (
                Option("Nothing", "76.130 % is the V1 weights' top-1. Read it from `weights.meta`."),
                Option(
                    "76.1 % is the top-1 of V1",
                    "The V2 weights reach 80.858 %, with the same architecture.",
                    right=True,
                ),
                Option("V2 is another architecture", "Both have 25,557,032 parameters in the same layers."),
            ),
        ),
        Question(
            "You use ImageNet's mean and std for a network that was trained with 0.5 and 0.5. What will you see?",
            (
                Option("An error about the shape", "The shape is right. Only the values are off."),
                Option("Random answers", "The values are off by little. The network copes with most pictures."),
                Option(
                    "Mostly right answers, less sure",
                    "Which is why this mistake lives long: a demo does not show it.",
                    right=True,
                ),
            ),
        ),
        Question(
            "`load_state_dict(entries, strict=False)` ran without an error. What do you know?",
            (
                Option("The weights are loaded", "Perhaps not one of them was: names that do not match are left out."),
                Option(
                    "Nothing yet; you read what it returned",
                    "`missing_keys` and `unexpected_keys` say what was left out.",
                    right=True,
                ),
                Option("At least the shapes of all entries fit", "Only entries with matching names are compared."),
            ),
        ),
        Question(
            "Which of these shows best that a network is pretrained?",
            (
                Option("Its file is named `resnet50_imagenet_best.pth`", "A name is a claim. Look at what it does."),
                Option("It is very sure of its answers", "Large numbers in a random last layer do that, too."),
                Option(
                    "It names photos right that it was not trained on",
                    "A random network cannot know these names.",
                    right=True,
                ),
            ),
        ),
        Question(
            "What does a state dict hold?",
            (
                Option(
                    "Names and tensors", "The architecture and the preprocessing must come from elsewhere.", right=True
                ),
                Option("The network's layers as Python code", "For that you need the class, such as torchvision's."),
                Option("The preprocessing", "That is why `weights.transforms()` exists."),
            ),
        ),
    ),
)
