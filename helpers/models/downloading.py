"""How a weights file comes over the network: whole and the right one, or not at all."""

from __future__ import annotations

import errno
import os
import re
import shutil
import ssl
import time
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from http.client import HTTPException, InvalidURL
from pathlib import Path
from urllib.error import HTTPError, URLError

from tqdm import tqdm

from helpers.errors import CourseError, first_line
from helpers.models.weights import State, sha256_of
from helpers.places import atomic_write

Say = Callable[[str], None]

BYTES_AT_ONCE = 2**17
# The share of a file's published size from which on it is not called cut short: published sizes are rounded.
NEARLY_ALL = 0.99

# What OpenSSL says of a certificate (X509_V_ERR_...): no issuer that is known (2, 20, 21), or one that signed itself
# (18, 19); and, with X509_STRICT alone, one whose form breaks RFC 5280 (80 to 93): 85 is no authority key identifier.
UNKNOWN_CODES = frozenset({2, 18, 19, 20, 21})
STRICT_CODES = frozenset(range(80, 94))

COPY = "copy the file from a machine that has it"
ELSEWHERE = f"try another network, or {COPY}"
LATER = "where it stays so, try another network or another hour"
LOG_IN = "log in with a browser, then try again"
MAKE_ROOM = "make room, or set COURSE_WEIGHTS to a folder on another disk"
SETTINGS = f"mend or unset HTTPS_PROXY, HF_ENDPOINT or SSL_CERT_FILE, or {COPY}"


@dataclass(frozen=True)
class RetryPolicy:
    """How long (s) nothing may come, how many attempts there are in all, and the pause (s) between two."""

    seconds: float = 20.0
    attempts: int = 3
    pause: float = 1.0


@dataclass(frozen=True)
class RemoteFile:
    """The weights file of a network that comes over the network, once.

    `path` is where it lies once it is fetched; `sha256` the start of its hash (8 digits or more); `megabytes` its size
    in 1e6 bytes.
    """

    network: str
    url: str
    path: Path
    sha256: str
    megabytes: float
    cure = "delete it and fetch it again"

    @property
    def fetched_as(self) -> str:
        """The file's name in the weights folder."""
        return self.path.name

    @property
    def host(self) -> str:
        """The host and port in the address, which may be faulty: nothing is parsed."""
        return re.sub(r"^\w+://", "", self.url).partition("/")[0]

    def file(self) -> Path | None:
        """The file; None where it is not on this machine.

        Raises:
            CourseError: nobody may look into its folder.
        """
        try:
            return self.path if self.path.exists() else None
        except OSError as error:
            raise CourseError(
                f"{self.path.parent} cannot be looked into ({error.strerror}): open it to your account, or set "
                "COURSE_WEIGHTS to a folder that you own"
            ) from None

    def at_hand(self) -> bool:
        """Whether the file is here and looks whole: only its size is looked at."""
        return self.file() is not None and self.looks_whole(self.path)

    def state(self) -> State:
        """What there is of the file, held to its hash."""
        if self.file() is None:
            return State.MISSING
        try:
            return State.HERE if self.is_whole(self.path) else State.DAMAGED
        except OSError:
            return State.UNREADABLE

    def fetch(self, *, retry: RetryPolicy, say: Say = print) -> Path:
        """Fetch the file, whether or not it is here, and give its path; `say` gets a line for each attempt that broke
        off. It is written beside its place, held to its hash, and renamed: it is there whole, or not at all.

        Raises:
            FetchError: it did not come. What the path held before stays, and no draft is left behind.
        """
        for number in range(1, retry.attempts + 1):
            try:
                _attempt(self, retry.seconds)
                break
            except FetchError as error:
                if not error.again or number == retry.attempts:
                    raise
                say(f"{self.network}: {error.cause}; starting again (attempt {number + 1} of {retry.attempts})")
                time.sleep(retry.pause)
        return self.path

    def is_whole(self, path: Path) -> bool:
        """Whether what lies at `path` has the published hash; `OSError` where it cannot be read."""
        return sha256_of(path).startswith(self.sha256)

    def looks_whole(self, path: Path) -> bool:
        """Whether what lies at `path` has about the published size; its content is not read."""
        return path.is_file() and path.stat().st_size >= NEARLY_ALL * self.megabytes * 1e6


class FetchError(CourseError):
    """Weights that did not come: one line with the network's name, size and place, the cause and the cure.

    Attributes:
        cause: the cause alone, as part of a sentence.
        again: whether a second attempt may go better.
    """

    def __init__(self, remote: RemoteFile, cause: str, cure: str, *, again: bool = False):
        size_and_place = f"{remote.megabytes:.1f} MB to {remote.path}"
        super().__init__(f"{remote.network} was not fetched ({size_and_place}), since {cause}: {cure}")
        self.cause = cause
        self.again = again


