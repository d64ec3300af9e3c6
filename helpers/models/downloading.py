"""How a weights file comes over the network: whole and the right one, or not at all."""

from __future__ import annotations

import errno
import os
import re
import shutil
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http.client import HTTPException, InvalidURL
from pathlib import Path
from typing import TypeVar
from urllib.error import HTTPError, URLError
from urllib.parse import urlparse

import torch
from torchvision.models import WeightsEnum

from helpers.errors import CourseError, first_line
from helpers.models.weights import NEARLY_ALL, megabytes_of, published_hash, sha256_of, torchvision_file
from helpers.places import draft_of, sweep_drafts, weights_dir


def _endpoint() -> str | None:
    """The hub's address where `HF_ENDPOINT` names another one."""
    return (os.environ.get("HF_ENDPOINT") or "").rstrip("/") or None


def _fault_of(address: str | None) -> str:
    """What is wrong with an address, in a few words; nothing where it can be asked, or where there is none."""
    try:
        parts = urlparse(address or "")
        host, _ = parts.hostname, parts.port  # to read the port is to check it
    except ValueError as error:
        return first_line(error)
    if not address or (parts.scheme in ("http", "https") and host):
        return ""
    return "it lacks https:// or a host's name"


@contextmanager
def _without_a_faulty_endpoint() -> Iterator[None]:
    """huggingface_hub reads `HF_ENDPOINT` while it is imported, and no import comes through with a faulty one."""
    faulty = os.environ.pop("HF_ENDPOINT") if _fault_of(_endpoint()) else None
    try:
        yield
    finally:
        if faulty is not None:
            os.environ["HF_ENDPOINT"] = faulty


with _without_a_faulty_endpoint():
    from huggingface_hub import HfFileMetadata, get_hf_file_metadata, hf_hub_url
    from huggingface_hub.errors import HfHubHTTPError, OfflineModeIsEnabled
    from huggingface_hub.errors import HTTPError as HubConnectionError  # its HTTP library's, whichever that is

Say = Callable[[str], None]
Result = TypeVar("Result")

COPY = "copy the file from a machine that has it"
ELSEWHERE = f"try another network, or {COPY}"
LOG_IN = "log in with a browser, then try again"
CUT_SHORT = "where it stays so, try another network or another hour"


@dataclass(frozen=True)
class Patience:
    """How long (s) nothing may come, how many attempts there are in all, and the pause (s) between two."""

    seconds: float = 20.0
    attempts: int = 3
    pause: float = 1.0


class FetchError(CourseError):
    """Weights that did not come: one line with the network's name, size and place, the cause and the cure.

    Attributes:
        cause: the cause alone, as part of a sentence.
        again: whether a second attempt may go better.
    """

    def __init__(self, wanted: Wanted, cause: str, cure: str, *, again: bool = False):
        super().__init__(
            f"{wanted.network} was not fetched ({wanted.megabytes:.1f} MB to {wanted.path}), since {cause}: {cure}"
        )
        self.cause = cause
        self.again = again


@dataclass(frozen=True)
class Wanted:
    """A file to fetch: the network that it is for, its address, where it shall lie, and what is known of it.

    `sha256` is the start of its hash (8 digits or more), or None where none was published; `megabytes` its size in
    1e6 bytes.
    """

    network: str
    url: str
    path: Path
    sha256: str | None
    megabytes: float

    @property
    def host(self) -> str:
        return urlparse(self.url).netloc


def download(wanted: Wanted, *, patience: Patience, say: Say = print) -> Path:
    """Fetch the file and give its path; `say` gets one line for each attempt that broke off.

    The file is written beside its place, held to its hash, and renamed: it is there whole, or not at all.

    Raises:
        FetchError: it did not come. What the path held before stays, and no draft is left behind.
    """
    _make_room(wanted)
    _patiently(wanted.network, lambda: _attempt(wanted, patience.seconds), patience, say)
    return wanted.path


def torchvision_wants(network: str, weights: WeightsEnum) -> Wanted:
    """The file of torchvision's weights: its name carries the start of its hash."""
    path = torchvision_file(weights)
    return Wanted(network, weights.url, path, published_hash(path), megabytes_of(weights))


