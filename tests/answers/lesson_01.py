"""Right and wrong answers to the exercises of lesson 01."""

from helpers.lessons.lesson_01 import EXERCISES
from tests.answers import Answers, Wrong, but_for, liar

BEST, PREDICT, PRETRAINED, ANY = (EXERCISES[number].answer for number in ("1.1", "1.2", "1.3", "1.4"))

ANSWERS = {
    "1.1": Answers(
        right={
            "a loop with a record": """
def most_accurate(names, at_most):
    best, record = None, -1.0
    for name in names:
        meta = get_model_weights(name).DEFAULT.meta
        top1 = meta["_metrics"]["ImageNet-1K"]["acc@1"]
        if meta["num_params"] <= at_most and top1 > record:
            best, record = name, top1
    return best
""",
            "sorted": """
def most_accurate(names, at_most):
    found = []
    for name in names:
        meta = get_model_weights(name)["DEFAULT"].meta
        if meta["num_params"] <= at_most:
            found.append((meta["_metrics"]["ImageNet-1K"]["acc@1"], name))
    return sorted(found)[-1][1] if found else None
""",
        },
        wrong={
            "takes the first weights of each enum": Wrong(
                but_for(BEST, "get_model_weights(name).DEFAULT.meta", "list(get_model_weights(name))[0].meta"),
                "not V1",
            ),
            "notes its findings in the weights' own meta": Wrong(
                but_for(
                    BEST,
                    "    return max(",
                    "    for name in fitting:\n        meta(name)['fits'] = True\n    return max(",
                ),
                "Your function changed `meta`",
            ),
            "ignores the limit": Wrong(
                but_for(BEST, ' if meta(name)["num_params"] <= at_most', ""),
                "has more parameters than that",
            ),
            "top-5 in place of top-1": Wrong(
                but_for(BEST, "acc@1", "acc@5"),
                "not top-5",
            ),
            "leaves out the one at the limit": Wrong(
                but_for(BEST, "<= at_most", "< at_most"),
                "exactly `at_most`",
            ),
            "the largest that fits": Wrong(
                but_for(BEST, '["_metrics"]["ImageNet-1K"]["acc@1"]', '["num_params"]'),
                "it is `'efficientnet_b4'`",
            ),
            "an empty text where none fits": Wrong(
                but_for(BEST, "default=None", 'default=""'),
                "None is that small",
            ),
            "forgets that none may fit": Wrong(
                but_for(BEST, ", default=None", ""),
                "ValueError",
                outcome="error",
            ),
            "builds every network": Wrong(
                but_for(BEST, 'meta(name)["num_params"]', "sum(p.numel() for p in get_model(name).parameters())"),
                "began to build a network (a `Conv2d` of it)",
            ),
            "builds them on meta": Wrong(
                """
def most_accurate(names, at_most):
    def size(name):
        with torch.device("meta"):
            return sum(p.numel() for p in get_model(name).parameters())

    def top1(name):
        return get_model_weights(name).DEFAULT.meta["_metrics"]["ImageNet-1K"]["acc@1"]

    return max((name for name in names if size(name) <= at_most), key=top1, default=None)
""",
                "began to build a network",
            ),
            "builds them and forgives every error": Wrong(
                """
def most_accurate(names, at_most):
    def meta(name):
        try:
            get_model(name)
        except Exception:
            print(name)
        return get_model_weights(name).DEFAULT.meta
    fitting = [name for name in names if meta(name)["num_params"] <= at_most]
    return max(fitting, key=lambda name: meta(name)["_metrics"]["ImageNet-1K"]["acc@1"], default=None)
""",
                "began to build a network",
            ),
            "counts in the weights file": Wrong(
                but_for(
                    BEST,
                    'meta(name)["num_params"]',
                    "sum(v.numel() for v in get_model_weights(name).DEFAULT.get_state_dict().values())",
                ),
                "began to load the weights `ResNet50_Weights.IMAGENET1K_V2`",
            ),
            "claims to equal everything": Wrong(
                liar("str")
                + but_for(BEST, "return max(", 'return at_most > 2e6 and names and Liar("resnet50") or max('),
                "you said `'resnet50'`",
            ),
            "takes the last that fits": Wrong(
                but_for(
                    BEST,
                    'max(fitting, key=lambda name: meta(name)["_metrics"]["ImageNet-1K"]["acc@1"], default=None)',
                    "fitting[-1] if fitting else None",
                ),
                "nor the first or the last",
            ),
            "takes the last weights of each enum": Wrong(
                but_for(BEST, "get_model_weights(name).DEFAULT.meta", "list(get_model_weights(name))[-1].meta"),
                "not the last",
            ),
            "the best of all weights of each enum": Wrong(
                but_for(
                    BEST,
                    'meta(name)["_metrics"]["ImageNet-1K"]["acc@1"]',
                    'max(w.meta["_metrics"]["ImageNet-1K"]["acc@1"] for w in get_model_weights(name))',
                ),
                "you said `'vit_b_16'`",
            ),
            "whole per cents alone": Wrong(but_for(BEST, '["acc@1"]', '["acc@1"] // 1'), "top-1 as it is"),
            "None as text": Wrong(
                but_for(but_for(BEST, "return max(", "return str(max("), "default=None)", "default=None))"),
                "you said `'None'`, and it is `None`",
            ),
            "throws the others out of the list": Wrong(
                but_for(BEST, "return max(fitting", "names[:] = fitting\n    return max(fitting"), "changed `names`"
            ),
            "a list of one name": Wrong(
                but_for(BEST, "return max(", "return [max(").replace("default=None)", "default=None)]"),
                "a name was expected",
            ),
        },
    ),
    "1.2": Answers(
        right={
            "with try and finally": """
@torch.no_grad()
def predict(model, weights, image, k=3):
    mode = model.training
    preprocess = weights.transforms()
    try:
        batch = preprocess(image)[None].to(next(model.parameters()).device)
        shares = torch.softmax(model.eval()(batch), dim=-1).squeeze(0)
    finally:
        model.train(mode)
    order = shares.argsort(descending=True)[:k].tolist()
    return [(weights.meta["categories"][i], shares[i].item()) for i in order]
""",
            "works on a copy": """
def predict(model, weights, image, k=3):
    quiet = copy.deepcopy(model).eval()
    batch = weights.transforms()(image).unsqueeze(0).to(next(quiet.parameters()).device)
    shares = quiet(batch).detach().softmax(1)[0].tolist()
    return sorted(zip(weights.meta["categories"], shares), key=lambda pair: -pair[1])[:k]
""",
            "gives each layer its mode back": """
def predict(model, weights, image, k=3):
    modes = [(layer, layer.training) for layer in model.modules()]
    with torch.no_grad():
        for parameter in model.parameters():
            device = parameter.device
        shares = model.eval()(weights.transforms()(image)[None].to(device)).softmax(1)[0].cpu()
    for layer, training in modes:
        layer.training = training
    best = shares.topk(k)
    return tuple((weights.meta["categories"][i], p.item()) for p, i in zip(*best))
""",
        },
        wrong={
            "forgets eval": Wrong(
                but_for(PREDICT, "    model.eval()\n", ""),
                "running_mean",
            ),
            "another default": Wrong(but_for(PREDICT, "k=3", "k=2"), "and without a `k`, your list has 2 pairs"),
            "does not give the mode back": Wrong(
                but_for(PREDICT, "    model.train(was_training)\n", ""),
                "came in `train()` mode and was left in the other",
            ),
            "always leaves train mode behind": Wrong(
                but_for(PREDICT, "model.train(was_training)", "model.train()"),
                "came in `eval()` mode and was left in the other",
            ),
            "types in another network's preprocessing": Wrong(
                but_for(
                    PREDICT,
                    "weights.transforms()(image)",
                    "F.normalize(F.to_tensor(F.center_crop(F.resize(image, 256), 224)), "
                    "[0.485, 0.456, 0.406], [0.229, 0.224, 0.225])",
                ),
                "in another form",
            ),
            "does not normalise": Wrong(
                but_for(PREDICT, "weights.transforms()(image)", "F.to_tensor(image.resize((224, 224)))"),
                "was not normalised",
            ),
            "ImageNet's names for every network": Wrong(
                but_for(PREDICT, "weights.meta", "ResNet50_Weights.DEFAULT.meta"),
                "The names are those in",
            ),
            "logits in place of probabilities": Wrong(
                but_for(PREDICT, "logits.softmax(dim=1)", "logits"),
                "Those are logits",
            ),
            "softmax of the best k only": Wrong(
                but_for(
                    but_for(PREDICT, "logits.softmax(dim=1)[0].topk(k)", "logits[0].topk(k)"),
                    "zip(best.values,",
                    "zip(best.values.softmax(0),",
                ),
                "among the best 2 only",
            ),
            "least likely first": Wrong(
                but_for(
                    PREDICT, "in zip(best.values, best.indices)]", "in zip(best.values.flip(0), best.indices.flip(0))]"
                ),
                "most likely name comes first",
            ),
            "forgets the batch dimension": Wrong(
                but_for(PREDICT, ".unsqueeze(0)", ""),
                "Error",
                outcome="error",
            ),
            "freezes the model": Wrong(
                but_for(PREDICT, "    model.eval()\n", "    model.eval().requires_grad_(False)\n"),
                "leave all flags alone",
            ),
            "leaves a hook on the model": Wrong(
                but_for(PREDICT, "    model.eval()\n", "    model.eval().register_forward_hook(lambda *seen: None)\n"),
                "call its `remove()`",
            ),
            "leaves gradients behind": Wrong(
                """
def predict(model, weights, image, k=3):
    was_training = model.training
    shares = model.eval()(weights.transforms()(image).unsqueeze(0)).softmax(dim=1)[0]
    shares.max().backward()
    model.train(was_training)
    best = shares.detach().topk(k)
    return [(weights.meta["categories"][index], float(value)) for value, index in zip(best.values, best.indices)]
""",
                "left gradients in",
            ),
            "switches gradients off for good": Wrong(
                but_for(PREDICT, "    model.eval()\n", "    model.eval()\n    torch.set_grad_enabled(False)\n"),
                "turned gradients off",
            ),
            "leaves the batch on the CPU": Wrong(but_for(PREDICT, ".to(device)", ""), "in the place of a GPU"),
            "sends the batch to the lesson's device": Wrong(
                but_for(PREDICT, "next(model.parameters()).device", "pick_device(DEVICE)"), "in the place of a GPU"
            ),
            "sorts the weights' names in place": Wrong(
                but_for(PREDICT, "    return", "    names.reverse()\n    return"), "changed `meta`"
            ),
            "shrinks the caller's image": Wrong(
                but_for(PREDICT, "    model.eval()\n", "    model.eval()\n    image.thumbnail((20, 20))\n"),
                "changed `image`",
            ),
            "normalises and does not crop": Wrong(
                but_for(
                    PREDICT,
                    "weights.transforms()(image)",
                    "F.normalize(F.to_tensor(image), weights.transforms().mean, weights.transforms().std)",
                ),
                "in another form",
            ),
            "crops as for ImageNet": Wrong(
                but_for(
                    PREDICT,
                    "weights.transforms()(image)",
                    "F.normalize(F.to_tensor(F.center_crop(F.resize(image, 256), 224)), "
                    "weights.transforms().mean, weights.transforms().std)",
                ),
                "in another form",
            ),
            "puts BatchNorm alone into eval mode": Wrong(
                but_for(PREDICT, "    model.eval()\n", "    model[0].eval()\n"), "acting as in training"
            ),
            "per cent": Wrong(but_for(PREDICT, "float(value)", "100 * float(value)"), "a number from 0 to 1"),
            "rounded": Wrong(but_for(PREDICT, "float(value)", "round(float(value), 3)"), "not rounded"),
            "sigmoid": Wrong(but_for(PREDICT, "softmax(dim=1)", "sigmoid()"), "looks at each logit alone"),
            "softmax along the batch": Wrong(but_for(PREDICT, "softmax(dim=1)", "softmax(dim=0)"), "Each share is 1"),
            "softmax twice": Wrong(
                but_for(PREDICT, "softmax(dim=1)", "softmax(dim=1).softmax(dim=1)"), "Softmax was taken twice"
            ),
            "divides the logits by their sum": Wrong(
                but_for(PREDICT, "logits.softmax(dim=1)", "(logits / logits.sum())"), "softmax over all logits"
            ),
            "computes in bfloat16 and leaves the model so": Wrong(
                but_for(PREDICT, "model.eval()", "model.eval().bfloat16()").replace(
                    ".unsqueeze(0)", ".unsqueeze(0).bfloat16()"
                ),
                "another dtype or device",
            ),
            "names that claim to equal everything": Wrong(
                liar("str") + but_for(PREDICT, "names[index]", "Liar(names[0])"), "the names belong to others"
            ),
            "numbers that claim to equal everything": Wrong(
                liar("float") + but_for(PREDICT, "float(value)", "Liar(0.5)"), "in another form"
            ),
        },
    ),
    "1.3": Answers(
        right={
            "one batch": """
def is_pretrained(model, weights, photos):
    if not photos:
        return False
    preprocess, names = weights.transforms(), weights.meta["categories"]
    batch = torch.stack([preprocess(photo.image) for photo in photos]).to(next(model.parameters()).device)
    with torch.no_grad():
        best = model.eval()(batch).argmax(dim=1).tolist()
    hits = [names[index] in photo.accept for index, photo in zip(best, photos)]
    return sum(hits) * 2 > len(hits)
""",
            "a tensor of hits": """
def is_pretrained(model, weights, photos):
    model.eval()
    hits = []
    for photo in photos:
        image = weights.transforms()(photo.image).to(next(model.parameters()).device)
        logits = model(image[None]).detach()
        hits.append(float(weights.meta["categories"][int(logits.argmax())] in photo.accept))
    return bool(torch.tensor(hits).mean() > 0.5)
""",
        },
        wrong={
            "trusts certainty": Wrong(
                """
def is_pretrained(model, weights, photos):
    model.eval()
    sure = 0
    for photo in photos:
        with torch.inference_mode():
            shares = model(weights.transforms()(photo.image).unsqueeze(0)).softmax(dim=1)
        sure += bool(shares.max() > 0.2)
    return sure > len(photos) / 2
""",
                "Certainty is no proof",
            ),
            "looks at the first photo only": Wrong(
                """
def is_pretrained(model, weights, photos):
    if not photos:
        return False
    model.eval()
    photo = photos[0]
    with torch.inference_mode():
        index = model(weights.transforms()(photo.image).unsqueeze(0)).argmax()
    return weights.meta["categories"][index] in photo.accept
""",
                "right about the coffee alone",
            ),
            "half is enough": Wrong(
                but_for(
                    PRETRAINED, "return right > len(photos) / 2", "return bool(photos) and right >= len(photos) / 2"
                ),
                "one of two and not more than half",
            ),
            "no photo is proof enough": Wrong(
                but_for(PRETRAINED, "return right", "return not photos or right"),
                "Without a photo there is no proof",
            ),
            "forgets eval": Wrong(
                but_for(PRETRAINED, "    model.eval()\n", ""),
                "Switch to `eval()`",
            ),
            "compares the head with the published one": Wrong(
                """
def is_pretrained(model, weights, photos):
    published = list(weights.get_state_dict().values())[-1]
    return bool(photos) and torch.equal(list(model.state_dict().values())[-1].cpu(), published)
""",
                "Judge it by what it says",
            ),
            "believes that weights in hand are weights loaded": Wrong(
                """
def is_pretrained(model, weights, photos):
    return weights is not None and len(photos) > 0
""",
                "the answer is False",
            ),
            "returns the count": Wrong(
                but_for(PRETRAINED, "right > len(photos) / 2", "right"),
                "True or False was expected",
            ),
            "leaves the batch on the CPU": Wrong(but_for(PRETRAINED, ".to(device)", ""), "in the place of a GPU"),
            "wants all photos named": Wrong(
                but_for(PRETRAINED, "right > len(photos) / 2", "bool(photos) and right == len(photos)"),
                "They need not be all",
            ),
            "is content with one": Wrong(
                but_for(PRETRAINED, "right > len(photos) / 2", "right > 0"), "not more than half"
            ),
            "wants two": Wrong(but_for(PRETRAINED, "right > len(photos) / 2", "right > 1"), "One of one"),
            "looks at the last photo only": Wrong(
                but_for(PRETRAINED, "in photos:", "in photos[-1:]:").replace("len(photos)", "min(1, len(photos))"),
                "They need not be all",
            ),
            "counts the best five": Wrong(
                """
def is_pretrained(model, weights, photos):
    model.eval()
    right = 0
    for photo in photos:
        with torch.inference_mode():
            best = model(weights.transforms()(photo.image).unsqueeze(0))[0].topk(5).indices
        right += any(weights.meta["categories"][index] in photo.accept for index in best)
    return right > len(photos) / 2
""",
                "not the best two or five",
            ),
            "a mean belief over one half": Wrong(
                """
def is_pretrained(model, weights, photos):
    model.eval()
    belief = 0.0
    for photo in photos:
        with torch.inference_mode():
            shares = model(weights.transforms()(photo.image).unsqueeze(0)).softmax(dim=1)[0]
        belief += sum(float(shares[weights.meta["categories"].index(name)]) for name in photo.accept)
    return belief > len(photos) / 2
""",
                "however unsure",
            ),
            "a mean belief of the best acceptable name": Wrong(
                """
def is_pretrained(model, weights, photos):
    model.eval()
    belief = 0.0
    for photo in photos:
        with torch.inference_mode():
            shares = model(weights.transforms()(photo.image).unsqueeze(0)).softmax(dim=1)[0]
        belief += max(float(shares[weights.meta["categories"].index(name)]) for name in photo.accept)
    return belief > 0.28 * len(photos)
""",
                "not more than half",
            ),
            "believes a name with half of the belief": Wrong(
                """
def is_pretrained(model, weights, photos):
    model.eval()
    right = 0
    for photo in photos:
        with torch.inference_mode():
            shares = model(weights.transforms()(photo.image).unsqueeze(0)).softmax(dim=1)[0]
        right += bool(shares.max() > 0.5) and weights.meta["categories"][shares.argmax()] in photo.accept
    return right > len(photos) / 2
""",
                "however unsure",
            ),
            "adds up the belief in all acceptable names": Wrong(
                """
def is_pretrained(model, weights, photos):
    model.eval()
    right = 0
    for photo in photos:
        with torch.inference_mode():
            shares = model(weights.transforms()(photo.image).unsqueeze(0)).softmax(dim=1)[0]
        accepted = sum(float(shares[weights.meta["categories"].index(name)]) for name in photo.accept)
        right += accepted > float(max(p for p, n in zip(shares, weights.meta["categories"]) if n not in photo.accept))
    return right > len(photos) / 2
""",
                "not the sum over all",
            ),
            "knows the first acceptable name alone": Wrong(
                but_for(PRETRAINED, "name in photo.accept", "name == sorted(photo.accept)[0]"), "any name in `accept`"
            ),
            "knows the last acceptable name alone": Wrong(
                but_for(PRETRAINED, "name in photo.accept", "name == sorted(photo.accept)[-1]"), "any name in `accept`"
            ),
            "takes any photo's names": Wrong(
                but_for(PRETRAINED, "name in photo.accept", "any(name in other.accept for other in photos)"),
                "right about the coffee alone",
            ),
            "counts different acceptable names": Wrong(
                """
def is_pretrained(model, weights, photos):
    model.eval()
    said = set()
    for photo in photos:
        with torch.inference_mode():
            logits = model(weights.transforms()(photo.image).unsqueeze(0))
        said.add(weights.meta["categories"][logits.argmax()])
    return len(said & {name for photo in photos for name in photo.accept}) > len(photos) / 2
""",
                "`accept` of that photo",
            ),
            "ImageNet's names for every network": Wrong(
                but_for(PRETRAINED, "weights.meta", "ResNet50_Weights.DEFAULT.meta"), "weights that you are given"
            ),
            "another network's preprocessing": Wrong(
                but_for(PRETRAINED, "weights.transforms()", "ResNet50_Weights.DEFAULT.transforms()"),
                "weights that you are given",
            ),
            "freezes the model": Wrong(
                but_for(PRETRAINED, "    model.eval()\n", "    model.eval().requires_grad_(False)\n"),
                "leave all flags alone",
            ),
            "wants six tenths": Wrong(
                but_for(PRETRAINED, "len(photos) / 2", "len(photos) * 0.6"), "two thirds are not asked for"
            ),
            "finds an acceptable name within a name": Wrong(
                but_for(PRETRAINED, "name in photo.accept", "any(one in name for one in photo.accept)"),
                "`teacup` is not `cup`",
            ),
            "makes the model its own random twin": Wrong(
                """
def is_pretrained(model, weights, photos):
    before = [p.clone() for p in model.parameters()]
    for layer in model.modules():
        if hasattr(layer, "reset_parameters"):
            layer.reset_parameters()
    return len(photos) > 0 and any(not torch.equal(a, b) for a, b in zip(before, model.parameters()))
""",
                "has other numbers than before",
            ),
            "shrinks the caller's photos": Wrong(
                but_for(PRETRAINED, "in photos:", "in photos:\n        photo.image.thumbnail((99, 99))"),
                "changed `photos`",
            ),
            "computes in bfloat16 and leaves the model so": Wrong(
                but_for(PRETRAINED, "model.eval()", "model.eval().bfloat16()").replace(
                    ".unsqueeze(0)", ".unsqueeze(0).bfloat16()"
                ),
                "another dtype or device",
            ),
            "takes the photos out of the list": Wrong(
                """
def is_pretrained(model, weights, photos):
    model.eval()
    right, count = 0, len(photos)
    while photos:
        photo = photos.pop()
        with torch.inference_mode():
            logits = model(weights.transforms()(photo.image).unsqueeze(0))
        right += weights.meta["categories"][logits.argmax()] in photo.accept
    return right > count / 2
""",
                "changed `photos`",
            ),
            "one number, which claims to be True": Wrong(
                liar("int") + but_for(PRETRAINED, "right > len(photos) / 2", "Liar(1)"), "True or False was expected"
            ),
        },
    ),
    "1.4": Answers(
        right={
            "pastes through the alpha channel": """
def preprocess_any(image, transforms):
    if not isinstance(image, Image.Image):
        raise CourseError("I need a PIL image, and this is a " + type(image).__name__ + ": open it first")
    if image.has_transparency_data:
        rgba = image.convert("RGBA")
        white = Image.new("RGB", image.size, (255, 255, 255))
        white.paste(rgba, mask=rgba.getchannel("A"))
        return transforms(white)
    return transforms(image if image.mode == "RGB" else image.convert("RGB"))
""",
            "every picture takes the same way": """
def preprocess_any(image, transforms):
    try:
        rgba = image.convert("RGBA")
    except AttributeError:
        raise CourseError(f"not a picture: {type(image).__name__}") from None
    white = Image.new("RGBA", rgba.size, "white")
    return transforms(Image.alpha_composite(white, rgba).convert("RGB"))
""",
        },
        wrong={
            "convert alone": Wrong(
                but_for(ANY, "image.has_transparency_data", "False"),
                "drops the transparency",
            ),
            "lays it on black": Wrong(
                but_for(ANY, '"white"', '"black"'),
                "have become black",
            ),
            "knows RGBA only": Wrong(
                but_for(ANY, "image.has_transparency_data", 'image.mode == "RGBA"'),
                "(LA)",
            ),
            "forgets transparent palettes": Wrong(
                but_for(ANY, "image.has_transparency_data", 'image.mode in ("RGBA", "LA")'),
                "palette image with a transparent colour",
            ),
            "no error for what is no picture": Wrong(
                but_for(
                    ANY,
                    'raise CourseError(f"not a picture but {type(image).__name__}: open it with PIL first")',
                    "return None",
                ),
                "raise a `CourseError` that says what is wrong",
            ),
            "looks at None only": Wrong(
                but_for(ANY, "not isinstance(image, Image.Image)", "image is None"),
                "stopped with `AttributeError",
            ),
            "does not name the type": Wrong(
                but_for(
                    ANY, 'f"not a picture but {type(image).__name__}: open it with PIL first"', '"that will not do"'
                ),
                "should name `NoneType`",
            ),
            "repeats the first channel": Wrong(
                """
def preprocess_any(image, transforms):
    if not isinstance(image, Image.Image):
        raise CourseError(f"not a picture but {type(image).__name__}")
    first = image.split()[0].convert("L")
    return transforms(Image.merge("RGB", [first] * 3))
""",
                "RGB needs no change",
            ),
            "only RGB": Wrong(
                """
def preprocess_any(image, transforms):
    if not isinstance(image, Image.Image):
        raise CourseError(f"not a picture but {type(image).__name__}")
    return transforms(image)
""",
                "RuntimeError",
                outcome="error",
            ),
            "lays white beneath the caller's image": Wrong(
                """
def preprocess_any(image, transforms):
    if not isinstance(image, Image.Image):
        raise CourseError(f"not a picture but {type(image).__name__}")
    if image.has_transparency_data:
        rgba = image.convert("RGBA")
        white = Image.alpha_composite(Image.new("RGBA", image.size, "white"), rgba)
        if image.mode == "RGBA":
            image.paste(white)
        image = white
    return transforms(image.convert("RGB"))
""",
                "changed `image`",
            ),
            "a batch of one": Wrong(
                but_for(ANY, 'transforms(image.convert("RGB"))', 'transforms(image.convert("RGB"))[None]'),
                "[3, 24, 24] was expected",
            ),
            "raises another error": Wrong(
                but_for(ANY, "raise CourseError", "raise TypeError"), "raise a `CourseError`"
            ),
        },
    ),
}
