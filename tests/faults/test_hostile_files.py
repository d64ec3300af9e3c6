"""Files that want to do harm: code that would run, paths that lead out of the folder, small files that become large.

Every place where the course opens a file that somebody else may have made, and what is done there:

- Photos in a folder: `data.images` (Pillow, and simplejpeg for JPEGs), after a look at the first bytes in
  `data.layouts`. Pictures of eight formats, of at most `MAX_PIXELS` and `MAX_BYTES`; large ones one at a time.
- Shards: `data.shards` (tarfile, webdataset's reader). Plain files in a plain tar; only a picture and its class are
  decoded, and nothing is unpacked.
- Weights, own weights, checkpoints: `models.weights` (`torch.load(weights_only=True)`, safetensors). Tensors and plain
  values, no larger than the file.
- A file that is no weights: `models.foreign_files` (zipfile). Only the list of its members is read.
- A shared folder: `sharing.loading` (JSON, safetensors). Plain values, and the head in its backbone's width. Its
  program `model.pt2` is never opened: torch.export would run what is in it.
- Features in the cache: `training.feature_cache` (safetensors). Tensors with their checksum.
- Trainings in the cache: `training.remembering` (safetensors, JSON). Tensors and plain values with their checksum.
- Painted flowers in the cache: `data.painted_flowers` (`np.load(allow_pickle=False)`). Arrays with their checksum.
- The record of good photos in the cache: `data.folders` (JSON).
- Progress, scoreboard, hints, measured figures: `course.records` (JSON).
- Marks, runs of a study and verdicts that an earlier run has written: `kept_lines` (JSON).
- What was handed in: `grading.handed_in` (JSON, tests/grading/test_handed_in.py). Cells of text, up to a size; each
  answer runs in a process of its own.
- Lessons, executed lessons: `course.lessons`, `course.rewriting` (nbformat, JSON). Cells, which run where one runs
  them.

`test_every_reader_is_in_the_table` finds a place that is new. An archive is never unpacked: `load_dataset` asks for a
folder. Each payload here does run where a careless program opens the file, which the controls show.
"""

from __future__ import annotations

import ast
import functools
import gzip
import hashlib
import io
import json
import os
import pickle
import struct
import tarfile
import threading
import time
import zipfile
import zlib
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import nbformat
import numpy as np
import pytest
import torch
import webdataset
from PIL import Image
from torch import nn

import helpers
from helpers.course.lessons import Lesson
from helpers.course.records import read_json
from helpers.data import load_dataset
from helpers.data import painted_flowers as painter
from helpers.data.folders import load_folder
from helpers.data.images import ImageProblem, open_image
from helpers.data.shards import find_shards, stream, write_shards
from helpers.errors import CourseError
from helpers.kept_lines import KeptLines
from helpers.models.backbones import COURSE_BACKBONES, backbone_weights
from helpers.models.own_weights import load_own_weights
from helpers.models.weights import read_saved, read_state_dict
from helpers.sharing.loading import load_shared, settings_of, transform_of
from helpers.training.checkpoints import load_checkpoint
from helpers.training.feature_cache import FeatureCache
from helpers.training.remembering import remembered

PACKAGE = Path(helpers.__file__).parent


class Payload:
    """Unpickling it makes a file."""

    def __init__(self, trace: Path):
        self.trace = trace

    def __reduce__(self):
        return os.mkdir, (str(self.trace),)


@pytest.fixture
def trace(tmp_path) -> Path:
    return tmp_path / "the payload was here"


@pytest.fixture(autouse=True)
def own_cache(tmp_path_factory, monkeypatch) -> Path:
    folder = tmp_path_factory.mktemp("cache")
    monkeypatch.setenv("COURSE_CACHE", str(folder))
    return folder


def refused(call: Callable[[], object], *causes: str) -> str:
    """The call's one line, which names these causes."""
    with pytest.raises(CourseError) as caught:
        call()
    said = str(caught.value)
    assert "\n" not in said and all(cause in said for cause in causes), said
    return said


# ---- the table -------------------------------------------------------------------------------------

