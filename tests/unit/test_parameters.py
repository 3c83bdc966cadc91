"""The Parameter Store client, against a store that checks signatures and against servers that misbehave."""

import errno
import hashlib
import json
import re
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import botocore
import edgecors
import pytest
from edgecors.aws import ReadError
from edgecors.aws.http1 import Endpoint, HttpConnection
from edgecors.aws.http_response import MAX_RESPONSE
from edgecors.aws.parameters import MAX_NAMES, Parameter, ParameterReader

from tests.support.authority import Authority
from tests.support.parameter_store import ParameterStoreServer, ParameterType
from tests.unit.scripted import NAME, Peer, Script, ScriptedServer, http, response_with

KEYS = {"AWS_ACCESS_KEY_ID": "AKIDEXAMPLE", "AWS_SECRET_ACCESS_KEY": "secret"}
LONG = 20.0
"""Seconds of a deadline that no test reaches."""
SHORT = 0.3
LATE = 3.0
"""Seconds by which a busy machine may exceed a deadline."""


def soon(seconds: float = LONG) -> float:
    return time.monotonic() + seconds


def store_at(url: str, **environ: str) -> ParameterReader:
    return ParameterReader("us-east-1", environ={"AWS_ENDPOINT_URL_SSM": url, **KEYS, **environ})


def read(client: ParameterReader, name: str = NAME, patience: float = LONG) -> Parameter | None:
    """One parameter, read without interruption."""
    return read_all(client, [name], patience).get(name)


def read_all(client: ParameterReader, names: list[str], patience: float = LONG) -> dict[str, Parameter]:
    """Several parameters, read without interruption."""
    client.begin(names, patience)
    parameters = client.poll(soon(2 * LONG))
    assert parameters is not None
    return parameters


def value(parameter: Parameter | None) -> str | None:
    return None if parameter is None else parameter.value


def failure(read: Callable[[], object]) -> str:
    """The code of the error that a read ends with."""
    with pytest.raises(ReadError) as caught:
        read()
    return caught.value.code


# Against moto, which checks signatures as AWS does.


@pytest.fixture
def client(parameter_store: ParameterStoreServer) -> Iterator[ParameterReader]:
    client = ParameterReader("us-east-1", environ=parameter_store.environment())
    yield client
    client.close()


@pytest.mark.parametrize("kind", ["String", "StringList", "SecureString"])
def test_read_parameter_of_each_type(
    parameter_store: ParameterStoreServer, client: ParameterReader, kind: ParameterType
) -> None:
    text = "https://a.example,https://b.example"
    parameter_store.put(NAME, "something older", kind)
    parameter_store.put(NAME, text, kind)
    parameter = read(client)
    assert parameter is not None
    assert (parameter.value, parameter.version) == (text, 2)
    assert {name: p.value for name, p in read_all(client, [NAME]).items()} == {NAME: text}


def test_read_value_is_unchanged(parameter_store: ParameterStoreServer, client: ParameterReader) -> None:
    text = '{"rules":\n [{"allow_origins": ["https://bücher.example"]}]}\t\U0001f600 "' + "x" * 4000
    parameter_store.put(NAME, text)
    assert value(read(client)) == text


def test_read_missing_parameter_is_left_out(parameter_store: ParameterStoreServer, client: ParameterReader) -> None:
    assert read(client) is None
    assert read_all(client, [NAME]) == {}


def test_read_ten_names_in_one_call(parameter_store: ParameterStoreServer, client: ParameterReader) -> None:
    names = [f"/edgecors/lists/{number}" for number in range(MAX_NAMES)]
    for name in names[:-1]:
        parameter_store.put(name, f"https://{name[-1]}.example")
    answer = read_all(client, names)
    assert {name: p.value for name, p in answer.items()} == {name: f"https://{name[-1]}.example" for name in names[:-1]}


def test_read_each_region_has_its_own_parameters(parameter_store: ParameterStoreServer) -> None:
    parameter_store.put(NAME, "https://eu.example", region="eu-west-1")
    environ = parameter_store.environment()
    here, there = (ParameterReader(region, environ=environ) for region in ("us-east-1", "eu-west-1"))
    assert read(here) is None
    assert value(read(there)) == "https://eu.example"
    here.close()
    there.close()


