"""The two runs of a program, and a line for each thing that it has to do.

First an album that can be learned: what the program holds, does and answers. Where all of that is right, the trap:
what it reports there tells on which photos it measures; and since the trap is learned in between, what it then says
about photos of the first album can come from the first file alone.
"""

from __future__ import annotations

import functools
import math
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from itertools import permutations
from pathlib import Path

import torch
from PIL import Image
from torch import Tensor

from helpers.checking.answers import is_a, one_number, plain, quoted, short
from helpers.checking.programs.photos import BELOW_IN_THE_TRAP, Album, Photo, baseline, honest, trap
from helpers.checking.programs.running import Program
from helpers.checking.programs.watching import THINNED, Seen, watched
from helpers.checking.programs.weights import Pretrained, Transforms, pretrained
from helpers.course.verdicts import Incorrect, tried_on

# How far deciles of colour may be, on average, from those of the weights' own preprocessing, in units of its spread.
# On the albums another crop or interpolation moves them by up to 0.08, and blue in the place of red by 0.16 or more.
# In training they are those of many photos together, which augmentation may move.
OFF = {"predict": 0.12, "train": 0.18}
# By so much an accuracy on new photos has to be above what needs no network. In 3,000 trials a head that never learned
# came that far by luck in 3 of a hundred; one that learned for an epoch or two does.
MARGIN = 0.1
FILE = "learned.pt"
LATER = "In another session, where nothing is left but the file,"


# What was found --------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Line:
    """One thing that a program has to do: it does, it does not, or (None) that could not be judged; and why."""

    what: str
    right: bool | None
    why: str = ""

    def __str__(self) -> str:
        if self.right:
            return f"{self.what}: yes{f' ({self.why})' if self.why else ''}"
        return f"{self.what}: {'not judged' if self.right is None else 'missing'}: {self.why}"


@dataclass(frozen=True)
class Trained:
    """One call of `train`: what it was given, what it gave back, what was seen, and whether its file is there."""

    album: Album
    said: object
    seen: Seen
    file: Path
    no_file: str

    @property
    def accuracy(self) -> float | None:
        """What it gave back, where that is a number from 0 to 1."""
        try:
            number = one_number(self.said, "no number")
        except Incorrect:
            return None
        return number if math.isfinite(number) and 0 <= number <= 1 else None

    @functools.cached_property
    def pretrained(self) -> Pretrained | None:
        """What is known of the weights of the largest network that took images."""
        networks = self.seen.networks
        return pretrained(max(networks, key=lambda one: sum(h.before.numel() for h in one.held))) if networks else None


@dataclass(frozen=True)
class Asked:
    """The answers of `predict` to some photos, or what is wrong with their form; and what was seen meanwhile."""

    photos: tuple[tuple[Photo, str], ...]
    names: tuple[str, ...]
    form: str
    seen: Seen

    @property
    def accuracy(self) -> float:
        return _share_of_same(self.names, [truth for _, truth in self.photos])


def _share_of_same(found: Sequence[str], truth: Sequence[str]) -> float:
    return sum(map(str.__eq__, found, truth)) / len(truth)


# The runs --------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Run:
    """What was found out about a program. Without the second run, `trapped` and `later` are None.

    Attributes:
        trained: on the honest album.
        asked, alone: about its new photos, together and two of them one by one; None and none where it left no file.
        trapped: trained on the trap.
        later: the first file's answers in another session.
    """

    trained: Trained
    asked: Asked | None = None
    alone: tuple[Asked, ...] = ()
    trapped: Trained | None = None
    later: Asked | None = None


