"""``edgecors rollback``: write an older version again."""

from __future__ import annotations

import typer
from edgecors.findings import ERROR, Finding
from edgecors_admin.conditional_write import replace
from edgecors_admin.errors import CommandError
from edgecors_admin.lint import lint, lint_list
from edgecors_admin.sites import names_of_lists

from edgecors_cli.commands.arguments import Target
from edgecors_cli.context import Context, Yes, command
from edgecors_cli.render import difference, findings, line, text_difference
from edgecors_cli.versions import Version, compare_versions, is_rejected, one_version


def register(app: typer.Typer) -> None:
    """Add the command."""
    command(app, "rollback", rich_help_panel="Versions", examples=["edgecors rollback shop 3"])(rollback)


def rollback(context: Context, target: Target, version: Version, yes: Yes = False) -> None:
    """Write an older version again, as a new one."""
    wanted = one_version(context, target, version)
    name = context.parameters.name_of(target)
    current = context.parameters.get(name)
    if current is not None and current.value == wanted.value:
        context.answer(
            {"parameter": name, "written": False, "version": current.version},
            lambda out: line(out, f"Version {current.version} is the same as version {version}: nothing to do."),
        )
        return
    text = current.text if current is not None else ""
    access = compare_versions(context, target, text, wanted.text)
    if access is not None:
        difference(context.out, access)
    text_difference(context.out, text, wanted.text)
    problems = _new_errors(context, target, text, wanted.text)
    if problems:
        findings(context.out, problems)
        raise CommandError(f"Version {version} is rejected. Nothing was written.")
    context.confirm(f"Write version {version} of {target} again?", yes=yes)
    written = replace(context.parameters, name, wanted.text, current, wanted.type)
    context.answer(
        {"parameter": name, "written": True, "version": written.version, "same_as": version},
        lambda out: line(out, ("written: ", "bold green"), f"{name} version {written.version}, same as {version}"),
    )


def _new_errors(context: Context, target: str, current: str, wanted: str) -> list[Finding]:
    """What must not be written. An unsafe entry of a list that the policy names already is no reason to stop."""
    errors = [f for f in _problems(context, target, wanted) if f.severity == ERROR]
    if not is_rejected(target, wanted) and current:
        known = {(f.code, f.message) for f in _problems(context, target, current)}
        return [f for f in errors if (f.code, f.message) not in known]
    return errors


def _problems(context: Context, target: str, text: str) -> list[Finding]:
    if target.startswith("@"):
        return lint_list(target[1:], text)
    return lint(text, context.parameters.get_lists(names_of_lists(text)))
