"""Allowing and revoking origins in the text of a policy or list: which grant, what changes, and what does not."""

from __future__ import annotations

import shlex
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property

from edgecors.document import PolicyError, is_json
from edgecors.origin import Pattern
from edgecors.policy import Policy, Rule

from edgecors_admin.covering import Covering
from edgecors_admin.edit import (
    GrantNumber,
    add_to_grant,
    add_to_plain,
    remove_from_grants,
    remove_from_plain,
)
from edgecors_admin.errors import CommandError, UsageError
from edgecors_admin.globs import rule_for, texts
from edgecors_admin.loading import load
from edgecors_admin.source_map import (
    EntrySource,
    PolicySource,
    RuleSource,
    read_pattern,
    read_written,
    read_written_list,
)

Lists = Mapping[str, str | None]

_REQUESTED = "also in this command"


@dataclass(frozen=True)
class RuleSelection:
    """Which grant of a policy is meant: a rule by number, or the one that decides for a path (and host)."""

    rule: int | None = None
    grant: int | None = None
    path: str | None = None
    host: str | None = None

    def __bool__(self) -> bool:
        return self != RuleSelection()


@dataclass(frozen=True)
class EditOutcome:
    """What an edit came to.

    Attributes:
        text: The new text.
        done: The entries that were added or removed.
        others: Entries with a sentence about what did not happen, and why. A removed entry is among them if it is
            still allowed.
        still_allowed: The entries that should be removed and that something else allows.
    """

    text: str
    done: tuple[str, ...] = ()
    others: tuple[tuple[str, str], ...] = ()
    still_allowed: tuple[str, ...] = ()


EditFunction = Callable[[str, str, Iterable[str], Lists, RuleSelection], EditOutcome]
"""`allow_entries` or `revoke_entries`."""


def allow_entries(
    target: str, text: str, entries: Iterable[str], lists: Lists, selection: RuleSelection
) -> EditOutcome:
    """Add entries to the text of a site or ``@list``. Raises `CommandError`."""
    return allow_in_list(text, entries) if target.startswith("@") else allow_in_site(text, entries, lists, selection)


def revoke_entries(
    target: str, text: str, entries: Iterable[str], lists: Lists, selection: RuleSelection
) -> EditOutcome:
    """Remove entries from the text of a site or ``@list``. Raises `CommandError`."""
    return revoke_in_list(text, entries) if target.startswith("@") else revoke_in_site(text, entries, lists, selection)


def allow_in_list(text: str, entries: Iterable[str]) -> EditOutcome:
    """Add entries to a list's text. Raises `UsageError` for an entry that a list can't hold."""
    wanted = tuple(dict.fromkeys(entries))
    if names := [entry for entry in wanted if entry.startswith("@")]:
        raise UsageError(f"A list can't name other lists: {', '.join(names)}.")
    present = {entry.canonical: entry.location for entry in read_written_list("list", text) if entry.pattern}
    new, others = _select_new(wanted, present)
    return EditOutcome(add_to_plain(text, new), new, others)


def allow_in_site(text: str, entries: Iterable[str], lists: Lists, selection: RuleSelection) -> EditOutcome:
    """Add entries to one grant of a policy's text (empty: a new plain list). Raises `CommandError`."""
    wanted = tuple(dict.fromkeys(entries))
    policy = _read(text, lists)
    source = read_written(text, lists)
    number = choose_grant(policy, selection)
    rule = source.rules[number[0]]
    if policy.rules[number[0]].grants[number[1]].allow_origins is None:
        reason = f"everyone is allowed already ({rule.location or 'the policy'})"
        return EditOutcome(text, (), tuple((entry, reason) for entry in wanted))
    present = _present(policy, source, number)
    new, others = _select_new(wanted, present)
    edited = add_to_grant(text, number, new) if is_json(text) else add_to_plain(text, new)
    return EditOutcome(edited, new, others)


