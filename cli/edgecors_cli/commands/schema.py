"""``edgecors schema``: the JSON schema of policies, for editors."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Annotated

import typer
from edgecors_admin.errors import UsageError
from edgecors_admin.schema import policy_schema

from edgecors_cli.context import Context, command
from edgecors_cli.output_file import STDOUT, write_file
from edgecors_cli.render import as_json, line

FILE_NAME = "policy.schema.json"


def register(app: typer.Typer) -> None:
    """Add the command."""
    examples = ["edgecors schema policies/", "edgecors schema > policy.schema.json"]
    command(app, "schema", aws=False, rich_help_panel="Policy as code", examples=examples)(schema)


def schema(
    context: Context,
    path: Annotated[
        str | None,
        typer.Argument(
            metavar="DIRECTORY|FILE|-", help=f"Where to write it, as {FILE_NAME}. Default: -, standard output."
        ),
    ] = None,
) -> None:
    """Write or print the JSON schema. With "$schema": "./policy.schema.json" in a policy, editors check as you type."""
    if path is None or path == STDOUT:
        as_json(policy_schema())
        return
    if not path:
        raise UsageError("The name of the file is empty.")
    file = Path(path)
    if os.path.isdir(path) or path.endswith("/"):
        file /= FILE_NAME
    write_file(file, json.dumps(policy_schema(), indent=2) + "\n")
    context.answer({"file": str(file)}, lambda out: line(out, ("written: ", "bold green"), str(file)))
