"""The decision: policies and requests, and exactly what comes of them."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import pytest
from edgecors.decision import (
    REASONS,
    Decision,
    Request,
    candidates,
    decide,
    decide_actual,
    decide_preflight,
)
from edgecors.document import PolicyError, load_policy
from edgecors.origin import parse_origin
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.oracle import decision as oracle
from harness.oracle import origins, strategies
from tests.unit.cases import (
    ACAC,
    ACAH,
    ACAM,
    ACAO,
    ACEH,
    ACMA,
    ACPN,
    ALL_METHODS,
    APP,
    CORP,
    EVIL,
    NO_STORE,
    ON_ACTUAL,
    ON_PREFLIGHT,
    PREFLIGHT_DEFAULTS,
    TIMING,
    actual,
    allowed,
    answer,
    document,
    errors_of,
    is_granted,
    policy,
    preflight,
    refused,
)
from tests.unit.test_origin import CONTROLS, LOOK_ALIKES, SEEDS, spoilt

PRIVATE = (*ON_PREFLIGHT, "Access-Control-Request-Private-Network")
CREDENTIALS = {ACAC: "true"}
STAR: dict[str, Any] = {"allow_origins": "*"}

# The rule's fields, the request, and the headers of the 204 (Vary as on any preflight).
Preflights = dict[str, tuple[dict[str, Any], Request, dict[str, str]]]
ALLOWED_PREFLIGHTS: Preflights = {
    "defaults": ({}, preflight(), PREFLIGHT_DEFAULTS),
    "defaults, a method and headers asked for": ({}, preflight(APP, "DELETE", "x-a,x-b"), PREFLIGHT_DEFAULTS),
    "an asked-for header list that is empty": ({}, preflight(names=""), PREFLIGHT_DEFAULTS),
    "Authorization is named, for the star does not cover it": (
        {},
        preflight(names="authorization"),
        PREFLIGHT_DEFAULTS,
    ),
    "everyone": (STAR, preflight(EVIL), PREFLIGHT_DEFAULTS | {ACAO: "*"}),
    "everyone, null": (STAR, preflight("null"), PREFLIGHT_DEFAULTS | {ACAO: "*"}),
    "everyone, rubbish": (STAR, preflight("x\0"), PREFLIGHT_DEFAULTS | {ACAO: "*"}),
    "everyone, nothing": (STAR, preflight(""), PREFLIGHT_DEFAULTS | {ACAO: "*"}),
    "null": ({"allow_origins": ["null"]}, preflight("null"), PREFLIGHT_DEFAULTS | {ACAO: "null"}),
    "a pattern echoes the origin and not itself": (
        {"allow_origins": ["https://*.example.com:*"]},
        preflight("https://a.b.example.com:8443"),
        PREFLIGHT_DEFAULTS | {ACAO: "https://a.b.example.com:8443"},
    ),
    "a custom scheme": (
        {"allow_origins": ["capacitor://localhost"]},
        preflight("capacitor://localhost"),
        PREFLIGHT_DEFAULTS | {ACAO: "capacitor://localhost"},
    ),
    "credentials": (
        {"allow_credentials": True},
        preflight(),
        {ACAO: APP, ACAC: "true", ACAM: ALL_METHODS, ACMA: "7200"},
    ),
    "credentials, headers asked for": (
        {"allow_credentials": True},
        preflight(names="X-B, authorization,x-b"),
        {ACAO: APP, ACAC: "true", ACAM: ALL_METHODS, ACMA: "7200", ACAH: "x-b, authorization"},
    ),
    "credentials, every method": (
        {"allow_credentials": True, "allow_methods": "*"},
        preflight(method="PURGE"),
        {ACAO: APP, ACAC: "true", ACAM: "PURGE", ACMA: "7200"},
    ),
    "credentials, a star is a name like any other": (
        {"allow_credentials": True, "allow_methods": "*"},
        preflight(method="*", names="*"),
        {ACAO: APP, ACAC: "true", ACAM: "*", ACMA: "7200", ACAH: "*"},
    ),
    "credentials, every method, listed headers": (
        {"allow_credentials": True, "allow_methods": "*", "allow_headers": ["x-a", "x-b"]},
        preflight(method="PURGE", names="x-b"),
        {ACAO: APP, ACAC: "true", ACAM: "PURGE", ACMA: "7200", ACAH: "x-a, x-b"},
    ),
    "credentials, every method, no header listed": (
        {"allow_credentials": True, "allow_methods": "*", "allow_headers": []},
        preflight(method="PURGE"),
        {ACAO: APP, ACAC: "true", ACAM: "PURGE", ACMA: "7200"},
    ),
    "credentials, listed methods and headers": (
        {"allow_credentials": True, "allow_methods": ["PUT"], "allow_headers": ["x-a"]},
        preflight(method="PUT", names="x-a"),
        {ACAO: APP, ACAC: "true", ACAM: "PUT", ACMA: "7200", ACAH: "x-a"},
    ),
    "every method": ({"allow_methods": "*"}, preflight(method="PURGE"), PREFLIGHT_DEFAULTS | {ACAM: "*"}),
    "the rule's whole lists, whatever was asked for": (
        {"allow_methods": ["PUT", "GET"], "allow_headers": ["X-B", "x-a"]},
        preflight(names="x-a"),
        PREFLIGHT_DEFAULTS | {ACAM: "PUT, GET, HEAD", ACAH: "x-b, x-a"},
    ),
    "HEAD comes with GET": (
        {"allow_methods": ["GET"]},
        preflight(method="HEAD"),
        PREFLIGHT_DEFAULTS | {ACAM: "GET, HEAD"},
    ),
    "a method of one's own in its own case": (
        {"allow_methods": ["patch"]},
        preflight(method="patch"),
        PREFLIGHT_DEFAULTS | {ACAM: "patch"},
    ),
    "no header allowed and none asked for": (
        {"allow_headers": []},
        preflight(),
        {ACAO: APP, ACAM: ALL_METHODS, ACMA: "7200"},
    ),
    "safelisted names that are listed": (
        {"allow_headers": ["x-a", "content-type", "range"]},
        preflight(names="content-type,x-a,Range, content-type"),
        PREFLIGHT_DEFAULTS | {ACAH: "x-a, content-type, range"},
    ),
    "max_age 0 is said": ({"max_age": 0}, preflight(), PREFLIGHT_DEFAULTS | {ACMA: "0"}),
    "exposed headers, timing and resource policy are no matter of preflights": (
        {"expose_headers": ["etag"], "timing_allow_origin": True, "resource_policy": "same-site"},
        preflight(),
        PREFLIGHT_DEFAULTS,
    ),
    "a private network, not allowed": ({}, preflight(private_network="true"), PREFLIGHT_DEFAULTS),
    "debug says nothing where all is well": ({"debug": True}, preflight(), PREFLIGHT_DEFAULTS),
    "fetch metadata is no matter of preflights": ({}, preflight(fetch_site="cross-site"), PREFLIGHT_DEFAULTS),
}


@pytest.mark.parametrize("name", ALLOWED_PREFLIGHTS)
def test_allowed_preflights(name: str) -> None:
    fields, request, headers = ALLOWED_PREFLIGHTS[name]
    allowed(policy(**fields), request, headers)


@pytest.mark.parametrize(
    ("asked", "granted"),
    [("true", {ACPN: "true"}), ("True", {}), ("false", {}), ("", {}), ("true, true", {}), (None, {})],
)
def test_private_networks_where_they_are_allowed(asked: str | None, granted: dict[str, str]) -> None:
    request = preflight(private_network=asked)
    allowed(policy(allow_private_network=True), request, PREFLIGHT_DEFAULTS | granted, PRIVATE)
    refused(policy(allow_private_network=True, allow_origins=[EVIL]), request, "origin-not-allowed", PRIVATE)


REFUSED_PREFLIGHTS: dict[str, tuple[dict[str, Any], Request, str]] = {
    "another origin": ({}, preflight(EVIL), "origin-not-allowed"),
    "null": ({}, preflight("null"), "origin-not-allowed"),
    "nobody is allowed": ({"allow_origins": []}, preflight(), "origin-not-allowed"),
    "no origin at all in the header": ({}, preflight(""), "origin-malformed"),
    "two origins": ({}, preflight(f"{APP}, {APP}"), "origin-malformed"),
    "null twice": ({"allow_origins": ["null"]}, preflight("null, null"), "origin-malformed"),
    "Null": ({"allow_origins": ["null"]}, preflight("Null"), "origin-malformed"),
    "a star": ({}, preflight("*"), "origin-malformed"),
    "a pattern": ({"allow_origins": ["https://*.example.com"]}, preflight("https://*.example.com"), "origin-malformed"),
    "method not listed": ({"allow_methods": ["GET"]}, preflight(method="PUT"), "method-not-allowed"),
    "method in another case": ({}, preflight(method="put"), "method-not-allowed"),
    "no method": ({}, preflight(method=""), "method-not-allowed"),
    "no method where all are allowed": ({"allow_methods": "*"}, preflight(method=""), "method-not-allowed"),
    "two methods": ({"allow_methods": "*"}, preflight(method="GET, PUT"), "method-not-allowed"),
    "a forbidden method": ({"allow_methods": "*"}, preflight(method="trace"), "method-not-allowed"),
    "OPTIONS is a method like any other": ({}, preflight(method="OPTIONS"), "method-not-allowed"),
    "a star is not listed": ({}, preflight(method="*"), "method-not-allowed"),
    "no method is listed": ({"allow_methods": []}, preflight(), "method-not-allowed"),
    "header not listed": ({"allow_headers": ["x-a"]}, preflight(names="x-a,x-b"), "headers-not-allowed"),
    "no header is listed": ({"allow_headers": []}, preflight(names="x-a"), "headers-not-allowed"),
    "part of a listed header": ({"allow_headers": ["x-abc"]}, preflight(names="x-a"), "headers-not-allowed"),
    "a star is no listed header": ({"allow_headers": ["x-a"]}, preflight(names="*"), "headers-not-allowed"),
    "no list of names": ({}, preflight(names="x-a x-b"), "headers-malformed"),
    "too many names": ({}, preflight(names=",".join(["x"] * 65)), "headers-malformed"),
    "too long": ({}, preflight(names="x" * 4097), "headers-malformed"),
    "malformed before not allowed": ({"allow_headers": []}, preflight(names="x-b,:"), "headers-malformed"),
    "origin before method": ({}, preflight(EVIL, "put", ":"), "origin-not-allowed"),
    "method before headers": ({}, preflight(APP, "put", ":"), "method-not-allowed"),
    "everyone, but not any method": (STAR, preflight(EVIL, "PURGE"), "method-not-allowed"),
    "everyone, but not any header": (
        STAR | {"allow_headers": ["x-a"]},
        preflight(EVIL, names="x-b"),
        "headers-not-allowed",
    ),
    "a page of the site itself sends no preflight": ({}, preflight("https://cdn.example"), "origin-not-allowed"),
    "block makes no difference": ({"on_refused": "block"}, preflight(EVIL), "origin-not-allowed"),
}


@pytest.mark.parametrize("name", REFUSED_PREFLIGHTS)
def test_refused_preflights(name: str) -> None:
    fields, request, reason = REFUSED_PREFLIGHTS[name]
    refused(policy(**fields), request, reason)


@pytest.mark.parametrize("name", REFUSED_PREFLIGHTS)
def test_with_debug_a_refused_preflight_says_why_in_its_body(name: str) -> None:
    fields, request, reason = REFUSED_PREFLIGHTS[name]
    headers = NO_STORE | {"Content-Type": "text/plain; charset=utf-8"}
    decision = answer(policy(debug=True, **fields), request, reason, 403, headers, ON_PREFLIGHT)
    cause = "" if decision.cause is None else f" {decision.cause!r}"
    assert decision.body == f"edgecors: {reason}{cause}: {REASONS[reason]} (rule 0).\n"


@pytest.mark.parametrize(
    ("fields", "request_", "cause"),
    [
        ({"allow_methods": ["GET"]}, preflight(method="PURGE"), "PURGE"),
        ({"allow_methods": "*"}, preflight(method="trace"), "trace"),
        ({"allow_methods": ["GET"]}, preflight(method="X" * 300), "X" * 100),
        ({"allow_headers": ["x-a"]}, preflight(names="x-a,X-B,x-c"), "x-b"),
        ({"allow_headers": ["x-a"]}, preflight(names="content-type,x-a"), "content-type"),
        ({"allow_headers": []}, preflight(names="y" * 300), "y" * 100),
        ({}, preflight(names="a b"), None),
        ({}, preflight(EVIL), None),
        ({}, preflight(), None),
        ({}, actual(), None),
    ],
)
def test_decision_names_the_method_or_header_that_was_refused(
    fields: dict[str, Any], request_: Request, cause: str | None
) -> None:
    assert decide(policy(debug=True, **fields), request_).cause == cause


ON_ALLOWED = {ACAO: APP}
EVERYTHING: dict[str, Any] = {
    "allow_credentials": True,
    "expose_headers": ["ETag", "x-a"],
    "timing_allow_origin": True,
    "resource_policy": "cross-origin",
}
# The rule's fields, the request, the reason, and the headers; Vary: Origin on each, nothing is answered by us.
PASSED: dict[str, tuple[dict[str, Any], Request, str, dict[str, str]]] = {
    "allowed": ({}, actual(), "allowed", ON_ALLOWED),
    "allowed, any method: only preflights are asked": (
        {"allow_methods": ["GET"]},
        actual(method="PUT"),
        "allowed",
        ON_ALLOWED,
    ),
    "OPTIONS that is not a preflight": ({}, actual(method="OPTIONS"), "allowed", ON_ALLOWED),
    "a requested method makes no preflight of a GET": ({}, actual(request_method="PUT"), "allowed", ON_ALLOWED),
    "credentials": ({"allow_credentials": True}, actual(), "allowed", ON_ALLOWED | CREDENTIALS),
    "exposed headers": ({"expose_headers": ["ETag", "X-A"]}, actual(), "allowed", ON_ALLOWED | {ACEH: "etag, x-a"}),
    "every header exposed": ({"expose_headers": "*"}, actual(), "allowed", ON_ALLOWED | {ACEH: "*"}),
    "timing": ({"timing_allow_origin": True}, actual(), "allowed", ON_ALLOWED | {TIMING: APP}),
    "resource policy": ({"resource_policy": "same-site"}, actual(), "allowed", ON_ALLOWED | {CORP: "same-site"}),
    "all of it": (
        EVERYTHING,
        actual(),
        "allowed",
        {ACAO: APP, ACAC: "true", ACEH: "etag, x-a", TIMING: APP, CORP: "cross-origin"},
    ),
    "private networks are a matter of preflights": (
        {"allow_private_network": True},
        actual(private_network="true"),
        "allowed",
        ON_ALLOWED,
    ),
    "allowed, though of the same origin": ({}, actual(host="app.example.com"), "allowed", ON_ALLOWED),
    "null": ({"allow_origins": ["null"]}, actual("null"), "allowed", {ACAO: "null"}),
    "refused": (EVERYTHING, actual(EVIL), "origin-not-allowed", {CORP: "cross-origin"}),
    "refused null": ({}, actual("null"), "origin-not-allowed", {}),
    "malformed": (EVERYTHING, actual(APP + "/"), "origin-malformed", {CORP: "cross-origin"}),
    "without Origin": (EVERYTHING, actual(None), "not-cors", {CORP: "cross-origin"}),
    "without Origin, a preflight in every other way": ({}, preflight(None), "not-cors", {}),
    "the site's own page": ({}, actual("https://cdn.example"), "same-origin", {}),
    "the site's own page, as the browser says": ({}, actual(EVIL, fetch_site="same-origin"), "same-origin", {}),
    "blocking, allowed": ({"on_refused": "block"}, actual(), "allowed", ON_ALLOWED),
    "blocking, without Origin": ({"on_refused": "block"}, actual(None), "not-cors", {}),
    "blocking, without Origin, though the browser says cross-site": (
        {"on_refused": "block"},
        actual(None, fetch_site="cross-site"),
        "not-cors",
        {},
    ),
    "blocking, the host is unknown": ({"on_refused": "block"}, actual(EVIL, host=None), "origin-not-allowed", {}),
}


@pytest.mark.parametrize("name", PASSED)
def test_actual_requests_go_on_and_the_response_gets_exactly_these(name: str) -> None:
    fields, request, reason, headers = PASSED[name]
    decision = answer(policy(**fields), request, reason, None, headers, ON_ACTUAL)
    assert decision.body is None
    assert decision.remove == (("timing-allow-origin",) if fields.get("timing_allow_origin") else ())


@pytest.mark.parametrize("method", ["GET", "OPTIONS", "POST"])
@pytest.mark.parametrize("origin", [APP, EVIL, "null", "", "x\r\ny", "https://cdn.example", None])
def test_everyone_gets_the_same_constant_headers_and_no_vary(origin: str | None, method: str) -> None:
    compiled = policy(allow_origins="*", expose_headers="*", timing_allow_origin=True, resource_policy="cross-origin")
    headers = {ACAO: "*", ACEH: "*", TIMING: "*", CORP: "cross-origin"}
    answer(compiled, actual(origin, method), "not-cors" if origin is None else "allowed", None, headers, ())


# Same origin or not: what the event shows of the request, and whether `block` holds it back.
RELATIONS: list[tuple[str, dict[str, Any], str]] = [
    ("https://cdn.example", {}, "same"),
    ("https://cdn.example", {"host": "CDN.Example:443"}, "same"),
    ("https://cdn.example", {"scheme": None}, "same"),
    ("http://cdn.example", {"scheme": None}, "same"),
    ("http://cdn.example", {"scheme": "http", "host": "cdn.example:80"}, "same"),
    ("https://cdn.example:8443", {"host": "cdn.example:8443"}, "same"),
    ("https://[::1]:8443", {"host": "[::1]:8443"}, "same"),
    ("https://[::1]", {"host": "[::1]"}, "same"),
    ("https://cdn.example.", {"host": "cdn.example."}, "same"),
    ("capacitor://localhost", {"host": "localhost", "scheme": None}, "same"),
    ("capacitor://localhost", {"host": "localhost:~", "scheme": None}, "cross"),
    ("http://cdn.example", {}, "cross"),
    ("https://cdn.example", {"scheme": "http"}, "cross"),
    ("https://cdn.example:8443", {}, "cross"),
    ("https://cdn.example", {"host": "cdn.example:8443"}, "cross"),
    ("https://cdn.example", {"host": "cdn.example:80"}, "cross"),
    ("https://cdn.example.", {}, "cross"),
    ("https://a.cdn.example", {}, "cross"),
    ("https://example", {}, "cross"),
    ("https://cdn.example.evil.io", {}, "cross"),
    ("https://cdn.example", {"host": ""}, "cross"),
    ("null", {}, "cross"),
    ("null", {"host": None}, "cross"),
    ("", {}, "cross"),
    ("https://CDN.example", {}, "cross"),
    ("https://cdn.example, https://cdn.example", {}, "cross"),
    ("https://cdn.example", {"host": "cdn.example:"}, "same"),
    ("https://cdn.example", {"host": "cdn.example::"}, "cross"),
    ("https://cdn.example", {"host": "cdn.example::443"}, "cross"),
    ("https://cdn.example", {"host": "cdn.example:443:"}, "cross"),
    ("capacitor://localhost", {"host": "localhost:", "scheme": None}, "same"),
    ("capacitor://localhost", {"host": "localhost:443", "scheme": None}, "cross"),
    ("https://[2001:db8::7]", {"host": "[2001:db8::7]"}, "same"),
    ("https://[2001:db8::7]", {"host": "[2001:db8::7]:443"}, "same"),
    ("https://cdn.example", {"host": None}, "unknown"),
    (EVIL, {"host": None, "scheme": None}, "unknown"),
    (EVIL, {"fetch_site": "same-origin"}, "same"),
    ("null", {"fetch_site": "same-origin"}, "same"),
    (EVIL, {"fetch_site": "none"}, "same"),
    (EVIL, {"fetch_site": "same-origin", "host": None}, "same"),
    ("https://cdn.example", {"fetch_site": "same-site"}, "cross"),
    ("https://cdn.example", {"fetch_site": "cross-site"}, "cross"),
    ("https://cdn.example", {"fetch_site": ""}, "cross"),
    ("https://cdn.example", {"fetch_site": "Same-Origin"}, "cross"),
    ("https://cdn.example", {"fetch_site": "same-origin, cross-site"}, "cross"),
    (EVIL, {"fetch_site": "cross-site", "host": None}, "cross"),
]


@pytest.mark.parametrize(("origin", "shown", "relation"), RELATIONS)
def test_block_holds_back_what_is_known_to_be_cross_origin(origin: str, shown: dict[str, Any], relation: str) -> None:
    request, compiled = actual(origin, "POST", **shown), policy(on_refused="block", resource_policy="same-site")
    reason = "origin-malformed" if parse_origin(origin) is None and origin != "null" else "origin-not-allowed"
    if relation == "cross":
        answer(compiled, request, reason, 403, NO_STORE, ON_ACTUAL)
    else:
        reason = "same-origin" if relation == "same" else reason
        answer(compiled, request, reason, None, {CORP: "same-site"}, ON_ACTUAL)


@pytest.mark.parametrize(("origin", "shown", "relation"), RELATIONS)
def test_without_block_nothing_is_held_back(origin: str, shown: dict[str, Any], relation: str) -> None:
    decision = decide(policy(), actual(origin, "POST", **shown))
    assert decision.status is None
    assert (decision.reason == "same-origin") == (relation == "same")
    assert (decision.headers, decision.vary) == ((), ON_ACTUAL)


# Without a policy, outside of it, and in shadow


def test_without_a_policy_a_preflight_gets_retry_after() -> None:
    answer(None, preflight(), "policy-unavailable", 503, NO_STORE | {"Retry-After": "1"}, ON_PREFLIGHT)


@pytest.mark.parametrize("request_", [actual(), actual(None), actual("x"), actual(method="OPTIONS")])
def test_without_a_policy_traffic_goes_on_and_nothing_is_granted(request_: Request) -> None:
    answer(None, request_, "policy-unavailable", None, {}, ON_ACTUAL)


@pytest.mark.parametrize(
    ("fields", "shown"),
    [
        ({"paths": ["/api/*"]}, {"path": "/"}),
        ({"paths": ["/api/*"]}, {"path": "/API/x"}),
        ({"hosts": ["a.example"]}, {}),
        ({"paths": ["/api/*"]}, {"path": "/a//b;c"}),
    ],
)
def test_what_no_rule_is_about_is_not_touched(fields: dict[str, Any], shown: dict[str, Any]) -> None:
    compiled = policy(on_refused="block", **fields)
    for request in (preflight(**shown), preflight(EVIL, **shown), actual(**shown), actual(EVIL, **shown)):
        assert answer(compiled, request, "not-managed", managed=False).rule is None


@pytest.mark.parametrize(
    ("request_", "reason"),
    [
        (preflight(), "allowed"),
        (preflight(EVIL), "origin-not-allowed"),
        (preflight(method="put"), "method-not-allowed"),
        (preflight(names=":"), "headers-malformed"),
        (actual(), "allowed"),
        (actual(EVIL), "origin-not-allowed"),
        (actual("x"), "origin-malformed"),
        (actual("https://cdn.example"), "same-origin"),
        (actual(None), "not-cors"),
        (actual(path="/%"), "allowed"),
    ],
)
def test_in_shadow_all_is_decided_and_nothing_is_changed(request_: Request, reason: str) -> None:
    for fields in (
        {},
        {"on_refused": "block", "debug": True, "timing_allow_origin": True, "resource_policy": "same-site"},
    ):
        decision = answer(load_policy(document(fields, mode="shadow")), request_, reason, managed=False)
        assert (decision.body, decision.remove) == (None, ())


def test_a_star_in_shadow_changes_nothing_either() -> None:
    compiled = load_policy(document(STAR, mode="shadow"))
    answer(compiled, actual(None), "not-cors", managed=False)
    answer(compiled, preflight("x"), "allowed", managed=False)


def test_the_first_rule_about_a_resource_decides_alone() -> None:
    compiled = load_policy(
        document(
            {"paths": ["/api/*"], "allow_origins": [EVIL], "max_age": 1},
            {"hosts": ["other.example"], "allow_origins": "*"},
            {"paths": ["/api/*", "/fonts/*"], "max_age": 2},
        )
    )
    refused(compiled, preflight(path="/api/x"), "origin-not-allowed")
    allowed(compiled, preflight(EVIL, path="/api/x"), PREFLIGHT_DEFAULTS | {ACAO: EVIL, ACMA: "1"})
    allowed(compiled, preflight(path="/fonts/x"), PREFLIGHT_DEFAULTS | {ACMA: "2"})
    allowed(compiled, preflight(host="OTHER.example:443"), PREFLIGHT_DEFAULTS | {ACAO: "*"})
    assert decide(compiled, preflight(path="/other")).reason == "not-managed"
    rules = [candidates(compiled, actual(path=path))[0] for path in ("/api/x", "/fonts/x", "/x")]
    assert [rule.index if rule else None for rule in rules] == [0, 2, None]


def test_a_decision_names_its_rule_and_the_entry_that_allowed() -> None:
    compiled = policy({"l": "https://l.example"}, allow_origins=["HTTPS://*.Example.com", "@l", "null", "https://p:*"])
    for origin, entry in {
        "https://a.example.com": "https://*.example.com",
        "https://l.example": "https://l.example",
        "null": "null",
        "https://p:1": "https://p:*",
        EVIL: None,
        "x": None,
    }.items():
        for request in (preflight(origin), actual(origin)):
            decision = decide(compiled, request)
            assert decision.entry == entry
            assert decision.rule is compiled.rules[0]
    assert decide(policy(allow_origins="*"), actual("x")).entry == "*"
    assert decide(policy(allow_origins="*"), actual(None)).entry is None
    # Refused for its method, the origin was still allowed by this entry.
    assert decide(policy(), preflight(method="put")).entry == APP


def test_decide_preflight_and_decide_actual_can_be_called_directly() -> None:
    """A front that knows what it has need not ask again; an OPTIONS can be decided as an actual request."""
    assert decide_preflight(policy(), preflight()).status == 204
    assert decide_actual(policy(), preflight()).status is None
    assert decide_preflight(policy(), actual(None, method="OPTIONS")).reason == "origin-malformed"


def test_a_decision_shows_what_it_says() -> None:
    shown = repr(decide(policy(), preflight(EVIL)))
    assert shown.startswith("Decision('origin-not-allowed', status=403, headers=(('Cache-Control', 'no-store'),)")


@pytest.mark.parametrize(
    "difference",
    [
        {"managed": False},
        {"status": 403},
        {"headers": (("X-A", "1"),)},
        {"vary": ("Origin",)},
        {"remove": ("timing-allow-origin",)},
        {"body": "text"},
    ],
    ids=lambda difference: next(iter(difference)),
)
def test_decisions_that_differ_in_what_they_do_have_another_answer(difference: dict[str, Any]) -> None:
    assert Decision("allowed").has_same_answer(Decision("not-cors", entry="x", cause="y"))
    assert not Decision("allowed").has_same_answer(Decision("allowed", **difference))


def test_every_reason_is_documented_and_can_come_up() -> None:
    cases: list[tuple[dict[str, Any], Request]] = [
        (fields, request) for fields, request, _ in REFUSED_PREFLIGHTS.values()
    ]
    cases += [(fields, request) for fields, request, _, _ in PASSED.values()]
    seen = {decide(policy(**fields), request).reason for fields, request in cases}
    seen |= {decide(None, actual()).reason, decide(policy(paths=["/a"]), actual()).reason}
    seen.add(decide(policy(paths=["/a"]), actual(path="/a;b")).reason)
    assert seen == set(REASONS)


# Mutations


@pytest.mark.parametrize("origin", SEEDS)
@pytest.mark.parametrize("credentials", [False, True])
def test_an_allowed_origin_spoilt_anywhere_is_refused_and_never_echoed(origin: str, credentials: bool) -> None:
    compiled = policy(allow_origins=[origin], allow_credentials=credentials)
    assert decide(compiled, preflight(origin)).status == 204
    others = spoilt(origin)
    others += [origin[start:] for start in range(1, len(origin))] + [origin[:end] for end in range(1, len(origin))]
    others += [origin + end for end in (".", ".evil.io", "evil.io", ":8444", "0", "-", "_", "a")]
    others += [origin.replace("://", f"://{front}", 1) for front in ("evil", "evil.", "www.", "a-", "1")]
    others += [origin.replace(".", separator, 1) for separator in ("x", "-", "", "..", "\\.") if "." in origin]
    others += [("http" if origin.startswith("https") else "https") + origin[origin.index(":") :]]
    for other in others:
        refused(compiled, preflight(other), oracle.origin_verdict({"allow_origins": [origin]}, other))
        assert decide(compiled, actual(other)).headers == ()


@pytest.mark.parametrize("pattern", ["https://*.example.com", "https://shop-*.example.com", "https://*.example.com:*"])
def test_an_origin_a_pattern_allows_spoilt_anywhere_is_refused(pattern: str) -> None:
    origin = pattern.replace("*", "shop-a", 1).replace("shop-shop-", "shop-").removesuffix(":*")
    compiled = policy(allow_origins=[pattern], allow_credentials=True)
    assert decide(compiled, actual(origin)).reason == "allowed"
    others = spoilt(origin)
    others += [origin + end for end in (".", ".evil.io", "evil.io", "-", "x")]
    others += [
        origin.replace(".example", mark + "example", 1) for mark in ("x", "-", "", "/.", "#.", "@", "\\.", "%2e")
    ]
    others += [origin.replace("example.com", "evil.io", 1), origin.replace("https", "http", 1), "https://example.com"]
    granted = [other for other in others if decide(compiled, actual(other)).headers]
    # A port behind it is what `:*` is for; everything else is an attack.
    assert granted == []


@pytest.mark.parametrize("control", CONTROLS)
def test_no_control_character_reaches_a_header(control: str) -> None:
    for fields in ({"allow_origins": ["https://*.example.com"]}, {"allow_origins": "*"}, {"allow_methods": "*"}):
        compiled = policy(**({"allow_credentials": True} | fields if fields.get("allow_origins") != "*" else fields))
        for request in (
            preflight(f"https://a{control}.example.com"),
            preflight(method=f"G{control}T"),
            preflight(names=f"x-a{control}x-b"),
            preflight(names=f"x-a,{control}Set-Cookie: a"),
            actual(f"https://a.example.com{control}"),
        ):
            for _, value in decide(compiled, request).headers:
                assert control not in value.replace(", ", ",").replace("text/plain; ", "")


def test_origin_with_look_alike_characters_is_malformed() -> None:
    origin = "https://apple-kiosk.example.com"
    compiled = policy(allow_origins=[origin, "https://*.example.com"])
    for plain, others in LOOK_ALIKES.items():
        for other in others if plain in origin else "":
            assert decide(compiled, actual(origin.replace(plain, other))).reason == "origin-malformed"


# Properties


def comparable(pairs: tuple[tuple[str, str], ...]) -> list[tuple[str, Any]]:
    """As emitted; of lists of names only the order makes no difference."""

    def value(name: str, text: str) -> Any:
        if name in (ACAM, ACAH, ACEH):
            return sorted(text.split(", ") if name == ACAM else text.lower().split(", "))
        return text

    return sorted((name, value(name, text)) for name, text in pairs)


documents_and_requests = strategies.documents().flatmap(
    lambda written: st.tuples(st.just(written), strategies.requests(written))
)


@settings(max_examples=200, deadline=None)
@given(documents_and_requests)
def test_the_decision_is_the_oracle_s(case: tuple[dict[str, Any], dict[str, Any]]) -> None:
    written, given_request = case
    expected = oracle.expected(written, given_request)
    decision = decide(load_policy(json.dumps(written)), Request(**given_request))
    assert (decision.reason, decision.status) == (expected.reason, expected.status)
    assert comparable(decision.headers) == comparable(expected.headers)
    assert decision.vary == expected.vary
    assert decision.managed == expected.managed
    assert ("timing-allow-origin" in decision.remove) == expected.removes_timing
    assert (decision.body is not None) == expected.body
    assert (decision.rule.index if decision.rule else None) == expected.rule


@settings(max_examples=120, deadline=None)
@given(documents_and_requests)
def test_what_is_granted_is_byte_for_byte_an_allowed_origin(case: tuple[dict[str, Any], dict[str, Any]]) -> None:
    written, given_request = case
    decision = decide(load_policy(json.dumps(written)), Request(**given_request))
    names = [name.lower() for name, _ in decision.headers]
    assert len(names) == len(set(names))
    headers = dict(decision.headers)
    echoed = headers.get(ACAO)
    if echoed is None:
        assert not any(name.startswith("access-control-") for name in names)
    elif echoed == "*":
        assert ACAC not in headers
        assert "Origin" not in decision.vary or decision.status == 204
    else:
        assert decision.rule is not None
        listed = written["rules"][decision.rule.index]["allow_origins"]
        assert echoed == given_request["origin"]
        assert echoed == "null" or parse_origin(echoed) is not None
        assert origins.matches_any(listed, echoed)
        assert "Origin" in decision.vary
    assert headers.get(TIMING, echoed) == echoed
    assert all(value.isprintable() and value.isascii() for _, value in decision.headers)


@settings(max_examples=60, deadline=None)
@given(documents_and_requests)
def test_a_policy_is_not_changed_by_what_it_decides(case: tuple[dict[str, Any], dict[str, Any]]) -> None:
    written, given_request = case
    compiled, request = load_policy(json.dumps(written)), Request(**given_request)
    before = state(compiled.rules)
    first = decide(compiled, request)
    for other in (preflight(), preflight(EVIL), actual(None), actual("null")):
        decide(compiled, other)
    again = decide(compiled, request)
    assert repr(first) == repr(again)
    assert state(compiled.rules) == before


def state(rules: tuple[Any, ...]) -> list[Mapping[str, Any]]:
    states: list[Mapping[str, Any]] = []
    for rule in rules:
        values = {name: getattr(rule, name) for name in rule.__slots__}
        values["grants"] = [
            {name: getattr(grant, name) for name in grant.__slots__ if name != "allow_origins"}
            | {"allow_origins": None if grant.allow_origins is None else list(grant.allow_origins)}
            for grant in rule.grants
        ]
        states.append(values)
    return states


@pytest.mark.parametrize("host", ["shop.example:", "shop.example.:", "SHOP.example:443"])
def test_same_origin_request_whose_host_has_an_empty_port_is_recognised(host: str) -> None:
    policy = load_policy('{"rules": [{"hosts": ["shop.example"], "allow_origins": "*"}]}')
    assert decide(policy, Request("GET", "/", host)).reason == "not-cors"


def test_blocked_request_loses_the_upstream_s_timing_header() -> None:
    rule = {"allow_origins": [], "on_refused": "block", "timing_allow_origin": True}
    decision = decide(load_policy(json.dumps({"rules": [rule]})), Request("GET", "/", "b", origin="https://a.example"))
    assert (decision.status, decision.remove) == (403, ("timing-allow-origin",))


def test_refused_origin_does_not_keep_the_upstream_s_allow_origin() -> None:
    """The decision takes the upstream's CORS headers away in every case but those it has nothing to do with."""
    compiled = policy()
    for origin in (APP, EVIL, "null", "not an origin", None):
        assert decide(compiled, actual(origin)).managed
    assert decide(policy(allow_origins="*"), actual(None)).managed
    assert decide(None, actual(EVIL)).managed
    assert not decide(policy(paths=["/x"]), actual(EVIL)).managed


