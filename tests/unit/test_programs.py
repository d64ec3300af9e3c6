"""How whole programs are run and watched, with small networks: what is noted, and that all is as it was afterwards."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import ImageOps
from torch import nn
from torch.nn.modules import module as modules
from torch.optim import optimizer as optimizers

from helpers.checking.programs import photos
from helpers.checking.programs.judging import Line, _form_of, is_missing, on_trial, verdict
from helpers.checking.programs.running import as_program
from helpers.checking.programs.watching import Seen, watched
from helpers.checking.programs.weights import drawn_share, pretrained
from helpers.course.verdicts import Incorrect
from helpers.lessons import exercise
from helpers.models import load_backbone

SCRIPT = """
import sys
print("a greeting")
if sys.argv[1] == "train":
    print(len(sys.argv), __name__)
    print(0.5)
else:
    print("\\n".join(sys.argv[3:]))
"""


class Half:
    def train(self, folder, file):
        return folder / file


class Backbone(nn.Module):
    """Colour images to features [n, 8], with BatchNorm; its parts can be called one by one."""

    def __init__(self):
        super().__init__()
        self.stem = nn.Conv2d(3, 8, 3)
        self.norm = nn.BatchNorm2d(8)

    def forward(self, images):
        return self.norm(self.stem(images)).mean(dim=(2, 3))


def photos_of_noise(count: int = 4) -> torch.Tensor:
    return torch.rand(count, 3, 32, 32)


def trained(network: nn.Module, parameters, steps: int = 2) -> Seen:
    labels = torch.arange(4) % 2
    with watched() as seen:
        optimizer = torch.optim.SGD(parameters, lr=0.5)
        for _ in range(steps):
            optimizer.zero_grad()
            nn.functional.cross_entropy(network(photos_of_noise()), labels).backward()
            optimizer.step()
    return seen


def hooks() -> list[int]:
    kept = (
        modules._global_forward_pre_hooks,
        modules._global_forward_hooks,
        optimizers._global_optimizer_pre_hooks,
    )
    return [len(one) for one in kept]


class TestWatching:
    def test_no_hook_is_left_behind(self):
        before = hooks()
        with watched():
            assert hooks() == [count + 1 for count in before]
        assert hooks() == before

    def test_no_hook_is_left_behind_by_an_exception(self):
        before = hooks()
        with pytest.raises(ZeroDivisionError), watched():
            raise ZeroDivisionError
        assert hooks() == before

    def test_the_network_is_the_outermost_one(self):
        whole = nn.Sequential(Backbone(), nn.Linear(8, 2))
        with watched() as seen:
            whole[0](photos_of_noise())
        assert [network.module for network in seen.networks] == [whole]

    def test_a_network_is_found_when_its_parts_are_called(self):
        backbone = Backbone()
        with watched() as seen:
            backbone.norm(backbone.stem(photos_of_noise()))
        assert [network.module for network in seen.networks] == [backbone]

    def test_a_frozen_backbone_does_not_move_and_the_head_does(self):
        backbone = Backbone().eval().requires_grad_(False)
        head = nn.Linear(8, 2)
        seen = trained(nn.Sequential(backbone, head), head.parameters())
        moved = [held.name for held in seen.networks[0].held if held.moved]
        assert (moved, seen.steps, seen.wasted, seen.logits) == (["1.weight", "1.bias"], 2, False, 2)
        assert {id(one) for one in seen.moved} == {id(head.weight), id(head.bias)}

    def test_statistics_are_seen_to_move(self):
        backbone = Backbone().requires_grad_(False)  # and in `train()` mode
        head = nn.Linear(8, 2)
        seen = trained(nn.Sequential(backbone, head), head.parameters())
        moved = {held.name for held in seen.networks[0].held if held.moved}
        assert {"0.norm.running_mean", "0.norm.running_var"} <= moved
        assert seen.training == {"BatchNorm2d"}

    def test_a_moved_backbone_and_its_gradients_are_seen(self):
        network = nn.Sequential(Backbone().eval(), nn.Linear(8, 2))
        seen = trained(network, network.parameters())
        assert "0.stem.weight" in {held.name for held in seen.networks[0].held if held.moved}
        assert seen.wasted

    def test_an_optimizer_without_the_head_moves_nothing(self):
        backbone = Backbone().eval().requires_grad_(False)
        seen = trained(nn.Sequential(backbone, nn.Linear(8, 2)), backbone.parameters())
        assert (seen.steps, seen.moved) == (2, [])

    def test_a_head_without_a_step_holds_unused_gradients(self):
        head = nn.Linear(8, 2)
        with watched() as seen:
            head(torch.rand(3, 8)).sum().backward()
        assert seen.unused_gradients()
        assert not trained(nn.Sequential(Backbone().eval(), head), head.parameters()).unused_gradients()

    def test_blank_images_and_features_are_no_photos(self):
        with watched() as seen:
            Backbone()(torch.zeros(1, 3, 32, 32))
            nn.Conv2d(4, 4, 1)(torch.rand(1, 4, 32, 32))
            nn.Conv2d(3, 4, 1)(torch.rand(1, 3, 4, 4))
        assert (seen.images, seen.networks) == ([], [])

    def test_what_enters_is_what_the_first_layer_gets(self):
        class Halved(nn.Module):
            def forward(self, images):
                return images[:, :, ::2, ::2] - 7

        images = photos_of_noise(3)
        with watched() as seen:
            nn.Sequential(Halved(), Backbone())(images)
        assert seen.sizes == {(16, 16)}
        assert torch.equal(torch.stack(seen.images), images[:, :, ::2, ::2][:, :, ::4, ::4] - 7)

    def test_dropout_that_does_nothing_is_not_named(self):
        with watched() as seen:
            nn.Sequential(nn.Dropout(0.0), nn.Dropout(0.5).eval())(torch.rand(2, 2))
        assert seen.training == set()


class TestWeights:
    def test_a_new_network_looks_drawn_and_a_trained_one_does_not(self):
        new = load_backbone("efficientnet_lite0", pretrained=False).model
        assert drawn_share(new.parameters()) > 0.9
        assert drawn_share(load_backbone("efficientnet_lite0").model.parameters()) < 0.3

    def test_published_weights_are_told_by_their_values(self):
        network = load_backbone("efficientnet_lite0").model
        with watched() as seen, torch.no_grad():
            network(photos_of_noise(1))
        found = pretrained(seen.networks[0])
        assert (found.name, found.share, found.loaded) == ("efficientnet_lite0", 1.0, True)
        assert len(found.held) == sum(t.is_floating_point() for t in network.state_dict().values()) - 2

    def test_half_precision_is_the_same_weights(self):
        network = load_backbone("efficientnet_lite0").model.bfloat16()
        with watched() as seen, torch.no_grad():
            network(photos_of_noise(1).bfloat16())
        assert pretrained(seen.networks[0]).loaded

    def test_random_weights_of_a_known_network_are_not_loaded(self):
        with watched() as seen, torch.no_grad():
            load_backbone("efficientnet_lite0", pretrained=False).model(photos_of_noise(1))
        found = pretrained(seen.networks[0])
        assert (found.name, found.loaded) == ("efficientnet_lite0", False)


class TestForms:
    def test_two_functions(self, capsys):
        program = as_program(lambda folder, file: print("noise") or (folder, file), lambda file, some: some)
        assert program.train(1, 2) == (1, 2)
        assert program.predict(3, [4]) == [4]
        assert capsys.readouterr() == ("", "")

    def test_a_class_is_made_anew_for_each_call(self):
        class Program:
            made = 0

            def __init__(self):
                type(self).made += 1

            def train(self, folder, file):
                self.kept = folder
                return self.made

            def predict(self, file, some):
                return hasattr(self, "kept")

        program = as_program(Program)
        assert (program.train(1, 2), program.predict(3, [])) == (1, False)

    @pytest.mark.parametrize("as_path", [False, True])
    def test_a_script(self, as_path, tmp_path):
        script = SCRIPT
        if as_path:
            script = tmp_path / "mine.py"
            script.write_text(SCRIPT)
        before = sys.argv, list(sys.path), sys.modules["__main__"]
        program = as_program(script)
        assert program.train(Path("a"), Path("b")) == 0.5
        assert program.predict(Path("b"), [Path("c"), Path("d")]) == ["a greeting", "c", "d"]
        assert (sys.argv, list(sys.path), sys.modules["__main__"]) == before

    def test_a_script_beside_its_own_module(self, tmp_path):
        (tmp_path / "beside_it.py").write_text("NUMBER = 0.25")
        (tmp_path / "mine.py").write_text("from beside_it import NUMBER\nprint(NUMBER)")
        assert as_program(str(tmp_path / "mine.py")).train(Path("a"), Path("b")) == 0.25
        sys.modules.pop("beside_it")

    def test_a_class_of_a_script_can_be_pickled(self):
        source = (
            "import pickle\nclass Kept:\n    pass\n"
            "print(type(pickle.loads(pickle.dumps(Kept()))) is Kept)\nprint('0.75')"
        )
        program = as_program(source)
        assert program.train(Path("a"), Path("b")) == 0.75
        assert program.predict(Path("b"), []) == ["True", "0.75"]

    def test_a_script_that_ends_well_and_one_that_does_not(self):
        assert as_program("print(0.5)\nraise SystemExit(0)").train(Path("a"), Path("b")) == 0.5
        with pytest.raises(Incorrect, match="exit code 3"):
            as_program("import sys\nsys.exit(3)").train(Path("a"), Path("b"))
        with pytest.raises(Incorrect, match="prints nothing"):
            as_program("pass").train(Path("a"), Path("b"))

    def test_an_exception_in_a_script_puts_everything_back(self):
        before = sys.argv, list(sys.path), sys.modules["__main__"]
        with pytest.raises(ZeroDivisionError):
            as_program("1 / 0").train(Path("a"), Path("b"))
        assert (sys.argv, list(sys.path), sys.modules["__main__"]) == before

    @pytest.mark.parametrize("answers", [(3,), (print,), (Half,), ("",), ("no_such.py",), (print, 3)])
    def test_anything_else_is_told_the_three_forms(self, answers):
        report = exercise("10.1").judge(*answers)
        assert "`.check(Program)`" in report.message, report

    def test_yours_gives_two_functions_for_each_form(self, capsys):
        task = exercise("10.1")
        task._found_right = (SCRIPT,)
        try:
            train, predict = task.yours()
        finally:
            task._found_right = None
        assert train(Path("a"), Path("b")) == 0.5
        train, predict = task.yours()
        assert callable(train) and callable(predict)


class TestAlbums:
    def test_the_honest_one_has_what_was_promised(self, tmp_path):
        album = photos.honest()
        folder = album.write(tmp_path / "album")
        assert {path.name: len(list(path.iterdir())) for path in folder.iterdir()} == dict.fromkeys(photos.HONEST, 12)
        assert {path.suffix for path in folder.glob("*/*")} == {".jpg", ".png"}
        assert list(album.learn) != sorted(album.learn)
        assert sorted(album.truth) != album.truth
        learned = {photo.content for some in album.learn.values() for photo in some}
        assert not learned & {photo.content for photo, _ in album.ask}

    def test_pixels_alone_are_not_good_at_it(self):
        assert 1 / 3 <= photos.baseline() <= 0.6

    def test_each_flower_of_the_trap_has_a_twin_of_another_class(self):
        learn = photos.trap().learn
        assert {name: len(some) for name, some in learn.items()} == dict.fromkeys(photos.TRAP, 12)
        every = [(photo.picture, name) for name, some in learn.items() for photo in some]
        flowers = [(ImageOps.mirror(picture), name) for picture, name in every if picture.height == 128]
        twins = [(picture, name) for picture, name in every if picture.height == 116]
        assert len(flowers) == len(twins) == 18
        small = torch.stack([torch.tensor(np.array(p.resize((6, 6)))).float() for p, _ in flowers + twins]).flatten(1)
        nearest = torch.cdist(small[18:], small[:18]).argmin(dim=1)
        assert sorted(nearest.tolist()) == list(range(18))
        assert all(flowers[place][1] != name for place, (_, name) in zip(nearest, twins, strict=True))


class TestTrial:
    def test_the_folder_is_gone_and_the_working_folder_is_back(self):
        before = Path.cwd()

        def train(folder, file):
            Path("left here").write_text("x")
            file.write_text(str(folder))
            return 0.5

        with on_trial(as_program(train, lambda file, some: ["tulip"] * len(some))) as trial:
            run = trial.first_run()
            assert Path.cwd() != before
            assert run.trained.accuracy == 0.5
            assert run.asked.accuracy == pytest.approx(1 / 3)
            run = trial.second_run(run)
            assert run.later.names == ("tulip",) * len(run.later.photos)
            folder = trial.folder
        assert Path.cwd() == before
        assert not folder.exists()

    def test_an_exception_leaves_no_folder(self):
        before = Path.cwd()
        with pytest.raises(ZeroDivisionError), on_trial(as_program(lambda *_: 1 / 0, print)) as trial:
            trial.first_run()
        assert (trial.folder.exists(), Path.cwd()) == (False, before)

    def test_in_another_session_the_photos_and_the_old_place_are_gone(self):
        places = []

        def train(folder, file):
            places.extend((folder, file))
            file.write_text("x")

        def predict(file, some):
            return [path.exists() for path in (*places[:2], file)][: len(some)]

        with on_trial(as_program(train, predict)) as trial:
            run = trial.first_run()
            assert predict(run.trained.file, "123") == [True, True, True]
            moved = trial.in_another_session(run.trained)
            assert predict(moved.file, "123") == [False, False, True]

    @pytest.mark.parametrize(
        ("said", "what"),
        [
            (None, "`None`"),
            (["tulip"], "1 answers"),
            (["tulip", 1], "`1`"),
            (["tulip", "lily"], "You name `lily`"),
            ({"tulip": 1, "ox-eye daisy": 2}, "give a list"),
        ],
    )
    def test_answers_of_a_wrong_form_are_told(self, said, what):
        assert what in _form_of(said, photos.honest(), 2)

    def test_answers_of_the_right_form(self):
        assert _form_of(["tulip", "ox-eye daisy"], photos.honest(), 2) == ""


class TestVerdict:
    def test_all_is_there(self):
        lines = [Line("a", True), Line("b", True, "why"), Line("c", None, "not known")]
        assert not is_missing(lines)
        assert verdict(lines) == "a: yes\nb: yes (why)\nc: not judged: not known"

    def test_one_is_missing(self):
        with pytest.raises(Incorrect, match=r"1 of 2 things are there[.]\na: yes\nb: missing: cure"):
            verdict([Line("a", True), Line("b", False, "cure")])
