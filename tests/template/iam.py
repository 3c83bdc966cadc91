"""Whether a role's statements allow a call: the part of IAM's evaluation that this template's policies use.

https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_evaluation-logic.html
Without a matching Allow a call is denied. What is not implemented (NotAction, Deny, other condition operators) raises
ValueError.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

FIELDS = {"Sid", "Effect", "Action", "Resource", "Condition"}


def matches(pattern: str, text: str) -> bool:
    """IAM's wildcards: ``*`` any run of characters, ``?`` one."""
    expression = "".join(".*" if c == "*" else "." if c == "?" else re.escape(c) for c in pattern)
    return re.fullmatch(expression, text, re.DOTALL) is not None


def allows(statements: list[Mapping[str, Any]], action: str, resource: str, context: Mapping[str, str]) -> bool:
    """Whether any statement allows the action on the resource. Raises ValueError for what is not implemented."""
    return any(_applies(statement, action, resource, context) for statement in statements)


def _applies(statement: Mapping[str, Any], action: str, resource: str, context: Mapping[str, str]) -> bool:
    if statement.keys() - FIELDS or statement["Effect"] != "Allow":
        raise ValueError(f"not implemented: {statement}")
    return (
        any(matches(pattern.lower(), action.lower()) for pattern in _list(statement["Action"]))
        and any(matches(str(pattern), resource) for pattern in _list(statement["Resource"]))
        and all(_holds(operator, keys, context) for operator, keys in statement.get("Condition", {}).items())
    )


def _holds(operator: str, keys: Mapping[str, Any], context: Mapping[str, str]) -> bool:
    if operator not in ("StringEquals", "StringLike"):
        raise ValueError(f"not implemented: {operator}")
    values_by_key = {key.lower(): value for key, value in context.items()}
    return all(
        key.lower() in values_by_key
        and any(
            wanted == values_by_key[key.lower()]
            if operator == "StringEquals"
            else matches(wanted, values_by_key[key.lower()])
            for wanted in map(str, _list(values))
        )
        for key, values in keys.items()
    )


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]
