"""Whatever comes: no handler raises, traffic goes on, and no permission is given by accident."""

import copy
import json
from pathlib import Path
from typing import Any

import pytest
from edgecors.edge import Edge
from edgecors.events import cloudfront
from edgecors.telemetry import Telemetry
from hypothesis import given as given_by
from hypothesis import settings
from hypothesis import strategies as st

from tests.edge.support import (
    ORIGIN_RESPONSE,
    SETUPS,
    VIEWER_REQUEST,
    VIEWER_RESPONSE,
    Handlers,
    event,
    plain,
    preflight,
)

EVENTS = Path(__file__).resolve().parents[2] / "events"
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
def test_what_is_no_event_comes_back_empty(setup: str, unreadable: Any) -> None:
    handlers = Handlers(POLICY, checked=False)
    assert handlers(setup, unreadable) == {}
    assert len(handlers.failures) == 1


@pytest.mark.parametrize("setup", SETUPS)
def test_a_response_event_without_a_response_comes_back_as_its_request(setup: str) -> None:
    handlers = Handlers(POLICY, checked=False)
    broken = event(ORIGIN_RESPONSE)
    del broken["Records"][0]["cf"]["response"]
    assert handlers(setup, broken) == broken["Records"][0]["cf"]["request"]
    assert "a response event without a response" in handlers.failures[0]


UPSTREAM = {"access_control_allow_origin": "*", "access_control_expose_headers": "x"}


class Broken:
    """A store that fails as no store should."""

    def get(self, site: str) -> Any:
        raise RuntimeError("what is this")


@pytest.mark.parametrize("setup", SETUPS)
@pytest.mark.parametrize("status", [200, 404])
def test_a_failure_within_takes_the_upstreams_permissions_away(setup: str, status: int) -> None:
    lines: list[str] = []
    edge = Edge(Broken(), Telemetry(lines.append))  # type: ignore[arg-type]
    handler = edge.viewer if setup == "viewer" else edge.origin
    given = event(ORIGIN_RESPONSE, origin=EVIL, status=status, upstream=UPSTREAM)
    assert set(plain(handler(copy.deepcopy(given)))) == {"content-type", "content-length", "server"}
    (line,) = map(json.loads, lines)
    assert (line["level"], line["message"]) == ("ERROR", "the edge function failed; traffic goes on")
    assert "RuntimeError: what is this" in line["exception"]


@pytest.mark.parametrize("setup", SETUPS)
def test_a_failure_within_lets_requests_go_on(setup: str) -> None:
    edge = Edge(Broken(), Telemetry(lambda line: None))  # type: ignore[arg-type]
    handler = edge.viewer if setup == "viewer" else edge.origin
    given = preflight(SETUPS[setup][0], EVIL)
    assert handler(copy.deepcopy(given)) == given["Records"][0]["cf"]["request"]


def test_a_failure_half_way_leaves_no_permission_behind() -> None:
    """Ours is on the response already when merging Vary fails."""
    handlers = Handlers(POLICY, checked=False)
    given = event(VIEWER_RESPONSE, origin=APP, upstream={"vary": "Accept-Encoding", **UPSTREAM})
    del given["Records"][0]["cf"]["response"]["headers"]["vary"][0]["value"]
    found = handlers("viewer", given)
    assert not [name for name in found["headers"] if name.startswith("access-control-")]
    assert len(handlers.failures) == 1


def test_headers_that_cannot_be_read_come_back_as_they_are() -> None:
    handlers = Handlers(POLICY, checked=False)
    given = event(VIEWER_RESPONSE, origin=APP)
    given["Records"][0]["cf"]["response"]["headers"] = [5]
    assert handlers("viewer", given) == given["Records"][0]["cf"]["response"]
    messages = [line["message"] for line in handlers.lines if line.get("level") == "ERROR"]
    assert messages == ["the edge function failed; traffic goes on", "the response's headers can't be read"]


@pytest.mark.parametrize("missing", ["headers", "status", "statusDescription"])
@pytest.mark.parametrize("setup", SETUPS)
def test_a_response_may_lack_a_part(setup: str, missing: str) -> None:
    handlers = Handlers(POLICY, checked=False)
    given = event(ORIGIN_RESPONSE, origin=APP)
    del given["Records"][0]["cf"]["response"][missing]
    found = handlers(setup, given)
    assert handlers.failures == []
    if setup == "origin":
        assert found["headers"]["access-control-allow-origin"][0]["value"] == APP


