"""Files made from the code are current, and say what the code does."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest
from edgecors.document import PolicyError, load_policy
from edgecors.fields import GRANT_FIELDS, SITE_FIELDS, Field
from edgecors.origin import parse_origin, parse_pattern
from edgecors.paths import readings
from edgecors_admin.codes import LIBRARY_CODES
from edgecors_admin.reference import PROHIBITED
from edgecors_admin.schema import SCHEMA_ID, policy_schema
from hypothesis import given, settings
from jsonschema import Draft202012Validator

from harness.oracle import strategies
from scripts.generate import DOCS, generated
from tests.support.policy_fields import FIELDS

PAGE = (DOCS / "policy.md").read_text(encoding="utf-8")
SCHEMA = policy_schema()
VALIDATOR = Draft202012Validator(SCHEMA)


@pytest.mark.parametrize("path", generated(), ids=lambda path: path.name)
def test_generated_file_is_current(path: Any) -> None:
    assert path.read_text(encoding="utf-8") == generated()[path], "run make generate"


def document_with(field: Field, value: Any) -> dict[str, Any]:
    """A document that is valid but for this field."""
    if field in SITE_FIELDS:
        return {"rules": [{"allow_origins": "*"}], field.name: value}
    rule: dict[str, Any] = {"allow_origins": ["https://app.example.com"], field.name: value}
    if field.name == "grants":
        del rule["allow_origins"]
    return {"rules": [rule]}


def errors_of(document: dict[str, Any]) -> list[str]:
    try:
        load_policy(json.dumps(document))
    except PolicyError as error:
        return [finding.code for finding in error.errors]
    return []


@pytest.mark.parametrize("name", FIELDS)
def test_example_of_a_field_is_permitted(name: str) -> None:
    document = document_with(FIELDS[name], FIELDS[name].example)
    assert errors_of(document) == []
    assert VALIDATOR.is_valid(document)


@pytest.mark.parametrize(
    ("name", "value", "code"), [(name, value, code) for name, cases in PROHIBITED.items() for value, code in cases]
)
def test_prohibited_value_of_a_field_is_refused_with_its_code(name: str, value: Any, code: str) -> None:
    assert code in errors_of(document_with(FIELDS[name], value))


def test_every_field_has_a_prohibited_value_unless_it_is_ignored() -> None:
    assert set(FIELDS) - set(PROHIBITED) == {"$schema"}


@pytest.mark.parametrize("name", FIELDS)
def test_every_field_is_in_the_schema_and_has_a_section_of_the_page(name: str) -> None:
    field = FIELDS[name]
    described = SCHEMA if field in SITE_FIELDS else SCHEMA["$defs"]["grant" if field in GRANT_FIELDS else "rule"]
    assert name in described["properties"]
    assert f"#### `{name}`" in PAGE


def test_schema_is_valid_and_has_a_urn_as_id() -> None:
    Draft202012Validator.check_schema(SCHEMA)
    assert SCHEMA["$id"] == SCHEMA_ID
    assert SCHEMA_ID.startswith("urn:")


@settings(max_examples=150, deadline=None)
@given(strategies.documents())
def test_schema_accepts_every_valid_document(document: dict[str, Any]) -> None:
    assert [error.message for error in VALIDATOR.iter_errors(document)] == []


@pytest.mark.parametrize(
    "rule",
    [
        {},
        {"allow_origins": "https://app.example.com"},
        {"allow_origins": ["app.example.com"]},
        {"allow_origins": ["https://app.example.com/shop"]},
        {"allow_origins": [], "allow_origin": []},
        {"allow_origins": [], "grants": [{"allow_origins": "*"}]},
        {"grants": [{"allow_origins": "*", "paths": ["/"]}]},
        {"grants": [{"allow_origins": "*"}], "max_age": 5},
        {"allow_origins": "*", "max_age": 86401},
        {"allow_origins": "*", "allow_methods": ["G T"]},
        {"allow_origins": "*", "paths": []},
    ],
)
def test_schema_refuses_what_the_parser_refuses(rule: dict[str, Any]) -> None:
    assert not VALIDATOR.is_valid({"rules": [rule]})
    assert errors_of({"rules": [rule]})


def test_library_codes_are_all_in_the_page() -> None:
    assert [code for code in LIBRARY_CODES if f"| `{code}` |" not in PAGE] == []


def test_json_example_of_the_page_is_a_valid_document() -> None:
    (example,) = re.findall(r"```json\n(\{.*?\n\})\n```", PAGE, re.DOTALL)
    assert errors_of(json.loads(example)) == []


def rows(heading: str) -> list[list[list[str]]]:
    """The rows of the first table after a heading, as lists of code spans per cell."""
    section = PAGE.partition(heading)[2]
    table = re.findall(r"^\|.*\|$", section.partition("\n\n|")[2].partition("\n\n")[0], re.MULTILINE)
    return [[re.findall(r"`([^`]+)`", cell) for cell in row.strip("|").split(" | ")] for row in table[1:]]


def test_table_of_origins_is_true() -> None:
    table = rows("## Origins")
    assert len(table) > 8
    for (entry,), allowed, refused in table:
        policy = load_policy(entry)
        origins = policy.rules[0].grants[0].allow_origins
        for origin in allowed:
            assert entry == "*" or (origins is not None and origins.match(origin)), (entry, origin)
        for origin in refused:
            assert origins is not None, entry
            assert origins.match(origin) is None, (entry, origin)
        assert entry in ("*", "null") or parse_pattern(entry)[0] is not None
        assert all(parse_origin(origin) or origin == "null" for origin in allowed)


def test_table_of_globs_is_true() -> None:
    table = rows("## Hosts and paths")
    assert len(table) > 4
    for (glob,), matching, others in table:
        policy = load_policy(json.dumps({"rules": [{"paths": [glob], "allow_origins": "*"}]}))
        paths = policy.rules[0].paths
        assert paths is not None
        for path in matching:
            assert all(paths.match(form) for form in readings(path) or ()), (glob, path)
        for path in others:
            assert not any(paths.match(form) for form in readings(path) or ()), (glob, path)


def test_tests_that_the_security_page_names_exist() -> None:
    names = re.findall(r"`(tests/[\w/]+\.py)(?:::(\w+))?`", (DOCS / "security.md").read_text(encoding="utf-8"))
    assert len(names) > 15
    for path, test in names:
        source = (DOCS.parent / path).read_text(encoding="utf-8")
        assert f"def {test}" in source, (path, test)
