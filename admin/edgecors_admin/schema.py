"""The JSON Schema of a policy document, made from the library's field table.

Editors use it for completion and early errors. It accepts every valid document; what only the parser can see (a wrong
host, duplicate fields, unsafe combinations) is left to ``edgecors lint``.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from edgecors.fields import (
    GRANT_FIELDS,
    RULE_FIELDS,
    SITE_FIELDS,
    Anything,
    Boolean,
    Choice,
    Field,
    GlobList,
    HeaderNames,
    Methods,
    Objects,
    Origins,
    Seconds,
    Tolerate,
    Version,
)

SCHEMA_ID = "urn:edgecors:policy:1"
"""A URN, because the schema is not published under a domain; ``$schema`` in a document may be any string."""

_TOKEN = "^[!#\\x24%&'*+.^_`|~0-9A-Za-z-]+$"
_ENTRY = (
    r"^(?:@[A-Za-z0-9_.-]{1,256}|\s*[Nn][Uu][Ll][Ll]\s*"
    r"|\s*(?![Ff][Ii][Ll][Ee]:)[A-Za-z][A-Za-z0-9+.-]*://[^/?#\\@\s]+/?\s*)$"
)


def policy_schema() -> dict[str, Any]:
    """The schema, JSON-ready (draft 2020-12)."""
    own_grant = [field.name for field in GRANT_FIELDS]
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": SCHEMA_ID,
        "title": "edgecors policy",
        "description": "The policy of one site, as in Parameter Store at /edgecors/sites/<site>.",
        **_object(SITE_FIELDS),
        "$defs": {
            "rule": {
                **_object((*RULE_FIELDS, *GRANT_FIELDS)),
                "required": [],
                "oneOf": [
                    {"required": ["allow_origins"], "properties": {"grants": False}},
                    {"required": ["grants"], "properties": dict.fromkeys(own_grant, False)},
                ],
            },
            "grant": _object(GRANT_FIELDS),
        },
    }


def _object(fields: Iterable[Field]) -> dict[str, Any]:
    fields = tuple(fields)
    return {
        "type": "object",
        "additionalProperties": False,
        "required": [field.name for field in fields if field.required],
        "properties": {field.name: _property(field) for field in fields},
    }


def _property(field: Field) -> dict[str, Any]:
    schema = {"description": field.description, **_type(field)}
    default = _default(field)
    if default is not None:
        schema["default"] = default
    return {**schema, "examples": [field.example]}


def _default(field: Field) -> Any:
    if field.required or field.default in (None, "", ()) or isinstance(field.reader, Objects):
        return None
    return list(field.default) if isinstance(field.default, tuple) else field.default


def _type(field: Field) -> Mapping[str, Any]:
    """The values that a field's reader takes."""
    match field.reader:
        case Anything():
            return {"type": "string"}
        case Version():
            return {"const": field.default}
        case Boolean():
            return {"type": "boolean"}
        case Seconds(lowest=lowest, highest=highest):
            return {"type": "integer", "minimum": lowest, "maximum": highest}
        case Choice(words=words):
            return {"enum": list(words)}
        case Tolerate(words=words):
            return {"anyOf": [{"enum": list(words)}, _list({"enum": list(words)})]}
        case GlobList():
            return {**_list({"type": "string", "minLength": 1}), "minItems": 1}
        case Methods() | HeaderNames():
            return _star_or({"type": "string", "pattern": _TOKEN, "not": {"const": "*"}})
        case Origins():
            return _star_or({"type": "string", "pattern": _ENTRY})
        case Objects(most=most):
            item = {"$ref": f"#/$defs/{field.name.removesuffix('s')}"}
            return {**_list(item), "minItems": 1, "maxItems": most}
    raise TypeError(f"{type(field.reader).__name__} has no schema")


def _list(items: Mapping[str, Any]) -> dict[str, Any]:
    return {"type": "array", "items": items}


def _star_or(items: Mapping[str, Any]) -> dict[str, Any]:
    return {"anyOf": [{"const": "*"}, {"const": ["*"]}, _list(items)]}
