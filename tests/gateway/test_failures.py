"""An upstream that is away, slow or broken, as a page sees it; stale connections, and what is tried again."""

from __future__ import annotations

import json
import socket
import ssl
import threading
from collections.abc import Iterable, Iterator
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
from edgecors_local.ports import free_port

from tests.events_api.make import APP, EVIL, HTTP_2, REST, SOURCES, make_event, read_response
from tests.gateway.conftest import Gateway
from tests.gateway.spy import OK, Seen, Spy
from tests.support.wait import wait_until


class Context:
    """An invocation that has so many milliseconds left."""

    def __init__(self, milliseconds: int) -> None:
        self._milliseconds = milliseconds

    def get_remaining_time_in_millis(self) -> int:
        return self._milliseconds


def check(source: str, gateway: Gateway, status: int, context: Any = None, method: str = "GET") -> str:
    """A page gets this status with its headers, nobody else does; the detail that it can read."""
    answer = gateway(make_event(source, method, headers=[("Origin", APP)]), context)
    found, fields, body = read_response(source, answer)
    assert (found, fields) == (
        status,
        [
            ("access-control-allow-origin", APP),
            ("cache-control", "no-store"),
            ("content-type", "application/problem+json"),
            ("vary", "Origin"),
        ],
    )
    problem = json.loads(body)
    assert problem.keys() == {"type", "title", "status", "detail"}
    assert problem["status"] == status
    detail: str = problem["detail"]
    return detail


@pytest.mark.parametrize("source", SOURCES)
def test_an_upstream_that_is_away(source: str) -> None:
    gateway = Gateway(f"http://127.0.0.1:{free_port()}")
    assert check(source, gateway, 502) == "The upstream can't be reached."
    (line,) = gateway.failures
    assert (line["message"], line["site"], line["status"], line["method"], line["path"]) == (
        "upstream failed",
        "shop",
        502,
        "GET",
        "/api/x",
    )
    assert "refused" in line["error"]
    (counted,) = (line for line in gateway.lines if "UpstreamErrors" in line)
    assert (counted["site"], counted["status"], counted["UpstreamErrors"]) == ("shop", "502", 1)


def test_a_failure_shows_nothing_to_who_is_not_allowed() -> None:
    gateway = Gateway(f"http://127.0.0.1:{free_port()}")
    status, fields, _ = read_response(REST, gateway(make_event(REST, headers=[("Origin", EVIL)])))
    assert (status, "access-control-allow-origin" in dict(fields)) == (502, False)


def test_a_name_that_nobody_knows(monkeypatch: pytest.MonkeyPatch) -> None:
    def unknown(*arguments: Any, **options: Any) -> Any:
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", unknown)
    assert check(HTTP_2, Gateway("http://upstream.invalid"), 502) == "The upstream can't be reached."


def test_a_look_up_that_hangs_is_left_behind(monkeypatch: pytest.MonkeyPatch) -> None:
    released = threading.Event()

    def hang(*arguments: Any, **options: Any) -> Any:
        released.wait(30)
        raise socket.gaierror(socket.EAI_AGAIN, "try again")

    monkeypatch.setattr(socket, "getaddrinfo", hang)
    try:
        assert "in time" in check(HTTP_2, Gateway("http://upstream.invalid"), 504, Context(600))
    finally:
        released.set()


def test_connecting_has_a_deadline_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(import_module("proxy"), "CONNECT_SECONDS", 0.05)
    with socket.create_server(("127.0.0.1", 0), backlog=0) as full:
        port = full.getsockname()[1]
        # The queue takes a few; then the kernel answers nobody any more.
        waiting = [socket.socket() for _ in range(4)]
        for sock in waiting:
            sock.setblocking(False)
            sock.connect_ex(("127.0.0.1", port))
        gateway = Gateway(f"http://127.0.0.1:{port}")
        check(HTTP_2, gateway, 504, Context(20_000))
        for sock in waiting:
            sock.close()
    assert "Connect" in gateway.failures[0]["error"]


def stalling(spy: Spy, *first: bytes) -> None:
    """Answer with these chunks and then with nothing more."""

    def script(seen: Seen) -> Iterable[bytes]:
        yield from first
        spy.stopping.wait(30)
        raise EOFError

    spy.script = script