def hub_wants(
    network: str, repository: str, file: str, megabytes: float, *, patience: Patience, say: Say = print
) -> Wanted:
    """The file of a repository on Hugging Face's hub, with the SHA-256 that the hub states for it.

    It gets a name like torchvision's: the network, and the start of the hash. `HF_ENDPOINT` names another hub.

    Raises:
        FetchError: the hub does not answer, or states no SHA-256.
    """
    endpoint = _endpoint()
    url = hf_hub_url(repository, file, endpoint=endpoint)
    unnamed = Wanted(network, url, weights_dir() / f"{network}-(hash){Path(file).suffix}", None, megabytes)
    if fault := _fault_of(endpoint):
        raise FetchError(unnamed, f"HF_ENDPOINT is {endpoint} ({fault})", "unset it, or set it to the hub's address")
    stated = _patiently(network, lambda: _stated(unnamed, endpoint, patience.seconds), patience, say)
    sha256 = (stated.etag or "").lower()
    if len(sha256) != 64 or set(sha256) - set("0123456789abcdef"):
        cause = f"{unnamed.host} states no SHA-256 for it (a login page or another server in its place?)"
        raise FetchError(unnamed, cause, f"{LOG_IN}; or {COPY}")
    return Wanted(
        network,
        hf_hub_url(repository, file, endpoint=endpoint, revision=stated.commit_hash),
        weights_dir() / f"{network}-{sha256[:8]}{Path(file).suffix}",
        sha256,
        megabytes if stated.size is None else stated.size / 1e6,
    )


# ---- one attempt -----------------------------------------------------------------------------------


def _patiently(network: str, attempt: Callable[[], Result], patience: Patience, say: Say) -> Result:
    """What the attempt gives, once more where the next one may go better."""
    for number in range(2, patience.attempts + 1):
        try:
            return attempt()
        except FetchError as error:
            if not error.again:
                raise
            say(f"{network}: {error.cause}; starting again (attempt {number} of {patience.attempts})")
            time.sleep(patience.pause)
    return attempt()


def _stated(unnamed: Wanted, endpoint: str | None, seconds: float) -> HfFileMetadata:
    """What the hub states of the file."""
    try:
        # No token: the files are public, and a stale one would be refused.
        return get_hf_file_metadata(unnamed.url, token=False, timeout=seconds, endpoint=endpoint)
    except HfHubHTTPError as error:
        raise _refused(unnamed, error.response.status_code, error.response.reason_phrase) from None
    except OfflineModeIsEnabled:
        raise FetchError(unnamed, "HF_HUB_OFFLINE forbids to ask for it", f"unset HF_HUB_OFFLINE, or {COPY}") from None
    except FileNotFoundError as error:  # the one file that it reads: the certificates
        raise _faulty_settings(unnamed, error) from None
    except (HubConnectionError, OSError) as error:
        raise _no_connection(unnamed, error) from None
    except Exception as error:  # faulty settings have no class in common: ImportError, ValueError, InvalidURL
        raise _faulty_settings(unnamed, error) from None


def _make_room(wanted: Wanted) -> None:
    folder = wanted.path.parent
    try:
        folder.mkdir(parents=True, exist_ok=True)
        sweep_drafts(wanted.path)
        free = shutil.disk_usage(folder).free / 1e6
    except OSError as error:
        raise _not_written(wanted, error) from None
    if free < wanted.megabytes:
        raise _disk_full(wanted, f"the disk has {free:.1f} MB free")


def _attempt(wanted: Wanted, seconds: float) -> None:
    try:
        with draft_of(wanted.path) as draft:
            _transfer(wanted, draft, seconds)
            _examine(wanted, draft)
    except OSError as error:
        raise _not_written(wanted, error) from None


def _transfer(wanted: Wanted, draft: Path, seconds: float) -> None:
    """By torchvision's own road, with its progress bar; it holds nothing to a hash, so that what came can be named.

    Raises:
        FetchError: the network's doing.
        OSError: this machine's doing.
    """
    try:
        with _sockets_give_up_after(seconds):
            torch.hub.download_url_to_file(wanted.url, str(draft), progress=True)
    except HTTPError as error:
        error.close()
        raise _refused(wanted, error.code, error.reason) from None
    except URLError as error:
        if isinstance(error.reason, str):  # nothing was tried: no host, or a kind of address that nobody knows
            raise _faulty_settings(wanted, error.reason) from None
        raise _no_connection(wanted, error.reason) from None
    except (InvalidURL, ValueError) as error:  # such as a proxy's port that is no number
        raise _faulty_settings(wanted, error) from None
    except TimeoutError:
        raise FetchError(wanted, f"nothing came from {wanted.host} for {seconds:g} s", CUT_SHORT, again=True) from None
    except (OSError, HTTPException) as error:
        if isinstance(error, OSError) and not _is_the_networks(error):
            raise
        cause = f"{wanted.host} broke off ({_short(error)})"
        raise FetchError(wanted, cause, CUT_SHORT, again=True) from None


