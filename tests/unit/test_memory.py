"""The decision memory: it never answers with another request's decision, and never holds too much."""

from __future__ import annotations

import json
from collections.abc import Mapping

import pytest
from edgecors.decision import Decision, Request, decide
from edgecors.document import load_policy
from edgecors.memory import MAX_DECISIONS, MAX_KEY_LENGTH, DecisionMemory, MemoryBySite

APP = "https://app.example.com"
WILD = "https://b.example.org"
EVIL = "https://evil.example"


def new_memory(*rules: Mapping[str, object], **site: object) -> DecisionMemory:
    rules = rules or ({},)
    filled = [{"allow_origins": [APP, "https://*.example.org"], **rule} for rule in rules]
    return DecisionMemory(load_policy(json.dumps({"rules": filled, **site})))


def preflight(memory: DecisionMemory, headers: str | None = None, method: str = "PUT", origin: str = APP) -> Decision:
    request = Request("OPTIONS", "/", origin=origin, request_method=method, request_headers=headers)
    return decide(memory.policy, request, memory)


def actual(memory: DecisionMemory, origin: str | None = APP, **fields: str) -> Decision:
    return decide(memory.policy, Request("GET", fields.pop("path", "/"), origin=origin, **fields), memory)


def test_decide_for_the_same_request_returns_the_same_decision() -> None:
    memory = new_memory()
    assert preflight(memory, "x-a") is preflight(memory, "x-a")
    assert actual(memory, WILD) is actual(memory, WILD)
    assert actual(memory, EVIL, fetch_site="cross-site") is actual(memory, EVIL, fetch_site="cross-site")
    assert actual(memory, None) is actual(memory, None)


def test_preflights_of_two_origins_share_what_they_ask_for() -> None:
    memory = new_memory({"allow_credentials": True})
    first, second = preflight(memory, "x-a"), preflight(memory, "x-a", origin=WILD)
    assert len(memory.preflights) == 1
    assert first.headers[1] is second.headers[1]
    assert first.headers[0] == ("Access-Control-Allow-Origin", APP)
    assert second.headers[0] == ("Access-Control-Allow-Origin", WILD)
    assert first.headers[1:] == second.headers[1:]


def test_preflights_that_differ_in_anything_are_distinguished() -> None:
    memory = new_memory({"allow_headers": ["x-a"], "allow_methods": ["PUT"], "allow_private_network": True})
    for _ in range(2):
        assert preflight(memory, None).reason == "allowed"
        assert preflight(memory, "").reason == "allowed"
        assert preflight(memory, "x-b").reason == "headers-not-allowed"
        assert preflight(memory, "x a").reason == "headers-malformed"
        assert preflight(memory, None, "DELETE").reason == "method-not-allowed"
        assert preflight(memory, None, origin=EVIL).reason == "origin-not-allowed"
        names = []
        for word in ("true", "false", None):
            asked = Request("OPTIONS", "/", origin=APP, request_method="PUT", private_network=word)
            names.append("Access-Control-Allow-Private-Network" in dict(decide(memory.policy, asked, memory).headers))
        assert names == [True, False, False]
    # The private network's word is no part of what was asked for; the refused origin asked for nothing.
    assert len(memory.preflights) == 5
    assert len(memory.decisions) == 8


def test_preflight_and_request_of_one_origin_are_distinguished() -> None:
    memory = new_memory()
    assert [preflight(memory).status, actual(memory).status, preflight(memory).status] == [204, None, 204]


def test_decisions_of_two_rules_are_distinguished() -> None:
    inner = {"paths": ["/in"], "allow_origins": ["https://*.example.com"]}
    outer = {"allow_origins": ["https://*.example.net"]}
    before, after = new_memory(inner, outer), new_memory(outer, inner)
    for _ in range(2):
        for path, origin in (("/in", "https://a.example.com"), ("/", "https://a.example.net")):
            assert actual(before, origin, path=path).reason == "allowed"
            assert actual(before, origin, path="/" if path == "/in" else "/in").reason == "origin-not-allowed"
        assert actual(after, "https://a.example.com", path="/in").reason == "origin-not-allowed"


@pytest.mark.parametrize("on_refused", ["omit", "block"])
def test_same_origin_requests_are_distinguished_from_cross_origin_ones(on_refused: str) -> None:
    memory = new_memory({"on_refused": on_refused})
    blocked = 403 if on_refused == "block" else None
    own = {"host": "evil.example", "scheme": "https"}
    for _ in range(2):
        assert actual(memory, EVIL, fetch_site="cross-site").status == blocked
        assert actual(memory, EVIL, host="api.example.com").status == blocked
        for fields in ({"fetch_site": "same-origin"}, own):
            decision = actual(memory, EVIL, **fields)
            assert (decision.reason, decision.status) == ("same-origin", None)
        # Neither the host nor the browser's word is at hand.
        decision = actual(memory, EVIL)
        assert (decision.reason, decision.status) == ("origin-not-allowed", None)


def test_rule_for_everyone_has_one_decision() -> None:
    memory = new_memory({"allow_origins": "*"})
    for number in range(3):
        decision = actual(memory, f"https://a{number}.example")
        assert (decision.reason, decision.headers) == ("allowed", (("Access-Control-Allow-Origin", "*"),))
    assert actual(memory, None).reason == "not-cors"
    assert len(memory.decisions) == 2


