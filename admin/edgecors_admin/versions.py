"""Versions of a site or list: what Parameter Store still has, what each changed, and which may be written again."""

from __future__ import annotations

from typing import Any

from edgecors.document import PolicyError, read_document
from edgecors.findings import ERROR, Finding

from edgecors_admin.access import AccessDifference, compare
from edgecors_admin.errors import CommandError
from edgecors_admin.lint import lint, lint_list
from edgecors_admin.parameter_store import Parameters, Stored
from edgecors_admin.sites import checked_target, missing, names_of_lists
from edgecors_admin.text_difference import changed_entries


def all_versions(parameters: Parameters, target: str) -> list[Stored]:
    """The versions that Parameter Store still has, newest first. Raises `CommandError` when there is no parameter."""
    versions = parameters.history(parameters.name_of(checked_target(target)))
    if not versions:
        raise missing(parameters, target)
    return versions


def one_version(parameters: Parameters, target: str, version: int | None) -> Stored:
    """A version of a parameter, or the newest. Raises `CommandError` when there is none."""
    name = parameters.name_of(checked_target(target))
    stored = parameters.get(name, version)
    if stored is not None:
        return stored
    if version is None or parameters.get(name) is None:
        raise missing(parameters, target)
    raise CommandError(f"{target} has no version {version}. Its versions: edgecors history {target}")


def version_row(target: str, stored: Stored, before: Stored | None) -> dict[str, Any]:
    """A version without its value, ready for JSON.

    Args:
        target: The site or ``@list``.
        stored: The version.
        before: The version before it; None where Parameter Store no longer has it.
    """
    known = before is not None or stored.version == 1
    added, removed = changed_entries(before.text if before is not None else "", stored.text)
    return {
        "version": stored.version,
        "modified": stored.modified.isoformat(timespec="seconds") if stored.modified is not None else None,
        "user": stored.user,
        "labels": list(stored.labels),
        "origins_added": added if known else None,
        "origins_removed": removed if known else None,
        "errors": is_rejected(target, stored.text),
    }


def compare_versions(parameters: Parameters, target: str, old: str, new: str) -> AccessDifference | None:
    """Who gains and who loses access; None for a list, where that depends on the sites that use it."""
    if target.startswith("@"):
        return None
    lists = parameters.get_lists(tuple(dict.fromkeys((*names_of_lists(old), *names_of_lists(new)))))
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


def new_errors(parameters: Parameters, target: str, current: str, wanted: str) -> list[Finding]:
    """The errors because of which a version must not be written again.

    An unsafe entry of a list that the present policy names already is no reason to refuse.
    """
    errors = [f for f in _problems(parameters, target, wanted) if f.severity == ERROR]
    if not is_rejected(target, wanted) and current:
        known = {(f.code, f.message) for f in _problems(parameters, target, current)}
        return [f for f in errors if (f.code, f.message) not in known]
    return errors


def _problems(parameters: Parameters, target: str, text: str) -> list[Finding]:
    if target.startswith("@"):
        return lint_list(target[1:], text)
    return lint(text, parameters.get_lists(names_of_lists(text)))