def test_read_wrong_secret_is_refused(parameter_store: ParameterStoreServer) -> None:
    client = ParameterReader("us-east-1", environ={**parameter_store.environment(), "AWS_SECRET_ACCESS_KEY": "wrong"})
    # AWS says InvalidSignatureException in JSON; moto has one form of this for all its services, XML.
    assert failure(lambda: read(client)) == "http-403"
    client.close()


def test_read_role_credentials_carry_their_token(parameter_store: ParameterStoreServer) -> None:
    parameter_store.put(NAME, "https://a.example")
    statement = {"Effect": "Allow", "Action": "ssm:GetParameters", "Resource": "*"}
    credentials = parameter_store.temporary_credentials(statement)
    client = ParameterReader("us-east-1", environ=parameter_store.environment(credentials=credentials))
    assert value(read(client)) == "https://a.example"
    client.close()


# What is sent.


def test_request_has_exactly_these_headers() -> None:
    received: list[bytes] = []

    def script(peer: Peer) -> None:
        received.append(peer.request())
        peer.send(response_with("https://a.example"))

    with ScriptedServer(script) as server:
        client = ParameterReader(
            "eu-west-1",
            environ={"AWS_ENDPOINT_URL": f"{server.url}/prefix", **KEYS, "AWS_SESSION_TOKEN": "token"},
            wall_clock=lambda: 1_700_000_000.0,
        )
        assert value(read(client)) == "https://a.example"
        client.close()
    head, _, body = received[0].decode().partition("\r\n\r\n")
    first, *lines = head.split("\r\n")
    headers = dict(line.split(": ", 1) for line in lines)
    signature = headers.pop("authorization")
    assert first == "POST /prefix HTTP/1.1"
    assert headers == {
        "content-type": "application/x-amz-json-1.1",
        "x-amz-target": "AmazonSSM.GetParameters",
        "host": f"127.0.0.1:{server.port}",
        "x-amz-date": "20231114T221320Z",
        "x-amz-security-token": "token",
        "content-length": str(len(body)),
    }
    assert re.fullmatch(
        "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20231114/eu-west-1/ssm/aws4_request, "
        "SignedHeaders=content-type;host;x-amz-date;x-amz-security-token;x-amz-target, Signature=[0-9a-f]{64}",
        signature,
    )
    assert json.loads(body) == {"Names": [NAME], "WithDecryption": True}


# The kept connection.


def test_connection_serves_many_reads() -> None:
    def script(peer: Peer) -> None:
        for number in range(3):
            peer.answer(response_with(str(number)))
        peer.hang()

    with ScriptedServer(script) as server:
        client = store_at(server.url)
        assert client.open(soon())
        assert [value(read(client)) for _ in range(3)] == ["0", "1", "2"]
        assert server.connections == 1
        client.close()
        client.close()


def test_connection_closed_is_opened_again() -> None:
    with ScriptedServer(*[lambda peer: peer.answer(response_with("x"))] * 2) as server:
        client = store_at(server.url)
        for _ in range(2):
            assert value(read(client)) == "x"
            client.close()
        assert server.connections == 2


ITEMS: dict[str, object] = {"Parameters": [{"Name": NAME, "Value": "x"}]}


def one_answer(peer: Peer) -> None:
    peer.answer(response_with("first"))


def answer_and_reset(peer: Peer) -> None:
    peer.answer(response_with("first"))
    peer.request()
    peer.reset()


@pytest.mark.parametrize("first", [one_answer, answer_and_reset])
def test_connection_that_became_stale_is_reopened(first: Script) -> None:
    with ScriptedServer(first, lambda peer: peer.answer(response_with("second"))) as server:
        client = store_at(server.url)
        assert value(read(client)) == "first"
        assert value(read(client)) == "second"
        assert server.connections == 2
        client.close()


