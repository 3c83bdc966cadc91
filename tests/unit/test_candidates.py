"""Ambiguous resources: what a request gets that servers may read in several ways, or whose host is not shown."""

from __future__ import annotations

import json
from typing import Any

import pytest
from edgecors.decision import Request, candidates, decide
from edgecors.document import load_policy
from edgecors.policy import Policy

from tests.unit.cases import (
    ACAC,
    ACAO,
    APP,
    EVIL,
    NO_STORE,
    ON_ACTUAL,
    ON_PREFLIGHT,
    actual,
    document,
    policy,
    preflight,
)


def site(*rules: dict[str, Any], **fields: Any) -> Policy:
    return load_policy(json.dumps({"rules": rules, **fields}))


STRICT = {"paths": ["/api/*"], "allow_origins": [APP], "allow_credentials": True, "on_refused": "block"}
OPEN = {"paths": ["/fonts/*"], "allow_origins": "*"}
SITE = site(STRICT, OPEN)


@pytest.mark.parametrize(
    "path", ["/fonts/..;/api/me", "/x//../api/me", "/api%2Fme", "/api;x/me", "//api/me", "/%2Fapi/me"]
)
def test_path_that_some_server_reads_as_the_strict_resource_is_never_granted_by_another_rule(path: str) -> None:
    decision = decide(SITE, actual(EVIL, path=path))
    assert (decision.reason, decision.status, decision.headers) == ("resource-ambiguous", 403, tuple(NO_STORE.items()))
    allowed = decide(SITE, actual(APP, path=path))
    assert (allowed.reason, allowed.status, allowed.headers, allowed.vary) == (
        "resource-ambiguous",
        None,
        (),
        ON_ACTUAL,
    )
    assert allowed.managed


def test_preflight_of_an_ambiguous_path_is_refused() -> None:
    decision = decide(SITE, preflight(APP, path="/fonts/..;/api/me"))
    assert (decision.reason, decision.status, decision.vary) == ("resource-ambiguous", 403, ON_PREFLIGHT)
    assert dict(decision.headers) == NO_STORE


def test_preflight_of_an_ambiguous_path_varies_by_private_network_where_a_candidate_does() -> None:
    policy = site({**STRICT, "allow_private_network": True}, OPEN)
    decision = decide(policy, preflight(APP, path="/fonts/..;/api/me"))
    assert decision.vary == (*ON_PREFLIGHT, "Access-Control-Request-Private-Network")


def test_path_that_may_be_managed_is_never_left_untouched() -> None:
    policy = site(STRICT)
    for path in ("/api%2Fme", "/x/..;/api/me", "/%2e%2e%2Fapi/me", "//api/me", "/api/%5C../../x"):
        for request in (actual(APP, path=path), actual(EVIL, path=path), actual(None, path=path)):
            assert decide(policy, request).managed, path


def test_block_is_not_bypassed_by_an_ambiguous_path() -> None:
    policy = site({"paths": ["/account/*"], "allow_origins": [APP], "on_refused": "block"})
    assert decide(policy, actual(EVIL, "POST", path="/account%2Ftransfer")).status == 403
    assert decide(policy, actual("null", "POST", path="/account%5Ctransfer")).status == 403
    # The site's own pages, and requests without Origin, are never blocked.
    assert decide(policy, actual(EVIL, path="/account%2Ftransfer", fetch_site="same-origin")).status is None
    assert decide(policy, actual(None, path="/account%2Ftransfer")).status is None


@pytest.mark.parametrize(
    "path", ["/fonts/a;v=1.woff2", "/fonts//a", "/fonts/a%2Fb", "/fonts/%zz", "/fonts/a%00", "/fonts/a%252e"]
)
def test_path_whose_readings_all_have_the_same_answer_costs_nothing(path: str) -> None:
    decision = decide(SITE, actual(EVIL, path=path))
    assert (decision.reason, decision.headers) == ("allowed", ((ACAO, "*"),))
    assert decide(SITE, preflight(EVIL, path=path)).status == 204


def test_different_rules_with_the_same_answer_agree() -> None:
    policy = site({"paths": ["/a/*"], "allow_origins": [APP]}, {"paths": ["/b/*"], "allow_origins": [APP]})
    decision = decide(policy, actual(APP, path="/a/..;/b/x"))
    assert (decision.reason, dict(decision.headers)) == ("allowed", {ACAO: APP})
    assert decide(policy, actual(EVIL, path="/a/..;/b/x")).reason == "origin-not-allowed"


def test_upstream_timing_header_is_removed_where_a_candidate_sets_it() -> None:
    policy = site({**STRICT, "on_refused": "omit", "timing_allow_origin": True}, OPEN)
    assert decide(policy, actual(APP, path="/fonts/..;/api/me")).remove == ("timing-allow-origin",)


def test_path_with_too_many_readings_may_be_about_every_rule() -> None:
    policy = site(STRICT, OPEN, {"hosts": ["other.example"], "allow_origins": [APP]})
    request = actual(APP, path="/fonts/%2F;%5C//%25%3B%00")
    assert [rule.index if rule else None for rule in candidates(policy, request)] == [0, 1, None]
    assert decide(policy, request).reason == "resource-ambiguous"


def test_rule_whose_host_is_not_shown_is_not_skipped() -> None:
    strict = {"hosts": ["admin.example.com"], "allow_origins": ["https://admin.example.com"]}
    lax = {"allow_origins": [APP], "allow_credentials": True}
    policy = site(strict, lax)
    hidden = decide(policy, actual(APP, host=None))
    assert (hidden.reason, hidden.headers, hidden.vary) == ("resource-ambiguous", (), ON_ACTUAL)
    assert decide(policy, preflight(APP, host=None)).status == 403
    shown = decide(policy, actual(APP, host="www.example.com"))
    assert dict(shown.headers) == {ACAO: APP, ACAC: "true"}


