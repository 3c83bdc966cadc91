"""``edgecors plan``: what `apply` would write."""

from __future__ import annotations

import typer

from edgecors_cli.context import AWS_FAILED, CHANGES, Context, command
from edgecors_cli.planning import EnvironmentOption, Files, SiteOption, make, rejected, say


def register(app: typer.Typer) -> None:
    """Add the command."""
    examples = [
        "edgecors plan policies/",
        "edgecors plan policies/ --environment production",
        "edgecors plan all.yaml",
        "edgecors plan shop.json --site shop",
    ]
    command(app, "plan", rich_help_panel="Policy as code", examples=examples)(plan)


def plan(context: Context, file: Files, site: SiteOption = None, environment: EnvironmentOption = None) -> None:
    """Show what `apply` would write, and who would gain or lose access.

    Exit status: 0 nothing to change, 4 changes, 1 rejected, 3 AWS denied the request or a parameter can't be read.
    """
    result = make(context, file, site, environment)
    context.answer(result.as_dict(), lambda out: say(out, result))
    if rejected(result):
        context.status = 1
    elif result.steps:
        context.status = CHANGES
    if result.unreadable:
        context.status = AWS_FAILED
