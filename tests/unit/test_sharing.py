"""A shared folder: what stands in it, what must not, and that it is there whole or not at all."""

from __future__ import annotations

import base64
import html.parser
import io
import json
import os
import re
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from PIL import Image
from torch import nn
from torchvision.transforms import InterpolationMode
from torchvision.transforms._presets import ImageClassification

from helpers import cli
from helpers.data import ImageDataset, Splits, load_dataset, open_image
from helpers.data.splits import Arrays
from helpers.errors import CourseError
from helpers.models import Backbone
from helpers.places import A_DAY
from helpers.sharing import Shared, card, evidence, load_shared, loading, making, program, share, whole_folder
from helpers.sharing.numbers import interval, numbers_of
from helpers.sharing.page import thumbnail
from helpers.sharing.words import markdown

CLASSES = ["<b onmouseover=alert(1)>", 'it\'s "q" | [x](y) `z` $a$', "plain"]
SECRET = "Secret camera at 52.1 north"
SIDE = 16


@dataclass(frozen=True)
class TinyWeights:
    """What `Backbone` asks of torchvision's weights."""

    url: str = "package:tiny"

    def transforms(self, crop_size: int = SIDE, resize_size: int = SIDE) -> ImageClassification:
        return ImageClassification(
            crop_size=crop_size, resize_size=resize_size, interpolation=InterpolationMode.BILINEAR, antialias=True
        )

    @property
    def meta(self) -> dict:
        return {
            "num_params": 1, "_metrics": {"ImageNet-1K": {"acc@1": 1.0}}, "_ops": 1.0, "_file_size": 1.0,
            "recipe": "", "licence": "Apache-2.0",
        }  # fmt: skip


def tiny(pretrained: bool = True, *, last: nn.Module | None = None) -> Backbone:
    """Means of colours at four places; with BatchNorm and dropout, so that a program in `train()` mode would differ."""
    with torch.random.fork_rng():
        torch.manual_seed(1)
        body = [nn.Conv2d(3, 12, 3), nn.BatchNorm2d(12), nn.ReLU(), nn.AdaptiveAvgPool2d(2), nn.Flatten()]
        model = nn.Sequential(*body, nn.Dropout(0.5), *([last] if last else []), nn.Linear(48, 7))
        model.train()(torch.randn(8, 3, SIDE, SIDE))
    return Backbone("tiny", model.eval(), TinyWeights(), pretrained, why_random="as a test wants it")


