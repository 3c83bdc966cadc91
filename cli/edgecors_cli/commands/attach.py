"""``edgecors attach``: run edgecors on a CloudFront distribution that exists already."""

from __future__ import annotations

import json
from typing import Annotated

import typer
from edgecors_admin.attach import (
    ERROR,
    WARNING,
    Change,
    Check,
    Functions,
    Plan,
    apply_changes,
    check_functions,
    find_behavior,
    make_plan,
    merge_record,
)
from edgecors_admin.distribution import Distribution
from edgecors_admin.errors import CommandError
from rich.console import Console

from edgecors_cli.context import Context, Yes, command
from edgecors_cli.render import line, text_difference

Behavior = Annotated[
    str, typer.Option("--behavior", metavar="PATTERN", help="Path pattern of the behavior; * is the default behavior.")
]


def register(app: typer.Typer) -> None:
    """Add the command."""
    arn = "arn:aws:lambda:us-east-1:123456789012:function:edgecors-edge:3"
    examples = [
        f"edgecors attach EDFDVBD6EXAMPLE --function {arn} --dry-run",
        f"edgecors attach EDFDVBD6EXAMPLE --function {arn} --behavior '/api/*' --setup origin",
    ]
    command(app, "attach", rich_help_panel="Set up", examples=examples)(attach)


def attach(
    context: Context,
    distribution: Annotated[str, typer.Argument(metavar="DISTRIBUTION", help="The distribution's id.")],
    function: Annotated[str, typer.Option(metavar="ARN", help="Version of the edge function, an output of the stack.")],
    behavior: Behavior = "*",
    setup: Annotated[str, typer.Option(metavar="SETUP", help="viewer, origin or functions.")] = "viewer",
    viewer_request_function: Annotated[
        str, typer.Option(metavar="ARN", help="CloudFront Function for viewer-request (functions set-up).")
    ] = "",
    viewer_response_function: Annotated[
        str, typer.Option(metavar="ARN", help="CloudFront Function for viewer-response (functions set-up).")
    ] = "",
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Show the plan and change nothing.")] = False,
    yes: Yes = False,
) -> None:
    """Check a distribution's behavior, show what has to change, and attach edgecors after a yes."""
    functions = Functions(function, viewer_request_function, viewer_response_function)
    check_functions(setup, functions)
    context.progress.step(f"reading distribution {distribution}")
    live = Distribution(context.account, distribution)
    plan = make_plan(live.config, behavior, live.policies(behavior), setup, functions, live.handler_of(function))
    result = {"distribution": distribution, **plan.as_dict(), "applied": False}
    if plan.blocked or not plan.changes or dry_run:
        context.answer(result, lambda out: say_plan(out, live, plan))
        context.found(plan.blocked)
        return
    say_plan(context.out, live, plan)
    context.confirm(f"Change the distribution {distribution}?", yes=yes)
    # The record first: what is not recorded could not be undone.
    live.write_record(merge_record(live.record(), plan))
    live.update(apply_changes(live.config, behavior, plan.changes))
    result["applied"] = True
    context.answer(result, lambda out: _say_done(out, distribution, behavior))


def say_plan(out: Console, live: Distribution, plan: Plan) -> None:
    """Print the checks, the changes in words and the changes as a difference."""
    line(out, (f"{live.id}, behavior {plan.pattern}, {plan.setup} set-up", "bold"))
    say_checks(out, plan.checks)
    if plan.blocked:
        line(out, ("Nothing was changed: fix the errors first.", "bold red"))
        return
    say_changes(out, live, plan.pattern, plan.changes)


def say_checks(out: Console, checks: tuple[Check, ...]) -> None:
    """Print checks with their remedies."""
    styles = {ERROR: "bold red", WARNING: "yellow"}
    for check in checks:
        line(
            out, (check.severity, styles.get(check.severity, "green")), "  ", check.message, (f"  {check.code}", "dim")
        )
        if check.remedy:
            line(out, (check.remedy, "green"), indent=4)


def say_changes(out: Console, live: Distribution, pattern: str, changes: tuple[Change, ...]) -> None:
    """Print changes in words and as a difference of the behavior's JSON."""
    if not changes:
        line(out, ("There is nothing to change.", "bold green"))
        return
    line(out, ("Changes", "bold"))
    for change in changes:
        line(out, f"{change.field}: {change.reason}", indent=2)
    before = find_behavior(live.config, pattern)
    after = find_behavior(apply_changes(live.config, pattern, changes), pattern)
    text_difference(out, json.dumps(before, sort_keys=True), json.dumps(after, sort_keys=True), indent=2)


def _say_done(out: Console, distribution: str, behavior: str) -> None:
    line(out, (f"Attached. CloudFront deploys the change to {distribution} within minutes.", "bold green"))
    line(out, f"Undo it with: edgecors detach {distribution} --behavior '{behavior}'")
    line(out, f"Allow an origin with: edgecors allow {distribution} https://app.example.com")


def refuse_drift(drifted: tuple[str, ...], distribution: str) -> None:
    """Raises `CommandError` if fields were changed by somebody else after they were attached."""
    if drifted:
        raise CommandError(
            f"{', '.join(drifted)} of the behavior was changed after attaching, so the earlier value is not restored."
            f" Nothing was written. Compare with edgecors doctor {distribution}, and restore it by hand or add --force."
        )
