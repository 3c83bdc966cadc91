"""Change a parameter that others may change at the same time: their changes are detected and never lost.

Parameter Store has no conditional write. So the value is read again right before it is written, and the version that
the write returns shows whether somebody else wrote in between: then the edit is made once more, on their text. Versions
count from 1 again after a deletion, so the value is compared as well as the version.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from edgecors_admin.errors import CommandError
from edgecors_admin.parameter_store import Conflict, Parameters, ParameterType, Stored

ATTEMPTS = 5


class OverwrittenError(CommandError):
    """A write that replaced what somebody else wrote in the same moment; ``after`` is what was written."""

    def __init__(self, message: str, after: Stored) -> None:
        super().__init__(message)
        self.after = after


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
    base = first.text if first is not None else ""
    hidden: Stored | None = None
    after: Stored | None = None
    for _ in range(ATTEMPTS):
        try:
            new = edit(base)
            if new == (before.text if before is not None else ""):
                return ChangeResult(first, after, tuple(notes))
            if new != base:
                agree(base, new)
        except BaseException:
            if hidden is not None and after is not None:
                _give_back(parameters, hidden, after)
            raise
        latest = parameters.get(name)
        if not is_unchanged(before, latest):
            notes.append(_meanwhile(before, latest))
            before, base = latest, latest.text if latest is not None else ""
            hidden = after = None
            continue
        try:
            after = parameters.put(name, new, before, new_type)
        except Conflict:
            notes.append("the parameter was created meanwhile; the change was made again on its text")
            before = parameters.get(name)
            base = before.text if before is not None else ""
            continue
        if after.version == _version(before) + 1:
            return ChangeResult(first, after, tuple(notes))
        # Somebody else's version is between the one that was read and ours, which hides it: write it again, edited.
        hidden = parameters.get(name, after.version - 1) if after.version > 1 else None
        if hidden is None:
            notes.append("the parameter was deleted meanwhile; it has been created again")
            return ChangeResult(first, after, tuple(notes))
        notes.append(f"version {hidden.version} was written meanwhile; the change was made again on top of it")
        before, base = after, hidden.text
    raise CommandError(f"Others keep changing {name}; gave up after {ATTEMPTS} attempts.", 3)


def _give_back(parameters: Parameters, hidden: Stored, written: Stored) -> None:
    """Write somebody else's version again that ours hides, because the change is not made on top of it."""
    if is_unchanged(written, parameters.get(written.name)):
        parameters.put(written.name, hidden.text, written)


def replace(parameters: Parameters, name: str, text: str, before: Stored | None, new_type: ParameterType) -> Stored:
    """Write a whole new text in place of the version ``before``.

    Raises:
        CommandError: ``before`` is not what is there now. Nothing was written.
        OverwrittenError: somebody else wrote in the same moment, and that is replaced.
    """
    latest = parameters.get(name)
    if not is_unchanged(before, latest):
        raise CommandError(f"{name} was not written: {_meanwhile(before, latest)}. Look again.")
    try:
        after = parameters.put(name, text, before, new_type)
    except Conflict:
        raise CommandError(f"{name} was not written: the parameter was created meanwhile. Look again.") from None
    if before is not None and after.version == 1:
        raise OverwrittenError(
            f"{name} was deleted by somebody else in the same moment, and is now created again as version 1.", after
        )
    if after.version != _version(before) + 1:
        raise OverwrittenError(
            f"{name}: version {after.version - 1} was written by somebody else in the same moment and is now replaced"
            f" by version {after.version}. It is still in the history: edgecors diff, edgecors rollback.",
            after,
        )
    return after


def delete(parameters: Parameters, before: Stored) -> None:
    """Delete a parameter. Raises `CommandError` if ``before`` is not what is there now; nothing was deleted then."""
    latest = parameters.get(before.name)
    if latest is not None and not is_unchanged(before, latest):
        raise CommandError(f"{before.name} was not deleted: {_meanwhile(before, latest)}. Look again.")
    if latest is None or not parameters.delete(before.name):
        raise CommandError(f"{before.name} was deleted by somebody else in the meantime.")


def check_unchanged(parameters: Parameters, expected: Iterable[tuple[str, Stored | None]]) -> None:
    """Raises `CommandError` if a parameter is not what was read (None: there was none), before anything is written."""
    before = dict(expected)
    latest = parameters.get_many(before)
    changed = [(name, stored) for name, stored in before.items() if not is_unchanged(stored, latest[name])]
    if changed:
        reasons = "; ".join(f"{name}: {_meanwhile(stored, latest[name])}" for name, stored in changed)
        raise CommandError(f"Nothing was written, because somebody else was faster. {reasons}. Look again.")


def is_unchanged(before: Stored | None, latest: Stored | None) -> bool:
    """Whether what is there is what was read. The date is not compared: a version that was just written has none."""
    if before is None or latest is None:
        return before is latest
    return (before.version, before.type, before.value) == (latest.version, latest.type, latest.value)


def _version(stored: Stored | None) -> int:
    return 0 if stored is None else stored.version


def _meanwhile(before: Stored | None, latest: Stored | None) -> str:
    if latest is None:
        return "the parameter was deleted meanwhile"
    if before is None:
        return "the parameter was created meanwhile"
    if latest.version <= before.version:
        return f"the parameter was deleted and created again meanwhile (version {latest.version})"
    return f"version {latest.version} was written meanwhile (read was {before.version})"
