"""Puts one rule together out of foreign settings, and keeps account of what has no counterpart."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from edgecors.document import PolicyError, load_policy
from edgecors.findings import ERROR
from edgecors.origin import parse_pattern

from edgecors_admin.lint import CHROMIUM_MAX_AGE

MOST_MAX_AGE = 86400


@dataclass
class Rule:
    """A rule in the making. ``lost`` are sentences about what could not be carried over, ``advice`` about what is
    left to do in the other system.
    """

    fields: dict[str, Any] = field(default_factory=dict)
    lost: list[str] = field(default_factory=list)
    advice: list[str] = field(default_factory=list)

    def origins(self, values: Iterable[str], *, both_schemes: bool = False) -> None:
        """Origins as the other system writes them; with ``both_schemes`` a name without scheme stands for both."""
        entries: list[str] = []
        values = list(values)
        if "*" in values:
            self.fields["allow_origins"] = "*"
            self.lost += [f"origin {value}: '*' allows everyone already" for value in values if value != "*"]
            return
        for value in values:
            text = value
            if "://" not in text and text != "null" and both_schemes:
                text = f"https://{value}"
                self.lost.append(f"origin {value}: carried over for https; add http://{value} if pages still need it")
            pattern, findings = parse_pattern(text)
            if pattern is None:
                wrong = next(f for f in findings if f.severity == ERROR)
                self.lost.append(f"origin {value}: {wrong.message}. {wrong.remedy}")
                continue
            if pattern.kind == "label":
                self.lost.append(f"origin {value}: here the * stands for letters, digits and hyphens, never for a dot")
            if pattern.text not in entries:
                entries.append(pattern.text)
        self.fields["allow_origins"] = entries

    def methods(self, values: Iterable[str]) -> None:
        """Methods; ``*`` and ``ALL`` are everything."""
        names = list(dict.fromkeys(values))
        if "*" in names or "ALL" in names:
            self.fields["allow_methods"] = "*"
        else:
            # Preflights are always answered; nobody lists OPTIONS to let pages send it.
            self.fields["allow_methods"] = [name for name in names if name != "OPTIONS"]

    def headers(self, values: Iterable[str]) -> None:
        """Request headers; those with a ``*`` inside can't be carried over."""
        self.fields["allow_headers"] = self._names(values, "request header")

    def expose(self, values: Iterable[str]) -> None:
        """Response headers."""
        if names := self._names(values, "exposed header"):
            self.fields["expose_headers"] = names

    def _names(self, values: Iterable[str], what: str) -> list[str] | str:
        names = list(dict.fromkeys(value.lower() for value in values))
        if "*" in names:
            return "*"
        self.lost += [f"{what} {name}: a * inside a name has no counterpart" for name in names if "*" in name]
        return [name for name in names if "*" not in name]

    def max_age(self, seconds: object) -> None:
        """Seconds; a negative number switches keeping off."""
        if isinstance(seconds, bool) or not isinstance(seconds, int):
            if seconds is not None:
                self.lost.append(f"max age {seconds!r} is no number")
            return
        age = min(max(seconds, 0), MOST_MAX_AGE)
        if seconds > MOST_MAX_AGE:
            self.lost.append(f"max age {seconds}: no browser keeps an answer for longer than {MOST_MAX_AGE} s")
        if age != CHROMIUM_MAX_AGE:
            self.fields["max_age"] = age

    def credentials(self, allowed: object) -> None:
        """Whether credentials are allowed."""
        if allowed is True or (isinstance(allowed, str) and allowed.lower() == "true"):
            self.fields["allow_credentials"] = True

    def finish(self) -> dict[str, Any]:
        """The policy. What the parser rejects is taken out again and reported, so that it is never wider."""
        self.fields.setdefault("allow_origins", [])
        self._without_unsafe()
        for _ in range(100):
            policy = {"version": 1, "rules": [self.fields]}
            try:
                load_policy(_text(policy))
            except PolicyError as error:
                self._drop(error)
            else:
                return policy
        raise AssertionError("a rule of defaults is always accepted")

    def _without_unsafe(self) -> None:
        """`*` and exposed `*` do not go with credentials; the origins matter more than the cookies."""
        if self.fields.get("allow_credentials"):
            if self.fields["allow_origins"] == "*":
                del self.fields["allow_credentials"]
                self.lost.append("credentials: not for everyone; list the origins that may send cookies")
            elif self.fields.get("expose_headers") == "*":
                del self.fields["expose_headers"]
                self.lost.append("exposed headers *: with credentials browsers want them by name")

    def _drop(self, error: PolicyError) -> None:
        """Take out the first thing that is rejected."""
        first = error.errors[0]
        field_name, _, rest = first.location.removeprefix("rules[0].").partition("[")
        self.lost.append(f"{field_name.replace('_', ' ')}: {first.message}. {first.remedy}")
        if rest and isinstance(self.fields.get(field_name), list):
            del self.fields[field_name][int(rest.rstrip("]"))]
        else:
            del self.fields[field_name]


def _text(policy: dict[str, Any]) -> str:
    import json

    return json.dumps(policy)