READERS = {
    *("torch.load", "torch.jit.load", "torch.export.load", "torch.hub.load", "torch.hub.load_state_dict_from_url"),
    *("load_file", "safetensors.torch.load_file", "safe_open", "np.load", "np.fromfile", "np.loadtxt", "np.genfromtxt"),
    *("Image.open", "simplejpeg.decode_jpeg", "decode_image", "read_image", "imread"),
    *("json.load", "json.loads", "nbformat.read", "nbformat.reads", "tomllib.load", "tomllib.loads"),
    *("tarfile.open", "zipfile.ZipFile", "shutil.unpack_archive", "webdataset.WebDataset", "gzip.open"),
}
# Whoever calls one of these by whatever name needs a good reason, and there is none.
NEVER = {
    "pickle",
    "cPickle",
    "dill",
    "cloudpickle",
    "joblib",
    "shelve",
    "marshal",
    "yaml",
    "unpack_archive",
    "extractall",
}
READ_BY = {
    "authoring/exercises.py": {"nbformat.read"},  # a lesson that it has just run
    "authoring/lessons.py": {"nbformat.read"},  # the template that ships
    "cell_order.py": {"json.loads"},
    "checking/programs/photos.py": {"Image.open"},  # a picture that the check itself drew
    "course/figures/style.py": {"Image.open"},  # a figure that was just drawn
    "course/lessons.py": {"nbformat.read", "json.loads"},
    "course/records.py": {"json.loads"},
    "course/rewriting.py": {"nbformat.read", "json.loads"},
    "data/folders.py": {"json.loads"},
    "data/images.py": {"Image.open"},
    "data/jpeg.py": {"simplejpeg.decode_jpeg"},
    "data/painted_flowers.py": {"np.load", "json.loads"},
    "data/shards.py": {"json.loads", "tarfile.open", "webdataset.WebDataset"},
    "doctor.py": {"tomllib.loads"},
    "grading/handed_in.py": {"json.loads"},
    "grading/judges.py": {"json.loads"},  # what the server says
    "grading/server.py": {"json.load", "json.loads"},  # orders, and what an answer's process says
    "kept_lines.py": {"json.loads"},
    "models/foreign_files.py": {"zipfile.ZipFile"},
    "models/weights.py": {"torch.load", "safetensors.torch.load_file"},
    "sharing/loading.py": {"load_file"},
    "sharing/program.py": {"torch.export.load"},  # the file that it has just written
    "training/feature_cache.py": {"safe_open"},
    "training/remembering.py": {"safe_open", "json.loads"},
    "training/together.py": {"json.loads"},  # what its own processes wrote
}


@functools.cache
def calls_in(file: Path) -> list[ast.Call]:
    return [node for node in ast.walk(ast.parse(file.read_text("utf-8"))) if isinstance(node, ast.Call)]


def test_every_reader_is_in_the_table():
    found = {}
    for file in sorted(PACKAGE.rglob("*.py")):
        where = file.relative_to(PACKAGE).as_posix()
        if not where.startswith("lessons/"):  # keys to exercises, which run in a check's own folder
            names = {ast.unparse(call.func) for call in calls_in(file)} & READERS
            found |= {where: names} if names else {}
    assert found == READ_BY


def test_nothing_unpickles_or_unpacks():
    for file in sorted(PACKAGE.rglob("*.py")):
        used = {part for call in calls_in(file) for part in ast.unparse(call.func).split(".")} & NEVER
        assert used <= ({"pickle"} if file.name == "survive.py" else set()), file  # exercise 10.10 makes a hostile file


def test_what_opens_pickles_or_arrays_says_that_no_code_may_run():
    files = [*PACKAGE.rglob("*.py"), *PACKAGE.parent.glob("benchmarks/*.py")]
    wanted = {"torch.load": ("weights_only", True), "np.load": ("allow_pickle", False)}
    opening = [(file, call) for file in files for call in calls_in(file) if ast.unparse(call.func) in wanted]
    assert len(opening) >= 2
    for file, call in opening:
        name, value = wanted[ast.unparse(call.func)]
        said = {one.arg: getattr(one.value, "value", None) for one in call.keywords}
        assert said.get(name) is value, f"{file}:{call.lineno}"


def test_the_default_of_torch_load_which_answers_use_refuses_too(tmp_path, trace):
    torch.save(Payload(trace), tmp_path / "gift.pt")
    with pytest.raises(pickle.UnpicklingError, match="weights_only"):
        torch.load(tmp_path / "gift.pt")
    assert not trace.exists()


# ---- code that would run ---------------------------------------------------------------------------


def by_torch(file: Path, payload: Payload) -> None:
    torch.save({"weight": payload, "bias": torch.zeros(2)}, file)


def by_torch_of_old(file: Path, payload: Payload) -> None:
    torch.save({"weight": payload}, file, _use_new_zipfile_serialization=False)


