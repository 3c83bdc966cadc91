"""``edgecors delete``: remove a site or list from Parameter Store."""

from __future__ import annotations

from typing import Annotated, Any

import typer
from edgecors_admin import conditional_write
from edgecors_admin.edit_review import review_deletion
from edgecors_admin.sites import checked_target, missing
from rich.console import Console

from edgecors_cli.commands.arguments import Target
from edgecors_cli.context import Context, Yes, command
from edgecors_cli.render import difference, line

DryRun = Annotated[bool, typer.Option("--dry-run", help="Show who would lose access, and delete nothing.")]


def register(app: typer.Typer) -> None:
    """Add the command."""
    examples = ["edgecors delete shop", "edgecors delete @partners --dry-run"]
    command(app, "delete", rich_help_panel="Change", examples=examples)(delete)


def delete(context: Context, target: Target, dry_run: DryRun = False, yes: Yes = False) -> None:
    """Delete a site or list with its history, after showing who loses access."""
    name = context.parameters.name_of(checked_target(target))
    stored = context.parameters.get(name)
    if stored is None:
        raise missing(context.parameters, target, "delete")
    review = review_deletion(context.parameters, target, stored.text)

    def say_consequences(out: Console) -> None:
        for site, changes in review.access.items():
            line(out, (f"site {site}", "bold"))
            difference(out, changes)
        for note in review.notes:
            line(out, ("note: ", "yellow"), note)

    if not context.json:
        say_consequences(context.out)
    if not dry_run:
        context.confirm(f"Delete {name} and its history? This can't be undone.", yes=yes)
        conditional_write.delete(context.parameters, stored)
    data: dict[str, Any] = {
        "parameter": name,
        "deleted": not dry_run,
        "access": {site: changes.as_dict() for site, changes in review.access.items()},
        "notes": review.notes,
    }

    def say(out: Console) -> None:
        if dry_run:
            line(out, "Nothing was deleted (--dry-run).")
        else:
            line(out, ("deleted: ", "bold red"), name)

    context.answer(data, say)
