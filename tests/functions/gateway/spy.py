"""An upstream on loopback that records every request and answers with exactly the given bytes."""

from __future__ import annotations

import socket
import ssl
import threading
from collections.abc import Callable, Iterable
from types import TracebackType
from typing import Self

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"


class SpiedRequest:
    """One request: its first line, its header lines in order, its body, and the number of its connection."""

    def __init__(self, head: bytes, body: bytes, connection: int) -> None:
        first, *lines = head.decode("latin-1").split("\r\n")
        self.line = first
        self.fields = [(name, value.strip(" \t")) for name, _, value in (line.partition(":") for line in lines)]
        self.body = body
        self.connection = connection

    @property
    def method(self) -> str:
        return self.line.partition(" ")[0]

    @property
    def target(self) -> str:
        return self.line.split(" ")[1]

    def values(self, name: str) -> list[str]:
        return [value for key, value in self.fields if key.lower() == name]


Script = Callable[[SpiedRequest], Iterable[bytes]]


class Spy:
    """A running upstream; a context manager.

    ``script`` makes the chunks of an answer; after the last one the connection stays open, unless ``close`` is set.
    An exception closes the connection. ``stopping`` is set when the spy ends: a script that waits waits for that.
    """

    def __init__(self, context: ssl.SSLContext | None = None, host: str = "127.0.0.1") -> None:
        self.seen: list[SpiedRequest] = []
        self.script: Script = lambda seen: [OK]
        self.close = False
        self.stopping = threading.Event()
        self.read_bodies = True
        self._context = context
        self._listener = socket.create_server((host, 0))
        self.port: int = self._listener.getsockname()[1]
        self._open: list[socket.socket] = []
        self._threads = [threading.Thread(target=self._accept)]

    @property
    def netloc(self) -> str:
        return f"{self._listener.getsockname()[0]}:{self.port}"

    def answer(self, *chunks: bytes) -> None:
        """Answer every request with these chunks."""
        self.script = lambda seen: chunks

    def hang_up(self) -> None:
        """Close all connections, as a server does at its idle timeout."""
        while self._open:
            sock = self._open.pop()
            try:
                sock.shutdown(socket.SHUT_RDWR)
            except OSError:
                continue

    def __enter__(self) -> Self:
        self._threads[0].start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stopping.set()
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self.hang_up()
        for thread in self._threads:
            thread.join(10)

    def _accept(self) -> None:
        connection = 0
        while True:
            try:
                sock, _ = self._listener.accept()
            except OSError:
                return
            connection += 1
            self._open.append(sock)
            thread = threading.Thread(target=self._serve, args=(sock, connection), daemon=True)
            self._threads.append(thread)
            thread.start()

    def _serve(self, sock: socket.socket, connection: int) -> None:
        try:
            with self._context.wrap_socket(sock, server_side=True) if self._context else sock as stream:
                # A wrapped socket takes the connection over.
                if stream is not sock:
                    self._open.append(stream)
                rest = b""
                while True:
                    rest = self._exchange(stream, rest, connection)
                    if self.close:
                        return
        except (OSError, EOFError):
            return

    def _exchange(self, sock: socket.socket, rest: bytes, connection: int) -> bytes:
        while b"\r\n\r\n" not in rest:
            rest += _more(sock)
        head, _, body = rest.partition(b"\r\n\r\n")
        seen = SpiedRequest(head, b"", connection)
        length = int((seen.values("content-length") or ["0"])[0]) if self.read_bodies else 0
        while len(body) < length:
            body += _more(sock)
        seen.body, rest = body[:length], body[length:]
        self.seen.append(seen)
        for chunk in self.script(seen):
            sock.sendall(chunk)
        return rest


def _more(sock: socket.socket) -> bytes:
    data = sock.recv(65536)
    if not data:
        raise EOFError
    return data