def test_connection_that_became_stale_is_reopened_only_once() -> None:
    with ScriptedServer(
        one_answer, lambda peer: peer.request(), lambda peer: peer.answer(response_with("third"))
    ) as server:
        client = store_at(server.url)
        assert value(read(client)) == "first"
        assert failure(lambda: read(client)) == "connection"
        assert server.connections == 2
        # The next read opens a new one.
        assert value(read(client)) == "third"
        client.close()


def test_connection_that_timed_out_in_the_kernel_is_reopened() -> None:
    """ETIMEDOUT, as after a long freeze, which Python raises as TimeoutError like a passed deadline."""

    class Dead(socket.socket):
        def recv(self, *arguments: object) -> bytes:
            raise BlockingIOError

        def send(self, *arguments: object) -> int:
            raise TimeoutError(errno.ETIMEDOUT, "Connection timed out")

    with ScriptedServer(one_answer) as server:
        client = store_at(server.url)
        client._connection._socket = Dead()
        assert value(read(client)) == "first"
        client.close()


def test_connection_that_is_new_and_dropped_fails() -> None:
    with ScriptedServer(lambda peer: peer.request(), one_answer) as server:
        client = store_at(server.url)
        assert failure(lambda: read(client)) == "connection"
        assert server.connections == 1


def test_connection_that_ends_within_a_response_is_reopened() -> None:
    def script(peer: Peer) -> None:
        peer.answer(response_with("first"))
        peer.answer(b"HTTP/1.1 200 OK\r\nContent-")

    with ScriptedServer(script, lambda peer: peer.answer(response_with("second"))) as server:
        client = store_at(server.url)
        assert value(read(client)) == "first"
        assert value(read(client)) == "second"
        assert server.connections == 2
        client.close()


@pytest.mark.parametrize(
    "answer",
    [
        pytest.param(http(ITEMS, headers=("Connection: close",)), id="it says so"),
        pytest.param(response_with("x").replace(b"HTTP/1.1", b"HTTP/1.0"), id="HTTP/1.0"),
        pytest.param(http(ITEMS, length=False), id="no length"),
    ],
)
def test_connection_that_ends_after_a_response_is_not_reused(answer: bytes) -> None:
    with ScriptedServer(*[lambda peer: peer.answer(answer)] * 2) as server:
        client = store_at(server.url)
        for number in (1, 2):
            assert value(read(client)) == "x"
            assert server.connections == number


# Responses.

BODY = b'{"Parameters": [{"Name": "/edgecors/sites/shop", "Value": "x", "Version": 3}]}'


def chunked(*chunks: bytes, end: bytes = b"0\r\n\r\n") -> bytes:
    return b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + b"".join(chunks) + end


@pytest.mark.parametrize(
    "answer",
    [
        pytest.param(http(BODY), id="with its length"),
        pytest.param(http(BODY, status="200"), id="no reason phrase"),
        pytest.param(http(BODY, headers=("X-Empty:", "x-amzn-requestid:  a  ")), id="blanks around values"),
        pytest.param(http(BODY, headers=("no colon",)), id="a line without a colon"),
        pytest.param(b"HTTP/1.1 200 OK\r\n\r\n" + BODY, id="until it closes"),
        pytest.param(b"HTTP/1.1 100 Continue\r\n\r\n" + http(BODY), id="100 before it"),
        pytest.param(b"HTTP/1.1 103 Early\r\nLink: x\r\n\r\nHTTP/1.1 199 x\r\n\r\n" + http(BODY), id="two before it"),
        pytest.param(chunked(b"%x\r\n" % len(BODY) + BODY + b"\r\n"), id="one chunk"),
        pytest.param(
            chunked(b"5;a=b\r\n" + BODY[:5] + b"\r\n", b"0%x\r\n" % len(BODY[5:]) + BODY[5:] + b"\r\n"), id="two chunks"
        ),
        pytest.param(chunked(b"%X\r\n" % len(BODY) + BODY + b"\r\n", end=b"0\r\nA: b\r\nC: d\r\n\r\n"), id="trailers"),
    ],
)
@pytest.mark.parametrize("in_pieces", [False, True])
def test_response_valid_forms_are_read(answer: bytes, in_pieces: bool) -> None:
    def script(peer: Peer) -> None:
        peer.request()
        if in_pieces:
            peer.drip(answer, 0.0)
        else:
            peer.send(answer)

    with ScriptedServer(script) as server:
        client = store_at(server.url)
        parameter = read(client)
        client.close()
    assert parameter is not None
    assert (parameter.value, parameter.version) == ("x", 3)


