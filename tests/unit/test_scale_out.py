"""Several processes reach what one reaches, lose nothing when one is killed, and leave none behind."""

from __future__ import annotations

import random
import socket
import subprocess
import sys
from itertools import chain
from pathlib import Path

import numpy as np
import psutil
import pytest
import torch
from torch import nn

from helpers.data import load_dataset
from helpers.data.shards import Shards, find_shards, stream, write_shards
from helpers.errors import CourseError
from helpers.training import launching
from helpers.training.checkpoints import load_checkpoint, random_state, save_checkpoint, set_random_state
from helpers.training.launching import as_typed, launch, own_machine, python_of, torchrun
from helpers.training.processes import Team, device_for, joined
from helpers.training.scale_out import InBfloat16, Settings, main, run
from helpers.training.sharing_out import FromDataset, FromShards, divided
from helpers.training.together import CHECKPOINT, judged, result_in, train_together
from tests.unit import toy_scale_out as toy

TOY = str(Path(toy.__file__))
ALONE = Team(0, 1, torch.device("cpu"))
PATIENCE = 240  # seconds for a few of work: the machine may have other things to do


def kept(folder: Path) -> dict[str, torch.Tensor]:
    return load_checkpoint(folder / CHECKPOINT)["network"]


def same_numbers(one: dict[str, torch.Tensor], other: dict[str, torch.Tensor]) -> bool:
    return one.keys() == other.keys() and all(torch.equal(value, other[name]) for name, value in one.items())


@pytest.fixture
def one_thread():
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


# Processes that are really started -----------------------------------------------------------------


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory) -> Path:
    """Two processes on one machine, with dropout, so that random numbers count."""
    folder = tmp_path_factory.mktemp("undisturbed") / "run"
    launch(torchrun(TOY, str(folder), "--dropout", "0.4", processes=2), timeout=PATIENCE)
    return folder


@pytest.mark.parametrize(
    "at",
    [
        pytest.param(("1", "1", "1"), id="second process"),
        pytest.param(("0", "2", "2"), id="first process", marks=pytest.mark.torture),
    ],
)
def test_a_killed_process_costs_nothing(undisturbed, tmp_path, at):
    """torchrun starts all of them again, and they go on from the checkpoint to the same numbers, to the bit."""
    command = torchrun(TOY, str(tmp_path / "run"), "--dropout", "0.4", "--kill", *at, processes=2, restarts=2)
    lines = launch(command, timeout=PATIENCE)
    assert (tmp_path / "killed").exists(), "no process was killed"
    assert result_in(tmp_path / "run")["restarts"] == 1
    assert f"going on after epoch {at[1]}, batch {at[2]} (start 2)" in lines
    assert result_in(tmp_path / "run")["curve"] == result_in(undisturbed)["curve"]
    assert same_numbers(kept(tmp_path / "run"), kept(undisturbed))
    assert [path.name for path in (tmp_path / "run").iterdir() if path.name.endswith(".tmp")] == []


