"""Sites and lists as data for JSON: in a row each, or in full with who may read what."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from edgecors.fields import GRANT_FIELDS, RULE_FIELDS, Objects, Origins
from edgecors.findings import Finding
from edgecors.policy import Grant, Policy, Rule

from edgecors_admin.errors import NotPermittedError
from edgecors_admin.field_values import field_value
from edgecors_admin.lint import FINDINGS, lint_list
from edgecors_admin.parameter_store import Parameters, Stored, Unreadable
from edgecors_admin.sites import Site, names_of_lists, users_of
from edgecors_admin.size import size
from edgecors_admin.source_map import read_written_list


def about(stored: Stored) -> dict[str, Any]:
    """A parameter without its value."""
    return {**_identity(stored), "bytes": size(stored.value), "packed": stored.packed}


def _about_unreadable(parameter: Unreadable) -> dict[str, Any]:
    return {**_identity(parameter), "bytes": None, "packed": None, "error": parameter.reason}


def _identity(parameter: Stored | Unreadable) -> dict[str, Any]:
    return {
        "parameter": parameter.name,
        "version": parameter.version,
        "type": parameter.type,
        "modified": parameter.modified.isoformat() if parameter.modified is not None else None,
    }


def summary(policy: Policy | None) -> dict[str, Any]:
    """A policy in three numbers; None is a rejected one."""
    if policy is None:
        return {"mode": "rejected", "rules": 0, "entries": 0}
    entries = sum(len(grant.allow_origins or ()) for rule in policy.rules for grant in rule.grants)
    return {"mode": policy.mode, "rules": len(policy.rules), "entries": entries}


def size_text(row: Mapping[str, Any]) -> str:
    """The size of a parameter for people."""
    return "unknown" if row["bytes"] is None else f"{row['bytes']} bytes" + (" (gz)" if row["packed"] else "")


def count_text(count: object) -> str:
    """A number of a row for people."""
    return "unknown" if count is None else str(count)


def findings_text(row: Mapping[str, Any]) -> str:
    """The number of findings of a row for people."""
    return "none" if row["findings"] == 0 else count_text(row["findings"])


def site_row(site: Site, aliases: Mapping[str, list[str]]) -> dict[str, Any]:
    """A site in one row.

    Args:
        site: A site of Parameter Store.
        aliases: The aliases of each site.
    """
    assert site.stored is not None
    problems = [f for f in site.findings() if f.severity in FINDINGS]
    return {
        **about(site.stored),
        "site": site.name,
        **summary(site.policy),
        "aliases": aliases.get(site.name, []),
        "findings": len(problems),
    }


def unreadable_site_row(name: str, parameter: Unreadable, aliases: Mapping[str, list[str]]) -> dict[str, Any]:
    """A site that can't be read, in a row as of `site_row`."""
    unknown = {"mode": "unreadable", "rules": None, "entries": None}
    return {**_about_unreadable(parameter), "site": name, **unknown, "aliases": aliases.get(name, []), "findings": None}


def list_row(name: str, stored: Stored, users: Mapping[str, list[str]]) -> dict[str, Any]:
    """A list in one row.

    Args:
        name: The list's name, without @.
        stored: The parameter.
        users: The sites that use each list.
    """
    problems = [f for f in lint_list(name, stored.value) if f.severity in FINDINGS]
    entries = len(read_written_list(name, stored.value))
    state = {"entries": entries, "used_by": users.get(name, []), "findings": len(problems)}
    return {**about(stored), "list": f"@{name}", **state}


def unreadable_list_row(name: str, parameter: Unreadable, users: Mapping[str, list[str]]) -> dict[str, Any]:
    """A list that can't be read, in a row as of `list_row`."""
    state = {"entries": None, "used_by": users.get(name, []), "findings": None}
    return {**_about_unreadable(parameter), "list": f"@{name}", **state}


