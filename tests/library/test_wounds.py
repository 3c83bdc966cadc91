"""What other CORS implementations got wrong, each as a test by name. An event's own wounds are tested with it."""

from __future__ import annotations

import json
from typing import Any

import pytest
from edgecors.decision import decide, decide_actual, parse_header_names
from edgecors.document import PolicyError, load_policy
from edgecors.events.vary import merge_vary

from tests.library.cases import (
    ACAC,
    ACAH,
    ACAM,
    ACAO,
    ACMA,
    ALL_METHODS,
    APP,
    EVIL,
    ON_ACTUAL,
    ON_PREFLIGHT,
    PREFLIGHT_DEFAULTS,
    actual,
    allowed,
    answer,
    document,
    errors_of,
    policy,
    preflight,
    refused,
)


def grants(entry: str, origin: str) -> bool:
    """Whether a list of this one entry grants anything to an origin, asked both ways."""
    made = policy(allow_origins=[entry])
    results = {decide(made, request).reason == "allowed" for request in (preflight(origin), actual(origin))}
    assert len(results) == 1
    for request in (preflight(origin), actual(origin)):
        assert (ACAO in dict(decide(made, request).headers)) == results.copy().pop()
    return results.pop()


def test_an_upstream_s_own_allow_origin_is_not_kept_for_a_refused_origin() -> None:
    """The decision takes the upstream's CORS headers away in every case but those it has nothing to do with."""
    made = policy()
    for origin in (APP, EVIL, "null", "not an origin", None):
        assert decide(made, actual(origin)).managed
    assert decide(policy(allow_origins="*"), actual(None)).managed
    assert decide(None, actual(EVIL)).managed
    assert not decide(policy(paths=["/x"]), actual(EVIL)).managed


def test_an_upstream_s_timing_header_is_not_kept_for_a_refused_origin() -> None:
    made = policy(timing_allow_origin=True)
    for origin in (APP, EVIL, None):
        assert decide(made, actual(origin)).remove == ("timing-allow-origin",)


def test_no_header_is_sent_under_two_spellings() -> None:
    fields: dict[str, Any] = {"allow_credentials": True, "expose_headers": ["X-A", "x-a"], "timing_allow_origin": True}
    made = policy(resource_policy="same-site", allow_private_network=True, allow_headers=["X-A", "x-a"], **fields)
    for request in (preflight(private_network="true"), actual(), preflight(EVIL), actual(EVIL)):
        names = [name.lower() for name, _ in decide(made, request).headers]
        assert len(names) == len(set(names))
    assert dict(decide(made, actual()).headers)["Access-Control-Expose-Headers"] == "x-a"
    assert dict(decide(made, preflight()).headers)[ACAH] == "x-a"


@pytest.mark.parametrize("origin", [APP, EVIL, "null", "x", None])
def test_vary_is_there_on_allowed_refused_and_origin_less_responses_alike(origin: str | None) -> None:
    assert decide(policy(), actual(origin)).vary == ON_ACTUAL
    if origin is not None:
        assert decide(policy(), preflight(origin)).vary == ON_PREFLIGHT
    assert decide(None, actual(origin)).vary == ON_ACTUAL


def test_vary_is_not_overwritten() -> None:
    assert merge_vary(["Accept-Encoding", "Cookie"], ON_ACTUAL) == "Accept-Encoding, Cookie, Origin"
    assert merge_vary(["accept-encoding, origin"], ON_ACTUAL) is None
    assert merge_vary(["*"], ON_ACTUAL) is None


def test_a_star_with_credentials_reflects_nobody() -> None:
    """It can't even be written: neither in a policy, nor by way of a list."""
    for origins in ("*", ["*"], [" *"], ["*", APP], ["* ", APP]):
        found, _ = errors_of(document({"allow_origins": origins, "allow_credentials": True}))
        assert {code for _, code, _ in found} & {"wildcard-with-credentials", "wildcard-not-alone"}
    made = policy({"l": "*"}, allow_origins=["@l"], allow_credentials=True)
    assert decide(made, actual(EVIL)).headers == ()
    everyone = policy(allow_origins="*")
    for request in (preflight(EVIL), actual(EVIL)):
        headers = dict(decide(everyone, request).headers)
        assert headers[ACAO] == "*"
        assert ACAC not in headers


@pytest.mark.parametrize("entry", ["https://a.example.com", "https://*.example.com", "https://a*.example.com"])
def test_a_pattern_is_anchored_at_both_ends(entry: str) -> None:
    for origin in (
        "https://a.example.com.evil.io",
        "https://a.example.com.",
        "https://a.example.comevil",
        "https://evil.io/https://a.example.com",
        "https://evil.io?.example.com",
        "https://evil.io#ab.example.com",
        "xhttps://ab.example.com",
        "https://ab.example.com\n",
        "\nhttps://ab.example.com",
        "https://ab.example.com\nhttps://evil.io",
    ):
        assert not grants(entry, origin)


