"""The reader of responses on its own: any bytes, in pieces of any size."""

from __future__ import annotations

from collections.abc import Iterable
from importlib import import_module
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

LIMIT = 10_000

Outcome = tuple[Any, ...]


def read(pieces: Iterable[bytes], method: str = "GET") -> Outcome:
    """What the reader makes of the bytes of a connection that ends after them."""
    module = import_module("response")
    waiting = [piece for piece in pieces if piece]
    reader = module.ResponseReader(lambda: waiting.pop(0) if waiting else b"")
    try:
        head = reader.read_head()
        body = reader.read_body(head, method, LIMIT)
    except (module.BadResponse, module.BodyTooLarge, ConnectionResetError) as error:
        return (type(error).__name__,)
    return (head.status, head.minor, tuple(head.fields), body)


RESPONSES = [
    b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nbody",
    b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nbod\r\n1;x\r\ny\r\n0\r\nT: 1\r\n\r\n",
    b"HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\nHTTP/1.0 404 Not Found\r\nX: a\r\n b\r\n\r\nuntil the end",
    b"HTTP/1.1 204 No Content\r\nContent-Length: 4\r\n\r\nbody",
    b"HTTP/1.1 200 OK\r\nContent-Length: +4\r\n\r\nbody",
    b"HTTP/1.1 200 OK\nContent-Length: 4\n\nbody",
]
FRAGMENTS = [
    *(b"HTTP/1.1 200 OK\r\n", b"HTTP/1.1 103 X\r\n", b"HTTP/1.0 304 X\r\n", b"HTTP/1.1 205 X\r\n"),
    *(b"Content-Length: 4\r\n", b"Content-Length: 40\r\n", b"Transfer-Encoding: chunked\r\n", b"Connection: close\r\n"),
    *(b"\r\n", b"\n", b"\r", b" ", b":", b"body", b"4\r\n", b"0\r\n\r\n", b"a" * 50, b"\0", b"\xff"),
]
responses = st.one_of(
    st.sampled_from(RESPONSES),
    st.lists(st.sampled_from(FRAGMENTS), max_size=12).map(b"".join),
    st.binary(max_size=60),
)


@given(data=responses, cuts=st.lists(st.integers(0, 120), max_size=6), method=st.sampled_from(["GET", "HEAD"]))
@example(data=RESPONSES[1], cuts=list(range(100)), method="GET")
@settings(max_examples=400, deadline=None)
def test_reader_result_does_not_depend_on_the_pieces(data: bytes, cuts: list[int], method: str) -> None:
    edges = [0, *sorted(cuts), len(data)]
    pieces = [data[start:end] for start, end in pairwise(edges)]
    assert read(pieces, method) == read([data], method)


@given(data=responses)
@settings(max_examples=300, deadline=None)
def test_reader_never_takes_a_cut_response_for_a_whole_one(data: bytes) -> None:
    """A response whose length is stated can't be read from fewer bytes with another body."""
    whole = read([data])
    if len(whole) == 1 or not any(name.lower() in ("content-length", "transfer-encoding") for name, _ in whole[2]):
        return
    for end in range(len(data)):
        cut = read([data[:end]])
        assert len(cut) == 1 or cut == whole


@pytest.mark.parametrize("length", [LIMIT, LIMIT + 1])
def test_reader_accepts_a_body_up_to_the_limit(length: int) -> None:
    body = b"x" * length
    expected = "BodyTooLarge" if length > LIMIT else 200
    chunked = b"Transfer-Encoding: chunked\r\n\r\n%x\r\n%s\r\n0\r\n\r\n" % (length, body)
    for rest in (b"Content-Length: %d\r\n\r\n%s" % (length, body), chunked, b"\r\n" + body):
        assert read([b"HTTP/1.1 200 OK\r\n" + rest])[0] == expected
