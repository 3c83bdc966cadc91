"""Both set-ups over all triggers: what each does in every state of the policy, header for header."""

import json
from typing import Any

import pytest

from tests.edge.support import (
    ORIGIN_REQUEST,
    ORIGIN_RESPONSE,
    SETUPS,
    SITE,
    TRIGGERS,
    VIEWER_REQUEST,
    VIEWER_RESPONSE,
    Handlers,
    event,
    plain,
    preflight,
)

APP, EVIL = "https://app.example.com", "https://evil.example"
UPSTREAM = {
    "access_control_allow_origin": "https://upstream.example",
    "access_control_allow_credentials": "true",
    "access_control_expose_headers": "x-upstream",
    "access_control_allow_methods": "GET",
    "access_control_whatever_comes": "1",
    "timing_allow_origin": "*",
    "vary": "Accept-Encoding",
    "cache_control": "max-age=60",
}
ALWAYS = {"content-type", "content-length", "server"}

PREFLIGHT_VARY = "Origin, Access-Control-Request-Method, Access-Control-Request-Headers"
OURS = {
    "access-control-allow-origin": APP,
    "access-control-allow-credentials": "true",
    "access-control-expose-headers": "x-request-id",
}


def document(mode: str = "enforce", **fields: Any) -> dict[str, Any]:
    """A policy of one rule for /api/*."""
    rule = {"paths": ["/api/*"], "allow_origins": [APP], **fields}
    return {"version": 1, "mode": mode, "rules": [rule]}


POLICIES: dict[str, Any] = {
    "enforce": document(allow_credentials=True, expose_headers=["x-request-id"]),
    "shadow": document("shadow", allow_credentials=True, expose_headers=["x-request-id"], on_refused="block"),
    "everyone": document(allow_origins="*", expose_headers=["x-request-id"], resource_policy="same-site"),
    "block": document(on_refused="block"),
    "none": None,
}


def response_of(found: dict[str, Any]) -> dict[str, Any]:
    response: dict[str, Any] = found["Records"][0]["cf"]["response"]
    return response


def request_of(found: dict[str, Any]) -> dict[str, Any]:
    request: dict[str, Any] = found["Records"][0]["cf"]["request"]
    return request


# Responses.

Headers = dict[str, str]
KEPT: Headers = {"timing-allow-origin": "*", "vary": "Accept-Encoding", "cache-control": "max-age=60"}
VARIES = KEPT | {"vary": "Accept-Encoding, Origin"}
CLOSED = VARIES
NO_STORE: Headers = {"cache-control": "no-store"}
STAR = {
    "access-control-allow-origin": "*",
    "access-control-expose-headers": "x-request-id",
    "cross-origin-resource-policy": "same-site",
}

# What stands on a response beside ALWAYS: policy, origin, and the headers.
STAMPED: list[tuple[str, str | None, Headers]] = [
    ("enforce", APP, VARIES | OURS),
    ("enforce", EVIL, VARIES),
    ("enforce", None, VARIES),
    ("everyone", APP, KEPT | STAR),
    ("everyone", EVIL, KEPT | STAR),
    ("everyone", "nonsense", KEPT | STAR),
    ("everyone", None, KEPT | STAR),
    ("none", APP, CLOSED),
    ("none", None, CLOSED),
]


def sent(origin: str | None) -> dict[str, Any]:
    return {} if origin is None else {"origin": origin}


def check_response(found: Any, given: dict[str, Any], expected: Headers) -> None:
    """All of the response's headers, and that nothing else has changed."""
    before = response_of(given)
    found_headers = plain(found)
    assert {name: value for name, value in found_headers.items() if name not in ALWAYS} == expected
    assert {name: found["headers"][name] for name in ALWAYS} == {name: before["headers"][name] for name in ALWAYS}
    assert {key: value for key, value in found.items() if key != "headers"} == {
        key: value for key, value in before.items() if key != "headers"
    }


@pytest.mark.parametrize("status", [200, 206, 301, 304, 399])
@pytest.mark.parametrize(("policy", "origin", "expected"), STAMPED)
def test_viewer_response_stamps(policy: str, origin: str | None, expected: Headers, status: int) -> None:
    given = event(VIEWER_RESPONSE, status=status, upstream=UPSTREAM, **sent(origin))
    check_response(Handlers(POLICIES[policy])("viewer", given), given, expected)


