"""Which entry of an allowlist allows all that another one does."""

from __future__ import annotations

from collections.abc import Iterable

from edgecors.origin import OriginSet, Pattern

_SOME_PORT = "61347"
_SOME_LABEL = "0q0z0j0"
"""Stands for whatever a star may be: only another star can match it."""


class Covering:
    """Finds the entry that covers another one, with the library's own look-up."""

    def __init__(self, patterns: Iterable[Pattern]) -> None:
        wild = [p for p in patterns if p.kind in ("subdomain", "label") or (p.kind == "origin" and p.port == "*")]
        self._all = OriginSet(patterns=wild)
        self._subdomains = OriginSet(patterns=[p for p in wild if p.kind == "subdomain"])
        self._labels: dict[str, list[Pattern]] = {}
        for pattern in wild:
            if pattern.kind == "label":
                self._labels.setdefault(pattern.host.partition(".")[2], []).append(pattern)

    def of(self, pattern: Pattern) -> str | None:
        """The text of another entry that allows all that ``pattern`` does; None when there is none."""
        # An exact port that nobody writes stands for "any port": only an entry with :* can match it.
        port = _SOME_PORT if pattern.port == "*" else pattern.port
        if pattern.kind == "origin":
            found = self._all.match_pattern(pattern.scheme, pattern.host, port)
            return (
                found if found != pattern.text else self._subdomains.match_pattern(pattern.scheme, pattern.host, port)
            )
        if pattern.kind not in ("subdomain", "label"):
            return None
        label, _, base = pattern.host.partition(".")
        if pattern.kind == "label":
            host = f"{label.replace('*', _SOME_LABEL)}.{base}"
            others = [other for other in self._labels.get(base, ()) if other is not pattern]
            found = OriginSet(patterns=others).match_pattern(pattern.scheme, host, port)
            return found or self._subdomains.match_pattern(pattern.scheme, host, port)
        # Another one with the same base can only be the one with any port; otherwise its base is further up.
        any_port = f"{pattern.scheme}://*.{base}:*"
        if pattern.port != "*" and any_port in tuple(self._subdomains):
            return any_port
        return self._subdomains.match_pattern(pattern.scheme, base, port)
