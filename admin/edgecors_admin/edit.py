"""Adding entries to the text of a policy or list, and removing them, without changing the rest of the text."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Collection, Iterable, Iterator
from typing import Any

from edgecors.document import is_json
from edgecors.origin import parse_origin, parse_pattern

NOBODY = ","
"""A plain list without entries. Parameter Store takes no empty value; a comma alone is read as no entry."""

GrantNumber = tuple[int, int]
"""A rule and a grant in it, from 0. A rule without ``grants`` has one, number 0."""

_TOKEN = re.compile(r"[^\s,]+")


def canonical(entry: str) -> str:
    """An entry in the spelling that is compared: equivalent entries have the same text."""
    if entry.startswith("@"):
        return entry
    if parse_origin(entry) is not None:
        return entry  # as most entries are
    pattern, _ = parse_pattern(entry)
    return entry if pattern is None else pattern.text


def add_to_plain(text: str, entries: Iterable[str]) -> str:
    """The list with those entries added that are not in it yet, separated like the existing entries."""
    present = {canonical(token) for token in _TOKEN.findall(text)}
    new = [entry for entry in dict.fromkeys(entries) if entry not in present]
    if not new:
        return text
    if not present:
        return ",".join(new)
    body = text.rstrip(", \t\r\n")
    separator = _separator(text)
    return body + "".join(separator + entry for entry in new) + text[len(body) :]


def _separator(text: str) -> str:
    """The separator before the last entry; a comma when there is only one entry."""
    tokens = list(_TOKEN.finditer(text))
    return text[tokens[-2].end() : tokens[-1].start()] if len(tokens) > 1 else ","


def remove_from_plain(text: str, entries: Iterable[str]) -> str:
    """The list without the entries, whatever their spelling in it."""
    removed = set(entries)
    parts: list[str] = []
    end, changed = 0, False
    for token in _TOKEN.finditer(text):
        between = text[end : token.start()]
        end = token.end()
        if canonical(token.group()) in removed:
            changed = True
        else:
            parts += (between if parts else text[: len(text) - len(text.lstrip())], token.group())
    if not changed:
        return text
    return "".join(parts) + text[end:] if parts else NOBODY


def add_to_grant(text: str, grant: GrantNumber, entries: Iterable[str]) -> str:
    """The JSON document with the entries added to a grant's ``allow_origins``, which has to be a list."""

    def add(array: _Array) -> str:
        present = {canonical(item) for item in array.items}
        new = [json.dumps(entry, ensure_ascii=False) for entry in dict.fromkeys(entries) if entry not in present]
        return array.with_added(new)

    return _edit_origins(text, (grant,), add)


def remove_from_grants(text: str, grants: Collection[GrantNumber], entries: Iterable[str]) -> str:
    """The JSON document without the entries in the ``allow_origins`` lists of the grants."""
    removed = set(entries)
    return _edit_origins(text, grants, lambda array: array.without(removed))


def set_mode(text: str, mode: str) -> str:
    """The policy with another ``mode``. A plain list becomes a document, as only a document has a mode."""
    if not is_json(text):
        entries = _TOKEN.findall(text)
        origins: object = "*" if entries == ["*"] else entries
        return json.dumps({"version": 1, "mode": mode, "rules": [{"allow_origins": origins}]}, indent=2)
    start = _skip(text, 0)
    value = json.dumps(mode)
    members = list(_members(text, start))
    for key, begin, end in members:
        if key == "mode":
            return text[:begin] + value + text[end:]
    first = text.index('"', start)
    return f'{text[:first]}"mode": {value}, {text[first:]}' if members else f'{{"mode": {value}}}'


class _Array:
    """The text of a JSON array of strings, with the span of each item."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.items: list[str] = json.loads(text)
        self.spans = [(start, end) for _, start, end in _members(text, 0)]

    def with_added(self, new: list[str]) -> str:
        text, spans = self.text, self.spans
        if not new:
            return text
        if not spans:
            return "[" + ", ".join(new) + "]"
        between = text[spans[-2][1] : spans[-1][0]] if len(spans) > 1 else "," + (text[1 : spans[0][0]] or " ")
        return text[: spans[-1][1]] + "".join(between + entry for entry in new) + text[spans[-1][1] :]

    def without(self, removed: set[str]) -> str:
        text, spans = self.text, self.spans
        left = [span for item, span in zip(self.items, spans, strict=True) if canonical(item) not in removed]
        if len(left) == len(spans):
            return text
        if not left:
            return "[]"
        between = text[spans[0][1] : spans[1][0]]
        body = between.join(text[start:end] for start, end in left)
        return text[: spans[0][0]] + body + text[spans[-1][1] :]


def _edit_origins(text: str, grants: Collection[GrantNumber], edit: Callable[[_Array], str]) -> str:
    """The document with ``allow_origins`` of the grants edited; a grant that has no list stays as it is."""
    parts: list[str] = []
    end = 0
    for number, start, stop in _origin_arrays(text):
        if number in grants:
            parts += (text[end:start], edit(_Array(text[start:stop])))
            end = stop
    return "".join(parts) + text[end:]


# Locating values in a JSON text that is known to be valid.

_DECODER = json.JSONDecoder(strict=True)
_BLANK = re.compile(r"[ \t\r\n]*")


def _origin_arrays(text: str) -> Iterator[tuple[GrantNumber, int, int]]:
    """Each grant that has a list of origins, with the start and end of that list, in the order of the text."""
    for key, rules, _ in _members(text, _skip(text, 0)):
        for rule, start, _ in _members(text, rules) if key == "rules" else ():
            for field, value, end in _members(text, start):
                if field == "allow_origins" and text[value] == "[":
                    yield (int(rule), 0), value, end
                elif field == "grants":
                    yield from _grant_arrays(text, int(rule), value)


def _grant_arrays(text: str, rule: int, grants: int) -> Iterator[tuple[GrantNumber, int, int]]:
    for grant, start, _ in _members(text, grants):
        for field, value, end in _members(text, start):
            if field == "allow_origins" and text[value] == "[":
                yield (rule, int(grant)), value, end


def _members(text: str, start: int) -> Iterator[tuple[str | int, int, int]]:
    """Key (or number), start and end of each member of the object or array that starts there."""
    keyed = text[start] == "{"
    position, number = _skip(text, start + 1), 0
    while text[position] not in "}]":
        key: str | int = number
        if keyed:
            key, position = _value(text, position)
            position = _skip(text, _skip(text, position) + 1)  # after the colon
        _, end = _value(text, position)
        yield key, position, end
        position = _skip(text, end)
        if text[position] == ",":
            position = _skip(text, position + 1)
        number += 1


def _value(text: str, position: int) -> tuple[Any, int]:
    return _DECODER.raw_decode(text, position)


def _skip(text: str, position: int) -> int:
    blank = _BLANK.match(text, position)
    return blank.end() if blank else position
