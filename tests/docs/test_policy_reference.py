"""docs/policy.md against the code: every table of fields, codes and reasons is complete, and every example is run."""

from __future__ import annotations

import ast
import json
import re
from pathlib import Path
from typing import Any

import edgecors as library
import edgecors_admin
import pytest
from edgecors.allowlist import read_list
from edgecors.decision import (
    MAX_REQUEST_HEADERS_EMPTY,
    MAX_REQUEST_HEADERS_LENGTH,
    MAX_REQUEST_HEADERS_NAMES,
    REASONS,
    Decision,
    Request,
    decide,
    find_rule,
)
from edgecors.document import PolicyError, load_policy
from edgecors.fetch import SAFELISTED_REQUEST_HEADERS
from edgecors.findings import ERROR, NOTE, REPAIRED, SKIPPED, WARNING, Finding
from edgecors.origin import MAX_ORIGIN_LENGTH, parse_pattern
from edgecors.store import JITTER
from edgecors_admin.codes import CODES, LINTER_CODES
from edgecors_admin.size import ADVANCED, STANDARD

from tests.docs.markdown import blocks, by_first, only_span, read, section, spans, table

TEXT = read("policy.md")
SCHEMA = json.loads((Path(library.__file__).parent / "policy.schema.json").read_text(encoding="utf-8"))
RULE = SCHEMA["$defs"]["rule"]
EXAMPLE = blocks(TEXT, "json")[0]


def about(title: str) -> str:
    return section(TEXT, title)


# ------------------------------------------------------------------------------------------------------------ fields


def value_of(schema: dict[str, Any]) -> str:
    """The words of the value column for a field of the schema."""
    if "const" in schema:
        return f"`{json.dumps(schema['const'])}`"
    if "enum" in schema:
        return ", ".join(f"`{value}`" for value in schema["enum"])
    if schema.get("type") == "integer":
        return f"integer, {schema['minimum']} to {schema['maximum']}"
    if schema.get("type") == "array":
        kind = "rules" if schema["items"].get("$ref") == "#/$defs/rule" else "strings"
        return f"list of {kind}" + (", not empty" if schema.get("minItems") else "")
    if "anyOf" in schema:
        if schema["anyOf"][0] == {"const": "*"}:
            return 'list of strings, or `"*"`'
        (name,) = {one.get("$ref") or one["items"]["$ref"] for one in schema["anyOf"]}
        return f"{value_of(SCHEMA['$defs'][name.rpartition('/')[2]])}; one, or a list"
    return str(schema["type"])


def default_of(name: str, schema: dict[str, Any], required: list[str]) -> str:
    """The words of the default column."""
    if name in required:
        return "required"
    return f"`{json.dumps(schema['default'])}`" if "default" in schema else "none"


@pytest.mark.parametrize(
    ("title", "schema"), [("Fields of the document", SCHEMA), ("Fields of a rule", RULE)], ids=["document", "rule"]
)
def test_fields(title: str, schema: dict[str, Any]) -> None:
    found = by_first(about(title))
    assert list(found) == list(schema["properties"])
    for name, field in schema["properties"].items():
        value, default, meaning = found[name]
        assert (value, default) == (value_of(field), default_of(name, field, schema["required"])), name
        assert meaning


def test_safelisted_headers_are_named() -> None:
    assert set(SAFELISTED_REQUEST_HEADERS) <= set(spans(by_first(about("Fields of a rule"))["allow_headers"][2]))


def test_numbers_in_the_text() -> None:
    assert f"{STANDARD} bytes in the standard tier and {ADVANCED} in the advanced" in TEXT
    gets = " ".join(about("What each request gets").split())
    assert f"up to {MAX_REQUEST_HEADERS_EMPTY} empty elements" in gets
    assert f"{MAX_REQUEST_HEADERS_LENGTH} characters or {MAX_REQUEST_HEADERS_NAMES} names" in gets
    assert JITTER == 0.25
    assert "up to a quarter of it early" in TEXT


def test_json_examples_are_policies() -> None:
    found = blocks(TEXT, "json")
    assert found
    for example in found:
        policy = load_policy(example, {"partners": ""})
        assert policy.findings == ()


