"""What is wrong with a parameter.

Every parameter has its own owner. `review` therefore sees one value and nothing else: whether a value is valid, copied
or reverted never depends on another owner's parameter. What parameters are together, `together` says; that is for
people to read and changes nothing.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from edgecors.allowlist import is_name
from edgecors.document import PolicyError, load_policy
from edgecors.findings import ERROR, SKIPPED, WARNING, Finding
from edgecors.packing import unpack
from edgecors_admin.lint import lint, lint_list
from edgecors_admin.sites import names_of_lists
from edgecors_admin.source_map import read_written, read_written_list
from edgecors_admin.widening import widened

from .home import site_of_alias

if TYPE_CHECKING:
    from edgecors_admin.parameter_store import Kind, Stored

    from .home import History, HomeParameters

_SAFE_LOCATION = re.compile(r"@[\w.-]+(\[\d+\])?|(entries|rules)(\[\d+\])?")
_UNUSABLE = ("unreadable", "too-large")
"""Findings about a list as a whole: nothing of the list can be used."""


@dataclass(frozen=True)
class ParameterFinding:
    """A finding with the parameter that it is about.

    Attributes:
        parameter: the parameter's full name.
        finding: the finding.
        secret: whether the finding's words may quote a secret value.
    """

    parameter: str
    finding: Finding
    secret: bool = False

    def __str__(self) -> str:
        if not self.secret:
            return f"{self.parameter}: {self.finding}"
        # The words of a finding quote the value, and so may the end of its location.
        match = _SAFE_LOCATION.match(self.finding.location)
        location = match[0] if match else "document"
        return f"{self.parameter}: {self.finding.code} at {location} (the value is not shown)"


@dataclass(frozen=True)
class Review:
    """The findings about one parameter's value.

    Attributes:
        errors: why the value is invalid; empty for a valid value.
        skipped: entries that are skipped, which only narrows.
        others: warnings, repairs and notes.
    """

    errors: tuple[ParameterFinding, ...] = ()
    skipped: tuple[ParameterFinding, ...] = ()
    others: tuple[ParameterFinding, ...] = ()

    @property
    def valid(self) -> bool:
        """Whether the value may be copied, and stays."""
        return not self.errors


def review(kind: Kind, version: Stored) -> Review:
    """Review one version of a site, list or alias by its value alone."""
    findings = {"sites": _site_findings, "lists": _list_findings, "aliases": _alias_findings}[kind](version)
    about = [ParameterFinding(version.name, finding, version.secret) for finding in dict.fromkeys(findings)]
    return Review(
        tuple(one for one in about if one.finding.severity == ERROR),
        tuple(one for one in about if one.finding.severity == SKIPPED),
        tuple(one for one in about if one.finding.severity not in (ERROR, SKIPPED)),
    )


def _site_findings(site: Stored) -> list[Finding]:
    # Without the lists: their entries are their owners' business.
    names = names_of_lists(site.value)
    findings = [finding for finding in lint(site.value) if not _is_about_lists(finding, names)]
    document = read_written(site.value)
    if document.plain and not any(is_name(name) for name in names):
        for rule in document.rules:
            if (rule.own or rule.lists) and all(entry.pattern is None for entry in rule.own):
                findings.append(_nothing_readable(""))
    return findings


def _is_about_lists(finding: Finding, names: tuple[str, ...]) -> bool:
    # A rule that names lists allows whoever they list.
    return finding.location.startswith("@") or (bool(names) and finding.code == "allows-nobody")


def _list_findings(list_: Stored) -> list[Finding]:
    name = list_.short_name
    findings = []
    for finding in lint_list(name, list_.value):
        severity = ERROR if finding.code in _UNUSABLE else finding.severity
        findings.append(Finding(severity, finding.code, finding.location, finding.message, finding.remedy))
    entries = read_written_list(name, list_.value)
    if entries and all(entry.pattern is None for entry in entries):
        findings.append(_nothing_readable(f"@{name}"))
    return findings


def _alias_findings(alias: Stored) -> list[Finding]:
    if is_name(site_of_alias(alias)):
        return []
    message = "the value is not a valid site name"
    return [Finding(ERROR, "bad-site-name", "", message, "Write the name of one site: letters, digits, _ . and -.")]


def _nothing_readable(location: str) -> Finding:
    """An error for a value that is not a list at all: a sentence, half a JSON document, a wrong paste."""
    message = "no entry can be read as an origin, so nobody is allowed"
    remedy = "Write origins separated by commas. To allow nobody, delete the parameter."
    return Finding(ERROR, "nothing-readable", location, message, remedy)


def together(kind: Kind, version: Stored, home: HomeParameters, users: Iterable[Stored]) -> list[ParameterFinding]:
    """Findings about a parameter together with other owners' parameters.

    Args:
        kind: the parameter's kind.
        version: its value.
        home: where the other parameters are.
        users: for a list, the sites that use it.

    Returns:
        Missing lists and sites, and entries of lists that are unsafe in a rule with credentials.
    """
    if kind == "aliases":
        return _missing_site(version, home)
    if kind == "lists":
        return [finding for site in users if home.may_examine() for finding in _unsafe_entries(site, version)]
    names = names_of_lists(version.value)
    lists = home.readable("lists", names)
    present = {name: "" for name in names if lists.get(name) is not None or name not in lists}
    findings = [
        ParameterFinding(version.name, finding, version.secret)
        for finding in lint(version.value, present)
        if finding.code == "list-missing"
    ]
    for list_ in lists.values():
        if list_ is not None and home.may_examine():
            findings.extend(_unsafe_entries(version, list_))
    return findings


def _missing_site(alias: Stored, home: HomeParameters) -> list[ParameterFinding]:
    site = site_of_alias(alias)
    if home.readable("sites", [site]).get(site, alias) is not None:
        return []
    message = f"there is no site {site!r}, so nobody is allowed" if not alias.secret else "there is no such site"
    finding = Finding(WARNING, "site-missing", "", message, "Write the name of a site, or create this site.")
    return [ParameterFinding(alias.name, finding, alias.secret)]


def _unsafe_entries(site: Stored, list_: Stored) -> list[ParameterFinding]:
    """Entries of a list that must not be in a rule with credentials, but are in one of this site."""
    if not _may_have_credentials(site.value):
        return []
    return [
        ParameterFinding(site.name, finding, site.secret or list_.secret)
        for finding in _lint_with(site, list_)
        if finding.severity in (ERROR, SKIPPED) and f"@{list_.short_name}" in re.split(r"[ \[]", finding.location)
    ]


def _lint_with(site: Stored, list_: Stored) -> list[Finding]:
    alone = {*lint_list(list_.short_name, list_.value)}
    return [finding for finding in lint(site.value, {list_.short_name: list_.value}) if finding not in alone]


def _may_have_credentials(policy: str) -> bool:
    try:
        text = unpack(policy)
    except ValueError:
        return False
    return "allow_credentials" in text or "\\u" in text


def opened_to_everyone(history: History) -> tuple[Stored, tuple[ParameterFinding, ...]] | None:
    """The version that opened a site to everyone, and what it opened; None where the current one is not open.

    That need not be the last write: several may have come before the guard saw the first of them.
    """
    current = history.current
    version = current
    for earlier in reversed(history.earlier):
        if _is_rejected(earlier.value):
            continue  # it never served
        if findings := widened(earlier.value, current.value):
            return version, _about(current, findings)
        version = earlier
    findings = widened(None, current.value)
    return (version, _about(current, findings)) if findings else None


def _about(site: Stored, findings: Iterable[Finding]) -> tuple[ParameterFinding, ...]:
    return tuple(ParameterFinding(site.name, finding, site.secret) for finding in findings)


def _is_rejected(text: str) -> bool:
    try:
        load_policy(text)
    except PolicyError:
        return True
    return False
