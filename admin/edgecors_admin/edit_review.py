"""What a change of a site or list does, before it is written: new findings, and who gains and who loses access."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from edgecors.findings import ERROR, SKIPPED, Finding

from edgecors_admin.access import AccessDifference, compare
from edgecors_admin.errors import NotPermittedError
from edgecors_admin.lint import lint, lint_list
from edgecors_admin.overview import aliases_by_site
from edgecors_admin.parameter_store import Parameters, Unreadable
from edgecors_admin.sites import alias_target, names_of_lists, users_of

RISKS = ("public-suffix", "insecure-origin", "null-origin", "allows-nobody")
"""Codes of findings that a change is only made for after a question."""


@dataclass
class EditReview:
    """The consequences of a change.

    Attributes:
        findings: What the linter reports for the new text but not for the old one.
        access: For each site, who gains and who loses access.
        notes: What could not be examined.
    """

    findings: list[Finding] = field(default_factory=list)
    access: dict[str, AccessDifference] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)

    @property
    def errors(self) -> list[Finding]:
        """The findings because of which the change must not be written. A missing list may be created later."""
        return [f for f in self.findings if f.severity in (ERROR, SKIPPED) and f.code != "list-missing"]

    @property
    def risks(self) -> list[Finding]:
        """The findings that somebody has to agree to first."""
        return [f for f in self.findings if f.code in RISKS]


def review_edit(parameters: Parameters, target: str, old: str, new: str) -> EditReview:
    """Examine a change.

    Args:
        parameters: Where the lists are that a site names, or the sites that use a list.
        target: The site or ``@list``.
        old: The text before; empty where there is none.
        new: The text after.
    """
    if target.startswith("@"):
        return _review_list(parameters, target, old, new)
    lists = parameters.get_lists(tuple(dict.fromkeys((*names_of_lists(old), *names_of_lists(new)))))
    known = {(f.code, f.message) for f in lint(old, lists)} if old else set()
    findings = [f for f in lint(new, lists) if (f.code, f.message) not in known]
    return EditReview(findings, {target: compare(old or None, new, lists, lists)})


def _review_list(parameters: Parameters, target: str, old: str, new: str) -> EditReview:
    name = target[1:]
    known = {(f.code, f.message) for f in lint_list(name, old)}
    review = EditReview([f for f in lint_list(name, new) if (f.code, f.message) not in known])
    try:
        _review_users(parameters, name, new, review)
    except NotPermittedError as error:
        # A team that may write its own list only: what is missing is who gains access where.
        review.notes.append(f"the sites that use {target} were not looked at: {error}")
    return review


def _review_users(parameters: Parameters, name: str, new: str, review: EditReview) -> None:
    reported = set(review.findings)
    users, unreadable = users_of(parameters, name)
    review.notes += _unknown_users(f"@{name}", unreadable)
    for site, stored in users.items():
        text = stored.text
        before = parameters.get_lists(names_of_lists(text))
        after = {**before, name: new}
        review.access[site] = compare(text, text, before, after)
        known = {(f.code, f.message) for f in lint(text, before)}
        for finding in lint(text, after):
            if (finding.code, finding.message) not in known and finding not in reported:
                reported.add(finding)
                review.findings.append(finding)


def _unknown_users(target: str, unreadable: Mapping[str, Unreadable]) -> Iterator[str]:
    for site, parameter in unreadable.items():
        yield f"site {site} may use {target}, and who gains or loses access there is not known: {parameter.reason}"


def review_deletion(parameters: Parameters, target: str, text: str) -> EditReview:
    """Examine the deletion of a site or list.

    Args:
        parameters: Where the sites are that use a list, or the aliases that use a site.
        target: The site or ``@list``.
        text: Its text.
    """
    if not target.startswith("@"):
        return _review_site_deletion(parameters, target, text)
    review = EditReview()
    name = target[1:]
    try:
        users, unreadable = users_of(parameters, name)
        review.notes += _unknown_users(target, unreadable)
        for site, stored in users.items():
            before = parameters.get_lists(names_of_lists(stored.text))
            review.access[site] = compare(stored.text, stored.text, before, {**before, name: None})
            review.notes.append(f"site {site} still names {target}: edgecors revoke {site} {target}")
    except NotPermittedError as error:
        review.notes.append(f"the sites that use {target} were not looked at: {error}")
    return review


def _review_site_deletion(parameters: Parameters, site: str, text: str) -> EditReview:
    review = EditReview()
    inherited, aliases = "", []
    try:
        by_site, unreadable = aliases_by_site(parameters)
        aliases = by_site.get(site, [])
        review.notes += [f"{alias} may be an alias of {site}: {p.reason}" for alias, p in unreadable.items()]
        inherited = alias_target(parameters, site)
    except NotPermittedError as error:
        review.notes.append(f"the aliases were not looked at, so distributions that use {site} may be missing: {error}")
    present = parameters.get(parameters.name_of(inherited)) if inherited else None
    after = present.text if present is not None else ""
    if after:
        review.notes.append(f"{site} is an alias of {inherited} as well: without a policy of its own it uses that one")
    else:
        review.notes.append(
            "a site without a policy allows nobody; running containers notice within their refresh time"
        )
    review.notes += [f"the alias {alias} uses this site" for alias in aliases]
    lists = parameters.get_lists(tuple(dict.fromkeys((*names_of_lists(text), *names_of_lists(after)))))
    review.access[site] = compare(text, after or None, lists, lists)
    return review
