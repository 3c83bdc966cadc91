"""``edgecors lists``: the lists that policies share."""

from __future__ import annotations

from typing import Any

import typer
from edgecors_admin.overview import (
    count_text,
    findings_text,
    list_row,
    reasons,
    size_text,
    unreadable_list_row,
    users_by_list,
)
from rich.console import Console

from edgecors_cli.context import Context, command
from edgecors_cli.render import line, table


def register(app: typer.Typer) -> None:
    """Add the command."""
    command(app, "lists", rich_help_panel="Look", examples=["edgecors lists"])(lists)


def lists(context: Context) -> None:
    """List all lists with the sites that use them."""
    stored_lists, unreadable = context.parameters.below("lists")
    stored_sites, unreadable_sites = context.parameters.below("sites")
    used = users_by_list(stored_sites)
    rows: list[dict[str, Any]] = []
    for name, stored in stored_lists.items():
        context.progress.step(f"reading list @{name}")
        rows.append(list_row(name, stored, used))
    rows += [unreadable_list_row(name, parameter, used) for name, parameter in unreadable.items()]
    rows.sort(key=lambda row: str(row["list"]))
    missing = sorted(set(used) - {*stored_lists, *unreadable})

    def say(out: Console) -> None:
        if not rows:
            line(out, f"No lists in {context.account.region} below {context.parameters.root}/lists.")
        else:
            head = ("LIST", "ENTRIES", "VERSION", "SIZE", "USED BY", "FINDINGS")
            cells = [
                (
                    row["list"],
                    count_text(row["entries"]),
                    row["version"],
                    size_text(row),
                    ", ".join(row["used_by"]) or "no site",
                    findings_text(row),
                )
                for row in rows
            ]
            table(out, head, cells)
        for name in missing:
            line(out, ("missing: ", "red"), f"@{name}, used by {', '.join(used[name])}")

    why = reasons(unreadable, unreadable_sites)
    context.answer({"lists": rows, "missing": missing, "unreadable": why}, say)
    context.report_unreadable(why.values())
