"""The command as people call it, against a Parameter Store that checks signatures."""

import json
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from edgecors.document import load_policy
from edgecors.packing import unpack
from edgecors_admin.size import ADVANCED
from edgecors_cli.render import console, findings, table

from tests.cli.conftest import Command

A, B, C = "https://a.example.com", "https://b.example.org", "https://c.example.net"


def policy(*rules: dict[str, Any]) -> str:
    return json.dumps({"version": 1, "rules": rules}, indent=2)


def test_from_an_empty_account_to_an_allowed_page(edgecors: Command) -> None:
    assert "No sites in us-east-1" in edgecors("sites").out
    refused = edgecors("explain", "shop", "--origin", A)
    assert refused.status == 1
    assert "edgecors allow shop" in refused.err
    allowed = edgecors("allow", "shop", "A.example.com/checkout")
    assert allowed.status == 0
    assert f"A.example.com/checkout is {A}" in allowed.out
    assert f"+ {A}  may read /*" in allowed.out
    assert "created: /edgecors/sites/shop version 1, StringList" in allowed.out
    assert edgecors.value("sites/shop") == A
    explained = edgecors.json("explain", "shop", "--origin", A, "--method", "PUT", "--headers", "content-type")
    assert explained["verdict"]["without_credentials"]["ok"] is True
    assert explained["verdict"]["with_credentials"]["ok"] is False
    assert edgecors("lint").status == 0


def test_the_session_in_the_readme_is_what_the_command_prints(edgecors: Command) -> None:
    readme = (Path(__file__).parents[2] / "README.md").read_text("utf-8")
    session = readme.partition("```console\n$ edgecors allow ")[2].partition("```")[0]
    arguments, _, output = session.partition("\n")
    assert edgecors("allow", *arguments.split()).out == output


def test_allowing_twice_changes_nothing(edgecors: Command) -> None:
    edgecors("allow", "shop", A)
    again = edgecors.json("allow", "shop", A, "https://A.example.com:443/")
    assert (again["written"], again["allowed"]) == (False, [])
    assert again["others"] == [{"entry": A, "why": "already listed (entries[0])"}]


def test_an_origin_that_a_pattern_allows_is_not_added(edgecors: Command) -> None:
    edgecors.put("sites/shop", "https://*.example.com")
    assert (
        edgecors.json("allow", "shop", A)["others"][0]["why"] == "already allowed by https://*.example.com (entries[0])"
    )


def test_revoking_the_last_origin_leaves_a_value_that_allows_nobody(edgecors: Command) -> None:
    edgecors("allow", "shop", A)
    asked = edgecors("revoke", "shop", A)
    assert asked.status == 2
    assert "--yes" in asked.err
    assert edgecors.value("sites/shop") == A
    assert edgecors("revoke", "shop", A, "--yes").status == 0
    assert edgecors.value("sites/shop") == ","
    rule = load_policy(edgecors.value("sites/shop")).rules[0]
    assert rule.grants[0].allow_origins is not None
    assert list(rule.grants[0].allow_origins) == []
    assert edgecors("allow", "shop", B).status == 0
    assert edgecors.value("sites/shop") == B


def test_revoking_what_is_still_allowed_says_by_what(edgecors: Command) -> None:
    edgecors.put("lists/partners", f"{A},{B}")
    edgecors.put("sites/shop", f"{A},https://*.example.net,@partners,{C}")
    ran = edgecors("revoke", "shop", A, C, "--yes")
    assert ran.status == 1
    assert "still allowed by @partners: edgecors revoke @partners" in ran.out
    assert "still allowed by https://*.example.net" in ran.out
    edgecors.put("sites/shop", f"{A},https://*.example.net,@partners,{C}")
    assert edgecors.json("revoke", "shop", A, C, "--yes")["still_allowed"] == [A, C]
    assert edgecors.value("sites/shop") == "https://*.example.net,@partners"


def test_revoke_of_an_unlisted_origin_says_not_listed(edgecors: Command) -> None:
    assert edgecors("revoke", "shop", A).status == 1
    edgecors("allow", "shop", A)
    ran = edgecors("revoke", "shop", B)
    assert ran.status == 1
    assert "not listed" in ran.out


def test_type_form_and_layout_are_kept(edgecors: Command) -> None:
    edgecors.put("lists/secret", A, "SecureString")
    edgecors("allow", "@secret", B)
    assert edgecors.about("lists/secret")["Type"] == "SecureString"
    assert edgecors.value("lists/secret") == f"{A},{B}"
    before = policy({"paths": ["/api/*"], "allow_origins": [A], "max_age": 60})
    edgecors.put("sites/shop", before)
    edgecors("allow", "shop", B)
    assert edgecors.about("sites/shop")["Type"] == "String"
    assert edgecors.value("sites/shop") == before.replace(f'"{A}"\n', f'"{A}",\n        "{B}"\n')


