"""What the local edge sends to an upstream and takes from it, byte for byte, over real sockets."""

import asyncio
import gzip
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from edgecors_local.errors import LocalError
from edgecors_local.forwarding import Upstream, UpstreamError
from edgecors_local.http import HttpResponse
from edgecors_local.ports import free_port
from edgecors_local.serving import bind


@asynccontextmanager
async def raw_server(answer: bytes, received: bytearray) -> AsyncIterator[int]:
    """A server that writes down the request's head and sends these bytes, whatever was asked."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        received.extend(await reader.readuntil(b"\r\n\r\n"))
        writer.write(answer)
        await writer.drain()
        writer.close()
        await writer.wait_closed()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with server:
        yield server.sockets[0].getsockname()[1]


def exchange(answer: bytes, method: str = "GET", target: str = "/", path: str = "") -> tuple[bytes, HttpResponse]:
    """The head that a raw server got, and what was made of its answer."""

    async def story() -> tuple[bytes, HttpResponse]:
        received = bytearray()
        async with raw_server(answer, received) as port:
            upstream = Upstream(f"http://127.0.0.1:{port}{path}")
            sent = (("Host", "h.example"), ("X-A", "1"), ("x-a", "2"), ("Cookie", "a=1"))
            response = await upstream.fetch(method, target, sent)
            await upstream.close()
        return bytes(received), response

    return asyncio.run(story())


def test_the_request_goes_out_with_exactly_the_headers_given() -> None:
    head, _ = exchange(b"HTTP/1.1 204 No Content\r\n\r\n", "DELETE")
    assert head == b"DELETE / HTTP/1.1\r\nHost: h.example\r\nX-A: 1\r\nx-a: 2\r\nCookie: a=1\r\n\r\n"


@pytest.mark.parametrize("target", ["/a%2Fb/../c//d", "/%zz", "/a?x=%20&&y", "/?", "/a'b|c"])
def test_the_target_goes_out_as_it_came(target: str) -> None:
    head, _ = exchange(b"HTTP/1.1 204 No Content\r\n\r\n", target=target, path="/base/")
    assert head.splitlines()[0] == f"GET /base{target} HTTP/1.1".encode("latin-1")


def test_fetch_returns_the_response_unchanged() -> None:
    packed = gzip.compress(b"hello", mtime=0)
    head = (
        b"HTTP/1.1 302 Elsewhere\r\nLocation: /other\r\nContent-Encoding: gzip\r\n"
        b"Set-Cookie: a=1\r\nset-cookie: b=2\r\n"
        b"X-Hop: 1\r\nConnection: close, X-Hop\r\nKeep-Alive: timeout=5\r\nTransfer-Encoding: chunked\r\n\r\n"
    )
    _, response = exchange(head + b"%x\r\n%s\r\n0\r\n\r\n" % (len(packed), packed))
    assert response == HttpResponse(
        302,
        (("Location", "/other"), ("Content-Encoding", "gzip"), ("Set-Cookie", "a=1"), ("set-cookie", "b=2")),
        packed,
    )


def test_cookies_of_an_upstream_are_not_kept() -> None:
    async def story() -> bytes:
        received = bytearray()
        async with raw_server(b"HTTP/1.1 200 OK\r\nSet-Cookie: a=1\r\nContent-Length: 0\r\n\r\n", received) as port:
            upstream = Upstream(f"http://127.0.0.1:{port}")
            for _ in range(2):
                await upstream.fetch("GET", "/", (("Host", "h"),))
            await upstream.close()
        return bytes(received)

    assert b"cookie" not in asyncio.run(story()).lower()


@pytest.mark.parametrize("answer", [b"", b"rubbish\r\n\r\n", b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nabc"])
def test_no_proper_answer_is_a_502(answer: bytes) -> None:
    with pytest.raises(UpstreamError, match=r"gave no valid response: .*[^.]\.$") as caught:
        exchange(answer)
    assert caught.value.status == 502


def test_fetch_of_a_closed_port_is_a_502_and_a_timeout_a_504() -> None:
    async def fetch(port: int) -> None:
        upstream = Upstream(f"http://127.0.0.1:{port}", timeout=0.05)
        try:
            await upstream.fetch("GET", "/", (("Host", "h"),))
        finally:
            await upstream.close()

    with pytest.raises(UpstreamError, match="can't be reached") as nobody:
        asyncio.run(fetch(free_port()))
    with socket.create_server(("127.0.0.1", 0)) as silent, pytest.raises(UpstreamError, match="in time") as silence:
        asyncio.run(fetch(silent.getsockname()[1]))
    assert (nobody.value.status, silence.value.status) == (502, 504)


@pytest.mark.parametrize("url", ["", "localhost:3000", "ftp://a.example", "http://", "http://a:port", "http://[::1"])
def test_invalid_upstream_url_is_refused_with_a_sentence(url: str) -> None:
    with pytest.raises(LocalError, match="is not a URL to forward to") as caught:
        Upstream(url)
    assert caught.value.status == 2


def test_a_busy_port_is_a_sentence_that_names_the_option() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(LocalError, match=rf"Port {port} is in use.*--port N") as caught:
            bind(port)
    assert caught.value.status == 1
