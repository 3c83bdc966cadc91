"""Somebody else changes a parameter while a command waits for the answer to its question."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from edgecors_admin.parameter_store import Parameters, ParameterType, Stored
from edgecors_cli.context import Context

from tests.cli.conftest import Command

A, B, THEIRS = "https://a.example", "https://b.example", "https://theirs.example"

While = Callable[[Callable[[], None]], None]


@pytest.fixture
def while_asked(monkeypatch: pytest.MonkeyPatch) -> While:
    """Do something while the question is open, and answer yes."""

    def during(action: Callable[[], None]) -> None:
        monkeypatch.setattr(Context, "confirm", lambda *_, **__: action())

    return during


def create_again(edgecors: Command, name: str) -> Callable[[], None]:
    def act() -> None:
        edgecors.store.delete(f"/edgecors/{name}")
        edgecors.put(name, THEIRS)

    return act


def bundle(tmp_path: Path, **sites: list[str]) -> str:
    file = tmp_path / "all.json"
    file.write_text(json.dumps({"sites": sites, "lists": {"partners": [B]}}))
    return str(file)


@pytest.mark.parametrize(
    ("arguments", "name"),
    [
        (("apply", "FILE"), "sites/shop"),
        (("rollback", "shop", "1"), "sites/shop"),
        (("delete", "shop"), "sites/shop"),
        (("delete", "@old"), "lists/old"),
        (("split", "shop"), "sites/shop"),
        (("split", "@old"), "lists/old"),
        (("alias", "set", "E1", "blog"), "aliases/E1"),
        (("alias", "remove", "E1"), "aliases/E1"),
    ],
)
@pytest.mark.parametrize("again", [True, False], ids=["created-again", "next-version"])
def test_command_keeps_what_was_written_during_its_question(
    edgecors: Command, while_asked: While, tmp_path: Path, arguments: tuple[str, ...], name: str, again: bool
) -> None:
    many = ",".join(f"https://{number:04}.example.com" for number in range(300))
    for site in ("sites/shop", "sites/blog", "lists/old"):
        edgecors.put(site, f"{A},{many}")
    edgecors.put("aliases/E1", "shop")
    if arguments[0] == "rollback":
        edgecors.put(name, B)
    file = bundle(tmp_path, shop=[A])
    while_asked(create_again(edgecors, name) if again else lambda: edgecors.put(name, THEIRS))
    ran = edgecors(*(file if argument == "FILE" else argument for argument in arguments))
    assert (ran.status, edgecors.value(name)) == (1, THEIRS), ran
    assert "meanwhile" in ran.err
    assert "Look again." in ran.err


def test_mode_after_creation_anew_asks_again_on_the_new_text(edgecors: Command, while_asked: While) -> None:
    edgecors.put("sites/shop", A)
    asked: list[int] = []

    def first_time() -> None:
        asked.append(1)
        if len(asked) == 1:
            create_again(edgecors, "sites/shop")()

    while_asked(first_time)
    assert edgecors("mode", "shop", "shadow").status == 0
    assert json.loads(edgecors.value("sites/shop"))["rules"][0]["allow_origins"] == [THEIRS]
    assert len(asked) == 2


def test_apply_checks_every_parameter_before_it_writes_the_first(
    edgecors: Command, while_asked: While, tmp_path: Path
) -> None:
    edgecors.put("sites/shop", A)
    edgecors.put("lists/partners", A)
    while_asked(lambda: edgecors.put("sites/shop", THEIRS))
    ran = edgecors("apply", bundle(tmp_path, shop=[B]))
    assert ran.status == 1
    assert "Nothing was written" in ran.err
    assert "/edgecors/sites/shop: version 2 was written meanwhile (read was 1)" in ran.err
    assert (edgecors.value("lists/partners"), edgecors.value("sites/shop")) == (A, THEIRS)


@pytest.fixture
def late(edgecors: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    """Somebody else writes the site after the list was written."""
    put = Parameters.put

    def slow(
        self: Parameters, name: str, text: str, before: Stored | None, new_type: ParameterType = "String"
    ) -> Stored:
        after = put(self, name, text, before, new_type)
        if name == "/edgecors/lists/partners":
            edgecors.put("sites/shop", THEIRS)
        return after

    monkeypatch.setattr(Parameters, "put", slow)


@pytest.mark.usefixtures("late")
def test_apply_that_fails_half_way_says_what_it_has_written(edgecors: Command, tmp_path: Path) -> None:
    edgecors.put("sites/shop", A)
    ran = edgecors("apply", bundle(tmp_path, shop=[B], zoo=[B]), "--yes")
    assert ran.status == 1
    assert "Nothing was written" not in ran.err
    assert "/edgecors/sites/shop was not written: version 2 was written meanwhile" in ran.err
    assert "Written: /edgecors/lists/partners version 1." in ran.err
    assert "Not written: /edgecors/sites/shop, /edgecors/sites/zoo" in ran.err
    assert edgecors.value("sites/shop") == THEIRS


@pytest.mark.usefixtures("late")
def test_apply_that_fails_half_way_says_in_json_what_it_has_written(edgecors: Command, tmp_path: Path) -> None:
    edgecors.put("sites/shop", A)
    ran = edgecors("apply", bundle(tmp_path, shop=[B]), "--yes", "--json")
    assert ran.status == 1
    assert ran.data["written"] == [{"target": "@partners", "parameter": "/edgecors/lists/partners", "version": 1}]
    assert ran.data["not_written"] == ["/edgecors/sites/shop"]
    assert "version 2 was written meanwhile" in ran.data["error"]


@pytest.mark.parametrize("arrives", [True, False], ids=["the request arrives", "the request does not arrive"])
def test_apply_that_is_interrupted_says_what_it_has_written(
    edgecors: Command, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, arrives: bool
) -> None:
    put = Parameters.put

    def interrupted(self: Parameters, name: str, *arguments: Any) -> Stored:
        if name != "/edgecors/sites/shop":
            return put(self, name, *arguments)
        if arrives:
            put(self, name, *arguments)
        raise KeyboardInterrupt

    monkeypatch.setattr(Parameters, "put", interrupted)
    file = bundle(tmp_path, shop=[B], zoo=[B])
    ran = edgecors("apply", file, "--yes")
    assert ran.status == 130
    lines = [line.removeprefix("error: ") for line in ran.err.splitlines()]
    assert lines == [
        "Interrupted.",
        "Perhaps written: /edgecors/sites/shop.",
        "Written: /edgecors/lists/partners version 1.",
        "Not written: /edgecors/sites/zoo.",
    ]
    if not arrives:
        ran = edgecors("apply", file, "--yes", "--json")
        assert (ran.status, ran.data["written"], ran.data["error"]) == (130, [], "Interrupted.")
        assert (ran.data["perhaps_written"], ran.data["not_written"]) == (
            ["/edgecors/sites/shop"],
            ["/edgecors/sites/zoo"],
        )


def test_apply_that_replaced_a_version_in_the_same_moment_counts_it_as_written(
    edgecors: Command, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    edgecors.put("sites/shop", A)
    put = Parameters.put

    def slow(self: Parameters, name: str, *arguments: Any) -> Stored:
        if name == "/edgecors/sites/shop":
            edgecors.put("sites/shop", THEIRS)
        return put(self, name, *arguments)

    monkeypatch.setattr(Parameters, "put", slow)
    ran = edgecors("apply", bundle(tmp_path, shop=[B]), "--yes", "--json")
    assert ran.status == 1
    assert [row["version"] for row in ran.data["written"]] == [1, 3]
    assert ran.data["not_written"] == []
    assert "is now replaced by version 3" in ran.err


def test_split_after_a_change_between_its_reads_writes_nothing(
    edgecors: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    edgecors.put("lists/partners", f"{A},{B}")
    types_below = Parameters.types_below

    def slow(self: Parameters, kind: Any) -> Any:
        edgecors.put("lists/partners", THEIRS)
        return types_below(self, kind)

    monkeypatch.setattr(Parameters, "types_below", slow)
    many = " ".join(f"https://{number:04}.example.com" for number in range(300))
    ran = edgecors("split", "@partners", "-", "--yes", stdin=many)
    assert (ran.status, edgecors.value("lists/partners")) == (1, THEIRS), ran
    assert "@partners was changed meanwhile" in ran.err
