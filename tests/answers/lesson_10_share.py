"""Answers to the exercises of lesson 10, third part: share it."""

from __future__ import annotations

from helpers.lessons.lesson_10 import EXERCISES
from tests.answers import Answers, Wrong, but_for

NUMBERS, PROGRAM, PUBLISH = (EXERCISES[number].answer for number in ("10.11", "10.12", "10.13"))

BY_BINCOUNT = """
def card_numbers(predictions, labels, classes):
    seeds, images = predictions.shape
    if not images:
        raise ValueError("no test pictures")
    counts = torch.bincount((labels * classes + predictions).flatten(), minlength=classes**2).view(classes, classes)
    accuracies = [(row == labels).float().mean().item() for row in predictions]
    mean = sum(accuracies) / seeds
    spread = (sum((a - mean) ** 2 for a in accuracies) / (seeds - 1)) ** 0.5 if seeds > 1 else None
    recall = []
    for label, row in enumerate(counts.tolist()):
        recall.append(row[label] / sum(row) if sum(row) else None)
    wrong = (predictions != labels).any(dim=0).nonzero().flatten()
    return dict(accuracy=mean, spread=spread, confusion=counts.numpy(), recall=recall, wrong=wrong)
"""

IN_LISTS = """
import statistics


def card_numbers(predictions, labels, classes):
    labels, rows = labels.tolist(), predictions.tolist()
    if not labels:
        raise ValueError("there are no labels")
    table = [[0] * classes for _ in range(classes)]
    wrong, shares = set(), []
    for row in rows:
        for index, (true, said) in enumerate(zip(labels, row)):
            table[true][said] += 1
            if true != said:
                wrong.add(index)
        shares.append(sum(a == b for a, b in zip(labels, row)) / len(labels))
    return {
        "accuracy": statistics.mean(shares),
        "spread": statistics.stdev(shares) if len(shares) > 1 else None,
        "confusion": table,
        "recall": [table[c][c] / sum(table[c]) if sum(table[c]) else None for c in range(classes)],
        "wrong": sorted(wrong),
    }
"""

WITH_NUMPY = """
import numpy as np


def card_numbers(predictions, labels, classes):
    from sklearn.metrics import confusion_matrix

    said, true = predictions.numpy(), labels.numpy()
    if true.size == 0:
        raise ValueError("an empty test part says nothing")
    shares = (said == true).mean(axis=1)
    table = sum(confusion_matrix(true, one, labels=range(classes)) for one in said)
    with np.errstate(invalid="ignore"):
        recall = [None if np.isnan(r) else r for r in table.diagonal() / table.sum(axis=1)]
    return {
        "accuracy": shares.mean(),
        "spread": shares.std(ddof=1) if len(shares) > 1 else None,
        "confusion": list(table),
        "recall": recall,
        "wrong": {i for i in range(true.size) if (said[:, i] != true[i]).any()},
    }
"""

NOTES_THE_MODES = """
def save_program(network, images, file):
    modes = [(layer, layer.training) for layer in network.modules()]
    network.eval()
    try:
        with torch.no_grad():
            example = (torch.randn(3, *images.shape[1:]),)
            shapes = ({0: torch.export.Dim.DYNAMIC},)
            torch.export.save(torch.export.export(network, example, dynamic_shapes=shapes), str(file))
    finally:
        for layer, mode in modes:
            layer.training = mode


def difference(network, images, file):
    modes = [(layer, layer.training) for layer in network.modules()]
    network.eval()
    with torch.no_grad():
        expected = network(images)
        found = torch.export.load(str(file)).module()(images)
    for layer, mode in modes:
        layer.training = mode
    return max(abs(a - b) for a, b in zip(found.flatten().tolist(), expected.flatten().tolist()))
"""

BY_TEMPORARY_DIRECTORY = """
import os


def publish(files, folder):
    if folder.exists():
        raise FileExistsError(f"something is at {folder}")
    with tempfile.TemporaryDirectory(dir=folder.parent) as scratch:
        draft = Path(scratch) / "draft"
        draft.mkdir()
        for name in files:
            with open(draft / name, "wb") as file:
                file.write(files[name])
        os.rename(draft, folder)
"""

