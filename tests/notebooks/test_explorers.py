"""What the lessons' controls draw: the cells as they stand in the notebooks, held to truths found another way."""

from __future__ import annotations

import copy
import re
from collections.abc import Iterable
from typing import ClassVar

import pytest
import torch
from torch import nn
from torchvision.models import VisionTransformer, resnet18

from helpers.course import explorer
from helpers.course.lessons import find_lessons
from helpers.models import load_backbone


def after(lesson: str, cells: Iterable[str], instead: dict[str, str] | None = None, **names) -> dict:
    """What a learner has after the parameters, the imports, `names` and then these cells, by id or as code."""
    notebook = find_lessons([lesson])[0].read()
    sources = {cell.id: cell.source for cell in notebook.cells}
    first = [cell.source for cell in notebook.cells if {"parameters", "imports"} & set(cell.metadata.get("tags", []))]
    have: dict = {}
    for source in first:
        exec(source, have)
    have |= names
    for cell in cells:
        source = sources.get(cell, cell)
        for old, new in (instead or {}).items():
            source = source.replace(old, new)
        exec(source, have)
    return have


@pytest.fixture(scope="module")
def unshown():
    """For what several tests share: `explore` does nothing meanwhile."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("helpers.course.explore", lambda *args, **options: None)
        yield


@pytest.fixture
def asked(monkeypatch):
    """The calls of `explore`, whose first figure is drawn and not shown."""
    calls = []

    def remember(draw, choices, labels=None, *, start=None, caption="", of=None):
        values = {name: explorer._beginning(name, found, start or {}) for name, found in choices.items()}
        calls.append((draw(**values).alt, choices, labels or {}))

    monkeypatch.setattr("helpers.course.explore", remember)
    return calls


@pytest.fixture(scope="module")
def lesson_01(unshown):
    """Lesson 01 as far as its controls need it."""
    return after(
        "01",
        [
            *("what-weights-promise-code", "load-code", "the-preprocessing-step-by-step-code"),
            "photos = example_photos()\ncategories = meta['categories']",
            *("images = [photo.image for photo in photos.values()]", "what-it-says-about-six-photos-code"),
            *("common-mistake-the-right-weights-the-wrong-pictu-code-3", "c1a10002", "c1a10003"),
            *("preprocess_any = exercise('1.4').yours()", "c1b10002", "c1b10003"),
        ],
    )


@pytest.fixture(scope="module")
def maps(unshown):
    """The functions of lesson 05 that make maps."""
    return after("05", ["c5a10002", "c5a10004"])


@pytest.fixture(scope="module")
def steps(unshown):
    """Lesson 05's step with rates of one's own, on a few random pictures."""
    torch.manual_seed(0)
    return after(
        "05",
        [
            "from helpers.models.groups import layers_of, parameter_groups, stages_of",
            *("a980741c", "parts = stages_of(fresh_network(SEED), 4)", "0783c23d", "c5b10002", "c5b10003"),
        ],
        X=torch.randn(10, 3, 64, 64),
        y=torch.arange(10) % 5,
        classes=list("abcde"),
        backbone=load_backbone("efficientnet_lite0"),
        chosen=lambda seed: torch.arange(10),
    )


def probabilities(alt: str) -> list[float]:
    return [float(found) for found in re.findall(r" (\d\.\d\d)\b", alt)]


class TestLesson03:
    """Which stages learn."""

    @pytest.fixture
    def cells(self, asked):
        """A small ResNet with numbers in place of a large one without: what moves can be seen."""
        instead = {'torch.device("meta")': 'torch.device("cpu")', "resnet50(": "small("}
        small = {"classes": list("abc"), "small": resnet18}
        return after("03", ["d3a10002", "d3a10003"], instead, **small)

    @pytest.mark.parametrize("mode", ["eval()", "train()"])
    @pytest.mark.parametrize("learning", [("fc",), ("layer4", "fc"), ("stem",), ()])
    def test_the_batchnorms_that_move_are_those_that_it_says(self, cells, learning, mode):
        said = re.findall(r"(\d+) of (\d+) BatchNorms move", cells["what_learns"](learning, mode).alt)
        network = cells["on_paper"]
        before = copy.deepcopy(network.state_dict())
        network(torch.randn(4, 3, 64, 64))
        for (moving, all_of_it), (stage, parts) in zip(said, cells["STAGES"].items(), strict=False):
            means = [
                name
                for name in before
                if name.endswith("running_mean") and name.startswith(tuple(f"{part}." for part in parts))
            ]
            moved = [name for name in means if not torch.equal(before[name], network.state_dict()[name])]
            assert (int(moving), int(all_of_it)) == (len(moved), len(means)), stage

    def test_adamw_keeps_what_it_says(self, cells):
        alt = cells["what_learns"](("layer4", "fc"), "eval()").alt
        learning = [p for p in cells["on_paper"].parameters() if p.requires_grad]
        assert f"{sum(p.numel() for p in learning):,} parameters learn" in alt
        for parameter in learning:
            parameter.grad = torch.zeros_like(parameter)
        optimizer = torch.optim.AdamW(learning)
        optimizer.step()
        kept = sum(state[name].nbytes for state in optimizer.state.values() for name in ("exp_avg", "exp_avg_sq"))
        assert f"AdamW's {kept / 1e6:.1f} MB" in alt

    def test_it_begins_with_the_head_alone(self, cells, asked):
        ((alt, choices, _),) = asked
        assert "1,539 parameters learn" in alt  # 512 x 3 + 3
        assert choices["learning"].options == ("stem", "layer1", "layer2", "layer3", "layer4", "fc")


class TestLesson01:
    """The preprocessing, and the network that is to be fooled."""

    RIGHT: ClassVar = {"photo": "coffee", "resize": 256, "crop": 224, "normalise": "the weights' own", "colours": "RGB"}

    def test_its_own_preprocessing_is_that_of_the_weights(self, lesson_01):
        photo = lesson_01["photos"]["coffee"].image
        straight = lesson_01["top_5"](lesson_01["transforms"](photo))
        alt = lesson_01["as_the_network_sees_it"](**self.RIGHT).alt
        assert probabilities(alt) == [round(value, 2) for value in straight.values()]
        assert f"{next(iter(straight))} " in alt and "(right)" in alt

    @pytest.mark.parametrize(
        "change",
        [
            {"resize": 480},
            {"crop": 64},
            {"normalise": "left out: 0 to 1"},
            {"normalise": "not even scaled: 0 to 255"},
            {"colours": "BGR"},
        ],
    )
    def test_each_mistake_changes_the_answer(self, lesson_01, change):
        draw = lesson_01["as_the_network_sees_it"]
        right, wrong = draw(**self.RIGHT), draw(**(self.RIGHT | change))
        assert probabilities(right.alt) != probabilities(wrong.alt)

    NOTHING: ClassVar = {"turn": 0, "shift": 0, "noise": 0.0, "square": 0, "across": 50, "down": 50}

    def test_without_a_disturbance_it_says_what_it_said(self, lesson_01):
        alt = lesson_01["disturbed"](**self.NOTHING).alt
        assert probabilities(alt) == [round(value, 2) for value in lesson_01["top_5"](lesson_01["clean"]).values()]

    @pytest.mark.parametrize("change", [{"turn": 90}, {"shift": 40}, {"noise": 1.0}, {"square": 60}])
    def test_each_disturbance_changes_the_answer_and_not_the_picture_itself(self, lesson_01, change):
        before = lesson_01["clean"].clone()
        alt = lesson_01["disturbed"](**(self.NOTHING | change)).alt
        assert probabilities(alt) != probabilities(lesson_01["disturbed"](**self.NOTHING).alt)
        assert torch.equal(lesson_01["clean"], before)

    def test_the_square_lies_where_it_says(self, lesson_01):
        figure = lesson_01["disturbed"](**(self.NOTHING | {"square": 50, "across": 100, "down": 0}))
        pixels = torch.tensor(figure.axes[0].images[0].get_array())
        half = len(pixels) // 2
        assert torch.allclose(pixels[:half, half:], torch.tensor(0.5, dtype=pixels.dtype), atol=1e-4)
        assert pixels[half:].std() > 0.05


class TestLesson06:
    """Limits over the frontier."""

    @pytest.fixture
    def cells(self, asked):
        class Weights:
            def __init__(self, top1, megabytes):
                self.top1, self.megabytes = top1, megabytes

        networks = {"small": Weights(70.0, 10), "middle": Weights(75.0, 30), "large": Weights(80.0, 90)}
        speed, memory = {"small": 100.0, "middle": 40.0, "large": 5.0}, {"small": 10.0, "middle": 50.0, "large": 40.0}
        cost = {name: {"speed": speed[name], "training MB": memory[name]} for name in networks}
        answers = ["frontier = exercise('6.2').yours()", "choose = exercise('6.4').yours()"]
        return after(
            "06",
            [*answers, "c6a10002", "c6a10003"],
            names=list(networks),
            published=networks,
            cost=cost,
            megabytes_of=lambda weights: weights.megabytes,
            top1=lambda weights: weights.top1,
        )

    def test_without_limits_all_are_left_and_the_most_accurate_is_chosen(self, cells, asked):
        ((alt, _, _),) = asked
        assert alt.startswith("3 of 3 are left. Choose: large:") and "Out" not in alt

    @pytest.mark.parametrize(
        ("limits", "says"),
        [
            ((30, 5.0, 50.0), ["2 of 3 are left. Choose: middle", "large (file too large)"]),
            ((90, 40.0, 50.0), ["2 of 3 are left. Choose: middle", "large (too slow)"]),
            ((90, 5.0, 40.0), ["2 of 3 are left. Choose: large", "middle (takes too much in training)"]),
            ((10, 40.0, 10.0), ["1 of 3 are left. Choose: small", "large (file too large, too slow, takes too much"]),
            ((10, 200.0, 10.0), ["0 of 3 are left. Choose: none", "None is left.", "small (too slow)"]),
        ],
    )
    def test_what_breaks_a_limit_is_out(self, cells, limits, says):
        alt = cells["within"](*limits).alt
        assert [part for part in says if part not in alt] == []


class TestLesson05:
    """One step with the rates of one's own, and where a network looks."""

    @pytest.fixture
    def red(self):
        """Its first logit is how much red there is, its second how much blue."""
        network = nn.Sequential(nn.Conv2d(3, 2, 1, bias=False), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(2, 2))
        network[0].weight.data = torch.tensor([[1.0, 0, 0], [0, 0, 1.0]]).view(2, 3, 1, 1)
        network[3].weight.data = torch.eye(2)
        return network.requires_grad_(False)  # frozen: it computes no gradient by itself

    def test_grad_cam_finds_what_the_logit_comes_from(self, maps, red):
        image = torch.zeros(3, 4, 6)
        image[0, 1, 2], image[2, 3, 5] = 1.0, 0.5  # red here, blue there
        for label, place in ((0, (1, 2)), (1, (3, 5))):
            heat = maps["grad_cam"](red, image, label, "0")
            assert heat.shape == (4, 6) and heat[place] == 1 and int((heat > 0).sum()) == 1
        assert not red[0]._forward_hooks, "the hook is gone"

    def test_grad_cam_leaves_out_what_speaks_against_the_answer(self, maps, red):
        red[3].weight.data = -torch.eye(2)
        assert maps["grad_cam"](red, torch.ones(3, 4, 4), 0, "0").max() == 0

    def test_tokens_stand_where_their_patches_are(self, maps):
        tokens = torch.arange(1 + 3 * 3.0).view(1, 10, 1)  # the first is the class token
        assert maps["as_grid"](tokens)[0, 0].tolist() == [[1, 2, 3], [4, 5, 6], [7, 8, 9]]

    def test_attention_is_what_the_layer_computes(self, maps):
        torch.manual_seed(0)
        vit = VisionTransformer(32, 8, num_layers=2, num_heads=2, hidden_dim=16, mlp_dim=16, num_classes=3)
        image = torch.randn(3, 32, 32)
        heat = maps["attention"](vit, image)
        block = vit.encoder.layers[-1]
        seen = []
        listening = block.ln_1.register_forward_hook(lambda module, inputs, output: seen.append(output))
        with torch.no_grad():
            vit.eval()(image[None])
            queries, keys = (
                nn.functional.linear(seen[0], weight, bias).view(17, 2, 8)
                for weight, bias in zip(
                    block.self_attention.in_proj_weight.chunk(3)[:2],
                    block.self_attention.in_proj_bias.chunk(3)[:2],
                    strict=True,
                )
            )
        listening.remove()
        shares = torch.einsum("hd,khd->hk", queries[0], keys).div(8**0.5).softmax(dim=1).mean(dim=0)[1:]
        assert torch.allclose(heat, (shares / shares.max()).view(4, 4), atol=1e-5)
        assert not block.self_attention._forward_pre_hooks and not block.self_attention._forward_hooks

    def test_each_step_begins_at_the_same_start(self, steps):
        first = steps["one_step"](1e-3, 1e-3, 1.0).alt
        assert steps["one_step"](1e-3, 1e-1, 1.0).alt != first
        assert steps["one_step"](1e-3, 1e-3, 1.0).alt == first

    def test_ten_times_the_rate_moves_ten_times_as_far(self, steps):
        ways = []
        for rate in (1e-5, 1e-4):
            steps["one_step"](1e-3, rate, 1.0)
            ways.append([steps["share_moved"](names) for names in steps["parts"].values()])
        *stages, head = [far / near for near, far in zip(*ways, strict=True)]
        assert stages == pytest.approx([10] * 4, rel=0.02) and head == pytest.approx(1, rel=0.02)

    def test_earlier_stages_get_a_share_of_the_rate(self, steps):
        ways = []
        for share in (1.0, 0.1):
            steps["one_step"](1e-3, 1e-3, share)
            ways.append([steps["share_moved"](names) for names in steps["parts"].values()])
        ratios = [small / large for large, small in zip(*ways, strict=True)]
        assert ratios == pytest.approx([1e-3, 1e-2, 1e-1, 1, 1], rel=0.05)