def test_origin_that_is_a_star_is_malformed_in_a_rule_with_a_list() -> None:
    memory = new_memory({"paths": ["/open"], "allow_origins": "*"}, {})
    for _ in range(2):
        assert actual(memory, "*", path="/open").reason == "allowed"
        assert actual(memory, "*").reason == "origin-malformed"


def test_memory_under_a_flood_of_origins_stays_small_and_correct() -> None:
    memory = new_memory()
    flood = [f"https://a{number}.example.{top}" for number in range(2 * MAX_DECISIONS) for top in ("org", "net")]
    first = []
    for origin in flood:
        first.append(actual(memory, origin, fetch_site="cross-site").reason)
        assert 0 < len(memory.decisions) <= MAX_DECISIONS
    assert first == ["allowed", "origin-not-allowed"] * (2 * MAX_DECISIONS)
    assert [actual(memory, origin, fetch_site="cross-site").reason for origin in reversed(flood)] == first[::-1]


def test_memory_holds_256_decisions() -> None:
    memory = new_memory()
    for number in range(256):
        actual(memory, f"https://a{number}.example.org")
        assert len(memory.decisions) == number + 1
    actual(memory, WILD)
    assert list(memory.decisions) == [(0, WILD)]


def test_memory_holds_256_preflight_answers() -> None:
    memory = new_memory()
    for number in range(256):
        assert preflight(memory, f"x-{number}").reason == "allowed"
        assert len(memory.preflights) == number + 1
    preflight(memory, "x-one-more")
    assert list(memory.preflights) == [(0, 0, "PUT", "x-one-more")]


def test_requests_longer_than_any_browser_s_are_not_remembered() -> None:
    """So a container's memory stays small, whatever is thrown at it."""
    memory = new_memory({"allow_private_network": True, "allow_methods": "*"})
    assert preflight(memory, "x" * (MAX_KEY_LENGTH - 2)).reason == "allowed"
    assert preflight(memory, None, "X" * (MAX_KEY_LENGTH + 1)).reason == "allowed"
    long = Request("OPTIONS", "/", origin=APP, request_method="GET", private_network="x" * MAX_KEY_LENGTH)
    assert decide(memory.policy, long, memory).reason == "allowed"
    assert memory.decisions == {}
    assert list(memory.preflights) == [(0, 0, "GET", None)]


def test_values_too_long_to_parse_share_one_decision() -> None:
    memory = new_memory()
    for origin in ("x" * 100_000, "https://" + "a" * 2000, "https://" + "a" * 505):
        assert actual(memory, origin).reason == "origin-malformed"
        assert preflight(memory, origin=origin).reason == "origin-malformed"
    assert len(memory.decisions) == 2
    assert actual(memory, "https://" + "a" * 504).reason == "origin-malformed"
    assert len(memory.decisions) == 3
    for names in ("x" * 4097, "," * 5000, "x-a," * 100_000):
        assert preflight(memory, names).reason == "headers-malformed"
    assert len(memory.preflights) == 1
    assert max(len(str(key)) for key in (*memory.decisions, *memory.preflights)) < 600


def test_keys_of_at_most_1024_characters_are_remembered() -> None:
    memory = new_memory({"allow_methods": "*"})
    for method, names, count in (
        ("PUT", "x" * 1022, 0),
        ("PUT", "x" * 1021, 1),
        ("X" * 1025, None, 1),
        ("X" * 1024, None, 2),
    ):
        assert preflight(memory, names, method).status == 204
        assert len(memory.preflights) == len(memory.decisions) == count


def test_grants_of_one_rule_are_distinguished() -> None:
    grants = [{"allow_origins": [APP], "allow_methods": ["PUT"]}, {"allow_origins": "*", "allow_methods": ["GET"]}]
    memory = DecisionMemory(load_policy(json.dumps({"rules": [{"grants": grants}]})))
    for _ in range(2):
        assert [preflight(memory, method=m).status for m in ("PUT", "GET")] == [204, 403]
        assert [preflight(memory, method=m, origin=EVIL).status for m in ("PUT", "GET")] == [403, 204]


def test_memory_by_site_with_a_new_policy_starts_empty() -> None:
    memories = MemoryBySite()
    old, new = load_policy(APP), load_policy(WILD)
    assert memories.of("a", old) is memories.of("a", old)
    assert memories.of("a", old) is not memories.of("b", old)
    decide(old, Request("GET", "/", origin=APP), memories.of("a", old))
    assert memories.of("a", new).decisions == {}
    assert decide(new, Request("GET", "/", origin=APP), memories.of("a", new)).reason == "origin-not-allowed"


def test_memory_by_site_holds_few_sites() -> None:
    memories = MemoryBySite()
    policies = {f"site{number}": load_policy(APP) for number in range(200)}
    for site, policy in policies.items():
        assert memories.of(site, policy).policy is policy
    assert len(memories._memories) <= 64


def test_memories_of_64_sites_are_kept_and_one_site_more_empties_them() -> None:
    memories = MemoryBySite()
    policy = new_memory().policy
    first = memories.of("site-0", policy)
    for number in range(64):
        memories.of(f"site-{number}", policy)
    assert memories.of("site-0", policy) is first
    memories.of("site-64", policy)
    assert memories.of("site-0", policy) is not first
