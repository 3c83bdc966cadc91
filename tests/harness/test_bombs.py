"""Values that are made to cost much are refused or read within the limits."""

from __future__ import annotations

import itertools
from random import Random

import pytest
from edgecors.document import MAX_JSON_MARKS
from edgecors.packing import MAX_TEXT

from harness import bombs

VALUES = dict(bombs.values(Random(1), 0))
WORST = [
    "gz of 'x '",
    "less of 'x '",
    "less of '@ '",
    "less of '* '",
    "gz of 'https://A.b '",
    "gz of 'https://a*.b '",
    "less of numbers as origins",
    "less of globs",
    "less of globs of dots",
    "less of header names",
    "less of escapes",
    "gz of similar fields",
    "less of nesting in an unknown field",
]


def test_bombs_are_measured_up_to_the_limits_of_the_library() -> None:
    assert (bombs.MAX_TEXT, bombs.MAX_JSON_MARKS) == (MAX_TEXT, MAX_JSON_MARKS)


def test_every_value_fits_into_a_parameter() -> None:
    assert {name: len(text) for name, text in VALUES.items() if len(text) > bombs.MAX_VALUE} == {}
    assert len(VALUES) > 70


@pytest.mark.parametrize(("name", "reader"), itertools.product(WORST, bombs.READERS))
def test_a_worst_value_stays_within_memory_and_findings(name: str, reader: str) -> None:
    assert bombs.check(name, reader, bombs.measure(reader, VALUES[name])) == []


def test_a_cost_beyond_a_limit_is_reported() -> None:
    cost = bombs.Cost("read", 506, 1001, 0.1, 65 * 2**20)
    assert bombs.check("x", "list", cost) == [
        "x, list: 65 MB",
        "x, list: 506 findings",
        "x, list: a finding of 1001 characters",
    ]
