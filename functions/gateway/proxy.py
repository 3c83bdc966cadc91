"""The reverse proxy: a request's event to the one upstream, and its response back.

Where a request goes is decided by configuration alone. What it holds is passed on as it came.
"""

from __future__ import annotations

import contextlib
import json
import socket
import threading
import time
from http.client import HTTPException
from typing import TYPE_CHECKING, Any

from edgecors.characters import is_token
from edgecors.events.api import parse_event
from fields import for_upstream, for_viewer
from head import Connection, SecureConnection
from upstream import climbs
from urllib3.exceptions import HTTPError, NewConnectionError
from urllib3.exceptions import TimeoutError as UpstreamTimeoutError

if TYPE_CHECKING:
    import ssl

    from edgecors.events.http_event import HttpEvent
    from edgecors.telemetry import Telemetry
    from fields import Fields
    from upstream import Upstream
    from urllib3 import HTTPResponse
    from urllib3.connection import HTTPConnection

CONNECT_SECONDS = 5.0
"""The most that one attempt to connect may take."""
MARGIN_SECONDS = 0.5
"""What is kept of the invocation's time to answer with an error of our own."""
LEAST_SECONDS = 0.1
DEFAULT_SECONDS = 29.0
"""The time for a request where nothing says how much is left."""
ENVELOPE = 8192
"""Bytes of the largest response that are kept for CORS headers."""
CHUNK = 65536

IDEMPOTENT = frozenset(("GET", "HEAD", "PUT", "DELETE", "OPTIONS", "TRACE"))

UNREACHABLE = "The upstream can't be reached."
BROKEN = "The upstream's answer was broken off, or is no HTTP."


class Problem(Exception):
    """The request has no answer of the upstream's. ``status`` and the two texts are for the viewer, who learns nothing
    of our inside from them; ``cause`` is for the log.
    """

    def __init__(self, status: int, title: str, detail: str, cause: object = None) -> None:
        super().__init__(detail)
        self.status = status
        self.title = title
        self.detail = detail
        self.cause = cause


class Call:
    """A request as the upstream is to get it. Raises `Problem` for one that can't be passed on."""

    def __init__(self, upstream: Upstream, source: HttpEvent) -> None:
        if not is_token(source.method) or source.method == "CONNECT":
            raise Problem(400, "Bad Request", "The method can't be passed on.")
        if upstream.base and climbs(source.path):
            raise Problem(400, "Bad Request", "The path leads out of what is served here.")
        self.method = source.method
        query = source.query()
        # In origin form whatever the path looks like ("//host", "http://host"): it can only be a path there.
        self.target = upstream.base + source.path + (f"?{query}" if query else "")
        try:
            self.headers = for_upstream(source, upstream.netloc)
            # None, not an empty body: only methods that expect one get a Content-Length then.
            self.body = source.body() or None
        except ValueError:
            raise Problem(400, "Bad Request", "The headers or the body can't be passed on.") from None


class Reply:
    """What the upstream answered; ``body`` is None where there can be none."""

    __slots__ = ("body", "headers", "status")

    def __init__(self, status: int, headers: Fields, body: bytes | None) -> None:
        self.status = status
        self.headers = headers
        self.body = body


