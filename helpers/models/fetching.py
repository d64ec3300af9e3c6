"""`python -m helpers fetch`: which weights are on this machine, and fetching those that are not."""

from __future__ import annotations

import signal
import sys
import threading
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager

from helpers.models.backbones import COURSE_BACKBONES, backbone_names, backbone_weights, weights_source
from helpers.models.downloading import FetchError, RetryPolicy, Say
from helpers.models.weights import State, megabytes_of
from helpers.places import course_command, sweep_drafts, weights_dir


def listing(names: Sequence[str] = COURSE_BACKBONES) -> str:
    """A table: network, size in 1e6 bytes, state; then how many more there are, and the folder in use.

    Files beside the folder are told: they lie there where COURSE_WEIGHTS names the folder with the files itself.
    """
    lines = [f"{'network':24}{'MB':>8}  weights"]
    lines += [f"{name:24}{megabytes_of(backbone_weights(name)):8.1f}  {weights_source(name).state()}" for name in names]
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
    published = {weights_source(name).fetched_as for name in backbone_names()}
    return sum(file.name in published for file in weights_dir().parent.glob("*-*.*"))


def fetch(names: Iterable[str], *, retry: RetryPolicy | None = None, say: Say = print) -> list[str]:
    """Fetch each network's weights that are not here; those that failed. `say` gets a line for all that happens.

    Raises:
        CourseError: a name that is no backbone's; nothing has been fetched then.
    """
    names = list(dict.fromkeys(names))
    for name in names:
        backbone_weights(name)
    with _stopped_in_order():
        return [name for name in names if not _fetched(name, retry or RetryPolicy(), say)]


def _fetched(name: str, retry: RetryPolicy, say: Say) -> bool:
    source = weights_source(name)
    state = source.state()
    if state is State.PACKAGED:
        say(f"{name}: comes with its package, there is nothing to fetch")
        return True
    file = source.file()
    if state is State.HERE:
        sweep_drafts(file)
        say(f"{name}: here already, {file}")
        return True
    if state is State.UNREADABLE:  # it may be whole: it is not ours to replace
        say(f"error: {name}: {file} cannot be read and stays: make it readable, or take it away")
        return False
    if state is State.DAMAGED:  # it stays until the whole one takes its place
        say(f"{name}: {file} is damaged, and is fetched anew")
    try:
        say(f"{name}: fetching {megabytes_of(backbone_weights(name)):.1f} MB to {weights_dir()}")
        say(f"{name}: fetched, {source.fetch(retry=retry, say=say)}")
    except FetchError as error:
        say(f"error: {error}")
        return False
    return True


@contextmanager
def _stopped_in_order() -> Iterator[None]:
    """A signal that would end the process at once ends it as an exit does: what was begun is taken away.

    A signal that is ignored (`nohup`) stays so. Only the main thread may set what a signal does.
    """
    ours = [getattr(signal, name) for name in ("SIGTERM", "SIGHUP") if hasattr(signal, name)]
    in_main_thread = threading.current_thread() is threading.main_thread()
    ours = [number for number in ours if in_main_thread and signal.getsignal(number) is signal.SIG_DFL]
    for number in ours:
        signal.signal(number, _exit)
    try:
        yield
    finally:
        for number in ours:
            signal.signal(number, signal.SIG_DFL)


def _exit(number: int, _: object) -> None:
    sys.exit(128 + number)  # the exit status that shells give such a signal