@pytest.mark.parametrize("missing", ["headers", "method", "uri", "clientIp", "querystring"])
@pytest.mark.parametrize("trigger", [VIEWER_REQUEST, VIEWER_RESPONSE])
def test_a_request_may_lack_a_part(trigger: str, missing: str) -> None:
    handlers = Handlers(POLICY, checked=False)
    given = event(trigger, origin=APP)
    del given["Records"][0]["cf"]["request"][missing]
    handlers("viewer", given)
    assert handlers.failures == []


@pytest.mark.parametrize("status", ["", "abc", "²00", None, 404, "404", "4 04", "-404"])
def test_a_status_that_is_none_is_no_error_of_ours(status: Any) -> None:
    handlers = Handlers(POLICY, checked=False)
    given = event(ORIGIN_RESPONSE, origin=APP)
    given["Records"][0]["cf"]["response"]["status"] = status
    found = handlers("viewer", given)
    assert handlers.failures == []
    assert ("cache-control" in found["headers"]) is (status in (404, "404"))


def test_the_traceback_in_the_log_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    def deeper(*arguments: object) -> Any:
        return deeper(*arguments)

    monkeypatch.setattr(cloudfront, "to_request", deeper)
    handlers = Handlers(POLICY, checked=False)
    handlers("viewer", event(VIEWER_RESPONSE, origin=APP))
    assert "RecursionError" in handlers.failures[0]
    assert len(handlers.failures[0]) < 5000


# Events that are nearly right.


def nodes(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """The path to each part of a JSON value."""
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [path, *(found for key, part in items for found in nodes(part, (*path, key)))]


PARSED = [json.loads(path.read_text("utf-8")) for path in SAMPLES]
PLACES = [(number, place) for number, sample in enumerate(PARSED) for place in nodes(sample) if place]
OTHERS: list[Any] = [None, True, 0, -1, 1.5, "", "x", "\udc00", "*", [], [None], [[]], {}, {"": None}, {"key": "Vary"}]
REMOVED = object()


def mutate(value: Any, place: tuple[Any, ...], other: Any) -> None:
    """Replaces or removes one part; a place that an earlier change took away is left alone."""
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
    """The values of all headers that allow something."""
    headers = message.get("headers") if isinstance(message, dict) else None
    items = headers.items() if isinstance(headers, dict) else ()
    return [found for name, found in items if name.lower().startswith("access-control-allow-")]


changes = st.tuples(st.sampled_from([None, REMOVED, *OTHERS]), st.integers(0, 10**6))


@settings(max_examples=400, deadline=None)
@given_by(place=st.sampled_from(PLACES), other=st.sampled_from([REMOVED, *OTHERS]), more=st.lists(changes, max_size=2))
def test_a_mutated_event_never_raises(place: tuple[int, Any], other: Any, more: list[tuple[Any, int]]) -> None:
    number, where = place
    changed = copy.deepcopy(PARSED[number])
    mutate(changed, where, other)
    for another, position in more:
        places = nodes(PARSED[number])[1:]
        mutate(changed, places[position % len(places)], another)
    for setup in SETUPS:
        for policy in (POLICY, None):
            handlers = Handlers(policy, checked=False)
            # What comes back is JSON, as Lambda needs it: `Handlers` writes and reads it.
            found = handlers(setup, changed)
            if policy is None:
                # Without a policy nobody is allowed: no permission comes back that the event did not bring.
                assert [items for items in permissions(found) if json.dumps(items) not in json.dumps(changed)] == []


@pytest.mark.parametrize("trigger", ["viewer-request", "origin-request"])
@pytest.mark.parametrize("handler", SETUPS)
def test_a_request_event_never_comes_back_as_a_response(handler: str, trigger: str) -> None:
    """A response that stands in it was given back where the handler has no part at that trigger."""
    given = event(trigger, origin=APP)
    given["Records"][0]["cf"]["response"] = {"status": "200", "headers": {"via": [{"key": "Via", "value": "x"}]}}
    assert Handlers(POLICY)(handler, given) == given["Records"][0]["cf"]["request"]
