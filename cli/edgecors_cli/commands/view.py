"""``sites``, ``lists`` and ``show``: what there is."""

from __future__ import annotations

from typing import Any

import typer
from edgecors.policy import Grant, Policy, Rule
from edgecors_admin.globs import texts
from edgecors_admin.lint import FINDINGS, lint, lint_list
from edgecors_admin.parameter_store import Stored
from edgecors_admin.sites import Site, load_site, names_of_lists
from edgecors_admin.size import ADVANCED, STANDARD, size
from edgecors_admin.source_map import read_written_list
from rich.console import Console

from edgecors_cli.commands.arguments import SiteName, checked_site
from edgecors_cli.context import Context, command
from edgecors_cli.render import findings, line, table


def register(app: typer.Typer) -> None:
    """Add the commands."""
    command(app, "sites")(sites)
    command(app, "lists")(lists)
    command(app, "show")(show)


def sites(context: Context) -> None:
    """All sites, with what their policies come to."""
    found = context.parameters.below("sites")
    values: dict[str, str | None] = {name: stored.value for name, stored in context.parameters.below("lists").items()}
    rows = []
    for name, stored in found.items():
        site = Site(name, stored.text, values, stored)
        policy = site.policy()
        problems = [f for f in lint(stored.text, values) if f.severity in FINDINGS]
        rows.append({**_about(stored), "site": name, **_summary(policy), "findings": len(problems)})

    def say(out: Console) -> None:
        if not rows:
            line(out, f"No sites in {context.account.region} below {context.parameters.root}/sites.")
            line(out, "Make one: edgecors allow SITE https://app.example.com")
            return
        head = ("SITE", "RULES", "ENTRIES", "MODE", "VERSION", "SIZE", "FINDINGS")
        table(
            out,
            head,
            [
                (r["site"], r["rules"], r["entries"], r["mode"], r["version"], _size_word(r), r["findings"] or "none")
                for r in rows
            ],
        )

    context.answer(rows, say)


def lists(context: Context) -> None:
    """All lists, with the sites that use them."""
    found = context.parameters.below("lists")
    used: dict[str, list[str]] = {}
    for site, stored in context.parameters.below("sites").items():
        for name in names_of_lists(stored.text):
            used.setdefault(name, []).append(site)
    rows: list[dict[str, Any]] = []
    for name, stored in found.items():
        problems = [f for f in lint_list(name, stored.value) if f.severity in FINDINGS]
        entries = len(read_written_list(name, stored.value))
        about = {"entries": entries, "used_by": used.get(name, []), "findings": len(problems)}
        rows.append({**_about(stored), "list": f"@{name}", **about})
    missing = sorted(set(used) - set(found))

    def say(out: Console) -> None:
        if not rows:
            line(out, f"No lists in {context.account.region} below {context.parameters.root}/lists.")
        else:
            head = ("LIST", "ENTRIES", "VERSION", "SIZE", "USED BY", "FINDINGS")
            table(
                out,
                head,
                [
                    (
                        r["list"],
                        r["entries"],
                        r["version"],
                        _size_word(r),
                        ", ".join(r["used_by"]) or "no site",
                        r["findings"] or "none",
                    )
                    for r in rows
                ],
            )
        for name in missing:
            line(out, ("missing: ", "red"), f"@{name}, used by {', '.join(used[name])}")

    context.answer({"lists": rows, "missing": missing}, say)


def show(context: Context, site: SiteName) -> None:
    """One site: its rules with the lists expanded, its size, and what is to be said of it."""
    loaded = load_site(context.parameters, checked_site(site))
    policy = loaded.policy()
    problems = loaded.findings()
    assert loaded.stored is not None
    data = {
        "site": site,
        **_about(loaded.stored),
        **_summary(policy),
        "rejected": policy is None,
        "rule_list": [_rule(rule, loaded) for rule in policy.rules] if policy is not None else [],
        "findings": [f.as_dict() for f in problems],
    }

    def say(out: Console) -> None:
        line(out, (site, "bold"), f"  {data['parameter']} version {data['version']}, {data['type']}")
        line(out, f"size    {_size_word(data)} of {STANDARD} (standard tier) or {ADVANCED} (advanced tier)")
        if policy is None:
            line(out, ("The policy is rejected: the last good one goes on serving.", "bold red"))
        else:
            line(out, f"mode    {data['mode']}, read again every {policy.refresh_seconds} s")
            for rule in data["rule_list"]:
                _say_rule(out, rule)
        if problems:
            out.print()
        findings(out, problems)

    context.answer(data, say)


