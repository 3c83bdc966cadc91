"""The locations of a policy's entries in its source. The library alone decides what the entries mean."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from edgecors.allowlist import MAX_ENTRIES, split_entries
from edgecors.document import decode_json, is_json
from edgecors.fields import MAX_RULES
from edgecors.findings import Findings
from edgecors.origin import Pattern, parse_origin, parse_pattern
from edgecors.packing import unpack

from edgecors_admin.remembering import remembered

MAX_REPEATED = 1000
"""Repeated entries of one allowlist that are located. 8 KB of gzip can hold two million, 1 KB of memory each."""


@dataclass(frozen=True, slots=True)
class EntrySource:
    """One entry of an allowlist.

    Attributes:
        text: The entry as it is written.
        location: Such as ``rules[0].allow_origins[2]`` or ``@partners[4]``.
        pattern: What it is read as; None when it can't be read.
        list: The list it is in; None for an entry of the policy itself.
    """

    text: str
    location: str
    pattern: Pattern | None
    list: str | None = None

    @property
    def canonical(self) -> str:
        """The spelling in which entries are compared."""
        return self.text if self.pattern is None else self.pattern.text


@dataclass(frozen=True)
class GrantSource:
    """One grant as it is written; ``data`` is the JSON object with its fields, empty for a plain list.

    ``rule`` and ``index`` are numbers from 0. A rule without ``grants`` has one grant, located at the rule itself.
    """

    rule: int
    index: int
    location: str
    data: Mapping[str, Any]
    own: tuple[EntrySource, ...]
    lists: tuple[str, ...]

    @property
    def credentials(self) -> bool:
        """Whether the grant allows credentials."""
        return self.data.get("allow_credentials") is True


@dataclass(frozen=True)
class RuleSource:
    """One rule as it is written; ``data`` is the JSON object, empty for a plain list."""

    index: int
    location: str
    data: Mapping[str, Any]
    grants: tuple[GrantSource, ...]

    @property
    def own(self) -> tuple[EntrySource, ...]:
        """The entries that are written in the policy itself."""
        return tuple(entry for grant in self.grants for entry in grant.own)

    @property
    def lists(self) -> tuple[str, ...]:
        """The lists that the rule names."""
        return tuple(dict.fromkeys(name for grant in self.grants for name in grant.lists))

    @property
    def tolerated(self) -> tuple[str, ...]:
        """The safety errors that are switched off."""
        value = self.data.get("tolerate", ())
        return (value,) if isinstance(value, str) else tuple(dict.fromkeys(str(name) for name in _items(value)))


@dataclass(frozen=True)
class PolicySource:
    """A whole policy with the lists it names. ``data`` is None for a plain list and for anything but a JSON object."""

    plain: bool
    data: Mapping[str, Any] | None = None
    rules: tuple[RuleSource, ...] = ()
    lists: Mapping[str, tuple[EntrySource, ...]] = field(default_factory=dict)

    def grant(self, rule: int, grant: int) -> GrantSource | None:
        """A grant by the number of its rule and its own; None when there is none."""
        grants = next((r.grants for r in self.rules if r.index == rule), ())
        return next((g for g in grants if g.index == grant), None)

    def entries(self, grant: GrantSource) -> Iterator[EntrySource]:
        """All entries of a grant: its own, then those of the lists it names."""
        yield from grant.own
        yield from self.inherited(grant)

    def inherited(self, grant: GrantSource) -> tuple[EntrySource, ...]:
        """The entries of the lists that a grant names."""
        return tuple(entry for name in grant.lists for entry in self.lists.get(name, ()))

    def by_text(self, grant: GrantSource | None) -> dict[str, EntrySource]:
        """The first readable entry of a grant for each canonical spelling."""
        first: dict[str, EntrySource] = {}
        for entry in self.entries(grant) if grant is not None else ():
            if entry.pattern is not None:
                first.setdefault(entry.pattern.text, entry)
        return first


def read_written(text: str, lists: Mapping[str, str | None] | None = None) -> PolicySource:
    """Everything that can be located, also in a rejected document; nothing when not even the JSON can be read.

    Of an allowlist, `MAX_ENTRIES` distinct entries and `MAX_REPEATED` repeated ones are located.
    """
    try:
        text = unpack(text)
        is_plain = not is_json(text)
        data = None if is_plain else decode_json(text, Findings())
    except ValueError:
        return PolicySource(plain=False)
    if is_plain:
        plain = [(entry, f"entries[{n}]") for n, entry in _numbered(split_entries(text))]
        rules = [RuleSource(0, "", {}, (_grant(0, 0, "", {}, plain),))]
    elif data is not None:
        rules = [
            _rule(n, rule) for n, rule in enumerate(_items(data.get("rules"))[:MAX_RULES]) if isinstance(rule, dict)
        ]
    else:
        return PolicySource(plain=False)
    names = dict.fromkeys(name for rule in rules for name in rule.lists)
    sources = {name: read_written_list(name, value) for name in names if (value := (lists or {}).get(name)) is not None}
    return PolicySource(is_plain, data, tuple(rules), sources)


def read_written_list(name: str, text: str) -> tuple[EntrySource, ...]:
    """The entries of a list parameter; nothing when it can't be unpacked."""
    return remembered(("written", name, text), lambda: _read_list(name, text))


