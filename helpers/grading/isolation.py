"""What the process that judges can see: no network, no processes but its own, no environment of the instructor.

Linux gives this to everybody with `unshare`, unless the system's administrator has turned it off. Where it is not to
be had, what Python itself asks of the network is turned down still, and the report says so.
"""

from __future__ import annotations

import ctypes
import functools
import os
import shutil
import socket
import struct
import subprocess
import sys
import tempfile
from pathlib import Path

import helpers
from helpers.places import repository, weights_dir

_UNSHARE = ("--user", "--map-root-user", "--net", "--pid", "--fork", "--kill-child", "--mount-proc")
_KEPT = ("LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH", "LC_ALL", "LANG", "SYSTEMROOT")
FORKS = sys.platform == "linux"  # elsewhere a fork with PyTorch loaded may crash

_PR_SET_CHILD_SUBREAPER = 36
_SIOCGIFFLAGS, _SIOCSIFFLAGS, _IFF_UP = 0x8913, 0x8914, 0x1


@functools.cache
def namespaces() -> tuple[str, ...]:
    """The words to put in front of a command to run it apart from the network and from other processes; or none."""
    unshare = shutil.which("unshare") if sys.platform == "linux" else None
    if unshare is None:
        return ()
    command = (unshare, *_UNSHARE, "--")
    tried = subprocess.run([*command, "true"], capture_output=True, timeout=60)
    return command if tried.returncode == 0 else ()


def protection() -> str:
    """One line on what stands between an answer and this machine."""
    if namespaces():
        return "Each answer runs in a process of its own, without the network and apart from all other processes."
    return (
        "Each answer runs in a process of its own. This system gives it no namespaces (unshare): the network is turned "
        "down by Python alone, so mark strangers' notebooks in a container."
    )


def environment(folder: Path) -> dict[str, str]:
    """The variables of the process that judges: nothing of the instructor's, and one thread a process."""
    return {
        **{name: os.environ[name] for name in _KEPT if name in os.environ},
        "PATH": os.pathsep.join((str(Path(sys.executable).parent), os.defpath, "/usr/sbin", "/sbin")),
        "PYTHONPATH": str(Path(helpers.__file__).parents[1]),
        "PYTHONNOUSERSITE": "1",
        "PYTHONDONTWRITEBYTECODE": "1",
        "COURSE_HOME": str(repository().resolve()),
        "COURSE_WEIGHTS": str(weights_dir().parent),
        "HOME": str(folder),
        "TMPDIR": str(folder),
        "MPLBACKEND": "Agg",
        "HF_HUB_OFFLINE": "1",
        "CUDA_VISIBLE_DEVICES": "",  # a GPU does not survive a fork, and checks do not need one
        "OMP_NUM_THREADS": "1",
        "MKL_NUM_THREADS": "1",
        "OMP_WAIT_POLICY": "PASSIVE",
    }


def may_be_hidden(paths: list[Path]) -> list[str]:
    """Those of the paths without which the grader itself can do: what it needs does not lie in them."""
    here = Path(tempfile.gettempdir())
    needed = [Path(sys.prefix), Path(sys.base_prefix), Path(helpers.__file__), repository(), here]
    resolved = [path.resolve() for path in paths]
    return [str(path) for path in resolved if not any(one.resolve().is_relative_to(path) for one in needed)]


def hide(folders: list[str]) -> list[str]:
    """Put an empty folder over each of these, for this process and all that it starts; those where it worked.

    Works within namespaces of our own alone, where it changes nothing for anybody else.
    """
    mount = shutil.which("mount") or "mount"
    return [
        folder
        for folder in folders
        if Path(folder).is_dir()
        and subprocess.run([mount, "-t", "tmpfs", "none", folder], capture_output=True, timeout=60).returncode == 0
    ]


def adopt_orphans() -> None:
    """In Linux: what an answer leaves behind becomes this process's child, which ends it."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


def loopback_up() -> None:
    """A network of its own begins without even the machine itself, by which the processes of lesson 09 meet."""
    import fcntl  # not in Windows, where nothing is isolated

    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as any_socket:
        asked = struct.pack("16sh14x", b"lo", 0)
        (flags,) = struct.unpack("16xh14x", fcntl.ioctl(any_socket, _SIOCGIFFLAGS, asked))
        fcntl.ioctl(any_socket, _SIOCSIFFLAGS, struct.pack("16sh14x", b"lo", flags | _IFF_UP))
