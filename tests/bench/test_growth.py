"""Policies are read in time that grows with their length; hostile headers are refused at once, whatever their length.

Ratios of processor time in one run.
"""

from typing import Any

from edgecors.decision import ALLOWED, decide
from edgecors.document import load_policy

from bench import policies, samples


def test_reading_is_linear(figures: dict[str, Any]) -> None:
    """Ten times the origins: ten times the time, with slack for busy memory. Quadratic would be a hundred."""
    growth = {form: each["10000"] / each["1000"] for form, each in figures["reading_ms"].items()}
    assert len(growth) == 3
    assert {form: times for form, times in growth.items() if times > 40} == {}


def test_hostile_headers_are_refused_early(figures: dict[str, Any]) -> None:
    """A hundred times the bytes. Whatever looks at all of them takes a hundred times as long."""
    growth = {kind: each["1000000"] / each["10000"] for kind, each in figures["hostile_us"].items()}
    assert len(growth) == 10
    assert {kind: times for kind, times in growth.items() if times > 10} == {}


def test_hostile_headers_really_are_refused() -> None:
    policy = load_policy(samples.policy(samples.exact_origins(1)))
    for length in (10_000, 100_000):
        for kind, make in policies.hostile(length).items():
            assert decide(policy, make()).reason != ALLOWED, kind
