"""``edgecors rollback``: write an older version again."""

from __future__ import annotations

import typer
from edgecors_admin.conditional_write import replace
from edgecors_admin.errors import CommandError
from edgecors_admin.sites import checked_target, missing
from edgecors_admin.versions import compare_versions, new_errors, one_version

from edgecors_cli.commands.arguments import Target, Version
from edgecors_cli.context import Context, Yes, command
from edgecors_cli.render import difference, findings, line, text_difference


def register(app: typer.Typer) -> None:
    """Add the command."""
    command(app, "rollback", rich_help_panel="Versions", examples=["edgecors rollback shop 3"])(rollback)


def rollback(context: Context, target: Target, version: Version, yes: Yes = False) -> None:
    """Write an older version again, as a new one."""
    name = context.parameters.name_of(checked_target(target))
    current = context.parameters.get(name)
    if current is None:
        raise missing(context.parameters, target, "rollback")
    wanted = one_version(context.parameters, target, version)
    if current.value == wanted.value:
        context.answer(
            {"parameter": name, "written": False, "version": current.version},
            lambda out: line(out, f"Version {current.version} is the same as version {version}: nothing to do."),
        )
        return
    text = current.text
    access = compare_versions(context.parameters, target, text, wanted.text)
    if access is not None:
        difference(context.out, access)
    text_difference(context.out, text, wanted.text)
    problems = new_errors(context.parameters, target, text, wanted.text)
    if problems:
        findings(context.out, problems)
        raise CommandError(f"Version {version} is rejected. Nothing was written.")
    context.confirm(f"Write version {version} of {target} again?", yes=yes)
    written = replace(context.parameters, name, wanted.text, current, wanted.type)
    context.answer(
        {"parameter": name, "written": True, "version": written.version, "same_as": version},
        lambda out: line(out, ("written: ", "bold green"), f"{name} version {written.version}, same as {version}"),
    )