def _is_the_networks(error: OSError) -> bool:
    """Whether it is about a connection. All other errors of the system are about files."""
    lost = (errno.ENETDOWN, errno.ENETUNREACH, errno.ENETRESET, errno.EHOSTUNREACH)  # these have no class of their own
    return isinstance(error, ConnectionError | ssl.SSLError) or error.errno in lost


_one_at_a_time = threading.Lock()


@contextmanager
def _sockets_give_up_after(seconds: float) -> Iterator[None]:
    """torch.hub sets no limit of its own, and would wait for ever.

    The limit is the whole process's: a second download waits, or it would take the first one's for the one before.
    """
    with _one_at_a_time:
        before = socket.getdefaulttimeout()
        socket.setdefaulttimeout(seconds)
        try:
            yield
        finally:
            socket.setdefaulttimeout(before)


def _examine(wanted: Wanted, draft: Path) -> None:
    """Whether what came is what was published; what else it is, where not."""
    if wanted.sha256 is not None and sha256_of(draft).startswith(wanted.sha256):
        return
    megabytes = draft.stat().st_size / 1e6
    with draft.open("rb") as file:
        start = file.read(512).lstrip().lower()
    if start.startswith((b"<!doctype", b"<html", b"<?xml")):
        raise FetchError(wanted, "a web page came in its place (a login page of the network?)", LOG_IN)
    if megabytes < NEARLY_ALL * wanted.megabytes:
        cause = f"it came cut short ({megabytes:.1f} of {wanted.megabytes:.1f} MB)"
        raise FetchError(wanted, cause, CUT_SHORT, again=True)
    if wanted.sha256 is not None:
        cause = f"another file came than was published (its SHA-256 does not start with {wanted.sha256[:8]})"
        raise FetchError(wanted, cause, ELSEWHERE)


# ---- causes and cures ------------------------------------------------------------------------------


def _refused(wanted: Wanted, status: int, reason: str) -> FetchError:
    cause = f"{wanted.host} answers {status} {reason}".rstrip()
    if status >= 500 or status in (408, 429):
        return FetchError(wanted, cause, f"try again later, or {COPY}", again=True)
    if status == 404:
        return FetchError(wanted, cause, f"the file has moved, or a mirror lacks it; {ELSEWHERE}")
    return FetchError(wanted, cause, f"the network's rules or a proxy (HTTPS_PROXY) forbid it; {ELSEWHERE}")


def _no_connection(wanted: Wanted, error: BaseException) -> FetchError:
    """Not tried again: where there is no network, that should be said at once."""
    cause = f"there is no connection to {wanted.host} ({_short(error)})"
    if _is_a_foreign_certificate(error):
        return FetchError(wanted, cause, "set SSL_CERT_FILE to the certificates of your network's proxy")
    return FetchError(wanted, cause, f"connect to a network, or {COPY}")


def _is_a_foreign_certificate(error: BaseException | None) -> bool:
    """Also where an HTTP library has wrapped the error, or passes on no more than its words."""
    if error is None or isinstance(error, ssl.SSLCertVerificationError):
        return error is not None
    words = str(error).lower().replace("_", " ")
    return "certificate verify failed" in words or _is_a_foreign_certificate(error.__cause__ or error.__context__)


def _faulty_settings(wanted: Wanted, error: object) -> FetchError:
    cause = f"{wanted.host} cannot be asked with these settings ({_short(error)})"
    return FetchError(wanted, cause, f"mend or unset HTTPS_PROXY, ALL_PROXY, HF_ENDPOINT or SSL_CERT_FILE, or {COPY}")


def _not_written(wanted: Wanted, error: OSError) -> FetchError:
    if error.errno in (errno.ENOSPC, errno.EDQUOT):  # no bytes are left, or no inodes
        return _disk_full(wanted, "the disk is full")
    cause = f"{wanted.path.parent} cannot be written to ({_short(error)})"
    return FetchError(wanted, cause, "set COURSE_WEIGHTS to a folder that you own")


def _disk_full(wanted: Wanted, cause: str) -> FetchError:
    return FetchError(wanted, cause, "make room, or set COURSE_WEIGHTS to a folder on another disk")


def _short(error: object) -> str:
    """What the system says of an error, without its number and its lines."""
    if isinstance(error, TimeoutError):
        return "no answer in time"
    return re.sub(r"^\[.*?\] ", "", getattr(error, "strerror", None) or first_line(error)).rstrip(".")
