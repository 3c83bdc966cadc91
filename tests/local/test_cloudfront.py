"""CloudFront's part of the local edge, with a recorded handler and an upstream made of a table."""

import asyncio
from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import Any, cast

import pytest
from edgecors_local.behavior import EVERYTHING, NOTHING, Behavior, KeySelection, deployed_behavior
from edgecors_local.cloudfront import CloudFront
from edgecors_local.cloudfront_events import EmulatedDistribution
from edgecors_local.edge_rules import TRIGGERS
from edgecors_local.forwarding import Upstream, UpstreamError
from edgecors_local.http import Exchange, Headers, HttpRequest, HttpResponse, value, values
from edgecors_local.invoke import Invocation

Handler = Callable[[str, dict[str, Any]], Any]

ALL_TRIGGERS = frozenset(TRIGGERS)
KEEP = Behavior(triggers=ALL_TRIGGERS, default_ttl=60)
GET = HttpRequest("GET", "/a", "q=1", (("Host", "d.example"), ("Origin", "https://a.example")))


def passing(trigger: str, cf: dict[str, Any]) -> Any:
    """A function that changes nothing."""
    return cf["response"] if "response" in cf else cf["request"]


class RecordedDistribution:
    """A distribution, its function and its origin; everything that passes is written down."""

    def __init__(
        self,
        behavior: Behavior = KEEP,
        handler: Handler = passing,
        answer: HttpResponse | UpstreamError | None = None,
    ) -> None:
        self.events: list[dict[str, Any]] = []
        self.fetched: list[tuple[str, str, Headers, bytes]] = []
        self.now = 1000.0
        self.answer = answer or HttpResponse(200, (("Content-Type", "text/plain"),), b"hello")
        self.gate: asyncio.Event | None = None
        self.broken: list[str] = []
        self._handler = handler
        self._upstream = Upstream("http://origin.example:8081/base")
        self._upstream.fetch = self._fetch  # type: ignore[method-assign]
        self.front = CloudFront(
            "test",
            behavior,
            self._invoke,
            self._upstream,
            distribution=EmulatedDistribution("E1", "d1.cloudfront.net"),
            check=lambda trigger, event, result: self.broken,
            clock=lambda: self.now,
        )

    async def _invoke(self, event: dict[str, Any]) -> Invocation:
        self.events.append(event)
        cf = event["Records"][0]["cf"]
        try:
            return Invocation(self._handler(cf["config"]["eventType"], cf), decisions=["decided"])
        except RuntimeError as error:
            return Invocation(error=str(error))

    async def _fetch(self, method: str, target: str, headers: Headers, body: bytes = b"") -> HttpResponse:
        self.fetched.append((method, target, headers, body))
        if self.gate is not None:
            await self.gate.wait()
        if isinstance(self.answer, UpstreamError):
            raise self.answer
        return self.answer

    def __call__(self, *requests: HttpRequest) -> list[Exchange]:
        async def all_in_turn() -> list[Exchange]:
            return [await self.front.handle(request) for request in requests]

        return asyncio.run(all_in_turn())

    def at_once(self, *requests: HttpRequest) -> list[Exchange]:
        """The requests together; the origin answers when all of them have arrived."""

        async def together() -> list[Exchange]:
            self.gate = asyncio.Event()
            tasks = [asyncio.create_task(self.front.handle(request)) for request in requests]
            for _ in range(20):
                await asyncio.sleep(0)
            self.gate.set()
            return list(await asyncio.gather(*tasks))

        return asyncio.run(together())

    def seen(self, trigger: str) -> dict[str, Any]:
        """The only event of a trigger."""
        (event,) = (event for event in self.events if event["Records"][0]["cf"]["config"]["eventType"] == trigger)
        return cast(dict[str, Any], event["Records"][0]["cf"])


