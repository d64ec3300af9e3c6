"""What becomes of a mutant: refused, stopped, hung, gone; and that none of them touches the next."""

import multiprocessing
from pathlib import Path

import pytest
import torch

from tests.mutants import judging
from tests.mutants.judging import Fate, bench
from tests.mutants.table import right_answers

pytestmark = pytest.mark.skipif(
    "fork" not in multiprocessing.get_all_start_methods(), reason="mutants are judged in forks, which Windows lacks"
)

RIGHT = right_answers("0.1")["reference"]
FIRST = "def top_class(logits, categories):\n"


@pytest.fixture(scope="module")
def at():
    threads = torch.get_num_threads()
    yield bench("0.1", RIGHT)
    torch.set_num_threads(threads)


def fates(at, *sources):
    return [verdict.fate for _, verdict in sorted(at.verdicts(list(sources)), key=lambda one: one[0])]


def test_each_fate(at):
    found = fates(
        at,
        FIRST + "    return categories[0]",
        FIRST + "    return categories[99]",
        "raise RuntimeError",
        FIRST + "    while True:\n        pass",
        FIRST + "    import os\n    os._exit(0)",
        FIRST + "    raise SystemExit",
        RIGHT,
    )
    assert found == [Fate.REFUSED, Fate.ERROR, Fate.ERROR, Fate.TIME, Fate.GONE, Fate.ERROR, Fate.SURVIVED]


def test_one_that_sleeps_comes_to_no_end(at, monkeypatch):
    monkeypatch.setattr(judging, "SLOWER", 2 / at.seconds)
    assert fates(at, FIRST + "    import time\n    time.sleep(600)", RIGHT) == [Fate.TIME, Fate.SURVIVED]


def test_what_a_mutant_writes_is_gone_with_it(at, tmp_path, monkeypatch):
    monkeypatch.setattr(judging.tempfile, "tempdir", str(tmp_path))
    before = Path.cwd()
    writes = FIRST + "    open('left', 'w').close()\n    return categories[logits.argmax()]"
    assert fates(at, writes) == [Fate.SURVIVED]
    assert Path.cwd() == before
    assert not list(tmp_path.iterdir())
    assert not Path("left").exists()


def test_a_mutant_that_spoils_the_check_spoils_no_verdict(at):
    spoils = FIRST + "    torch.Tensor.argmax = None\n    return categories[0]"
    assert fates(at, spoils, RIGHT) == [Fate.REFUSED, Fate.SURVIVED]


def test_a_reference_that_is_wrong_makes_no_bench():
    with pytest.raises(AssertionError, match=r"0\.1: the reference is refused"):
        bench("0.1", FIRST + "    return categories[0]")


def test_more_than_share_a_process(at, monkeypatch):
    monkeypatch.setattr(judging, "TOGETHER", 2)
    wrong = FIRST + "    return categories[0]"
    assert fates(at, wrong, RIGHT, wrong, RIGHT, wrong) == [
        Fate.REFUSED,
        Fate.SURVIVED,
        Fate.REFUSED,
        Fate.SURVIVED,
        Fate.REFUSED,
    ]
