"""A distribution that uses the policy of a site by its alias: what is shown is the site's, and nothing replaces it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from edgecors_admin.denied import MAX_NAMES_LENGTH, find_refused, query
from edgecors_admin.errors import NotPermittedError
from edgecors_admin.parameter_store import Kind, Parameters, Stored, Unreadable

from tests.cli.conftest import Command
from tests.cli.test_denied import EDGE, Logs, row

A, B, NEW = "https://a.example", "https://b.example", "https://new.example"
POLICY = json.dumps({"version": 1, "mode": "shadow", "rules": [{"allow_origins": [A]}]})


@pytest.fixture
def logs(edgecors: Command, monkeypatch: pytest.MonkeyPatch) -> Logs:
    """The site main in shadow mode, the distribution E1 that uses it, and E2 that has a policy of its own."""
    logs = Logs([EDGE], [])
    monkeypatch.setattr("edgecors_admin.denied.POLL_SECONDS", 0)
    monkeypatch.setattr("edgecors_admin.account.Account.regions", lambda _: ["us-east-1"])
    monkeypatch.setattr("edgecors_admin.account.Account.logs", lambda _, region: logs)
    edgecors.put("sites/main", POLICY)
    edgecors.put("sites/E2", A)
    for alias in ("E1", "E2"):
        edgecors.put(f"aliases/{alias}", "main")
    return logs


@pytest.fixture
def no_aliases(monkeypatch: pytest.MonkeyPatch) -> None:
    """The caller may read sites and lists, but no aliases."""
    below, get = Parameters.below, Parameters.get

    def refuse(name: str) -> None:
        if "aliases" in name:
            raise NotPermittedError("AWS refused it")

    def below_without(self: Parameters, kind: Kind) -> tuple[dict[str, Stored], dict[str, Unreadable]]:
        refuse(kind)
        return below(self, kind)

    def get_without(self: Parameters, name: str, version: int | None = None) -> Stored | None:
        refuse(name)
        return get(self, name, version)

    monkeypatch.setattr(Parameters, "below", below_without)
    monkeypatch.setattr(Parameters, "get", get_without)


# -- logs -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("command", ["shadow", "denied"])
def test_log_lines_of_the_distributions_that_use_a_site_are_read(edgecors: Command, logs: Logs, command: str) -> None:
    logs.rows = [row(B, 3)]
    logs.statuses = ["Complete"] * 2
    ran = edgecors(command, "main")
    assert logs.asked[0]["queryString"] == query("main", "E1")
    assert "Log lines of main and of E1, which use its policy." in ran.out
    assert f"edgecors allow main {B}" in ran.out
    data = edgecors.json(command, "main")
    assert (data["site"], data["logged_as"], data["aliases_error"]) == ("main", ["main", "E1"], None)


def test_shadow_of_an_alias_reads_all_log_lines_of_the_site(edgecors: Command, logs: Logs) -> None:
    ran = edgecors("shadow", "E1")
    assert logs.asked[0]["queryString"] == query("main", "E1")
    assert "E1 is an alias of main, and uses the policy of main." in ran.out
    assert "edgecors mode main enforce" in ran.out


def test_denied_of_an_alias_has_its_own_log_lines_and_the_command_for_the_site(edgecors: Command, logs: Logs) -> None:
    logs.rows = [row(B, 3)]
    ran = edgecors("denied", "E1")
    assert logs.asked[0]["queryString"] == query("E1")
    assert "E1 is an alias of main, and uses the policy of main." in ran.out
    assert f"edgecors allow main {B}" in ran.out


@pytest.mark.usefixtures("no_aliases")
def test_shadow_without_permission_to_read_aliases_is_not_clean(edgecors: Command, logs: Logs) -> None:
    ran = edgecors("shadow", "main")
    assert ran.status == 1
    assert "The aliases could not be read" in ran.out
    assert "Nothing would have been refused" not in ran.out
    assert "enforce" not in ran.out


@pytest.mark.usefixtures("no_aliases")
@pytest.mark.parametrize("site", ["main", "E1"])
def test_denied_without_permission_to_read_aliases_says_so(edgecors: Command, logs: Logs, site: str) -> None:
    logs.statuses = ["Complete"] * 2
    assert f"log lines of distributions that use {site} may be missing (AWS refused it)" in edgecors("denied", site).out
    assert edgecors.json("denied", site)["aliases_error"] == "AWS refused it"


def test_many_aliases_are_asked_for_in_several_queries() -> None:
    names = [f"E{number:013}" for number in range(1000)]
    logs = Logs([EDGE], [row(B, 1)], ("Complete",) * 3)
    report = find_refused(lambda _: logs, ["us-east-1"], names, 60)  # type: ignore[arg-type,return-value]
    queries = [asked["queryString"] for asked in logs.asked]
    assert len(queries) == 3
    assert all(len(text) < MAX_NAMES_LENGTH + 1000 for text in queries)
    assert all(any(f'"{name}"' in text for text in queries) for name in names)
    assert [(refused.lines, refused.regions) for refused in report.refused] == [(3, ["us-east-1"])]


# -- changes ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("arguments", "instead"),
    [
        (("allow", "E1", NEW), "edgecors allow main ..."),
        (("allow", "E1", NEW, "--yes"), "edgecors allow main ..."),
        (("allow", "E1", NEW, "--create"), "edgecors allow main ..."),
        (("allow", "E1", NEW, "--dry-run"), "edgecors allow main ..."),
        (("revoke", "E1", A), "edgecors revoke main ..."),
        (("mode", "E1", "enforce", "--yes"), "edgecors mode main ..."),
        (("delete", "E1", "--yes"), "edgecors delete main ..."),
        (("rollback", "E1", "1", "--yes"), "edgecors rollback main ..."),
        (("split", "E1", "--yes"), "edgecors split main ..."),
        (("split", "E1", NEW, "--yes"), "edgecors split main ..."),
        (("alias", "set", "E3", "E1"), "write main instead of E1"),
    ],
)
def test_change_of_an_alias_is_refused_with_both_ways_out(
    edgecors: Command, logs: Logs, arguments: tuple[str, ...], instead: str
) -> None:
    ran = edgecors(*arguments)
    assert ran.status == 1, ran
    assert "E1 has no policy of its own: it is an alias of main" in ran.err
    assert f"To change that policy: {instead}" in ran.err
    assert "edgecors alias remove E1" in ran.err
    assert sorted(Parameters(edgecors.store.client, "/edgecors").types_below("sites")) == ["E2", "main"]
    assert edgecors.value("sites/main") == POLICY


def test_change_of_an_alias_of_a_missing_site_says_which_one_to_create(edgecors: Command) -> None:
    edgecors.put("aliases/E1", "main")
    ran = edgecors("allow", "E1", NEW)
    assert ran.status == 1
    assert "E1 is an alias of main, and there is no site 'main'" in ran.err
    assert "To create it: edgecors allow main https://app.example.com" in ran.err


@pytest.mark.usefixtures("no_aliases")
def test_new_site_that_may_be_an_alias_is_created_after_a_question(edgecors: Command) -> None:
    ran = edgecors("allow", "E1", NEW)
    assert (ran.status, "Whether E1 is an alias of a site can't be read" in ran.err) == (2, True)
    dry = edgecors("allow", "E1", NEW, "--dry-run")
    assert (dry.status, "note: whether E1 is an alias" in dry.out) == (0, True)
    ran = edgecors("allow", "E1", NEW, "--create")
    assert (ran.status, "note: whether E1 is an alias" in ran.out) == (0, True)
    missing = edgecors("mode", "E9", "enforce")
    assert (missing.status, "It may be an alias, which could not be read" in missing.err) == (1, True)


def test_plan_of_a_new_policy_for_an_alias_compares_with_the_shared_one(
    edgecors: Command, logs: Logs, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "all.json"
    file.write_text(json.dumps({"sites": {"E1": [NEW]}}))
    plan = edgecors.json("plan", str(file))
    assert plan["access"]["E1"]["lost"] == [{"who": A, "where": "/*"}]
    assert plan["notes"] == ["E1 is an alias of main, and uses the policy of main until it has its own"]
    assert "note: E1 is an alias of main" in edgecors("plan", str(file)).out

    def refuse(self: Parameters, names: object) -> None:
        raise NotPermittedError("AWS refused it")

    monkeypatch.setattr(Parameters, "get_many", refuse)
    assert edgecors.json("plan", str(file))["notes"] == [
        "whether a new site (E1) is an alias was not looked at: AWS refused it"
    ]


def test_deletion_of_a_policy_beside_an_alias_compares_with_the_shared_one(edgecors: Command, logs: Logs) -> None:
    edgecors.put("sites/E2", f"{A},{B}")
    dry = edgecors.json("delete", "E2", "--dry-run")
    assert dry["access"]["E2"]["lost"] == [{"who": B, "where": "/*"}]
    assert "everywhere" not in str(dry["access"])
    assert dry["notes"] == ["E2 is an alias of main as well: without a policy of its own it uses that one"]


@pytest.mark.usefixtures("no_aliases")
def test_deletion_without_permission_to_read_aliases_says_so(edgecors: Command) -> None:
    edgecors.put("sites/main", A)
    notes = edgecors.json("delete", "main", "--dry-run")["notes"]
    assert notes[0].startswith("the aliases were not looked at, so distributions that use main may be missing")


# -- reading ----------------------------------------------------------------------------------------------------------


def test_history_and_diff_of_an_alias_are_those_of_the_site(edgecors: Command, logs: Logs) -> None:
    edgecors.put("sites/main", f"{A},{B}")
    shown = edgecors("history", "E1")
    assert (shown.status, "note: E1 is an alias of main" in shown.out) == (0, True)
    listed = edgecors("history", "E1", "--json")
    assert [version["version"] for version in listed.data] == [2, 1]
    assert "E1 is an alias of main" in listed.err
    changed = edgecors("diff", "E1", "1")
    assert changed.status == 0
    assert "note: E1 is an alias of main" in changed.out
    assert f"+ {B}  may read /*" in changed.out
