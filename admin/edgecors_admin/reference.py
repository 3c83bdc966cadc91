"""The generated parts of docs/policy.md: a heading per field, and the finding codes."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any

from edgecors.fields import GRANT_FIELDS, RULE_FIELDS, SITE_FIELDS, Boolean, Field, Objects

from edgecors_admin.schema import policy_schema

FIELDS = (*SITE_FIELDS, *RULE_FIELDS, *GRANT_FIELDS)
PROHIBITED: Mapping[str, tuple[tuple[Any, str], ...]] = {
    "version": ((2, "unknown-version"), ("1", "unknown-version")),
    "mode": (("dry-run", "unknown-value"),),
    "refresh_seconds": ((1, "out-of-range"), ("60", "wrong-type")),
    "rules": (([], "empty"),),
    "hosts": ((["https://api.example.com"], "bad-glob"), ([], "empty")),
    "paths": ((["/a/../b"], "bad-glob"), (["/a%2Fb"], "bad-glob")),
    "grants": (([{"allow_origins": "*"}, {"allow_origins": ["https://app.example.com"]}], "wildcard-not-last"),),
    "on_refused": (("drop", "unknown-value"),),
    "resource_policy": (("none", "unknown-value"),),
    "tolerate": ((["wildcard-with-credentials"], "unknown-value"),),
    "allow_origins": (
        (["app.example.com"], "origin-no-scheme"),
        (["https://app.example.com/shop"], "origin-has-path"),
        (["https://app.*.example.com"], "origin-bad-wildcard"),
        (["*", "https://app.example.com"], "wildcard-not-alone"),
    ),
    "allow_methods": ((["TRACE"], "forbidden-method"), ("GET", "wrong-type")),
    "allow_headers": ((["x request"], "not-a-token"),),
    "expose_headers": ((["x-request-id:"], "not-a-token"),),
    "max_age": ((100000, "out-of-range"), (-1, "out-of-range")),
    **{field.name: (("true", "wrong-type"),) for field in FIELDS if isinstance(field.reader, Boolean)},
}
"""Values that a field does not take, each with the code of its error."""

BEGIN = "<!-- generated: {name} -->"
END = "<!-- end of {name} -->"


def update(text: str, sections: Mapping[str, str]) -> str:
    """The page with its generated sections replaced.

    Raises:
        ValueError: the page does not have the marks of a section.
    """
    for name, section in sections.items():
        begin, end = BEGIN.format(name=name), END.format(name=name)
        head, found_begin, rest = text.partition(begin)
        _, found_end, tail = rest.partition(end)
        if not found_begin or not found_end:
            raise ValueError(f"the page has no section between {begin} and {end}")
        text = f"{head}{begin}\n\n{section}\n{end}{tail}"
    return text


def field_sections() -> dict[str, str]:
    """The sections about fields, by name."""
    schema = policy_schema()
    return {
        "site fields": _fields(SITE_FIELDS, schema),
        "rule fields": _fields(RULE_FIELDS, schema["$defs"]["rule"]),
        "grant fields": _fields(GRANT_FIELDS, schema["$defs"]["grant"]),
    }


def reasons_section(reasons: Mapping[str, str]) -> str:
    """A table of the reasons of decisions."""
    rows = [f"| `{reason}` | {meaning} |" for reason, meaning in reasons.items()]
    return "\n".join(["| reason | meaning |", "|---|---|", *rows, ""])


def codes_section(codes: Mapping[str, str]) -> str:
    """A table of finding codes with their meanings."""
    rows = [f"| `{code}` | {meaning} |" for code, meaning in sorted(codes.items())]
    return "\n".join(["| code | meaning |", "|---|---|", *rows, ""])


def _fields(fields: Iterable[Field], schema: Mapping[str, Any]) -> str:
    return "\n".join(_field(field, schema["properties"][field.name]) for field in fields)


def _field(field: Field, schema: Mapping[str, Any]) -> str:
    default = (
        "required" if field.required else f"default {_code(schema['default'])}" if "default" in schema else "optional"
    )
    return "\n".join(
        [
            f"#### `{field.name}`",
            "",
            f"{_values(field, schema)}, {default}. {field.description}",
            "",
            "```js",
            f'"{field.name}": {json.dumps(field.example)}  // permitted',
            *(
                f'"{field.name}": {json.dumps(value)}  // prohibited ({code})'
                for value, code in PROHIBITED.get(field.name, ())
            ),
            "```",
            "",
        ]
    )


def _values(field: Field, schema: Mapping[str, Any]) -> str:
    if isinstance(field.reader, Objects):
        return f"List of {field.name}"
    if "enum" in schema:
        return " or ".join(_code(word) for word in schema["enum"])
    if "const" in schema:
        return f"The number {_code(schema['const'])}"
    if "anyOf" in schema:
        first = schema["anyOf"][0]
        return f"List of strings, or {_code(first['const'])}" if "const" in first else "One code, or a list of codes"
    if schema["type"] == "integer":
        return f"Whole number from {schema['minimum']} to {schema['maximum']}"
    return {"boolean": "`true` or `false`", "string": "String", "array": "List of strings"}[schema["type"]]


def _code(value: object) -> str:
    return f"`{json.dumps(value)}`"
