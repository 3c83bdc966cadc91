"""What ``plan``, ``apply`` and ``split`` share."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any

import typer
from edgecors_admin.conditional_write import OverwrittenError, check_unchanged, replace
from edgecors_admin.errors import CommandError
from edgecors_admin.lint import FINDINGS, has_errors
from edgecors_admin.plan import PolicyPlan, Step, make_plan
from edgecors_admin.policy_files import read_policies
from edgecors_admin.sites import checked_site
from rich.console import Console

from edgecors_cli.context import AWS_FAILED, INTERRUPTED, Context
from edgecors_cli.render import difference, findings, line, text_difference

Files = Annotated[
    str,
    typer.Argument(
        metavar="FILE|-",
        help="A directory with sites/* and lists/* (.json, .yaml, .txt), or one JSON or YAML file with both.",
    ),
]
SiteOption = Annotated[str | None, typer.Option("--site", metavar="SITE", help="The site of a file with one policy.")]
EnvironmentOption = Annotated[
    str | None,
    typer.Option(
        "--environment",
        metavar="NAME",
        help="The environment of a directory: its own lists are in environments/NAME/lists.",
    ),
]


def make(context: Context, file: str, site: str | None, environment: str | None = None) -> PolicyPlan:
    """The plan for a file or directory."""
    files = read_policies(file, environment).named(None if site is None else checked_site(site))
    stored = context.parameters
    context.progress.step(f"comparing {len(files.sites)} sites and {len(files.lists)} lists")
    return make_plan(files, stored)


def rejected(result: PolicyPlan) -> list[str]:
    """The sites and lists that must not be written."""
    return [target for target, problems in result.findings.items() if has_errors(problems)]


def check_known(result: PolicyPlan) -> None:
    """Raises `CommandError` if it is not known whether something in the files has to be written."""
    if result.unknown:
        why = "\n".join(result.unreadable[target] for target in result.unknown)
        message = f"Nothing was written, because what is to be replaced can't be read: {', '.join(result.unknown)}."
        raise CommandError(f"{message}\n{why}", AWS_FAILED)


def say(out: Console, result: PolicyPlan, *, others: bool = True) -> None:
    """Print a plan; with ``others`` also what is not in the files."""
    for step in result.steps:
        line(out, (f"{'change' if step.before is not None else 'create'} {step.target}", "bold"))
        text_difference(out, step.old_text, step.text, indent=2)
    for target, problems in result.findings.items():
        findings(out, [f for f in problems if f.severity in FINDINGS], target)
    for site, access in result.access.items():
        if access:
            line(out, (f"site {site}", "bold"))
            difference(out, access, indent=2)
    for note in result.notes:
        line(out, ("note: ", "yellow"), note)
    for target, reason in result.unreadable.items():
        line(out, ("unreadable: ", "bold red"), f"{target}. {reason}")
    if result.unreadable:
        line(out, ("note: ", "yellow"), "This plan is incomplete: it does not show what depends on these parameters.")
    elif not result.steps:
        line(out, "No changes: Parameter Store already has the content of the files.")
    if result.only_stored and others:
        line(out, ("Only in Parameter Store, not changed: ", "dim"), ", ".join(result.only_stored))
    if result.ignored:
        line(out, ("Files that were not read: ", "dim"), ", ".join(result.ignored))


def write_steps(context: Context, plan: PolicyPlan, steps: Sequence[Step]) -> None:
    """Write the steps of a plan in this order, and print what was written.

    Writes nothing if any of the parameters is no longer what the plan shows.

    Raises:
        CommandError: A parameter could not be written, or Ctrl-C was pressed. The output and the message name what was
            written before it.
    """
    parameters = context.parameters
    names = {step.target: parameters.name_of(step.target) for step in steps}
    check_unchanged(parameters, [(names[step.target], step.before) for step in steps])
    written: list[dict[str, Any]] = []

    def add(step: Step, version: int) -> None:
        name = names[step.target]
        written.append({"target": step.target, "parameter": name, "version": version})
        if not context.json:
            line(context.out, ("written: ", "bold green"), f"{name} version {version}")

    try:
        for number, step in enumerate(steps, 1):
            context.progress.step(f"writing {step.target}, {number} of {len(steps)}")
            try:
                add(step, replace(parameters, names[step.target], step.text, step.before, "String").version)
            except OverwrittenError as error:
                add(step, error.after.version)
                raise
    except CommandError as error:
        left = [names[step.target] for step in steps[len(written) :]]
        if context.json:
            context.answer({**plan.as_dict(), "written": written, "not_written": left, "error": str(error)}, _nothing)
        raise CommandError(_with_rest(str(error), written, left), error.status) from None
    except BrokenPipeError:
        left = [names[step.target] for step in steps[len(written) :]]
        if left:
            raise CommandError(_with_rest("The reader of the output has closed it.", written, left)) from None
        raise
    except KeyboardInterrupt:
        # The request that was under way may have arrived all the same.
        uncertain, *left = [names[step.target] for step in steps[len(written) :]] or [""]
        message = "Interrupted." + (f"\nPerhaps written: {uncertain}." if uncertain else "")
        if context.json:
            rest = {"written": written, "perhaps_written": [uncertain] if uncertain else [], "not_written": left}
            context.answer({**plan.as_dict(), **rest, "error": "Interrupted."}, _nothing)
        raise CommandError(message + _rest(written, left), INTERRUPTED) from None
    if context.json:
        context.answer({**plan.as_dict(), "written": written}, _nothing)


def _with_rest(message: str, written: list[dict[str, Any]], left: list[str]) -> str:
    return message + _rest(written, left) if written else message


def _rest(written: list[dict[str, Any]], left: list[str]) -> str:
    """What was written and what was not, each on a line of its own."""
    done = ", ".join(f"{row['parameter']} version {row['version']}" for row in written)
    return (f"\nWritten: {done}." if written else "") + (f"\nNot written: {', '.join(left)}." if left else "")


def _nothing(out: Console) -> None:
    """What is for people has been printed as it happened."""