def test_a_string_given_for_a_list_is_no_list_of_its_substrings() -> None:
    assert errors_of(document({"allow_origins": APP}))[0] == [("error", "wrong-type", "rules[0].allow_origins")]
    made = load_policy(APP)
    for part in ("https://app.example.co", "https://app", "https://a", "https://", "h", "", "app.example.com"):
        assert decide(made, actual(part)).headers == ()
    for field in ("allow_methods", "allow_headers", "expose_headers", "hosts", "paths"):
        assert errors_of(document({field: "GET"}))[0] == [("error", "wrong-type", f"rules[0].{field}")]


def test_a_dot_is_a_dot() -> None:
    assert not grants("https://app.example.com", "https://appXexample.com".lower())
    assert not grants("https://app.example.com", "https://app-example.com")
    assert not grants("https://*.example.com", "https://a.examplexcom")
    assert not grants("https://shop-*.example.com", "https://shop-1xexample.com")
    assert not policy(hosts=["a.example"]).rules[0].matches("axexample", "/")
    assert not policy(paths=["/a.js"]).rules[0].matches(None, "/axjs")


def test_a_name_is_no_suffix_of_another() -> None:
    assert not grants("https://foo.com", "https://barfoo.com")
    assert not grants("https://*.foo.com", "https://barfoo.com")
    assert not grants("https://*.foo.com", "https://a.barfoo.com")
    assert not grants("https://*.foo.com", "https://foo.com")
    assert not policy(hosts=["*.foo.com"]).rules[0].matches("barfoo.com", "/")


def test_an_ipv6_address_is_no_character_class() -> None:
    assert grants("http://[2001:db8::7]:8443", "http://[2001:db8::7]:8443")
    for origin in ("http://2:8443", "http://d:8443", "http://[2001:db8::8]:8443", "http://[::7]:8443", "http://b"):
        assert not grants("http://[2001:db8::7]:8443", origin)
    assert policy(hosts=["[::1]"]).rules[0].matches("[::1]", "/")
    assert not policy(hosts=["[::1]"]).rules[0].matches(":", "/")
    assert not policy(paths=["/[ab]"]).rules[0].matches(None, "/a")


@pytest.mark.parametrize("method", ["PO", "OST", "P", "", "POST, PUT", "GET,", ", ", "post", "POSTS"])
def test_a_method_is_compared_whole_and_in_its_case(method: str) -> None:
    refused(policy(allow_methods=["GET", "POST", "PUT"]), preflight(method=method), "method-not-allowed")


def test_max_age_0_is_not_dropped() -> None:
    allowed(policy(max_age=0), preflight(), PREFLIGHT_DEFAULTS | {ACMA: "0"})


def test_not_every_options_is_a_preflight() -> None:
    made = policy()
    answer(made, actual(APP, "OPTIONS"), "allowed", None, {ACAO: APP}, ON_ACTUAL)
    answer(made, actual(None, "OPTIONS"), "not-cors", None, {}, ON_ACTUAL)
    answer(made, preflight(None), "not-cors", None, {}, ON_ACTUAL)
    answer(made, actual(APP, "GET", request_method="PUT"), "allowed", None, {ACAO: APP}, ON_ACTUAL)


def test_a_preflight_without_requested_headers_is_not_refused() -> None:
    allowed(policy(), preflight(names=None), PREFLIGHT_DEFAULTS)
    allowed(policy(allow_headers=["x-a"]), preflight(names=None), PREFLIGHT_DEFAULTS | {ACAH: "x-a"})
    allowed(policy(allow_headers=[]), preflight(names=None), {ACAO: APP, ACAM: ALL_METHODS, ACMA: "7200"})


def test_the_scan_of_requested_headers_is_bounded() -> None:
    """Of any value at most 4096 characters are looked at, in elements of which there are at most 80."""
    for hostile in ("," * 1_000_000, " " * 1_000_000, "a," * 500_000, "a" * 1_000_000, " ," * 2000, "\t" * 5000 + "a"):
        assert parse_header_names(hostile) is None
        refused(policy(), preflight(names=hostile), "headers-malformed")
    assert parse_header_names(" " * 4095 + "a") == ["a"]


@pytest.mark.parametrize("names", [", x-a,x-b", ",x-a, x-b", "x-a,, x-b", "x-a, , ,x-b,", " ,\t, x-a , x-b"])
def test_an_empty_first_header_line_does_not_drop_the_rest(names: str) -> None:
    """Several lines arrive joined with a comma, the empty ones too."""
    made = policy(allow_headers=["x-a", "x-b"])
    allowed(made, preflight(names=names), PREFLIGHT_DEFAULTS | {ACAH: "x-a, x-b"})
    refused(made, preflight(names=names + ", x-c"), "headers-not-allowed")


