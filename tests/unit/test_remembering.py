"""A training is taken from disk where nothing has changed, and never where something has."""

import importlib
import os
import subprocess
import sys
import threading
import types
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

from helpers.training import remembering
from helpers.training.fingerprint import Unknowable, fingerprint
from helpers.training.remembering import ANEW, remembered

NOTEBOOK = """
RATE, WIDTHS = 0.1, {"head": 3}
pictures = torch.arange(6.0).reshape(3, 2)
calls = []

def loss(network):
    return network(pictures).square().mean()

class Step:
    size = 1
    def __init__(self, times):
        self.times = times
    def of(self, network):
        return self.times * self.size * RATE

step = Step(2)

def learn(network, epochs=2):
    losses = []
    for _ in range(epochs):
        value = loss(network)
        value.backward()
        with torch.no_grad():
            for parameter in network.parameters():
                parameter -= step.of(network) * parameter.grad * WIDTHS["head"]
        network.zero_grad()
        losses.append(value.item())
    network.eval()
    return losses, {("seed", 0): torch.tensor(losses) > 1}
"""


def notebook(text=NOTEBOOK):
    """The names of a notebook that runs this."""
    names = {"torch": torch, "__name__": "__main__"}
    exec(compile(text, "/tmp/ipykernel_1/2.py", "exec"), names)
    return SimpleNamespace(**names)


def small_network():
    torch.manual_seed(3)
    return nn.Sequential(nn.Linear(2, 3), nn.BatchNorm1d(3), nn.Linear(3, 1))


@pytest.fixture(autouse=True)
def _own_cache(tmp_path, monkeypatch):
    monkeypatch.setenv("COURSE_CACHE", str(tmp_path / "cache"))
    monkeypatch.delenv(ANEW, raising=False)


def was_called(capsys):
    return "Kept from an earlier run" not in capsys.readouterr().out


def test_the_same_call_gives_the_same_without_a_call(capsys):
    first, second = small_network(), small_network()
    done = remembered(notebook().learn, first)
    state = torch.get_rng_state()
    assert was_called(capsys)
    small_network()
    again = remembered(notebook().learn, second)
    assert not was_called(capsys)
    assert again.value[0] == done.value[0]
    assert again.value[1].keys() == {("seed", 0)}
    assert torch.equal(again.value[1]["seed", 0], done.value[1]["seed", 0])
    assert again.seconds == done.seconds
    assert all(
        torch.equal(one, other)
        for one, other in zip(first.state_dict().values(), second.state_dict().values(), strict=True)
    )
    assert not any(module.training for module in second.modules())
    assert torch.equal(torch.get_rng_state(), state)


@pytest.mark.parametrize(
    ("was", "now"),
    [
        ("RATE, WIDTHS = 0.1", "RATE, WIDTHS = 0.2"),
        ('{"head": 3}', '{"head": 4}'),
        ("torch.arange(6.0)", "torch.arange(1.0, 7.0)"),
        (".square()", ".abs()"),
        ("size = 1", "size = 2"),
        ("Step(2)", "Step(3)"),
        ("self.times * self.size", "self.times + self.size"),
        ("epochs=2", "epochs=3"),
        ("network.eval()", "network.train()"),
    ],
    ids=lambda text: text[:20],
)
def test_what_is_changed_anywhere_is_called(was, now, capsys):
    assert NOTEBOOK.count(was) == 1
    remembered(notebook().learn, small_network())
    remembered(notebook(NOTEBOOK.replace(was, now)).learn, small_network())
    assert was_called(capsys)


def frozen(network):
    network[0].requires_grad_(False)


def moved(network):
    with torch.no_grad():
        network[0].weight[0, 0] += 1e-6


def other_statistics(network):
    network[1].running_mean += 1


def hooked(network):
    network[0].register_forward_hook(lambda module, given, answer: answer * 2)


def other_momentum(network):
    network[1].momentum = 0.5


@pytest.mark.parametrize("change", [frozen, moved, other_statistics, hooked, other_momentum, nn.Module.eval])
def test_another_network_is_called(change, capsys):
    remembered(notebook().loss, small_network())
    network = small_network()
    change(network)
    remembered(notebook().loss, network)
    assert was_called(capsys)


def test_another_argument_is_called(capsys):
    remembered(notebook().learn, small_network(), epochs=1)
    for epochs in (2, True):
        capsys.readouterr()
        remembered(notebook().learn, small_network(), epochs=epochs)
        assert was_called(capsys)


def test_another_random_state_is_called(capsys):
    remembered(notebook().learn, small_network())
    network = small_network()
    torch.rand(1)
    remembered(notebook().learn, network)
    assert was_called(capsys)


