"""Findings, and the table of their codes."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import edgecors
import pytest
from edgecors.findings import ERROR, MAX_FINDINGS, REPAIRED, SKIPPED, WARNING, Finding, Findings
from edgecors_admin.codes import CODES, LIBRARY_CODES

SOURCES = sorted(Path(edgecors.__file__).parent.rglob("*.py"))

# The position of the code among the arguments of whatever makes a finding.
MAKERS = {"Finding": 1, "add": 1, "report_repair": 0, "_InvalidPatternError": 0}


def emitted(source: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(source.read_text())):
        if isinstance(node, ast.Call):
            name = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
            place = MAKERS.get(name)
            if place is not None and len(node.args) > place and isinstance(node.args[place], ast.Constant):
                yield str(ast.literal_eval(node.args[place]))


def test_registry_has_the_codes_of_the_library_and_no_others() -> None:
    in_registry = set(LIBRARY_CODES)
    assert {code for source in SOURCES for code in emitted(source)} <= in_registry
    text = "".join(source.read_text() for source in SOURCES)
    assert [code for code in in_registry if f'"{code}"' not in text] == []


def test_codes_are_stable_words_with_a_meaning() -> None:
    for code, meaning in CODES.items():
        assert re.fullmatch(r"[a-z]+(-[a-z]+)*", code)
        assert len(meaning) > 10
        assert not meaning.endswith(".")


def test_str_of_a_finding_has_location_message_code_and_remedy() -> None:
    finding = Finding(ERROR, "bad-thing", "rules[1].paths[0]", "'x' is bad", "Write y.")
    assert str(finding) == "rules[1].paths[0]: 'x' is bad (bad-thing). Write y."
    assert str(Finding(ERROR, "bad-thing", "", "it is bad")) == "document: it is bad (bad-thing)."


def test_a_finding_as_json_has_all_five_in_a_fixed_order() -> None:
    finding = Finding(SKIPPED, "code", "location", "message", "remedy")
    assert list(finding.as_dict().items()) == [
        ("severity", "skipped"),
        ("code", "code"),
        ("location", "location"),
        ("message", "message"),
        ("remedy", "remedy"),
    ]


def test_findings_are_values() -> None:
    one, same = Finding(REPAIRED, "a", "b", "c", "d"), Finding(REPAIRED, "a", "b", "c", "d")
    assert one == same
    assert hash(one) == hash(same)
    assert eval(repr(one), {"Finding": Finding}) == one
    for number in range(5):
        parts = ["repaired", "a", "b", "c", "d"]
        parts[number] = "other"
        assert Finding(*parts) != one
    assert one != ("repaired", "a", "b", "c", "d")


def test_the_severities_are_four_words() -> None:
    assert len({ERROR, SKIPPED, REPAIRED, WARNING}) == 4


def test_findings_beyond_a_hundred_of_one_severity_are_counted() -> None:
    findings = Findings()
    for number in range(MAX_FINDINGS + 3):
        findings.add(SKIPPED, "code", str(number), "message")
    findings.add(ERROR, "code", "", "message")
    assert findings.has_errors
    listed = list(findings)
    assert len(listed) == MAX_FINDINGS + 2
    assert (listed[-1].severity, listed[-1].code) == (SKIPPED, "more-findings")
    assert listed[-1].message == "3 more findings of severity 'skipped' are not listed"


def test_findings_extended_by_others_keep_the_counts() -> None:
    one, other = Findings(), Findings()
    for findings in (one, other):
        for number in range(MAX_FINDINGS + 3):
            findings.add(SKIPPED, "code", str(number), "message")
    one.extend(other)
    assert list(one)[-1].message == f"{MAX_FINDINGS + 6} more findings of severity 'skipped' are not listed"


def test_remedy_is_optional() -> None:
    findings = Findings()
    findings.add(WARNING, "x", "here", "something")
    assert [str(finding) for finding in findings] == ["here: something (x)."]


@pytest.mark.parametrize(
    ("first", "second", "more"), [(100, 0, 0), (50, 50, 0), (50, 51, 1), (0, 101, 1), (150, 0, 50), (150, 100, 150)]
)
def test_findings_beyond_a_hundred_are_counted_over_several_collectors(first: int, second: int, more: int) -> None:
    findings, others = Findings(), Findings()
    for collector, count in ((others, first), (findings, second)):
        for number in range(count):
            collector.add(WARNING, "x", str(number), "something")
    findings.extend(others)
    texts = [f"{more} more findings of severity 'warning' are not listed"] if more else []
    assert [finding.message for finding in findings if finding.code == "more-findings"] == texts
    assert sum(finding.code == "x" for finding in findings) == min(100, first + second)
