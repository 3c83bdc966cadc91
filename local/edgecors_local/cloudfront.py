"""CloudFront on this machine: triggers, cache and origin, in the order and with the headers of the real one."""

from __future__ import annotations

import asyncio
import time
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Final

from edgecors_local import cloudfront_events as events
from edgecors_local.behavior import EVERYTHING, Behavior
from edgecors_local.cache import (
    Cache,
    Key,
    cache_key,
    cacheable_method,
    forbids_caching,
    normal_encoding,
    select_cookies,
    select_query,
    ttl,
)
from edgecors_local.edge_rules import MAX_HEADERS, MAX_URL, violations
from edgecors_local.forwarding import CONNECT_TIMEOUT, RESPONSE_TIMEOUT, Upstream, UpstreamError
from edgecors_local.http import (
    Exchange,
    Headers,
    HttpRequest,
    HttpResponse,
    end_to_end,
    tokens,
    value,
    values,
    without,
)
from edgecors_local.invoke import Invoker

NOT_EMULATED: Final = (
    "Only the distribution's default behaviour is used; other path patterns and origin groups are ignored.",
    "TLS and HTTP/2 and 3 to the viewer, WebSockets, geo restriction, WAF, signed URLs, redirects to HTTPS and"
    " response headers policies.",
    "Compression by CloudFront: bodies are passed on as the upstream encoded them.",
    "Conditional and range requests: If-None-Match, If-Modified-Since and Range are not passed on, so that the"
    " viewer always gets the whole response, and an expired one is fetched anew instead of being revalidated.",
    "stale-while-revalidate and stale-if-error, and an expired response served while the upstream fails.",
    "Custom error pages: the error caching times count, the pages are not fetched.",
    "CloudFront-* headers (viewer country, device and so on).",
    "S3 origins: the upstream is always a custom origin.",
    "What origin-request writes into `origin`, and functions that ask for the body.",
    "The limits of Lambda@Edge on time and memory; a handler that never returns blocks the edge.",
    "Bodies are collected before they are passed on, so nothing streams.",
    "The Host sent to an upstream on a port of its own names the port.",
    "Cookies are forwarded, and then CloudFront does not collapse requests for the same object that come at once;"
    " the local edge does, so that a wrong cache key shows.",
    "One edge location with one cache and one container of the function: a request waits while another is handled.",
)
"""Differences from CloudFront, one sentence each. Documentation and command take them from here."""

ASSUMED: Final = (
    "A method that the behaviour does not allow gets 403 before viewer-request could run.",
    "Vary loses the names that are not forwarded when the upstream's response arrives, before origin-response.",
    "viewer-response sees the request as viewer-request left it.",
    "A response of 400 or above that origin-request made does not run viewer-response.",
    "With a cache policy, the viewer headers that always reach the origin are Content-Type, Content-MD5 and, for"
    " methods that are not cached, Authorization.",
    "The 502 for a function's mistake is not cached.",
)
"""Assumptions of the local edge where CloudFront's documentation is silent."""

_ALWAYS_FORWARDED: Final = frozenset({"content-type", "content-md5"})
_NEVER_FORWARDED: Final = frozenset(
    {"if-none-match", "if-modified-since", "if-match", "if-unmodified-since", "if-range", "range", "expect"}
)
# Made anew for the origin request.
_OWN: Final = frozenset({"host", "user-agent", "via", "x-forwarded-for", "cookie", "accept-encoding", "content-length"})

Check = Callable[[str, Mapping[str, Any], Any], list[str]]


class _Failed(Exception):
    """CloudFront answers by itself: the status, the sentence to print, and the word for ``X-Cache``."""

    def __init__(self, status: int, sentence: str, result: str) -> None:
        super().__init__(sentence)
        self.status = status
        self.result = result


@dataclass(slots=True)
class _Trip:
    """One request's way through."""

    request_id: str = field(default_factory=lambda: uuid.uuid4().hex)
    steps: list[str] = field(default_factory=list)
    decisions: list[str] = field(default_factory=list)
    troubles: list[str] = field(default_factory=list)
    result: str = "Error"
    """The first word of ``X-Cache``."""


@dataclass(frozen=True, slots=True)
class _Fetched:
    """What a cache miss brought, for the request that asked and for those that waited with it."""

    response: HttpResponse
    result: str
    shared: bool


