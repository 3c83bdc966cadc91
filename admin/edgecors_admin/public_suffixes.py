"""Wildcards over public suffixes: names below which anybody can register one, https://publicsuffix.org.

The data path carries no such list; policies are checked against it where they are written.
"""

from __future__ import annotations

from functools import cache
from importlib import resources

from edgecors.origin import Pattern
from publicsuffixlist import PublicSuffixList

_PRIVATE_USE = frozenset(("localhost", "test", "local", "internal", "example", "invalid", "arpa"))
"""Top-level names that nobody can register below: RFC 6761, RFC 6762, RFC 8375, and ICANN's for private use."""


def registrable_domain(host: str) -> str | None:
    """The part of a host that somebody has registered, such as example.co.uk; None where there is none."""
    domain: str | None = _suffixes().privatesuffix(host)
    return domain


def open_to_registrants(pattern: Pattern) -> str | None:
    """The public suffix that a wildcard's star reaches, so that strangers can get themselves a name that matches.

    ``https://*.co.uk`` and ``https://app-*.vercel.app`` are over one; ``https://*.amazonaws.com`` covers some. None
    for every pattern that only the owner of a domain can fill.
    """
    if pattern.kind not in ("subdomain", "label"):
        return None
    label, _, base = pattern.host.removesuffix(".").partition(".")
    if base.rpartition(".")[2] in _PRIVATE_USE:
        return None
    # The star stands in the registrable label (or in a suffix itself) exactly when nothing shorter is registrable.
    host = f"{label.replace('*', 'x')}.{base}"
    registrable: str | None = _suffixes().privatesuffix(host)
    if registrable is None or registrable == host:
        return base
    # Only a whole-label star stands for several labels, and so reaches suffixes further below.
    return _suffix_below().get(base) if pattern.kind == "subdomain" else None


@cache
def _suffixes() -> PublicSuffixList:
    return PublicSuffixList()


@cache
def _suffix_below() -> dict[str, str]:
    """One public suffix below each name that is not a public suffix itself."""
    below: dict[str, str] = {}
    with resources.files("publicsuffixlist").joinpath("public_suffix_list.dat").open(encoding="utf-8") as lines:
        for line in lines:
            rule = line.strip()
            if not rule or rule.startswith(("//", "!")):
                continue
            suffix = rule if rule.isascii() else rule.encode("idna").decode()
            parent = suffix.removeprefix("*.").partition(".")[2]
            while parent:
                below.setdefault(parent, suffix)
                parent = parent.partition(".")[2]
    return below