def test_refused_origin_does_not_keep_the_upstream_s_timing_header() -> None:
    compiled = policy(timing_allow_origin=True)
    for origin in (APP, EVIL, None):
        assert decide(compiled, actual(origin)).remove == ("timing-allow-origin",)


def test_no_header_is_sent_under_two_spellings() -> None:
    fields: dict[str, Any] = {"allow_credentials": True, "expose_headers": ["X-A", "x-a"], "timing_allow_origin": True}
    compiled = policy(resource_policy="same-site", allow_private_network=True, allow_headers=["X-A", "x-a"], **fields)
    for request in (preflight(private_network="true"), actual(), preflight(EVIL), actual(EVIL)):
        names = [name.lower() for name, _ in decide(compiled, request).headers]
        assert len(names) == len(set(names))
    assert dict(decide(compiled, actual()).headers)["Access-Control-Expose-Headers"] == "x-a"
    assert dict(decide(compiled, preflight()).headers)[ACAH] == "x-a"


@pytest.mark.parametrize("origin", [APP, EVIL, "null", "x", None])
def test_vary_is_on_allowed_refused_and_origin_less_responses(origin: str | None) -> None:
    assert decide(policy(), actual(origin)).vary == ON_ACTUAL
    if origin is not None:
        assert decide(policy(), preflight(origin)).vary == ON_PREFLIGHT
    assert decide(None, actual(origin)).vary == ON_ACTUAL


