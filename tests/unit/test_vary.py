"""Merging into Vary: nothing is lost, nothing stands twice, `*` is left alone."""

from __future__ import annotations

import pytest
from edgecors.events.vary import merge_vary
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.unit.cases import (
    ON_ACTUAL,
)

TABLE: list[tuple[list[str], tuple[str, ...], str | None]] = [
    ([], ("Origin",), "Origin"),
    ([], ("Origin", "Access-Control-Request-Method"), "Origin, Access-Control-Request-Method"),
    ([], (), None),
    ([""], ("Origin",), "Origin"),
    ([" , "], ("Origin",), "Origin"),
    (["Accept-Encoding"], ("Origin",), "Accept-Encoding, Origin"),
    (["Accept-Encoding", "Cookie"], ("Origin",), "Accept-Encoding, Cookie, Origin"),
    (["Accept-Encoding", "", "Cookie"], ("Origin",), "Accept-Encoding, Cookie, Origin"),
    (["Origin"], ("Origin",), None),
    (["origin"], ("Origin",), None),
    (["ORIGIN, Accept-Encoding"], ("Origin",), None),
    (["Accept-Encoding,origin"], ("Origin",), None),
    (["Accept-Encoding", "Origin"], ("Origin",), None),
    (["Accept-Encoding ,\tOrigin"], ("Origin",), None),
    (["Accept-Encoding"], (), None),
    (["*"], ("Origin",), None),
    (["Accept-Encoding, *"], ("Origin",), None),
    (["Accept-Encoding", " * "], ("Origin",), None),
    (["X-Origin"], ("Origin",), "X-Origin, Origin"),
    (["Origin-Agent-Cluster"], ("Origin",), "Origin-Agent-Cluster, Origin"),
    (["X-*"], ("Origin",), "X-*, Origin"),
    (["origin"], ("Origin", "Cookie"), "origin, Cookie"),
    # A control character of the upstream must not be written again: after CR LF it would be a header of its own.
    (["Accept-Enco\x1cding"], ("Origin",), "Origin"),
    (["a\r\nSet-Cookie: a=b, Accept"], ("Origin",), "Accept, Origin"),
    (["\ud800"], ("Origin",), "Origin"),
]


@pytest.mark.parametrize(("values", "names", "merged"), TABLE)
def test_merge(values: list[str], names: tuple[str, ...], merged: str | None) -> None:
    assert merge_vary(values, names) == merged


def members(values: list[str]) -> list[str]:
    return [name.strip().lower() for name in ",".join(values).split(",") if name.strip()]


field_names = st.sampled_from(["Origin", "origin", "Accept-Encoding", "Cookie", "X-A", "*", ""])
values = st.lists(st.lists(field_names, max_size=4).map(", ".join), max_size=3)
names = st.lists(st.sampled_from(["Origin", "Access-Control-Request-Method", "Cookie"]), unique=True).map(tuple)


@settings(max_examples=200, deadline=None)
@given(values, names)
def test_merge_vary_keeps_existing_names_in_order_without_duplicates(
    before: list[str], wanted: tuple[str, ...]
) -> None:
    merged = merge_vary(before, wanted)
    stood = members(before)
    if "*" in stood:
        assert merged is None
        return
    missing = [name.lower() for name in wanted if name.lower() not in stood]
    assert (merged is None) == (not missing)
    if merged is not None:
        assert members([merged]) == stood + missing
        assert merge_vary([merged], wanted) is None


def test_merge_vary_with_nothing_to_add_returns_none() -> None:
    """An empty Vary header came of it."""
    assert merge_vary([], ()) is None
    assert merge_vary([""], ()) is None
    assert merge_vary([" , "], ()) is None


def test_merge_vary_keeps_what_the_response_varies_by() -> None:
    assert merge_vary(["Accept-Encoding", "Cookie"], ON_ACTUAL) == "Accept-Encoding, Cookie, Origin"
    assert merge_vary(["accept-encoding, origin"], ON_ACTUAL) is None
    assert merge_vary(["*"], ON_ACTUAL) is None
