"""Who gains and who loses access by a change: the decisions before and after it are compared.

For every entry that only one of the two policies has, an origin that it allows is tried on a resource of each rule. An
unlikely word replaces the star of a pattern or glob, so that only the pattern itself matches.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from edgecors.decision import find_grant
from edgecors.document import PolicyError
from edgecors.fields import GRANT_FIELDS, RULE_FIELDS
from edgecors.policy import Grant, Policy, Rule

from edgecors_admin.globs import rule_for, texts
from edgecors_admin.loading import load
from edgecors_admin.sites import names_of_lists

_WORD = "0q0z0j0"
_PORT = "61347"
EVERYONE = "everyone"
# Hosts, paths and origins select what is compared; debug and tolerate are not access.
_NOT_COMPARED = ("hosts", "paths", "grants", "allow_origins", "debug", "tolerate")
_NAMED = 3


@dataclass(frozen=True)
class AccessDifference:
    """``gained`` and ``lost`` hold (who, where); ``changed`` has sentences about everything else that differs."""

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
) -> AccessDifference:
    """The difference between two texts of a policy.

    None and rejected policies allow nobody; rejections are listed in ``changed``. Without a policy every path is
    managed, so the upstream's own CORS headers are removed everywhere.

    Args:
        old: The text before; None or empty when there was no policy.
        new: The text after; None or empty when the policy is deleted.
        old_lists: The lists before, by name.
        new_lists: The lists after, by name.
    """
    if old == new and _same_lists(old, old_lists or {}, new_lists or {}):
        return AccessDifference()  # nothing differs, even where the policy is rejected
    before, after = _policy(old, old_lists), _policy(new, new_lists)
    comparison = _Comparison()
    rejected = [name for name, text, policy in (("before", old, before), ("after", new, after)) if text and not policy]
    comparison.changed += [
        f"the policy {name} the change is rejected: running containers keep the last good one, new ones have none"
        for name in rejected
    ]
    for where, host, path in _resources(before, after):
        was, will = _rule(before, host, path), _rule(after, host, path)
        comparison.add_access(was, will, where)
        if before is not None and after is not None:
            comparison.add_changes(was, will, where)
        elif after is not None and not old:
            comparison.changed.append(f"{where}: managed; the upstream's own CORS headers are removed")
    if not old and after is not None and not _manages_everything(after):
        comparison.changed.append("everything else: not managed; the upstream's own CORS headers are kept")
    if old and not new:
        comparison.changed.append("everywhere: nobody is allowed; the upstream's own CORS headers are removed")
    comparison.changed += _site_changes(before, after)
    return comparison.result()


def _same_lists(text: str | None, before: Mapping[str, str | None], after: Mapping[str, str | None]) -> bool:
    """Whether the lists that a policy names have the same values."""
    return before == after or all(before.get(name) == after.get(name) for name in names_of_lists(text or ""))


def _policy(text: str | None, lists: Mapping[str, str | None] | None) -> Policy | None:
    try:
        return load(text, lists) if text else None
    except PolicyError:
        return None


def _manages_everything(policy: Policy) -> bool:
    return any(rule.hosts is None and rule.paths is None for rule in policy.rules)


def stand_in(entry: str) -> str:
    """An origin that an entry allows; one that no other entry would be likely to allow."""
    head, any_port, _ = entry.rpartition(":*")
    origin = f"{head}:{_PORT}" if any_port else entry
    return origin.replace("*", _WORD)


@dataclass
class _Comparison:
    """Collects the differences of two policies, resource by resource."""

    gained: list[tuple[str, str]] = field(default_factory=list)
    lost: list[tuple[str, str]] = field(default_factory=list)
    changed: list[str] = field(default_factory=list)
    # Rules often name the same lists: their entries are put together, and compared, once.
    _entries: dict[object, frozenset[str]] = field(default_factory=dict)
    _differing: dict[tuple[int, int], list[str]] = field(default_factory=dict)

    def result(self) -> AccessDifference:
        gained, lost = (tuple(dict.fromkeys(pairs)) for pairs in (self.gained, self.lost))
        return AccessDifference(gained, lost, tuple(dict.fromkeys(self.changed)))

    def entries(self, rule: Rule | None) -> frozenset[str]:
        """The entries of all grants of a rule."""
        grants = [g for g in (rule.grants if rule is not None else ()) if g.allow_origins is not None]
        # Credentials and tolerated errors decide which entries of a list are unsafe, and so excluded.
        parts = tuple(
            (g.allow_credentials, *(id(index) for index, _ in g.allow_origins.parts)) for g in grants if g.allow_origins
        )
        key = (parts, rule.tolerate if rule is not None else ())
        if key not in self._entries:
            self._entries[key] = frozenset(text for grant in grants for text in grant.allow_origins or ())
        return self._entries[key]

    def differing(self, was: Rule | None, will: Rule | None) -> list[str]:
        """The entries that only one of two rules has, sorted."""
        before, after = self.entries(was), self.entries(will)
        key = (id(before), id(after))
        if key not in self._differing:
            self._differing[key] = sorted(before ^ after)
        return self._differing[key]

    def add_access(self, was: Rule | None, will: Rule | None, where: str) -> None:
        """Who gains and who loses access to a resource."""
        opened, opens = _is_open(was), _is_open(will)
        if opens and not opened:
            self.gained.append((EVERYONE, where))
        elif opened and not opens:
            self.lost.append((f"{EVERYONE} else", where))
        for who in self.differing(was, will):
            origin = stand_in(who)
            if _allows(will, origin) and not _allows(was, origin):
                if not opens:
                    self.gained.append((who, where))
            elif _allows(was, origin) and not _allows(will, origin):
                self.lost.append((who, where))

    def add_changes(self, was: Rule | None, will: Rule | None, where: str) -> None:
        """What else changes for a resource."""
        if was is None or will is None:
            if will is not None:
                self.changed.append(f"{where}: managed from now on; the upstream's own CORS headers are removed")
            elif was is not None:
                self.changed.append(f"{where}: no longer managed; the upstream's own CORS headers are kept")
            return
        for described in RULE_FIELDS:
            if described.name not in _NOT_COMPARED:
                name = described.name
                self.changed += _change(where, name, getattr(was, name), getattr(will, name))
        for whom, before, after in self._pairs(was, will):
            for described in GRANT_FIELDS:
                if described.name not in _NOT_COMPARED:
                    name = described.name
                    self.changed += _change(where + whom, name, _comparable(before, name), _comparable(after, name))

    def _pairs(self, was: Rule, will: Rule) -> Iterator[tuple[str, Grant, Grant]]:
        """For whom which grant decided before and decides after. Named only where that differs by origin."""
        if len(was.grants) == len(will.grants) == 1:
            yield "", was.grants[0], will.grants[0]
            return
        names: dict[tuple[int, int], list[str]] = {}
        for who in sorted(self.entries(was) | self.entries(will)):
            origin = stand_in(who)
            before, after = find_grant(was, origin)[1], find_grant(will, origin)[1]
            if before is not None and after is not None:
                names.setdefault((before.index, after.index), []).append(who)
        if was.open_grant is not None and will.open_grant is not None:
            names.setdefault((was.open_grant.index, will.open_grant.index), []).append(f"{EVERYONE} else")
        for (first, second), people in names.items():
            rest = f" and {len(people) - _NAMED:,} more" if len(people) > _NAMED else ""
            yield f", for {', '.join(people[:_NAMED])}{rest}", was.grants[first], will.grants[second]


def _resources(*policies: Policy | None) -> Iterable[tuple[str, str | None, str]]:
    """What to call it, a host (None for one that no rule names) and a path, for each combination of globs."""
    resources: dict[tuple[str, str], None] = {}
    for policy in policies:
        for rule in policy.rules if policy is not None else ():
            paths = ("/*",) if rule.paths is None else rule.paths.texts
            resources.update(((host, path), None) for host in texts(rule.hosts) for path in paths)
    for host, path in resources:
        resource = _instance(path)
        if not resource.startswith("/"):
            resource = f"/{resource}"
        yield (path, None, resource) if host == "*" else (f"{host} {path}", _instance(host), resource)


def _instance(glob: str) -> str:
    return glob.replace("*", _WORD).replace("?", "q")


def _rule(policy: Policy | None, host: str | None, path: str) -> Rule | None:
    return None if policy is None else rule_for(policy, host, path)


def _is_open(rule: Rule | None) -> bool:
    return rule is not None and rule.open_grant is not None


def _allows(rule: Rule | None, origin: str) -> bool:
    return rule is not None and find_grant(rule, origin)[1] is not None


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
    if before is None and after is not None and after.shadow:
        yield "mode: shadow, so none of this takes effect yet: the upstream's own CORS headers are kept"
    if before is None or after is None:
        return
    if before.shadow != after.shadow:
        yield "mode: shadow, so nothing is answered or changed" if after.shadow else "mode: enforce"
    if before.refresh_seconds != after.refresh_seconds:
        yield f"refresh: {before.refresh_seconds} s -> {after.refresh_seconds} s"
