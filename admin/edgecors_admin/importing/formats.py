"""The protocol of a format: recognise a document, and read it into resources."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from edgecors_admin.importing.documents import ImportedDocument
from edgecors_admin.importing.rules import Resource
from edgecors_admin.importing.sections import Value


@dataclass(frozen=True)
class Format:
    """A kind of source.

    Attributes:
        name: what ``--format`` calls it.
        title: what it is, in words.
        recognise: whether a document is of this kind.
        read: the resources of a document; findings go to the value's report.
        hint: how variables of this format get their values.
    """

    name: str
    title: str
    recognise: Callable[[ImportedDocument], bool]
    read: Callable[[Value], list[Resource]]
    hint: str = ""