def test_descriptions_are_kept(edgecors: Command) -> None:
    edgecors.put("sites/shop", A)
    edgecors.store.client.put_parameter(
        Name="/edgecors/sites/shop", Value=A, Type="String", Description="the shop", Overwrite=True
    )
    edgecors("allow", "shop", B)
    assert edgecors.about("sites/shop")["Description"] == "the shop"


@pytest.mark.parametrize(
    ("count", "tier", "packed"), [(100, "Standard", False), (150, "Advanced", False), (500, "", True)]
)
def test_tier_and_packing(edgecors: Command, count: int, tier: str, packed: bool) -> None:
    origins = [f"https://shop-{number:04d}.example.com" for number in range(count)]
    edgecors.put("lists/shops", ",".join(origins[:50]))
    assert edgecors("allow", "@shops", *origins).status == 0
    value = edgecors.value("lists/shops")
    assert value.startswith("gz:") is packed
    assert len(value) <= ADVANCED
    assert set(origins) <= set(unpack(value).split(","))
    if tier:
        assert edgecors.about("lists/shops")["Tier"] == tier
    # Packed stays packed, and can still be changed.
    assert edgecors("revoke", "@shops", origins[0]).status == 0
    assert edgecors.value("lists/shops").startswith("gz:") is packed
    assert origins[0] not in unpack(edgecors.value("lists/shops"))
    # The advanced tier is never asked back.
    assert edgecors("revoke", "@shops", *origins[1:99]).status == 0
    if tier:
        assert edgecors.about("lists/shops")["Tier"] == tier


def test_allow_with_several_rules_asks_for_a_rule(edgecors: Command) -> None:
    text = policy(
        {"paths": ["/api/*"], "allow_origins": [A]},
        {"paths": ["/img/*"], "allow_origins": [A]},
        {"paths": ["/fonts/*"], "allow_origins": "*"},
    )
    edgecors.put("sites/shop", text)
    open_question = edgecors("allow", "shop", B)
    assert open_question.status == 2
    assert "--rule N" in open_question.err
    assert "0: /api/*; 1: /img/*; 2: /fonts/*" in open_question.err

    def origins() -> list[Any]:
        return [rule["allow_origins"] for rule in json.loads(edgecors.value("sites/shop"))["rules"]]

    assert edgecors("allow", "shop", B, "--path", "/img/x.png").status == 0
    assert origins() == [[A], [A, B], "*"]
    assert edgecors("allow", "shop", C, "--rule", "0").status == 0
    assert origins() == [[A, C], [A, B], "*"]
    assert "everyone is allowed already" in edgecors("allow", "shop", C, "--rule", "2").out
    assert edgecors("allow", "shop", C, "--rule", "3").status == 2
    assert edgecors("allow", "shop", C, "--path", "/other").status == 1
    # Without a rule an entry goes from all of them.
    assert edgecors("revoke", "shop", A).status == 0
    assert origins() == [[C], [B], "*"]


@pytest.mark.parametrize("origin", ["https://*.github.io", "http://plain.example.com", "null"])
def test_what_is_risky_wants_a_yes(edgecors: Command, origin: str) -> None:
    edgecors("allow", "shop", A)
    assert edgecors("allow", "shop", origin).status == 2
    assert edgecors.value("sites/shop") == A
    assert edgecors("allow", "shop", origin, "--yes").status == 0


def test_what_is_an_error_is_not_written_even_with_a_yes(edgecors: Command) -> None:
    edgecors.put("sites/shop", policy({"allow_origins": [A, "@partners"], "allow_credentials": True}))
    edgecors.put("lists/partners", B)
    for target in ("shop", "@partners"):
        ran = edgecors("allow", target, "https://*.github.io", "--yes")
        assert ran.status == 1
        assert "public-suffix" in ran.out + ran.err
    assert edgecors.value("lists/partners") == B
    assert "github" not in edgecors.value("sites/shop")


def test_a_dry_run_writes_nothing(edgecors: Command) -> None:
    ran = edgecors("allow", "shop", A, "--dry-run")
    assert ran.status == 0
    assert f"+ {A}  may read /*" in ran.out
    assert edgecors.json("sites") == []


def test_a_rejected_policy_is_not_edited(edgecors: Command) -> None:
    edgecors.put("sites/shop", "{}")
    ran = edgecors("allow", "shop", A)
    assert ran.status == 1
    assert "edgecors rollback" in ran.err


