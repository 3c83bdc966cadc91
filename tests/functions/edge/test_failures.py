"""Invalid events and internal errors: no handler raises, traffic goes on, and nobody is allowed by accident."""

import copy
import json
from pathlib import Path
from typing import Any

import pytest
from edgecors.edge import Edge
from edgecors.events.cloudfront import CloudFrontEvent
from edgecors.telemetry import Telemetry
from hypothesis import given as given_by
from hypothesis import settings
from hypothesis import strategies as st

from tests.functions.edge.support import (
    ORIGIN_RESPONSE,
    SETUPS,
    VIEWER_REQUEST,
    VIEWER_RESPONSE,
    Handlers,
    event,
    plain,
    preflight,
)

EVENTS = Path(__file__).resolve().parents[3] / "events"
SAMPLES = sorted(path for path in EVENTS.glob("cloudfront/*.json") if not path.name.endswith(".expected.json"))
POLICY = (EVENTS / "policy.json").read_text("utf-8")
APP, EVIL = "https://app.example.com", "https://evil.example"

UNREADABLE: list[Any] = [
    *(None, 5, "x", [], {}),
    {"Records": None},
    {"Records": []},
    {"Records": [None]},
    {"Records": [{}]},
    {"Records": [{"cf": None}]},
    {"Records": [{"cf": "x"}]},
    {"Records": [{"cf": []}]},
    {"Records": {"0": {"cf": {}}}},
    {"version": "2.0", "rawPath": "/", "requestContext": {"http": {"method": "GET"}}},
]


@pytest.mark.parametrize("setup", SETUPS)
@pytest.mark.parametrize("unreadable", UNREADABLE)
def test_value_that_is_not_an_event_gives_an_empty_object(setup: str, unreadable: Any) -> None:
    handlers = Handlers(POLICY, checked=False)
    assert handlers(setup, unreadable) == {}
    assert len(handlers.failures) == 1


@pytest.mark.parametrize("setup", SETUPS)
def test_response_event_without_response_gives_its_request(setup: str) -> None:
    handlers = Handlers(POLICY, checked=False)
    broken = event(ORIGIN_RESPONSE)
    del broken["Records"][0]["cf"]["response"]
    assert handlers(setup, broken) == broken["Records"][0]["cf"]["request"]
    assert "a response event without a response" in handlers.failures[0]


UPSTREAM = {"access_control_allow_origin": "*", "access_control_expose_headers": "x"}


class RaisingStore:
    """A store that raises an unexpected exception."""

    def get(self, site: str) -> Any:
        raise RuntimeError("what is this")


@pytest.mark.parametrize("setup", SETUPS)
@pytest.mark.parametrize("status", [200, 404])
def test_internal_error_removes_the_upstream_s_cors_headers(setup: str, status: int) -> None:
    lines: list[str] = []
    edge = Edge(RaisingStore(), Telemetry(lines.append))  # type: ignore[arg-type]
    handler = edge.viewer if setup == "viewer" else edge.origin
    original = event(ORIGIN_RESPONSE, origin=EVIL, status=status, upstream=UPSTREAM)
    assert set(plain(handler(copy.deepcopy(original)))) == {"content-type", "content-length", "server"}
    (line,) = map(json.loads, lines)
    assert (line["level"], line["message"]) == ("ERROR", "the edge function failed; the event is passed on")
    assert "RuntimeError: what is this" in line["exception"]


@pytest.mark.parametrize("setup", SETUPS)
def test_internal_error_lets_requests_go_on(setup: str) -> None:
    edge = Edge(RaisingStore(), Telemetry(lambda line: None))  # type: ignore[arg-type]
    handler = edge.viewer if setup == "viewer" else edge.origin
    original = preflight(SETUPS[setup][0], EVIL)
    assert handler(copy.deepcopy(original)) == original["Records"][0]["cf"]["request"]


def test_internal_error_after_setting_headers_removes_them() -> None:
    """The header is on the response already when merging Vary fails."""
    handlers = Handlers(POLICY, checked=False)
    original = event(VIEWER_RESPONSE, origin=APP, upstream={"vary": "Accept-Encoding", **UPSTREAM})
    del original["Records"][0]["cf"]["response"]["headers"]["vary"][0]["value"]
    result = handlers("viewer", original)
    assert not [name for name in result["headers"] if name.startswith("access-control-")]
    assert len(handlers.failures) == 1


def test_unreadable_response_headers_are_unchanged() -> None:
    handlers = Handlers(POLICY, checked=False)
    original = event(VIEWER_RESPONSE, origin=APP)
    original["Records"][0]["cf"]["response"]["headers"] = [5]
    assert handlers("viewer", original) == original["Records"][0]["cf"]["response"]
    messages = [line["message"] for line in handlers.lines if line.get("level") == "ERROR"]
    assert messages == ["the edge function failed; the event is passed on", "the response's headers can't be read"]


