"""One persistent HTTP/1.1 connection over plain sockets; each caller continues the work of the one before.

A connection that is being made, a TLS handshake and an answer on its way are generators that stop where they would
block. A caller waits for them as long as it can; the next caller continues. Importing
`http.client` costs a cold start more than this module.
"""

from __future__ import annotations

import errno
import os
import selectors
import socket
import sys
import threading
import time
from functools import partial

TYPE_CHECKING = False
if TYPE_CHECKING:
    import ssl
    from collections.abc import Callable, Generator, Mapping
    from typing import Any, TypeVar

    from .http_response import Response

    T = TypeVar("T")
    Wait = Callable[[float], bool]
    """Waits for at most so many seconds; whether the event has happened."""
    Steps = Generator[Wait, None, T]
    """Work that yields what it has to wait for."""

MAX_IDLE = 60.0
"""Seconds without use after which a kept connection is not used again: AWS closes idle ones after 5 to 60 s."""
MAX_EXCHANGE = 60.0
"""Seconds after which an exchange is given up even if bytes still arrive."""
_LOOKUP_SECONDS, _THREAD_SECONDS = 0.02, 0.002
"""Seconds that a call may wait for an address when it was just asked for, and later, even if it may not wait."""
_WORK_SECONDS = 0.05
"""Seconds that a call may spend on what has already come, even if it may not wait."""
_AMAZON_TRUST = (".amazonaws.com", ".amazonaws.com.cn", ".api.aws")
"""Ends of host names whose certificates Amazon Trust Services issues. Sovereign partitions have other authorities."""


class Endpoint:
    """Scheme, host, port and path of a URL. Raises ValueError unless it is an http or https URL."""

    __slots__ = ("host", "netloc", "path", "port", "secure")

    def __init__(self, url: str) -> None:
        scheme, separator, rest = url.partition("://")
        netloc, slash, path = rest.partition("/")
        bracket = netloc.find("]") + 1
        name, colon, port = netloc[bracket:].partition(":")
        host = netloc[:bracket] + name
        valid_port = not colon or (port.isascii() and port.isdigit() and int(port) <= 65535)
        if not separator or scheme not in ("http", "https") or not host or not valid_port or "@" in netloc:
            raise ValueError(f"{url!r} is not an http or https URL")
        self.secure = scheme == "https"
        self.host = host.strip("[]")
        self.port = int(port) if port else (443 if self.secure else 80)
        self.netloc = netloc
        self.path = slash + path or "/"


class Stopwatch:
    """Seconds since the start, by the clock that shows more.

    The monotonic clock may stand still while a container is frozen, and the wall clock may be set back.
    """

    __slots__ = ("_monotonic", "_wall")

    def __init__(self) -> None:
        self.restart()

    def restart(self) -> None:
        """Start again at 0."""
        self._monotonic, self._wall = time.monotonic(), time.time()

    @property
    def seconds(self) -> float:
        """Seconds since the start."""
        return max(time.monotonic() - self._monotonic, time.time() - self._wall)