def headers(response: HttpResponse, *leave_out: str) -> dict[str, str]:
    """All headers by lower-case name, repeated ones joined, without what CloudFront stamps on everything."""
    stamps = {"via", "x-amz-cf-pop", "x-amz-cf-id", "x-cache", *leave_out}
    names = {name.lower() for name, _ in response.headers} - stamps
    return {name: cast(str, value(response.headers, name)) for name in names}


def answering(wanted: str, response: dict[str, Any]) -> Handler:
    """A function that answers itself at one trigger."""
    return lambda trigger, cf: response if trigger == wanted else passing(trigger, cf)


def with_origin(origin: str) -> HttpRequest:
    return replace(GET, headers=(("Host", "d.example"), ("Origin", origin)))


# -- the order of things -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("handler", "status", "first", "second", "x_cache"),
    [
        (
            passing,
            200,
            ["viewer-request", "miss", "origin-request", "origin", "origin-response", "viewer-response"],
            ["viewer-request", "hit", "viewer-response"],
            ["Miss", "Hit"],
        ),
        (
            passing,
            404,
            ["viewer-request", "miss", "origin-request", "origin", "origin-response"],
            ["viewer-request", "hit"],
            ["Error", "Error"],
        ),
        (
            answering("viewer-request", {"status": "200"}),
            200,
            ["viewer-request"],
            ["viewer-request"],
            ["LambdaGeneratedResponse"] * 2,
        ),
        (
            answering("origin-request", {"status": "204"}),
            200,
            ["viewer-request", "miss", "origin-request", "viewer-response"],
            ["viewer-request", "hit", "viewer-response"],
            ["LambdaGeneratedResponse", "Hit"],
        ),
        (
            answering("origin-request", {"status": "403"}),
            200,
            ["viewer-request", "miss", "origin-request"],
            ["viewer-request", "miss", "origin-request"],
            ["LambdaGeneratedResponse"] * 2,
        ),
    ],
    ids=["success", "error", "viewer-request answers", "origin-request answers", "origin-request refuses"],
)
def test_order_of_triggers(
    handler: Handler, status: int, first: list[str], second: list[str], x_cache: list[str]
) -> None:
    world = RecordedDistribution(KEEP, handler, HttpResponse(status))
    one, two = world(GET, GET)
    assert [one.steps, two.steps] == [first, second]
    stamped = [value(exchange.response.headers, "x-cache") for exchange in (one, two)]
    assert stamped == [f"{word} from cloudfront (local)" for word in x_cache]
    assert one.decisions == ["decided"] * sum(step in ALL_TRIGGERS for step in first)
    assert one.troubles == []


def test_only_the_associated_triggers_run() -> None:
    world = RecordedDistribution(replace(KEEP, triggers=frozenset({"origin-response"})))
    (exchange,) = world(GET)
    assert exchange.steps == ["miss", "origin", "origin-response"]


@pytest.mark.parametrize("method", ["POST", "PUT", "OPTIONS"])
def test_methods_that_are_not_cached_go_through_each_time(method: str) -> None:
    world = RecordedDistribution()
    one, two = world(replace(GET, method=method), replace(GET, method=method))
    assert one.steps == two.steps
    assert "hit" not in two.steps
    assert len(world.fetched) == 2


def test_options_is_cached_where_it_is_among_the_cached_methods() -> None:
    world = RecordedDistribution(replace(KEEP, cached_methods=frozenset({"GET", "HEAD", "OPTIONS"})))
    options = replace(GET, method="OPTIONS")
    one, two, other = world(options, options, GET)
    assert ["hit" in exchange.steps for exchange in (one, two, other)] == [False, True, False]