def revoke_in_list(text: str, entries: Iterable[str]) -> EditOutcome:
    """Remove entries from a list's text."""
    wanted = tuple(dict.fromkeys(entries))
    return _revoked(
        text, remove_from_plain(text, wanted), wanted, [_Scope(read_written_list("list", text), (), (), wanted)]
    )


def revoke_in_site(text: str, entries: Iterable[str], lists: Lists, selection: RuleSelection) -> EditOutcome:
    """Remove entries from every grant of a policy's text, or from the rule that is selected. Raises `CommandError`."""
    wanted = tuple(dict.fromkeys(entries))
    policy = _read(text, lists)
    source = read_written(text, lists)
    rules = [source.rules[choose_rule(policy, selection)]] if selection else list(source.rules)
    if is_json(text):
        numbers = {(grant.rule, grant.index) for rule in rules for grant in rule.grants}
        if selection.grant is not None:
            numbers &= {choose_grant(policy, selection)}
        edited = remove_from_grants(text, numbers, wanted)
    else:
        edited = remove_from_plain(text, wanted)
    return _revoked(text, edited, wanted, [_scope(rule, source, wanted) for rule in rules])


def choose_grant(policy: Policy, selection: RuleSelection) -> GrantNumber:
    """The rule and grant that are meant. Raises `UsageError`, which lists the choices, when that is not clear."""
    rule = policy.rules[choose_rule(policy, selection)]
    if selection.grant is not None:
        if not 0 <= selection.grant < len(rule.grants):
            raise UsageError(f"Rule {rule.index} has no grant {selection.grant}. {_describe_grants(rule)}")
        return rule.index, selection.grant
    listing = [grant.index for grant in rule.grants if grant.allow_origins is not None]
    if len(listing) > 1:
        raise UsageError(f"Which grant of rule {rule.index}? Add --grant N. {_describe_grants(rule)}")
    return rule.index, (listing or [0])[0]


def choose_rule(policy: Policy, selection: RuleSelection) -> int:
    """The number of the rule that is meant. Raises `UsageError`, which lists the rules, when that is not clear."""
    rules = policy.rules
    if selection.rule is not None:
        if not 0 <= selection.rule < len(rules):
            raise UsageError(f"There is no rule {selection.rule}. {_describe_rules(policy)}")
        return selection.rule
    if selection.path is not None or selection.host is not None:
        rule = rule_for(policy, selection.host, selection.path or "/")
        if rule is None:
            resource = f"{selection.host or ''}{selection.path or '/'}"
            raise CommandError(f"No rule matches {resource}. {_describe_rules(policy)}")
        return rule.index
    listing = [rule.index for rule in rules if rule.grants[0].allow_origins is not None]
    if len(rules) == 1 or len(listing) == 1:
        return (listing or [0])[0]
    raise UsageError(f"Which rule? Add --rule N or --path PATH. {_describe_rules(policy)}")


def _describe_grants(rule: Rule) -> str:
    grants = (
        f"{grant.index}: {grant.allow_methods_value}{' with credentials' if grant.allow_credentials else ''}"
        for grant in rule.grants
    )
    return f"The grants are: {'; '.join(grants)}."


def _describe_rules(policy: Policy) -> str:
    rules = (f"{rule.index}: {' '.join(texts(rule.paths))}{_on(texts(rule.hosts))}" for rule in policy.rules)
    return f"The rules are: {'; '.join(rules)}."


def _on(hosts: Iterable[str]) -> str:
    names = " ".join(hosts)
    return "" if names == "*" else f" on {names}"


def _read(text: str, lists: Lists) -> Policy:
    try:
        return load(text, lists)
    except PolicyError as error:
        raise CommandError(
            f"The policy in Parameter Store is rejected, so single entries can't be changed: {error}"
            " Fix it first (edgecors lint, edgecors apply), or restore an older version (edgecors history,"
            " edgecors rollback)."
        ) from None


