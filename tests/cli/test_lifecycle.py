"""Sites and lists from creation to deletion: show, export, alias, delete, and changes of single grants."""

import json
from pathlib import Path
from typing import Any

import pytest
from edgecors_admin.access import compare
from edgecors_admin.size import pack

from tests.cli.conftest import Command

A, B, C = "https://a.example.com", "https://b.example.org", "https://c.example.net"


def grants(*items: dict[str, Any]) -> str:
    return json.dumps({"version": 1, "rules": [{"grants": items}]}, indent=2)


def test_show_a_list(edgecors: Command) -> None:
    edgecors.put("lists/partners", f"{A},nonsense")
    edgecors.put("sites/shop", "@partners")
    shown = edgecors.json("show", "@partners")
    assert shown["used_by"] == ["shop"]
    assert [(entry["entry"], entry["readable"]) for entry in shown["entries"]] == [(A, True), ("nonsense", False)]
    assert [f["code"] for f in shown["findings"]] == ["origin-no-scheme"]
    assert "used by  shop" in edgecors("show", "@partners").out
    assert edgecors("show", "@partner").status == 1


def test_show_has_typed_values(edgecors: Command) -> None:
    first = {"allow_origins": [A], "allow_methods": ["GET", "PUT"], "allow_headers": ["x-a"], "max_age": 60}
    edgecors.put("sites/shop", grants(first, {"allow_origins": "*", "expose_headers": "*"}))
    one, two = edgecors.json("show", "shop")["rule_list"][0]["grants"]
    assert one["allow_methods"] == ["GET", "HEAD", "PUT"]
    assert (one["allow_headers"], one["expose_headers"], one["max_age"]) == (["x-a"], [], 60)
    assert (two["allow_origins"], two["allow_headers"], two["expose_headers"]) == ("*", "*", "*")


def test_delete_a_site_says_who_loses_access(edgecors: Command) -> None:
    edgecors.put("sites/shop", f"{A},@partners")
    edgecors.put("lists/partners", B)
    edgecors.put("aliases/E1", "shop")
    dry = edgecors.json("delete", "shop", "--dry-run")
    assert {row["who"] for row in dry["access"]["shop"]["lost"]} == {A, B}
    assert dry["access"]["shop"]["changed"] == [
        "everywhere: nobody is allowed; the upstream's own CORS headers are removed"
    ]
    assert any("alias E1" in note for note in dry["notes"])
    assert edgecors("delete", "shop").status == 2
    assert edgecors.value("sites/shop") == f"{A},@partners"
    ran = edgecors("delete", "shop", "--yes")
    assert (ran.status, "deleted: " in ran.out) == (0, True)
    assert edgecors.json("sites") == []
    assert edgecors("delete", "shop", "--yes").status == 1


def test_delete_a_list_says_who_loses_access_where(edgecors: Command) -> None:
    edgecors.put("sites/shop", f"{A},@partners")
    edgecors.put("lists/partners", f"{A},{B}")
    deleted = edgecors.json("delete", "@partners", "--yes")
    assert deleted["deleted"] is True
    assert deleted["access"]["shop"]["lost"] == [{"who": B, "where": "/*"}]
    assert "edgecors revoke shop @partners" in deleted["notes"][0]


def test_export_and_apply_round_trip(edgecors: Command, tmp_path: Path) -> None:
    document = json.dumps({"version": 1, "rules": [{"allow_origins": [A, "@partners"]}]})
    edgecors.put("sites/shop", document)
    edgecors.put("sites/plain", pack(f"{A} {B}"))
    edgecors.put("lists/partners", f"{B},{C}")
    assert edgecors("export", str(tmp_path)).status == 0
    assert (tmp_path / "sites" / "plain.txt").read_text() == f"{A}\n{B}\n"
    assert (tmp_path / "sites" / "shop.json").read_text().count("\n") > 3
    assert edgecors("plan", str(tmp_path)).status == 0
    (tmp_path / "lists" / "partners.txt").write_text(f"{B}\n")
    assert edgecors("export", str(tmp_path)).status == 2
    assert edgecors("export", str(tmp_path), "--yes").status == 0
    assert (tmp_path / "lists" / "partners.txt").read_text() == f"{B}\n{C}\n"
    bundle = edgecors("export", "-").out
    assert edgecors("plan", "-", stdin=bundle).status == 0
    assert json.loads(bundle)["sites"]["plain"] == [A, B]
    assert edgecors("export", str(tmp_path / "sites" / "shop.json")).status == 2


def test_schema_is_printed_and_written_beside_policies(edgecors: Command, tmp_path: Path) -> None:
    schema = edgecors("schema").data
    assert schema["$id"].startswith("urn:")
    assert edgecors("schema", str(tmp_path)).status == 0
    assert json.loads((tmp_path / "policy.schema.json").read_text()) == schema
    assert edgecors("schema", str(tmp_path / "policy.schema.json" / "x")).status == 2