class HttpConnection:
    """One kept HTTP/1.1 connection, opened when needed and reopened when the other side has closed it.

    Attributes:
        round_trip: seconds of a round trip as measured so far, the slowest of the recent ones; None before the first.
        sent: whether the request of the exchange in progress has been sent.
    """

    def __init__(self, endpoint: Endpoint, ca_bundle: str = "") -> None:
        self.round_trip: float | None = None
        self.sent = False
        self._endpoint = endpoint
        self._ca_bundle = ca_bundle
        self._small_roots = not ca_bundle and endpoint.host.endswith(_AMAZON_TRUST)
        self._context: ssl.SSLContext | None = None
        self._socket: socket.socket | None = None
        self._connecting: Steps[socket.socket] | None = None
        self._lookup: Lookup | None = None
        self._slow_address: object = None
        self._pending: tuple[object, Wait] | None = None
        self._idle = Stopwatch()
        # The exchange in progress.
        self._work: Steps[Response] | None = None
        self._request: Callable[[], bytes] = bytes
        self._patience = 0.0
        self._total, self._progress, self._polled = Stopwatch(), Stopwatch(), Stopwatch()
        self._polls = 0
        self._may_restart = False

    def close(self) -> None:
        """Close the connection and drop what is in progress, except for the look-up of the address."""
        for work in (self._work, self._connecting):
            if work is not None:
                work.close()
        self._work = self._connecting = self._pending = None
        if self._socket is not None:
            self._socket.close()
            self._socket = None

    def open(self, deadline: float) -> bool:
        """Connect, or go on connecting, until the deadline (monotonic). Whether connected. Raises OSError."""
        if self._socket is None:
            self._connecting = self._connecting or self._connect()
            try:
                self._socket = self._drive(self._connecting, deadline)
            except BaseException:
                self._connecting = None
                raise
            if self._socket is not None:
                self._connecting = None
                self._idle.restart()
        return self._socket is not None

    def begin(self, request: Callable[[], bytes], patience: float) -> None:
        """Begin an exchange, which `poll` continues.

        Args:
            request: makes the message; called when the connection is ready to send it, again if it is sent again.
            patience: seconds without any progress after which the exchange fails.
        """
        dead = self._socket is not None and not _is_alive(self._socket)
        if dead or self._work is not None or self._idle.seconds > MAX_IDLE:
            self.close()
        self._request, self._patience = request, patience
        self._polls = 0
        self._may_restart = self._socket is not None or self._connecting is not None
        self._begin()

    def _begin(self) -> None:
        self.sent = False
        for stopwatch in (self._total, self._progress, self._polled):
            stopwatch.restart()
        self._work = self._exchange()

    def poll(self, deadline: float) -> Response | None:
        """Continue the exchange until the deadline (monotonic, may have passed); None while it is in progress.

        An exchange that fails is restarted on a new connection if its cause may have gone unnoticed: on an idle
        connection, between two calls, or in a frozen container. Reading twice is harmless.

        Raises:
            OSError: the connection failed; TimeoutError where there was no progress for too long.
            ValueError: the answer is not HTTP.
        """
        unattended = self._polled.seconds >= self._patience
        self._may_restart = self._may_restart or unattended or self._polls == 1
        self._polls += 1
        try:
            # After a long pause, first read what has already arrived; only then can the exchange be stalled.
            response = self._attempt(0.0 if unattended else deadline)
            if response is None and unattended:
                response = self._attempt(deadline)
        except BaseException:
            self.close()
            raise
        self._polled.restart()
        if response is not None:
            self._work = None
            self._idle.restart()
        return response

    def _attempt(self, deadline: float) -> Response | None:
        assert self._work is not None
        while True:
            try:
                response = self._drive(self._work, deadline, self._patience)
                if response is None and self._stalled:
                    raise TimeoutError("no progress in time")
                return response
            except OSError:
                if not self._may_restart:
                    raise
                self._may_restart = False
                self.close()
                self._begin()

    @property
    def _stalled(self) -> bool:
        # A wait may end a little early.
        return self._progress.seconds >= self._patience - 0.002 or self._total.seconds >= MAX_EXCHANGE

    def _drive(self, steps: Steps[T], deadline: float, patience: float = float("inf")) -> T | None:
        """Run the steps until they end; None at the deadline, and where there was no progress for too long."""
        enough = max(deadline, time.monotonic() + _WORK_SECONDS)
        # The wait that an earlier call left unfinished; the steps can continue only after it.
        wait = self._pending[1] if self._pending is not None and self._pending[0] is steps else None
        resumed = wait is not None
        while True:
            if wait is not None:
                self._pending = (steps, wait)
                started = time.monotonic()
                ready = wait(max(0.0, min(deadline - started, patience - self._progress.seconds)))
                if wait is not _at_once:
                    self._measure(time.monotonic() - started, ready, resumed)
                if not ready:
                    return None
                self._progress.restart()
                if time.monotonic() >= enough:
                    return None
                resumed = False
            try:
                wait = next(steps)
            except StopIteration as end:
                self._pending = None
                result: T = end.value
                return result

    def _measure(self, seconds: float, ready: bool, resumed: bool) -> None:
        """Learn from a wait; one that was cut short is a lower bound."""
        known = self.round_trip
        if ready and not resumed:
            self.round_trip = seconds if known is None else max(seconds, 0.75 * known + 0.25 * seconds)
        elif not ready and seconds > max(known or 0.0, 0.01):
            self.round_trip = seconds

    def _exchange(self) -> Steps[Response]:
        if self._socket is None:
            self._connecting = self._connecting or self._connect()
            try:
                self._socket = yield from self._connecting
            finally:
                self._connecting = None
        sock = self._socket
        data = memoryview(self._request())
        while data:
            count = yield from _retry(sock, partial(sock.send, data), write=True)
            data = data[count:]
        self.sent = True
        return (yield from self._receive(sock))

    def _receive(self, sock: socket.socket) -> Steps[Response]:
        from .http_response import ResponseParser  # imported here because the answer is on its way meanwhile

        parser = ResponseParser()
        response = None
        while response is None:
            data = yield from _retry(sock, partial(sock.recv, 65536))
            yield _at_once
            response = parser.feed(data)
        if parser.closes:
            sock.close()
            self._socket = None
        return response

    def _connect(self) -> Steps[socket.socket]:
        endpoint = self._endpoint
        if self._lookup is None or self._lookup.age.seconds > MAX_IDLE:
            self._lookup = Lookup(endpoint.host, endpoint.port)
        while not self._lookup.done:
            yield self._lookup.wait
        lookup, self._lookup = self._lookup, None
        failure: OSError = OSError(f"no address for {endpoint.host}")
        # An address that did not answer comes last, so that a retry tries another one.
        for family, kind, protocol, _, address in sorted(lookup.addresses(), key=lambda a: a[4] == self._slow_address):
            sock = socket.socket(family, kind, protocol)
            self._slow_address = address
            try:
                sock.setblocking(False)
                code = sock.connect_ex(address)
                if endpoint.secure:
                    # While the connection is being made: loading TLS takes as long as a round trip to a near Region.
                    self._prepare_tls()
                if code in (errno.EINPROGRESS, errno.EWOULDBLOCK):
                    while not _wait_for(sock, True, 0):
                        yield partial(_wait_for, sock, True)
                    code = sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
                if code:
                    raise OSError(code, os.strerror(code))
                sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                if endpoint.secure:
                    sock = self._wrap(sock)
                    yield from _retry(sock, sock.do_handshake)
            except OSError as error:
                sock.close()
                failure = error
                if self._untrusted(error):
                    return (yield from self._connect())
            except BaseException:
                sock.close()
                raise
            else:
                self._slow_address = None
                return sock
        raise failure

    def _prepare_tls(self) -> ssl.SSLContext:
        if self._context is None:
            self._context = _tls_context(self._small_roots, self._ca_bundle)
        return self._context

    def _wrap(self, sock: socket.socket) -> ssl.SSLSocket:
        name = self._endpoint.host.encode()
        return self._prepare_tls().wrap_socket(sock, server_hostname=name, do_handshake_on_connect=False)

    def _untrusted(self, error: OSError) -> bool:
        """Whether to try again with the system's roots: our few are only an optimization."""
        module = sys.modules.get("ssl")
        if module is None or not isinstance(error, module.SSLCertVerificationError) or not self._small_roots:
            return False
        self._small_roots, self._context = False, None
        return True


