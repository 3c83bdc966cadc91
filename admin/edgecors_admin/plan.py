"""Policy as code: what to write so that Parameter Store has the content of the files."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from edgecors.document import PolicyError, is_json, read_document
from edgecors.findings import ERROR, Finding

from edgecors_admin.access import AccessDifference, compare
from edgecors_admin.edit import canonical
from edgecors_admin.errors import NotPermittedError
from edgecors_admin.lint import has_errors, lint, lint_list
from edgecors_admin.parameter_store import Parameters, Stored
from edgecors_admin.policy_files import PolicyFiles
from edgecors_admin.sites import names_of_lists


@dataclass(frozen=True)
class Step:
    """One parameter to write. ``target`` is ``SITE`` or ``@LIST``; ``before`` is None for a new one."""

    target: str
    text: str
    before: Stored | None
    findings: tuple[Finding, ...]

    @property
    def old_text(self) -> str:
        """What is there now."""
        return self.before.text if self.before is not None else ""


@dataclass(frozen=True)
class PolicyPlan:
    """What to write (lists first), what that means for each site, and what is only in Parameter Store.

    ``unreadable`` says of parameters on which that depends why they can't be read, and ``unknown`` names those of them
    that are in the files, so that it is not known whether they have to be written.
    """

    steps: tuple[Step, ...]
    access: Mapping[str, AccessDifference]
    unchanged: tuple[str, ...]
    only_stored: tuple[str, ...]
    findings: Mapping[str, tuple[Finding, ...]] = field(default_factory=dict)
    ignored: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    unreadable: Mapping[str, str] = field(default_factory=dict)
    unknown: tuple[str, ...] = ()

    def as_dict(self) -> dict[str, Any]:
        """JSON-ready."""
        return {
            "changes": [{"target": step.target, "new": step.before is None} for step in self.steps],
            "access": {site: matches.as_dict() for site, matches in self.access.items() if matches},
            "unchanged": list(self.unchanged),
            "only_stored": list(self.only_stored),
            "ignored_files": list(self.ignored),
            "notes": list(self.notes),
            "unreadable": dict(self.unreadable),
            "findings": {
                target: [f.as_dict() for f in matches] for target, matches in self.findings.items() if matches
            },
        }


def make_plan(files: PolicyFiles, parameters: Parameters) -> PolicyPlan:
    """Compare files with Parameter Store. Sites that use a changed list are looked at too. Writes nothing."""
    stored_sites, unreadable_sites = parameters.below("sites")
    stored_lists, unreadable_lists = parameters.below("lists")
    lists_now: dict[str, str | None] = {name: stored.value for name, stored in stored_lists.items()}
    # What an unreadable list holds now is not known, so neither is what a file would change.
    lists_then: dict[str, str | None] = {
        **lists_now,
        **{name: text for name, text in files.lists.items() if name not in unreadable_lists},
    }
    steps: list[Step] = []
    unchanged: list[str] = []
    findings: dict[str, tuple[Finding, ...]] = {}
    for name, text in files.lists.items():
        findings[f"@{name}"] = tuple(lint_list(name, text))
        if name not in unreadable_lists:
            _step(f"@{name}", text, stored_lists.get(name), findings[f"@{name}"], steps, unchanged)
    changed_lists = {step.target[1:] for step in steps}
    for name, text in files.sites.items():
        findings[name] = tuple(lint(text, lists_then, unreadable_lists))
        if name not in unreadable_sites:
            _step(name, text, stored_sites.get(name), findings[name], steps, unchanged)
    new_sites = [name for name in files.sites if name not in stored_sites and name not in unreadable_sites]
    inherited, notes = _inherited(parameters, new_sites)
    access = {}
    needed_lists: set[str] = set()
    for name in sorted({*stored_sites, *files.sites} - {*unreadable_sites}):
        present = stored_sites.get(name) or stored_sites.get(inherited.get(name, ""))
        old = present.text if present is not None else None
        new = files.sites.get(name, old)
        access[name] = compare(old, new, lists_now, lists_then)
        named = {*names_of_lists(old or ""), *names_of_lists(new or "")}
        if old != new or not named.isdisjoint(changed_lists):
            needed_lists |= named
        if name not in files.sites and access[name]:
            findings[name] = _introduced(new or "", lists_now, lists_then)
    needed_sites = {*files.sites, *(unreadable_sites if changed_lists else ())}
    needed_lists |= files.lists.keys()
    unreadable = {name: site.reason for name, site in unreadable_sites.items() if name in needed_sites}
    unreadable |= {f"@{name}": one.reason for name, one in unreadable_lists.items() if name in needed_lists}
    only = [name for name in sorted({*stored_sites, *unreadable_sites}) if name not in files.sites]
    only += [f"@{name}" for name in sorted({*stored_lists, *unreadable_lists}) if name not in files.lists]
    in_files = {*files.sites, *(f"@{name}" for name in files.lists)}
    return PolicyPlan(
        tuple(steps),
        access,
        tuple(unchanged),
        tuple(only),
        findings,
        tuple(files.ignored),
        notes,
        unreadable,
        tuple(target for target in unreadable if target in in_files),
    )


def _inherited(parameters: Parameters, new_sites: Sequence[str]) -> tuple[dict[str, str], tuple[str, ...]]:
    """The site that each new site is an alias of so far, and what to say of it."""
    aliases = {f"{parameters.root}/aliases/{name}": name for name in new_sites}
    try:
        stored = parameters.get_many(aliases)
    except NotPermittedError as error:
        return {}, (f"whether a new site ({', '.join(new_sites)}) is an alias was not looked at: {error}",)
    inherited = {aliases[name]: alias.text.strip() for name, alias in stored.items() if alias is not None}
    return inherited, tuple(
        f"{name} is an alias of {site}, and uses the policy of {site} until it has its own"
        for name, site in inherited.items()
    )


def _introduced(
    text: str, lists_now: Mapping[str, str | None], lists_then: Mapping[str, str | None]
) -> tuple[Finding, ...]:
    """The findings of a policy whose lists change, without the errors that it has already."""
    findings = lint(text, lists_then)
    if not has_errors(findings):
        return tuple(findings)
    # Without the location: entries behind a removed one have other numbers. Nor is the count of unlisted errors news.
    known = {(f.code, f.message) for f in lint(text, lists_now) if f.severity == ERROR}
    codes = {code for code, _ in known} & {"more-findings"}
    return tuple(f for f in findings if f.severity != ERROR or not ((f.code, f.message) in known or f.code in codes))


def _step(
    target: str,
    text: str,
    before: Stored | None,
    findings: tuple[Finding, ...],
    steps: list[Step],
    unchanged: list[str],
) -> None:
    if before is not None and same(before.text, text):
        unchanged.append(target)
    else:
        steps.append(Step(target, text, before, findings))


def same(one: str, other: str) -> bool:
    """Whether two texts say the same, however they are laid out. A rejected document says nothing that others say."""
    if one == other:
        return True
    if is_json(one) != is_json(other):
        return False
    if not is_json(one):
        return _entries(one) == _entries(other)
    try:
        left, right = json.loads(one), json.loads(other)
    except (ValueError, RecursionError):
        return False
    return _equal(left, right) and not is_rejected(one) and not is_rejected(other)


def is_rejected(text: str) -> bool:
    """Whether a policy has errors by itself, whatever its lists hold."""
    try:
        read_document(text)
    except PolicyError:
        return True  # such as for a field that it has twice, of which JSON readers take the last
    return False


def _equal(one: Any, other: Any) -> bool:
    """Whether two decoded values are equal. To Python 1 equals true, which a policy must not have in its place."""
    if isinstance(one, dict) and isinstance(other, dict):
        return one.keys() == other.keys() and all(_equal(value, other[key]) for key, value in one.items())
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(map(_equal, one, other))
    return isinstance(one, bool) == isinstance(other, bool) and bool(one == other)


def _entries(text: str) -> set[str]:
    return {canonical(entry) for entry in text.replace(",", " ").split()}
