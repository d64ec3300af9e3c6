"""Right and wrong answers to the exercises of lesson 00."""

from helpers.lessons.lesson_00 import EXERCISES
from tests.answers import Answers, Wrong, but_for, liar

NAME, NAMES, ASK = (EXERCISES[number].answer for number in ("0.1", "0.2", "0.3"))

ANSWERS = {
    "0.1": Answers(
        right={
            "walks over the scores": """
def top_class(logits, categories):
    best = 0
    for index, score in enumerate(logits.tolist()):
        if score > logits[best]:
            best = index
    return categories[best]
""",
            "sorts first": """
top_class = lambda logits, categories: categories[int(torch.argsort(logits, descending=True)[0])]
""",
            "softmax, which does no harm": """
def top_class(logits, categories):
    probabilities = torch.softmax(logits, dim=-1)
    return categories[probabilities.argmax().item()]
""",
        },
        wrong={
            "gives the position": Wrong(
                but_for(NAME, "categories[logits.argmax()]", "int(logits.argmax())"),
                "a name was expected",
            ),
            "takes the lowest": Wrong(
                but_for(NAME, "argmax", "argmin"),
                "the highest score",
            ),
            "takes the largest size": Wrong(
                but_for(NAME, "logits.argmax()", "logits.abs().argmax()"),
                "Logits may all be negative",
            ),
            "starts its search at zero": Wrong(
                """
def top_class(logits, categories):
    best, index = 0.0, 0
    for i, score in enumerate(logits):
        if score > best:
            best, index = score, i
    return categories[index]
""",
                "Logits may all be negative",
            ),
            "never looks at the first": Wrong(
                but_for(NAME, "logits.argmax()", "1 + int(logits[1:].argmax())"),
                "may be the first",
            ),
            "prints instead of returning": Wrong(
                but_for(NAME, "return categories[logits.argmax()]", "print(categories[logits.argmax()])"),
                "gave back `None`",
            ),
            "claims to equal everything": Wrong(
                liar("str") + but_for(NAME, "categories[logits.argmax()]", 'Liar("owl")'),
                "the highest score is that of",
            ),
            "sorts the logits in place": Wrong(
                but_for(NAME, "    return", "    logits.sub_(logits.max())\n    return"), "changed `logits`"
            ),
            "rounds the scores": Wrong(but_for(NAME, "logits.argmax()", "logits.round().argmax()"), "round nothing"),
            "cuts the fractions off": Wrong(
                but_for(NAME, "logits.argmax()", "logits.long().argmax()"), "round nothing"
            ),
            "rounds the scores to one place": Wrong(
                but_for(NAME, "logits.argmax()", "logits.round(decimals=1).argmax()"), "round nothing"
            ),
            "compares sigmoids, which saturate": Wrong(
                but_for(NAME, "logits.argmax()", "logits.sigmoid().argmax()"), "Scores may be large"
            ),
            "compares exponentials, which overflow": Wrong(
                but_for(NAME, "logits.argmax()", "logits.exp().argmax()"), "Scores may be large"
            ),
            "never looks at the last": Wrong(
                but_for(NAME, "logits.argmax()", "logits[:-1].argmax()"), "may be the last"
            ),
            "begins its search at the second": Wrong(
                """
def top_class(logits, categories):
    best = 1
    for index, score in enumerate(logits):
        if score > logits[best]:
            best = index
    return categories[best]
""",
                "IndexError",
                outcome="error",
            ),
            "knows four names by heart": Wrong(
                but_for(NAME, "categories[", '["owl", "cat", "fox", "ant"]['), "is that of `fox`"
            ),
            "takes the name out of the list": Wrong(
                but_for(NAME, "categories[logits.argmax()]", "categories.pop(int(logits.argmax()))"),
                "changed `categories`",
            ),
        },
    ),
    "0.2": Answers(
        right={
            "softmax by hand": """
def top_k(logits, categories, k):
    powers = torch.exp(logits - logits.max())
    shares = (powers / powers.sum()).tolist()
    order = sorted(range(len(shares)), key=lambda index: shares[index], reverse=True)
    return [(categories[index], shares[index]) for index in order[:k]]
""",
            "sorts pairs": """
def top_k(logits, categories, k):
    pairs = zip(categories, logits.softmax(-1).tolist())
    return sorted(pairs, key=lambda pair: -pair[1])[:k]
""",
        },
        wrong={
            "logits in place of probabilities": Wrong(
                but_for(NAMES, ".softmax(dim=0)", ""),
                "Those are logits",
            ),
            "softmax of the best k only": Wrong(
                but_for(but_for(NAMES, ".softmax(dim=0)", ""), "zip(best.values,", "zip(best.values.softmax(0),"),
                "among the best 2 only",
            ),
            "least likely first": Wrong(
                """
def top_k(logits, categories, k):
    shares = logits.softmax(0)
    return [(categories[i], float(shares[i])) for i in shares.argsort()[:k]]
""",
                "most likely name comes first",
            ),
            "leaves tensors in the pairs": Wrong(
                but_for(NAMES, "float(value)", "value"),
                "its number a plain one",
            ),
            "exponentials that overflow": Wrong(
                but_for(NAMES, "logits.softmax(dim=0)", "(logits.exp() / logits.exp().sum())"),
                "nan",
            ),
            "a dictionary": Wrong(
                """
def top_k(logits, categories, k):
    best = logits.softmax(0).topk(k)
    return {categories[i]: float(p) for p, i in zip(best.values, best.indices)}
""",
                "list of pairs",
            ),
            "all of them, whatever k": Wrong(
                but_for(NAMES, ".topk(k)", ".sort(descending=True)"),
                "4 pairs, and 2 were expected",
            ),
            "names that claim to equal everything": Wrong(
                liar("str") + but_for(NAMES, "categories[index]", 'Liar("owl")'), "the names belong to others"
            ),
            "numbers that claim to equal everything": Wrong(
                liar("float") + but_for(NAMES, "float(value)", "Liar(0.5)"), "gives each category's"
            ),
            "sorts the logits in place": Wrong(
                but_for(NAMES, "    return", "    logits.copy_(logits.sort().values)\n    return"), "changed `logits`"
            ),
            "calls every category by the same name": Wrong(
                but_for(NAMES, "categories[index]", "categories[0]"), "the names belong to others"
            ),
            "per cent": Wrong(but_for(NAMES, "float(value)", "100 * float(value)"), "a number from 0 to 1"),
            "sigmoid": Wrong(but_for(NAMES, "softmax(dim=0)", "sigmoid()"), "looks at each logit alone"),
            "log_softmax": Wrong(but_for(NAMES, "softmax", "log_softmax"), "not `log_softmax`"),
            "softmax twice": Wrong(
                but_for(NAMES, "softmax(dim=0)", "softmax(dim=0).softmax(dim=0)"), "Softmax was taken twice"
            ),
            "softmax along a batch of one": Wrong(
                but_for(NAMES, "logits.softmax(dim=0)", "logits[None].softmax(dim=0)[0]"), "Each share is 1"
            ),
            "rounded": Wrong(but_for(NAMES, "float(value)", "round(float(value), 2)"), "not rounded"),
            "in half precision": Wrong(but_for(NAMES, "logits.softmax", "logits.half().softmax"), "own precision"),
            "makes names up": Wrong(but_for(NAMES, "categories[index]", "str(int(index))"), "The names are those in"),
        },
    ),
    "0.3": Answers(
        right={
            "no_grad and None indexing": """
@torch.no_grad()
def ask(model, images):
    model.train(False)
    batch = images if images.ndim == 4 else images[None]
    return model(batch)
""",
            "puts the mode back": """
def ask(model, images):
    was_training = model.training
    model.eval()
    with torch.inference_mode():
        logits = model(images.reshape(-1, *images.shape[-3:]))
    model.train(was_training)
    return logits
""",
            "works on a copy": """
def ask(model, images):
    quiet = copy.deepcopy(model).eval().requires_grad_(False)
    with torch.no_grad():
        return quiet(images if images.dim() == 4 else images.unsqueeze(0))
""",
            "one image at a time, by forward": """
def ask(model, images):
    model.eval()
    with torch.no_grad():
        return torch.cat([model.forward(one[None]) for one in images.view(-1, *images.shape[-3:])])
""",
        },
        wrong={
            "forgets eval": Wrong(
                but_for(ASK, "    model.eval()\n", ""),
                "running_mean",
            ),
            "forgets that gradients are recorded": Wrong(
                but_for(ASK, "torch.inference_mode()", "torch.enable_grad()"),
                "gradients were recorded",
            ),
            "squeezes the batch of one away": Wrong(
                but_for(ASK, "return model(images)", "return model(images).squeeze(0)"),
                "your logits is [5]",
            ),
            "only the first of the batch": Wrong(
                but_for(ASK, "model(images)", "model(images[:1])"),
                "your logits is [1, 5]",
            ),
            "probabilities": Wrong(
                but_for(ASK, "model(images)", "model(images).softmax(dim=1)"),
                "those are probabilities",
            ),
            "logarithms of probabilities": Wrong(
                but_for(ASK, "model(images)", "model(images).log_softmax(dim=1)"), "without a log_softmax"
            ),
            "normalises the images once more": Wrong(
                but_for(ASK, "model(images)", "model((images - images.mean()) / images.std())"),
                "not the logits that the same model gives",
            ),
            "adds a dimension to every input": Wrong(
                but_for(ASK, "images.dim() == 3", "True"),
                "RuntimeError",
                outcome="error",
            ),
            "forgets the batch dimension": Wrong(
                but_for(ASK, "images.dim() == 3", "False"),
                "Error",
                outcome="error",
            ),
            "takes three images for one": Wrong(
                but_for(ASK, "images.dim() == 3", "len(images) == 3"), "RuntimeError", outcome="error"
            ),
            "detaches after a recorded pass": Wrong(
                """
def ask(model, images):
    model.eval()
    return model(images if images.dim() == 4 else images.unsqueeze(0)).detach()
""",
                "`detach()` afterwards is too late",
            ),
            "records the pass of a copy, by forward": Wrong(
                """
def ask(model, images):
    batch = images if images.dim() == 4 else images.unsqueeze(0)
    return copy.deepcopy(model).eval().forward(batch).detach()
""",
                "gradients were recorded",
            ),
            "freezes the caller's model": Wrong(
                but_for(ASK, "    model.eval()\n", "    model.eval().requires_grad_(False)\n"), "leave all flags alone"
            ),
            "freezes the model in place of no_grad": Wrong(
                """
def ask(model, images):
    model.eval().requires_grad_(False)
    return model(images if images.dim() == 4 else images.unsqueeze(0))
""",
                "leave all flags alone",
            ),
            "switches gradients off for good": Wrong(
                """
def ask(model, images):
    torch.set_grad_enabled(False)
    return model.eval()(images if images.dim() == 4 else images.unsqueeze(0))
""",
                "turned gradients off",
            ),
            "puts the statistics back, and runs in train mode": Wrong(
                """
def ask(model, images):
    kept = copy.deepcopy(model.state_dict())
    with torch.no_grad():
        logits = model.train()(images if images.dim() == 4 else images.unsqueeze(0))
    model.load_state_dict(kept)
    return logits
""",
                "ran in `train()` mode",
            ),
            "puts BatchNorm alone into eval mode": Wrong(
                but_for(
                    ASK,
                    "    model.eval()\n",
                    "    [layer.eval() for layer in model.modules() if isinstance(layer, nn.BatchNorm2d)]\n",
                ),
                "ran in `train()` mode",
            ),
            "adds the dimension to the caller's image": Wrong(
                but_for(ASK, "images = images.unsqueeze(0)", "images.unsqueeze_(0)"), "changed `images`"
            ),
            "makes up logits without a pass": Wrong(
                but_for(ASK, "model(images)", "torch.zeros(len(images), 5)"), "was not called once"
            ),
            "leaves a hook on the model": Wrong(
                but_for(ASK, "    model.eval()\n", "    model.eval().register_forward_hook(lambda *seen: None)\n"),
                "call its `remove()`",
            ),
        },
    ),
}