def _present(policy: Policy, source: PolicySource, number: GrantNumber) -> dict[str, str]:
    """The entries that count in a grant, and the lists it names, each with its location."""
    effective = set(policy.rules[number[0]].grants[number[1]].allow_origins or ())
    grant = source.rules[number[0]].grants[number[1]]
    present = {entry.canonical: entry.location for entry in grant.own if entry.canonical in effective}
    for entry in source.inherited(grant):
        if entry.canonical in effective:
            present.setdefault(entry.canonical, entry.location)
    return {**present, **{f"@{name}": grant.location or "the policy" for name in grant.lists}}


def _select_new(
    wanted: tuple[str, ...], present: Mapping[str, str]
) -> tuple[tuple[str, ...], tuple[tuple[str, str], ...]]:
    """The wanted entries that are not allowed yet; and for each other one the entry that allows it."""
    locations = {**dict.fromkeys(wanted, _REQUESTED), **present}
    patterns = {text: pattern for text in locations if (pattern := _pattern(text)) is not None}
    covering = Covering(patterns.values())
    new, others = [], []
    for entry in wanted:
        by = covering.of(patterns[entry]) if entry in patterns else None
        if entry in present:
            others.append((entry, f"already listed ({present[entry]})"))
        elif by is not None:
            others.append((entry, f"already allowed by {by} ({locations[by]})"))
        else:
            new.append(entry)
    return tuple(new), tuple(others)


def _pattern(entry: str) -> Pattern | None:
    return None if entry.startswith("@") else read_pattern(entry)


@dataclass(frozen=True)
class _Scope:
    """What a revocation looks at: the entries of one rule (or of a list) and those of the lists it names."""

    own: tuple[EntrySource, ...]
    lists: tuple[str, ...]
    inherited: tuple[EntrySource, ...]
    removed: tuple[str, ...]

    @cached_property
    def _own_texts(self) -> frozenset[str]:
        return frozenset((*(entry.canonical for entry in self.own), *(f"@{name}" for name in self.lists)))

    @cached_property
    def _list_of(self) -> dict[str, str]:
        removed = {text[1:] for text in self.removed if text.startswith("@")}
        return {e.canonical: e.list for e in self.inherited if e.list is not None and e.list not in removed}

    @cached_property
    def _remaining(self) -> dict[str, Pattern]:
        removed = set(self.removed)
        remaining = [e.pattern for e in self.own if e.pattern is not None and e.canonical not in removed]
        remaining += [e.pattern for e in self.inherited if e.pattern is not None and e.canonical in self._list_of]
        return {pattern.text: pattern for pattern in remaining}

    @cached_property
    def _covering(self) -> Covering:
        return Covering(self._remaining.values())

    def contains(self, entry: str) -> bool:
        """Whether the entry can be removed here."""
        return entry in self._own_texts

    def still_allowed(self, entry: str) -> str | None:
        """What allows the entry after the removal; None for nothing."""
        if name := self._list_of.get(entry):
            return f"still allowed by @{name}: edgecors revoke @{name} {shlex.quote(entry)}"
        if "*" in self._remaining:
            return "still allowed, because everyone is"
        pattern = _pattern(entry)
        by = None if pattern is None else self._covering.of(pattern)
        return None if by is None else f"still allowed by {by}"


def _scope(rule: RuleSource, source: PolicySource, removed: tuple[str, ...]) -> _Scope:
    inherited = tuple(entry for grant in rule.grants for entry in source.inherited(grant))
    return _Scope(rule.own, rule.lists, inherited, removed)


def _revoked(before: str, after: str, wanted: tuple[str, ...], scopes: list[_Scope]) -> EditOutcome:
    done = tuple(entry for entry in wanted if any(scope.contains(entry) for scope in scopes))
    removed = frozenset(done)
    others, still_allowed = [], []
    for entry in wanted:
        # Where the entry was removed it should be gone; where it never was, it may be allowed on purpose.
        relevant = [scope for scope in scopes if scope.contains(entry)] or scopes
        reason = next((reason for scope in relevant if (reason := scope.still_allowed(entry)) is not None), None)
        if reason is not None:
            others.append((entry, reason))
            still_allowed.append(entry)
        elif entry not in removed:
            others.append((entry, "not listed"))
    return EditOutcome(after if done else before, done, tuple(others), tuple(still_allowed))
