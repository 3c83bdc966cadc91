"""The oracle against cases computed by hand, so that an agreement with it means something."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, find, given, settings
from hypothesis import strategies as st

from harness.oracle import origins, strategies
from harness.oracle.decision import (
    PREFLIGHT_VARY,
    PRIVATE_NETWORK_VARY,
    Expected,
    all_readings,
    bare_host,
    comparable,
    expected,
    glob_matches,
    requested_names,
)

APP = "https://app.example.com"
EVIL = "https://evil.example"


@pytest.mark.parametrize(
    "text",
    [
        "https://a.example",
        "http://localhost:3000",
        "https://a.example:8443",
        "http://a.example:443",
        "https://a.example.",
        "https://a_b.example",
        "https://_dmarc.example",
        "https://xn--bcher-kva.example",
        "https://1.example",
        "https://1a",
        "https://0xg",
        "http://127.0.0.1:8080",
        "http://255.255.255.255",
        "http://[::1]:3000",
        "http://[::]",
        "http://[2001:db8::1]",
        "http://[1:0:2:3:4:5:6:7]",
        "http://[1::2:0:0:3:4]",
        "http://[::ffff:102:304]",
        "capacitor://localhost",
        "chrome-extension://abcdefghijklmnopabcdefghijklmnop",
        "a+b.c-1://x",
        "https://" + "a" * 63 + ".example",
        "https://" + ".".join(["a" * 63, "b" * 63, "c" * 63, "d" * 61]),
        "https://a.example:65535",
        "https://a.example:1",
    ],
)
def test_well_formed(text: str) -> None:
    assert origins.parse(text) is not None


@pytest.mark.parametrize(
    "text",
    [
        "",
        "null",
        "*",
        "https://",
        "https:/a.example",
        "https:a.example",
        "//a.example",
        "a.example",
        "https://a.example/",
        "https://a.example/x",
        "https://a.example?",
        "https://a.example#",
        "https://u@a.example",
        "https://u:p@a.example",
        "https://A.example",
        "HTTPS://a.example",
        "https://a.example:443",
        "http://a.example:80",
        "ftp://a.example:21",
        "wss://a.example:443",
        "https://a.example:",
        "https://a.example:0",
        "https://a.example:08443",
        "https://a.example:65536",
        "https://a.example:84x",
        "https://a.example:+1",
        "https://a.example:\u0661",
        "https://a..example",
        "https://.a.example",
        "https://a.example..",
        "https://.",
        "https://b\u00fccher.example",
        "https://a%2eexample",
        "https://a.example https://b.example",
        "https://a.example, https://a.example",
        " https://a.example",
        "https://a.example\n",
        "https://a.example\0",
        "https://a*.example",
        "file://a",
        "file://",
        "1http://a.example",
        "h_p://a.example",
        "http://1.2.3",
        "http://1.2.3.4.",
        "http://1.2.3.04",
        "http://1.2.3.256",
        "http://1.2.3.4.5",
        "http://a.1",
        "http://a.1.",
        "http://2130706433",
        "http://0x7f",
        "http://a.0x",
        "http://[::1",
        "http://::1",
        "http://[::1]x",
        "http://[::1]:80",
        "http://[::0]",
        "http://[::ABCD]",
        "http://[0:0:0:0:0:0:0:1]",
        "http://[::ffff:1.2.3.4]",
        "http://[fe80::1%eth0]",
        "http://[1::2:3:4:5:6:7]",
        "http://[]",
        "http://[1:2]",
        "https://" + "a" * 64 + ".example",
        "https://" + ".".join(["a" * 63, "b" * 63, "c" * 63, "d" * 62]),
        "a" * 505 + "://a.example",
    ],
)
def test_malformed(text: str) -> None:
    assert origins.parse(text) is None


@pytest.mark.parametrize(
    ("pattern", "origin", "covered"),
    [
        ("https://a.example", "https://a.example", True),
        ("https://a.example", "http://a.example", False),
        ("https://a.example", "https://a.example:8443", False),
        ("https://a.example", "https://a.example.", False),
        ("https://a.example", "https://b.a.example", False),
        ("https://a.example", "https://aXexample", False),
        (" HTTPS://A.example:443/ ", "https://a.example", True),
        ("https://*.example.com", "https://a.example.com", True),
        ("https://*.example.com", "https://a.b_c.example.com", True),
        ("https://*.example.com", "https://example.com", False),
        ("https://*.example.com", "https://badexample.com", False),
        ("https://*.example.com", "https://a.example.com.", False),
        ("https://*.example.com", "https://a.example.com.evil.io", False),
        ("https://*.example.com", "https://a.example.com:8443", False),
        ("https://*.example.com:*", "https://a.example.com:8443", True),
        ("https://*.example.com:*", "https://a.example.com", True),
        ("https://*.example.com:8443", "https://a.example.com:8443", True),
        ("https://shop-*.example.com", "https://shop-1.example.com", True),
        ("https://shop-*.example.com", "https://shop-a-b.example.com", True),
        ("https://shop-*.example.com", "https://shop-.example.com", False),
        ("https://shop-*.example.com", "https://shop-a.b.example.com", False),
        ("https://shop-*.example.com", "https://shop-a_b.example.com", False),
        ("https://shop-*.example.com", "https://x.shop-a.example.com", False),
        ("https://a*a.example.com", "https://aa.example.com", False),
        ("https://a*a.example.com", "https://aaa.example.com", True),
        ("http://127.0.0.1:*", "http://127.0.0.1:3000", True),
        ("http://[::1]:*", "http://[::1]:3000", True),
        ("http://[::1]:*", "http://[::1]", True),
        ("http://[::80]", "http://[::80]", True),
        ("http://localhost:*", "http://localhost.evil.io:80", False),
        ("null", "null", True),
        ("null", "https://null", False),
        ("https://null", "null", False),
        ("capacitor://localhost", "capacitor://localhost", True),
    ],
)
def test_patterns(pattern: str, origin: str, covered: bool) -> None:
    assert origins.matches(pattern, origin) is covered


@pytest.mark.parametrize("pattern", ["https://*.*.example", "https://*", "https://a.*.example", "x", "https://*.1"])
def test_what_is_not_a_pattern_is_an_error_in_the_test(pattern: str) -> None:
    with pytest.raises(ValueError, match="not a pattern"):
        origins.matches(pattern, "https://a.b.example")


@pytest.mark.parametrize(
    ("path", "readings"),
    [
        ("", ["/"]),
        ("/a/./b", ["/a/b"]),
        ("/../..", ["/"]),
        ("/a/b/..", ["/a/"]),
        ("/...", ["/..."]),
        ("/%2e%2E/x", ["/x"]),
        ("/%7Ea%41%2b", ["/~aA+"]),
        ("/b%C3%BCro", ["/b\u00fcro"]),
        ("/a%0ab", ["/a\nb"]),
        ("/a//b", ["/a//b", "/a/b"]),
        ("/a%2fb", ["/a%2Fb", "/a/b"]),
        ("/a;x/..", ["/"]),
        ("/a/..;x", ["/a/..;x", "/"]),
        ("/a%00b", ["/a%00b", "/a", "/ab"]),
        ("a", None),
        ("*", None),
        ("http://a.example/", None),
        ("/;" + "a" * 4094, None),
    ],
)
def test_all_readings_of_a_path(path: str, readings: list[str] | None) -> None:
    actual = all_readings(path)
    assert actual == readings or (actual is not None and readings is not None and set(actual) == set(readings))


@pytest.mark.parametrize(
    ("glob", "text", "covered"),
    [
        ("/*", "/", True),
        ("/*", "/a/b", True),
        ("*", "", True),
        ("/a/*", "/a", False),
        ("/a?c", "/abc", True),
        ("/a?c", "/a/c", True),
        ("/a?c", "/ac", False),
        ("*.css", "/x/y.css", True),
        ("*.css", "/x/y.css2", False),
        ("/a*b*c", "/a-b-b-c", True),
        ("/a*b*c", "/a-c-b", False),
        ("/A", "/a", False),
        ("/[ab]", "/a", False),
        ("", "", True),
        ("", "/", False),
    ],
)
def test_globs(glob: str, text: str, covered: bool) -> None:
    assert glob_matches(glob, text) is covered


@pytest.mark.parametrize(
    ("host", "bare"),
    [
        ("a.example", "a.example"),
        ("A.Example:8443", "a.example"),
        ("a.example.", "a.example"),
        ("a.example.:443", "a.example"),
        ("[::1]", "[::1]"),
        ("[::1]:80", "[::1]"),
    ],
)
def test_hosts(host: str, bare: str) -> None:
    assert bare_host(host) == bare


@pytest.mark.parametrize(
    ("text", "names"),
    [
        (None, []),
        ("", []),
        ("x-a", ["x-a"]),
        ("X-A,x-a , \tx-b", ["x-a", "x-b"]),
        (",,x-a,,", ["x-a"]),
        ("," * 15, []),
        ("," * 16, None),
        ("x-a" + "," * 16, ["x-a"]),
        ("x-a" + "," * 17, None),
        (",".join(["x"] * 64), ["x"]),
        (",".join(["x"] * 65), None),
        ("x" * 4096, ["x" * 4096]),
        ("x" * 4097, None),
        ("x-a x-b", None),
        ("x-a;", None),
        ("x-\u00e4", None),
        ("x-a,\nx-b", None),
        ("\u00a0x-a", None),
    ],
)
def test_asked_headers(text: str | None, names: list[str] | None) -> None:
    assert requested_names(text) == names


def one_rule(**fields: Any) -> dict[str, Any]:
    return {"version": 1, "rules": [{"allow_origins": [APP]} | fields]}


def asking(origin: str | None, **fields: Any) -> dict[str, Any]:
    return {"method": "GET", "path": "/", "host": "cdn.example", "scheme": "https", "origin": origin} | fields


def preflight(origin: str | None = APP, method: str = "GET", **fields: Any) -> dict[str, Any]:
    return asking(origin, method="OPTIONS", request_method=method) | fields


def grants(*grants: dict[str, Any]) -> dict[str, Any]:
    return {"version": 1, "rules": [{"grants": list(grants)}]}


def refused(reason: str, cause: str | None = None) -> Expected:
    return Expected(reason, 403, (("Cache-Control", "no-store"),), PREFLIGHT_VARY, rule=0, cause=cause)


ACAO = "Access-Control-Allow-Origin"
ACAM = "Access-Control-Allow-Methods"
ACAH = "Access-Control-Allow-Headers"
ACAC = ("Access-Control-Allow-Credentials", "true")
AGE = ("Access-Control-Max-Age", "7200")
ALL_METHODS = (ACAM, "GET, HEAD, POST, PUT, PATCH, DELETE")
ANY_HEADER = (ACAH, "*, authorization")


def answer(*headers: tuple[str, str], vary: tuple[str, ...] = PREFLIGHT_VARY) -> Expected:
    return Expected("allowed", 204, headers, vary, rule=0)


PREFLIGHTS = {
    "defaults": (one_rule(), preflight(), answer((ACAO, APP), ALL_METHODS, AGE, ANY_HEADER)),
    "credentials and stars": (
        one_rule(allow_credentials=True, allow_methods="*"),
        preflight(method="PURGE", request_headers="X-B, x-a,x-b"),
        answer((ACAO, APP), (ACAM, "PURGE"), AGE, (ACAH, "x-b, x-a"), ACAC),
    ),
    "credentials and stars, no header asked for": (
        one_rule(allow_credentials=True),
        preflight(),
        answer((ACAO, APP), ALL_METHODS, AGE, ACAC),
    ),
    "stars without credentials": (
        one_rule(allow_origins="*", allow_methods="*", max_age=0),
        preflight("not an origin", "PURGE", request_headers="x-a"),
        answer((ACAO, "*"), (ACAM, "*"), ("Access-Control-Max-Age", "0"), ANY_HEADER),
    ),
    "HEAD beside GET; names in any case": (
        one_rule(allow_methods=["PUT", "GET", "POST"], allow_headers=["X-A", "range", "cookie"]),
        preflight(method="HEAD", request_headers="range,X-a"),
        answer((ACAO, APP), (ACAM, "PUT, GET, HEAD, POST"), AGE, (ACAH, "x-a, range")),
    ),
    "safelisted name that is not listed": (
        one_rule(allow_headers=["x-a"]),
        preflight(request_headers="content-type,x-a"),
        refused("headers-not-allowed", "content-type"),
    ),
    "grants: the first one that has the origin decides": (
        grants({"allow_origins": [APP], "allow_methods": ["PUT"]}, {"allow_origins": "*"}),
        preflight(),
        refused("method-not-allowed", "GET"),
    ),
    "grants: any other origin gets the open one": (
        grants({"allow_origins": [APP], "allow_methods": ["PUT"]}, {"allow_origins": "*"}),
        preflight(EVIL),
        answer((ACAO, "*"), ALL_METHODS, AGE, ANY_HEADER),
    ),
    "ambiguous": (
        one_rule(paths=["/a/*"]),
        preflight(path="/a%2Fb"),
        Expected("resource-ambiguous", 403, (("Cache-Control", "no-store"),), PREFLIGHT_VARY),
    ),
    "no header is allowed, none asked for": (
        one_rule(allow_headers=[]),
        preflight(),
        answer((ACAO, APP), ALL_METHODS, AGE),
    ),
    "private network, asked for": (
        one_rule(allow_private_network=True),
        preflight(private_network="true"),
        answer(
            (ACAO, APP),
            ALL_METHODS,
            AGE,
            ANY_HEADER,
            ("Access-Control-Allow-Private-Network", "true"),
            vary=(*PREFLIGHT_VARY, PRIVATE_NETWORK_VARY),
        ),
    ),
    "private network, asked for in another way": (
        one_rule(allow_private_network=True),
        preflight(private_network="True"),
        answer((ACAO, APP), ALL_METHODS, AGE, ANY_HEADER, vary=(*PREFLIGHT_VARY, PRIVATE_NETWORK_VARY)),
    ),
    "private network, asked for and not allowed": (
        one_rule(),
        preflight(private_network="true"),
        answer((ACAO, APP), ALL_METHODS, AGE, ANY_HEADER),
    ),
    "null, listed": (
        one_rule(allow_origins=["null"]),
        preflight("null"),
        answer((ACAO, "null"), ALL_METHODS, AGE, ANY_HEADER),
    ),
    "null, not listed": (one_rule(), preflight("null"), refused("origin-not-allowed")),
    "another origin": (one_rule(), preflight(EVIL), refused("origin-not-allowed")),
    "two origins": (one_rule(), preflight(f"{APP}, {APP}"), refused("origin-malformed")),
    "empty origin": (one_rule(), preflight(""), refused("origin-malformed")),
    "method in other letters": (one_rule(), preflight(method="get"), refused("method-not-allowed", "get")),
    "part of a method": (one_rule(), preflight(method="PO"), refused("method-not-allowed", "PO")),
    "forbidden method": (
        one_rule(allow_methods="*"),
        preflight(method="Track"),
        refused("method-not-allowed", "Track"),
    ),
    "no token as method": (
        one_rule(allow_methods="*"),
        preflight(method="A B"),
        refused("method-not-allowed", "A B"),
    ),
    "empty method": (one_rule(allow_methods="*"), preflight(method=""), refused("method-not-allowed", "")),
    "header that is not listed": (
        one_rule(allow_headers=["x-a"]),
        preflight(request_headers="x-a,x-b"),
        refused("headers-not-allowed", "x-b"),
    ),
    "malformed after not listed": (
        one_rule(allow_headers=["x-a"]),
        preflight(request_headers="x-b,x c"),
        refused("headers-malformed"),
    ),
    "malformed headers under a star": (
        one_rule(),
        preflight(request_headers="x:"),
        refused("headers-malformed"),
    ),
    "origin before method before headers": (
        one_rule(),
        preflight(EVIL, "get", request_headers=":"),
        refused("origin-not-allowed"),
    ),
    "method before headers": (
        one_rule(),
        preflight(APP, "get", request_headers=":"),
        refused("method-not-allowed", "get"),
    ),
    "debug": (
        one_rule(debug=True),
        preflight(EVIL),
        Expected(
            "origin-not-allowed",
            403,
            (("Cache-Control", "no-store"), ("Content-Type", "text/plain; charset=utf-8")),
            PREFLIGHT_VARY,
            body=True,
            rule=0,
        ),
    ),
    "no policy": (
        None,
        preflight(),
        Expected("policy-unavailable", 503, (("Retry-After", "1"), ("Cache-Control", "no-store")), PREFLIGHT_VARY),
    ),
    "shadow": (
        one_rule() | {"mode": "shadow"},
        preflight(EVIL),
        Expected("origin-not-allowed", managed=False, rule=0),
    ),
    "not managed": (one_rule(paths=["/x"]), preflight(), Expected("not-managed", managed=False)),
}


@pytest.mark.parametrize("name", PREFLIGHTS)
def test_preflights(name: str) -> None:
    policy, request, outcome = PREFLIGHTS[name]
    assert expected(policy, request) == outcome


def passed(
    reason: str, *headers: tuple[str, str], vary: tuple[str, ...] = ("Origin",), timing: bool = False
) -> Expected:
    return Expected(reason, None, headers, vary, removes_timing=timing, rule=0)


BLOCKED = Expected("origin-not-allowed", 403, (("Cache-Control", "no-store"),), ("Origin",), rule=0)
TIMING = "Timing-Allow-Origin"
CORP = "Cross-Origin-Resource-Policy"

ACTUAL = {
    "allowed": (one_rule(), asking(APP), passed("allowed", (ACAO, APP))),
    "allowed, everything": (
        one_rule(
            allow_credentials=True,
            expose_headers=["x-a", "x-b"],
            timing_allow_origin=True,
            resource_policy="same-site",
        ),
        asking(APP),
        passed(
            "allowed",
            (ACAO, APP),
            ACAC,
            ("Access-Control-Expose-Headers", "x-a, x-b"),
            (TIMING, APP),
            (CORP, "same-site"),
            timing=True,
        ),
    ),
    "any method may be used, only preflights are asked": (
        one_rule(allow_methods=["GET"]),
        asking(APP, method="PUT"),
        passed("allowed", (ACAO, APP)),
    ),
    "OPTIONS without a requested method is no preflight": (
        one_rule(),
        asking(APP, method="OPTIONS"),
        passed("allowed", (ACAO, APP)),
    ),
    "GET with a requested method is no preflight": (
        one_rule(),
        asking(APP, request_method="GET"),
        passed("allowed", (ACAO, APP)),
    ),
    "refused": (
        one_rule(resource_policy="same-origin"),
        asking(EVIL),
        passed("origin-not-allowed", (CORP, "same-origin")),
    ),
    "malformed": (one_rule(), asking("https://a.example/"), passed("origin-malformed")),
    "no origin": (one_rule(timing_allow_origin=True), asking(None), passed("not-cors", timing=True)),
    "star, no origin": (
        one_rule(allow_origins="*", expose_headers="*", timing_allow_origin=True),
        asking(None),
        passed(
            "not-cors",
            (ACAO, "*"),
            ("Access-Control-Expose-Headers", "*"),
            (TIMING, "*"),
            vary=(),
            timing=True,
        ),
    ),
    "star, rubbish": (one_rule(allow_origins="*"), asking("x"), passed("allowed", (ACAO, "*"), vary=())),
    "block": (one_rule(on_refused="block"), asking(EVIL), BLOCKED),
    "block, the site's own page": (
        one_rule(on_refused="block"),
        asking("https://cdn.example", host="CDN.example:443"),
        passed("same-origin"),
    ),
    "block, other port": (
        one_rule(on_refused="block"),
        asking("https://cdn.example", host="cdn.example:8443"),
        BLOCKED,
    ),
    "block, other scheme": (one_rule(on_refused="block"), asking("http://cdn.example"), BLOCKED),
    "block, scheme unknown": (
        one_rule(on_refused="block"),
        asking("http://cdn.example", scheme=None),
        passed("same-origin"),
    ),
    "block, host unknown": (
        one_rule(on_refused="block"),
        asking(EVIL, host=None),
        passed("origin-not-allowed"),
    ),
    "block, the browser says same-origin": (
        one_rule(on_refused="block"),
        asking(EVIL, fetch_site="same-origin"),
        passed("same-origin"),
    ),
    "block, the browser says same-site": (
        one_rule(on_refused="block"),
        asking("https://cdn.example", fetch_site="same-site"),
        BLOCKED,
    ),
    "block, null": (one_rule(on_refused="block"), asking("null"), BLOCKED),
    "block, no origin": (one_rule(on_refused="block"), asking(None), passed("not-cors")),
    "no policy": (None, asking(None), Expected("policy-unavailable", vary=("Origin",))),
    "shadow": (
        one_rule(on_refused="block") | {"mode": "shadow"},
        asking(EVIL),
        Expected("origin-not-allowed", managed=False, rule=0),
    ),
    "path of two readings under one rule": (one_rule(), asking(APP, path="/a%2fb"), passed("allowed", (ACAO, APP))),
    "path that one server takes for a managed one": (
        one_rule(paths=["/a/*"]),
        asking(APP, path="/a%2fb"),
        Expected("resource-ambiguous", vary=("Origin",)),
    ),
    "hosts, unknown": (
        one_rule(hosts=["cdn.*"]),
        asking(APP, host=None),
        Expected("resource-ambiguous", vary=("Origin",)),
    ),
    "grants, no origin": (
        grants({"allow_origins": [APP], "timing_allow_origin": True}, {"allow_origins": "*"}),
        asking(None),
        passed("not-cors", (ACAO, "*"), timing=True),
    ),
    "hosts, port and dot": (
        one_rule(hosts=["CDN.*"]),
        asking(APP, host="cdn.Example.:8443"),
        passed("allowed", (ACAO, APP)),
    ),
    "path without slash": (
        one_rule(paths=["a/*"]),
        asking(APP, path="/x/../a/b"),
        passed("allowed", (ACAO, APP)),
    ),
}


@pytest.mark.parametrize("name", ACTUAL)
def test_actual_requests(name: str) -> None:
    policy, request, outcome = ACTUAL[name]
    assert expected(policy, request) == outcome


def test_the_first_rule_that_matches_decides() -> None:
    policy = {
        "rules": [
            {"paths": ["/a/*"], "allow_origins": [EVIL]},
            {"allow_origins": [APP]},
            {"allow_origins": "*"},
        ]
    }
    assert expected(policy, asking(APP, path="/a/b")).reason == "origin-not-allowed"
    assert expected(policy, asking(APP, path="/b")).rule == 1


def test_what_is_taken_from_the_upstream() -> None:
    upstream = [
        "access-control-allow-origin",
        "ACCESS-CONTROL-X",
        "Timing-Allow-Origin",
        "Vary",
        "Access-Controlled",
    ]
    assert expected(one_rule(), asking(None)).removed(upstream) == upstream[:2]
    assert expected(one_rule(timing_allow_origin=True), asking(None)).removed(upstream) == upstream[:3]
    assert expected(None, asking(None)).removed(upstream) == upstream[:2]
    assert expected(one_rule(paths=["/x"]), asking(None)).removed(upstream) == []


def test_headers_compare_without_regard_to_case_but_with_repetition() -> None:
    assert comparable([("VARY", "Origin"), (ACAH, "X-A")]) == comparable([(ACAH.lower(), "x-a"), ("vary", "Origin")])
    assert comparable([("Vary", "a"), ("vary", "a")]) != comparable([("Vary", "a")])
    assert comparable([(ACAO, "A")]) != comparable([(ACAO, "a")])


@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.data())
def test_no_generated_case_breaks_the_oracle_or_lets_a_stranger_in(data: st.DataObject) -> None:
    """The generators fit the oracle: every document is valid, every echo is a well-formed origin."""
    policy = data.draw(strategies.documents())
    request = data.draw(strategies.requests(policy))
    outcome = expected(policy, request)
    echoed = [value for name, value in outcome.headers if name == ACAO]
    assert len(echoed) <= 1
    assert all(value == "*" or (value == request["origin"] and origins.is_well_formed(value)) for value in echoed)
    if outcome.reason not in ("allowed", "not-cors"):
        assert not any(name.startswith("Access-Control-") for name, _ in outcome.headers)


@pytest.mark.parametrize(
    "reason",
    [
        "allowed",
        "not-cors",
        "not-managed",
        "same-origin",
        "origin-not-allowed",
        "origin-malformed",
        "method-not-allowed",
        "headers-not-allowed",
        "headers-malformed",
    ],
)
def test_the_generators_reach_every_reason(reason: str) -> None:
    """A comparison over generated cases is worth little if some answers never come up."""
    cases = strategies.documents().flatmap(lambda policy: st.tuples(st.just(policy), strategies.requests(policy)))
    example = find(
        cases,
        lambda case: expected(*case).reason == reason,
        settings=settings(max_examples=3000, deadline=None, database=None, phases=[Phase.generate]),
    )
    assert expected(*example).reason == reason
