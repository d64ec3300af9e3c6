"""`python -m helpers fetch`: which weights are on this machine, and fetching those that are not."""

from __future__ import annotations

import signal
import sys
import threading
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from enum import StrEnum

from helpers.models.backbones import (
    COURSE_BACKBONES,
    OFFLINE_BACKBONES,
    TIMM_BACKBONES,
    backbone_names,
    backbone_weights,
    fetch_weights,
    weights_file,
)
from helpers.models.downloading import FetchError, Patience, Say
from helpers.models.weights import is_whole, megabytes_of, torchvision_file
from helpers.places import course_command, sweep_drafts, weights_dir


class State(StrEnum):
    """What there is of a backbone's weights on this machine."""

    PACKAGED = "in its package"
    HERE = "here"
    DAMAGED = "damaged"
    UNREADABLE = "cannot be read"
    MISSING = "not here"


def state_of(name: str) -> State:
    """Looked up in the weights folder, without a network; a file that is there is held to the hash in its name."""
    if name in OFFLINE_BACKBONES:
        return State.PACKAGED
    file = weights_file(name)
    if file is None:
        return State.MISSING
    try:
        return State.HERE if is_whole(file) else State.DAMAGED
    except OSError:
        return State.UNREADABLE


def listing(names: Sequence[str] = COURSE_BACKBONES) -> str:
    """A table: network, size in 1e6 bytes, state; then how many more there are, and the folder in use.

    Files beside the folder are told: they lie there where COURSE_WEIGHTS names the folder with the files itself.
    """
    lines = [f"{'network':24}{'MB':>8}  weights"]
    lines += [f"{name:24}{megabytes_of(backbone_weights(name)):8.1f}  {state_of(name)}" for name in names]
    if more := len(set(backbone_names()) - set(names)):
        lines.append(f"and {more} more: {course_command()} fetch --list --all")
    home = weights_dir().parent
    if flat := _lying_flat():
        cure = (
            f"set COURSE_WEIGHTS={home.parent}" if home.name == weights_dir().name else f"move them to {weights_dir()}"
        )
        count = "1 weights file lies" if flat == 1 else f"{flat} weights files lie"
        lines.append(f"{count} in {home} itself, where none is looked for: {cure}")
    lines.append(f"folder: {weights_dir()} (that is COURSE_WEIGHTS={home}; set another to use that)")
    return "\n".join(lines)


def _lying_flat() -> int:
    """How many files of known networks lie in the folder that COURSE_WEIGHTS names, and not in its `checkpoints`."""
    published = {torchvision_file(backbone_weights(name)).name for name in backbone_names()}
    files = weights_dir().parent.glob("*-*.*")
    return sum(file.name in published or file.name.partition("-")[0] in TIMM_BACKBONES for file in files)


def fetch(names: Iterable[str], *, patience: Patience | None = None, say: Say = print) -> list[str]:
    """Fetch each network's weights that are not here; those that failed. `say` gets a line for all that happens.

    Raises:
        CourseError: a name that is no backbone's; nothing has been fetched then.
    """
    names = list(dict.fromkeys(names))
    for name in names:
        backbone_weights(name)
    with _stopped_in_order():
        return [name for name in names if not _fetched(name, patience, say)]


def _fetched(name: str, patience: Patience | None, say: Say) -> bool:
    state = state_of(name)
    if state is State.PACKAGED:
        say(f"{name}: comes with its package, there is nothing to fetch")
        return True
    if state is State.HERE:
        sweep_drafts(weights_file(name))
        say(f"{name}: here already, {weights_file(name)}")
        return True
    if state is State.UNREADABLE:  # it may be whole: it is not ours to replace
        say(f"error: {name}: {weights_file(name)} cannot be read and stays: make it readable, or take it away")
        return False
    if state is State.DAMAGED:  # it stays until the whole one takes its place
        say(f"{name}: {weights_file(name)} is damaged, and is fetched anew")
    try:
        say(f"{name}: fetching {megabytes_of(backbone_weights(name)):.1f} MB to {weights_dir()}")
        say(f"{name}: fetched, {fetch_weights(name, patience=patience, say=say)}")
    except FetchError as error:
        say(f"error: {error}")
        return False
    return True


@contextmanager
def _stopped_in_order() -> Iterator[None]:
    """A signal that would end the process at once ends it as an exit does: what was begun is taken away.

    A signal that is ignored (`nohup`) stays so. Only the main thread may set what a signal does.
    """
    numbers = [getattr(signal, name) for name in ("SIGTERM", "SIGHUP") if hasattr(signal, name)]
    ours = [number for number in numbers if signal.getsignal(number) is signal.SIG_DFL]
    if threading.current_thread() is not threading.main_thread():
        ours = []
    for number in ours:
        signal.signal(number, _exit)
    try:
        yield
    finally:
        for number in ours:
            signal.signal(number, signal.SIG_DFL)


def _exit(number: int, _: object) -> None:
    sys.exit(128 + number)  # the exit status that shells give such a signal
