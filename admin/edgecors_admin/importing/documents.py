"""Text to plain values: JSON, YAML, XML and HCL, bounded so that no input can exhaust memory or the stack."""

from __future__ import annotations

import json
import re
from collections.abc import Hashable
from dataclasses import dataclass
from typing import Any
from xml.etree import ElementTree

from edgecors_admin.errors import UsageError
from edgecors_admin.importing.report import shortened, shown

MAX_TEXT = 16 * 1024 * 1024
MAX_YAML = 2 * 1024 * 1024
"""Characters. CloudFormation's own limit is 1 MB, and reading YAML is slow."""
MAX_DEPTH = 100
MAX_VALUES = 200_000
"""Values after all YAML aliases are written out. Nine levels of ten aliases each are a thousand million."""

_HCL = re.compile(r"^[ \t]*(resource|variable|locals|module|provider|terraform|data|output)\b[^\n:=]*\{", re.MULTILINE)
_JSON_TOKEN = re.compile(r'"(?:[^"\\]++|\\.)*+"?|[\[\]{}]', re.DOTALL)


@dataclass(frozen=True)
class Unresolved:
    """A value that the source does not contain: an intrinsic function or a reference, as its author wrote it."""

    text: str


@dataclass(frozen=True)
class Document:
    """A source: its syntax (``json``, ``yaml``, ``xml``, ``hcl`` or ``text``) and its plain values."""

    syntax: str
    text: str
    data: Any = None


class _SyntaxError(UsageError):
    """Not valid in the syntax that the text starts like; it may be something that is recognised by name only."""


def read_text(text: str) -> Document:
    """Read a source in whatever syntax it is.

    Raises:
        UsageError: the text is empty, too large or nested too deep. A text that is not valid in the syntax that it
            starts like is a document of syntax ``text`` with the error as its data.
    """
    text = text.removeprefix("\ufeff")
    if not text.strip():
        raise UsageError("The input is empty.")
    if len(text) > MAX_TEXT:
        raise UsageError(f"The input is larger than {MAX_TEXT // 1024 // 1024} MiB. Import the part about CORS alone.")
    try:
        return _read(text)
    except _SyntaxError as error:
        return Document("text", text, error)


def _read(text: str) -> Document:
    start = text.lstrip()[:1]
    if start == "<":
        return Document("xml", text, _read_xml(text))
    if start in ("{", "["):
        return Document("json", text, read_json(text))
    if _HCL.search(text):
        return Document("hcl", text, _read_hcl(text))
    data = read_yaml(text)
    return Document("yaml", text, data) if isinstance(data, dict | list) else Document("text", text)


def read_json(text: str) -> Any:
    """JSON in which every key stands once. Raises `UsageError`."""
    depth = 0
    for token in _JSON_TOKEN.finditer(text):
        depth += {"[": 1, "{": 1, "]": -1, "}": -1}.get(token.group(), 0)
        if depth > MAX_DEPTH:
            raise _too_deep("JSON")
    try:
        return json.loads(text, object_pairs_hook=_unique)
    except json.JSONDecodeError as error:
        line = text.splitlines()[error.lineno - 1] if text.splitlines()[error.lineno - 1 :] else ""
        raise _SyntaxError(
            f"The input starts like JSON but is not valid JSON: {error.msg} at line {error.lineno}, column "
            f"{error.colno}: {shown(line.strip())}"
        ) from None


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    data: dict[str, Any] = {}
    for key, value in pairs:
        if key in data:
            raise UsageError(f"The key {shown(key)} stands twice in one object. Remove one of the two.")
        data[key] = value
    return data


def read_yaml(text: str) -> Any:
    """YAML with CloudFormation's tags: ``!Ref X`` becomes `Unresolved`. Raises `UsageError`."""
    import yaml

    if len(text) > MAX_YAML:
        raise UsageError(f"The input is larger than {MAX_YAML // 1024 // 1024} MiB of YAML. Import JSON instead.")
    fast: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    try:
        _check_yaml_depth(yaml.parse(text, Loader=fast))
        loader = fast(text)
        node = loader.get_single_node()
        return None if node is None else _YamlReader(loader).read(node)
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        where = f" at line {mark.line + 1}, column {mark.column + 1}" if mark is not None else ""
        problem = getattr(error, "problem", None) or "a character that YAML does not allow"
        raise _SyntaxError(f"The input is not valid YAML: {shortened(problem)}{where}.") from None


def _check_yaml_depth(events: Any) -> None:
    import yaml

    depth = 0
    for event in events:
        if isinstance(event, yaml.CollectionStartEvent):
            depth += 1
            if depth > MAX_DEPTH:
                raise _too_deep("YAML")
        elif isinstance(event, yaml.CollectionEndEvent):
            depth -= 1


