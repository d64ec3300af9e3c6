"""A program that kills the course's work at random moments, and looks at what is left each time.

    python -m tests.faults.kills FOLDER KILLS SEED [WORK ...]

PyTorch is loaded once; each work is done in a child process that is killed (SIGKILL), either after a random time or
as it is about to write or rename a file. Then another child does the same work again in the same folder. A line of JSON
for each kill; the first thing that is not as it should be ends the program.
"""

from __future__ import annotations

import contextlib
import dataclasses
import hashlib
import io
import json
import os
import random
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, NoReturn

import torch

from helpers.checking.interruptions import with_each_moment
from helpers.course import progress, scoreboard
from helpers.models.downloading import RemoteFile, RetryPolicy
from helpers.training import extract_features, features
from helpers.training.checkpoints import load_checkpoint
from helpers.training.feature_cache import FeatureCache
from helpers.training.processes import Team
from helpers.training.together import train_together
from tests.unit import test_feature_parts as parts
from tests.unit import toy_scale_out as toy

RECORDS, PIECES, PIECE = 25, 40, 2**15
CONTENT = random.Random(0).randbytes(PIECES * PIECE)


@dataclasses.dataclass
class Work:
    """What is killed.

    Attributes:
        do: the work in a folder; what it gives back does not hang on whether it was begun before. It may tell through
            its second argument what it has done so far, and somebody was promised that it is kept.
        look: at what a killed work left: whether it is whole, and holds what was told. What it gives back goes to
            `went_on`.
        went_on: looks at what the second work gave.
    """

    do: Callable[[Path, Callable[[Any], None]], Any]
    look: Callable[[Path, list], Any]
    went_on: Callable[[Any, Any, Any], bool]


# Training with checkpoints ------------------------------------------------------------------------


def train(folder: Path, tell: Callable[[Any], None]) -> dict:
    """A checkpoint after each batch; each batch that begins says that the one before it was kept."""
    job = toy.make_job(folder, Team(0, 1, torch.device("cpu")), dropout=0.5)
    give, begun = job.pictures.batches, []

    def batches(epoch: int, start: int = 0) -> Iterator:
        for number, batch in enumerate(give(epoch, start), start):
            begun.append((epoch, number))
            tell((epoch, number))
            yield batch

    job.pictures.batches = batches
    torch.manual_seed(1)
    return {"curve": train_together(job, Team(0, 1, torch.device("cpu"))), "begun": len(begun)}


def checkpoint_in(folder: Path, told: list) -> int:
    """How many batches are done by the checkpoint; at least those that were told, but the last."""
    kept = load_checkpoint(folder / "checkpoint.pt")
    epoch, batch = (kept["progress"]["epoch"], kept["progress"]["batch"]) if kept else (0, 0)
    an_epoch = toy.PICTURES // toy.BATCH
    done, last = epoch * an_epoch + batch, told[-1] if told else (0, 0)
    require(done >= last[0] * an_epoch + last[1], f"the checkpoint is at batch {done}, and {last} was begun")
    return done


def trained_the_rest(whole: dict, found: dict, done: int) -> bool:
    left = toy.EPOCHS * toy.PICTURES // toy.BATCH - done
    return found["curve"] == whole["curve"] and found["begun"] == left


# Caching features ---------------------------------------------------------------------------------


def cache(folder: Path, tell: Callable[[Any], None]) -> dict:
    os.environ["COURSE_CACHE"] = str(folder)
    features.PART = parts.PART
    network, seen, said = parts.network(), [], io.StringIO()

    def slow(module: torch.nn.Module, inputs: tuple[torch.Tensor]) -> None:
        seen.append(len(inputs[0]))
        time.sleep(0.004)

    network.register_forward_pre_hook(slow)
    with contextlib.redirect_stdout(said):
        found = extract_features(network, parts.arrays(), batch_size=2)
    return {"sum": found.features.double().sum().item(), "seen": sum(seen), "said": said.getvalue()}


