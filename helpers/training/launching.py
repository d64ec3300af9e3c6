"""Start several processes that train together, from a notebook: `torchrun`, watched, and never left behind."""

from __future__ import annotations

import contextlib
import gc
import os
import queue
import re
import shlex
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import IO

import psutil

from helpers.errors import CourseError, one_line
from helpers.training.measuring import give_back_free_memory

Watch = Callable[[str, list[psutil.Process]], object]

# Where the processes leave their addresses for one another. Unless told so, torchrun (of PyTorch 2.15) keeps one such
# place for all starts. A process that is started again may then read there the address of one that is gone.
FRESH_STORE = {"TORCH_DISABLE_SHARE_RDZV_TCP_STORE": "1"}

_GRACE = 5.0  # seconds that torchrun gets to end its processes before all are killed


def torchrun(
    *program: str, processes: int = 2, restarts: int = 0, machines: int = 1, meet_at: str = "127.0.0.1:29500"
) -> list[str]:
    """The command that starts `program`, such as ("-m", "helpers.training.scale_out"), in several processes.

    Args:
        processes: on each machine; with GPUs, one for each.
        restarts: how often all are started anew after one has died.
        machines: with more than one, the same command is typed on each. They find each other at `meet_at`, which is
            an address and a free port of one of them.
    """
    options = ["--nproc-per-node", str(processes)]
    if restarts:
        options += ["--max-restarts", str(restarts)]
    if machines == 1:
        options = ["--standalone", *options]
    else:
        options += ["--nnodes", str(machines), "--rdzv-backend", "c10d", "--rdzv-endpoint", meet_at]
        options += ["--rdzv-id", "scale-out"]
    return ["torchrun", *options, *program]


def launch(command: Sequence[str], *, watch: Watch | None = None, timeout: float = 120) -> list[str]:
    """Run a command of `torchrun`, print each line as it comes, and give all of them back.

    However this ends, by itself, by an error, by Ctrl+C or by the timeout, no process is left behind.

    Args:
        watch: is called with each line, and with the training processes in the order of their ranks.
        timeout: in seconds. Processes that wait for one another wait for ever.

    Raises:
        CourseError: it failed or took too long; with the reason that one of its processes gave.
    """
    gc.collect()
    give_back_free_memory()  # the processes will need it
    with tempfile.TemporaryFile("w+", encoding="utf-8", errors="replace") as complaints:
        started = subprocess.Popen(
            python_of(command),
            env=own_machine() if "--standalone" in command else {**os.environ, **FRESH_STORE},
            stdout=subprocess.PIPE,
            stderr=complaints,
            text=True,
            errors="replace",
            start_new_session=True,  # Ctrl+C in the notebook reaches the notebook alone, which then ends them all
        )
        lines = []
        try:
            for line in _lines(started.stdout, time.monotonic() + timeout):
                lines.append(line)
                print(line)
                if watch is not None:
                    watch(line, _workers(started))
            status = started.wait(_GRACE)
        except TimeoutError:
            _end(started)
            raise CourseError(
                f"the processes did not end within {timeout:g} seconds, and were ended: give a longer timeout, or look "
                f"for one that waits for another{_last_words(complaints)}"
            ) from None
        finally:
            _end(started)
        if status:
            raise CourseError(f"the training stopped with exit status {status}{_last_words(complaints)}")
    return lines


def as_typed(command: Sequence[str]) -> str:
    """The command as one types it in a terminal, with the setting in front that restarts need."""
    front = [f"{name}={value}" for name, value in FRESH_STORE.items()] if "--max-restarts" in command else []
    return " ".join([*front, *map(shlex.quote, command)])


def python_of(command: Sequence[str]) -> list[str]:
    """The command by this very Python: a terminal's `torchrun` may belong to another one."""
    start = [sys.executable, "-m", "torch.distributed.run"]
    if "--standalone" in command:
        start += ["--local-addr", "127.0.0.1"]  # a machine without a network may not know its own name
    return [*start, *command[1:]]


def own_machine(environment: Mapping[str, str] | None = None) -> dict[str, str]:
    """The environment for processes of one machine: they talk over its loopback device, network or not.

    By its name a laptop may have another address in each network, or none. And each process gets a single thread,
    where nothing else is said: more threads than cores wait for one another.
    """
    environment = dict(os.environ if environment is None else environment) | FRESH_STORE
    loopback = next((name for name, found in psutil.net_if_addrs().items() if _is_loopback(found)), None)
    if loopback:
        environment.setdefault("GLOO_SOCKET_IFNAME", loopback)
    environment.setdefault("OMP_NUM_THREADS", "1")
    environment.setdefault("TORCH_CPP_LOG_LEVEL", "ERROR")  # it warns of each host without a name
    return environment


def _is_loopback(addresses: Sequence) -> bool:
    return any(one.address == "127.0.0.1" for one in addresses)


def _lines(stream: IO[str], deadline: float) -> Iterator[str]:
    """The lines of a stream as they come; a `TimeoutError` at the deadline, also where nothing comes at all."""
    found: queue.Queue[str | None] = queue.Queue()

    def read() -> None:
        with contextlib.suppress(ValueError):  # closed while it was read
            for line in stream:
                found.put(line.rstrip("\n"))
        found.put(None)

    threading.Thread(target=read, daemon=True, name="lines of torchrun").start()
    while True:
        try:
            line = found.get(timeout=max(0.0, deadline - time.monotonic()))
        except queue.Empty:
            raise TimeoutError from None
        if line is None:
            return
        yield line


def _workers(started: subprocess.Popen) -> list[psutil.Process]:
    """The training processes; torchrun starts them in the order of their ranks."""
    with contextlib.suppress(psutil.Error):
        return sorted(psutil.Process(started.pid).children(), key=lambda one: one.pid)
    return []


def _end(started: subprocess.Popen) -> None:
    """End torchrun and all that it started: it leads a group of its own, and each of its processes another one."""
    family: list[psutil.Process] = []
    with contextlib.suppress(psutil.Error):
        family = psutil.Process(started.pid).children(recursive=True)
    if started.poll() is None:
        started.terminate()
        with contextlib.suppress(subprocess.TimeoutExpired):
            started.wait(_GRACE)
    for one in family:
        with contextlib.suppress(psutil.Error):
            one.kill()
    if started.poll() is None:
        started.kill()
        started.wait()
    psutil.wait_procs(family, timeout=_GRACE)
    if started.stdout:
        started.stdout.close()


# The last line of a traceback. `ChildFailedError` is torchrun's own, and says only that another one has the reason.
_REASON = re.compile(r"^(?:\[rank\d+\]: )?(?:\w+\.)*(\w*(?:Error|Exception|Interrupt)): (.+)$", re.MULTILINE)
# What processes say when they lose another one: the cause is with that one.
_FOLLOWS = re.compile(r"ChildFailedError|SignalException|Connection closed|Connection reset|gloo.*(Timed out|closed)")


def _last_words(complaints: IO[str]) -> str:
    """Why it failed, by the first process that said so; nothing where nobody did."""
    complaints.seek(0)
    text = complaints.read()
    said = [f"{kind}: {what}" for kind, what in _REASON.findall(text)]
    causes = [line for line in said if not _FOLLOWS.search(line)] or said
    if causes:
        return f": {one_line(causes[0])[:300].removeprefix('CourseError: ')}"
    last = [line for line in text.splitlines() if line.strip()]
    return f": {one_line(last[-1])[:300]}" if last else ""
