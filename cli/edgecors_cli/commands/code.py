"""``plan`` and ``apply``: policy as code."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer
from edgecors_admin.conditional_write import replace
from edgecors_admin.errors import CommandError
from edgecors_admin.lint import FINDINGS, has_errors
from edgecors_admin.plan import Plan, make_plan
from edgecors_admin.policy_files import read_policies
from rich.console import Console

from edgecors_cli.context import Context, Yes, command
from edgecors_cli.render import difference, findings, line, text_difference

Files = Annotated[
    Path,
    typer.Argument(
        metavar="FILE",
        help="A directory with sites/*.json, sites/*.txt and lists/*.txt, or one JSON or YAML file with both.",
    ),
]


def register(app: typer.Typer) -> None:
    """Add the commands."""
    command(app, "plan")(plan)
    command(app, "apply")(apply)


def plan(context: Context, file: Files) -> None:
    """What `apply` would write, and who would gain or lose access. Ends with 1 when there is something to write."""
    found = make_plan(read_policies(file), context.parameters)
    context.answer(found.as_dict(), lambda out: _say(out, found))
    context.found(found.steps or _rejected(found))


def apply(context: Context, file: Files, yes: Yes = False) -> None:
    """Write what differs, lists first. Nothing is deleted, and nothing is written if anything is rejected."""
    found = make_plan(read_policies(file), context.parameters)
    if not context.json:
        _say(context.out, found)
    if _rejected(found):
        raise CommandError(f"Rejected: {', '.join(_rejected(found))}. Nothing was written.")
    if found.steps:
        context.confirm(f"Write {len(found.steps)} parameter(s)?", yes=yes)
    written: list[dict[str, Any]] = []
    for step in found.steps:
        name = context.parameters.name_of(step.target)
        after = replace(context.parameters, name, step.text, step.before, "String")
        written.append({"target": step.target, "parameter": name, "version": after.version})
        if not context.json:
            line(context.out, ("written: ", "bold green"), f"{name} version {after.version}")
    if context.json:
        context.answer({**found.as_dict(), "written": written}, lambda _: None)


def _rejected(found: Plan) -> list[str]:
    return [target for target, problems in found.findings.items() if has_errors(problems)]


def _say(out: Console, found: Plan) -> None:
    for step in found.steps:
        line(out, (f"{'change' if step.before is not None else 'create'} {step.target}", "bold"))
        text_difference(out, step.old_text, step.text, indent=2)
    for target, problems in found.findings.items():
        findings(out, [f for f in problems if f.severity in FINDINGS], target)
    for site, access in found.access.items():
        if access:
            line(out, (f"site {site}", "bold"))
            difference(out, access, indent=2)
    if not found.steps:
        line(out, "Parameter Store holds what the files say.")
    if found.only_stored:
        line(out, ("Not in the files, and left alone: ", "dim"), ", ".join(found.only_stored))