@pytest.mark.parametrize("status", [200, 206, 304, 399])
@pytest.mark.parametrize(("policy", "origin", "expected"), STAMPED)
def test_origin_response_of_the_viewer_set_up_only_removes(
    policy: str, origin: str | None, expected: Headers, status: int
) -> None:
    """What is cached there is the same for everybody."""
    given = event(ORIGIN_RESPONSE, status=status, upstream=UPSTREAM, **sent(origin))
    handlers = Handlers(POLICIES[policy])
    check_response(handlers("viewer", given), given, KEPT)
    # It is counted where it is stamped.
    assert handlers.reasons() == []


@pytest.mark.parametrize("status", [400, 403, 404, 500, 503, 599])
@pytest.mark.parametrize(("policy", "origin", "expected"), STAMPED)
def test_origin_response_of_the_viewer_set_up_stamps_errors(
    policy: str, origin: str | None, expected: Headers, status: int
) -> None:
    given = event(ORIGIN_RESPONSE, status=status, upstream=UPSTREAM, **sent(origin))
    check_response(Handlers(POLICIES[policy])("viewer", given), given, expected | NO_STORE)


@pytest.mark.parametrize("status", [200, 304, 400, 404, 500])
@pytest.mark.parametrize(("policy", "origin", "expected"), STAMPED)
def test_origin_response_of_the_origin_set_up_stamps(
    policy: str, origin: str | None, expected: Headers, status: int
) -> None:
    given = event(ORIGIN_RESPONSE, status=status, upstream=UPSTREAM, **sent(origin))
    # What lacks its headers only for want of a policy must not stay in the cache.
    kept_out = NO_STORE if policy == "none" and origin else {}
    check_response(Handlers(POLICIES[policy])("origin", given), given, expected | kept_out)


RESPONSES = [
    *(("viewer", VIEWER_RESPONSE, status) for status in (200, 304)),
    *((setup, ORIGIN_RESPONSE, status) for setup in SETUPS for status in (200, 304, 404, 500)),
]


@pytest.mark.parametrize("origin", [APP, EVIL, None])
@pytest.mark.parametrize(("setup", "trigger", "status"), RESPONSES)
@pytest.mark.parametrize(("policy", "uri"), [("shadow", "/api/x"), ("enforce", "/other"), ("enforce", "/api/%2f")])
def test_what_is_not_managed_or_in_shadow_is_not_touched(
    setup: str, trigger: str, policy: str, uri: str, status: int, origin: str | None
) -> None:
    given = event(trigger, uri=uri, status=status, upstream=UPSTREAM, **sent(origin))
    assert Handlers(POLICIES[policy])(setup, given) == response_of(given)


def test_shadow_is_counted_and_logged() -> None:
    handlers = Handlers(POLICIES["shadow"])
    handlers("viewer", event(VIEWER_RESPONSE, origin=EVIL))
    assert handlers.reasons() == ["origin-not-allowed"]
    assert [line["origin"] for line in handlers.lines if line.get("message") == "refused"] == [EVIL]


@pytest.mark.parametrize(("setup", "trigger"), [("viewer", VIEWER_RESPONSE), ("origin", ORIGIN_RESPONSE)])
def test_timing_allow_origin(setup: str, trigger: str) -> None:
    handlers = Handlers(document(timing_allow_origin=True))
    for origin, expected in ((APP, APP), (EVIL, None), (None, None)):
        found = plain(handlers(setup, event(trigger, upstream=UPSTREAM, **sent(origin))))
        assert found.get("timing-allow-origin") == expected


def test_resource_policy_is_for_everyone() -> None:
    handlers = Handlers(document(resource_policy="cross-origin"))
    for origin in (APP, EVIL, None):
        found = plain(handlers("viewer", event(VIEWER_RESPONSE, **sent(origin))))
        assert found["cross-origin-resource-policy"] == "cross-origin"


@pytest.mark.parametrize(
    ("standing", "expected"),
    [
        ([], "Origin"),
        (["Accept-Encoding"], "Accept-Encoding, Origin"),
        (["Accept-Encoding, Cookie"], "Accept-Encoding, Cookie, Origin"),
        (["Accept-Encoding", "Cookie"], "Accept-Encoding, Cookie, Origin"),
        (["*"], "*"),
        (["Accept-Encoding, *"], "Accept-Encoding, *"),
        (["origin"], "origin"),
        (["Cookie,ORIGIN"], "Cookie,ORIGIN"),
        ([""], "Origin"),
        ([" , "], "Origin"),
    ],
)
def test_vary_is_merged(standing: list[str], expected: str) -> None:
    given = event(VIEWER_RESPONSE, origin=APP, upstream={"vary": standing} if standing else {})
    assert plain(Handlers(POLICIES["enforce"])("viewer", given))["vary"] == expected


