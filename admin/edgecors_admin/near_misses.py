"""What nearly allowed a refused origin: the wrong scheme or port, the apex of a wildcard, a sibling, another rule."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from edgecors.decision import find_grant
from edgecors.origin import Pattern, parse_pattern
from edgecors.policy import Policy, Rule

from edgecors_admin.globs import texts
from edgecors_admin.source_map import EntrySource, PolicySource

MAX_SHOWN = 5
_NULL = (
    "a page has the origin null in a sandboxed frame, from a data: or file: URL, or after a redirect to another site;"
    " serve it over https, or without the sandbox attribute"
)


@dataclass(frozen=True)
class NearMiss:
    """An entry that does not allow the origin, and the one thing that differs."""

    entry: str
    location: str
    why: str


def find_near_misses(policy: Policy, source: PolicySource, rule: Rule | None, origin: str) -> list[NearMiss]:
    """The entries that come nearest to an origin that a rule refuses, the nearest first.

    Args:
        policy: The policy that decided.
        source: Where its entries are.
        rule: The rule that refused the origin; None when no rule matched.
        origin: The origin as the request has it.
    """
    if origin == "null":
        return [NearMiss("null", "", _NULL)]
    entries = _entries(source, None if rule is None else rule.index)
    asked = parse_pattern(origin)[0]
    ranked: list[tuple[int, NearMiss]] = []
    if asked is not None and asked.kind in ("origin", "extension"):
        for entry in entries:
            if entry.pattern is not None and (difference := _difference(asked, entry.pattern, origin)) is not None:
                ranked.append((difference[0], NearMiss(entry.pattern.text, entry.location, difference[1])))
        ranked += [(0, near) for near in _skipped(source, rule, asked)]
    ranked.sort(key=lambda pair: pair[0])
    misses = [near for _, near in ranked[:MAX_SHOWN]]
    return [*misses, *_other_rules(policy, source, rule, origin)][:MAX_SHOWN]


def _skipped(source: PolicySource, rule: Rule | None, asked: Pattern) -> Iterator[NearMiss]:
    """Entries that can't be read and have the origin's host, such as one without a scheme."""
    for one in source.rules:
        for grant in one.grants if rule is not None and one.index == rule.index else ():
            for entry in source.entries(grant):
                if entry.pattern is None and asked.host in entry.text.lower().split("/"):
                    why = f"the entry is skipped, because it can't be read; write {asked.text}"
                    yield NearMiss(entry.text, entry.location, why)


def _entries(source: PolicySource, rule: int | None) -> Iterable[EntrySource]:
    for one in source.rules:
        if one.index == rule:
            for grant in one.grants:
                yield from source.by_text(grant).values()


def _difference(asked: Pattern, entry: Pattern, origin: str) -> tuple[int, str] | None:
    """A rank (the lower the nearer) and what differs; None when too much does."""
    if entry.kind not in ("origin", "subdomain", "label"):
        return None
    if entry.text == asked.text:
        return 0, f"the request has {origin!r}; browsers send {asked.text!r}"
    host, other = asked.host.removesuffix("."), entry.host.removesuffix(".")
    base = other.partition(".")[2]
    same_host = host == other or (entry.kind == "subdomain" and host.endswith(f".{base}"))
    same_port = entry.port in (asked.port, "*")
    if same_host and same_port and asked.scheme != entry.scheme:
        return 1, f"the scheme differs: {asked.scheme}, not {entry.scheme}"
    if same_host and asked.scheme == entry.scheme and not same_port:
        return 2, f"the port differs: {_port(asked)}, not {_port(entry)}"
    if same_host and not same_port:
        return 5, "the scheme and the port differ"
    if entry.kind == "subdomain" and host == base:
        return 3, f"it covers the subdomains of {base}, not {base} itself; list https://{base} as well"
    if asked.host != entry.host and host == other:
        return 4, "one of the names ends with a dot"
    if f"www.{host}" == other or host == f"www.{other}":
        return 4, f"{host} and {other} are two origins; list both"
    if entry.kind == "label" and host.partition(".")[2] == base:
        return 6, f"{host.partition('.')[0]!r} does not match {other.partition('.')[0]!r}"
    if host.endswith(f".{other}"):
        return 6, f"{other} does not cover its subdomains; write {entry.scheme}://*.{other} for them"
    shared = base if entry.kind != "origin" or base.count(".") else other
    if base.count(".") >= 1 and (host.endswith(f".{shared}") or host == shared):
        return 7, f"another name below {shared}"
    return None


def _port(pattern: Pattern) -> str:
    return pattern.port or "the default"


def _other_rules(policy: Policy, source: PolicySource, rule: Rule | None, origin: str) -> Iterator[NearMiss]:
    for other in policy.rules:
        if other is rule or other.open_grant is not None:
            continue
        _, grant, entry = find_grant(other, origin)
        if grant is not None and entry is not None:
            paths, hosts = " ".join(texts(other.paths)), " ".join(texts(other.hosts))
            where = paths if hosts == "*" else f"{paths} on {hosts}"
            written = source.by_text(source.grant(other.index, grant.index)).get(entry)
            yield NearMiss(entry, written.location if written else "", f"allowed by rule {other.index}, for {where}")
