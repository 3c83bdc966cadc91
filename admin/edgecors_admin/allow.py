"""Allowing and revoking origins in the text of a policy or list: which rule, what is there, what comes of it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from edgecors.decision import Request, find_rule
from edgecors.origin import parse_pattern
from edgecors.policy import Policy, PolicyError, read_document

from edgecors_admin.covering import Covering
from edgecors_admin.edit import (
    add_to_plain,
    add_to_rule,
    is_json,
    remove_from_plain,
    remove_from_rule,
)
from edgecors_admin.errors import CommandError, UsageError
from edgecors_admin.globs import texts
from edgecors_admin.source_map import Entry, WrittenRule, read_written, read_written_list

Lists = Mapping[str, str | None]


@dataclass(frozen=True)
class Selection:
    """Which rule of a policy is meant: by number, or as the one that decides for a path (and host)."""

    rule: int | None = None
    path: str | None = None
    host: str | None = None

    def __bool__(self) -> bool:
        return self != Selection()


@dataclass(frozen=True)
class Outcome:
    """The new text, the entries that were added (or removed), and for each other one why not."""

    text: str
    done: tuple[str, ...] = ()
    others: tuple[tuple[str, str], ...] = ()


def allow_in_list(text: str, entries: Iterable[str]) -> Outcome:
    """Add entries to a list's text. Raises `CommandError` for what can't stand in a list."""
    wanted = tuple(dict.fromkeys(entries))
    if names := [entry for entry in wanted if entry.startswith("@")]:
        raise UsageError(f"A list can't name other lists: {', '.join(names)}.")
    new, others = _new_ones(wanted, read_written_list("list", text))
    return Outcome(add_to_plain(text, new), new, others)


def allow_in_site(text: str, entries: Iterable[str], lists: Lists, selection: Selection) -> Outcome:
    """Add entries to one rule of a policy's text (empty: a new plain list). Raises `CommandError`."""
    wanted = tuple(dict.fromkeys(entries))
    policy = _read(text, lists)
    written = read_written(text, lists)
    if not written.rules:
        return Outcome(add_to_plain(text, wanted), wanted)
    index = choose_rule(policy, selection)
    rule = written.rules[index]
    if policy.rules[index].origins is None:
        return Outcome(
            text, (), tuple((entry, f"everyone is allowed there already ({_name(rule)})") for entry in wanted)
        )
    names = tuple(entry for entry in wanted if entry.startswith("@"))
    there = tuple((entry, "named there already") for entry in names if entry[1:] in rule.lists)
    new, others = _new_ones([e for e in wanted if e not in names], written.entries(rule))
    new = tuple(entry for entry in wanted if entry in new or (entry in names and entry[1:] not in rule.lists))
    edited = add_to_rule(text, index, new) if is_json(text) else add_to_plain(text, new)
    return Outcome(edited, new, (*there, *others))


def revoke_in_list(text: str, entries: Iterable[str]) -> Outcome:
    """Remove entries from a list's text."""
    wanted = tuple(dict.fromkeys(entries))
    return _revoked(text, remove_from_plain(text, wanted), wanted, [_Group(read_written_list("list", text))])


def revoke_in_site(text: str, entries: Iterable[str], lists: Lists, selection: Selection) -> Outcome:
    """Remove entries from every rule of a policy's text, or from the one that is meant. Raises `CommandError`."""
    wanted = tuple(dict.fromkeys(entries))
    policy = _read(text, lists)
    written = read_written(text, lists)
    rules = [written.rules[choose_rule(policy, selection)]] if selection else list(written.rules)
    if is_json(text):
        edited = text
        for rule in rules:
            if isinstance(rule.data.get("allow_origins"), list):
                edited = remove_from_rule(edited, rule.index, wanted)
    else:
        edited = remove_from_plain(text, wanted)
    groups = [_Group(rule.own, rule.lists, written.inherited(rule)) for rule in rules]
    return _revoked(text, edited, wanted, groups)


