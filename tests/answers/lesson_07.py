"""Right and wrong answers to lesson 07."""

from __future__ import annotations

from helpers.lessons.lesson_07 import EXERCISES
from tests.answers import Answers, Wrong, but_for

UPDATE, ADD, MERGED, FILE, IDLE = (EXERCISES[f"7.{number}"].answer for number in (1, 2, 3, 4, 5))

# Right answers, too, from which some of the wrong ones differ in a line.
BY_PARAMETERS = """
class Own(nn.Module):
    def __init__(self, layer, rank, alpha):
        super().__init__()
        self.layer = copy.deepcopy(layer)
        for p in self.layer.parameters():
            p.requires_grad = False
        self.A = nn.Parameter(torch.randn(rank, layer.in_features) / rank)
        self.B = nn.Parameter(torch.zeros(layer.out_features, rank))
        self.factor = alpha / rank

    def forward(self, x):
        return self.layer(x) + self.factor * (x @ self.A.T @ self.B.T)


def with_lora(layer, rank, alpha):
    if rank < 1:
        raise ValueError("the rank has to be 1 or more")
    return Own(layer, rank, alpha)
"""
BY_HOOKS = """
def idle(network, names, images):
    called = set()
    if len(names) == 0:
        raise ValueError("no LoRA here")
    layers = {name: network.get_submodule(name) for name in names}
    hooks = [m.register_forward_hook(lambda m, i, o, name=name: called.add(name)) for name, m in layers.items()]
    modes = [(m, m.training) for m in network.modules()]
    network.eval()
    with torch.inference_mode():
        network(images)
    for hook in hooks:
        hook.remove()
    for m, mode in modes:
        m.training = mode
    return [name for name in names if name not in called]
"""
NEW_LAYER = """
@torch.no_grad()
def merged(lora):
    old = lora.layer
    product = lora.scale * (lora.up.weight.flatten(1) @ lora.down.weight.flatten(1))
    if isinstance(old, nn.Linear):
        new = nn.Linear(old.in_features, old.out_features, bias=old.bias is not None)
    else:
        new = nn.Conv2d(old.in_channels, old.out_channels, 1, stride=old.stride, bias=old.bias is not None)
    new.weight.copy_(old.weight + product.reshape(old.weight.shape))
    if old.bias is not None:
        new.bias.copy_(old.bias)
    return new
"""
BY_GRADIENT = """
def idle(network, names, images):
    if not names:
        raise ValueError("no names were given")
    network = copy.deepcopy(network).eval()
    weights = [network.get_submodule(name).up.weight.requires_grad_(True) for name in names]
    grads = torch.autograd.grad(network(images).square().sum(), weights, allow_unused=True)
    return [name for name, grad in zip(names, grads) if grad is None]
"""

