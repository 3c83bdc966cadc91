"""How large a value is against Parameter Store's limits, and packing one that is too large."""

from __future__ import annotations

import base64
import gzip

from edgecors.packing import PREFIX as GZIP_PREFIX

STANDARD = 4096
"""Bytes of a value in the standard tier."""
ADVANCED = 8192
"""Bytes of a value in the advanced tier, which costs something and can't be taken back for a parameter."""


def size(text: str) -> int:
    """Bytes of a value, as Parameter Store counts them."""
    return len(text.encode())


def pack(text: str) -> str:
    """The text as ``gz:``: base64 of gzip, the same for the same text at any time."""
    return GZIP_PREFIX + base64.b64encode(gzip.compress(text.encode(), 9, mtime=0)).decode()


def fitted(text: str) -> str:
    """The text itself where it fits a parameter, otherwise packed. It may still be too large then: see `size`."""
    return text if size(text) <= ADVANCED else pack(text)
