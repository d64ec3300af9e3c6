"""The model card: what the network was made from, how good it is, and where it fails."""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import torch

from helpers.data import DATASETS, Splits
from helpers.data.splits import Photos
from helpers.models import Backbone
from helpers.sharing.evidence import RATES, Evidence
from helpers.sharing.numbers import interval
from helpers.sharing.program import PT2, Program
from helpers.sharing.words import markdown, markdown_table, printable

MOST_PICTURES = 24  # of those got wrong
FEW = 20  # test pictures of a class: below that its share says little
_OWN_LICENCE = "**not stated. To be filled in by you**, who know whose photos these are and what their owners allow"
DATA_LICENCES = dict(
    zip(DATASETS, ("MIT, drawn by the course", "CC BY 4.0 (UCI repository, Alpaydin and Kaynak)"), strict=True)
)


@dataclass(frozen=True)
class Picture:
    """A test picture to show: its number there, its class, and what it was taken for by how many of the heads."""

    index: int
    name: str
    is_a: str
    taken_for: str
    by: int


@dataclass(frozen=True)
class Card:
    """All that a card and its page say. Their words are made here, once."""

    data: Splits
    backbone: Backbone
    evidence: Evidence
    programs: list[Program]
    config: dict[str, Any]
    epochs: int
    show_photos: bool

    @property
    def title(self) -> str:
        return printable(f"Which of {len(self.data.classes)}: a classifier for {self.data.name}")

    @cached_property
    def classes(self) -> list[str]:
        return [printable(name) for name in self.data.classes]

    # What it says -------------------------------------------------------------------------------------

    def about(self) -> list[str]:
        """What this is, a sentence each."""
        told = [
            f"A linear head with {len(self.classes)} outputs on the frozen features of {self.backbone.label}. "
            "It names one class for each picture.",
        ]
        return told + ([] if self.backbone.pretrained else [self.backbone.caution.strip()])

    def result(self) -> str:
        """The accuracy, its spread over seeds, and what the draw of test pictures alone allows."""
        numbers = self.evidence.numbers
        low, high = interval(numbers.accuracy, numbers.images)
        shared = numbers.accuracies[self.evidence.chosen]
        return (
            f"Accuracy on {numbers.images} test pictures: {numbers.accuracy_text}. The draw of these pictures alone "
            f"allows {low:.3f} to {high:.3f} (95 %, Wilson). The head in this folder has {shared:.3f}. It is the one "
            f"with the lowest validation loss, and the test part had no say in that.{self.backbone.caution}"
        )

    def training(self) -> list[str]:
        """How it was made, a sentence each."""
        seeds = len(self.evidence.heads)
        return [
            "Three parts: the heads were trained on the first. Validation chose the learning rate "
            f"({self.evidence.rate:g} of {' and '.join(f'{rate:g}' for rate in RATES)}, AdamW), when to stop (after at "
            f"most {self.epochs} epochs) and which head is shared. The test part was read once, at the end.",
            f"{seeds} head{'s' if seeds > 1 else ''}, with seeds from {self.config['seed'] - self.evidence.chosen}: "
            "another seed means other first weights and another order. The division of the photos stayed.",
            "No mirror images and no crops were made: the features were computed once.",
        ]

    def limits(self) -> list[str]:
        """What this network cannot do, or nobody knows, a sentence each; the numbers are computed."""
        numbers, counts = self.evidence.numbers, self.evidence.numbers.test_counts
        told = [
            f"It always names one of its {len(self.classes)} classes, also for a picture of something else.",
            f"To name the commonest class of the test part each time gives {max(counts) / sum(counts):.3f}.",
            self._confidence(),
        ]
        none = [name for name, count in zip(self.classes, counts, strict=True) if count == 0]
        few = [f"{name} ({count})" for name, count in zip(self.classes, counts, strict=True) if 0 < count < FEW]
        if none:
            told.append(f"No test picture at all of {', '.join(none)}: how well it knows them is unknown.")
        if few:
            told.append(f"Fewer than {FEW} test pictures, so that the class's own share says little: {', '.join(few)}.")
        recall, worst = min((r, c) for c, r in enumerate(numbers.recalls) if r is not None)
        told.append(
            f"The class that it knows least is {self.classes[worst]}: {recall:.3f} of its test pictures are recognised."
        )
        told.append(
            "All pictures come from one collection. Other cameras, places and seasons were not tested. Equal copies of "
            "a photo were kept in one part; photos that are nearly the same were not looked for."
        )
        return told

    def _confidence(self) -> str:
        logits = self.evidence.logits[self.evidence.chosen]
        sure, said = logits.softmax(dim=1).max(dim=1)
        right = said == self.evidence.labels
        parts = [
            f"{sure[where].mean():.2f} where it is {word}"
            for word, where in (("right", right), ("wrong", ~right))
            if where.any()
        ]
        return f"Its highest probability is {' and '.join(parts)}, on average. It is not calibrated."

    def licences(self) -> list[str]:
        """Of what went into it, a sentence each."""
        meta, are_photos = self.backbone.metadata(), isinstance(self.data.train.source, Photos)
        weights = f"{meta['licence']}, from {meta['source']}. Some have terms of their own: read where they come from"
        return [
            f"Weights of the backbone: {weights if self.backbone.pretrained else 'none, they are random'}.",
            f"Pictures: {_OWN_LICENCE if are_photos else DATA_LICENCES.get(self.data.name, _OWN_LICENCE)}.",
            "This head, and the program with it: **to be filled in by you**, within what the two above allow.",
        ]

    def notes(self) -> list[str]:
        """How the folder was read; what was left out by reason, without names."""
        reasons: dict[str, int] = {}
        for skip in self.data.skipped:
            reasons[printable(skip.reason)] = reasons.get(printable(skip.reason), 0) + 1
        notes = [printable(note) for note in self.data.notes] if self.show_photos else []
        return notes + [f"left out: {count} ({reason})" for reason, count in reasons.items()]

    def counts(self) -> list[list[object]]:
        """Class, and pictures for training, validation and test; the recall at the end, "-" where there is none."""
        data, recalls = self.data, self.evidence.numbers.recalls
        parts = (data.train.counts(), data.val.counts(), data.test.counts())
        return [
            [name, *of_class, "-" if recall is None else f"{recall:.3f}"]
            for name, recall, *of_class in zip(self.classes, recalls, *parts, strict=True)
        ]

    COUNTED = ("class", "train", "validation", "test", "recognised")

    # Pictures -----------------------------------------------------------------------------------------

    def wrong(self) -> list[Picture]:
        """Test pictures that a head got wrong, those first that most of them did; at most `MOST_PICTURES`."""
        wrong = self.evidence.numbers.wrong
        order = sorted(wrong.nonzero().flatten().tolist(), key=lambda i: -wrong[i])
        return [self._picture(i) for i in order[:MOST_PICTURES]]

    def examples(self) -> list[Picture]:
        """One test picture of each class that has any, the first that no head got wrong, or the first."""
        labels, wrong = self.evidence.labels, self.evidence.numbers.wrong
        found = []
        for label in range(len(self.classes)):
            own = (labels == label).nonzero().flatten()
            if len(own):
                index = own[wrong[own].argmin()].item()
                found.append(
                    Picture(index, printable(self.data.test.names[index]), self.classes[label], self.classes[label], 0)
                )
        return found

    def shown(self) -> list[Picture]:
        """Every picture on the page."""
        return [*self.examples(), *self.wrong()] if self.show_photos else []

    def _picture(self, index: int) -> Picture:
        label = self.evidence.labels[index].item()
        said = self.evidence.logits[:, index].argmax(dim=1)
        votes = torch.bincount(said[said != label], minlength=len(self.classes))
        taken_for = self.classes[votes.argmax().item()]
        return Picture(index, printable(self.data.test.names[index]), self.classes[label], taken_for, int(votes.sum()))

    def wrong_in_words(self) -> str:
        numbers = self.evidence.numbers
        count, heads = int((numbers.wrong > 0).sum()), f"{len(numbers.accuracies)} heads"
        if not count:
            return f"None of {numbers.images} test pictures."
        first = f" The {MOST_PICTURES} that most heads got wrong:" if count > MOST_PICTURES and self.show_photos else ""
        return f"At least one of {heads} got {count} of {numbers.images} test pictures wrong.{first}"

    # As Markdown --------------------------------------------------------------------------------------

    def markdown(self) -> str:
        """`README.md`."""
        numbers, heads = self.evidence.numbers, len(self.evidence.heads)
        names = [markdown(name) for name in self.classes]
        confusion = [[name, *row] for name, row in zip(names, numbers.confusion.tolist(), strict=True)]
        counts = [[markdown(name), *rest] for name, *rest in self.counts()]
        wrong = [
            [markdown(p.name), markdown(p.is_a), markdown(p.taken_for), f"{p.by} of {heads}"] for p in self.wrong()
        ]
        parts = [
            f"# {markdown(self.title)}",
            *self.about(),
            "## How good it is",
            self.result(),
            f"Rows are the true classes, columns what was said, counted over {heads} head{'s' if heads > 1 else ''}:",
            markdown_table(["", *names], confusion),
            "## What it was made from",
            markdown_table(self.COUNTED, counts),
            _list(markdown(note) for note in self.notes()),
            _list(self.training()),
            "## What it gets wrong",
            self.wrong_in_words(),
            markdown_table(("picture", "is", "was taken for", "by"), wrong) if wrong and self.show_photos else "",
            "## Limits",
            _list(_escaped_names(self.limits(), self.classes)),
            "## Licences",
            _list(self.licences()),
            "## How to use it",
            self._usage(),
            "## Files",
            _list(
                (
                    "`model.safetensors`: the head alone, `weight` and `bias` of a linear layer.",
                    "`config.json`: classes, backbone, preprocessing, versions.",
                    "`index.html`: this card with pictures; it needs no network.",
                    *(str(one) for one in self.programs),
                )
            ),
        ]
        return "\n\n".join(part for part in parts if part) + "\n"

    def _usage(self) -> str:
        settings = self.config["preprocessing"]
        with_torch = _WITH_TORCH.format(
            **{key: json.dumps(value) if key == "interpolation" else value for key, value in settings.items()}
        )
        has_program = any(one.file == PT2 and not one.missing for one in self.programs)
        parts = ["With PyTorch and torchvision alone:", f"```python\n{with_torch}```"] if has_program else []
        if self.backbone.pretrained:
            parts += ["With the course:", f"```python\n{_WITH_COURSE}```"]
        return "\n\n".join(parts)


