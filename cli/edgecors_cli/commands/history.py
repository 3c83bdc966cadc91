"""``edgecors history``: the versions of a site or list."""

from __future__ import annotations

from typing import Any

import typer
from edgecors_admin.sites import site_to_read
from edgecors_admin.versions import all_versions, version_row
from rich.console import Console

from edgecors_cli.commands.arguments import Target
from edgecors_cli.context import Context, command
from edgecors_cli.render import say_alias, table


def register(app: typer.Typer) -> None:
    """Add the command."""
    examples = ["edgecors history shop", "edgecors history @partners"]
    command(app, "history", rich_help_panel="Versions", examples=examples)(history)


def history(context: Context, target: Target) -> None:
    """List the versions that Parameter Store still has, with the origins that each added and removed."""
    target, alias = site_to_read(context.parameters, target)
    versions = all_versions(context.parameters, target)
    by_number = {stored.version: stored for stored in versions}
    rows = []
    for stored in versions:
        context.progress.step(f"comparing version {stored.version}")
        rows.append(version_row(target, stored, by_number.get(stored.version - 1)))

    if alias:
        say_alias(context.out, alias, target)

    def say(out: Console) -> None:
        head = ("VERSION", "WHEN", "ORIGINS", "BY", "NOTES")
        table(out, head, [(r["version"], r["modified"], _change(r), _who(r["user"]), _notes(r)) for r in rows])

    context.answer(rows, say)


def _change(row: dict[str, Any]) -> str:
    return "?" if row["origins_added"] is None else f"+{row['origins_added']} -{row['origins_removed']}"


def _who(arn: object) -> str:
    """The end of an ARN: the user, or the role and its session."""
    return str(arn).rpartition(":")[2]


def _notes(row: dict[str, Any]) -> str:
    return ", ".join([*(["rejected"] if row["errors"] else []), *row["labels"]])
