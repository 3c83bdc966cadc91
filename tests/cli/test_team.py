"""A team that may write its list alone, with the permissions that docs/operations.md gives it."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.cli.conftest import Command
from tests.docs.markdown import blocks, read, section
from tests.support.parameter_store import Statement

A = "https://a.example"


def documented() -> list[dict[str, Any]]:
    (text,) = blocks(section(read("operations.md"), "A list for each team"), "json")
    # The store here looks at actions only.
    return [statement | {"Resource": "*"} for statement in json.loads(text)["Statement"]]


def become(edgecors: Command, monkeypatch: pytest.MonkeyPatch, statement: Statement) -> None:
    credentials = edgecors.store.temporary_credentials(statement)
    for name, value in credentials.environment().items():
        monkeypatch.setenv(name, value)


def test_with_both_statements_the_team_sees_who_gains_access(
    edgecors: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    edgecors.put("sites/shop", "@partners")
    become(edgecors, monkeypatch, documented())
    ran = edgecors("allow", "@partners", A)
    assert ran.status == 0, ran.err
    assert "shop" in ran.out
    assert "note" not in ran.out
    assert edgecors.value("lists/partners") == A


def test_with_the_first_alone_the_list_is_written_all_the_same(
    edgecors: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    edgecors.put("sites/shop", "@partners")
    become(edgecors, monkeypatch, documented()[:1])
    written = edgecors.json("allow", "@partners", A)
    assert written["written"]
    (note,) = written["notes"]
    assert note.startswith("the sites that use @partners were not looked at: AWS refused GetParametersByPath")
    assert edgecors.value("lists/partners") == A
    assert edgecors("revoke", "@partners", A, "--yes").status == 0


def test_show_without_permission_to_read_the_sites_shows_the_list(
    edgecors: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    edgecors.put("lists/partners", A)
    become(edgecors, monkeypatch, documented()[:1])
    ran = edgecors("show", "@partners")
    assert (ran.status, "unknown, as the sites can't be read" in ran.out) == (0, True), ran
    assert edgecors.json("show", "@partners")["used_by"] is None


def test_a_list_that_may_not_be_written_is_not(edgecors: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    become(edgecors, monkeypatch, {"Effect": "Allow", "Action": "ssm:GetParameter", "Resource": "*"})
    ran = edgecors("allow", "@partners", A)
    assert ran.status == 3
    assert "AWS refused PutParameter" in ran.err
