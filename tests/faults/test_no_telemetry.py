"""Nothing of the course goes over the network unless a person asked for it.

What a lesson does runs in a process of its own, which two counters watch: one within Python (an audit hook, on every
system), and strace from outside, where it is there, which sees compiled code and child processes as well. They count
each connection and each question for a name but those to this machine. The controls show that both counters count.

What a person asks for goes out: `python -m helpers fetch`, `make setup`, `make update`, `make audit`, and a lesson told
to fetch, or given the name of a network that is not here. That is tested in `test_fetching.py`.
"""

from __future__ import annotations

import json
import os
import re
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from helpers.places import repository

# Put into the process by its folder on PYTHONPATH, and into its Python children with it.
HOOK = """
import os, socket, sys

at_home = {None, "", b"", "localhost", "127.0.0.1", "::1", "0.0.0.0", "::", socket.gethostname()}

def watch(event, arguments):
    if event in ("socket.getaddrinfo", "socket.gethostbyname"):
        told = arguments[0]
    elif event in ("socket.connect", "socket.sendto", "socket.sendmsg"):
        told = arguments[1][0] if isinstance(arguments[1], tuple) else None  # a path is a socket of this machine
    else:
        return
    told = told.decode() if isinstance(told, bytes) else told
    if told not in at_home and not str(told).startswith("127."):
        with open(os.environ["COUNTED"], "a") as file:
            file.write(f"{event} {told}\\n")

sys.addaudithook(watch)
"""

LESSON = """
import sys

import peft
import timm
import webdataset
import torch
from torch import nn
from torchvision.models import resnet18

from helpers.course import contract, scoreboard, show_figure
from helpers.course.figures import curves
from helpers.data import example_photos, load_dataset
from helpers.doctor import main as doctor
from helpers.lessons import exercise, progress, quiz
from helpers.models import load_backbone
from helpers.training.features import extract_features
from helpers.training.devices import pick_device, seed_everything

contract("03")
backbone = load_backbone("efficientnet_lite0")
digits = load_dataset("digits", train_per_class=2).with_transform(backbone.transforms)
with torch.inference_mode():
    backbone.model.eval()(torch.stack([digits.train[0][0]]))
load_backbone("resnet18", pretrained=False)
peft.get_peft_model(nn.Sequential(nn.Linear(4, 4)), peft.LoraConfig(target_modules=["0"]))
exercise("1.1").check(...)
exercise("1.1").hint()
quiz("01").show()
quiz("01").answer(1, "a")
show_figure(curves({"train": [3.0, 2.0, 1.0]}, x_label="epoch", y_label="loss"), "Look at the end.")
progress("01")
print("the lesson came to its end")
"""

OUTSIDE = "192.0.2.1"  # an address that belongs to nobody (RFC 5737)
CONTROL = f"""
import contextlib, socket, subprocess, sys
with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as asked:
    with contextlib.suppress(OSError):  # on a machine without any network the question counts as well
        asked.connect(("{OUTSIDE}", 9))
with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as at_home:
    at_home.connect(("127.0.0.1", 9))
print("the lesson came to its end")
"""
IN_A_CHILD = f"import subprocess, sys; subprocess.run([sys.executable, '-c', {CONTROL!r}], check=True)"


def strace_works() -> bool:
    """Not everywhere may a process be traced: some containers forbid it."""
    if shutil.which("strace") is None:
        return False
    return (
        subprocess.run(
            ["strace", "-f", "--seccomp-bpf", "-qq", "-o", os.devnull, "true"], capture_output=True
        ).returncode
        == 0
    )


TRACED = strace_works()


class Watched:
    """A command that both counters watch, in folders of its own."""

    def __init__(self, folder: Path, arguments: list[str], **environment: str):
        self.by_hook, self.by_strace = folder / "hook", folder / "strace"
        (folder / "sitecustomize.py").write_text(HOOK)
        tracer = (
            ["strace", "-f", "--seccomp-bpf", "-qq", "-e", "trace=%network", "-o", str(self.by_strace)]
            if TRACED
            else []
        )
        self.command = [*tracer, *arguments]
        paths = [str(folder), *filter(None, [os.environ.get("PYTHONPATH")])]
        own = {
            "PYTHONPATH": os.pathsep.join(paths),
            "COUNTED": str(self.by_hook),
            "TORCH_HOME": str(folder / "torch"),
            "COURSE_OUTPUT": str(folder / "output"),
            "MPLBACKEND": "agg",
        }
        self.environment = {**os.environ, **own, **environment}

    def went_out(self) -> dict[str, list[str]]:
        """What each counter has seen. A counter that has not watched is not there."""
        seen = {"hook": self.by_hook.read_text().splitlines() if self.by_hook.exists() else []}
        return seen | ({"strace": self._of_strace()} if TRACED else {})

    def _of_strace(self) -> list[str]:
        calls = re.findall(
            r'(?:connect|sendto|sendmsg|sendmmsg)\([^\n]*?(?:inet_addr\("|inet_pton\(AF_INET6, ")([^"]+)',
            self.by_strace.read_text(),
        )
        return [address for address in calls if not re.match(r"127\.|::1$|::ffff:127\.|0\.0\.0\.0$", address)]


