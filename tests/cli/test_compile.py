"""``edgecors compile``: the content of a KeyValueStore."""

import json
from pathlib import Path

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