@pytest.mark.parametrize(
    ("request_", "status", "sentence"),
    [
        (replace(GET, method="OPTIONS"), 403, "the behaviour does not allow OPTIONS"),
        (replace(GET, method="TRACE"), 403, "the behaviour does not allow TRACE"),
        (replace(GET, body=b"x"), 403, "CloudFront refuses a GET request with a body"),
        (
            replace(GET, path="/" + "a" * 8187),
            413,
            "path and query are 8192 bytes; CloudFront takes less than 8192",
        ),
        (
            replace(GET, path="/", query="", headers=(("X-A", "a" * 20_477),)),
            413,
            "path, query and headers are 20481 bytes; CloudFront takes 20480",
        ),
    ],
)
def test_what_cloudfront_refuses_by_itself_runs_no_function(request_: HttpRequest, status: int, sentence: str) -> None:
    world = RecordedDistribution(replace(KEEP, allowed_methods=frozenset({"GET", "HEAD"})))
    (exchange,) = world(request_)
    assert (exchange.response.status, exchange.steps, exchange.troubles) == (status, [], [sentence])
    assert world.events == []


# -- what the triggers see -----------------------------------------------------------------------------------

VIEWER = HttpRequest(
    "POST",
    "/a%20b",
    "x=1&y=2",
    (
        ("Host", "d.example"),
        ("Origin", "https://a.example"),
        ("User-Agent", "browser"),
        ("Accept", "text/html"),
        ("Accept-Encoding", "gzip, deflate, br"),
        ("Cookie", "s=1; t=2"),
        ("Content-Type", "text/plain"),
        ("Authorization", "Bearer x"),
        ("Content-Length", "4"),
        ("X-Twice", "1"),
        ("X-Twice", "2"),
        ("X-Forwarded-For", "198.51.100.7"),
        ("X-Forwarded-Proto", "https"),
        ("Connection", "keep-alive, X-Hop"),
        ("X-Hop", "1"),
        ("If-None-Match", '"e"'),
    ),
    b"body",
    "192.0.2.1",
)
VIA = "1.1 d1.cloudfront.net (CloudFront)"


def shown(event_headers: dict[str, list[dict[str, str]]]) -> dict[str, list[str]]:
    """An event's headers without their spellings, which have to be those of the dictionary's keys."""
    for name, items in event_headers.items():
        assert name == name.lower()
        assert all(item["key"].lower() == name for item in items)
    return {name: [item["value"] for item in items] for name, items in event_headers.items()}


def test_viewer_events_show_the_viewer_s_request() -> None:
    world = RecordedDistribution()
    world(VIEWER)
    expected = {
        "host": ["d.example"],
        "origin": ["https://a.example"],
        "user-agent": ["browser"],
        "accept": ["text/html"],
        "accept-encoding": ["gzip, deflate, br"],
        "cookie": ["s=1; t=2"],
        "content-type": ["text/plain"],
        "authorization": ["Bearer x"],
        "content-length": ["4"],
        "x-twice": ["1", "2"],
        "x-forwarded-for": ["198.51.100.7"],
        "if-none-match": ['"e"'],
    }
    for trigger in ("viewer-request", "viewer-response"):
        request = world.seen(trigger)["request"]
        assert shown(request.pop("headers")) == expected
        assert request == {
            "clientIp": "192.0.2.1",
            "method": "POST",
            "uri": "/a%20b",
            "querystring": "x=1&y=2",
        }
    assert "response" not in world.seen("viewer-request")
    response = world.seen("viewer-response")["response"]
    assert response == {
        "status": "200",
        "statusDescription": "OK",
        "headers": {"content-type": [{"key": "Content-Type", "value": "text/plain"}]},
    }


def test_every_event_has_the_documented_config() -> None:
    world = RecordedDistribution()
    world(GET)
    configs = [event["Records"][0]["cf"]["config"] for event in world.events]
    assert [config.pop("eventType") for config in configs] == [
        "viewer-request",
        "origin-request",
        "origin-response",
        "viewer-response",
    ]
    (request_id,) = {config.pop("requestId") for config in configs}
    assert request_id
    assert configs == [{"distributionDomainName": "d1.cloudfront.net", "distributionId": "E1"}] * 4
    assert all(list(event) == ["Records"] and len(event["Records"]) == 1 for event in world.events)