ANSWERS = {
    "7.1": Answers(
        right={
            "a parametrization of the layer given": """
class LowRank(nn.Module):
    def __init__(self, outputs, inputs, rank, alpha):
        super().__init__()
        self.down, self.up = nn.Linear(inputs, rank, bias=False), nn.Linear(rank, outputs, bias=False)
        nn.init.zeros_(self.up.weight)
        self.scale = alpha / rank

    def forward(self, weight):
        return weight + self.scale * self.up.weight @ self.down.weight


def with_lora(layer, rank, alpha):
    if rank < 1:
        raise ValueError(f"no rank of {rank}")
    low_rank = LowRank(*layer.weight.shape, rank, alpha)
    layer.requires_grad_(False)
    torch.nn.utils.parametrize.register_parametrization(layer, "weight", low_rank)
    return layer
""",
            "two parameters and a copy of the layer": BY_PARAMETERS,
            "a parametrization of the weight": """
class LowRank(nn.Module):
    def __init__(self, outputs, inputs, rank, scale):
        super().__init__()
        self.A = nn.Parameter(torch.randn(rank, inputs))
        self.B = nn.Parameter(torch.zeros(outputs, rank))
        self.scale = scale

    def forward(self, weight):
        return weight + self.scale * self.B @ self.A


def with_lora(layer, rank, alpha):
    if rank < 1:
        raise ValueError(f"no rank of {rank}")
    copied = copy.deepcopy(layer).requires_grad_(False)
    outputs, inputs = layer.weight.shape
    low_rank = LowRank(outputs, inputs, rank, alpha / rank)
    torch.nn.utils.parametrize.register_parametrization(copied, "weight", low_rank)
    return copied
""",
        },
        wrong={
            "both start with zeros": Wrong(
                but_for(
                    UPDATE,
                    "        nn.init.zeros_(self.up.weight)\n",
                    "        nn.init.zeros_(self.up.weight)\n        nn.init.zeros_(self.down.weight)\n",
                ),
                "then neither can move the other",
            ),
            "both start at random": Wrong(
                but_for(UPDATE, "        nn.init.zeros_(self.up.weight)\n", ""), "does not start as the layer does"
            ),
            "starts A with equal rows": Wrong(
                but_for(
                    UPDATE,
                    "        nn.init.zeros_(self.up.weight)\n",
                    "        nn.init.zeros_(self.up.weight)\n        nn.init.constant_(self.down.weight, 0.1)\n",
                ),
                "is of rank 1, and 2 was asked for",
            ),
            "forgets the scale": Wrong(but_for(UPDATE, "alpha / rank", "1.0"), "Look at the scale"),
            "scales by alpha alone": Wrong(but_for(UPDATE, "alpha / rank", "alpha"), "Look at the scale"),
            "leaves the layer trainable": Wrong(
                but_for(UPDATE, "layer.requires_grad_(False)", "layer"), "numbers are trainable"
            ),
            "leaves the bias trainable": Wrong(
                but_for(
                    UPDATE,
                    "self.layer = layer.requires_grad_(False)",
                    "self.layer = layer\n        layer.weight.requires_grad_(False)",
                ),
                "its bias too, is frozen",
            ),
            "detaches the update": Wrong(
                but_for(UPDATE, "self.up(self.down(x))", "self.up(self.down(x)).detach()"), "no gradient reaches"
            ),
            "a bias in the update": Wrong(
                but_for(UPDATE, "layer.out_features, bias=False", "layer.out_features"), "does not start"
            ),
            "one large matrix": Wrong(
                """
class Large(nn.Module):
    def __init__(self, layer, rank, alpha):
        super().__init__()
        self.layer = layer.requires_grad_(False)
        self.update = nn.Linear(layer.in_features, layer.out_features, bias=False)
        nn.init.zeros_(self.update.weight)
        self.scale = alpha / rank

    def forward(self, x):
        return self.layer(x) + self.scale * self.update(x)


def with_lora(layer, rank, alpha):
    return Large(layer, rank, alpha)
""",
                "numbers are trainable",
            ),
            "only for two dimensions": Wrong(
                but_for(BY_PARAMETERS, "(x @ self.A.T @ self.B.T)", "torch.mm(torch.mm(x, self.A.T), self.B.T)"),
                "For inputs of [2, 3, 6]",
                outcome="error",
            ),
            "takes any rank": Wrong(
                but_for(BY_PARAMETERS, "    if rank < 1:\n", "    if rank == 0:\n"), "For a rank of -2"
            ),
            "says nothing of the cause": Wrong(
                but_for(BY_PARAMETERS, 'ValueError("the rank has to be 1 or more")', "ValueError"), "says nothing"
            ),
            "refuses a rank of 1": Wrong(
                but_for(UPDATE, "if rank < 1:", "if rank <= 1:"),
                "For a layer without a bias, your function refused",
            ),
            "whole scales alone": Wrong(but_for(UPDATE, "alpha / rank", "alpha // rank"), "Look at the scale"),
            "detaches what goes up": Wrong(
                but_for(UPDATE, "self.up(self.down(x))", "self.up(self.down(x).detach())"),
                "did not move `down.weight`",
            ),
            "a matrix that is no parameter": Wrong(
                but_for(
                    BY_PARAMETERS,
                    "nn.Parameter(torch.randn(rank, layer.in_features) / rank)",
                    "torch.randn(rank, layer.in_features)",
                ),
                "numbers are trainable",
            ),
            "something between the two": Wrong(
                but_for(UPDATE, "self.up(self.down(x))", "self.up(self.down(x).relu())"), "the update is not"
            ),
            "a fresh layer": Wrong(
                but_for(BY_PARAMETERS, "copy.deepcopy(layer)", "nn.Linear(layer.in_features, layer.out_features)"),
                "does not start as the layer does",
            ),
            "loses the bias": Wrong(
                but_for(UPDATE, "self.layer(x) +", "x @ self.layer.weight.T +"), "does not start as the layer does"
            ),
            "a function and no module": Wrong(
                "def with_lora(layer, rank, alpha):\n    return lambda x: layer(x)\n", "a module was expected"
            ),
            "gives the update alone": Wrong(
                but_for(UPDATE, "return self.layer(x) + self.scale", "return self.scale"), "does not start"
            ),
            "freezes the update as well": Wrong(
                but_for(
                    UPDATE,
                    "    return WithUpdate(layer, rank, alpha)\n",
                    "    return WithUpdate(layer, rank, alpha).requires_grad_(False)\n",
                ),
                "0 numbers are trainable",
            ),
            "cuts the graph before A": Wrong(
                but_for(UPDATE, "self.up(self.down(x))", "self.up(self.down(x.detach()))"), "leave `x` in the graph"
            ),
        },
    ),
    "7.2": Answers(
        right={
            "walks over a list": """
def add_lora(network, rank, alpha):
    for p in network.parameters():
        p.requires_grad = False
    names = []
    for name, layer in list(network.named_modules()):
        if type(layer) is nn.Conv2d and layer.kernel_size == (1, 1) and layer.groups == 1:
            parent, _, last = name.rpartition(".")
            setattr(network.get_submodule(parent), last, LoRA(layer, rank, alpha))
            names.append(name)
    return names
""",
            "walks through the parents": """
def add_lora(network, rank, alpha):
    for parameter in network.parameters():
        parameter.requires_grad = False
    names = []

    def visit(part, path):
        for name, child in list(part.named_children()):
            if isinstance(child, nn.Conv2d) and child.kernel_size == (1, 1) and child.groups == 1:
                setattr(part, name, LoRA(child, rank, alpha))
                names.append(path + name)
            else:
                visit(child, path + name + ".")

    visit(network, "")
    return names
""",
            "freezes the rest at the end": but_for(
                ADD,
                "    return names\n",
                "    for name, p in network.named_parameters():\n"
                '        p.requires_grad = ".up." in name or ".down." in name\n'
                "    return names\n",
            ),
        },
        wrong={
            "depthwise ones, too": Wrong(
                but_for(ADD, "layer.kernel_size == (1, 1) and layer.groups == 1", "layer.kernel_size != (7, 7)"),
                "`1.3`",
            ),
            "in groups, too": Wrong(but_for(ADD, " and layer.groups == 1", ""), "your list names `3`"),
            "one side of 1 is enough": Wrong(
                but_for(ADD, "layer.kernel_size == (1, 1)", "1 in layer.kernel_size"), "your list names `2`"
            ),
            "direct children alone": Wrong(
                but_for(ADD, "network.named_modules()", "network.named_children()"), "misses `1.0`"
            ),
            "freezes after attaching": Wrong(
                but_for(ADD, "    return names\n", "    network.requires_grad_(False)\n    return names\n"),
                "0 numbers are trainable",
            ),
            "freezes nothing": Wrong(but_for(ADD, "    network.requires_grad_(False)\n", ""), "numbers are trainable"),
            "leaves the head trainable": Wrong(
                but_for(ADD, "    return names\n", "    network[-1].requires_grad_(True)\n    return names\n"),
                "numbers are trainable",
            ),
            "works on a copy": Wrong(
                but_for(ADD, "    names = [\n", "    network = copy.deepcopy(network)\n    names = [\n"),
                "numbers are trainable",
            ),
            "returns the number": Wrong(
                but_for(ADD, "    return names\n", "    return len(names)\n"), "a list of names was expected"
            ),
            "returns nothing": Wrong(but_for(ADD, "    return names\n", ""), "a list of names was expected"),
            "linear layers, too": Wrong(
                but_for(
                    ADD,
                    "isinstance(layer, nn.Conv2d) and",
                    "isinstance(layer, nn.Linear) or isinstance(layer, nn.Conv2d) and",
                ),
                "your list names `6`",
            ),
            "those with a bias alone": Wrong(
                but_for(ADD, "layer.groups == 1\n", "layer.groups == 1 and layer.bias is not None\n"), "misses `2`"
            ),
            "leaves BatchNorm trainable": Wrong(
                but_for(
                    ADD,
                    "    network.requires_grad_(False)\n",
                    "    for layer in network.modules():\n"
                    "        if isinstance(layer, (nn.Conv2d, nn.Linear)):\n"
                    "            layer.requires_grad_(False)\n",
                ),
                "numbers are trainable",
            ),
            "only lists them": Wrong(
                but_for(
                    ADD,
                    "network.set_submodule(name, LoRA(network.get_submodule(name), rank, alpha))",
                    "LoRA(network.get_submodule(name), rank, alpha)",
                ),
                "numbers are trainable",
            ),
            "forgets the stride": Wrong(
                """
class Own(LoRA):
    def __init__(self, layer, rank, alpha):
        super().__init__(layer, rank, alpha)
        self.down = nn.Conv2d(layer.in_channels, rank, 1, bias=False)

"""
                + but_for(ADD, "LoRA(network", "Own(network"),
                "`down` has to have the stride of its layer",
            ),
            "random updates": Wrong(
                but_for(
                    ADD,
                    "    return names\n",
                    "    for name in names:\n"
                    "        nn.init.normal_(network.get_submodule(name).up.weight)\n"
                    "    return names\n",
                ),
                "no longer computes what it did",
            ),
            "twice the rank": Wrong(but_for(ADD, ", rank, alpha))", ", 2 * rank, alpha))"), "rank 2 at each"),
            "alpha is left out": Wrong(
                but_for(ADD, "get_submodule(name), rank, alpha", "get_submodule(name), rank, rank"), "as they came"
            ),
        },
    ),
    "7.3": Answers(
        right={
            "asks with the unit vectors": """
def merged(lora):
    layer = copy.deepcopy(lora.layer)
    with torch.no_grad():
        product = torch.einsum("or,ri->oi", lora.up.weight.flatten(1), lora.down.weight.flatten(1))
        layer.weight.copy_(lora.layer.weight + lora.scale * product.reshape(layer.weight.shape))
    return layer
""",
            "a new layer": NEW_LAYER,
        },
        wrong={
            "forgets the scale": Wrong(but_for(MERGED, "lora.scale * ", ""), "scale * B A"),
            "changes the layer of the LoRA": Wrong(
                but_for(MERGED, "copy.deepcopy(lora.layer)", "lora.layer"), "Work on a copy"
            ),
            "A times B": Wrong(
                but_for(
                    MERGED,
                    "lora.up.weight.flatten(1) @ lora.down.weight.flatten(1)",
                    "lora.down.weight.flatten(1).T @ lora.up.weight.flatten(1).T",
                ),
                "scale * B A",
            ),
            "a new layer without the bias": Wrong(
                but_for(MERGED, "    return layer\n", "    layer.bias = None\n    return layer\n"),
                "does not compute what the `LoRA` does",
            ),
            "forgets the stride": Wrong(
                but_for(MERGED, "    return layer\n", "    layer.stride = (1, 1)\n    return layer\n"),
                "with a stride of 2",
            ),
            "the layer as it was": Wrong("def merged(lora):\n    return copy.deepcopy(lora.layer)\n", "scale * B A"),
            "a copy of the LoRA": Wrong("def merged(lora):\n    return copy.deepcopy(lora)\n", "one plain `Linear`"),
            "shares the bias": Wrong(
                but_for(MERGED, "    return layer\n", "    layer.bias = lora.layer.bias\n    return layer\n"),
                "lies in the same memory",
            ),
            "returns nothing": Wrong(but_for(MERGED, "    return layer\n", ""), "one plain `Linear`"),
            "has another bias": Wrong(
                but_for(NEW_LAYER, "new.bias.copy_(old.bias)", "pass"), "does not compute what the `LoRA` does"
            ),
            "a shallow copy": Wrong(but_for(MERGED, "copy.deepcopy(", "copy.copy("), "Work on a copy"),
            "the update alone": Wrong(but_for(MERGED, "layer.weight +=", "layer.weight[:] ="), "scale * B A"),
            "linear layers alone": Wrong(
                but_for(
                    MERGED,
                    "lora.up.weight.flatten(1) @ lora.down.weight.flatten(1)",
                    "lora.up.weight @ lora.down.weight",
                ),
                "For a 1x1 convolution",
                outcome="error",
            ),
            "records a gradient": Wrong(
                but_for(MERGED, "with torch.no_grad():", "if True:"),
                "For a linear layer, your code stopped",
                outcome="error",
            ),
        },
    ),
    "7.4": Answers(
        right={
            "detached copies": """
def adapter_of(network, before):
    found = {}
    for name, tensor in network.state_dict().items():
        if (tensor != before[name]).any():
            found[name] = tensor.detach().cpu().clone()
    return found
""",
            "with moved": """
def adapter_of(network, before):
    state = network.state_dict()
    return {name: state[name].detach().clone() for name in moved(before, network)}
""",
        },
        wrong={
            "everything": Wrong(
                "def adapter_of(network, before):\n"
                "    return {name: tensor.clone() for name, tensor in network.state_dict().items()}\n",
                "Training did not move it",
            ),
            "what is trainable": Wrong(
                "def adapter_of(network, before):\n"
                "    return {name: p.detach().clone() for name, p in network.named_parameters() if p.requires_grad}\n",
                "BatchNorm's statistics",
            ),
            "no copies": Wrong(but_for(FILE, ".clone()", ""), "still those of the network"),
            "the differences": Wrong(
                but_for(FILE, "state[name].clone()", "state[name] - before[name]"), "the answers are others"
            ),
            "the numbers of before": Wrong(
                but_for(FILE, "state[name].clone()", "before[name].clone()"), "the answers are others"
            ),
            "LoRA and no head": Wrong(
                but_for(FILE, "if not torch", 'if ".up." in name or ".down." in name and not torch'), "misses"
            ),
            "without the counter": Wrong(
                but_for(FILE, "for name in before if", 'for name in before if "num_batches" not in name and'), "misses"
            ),
            "trainable ones that stood still, too": Wrong(
                but_for(
                    FILE,
                    "if not torch.equal(state[name], before[name])",
                    "if name in trainable or not torch.equal(state[name], before[name])",
                ).replace(
                    "    return",
                    "    trainable = [name for name, p in network.named_parameters() if p.requires_grad]\n    return",
                ),
                "your list names `spare`",
            ),
            "nearly the same is the same": Wrong(
                but_for(FILE, "torch.equal(state[name], before[name])", "torch.allclose(state[name], before[name])"),
                "Where the steps were small",
            ),
            "names alone": Wrong(
                "def adapter_of(network, before):\n    return [name for name in before]\n", "a dict was expected"
            ),
            "in half precision": Wrong(but_for(FILE, ".clone()", ".half()"), "the answers are others"),
            "what did not move": Wrong(but_for(FILE, "if not torch", "if torch"), "your list misses"),
            "takes out of before": Wrong(
                but_for(FILE, "    return", "    before.pop('spare')\n    return"), "changed `before`"
            ),
            "freezes the network": Wrong(
                but_for(FILE, "    return", "    network.requires_grad_(False)\n    return"), "the network"
            ),
            "puts the network back": Wrong(
                but_for(
                    FILE, "    state = network.state_dict()\n", "    state = copy.deepcopy(network.state_dict())\n"
                ).replace("    return", "    network.load_state_dict(before)\n    return"),
                "the network",
            ),
        },
    ),
    "7.5": Answers(
        right={"by the gradient, on a copy": BY_GRADIENT},
        wrong={
            "looks for zeros": Wrong(
                """
def idle(network, names, images):
    if not names:
        raise ValueError("no LoRA")
    return [name for name in names if not network.get_submodule(name).up.weight.any()]
""",
                "The answer needs it",
            ),
            "leaves random numbers": Wrong(but_for(IDLE, "            up.copy_(kept)\n", ""), "`copy_` it back"),
            "keeps no copy": Wrong(but_for(IDLE, "up.clone()", "up"), "`copy_` it back"),
            "leaves `eval()` mode": Wrong(
                but_for(IDLE, "        layer.training = mode\n", "        pass\n"), "each module's own mode"
            ),
            "one mode for all": Wrong(
                but_for(IDLE, "        layer.training = mode\n", "        layer.train(modes[network])\n"),
                "each module's own mode",
            ),
            "asks in `train()` mode": Wrong(but_for(IDLE, "    network.eval()\n", ""), "misses"),
            "takes them by their name": Wrong(
                """
def idle(network, names, images):
    if not names:
        raise ValueError("no LoRA")
    return [name for name in names if name == "0.out_proj" or name == "4"]
""",
                "misses `3.out_proj`",
            ),
            "says nothing where there is none": Wrong(
                but_for(IDLE, '        raise ValueError("there is no LoRA to ask about")\n', "        return []\n"),
                "For a network without any LoRA",
            ),
            "leaves its hooks": Wrong(but_for(BY_HOOKS, "        hook.remove()\n", "        pass\n"), "hook"),
            "gives those that work": Wrong(but_for(IDLE, "if torch.equal", "if not torch.equal"), "misses"),
            "who is not called is idle, and nobody else": Wrong(BY_HOOKS, "to be called is not to have a part"),
            "all at once": Wrong(
                """
def idle(network, names, images):
    if not names:
        raise ValueError("no LoRA")
    network = copy.deepcopy(network).eval()
    with torch.no_grad():
        usual = network(images)
        for name in names:
            nn.init.normal_(network.get_submodule(name).up.weight)
        return names if torch.equal(network(images), usual) else []
""",
                "misses `0.out_proj`, `3.out_proj`",
            ),
            "leaves gradients": Wrong(
                """
def idle(network, names, images):
    if not names:
        raise ValueError("no LoRA")
    modes = [(layer, layer.training) for layer in network.modules()]
    network.eval()(images).square().sum().backward()
    for layer, mode in modes:
        layer.training = mode
    return [name for name in names if network.get_submodule(name).up.weight.grad is None]
""",
                "grad",
            ),
            "by the gradient of `down`": Wrong(
                but_for(BY_GRADIENT, "up.weight.requires_grad_(True)", "down.weight.requires_grad_(True)").replace(
                    "if grad is None", "if grad is None or not grad.any()"
                ),
                "The answer needs it",
            ),
            "refuses where none is idle": Wrong(
                but_for(
                    IDLE,
                    "    return found\n",
                    '    if not found:\n        raise ValueError("none")\n    return found\n',
                ),
                "with none that is idle, your function refused",
            ),
            "zeroes the images": Wrong(
                but_for(IDLE, "    return found\n", "    images.zero_()\n    return found\n"), "changed `images`"
            ),
            "the first alone": Wrong(but_for(IDLE, "    return found\n", "    return found[:1]\n"), "misses"),
        },
    ),
}
