"""Text to plain values: JSON, YAML, XML and HCL, bounded so that no input can exhaust memory or the stack."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from itertools import islice
from typing import Any
from xml.etree import ElementTree

from edgecors_admin import json_text
from edgecors_admin.errors import UsageError
from edgecors_admin.importing.report import shown

MAX_TEXT = 16 * 1024 * 1024
MAX_YAML = 2 * 1024 * 1024
"""Characters. CloudFormation's own limit is 1 MB, and reading YAML is slow."""
MAX_DEPTH = 100
_MAX_REPEATED = 20
"""Repeated keys that are reported."""

_HCL = re.compile(r"^[ \t]*(resource|variable|locals|module|provider|terraform|data|output)\b[^\n:=]*\{", re.MULTILINE)
_JSON_TOKEN = re.compile(r'"(?:[^"\\]++|\\.)*+"?|[\[\]{}]', re.DOTALL)


@dataclass(frozen=True)
class ImportedDocument:
    """A source: its syntax (``json``, ``yaml``, ``xml``, ``hcl`` or ``text``) and its plain values."""

    syntax: str
    text: str
    data: Any = None


class _SyntaxError(UsageError):
    """Not valid in the syntax that the text starts like; it may be something that is recognised by name only."""


def read_text(text: str) -> ImportedDocument:
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
        return ImportedDocument("text", text, error)


def _read(text: str) -> ImportedDocument:
    start = text.lstrip()[:1]
    if start == "<":
        return ImportedDocument("xml", text, _read_xml(text))
    if start in ("{", "["):
        return ImportedDocument("json", text, read_json(text))
    if _HCL.search(text):
        return ImportedDocument("hcl", text, _read_hcl(text))
    data = read_yaml(text)
    return ImportedDocument("yaml", text, data) if isinstance(data, dict | list) else ImportedDocument("text", text)


def read_json(text: str) -> Any:
    """JSON in which every key stands once. Raises `UsageError`."""
    depth = 0
    for token in _JSON_TOKEN.finditer(text):
        depth += {"[": 1, "{": 1, "]": -1, "}": -1}.get(token.group(), 0)
        if depth > MAX_DEPTH:
            raise _too_deep("JSON")
    try:
        data, repeated = json_text.decode(text)
    except json.JSONDecodeError as error:
        line = text.split("\n")[error.lineno - 1]
        raise _SyntaxError(
            f"The input starts like JSON but is not valid JSON: {error.msg} at line {error.lineno}, column "
            f"{error.colno}: {shown(line.strip())}"
        ) from None
    if repeated:
        sentences = islice(json_text.repeated_keys(text, "The input"), _MAX_REPEATED)
        raise UsageError("\n".join(f"{sentence} Remove one of the two." for sentence in sentences))
    return data


def read_yaml(text: str) -> Any:
    """YAML with CloudFormation's tags as text (``"!Ref X"``). Raises `UsageError`."""
    from edgecors_admin.yaml_text import parse_yaml

    if len(text) > MAX_YAML:
        raise UsageError(f"The input is larger than {MAX_YAML // 1024 // 1024} MiB of YAML. Import JSON instead.")
    try:
        return parse_yaml(text, "The input")
    except UsageError as error:
        raise _SyntaxError(str(error)) from None


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
