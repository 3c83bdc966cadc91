"""What ``history``, ``diff`` and ``rollback`` share: versions of a parameter, and their comparison."""

from __future__ import annotations

from typing import Annotated

import typer
from edgecors.document import PolicyError, read_document
from edgecors_admin.access import AccessDifference, compare
from edgecors_admin.errors import CommandError
from edgecors_admin.parameter_store import Stored
from edgecors_admin.sites import missing, names_of_lists

from edgecors_cli.commands.arguments import checked_target
from edgecors_cli.context import Context

Version = Annotated[int, typer.Argument(metavar="VERSION", min=1, help="As edgecors history shows it.")]


def all_versions(context: Context, target: str) -> list[Stored]:
    """The versions that Parameter Store still has, newest first. Raises `CommandError` when there is no parameter."""
    versions = context.parameters.history(context.parameters.name_of(checked_target(target)))
    if not versions:
        raise missing(context.parameters, target)
    return versions


def one_version(context: Context, target: str, version: int | None) -> Stored:
    """A version of a parameter, or the newest. Raises `CommandError` when there is none."""
    name = context.parameters.name_of(checked_target(target))
    stored = context.parameters.get(name, version)
    if stored is not None:
        return stored
    if version is None or context.parameters.get(name) is None:
        raise missing(context.parameters, target)
    raise CommandError(f"{target} has no version {version}. Its versions: edgecors history {target}")


def compare_versions(context: Context, target: str, old: str, new: str) -> AccessDifference | None:
    """Who gains and who loses access; None for a list, where that depends on the sites that use it."""
    if target.startswith("@"):
        return None
    lists = context.parameters.get_lists(tuple(dict.fromkeys((*names_of_lists(old), *names_of_lists(new)))))
    return compare(old, new, lists, lists)


def is_rejected(target: str, text: str) -> bool:
    """Whether edgecors would refuse to use the value. A list is never refused as a whole."""
    if target.startswith("@"):
        return False
    try:
        read_document(text)
    except PolicyError:
        return True
    return False
