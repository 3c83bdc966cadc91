"""What the harnesses have found, each by name."""

from __future__ import annotations

import json

import pytest
from edgecors.decision import Request, decide
from edgecors.document import load_policy
from edgecors.events.vary import merge_vary

from harness import faults, peers
from harness.summary import Summary


@pytest.mark.parametrize("port", ["\u00b3000", "443\u0661"])
def test_a_port_of_digits_that_are_not_ascii_is_no_port(port: str) -> None:
    # Such a host was taken for the one before the colon, and its rule decided.
    policy = load_policy(json.dumps({"rules": [{"hosts": ["shop.example.com"], "allow_origins": "*"}]}))
    request = Request("GET", "/", host=f"shop.example.com:{port}", origin="https://app.example.com")
    assert decide(policy, request).reason == "not-managed"


@pytest.mark.parametrize(
    "fault",
    [
        "truncated head",  # passed on as a whole answer without a body
        "splitting: bare CR",  # what followed the CR became a header of its own
        "splitting: NUL",  # the front would have answered 502 without CORS headers
        "status 999",  # likewise
        "a blank in a name",  # the headers after it were dropped, Content-Length and Cache-Control too
    ],
)
def test_a_head_that_is_none_is_a_502_with_cors_headers(fault: str) -> None:
    summary = Summary("upstream", 60)
    faults.upstream(summary, rounds=3, faults={fault: peers.UPSTREAM_FAULTS[fault]})
    assert summary.failures == []
    assert summary.counts["scenes"] == 3


@pytest.mark.parametrize(
    ("value", "merged"),
    [
        ("Accept-Enco\x1cding", "Origin"),
        ("a\r\nSet-Cookie: a=b, Accept", "Accept, Origin"),
        ("\ud800", "Origin"),
        ("Accept,\tCookie", "Accept, Cookie, Origin"),
    ],
)
def test_a_vary_of_the_upstream_with_control_characters_is_not_written_again(value: str, merged: str) -> None:
    assert merge_vary([value], ("Origin",)) == merged