NOTHING_FORWARDED: dict[str, list[str]] = {
    "host": ["origin.example"],
    "user-agent": ["Amazon CloudFront"],
    "via": [VIA],
    "x-forwarded-for": ["198.51.100.7, 192.0.2.1"],
    "content-type": ["text/plain"],
    "content-length": ["4"],
    "authorization": ["Bearer x"],
}
ALL_FORWARDED = NOTHING_FORWARDED | {
    "origin": ["https://a.example"],
    "user-agent": ["browser"],
    "accept": ["text/html"],
    "accept-encoding": ["br,gzip"],
    "x-twice": ["1", "2"],
    "cookie": ["s=1; t=2"],
}


@pytest.mark.parametrize(
    ("behavior", "expected", "query"),
    [
        (Behavior(key_query=NOTHING), NOTHING_FORWARDED, ""),
        (
            Behavior(key_headers=KeySelection.only("origin"), key_query=KeySelection.only("x")),
            NOTHING_FORWARDED | {"origin": ["https://a.example"]},
            "x=1",
        ),
        (
            Behavior(
                key_query=KeySelection.only("x"),
                key_cookies=KeySelection.only("s"),
                key_encodings=("gzip",),
                forward_headers=KeySelection.only("host", "accept"),
                forward_query=KeySelection.only("y"),
            ),
            NOTHING_FORWARDED
            | {"host": ["d.example"], "accept": ["text/html"], "accept-encoding": ["gzip"], "cookie": ["s=1"]},
            "x=1&y=2",
        ),
        (deployed_behavior("viewer"), ALL_FORWARDED, "x=1&y=2"),
        (deployed_behavior("origin"), ALL_FORWARDED, "x=1&y=2"),
        (
            replace(deployed_behavior("viewer"), forward_headers=EVERYTHING, key_encodings=()),
            ALL_FORWARDED | {"host": ["d.example"], "accept-encoding": ["gzip, deflate, br"]},
            "x=1&y=2",
        ),
    ],
    ids=["nothing", "key", "some", "viewer set-up", "origin set-up", "all viewer"],
)
def test_origin_events_show_what_the_policies_let_through(
    behavior: Behavior, expected: dict[str, list[str]], query: str
) -> None:
    world = RecordedDistribution(replace(behavior, triggers=ALL_TRIGGERS))
    world(VIEWER)
    for trigger in ("origin-request", "origin-response"):
        request = world.seen(trigger)["request"]
        assert shown(request["headers"]) == expected
        assert request["querystring"] == query
        assert request["origin"] == {
            "custom": {
                "customHeaders": {},
                "domainName": "origin.example",
                "keepaliveTimeout": 5,
                "path": "/base",
                "port": 8081,
                "protocol": "http",
                "readTimeout": 30,
                "sslProtocols": ["TLSv1.2"],
            }
        }
    ((method, target, sent, body),) = world.fetched
    assert (method, target, body) == ("POST", f"/a%20b?{query}".rstrip("?"), b"body")
    assert values(sent, "x-twice") == expected.get("x-twice", [])
    # Functions see the bare name; the server gets its port as well.
    assert values(sent, "host") == (["d.example"] if expected["host"] == ["d.example"] else ["origin.example:8081"])


def test_authorization_reaches_the_origin_with_get_only_if_it_is_in_the_key() -> None:
    get = replace(GET, headers=(*GET.headers, ("Authorization", "Bearer x")))
    for key, expected in ((NOTHING, []), (KeySelection.only("authorization"), ["Bearer x"])):
        world = RecordedDistribution(Behavior(key_headers=key))
        world(get)
        assert values(world.fetched[0][2], "authorization") == expected


def test_functions_neither_see_nor_lose_the_headers_that_are_hidden_from_them() -> None:
    hidden = (("X-Amzn-RequestId", "r"), ("X-Edge-Something", "1"), ("Content-Type", "text/plain"))
    world = RecordedDistribution(answer=HttpResponse(200, hidden))
    (exchange,) = world(GET)
    assert shown(world.seen("origin-response")["response"]["headers"]) == {"content-type": ["text/plain"]}
    assert headers(exchange.response) == {
        "x-amzn-requestid": "r",
        "x-edge-something": "1",
        "content-type": "text/plain",
    }