def message(endpoint: Endpoint, method: str, headers: Mapping[str, str], body: bytes) -> bytes:
    """A request as it is sent."""
    lines = [f"{method} {endpoint.path} HTTP/1.1", *(f"{name}: {value}" for name, value in headers.items())]
    return "\r\n".join([*lines, f"content-length: {len(body)}", "", ""]).encode() + body


def _wait_for(sock: socket.socket, write: bool, seconds: float) -> bool:
    with selectors.DefaultSelector() as selector:
        selector.register(sock, selectors.EVENT_WRITE if write else selectors.EVENT_READ)
        return bool(selector.select(seconds))


def _retry(sock: socket.socket, operation: Callable[[], T], write: bool = False) -> Steps[T]:
    """Run a non-blocking operation until it no longer would block."""
    while True:
        try:
            return operation()
        except BlockingIOError:
            yield partial(_wait_for, sock, write)
        except OSError as error:
            # By name, because a store on plain HTTP does not load the ssl module.
            kind = type(error).__name__
            if kind not in ("SSLWantReadError", "SSLWantWriteError"):
                raise
            yield partial(_wait_for, sock, kind == "SSLWantWriteError")


def _at_once(seconds: float) -> bool:
    """A wait that is always over: bytes that keep arriving must not keep `_drive` from checking the deadline."""
    return True


def _is_alive(sock: socket.socket) -> bool:
    """Whether a kept connection is open and silent: anything to read before a request is its end, or an error."""
    try:
        sock.recv(1)
    except BlockingIOError:
        return True
    except OSError as error:
        return type(error).__name__ == "SSLWantReadError"
    return False


def _tls_context(small_roots: bool, ca_bundle: str) -> ssl.SSLContext:
    """Parsing the system's bundle costs a cold start 27 ms, Amazon's five public roots one."""
    import ssl  # imported here because a store on plain HTTP can save its 14 ms

    if ca_bundle:
        return ssl.create_default_context(cafile=ca_bundle)
    if not small_roots:
        return ssl.create_default_context()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    # Of the package's directory: modules may come from an archive in it.
    context.load_verify_locations(os.path.join(sys.modules[__name__.partition(".")[0]].__path__[0], "roots.pem"))
    return context


class Lookup:
    """The addresses of a host. getaddrinfo has no timeout, so it runs in a daemon thread that can be left behind."""

    def __init__(self, host: str, port: int) -> None:
        self.age = Stopwatch()
        self._host = host
        self._port = port
        self._result: list[Any] | Exception | None = None
        self._waits = 0
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def _run(self) -> None:
        try:
            # As bytes: for a str Python loads its IDNA tables, 2 ms of a cold start, without any effect here.
            self._result = socket.getaddrinfo(self._host.encode(), self._port, type=socket.SOCK_STREAM)
        except (OSError, UnicodeError) as error:
            # UnicodeError: the resolver can't encode the name.
            self._result = error

    @property
    def done(self) -> bool:
        """Whether the answer has come."""
        return self._result is not None

    def wait(self, seconds: float) -> bool:
        """Wait for the answer; whether it has come.

        At least for a moment: a container that is frozen after each request would never let the thread run.
        """
        if self._result is None:
            self._thread.join(max(seconds, _LOOKUP_SECONDS if self._waits == 0 else _THREAD_SECONDS))
            self._waits += 1
        return self._result is not None

    def addresses(self) -> list[Any]:
        """The answer, which has come. Raises OSError."""
        if isinstance(self._result, Exception):
            raise OSError(f"{self._host}: {self._result}") from self._result
        return list(self._result or ())
