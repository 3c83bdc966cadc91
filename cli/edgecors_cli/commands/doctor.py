"""``edgecors doctor``: whether a running set-up works, and what a page will see."""

from __future__ import annotations

from dataclasses import replace
from typing import Annotated, Any

import typer
from edgecors_admin.attach import has_errors
from edgecors_admin.distribution import Distribution
from edgecors_admin.doctor import Diagnosis, diagnose
from edgecors_admin.errors import CommandError
from rich.console import Console

from edgecors_cli.commands.attach import (
    Name,
    Target,
    policy_checks,
    refuse_options_of_distributions,
    resource_of,
    resource_result,
    say_checks,
    say_resource,
)
from edgecors_cli.context import Context, command
from edgecors_cli.render import line


def register(app: typer.Typer) -> None:
    """Add the command."""
    command(
        app,
        "doctor",
        rich_help_panel="Check",
        examples=["edgecors doctor EDFDVBD6EXAMPLE", "edgecors doctor api a1b2c3d4e5"],
    )(doctor)


def doctor(
    context: Context,
    target: Target,
    name: Name = None,
    behavior: Annotated[
        str | None, typer.Option("--behavior", metavar="PATTERN", help="One behavior; all of them by default.")
    ] = None,
) -> None:
    """Repeat the checks of attach, and explain what a page will see."""
    refuse_options_of_distributions(target, {"--behavior": behavior})
    if (resource := resource_of(context, target, name)) is not None:
        result = resource_result(resource)
        context.answer(result, lambda out: say_resource(out, resource))
        context.fail_if(resource.changes or has_errors(resource.checks))
        return
    distribution = target
    context.progress.step(f"reading distribution {distribution}")
    live = Distribution(context.account, distribution)
    diagnoses = [_with_policy(context, live, diagnosis) for diagnosis in diagnose(live, behavior)]
    if not any(diagnosis.setup for diagnosis in diagnoses):
        raise CommandError(
            f"No behavior of {distribution} runs an edgecors function. Attach one with: edgecors attach {distribution}"
            " --stack NAME"
        )
    data: Any = {"distribution": distribution, "behaviors": [diagnosis.as_dict() for diagnosis in diagnoses]}
    context.answer(data, lambda out: _say(out, diagnoses))
    context.fail_if(any(diagnosis.failing for diagnosis in diagnoses))


def _with_policy(context: Context, live: Distribution, diagnosis: Diagnosis) -> Diagnosis:
    """A diagnosis with the checks of the distribution's policy."""
    if diagnosis.setup is None:
        return diagnosis
    checks = policy_checks(context, live, diagnosis.pattern, diagnosis.setup)
    return replace(diagnosis, checks=(*diagnosis.checks, *checks))


def _say(out: Console, diagnoses: list[Diagnosis]) -> None:
    for diagnosis in diagnoses:
        line(out, (f"behavior {diagnosis.pattern}", "bold"), f", {diagnosis.setup or 'no'} set-up")
        say_checks(out, diagnosis.checks)
        for situation, outcome in diagnosis.outcomes:
            line(out, (f"{situation}: ", "dim"), outcome, indent=2)