@pytest.mark.parametrize("missing", ["headers", "status", "statusDescription"])
@pytest.mark.parametrize("setup", SETUPS)
def test_response_without_a_part_is_not_an_error(setup: str, missing: str) -> None:
    handlers = Handlers(POLICY, checked=False)
    original = event(ORIGIN_RESPONSE, origin=APP)
    del original["Records"][0]["cf"]["response"][missing]
    result = handlers(setup, original)
    assert handlers.failures == []
    if setup == "origin":
        assert result["headers"]["access-control-allow-origin"][0]["value"] == APP


@pytest.mark.parametrize("missing", ["headers", "method", "uri", "clientIp", "querystring"])
@pytest.mark.parametrize("trigger", [VIEWER_REQUEST, VIEWER_RESPONSE])
def test_request_without_a_part_is_not_an_error(trigger: str, missing: str) -> None:
    handlers = Handlers(POLICY, checked=False)
    original = event(trigger, origin=APP)
    del original["Records"][0]["cf"]["request"][missing]
    handlers("viewer", original)
    assert handlers.failures == []


@pytest.mark.parametrize("status", ["", "abc", "²00", None, 404, "404", "4 04", "-404"])
def test_invalid_status_is_not_an_error(status: Any) -> None:
    handlers = Handlers(POLICY, checked=False)
    original = event(ORIGIN_RESPONSE, origin=APP)
    original["Records"][0]["cf"]["response"]["status"] = status
    result = handlers("viewer", original)
    assert handlers.failures == []
    assert ("cache-control" in result["headers"]) is (status in (404, "404"))


def test_logged_traceback_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    def deeper(*arguments: object) -> Any:
        return deeper(*arguments)

    monkeypatch.setattr(CloudFrontEvent, "request", deeper)
    handlers = Handlers(POLICY, checked=False)
    handlers("viewer", event(VIEWER_RESPONSE, origin=APP))
    assert "RecursionError" in handlers.failures[0]
    assert len(handlers.failures[0]) < 5000


# Events that are nearly right.


def nodes(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """The path to each part of a JSON value."""
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [path, *(result for key, part in items for result in nodes(part, (*path, key)))]


PARSED = [json.loads(path.read_text("utf-8")) for path in SAMPLES]
PLACES = [(number, place) for number, sample in enumerate(PARSED) for place in nodes(sample) if place]
OTHERS: list[Any] = [None, True, 0, -1, 1.5, "", "x", "\udc00", "*", [], [None], [[]], {}, {"": None}, {"key": "Vary"}]
REMOVED = object()


def mutate(value: Any, place: tuple[Any, ...], other: Any) -> None:
    """Replace or remove one part; a location that an earlier change removed is skipped."""
    *way, last = place
    try:
        for key in way:
            value = value[key]
        value[last]
        if other is REMOVED:
            del value[last]
        else:
            value[last] = copy.deepcopy(other)
    except (LookupError, TypeError):
        pass


def permissions(message: Any) -> list[Any]:
    """The values of all Access-Control-Allow-* headers."""
    headers = message.get("headers") if isinstance(message, dict) else None
    items = headers.items() if isinstance(headers, dict) else ()
    return [result for name, result in items if name.lower().startswith("access-control-allow-")]


changes = st.tuples(st.sampled_from([None, REMOVED, *OTHERS]), st.integers(0, 10**6))


@settings(max_examples=400, deadline=None)
@given_by(place=st.sampled_from(PLACES), other=st.sampled_from([REMOVED, *OTHERS]), more=st.lists(changes, max_size=2))
def test_mutated_event_never_raises_and_grants_nothing(
    place: tuple[int, Any], other: Any, more: list[tuple[Any, int]]
) -> None:
    number, where = place
    changed = copy.deepcopy(PARSED[number])
    mutate(changed, where, other)
    for another, position in more:
        places = nodes(PARSED[number])[1:]
        mutate(changed, places[position % len(places)], another)
    for setup in SETUPS:
        for policy in (POLICY, None):
            handlers = Handlers(policy, checked=False)
            # The result is JSON: `Handlers` writes and reads it.
            result = handlers(setup, changed)
            if policy is None:
                # Without a policy, a result has no Access-Control-Allow-* header that the event did not have.
                assert [items for items in permissions(result) if json.dumps(items) not in json.dumps(changed)] == []


@pytest.mark.parametrize("trigger", ["viewer-request", "origin-request"])
@pytest.mark.parametrize("handler", SETUPS)
def test_request_event_with_a_response_gives_its_request(handler: str, trigger: str) -> None:
    """A handler that has no part at that trigger used to return the response in the event."""
    original = event(trigger, origin=APP)
    original["Records"][0]["cf"]["response"] = {"status": "200", "headers": {"via": [{"key": "Via", "value": "x"}]}}
    assert Handlers(POLICY)(handler, original) == original["Records"][0]["cf"]["request"]
