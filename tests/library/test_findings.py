"""Findings, and the table of their codes."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import edgecors
from edgecors.findings import ERROR, REPAIRED, SKIPPED, WARNING, Finding
from edgecors_admin.codes import CODES

SOURCES = sorted(Path(edgecors.__file__).parent.rglob("*.py"))

# Where the code stands among the arguments of what makes a finding.
MAKERS = {"Finding": 1, "error": 0, "refuse": 0, "repaired": 0, "_skipped": 0}


def emitted(source: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(source.read_text())):
        if isinstance(node, ast.Call):
            name = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
            place = MAKERS.get(name)
            if place is not None and len(node.args) > place and isinstance(node.args[place], ast.Constant):
                yield str(ast.literal_eval(node.args[place]))


def test_every_code_that_the_sources_hold_stands_in_the_table_and_no_other() -> None:
    assert {code for source in SOURCES for code in emitted(source)} == set(CODES)


def test_codes_are_stable_words_with_a_meaning() -> None:
    for code, meaning in CODES.items():
        assert re.fullmatch(r"[a-z]+(-[a-z]+)*", code)
        assert len(meaning) > 10
        assert not meaning.endswith(".")


def test_a_finding_reads_as_a_sentence() -> None:
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
