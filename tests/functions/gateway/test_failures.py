"""An unreachable, slow or broken upstream as a page sees it; stale connections and retries."""

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

from harness.wait import wait_until
from tests.events.make import APP, EVIL, HTTP_2, REST, SOURCES, make_event, read_response
from tests.functions.gateway.conftest import LoggingGateway
from tests.functions.gateway.spy import OK, SpiedRequest, Spy


class InvocationContext:
    """An invocation that has so many milliseconds left."""

    def __init__(self, milliseconds: int) -> None:
        self._milliseconds = milliseconds

    def get_remaining_time_in_millis(self) -> int:
        return self._milliseconds


def check(source: str, gateway: LoggingGateway, status: int, context: Any = None, method: str = "GET") -> str:
    """Check that a page gets this status with CORS headers; return the detail that it can read."""
    answer = gateway(make_event(source, method, headers=[("Origin", APP)]), context)
    received, fields, body = read_response(source, answer)
    assert (received, fields) == (
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
def test_unreachable_upstream_is_a_bad_gateway(source: str) -> None:
    gateway = LoggingGateway(f"http://127.0.0.1:{free_port()}")
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


def test_failure_refused_origin_gets_no_cors_header() -> None:
    gateway = LoggingGateway(f"http://127.0.0.1:{free_port()}")
    status, fields, _ = read_response(REST, gateway(make_event(REST, headers=[("Origin", EVIL)])))
    assert (status, "access-control-allow-origin" in dict(fields)) == (502, False)


def test_unknown_host_is_a_bad_gateway(monkeypatch: pytest.MonkeyPatch) -> None:
    def unknown(*arguments: Any, **options: Any) -> Any:
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", unknown)
    assert check(HTTP_2, LoggingGateway("http://upstream.invalid"), 502) == "The upstream can't be reached."


def test_hanging_name_resolution_is_a_gateway_timeout(monkeypatch: pytest.MonkeyPatch) -> None:
    released = threading.Event()

    def hang(*arguments: Any, **options: Any) -> Any:
        released.wait(30)
        raise socket.gaierror(socket.EAI_AGAIN, "try again")

    monkeypatch.setattr(socket, "getaddrinfo", hang)
    try:
        assert "in time" in check(HTTP_2, LoggingGateway("http://upstream.invalid"), 504, InvocationContext(600))
    finally:
        released.set()


def test_connecting_has_its_own_timeout(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(import_module("proxy"), "CONNECT_SECONDS", 0.05)
    with socket.create_server(("127.0.0.1", 0), backlog=0) as full:
        port = full.getsockname()[1]
        # Fill the queue, so that the kernel accepts no further connection.
        waiting = [socket.socket() for _ in range(4)]
        for sock in waiting:
            sock.setblocking(False)
            sock.connect_ex(("127.0.0.1", port))
        gateway = LoggingGateway(f"http://127.0.0.1:{port}")
        check(HTTP_2, gateway, 504, InvocationContext(20_000))
        for sock in waiting:
            sock.close()
    assert "connecting: " in gateway.failures[0]["error"]


def stalling(spy: Spy, *first: bytes) -> None:
    """Send these chunks and then nothing."""

    def script(seen: SpiedRequest) -> Iterable[bytes]:
        yield from first
        spy.stopping.wait(30)
        raise EOFError

    spy.script = script


@pytest.mark.parametrize(
    "first",
    [
        pytest.param([], id="no byte"),
        pytest.param([b"HTTP/1.1 200 OK\r\nX: "], id="half a head"),
        pytest.param([b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nab"], id="half a body"),
    ],
)
@pytest.mark.parametrize("source", SOURCES)
def test_stalled_response_is_a_gateway_timeout(
    source: str, first: list[bytes], spy: Spy, gateway: LoggingGateway
) -> None:
    stalling(spy, *first)
    assert check(source, gateway, 504, InvocationContext(650)) == "The upstream did not answer in time."
    assert [line["status"] for line in gateway.failures] == [504]


def test_response_byte_by_byte_does_not_extend_the_deadline(spy: Spy, gateway: LoggingGateway) -> None:
    def script(seen: SpiedRequest) -> Iterator[bytes]:
        yield b"HTTP/1.1 200 OK\r\nX: "
        while not spy.stopping.wait(0.02):
            yield b"x"

    spy.script = script
    check(HTTP_2, gateway, 504, InvocationContext(800))


def test_invocation_without_time_left_still_answers(spy: Spy, gateway: LoggingGateway) -> None:
    stalling(spy)
    check(HTTP_2, gateway, 504, InvocationContext(0))


@pytest.mark.parametrize(
    "raw",
    [
        pytest.param(b"", id="no bytes"),
        pytest.param(b"\x16\x03\x01\x02\x00\x01\x00", id="TLS"),
        pytest.param(b"HTTP/1.1 abc\r\n\r\n", id="no status"),
        pytest.param(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nab", id="half a body"),
        pytest.param(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nab", id="half a chunk"),
        pytest.param(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n", id="not a chunk"),
        pytest.param(b"HTTP/1.1 103 Early Hints\r\n\r\n", id="only an interim response"),
        pytest.param(b"HTTP/1.1 101 Switching Protocols\r\n\r\n", id="another protocol"),
        pytest.param(b"HTTP/1.1 200 OK\r\n" + b"X: y\r\n" * 101 + b"\r\n", id="too many headers"),
        pytest.param(b"HTTP/1.1 200 OK\r\nX: " + b"y" * 70_000 + b"\r\n\r\n", id="a header too long"),
    ],
)
def test_broken_response_is_a_bad_gateway_and_is_not_retried(raw: bytes, spy: Spy, gateway: LoggingGateway) -> None:
    spy.close = True
    spy.answer(raw)
    assert check(REST, gateway, 502) == "The upstream's response was cut off or is not valid HTTP."
    # A request on a new connection is not retried.
    assert len(spy.seen) == 1


def test_endless_body_is_content_too_large(spy: Spy, gateway: LoggingGateway) -> None:
    def script(seen: SpiedRequest) -> Iterator[bytes]:
        yield b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
        while not spy.stopping.is_set():
            yield b"10000\r\n" + b"x" * 65536 + b"\r\n"

    spy.script = script
    assert "6291556 bytes" in check(REST, gateway, 413)


def test_response_to_half_a_request_is_passed_on(spy: Spy, gateway: LoggingGateway) -> None:
    """A server that responds and closes while the rest of the body is still on its way."""
    spy.read_bodies = False
    spy.close = True
    spy.answer(b"HTTP/1.1 413 Content Too Large\r\nContent-Length: 2\r\nConnection: close\r\n\r\nno")
    answer = gateway(make_event(REST, "POST", body=b"x" * 5_000_000))
    # The kernel may discard the response together with the connection; then the gateway answers.
    assert (answer["statusCode"], answer["body"]) == (413, "no") or answer["statusCode"] == 502


def test_connection_is_reused(spy: Spy, gateway: LoggingGateway) -> None:
    for _ in range(3):
        assert gateway(make_event(REST))["statusCode"] == 200
    assert [seen.connection for seen in spy.seen] == [1, 1, 1]
    gateway.proxy.reset_after_restore()
    gateway(make_event(REST))
    assert [seen.connection for seen in spy.seen] == [1, 1, 1, 2]


def test_connection_after_a_failure_is_not_reused(spy: Spy, gateway: LoggingGateway) -> None:
    spy.answer(b"HTTP/1.1 200 OK\r\nContent-Length: x\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n")
    check(REST, gateway, 502)
    spy.answer(OK)
    assert gateway(make_event(REST))["statusCode"] == 200
    assert [seen.connection for seen in spy.seen] == [1, 2]


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_connection_closed_by_the_upstream_is_replaced(method: str, spy: Spy, gateway: LoggingGateway) -> None:
    gateway(make_event(REST))
    ((_, idle),) = gateway.proxy._idle
    spy.hang_up()
    wait_until(lambda: not idle.is_quiet(), "the end of the connection has arrived")
    assert gateway(make_event(REST, method, body=b"x"))["statusCode"] == 200
    assert [(seen.method, seen.connection) for seen in spy.seen] == [("GET", 1), (method, 2)]


def closing_when_asked_again(spy: Spy) -> None:
    """A server that closes each connection at the moment of its second request."""
    used: set[int] = set()

    def script(seen: SpiedRequest) -> Iterable[bytes]:
        if seen.connection in used:
            raise EOFError
        used.add(seen.connection)
        return [OK]

    spy.script = script


@pytest.mark.parametrize("method", ["GET", "HEAD", "PUT", "DELETE", "OPTIONS", "TRACE"])
def test_idempotent_request_on_a_stale_connection_is_retried_once(
    method: str, spy: Spy, gateway: LoggingGateway
) -> None:
    closing_when_asked_again(spy)
    gateway(make_event(REST))
    answer = gateway(make_event(REST, method, body=b"x"))
    assert answer["statusCode"] == 200
    assert [(seen.method, seen.connection) for seen in spy.seen] == [("GET", 1), (method, 1), (method, 2)]
    assert [seen.body for seen in spy.seen] == [b"", b"x", b"x"]


@pytest.mark.parametrize("method", ["POST", "PATCH", "PURGE"])
def test_other_request_on_a_stale_connection_is_not_retried(method: str, spy: Spy, gateway: LoggingGateway) -> None:
    closing_when_asked_again(spy)
    gateway(make_event(REST))
    check(REST, gateway, 502, method=method)
    assert [(seen.method, seen.connection) for seen in spy.seen] == [("GET", 1), (method, 1)]


def test_retry_happens_once(spy: Spy, gateway: LoggingGateway) -> None:
    gateway(make_event(REST))

    def script(seen: SpiedRequest) -> Iterable[bytes]:
        raise EOFError

    spy.script = script
    check(REST, gateway, 502)
    assert [seen.connection for seen in spy.seen] == [1, 1, 2]


def test_response_cut_off_on_a_kept_connection_is_not_retried(spy: Spy, gateway: LoggingGateway) -> None:
    gateway(make_event(REST))
    spy.close = True
    spy.answer(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nab")
    check(REST, gateway, 502)
    assert len(spy.seen) == 2


def test_bug_in_the_gateway_is_an_internal_server_error(
    spy: Spy, gateway: LoggingGateway, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(address: Any) -> Any:
        raise RuntimeError("a mistake")

    monkeypatch.setattr(gateway.proxy, "take", broken)
    assert check(REST, gateway, 500) == "The request could not be handled."
    assert gateway.failures[0]["exception"].endswith("RuntimeError: a mistake\n")


def test_event_that_is_not_a_request_raises(gateway: LoggingGateway) -> None:
    with pytest.raises(ValueError, match="accepts requests from API Gateway, function URLs and load balancers only"):
        gateway({"detail-type": "Scheduled Event"})


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A key and a self-signed certificate for 127.0.0.1 in one file."""
    from datetime import UTC, datetime, timedelta
    from ipaddress import ip_address

    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "upstream")])
    now = datetime.now(UTC)
    signed = (
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
        + signed.public_bytes(encoding)
    )
    return path


@pytest.fixture
def secure_spy(certificate: Path) -> Iterator[Spy]:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    with Spy(context) as running:
        yield running


def test_https_upstream_is_reached(certificate: Path, secure_spy: Spy) -> None:
    gateway = LoggingGateway(f"https://{secure_spy.netloc}/v1", context=ssl.create_default_context(cafile=certificate))
    for _ in range(2):
        assert gateway(make_event(REST, headers=[("Origin", APP)]))["statusCode"] == 200
    assert [(seen.target, seen.connection) for seen in secure_spy.seen] == [("/v1/api/x", 1)] * 2


def test_untrusted_certificate_is_a_bad_gateway(secure_spy: Spy) -> None:
    gateway = LoggingGateway(f"https://{secure_spy.netloc}")
    assert check(REST, gateway, 502) == "The upstream can't be reached."
    assert "CERTIFICATE_VERIFY_FAILED" in gateway.failures[0]["error"]
    assert secure_spy.seen == []


def test_stalled_https_response_is_a_gateway_timeout(certificate: Path, secure_spy: Spy) -> None:
    gateway = LoggingGateway(f"https://{secure_spy.netloc}", context=ssl.create_default_context(cafile=certificate))
    stalling(secure_spy, b"HTTP/1.1 200 OK\r\nX: ")
    check(REST, gateway, 504, InvocationContext(900))