class Proxy:
    """A handler that passes requests on to one upstream. Connections are kept from one invocation to the next."""

    def __init__(
        self, upstream: Upstream, telemetry: Telemetry, *, site: str, context: ssl.SSLContext | None = None
    ) -> None:
        self.upstream = upstream
        self._telemetry = telemetry
        self._site = site
        self._context = context
        if upstream.secure and context is None:
            from ssl import create_default_context

            # Once, not with each connection: reading the roots is the most of it.
            self._context = create_default_context()
        self._idle: list[HTTPConnection] = []

    def __call__(self, event: Any, context: Any) -> dict[str, Any]:
        """Pass an event's request on; the response in the event's form. Raises ValueError for what is no request."""
        source = _source(event)
        started = time.monotonic()
        try:
            reply = self._exchange(Call(self.upstream, source), started + _seconds_left(context), source.limit)
            return _respond(source, reply)
        except Problem as problem:
            if problem.status != 400:
                self._report(source, problem, time.monotonic() - started)
            return source.problem(problem.status, problem.title, problem.detail)

    def reset_after_restore(self) -> None:
        """Close the kept connections. After a snapshot was restored they are dead."""
        while self._idle:
            self._idle.pop().close()

    def take(self) -> tuple[HTTPConnection, bool]:
        """A connection, and whether it is a kept one."""
        while self._idle:
            connection = self._idle.pop()
            # What can be read before anything was asked is the connection's end.
            if connection.is_connected:
                return connection, True
            connection.close()
        upstream = self.upstream
        # Connections without urllib3's pool, which would write escapes in the path anew.
        if upstream.secure:
            return SecureConnection(upstream.host, upstream.port, ssl_context=self._context), False
        return Connection(upstream.host, upstream.port), False

    def keep(self, connection: HTTPConnection) -> None:
        """Keep a connection whose response was read to its end."""
        if not connection.is_closed:
            self._idle.append(connection)

    def _exchange(self, call: Call, deadline: float, limit: int) -> Reply:
        """The upstream's reply. It is fetched beside and left behind at the deadline: neither a look-up of a name nor
        headers that come in drops know of one.
        """
        exchange = Exchange(self, call, deadline, limit)
        done: list[Reply | Exception] = []

        def run() -> None:
            try:
                done.append(exchange.run())
            except Exception as error:
                done.append(error)

        thread = threading.Thread(target=run, daemon=True)
        thread.start()
        thread.join(max(deadline - time.monotonic(), 0.0))
        if not done:
            exchange.abandon()
            raise _timeout("the deadline has passed")
        if isinstance(done[0], Exception):
            raise done[0]
        return done[0]

    def _report(self, source: HttpEvent, problem: Problem, seconds: float) -> None:
        self._telemetry.log(
            "ERROR",
            "upstream failed",
            site=self._site,
            status=problem.status,
            error=str(problem.cause or problem.detail)[:500],
            method=source.method[:32],
            path=source.path[:300],
            seconds=round(seconds, 3),
        )
        self._telemetry.metrics({"UpstreamErrors": (1, "Count")}, site=self._site, status=str(problem.status))


