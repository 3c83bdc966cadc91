"""The ``edgecors`` command: puts the subcommands together. What they need is imported when they run."""

from __future__ import annotations

import typer

from edgecors_cli.commands import check, code, cost, edit, functions, importing, logs, probe, versions, view
from edgecors_cli.commands.local import local

app = typer.Typer(
    name="edgecors",
    help="CORS for CloudFront and API Gateway from an allowlist in Parameter Store.\n\n"
    "Exit status: 0 fine, 1 something was found, 2 called wrongly, 3 AWS could not be asked or refused.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
)
for group in (view, edit, check, code, versions, logs, importing, probe, cost, functions):
    group.register(app)
app.command("local")(local)


def main() -> None:
    """The entry point of the installed command."""
    app()
