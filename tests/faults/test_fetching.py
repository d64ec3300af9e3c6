"""Weights from the network, over a real server on this machine that does all that a network can do wrong.

After each failure there is no file under the final name, and no draft beside it.
"""

from __future__ import annotations

import errno
import hashlib
import io
import os
import shutil
import signal
import socket
import ssl
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import SimpleNamespace

import pytest
import safetensors.torch
import torch
from torchvision.models import get_model

from helpers import cli
from helpers.errors import CourseError
from helpers.models import downloading, fetching
from helpers.models.backbones import (
    OFFLINE_BACKBONES,
    backbone_names,
    backbone_weights,
    load_backbone,
    weights_at_hand,
    weights_source,
)
from helpers.models.downloading import FetchError, RetryPolicy
from helpers.models.weights import State
from helpers.places import course_command, repository, weights_dir

NETWORK, HUB_NETWORK = "squeezenet1_1", "mobilenetv4_conv_small"
LOGIN_PAGE = b"<!DOCTYPE html><html><head><title>Sign in to the hotel's network</title></head></html>"
QUICK = RetryPolicy(seconds=10, attempts=2, pause=0)

Answer = Callable[[BaseHTTPRequestHandler], None]


# A server that does as it is told -----------------------------------------------------------------


class Server(ThreadingHTTPServer):
    """Gives the answers of a list, the last one again and again, and writes down what it was asked."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.answers: list[Answer] = []
        self.asked: list[str] = []
        self.over = threading.Event()

    def handle_error(self, *_: object) -> None:
        """A client that leaves in the middle is what some of these tests are about."""

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"


class Handler(BaseHTTPRequestHandler):
    server: Server

    def do_GET(self) -> None:
        self.server.asked.append(self.path)
        if self.path == "/login":
            whole(LOGIN_PAGE, "text/html")(self)
        else:
            answers = self.server.answers
            (answers.pop(0) if len(answers) > 1 else answers[0])(self)

    def log_message(self, *_: object) -> None:
        """The server is quiet: what a learner sees is under test."""


def respond(handler: BaseHTTPRequestHandler, code: int, **headers: object) -> None:
    handler.send_response(code)
    for name, value in headers.items():
        handler.send_header(name.replace("_", "-"), str(value))
    handler.end_headers()


def whole(content: bytes, kind: str = "application/octet-stream") -> Answer:
    def answer(handler: BaseHTTPRequestHandler) -> None:
        respond(handler, 200, Content_Length=len(content), Content_Type=kind)
        handler.wfile.write(content)

    return answer


def cut(content: bytes, share: float) -> Answer:
    """The whole length is promised, and a share of it is sent."""

    def answer(handler: BaseHTTPRequestHandler) -> None:
        respond(handler, 200, Content_Length=len(content))
        handler.wfile.write(content[: int(len(content) * share)])

    return answer


def chunked_and_cut(content: bytes) -> Answer:
    """Half of it, without a length, and the connection closed within a chunk."""

    def answer(handler: BaseHTTPRequestHandler) -> None:
        handler.protocol_version = "HTTP/1.1"
        respond(handler, 200, Transfer_Encoding="chunked")
        handler.wfile.write(f"{len(content):x}\r\n".encode() + content[: len(content) // 2])
        handler.close_connection = True

    return answer


def stall(content: bytes, share: float) -> Answer:
    def answer(handler: BaseHTTPRequestHandler) -> None:
        respond(handler, 200, Content_Length=len(content))
        handler.wfile.write(content[: int(len(content) * share)])
        handler.wfile.flush()
        handler.server.over.wait(20)

    return answer


def silence(handler: BaseHTTPRequestHandler) -> None:
    handler.server.over.wait(20)


def hang_up(handler: BaseHTTPRequestHandler) -> None:
    handler.close_connection = True


def status(code: int) -> Answer:
    return lambda handler: respond(handler, code, Content_Length=0)


def redirect(handler: BaseHTTPRequestHandler) -> None:
    respond(handler, 302, Location="/login", Content_Length=0)


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    with Server() as running:
        thread = threading.Thread(target=running.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield running
        running.over.set()
        running.shutdown()
        thread.join()


# What it serves -----------------------------------------------------------------------------------


def saved(network: str, folder: Path) -> bytes:
    torch.manual_seed(0)
    torch.save(get_model(network).state_dict(), folder / "saved.pth")
    return (folder / "saved.pth").read_bytes()


@pytest.fixture(scope="module")
def file_of_network(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    return saved(NETWORK, tmp_path_factory.mktemp("saved"))


@pytest.fixture(scope="module")
def file_of_hub_network() -> bytes:
    torch.manual_seed(0)
    return safetensors.torch.save(get_model(HUB_NETWORK).state_dict())


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("COURSE_WEIGHTS", str(tmp_path / "weights"))
    return weights_dir()


def publish(monkeypatch: pytest.MonkeyPatch, address: str, content: bytes, network: str = NETWORK) -> Path:
    """As if the network's published weights were this content at this address; where they would lie."""
    published, sha256 = backbone_weights(network).value, hashlib.sha256(content).hexdigest()
    monkeypatch.setitem(published.meta, "_file_size", len(content) / 2**20)
    if "sha256" in published.meta:  # the hub's
        monkeypatch.setenv("HF_ENDPOINT", f"{address}/")
        monkeypatch.setitem(published.meta, "sha256", sha256)
    else:
        monkeypatch.setattr(published, "url", f"{address}/{network}-{sha256[:8]}.pth")
    return weights_source(network).path


