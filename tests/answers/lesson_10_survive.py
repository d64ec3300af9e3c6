"""Right and wrong answers to lesson 10, part 2: a program that survives."""

from __future__ import annotations

from dataclasses import replace

from helpers.lessons.lesson_10 import EXERCISES
from tests.answers import Answers, Wrong, but_for

PHOTOS, READABLE, COUNT, SPLIT, BATCHES, BY_CLASS, STEP, DEVICE, RESUME = (
    EXERCISES[f"10.{number}"].answer for number in range(2, 11)
)

# What learners import in the cell of their answer, as the lesson needs little of it.
IMPORTS = """
import copy
import io
import math
import os
import pickle
import random
import shutil
import sys
import tempfile
import warnings
from collections import Counter

"""


def _importing(answers: Answers) -> Answers:
    right = {style: IMPORTS + source for style, source in answers.right.items()}
    wrong = {mistake: replace(one, code=IMPORTS + one.code) for mistake, one in answers.wrong.items()}
    return Answers(right, wrong)


# Right answers, too, from which some of the wrong ones differ in a line.
BY_LISTDIR = """
def photos_of(folder):
    if not os.path.isdir(folder):
        raise FileNotFoundError(f"{folder} is no folder")
    pairs = []
    for name in sorted(os.listdir(folder)):
        inside = os.path.join(folder, name)
        if name[0] == "." or not os.path.isdir(inside):
            continue
        for file in sorted(os.listdir(inside)):
            path = os.path.join(inside, file)
            if os.path.isfile(path) and file[0] != "." and file.lower().endswith((".jpg", ".jpeg", ".png")):
                pairs.append([path, name])
    assert pairs, f"there is not one photo in {folder}"
    return pairs
"""
COLLATED = """
def batches_of(dataset, batch_size):
    def collate(items):
        there = [item for item in items if item is not None]
        if not there:
            return None
        return torch.stack([image for image, _ in there]), torch.tensor([label for _, label in there])

    return [b for b in DataLoader(dataset, batch_size, collate_fn=collate) if b is not None]
"""
BY_PERMUTATION = """
def split(labels, seed):
    generator = torch.Generator().manual_seed(seed)
    train, val = [], []
    for name in sorted(set(labels)):
        members = torch.tensor([i for i, label in enumerate(labels) if label == name])
        if len(members) == 1:
            raise ValueError("only one image of " + name)
        members = members[torch.randperm(len(members), generator=generator)]
        held_out = max(1, len(members) // 5)
        val.append(members[:held_out])
        train.append(members[held_out:])
    return torch.cat(train), torch.cat(val)
"""
ON_A_COPY = """
def train_step(model, optimizer, images, labels, step):
    trial = copy.deepcopy(model)
    with torch.no_grad():
        loss = nn.functional.cross_entropy(trial(images), labels)
    if not math.isfinite(loss.item()):
        raise ArithmeticError(f"the loss in step {step} is not finite")
    optimizer.zero_grad()
    loss = nn.functional.cross_entropy(model(images), labels)
    loss.backward()
    optimizer.step()
    return loss
"""
IN_ONE_BUFFER = """
def save(file, model, optimizer, epoch, generator):
    content = io.BytesIO()
    torch.save([model.state_dict(), optimizer.state_dict(), epoch + 1, generator.get_state(), torch.get_rng_state()],
               content)
    draft = Path(file).with_suffix(".tmp")
    draft.write_bytes(content.getvalue())
    draft.replace(file)


def resume(file, model, optimizer, generator):
    try:
        weights, state, epoch, shuffle, dropout = torch.load(file)
    except FileNotFoundError:
        return 0
    except Exception as error:
        raise RuntimeError(f"not a checkpoint: {Path(file).name}") from error
    model.load_state_dict(weights)
    optimizer.load_state_dict(state)
    generator.set_state(shuffle)
    torch.set_rng_state(dropout)
    return epoch
"""

