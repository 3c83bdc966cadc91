"""One request, policy warm: from the handler's call to its answer, beside a yardstick and beside the peers.

The yardstick is the least that a CORS handler can do: lower-case the names of the headers, look one origin up in a set,
return one dict.
"""

from __future__ import annotations

import importlib.util
import logging
from collections.abc import Callable, Iterable, Sequence
from typing import Any
from unittest import mock

import edgecors.decorator
import edgecors.edge
from edgecors.aws.parameters import Parameter
from edgecors.decorator import cors
from edgecors.edge import Edge
from edgecors.memory import MAX_DECISIONS
from edgecors.policy import Policy
from edgecors.store import PolicyStore
from edgecors.telemetry import Telemetry

from bench import samples
from bench.measure import Handler, Task, least_ratio, ratio, run

EDGECORS = "edgecors"
FORGETFUL = "edgecors without its decision memory"
YARDSTICK = "yardstick"
POWERTOOLS = "Powertools"
STARLETTE = "Starlette + Mangum"
FLASK_CORS = "flask-cors core"

VIEWER_REQUEST = "edge viewer-request, preflight"
VIEWER_RESPONSE = "edge viewer-response"
REST_PREFLIGHT = "REST 1.0, preflight"
REST_RESPONSE = "REST 1.0, response"
HTTP_PREFLIGHT = "HTTP 2.0, preflight"
HTTP_RESPONSE = "HTTP 2.0, response"
EDGE_FRONTS = (VIEWER_REQUEST, VIEWER_RESPONSE)
API_FRONTS = (REST_PREFLIGHT, REST_RESPONSE, HTTP_PREFLIGHT, HTTP_RESPONSE)

ALLOWED = "allowed"
REFUSED = "refused"
NO_ORIGIN = "no Origin"
ANEW = "allowed, not seen lately"
"""More origins take turns than a policy remembers decisions for."""

EXACT = (1, 100, 10_000, 100_000)
WILDCARDS = "10,000 wildcards"
PEER_SIZES = (1, 10_000)

_UPSTREAM = {"statusCode": 200, "headers": {"content-type": "application/json"}, "body": "{}"}

Fields = dict[str, list[dict[str, str]]]


def label(count: int) -> str:
    """How a list's size is written in the report."""
    return f"{count:,}"


def event(front: str, origin: str | None) -> dict[str, Any]:
    """A front's event."""
    preflight = front.endswith("preflight") and origin is not None
    if front in EDGE_FRONTS:
        trigger = "viewer-request" if front == VIEWER_REQUEST else "viewer-response"
        return samples.cloudfront(trigger, origin, preflight=preflight)
    make = samples.rest if front.startswith("REST") else samples.http
    return make(origin, preflight=preflight)


class Memory:
    """A Region whose Parameter Store is a string."""

    region = "us-east-1"

    round_trip: float | None = None
    sent = False

    def __init__(self, text: str) -> None:
        self._text = text
        self._names: list[str] = []

    def begin(self, names: Iterable[str], patience: float) -> None:
        self._names = list(names)

    def poll(self, deadline: float) -> dict[str, Parameter]:
        return {name: Parameter(self._text, 1) for name in self._names if "/sites/" in name}

    def close(self) -> None:
        pass


def edgecors_handlers(origins: list[str]) -> dict[str, Handler]:
    """edgecors for every front, over one real store. Log lines go nowhere: there is one a minute and origin."""
    telemetry = Telemetry(_discard)
    store = PolicyStore([Memory(samples.policy(origins))], telemetry)
    viewer = Edge(store, telemetry).viewer
    decorated = cors(site=samples.SITE, store=store, telemetry=telemetry)(_upstream)
    return dict.fromkeys(EDGE_FRONTS, viewer) | dict.fromkeys(API_FRONTS, decorated)


def _discard(line: str) -> None:
    pass


def _upstream(event: Any, context: Any) -> Any:
    return _UPSTREAM