def test_two_machines_reach_what_one_process_reaches(tmp_path, one_thread):
    """Two launchers, as on two machines, find each other over loopback; the global batch is the same."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        meet_at = f"127.0.0.1:{free.getsockname()[1]}"
    command = torchrun(TOY, str(tmp_path / "two"), processes=1, machines=2, meet_at=meet_at)
    launchers = [
        subprocess.Popen(
            python_of(command), env=own_machine(), stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True
        )
        for _ in range(2)
    ]
    try:
        ended = [one.communicate(timeout=PATIENCE) for one in launchers]
    finally:
        for one in launchers:
            launching._end(one)
    assert [one.returncode for one in launchers] == [0, 0], ended
    train_together(toy.make_job(tmp_path / "one", ALONE), ALONE)
    one, two = result_in(tmp_path / "one"), result_in(tmp_path / "two")
    assert (one["processes"], two["processes"]) == (1, 2)
    for alone, both in zip(one["curve"], two["curve"], strict=True):
        assert both == pytest.approx(alone, abs=1e-5)
        assert both["count"] == toy.VAL  # 7 in one process and 6 in the other, and none twice
    for name, value in kept(tmp_path / "one").items():
        torch.testing.assert_close(kept(tmp_path / "two")[name], value, atol=1e-5, rtol=1e-4)
    assert one["curve"][-1]["train loss"] < one["curve"][0]["train loss"] - 0.2, "nothing was learned: a blind test"


def test_a_team_trains_from_unequal_shares_of_shards(tmp_path):
    """Nobody waits for ever: 12 of the 19 pictures lie in the first process's two shards, 7 in the second's one."""
    digits = load_dataset("digits", seed=0)
    written = write_shards(digits.train.subset(range(19)), tmp_path / "shards", per_shard=7)
    assert len(written.files) == 3
    settings = Settings(**vars(TINY) | {"shards": str(tmp_path / "shards"), "batch_size": 4, "epochs": 2})
    script = ["-m", "helpers.training.scale_out", "--folder", str(tmp_path / "run"), "--device", "cpu"]
    launch(torchrun(*script, *settings.arguments(), processes=2), timeout=PATIENCE)
    result = result_in(tmp_path / "run")
    assert (result["processes"], len(result["curve"])) == (2, 2)
    assert [epoch["count"] for epoch in result["curve"]] == [len(digits.val)] * 2
    first, second = (epoch["train loss"] for epoch in result["curve"])
    assert first != second


HANG = """
import os, time
print("here", os.getpid(), flush=True)
time.sleep(600)
"""
FAIL = """
import os
from helpers.errors import CourseError
if os.environ["RANK"] == "1":
    raise CourseError("the loss became nan: lower the learning rate")
import time
time.sleep(600)
"""


def test_ctrl_c_leaves_no_process_behind(tmp_path):
    (tmp_path / "hang.py").write_text(HANG)
    seen = []

    def stop(line, workers):
        seen.append(int(line.split()[1]))
        if len(seen) == 2:
            assert sorted(seen) == [one.pid for one in workers]
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        launch(torchrun(str(tmp_path / "hang.py"), processes=2), watch=stop, timeout=PATIENCE)
    assert len(seen) == 2
    assert not [pid for pid in seen if psutil.pid_exists(pid) and psutil.Process(pid).status() != "zombie"]


def test_what_never_ends_is_ended(tmp_path):
    (tmp_path / "hang.py").write_text(HANG)
    with pytest.raises(CourseError, match=r"did not end within 1 seconds, and were ended: give a longer timeout"):
        launch(torchrun(str(tmp_path / "hang.py"), processes=2), timeout=1)
    assert not [one for one in psutil.process_iter(["cmdline"]) if str(tmp_path) in " ".join(one.info["cmdline"] or [])]


def test_a_failure_is_one_line_with_its_reason(tmp_path):
    (tmp_path / "fail.py").write_text(FAIL)
    with pytest.raises(CourseError) as caught:
        launch(torchrun(str(tmp_path / "fail.py"), processes=2), timeout=PATIENCE)
    assert str(caught.value) == (
        "the training stopped with exit status 1: the loss became nan: lower the learning rate"
    )


# Commands ------------------------------------------------------------------------------------------


def test_the_command_for_several_machines_is_the_same_on_each():
    command = torchrun("-m", "mine", processes=4, restarts=3, machines=2, meet_at="10.0.0.7:29500")
    assert as_typed(command) == (
        "TORCH_DISABLE_SHARE_RDZV_TCP_STORE=1 "
        "torchrun --nproc-per-node 4 --max-restarts 3 --nnodes 2 --rdzv-backend c10d "
        "--rdzv-endpoint 10.0.0.7:29500 --rdzv-id scale-out -m mine"
    )
    assert as_typed(torchrun("my file.py")).endswith("'my file.py'")
    assert python_of(command)[:3] == [sys.executable, "-m", "torch.distributed.run"]


def test_on_one_machine_nothing_but_loopback_is_used():
    environment = own_machine({})
    assert "--standalone" in torchrun("mine.py")
    assert any(a.address == "127.0.0.1" for a in psutil.net_if_addrs()[environment["GLOO_SOCKET_IFNAME"]])
    assert own_machine({"GLOO_SOCKET_IFNAME": "eth7", "OMP_NUM_THREADS": "3"}).items() >= {
        ("GLOO_SOCKET_IFNAME", "eth7"),
        ("OMP_NUM_THREADS", "3"),
    }


# Shares --------------------------------------------------------------------------------------------


def team(rank: int, size: int) -> Team:
    return Team(rank, size, torch.device("cpu"))


@pytest.mark.parametrize(("count", "size"), [(10, 1), (10, 3), (2, 3), (0, 2)])
def test_shares_for_counting_hold_each_once(count, size):
    shares = [list(team(rank, size).share_of(count)) for rank in range(size)]
    assert sorted(chain(*shares)) == list(range(count))
    assert max(map(len, shares)) - min(map(len, shares)) <= 1


def test_a_team_of_one_needs_nobody(monkeypatch):
    for name in ("RANK", "WORLD_SIZE"):
        monkeypatch.delenv(name, raising=False)
    with joined("cpu") as alone:
        assert (alone.rank, alone.size, alone.is_first) == (0, 1, True)
        assert alone.total(0.5, 3) == [0.5, 3.0] and alone.gathered("a") == ["a"] and alone.wait() is None


def labels_of(pictures, epoch: int, start: int = 0) -> list[list[int]]:
    """Which pictures are in each batch; the toy's first pixel tells them apart."""
    return [[round(float(x[0, 0, 0]), 6) for x in images] for images, _ in pictures.batches(epoch, start)]


