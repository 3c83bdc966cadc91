"""`plan` and `apply`: what counts as a change, and what rejects it."""

import json
from pathlib import Path
from typing import Any

import pytest
from edgecors_admin.plan import same

from tests.cli.conftest import Command

A, B = "https://a.example.com", "https://b.example.org"
INVALID = '{"version": 1, "rules": [{"allow_origins": ["@partners"], "nonsense": 1}]}'


def policy(**fields: Any) -> str:
    return json.dumps({"version": 1, "rules": [{"allow_origins": [A], **fields}]})


def test_a_rejected_site_that_is_not_in_the_files_does_not_block_them(edgecors: Command, tmp_path: Path) -> None:
    edgecors.put("sites/otherteam", INVALID)
    edgecors.put("lists/partners", A)
    (tmp_path / "good.json").write_text(policy())
    planned = edgecors("plan", str(tmp_path / "good.json"), "--site", "good", "--json")
    assert (planned.status, "otherteam" in planned.data["findings"]) == (4, False)
    assert "otherteam" not in planned.data["access"]
    assert edgecors("apply", str(tmp_path / "good.json"), "--site", "good", "--yes").status == 0
    assert edgecors("split", "good", B, "--yes").status == 0


def test_a_list_that_a_rejected_site_names_can_be_changed(edgecors: Command, tmp_path: Path) -> None:
    edgecors.put("sites/otherteam", INVALID)
    edgecors.put("lists/partners", f"{B},{A}")
    file = tmp_path / "all.json"
    file.write_text(json.dumps({"lists": {"partners": [A]}}))
    assert edgecors("plan", str(file)).status == 4
    assert edgecors("apply", str(file), "--yes").status == 0
    assert edgecors.value("lists/partners") == A


@pytest.mark.parametrize(
    ("before", "after", "rejected"),
    [
        pytest.param([A, "https://*.github.io"], ["https://*.github.io"], False, id="error that is there already"),
        pytest.param(["https://*.github.io"], ["https://*.github.io", A], False, id="another origin beside it"),
        pytest.param([A], [A, "https://*.github.io"], True, id="new error"),
        pytest.param(["https://*.github.io"], ["https://*.github.io", "https://*.co.uk"], True, id="second error"),
    ],
)
def test_errors_reject_a_list_only_if_the_change_introduces_them(
    edgecors: Command, tmp_path: Path, before: list[str], after: list[str], rejected: bool
) -> None:
    edgecors.put("sites/shop", '{"version": 1, "rules": [{"allow_origins": ["@l"], "allow_credentials": true}]}')
    edgecors.put("lists/l", ",".join(before))
    file = tmp_path / "all.json"
    file.write_text(json.dumps({"lists": {"l": after}}))
    ran = edgecors("apply", str(file), "--yes")
    assert (ran.status, "Rejected: shop" in ran.err) == ((1, True) if rejected else (0, False))


@pytest.mark.parametrize(
    ("stored", "file"),
    [
        pytest.param(policy(allow_credentials=1), policy(allow_credentials=True), id="1 for true"),
        pytest.param(policy(allow_credentials=0), policy(allow_credentials=False), id="0 for false"),
        pytest.param(policy(max_age=True), policy(max_age=1), id="true for 1"),
        pytest.param(
            f'{{"version": 1, "rules": [], "rules": [{{"allow_origins": ["{A}"]}}]}}', policy(), id="repeated key"
        ),
        pytest.param(f'{policy()[:-2]}, {{"allow_origins": NaN}}]}}', policy(), id="NaN"),
    ],
)
def test_the_repair_of_a_rejected_policy_is_a_change(edgecors: Command, tmp_path: Path, stored: str, file: str) -> None:
    edgecors.put("sites/shop", stored)
    (tmp_path / "shop.json").write_text(file)
    command = (str(tmp_path / "shop.json"), "--site", "shop")
    planned = edgecors("plan", *command)
    assert planned.status == 4
    assert "No changes" not in planned.out
    assert edgecors("apply", *command, "--yes").status == 0
    assert edgecors.value("sites/shop") == file
    assert edgecors("plan", *command).status == 0


def test_a_rejected_policy_that_the_file_has_as_well_is_rejected_and_unchanged(
    edgecors: Command, tmp_path: Path
) -> None:
    edgecors.put("sites/shop", INVALID)
    (tmp_path / "shop.json").write_text(INVALID)
    planned = edgecors("plan", str(tmp_path / "shop.json"), "--site", "shop", "--json")
    assert (planned.status, planned.data["changes"], planned.data["unchanged"]) == (1, [], ["shop"])


@pytest.mark.parametrize(
    ("one", "other", "expected"),
    [
        (policy(max_age=60), policy(max_age=60.0), True),
        (policy(max_age=60), policy(max_age=61), False),
        (policy(max_age=1), policy(max_age=True), False),
        (policy(), json.dumps(json.loads(policy()), indent=4), True),
        (policy(), '{"rules": [{"allow_origins": ["https://a.example.com"]}], "version": 1}', True),
        (policy(debug=True), policy(), False),
        (policy(), policy().replace("]}]", "]}, {}]"), False),
        ('{"a": 1}', '{"a": 1}', True),
        ('{"a": 1}', '{ "a": 1}', False),
        (f"{A},{B}", f"{B} {A}", True),
        (A, f"{A},{B}", False),
        (A, policy(), False),
        ("{" * 100_000, policy(), False),
    ],
)
def test_same(one: str, other: str, expected: bool) -> None:
    assert same(one, other) is expected
    assert same(other, one) is expected
