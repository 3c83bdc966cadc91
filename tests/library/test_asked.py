"""What a rule remembers of the methods and headers that pages asked for."""

from __future__ import annotations

import json

from edgecors.decision import Decision, Request, decide
from edgecors.policy import MAX_ASKED, MAX_ASKED_LENGTH, Policy, load_policy

ORIGIN = "https://app.example.com"


def policy(**rule: object) -> Policy:
    return load_policy(json.dumps({"rules": [{"allow_origins": [ORIGIN, "https://*.example.org"], **rule}]}))


def preflight(made: Policy, headers: str | None, method: str = "PUT", origin: str = ORIGIN) -> Decision:
    return decide(made, Request("OPTIONS", "/", origin=origin, request_method=method, request_headers=headers))


def test_the_second_answer_is_the_first_but_for_the_origin() -> None:
    made = policy(allow_credentials=True)
    first, second = preflight(made, "x-a"), preflight(made, "x-a", origin="https://b.example.org")
    assert len(made.rules[0].asked) == 1
    assert first.headers[0] == ("Access-Control-Allow-Origin", ORIGIN)
    assert second.headers[0] == ("Access-Control-Allow-Origin", "https://b.example.org")
    assert first.headers[1:] == second.headers[1:]


def test_no_headers_and_empty_headers_and_every_method_are_remembered_apart() -> None:
    made = policy(allow_headers=["x-a"], allow_methods=["PUT"])
    for _ in range(2):
        assert preflight(made, None).reason == "allowed"
        assert preflight(made, "").reason == "allowed"
        assert preflight(made, "x-b").reason == "headers-not-allowed"
        assert preflight(made, "x a").reason == "headers-malformed"
        assert preflight(made, None, "DELETE").reason == "method-not-allowed"
    assert len(made.rules[0].asked) == 5


def test_an_origin_that_is_refused_asks_for_nothing() -> None:
    made = policy()
    assert preflight(made, "x-a", origin="https://evil.example").status == 403
    assert made.rules[0].asked == {}


def test_the_memory_is_bounded_in_entries_and_in_length() -> None:
    made = policy()
    for number in range(3 * MAX_ASKED):
        assert preflight(made, f"x-{number}").status == 204
        assert len(made.rules[0].asked) <= MAX_ASKED
    kept = len(made.rules[0].asked)
    assert preflight(made, "x" * MAX_ASKED_LENGTH).status == 204
    assert preflight(made, None, "X" * (MAX_ASKED_LENGTH + 1)).status == 403
    assert len(made.rules[0].asked) == kept
