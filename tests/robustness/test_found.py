"""What the harnesses have found, each by name."""

from __future__ import annotations

import json

import pytest
from edgecors.decision import Request, decide
from edgecors.policy import load_policy


@pytest.mark.parametrize("port", ["\u00b3000", "443\u0661"])
def test_a_port_of_digits_that_are_not_ascii_is_no_port(port: str) -> None:
    # Such a host was taken for the one before the colon, and its rule decided.
    policy = load_policy(json.dumps({"rules": [{"hosts": ["shop.example.com"], "allow_origins": "*"}]}))
    request = Request("GET", "/", host=f"shop.example.com:{port}", origin="https://app.example.com")
    assert decide(policy, request).reason == "not-managed"
