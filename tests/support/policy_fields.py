"""For each field of the field table: a policy document without it, and the same with its example."""

from __future__ import annotations

import json
from typing import Any

from edgecors.fields import GRANT_FIELDS, RULE_FIELDS, SITE_FIELDS, Field

FIELDS = {field.name: field for field in (*SITE_FIELDS, *RULE_FIELDS, *GRANT_FIELDS)}
WITHOUT_EFFECT = ("$schema", "version")
"""`$schema` is for editors, and there is one version."""
EFFECTIVE = tuple(name for name in FIELDS if name not in WITHOUT_EFFECT)
LISTS: dict[str, str | None] = {"partners": "https://partner.example.net"}
"""The lists that the examples name."""


def documents(field: Field) -> tuple[str, str]:
    """A document without the field (or with another value, where it is required), and the same with its example."""
    rule: dict[str, Any] = {"allow_origins": ["https://www.example.com"]}
    plain: dict[str, Any] = {"version": 1, "rules": [rule]}
    if field in SITE_FIELDS:
        return json.dumps(plain), json.dumps({**plain, field.name: field.example})
    changed = {**rule, field.name: field.example}
    if field.name == "grants":
        del changed["allow_origins"]
    return json.dumps(plain), json.dumps({**plain, "rules": [changed]})
