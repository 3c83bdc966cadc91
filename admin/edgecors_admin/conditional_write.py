"""Changing a parameter that others may change at the same time: their change is noticed, and nothing of it is lost.

Parameter Store has no conditional write. So the value is read again right before it is written, and the version that
the write returns shows whether somebody else wrote in between: then the edit is made once more, on their text.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from edgecors_admin.errors import CommandError
from edgecors_admin.parameter_store import Conflict, Parameters, ParameterType, Stored

ATTEMPTS = 5

Edit = Callable[[str], str]
"""From the present text (empty for a new parameter) to the new text. Called again after a conflict."""


@dataclass(frozen=True)
class ChangeResult:
    """The result. ``after`` is None when nothing had to be written; ``notes`` mention changes that others made."""

    before: Stored | None
    after: Stored | None
    notes: tuple[str, ...] = ()


def change(
    parameters: Parameters,
    name: str,
    edit: Edit,
    agree: Callable[[str, str], None],
    *,
    new_type: ParameterType = "String",
) -> ChangeResult:
    """Read, edit, ask, write; again from the start when somebody else wrote in between.

    Args:
        parameters: where.
        name: the parameter.
        edit: makes the new text. What it raises ends the change before anything is written.
        agree: gets the old and the new text before each write; raises to end the change.
        new_type: the type of a parameter that does not exist yet.
    """
    notes: list[str] = []
    first = before = parameters.get(name)
    for _ in range(ATTEMPTS):
        old = before.text if before is not None else ""
        new = edit(old)
        if new == old:
            return ChangeResult(first, None, tuple(notes))
        agree(old, new)
        latest = parameters.get(name)
        if _version(latest) != _version(before):
            notes.append(_meanwhile(before, latest))
            before = latest
            continue
        try:
            after = parameters.put(name, new, before, new_type)
        except Conflict:
            notes.append("the parameter was created meanwhile; the change was made again on its text")
            before = parameters.get(name)
            continue
        if after.version == _version(before) + 1:
            return ChangeResult(first, after, tuple(notes))
        # Somebody else's version is between the one that was read and ours, which hides it: write it again, edited.
        hidden = parameters.get(name, after.version - 1) if after.version > 1 else None
        if hidden is None:
            notes.append("the parameter was deleted meanwhile; it has been created again")
            return ChangeResult(first, after, tuple(notes))
        notes.append(f"version {hidden.version} was written meanwhile; the change was made again on top of it")
        merged = edit(hidden.text)
        if merged == after.text:
            return ChangeResult(first, after, tuple(notes))
        before = Stored(name, hidden.value, after.type, after.version, tier=after.tier)
    raise CommandError(f"{name} is being changed by others all the time; gave up after {ATTEMPTS} attempts.", 3)


def replace(parameters: Parameters, name: str, text: str, before: Stored | None, new_type: ParameterType) -> Stored:
    """Write a whole new text in place of the version ``before``. Raises `CommandError` if that is not the newest."""
    latest = parameters.get(name)
    if _version(latest) != _version(before):
        raise CommandError(f"{name}: {_meanwhile(before, latest)}. Nothing was written; look again.")
    try:
        after = parameters.put(name, text, before, new_type)
    except Conflict:
        raise CommandError(f"{name} was created meanwhile. Nothing was written; look again.") from None
    if after.version != _version(before) + 1:
        raise CommandError(
            f"{name}: version {after.version - 1} was written by somebody else in the same moment and is now replaced"
            f" by version {after.version}. It is still in the history: edgecors diff, edgecors rollback."
        )
    return after


def _version(stored: Stored | None) -> int:
    return 0 if stored is None else stored.version


def _meanwhile(before: Stored | None, latest: Stored | None) -> str:
    if latest is None:
        return "the parameter was deleted meanwhile"
    if before is None:
        return "the parameter was created meanwhile"
    return f"version {latest.version} was written meanwhile (read was {before.version})"
