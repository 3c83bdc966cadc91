"""The reverse proxy: an event's request to the upstream, and the upstream's response back.

Configuration alone decides where a request goes. Method, path, query, headers and body are passed on unchanged, apart
from what concerns one connection only.
"""

from __future__ import annotations

import contextlib
import json
import threading
import time
from typing import TYPE_CHECKING, Any

from connection import UpstreamConnection
from edgecors.characters import is_token
from edgecors.events.api import parse_event
from edgecors.events.message import read_message
from headers import request_headers, response_headers
from response import BadResponse, BodyTooLarge, ResponseReader
from upstream import AmbiguousPathError, climbs

if TYPE_CHECKING:
    import ssl

    from edgecors.events.http_event import HttpEvent
    from edgecors.events.message import HttpMessage
    from edgecors.telemetry import Telemetry
    from headers import HeaderFields
    from secret import SecretHeader
    from upstream import UpstreamAddress, UpstreamRoutes

CONNECT_SECONDS = 5.0
"""The most that connecting to one address may take."""
MARGIN_SECONDS = 0.5
"""Seconds of the invocation that are reserved for answering with an error."""
LEAST_SECONDS = 0.1
DEFAULT_SECONDS = 29.0
"""The time for a request where the context does not say how much is left."""
ENVELOPE = 8192
"""Bytes of the largest response that are reserved for CORS headers."""

IDEMPOTENT = frozenset(("GET", "HEAD", "PUT", "DELETE", "OPTIONS", "TRACE"))
# Without a body, other methods say so with Content-Length: 0 (RFC 9110, section 8.6).
_NO_BODY_EXPECTED = frozenset(("GET", "HEAD", "DELETE", "OPTIONS", "TRACE"))

UNREACHABLE = "The upstream can't be reached."
BROKEN = "The upstream's response was cut off or is not valid HTTP."


class Problem(Exception):
    """A request that gets an error of the gateway's own.

    Args:
        status: The status for the viewer.
        title: The title for the viewer.
        detail: One sentence for the viewer. It says nothing about the network behind the gateway.
        cause: What happened, for the log.
    """

    def __init__(self, status: int, title: str, detail: str, cause: object = None) -> None:
        super().__init__(detail)
        self.status = status
        self.title = title
        self.detail = detail
        self.cause = cause


class UpstreamRequest:
    """A request in the bytes that the upstream gets. Raises `Problem` for one that can't be passed on."""

    def __init__(self, routes: UpstreamRoutes, message: HttpMessage, secret: SecretHeader | None) -> None:
        event = message.event
        if not is_token(event.method) or event.method == "CONNECT":
            raise Problem(400, "Bad Request", "The method can't be passed on.")
        try:
            address = routes.find(event.path)
        except AmbiguousPathError:
            raise Problem(400, "Bad Request", "The path is ambiguous.") from None
        if address.base and climbs(event.path):
            raise Problem(400, "Bad Request", "The path leads above the base path.")
        self.address = address
        self.method = event.method
        self.secret_name = "" if secret is None else secret.name
        query = message.query
        # In origin form whatever the path looks like ("//host", "http://host"): it can only be a path there.
        target = address.base + event.path + (f"?{query}" if query else "")
        try:
            fields = request_headers(message, address.netloc, _secret_field(secret))
            body = message.read_body()
        except ValueError:
            raise Problem(400, "Bad Request", "The headers or the body can't be passed on.") from None
        if body or self.method not in _NO_BODY_EXPECTED:
            fields.append(("Content-Length", str(len(body))))
        lines = [f"{self.method} {target} HTTP/1.1", *(f"{name}: {value}" for name, value in fields)]
        self.data = "\r\n".join([*lines, "", ""]).encode("latin-1") + body


class UpstreamResponse:
    """What the upstream answered; ``body`` is None where there can't be one."""

    __slots__ = ("body", "headers", "status")

    def __init__(self, status: int, headers: HeaderFields, body: bytes | None) -> None:
        self.status = status
        self.headers = headers
        self.body = body