def test_star_with_credentials_reflects_nobody() -> None:
    """It can't even be written: neither in a policy, nor by way of a list."""
    for entries in ("*", ["*"], [" *"], ["*", APP], ["* ", APP]):
        errors, _ = errors_of(document({"allow_origins": entries, "allow_credentials": True}))
        assert {code for _, code, _ in errors} & {"wildcard-with-credentials", "wildcard-not-alone"}
    compiled = policy({"l": "*"}, allow_origins=["@l"], allow_credentials=True)
    assert decide(compiled, actual(EVIL)).headers == ()
    everyone = policy(allow_origins="*")
    for request in (preflight(EVIL), actual(EVIL)):
        headers = dict(decide(everyone, request).headers)
        assert headers[ACAO] == "*"
        assert ACAC not in headers


@pytest.mark.parametrize("method", ["PO", "OST", "P", "", "POST, PUT", "GET,", ", ", "post", "POSTS"])
def test_method_is_compared_as_a_whole_and_with_its_case(method: str) -> None:
    refused(policy(allow_methods=["GET", "POST", "PUT"]), preflight(method=method), "method-not-allowed")


def test_max_age_zero_is_sent() -> None:
    allowed(policy(max_age=0), preflight(), PREFLIGHT_DEFAULTS | {ACMA: "0"})