def by_pickle(file: Path, payload: Payload) -> None:
    file.write_bytes(pickle.dumps({"weight": payload}, protocol=2))  # torch reads others with a warning


def by_numpy(file: Path, payload: Payload) -> None:
    with file.open("wb") as opened:
        np.savez(opened, weight=np.array([payload], dtype=object))


def carelessly(file: Path) -> None:
    """As a program opens it that has not heard of this."""
    if zipfile.is_zipfile(file) and any(name.endswith(".npy") for name in zipfile.ZipFile(file).namelist()):
        np.load(file, allow_pickle=True)["weight"]
    elif file.read_bytes().startswith(b"\x80\x02}"):  # a plain pickle of a dict
        pickle.loads(file.read_bytes())
    else:
        torch.load(file, weights_only=False)


WRITERS = {"torch": by_torch, "torch of old": by_torch_of_old, "pickle": by_pickle, "numpy": by_numpy}
OPENERS: dict[str, Callable[[Path], object]] = {
    "read_saved": read_saved,
    "read_state_dict": read_state_dict,
    "load_own_weights": lambda file: load_own_weights(nn.Linear(2, 2), file),
    "load_checkpoint": load_checkpoint,
    "open_image": open_image,
    "load_dataset": load_dataset,
    "read_json": lambda file: read_json(file, {}),
    "kept lines": lambda file: KeptLines(file, "record"),
    "a lesson": lambda file: Lesson(file).read(),
    "a lesson's contract": lambda file: Lesson(file).contract(),
}


@pytest.mark.parametrize("write", WRITERS.values(), ids=WRITERS.keys())
def test_the_control_runs_the_payload(tmp_path, trace, write):
    write(tmp_path / "gift", Payload(trace))
    carelessly(tmp_path / "gift")
    assert trace.exists()


@pytest.mark.parametrize("opened", OPENERS.values(), ids=OPENERS.keys())
@pytest.mark.parametrize("write", WRITERS.values(), ids=WRITERS.keys())
def test_no_opener_runs_a_payload(tmp_path, trace, write, opened):
    file = tmp_path / "gift.pth"
    write(file, Payload(trace))
    refused(lambda: opened(file))
    assert not trace.exists()


@pytest.mark.parametrize("write", WRITERS.values(), ids=WRITERS.keys())
@pytest.mark.parametrize("name", ["photo.jpg", "photo", "photo.npy", "photo.pkl"])
def test_a_payload_among_photos_is_skipped(tmp_path, trace, write, name):
    root = zoo(tmp_path / "zoo")
    write(root / "bees" / name, Payload(trace))
    assert [skip.path.name for skip in load_folder(root).skipped] == [name]
    assert not trace.exists()


def zoo(root: Path) -> Path:
    draw = np.random.default_rng(0)
    for name in ("ants", "bees"):
        (root / name).mkdir(parents=True)
        for i in range(3):
            Image.fromarray(draw.integers(0, 256, (9, 7, 3), dtype=np.uint8)).save(root / name / f"{i}.png")
    return root


@pytest.fixture
def shards(tmp_path) -> Path:
    """A folder with one shard of four pictures."""
    return write_shards(load_dataset(zoo(tmp_path / "zoo")).train, tmp_path / "shards", 9).files[0].parent


def with_entry(shards: Path, name: str, content: bytes) -> Path:
    """The shard with one entry more in its first picture."""
    (shard,) = shards.glob("*.tar")
    with tarfile.open(shard) as old:
        entries = [(entry, old.extractfile(entry).read()) for entry in old]
    first = entries[0][0].name.partition(".")[0]
    extra = tarfile.TarInfo(f"{first}.{name}")
    extra.size = len(content)
    with tarfile.open(shard, "w") as new:
        for entry, data in [entries[0], (extra, content), *entries[1:]]:
            new.addfile(entry, io.BytesIO(data))
    return shard


def as_torch_saves(payload: Payload) -> bytes:
    file = io.BytesIO()
    torch.save(payload, file)
    return file.getvalue()


@pytest.mark.parametrize("name", ["pyd", "pkl", "pickle", "pth", "pyd.gz"])
def test_a_shard_runs_no_payload_and_webdatasets_own_decoder_does(shards, trace, name):
    content = as_torch_saves(Payload(trace)) if name == "pth" else pickle.dumps(Payload(trace))
    shard = with_entry(shards, name, gzip.compress(content) if name.endswith("gz") else content)
    found = find_shards(shards)
    assert len(list(stream(found))) == found.count and not trace.exists()
    list(webdataset.WebDataset(str(shard), shardshuffle=False).decode("pil"))  # the control
    assert trace.exists()


