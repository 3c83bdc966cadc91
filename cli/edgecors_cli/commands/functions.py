"""``edgecors functions``: the deployed CloudFront Functions."""

from __future__ import annotations

from typing import Annotated

import typer
from edgecors_admin.account import aws_errors
from edgecors_admin.errors import CommandError
from edgecors_admin.function_check import check_functions, publish_commands
from edgecors_admin.sites import checked_site, load_site
from rich.console import Console

from edgecors_cli.commands.arguments import SiteName
from edgecors_cli.context import Context, command
from edgecors_cli.render import line, table


def register(app: typer.Typer) -> None:
    """Add the group with its command."""
    group = typer.Typer(no_args_is_help=True, help="Work with the deployed CloudFront Functions.")
    examples = [
        "edgecors functions check EDFDVBD6EXAMPLE --request cors-viewer-request --response cors-viewer-response"
    ]
    command(group, "check", examples=examples)(check)
    app.add_typer(group, name="functions", rich_help_panel="Check")


def check(
    context: Context,
    site: SiteName,
    request: Annotated[str, typer.Option(metavar="NAME", help="The viewer-request function.")],
    response: Annotated[str, typer.Option(metavar="NAME", help="The viewer-response function.")],
    id: Annotated[str | None, typer.Option(metavar="ID", help="The distribution's id, if it is not SITE.")] = None,
) -> None:
    """Run the functions at stage DEVELOPMENT in CloudFront, before you publish them. Changes nothing.

    Each answer is compared with what the policy says, and the compute time must stay below 50 %.
    If every event passes, the commands that publish the functions are printed.
    """
    policy = load_site(context.parameters, checked_site(site)).policy
    if policy is None:
        raise CommandError(f"The policy of {site} has errors. See them: edgecors lint {site}")
    functions = {"viewer-request": request, "viewer-response": response}
    with aws_errors(context.account.name):
        results = []
        for result in check_functions(context.account.cloudfront, functions, checked_site(id or site), policy):
            results.append(result)
            context.progress.step(f"running events in CloudFront, {len(results)} done")
        failed = any(result.fault for result in results)
        commands = [] if failed else publish_commands(context.account.cloudfront, functions)

    def say(out: Console) -> None:
        rows = [(result.name, f"{result.utilization} %", result.fault or "ok") for result in results]
        table(out, ("EVENT", "COMPUTE", "RESULT"), rows)
        most = max(result.utilization for result in results)
        line(out, f"{len(results)} events, at most {most} % of the allowed compute time.")
        if commands:
            line(out, "To publish them:")
        for text in commands:
            line(out, text, indent=2)

    data = [{"event": r.name, "function": r.function, "utilization": r.utilization, "fault": r.fault} for r in results]
    context.answer(data, say)
    context.fail_if(failed)