def test_options_without_a_requested_method_is_not_a_preflight() -> None:
    compiled = policy()
    answer(compiled, actual(APP, "OPTIONS"), "allowed", None, {ACAO: APP}, ON_ACTUAL)
    answer(compiled, actual(None, "OPTIONS"), "not-cors", None, {}, ON_ACTUAL)
    answer(compiled, preflight(None), "not-cors", None, {}, ON_ACTUAL)
    answer(compiled, actual(APP, "GET", request_method="PUT"), "allowed", None, {ACAO: APP}, ON_ACTUAL)


def test_preflight_without_requested_headers_is_allowed() -> None:
    allowed(policy(), preflight(names=None), PREFLIGHT_DEFAULTS)
    allowed(policy(allow_headers=["x-a"]), preflight(names=None), PREFLIGHT_DEFAULTS | {ACAH: "x-a"})
    allowed(policy(allow_headers=[]), preflight(names=None), {ACAO: APP, ACAM: ALL_METHODS, ACMA: "7200"})


def test_credentials_do_not_leak_from_one_request_into_the_next() -> None:
    """One policy, one process, requests in every order: each is answered as if it were the first."""
    compiled = load_policy(
        document(
            {"paths": ["/in/*"], "allow_credentials": True, "allow_methods": "*"},
            {"paths": ["/all/*"], "allow_origins": "*"},
            {"allow_headers": ["x-a"]},
        )
    )
    requests = [
        make(origin, path=path)
        for make in (preflight, actual)
        for path in ("/in/x", "/all/x", "/")
        for origin in (APP, EVIL, "null")
    ]
    alone = [repr(decide(compiled, request)) for request in requests]
    for first in requests:
        decide(compiled, first)
        assert [repr(decide(compiled, request)) for request in requests] == alone
    with_credentials = [request for request in requests if ACAC in dict(decide(compiled, request).headers)]
    assert {(request.origin, request.path) for request in with_credentials} == {(APP, "/in/x")}


