"""Reading YAML: plain values only, duplicate keys refused, and bounded whatever the text holds."""

from __future__ import annotations

import math
import re
from typing import Any

import yaml

from edgecors_admin.errors import UsageError

MAX_DEPTH = 64
"""Levels of nesting. A policy has six."""
MAX_NODES = 500_000
"""Values, with every alias counted as often as it is used: a few lines of nested aliases can stand for billions."""

_Loader: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)  # libyaml is ten times as fast
_TAG = "tag:yaml.org,2002:"
_DECIMAL = re.compile(r"[-+]?(0|[1-9][0-9]*)")


def parse_yaml(text: str, name: str, *, strict: bool = False) -> Any:
    """The value of a YAML text.

    Args:
        text: The text.
        name: What to call it in messages, such as the file's name.
        strict: Refuse what YAML versions read differently (``yes``, ``NO``, ``010``) and tags. Otherwise these words
            are read as YAML 1.1 does, and tags such as CloudFormation's ``!Ref`` are kept as text.

    Raises:
        UsageError: With the line of everything that can't be read.
    """
    try:
        _check_depth(text, name)
        node = yaml.compose(text, Loader=_Loader)
    except yaml.YAMLError as error:
        raise UsageError(_describe(error, text, name)) from None
    except RecursionError:
        raise UsageError(_too_deep(name)) from None
    if node is None:
        return None
    builder = _Builder(name, strict)
    try:
        builder.measure(node)
    except RecursionError:
        raise UsageError(_too_deep(name)) from None
    value = builder.build(node)
    if builder.problems:
        raise UsageError("\n".join(builder.problems))
    return value


def _check_depth(text: str, name: str) -> None:
    depth = 0
    for event in yaml.parse(text, Loader=_Loader):
        if isinstance(event, yaml.CollectionStartEvent):
            depth += 1
            if depth > MAX_DEPTH:
                raise UsageError(_too_deep(name))
        elif isinstance(event, yaml.CollectionEndEvent):
            depth -= 1


def _too_deep(name: str) -> str:
    return f"{name} is nested more than {MAX_DEPTH} levels deep. A policy has at most six."


def _describe(error: yaml.YAMLError, text: str, name: str) -> str:
    """The error in one sentence, with the line it is in and what to write instead."""
    mark = getattr(error, "problem_mark", None)
    problem = str(getattr(error, "problem", None) or getattr(error, "reason", None) or error)
    if mark is None:
        return f"{name} is not valid YAML: {problem}."
    lines = text.splitlines()
    whole = lines[mark.line] if mark.line < len(lines) else ""
    line = whole.strip()
    remedy = ""
    # The character says what is wrong: the texts of PyYAML and libyaml differ.
    if _starts_alias(error, text):
        problem, remedy = "an unquoted * starts a YAML alias", ' Put it in quotes: "*".'
    elif text[mark.index : mark.index + 1] == "@":
        problem, remedy = "an unquoted @ can't start a YAML value", ' Put it in quotes: "@partners".'
    elif "\t" in whole[: len(whole) - len(whole.lstrip())]:
        problem, remedy = "a tab is used for indentation", " Use spaces."
    shown = f": {line[:120]!r}" if line else ""
    return f"{name}, line {mark.line + 1}, column {mark.column + 1}: not valid YAML, {problem}{shown}.{remedy}"


def _starts_alias(error: Any, text: str) -> bool:
    """Whether the error is at a ``*``, or at the first character behind it, which can't be in an alias."""
    index = error.problem_mark.index
    context = getattr(error, "context_mark", None)
    start = context.index if context is not None and context.index == index - 1 else index
    return text[start : start + 1] == "*"