def test_a_cache_from_others_runs_no_payload_and_is_made_anew(tmp_path, trace, own_cache):
    recipe = painter.Recipe(size=16, seed=0)
    expected, _ = painter.painted_flowers(1, recipe)
    files = list(own_cache.rglob("*.pictures"))
    by_numpy(tmp_path / "gift", Payload(trace))
    archive = (tmp_path / "gift").read_bytes().replace(b"weight", b"images")
    for file in files:
        file.write_bytes(hashlib.sha256(archive).digest() + archive)
    again, _ = painter.painted_flowers(1, recipe)
    assert files and np.array_equal(again, expected) and not trace.exists()


@pytest.mark.parametrize("write", WRITERS.values(), ids=WRITERS.keys())
def test_features_from_others_run_no_payload(own_cache, trace, write):
    cache = FeatureCache(nn.Linear(2, 2), None, "cpu")
    file = own_cache / "features" / "gift.safetensors"
    write(file, Payload(trace))
    assert cache.read(file) is None and not trace.exists()


@pytest.mark.parametrize("write", WRITERS.values(), ids=WRITERS.keys())
def test_trainings_from_others_run_no_payload(own_cache, trace, write):
    def learn():
        return [torch.get_num_threads(), torch.ones(2)]

    done = remembered(learn).value
    (file,) = (own_cache / "trainings").iterdir()
    write(file, Payload(trace))
    assert remembered(learn).value[0] == done[0] and not trace.exists()


# ---- paths that lead out of the folder -------------------------------------------------------------


def entry(name: str, kind: bytes = tarfile.REGTYPE, link: str = "") -> tarfile.TarInfo:
    made = tarfile.TarInfo(name)
    made.type, made.linkname = kind, link
    return made


OUTWARDS = {
    "up": entry("../escaped"),
    "by a link": entry("inner", tarfile.SYMTYPE, ".."),
    "a hard link": entry("000000.png", tarfile.LNKTYPE, "../secret"),
    "a device": entry("000000.png", tarfile.CHRTYPE),
    "a pipe": entry("000000.png", tarfile.FIFOTYPE),
    "a folder": entry("000000.png", tarfile.DIRTYPE),
}


def tar_with(file: Path, *entries: tarfile.TarInfo) -> Path:
    with tarfile.open(file, "w") as archive:
        for one in entries:
            archive.addfile(one, io.BytesIO())
    return file


def everything_in(folder: Path) -> set[str]:
    return {path.relative_to(folder).as_posix() for path in folder.rglob("*")}


def test_the_control_leaves_the_folder(tmp_path):
    (tmp_path / "inside").mkdir()
    with tarfile.open(tar_with(tmp_path / "gift.tar", OUTWARDS["up"])) as archive:
        archive.extractall(tmp_path / "inside", filter="fully_trusted")
    assert (tmp_path / "escaped").exists()


@pytest.mark.parametrize("opened", OPENERS.values(), ids=OPENERS.keys())
@pytest.mark.parametrize("kind", ["tar", "zip"])
def test_no_opener_unpacks_an_archive(tmp_path, kind, opened):
    file = tmp_path / "inside" / f"gift.{kind}"
    file.parent.mkdir()
    if kind == "tar":
        tar_with(file, *OUTWARDS.values())
    else:
        with zipfile.ZipFile(file, "w") as archive:
            archive.writestr("../escaped", "out")
    before = everything_in(tmp_path)
    refused(lambda: opened(file))
    assert everything_in(tmp_path) == before


@pytest.mark.parametrize("strange", [one for name, one in OUTWARDS.items() if name != "up"], ids=lambda one: one.name)
def test_a_shard_with_links_and_devices_is_refused(tmp_path, shards, strange):
    (shard,) = shards.glob("*.tar")
    tar_with(shard, strange)
    refused(lambda: find_shards(shards), "is no plain file", "do not use it")


def test_a_name_that_leads_out_of_the_folder_makes_no_file(tmp_path, shards):
    (shard,) = shards.glob("*.tar")
    tar_with(shard, OUTWARDS["up"], entry("../up.png"), entry("/tmp/away.png"))
    before = everything_in(tmp_path)
    refused(lambda: list(stream(find_shards(shards))), "has no .png, or no class", "write the shards again")
    assert everything_in(tmp_path) == before


