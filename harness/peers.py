"""Servers that misbehave on purpose: a Parameter Store and an upstream, each with a table of faults.

How responses are framed, and what follows them, is `harness.framing`.
"""

from __future__ import annotations

import contextlib
import json
import select
import socket
import struct
import threading
from collections.abc import Callable
from types import TracebackType
from typing import Any, Self

Fault = Callable[["PeerConnection", bytes], None]
ENDLESS = 100 * 1024 * 1024


class PeerConnection:
    """One accepted connection."""

    def __init__(self, sock: socket.socket, stopping: threading.Event) -> None:
        self._socket = sock
        self._stopping = stopping
        self._buffer = b""

    def request(self) -> bytes:
        """The next request, head and body; empty when the client has closed the connection."""
        while (end := self._buffer.find(b"\r\n\r\n")) < 0:
            data = self._socket.recv(65536)
            if not data:
                return b""
            self._buffer += data
        length = 0
        for line in self._buffer[:end].split(b"\r\n"):
            if line.lower().startswith(b"content-length:"):
                length = int(line.partition(b":")[2])
        whole = end + 4 + length
        while len(self._buffer) < whole:
            data = self._socket.recv(65536)
            if not data:
                return b""
            self._buffer += data
        request, self._buffer = self._buffer[:whole], self._buffer[whole:]
        return request

    def send(self, data: bytes) -> None:
        """Send bytes as they are."""
        self._socket.sendall(data)

    def drip(self, data: bytes, seconds: float = 0.1) -> None:
        """Send byte after byte."""
        for position in range(len(data)):
            if self._stopping.wait(seconds):
                return
            self.send(data[position : position + 1])

    def hang(self) -> None:
        """Do nothing until the client closes the connection."""
        while not self._stopping.is_set():
            if select.select([self._socket], [], [], 0.05)[0] and not self._socket.recv(65536):
                return

    def flood(self, data: bytes, most: int = ENDLESS) -> None:
        """Send the same bytes again and again until the client closes the connection."""
        piece = data * max(1, 65536 // len(data))
        for _ in range(most // len(piece)):
            if self._stopping.is_set():
                return
            self.send(piece)

    def reset(self) -> None:
        """Close with RST."""
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self._socket.close()


class PeerServer:
    """Answers each request by calling `behave`; on 127.0.0.1, on the same port each time it is up."""

    def __init__(self, behave: Fault) -> None:
        self.behave = behave
        self.port = 0
        self.requests = 0
        self._stopping = threading.Event()
        self._listener: socket.socket | None = None
        self._threads: list[threading.Thread] = []
        self._open: set[socket.socket] = set()

    @property
    def url(self) -> str:
        """The server's address."""
        return f"http://127.0.0.1:{self.port}"

    def up(self) -> None:
        """Listen."""
        if self._listener is None:
            self._stopping = threading.Event()
            self._listener = socket.create_server(("127.0.0.1", self.port))
            self.port = self._listener.getsockname()[1]
            self._spawn(self._accept, self._listener, self._stopping)

    def down(self) -> None:
        """Close all sockets; connecting is refused."""
        if self._listener is None:
            return
        self._stopping.set()
        for sock in [self._listener, *self._open]:
            with contextlib.suppress(OSError):
                sock.shutdown(socket.SHUT_RDWR)
        for thread in self._threads:
            thread.join(10)
        self._listener.close()
        self._listener, self._threads = None, []

    def __enter__(self) -> Self:
        self.up()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.down()

    def _spawn(self, target: Callable[..., None], *arguments: Any) -> None:
        thread = threading.Thread(target=target, args=arguments)
        self._threads = [running for running in self._threads if running.is_alive()] + [thread]
        thread.start()

    def _accept(self, listener: socket.socket, stopping: threading.Event) -> None:
        while not stopping.is_set():
            try:
                sock, _ = listener.accept()
            except OSError:
                return
            self._open.add(sock)
            self._spawn(self._serve, sock, stopping)

    def _serve(self, sock: socket.socket, stopping: threading.Event) -> None:
        line = PeerConnection(sock, stopping)
        with contextlib.suppress(OSError):
            while not stopping.is_set() and (request := line.request()):
                self.requests += 1
                self.behave(line, request)
        self._open.discard(sock)
        sock.close()


# Parameter Store


class WorkingStore:
    """A store that works, with its values by parameter name."""

    def __init__(self) -> None:
        self.values: dict[str, str] = {}
        self.version = 1

    def __call__(self, line: PeerConnection, request: bytes) -> None:
        """Answer GetParameters, and GetParameter, which the command calls."""
        body = json.loads(request.partition(b"\r\n\r\n")[2])
        if "Name" in body:
            name = body["Name"]
            line.send(
                answer({"Parameter": self._item(name)}) if name in self.values else aws_error("ParameterNotFound")
            )
            return
        names = body["Names"]
        items = [self._item(name) for name in names if name in self.values]
        missing = [name for name in names if name not in self.values]
        line.send(answer({"Parameters": items, "InvalidParameters": missing}))

    def _item(self, name: str) -> dict[str, Any]:
        return {"Name": name, "Type": "String", "Value": self.values[name], "Version": self.version}


def answer(body: bytes | dict[str, Any], status: str = "200 OK", kind: str = "application/x-amz-json-1.1") -> bytes:
    """A complete response."""
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    return f"HTTP/1.1 {status}\r\nContent-Type: {kind}\r\nContent-Length: {len(data)}\r\n\r\n".encode() + data


def aws_error(code: str, status: str = "400 Bad Request", message: str = "an error of the test store") -> bytes:
    """An error in AWS's JSON protocol."""
    return answer({"__type": f"com.amazonaws.ssm#{code}", "message": message}, status)


def value(text: object) -> bytes:
    """GetParameters' answer with this value."""
    item = {"Name": "/edgecors/sites/shop", "Type": "String", "Value": text, "Version": 9}
    return answer({"Parameters": [item], "InvalidParameters": []})


def always(data: bytes) -> Fault:
    """The same bytes to every request."""
    return lambda line, request: line.send(data)


def then_close(data: bytes) -> Fault:
    """The same bytes to every request; then the connection is closed."""

    def fault(line: PeerConnection, request: bytes) -> None:
        line.send(data)
        raise ConnectionError

    return fault


def _close(line: PeerConnection, request: bytes) -> None:
    raise ConnectionError


def _reset(line: PeerConnection, request: bytes) -> None:
    line.reset()
    raise ConnectionError


def _flooded(head: bytes, again: bytes) -> Fault:
    def fault(line: PeerConnection, request: bytes) -> None:
        line.send(head)
        line.flood(again)
        raise ConnectionError

    return fault


GOOD = value("https://new.example")
HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: application/x-amz-json-1.1\r\n"
EVERYONE = '{"version": 1, "rules": [{"allow_origins": "*"}]}'
CREDENTIALS = '{"version": 1, "rules": [{"allow_origins": "*", "allow_credentials": true}]}'

STORE_FAULTS: dict[str, tuple[Fault | None, str]] = {
    "refuses": (None, "connection"),
    "resets": (_reset, "connection"),
    "closes": (_close, "connection"),
    "hangs": (lambda line, request: line.hang(), "timeout"),
    "drips": (lambda line, request: line.drip(GOOD), "timeout"),
    "truncated body": (then_close(GOOD[:-9]), "connection"),
    "truncated head": (then_close(GOOD[:30]), "connection"),
    "400 ValidationException": (always(aws_error("ValidationException")), "ValidationException"),
    "400 AccessDeniedException": (always(aws_error("AccessDeniedException")), "AccessDeniedException"),
    "400 ThrottlingException": (always(aws_error("ThrottlingException")), "ThrottlingException"),
    "400 expired credentials": (always(aws_error("ExpiredTokenException")), "ExpiredTokenException"),
    "400 unknown credentials": (always(aws_error("UnrecognizedClientException")), "UnrecognizedClientException"),
    "403": (always(answer(b"<html>no</html>", "403 Forbidden", "text/html")), "http-403"),
    "429": (always(answer(b"", "429 Too Many Requests")), "http-429"),
    "500": (always(aws_error("InternalServerError", "500 Internal Server Error")), "InternalServerError"),
    "503": (always(answer(b"busy", "503 Service Unavailable", "text/plain")), "http-503"),
    "301": (always(answer(b"", "301 Moved Permanently\r\nLocation: http://127.0.0.1:9/")), "http-301"),
    "HTML instead of JSON": (always(answer(b"<html>sign in</html>", kind="text/html")), "bad-response"),
    "half of the JSON": (always(answer(b'{"Parameters": [{"Value": "https://new.ex')), "bad-response"),
    "a list instead of an object": (always(answer(b"[]")), "bad-response"),
    "no value": (always(answer({"Parameters": [None]})), "bad-response"),
    "a number as value": (always(value(7)), "bad-response"),
    "deep nesting": (always(answer(b"[" * 100_000)), "bad-response"),
    "not UTF-8": (always(answer(b'{"Parameters": [{"Value": "\xe9\xff"}]}')), "bad-response"),
    "UTF-16": (always(answer('{"Parameters": [{"Value": 5}]}'.encode("utf-16"))), "bad-response"),
    "huge, announced": (always(HEAD + b"Content-Length: 99999999\r\n\r\n"), "bad-response"),
    "huge, not announced": (_flooded(HEAD + b"\r\n", b"x"), "bad-response"),
    "endless head": (_flooded(b"HTTP/1.1 200 OK\r\n", b"X-A: b\r\n"), "bad-response"),
    "endless 1xx": (_flooded(b"", b"HTTP/1.1 103 Early Hints\r\n\r\n"), "bad-response"),
    "endless chunks": (_flooded(HEAD + b"Transfer-Encoding: chunked\r\n\r\n", b"1\r\nx\r\n"), "bad-response"),
    "bad chunks": (always(HEAD + b"Transfer-Encoding: chunked\r\n\r\nzz\r\n{}\r\n0\r\n\r\n"), "bad-response"),
    "negative chunk": (always(HEAD + b"Transfer-Encoding: chunked\r\n\r\n-5\r\n{}\r\n0\r\n\r\n"), "bad-response"),
    "not HTTP": (then_close(b"220 smtp.example ESMTP\r\n\r\n"), "bad-response"),
    "invalid policy": (always(value('{"version": 1, "rules": [{"allow_origins": ["x"]}]}')), "invalid-policy"),
    "half of the policy": (always(value(EVERYONE[:-9])), "invalid-policy"),
    "* with credentials": (always(value(CREDENTIALS)), "invalid-policy"),
    "unknown version": (always(value(EVERYONE.replace("1", "2", 1))), "invalid-policy"),
    "unknown field": (always(value(EVERYONE.replace('"*"', '"*", "allow_everything": true'))), "invalid-policy"),
    "no gzip": (always(value("gz:" + "A" * 64)), "invalid-policy"),
}
"""What the store does to every request (None: it is down), and the code that the log must name."""

# The gateway's upstream

OK = b"HTTP/1.1 200 OK\r\n"
FINE = answer(b"fine", kind="text/plain")

UPSTREAM_FAULTS: dict[str, tuple[Fault | None, tuple[int, ...]]] = {
    "refuses": (None, (502,)),
    "resets": (_reset, (502,)),
    "closes": (_close, (502,)),
    "hangs": (lambda line, request: line.hang(), (504,)),
    "drips the head": (lambda line, request: line.drip(FINE), (504,)),
    "drips the body": (lambda line, request: line.drip(OK + b"Content-Length: 500\r\n\r\n" + b"x" * 500), (504,)),
    "truncated body": (then_close(OK + b"Content-Length: 50\r\n\r\nfin"), (502,)),
    "truncated head": (then_close(OK + b"Content-Le"), (502,)),
    "truncated chunk": (then_close(OK + b"Transfer-Encoding: chunked\r\n\r\n9\r\nab"), (502,)),
    "bad chunk size": (then_close(OK + b"Transfer-Encoding: chunked\r\n\r\nzz\r\nab\r\n0\r\n\r\n"), (502,)),
    "negative chunk": (then_close(OK + b"Transfer-Encoding: chunked\r\n\r\n-2\r\nab\r\n0\r\n\r\n"), (502,)),
    "not HTTP": (then_close(b"220 smtp.example ESMTP\r\n\r\n"), (502,)),
    "HTTP/0.9": (then_close(b"hello"), (502,)),
    "endless 1xx": (_flooded(b"", b"HTTP/1.1 100 Continue\r\n\r\n"), (502, 504)),
    "status 999": (then_close(b"HTTP/1.1 999 Odd\r\nContent-Length: 0\r\n\r\n"), (502,)),
    "status 000": (then_close(b"HTTP/1.1 000 Odd\r\nContent-Length: 0\r\n\r\n"), (502,)),
    "status 1": (then_close(b"HTTP/1.1 1 Odd\r\nContent-Length: 0\r\n\r\n"), (502,)),
    "status 101": (then_close(b"HTTP/1.1 101 Switching\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n"), (502,)),
    "oversize, announced": (then_close(OK + b"Content-Length: 99999999\r\n\r\n"), (413,)),
    "oversize, endless": (_flooded(OK + b"\r\n", b"x"), (413,)),
    "oversize, chunked": (
        _flooded(OK + b"Transfer-Encoding: chunked\r\n\r\n", b"1000\r\n" + b"x" * 4096 + b"\r\n"),
        (413,),
    ),
    "oversize head": (_flooded(OK, b"X-A: b\r\n"), (502,)),
    "one endless header": (_flooded(OK + b"X-A: ", b"b"), (502,)),
    "splitting: bare CR": (then_close(OK + b"X-A: b\rSet-Cookie: evil=1\r\nContent-Length: 4\r\n\r\nfine"), (200, 502)),
    "splitting: bare LF": (then_close(OK + b"X-A: b\nX-B: c\r\nContent-Length: 4\r\n\r\nfine"), (200, 502)),
    "splitting: folded line": (
        then_close(OK + b"X-A: b\r\n Set-Cookie: evil=1\r\nContent-Length: 4\r\n\r\nfine"),
        (200, 502),
    ),
    "splitting: NUL": (then_close(OK + b"X-A: b\0c\r\nContent-Length: 4\r\n\r\nfine"), (200, 502)),
    "a blank in a header name": (then_close(OK + b"X A: b\r\nContent-Length: 4\r\n\r\nfine"), (502,)),
    "an empty header name": (then_close(OK + b": b\r\nContent-Length: 4\r\n\r\nfine"), (502,)),
    "two lengths": (then_close(OK + b"Content-Length: 4\r\nContent-Length: 40\r\n\r\nfine"), (502,)),
    "a length with a sign": (always(OK + b"Content-Length: +4\r\n\r\nfine"), (502,)),
    "a length with an underscore": (always(OK + b"Content-Length: 0_4\r\n\r\nfine"), (502,)),
    "chunked is not last": (always(OK + b"Transfer-Encoding: chunked, gzip\r\n\r\n4\r\nfine\r\n0\r\n\r\n"), (502,)),
    "chunks that end with LF": (always(OK + b"Transfer-Encoding: chunked\r\n\r\n4\nfine\n0\n\n"), (502,)),
    "early hints": (always(b"HTTP/1.1 103 Early Hints\r\nX-Smuggled: 1\r\n\r\n" + FINE), (200,)),
    "length and chunks": (
        then_close(OK + b"Content-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nfine\r\n0\r\n\r\n"),
        (200, 502),
    ),
    "not UTF-8": (then_close(OK + b"X-A: \xff\xfe\r\nContent-Length: 4\r\n\r\n\xff\xfe\0\1"), (200,)),
    "a second answer": (always(FINE + answer(b"smuggled", "200 OK\r\nX-Smuggled: 1", "text/plain")), (200,)),
    "body of a 204": (always(b"HTTP/1.1 204 No Content\r\nContent-Length: 8\r\n\r\nsmuggled"), (204,)),
    "a response as body of a 204": (always(b"HTTP/1.1 204 No Content\r\n\r\n" + FINE), (204,)),
    "a response as body of a 205": (always(b"HTTP/1.1 205 Reset Content\r\n\r\n" + FINE), (205,)),
    "a response as body of a 304": (always(b"HTTP/1.1 304 Not Modified\r\nContent-Length: 4\r\n\r\n" + FINE), (304,)),
    "its own CORS": (
        always(answer(b"fine", "200 OK\r\nAccess-Control-Allow-Origin: *\r\naccess-control-max-age: 9")),
        (200,),
    ),
    "many cookies": (always(answer(b"fine", "200 OK" + "\r\nSet-Cookie: a=b" * 50)), (200,)),
}
"""What the upstream does to every request (None: it is down), and the statuses that the viewer may get."""
