"""Whole programs for the first part of lesson 10: the files in `tests/answers/programs`, and what differs from them."""

from __future__ import annotations

from tests.answers import Answers, Wrong, but_for
from tests.answers.programs import reason_in, sources

RIGHT = sources("right")
FEATURES, SCRIPT = RIGHT["features"], RIGHT["script"]
LOOP = but_for(RIGHT["loop"], "range(3)", "range(1)")  # once is enough to go wrong

PREPROCESSING = "uses their own preprocessing: missing"
MEASURED = "Whoever measures on photos apart finds less than half right"
LATER = "saves, and loads to the same answers: missing"

# First comes what is refused soonest: a notebook of wrong answers gets it.
IN_FILES = {name.replace("_", " "): Wrong(source, reason_in(source)) for name, source in sources("wrong").items()}
WRONG = {
    "pixels alone": IN_FILES["pixels alone"],
    **IN_FILES,
    "measures on the photos it has learned": Wrong(
        but_for(
            FEATURES,
            "    right = (head(features[val]).argmax(dim=1) == labels[val]).sum().item()\n",
            "    val = fit\n    right = (head(features[val]).argmax(dim=1) == labels[val]).sum().item()\n",
        ),
        MEASURED,
    ),
    "splits nothing": Wrong(
        but_for(
            FEATURES,
            "    val, fit = order[: len(order) // 4], order[len(order) // 4 :]\n",
            "    val = fit = order\n",
        ),
        MEASURED,
    ),
    "learns from all, measures on a part": Wrong(
        but_for(FEATURES, "order[len(order) // 4 :]\n", "order\n"),
        MEASURED,
    ),
    "splits twice": Wrong(
        but_for(FEATURES, "order[len(order) // 4 :]\n", "torch.randperm(len(labels))[len(labels) // 4 :]\n"), MEASURED
    ),
    "half of it right, whatever comes": Wrong(
        but_for(FEATURES, "    return right / len(val)\n", "    return 0.5\n"),
        "whether anything can be learned or not",
    ),
    "a network of its own, never trained": Wrong(
        but_for(
            FEATURES,
            'timm.create_model("tf_efficientnet_lite0", num_classes=0)',
            "nn.Sequential(nn.Conv2d(3, 1280, 16, 16), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten())",
        ).replace("    network.load_state_dict(dict(zip(names, entries.values(), strict=False)))\n", ""),
        "loads weights: missing: the weights lie as if newly drawn",
    ),
    "makes the accuracy up": Wrong(but_for(FEATURES, "    return right / len(val)\n", "    return 1.0\n"), MEASURED),
    "returns per cent": Wrong(
        but_for(FEATURES, "    return right / len(val)\n", "    return 100 * right / len(val)\n"),
        "and a number from 0 to 1 was expected",
    ),
    "returns no accuracy": Wrong(
        but_for(FEATURES, "    return right / len(val)\n", ""), "`train` gave back `None`, and a number from 0 to 1"
    ),
    "reports the accuracy of before": Wrong(
        but_for(
            FEATURES,
            "    optimizer = torch.optim.Adam(head.parameters(), lr=0.01)\n",
            "    right = (head(features[val]).argmin(dim=1) == labels[val]).sum().item() * 0\n"
            "    optimizer = torch.optim.Adam(head.parameters(), lr=0.01)\n",
        ).replace("    right = (head(features[val]).argmax(dim=1) == labels[val]).sum().item()\n", ""),
        "Measure the head that has learned",
    ),
    "random weights": Wrong(
        but_for(FEATURES, "    network.load_state_dict(dict(zip(names, entries.values(), strict=False)))\n", ""),
        "your network is efficientnet_lite0, and none of its numbers are the published ones",
    ),
    "strict=False swallows the names": Wrong(
        but_for(
            FEATURES,
            "network.load_state_dict(dict(zip(names, entries.values(), strict=False)))",
            "network.load_state_dict(entries, strict=False)",
        ),
        "`strict=False`",
    ),
    "loads half of the names": Wrong(
        but_for(
            FEATURES,
            "network.load_state_dict(dict(zip(names, entries.values(), strict=False)))",
            "network.load_state_dict(dict(list(zip(names, entries.values()))[:200]), strict=False)",
        ),
        "of the published numbers of efficientnet_lite0 your network holds",
    ),
    "ImageNet's mean and std": Wrong(
        but_for(
            FEATURES,
            "transforms.Normalize([0.5, 0.5, 0.5], [0.5, 0.5, 0.5])",
            "transforms.Normalize([0.485, 0.456, 0.406], [0.229, 0.224, 0.225])",
        ),
        "normalised with another mean and std",
    ),
    "not normalised": Wrong(
        but_for(FEATURES, "        transforms.Normalize([0.5, 0.5, 0.5], [0.5, 0.5, 0.5]),\n", ""),
        "the images are not normalised",
    ),
    "from 0 to 255": Wrong(
        but_for(FEATURES, "transforms.Normalize([0.5, 0.5, 0.5], [0.5, 0.5, 0.5])", "lambda image: 255 * image"),
        "the images run from 0 to 255",
    ),
    "normalised twice": Wrong(
        but_for(
            FEATURES,
            "        transforms.Normalize([0.5, 0.5, 0.5], [0.5, 0.5, 0.5]),\n",
            "        transforms.Normalize([0.5, 0.5, 0.5], [0.5, 0.5, 0.5]),\n" * 2,
        ),
        "normalised twice",
    ),
    "BGR": Wrong(
        but_for(
            FEATURES,
            "        transforms.ToTensor(),\n",
            "        transforms.ToTensor(),\n        lambda x: x.flip(0),\n",
        ),
        "blue and red have changed places",
    ),
    "grey": Wrong(
        but_for(
            FEATURES,
            "        transforms.ToTensor(),\n",
            "        transforms.Grayscale(3),\n        transforms.ToTensor(),\n",
        ),
        PREPROCESSING,
    ),
    "small photos stay small": Wrong(
        but_for(FEATURES, "        transforms.CenterCrop(224),\n", "        transforms.Resize((128, 128)),\n"),
        "an image of 128x128 pixels enters, and these weights ask for 224x224",
    ),
    "prepares otherwise to predict": Wrong(
        but_for(
            FEATURES,
            "    head.load_state_dict(state)\n",
            "    head.load_state_dict(state)\n    del PREPARE.transforms[3:]\n",
        ),
        "in `predict` the images are not normalised",
    ),
    "requires_grad alone": Wrong(
        but_for(FEATURES, "    network.eval()\n", ""), "freezes properly: missing: training moved `bn1.running_mean`"
    ),
    "train() undoes eval()": Wrong(
        but_for(
            LOOP,
            "        model.apply(lambda layer: layer.eval() if isinstance(layer, nn.BatchNorm2d) else None)\n",
            "",
        ),
        "In `train()` mode BatchNorm's statistics move",
    ),
    "trains the backbone as well": Wrong(
        but_for(LOOP, "backbone.model.requires_grad_(False)", "backbone.model").replace(
            "model.classifier.parameters(), lr=0.1", "model.parameters(), lr=0.01"
        ),
        "trains only what it should: missing: the optimizer moved",
    ),
    "trains the last block as well": Wrong(
        but_for(
            LOOP,
            "    return model.to(memory",
            "    model.blocks[6].requires_grad_(True)\n    return model.to(memory",
        ).replace(
            "SGD(model.classifier.parameters(), lr=0.1",
            "SGD([p for p in model.parameters() if p.requires_grad], lr=0.05",
        ),
        "freezes properly: missing: training moved `blocks.6",
    ),
    "forgets the step": Wrong(
        but_for(FEATURES, "        optimizer.step()\n", ""), "the head got gradients, and no optimizer took a step"
    ),
    "forgets backward()": Wrong(
        but_for(FEATURES, "        loss.backward()\n", ""), "moved anything. Is the head in it?"
    ),
    "one class decides for all": Wrong(
        but_for(
            FEATURES,
            "[classes[index] for index in head(features_of(photos)).argmax(dim=1).tolist()]",
            "[classes[head(features_of(photos)).mean(dim=0).argmax()] for _ in photos]",
        ),
        "beats a baseline: missing",
    ),
    "the head is in no optimizer": Wrong(
        but_for(LOOP, "model.classifier.parameters(), lr=0.1", "model.blocks.parameters(), lr=0.1"),
        "moved anything. Is the head in it?",
    ),
    "the old head, with 1000 outputs": Wrong(
        but_for(
            FEATURES,
            "    head = nn.Linear(1280, len(classes))\n    optimizer",
            "    head = nn.Linear(1280, 1000)\n    optimizer",
        ).replace(
            "    head = nn.Linear(1280, len(classes))\n    head.load", "    head = nn.Linear(1280, 1000)\n    head.load"
        ),
        "for 3 classes your head has 1000 outputs",
    ),
    "five classes, whatever comes": Wrong(
        but_for(LOOP, "len(classes))\n    photos", "5)\n    photos").replace(
            'new_model(len(saved["classes"]))', "new_model(5)"
        ),
        "for 3 classes your head has 5 outputs",
    ),
    "two classes, whatever comes": Wrong(
        but_for(
            FEATURES,
            "    head = nn.Linear(1280, len(classes))\n    optimizer",
            "    head = nn.Linear(1280, 2)\n    optimizer",
        ),
        "with 36 photos of 3 classes, your code stopped",
        outcome="error",
    ),
    "names the classes of another task": Wrong(
        but_for(
            FEATURES,
            "    classes, state = torch.load(file)\n",
            "    classes, state = ['ant', 'bee', 'wasp'], torch.load(file)[1]\n",
        ),
        "You name `ant`",
    ),
    "predicts numbers": Wrong(
        but_for(FEATURES, "[classes[index] for index in head(", "[index for index in head("),
        "and the name of a class was expected",
    ),
    "predicts a tensor": Wrong(
        but_for(
            FEATURES,
            "[classes[index] for index in head(features_of(photos)).argmax(dim=1).tolist()]",
            "head(features_of(photos)).argmax(dim=1)",
        ),
        "give a list with one name for each",
    ),
    "another order of classes": Wrong(
        but_for(FEATURES, "torch.save((classes,", "torch.save((sorted(classes, reverse=True),"),
        "the order of the classes differs",
    ),
    "off by one": Wrong(
        but_for(FEATURES, "[classes[index] for", "[classes[index - 1] for"), "the order of the classes differs"
    ),
    "a new head to predict": Wrong(
        but_for(FEATURES, "    head.load_state_dict(state)\n", ""), "What `predict` uses is not what has learned"
    ),
    "other weights to predict": Wrong(
        but_for(
            FEATURES,
            "    return [classes[index] for index in head(features_of(photos))",
            "    def load_network():\n        torch.manual_seed(2)\n"
            "        return timm.create_model('tf_efficientnet_lite0', num_classes=0).eval().requires_grad_(False)\n\n"
            "    globals()['load_network'] = load_network\n"
            "    return [classes[index] for index in head(features_of(photos))",
        ),
        "beats a baseline: missing",
    ),
    "predicts in train() mode": Wrong(
        but_for(LOOP, "    model.eval()\n    images", "    model.train()\n    images"), "works in `train()` mode"
    ),
    "another file name": Wrong(
        but_for(FEATURES, "head.state_dict()), file)", "head.state_dict()), f'{file}.pth')").replace(
            "torch.load(file)", "torch.load(f'{file}.pth')"
        ),
        "left no file `learned.pt`; it left `learned.pt.pth`",
    ),
    "saves nothing": Wrong(
        but_for(FEATURES, "    torch.save((classes, head.state_dict()), file)\n", ""), "left no file"
    ),
    "the names in a second file": Wrong(
        but_for(
            FEATURES,
            "    torch.save((classes, head.state_dict()), file)\n",
            "    torch.save(head.state_dict(), file)\n"
            "    (file.parent / 'classes.txt').write_text(chr(10).join(classes))\n",
        ).replace(
            "    classes, state = torch.load(file)\n",
            "    classes, state = (file.parent / 'classes.txt').read_text().splitlines(), torch.load(file)\n",
        ),
        "In another session, where nothing is left but the file, your code stopped with `FileNotFoundError",
        outcome="error",
    ),
    "reads the classes off the folder again": Wrong(
        but_for(FEATURES, "    torch.save((classes,", "    torch.save((folder,").replace(
            "    classes, state = torch.load(file)\n",
            "    folder, state = torch.load(file, weights_only=False)\n"
            "    classes = sorted(path.name for path in folder.iterdir())\n",
        ),
        "In another session, where nothing is left but the file",
        outcome="error",
    ),
    "saves before it learns": Wrong(
        but_for(FEATURES, "    torch.save((classes, head.state_dict()), file)\n", "").replace(
            "    optimizer = torch", "    torch.save((classes, head.state_dict()), file)\n    optimizer = torch"
        ),
        "What `predict` uses is not what has learned",
    ),
    "normalises a photo by those beside it": Wrong(
        but_for(
            FEATURES,
            "    return [classes[index] for index in head(features_of(photos))",
            "    features = features_of(photos)\n"
            "    return [classes[index] for index in head(features - features.mean(dim=0))",
        ),
        LATER,
    ),
    "the script says more than names": Wrong(
        but_for(SCRIPT, '        print("\\n".join(', '        print("the photos show:")\n        print("\\n".join('),
        "For 18 photos you gave 19 answers",
    ),
    "the script prints no accuracy": Wrong(
        but_for(
            SCRIPT, "        print(train(given.folder, given.file))\n", "        train(given.folder, given.file)\n"
        ),
        "and a number from 0 to 1 was expected",
    ),
    "the script knows other commands": Wrong(
        but_for(SCRIPT, 'add_parser("predict")', 'add_parser("test")'), "exit code 2"
    ),
}

MORE_RIGHT = {
    "the whole photo, not cropped": but_for(
        FEATURES,
        "        transforms.Resize(256, interpolation=transforms.InterpolationMode.BICUBIC),\n"
        "        transforms.CenterCrop(224),\n",
        "        transforms.Resize((224, 224)),\n",
    ),
    "LBFGS": but_for(
        FEATURES, "torch.optim.Adam(head.parameters(), lr=0.01)", "torch.optim.LBFGS(head.parameters(), max_iter=20)"
    )
    .replace("range(60)", "range(1)")
    .replace(
        """        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
""",
        """        optimizer.zero_grad()

        def closure():
            optimizer.zero_grad()
            loss = nn.functional.cross_entropy(head(features[fit]), labels[fit])
            loss.backward()
            return loss

        optimizer.step(closure)
""",
    ),
}

SCRATCH = {
    "10.1": Answers(right={name.replace("_", " "): code for name, code in RIGHT.items()} | MORE_RIGHT, wrong=WRONG)
}
