"""``import``: policies from other CORS configurations, or from what an AWS account has."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Annotated

import typer
from edgecors.findings import REPAIRED, Finding
from edgecors_admin.errors import UsageError
from edgecors_admin.importing import FORMATS, Imported, import_account, import_recording, import_text
from edgecors_admin.lint import is_clean, lint
from edgecors_admin.policy_files import formatted, read_text
from edgecors_admin.recording import read_recording

from edgecors_cli.context import Context, command
from edgecors_cli.render import as_json, console, findings, line

if TYPE_CHECKING:
    from rich.console import Console


def register(app: typer.Typer) -> None:
    """Add the command."""
    examples = [
        "edgecors import template.yaml --resource Orders --site shop > shop.json",
        "aws s3api get-bucket-cors --bucket files | edgecors import -",
        "edgecors import --from-aws --profile prod",
        "edgecors import --from-live today.json --site shop > shop.json",
    ]
    command(app, "import", rich_help_panel="Policy as code", examples=examples)(import_)


def import_(
    context: Context,
    file: Annotated[
        str | None, typer.Argument(metavar="FILE|-", help="A template, part of one, or the output of a cloud CLI.")
    ] = None,
    from_aws: Annotated[
        bool, typer.Option("--from-aws", help="Read the account's own settings instead of a file.")
    ] = False,
    from_live: Annotated[
        str | None, typer.Option("--from-live", metavar="FILE", help="Read what edgecors probe --record has written.")
    ] = None,
    format: Annotated[
        str | None, typer.Option(metavar="FORMAT", help=f"One of {', '.join(FORMATS)}; detected if omitted.")
    ] = None,
    resource: Annotated[
        str | None, typer.Option(metavar="NAME", help="Read only this resource of a template or an account.")
    ] = None,
    site: Annotated[
        str | None, typer.Option(metavar="SITE", help="Print a file for plan and apply, with the policy of this site.")
    ] = None,
) -> None:
    """Make a policy from the CORS settings of S3, API Gateway, Lambda, CloudFront, a template or another cloud.

    Reads S3 rules (JSON, XML), CloudFormation, SAM and CDK templates, serverless.yml, Terraform, OpenAPI, function
    URLs, response headers policies, Google Cloud Storage and Azure. The policy (or a bundle of several, for plan and
    apply) goes to standard output; settings that could not be imported go to standard error. The policy never allows
    a request that the source refuses. Writes nothing to AWS. With --from-live the policy is in shadow mode.
    """
    if (file is not None) + from_aws + (from_live is not None) != 1:
        raise UsageError("Name a file (- for standard input), or use --from-aws or --from-live FILE.")
    if file is None and format is not None:
        raise UsageError("--format is for files; leave it out with --from-aws and --from-live.")
    if from_live is not None and resource is not None:
        raise UsageError("A recording has one site; leave out --resource.")
    if file is not None:
        imported = import_text(read_text(file), format, resource)
    elif from_live is not None:
        imported = import_recording(read_recording(read_text(from_live), from_live))
    else:
        context.progress.step(f"reading the CORS settings in {context.account.region}")
        imported = import_account(context.account, resource)
    document = imported.document(site)
    problems = [*imported.findings, *_lint(imported)]
    if context.json:
        as_json(
            {
                "format": imported.format,
                "document": document,
                "sites": {site.name: site.policy for site in imported.sites},
                "findings": [finding.as_dict() for finding in problems],
                "next_steps": imported.next_steps,
            }
        )
    else:
        if document is not None:
            print(formatted(document))
        _report(console(error=True), imported, problems)
    context.fail_if(document is None or not is_clean(problems))


def _lint(imported: Imported) -> list[Finding]:
    """What the linter says of each policy; with several, the location starts with the name of the site."""
    multiple = len(imported.policies) > 1
    problems = []
    for name, policy in imported.policies.items():
        for finding in lint(json.dumps(policy)):
            location = f"sites.{name}.{finding.location}" if multiple else finding.location
            if finding.severity != REPAIRED:
                problems.append(Finding(finding.severity, finding.code, location, finding.message, finding.remedy))
    return problems


def _report(err: Console, imported: Imported, problems: list[Finding]) -> None:
    findings(err, problems)
    for site in imported.sites:
        if site.policy is None:
            line(err, ("not imported: ", "bold red"), f"{site.kind} {site.resource}")
    if len(imported.policies) > 1:
        names = ", ".join(imported.policies)
        line(
            err,
            ("next: ", "cyan"),
            f"Rename the sites ({names}) to your distribution ids or site names, then run plan.",
        )
    for sentence in imported.next_steps:
        line(err, ("next: ", "cyan"), sentence)
