"""``edgecors alias``: let a distribution use the policy of another site."""

from __future__ import annotations

from typing import Annotated

import typer
from edgecors_admin.conditional_write import delete, replace
from edgecors_admin.errors import CommandError
from edgecors_admin.sites import checked_site, missing

from edgecors_cli.commands.arguments import SiteName
from edgecors_cli.context import Context, Yes, command
from edgecors_cli.render import line, table

Distribution = Annotated[str, typer.Argument(metavar="ID", help="The id of a distribution that has no policy.")]


def register(app: typer.Typer) -> None:
    """Add the group with its commands."""
    group = typer.Typer(no_args_is_help=True, help="Let a distribution use the policy of another site.")
    command(group, "set", examples=["edgecors alias set E1ABCDEF2GHIJK shop"])(set_alias)
    command(group, "remove", examples=["edgecors alias remove E1ABCDEF2GHIJK"])(remove)
    command(group, "list", examples=["edgecors alias list"])(list_aliases)
    app.add_typer(group, name="alias", rich_help_panel="Look")


def _name(context: Context, distribution: str) -> str:
    return f"{context.parameters.root}/aliases/{checked_site(distribution)}"


def set_alias(context: Context, distribution: Distribution, site: SiteName, yes: Yes = False) -> None:
    """Let a distribution use the policy of a site."""
    name = _name(context, distribution)
    if context.parameters.get(context.parameters.name_of(checked_site(site))) is None:
        raise missing(context.parameters, site)
    own = context.parameters.get(context.parameters.name_of(distribution))
    if own is not None:
        raise CommandError(
            f"{distribution} has its own policy ({own.name}), which takes precedence over an alias."
            f" Delete it first: edgecors delete {distribution}"
        )
    before = context.parameters.get(name)
    if before is not None and before.text.strip() == site:
        context.answer(
            {"alias": distribution, "site": site, "written": False}, lambda out: line(out, "Nothing to write.")
        )
        return
    if before is not None:
        context.confirm(f"{distribution} uses {before.text.strip()}. Use {site} instead?", yes=yes)
    replace(context.parameters, name, site, before, "String")
    context.answer(
        {"alias": distribution, "site": site, "written": True},
        lambda out: line(out, ("written: ", "bold green"), f"{distribution} uses the policy of {site}"),
    )


def remove(context: Context, distribution: Distribution, yes: Yes = False) -> None:
    """Remove an alias: the distribution then has no policy."""
    name = _name(context, distribution)
    before = context.parameters.get(name)
    if before is None:
        raise CommandError(f"There is no alias {distribution}. The aliases are: edgecors alias list")
    site = before.text.strip()
    context.confirm(f"{distribution} uses {site}. Remove the alias, so that it allows nobody?", yes=yes)
    delete(context.parameters, before)
    context.answer(
        {"alias": distribution, "site": site, "removed": True},
        lambda out: line(out, ("removed: ", "bold red"), f"alias {distribution} of {site}"),
    )


def list_aliases(context: Context) -> None:
    """List the aliases with the sites whose policies they use."""
    aliases, unreadable = context.parameters.below("aliases")
    sites = context.parameters.types_below("sites") if aliases else {}
    rows = [
        {"alias": alias, "site": stored.text.strip(), "exists": stored.text.strip() in sites}
        for alias, stored in aliases.items()
    ]
    context.answer(
        rows,
        lambda out: (
            table(
                out,
                ("ALIAS", "SITE"),
                [(r["alias"], r["site"] if r["exists"] else f"{r['site']} (missing)") for r in rows],
            )
            if rows
            else line(out, "No aliases.")
        ),
    )
    context.fail_if(any(not row["exists"] for row in rows))
    context.report_unreadable(parameter.reason for parameter in unreadable.values())
