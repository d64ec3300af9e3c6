"""Answer key of lesson 01: what weights promise, how to use them, and how to prove that they were trained."""

from __future__ import annotations

import functools
import itertools

import torch
import torchvision.transforms.functional as F
from torchvision.models import get_model_weights
from torchvision.transforms._presets import ImageClassification

from helpers.checking import networks
from helpers.checking.answers import a_bool, a_string, a_tensor, most_likely, pairs, refusal, short
from helpers.checking.passes import logits_of, same_function
from helpers.checking.untouched import FOR_PREDICTION, input_untouched, left_as_found, nothing_built
from helpers.course.exercise import Exercise, Exercises, Level
from helpers.course.verdicts import require
from helpers.errors import CourseError
from helpers.lessons.lesson_01 import trials


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
        for names, at_most, meaning in (
            (_FOUR, 100_000_000, "All four fit; not the smallest is wanted, nor the first or the last, but the best."),
            (_FOUR, 30_000_000, "The most accurate of all four has more parameters than that."),
            (["efficientnet_b1", "resnet50"], 30_000_000, "Compare the DEFAULT weights of each, not V1."),
            (["vit_b_16", "swin_t"], 100_000_000, "Compare top-1 as it is, and of the DEFAULT weights, not the last."),
            (["vit_b_16", "resnet50"], 100_000_000, "Compare top-1 (`acc@1`), not top-5."),
            (["resnet50", "resnet18"], 25_557_032, "A network of exactly `at_most` parameters fits."),
            (_FOUR, 1_000_000, "None is that small."),
            ([], 30_000_000, "No names, so no network."),
        ):
            case = f"Among {', '.join(names) or 'no networks'} with at most {at_most:,} parameters"
            given, best = list(names), _best(names, at_most)
            metas = {name: get_model_weights(name).DEFAULT.meta for name in names}
            with trials.put_back(*metas.values()), nothing_built(case), input_untouched(names=given, meta=metas):
                said = most_accurate(given, at_most)
            reason = f"{case} a name was expected, and you gave `{short(said)}`."
            found = None if said is None else a_string(said, reason)
            require(found == best, f"{case} you said `{found!r}`, and it is `{best!r}`. {meaning}")
        return "It reads the promise of each network's default weights, and loads none of them."


_FOUR = ["resnet50", "efficientnet_b4", "convnext_base", "vit_b_16"]  # the best is neither first nor last


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
        "`weights.transforms()(image).unsqueeze(0)` is the batch, and `next(model.parameters()).device` is where it "
        "goes. Note `model.training` before `model.eval()`, and give it back with `model.train(was_training)`.",
        '`logits.softmax(dim=1)[0].topk(k)` gives values and indices. The names are in `weights.meta["categories"]`.',
    )
    answer = '''
def predict(model, weights, image, k=3):
    """The `k` most likely names for a PIL image: [(name, probability), ...], most likely first."""
    was_training, device = model.training, next(model.parameters()).device
    model.eval()
    with torch.inference_mode():
        logits = model(weights.transforms()(image).unsqueeze(0).to(device))
    model.train(was_training)
    best = logits.softmax(dim=1)[0].topk(k)
    names = weights.meta["categories"]
    return [(names[index], float(value)) for value, index in zip(best.values, best.indices)]
'''

    def examine(self, predict):
        for weights, training in itertools.product(trials.two_small_weights(), (False, True)):
            self._try(predict, weights, training)
        self._try_elsewhere(predict, trials.two_small_weights()[0])
        lite, coffee = trials.packaged_backbone(), trials.example_photo("coffee")
        untouched = input_untouched(image=coffee.image, meta=lite.weights.meta)
        with trials.one_thread(), left_as_found(lite.model, "EfficientNet-Lite0"), untouched:
            said = predict(lite.model, lite.weights, coffee.image, 1)
        [(name, share)] = pairs(said, f"For the photo of {coffee.shows}", count=1)
        accepted = " or ".join(sorted(coffee.accept))
        require(name in coffee.accept, f"EfficientNet-Lite0 calls {coffee.shows} {accepted}; you said `{name}`.")
        return f"For the photo of {coffee.shows} it says {name}, {share:.2f}."

    def _try(self, predict, weights, training):
        model, image = trials.colours().train(training), trials.framed()
        mode, otherwise = ("train", _AS_IN_TRAINING) if training else ("eval", _IN_ANOTHER_FORM)
        names, batch = weights.meta["categories"], weights.transforms()(image).unsqueeze(0)
        case = (
            f"For an image made {batch.shape[-1]} px wide, the names {', '.join(names)} and a model in `{mode}()` mode"
        )
        expected = logits_of(model, batch, "the network")[0]
        not_normalised = F.to_tensor(image.resize(batch.shape[-2:])).unsqueeze(0)
        mistakes = {_NOT_NORMALISED: logits_of(model, not_normalised, "the network")[0]}
        with left_as_found(model, advice=FOR_PREDICTION), input_untouched(image=image, meta=weights.meta):
            said = predict(model, weights, image, 2)
        most_likely(said, case, logits=expected, categories=names, k=2, mistakes=mistakes, otherwise=otherwise)

    def _try_elsewhere(self, predict, weights):
        logits, names = torch.tensor([0.5, 2.0, 1.0, 0.0]), weights.meta["categories"]
        said = predict(networks.Elsewhere(logits).eval(), weights, trials.framed())  # three are the default
        most_likely(said, "For a model on another device, and without a `k`,", logits=logits, categories=names, k=3)


