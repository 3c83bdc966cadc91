"""``edgecors attach``: run edgecors on a distribution, an API or a function URL that exists already."""

from __future__ import annotations

import contextlib
import json
import shlex
from collections.abc import Mapping
from dataclasses import replace
from typing import Annotated, Any

import typer
from edgecors_admin.attach import (
    ERROR,
    WARNING,
    Check,
    ConfigChange,
    Functions,
    Plan,
    apply_changes,
    check_functions,
    check_missing_policy,
    check_policy,
    find_behavior,
    has_errors,
    make_plan,
    merge_record,
)
from edgecors_admin.attach_api import KINDS, AttachedResource, open_resource
from edgecors_admin.distribution import Distribution, functions_of_stack
from edgecors_admin.errors import AwsError, CommandError, NotPermittedError, UsageError
from edgecors_admin.sites import load_site, site_to_read
from rich.console import Console

from edgecors_cli.context import Context, Yes, command
from edgecors_cli.render import line, text_difference

EVERY_PATH = "*"
"""The path pattern of the default behavior."""
VIEWER = "viewer"
_UNCERTAIN = frozenset(("", "InternalError", "InternalFailure", "ServiceUnavailable"))
"""Error codes (empty: no answer) after which the distribution may have been changed all the same."""

Behavior = Annotated[
    str, typer.Option("--behavior", metavar="PATTERN", help="Path pattern of the behavior; * is the default behavior.")
]


Target = Annotated[
    str, typer.Argument(metavar="DISTRIBUTION|api|function-url", help="A distribution's id, or the kind of resource.")
]
Name = Annotated[
    str | None,
    typer.Argument(metavar="[ID|FUNCTION]", help="The API's id, or the function's name.", show_default=False),
]


def register(app: typer.Typer) -> None:
    """Add the command."""
    arn = "arn:aws:lambda:us-east-1:123456789012:function:edgecors-edge:3"
    examples = [
        "edgecors attach EDFDVBD6EXAMPLE --stack edgecors --dry-run",
        f"edgecors attach EDFDVBD6EXAMPLE --function {arn} --behavior '/api/*' --setup origin",
        "edgecors attach api a1b2c3d4e5",
        "edgecors attach function-url orders",
    ]
    command(app, "attach", rich_help_panel="Set up", examples=examples)(attach)


def attach(
    context: Context,
    target: Target,
    name: Name = None,
    function: Annotated[
        str, typer.Option(metavar="ARN", help="Version of the edge function to attach (distributions).")
    ] = "",
    stack: Annotated[
        str, typer.Option(metavar="NAME", help="The stack in us-east-1 whose functions to attach (distributions).")
    ] = "",
    behavior: Behavior = EVERY_PATH,
    setup: Annotated[str, typer.Option(metavar="SETUP", help="viewer, origin or functions.")] = VIEWER,
    viewer_request_function: Annotated[
        str, typer.Option(metavar="ARN", help="CloudFront Function for viewer-request (functions set-up).")
    ] = "",
    viewer_response_function: Annotated[
        str, typer.Option(metavar="ARN", help="CloudFront Function for viewer-response (functions set-up).")
    ] = "",
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Show the plan and change nothing.")] = False,
    yes: Yes = False,
) -> None:
    """Check a distribution, an API or a function URL, show what has to change, and change it after confirmation.

    For an API or a function URL, its own CORS settings are turned off; the function behind it is the gateway or a
    handler with @cors.
    """
    refuse_options_of_distributions(
        target,
        {
            "--function": function,
            "--stack": stack,
            "--behavior": behavior != EVERY_PATH,
            "--setup": setup != VIEWER,
            "--viewer-request-function": viewer_request_function,
            "--viewer-response-function": viewer_response_function,
        },
    )
    if (resource := resource_of(context, target, name)) is not None:
        _attach_resource(context, resource, dry_run=dry_run, yes=yes)
        return
    distribution = target
    if bool(function) == bool(stack):
        raise UsageError("Add --stack NAME, the stack with the edge function, or --function ARN, a version of it.")
    named = functions_of_stack(context.account, stack) if stack else Functions(function)
    functions = Functions(
        named.edge,
        viewer_request_function or named.viewer_request,
        viewer_response_function or named.viewer_response,
    )
    check_functions(setup, functions)
    context.progress.step(f"reading distribution {distribution}")
    live = Distribution(context.account, distribution)
    plan = make_plan(live.config, behavior, live.policies(behavior), setup, functions, live.handler_of(functions.edge))
    plan = replace(plan, checks=(*plan.checks, *policy_checks(context, live, behavior, setup)))
    result = {"distribution": distribution, **plan.as_dict(), "applied": False}
    if plan.blocked or not plan.changes or dry_run:
        context.answer(result, lambda out: say_plan(out, live, plan))
        context.fail_if(plan.blocked)
        return
    site = policy_name(context, distribution)
    say_plan(context.out, live, plan)
    context.confirm(f"Change the distribution {distribution}?", yes=yes)
    # Write the record first: a change without a record can't be undone.
    record = live.record()
    live.write_record(merge_record(record, plan))
    try:
        live.update(apply_changes(live.config, behavior, plan.changes))
    except CommandError as error:
        if not isinstance(error, AwsError) or error.code not in _UNCERTAIN:
            # CloudFront refused. The record must not have values from before a change that was never made.
            with contextlib.suppress(AwsError):
                live.write_record(record)
        raise
    result["applied"] = True
    context.answer(result, lambda out: _say_done(out, distribution, behavior, site))


