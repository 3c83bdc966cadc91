"""``import``: a policy out of another CORS configuration."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Annotated

import typer
from edgecors.findings import REPAIRED
from edgecors_admin.errors import UsageError
from edgecors_admin.importing import FORMATS, import_text
from edgecors_admin.lint import lint

from edgecors_cli.context import Context, command
from edgecors_cli.render import as_json, console, findings, line


def register(app: typer.Typer) -> None:
    """Add the command."""
    command(app, "import")(import_)


def import_(
    context: Context,
    file: Annotated[str, typer.Argument(metavar="FILE|-", help="What the AWS CLI prints, a template's part, or XML.")],
    format: Annotated[
        str | None, typer.Option(metavar="FORMAT", help=f"One of {', '.join(FORMATS)}; recognised if left out.")
    ] = None,
) -> None:
    """A policy out of S3 CORS rules, an HTTP API, a CloudFront response headers policy, or serverless.yml.

    The policy goes to standard output, what could not be carried over to standard error. Writes nothing to AWS.
    """
    try:
        text = sys.stdin.read() if file == "-" else Path(file).read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"{file} can't be read: {error}") from None
    found = import_text(text, format)
    problems = [f for f in lint(json.dumps(found.policy)) if f.severity != REPAIRED]
    if context.json:
        as_json(
            {
                "format": found.format,
                "policy": found.policy,
                "not_carried_over": found.lost,
                "left_to_do": found.advice,
                "findings": [f.as_dict() for f in problems],
            }
        )
    else:
        print(json.dumps(found.policy, indent=2, ensure_ascii=False))
        err = console(error=True)
        for sentence in found.lost:
            line(err, ("not carried over: ", "yellow"), sentence)
        for sentence in found.advice:
            line(err, ("left to do: ", "cyan"), sentence)
        findings(err, problems)
    context.found(found.lost)
