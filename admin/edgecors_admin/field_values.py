"""The fields of a compiled rule or grant in the form of a policy document, by the library's field table."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from edgecors.fields import Boolean, Choice, Field, GlobList, HeaderNames, Methods, Seconds, Tolerate
from edgecors.policy import Grant, Rule

from edgecors_admin.globs import texts


def field_value(owner: Rule | Grant, field: Field) -> Any:
    """The value of a field, JSON-ready; None for a word that is not set.

    Origins and grants have no such form: an entry may come from a list, and a grant has fields of its own.
    """
    value = getattr(owner, field.name)
    match field.reader:
        case Boolean() | Seconds():
            return value
        case Choice():
            return value or None
        case Tolerate():
            return list(value)
        case GlobList(kind=kind):
            return list(texts(value, "/*" if kind == "paths" else "*"))
        case Methods() | HeaderNames():
            return "*" if value in (None, "*") else _names(getattr(owner, f"{field.name}_value", value))
    raise TypeError(f"{type(field.reader).__name__} has no value of its own")


def set_fields(values: dict[str, Any], fields: Iterable[Field]) -> dict[str, Any]:
    """The fields of which the value, as `field_value` has it, is not the default."""
    return {field.name: values[field.name] for field in fields if (values[field.name] or None) != _default(field)}


def _default(field: Field) -> Any:
    """A field's default in the form of `field_value`; None for false, for nothing and for no word."""
    default = field.default or None
    return list(default) if isinstance(default, tuple) else default


def _names(value: str) -> list[str]:
    """A header's value as a list."""
    return [name for name in value.split(", ") if name]
