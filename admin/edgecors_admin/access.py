"""Who gains and who loses access by a change, told by asking the one decision before and after.

Every entry of either policy is tried with an origin of its own, on a resource of each rule. What the star of a
pattern or a glob stands for is a word that nobody writes, so that only what is meant by the pattern as such counts.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from edgecors.decision import find_grant
from edgecors.document import PolicyError, load_policy
from edgecors.fields import GRANT_FIELDS, RULE_FIELDS
from edgecors.policy import Grant, Policy, Rule

from edgecors_admin.globs import rule_for, texts
from edgecors_admin.source_map import read_written

_WORD = "0q0z0j0"
_PORT = "61347"
EVERYONE = "everyone"
# Resources and origins are what the comparison goes through, and what only helps to write a policy is not access.
_COMPARED_OTHERWISE = ("hosts", "paths", "grants", "allow_origins", "debug", "tolerate")


@dataclass(frozen=True)
class Difference:
    """``gained`` and ``lost`` hold (who, where); ``changed`` sentences about what else is different."""

    gained: tuple[tuple[str, str], ...] = ()
    lost: tuple[tuple[str, str], ...] = ()
    changed: tuple[str, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.gained or self.lost or self.changed)

    def as_dict(self) -> dict[str, object]:
        """JSON-ready."""
        return {
            "gained": [{"who": who, "where": where} for who, where in self.gained],
            "lost": [{"who": who, "where": where} for who, where in self.lost],
            "changed": list(self.changed),
        }


def compare(
    old: str | None,
    new: str | None,
    old_lists: Mapping[str, str | None] | None = None,
    new_lists: Mapping[str, str | None] | None = None,
) -> Difference:
    """The difference between two texts of a policy. None, and what is rejected (which is told), allow nobody here."""
    before, after = _policy(old, old_lists), _policy(new, new_lists)
    people = _people((old, old_lists), (new, new_lists))
    gained: list[tuple[str, str]] = []
    lost: list[tuple[str, str]] = []
    rejected = [name for name, text, policy in (("before", old, before), ("after", new, after)) if text and not policy]
    changed = [
        f"the policy {name} is rejected: running containers keep the last good one, new ones have none"
        for name in rejected
    ]
    for where, host, path in _resources(before, after):
        was, will = _rule(before, host, path), _rule(after, host, path)
        opened, closed = _open(was), _open(will)
        if closed and not opened:
            gained.append((EVERYONE, where))
        elif opened and not closed:
            lost.append((f"{EVERYONE} else", where))
        for who, origin in people.items():
            if _allows(will, origin) and not _allows(was, origin):
                if not closed:
                    gained.append((who, where))
            elif _allows(was, origin) and not _allows(will, origin):
                lost.append((who, where))
        if not rejected:
            changed.extend(_changes(was, will, where))
    changed.extend(_site_changes(before, after))
    return Difference(tuple(dict.fromkeys(gained)), tuple(dict.fromkeys(lost)), tuple(dict.fromkeys(changed)))


def _policy(text: str | None, lists: Mapping[str, str | None] | None) -> Policy | None:
    try:
        return None if text is None else load_policy(text, lists)
    except PolicyError:
        return None


def _people(*policies: tuple[str | None, Mapping[str, str | None] | None]) -> dict[str, str]:
    """Each entry in canonical spelling, with an origin that stands for it."""
    people: dict[str, str] = {}
    for text, lists in policies:
        written = read_written(text or "", lists)
        for rule in written.rules:
            for entry in (e for grant in rule.grants for e in written.entries(grant)):
                if entry.pattern is not None and entry.pattern.kind != "any":
                    people[entry.pattern.text] = stand_in(entry.pattern.text)
    return people


def stand_in(entry: str) -> str:
    """An origin that an entry allows; one that no other entry would be likely to."""
    head, any_port, _ = entry.rpartition(":*")
    origin = f"{head}:{_PORT}" if any_port else entry
    return origin.replace("*", _WORD)


def _resources(*policies: Policy | None) -> Iterable[tuple[str, str | None, str]]:
    """What to call it, a host (None for one that no rule names) and a path, for each combination of globs."""
    found: dict[tuple[str, str], None] = {}
    for policy in policies:
        for rule in policy.rules if policy is not None else ():
            paths = ("/*",) if rule.paths is None else rule.paths.texts
            found.update(((host, path), None) for host in texts(rule.hosts) for path in paths)
    for host, path in found:
        resource = _instance(path)
        if not resource.startswith("/"):
            resource = f"/{resource}"
        yield (path, None, resource) if host == "*" else (f"{host} {path}", _instance(host), resource)


def _instance(glob: str) -> str:
    return glob.replace("*", _WORD).replace("?", "q")


def _rule(policy: Policy | None, host: str | None, path: str) -> Rule | None:
    return None if policy is None else rule_for(policy, host, path)


def _open(rule: Rule | None) -> bool:
    return rule is not None and rule.open_grant is not None


def _allows(rule: Rule | None, origin: str) -> bool:
    return rule is not None and find_grant(rule, origin)[1] is not None


def _changes(was: Rule | None, will: Rule | None, where: str) -> Iterable[str]:
    if was is None or will is None:
        if will is not None:
            yield f"{where}: managed from now on; the upstream's own CORS headers no longer count"
        elif was is not None:
            yield f"{where}: no longer managed; the upstream's own CORS headers count"
        return
    for field in RULE_FIELDS:
        if field.name in _COMPARED_OTHERWISE:
            continue
        yield from _change(where, field.name, getattr(was, field.name), getattr(will, field.name))
    if len(was.grants) != len(will.grants):
        yield f"{where}: grants {len(was.grants)} -> {len(will.grants)}"
    for before, after in zip(was.grants, will.grants, strict=False):
        at = where if len(will.grants) == 1 else f"{where}, grant {after.index}"
        for field in GRANT_FIELDS:
            if field.name not in _COMPARED_OTHERWISE:
                yield from _change(at, field.name, _comparable(before, field.name), _comparable(after, field.name))


def _comparable(grant: Grant, name: str) -> object:
    """A field as it is sent: lists are compared in their order."""
    return getattr(grant, f"{name}_value", None) or getattr(grant, name)


def _change(where: str, name: str, before: object, after: object) -> Iterable[str]:
    if before != after:
        yield f"{where}: {name} {_word(before)} -> {_word(after)}"


def _word(value: object) -> str:
    if isinstance(value, bool):
        return "on" if value else "off"
    if isinstance(value, (tuple, frozenset)):
        return ", ".join(sorted(value)) or "none"
    return str(value) or "none"


def _site_changes(before: Policy | None, after: Policy | None) -> Iterable[str]:
    if before is None or after is None:
        return
    if before.shadow != after.shadow:
        yield "mode: shadow, so nothing is answered or changed" if after.shadow else "mode: enforce"
    if before.refresh_seconds != after.refresh_seconds:
        yield f"refresh: {before.refresh_seconds} s -> {after.refresh_seconds} s"
