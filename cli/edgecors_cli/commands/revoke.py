"""``edgecors revoke``: remove origins."""

from __future__ import annotations

import typer
from edgecors_admin.allow import revoke_entries

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


def register(app: typer.Typer) -> None:
    """Add the command."""
    examples = ["edgecors revoke shop https://old.example.com", "edgecors revoke @partners --from former.txt"]
    command(app, "revoke", rich_help_panel="Change", examples=examples)(revoke)


def revoke(
    context: Context,
    target: Target,
    origins: Origins = None,
    file: FromFile = None,
    rule: RuleNumber = None,
    grant: GrantNumberOption = None,
    path: PathOption = None,
    host: HostOption = None,
    dry_run: DryRun = False,
    yes: Yes = False,
) -> None:
    """Remove entries: from all rules, or from the one that --rule or --path selects."""
    selection = read_selection(target, rule, grant, path, host)
    pasted = read_origins(origins, file)
    Editing(context, target, selection, pasted, revoke_entries, dry_run, yes, "revoked", must_exist=True).run()
