"""``edgecors schema``: the JSON schema of policies, for editors."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer
from edgecors_admin.errors import UsageError
from edgecors_admin.schema import policy_schema

from edgecors_cli.context import Context, command
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
        typer.Argument(metavar="DIRECTORY|FILE", help=f"Where to write it, as {FILE_NAME}. Default: standard output."),
    ] = None,
) -> None:
    """Write or print the JSON schema. With "$schema": "./policy.schema.json" in a policy, editors check as you type."""
    if path is None:
        as_json(policy_schema())
        return
    file = Path(path)
    if file.is_dir() or path.endswith("/"):
        file /= FILE_NAME
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(json.dumps(policy_schema(), indent=2) + "\n", "utf-8")
    except OSError as error:
        raise UsageError(f"{file} can't be written: {error.strerror}.") from None
    context.answer({"file": str(file)}, lambda out: line(out, ("written: ", "bold green"), str(file)))
