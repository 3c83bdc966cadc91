"""`edgecors export`: what it writes is what `plan` reads, for every value that Parameter Store may hold."""

import json
from pathlib import Path

import pytest
from edgecors.document import is_json
from edgecors.packing import unpack
from edgecors_admin.size import pack

from tests.cli.conftest import Command

A, B = "https://a.example.com", "https://b.example.org"
DOCUMENT = json.dumps({"version": 1, "rules": [{"allow_origins": [A, "@partners"]}]})


@pytest.mark.parametrize(
    "value",
    [
        pytest.param(",", id="nobody"),
        pytest.param(A, id="one origin"),
        pytest.param(f"{A} {B}", id="two origins"),
        pytest.param(f" ,{A},\n\t{B},, ", id="odd separators"),
        pytest.param(pack(f"{A},{B}"), id="packed"),
        pytest.param("*", id="everyone"),
        pytest.param(f"@partners,{A}", id="a list's name"),
        pytest.param("https://*.example.com,null", id="patterns"),
        pytest.param(f"localhost:,{A}", id="an entry that looks like a key of YAML"),
        pytest.param(f"-,---,{A}", id="an entry that looks like an item of YAML"),
        pytest.param(f"{A}/#top", id="an entry with a hash"),
        pytest.param("HTTP", id="an entry that is skipped"),
        pytest.param(DOCUMENT, id="document"),
        pytest.param(json.dumps(json.loads(DOCUMENT), indent=4), id="document on several lines"),
        pytest.param(pack(DOCUMENT), id="packed document"),
        pytest.param('{"version": 1, "rules": []}', id="document without rules"),
        pytest.param('{"rules": [{"paths": ["/b\\u00fcro/*"], "allow_origins": "*"}], "version": 1}', id="not ASCII"),
    ],
)
def test_export_then_plan_changes_nothing(edgecors: Command, tmp_path: Path, value: str) -> None:
    edgecors.put("sites/s", value)
    edgecors.put("lists/partners", B if is_json(unpack(value)) or "@partners" in value else value)
    assert edgecors("export", str(tmp_path)).status == 0
    planned = edgecors("plan", str(tmp_path), "--json")
    assert (planned.data["changes"], planned.data["ignored_files"]) == ([], []), planned
    assert planned.status in (0, 1)  # 1: the stored value has errors already
    bundle = edgecors("export", "-").out
    assert json.loads(edgecors("plan", "-", "--json", stdin=bundle).out)["changes"] == []


def test_export_of_a_value_with_nobody_says_so(edgecors: Command, tmp_path: Path) -> None:
    edgecors.put("sites/s", A)
    assert edgecors("revoke", "s", A, "--yes").status == 0
    assert edgecors("export", str(tmp_path)).status == 0
    assert (tmp_path / "sites" / "s.txt").read_text() == "# nobody is allowed\n"
    assert edgecors("plan", str(tmp_path)).status == 0


@pytest.mark.parametrize(
    ("value", "name"),
    [
        pytest.param(f"version: 1\nrules:\n- allow_origins: ['{A}']", "s.yaml", id="YAML"),
        pytest.param('{"version": 1,\n', "s.json", id="half a document"),
        pytest.param(f'["{A}"]', "s.json", id="a JSON list"),
        pytest.param('{"rules": [{"allow_origins": ["https://a\\ud800"]}]}', "s.json", id="half of a surrogate pair"),
    ],
)
def test_export_of_a_rejected_policy_does_not_spoil_the_other_files(
    edgecors: Command, tmp_path: Path, value: str, name: str
) -> None:
    edgecors.put("sites/s", value)
    edgecors.put("sites/other", A)
    assert edgecors("export", str(tmp_path)).status == 0
    assert sorted(file.name for file in (tmp_path / "sites").iterdir()) == ["other.txt", name]
    planned = edgecors("plan", str(tmp_path), "--json")
    assert planned.status in (1, 4)
    assert planned.data["unchanged"][-1:] in (["other"], ["s"])


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("sites/s", f'{{"sites": {{"a": ["{A}"]}}}}', "holds a bundle of sites and lists"),
        ("lists/l", DOCUMENT, "holds a policy"),
        ("sites/.hidden", A, "is not read as a policy"),
        ("sites/x.schema", DOCUMENT, "is not read as a policy"),
    ],
)
def test_export_of_a_value_that_no_file_can_hold_is_reported(
    edgecors: Command, tmp_path: Path, name: str, value: str, message: str
) -> None:
    edgecors.put(name, value)
    edgecors.put("sites/other", A)
    ran = edgecors("export", str(tmp_path))
    assert ran.status == 1
    assert "not exported: " in ran.out
    assert message in ran.out
    assert edgecors("plan", str(tmp_path)).status == 0


def test_export_again_after_a_change_of_form_leaves_one_file(edgecors: Command, tmp_path: Path) -> None:
    edgecors.put("sites/tog", A)
    assert edgecors("export", str(tmp_path)).status == 0
    assert edgecors("mode", "tog", "shadow", "--yes").status == 0
    refused = edgecors("export", str(tmp_path))
    assert refused.status == 2
    assert f"Replace 1 file that says something else ({tmp_path / 'sites' / 'tog.txt'})?" in refused.err
    assert [file.name for file in (tmp_path / "sites").iterdir()] == ["tog.txt"]
    assert edgecors("export", str(tmp_path), "--yes").status == 0
    assert [file.name for file in (tmp_path / "sites").iterdir()] == ["tog.json"]
    assert edgecors("plan", str(tmp_path)).status == 0


def test_export_keeps_a_file_that_says_the_same(edgecors: Command, tmp_path: Path) -> None:
    edgecors.put("sites/tog", f'{{"version": 1, "rules": [{{"allow_origins": ["{A}"]}}]}}')
    edgecors.put("lists/l", f"{A},{B}")
    yaml, plain = tmp_path / "sites" / "tog.yaml", tmp_path / "lists" / "l.txt"
    for file, text in (
        (yaml, f"# ours\nversion: 1\nrules:\n- allow_origins: ['{A}']\n"),
        (plain, f"{B}  # the second\n{A}"),
    ):
        file.parent.mkdir()
        file.write_text(text)
    assert edgecors.json("export", str(tmp_path))["files"] == [str(yaml), str(plain)]
    assert yaml.read_text().startswith("# ours\n")
    assert plain.read_text() == f"{B}  # the second\n{A}"
    assert [file.name for file in (tmp_path / "sites").iterdir()] == ["tog.yaml"]


def test_export_over_two_files_of_one_name_leaves_one(edgecors: Command, tmp_path: Path) -> None:
    edgecors.put("sites/tog", A)
    (tmp_path / "sites").mkdir()
    for name, text in (("tog.txt", B), ("tog.yaml", f"- {A}"), ("tog.json", "{")):
        (tmp_path / "sites" / name).write_text(text)
    assert edgecors("export", str(tmp_path)).status == 2
    assert edgecors("export", str(tmp_path), "--yes").status == 0
    assert [file.name for file in (tmp_path / "sites").iterdir()] == ["tog.yaml"]
