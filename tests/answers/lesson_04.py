"""Right and wrong answers to lesson 04."""

from tests.answers import Answers, Wrong

_SOUND_CHECK = """
def check_head(model, classes, images):
    if type(classes) is not int or classes < 1:
        raise ValueError("classes")
    modes = {module: module.training for module in model.modules()}
    model.eval()
    with torch.no_grad():
        logits = model(images)
    for module, mode in modes.items():
        module.training = mode
    if not isinstance(logits, torch.Tensor):
        raise ValueError("no tensor")
    if logits.shape != (len(images), classes):
        raise ValueError("shape")
    if not torch.isfinite(logits).all():
        raise ValueError("not finite")
    sums = logits.sum(dim=1)
    if (logits >= 0).all() and torch.allclose(sums, torch.ones_like(sums)):
        raise ValueError("probabilities")
    if not any(p.requires_grad for p in model.parameters()):
        raise ValueError("frozen")
"""


def _check_head(line: str, wrong: str) -> str:
    """A sound answer to 4.5 but for one line."""
    assert _SOUND_CHECK.count(line) == 1
    return _SOUND_CHECK.replace(line, wrong)


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
            "by path": """
def new_head(model, classes):
    name = [name for name, layer in model.named_modules() if isinstance(layer, nn.Linear)][-1]
    model.set_submodule(name, nn.Linear(model.get_submodule(name).in_features, classes))
""",
            "zeros, as ViT begins": """
def new_head(model, classes):
    name = [name for name, layer in model.named_modules() if isinstance(layer, nn.Linear)][-1]
    new = nn.Linear(model.get_submodule(name).in_features, classes)
    nn.init.zeros_(new.weight)
    nn.init.zeros_(new.bias)
    model.set_submodule(name, new)
""",
        },
        wrong={
            "replaces the whole classifier": Wrong(
                """
def new_head(model, classes):
    if hasattr(model, "fc"):
        model.fc = nn.Linear(model.fc.in_features, classes)
    elif hasattr(model, "heads"):
        model.heads.head = nn.Linear(model.heads.head.in_features, classes)
    else:
        model.classifier = nn.Linear(model.classifier[-1].in_features, classes)
""",
                "a dropout is gone",
            ),
            "makes a Flatten of its own for ConvNeXt": Wrong(
                """
def new_head(model, classes):
    if hasattr(model, "fc"):
        model.fc = nn.Linear(model.fc.in_features, classes)
    elif hasattr(model, "heads"):
        model.heads.head = nn.Linear(model.heads.head.in_features, classes)
    elif len(model.classifier) == 2:
        model.classifier[1] = nn.Linear(model.classifier[1].in_features, classes)
    else:
        model.classifier = nn.Sequential(nn.Flatten(), nn.Linear(model.classifier[2].in_features, classes))
""",
                "`classifier.0.bias` went too",
            ),
            "leaves ConvNeXt without its Flatten": Wrong(
                """
def new_head(model, classes):
    if hasattr(model, "fc"):
        model.fc = nn.Linear(model.fc.in_features, classes)
    elif hasattr(model, "heads"):
        model.heads.head = nn.Linear(model.heads.head.in_features, classes)
    elif len(model.classifier) == 2:
        model.classifier[1] = nn.Linear(model.classifier[1].in_features, classes)
    else:
        model.classifier = nn.Linear(model.classifier[2].in_features, classes)
""",
                "no longer takes a picture",
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
            "calls every head fc": Wrong(
                """
def new_head(model, classes):
    width = [layer for layer in model.modules() if isinstance(layer, nn.Linear)][-1].in_features
    model.fc = nn.Linear(width, classes)
""",
                "The old head is still at work",
            ),
            "changes a copy": Wrong(
                """
def new_head(model, classes):
    import copy
    model = copy.deepcopy(model)
    name = [name for name, layer in model.named_modules() if isinstance(layer, nn.Linear)][-1]
    model.set_submodule(name, nn.Linear(model.get_submodule(name).in_features, classes))
    return model
""",
                "change the model that you were given",
            ),
            "adds a layer behind the old head": Wrong(
                """
def new_head(model, classes):
    name = [name for name, layer in model.named_modules() if isinstance(layer, nn.Linear)][-1]
    old = model.get_submodule(name)
    model.set_submodule(name, nn.Sequential(old, nn.Linear(old.out_features, classes)))
""",
                "what goes into the last layer is not what went into it before",
            ),
            "freezes everything afterwards": Wrong(
                """
def new_head(model, classes):
    name = [name for name, layer in model.named_modules() if isinstance(layer, nn.Linear)][-1]
    model.set_submodule(name, nn.Linear(model.get_submodule(name).in_features, classes))
    model.requires_grad_(False)
""",
                "leave all flags alone",
            ),
            "freezes its new layer": Wrong(
                """
def new_head(model, classes):
    name = [name for name, layer in model.named_modules() if isinstance(layer, nn.Linear)][-1]
    model.set_submodule(name, nn.Linear(model.get_submodule(name).in_features, classes).requires_grad_(False))
""",
                "it cannot learn",
            ),
            "makes ConvNeXt's classifier anew, with a fresh norm": Wrong(
                """
def new_head(model, classes):
    from functools import partial
    from torchvision.models.convnext import LayerNorm2d
    if hasattr(model, "fc"):
        model.fc = nn.Linear(model.fc.in_features, classes)
    elif hasattr(model, "heads"):
        model.heads.head = nn.Linear(model.heads.head.in_features, classes)
    elif len(model.classifier) == 2:
        model.classifier[1] = nn.Linear(model.classifier[1].in_features, classes)
    else:
        width = model.classifier[2].in_features
        model.classifier = nn.Sequential(LayerNorm2d(width, eps=1e-6), nn.Flatten(), nn.Linear(width, classes))
""",
                "`classifier.0.bias` has other numbers than before",
            ),
            "types the dropout of another EfficientNet": Wrong(
                """
def new_head(model, classes):
    if hasattr(model, "classifier") and len(model.classifier) == 2:
        model.classifier = nn.Sequential(nn.Dropout(0.2), nn.Linear(model.classifier[1].in_features, classes))
        return
    name = [name for name, layer in model.named_modules() if isinstance(layer, nn.Linear)][-1]
    model.set_submodule(name, nn.Linear(model.get_submodule(name).in_features, classes))
""",
                "has another rate",
            ),
            "adds a dropout": Wrong(
                """
def new_head(model, classes):
    name = [name for name, layer in model.named_modules() if isinstance(layer, nn.Linear)][-1]
    width = model.get_submodule(name).in_features
    model.set_submodule(name, nn.Sequential(nn.Dropout(0.5), nn.Linear(width, classes)))
""",
                "or was added",
            ),
            "leaves the model in train mode": Wrong(
                """
def new_head(model, classes):
    name = [name for name, layer in model.named_modules() if isinstance(layer, nn.Linear)][-1]
    width = model.get_submodule(name).in_features
    model.set_submodule(name, nn.Linear(width, classes))
    model.train()
""",
                "came in `eval()` mode and was left in another",
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
                """
def new_head(model, classes):
    name = [name for name, layer in model.named_modules() if isinstance(layer, nn.Linear)][-1]
    width = model.get_submodule(name).in_features
    model.set_submodule(name, nn.Sequential(nn.Linear(width, classes), nn.Softmax(dim=1)))
""",
                "without a softmax",
            ),
            "drops the logits": Wrong(
                """
def new_head(model, classes):
    name = [name for name, layer in model.named_modules() if isinstance(layer, nn.Linear)][-1]
    width = model.get_submodule(name).in_features
    model.set_submodule(name, nn.Sequential(nn.Linear(width, classes), nn.Dropout(0.5)))
""",
                "without dropout",
            ),
            "freezes the backbone": Wrong(
                """
def new_head(model, classes):
    model.requires_grad_(False)
    name = [name for name, layer in model.named_modules() if isinstance(layer, nn.Linear)][-1]
    width = model.get_submodule(name).in_features
    model.set_submodule(name, nn.Linear(width, classes))
""",
                "leave all flags alone",
            ),
            "puts the head under every name": Wrong(
                """
def new_head(model, classes):
    name = [name for name, layer in model.named_modules() if isinstance(layer, nn.Linear)][-1]
    width = model.get_submodule(name).in_features
    model.set_submodule(name, nn.Linear(width, classes))
    if not hasattr(model, "fc"):
        model.fc = nn.Linear(width, classes)
""",
                "now has `fc.weight`",
            ),
            "makes a linear layer that ends with softmax": Wrong(
                """
class Probabilities(nn.Linear):
    def forward(self, features):
        return super().forward(features).softmax(dim=1)


def new_head(model, classes):
    name = [name for name, layer in model.named_modules() if isinstance(layer, nn.Linear)][-1]
    model.set_submodule(name, Probabilities(model.get_submodule(name).in_features, classes))
""",
                "without a softmax",
            ),
            "tries the new head in train mode": Wrong(
                """
def new_head(model, classes):
    name = [name for name, layer in model.named_modules() if isinstance(layer, nn.Linear)][-1]
    model.set_submodule(name, nn.Linear(model.get_submodule(name).in_features, classes))
    with torch.no_grad():
        model.train()(torch.randn(2, 3, 32, 32))
    model.eval()
""",
                "Switch to `eval()` for it",
            ),
            "leaves the model in eval mode": Wrong(
                """
def new_head(model, classes):
    name = [name for name, layer in model.named_modules() if isinstance(layer, nn.Linear)][-1]
    model.set_submodule(name, nn.Linear(model.get_submodule(name).in_features, classes))
    model.eval()
""",
                "came in `train()` mode and was left in another",
            ),
            "makes its layer in inference mode": Wrong(
                """
@torch.inference_mode()
def new_head(model, classes):
    name = [name for name, layer in model.named_modules() if isinstance(layer, nn.Linear)][-1]
    model.set_submodule(name, nn.Linear(model.get_submodule(name).in_features, classes))
""",
                "was made in `inference_mode`",
            ),
            "takes nn.Dropout's own rate": Wrong(
                """
def new_head(model, classes):
    if hasattr(model, "classifier") and len(model.classifier) == 2:
        model.classifier = nn.Sequential(nn.Dropout(), nn.Linear(model.classifier[1].in_features, classes))
        return
    name = [name for name, layer in model.named_modules() if isinstance(layer, nn.Linear)][-1]
    model.set_submodule(name, nn.Linear(model.get_submodule(name).in_features, classes))
""",
                "has another rate",
            ),
            "keeps a head that fits": Wrong(
                """
def new_head(model, classes):
    name = [name for name, layer in model.named_modules() if isinstance(layer, nn.Linear)][-1]
    old = model.get_submodule(name)
    if old.out_features == classes:
        return
    model.set_submodule(name, nn.Linear(old.in_features, classes))
""",
                "the old layer still gives the logits",
            ),
            "copies the first rows of the old head": Wrong(
                """
def new_head(model, classes):
    name = [name for name, layer in model.named_modules() if isinstance(layer, nn.Linear)][-1]
    old = model.get_submodule(name)
    new = nn.Linear(old.in_features, classes)
    new.weight.data = old.weight.data[:classes].clone()
    model.set_submodule(name, new)
""",
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
        def hook(layer, inputs):
            worked.pop(name, None)
            worked[name] = layer
        return hook

    for name, layer in model.named_modules():
        if type(layer) is nn.Linear:
            handles.append(layer.register_forward_pre_hook(hook_for(name)))
    modes = [(module, module.training) for module in model.modules()]
    try:
        with torch.inference_mode():
            model.eval()(image)
    finally:
        for module, mode in modes:
            module.training = mode
        for handle in handles:
            handle.remove()
    return list(worked)[-1]
""",
            "looks the layer up afterwards": """
def find_classifier(model, image):
    last = []
    hook = lambda layer, inputs, output: last.append(layer)
    handles = [layer.register_forward_hook(hook) for layer in model.modules() if isinstance(layer, nn.Linear)]
    in_training = {layer for layer in model.modules() if layer.training}
    model.eval()
    with torch.no_grad():
        model(image)
    [handle.remove() for handle in handles]
    for layer in in_training:
        layer.training = True
    return next(name for name, layer in model.named_modules() if layer is last[-1])
""",
            "wraps forward and gives it back": """
def find_classifier(model, image):
    worked, wrapped = [], {}
    modes = {module: module.training for module in model.modules()}

    def watched(name, forward):
        def wrapper(inputs):
            worked.append(name)
            return forward(inputs)
        return wrapper

    for name, layer in model.named_modules():
        if isinstance(layer, nn.Linear):
            wrapped[layer] = layer.forward
            layer.forward = watched(name, layer.forward)
    model.eval()
    with torch.no_grad():
        model(image)
    for module, mode in modes.items():
        module.training = mode
    for layer, forward in wrapped.items():
        layer.forward = forward
    return worked[-1]
""",
            "one hook for all modules, taken off again": """
def find_classifier(model, image):
    names = {layer: name for name, layer in model.named_modules()}
    modes = {module: module.training for module in model.modules()}
    worked = []
    handle = nn.modules.module.register_module_forward_hook(
        lambda layer, inputs, output: worked.append(layer) if isinstance(layer, nn.Linear) else None
    )
    with torch.no_grad():
        model.eval()(image)
    handle.remove()
    for module, mode in modes.items():
        module.training = mode
    return names[worked[-1]]
""",
            "watches a copy": """
def find_classifier(model, image):
    import copy
    twin, worked = copy.deepcopy(model).eval(), []
    for name, layer in twin.named_modules():
        if isinstance(layer, nn.Linear):
            layer.register_forward_hook(lambda *_, name=name: worked.append(name))
    with torch.no_grad():
        twin(image)
    return worked[-1]
""",
        },
        wrong={
            "takes the last one declared": Wrong(
                """
def find_classifier(model, image):
    return [name for name, layer in model.named_modules() if isinstance(layer, nn.Linear)][-1]
""",
                "watch which layer works last",
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
                """
def find_classifier(model, image):
    worked = []
    for name, layer in model.named_modules():
        if isinstance(layer, nn.Linear):
            layer.register_forward_hook(lambda layer, inputs, output, name=name: worked.append(name))
    mode = model.training
    model.eval()
    with torch.no_grad():
        model(image)
    model.train(mode)
    return worked[-1]
""",
                "hooks are still on the network",
            ),
            "forgets name=name": Wrong(
                """
def find_classifier(model, image):
    worked, handles = [], []
    for name, layer in model.named_modules():
        if isinstance(layer, nn.Linear):
            handles.append(layer.register_forward_hook(lambda layer, inputs, output: worked.append(name)))
    mode = model.training
    model.eval()
    with torch.no_grad():
        model(image)
    model.train(mode)
    for handle in handles:
        handle.remove()
    return worked[-1]
""",
                "you say `4`",
            ),
            "runs the model as it came": Wrong(
                """
def find_classifier(model, image):
    worked = []
    handles = [
        layer.register_forward_hook(lambda layer, inputs, output, name=name: worked.append(name))
        for name, layer in model.named_modules() if isinstance(layer, nn.Linear)
    ]
    with torch.no_grad():
        model(image)
    for handle in handles:
        handle.remove()
    return worked[-1]
""",
                "running_mean",
            ),
            "leaves the model in eval mode": Wrong(
                """
def find_classifier(model, image):
    worked = []
    handles = [
        layer.register_forward_hook(lambda layer, inputs, output, name=name: worked.append(name))
        for name, layer in model.named_modules() if isinstance(layer, nn.Linear)
    ]
    model.eval()
    with torch.no_grad():
        model(image)
    for handle in handles:
        handle.remove()
    return worked[-1]
""",
                "came in `train()` mode and was left in another",
            ),
            "looks at the outermost layers only": Wrong(
                """
def find_classifier(model, image):
    worked = []
    handles = [
        layer.register_forward_hook(lambda layer, inputs, output, name=name: worked.append(name))
        for name, layer in model.named_children() if isinstance(layer, nn.Linear)
    ]
    mode = model.training
    model.eval()
    with torch.no_grad():
        model(image)
    model.train(mode)
    for handle in handles:
        handle.remove()
    return worked[-1] if worked else "tail"
""",
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
                """
def find_classifier(model, image):
    worked = []
    handles = [
        layer.register_forward_hook(lambda layer, inputs, output, name=name: worked.append(name))
        for name, layer in model.named_modules() if isinstance(layer, nn.Linear)
    ]
    was_training = model.training
    model.eval()
    with torch.no_grad():
        model(image)
    model.train(was_training)
    for handle in handles:
        handle.remove()
    return worked[-1]
""",
                "`stem.1` came in `eval()` mode",
            ),
            "freezes the model and leaves it so": Wrong(
                """
def find_classifier(model, image):
    worked = []
    handles = [
        layer.register_forward_hook(lambda layer, inputs, output, name=name: worked.append(name))
        for name, layer in model.named_modules() if isinstance(layer, nn.Linear)
    ]
    modes = {module: module.training for module in model.modules()}
    model.eval()
    freeze(model)
    with torch.no_grad():
        model(image)
    for module, mode in modes.items():
        module.training = mode
    for handle in handles:
        handle.remove()
    return worked[-1]
""",
                "leave all flags alone",
            ),
            "leaves gradients behind": Wrong(
                """
def find_classifier(model, image):
    worked = []
    handles = [
        layer.register_forward_hook(lambda layer, inputs, output, name=name: worked.append(name))
        for name, layer in model.named_modules() if isinstance(layer, nn.Linear)
    ]
    modes = {module: module.training for module in model.modules()}
    model.eval()
    model(image).sum().backward()
    for module, mode in modes.items():
        module.training = mode
    for handle in handles:
        handle.remove()
    return worked[-1]
""",
                "left gradients in",
            ),
            "wraps forward and leaves it so": Wrong(
                """
def find_classifier(model, image):
    worked = []
    modes = {module: module.training for module in model.modules()}

    def watched(name, forward):
        def wrapper(inputs):
            worked.append(name)
            return forward(inputs)
        return wrapper

    for name, layer in model.named_modules():
        if isinstance(layer, nn.Linear):
            layer.forward = watched(name, layer.forward)
    model.eval()
    with torch.no_grad():
        model(image)
    for module, mode in modes.items():
        module.training = mode
    return worked[-1]
""",
                "has a `forward` of yours",
            ),
            "turns gradients off for good": Wrong(
                """
def find_classifier(model, image):
    worked = []
    handles = [
        layer.register_forward_hook(lambda layer, inputs, output, name=name: worked.append(name))
        for name, layer in model.named_modules() if isinstance(layer, nn.Linear)
    ]
    modes = {module: module.training for module in model.modules()}
    model.eval()
    torch.set_grad_enabled(False)
    model(image)
    for module, mode in modes.items():
        module.training = mode
    for handle in handles:
        handle.remove()
    return worked[-1]
""",
                "turned gradients off",
            ),
            "puts back BatchNorm's mode only": Wrong(
                """
def find_classifier(model, image):
    worked = []
    handles = [
        layer.register_forward_hook(lambda layer, inputs, output, name=name: worked.append(name))
        for name, layer in model.named_modules() if isinstance(layer, nn.Linear)
    ]
    was_training = model.training
    resting = [m for m in model.modules() if isinstance(m, nn.BatchNorm2d) and not m.training]
    model.eval()
    with torch.no_grad():
        model(image)
    model.train(was_training)
    for norm in resting:
        norm.eval()
    for handle in handles:
        handle.remove()
    return worked[-1]
""",
                "`tail.drop` came in `train()` mode",
            ),
            "freezes the model and unfreezes all of it": Wrong(
                """
def find_classifier(model, image):
    worked = []
    handles = [
        layer.register_forward_hook(lambda layer, inputs, output, name=name: worked.append(name))
        for name, layer in model.named_modules() if isinstance(layer, nn.Linear)
    ]
    modes = {module: module.training for module in model.modules()}
    freeze(model)
    model(image)
    model.requires_grad_(True)
    for module, mode in modes.items():
        module.training = mode
    for handle in handles:
        handle.remove()
    return worked[-1]
""",
                "leave all flags alone",
            ),
            "leaves its backward hooks on": Wrong(
                """
def find_classifier(model, image):
    worked = []
    for name, layer in model.named_modules():
        if isinstance(layer, nn.Linear):
            layer.register_full_backward_hook(lambda layer, taken, given, name=name: worked.append(name))
    modes = {module: module.training for module in model.modules()}
    image = image.clone().requires_grad_()
    torch.autograd.grad(model.eval()(image).sum(), image)
    for module, mode in modes.items():
        module.training = mode
    return worked[0]
""",
                "hooks are still on the network",
            ),
            "leaves a hook for all modules": Wrong(
                """
def find_classifier(model, image):
    names = {layer: name for name, layer in model.named_modules()}
    modes = {module: module.training for module in model.modules()}
    worked = []
    nn.modules.module.register_module_forward_hook(
        lambda layer, inputs, output: worked.append(layer) if isinstance(layer, nn.Linear) else None
    )
    with torch.no_grad():
        model.eval()(image)
    for module, mode in modes.items():
        module.training = mode
    return names[worked[-1]]
""",
                "for all modules of all networks",
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
                """
def find_classifier(model, image):
    worked = []
    handles = [
        layer.register_forward_hook(lambda layer, inputs, output, name=name: worked.append(name))
        for name, layer in model.named_modules() if isinstance(layer, nn.Linear)
    ]
    modes = {module: module.training for module in model.modules()}
    model.eval()
    model(image).sum().backward()
    model.zero_grad()
    for module, mode in modes.items():
        module.training = mode
    for handle in handles:
        handle.remove()
    return worked[-1]
""",
                "came with a gradient",
            ),
            "takes whatever layer works last": Wrong(
                """
def find_classifier(model, image):
    worked = []
    handles = [
        layer.register_forward_hook(lambda layer, inputs, output, name=name: worked.append(name))
        for name, layer in model.named_modules() if not list(layer.children())
    ]
    modes = {module: module.training for module in model.modules()}
    model.eval()
    with torch.no_grad():
        model(image)
    for module, mode in modes.items():
        module.training = mode
    for handle in handles:
        handle.remove()
    return worked[-1]
""",
                "which is a `Dropout` and no `nn.Linear`",
            ),
            "gives the last part of the path": Wrong(
                """
def find_classifier(model, image):
    worked = []
    handles = [
        layer.register_forward_hook(lambda layer, inputs, output, name=name: worked.append(name))
        for name, layer in model.named_modules() if isinstance(layer, nn.Linear)
    ]
    modes = {module: module.training for module in model.modules()}
    model.eval()
    with torch.no_grad():
        model(image)
    for module, mode in modes.items():
        module.training = mode
    for handle in handles:
        handle.remove()
    return worked[-1].split(".")[-1]
""",
                "`out`, which is the name of no part",
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
            "hooks of its own": """
def replace_any(model, classes, image):
    worked, modes = [], {layer: layer.training for layer in model.modules()}
    handles = [
        layer.register_forward_hook(lambda layer, inputs, output, name=name: worked.append(name))
        for name, layer in model.named_modules() if isinstance(layer, nn.Linear)
    ]
    with torch.no_grad():
        model.eval()(image)
    for handle in handles:
        handle.remove()
    for layer, mode in modes.items():
        layer.training = mode
    old = model.get_submodule(worked[-1])
    model.set_submodule(worked[-1], nn.Linear(old.in_features, classes).to(old.weight))
""",
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
                """
def replace_any(model, classes, image):
    name = [name for name, layer in model.named_modules() if isinstance(layer, nn.Linear)][-1]
    old = model.get_submodule(name)
    model.set_submodule(name, nn.Linear(old.in_features, classes).to(old.weight))
""",
                "no longer takes a picture",
            ),
            "sets an attribute of the whole path": Wrong(
                """
def replace_any(model, classes, image):
    name = find_head(model, image).name
    old = model.get_submodule(name)
    setattr(model, name.replace(".", "_"), nn.Linear(old.in_features, classes).to(old.weight))
""",
                "not [5, 4]",
            ),
            "keeps float32": Wrong(
                """
def replace_any(model, classes, image):
    name = find_head(model, image).name
    model.set_submodule(name, nn.Linear(model.get_submodule(name).in_features, classes))
""",
                "computes in float64",
            ),
            "replaces every layer that has as many outputs": Wrong(
                """
def replace_any(model, classes, image):
    wide = find_head(model, image).classes
    for name, layer in list(model.named_modules()):
        if isinstance(layer, nn.Linear) and layer.out_features == wide:
            model.set_submodule(name, nn.Linear(layer.in_features, classes).to(layer.weight))
""",
                "no longer takes a picture",
            ),
            "freezes the rest as well": Wrong(
                """
def replace_any(model, classes, image):
    name = find_head(model, image).name
    old = model.get_submodule(name)
    model.requires_grad_(False)
    model.set_submodule(name, nn.Linear(old.in_features, classes).to(old.weight))
""",
                "leave all flags alone",
            ),
            "copies the old flag": Wrong(
                """
def replace_any(model, classes, image):
    name = find_head(model, image).name
    old = model.get_submodule(name)
    new = nn.Linear(old.in_features, classes).to(old.weight)
    model.set_submodule(name, new.requires_grad_(old.weight.requires_grad))
""",
                "new parameters must be trainable",
            ),
            "puts a layer behind the old one": Wrong(
                """
def replace_any(model, classes, image):
    name = find_head(model, image).name
    old = model.get_submodule(name)
    model.set_submodule(name, nn.Sequential(old, nn.Linear(old.out_features, classes).to(old.weight)))
""",
                "what goes into the last layer is not what went into it before",
            ),
            "leaves the model in eval mode": Wrong(
                """
def replace_any(model, classes, image):
    name = find_head(model.eval(), image).name
    old = model.get_submodule(name)
    model.set_submodule(name, nn.Linear(old.in_features, classes).to(old.weight))
""",
                "put it back",
            ),
            "tries the new head in train mode": Wrong(
                """
def replace_any(model, classes, image):
    name = find_head(model, image).name
    old = model.get_submodule(name)
    model.set_submodule(name, nn.Linear(old.in_features, classes).to(old.weight))
    mode = model.training
    model.train()
    with torch.no_grad():
        model(image)
    model.train(mode)
""",
                "running_mean",
            ),
            "ends with a softmax": Wrong(
                """
def replace_any(model, classes, image):
    name = find_head(model, image).name
    old = model.get_submodule(name)
    new = nn.Linear(old.in_features, classes).to(old.weight)
    model.set_submodule(name, nn.Sequential(new, nn.Softmax(dim=1)))
""",
                "without a softmax",
            ),
            "adds a dropout": Wrong(
                """
def replace_any(model, classes, image):
    name = find_head(model, image).name
    old = model.get_submodule(name)
    new = nn.Linear(old.in_features, classes).to(old.weight)
    model.set_submodule(name, nn.Sequential(nn.Dropout(0.2), new))
""",
                "or was added",
            ),
            "keeps the type and forgets the device": Wrong(
                """
def replace_any(model, classes, image):
    name = find_head(model, image).name
    old = model.get_submodule(name)
    model.set_submodule(name, nn.Linear(old.in_features, classes, dtype=old.weight.dtype))
""",
                "float32 on meta",
            ),
            "asks the image for type and device": Wrong(
                """
def replace_any(model, classes, image):
    name = find_head(model, image).name
    old = model.get_submodule(name)
    model.set_submodule(name, nn.Linear(old.in_features, classes).to(image))
""",
                "others than those of the image",
            ),
            "gives all parts the mode of the whole": Wrong(
                """
def replace_any(model, classes, image):
    was_training = model.training
    name = find_head(model.eval(), image).name
    old = model.get_submodule(name)
    model.set_submodule(name, nn.Linear(old.in_features, classes).to(old.weight))
    model.train(was_training)
""",
                "`stem.1` came in `eval()` mode",
            ),
            "asks the first parameter for type and device": Wrong(
                """
def replace_any(model, classes, image):
    name = find_head(model, image).name
    old = model.get_submodule(name)
    new = nn.Linear(old.in_features, classes).to(next(model.parameters()))
    model.set_submodule(name, new)
""",
                "your new layer in float32 on cpu",
            ),
            "asks the image for the device alone": Wrong(
                """
def replace_any(model, classes, image):
    name = find_head(model, image).name
    old = model.get_submodule(name)
    new = nn.Linear(old.in_features, classes, device=image.device, dtype=old.weight.dtype)
    model.set_submodule(name, new)
""",
                "computes in float64 on meta",
            ),
            "does nothing on meta": Wrong(
                """
def replace_any(model, classes, image):
    if image.is_meta:
        return
    name = find_head(model, image).name
    old = model.get_submodule(name)
    model.set_submodule(name, nn.Linear(old.in_features, classes).to(old.weight))
""",
                "on `meta`, with an image on `meta`, your function put no new layer in",
            ),
            "compares numbers to find the head": Wrong(
                """
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
    name = [name for name, output in seen if output.shape == logits.shape and torch.equal(output, logits)][-1]
    old = model.get_submodule(name)
    model.set_submodule(name, nn.Linear(old.in_features, classes).to(old.weight))
""",
                "There are shapes there and no numbers",
            ),
            "makes its layer in inference mode": Wrong(
                """
@torch.inference_mode()
def replace_any(model, classes, image):
    name = find_head(model, image).name
    old = model.get_submodule(name)
    model.set_submodule(name, nn.Linear(old.in_features, classes).to(old.weight))
""",
                "was made in `inference_mode`",
            ),
            "keeps a head that fits": Wrong(
                """
def replace_any(model, classes, image):
    name = find_head(model, image).name
    old = model.get_submodule(name)
    if old.out_features != classes:
        model.set_submodule(name, nn.Linear(old.in_features, classes).to(old.weight))
""",
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
                """
def replace_any(model, classes, image):
    import copy
    model = copy.deepcopy(model)
    name = find_head(model, image).name
    old = model.get_submodule(name)
    model.set_submodule(name, nn.Linear(old.in_features, classes).to(old.weight))
    return model
""",
                "change the model that you were given",
            ),
            "gives setattr a path": Wrong(
                """
def replace_any(model, classes, image):
    name = find_head(model, image).name
    old = model.get_submodule(name)
    setattr(model, name, nn.Linear(old.in_features, classes).to(old.weight))
""",
                "`setattr` takes no path",
            ),
            "moves the model to the image": Wrong(
                """
def replace_any(model, classes, image):
    model.to(image)
    name = find_head(model, image).name
    old = model.get_submodule(name)
    model.set_submodule(name, nn.Linear(old.in_features, classes).to(old.weight))
""",
                "The old head computes in float64 on cpu",
            ),
            "makes the rest float32": Wrong(
                """
def replace_any(model, classes, image):
    name = find_head(model, image).name
    old = model.get_submodule(name)
    new = nn.Linear(old.in_features, classes).to(old.weight)
    model.set_submodule(name, nn.Identity())
    model.float()
    model.set_submodule(name, new)
""",
                "no longer takes a picture",
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
            "lazy layers": """
def two_layers(width, classes, hidden, dropout):
    return nn.Sequential(
        nn.LazyLinear(hidden),
        nn.ReLU(),
        nn.Dropout(dropout),
        nn.LazyLinear(classes),
    )
""",
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
            "sigmoid without a bias": """
def two_layers(width, classes, hidden, dropout):
    return nn.Sequential(
        nn.Linear(width, hidden, bias=False),
        nn.Sigmoid(),
        nn.Dropout(dropout),
        nn.Linear(hidden, classes),
    )
""",
            "a LayerNorm after the bend": """
def two_layers(width, classes, hidden, dropout):
    return nn.Sequential(
        nn.Linear(width, hidden),
        nn.GELU(),
        nn.LayerNorm(hidden),
        nn.Dropout(dropout),
        nn.Linear(hidden, classes),
    )
""",
            "dropout only where there is some": """
def two_layers(width, classes, hidden, dropout):
    return nn.Sequential(
        nn.Linear(width, hidden),
        nn.SiLU(),
        *([nn.Dropout(dropout)] if dropout else []),
        nn.Linear(hidden, classes),
    )
""",
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
            "dropout by hand": """
class Drop(nn.Module):
    def __init__(self, rate):
        super().__init__()
        self.rate = rate

    def forward(self, x):
        if not self.training or self.rate == 0:
            return x
        return x * (torch.rand_like(x) >= self.rate) / (1 - self.rate)


def two_layers(width, classes, hidden, dropout):
    return nn.Sequential(
        nn.Linear(width, hidden),
        nn.ReLU(),
        Drop(dropout),
        nn.Linear(hidden, classes),
    )
""",
            "dropout by hand, the other way round": """
class Drop(nn.Module):
    def __init__(self, rate):
        super().__init__()
        self.rate = rate

    def forward(self, x):
        return x * (torch.rand_like(x) >= self.rate) if self.training else x * (1 - self.rate)


def two_layers(width, classes, hidden, dropout):
    return nn.Sequential(
        nn.Linear(width, hidden),
        nn.ReLU(),
        Drop(dropout),
        nn.Linear(hidden, classes),
    )
""",
            "SELU and its own dropout": """
def two_layers(width, classes, hidden, dropout):
    return nn.Sequential(
        nn.Linear(width, hidden),
        nn.SELU(),
        nn.AlphaDropout(dropout),
        nn.Linear(hidden, classes),
    )
""",
            "dropout before the bend": """
def two_layers(width, classes, hidden, dropout):
    return nn.Sequential(
        nn.Linear(width, hidden),
        nn.Dropout(dropout),
        nn.GELU(),
        nn.Linear(hidden, classes),
    )
""",
            "dropout on both sides, and a LayerNorm after the second": """
def two_layers(width, classes, hidden, dropout):
    return nn.Sequential(
        nn.Dropout(dropout),
        nn.Linear(width, hidden),
        nn.GELU(),
        nn.Dropout(dropout),
        nn.LayerNorm(hidden),
        nn.Linear(hidden, classes),
    )
""",
            "a LayerNorm after dropout": """
def two_layers(width, classes, hidden, dropout):
    return nn.Sequential(
        nn.Linear(width, hidden),
        nn.Tanh(),
        nn.Dropout(dropout),
        nn.LayerNorm(hidden),
        nn.Linear(hidden, classes),
    )
""",
            "no bias at the end": """
def two_layers(width, classes, hidden, dropout):
    return nn.Sequential(
        nn.Linear(width, hidden),
        nn.ReLU(),
        nn.Dropout(dropout),
        nn.Linear(hidden, classes, bias=False),
    )
""",
        },
        wrong={
            "forgets the bend": Wrong(
                """
def two_layers(width, classes, hidden, dropout):
    return nn.Sequential(nn.Linear(width, hidden), nn.Dropout(dropout), nn.Linear(hidden, classes))
""",
                "one linear layer in disguise",
            ),
            "ends with a softmax": Wrong(
                """
def two_layers(width, classes, hidden, dropout):
    return nn.Sequential(
        nn.Linear(width, hidden), nn.ReLU(), nn.Dropout(dropout), nn.Linear(hidden, classes), nn.Softmax(dim=1)
    )
""",
                "softmax at the end",
            ),
            "ends with a log-softmax": Wrong(
                """
def two_layers(width, classes, hidden, dropout):
    return nn.Sequential(
        nn.Linear(width, hidden), nn.ReLU(), nn.Dropout(dropout), nn.Linear(hidden, classes), nn.LogSoftmax(dim=1)
    )
""",
                "log_softmax at the end",
            ),
            "ends with a ReLU": Wrong(
                """
def two_layers(width, classes, hidden, dropout):
    return nn.Sequential(
        nn.Linear(width, hidden), nn.ReLU(), nn.Dropout(dropout), nn.Linear(hidden, classes), nn.ReLU()
    )
""",
                "logits have one sign",
            ),
            "drops the logits": Wrong(
                """
def two_layers(width, classes, hidden, dropout):
    return nn.Sequential(nn.Linear(width, hidden), nn.ReLU(), nn.Linear(hidden, classes), nn.Dropout(dropout))
""",
                "drops whole answers",
            ),
            "leaves dropout out": Wrong(
                """
def two_layers(width, classes, hidden, dropout):
    return nn.Sequential(nn.Linear(width, hidden), nn.ReLU(), nn.Linear(hidden, classes))
""",
                "no dropout is at work",
            ),
            "drops in eval mode as well": Wrong(
                """
class TwoLayers(nn.Module):
    def __init__(self, width, classes, hidden, dropout):
        super().__init__()
        self.first, self.last, self.rate = nn.Linear(width, hidden), nn.Linear(hidden, classes), dropout

    def forward(self, features):
        return self.last(nn.functional.dropout(self.first(features).relu(), self.rate))


def two_layers(width, classes, hidden, dropout):
    return TwoLayers(width, classes, hidden, dropout)
""",
                "`nn.functional.dropout` needs",
            ),
            "always drops one half": Wrong(
                """
def two_layers(width, classes, hidden, dropout):
    return nn.Sequential(nn.Linear(width, hidden), nn.ReLU(), nn.Dropout(0.5), nn.Linear(hidden, classes))
""",
                "use the rate that was asked for",
            ),
            "starts with zeros everywhere": Wrong(
                """
def two_layers(width, classes, hidden, dropout):
    head = nn.Sequential(nn.Linear(width, hidden), nn.ReLU(), nn.Dropout(dropout), nn.Linear(hidden, classes))
    for parameter in head.parameters():
        nn.init.zeros_(parameter)
    return head
""",
                "zeros in both layers",
            ),
            "freezes the first layer": Wrong(
                """
def two_layers(width, classes, hidden, dropout):
    first = nn.Linear(width, hidden).requires_grad_(False)
    return nn.Sequential(first, nn.ReLU(), nn.Dropout(dropout), nn.Linear(hidden, classes))
""",
                "no gradient reaches them",
            ),
            "always has 512 in between": Wrong(
                """
def two_layers(width, classes, hidden, dropout):
    return nn.Sequential(nn.Linear(width, 512), nn.ReLU(), nn.Dropout(dropout), nn.Linear(512, classes))
""",
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
                """
def two_layers(width, classes, hidden, dropout):
    return nn.Sequential(
        nn.Linear(width, hidden),
        nn.ReLU(),
        nn.Dropout(dropout),
        nn.Linear(hidden, classes),
        nn.Tanh(),
    )
""",
                "after the last linear layer bends or scales",
            ),
            "ends with a leaky ReLU": Wrong(
                """
def two_layers(width, classes, hidden, dropout):
    return nn.Sequential(
        nn.Linear(width, hidden),
        nn.ReLU(),
        nn.Dropout(dropout),
        nn.Linear(hidden, classes),
        nn.LeakyReLU(),
    )
""",
                "after the last linear layer bends or scales",
            ),
            "bends after both layers with tanh": Wrong(
                """
def two_layers(width, classes, hidden, dropout):
    return nn.Sequential(
        nn.Linear(width, hidden),
        nn.Dropout(dropout),
        nn.Linear(hidden, classes),
        nn.Tanh(),
    )
""",
                "after the last linear layer bends or scales",
            ),
            "ends with a norm": Wrong(
                """
def two_layers(width, classes, hidden, dropout):
    return nn.Sequential(
        nn.Linear(width, hidden),
        nn.Dropout(dropout),
        nn.Linear(hidden, classes),
        nn.LayerNorm(classes),
    )
""",
                "after the last linear layer bends or scales",
            ),
            "ends with BatchNorm": Wrong(
                """
def two_layers(width, classes, hidden, dropout):
    return nn.Sequential(
        nn.Linear(width, hidden),
        nn.ReLU(),
        nn.Dropout(dropout),
        nn.Linear(hidden, classes),
        nn.BatchNorm1d(classes),
    )
""",
                "after the last linear layer bends or scales",
            ),
            "bends before both layers": Wrong(
                """
def two_layers(width, classes, hidden, dropout):
    return nn.Sequential(
        nn.ReLU(),
        nn.Linear(width, hidden),
        nn.Dropout(dropout),
        nn.Linear(hidden, classes),
    )
""",
                "Nothing bent stands between",
            ),
            "keeps the share that it should drop": Wrong(
                """
def two_layers(width, classes, hidden, dropout):
    return nn.Sequential(
        nn.Linear(width, hidden),
        nn.ReLU(),
        nn.Dropout(1 - dropout),
        nn.Linear(hidden, classes),
    )
""",
                "numbers get through in `train()` mode",
            ),
            "drops whole pictures": Wrong(
                """
def two_layers(width, classes, hidden, dropout):
    return nn.Sequential(
        nn.Linear(width, hidden),
        nn.ReLU(),
        nn.Dropout1d(dropout),
        nn.Linear(hidden, classes),
    )
""",
                "all numbers of a picture away at once",
            ),
            "drops one half or nothing": Wrong(
                """
def two_layers(width, classes, hidden, dropout):
    return nn.Sequential(
        nn.Linear(width, hidden),
        nn.ReLU(),
        nn.Dropout() if dropout else nn.Identity(),
        nn.Linear(hidden, classes),
    )
""",
                "numbers get through in `train()` mode",
            ),
            "has three layers": Wrong(
                """
def two_layers(width, classes, hidden, dropout):
    return nn.Sequential(
        nn.Linear(width, hidden),
        nn.ReLU(),
        nn.Linear(hidden, hidden),
        nn.ReLU(),
        nn.Dropout(dropout),
        nn.Linear(hidden, classes),
    )
""",
                "and yours has 3",
            ),
            "swaps the widths": Wrong(
                """
def two_layers(width, classes, hidden, dropout):
    return nn.Sequential(nn.Linear(hidden, width), nn.ReLU(), nn.Dropout(dropout), nn.Linear(width, classes))
""",
                "does not take features [2, 12]",
            ),
            "takes a bend that is random": Wrong(
                """
def two_layers(width, classes, hidden, dropout):
    return nn.Sequential(
        nn.Linear(width, hidden),
        nn.RReLU(),
        nn.Dropout(dropout),
        nn.Linear(hidden, classes),
    )
""",
                "such as `nn.RReLU`",
            ),
            "takes the mean off the logits": Wrong(
                """
class Head(nn.Module):
    def __init__(self, width, classes, hidden, dropout):
        super().__init__()
        first, last = nn.Linear(width, hidden), nn.Linear(hidden, classes)
        self.layers = nn.Sequential(first, nn.ReLU(), nn.Dropout(dropout), last)

    def forward(self, features):
        logits = self.layers(features)
        return logits - logits.mean(dim=1, keepdim=True)


def two_layers(width, classes, hidden, dropout):
    return Head(width, classes, hidden, dropout)
""",
                "after the last linear layer mixes them",
            ),
            "divides the logits by a temperature": Wrong(
                """
class Head(nn.Module):
    def __init__(self, width, classes, hidden, dropout):
        super().__init__()
        first, last = nn.Linear(width, hidden), nn.Linear(hidden, classes)
        self.layers = nn.Sequential(first, nn.ReLU(), nn.Dropout(dropout), last)

    def forward(self, features):
        logits = self.layers(features)
        return logits / 0.07


def two_layers(width, classes, hidden, dropout):
    return Head(width, classes, hidden, dropout)
""",
                "they are 14.29 more",
            ),
            "drops without making the others larger": Wrong(
                """
class Drop(nn.Module):
    def __init__(self, rate):
        super().__init__()
        self.rate = rate

    def forward(self, x):
        return x * (torch.rand_like(x) >= self.rate) if self.training else x


def two_layers(width, classes, hidden, dropout):
    return nn.Sequential(
        nn.Linear(width, hidden),
        nn.ReLU(),
        Drop(dropout),
        nn.Linear(hidden, classes),
    )
""",
                "divided by `1 - dropout`",
            ),
            "drops twice between the layers": Wrong(
                """
def two_layers(width, classes, hidden, dropout):
    return nn.Sequential(
        nn.Linear(width, hidden),
        nn.Dropout(dropout),
        nn.ReLU(),
        nn.Dropout(dropout),
        nn.Linear(hidden, classes),
    )
""",
                "between the two layers in `train()` mode",
            ),
            "drops twice before the first layer": Wrong(
                """
def two_layers(width, classes, hidden, dropout):
    return nn.Sequential(
        nn.Dropout(dropout),
        nn.Dropout(dropout),
        nn.Linear(width, hidden),
        nn.ReLU(),
        nn.Linear(hidden, classes),
    )
""",
                "before the first layer in `train()` mode",
            ),
            "overwrites the features": Wrong(
                """
def two_layers(width, classes, hidden, dropout):
    return nn.Sequential(
        nn.Dropout(dropout, inplace=True),
        nn.Linear(width, hidden),
        nn.ReLU(),
        nn.Linear(hidden, classes),
    )
""",
                "overwrites the features",
            ),
            "overwrites what ReLU needs for its gradient": Wrong(
                """
def two_layers(width, classes, hidden, dropout):
    return nn.Sequential(
        nn.Linear(width, hidden),
        nn.ReLU(),
        nn.Dropout(dropout, inplace=True),
        nn.Linear(hidden, classes),
    )
""",
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
        logits = model.eval()(images)
    for layer, mode in modes:
        layer.training = mode
    refuse_if(not isinstance(logits, torch.Tensor), "no tensor")
    refuse_if(list(logits.shape) != [len(images), classes], "shape")
    refuse_if(logits.isnan().any() or logits.isinf().any(), "not finite")
    refuse_if(((logits.sum(1) - 1).abs() < 1e-4).all() and logits.min() >= 0, "softmax")
    refuse_if(sum(p.requires_grad for p in model.parameters()) == 0, "frozen")
    return model
""",
        },
        wrong={
            "believes True": Wrong(
                """
def check_head(model, classes, images):
    if not isinstance(classes, int) or classes < 1:
        raise ValueError("classes")
    mode = model.training
    model.eval()
    with torch.no_grad():
        logits = model(images)
    model.train(mode)
    if classes is not True and logits.shape != (len(images), classes):
        raise ValueError("shape")
""",
                "For `classes=True`",
            ),
            "looks at the shape only": Wrong(
                """
def check_head(model, classes, images):
    if type(classes) is not int or classes < 1:
        raise ValueError("classes")
    mode = model.training
    model.eval()
    with torch.no_grad():
        logits = model(images)
    model.train(mode)
    if logits.shape != (len(images), classes):
        raise ValueError("shape")
""",
                "a softmax at its end",
            ),
            "calls rows that sum to 1 probabilities": Wrong(
                """
def check_head(model, classes, images):
    if type(classes) is not int or classes < 1:
        raise ValueError("classes")
    mode = model.training
    model.eval()
    with torch.no_grad():
        logits = model(images)
    model.train(mode)
    if logits.shape != (len(images), classes) or not torch.isfinite(logits).all():
        raise ValueError("logits")
    if torch.allclose(logits.sum(dim=1), torch.ones(len(logits))):
        raise ValueError("softmax")
    if not any(p.requires_grad for p in model.parameters()):
        raise ValueError("frozen")
""",
                "happen to sum to 1",
            ),
            "calls positive logits probabilities": Wrong(
                """
def check_head(model, classes, images):
    if type(classes) is not int or classes < 1:
        raise ValueError("classes")
    mode = model.training
    model.eval()
    with torch.no_grad():
        logits = model(images)
    model.train(mode)
    if logits.shape != (len(images), classes) or not torch.isfinite(logits).all():
        raise ValueError("logits")
    if (logits > 0).all():
        raise ValueError("softmax")
    if not any(p.requires_grad for p in model.parameters()):
        raise ValueError("frozen")
""",
                "all positive and sum to 7",
            ),
            "refuses a frozen backbone": Wrong(
                """
def check_head(model, classes, images):
    if type(classes) is not int or classes < 1:
        raise ValueError("classes")
    if not all(p.requires_grad for p in model.parameters()):
        raise ValueError("something is frozen")
""",
                "frozen backbone",
            ),
            "misses infinity": Wrong(
                """
def check_head(model, classes, images):
    if type(classes) is not int or classes < 1:
        raise ValueError("classes")
    mode = model.training
    model.eval()
    with torch.no_grad():
        logits = model(images)
    model.train(mode)
    if logits.shape != (len(images), classes) or logits.isnan().any():
        raise ValueError("logits")
    if (logits >= 0).all() and torch.allclose(logits.sum(dim=1), torch.ones(len(logits))):
        raise ValueError("softmax")
    if not any(p.requires_grad for p in model.parameters()):
        raise ValueError("frozen")
""",
                "one logit inf",
            ),
            "misses a network that is frozen": Wrong(
                """
def check_head(model, classes, images):
    if type(classes) is not int or classes < 1:
        raise ValueError("classes")
    mode = model.training
    model.eval()
    with torch.no_grad():
        logits = model(images)
    model.train(mode)
    if logits.shape != (len(images), classes) or not torch.isfinite(logits).all():
        raise ValueError("logits")
    if (logits >= 0).all() and torch.allclose(logits.sum(dim=1), torch.ones(len(logits))):
        raise ValueError("softmax")
""",
                "every parameter frozen",
            ),
            "runs the model in train mode": Wrong(
                """
def check_head(model, classes, images):
    if type(classes) is not int or classes < 1:
        raise ValueError("classes")
    logits = model(images)
    if logits.shape != (len(images), classes) or not torch.isfinite(logits).all():
        raise ValueError("logits")
""",
                "running_mean",
            ),
            "raises before it puts the mode back": Wrong(
                """
def check_head(model, classes, images):
    if type(classes) is not int or classes < 1:
        raise ValueError("classes")
    mode = model.training
    model.eval()
    with torch.no_grad():
        logits = model(images)
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
            "takes the second axis for the shape": Wrong(
                """
def check_head(model, classes, images):
    if type(classes) is not int or classes < 1:
        raise ValueError(f"classes is a whole number from 1, not {classes!r}")
    modes = {module: module.training for module in model.modules()}
    model.eval()
    with torch.no_grad():
        logits = model(images)
    for module, mode in modes.items():
        module.training = mode
    if not isinstance(logits, torch.Tensor):
        raise ValueError(f"the network gives a {type(logits).__name__} and no logits")
    if logits.shape[1] != classes:
        raise ValueError(f"{classes} classes, and the logits are {list(logits.shape)}: is the old head still there?")
    if not torch.isfinite(logits).all():
        raise ValueError("some logits are NaN or infinite")
    sums = logits.sum(dim=1)
    if (logits >= 0).all() and torch.allclose(sums, torch.ones_like(sums)):
        raise ValueError("these are probabilities: take the softmax out of the network")
    if not any(p.requires_grad for p in model.parameters()):
        raise ValueError("nothing can learn: the head is frozen")
""",
                "logits for each place",
            ),
            "expects a tensor": Wrong(
                """
def check_head(model, classes, images):
    if type(classes) is not int or classes < 1:
        raise ValueError(f"classes is a whole number from 1, not {classes!r}")
    modes = {module: module.training for module in model.modules()}
    model.eval()
    with torch.no_grad():
        logits = model(images)
    for module, mode in modes.items():
        module.training = mode
    if logits.shape != (len(images), classes):
        raise ValueError(f"{classes} classes, and the logits are {list(logits.shape)}: is the old head still there?")
    if not torch.isfinite(logits).all():
        raise ValueError("some logits are NaN or infinite")
    sums = logits.sum(dim=1)
    if (logits >= 0).all() and torch.allclose(sums, torch.ones_like(sums)):
        raise ValueError("these are probabilities: take the softmax out of the network")
    if not any(p.requires_grad for p in model.parameters()):
        raise ValueError("nothing can learn: the head is frozen")
""",
                "For a network that gives a dict your function stopped with `AttributeError",
            ),
            "expects a softmax without zeros": Wrong(
                """
def check_head(model, classes, images):
    if type(classes) is not int or classes < 1:
        raise ValueError(f"classes is a whole number from 1, not {classes!r}")
    modes = {module: module.training for module in model.modules()}
    model.eval()
    with torch.no_grad():
        logits = model(images)
    for module, mode in modes.items():
        module.training = mode
    if not isinstance(logits, torch.Tensor):
        raise ValueError(f"the network gives a {type(logits).__name__} and no logits")
    if logits.shape != (len(images), classes):
        raise ValueError(f"{classes} classes, and the logits are {list(logits.shape)}: is the old head still there?")
    if not torch.isfinite(logits).all():
        raise ValueError("some logits are NaN or infinite")
    sums = logits.sum(dim=1)
    if (logits > 0).all() and torch.allclose(sums, torch.ones_like(sums)):
        raise ValueError("these are probabilities: take the softmax out of the network")
    if not any(p.requires_grad for p in model.parameters()):
        raise ValueError("nothing can learn: the head is frozen")
""",
                "one 1 in each row",
            ),
            "misses minus infinity": Wrong(
                """
def check_head(model, classes, images):
    if type(classes) is not int or classes < 1:
        raise ValueError(f"classes is a whole number from 1, not {classes!r}")
    modes = {module: module.training for module in model.modules()}
    model.eval()
    with torch.no_grad():
        logits = model(images)
    for module, mode in modes.items():
        module.training = mode
    if not isinstance(logits, torch.Tensor):
        raise ValueError(f"the network gives a {type(logits).__name__} and no logits")
    if logits.shape != (len(images), classes):
        raise ValueError(f"{classes} classes, and the logits are {list(logits.shape)}: is the old head still there?")
    if logits.isnan().any() or logits.max() == math.inf:
        raise ValueError("some logits are NaN or infinite")
    sums = logits.sum(dim=1)
    if (logits >= 0).all() and torch.allclose(sums, torch.ones_like(sums)):
        raise ValueError("these are probabilities: take the softmax out of the network")
    if not any(p.requires_grad for p in model.parameters()):
        raise ValueError("nothing can learn: the head is frozen")
""",
                "one logit -inf",
            ),
            "takes the first row for all": Wrong(
                """
def check_head(model, classes, images):
    if type(classes) is not int or classes < 1:
        raise ValueError(f"classes is a whole number from 1, not {classes!r}")
    modes = {module: module.training for module in model.modules()}
    model.eval()
    with torch.no_grad():
        logits = model(images)
    for module, mode in modes.items():
        module.training = mode
    if not isinstance(logits, torch.Tensor):
        raise ValueError(f"the network gives a {type(logits).__name__} and no logits")
    if logits.shape != (len(images), classes):
        raise ValueError(f"{classes} classes, and the logits are {list(logits.shape)}: is the old head still there?")
    if not torch.isfinite(logits).all():
        raise ValueError("some logits are NaN or infinite")
    sums = logits.sum(dim=1)
    if (logits[0] >= 0).all() and torch.allclose(sums[0], torch.ones(())):
        raise ValueError("these are probabilities: take the softmax out of the network")
    if not any(p.requires_grad for p in model.parameters()):
        raise ValueError("nothing can learn: the head is frozen")
""",
                "one row alone looks like probabilities",
            ),
            "looks for a layer of the class Softmax": Wrong(
                """
def check_head(model, classes, images):
    if type(classes) is not int or classes < 1:
        raise ValueError(f"classes is a whole number from 1, not {classes!r}")
    modes = {module: module.training for module in model.modules()}
    model.eval()
    with torch.no_grad():
        logits = model(images)
    for module, mode in modes.items():
        module.training = mode
    if not isinstance(logits, torch.Tensor):
        raise ValueError(f"the network gives a {type(logits).__name__} and no logits")
    if logits.shape != (len(images), classes):
        raise ValueError(f"{classes} classes, and the logits are {list(logits.shape)}: is the old head still there?")
    if not torch.isfinite(logits).all():
        raise ValueError("some logits are NaN or infinite")
    sums = logits.sum(dim=1)
    if any(isinstance(module, nn.Softmax) for module in model.modules()):
        raise ValueError("these are probabilities: take the softmax out of the network")
    if not any(p.requires_grad for p in model.parameters()):
        raise ValueError("nothing can learn: the head is frozen")
""",
                "with a softmax before its head",
            ),
            "looks for a layer of the class Softmax at the end": Wrong(
                """
def check_head(model, classes, images):
    if type(classes) is not int or classes < 1:
        raise ValueError(f"classes is a whole number from 1, not {classes!r}")
    modes = {module: module.training for module in model.modules()}
    model.eval()
    with torch.no_grad():
        logits = model(images)
    for module, mode in modes.items():
        module.training = mode
    if not isinstance(logits, torch.Tensor):
        raise ValueError(f"the network gives a {type(logits).__name__} and no logits")
    if logits.shape != (len(images), classes):
        raise ValueError(f"{classes} classes, and the logits are {list(logits.shape)}: is the old head still there?")
    if not torch.isfinite(logits).all():
        raise ValueError("some logits are NaN or infinite")
    sums = logits.sum(dim=1)
    if isinstance(list(model.modules())[-1], nn.Softmax):
        raise ValueError("these are probabilities: take the softmax out of the network")
    if not any(p.requires_grad for p in model.parameters()):
        raise ValueError("nothing can learn: the head is frozen")
""",
                "the function `softmax`",
            ),
            "asks the last parameter alone": Wrong(
                """
def check_head(model, classes, images):
    if type(classes) is not int or classes < 1:
        raise ValueError(f"classes is a whole number from 1, not {classes!r}")
    modes = {module: module.training for module in model.modules()}
    model.eval()
    with torch.no_grad():
        logits = model(images)
    for module, mode in modes.items():
        module.training = mode
    if not isinstance(logits, torch.Tensor):
        raise ValueError(f"the network gives a {type(logits).__name__} and no logits")
    if logits.shape != (len(images), classes):
        raise ValueError(f"{classes} classes, and the logits are {list(logits.shape)}: is the old head still there?")
    if not torch.isfinite(logits).all():
        raise ValueError("some logits are NaN or infinite")
    sums = logits.sum(dim=1)
    if (logits >= 0).all() and torch.allclose(sums, torch.ones_like(sums)):
        raise ValueError("these are probabilities: take the softmax out of the network")
    if not list(model.parameters())[-1].requires_grad:
        raise ValueError("nothing can learn: the head is frozen")
""",
                "the last bias alone is frozen",
            ),
            "tries whether backward works": Wrong(
                """
def check_head(model, classes, images):
    if type(classes) is not int or classes < 1:
        raise ValueError(f"classes is a whole number from 1, not {classes!r}")
    modes = {module: module.training for module in model.modules()}
    model.eval()
    logits = model(images)
    for module, mode in modes.items():
        module.training = mode
    if not isinstance(logits, torch.Tensor):
        raise ValueError(f"the network gives a {type(logits).__name__} and no logits")
    if logits.shape != (len(images), classes):
        raise ValueError(f"{classes} classes, and the logits are {list(logits.shape)}: is the old head still there?")
    if not torch.isfinite(logits).all():
        raise ValueError("some logits are NaN or infinite")
    sums = logits.sum(dim=1)
    if (logits >= 0).all() and torch.allclose(sums, torch.ones_like(sums)):
        raise ValueError("these are probabilities: take the softmax out of the network")
    try:
        logits.sum().backward()
    except RuntimeError as error:
        raise ValueError("nothing can learn") from error
""",
                "left gradients in",
            ),
            "gives all parts the mode of the whole": Wrong(
                """
def check_head(model, classes, images):
    if type(classes) is not int or classes < 1:
        raise ValueError(f"classes is a whole number from 1, not {classes!r}")
    was_training = model.training
    model.eval()
    with torch.no_grad():
        logits = model(images)
    model.train(was_training)
    if not isinstance(logits, torch.Tensor):
        raise ValueError(f"the network gives a {type(logits).__name__} and no logits")
    if logits.shape != (len(images), classes):
        raise ValueError(f"{classes} classes, and the logits are {list(logits.shape)}: is the old head still there?")
    if not torch.isfinite(logits).all():
        raise ValueError("some logits are NaN or infinite")
    sums = logits.sum(dim=1)
    if (logits >= 0).all() and torch.allclose(sums, torch.ones_like(sums)):
        raise ValueError("these are probabilities: take the softmax out of the network")
    if not any(p.requires_grad for p in model.parameters()):
        raise ValueError("nothing can learn: the head is frozen")
""",
                "`0.1` came in `eval()` mode",
            ),
            "looks at the last axis alone": Wrong(
                _check_head("logits.shape != (len(images), classes)", "logits.shape[-1] != classes"),
                "[5, 4, 4, 4]",
            ),
            "does not count the rows": Wrong(
                _check_head("logits.shape != (len(images), classes)", "logits.ndim != 2 or logits.shape[1] != classes"),
                "one row for all 5 images",
            ),
            "knows dicts only": Wrong(
                _check_head("not isinstance(logits, torch.Tensor)", "isinstance(logits, dict)"),
                "gives a tuple your function stopped with",
            ),
            "compares a text with a number": Wrong(
                _check_head(
                    "type(classes) is not int or classes < 1",
                    "classes is None or isinstance(classes, bool | float) or classes < 1",
                ),
                "For `classes='4'` your function stopped with `TypeError",
            ),
            "wants a head that learns": Wrong(
                _check_head(
                    "any(p.requires_grad for p in model.parameters())",
                    "any(p.requires_grad for p in list(model.parameters())[-2:])",
                ),
                "whose head is frozen and whose backbone learns",
            ),
            "sums over all rows": Wrong(
                _check_head(
                    "(logits >= 0).all() and torch.allclose(sums, torch.ones_like(sums))",
                    "(logits >= 0).all() and torch.isclose(sums.mean(), torch.tensor(1.0))",
                ),
                "sum to 0.5, 1.5, 1, 0.5, 1.5",
            ),
            "takes the last row for all": Wrong(
                _check_head(
                    "(logits >= 0).all() and torch.allclose(sums, torch.ones_like(sums))",
                    "(logits >= 0).all() and torch.isclose(sums[-1], torch.tensor(1.0))",
                ),
                "of which the last row alone",
            ),
            "allows a sum of one half": Wrong(
                _check_head(
                    "(logits >= 0).all() and torch.allclose(sums, torch.ones_like(sums))",
                    "(logits >= 0).all() and torch.allclose(sums, torch.ones_like(sums), atol=0.5)",
                ),
                "sum to 0.5, 1.5, 1, 0.5, 1.5",
            ),
            "asks for numbers from 0 to 1 only": Wrong(
                _check_head(
                    "(logits >= 0).all() and torch.allclose(sums, torch.ones_like(sums))",
                    "((logits >= 0) & (logits <= 1)).all() and logits.any()",
                ),
                "sum to 0.5, 1.5, 1, 0.5, 1.5",
            ),
            "tries black images": Wrong(
                _check_head("        logits = model(images)", "        logits = model(images.zero_())"),
                "changed the numbers in `images`",
            ),
            "takes gradients away that were there": Wrong(
                _check_head("    model.eval()", "    model.eval().zero_grad()"),
                "came with a gradient",
            ),
            "puts back BatchNorm's mode only": Wrong(
                _check_head(
                    "        module.training = mode",
                    "        module.training = mode if isinstance(module, nn.BatchNorm2d) else modes[model]",
                ),
                "`3` came in `train()` mode",
            ),
        },
    ),
}
