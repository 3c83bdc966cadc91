"""Access-Control-Request-Headers: what is borne, what is refused, and that it costs a bounded time."""

from __future__ import annotations

from typing import Never

import pytest
from edgecors.characters import TOKEN
from edgecors.decision import (
    MAX_REQUEST_HEADERS_EMPTY,
    MAX_REQUEST_HEADERS_LENGTH,
    MAX_REQUEST_HEADERS_NAMES,
    parse_header_names,
)
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.oracle import decision as oracle
from harness.oracle import strategies
from tests.unit.cases import (
    ACAH,
    PREFLIGHT_DEFAULTS,
    allowed,
    policy,
    preflight,
    refused,
)

READ = {
    "": [],
    "x-a": ["x-a"],
    "X-A": ["x-a"],
    "x-b,x-a": ["x-b", "x-a"],
    "x-a, x-b": ["x-a", "x-b"],
    " x-a\t,\t x-b ": ["x-a", "x-b"],
    "x-a,x-a": ["x-a", "x-a"],
    ",x-a": ["x-a"],
    ", , x-a,, x-b,": ["x-a", "x-b"],
    ",": [],
    " ": [],
    "!#$%&'*+-.^_`|~09azAZ": ["!#$%&'*+-.^_`|~09azaz"],
    "*": ["*"],
    " ~x-a~": ["~x-a~"],
}


@pytest.mark.parametrize("value", READ)
def test_read(value: str) -> None:
    assert parse_header_names(value) == READ[value]


SEPARATORS = [chr(code) for code in range(0x80) if chr(code) not in TOKEN.decode() + ", \t"]


@pytest.mark.parametrize(
    "bad", [*SEPARATORS, "\u00e4", "\u212a", "\u0131", "\u00a0", "\u2003", "\ufeff", "\U0001f600", "\ud800"]
)
def test_header_name_with_an_invalid_character_anywhere_is_refused(bad: str) -> None:
    for value in (
        bad,
        f"{bad}x-a",
        f"x{bad}a",
        f"x-a{bad}",
        f"x-a,{bad}",
        f"{bad},x-a",
        f"x-a, {bad}x-b",
        f"x-a,{bad} ,x-b",
    ):
        assert parse_header_names(value) is None, value


@pytest.mark.parametrize("value", ["x-a x-b", "x-a\tx-b", "x-a ,x-b c", "x -a"])
def test_a_blank_inside_a_name_is_refused(value: str) -> None:
    assert parse_header_names(value) is None


def test_the_limits_hold_to_the_last_one() -> None:
    names, empty, length = MAX_REQUEST_HEADERS_NAMES, MAX_REQUEST_HEADERS_EMPTY, MAX_REQUEST_HEADERS_LENGTH
    assert (names, empty, length) == (64, 16, 4096)
    assert parse_header_names(",".join(["x"] * names)) == ["x"] * names
    assert parse_header_names(",".join(["x"] * (names + 1))) is None
    assert parse_header_names("x" + "," * empty) == ["x"]
    assert parse_header_names("x" + "," * (empty + 1)) is None
    assert parse_header_names(",".join(["x"] * names) + "," * empty) == ["x"] * names
    assert parse_header_names(",".join(["x"] * names) + "," * (empty + 1)) is None
    assert parse_header_names("x" * length) == ["x" * length]
    assert parse_header_names("x" * (length + 1)) is None
    assert parse_header_names("x".ljust(length)) == ["x"]
    assert parse_header_names("x".ljust(length + 1)) is None


class UnreadNames(str):
    """A text that must not be looked into."""

    __slots__ = ()

    def isascii(self) -> Never:
        raise AssertionError("looked into")

    def lower(self) -> Never:
        raise AssertionError("looked into")

    split = lower  # type: ignore[assignment]


def test_what_is_too_long_is_not_looked_into() -> None:
    """So the cost of any value is that of 4096 characters."""
    assert parse_header_names(UnreadNames("a," * 10_000_000)) is None
    with pytest.raises(AssertionError):
        parse_header_names(UnreadNames("a"))


alphabet = st.sampled_from(["x-a", "X-B", "a", ",", ", ", " ", "\t", "", "a" * 200, "\u00e4", ";", "\n"])
soup = st.lists(alphabet, max_size=40).map("".join)
likely = strategies.rules(False, False).flatmap(strategies.odd_header_lists).filter(lambda value: value is not None)


@settings(max_examples=200, deadline=None)
@given(st.one_of(soup, likely, st.text(max_size=20)))
def test_read_as_the_oracle_reads(value: str) -> None:
    names = parse_header_names(value)
    assert (None if names is None else list(dict.fromkeys(names))) == oracle.requested_names(value)


@settings(max_examples=100, deadline=None)
@given(soup, soup)
def test_where_a_proxy_splits_the_header_makes_no_difference(first: str, second: str) -> None:
    """Several lines are joined with ", ", as the fronts do it."""
    whole, joined = parse_header_names(f"{first},{second}"), parse_header_names(f"{first}, {second}")
    if whole is not None and joined is not None:
        assert whole == joined


def test_parse_header_names_of_a_huge_value_is_refused() -> None:
    """Of any value at most 4096 characters are looked at, in elements of which there are at most 80."""
    for hostile in ("," * 1_000_000, " " * 1_000_000, "a," * 500_000, "a" * 1_000_000, " ," * 2000, "\t" * 5000 + "a"):
        assert parse_header_names(hostile) is None
        refused(policy(), preflight(names=hostile), "headers-malformed")
    assert parse_header_names(" " * 4095 + "a") == ["a"]


@pytest.mark.parametrize("names", [", x-a,x-b", ",x-a, x-b", "x-a,, x-b", "x-a, , ,x-b,", " ,\t, x-a , x-b"])
def test_parse_header_names_with_an_empty_first_line_reads_the_rest(names: str) -> None:
    """Several lines arrive joined with a comma, the empty ones too."""
    compiled = policy(allow_headers=["x-a", "x-b"])
    allowed(compiled, preflight(names=names), PREFLIGHT_DEFAULTS | {ACAH: "x-a, x-b"})
    refused(compiled, preflight(names=names + ", x-c"), "headers-not-allowed")
