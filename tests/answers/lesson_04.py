"""Right and wrong answers to lesson 04."""

from helpers.lessons.lesson_04 import EXERCISES
from tests.answers import Answers, Wrong, but_for

# 4.1: by a path, and the line that puts the new layer in.
BY_PATH = """
def new_head(model, classes):
    name = [name for name, layer in model.named_modules() if isinstance(layer, nn.Linear)][-1]
    old = model.get_submodule(name)
    new = nn.Linear(old.in_features, classes)
    model.set_submodule(name, new)
"""
PUT = "    model.set_submodule(name, new)"

# 4.1: by hand, with a place for what is done to the classifier of each of two families.
BY_HAND = """
def new_head(model, classes):
    from torchvision.models.convnext import LayerNorm2d
    if hasattr(model, "fc"):
        model.fc = nn.Linear(model.fc.in_features, classes)
    elif hasattr(model, "heads"):
        model.heads.head = nn.Linear(model.heads.head.in_features, classes)
    else:
        *before, old = model.classifier
        new = nn.Linear(old.in_features, classes)
        if len(before) == 1:
            model.classifier[1] = new
        else:
            model.classifier[2] = new
"""
EFFICIENTNET = "            model.classifier[1] = new"
CONVNEXT = "            model.classifier[2] = new"

# 4.2: with hooks, as the reference; with `forward` replaced for a while; with one hook for all modules.
WATCH = EXERCISES["4.2"].answer_source
RUN = "    with torch.no_grad():\n        logits = model(image)\n"
NAMED = "    return [name for name, output in worked if output is logits][-1]"
WRAP = """
def find_classifier(model, image):
    worked, wrapped = [], {}
    modes = {module: module.training for module in model.modules()}

    def watched(name, forward):
        def wrapper(inputs):
            worked.append((name, forward(inputs)))
            return worked[-1][1]
        return wrapper

    for name, layer in model.named_modules():
        if isinstance(layer, nn.Linear):
            wrapped[layer] = layer.forward
            layer.forward = watched(name, layer.forward)
    model.eval()
    with torch.no_grad():
        logits = model(image)
    for module, mode in modes.items():
        module.training = mode
    for layer, forward in wrapped.items():
        layer.forward = forward
    return next(name for name, output in worked if output is logits)
"""
HOOK_FOR_ALL = """
def find_classifier(model, image):
    names = {layer: name for name, layer in model.named_modules()}
    modes = {module: module.training for module in model.modules()}
    worked = []
    handle = nn.modules.module.register_module_forward_hook(
        lambda layer, inputs, output: worked.append((output, layer)) if isinstance(layer, nn.Linear) else None
    )
    with torch.no_grad():
        logits = model.eval()(image)
    handle.remove()
    for module, mode in modes.items():
        module.training = mode
    return names[[layer for output, layer in worked if output.equal(logits)][-1]]
"""
BACKWARDS = """
def find_classifier(model, image):
    worked, handles = [], []
    for name, layer in model.named_modules():
        if isinstance(layer, nn.Linear):
            handles.append(
                layer.register_full_backward_hook(lambda layer, taken, given, name=name: worked.append(name))
            )
    modes = {module: module.training for module in model.modules()}
    image = image.clone().requires_grad_()
    torch.autograd.grad(model.eval()(image).sum(), image)
    for module, mode in modes.items():
        module.training = mode
    for handle in handles:
        handle.remove()
    return worked[0]
"""

# 4.3: the reference in four lines, and with hooks of its own.
REPLACE = """
def replace_any(model, classes, image):
    name = find_head(model, image).name
    old = model.get_submodule(name)
    new = nn.Linear(old.in_features, classes).to(old.weight)
    model.set_submodule(name, new)
"""
FIND = "    name = find_head(model, image).name\n"
FITS = ".to(old.weight)"
OWN_HOOKS = """
def replace_any(model, classes, image):
    seen, modes = [], {layer: layer.training for layer in model.modules()}
    handles = [
        layer.register_forward_hook(lambda layer, inputs, output, name=name: seen.append((name, output)))
        for name, layer in model.named_modules() if isinstance(layer, nn.Linear)
    ]
    with torch.no_grad():
        logits = model.eval()(image)
    for handle in handles:
        handle.remove()
    for layer, mode in modes.items():
        layer.training = mode
    name = [name for name, output in seen][-1]
    old = model.get_submodule(name)
    model.set_submodule(name, nn.Linear(old.in_features, classes).to(old.weight))
"""

# 4.4: the reference, by its lines; a class of one's own; dropout by hand, which needs to be put into the reference.
HEAD = EXERCISES["4.4"].answer_source
FIRST, ACTIVATION, DROPOUT, LAST = (
    "        nn.Linear(width, hidden),\n",
    "        nn.ReLU(),\n",
    "        nn.Dropout(dropout),\n",
    "        nn.Linear(hidden, classes),\n",
)
OWN_CLASS = """
class Head(nn.Module):
    def __init__(self, width, classes, hidden, dropout):
        super().__init__()
        self.first, self.last, self.rate = nn.Linear(width, hidden), nn.Linear(hidden, classes), dropout

    def forward(self, features):
        hidden = nn.functional.dropout(self.first(features).relu(), self.rate, self.training)
        return self.last(hidden)


def two_layers(width, classes, hidden, dropout):
    return Head(width, classes, hidden, dropout)
"""
LOGITS = "        return self.last(hidden)"
BY_HAND_DROPOUT = """
class Drop(nn.Module):
    def __init__(self, rate):
        super().__init__()
        self.rate = rate

    def forward(self, x):
        kept = torch.rand_like(x) >= self.rate
        return x * kept / (1 - self.rate) if self.training and self.rate else x


""" + but_for(HEAD, DROPOUT, "        Drop(dropout),\n")
KEPT = "        return x * kept / (1 - self.rate) if self.training and self.rate else x"

# 4.5: the reference, and the two lines that most mistakes are about.
CHECK = EXERCISES["4.5"].answer_source
SHAPE = "logits.shape != (len(images), classes)"
PROBABILITIES = "(logits >= 0).all() and torch.allclose(sums, torch.ones_like(sums))"
PASS = "        logits = model(images.clone())\n"
FROZEN = "not any(p.requires_grad for p in model.parameters())"


