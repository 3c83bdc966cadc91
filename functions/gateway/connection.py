"""One connection to an upstream."""

from __future__ import annotations

import contextlib
import select
import socket
import ssl
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from upstream import UpstreamAddress

RECEIVE_BYTES = 65_536


class UpstreamConnection:
    """A connection that is opened by `connect` and carries one request after another.

    Args:
        address: Where to connect to.
        context: The TLS context of an https upstream; None for http.
    """

    def __init__(self, address: UpstreamAddress, context: ssl.SSLContext | None) -> None:
        self._address = address
        self._context = context
        self._socket: socket.socket | None = None

    @property
    def is_open(self) -> bool:
        """Whether there is a connection."""
        return self._socket is not None

    def is_quiet(self) -> bool:
        """Whether the connection is open and nothing has arrived on it since the last response ended.

        Anything that arrives before a request is sent is the end of the connection, or bytes that would be taken for
        the next response.
        """
        if self._socket is None:
            return False
        if isinstance(self._socket, ssl.SSLSocket) and self._socket.pending():
            return False
        poll = select.poll()
        poll.register(self._socket, select.POLLIN | select.POLLHUP | select.POLLERR)
        return not poll.poll(0)

    def connect(self, seconds: float) -> None:
        """Connect, TLS included. Raises OSError."""
        self._socket = socket.create_connection((self._address.host, self._address.port), seconds)
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if self._context is not None:
            # The handshake is a step of its own, so that `abandon` can end it.
            secure = self._context.wrap_socket(
                self._socket, server_hostname=self._address.host, do_handshake_on_connect=False
            )
            self._socket = secure
            secure.do_handshake()

    def send(self, data: bytes, seconds: float) -> None:
        """Send bytes. Raises OSError."""
        if self._socket is None:
            raise ConnectionResetError("the connection is closed")
        self._socket.settimeout(seconds)
        self._socket.sendall(data)

    def receive(self, seconds: float) -> bytes:
        """The next bytes; none at the end of the connection. Raises OSError."""
        if self._socket is None:
            return b""
        self._socket.settimeout(seconds)
        return self._socket.recv(RECEIVE_BYTES)

    def abandon(self) -> None:
        """Make another thread that waits for this connection stop waiting."""
        if self._socket is not None:
            with contextlib.suppress(OSError):
                # Not the TLS socket's own method, after which the other thread would read on in cipher text.
                socket.socket.shutdown(self._socket, socket.SHUT_RDWR)

    def close(self) -> None:
        """Close the connection."""
        if self._socket is not None:
            self._socket.close()
            self._socket = None
