"""edgecors: correct CORS headers from one allowlist, at CloudFront's edge and behind every AWS front."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from .decision import Decision, Request, decide
    from .decorator import cors
    from .document import PolicyError, load_policy
    from .findings import Finding
    from .origin import parse_origin
    from .policy import Policy

__all__ = [
    "Decision",
    "Finding",
    "Policy",
    "PolicyError",
    "Request",
    "cors",
    "decide",
    "load_policy",
    "parse_origin",
]

# Imported on first access: every import slows down cold starts, and an edge function uses none of these names.
_HOMES = {
    "Decision": "decision",
    "Finding": "findings",
    "Policy": "policy",
    "PolicyError": "document",
    "Request": "decision",
    "cors": "decorator",
    "decide": "decision",
    "load_policy": "document",
    "parse_origin": "origin",
}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    value = globals()[name] = getattr(import_module(f".{_HOMES[name]}", __name__), name)
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
