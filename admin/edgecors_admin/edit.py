"""Adding entries to the text of a policy or list, and removing them, leaving the rest of the text as it is."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable
from typing import Any

from edgecors.origin import parse_pattern

NOBODY = ","
"""A plain list without entries. Parameter Store takes no empty value; a comma alone is read as no entry."""

_TOKEN = re.compile(r"[^\s,]+")


def is_json(text: str) -> bool:
    """Whether the text is a JSON document, as the library tells them apart."""
    return text.lstrip()[:1] in ("{", "[")


def canonical(entry: str) -> str:
    """An entry in the spelling that is compared: of two that mean the same, the texts are the same."""
    if entry.startswith("@"):
        return entry
    pattern, _ = parse_pattern(entry)
    return entry if pattern is None else pattern.text


def add_to_plain(text: str, entries: Iterable[str]) -> str:
    """The list with the entries that do not stand in it yet, separated as the others are."""
    present = {canonical(token) for token in _TOKEN.findall(text)}
    new = [entry for entry in dict.fromkeys(entries) if entry not in present]
    if not new:
        return text
    if not present:
        return ",".join(new)
    body = text.rstrip(", \t\r\n")
    return body + "".join(_separator(text) + entry for entry in new) + text[len(body) :]


def _separator(text: str) -> str:
    """What stands between the last two entries; a comma where there is one entry only."""
    tokens = list(_TOKEN.finditer(text))
    return text[tokens[-2].end() : tokens[-1].start()] if len(tokens) > 1 else ","


def remove_from_plain(text: str, entries: Iterable[str]) -> str:
    """The list without the entries, however they are spelled in it."""
    gone = set(entries)
    kept, removed, end = "", False, 0
    for token in _TOKEN.finditer(text):
        between = text[end : token.start()]
        end = token.end()
        if canonical(token.group()) in gone:
            removed = True
        else:
            kept += (between if kept else text[: len(text) - len(text.lstrip())]) + token.group()
    return text if not removed else (kept + text[end:] if kept else NOBODY)


def add_to_rule(text: str, rule: int, entries: Iterable[str]) -> str:
    """The JSON document with the entries added to a rule's ``allow_origins``, which has to be a list."""

    def add(items: list[str], spans: list[tuple[int, int]], array: str) -> str:
        present = {canonical(item) for item in items}
        new = [json.dumps(entry, ensure_ascii=False) for entry in dict.fromkeys(entries) if entry not in present]
        if not new:
            return array
        if not spans:
            return "[" + ", ".join(new) + "]"
        between = array[spans[-2][1] : spans[-1][0]] if len(spans) > 1 else "," + (array[1 : spans[0][0]] or " ")
        return array[: spans[-1][1]] + "".join(between + entry for entry in new) + array[spans[-1][1] :]

    return _edit_origins(text, rule, add)


def remove_from_rule(text: str, rule: int, entries: Iterable[str]) -> str:
    """The JSON document without the entries in a rule's ``allow_origins``, which has to be a list."""
    gone = set(entries)

    def remove(items: list[str], spans: list[tuple[int, int]], array: str) -> str:
        kept = [span for item, span in zip(items, spans, strict=True) if canonical(item) not in gone]
        if len(kept) == len(spans):
            return array
        if not kept:
            return "[]"
        between = array[spans[0][1] : spans[1][0]]
        body = between.join(array[start:end] for start, end in kept)
        return array[: spans[0][0]] + body + array[spans[-1][1] :]

    return _edit_origins(text, rule, remove)


def _edit_origins(text: str, rule: int, edit: Callable[[list[str], list[tuple[int, int]], str], str]) -> str:
    start, end = _span(text, ("rules", rule, "allow_origins"))
    array = text[start:end]
    items = json.loads(array)
    spans = [(position, stop) for _, position, stop in _members(array, 0)]
    return text[:start] + edit(items, spans, array) + text[end:]


# Finding a value's place in a JSON text that is known to be valid.

_DECODER = json.JSONDecoder(strict=True)
_BLANK = re.compile(r"[ \t\r\n]*")


def _span(text: str, path: Iterable[str | int]) -> tuple[int, int]:
    start = _skip(text, 0)
    end = len(text)
    for step in path:
        start, end = next((s, e) for key, s, e in _members(text, start) if key == step)
    return start, end


def _members(text: str, start: int) -> Iterable[tuple[str | int, int, int]]:
    """Key (or number), start and end of each member of the object or array that starts there."""
    keyed = text[start] == "{"
    position, number = _skip(text, start + 1), 0
    while text[position] not in "}]":
        key: str | int = number
        if keyed:
            key, position = _value(text, position)
            position = _skip(text, _skip(text, position) + 1)  # behind the colon
        _, end = _value(text, position)
        yield key, position, end
        position = _skip(text, end)
        if text[position] == ",":
            position = _skip(text, position + 1)
        number += 1


def _value(text: str, position: int) -> tuple[Any, int]:
    return _DECODER.raw_decode(text, position)


def _skip(text: str, position: int) -> int:
    found = _BLANK.match(text, position)
    return found.end() if found else position
