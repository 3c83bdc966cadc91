"""A server that answers each connection by a script, byte for byte, also with what no good server does."""

import contextlib
import json
import socket
import ssl
import threading
from collections.abc import Callable
from types import TracebackType
from typing import Self

from harness.peers import PeerConnection


class Peer(PeerConnection):
    """One accepted connection, from the server's side."""

    def answer(self, data: bytes) -> None:
        """Reads a request and sends these bytes."""
        if self.request():
            self.send(data)


Script = Callable[[Peer], object]
NAME = "/edgecors/sites/shop"


class ScriptedServer:
    """Runs one script a connection, in order, and closes further connections at once.

    Attributes:
        port: its port on 127.0.0.1.
        connections: number of connections accepted so far.
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
        """The server's address, with its scheme."""
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


def response_with(value: str, version: int = 1) -> bytes:
    """GetParameters' answer with one parameter."""
    return http({"Parameters": [{"Name": NAME, "Value": value, "Version": version}]})
