"""Merging names into a Vary header: RFC 9110, section 12.5.5."""

from __future__ import annotations

from functools import lru_cache

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence


def merge_vary(values: Sequence[str], names: tuple[str, ...]) -> str | None:
    """One Vary value that holds all that the existing values do, and the names; None when nothing is missing.

    ``*`` already varies on everything and stays alone.
    """
    if not values:
        return ", ".join(names) or None
    standing = values[0] if len(values) == 1 else ", ".join(value for value in values if value.strip(" \t,"))
    return _merged(standing, names)


# A site's responses have but a few different values.
@lru_cache(maxsize=64)
def _merged(standing: str, names: tuple[str, ...]) -> str | None:
    present = [name.strip(" \t") for name in standing.lower().split(",")]
    missing = [name for name in names if name.lower() not in present]
    if "*" in present or not missing:
        return None
    if not standing.isprintable():
        # With a control character in it the value would be ours now, and the front answers 502. It names no header.
        parts = [part.strip(" \t") for part in standing.split(",")]
        standing = ", ".join(part for part in parts if part.isprintable())
    return ", ".join([standing, *missing]) if standing.strip(" \t,") else ", ".join(missing)
