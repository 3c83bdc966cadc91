"""An HTTP server on loopback that runs in a thread."""

from __future__ import annotations

import threading
from http.server import HTTPServer
from types import TracebackType
from typing import Self

POLL_SECONDS = 0.01
"""Seconds after which the thread sees that it has to end."""


class ThreadedServer:
    """Runs a server in a thread while a ``with`` block lasts.

    Attributes:
        port: the server's port.
        url: the server's address.
    """

    def __init__(self, server: HTTPServer) -> None:
        self._server = server
        self._thread = threading.Thread(target=server.serve_forever, args=(POLL_SECONDS,), daemon=True)
        self.port = server.server_port
        self.url = f"http://127.0.0.1:{server.server_port}"

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()
