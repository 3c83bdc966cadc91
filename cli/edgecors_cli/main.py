"""The ``edgecors`` command: puts the subcommands together. What they need is imported when they run."""

from __future__ import annotations

import typer

from edgecors_cli.local.command import local

app = typer.Typer(
    name="edgecors",
    help="CORS for CloudFront and API Gateway from an allowlist in Parameter Store.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
app.command("local")(local)


@app.callback()
def _group() -> None:
    """Keeps `local` a subcommand while it is the only one."""


def main() -> None:
    """The entry point of the installed command."""
    app()