def yardsticks(origins: list[str]) -> dict[str, Handler]:
    """The yardstick in the form of each front."""
    allowed = frozenset(origins)

    def read(fields: Fields) -> str:
        headers = {name.lower(): values for name, values in fields.items()}
        return headers["origin"][0]["value"]

    def viewer_request(event: Any, context: Any) -> Any:
        origin = read(event["Records"][0]["cf"]["request"]["headers"])
        if origin not in allowed:
            return {"status": "403"}
        field = {"key": "Access-Control-Allow-Origin", "value": origin}
        return {"status": "204", "headers": {"access-control-allow-origin": [field]}}

    def viewer_response(event: Any, context: Any) -> Any:
        cf = event["Records"][0]["cf"]
        origin = read(cf["request"]["headers"])
        if origin not in allowed:
            return cf["response"]
        field = {"key": "Access-Control-Allow-Origin", "value": origin}
        return {"status": "200", "headers": {"access-control-allow-origin": [field]}}

    def api(event: Any, context: Any) -> Any:
        headers = {name.lower(): value for name, value in event["headers"].items()}
        origin = headers["origin"]
        if origin not in allowed:
            return {"statusCode": 403}
        return {"statusCode": 204, "headers": {"Access-Control-Allow-Origin": origin}}

    return {VIEWER_REQUEST: viewer_request, VIEWER_RESPONSE: viewer_response} | dict.fromkeys(API_FRONTS, api)


def powertools_handlers(origins: list[str]) -> dict[str, Handler]:
    """Powertools' resolvers with one route and a CORSConfig."""
    from aws_lambda_powertools.event_handler import (
        APIGatewayHttpResolver,
        APIGatewayRestResolver,
        CORSConfig,
        Response,
    )

    def handler(resolver: type[APIGatewayRestResolver] | type[APIGatewayHttpResolver]) -> Handler:
        config = CORSConfig(
            allow_origin=origins[0],
            extra_origins=origins[1:],
            allow_headers=samples.HEADERS,
            expose_headers=samples.EXPOSED,
            max_age=samples.MAX_AGE,
            allow_credentials=True,
        )
        app = resolver(cors=config)

        @app.get("/api/items/<number>")
        def item(number: str) -> Response[str]:
            return Response(status_code=200, content_type="application/json", body="{}")

        def handle(event: Any, context: Any) -> Any:
            return app.resolve(event, context)

        return handle

    rest, http = handler(APIGatewayRestResolver), handler(APIGatewayHttpResolver)
    return {REST_PREFLIGHT: rest, REST_RESPONSE: rest, HTTP_PREFLIGHT: http, HTTP_RESPONSE: http}


