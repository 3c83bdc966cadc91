"""Every sample gives the document and the findings that ``expected.json`` lists for it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from edgecors.document import load_policy
from edgecors_admin.codes import IMPORT_CODES
from edgecors_admin.errors import UsageError
from edgecors_admin.importing import FORMATS, import_text
from edgecors_admin.lint import has_errors, lint

HERE = Path(__file__).parent
SAMPLES = sorted(path.name for path in (HERE / "samples").iterdir())
EXPECTED: dict[str, Any] = json.loads((HERE / "expected.json").read_text("utf-8"))


def read(name: str) -> str:
    return (HERE / "samples" / name).read_text("utf-8")


def test_expected_lists_every_sample_and_every_format() -> None:
    assert sorted(EXPECTED) == SAMPLES
    assert {expected.get("format") for expected in EXPECTED.values()} >= set(FORMATS)


@pytest.mark.parametrize("name", SAMPLES)
def test_import_text_sample_gives_the_expected_document_and_findings(name: str) -> None:
    expected = EXPECTED[name]
    if "error" in expected:
        with pytest.raises(UsageError) as error:
            import_text(read(name))
        assert str(error.value) == expected["error"]
        return
    imported = import_text(read(name))
    assert imported.format == expected["format"]
    assert imported.document() == expected["document"]
    lines = [f"{finding.severity} {finding.code} {finding.location}".rstrip() for finding in imported.findings]
    assert lines == expected["findings"]


@pytest.mark.parametrize("name", SAMPLES)
def test_import_text_policy_is_accepted_by_library_and_linter(name: str) -> None:
    if "error" in EXPECTED[name]:
        return
    imported = import_text(read(name))
    assert {finding.code for finding in imported.findings} <= {*IMPORT_CODES, "more-findings"}
    for policy in imported.policies.values():
        text = json.dumps(policy)
        assert load_policy(text).rules
        assert not has_errors(lint(text))


@pytest.mark.parametrize("name", SAMPLES)
def test_import_text_policy_that_is_missing_is_explained_by_an_error(name: str) -> None:
    if "error" in EXPECTED[name]:
        return
    imported = import_text(read(name))
    for site in imported.sites:
        if site.policy is None:
            assert has_errors(imported.findings)
