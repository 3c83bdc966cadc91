"""What has hurt others at the edge, each by name."""

import json
from typing import Any

import pytest

from tests.edge.support import (
    ORIGIN_REQUEST,
    ORIGIN_RESPONSE,
    SETUPS,
    VIEWER_REQUEST,
    VIEWER_RESPONSE,
    Handlers,
    event,
    plain,
    preflight,
)

APP, EVIL = "https://app.example.com", "https://evil.example"
RULE: dict[str, Any] = {"allow_origins": [APP, "https://*.example.org"], "allow_credentials": True}
POLICY = {"version": 1, "rules": [RULE]}
# Where a set-up stamps a response, and where it answers a preflight.
STAMPING = [("viewer", VIEWER_RESPONSE), ("origin", ORIGIN_RESPONSE)]
ANSWERING = [("viewer", VIEWER_REQUEST), ("origin", ORIGIN_REQUEST)]

stamping = pytest.mark.parametrize(("setup", "trigger"), STAMPING)
answering = pytest.mark.parametrize(("setup", "trigger"), ANSWERING)


def cors(found: Any) -> dict[str, str]:
    return {name: value for name, value in plain(found).items() if name.startswith("access-control-")}


@answering
@pytest.mark.parametrize("debug", [False, True])
def test_a_204_has_no_body_not_even_an_empty_one(setup: str, trigger: str, debug: bool) -> None:
    """CloudFront answers 502 to the mere key."""
    found = Handlers({"version": 1, "rules": [{**RULE, "debug": debug}]})(setup, preflight(trigger, APP))
    assert found.keys() == {"status", "statusDescription", "headers"}
    assert "content-length" not in found["headers"]


@answering
def test_a_status_is_text(setup: str, trigger: str) -> None:
    assert Handlers(POLICY)(setup, preflight(trigger, APP))["status"] == "204"


READ_ONLY: list[tuple[str, str, dict[str, str]]] = [
    ("viewer", VIEWER_RESPONSE, {"via": "1.1 x", "warning": "110 - stale", "content_encoding": "br"}),
    ("viewer", VIEWER_RESPONSE, {"transfer_encoding": "chunked", "content_length": "7"}),
    ("viewer", ORIGIN_RESPONSE, {"via": "1.1 x", "transfer_encoding": "chunked"}),
    ("origin", ORIGIN_RESPONSE, {"via": "1.1 x", "transfer_encoding": "chunked"}),
]


@pytest.mark.parametrize("status", [200, 404])
@pytest.mark.parametrize(("setup", "trigger", "upstream"), READ_ONLY)
def test_a_read_only_header_is_as_it_was(setup: str, trigger: str, upstream: dict[str, str], status: int) -> None:
    """CloudFront answers 502 to a change; `Handlers` holds every answer of every test against its rules."""
    for origin in (APP, EVIL):
        found = plain(Handlers(POLICY)(setup, event(trigger, origin=origin, upstream=upstream, status=status)))
        assert {name: found[name.replace("_", "-")] for name in upstream} == upstream


@pytest.mark.parametrize("status", [200, 404])
@pytest.mark.parametrize(("setup", "trigger"), [*STAMPING, ("viewer", ORIGIN_RESPONSE)])
def test_repeated_headers_stay_as_many(setup: str, trigger: str, status: int) -> None:
    cookies = ["a=1; Path=/", "b=2; Path=/"]
    links = ["</a.css>; rel=preload", "</b.css>; rel=preload"]
    given = event(trigger, origin=APP, status=status, upstream={"set_cookie": cookies, "link": links})
    found = Handlers(POLICY)(setup, given)["headers"]
    assert [item["value"] for item in found["set-cookie"]] == cookies
    assert [item["value"] for item in found["link"]] == links


@stamping
def test_upper_case_keys_are_found_and_never_sent_twice(setup: str, trigger: str) -> None:
    """Headers set by other functions in the chain have been seen in any case."""
    given = event(trigger)
    cf = given["Records"][0]["cf"]
    cf["request"]["headers"]["Origin"] = [{"key": "Origin", "value": APP}]
    cf["response"]["headers"] |= {
        "Access-Control-Allow-Origin": [{"key": "Access-Control-Allow-Origin", "value": "*"}],
        "ACCESS-CONTROL-ALLOW-METHODS": [{"key": "ACCESS-CONTROL-ALLOW-METHODS", "value": "*"}],
        "Vary": [{"key": "Vary", "value": "Accept-Encoding"}],
        "vary": [{"key": "vary", "value": "Cookie"}],
    }
    found = Handlers(POLICY)(setup, given)
    assert cors(found) == {"access-control-allow-origin": APP, "access-control-allow-credentials": "true"}
    assert plain(found)["vary"] == "Accept-Encoding, Cookie, Origin"


