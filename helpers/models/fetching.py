"""`python -m helpers fetch`: which weights are on this machine, and fetching those that are not."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from enum import StrEnum

from helpers.models.backbones import (
    COURSE_BACKBONES,
    OFFLINE_BACKBONES,
    backbone_names,
    backbone_weights,
    fetch_weights,
    weights_file,
)
from helpers.models.downloading import FetchError, Patience, Say
from helpers.models.weights import is_whole, megabytes_of
from helpers.places import weights_dir


class State(StrEnum):
    """What there is of a backbone's weights on this machine."""

    PACKAGED = "in its package"
    HERE = "here"
    DAMAGED = "damaged"
    MISSING = "not here"


def state_of(name: str) -> State:
    """Looked up in the weights folder, without a network; a file that is there is held to the hash in its name."""
    if name in OFFLINE_BACKBONES:
        return State.PACKAGED
    file = weights_file(name)
    if file is None:
        return State.MISSING
    return State.HERE if is_whole(file) else State.DAMAGED


def listing(names: Sequence[str] = COURSE_BACKBONES) -> str:
    """A table: network, size in 1e6 bytes, state; then how many more there are, and the folder in use."""
    lines = [f"{'network':24}{'MB':>8}  weights"]
    lines += [f"{name:24}{megabytes_of(backbone_weights(name)):8.1f}  {state_of(name)}" for name in names]
    if more := len(set(backbone_names()) - set(names)):
        lines.append(f"and {more} more: python -m helpers fetch --list --all")
    lines.append(f"folder: {weights_dir()} (COURSE_WEIGHTS names another)")
    return "\n".join(lines)


def fetch(names: Iterable[str], *, patience: Patience | None = None, say: Say = print) -> list[str]:
    """Fetch each network's weights that are not here; those that failed. `say` gets a line for all that happens.

    Raises:
        CourseError: a name that is no backbone's; nothing has been fetched then.
    """
    names = list(dict.fromkeys(names))
    for name in names:
        backbone_weights(name)
    return [name for name in names if not _fetched(name, patience, say)]


def _fetched(name: str, patience: Patience | None, say: Say) -> bool:
    state = state_of(name)
    if state is State.PACKAGED:
        say(f"{name}: comes with its package, there is nothing to fetch")
        return True
    if state is State.HERE:
        say(f"{name}: here already, {weights_file(name)}")
        return True
    try:
        if state is State.DAMAGED:
            _take_away_damaged(name, say)
        say(f"{name}: fetching {megabytes_of(backbone_weights(name)):.1f} MB to {weights_dir()}")
        say(f"{name}: fetched, {fetch_weights(name, patience=patience, say=say)}")
    except FetchError as error:
        say(f"error: {error}")
        return False
    except OSError as error:  # what is damaged cannot be taken away
        say(f"error: {name}: {weights_file(name)} is damaged and stays ({error.strerror}): set COURSE_WEIGHTS to "
            "a folder that you own")  # fmt: skip
        return False
    return True


def _take_away_damaged(name: str, say: Say) -> None:
    """torchvision alone would go on using the file: it looks at the hash while it fetches, and never again."""
    file = weights_file(name)
    say(f"{name}: {file} is damaged, and is fetched anew")
    file.unlink()
