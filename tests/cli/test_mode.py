"""`mode`: into shadow mode and out of it, with the rest of the text unchanged."""

from __future__ import annotations

import pytest
from edgecors.document import load_policy
from edgecors_admin.access import compare
from edgecors_admin.edit import set_mode

from tests.cli.conftest import Command

A = "https://a.example.com"


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (
            '{\n  "version": 1,\n  "mode": "shadow", "rules": []\n}',
            '{\n  "version": 1,\n  "mode": "enforce", "rules": []\n}',
        ),
        ('{ "version": 1}', '{ "mode": "enforce", "version": 1}'),
        ('{"rules": [{"mode": "x"}]}', '{"mode": "enforce", "rules": [{"mode": "x"}]}'),
    ],
)
def test_set_mode_changes_one_value(before: str, after: str) -> None:
    assert set_mode(before, "enforce") == after


@pytest.mark.parametrize("text", [f"{A}, https://*.b.example", "*", ",", "@partners"])
def test_set_mode_of_plain_list_allows_the_same(text: str) -> None:
    lists = {"partners": A}
    document = set_mode(text, "shadow")
    assert load_policy(document, lists).shadow
    assert not compare(text, set_mode(document, "enforce"), lists, lists)


def test_mode_shows_difference_and_writes(edgecors: Command) -> None:
    edgecors.put("sites/shop", f'{{"version": 1, "rules": [{{"allow_origins": ["{A}"]}}]}}')
    ran = edgecors("mode", "shop", "shadow", "--yes")
    assert ran.status == 0, ran.err
    assert ran.out.splitlines() == [
        "   {",
        '  +  "mode": "shadow",',
        '     "version": 1,',
        '     "rules": [',
        "~ mode: shadow, so nothing is answered or changed",
        "written: /edgecors/sites/shop version 2",
    ]
    assert load_policy(edgecors.value("sites/shop")).shadow
    assert "The mode is shadow already" in edgecors("mode", "shop", "shadow").out
    back = edgecors.json("mode", "shop", "enforce", "--yes")
    assert back == {"parameter": "/edgecors/sites/shop", "mode": "enforce", "written": True, "version": 3}


def test_mode_dry_run_writes_nothing(edgecors: Command) -> None:
    edgecors.put("sites/shop", A)
    ran = edgecors("mode", "shop", "shadow", "--dry-run")
    assert (ran.status, edgecors.value("sites/shop")) == (0, A)
    assert "Nothing was written (--dry-run)." in ran.out
    assert "the plain list becomes a document" in ran.out


@pytest.mark.parametrize(
    ("value", "arguments", "status", "message"),
    [
        (A, ("shop", "shadow"), 2, "There is no terminal for the answer"),
        (A, ("shop", "off", "--yes"), 2, "Invalid value"),
        (A, ("other", "shadow", "--yes"), 1, "There is no site 'other'"),
        ('{"version": 1, "rules": 7}', ("shop", "shadow", "--yes"), 1, "is rejected. Run edgecors lint shop"),
    ],
)
def test_mode_that_can_not_be_set_says_why(
    edgecors: Command, value: str, arguments: tuple[str, ...], status: int, message: str
) -> None:
    edgecors.put("sites/shop", value)
    ran = edgecors("mode", *arguments)
    assert (ran.status, edgecors.value("sites/shop")) == (status, value)
    assert message in ran.err