@answering
def test_a_preflight_with_upper_case_keys(setup: str, trigger: str) -> None:
    given = preflight(trigger, APP)
    request = given["Records"][0]["cf"]["request"]
    request["headers"] = {name.title(): items for name, items in request["headers"].items()}
    assert Handlers(POLICY, checked=False)(setup, given)["status"] == "204"


@stamping
def test_an_upstreams_permission_for_a_refused_origin_goes(setup: str, trigger: str) -> None:
    upstream = {"access_control_allow_origin": EVIL, "access_control_allow_credentials": "true"}
    for origin in (EVIL, "null", f"{APP}/", f"{APP}, {EVIL}"):
        assert cors(Handlers(POLICY)(setup, event(trigger, origin=origin, upstream=upstream))) == {}
    assert cors(Handlers(POLICY)(setup, event(trigger, upstream=upstream))) == {}


@stamping
def test_two_permissions_of_an_upstream_become_one(setup: str, trigger: str) -> None:
    """A function URL's own CORS beside the application's: browsers refuse two."""
    upstream: dict[str, str | list[str]] = {"access_control_allow_origin": [APP, "*"]}
    found = Handlers(POLICY)(setup, event(trigger, origin=APP, upstream=upstream))
    assert cors(found)["access-control-allow-origin"] == APP


@stamping
def test_a_header_whose_name_only_begins_alike_stays(setup: str, trigger: str) -> None:
    upstream = {"x_access_control_allow_origin": "1", "access_control": "2"}
    found = plain(Handlers(POLICY)(setup, event(trigger, origin=EVIL, upstream=upstream)))
    assert (found["x-access-control-allow-origin"], found["access-control"]) == ("1", "2")


def test_nothing_leaks_from_one_warm_invocation_into_the_next() -> None:
    """Credentials, origins and texts of one request never show in another's answer, in any order."""
    rules = [
        {**RULE, "paths": ["/private/*"], "debug": True},
        {"paths": ["/open/*"], "allow_origins": "*", "expose_headers": ["etag"]},
        {"paths": ["/plain/*"], "allow_origins": [EVIL], "allow_headers": ["x-a"]},
    ]
    handlers = Handlers({"version": 1, "rules": rules})
    events = [
        (setup, found)
        for uri in ("/private/x", "/open/x", "/plain/x", "/other")
        for origin in (APP, EVIL, "nonsense")
        for setup, (asked, *answered) in SETUPS.items()
        for found in (
            preflight(asked, origin, uri=uri),
            preflight(asked, origin, uri=uri, access_control_request_headers="x-a"),
            *(event(trigger, origin=origin, uri=uri) for trigger in answered),
        )
    ]
    alone = [Handlers({"version": 1, "rules": rules})(setup, found) for setup, found in events]
    assert [handlers(setup, found) for setup, found in events] == alone
    assert [handlers(setup, found) for setup, found in reversed(events)] == alone[::-1]
    # The events differ, and so do their answers.
    assert len({json.dumps(answer) for answer in alone}) > 10


def test_an_answer_that_is_changed_afterwards_changes_no_other() -> None:
    handlers = Handlers(POLICY)
    edge = handlers._edge
    first = edge.viewer(preflight(VIEWER_REQUEST, APP))
    wanted = json.dumps(first)
    for items in first["headers"].values():
        items[0]["value"] = "changed"
    first["headers"].clear()
    assert json.dumps(edge.viewer(preflight(VIEWER_REQUEST, APP))) == wanted
    stamped = edge.viewer(event(VIEWER_RESPONSE, origin=APP))
    stamped["headers"]["access-control-allow-origin"][0]["value"] = "changed"
    found = edge.viewer(event(VIEWER_RESPONSE, origin=APP))
    assert found["headers"]["access-control-allow-origin"][0]["value"] == APP


