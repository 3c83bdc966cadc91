"""The parser of HTTP responses: the same result however the bytes are cut."""

from __future__ import annotations

from itertools import pairwise

import pytest
from edgecors.aws.http_response import ResponseParser
from hypothesis import given
from hypothesis import strategies as st

MESSAGES = {
    "length": (b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\nX-A:  b \r\n\r\nbody", b"body", False),
    "no body": (b"HTTP/1.1 400 Bad Request\r\ncontent-length: 0\r\n\r\n", b"", False),
    "connection: close": (b"HTTP/1.1 200 OK\r\nConnection: Close\r\nContent-Length: 1\r\n\r\nx", b"x", True),
    "HTTP/1.0": (b"HTTP/1.0 200 OK\r\nContent-Length: 1\r\n\r\nx", b"x", True),
    "interim": (b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\nx", b"x", False),
    "chunks": (
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3;a=b\r\nbod\r\n1\r\ny\r\n0\r\nX-Trailer: 1\r\n\r\n",
        b"body",
        False,
    ),
    "until the end": (b"HTTP/1.1 200 OK\r\n\r\nbody", b"body", True),
}
"""Bytes, the body in them, and whether the connection can't be used again."""


@pytest.mark.parametrize(("message", "body", "closes"), MESSAGES.values(), ids=MESSAGES)
@given(data=st.data())
def test_response_is_the_same_however_its_bytes_are_cut(
    message: bytes, body: bytes, closes: bool, data: st.DataObject
) -> None:
    cuts = sorted(data.draw(st.sets(st.integers(1, len(message) - 1))))
    parser = ResponseParser()
    *early, last = [parser.feed(message[start:end]) for start, end in pairwise([0, *cuts, len(message)])]
    assert not any(early), "complete before its last byte"
    response = last or parser.feed(b"")
    assert response is not None
    assert (response[2], parser.closes) == (body, closes)


def test_response_followed_by_more_bytes_ends_the_connection() -> None:
    parser = ResponseParser()
    assert parser.feed(b"HTTP/1.1 204 No Content\r\nContent-Length: 0\r\n\r\nHTTP/1.1") == (
        204,
        {"content-length": "0"},
        b"",
    )
    assert parser.closes


@pytest.mark.parametrize("message", [message for message, _, _ in MESSAGES.values() if b"Length" in message])
def test_connection_that_ends_within_a_response_is_an_error(message: bytes) -> None:
    parser = ResponseParser()
    assert parser.feed(message[: message.index(b"\r\n\r\n")]) is None
    with pytest.raises(ConnectionError):
        parser.feed(b"")


def test_connection_that_ends_at_once_is_an_error() -> None:
    with pytest.raises(ConnectionError):
        ResponseParser().feed(b"")