class Trial:
    """A program on trial, in a folder of its own that is gone afterwards.

    with on_trial(program) as trial:
        run = trial.first_run()
        run = trial.second_run(run)
    """

    def __init__(self, program: Program, folder: Path):
        self.program, self.folder, self._runs = program, folder, 0

    def first_run(self) -> Run:
        """What the program makes of an album that can be learned."""
        trained = self.train(honest())
        if trained.no_file:
            return Run(trained)
        asked = self.ask(trained)
        return Run(
            trained, asked, () if asked.form else tuple(self.ask(trained, [one]) for one in _one_of_each(trained))
        )

    def second_run(self, run: Run) -> Run:
        """The trap; then the first file alone, since the program now knows another album by heart."""
        trapped = self.train(trap(), networks=False)
        later = self.ask(self.in_another_session(run.trained), _mostly_of_one_class(run.trained), LATER)
        return replace(run, trapped=trapped, later=later)

    def _new(self, name: str) -> Path:
        self._runs += 1
        folder = self.folder / f"{name} {self._runs}"
        folder.mkdir()
        return folder

    def train(self, album: Album, *, networks: bool = True) -> Trained:
        """Let it learn the album. The working folder is an empty one. `networks`: whether they are looked for."""
        photos, kept = album.write(self._new("photos")), self._new("kept")
        os.chdir(self._new("desk"))
        count, file = sum(map(len, album.learn.values())), kept / FILE
        with (
            tried_on(f"In `train`, with {count} photos of {len(album.learn)} classes,"),
            watched(networks=networks) as seen,
        ):
            said = self.program.train(photos, file)
        others = sorted(path.name for path in kept.iterdir())
        instead = "; it left a folder" if file.is_dir() else f"; it left {quoted(others)}" if others else ""
        no_file = "" if file.is_file() else f"`train` left no file `{FILE}`{instead}. Save under exactly that name."
        return Trained(album, said, seen, file, no_file)

    def ask(self, trained: Trained, which: Sequence[int] | None = None, case: str = "") -> Asked:
        """Ask about photos of the album that are not there to learn from: all, or those at the places `which`."""
        paths = trained.album.write_questions(self._new("new"))
        which = range(len(paths)) if which is None else which
        case = case or f"In `predict`, with {len(which)} photo{'s' if len(which) > 1 else ''},"
        with tried_on(case), watched(networks=False) as seen:
            said = plain(self.program.predict(trained.file, [paths[index] for index in which]))
        form = _form_of(said, trained.album, len(which))
        names = () if form else tuple(said)
        return Asked(tuple(trained.album.ask[index] for index in which), names, form, seen)

    def in_another_session(self, trained: Trained) -> Trained:
        """Nothing is left of the run but its file, in another place and under another name."""
        file = shutil.move(trained.file, self._new("sent") / "from a friend.pt")
        os.chdir(self._new("desk"))
        for folder in self.folder.iterdir():
            if folder.name.startswith(("photos", "kept", "desk", "new")) and folder != Path.cwd():
                shutil.rmtree(folder)
        return Trained(trained.album, trained.said, trained.seen, Path(file), "")


def _one_of_each(trained: Trained) -> list[int]:
    """Places of questions, one for each class."""
    return [trained.album.truth.index(name) for name in trained.album.learn]


def _mostly_of_one_class(trained: Trained) -> list[int]:
    """Places of questions: the last one of another class, then all of the first one's class, backwards.

    So a photo comes among others than before, and who sorts the photos gives the names in another order.
    """
    truth = trained.album.truth
    same = [place for place, name in enumerate(truth) if name == truth[0]]
    return [max(set(range(len(truth))) - set(same)), *reversed(same)]


@contextmanager
def on_trial(program: Program) -> Iterator[Trial]:
    """A trial in a folder that is removed in the end; the working folder is as it was before."""
    before = Path.cwd()
    with tempfile.TemporaryDirectory() as folder:
        try:
            yield Trial(program, Path(folder).resolve())
        finally:
            os.chdir(before)


def _form_of(said: object, album: Album, count: int) -> str:
    """What is wrong with the form of answers; empty where they are names of classes, one for each photo."""
    classes = quoted(sorted(album.learn))
    if not is_a(said, (list, tuple)) or len(said) != count:
        what = f"{len(said)} answers" if is_a(said, (list, tuple)) else f"`{short(said)}`"
        return f"For {count} photos you gave {what}: give a list with one name for each, and nothing else."
    strange = [one for one in said if type(one) is not str]
    if strange:
        return f"You gave `{short(strange[0])}`, and the name of a class was expected: one of {classes}."
    unknown = sorted(set(said) - set(album.learn))
    return f"You name {quoted(unknown)}, and the classes are {classes}." if unknown else ""


# The lines -------------------------------------------------------------------------------------------