def parts_in(folder: Path, told: list) -> int:
    """How many images lie in the cache; each file under its name is whole."""
    read = [FeatureCache.read(None, file) for file in sorted((folder / "features").glob("*.safetensors"))]
    require(all(part is not None for part in read), "a part of the cache is damaged")
    return sum(len(part.features) for part in read)


def computed_the_rest(whole: dict, found: dict, kept: int) -> bool:
    spots = 2 * features.SPOT_CHECKS if kept else 0  # at least one of each file, so there may be more than SPOT_CHECKS
    same = abs(found["sum"] - whole["sum"]) < 1e-3
    return same and found["seen"] <= parts.IMAGES - kept + spots and not found["said"]


# Downloading --------------------------------------------------------------------------------------


class Slow(BaseHTTPRequestHandler):
    """A server that takes a moment for each piece."""

    def do_GET(self) -> None:
        self.send_response(200)
        self.send_header("Content-Length", str(len(CONTENT)))
        self.end_headers()
        for start in range(0, len(CONTENT), PIECE):
            self.wfile.write(CONTENT[start : start + PIECE])
            time.sleep(0.002)

    def log_message(self, *_: object) -> None:
        """Nobody reads it."""


class Server(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, *_: object) -> None:
        """A client that was killed."""


def remote(folder: Path, port: int) -> RemoteFile:
    sha256 = hashlib.sha256(CONTENT).hexdigest()
    return RemoteFile(
        "toy", f"http://127.0.0.1:{port}/", folder / f"toy-{sha256[:8]}.pth", sha256[:8], len(CONTENT) / 1e6
    )


def downloading(port: int) -> Work:
    def download(folder: Path, tell: Callable[[Any], None]) -> bool:
        wanted = remote(folder, port)
        if not wanted.at_hand():
            wanted.fetch(retry=RetryPolicy(attempts=1), say=lambda line: None)
        return wanted.is_whole(wanted.path)

    def whole_or_not_there(folder: Path, told: list) -> bool:
        wanted = remote(folder, port)
        there = wanted.path.exists()
        require(not there or wanted.is_whole(wanted.path), "what lies under the file's name is not whole")
        return there

    return Work(download, whole_or_not_there, lambda whole, found, there: whole is found is True)


# Progress and scoreboard --------------------------------------------------------------------------


def write_records(folder: Path, tell: Callable[[Any], None]) -> list[int]:
    os.environ["COURSE_OUTPUT"] = str(folder)
    for number in range(RECORDS):
        progress.record("90.1", "correct" if number % 2 else "incorrect")
        row = scoreboard.Row("90", f"{os.getpid()}-{number}", "digits", "b", 0.5, None, 1, 1, 1.0, "cpu")
        scoreboard.add(row)
        tell(number + 1)
    return counted()


def counted() -> list[int]:
    return [progress.read().get("90.1", {}).get("attempts", 0), len(scoreboard.read())]


def records_in(folder: Path, told: list) -> list[int]:
    """Each that was told is there, and at most the one under way beside it."""
    os.environ["COURSE_OUTPUT"] = str(folder)
    found, promised = counted(), told[-1] if told else 0
    require(all(promised <= number <= promised + 1 for number in found), f"{found} records, and {promised} were told")
    return found


def kept_and_added(whole: list, found: list, before: list) -> bool:
    return found == [number + RECORDS for number in before]


# Children -----------------------------------------------------------------------------------------


def require(holds: bool, otherwise: str) -> None:
    if not holds:
        raise AssertionError(otherwise)


class Child:
    """A process that calls `work(tell)`: what it told, and what it gave back or raised."""

    def __init__(self, work: Callable[[Callable[[Any], None]], Any]):
        reading, writing = os.pipe()
        self.id = os.fork()
        if self.id == 0:
            os.close(reading)
            _be(work, writing)
        os.close(writing)
        self.reading = reading

    def kill(self) -> None:
        with contextlib.suppress(ProcessLookupError):
            os.kill(self.id, signal.SIGKILL)

    def lines(self) -> list[dict]:
        """All lines that it wrote, once it has ended."""
        with os.fdopen(self.reading, "rb") as pipe:
            text = pipe.read()
        _, self.status = os.waitpid(self.id, 0)
        return [json.loads(line) for line in text[: text.rfind(b"\n") + 1].splitlines()]

    def result(self) -> Any:
        """What `work` gave back; an `AssertionError` where it raised something."""
        last = (self.lines() or [{"error": "nothing was said"}])[-1]
        require("gave" in last, f"it ended with {last.get('error')}")
        return last["gave"]


