"""Arguments that several commands have, with completion of names."""

from __future__ import annotations

from typing import Annotated

import typer


def _names(context: typer.Context, kinds: tuple[str, ...]) -> list[str]:
    """The names in Parameter Store, for the shell; nothing when it can't be asked."""
    from edgecors_cli.context import Context

    options = ("profile", "region", "endpoint_url", "root")
    chosen = {name: context.params[name] for name in options if context.params.get(name)}
    try:
        parameters = Context(**chosen).parameters
        sites = list(parameters.types_below("sites")) if "sites" in kinds else []
        lists = [f"@{name}" for name in parameters.types_below("lists")] if "lists" in kinds else []
    except Exception:
        return []  # completion can't show an error
    return sites + lists


def complete_site(ctx: typer.Context, incomplete: str) -> list[str]:
    """The sites whose names start so."""
    return [name for name in _names(ctx, ("sites",)) if name.startswith(incomplete)]


def complete_target(ctx: typer.Context, incomplete: str) -> list[str]:
    """The sites and lists whose names start so."""
    kinds = ("lists",) if incomplete.startswith("@") else ("sites", "lists")
    return [name for name in _names(ctx, kinds) if name.startswith(incomplete)]


SiteName = Annotated[
    str,
    typer.Argument(
        metavar="SITE", help="At the edge the distribution's id, elsewhere EDGECORS_SITE.", autocompletion=complete_site
    ),
]
Version = Annotated[int, typer.Argument(metavar="VERSION", min=1, help="As edgecors history shows it.")]
Target = Annotated[
    str,
    typer.Argument(
        metavar="SITE|@LIST", help="A site, or a list with @ before its name.", autocompletion=complete_target
    ),
]