def test_an_alias_is_set_shown_used_and_removed(edgecors: Command) -> None:
    edgecors.put("sites/shop", A)
    assert edgecors("alias", "set", "E1", "shpo").status == 1
    assert edgecors("alias", "set", "E1", "shop").status == 0
    assert edgecors.value("aliases/E1") == "shop"
    assert edgecors.json("alias", "set", "E1", "shop")["written"] is False
    assert edgecors.json("alias", "list") == [{"alias": "E1", "site": "shop", "exists": True}]
    assert edgecors.json("sites")[0]["aliases"] == ["E1"]
    assert "E1" in edgecors("sites").out
    explained = edgecors.json("explain", "E1", "--origin", A)
    assert explained["verdict"]["without_credentials"]["ok"] is True
    assert "uses the policy of shop" in explained["notes"][0]
    assert "uses the policy of shop" in edgecors("show", "E1").out
    edgecors.put("sites/blog", B)
    assert edgecors("alias", "set", "E1", "blog").status == 2
    assert edgecors("alias", "set", "E1", "blog", "--yes").status == 0
    edgecors("delete", "blog", "--yes")
    assert edgecors("alias", "list").status == 1
    assert "missing: " in edgecors("sites").out
    assert edgecors("alias", "remove", "E1", "--yes").status == 0
    assert edgecors.json("alias", "list") == []
    assert edgecors("alias", "set", "shop", "shop").status == 1


def test_allow_and_revoke_in_a_grant(edgecors: Command) -> None:
    text = grants(
        {"allow_origins": [A], "allow_credentials": True},
        {"allow_origins": [B], "allow_methods": ["GET"]},
        {"allow_origins": "*"},
    )
    edgecors.put("sites/shop", text)
    unclear = edgecors("allow", "shop", C)
    assert unclear.status == 2
    assert "--grant N" in unclear.err
    assert edgecors("allow", "shop", C, "--grant", "3").status == 2
    assert "everyone is allowed already" in edgecors("allow", "shop", C, "--grant", "2").out
    assert edgecors("allow", "shop", C, "--grant", "1").status == 0

    def origins() -> list[Any]:
        return [grant["allow_origins"] for grant in json.loads(edgecors.value("sites/shop"))["rules"][0]["grants"]]

    assert origins() == [[A], [B, C], "*"]
    assert edgecors.json("revoke", "shop", A, "--yes")["others"][0]["why"] == "still allowed, because everyone is"
    assert origins() == [[], [B, C], "*"]


def test_allow_in_a_rule_with_one_list_and_a_star_takes_the_list(edgecors: Command) -> None:
    edgecors.put("sites/shop", grants({"allow_origins": [A], "allow_credentials": True}, {"allow_origins": "*"}))
    assert edgecors("allow", "shop", B).status == 0
    assert json.loads(edgecors.value("sites/shop"))["rules"][0]["grants"][0]["allow_origins"] == [A, B]


@pytest.mark.parametrize(
    ("before", "after", "gained", "lost", "changed"),
    [
        # An origin moves from the grant for everyone to one of its own.
        (
            [{"allow_origins": "*", "allow_methods": ["GET"]}],
            [{"allow_origins": [A], "allow_credentials": True}, {"allow_origins": "*", "allow_methods": ["GET"]}],
            [],
            [],
            [
                f"/*, for {A}: allow_methods GET, HEAD -> GET, HEAD, POST, PUT, PATCH, DELETE",
                f"/*, for {A}: allow_credentials off -> on",
            ],
        ),
        # The order of grants decides.
        (
            [{"allow_origins": [A], "max_age": 5}, {"allow_origins": [A, B], "max_age": 6}],
            [{"allow_origins": [A, B], "max_age": 6}, {"allow_origins": [A], "max_age": 5}],
            [],
            [],
            [f"/*, for {A}: max_age 5 -> 6"],
        ),
        (
            [{"allow_origins": [A]}, {"allow_origins": [B]}],
            [{"allow_origins": [A]}, {"allow_origins": "*"}],
            ["everyone"],
            [],
            [],
        ),
        ([{"allow_origins": [A]}, {"allow_origins": [B]}], [{"allow_origins": [A]}], [], [B], []),
    ],
)
def test_access_is_compared_grant_by_grant(
    before: list[dict[str, Any]], after: list[dict[str, Any]], gained: list[str], lost: list[str], changed: list[str]
) -> None:
    difference = compare(grants(*before), grants(*after))
    assert [who for who, _ in difference.gained] == gained
    assert [who for who, _ in difference.lost] == lost
    assert list(difference.changed) == changed
