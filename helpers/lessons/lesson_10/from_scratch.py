"""Answer key of lesson 10, first part: a whole program, from an empty page."""

from __future__ import annotations

from helpers.checking.programs.judging import (
    beats_a_baseline,
    freezes,
    head_fits,
    is_missing,
    loads_weights,
    measures_apart,
    on_trial,
    own_preprocessing,
    same_answers,
    trains_only_the_head,
    verdict,
)
from helpers.checking.programs.running import as_program
from helpers.course.exercise import Exercise, Level


class WholeProgram(Exercise):
    """Takes about as long as two short trainings, up to 10 seconds on two cores, and so more than other exercises."""

    number = "10.1"
    title = "a whole program, from an empty page"
    level = Level.WRITE
    minutes = 45
    seconds = 10.0
    hints = (
        "Two things are needed twice: the photos as the weights ask for them, and the features that the frozen "
        "backbone gives for them. Write that function first: a list of paths in, a tensor [n, width] out.",
        "In `train`: `classes = sorted(path.name for path in folder.iterdir() if path.is_dir())`. List the photos "
        "with the numbers of their classes, shuffle, keep a quarter apart, train a linear layer on the rest.",
        "`torch.save({'classes': classes, 'head': head.state_dict()}, file)` once the head has learned. `predict` "
        "makes the same layer from the shapes in the file, loads it, and gives `classes[i]` for the largest logit.",
    )
    answer = '''
import torch
from PIL import Image
from torch import nn

from helpers.models import load_backbone, remove_head


def features_of(photos):
    """What the frozen backbone says about each photo: paths in, a tensor [n, width] out."""
    backbone = load_backbone("efficientnet_lite0")
    network, _ = remove_head(backbone.model)
    network.requires_grad_(False).eval().to(memory_format=torch.channels_last)
    images = [backbone.transforms(Image.open(photo).convert("RGB")) for photo in photos]
    batches = torch.stack(images).contiguous(memory_format=torch.channels_last).split(16)
    return torch.cat([network(batch) for batch in batches])


def train(folder, file):
    classes = sorted(path.name for path in folder.iterdir() if path.is_dir())
    photos = [(photo, label) for label, name in enumerate(classes) for photo in sorted((folder / name).iterdir())]
    features, labels = features_of([photo for photo, _ in photos]), torch.tensor([label for _, label in photos])
    mixed = torch.randperm(len(photos), generator=torch.Generator().manual_seed(0))
    apart, learned = mixed[: len(mixed) // 4], mixed[len(mixed) // 4 :]

    head = nn.Linear(features.shape[1], len(classes))
    optimizer = torch.optim.AdamW(head.parameters(), lr=3e-3)
    for _ in range(100):
        loss = nn.functional.cross_entropy(head(features[learned]), labels[learned])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    torch.save({"classes": classes, "head": head.state_dict()}, file)
    right = head(features[apart]).argmax(dim=1) == labels[apart]
    return right.float().mean().item()


def predict(file, photos):
    saved = torch.load(file)
    head = nn.Linear(saved["head"]["weight"].shape[1], len(saved["classes"]))
    head.load_state_dict(saved["head"])
    return [saved["classes"][i] for i in head(features_of(photos)).argmax(dim=1)]
'''

    def examine(self, train, predict=None):
        with on_trial(as_program(train, predict)) as trial:
            run = trial.first_run()
            lines = [
                loads_weights(run),
                own_preprocessing(run),
                freezes(run),
                head_fits(run),
                trains_only_the_head(run),
                beats_a_baseline(run),
                measures_apart(run),
                same_answers(run),
            ]
            if not is_missing(lines):
                run = trial.second_run(run)
                lines[-2:] = measures_apart(run), same_answers(run)
        return verdict(lines)

    def yours(self):
        """Two functions, `train` and `predict`, whichever form your program has."""
        found = super().yours()
        program = as_program(*found) if isinstance(found, tuple) else as_program(found)
        return program.train, program.predict


FROM_SCRATCH = (WholeProgram,)