class Exchange:
    """One request and its response, in a thread of its own."""

    def __init__(self, proxy: Proxy, call: Call, deadline: float, limit: int) -> None:
        self._proxy = proxy
        self._call = call
        self._deadline = deadline
        self._limit = limit
        self._connection: HTTPConnection | None = None
        self._abandoned = False
        self._failure = UNREACHABLE
        self._answered = False

    def abandon(self) -> None:
        """Nobody waits any more: end it, where that is possible."""
        self._abandoned = True
        sock = self._connection.sock if self._connection is not None else None
        if sock is not None:
            with contextlib.suppress(OSError):
                # Not the TLS socket's own method, after which the other thread would read on in cipher text.
                socket.socket.shutdown(sock, socket.SHUT_RDWR)

    def run(self) -> Reply:
        """The reply. Raises `Problem`."""
        connection, kept = self._proxy.take()
        try:
            return self._ask(connection)
        except ConnectionError as error:
            # A kept connection may have been closed just now. Only what may be done twice is asked again.
            if not kept or self._answered or self._call.method not in IDEMPOTENT:
                raise Problem(502, "Bad Gateway", self._failure, repr(error)) from None
        # The other kept ones are no fresher.
        self._proxy.reset_after_restore()
        connection, _ = self._proxy.take()
        try:
            return self._ask(connection)
        except ConnectionError as error:
            raise Problem(502, "Bad Gateway", self._failure, repr(error)) from None

    def _ask(self, connection: HTTPConnection) -> Reply:
        """Raises `Problem`, or ConnectionError when the connection was closed instead of answered."""
        self._connection = connection
        whole = False
        try:
            self._send(connection)
            reply = self._receive(connection)
            whole = True
        except ConnectionError:
            raise
        except NewConnectionError as error:
            # urllib3 makes this a kind of timeout; the next clause is for the real ones.
            raise Problem(502, "Bad Gateway", UNREACHABLE, repr(error)) from None
        except (UpstreamTimeoutError, TimeoutError) as error:
            raise _timeout(error) from None
        except (HTTPError, HTTPException, OSError, ValueError) as error:
            raise Problem(502, "Bad Gateway", self._failure, repr(error)) from None
        finally:
            if not whole or self._abandoned:
                connection.close()
        self._proxy.keep(connection)
        return reply

    def _send(self, connection: HTTPConnection) -> None:
        call = self._call
        if connection.is_closed:
            self._failure = UNREACHABLE
            connection.timeout = min(CONNECT_SECONDS, self._remaining())
            connection.connect()
        self._failure = BROKEN
        connection.timeout = self._remaining()
        # A server may answer before it has read all, and close: then there is still an answer to be had.
        with contextlib.suppress(BrokenPipeError):
            connection.request(
                call.method, call.target, call.body, call.headers, preload_content=False, decode_content=False
            )

    def _receive(self, connection: HTTPConnection) -> Reply:
        response = connection.getresponse()
        self._answered = True
        # Closed whatever comes of it: what holds the socket's file would keep its descriptor open.
        with contextlib.closing(response):
            return self._read(response)

    def _read(self, response: HTTPResponse) -> Reply:
        status = response.status
        if status < 200:
            raise HTTPException(f"status {status} without a final one")
        if status > 599:
            raise HTTPException(f"status {status}, which no front passes on")
        head = self._call.method == "HEAD"
        protocol = "1.0" if response.version == 10 else "1.1"
        headers = for_viewer(response.headers.items(), protocol, length=head)
        if (response.length_remaining or 0) > self._limit:
            raise _too_large(self._limit)
        body = bytearray()
        while chunk := response.read(CHUNK, decode_content=False):
            body += chunk
            if len(body) > self._limit:
                raise _too_large(self._limit)
        return Reply(status, headers, None if head or status in (204, 304) else bytes(body))

    def _remaining(self) -> float:
        left = self._deadline - time.monotonic()
        if left <= 0:
            raise TimeoutError("the deadline has passed")
        return left


def _source(event: Any) -> HttpEvent:
    unreadable = None
    try:
        source = parse_event(event)
    except Exception as error:  # fields of other types than any front sends
        source, unreadable = None, error
    if source is None:
        sentence = "the gateway takes requests of API Gateway, function URLs and load balancers only"
        raise ValueError(sentence) from unreadable
    return source


def _respond(source: HttpEvent, reply: Reply) -> dict[str, Any]:
    response = source.reply(reply.status, reply.headers, reply.body)
    # Lambda counts the JSON it gets. Escaping makes a text at most six times as long, so most need not be counted.
    room = source.limit - ENVELOPE
    if len(reply.body or b"") * 6 > room and len(json.dumps(response, ensure_ascii=False).encode()) > room:
        raise _too_large(source.limit)
    return response


def _timeout(cause: object) -> Problem:
    return Problem(504, "Gateway Timeout", "The upstream did not answer in time.", repr(cause))


def _too_large(limit: int) -> Problem:
    """Lambda and load balancers take no more, and would answer with an error that has no CORS headers."""
    return Problem(413, "Content Too Large", f"The upstream's response does not fit into {limit} bytes of JSON.")


def _seconds_left(context: Any) -> float:
    remaining = getattr(context, "get_remaining_time_in_millis", None)
    if remaining is None:
        return DEFAULT_SECONDS
    return float(max(remaining() / 1000 - MARGIN_SECONDS, LEAST_SECONDS))
