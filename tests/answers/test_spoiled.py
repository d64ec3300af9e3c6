"""An answer that spoils what it was given is told so, and the reference is judged as before."""

import pytest

from helpers.course.verdicts import Outcome
from helpers.lessons import lesson_module
from tests.answers import but_for
from tests.answers.test_answers import _in_the_notebooks_folder, _judged, _one_thread  # noqa: F401  (two are fixtures)

_REINITIALISES = """    for layer in model.modules():
        if hasattr(layer, "reset_parameters"):
            layer.reset_parameters()
"""

# By exercise: a line of the reference, and the lines in its place.
SPOILERS = {
    "0.1": ("    return", "    logits.zero_()\n    categories.clear()\n    return"),
    "0.2": ("    return", "    logits.zero_()\n    categories.clear()\n    return"),
    "0.3": ("    model.eval()\n", _REINITIALISES + "    images.zero_()\n    model.eval()\n"),
    "1.1": (
        "    def meta",
        "    for name in names:\n        get_model_weights(name).DEFAULT.meta.clear()\n\n    def meta",
    ),
    "1.2": ("    return", "    image.thumbnail((4, 4))\n    names.clear()\n    model.bfloat16()\n    return"),
    "1.3": (
        "    return",
        _REINITIALISES
        + """    for photo in photos:
        photo.image.thumbnail((4, 4))
    weights.meta["categories"].clear()
    return""",
    ),
    "1.4": ("    if image.has", "    image.paste(0, (0, 0, *image.size))\n    if image.has"),
    "2.2": ("    total =", _REINITIALISES + "    model.requires_grad_(False)\n    total ="),
    "2.3": ("    counts = []\n", "    counts = []\n    model.requires_grad_(False).half()\n"),
    "2.4": ("    held =", "    model.requires_grad_(False).half()\n    held ="),
    "3.1": ("    return", _REINITIALISES + "    return"),
    "3.2": ("    model.eval()", _REINITIALISES + "    model.eval()"),
    "3.3": ("        self.backbone.eval()\n\n", "        self.backbone.eval().half()\n\n"),
    "3.4": ("    return", "    batches[0][0].zero_()\n    batches.clear()\n    return"),
    "3.5": ("    right =", "    logits.nan_to_num_()\n    labels.zero_()\n    right ="),
    "3.6": ("    model.eval()\n", "    parts = [parts.pop()]\n    model.eval()\n"),
    "4.1": ('    if hasattr(model, "fc"):', _REINITIALISES + '    if hasattr(model, "fc"):'),
    "4.2": ("    worked = []\n", _REINITIALISES + "    image.zero_()\n    worked = []\n"),
    "4.3": ("    old =", _REINITIALISES + "    image.zero_()\n    old ="),
    "4.4": ("    return", "    torch.set_num_threads(1)\n    dropout = 0.0\n    return"),
    "4.5": ("    modes =", "    getattr(model, 'rows', images).zero_()\n    images.zero_()\n    modes ="),
    "5.1": ("    held =", _REINITIALISES + "    optimizer.param_groups.clear()\n    held ="),
    "5.2": ("    missed =", "    rates.clear()\n    model.requires_grad_(False)\n    missed ="),
    "5.3": ("    matrices =", "    model.requires_grad_(False).half()\n    matrices ="),
    "5.4": ("    if step <", "    torch.set_default_dtype(torch.float16)\n    step = 0\n    if step <"),
    "5.5": ("    way =", "    [value.zero_() for value in before.values()]\n    after.clear()\n    way ="),
    "7.1": ("        if rank < 1:", "        layer.weight.data.zero_()\n        if rank < 1:"),
    "7.2": ("    network.requires_grad_(False)\n", "    network.requires_grad_(False).half()\n"),
    "7.3": ("    layer =", "    lora.down.reset_parameters()\n    layer ="),
    "7.4": ("    return", "    [value.zero_() for value in before.values()]\n    before.clear()\n    return"),
    "7.5": ("    modes =", "    images.zero_()\n    names.clear()\n    modes ="),
    "8.1": ("    found = []\n", _REINITIALISES + "    images.zero_()\n    found = []\n"),
    "8.2": ("    def beats", "    [runs.zero_() for runs in right.values()]\n    right.clear()\n\n    def beats"),
    "8.3": ("    found = None\n", "    gaps.clear()\n    found = None\n"),
    "8.4": ("    outputs = []\n", _REINITIALISES + "    images.zero_()\n    outputs = []\n"),
    "8.5": (
        "    distances =",
        "    [names.clear() for names in leaders.values()]\n    numbers.clear()\n    distances =",
    ),
    "9.1": ("    count =", "    for images, _ in parts:\n        images.zero_()\n    parts.reverse()\n    count ="),
    "9.2": ("    order =", "    torch.manual_seed = None\n    order ="),
    "9.3": ("    reports =", "    given = list(reports)\n    reports.clear()\n    reports = given\n    reports ="),
    "9.4": ("    torch.save(", "    torch.set_default_dtype(torch.float16)\n    model.half()\n    torch.save("),
    "10.2": ("    found = []\n", "    [file.unlink() for file in Path(folder).glob('*/*.jpg')]\n    found = []\n"),
    "10.3": (
        "    images, broken",
        "    [path.write_bytes(b'') for path in paths if path.exists()]\n    images, broken",
    ),
    "10.4": (
        "    found =",
        "    labels = labels if isinstance(labels, tuple) else labels.__setitem__(0, 8)\n    found =",
    ),
    "10.5": ("    generator =", "    labels.clear()\n    generator ="),
    "10.6": (
        "    def collate",
        "    [item[0].zero_() for item in dataset if item]\n    dataset._there.clear()\n\n    def collate",
    ),
    "10.7": ("    accuracies,", "    classes.clear()\n    labels.zero_()\n    accuracies,"),
    "10.8": ("    before =", "    model.half()\n    images.zero_()\n    optimizer.param_groups.clear()\n    before ="),
    "10.9": ("    there =", "    torch.cuda.is_available = lambda: True\n    there ="),
    "10.10": ("    draft =", "    torch.save = None\n    draft ="),
}


@pytest.mark.parametrize("number", SPOILERS)
def test_a_spoiled_check_recovers(number):
    lesson = number.partition(".")[0].zfill(2)
    reference = lesson_module(lesson).EXERCISES[number].answer_source + "\n"
    assert _judged(lesson, number, but_for(reference, *SPOILERS[number])).outcome is not Outcome.CORRECT
    assert _judged(lesson, number, reference).outcome is Outcome.CORRECT
