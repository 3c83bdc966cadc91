"""``edgecors compile``: the content of a KeyValueStore."""

import json
from pathlib import Path

import pytest
from edgecors_admin.function_check import CheckResult
from edgecors_cli.commands import functions

from tests.cli.conftest import Command


def test_compile_file_as_json_is_one_object_of_strings(edgecors: Command, tmp_path: Path) -> None:
    file = tmp_path / "policy.json"
    file.write_text('{"rules": [{"allow_origins": ["https://app.example.com"]}]}', "utf-8")
    content = edgecors.json("compile", str(file), "--id", "E123")
    assert set(content) == {"E123/0", "E123/1"}
    assert all(isinstance(value, str) for value in content.values())


def test_compile_site_has_the_entries_of_its_lists(edgecors: Command) -> None:
    edgecors.put("sites/E123", "@partners")
    edgecors.put("lists/partners", "https://partner.example")
    assert "https://partner.example" in edgecors.json("compile", "E123", "--id", "E123")["E123/0"]


def test_compile_says_how_many_keys_and_reads(edgecors: Command, tmp_path: Path) -> None:
    file = tmp_path / "list.txt"
    file.write_text("https://app.example.com  # the app\n", "utf-8")
    assert "2 keys" in edgecors("compile", str(file), "--id", "E123").out


def test_compile_policy_with_errors_reports_them_and_ends_with_1(edgecors: Command, tmp_path: Path) -> None:
    file = tmp_path / "policy.json"
    file.write_text(json.dumps({"rules": [{"allow_origin": "*"}]}), "utf-8")
    ran = edgecors("compile", str(file), "--id", "E123", "--json")
    assert ran.status == 1
    assert ran.out == ""
    assert "unknown-field" in ran.err


def test_compile_file_that_does_not_exist_ends_with_2(edgecors: Command) -> None:
    assert edgecors("compile", "nowhere.json", "--id", "E123").status == 2


def test_functions_check_site_without_policy_ends_with_1(edgecors: Command) -> None:
    ran = edgecors("functions", "check", "E123", "--request", "a", "--response", "b")
    assert ran.status == 1
    assert "E123" in ran.err


@pytest.mark.parametrize("fault", ["", "statusCode is 403, not 204"])
def test_functions_check_ends_with_1_for_a_fault_and_shows_how_to_publish_otherwise(
    edgecors: Command, monkeypatch: pytest.MonkeyPatch, fault: str
) -> None:
    """The check itself is in tests/functions/viewer/test_check.py."""
    edgecors.put("sites/E123", "https://app.example.com")
    result = CheckResult("preflight of null", "viewer-request", fault, 12)
    monkeypatch.setattr(functions, "check_functions", lambda *_: [result])
    monkeypatch.setattr(functions, "publish_commands", lambda *_: ["aws cloudfront publish-function --name a"])
    command = ("functions", "check", "E123", "--request", "a", "--response", "b")
    ran = edgecors(*command)
    assert ran.status == (1 if fault else 0)
    assert ("aws cloudfront publish-function --name a" in ran.out) is (not fault)
    assert "at most 12 % of the allowed compute time" in ran.out
    expected = [{"event": "preflight of null", "function": "viewer-request", "utilization": 12, "fault": fault}]
    assert json.loads(edgecors(*command, "--json").out) == expected
