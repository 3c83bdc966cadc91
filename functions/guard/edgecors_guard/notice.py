"""What people are told, in words that say what to do."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from .change import LISTS, Change
from .parameters import Version
from .review import Found

_MOST_SUBJECT = 100
_MOST_FOUND = 20
_MOST_NAMED = 20


@dataclass(frozen=True)
class Notice:
    """An e-mail: SNS takes subjects of at most 100 ASCII characters."""

    subject: str
    text: str


def invalid(change: Change, version: Version, errors: tuple[Found, ...], done: str) -> Notice:
    """An invalid value, and what was done about it."""
    return _notice(f"invalid: {change.short}", f"Version {version.number} of {change.name} is invalid:", errors, done)


def reverted(change: Change, bad: int, good: int, written: int, errors: tuple[Found, ...]) -> Notice:
    """An invalid value that is gone again."""
    head = f"Version {bad} of {change.name} was invalid, and version {good} was put back as version {written}."
    head += " What was wrong:" if errors else f" Version {bad} is not kept any more."
    done = (
        f"Version {bad} is still in the parameter's history. Should you write the same value once more, it is left as "
        "it is; other Regions keep the good one."
    )
    return _notice(f"put back: {change.short}", head, errors, done)


def skipped(change: Change, version: Version, found: tuple[Found, ...]) -> Notice:
    """Entries that are left out of a value that is good otherwise."""
    head = f"Version {version.number} of {change.name} is in use, but for entries that are left out:"
    return _notice(f"entries skipped: {change.short}", head, found, "Correct or remove these entries.")


def widened(change: Change, version: Version, found: tuple[Found, ...]) -> Notice:
    """A site that is open to everyone now."""
    head = f"Version {version.number} of {change.name} opens it to everyone:"
    done = f"If that was not meant: edgecors history {change.short}, then edgecors rollback {change.short} VERSION."
    return _notice(f"open to everyone: {change.short}", head, found, done)


def list_gone(change: Change, users: Iterable[Version]) -> Notice:
    """A list that was deleted though policies name it."""
    sites = [site.short for site in users]
    named = ", ".join(sites[:_MOST_NAMED]) + (" ..." if len(sites) > _MOST_NAMED else "")
    head = f"{change.name} was deleted, but policies still name @{change.short}: {named}. It allows nobody there."
    return _notice(f"list deleted: {change.short}", head, (), "Create it again, or take it out of these policies.")


def _notice(subject: str, head: str, found: tuple[Found, ...], end: str) -> Notice:
    lines = [head, *(f"  - {one}" for one in found[:_MOST_FOUND])]
    if len(found) > _MOST_FOUND:
        lines.append(f"  - and {len(found) - _MOST_FOUND} more")
    return Notice(f"edgecors {subject}"[:_MOST_SUBJECT], "\n".join((*lines, "", end)))


def what_was_left(change: Change, why: str) -> str:
    """The end of a notice about an invalid value that stays."""
    name = f"@{change.short}" if change.kind == LISTS else change.short
    return (
        f"{why} Replicas in other Regions hold the last good version. Functions that have a good version go on with "
        f"it, new ones may have none.\n"
        f"What to do: edgecors lint {name}, edgecors history {name}, edgecors rollback {name} VERSION."
    )