@pytest.mark.parametrize(
    ("path", "managed"),
    [
        ("/open/x", True),
        ("/open/../secret", False),
        ("/open/%2e%2e/secret", False),
        ("/open/.%2E/secret", False),
        ("/open/./../secret", False),
        ("/secret/../open/x", True),
        ("/open/..%2fsecret", None),
        ("/open%2f..%2fsecret", False),
        ("/open/..\\secret", None),
        ("/open/%5c..%5csecret", None),
        ("/open/%00", True),
        ("/open%2fx", None),
        ("/open/..;/secret", None),
        ("/open;x/y", None),
        ("/open//../secret", None),
        ("/open/x;v=1", True),
        ("/open/a%2fb", True),
        ("/open//x", True),
        ("/%6fpen/x", True),
        ("/OPEN/x", False),
        ("/Open/x", False),
        ("//open/x", None),
        ("/open+x", False),
        ("/open%2bx", False),
        ("/open /x", False),
        ("/open%20/x", False),
        ("/open", False),
    ],
)
def test_path_rules_are_not_fooled_by_dots_slashes_plus_or_case(path: str, managed: bool | None) -> None:
    """The rule is about /open/ alone. None: some server may read another path, so nothing is granted."""
    made = load_policy(document({"paths": ["/open/*"], "allow_origins": "*"}, {"allow_origins": []}))
    decision = decide(made, actual(EVIL, path=path))
    if managed is None:
        assert (decision.reason, decision.headers, decision.managed) == ("resource-ambiguous", (), True)
    else:
        assert (decision.reason == "allowed") == managed
        assert (ACAO in dict(decision.headers)) == managed


def test_a_plus_is_no_blank() -> None:
    rule = policy(paths=["/a+b", "/c%20d"]).rules[0]
    assert rule.matches(None, "/a+b")
    assert not rule.matches(None, "/a b")
    assert not rule.matches(None, "/c+d")


def test_credentials_do_not_leak_from_one_request_into_the_next() -> None:
    """One policy, one process, requests in every order: each is answered as if it were the first."""
    made = load_policy(
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
    alone = [repr(decide(made, request)) for request in requests]
    for first in requests:
        decide(made, first)
        assert [repr(decide(made, request)) for request in requests] == alone
    with_credentials = [request for request in requests if ACAC in dict(decide(made, request).headers)]
    assert {(request.origin, request.path) for request in with_credentials} == {(APP, "/in/x")}


def test_what_one_front_does_to_its_answer_does_not_reach_the_next_one() -> None:
    """Headers and Vary are tuples: there is nothing in a decision that a caller could add to."""
    for request in (preflight(), actual(), preflight(EVIL), actual(EVIL), actual(None)):
        decision = decide(policy(), request)
        assert isinstance(decision.headers, tuple)
        assert all(isinstance(pair, tuple) for pair in decision.headers)
        assert isinstance(decision.vary, tuple)
        assert isinstance(decision.remove, tuple)


def test_a_204_has_no_body() -> None:
    for fields in ({}, {"debug": True}, {"allow_credentials": True}, {"allow_origins": "*"}):
        decision = decide(policy(**fields), preflight())
        assert (decision.status, decision.body) == (204, None)
        assert not {"content-type", "content-length"} & {name.lower() for name, _ in decision.headers}


def test_null_is_not_granted_where_it_is_not_listed() -> None:
    for entry in ("https://*.example.com", APP, "capacitor://localhost"):
        assert not grants(entry, "null")
    assert grants("null", "null")
    with pytest.raises(PolicyError):
        policy(allow_origins=["null"], allow_credentials=True)


def test_the_same_origin_is_not_blocked() -> None:
    made = policy(on_refused="block")
    for method in ("GET", "POST", "DELETE"):
        assert decide(made, actual("https://cdn.example", method)).status is None
        assert decide(made, actual(EVIL, method)).status == 403


def test_an_error_page_gets_the_headers_of_any_other_response() -> None:
    """The decision does not know the upstream's status, so that the page sees a 500 for what it is."""
    assert decide_actual(policy(), actual()).headers == ((ACAO, APP),)


def test_wildcards_are_constants_without_credentials_and_never_sent_with_them() -> None:
    wide: dict[str, Any] = {"allow_methods": "*", "allow_headers": "*"}
    allowed(policy(**wide), preflight(APP, "PURGE", "x-a"), PREFLIGHT_DEFAULTS | {ACAM: "*"})
    with_credentials = {ACAO: APP, ACAC: "true", ACAM: "PURGE", ACAH: "x-a", ACMA: "7200"}
    allowed(policy(allow_credentials=True, **wide), preflight(APP, "PURGE", "x-a"), with_credentials)


def test_a_broken_policy_is_told_and_never_half_used() -> None:
    good = document({})
    for end in range(1, len(good)):
        with pytest.raises(PolicyError):
            load_policy(good[:end])
    assert json.loads(good)["rules"]