@pytest.fixture
def torchvision(server: Server, file_of_network: bytes, monkeypatch: pytest.MonkeyPatch) -> SimpleNamespace:
    """A file of torchvision's, from the server."""
    path = publish(monkeypatch, server.address, file_of_network)
    server.answers = [whole(file_of_network)]
    return SimpleNamespace(network=NETWORK, content=file_of_network, path=path)


@pytest.fixture
def hub(server: Server, file_of_hub_network: bytes, monkeypatch: pytest.MonkeyPatch) -> SimpleNamespace:
    """A file of the hub's, from the server in the hub's place."""
    path = publish(monkeypatch, server.address, file_of_hub_network, HUB_NETWORK)
    server.answers = [whole(file_of_hub_network)]
    return SimpleNamespace(network=HUB_NETWORK, content=file_of_hub_network, path=path)


@pytest.fixture(params=["torchvision", "hub"])
def road(request: pytest.FixtureRequest) -> SimpleNamespace:
    return request.getfixturevalue(request.param)


def found(folder: Path) -> list[str]:
    return sorted(file.name for file in folder.iterdir()) if folder.exists() else []


def why_not(network: str, folder: Path, *, retry: RetryPolicy = QUICK) -> FetchError:
    """The error that fetching gives: one line with the size and the place. Nothing is left behind."""
    with pytest.raises(FetchError) as caught:
        weights_source(network).fetch(retry=retry, say=lambda line: None)
    said = str(caught.value)
    assert "\n" not in said
    assert said.startswith(f"{network} was not fetched (")
    assert " MB to " in said
    assert str(folder) in said
    assert found(folder) == []
    return caught.value


# It comes -----------------------------------------------------------------------------------------


def test_a_whole_file_is_fetched_and_loaded(road: SimpleNamespace, server: Server, folder: Path) -> None:
    said: list[str] = []
    assert not weights_at_hand(road.network)
    assert fetching.fetch([road.network], say=said.append) == []
    assert found(folder) == [road.path.name]
    assert road.path.read_bytes() == road.content
    assert said[0] == f"{road.network}: fetching {len(road.content) / 1e6:.1f} MB to {folder}"
    assert said[1] == f"{road.network}: fetched, {road.path}"
    assert weights_at_hand(road.network)
    server.answers = [status(500)]  # it is not asked again
    assert load_backbone(road.network).pretrained
    assert len(server.asked) == 1


def test_the_hub_in_hf_endpoint_is_asked_for_the_pinned_commit(hub: SimpleNamespace, server: Server) -> None:
    weights_source(HUB_NETWORK).fetch(retry=QUICK)
    assert server.asked == [backbone_weights(HUB_NETWORK).url.removeprefix("https://huggingface.co")]


def test_torchvisions_builder_takes_timms_road(hub: SimpleNamespace, folder: Path) -> None:
    model = get_model(HUB_NETWORK, weights="DEFAULT")
    assert found(folder) == [hub.path.name]
    entries = safetensors.torch.load(hub.content)
    assert all(torch.equal(entries[name], value) for name, value in model.state_dict().items())


def test_a_progress_bar_while_it_comes(
    torchvision: SimpleNamespace, server: Server, capfd: pytest.CaptureFixture[str]
) -> None:
    load_backbone(NETWORK)
    assert "100%" in capfd.readouterr().err


@pytest.mark.parametrize("first", [lambda content: cut(content, 0.5), chunked_and_cut, lambda _: hang_up])
def test_after_a_cut_it_starts_again(
    road: SimpleNamespace, server: Server, folder: Path, first: Callable[[bytes], Answer]
) -> None:
    server.answers = [first(road.content), whole(road.content)]
    said: list[str] = []
    weights_source(road.network).fetch(retry=QUICK, say=said.append)
    assert found(folder) == [road.path.name]
    assert len(said) == 1
    assert "starting again (attempt 2 of 2)" in said[0]
    assert "\n" not in said[0]
    assert len(server.asked) == 2