@pytest.fixture(scope="module")
def photos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three classes of 15 photos with strange names, metadata, and a few strange files."""
    root, rng = tmp_path_factory.mktemp("home of somebody") / "my photos", np.random.default_rng(0)
    for label, name in enumerate(CLASSES):
        (root / name).mkdir(parents=True)
        for i in range(15):
            pixels = rng.integers(0, 120, (20 + i, 24, 3), dtype=np.uint8)
            pixels[..., label] += 60  # overlapping colours: some are got wrong
            exif = Image.Exif()
            exif[271], exif[274] = SECRET, 6 if i == 3 else 1
            image = Image.fromarray(pixels)
            image.save(root / name / f"photo <{i}> & 'x'.jpg", exif=exif, comment=SECRET.encode(), quality=95)
    (root / "plain" / "broken.jpg").write_bytes(b"\xff\xd8\xff broken")
    Image.fromarray(rng.integers(0, 255, (20, 20, 4), dtype=np.uint8), "CMYK").save(root / "plain" / "cmyk.jpg")
    Image.fromarray(rng.integers(0, 60000, (20, 20), dtype=np.uint16)).save(root / "plain" / "deep.png")
    return root


@pytest.fixture(scope="module")
def made(photos: Path, tmp_path_factory: pytest.TempPathFactory) -> Shared:
    return share(photos, tmp_path_factory.mktemp("out") / "new" / "card", backbone=tiny(), repeats=3, epochs=4)


@pytest.fixture
def readable(monkeypatch: pytest.MonkeyPatch) -> None:
    """`load_shared` gets the tiny network."""
    monkeypatch.setattr(loading, "load_backbone", lambda name: {"tiny": tiny()}[name])


class Page(html.parser.HTMLParser):
    """Tags with their attributes, and the text."""

    def __init__(self, text: str):
        super().__init__()
        self.tags: list[tuple[str, dict[str, str]]] = []
        self.text = ""
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data):
        self.text += data

    def of(self, tag: str) -> list[dict[str, str]]:
        return [attributes for name, attributes in self.tags if name == tag]


def page(folder: Path) -> Page:
    return Page((folder / "index.html").read_text(encoding="utf-8"))


def test_the_folder_holds_what_a_reader_needs(made: Shared) -> None:
    expected = {"README.md", "config.json", "index.html", "model.pt2", "model.safetensors"}
    onnx = {"model.onnx"} & {file.name for file in made.folder.iterdir()}  # where its packages are installed
    assert {file.name for file in made.folder.iterdir()} == expected | onnx
    config = json.loads((made.folder / "config.json").read_text())
    assert sorted(config["classes"]) == sorted(CLASSES)
    assert config["preprocessing"]["crop"] == SIDE
    assert config["backbone"] == {"name": "tiny", "weights": str(TinyWeights()), "pretrained": True, "width": 48}
    assert all(file.name in str(made) for file in made.folder.iterdir())
    assert oct(made.folder.stat().st_mode)[-3:] == "755", "others may read it"


def test_the_numbers_are_those_of_the_shared_program(made: Shared) -> None:
    """Counted anew, by the file alone, picture by picture."""
    data, numbers = made.card.data, made.evidence.numbers
    model = torch.export.load(made.folder / "model.pt2").module()
    with torch.inference_mode():
        said = [int(model(data.test[i][0][None]).argmax()) for i in range(len(data.test))]
    right = np.mean(np.array(said) == data.test.labels.numpy())
    assert right == pytest.approx(numbers.accuracies[made.evidence.chosen])
    assert 0.4 < right < 1, "a test in which all is right would show no mistakes"
    assert numbers.confusion.sum(dim=1).tolist() == [3 * n for n in data.test.counts()]
    text = (made.folder / "README.md").read_text(encoding="utf-8")
    assert f"{numbers.accuracy:.3f} ± {numbers.spread:.3f} over 3 seeds" in text
    for name, row in zip(made.card.classes, numbers.confusion.tolist(), strict=True):
        assert f"| {markdown(name)} | {' | '.join(map(str, row))} |" in text


def test_validation_alone_chooses(made: Shared) -> None:
    assert made.evidence.val_losses[made.evidence.chosen] == min(made.evidence.val_losses)
    assert json.loads((made.folder / "config.json").read_text())["seed"] == made.evidence.chosen


def test_the_test_part_is_read_once_and_last(photos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    data, read, extract = load_dataset(photos), [], evidence.extract_features
    sizes = {len(data.train): "train", len(data.val): "val", len(data.test): "test"}
    trained, head = [], evidence._trained_head
    monkeypatch.setattr(
        evidence, "extract_features", lambda b, d, **k: (read.append(d.fingerprint), extract(b, d, **k))[1]
    )
    monkeypatch.setattr(evidence, "_trained_head", lambda *a: (trained.append(len(read)), head(*a))[1])
    share(data, tmp_path / "card", backbone=tiny(), repeats=1, epochs=1)
    assert read == [data.train.fingerprint, data.val.fingerprint, data.test.fingerprint], sizes
    assert set(trained) == {2}, "every head was trained before the test part was read"


def test_the_way_back(made: Shared, readable: None, photos: Path) -> None:
    again, data = load_shared(made.folder), made.card.data
    assert again.classes == data.classes
    image = data.test.image(0)
    prepared = again.transform(image)
    assert torch.equal(prepared, data.test[0][0])
    exported = torch.export.load(made.folder / "model.pt2").module()
    with torch.inference_mode():
        assert torch.allclose(again.model(prepared[None]), exported(prepared[None]), atol=1e-5)
    shares = again.classify(image)
    assert sum(one for _, one in shares) == pytest.approx(1, abs=1e-5)
    assert [one for _, one in shares] == sorted((one for _, one in shares), reverse=True)


def test_the_lines_of_the_card_run(made: Shared, readable: None, tmp_path: Path, monkeypatch, capsys) -> None:
    """With a photo that a camera took on its side."""
    text = (made.folder / "README.md").read_text(encoding="utf-8")
    with_torch, with_course = re.findall(r"```python\n(.*?)```", text, flags=re.DOTALL)
    assert "helpers" not in with_torch
    for file in made.folder.iterdir():
        (tmp_path / file.name).write_bytes(file.read_bytes())
    exif = Image.Exif()
    exif[274] = 6
    Image.effect_mandelbrot((40, 24), (-2, -1, 1, 1), 20).convert("RGB").save(tmp_path / "photo.jpg", exif=exif)
    monkeypatch.chdir(tmp_path)
    exec(compile(with_torch, "<card>", "exec"), {})
    exec(compile(with_course, "<card>", "exec"), {})
    one, other = capsys.readouterr().out.splitlines()
    name, share_of_it = load_shared(".").classify(open_image("photo.jpg"))[0]
    assert one.startswith(f"{name} ") and float(one.split()[-1]) == pytest.approx(share_of_it, abs=1e-4)
    assert other == str((name, share_of_it))


def test_names_stay_names(made: Shared) -> None:
    found = page(made.folder)
    assert {tag for tag, _ in found.tags} <= {
        *(
            "html",
            "head",
            "meta",
            "link",
            "title",
            "style",
            "body",
            "main",
            "h1",
            "h2",
            "p",
            "ul",
            "li",
            "strong",
            "div",
        ),
        *("table", "caption", "thead", "tbody", "tr", "th", "td", "figure", "img", "figcaption", "br", "small"),
    }
    assert not [key for _, attributes in found.tags for key in attributes if key.startswith("on")]
    assert all(" ".join(name.split()) in " ".join(found.text.split()) for name in CLASSES)
    text = (made.folder / "README.md").read_text(encoding="utf-8")
    outside = re.sub(r"```.*?```", "", text, flags=re.DOTALL)
    assert "<b" not in outside and not re.search(r"(?<!\\)(\]\(y|`z)", outside)
    tables = [line for line in outside.splitlines() if line.startswith("|")]
    assert all(line.count("|") - line.count("\\|") in (5, 6) for line in tables), "no name ends a cell"


def test_the_page_asks_nobody_for_anything(made: Shared) -> None:
    found = page(made.folder)
    links = [a[key] for _, a in found.tags for key in ("src", "href", "srcset", "action", "data") if key in a]
    assert links and all(link.startswith("data:") for link in links)
    style = (made.folder / "index.html").read_text(encoding="utf-8")
    assert "url(" not in style and "@import" not in style
    policy = next(a["content"] for a in found.of("meta") if a.get("http-equiv") == "Content-Security-Policy")
    assert policy.startswith("default-src 'none'")
    assert "prefers-color-scheme: dark" in style


def test_every_picture_has_words_and_every_table_a_head(made: Shared) -> None:
    found = page(made.folder)
    pictures = found.of("img")
    assert len(pictures) == len(made.card.shown()) >= len(CLASSES) + 1
    assert all(len(picture["alt"]) > 20 for picture in pictures)
    wrong = made.card.wrong()
    assert wrong and all(
        f"taken for {one.taken_for}" in pictures[len(CLASSES) + i]["alt"] for i, one in enumerate(wrong)
    )
    assert len(found.of("caption")) == len(found.of("table")) == 2
    assert all("scope" in head for head in found.of("th"))
    assert all(a.get("tabindex") == "0" for a in found.of("div")), "a table that scrolls is reached by keyboard"


def test_pictures_carry_nothing_but_pixels(made: Shared) -> None:
    for picture in page(made.folder).of("img"):
        data = base64.b64decode(picture["src"].partition(",")[2])
        image = Image.open(io.BytesIO(data))
        assert max(image.size) <= 160
        assert not image.getexif() and "comment" not in image.info and "icc_profile" not in image.info
        assert SECRET.encode() not in data
    source = Image.new("RGB", (300, 100))
    source.info.update(comment=b"secret", icc_profile=b"secret", exif=b"Exif\0\0secret")
    assert b"secret" not in thumbnail(source)


def test_no_file_names_a_folder_of_this_machine_or_holds_a_photo(made: Shared, photos: Path) -> None:
    held = {file.name: file.read_bytes() for file in made.folder.iterdir()}
    for secret in (photos.parent, made.folder.parent, Path(sys.prefix), Path.cwd(), Path(making.__file__).parents[2]):
        assert [name for name, content in held.items() if os.fsencode(secret) in content] == []
    assert [name for name, content in held.items() if SECRET.encode() in content] == []
    assert b"home of somebody" not in b"".join(held.values())
    (example,), _ = torch.export.load(made.folder / "model.pt2").example_inputs
    assert not example.any()


def test_a_path_that_would_get_out_is_refused(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text(f'"{tmp_path}/photos"')
    with pytest.raises(CourseError, match=r"config\.json would name a folder of this machine"):
        making.require_no_paths(tmp_path, tmp_path)
    making.require_no_paths(tmp_path, tmp_path.with_name(tmp_path.name + "0"), Path("/"), Path("/root"))


def test_without_photos_there_is_neither_picture_nor_name(photos: Path, tmp_path: Path) -> None:
    made = share(photos, tmp_path / "card", backbone=tiny(), repeats=1, epochs=1, show_photos=False)
    assert page(made.folder).of("img") == []
    text = b"".join(file.read_bytes() for file in made.folder.iterdir())
    assert b"photo &lt;" not in text and b"photo <" not in text and b"broken.jpg" not in text
    card = (made.folder / "README.md").read_text(encoding="utf-8")
    assert "one seed, so no spread is known" in card and "that most heads got wrong:" not in card


def test_the_card_says_what_was_left_out_and_whose_the_photos_are(made: Shared) -> None:
    text = (made.folder / "README.md").read_text(encoding="utf-8")
    assert "left out: 1 (" in text
    assert "Pictures: **not stated. To be filled in by you**" in text
    assert "Apache-2.0, from package:tiny" in text
    assert "It always names one of its 3 classes" in text
    assert "Fewer than 20 test pictures" in text


def pictures_in_memory(name: str, *, absent: int | None = None) -> Splits:
    """Thirty pictures of three classes, each part the same; of class `absent` there is none in the test part."""
    rng, labels = np.random.default_rng(1), np.arange(30) % 3
    images = rng.integers(0, 255, (30, SIDE, SIDE, 3), dtype=np.uint8)
    whole = ImageDataset(Arrays(images), labels, ["a", "b", "c"], [f"picture {i}" for i in range(30)])
    test = whole.subset(np.flatnonzero(labels != absent))
    return Splits(name, ["a", "b", "c"], whole, whole, test)


def test_only_the_courses_own_pictures_have_the_courses_licence(photos: Path, tmp_path: Path) -> None:
    made = share(pictures_in_memory("digits"), tmp_path / "a", backbone=tiny(), repeats=1, epochs=1)
    assert "Pictures: CC BY 4.0" in made.card.markdown()
    whose = photos.with_name("digits")
    whose.symlink_to(photos)
    named_so = Splits("digits", made.card.data.classes, *[load_dataset(whose).train] * 3)
    assert (
        "To be filled in by you"
        in card.Card(named_so, tiny(), made.evidence, [], made.card.config, 1, True).licences()[1]
    )


def test_a_class_without_test_pictures_is_told(tmp_path: Path) -> None:
    data = pictures_in_memory("three", absent=1)
    text = share(data, tmp_path / "card", backbone=tiny(), repeats=2, epochs=1).card.markdown()
    assert "No test picture at all of b: how well it knows them is unknown." in text
    assert "| b | 10 | 10 | 0 | - |" in text


def test_random_weights_are_said_and_cannot_be_loaded(photos: Path, tmp_path: Path) -> None:
    made = share(photos, tmp_path / "card", backbone=tiny(pretrained=False), repeats=1, epochs=1)
    assert "RANDOM weights" in str(made)
    for name in ("README.md", "index.html"):
        assert "RANDOM weights" in (made.folder / name).read_text(encoding="utf-8")
    with pytest.raises(CourseError, match=r"random weights.*model\.pt2"):
        load_shared(made.folder)


# ---- whole or not at all ---------------------------------------------------------------------------


@pytest.mark.parametrize("stop", [KeyboardInterrupt(), OSError(28, "No space left on device"), CourseError("no")])
def test_nothing_is_left_of_a_run_that_was_stopped(photos: Path, tmp_path: Path, monkeypatch, stop) -> None:
    def fail(_: object) -> str:
        assert {"README.md", "model.pt2"} <= {one.name for one in next((tmp_path / "new").iterdir()).iterdir()}
        raise stop

    monkeypatch.setattr(making, "page_of", fail)
    expected = CourseError if isinstance(stop, OSError) else type(stop)
    with pytest.raises(expected) as told:
        share(photos, tmp_path / "new" / "card", backbone=tiny(), repeats=1, epochs=1)
    assert "\n" not in str(told.value)
    assert list((tmp_path / "new").iterdir()) == []


def test_a_place_where_nothing_can_be_is_told_before_training(photos: Path, tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setattr(making, "collect", no_training)
    (tmp_path / "file").write_text("mine")
    with pytest.raises(CourseError, match="nothing can be written in"):
        share(photos, tmp_path / "file" / "card", backbone=tiny())
    for out in ("~nobody-of-this-name/card", None):
        with pytest.raises(CourseError, match="no folder can be written at"):
            share(photos, out, backbone=tiny())
    for strange in ("~nobody-of-this-name/photos", "zero\0byte", None):
        with pytest.raises(CourseError):
            share(strange, tmp_path / "card", backbone=tiny())


def no_training(*_: object, **__: object) -> None:
    raise AssertionError("it was refused too late")


def test_another_folder_is_left_alone(photos: Path, tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setattr(making, "collect", no_training)
    (tmp_path / "mine").mkdir()
    (tmp_path / "file").write_text("mine")
    (tmp_path / "link").symlink_to(tmp_path / "mine")
    for name in ("mine", "file", "link"):
        with pytest.raises(CourseError, match="is there already"):
            share(photos, tmp_path / name, backbone=tiny(), replace=True)
    with pytest.raises(CourseError, match="lies in the folder of photos"):
        share(photos, photos / "card", backbone=tiny())
    with pytest.raises(CourseError, match="holds the folder of photos"):
        share(photos, photos.parent, backbone=tiny())


def test_an_earlier_card_is_replaced_where_that_is_asked_for(tmp_path: Path, monkeypatch) -> None:
    out, data = tmp_path / "card", pictures_in_memory("first")
    share(data, out, backbone=tiny(), repeats=1, epochs=1)
    again = pictures_in_memory("second")
    share(again, out, backbone=tiny(), repeats=1, epochs=1, replace=True)
    assert "a classifier for second" in (out / "README.md").read_text(encoding="utf-8")
    assert [one.name for one in tmp_path.iterdir()] == ["card"]
    monkeypatch.setattr(making, "collect", no_training)
    with pytest.raises(CourseError, match=r"holds an earlier card.*--replace"):
        share(again, out, backbone=tiny())
    (out / "notes.txt").write_text("mine")
    with pytest.raises(CourseError, match=r"also holds notes\.txt, which would be lost"):
        share(again, out, backbone=tiny(), replace=True)


def written(folder: Path, text: str) -> None:
    with whole_folder.whole_folder(folder) as draft:
        (draft / "config.json").write_text(text)


def test_a_run_that_was_killed_between_its_renames(tmp_path: Path) -> None:
    """The earlier folder stands aside, and the new one is still a draft: the next run finds the earlier one again."""
    folder = tmp_path / "card"
    written(folder, "first")
    folder.rename(whole_folder._aside(folder))
    with pytest.raises(CourseError, match="holds an earlier card"):
        whole_folder.require_room_for(folder, mark="config.json", files=["config.json"], replace=False)
    assert (folder / "config.json").read_text() == "first"
    assert [one.name for one in tmp_path.iterdir()] == ["card"]


def test_what_a_killed_run_left_of_the_earlier_folder_goes_and_others_stay(tmp_path: Path) -> None:
    folder, known = tmp_path / "card", {"mark": "config.json", "files": ["config.json"], "replace": True}
    written(folder, "new")
    aside = whole_folder._aside(folder)
    aside.mkdir()
    (aside / "mine.txt").write_text("mine")
    whole_folder.require_room_for(folder, **known)
    assert (aside / "mine.txt").read_text() == "mine"
    (aside / "mine.txt").rename(aside / "config.json")
    whole_folder.require_room_for(folder, **known)
    assert not aside.exists() and (folder / "config.json").read_text() == "new"


def test_an_earlier_folder_comes_back_where_the_rename_fails(tmp_path: Path, monkeypatch) -> None:
    folder, rename = tmp_path / "card", Path.rename
    written(folder, "first")

    def fail(self: Path, target: Path) -> Path:
        if self.name.endswith(".draft"):
            raise OSError(28, "No space left on device")
        return rename(self, target)

    monkeypatch.setattr(Path, "rename", fail)
    with pytest.raises(CourseError, match="No space left on device"):
        written(folder, "second")
    assert (folder / "config.json").read_text() == "first"
    assert [one.name for one in tmp_path.iterdir()] == ["card"]


def test_drafts_of_killed_runs_are_in_nobodys_way(tmp_path: Path) -> None:
    for name, age in (("old", A_DAY + 60), ("new", 0)):
        draft = tmp_path / f".card.{name}.draft"
        draft.mkdir()
        (draft / "half").write_text("half")
        os.utime(draft, (time.time() - age,) * 2)
    written(tmp_path / "card", "whole")
    assert sorted(one.name for one in tmp_path.iterdir()) == [".card.new.draft", "card"]
    assert [one.name for one in (tmp_path / "card").iterdir()] == ["config.json"]


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root may write everywhere")
def test_a_place_that_is_not_ours(tmp_path: Path) -> None:
    tmp_path.chmod(0o500)
    with pytest.raises(CourseError, match="cannot write"):
        written(tmp_path / "card", "x")


# ---- programs --------------------------------------------------------------------------------------


class OtherWhenExported(nn.Module):
    """A network that torch.export does not get right."""

    def forward(self, features: torch.Tensor) -> torch.Tensor:
        return features + 1.0 if torch.compiler.is_exporting() else features


class Undecided(nn.Module):
    """A network that torch.export cannot follow: it goes one way or the other by what it sees."""

    def forward(self, features: torch.Tensor) -> torch.Tensor:
        return features if features.sum() > 0 else -features


@pytest.mark.parametrize(
    ("last", "why"), [(OtherWhenExported, "another function than the network"), (Undecided, "cannot follow")]
)
def test_a_program_that_is_not_the_network_is_not_shared(photos: Path, tmp_path: Path, last, why: str) -> None:
    made = share(photos, tmp_path / "card", backbone=tiny(last=last()), repeats=1, epochs=1)
    assert not (made.folder / "model.pt2").exists() and not (made.folder / "model.onnx").exists()
    text = (made.folder / "README.md").read_text(encoding="utf-8")
    assert "model.pt2 is not there: " in text and why in text and why in str(made)
    assert "torch.export.load" not in text, "nobody is told to load what is not there"


def test_a_nan_is_not_the_same() -> None:
    images = torch.ones(2, 3)
    assert program._compared("x", lambda x: x * 1, images, images).same
    assert not program._compared("x", lambda x: x * torch.nan, images, images).same
    assert not program._compared("x", lambda x: x + torch.tensor([0, 0.1, 0]), images, images).same


def test_onnx_is_said_to_be_missing_where_it_is(monkeypatch) -> None:
    monkeypatch.setattr(program, "find_spec", lambda name: None if name == "onnxscript" else SimpleNamespace())
    assert str(program._onnx(None, None, None, None)).endswith("packages that are not here: onnxscript.")


# ---- numbers and words -----------------------------------------------------------------------------


def test_numbers_against_a_count_by_hand() -> None:
    labels = torch.tensor([0, 0, 1, 3])
    numbers = numbers_of(torch.tensor([[0, 1, 1, 3], [0, 0, 3, 3], [1, 1, 1, 3]]), labels, 4)
    assert numbers.accuracies == (0.75, 0.75, 0.5)
    assert numbers.spread == pytest.approx(np.std([0.75, 0.75, 0.5], ddof=1))
    assert numbers.confusion.tolist() == [[3, 3, 0, 0], [0, 2, 0, 1], [0, 0, 0, 0], [0, 0, 0, 3]]
    assert numbers.recalls == [0.5, pytest.approx(2 / 3), None, 1.0]
    assert numbers.test_counts == [2, 1, 0, 1]
    assert numbers.wrong.tolist() == [1, 2, 1, 0]


@pytest.mark.parametrize("shapes", [((2, 0), (0,)), ((0, 3), (3,)), ((3,), (3,)), ((2, 3), (2,))])
def test_nothing_to_count_is_told(shapes) -> None:
    with pytest.raises(CourseError, match="at least one each"):
        numbers_of(*(torch.zeros(shape, dtype=torch.long) for shape in shapes), 2)


def test_the_interval_stays_within_what_a_share_can_be() -> None:
    low, high = interval(1.0, 10)
    assert low == pytest.approx(10 / (10 + 1.959964**2)), "Wilson: n / (n + z^2)"
    assert high <= 1.0 and high == pytest.approx(1.0)
    assert interval(0.0, 10)[0] >= 0.0


def test_an_undecodable_name_can_be_written() -> None:
    assert markdown("a\udcffb\n|c").encode("utf-8") == b"a\\\\udcffb \\|c"


# ---- the way back, and the command -----------------------------------------------------------------


def test_no_shared_folder(tmp_path: Path, made: Shared, readable: None) -> None:
    with pytest.raises(CourseError, match=r"no shared folder \(it has no config\.json\)"):
        load_shared(tmp_path)
    (tmp_path / "config.json").write_text('{"made_by": "others"}')
    with pytest.raises(CourseError, match="of another kind or version"):
        load_shared(tmp_path)
    (tmp_path / "config.json").write_bytes((made.folder / "config.json").read_bytes())
    (tmp_path / "model.safetensors").write_bytes((made.folder / "model.safetensors").read_bytes()[:200])
    with pytest.raises(CourseError, match=r"is damaged \(model\.safetensors: "):
        load_shared(tmp_path)
    whole = json.loads((made.folder / "config.json").read_text())
    for wrong in ({"backbone": None}, {"classes": 3}, {"preprocessing": {}}):
        (tmp_path / "config.json").write_text(json.dumps(whole | wrong))
        with pytest.raises(CourseError, match=r"is damaged \(config\.json: "):
            load_shared(tmp_path)
    (tmp_path / "config.json").write_text(json.dumps(whole))
    (tmp_path / "model.safetensors").unlink()
    with pytest.raises(CourseError, match=r"is damaged \(model\.safetensors: "):
        load_shared(tmp_path)


def test_the_command_with_a_real_network(photos: Path, tmp_path: Path, capsys) -> None:
    out = tmp_path / "my card"
    arguments = ["share", str(photos), str(out), "--side", "32", "--repeats", "2", "--epochs", "2", "--seed", "3"]
    assert cli.main(arguments) == 0
    told = capsys.readouterr().out
    assert "over 2 seeds" in told and f"written: {out / 'index.html'}" in told
    again = load_shared(out)
    image = open_image(next((photos / "plain").glob("photo*")))
    exported = torch.export.load(out / "model.pt2").module()
    with torch.inference_mode():
        batch = again.transform(image)[None]
        assert torch.allclose(again.model(batch), exported(batch), atol=1e-4)
    assert (out / "model.safetensors").stat().st_size < 40_000
    assert cli.main(arguments) == cli.BAD_USAGE
    assert "--replace" in capsys.readouterr().err


@pytest.mark.parametrize("wrong", [["--repeats", "0"], ["--side", "x"], ["--seed", "-1"], ["--epochs", "1.5"]])
def test_bad_usage(wrong: list[str], capsys) -> None:
    with pytest.raises(SystemExit) as told:
        cli.main(["share", "photos", "out", *wrong])
    assert told.value.code == cli.BAD_USAGE
    assert wrong[0] in capsys.readouterr().err


def test_no_such_folder_is_one_line(tmp_path: Path, capsys) -> None:
    assert cli.main(["share", str(tmp_path / "none"), str(tmp_path / "out")]) == cli.BAD_USAGE
    assert capsys.readouterr().err.count("\n") == 1
    assert list(tmp_path.iterdir()) == []
