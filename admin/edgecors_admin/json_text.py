"""Reading JSON in which a key may appear twice in one object, which Python's decoder does not report."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

_TOKEN = re.compile(r'"((?:[^"\\]|\\.)*)"(\s*:)?|[{}\[\]]|\n')


def decode(text: str) -> tuple[Any, bool]:
    """The value of a JSON text, and whether one of its objects has a key twice.

    Raises:
        json.JSONDecodeError: The text is not JSON.
        ValueError: It has a number with too many digits.
        RecursionError: It is nested too deep.
    """
    repeated = False

    def pairs(members: list[tuple[str, Any]]) -> dict[str, Any]:
        nonlocal repeated
        data = dict(members)
        repeated = repeated or len(data) < len(members)
        return data

    return json.loads(text, object_pairs_hook=pairs), repeated


def repeated_keys(text: str, name: str) -> Iterator[str]:
    """A sentence for each key that one object of a JSON text has twice, with both lines."""
    line = 1
    open_objects: list[dict[str, int]] = []
    for token in _TOKEN.finditer(text):
        symbol = token[0]
        if symbol == "\n":
            line += 1
        elif symbol in "{[":
            open_objects.append({})
        elif symbol in "}]":
            open_objects.pop()
        elif token[2] is not None:
            key = json.loads(f'"{token[1]}"')
            if first := open_objects[-1].get(key):
                yield f"{name}, line {line}: the key {key[:120]!r} is used twice in one object (first in line {first})."
            open_objects[-1].setdefault(key, line)
            line += symbol.count("\n")