def test_decision_is_not_changed_by_what_a_front_does_with_it() -> None:
    """Headers and Vary are tuples: there is nothing in a decision that a caller could add to."""
    for request in (preflight(), actual(), preflight(EVIL), actual(EVIL), actual(None)):
        decision = decide(policy(), request)
        assert isinstance(decision.headers, tuple)
        assert all(isinstance(pair, tuple) for pair in decision.headers)
        assert isinstance(decision.vary, tuple)
        assert isinstance(decision.remove, tuple)


def test_allowed_preflight_has_no_body() -> None:
    for fields in ({}, {"debug": True}, {"allow_credentials": True}, {"allow_origins": "*"}):
        decision = decide(policy(**fields), preflight())
        assert (decision.status, decision.body) == (204, None)
        assert not {"content-type", "content-length"} & {name.lower() for name, _ in decision.headers}


def test_null_is_refused_where_it_is_not_listed() -> None:
    for entry in ("https://*.example.com", APP, "capacitor://localhost"):
        assert not is_granted(entry, "null")
    assert is_granted("null", "null")
    with pytest.raises(PolicyError):
        policy(allow_origins=["null"], allow_credentials=True)


def test_same_origin_request_is_never_blocked() -> None:
    compiled = policy(on_refused="block")
    for method in ("GET", "POST", "DELETE"):
        assert decide(compiled, actual("https://cdn.example", method)).status is None
        assert decide(compiled, actual(EVIL, method)).status == 403


def test_decision_does_not_depend_on_the_response() -> None:
    """The decision does not know the upstream's status, so that the page sees a 500 for what it is."""
    assert decide_actual(policy(), actual()).headers == ((ACAO, APP),)


def test_wildcards_are_constants_without_credentials_and_never_sent_with_them() -> None:
    wide: dict[str, Any] = {"allow_methods": "*", "allow_headers": "*"}
    allowed(policy(**wide), preflight(APP, "PURGE", "x-a"), PREFLIGHT_DEFAULTS | {ACAM: "*"})
    with_credentials = {ACAO: APP, ACAC: "true", ACAM: "PURGE", ACAH: "x-a", ACMA: "7200"}
    allowed(policy(allow_credentials=True, **wide), preflight(APP, "PURGE", "x-a"), with_credentials)
