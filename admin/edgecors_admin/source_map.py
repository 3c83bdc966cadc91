"""A policy as it is written: which entry stands where. For pointing at things; what they mean the library decides."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from edgecors.origin import Pattern, parse_pattern
from edgecors.policy import split_plain, unpack


@dataclass(frozen=True)
class Entry:
    """One entry of an allowlist.

    Attributes:
        text: as it is written.
        location: where, such as ``rules[0].allow_origins[2]`` or ``@partners[4]``.
        pattern: what it is read as; None when it can't be read.
        list: the list it stands in; None for a policy's own.
    """

    text: str
    location: str
    pattern: Pattern | None
    list: str | None = None


@dataclass(frozen=True)
class WrittenRule:
    """One rule as it is written; ``data`` is the JSON object, empty for a plain list."""

    index: int
    location: str
    data: Mapping[str, Any]
    own: tuple[Entry, ...]
    lists: tuple[str, ...]

    @property
    def credentials(self) -> bool:
        """Whether the rule allows credentials."""
        return self.data.get("allow_credentials") is True

    @property
    def tolerated(self) -> tuple[str, ...]:
        """The safety errors that are switched off."""
        value = self.data.get("tolerate", ())
        return (value,) if isinstance(value, str) else tuple(str(name) for name in _items(value))


@dataclass(frozen=True)
class Written:
    """A whole policy with the lists it names. ``data`` is None for a plain list and for what is no JSON object."""

    plain: bool
    data: Mapping[str, Any] | None = None
    rules: tuple[WrittenRule, ...] = ()
    lists: Mapping[str, tuple[Entry, ...]] = field(default_factory=dict)

    def entries(self, rule: WrittenRule) -> Iterator[Entry]:
        """All entries of a rule: its own, then those of the lists it names."""
        yield from rule.own
        yield from self.inherited(rule)

    def inherited(self, rule: WrittenRule) -> tuple[Entry, ...]:
        """The entries of the lists that a rule names."""
        return tuple(entry for name in rule.lists for entry in self.lists.get(name, ()))

    def find(self, index: int, canonical: str) -> Entry | None:
        """The first entry of a rule with this canonical spelling."""
        entries = self.entries(self.rules[index]) if index < len(self.rules) else ()
        return next((e for e in entries if e.pattern is not None and e.pattern.text == canonical), None)


def read_written(text: str, lists: Mapping[str, str | None] | None = None) -> Written:
    """Whatever can be pointed at, also in a document that is rejected; nothing where not even JSON can be read."""
    try:
        text = unpack(text)
        data = json.loads(text) if text.lstrip()[:1] in ("{", "[") else None
    except (ValueError, RecursionError):
        return Written(plain=False)
    if data is None:
        rules = [_rule(0, "", {}, [(entry, f"entries[{n}]") for n, entry in enumerate(split_plain(text))])]
    elif isinstance(data, dict):
        objects = [(n, rule) for n, rule in enumerate(_items(data.get("rules"))) if isinstance(rule, dict)]
        rules = [_rule(n, f"rules[{n}]", rule, _origins(n, rule)) for n, rule in objects]
    else:
        return Written(plain=False)
    names = dict.fromkeys(name for rule in rules for name in rule.lists)
    found = {name: read_written_list(name, value) for name in names if (value := (lists or {}).get(name)) is not None}
    return Written(data is None, data, tuple(rules), found)


def read_written_list(name: str, text: str) -> tuple[Entry, ...]:
    """The entries of a list parameter; nothing when it can't be unpacked."""
    try:
        entries = split_plain(unpack(text))
    except ValueError:
        return ()
    return tuple(_entry(entry, f"@{name}[{n}]", name) for n, entry in enumerate(entries))


def _rule(index: int, location: str, data: Mapping[str, Any], texts: list[tuple[str, str]]) -> WrittenRule:
    own = tuple(_entry(text, at) for text, at in texts if not text.startswith("@"))
    lists = tuple(dict.fromkeys(text[1:] for text, _ in texts if text.startswith("@")))
    return WrittenRule(index, location, data, own, lists)


def _origins(index: int, rule: Mapping[str, Any]) -> list[tuple[str, str]]:
    value = rule.get("allow_origins")
    location = f"rules[{index}].allow_origins"
    if isinstance(value, str):
        return [(value, location)]
    return [(entry, f"{location}[{n}]") for n, entry in enumerate(_items(value)) if isinstance(entry, str)]


def _entry(text: str, location: str, name: str | None = None) -> Entry:
    # A list can neither say * nor name lists.
    pattern = None if name is not None and text.startswith(("*", "@")) else parse_pattern(text, location)[0]
    return Entry(text, location, pattern, name)


def _items(value: object) -> list[Any]:
    return value if isinstance(value, list) else []