def test_values_are_utf_8_for_functions_and_as_they_were_on_the_wire() -> None:
    raw = "Ä, ü".encode().decode("latin-1")
    world = RecordedDistribution(replace(KEEP, forward_headers=EVERYTHING))
    world(replace(GET, headers=(*GET.headers, ("X-Utf-8", raw), ("X-Latin-1", "\xe9"))))
    seen = world.seen("viewer-request")["request"]["headers"]
    assert (seen["x-utf-8"][0]["value"], seen["x-latin-1"][0]["value"]) == ("Ä, ü", "é")
    sent = world.fetched[0][2]
    assert (value(sent, "x-utf-8"), value(sent, "x-latin-1")) == (raw, "é".encode().decode("latin-1"))


# -- what functions change -----------------------------------------------------------------------------------


def test_changes_of_request_triggers_count() -> None:
    def change(trigger: str, cf: dict[str, Any]) -> Any:
        if trigger == "viewer-request":
            cf["request"] |= {"uri": "/changed", "querystring": "n=1"}
            cf["request"]["headers"]["x-new"] = [{"key": "X-New", "value": "1"}, {"value": "2"}]
        if trigger == "origin-request":
            cf["request"]["uri"] += "/again"
        return passing(trigger, cf)

    world = RecordedDistribution(replace(KEEP, forward_headers=EVERYTHING), change)
    _, two = world(GET, replace(GET, path="/other"))
    assert [target for _, target, _, _ in world.fetched] == ["/changed/again?n=1"]
    assert values(world.fetched[0][2], "x-new") == ["1", "2"]
    assert "hit" in two.steps


def test_origin_response_may_replace_headers_status_and_body_before_the_cache() -> None:
    def change(trigger: str, cf: dict[str, Any]) -> Any:
        if trigger == "origin-response":
            cf["response"] |= {"status": "203", "body": "aGk=", "bodyEncoding": "base64"}
            cf["response"]["headers"] = {"x-made": [{"value": "1"}]}
        return passing(trigger, cf)

    one, two = RecordedDistribution(handler=change)(GET, GET)
    for exchange in (one, two):
        assert (exchange.response.status, exchange.response.body) == (203, b"hi")
        assert headers(exchange.response, "age") == {"x-made": "1"}
    assert ("X-Made", "1") in one.response.headers


def test_viewer_response_changes_headers_for_this_viewer_alone() -> None:
    def change(trigger: str, cf: dict[str, Any]) -> Any:
        if trigger == "viewer-response":
            origin = cf["request"]["headers"]["origin"][0]["value"]
            cf["response"]["headers"]["x-for"] = [{"key": "X-For", "value": origin}]
            # Not allowed to count there.
            cf["response"] |= {"status": "500", "body": "no"}
        return passing(trigger, cf)

    one, two = RecordedDistribution(handler=change)(with_origin("https://a.example"), with_origin("https://b.example"))
    assert [value(exchange.response.headers, "x-for") for exchange in (one, two)] == [
        "https://a.example",
        "https://b.example",
    ]
    assert [(exchange.response.status, exchange.response.body) for exchange in (one, two)] == [(200, b"hello")] * 2


def test_a_generated_response_is_sent_as_it_is() -> None:
    generated = {
        "status": "403",
        "headers": {"x-a": [{"key": "x-A", "value": "1"}], "vary": [{"value": "Origin"}]},
        "body": "no",
    }
    (exchange,) = RecordedDistribution(handler=answering("viewer-request", generated))(GET)
    assert (exchange.response.status, exchange.response.body) == (403, b"no")
    assert {("x-A", "1"), ("Vary", "Origin")} <= set(exchange.response.headers)


def raising(trigger: str, cf: dict[str, Any]) -> Any:
    raise RuntimeError("boom")


