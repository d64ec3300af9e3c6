"""Right and wrong answers to the exercises of lesson 01."""

from tests.answers import Answers, Wrong

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
                """
def most_accurate(names, at_most):
    def meta(name):
        return list(get_model_weights(name))[0].meta
    fitting = [name for name in names if meta(name)["num_params"] <= at_most]
    return max(fitting, key=lambda name: meta(name)["_metrics"]["ImageNet-1K"]["acc@1"], default=None)
""",
                "not V1",
            ),
            "ignores the limit": Wrong(
                """
def most_accurate(names, at_most):
    def top1(name):
        return get_model_weights(name).DEFAULT.meta["_metrics"]["ImageNet-1K"]["acc@1"]
    return max(names, key=top1, default=None)
""",
                "has more parameters than that",
            ),
            "top-5 in place of top-1": Wrong(
                """
def most_accurate(names, at_most):
    def meta(name):
        return get_model_weights(name).DEFAULT.meta
    fitting = [name for name in names if meta(name)["num_params"] <= at_most]
    return max(fitting, key=lambda name: meta(name)["_metrics"]["ImageNet-1K"]["acc@5"], default=None)
""",
                "not top-5",
            ),
            "leaves out the one at the limit": Wrong(
                """
def most_accurate(names, at_most):
    def meta(name):
        return get_model_weights(name).DEFAULT.meta
    fitting = [name for name in names if meta(name)["num_params"] < at_most]
    return max(fitting, key=lambda name: meta(name)["_metrics"]["ImageNet-1K"]["acc@1"], default=None)
""",
                "exactly `at_most`",
            ),
            "the largest that fits": Wrong(
                """
def most_accurate(names, at_most):
    def size(name):
        return get_model_weights(name).DEFAULT.meta["num_params"]
    return max((name for name in names if size(name) <= at_most), key=size, default=None)
""",
                "it is `efficientnet_b4`",
            ),
            "an empty text where none fits": Wrong(
                """
def most_accurate(names, at_most):
    def meta(name):
        return get_model_weights(name).DEFAULT.meta
    fitting = [name for name in names if meta(name)["num_params"] <= at_most]
    return max(fitting, key=lambda name: meta(name)["_metrics"]["ImageNet-1K"]["acc@1"], default="")
""",
                "None is that small",
            ),
            "forgets that none may fit": Wrong(
                """
def most_accurate(names, at_most):
    def meta(name):
        return get_model_weights(name).DEFAULT.meta
    fitting = [name for name in names if meta(name)["num_params"] <= at_most]
    return max(fitting, key=lambda name: meta(name)["_metrics"]["ImageNet-1K"]["acc@1"])
""",
                "ValueError",
                outcome="error",
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
        shares = torch.softmax(model.eval()(preprocess(image)[None]), dim=-1).squeeze(0)
    finally:
        model.train(mode)
    order = shares.argsort(descending=True)[:k].tolist()
    return [(weights.meta["categories"][i], shares[i].item()) for i in order]
""",
            "works on a copy": """
def predict(model, weights, image, k=3):
    quiet = copy.deepcopy(model).eval()
    shares = quiet(weights.transforms()(image).unsqueeze(0)).detach().softmax(1)[0].tolist()
    return sorted(zip(weights.meta["categories"], shares), key=lambda pair: -pair[1])[:k]
""",
        },
        wrong={
            "forgets eval": Wrong(
                """
def predict(model, weights, image, k=3):
    with torch.inference_mode():
        shares = model(weights.transforms()(image).unsqueeze(0)).softmax(dim=1)[0]
    best = shares.topk(k)
    names = weights.meta["categories"]
    return [(names[index], float(value)) for value, index in zip(best.values, best.indices)]
""",
                "running_mean",
            ),
            "does not give the mode back": Wrong(
                """
def predict(model, weights, image, k=3):
    model.eval()
    with torch.inference_mode():
        shares = model(weights.transforms()(image).unsqueeze(0)).softmax(dim=1)[0]
    best = shares.topk(k)
    names = weights.meta["categories"]
    return [(names[index], float(value)) for value, index in zip(best.values, best.indices)]
""",
                "after your call it is in eval() mode",
            ),
            "always leaves train mode behind": Wrong(
                """
def predict(model, weights, image, k=3):
    model.eval()
    with torch.inference_mode():
        shares = model(weights.transforms()(image).unsqueeze(0)).softmax(dim=1)[0]
    model.train()
    best = shares.topk(k)
    names = weights.meta["categories"]
    return [(names[index], float(value)) for value, index in zip(best.values, best.indices)]
""",
                "after your call it is in train() mode",
            ),
            "types in another network's preprocessing": Wrong(
                """
def predict(model, weights, image, k=3):
    mode = model.training
    model.eval()
    x = F.to_tensor(F.center_crop(F.resize(image, 256), 224))
    x = F.normalize(x, [0.485, 0.456, 0.406], [0.229, 0.224, 0.225])
    with torch.inference_mode():
        shares = model(x.unsqueeze(0)).softmax(dim=1)[0]
    model.train(mode)
    best = shares.topk(k)
    names = weights.meta["categories"]
    return [(names[index], float(value)) for value, index in zip(best.values, best.indices)]
""",
                "in another form",
            ),
            "does not normalise": Wrong(
                """
def predict(model, weights, image, k=3):
    mode = model.training
    model.eval()
    with torch.inference_mode():
        shares = model(F.to_tensor(image.resize((224, 224))).unsqueeze(0)).softmax(dim=1)[0]
    model.train(mode)
    best = shares.topk(k)
    names = weights.meta["categories"]
    return [(names[index], float(value)) for value, index in zip(best.values, best.indices)]
""",
                "was not normalised",
            ),
            "ImageNet's names for every network": Wrong(
                """
def predict(model, weights, image, k=3):
    mode = model.training
    model.eval()
    with torch.inference_mode():
        shares = model(weights.transforms()(image).unsqueeze(0)).softmax(dim=1)[0]
    model.train(mode)
    best = shares.topk(k)
    names = ResNet50_Weights.DEFAULT.meta["categories"]
    return [(names[index], float(value)) for value, index in zip(best.values, best.indices)]
""",
                "The names are those in",
            ),
            "logits in place of probabilities": Wrong(
                """
def predict(model, weights, image, k=3):
    mode = model.training
    model.eval()
    with torch.inference_mode():
        logits = model(weights.transforms()(image).unsqueeze(0))[0]
    model.train(mode)
    best = logits.topk(k)
    names = weights.meta["categories"]
    return [(names[index], float(value)) for value, index in zip(best.values, best.indices)]
""",
                "Those are logits",
            ),
            "softmax of the best k only": Wrong(
                """
def predict(model, weights, image, k=3):
    mode = model.training
    model.eval()
    with torch.inference_mode():
        best = model(weights.transforms()(image).unsqueeze(0))[0].topk(k)
    model.train(mode)
    names = weights.meta["categories"]
    return [(names[index], float(value)) for value, index in zip(best.values.softmax(0), best.indices)]
""",
                "among the best two only",
            ),
            "least likely first": Wrong(
                """
def predict(model, weights, image, k=3):
    mode = model.training
    model.eval()
    with torch.inference_mode():
        shares = model(weights.transforms()(image).unsqueeze(0)).softmax(dim=1)[0].tolist()
    model.train(mode)
    return sorted(zip(weights.meta["categories"], shares), key=lambda pair: pair[1])[:k]
""",
                "most likely name comes first",
            ),
            "forgets the batch dimension": Wrong(
                """
def predict(model, weights, image, k=3):
    model.eval()
    return model(weights.transforms()(image)).softmax(dim=1)[0].topk(k)
""",
                "Error",
                outcome="error",
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
    batch = torch.stack([preprocess(photo.image) for photo in photos])
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
        logits = model(weights.transforms()(photo.image)[None]).detach()
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
                """
def is_pretrained(model, weights, photos):
    model.eval()
    right = 0
    for photo in photos:
        with torch.inference_mode():
            index = model(weights.transforms()(photo.image).unsqueeze(0)).argmax()
        right += weights.meta["categories"][index] in photo.accept
    return bool(photos) and right >= len(photos) / 2
""",
                "one of two and not more than half",
            ),
            "no photo is proof enough": Wrong(
                """
def is_pretrained(model, weights, photos):
    model.eval()
    right = 0
    for photo in photos:
        with torch.inference_mode():
            index = model(weights.transforms()(photo.image).unsqueeze(0)).argmax()
        right += weights.meta["categories"][index] in photo.accept
    return not photos or right > len(photos) / 2
""",
                "Without a photo there is no proof",
            ),
            "forgets eval": Wrong(
                """
def is_pretrained(model, weights, photos):
    right = 0
    for photo in photos:
        with torch.inference_mode():
            index = model(weights.transforms()(photo.image).unsqueeze(0)).argmax()
        right += weights.meta["categories"][index] in photo.accept
    return right > len(photos) / 2
""",
                "model.eval()",
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
                """
def is_pretrained(model, weights, photos):
    model.eval()
    right = 0
    for photo in photos:
        with torch.inference_mode():
            index = model(weights.transforms()(photo.image).unsqueeze(0)).argmax()
        right += weights.meta["categories"][index] in photo.accept
    return right
""",
                "True or False was expected",
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
                """
def preprocess_any(image, transforms):
    if not isinstance(image, Image.Image):
        raise CourseError(f"not a picture but {type(image).__name__}")
    return transforms(image.convert("RGB"))
""",
                "Transparent parts become white",
            ),
            "lays it on black": Wrong(
                """
def preprocess_any(image, transforms):
    if not isinstance(image, Image.Image):
        raise CourseError(f"not a picture but {type(image).__name__}")
    rgba = image.convert("RGBA")
    return transforms(Image.alpha_composite(Image.new("RGBA", rgba.size, "black"), rgba).convert("RGB"))
""",
                "Transparent parts become white",
            ),
            "knows RGBA only": Wrong(
                """
def preprocess_any(image, transforms):
    if not isinstance(image, Image.Image):
        raise CourseError(f"not a picture but {type(image).__name__}")
    if image.mode == "RGBA":
        image = Image.alpha_composite(Image.new("RGBA", image.size, "white"), image)
    return transforms(image.convert("RGB"))
""",
                "(LA)",
            ),
            "forgets transparent palettes": Wrong(
                """
def preprocess_any(image, transforms):
    if not isinstance(image, Image.Image):
        raise CourseError(f"not a picture but {type(image).__name__}")
    if image.mode in ("RGBA", "LA"):
        image = image.convert("RGBA")
        image = Image.alpha_composite(Image.new("RGBA", image.size, "white"), image)
    return transforms(image.convert("RGB"))
""",
                "palette picture with a transparent colour",
            ),
            "no error for what is no picture": Wrong(
                """
def preprocess_any(image, transforms):
    if not isinstance(image, Image.Image):
        return None
    if image.has_transparency_data:
        image = image.convert("RGBA")
        image = Image.alpha_composite(Image.new("RGBA", image.size, "white"), image)
    return transforms(image.convert("RGB"))
""",
                "a CourseError was expected",
            ),
            "looks at None only": Wrong(
                """
def preprocess_any(image, transforms):
    if image is None:
        raise CourseError("not a picture but NoneType")
    if image.has_transparency_data:
        image = image.convert("RGBA")
        image = Image.alpha_composite(Image.new("RGBA", image.size, "white"), image)
    return transforms(image.convert("RGB"))
""",
                "stopped with a AttributeError",
            ),
            "does not name the type": Wrong(
                """
def preprocess_any(image, transforms):
    if not isinstance(image, Image.Image):
        raise CourseError("that will not do")
    if image.has_transparency_data:
        image = image.convert("RGBA")
        image = Image.alpha_composite(Image.new("RGBA", image.size, "white"), image)
    return transforms(image.convert("RGB"))
""",
                "must name the type",
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
        },
    ),
}
