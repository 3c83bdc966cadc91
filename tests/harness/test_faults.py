"""Faults of an upstream that a gateway once passed on."""

from __future__ import annotations

import pytest
from edgecors_local.front_names import GATEWAY

from harness import faults, peers
from harness.summary import Summary


@pytest.mark.parametrize(
    "fault",
    [
        "truncated head",  # was passed on as a whole response without a body
        "splitting: bare CR",  # what followed the CR became a header of its own
        "splitting: NUL",  # the front would have answered 502 without CORS headers
        "status 999",  # likewise
        "a blank in a header name",  # the headers after it were dropped, Content-Length and Cache-Control too
    ],
)
def test_gateway_malformed_head_of_the_upstream_becomes_502_with_cors_headers(fault: str) -> None:
    summary = Summary("upstream", 60)
    faults.upstream(summary, rounds=len(GATEWAY), faults={fault: peers.UPSTREAM_FAULTS[fault]})
    assert summary.failures == []
    assert summary.counts["scenes"] == len(GATEWAY)
