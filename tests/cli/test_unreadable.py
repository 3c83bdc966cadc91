"""SecureStrings whose KMS key the caller may not use: everything else is shown, and they are never called missing."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.cli.conftest import Command

A, B = "https://a.example.com", "https://b.example.org"
SITE, LIST = "/edgecors/sites/locked", "/edgecors/lists/locked"
ADVICE = "can't be read. It is a SecureString: permit kms:Decrypt on its KMS key."


def policy(*origins: str) -> str:
    return json.dumps({"version": 1, "rules": [{"allow_origins": origins}]})


def bundle(directory: Path, **content: object) -> str:
    file = directory / "all.json"
    file.write_text(json.dumps(content))
    return str(file)


@pytest.fixture
def account(edgecors: Command, locked: set[str]) -> Command:
    """A site and a list that can be read beside a site and a list that can't; the site ``shop`` names both lists."""
    edgecors.put("sites/shop", policy(A, "@partners", "@locked"))
    edgecors.put("lists/partners", B, "SecureString")
    for name in (SITE, LIST):
        edgecors.put(name.removeprefix("/edgecors/"), A, "SecureString")
        locked.add(name)
    return edgecors


def test_sites_unreadable_site_is_shown_beside_the_others(account: Command) -> None:
    ran = account("sites", "--json")
    assert ran.status == 3
    locked, shop = ran.data
    assert (locked["site"], locked["mode"], locked["rules"], locked["version"]) == ("locked", "unreadable", None, 1)
    assert locked["error"].startswith(f"{SITE} {ADVICE} AWS refused GetParameter in us-east-1")
    assert (shop["site"], shop["rules"], "error" in shop) == ("shop", 1, False)
    ran = account("sites")
    assert (ran.status, "unreadable" in ran.out, "shop" in ran.out) == (3, True, True)
    assert f"warning: {SITE} {ADVICE}" in ran.err
    assert f"warning: {LIST} {ADVICE}" in ran.err


def test_sites_alias_that_is_unreadable_is_reported(edgecors: Command, locked: set[str]) -> None:
    edgecors.put("sites/shop", A)
    edgecors.put("aliases/E2", "shop", "SecureString")
    locked.add("/edgecors/aliases/E2")
    for command in (["sites"], ["alias", "list"]):
        ran = edgecors(*command)
        assert (ran.status, f"/edgecors/aliases/E2 {ADVICE}" in ran.err) == (3, True), command


def test_lists_unreadable_list_is_not_called_missing(account: Command) -> None:
    ran = account("lists", "--json")
    assert (ran.status, ran.data["missing"], sorted(ran.data["unreadable"])) == (3, [], [LIST, SITE])
    rows = {row["list"]: (row["entries"], row["used_by"]) for row in ran.data["lists"]}
    assert rows == {"@locked": (None, ["shop"]), "@partners": (1, ["shop"])}
    assert "missing" not in account("lists").out


def test_lint_unreadable_parameters_make_the_check_incomplete(account: Command) -> None:
    ran = account("lint", "--json")
    assert ran.status == 3
    codes = {row["policy"]: [f["code"] for f in row["findings"] or ()] for row in ran.data}
    assert "list-unreadable" in codes["shop"]
    assert "list-missing" not in codes["shop"]
    assert [row["policy"] for row in ran.data if row.get("error")] == ["locked", "@locked"]
    assert "ok" not in account("lint").out.split("locked")[0]


def test_lint_list_that_an_unreadable_site_may_name_is_not_called_unused(edgecors: Command, locked: set[str]) -> None:
    edgecors.put("lists/partners", A)
    edgecors.put("sites/locked", "@partners", "SecureString")
    locked.add(SITE)
    ran = edgecors("lint", "--json")
    assert "not-referenced" not in ran.out
    assert ran.status == 3