@pytest.mark.parametrize("size", [2, 4])
def test_the_pictures_of_a_step_are_the_same_for_any_number_of_processes(size):
    noise = toy.Noise(24, 1)
    alone = labels_of(FromDataset(noise, 8, ALONE), epoch=5)
    shares = [labels_of(FromDataset(noise, 8, team(rank, size)), epoch=5) for rank in range(size)]
    assert [sorted(chain(*parts)) for parts in zip(*shares, strict=True)] == [sorted(batch) for batch in alone]


def test_each_epoch_has_another_order_and_a_batch_can_be_begun_at():
    pictures = FromDataset(toy.Noise(24, 1), 8, team(1, 2))
    first, second = labels_of(pictures, 0), labels_of(pictures, 1)
    assert len(pictures) == len(first) == 3 and first != second
    assert labels_of(pictures, 0) == first
    assert labels_of(pictures, 1, start=2) == second[2:]


@pytest.mark.parametrize(("batch_size", "size"), [(7, 2), (0, 1), (2, 4), (2.0, 2), (True, 1)])
def test_a_batch_that_cannot_be_divided_is_refused(batch_size, size):
    with pytest.raises(CourseError, match=f"take a multiple of {size}"):
        divided(batch_size, team(0, size))


def test_a_folder_without_a_result_is_told(tmp_path):
    with pytest.raises(CourseError, match="no training has ended in"):
        result_in(tmp_path)


def test_nothing_to_train_on_or_to_judge_by():
    with pytest.raises(CourseError, match="the dataset is empty"):
        FromDataset(toy.Noise(0, 1), 2, ALONE)
    with pytest.raises(CourseError, match="the validation part is empty"):
        judged(nn.Flatten(), toy.Noise(0, 1), ALONE)


# Checkpoints ---------------------------------------------------------------------------------------


class Stopped(Exception):
    """As if the program ended there."""


@pytest.mark.parametrize("batches", [1, 4, 7])
def test_training_goes_on_as_if_it_had_never_stopped(tmp_path, one_thread, batches, monkeypatch):
    def train(folder, stop_after=None):
        job = toy.make_job(folder, ALONE, dropout=0.5)
        torch.manual_seed(5)
        if stop_after is not None:
            monkeypatch.setattr(job.pictures, "batches", stopping(job.pictures.batches, stop_after))
        return train_together(job, ALONE)

    def stopping(give, left):
        def batches(epoch, start=0):
            nonlocal left
            for batch in give(epoch, start):
                if left == 0:
                    raise Stopped
                left -= 1
                yield batch

        return batches

    whole = train(tmp_path / "whole")
    with pytest.raises(Stopped):
        train(tmp_path / "stopped", stop_after=batches)
    torch.manual_seed(99)
    assert train(tmp_path / "stopped") == whole
    assert same_numbers(kept(tmp_path / "stopped"), kept(tmp_path / "whole"))
    assert train(tmp_path / "stopped") == whole  # there is nothing left to do


