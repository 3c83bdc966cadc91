"""What a policy remembers of its decisions: never what another request is to be answered, and never too much."""

from __future__ import annotations

import json
from collections.abc import Mapping

import pytest
from edgecors.decision import MAX_REMEMBERED, MAX_REMEMBERED_LENGTH, Decision, Request, decide
from edgecors.document import load_policy
from edgecors.policy import Policy

APP = "https://app.example.com"
WILD = "https://b.example.org"
EVIL = "https://evil.example"


def policy(*rules: Mapping[str, object], **site: object) -> Policy:
    rules = rules or ({},)
    filled = [{"allow_origins": [APP, "https://*.example.org"], **rule} for rule in rules]
    return load_policy(json.dumps({"rules": filled, **site}))


def preflight(made: Policy, headers: str | None = None, method: str = "PUT", origin: str = APP) -> Decision:
    return decide(made, Request("OPTIONS", "/", origin=origin, request_method=method, request_headers=headers))


def actual(made: Policy, origin: str | None = APP, **given: str) -> Decision:
    return decide(made, Request("GET", given.pop("path", "/"), origin=origin, **given))


def test_the_same_request_gets_the_same_decision_again() -> None:
    made = policy()
    assert preflight(made, "x-a") is preflight(made, "x-a")
    assert actual(made, WILD) is actual(made, WILD)
    assert actual(made, EVIL, fetch_site="cross-site") is actual(made, EVIL, fetch_site="cross-site")
    assert actual(made, None) is actual(made, None)


def test_origins_share_what_they_ask_for() -> None:
    made = policy({"allow_credentials": True})
    first, second = preflight(made, "x-a"), preflight(made, "x-a", origin=WILD)
    assert len(made.asked) == 1
    assert first.headers[1] is second.headers[1]
    assert first.headers[0] == ("Access-Control-Allow-Origin", APP)
    assert second.headers[0] == ("Access-Control-Allow-Origin", WILD)
    assert first.headers[1:] == second.headers[1:]


def test_everything_that_a_preflight_hangs_on_is_told_apart() -> None:
    made = policy({"allow_headers": ["x-a"], "allow_methods": ["PUT"], "allow_private_network": True})
    for _ in range(2):
        assert preflight(made, None).reason == "allowed"
        assert preflight(made, "").reason == "allowed"
        assert preflight(made, "x-b").reason == "headers-not-allowed"
        assert preflight(made, "x a").reason == "headers-malformed"
        assert preflight(made, None, "DELETE").reason == "method-not-allowed"
        assert preflight(made, None, origin=EVIL).reason == "origin-not-allowed"
        names = []
        for word in ("true", "false", None):
            asked = Request("OPTIONS", "/", origin=APP, request_method="PUT", private_network=word)
            names.append("Access-Control-Allow-Private-Network" in dict(decide(made, asked).headers))
        assert names == [True, False, False]
    # The private network's word is no part of what was asked for; the refused origin asked for nothing.
    assert len(made.asked) == 5
    assert len(made.decisions) == 8


def test_a_preflight_is_not_taken_for_a_request() -> None:
    made = policy()
    assert [preflight(made).status, actual(made).status, preflight(made).status] == [204, None, 204]


def test_rules_remember_apart() -> None:
    inner = {"paths": ["/in"], "allow_origins": ["https://*.example.com"]}
    outer = {"allow_origins": ["https://*.example.net"]}
    before, after = policy(inner, outer), policy(outer, inner)
    for _ in range(2):
        for path, origin in (("/in", "https://a.example.com"), ("/", "https://a.example.net")):
            assert actual(before, origin, path=path).reason == "allowed"
            assert actual(before, origin, path="/" if path == "/in" else "/in").reason == "origin-not-allowed"
        assert actual(after, "https://a.example.com", path="/in").reason == "origin-not-allowed"