@answering
def test_not_every_options_is_a_preflight(setup: str, trigger: str) -> None:
    for given in (
        event(trigger, method="OPTIONS", origin=APP),
        event(trigger, method="OPTIONS", access_control_request_method="PUT"),
        event(trigger, method="GET", origin=APP, access_control_request_method="PUT"),
        event(trigger, method="options", origin=APP, access_control_request_method="PUT"),
    ):
        assert Handlers(POLICY)(setup, given) == given["Records"][0]["cf"]["request"]


@answering
def test_a_preflight_may_ask_for_no_headers(setup: str, trigger: str) -> None:
    found = Handlers(POLICY)(setup, preflight(trigger, APP))
    assert found["status"] == "204"
    assert "access-control-allow-headers" not in found["headers"]


@answering
def test_names_asked_for_in_several_lines_are_joined(setup: str, trigger: str) -> None:
    found = Handlers(POLICY)(setup, preflight(trigger, APP, access_control_request_headers=["x-a", "", " X-B ,x-c"]))
    assert plain(found)["access-control-allow-headers"] == "x-a, x-b, x-c"


@pytest.mark.parametrize("setup", SETUPS)
def test_two_origins_are_malformed(setup: str) -> None:
    handlers = Handlers(POLICY)
    given = preflight(SETUPS[setup][0], APP)
    given["Records"][0]["cf"]["request"]["headers"]["origin"] *= 2
    assert handlers(setup, given)["status"] == "403"
    assert handlers.reasons() == ["origin-malformed"]


@pytest.mark.parametrize("setup", SETUPS)
def test_an_origin_without_a_value_is_no_origin(setup: str) -> None:
    """An empty list is no header; an empty value is a malformed origin."""
    given = preflight(SETUPS[setup][0], APP)
    given["Records"][0]["cf"]["request"]["headers"]["origin"] = []
    assert Handlers(POLICY, checked=False)(setup, given) == given["Records"][0]["cf"]["request"]
    assert Handlers(POLICY)(setup, preflight(SETUPS[setup][0], ""))["status"] == "403"


@stamping
def test_vary_is_on_every_answer_alike(setup: str, trigger: str) -> None:
    """Allowed, refused and without an origin: whichever a cache keeps, it keeps them apart."""
    handlers = Handlers(POLICY)
    assert plain(handlers(setup, event(trigger)))["vary"] == "Origin"
    for origin in (APP, EVIL, "nonsense"):
        assert plain(handlers(setup, event(trigger, origin=origin)))["vary"] == "Origin"


def test_what_is_cached_for_all_is_stamped_for_none() -> None:
    """viewer set-up: a permission stored for one origin would be served to the next."""
    handlers = Handlers(POLICY)
    for_nobody = handlers("viewer", event(ORIGIN_RESPONSE))
    assert cors(for_nobody) == {}
    for origin in (APP, EVIL):
        assert handlers("viewer", event(ORIGIN_RESPONSE, origin=origin)) == for_nobody


def test_an_error_for_one_origin_is_not_kept_for_the_next() -> None:
    """viewer set-up: CloudFront would keep a 404 for ten seconds, with the first one's permission on it."""
    found = plain(Handlers(POLICY)("viewer", event(ORIGIN_RESPONSE, origin=APP, status=404)))
    assert (found["access-control-allow-origin"], found["cache-control"]) == (APP, "no-store")


@pytest.mark.parametrize(
    "path", ["/api/../x", "/api/%2e%2e/x", "/API/x", "/api+x", "/api/%5cx", "/api/%00", "/api/%zz"]
)
def test_a_rule_is_not_reached_by_a_detour(path: str) -> None:
    policy = {"version": 1, "rules": [{**RULE, "paths": ["/api/*"]}]}
    given = preflight(VIEWER_REQUEST, APP, uri=path)
    assert Handlers(policy)("viewer", given) == given["Records"][0]["cf"]["request"]


def test_the_size_of_an_answer_is_bounded() -> None:
    """CloudFront takes 20 KB of headers: the longest list that may be asked for, echoed, stays below."""
    names = ",".join(f"x-{number:060}" for number in range(64))
    given = preflight(VIEWER_REQUEST, APP, "M" * 60, access_control_request_headers=names)
    assert Handlers({"version": 1, "rules": [{**RULE, "allow_methods": "*"}]})("viewer", given)["status"] == "204"