def test_a_server_that_is_busy_is_asked_again(road: SimpleNamespace, server: Server) -> None:
    server.answers = [status(503), whole(road.content)]
    assert weights_source(road.network).fetch(retry=QUICK).exists()


def test_what_is_here_is_not_fetched_again(road: SimpleNamespace, server: Server) -> None:
    fetching.fetch([road.network], say=lambda line: None)
    said: list[str] = []
    assert fetching.fetch([road.network], say=said.append) == []
    assert said == [f"{road.network}: here already, {road.path}"]
    assert len(server.asked) == 1


@pytest.mark.parametrize("damage", [lambda content: content[:-100], lambda content: LOGIN_PAGE, lambda content: b""])
def test_what_is_damaged_is_fetched_anew(road: SimpleNamespace, folder: Path, damage: Callable[[bytes], bytes]) -> None:
    folder.mkdir(parents=True)
    road.path.write_bytes(damage(road.content))
    said: list[str] = []
    assert fetching.fetch([road.network], say=said.append) == []
    assert said[0] == f"{road.network}: {road.path} is damaged, and is fetched anew"
    assert road.path.read_bytes() == road.content


def test_what_is_damaged_stays_until_there_is_better_and_is_never_taken(
    road: SimpleNamespace, server: Server, folder: Path
) -> None:
    folder.mkdir(parents=True)
    road.path.write_bytes(road.content[:-1])
    server.answers = [status(403)]
    assert fetching.fetch([road.network], say=lambda line: None) == [road.network]
    assert found(folder) == [road.path.name]
    assert road.path.read_bytes() == road.content[:-1]
    with pytest.raises(CourseError, match="not the one that was published"):
        load_backbone(road.network)


