"""Right and wrong answers to lesson 03."""

from helpers.lessons.lesson_03 import EXERCISES
from tests.answers import Answers, Wrong, but_for

LOOK, FREEZE, FROZEN, EXTRACT, TRUSTED, ALL_BUT = (
    EXERCISES[number].answer for number in ("3.1", "3.2", "3.3", "3.4", "3.5", "3.6")
)

ANSWERS = {
    "3.1": Answers(
        right={
            "named parameters and buffers": """
def what_moved(model, step):
    def everything():
        return dict([*model.named_parameters(), *model.named_buffers()])
    before = {name: value.detach().clone() for name, value in everything().items()}
    step()
    return {name for name, value in everything().items() if (before[name] != value).any()}
""",
            "a deep copy of the model": """
def what_moved(model, step):
    import copy
    old = copy.deepcopy(model).state_dict()
    step()
    new = model.state_dict()
    return [name for name in old if not old[name].equal(new[name])]
""",
        },
        wrong={
            "keeps references instead of copies": Wrong(
                """
def what_moved(model, step):
    before = dict(model.state_dict())
    step()
    return [name for name, value in model.state_dict().items() if not torch.equal(before[name], value)]
""",
                ".clone()",
            ),
            "looks at parameters only": Wrong(
                """
def what_moved(model, step):
    before = {name: value.clone() for name, value in model.named_parameters()}
    step()
    return [name for name, value in model.named_parameters() if not torch.equal(before[name], value)]
""",
                "running_mean",
            ),
            "compares sums": Wrong(
                """
def what_moved(model, step):
    before = {name: value.double().sum().item() for name, value in model.state_dict().items()}
    step()
    now = model.state_dict()
    return [name for name in before if abs(before[name] - now[name].double().sum().item()) > 1e-6]
""",
                "swaps two weights",
            ),
            "lists what requires a gradient": Wrong(
                """
def what_moved(model, step):
    step()
    return [name for name, value in model.named_parameters() if value.requires_grad]
""",
                "It did not move",
            ),
            "forgets to take the step": Wrong(
                """
def what_moved(model, step):
    before = {name: value.clone() for name, value in model.state_dict().items()}
    return [name for name, value in model.state_dict().items() if not torch.equal(before[name], value)]
""",
                "exactly once",
            ),
            "returns a number": Wrong(
                """
def what_moved(model, step):
    before = {name: value.clone() for name, value in model.state_dict().items()}
    step()
    return sum(not torch.equal(before[name], value) for name, value in model.state_dict().items())
""",
                "list of names",
            ),
            "compares sums, to the last digit": Wrong(
                """
def what_moved(model, step):
    before = {name: value.double().sum().item() for name, value in model.state_dict().items()}
    step()
    return [name for name, value in model.state_dict().items() if before[name] != value.double().sum().item()]
""",
                "swaps two weights",
            ),
            "compares norms": Wrong(
                """
def what_moved(model, step):
    before = {name: value.double().norm().item() for name, value in model.state_dict().items()}
    step()
    return [name for name, value in model.state_dict().items() if before[name] != value.double().norm().item()]
""",
                "swaps two weights",
            ),
            "forgives small moves": Wrong(but_for(LOOK, "torch.equal", "torch.allclose"), "by a millionth"),
            "wants every number of a tensor moved": Wrong(
                but_for(LOOK, "not torch.equal(before[name], value)", "(before[name] != value).all()"),
                "swaps two weights",
            ),
            "looks at the first number of each tensor": Wrong(
                but_for(
                    LOOK, "not torch.equal(before[name], value)", "before[name].flatten()[0] != value.flatten()[0]"
                ),
                "lowers one number",
            ),
            "sees what grows": Wrong(
                but_for(LOOK, "not torch.equal(before[name], value)", "(value > before[name]).any()"),
                "lowers one number",
            ),
            "leaves frozen parameters out": Wrong(
                """
def what_moved(model, step):
    def learning():
        return {name: p for name, p in model.named_parameters() if p.requires_grad} | dict(model.named_buffers())
    before = {name: value.detach().clone() for name, value in learning().items()}
    step()
    return [name for name, value in learning().items() if not torch.equal(before[name], value)]
""",
                "moves a frozen bias",
            ),
            "leaves counters out": Wrong(
                but_for(
                    LOOK, "model.state_dict().items()}", "model.state_dict().items() if value.is_floating_point()}"
                ).replace("if not torch", "if name in before and not torch"),
                "num_batches_tracked",
            ),
            "steps on by itself": Wrong(
                but_for(LOOK, "    return", "    model[0][0].weight.data.add_(1)\n    return"), "only look"
            ),
            "leaves the model in eval mode": Wrong(
                but_for(LOOK, "    step()", "    step(), model.eval()"), "put it back"
            ),
        },
    ),
    "3.2": Answers(
        right={
            "two calls": """
def freeze_for_real(model):
    model.requires_grad_(False).eval()
""",
            "layer by layer, and returns the model": """
def freeze_for_real(model):
    for layer in model.modules():
        layer.training = False
        for parameter in layer.parameters(recurse=False):
            parameter.requires_grad_(False)
    return model
""",
        },
        wrong={
            "forgets BatchNorm": Wrong(
                """
def freeze_for_real(model):
    for parameter in model.parameters():
        parameter.requires_grad = False
""",
                "other images of its batch",
            ),
            "only calls eval": Wrong("def freeze_for_real(model):\n    model.eval()", "still moved the parameters"),
            "freezes weights and forgets biases": Wrong(
                """
def freeze_for_real(model):
    model.eval()
    for name, parameter in model.named_parameters():
        if name.endswith("weight"):
            parameter.requires_grad = False
""",
                "bias",
            ),
            "sets the momentum of BatchNorm to 0": Wrong(
                """
def freeze_for_real(model):
    model.requires_grad_(False)
    for layer in model.modules():
        if isinstance(layer, nn.BatchNorm2d):
            layer.momentum = 0.0
""",
                "other images of its batch",
            ),
            "resets the statistics": Wrong(
                """
def freeze_for_real(model):
    model.requires_grad_(False).eval()
    for layer in model.modules():
        if isinstance(layer, nn.BatchNorm2d):
            layer.reset_running_stats()
""",
                "no longer gives the features",
            ),
            "puts BatchNorm2d alone into eval mode": Wrong(
                but_for(
                    FREEZE,
                    "    model.eval()",
                    "    [layer.eval() for layer in model.modules() if isinstance(layer, nn.BatchNorm2d)]",
                ),
                "dropout is still at work",
            ),
            "knows BatchNorm2d and dropout alone": Wrong(
                but_for(
                    FREEZE,
                    "    model.eval()",
                    "    [l.eval() for l in model.modules() if isinstance(l, (nn.BatchNorm2d, nn.Dropout))]",
                ),
                "other images of its batch",
            ),
            "leaves dropout at work": Wrong(
                but_for(
                    FREEZE,
                    "    model.eval()",
                    "    [l.eval() for l in model.modules() if isinstance(l, nn.modules.batchnorm._BatchNorm)]",
                ),
                "dropout is still at work",
            ),
            "freezes convolutions alone": Wrong(
                """
def freeze_for_real(model):
    for layer in model.eval().modules():
        if isinstance(layer, (nn.Conv2d, nn.BatchNorm2d)):
            layer.requires_grad_(False)
""",
                "`4.weight`",
            ),
            "gives back a frozen copy": Wrong(
                """
def freeze_for_real(model):
    from copy import deepcopy
    return deepcopy(model).requires_grad_(False).eval()
""",
                "freeze that one itself, in place",
            ),
            "switches gradients off for good": Wrong(
                """
def freeze_for_real(model):
    model.eval()
    torch.set_grad_enabled(False)
""",
                "turned gradients off",
            ),
            "takes BatchNorm out": Wrong(
                """
def freeze_for_real(model):
    model.requires_grad_(False).eval()
    for layer in list(model.modules()):
        for name, child in layer.named_children():
            if isinstance(child, nn.BatchNorm2d):
                setattr(layer, name, nn.Identity())
""",
                "put no layer of your own in its place",
            ),
            "goes to half precision": Wrong(
                but_for(FREEZE, "    model.eval()", "    model.eval().half()"), "another dtype"
            ),
            "misspells the flag": Wrong(
                """
def freeze_for_real(model):
    model.eval()
    for parameter in model.parameters():
        parameter.require_grad = False
""",
                "still moved the parameters",
            ),
        },
    ),
    "3.3": Answers(
        right={
            "eval in train, flags in a loop": """
class Frozen(nn.Module):
    def __init__(self, network):
        super().__init__()
        self.network = network.eval()
        for parameter in self.network.parameters():
            parameter.requires_grad = False

    def forward(self, images):
        with torch.no_grad():
            return self.network(images)

    def train(self, mode=True):
        self.training = mode
        return self
""",
            "eval at each forward": """
class Frozen(nn.Module):
    def __init__(self, backbone):
        super().__init__()
        self.backbone = backbone.requires_grad_(False)

    def forward(self, images):
        self.backbone.eval()
        return self.backbone(images)
""",
        },
        wrong={
            "freezes once and is switched back": Wrong(
                """
class Frozen(nn.Module):
    def __init__(self, backbone):
        super().__init__()
        self.backbone = backbone.requires_grad_(False).eval()

    def forward(self, images):
        return self.backbone(images)
""",
                "override `train`",
            ),
            "relies on no_grad": Wrong(
                """
class Frozen(nn.Module):
    def __init__(self, backbone):
        super().__init__()
        self.backbone = backbone.eval()

    def forward(self, images):
        with torch.no_grad():
            return self.backbone(images)
""",
                "running_mean",
            ),
            "keeps eval but not the flags": Wrong(
                but_for(FROZEN, "        self.backbone.requires_grad_(False)\n", ""), "requires_grad"
            ),
            "hides the backbone in a list": Wrong(
                """
class Frozen(nn.Module):
    def __init__(self, backbone):
        super().__init__()
        self.hidden = [backbone.requires_grad_(False).eval()]

    def forward(self, images):
        return self.hidden[0](images)
""",
                "not a part of your module",
            ),
            "train returns nothing": Wrong(
                """
class Frozen(nn.Module):
    def __init__(self, backbone):
        super().__init__()
        self.backbone = backbone.requires_grad_(False).eval()

    def train(self, mode=True):
        self.backbone.eval()

    def forward(self, images):
        return self.backbone(images)
""",
                "must return the module itself",
            ),
            "keeps a deep copy": Wrong(
                "import copy\n"
                + but_for(FROZEN, "self.backbone = backbone\n", "self.backbone = copy.deepcopy(backbone)\n"),
                "as a deep copy has them",
            ),
            "waits for the first call of train": Wrong(
                but_for(FROZEN, "        self.backbone.eval()\n\n", "\n"), "Before any call of `train()`"
            ),
            "puts BatchNorm2d alone back": Wrong(
                but_for(
                    FROZEN,
                    "        self.backbone.eval()\n        return",
                    "        [l.eval() for l in self.backbone.modules() if isinstance(l, nn.BatchNorm2d)]\n"
                    "        return",
                ),
                "`5.running_mean`",
            ),
            "leaves dropout at work": Wrong(
                but_for(
                    FROZEN,
                    "        self.backbone.eval()\n        return",
                    "        for layer in self.backbone.modules():\n"
                    "            if isinstance(layer, nn.modules.batchnorm._BatchNorm):\n"
                    "                layer.eval()\n"
                    "        return",
                ),
                "the features are others",
            ),
            "runs in inference mode": Wrong(
                but_for(
                    FROZEN,
                    "        return self.backbone(",
                    "        with torch.inference_mode():\n            return self.backbone(",
                ),
                "`torch.no_grad()` in `forward` is allowed",
            ),
            "gives probabilities": Wrong(
                but_for(FROZEN, "self.backbone(images)", "self.backbone(images).softmax(1)"),
                "does not give the features",
            ),
            "eval returns nothing": Wrong(
                FROZEN + "\n\n    def eval(self):\n        self.backbone.eval()\n",
                "`train()` and `eval()` must return the module itself",
            ),
            "an object in place of the class": Wrong(
                FROZEN + "\n\n\nFrozen = Frozen(nn.Identity())\n", "not an object of it"
            ),
            "a function in place of the class": Wrong(
                "def Frozen(backbone):\n    return backbone.requires_grad_(False).eval()\n", "nor a function"
            ),
            "learns again with train": Wrong(
                but_for(
                    FROZEN,
                    "        self.backbone.eval()\n        return",
                    "        self.backbone.eval().requires_grad_(mode)\n        return",
                ),
                "still moved the parameters",
            ),
            "forward returns nothing": Wrong(
                """
class Frozen(nn.Module):
    def __init__(self, backbone):
        super().__init__()
        self.backbone = backbone.requires_grad_(False).eval()

    def forward(self, images):
        self.backbone(images)
        print("done")
""",
                "a tensor was expected: features",
            ),
        },
    ),
    "3.4": Answers(
        right={
            "inference mode and a comprehension": """
@torch.inference_mode()
def extract(backbone, batches):
    modes = {name: layer.training for name, layer in backbone.named_modules()}
    backbone.eval()
    pairs = [(backbone(images), labels) for images, labels in batches]
    for name, layer in backbone.named_modules():
        layer.training = modes[name]
    return torch.cat([f for f, _ in pairs]), torch.cat([l for _, l in pairs])
""",
            "works on a copy": """
def extract(backbone, batches):
    import copy
    quiet = copy.deepcopy(backbone).eval()
    pairs = [(quiet(images).detach(), labels) for images, labels in batches]
    return torch.cat([f for f, _ in pairs]), torch.cat([l for _, l in pairs])
""",
        },
        wrong={
            "extracts in train mode": Wrong(
                """
def extract(backbone, batches):
    with torch.no_grad():
        pairs = [(backbone(images), labels) for images, labels in batches]
    return torch.cat([f for f, _ in pairs]), torch.cat([l for _, l in pairs])
""",
                "Switch to `eval()` before the pass",
            ),
            "keeps the gradient graph": Wrong(
                """
def extract(backbone, batches):
    mode = backbone.training
    backbone.eval()
    pairs = [(backbone(images), labels) for images, labels in batches]
    backbone.train(mode)
    return torch.cat([f for f, _ in pairs]), torch.cat([l for _, l in pairs])
""",
                "gradient graph",
            ),
            "drops the last batch": Wrong(
                """
def extract(backbone, batches):
    mode = backbone.training
    backbone.eval()
    with torch.no_grad():
        pairs = [(backbone(images), labels) for images, labels in batches[:-1]]
    backbone.train(mode)
    return torch.cat([f for f, _ in pairs]), torch.cat([l for _, l in pairs])
""",
                "last, smaller batch",
            ),
            "leaves the network in eval mode": Wrong(
                """
def extract(backbone, batches):
    backbone.eval()
    with torch.no_grad():
        pairs = [(backbone(images), labels) for images, labels in batches]
    return torch.cat([f for f, _ in pairs]), torch.cat([l for _, l in pairs])
""",
                "put it back",
            ),
            "model.train(was_training)": Wrong(
                """
def extract(backbone, batches):
    was_training = backbone.training
    backbone.eval()
    features, labels = [], []
    with torch.no_grad():
        for images, batch_labels in batches:
            features.append(backbone(images))
            labels.append(batch_labels)
    backbone.train(was_training)
    return torch.cat(features), torch.cat(labels)
""",
                "`0.1` came in `eval()` mode",
            ),
            "puts back the outermost flag alone": Wrong(
                """
def extract(backbone, batches):
    was_training = backbone.training
    backbone.eval()
    with torch.no_grad():
        pairs = [(backbone(images), labels) for images, labels in batches]
    backbone.training = was_training
    return torch.cat([f for f, _ in pairs]), torch.cat([l for _, l in pairs])
""",
                "one alone: note each layer's own mode",
            ),
            "believes the outermost flag": Wrong(
                """
def extract(backbone, batches):
    modes = [(layer, layer.training) for layer in backbone.modules()]
    if backbone.training:
        backbone.eval()
    with torch.no_grad():
        pairs = [(backbone(images), labels) for images, labels in batches]
    for layer, training in modes:
        layer.training = training
    return torch.cat([f for f, _ in pairs]), torch.cat([l for _, l in pairs])
""",
                "with its dropout (`3`) in `train()` mode",
            ),
            "always ends in train mode": Wrong(
                """
def extract(backbone, batches):
    backbone.eval()
    with torch.no_grad():
        pairs = [(backbone(images), labels) for images, labels in batches]
    backbone.train()
    return torch.cat([f for f, _ in pairs]), torch.cat([l for _, l in pairs])
""",
                "came in `eval()` mode and was left in the other",
            ),
            "leaves the backbone frozen": Wrong(
                but_for(EXTRACT, "    backbone.eval()\n", "    backbone.eval().requires_grad_(False)\n"),
                "leave all flags alone",
            ),
            "leaves a hook on the backbone": Wrong(
                but_for(
                    EXTRACT,
                    "    backbone.eval()\n",
                    "    backbone.eval().register_forward_hook(lambda *seen: None)\n",
                ),
                "call its `remove()`",
            ),
            "sorts the batches": Wrong(
                but_for(EXTRACT, "    backbone.eval()\n", "    backbone.eval()\n    batches.reverse()\n"),
                "changed `batches`",
            ),
            "numbers the images": Wrong(
                but_for(EXTRACT, "torch.cat(labels)", "torch.arange(len(torch.cat(labels)))"), "same order"
            ),
            "sorts the labels": Wrong(
                but_for(EXTRACT, "torch.cat(labels)", "torch.cat(labels).sort().values"), "same order"
            ),
            "names each label once": Wrong(
                but_for(EXTRACT, "torch.cat(labels)", "torch.cat(labels).unique()"), "[10] was expected"
            ),
            "labels as fractions": Wrong(
                but_for(EXTRACT, "torch.cat(labels)", "torch.cat(labels).float()"), "takes whole numbers"
            ),
            "sorts both by label": Wrong(
                but_for(
                    EXTRACT,
                    "return torch.cat(features), torch.cat(labels)",
                    "order = torch.cat(labels).argsort(stable=True)\n"
                    "    return torch.cat(features)[order], torch.cat(labels)[order]",
                ),
                "not its features",
            ),
            "uses the list up": Wrong(
                but_for(
                    EXTRACT,
                    "        for images, batch_labels in batches:\n",
                    "        while batches:\n            images, batch_labels = batches.pop(0)\n",
                ),
                "changed `batches`",
            ),
            "knows three batches": Wrong(
                but_for(EXTRACT, "in batches:", "in (batches[0], batches[1], batches[2]):"),
                "IndexError",
                outcome="error",
            ),
            "stacks the batches": Wrong(
                but_for(EXTRACT, "torch.cat(features)", "torch.stack(features).flatten(0, 1)"),
                "RuntimeError",
                outcome="error",
            ),
            "returns lists of batches": Wrong(
                """
def extract(backbone, batches):
    modes = [(layer, layer.training) for layer in backbone.modules()]
    backbone.eval()
    with torch.no_grad():
        features = [backbone(images) for images, _ in batches]
    for layer, training in modes:
        layer.training = training
    return features, [labels for _, labels in batches]
""",
                "a tensor was expected: features",
            ),
            "reverses the labels": Wrong(
                """
def extract(backbone, batches):
    mode = backbone.training
    backbone.eval()
    features, labels = [], []
    with torch.no_grad():
        for images, batch_labels in batches:
            features.append(backbone(images))
            labels.insert(0, batch_labels)
    backbone.train(mode)
    return torch.cat(features), torch.cat(labels)
""",
                "same order",
            ),
        },
    ),
    "3.5": Answers(
        right={
            "a tensor is a number too": """
def trusted_accuracy(logits, labels):
    n, _ = logits.shape
    if n == 0 or tuple(labels.shape) != (n,):
        raise ValueError("logits [n, classes] and labels [n], with n > 0")
    guesses = torch.where(logits.isnan().any(1), -1, logits.argmax(1))
    return (guesses == labels).sum() / n
""",
            "numpy's single precision": """
def trusted_accuracy(logits, labels):
    if len(labels) == 0 or labels.shape != logits.shape[:1]:
        raise ValueError("no")
    right = (logits.argmax(dim=1) == labels) & ~logits.isnan().any(dim=1)
    return right.float().numpy().mean()
""",
        },
        wrong={
            "believes NaN": Wrong(
                """
def trusted_accuracy(logits, labels):
    if len(labels) == 0 or labels.shape != logits.shape[:1]:
        raise ValueError("no")
    return (logits.argmax(dim=1) == labels).float().mean().item()
""",
                "NaN",
            ),
            "lets labels broadcast": Wrong(
                """
def trusted_accuracy(logits, labels):
    if len(labels) == 0:
        raise ValueError("empty")
    if len(labels) != len(logits):
        raise ValueError("unequal")
    right = logits.argmax(dim=1) == labels
    return (right & ~logits.isnan().any(dim=1)).float().mean().item()
""",
                "broadcast",
            ),
            "gives an empty batch a zero": Wrong(
                """
def trusted_accuracy(logits, labels):
    if len(labels) == 0:
        return 0.0
    if labels.shape != logits.shape[:1]:
        raise ValueError("shapes")
    right = logits.argmax(dim=1) == labels
    return (right & ~logits.isnan().any(dim=1)).float().mean().item()
""",
                "empty batch",
            ),
            "does not take the mean": Wrong(
                """
def trusted_accuracy(logits, labels):
    if len(labels) == 0 or labels.shape != logits.shape[:1]:
        raise ValueError("no")
    return (logits.argmax(dim=1) == labels) & ~logits.isnan().any(dim=1)
""",
                "one number",
            ),
            "counts in per cent": Wrong(
                """
def trusted_accuracy(logits, labels):
    return 100 * (logits.argmax(dim=1) == labels).float().mean().item()
""",
                "yours is 75",
            ),
            "drops rows with NaN from the count": Wrong(
                """
def trusted_accuracy(logits, labels):
    if len(labels) == 0 or labels.shape != logits.shape[:1]:
        raise ValueError("no")
    good = ~logits.isnan().any(dim=1)
    return (logits[good].argmax(dim=1) == labels[good]).float().mean().item()
""",
                "NaN",
            ),
            "puts a number in the place of NaN": Wrong(
                but_for(but_for(TRUSTED, "logits.argmax", "logits.nan_to_num().argmax"), " & ~broken", ""),
                "NaN beside the label",
            ),
            "looks for NaN in one column": Wrong(
                but_for(TRUSTED, "logits.isnan().any(dim=1)", "logits[:, 1].isnan()"), "NaN in the last place"
            ),
            "wants a whole row of NaN": Wrong(but_for(TRUSTED, ".any(dim=1)", ".all(dim=1)"), "NaN at the label"),
            "takes -inf for broken": Wrong(
                but_for(TRUSTED, "logits.isnan().any(dim=1)", "(~logits.isfinite()).any(dim=1)"), "which is no NaN"
            ),
            "spreads one label over all rows": Wrong(
                but_for(
                    TRUSTED, "labels.shape != logits.shape[:1]", "labels.dim() != 1 or len(labels) not in (1, 4, 3)"
                ),
                "one label (it broadcasts to all)",
            ),
            "cuts surplus labels off": Wrong(
                but_for(
                    but_for(
                        TRUSTED, "labels.shape != logits.shape[:1]", "labels.dim() != 1 or len(labels) < len(logits)"
                    ),
                    "== labels\n",
                    "== labels[:len(logits)]\n",
                ),
                "two rows of logits and four labels",
            ),
            "takes labels in a row of their own": Wrong(
                but_for(TRUSTED, "labels.shape != logits.shape[:1]", "labels.shape[-1:] != logits.shape[:1]"),
                "labels of shape [1, 4]",
            ),
            "rounds": Wrong(but_for(TRUSTED, ".mean().item()", ".mean().item().__round__(3)"), "is 0.666667"),
            "a mean over classes": Wrong(
                but_for(
                    TRUSTED,
                    "(right & ~broken).float().mean().item()",
                    "sum((right & ~broken)[labels == c].float().mean().item() for c in set(labels.tolist())) / "
                    "len(set(labels.tolist()))",
                ),
                "the accuracy is 0.75",
            ),
            "mends the caller's logits": Wrong(
                but_for(TRUSTED, "    right =", "    logits[logits.isnan()] = -1e9\n    right ="), "changed `logits`"
            ),
            "refuses one image": Wrong(
                but_for(TRUSTED, "len(labels) == 0", "len(labels) < 2"),
                "With one image, which is right, your function refused",
            ),
            "refuses NaN": Wrong(
                but_for(
                    TRUSTED, "    right =", "    if logits.isnan().any():\n        raise ValueError('NaN')\n    right ="
                ),
                "NaN at the label of one of three right rows, your function refused",
            ),
            "asserts": Wrong(
                but_for(TRUSTED, "    if len(labels) == 0:\n", "    assert len(labels)\n    if len(labels) == 0:\n"),
                "stopped with `AssertionError",
            ),
            "stops on one label too few": Wrong(
                """
def trusted_accuracy(logits, labels):
    right = 0
    for i in range(len(logits)):
        right += int(logits[i].argmax() == labels[i] and not logits[i].isnan().any())
    return right / len(logits)
""",
                "stopped with `IndexError",
            ),
        },
    ),
    "3.6": Answers(
        right={
            "parameter by parameter, layer by layer": """
def freeze_all_but(model, parts):
    def learns(name):
        return any(name == part or name.startswith(part + ".") for part in parts)

    for name, parameter in model.named_parameters():
        parameter.requires_grad = learns(name)
    for name, layer in model.named_modules():
        layer.training = learns(name)
    return model
""",
            "asks for BatchNorm alone": """
def freeze_all_but(model, parts):
    kept = {p for part in parts for p in model.get_submodule(part).parameters()}
    for parameter in model.parameters():
        parameter.requires_grad_(parameter in kept)
    for layer in model.modules():
        if isinstance(layer, nn.modules.batchnorm._BatchNorm):
            layer.train(layer.weight in kept)
""",
        },
        wrong={
            "forgets the statistics of the rest": Wrong(
                but_for(ALL_BUT, "    model.eval()\n", ""), "moved `bn1.running_mean`"
            ),
            "leaves the part's BatchNorm at rest": Wrong(
                but_for(ALL_BUT, ".requires_grad_(True).train()", ".requires_grad_(True)"), "for BatchNorm's statistics"
            ),
            "forgets to let the parts learn": Wrong(
                but_for(ALL_BUT, ".requires_grad_(True).train()", ".train()"),
                "Every parameter is frozen: nothing can learn",
            ),
            "freezes nothing": Wrong(but_for(ALL_BUT, "    model.requires_grad_(False)\n", ""), "moved `conv1.weight`"),
            "takes layer10 for layer1": Wrong(
                """
def freeze_all_but(model, parts):
    model.requires_grad_(False).eval()
    for name, layer in model.named_modules():
        if name.startswith(tuple(parts)):
            layer.requires_grad_(True).train()
""",
                "`layer1` is not `layer10`",
            ),
            "knows direct children only": Wrong(
                """
def freeze_all_but(model, parts):
    for name, child in model.named_children():
        child.requires_grad_(name in parts).train(name in parts)
""",
                "did not move `layer1.0.bn1.weight`",
            ),
            "asks for an attribute of that name": Wrong(
                but_for(ALL_BUT, "model.get_submodule(name)", "getattr(model, name)"),
                "AttributeError",
                outcome="error",
            ),
            "takes layer1.0.bn1 for bn1": Wrong(
                """
def freeze_all_but(model, parts):
    model.requires_grad_(False).eval()
    for name, layer in model.named_modules():
        if name.endswith(tuple(parts)):
            layer.requires_grad_(True).train()
""",
                "moved `layer1.0.bn1.weight`",
            ),
            "believes that all parameters learn": Wrong(
                """
def freeze_all_but(model, parts):
    model.eval()
    for name, parameter in model.named_parameters():
        if not name.startswith(tuple(part + "." for part in parts)):
            parameter.requires_grad = False
    for part in parts:
        model.get_submodule(part).train()
""",
                "Every parameter is frozen",
            ),
            "believes that all layers are in train mode": Wrong(
                but_for(
                    but_for(ALL_BUT, ".requires_grad_(True).train()", ".requires_grad_(True)"),
                    "    model.eval()\n",
                    "    for name, layer in model.named_modules():\n"
                    "        if not f'{name}.'.startswith(tuple(f'{part}.' for part in parts)):\n"
                    "            layer.training = False\n",
                ),
                "did not move `layer10.1.running_mean`",
            ),
            "puts BatchNorm2d alone to rest": Wrong(
                but_for(
                    ALL_BUT,
                    "    model.eval()\n",
                    "    [layer.eval() for layer in model.modules() if isinstance(layer, nn.BatchNorm2d)]\n",
                ),
                "moved `5.running_mean`",
            ),
            "knows the last part alone": Wrong(
                but_for(ALL_BUT, "in parts:", "in parts[-1:]:"), "did not move `layer10"
            ),
            "freezes a copy": Wrong(
                "import copy\n"
                + but_for(
                    ALL_BUT, "    model.requires_grad_", "    model = copy.deepcopy(model)\n    model.requires_grad_"
                ),
                "moved `conv1.weight`",
            ),
            "uses the list up": Wrong(
                but_for(ALL_BUT, "    for name in parts:\n", "    while parts:\n        name = parts.pop()\n"),
                "changed `parts`",
            ),
        },
    ),
}