@pytest.mark.parametrize("host", [None, "", "a.example, b.example", "a.example,b.example", "a.example b.example", "."])
def test_host_that_names_no_single_host_is_not_known(host: str | None) -> None:
    policy = site({"hosts": ["a.example"], "allow_origins": [APP]}, {"allow_origins": "*"})
    assert [rule.index if rule else None for rule in candidates(policy, Request("GET", "/", host))] == [0, 1]


@pytest.mark.parametrize("port", ["\u00b3000", "443\u0661", "x", "8443x"])
def test_port_that_is_not_ascii_digits_does_not_leave_the_host_before_it(port: str) -> None:
    policy = site({"hosts": ["a.example"], "allow_origins": "*"})
    assert decide(policy, Request("GET", "/", f"a.example:{port}", origin=APP)).reason == "not-managed"


@pytest.mark.parametrize("host", ["a.example", "A.EXAMPLE", "a.example.", "a.example:8443", "a.example.:"])
def test_host_is_compared_without_case_port_and_trailing_dot(host: str) -> None:
    policy = site({"hosts": ["a.example"], "allow_origins": [APP]}, {"allow_origins": "*"})
    assert [rule.index if rule else None for rule in candidates(policy, Request("GET", "/", host))] == [0]


def test_unknown_host_ends_at_a_rule_for_every_host_or_with_no_rule() -> None:
    with_host = {"hosts": ["a.example"], "allow_origins": [APP]}
    assert [r.index if r else None for r in candidates(site(with_host), Request("GET", "/"))] == [0, None]
    policy = site(with_host, {"allow_origins": "*"}, {"allow_origins": [APP]})
    assert [r.index if r else None for r in candidates(policy, Request("GET", "/"))] == [0, 1]


def test_shadow_changes_nothing_and_names_the_reason() -> None:
    policy = site(STRICT, OPEN, mode="shadow")
    for request in (actual(EVIL, path="/fonts/..;/api/me"), preflight(EVIL, path="/fonts/..;/api/me")):
        decision = decide(policy, request)
        assert (decision.managed, decision.status, decision.headers) == (False, None, ())


@pytest.mark.parametrize(
    ("glob", "host", "matched"),
    [
        ("12345", "12345", True),
        ("12345", "12345:443", True),
        ("shop.example", "shop.example:\u0664\u0664\u0663", False),
        ("[::1]", "[::1]", True),
        ("[::1]", "[::1]:443", True),
        ("[::1]", "[::1]:", True),
    ],
)
def test_host_with_a_port_matches_a_glob_without_it(glob: str, host: str, matched: bool) -> None:
    policy = load_policy(json.dumps({"rules": [{"hosts": [glob], "allow_origins": [APP]}]}))
    reason = decide(policy, Request("GET", "/", host=host, origin=APP)).reason
    assert reason == ("allowed" if matched else "not-managed")


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
def test_path_rule_is_not_bypassed_by_another_spelling_of_the_path(path: str, managed: bool | None) -> None:
    """The rule is about /open/ alone. None: some server may read another path, so nothing is granted."""
    policy = load_policy(document({"paths": ["/open/*"], "allow_origins": "*"}, {"allow_origins": []}))
    decision = decide(policy, actual(EVIL, path=path))
    if managed is None:
        assert (decision.reason, decision.headers, decision.managed) == ("resource-ambiguous", (), True)
    else:
        assert (decision.reason == "allowed") == managed
        assert (ACAO in dict(decision.headers)) == managed


def test_plus_in_a_path_is_not_a_blank() -> None:
    rule = policy(paths=["/a+b", "/c%20d"]).rules[0]
    assert rule.matches(None, "/a+b")
    assert not rule.matches(None, "/a b")
    assert not rule.matches(None, "/c+d")


@pytest.mark.parametrize("path", ["/a", "//a/..;/b", "/" + "%25%2F;%5C" * 20, "*", ""])
@pytest.mark.parametrize("host", ["api.example.com", "a, b", None])
def test_first_rule_for_all_hosts_and_paths_is_the_only_candidate_whatever_the_path(
    path: str, host: str | None
) -> None:
    everything = {"allow_origins": [APP]}
    policy = site(everything, {**STRICT, "hosts": ["api.example.com"]})
    assert candidates(policy, actual(APP, path=path, host=host)) == (policy.rules[0],)
    # A rule before it may be meant, so the path counts again.
    behind = site(STRICT, everything)
    assert behind.rules[0] in candidates(behind, actual(APP, path="//api/me", host=host))


def test_path_with_too_many_readings_may_mean_every_rule_up_to_the_first_for_all_paths() -> None:
    policy = site(STRICT, {"allow_origins": [APP]}, OPEN)
    assert candidates(policy, actual(APP, path="/" + "%25%2F;%5C" * 20)) == policy.rules[:2]


def test_path_with_too_many_readings_and_an_unknown_host_may_mean_rules_after_one_of_a_host() -> None:
    policy = site({"hosts": ["api.example.com"], "allow_origins": [APP]}, {"allow_origins": []}, OPEN)
    path = "/" + "%25%2F;%5C" * 20
    assert candidates(policy, actual(APP, path=path, host=None)) == policy.rules[:2]
    assert candidates(policy, actual(APP, path=path, host="api.example.com")) == policy.rules[:1]