def test_two_vary_lines_with_nothing_missing_stay_two() -> None:
    given = event(VIEWER_RESPONSE, origin=APP, upstream={"vary": ["Origin", "Cookie"]})
    found = Handlers(POLICIES["enforce"])("viewer", given)
    assert found["headers"]["vary"] == response_of(given)["headers"]["vary"]


# Requests.

ANSWERED = {
    "access-control-allow-origin": APP,
    "access-control-allow-credentials": "true",
    "access-control-allow-methods": "GET, HEAD, POST, PUT, PATCH, DELETE",
    "access-control-max-age": "7200",
    "vary": PREFLIGHT_VARY,
}
REFUSED = {"cache-control": "no-store", "vary": PREFLIGHT_VARY}
EVERYONE = {
    "access-control-allow-origin": "*",
    "access-control-allow-methods": "GET, HEAD, POST, PUT, PATCH, DELETE",
    "access-control-allow-headers": "*, authorization",
    "access-control-max-age": "7200",
    "vary": PREFLIGHT_VARY,
}
UNAVAILABLE = REFUSED | {"retry-after": "1"}

# Policy, origin, method asked for: status, headers.
PREFLIGHTS: list[tuple[str, str, str, str, Headers]] = [
    ("enforce", APP, "PUT", "204", ANSWERED),
    ("enforce", EVIL, "PUT", "403", REFUSED),
    ("enforce", APP.upper(), "PUT", "403", REFUSED),
    ("enforce", APP, "PURGE", "403", REFUSED),
    ("enforce", APP, "", "403", REFUSED),
    ("everyone", EVIL, "GET", "204", EVERYONE),
    ("everyone", "nonsense", "GET", "204", EVERYONE),
    ("block", EVIL, "GET", "403", REFUSED),
    ("none", APP, "GET", "503", UNAVAILABLE),
]
PHRASES = {"204": "No Content", "403": "Forbidden", "503": "Service Unavailable"}


@pytest.mark.parametrize(("setup", "trigger"), [("viewer", VIEWER_REQUEST), ("origin", ORIGIN_REQUEST)])
@pytest.mark.parametrize(("policy", "origin", "wanted", "status", "expected"), PREFLIGHTS)
def test_preflights_are_answered(
    setup: str, trigger: str, policy: str, origin: str, wanted: str, status: str, expected: Headers
) -> None:
    handlers = Handlers(POLICIES[policy])
    found = handlers(setup, preflight(trigger, origin, wanted))
    cacheable = {"cache-control": "public, max-age=7200"} if status == "204" and setup == "origin" else {}
    assert plain(found) == expected | cacheable
    assert found == {"status": status, "statusDescription": PHRASES[status], "headers": found["headers"]}
    assert len(handlers.reasons()) == 1


@pytest.mark.parametrize("seconds", [0, 600, 86400])
def test_an_answer_is_cached_no_longer_than_a_browser_would(seconds: int) -> None:
    found = Handlers(document(max_age=seconds))("origin", preflight(ORIGIN_REQUEST, APP))
    assert plain(found)["cache-control"] == f"public, max-age={seconds}"
    assert plain(found)["access-control-max-age"] == str(seconds)


@pytest.mark.parametrize("setup", SETUPS)
def test_a_refused_preflight_says_why_where_it_is_asked_to(setup: str) -> None:
    trigger = SETUPS[setup][0]
    found = Handlers(document(debug=True))(setup, preflight(trigger, EVIL))
    assert found["body"] == "edgecors: origin-not-allowed: no entry of the rule allows the origin (rule 0).\n"
    assert plain(found) == REFUSED | {"content-type": "text/plain; charset=utf-8"}
    assert "body" not in Handlers(document(debug=True))(setup, preflight(trigger, APP))


