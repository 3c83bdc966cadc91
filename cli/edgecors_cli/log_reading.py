"""What the commands share that read refusals from the logs of every Region."""

from __future__ import annotations

from typing import Annotated

import typer
from edgecors_admin.denied import PREFIXES, DeniedReport, find_refused
from edgecors_admin.logged_sites import LoggedSites
from rich.console import Console

from edgecors_cli.context import Context
from edgecors_cli.render import line

Since = Annotated[str, typer.Option(metavar="TIME", help="How far back: 30m, 1h, 2d, 1w.")]
LogGroups = Annotated[
    list[str] | None,
    typer.Option(
        "--log-group",
        metavar="PREFIX",
        help=f"Start of the log groups' names. Default: {', '.join(PREFIXES)}",
    ),
]
InRegions = Annotated[
    list[str] | None,
    typer.Option("--in-region", metavar="REGION", help="Read only this Region. Default: every Region."),
]


def read_refused(
    context: Context, logged: LoggedSites, seconds: int, regions: list[str], prefixes: list[str]
) -> DeniedReport:
    """Everything that was logged as refused. Says how many Regions have answered."""
    answered: list[str] = []

    def count(region: str) -> None:
        answered.append(region)
        context.progress.step(f"reading logs, {len(answered)} of {len(regions)} Regions answered")

    context.progress.step(f"reading logs in {len(regions)} Regions")
    return find_refused(context.account.logs, regions, logged.names, seconds, prefixes, answered=count)


def sites_as_dict(logged: LoggedSites) -> dict[str, object]:
    """Whose log lines were read, JSON-ready."""
    return {"site": logged.site, "logged_as": list(logged.names), "aliases_error": logged.unread or None}


def say_sites(out: Console, logged: LoggedSites) -> None:
    """Print whose log lines were read, where that is more than a site without aliases."""
    if len(logged.names) > 1:
        own, *aliases = logged.names
        line(out, (f"Log lines of {own} and of {', '.join(aliases)}, which use its policy.", "dim"))
    if logged.unread:
        text = f"The aliases could not be read, so log lines of distributions that use {logged.site} may be missing"
        line(out, (text, "yellow"), f" ({logged.unread})")