def _be(work: Callable[[Callable[[Any], None]], Any], writing: int) -> NoReturn:
    def write(**line: Any) -> None:
        os.write(writing, json.dumps(line).encode() + b"\n")

    try:
        with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
            write(gave=work(lambda done: write(told=done)))
    except BaseException as error:  # the parent tells of it
        write(error=f"{type(error).__name__}: {error}")
    finally:
        os._exit(0)


# Kills --------------------------------------------------------------------------------------------


def killed_by_time(work: Work, folder: Path, seconds: float) -> tuple[list, bool]:
    child = Child(lambda tell: work.do(folder, tell))
    time.sleep(seconds)
    child.kill()
    return _told(child)


def killed_at_write(work: Work, folder: Path, at: int) -> tuple[list, bool]:
    def count_down(changes_the_disk: bool) -> None:
        nonlocal at
        at -= changes_the_disk
        if at < 0:
            os.kill(os.getpid(), signal.SIGKILL)

    return _told(Child(lambda tell: with_each_moment(lambda: work.do(folder, tell), count_down)))


def _told(child: Child) -> tuple[list, bool]:
    """What it told before its end, and whether it was the kill that ended it."""
    lines = child.lines()
    require(not any("error" in line for line in lines), str(lines[-1:]))
    return [line["told"] for line in lines if "told" in line], os.WIFSIGNALED(child.status)


def undisturbed(work: Work, folder: Path) -> tuple[Any, float, int]:
    """What the work gives, its seconds, and how many writes and renames it makes."""

    def counted_writes(tell: Callable[[Any], None]) -> int:
        seen: list[bool] = []
        with_each_moment(lambda: work.do(folder / "counted", tell), seen.append)
        return sum(seen)

    started = time.perf_counter()
    whole = Child(lambda tell: work.do(folder / "timed", tell)).result()
    return whole, time.perf_counter() - started, Child(counted_writes).result()


def kill_once(work: Work, folder: Path, how: str, when: float, whole: Any) -> bool:
    """Kill the work, look at what is left, and do it again; whether it was the kill that ended it."""
    folder.mkdir(parents=True)
    told, killed = (killed_by_time if how == "seconds" else killed_at_write)(work, folder, when)
    left = Child(lambda tell: work.look(folder, told)).result()
    found = Child(lambda tell: work.do(folder, tell)).result()
    require(work.went_on(whole, found, left), f"it went on from {left} and gave {found}, and not {whole}")
    return killed


def main(folder: str, kills: str, seed: str, *names: str) -> None:
    dice = random.Random(int(seed))
    torch.set_num_threads(1)  # a child of a process with threads of its own may wait for them for ever
    os.environ.update(NO_PROXY="127.0.0.1", no_proxy="127.0.0.1")
    with Server(("127.0.0.1", 0), Slow) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        works = {
            "training": Work(train, checkpoint_in, trained_the_rest),
            "caching": Work(cache, parts_in, computed_the_rest),
            "downloading": downloading(server.server_port),
            "records": Work(write_records, records_in, kept_and_added),
        }
        for name in names or works:
            whole, seconds, writes = undisturbed(works[name], Path(folder) / name)
            for number in range(int(kills)):
                how, when = ("seconds", dice.uniform(0, seconds)) if number % 2 else ("writes", dice.randrange(writes))
                tries = 1
                while not kill_once(works[name], Path(folder) / name / f"{number}.{tries}", how, when, whole):
                    tries, when = tries + 1, when / 2  # it had ended by then: this time earlier
                print(json.dumps({"work": name, "after": f"{when:.4g} {how}", "tries": tries}), flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