@pytest.mark.parametrize("setup", SETUPS)
@pytest.mark.parametrize(("policy", "uri"), [("shadow", "/api/x"), ("enforce", "/other"), ("enforce", "/api/%2F")])
def test_a_preflight_of_what_is_not_managed_goes_on(setup: str, policy: str, uri: str) -> None:
    handlers = Handlers(POLICIES[policy])
    given = preflight(SETUPS[setup][0], APP, uri=uri)
    assert handlers(setup, given) == request_of(given)
    assert handlers.reasons() == ["allowed" if policy == "shadow" else "not-managed"]
    # And is not counted again when its response comes by.
    answered = preflight(SETUPS[setup][1], APP, uri=uri)
    handlers.now += 60
    assert handlers(setup, answered) == response_of(answered)
    assert handlers.reasons() == ["allowed" if policy == "shadow" else "not-managed"]


@pytest.mark.parametrize("setup", SETUPS)
@pytest.mark.parametrize("policy", ["enforce", "shadow", "everyone", "none"])
@pytest.mark.parametrize("origin", [APP, EVIL, None])
@pytest.mark.parametrize("method", ["GET", "POST", "OPTIONS"])
def test_every_other_request_goes_on(setup: str, policy: str, origin: str | None, method: str) -> None:
    handlers = Handlers(POLICIES[policy])
    given = event(SETUPS[setup][0], method=method, **sent(origin))
    assert handlers(setup, given) == request_of(given)
    # It is counted where its response passes.
    assert handlers.reasons() == []


def test_a_request_without_an_origin_costs_no_read() -> None:
    handlers = Handlers(POLICIES["enforce"])
    handlers("viewer", event(VIEWER_REQUEST))
    assert handlers.region.calls == []


def test_what_asks_for_a_private_network() -> None:
    handlers = Handlers(document(allow_private_network=True))
    given = preflight(VIEWER_REQUEST, APP, access_control_request_private_network="true")
    found = plain(handlers("viewer", given))
    assert found["access-control-allow-private-network"] == "true"
    assert found["vary"] == f"{PREFLIGHT_VARY}, Access-Control-Request-Private-Network"


# Blocking.

BLOCKED = {"cache-control": "no-store", "vary": "Origin"}


@pytest.mark.parametrize(
    ("headers", "blocked"),
    [
        pytest.param({"origin": EVIL}, True, id="another origin"),
        pytest.param({"origin": "nonsense"}, True, id="malformed"),
        pytest.param({"origin": "null"}, True, id="null"),
        pytest.param({"origin": [EVIL, APP]}, True, id="two"),
        pytest.param({"origin": APP}, False, id="allowed"),
        pytest.param({}, False, id="no origin"),
        pytest.param({"origin": "https://d111111abcdef8.cloudfront.net"}, False, id="the site's own"),
        pytest.param({"origin": EVIL, "sec_fetch_site": "same-origin"}, False, id="the browser says the site's own"),
        pytest.param({"origin": EVIL, "sec_fetch_site": "same-site"}, True, id="the browser says a neighbour"),
        pytest.param({"origin": EVIL, "sec_fetch_site": "cross-site"}, True, id="the browser says another"),
    ],
)
def test_a_viewer_request_is_blocked(headers: dict[str, Any], blocked: bool) -> None:
    handlers = Handlers(POLICIES["block"])
    given = event(VIEWER_REQUEST, method="POST", **headers)
    found = handlers("viewer", given)
    if blocked:
        assert (found["status"], plain(found)) == ("403", BLOCKED)
        assert "body" not in found
        assert len(handlers.reasons()) == 1
    else:
        assert found == request_of(given)
        assert handlers.reasons() == []


def test_an_origin_request_is_blocked_only_where_same_origin_can_be_told() -> None:
    handlers = Handlers(POLICIES["block"])
    hidden = event(ORIGIN_REQUEST, origin=EVIL)
    assert handlers("origin", hidden) == request_of(hidden)
    shown = event(ORIGIN_REQUEST, origin=EVIL, host="www.example.com")
    assert handlers("origin", shown)["status"] == "403"
    own = event(ORIGIN_REQUEST, origin="https://www.example.com", host="www.example.com")
    assert handlers("origin", own) == request_of(own)


# Hosts, sites, triggers.


