"""Both set-ups at all triggers, for every state of the policy: exact sets of headers."""

import json
from typing import Any

import pytest

from tests.functions.edge.support import (
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


def response_of(result: dict[str, Any]) -> dict[str, Any]:
    response: dict[str, Any] = result["Records"][0]["cf"]["response"]
    return response


def request_of(result: dict[str, Any]) -> dict[str, Any]:
    request: dict[str, Any] = result["Records"][0]["cf"]["request"]
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

# Policy, origin, and the response's headers beside ALWAYS.
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


def check_response(result: Any, original: dict[str, Any], expected: Headers) -> None:
    """Check all headers of the response, and that nothing else has changed."""
    before = response_of(original)
    result_headers = plain(result)
    assert {name: value for name, value in result_headers.items() if name not in ALWAYS} == expected
    assert {name: result["headers"][name] for name in ALWAYS} == {name: before["headers"][name] for name in ALWAYS}
    assert {key: value for key, value in result.items() if key != "headers"} == {
        key: value for key, value in before.items() if key != "headers"
    }


@pytest.mark.parametrize("status", [200, 206, 301, 304, 399])
@pytest.mark.parametrize(("policy", "origin", "expected"), STAMPED)
def test_viewer_response_sets_cors_headers(policy: str, origin: str | None, expected: Headers, status: int) -> None:
    original = event(VIEWER_RESPONSE, status=status, upstream=UPSTREAM, **sent(origin))
    check_response(Handlers(POLICIES[policy])("viewer", original), original, expected)


@pytest.mark.parametrize("status", [200, 206, 304, 399])
@pytest.mark.parametrize(("policy", "origin", "expected"), STAMPED)
def test_origin_response_in_viewer_set_up_only_removes_cors_headers(
    policy: str, origin: str | None, expected: Headers, status: int
) -> None:
    """The cached response is the same for every origin."""
    original = event(ORIGIN_RESPONSE, status=status, upstream=UPSTREAM, **sent(origin))
    handlers = Handlers(POLICIES[policy])
    check_response(handlers("viewer", original), original, KEPT)
    # It is counted at viewer-response, which sets the headers.
    assert handlers.reasons() == []


@pytest.mark.parametrize("status", [400, 403, 404, 500, 503, 599])
@pytest.mark.parametrize(("policy", "origin", "expected"), STAMPED)
def test_origin_response_in_viewer_set_up_sets_cors_headers_on_errors(
    policy: str, origin: str | None, expected: Headers, status: int
) -> None:
    original = event(ORIGIN_RESPONSE, status=status, upstream=UPSTREAM, **sent(origin))
    check_response(Handlers(POLICIES[policy])("viewer", original), original, expected | NO_STORE)


@pytest.mark.parametrize("status", [200, 304, 400, 404, 500])
@pytest.mark.parametrize(("policy", "origin", "expected"), STAMPED)
def test_origin_response_in_origin_set_up_sets_cors_headers(
    policy: str, origin: str | None, expected: Headers, status: int
) -> None:
    original = event(ORIGIN_RESPONSE, status=status, upstream=UPSTREAM, **sent(origin))
    # A response that lacks its headers only because of a missing policy must not be cached.
    kept_out = NO_STORE if policy == "none" and origin else {}
    check_response(Handlers(POLICIES[policy])("origin", original), original, expected | kept_out)


RESPONSES = [
    *(("viewer", VIEWER_RESPONSE, status) for status in (200, 304)),
    *((setup, ORIGIN_RESPONSE, status) for setup in SETUPS for status in (200, 304, 404, 500)),
]


@pytest.mark.parametrize("origin", [APP, EVIL, None])
@pytest.mark.parametrize(("setup", "trigger", "status"), RESPONSES)
@pytest.mark.parametrize(("policy", "uri"), [("shadow", "/api/x"), ("enforce", "/other")])
def test_unmanaged_or_shadow_response_is_unchanged(
    setup: str, trigger: str, policy: str, uri: str, status: int, origin: str | None
) -> None:
    original = event(trigger, uri=uri, status=status, upstream=UPSTREAM, **sent(origin))
    assert Handlers(POLICIES[policy])(setup, original) == response_of(original)


def test_shadow_refusal_is_counted_and_logged() -> None:
    handlers = Handlers(POLICIES["shadow"])
    handlers("viewer", event(VIEWER_RESPONSE, origin=EVIL))
    assert handlers.reasons() == ["origin-not-allowed"]
    assert [line["origin"] for line in handlers.lines if line.get("message") == "refused"] == [EVIL]


@pytest.mark.parametrize(("setup", "trigger"), [("viewer", VIEWER_RESPONSE), ("origin", ORIGIN_RESPONSE)])
def test_timing_allow_origin_replaces_the_upstream_s(setup: str, trigger: str) -> None:
    handlers = Handlers(document(timing_allow_origin=True))
    for origin, expected in ((APP, APP), (EVIL, None), (None, None)):
        result = plain(handlers(setup, event(trigger, upstream=UPSTREAM, **sent(origin))))
        assert result.get("timing-allow-origin") == expected


def test_resource_policy_is_sent_to_every_origin() -> None:
    handlers = Handlers(document(resource_policy="cross-origin"))
    for origin in (APP, EVIL, None):
        result = plain(handlers("viewer", event(VIEWER_RESPONSE, **sent(origin))))
        assert result["cross-origin-resource-policy"] == "cross-origin"


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
def test_response_vary_is_merged(standing: list[str], expected: str) -> None:
    original = event(VIEWER_RESPONSE, origin=APP, upstream={"vary": standing} if standing else {})
    assert plain(Handlers(POLICIES["enforce"])("viewer", original))["vary"] == expected


def test_complete_vary_lines_are_unchanged() -> None:
    original = event(VIEWER_RESPONSE, origin=APP, upstream={"vary": ["Origin", "Cookie"]})
    result = Handlers(POLICIES["enforce"])("viewer", original)
    assert result["headers"]["vary"] == response_of(original)["headers"]["vary"]


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
def test_preflight_is_answered(
    setup: str, trigger: str, policy: str, origin: str, wanted: str, status: str, expected: Headers
) -> None:
    handlers = Handlers(POLICIES[policy])
    result = handlers(setup, preflight(trigger, origin, wanted))
    cacheable = {"cache-control": "public, max-age=7200"} if status == "204" and setup == "origin" else {}
    assert plain(result) == expected | cacheable
    assert result == {"status": status, "statusDescription": PHRASES[status], "headers": result["headers"]}
    assert len(handlers.reasons()) == 1


@pytest.mark.parametrize("seconds", [0, 600, 86400])
def test_preflight_response_is_cacheable_for_max_age(seconds: int) -> None:
    result = Handlers(document(max_age=seconds))("origin", preflight(ORIGIN_REQUEST, APP))
    assert plain(result)["cache-control"] == f"public, max-age={seconds}"
    assert plain(result)["access-control-max-age"] == str(seconds)


@pytest.mark.parametrize("setup", SETUPS)
def test_refused_preflight_with_debug_has_the_reason(setup: str) -> None:
    trigger = SETUPS[setup][0]
    result = Handlers(document(debug=True))(setup, preflight(trigger, EVIL))
    assert result["body"] == "edgecors: origin-not-allowed: no entry of the rule allows the origin (rule 0).\n"
    assert plain(result) == REFUSED | {"content-type": "text/plain; charset=utf-8"}
    assert "body" not in Handlers(document(debug=True))(setup, preflight(trigger, APP))


@pytest.mark.parametrize("setup", SETUPS)
@pytest.mark.parametrize(("policy", "uri"), [("shadow", "/api/x"), ("enforce", "/other")])
def test_unmanaged_preflight_goes_on_and_is_counted_once(setup: str, policy: str, uri: str) -> None:
    handlers = Handlers(POLICIES[policy])
    original = preflight(SETUPS[setup][0], APP, uri=uri)
    assert handlers(setup, original) == request_of(original)
    assert handlers.reasons() == ["allowed" if policy == "shadow" else "not-managed"]
    # It is not counted again at its response.
    answered = preflight(SETUPS[setup][1], APP, uri=uri)
    handlers.now += 60
    assert handlers(setup, answered) == response_of(answered)
    assert handlers.reasons() == ["allowed" if policy == "shadow" else "not-managed"]


@pytest.mark.parametrize("setup", SETUPS)
@pytest.mark.parametrize("policy", ["enforce", "shadow", "everyone", "none"])
@pytest.mark.parametrize("origin", [APP, EVIL, None])
@pytest.mark.parametrize("method", ["GET", "POST", "OPTIONS"])
def test_other_requests_go_on_uncounted(setup: str, policy: str, origin: str | None, method: str) -> None:
    handlers = Handlers(POLICIES[policy])
    original = event(SETUPS[setup][0], method=method, **sent(origin))
    assert handlers(setup, original) == request_of(original)
    # It is counted at its response.
    assert handlers.reasons() == []


def test_request_without_origin_reads_no_policy() -> None:
    handlers = Handlers(POLICIES["enforce"])
    handlers("viewer", event(VIEWER_REQUEST))
    assert handlers.region.calls == []


def test_private_network_preflight_is_answered() -> None:
    handlers = Handlers(document(allow_private_network=True))
    original = preflight(VIEWER_REQUEST, APP, access_control_request_private_network="true")
    result = plain(handlers("viewer", original))
    assert result["access-control-allow-private-network"] == "true"
    assert result["vary"] == f"{PREFLIGHT_VARY}, Access-Control-Request-Private-Network"


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
def test_blocking_rule_refuses_cross_origin_viewer_requests(headers: dict[str, Any], blocked: bool) -> None:
    handlers = Handlers(POLICIES["block"])
    original = event(VIEWER_REQUEST, method="POST", **headers)
    result = handlers("viewer", original)
    if blocked:
        assert (result["status"], plain(result)) == ("403", BLOCKED)
        assert "body" not in result
        assert len(handlers.reasons()) == 1
    else:
        assert result == request_of(original)
        assert handlers.reasons() == []


def test_blocking_rule_at_origin_request_needs_the_viewer_s_host() -> None:
    handlers = Handlers(POLICIES["block"])
    hidden = event(ORIGIN_REQUEST, origin=EVIL)
    assert handlers("origin", hidden) == request_of(hidden)
    shown = event(ORIGIN_REQUEST, origin=EVIL, host="www.example.com")
    assert handlers("origin", shown)["status"] == "403"
    own = event(ORIGIN_REQUEST, origin="https://www.example.com", host="www.example.com")
    assert handlers("origin", own) == request_of(own)


# Hosts, sites, triggers.


def test_rule_with_hosts_matches_the_viewer_s_host() -> None:
    handlers = Handlers(document(hosts=["www.example.com"]))
    at_viewer = event(VIEWER_RESPONSE, origin=APP, host="www.example.com")
    assert "access-control-allow-origin" in handlers("viewer", at_viewer)["headers"]
    elsewhere = event(VIEWER_RESPONSE, origin=APP)
    assert handlers("viewer", elsewhere) == response_of(elsewhere)
    forwarded = event(ORIGIN_RESPONSE, origin=APP, host="www.example.com")
    assert "access-control-allow-origin" in handlers("origin", forwarded)["headers"]


@pytest.mark.parametrize("at", ["s3", "custom"])
@pytest.mark.parametrize("host", ["www.example.com", "Backend.Example.NET"])
def test_rule_with_hosts_is_ambiguous_where_the_viewer_s_host_is_hidden(host: str, at: str) -> None:
    """The event shows the origin server's name, even if a rule is about that very name."""
    handlers = Handlers(document(hosts=[host]))
    hidden = event(ORIGIN_RESPONSE, origin=APP, at=at, upstream=UPSTREAM)
    check_response(handlers("origin", hidden), hidden, VARIES)
    assert handlers.reasons() == ["resource-ambiguous"]


def test_rule_with_hosts_is_ambiguous_where_the_event_shows_the_origin_server_s_host_and_port() -> None:
    handlers = Handlers(document(hosts=["www.example.com"]))
    hidden = event(ORIGIN_RESPONSE, origin=APP, at="custom", upstream=UPSTREAM, host="backend.example.net:8443")
    check_response(handlers("origin", hidden), hidden, VARIES)
    assert handlers.reasons() == ["resource-ambiguous"]


@pytest.mark.parametrize(("setup", "trigger", "status"), RESPONSES)
@pytest.mark.parametrize("uri", ["/x/..%2fapi/y", "/api%2Fx", "//api/x"])
def test_ambiguous_resource_loses_the_upstream_s_cors_headers(setup: str, trigger: str, uri: str, status: int) -> None:
    original = event(trigger, uri=uri, status=status, upstream=UPSTREAM, origin=APP)
    result = plain(Handlers(POLICIES["enforce"])(setup, original))
    assert not [name for name in result if name.startswith("access-control-")]


@pytest.mark.parametrize("uri", ["/x/..%2fapi/y", "/api%2Fx", "//api/x"])
def test_ambiguous_resource_of_a_blocking_rule_is_blocked(uri: str) -> None:
    handlers = Handlers(POLICIES["block"])
    result = handlers("viewer", event(VIEWER_REQUEST, method="POST", uri=uri, origin=EVIL))
    assert (result["status"], plain(result)) == ("403", BLOCKED)


@pytest.mark.parametrize("setup", SETUPS)
@pytest.mark.parametrize("site", ["", "../../other", "a/b", "x" * 257, "sité"])
def test_invalid_site_name_is_never_read(setup: str, site: str) -> None:
    handlers = Handlers(POLICIES["enforce"])
    assert handlers(setup, preflight(SETUPS[setup][0], APP, site=site))["status"] == "503"
    result = handlers(setup, event(ORIGIN_RESPONSE, origin=APP, site=site, status=404, upstream=UPSTREAM))
    assert not [name for name in result["headers"] if name.startswith("access-control-")]
    assert handlers.region.calls == []
    assert handlers.failures == []


def test_site_is_the_distribution_id() -> None:
    handlers = Handlers(POLICIES["enforce"])
    handlers("viewer", event(VIEWER_RESPONSE, origin=APP))
    handlers("viewer", event(VIEWER_RESPONSE, origin=APP, site="E1OTHER"))
    assert handlers.region.calls == [f"/edgecors/sites/{SITE}", "/edgecors/sites/E1OTHER"]


NOT_ATTACHED = [(setup, t) for setup in SETUPS for t in (*TRIGGERS, "new-trigger") if t not in SETUPS[setup]]


@pytest.mark.parametrize("policy", POLICIES)
@pytest.mark.parametrize(("setup", "trigger"), NOT_ATTACHED)
def test_trigger_of_the_other_set_up_changes_nothing(setup: str, trigger: str, policy: str) -> None:
    handlers = Handlers(POLICIES[policy], checked=trigger in TRIGGERS)
    for original in (event(trigger, origin=EVIL, upstream=UPSTREAM), preflight(trigger, EVIL)):
        cf = original["Records"][0]["cf"]
        assert handlers(setup, original) == cf.get("response", cf["request"])
    assert handlers.region.calls == []


@pytest.mark.parametrize("setup", SETUPS)
@pytest.mark.parametrize("trigger", TRIGGERS)
def test_event_without_event_type_is_recognised_by_its_content(setup: str, trigger: str) -> None:
    for named in (
        event(trigger, origin=APP, status=404 if trigger == ORIGIN_RESPONSE else 200),
        preflight(trigger, APP),
    ):
        expected = Handlers(POLICIES["enforce"])(setup, named)
        del named["Records"][0]["cf"]["config"]["eventType"]
        assert Handlers(POLICIES["enforce"])(setup, named) == expected


@pytest.mark.parametrize("setup", SETUPS)
def test_policy_change_applies_after_the_refresh_time(setup: str) -> None:
    handlers = Handlers(POLICIES["enforce"])
    original = preflight(SETUPS[setup][0], EVIL)
    assert handlers(setup, original)["status"] == "403"
    handlers.region.value = json.dumps(document(allow_origins=[EVIL]))
    handlers.now += 60
    assert handlers(setup, original)["status"] == "204"
    assert plain(handlers(setup, original))["access-control-allow-origin"] == EVIL


@pytest.mark.parametrize("setup", SETUPS)
def test_last_good_policy_applies_while_the_store_fails(setup: str) -> None:
    handlers = Handlers(POLICIES["enforce"])
    original = preflight(SETUPS[setup][0], APP)
    assert handlers(setup, original)["status"] == "204"
    handlers.region.value = None
    handlers.now += 86400
    assert handlers(setup, original)["status"] == "204"