@pytest.mark.parametrize(
    ("answer", "code"),
    [
        pytest.param(b"", "connection", id="nothing"),
        pytest.param(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n", "connection", id="truncated head"),
        pytest.param(http(BODY)[:-1], "connection", id="truncated body"),
        pytest.param(chunked(b"%x\r\n" % len(BODY) + BODY, end=b""), "connection", id="truncated chunk"),
        pytest.param(chunked(end=b"0\r\n"), "connection", id="truncated trailers"),
        pytest.param(b"SSH-2.0-OpenSSH_9.6\r\n\r\n", "bad-response", id="not HTTP"),
        pytest.param(b"HTTP/1.1 20 OK\r\n\r\n", "bad-response", id="short status"),
        pytest.param(b"HTTP/1.1 2\xb2\xb3 OK\r\n\r\n", "bad-response", id="status of other digits"),
        pytest.param(b"HTTP/2 200 OK\r\n\r\n", "bad-response", id="HTTP/2"),
        pytest.param(b"HTTP/1.1 200 OK\r\nX: " + b"x" * 200_000, "bad-response", id="endless head"),
        pytest.param(b"HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n", "bad-response", id="negative length"),
        pytest.param(b"HTTP/1.1 200 OK\r\nContent-Length: 5, 5\r\n\r\nxxxxx", "bad-response", id="two lengths"),
        pytest.param(b"HTTP/1.1 200 OK\r\nContent-Length: \xb2\r\n\r\nxx", "bad-response", id="length of other digits"),
        pytest.param(
            f"HTTP/1.1 200 OK\r\nContent-Length: {MAX_RESPONSE + 1}\r\n\r\n".encode(), "bad-response", id="too long"
        ),
        pytest.param(b"HTTP/1.1 200 OK\r\nContent-Length: " + b"9" * 5000 + b"\r\n\r\n", "bad-response", id="absurd"),
        pytest.param(b"HTTP/1.1 200 OK\r\n\r\n" + b"x" * (MAX_RESPONSE + 70_000), "bad-response", id="endless body"),
        pytest.param(chunked(f"{MAX_RESPONSE + 1:x}\r\n".encode()), "bad-response", id="too large a chunk"),
        pytest.param(
            chunked(b"%x\r\n%b\r\n" % (MAX_RESPONSE, b"x" * MAX_RESPONSE), b"1\r\nx\r\n"), "bad-response", id="too many"
        ),
        pytest.param(chunked(b"-1\r\n"), "bad-response", id="negative chunk"),
        pytest.param(chunked(b"zz\r\n"), "bad-response", id="chunk of no length"),
        pytest.param(chunked(b"0" * 2000), "bad-response", id="endless chunk length"),
        pytest.param(http(b"<html>"), "bad-response", id="HTML"),
        pytest.param(http(b""), "bad-response", id="empty"),
        pytest.param(http(b"[1, 2]"), "bad-response", id="no object"),
        pytest.param(http(b"[" * 100_000), "bad-response", id="deeper than Python goes"),
        pytest.param(http(b'{"Parameters": [{"Name": "x", "Value": "\xff\xfe"}]}'), "bad-response", id="not UTF-8"),
        pytest.param(http({}), "bad-response", id="no list"),
        pytest.param(http({"Parameters": {}}), "bad-response", id="an object for a list"),
        pytest.param(http({"Parameters": ["x"]}), "bad-response", id="a string for a parameter"),
        pytest.param(http({"Parameters": [{"Value": "x"}]}), "bad-response", id="no name"),
        pytest.param(http({"Parameters": [{"Name": 1, "Value": "x"}]}), "bad-response", id="a number for a name"),
        pytest.param(http({"Parameters": [{"Name": NAME, "Version": 1}]}), "bad-response", id="no value"),
        pytest.param(http({"Parameters": [{"Name": NAME, "Value": 5}]}), "bad-response", id="a number for a value"),
        pytest.param(
            http({"Parameters": [{"Name": "x", "Value": "x", "Version": "1"}]}),
            "bad-response",
            id="text for a version",
        ),
    ],
)
def test_response_invalid_fails(answer: bytes, code: str) -> None:
    with ScriptedServer(lambda peer: peer.answer(answer)) as server:
        client = store_at(server.url)
        assert failure(lambda: read(client)) == code
        assert server.connections == 1
        client.close()


def test_response_invalid_closes_the_connection() -> None:
    """Bytes after an invalid response must not become the response to the next request."""

    def script(peer: Peer) -> None:
        peer.answer(b"HTTP/1.1 what\r\n\r\n" + response_with("of another"))
        peer.answer(response_with("of another"))

    with ScriptedServer(script, one_answer) as server:
        client = store_at(server.url)
        assert failure(lambda: read(client)) == "bad-response"
        assert value(read(client)) == "first"
        client.close()


# Errors of AWS.

NAMESPACE = "com.amazonaws.ssm#"
URL = ":http://internal.amazon.com/coral/com.amazonaws.ssm/"


@pytest.mark.parametrize(
    ("answer", "code", "message"),
    [
        (http({"__type": "ThrottlingException", "message": "Rate"}, "400 x"), "ThrottlingException", "Rate"),
        (http({"__type": f"{NAMESPACE}InvalidKeyId", "Message": "Key"}, "400 x"), "InvalidKeyId", "Key"),
        (http(b"", "403 x", (f"x-amzn-ErrorType: AccessDeniedException{URL}",)), "AccessDeniedException", None),
        (http({"message": "m"}, "400 x", (f"X-Amzn-Errortype: ExpiredToken{URL}",)), "ExpiredToken", "m"),
        (http({"__type": 5, "message": {"a": 1}}, "400 x"), "5", "{'a': 1}"),
        (http(b'["x"]', "429 Too Many Requests"), "http-429", None),
        (http(b"<html><body>Internal Error</body></html>", "500 Internal Server Error"), "http-500", None),
        (http(b"", "503 Service Unavailable"), "http-503", None),
        (http(b"", "301 Moved", ("Location: http://elsewhere.example/",)), "http-301", None),
        (http({"__type": "InternalServerError", "message": "x" * 5000}, "500 x"), "InternalServerError", "x" * 300),
    ],
)
def test_error_has_code_and_message_of_aws(answer: bytes, code: str, message: str | None) -> None:
    with ScriptedServer(lambda peer: peer.answer(answer)) as server:
        client = store_at(server.url)
        with pytest.raises(ReadError) as caught:
            read(client)
        client.close()
    assert caught.value.code == code
    assert str(caught.value) == (code if message is None else f"{code}: {message}")


def test_error_leaves_the_connection_open() -> None:
    def script(peer: Peer) -> None:
        peer.answer(http({"__type": "ThrottlingException"}, "400 Bad Request"))
        peer.answer(response_with("x"))

    with ScriptedServer(script) as server:
        client = store_at(server.url)
        assert failure(lambda: read(client)) == "ThrottlingException"
        assert value(read(client)) == "x"
        assert server.connections == 1
        client.close()


# Deadlines.


def drip_head(peer: Peer) -> None:
    peer.request()
    peer.drip(http(BODY), 0.05)


def drip_body(peer: Peer) -> None:
    peer.request()
    peer.send(b"HTTP/1.1 200 OK\r\nContent-Length: 500\r\n\r\n")
    peer.drip(b"x" * 500, 0.05)


def drip_chunks(peer: Peer) -> None:
    peer.request()
    peer.send(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
    peer.drip(b"1\r\nx\r\n" * 100, 0.05)


def drip_until_closed(peer: Peer) -> None:
    peer.request()
    peer.send(b"HTTP/1.1 200 OK\r\n\r\n")
    peer.drip(b"x" * 500, 0.05)


def hang_within(peer: Peer) -> None:
    peer.answer(http(BODY)[:-1])
    peer.hang()


@pytest.mark.parametrize("script", [Peer.hang, drip_head, drip_body, drip_chunks, drip_until_closed, hang_within])
def test_poll_returns_at_its_deadline(script: Script) -> None:
    with ScriptedServer(script) as server:
        client = store_at(server.url)
        client.begin([NAME], LONG)
        deadline = soon(SHORT)
        assert client.poll(deadline) is None
        assert deadline <= time.monotonic() < deadline + LATE
        assert server.connections == 1
        client.close()


@pytest.mark.parametrize("script", [Peer.hang, hang_within])
def test_poll_no_progress_for_too_long_times_out(script: Script) -> None:
    with ScriptedServer(script) as server:
        client = store_at(server.url)
        patience_ends = soon(SHORT)
        assert failure(lambda: read(client, patience=SHORT)) == "timeout"
        assert patience_ends - 0.01 <= time.monotonic() < patience_ends + LATE
        assert server.connections == 1


def test_connection_that_hangs_is_replaced_once() -> None:
    """A late answer to the old request is never read as the new one's."""

    def script(peer: Peer) -> None:
        peer.answer(response_with("first"))
        peer.hang()

    with ScriptedServer(script, one_answer, Peer.hang) as server:
        client = store_at(server.url)
        assert value(read(client)) == "first"
        assert value(read(client, patience=SHORT)) == "first"
        assert server.connections == 2
        assert failure(lambda: read(client, patience=SHORT)) == "timeout"
        assert server.connections == 3


def test_server_that_reads_nothing_times_out() -> None:
    """A connection that is accepted by the kernel alone, and a request larger than its buffers."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        client = store_at(f"http://127.0.0.1:{listener.getsockname()[1]}")
        assert failure(lambda: read(client, "x" * 20_000_000, SHORT)) == "timeout"


def test_server_that_refuses_fails() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    client = store_at(f"http://127.0.0.1:{port}")
    assert failure(lambda: read(client)) == "connection"


def test_server_that_resets_fails() -> None:
    def script(peer: Peer) -> None:
        peer.request()
        peer.reset()

    with ScriptedServer(script) as server:
        assert failure(lambda: read(store_at(server.url))) == "connection"


# Names and addresses.


def resolver(*addresses: tuple[str, int]) -> Callable[..., list[Any]]:
    """A getaddrinfo with these answers."""

    def look_up(host: str, port: int, **options: Any) -> list[Any]:
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", address) for address in addresses]

    return look_up


def test_addresses_are_tried_in_turn(monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        closed = listener.getsockname()[1]
    with ScriptedServer(one_answer) as server:
        monkeypatch.setattr(socket, "getaddrinfo", resolver(("127.0.0.1", closed), ("127.0.0.1", server.port)))
        client = store_at("http://store.example")
        assert value(read(client)) == "first"
        client.close()


@pytest.mark.parametrize("addresses", [0, 1, 3])
def test_addresses_without_answer_fail(monkeypatch: pytest.MonkeyPatch, addresses: int) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        closed = listener.getsockname()[1]
    monkeypatch.setattr(socket, "getaddrinfo", resolver(*[("127.0.0.1", closed)] * addresses))
    assert failure(lambda: read(store_at("http://store.example"))) == "connection"


def test_host_unknown_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    def look_up(*arguments: object, **options: object) -> object:
        raise socket.gaierror(-2, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", look_up)
    assert failure(lambda: read(store_at("http://store.example"))) == "connection"


def test_host_invalid_fails() -> None:
    """Python itself refuses a label of more than 63 characters, with a ValueError."""
    assert failure(lambda: read(store_at(f"http://{'x' * 64}.example"))) == "connection"


def test_host_lookup_that_hangs_times_out(monkeypatch: pytest.MonkeyPatch) -> None:
    go_on = threading.Event()

    def look_up(*arguments: object, **options: object) -> list[Any]:
        go_on.wait(30)
        return []

    monkeypatch.setattr(socket, "getaddrinfo", look_up)
    try:
        assert failure(lambda: read(store_at("http://store.example"), patience=SHORT)) == "timeout"
    finally:
        go_on.set()


# TLS.


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("authority"))


def test_tls_with_ca_bundle(authority: Authority) -> None:
    def script(peer: Peer) -> None:
        peer.answer(response_with("1"))
        peer.answer(response_with("2"))

    with ScriptedServer(script, one_answer, context=authority.server("127.0.0.1")) as server:
        client = store_at(server.url, AWS_CA_BUNDLE=str(authority.bundle))
        values = [value(read(client)) for _ in range(3)]
        client.close()
    # The third read found the connection closed, and opened another with the context it had.
    assert values == ["1", "2", "first"]


@pytest.mark.parametrize(
    ("names", "bundle"),
    [
        pytest.param(["127.0.0.2"], True, id="another's name"),
        pytest.param(["127.0.0.1"], False, id="an authority that nobody knows"),
    ],
)
def test_tls_untrusted_certificate_fails(authority: Authority, names: list[str], bundle: bool) -> None:
    with ScriptedServer(one_answer, one_answer, context=authority.server(*names)) as server:
        client = store_at(server.url, **({"AWS_CA_BUNDLE": str(authority.bundle)} if bundle else {}))
        with pytest.raises(ReadError, match="CERTIFICATE_VERIFY_FAILED") as caught:
            read(client)
        assert (caught.value.code, server.connections) == ("connection", 1)


def test_tls_missing_ca_bundle_fails(tmp_path: Path) -> None:
    with ScriptedServer(one_answer) as server:
        client = store_at(server.url.replace("http:", "https:"), AWS_CA_BUNDLE=str(tmp_path / "none.pem"))
        assert failure(lambda: read(client)) == "connection"


def test_tls_handshake_that_hangs_times_out(authority: Authority) -> None:
    with ScriptedServer(Peer.hang) as server:
        client = store_at(server.url.replace("http:", "https:"), AWS_CA_BUNDLE=str(authority.bundle))
        assert failure(lambda: read(client, patience=SHORT)) == "timeout"


AMAZON = "ssm.us-east-1.amazonaws.com"


@pytest.fixture
def amazon(authority: Authority, monkeypatch: pytest.MonkeyPatch) -> Iterator[ScriptedServer]:
    """A server with the name of Amazon's, and a certificate of the test's authority."""
    with ScriptedServer(*[one_answer] * 3, context=authority.server(AMAZON)) as server:
        monkeypatch.setattr(socket, "getaddrinfo", resolver(("127.0.0.1", server.port)))
        yield server


def test_roots_not_sufficient_falls_back_to_system(
    amazon: ScriptedServer, authority: Authority, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(authority.bundle))
    client = ParameterReader("us-east-1", environ=KEYS)
    assert value(read(client)) == "first"
    assert amazon.connections == 2
    # And from then on they are asked at once.
    client.close()
    assert value(read(client)) == "first"
    assert amazon.connections == 3
    client.close()


def test_roots_and_system_not_sufficient_fails(amazon: ScriptedServer) -> None:
    client = ParameterReader("us-east-1", environ=KEYS)
    with pytest.raises(ReadError, match="CERTIFICATE_VERIFY_FAILED"):
        read(client)
    assert amazon.connections == 2


def test_roots_other_errors_do_not_fall_back(monkeypatch: pytest.MonkeyPatch) -> None:
    """A server without TLS would be connected to twice for nothing."""
    with ScriptedServer(*[lambda peer: peer.send(b"HTTP/1.1 400 Bad Request\r\n\r\n")] * 2) as server:
        monkeypatch.setattr(socket, "getaddrinfo", resolver(("127.0.0.1", server.port)))
        client = ParameterReader("us-east-1", environ=KEYS)
        assert failure(lambda: read(client)) == "connection"
        assert (server.connections, client._connection._small_roots) == (1, True)


def test_roots_sufficient_need_no_fallback(
    amazon: ScriptedServer, authority: Authority, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With the test's authority as roots.pem the first connection is good: the small context verifies as it should."""
    monkeypatch.setattr(edgecors, "__path__", [str(authority.directory), *edgecors.__path__])
    (authority.directory / "roots.pem").write_bytes(authority.bundle.read_bytes())
    client = ParameterReader("us-east-1", environ=KEYS)
    assert value(read(client)) == "first"
    assert amazon.connections == 1
    client.close()


def test_roots_ca_bundle_has_no_fallback(
    amazon: ScriptedServer, authority: Authority, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(authority.bundle))
    other = Authority(tmp_path, "other")
    client = ParameterReader("us-east-1", environ={**KEYS, "AWS_CA_BUNDLE": str(other.bundle)})
    assert failure(lambda: read(client)) == "connection"
    assert amazon.connections == 1


ROOTS = {
    # https://www.amazontrust.com/repository/, SHA-256 of each certificate
    "Amazon Root CA 1": "8ecde6884f3d87b1125ba31ac3fcb13d7016de7f57cc904fe1cb97c6ae98196e",
    "Amazon Root CA 2": "1ba5b2aa8c65401a82960118f80bec4f62304d83cec4713a19c39c011ea46db4",
    "Amazon Root CA 3": "18ce6cfe7bf14e60b2e347b8dfe868cb31d02ebb3ada271569f50343b46db3a4",
    "Amazon Root CA 4": "e35d28419ed02025cfa69038cd623962458da5c695fbdea3c22b0bfb25897092",
    "Starfield Services Root Certificate Authority - G2": (
        "568d6905a2c88708a4b3025190edcfedb1974a606a13c6e5290fcb2ae63edab5"
    ),
}


def digests(path: str) -> list[str]:
    """SHA-256 of each certificate in a file."""
    blocks = re.findall("-----BEGIN.*?END CERTIFICATE-----", Path(path).read_text("ascii"), re.DOTALL)
    return [hashlib.sha256(ssl.PEM_cert_to_DER_cert(block)).hexdigest() for block in blocks]


def roots() -> list[dict[str, Any]]:
    """The certificates of our file, as OpenSSL reads them."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.load_verify_locations(f"{edgecors.__path__[0]}/roots.pem")
    return context.get_ca_certs()


def test_roots_are_the_five_of_amazon() -> None:
    names = [name for root in roots() for ((kind, name),) in root["subject"] if kind == "commonName"]
    assert sorted(names) == sorted(ROOTS)
    assert sorted(digests(f"{edgecors.__path__[0]}/roots.pem")) == sorted(ROOTS.values())
    # botocore's bundle is Mozilla's: it has the same certificates.
    assert set(digests(f"{botocore.__path__[0]}/cacert.pem")) >= set(ROOTS.values())


def test_roots_are_valid_for_more_than_a_year() -> None:
    ends = [ssl.cert_time_to_seconds(root["notAfter"]) for root in roots()]
    assert min(ends) > time.time() + 366 * 86400


def test_roots_are_used_for_amazons_hosts_only() -> None:
    for host, small in ((AMAZON, True), ("ssm.cn-north-1.amazonaws.com.cn", True), ("amazonaws.com.evil.io", False)):
        assert HttpConnection(Endpoint(f"https://{host}"))._small_roots is small


def test_poll_without_credentials_yet_returns_nothing_and_goes_on() -> None:
    go_on = threading.Event()

    def hang(peer: Peer) -> None:
        peer.request()
        go_on.wait(30)

    with ScriptedServer(hang) as endpoint:
        client = ParameterReader(
            "us-east-1",
            environ={"AWS_CONTAINER_CREDENTIALS_FULL_URI": endpoint.url, "AWS_ENDPOINT_URL_SSM": "http://127.0.0.1:9"},
        )
        client.begin([NAME], LONG)
        assert client.poll(soon(0.05)) is None
        assert client.poll(soon(0.0)) is None
        client.close()
        go_on.set()
