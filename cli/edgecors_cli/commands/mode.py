"""``edgecors mode``: let a policy decide only on trial, or for real."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Any

import typer
from edgecors.document import PolicyError, is_json
from edgecors_admin.access import compare
from edgecors_admin.conditional_write import change
from edgecors_admin.edit import set_mode
from edgecors_admin.errors import CommandError
from edgecors_admin.lint import FINDINGS, has_errors, lint
from edgecors_admin.loading import load
from edgecors_admin.sites import checked_site, missing, names_of_lists

from edgecors_cli.commands.arguments import SiteName
from edgecors_cli.context import Context, Yes, command
from edgecors_cli.editing import DryRun
from edgecors_cli.render import difference, findings, line, text_difference


class Mode(StrEnum):
    """The values of the field ``mode``."""

    shadow = "shadow"
    enforce = "enforce"


def register(app: typer.Typer) -> None:
    """Add the command."""
    examples = ["edgecors mode shop shadow", "edgecors mode shop enforce"]
    command(app, "mode", rich_help_panel="Change", examples=examples)(mode)


class _NotWrittenError(Exception):
    """Ends a dry run before anything is written."""


def mode(
    context: Context,
    site: SiteName,
    mode: Annotated[
        Mode,
        typer.Argument(metavar="MODE", help="shadow: decide and log only. enforce: apply the decisions."),
    ],
    dry_run: DryRun = False,
    yes: Yes = False,
) -> None:
    """Put a site into shadow mode, or enforce its policy."""
    name = context.parameters.name_of(checked_site(site))

    def edit(text: str) -> str:
        if not text:
            raise missing(context.parameters, site, "mode")
        lists = context.parameters.get_lists(names_of_lists(text))
        try:
            current = load(text, lists).mode
        except PolicyError:
            raise CommandError(f"The policy of {site} is rejected. Run edgecors lint {site} first.") from None
        return text if current == mode.value else set_mode(text, mode.value)

    def agree(old: str, new: str) -> None:
        lists = context.parameters.get_lists(names_of_lists(new))
        problems = [finding for finding in lint(new, lists) if finding.severity in FINDINGS]
        text_difference(context.out, old, new, indent=2)
        difference(context.out, compare(old, new, lists, lists))
        findings(context.out, problems)
        if has_errors(problems):
            raise CommandError("Nothing was written.")
        if not is_json(old):
            line(context.out, ("note: ", "yellow"), "the plain list becomes a document, as only a document has a mode")
        if dry_run:
            raise _NotWrittenError
        context.confirm(f"Switch {site} to {mode.value}?", yes=yes)

    try:
        result = change(context.parameters, name, edit, agree)
    except _NotWrittenError:
        planned = {"parameter": name, "mode": mode.value, "written": False, "version": None}
        context.answer(planned, lambda out: line(out, "Nothing was written (--dry-run)."))
        return
    version = result.after.version if result.after is not None else None
    answer: dict[str, Any] = {"parameter": name, "mode": mode.value, "written": version is not None, "version": version}
    if version is None:
        context.answer(answer, lambda out: line(out, f"The mode is {mode.value} already: nothing to do."))
    else:
        context.answer(answer, lambda out: line(out, ("written: ", "bold green"), f"{name} version {version}"))