@pytest.mark.parametrize("on_refused", ["omit", "block"])
def test_who_asks_from_the_site_itself_is_not_remembered_as_a_stranger(on_refused: str) -> None:
    made = policy({"on_refused": on_refused})
    blocked = 403 if on_refused == "block" else None
    own = {"host": "evil.example", "scheme": "https"}
    for _ in range(2):
        assert actual(made, EVIL, fetch_site="cross-site").status == blocked
        assert actual(made, EVIL, host="api.example.com").status == blocked
        for given in ({"fetch_site": "same-origin"}, own):
            decision = actual(made, EVIL, **given)
            assert (decision.reason, decision.status) == ("same-origin", None)
        # Neither the host nor the browser's word is at hand.
        decision = actual(made, EVIL)
        assert (decision.reason, decision.status) == ("origin-not-allowed", None)


def test_open_to_everyone_is_one_answer() -> None:
    made = policy({"allow_origins": "*"})
    for number in range(3):
        decision = actual(made, f"https://a{number}.example")
        assert (decision.reason, decision.headers) == ("allowed", (("Access-Control-Allow-Origin", "*"),))
    assert actual(made, None).reason == "not-cors"
    assert len(made.decisions) == 2


def test_a_star_as_origin_is_no_star_of_the_policy() -> None:
    made = policy({"paths": ["/open"], "allow_origins": "*"}, {})
    for _ in range(2):
        assert actual(made, "*", path="/open").reason == "allowed"
        assert actual(made, "*").reason == "origin-malformed"


def test_a_flood_only_empties_the_memory() -> None:
    made = policy()
    flood = [f"https://a{number}.example.{top}" for number in range(2 * MAX_REMEMBERED) for top in ("org", "net")]
    first = []
    for origin in flood:
        first.append(actual(made, origin, fetch_site="cross-site").reason)
        assert 0 < len(made.decisions) <= MAX_REMEMBERED
    assert first == ["allowed", "origin-not-allowed"] * (2 * MAX_REMEMBERED)
    assert [actual(made, origin, fetch_site="cross-site").reason for origin in reversed(flood)] == first[::-1]


def test_256_are_remembered() -> None:
    made = policy()
    for number in range(256):
        actual(made, f"https://a{number}.example.org")
        assert len(made.decisions) == number + 1
    actual(made, WILD)
    assert list(made.decisions) == [(0, WILD)]


def test_256_ways_to_ask_are_remembered() -> None:
    made = policy()
    for number in range(256):
        assert preflight(made, f"x-{number}").reason == "allowed"
        assert len(made.asked) == number + 1
    preflight(made, "x-one-more")
    assert list(made.asked) == [(0, "PUT", "x-one-more")]


def test_what_is_too_long_for_a_browser_is_not_remembered() -> None:
    """So a container's memory stays small, whatever is thrown at it."""
    made = policy({"allow_private_network": True, "allow_methods": "*"})
    assert preflight(made, "x" * (MAX_REMEMBERED_LENGTH - 2)).reason == "allowed"
    assert preflight(made, None, "X" * (MAX_REMEMBERED_LENGTH + 1)).reason == "allowed"
    long = Request("OPTIONS", "/", origin=APP, request_method="GET", private_network="x" * MAX_REMEMBERED_LENGTH)
    assert decide(made, long).reason == "allowed"
    assert made.decisions == {}
    assert list(made.asked) == [(0, "GET", None)]


def test_what_is_too_long_to_be_looked_at_is_remembered_as_one() -> None:
    made = policy()
    for origin in ("x" * 100_000, "https://" + "a" * 2000, "https://" + "a" * 505):
        assert actual(made, origin).reason == "origin-malformed"
        assert preflight(made, origin=origin).reason == "origin-malformed"
    assert len(made.decisions) == 2
    assert actual(made, "https://" + "a" * 504).reason == "origin-malformed"
    assert len(made.decisions) == 3
    for names in ("x" * 4097, "," * 5000, "x-a," * 100_000):
        assert preflight(made, names).reason == "headers-malformed"
    assert len(made.asked) == 1
    assert max(len(text) for key in (*made.decisions, *made.asked) for text in key if isinstance(text, str)) == 512


def test_1024_characters_are_remembered() -> None:
    made = policy({"allow_methods": "*"})
    for method, names, kept in (
        ("PUT", "x" * 1022, 0),
        ("PUT", "x" * 1021, 1),
        ("X" * 1025, None, 1),
        ("X" * 1024, None, 2),
    ):
        assert preflight(made, names, method).status == 204
        assert len(made.asked) == len(made.decisions) == kept