def test_lint_without_permission_to_list_is_an_error_of_the_command(
    edgecors: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    credentials = edgecors.store.temporary_credentials({"Effect": "Allow", "Action": "s3:*", "Resource": "*"})
    for name, value in credentials.environment().items():
        monkeypatch.setenv(name, value)
    ran = edgecors("lint")
    assert (ran.status, ran.out) == (3, "")
    assert "AWS refused GetParametersByPath" in ran.err


@pytest.mark.parametrize("content", [{"sites": {"locked": [B]}}, {"lists": {"locked": [B]}}], ids=["site", "list"])
def test_plan_unreadable_parameter_in_the_files_is_neither_new_nor_unchanged(
    account: Command, tmp_path: Path, content: dict[str, object]
) -> None:
    file = bundle(tmp_path, **content)
    planned = account("plan", file, "--json")
    assert (planned.status, planned.data["changes"], planned.data["unchanged"]) == (3, [], [])
    (reason,) = planned.data["unreadable"].values()
    assert ADVICE in reason
    assert not planned.data["access"]
    ran = account("plan", file)
    assert (ran.status, "No changes" in ran.out, "This plan is incomplete" in ran.out) == (3, False, True)
    ran = account("apply", file, "--yes")
    assert ran.status == 3
    assert "Nothing was written, because what is to be replaced can't be read" in ran.err
    assert ADVICE in ran.err
    assert (account.value("sites/locked"), account.value("lists/locked")) == (A, A)


def test_plan_changed_list_names_the_site_that_may_use_it_and_apply_writes_it(account: Command, tmp_path: Path) -> None:
    file = bundle(tmp_path, lists={"partners": [A]})
    planned = account("plan", file, "--json")
    assert planned.status == 3
    assert list(planned.data["unreadable"]) == ["locked", "@locked"]
    assert planned.data["changes"] == [{"target": "@partners", "new": False}]
    assert planned.data["only_stored"] == ["locked", "shop", "@locked"]
    ran = account("apply", file, "--yes")
    assert (ran.status, account.value("lists/partners")) == (0, A), ran
    assert f"unreadable: locked. {SITE} {ADVICE}" in ran.out


def test_plan_unreadable_parameters_that_no_change_concerns_do_not_matter(account: Command, tmp_path: Path) -> None:
    file = bundle(tmp_path, sites={"zoo": [B, "@partners"]})
    planned = account("plan", file, "--json")
    assert (planned.status, planned.data["unreadable"]) == (4, {})
    assert account("apply", file, "--yes").status == 0
    assert account("plan", file).status == 0


def test_export_unreadable_parameters_are_named_and_their_files_stay(account: Command, tmp_path: Path) -> None:
    file = tmp_path / "sites" / "locked.txt"
    file.parent.mkdir()
    file.write_text(f"{B}\n")
    ran = account("export", str(tmp_path), "--json")
    assert ran.status == 3
    assert [reason.split(" ")[0] for reason in ran.data["not_exported"]] == [SITE, LIST]
    assert file.read_text() == f"{B}\n"
    assert (tmp_path / "sites" / "shop.json").exists()
    ran = account("export", "-")
    assert (ran.status, list(ran.data["sites"]), list(ran.data["lists"])) == (3, ["shop"], ["partners"])
    assert f"{SITE} {ADVICE}" in ran.err


def test_allow_list_that_an_unreadable_site_may_use_says_so(edgecors: Command, locked: set[str]) -> None:
    edgecors.put("sites/shop", "@partners")
    edgecors.put("lists/partners", A)
    edgecors.put("sites/locked", "@partners", "SecureString")
    locked.add(SITE)
    written = edgecors.json("allow", "@partners", B)
    (note,) = written["notes"]
    assert note.startswith("site locked may use @partners, and who gains or loses access there is not known")
    assert list(written["access"]) == ["shop"]
    shown = edgecors.json("show", "@partners")
    assert (shown["used_by"], list(shown["unreadable"])) == (["shop"], [SITE])
    assert f"shop, as far as is known: {SITE} {ADVICE}" in edgecors("show", "@partners").out


def test_split_list_that_an_unreadable_site_may_use_writes_nothing(account: Command) -> None:
    many = " ".join(f"https://{number:04}.example.com" for number in range(300))
    ran = account("split", "@partners", "-", "--yes", stdin=many)
    assert (ran.status, account.value("lists/partners")) == (3, B)
    assert "a site that can't be read (locked) may name @partners" in ran.err


def test_delete_site_that_an_unreadable_alias_may_use_says_so(edgecors: Command, locked: set[str]) -> None:
    edgecors.put("sites/shop", A)
    edgecors.put("aliases/E2", "shop", "SecureString")
    locked.add("/edgecors/aliases/E2")
    ran = edgecors("delete", "shop", "--dry-run")
    assert f"E2 may be an alias of shop: /edgecors/aliases/E2 {ADVICE}" in ran.out + ran.err