def went_out(folder: Path, program: str) -> dict[str, list[str]]:
    """What of a Python program went out; it must come to its end."""
    watched = Watched(folder, [sys.executable, "-c", program])
    done = subprocess.run(
        watched.command, env=watched.environment, cwd=folder, capture_output=True, text=True, timeout=300
    )
    assert done.returncode == 0 and "the lesson came to its end" in done.stdout, done.stderr[-2000:]
    return watched.went_out()


@pytest.mark.parametrize("program", [CONTROL, IN_A_CHILD], ids=["itself", "a child"])
def test_the_counters_count(tmp_path, program):
    program += "\nprint('the lesson came to its end')"
    seen = went_out(tmp_path, program)
    assert seen["hook"] == [f"socket.connect {OUTSIDE}"]
    assert seen.get("strace", [OUTSIDE]) == [OUTSIDE]


def test_a_question_for_a_name_counts(tmp_path):
    seen = went_out(
        tmp_path,
        "import socket\ntry:\n    socket.getaddrinfo('example.invalid', 80)\nexcept OSError:\n"
        "    print('the lesson came to its end')",
    )
    assert seen["hook"] == ["socket.getaddrinfo example.invalid"]


def test_a_lesson_sends_nothing(tmp_path):
    assert not any(went_out(tmp_path, LESSON).values())


# ---- JupyterLab ------------------------------------------------------------------------------------


def flags_of_make_lab() -> list[str]:
    """What `make lab` gives to JupyterLab for its own sake."""
    recipe = (repository() / "Makefile").read_text("utf-8").split("\nlab:")[1].split("\n\n")[0]
    return re.findall(r"--LabApp\.(?!default_url)\S+", recipe)


@contextmanager
def jupyterlab(folder: Path, flags: list[str]) -> Iterator[tuple[Watched, str, str]]:
    """A JupyterLab that both counters watch, its address and its token."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    token = secrets.token_hex(16)
    command = [sys.executable, "-m", "jupyterlab", "--no-browser", "--allow-root", f"--ServerApp.port={port}"]
    command += [f"--IdentityProvider.token={token}", f"--ServerApp.root_dir={folder}", *flags]
    watched = Watched(folder, command, JUPYTER_CONFIG_DIR=str(folder / "config"), JUPYTER_DATA_DIR=str(folder / "data"))
    with (folder / "log").open("w") as log:
        server = subprocess.Popen(
            watched.command, env=watched.environment, stdout=log, stderr=log, start_new_session=True
        )
        try:
            yield watched, f"http://127.0.0.1:{port}", token
        finally:
            # strace does not pass a signal on, so all of them get it: this session is the server's own.
            os.killpg(server.pid, signal.SIGKILL)
            server.wait(timeout=60)


def asked(address: str, token: str, seconds: float) -> bytes:
    """The server's answer, once it is up."""
    request = urllib.request.Request(address, headers={"Authorization": f"token {token}"})
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        with suppress(ConnectionError, urllib.error.URLError), urllib.request.urlopen(request, timeout=60) as answer:
            return answer.read()
        time.sleep(0.5)
    raise AssertionError(f"no answer from {address} in {seconds} s")


@pytest.mark.torture
@pytest.mark.skipif(os.name == "nt", reason="no sessions of processes, and no make lab, in Windows")
@pytest.mark.parametrize("with_flags", [True, False], ids=["as make lab starts it", "the control"])
def test_jupyterlab_asks_nobody_for_updates_and_news(tmp_path, with_flags):
    """Its page asks the server for updates when it opens, and by default the server asks pypi.org."""
    with jupyterlab(tmp_path, flags_of_make_lab() if with_flags else []) as (watched, address, token):
        asked(f"{address}/api/status", token, seconds=120)
        if with_flags:
            assert json.loads(asked(f"{address}/lab/api/update", token, seconds=60)) == {"notification": None}
            page = asked(f"{address}/lab", token, seconds=60).decode()
            assert '"news": {"disabled": true}' in page
            assert not any(watched.went_out().values())
        else:
            asked(f"{address}/lab/api/update", token, seconds=60)
            assert any("pypi.org" in line for line in watched.went_out()["hook"])
