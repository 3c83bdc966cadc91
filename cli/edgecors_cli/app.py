"""Puts the commands together. What a command needs is imported when it runs."""

from __future__ import annotations

from typing import Annotated

import typer

from edgecors_cli.commands import (
    alias,
    allow,
    apply,
    attach,
    compile,
    cost,
    delete,
    denied,
    detach,
    diff,
    doctor,
    explain,
    export,
    functions,
    history,
    import_,
    lint,
    lists,
    local,
    man,
    mode,
    plan,
    probe,
    revoke,
    rollback,
    schema,
    shadow,
    show,
    sites,
    split,
    ui,
)

COMMANDS = (
    *(sites, lists, show, ui, alias),
    *(allow, revoke, split, mode, delete),
    *(explain, lint, denied, shadow, probe, doctor, functions),
    *(attach, detach),
    *(plan, apply, export, import_, compile, schema),
    *(history, diff, rollback),
    *(local, cost, man),
)
"""In the order of the help."""

app = typer.Typer(
    name="edgecors",
    help="CORS for CloudFront and API Gateway from an allowlist in Parameter Store.\n\n"
    "Exit status: 0 success; 1 findings, or a refused change; 2 usage error; 3 AWS could not be reached or denied the"
    " request; 4 plan has changes; 70 internal error; 130 interrupted.",
    epilog="Start with: edgecors allow shop https://app.example.com",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _print_version(wanted: bool) -> None:
    if wanted:
        from importlib.metadata import version

        print(f"edgecors {version('edgecors')}")
        raise typer.Exit


@app.callback()
def options(
    version: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Print the version and exit.")
    ] = False,
) -> None:
    """Options of the command itself; its help is the application's."""


for module in COMMANDS:
    module.register(app)