class Proxy:
    """A handler that passes requests on to upstreams. Connections are reused by later invocations.

    Args:
        routes: The upstream of each path.
        telemetry: Where failures are logged and counted.
        site: The site's name in logs and metrics.
        context: The TLS context of https upstreams; the system's roots where it is missing.
        secret: A header with a secret for all upstreams.
    """

    def __init__(
        self,
        routes: UpstreamRoutes,
        telemetry: Telemetry,
        *,
        site: str,
        context: ssl.SSLContext | None = None,
        secret: SecretHeader | None = None,
    ) -> None:
        self._routes = routes
        self._secret = secret
        self._telemetry = telemetry
        self._site = site
        self._context = context
        if context is None and any(address.secure for address in routes.addresses):
            from ssl import create_default_context

            # Once, not for each connection: reading the roots takes most of the time.
            self._context = create_default_context()
        self._idle: list[tuple[UpstreamAddress, UpstreamConnection]] = []

    def __call__(self, event: Any, context: Any) -> dict[str, Any]:
        """Pass an event's request on and return the response in the event's format.

        Raises:
            ValueError: The event is not a request of a front that the gateway knows.
        """
        adapter = _read_event(event)
        message = read_message(adapter)
        started = time.monotonic()
        try:
            request = UpstreamRequest(self._routes, message, self._secret)
            response = self._exchange(request, started + _seconds_left(context), message.limit)
            return _write_response(adapter, response, message.limit)
        except Problem as problem:
            if problem.status != 400:
                self._report(adapter, problem, time.monotonic() - started)
            return adapter.problem(problem.status, problem.title, problem.detail)

    def reset_after_restore(self) -> None:
        """Close idle connections and forget the secret's connection: both are dead after a snapshot was restored."""
        self.close_connections()
        if self._secret is not None:
            self._secret.reset_after_restore()

    def close_connections(self) -> None:
        """Close the idle connections."""
        while self._idle:
            self._idle.pop()[1].close()

    def take(self, address: UpstreamAddress) -> tuple[UpstreamConnection, bool]:
        """A connection to an upstream, and whether it was used before."""
        for index in reversed(range(len(self._idle))):
            if self._idle[index][0] is address:
                _, connection = self._idle.pop(index)
                if connection.is_quiet():
                    return connection, True
                connection.close()
        return UpstreamConnection(address, self._context if address.secure else None), False

    def keep(self, address: UpstreamAddress, connection: UpstreamConnection) -> None:
        """Keep a connection for reuse; its last response was read to a certain end."""
        self._idle.append((address, connection))

    def _exchange(self, request: UpstreamRequest, deadline: float, limit: int) -> UpstreamResponse:
        """The upstream's response.

        It is fetched in a thread that is abandoned at the deadline: neither getaddrinfo nor a response that arrives
        byte by byte has a timeout of its own.
        """
        exchange = _UpstreamExchange(self, request, deadline, limit)
        outcome: list[UpstreamResponse | Exception] = []

        def run() -> None:
            try:
                outcome.append(exchange.run())
            except Exception as error:
                outcome.append(error)

        thread = threading.Thread(target=run, daemon=True)
        thread.start()
        thread.join(max(deadline - time.monotonic(), 0.0))
        if not outcome:
            exchange.abandon()
            raise _timeout("the deadline has passed")
        if isinstance(outcome[0], Exception):
            raise outcome[0]
        return outcome[0]

    def _report(self, event: HttpEvent, problem: Problem, seconds: float) -> None:
        self._telemetry.log(
            "ERROR",
            "upstream failed",
            site=self._site,
            status=problem.status,
            error=str(problem.cause or problem.detail)[:500],
            method=event.method[:32],
            path=event.path[:300],
            seconds=round(seconds, 3),
        )
        self._telemetry.metrics({"UpstreamErrors": (1, "Count")}, site=self._site, status=str(problem.status))


