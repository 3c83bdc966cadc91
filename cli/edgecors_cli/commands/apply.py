"""``edgecors apply``: write what files say to Parameter Store."""

from __future__ import annotations

import typer
from edgecors_admin.errors import CommandError

from edgecors_cli.context import Context, Yes, command
from edgecors_cli.planning import EnvironmentOption, Files, SiteOption, check_known, make, rejected, say, write_steps


def register(app: typer.Typer) -> None:
    """Add the command."""
    examples = [
        "edgecors apply policies/",
        "edgecors apply policies/ --environment production",
        "edgecors apply all.yaml --yes",
    ]
    command(app, "apply", rich_help_panel="Policy as code", examples=examples)(apply)


def apply(
    context: Context, file: Files, site: SiteOption = None, environment: EnvironmentOption = None, yes: Yes = False
) -> None:
    """Write what differs, lists first. Deletes nothing, and writes nothing if anything is rejected."""
    result = make(context, file, site, environment)
    if not context.json:
        say(context.out, result)
    if names := rejected(result):
        raise CommandError(f"Rejected: {', '.join(names)}. Nothing was written.")
    check_known(result)
    if result.steps:
        count = len(result.steps)
        context.confirm(f"Write {count} {'parameter' if count == 1 else 'parameters'}?", yes=yes)
    write_steps(context, result, result.steps)
