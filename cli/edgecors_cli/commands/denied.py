"""``edgecors denied``: which origins are refused."""

from __future__ import annotations

from typing import Any

import typer
from edgecors_admin.denied import PREFIXES, seconds_of
from edgecors_admin.logged_sites import logged_sites
from edgecors_admin.sites import checked_site, with_lists
from rich.console import Console

from edgecors_cli import watching
from edgecors_cli.commands.arguments import SiteName
from edgecors_cli.context import Context, command
from edgecors_cli.log_reading import InRegions, LogGroups, Since, read_refused, say_sites, sites_as_dict
from edgecors_cli.render import line, say_alias
from edgecors_cli.watching import Interval, Watch

WATCH_SECONDS = 60


def register(app: typer.Typer) -> None:
    """Add the command."""
    examples = ["edgecors denied shop --since 2d", "edgecors denied shop --in-region eu-west-1 --watch"]
    command(app, "denied", rich_help_panel="Check", examples=examples)(denied)


def denied(
    context: Context,
    site: SiteName,
    since: Since = "1h",
    log_group: LogGroups = None,
    in_region: InRegions = None,
    watch: Watch = False,
    interval: Interval = None,
) -> None:
    """List the origins that are refused, each with the command that would allow it. Reads the logs of every Region.

    --watch polls every 60 seconds (see --interval); CloudWatch charges for the logs that each poll reads.
    """
    seconds = seconds_of(since)
    checked_site(site)
    regions = in_region or context.account.regions()
    prefixes = log_group or list(PREFIXES)
    watching.answer(
        context, lambda: _refused(context, site, since, seconds, regions, prefixes), watch, interval, WATCH_SECONDS
    )


def _refused(
    context: Context, site: str, since: str, seconds: int, regions: list[str], prefixes: list[str]
) -> tuple[dict[str, Any], watching.Say]:
    logged = logged_sites(context.parameters, site)
    report = read_refused(context, logged, seconds, regions, prefixes)
    has_rules = _has_several_rules(context, logged.site)
    rows: list[dict[str, Any]] = [
        {
            "origin": r.origin,
            "reason": r.reason,
            "rule": r.rule,
            "log_lines": r.lines,
            "last_seen": r.last,
            "regions": r.regions,
            "remedy": r.remedy(logged.site, has_rules),
        }
        for r in report.refused
    ]

    def say(out: Console) -> None:
        if logged.alias:
            say_alias(out, logged.alias, logged.site)
            line(out, (f"All distributions that use it: edgecors denied {logged.site}", "dim"))
        for row in rows:
            line(out, (row["origin"] or "(empty)", "bold"), "  ", (row["reason"], "yellow"))
            line(out, f"{row['log_lines']} log lines, last {row['last_seen']}, {', '.join(row['regions'])}", indent=4)
            if row["remedy"]:
                line(out, (row["remedy"], "green"), indent=4)
        if not report.groups:
            line(out, f"No log group starts with {' or '.join(prefixes)}. Name yours with --log-group.")
        elif not rows:
            line(out, f"No origin was refused within {since} ({len(report.groups)} log groups).")
        else:
            line(out, ("A container logs an origin once a minute: lines are not requests.", "dim"))
        say_sites(out, logged)
        if report.failed:
            first = next(iter(report.failed.items()))
            line(out, (f"{len(report.failed)} Regions could not be queried", "yellow"), f" ({first[0]}: {first[1]})")

    data = {"refused": rows, "log_groups": report.groups, "failed_regions": dict(report.failed)}
    return {**sites_as_dict(logged), **data}, say


def _has_several_rules(context: Context, site: str) -> bool:
    stored = context.parameters.get(context.parameters.name_of(site))
    policy = with_lists(context.parameters, site, stored.text).policy if stored is not None else None
    return policy is not None and len(policy.rules) > 1
