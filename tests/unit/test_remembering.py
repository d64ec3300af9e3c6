"""A training is taken from disk where nothing has changed, and never where something has."""

import contextlib
import functools
import importlib
import random
import subprocess
import sys
import threading
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


def masked_gradient(network):
    network[0].weight.register_hook(lambda gradient: gradient * 0)


def a_gradient_from_before(network):
    network[0].weight.grad = torch.ones(3, 2)


def laid_out_otherwise(network):
    network[0].weight.data = network[0].weight.data.t().contiguous().t()


@pytest.mark.parametrize(
    "change",
    [
        *(frozen, moved, other_statistics, hooked, other_momentum, nn.Module.eval),
        *(masked_gradient, a_gradient_from_before, laid_out_otherwise),
    ],
)
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
    remembered(notebook().learn, small_network())
    monkeypatch.setattr(remembering, "versions", lambda: "another")
    remembered(notebook().learn, small_network())
    assert was_called(capsys)
    monkeypatch.setattr(remembering, "course_code", lambda: "edited while this session runs")
    for _ in range(2):
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


outside = SimpleNamespace(network=None, losses=[], best=0)


def rebuilt(network):
    network[2] = nn.Linear(3, 2, bias=False)


def with_other_layers(network):
    network[1] = nn.Identity()
    network[2].p = 0.9


def in_half(network):
    network.half()


def with_a_hook(network):
    network.register_forward_hook(lambda module, given, answer: -answer)


def through_a_global_name(network):
    outside.network.weight.data.add_(1)


def into_a_list_outside(network):
    outside.losses.append(1)


def into_a_global(network):
    global best
    best = 1


def by_other_random_numbers(network):
    return np.random.rand() + random.random()


def what_is_looked_up_by_itself(network):
    return eval("outside.best")


def into_a_tensors_history(network):
    return network[0].weight * 2


def with_unheard_of_numbers(network):
    return [10**5000]


@pytest.mark.parametrize(
    "function",
    [
        *(rebuilt, with_other_layers, in_half, with_a_hook, through_a_global_name, into_a_list_outside, into_a_global),
        *(by_other_random_numbers, what_is_looked_up_by_itself, into_a_tensors_history, with_unheard_of_numbers),
        lambda network: network,
        lambda network: torch.eye(2).to_sparse(),
    ],
)
def test_what_does_more_than_train_its_networks_is_called_each_time(function, capsys):
    for _ in range(2):
        outside.network, outside.losses = nn.Linear(2, 2), []
        remembered(function, small_network())
        assert was_called(capsys)


def test_a_network_in_a_list_an_optimizer_and_a_generator_are_called_each_time(capsys):
    def step(networks, optimizer, generator):
        networks[0](torch.rand(4, 2, generator=generator)).sum().backward()
        optimizer.step()

    for _ in range(2):
        network = small_network()
        remembered(step, [network], torch.optim.Adam(network.parameters()), torch.Generator().manual_seed(0))
        assert was_called(capsys)


@pytest.mark.parametrize(
    "other",
    [
        lambda: torch.autocast("cpu", torch.bfloat16),
        torch.no_grad,
        lambda: switched(torch.get_default_dtype, torch.set_default_dtype, torch.float64),
        lambda: switched(torch.get_num_threads, torch.set_num_threads, torch.get_num_threads() + 1),
    ],
)
def test_under_another_switch_it_is_called(other, capsys):
    def mean(network):
        return (network[0].weight @ torch.ones(2, 1, dtype=torch.float32)).mean().item()

    remembered(mean, small_network())
    assert was_called(capsys)
    network = small_network()
    with other():
        remembered(mean, network.to(torch.float32))
    assert was_called(capsys)
    remembered(mean, small_network())
    assert not was_called(capsys)


@contextlib.contextmanager
def switched(read, write, value):
    before = read()
    write(value)
    try:
        yield
    finally:
        write(before)


def test_a_network_that_has_no_numbers_yet_is_trained():
    assert remembered(lambda network: network(torch.ones(1, 2)).shape[1], nn.LazyLinear(3)).value == 3


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


def test_sets_have_one_fingerprint_in_any_order(capsys):
    """Strings have another hash in each process, and so sets of them another order."""
    program = (
        "from helpers.training.fingerprint import fingerprint\n"
        "def f(x): return x in {'frozen', 'head first', 'one rate', 'layer-wise', 'gradual', 'differential'}\n"
        "print(fingerprint({'a', 'b', 'c', 'd', 'e', 'f'}, f))"
    )
    exec(compile(program, "<string>", "exec"), {"__name__": "__main__"})
    there = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert there.stdout == capsys.readouterr().out


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


def test_a_module_of_the_learners_own_is_told_by_its_names(tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(tmp_path)
    (tmp_path / "my_settings.py").write_text("import my_rates\ndef rate(): return my_rates.RATE")
    (tmp_path / "my_rates.py").write_text("RATE = 1")
    mine = importlib.import_module("my_settings")
    before = fingerprint(mine)
    mine.my_rates.RATE = 2
    assert fingerprint(mine) != before

    def learn():
        from my_rates import RATE

        return RATE

    before = fingerprint(learn)
    mine.my_rates.RATE = 3
    assert fingerprint(learn) != before
    for name in ("my_settings", "my_rates"):
        del sys.modules[name]
    with pytest.raises(Unknowable):
        fingerprint(learn)


def test_a_class_of_nowhere_is_told_by_its_code():
    found = set()
    for size in (1, 2):
        names = {"__name__": "a lesson that no import knows"}
        exec(f"class Step:\n    size = {size}", names)
        found.add(fingerprint(names["Step"]()))
    assert len(found) == 2


DIFFERENT = """
import dataclasses, enum
class Kind(enum.Enum):
    A = 1
    def rate(self): return {0}
class Table(dict):
    def rate(self): return {0}
@dataclasses.dataclass
class Setting:
    rate: float = {0}
def caught():
    try:
        first()
    except ValueError:
        return {0}
def first(): pass
def noted(): pass
noted.rate = {0}
"""


@pytest.mark.parametrize("make", ["Kind.A", "Table(a=1)", "Setting()", "caught", "noted"])
def test_code_of_the_learners_types_is_told(make):
    found = []
    for rate in (1, 1, 2):
        names = {"__name__": "__main__"}
        exec(DIFFERENT.format(rate), names)
        found.append(fingerprint(eval(make, names)))
    assert found[0] == found[1] != found[2]


def test_where_an_error_is_caught_is_told():
    texts = ("def f():\n try:\n  a()\n  b()\n except E: pass", "def f():\n try: a()\n except E: pass\n else: b()")
    found = set()
    for text in texts:
        names = {}
        exec(text, names)
        found.add(fingerprint(names["f"]))
    assert len(found) == 2


def test_an_object_that_keeps_its_state_to_itself_cannot_be_told():
    for value in (random.Random(1), ValueError(1), torch.ones(1).untyped_storage(), np.random.default_rng(1)):
        with pytest.raises(Unknowable):
            fingerprint(value)


def test_hooks_of_other_networks_do_not_matter():
    def hooked():
        network = nn.Linear(1, 1)
        nn.init.ones_(network.weight), nn.init.ones_(network.bias)
        network.register_forward_hook(functools.partial(print, "hook"))
        return network

    assert fingerprint(hooked()) == fingerprint(hooked())