class CloudFront:
    """A distribution with one behaviour in front of one upstream.

    ``behavior`` says which triggers have the function; ``check`` names the rules of the edge that an answer breaks;
    ``clock`` gives POSIX time.
    """

    def __init__(
        self,
        name: str,
        behavior: Behavior,
        invoke: Invoker,
        upstream: Upstream,
        *,
        distribution: events.EmulatedDistribution | None = None,
        check: Check = violations,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self.name = name
        self.cache = Cache()
        self._behavior = behavior
        self._invoke = invoke
        self._upstream = upstream
        self._distribution = distribution or events.EmulatedDistribution()
        self._check = check
        self._clock = clock
        self._flights: dict[Key, asyncio.Future[_Fetched]] = {}

    async def close(self) -> None:
        """Closes the connections to the upstream."""
        await self._upstream.close()

    async def handle(self, request: HttpRequest) -> Exchange:
        """Answers a viewer's request."""
        trip = _Trip()
        request = replace(request, headers=end_to_end(request.headers))
        try:
            response = await self._answer(trip, request)
        except _Failed as failed:
            response = _error_page(trip, failed)
        return Exchange(self._stamped(trip, response), trip.steps, trip.decisions, trip.troubles)

    async def _answer(self, trip: _Trip, request: HttpRequest) -> HttpResponse:
        if request.method not in self._behavior.allowed_methods:
            raise _Failed(403, f"the behaviour does not allow {request.method}", "Error")
        if request.body and request.method in ("GET", "HEAD"):
            raise _Failed(403, f"CloudFront refuses a {request.method} request with a body", "Error")
        if len(request.target) >= MAX_URL:
            sentence = f"path and query are {len(request.target)} bytes; CloudFront takes less than {MAX_URL}"
            raise _Failed(413, sentence, "Error")
        size = len(request.target) + sum(len(name) + len(text) for name, text in request.headers)
        if size > MAX_HEADERS:
            raise _Failed(413, f"path, query and headers are {size} bytes; CloudFront takes {MAX_HEADERS}", "Error")
        viewer = await self._ask(trip, "viewer-request", request)
        if isinstance(viewer, HttpResponse):
            trip.result = "LambdaGeneratedResponse"
            return viewer
        response = await self._look_up(trip, viewer)
        if response.status >= 400:
            return response
        return await self._adjust(trip, "viewer-response", viewer, events.request_object(viewer), response)

    # -- cache -----------------------------------------------------------------------------------------------

    async def _look_up(self, trip: _Trip, viewer: HttpRequest) -> HttpResponse:
        if not cacheable_method(self._behavior, viewer.method):
            return self._landed(trip, await self._fetch(trip, viewer, None))
        key = cache_key(self._behavior, viewer)
        entry = self.cache.look_up(key, self._clock())
        if entry is not None:
            trip.steps.append("hit")
            trip.result = "Hit" if entry.response.status < 400 else "Error"
            return entry.response.with_header("Age", str(entry.age(self._clock())))
        trip.steps.append("miss")
        if self._behavior.max_ttl == 0:
            return self._landed(trip, await self._fetch(trip, viewer, key))
        return self._landed(trip, await self._collapsed(trip, viewer, key))

    async def _collapsed(self, trip: _Trip, viewer: HttpRequest, key: Key) -> _Fetched:
        """Requests for the same key that come while the origin is asked wait for that one answer, and get it even
        if it is not kept; unless the minimum TTL is 0 and the answer forbids caching (request collapsing).
        """
        flight = self._flights.get(key)
        if flight is not None:
            await asyncio.wait([flight])
            if not flight.cancelled() and flight.result().shared:
                trip.steps.append("collapsed")
                return flight.result()
            return await self._fetch(trip, viewer, key)
        flight = self._flights[key] = asyncio.get_running_loop().create_future()
        try:
            fetched = await self._fetch(trip, viewer, key)
        except BaseException:
            flight.cancel()
            raise
        else:
            flight.set_result(fetched)
        finally:
            del self._flights[key]
        return fetched

    def _landed(self, trip: _Trip, fetched: _Fetched) -> HttpResponse:
        trip.result = fetched.result
        return fetched.response

    # -- origin ----------------------------------------------------------------------------------------------

    async def _fetch(self, trip: _Trip, viewer: HttpRequest, key: Key | None) -> _Fetched:
        """Asks the origin, with the origin triggers around it, and keeps the answer under ``key``."""
        try:
            response, result = await self._from_origin(trip, viewer)
        except _Failed as failed:
            return _Fetched(_error_page(trip, failed), failed.result, shared=True)
        seconds = ttl(self._behavior, response, now := self._clock())
        if key is not None and seconds > 0:
            self.cache.keep(key, response, seconds, now)
        shared = self._behavior.min_ttl > 0 or not forbids_caching(response)
        return _Fetched(response, result, shared=shared)

    async def _from_origin(self, trip: _Trip, viewer: HttpRequest) -> tuple[HttpResponse, str]:
        asked = await self._ask(trip, "origin-request", self._origin_request(viewer))
        if isinstance(asked, HttpResponse):
            return asked, "LambdaGeneratedResponse"
        trip.steps.append("origin")
        try:
            response = await self._upstream.fetch(
                asked.method, asked.target, self._on_the_wire(trip, asked.headers), asked.body
            )
        except UpstreamError as error:
            # Made by CloudFront itself: no function runs for it, but it is kept like the origin's own errors.
            trip.troubles.append(str(error))
            return _plain(error.status, str(error)), "Error"
        response = replace(response, headers=self._arrived(response.headers))
        origin_request = events.request_object(asked, self._origin_object())
        response = await self._adjust(trip, "origin-response", asked, origin_request, response)
        return response, "Miss" if response.status < 400 else "Error"

    def _origin_request(self, viewer: HttpRequest) -> HttpRequest:
        """The request that CloudFront makes of a viewer's: only what the policies let through, and its own headers."""
        behavior = self._behavior
        headers = [(name, text) for name, text in viewer.headers if self._passes(viewer.method, name.lower())]
        host = value(viewer.headers, "host") if behavior.header_reaches_origin("host") else None
        agent = value(viewer.headers, "user-agent") if behavior.header_reaches_origin("user-agent") else None
        before = value(viewer.headers, "x-forwarded-for")
        headers += [
            ("Host", host or self._upstream.hostname),
            ("User-Agent", agent or "Amazon CloudFront"),
            ("Via", ", ".join((*values(viewer.headers, "via"), self._via))),
            ("X-Forwarded-For", f"{before}, {viewer.client}" if before else viewer.client),
        ]
        if behavior.key_encodings:
            encoding = normal_encoding(behavior, viewer.headers)
        else:
            encoding = (
                value(viewer.headers, "accept-encoding") if behavior.header_reaches_origin("accept-encoding") else None
            )
        if encoding:
            headers.append(("Accept-Encoding", encoding))
        selected = set(select_cookies(behavior.key_cookies, viewer.headers))
        selected |= set(select_cookies(behavior.forward_cookies, viewer.headers))
        cookies = [pair for pair in select_cookies(EVERYTHING, viewer.headers) if pair in selected]
        if cookies:
            headers.append(("Cookie", "; ".join(cookies)))
        if viewer.body or value(viewer.headers, "content-length") is not None:
            headers.append(("Content-Length", str(len(viewer.body))))
        return replace(viewer, headers=tuple(headers), query=self._origin_query(viewer.query))

    def _passes(self, method: str, name: str) -> bool:
        if name in _OWN or name in _NEVER_FORWARDED or events.hidden(name):
            return False
        if name in _ALWAYS_FORWARDED:
            return True
        if name == "authorization" and not cacheable_method(self._behavior, method):
            return True
        return self._behavior.header_reaches_origin(name)

    def _origin_query(self, query: str) -> str:
        key, forward = self._behavior.key_query, self._behavior.forward_query
        if "all" in (key.mode, forward.mode):
            return query
        chosen = {*select_query(key, query).split("&"), *select_query(forward, query).split("&")}
        return "&".join(part for part in query.split("&") if part in chosen)

    def _on_the_wire(self, trip: _Trip, headers: Headers) -> Headers:
        """What the origin gets: also the headers that functions don't see. Functions see the origin's bare name as
        ``Host``; a server on a port of its own, as there are on this machine, gets the port too.
        """
        if value(headers, "host") == self._upstream.hostname:
            headers = (*without(headers, {"host"}), ("Host", self._upstream.authority))
        return (*headers, ("X-Amz-Cf-Id", trip.request_id), ("Connection", "Keep-Alive"))

    def _origin_object(self) -> dict[str, Any]:
        return {
            "custom": {
                "customHeaders": {},
                "domainName": self._upstream.hostname,
                "keepaliveTimeout": int(CONNECT_TIMEOUT) // 2,
                "path": self._upstream.base_path,
                "port": self._upstream.port,
                "protocol": self._upstream.scheme,
                "readTimeout": int(RESPONSE_TIMEOUT),
                "sslProtocols": ["TLSv1.2"],
            }
        }

    def _arrived(self, headers: Headers) -> Headers:
        """The origin's headers as CloudFront takes them: names in ``Vary`` that it does not forward are dropped, and
        ``Set-Cookie`` where no cookie goes to the origin either.
        """
        if not self._behavior.cookies_reach_origin:
            headers = without(headers, {"set-cookie"})
        vary = list(tokens(value(headers, "vary")))
        forwarded = [name for name in vary if self._may_vary(name.lower())]
        if len(forwarded) == len(vary):
            return headers
        rest = without(headers, {"vary"})
        return (*rest, ("Vary", ", ".join(forwarded))) if forwarded else rest

    def _may_vary(self, name: str) -> bool:
        return name in ("*", "accept-encoding", "cookie") or self._behavior.header_reaches_origin(name)

    # -- functions -------------------------------------------------------------------------------------------

    async def _ask(self, trip: _Trip, trigger: str, request: HttpRequest) -> HttpRequest | HttpResponse:
        """Runs a request trigger: the request as it left it, or the response that it made."""
        if trigger not in self._behavior.triggers:
            return request
        origin = self._origin_object() if trigger == "origin-request" else None
        result = await self._run(trip, trigger, events.request_object(request, origin), None)
        try:
            if "status" in result:
                return events.generated_response(result)
            return events.changed_request(request, result)
        except ValueError as error:
            raise _Failed(502, f"{trigger}: {error}", "LambdaValidationError") from None

    async def _adjust(
        self,
        trip: _Trip,
        trigger: str,
        request: HttpRequest,
        request_object: Mapping[str, Any],
        response: HttpResponse,
    ) -> HttpResponse:
        """Runs a response trigger, if the function is there."""
        if trigger not in self._behavior.triggers:
            return response
        result = await self._run(trip, trigger, request_object, events.response_object(response))
        try:
            changed = events.changed_response(response, result, body=trigger == "origin-response")
        except ValueError as error:
            raise _Failed(502, f"{trigger}: {error}", "LambdaValidationError") from None
        return changed if request.method != "HEAD" else replace(changed, body=b"")

    async def _run(
        self, trip: _Trip, trigger: str, request: Mapping[str, Any], response: Mapping[str, Any] | None
    ) -> Mapping[str, Any]:
        """Calls the function and holds its answer to the rules of the edge."""
        trip.steps.append(trigger)
        event = events.make_event(self._distribution, trigger, trip.request_id, request, response)
        invocation = await self._invoke(event)
        trip.decisions += invocation.decisions
        if invocation.error is not None:
            raise _Failed(
                invocation.status, f"{trigger}: the handler failed: {invocation.error}", invocation.result_type
            )
        broken = self._check(trigger, event, invocation.result)
        if broken:
            raise _Failed(502, f"{trigger}: {'; '.join(broken)}", "LambdaValidationError")
        if not isinstance(invocation.result, Mapping):
            raise _Failed(502, f"{trigger}: the handler returned no object", "LambdaValidationError")
        return invocation.result

    # -- back to the viewer ----------------------------------------------------------------------------------

    @property
    def _via(self) -> str:
        return f"1.1 {self._distribution.domain} (CloudFront)"

    def _stamped(self, trip: _Trip, response: HttpResponse) -> HttpResponse:
        """With the headers that CloudFront puts on everything."""
        via = (*values(response.headers, "via"), self._via)
        headers = without(end_to_end(response.headers), {"via", "x-cache", "x-amz-cf-pop", "x-amz-cf-id"})
        added = (
            ("Via", ", ".join(via)),
            ("X-Cache", f"{trip.result} from cloudfront (local)"),
            ("X-Amz-Cf-Pop", "LOCAL"),
            ("X-Amz-Cf-Id", trip.request_id),
        )
        return replace(response, headers=(*headers, *added))


def _error_page(trip: _Trip, failed: _Failed) -> HttpResponse:
    trip.troubles.append(str(failed))
    trip.result = failed.result
    return _plain(failed.status, str(failed))


def _plain(status: int, sentence: str) -> HttpResponse:
    """CloudFront's own error, without its page but with the reason."""
    headers = (("Content-Type", "text/plain; charset=utf-8"),)
    return HttpResponse(status, headers, f"{status} from the local edge: {sentence}\n".encode())