def _attempt(remote: RemoteFile, seconds: float) -> None:
    folder = remote.path.parent
    try:
        folder.mkdir(parents=True, exist_ok=True)
        free = shutil.disk_usage(folder).free / 1e6
        if free < remote.megabytes:
            raise FetchError(remote, f"the disk has {free:.1f} MB free", MAKE_ROOM)
        with atomic_write(remote.path) as draft:
            with draft.open("wb") as file:
                file.writelines(_received(remote, seconds))
            _examine(remote, draft)
    except OSError as error:  # this machine's doing: the network's is a FetchError already
        if error.errno in (errno.ENOSPC, errno.EDQUOT):  # no bytes are left, or no inodes
            raise FetchError(remote, "the disk is full", MAKE_ROOM) from None
        cause = f"{folder} cannot be written to ({_short(error)})"
        raise FetchError(remote, cause, "set COURSE_WEIGHTS to a folder that you own") from None


def _received(remote: RemoteFile, seconds: float) -> Iterator[bytes]:
    """What comes, piece by piece, with a progress bar. torch.hub's own download sets no limit and waits for ever.

    Raises:
        FetchError: whatever the network, or the settings for it, did wrong.
    """
    try:
        asked = urllib.request.Request(remote.url, headers={"User-Agent": "torch.hub"})  # some refuse urllib's own name
        with urllib.request.urlopen(asked, timeout=seconds) as response:
            length = int(response.headers.get("Content-Length") or 0) or None
            with tqdm(total=length, unit="B", unit_scale=True, unit_divisor=1000) as bar:
                while piece := response.read(BYTES_AT_ONCE):
                    yield piece
                    bar.update(len(piece))
    except HTTPError as error:
        error.close()
        raise _refused(remote, error.code, error.reason) from None
    except URLError as error:
        raise _no_connection(remote, error.reason) from None
    except (InvalidURL, ValueError) as error:  # such as a port that is no number
        raise _no_connection(remote, str(error)) from None
    except TimeoutError:
        raise FetchError(remote, f"nothing came from {remote.host} for {seconds:g} s", LATER, again=True) from None
    except (OSError, HTTPException) as error:
        raise FetchError(remote, f"{remote.host} broke off ({_short(error)})", LATER, again=True) from None


def _examine(remote: RemoteFile, draft: Path) -> None:
    """Whether what came is what was published; what else it is, where not."""
    if remote.is_whole(draft):
        return
    with draft.open("rb") as file:
        start = file.read(512).lstrip().lower()
    if start.startswith((b"<!doctype", b"<html", b"<?xml")):
        raise FetchError(remote, "a web page came in its place (a login page of the network?)", LOG_IN)
    if not remote.looks_whole(draft):
        cause = f"it came cut short ({draft.stat().st_size / 1e6:.1f} of {remote.megabytes:.1f} MB)"
        raise FetchError(remote, cause, LATER, again=True)
    cause = f"another file came than was published (its SHA-256 does not start with {remote.sha256[:8]})"
    raise FetchError(remote, cause, ELSEWHERE)


# ---- causes and cures ------------------------------------------------------------------------------


def _refused(remote: RemoteFile, status: int, reason: str) -> FetchError:
    cause = f"{remote.host} answers {status} {reason}".rstrip()
    if status >= 500 or status in (408, 429):
        return FetchError(remote, cause, f"try again later, or {COPY}", again=True)
    if status == 404:
        return FetchError(remote, cause, f"the file has moved, or a mirror lacks it; {ELSEWHERE}")
    return FetchError(remote, cause, f"the network's rules or a proxy (HTTPS_PROXY) forbid it; {ELSEWHERE}")


def _no_connection(remote: RemoteFile, why: OSError | str) -> FetchError:
    """Not tried again: where there is no network, that should be said at once. Words alone: nothing was tried."""
    if isinstance(why, str):
        return FetchError(remote, f"{remote.host} cannot be asked with these settings ({why})", SETTINGS)
    cause = f"there is no connection to {remote.host} ({_short(why)})"
    if isinstance(why, ssl.SSLCertVerificationError):
        return FetchError(remote, cause, _cure_of_certificate(remote, why))
    return FetchError(remote, cause, f"connect to a network, or {COPY}")


def _cure_of_certificate(remote: RemoteFile, why: ssl.SSLCertVerificationError) -> str:
    """What helps where a certificate is refused: for its form, by Python 3.13's strict check, or as an unknown one."""
    by_hand = f"copy the file from a machine that has it to {remote.path}"
    if why.verify_code in STRICT_CODES:
        return (
            "your network's certificate is known, but lacks what Python 3.13 asks of one; make the environment anew "
            "with an older Python (`make setup PYTHON=python3.12`), ask your network's administrator for a "
            f"certificate with this extension, or {by_hand}"
        )
    if why.verify_code in UNKNOWN_CODES and (given := os.environ.get("SSL_CERT_FILE")):
        there = "lacks the certificate of your network's proxy" if Path(given).is_file() else "is not a file"
        return f"SSL_CERT_FILE is {given}, which {there}: name a file that has it, or {by_hand}"
    if why.verify_code in UNKNOWN_CODES:
        return f"set SSL_CERT_FILE to the certificates of your network's proxy, or {by_hand}"
    return f"look at the clock of this machine and the address, try another network, or {by_hand}"


def _short(error: Exception) -> str:
    """What the system says of an error, without its number and its lines."""
    if isinstance(error, TimeoutError):
        return "no answer in time"
    return re.sub(r"^\[.*?\] ", "", getattr(error, "strerror", None) or first_line(error)).rstrip(".")