def test_the_checkpoint_of_another_training_is_refused(tmp_path, one_thread):
    train_together(toy.make_job(tmp_path, ALONE), ALONE)
    with pytest.raises(CourseError, match=r"is of another training \(dropout\): give another folder"):
        train_together(toy.make_job(tmp_path, ALONE, dropout=0.5), ALONE)


@pytest.mark.parametrize("content", [b"", b"no checkpoint", None])
def test_a_damaged_checkpoint_is_named(tmp_path, content):
    file = tmp_path / "checkpoint.pt"
    save_checkpoint(file, {"numbers": torch.arange(2000)})
    file.write_bytes(file.read_bytes()[:-300] if content is None else content)
    with pytest.raises(CourseError, match=r"cannot go on from checkpoint.pt .*: delete it to begin anew"):
        load_checkpoint(file)


def test_where_writing_fails_the_old_checkpoint_stays(tmp_path):
    file = tmp_path / "checkpoint.pt"
    save_checkpoint(file, {"epoch": 1})
    with pytest.raises(Exception, match="pickle"):
        save_checkpoint(file, {"epoch": lambda: 2})
    assert load_checkpoint(file) == {"epoch": 1}
    assert [path.name for path in tmp_path.iterdir()] == ["checkpoint.pt"]


def test_every_random_generator_goes_on(tmp_path):
    def draw():
        return random.random(), random.gauss(0, 1), np.random.rand(), np.random.randn(), torch.rand(2).tolist()

    before = random.getstate(), np.random.get_state(), torch.get_rng_state()
    try:
        random.gauss(0, 1), np.random.randn()  # each keeps a second number for later
        save_checkpoint(tmp_path / "state.pt", random_state())
        first = draw()
        draw()
        set_random_state(load_checkpoint(tmp_path / "state.pt"))
        assert draw() == first
    finally:
        random.setstate(before[0]), np.random.set_state(before[1]), torch.set_rng_state(before[2])


# Shards --------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def digits():
    return load_dataset("digits", train_per_class=3, val_per_class=2, test_per_class=1, image_size=8)


@pytest.fixture
def shards(digits, tmp_path) -> Shards:
    return write_shards(digits.train, tmp_path / "shards", per_shard=7)


def pixels(picture) -> bytes:
    return np.asarray(picture).tobytes()


def as_process(monkeypatch, rank: int, size: int, worker: int = 0, workers: int = 1) -> None:
    place = {"RANK": rank, "WORLD_SIZE": size, "WORKER": worker, "NUM_WORKERS": workers}
    for name, value in place.items():
        monkeypatch.setenv(name, str(value))


def test_shards_hold_every_picture_to_the_pixel(digits, shards):
    assert len(shards.files) == 5 and shards.count == 30 and list(shards.classes) == digits.classes
    found = sorted((label, pixels(picture)) for picture, label in stream(shards))
    expected = sorted((int(digits.train.labels[i]), pixels(digits.train.image(i))) for i in range(30))
    assert found == expected


@pytest.mark.parametrize(("size", "workers"), [(1, 1), (2, 1), (2, 2), (3, 3)])
def test_each_picture_goes_to_one_worker_of_one_process(shards, monkeypatch, size, workers):
    found = []
    for rank in range(size):
        for worker in range(workers):
            as_process(monkeypatch, rank, size, worker, workers)
            found += [pixels(picture) for picture, _ in stream(shards, shuffle=4, seed=3)]
    monkeypatch.undo()
    assert sorted(found) == sorted(pixels(picture) for picture, _ in stream(shards))


def test_another_seed_is_another_order(shards):
    orders = [[pixels(picture) for picture, _ in stream(shards, shuffle=9, seed=seed)] for seed in (1, 1, 2)]
    assert orders[0] == orders[1] != orders[2]


def as_number(picture) -> torch.Tensor:
    return torch.tensor(float(np.asarray(picture, dtype=np.int64).sum()))