@pytest.mark.parametrize(
    "first",
    [
        pytest.param([], id="says nothing"),
        pytest.param([b"HTTP/1.1 200 OK\r\nX: "], id="half a head"),
        pytest.param([b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nab"], id="half a body"),
    ],
)
@pytest.mark.parametrize("source", SOURCES)
def test_a_slow_upstream_is_not_waited_for(source: str, first: list[bytes], spy: Spy, gateway: Gateway) -> None:
    stalling(spy, *first)
    assert check(source, gateway, 504, Context(650)) == "The upstream did not answer in time."
    assert [line["status"] for line in gateway.failures] == [504]


def test_drops_do_not_put_the_deadline_off(spy: Spy, gateway: Gateway) -> None:
    def script(seen: Seen) -> Iterator[bytes]:
        yield b"HTTP/1.1 200 OK\r\nX: "
        while not spy.stopping.wait(0.02):
            yield b"x"

    spy.script = script
    check(HTTP_2, gateway, 504, Context(800))


def test_an_invocation_that_is_nearly_over_still_answers(spy: Spy, gateway: Gateway) -> None:
    stalling(spy)
    check(HTTP_2, gateway, 504, Context(0))


@pytest.mark.parametrize(
    "raw",
    [
        pytest.param(b"", id="nothing"),
        pytest.param(b"\x16\x03\x01\x02\x00\x01\x00", id="TLS"),
        pytest.param(b"HTTP/1.1 abc\r\n\r\n", id="no status"),
        pytest.param(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nab", id="half a body"),
        pytest.param(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nab", id="half a chunk"),
        pytest.param(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n", id="no chunk"),
        pytest.param(b"HTTP/1.1 103 Early Hints\r\n\r\n" + OK, id="only hints"),
        pytest.param(b"HTTP/1.1 101 Switching Protocols\r\n\r\n", id="another protocol"),
        pytest.param(b"HTTP/1.1 200 OK\r\n" + b"X: y\r\n" * 101 + b"\r\n", id="too many headers"),
        pytest.param(b"HTTP/1.1 200 OK\r\nX: " + b"y" * 70_000 + b"\r\n\r\n", id="a header too long"),
    ],
)
def test_a_broken_answer(raw: bytes, spy: Spy, gateway: Gateway) -> None:
    spy.close = True
    spy.answer(raw)
    assert check(REST, gateway, 502) == "The upstream's answer was broken off, or is no HTTP."
    # On a new connection nothing is tried twice.
    assert len(spy.seen) == 1


def test_a_body_that_does_not_end(spy: Spy, gateway: Gateway) -> None:
    def script(seen: Seen) -> Iterator[bytes]:
        yield b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
        while not spy.stopping.is_set():
            yield b"10000\r\n" + b"x" * 65536 + b"\r\n"

    spy.script = script
    assert "6291556 bytes" in check(REST, gateway, 413)


def test_an_answer_to_half_a_request_is_an_answer(spy: Spy, gateway: Gateway) -> None:
    """A server that has seen enough answers and closes, while the rest of the body is still on its way."""
    spy.read_bodies = False
    spy.close = True
    spy.answer(b"HTTP/1.1 413 Content Too Large\r\nContent-Length: 2\r\nConnection: close\r\n\r\nno")
    answer = gateway(make_event(REST, "POST", body=b"x" * 5_000_000))
    # The kernel may throw the answer away with the connection; then it is ours.
    assert (answer["statusCode"], answer["body"]) == (413, "no") or answer["statusCode"] == 502


def test_connections_are_kept(spy: Spy, gateway: Gateway) -> None:
    for _ in range(3):
        assert gateway(make_event(REST))["statusCode"] == 200
    assert [seen.connection for seen in spy.seen] == [1, 1, 1]
    gateway.proxy.reset_after_restore()
    gateway(make_event(REST))
    assert [seen.connection for seen in spy.seen] == [1, 1, 1, 2]


def test_a_connection_that_failed_is_not_kept(spy: Spy, gateway: Gateway) -> None:
    spy.answer(b"HTTP/1.1 200 OK\r\nContent-Length: x\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n")
    check(REST, gateway, 502)
    spy.answer(OK)
    assert gateway(make_event(REST))["statusCode"] == 200
    assert [seen.connection for seen in spy.seen] == [1, 2]


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_a_connection_seen_closed_is_replaced(method: str, spy: Spy, gateway: Gateway) -> None:
    gateway(make_event(REST))
    (kept,) = gateway.proxy._idle
    spy.hang_up()
    wait_until(lambda: not kept.is_connected, "the end of the connection has arrived")
    assert gateway(make_event(REST, method, body=b"x"))["statusCode"] == 200
    assert [(seen.method, seen.connection) for seen in spy.seen] == [("GET", 1), (method, 2)]


def closing_when_asked_again(spy: Spy) -> None:
    """A server that closes each connection at the moment of its second request."""
    used: set[int] = set()

    def script(seen: Seen) -> Iterable[bytes]:
        if seen.connection in used:
            raise EOFError
        used.add(seen.connection)
        return [OK]

    spy.script = script


@pytest.mark.parametrize("method", ["GET", "HEAD", "PUT", "DELETE", "OPTIONS", "TRACE"])
def test_what_may_be_done_twice_is_asked_again_once(method: str, spy: Spy, gateway: Gateway) -> None:
    closing_when_asked_again(spy)
    gateway(make_event(REST))
    # Not HEAD's own answer: that one has no body.
    answer = gateway(make_event(REST, method, body=b"x"))
    assert answer["statusCode"] == 200
    assert [(seen.method, seen.connection) for seen in spy.seen] == [("GET", 1), (method, 1), (method, 2)]
    assert [seen.body for seen in spy.seen] == [b"", b"x", b"x"]


@pytest.mark.parametrize("method", ["POST", "PATCH", "PURGE"])
def test_what_may_not_be_done_twice_is_not(method: str, spy: Spy, gateway: Gateway) -> None:
    closing_when_asked_again(spy)
    gateway(make_event(REST))
    check(REST, gateway, 502, method=method)
    assert [(seen.method, seen.connection) for seen in spy.seen] == [("GET", 1), (method, 1)]


def test_there_is_one_retry_and_no_more(spy: Spy, gateway: Gateway) -> None:
    gateway(make_event(REST))

    def script(seen: Seen) -> Iterable[bytes]:
        raise EOFError

    spy.script = script
    check(REST, gateway, 502)
    assert [seen.connection for seen in spy.seen] == [1, 1, 2]


def test_an_answer_broken_off_on_a_kept_connection_is_not_asked_for_again(spy: Spy, gateway: Gateway) -> None:
    gateway(make_event(REST))
    spy.close = True
    spy.answer(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nab")
    check(REST, gateway, 502)
    assert len(spy.seen) == 2


def test_an_error_of_our_own_is_a_500(spy: Spy, gateway: Gateway, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken() -> Any:
        raise RuntimeError("a mistake")

    monkeypatch.setattr(gateway.proxy, "take", broken)
    assert check(REST, gateway, 500) == "The request could not be handled."
    assert gateway.failures[0]["exception"].endswith("RuntimeError: a mistake\n")


def test_what_is_no_request_fails(gateway: Gateway) -> None:
    with pytest.raises(ValueError, match="takes requests of API Gateway, function URLs and load balancers only"):
        gateway({"detail-type": "Scheduled Event"})


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A key and a certificate for 127.0.0.1 that it signed itself, in one file."""
    from datetime import UTC, datetime, timedelta
    from ipaddress import ip_address

    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "upstream")])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    path = tmp_path_factory.mktemp("tls") / "upstream.pem"
    encoding = serialization.Encoding.PEM
    path.write_bytes(
        key.private_bytes(encoding, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
        + made.public_bytes(encoding)
    )
    return path


@pytest.fixture
def secure_spy(certificate: Path) -> Iterator[Spy]:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    with Spy(context) as running:
        yield running


def test_https(certificate: Path, secure_spy: Spy) -> None:
    gateway = Gateway(f"https://{secure_spy.netloc}/v1", context=ssl.create_default_context(cafile=certificate))
    for _ in range(2):
        assert gateway(make_event(REST, headers=[("Origin", APP)]))["statusCode"] == 200
    assert [(seen.target, seen.connection) for seen in secure_spy.seen] == [("/v1/api/x", 1)] * 2
    gateway.proxy.reset_after_restore()


def test_a_certificate_that_nobody_vouches_for(secure_spy: Spy) -> None:
    gateway = Gateway(f"https://{secure_spy.netloc}")
    assert check(REST, gateway, 502) == "The upstream can't be reached."
    assert "CERTIFICATE_VERIFY_FAILED" in gateway.failures[0]["error"]
    assert secure_spy.seen == []


def test_a_slow_https_upstream_is_not_waited_for(certificate: Path, secure_spy: Spy) -> None:
    gateway = Gateway(f"https://{secure_spy.netloc}", context=ssl.create_default_context(cafile=certificate))
    stalling(secure_spy, b"HTTP/1.1 200 OK\r\nX: ")
    check(REST, gateway, 504, Context(900))
