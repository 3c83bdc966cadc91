"""How an upstream's response is framed: what is refused, and after what the connection is not used again.

Bytes that a broken upstream leaves on a reused connection would become the next viewer's response.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator

import pytest

from harness.wait import wait_until
from tests.events.make import APP, EVIL, REST, make_event
from tests.functions.gateway.conftest import LoggingGateway
from tests.functions.gateway.spy import SpiedRequest, Spy

OK = b"HTTP/1.1 200 OK\r\n"
CHUNKED = OK + b"Transfer-Encoding: chunked\r\n\r\n"
SECRET = b"HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nsecret"
NEXT = b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nnext"


def two_viewers(gateway: LoggingGateway, spy: Spy, raw: bytes, method: str = "GET") -> tuple[int, str, list[int]]:
    """Status and body of one viewer's response, and the connections that it and another viewer's request took."""
    replies = iter([raw, NEXT])
    spy.script = lambda seen: [next(replies)]
    first = gateway(make_event(REST, method, headers=[("Origin", APP)]))
    second = gateway(make_event(REST, headers=[("Origin", APP)]))
    assert (second["statusCode"], second["body"]) == (200, "next")
    for response in (first, second):
        assert response["headers"]["Access-Control-Allow-Origin"] == APP
    return first["statusCode"], first.get("body", ""), [seen.connection for seen in spy.seen]


EXACT = [
    pytest.param("GET", OK + b"Content-Length: 2\r\n\r\nok", 200, "ok", id="length"),
    pytest.param("GET", OK + b"Content-Length: 0\r\n\r\n", 200, "", id="length of zero"),
    pytest.param("GET", CHUNKED + b"2\r\nok\r\n0\r\n\r\n", 200, "ok", id="chunks"),
    pytest.param("GET", CHUNKED + b"2\r\nok\r\n0\r\nX: y\r\n\r\n", 200, "ok", id="trailers"),
    pytest.param("GET", OK + b"Transfer-Encoding: Chunked\r\n\r\n0A\r\n0123456789\r\n0\r\n\r\n", 200, "0123456789"),
    pytest.param("GET", b"HTTP/1.1 204 No Content\r\n\r\n", 204, "", id="204"),
    pytest.param("GET", b"HTTP/1.1 304 Not Modified\r\nETag: x\r\n\r\n", 304, "", id="304"),
    pytest.param("GET", b"HTTP/1.1 205 Reset Content\r\nContent-Length: 0\r\n\r\n", 205, "", id="205"),
    pytest.param(
        "GET", b"HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n" + OK + b"Content-Length: 2\r\n\r\nok", 200, "ok"
    ),
    pytest.param(
        "GET", b"HTTP/1.1 100 Continue\r\n\r\n" * 3 + OK + b"Content-Length: 2\r\n\r\nok", 200, "ok", id="100"
    ),
    pytest.param("GET", b"HTTP/1.1 102 Processing\r\n\r\n" + OK + b"Content-Length: 2\r\n\r\nok", 200, "ok", id="102"),
    pytest.param(
        "GET", b"HTTP/1.0 200 OK\r\nConnection: keep-alive\r\nContent-Length: 2\r\n\r\nok", 200, "ok", id="1.0"
    ),
]


@pytest.mark.parametrize(("method", "raw", "status", "body"), EXACT)
def test_response_with_exact_framing_keeps_the_connection(
    method: str, raw: bytes, status: int, body: str, spy: Spy, gateway: LoggingGateway
) -> None:
    assert two_viewers(gateway, spy, raw, method) == (status, body, [1, 1])


UNUSUAL = [
    pytest.param("GET", b"HTTP/1.1 204 No Content\r\n\r\n" + SECRET, 204, "", id="204 with a response after it"),
    pytest.param("GET", b"HTTP/1.1 204 No Content\r\nContent-Length: 6\r\n\r\nsecret", 204, "", id="204 with a body"),
    pytest.param("GET", b"HTTP/1.1 204 No Content\r\nContent-Length: 45\r\n\r\n" + SECRET, 204, "", id="204 smuggling"),
    pytest.param(
        "GET", b"HTTP/1.1 204 No Content\r\nContent-Length: 0\r\n\r\n", 204, "", id="204 with a length of zero"
    ),
    pytest.param(
        "GET", b"HTTP/1.1 204 No Content\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 204, "", id="204 with chunks"
    ),
    pytest.param(
        "GET", b"HTTP/1.1 304 Not Modified\r\nContent-Length: 45\r\n\r\n" + SECRET, 304, "", id="304 smuggling"
    ),
    pytest.param("GET", b"HTTP/1.1 304 Not Modified\r\nContent-Length: 6\r\n\r\n", 304, "", id="304 with a length"),
    pytest.param(
        "GET", b"HTTP/1.1 205 Reset Content\r\nContent-Length: 6\r\n\r\nsecret", 205, "", id="205 with a body"
    ),
    pytest.param("GET", b"HTTP/1.1 205 Reset Content\r\n\r\n" + SECRET, 205, "", id="205 smuggling"),
    pytest.param("GET", b"HTTP/1.1 205 Reset Content\r\n\r\n", 205, "", id="205 without a length"),
    pytest.param("HEAD", OK + b"Content-Length: 6\r\n\r\nsecret", 200, "", id="HEAD with a body"),
    pytest.param("HEAD", OK + b"Content-Length: 45\r\n\r\n" + SECRET, 200, "", id="HEAD smuggling"),
    pytest.param("HEAD", OK + b"Content-Length: 99\r\n\r\n", 200, "", id="HEAD with a length"),
    pytest.param("GET", OK + b"Content-Length: 2\r\n\r\nok" + SECRET, 200, "ok", id="a second response"),
    pytest.param("GET", OK + b"Content-Length: 2\r\n\r\nok\r\n", 200, "ok", id="an extra line"),
    pytest.param("GET", CHUNKED + b"2\r\nok\r\n0\r\n\r\n" + SECRET, 200, "ok", id="a response after the last chunk"),
    pytest.param(
        "GET",
        OK + b"Content-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n",
        200,
        "ok",
        id="length and chunks",
    ),
    pytest.param(
        "GET", OK + b"Content-Length: 2\r\nContent-Length: 2\r\n\r\nok", 200, "ok", id="the same length twice"
    ),
    pytest.param("GET", OK + b"Content-Length: 2, 2\r\n\r\nok", 200, "ok", id="the same length in a list"),
    pytest.param("GET", OK + b"Content-Length: 02\r\n\r\nok", 200, "ok", id="a length with a leading zero"),
    pytest.param("GET", CHUNKED + b"2;x=y\r\nok\r\n0\r\n\r\n", 200, "ok", id="a chunk extension"),
    pytest.param("GET", CHUNKED + b"2 \r\nok\r\n0\r\n\r\n", 200, "ok", id="a blank after a chunk's size"),
    pytest.param("GET", OK + b"X: y\nContent-Length: 2\r\n\r\nok", 200, "ok", id="a line that ends with LF"),
    pytest.param("GET", OK + b"Content-Length: 2\r\n\nok", 200, "ok", id="a head that ends with LF"),
    pytest.param("GET", OK + b"Content-Length: 2\r\nConnection: X, CLOSE\r\n\r\nok", 200, "ok", id="Connection: close"),
    pytest.param("GET", b"HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\nok", 200, "ok", id="HTTP/1.0"),
    pytest.param(
        "GET",
        b"HTTP/1.1 103 Early Hints\r\nContent-Length: 0\r\n\r\n" + OK + b"Content-Length: 2\r\n\r\nok",
        200,
        "ok",
        id="an interim response with a length",
    ),
]


@pytest.mark.parametrize(("method", "raw", "status", "body"), UNUSUAL)
def test_response_with_unusual_framing_ends_the_connection(
    method: str, raw: bytes, status: int, body: str, spy: Spy, gateway: LoggingGateway
) -> None:
    assert two_viewers(gateway, spy, raw, method) == (status, body, [1, 2])
    assert gateway.failures == []


UNCERTAIN = [
    *(
        pytest.param(OK + b"Content-Length: %s\r\n\r\nok" % value, id=f"Content-Length: {value.decode()}")
        for value in (b"+2", b"-2", b"1_0", b"2.0", b"0x2", b"", b"2 2", b"2, 3", b"2,", b"\xd9\xa2", b"9" * 40)
    ),
    pytest.param(OK + b"Content-Length: 2\r\nContent-Length: 3\r\n\r\nok", id="two lengths"),
    pytest.param(OK + b"Content-Length: 2\r\n 0\r\n\r\nok", id="a folded length"),
    pytest.param(b"HTTP/1.1 204 No Content\r\nContent-Length: +0\r\n\r\n", id="204 with a bad length"),
    *(
        pytest.param(OK + b"Transfer-Encoding: %s\r\n\r\n2\r\nok\r\n0\r\n\r\n" % value, id=f"coding: {value.decode()}")
        for value in (
            b"chunked, gzip",
            b"gzip, chunked",
            b"chunked, chunked",
            b"identity",
            b"xchunked",
            b"",
            b"chunked;q=1",
        )
    ),
    pytest.param(
        OK + b"Transfer-Encoding: chunked\r\nTransfer-Encoding: gzip\r\n\r\n2\r\nok\r\n0\r\n\r\n", id="two codings"
    ),
    pytest.param(b"HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n", id="chunks in HTTP/1.0"),
    *(
        pytest.param(CHUNKED + framed, id=f"chunks: {framed!r}")
        for framed in (
            b"2\nok\r\n0\r\n\r\n",
            b"2\r\nok\n0\r\n\r\n",
            b"2\r\nok\r\n0\n\r\n",
            b"2\r\nokay\r\n0\r\n\r\n",
            b"0x2\r\nok\r\n0\r\n\r\n",
            b"+2\r\nok\r\n0\r\n\r\n",
            b"-2\r\nok\r\n0\r\n\r\n",
            b" 2\r\nok\r\n0\r\n\r\n",
            b"2;\x0b\r\nok\r\n0\r\n\r\n",
            b"2;a\n\r\nok\r\n0\r\n\r\n",
            b"\r\n2\r\nok\r\n0\r\n\r\n",
            b"1_0\r\n0123456789abcdef\r\n0\r\n\r\n",
            b"0" * 17 + b"2\r\nok\r\n0\r\n\r\n",
            b"2\r\nok\r\n0\r\nno field\r\n\r\n",
        )
    ),
    pytest.param(OK + b"Content-Length : 2\r\n\r\nok", id="a blank before the colon"),
    pytest.param(OK + b" Content-Length: 2\r\n\r\nok", id="a folded first line"),
    pytest.param(OK + b": 2\r\n\r\nok", id="no name"),
    pytest.param(OK + b"X: a\rSet-Cookie: evil=1\r\nContent-Length: 2\r\n\r\nok", id="a bare CR"),
    pytest.param(OK + b"X: a\0b\r\nContent-Length: 2\r\n\r\nok", id="NUL"),
    pytest.param(b"HTTP/1.1  200 OK\r\nContent-Length: 2\r\n\r\nok", id="two blanks in the status line"),
    pytest.param(b"HTTP/1.1 +20 OK\r\nContent-Length: 2\r\n\r\nok", id="a sign in the status"),
    pytest.param(b"HTTP/1.1 600 Odd\r\nContent-Length: 2\r\n\r\nok", id="status 600"),
    pytest.param(b"HTTP/1.1 000 Odd\r\nContent-Length: 2\r\n\r\nok", id="status 000"),
    pytest.param(b"HTTP/1.1 101 Switching Protocols\r\n\r\n", id="status 101"),
    pytest.param(b"HTTP/2 200 OK\r\nContent-Length: 2\r\n\r\nok", id="HTTP/2"),
    pytest.param(b"\r\n" + OK + b"Content-Length: 2\r\n\r\nok", id="an empty line first"),
    pytest.param(b"HTTP/1.1 103 Early Hints\r\n\r\n" * 6000, id="interim responses without end"),
]


@pytest.mark.parametrize("raw", UNCERTAIN)
def test_response_of_uncertain_length_is_a_bad_gateway(raw: bytes, spy: Spy, gateway: LoggingGateway) -> None:
    status, body, connections = two_viewers(gateway, spy, raw)
    assert (status, connections) == (502, [1, 2])
    assert "cut off or is not valid HTTP" in body


def test_bytes_that_arrive_between_two_requests_end_the_connection(spy: Spy, gateway: LoggingGateway) -> None:
    """A response after the response, sent before the next viewer asks. (Sent later, it looks like the answer.)"""
    asked = threading.Event()

    def script(seen: SpiedRequest) -> Iterator[bytes]:
        yield OK + b"Content-Length: 2\r\n\r\nok"
        if seen.connection == 1:
            asked.wait(10)
            yield SECRET

    spy.script = script
    assert gateway(make_event(REST))["body"] == "ok"
    ((_, idle),) = gateway.proxy._idle
    assert idle.is_quiet()
    asked.set()
    wait_until(lambda: not idle.is_quiet(), "the second response has arrived")
    assert gateway(make_event(REST, headers=[("Origin", EVIL)]))["body"] == "ok"
    assert [seen.connection for seen in spy.seen] == [1, 2]


def test_folded_header_becomes_one_line(spy: Spy, gateway: LoggingGateway) -> None:
    spy.answer(OK + b"X: a\r\n  Set-Cookie: evil=1\r\nContent-Length: 2\r\n\r\nok")
    assert gateway(make_event(REST))["headers"]["X"] == "a Set-Cookie: evil=1"


def test_response_that_ends_with_the_connection_is_read_to_the_end(spy: Spy, gateway: LoggingGateway) -> None:
    spy.close = True
    spy.answer(OK + b"\r\nok", b"ay")
    assert gateway(make_event(REST))["body"] == "okay"
