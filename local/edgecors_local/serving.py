"""HTTP servers on loopback inside one event loop: each on a socket bound beforehand, each ended by its own handle."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import socket
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, Final

from edgecors_local.errors import LocalError

if TYPE_CHECKING:
    import uvicorn

MAX_HEAD: Final = 64 * 1024
"""Bytes of a request's line and headers; above CloudFront's own limit, so that its refusals can be tried."""


def bind(port: int, option: str = "--port", host: str = "127.0.0.1", *, make: bool = True) -> list[socket.socket]:
    """Sockets for a port on an IPv4 address; on loopback also on ::1 where there is IPv6, because browsers resolve
    ``localhost`` to it first.

    Args:
        port: 0 for any free one.
        option: the option that the error message names.
        host: the address to listen on.
        make: whether the message also says how to pass the option through `make run`.

    Raises:
        LocalError: the port can't be opened.
    """
    sockets: list[socket.socket] = []
    try:
        sockets.append(_bound(socket.AF_INET, host, port))
        taken = sockets[0].getsockname()[1]
        if socket.has_ipv6 and host == "127.0.0.1":
            try:
                sockets.append(_bound(socket.AF_INET6, "::1", taken))
            except OSError as error:
                if error.errno == errno.EADDRINUSE and port:
                    raise
    except (OSError, OverflowError) as error:
        for opened in sockets:
            opened.close()
        if getattr(error, "errno", None) == errno.EADDRINUSE:
            sentence = (
                f"Port {port} is in use by another program. End it, or choose another port: {_how(option, make)}."
            )
        else:
            sentence = f"Port {port} can't be opened: {error}. Choose another: {_how(option, make)}."
        raise LocalError(sentence) from error
    return sockets


def bind_usual(port: int | None, usual: int, option: str = "--port", *, make: bool = True) -> list[socket.socket]:
    """Sockets for a port; where none is chosen, for the usual one, or for any free one if that is taken.

    Args:
        port: The port that was chosen; None for none, 0 for any free one.
        usual: The usual port.
        option: The option that the error message names.
        make: Whether the message also says how to pass the option through `make run`.

    Raises:
        LocalError: The chosen port can't be opened.
    """
    if port is not None:
        return bind(port, option, make=make)
    try:
        return bind(usual)
    except LocalError:
        return bind(0)


def _how(option: str, make: bool) -> str:
    """How to write an option, for the command and for make, which passes options on."""
    return f'{option} N (with make: make run ARGS="{option} N")' if make else f"{option} N"


def _bound(family: socket.AddressFamily, host: str, port: int) -> socket.socket:
    # With the protocol named, asyncio sets TCP_NODELAY on accepted connections; else answers wait 40 ms for an ACK.
    listener = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    try:
        # A port that was ours a moment ago is free again at once; on Windows the option means something else.
        if hasattr(socket, "SO_REUSEPORT"):
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((host, port))
        listener.listen(socket.SOMAXCONN)
        listener.setblocking(False)
    except BaseException:
        listener.close()
        raise
    return listener


class AppServer:
    """One ASGI application on the sockets of one port."""

    def __init__(self, app: Any, sockets: list[socket.socket]) -> None:
        self.port: int = sockets[0].getsockname()[1]
        self._sockets = sockets
        self._server = _quiet_server(app)
        self._task: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Returns once requests are answered."""
        self._task = asyncio.create_task(self._server.serve(self._sockets))
        while not self._server.started:
            if self._task.done():
                self._task.result()
                raise LocalError(f"The server on port {self.port} did not start.")
            await asyncio.sleep(0.01)

    async def stop(self) -> None:
        """Ends it; requests that are under way have a second."""
        self._server.should_exit = True
        if self._task is not None:
            await self._task
        for opened in self._sockets:
            opened.close()


def _quiet_server(app: Any) -> uvicorn.Server:
    """A uvicorn server that adds nothing to what an application sends, and leaves signals to us."""
    import uvicorn

    class Server(uvicorn.Server):
        @contextlib.contextmanager
        def capture_signals(self) -> Iterator[None]:
            yield

    return Server(
        uvicorn.Config(
            app,
            http="h11",
            ws="none",
            lifespan="off",
            log_config=None,
            # Not its advice to install a WebSocket library.
            log_level="error",
            access_log=False,
            # Else a client on loopback could choose its address with X-Forwarded-For.
            proxy_headers=False,
            server_header=False,
            date_header=False,
            h11_max_incomplete_event_size=MAX_HEAD,
            timeout_graceful_shutdown=1,
        )
    )