MISTAKES = [
    (raising, "the handler failed: boom"),
    (None, "the handler returned no object"),
    ({"status": "200", "headers": {"a": "b"}}, "headers are not lists of objects with a value"),
]
# viewer-response can change headers only; what it says of status and body is not read.
MISTAKES_ELSEWHERE = [
    ({"status": "99", "headers": {}}, "status 99 is not between 200 and 599"),
    ({"status": "x", "headers": {}}, "status 'x' is not a number"),
    ({"status": "200", "headers": {}, "body": 1}, "body is not a string"),
    ({"status": "200", "headers": {}, "body": "?", "bodyEncoding": "base64"}, "body is not base64"),
]


@pytest.mark.parametrize(
    ("trigger", "result", "sentence"),
    [
        *((trigger, *mistake) for trigger in TRIGGERS for mistake in MISTAKES),
        *((trigger, *mistake) for trigger in TRIGGERS[:3] for mistake in MISTAKES_ELSEWHERE),
    ],
)
def test_a_function_s_mistake_is_a_502_with_the_reason(trigger: str, result: Any, sentence: str) -> None:
    def handler(at: str, cf: dict[str, Any]) -> Any:
        if at != trigger:
            return passing(at, cf)
        return result(at, cf) if callable(result) else result

    world = RecordedDistribution(handler=handler)
    one, two = world(GET, GET)
    for exchange in (one, two):
        assert exchange.response.status == 502
        assert exchange.steps[-1] == trigger
        assert len(exchange.troubles) == 1
        assert exchange.troubles[0].startswith(f"{trigger}: {sentence}")
        assert sentence.encode() in exchange.response.body


@pytest.mark.parametrize("trigger", TRIGGERS)
def test_a_broken_rule_of_the_edge_is_a_502_with_the_reason(trigger: str) -> None:
    world = RecordedDistribution(replace(KEEP, triggers=frozenset({trigger})))
    world.broken = ["Via is read-only", "X-Cache is disallowed"]
    (exchange,) = world(GET)
    assert exchange.response.status == 502
    assert exchange.troubles == [f"{trigger}: Via is read-only; X-Cache is disallowed"]
    assert value(exchange.response.headers, "x-cache") == "LambdaValidationError from cloudfront (local)"


# -- the origin's answers ------------------------------------------------------------------------------------


@pytest.mark.parametrize("status", [502, 504])
def test_an_upstream_that_can_t_be_reached_runs_no_response_trigger(status: int) -> None:
    world = RecordedDistribution(answer=UpstreamError(status, "no answer"))
    one, two = world(GET, GET)
    assert (one.response.status, one.troubles) == (status, ["no answer"])
    assert one.steps == ["viewer-request", "miss", "origin-request", "origin"]
    # The error caching minimum TTL counts for it too.
    assert two.steps == ["viewer-request", "hit"]


@pytest.mark.parametrize(
    ("vary", "behavior", "expected"),
    [
        (["Origin, Accept-Encoding, X-A"], KEEP, "Accept-Encoding"),
        (["Origin", "Cookie"], KEEP, "Cookie"),
        (["Origin, X-A"], replace(KEEP, key_headers=KeySelection.only("origin")), "Origin"),
        (["Origin, X-A"], replace(KEEP, forward_headers=KeySelection.only("x-a")), "X-A"),
        (["Origin"], KEEP, None),
        (["*"], KEEP, "*"),
    ],
)
def test_vary_loses_what_is_not_forwarded(vary: list[str], behavior: Behavior, expected: str | None) -> None:
    world = RecordedDistribution(behavior, answer=HttpResponse(200, tuple(("Vary", text) for text in vary)))
    (exchange,) = world(GET)
    assert value(exchange.response.headers, "vary") == expected


def test_what_a_function_puts_into_vary_stays() -> None:
    def change(trigger: str, cf: dict[str, Any]) -> Any:
        if trigger == "origin-response":
            cf["response"]["headers"]["vary"] = [{"key": "Vary", "value": "Origin"}]
        return passing(trigger, cf)

    (exchange,) = RecordedDistribution(handler=change)(GET)
    assert value(exchange.response.headers, "vary") == "Origin"


