"""Values of a source with their locations. Keys that nobody asked for are reported."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from edgecors_admin.importing.report import MAX_FINDINGS_OF_ONE_CODE, ImportReport, shown

_TAG = re.compile(r"^![A-Za-z:]+( |$)")
"""A function of CloudFormation as a tag of YAML: ``!Ref X``, ``["!If", ...]``, ``{"!Transform": ...}``."""
_INTRINSIC = re.compile(r"^(Ref|Condition|Fn::[A-Za-z:]+)$")


@dataclass(frozen=True)
class Text:
    """A string of the source."""

    text: str
    location: str


@dataclass(frozen=True)
class Value:
    """A value of the source, wherever it stands."""

    data: Any
    location: str
    report: ImportReport

    def child(self, key: str | int) -> Value:
        """The value of a key or an index. Marks nothing as read."""
        name = f"[{key}]" if isinstance(key, int) else f".{key}" if self.location else key
        return Value(self.data[key], f"{self.location}{name}", self.report)

    def get(self, *keys: str) -> Value | None:
        """The value at a path of exact keys; None where it is missing or empty."""
        value = self
        for key in keys:
            if not isinstance(value.data, Mapping) or value.data.get(key) is None:
                return None
            value = value.child(key)
        return value

    def raw(self, key: str) -> Any:
        """What stands at a key, as it is; None where nothing does."""
        return self.data.get(key) if isinstance(self.data, Mapping) else None

    def name(self, *keys: str) -> str:
        """The first of these keys that has a text; empty if none has."""
        texts = (self.raw(key) for key in keys)
        return next((text for text in texts if isinstance(text, str) and text), "")

    def members(self) -> list[tuple[str, Value]]:
        """The keys of a mapping with their values; nothing for anything else."""
        return [(key, self.child(key)) for key in self.data] if isinstance(self.data, Mapping) else []

    def items(self) -> list[Value]:
        """The items of a list; a value that is not a list is its only item."""
        if isinstance(self.data, list):
            return [self.child(index) for index in range(len(self.data))]
        return [self]

    @property
    def unresolved(self) -> str | None:
        """The text of a variable or an intrinsic function; None for anything else."""
        data = self.data
        if isinstance(data, str):
            return data if "${" in data or _TAG.match(data) else None
        if isinstance(data, list):
            return f"{data[0]} [...]" if data and isinstance(data[0], str) and _TAG.match(data[0]) else None
        if isinstance(data, Mapping) and len(data) == 1:
            (key, value), *_ = data.items()
            if isinstance(key, str) and (_INTRINSIC.match(key) or _TAG.match(key)):
                return f"{key} {value}" if isinstance(value, str) else key
        return None

    def resolved(self) -> bool:
        """Whether the value is there; one that is not is reported."""
        if (text := self.unresolved) is not None:
            self.report.unresolved(self.location, text)
        return text is None

    def section(self) -> Section | None:
        """The value as a mapping; anything else is reported."""
        self.report.locations.add(self.location)
        if not self.resolved():
            return None
        if not isinstance(self.data, Mapping):
            self._unreadable("an object")
            return None
        return Section(self)

    def texts(self, *, split: bool) -> list[Text]:
        """The strings of a list, or of one string.

        Args:
            split: whether commas inside a string separate values.
        """
        self.report.locations.add(self.location)
        if not self.resolved():
            return []
        texts: list[Text] = []
        for item in self.items():
            if isinstance(item.data, list):
                texts += item.texts(split=split)
            elif not item.resolved():
                continue
            elif not isinstance(item.data, str):
                item._unreadable("text")
            elif split:
                texts += [Text(part.strip(), item.location) for part in item.data.split(",") if part.strip()]
            else:
                texts.append(Text(item.data, item.location))
        return texts

    def is_true(self) -> bool:
        """Whether the value is true, also as text."""
        if not self.resolved():
            return False
        if isinstance(self.data, bool):
            return self.data
        text = str(self.data).strip("'\" ").lower()
        if text not in ("true", "false"):
            self._unreadable("true or false")
        return text == "true"

    def seconds(self) -> int | None:
        """A whole number, also as text; None for anything else, which is reported."""
        if not self.resolved():
            return None
        text = str(self.data).strip("'\" ").removesuffix(".0")
        if isinstance(self.data, bool) or not re.fullmatch(r"-?\d{1,10}", text, re.ASCII):
            self._unreadable("a whole number of seconds")
            return None
        return int(text)

    def _unreadable(self, expected: str) -> None:
        message = f"{shown(self.data)} is not {expected}"
        self.report.skip("import-value", self.location, message, f"Write {expected}.")


class Section:
    """A mapping of which every key is either asked for or reported.

    Names are compared without regard to case, ``_`` and ``-``: one setting is ``AllowOrigins`` in CloudFormation,
    ``allow_origins`` in Terraform and ``allowOrigins`` in an SDK.
    """

    def __init__(self, value: Value) -> None:
        self.value = value
        self._keys: dict[str, list[str]] = {}
        for key in value.data:
            self._keys.setdefault(folded(key), []).append(key)
        self._read: set[str] = set()

    @property
    def location(self) -> str:
        """Where the section stands."""
        return self.value.location

    @property
    def report(self) -> ImportReport:
        """Where findings go."""
        return self.value.report

    def take(self, *names: str) -> Value | None:
        """The value of the first of these names that is there and not null."""
        for name in names:
            for key in self._keys.get(folded(name), ()):
                self._read.add(key)
                if self.value.data[key] is not None:
                    return self.value.child(key)
        return None

    def ignore(self, *names: str) -> None:
        """These keys are not about CORS."""
        for name in names:
            self._read.update(self._keys.get(folded(name), ()))

    def unread(self) -> list[str]:
        """The keys that nobody asked for, as the source writes them."""
        return [key for keys in self._keys.values() for key in keys if key not in self._read]

    def finish(self, known: Iterable[str]) -> None:
        """Report the keys that nobody asked for, with the name that was probably meant."""
        for number, key in enumerate(self.unread()):
            near = nearest(key, known) if number < MAX_FINDINGS_OF_ONE_CODE else None
            remedy = f"Did you mean {near}? Correct it and import again." if near else ""
            self.report.warn("import-unread-key", f"{self.location}.{key}".lstrip("."), "was not read", remedy)


def folded(name: object) -> str:
    """A name without case, ``_`` and ``-``."""
    return str(name).lower().replace("_", "").replace("-", "")


def nearest(key: str, known: Iterable[str]) -> str | None:
    """The known name that a key was probably meant to be."""
    import difflib

    names = {folded(name): name for name in known}
    # allowOrigins for allowedOrigins is the usual mistake: the words agree, their forms do not.
    for name, known_name in names.items():
        if _stem(name) == _stem(folded(key)):
            return known_name
    close = difflib.get_close_matches(folded(key), names, n=1, cutoff=0.75)
    return names[close[0]] if close else None


def _stem(name: str) -> str:
    return re.sub(r"(ed|s)\b|ed(?=origin|method|header|cred|resp)|response|accesscontrol", "", name)