def test_the_plain_list_is_one() -> None:
    plain = blocks(about("Plain list"), "text")[0]
    policy = load_policy(plain, {"partners": "https://partner.example"})
    assert policy.findings == ()
    assert list(policy.rules[0].origins or ()) == [
        "https://app.example.com",
        "https://partner.example",
        "https://*.example.com",
    ]


# ----------------------------------------------------------------------------------------------------------- origins


def decision_for(entry: str, origin: str | None) -> Decision:
    policy = load_policy(json.dumps({"rules": [{"allow_origins": [entry]}]}))
    return decide(policy, Request("GET", "/", origin=origin))


@pytest.mark.parametrize("row", table(about("Origins")), ids=lambda row: row[0])
def test_origins(row: list[str]) -> None:
    entry, allowed, refused = only_span(row[0]), spans(row[1]), spans(row[2])
    assert allowed
    assert refused or entry == "*"
    for origin in allowed:
        decision = decision_for(entry, None if origin == "no origin at all" else origin)
        assert dict(decision.headers)["Access-Control-Allow-Origin"] == ("*" if entry == "*" else origin)
    for origin in refused:
        assert decision_for(entry, origin).headers == (), origin
        assert decision_for(entry, origin).reason in ("origin-not-allowed", "origin-malformed")


def test_repairs() -> None:
    rows = table(about("Repairs"))
    assert {only_span(row[2]) for row in rows} == {code for code in CODES if code.startswith("repaired-")}
    for written, compared, code in rows:
        pattern, findings = parse_pattern(json.loads(only_span(written)))
        assert pattern is not None
        assert pattern.text == json.loads(only_span(compared))
        assert [(f.severity, f.code) for f in findings] == [(REPAIRED, only_span(code))]


@pytest.mark.parametrize("row", table(about("Hosts and paths")), ids=lambda row: row[0])
def test_paths(row: list[str]) -> None:
    policy = load_policy(json.dumps({"rules": [{"paths": [only_span(row[0])], "allow_origins": "*"}]}))
    assert spans(row[1])
    assert spans(row[2])
    for path in spans(row[1]):
        assert find_rule(policy, Request("GET", path)) is not None, path
    for path in spans(row[2]):
        assert find_rule(policy, Request("GET", path)) is None, path


# ----------------------------------------------------------------------------------------------------------- answers

_REQUEST = re.compile(r"`(\w+) (\S+)`(?: from `(\S+)`)?(?: for `(\w+)`)?")


@pytest.mark.parametrize(
    "row", table(about("What each request gets").partition("With the document above")[2]), ids=lambda row: row[0]
)
def test_answers(row: list[str]) -> None:
    words = _REQUEST.fullmatch(row[0])
    assert words
    method, path, origin, asked = words.groups()
    decision = decide(
        load_policy(EXAMPLE, {"partners": ""}), Request(method, path, origin=origin, request_method=asked)
    )
    headers = dict(decision.headers)
    assert decision.reason == only_span(row[1])
    assert (str(decision.status) if decision.status else "passed on") == row[2]
    assert headers.get("Access-Control-Allow-Origin") == (only_span(row[3]) if row[3] else None)


def test_every_kind_of_answer_is_described() -> None:
    said = " ".join(row[1] for row in table(about("What each request gets")))
    origin, evil = "https://app.example.com", "https://evil.example"
    rule = {"allow_origins": [origin], "on_refused": "block", "debug": True, "timing_allow_origin": True}
    rule |= {"resource_policy": "same-site", "allow_private_network": True, "expose_headers": ["x-a"]}
    policy = load_policy(json.dumps({"rules": [rule | {"allow_credentials": True}]}))
    for held in (policy, None):
        for sent in (origin, evil):
            for method in ("GET", None):
                request = Request("OPTIONS", "/", "x.example", "https", sent, method, None, "true")
                decision = decide(held, request)
                if decision.status:
                    assert str(decision.status) in said
                for name, _ in decision.headers:
                    assert name.removeprefix("Access-Control") in said or name == "Content-Type", name


# ------------------------------------------------------------------------------------------------- reasons and codes


def test_reasons() -> None:
    assert {name: cells[0] for name, cells in by_first(about("Reasons")).items()} == REASONS


def test_severities() -> None:
    assert list(by_first(about("Findings"))) == [ERROR, SKIPPED, REPAIRED, WARNING, NOTE]