@pytest.mark.parametrize("name", ["../other/shard-00000.tar", "/etc/hostname", "..", "pipe:touch x/y"])
def test_an_index_that_names_a_file_elsewhere_is_refused(shards, name):
    told = json.loads((shards / "index.json").read_text("utf-8"))
    (shards / "index.json").write_text(json.dumps(told | {"shards": [name]}))
    refused(lambda: find_shards(shards), "not in this folder", "do not use it")


@pytest.mark.parametrize("label", [b"2", b"-1", b"x", b"", "²".encode(), b"9" * 5000])
def test_a_class_that_there_is_not_is_told(shards, label):
    (shard,) = shards.glob("*.tar")
    with tarfile.open(shard) as old:
        entries = [(one, old.extractfile(one).read()) for one in old]
    with tarfile.open(shard, "w") as new:
        for one, data in entries:
            data = label if one.name.endswith(".cls") else data
            one.size = len(data)
            new.addfile(one, io.BytesIO(data))
    refused(lambda: list(stream(find_shards(shards))), "has no .png, or no class from 0 to 1")


# ---- small files that become large -----------------------------------------------------------------


def test_a_packed_shard_is_refused(shards):
    (shard,) = shards.glob("*.tar")
    shard.write_bytes(gzip.compress(shard.read_bytes()))
    assert list(webdataset.WebDataset(str(shard), shardshuffle=False)), "the control unpacks it"
    refused(lambda: find_shards(shards), "is no plain tar file", "write it again")


def test_a_shard_with_a_hole_of_a_terabyte_is_refused(shards):
    (shard,) = shards.glob("*.tar")
    hole = entry("000000.png")
    hole.pax_headers = {"GNU.sparse.map": "0,0", "GNU.sparse.size": str(10**12), "GNU.sparse.major": "0"}
    tar_with(shard, hole)
    with tarfile.open(shard) as archive:
        assert next(iter(archive)).size == 10**12, "the control would read so much"
    refused(lambda: find_shards(shards), "is no plain file")


def test_a_picture_in_a_shard_has_the_limits_of_all_pictures(shards):
    (shard,) = shards.glob("*.tar")
    with tarfile.open(shard) as old:
        entries = [(one, old.extractfile(one).read()) for one in old]
    with tarfile.open(shard, "w") as new:
        for one, data in entries:
            data = png(12_000) if one.name.endswith(".png") else data
            one.size = len(data)
            new.addfile(one, io.BytesIO(data))
    refused(lambda: list(stream(find_shards(shards))), "in the shard", "too large: 12000 x 12000 pixels")


def test_weights_that_were_packed_are_refused(tmp_path):
    plain, packed = tmp_path / "plain.pth", tmp_path / "packed.pth"
    torch.save({"weight": torch.zeros(4_000_000)}, plain)
    with zipfile.ZipFile(plain) as old, zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as new:
        for name in old.namelist():
            new.writestr(name, old.read(name))
    assert packed.stat().st_size < 100_000
    assert torch.load(packed, weights_only=True)["weight"].numel() == 4_000_000, "the control unpacks it"
    for opened in (read_saved, read_state_dict, OPENERS["load_own_weights"]):
        refused(lambda opened=opened: opened(packed), "would become 16.0 MB", "save model.state_dict()")
    refused(lambda: load_checkpoint(packed), "would become 16.0 MB", "delete it to begin anew")
    assert read_saved(plain)["weight"].numel() == 4_000_000


def test_a_small_file_that_asks_for_a_terabyte_is_refused(tmp_path):
    """torch's older format says how large a storage is before its numbers come."""
    file = tmp_path / "gift.pth"
    torch.save({"weight": torch.zeros(1000)}, file, _use_new_zipfile_serialization=False)
    content = file.read_bytes()
    asked = content.replace(b"M\xe8\x03", b"\x8a\x05" + (2**38).to_bytes(5, "little"))
    assert asked != content
    file.write_bytes(asked)
    refused(lambda: read_saved(file))


def chunk(kind: bytes, content: bytes) -> bytes:
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))


