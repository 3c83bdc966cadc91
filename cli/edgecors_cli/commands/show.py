"""``edgecors show``: one site or list in full."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from typing import Any

import typer
from edgecors.fields import GRANT_FIELDS, RULE_FIELDS, Field
from edgecors_admin.field_values import set_fields
from edgecors_admin.lint import lint_list
from edgecors_admin.overview import list_details, site_details, size_text
from edgecors_admin.sites import checked_target, load_site, missing
from edgecors_admin.size import ADVANCED, STANDARD
from rich.console import Console

from edgecors_cli import watching
from edgecors_cli.commands.arguments import Target
from edgecors_cli.context import Context, command
from edgecors_cli.render import UNFOLDED, findings, line, pairs
from edgecors_cli.watching import Interval, Watch

WATCH_SECONDS = 5
SHOWN_ENTRIES = 1000
"""Entries of one grant that are printed on a terminal. Files, pipes and JSON get all of them."""
_RULE_WORDED = frozenset(("hosts", "paths", "grants"))
_GRANT_WORDED = frozenset(
    ("allow_origins", "allow_methods", "allow_headers", "expose_headers", "allow_credentials", "max_age")
)
"""Fields that have words of their own. Every other field is printed with its name."""


def register(app: typer.Typer) -> None:
    """Add the command."""
    examples = ["edgecors show shop", "edgecors show @partners", "edgecors show shop --watch --interval 2"]
    command(app, "show", rich_help_panel="Look", examples=examples)(show)


def show(context: Context, target: Target, watch: Watch = False, interval: Interval = None) -> None:
    """Show one site with its lists expanded, or one list: entries, size and findings.

    --watch polls every 5 seconds (see --interval).
    """
    look = _list if checked_target(target).startswith("@") else _site
    watching.answer(context, lambda: look(context, target), watch, interval, WATCH_SECONDS)


def _site(context: Context, name: str) -> tuple[dict[str, Any], watching.Say]:
    site = load_site(context.parameters, name)
    context.progress.step("checking the policy")
    problems = site.findings()
    data = site_details(site, problems)

    def say(out: Console) -> None:
        if site.alias:
            line(out, f"{site.alias} has no policy of its own and uses the policy of {site.name}.")
        if site.policy is None:
            _say_parameter(out, site.name, data, [])
            line(out, ("The policy is rejected: the last good version stays in use.", "bold red"))
        else:
            mode = f"{data['mode']}, read again every {site.policy.refresh_seconds} s"
            _say_parameter(out, site.name, data, [("mode", mode)])
            for rule in data["rule_list"]:
                _say_rule(out, rule)
        _say_findings(out, problems)

    return data, say


def _list(context: Context, target: str) -> tuple[dict[str, Any], watching.Say]:
    stored = context.parameters.get(context.parameters.name_of(target))
    if stored is None:
        raise missing(context.parameters, target)
    problems = lint_list(target[1:], stored.value)
    data = list_details(context.parameters, target, stored, problems)

    def say(out: Console) -> None:
        _say_parameter(out, target, data, [("used by", _users(data["used_by"], data["unreadable"]))])
        _say_entries(out, data["entries"], 2)
        _say_findings(out, problems)

    return data, say


def _users(names: list[str] | None, unreadable: dict[str, str]) -> str:
    if names is None:
        return "unknown, as the sites can't be read"
    known = ", ".join(names) or "no site"
    return f"{known}, as far as is known: {' '.join(unreadable.values())}" if unreadable else known


def _say_parameter(out: Console, name: str, data: dict[str, Any], more: list[tuple[str, str]]) -> None:
    line(out, (name, "bold"), f"  {data['parameter']} version {data['version']}, {data['type']}")
    size = f"{size_text(data)} of {STANDARD} (standard tier) or {ADVANCED} (advanced tier)"
    pairs(out, [("size", size), *more])


def _say_findings(out: Console, problems: list[Any]) -> None:
    if problems:
        line(out)
    findings(out, problems)


def _say_entries(out: Console, entries: list[dict[str, Any]], indent: int) -> None:
    shown = SHOWN_ENTRIES if out.is_terminal or out.width != UNFOLDED else len(entries)
    for entry in entries[:shown]:
        line(out, entry["entry"], (f"  {entry['location']}", "dim"), indent=indent)
    if len(entries) > shown:
        rest = f"... and {len(entries) - shown:,} more; use --json or redirect the output to see all"
        line(out, (rest, "dim"), indent=indent)


def _say_rule(out: Console, rule: dict[str, Any]) -> None:
    where = " ".join(rule["paths"]) + ("" if rule["hosts"] == ["*"] else f" on {' '.join(rule['hosts'])}")
    line(out)
    line(out, (f"rule {rule['rule']}", "bold"), f"  {where}")
    if extras := _extras(rule, RULE_FIELDS, _RULE_WORDED):
        line(out, "; ".join(extras), indent=2)
    for grant in rule["grants"]:
        if len(rule["grants"]) > 1:
            line(out, (f"grant {grant['grant']}", "bold"), indent=2)
        _say_grant(out, grant)


def _say_grant(out: Console, grant: dict[str, Any]) -> None:
    credentials = "with credentials" if grant["allow_credentials"] else "without credentials"
    line(out, f"methods {_listed(grant['allow_methods'])}; {credentials}; max-age {grant['max_age']} s", indent=2)
    line(out, f"headers {_listed(grant['allow_headers'])}; exposed {_listed(grant['expose_headers'])}", indent=2)
    if extras := _extras(grant, GRANT_FIELDS, _GRANT_WORDED):
        line(out, ", ".join(extras), indent=2)
    if grant["allow_origins"] == "*":
        line(out, ("everyone may read", "yellow"), indent=2)
    elif not grant["allow_origins"]:
        line(out, ("nobody may read", "yellow"), indent=2)
    else:
        line(out, "may read:", indent=2)
        _say_entries(out, grant["allow_origins"], 4)


def _extras(values: dict[str, Any], fields: Iterable[Field], worded: Collection[str]) -> list[str]:
    """The other fields, where they are not as by default."""
    others = set_fields(values, (field for field in fields if field.name not in worded))
    return [name if value is True else f"{name} {_listed(value)}" for name, value in others.items()]


def _listed(value: object) -> str:
    if isinstance(value, list):
        return ", ".join(value) or "none"
    return "off" if value is False else str(value)
