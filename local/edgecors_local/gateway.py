"""API Gateway, a function URL or a load balancer on this machine: HTTP in, the event of that front, the gateway's
handler, and what it returns turned back into HTTP by that front's rules. What differs between them is their `Form`.
"""

from __future__ import annotations

import json
import time
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Final, Protocol

from edgecors_local.http import Exchange, HttpRequest, HttpResponse, end_to_end
from edgecors_local.invoke import Invoker

NOT_EMULATED: Final = (
    "TLS: API Gateway and function URLs speak HTTPS only, so their events say https although it is plain HTTP here.",
    "Authorizers, API keys, usage plans, throttling, WAF, request validation, caching and mapping templates.",
    "Gateway responses: the parameter GatewayResponseOrigin of the template is not read.",
    "The front's own CORS feature, which is switched off in the template.",
    "The default address of a stage (/live/...): paths are those of a custom domain mapped to the stage.",
    "REST APIs: names of request headers are written Like-This, and not as the client wrote them; /ping and /sping"
    " are not reserved; a request with Transfer-Encoding is no error.",
    "Limits on the size of headers, and the fronts' and the function's time limits.",
    "Function URLs that stream their response.",
    "Load balancers: health checks, listener rules, attributes that change headers, and the XFF modes.",
)
"""What the local fronts before the gateway do otherwise than AWS, a sentence each."""

ASSUMED: Final = (
    "All fronts: what the documentation of the response's format does not allow is a 502.",
    "A load balancer with multi-value headers on answers 502 to a response that has `headers` only, and the other way"
    " round.",
    "The Content-Type where the function gives none: application/json from a REST API and a function URL,"
    " text/plain from an HTTP API, application/octet-stream from a load balancer.",
)
"""Where the documentation is silent: what the local fronts take for true."""

MAX_EVENT: Final = 6 * 1024 * 1024
"""Bytes of JSON that Lambda takes with a synchronous invocation."""
MAX_RESULT: Final = 6_291_556
"""Bytes of JSON that a function may return: the same and Lambda's own envelope."""


@dataclass(frozen=True, slots=True)
class Arrival:
    """A request, and what a front notes when it comes: ``seconds`` is POSIX time."""

    request: HttpRequest
    seconds: float
    id: str


class WrongShape(Exception):
    """The function returned what the front does not take. Its text says what."""


class Form(Protocol):
    """One front's event and response formats."""

    max_body: int
    """Bytes of a request's body."""
    max_result: int
    """Bytes of JSON that the function may return."""

    def event(self, arrival: Arrival) -> dict[str, Any]:
        """The event for the function."""

    def response(self, result: Any) -> HttpResponse:
        """What the function returned, as HTTP. Raises WrongShape."""

    def failure(self, status: int) -> HttpResponse:
        """The front's own error page for 413 and 502."""

    def stamped(self, response: HttpResponse, arrival: Arrival) -> HttpResponse:
        """With the headers that the front puts on everything."""


@dataclass(slots=True)
class _GatewayTrip:
    steps: list[str] = field(default_factory=list)
    decisions: list[str] = field(default_factory=list)
    troubles: list[str] = field(default_factory=list)


class Gateway:
    """The gateway behind one of its fronts. ``clock`` gives POSIX time."""

    def __init__(self, name: str, form: Form, invoke: Invoker, *, clock: Callable[[], float] = time.time) -> None:
        self.name = name
        self._form = form
        self._invoke = invoke
        self._clock = clock

    async def close(self) -> None:
        """There is nothing to free: the handler has the connections."""

    async def handle(self, request: HttpRequest) -> Exchange:
        """Answers a viewer's request."""
        trip = _GatewayTrip()
        request = replace(request, headers=end_to_end(request.headers))
        arrival = Arrival(request, self._clock(), str(uuid.uuid4()))
        response = self._form.stamped(await self._answer(trip, arrival), arrival)
        return Exchange(response, trip.steps, trip.decisions, trip.troubles)

    async def _answer(self, trip: _GatewayTrip, arrival: Arrival) -> HttpResponse:
        size = len(arrival.request.body)
        if size > self._form.max_body:
            return self._failed(trip, 413, f"the body is {size} bytes; {self._form.max_body} are taken")
        event = self._form.event(arrival)
        size = _size(event)
        if size > MAX_EVENT:
            return self._failed(trip, 413, f"the event is {size} bytes of JSON; Lambda takes {MAX_EVENT}")
        trip.steps.append("handler")
        invocation = await self._invoke(event)
        trip.decisions += invocation.decisions
        if invocation.error is not None:
            return self._failed(trip, 502, f"the handler failed: {invocation.error}")
        size = _size(invocation.result)
        if size > self._form.max_result:
            return self._failed(trip, 502, f"the answer is {size} bytes of JSON; {self._form.max_result} are taken")
        try:
            response = self._form.response(invocation.result)
        except WrongShape as error:
            return self._failed(trip, 502, str(error))
        return replace(response, headers=end_to_end(response.headers))

    def _failed(self, trip: _GatewayTrip, status: int, sentence: str) -> HttpResponse:
        trip.troubles.append(f"{status}: {sentence}")
        return self._form.failure(status)


def _size(thing: Mapping[str, Any] | Any) -> int:
    return len(json.dumps(thing, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "surrogatepass"))
