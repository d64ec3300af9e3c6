"""Right and wrong answers to lesson 06."""

from tests.answers import Answers, Wrong

ANSWERS = {
    "6.1": Answers(
        right={
            "two warm-ups, nanoseconds, median by sorting": """
@torch.no_grad()
def images_a_second(model, images, repeats):
    modes = {layer: layer.training for layer in model.modules()}
    model.eval()
    for _ in range(2):
        model(images)
    times = []
    for _ in range(repeats):
        started = time.perf_counter_ns()
        model(images)
        times.append((time.perf_counter_ns() - started) / 1e9)
    for layer, mode in modes.items():
        layer.training = mode
    return torch.tensor(len(images) / sorted(times)[len(times) // 2])
""",
            "a list of moments": """
def images_a_second(model, images, repeats):
    in_training = [layer for layer in model.modules() if layer.training]
    try:
        with torch.inference_mode():
            model.eval()(images)
            moments = [time.time()]
            for _ in range(repeats):
                model(images)
                moments.append(time.time())
    finally:
        for layer in in_training:
            layer.training = True
    return statistics.median(len(images) / (b - a) for a, b in zip(moments, moments[1:]))
""",
            "ten passes to warm up": """
@torch.inference_mode()
def images_a_second(model, images, repeats):
    modes = [(layer, layer.training) for layer in model.modules()]
    model.eval()
    for _ in range(10):
        model(images)
    times = []
    for _ in range(repeats):
        started = time.perf_counter()
        model(images)
        times.append(time.perf_counter() - started)
    for layer, mode in modes:
        layer.training = mode
    return len(images) / statistics.median(times)
""",
            "six passes to warm up, numpy's single precision": """
import numpy as np

@torch.inference_mode()
def images_a_second(model, images, repeats):
    modes = [(layer, layer.training) for layer in model.modules()]
    model.eval()
    for _ in range(6):
        model(images)
    times = []
    for _ in range(repeats):
        started = time.perf_counter()
        model(images)
        times.append(time.perf_counter() - started)
    for layer, mode in modes:
        layer.training = mode
    return len(images) / np.median(np.array(times, dtype=np.float32))
""",
            "warms up with one picture": """
@torch.inference_mode()
def images_a_second(model, images, repeats):
    modes = [(layer, layer.training) for layer in model.modules()]
    model.eval()
    model(images[:1])
    times = []
    for _ in range(repeats):
        started = time.perf_counter()
        model(images)
        times.append(time.perf_counter() - started)
    for layer, mode in modes:
        layer.training = mode
    return len(images) / statistics.median(times)
""",
            "PyTorch's median, the lower of the two in the middle": """
@torch.inference_mode()
def images_a_second(model, images, repeats):
    modes = [(layer, layer.training) for layer in model.modules()]
    model.eval()
    model(images)
    times = []
    for _ in range(repeats):
        started = time.perf_counter()
        model(images)
        times.append(time.perf_counter() - started)
    for layer, mode in modes:
        layer.training = mode
    return len(images) / torch.tensor(times).median()
""",
            "fractions": """
from fractions import Fraction

@torch.inference_mode()
def images_a_second(model, images, repeats):
    modes = [(layer, layer.training) for layer in model.modules()]
    model.eval()
    model(images)
    times = []
    for _ in range(repeats):
        started = time.perf_counter()
        model(images)
        times.append(time.perf_counter() - started)
    for layer, mode in modes:
        layer.training = mode
    return Fraction(len(images)) / Fraction(statistics.median(times))
""",
            "measures a copy": """
import copy

@torch.inference_mode()
def images_a_second(model, images, repeats):
    twin = copy.deepcopy(model).eval()
    twin(images)
    times = []
    for _ in range(repeats):
        started = time.perf_counter()
        twin(images)
        times.append(time.perf_counter() - started)
    return len(images) / statistics.median(times)
""",
            "one more pass at the end": """
@torch.inference_mode()
def images_a_second(model, images, repeats):
    modes = [(layer, layer.training) for layer in model.modules()]
    model.eval()
    model(images)
    times = []
    for _ in range(repeats):
        started = time.perf_counter()
        model(images)
        times.append(time.perf_counter() - started)
    assert model(images).isfinite().all()
    for layer, mode in modes:
        layer.training = mode
    return len(images) / statistics.median(times)
""",
            "hooks hold the watch": """
@torch.no_grad()
def images_a_second(model, images, repeats):
    modes = [(layer, layer.training) for layer in model.modules()]
    starts, ends = [], []
    before = model.register_forward_pre_hook(lambda *_: starts.append(time.perf_counter()))
    after = model.register_forward_hook(lambda *_: ends.append(time.perf_counter()))
    model.eval()
    for _ in range(1 + repeats):
        model(images)
    before.remove()
    after.remove()
    for layer, mode in modes:
        layer.training = mode
    return len(images) / statistics.median(end - start for start, end in list(zip(starts, ends))[1:])
""",
            "timeit": """
import timeit

@torch.inference_mode()
def images_a_second(model, images, repeats):
    modes = {layer: layer.training for layer in model.modules()}
    model.train(False)
    times = timeit.repeat(lambda: model(images), number=1, repeat=repeats + 1)[1:]
    for layer, mode in modes.items():
        layer.training = mode
    return len(images) / statistics.median(times)
""",
            "twelve passes to warm up": """
@torch.inference_mode()
def images_a_second(model, images, repeats):
    modes = [(layer, layer.training) for layer in model.modules()]
    model.eval()
    for _ in range(12):
        model(images)
    times = []
    for _ in range(repeats):
        started = time.perf_counter()
        model(images)
        times.append(time.perf_counter() - started)
    for layer, mode in modes:
        layer.training = mode
    return len(images) / statistics.median(times)
""",
        },
        wrong={
            "counts the slow first pass": Wrong(
                """
def images_a_second(model, images, repeats):
    mode = model.training
    model.eval()
    times = []
    with torch.inference_mode():
        for _ in range(repeats):
            started = time.perf_counter()
            model(images)
            times.append(time.perf_counter() - started)
    model.train(mode)
    return len(images) / statistics.median(times)
""",
                "warm up",
            ),
            "takes the mean": Wrong(
                """
def images_a_second(model, images, repeats):
    mode = model.training
    model.eval()
    with torch.inference_mode():
        model(images)
        started = time.perf_counter()
        for _ in range(repeats):
            model(images)
        seconds = (time.perf_counter() - started) / repeats
    model.train(mode)
    return len(images) / seconds
""",
                "the mean",
            ),
            "leaves gradients on": Wrong(
                """
def images_a_second(model, images, repeats):
    mode = model.training
    model.eval()
    times = []
    model(images)
    for _ in range(repeats):
        started = time.perf_counter()
        model(images)
        times.append(time.perf_counter() - started)
    model.train(mode)
    return len(images) / statistics.median(times)
""",
                "Gradients were on",
            ),
            "warms up with gradients": Wrong(
                """
def images_a_second(model, images, repeats):
    mode = model.training
    model.eval()
    model(images)
    times = []
    with torch.inference_mode():
        for _ in range(repeats):
            started = time.perf_counter()
            model(images)
            times.append(time.perf_counter() - started)
    model.train(mode)
    return len(images) / statistics.median(times)
""",
                "Gradients were on",
            ),
            "measures in train mode": Wrong(
                """
@torch.inference_mode()
def images_a_second(model, images, repeats):
    model(images)
    times = []
    for _ in range(repeats):
        started = time.perf_counter()
        model(images)
        times.append(time.perf_counter() - started)
    return len(images) / statistics.median(times)
""",
                "`train()` mode",
            ),
            "leaves the network in eval mode": Wrong(
                """
@torch.inference_mode()
def images_a_second(model, images, repeats):
    model.eval()
    model(images)
    times = []
    for _ in range(repeats):
        started = time.perf_counter()
        model(images)
        times.append(time.perf_counter() - started)
    return len(images) / statistics.median(times)
""",
                "put it back",
            ),
            "passes a second": Wrong(
                """
@torch.inference_mode()
def images_a_second(model, images, repeats):
    mode = model.training
    model.eval()
    model(images)
    times = []
    for _ in range(repeats):
        started = time.perf_counter()
        model(images)
        times.append(time.perf_counter() - started)
    model.train(mode)
    return 1 / statistics.median(times)
""",
                "passes a second",
            ),
            "seconds a picture": Wrong(
                """
@torch.inference_mode()
def images_a_second(model, images, repeats):
    mode = model.training
    model.eval()
    model(images)
    times = []
    for _ in range(repeats):
        started = time.perf_counter()
        model(images)
        times.append(time.perf_counter() - started)
    model.train(mode)
    return statistics.median(times) / len(images)
""",
                "upside down",
            ),
            "the fastest pass": Wrong(
                """
@torch.inference_mode()
def images_a_second(model, images, repeats):
    mode = model.training
    model.eval()
    model(images)
    times = []
    for _ in range(repeats):
        started = time.perf_counter()
        model(images)
        times.append(time.perf_counter() - started)
    model.train(mode)
    return len(images) / min(times)
""",
                "the fastest pass",
            ),
            "one picture at a time": Wrong(
                """
@torch.inference_mode()
def images_a_second(model, images, repeats):
    mode = model.training
    model.eval()
    model(images[:1])
    times = []
    for _ in range(repeats):
        started = time.perf_counter()
        model(images[:1])
        times.append(time.perf_counter() - started)
    model.train(mode)
    return 1 / statistics.median(times)
""",
                "whole batch",
            ),
            "prints and returns nothing": Wrong(
                """
@torch.inference_mode()
def images_a_second(model, images, repeats):
    print(len(images))
""",
                "one number",
            ),
            "drops the slowest pass in place of a warm-up": Wrong(
                """
@torch.inference_mode()
def images_a_second(model, images, repeats):
    modes = [(layer, layer.training) for layer in model.modules()]
    model.eval()
    times = []
    for _ in range(repeats + 1):
        started = time.perf_counter()
        model(images)
        times.append(time.perf_counter() - started)
    for layer, mode in modes:
        layer.training = mode
    return len(images) / statistics.median(sorted(times)[:-1])
""",
                "Leave the first out, whatever it took",
            ),
            "the mean without the extremes": Wrong(
                """
@torch.inference_mode()
def images_a_second(model, images, repeats):
    modes = [(layer, layer.training) for layer in model.modules()]
    model.eval()
    model(images)
    times = []
    for _ in range(repeats):
        started = time.perf_counter()
        model(images)
        times.append(time.perf_counter() - started)
    for layer, mode in modes:
        layer.training = mode
    return len(images) / statistics.mean(sorted(times)[1:-1] if repeats > 2 else times)
""",
                "without the fastest and the slowest",
            ),
            "the mean of what an even number leaves": Wrong(
                """
@torch.inference_mode()
def images_a_second(model, images, repeats):
    modes = [(layer, layer.training) for layer in model.modules()]
    model.eval()
    model(images)
    times = []
    for _ in range(repeats):
        started = time.perf_counter()
        model(images)
        times.append(time.perf_counter() - started)
    for layer, mode in modes:
        layer.training = mode
    return len(images) / (statistics.median(times) if repeats % 2 else statistics.mean(times))
""",
                "For 4 counted passes of 16 pictures your number is the mean",
            ),
            "thirty passes to warm up": Wrong(
                """
@torch.inference_mode()
def images_a_second(model, images, repeats):
    modes = [(layer, layer.training) for layer in model.modules()]
    model.eval()
    for _ in range(30):
        model(images)
    times = []
    for _ in range(repeats):
        started = time.perf_counter()
        model(images)
        times.append(time.perf_counter() - started)
    for layer, mode in modes:
        layer.training = mode
    return len(images) / statistics.median(times)
""",
                "that is waste",
            ),
            "switches requires_grad off": Wrong(
                """
@torch.inference_mode()
def images_a_second(model, images, repeats):
    modes = [(layer, layer.training) for layer in model.modules()]
    model.eval().requires_grad_(False)
    model(images)
    times = []
    for _ in range(repeats):
        started = time.perf_counter()
        model(images)
        times.append(time.perf_counter() - started)
    for layer, mode in modes:
        layer.training = mode
    return len(images) / statistics.median(times)
""",
                "changed `requires_grad` of `head.weight`",
            ),
            "puts all layers into the mode of the network": Wrong(
                """
@torch.inference_mode()
def images_a_second(model, images, repeats):
    modes = [(layer, layer.training) for layer in model.modules()]
    model.eval()
    model(images)
    times = []
    for _ in range(repeats):
        started = time.perf_counter()
        model(images)
        times.append(time.perf_counter() - started)
    model.train(modes[0][1])
    return len(images) / statistics.median(times)
""",
                "Its layer `norm` came in `eval()` mode",
            ),
            "the middle of the unsorted list": Wrong(
                """
@torch.inference_mode()
def images_a_second(model, images, repeats):
    modes = [(layer, layer.training) for layer in model.modules()]
    model.eval()
    model(images)
    times = []
    for _ in range(repeats):
        started = time.perf_counter()
        model(images)
        times.append(time.perf_counter() - started)
    for layer, mode in modes:
        layer.training = mode
    return len(images) / times[len(times) // 2]
""",
                "the middle of the unsorted list",
            ),
            "the first pass after the warm-up": Wrong(
                """
@torch.inference_mode()
def images_a_second(model, images, repeats):
    modes = [(layer, layer.training) for layer in model.modules()]
    model.eval()
    model(images)
    times = []
    for _ in range(repeats):
        started = time.perf_counter()
        model(images)
        times.append(time.perf_counter() - started)
    for layer, mode in modes:
        layer.training = mode
    return len(images) / times[0]
""",
                "the first of the passes that count",
            ),
            "the last pass": Wrong(
                """
@torch.inference_mode()
def images_a_second(model, images, repeats):
    modes = [(layer, layer.training) for layer in model.modules()]
    model.eval()
    model(images)
    times = []
    for _ in range(repeats):
        started = time.perf_counter()
        model(images)
        times.append(time.perf_counter() - started)
    for layer, mode in modes:
        layer.training = mode
    return len(images) / times[-1]
""",
                "the last pass alone",
            ),
            "the slowest pass": Wrong(
                """
@torch.inference_mode()
def images_a_second(model, images, repeats):
    modes = [(layer, layer.training) for layer in model.modules()]
    model.eval()
    model(images)
    times = []
    for _ in range(repeats):
        started = time.perf_counter()
        model(images)
        times.append(time.perf_counter() - started)
    for layer, mode in modes:
        layer.training = mode
    return len(images) / max(times)
""",
                "the slowest pass",
            ),
            "all passes with the first": Wrong(
                """
@torch.inference_mode()
def images_a_second(model, images, repeats):
    modes = [(layer, layer.training) for layer in model.modules()]
    model.eval()
    times = []
    for _ in range(repeats + 1):
        started = time.perf_counter()
        model(images)
        times.append(time.perf_counter() - started)
    for layer, mode in modes:
        layer.training = mode
    return len(images) / statistics.median(times)
""",
                "the median of all passes",
            ),
            "the warm-up is one of the passes": Wrong(
                """
@torch.inference_mode()
def images_a_second(model, images, repeats):
    modes = [(layer, layer.training) for layer in model.modules()]
    model.eval()
    model(images)
    times = []
    for _ in range(max(1, repeats - 1)):
        started = time.perf_counter()
        model(images)
        times.append(time.perf_counter() - started)
    for layer, mode in modes:
        layer.training = mode
    return len(images) / statistics.median(times)
""",
                "one pass to warm up and 5 that count make 6 or more",
            ),
            "puts only BatchNorm back into its mode": Wrong(
                """
@torch.inference_mode()
def images_a_second(model, images, repeats):
    modes = [(layer, layer.training) for layer in model.modules()]
    model.eval()
    model(images)
    times = []
    for _ in range(repeats):
        started = time.perf_counter()
        model(images)
        times.append(time.perf_counter() - started)
    model.train(modes[0][1])
    for layer, mode in modes:
        if isinstance(layer, nn.BatchNorm1d):
            layer.training = mode
    return len(images) / statistics.median(times)
""",
                "Its layer `drop` came in `eval()` mode",
            ),
            "puts BatchNorm and Dropout back into their modes": Wrong(
                """
@torch.inference_mode()
def images_a_second(model, images, repeats):
    modes = [(layer, layer.training) for layer in model.modules()]
    model.eval()
    model(images)
    times = []
    for _ in range(repeats):
        started = time.perf_counter()
        model(images)
        times.append(time.perf_counter() - started)
    model.train(modes[0][1])
    for layer, mode in modes:
        if isinstance(layer, (nn.BatchNorm1d, nn.Dropout)):
            layer.training = mode
    return len(images) / statistics.median(times)
""",
                "Its layer `head` came in `eval()` mode",
            ),
            "turns gradients off for good": Wrong(
                """
def images_a_second(model, images, repeats):
    modes = [(layer, layer.training) for layer in model.modules()]
    torch.set_grad_enabled(False)
    model.eval()
    model(images)
    times = []
    for _ in range(repeats):
        started = time.perf_counter()
        model(images)
        times.append(time.perf_counter() - started)
    for layer, mode in modes:
        layer.training = mode
    return len(images) / statistics.median(times)
""",
                "are off after it",
            ),
            "leaves its hooks": Wrong(
                """
@torch.inference_mode()
def images_a_second(model, images, repeats):
    modes = [(layer, layer.training) for layer in model.modules()]
    starts, ends = [], []
    model.register_forward_pre_hook(lambda *_: starts.append(time.perf_counter()))
    model.register_forward_hook(lambda *_: ends.append(time.perf_counter()))
    model.eval()
    for _ in range(1 + repeats):
        model(images)
    for layer, mode in modes:
        layer.training = mode
    return len(images) / statistics.median(end - start for start, end in list(zip(starts, ends))[1:])
""",
                "left a hook",
            ),
            "sets the weights to zero": Wrong(
                """
@torch.inference_mode()
def images_a_second(model, images, repeats):
    modes = [(layer, layer.training) for layer in model.modules()]
    for parameter in model.parameters():
        parameter.zero_()
    model.eval()
    model(images)
    times = []
    for _ in range(repeats):
        started = time.perf_counter()
        model(images)
        times.append(time.perf_counter() - started)
    for layer, mode in modes:
        layer.training = mode
    return len(images) / statistics.median(times)
""",
                "changed the numbers in",
            ),
            "leaves layers in double precision": Wrong(
                """
@torch.inference_mode()
def images_a_second(model, images, repeats):
    modes = [(layer, layer.training) for layer in model.modules()]
    model.double().head.float()
    model.eval()
    model(images)
    times = []
    for _ in range(repeats):
        started = time.perf_counter()
        model(images)
        times.append(time.perf_counter() - started)
    for layer, mode in modes:
        layer.training = mode
    return len(images) / statistics.median(times)
""",
                "in another dtype",
            ),
        },
    ),
    "6.2": Answers(
        right={
            "from fast to slow with a best so far": """
def frontier(networks):
    kept, best = [], -math.inf
    for speed in sorted({one["speed"] for one in networks}, reverse=True):
        rivals = [one for one in networks if one["speed"] == speed]
        most = max(one["accuracy"] for one in rivals)
        if most > best:
            kept += [one["name"] for one in rivals if one["accuracy"] == most]
            best = most
    return kept
""",
            "a set, by tuples": """
def frontier(networks):
    points = {one["name"]: (one["speed"], one["accuracy"]) for one in networks}
    return {
        name
        for name, mine in points.items()
        if not any(other != mine and other[0] >= mine[0] and other[1] >= mine[1] for other in points.values())
    }
""",
            "a frozenset": """
def frontier(networks):
    def beats(a, b):
        better = a["speed"] > b["speed"] or a["accuracy"] > b["accuracy"]
        return better and a["speed"] >= b["speed"] and a["accuracy"] >= b["accuracy"]

    return frozenset(b["name"] for b in networks if not any(beats(a, b) for a in networks))
""",
        },
        wrong={
            "beaten only if worse in both": Wrong(
                """
def frontier(networks):
    return [
        b["name"]
        for b in networks
        if not any(a["speed"] > b["speed"] and a["accuracy"] > b["accuracy"] for a in networks)
    ]
""",
                "beats it",
            ),
            "twins beat each other": Wrong(
                """
def frontier(networks):
    return [
        b["name"]
        for b in networks
        if not any(
            a is not b and a["speed"] >= b["speed"] and a["accuracy"] >= b["accuracy"] for a in networks
        )
    ]
""",
                "Two with the same numbers",
            ),
            "every network beats itself": Wrong(
                """
def frontier(networks):
    return [
        b["name"]
        for b in networks
        if not any(a["speed"] >= b["speed"] and a["accuracy"] >= b["accuracy"] for a in networks)
    ]
""",
                "yours lacks",
            ),
            "only the extremes": Wrong(
                """
def frontier(networks):
    if not networks:
        return []
    fastest = max(networks, key=lambda one: (one["speed"], one["accuracy"]))
    best = max(networks, key=lambda one: (one["accuracy"], one["speed"]))
    return list({fastest["name"], best["name"]})
""",
                "yours lacks",
            ),
            "takes speed for seconds": Wrong(
                """
def frontier(networks):
    def beats(a, b):
        no_worse = a["speed"] <= b["speed"] and a["accuracy"] >= b["accuracy"]
        return no_worse and (a["speed"] < b["speed"] or a["accuracy"] > b["accuracy"])

    return [b["name"] for b in networks if not any(beats(a, b) for a in networks)]
""",
                "beats it",
            ),
            "believes the list is sorted": Wrong(
                """
def frontier(networks):
    kept, best = [], -1
    for one in networks:
        if one["accuracy"] > best:
            kept.append(one["name"])
            best = one["accuracy"]
    return kept
""",
                "In no order",
            ),
            "sorts the learner's list": Wrong(
                """
def frontier(networks):
    networks.sort(key=lambda one: -one["speed"])
    kept, best = [], -1
    for one in networks:
        if one["accuracy"] > best:
            kept.append(one["name"])
            best = one["accuracy"]
    return kept
""",
                "changed the list",
            ),
            "fails on an empty list": Wrong(
                """
def frontier(networks):
    ordered = sorted(networks, key=lambda one: (-one["speed"], -one["accuracy"]))
    kept = [ordered[0]["name"]]
    return kept + [b["name"] for a, b in zip(ordered, ordered[1:]) if b["accuracy"] > a["accuracy"]]
""",
                "IndexError",
                outcome="error",
            ),
            "returns the rows": Wrong(
                """
def frontier(networks):
    def beats(a, b):
        return a["speed"] >= b["speed"] and a["accuracy"] >= b["accuracy"] and a != b

    return [b for b in networks if not any(beats(a, b) for a in networks)]
""",
                "list of names",
            ),
            "takes an accuracy of 0 for none": Wrong(
                """
def frontier(networks):
    kept, best = [], 0
    for speed in sorted({one["speed"] for one in networks}, reverse=True):
        rivals = [one for one in networks if one["speed"] == speed]
        most = max(one["accuracy"] for one in rivals)
        if most > best:
            kept += [one["name"] for one in rivals if one["accuracy"] == most]
            best = most
    return kept
""",
                "with an accuracy of 0",
            ),
            "rounds the speed": Wrong(
                """
def frontier(networks):
    points = {one["name"]: (round(one["speed"], 1), one["accuracy"]) for one in networks}
    return [
        name
        for name, mine in points.items()
        if not any(other != mine and other[0] >= mine[0] and other[1] >= mine[1] for other in points.values())
    ]
""",
                "One faster by two hundredths",
            ),
            "rounds the accuracy": Wrong(
                """
def frontier(networks):
    points = {one["name"]: (one["speed"], round(one["accuracy"])) for one in networks}
    return [
        name
        for name, mine in points.items()
        if not any(other != mine and other[0] >= mine[0] and other[1] >= mine[1] for other in points.values())
    ]
""",
                "One more accurate by two hundredths",
            ),
            "rounds both to two places": Wrong(
                """
def frontier(networks):
    points = {one["name"]: (round(one["speed"], 2), round(one["accuracy"], 2)) for one in networks}
    return [
        name
        for name, mine in points.items()
        if not any(other != mine and other[0] >= mine[0] and other[1] >= mine[1] for other in points.values())
    ]
""",
                "One faster by a thousandth",
            ),
            "takes close for equal": Wrong(
                """
def frontier(networks):
    def beats(a, b):
        same = math.isclose(a["speed"], b["speed"], rel_tol=1e-3)
        same = same and math.isclose(a["accuracy"], b["accuracy"], rel_tol=1e-4)
        return a["speed"] >= b["speed"] and a["accuracy"] >= b["accuracy"] and not same

    return [b["name"] for b in networks if not any(beats(a, b) for a in networks)]
""",
                "One faster by a thousandth",
            ),
        },
    ),
    "6.3": Answers(
        right={
            "by splitting, with unflatten": """
def resize_positions(positions, new_grid):
    token, patches = positions.split([1, positions.shape[1] - 1], dim=1)
    side = round(patches.shape[1] ** 0.5)
    if side**2 != patches.shape[1]:
        raise ValueError(f"no square: {patches.shape[1]}")
    grid = patches.transpose(1, 2).unflatten(2, (side, side))
    grid = nn.functional.interpolate(grid, (new_grid, new_grid), mode="bicubic", align_corners=True)
    return torch.hstack([token, grid.flatten(2).transpose(1, 2)])
""",
            "with torchvision's own": """
def resize_positions(positions, new_grid):
    state = {"encoder.pos_embedding": positions}
    return interpolate_embeddings(new_grid, 1, state)["encoder.pos_embedding"]
""",
            "in double precision and back": """
def resize_positions(positions, new_grid):
    token, patches = positions[:, :1], positions[:, 1:]
    n, d = math.isqrt(patches.shape[1]), patches.shape[2]
    if n * n != patches.shape[1]:
        raise ValueError("no square")
    grid = patches.double().permute(0, 2, 1).reshape(1, d, n, n)
    grid = F.interpolate(grid, size=new_grid, mode="bicubic", align_corners=True)
    return torch.cat([token, grid.to(positions.dtype).reshape(1, d, -1).permute(0, 2, 1)], dim=1)
""",
        },
        wrong={
            "resizes the class token too": Wrong(
                """
def resize_positions(positions, new_grid):
    n = math.isqrt(positions.shape[1] - 1)
    if n * n != positions.shape[1] - 1:
        raise ValueError("no square")
    flat = F.interpolate(positions.permute(0, 2, 1), size=1 + new_grid**2, mode="linear", align_corners=False)
    flat = flat.permute(0, 2, 1)
    return flat + flat.mean() * 0.1
""",
                "class token",
            ),
            "reshapes without permute": Wrong(
                """
def resize_positions(positions, new_grid):
    token, patches = positions[:, :1], positions[:, 1:]
    n, d = math.isqrt(patches.shape[1]), patches.shape[2]
    if n * n != patches.shape[1]:
        raise ValueError("no square")
    grid = F.interpolate(patches.reshape(1, d, n, n), size=new_grid, mode="bicubic", align_corners=True)
    return torch.cat([token, grid.reshape(1, new_grid**2, d)], dim=1)
""",
                "permute",
            ),
            "leaves corners unaligned": Wrong(
                """
def resize_positions(positions, new_grid):
    token, patches = positions[:, :1], positions[:, 1:]
    n, d = math.isqrt(patches.shape[1]), patches.shape[2]
    if n * n != patches.shape[1]:
        raise ValueError("no square")
    grid = F.interpolate(patches.permute(0, 2, 1).reshape(1, d, n, n), size=new_grid, mode="bicubic")
    return torch.cat([token, grid.reshape(1, d, -1).permute(0, 2, 1)], dim=1)
""",
                "align_corners",
            ),
            "interpolates linearly": Wrong(
                """
def resize_positions(positions, new_grid):
    token, patches = positions[:, :1], positions[:, 1:]
    n, d = math.isqrt(patches.shape[1]), patches.shape[2]
    if n * n != patches.shape[1]:
        raise ValueError("no square")
    grid = patches.permute(0, 2, 1).reshape(1, d, n, n)
    grid = F.interpolate(grid, size=new_grid, mode="bilinear", align_corners=True)
    return torch.cat([token, grid.reshape(1, d, -1).permute(0, 2, 1)], dim=1)
""",
                "bicubic",
            ),
            "cuts a piece out": Wrong(
                """
def resize_positions(positions, new_grid):
    return positions[:, : 1 + new_grid**2]
""",
                "differ from torchvision",
            ),
            "turns the grid": Wrong(
                """
def resize_positions(positions, new_grid):
    token, patches = positions[:, :1], positions[:, 1:]
    n, d = math.isqrt(patches.shape[1]), patches.shape[2]
    if n * n != patches.shape[1]:
        raise ValueError("no square")
    grid = patches.transpose(1, 2).reshape(1, d, n, n)
    grid = F.interpolate(grid, size=new_grid, mode="bicubic", align_corners=True) if new_grid != n else grid.mT
    return torch.cat([token, grid.permute(0, 3, 2, 1).reshape(1, -1, d)], dim=1)
""",
                "rows have become columns",
            ),
            "forgets the class token": Wrong(
                """
def resize_positions(positions, new_grid):
    patches = positions[:, 1:]
    n, d = math.isqrt(patches.shape[1]), patches.shape[2]
    if n * n != patches.shape[1]:
        raise ValueError("no square")
    grid = patches.permute(0, 2, 1).reshape(1, d, n, n)
    grid = F.interpolate(grid, size=new_grid, mode="bicubic", align_corners=True)
    return grid.reshape(1, d, -1).permute(0, 2, 1)
""",
                "should be",
            ),
            "lets PyTorch stumble over what is no square": Wrong(
                """
def resize_positions(positions, new_grid):
    token, patches = positions[:, :1], positions[:, 1:]
    n, d = math.isqrt(patches.shape[1]), patches.shape[2]
    grid = patches.permute(0, 2, 1).reshape(1, d, n, n)
    grid = F.interpolate(grid, size=new_grid, mode="bicubic", align_corners=True)
    return torch.cat([token, grid.reshape(1, d, -1).permute(0, 2, 1)], dim=1)
""",
                "raise a `ValueError`",
            ),
            "accepts what is no square": Wrong(
                """
def resize_positions(positions, new_grid):
    token, patches = positions[:, :1], positions[:, 1:]
    n, d = math.isqrt(patches.shape[1]), patches.shape[2]
    grid = patches[:, : n * n].permute(0, 2, 1).reshape(1, d, n, n)
    grid = F.interpolate(grid, size=new_grid, mode="bicubic", align_corners=True)
    return torch.cat([token, grid.reshape(1, d, -1).permute(0, 2, 1)], dim=1)
""",
                "no square grid",
            ),
            "asks how often the side goes into the count": Wrong(
                """
def resize_positions(positions, new_grid):
    token, patches = positions[:, :1], positions[:, 1:]
    n, d = math.isqrt(patches.shape[1]), patches.shape[2]
    if patches.shape[1] // n != n:
        raise ValueError("no square")
    grid = patches[:, : n * n].permute(0, 2, 1).reshape(1, d, n, n)
    grid = F.interpolate(grid, size=new_grid, mode="bicubic", align_corners=True)
    return torch.cat([token, grid.reshape(1, d, -1).permute(0, 2, 1)], dim=1)
""",
                "10 patches are no square grid",
            ),
            "counts the class token with the patches": Wrong(
                """
def resize_positions(positions, new_grid):
    token, patches = positions[:, :1], positions[:, 1:]
    n, d = round(patches.shape[1] ** 0.5), patches.shape[2]
    if n * n not in (patches.shape[1], positions.shape[1]):
        raise ValueError("no square")
    grid = patches if patches.shape[1] == n * n else positions
    grid = grid.permute(0, 2, 1).reshape(1, d, n, n)
    grid = F.interpolate(grid, size=new_grid, mode="bicubic", align_corners=True)
    return torch.cat([token, grid.reshape(1, d, -1).permute(0, 2, 1)], dim=1)
""",
                "15 patches are no square grid",
            ),
            "no permute on the way back": Wrong(
                """
def resize_positions(positions, new_grid):
    token, patches = positions[:, :1], positions[:, 1:]
    n, d = math.isqrt(patches.shape[1]), patches.shape[2]
    if n * n != patches.shape[1]:
        raise ValueError("no square")
    grid = patches.permute(0, 2, 1).reshape(1, d, n, n)
    grid = F.interpolate(grid, size=new_grid, mode="bicubic", align_corners=True)
    return torch.cat([token, grid.reshape(1, -1, d)], dim=1)
""",
                "mixed up on the way back",
            ),
            "takes the last position for the token": Wrong(
                """
def resize_positions(positions, new_grid):
    token, patches = positions[:, :1], positions[:, :-1]
    n, d = math.isqrt(patches.shape[1]), patches.shape[2]
    if n * n != patches.shape[1]:
        raise ValueError("no square")
    grid = patches.permute(0, 2, 1).reshape(1, d, n, n)
    grid = F.interpolate(grid, size=new_grid, mode="bicubic", align_corners=True)
    return torch.cat([token, grid.reshape(1, d, -1).permute(0, 2, 1)], dim=1)
""",
                "with the class token in it",
            ),
            "smooths with antialias": Wrong(
                """
def resize_positions(positions, new_grid):
    token, patches = positions[:, :1], positions[:, 1:]
    n, d = math.isqrt(patches.shape[1]), patches.shape[2]
    if n * n != patches.shape[1]:
        raise ValueError("no square")
    grid = patches.permute(0, 2, 1).reshape(1, d, n, n)
    grid = F.interpolate(grid, size=new_grid, mode="bicubic", align_corners=True, antialias=True)
    return torch.cat([token, grid.reshape(1, d, -1).permute(0, 2, 1)], dim=1)
""",
                "antialias=True",
            ),
            "a scale in place of a size": Wrong(
                """
def resize_positions(positions, new_grid):
    token, patches = positions[:, :1], positions[:, 1:]
    n, d = math.isqrt(patches.shape[1]), patches.shape[2]
    if n * n != patches.shape[1]:
        raise ValueError("no square")
    grid = patches.permute(0, 2, 1).reshape(1, d, n, n)
    grid = F.interpolate(grid, scale_factor=new_grid / n, mode="bicubic", align_corners=True)
    return torch.cat([token, grid.reshape(1, d, -1).permute(0, 2, 1)], dim=1)
""",
                "`scale_factor` is rounded down",
            ),
            "computes in double precision": Wrong(
                """
def resize_positions(positions, new_grid):
    positions = positions.double()
    token, patches = positions[:, :1], positions[:, 1:]
    n, d = math.isqrt(patches.shape[1]), patches.shape[2]
    if n * n != patches.shape[1]:
        raise ValueError("no square")
    grid = patches.permute(0, 2, 1).reshape(1, d, n, n)
    grid = F.interpolate(grid, size=new_grid, mode="bicubic", align_corners=True)
    return torch.cat([token, grid.reshape(1, d, -1).permute(0, 2, 1)], dim=1)
""",
                "give back the dtype that came in",
            ),
        },
    ),
    "6.4": Answers(
        right={
            "one pass over the list": """
def choose(networks, most_megabytes, least_speed):
    best, small, fast, both = None, False, False, False
    for one in networks:
        fits, keeps_up = one["megabytes"] <= most_megabytes, one["speed"] >= least_speed
        small, fast, both = small or fits, fast or keeps_up, both or (fits and keeps_up)
        accuracy = one["accuracy"]
        if not (fits and keeps_up) or accuracy is None or accuracy != accuracy:
            continue
        if best is None or (accuracy, one["speed"]) > (best["accuracy"], best["speed"]):
            best = one
    if best:
        return best["name"]
    if both:
        raise ValueError("the accuracy of all that fit within megabytes and speed is unknown: measure it")
    limits = [word for word, met in (("megabytes", small), ("speed", fast)) if not met]
    raise ValueError("loosen " + " or ".join(limits or ["megabytes", "speed"]))
""",
            "by sorting": """
def choose(networks, most_megabytes, least_speed):
    def known(one):
        return isinstance(one["accuracy"], (int, float)) and math.isfinite(one["accuracy"])

    too_large = all(one["megabytes"] > most_megabytes for one in networks)
    too_slow = all(one["speed"] < least_speed for one in networks)
    if too_large or too_slow:
        raise ValueError("too many megabytes" * too_large + " too little speed" * too_slow)
    left = [one for one in networks if one["megabytes"] <= most_megabytes and one["speed"] >= least_speed]
    if not left:
        raise ValueError("megabytes and speed cannot both be had")
    left = sorted(filter(known, left), key=lambda one: (-one["accuracy"], -one["speed"]))
    if not left:
        raise ValueError("unknown accuracy")
    return left[0]["name"]
""",
            "in capitals": """
def choose(networks, most_megabytes, least_speed):
    def known(one):
        return one["accuracy"] is not None and not math.isnan(one["accuracy"])

    small = [one for one in networks if one["megabytes"] <= most_megabytes]
    fast = [one for one in networks if one["speed"] >= least_speed]
    fitting = [one for one in small if one in fast]
    if networks and not small and fast:
        raise ValueError(f"Megabytes: none has {most_megabytes} or fewer")
    if networks and small and not fast:
        raise ValueError(f"Speed: none reaches {least_speed}")
    if not fitting:
        raise ValueError("Megabytes and Speed: none is within both limits")
    left = [one for one in fitting if known(one)]
    if not left:
        raise ValueError("Accuracy: unknown")
    return max(left, key=lambda one: (one["accuracy"], one["speed"]))["name"]
""",
            "says what fits into which limits": """
def choose(networks, most_megabytes, least_speed):
    small = [one for one in networks if one["megabytes"] <= most_megabytes]
    fast = [one for one in networks if one["speed"] >= least_speed]
    fitting = [one for one in small if one in fast]
    if not fitting:
        words = [word for word, met in (("megabytes", small), ("speed", fast)) if not met]
        raise ValueError(" and ".join(words) or "megabytes and speed")
    known = [one for one in fitting if one["accuracy"] is not None and not math.isnan(one["accuracy"])]
    if not known:
        raise ValueError("within these megabytes, at this speed, no accuracy is known")
    return max(known, key=lambda one: (one["accuracy"], one["speed"]))["name"]
""",
        },
        wrong={
            "compares with None": Wrong(
                """
def choose(networks, most_megabytes, least_speed):
    fitting = [one for one in networks if one["megabytes"] <= most_megabytes and one["speed"] >= least_speed]
    if not fitting:
        raise ValueError("nothing fits into the megabytes at this speed")
    return max(fitting, key=lambda one: one["accuracy"])["name"]
""",
                "TypeError",
                outcome="error",
            ),
            "lets NaN win": Wrong(
                """
def choose(networks, most_megabytes, least_speed):
    fitting = [one for one in networks if one["megabytes"] <= most_megabytes and one["speed"] >= least_speed]
    if not fitting:
        raise ValueError("nothing fits into the megabytes at this speed")
    known = [one for one in fitting if one["accuracy"] is not None]
    return max(known, key=lambda one: (one["accuracy"], one["speed"]))["name"]
""",
                "NaN",
            ),
            "takes the first of equals": Wrong(
                """
def choose(networks, most_megabytes, least_speed):
    fitting = [one for one in networks if one["megabytes"] <= most_megabytes and one["speed"] >= least_speed]
    known = [one for one in fitting if one["accuracy"] is not None and not math.isnan(one["accuracy"])]
    return max(known, key=lambda one: one["accuracy"])["name"]
""",
                "equally accurate",
            ),
            "excludes the limits": Wrong(
                """
def choose(networks, most_megabytes, least_speed):
    fitting = [one for one in networks if one["megabytes"] < most_megabytes and one["speed"] > least_speed]
    known = [one for one in fitting if one["accuracy"] is not None and not math.isnan(one["accuracy"])]
    if not known:
        raise ValueError("megabytes")
    return max(known, key=lambda one: (one["accuracy"], one["speed"]))["name"]
""",
                "exactly on both limits",
            ),
            "takes 0 for unknown": Wrong(
                """
def choose(networks, most_megabytes, least_speed):
    fitting = [one for one in networks if one["megabytes"] <= most_megabytes and one["speed"] >= least_speed]
    known = [one for one in fitting if one["accuracy"] and not math.isnan(one["accuracy"])]
    if not known:
        return None
    return max(known, key=lambda one: (one["accuracy"], one["speed"]))["name"]
""",
                "accuracy of 0 is known",
            ),
            "looks at one limit only": Wrong(
                """
def choose(networks, most_megabytes, least_speed):
    fitting = [one for one in networks if one["megabytes"] <= most_megabytes]
    known = [one for one in fitting if one["accuracy"] is not None and not math.isnan(one["accuracy"])]
    if not known:
        raise ValueError("megabytes")
    return max(known, key=lambda one: (one["accuracy"], one["speed"]))["name"]
""",
                "speed",
            ),
            "returns None where nothing fits": Wrong(
                """
def choose(networks, most_megabytes, least_speed):
    fitting = [one for one in networks if one["megabytes"] <= most_megabytes and one["speed"] >= least_speed]
    known = [one for one in fitting if one["accuracy"] is not None and not math.isnan(one["accuracy"])]
    if not known:
        return None
    return max(known, key=lambda one: (one["accuracy"], one["speed"]))["name"]
""",
                "Raise a `ValueError`",
            ),
            "blames both limits always": Wrong(
                """
def choose(networks, most_megabytes, least_speed):
    fitting = [one for one in networks if one["megabytes"] <= most_megabytes and one["speed"] >= least_speed]
    known = [one for one in fitting if one["accuracy"] is not None and not math.isnan(one["accuracy"])]
    if not known:
        raise ValueError("megabytes or speed")
    return max(known, key=lambda one: (one["accuracy"], one["speed"]))["name"]
""",
                "not what is in the way",
            ),
            "lets max complain": Wrong(
                """
def choose(networks, most_megabytes, least_speed):
    fitting = [one for one in networks if one["megabytes"] <= most_megabytes and one["speed"] >= least_speed]
    known = [one for one in fitting if one["accuracy"] is not None and not math.isnan(one["accuracy"])]
    return max(known, key=lambda one: (one["accuracy"], one["speed"]))["name"]
""",
                "should name `megabytes`",
            ),
            "removes what does not fit from the list": Wrong(
                """
def choose(networks, most_megabytes, least_speed):
    for one in list(networks):
        if one["megabytes"] > most_megabytes or one["speed"] < least_speed:
            networks.remove(one)
    return max(networks, key=lambda one: (one["accuracy"], one["speed"]))["name"]
""",
                "changed the list",
            ),
            "blames the accuracy always": Wrong(
                """
def choose(networks, most_megabytes, least_speed):
    def known(one):
        return one["accuracy"] is not None and not math.isnan(one["accuracy"])

    small = [one for one in networks if one["megabytes"] <= most_megabytes]
    fast = [one for one in networks if one["speed"] >= least_speed]
    fitting = [one for one in small if one in fast]
    if not fitting and small:
        raise ValueError("megabytes or speed or accuracy")
    if not fitting:
        raise ValueError("megabytes or accuracy")
    left = [one for one in fitting if known(one)]
    if not left:
        raise ValueError("accuracy")
    return max(left, key=lambda one: (one["accuracy"], one["speed"]))["name"]
""",
                "blames `accuracy`",
            ),
            "asks for the limits only among the known": Wrong(
                """
def choose(networks, most_megabytes, least_speed):
    known = [one for one in networks if one["accuracy"] is not None and not math.isnan(one["accuracy"])]
    small = [one for one in known if one["megabytes"] <= most_megabytes]
    fast = [one for one in known if one["speed"] >= least_speed]
    fitting = [one for one in small if one in fast]
    if fitting:
        return max(fitting, key=lambda one: (one["accuracy"], one["speed"]))["name"]
    if any(one["megabytes"] <= most_megabytes and one["speed"] >= least_speed for one in networks):
        raise ValueError("accuracy")
    words = [word for word, met in (("megabytes", small), ("speed", fast)) if not met]
    raise ValueError(" and ".join(words) or "megabytes and speed")
""",
                "a is small enough, and no network is fast enough",
            ),
            "drops the unknown before all else": Wrong(
                """
def choose(networks, most_megabytes, least_speed):
    known = [one for one in networks if one["accuracy"] is not None and not math.isnan(one["accuracy"])]
    small = [one for one in known if one["megabytes"] <= most_megabytes]
    fast = [one for one in known if one["speed"] >= least_speed]
    fitting = [one for one in small if one in fast]
    if fitting:
        return max(fitting, key=lambda one: (one["accuracy"], one["speed"]))["name"]
    words = [word for word, met in (("megabytes", small), ("speed", fast)) if not met]
    raise ValueError(" and ".join(words) or "megabytes and speed")
""",
                "accuracy is unknown",
            ),
            "stops at the first unmet limit": Wrong(
                """
def choose(networks, most_megabytes, least_speed):
    def known(one):
        return one["accuracy"] is not None and not math.isnan(one["accuracy"])

    small = [one for one in networks if one["megabytes"] <= most_megabytes]
    fast = [one for one in networks if one["speed"] >= least_speed]
    fitting = [one for one in small if one in fast]
    if not small:
        raise ValueError("megabytes")
    if not fast:
        raise ValueError("speed")
    if not fitting:
        raise ValueError("megabytes and speed")
    left = [one for one in fitting if known(one)]
    if not left:
        raise ValueError("accuracy")
    return max(left, key=lambda one: (one["accuracy"], one["speed"]))["name"]
""",
                "no network is small enough, and none is fast enough",
            ),
            "returns nothing for an empty list": Wrong(
                """
def choose(networks, most_megabytes, least_speed):
    def known(one):
        return one["accuracy"] is not None and not math.isnan(one["accuracy"])

    if not networks:
        return None
    small = [one for one in networks if one["megabytes"] <= most_megabytes]
    fast = [one for one in networks if one["speed"] >= least_speed]
    fitting = [one for one in small if one in fast]
    if not fitting:
        words = [word for word, met in (("megabytes", small), ("speed", fast)) if not met]
        raise ValueError(" and ".join(words) or "megabytes and speed")
    left = [one for one in fitting if known(one)]
    if not left:
        raise ValueError("accuracy")
    return max(left, key=lambda one: (one["accuracy"], one["speed"]))["name"]
""",
                "the list is empty",
            ),
            "clears the list before it raises": Wrong(
                """
def choose(networks, most_megabytes, least_speed):
    small = [one for one in networks if one["megabytes"] <= most_megabytes]
    fast = [one for one in networks if one["speed"] >= least_speed]
    fitting = [one for one in small if one in fast]
    if not fitting:
        words = [word for word, met in (("megabytes", small), ("speed", fast)) if not met]
        networks.clear()
        raise ValueError(" and ".join(words) or "megabytes and speed")
    known = [one for one in fitting if one["accuracy"] is not None and not math.isnan(one["accuracy"])]
    if not known:
        raise ValueError("accuracy")
    return max(known, key=lambda one: (one["accuracy"], one["speed"]))["name"]
""",
                "changed the list",
            ),
            "breaks ties by size": Wrong(
                """
def choose(networks, most_megabytes, least_speed):
    small = [one for one in networks if one["megabytes"] <= most_megabytes]
    fast = [one for one in networks if one["speed"] >= least_speed]
    fitting = [one for one in small if one in fast]
    if not fitting:
        words = [word for word, met in (("megabytes", small), ("speed", fast)) if not met]
        raise ValueError(" and ".join(words) or "megabytes and speed")
    known = [one for one in fitting if one["accuracy"] is not None and not math.isnan(one["accuracy"])]
    if not known:
        raise ValueError("accuracy")
    return max(known, key=lambda one: (one["accuracy"], one["megabytes"]))["name"]
""",
                "Equally accurate, and b is faster",
            ),
            "rounds the accuracy": Wrong(
                """
def choose(networks, most_megabytes, least_speed):
    small = [one for one in networks if one["megabytes"] <= most_megabytes]
    fast = [one for one in networks if one["speed"] >= least_speed]
    fitting = [one for one in small if one in fast]
    if not fitting:
        words = [word for word, met in (("megabytes", small), ("speed", fast)) if not met]
        raise ValueError(" and ".join(words) or "megabytes and speed")
    known = [one for one in fitting if one["accuracy"] is not None and not math.isnan(one["accuracy"])]
    if not known:
        raise ValueError("accuracy")
    return max(known, key=lambda one: (round(one["accuracy"]), one["speed"]))["name"]
""",
                "more accurate by a tenth",
            ),
        },
    ),
}