TABLES = {
    "Entries that can't be read": 0,
    "Documents that can't be read": 0,
    "Safety errors": 0,
    "Values and lists that can't be used": 1,
}
"""The tables of the library's codes, and which of their cells behind the code is the meaning."""


def test_the_library_s_codes_are_complete_and_mean_the_same() -> None:
    found: dict[str, str] = {}
    for title, cell in TABLES.items():
        for code, cells in by_first(about(title)).items():
            assert code not in found
            found[code] = cells[cell]
    repairs = {code: CODES[code] for code in map(only_span, (row[2] for row in table(about("Repairs"))))}
    assert found | repairs == dict(CODES)


def test_the_linter_s_codes_are_complete_and_mean_the_same() -> None:
    found = by_first(about("Found by the linter alone"))
    assert {code: cells[1] for code, cells in found.items()} == dict(LINTER_CODES)
    severities: dict[str, set[str]] = {code: set() for code in found}
    for source in Path(edgecors_admin.__file__).parents[2].glob("*/edgecors_*/**/*.py"):
        for node in ast.walk(ast.parse(source.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "Finding":
                severity, code = node.args[:2]
                if isinstance(code, ast.Constant) and code.value in severities:
                    names = {one.id.lower() for one in ast.walk(severity) if isinstance(one, ast.Name)}
                    severities[str(code.value)] |= names - {"credentials"}
    assert {code: set(spans(cells[0])) for code, cells in found.items()} == severities


def findings_of(text: str) -> tuple[Finding, ...]:
    try:
        return load_policy(text).findings
    except PolicyError as error:
        return error.findings


@pytest.mark.parametrize("row", table(about("Entries that can't be read")), ids=lambda row: row[0])
def test_entries_that_can_not_be_read(row: list[str]) -> None:
    code, entries = only_span(row[0]), spans(row[2])
    if code == "origin-too-long":
        assert str(MAX_ORIGIN_LENGTH) in row[2]
        entries = ["https://" + "a" * MAX_ORIGIN_LENGTH]
    assert entries
    document = json.dumps({"rules": [{"allow_origins": entries}]})
    assert {(f.severity, f.code) for f in findings_of(document)} == {(ERROR, code)}
    assert (SKIPPED, code) in {(f.severity, f.code) for f in findings_of(" ".join(entries))}
    if code not in ("bad-list-name", "wildcard-not-alone"):
        found: list[Finding] = []
        read_list("team", " ".join(entries), found)
        assert [(f.severity, f.code) for f in found] == [(SKIPPED, code)]


def document_of(example: str) -> str:
    """A whole document, or a part of a rule with what it lacks."""
    if example.startswith("{"):
        return example
    origins = "" if '"allow_origins"' in example else '"allow_origins": ["https://app.example.com"], '
    return f'{{"rules": [{{{origins}{example}}}]}}'


@pytest.mark.parametrize(
    "row",
    [row for title in ("Documents that can't be read", "Safety errors") for row in table(about(title))],
    ids=lambda row: row[0],
)
def test_examples_of_errors(row: list[str]) -> None:
    found = {(f.severity, f.code) for f in findings_of(document_of(only_span(row[2])))}
    expected = {(ERROR, only_span(row[0]))}
    if row[0] == "`unknown-field`":
        found.discard((ERROR, "missing-field"))
    assert found == expected


@pytest.mark.parametrize(
    ("code", "text", "lists", "severity"),
    [
        ("list-missing", "@team", {}, SKIPPED),
        ("not-in-a-list", "@team", {"team": "*"}, SKIPPED),
        ("unreadable", "@team", {"team": "gz:?"}, SKIPPED),
        ("unreadable", "gz:?", {}, ERROR),
        (
            "insecure-origin",
            '{"rules": [{"allow_origins": ["@team"], "allow_credentials": true}]}',
            {"team": "http://a.example"},
            SKIPPED,
        ),
    ],
)
def test_lists(code: str, text: str, lists: dict[str, str], severity: str) -> None:
    try:
        found = load_policy(text, lists).findings
    except PolicyError as error:
        found = error.findings
    assert [(f.severity, f.code) for f in found] == [(severity, code)]
    listed = by_first(about("Values and lists that can't be used"))
    assert code not in listed or severity in spans(listed[code][0])