def _list(items) -> str:
    return "\n".join(f"- {item}" for item in items)


def _escaped_names(lines: list[str], names: list[str]) -> list[str]:
    """The lines with each class name in them made harmless; the longest first, since one may be part of another."""
    for name in sorted(names, key=len, reverse=True):
        if markdown(name) != name:
            lines = [line.replace(name, markdown(name)) for line in lines]
    return lines


_WITH_TORCH = """import json
from pathlib import Path

import torch
from PIL import Image, ImageOps
from torchvision import transforms

folder = Path(".")  # where these files are
classes = json.loads((folder / "config.json").read_text())["classes"]
model = torch.export.load(folder / "model.pt2").module()
prepare = transforms.Compose(
    [
        transforms.Resize({resize}, transforms.InterpolationMode({interpolation}), antialias={antialias}),
        transforms.CenterCrop({crop}),
        transforms.ToTensor(),
        transforms.Normalize({mean}, {std}),
    ]
)
image = ImageOps.exif_transpose(Image.open("photo.jpg")).convert("RGB")
with torch.inference_mode():
    shares = model(prepare(image)[None])[0].softmax(dim=0)
print(classes[shares.argmax()], shares.max().item())
"""
_WITH_COURSE = """from helpers.data import open_image
from helpers.sharing import load_shared

print(load_shared(".").classify(open_image("photo.jpg"))[0])
"""
