"""``edgecors ui``: a local page to look at sites and lists, and to change them."""

from __future__ import annotations

import sys
from typing import Annotated

import typer
from edgecors_admin.errors import CommandError
from rich.console import Console

from edgecors_cli.commands.local import require_extra
from edgecors_cli.context import Context, command
from edgecors_cli.render import line


def register(app: typer.Typer) -> None:
    """Add the command."""
    examples = ["edgecors ui", "edgecors ui --profile production --port 9000"]
    command(app, "ui", rich_help_panel="Look", examples=examples)(ui)


def ui(
    context: Context,
    port: Annotated[
        int | None, typer.Option(min=0, max=65535, help="Default: 8082, or a free port. 0 picks a free port.")
    ] = None,
) -> None:
    """Serve a page on this machine to view sites and lists, and to change them after a review.

    Prints the page's address with a token that is valid until Ctrl-C.
    """
    require_extra()
    from edgecors_local.errors import LocalError
    from edgecors_local.ui.server import run

    parameters = context.parameters
    context.progress.pause(True)

    def ready(url: str) -> None:
        def say(out: Console) -> None:
            line(out, f"Policies of {parameters.account} in {parameters.region}, below {parameters.root}")
            line(out, f"Open this address in a browser: {url}")
            line(out, "Anyone who has this address can do what your AWS credentials allow here. Press Ctrl-C to stop.")

        context.answer({"url": url, "region": parameters.region, "root": parameters.root}, say)
        sys.stdout.flush()

    try:
        run(parameters, port, ready)
    except LocalError as error:
        raise CommandError(str(error), error.status) from None