_NOT_NORMALISED = "The image was not normalised: `weights.transforms()` does all four steps."
_IN_ANOTHER_FORM = (
    "Either the image reached the network in another form (use `weights.transforms()` of the weights you are given), "
    "or those are no shares: softmax over all logits of the image makes them."
)
_AS_IN_TRAINING = "In `eval()` mode it was right: dropout or BatchNorm was still acting as in training."


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
    device = next(model.parameters()).device
    right = 0
    for photo in photos:
        with torch.inference_mode():
            logits = model(weights.transforms()(photo.image).unsqueeze(0).to(device))
        name = weights.meta["categories"][logits.argmax()]
        right += name in photo.accept
    return right > len(photos) / 2
'''

    def examine(self, is_pretrained):
        for trial in itertools.chain(trials.real_weights_and_impostors(), trials.networks_that_know()):
            untouched = input_untouched(photos=trial.photos, meta=trial.weights.meta)
            with trials.one_thread(), left_as_found(trial.model, but={"modes"}, advice=FOR_PREDICTION), untouched:
                said = is_pretrained(trial.model, trial.weights, trial.photos)
            case = f"Given {trial.what},"
            found = a_bool(said, f"{case} True or False was expected, and you gave `{short(said)}`.")
            right = trial.expected
            require(found == right, f"{case} the answer is {right}, and you said {found}. {trial.why}")
        return "It knows the real weights in any mode, and no impostor gets past it."


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
        for what, image, rgb, meaning in trials.images_of_every_kind():
            with input_untouched(image=image):
                said = preprocess_any(image, transforms)
            found = a_tensor(said, [3, 24, 24], f"For {what}")
            why = trials.what_went_wrong(image, lambda other, seen=found: _close(transforms(other), seen), meaning)
            same_function(found, transforms(rgb), f"For {what} your tensor is not the expected one. {why}", off=0.02)
        for wrong in (None, "photos/cat.jpg", torch.zeros(3, 8, 8)):
            kind = type(wrong).__name__
            case = f"Given a {kind} in place of an image,"
            refusal(functools.partial(preprocess_any, wrong, transforms), case, error=CourseError, naming=[kind])
        return "Eight kinds of picture give what a network expects, and anything else gets one clear line."


def _close(one: torch.Tensor, other: torch.Tensor) -> bool:
    return torch.allclose(one, other.to(one.dtype), atol=0.02)


EXERCISES = Exercises(MostAccurateThatFits, Predict, IsPretrained, AnyPicture)