def loads_weights(run: Run) -> Line:
    """The network holds a published file's numbers as the first image comes; or none that look newly drawn."""
    what, found = "loads weights", run.trained.pretrained
    if found is None:
        return Line(what, False, "in `train` no torch network was given colour images [n, 3, height, width].")
    if found.loaded:
        return Line(what, True, found.name or "no file of this network is here to compare; they are not newly drawn")
    if found.share > 0.05:
        why = f"of the published numbers of {found.name} your network holds {found.share:.0%}. Some names did not match"
        return Line(what, False, f"{why}: with `strict=False`, look at what `load_state_dict` gives back.")
    why = f"your network is {found.name}, and none of its numbers are the published ones; " if found.name else ""
    why += "the weights lie as if newly drawn at random. Load pretrained ones; `strict=False` swallows every name"
    return Line(what, False, f"{why} that does not match.")


def own_preprocessing(run: Run) -> Line:
    """What enters the network has the size and colours that the weights ask for, in `train` and in `predict`.

    Colours are compared by their deciles in each channel. Not seen is where in the photo they are, and so not which
    part of it a crop leaves.
    """
    what = "uses their own preprocessing"
    if run.trained.pretrained is None or run.trained.pretrained.transforms is None:
        return Line(what, None, "what these weights ask for is not known here.")
    own = run.trained.pretrained.transforms
    learned = [photo for photos in run.trained.album.learn.values() for photo in photos]
    reason = _strange_images("train", run.trained.seen, learned, own)
    for asked in run.alone:
        reason = reason or _strange_images("predict", asked.seen, [asked.photos[0][0]], own)
    if not run.alone and not reason:
        return Line(what, None, "right in `train`; `predict` gave no answer.")
    return Line(what, not reason, reason)


def _strange_images(where: str, seen: Seen, photos: list[Photo], own: Transforms) -> str:
    """What is strange about the images that entered the network: size, then colours; empty where nothing is."""
    if not seen.images:
        return f"in `{where}` no image entered a network."
    cropped = torch.stack([own(photo.picture) for photo in photos])
    side = cropped.shape[-1]
    strange = [size for size in sorted(seen.sizes) if max(abs(length - side) for length in size) > 2]
    if strange:
        height, width = strange[0]
        return f"in `{where}` an image of {height}x{width} pixels enters, and these weights ask for {side}x{side}."
    found = torch.stack([_deciles(image) for image in seen.images])
    found = found.mean(dim=0, keepdim=True) if where == "train" else found
    # Both are taken as right: the part that the weights' own crop leaves, and the whole photo.
    whole = torch.stack([own(_with_a_margin(photo.picture, own)) for photo in photos])
    usual = [images[..., ::THINNED, ::THINNED] for images in (cropped, whole)]
    if any(_alike(found, images, OFF[where]) for images in usual):
        return ""
    for name, mistake in _mistakes(own).items():
        if any(_alike(found, mistake(images), OFF[where]) for images in usual):
            return f"in `{where}` {name}. Use the weights' own `transforms`."
    return (
        f"in `{where}` the images run from about {found.min():.2g} to {found.max():.2g}, and with the weights' own "
        f"preprocessing they run from {cropped.min():.2g} to {cropped.max():.2g}."
    )


