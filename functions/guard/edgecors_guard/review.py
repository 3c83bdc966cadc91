"""What is wrong with a parameter.

Every parameter has its own owner. `review` therefore sees one value and nothing else: whether a value is valid, copied
or reverted never depends on another owner's parameter. `together` reports inconsistencies between
parameters; they are only reported.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from edgecors.allowlist import is_name, read_list
from edgecors.document import PolicyError, load_policy
from edgecors.findings import ERROR, SKIPPED, WARNING, Finding
from edgecors.origin import parse_pattern
from edgecors.packing import TooLargeError
from edgecors_admin.lint import lint, nothing_readable
from edgecors_admin.public_suffixes import open_to_registrants
from edgecors_admin.sites import names_of_lists
from edgecors_admin.source_map import read_written
from edgecors_admin.widening import widened

from .home import site_of_alias

if TYPE_CHECKING:
    from edgecors_admin.parameter_store import Kind, Stored

    from .home import History, HomeParameters

_SAFE_LOCATION = re.compile(r"@[\w.-]+(\[\d+\])?|(entries|rules)(\[\d+\])?")
_MAX_UNSAFE = 20
"""Unsafe entries of a list that are reported for one site."""


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
    return [finding for finding in lint(site.value) if not _is_about_lists(finding, names)]


def _is_about_lists(finding: Finding, names: tuple[str, ...]) -> bool:
    # A rule that names lists allows whoever they list.
    return finding.location.startswith("@") or (bool(names) and finding.code == "allows-nobody")


def _list_findings(list_: Stored) -> list[Finding]:
    name = list_.short_name
    try:
        allowlist = read_list(name, list_.value)
    except TooLargeError as error:
        return [Finding(ERROR, "too-large", f"@{name}", str(error), "Split the list into several lists.")]
    except ValueError as error:
        return [Finding(ERROR, "unreadable", f"@{name}", str(error), "Write the list again.")]
    allows_anybody = bool(len(allowlist.index))
    errors = nothing_readable(f"@{name}", allowlist.findings, allows_anybody=allows_anybody)
    return [*allowlist.findings, *errors]


def _alias_findings(alias: Stored) -> list[Finding]:
    if is_name(site_of_alias(alias)):
        return []
    message = "the value is not a valid site name"
    return [Finding(ERROR, "bad-site-name", "", message, "Write the name of one site: letters, digits, _ . and -.")]


def together(kind: Kind, version: Stored, home: HomeParameters, users: Iterable[Stored]) -> list[ParameterFinding]:
    """Findings about a parameter together with other owners' parameters.

    Args:
        kind: the parameter's kind.
        version: its value.
        home: where the other parameters are.
        users: for a list, the sites that use it.

    Returns:
        Missing lists and sites, and entries of lists that are unsafe in a grant with credentials.
    """
    if kind == "aliases":
        return _missing_site(version, home)
    if kind == "lists":
        unsafe = _unsafe_entries(version)
        sites = (site for site in users if home.may_examine()) if unsafe else ()
        return [finding for site in sites for finding in _unsafe_in(site, version, unsafe)]
    names = names_of_lists(version.value)
    lists = home.readable("lists", names)
    findings = [_missing_list(version, name) for name, list_ in lists.items() if list_ is None]
    for list_ in lists.values():
        if list_ is not None and home.may_examine():
            findings.extend(_unsafe_in(version, list_, _unsafe_entries(list_)))
    return findings


def _missing_site(alias: Stored, home: HomeParameters) -> list[ParameterFinding]:
    site = site_of_alias(alias)
    if home.readable("sites", [site]).get(site, alias) is not None:
        return []
    message = f"there is no site {site!r}, so nobody is allowed"
    finding = Finding(WARNING, "site-missing", "", message, "Write the name of a site, or create this site.")
    return [ParameterFinding(alias.name, finding, alias.secret)]


def _missing_list(site: Stored, name: str) -> ParameterFinding:
    message = "there is no such list, so it allows nobody"
    finding = Finding(SKIPPED, "list-missing", f"@{name}", message, f"Create the list {name!r}.")
    return ParameterFinding(site.name, finding, site.secret)


def _unsafe_entries(list_: Stored) -> list[Finding]:
    """The entries of a list that must not be in a grant with credentials."""
    location = f"@{list_.short_name}"
    try:
        allowlist = read_list(list_.short_name, list_.value)
    except ValueError:
        return []
    findings = []
    for error in allowlist.unsafe_with_credentials(()).findings:
        message = f"{error.message}; functions skip the entry in this grant"
        findings.append(Finding(SKIPPED, error.code, location, message, error.remedy))
    for text in sorted(allowlist.index.patterns):
        pattern, _ = parse_pattern(text)
        if pattern is not None and (suffix := open_to_registrants(pattern)):
            message = f"{text!r} covers {suffix!r}, where anybody can register a name, and is allowed with credentials"
            remedy = "Write the domain that is yours, such as https://*.example.com."
            findings.append(Finding(WARNING, "public-suffix", location, message, remedy))
    return findings


def _unsafe_in(site: Stored, list_: Stored, unsafe: list[Finding]) -> list[ParameterFinding]:
    """The unsafe entries of a list that matter to a site: one of its grants uses the list with credentials."""
    tolerated = [
        rule.tolerated
        for rule in (read_written(site.value).rules if unsafe else ())
        if any(grant.credentials and list_.short_name in grant.lists for grant in rule.grants)
    ]
    findings = [finding for finding in unsafe if any(finding.code not in codes for codes in tolerated)]
    secret = site.secret or list_.secret
    about = [ParameterFinding(site.name, finding, secret) for finding in findings[:_MAX_UNSAFE]]
    if len(findings) > _MAX_UNSAFE:
        message = f"{len(findings) - _MAX_UNSAFE:,} more entries are unsafe with credentials"
        more = Finding(WARNING, "more-findings", f"@{list_.short_name}", message, "Fix the listed ones first.")
        about.append(ParameterFinding(site.name, more, secret))
    return about


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