def starlette_handlers(origins: list[str]) -> dict[str, Handler]:
    """Starlette's CORSMiddleware around the smallest ASGI application, behind Mangum."""
    import warnings

    from mangum import Mangum
    from starlette.middleware.cors import CORSMiddleware

    async def application(scope: Any, receive: Any, send: Any) -> None:
        fields = [(b"content-type", b"application/json")]
        await send({"type": "http.response.start", "status": 200, "headers": fields})
        await send({"type": "http.response.body", "body": b"{}"})

    wrapped = CORSMiddleware(
        application,
        allow_origins=origins,
        allow_methods=samples.METHODS,
        allow_headers=samples.HEADERS,
        expose_headers=samples.EXPOSED,
        max_age=samples.MAX_AGE,
        allow_credentials=True,
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        handler = Mangum(wrapped, lifespan="off")
    # Mangum writes a log line a request at this level; Lambda's default would show none of it.
    logging.getLogger("mangum").setLevel(logging.WARNING)
    return dict.fromkeys(API_FRONTS, handler)


def flask_cors_handlers(origins: list[str]) -> dict[str, Handler]:
    """What flask-cors computes for a request, without Flask around it."""
    from flask import Flask
    from flask_cors.core import get_cors_headers, get_cors_options
    from werkzeug.datastructures import Headers

    options = get_cors_options(
        Flask("bench"),
        {
            "origins": origins,
            "methods": samples.METHODS,
            "allow_headers": samples.HEADERS,
            "expose_headers": samples.EXPOSED,
            "supports_credentials": True,
            "max_age": samples.MAX_AGE,
        },
    )

    def rest(event: Any, context: Any) -> Any:
        return get_cors_headers(options, Headers(event["headers"]), event["httpMethod"])

    def http(event: Any, context: Any) -> Any:
        return get_cors_headers(options, Headers(event["headers"]), event["requestContext"]["http"]["method"])

    return {REST_PREFLIGHT: rest, REST_RESPONSE: rest, HTTP_PREFLIGHT: http, HTTP_RESPONSE: http}


PEERS: dict[str, Callable[[list[str]], dict[str, Handler]]] = {
    POWERTOOLS: powertools_handlers,
    STARLETTE: starlette_handlers,
    FLASK_CORS: flask_cors_handlers,
}


_MODULES = {POWERTOOLS: "aws_lambda_powertools", STARLETTE: "mangum", FLASK_CORS: "flask_cors"}


def installed() -> list[str]:
    """The peers that are there: all of them where `make bench` runs, some where tests do."""
    return [name for name, module in _MODULES.items() if importlib.util.find_spec(module) is not None]


class Row:
    """One line of the report: a contender's task, and the yardstick's over the same events."""

    def __init__(self, front: str, contender: str, size: str, outcome: str, task: Task, yardstick: Task) -> None:
        self.front = front
        self.contender = contender
        self.size = size
        self.outcome = outcome
        self.task = task
        self.yardstick = yardstick

    @property
    def key(self) -> tuple[str, str, str, str]:
        """What tells it from the others."""
        return self.front, self.contender, self.size, self.outcome

    @property
    def times(self) -> float:
        """How many times the yardstick's time it takes."""
        return ratio(self.task, self.yardstick)

    def record(self) -> dict[str, object]:
        """The row for `--json`; times in microseconds."""
        return {
            "front": self.front,
            "contender": self.contender,
            "origins": self.size,
            "outcome": self.outcome,
            "median_us": round(self.task.median * 1e6, 3),
            "least_us": round(self.task.least * 1e6, 3),
            "yardsticks": round(self.times, 2),
            "yardsticks_least": round(least_ratio(self.task, self.yardstick), 2),
        }


def tasks_for(origins: list[str], size: str, outcomes: Sequence[str]) -> list[tuple[str, str, list[dict[str, Any]]]]:
    """Front, outcome and events of every task over one list."""
    tasks = []
    for front in (*EDGE_FRONTS, *API_FRONTS):
        for outcome in outcomes:
            named: Sequence[str | None] = samples.spread(origins) if outcome == ALLOWED else samples.strangers()
            tasks.append((front, outcome, [event(front, origin) for origin in named]))
    return tasks


def rows(sizes: Sequence[int] = EXACT, peer_sizes: Sequence[int] = PEER_SIZES, peers: Sequence[str] = ()) -> list[Row]:
    """All rows, not yet measured. ``peers`` names those that are installed."""
    lists = [(label(count), samples.exact_origins(count)) for count in sizes]
    lists.append((WILDCARDS, samples.wildcard_origins(10_000)))
    all_rows: list[Row] = []
    yards: dict[tuple[str, str], Task] = {}
    for size, origins in lists:
        contenders = {EDGECORS: edgecors_handlers(origins)}
        if size in [label(count) for count in peer_sizes]:
            contenders |= {name: PEERS[name](origins) for name in peers}
        for front, outcome, events in tasks_for(origins, size, (ALLOWED, REFUSED)):
            # The yardstick's set is a small one everywhere: its own growth must not hide ours.
            yard = yards.get((front, outcome))
            if yard is None:
                yard = yards[front, outcome] = Task(YARDSTICK, yardsticks(samples.spread(origins))[front], events)
            for name, handlers in contenders.items():
                if front in handlers:
                    all_rows.append(Row(front, name, size, outcome, Task(name, handlers[front], events), yard))
        if size in (label(10_000), WILDCARDS):
            all_rows += _anew(size, origins, yards)
    return all_rows + _passing(yards)


class _NoMemory:
    """Stands where `edgecors.memory.MemoryBySite` does, and remembers nothing."""

    def of(self, site: str, policy: Policy | None) -> None:
        return None


def forgetful_handlers(origins: list[str]) -> dict[str, Handler]:
    """edgecors with its decision memory left out: every request is decided anew."""
    with (
        mock.patch.object(edgecors.edge, "MemoryBySite", _NoMemory),
        mock.patch.object(edgecors.decorator, "MemoryBySite", _NoMemory),
    ):
        return edgecors_handlers(origins)


def memory_rows() -> list[Row]:
    """With and without the decision memory: origins that come again and again, and so many that none does."""
    lists = {label(10_000): samples.exact_origins(10_000), WILDCARDS: samples.wildcard_origins(10_000)}
    all_rows = []
    for size, origins in lists.items():
        yards = yardsticks(samples.spread(origins))
        for outcome, most in ((ALLOWED, samples.SPREAD), (ANEW, 8 * MAX_DECISIONS)):
            # Handlers of their own: the many origins would empty the few ones' memory all the time.
            handlers = {EDGECORS: edgecors_handlers(origins), FORGETFUL: forgetful_handlers(origins)}
            named = samples.spread(origins, most)
            for front in (*EDGE_FRONTS, *API_FRONTS):
                yard = Task(YARDSTICK, yards[front], [event(front, origin) for origin in samples.spread(origins)])
                events = [event(front, origin) for origin in named]
                for name, each in handlers.items():
                    all_rows.append(Row(front, name, size, outcome, Task(name, each[front], events), yard))
    return all_rows


def _anew(size: str, origins: list[str], yards: dict[tuple[str, str], Task]) -> list[Row]:
    """As the allowed rows, but nothing that was decided before helps."""
    # With a policy of their own: they would empty the others' memory all the time.
    handlers = edgecors_handlers(origins)
    named = samples.spread(origins, 8 * MAX_DECISIONS)
    return [
        Row(
            front,
            EDGECORS,
            size,
            ANEW,
            Task(EDGECORS, handlers[front], [event(front, origin) for origin in named]),
            yards[front, ALLOWED],
        )
        for front in (*EDGE_FRONTS, *API_FRONTS)
    ]


def _passing(yards: dict[tuple[str, str], Task]) -> list[Row]:
    """Requests that have nothing to do with CORS: at the edge most of them. Measured against the refused yardstick."""
    handlers = edgecors_handlers(samples.exact_origins(100))
    return [
        Row(
            front,
            EDGECORS,
            "100",
            NO_ORIGIN,
            Task(EDGECORS, handlers[front], [event(front, None)]),
            yards[front, REFUSED],
        )
        for front in EDGE_FRONTS
    ]


def measure(rows: Sequence[Row], rounds: int) -> None:
    """Run all tasks in turn, the yardsticks among them."""
    tasks = dict.fromkeys([row.yardstick for row in rows] + [row.task for row in rows])
    run(list(tasks), rounds)


def check(rows: Sequence[Row]) -> None:
    """See to it that every contender really answers what its row says. Raises AssertionError."""
    for row in rows:
        if row.outcome == NO_ORIGIN:
            continue
        answer = row.task.handler(row.task.events(1)[0], None)
        granted = "access-control-allow-origin" in str(answer).lower()
        if granted != (row.outcome in (ALLOWED, ANEW)):
            raise AssertionError(f"{row.key}: {answer}")