def test_what_cannot_be_read_is_not_taken_for_damaged(
    road: SimpleNamespace, server: Server, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(path: Path) -> str:
        raise PermissionError(13, "Permission denied", str(path))  # as for everybody but root

    folder.mkdir(parents=True)
    road.path.write_bytes(road.content)
    monkeypatch.setattr(downloading, "sha256_of", refuse)
    said: list[str] = []
    assert weights_source(road.network).state() is State.UNREADABLE
    assert fetching.fetch([road.network], say=said.append) == [road.network]
    assert said == [f"error: {road.network}: {road.path} cannot be read and stays: make it readable, or take it away"]
    assert road.path.read_bytes() == road.content
    assert server.asked == []


@pytest.mark.parametrize("name", ["20260315", "deadbeef", "best"])
def test_a_learners_own_file_is_not_taken_for_the_published_one(road: SimpleNamespace, folder: Path, name: str) -> None:
    folder.mkdir(parents=True)
    own = folder / f"{road.network}-{name}{road.path.suffix}"
    own.write_bytes(b"six weeks of work")
    assert weights_source(road.network).state() is State.MISSING
    assert fetching.fetch([road.network], say=lambda line: None) == []
    assert load_backbone(road.network, download=False).pretrained
    assert own.read_bytes() == b"six weeks of work"


def test_a_link_to_nowhere_is_no_file(hub: SimpleNamespace, folder: Path) -> None:
    folder.mkdir(parents=True)
    hub.path.symlink_to(folder / "nowhere")
    assert weights_source(HUB_NETWORK).state() is State.MISSING
    weights_source(HUB_NETWORK).fetch(retry=QUICK)
    assert load_backbone(HUB_NETWORK, download=False).pretrained


# It does not come ---------------------------------------------------------------------------------


@pytest.mark.parametrize("share", [0.0, 0.5, 0.98])
def test_a_file_cut_short_each_time(road: SimpleNamespace, server: Server, folder: Path, share: float) -> None:
    server.answers = [cut(road.content, share)]
    error = why_not(road.network, folder)
    megabytes = len(road.content) / 1e6
    assert error.cause == f"it came cut short ({megabytes * share:.1f} of {megabytes:.1f} MB)"
    assert len(server.asked) == QUICK.attempts


@pytest.mark.parametrize("share", [0.0, 0.5])
def test_a_stall_ends(road: SimpleNamespace, server: Server, folder: Path, share: float) -> None:
    server.answers = [stall(road.content, share)]
    error = why_not(road.network, folder, retry=RetryPolicy(seconds=1, attempts=1))
    assert "nothing came from 127.0.0.1" in error.cause
    assert "for 1 s" in error.cause
    assert socket.getdefaulttimeout() is None


def test_a_server_that_accepts_and_says_nothing(road: SimpleNamespace, server: Server, folder: Path) -> None:
    server.answers = [silence]
    assert why_not(road.network, folder, retry=RetryPolicy(seconds=0.3, attempts=1)).cause


@pytest.mark.parametrize(
    ("code", "cause", "cure"),
    [(403, "403 Forbidden", "a proxy"), (404, "404 Not Found", "a mirror lacks it"), (407, "407 Proxy", "HTTPS_PROXY")],
)
def test_a_refusal_is_not_tried_again(
    road: SimpleNamespace, server: Server, folder: Path, code: int, cause: str, cure: str
) -> None:
    server.answers = [status(code)]
    error = why_not(road.network, folder)
    assert cause in error.cause
    assert cure in str(error)
    assert len(server.asked) == 1


def test_a_server_that_stays_busy(road: SimpleNamespace, server: Server, folder: Path) -> None:
    server.answers = [status(503)]
    assert "503 Service Unavailable" in why_not(road.network, folder).cause
    assert len(server.asked) == QUICK.attempts


@pytest.mark.parametrize("answer", [whole(LOGIN_PAGE, "text/html"), redirect])
def test_a_login_page_in_its_place(road: SimpleNamespace, server: Server, folder: Path, answer: Answer) -> None:
    server.answers = [answer]
    error = why_not(road.network, folder)
    assert "a login page" in error.cause
    assert "log in with a browser" in str(error)


def test_the_wrong_file(road: SimpleNamespace, server: Server, folder: Path) -> None:
    server.answers = [whole(road.content[::-1])]
    error = why_not(road.network, folder)
    assert "another file came than was published" in error.cause
    assert len(server.asked) == 1


def unused_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def aim(road: SimpleNamespace, monkeypatch: pytest.MonkeyPatch, address: str) -> None:
    publish(monkeypatch, address, road.content, road.network)


def test_a_connection_refused(road: SimpleNamespace, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    aim(road, monkeypatch, f"http://127.0.0.1:{unused_port()}")
    error = why_not(road.network, folder)
    assert "there is no connection to 127.0.0.1" in error.cause
    assert "Connection refused" in error.cause
    assert "copy the file from a machine that has it" in str(error)


def test_no_name_server(road: SimpleNamespace, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def nobody(*_: object, **__: object) -> None:
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    aim(road, monkeypatch, "http://weights.invalid")
    monkeypatch.setattr(socket, "getaddrinfo", nobody)
    error = why_not(road.network, folder)
    assert error.cause == "there is no connection to weights.invalid (Name or service not known)"


# Settings that do not serve ------------------------------------------------------------------------


@pytest.fixture
def no_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    """urllib reads the settings once, and keeps them."""
    for name in ("ALL_PROXY", "HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.lower(), raising=False)
    monkeypatch.setattr("urllib.request._opener", None)


@pytest.mark.parametrize("proxy", ["http://proxy:port", "http://", "socks5://127.0.0.1:1080"])
def test_the_server_is_not_blamed_for_the_proxy(
    no_settings: None, file_of_network: bytes, folder: Path, monkeypatch: pytest.MonkeyPatch, proxy: str
) -> None:
    publish(monkeypatch, "http://weights.invalid", file_of_network)
    monkeypatch.setenv("HTTP_PROXY", proxy)
    error = why_not(NETWORK, folder)
    assert "cannot be asked with these settings" in error.cause
    assert "HTTPS_PROXY" in str(error)
    assert not error.again


@pytest.mark.parametrize("endpoint", ["http://localhost:abc", "http://[::1", "hf.com", "https://"])
def test_a_faulty_address_of_the_hub(folder: Path, monkeypatch: pytest.MonkeyPatch, endpoint: str) -> None:
    monkeypatch.setenv("HF_ENDPOINT", endpoint)
    error = why_not(HUB_NETWORK, folder)
    assert "cannot be asked with these settings (" in error.cause
    assert "HF_ENDPOINT" in str(error)
    assert not load_backbone(HUB_NETWORK).pretrained


def test_an_address_that_stops_huggingface_hub_stops_nothing_else(folder: Path) -> None:
    """It cannot even be imported with it, and timm imports it."""
    done = subprocess.run(
        [sys.executable, "-m", "helpers", "fetch", "efficientnet_lite0"],
        cwd=repository(),
        env={**os.environ, "HF_ENDPOINT": "http://localhost:abc"},
        capture_output=True,
        text=True,
        timeout=100,
        check=True,
    )
    assert "HF_ENDPOINT is http://localhost:abc, and not heeded (" in done.stderr
    assert "efficientnet_lite0: comes with its package" in done.stdout


PROXYS_FILE = "set SSL_CERT_FILE to the certificates of your network's proxy"
CERTIFICATES = {
    "unknown": (20, "unable to get local issuer certificate", PROXYS_FILE),
    "signs itself": (19, "self-signed certificate in certificate chain", PROXYS_FILE),
    "no AKI": (85, "Missing Authority Key Identifier", "make setup PYTHON=python3.12"),
    "no SKI": (86, "Missing Subject Key Identifier", "make setup PYTHON=python3.12"),
    "not critical": (89, "Basic Constraints of CA cert not marked critical", "make setup PYTHON=python3.12"),
    "no key usage": (92, "CA cert does not include key usage extension", "make setup PYTHON=python3.12"),
    "expired": (10, "certificate has expired", "look at the clock"),
    "another host": (62, "Hostname mismatch", "and the address"),
}


@pytest.mark.parametrize(("code", "message", "cure"), CERTIFICATES.values(), ids=CERTIFICATES.keys())
def test_a_certificate_that_is_refused(
    torchvision: SimpleNamespace, folder: Path, monkeypatch: pytest.MonkeyPatch, code: int, message: str, cure: str
) -> None:
    """Codes and texts are OpenSSL's own, as Python hands them on."""

    def refused(*_: object, **__: object) -> None:
        error = ssl.SSLCertVerificationError(1, f"certificate verify failed: {message} (_ssl.c:1020)")
        error.verify_code, error.verify_message = code, message
        raise error

    monkeypatch.delenv("SSL_CERT_FILE", raising=False)
    monkeypatch.setattr(socket, "create_connection", refused)
    error = why_not(NETWORK, folder)
    assert message in error.cause
    assert cure in str(error)
    assert ("SSL_CERT_FILE" in str(error)) == (cure == PROXYS_FILE)


@pytest.mark.parametrize("there", [True, False])
def test_certificates_that_are_named_and_do_not_help(
    torchvision: SimpleNamespace, folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, there: bool
) -> None:
    def refused(*_: object, **__: object) -> None:
        error = ssl.SSLCertVerificationError(1, "certificate verify failed: self-signed certificate (_ssl.c:1006)")
        error.verify_code = 18
        raise error

    named = tmp_path / "company.pem"
    if there:
        named.touch()
    monkeypatch.setenv("SSL_CERT_FILE", str(named))
    monkeypatch.setattr(socket, "create_connection", refused)
    text = str(why_not(NETWORK, folder))
    assert f"SSL_CERT_FILE is {named}, which {'lacks the certificate' if there else 'is not a file'}" in text
    assert "set SSL_CERT_FILE" not in text


# It is stopped --------------------------------------------------------------------------------------


def signalled(content: bytes, number: int) -> Answer:
    """Half of it, and meanwhile a signal to the program that fetches."""
    half = stall(content, 0.5)

    def answer(handler: BaseHTTPRequestHandler) -> None:
        threading.Timer(0.2, signal.pthread_kill, (threading.main_thread().ident, number)).start()
        half(handler)

    return answer


@pytest.mark.skipif(not hasattr(signal, "pthread_kill"), reason="no signals to threads here")
def test_ctrl_c_leaves_nothing(
    road: SimpleNamespace, server: Server, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    server.answers = [signalled(road.content, signal.SIGINT)]
    # A shell starts what it puts into the background with Ctrl-C ignored, and the tests may be run there.
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        assert cli.main(["fetch", road.network]) == cli.INTERRUPTED
    finally:
        signal.signal(signal.SIGINT, before)
    assert capsys.readouterr().err.endswith("stopped\n")
    assert found(folder) == []


@pytest.mark.skipif(not hasattr(signal, "pthread_kill"), reason="no signals to threads here")
@pytest.mark.parametrize("name", ["SIGTERM", "SIGHUP"])
def test_a_signal_to_end_leaves_nothing(torchvision: SimpleNamespace, server: Server, folder: Path, name: str) -> None:
    number = getattr(signal, name)
    before = signal.signal(number, signal.SIG_DFL)
    server.answers = [signalled(torchvision.content, number)]
    try:
        with pytest.raises(SystemExit) as caught:
            cli.main(["fetch", NETWORK])
        assert caught.value.code == 128 + number
        assert found(folder) == []
        assert signal.getsignal(number) is signal.SIG_DFL
    finally:
        signal.signal(number, before)


def test_a_signal_that_is_ignored_stays_so() -> None:
    """As with nohup."""
    before = signal.signal(signal.SIGTERM, signal.SIG_IGN)
    try:
        with fetching._stopped_in_order():
            assert signal.getsignal(signal.SIGTERM) is signal.SIG_IGN
    finally:
        signal.signal(signal.SIGTERM, before)


def test_drafts_of_a_program_that_was_killed(torchvision: SimpleNamespace, folder: Path) -> None:
    """Those of a day ago go; a younger one may be another program's, which is still at it."""
    folder.mkdir(parents=True)
    old, young, others = (folder / f".{name}.tmp" for name in (
        f"{torchvision.path.name}.1.1", f"{torchvision.path.name}.2.2", "resnet50-11ad3fa6.pth.1.1",
    ))  # fmt: skip
    for draft in (old, young, others):
        draft.write_bytes(b"half")
        os.utime(draft, (1000, 1000) if draft is not young else None)
    weights_source(NETWORK).fetch(retry=QUICK)
    assert found(folder) == sorted([young.name, others.name, torchvision.path.name])


def test_drafts_go_where_the_file_is_here_already(road: SimpleNamespace, server: Server, folder: Path) -> None:
    weights_source(road.network).fetch(retry=QUICK)
    old, young = (folder / f".{road.path.name}.{n}.{n}.tmp" for n in (1, 2))
    for draft in (old, young):
        draft.write_bytes(b"half")
    os.utime(old, (1000, 1000))
    assert fetching.fetch([road.network], say=lambda line: None) == []
    assert found(folder) == sorted([young.name, road.path.name])
    assert len(server.asked) == 1


# It finds no place --------------------------------------------------------------------------------


def test_a_disk_without_room(
    road: SimpleNamespace, server: Server, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(downloading.shutil, "disk_usage", lambda _: SimpleNamespace(free=2_000_000))
    error = why_not(road.network, folder)
    assert error.cause == "the disk has 2.0 MB free"
    assert "make room" in str(error)
    assert server.asked == []


def write_to(kind: type[io.FileIO], monkeypatch: pytest.MonkeyPatch) -> None:
    """Files that are opened for writing are of this kind."""
    as_before = Path.open
    monkeypatch.setattr(
        Path, "open", lambda path, mode="r", *rest: kind(path, mode) if mode == "wb" else as_before(path, mode, *rest)
    )


@pytest.mark.parametrize(
    ("number", "cause"),
    [
        (errno.ENOSPC, "the disk is full"),
        (errno.EROFS, "cannot be written to (Read-only"),
        (errno.EFBIG, "cannot be written to (File too large)"),
        (errno.EIO, "cannot be written to (Input/output error)"),
    ],
)
def test_writing_fails_on_the_way(
    road: SimpleNamespace, server: Server, folder: Path, monkeypatch: pytest.MonkeyPatch, number: int, cause: str
) -> None:
    class Full(io.FileIO):
        def write(self, content: bytes) -> int:
            raise OSError(number, os.strerror(number))

    write_to(Full, monkeypatch)
    error = why_not(road.network, folder)
    assert cause in error.cause
    assert "COURSE_WEIGHTS" in str(error)
    assert len(server.asked) == 1


def test_a_full_disk_that_is_told_when_the_file_is_closed(
    torchvision: SimpleNamespace, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Full(io.FileIO):
        def close(self) -> None:
            super().close()
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    write_to(Full, monkeypatch)
    assert why_not(NETWORK, folder).cause == "the disk is full"


@pytest.mark.parametrize("step", ["mkdir", "glob"])
def test_a_disk_without_inodes_is_full(
    road: SimpleNamespace, server: Server, folder: Path, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    def full(*_: object, **__: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with monkeypatch.context() as patch:
        patch.setattr(
            "helpers.models.downloading.Path.mkdir" if step == "mkdir" else "helpers.places.sweep_drafts", full
        )
        error = why_not(road.network, folder)
    assert error.cause == "the disk is full"
    assert "make room" in str(error)
    assert server.asked == []


def test_a_folder_that_vanishes(road: SimpleNamespace, server: Server, folder: Path) -> None:
    def answer(handler: BaseHTTPRequestHandler) -> None:
        shutil.rmtree(folder)
        whole(road.content)(handler)

    server.answers = [answer]
    assert "cannot be written to (No such file or directory)" in why_not(road.network, folder).cause
    assert len(server.asked) == 1


@pytest.mark.parametrize(
    "error", [OSError(errno.EHOSTUNREACH, "No route to host"), ssl.SSLError(1, "bad record"), ConnectionResetError()]
)
def test_a_connection_that_is_lost_is_not_the_folders_fault(
    torchvision: SimpleNamespace, server: Server, folder: Path, monkeypatch: pytest.MonkeyPatch, error: OSError
) -> None:
    def lose(*_: object) -> None:
        raise error

    monkeypatch.setattr("http.client.HTTPResponse.read", lose)
    assert "127.0.0.1" in why_not(NETWORK, folder).cause
    assert len(server.asked) == QUICK.attempts


def test_a_folder_that_cannot_be_made(
    torchvision: SimpleNamespace, server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "a file").write_text("in the way")
    monkeypatch.setenv("COURSE_WEIGHTS", str(tmp_path / "a file"))
    with pytest.raises(FetchError, match=r"cannot be written to .*: set COURSE_WEIGHTS to a folder that you own"):
        weights_source(NETWORK).fetch(retry=QUICK)
    assert server.asked == []


# load_backbone ------------------------------------------------------------------------------------


def quickly(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("helpers.models.backbones.WHILE_A_LESSON_WAITS", QUICK)


@pytest.mark.parametrize("answer", [status(403), redirect, lambda handler: hang_up(handler)])
def test_a_lesson_goes_on_with_random_weights(
    road: SimpleNamespace, server: Server, folder: Path, monkeypatch: pytest.MonkeyPatch, answer: Answer
) -> None:
    quickly(monkeypatch)
    server.answers = [answer]
    backbone = load_backbone(road.network)
    assert not backbone.pretrained
    assert "cannot be fetched, as " in backbone.why_random
    assert f"`{course_command()} fetch {road.network}` gets them ({backbone.megabytes:.1f} MB)" in backbone.why_random
    assert "\n" not in backbone.note
    assert found(folder) == []


def test_offline_a_lesson_is_told_at_once_and_quietly(
    road: SimpleNamespace, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    aim(road, monkeypatch, f"http://127.0.0.1:{unused_port()}")
    assert not load_backbone(road.network).pretrained
    assert capfd.readouterr() == ("", "")


def test_a_lesson_that_asks_for_no_download(road: SimpleNamespace, server: Server) -> None:
    backbone = load_backbone(road.network, download=False)
    assert not backbone.pretrained
    assert "not on this machine" in backbone.why_random
    assert f"{course_command()} fetch {road.network}" in backbone.why_random
    assert server.asked == []
    fetching.fetch([road.network], say=lambda line: None)
    assert load_backbone(road.network, download=False).pretrained


@pytest.mark.parametrize("network", [NETWORK, HUB_NETWORK])
def test_weights_of_another_network_under_the_right_hash(
    server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, network: str
) -> None:
    other = saved("squeezenet1_0", tmp_path)
    path = publish(monkeypatch, server.address, other, network)
    server.answers = [whole(other)]
    with pytest.raises(CourseError) as caught:
        load_backbone(network)
    assert (
        str(caught.value) == f"{path} holds the weights of another network than {network}: delete it and fetch it again"
    )


def test_weights_at_hand_asks_no_network(road: SimpleNamespace, server: Server, folder: Path) -> None:
    folder.mkdir(parents=True)
    assert weights_at_hand("efficientnet_lite0")
    assert not weights_at_hand(road.network)
    road.path.write_bytes(road.content[: len(road.content) // 2])
    assert not weights_at_hand(road.network)
    road.path.write_bytes(road.content)
    assert weights_at_hand(road.network)
    assert server.asked == []


# The folder ---------------------------------------------------------------------------------------


def test_without_the_variable_it_is_torch_hubs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("COURSE_WEIGHTS")
    monkeypatch.setattr(torch.hub, "_hub_dir", None)
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    assert weights_dir() == tmp_path / "hub" / "checkpoints"


def test_a_relative_folder_is_the_same_from_everywhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COURSE_WEIGHTS", "weights")
    monkeypatch.chdir(tmp_path)
    assert weights_dir() == repository() / "weights" / "checkpoints"


def test_the_home_of_nobody(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setenv("COURSE_WEIGHTS", "~nobodyhere/weights")
    with pytest.raises(CourseError, match="nobody of that name has a home here: set COURSE_WEIGHTS to"):
        weights_dir()
    assert cli.main(["fetch", "--list"]) == cli.BAD_USAGE
    assert capsys.readouterr().err.startswith("error: COURSE_WEIGHTS is ~nobodyhere/weights")


@pytest.mark.parametrize("network", [NETWORK, HUB_NETWORK])
def test_a_folder_that_nobody_may_look_into(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], network: str
) -> None:
    def refuse(self: Path, **_: object) -> bool:
        raise PermissionError(13, "Permission denied", str(self))  # as for everybody but root

    folder.mkdir(parents=True)
    monkeypatch.setattr(Path, "exists", refuse)
    for arguments in (["--list", "--all"], [network]):
        assert cli.main(["fetch", *arguments]) == cli.BAD_USAGE
        said = capsys.readouterr().err
        assert said.startswith(f"error: {folder} cannot be looked into (Permission denied): ")
        assert said.count("\n") == 1


def test_a_folder_that_cannot_be_written_to_serves(torchvision: SimpleNamespace, folder: Path) -> None:
    folder.mkdir(parents=True)
    torchvision.path.write_bytes(torchvision.content)
    for place in (folder, folder.parent):
        place.chmod(0o555)
    try:
        assert load_backbone(NETWORK).pretrained
        assert fetching.fetch([NETWORK], say=lambda line: None) == []
        assert found(folder) == [torchvision.path.name]
    finally:
        for place in (folder.parent, folder):
            place.chmod(0o755)


def test_plain_torchvision_code_finds_the_same_folder(folder: Path, file_of_network: bytes) -> None:
    """The file has torchvision's name, whose hash torchvision looks at while it downloads, and never again."""
    folder.mkdir(parents=True)
    (folder / "squeezenet1_1-b8a52dc0.pth").write_bytes(file_of_network)
    script = (
        "import helpers.models\n"
        "from torchvision.models import SqueezeNet1_1_Weights, squeezenet1_1\n"
        "model = squeezenet1_1(weights=SqueezeNet1_1_Weights.DEFAULT)\n"
        "print(model.features[0].weight.sum().item())\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], cwd=repository(), capture_output=True, text=True, timeout=100, check=True
    )
    torch.manual_seed(0)
    assert done.stdout.strip() == str(get_model(NETWORK).features[0].weight.sum().item())


def test_the_list_says_what_to_set_for_another_folder(tmp_path: Path, folder: Path) -> None:
    last = fetching.listing().splitlines()[-1]
    assert last == f"folder: {folder} (that is COURSE_WEIGHTS={folder.parent}; set another to use that)"


@pytest.mark.parametrize("network", [NETWORK, HUB_NETWORK])
@pytest.mark.parametrize("below", ["checkpoints", "flat"])
def test_files_that_lie_flat_are_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, network: str, below: str
) -> None:
    """As where somebody set COURSE_WEIGHTS to the folder that the list names, or copied the files alone."""
    place = tmp_path / "stick" / below
    place.mkdir(parents=True)
    (place / weights_source(network).path.name).touch()
    (place / "flowers-20260101.pth").touch()
    monkeypatch.setenv("COURSE_WEIGHTS", str(place))
    cure = f"set COURSE_WEIGHTS={place.parent}" if below == "checkpoints" else f"move them to {place / 'checkpoints'}"
    *_, told, last = fetching.listing().splitlines()
    assert told == f"1 weights file lies in {place} itself, where none is looked for: {cure}"
    assert last.startswith("folder: ")


# The command --------------------------------------------------------------------------------------


def test_one_failure_does_not_stop_the_others(
    torchvision: SimpleNamespace, folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("HF_ENDPOINT", f"http://127.0.0.1:{unused_port()}")
    outcome = cli.main(["fetch", HUB_NETWORK, "efficientnet_lite0", NETWORK, "--timeout", "5"])
    said = capsys.readouterr()
    assert outcome == cli.FAILED
    errors = [line for line in said.err.splitlines() if line.startswith("error: ")]
    assert len(errors) == 1
    assert errors[0].startswith(f"error: {HUB_NETWORK} was not fetched (15.2 MB to ")
    assert "efficientnet_lite0: comes with its package, there is nothing to fetch" in said.out
    assert f"{NETWORK}: fetched, {torchvision.path}" in said.out
    assert found(folder) == [torchvision.path.name]


def test_an_unknown_name_fetches_nothing(
    torchvision: SimpleNamespace, server: Server, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.main(["fetch", NETWORK, "resnet-50"]) == cli.BAD_USAGE
    assert "unknown backbone 'resnet-50': did you mean resnet50" in capsys.readouterr().err
    assert server.asked == []


@pytest.mark.parametrize(
    "arguments", [[], ["--all"], ["--all", "resnet50"], ["--list", "resnet50"], ["--timeout", "0"]]
)
def test_bad_usage(arguments: list[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        cli.main(["fetch", *arguments])
    assert caught.value.code == cli.BAD_USAGE


def states(capsys: pytest.CaptureFixture[str], *arguments: str) -> dict[str, str]:
    """What the listing says of each network: "102.5  not here"."""
    assert cli.main(["fetch", "--list", *arguments]) == 0
    rows = [line.split(maxsplit=1) for line in capsys.readouterr().out.splitlines()]
    return {name: rest for name, rest in rows if name in backbone_names()}


def test_the_list_shows_the_courses_networks(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["fetch", "--list"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[1].split() == ["resnet50", "102.5", "not", "here"]
    assert lines[-2].startswith(f"and {len(backbone_names()) - len(lines) + 3} more: ")
    assert str(folder) in lines[-1]
    assert all(len(line) < 120 for line in lines[:-1])
    listed = states(capsys)
    assert set(listed) == {*fetching.COURSE_BACKBONES}
    assert all(listed[name].endswith("in its package") for name in OFFLINE_BACKBONES)


def test_the_list_tells_whole_files_from_damaged_ones(
    torchvision: SimpleNamespace, hub: SimpleNamespace, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder.mkdir(parents=True)
    torchvision.path.write_bytes(torchvision.content)
    hub.path.write_bytes(hub.content[:-1])
    listed = states(capsys, "--all")
    assert listed[NETWORK] == f"{len(torchvision.content) / 1e6:.1f}  here"
    assert listed[HUB_NETWORK] == f"{len(hub.content) / 1e6:.1f}  damaged"
    assert listed["resnet18"] == "46.8  not here"
    assert set(listed) == {*backbone_names()}
