"""A server that answers each connection by a script, byte for byte: for all that a well-behaved server never does."""

import contextlib
import json
import select
import socket
import ssl
import struct
import threading
from collections.abc import Callable
from types import TracebackType
from typing import Self


class Peer:
    """One accepted connection, from the server's side."""

    def __init__(self, sock: socket.socket, stopping: threading.Event) -> None:
        self._socket = sock
        self._stopping = stopping
        self._buffer = b""

    def request(self) -> bytes:
        """Reads one request, head and body; empty where the client has closed the connection."""
        while (end := self._buffer.find(b"\r\n\r\n")) < 0:
            data = self._socket.recv(65536)
            if not data:
                return b""
            self._buffer += data
        head = self._buffer[: end + 4]
        length = next(
            int(line.partition(b":")[2]) for line in head.split(b"\r\n") if line.startswith(b"content-length:")
        )
        while len(self._buffer) < len(head) + length:
            self._buffer += self._socket.recv(65536)
        request, self._buffer = self._buffer[: len(head) + length], self._buffer[len(head) + length :]
        return request

    def send(self, data: bytes) -> None:
        """Sends bytes as they are."""
        self._socket.sendall(data)

    def answer(self, data: bytes) -> None:
        """Reads a request and sends these bytes."""
        if self.request():
            self.send(data)

    def drip(self, data: bytes, seconds: float) -> None:
        """Sends byte after byte with a pause before each, until all is sent or the server ends."""
        for position in range(len(data)):
            if self._stopping.wait(seconds):
                return
            self.send(data[position : position + 1])

    def hang(self) -> None:
        """Does nothing until the client goes or the server ends."""
        while not self._stopping.is_set():
            if select.select([self._socket], [], [], 0.05)[0] and not self._socket.recv(65536):
                return

    def reset(self) -> None:
        """Closes with RST, as a load balancer does."""
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self._socket.close()


Script = Callable[[Peer], object]


class ScriptedServer:
    """Runs one script a connection, in order; what connects after the last one is closed at once.

    Attributes:
        port: where it listens, on 127.0.0.1.
        connections: how many were accepted so far.
    """

    def __init__(self, *scripts: Script, context: ssl.SSLContext | None = None) -> None:
        self._scripts = list(scripts)
        self._context = context
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self.connections = 0
        self._stopping = threading.Event()
        self._threads = [threading.Thread(target=self._accept)]

    @property
    def url(self) -> str:
        """The server's address, with the scheme it speaks."""
        return f"{'https' if self._context else 'http'}://127.0.0.1:{self.port}"

    def __enter__(self) -> Self:
        self._threads[0].start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stopping.set()
        # Closing alone does not wake a thread that waits in accept().
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        for thread in self._threads:
            thread.join(10)
        self._listener.close()

    def _accept(self) -> None:
        while not self._stopping.is_set():
            try:
                sock, _ = self._listener.accept()
            except OSError:
                return
            script = self._scripts[self.connections] if self.connections < len(self._scripts) else _close
            self.connections += 1
            thread = threading.Thread(target=self._serve, args=(sock, script))
            self._threads.append(thread)
            thread.start()

    def _serve(self, sock: socket.socket, script: Script) -> None:
        with contextlib.suppress(OSError):
            if self._context is not None:
                sock = self._context.wrap_socket(sock, server_side=True)
            script(Peer(sock, self._stopping))
        sock.close()


def _close(peer: Peer) -> None:
    """Nothing: the connection is closed after each script."""


def http(
    body: bytes | dict[str, object], status: str = "200 OK", headers: tuple[str, ...] = (), length: bool = True
) -> bytes:
    """A response."""
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    lines = [f"HTTP/1.1 {status}", *headers, *([f"Content-Length: {len(data)}"] if length else [])]
    return "\r\n".join([*lines, "", ""]).encode() + data


def found(value: str, version: int = 1) -> bytes:
    """GetParameter's answer."""
    return http({"Parameter": {"Name": "/edgecors/sites/shop", "Value": value, "Version": version}})