def png(side: int, *extra: bytes) -> bytes:
    """A white square of this side; `extra` chunks stand before its pixels."""
    rows = zlib.compress(b"".join([b"\0" + b"\xff" * ((side + 7) // 8)] * side), 9)
    header = chunk(b"IHDR", struct.pack(">IIBBBBB", side, side, 1, 0, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + header + b"".join(extra) + chunk(b"IDAT", rows) + chunk(b"IEND", b"")


BOMB = zlib.compress(bytes(200_000_000), 9)


@pytest.mark.parametrize(
    "extra", [chunk(b"zTXt", b"a\0\0" + BOMB), chunk(b"iTXt", b"a\0\1\0\0\0" + BOMB), chunk(b"iCCP", b"a\0\0" + BOMB)]
)
def test_what_is_packed_beside_the_pixels_is_not_unpacked(extra):
    """Pillow holds such texts and profiles to a size; here that is held to."""
    with pytest.raises(ImageProblem, match="damaged"):
        open_image(io.BytesIO(png(9, extra)))
    assert open_image(io.BytesIO(png(9))).size == (9, 9) and len(BOMB) < 300_000


def test_a_small_file_with_too_many_pixels_is_skipped_when_the_folder_is_read(tmp_path):
    root = zoo(tmp_path / "zoo")
    (root / "bees" / "bomb.png").write_bytes(png(11_500))
    (skip,) = load_folder(root).skipped
    assert skip.reason == "too large: 11500 x 11500 pixels" and (root / "bees" / "bomb.png").stat().st_size < 300_000


def test_large_images_are_decoded_one_at_a_time(monkeypatch):
    """Eight threads with eight of these would hold gigabytes."""
    monkeypatch.setattr("helpers.data.images.LARGE_PIXELS", 2_000)
    together, most, lock = Counter(), Counter(), threading.Lock()

    def upright(image: Image.Image) -> Image.Image:
        with lock:
            together[image.width] += 1
            most[image.width] = max(most[image.width], together[image.width])
        time.sleep(0.03)
        with lock:
            together[image.width] -= 1
        return image.convert("RGB")

    monkeypatch.setattr("helpers.data.images._upright", upright)
    contents = [png(side) for side in (20, 60)] * 8
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda content: open_image(io.BytesIO(content)), contents))
    assert most[60] == 1 and most[20] > 1, most


DEEP = "[" * 200_000


@pytest.mark.parametrize("name", ["read_json", "kept lines", "a lesson", "a lesson's contract"])
def test_json_without_end_is_told_in_a_line(tmp_path, name):
    (tmp_path / "gift.json").write_text(f"{DEEP}\n")
    refused(lambda: OPENERS[name](tmp_path / "gift.json"))


# ---- a shared folder -------------------------------------------------------------------------------


@pytest.fixture
def shared(tmp_path) -> Callable[..., Path]:
    """A shared folder whose settings are changed by keywords."""
    transform = backbone_weights("efficientnet_lite0").transforms()
    folder = tmp_path / "card"
    folder.mkdir()

    def write(backbone_settings: dict | None = None, preprocessing: dict | None = None) -> Path:
        named = {"name": "efficientnet_lite0", "width": 1280, "pretrained": True} | (backbone_settings or {})
        config = {
            "made_by": "transfer-learning course",
            "format": 1,
            "backbone": named,
            "classes": ["ants", "bees"],
            "preprocessing": settings_of(transform) | (preprocessing or {}),
        }
        (folder / "config.json").write_text(json.dumps(config))
        return folder

    return write


@pytest.mark.parametrize("write", [by_torch, by_pickle])
def test_a_shared_head_runs_no_payload(shared, trace, write):
    folder = shared()
    write(folder / "model.safetensors", Payload(trace))
    refused(lambda: load_shared(folder), "is damaged (model.safetensors")
    assert not trace.exists()


def test_settings_that_would_fill_the_memory_are_refused(shared):
    refused(
        lambda: load_shared(shared({"width": 10**12})), "features of 1280 numbers, not 1000000000000", "get it again"
    )
    for name, side in (("crop", 10**6), ("resize", 10**6), ("crop", 0), ("resize", -1)):
        refused(lambda name=name, side=side: load_shared(shared(preprocessing={name: side})), f"{name} is {side}")


def test_the_preprocessing_of_every_backbone_is_within_the_limit():
    for name in COURSE_BACKBONES:
        settings = settings_of(backbone_weights(name).transforms())
        assert settings_of(transform_of(settings)) == settings


def test_notebooks_are_data_until_they_are_run(tmp_path, trace):
    cell = nbformat.v4.new_code_cell(f"import os; os.mkdir({str(trace)!r})")
    nbformat.write(nbformat.v4.new_notebook(cells=[cell]), tmp_path / "01_gift.ipynb")
    Lesson(tmp_path / "01_gift.ipynb").read()
    assert not trace.exists()
    exec(cell.source, {})  # the control
    assert trace.exists()
