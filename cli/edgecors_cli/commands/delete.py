"""``edgecors delete``: remove a site or list from Parameter Store."""

from __future__ import annotations

from typing import Annotated, Any

import typer
from edgecors_admin.access import AccessDifference, compare
from edgecors_admin.errors import CommandError, NotPermittedError
from edgecors_admin.sites import missing, names_of_lists, users_of
from rich.console import Console

from edgecors_cli.commands.arguments import Target, checked_target
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
        raise missing(context.parameters, target)
    differences, notes = _consequences(context, target, stored.text)

    def say_consequences(out: Console) -> None:
        for site, changes in differences.items():
            line(out, (f"site {site}", "bold"))
            difference(out, changes)
        for note in notes:
            line(out, ("note: ", "yellow"), note)

    if not context.json:
        say_consequences(context.out)
    deleted = False
    if not dry_run:
        context.confirm(f"Delete {name} and its history? This can't be undone.", yes=yes)
        deleted = context.parameters.delete(name)
        if not deleted:
            raise CommandError(f"{name} was deleted by somebody else in the meantime.")
    data: dict[str, Any] = {
        "parameter": name,
        "deleted": deleted,
        "access": {site: changes.as_dict() for site, changes in differences.items()},
        "notes": notes,
    }

    def say(out: Console) -> None:
        if deleted:
            line(out, ("deleted: ", "bold red"), name)
        else:
            line(out, "Nothing was deleted (--dry-run).")

    context.answer(data, say)


def _consequences(context: Context, target: str, text: str) -> tuple[dict[str, AccessDifference], list[str]]:
    """Who loses access at which site, and what else to know."""
    notes: list[str] = []
    if not target.startswith("@"):
        lists = context.parameters.get_lists(names_of_lists(text))
        notes.append("a site without a policy allows nobody; running containers notice within their refresh time")
        try:
            aliases = [a for a, stored in context.parameters.below("aliases").items() if stored.text.strip() == target]
        except NotPermittedError:
            aliases = []
        notes += [f"the alias {alias} uses this site" for alias in aliases]
        return {target: compare(text, None, lists, lists)}, notes
    differences = {}
    name = target[1:]
    try:
        for site, stored in users_of(context.parameters, name).items():
            before = context.parameters.get_lists(names_of_lists(stored.text))
            differences[site] = compare(stored.text, stored.text, before, {**before, name: None})
            notes.append(f"site {site} still names {target}: edgecors revoke {site} {target}")
    except NotPermittedError as error:
        notes.append(f"the sites that use {target} were not looked at: {error}")
    return differences, notes