def test_another_version_of_the_course_or_of_torch_is_called(capsys, monkeypatch):
    for name in ("course_code", "versions"):
        remembered(notebook().learn, small_network())
        capsys.readouterr()
        monkeypatch.setattr(remembering, name, lambda: "another")
        remembered(notebook().learn, small_network())
        assert was_called(capsys)


def test_anew_is_anew(capsys, monkeypatch):
    remembered(notebook().learn, small_network())
    monkeypatch.setenv(ANEW, "1")
    remembered(notebook().learn, small_network())
    assert was_called(capsys)


@pytest.mark.parametrize(
    "harm", [lambda data: data[:-20], lambda data: data[:-1] + bytes([data[-1] ^ 1]), lambda _: b""]
)
def test_a_damaged_file_is_told_and_made_anew(harm, capsys, tmp_path):
    done = remembered(notebook().learn, small_network())
    (file,) = (tmp_path / "cache" / "trainings").iterdir()
    file.write_bytes(harm(file.read_bytes()))
    assert remembered(notebook().learn, small_network()).value[0] == done.value[0]
    assert "is damaged: training anew" in capsys.readouterr().out
    remembered(notebook().learn, small_network())
    assert not was_called(capsys)


def test_where_nothing_can_be_written_it_trains_and_says_so(capsys, tmp_path, monkeypatch):
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("COURSE_CACHE", str(tmp_path / "file"))
    assert len(remembered(notebook().learn, small_network()).value[0]) == 2
    assert "not kept" in capsys.readouterr().out


def test_what_is_rebuilt_or_unusual_is_called_each_time(capsys):
    def rebuild(network):
        network[2] = nn.Linear(3, 2, bias=False)

    for function in (rebuild, lambda network: network):
        for _ in range(2):
            remembered(function, small_network())
            assert was_called(capsys)


def test_the_oldest_go_first(capsys, monkeypatch):
    monkeypatch.setattr(remembering, "LIMIT", 1)
    for epochs in (1, 2):
        remembered(notebook().learn, small_network(), epochs)
    capsys.readouterr()
    remembered(notebook().learn, small_network(), 2)
    assert not was_called(capsys)
    remembered(notebook().learn, small_network(), 1)
    assert was_called(capsys)


plain = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.binary(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner) | st.lists(inner).map(tuple),
)


@given(plain, plain)
def test_equal_values_and_no_others_have_one_fingerprint(one, other):
    alike = repr(one) == repr(other)  # 1 and True and 1.0 are equal, and no training takes them for the same
    assert (fingerprint(one) == fingerprint(other)) == alike


def test_sets_have_one_fingerprint_in_any_order():
    program = (
        "from helpers.training.fingerprint import fingerprint\n"
        "def f(x): return x in {'frozen', 'head first', 'one rate'}\n"
        "print(fingerprint({'a', 'b', 'c'}, f))"
    )
    found = {
        subprocess.run(
            [sys.executable, "-c", program],
            capture_output=True,
            text=True,
            check=True,
            env={**os.environ, "PYTHONHASHSEED": seed},
        ).stdout
        for seed in ("1", "2")
    }
    assert len(found) == 1


def test_what_cannot_be_told_is_not_taken_for_equal(capsys):
    lock = threading.Lock()
    with pytest.raises(Unknowable):
        fingerprint(lock)

    def learn():
        return lock is None

    for _ in range(2):
        assert remembered(learn).value is False
        assert was_called(capsys)


@pytest.mark.parametrize(
    "value", [np.arange(3), torch.arange(3), [1, [2]], {"a": {1, 2}}, np.array([None, 1], dtype=object)]
)
def test_a_change_inside_is_another_fingerprint(value):
    before = fingerprint(value)
    assert fingerprint(value) == before
    if isinstance(value, dict):
        value["a"].add(3)
    elif isinstance(value, list):
        value[1].append(3)
    else:
        value[0] = 7
    assert fingerprint(value) != before


def test_a_file_of_the_learners_own_is_told_by_its_bytes(tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(tmp_path)
    found = []
    for text in ("RATE = 1", "RATE = 2"):
        (tmp_path / "my_settings.py").write_text(text)
        sys.modules.pop("my_settings", None)
        found.append(fingerprint(importlib.import_module("my_settings")))
    del sys.modules["my_settings"]
    assert found[0] != found[1]
    with pytest.raises(Unknowable):
        fingerprint(types.ModuleType("made_by_hand"))


def test_a_class_of_nowhere_is_told_by_its_code():
    found = set()
    for size in (1, 2):
        names = {"__name__": "a lesson that no import knows"}
        exec(f"class Step:\n    size = {size}", names)
        found.add(fingerprint(names["Step"]()))
    assert len(found) == 2
