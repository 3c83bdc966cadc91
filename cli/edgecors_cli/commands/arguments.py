"""Arguments that several commands have."""

from __future__ import annotations

from typing import Annotated

import typer
from edgecors.allowlist import is_name
from edgecors_admin.errors import UsageError

SiteName = Annotated[
    str, typer.Argument(metavar="SITE", help="At the edge the distribution's id, elsewhere EDGECORS_SITE.")
]
Target = Annotated[str, typer.Argument(metavar="SITE|@LIST", help="A site, or a list with @ before its name.")]


def checked_site(name: str) -> str:
    """The name. Raises `UsageError` when it can't be a site's."""
    if not is_name(name):
        raise UsageError(f"{name!r} is no site's name: letters, digits, _ . and - only.")
    return name


def checked_target(target: str) -> str:
    """``SITE`` or ``@LIST``. Raises `UsageError` when it is neither."""
    if not is_name(target.removeprefix("@")):
        raise UsageError(f"{target!r} is no name: letters, digits, _ . and - only (a list with @ before it).")
    return target