ANSWERS = {
    "4.1": Answers(
        right={
            "asks for the class": """
def new_head(model, classes):
    from torchvision.models import ConvNeXt, EfficientNet, ResNet
    if isinstance(model, ResNet):
        model.fc = nn.Linear(model.fc.in_features, classes)
    elif isinstance(model, EfficientNet):
        model.classifier[1] = nn.Linear(model.classifier[1].in_features, classes)
    elif isinstance(model, ConvNeXt):
        model.classifier[2] = nn.Linear(model.classifier[2].in_features, classes)
    else:
        model.heads.head = nn.Linear(model.heads.head.in_features, classes)
    return model
""",
            "all of ViT's heads at once, and no bias": """
def new_head(model, classes):
    if hasattr(model, "heads"):
        model.heads = nn.Linear(model.hidden_dim, classes, bias=False)
    elif hasattr(model, "fc"):
        model.fc = nn.Linear(model.fc.weight.shape[1], classes, bias=False)
    else:
        *before, old = model.classifier
        model.classifier = nn.Sequential(*before, nn.Linear(old.in_features, classes, bias=False))
""",
            "by path": BY_PATH,
            "by hand, one family after the other": BY_HAND,
            "a lazy layer": but_for(BY_PATH, "nn.Linear(old.in_features, classes)", "nn.LazyLinear(classes)"),
            "zeros, as ViT begins": but_for(
                BY_PATH, PUT, f"    nn.init.zeros_(new.weight)\n    nn.init.zeros_(new.bias)\n{PUT}"
            ),
        },
        wrong={
            "calls every head `head`": Wrong(
                but_for(BY_PATH, PUT, "    model.head = new"), "this network's `forward` never asks for that one"
            ),
            "rows of the old head in another order": Wrong(
                but_for(BY_PATH, PUT, f"    new.weight.data = old.weight.data.flip(0)[:classes].clone()\n{PUT}"),
                "holds numbers of the old one",
            ),
            "makes its layer in float64": Wrong(
                but_for(BY_PATH, PUT, "    model.set_submodule(name, new.double())"),
                "In the ResNet your new layer is float64 on cpu, and the network is float32 on cpu",
            ),
            "takes the arguments of `nn.Linear` the wrong way round": Wrong(
                but_for(BY_PATH, "(old.in_features, classes)", "(classes, old.in_features)"), "the width first"
            ),
            "knows three families": Wrong(
                but_for(EXERCISES["4.1"].answer_source, 'hasattr(model, "heads")', 'hasattr(model, "head")'),
                "On the ViT, your code stopped with `AttributeError",
                outcome="error",
            ),
            "replaces the whole classifier": Wrong(
                but_for(
                    EXERCISES["4.1"].answer_source,
                    "        model.classifier[-1] = nn.Linear",
                    "        model.classifier = nn.Linear",
                ),
                "a dropout is gone",
            ),
            "makes a Flatten of its own for ConvNeXt": Wrong(
                but_for(BY_HAND, CONVNEXT, "            model.classifier = nn.Sequential(nn.Flatten(), new)"),
                "`classifier.0.bias` went too",
            ),
            "leaves ConvNeXt without its Flatten": Wrong(
                but_for(BY_HAND, CONVNEXT, "            model.classifier = new"), "no longer takes an image"
            ),
            "types the width of a ResNet-50": Wrong(
                """
def new_head(model, classes):
    if hasattr(model, "fc"):
        model.fc = nn.Linear(2048, classes)
    elif hasattr(model, "heads"):
        model.heads.head = nn.Linear(768, classes)
    else:
        model.classifier[-1] = nn.Linear(1024, classes)
""",
                "take its width from `in_features`",
            ),
            "calls every head fc": Wrong(but_for(BY_PATH, PUT, "    model.fc = new"), "You gave it a new part, `fc`"),
            "changes a copy": Wrong(
                but_for(
                    BY_PATH,
                    "(model, classes):\n",
                    "(model, classes):\n    import copy\n    model = copy.deepcopy(model)\n",
                ),
                "change the model that you were given",
            ),
            "adds a layer behind the old head": Wrong(
                but_for(
                    BY_PATH,
                    "    new = nn.Linear(old.in_features, classes)",
                    "    new = nn.Sequential(old, nn.Linear(old.out_features, classes))",
                ),
                "what goes into the last layer is not what went into it before",
            ),
            "freezes everything afterwards": Wrong(
                but_for(BY_PATH, PUT, f"{PUT}\n    model.requires_grad_(False)"), "leave all flags alone"
            ),
            "freezes its new layer": Wrong(
                but_for(BY_PATH, PUT, "    model.set_submodule(name, new.requires_grad_(False))"), "it cannot learn"
            ),
            "makes ConvNeXt's classifier anew, with a fresh norm": Wrong(
                but_for(
                    BY_HAND,
                    CONVNEXT,
                    "            norm = LayerNorm2d(old.in_features, eps=1e-6)\n"
                    "            model.classifier = nn.Sequential(norm, nn.Flatten(), new)",
                ),
                "`classifier.0.bias` has other numbers than before",
            ),
            "makes ConvNeXt's norm anew, with the old numbers": Wrong(
                but_for(
                    BY_HAND,
                    CONVNEXT,
                    "            norm = LayerNorm2d(old.in_features, eps=1e-6)\n"
                    "            norm.load_state_dict(before[0].state_dict())\n"
                    "            model.classifier = nn.Sequential(norm, nn.Flatten(), new)",
                ),
                "An optimizer that holds the old one",
            ),
            "types the dropout of another EfficientNet": Wrong(
                but_for(BY_HAND, EFFICIENTNET, "            model.classifier = nn.Sequential(nn.Dropout(0.2), new)"),
                "has another rate",
            ),
            "adds a dropout": Wrong(
                but_for(BY_PATH, PUT, "    model.set_submodule(name, nn.Sequential(nn.Dropout(0.5), new))"),
                "or was added",
            ),
            "leaves the model in train mode": Wrong(
                but_for(BY_PATH, PUT, f"{PUT}\n    model.train()"), "came in `eval()` mode and was left in the other"
            ),
            "cuts the old layer": Wrong(
                """
def new_head(model, classes):
    old = [layer for layer in model.modules() if isinstance(layer, nn.Linear)][-1]
    old.weight = nn.Parameter(old.weight[:classes].detach())
    old.bias = nn.Parameter(old.bias[:classes].detach())
    old.out_features = classes
""",
                "the old layer still gives the logits",
            ),
            "ends with a softmax": Wrong(
                but_for(BY_PATH, PUT, "    model.set_submodule(name, nn.Sequential(new, nn.Softmax(dim=1)))"),
                "without a softmax",
            ),
            "drops the logits": Wrong(
                but_for(BY_PATH, PUT, "    model.set_submodule(name, nn.Sequential(new, nn.Dropout(0.5)))"),
                "without dropout",
            ),
            "freezes the backbone": Wrong(
                but_for(BY_PATH, PUT, f"    model.requires_grad_(False)\n{PUT}"), "leave all flags alone"
            ),
            "puts the head under every name": Wrong(
                but_for(
                    BY_PATH,
                    PUT,
                    f'{PUT}\n    if not hasattr(model, "fc"):\n        model.fc = nn.Linear(old.in_features, classes)',
                ),
                "there is `fc.weight`",
            ),
            "makes a linear layer that ends with softmax": Wrong(
                """
class Probabilities(nn.Linear):
    def forward(self, features):
        return super().forward(features).softmax(dim=1)

"""
                + but_for(BY_PATH, "    new = nn.Linear(", "    new = Probabilities("),
                "without a softmax",
            ),
            "ends with a hook that makes probabilities": Wrong(
                but_for(
                    BY_PATH,
                    PUT,
                    f"    new.register_forward_hook(lambda layer, inputs, output: output.softmax(1))\n{PUT}",
                ),
                "Hooks of yours are still on",
            ),
            "tries the new head in train mode": Wrong(
                but_for(
                    BY_PATH,
                    PUT,
                    f"{PUT}\n    with torch.no_grad():\n        model.train()(torch.randn(2, 3, 32, 32))\n"
                    "    model.eval()",
                ),
                "Switch to `eval()` before the pass",
            ),
            "leaves the model in eval mode": Wrong(
                but_for(BY_PATH, PUT, f"{PUT}\n    model.eval()"), "came in `train()` mode and was left in the other"
            ),
            "makes its layer in inference mode": Wrong(
                but_for(BY_PATH, "def new_head", "@torch.inference_mode()\ndef new_head"),
                "was made in `inference_mode`",
            ),
            "takes nn.Dropout's own rate": Wrong(
                but_for(BY_HAND, EFFICIENTNET, "            model.classifier = nn.Sequential(nn.Dropout(), new)"),
                "has another rate",
            ),
            "keeps a head that fits": Wrong(
                but_for(BY_PATH, PUT, f"    if old.out_features != classes:\n    {PUT}"),
                "the old layer still gives the logits",
            ),
            "copies the first rows of the old head": Wrong(
                but_for(BY_PATH, PUT, f"    new.weight.data = old.weight.data[:classes].clone()\n{PUT}"),
                "holds numbers of the old one",
            ),
        },
    ),
    "4.2": Answers(
        right={
            "a dictionary of handles and a closure": """
def find_classifier(model, image):
    worked, handles = {}, []

    def hook_for(name):
        def hook(layer, inputs, output):
            worked[name] = output
        return hook

    for name, layer in model.named_modules():
        if type(layer) is nn.Linear:
            handles.append(layer.register_forward_hook(hook_for(name)))
    modes = [(module, module.training) for module in model.modules()]
    try:
        with torch.inference_mode():
            logits = model.eval()(image)
    finally:
        for module, mode in modes:
            module.training = mode
        for handle in handles:
            handle.remove()
    return {id(output): name for name, output in worked.items()}[id(logits)]
""",
            "looks the layer up afterwards": """
def find_classifier(model, image):
    last = []
    hook = lambda layer, inputs, output: last.append((layer, output))
    handles = [layer.register_forward_hook(hook) for layer in model.modules() if isinstance(layer, nn.Linear)]
    in_training = {layer for layer in model.modules() if layer.training}
    model.eval()
    with torch.no_grad():
        logits = model(image)
    [handle.remove() for handle in handles]
    for layer in in_training:
        layer.training = True
    classifiers = [layer for layer, output in last if output is logits]
    return next(name for name, layer in model.named_modules() if layer is classifiers[-1])
""",
            "wraps forward and gives it back": WRAP,
            "wraps forward and takes it off": but_for(
                WRAP,
                "    for layer, forward in wrapped.items():\n        layer.forward = forward\n",
                "    for layer in wrapped:\n        del layer.forward\n",
            ),
            "one hook for all modules, taken off again": HOOK_FOR_ALL,
            "backward hooks, taken off again": BACKWARDS,
            "watches a copy": """
def find_classifier(model, image):
    import copy
    twin, worked = copy.deepcopy(model).eval(), []
    for name, layer in twin.named_modules():
        if isinstance(layer, nn.Linear):
            layer.register_forward_hook(lambda *passed, name=name: worked.append((name, passed[-1])))
    with torch.no_grad():
        logits = twin(image)
    return [name for name, output in worked if output is logits].pop()
""",
            "a string of its own class": but_for(
                WATCH, NAMED, f"    class Name(str):\n        pass\n\n{NAMED.replace('return ', 'return Name(')})"
            ),
        },
        wrong={
            "takes the last that works for the answer": Wrong(
                but_for(WATCH, NAMED, "    return worked[-1][0]"), "`second` works after it"
            ),
            "takes whatever gives the answer, dropout too": Wrong(
                but_for(WATCH, "if isinstance(layer, nn.Linear)", "if not list(layer.children())"),
                "which is a `Dropout` and no `nn.Linear`",
            ),
            "takes the last with logits of that shape": Wrong(
                but_for(WATCH, "output is logits", "output.shape == logits.shape"), "`second` works after it"
            ),
            "takes the last one declared": Wrong(
                """
def find_classifier(model, image):
    return [name for name, layer in model.named_modules() if isinstance(layer, nn.Linear)][-1]
""",
                "watch which layer works last",
            ),
            "clears the owner's hooks as well": Wrong(
                but_for(
                    WATCH,
                    "    for handle in handles:\n        handle.remove()\n",
                    "    for layer in model.modules():\n        layer._forward_hooks.clear()\n",
                ),
                "leave others' hooks",
            ),
            "goes by the number of outputs": Wrong(
                """
def find_classifier(model, image):
    mode = model.training
    model.eval()
    with torch.no_grad():
        classes = model(image).shape[1]
    model.train(mode)
    for name, layer in model.named_modules():
        if isinstance(layer, nn.Linear) and layer.out_features == classes:
            return name
""",
                "number of outputs alone",
            ),
            "goes by well-known names": Wrong(
                """
def find_classifier(model, image):
    for name in ("fc", "classifier", "head", "heads.head"):
        if name in dict(model.named_modules()):
            return name
    return [name for name, layer in model.named_modules() if isinstance(layer, nn.Linear)][-1]
""",
                "nor names such as `classifier`",
            ),
            "leaves its hooks on": Wrong(
                but_for(WATCH, "        handle.remove()", "        pass"), "Hooks of yours are still on"
            ),
            "forgets name=name": Wrong(but_for(WATCH, "output, name=name: worked", "output: worked"), "you say `4`"),
            "runs the model as it came": Wrong(but_for(WATCH, "    model.eval()\n", ""), "running_mean"),
            "leaves the model in eval mode": Wrong(
                but_for(WATCH, "        module.training = mode", "        pass"),
                "came in `train()` mode and was left in the other",
            ),
            "looks at the outermost layers only": Wrong(
                but_for(
                    but_for(WATCH, "named_modules()", "named_children()"),
                    NAMED,
                    '    return worked[-1][0] if worked else "tail"',
                ),
                "`named_modules()` walks through all of them",
            ),
            "returns the layer": Wrong(
                """
def find_classifier(model, image):
    return [layer for layer in model.modules() if isinstance(layer, nn.Linear)][-1]
""",
                "Return the layer's name",
            ),
            "gives all parts the mode of the whole": Wrong(
                but_for(WATCH, "        module.training = mode", "        module.training = modes[model]"),
                "`stem.1` came in `eval()` mode",
            ),
            "freezes the model and leaves it so": Wrong(
                but_for(WATCH, "    model.eval()\n", "    freeze(model)\n"), "leave all flags alone"
            ),
            "leaves gradients behind": Wrong(
                but_for(WATCH, RUN, "    logits = model(image)\n    logits.sum().backward()\n"), "left gradients in"
            ),
            "wraps forward and leaves it so": Wrong(
                but_for(WRAP, "        layer.forward = forward\n", "        pass\n"),
                "has another `forward` than it came with",
            ),
            "turns gradients off for good": Wrong(
                but_for(WATCH, RUN, "    torch.set_grad_enabled(False)\n    logits = model(image)\n"),
                "turned gradients off",
            ),
            "puts back BatchNorm's mode only": Wrong(
                but_for(
                    WATCH,
                    "        module.training = mode",
                    "        module.training = mode if isinstance(module, nn.BatchNorm2d) else modes[model]",
                ),
                "`tail.drop` came in `train()` mode",
            ),
            "freezes the model and unfreezes all of it": Wrong(
                but_for(
                    but_for(WATCH, "    model.eval()\n", "    freeze(model)\n"),
                    NAMED,
                    f"    model.requires_grad_(True)\n{NAMED}",
                ),
                "leave all flags alone",
            ),
            "leaves its backward hooks on": Wrong(
                but_for(BACKWARDS, "        handle.remove()", "        pass"), "Hooks of yours are still on"
            ),
            "leaves hooks on the weights": Wrong(
                """
def find_classifier(model, image):
    worked, modes = [], {module: module.training for module in model.modules()}
    weights = {name: layer.weight for name, layer in model.named_modules() if isinstance(layer, nn.Linear)}
    for name, weight in weights.items():
        weight.register_hook(lambda gradient, name=name: worked.append(name))
    torch.autograd.grad(model.eval()(image).sum(), list(weights.values()), allow_unused=True)
    for module, mode in modes.items():
        module.training = mode
    return worked[0]
""",
                "Hooks of yours are still on `1.weight`",
            ),
            "leaves a hook for all modules": Wrong(
                but_for(HOOK_FOR_ALL, "    handle.remove()\n", ""), "for all modules of all networks"
            ),
            "wraps the layers for good": Wrong(
                """
class Watched(nn.Module):
    def __init__(self, layer, name, worked):
        super().__init__()
        self.layer, self.name, self.worked = layer, name, worked

    def forward(self, inputs):
        self.worked.append(self.name)
        return self.layer(inputs)


def find_classifier(model, image):
    worked = []
    modes = {module: module.training for module in model.modules()}
    for name, layer in list(model.named_modules()):
        if isinstance(layer, nn.Linear):
            model.set_submodule(name, Watched(layer, name, worked))
    model.eval()
    with torch.no_grad():
        model(image)
    for module, mode in modes.items():
        module.training = mode
    return worked[-1]
""",
                "`1` is now a `Watched`",
            ),
            "takes gradients away that were there": Wrong(
                but_for(WATCH, RUN, "    logits = model(image)\n    logits.sum().backward()\n    model.zero_grad()\n"),
                "came with a gradient",
            ),
            "gives the last part of the path": Wrong(
                but_for(WATCH, NAMED, f'{NAMED}.split(".")[-1]'), "`out`, which is the name of no part"
            ),
            "tries a black image": Wrong(but_for(WATCH, "model(image)\n", "model(image.zero_())\n"), "changed `image`"),
            "a name that equals every name": Wrong(
                """
class Any(str):
    def __eq__(self, other):
        return True

    def __hash__(self):
        return 0


def find_classifier(model, image):
    return Any("fc")
""",
                "you say `fc`, which is the name of no part",
            ),
        },
    ),
    "4.3": Answers(
        right={
            "parent and child by hand": """
def replace_any(model, classes, image):
    path = find_head(model, image).name
    parent, _, child = path.rpartition(".")
    old = model.get_submodule(path)
    new = nn.Linear(old.in_features, classes, device=old.weight.device, dtype=old.weight.dtype)
    setattr(model.get_submodule(parent), child, new)
    return model
""",
            "hooks of its own": OWN_HOOKS,
            "proves that nothing else moved": """
def replace_any(model, classes, image):
    name, before = find_head(model, image).name, snapshot(model)
    old = model.get_submodule(name)
    model.set_submodule(name, nn.Linear(old.in_features, classes).to(old.weight))
    rest = {key: value for key, value in before.items() if not key.startswith(f"{name}.")}
    assert not moved(rest, model)
""",
        },
        wrong={
            "takes the last one declared": Wrong(
                but_for(
                    REPLACE,
                    FIND,
                    "    name = [name for name, layer in model.named_modules() if isinstance(layer, nn.Linear)][-1]\n",
                ),
                "no longer takes an image",
            ),
            "sets an attribute of the whole path": Wrong(
                but_for(REPLACE, PUT, '    setattr(model, name.replace(".", "_"), new)'),
                "You gave it a new part, `tail_main_out`",
            ),
            "keeps float32": Wrong(but_for(REPLACE, FITS, ""), "computes in float64"),
            "replaces every layer that has as many outputs": Wrong(
                """
def replace_any(model, classes, image):
    wide = find_head(model, image).classes
    for name, layer in list(model.named_modules()):
        if isinstance(layer, nn.Linear) and layer.out_features == wide:
            model.set_submodule(name, nn.Linear(layer.in_features, classes).to(layer.weight))
""",
                "no longer takes an image",
            ),
            "freezes the rest as well": Wrong(
                but_for(REPLACE, PUT, f"    model.requires_grad_(False)\n{PUT}"), "leave all flags alone"
            ),
            "copies the old flag": Wrong(
                but_for(REPLACE, PUT, f"    new.requires_grad_(old.weight.requires_grad)\n{PUT}"),
                "new parameters must be trainable",
            ),
            "puts a layer behind the old one": Wrong(
                but_for(
                    REPLACE,
                    "nn.Linear(old.in_features, classes).to(old.weight)",
                    "nn.Sequential(old, nn.Linear(old.out_features, classes).to(old.weight))",
                ),
                "what goes into the last layer is not what went into it before",
            ),
            "leaves the model in eval mode": Wrong(
                but_for(REPLACE, "find_head(model, image)", "find_head(model.eval(), image)"), "put it back"
            ),
            "tries the new head in train mode": Wrong(
                but_for(
                    REPLACE,
                    PUT,
                    f"{PUT}\n    mode = model.training\n    with torch.no_grad():\n        model.train()(image)\n"
                    "    model.train(mode)",
                ),
                "running_mean",
            ),
            "ends with a softmax": Wrong(
                but_for(REPLACE, PUT, "    model.set_submodule(name, nn.Sequential(new, nn.Softmax(dim=1)))"),
                "without a softmax",
            ),
            "adds a dropout": Wrong(
                but_for(REPLACE, PUT, "    model.set_submodule(name, nn.Sequential(nn.Dropout(0.2), new))"),
                "or was added",
            ),
            "keeps the type and forgets the device": Wrong(
                but_for(REPLACE, f"classes){FITS}", "classes, dtype=old.weight.dtype)"), "float32 on meta"
            ),
            "asks the image for type and device": Wrong(
                but_for(REPLACE, FITS, ".to(image)"), "others than those of the image"
            ),
            "gives all parts the mode of the whole": Wrong(
                but_for(
                    but_for(
                        REPLACE, FIND, "    mode = model.training\n    name = find_head(model.eval(), image).name\n"
                    ),
                    PUT,
                    f"{PUT}\n    model.train(mode)",
                ),
                "`stem.1` came in `eval()` mode",
            ),
            "asks the first parameter for type and device": Wrong(
                but_for(REPLACE, FITS, ".to(next(model.parameters()))"), "your new layer in float32 on cpu"
            ),
            "asks the image for the device alone": Wrong(
                but_for(REPLACE, f"classes){FITS}", "classes, device=image.device, dtype=old.weight.dtype)"),
                "computes in float64 on meta",
            ),
            "does nothing on meta": Wrong(
                but_for(REPLACE, FIND, f"    if image.is_meta:\n        return\n{FIND}"),
                "on `meta`, with an image on `meta`, your function put no new layer in",
            ),
            "compares numbers to find the head": Wrong(
                but_for(
                    OWN_HOOKS,
                    "[name for name, output in seen]",
                    "[name for name, output in seen if output.shape == logits.shape and torch.equal(output, logits)]",
                ),
                "There are shapes there and no numbers",
            ),
            "makes its layer in inference mode": Wrong(
                but_for(REPLACE, "def replace_any", "@torch.inference_mode()\ndef replace_any"),
                "was made in `inference_mode`",
            ),
            "keeps a head that fits": Wrong(
                but_for(REPLACE, PUT, f"    if old.out_features != classes:\n    {PUT}"),
                "the old layer still gives the logits",
            ),
            "puts back BatchNorm's mode only": Wrong(
                """
def replace_any(model, classes, image):
    was_training = model.training
    resting = [m for m in model.modules() if isinstance(m, nn.BatchNorm2d) and not m.training]
    name = find_head(model.eval(), image).name
    old = model.get_submodule(name)
    model.set_submodule(name, nn.Linear(old.in_features, classes).to(old.weight))
    model.train(was_training)
    for norm in resting:
        norm.eval()
""",
                "`tail.drop` came in `train()` mode",
            ),
            "gives a copy back": Wrong(
                but_for(
                    but_for(REPLACE, FIND, f"    import copy\n    model = copy.deepcopy(model)\n{FIND}"),
                    PUT,
                    f"{PUT}\n    return model",
                ),
                "change the model that you were given",
            ),
            "gives setattr a path": Wrong(
                but_for(REPLACE, PUT, "    setattr(model, name, new)"), "`setattr` takes no path"
            ),
            "moves the model to the image": Wrong(
                but_for(REPLACE, FIND, f"    model.to(image)\n{FIND}"), "The old head computes in float64 on cpu"
            ),
            "makes the rest float32": Wrong(
                but_for(REPLACE, PUT, f"    model.set_submodule(name, nn.Identity())\n    model.float()\n{PUT}"),
                "no longer takes an image",
            ),
            "keeps the old weights beside the new head": Wrong(
                but_for(REPLACE, PUT, f"{PUT}\n    model.old_weight = old.weight"), "there is `old_weight`"
            ),
            "tries the new head on a black image": Wrong(
                but_for(REPLACE, "find_head(model, image)", "find_head(model, image.zero_())"), "changed `image`"
            ),
            "finds the head on meta in eval mode": Wrong(
                but_for(REPLACE, FIND, f"    if image.is_meta:\n        model.eval()\n{FIND}"),
                "came in `train()` mode and was left in the other",
            ),
        },
    ),
    "4.4": Answers(
        right={
            "a class with GELU and two dropouts": """
class TwoLayers(nn.Module):
    def __init__(self, width, classes, hidden, dropout):
        super().__init__()
        self.first, self.last = nn.Linear(width, hidden), nn.Linear(hidden, classes)
        self.drop = nn.Dropout(dropout)

    def forward(self, features):
        return self.last(self.drop(nn.functional.gelu(self.first(self.drop(features)))))


def two_layers(width, classes, hidden, dropout):
    return TwoLayers(width, classes, hidden, dropout)
""",
            "a class of its own, with functions": OWN_CLASS,
            "dropout on the features, tanh, and a last layer of zeros": """
def two_layers(width, classes, hidden, dropout):
    last = nn.Linear(hidden, classes)
    nn.init.zeros_(last.weight)
    nn.init.zeros_(last.bias)
    return nn.Sequential(nn.Dropout(dropout), nn.Linear(width, hidden), nn.Tanh(), last)
""",
            "matrices of its own, inputs first": """
class TwoLayers(nn.Module):
    def __init__(self, width, classes, hidden, dropout):
        super().__init__()
        self.first = nn.Parameter(torch.randn(width, hidden) / width**0.5)
        self.last = nn.Parameter(torch.randn(hidden, classes) / hidden**0.5)
        self.shift, self.rate = nn.Parameter(torch.zeros(1, classes)), dropout

    def forward(self, x):
        x = nn.functional.dropout((x @ self.first).relu(), self.rate, self.training)
        return x @ self.last + self.shift


def two_layers(width, classes, hidden, dropout):
    return TwoLayers(width, classes, hidden, dropout)
""",
            "lazy layers": but_for(
                but_for(HEAD, FIRST, "        nn.LazyLinear(hidden),\n"), LAST, "        nn.LazyLinear(classes),\n"
            ),
            "norms, PReLU and dropout on both sides": """
def two_layers(width, classes, hidden, dropout):
    return nn.Sequential(
        nn.LayerNorm(width),
        nn.Dropout(dropout),
        nn.Linear(width, hidden),
        nn.BatchNorm1d(hidden),
        nn.PReLU(),
        nn.Dropout(dropout),
        nn.Linear(hidden, classes),
    )
""",
            "sigmoid without a bias": but_for(
                HEAD, FIRST + ACTIVATION, "        nn.Linear(width, hidden, bias=False),\n        nn.Sigmoid(),\n"
            ),
            "no bias anywhere, ReLU, and dropout on both sides": but_for(
                but_for(HEAD, FIRST, "        nn.Dropout(dropout),\n        nn.Linear(width, hidden, bias=False),\n"),
                LAST,
                "        nn.Linear(hidden, classes, bias=False),\n",
            ),
            "a LayerNorm after the activation": but_for(
                HEAD, ACTIVATION, "        nn.GELU(),\n        nn.LayerNorm(hidden),\n"
            ),
            "dropout only where there is some": but_for(
                HEAD, DROPOUT, "        *([nn.Dropout(dropout)] if dropout else []),\n"
            ),
            "weight_norm on both layers": """
def two_layers(width, classes, hidden, dropout):
    norm = nn.utils.parametrizations.weight_norm
    first, last = norm(nn.Linear(width, hidden)), norm(nn.Linear(hidden, classes))
    return nn.Sequential(first, nn.ReLU(), nn.Dropout(dropout), last)
""",
            "spectral_norm on both layers, of the new kind and of the old": """
def two_layers(width, classes, hidden, dropout):
    first = nn.utils.parametrizations.spectral_norm(nn.Linear(width, hidden))
    last = nn.utils.spectral_norm(nn.Linear(hidden, classes))
    return nn.Sequential(first, nn.ReLU(), nn.Dropout(dropout), last)
""",
            "dropout by hand": BY_HAND_DROPOUT,
            "dropout by hand, the other way round": but_for(
                BY_HAND_DROPOUT, KEPT, "        return x * kept if self.training else x * (1 - self.rate)"
            ),
            "SELU and its own dropout": but_for(
                HEAD, ACTIVATION + DROPOUT, "        nn.SELU(),\n        nn.AlphaDropout(dropout),\n"
            ),
            "dropout before the activation": but_for(
                HEAD, ACTIVATION + DROPOUT, "        nn.Dropout(dropout),\n        nn.GELU(),\n"
            ),
            "Hardsigmoid, which is straight in the middle": but_for(HEAD, ACTIVATION, "        nn.Hardsigmoid(),\n"),
            "dropout on both sides, and a LayerNorm after the second": but_for(
                but_for(HEAD, FIRST, f"{DROPOUT}{FIRST}"), LAST, f"        nn.LayerNorm(hidden),\n{LAST}"
            ),
            "a LayerNorm after dropout": but_for(
                HEAD,
                ACTIVATION + DROPOUT,
                f"        nn.Tanh(),\n{DROPOUT}        nn.LayerNorm(hidden),\n",
            ),
            "dropout before Hardtanh, which has a limit": but_for(
                HEAD, ACTIVATION + DROPOUT, f"{DROPOUT}        nn.Hardtanh(),\n"
            ),
            "Hardshrink, which is flat around 0": but_for(HEAD, ACTIVATION, "        nn.Hardshrink(),\n"),
            "no bias at the end": but_for(HEAD, LAST, "        nn.Linear(hidden, classes, bias=False),\n"),
        },
        wrong={
            "adds the features to the logits": Wrong(
                but_for(OWN_CLASS, LOGITS, f"{LOGITS} + features[:, : self.last.out_features]"),
                "something goes around that layer",
            ),
            "by hand, the rate in place of what is left": Wrong(
                but_for(BY_HAND_DROPOUT, KEPT, "        return x * kept if self.training else x * self.rate"),
                "The more your dropout takes, the smaller",
            ),
            "a norm between the layers, and the activation before them": Wrong(
                """
def two_layers(width, classes, hidden, dropout):
    return nn.Sequential(
        nn.GELU(),
        nn.Linear(width, hidden),
        nn.LayerNorm(hidden),
        nn.Dropout(dropout),
        nn.Linear(hidden, classes),
    )
""",
                "a norm is none",
            ),
            "drops the same numbers in each pass": Wrong(
                but_for(OWN_CLASS, "        hidden = nn", "        torch.manual_seed(0)\n        hidden = nn"),
                "drop the very same numbers",
            ),
            "a rate of 100": Wrong(
                but_for(HEAD, DROPOUT, "        nn.Dropout(hidden),\n"),
                "For `two_layers(60, 3, 100, 0.5)`, your code stopped with `ValueError: dropout probability",
                outcome="error",
            ),
            "stops the gradient between the layers": Wrong(
                but_for(OWN_CLASS, "self.last(hidden)", "self.last(hidden.detach())"), "no gradient reaches it"
            ),
            "forgets the activation": Wrong(but_for(HEAD, ACTIVATION, ""), "one linear layer in disguise"),
            "ends with a softmax": Wrong(
                but_for(HEAD, LAST, f"{LAST}        nn.Softmax(dim=1),\n"), "softmax at the end"
            ),
            "ends with a log-softmax": Wrong(
                but_for(HEAD, LAST, f"{LAST}        nn.LogSoftmax(dim=1),\n"), "log_softmax at the end"
            ),
            "ends with a ReLU": Wrong(but_for(HEAD, LAST, f"{LAST}        nn.ReLU(),\n"), "a ReLU cuts off one sign"),
            "drops the logits": Wrong(but_for(HEAD, DROPOUT + LAST, LAST + DROPOUT), "drops whole answers"),
            "leaves dropout out": Wrong(but_for(HEAD, DROPOUT, ""), "no dropout is at work"),
            "drops in eval mode as well": Wrong(
                but_for(OWN_CLASS, "self.rate, self.training)", "self.rate)"), "`nn.functional.dropout` needs"
            ),
            "always drops one half": Wrong(
                but_for(HEAD, DROPOUT, "        nn.Dropout(0.5),\n"), "Give the rate that was asked for"
            ),
            "starts with zeros everywhere": Wrong(
                """
def two_layers(width, classes, hidden, dropout):
    head = nn.Sequential(nn.Linear(width, hidden), nn.ReLU(), nn.Dropout(dropout), nn.Linear(hidden, classes))
    for parameter in head.parameters():
        nn.init.zeros_(parameter)
    return head
""",
                "zeros in two layers",
            ),
            "freezes the first layer": Wrong(
                but_for(HEAD, FIRST, "        nn.Linear(width, hidden).requires_grad_(False),\n"),
                "no gradient reaches it",
            ),
            "always has 512 in between": Wrong(
                but_for(
                    HEAD,
                    "two_layers(width, classes, hidden, dropout):\n",
                    "two_layers(width, classes, _, dropout):\n    hidden = 512\n",
                ),
                "No layer goes from width",
            ),
            "returns a list of layers": Wrong(
                """
def two_layers(width, classes, hidden, dropout):
    return [nn.Linear(width, hidden), nn.ReLU(), nn.Dropout(dropout), nn.Linear(hidden, classes)]
""",
                "Return the head",
            ),
            "ends with a tanh": Wrong(
                but_for(HEAD, LAST, f"{LAST}        nn.Tanh(),\n"), "bends, scales or mixes the logits"
            ),
            "ends with a leaky ReLU": Wrong(
                but_for(HEAD, LAST, f"{LAST}        nn.LeakyReLU(),\n"), "bends, scales or mixes the logits"
            ),
            "bends after both layers with tanh": Wrong(
                but_for(HEAD, ACTIVATION + DROPOUT + LAST, f"{DROPOUT}{LAST}        nn.Tanh(),\n"),
                "bends, scales or mixes the logits",
            ),
            "ends with a norm": Wrong(
                but_for(HEAD, LAST, f"{LAST}        nn.LayerNorm(classes),\n"), "bends, scales or mixes the logits"
            ),
            "ends with BatchNorm": Wrong(
                but_for(HEAD, LAST, f"{LAST}        nn.BatchNorm1d(classes),\n"), "bends, scales or mixes the logits"
            ),
            "limits its logits": Wrong(
                but_for(HEAD, LAST, f"{LAST}        nn.Hardtanh(-10, 10),\n"), "bends, scales or mixes the logits"
            ),
            "bends before both layers": Wrong(
                but_for(HEAD, FIRST + ACTIVATION, ACTIVATION + FIRST), "No activation stands between"
            ),
            "keeps the share that it should drop": Wrong(
                but_for(HEAD, DROPOUT, "        nn.Dropout(1 - dropout),\n"), "where 80% should"
            ),
            "drops whole images": Wrong(
                but_for(HEAD, DROPOUT, "        nn.Dropout1d(dropout),\n"), "all numbers of an image away at once"
            ),
            "drops one half or nothing": Wrong(
                but_for(HEAD, DROPOUT, "        nn.Dropout() if dropout else nn.Identity(),\n"),
                "of the numbers get through between the two layers",
            ),
            "has three layers": Wrong(
                but_for(HEAD, ACTIVATION, f"{ACTIVATION}        nn.Linear(hidden, hidden),\n        nn.GELU(),\n"),
                "and yours has 3",
            ),
            "swaps the widths": Wrong(
                but_for(but_for(HEAD, "(width, hidden)", "(hidden, width)"), "(hidden, classes)", "(width, classes)"),
                "does not take features [2, 60]",
            ),
            "takes an activation that is random": Wrong(
                but_for(HEAD, ACTIVATION, "        nn.RReLU(),\n"), "such as `nn.RReLU`"
            ),
            "takes the mean off the logits": Wrong(
                but_for(OWN_CLASS, LOGITS, f"{LOGITS} - self.last(hidden).mean(dim=1, keepdim=True)"),
                "a mean that is taken off",
            ),
            "divides the logits by a temperature": Wrong(
                but_for(OWN_CLASS, LOGITS, f"{LOGITS} / 0.07"), "they are 14.29 more"
            ),
            "gives logits of float64": Wrong(but_for(OWN_CLASS, LOGITS, f"{LOGITS}.double()"), "torch.float64"),
            "drops without making the others larger": Wrong(
                but_for(BY_HAND_DROPOUT, KEPT, "        return x * kept if self.training else x"),
                "divided by `1 - dropout`",
            ),
            "draws once for all images": Wrong(
                but_for(BY_HAND_DROPOUT, "torch.rand_like(x) >=", "torch.rand(x.shape[1]) >="),
                "the same numbers of all images away at once",
            ),
            "drops twice between the layers": Wrong(
                but_for(HEAD, ACTIVATION, DROPOUT + ACTIVATION), "between the two layers in `train()` mode"
            ),
            "drops twice, before a norm and after it": Wrong(
                but_for(HEAD, DROPOUT, f"{DROPOUT}        nn.LayerNorm(hidden),\n{DROPOUT}"),
                "at work there twice, one after the other",
            ),
            "drops twice before the first layer": Wrong(
                but_for(HEAD, FIRST + ACTIVATION + DROPOUT, DROPOUT + DROPOUT + FIRST + ACTIVATION),
                "before the first layer in `train()` mode",
            ),
            "overwrites the features": Wrong(
                but_for(
                    HEAD,
                    FIRST + ACTIVATION + DROPOUT,
                    f"        nn.Dropout(dropout, inplace=True),\n{FIRST}{ACTIVATION}",
                ),
                "changed `features`",
            ),
            "overwrites what ReLU needs for its gradient": Wrong(
                but_for(HEAD, DROPOUT, "        nn.Dropout(dropout, inplace=True),\n"),
                "`inplace=True` overwrites numbers",
            ),
        },
    ),
    "4.5": Answers(
        right={
            "one test a line, and the model's own mode layer by layer": """
def check_head(model, classes, images):
    def refuse_if(bad, why):
        if bad:
            raise ValueError(why)

    refuse_if(isinstance(classes, bool) or not isinstance(classes, int) or classes <= 0, "classes")
    modes = [(layer, layer.training) for layer in model.modules()]
    with torch.inference_mode():
        logits = model.eval()(1 * images)
    for layer, mode in modes:
        layer.training = mode
    refuse_if(not isinstance(logits, torch.Tensor), "no tensor")
    refuse_if(list(logits.shape) != [len(images), classes], "shape")
    refuse_if(logits.isnan().any() or logits.isinf().any(), "not finite")
    refuse_if(((logits.sum(1) - 1).abs() < 1e-4).all() and logits.min() >= 0, "softmax")
    refuse_if(sum(p.requires_grad for p in model.parameters()) == 0, "frozen")
    return model
""",
            "gives back an object that cannot be shown": """
class Unshown:
    def __repr__(self):
        raise RuntimeError("not yet")

"""
            + CHECK
            + "\n    return Unshown()\n",
        },
        wrong={
            "an error that cannot be read": Wrong(
                """
class NotReady(ValueError):
    def __str__(self):
        return self.reason

"""
                + CHECK.replace("raise ValueError", "raise NotReady"),
                "For `classes=0`, your `ValueError` says nothing",
            ),
            "takes a number just below 0 for a probability": Wrong(
                but_for(CHECK, "(logits >= 0)", "(logits >= -0.5)"), "one of them just below 0"
            ),
            "takes no class for a number of classes": Wrong(
                but_for(CHECK, " or classes < 1", ""), "For logits [5, 0], and `classes=0`"
            ),
            "counts the classes from 0": Wrong(
                but_for(CHECK, "classes < 1", "classes < 0"), "For logits [5, 0], and `classes=0`"
            ),
            "gives back an object that cannot be shown": Wrong(
                """
class Unshown:
    def __repr__(self):
        raise RuntimeError("not yet")

"""
                + but_for(CHECK, 'raise ValueError("some', 'return Unshown() or ("some'),
                "your function gave back `an object of type Unshown`",
            ),
            "lets the network write into the images": Wrong(
                but_for(CHECK, "images.clone()", "images"), "pass it a copy, `images.clone()`"
            ),
            "wants two classes": Wrong(
                but_for(CHECK, "classes < 1", "classes < 2"),
                "For a sound network of one class, and one image, your function refused with",
            ),
            "squeezes the logits": Wrong(
                but_for(
                    CHECK,
                    "    for module, mode",
                    "    logits = logits.squeeze() if isinstance(logits, torch.Tensor) else logits\n"
                    "    for module, mode",
                ),
                "of one class, and one image",
            ),
            "believes True": Wrong(
                but_for(
                    but_for(CHECK, "type(classes) is not int", "not isinstance(classes, int)"),
                    SHAPE,
                    f"classes is not True and {SHAPE}",
                ),
                "For `classes=True`",
            ),
            "looks at the shape only": Wrong(
                but_for(CHECK, f"    if {PROBABILITIES}", "    if False"), "a softmax at its end"
            ),
            "calls rows that sum to 1 probabilities": Wrong(
                but_for(CHECK, "(logits >= 0).all() and torch.allclose", "torch.allclose"), "happen to sum to 1"
            ),
            "calls positive logits probabilities": Wrong(
                but_for(CHECK, PROBABILITIES, "(logits > 0).all()"), "all positive and sum to 7"
            ),
            "refuses a frozen backbone": Wrong(
                but_for(CHECK, FROZEN, "not all(p.requires_grad for p in model.parameters())"), "frozen backbone"
            ),
            "misses infinity": Wrong(
                but_for(CHECK, "not torch.isfinite(logits).all()", "logits.isnan().any()"), "one logit inf"
            ),
            "misses a network that is frozen": Wrong(
                but_for(CHECK, f"    if {FROZEN}", "    if False"), "every parameter frozen"
            ),
            "runs the model in train mode": Wrong(but_for(CHECK, "    model.eval()\n", ""), "running_mean"),
            "raises before it puts the mode back": Wrong(
                """
def check_head(model, classes, images):
    if type(classes) is not int or classes < 1:
        raise ValueError("classes")
    mode = model.training
    model.eval()
    with torch.no_grad():
        logits = model(images.clone())
    if logits.shape != (len(images), classes) or not torch.isfinite(logits).all():
        raise ValueError("logits")
    if (logits >= 0).all() and torch.allclose(logits.sum(dim=1), torch.ones(len(logits))):
        raise ValueError("softmax")
    if not any(p.requires_grad for p in model.parameters()):
        raise ValueError("frozen")
    model.train(mode)
""",
                "put it back",
            ),
            "returns False instead of raising": Wrong(
                """
def check_head(model, classes, images):
    return type(classes) is int and classes > 0
""",
                "raise a `ValueError`",
            ),
            "asserts": Wrong(
                """
def check_head(model, classes, images):
    assert type(classes) is int and classes > 0, "classes"
""",
                "stopped with `AssertionError",
            ),
            "raises without a word": Wrong(
                but_for(CHECK, 'raise ValueError("nothing can learn: the head is frozen")', "raise ValueError"),
                "your `ValueError` says nothing",
            ),
            "takes the second axis for the shape": Wrong(
                but_for(CHECK, SHAPE, "logits.shape[1] != classes"), "logits for each place"
            ),
            "expects a tensor": Wrong(
                but_for(CHECK, "not isinstance(logits, torch.Tensor)", "logits is None"),
                "For a network that gives a dict, your function stopped with `AttributeError",
            ),
            "expects a softmax without zeros": Wrong(
                but_for(CHECK, PROBABILITIES, PROBABILITIES.replace(">=", ">")), "one 1 in each row"
            ),
            "misses minus infinity": Wrong(
                but_for(CHECK, "not torch.isfinite(logits).all()", "logits.isnan().any() or logits.max() == math.inf"),
                "one logit -inf",
            ),
            "takes the first row for all": Wrong(
                but_for(CHECK, PROBABILITIES, "(logits[0] >= 0).all() and torch.isclose(sums[0], torch.tensor(1.0))"),
                "the first row alone looks like probabilities",
            ),
            "looks for a layer of the class Softmax": Wrong(
                but_for(CHECK, PROBABILITIES, "any(isinstance(module, nn.Softmax) for module in model.modules())"),
                "with a softmax before its head",
            ),
            "looks for a layer of the class Softmax at the end": Wrong(
                but_for(CHECK, PROBABILITIES, "isinstance(list(model.modules())[-1], nn.Softmax)"),
                "the function `softmax`",
            ),
            "asks the last parameter alone": Wrong(
                but_for(CHECK, FROZEN, "not list(model.parameters())[-1].requires_grad"),
                "the last bias alone is frozen",
            ),
            "tries whether backward works": Wrong(
                but_for(
                    but_for(CHECK, f"    with torch.no_grad():\n{PASS}", "    logits = model(images)\n"),
                    f"    if {FROZEN}:\n",
                    "    try:\n        logits.sum().backward()\n    except RuntimeError:\n",
                ),
                "left gradients in",
            ),
            "gives all parts the mode of the whole": Wrong(
                but_for(CHECK, "        module.training = mode", "        module.training = modes[model]"),
                "`0.1` came in `eval()` mode",
            ),
            "looks at the last axis alone": Wrong(but_for(CHECK, SHAPE, "logits.shape[-1] != classes"), "[5, 4, 4, 4]"),
            "does not count the rows": Wrong(
                but_for(CHECK, SHAPE, "logits.ndim != 2 or logits.shape[1] != classes"), "one row for all 5 images"
            ),
            "knows dicts only": Wrong(
                but_for(CHECK, "not isinstance(logits, torch.Tensor)", "isinstance(logits, dict)"),
                "gives a tuple, your function stopped with",
            ),
            "compares a text with a number": Wrong(
                but_for(
                    CHECK,
                    "type(classes) is not int or classes < 1",
                    "classes is None or isinstance(classes, bool | float) or classes < 1",
                ),
                "For `classes='4'`, your function stopped with `TypeError",
            ),
            "wants a head that learns": Wrong(
                but_for(CHECK, FROZEN, "not any(p.requires_grad for p in list(model.parameters())[-2:])"),
                "whose head is frozen and whose backbone learns",
            ),
            "sums over all rows": Wrong(
                but_for(CHECK, PROBABILITIES, "(logits >= 0).all() and torch.isclose(sums.mean(), torch.tensor(1.0))"),
                "sum to 0.5, 1.5, 1, 0.5, 1.5",
            ),
            "takes the last row for all": Wrong(
                but_for(CHECK, PROBABILITIES, "(logits >= 0).all() and torch.isclose(sums[-1], torch.tensor(1.0))"),
                "of which the last row alone",
            ),
            "allows a sum of one half": Wrong(
                but_for(CHECK, "torch.ones_like(sums))", "torch.ones_like(sums), atol=0.5)"),
                "sum to 0.5, 1.5, 1, 0.5, 1.5",
            ),
            "asks for numbers from 0 to 1 only": Wrong(
                but_for(CHECK, PROBABILITIES, "((logits >= 0) & (logits <= 1)).all() and logits.any()"),
                "sum to 0.5, 1.5, 1, 0.5, 1.5",
            ),
            "tries black images": Wrong(
                but_for(CHECK, PASS, "        logits = model(images.zero_())\n"), "changed `images`"
            ),
            "asks for gradients of the images": Wrong(
                but_for(CHECK, PASS, "        logits = model(images.requires_grad_())\n"), "changed `images`"
            ),
            "leaves a hook on the head": Wrong(
                but_for(
                    CHECK,
                    "    model.eval()\n",
                    "    seen = []\n    for layer in model.modules():\n"
                    "        layer.register_forward_hook(lambda *one: seen.append(one))\n    model.eval()\n",
                ),
                "Hooks of yours are still on",
            ),
            "takes gradients away that were there": Wrong(
                but_for(CHECK, "    model.eval()", "    model.eval().zero_grad()"), "came with a gradient"
            ),
            "puts back BatchNorm's mode only": Wrong(
                but_for(
                    CHECK,
                    "        module.training = mode",
                    "        module.training = mode if isinstance(module, nn.BatchNorm2d) else modes[model]",
                ),
                "`3` came in `train()` mode",
            ),
        },
    ),
}