class _YamlReader:
    """Nodes to plain values. An alias is read once, but counts wherever it is used."""

    def __init__(self, loader: Any) -> None:
        self._loader = loader
        self._values: dict[int, tuple[Any, int]] = {}
        self._open: set[int] = set()

    def read(self, node: Any) -> Any:
        return self._read(node)[0]

    def _read(self, node: Any) -> tuple[Any, int]:
        """The value, and how many values it is made of."""
        key = id(node)
        if key not in self._values:
            if key in self._open:
                raise UsageError("The YAML has an alias that contains itself. Write the value out.")
            if len(self._open) > MAX_DEPTH:
                raise _too_deep("YAML")
            self._open.add(key)
            self._values[key] = self._build(node)
            self._open.discard(key)
        value, size = self._values[key]
        if size > MAX_VALUES:
            raise UsageError(f"The YAML has more than {MAX_VALUES:,} values once its aliases are written out.")
        return value, size

    def _build(self, node: Any) -> tuple[Any, int]:
        import yaml

        if node.tag.startswith("!"):
            return self._tagged(node), 1
        if isinstance(node, yaml.ScalarNode):
            return self._scalar(node), 1
        if isinstance(node, yaml.SequenceNode):
            items = [self._read(child) for child in node.value]
            return [value for value, _ in items], 1 + sum(size for _, size in items)
        return self._mapping(node)

    def _tagged(self, node: Any) -> Unresolved:
        import yaml

        body = node.value if isinstance(node, yaml.ScalarNode) else "..."
        return Unresolved(f"{node.tag} {body}".strip())

    def _scalar(self, node: Any) -> Any:
        if node.tag == "tag:yaml.org,2002:timestamp":
            return node.value
        try:
            return self._loader.construct_object(node)
        except ValueError:
            return node.value

    def _mapping(self, node: Any) -> tuple[dict[str, Any], int]:
        data: dict[str, Any] = {}
        merged: dict[str, Any] = {}
        total = 1
        for key_node, value_node in node.value:
            value, size = self._read(value_node)
            total += size
            if key_node.tag == "tag:yaml.org,2002:merge":
                for source in value if isinstance(value, list) else [value]:
                    merged = {**(source if isinstance(source, dict) else {}), **merged}
                continue
            key, _ = self._read(key_node)
            # YAML 1.1 reads `on`, `no` and numbers as keys of their own types.
            name = key_node.value if isinstance(key, Hashable) and not isinstance(key, str) else key
            if not isinstance(name, str):
                raise UsageError(f"Line {key_node.start_mark.line + 1} of the YAML has a key that is not text.")
            if name in data:
                line = key_node.start_mark.line + 1
                raise UsageError(f"The key {shown(name)} stands twice in one mapping (line {line}). Remove one.")
            data[name] = value
        return {**merged, **data}, total


def _too_deep(syntax: str) -> UsageError:
    return UsageError(f"The {syntax} is nested more than {MAX_DEPTH} levels deep.")


class _XmlBuilder:
    """A target of the XML parser. A document type can define entities without end, so it is refused."""

    def __init__(self) -> None:
        self._tree = ElementTree.TreeBuilder()
        self._depth = 0

    def start(self, tag: str, attributes: dict[str, str]) -> None:
        self._depth += 1
        if self._depth > MAX_DEPTH:
            raise _too_deep("XML")
        self._tree.start(tag, attributes)

    def end(self, tag: str) -> None:
        self._depth -= 1
        self._tree.end(tag)

    def data(self, data: str) -> None:
        self._tree.data(data)

    def doctype(self, name: str, pubid: str | None, system: str | None) -> None:
        raise UsageError("The XML has a document type (<!DOCTYPE>). Remove it; no CORS configuration needs one.")

    def close(self) -> ElementTree.Element:
        return self._tree.close()


def _read_xml(text: str) -> ElementTree.Element:
    parser = ElementTree.XMLParser(target=_XmlBuilder())
    try:
        parser.feed(text)
        root: ElementTree.Element = parser.close()
    except ElementTree.ParseError as error:
        raise _SyntaxError(f"The input starts like XML but is not valid XML: {error}.") from None
    return root


def _read_hcl(text: str) -> Any:
    from edgecors_admin.importing.hcl import read_hcl

    return read_hcl(text)


def line_of(text: str, number: int) -> str:
    """One line of a text, as it can stand in a message."""
    lines = text.splitlines()
    return shown(lines[number - 1].strip()) if 0 < number <= len(lines) else ""
