"""What several commands say of a parameter and its policy."""

from __future__ import annotations

from typing import Any

from edgecors.policy import Policy
from edgecors_admin.parameter_store import Stored
from edgecors_admin.size import size


def about(stored: Stored) -> dict[str, Any]:
    """A parameter without its value, ready for JSON."""
    return {
        "parameter": stored.name,
        "version": stored.version,
        "type": stored.type,
        "modified": stored.modified.isoformat() if stored.modified is not None else None,
        "bytes": size(stored.value),
        "packed": stored.packed,
    }


def summary(policy: Policy | None) -> dict[str, Any]:
    """A policy in three numbers; None is a rejected one."""
    if policy is None:
        return {"mode": "rejected", "rules": 0, "entries": 0}
    entries = sum(len(grant.allow_origins or ()) for rule in policy.rules for grant in rule.grants)
    return {"mode": policy.mode, "rules": len(policy.rules), "entries": entries}


def size_text(row: dict[str, Any]) -> str:
    """The size of a parameter for people."""
    return f"{row['bytes']} bytes" + (" (gz)" if row["packed"] else "")