class _UpstreamExchange:
    """One request and its response, in a thread of its own."""

    def __init__(self, proxy: Proxy, request: UpstreamRequest, deadline: float, limit: int) -> None:
        self._proxy = proxy
        self._request = request
        self._deadline = deadline
        self._limit = limit
        self._connection: UpstreamConnection | None = None
        self._abandoned = False
        self._started = False

    def abandon(self) -> None:
        """End the exchange at the deadline, if it is waiting for the connection."""
        self._abandoned = True
        if self._connection is not None:
            self._connection.abandon()

    def run(self) -> UpstreamResponse:
        """The response. Raises `Problem`."""
        connection, used = self._proxy.take(self._request.address)
        try:
            return self._try(connection)
        except ConnectionError as error:
            # The server may have closed an idle connection at this moment. Only idempotent requests are retried (RFC
            # 9110, section 9.2.2).
            if not used or self._started or self._request.method not in IDEMPOTENT:
                raise _bad_gateway(BROKEN, error) from None
        # The other idle connections are as old.
        self._proxy.close_connections()
        connection, _ = self._proxy.take(self._request.address)
        try:
            return self._try(connection)
        except ConnectionError as error:
            raise _bad_gateway(BROKEN, error) from None

    def _try(self, connection: UpstreamConnection) -> UpstreamResponse:
        """Raises `Problem`, or ConnectionError when the connection was closed before a response was complete."""
        self._connection = connection
        reusable = False
        try:
            if not connection.is_open:
                self._connect(connection)
            # A server may respond and close before it has read the whole request; its response can still be read.
            with contextlib.suppress(BrokenPipeError):
                connection.send(self._request.data, self._remaining())
            response, reusable = self._receive(connection)
        except ConnectionError:
            raise
        except TimeoutError as error:
            raise _timeout(error) from None
        except (BadResponse, OSError) as error:
            raise _bad_gateway(BROKEN, error) from None
        finally:
            if not reusable or self._abandoned:
                connection.close()
        if reusable and not self._abandoned:
            self._proxy.keep(self._request.address, connection)
        return response

    def _connect(self, connection: UpstreamConnection) -> None:
        try:
            connection.connect(min(CONNECT_SECONDS, self._remaining()))
        except TimeoutError as error:
            raise _timeout(f"connecting: {error!r}") from None
        except (OSError, ValueError) as error:  # ValueError: a name that IDNA can't encode
            raise _bad_gateway(UNREACHABLE, error) from None

    def _receive(self, connection: UpstreamConnection) -> tuple[UpstreamResponse, bool]:
        def receive() -> bytes:
            data = connection.receive(self._remaining())
            self._started = self._started or bool(data)
            return data

        reader = ResponseReader(receive)
        head = reader.read_head()
        method = self._request.method
        try:
            body = reader.read_body(head, method, self._limit)
        except BodyTooLarge:
            raise _too_large(self._limit) from None
        headers = response_headers(head, length=method == "HEAD", secret=self._request.secret_name)
        return UpstreamResponse(head.status, headers, body), reader.reusable

    def _remaining(self) -> float:
        left = self._deadline - time.monotonic()
        if left <= 0:
            raise TimeoutError("the deadline has passed")
        return left


def _secret_field(secret: SecretHeader | None) -> tuple[str, str] | None:
    if secret is None:
        return None
    value = secret.value()
    if value is None:
        raise Problem(503, "Service Unavailable", "The gateway is not ready.", "the upstream's secret is unknown")
    return secret.name, value


def _read_event(event: Any) -> HttpEvent:
    cause = None
    try:
        adapter = parse_event(event)
    except Exception as error:  # fields of types that no front sends
        adapter, cause = None, error
    if adapter is None:
        sentence = "the gateway accepts requests from API Gateway, function URLs and load balancers only"
        raise ValueError(sentence) from cause
    return adapter


def _write_response(adapter: HttpEvent, response: UpstreamResponse, limit: int) -> dict[str, Any]:
    result = adapter.write_response(response.status, response.headers, response.body)
    # Lambda counts the JSON it gets. Escaping makes a text at most six times as long, so most need not be counted.
    room = limit - ENVELOPE
    if len(response.body or b"") * 6 > room and len(json.dumps(result, ensure_ascii=False).encode()) > room:
        raise _too_large(limit)
    return result


def _bad_gateway(detail: str, cause: object) -> Problem:
    return Problem(502, "Bad Gateway", detail, repr(cause))


def _timeout(cause: object) -> Problem:
    return Problem(504, "Gateway Timeout", "The upstream did not answer in time.", repr(cause))


def _too_large(limit: int) -> Problem:
    """Lambda and load balancers take no more, and would answer with an error without CORS headers."""
    return Problem(413, "Content Too Large", f"The upstream's response does not fit into {limit} bytes of JSON.")


def _seconds_left(context: Any) -> float:
    remaining = getattr(context, "get_remaining_time_in_millis", None)
    if remaining is None:
        return DEFAULT_SECONDS
    return float(max(remaining() / 1000 - MARGIN_SECONDS, LEAST_SECONDS))