@pytest.mark.parametrize(
    "arguments",
    [
        ("allow", "shop"),
        ("allow", "shop", "https://a b"),
        ("allow", "shop", "*"),
        ("allow", "sh/op", A),
        ("allow", "@list", "@other"),
        ("allow", "@list", A, "--rule", "0"),
        ("explain", "shop"),
        ("lint", "no/such/file.json"),
        ("plan", "no/such/directory"),
        ("denied", "shop", "--since", "yesterday"),
        ("probe", "ftp://a", "--site", "shop"),
        ("probe", "https://a.example.com"),
        ("sites", "--root", "edgecors"),
        ("nonsense",),
    ],
)
def test_wrong_usage_is_status_2(edgecors: Command, arguments: tuple[str, ...]) -> None:
    assert edgecors(*arguments).status == 2


def test_aws_that_refuses_is_status_3(edgecors: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "wrong")
    ran = edgecors("sites")
    assert ran.status == 3
    assert "AWS refused GetParametersByPath" in ran.err
    assert edgecors("sites", "--profile", "nobody").status == 3


def test_the_region_and_the_root_can_be_chosen(edgecors: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    edgecors("allow", "shop", A)
    assert edgecors.json("sites", "--region", "eu-west-1") == []
    assert edgecors.json("sites", "--root", "/other") == []
    monkeypatch.setenv("EDGECORS_ROOT", "/other")
    assert edgecors.json("sites") == []
    monkeypatch.delenv("EDGECORS_ROOT")
    monkeypatch.delenv("AWS_REGION")
    monkeypatch.delenv("AWS_DEFAULT_REGION")
    assert [row["site"] for row in edgecors.json("sites")] == ["shop"]  # us-east-1 is home


def test_showing_what_there_is(edgecors: Command) -> None:
    edgecors.put("lists/partners", f"{B} nonsense")
    edgecors.put("sites/shop", policy({"paths": ["/api/*"], "allow_origins": [A, "@partners", "@gone"]}))
    shown = edgecors.json("show", "shop")
    assert shown["rule_list"][0]["grants"][0]["allow_origins"] == [
        {"entry": A, "location": "rules[0].allow_origins[0]"},
        {"entry": B, "location": "@partners[0]"},
    ]
    assert [f["code"] for f in shown["findings"]] == ["origin-no-scheme", "list-missing"]
    assert (shown["version"], shown["bytes"]) == (1, len(edgecors.value("sites/shop")))
    lists = edgecors.json("lists")
    assert lists["lists"][0]["used_by"] == ["shop"]
    assert lists["missing"] == ["gone"]
    for command in (("show", "shop"), ("sites",), ("lists",)):
        ran = edgecors(*command)
        assert ran.status == 0
        assert "shop" in ran.out
    assert edgecors("show", "other").status == 1


def test_linting(edgecors: Command, tmp_path: Path) -> None:
    assert "nothing to check" in edgecors("lint").out
    edgecors.put("lists/partners", "https://*.github.io")
    edgecors.put("lists/unused", A)
    edgecors.put("sites/shop", policy({"allow_origins": ["@partners"], "allow_credentials": True}))
    edgecors.put("sites/fine", A)
    everything = edgecors.json("lint")
    assert {row["policy"]: [f["code"] for f in row["findings"]] for row in everything} == {
        "fine": [],
        "shop": ["public-suffix"],
        "@partners": ["public-suffix"],
        "@unused": ["not-referenced"],
    }
    assert edgecors("lint").status == 1
    assert edgecors("lint", "fine").status == 0
    assert edgecors("lint", "@partners").status == 1
    assert edgecors("lint", "-", stdin=policy({"allow_origins": [A]})).status == 0
    file = tmp_path / "policy.json"
    file.write_text(policy({"allow_origins": [A], "max_age": -1, "alow_origins": []}))
    ran = edgecors("lint", str(file))
    assert ran.status == 1
    for part in ("out-of-range", "rules[0].max_age", "unknown-field", "allow_origins"):
        assert part in ran.out


def test_history_diff_and_rollback(edgecors: Command) -> None:
    edgecors("allow", "shop", A)
    edgecors("allow", "shop", B)
    # As somebody would in the console.
    edgecors.put("sites/shop", '{"rules": [{"allow_origins": "*", "allow_credentials": true}]}')
    history = edgecors.json("history", "shop")
    assert [(row["version"], row["errors"]) for row in history] == [(3, True), (2, False), (1, False)]
    difference = edgecors.json("diff", "shop", "1", "2")
    assert difference["access"] == {"gained": [{"who": B, "where": "/*"}], "lost": [], "changed": []}
    assert edgecors("rollback", "shop", "2").status == 2
    assert edgecors("rollback", "shop", "2", "--yes").status == 0
    assert edgecors.value("sites/shop") == f"{A},{B}"
    assert edgecors.json("history", "shop")[0]["version"] == 4
    assert "nothing to do" in edgecors("rollback", "shop", "2", "--yes").out
    rejected = edgecors("rollback", "shop", "3", "--yes")
    assert rejected.status == 1
    assert "wildcard-with-credentials" in rejected.out
    assert edgecors("rollback", "shop", "9", "--yes").status == 1
    assert edgecors("history", "other").status == 1
    assert "version 1 to 4" in edgecors("diff", "shop", "1").out


def test_rollback_is_not_stopped_by_an_unsafe_list_that_both_versions_name(edgecors: Command) -> None:
    edgecors.put("lists/partners", "https://*.github.io")
    rule = {"allow_origins": [A, "@partners"], "allow_credentials": True}
    edgecors.put("sites/shop", policy(rule))
    edgecors.put("sites/shop", policy({**rule, "max_age": 5}))
    assert edgecors("rollback", "shop", "1", "--yes").status == 0
    edgecors.put("sites/shop", A)
    assert edgecors("rollback", "shop", "1", "--yes").status == 1


def test_plan_and_apply(edgecors: Command, tmp_path: Path) -> None:
    edgecors.put("sites/shop", A)
    edgecors.put("sites/other", "@partners")
    edgecors.put("lists/partners", B)
    (tmp_path / "sites").mkdir()
    (tmp_path / "lists").mkdir()
    (tmp_path / "sites" / "shop.json").write_text(policy({"allow_origins": [A, "@partners"]}))
    (tmp_path / "lists" / "partners.txt").write_text(f"# friends\n{B}\n{C}  # new\n")
    planned = edgecors.json("plan", str(tmp_path))
    assert planned["changes"] == [{"target": "@partners", "new": False}, {"target": "shop", "new": False}]
    assert planned["access"]["other"]["gained"] == [{"who": C, "where": "/*"}]
    assert {row["who"] for row in planned["access"]["shop"]["gained"]} == {B, C}
    assert planned["only_stored"] == ["other"]
    assert edgecors("plan", str(tmp_path)).status == 4
    assert edgecors("apply", str(tmp_path)).status == 2
    assert edgecors("apply", str(tmp_path), "--yes").status == 0
    assert edgecors.value("lists/partners") == f"{B},{C}"
    assert edgecors("plan", str(tmp_path)).status == 0
    version = edgecors.json("history", "shop")[0]["version"]
    assert edgecors.json("apply", str(tmp_path))["written"] == []
    assert edgecors.json("history", "shop")[0]["version"] == version


def test_nothing_is_applied_when_anything_is_rejected(edgecors: Command, tmp_path: Path) -> None:
    file = tmp_path / "all.yaml"
    file.write_text(
        f"lists:\n  partners: ['https://*.github.io']\n"
        f"sites:\n  shop: ['{A}']\n  api:\n    version: 1\n    rules:\n"
        "      - allow_origins: ['@partners']\n        allow_credentials: true\n"
    )
    ran = edgecors("apply", str(file), "--yes")
    assert ran.status == 1
    assert "Rejected: api" in ran.err
    assert edgecors.json("sites") == []
    assert edgecors.json("lists")["lists"] == []


def test_values_can_do_nothing_to_a_terminal(edgecors: Command) -> None:
    edgecors.put("lists/partners", "https://a.example.com/\x1b[31m[bold]x")
    ran = edgecors("lint", "@partners")
    assert "\x1b" not in ran.out
    assert "[bold]" in ran.out


@pytest.mark.parametrize("width", [80, 120])
def test_nothing_is_cut_off(width: int, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    from edgecors_admin.lint import lint

    monkeypatch.setenv("COLUMNS", str(width))
    problems = lint(policy({"allow_origins": ["https://*.github.io"], "allow_credentials": True, "max_age": 9999}))
    findings(console(), problems)
    table(console(), ("HEADER", "VALUE"), [("Access-Control-Allow-Methods", ", ".join(["METHOD"] * 40))])
    out = capsys.readouterr().out
    assert max(map(len, out.splitlines())) <= width
    assert out.count("METHOD") == 40
    flat = " ".join(out.split())
    for finding in problems:
        assert finding.message in flat
        assert finding.remedy in flat


def test_every_command_speaks_json() -> None:
    from edgecors_cli.app import app
    from typer.main import get_command

    group: Any = get_command(app)
    names = (
        *("sites", "show", "lists", "allow", "revoke", "lint", "plan", "apply"),
        *("explain", "history", "diff", "rollback", "denied", "import", "probe"),
    )
    assert set(names) <= set(group.commands)
    for name in names:
        options = {option for parameter in group.commands[name].params for option in parameter.opts}
        assert {"--json", "--profile", "--region", "--endpoint-url", "--root"} <= options, name


def test_every_group_of_the_help_has_several_commands() -> None:
    from edgecors_cli.app import app
    from typer.main import get_command

    group: Any = get_command(app)
    panels = Counter(command.rich_help_panel for command in group.commands.values())
    assert [panel for panel, count in panels.items() if count == 1] == []
    assert group.commands["lists"].rich_help_panel == group.commands["sites"].rich_help_panel