class _Builder:
    """Makes plain values of composed nodes, and collects what can't be read."""

    def __init__(self, name: str, strict: bool) -> None:
        self._name = name
        self._strict = strict
        self._sizes: dict[int, tuple[int, int] | None] = {}
        self._values: dict[int, Any] = {}
        self.problems: list[str] = []

    def measure(self, node: Any) -> tuple[int, int]:
        """How many values are below a node and how deep, aliases expanded. Raises `UsageError` beyond the limits."""
        key = id(node)
        if key in self._sizes:
            size = self._sizes[key]
            if size is None:
                raise UsageError(f"{self._at(node)}an alias contains itself.")
            return size
        self._sizes[key] = None
        parts: list[Any] = []
        if isinstance(node, yaml.MappingNode):
            parts = [part for pair in node.value for part in pair]
        elif isinstance(node, yaml.SequenceNode):
            parts = node.value
        count, depth = 1, 0
        for part in parts:
            below = self.measure(part)
            count, depth = count + below[0], max(depth, below[1] + 1)
        if count > MAX_NODES:
            raise UsageError(f"{self._name} stands for more than {MAX_NODES:,} values when its aliases are expanded.")
        if depth > MAX_DEPTH:
            raise UsageError(_too_deep(self._name))
        self._sizes[key] = (count, depth)
        return count, depth

    def build(self, node: Any) -> Any:
        if isinstance(node, yaml.ScalarNode):
            return self._scalar(node)
        key = id(node)
        if key not in self._values:
            self._values[key] = self._collection(node)
        return self._values[key]

    def _collection(self, node: Any) -> Any:
        if isinstance(node, yaml.SequenceNode):
            items = [self._item(part) for part in node.value]
            return items if self._plain_tag(node) else [node.tag, *items]
        mapping = self._mapping(node)
        return mapping if self._plain_tag(node) else {node.tag: mapping}

    def _item(self, node: Any) -> Any:
        if self._strict and node.tag == f"{_TAG}null" and node.value.lower() == "null":
            # No list of a policy can have a missing value, and "null" is an origin.
            self._problem(node, f'{node.value} without quotes is a missing value in YAML. Put it in quotes: "null".')
        return self.build(node)

    def _plain_tag(self, node: Any) -> bool:
        if node.tag in (f"{_TAG}seq", f"{_TAG}map"):
            return True
        if self._strict:
            self._problem(node, f"the tag {node.tag} is not supported. Write plain values.")
        return False

    def _mapping(self, node: Any) -> dict[str, Any]:
        merged: dict[str, Any] = {}
        own: dict[str, Any] = {}
        lines: dict[str, int] = {}
        for key_node, value_node in node.value:
            if key_node.tag == f"{_TAG}merge":
                value = self.build(value_node)
                for source in reversed(value if isinstance(value, list) else [value]):
                    merged.update(source if isinstance(source, dict) else {})
                continue
            if not isinstance(key_node, yaml.ScalarNode):
                self._problem(key_node, "a key has to be plain text.")
                continue
            key, line = key_node.value, key_node.start_mark.line + 1
            if key in lines:
                self._problem(
                    key_node, f"the key {key!r} is used twice in one mapping (first in line {lines[key]}). Remove one."
                )
            lines.setdefault(key, line)
            own[key] = self.build(value_node)
        return {**merged, **own}

    def _scalar(self, node: Any) -> Any:
        kind, value = node.tag.removeprefix(_TAG), node.value
        if kind == "null":
            return None
        if kind == "bool":
            if self._strict and value.lower() not in ("true", "false"):
                self._problem(node, f"{value} is a boolean in YAML. Write true or false, or put text in quotes.")
            return value.lower() in ("true", "yes", "on")
        if kind in ("int", "float"):
            return self._number(node, kind)
        if node.tag.startswith("!"):
            if self._strict:
                self._problem(node, f"the tag {node.tag} is not supported. Write plain values.")
            return f"{node.tag} {value}".rstrip()
        return value  # text; dates and the rest are text to a policy as well

    def _number(self, node: Any, kind: str) -> Any:
        value = node.value
        if kind == "int" and _DECIMAL.fullmatch(value):
            return int(value) if len(value) < 400 else value
        try:
            number = float(value.replace("_", "")) if kind == "float" else int(value, 0)
        except ValueError:
            number = math.nan
        if self._strict and (kind == "int" or not math.isfinite(number)):
            self._problem(node, f"{value} is not a plain decimal number. Put text in quotes.")
        return number if math.isfinite(number) else value

    def _problem(self, node: Any, message: str) -> None:
        self.problems.append(self._at(node) + message)

    def _at(self, node: Any) -> str:
        return f"{self._name}, line {node.start_mark.line + 1}: "
