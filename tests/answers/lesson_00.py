"""Right and wrong answers to the exercises of lesson 00."""

from tests.answers import Answers, Wrong

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
                """
def top_class(logits, categories):
    return int(logits.argmax())
""",
                "a name was expected",
            ),
            "takes the lowest": Wrong(
                """
def top_class(logits, categories):
    return categories[logits.argmin()]
""",
                "the highest score",
            ),
            "takes the largest size": Wrong(
                """
def top_class(logits, categories):
    return categories[logits.abs().argmax()]
""",
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
                """
def top_class(logits, categories):
    return categories[1 + int(logits[1:].argmax())]
""",
                "may be the first",
            ),
            "prints instead of returning": Wrong(
                """
def top_class(logits, categories):
    name = categories[logits.argmax()]
    print(name)
""",
                "gave back `None`",
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
                """
def top_k(logits, categories, k):
    best = logits.topk(k)
    return [(categories[index], float(value)) for value, index in zip(best.values, best.indices)]
""",
                "the logit itself",
            ),
            "softmax of the best k only": Wrong(
                """
def top_k(logits, categories, k):
    best = logits.topk(k)
    return [(categories[i], float(p)) for p, i in zip(best.values.softmax(0), best.indices)]
""",
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
                """
def top_k(logits, categories, k):
    best = logits.softmax(0).topk(k)
    return [(categories[i], p) for p, i in zip(best.values, best.indices)]
""",
                "plain number",
            ),
            "exponentials that overflow": Wrong(
                """
def top_k(logits, categories, k):
    shares = logits.exp() / logits.exp().sum()
    best = shares.topk(k)
    return [(categories[i], float(p)) for p, i in zip(best.values, best.indices)]
""",
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
                """
def top_k(logits, categories, k):
    best = logits.softmax(0).sort(descending=True)
    return [(categories[i], float(p)) for p, i in zip(best.values, best.indices)]
""",
                "were asked for",
            ),
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
            "detaches": """
def ask(model, images):
    model.eval()
    return model(images if images.dim() == 4 else images.unsqueeze(0)).detach()
""",
        },
        wrong={
            "forgets eval": Wrong(
                """
def ask(model, images):
    if images.dim() == 3:
        images = images.unsqueeze(0)
    with torch.inference_mode():
        return model(images)
""",
                "running_mean",
            ),
            "forgets that gradients are recorded": Wrong(
                """
def ask(model, images):
    if images.dim() == 3:
        images = images.unsqueeze(0)
    model.eval()
    return model(images)
""",
                "carry gradients",
            ),
            "squeezes the batch of one away": Wrong(
                """
def ask(model, images):
    single = images.dim() == 3
    model.eval()
    with torch.inference_mode():
        logits = model(images.unsqueeze(0) if single else images)
    return logits[0] if single else logits
""",
                "the shape [5]",
            ),
            "only the first of the batch": Wrong(
                """
def ask(model, images):
    model.eval()
    with torch.inference_mode():
        return model(images.reshape(-1, *images.shape[-3:])[:1])
""",
                "the shape [1, 5]",
            ),
            "probabilities": Wrong(
                """
def ask(model, images):
    model.eval()
    with torch.inference_mode():
        return model(images.reshape(-1, *images.shape[-3:])).softmax(dim=1)
""",
                "not those of the same model",
            ),
            "adds a dimension to every input": Wrong(
                """
def ask(model, images):
    model.eval()
    with torch.inference_mode():
        return model(images.unsqueeze(0))
""",
                "RuntimeError",
                outcome="error",
            ),
            "forgets the batch dimension": Wrong(
                """
def ask(model, images):
    model.eval()
    with torch.inference_mode():
        return model(images)
""",
                "Error",
                outcome="error",
            ),
        },
    ),
}