def _read_list(name: str, text: str) -> tuple[EntrySource, ...]:
    try:
        entries = split_entries(unpack(text))
    except ValueError:
        return ()
    return tuple(_entry(entry, f"@{name}[{n}]", name) for n, entry in _numbered(entries))


def _rule(index: int, data: Mapping[str, Any]) -> RuleSource:
    location = f"rules[{index}]"
    if "grants" not in data:
        return RuleSource(index, location, data, (_grant(index, 0, location, data, _origins(location, data)),))
    grants = [
        _grant(index, n, (at := f"{location}.grants[{n}]"), grant, _origins(at, grant))
        for n, grant in enumerate(_items(data["grants"])[:MAX_RULES])
        if isinstance(grant, dict)
    ]
    return RuleSource(index, location, data, tuple(grants))


def _grant(rule: int, index: int, location: str, data: Mapping[str, Any], texts: list[tuple[str, str]]) -> GrantSource:
    own = tuple(_entry(text, at) for text, at in texts if not text.startswith("@"))
    lists = tuple(dict.fromkeys(text[1:] for text, _ in texts if text.startswith("@")))
    return GrantSource(rule, index, location, data, own, lists)


def _origins(location: str, data: Mapping[str, Any]) -> list[tuple[str, str]]:
    value = data.get("allow_origins")
    location = f"{location}.allow_origins"
    if isinstance(value, str):
        return [(value, location)]
    return [(entry, f"{location}[{n}]") for n, entry in _numbered(_items(value))]


def _numbered(entries: Iterable[Any]) -> Iterator[tuple[int, str]]:
    """Entries with their numbers: distinct ones, and a bounded number of repeated ones."""
    seen: set[str] = set()
    repeated = 0
    for number, entry in enumerate(entries):
        if not isinstance(entry, str):
            continue
        if entry in seen:
            repeated += 1
            if repeated > MAX_REPEATED:
                continue
        elif len(seen) >= MAX_ENTRIES:
            return
        seen.add(entry)
        yield number, entry


def _entry(text: str, location: str, name: str | None = None) -> EntrySource:
    # A list can neither hold * nor name other lists.
    pattern = None if name is not None and text.startswith(("*", "@")) else read_pattern(text)
    return EntrySource(text, location, pattern, name)


def read_pattern(text: str) -> Pattern | None:
    """What an entry is read as; None when it can't be read. Quick for an origin that needs no repair."""
    parts = parse_origin(text)
    return parse_pattern(text)[0] if parts is None else Pattern("origin", text, *parts)


def _items(value: object) -> list[Any]:
    return value if isinstance(value, list) else []
