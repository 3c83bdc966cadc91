"""``edgecors shadow``: what a policy in shadow mode would refuse."""

from __future__ import annotations

from typing import Any

import typer
from edgecors.policy import Policy
from edgecors_admin.denied import PREFIXES, DeniedReport, Refused, seconds_of
from edgecors_admin.errors import CommandError
from edgecors_admin.globs import texts
from edgecors_admin.logged_sites import LoggedSites, logged_sites
from edgecors_admin.shadow import ShadowReport, shadow_report
from edgecors_admin.sites import checked_site, load_site
from rich.console import Console

from edgecors_cli.commands.arguments import SiteName
from edgecors_cli.context import Context, command
from edgecors_cli.log_reading import InRegions, LogGroups, Since, read_refused, say_sites, sites_as_dict
from edgecors_cli.render import line, say_alias


def register(app: typer.Typer) -> None:
    """Add the command."""
    examples = ["edgecors shadow shop", "edgecors shadow shop --since 1w"]
    command(app, "shadow", rich_help_panel="Check", examples=examples)(shadow)


def shadow(
    context: Context,
    site: SiteName,
    since: Since = "1d",
    log_group: LogGroups = None,
    in_region: InRegions = None,
) -> None:
    """Report what a policy in shadow mode would have refused, with the command that would allow it.

    Reads the logs of every Region. Refusals that the policy would allow by now are only counted.

    Exit status: 0 nothing would be refused, 1 something would, or not all logs could be read.
    """
    seconds = seconds_of(since)
    loaded = load_site(context.parameters, checked_site(site))
    policy, name = loaded.policy, loaded.name
    if policy is None:
        raise CommandError(f"The policy of {name} is rejected. Run edgecors lint {name}.")
    if not policy.shadow:
        raise CommandError(
            f"{name} is not in shadow mode: refusals are enforced. See edgecors denied {name}, or go back with"
            f" edgecors mode {name} shadow."
        )
    regions = in_region or context.account.regions()
    prefixes = log_group or list(PREFIXES)
    # Of every distribution that uses the policy, also where one of them was asked for: enforcing it counts for all.
    logged = logged_sites(context.parameters, name)
    logs = read_refused(context, logged, seconds, regions, prefixes)
    report = shadow_report(policy, logs.refused)
    answer = {
        **sites_as_dict(logged),
        "refused": [_as_dict(item, name, policy) for item in report.refused],
        "allowed_since": [_as_dict(item, name, policy) for item in report.allowed_since],
        "log_groups": logs.groups,
        "failed_regions": dict(logs.failed),
    }

    def say(out: Console) -> None:
        if loaded.alias:
            say_alias(out, loaded.alias, name)
        _say(out, logged, policy, report, logs, since, prefixes)

    context.answer(answer, say)
    context.fail_if(report.refused or logs.failed or not logs.groups or logged.unread)


def _as_dict(item: Refused, site: str, policy: Policy) -> dict[str, Any]:
    return {
        "origin": item.origin,
        "rule": item.rule,
        "paths": _paths(policy, item.rule),
        "reason": item.reason,
        "log_lines": item.lines,
        "last_seen": item.last,
        "regions": item.regions,
        "remedy": item.remedy(site, len(policy.rules) > 1),
    }


def _paths(policy: Policy, rule: int | None) -> list[str]:
    if rule is None or rule >= len(policy.rules):
        return []
    return list(texts(policy.rules[rule].paths, "/*"))


def _say(
    out: Console,
    logged: LoggedSites,
    policy: Policy,
    report: ShadowReport,
    logs: DeniedReport,
    since: str,
    prefixes: list[str],
) -> None:
    for rule, items in report.by_rule().items():
        where = f"rules[{rule}]" if rule is not None else "no rule"
        line(out, (where, "bold"), "  ", ", ".join(_paths(policy, rule)))
        for item in items:
            line(out, (item.origin or "(empty)", "bold"), "  ", (item.reason, "yellow"), indent=2)
            lines = "1 log line" if item.lines == 1 else f"{item.lines} log lines"
            line(out, f"{lines}, last {item.last}, {', '.join(item.regions)}", indent=4)
            if remedy := item.remedy(logged.site, len(policy.rules) > 1):
                line(out, (remedy, "green"), indent=4)
    if report.allowed_since:
        line(out, (f"{len(report.allowed_since)} more were logged, but the policy allows them now.", "dim"))
    say_sites(out, logged)
    if logs.failed:
        first = next(iter(logs.failed.items()))
        line(out, (f"{len(logs.failed)} Regions could not be queried", "yellow"), f" ({first[0]}: {first[1]})")
    if not logs.groups:
        line(out, f"No log group starts with {' or '.join(prefixes)}. Name yours with --log-group.")
    elif report.refused:
        count = len({item.origin for item in report.refused})
        line(out, (f"{count} {'origin' if count == 1 else 'origins'} would have been refused within {since}.", "bold"))
    elif not logs.failed and not logged.unread:
        line(out, (f"Nothing would have been refused within {since}.", "bold green"))
        line(out, ("next: ", "cyan"), f"edgecors mode {logged.site} enforce")
