"""The difference between two texts of a policy or list, for people: its lines, and how many entries it concerns."""

from __future__ import annotations

import difflib
import json
from collections import Counter

from edgecors.document import is_json

from edgecors_admin.edit import canonical

MAX_COMPARED_LINES = 4000
"""Lines that difflib compares in order; its time grows with their square."""


def text_difference_lines(old: str, new: str) -> list[str]:
    """A unified difference without its head. JSON is formatted first, so that one long line shows what changed."""
    before, after = readable_lines(old), readable_lines(new)
    start = 0
    shorter = min(len(before), len(after))
    while start < shorter and before[start] == after[start]:
        start += 1
    end = 0
    while end < shorter - start and before[-1 - end] == after[-1 - end]:
        end += 1
    if len(before) + len(after) - 2 * (start + end) <= MAX_COMPARED_LINES:
        first, last = max(0, start - 2), max(0, end - 2)
        middle = (before[first : len(before) - last], after[first : len(after) - last])
        return list(difflib.unified_diff(*middle, lineterm="", n=2))[2:]
    # Too many lines to align: what was removed and added, whatever the order.
    removed, added = Counter(before), Counter(after)
    return [
        *(f"-{text}" for text in (removed - added).elements()),
        *(f"+{text}" for text in (added - removed).elements()),
    ]


def changed_entries(old: str, new: str) -> tuple[int, int]:
    """How many entries of allowlists a change adds and removes, wherever they are in the text."""
    before, after = _entries(old), _entries(new)
    return len(after - before), len(before - after)


def _entries(text: str) -> set[str]:
    if not is_json(text):
        return {canonical(entry) for entry in text.replace(",", " ").split()}
    try:
        data = json.loads(text)
    except (ValueError, RecursionError):
        return set()
    entries: set[str] = set()
    pending = [data]
    while pending:
        value = pending.pop()
        if isinstance(value, dict):
            origins = value.get("allow_origins", ())
            texts = [origins] if isinstance(origins, str) else origins if isinstance(origins, list) else []
            entries.update(canonical(text) for text in texts if isinstance(text, str))
            pending += [value[key] for key in ("rules", "grants") if key in value]
        elif isinstance(value, list):
            pending += value
    return entries


def readable_lines(text: str) -> list[str]:
    """The text in lines: JSON formatted, plain lists with one entry a line."""
    if not is_json(text):
        return text.replace(",", " ").split()
    try:
        return json.dumps(json.loads(text), indent=2, ensure_ascii=False).splitlines()
    except (ValueError, RecursionError):
        return text.splitlines()