def choose_rule(policy: Policy, selection: Selection) -> int:
    """The number of the rule that is meant. Raises `UsageError`, with the rules there are, when that is open."""
    rules = policy.rules
    if selection.rule is not None:
        if not 0 <= selection.rule < len(rules):
            raise UsageError(f"There is no rule {selection.rule}. {_there_are(policy)}")
        return selection.rule
    if selection:
        found = find_rule(policy, Request("GET", selection.path or "/", selection.host))
        if found is None:
            raise CommandError(f"No rule is about {selection.host or ''}{selection.path or '/'}. {_there_are(policy)}")
        return found.index
    listing = [rule.index for rule in rules if rule.origins is not None]
    if len(rules) == 1 or len(listing) == 1:
        return (listing or [0])[0]
    raise UsageError(f"Which rule? Say --rule N or --path PATH. {_there_are(policy)}")


def _there_are(policy: Policy) -> str:
    rules = (f"{rule.index}: {' '.join(texts(rule.paths))}{_on(texts(rule.hosts))}" for rule in policy.rules)
    return f"There are: {'; '.join(rules)}."


def _on(hosts: Iterable[str]) -> str:
    names = " ".join(hosts)
    return "" if names == "*" else f" on {names}"


def _name(rule: WrittenRule) -> str:
    return rule.location or "the policy"


def _read(text: str, lists: Lists) -> Policy:
    try:
        return read_document(text).compile(lists)
    except PolicyError as error:
        raise CommandError(
            f"The policy is rejected as it stands, so it can't be changed entry by entry: {error}"
            " Mend it first (edgecors lint), or bring an older version back (edgecors history, edgecors rollback)."
        ) from None


def _new_ones(wanted: Iterable[str], there: Iterable[Entry]) -> tuple[tuple[str, ...], tuple[tuple[str, str], ...]]:
    """Those that are not allowed yet; and for each of the others the entry that allows it."""
    places = dict.fromkeys(wanted, "given as well")
    places |= {entry.pattern.text: entry.location for entry in there if entry.pattern is not None}
    covering = Covering(pattern for text in places if (pattern := parse_pattern(text)[0]) is not None)
    new, others = [], []
    for entry in wanted:
        pattern = parse_pattern(entry)[0]
        by = None if pattern is None else covering.of(pattern)
        if places[entry] != "given as well":
            others.append((entry, f"stands there already ({places[entry]})"))
        elif by is not None:
            others.append((entry, f"allowed already by {by} ({places[by]})"))
        else:
            new.append(entry)
    return tuple(new), tuple(others)


@dataclass(frozen=True)
class _Group:
    """The entries of one rule (or of a list): its own, the lists it names, and what stands in those."""

    own: tuple[Entry, ...]
    lists: tuple[str, ...] = ()
    inherited: tuple[Entry, ...] = ()

    def has(self, entry: str) -> bool:
        """Whether the entry can be taken away here."""
        return entry.removeprefix("@") in self.lists if entry.startswith("@") else entry in map(_canonical, self.own)

    def still(self, entry: str, gone: tuple[str, ...]) -> str | None:
        """What allows the entry when those are gone; None for nothing."""
        inherited = next((e for e in self.inherited if _canonical(e) == entry), None)
        if inherited is not None:
            return f"still allowed by @{inherited.list}: edgecors revoke @{inherited.list} {entry}"
        left = [e.pattern for e in (*self.own, *self.inherited) if e.pattern is not None and e.pattern.text not in gone]
        if any(pattern.kind == "any" for pattern in left):
            return "still allowed, as everyone is"
        pattern = None if entry.startswith("@") else parse_pattern(entry)[0]
        by = None if pattern is None else Covering(left).of(pattern)
        return None if by is None else f"still allowed by {by}"


def _canonical(entry: Entry) -> str:
    return entry.text if entry.pattern is None else entry.pattern.text


def _revoked(before: str, after: str, wanted: tuple[str, ...], groups: list[_Group]) -> Outcome:
    done = tuple(entry for entry in wanted if any(group.has(entry) for group in groups))
    others = []
    for entry in wanted:
        # Where it was taken away it should be gone; where it never stood it may have been meant to be allowed.
        about = [group for group in groups if group.has(entry)] or groups
        why = next((why for group in about if (why := group.still(entry, wanted)) is not None), None)
        if why is not None:
            others.append((entry, why))
        elif entry not in done:
            others.append((entry, "does not stand there"))
    return Outcome(after if done else before, done, tuple(others))