_SURVIVE = {
    "10.2": Answers(
        right={
            "by os.listdir, with an assertion": BY_LISTDIR,
            "os.walk, without what is deeper": """
def photos_of(folder):
    found = []
    for root, folders, files in os.walk(folder):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        if Path(root) == Path(folder):
            continue
        folders.clear()
        for file in sorted(files):
            if not file.startswith(".") and os.path.splitext(file)[1].lower() in (".jpg", ".jpeg", ".png"):
                found.append((os.path.join(root, file), os.path.basename(root)))
    if not found:
        raise Exception("Nothing in " + os.path.basename(str(folder)))
    return found
""",
            "walks and looks at the depth": """
def photos_of(folder):
    root = Path(folder)
    pairs = []
    for path in root.rglob("*"):
        parts = path.relative_to(root).parts
        if len(parts) == 2 and path.is_file() and not any(part.startswith(".") for part in parts):
            if path.suffix.lower() in {".jpg", ".jpeg", ".png"}:
                pairs.append((str(path), parts[0]))
    if len(pairs) == 0:
        raise RuntimeError("no photos found in " + str(folder))
    return sorted(pairs)
""",
            "lets Python complain of what is missing": """
def photos_of(folder):
    with os.scandir(folder) as entries:
        names = sorted(entry.name for entry in entries if entry.is_dir() and not entry.name.startswith("."))
    found = []
    for name in names:
        for file in sorted(Path(folder, name).iterdir()):
            if file.suffix.lower() in (".jpg", ".jpeg", ".png") and file.is_file() and not file.name.startswith("."):
                found.append((file, name))
    if not found:
        raise LookupError(f"{folder} has no photos")
    return found
""",
        },
        wrong={
            "says nothing of an empty folder": Wrong(
                but_for(PHOTOS, "    if not found:\n", "    if found is None:\n"), "your function gave back `[]`"
            ),
            "stops at the first index": Wrong(
                but_for(PHOTOS, "    if not found:\n", "    first = found[0]\n    if not found:\n"),
                "list index out of range",
            ),
            "does not name the folder": Wrong(
                but_for(PHOTOS, "no photos in {folder}: it", "no photos: it"), "does not name the folder"
            ),
            "every depth": Wrong(
                but_for(PHOTOS, '.glob("*/*")', '.rglob("*")'),
                "should not",
            ),
            "hidden files as well": Wrong(but_for(PHOTOS, " and not hidden", ""), "hidden"),
            "hidden folders as well": Wrong(
                but_for(PHOTOS, ' or photo.parent.name.startswith(".")', ""), "Its folder is hidden"
            ),
            "any file": Wrong(
                but_for(PHOTOS, ' and photo.suffix.lower() in (".jpg", ".jpeg", ".png")', ""), "no photo by its name"
            ),
            "photos in small letters": Wrong(but_for(PHOTOS, "photo.suffix.lower()", "photo.suffix"), "in capitals"),
            "a name with .jpg somewhere": Wrong(
                but_for(
                    PHOTOS,
                    'photo.suffix.lower() in (".jpg", ".jpeg", ".png")',
                    'any(end in photo.name.lower() for end in (".jpg", ".jpeg", ".png"))',
                ),
                "the end of it counts",
            ),
            "JPEG alone": Wrong(but_for(PHOTOS, '(".jpg", ".jpeg", ".png")', '(".jpg",)'), "your list misses"),
            "in the order of the system": Wrong(but_for(PHOTOS, "sorted(", "("), "lists a folder in another order"),
            "files unsorted": Wrong(
                but_for(BY_LISTDIR, "sorted(os.listdir(inside))", "os.listdir(inside)"),
                "lists a folder in another order",
            ),
            "takes folders for photos": Wrong(but_for(PHOTOS, "photo.is_file() and ", ""), "ask `is_file()`"),
            "takes a Path alone": Wrong(
                but_for(PHOTOS, "Path(folder)", "folder"), "For a path as a string", outcome="error"
            ),
            "gives class numbers": Wrong(
                but_for(PHOTOS, "(photo, photo.parent.name)", "(photo, 0)"), "a list of pairs (path, class name)"
            ),
            "names alone": Wrong(
                but_for(PHOTOS, "(photo, photo.parent.name)", "(photo.name, photo.parent.name)"), "leads to no file"
            ),
            "the whole path as a class": Wrong(
                but_for(PHOTOS, "(photo, photo.parent.name)", "(photo, str(photo.parent))"),
                "the name of the folder that it lies in",
            ),
            "ends the program": Wrong(
                but_for(PHOTOS, "raise ValueError(", "raise SystemExit("), "ends the whole program"
            ),
            "the first draft": Wrong(
                """
def photos_of(folder):
    return [(photo, photo.parent.name) for photo in Path(folder).rglob("*.jpg")]
""",
                "your list misses",
            ),
        },
    ),
    "10.3": Answers(
        right={
            "verifies first and catches everything": """
def readable(paths):
    images, broken = [], []
    for path in paths:
        try:
            image = Image.open(path)
            image.load()
            images.append(image.convert("RGB"))
            image.close()
        except Exception:
            broken.append(str(path))
    if len(images) == 0:
        raise RuntimeError(f"nothing to train on: {', '.join(broken)}")
    return images, broken
""",
            "opens the file itself, turns the photo, and tells": """
def readable(paths):
    from PIL import ImageOps

    good, bad = [], []
    for path in paths:
        try:
            with open(path, "rb") as file:
                good.append(ImageOps.exif_transpose(Image.open(file)).convert("RGB"))
        except Exception as error:
            bad.append(path)
            print("skipped", path, error)
    assert good, f"all {len(paths)} photos are broken, the first is {paths[0].name}"
    return tuple(good), bad
""",
            "reads the bytes first": """
def readable(paths):
    good, bad = {}, []
    for path in paths:
        try:
            good[path] = Image.open(io.BytesIO(Path(path).read_bytes())).convert("RGB")
        except Exception:
            bad.append(path)
    if not good:
        raise ValueError(f"{bad[0]} and {len(bad) - 1} others cannot be read")
    return list(good.values()), bad
""",
        },
        wrong={
            "opens and does not read": Wrong(
                but_for(READABLE, 'image.convert("RGB")', "image"), "your list misses `cut.jpg`, `cut.png`"
            ),
            "keeps them open": Wrong(
                but_for(
                    READABLE,
                    "            with Image.open(path) as image:\n"
                    '                images.append(image.convert("RGB"))\n',
                    "            Image.open(path).convert('RGB')\n            images.append(Image.open(path))\n",
                ),
                "is still open",
            ),
            "keeps the errors, and with them the files": Wrong(
                """
ERRORS = []


def readable(paths):
    images, broken = [], []
    for path in paths:
        try:
            image = Image.open(path)
            images.append(image.convert("RGB"))
        except Exception as error:
            broken.append(path)
            ERRORS.append(error)
    if not images:
        raise ValueError(f"broken: {broken}")
    return images, broken
""",
                "is still open",
            ),
            "verifies alone": Wrong(
                but_for(
                    READABLE,
                    "            with Image.open(path) as image:\n"
                    '                images.append(image.convert("RGB"))\n',
                    "            Image.open(path).verify()\n            images.append(Image.open(path))\n",
                ),
                "your list misses `cut.jpg`",
            ),
            "fills up half a photo": Wrong(
                "from PIL import ImageFile\n\n"
                + but_for(
                    READABLE,
                    "    images, broken = [], []\n",
                    "    images, broken = [], []\n    ImageFile.LOAD_TRUNCATED_IMAGES = True\n",
                ),
                "your list misses `cut.jpg`",
            ),
            "stops at the first": Wrong(
                but_for(
                    READABLE,
                    "            broken.append(path)\n",
                    "            broken.append(path)\n            break\n",
                ),
                "your list misses",
            ),
            "catches one kind of error": Wrong(
                "from PIL import UnidentifiedImageError\n"
                + but_for(READABLE, "except Exception", "except UnidentifiedImageError"),
                "For good photos and broken ones",
                outcome="error",
            ),
            "expects OSError alone": Wrong(
                but_for(READABLE, "except Exception", "except OSError"),
                "For good photos and broken ones, your function stopped with `SyntaxError: broken PNG file",
            ),
            "expects two kinds of error": Wrong(
                but_for(READABLE, "except Exception", "except (OSError, SyntaxError)"),
                "raises errors of many kinds, not `OSError` alone",
            ),
            "forgets which": Wrong(
                but_for(READABLE, "            broken.append(path)\n", "            pass\n"), "misses"
            ),
            "leaves the modes as they are": Wrong(
                but_for(READABLE, 'image.convert("RGB")', "image.copy()"), "an image is in the mode"
            ),
            "no photo at all is no error": Wrong(
                but_for(READABLE, "    if not images:\n", "    if not paths:\n"), "your function gave back"
            ),
            "does not name a file": Wrong(
                but_for(READABLE, ", not even {broken[0]}: copy them anew", ""), "does not name one of the files"
            ),
            "a grey picture in a gap": Wrong(
                but_for(
                    READABLE,
                    "            broken.append(path)\n",
                    '            broken.append(path)\n            images.append(Image.new("RGB", (40, 30)))\n',
                ),
                "photos can be read",
            ),
            "refuses with one broken photo": Wrong(
                but_for(READABLE, "    if not images:\n", "    if broken:\n"), "That input is valid"
            ),
            "takes the broken off the list": Wrong(
                but_for(READABLE, "    for path in paths:\n", "    for path in list(paths):\n").replace(
                    "            broken.append(path)\n",
                    "            broken.append(path)\n            paths.remove(path)\n",
                ),
                "changed `paths`",
            ),
            "images alone": Wrong(but_for(READABLE, "return images, broken", "return images"), "a tuple of"),
            "in another order": Wrong(
                but_for(READABLE, "return images, broken", "return images[::-1], broken"), "in the order of paths"
            ),
            "the first draft": Wrong(
                """
def readable(paths):
    return [Image.open(path).convert("RGB") for path in paths], []
""",
                "For good photos and broken ones, your code stopped with `OSError",
                outcome="error",
            ),
        },
    ),
    "10.4": Answers(
        right={
            "numpy's unique": """
def count_classes(labels):
    names = np.unique(labels)
    if names.size < 2:
        raise RuntimeError(f"too few classes: {names}")
    return names.size
""",
            "compares the labels as text": """
def count_classes(labels):
    kinds = {str(label) for label in labels}
    if len(kinds) <= 1:
        raise ValueError("All labels are the same: %s" % kinds)
    return len(kinds)
""",
            "asks for the type": """
def count_classes(labels):
    if isinstance(labels, (torch.Tensor, np.ndarray)):
        labels = labels.tolist()
    counts = Counter(labels)
    assert len(counts) > 1, "one class only: " + str(list(counts))
    return torch.tensor(len(counts))
""",
        },
        wrong={
            "lets no class pass": Wrong(
                but_for(COUNT, "if len(found) < 2:", "if len(found) == 1:"),
                "For an empty list, your function gave back `0`",
            ),
            "names the first of none": Wrong(
                but_for(COUNT, "{sorted(found)}. With", "{sorted(found)[0]}. With"),
                "For an empty list, your function stopped",
            ),
            "lets one class pass": Wrong(but_for(COUNT, "if len(found) < 2:", "if len(found) < 1:"), "`7`"),
            "a set of tensors": Wrong(
                but_for(COUNT, "set(np.asarray(labels).tolist())", "set(labels)"), "and there are 3"
            ),
            "lists alone": Wrong(
                but_for(COUNT, "set(np.asarray(labels).tolist())", "set(labels + [])"),
                "For a tuple of names",
                outcome="error",
            ),
            "tensors alone": Wrong(
                but_for(COUNT, "np.asarray(labels)", "torch.as_tensor(labels)"),
                "For a tuple of names, your function refused",
            ),
            "counts by the highest": Wrong(
                but_for(COUNT, "set(np.asarray(labels).tolist())", "range(max(labels) + 1)"), "you counted 6 classes"
            ),
            "does not name it": Wrong(
                but_for(COUNT, "classes in the labels: {sorted(found)}. ", "too few classes. "),
                "does not name the one class",
            ),
            "an index out of range": Wrong(
                but_for(COUNT, "    if len(found) < 2:\n", "    second = sorted(found)[1]\n    if len(found) < 2:\n"),
                "list index out of range",
            ),
            "gives a warning": Wrong(
                but_for(COUNT, "        raise ValueError(", "        print("), "your function gave back `1`"
            ),
            "asks for three": Wrong(but_for(COUNT, "< 2", "< 3"), "That input is valid"),
            "compares the first two": Wrong(
                but_for(COUNT, "if len(found) < 2:", "if len(labels) < 2 or labels[0] == labels[1]:"),
                "That input is valid",
            ),
            "gives the names": Wrong(
                but_for(COUNT, "return len(found)", "return found"), "a whole number was expected"
            ),
            "the first draft": Wrong(
                """
def count_classes(labels):
    return len(set(labels))
""",
                "you counted 5 classes, and there are 3",
            ),
        },
    ),
    "10.5": Answers(
        right={
            "a permutation by torch": BY_PERMUTATION,
            "seeds the generator of the process": """
def split(labels, seed):
    random.seed(seed)
    train, val = [], []
    for name in dict.fromkeys(labels):
        members = [i for i, label in enumerate(labels) if label == name]
        if len(members) < 2:
            raise KeyError(f"{name}: one image")
        chosen = set(random.sample(members, max(1, len(members) // 5)))
        val.extend(i for i in members if i in chosen)
        train.extend(i for i in members if i not in chosen)
    return train, val
""",
            "counts with one kind of text and asks with another": """
def split(labels, seed):
    counts, rng = Counter(labels), np.random.default_rng(seed)
    train, val = [], []
    for name in np.unique(labels):
        if counts[name] < 2:
            raise ValueError(f"the class {name} is too small")
        members = rng.permutation(np.flatnonzero(np.array(labels) == name)).tolist()
        val += members[: max(1, counts[name] // 5)]
        train += members[max(1, counts[name] // 5) :]
    return train, val
""",
            "a generator for each class": """
def split(labels, seed):
    train, val = [], []
    for name in set(labels):
        members = [i for i in range(len(labels)) if labels[i] == name]
        if len(members) == 1:
            raise RuntimeError(f"{name}: 1 image")
        random.Random(f"{seed} {name}").shuffle(members)
        cut = max(1, round(len(members) / 5))
        train, val = train + members[cut:], val + members[:cut]
    return train, val
""",
            "by numpy, class by class": """
def split(labels, seed):
    labels = np.array(labels)
    rng = np.random.default_rng(seed)
    val = np.zeros(len(labels), dtype=bool)
    for name in np.unique(labels):
        (members,) = np.nonzero(labels == name)
        assert len(members) >= 2, f"class {name} is too small"
        val[rng.choice(members, max(1, round(len(members) * 0.2)), replace=False)] = True
    return np.flatnonzero(~val), np.flatnonzero(val)
""",
            "sklearn, class by class": """
def split(labels, seed):
    from sklearn.model_selection import train_test_split

    train, val = [], []
    for name in sorted(set(labels)):
        members = [i for i, label in enumerate(labels) if label == name]
        if len(members) == 1:
            raise ValueError(f"{name} has only one image")
        for part, more in zip((train, val), train_test_split(members, test_size=max(1, len(members) // 5),
                                                             random_state=seed)):
            part += more
    return np.array(train), np.array(val)
""",
            "takes them in a random order": """
def split(labels, seed):
    np.random.seed(seed)
    order = np.random.permutation(len(labels)).tolist()
    counts = Counter(labels)
    for name, count in counts.items():
        if count == 1:
            raise ValueError(f"{name!r} has a single image")
    left = {name: max(1, count // 5) for name, count in counts.items()}
    train, val = set(), set()
    for index in order:
        if left[labels[index]]:
            val.add(index)
            left[labels[index]] -= 1
        else:
            train.add(index)
    return train, val
""",
        },
        wrong={
            "splits the whole": Wrong(
                """
def split(labels, seed):
    order = list(range(len(labels)))
    random.Random(seed).shuffle(order)
    held_out = len(labels) // 5
    return order[held_out:], order[:held_out]
""",
                "are in validation",
            ),
            "one image in both parts": Wrong(
                but_for(
                    SPLIT,
                    "        if len(indices) < 2:\n"
                    '            raise ValueError(f"class {label} has one image, and a split needs two: add one, or '
                    'leave the class out")\n',
                    "        if len(indices) < 2:\n            train += indices\n",
                ),
                "raise an error that names the class",
            ),
            "everything of a class stays in training": Wrong(
                but_for(SPLIT, "max(1, round(len(indices) / 5))", "round(len(indices) / 5)"),
                "0 of the 2 images of `lily`",
            ),
            "half of each class": Wrong(but_for(SPLIT, "/ 5", "/ 2"), "a fifth was asked"),
            "one of each class": Wrong(
                but_for(SPLIT, "max(1, round(len(indices) / 5))", "1"), "1 of the 25 images of `rose`"
            ),
            "no seed": Wrong(but_for(SPLIT, "random.Random(seed)", "random.Random()"), "gave two different splits"),
            "always one seed": Wrong(
                but_for(SPLIT, "random.Random(seed)", "random.Random(0)"), "40 seeds gave 1 different splits"
            ),
            "never shuffles": Wrong(
                but_for(SPLIT, "        generator.shuffle(indices)\n", ""), "40 seeds gave 1 different splits"
            ),
            "moves on by one image a seed": Wrong(
                but_for(
                    SPLIT,
                    "        generator.shuffle(indices)\n",
                    "        start = seed % len(indices)\n        indices = indices[start:] + indices[:start]\n",
                ),
                "40 seeds gave 25 different splits",
            ),
            "in the order of a set": Wrong(
                but_for(BY_PERMUTATION, "sorted(set(labels))", "set(labels)"), "another in each process"
            ),
            "the process's own random numbers": Wrong(
                but_for(SPLIT, "generator.shuffle(indices)", "np.random.shuffle(indices)"), "gave two different splits"
            ),
            "the held-out stay in training": Wrong(
                but_for(SPLIT, "train += indices[held_out:]", "train += indices"), "in both parts"
            ),
            "loses the rest": Wrong(
                but_for(SPLIT, "train += indices[held_out:]", "train += indices[held_out:4 * held_out]"), "75 images"
            ),
            "does not name the class": Wrong(
                but_for(SPLIT, "class {label} has one image", "a class has one image"), "does not name the class"
            ),
            "sklearn's words": Wrong(
                """
def split(labels, seed):
    from sklearn.model_selection import train_test_split

    return train_test_split(list(range(len(labels))), test_size=0.2, stratify=labels, random_state=seed)
""",
                "of the 2 images of `lily`",
            ),
            "names in place of indices": Wrong(
                but_for(SPLIT, "return train, val", "return [labels[i] for i in train], [labels[i] for i in val]"),
                "lists of whole numbers",
            ),
            "three parts": Wrong(but_for(SPLIT, "return train, val", "return train, val, []"), "a tuple of"),
            "refuses two images": Wrong(but_for(SPLIT, "< 2", "< 3"), "That input is valid"),
            "the first draft": Wrong(
                """
def split(labels, seed):
    order = torch.randperm(len(labels), generator=torch.Generator().manual_seed(seed)).tolist()
    held_out = len(labels) // 5
    return order[held_out:], order[:held_out]
""",
                "6 of the 25 images of `daisy` are in validation",
            ),
        },
    ),
    "10.6": Answers(
        right={
            "two tensors by hand": COLLATED,
            "leaves them out first": """
def batches_of(dataset, batch_size):
    items = [item for item in (dataset[i] for i in range(len(dataset))) if item is not None]
    return DataLoader(items, batch_size=batch_size)
""",
            "a class to loop over": """
class Loader:
    def __init__(self, dataset, batch_size):
        self.loader = DataLoader(dataset, batch_size, collate_fn=list)

    def __iter__(self):
        for items in self.loader:
            items = list(filter(lambda item: item is not None, items))
            if items:
                images, labels = zip(*items)
                yield [torch.stack(images), torch.as_tensor(labels)]


def batches_of(dataset, batch_size):
    return Loader(dataset, batch_size)
""",
            "a generator without a loader": """
def batches_of(dataset, batch_size):
    images, labels = [], []
    for index in range(len(dataset)):
        item = dataset[index]
        if item is None:
            continue
        images.append(item[0])
        labels.append(item[1])
        if len(images) == batch_size:
            yield torch.stack(images), torch.tensor(labels)
            images, labels = [], []
    if images:
        yield torch.stack(images), torch.tensor(labels)
""",
        },
        wrong={
            "lets None into the batch": Wrong(
                but_for(BATCHES, "        items = [item for item in items if item is not None]\n", ""),
                "With a None in the first batch",
                outcome="error",
            ),
            "forgets the size of a batch": Wrong(
                but_for(BATCHES, "batch_size=batch_size, ", ""), "5 batches came. 3 are enough"
            ),
            "fails where all are None": Wrong(
                but_for(BATCHES, "(items) if items else None", "(items)"),
                "With a whole batch of None",
                outcome="error",
            ),
            "begins anew without an end": Wrong(
                f"import itertools\n{but_for(BATCHES, 'return (', 'return itertools.cycle(')}", "6 batches came"
            ),
            "passes on a None": Wrong(
                but_for(BATCHES, "return (batch for batch in loader if batch is not None)", "return loader"),
                "one of your batches is `None`",
            ),
            "an empty batch": Wrong(
                but_for(
                    COLLATED,
                    "            return None\n",
                    "            return torch.zeros(0, 3, 4, 4), torch.zeros(0, dtype=torch.long)\n",
                ),
                "a batch holds 0 images",
            ),
            "drops the whole batch": Wrong(
                but_for(
                    BATCHES,
                    "        items = [item for item in items if item is not None]\n",
                    "        items = [] if None in [item for item in items if item is None] else items\n",
                ),
                "your batches lose image 0",
            ),
            "black images in the gaps": Wrong(
                but_for(
                    BATCHES,
                    "[item for item in items if item is not None]",
                    "[(torch.zeros(3, 4, 4), 0) if item is None else item for item in items]",
                ),
                "Put nothing in a gap's place",
            ),
            "the same image again": Wrong(
                but_for(
                    COLLATED,
                    "        return torch.stack(",
                    "        there = (there * len(items))[: len(items)]\n        return torch.stack(",
                ),
                "Put nothing in a gap's place",
            ),
            "drops the last batch": Wrong(
                but_for(BATCHES, "collate_fn=collate)", "collate_fn=collate, drop_last=True)"),
                "your batches lose image 4",
            ),
            "shuffles": Wrong(
                but_for(BATCHES, "collate_fn=collate)", "collate_fn=collate, shuffle=True)"), "keep the order"
            ),
            "labels of the whole batch": Wrong(
                but_for(
                    COLLATED,
                    "torch.tensor([label for _, label in there])",
                    "torch.arange(len(there))",
                ),
                "Where every item is there, your batches lose",
            ),
            "a list of images": Wrong(
                but_for(COLLATED, "torch.stack([image for image, _ in there])", "[image for image, _ in there]"),
                "a batch is two tensors",
            ),
            "labels as floats": Wrong(
                but_for(COLLATED, "[label for _, label in there]", "[float(label) for _, label in there]"),
                "whole labels",
            ),
            "one large batch": Wrong(
                but_for(COLLATED, "DataLoader(dataset, batch_size,", "DataLoader(dataset, 99,"), "1 to 2"
            ),
            "images in reverse": Wrong(
                but_for(COLLATED, "[image for image, _ in there]", "[image for image, _ in there[::-1]]"),
                "not those of their labels",
            ),
            "the first draft": Wrong(
                """
def batches_of(dataset, batch_size):
    return DataLoader(dataset, batch_size=batch_size)
""",
                "With a None in the first batch, your answer stopped with `TypeError",
            ),
        },
    ),
    "10.7": Answers(
        right={
            "counts with bincount": """
def per_class(predictions, labels, classes):
    assert labels.numel(), "No images were given"
    count = torch.bincount(labels, minlength=len(classes))
    right = torch.bincount(labels[predictions == labels], minlength=len(classes))
    there = count > 0
    shares = right[there] / count[there]
    names = [name for name, here in zip(classes, there) if here]
    without = {name for name in classes if name not in names}
    return dict(zip(names, shares)), shares.mean(), without
""",
            "in plain Python": """
def per_class(predictions, labels, classes):
    answers = {name: [] for name in classes}
    for predicted, label in zip(predictions.tolist(), labels.tolist()):
        answers[classes[label]].append(predicted == label)
    found = {name: sum(of_it) / len(of_it) for name, of_it in answers.items() if of_it}
    if not found:
        raise RuntimeError("Empty!")
    return found, np.mean(list(found.values())), [name for name in answers if not answers[name]]
""",
        },
        wrong={
            "divides by zero without any image": Wrong(
                but_for(BY_CLASS, "    if len(labels) == 0:\n", "    if labels is None:\n"),
                "Without any image, your function stopped with `ZeroDivisionError: division by zero`",
            ),
            "a mean of 0 without any image": Wrong(
                but_for(
                    BY_CLASS,
                    '        raise ValueError("there are no images at all, so there is nothing to average")\n',
                    "        return {}, 0.0, list(classes)\n",
                ),
                "Without any image, your function gave back",
            ),
            "the mean of nothing": Wrong(
                """
def per_class(predictions, labels, classes):
    found = {name: (predictions[labels == k] == k).float().mean().item() for k, name in enumerate(classes)}
    return found, sum(found.values()) / len(found), [name for name in found if found[name] != found[name]]
""",
                "and so no accuracy",
            ),
            "the mean is NaN": Wrong(
                but_for(
                    BY_CLASS,
                    "sum(accuracies.values()) / len(accuracies)",
                    "float('nan') if without else sum(accuracies.values()) / len(accuracies)",
                ),
                "your mean is NaN",
            ),
            "counted as 0": Wrong(
                but_for(
                    BY_CLASS, "sum(accuracies.values()) / len(accuracies)", "sum(accuracies.values()) / len(classes)"
                ),
                "were counted as 0",
            ),
            "counted as 1": Wrong(
                but_for(
                    BY_CLASS,
                    "sum(accuracies.values()) / len(accuracies)",
                    "(sum(accuracies.values()) + len(without)) / len(classes)",
                ),
                "the mean is",
            ),
            "listed as 0": Wrong(
                but_for(BY_CLASS, "            without.append(name)\n", "            accuracies[name] = 0.0\n"),
                "your list misses `rose`",
            ),
            "over all images": Wrong(
                but_for(
                    BY_CLASS,
                    "sum(accuracies.values()) / len(accuracies)",
                    "(predictions == labels).float().mean().item()",
                ),
                "Each class that has images counts once",
            ),
            "says nothing of them": Wrong(
                but_for(BY_CLASS, "            without.append(name)\n", "            pass\n"), "misses"
            ),
            "numbers in place of names": Wrong(
                but_for(BY_CLASS, "without.append(name)", "without.append(number)"), "a list of names was expected"
            ),
            "names slip by one": Wrong(
                """
def per_class(predictions, labels, classes):
    found = labels.unique().tolist()
    accuracies = {}
    for name, k in zip(classes, found):
        accuracies[name] = (predictions[labels == k] == k).float().mean().item()
    return accuracies, sum(accuracies.values()) / len(accuracies), classes[len(found):]
""",
                "your list misses `rose`",
            ),
            "of what was predicted": Wrong(
                but_for(BY_CLASS, "(predictions[of_it] == number)", "(labels[predictions == number] == number)"),
                "the accuracy of",
            ),
            "without what nobody predicted": Wrong(
                but_for(BY_CLASS, "if of_it.any():", "if of_it.any() and (predictions == number).any():"),
                "It has images",
            ),
            "without what was never right": Wrong(
                but_for(BY_CLASS, "if of_it.any():", "if (predictions[of_it] == number).any():"), "It has images"
            ),
            "in per cent": Wrong(but_for(BY_CLASS, ".mean().item()", ".mean().item() * 100"), "the accuracy of"),
            "accuracies as a list": Wrong(
                but_for(BY_CLASS, "return accuracies,", "return list(accuracies.values()),"), "a dict of accuracies"
            ),
            "the first draft": Wrong(
                """
def per_class(predictions, labels, classes):
    found = {
        name: (predictions[labels == k] == k).float().mean().item()
        for k, name in enumerate(classes)
    }
    return found, sum(found.values()) / len(found), []
""",
                "your list misses `rose`",
            ),
        },
    ),
    "10.8": Answers(
        right={
            "tries it on a copy": ON_A_COPY,
            "looks at the images and at the loss": """
def train_step(model, optimizer, images, labels, step):
    if not torch.isfinite(images).all():
        raise ValueError(f"there is a NaN in the images of step {step}")
    kept = copy.deepcopy(model.state_dict())
    optimizer.zero_grad()
    loss = nn.functional.cross_entropy(model(images), labels)
    if loss.isnan() or loss.isinf():
        model.load_state_dict(kept)
        raise FloatingPointError(f"step={step}: loss={loss}")
    loss.backward()
    optimizer.step()
    return loss.detach()
""",
            "buffers of its own for the pass": """
def train_step(model, optimizer, images, labels, step):
    trial = {name: buffer.clone() for name, buffer in model.named_buffers()}
    logits = torch.func.functional_call(model, {**dict(model.named_parameters()), **trial}, (images,))
    loss = nn.functional.cross_entropy(logits, labels)
    assert math.isfinite(loss.item()), f"loss {loss.item()} in step {step}"
    model.load_state_dict(trial, strict=False)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    return loss.item()
""",
            "takes everything back": """
def train_step(model, optimizer, images, labels, step):
    kept = copy.deepcopy((model.state_dict(), optimizer.state_dict()))
    optimizer.zero_grad(set_to_none=False)
    loss = torch.nn.CrossEntropyLoss()(model(images), labels)
    loss.backward()
    optimizer.step()
    if not np.isfinite(loss.item()):
        model.load_state_dict(kept[0])
        optimizer.load_state_dict(kept[1])
        raise RuntimeError(f"no finite loss at step {step}")
    return loss.item()
""",
        },
        wrong={
            "leaves the statistics poisoned": Wrong(
                but_for(STEP, "            buffer.copy_(before[name])\n", "            pass\n"),
                "The forward pass itself updates BatchNorm's statistics",
            ),
            "asks for NaN alone": Wrong(
                but_for(STEP, "not torch.isfinite(loss)", "torch.isnan(loss)"),
                "For sound images and an infinite loss",
            ),
            "looks at the images alone": Wrong(
                but_for(STEP, "not torch.isfinite(loss)", "not torch.isfinite(images).all()"),
                "For sound images and an infinite loss",
            ),
            "looks after the step": Wrong(
                """
def train_step(model, optimizer, images, labels, step):
    optimizer.zero_grad()
    loss = nn.functional.cross_entropy(model(images), labels)
    loss.backward()
    optimizer.step()
    if not torch.isfinite(loss):
        raise ValueError(f"step {step}: the loss is {loss.item()}")
    return loss.item()
""",
                "look at the loss before `step()`",
            ),
            "refuses a large loss": Wrong(
                but_for(STEP, "not torch.isfinite(loss)", "not loss < 100"), "For a large loss that is finite"
            ),
            "looks at the gradients": Wrong(
                """
def train_step(model, optimizer, images, labels, step):
    before = {name: buffer.clone() for name, buffer in model.named_buffers()}
    optimizer.zero_grad()
    loss = nn.functional.cross_entropy(model(images), labels)
    loss.backward()
    if not all(torch.isfinite(parameter.grad).all() for parameter in model.parameters()):
        model.load_state_dict(before, strict=False)
        raise ValueError(f"step {step}: a gradient is not finite")
    optimizer.step()
    return loss.item()
""",
                "For sound images and an infinite loss",
            ),
            "does not look": Wrong(
                but_for(STEP, "if not torch.isfinite(loss):", "if False:"), "your function gave back `nan`"
            ),
            "skips in silence": Wrong(
                but_for(
                    STEP,
                    '        raise ValueError(f"step {step}: the loss is {loss.item()}. Look at its images and at the '
                    'learning rate")\n',
                    "        return 0.0\n",
                ),
                "your function gave back `0.0`",
            ),
            "does not name the step": Wrong(
                but_for(STEP, "step {step}: the loss is {loss.item()}", "the loss is {loss.item()}"),
                "does not name the step",
            ),
            "an assertion without words": Wrong(
                but_for(STEP, "        raise ValueError(", "        assert torch.isfinite(loss)\n        print("),
                "does not name the step",
            ),
            "looks in eval mode first": Wrong(
                """
def train_step(model, optimizer, images, labels, step):
    model.eval()
    with torch.no_grad():
        loss = nn.functional.cross_entropy(model(images), labels)
    model.train()
    if not torch.isfinite(loss):
        raise ValueError(f"step {step}: the loss is {loss.item()}")
    optimizer.zero_grad()
    loss = nn.functional.cross_entropy(model(images), labels)
    loss.backward()
    optimizer.step()
    return loss.item()
""",
                "For a loss that is NaN in `train()` mode and not in `eval()` mode",
            ),
            "keeps views and not copies": Wrong(but_for(STEP, "buffer.clone()", "buffer"), "moved. The forward pass"),
            "trains in eval mode": Wrong(
                but_for(STEP, "    loss = nn", "    model.eval()\n    loss = nn"), "one pass in `train()` mode"
            ),
            "never lets the statistics move": Wrong(
                but_for(
                    STEP,
                    "    optimizer.step()\n",
                    "    optimizer.step()\n    for name, buffer in model.named_buffers():\n"
                    "        buffer.copy_(before[name])\n",
                ),
                "is not what a plain training step",
            ),
            "makes the numbers finite": Wrong(
                but_for(STEP, "    loss = nn", "    images = images.nan_to_num()\n    loss = nn"),
                "your function gave back",
            ),
            "keeps old gradients": Wrong(
                but_for(STEP, "    optimizer.zero_grad()\n", ""), "is not what a plain training step makes of it"
            ),
            "one pass too many": Wrong(
                but_for(STEP, "    before = {", "    with torch.no_grad():\n        model(images)\n    before = {"),
                "once each",
            ),
            "the running mean alone": Wrong(
                but_for(
                    STEP,
                    "            buffer.copy_(before[name])\n",
                    "            if name.endswith('mean'):\n                buffer.copy_(before[name])\n",
                ),
                "running_var",
            ),
            "resets the optimizer": Wrong(
                but_for(
                    STEP, "        raise ValueError(", "        optimizer.state.clear()\n        raise ValueError("
                ),
                "the optimizer's state moved",
            ),
            "a step with zero": Wrong(
                """
def train_step(model, optimizer, images, labels, step):
    before = {name: buffer.clone() for name, buffer in model.named_buffers()}
    loss = nn.functional.cross_entropy(model(images), labels)
    optimizer.zero_grad()
    if not torch.isfinite(loss):
        for name, buffer in model.named_buffers():
            buffer.copy_(before[name])
        for parameter in model.parameters():
            parameter.grad = torch.zeros_like(parameter)
        optimizer.step()
        raise ValueError(f"step {step} was bad")
    loss.backward()
    optimizer.step()
    return loss.item()
""",
                "before `step()`",
            ),
            "the first draft": Wrong(
                """
def train_step(model, optimizer, images, labels, step):
    loss = nn.functional.cross_entropy(model(images), labels)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    return loss.item()
""",
                "your function gave back `nan`",
            ),
        },
    ),
    "10.9": Answers(
        right={
            "with a warning": """
def choose_device(name):
    if name not in ("auto", "cpu", "cuda", "mps"):
        raise KeyError(name)
    if name != "cpu" and torch.cuda.is_available() and name != "mps":
        return torch.device("cuda:0")
    if name in ("auto", "mps") and torch.backends.mps.is_available():
        return torch.device("mps")
    if name in ("cuda", "mps"):
        warnings.warn(f"asked for {name}, using the cpu")
    return torch.device("cpu")


def load_weights(file, device):
    return {name: tensor.to(device) for name, tensor in torch.load(file, map_location="cpu").items()}
""",
            "by cases, and on the other stream": """
def choose_device(name):
    cuda, mps = torch.cuda.is_available(), torch.backends.mps.is_available()
    match name:
        case "auto":
            return torch.device("cuda" if cuda else "mps" if mps else "cpu")
        case "cuda" if cuda:
            return torch.device("cuda", 0)
        case "mps" if mps:
            return torch.device("mps")
        case "cpu":
            return torch.device("cpu")
        case "cuda" | "mps":
            print(name.upper() + " is not available, falling back to CPU", file=sys.stderr)
            return torch.device("cpu")
    raise NotImplementedError("what is " + name)


def load_weights(file, device):
    with open(file, "rb") as opened:
        return torch.load(opened, map_location=device)
""",
            "always says what it uses": """
def choose_device(name):
    wanted = [name] if name != "auto" else ["cuda", "mps", "cpu"]
    there = ["cpu"]
    if torch.cuda.is_available():
        there.append("cuda")
    if torch.backends.mps.is_available():
        there.append("mps")
    assert name in ("auto", "cuda", "mps", "cpu"), f"unknown device: {name}"
    best = next((one for one in wanted if one in there), "cpu")
    print(f"device asked for: {name}, device used: {best}")
    return torch.device(best)


def load_weights(file, device):
    return torch.load(file, map_location=str(device))
""",
        },
        wrong={
            "falls back in silence": Wrong(
                but_for(
                    DEVICE,
                    '        print(f"There is no {name} on this machine: going on with the CPU, which takes '
                    'longer.")\n',
                    "",
                ),
                "in silence",
            ),
            "takes what was asked for": Wrong(
                but_for(DEVICE, "    if not there[name]:\n", "    if there[name] is None:\n"), "you chose `cuda`"
            ),
            "refuses": Wrong(
                but_for(DEVICE, "        print(", "        raise ValueError("),
                'For "cuda" on a machine with no GPU',
                outcome="error",
            ),
            "says something else": Wrong(
                but_for(DEVICE, "There is no {name} on this machine: going on", "No GPU. Going on"),
                "does not name `cuda`",
            ),
            "does not say what it uses": Wrong(
                but_for(DEVICE, ": going on with the CPU, which takes longer.", "."), "does not name `cpu`"
            ),
            "says it twice": Wrong(
                but_for(DEVICE, '        name = "cpu"\n', '        print("Using the cpu.")\n        name = "cpu"\n'),
                "says 2 lines",
            ),
            "auto is the CPU": Wrong(
                but_for(DEVICE, "next(device for device in there if there[device])", '"cpu"'), "`cuda` was expected"
            ),
            "auto forgets Apple": Wrong(
                but_for(
                    DEVICE,
                    "next(device for device in there if there[device])",
                    '"cuda" if there["cuda"] else "cpu"',
                ),
                "`mps` was expected",
            ),
            "takes the other GPU": Wrong(
                but_for(DEVICE, '        name = "cpu"\n', '        name = "cuda" if there["cuda"] else "cpu"\n'),
                'For "mps" on a machine with CUDA',
            ),
            "an unknown name is the CPU": Wrong(
                but_for(DEVICE, "        raise ValueError(", '        name = "cpu"\n        str('),
                'For the unknown name "gpu"',
            ),
            "whatever torch knows": Wrong(
                but_for(
                    DEVICE, "    if name not in there:\n", "    if name not in there and torch.device(name):\n"
                ).replace("        raise ValueError(", "        return torch.device(name)\n        raise ValueError("),
                'For the unknown name "meta"',
            ),
            "does not name the unknown": Wrong(
                but_for(DEVICE, "no device is called {name!r}: choose", "choose"), "does not name `gpu`"
            ),
            "a string": Wrong(
                but_for(DEVICE, "return torch.device(name)", "return name"), "a `torch.device` was expected"
            ),
            "loads where it was saved": Wrong(
                but_for(DEVICE, "map_location=device, ", ""), "`map_location` says where"
            ),
            "loads on the CPU alone": Wrong(
                but_for(DEVICE, "map_location=device", 'map_location="cpu"'), "`weight` is on `cpu`"
            ),
            "moves it afterwards": Wrong(
                but_for(
                    DEVICE,
                    "return torch.load(file, map_location=device, weights_only=True)",
                    "return {name: tensor.to(device) for name, tensor in torch.load(file).items()}",
                ),
                "`map_location` says where",
            ),
            "runs what is in the file": Wrong(
                but_for(DEVICE, "weights_only=True", "weights_only=False"), "A file of weights with code in it ran"
            ),
            "runs what is in the file, by its second thought": Wrong(
                but_for(
                    DEVICE,
                    "    return torch.load(file, map_location=device, weights_only=True)\n",
                    "    try:\n        return torch.load(file, map_location=device)\n"
                    "    except pickle.UnpicklingError:\n"
                    "        return torch.load(file, map_location=device, weights_only=False)\n",
                ),
                "A file of weights with code in it ran",
            ),
            "torch.load with a place of its own": Wrong(
                but_for(
                    DEVICE,
                    "def load_weights(file, device):\n"
                    "    return torch.load(file, map_location=device, weights_only=True)\n",
                    "from functools import partial\n\nload_weights = partial(torch.load, map_location='cpu')\n",
                ),
                "your answer stopped with `TypeError",
            ),
            "loads nothing": Wrong(
                but_for(
                    DEVICE, "return torch.load(file, map_location=device, weights_only=True)", "return {'weight': None}"
                ),
                "the dict of tensors in the file",
            ),
            "the first draft": Wrong(
                """
choose_device = torch.device
load_weights = torch.load
""",
                "your answer stopped with `RuntimeError",
            ),
        },
    ),
    "10.10": Answers(
        right={
            "all bytes first": IN_ONE_BUFFER,
            "a draft with a name of its own": but_for(
                RESUME,
                '    draft = f"{file}.draft"\n    torch.save(state, draft)\n',
                "    number, draft = tempfile.mkstemp(dir=Path(file).parent)\n    os.close(number)\n"
                "    torch.save(state, draft)\n",
            ),
            "flushes to the disk, and saves more random states": but_for(
                but_for(
                    RESUME,
                    "    torch.save(state, draft)\n",
                    "    state['gpus'] = torch.cuda.get_rng_state_all()\n    with open(draft, 'wb') as opened:\n"
                    "        torch.save(state, opened)\n        opened.flush()\n        os.fsync(opened.fileno())\n",
                ),
                "    return state[",
                "    torch.cuda.set_rng_state_all(state['gpus'])\n    return state[",
            ),
            "keeps the old one under another name": but_for(
                RESUME,
                "    os.replace(draft, file)\n",
                '    if Path(file).exists():\n        Path(f"{file}.old").unlink(missing_ok=True)\n'
                '        os.link(file, f"{file}.old")\n    os.replace(draft, file)\n',
            ),
            "takes its draft away when something goes wrong": but_for(
                RESUME,
                "    torch.save(state, draft)\n    os.replace(draft, file)\n",
                "    try:\n        with open(draft, 'wb') as opened:\n            torch.save(state, opened)\n"
                "        os.rename(draft, file)\n    finally:\n        Path(draft).unlink(missing_ok=True)\n",
            ),
        },
        wrong={
            "forgets the momentum": Wrong(
                but_for(RESUME, '    optimizer.load_state_dict(state["optimizer"])\n', ""),
                "the optimizer's state",
            ),
            "one epoch again": Wrong(
                but_for(RESUME, 'return state["epoch"] + 1', 'return state["epoch"]'), "so 2 comes next"
            ),
            "one epoch is skipped": Wrong(
                but_for(IN_ONE_BUFFER, "    return epoch\n", "    return epoch + 1\n"), "so 2 comes next"
            ),
            "shuffles anew": Wrong(
                but_for(RESUME, '    generator.set_state(state["generator"])\n', ""), "`generator`, which shuffles"
            ),
            "other dropout": Wrong(
                but_for(RESUME, '    torch.set_rng_state(state["torch"])\n', ""), "which dropout uses"
            ),
            "the parameters alone": Wrong(
                but_for(
                    RESUME,
                    '    model.load_state_dict(state["model"])\n',
                    "    own = dict(model.named_parameters())\n    with torch.no_grad():\n"
                    '        for name, tensor in state["model"].items():\n'
                    "            if name in own:\n                own[name].copy_(tensor)\n",
                ),
                "the state of the model, parameters and buffers, is not",
            ),
            "the learning rate of the start": Wrong(
                but_for(
                    RESUME,
                    '    optimizer.load_state_dict(state["optimizer"])\n',
                    '    rate = optimizer.param_groups[0]["lr"]\n'
                    '    optimizer.load_state_dict(state["optimizer"])\n'
                    '    optimizer.param_groups[0]["lr"] = rate\n',
                ),
                "the optimizer's state",
            ),
            "writes in place": Wrong(
                but_for(
                    RESUME,
                    "    torch.save(state, draft)\n    os.replace(draft, file)\n",
                    "    torch.save(state, file)\n",
                ),
                "After a kill in the very first `save`, half a checkpoint",
            ),
            "a draft where there is a checkpoint already": Wrong(
                but_for(
                    RESUME,
                    '    draft = f"{file}.draft"\n',
                    '    draft = f"{file}.draft" if Path(file).exists() else file\n',
                ),
                "half a checkpoint has the name of a whole one",
            ),
            "in place where there is a checkpoint already": Wrong(
                but_for(
                    RESUME,
                    '    draft = f"{file}.draft"\n',
                    '    draft = file if Path(file).exists() else f"{file}.draft"\n',
                ),
                "After a kill in the middle of writing, the earlier checkpoint is gone",
            ),
            "all bytes first, then in place": Wrong(
                but_for(
                    IN_ONE_BUFFER,
                    '    draft = Path(file).with_suffix(".tmp")\n    draft.write_bytes(content.getvalue())\n'
                    "    draft.replace(file)\n",
                    "    Path(file).write_bytes(content.getvalue())\n",
                ),
                "byte by byte",
            ),
            "copies the draft": Wrong(
                but_for(RESUME, "    os.replace(draft, file)\n", "    shutil.copyfile(draft, file)\n"), "byte by byte"
            ),
            "deletes the old one first": Wrong(
                but_for(
                    RESUME,
                    "    os.replace(draft, file)\n",
                    "    Path(file).unlink(missing_ok=True)\n    os.rename(draft, file)\n",
                ),
                "there is no checkpoint at all",
            ),
            "moves the old one away first": Wrong(
                but_for(
                    RESUME,
                    "    torch.save(state, draft)\n",
                    '    if Path(file).exists():\n        os.rename(file, f"{file}.old")\n'
                    "    torch.save(state, draft)\n",
                ),
                "there is no checkpoint at all",
            ),
            "a draft in the system's folder": Wrong(
                but_for(
                    RESUME,
                    '    draft = f"{file}.draft"\n    torch.save(state, draft)\n    os.replace(draft, file)\n',
                    '    draft = Path(tempfile.mkdtemp()) / "draft"\n    torch.save(state, draft)\n'
                    "    shutil.move(draft, file)\n",
                ),
                "byte by byte",
            ),
            "stumbles over an old draft": Wrong(
                but_for(
                    RESUME,
                    "    torch.save(state, draft)\n",
                    '    with open(draft, "xb") as opened:\n        torch.save(state, opened)\n',
                ),
                "FileExistsError",
                outcome="error",
            ),
            "the first start fails": Wrong(
                but_for(RESUME, "    if not Path(file).exists():\n        return 0\n", ""),
                "where there is no checkpoint yet",
            ),
            "starts anew in silence where the file is damaged": Wrong(
                but_for(
                    RESUME,
                    '        raise ValueError(f"{file} cannot be read as a checkpoint: move it away to start anew") '
                    "from error\n",
                    "        return 0\n",
                ),
                "For a checkpoint of which half is there, your function gave back `0`",
            ),
            "starts anew where the file is empty": Wrong(
                but_for(
                    RESUME,
                    "    if not Path(file).exists():\n",
                    "    if not Path(file).exists() or not Path(file).stat().st_size:\n",
                ),
                "For an empty file, your function gave back `0`",
            ),
            "leaves it to PyTorch to complain": Wrong(
                but_for(
                    RESUME,
                    '        raise ValueError(f"{file} cannot be read as a checkpoint: move it away to start anew") '
                    "from error\n",
                    "        raise\n",
                ),
                "does not name the file, `run.pt`",
            ),
            "deletes what it cannot read": Wrong(
                but_for(
                    RESUME,
                    "    except Exception as error:\n",
                    "    except Exception as error:\n        Path(file).unlink()\n",
                ),
                "leave it as it is",
            ),
            "moves away what it cannot read": Wrong(
                but_for(
                    RESUME,
                    "    except Exception as error:\n",
                    '    except Exception as error:\n        os.replace(file, f"{file}.bad")\n',
                ),
                "leave it as it is",
            ),
            "runs what is in the file": Wrong(
                but_for(RESUME, "weights_only=True", "weights_only=False"), "ran that code as you loaded it"
            ),
            "pickles": Wrong(
                but_for(
                    RESUME, "    torch.save(state, draft)\n", "    Path(draft).write_bytes(pickle.dumps(state))\n"
                ).replace("torch.load(file, weights_only=True)", "pickle.loads(Path(file).read_bytes())"),
                "ran that code as you loaded it",
            ),
            "another file for each epoch": Wrong(
                but_for(RESUME, "os.replace(draft, file)", 'os.replace(draft, f"{file}.{epoch}")'),
                "there is no `run.pt`",
            ),
            "reseeds when it saves": Wrong(
                but_for(
                    RESUME,
                    '    draft = f"{file}.draft"\n',
                    '    draft = f"{file}.draft"\n    torch.manual_seed(epoch)\n',
                ),
                "`save` changed PyTorch's own random state",
            ),
            "leaves the network in half precision": Wrong(
                but_for(RESUME, "    state = {\n", "    model.half()\n    state = {\n"),
                "`save` changed the state of the model",
            ),
            "leaves the network in eval mode": Wrong(
                but_for(RESUME, "    state = {\n", "    model.eval()\n    state = {\n"),
                "`save` changed the mode of the model",
            ),
            "a half-written draft becomes the checkpoint": Wrong(
                but_for(
                    RESUME,
                    "    torch.save(state, draft)\n    os.replace(draft, file)\n",
                    "    try:\n        torch.save(state, draft)\n    finally:\n        os.replace(draft, file)\n",
                ),
                "half a checkpoint has the name of a whole one",
            ),
            "the best alone": Wrong(
                but_for(RESUME, "    state = {\n", "    if epoch:\n        return\n    state = {\n"), "comes next"
            ),
            "the first draft": Wrong(
                """
def save(file, model, optimizer, epoch, generator):
    torch.save({"model": model.state_dict(), "epoch": epoch}, file)


def resume(file, model, optimizer, generator):
    state = torch.load(file)
    model.load_state_dict(state["model"])
    return state["epoch"] + 1
""",
                "where there is no checkpoint yet, your function refused with `FileNotFoundError",
            ),
        },
    ),
}

SURVIVE = {number: _importing(answers) for number, answers in _SURVIVE.items()}