def policy_checks(context: Context, live: Distribution, pattern: str, setup: str) -> list[Check]:
    """Check the policy of the distribution; nothing where the caller may not read it."""
    try:
        site = load_site(context.parameters, live.id)
    except NotPermittedError:
        return []
    except AwsError:
        raise
    except CommandError:
        return [check_missing_policy(live.id, policy_name(context, live.id))]
    return list(check_policy(site.policy, find_behavior(live.config, pattern), live.policies(pattern), setup))


def policy_name(context: Context, distribution: str) -> str:
    """The site whose policy a distribution uses; the distribution itself where the caller may not read that."""
    try:
        return site_to_read(context.parameters, distribution)[0]
    except NotPermittedError:
        return distribution


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


def say_changes(out: Console, live: Distribution, pattern: str, changes: tuple[ConfigChange, ...]) -> None:
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


def _say_done(out: Console, distribution: str, behavior: str, site: str) -> None:
    line(out, (f"Attached. CloudFront deploys the change to {distribution} within minutes.", "bold green"))
    line(out, f"Undo it with: edgecors detach {distribution} --behavior {shlex.quote(behavior)}")
    line(out, f"Allow an origin with: edgecors allow {site} https://app.example.com")


def refuse_options_of_distributions(target: str, options: Mapping[str, object]) -> None:
    """Raise `UsageError` where an option that only distributions have is set for an API or a function URL."""
    present = [option for option, value in options.items() if value]
    if target in KINDS and present:
        raise UsageError(f"{present[0]} is for distributions, not for {target}.")


def resource_of(context: Context, target: str, name: str | None) -> AttachedResource | None:
    """The API or function URL that the arguments name; None for a distribution. Raises `UsageError`."""
    if target not in KINDS:
        if name is not None:
            raise UsageError(f"{target!r} is not a kind of resource. Use one of {', '.join(KINDS)}, or only an id.")
        return None
    if not name:
        example = "edgecors attach api a1b2c3d4e5" if target == "api" else "edgecors attach function-url orders"
        raise UsageError(f"Name the resource, for example: {example}")
    context.progress.step(f"reading {target} {name}")
    return open_resource(context.account, target, name)


def _attach_resource(context: Context, resource: AttachedResource, *, dry_run: bool, yes: bool) -> None:
    result = resource_result(resource)
    blocked = has_errors(resource.checks)
    if blocked or not resource.changes or dry_run:
        context.answer(result, lambda out: say_resource(out, resource))
        context.fail_if(blocked)
        return
    say_resource(context.out, resource)
    context.confirm(f"Change {resource.name}?", yes=yes)
    resource.attach()
    context.answer(result | {"applied": True}, lambda out: line(out, ("Its own CORS settings are off.", "bold green")))


def resource_result(resource: AttachedResource) -> dict[str, Any]:
    """An API or function URL for JSON."""
    return {
        "resource": resource.name,
        "checks": [check.as_dict() for check in resource.checks],
        "changes": [change.as_dict() for change in resource.changes],
        "applied": False,
    }


def say_resource(out: Console, resource: AttachedResource) -> None:
    """Print the checks and changes of an API or function URL."""
    line(out, (resource.name, "bold"))
    say_checks(out, resource.checks)
    for change in resource.changes:
        line(out, f"{change.field}: {change.reason}", indent=2)
        text_difference(out, json.dumps(change.before, sort_keys=True), "{}", indent=2)


def refuse_drift(drifted: tuple[str, ...], distribution: str) -> None:
    """Raises `CommandError` if fields were changed by somebody else after they were attached."""
    if drifted:
        raise CommandError(
            f"{', '.join(drifted)} of the behavior was changed after attaching, so the earlier value is not restored."
            f" Nothing was written. Compare with edgecors doctor {distribution}, and restore it by hand or add --force."
        )