@pytest.mark.parametrize(
    ("behavior", "expected"),
    [
        (KEEP, []),
        (replace(KEEP, key_cookies=EVERYTHING), ["a=1", "b=2, x"]),
        (replace(KEEP, forward_cookies=KeySelection.only("s")), ["a=1", "b=2, x"]),
    ],
)
def test_set_cookie_passes_apart_where_cookies_are_forwarded(behavior: Behavior, expected: list[str]) -> None:
    world = RecordedDistribution(behavior, answer=HttpResponse(200, (("Set-Cookie", "a=1"), ("Set-Cookie", "b=2, x"))))
    (exchange,) = world(GET)
    assert values(exchange.response.headers, "set-cookie") == expected


def test_age_grows_and_an_expired_response_is_fetched_anew() -> None:
    world = RecordedDistribution(answer=HttpResponse(200, (("Cache-Control", "max-age=30"),), b"1"))

    async def story() -> list[Exchange]:
        exchanges = [await world.front.handle(GET)]
        world.answer = HttpResponse(200, (), b"2")
        for now in (1012.0, 1030.0):
            world.now = now
            exchanges.append(await world.front.handle(GET))
        return exchanges

    exchanges = asyncio.run(story())
    assert [exchange.response.body for exchange in exchanges] == [b"1", b"1", b"2"]
    assert [value(exchange.response.headers, "age") for exchange in exchanges] == [None, "12", None]


# -- the classic poisoning -----------------------------------------------------------------------------------


def reflecting(trigger: str, cf: dict[str, Any]) -> Any:
    """What a function at origin-response does to answer each origin: right only if the cache keeps them apart."""
    if trigger == "origin-response":
        origin = cf["request"]["headers"]["origin"][0]["value"]
        cf["response"]["headers"]["access-control-allow-origin"] = [{"value": origin}]
    return passing(trigger, cf)


ORIGINS = ("https://a.example", "https://b.example")


def allowed(exchanges: Iterable[Exchange]) -> list[str | None]:
    return [value(exchange.response.headers, "access-control-allow-origin") for exchange in exchanges]


def test_poisoning_shows_with_the_wrong_key_and_not_with_the_right_one() -> None:
    right = replace(deployed_behavior("origin"), default_ttl=60)
    requests = [with_origin(origin) for origin in ORIGINS]
    assert allowed(RecordedDistribution(right, reflecting)(*requests)) == list(ORIGINS)
    assert allowed(RecordedDistribution(right.unkeyed(["Origin"]), reflecting)(*requests)) == [ORIGINS[0]] * 2


def test_poisoning_shows_among_requests_at_once_even_where_nothing_is_kept() -> None:
    """Concurrent misses share one answer."""
    right = deployed_behavior("origin")
    requests = [with_origin(origin) for origin in ORIGINS]
    assert allowed(RecordedDistribution(right, reflecting).at_once(*requests)) == list(ORIGINS)
    exchanges = RecordedDistribution(right.unkeyed(["Origin"]), reflecting).at_once(*requests)
    assert allowed(exchanges) == [ORIGINS[0]] * 2
    assert [exchange.steps[-1] for exchange in exchanges] == ["origin-response", "collapsed"]


@pytest.mark.parametrize("directive", ["no-store", "private", "No-Cache", 'private="x-user"'])
def test_an_answer_that_forbids_caching_is_not_shared_among_requests_at_once(directive: str) -> None:
    without_origin = deployed_behavior("origin").unkeyed(["Origin"])
    world = RecordedDistribution(without_origin, reflecting, HttpResponse(200, (("Cache-Control", directive),)))
    assert allowed(world.at_once(*(with_origin(origin) for origin in ORIGINS))) == list(ORIGINS)


def test_with_caching_disabled_requests_at_once_are_not_collapsed() -> None:
    world = RecordedDistribution(replace(KEEP, default_ttl=0, max_ttl=0))
    world.at_once(*(with_origin(origin) for origin in ORIGINS))
    assert len(world.fetched) == 2