def test_a_rule_with_hosts_sees_the_viewers_host_only() -> None:
    handlers = Handlers(document(hosts=["www.example.com"]))
    at_viewer = event(VIEWER_RESPONSE, origin=APP, host="www.example.com")
    assert "access-control-allow-origin" in handlers("viewer", at_viewer)["headers"]
    elsewhere = event(VIEWER_RESPONSE, origin=APP)
    assert handlers("viewer", elsewhere) == response_of(elsewhere)
    forwarded = event(ORIGIN_RESPONSE, origin=APP, host="www.example.com")
    assert "access-control-allow-origin" in handlers("origin", forwarded)["headers"]
    for at in ("s3", "custom"):
        hidden = event(ORIGIN_RESPONSE, origin=APP, at=at)
        assert handlers("origin", hidden) == response_of(hidden)


def test_the_origin_servers_own_name_is_no_host_of_the_site() -> None:
    """Even a rule for that very name does not match: the event does not show what the viewer asked for."""
    handlers = Handlers(document(hosts=["backend.example.net"]))
    given = event(ORIGIN_RESPONSE, origin=APP, host="Backend.Example.NET")
    assert handlers("origin", given) == response_of(given)


@pytest.mark.parametrize("setup", SETUPS)
@pytest.mark.parametrize("site", ["", "../../other", "a/b", "x" * 257, "sité"])
def test_a_site_that_is_no_name_is_never_asked_for(setup: str, site: str) -> None:
    handlers = Handlers(POLICIES["enforce"])
    assert handlers(setup, preflight(SETUPS[setup][0], APP, site=site))["status"] == "503"
    found = handlers(setup, event(ORIGIN_RESPONSE, origin=APP, site=site, status=404, upstream=UPSTREAM))
    assert not [name for name in found["headers"] if name.startswith("access-control-")]
    assert handlers.region.calls == []
    assert handlers.failures == []


def test_the_distribution_is_the_site() -> None:
    handlers = Handlers(POLICIES["enforce"])
    handlers("viewer", event(VIEWER_RESPONSE, origin=APP))
    handlers("viewer", event(VIEWER_RESPONSE, origin=APP, site="E1OTHER"))
    assert handlers.region.calls == [f"/edgecors/sites/{SITE}", "/edgecors/sites/E1OTHER"]


NOT_ATTACHED = [(setup, t) for setup in SETUPS for t in (*TRIGGERS, "new-trigger") if t not in SETUPS[setup]]


@pytest.mark.parametrize("policy", POLICIES)
@pytest.mark.parametrize(("setup", "trigger"), NOT_ATTACHED)
def test_a_trigger_of_the_other_set_up_changes_nothing(setup: str, trigger: str, policy: str) -> None:
    handlers = Handlers(POLICIES[policy], checked=trigger in TRIGGERS)
    for given in (event(trigger, origin=EVIL, upstream=UPSTREAM), preflight(trigger, EVIL)):
        cf = given["Records"][0]["cf"]
        assert handlers(setup, given) == cf.get("response", cf["request"])
    assert handlers.region.calls == []


@pytest.mark.parametrize("setup", SETUPS)
@pytest.mark.parametrize("trigger", TRIGGERS)
def test_an_event_that_names_no_trigger_is_told_by_what_it_holds(setup: str, trigger: str) -> None:
    for named in (
        event(trigger, origin=APP, status=404 if trigger == ORIGIN_RESPONSE else 200),
        preflight(trigger, APP),
    ):
        expected = Handlers(POLICIES["enforce"])(setup, named)
        del named["Records"][0]["cf"]["config"]["eventType"]
        assert Handlers(POLICIES["enforce"])(setup, named) == expected


@pytest.mark.parametrize("setup", SETUPS)
def test_a_list_change_counts_after_its_refresh_time(setup: str) -> None:
    handlers = Handlers(POLICIES["enforce"])
    given = preflight(SETUPS[setup][0], EVIL)
    assert handlers(setup, given)["status"] == "403"
    handlers.region.value = json.dumps(document(allow_origins=[EVIL]))
    handlers.now += 60
    assert handlers(setup, given)["status"] == "204"
    assert plain(handlers(setup, given))["access-control-allow-origin"] == EVIL


@pytest.mark.parametrize("setup", SETUPS)
def test_the_last_good_policy_serves_while_the_store_is_away(setup: str) -> None:
    handlers = Handlers(POLICIES["enforce"])
    given = preflight(SETUPS[setup][0], APP)
    assert handlers(setup, given)["status"] == "204"
    handlers.region.value = None
    handlers.now += 86400
    assert handlers(setup, given)["status"] == "204"
