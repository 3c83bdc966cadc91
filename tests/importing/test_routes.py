"""Globs of an API's paths come in the API's own order, and nothing longer slips in between."""

from __future__ import annotations

import pytest
from edgecors_admin.importing.routes import GlobRule, glob_rules

CASES: dict[str, tuple[list[str], list[str], list[tuple[str, str | None]]]] = {
    "one path": (["/items"], [], [("/items", "/items")]),
    "exact before parameter": (
        ["/items/{id}", "/items/new"],
        [],
        [("/items/new", "/items/new"), ("/items/*", "/items/{id}")],
    ),
    "longer before shorter": (
        ["/items/{id}", "/items/{id}/parts"],
        [],
        [("/items/*/parts", "/items/{id}/parts"), ("/items/*", "/items/{id}")],
    ),
    "parameter before greedy, which has the longer paths": (
        ["/items/{id}", "/{proxy+}"],
        [],
        [("/items/*/*", "/{proxy+}"), ("/items/*", "/items/{id}"), ("/*", "/{proxy+}")],
    ),
    "greedy without settings": (
        ["/items/{id}"],
        ["/{proxy+}"],
        [("/items/*/*", None), ("/items/*", "/items/{id}")],
    ),
    "parameter without settings beside greedy with some": (
        ["/items/{proxy+}"],
        ["/items/{id}"],
        [("/items/*/*", "/items/{proxy+}"), ("/items/*", None)],
    ),
    "exact path without settings below a greedy one": (
        ["/{proxy+}"],
        ["/admin"],
        [("/admin", None), ("/*", "/{proxy+}")],
    ),
    "path without settings elsewhere": (["/items"], ["/admin"], [("/items", "/items")]),
    "same path with another name of the parameter": (
        ["/items/{id}"],
        ["/items/{name}"],
        [("/items/*", "/items/{id}")],
    ),
}


@pytest.mark.parametrize(("covered", "uncovered", "expected"), CASES.values(), ids=CASES)
def test_glob_rules_order_is_the_choice_of_the_api(
    covered: list[str], uncovered: list[str], expected: list[tuple[str, str | None]]
) -> None:
    assert glob_rules(covered, uncovered) == [GlobRule(glob, path) for glob, path in expected]