def _say_rule(out: Console, rule: dict[str, Any]) -> None:
    where = " ".join(rule["paths"]) + ("" if rule["hosts"] == ["*"] else f" on {' '.join(rule['hosts'])}")
    out.print()
    line(out, (f"rule {rule['rule']}", "bold"), f"  {where}")
    for grant in rule["grants"]:
        _say_grant(out, grant)


def _say_grant(out: Console, grant: dict[str, Any]) -> None:
    credentials = "with credentials" if grant["allow_credentials"] else "without credentials"
    line(out, f"methods {_listed(grant['allow_methods'])}; {credentials}; max-age {grant['max_age']} s", indent=2)
    headers, exposed = _listed(grant["allow_headers"]), _listed(grant["expose_headers"])
    line(out, f"headers {headers}; exposed {exposed}", indent=2)
    if grant["allow_origins"] == "*":
        line(out, ("everyone may read", "yellow"), indent=2)
        return
    if not grant["allow_origins"]:
        line(out, ("nobody may read", "yellow"), indent=2)
        return
    line(out, "may read:", indent=2)
    for entry in grant["allow_origins"]:
        line(out, entry["entry"], (f"  {entry['location']}", "dim"), indent=4)


def _listed(value: Any) -> str:
    return value if isinstance(value, str) else ", ".join(value) or "none"


def _rule(rule: Rule, site: Site) -> dict[str, Any]:
    return {
        "rule": rule.index,
        "hosts": list(texts(rule.hosts)),
        "paths": ["/*"] if rule.paths is None else list(rule.paths.texts),
        "grants": [_grant(rule, grant, site) for grant in rule.grants],
        "on_refused": rule.on_refused,
        "resource_policy": rule.resource_policy or None,
    }


def _grant(rule: Rule, grant: Grant, site: Site) -> dict[str, Any]:
    source = site.written()
    by_text = source.by_text(source.grant(rule.index, grant.index))
    origins = grant.allow_origins
    return {
        "allow_origins": "*"
        if origins is None
        else [{"entry": text, "location": by_text[text].location} for text in origins if text in by_text],
        "allow_methods": "*" if grant.allow_methods is None else grant.allow_methods_value.split(", "),
        "allow_headers": "*"
        if grant.allow_headers is None
        else [n for n in grant.allow_headers_value.split(", ") if n],
        "expose_headers": [n for n in grant.expose_headers.split(", ") if n],
        "allow_credentials": grant.allow_credentials,
        "max_age": grant.max_age,
        "allow_private_network": grant.allow_private_network,
        "timing_allow_origin": grant.timing_allow_origin,
    }


def _about(stored: Stored) -> dict[str, Any]:
    return {
        "parameter": stored.name,
        "version": stored.version,
        "type": stored.type,
        "modified": stored.modified.isoformat() if stored.modified is not None else None,
        "bytes": size(stored.value),
        "packed": stored.packed,
    }


def _summary(policy: Policy | None) -> dict[str, Any]:
    if policy is None:
        return {"mode": "rejected", "rules": 0, "entries": 0}
    entries = sum(len(grant.allow_origins or ()) for rule in policy.rules for grant in rule.grants)
    return {"mode": "shadow" if policy.shadow else "enforce", "rules": len(policy.rules), "entries": entries}


def _size_word(row: dict[str, Any]) -> str:
    return f"{row['bytes']} bytes" + (" (gz)" if row["packed"] else "")
