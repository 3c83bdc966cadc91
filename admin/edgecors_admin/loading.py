"""Compiled policies. A command often needs the same text for linting, comparing and showing."""

from __future__ import annotations

from collections.abc import Mapping

from edgecors.allowlist import Allowlist
from edgecors.document import read_document, read_list_or_report
from edgecors.policy import Policy

from edgecors_admin.remembering import remembered


def load(text: str, lists: Mapping[str, str | None] | None = None) -> Policy:
    """As `edgecors.document.load_policy`, with results remembered. Raises `PolicyError`."""
    values = lists or {}
    return remembered(("policy", text, *values.items()), lambda: _load(text, values))


def _load(text: str, values: Mapping[str, str | None]) -> Policy:
    document = read_document(text)
    lists = {name: value for name in document.lists if (value := values.get(name)) is not None}
    return document.compile({name: read_allowlist(name, value) for name, value in lists.items()})


def read_allowlist(name: str, text: str) -> Allowlist:
    """As `edgecors.document.read_list_or_report`, with results remembered."""
    return remembered(("allowlist", name, text), lambda: read_list_or_report(name, text))