def _with_a_margin(picture: Image.Image, own: Transforms) -> Image.Image:
    """A square picture of which the weights' own crop leaves the whole `picture`."""
    side, around = own.crop_size[0], own.resize_size[0]
    square = Image.new("RGB", (around, around))
    square.paste(picture.resize((side, side), Image.Resampling.BICUBIC), ((around - side) // 2,) * 2)
    return square


def _deciles(image: Tensor) -> Tensor:
    """[3, 9]: those of each channel of an image [3, h, w]."""
    return image.flatten(1).quantile(torch.linspace(0.1, 0.9, 9), dim=1).T


def _alike(found: Tensor, expected: Tensor, off: float) -> bool:
    """Whether one of `found` [n, 3, 9] has the mean deciles of the expected images [m, 3, h, w]."""
    right = torch.stack([_deciles(image) for image in expected]).mean(dim=0)
    spread = expected.std(dim=(1, 2, 3)).mean()
    return bool(((found - right).abs().mean(dim=(1, 2)) < off * spread).any())


def _mistakes(own: Transforms) -> dict[str, Callable[[Tensor], Tensor]]:
    """Usual mistakes with colours, each as what it makes of rightly prepared images [n, 3, h, w]."""
    mean, std = (torch.tensor(numbers).view(3, 1, 1) for numbers in (own.mean, own.std))
    imagenet = torch.tensor([0.485, 0.456, 0.406]).view(3, 1, 1), torch.tensor([0.229, 0.224, 0.225]).view(3, 1, 1)

    def as_stored(images: Tensor) -> Tensor:
        return images * std + mean

    return {
        "blue and red have changed places (OpenCV reads BGR)": lambda images: images.flip(1),
        "the images are not normalised: they run from 0 to 1": as_stored,
        "the images run from 0 to 255": lambda images: 255 * as_stored(images),
        "the images are normalised with another mean and std than these weights ask for": (
            lambda images: (as_stored(images) - imagenet[0]) / imagenet[1]
        ),
        "the images are normalised with 0.5 as mean and std, and these weights ask for others": (
            lambda images: 2 * as_stored(images) - 1
        ),
        "the images are normalised twice": lambda images: (images - mean) / std,
    }


def freezes(run: Run) -> Line:
    """Nothing of the backbone moved from its first image to the end of `train`, its buffers included."""
    what, found = "freezes properly", run.trained.pretrained
    if found is None:
        return Line(what, None, "no network was seen.")
    moved = [held for held in found.held if held.moved]
    names = [held.name for held in moved if held.parameter]
    if names:
        return Line(what, False, f"training moved {quoted(names)} of the backbone. {KEEP_OUT}")
    if moved:
        why = f"training moved {quoted(held.name for held in moved)}. In `train()` mode BatchNorm's statistics move"
        return Line(what, False, f"{why} with every batch, gradients or not: `eval()` for the backbone stops them.")
    wasted = run.trained.seen.wasted and run.trained.seen.steps > 0
    return Line(
        what, True, "though gradients are computed for it: `requires_grad_(False)` saves them" if wasted else ""
    )


KEEP_OUT = "Freeze with `requires_grad_(False)`, and give the optimizer the head's parameters alone."


def head_fits(run: Run) -> Line:
    """The last layer that learned has one output for each class (for two, one is enough)."""
    what, classes = "head fits the number of classes", len(run.trained.album.learn)
    widths = _widths(run.trained.seen)
    if not widths:
        return Line(what, True, "no layer of torch learned: what else fits it takes its classes from the labels")
    fits = classes in widths or (classes == 2 and 1 in widths)
    given = run.trained.seen.logits or max(widths)
    return Line(
        what, fits, "" if fits else f"for {classes} classes your head has {given} outputs. Count the sub-folders."
    )


def _widths(seen: Seen) -> set[int]:
    """The width of the logits; where no layer gave them, the sides of the last matrix that an optimizer moved."""
    if seen.logits is not None:
        return {seen.logits}
    matrices = [tensor for tensor in seen.moved if tensor.ndim > 1]
    return set(matrices[-1].shape[:2]) if matrices else set()


def trains_only_the_head(run: Run) -> Line:
    """The optimizers moved something, and nothing of the backbone."""
    what, found, seen = "trains only what it should", run.trained.pretrained, run.trained.seen
    moved = {id(tensor) for tensor in seen.moved}
    if not seen.steps and seen.unused_gradients():
        return Line(what, False, "the head got gradients, and no optimizer took a step: `optimizer.step()`.")
    if not seen.steps:
        return Line(what, True, "no optimizer of torch took a step: the head is fitted otherwise")
    if not moved:
        return Line(what, False, f"no step of the optimizer ({seen.steps}) moved anything. Is the head in it?")
    backbone = [held.name for held in found.held if id(held.tensor) in moved] if found else []
    return Line(what, not backbone, f"the optimizer moved {quoted(backbone)}. {KEEP_OUT}" if backbone else "")


def beats_a_baseline(run: Run) -> Line:
    """On photos that the program has never seen, `predict` is better than guessing, and than pixels alone."""
    what, asked = "beats a baseline", run.asked
    if asked is None or asked.form:
        return Line(what, None, "`predict` gave no names to compare.")
    found, without = asked.accuracy, baseline()
    numbers = f"{found:.2f} of {len(asked.names)} new photos right; without a network: {without:.2f}"
    if found > without + MARGIN:
        return Line(what, True, numbers)
    if found > without:
        numbers += f", and less than {MARGIN:g} more can be luck"
    others = [
        _share_of_same([names[one] for one in asked.names], run.trained.album.truth)
        for names in _exchanges(run.trained.album)
    ]
    if max(others) > (1 + without) / 2:  # some exchange of what a random head says is right more often than not
        why = (
            "With the names exchanged they would be right: the order of the classes differs from training to `predict`"
        )
    elif run.trained.accuracy is not None and run.trained.accuracy - found > 0.3:
        why = f"`train` has measured {run.trained.accuracy:.2f}. What `predict` uses is not what has learned: look at "
        why += "what is saved, and when, and whether the whole is put together again with its weights"
    else:
        why = "Look at the lines above, then at the learning rate and the number of epochs"
    return Line(what, False, f"{numbers}. {why}.")


def _exchanges(album: Album) -> Iterator[dict[str, str]]:
    names = sorted(album.learn)
    yield from (dict(zip(names, order, strict=True)) for order in permutations(names) if list(order) != names)


def measures_apart(run: Run) -> Line:
    """What `train` gives back is a number from 0 to 1, fits the answers to new photos, and is low in the trap."""
    what, asked, trapped = "measures on photos that the head has not learned from", run.asked, run.trapped
    if run.trained.accuracy is None:
        why = f"`train` gave back `{short(run.trained.said)}`, and a number from 0 to 1 was expected."
        return Line(what, False, f"{why} Divide the number of right answers by the number of photos.")
    if asked is not None and not asked.form and asked.accuracy - run.trained.accuracy > 0.55:
        why = f"`train` reports {run.trained.accuracy:.2f}, and {asked.accuracy:.2f} of the new photos are right."
        return Line(what, False, f"{why} Measure the head that has learned, on photos that you keep apart.")
    if trapped is None:
        return Line(what, None, SECOND)
    found = trapped.accuracy
    if found == run.trained.accuracy and found < 1:
        why = f"`train` reports {found:.2f} whether anything can be learned or not. Count the right answers."
        return Line(what, False, why)
    if found is not None and found < BELOW_IN_THE_TRAP:
        return Line(what, True, f"{found:.2f} where each flower has two names, and nothing can be known")
    return Line(
        what,
        False,
        f"where each flower is there twice, under two names, `train` reports {short(trapped.said)}. Whoever measures "
        "on photos apart finds less than half right. Split first; then learn from one part and measure on the other.",
    )


SECOND = "this takes a second run, which comes when all the others are right."


def same_answers(run: Run) -> Line:
    """The file is where it has to be; a photo is named alike alone, among others, in another order, and later."""
    what, asked, alone, later = "saves, and loads to the same answers", run.asked, run.alone, run.later
    if run.trained.no_file:
        return Line(what, False, run.trained.no_file)
    forms = [one.form for one in (asked, *alone) if one is not None and one.form]
    if forms:
        return Line(what, False, forms[0])
    if later is not None and later.form:
        return Line(what, False, f"in another session, where nothing is left but the file: {later.form}")
    training = sorted({name for one in (asked, *alone) if one for name in one.seen.training})
    if training:
        why = (
            f"in `predict` {quoted(training)} works in `train()` mode: what is said of a photo depends on chance, or on"
        )
        return Line(what, False, f"{why} those that come with it. `model.eval()` first.")
    known = dict(zip((photo.name for photo, _ in asked.photos), asked.names, strict=True)) if asked else {}
    for others, when in ((alone, "asked alone"), ([later] if later else [], "in another session, in another order")):
        now = {photo.name: name for one in others for (photo, _), name in zip(one.photos, one.names, strict=True)}
        changed = [photo for photo, name in now.items() if known[photo] != name]
        if changed:
            first = changed[0]
            why = f"a photo that was `{known[first]}` among others is `{now[first]}` {when}."
            return Line(what, False, f"{why} All that `predict` uses has to come out of the file.")
    return Line(what, True) if later else Line(what, None, SECOND)


# Together --------------------------------------------------------------------------------------------


def is_missing(lines: Sequence[Line]) -> bool:
    """Whether something is missing. What could not be judged is not."""
    return any(line.right is False for line in lines)


def verdict(lines: Sequence[Line]) -> str:
    """The lines, one below the other.

    Raises:
        Incorrect: something is missing; with the lines.
    """
    text = "\n".join(map(str, lines))
    if is_missing(lines):
        raise Incorrect(f"{sum(line.right is True for line in lines)} of {len(lines)} things are there.\n{text}")
    return text