def reasons(*unreadable: Mapping[str, Unreadable]) -> dict[str, str]:
    """Why parameters can't be read, by their full names."""
    return {parameter.name: parameter.reason for kind in unreadable for parameter in kind.values()}


def aliases_by_site(parameters: Parameters) -> tuple[dict[str, list[str]], dict[str, Unreadable]]:
    """The aliases of each site, also of sites that do not exist, and the aliases that can't be read."""
    aliases: dict[str, list[str]] = {}
    readable, unreadable = parameters.below("aliases")
    for alias, target in readable.items():
        aliases.setdefault(target.text.strip(), []).append(alias)
    return aliases, unreadable


def users_by_list(sites: Mapping[str, Stored]) -> dict[str, list[str]]:
    """The sites that use each list, also lists that do not exist."""
    users: dict[str, list[str]] = {}
    for site, stored in sites.items():
        for name in names_of_lists(stored.text):
            users.setdefault(name, []).append(site)
    return users


def site_details(site: Site, problems: Iterable[Finding]) -> dict[str, Any]:
    """A site in full, with who may read what.

    Args:
        site: A site of Parameter Store.
        problems: Its findings.
    """
    assert site.stored is not None
    return {
        "site": site.name,
        "alias": site.alias or None,
        **about(site.stored),
        **summary(site.policy),
        "rejected": site.policy is None,
        "refresh_seconds": site.policy.refresh_seconds if site.policy is not None else None,
        "rule_list": [_rule(rule, site) for rule in site.policy.rules] if site.policy is not None else [],
        "findings": [f.as_dict() for f in problems],
    }


def list_details(parameters: Parameters, target: str, stored: Stored, problems: Iterable[Finding]) -> dict[str, Any]:
    """A list in full.

    ``used_by`` is None where the caller may not read the sites; ``unreadable`` has the sites that may use it as well.

    Args:
        parameters: Where the sites are that may use it.
        target: The list's name with @.
        stored: The parameter.
        problems: Its findings.
    """
    name = target[1:]
    entries = [
        {"entry": entry.canonical, "location": entry.location, "readable": entry.pattern is not None}
        for entry in read_written_list(name, stored.value)
    ]
    users: list[str] | None
    try:
        sites, unreadable = users_of(parameters, name)
        users = list(sites)
    except NotPermittedError:
        users, unreadable = None, {}  # a team that may read its own list only
    return {
        "list": target,
        **about(stored),
        "used_by": users,
        "unreadable": reasons(unreadable),
        "entries": entries,
        "findings": [f.as_dict() for f in problems],
    }


def _rule(rule: Rule, site: Site) -> dict[str, Any]:
    return {
        "rule": rule.index,
        **{
            field.name: [_grant(rule, grant, site) for grant in rule.grants]
            if isinstance(field.reader, Objects)
            else field_value(rule, field)
            for field in RULE_FIELDS
        },
    }


def _grant(rule: Rule, grant: Grant, site: Site) -> dict[str, Any]:
    return {
        "grant": grant.index,
        **{
            field.name: _origins(rule, grant, site) if isinstance(field.reader, Origins) else field_value(grant, field)
            for field in GRANT_FIELDS
        },
        "missing_lists": _missing_lists(rule, grant, site),
    }


def _missing_lists(rule: Rule, grant: Grant, site: Site) -> list[str]:
    """The lists that a grant names and that do not exist."""
    source = site.source.grant(rule.index, grant.index)
    names = source.lists if source is not None else ()
    return [f"@{name}" for name in dict.fromkeys(names) if name in site.lists and site.lists[name] is None]


def _origins(rule: Rule, grant: Grant, site: Site) -> str | list[dict[str, str]]:
    """The entries of a grant with their places in the document."""
    if grant.allow_origins is None:
        return "*"
    by_text = site.source.by_text(site.source.grant(rule.index, grant.index))
    return [{"entry": text, "location": by_text[text].location} for text in grant.allow_origins if text in by_text]