CLEARS_THE_LAST_ONE = """
import contextlib
import os


def publish(files, folder):
    if folder.exists():
        raise FileExistsError(f"{folder.name} exists")
    draft = folder.parent / f"{folder.name}.tmp"
    with contextlib.ExitStack() as stack:
        stack.callback(shutil.rmtree, draft, ignore_errors=True)
        shutil.rmtree(draft, ignore_errors=True)
        os.makedirs(draft)
        for name, content in files.items():
            file = os.open(draft / name, os.O_WRONLY | os.O_CREAT)
            try:
                os.write(file, content)
            finally:
                os.close(file)
        shutil.move(draft, folder)
"""

BY_PID = """
import os


def publish(files, folder):
    if os.path.lexists(folder):
        raise FileExistsError(str(folder))
    draft = folder.with_name(f".{folder.name}.{os.getpid()}")
    if draft.exists():
        shutil.rmtree(draft)
    draft.mkdir()
    try:
        for name, content in files.items():
            with (draft / name).open("wb") as file:
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
        os.replace(draft, folder)
    except BaseException:
        shutil.rmtree(draft)
        raise
"""

SHARE = {
    "10.11": Answers(
        right={"by bincount": BY_BINCOUNT, "in lists": IN_LISTS, "with NumPy and scikit-learn": WITH_NUMPY},
        wrong={
            "the spread divides by n": Wrong(
                but_for(NUMBERS, "accuracies.std()", "accuracies.std(correction=0)"), "divide by n - 1"
            ),
            "rows are what was said": Wrong(
                but_for(NUMBERS, "confusion[true, taken_for] += 1", "confusion[taken_for, true] += 1"),
                "Rows are the true classes",
            ),
            "no spread is zero": Wrong(
                but_for(NUMBERS, 'else None,\n        "confusion', 'else 0.0,\n        "confusion'),
                "one run has no spread",
            ),
            "the spread of one seed is NaN": Wrong(
                but_for(NUMBERS, " if len(accuracies) > 1 else None", ""), "one run has no spread"
            ),
            "as many classes as occur": Wrong(
                but_for(
                    NUMBERS,
                    "torch.zeros(classes, classes,",
                    "torch.zeros(*[max(labels.max(), predictions.max()) + 1] * 2,",
                ).replace("range(classes)", "range(len(confusion))"),
                "every class has its row",
            ),
            "a class without pictures is never recognised": Wrong(
                but_for(NUMBERS, "if shown[c] else None", "if shown[c] else 0.0"), "has no test picture"
            ),
            "divides by zero": Wrong(but_for(NUMBERS, " if shown[c] else None", ""), "has no test picture"),
            "precision in place of recall": Wrong(
                but_for(NUMBERS, "shown = confusion.sum(dim=1)", "shown = confusion.sum(dim=0)"), "recall"
            ),
            "wrong by every seed": Wrong(
                but_for(NUMBERS, "if not right[:, i].all()", "if not right[:, i].any()"), "one seed is enough"
            ),
            "those that are right": Wrong(
                but_for(NUMBERS, "if not right[:, i].all()", "if right[:, i].all()"), "`wrong`"
            ),
            "the first seed alone": Wrong(
                but_for(NUMBERS, "for said in predictions:", "for said in predictions[:1]:"), "once for each seed"
            ),
            "the best seed": Wrong(
                but_for(NUMBERS, "accuracies.mean().item()", "accuracies.max().item()"), "mean over the seeds"
            ),
            "names a picture twice": Wrong(
                but_for(
                    NUMBERS,
                    "[i for i in range(len(labels)) if not right[:, i].all()]",
                    "[i for row in right for i in range(len(labels)) if not row[i]]",
                ),
                "once",
            ),
            "an empty part": Wrong(
                but_for(
                    NUMBERS,
                    "    if len(labels) == 0:\n"
                    '        raise ValueError("the test part is empty: there is nothing to say")\n',
                    "",
                ),
                "For a test part without pictures",
            ),
            "per cent": Wrong(
                but_for(NUMBERS, "accuracies.mean().item()", "100 * accuracies.mean().item()"), "`accuracy` is"
            ),
            "shares in the matrix": Wrong(
                but_for(NUMBERS, '"confusion": confusion,', '"confusion": confusion / len(labels),'),
                "It counts each picture",
            ),
            "a mask of the wrong ones": Wrong(
                but_for(NUMBERS, "[i for i in range(len(labels)) if not right[:, i].all()]", "(~right).any(dim=0)"),
                "a list of indices",
            ),
            "a tuple": Wrong(
                "def card_numbers(predictions, labels, classes):\n"
                "    return (predictions == labels).double().mean().item(), None\n",
                "a dict was expected",
            ),
        },
    ),
    "10.12": Answers(
        right={
            "notes each module's mode": NOTES_THE_MODES,
            "strictly, by its keyword": but_for(
                PROGRAM,
                "(example,), dynamic_shapes=(batch,))",
                '(example,), dynamic_shapes=[{0: torch.export.Dim("n", min=1)}], strict=True)',
            ),
        },
        wrong={
            "puts all into one mode": Wrong(
                but_for(
                    PROGRAM,
                    "    program = torch.export.export(copy.deepcopy(network).eval(), (example,), "
                    "dynamic_shapes=(batch,))\n",
                    "    was = network.training\n"
                    "    network.eval()\n"
                    "    program = torch.export.export(network, (example,), dynamic_shapes=(batch,))\n"
                    "    network.train(was)\n",
                ),
                "each module's own mode",
            ),
            "follows it in train() mode": Wrong(
                but_for(PROGRAM, "copy.deepcopy(network).eval(), (example,)", "copy.deepcopy(network), (example,)"),
                "other logits",
            ),
            "leaves eval() mode": Wrong(
                but_for(PROGRAM, "copy.deepcopy(network).eval(), (example,)", "network.eval(), (example,)"), "own mode"
            ),
            "eval() for BatchNorm alone": Wrong(
                but_for(
                    PROGRAM,
                    "    program = torch.export.export(copy.deepcopy(network).eval(),",
                    "    network = copy.deepcopy(network)\n"
                    "    for layer in network.modules():\n"
                    "        if isinstance(layer, nn.BatchNorm2d):\n"
                    "            layer.eval()\n"
                    "    program = torch.export.export(network,",
                ),
                "other logits",
            ),
            "eval() for the kinds that it knows": Wrong(
                but_for(
                    PROGRAM,
                    "    program = torch.export.export(copy.deepcopy(network).eval(),",
                    "    network = copy.deepcopy(network)\n"
                    "    for layer in network.modules():\n"
                    "        if isinstance(layer, (nn.BatchNorm2d, nn.Dropout)):\n"
                    "            layer.eval()\n"
                    "    program = torch.export.export(network,",
                ),
                "two kinds of BatchNorm",
            ),
            "one size of batch": Wrong(but_for(PROGRAM, ", dynamic_shapes=(batch,)", ""), "takes no batch of 1"),
            "the images as the example": Wrong(
                but_for(PROGRAM, "torch.zeros(2, *images.shape[1:])", "torch.cat([images, images])"),
                "your file holds the images",
            ),
            "an example of one": Wrong(
                but_for(PROGRAM, "torch.zeros(2, *images.shape[1:])", "torch.zeros(1, *images.shape[1:])").replace(
                    'torch.export.Dim("batch")', "torch.export.Dim.AUTO"
                ),
                "takes no batch of 2",
            ),
            "an example of one, and a batch that varies": Wrong(
                but_for(PROGRAM, "torch.zeros(2, *images.shape[1:])", "torch.zeros(1, *images.shape[1:])"),
                "your code stopped",
                outcome="error",
            ),
            "the numbers alone": Wrong(
                but_for(PROGRAM, "torch.export.save(program, file)", "torch.save(network.state_dict(), file)"),
                "cannot read your file",
            ),
            "writes nothing": Wrong(but_for(PROGRAM, "    torch.export.save(program, file)\n", ""), "there is no file"),
            "freezes the network": Wrong(
                but_for(PROGRAM, "    example = ", "    network.requires_grad_(False)\n    example = "), "requires_grad"
            ),
            "gives shares": Wrong(
                but_for(
                    PROGRAM,
                    "torch.export.export(copy.deepcopy(network).eval(),",
                    "torch.export.export(nn.Sequential(copy.deepcopy(network), nn.Softmax(dim=1)).eval(),",
                ),
                "other logits",
            ),
            "promises": Wrong(
                but_for(
                    PROGRAM, "        return (program(images) - expected).abs().max().item()\n", "        return 0.0\n"
                ),
                "ask it",
            ),
            "at most 64 images": Wrong(
                but_for(PROGRAM, 'torch.export.Dim("batch")', 'torch.export.Dim("batch", max=64)'),
                "your program takes no batch of 70",
            ),
            "at most 1024 images": Wrong(
                but_for(PROGRAM, 'torch.export.Dim("batch")', 'torch.export.Dim("batch", max=1024)'),
                "your program takes no batch of 1030",
            ),
            "the first image alone": Wrong(
                but_for(PROGRAM, "(program(images) - expected)", "(program(images) - expected)[:1]"),
                "Look at every logit of every image",
            ),
            "the sums over the classes": Wrong(
                but_for(PROGRAM, "(program(images) - expected)", "(program(images) - expected).sum(dim=1)"),
                "Look at every logit of every image",
            ),
            "the sums over the images": Wrong(
                but_for(PROGRAM, "(program(images) - expected)", "(program(images) - expected).sum(dim=0)"),
                "largest of all logits' differences",
            ),
            "the difference of two sums": Wrong(
                but_for(PROGRAM, "(program(images) - expected)", "(program(images).sum() - expected.sum())"),
                "largest of all logits' differences",
            ),
            "the difference of the largest": Wrong(
                but_for(
                    PROGRAM,
                    "(program(images) - expected).abs().max()",
                    "(program(images).amax() - expected.amax()).abs()",
                ),
                "your difference is",
            ),
            "rounded": Wrong(
                but_for(
                    PROGRAM,
                    "return (program(images) - expected).abs().max().item()",
                    "return round((program(images) - expected).abs().max().item(), 3)",
                ),
                "not rounded",
            ),
            "the mean": Wrong(but_for(PROGRAM, ".abs().max().item()", ".abs().mean().item()"), "That is the mean"),
            "without the sign's other half": Wrong(
                but_for(PROGRAM, ".abs().max().item()", ".max().item()"), "absolute value"
            ),
            "compares in train() mode": Wrong(
                but_for(PROGRAM, "expected = copy.deepcopy(network).eval()(images)", "expected = network(images)"),
                "your difference is",
            ),
            "the proof leaves eval() mode": Wrong(
                but_for(
                    PROGRAM, "expected = copy.deepcopy(network).eval()(images)", "expected = network.eval()(images)"
                ),
                "own mode",
            ),
            "the proof compares shares": Wrong(
                but_for(PROGRAM, "(program(images) - expected)", "(program(images).softmax(1) - expected.softmax(1))"),
                "largest of all logits' differences",
            ),
            "whether the classes are the same": Wrong(
                but_for(
                    PROGRAM,
                    "return (program(images) - expected).abs().max().item()",
                    "return torch.equal(program(images).argmax(1), expected.argmax(1))",
                ),
                "one number was expected",
            ),
        },
    ),
    "10.13": Answers(
        right={
            "a temporary directory beside it": BY_TEMPORARY_DIRECTORY,
            "a name with the process's number": BY_PID,
            "one name, and the last one is cleared": CLEARS_THE_LAST_ONE,
        },
        wrong={
            "keeps the mode of mkdtemp": Wrong(
                but_for(PUBLISH, "        draft.chmod(0o755)  # mkdtemp makes it for its owner alone\n", ""),
                "others cannot read what you publish",
            ),
            "opens it to its group alone": Wrong(
                but_for(PUBLISH, "draft.chmod(0o755)", "draft.chmod(0o750)"), "has the mode 750"
            ),
            "copies into the final name": Wrong(
                but_for(PUBLISH, "draft.rename(folder)", "shutil.copytree(draft, folder)"), "was not whole"
            ),
            "writes into the final name": Wrong(
                "def publish(files, folder):\n    folder.mkdir()\n    for name, content in files.items():\n"
                "        (folder / name).write_bytes(content)\n",
                "was not whole",
            ),
            "file by file": Wrong(
                but_for(
                    PUBLISH,
                    "        draft.rename(folder)\n",
                    "        folder.mkdir()\n"
                    "        for file in draft.iterdir():\n"
                    "            file.rename(folder / file.name)\n",
                ),
                "was not whole",
            ),
            "clears up after errors alone": Wrong(
                but_for(
                    PUBLISH,
                    "    finally:\n        shutil.rmtree(draft, ignore_errors=True)\n",
                    "    except Exception:\n        shutil.rmtree(draft)\n        raise\n",
                ),
                "is left beside the folder",
            ),
            "leaves its draft": Wrong(
                but_for(PUBLISH, "shutil.rmtree(draft, ignore_errors=True)", "pass"), "is left beside the folder"
            ),
            "hides the error": Wrong(
                but_for(PUBLISH, "    finally:\n", "    except BaseException:\n        pass\n    finally:\n"),
                "as if all were well",
            ),
            "a draft of one name": Wrong(
                but_for(
                    PUBLISH,
                    'draft = Path(tempfile.mkdtemp(prefix=".draft-", dir=folder.parent))\n',
                    'draft = folder.with_name(".draft")\n    draft.mkdir()\n',
                ),
                "is in its way",
            ),
            "a draft of one name that is kept": Wrong(
                but_for(
                    PUBLISH,
                    'draft = Path(tempfile.mkdtemp(prefix=".draft-", dir=folder.parent))\n',
                    'draft = folder.with_name(".draft")\n    draft.mkdir(exist_ok=True)\n',
                ),
                "which nobody asked for",
            ),
            "a draft on another disk": Wrong(
                but_for(PUBLISH, ", dir=folder.parent", "").replace(
                    "draft.rename(folder)", "shutil.move(draft, folder)"
                ),
                "is not beside",
            ),
            "renames onto an empty folder": Wrong(
                but_for(
                    PUBLISH, "folder.exists()", "folder.exists() and (not folder.is_dir() or any(folder.iterdir()))"
                ),
                "Where an empty folder is there already",
            ),
            "asks after it has made its draft": Wrong(
                """
def publish(files, folder):
    draft = Path(tempfile.mkdtemp(dir=folder.parent))
    if folder.exists():
        raise FileExistsError(f"{folder} is there already")
    try:
        draft.chmod(0o755)
        for name, content in files.items():
            (draft / name).write_bytes(content)
        draft.rename(folder)
    except BaseException:
        shutil.rmtree(draft)
        raise
""",
                "something is changed all the same",
            ),
            "never asks": Wrong(
                but_for(
                    PUBLISH,
                    '    if folder.exists():\n        raise FileExistsError(f"{folder} is there already")\n',
                    "",
                ),
                "Where the folder holds a file already",
            ),
            "replaces what is there": Wrong(
                but_for(PUBLISH, 'raise FileExistsError(f"{folder} is there already")', "shutil.rmtree(folder)"),
                "Where the folder holds a file already",
            ),
            "another error": Wrong(but_for(PUBLISH, "raise FileExistsError", "raise ValueError"), "FileExistsError"),
            "as text": Wrong(
                but_for(PUBLISH, "(draft / name).write_bytes(content)", "(draft / name).write_text(str(content))"),
                "other bytes",
            ),
            "the first file alone": Wrong(but_for(PUBLISH, "files.items()", "list(files.items())[:1]"), "misses"),
            "empties the dict": Wrong(
                but_for(
                    PUBLISH,
                    "for name, content in files.items():",
                    "while files:\n            name, content = files.popitem()",
                ),
                "changed `files`",
            ),
            "sweeps the place": Wrong(
                but_for(
                    PUBLISH,
                    "    draft = ",
                    "    for old in folder.parent.iterdir():\n"
                    "        shutil.rmtree(old) if old.is_dir() else old.unlink()\n    draft = ",
                ),
                "which was not yours",
            ),
        },
    ),
}