@pytest.mark.parametrize(("rank", "size"), [(0, 2), (1, 2)])
def test_every_process_gets_as_many_batches_from_unequal_shares(shards, monkeypatch, rank, size):
    as_process(monkeypatch, rank, size)  # three shards with 21 pictures, or two with 9
    pictures = FromShards(shards, as_number, 4, team(rank, size))
    epoch = [labels.tolist() for _, labels in pictures.batches(0)]
    assert len(pictures) == len(epoch) == 30 // 4
    assert [labels.tolist() for _, labels in pictures.batches(0, start=5)] == epoch[5:]
    assert {len(labels) for labels in epoch} == {4 // size}, "a batch is not full"
    assert [labels.tolist() for _, labels in pictures.batches(1)] != epoch


def test_bad_shards_are_told_in_one_line(digits, shards, tmp_path, monkeypatch):
    with pytest.raises(CourseError, match="write them with write_shards"):
        find_shards(tmp_path / "nowhere")
    for per_shard in (0, 2.5, True):
        with pytest.raises(CourseError, match="a shard holds 1 picture or more"):
            write_shards(digits.train, tmp_path / "bad", per_shard)
    with pytest.raises(CourseError, match="the dataset is empty"):
        write_shards(digits.train.subset([]), tmp_path / "bad", 3)
    as_process(monkeypatch, 0, 6)
    with pytest.raises(CourseError, match="5 shards are too few for 6 processes"):
        stream(shards)
    shards.files[1].unlink()
    with pytest.raises(CourseError, match=r"1 shards are missing in .*shard-00001.tar"):
        find_shards(shards.files[0].parent)


def test_shards_written_again_leave_none_of_the_old(digits, shards):
    folder = shards.files[0].parent
    write_shards(digits.val, folder, per_shard=50)
    assert sorted(path.name for path in folder.iterdir()) == ["index.json", "shard-00000.tar"]
    assert find_shards(folder).count == 20


# The script ----------------------------------------------------------------------------------------

TINY = Settings(dataset="digits", per_class=2, side=32, epochs=1, batch_size=10, statistics="moving")


def test_the_script_trains_and_has_nothing_to_do_a_second_time(tmp_path, capsys):
    curve = run(TINY, tmp_path, device="cpu")
    assert "epoch 1 of 1: loss" in capsys.readouterr().out
    assert curve == result_in(tmp_path)["curve"] and 0 < curve[0]["train loss"] < 10
    assert run(TINY, tmp_path, device="cpu") == curve
    assert capsys.readouterr().out.startswith("going on after epoch 1")


@pytest.mark.parametrize("settings", [Settings(), TINY, Settings(bf16=True, shards="/a b/c", rate=0.5)])
def test_settings_are_typed_as_they_are_read(settings, monkeypatch, tmp_path):
    read = []
    monkeypatch.setattr("helpers.training.scale_out.run", lambda found, folder, **how: read.append(found))
    assert main(["--folder", str(tmp_path), *settings.arguments()]) == 0
    assert read == [settings]


@pytest.mark.parametrize("option", ["--every", "--epochs", "--batch-size", "--side", "--per-class"])
def test_settings_that_no_training_can_have_are_refused(option, tmp_path, capsys):
    for bad in ("0", "-2", "1.5"):
        with pytest.raises(SystemExit):
            main(["--folder", str(tmp_path), option, bad])
        assert f"{option}: a whole number of at least 1, not {bad}" in capsys.readouterr().err


def test_processes_get_gpus_where_each_has_its_own():
    assert device_for(2, "cpu") == "cpu"
    assert device_for(10**6) == "cpu"


def test_the_script_tells_bad_input_in_one_line(tmp_path, capsys):
    assert main(["--folder", str(tmp_path), "--backbone", "resnet5", "--device", "cpu"]) == 2
    assert capsys.readouterr().err.startswith("CourseError: unknown backbone 'resnet5'")


def test_bfloat16_stays_inside():
    network = nn.Linear(64, 3)
    inputs = torch.randn(5, 64)
    exact, rough = network(inputs), InBfloat16(network)(inputs)
    assert rough.dtype == torch.float32 and network.weight.dtype == torch.float32
    assert not torch.equal(rough, exact)
    torch.testing.assert_close(rough, exact, atol=0.05, rtol=0.05)
