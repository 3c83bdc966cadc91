"""``edgecors allow``: let origins read."""

from __future__ import annotations

from typing import Annotated

import typer
from edgecors_admin.allow import allow_entries

from edgecors_cli.commands.arguments import Target
from edgecors_cli.context import Context, Yes, command
from edgecors_cli.editing import (
    DryRun,
    Editing,
    FromFile,
    GrantNumberOption,
    HostOption,
    Origins,
    PathOption,
    RuleNumber,
    read_origins,
    read_selection,
)

Create = Annotated[bool, typer.Option("--create", help="Create the site or list without asking.")]


def register(app: typer.Typer) -> None:
    """Add the command."""
    examples = [
        "edgecors allow shop https://app.example.com 'https://*.preview.example.com' @partners",
        "edgecors allow shop https://app.example.com --path /api/cart",
        "edgecors allow @partners --from partners.txt",
    ]
    command(app, "allow", rich_help_panel="Change", examples=examples)(allow)


def allow(
    context: Context,
    target: Target,
    origins: Origins = None,
    file: FromFile = None,
    rule: RuleNumber = None,
    grant: GrantNumberOption = None,
    path: PathOption = None,
    host: HostOption = None,
    dry_run: DryRun = False,
    create: Create = False,
    yes: Yes = False,
) -> None:
    """Let origins read. Creates the site or list when it does not exist."""
    selection = read_selection(target, rule, grant, path, host)
    pasted = read_origins(origins, file)
    Editing(context, target, selection, pasted, allow_entries, dry_run, yes, "allowed", create=create).run()
