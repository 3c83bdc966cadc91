"""What the commands share that read refusals from the logs of every Region."""

from __future__ import annotations

from typing import Annotated

import typer
from edgecors_admin.denied import PREFIXES, DeniedReport, find_refused

from edgecors_cli.context import Context

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


def read_refused(context: Context, site: str, seconds: int, regions: list[str], prefixes: list[str]) -> DeniedReport:
    """Everything that was logged as refused. Says how many Regions have answered."""
    answered: list[str] = []

    def count(region: str) -> None:
        answered.append(region)
        context.progress.step(f"reading logs, {len(answered)} of {len(regions)} Regions answered")

    context.progress.step(f"reading logs in {len(regions)} Regions")
    return find_refused(context.account.logs, regions, site, seconds, prefixes, answered=count)
