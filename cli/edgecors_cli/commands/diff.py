"""``edgecors diff``: what changed between two versions."""

from __future__ import annotations

from typing import Annotated

import typer
from edgecors_admin.sites import site_to_read
from edgecors_admin.text_difference import text_difference_lines
from edgecors_admin.versions import compare_versions, one_version
from rich.console import Console

from edgecors_cli.commands.arguments import Target
from edgecors_cli.context import Context, command
from edgecors_cli.render import difference, line, say_alias, text_difference


def register(app: typer.Typer) -> None:
    """Add the command."""
    command(app, "diff", rich_help_panel="Versions", examples=["edgecors diff shop 3", "edgecors diff shop 3 5"])(diff)


def diff(
    context: Context,
    target: Target,
    first: Annotated[int, typer.Argument(metavar="V1", min=1)],
    second: Annotated[int | None, typer.Argument(metavar="V2", min=1, help="Default: the newest.")] = None,
) -> None:
    """Show who gained and who lost access between two versions, and the text. Both use the current lists."""
    target, alias = site_to_read(context.parameters, target)
    old = one_version(context.parameters, target, first)
    new = one_version(context.parameters, target, second)
    context.progress.step("comparing access")
    access = compare_versions(context.parameters, target, old.text, new.text)
    data = {
        "from": old.version,
        "to": new.version,
        "access": access.as_dict() if access is not None else None,
        "text": text_difference_lines(old.text, new.text),
    }

    if alias:
        say_alias(context.out, alias, target)

    def say(out: Console) -> None:
        line(out, (f"{target}, version {old.version} to {new.version}", "bold"))
        if old.text == new.text:
            line(out, "no difference")
        if access is not None:
            difference(out, access)
        if old.text != new.text:
            line(out)
        text_difference(out, old.text, new.text)

    context.answer(data, say)
