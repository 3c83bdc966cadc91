"""Values that are made to cost much are refused or read within the limits."""

from __future__ import annotations

import functools

import pytest
from edgecors.aws.parameters import Parameter
from edgecors.decision import Request, decide
from edgecors.document import MAX_JSON_MARKS
from edgecors.packing import MAX_TEXT
from edgecors.store import PolicyStore
from edgecors.telemetry import Telemetry

from harness import bombs
from tests.support.instant_region import InstantRegion

WORST = (
    *(repr(unit) for unit in ("x ", "@ ", "* ", "https://A.b ", "https://a*.b ", "null ")),
    *("numbers as origins", "globs", "globs of dots", "header names", "escapes", "similar fields"),
    *("one long field", "one long header name", "one long wildcard"),
)


@functools.cache
def readable(name: str) -> str:
    return bombs.readable(bombs.FAMILIES[name])


def test_bombs_are_measured_up_to_the_limits_of_the_library() -> None:
    assert (bombs.MAX_TEXT, bombs.MAX_JSON_MARKS) == (MAX_TEXT, MAX_JSON_MARKS)


@pytest.mark.parametrize("name", ["'x '", "numbers as origins", "different origins"])
def test_a_bomb_fits_into_a_parameter(name: str) -> None:
    whole = bombs.whole(bombs.FAMILIES[name])
    assert max(len(whole), len(readable(name))) <= bombs.MAX_VALUE
    assert len(whole) > 0.9 * bombs.MAX_VALUE


@pytest.mark.parametrize("reader", ["list", "site"])
def test_a_value_that_unpacks_to_too_much_is_refused(reader: str) -> None:
    cost = bombs.measure(reader, bombs.whole(bombs.FAMILIES["'x '"]))
    assert cost.outcome == "refused"
    assert bombs.check("x", reader, cost) == []


@pytest.mark.parametrize("reader", bombs.READERS)
@pytest.mark.parametrize("name", WORST)
def test_a_worst_value_stays_within_memory_and_findings(name: str, reader: str) -> None:
    assert bombs.check(name, reader, bombs.measure(reader, readable(name))) == []


class SiteWithLists(InstantRegion):
    """A site that names a good list, and another one with a given value."""

    def __init__(self, value: str) -> None:
        super().__init__()
        self.values = {"bad": value, "good": "https://good.example", "shop": "@bad @good https://own.example"}

    def read(self, names: list[str]) -> dict[str, Parameter]:
        return {name: Parameter(self.values[name.rpartition("/")[2]], 1, False) for name in names}


@pytest.mark.parametrize("name", WORST)
def test_a_worst_list_leaves_site_and_other_lists_alone_and_is_logged_in_short_lines(name: str) -> None:
    for value in (readable(name), bombs.whole(bombs.FAMILIES[name])):
        lines: list[str] = []
        policy = PolicyStore([SiteWithLists(value)], Telemetry(lines.append)).get("shop")
        assert policy is not None
        for origin in ("https://good.example", "https://own.example"):
            assert decide(policy, Request("GET", "/", origin=origin)).reason == "allowed"
        assert max(map(len, lines), default=0) < 4096


def test_a_cost_beyond_a_limit_is_reported() -> None:
    cost = bombs.ReadingCost("read", 506, 1001, 0.1, 65 * 2**20)
    assert bombs.check("x", "list", cost) == [
        "x, list: 65 MB",
        "x, list: 506 findings",
        "x, list: a finding of 1001 characters",
    ]
