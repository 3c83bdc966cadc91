"""``edgecors show``: one site or list in full."""

from __future__ import annotations

from typing import Any

import typer
from edgecors.policy import Grant, Rule
from edgecors_admin.globs import texts
from edgecors_admin.lint import lint_list
from edgecors_admin.sites import Site, load_site, missing, users_of
from edgecors_admin.size import ADVANCED, STANDARD
from edgecors_admin.source_map import read_written_list
from rich.console import Console

from edgecors_cli.commands.arguments import Target, checked_target
from edgecors_cli.context import Context, command
from edgecors_cli.overview import about, size_text, summary
from edgecors_cli.render import UNFOLDED, findings, line

SHOWN_ENTRIES = 1000
"""Entries of one grant that are printed on a terminal. Files, pipes and JSON get all of them."""


def register(app: typer.Typer) -> None:
    """Add the command."""
    examples = ["edgecors show shop", "edgecors show @partners", "edgecors show shop --json"]
    command(app, "show", rich_help_panel="Look", examples=examples)(show)


def show(context: Context, target: Target) -> None:
    """Show one site with its lists expanded, or one list: entries, size and findings."""
    if checked_target(target).startswith("@"):
        _show_list(context, target)
    else:
        _show_site(context, target)


def _show_site(context: Context, name: str) -> None:
    site = load_site(context.parameters, name)
    context.progress.step("checking the policy")
    problems = site.findings()
    assert site.stored is not None
    data = {
        "site": site.name,
        "alias": site.alias or None,
        **about(site.stored),
        **summary(site.policy),
        "rejected": site.policy is None,
        "refresh_seconds": site.policy.refresh_seconds if site.policy is not None else None,
        "rule_list": [_rule(rule, site) for rule in site.policy.rules] if site.policy is not None else [],
        "findings": [f.as_dict() for f in problems],
    }

    def say(out: Console) -> None:
        if site.alias:
            line(out, f"{site.alias} has no policy of its own and uses the policy of {site.name}.")
        _say_parameter(out, site.name, data)
        if site.policy is None:
            line(out, ("The policy is rejected: the last good one keeps serving.", "bold red"))
        else:
            line(out, f"mode    {data['mode']}, read again every {site.policy.refresh_seconds} s")
            for rule in data["rule_list"]:
                _say_rule(out, rule)
        _say_findings(out, problems)

    context.answer(data, say)


def _show_list(context: Context, target: str) -> None:
    stored = context.parameters.get(context.parameters.name_of(target))
    if stored is None:
        raise missing(context.parameters, target)
    name = target[1:]
    problems = lint_list(name, stored.value)
    entries = [
        {"entry": entry.canonical, "location": entry.location, "readable": entry.pattern is not None}
        for entry in read_written_list(name, stored.value)
    ]
    users = list(users_of(context.parameters, name))
    data = {"list": target, **about(stored), "used_by": users, "entries": entries}
    data["findings"] = [f.as_dict() for f in problems]

    def say(out: Console) -> None:
        _say_parameter(out, target, data)
        line(out, f"used by {', '.join(users) or 'no site'}")
        _say_entries(out, entries, 2)
        _say_findings(out, problems)

    context.answer(data, say)


def _say_parameter(out: Console, name: str, data: dict[str, Any]) -> None:
    line(out, (name, "bold"), f"  {data['parameter']} version {data['version']}, {data['type']}")
    line(out, f"size    {size_text(data)} of {STANDARD} (standard tier) or {ADVANCED} (advanced tier)")


def _say_findings(out: Console, problems: list[Any]) -> None:
    if problems:
        line(out)
    findings(out, problems)


def _say_entries(out: Console, entries: list[dict[str, Any]], indent: int) -> None:
    shown = SHOWN_ENTRIES if out.is_terminal or out.width != UNFOLDED else len(entries)
    for entry in entries[:shown]:
        line(out, entry["entry"], (f"  {entry['location']}", "dim"), indent=indent)
    if len(entries) > shown:
        rest = f"... and {len(entries) - shown:,} more; --json, a pipe or a file gets them all"
        line(out, (rest, "dim"), indent=indent)


def _say_rule(out: Console, rule: dict[str, Any]) -> None:
    where = " ".join(rule["paths"]) + ("" if rule["hosts"] == ["*"] else f" on {' '.join(rule['hosts'])}")
    line(out)
    line(out, (f"rule {rule['rule']}", "bold"), f"  {where}")
    extras = [name for name in ("debug",) if rule[name]]
    extras += [f"{name} {rule[name]}" for name in ("on_refused", "resource_policy") if rule[name] not in (None, "omit")]
    if extras:
        line(out, "; ".join(extras), indent=2)
    for grant in rule["grants"]:
        if len(rule["grants"]) > 1:
            line(out, (f"grant {grant['grant']}", "bold"), indent=2)
        _say_grant(out, grant)


def _say_grant(out: Console, grant: dict[str, Any]) -> None:
    credentials = "with credentials" if grant["allow_credentials"] else "without credentials"
    line(out, f"methods {_listed(grant['allow_methods'])}; {credentials}; max-age {grant['max_age']} s", indent=2)
    line(out, f"headers {_listed(grant['allow_headers'])}; exposed {_listed(grant['expose_headers'])}", indent=2)
    extras = [name for name in ("allow_private_network", "timing_allow_origin") if grant[name]]
    if extras:
        line(out, ", ".join(extras), indent=2)
    if grant["allow_origins"] == "*":
        line(out, ("everyone may read", "yellow"), indent=2)
    elif not grant["allow_origins"]:
        line(out, ("nobody may read", "yellow"), indent=2)
    else:
        line(out, "may read:", indent=2)
        _say_entries(out, grant["allow_origins"], 4)


def _listed(values: str | list[str]) -> str:
    return values if isinstance(values, str) else ", ".join(values) or "none"


def _rule(rule: Rule, site: Site) -> dict[str, Any]:
    return {
        "rule": rule.index,
        "hosts": list(texts(rule.hosts)),
        "paths": list(texts(rule.paths, "/*")),
        "grants": [_grant(rule, grant, site) for grant in rule.grants],
        "on_refused": rule.on_refused,
        "resource_policy": rule.resource_policy or None,
        "debug": rule.debug,
        "tolerate": list(rule.tolerate),
    }


def _grant(rule: Rule, grant: Grant, site: Site) -> dict[str, Any]:
    by_text = site.source.by_text(site.source.grant(rule.index, grant.index))
    origins = grant.allow_origins
    entries = [{"entry": text, "location": by_text[text].location} for text in origins or () if text in by_text]
    return {
        "grant": grant.index,
        "allow_origins": "*" if origins is None else entries,
        "allow_methods": "*" if grant.allow_methods is None else _names(grant.allow_methods_value),
        "allow_headers": "*" if grant.allow_headers is None else _names(grant.allow_headers_value),
        "expose_headers": "*" if grant.expose_headers == "*" else _names(grant.expose_headers),
        "allow_credentials": grant.allow_credentials,
        "max_age": grant.max_age,
        "allow_private_network": grant.allow_private_network,
        "timing_allow_origin": grant.timing_allow_origin,
    }


def _names(value: str) -> list[str]:
    """A header's value as a list."""
    return [name for name in value.split(", ") if name]
