"""What is wrong with a parameter as it is now, and whether that is its own fault.

A site and a list can be fine each and wrong together. The one written last is then at fault, so that the answer does
not depend on whose event comes first.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime

from edgecors.allowlist import is_name
from edgecors.document import PolicyError, load_policy
from edgecors.findings import ERROR, SKIPPED, Finding
from edgecors_admin.lint import lint, lint_list
from edgecors_admin.source_map import read_written, read_written_list
from edgecors_admin.widening import widened

from .change import SITES
from .parameters import History, Home, Version

_SAFE_PLACE = re.compile(r"@[\w.-]+(\[\d+\])?|(entries|rules)(\[\d+\])?")


@dataclass(frozen=True)
class Found:
    """A finding, the parameter's name that it stands in or comes to light in, and whether its words show a value."""

    about: str
    finding: Finding
    secret: bool = False

    def __str__(self) -> str:
        if not self.secret:
            return f"{self.about}: {self.finding}"
        # The words of a finding quote the value, and so may the end of its place.
        location = _SAFE_PLACE.match(self.finding.location)
        where = location[0] if location else "document"
        return f"{self.about}: {self.finding.code} at {where} (the value is not shown)"


@dataclass(frozen=True)
class Review:
    """What there is to say of one parameter.

    Attributes:
        errors: why the value is invalid; nothing when it is good.
        skipped: entries that are left out, which only narrows.
        others: what is less than that; for the log.
        users: for a list the sites that name it.
    """

    errors: tuple[Found, ...] = ()
    skipped: tuple[Found, ...] = ()
    others: tuple[Found, ...] = ()
    users: tuple[Version, ...] = ()

    @property
    def valid(self) -> bool:
        """Whether the value may be copied and kept."""
        return not self.errors


@dataclass
class _Sorted:
    errors: list[Found] = field(default_factory=list)
    skipped: list[Found] = field(default_factory=list)
    others: list[Found] = field(default_factory=list)

    def add(self, found: Found) -> None:
        kinds = {ERROR: self.errors, SKIPPED: self.skipped}
        kind = kinds.get(found.finding.severity, self.others)
        if found not in kind:
            kind.append(found)

    def review(self, users: Iterable[Version] = ()) -> Review:
        return Review(tuple(self.errors), tuple(self.skipped), tuple(self.others), tuple(users))


def review(kind: str, version: Version, home: Home, *, written: datetime | None = None) -> Review:
    """Reviews a site's or a list's version as if it were the parameter's value.

    Args:
        kind: ``sites`` or ``lists``.
        version: what to review.
        home: where the lists, or the sites, around it are.
        written: when it counts as written; its own date when left out.
    """
    if kind == SITES:
        return _review_site(version, home, written or version.modified)
    return _review_list(version, home, written or version.modified)


def _review_site(site: Version, home: Home, written: datetime) -> Review:
    document = read_written(site.value)
    lists = home.lists(lists_of(site))
    secret = site.secret or any(v is not None and v.secret for v in lists.values())
    sorted_ = _Sorted()
    for finding in lint(site.value, _values(lists)):
        part = lists.get(_list_named(finding.location))
        if finding.severity == ERROR and part is not None and part.modified > written:
            continue  # that list's own event deals with it
        sorted_.add(Found(site.name, finding, secret))
    if document.plain and not lists:
        for rule in document.rules:
            if (rule.own or rule.lists) and all(entry.pattern is None for entry in rule.own):
                sorted_.add(Found(site.name, _nothing_readable(""), secret))
    return sorted_.review()


def _review_list(part: Version, home: Home, written: datetime) -> Review:
    sorted_ = _Sorted()
    for finding in lint_list(part.short, part.value):
        # What can't be unpacked is an error here: nothing of the list serves.
        severity = ERROR if finding.code == "unreadable" else finding.severity
        graver = Finding(severity, finding.code, finding.location, finding.message, finding.remedy)
        sorted_.add(Found(part.name, graver, part.secret))
    entries = read_written_list(part.short, part.value)
    if entries and all(entry.pattern is None for entry in entries):
        sorted_.add(Found(part.name, _nothing_readable(f"@{part.short}"), part.secret))
    users = users_of(part.short, home)
    for site in users:
        values = {**_values(home.lists(lists_of(site))), part.short: part.value}
        for finding in lint(site.value, values):
            if _list_named(finding.location) != part.short or finding.severity not in (ERROR, SKIPPED):
                continue
            if finding.severity == SKIPPED or written > site.modified:
                found = Found(site.name, finding, part.secret or site.secret)
                if not any(f.finding == finding for f in (*sorted_.errors, *sorted_.skipped)):
                    sorted_.add(found)
    return sorted_.review(users)


def users_of(name: str, home: Home) -> tuple[Version, ...]:
    """The sites whose policies name a list."""
    return tuple(site for site in home.sites() if name in lists_of(site))


def lists_of(site: Version) -> tuple[str, ...]:
    """The lists that a policy names, also one that is invalid."""
    names = dict.fromkeys(name for rule in read_written(site.value).rules for name in rule.lists)
    # Parameter Store would reject the whole request for a name that can't be one.
    return tuple(name for name in names if is_name(name))


def _values(lists: Mapping[str, Version | None]) -> dict[str, str | None]:
    return {name: None if version is None else version.value for name, version in lists.items()}


def _list_named(location: str) -> str:
    """The list that a finding's location stands in, such as ``@partners[3]``; empty when it is no list's."""
    return location[1:].partition("[")[0] if location.startswith("@") else ""


def _nothing_readable(location: str) -> Finding:
    """An error for a value that only looks like a list: a sentence, half a JSON document, a wrong paste."""
    message = "not one entry can be read as an origin, so nobody is allowed"
    remedy = "Write origins separated by commas. To allow nobody, delete the parameter."
    return Finding(ERROR, "nothing-readable", location, message, remedy)


def opened(history: History) -> tuple[Version, tuple[Found, ...]] | None:
    """The version that opened a site to everyone, if it still is, with what was opened; None when nothing was.

    That need not be the last write: several may have come before the guard saw the first of them.
    """
    current = history.current
    at = current
    for earlier in reversed(history.earlier):
        if _is_rejected(earlier.value):
            continue  # it never served
        if found := widened(earlier.value, current.value):
            return at, _openings(current, found)
        at = earlier
    found = widened(None, current.value)
    return (at, _openings(current, found)) if found else None


def _openings(site: Version, found: Iterable[Finding]) -> tuple[Found, ...]:
    return tuple(Found(site.name, finding, site.secret) for finding in found)


def _is_rejected(text: str) -> bool:
    try:
        load_policy(text)
    except PolicyError:
        return True
    return False
