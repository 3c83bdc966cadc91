"""``edgecors sites``: what there is."""

from __future__ import annotations

import typer
from edgecors_admin.overview import (
    aliases_by_site,
    count_text,
    findings_text,
    reasons,
    site_row,
    size_text,
    unreadable_site_row,
)
from edgecors_admin.sites import Site
from rich.console import Console

from edgecors_cli.context import Context, command
from edgecors_cli.render import line, table


def register(app: typer.Typer) -> None:
    """Add the command."""
    command(app, "sites", rich_help_panel="Look", examples=["edgecors sites", "edgecors sites --json"])(sites)


def sites(context: Context) -> None:
    """List all sites with a summary of their policies, and the aliases that use them."""
    stored_sites, unreadable = context.parameters.below("sites")
    stored_lists, unreadable_lists = context.parameters.below("lists")
    values: dict[str, str | None] = {name: stored.value for name, stored in stored_lists.items()}
    aliases, unreadable_aliases = aliases_by_site(context.parameters)
    rows = []
    for name, stored in stored_sites.items():
        context.progress.step(f"reading site {name}")
        rows.append(site_row(Site(name, stored.text, values, stored, unreadable=unreadable_lists.keys()), aliases))
    rows += [unreadable_site_row(name, parameter, aliases) for name, parameter in unreadable.items()]
    rows.sort(key=lambda row: str(row["site"]))
    dangling = {site: names for site, names in aliases.items() if site not in stored_sites and site not in unreadable}

    def say(out: Console) -> None:
        if not rows:
            line(out, f"No sites in {context.account.region} below {context.parameters.root}/sites.")
            line(out, "Create one: edgecors allow SITE https://app.example.com")
        else:
            head = ("SITE", "RULES", "ENTRIES", "MODE", "VERSION", "SIZE", "FINDINGS", "ALIASES")
            columns = ("site", "rules", "entries", "mode", "version")
            cells = [
                [*(count_text(r[n]) for n in columns), size_text(r), findings_text(r), " ".join(r["aliases"])]
                for r in rows
            ]
            table(out, head, cells)
        for site, names in dangling.items():
            line(out, ("missing: ", "red"), f"{site}, used by the alias {', '.join(names)}")

    context.answer(rows, say)
    context.report_unreadable(reasons(unreadable, unreadable_lists, unreadable_aliases).values())
