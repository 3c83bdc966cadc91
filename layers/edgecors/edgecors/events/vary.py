"""Merging names into a Vary header: RFC 9110, section 12.5.5."""

from __future__ import annotations

from functools import lru_cache

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence


def merge_vary(values: Sequence[str], names: tuple[str, ...]) -> str | None:
    """One Vary value with all existing values and the names; None when nothing is missing.

    ``*`` already means every header and stays alone.
    """
    if not values:
        return ", ".join(names) or None
    existing = values[0] if len(values) == 1 else ", ".join(value for value in values if value.strip(" \t,"))
    return _merge(existing, names)


# The responses of a site have only a few different values.
@lru_cache(maxsize=64)
def _merge(existing: str, names: tuple[str, ...]) -> str | None:
    present = [name.strip(" \t") for name in existing.lower().split(",")]
    missing = [name for name in names if name.lower() not in present]
    if "*" in present or not missing:
        return None
    if not existing.isprintable():
        # A front answers 502 to a control character in a header that we set. Such a name is not a header's name.
        parts = [part.strip(" \t") for part in existing.split(",")]
        existing = ", ".join(part for part in parts if part.isprintable())
    return ", ".join([existing, *missing]) if existing.strip(" \t,") else ", ".join(missing)
